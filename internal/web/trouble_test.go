package web_test

import (
	"bytes"
	"context"
	"fmt"
	"html"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/partner"
)

// at walks a browser to a page of the claim, or of the return visit of an account that is claimed.
func (w *world) at(page, address string) (opened, *browser) {
	w.t.Helper()
	switch page {
	case "r1", "r2":
		o, owner := w.owned(address, "c11")
		w.clock.advance(30 * time.Second)
		return o, owner.elsewhere().get(authorize(w.partner, "", "s")).walk(page, address)
	case "proposals":
		o, b := w.owned(address, "c11")
		c, p := w.proposer(o)
		if _, err := w.customers.UpdatePersonal(context.Background(), c, p.ID, customer.Personal{Values: map[customer.Field]string{customer.FirstName: "Moira"}}); err != nil {
			w.t.Fatal(err)
		}
		return o, b.get("/details/proposals").expect(http.StatusOK, page)
	case "r5":
		o, b := w.owned(address, "c11")
		return o, b.get(authorize(w.partner, "", "s")).expect(http.StatusOK, "r5")
	}
	o := w.open(w.partner, address)
	w.prefill(o)
	switch page {
	case "check":
		_, _, text := w.link(o)
		return o, w.browser().get("/check/"+text).expect(http.StatusOK, page)
	case "c8.dispute":
		w.verify(o, true)
		b := w.browser().claim(o, "s").walk("c8", address)
		return o, b.get(b.base()+"/review/name/wrong").expect(http.StatusOK, page)
	}
	return o, w.browser().claim(o, "s").walk(page, address)
}

// everyPage are the pages with a form, and the one that the form leads to.
var everyPage = []struct{ page, next string }{{"c1", "c2"}, {"c2", "c3"}, {"c3", "c4"}, {"c4", "c5"}, {"c5", "c7"}, {"c7", "c8"}, {"c8", "c10"}, {"c10", "c11"},
	{"c8.dispute", "c8"}, {"check", "c11"}, {"r1", "r2"}, {"r2", "c11"}, {"r5", "c11"}}

// Trouble with the database, at every use of it that a form makes, before the use and after it: E12 with Retry-After, never a
// wrong password, an expired link or a success that was none (I11). Sending the form again, when the trouble is over, leads
// on, whether the first one was applied or not.
func TestDatabaseTroubleInForms(t *testing.T) {
	t.Parallel()
	for i, c := range everyPage {
		w := newWorld(t)
		uses := 0
		for n, after := range []bool{false, true} {
			if n != i%2 && !full() {
				continue // each page once is the quick part
			}
			var b *browser
			var address string
			for n, met := 1, true; met; n++ {
				if b == nil {
					w.clock.advance(time.Minute)
					address = fmt.Sprintf("%s-%d-%v@example.org", c.page, n, after)
					_, b = w.at(c.page, address)
				}
				action, form := b.fill(address)
				w.faults.fail(n, after)
				e := w.once(http.MethodPost, action, b.cookie(), form)
				if met = w.faults.heal(); met {
					uses++
					w.checkTrouble(fmt.Sprintf("%s, use %d, after %v", c.page, n, after), e)
				}
				if e.cookie != "" {
					b.keep(e.cookie)
				}
				// Where the form was not applied the same browser meets the next trouble; a sign-in that was cut off may have
				// counted as a try, so it begins anew.
				if b.get(b.at); met && b.id == c.page && c.page != "r1" && c.page != "r2" {
					continue
				}
				b.send(action, form).expect(http.StatusOK, c.next)
				b = nil
			}
		}
		least := 4
		if c.page == "check" {
			least = 2 // the one change, before it and after it
		}
		if !full() {
			least /= 2
		}
		if uses < least {
			t.Errorf("%s: met trouble %d times", c.page, uses)
		}
	}
}

// checkTrouble fails the test unless the answer is E12, or leads on because the trouble came too late to matter.
func (w *world) checkTrouble(name string, e exchange) {
	w.t.Helper()
	late := e.status == http.StatusSeeOther
	if !late && (e.status != http.StatusServiceUnavailable || e.page() != "e12" || e.header.Get("Retry-After") != "5") {
		w.t.Errorf("%s: page %q with %d, Retry-After %q", name, e.page(), e.status, e.header.Get("Retry-After"))
	}
}

