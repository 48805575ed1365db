package main

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestBrowserWalksTheClaim walks C1 to C11 and the return visit in a real browser across the two host names of the
// sandbox, under the shipped headers: with scripts off and with scripts on, each form once wrong and once right, each
// page looked at in both colour schemes and at 320 px. Once more with the accounts in PostgreSQL.
func TestBrowserWalksTheClaim(t *testing.T) {
	b := newBrowser(t)
	rules := axeRules(t)
	for _, walk := range []struct {
		name     string
		look     look
		postgres bool
	}{{"script-off", look{scriptOff: true}, false}, {"script-on", look{}, false}, {"postgres", look{scriptOff: true}, true}} {
		t.Run(walk.name, func(t *testing.T) {
			t.Parallel()
			database, rules := "", rules
			if walk.postgres {
				database, rules = newCluster(t).dsn(), "" // the pages look the same
			}
			sb := startSandboxOn(t, database)
			p := newPerson(t, b, sb, walk.look)
			p.rules, p.pictures = rules, "walk-"+walk.name
			p.sentByPartner()
			p.secures()
			p.decides()
			p.returns()

			other := newPerson(t, b, sb, walk.look)
			other.email, other.key, other.rules, other.pictures = p.email, p.key, rules, "return-"+walk.name
			other.signsIn()
			for _, id := range []string{"c1", "c2", "c3", "c4", "c5", "c7", "c8", "c9.address", "c10", "c11", "r5", "r1", "r2"} {
				if !slices.Contains(append(p.seen, other.seen...), id) {
					t.Errorf("nobody stood on page %s", id)
				}
			}
		})
	}
}

// secures is C1 to C7.
func (p *person) secures() {
	p.t.Helper()
	p.at("c1")
	p.refused("c1", "c1.email.empty")
	p.fill("email", "somebody.else@example.org")
	p.refused("c1", "c1.email.other")
	p.fill("email", p.email)
	p.press("main form .primary")

	p.at("c2")
	p.fill("code", "12 34")
	p.refused("c2", "c2.code.format")
	code := p.mailedCode()
	p.fill("code", code[:3]+" "+code[3:])
	p.press("main form .primary")

	p.at("c3")
	p.fill("new_password", "short")
	p.refused("c3", "c3.password.short")
	if evaluate[string](p.tab, `document.querySelector("[name=new_password]").value`) != "" {
		p.t.Error("the page gives a password back")
	}
	p.fill("new_password", p.password)
	p.press("main form .primary")

	p.at("c4")
	p.press("main form .primary")

	p.at("c5")
	p.refused("c5", "c5.code.empty")
	p.fill("code", p.appCode())
	p.press("main form .primary")

	p.at("c7")
	p.refused("c7", "c7.saved.empty")
	if n := evaluate[int](p.tab, `document.querySelectorAll("#codes code").length`); n != 10 {
		p.t.Errorf("%d recovery codes", n)
	}
	p.click("[name=saved]")
	p.press("main form .primary")
}

// decides is C8 to C11, and back to the partner.
func (p *person) decides() {
	p.t.Helper()
	p.at("c8")
	p.refused("c8", "c8.missing.address")
	p.press(`a[href$="/review/address"]`)
	p.at("c9.address")
	p.fill("postal_code", "EH6 6AB")
	p.press("main form .primary")
	p.at("c8")
	p.press("main form .primary")
	p.at("c10")
	p.backAtPartner("Allow", chromedp.Click(chromedp.CSS(`[name=decision][value=allow]`)))
}

// returns is the visit without a code in the browser that is still signed in: R5, and back.
func (p *person) returns() {
	p.t.Helper()
	p.visit(p.sb.demoURL + "/return")
	p.press("main form .primary")
	p.at("r5")
	p.backAtPartner("Continue", chromedp.Click(chromedp.CSS("main form .primary")))
}

// signsIn is the visit without a code in a browser that knows nobody: R1, R2, and back, since what was allowed stands.
func (p *person) signsIn() {
	p.t.Helper()
	p.visit(p.sb.demoURL + "/return")
	p.press("main form .primary")
	p.at("r1")
	p.fill("email", p.email)
	p.fill("password", "not the password")
	p.refused("r1", "r1.mismatch")
	p.fill("email", p.email)
	p.fill("password", p.password)
	p.press("main form .primary")
	p.at("r2")
	p.fill("code", p.nextAppCode())
	p.backAtPartner("Sign in", chromedp.Click(chromedp.CSS("main form .primary")))
}

