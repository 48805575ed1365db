package web_test

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
)

// full reports whether the long variants are asked for.
func full() bool { return os.Getenv("LATCHKEY_FULL") != "" }

// A taker is a page or a form as the list of routes has it.
type taker struct{ method, pattern string }

// takes says which credential opens the pages below a path, the longest first.
var takes = []struct{ below, credential string }{
	{"/signin/recovery-code", "half a session"}, {"/signin/recovered", "session"}, {"/forgot/code", "recovery"}, {"/forgot/second-step", "recovery"},
	{"/forgot/recovery-code", "recovery"}, {"/forgot/lost", "recovery"}, {"/forgot/password", "recovery"}, {"/forgot/new", "recovery"}, {"/forgot", "none"},
	{"/recovery/{link}", "link"}, {"/recovery-stopped", "none"},
	{"/signin/confirm", "session"}, {"/signin/second-step", "half a session"}, {"/account", "session"}, {"/access", "session"}, {"/details", "session"},
	{"/security", "session"}, {"/activity", "session"}, {"/close", "session"}, {"/j/{jid}", "journey"}, {"/check/{link}", "link"},
	{"/objection/{link}", "link"}, {"/oauth/authorize", "code"}, {"/signin", "none"}, {"/signout", "none"}, {"/objected", "none"}, {"/help", "none"},
	{"/privacy", "none"}, {"/accessibility", "none"},
}

// listed finds the routes in the program's own text.
var listed = regexp.MustCompile(`\b(get|post)\("(/[^"]*)", `)

// takers are all pages and forms, by the credential that opens them: a route in no row of takes fails the test.
func takers(t *testing.T) map[string][]taker {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	all, n := map[string][]taker{}, 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range listed.FindAllStringSubmatch(string(text), -1) {
			i := slices.IndexFunc(takes, func(x struct{ below, credential string }) bool {
				return found[2] == x.below || strings.HasPrefix(found[2], x.below+"/")
			})
			if i < 0 {
				t.Errorf("%s %s: say which credential it takes", found[1], found[2])
				continue
			}
			n++
			all[takes[i].credential] = append(all[takes[i].credential], taker{strings.ToUpper(found[1]), strings.ReplaceAll(found[2], "{$}", "")})
		}
	}
	if n < 60 {
		t.Fatalf("only %d routes were found", n)
	}
	return all
}

// at is the path of a route for a browser: its own journey, and what else the browser's pages link to.
func (x taker) at(b *browser, journey string) string {
	path := strings.Replace(x.pattern, "/j/{jid}", journey, 1)
	path = strings.NewReplacer("{section}", "name", "{file}", "1", "{passkey}", "1", "{session}", "1", "{device}", "1").Replace(path)
	if before, _, wild := strings.Cut(path, "{"); wild {
		for _, link := range b.tab().get(strings.TrimSuffix(before, "/")).links() {
			if rest, below := strings.CutPrefix(link, before); below && rest != "" {
				return link
			}
		}
		path = before + "1"
	}
	return path
}

// A late form is one that was on a page while its credential lived.
type late struct {
	taker
	path string
	form url.Values
}

// reads opens all pages of the routes while the credential lives, and keeps the forms on them.
func (b *browser) reads(all []taker, journey string) (forms []late) {
	b.w.t.Helper()
	var any url.Values // where a route has no page of its own to show, the token of another one
	for _, x := range all {
		l := late{taker: x, path: x.at(b, journey)}
		tab := b.tab().get(l.path)
		if find(tab.doc, func(n *htmlNode) bool { return n.Data == "form" }) != nil && tab.status == http.StatusOK {
			_, l.form = tab.form()
			any = l.form
		}
		forms = append(forms, l)
	}
	for i := range forms {
		if forms[i].form == nil {
			forms[i].form = any
		}
	}
	return forms
}