// Every page that reads the database answers E12 while it is gone, and itself when it is back.
func TestDatabaseTroubleInPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.open(w.partner, "opens@example.org")
	code := w.mint(o)
	_, start := w.at("c1", "start@example.org")
	_, early := w.at("c5", "early@example.org")
	_, late := w.at("c10", "late@example.org")
	_, visit := w.at("r5", "visit@example.org")
	_, dispute := w.at("c8.dispute", "dispute@example.org")
	_, check := w.at("check", "check@example.org")
	before := w.stored(o.account.ID)
	pages := map[string]*browser{authorize(w.partner, code, "s"): w.browser(), authorize(w.partner, "", "s"): w.browser(), "/signin": w.browser(), "/account": late,
		start.at: start, start.base() + "/leave": start, start.base() + "/not-me": start, visit.at: visit, dispute.at: dispute, "/details": visit, check.at: check, check.at + "/return": check}
	for _, b := range []*browser{early, late} {
		for _, path := range []string{"", "/start", "/email", "/email/unreachable", "/password", "/second-step", "/second-step/app", "/recovery-codes", "/review", "/review/name", "/allow",
			"/return", "/leave", "/not-me", "/existing", "/continue"} {
			pages[b.base()+path] = b
		}
	}
	w.faults.failAll()
	for path, b := range pages {
		e := w.once(http.MethodGet, path, b.cookie(), nil)
		if e.status != http.StatusServiceUnavailable || e.page() != "e12" || e.header.Get("Retry-After") != "5" || e.cookie != "" {
			t.Errorf("GET %s: page %q with %d, Retry-After %q", path, e.page(), e.status, e.header.Get("Retry-After"))
		}
	}
	for _, path := range []string{"/help", "/privacy", "/accessibility"} {
		w.browser().get(path).expect(http.StatusOK, strings.TrimPrefix(path, "/"))
	}
	w.faults.heal()
	for path, b := range pages {
		if e := w.once(http.MethodGet, path, b.cookie(), nil); e.status >= 400 {
			t.Errorf("GET %s: page %q with %d when the trouble is over", path, e.page(), e.status)
		}
	}
	if w.stored(o.account.ID) != before {
		t.Error("looking changed the account")
	}
}

// A store that is closed is trouble like any other.
func TestClosedDatabase(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, b := w.at("c7", email)
	action, form := b.fill(email)
	if err := w.db.Close(); err != nil {
		t.Fatal(err)
	}
	b.send(action, form).expect(http.StatusServiceUnavailable, "e12")
	b.get("/signin").expect(http.StatusServiceUnavailable, "e12")
}

// Forms that are no forms: another content type, too large, cut off, not UTF-8, fields twice. They are refused, change
// nothing, and the page goes on (issue, Bad input).
func TestBrokenForms(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range everyPage {
		address := c.page + "@example.org"
		w.clock.advance(time.Minute)
		o, b := w.at(c.page, address)
		action, form := b.fill(address)
		good, cookie, before := form.Encode(), b.cookie(), w.stored(o.account.ID)
		for name, broken := range map[string]struct{ kind, body string }{
			"JSON":            {"application/json", `{"step_token":"` + form.Get("step_token") + `"}`},
			"plain text":      {"text/plain", good},
			"no type":         {"", good},
			"a broken type":   {"application/x-www-form-urlencoded; charset", good},
			"a file":          multipartForm(form),
			"empty":           {formType, ""},
			"too large":       {formType, good + "&x=" + strings.Repeat("a", 64<<10)},
			"a broken escape": {formType, good + "&x=%zz"},
			"semicolons":      {formType, strings.ReplaceAll(good, "&", ";") + ";a=b"},
			"not UTF-8":       {formType, good + "&x=%ff%fe"},
			"a name twice":    {formType, good + "&step_token=" + url.QueryEscape(form.Get("step_token"))},
		} {
			if c.page == "check" && !unreadable[name] {
				continue // the address proves this form, and there is nothing in it
			}
			r, err := http.NewRequest(http.MethodPost, w.server.URL+action, strings.NewReader(broken.body))
			if err != nil {
				t.Fatal(err)
			}
			if broken.kind != "" {
				r.Header.Set("Content-Type", broken.kind)
			}
			r.Header.Set("Sec-Fetch-Site", "same-origin")
			r.Header.Set("Cookie", "lk="+cookie)
			if e := w.exchange(r); e.status != http.StatusForbidden || e.page() != "e7" {
				t.Errorf("%s, %s: page %q with %d", c.page, name, e.page(), e.status)
			}
		}
		if w.stored(o.account.ID) != before {
			t.Errorf("%s: a broken form changed the account", c.page)
		}
		b.send(action, form).expect(http.StatusOK, c.next)
	}
}

// unreadable are the forms that are refused though nothing in them is needed.
var unreadable = map[string]bool{"a broken type": true, "too large": true, "a broken escape": true, "not UTF-8": true}

const formType = "application/x-www-form-urlencoded"

func multipartForm(form url.Values) struct{ kind, body string } {
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	for name := range form {
		_ = m.WriteField(name, form.Get(name))
	}
	_ = m.Close()
	return struct{ kind, body string }{m.FormDataContentType(), b.String()}
}

// A body that ends before its length: the connection dies in the middle of a form, and nothing is applied.
func TestTruncatedForm(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, b := w.at("c7", email)
	action, form := b.fill(email)
	before := w.stored(o.account.ID)
	body := form.Encode()
	address := strings.TrimPrefix(w.server.URL, "http://")
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nSec-Fetch-Site: same-origin\r\nCookie: lk=%s\r\nContent-Length: %d\r\n\r\n%s",
		action, address, formType, b.cookie(), len(body)+10, body)
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer, _ := io.ReadAll(conn)
	_ = conn.Close()
	if !strings.HasPrefix(string(answer), "HTTP/1.1 403") && len(answer) > 0 && !strings.HasPrefix(string(answer), "HTTP/1.1 400") {
		t.Errorf("answers %.100s", answer)
	}
	if w.stored(o.account.ID) != before {
		t.Error("half a form was applied")
	}
}