// TestBrowserKeyboardAlone walks the whole claim without a mouse: Tab to each control, type, Space, Enter. The focus is
// visible wherever it stops.
func TestBrowserKeyboardAlone(t *testing.T) {
	b := newBrowser(t)
	p := newPerson(t, b, startSandbox(t), look{scriptOff: true})
	p.sentByPartner()
	p.at("c1")
	p.tabTo(`[name=email]`)
	p.keys(p.email)
	p.tabTo(`[name=more_time]`)
	p.keys(" ")
	p.enter("main form .primary")
	p.at("c2")
	p.tabTo(`[name=code]`)
	p.keys(p.mailedCode())
	p.enter(`[name=code]`) // Enter in a field sends the form by its first button
	p.at("c3")
	p.tabTo(`[name=new_password]`)
	p.keys(p.password)
	p.enter("main form .primary")
	p.at("c4")
	p.enter("main form .primary")
	p.at("c5")
	code := p.appCode()
	p.tabTo(`[name=code]`)
	p.keys(code)
	p.enter(`[name=code]`)
	p.at("c7")
	p.enter("main form .primary") // forgotten: the box
	p.at("c7")
	evaluate[string](p.tab, `document.body.dataset.same = "yes"`)
	p.enter(".problems a") // the summary has the focus, its link leads to the box
	p.keys(" ")
	if !p.holds(`document.activeElement.checked === true`) {
		t.Error("Space does not tick the box")
	}
	if !evaluate[bool](p.tab, `document.body.dataset.same === "yes"`) {
		t.Error("the link to the box has sent the form")
	}
	p.enter("main form .primary")
	p.at("c8")
	p.enter(`a[href$="/review/address"]`)
	p.at("c9.address")
	p.tabTo(`[name=postal_code]`)
	p.keys("EH6 6AB")
	p.enter(`[name=postal_code]`)
	p.at("c8")
	p.enter("main form .primary")
	p.at("c10")
	p.tabTo(`[name=decision][value=allow]`)
	p.backAtPartner("Allow", chromedp.KeyEvent(kb.Enter))
}

// tabTo presses Tab until the focus is on the control, as far as a person would.
func (p *person) tabTo(selector string) {
	p.t.Helper()
	for range 40 {
		if evaluate[bool](p.tab, fmt.Sprintf("document.activeElement.matches(%q)", selector)) {
			return
		}
		p.keys(kb.Tab)
		if where := evaluate[string](p.tab, unmarkedFocus); where != "" {
			p.t.Errorf("the focus does not show on %s", where)
		}
	}
	p.t.Fatalf("40 times Tab do not lead to %s", selector)
}

// unmarkedFocus is the focused control when nothing marks it: no outline of 3 px on it (journey 2), or when it is outside
// the window.
const unmarkedFocus = `(() => {
	const e = document.activeElement, s = getComputedStyle(e), r = e.getBoundingClientRect();
	const marked = s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 3;
	const inside = r.bottom > 0 && r.top < innerHeight && r.right > 0 && r.left < innerWidth;
	return e === document.body || (marked && inside) ? "" : e.outerHTML.slice(0, 120) + " " + s.outline;
})()`

// keys presses keys as a keyboard does, each by one event with its text. The library sends the text after it by itself: where the key moves the focus, it
// comes to another control, and Enter on a box sends the form.
func (p *person) keys(text string) {
	p.t.Helper()
	for _, r := range text {
		key, known := kb.Keys[r]
		if !known {
			p.t.Fatalf("no key has %q", r)
		}
		event := input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyDown, Key: key.Key, Code: key.Code, WindowsVirtualKeyCode: key.Windows,
			NativeVirtualKeyCode: key.Native, Text: key.Text, UnmodifiedText: key.Unmodified}
		if key.Shift {
			event.Modifiers = int64(chromedp.ModifierShift)
		}
		_, err := chromedp.Call(p.ctx, input.DispatchKeyEvent, event)
		p.must("press a key", err)
		event.Type, event.Text, event.UnmodifiedText = input.DispatchKeyEventTypeKeyUp, "", ""
		_, err = chromedp.Call(p.ctx, input.DispatchKeyEvent, event)
		p.must("let a key go", err)
	}
}