// refused sends everything with the dead cookie, and fails where a page tells anything or a form changes anything.
func (w *world) refused(what, cookie string, o opened, forms []late, canaries ...string) {
	w.t.Helper()
	before := w.stored(o.account.ID)
	for _, l := range forms {
		b := w.browser().keep(cookie)
		if l.method == http.MethodGet {
			b.get(l.path)
		} else {
			form := url.Values{}
			for name, values := range l.form {
				form[name] = values
			}
			for name, value := range map[string]string{"decision": "allow", "saved": "yes", "email": o.account.Email, "password": goodPassword, "new_password": goodPassword, "method": "app"} {
				form.Set(name, value)
			}
			b.send(l.path, form)
		}
		nothing := b.status >= 400 || b.id == "r1" || b.id == "r4" || b.id == "c1" || b.id == "r2" && l.method == http.MethodGet || b.id == "c11" && !strings.Contains(b.header.Get("Link"), "code=")
		if !nothing {
			w.t.Errorf("%s: %s %s leads to page %q with %d: %s", what, l.method, l.path, b.id, b.status, b.says())
		}
		for _, canary := range canaries {
			if told(b.body, canary) {
				w.t.Errorf("%s: %s %s tells %s", what, l.method, l.path, canary)
			}
		}
	}
	if after := w.stored(o.account.ID); after != before {
		w.t.Errorf("%s: the account changed from %s\nto %s", what, before, after)
	}
}

// signOut presses the button of the customer's home.
func (w *world) signOut(b *browser) {
	w.t.Helper()
	tab := b.tab().get("/account").expect(http.StatusOK, "home")
	_, form := tab.form()
	if tab.send("/signout", form); tab.status >= 400 {
		w.t.Fatalf("signing out leads to %q", tab.id)
	}
}

// some are the routes that are tried with the death of that number: in the quick run each route meets two of them.
func some[T any](all []T, death, deaths int) (part []T) {
	for i, x := range all {
		if full() || i%deaths == death || (i+1)%deaths == death {
			part = append(part, x)
		}
	}
	return part
}

// Issue 4 line 5, for the pages: a session that is over, in whichever way, opens none that takes one and no form of one is applied,
// however the form was obtained while it lived; nothing is told and nothing changes.
func TestDeadSessions(t *testing.T) {
	t.Parallel()
	all := takers(t)
	routes := slices.Concat(all["session"], all["half a session"], all["journey"])
	deaths := []struct {
		name string
		kill func(w *world, o opened, b *browser)
	}{
		{"signed out", func(w *world, _ opened, b *browser) { w.signOut(b) }},
		{"silence", func(w *world, _ opened, _ *browser) { w.clock.advance(customer.IdleLife) }},
		{"a hold", func(w *world, o opened, _ *browser) { w.holdAccount(o.account.ID) }},
		{"the operator's hold, and its release", func(w *world, o opened, _ *browser) {
			_, err := w.customers.Hold(context.Background(), o.account.ID)
			_, err2 := w.customers.Release(context.Background(), o.account.ID)
			if err != nil || err2 != nil {
				w.t.Fatal(err, err2)
			}
		}},
		{"a higher session epoch, as a new password, another factor and signing out everywhere raise it", func(w *world, o opened, _ *browser) {
			w.change(o, func(_ claim.Tx, a *customer.Account) error { a.SessionEpoch++; return nil })
		}},
		{"a higher epoch, as recovery, a new address, closing and erasing raise it", func(w *world, o opened, _ *browser) {
			w.change(o, func(_ claim.Tx, a *customer.Account) error { a.Epoch++; return nil })
		}},
		{"the link of mail M1", func(w *world, o opened, _ *browser) { w.browser().get(w.objection(o.account.Email)).post() }},
	}
	for i, d := range deaths {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			o, b := w.owned(email, "c11")
			forms := b.reads(some(routes, i, len(deaths)), b.base())
			cookie := b.cookie()
			if b.tab().get("/account").id != "home" {
				t.Fatal("the session does not live")
			}
			d.kill(w, o, b)
			w.refused(d.name, cookie, o, forms, "Kade", "Harbour Row", "1988")
		})
	}
}