// A trouble page has a reference that stands in the log too (journey section 6). What is on hold says so (E14).
func TestReferences(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, b := w.at("c4", email)
	w.faults.failAll()
	b.get(b.at).expect(http.StatusServiceUnavailable, "e12")
	w.faults.heal()
	_, rest, _ := strings.Cut(b.body, `class="reference"`)
	_, rest, _ = strings.Cut(rest, "<code>")
	reference, _, _ := strings.Cut(rest, "<")
	if len(reference) != 12 || !strings.Contains(w.said(), reference) {
		t.Errorf("the reference %q is not in the log:\n%s", reference, w.said())
	}
	action, form := b.get(b.at).form("method", "app")
	w.holdAccount(o.account.ID)
	b.get(action).expect(http.StatusForbidden, "e14")
	b.send(action, form).expect(http.StatusForbidden, "e14")
	if _, err := w.claims.Mint(t.Context(), o.caller, registrationCode, claim.Binding{}); err == nil {
		t.Error("a code was minted for an account on hold")
	}
}

// E11: what nobody expects is an apology with a reference, and the log has the cause. The answers are kept.
func TestOurOwnFault(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, b := w.at("c8", email)
	action, form := b.fill(email)
	w.faults.failOddly()
	b.send(action, form).expect(http.StatusInternalServerError, "e11")
	if strings.Contains(b.body, "nobody expects") || !strings.Contains(w.said(), "what nobody expects") || b.link("way.again") != strings.TrimSuffix(action, "/review") {
		t.Errorf("the cause is on the page, or not in the log:\n%s", b.says())
	}
	w.faults.heal()
	b.get(b.link("way.again")).expect(http.StatusOK, "c8")
	b.send(action, form).expect(http.StatusOK, "c10")
}

// Markup in what a partner or a person wrote is text on every page (journey section 6).
func TestInjectedMarkup(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	name := `<script>alert("1")</script>&amp;'{{.}}`
	p := w.addPartner(partner.Registration{ClientID: "markup", Secret: "m4rkup-m4rkup", Name: name, Purpose: name, RedirectURIs: []string{"https://markup.example/?a=%22%3E"}})
	o := w.open(p, email)
	b := w.browser().get(authorize(p, w.mint(o), `"><script>alert(1)</script>`))
	for _, page := range []string{"c1", "c2", "c3", "c4", "c5", "c7", "c8"} {
		b.walk(page, email)
		for _, tab := range []*browser{b, b.tab().get(b.link("frame.leave"))} {
			if strings.Contains(tab.body, "<script>alert") || !strings.Contains(tab.body, html.EscapeString(name)) {
				t.Errorf("page %s holds markup, or not the name", tab.id)
			}
		}
	}
	b.get(b.base()+"/review/name").post("given_name", name, "family_name", name).expect(http.StatusOK, "c8")
	if strings.Contains(b.body, "<script>alert") || !strings.Contains(b.says(), name) {
		t.Error("page c8 holds markup, or not the name")
	}
}

// The log holds nothing that a log must not hold, after a whole claim with every kind of mistake on the way (I9). Each test
// checks its own log too.
func TestQuietLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, canary := range []string{"state-canary-7731", goodPassword, "Wrong-Canary-Passw0rd", "stranger-canary@example.org", "Mira", "Kade", "Harbour Row", "+441315550142", "EH6 6AB"} {
		w.hide(canary)
	}
	o := w.open(w.partner, email)
	w.prefill(o)
	b := w.browser().claim(o, "state-canary-7731")
	b.post("email", "stranger-canary@example.org").post("email", email)
	code := w.mailed(email)
	w.hide(" " + code)
	w.hide("=" + code)
	b.post("code", wrongDigits(code)).post("code", code)
	w.hide(strings.TrimPrefix(b.base(), "/j/"))
	b.post("new_password", "Mira").post("new_password", goodPassword)
	w.faults.failAll()
	b.get(b.at)
	b.send(b.at, url.Values{"email": {"stranger-canary@example.org"}, "state": {"state-canary-7731"}})
	b.get(authorize(w.partner, "0e0e0e0e-canary", "state-canary-7731"))
	w.faults.heal()
	b.get(authorize(w.partner, "", "state-canary-7731"))
	b.get("/signin").post("email", "stranger-canary@example.org", "password", "Wrong-Canary-Passw0rd")
	w.hide(b.cookie())
	other := w.browser().claim(o, "state-canary-7731").walk("c11", email)
	w.hide(other.key)
	w.hide(other.leaves().Query().Get("code"))
	other.get("/account").post()
	if !strings.Contains(w.said(), "page not available") {
		t.Error("the log does not hold what it should")
	}
}