// enter goes to a control by Tab and presses Enter there. A link within the page does not load another.
func (p *person) enter(selector string) {
	p.t.Helper()
	p.tabTo(selector)
	if evaluate[bool](p.tab, `(document.activeElement.getAttribute("href") || "").startsWith("#")`) {
		p.keys(kb.Enter)
		if !p.holds(`location.hash.length > 1 && document.activeElement.id === location.hash.slice(1)`) {
			p.t.Fatalf("the link %s does not move the focus", selector)
		}
		return
	}
	p.arrive("Enter on "+selector, chromedp.KeyEvent(kb.Enter))
}

// TestBrowserForgives does what people do: click twice, go back, reload a form that was sent, come in a second tab. No
// step is lost and nothing is asked twice.
func TestBrowserForgives(t *testing.T) {
	b := newBrowser(t)
	for _, walk := range []struct {
		name     string
		look     look
		postgres bool
	}{{"script-off", look{scriptOff: true}, false}, {"script-on", look{}, false}, {"postgres", look{scriptOff: true}, true}} {
		t.Run(walk.name, func(t *testing.T) {
			t.Parallel()
			p := newPerson(t, b, startSandbox(t), walk.look)
			p.sentByPartner()
			p.fill("email", p.email)
			p.arrive("a double click on Start", chromedp.DoubleClick(chromedp.CSS("main form .primary")))
			p.at("c2")
			var letters []struct{ Kind string }
			p.ask(http.MethodGet, "/dev/mail.json?to="+url.QueryEscape(p.email), "", &letters)
			if len(letters) != 1 {
				t.Errorf("a double click on Start sent %d mails", len(letters))
			}
			p.fill("code", p.mailedCode())
			p.press("main form .primary")
			p.at("c3")
			here := evaluate[string](p.tab, "location.href")
			p.must("go back", chromedp.Do(p.ctx, chromedp.NavigateBack()))
			p.at("done")
			p.press("main .primary")
			p.at("c3")
			p.fill("new_password", p.password)
			p.press("main form .primary")
			p.at("c4")
			p.must("reload", chromedp.Do(p.ctx, chromedp.Reload()))
			p.at("c4")
			second := p.secondTab()
			second.visit(here) // the address of a finished step, from the history
			second.at("done")
			second.press("main .primary")
			second.at("c4")
			second.press("main form .primary")
			second.at("c5")
			p.press("main form .primary") // the first tab still shows C4
			p.at("c5")
		})
	}
}

// TestBrowserScanners opens one link as mail scanners and link previews do, with scripts and without, before the person
// does: ten browsers that press what they see. The link stays good, and no mail goes out.
func TestBrowserScanners(t *testing.T) {
	b := newBrowser(t)
	p := newPerson(t, b, startSandbox(t), look{})
	p.knownToPartner()
	p.press(`[name=look]`)
	link := evaluate[string](p.tab, `document.querySelector("[aria-label='Authorize address']").textContent`)
	for i := range 10 {
		scanner := newPerson(t, b, p.sb, look{scriptOff: i%2 == 0})
		if status := scanner.visit(link); status != http.StatusOK {
			t.Fatalf("scanner %d: status %d", i, status)
		}
		scanner.press("main form .primary")
		scanner.at("c1")
		scanner.visit(evaluate[string](scanner.tab, `document.querySelector("a[href$='/not-me']").href`))
	}
	var letters []struct{ Kind string }
	p.ask(http.MethodGet, "/dev/mail.json?to="+url.QueryEscape(p.email), "", &letters)
	if len(letters) != 0 {
		t.Errorf("scanners caused %d mails", len(letters))
	}
	p.visit(link)
	p.at("c1")
	p.fill("email", p.email)
	p.press("main form .primary")
	p.at("c2")
	p.fill("code", p.mailedCode())
	p.press("main form .primary")
	p.at("c3")
}