// The same of a session between password and second step, of one that ended with its whole time, and of cookies that are no more
// than somebody's: they are refused at every route that takes one.
func TestDeadCookies(t *testing.T) {
	t.Parallel()
	all := takers(t)
	routes := slices.Concat(all["session"], all["journey"])
	w := newWorld(t)
	o, b := w.owned(email, "c11")
	forms := b.reads(routes, b.base())
	half := w.browser().get("/signin").post("email", email, "password", goodPassword).expect(http.StatusOK, "r2").cookie()
	dead := map[string]string{"half a session": half, "cut": b.cookie()[:len(b.cookie())-4], "of another server": otherCookie(t), "none": ""}
	names := []string{"half a session", "cut", "of another server", "none"}
	for i, name := range names {
		w.refused(name, dead[name], o, some(forms, i, len(names)), "Kade", "Harbour Row", "1988")
	}
	w.clock.advance(customer.SignInLife)
	w.refused("half a session, too late", half, o, w.browser().keep(half).reads(all["half a session"], b.base()), "Kade", email)
}

// A journey that is over takes no step before the commit, whatever ended it, and shows nothing of what was set up on it.
func TestDeadJourneys(t *testing.T) {
	t.Parallel()
	routes := takers(t)["journey"]
	deaths := []struct {
		name string
		kill func(w *world, o opened, b *browser)
	}{
		{"another browser proved the mailbox", func(w *world, o opened, _ *browser) { w.browser().claim(o, "s").walk("c3", email) }},
		{"another browser claimed the account", func(w *world, o opened, _ *browser) { w.browser().claim(o, "s").walk("c8", email) }},
		{"silence", func(w *world, _ opened, _ *browser) { w.clock.advance(customer.IdleLife) }},
		{"the operator's hold", func(w *world, o opened, _ *browser) {
			if _, err := w.customers.Hold(context.Background(), o.account.ID); err != nil {
				w.t.Fatal(err)
			}
		}},
		{"the address moved", func(w *world, o opened, _ *browser) {
			if _, err := w.customers.SetContactEmail(context.Background(), o.caller, "mira@example.com"); err != nil {
				w.t.Fatal(err)
			}
		}},
		{"This isn't me", func(w *world, _ opened, b *browser) { b.tab().get(b.base() + "/not-me").post() }},
	}
	for i, d := range deaths {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			o := w.open(w.partner, email)
			w.prefill(o)
			b := w.browser().claim(o, "s").walk("c7", email)
			codes := b.journey().RecoveryTexts
			forms := b.reads(some(routes, i, len(deaths)), b.base())
			cookie := b.cookie()
			d.kill(w, o, b)
			w.refused(d.name, cookie, o, forms, codes[0], codes[9])
			if a := w.account(o.account.ID); d.name != "another browser claimed the account" && a.State == customer.Claimed {
				t.Error("a dead journey commits")
			}
		})
	}
}

