package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// startSandbox runs a sandbox of its own on free ports until the test ends.
func startSandbox(t *testing.T) *sandbox {
	t.Helper()
	return startSandboxOn(t, "")
}

// startSandboxOn is startSandbox with its accounts in a PostgreSQL database, or in a file of its own where none is named.
func startSandboxOn(t *testing.T, database string) *sandbox {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	sb, err := newSandbox(t.Context(), sandboxOptions{addr: "localhost:0", demoAddr: "127.0.0.1:0", database: database, log: log,
		deviates: func(err error) { t.Error("not as described:", err) }})
	if err != nil {
		t.Fatal(err)
	}
	serve(t, sb, func(ctx context.Context) error { return sb.run(ctx, log) })
	return sb
}

// serve runs a sandbox beside the test and closes it at the end.
func serve(t *testing.T, sb *sandbox, run func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error("the sandbox ended:", err)
		}
		if err := sb.close(); err != nil {
			t.Error("close the sandbox:", err)
		}
	})
}

// person is a customer of the demo partner with a browser, a mailbox and an authenticator app.
type person struct {
	*tab
	sb       *sandbox
	rules    string // axe-core; empty looks at nothing
	pictures string // where their pages are kept, under the screenshots
	email    string
	password string
	key      string
	seen     []string // the ids of the pages they stood on
}

// ask uses the sandbox's JSON doors, as the customer's mail program and authenticator app.
func (p *person) ask(method, path, body string, into any) {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, p.sb.url+path, strings.NewReader(body))
	p.must("ask the sandbox", err)
	answer, err := http.DefaultClient.Do(r)
	p.must("ask the sandbox", err)
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		p.t.Fatalf("%s %s: status %d", method, path, answer.StatusCode)
	}
	p.must("read the sandbox's answer", json.NewDecoder(answer.Body).Decode(into))
}

// mailedCode is the code in the newest mail that has one.
func (p *person) mailedCode() string {
	p.t.Helper()
	var letters []struct{ Kind, Text string }
	p.ask(http.MethodGet, "/dev/mail.json?to="+url.QueryEscape(p.email), "", &letters)
	for _, l := range letters {
		if code := regexp.MustCompile(`(?m)\b\d{4} \d{4} \d{4}\b|\b\d{6}\b`).FindString(l.Text); l.Kind == "M2" && code != "" {
			return code
		}
	}
	p.t.Fatalf("no mail with a code for %s", p.email)
	return ""
}

// appCode gives the key on page C5 to the authenticator.
func (p *person) appCode() string {
	p.t.Helper()
	p.key = strings.Join(strings.Fields(evaluate[string](p.tab, `document.querySelector(".key code").textContent`)), "")
	var code struct{ Code string }
	p.ask(http.MethodPost, "/dev/authenticator.json", fmt.Sprintf(`{"key":%q,"name":%q}`, p.key, p.email), &code)
	return code.Code
}

// nextAppCode waits, by the sandbox's clock, until the app shows another code.
func (p *person) nextAppCode() string {
	p.t.Helper()
	var ignored map[string]any
	p.ask(http.MethodPost, "/dev/clock.json", `{"advance":"31s"}`, &ignored)
	var codes []struct{ Key, Code string }
	p.ask(http.MethodGet, "/dev/authenticator.json", "", &codes)
	for _, c := range codes {
		if c.Key == p.key {
			return c.Code
		}
	}
	p.t.Fatal("the authenticator forgot the account")
	return ""
}

// at fails the test unless the page with this id is shown and quiet, and looks at it in every way.
func (p *person) at(id string) {
	p.t.Helper()
	shown, address := evaluate[string](p.tab, "document.body.dataset.page || ''"), evaluate[string](p.tab, "location.href")
	if shown != id {
		problem := evaluate[string](p.tab, "document.body.dataset.error || document.title")
		p.t.Fatalf("at page %q (%s, %s), want %q", shown, address, problem, id)
	}
	p.seen = append(p.seen, id)
	p.quiet(id)
	if p.rules == "" {
		return
	}
	was := p.look
	defer p.set(was)
	for _, s := range seen {
		look := s.look
		look.scriptOff = was.scriptOff
		p.set(look)
		p.accessible(id+" "+s.name, p.rules)
		p.picture(fmt.Sprintf("%s/%02d-%s-%s", p.pictures, len(p.seen), id, s.name))
	}
}

// press clicks on something that leads to another page and waits until that has loaded.
func (p *person) press(selector string) {
	p.t.Helper()
	p.arrive(selector, chromedp.Click(chromedp.CSS(selector)))
}

// arrive does something that leads to another page and waits until that has loaded.
func (p *person) arrive(what string, action chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if _, err := chromedp.RunResponse(ctx, action); err != nil {
		p.t.Fatalf("%s leads to no page: %v", what, err)
	}
}