// A link that was used, replaced or whose time is over opens nothing: claim codes and the tickets that they opened, links to
// reviews, and that of mail M1. Each route below takes one of them; a kind without a row fails.
func TestDeadLinks(t *testing.T) {
	t.Parallel()
	kinds := map[string]bool{}
	for _, x := range slices.Concat(takers(t)["link"], takers(t)["code"]) {
		kinds[strings.SplitN(x.pattern, "/", 3)[1]] = true
	}
	rows := []struct {
		kind, name string
		// dies makes a link and ends it; "" is after it.
		dies func(w *world, o opened) (path string)
	}{
		{"oauth", "run out", func(w *world, o opened) string { return w.aging(o, 5*time.Minute) }},
		{"oauth", "replaced", func(w *world, o opened) string { path := w.aging(o, time.Second); w.mint(o); return path }},
		{"oauth", "used", func(w *world, o opened) string {
			path := authorize(w.partner, w.mint(o), "s")
			w.browser().get(path).walk("c3", email)
			return path
		}},
		{"oauth", "claimed", func(w *world, o opened) string {
			path := authorize(w.partner, w.mint(o), "s")
			w.browser().get(path).walk("c8", email)
			return path
		}},
		{"oauth", "not theirs", func(w *world, o opened) string {
			path := authorize(w.partner, w.mint(o), "s")
			b := w.browser().get(path)
			b.get(b.base() + "/not-me").post()
			return path
		}},
		{"oauth", "of another partner", func(w *world, o opened) string { return authorize(w.second(), w.mint(o), "s") }},
		{"check", "used", func(w *world, o opened) string {
			_, _, text := w.link(o)
			w.browser().get("/check/" + text).post()
			w.clock.advance(customer.LinkLife)
			return "/check/" + text
		}},
		{"check", "replaced", func(w *world, o opened) string {
			id, review, text := w.link(o)
			w.relink(o, id, review)
			return "/check/" + text
		}},
		{"check", "run out", func(w *world, o opened) string {
			_, _, text := w.link(o)
			w.clock.advance(customer.LinkLife)
			return "/check/" + text
		}},
		{"check", "claimed", func(w *world, o opened) string {
			_, _, text := w.link(o)
			w.browser().claim(o, "s").walk("c8", email)
			return "/check/" + text
		}},
		{"objection", "used", func(w *world, o opened) string {
			w.browser().claim(o, "s").walk("c8", email)
			path := w.objection(email)
			w.browser().get(path).post()
			return path
		}},
		{"recovery", "cancelled", func(w *world, o opened) string { path := w.waiting(o); w.browser().get(path).post(); return path }},
		{"recovery", "of a new address", func(w *world, o opened) string {
			path := w.waiting(o)
			w.change(o, func(_ claim.Tx, a *customer.Account) error { a.Epoch++; return nil })
			return path
		}},
		{"recovery", "run out", func(w *world, o opened) string {
			path := w.waiting(o)
			w.clock.advance(customer.ResetWait + customer.ResetLife)
			return path
		}},
		{"objection", "run out", func(w *world, o opened) string {
			w.browser().claim(o, "s").walk("c8", email)
			w.clock.advance(claim.ObjectionLife)
			return w.objection(email)
		}},
	}
	for _, x := range rows {
		delete(kinds, x.kind)
		t.Run(x.kind+" "+x.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			o := w.open(w.partner, email)
			w.prefill(o)
			path := x.dies(w, o)
			before, mails := w.stored(o.account.ID), w.mails()
			b := w.browser().get(path)
			if b.status < 400 && b.id != "c11" || told(b.body, "Kade") || strings.Contains(b.body, "code=") {
				t.Errorf("page %q with %d: %s", b.id, b.status, b.says())
			}
			if b.send(path, url.Values{}); b.status < 400 && b.id != "c11" && b.id != "objection.made" && b.id != "reset.made" {
				t.Errorf("a form leads to page %q with %d", b.id, b.status)
			}
			if w.stored(o.account.ID) != before || w.mails() != mails {
				t.Errorf("the account changed from %s\nto %s", before, w.stored(o.account.ID))
			}
		})
	}
	for kind := range kinds {
		t.Errorf("no dead link of /%s was tried", kind)
	}
}

// waiting claims the account, asks for a reset and is the link that cancels it.
func (w *world) waiting(o opened) string {
	w.t.Helper()
	w.browser().claim(o, "s").walk("c8", email)
	w.asked(email)
	return w.cancelLink(email)
}