// fill types into a field in place of what is there.
func (p *person) fill(name, text string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	field := chromedp.CSS(fmt.Sprintf("[name=%q]", name))
	p.must("fill in "+name, chromedp.Do(ctx, chromedp.Focus(field), chromedp.KeyEvent("a", chromedp.KeyModifiers(chromedp.ModifierCtrl)),
		chromedp.KeyEvent(kb.Delete)))
	if text != "" {
		p.must("fill in "+name, chromedp.Do(ctx, chromedp.SendKeys(field, text)))
	}
	if got := evaluate[string](p.tab, fmt.Sprintf("document.querySelector('[name=%q]').value", name)); got != text {
		p.t.Fatalf("typed %q into %s, and it holds %q", text, name, got)
	}
}

// click ticks a box or chooses.
func (p *person) click(selector string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	p.must("click "+selector, chromedp.Do(ctx, chromedp.Click(chromedp.CSS(selector))))
}

// refused presses the page's button and fails the test unless the same page comes back with this problem, said in the
// title, in the summary that has the focus, and beside the field.
func (p *person) refused(id, problem string) {
	p.t.Helper()
	p.press("main form .primary")
	p.at(id)
	if got := evaluate[string](p.tab, "document.body.dataset.error || ''"); got != problem {
		p.t.Errorf("%s: problem %q, want %q", id, got, problem)
	}
	if title := evaluate[string](p.tab, "document.title"); !strings.HasPrefix(title, "Error: ") {
		p.t.Errorf("%s: the title is %q", id, title)
	}
	if !evaluate[bool](p.tab, `[...document.querySelectorAll(".problems a")].every(a => document.querySelector(a.getAttribute("href")))`) {
		p.t.Errorf("%s: the summary links to what is not there", id)
	}
	if !p.holds(`document.activeElement.matches(".problems")`) {
		p.t.Fatalf("%s: the focus is on %s", id, evaluate[string](p.tab, "document.activeElement.outerHTML.slice(0, 80)"))
	}
}

// secondTab opens another tab of the same browser, with the same cookies.
func (p *person) secondTab() *person {
	p.t.Helper()
	ctx, cancel := chromedp.NewContext(p.ctx)
	p.t.Cleanup(cancel)
	second := *p
	second.tab = openTab(p.t, ctx, p.look)
	return &second
}

// leaves does what leads through C11, which leaves by itself, and waits until a page of the partner has loaded.
func (p *person) leaves(what string, action chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	passed := make(chan string, 16)
	p.must("listen", chromedp.Listen(ctx, func(event any) {
		if e, is := event.(*page.EventFrameNavigated); is && e.Frame.ParentID == "" {
			select {
			case passed <- e.Frame.URL:
			default: // more pages than anybody wants; the test fails by what it saw
			}
		}
	}))
	loaded := make(chan struct{}, 16)
	p.must("listen", chromedp.Listen(ctx, func(event any) {
		if _, is := event.(*page.EventLoadEventFired); is {
			select {
			case loaded <- struct{}{}:
			default:
			}
		}
	}))
	p.must(what, chromedp.Do(ctx, action))
	var through []string
	for {
		select {
		case address := <-passed:
			through = append(through, address)
			continue
		case <-loaded:
		case <-ctx.Done():
			p.t.Fatalf("%s did not lead back to the partner; passed through %q", what, through)
		}
		if len(through) > 0 && strings.HasPrefix(through[len(through)-1], p.sb.demoURL+"/") {
			break
		}
	}
	if !slices.ContainsFunc(through, func(a string) bool { return strings.HasSuffix(a, "/return") && strings.HasPrefix(a, p.sb.url) }) {
		p.t.Errorf("came back without C11: %q", through)
	}
	p.seen = append(p.seen, "c11")
}

// backAtPartner does what leads through C11 to the partner's page that exchanges the code.
func (p *person) backAtPartner(what string, action chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	p.leaves(what, action)
	rules := p.rules
	p.rules = "" // the partner's page is not ours to judge
	p.at("demo4")
	p.rules = rules
	if text := evaluate[string](p.tab, "document.querySelector('main').innerText"); !strings.Contains(text, "State checked, code exchanged") {
		p.t.Errorf("page 4 of the demo says %q", text)
	}
}

// newPerson opens a browser for a customer whose password nobody has guessed.
func newPerson(t *testing.T, b *browser, sb *sandbox, l look) *person {
	return &person{tab: b.tab(t, l), sb: sb, password: "seven quiet harbour lanterns"}
}

// sentByPartner goes through pages 1 to 3 of the demo partner, which opens an account, says what it knows but for the
// postcode, mints a code and sends the browser to C1.
func (p *person) sentByPartner() {
	p.t.Helper()
	p.knownToPartner()
	p.press(`[name=go]`)
	if address := evaluate[string](p.tab, "location.href"); strings.Contains(address, "claim_account_code") || !strings.HasPrefix(address, p.sb.url) {
		p.t.Errorf("C1 stands at %s", address)
	}
}

// knownToPartner goes through pages 1 and 2, to page 3.
func (p *person) knownToPartner() {
	p.t.Helper()
	p.visit(p.sb.demoURL + "/")
	p.email = evaluate[string](p.tab, `document.querySelector("[name=email]").value`)
	p.press("main form .primary")
	p.visit(p.sb.demoURL + "/details")
	p.click("#leave-postcode")
	p.press("main form .primary")
	p.visit(p.sb.demoURL + "/go")
}