// A way back in that is over takes no step, whatever ended it: who reads the mailbox and waited keeps nothing of it.
func TestDeadRecoveries(t *testing.T) {
	t.Parallel()
	routes := takers(t)["recovery"]
	deaths := []struct {
		name string
		kill func(w *world, o opened, b *browser)
	}{
		{"time", func(w *world, _ opened, _ *browser) { w.clock.advance(customer.RecoveryLife) }},
		{"a hold", func(w *world, o opened, _ *browser) { w.holdAccount(o.account.ID) }},
		{"a higher session epoch", func(w *world, o opened, _ *browser) {
			w.change(o, func(_ claim.Tx, a *customer.Account) error { a.SessionEpoch++; return nil })
		}},
		{"a higher epoch", func(w *world, o opened, _ *browser) {
			w.change(o, func(_ claim.Tx, a *customer.Account) error { a.Epoch++; return nil })
		}},
		{"another browser finished", func(w *world, _ opened, _ *browser) {
			w.clock.advance(time.Minute)
			w.proven(email).rebuilds().post("saved", "yes").expect(http.StatusOK, "home")
		}},
	}
	for i, d := range deaths {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			if !full() && i > 1 {
				t.Skip("the long variants are asked for by LATCHKEY_FULL=1")
			}
			w := newWorld(t)
			o, _ := w.owned(email, "c8")
			w.asked(email)
			w.clock.advance(customer.ResetWait)
			b := w.proven(email).rebuilds()
			codes, forms, cookie := b.codes(), b.reads(some(routes, i, len(deaths)), ""), b.cookie()
			d.kill(w, o, b)
			w.refused(d.name, cookie, o, forms, codes[0], codes[9])
		})
	}
}

// aging is a claim link of that age.
func (w *world) aging(o opened, by time.Duration) string {
	w.t.Helper()
	path := authorize(w.partner, w.mint(o), "s")
	w.clock.advance(by)
	return path
}

// A ticket was opened in time and dies before its form comes: nothing is mailed, started or changed.
func TestDeadTickets(t *testing.T) {
	t.Parallel()
	for name, kill := range map[string]func(w *world, o opened){
		"half an hour":     func(w *world, _ opened) { w.clock.advance(30 * time.Minute) },
		"a newer code":     func(w *world, o opened) { w.clock.advance(time.Second); w.mint(o) },
		"a claim":          func(w *world, o opened) { w.browser().claim(o, "s").walk("c8", email) },
		"a hold":           func(w *world, o opened) { w.holdAccount(o.account.ID) },
		"a paused partner": func(w *world, _ opened) { w.pause(w.partner) },
		"an address that moved": func(w *world, o opened) {
			if _, err := w.customers.SetContactEmail(context.Background(), o.caller, "mira@example.com"); err != nil {
				w.t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			o := w.open(w.partner, email)
			w.prefill(o)
			b := w.browser().claim(o, "s").expect(http.StatusOK, "c1")
			action, form := b.form("email", email)
			kill(w, o)
			before, mails := w.stored(o.account.ID), w.mails()
			if b.send(action, form); b.status < 400 {
				t.Errorf("leads to page %q with %d", b.id, b.status)
			}
			if w.stored(o.account.ID) != before || w.mails() != mails {
				t.Errorf("the account changed from %s\nto %s", before, w.stored(o.account.ID))
			}
		})
	}
	w := newWorld(t)
	o, b := w.owned(email, "c11")
	b.get(authorize(w.partner, "", "s")).expect(http.StatusOK, "r5")
	before := w.stored(o.account.ID)
	w.pause(w.partner)
	if b.post(); b.status < 400 || w.stored(o.account.ID) != before {
		t.Errorf("a visit that was opened before the pause leads to page %q with %d", b.id, b.status)
	}
}

// told reports whether a text tells a word. A word of letters and digits alone must stand by itself: in random texts, of which every page has some, any
// four characters come together sooner or later.
func told(text, word string) bool {
	if regexp.MustCompile(`\W`).MatchString(word) {
		return strings.Contains(text, word)
	}
	return regexp.MustCompile(`\b` + word + `\b`).MatchString(text)
}
