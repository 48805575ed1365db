package web_test

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// connects exchanges the code of C11 for tokens, as the partner does.
func (b *browser) connects(p partner.Partner) grant.Issue {
	b.w.t.Helper()
	way, err := url.Parse(leadsTo(b))
	if err != nil {
		b.w.t.Fatal(err)
	}
	issue, err := b.w.tokens.Exchange(context.Background(), p, grant.Exchange{Code: way.Query().Get("code"), RedirectURI: p.RedirectURIs[0]}, customer.Origin{})
	if err != nil {
		b.w.t.Fatal(err)
	}
	b.w.hide(issue.Access)
	return issue
}

// stopPath is the page that stops the only access of an account.
func (w *world) stopPath(o opened) string {
	w.t.Helper()
	return "/access/" + strconv.FormatInt(int64(w.grants(o, w.partner)[0].ID), 10)
}

// TestAccessIsStopped: the page says in the words of C10 who may do what; one confirmation stops it, the token dies with the answer,
// the mail says so, the back button and a second click do no harm, and coming back asks as if it were the first time.
func TestAccessIsStopped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, b := w.owned(email, "c11")
	issue := b.connects(w.partner)
	b.get("/account").expect(http.StatusOK, "home")
	b.get(b.link("home.who")).expect(http.StatusOK, "access")
	for _, text := range []string{"Acme Treasury", "Your profile: name, date of birth, address and contact details", "Mira Kade", "22 November 2026", "Until you stop it"} {
		if !strings.Contains(b.says(), text) {
			t.Errorf("the card does not say %q: %s", text, b.says())
		}
	}
	if b.has("access.over") || !b.has("access.stop") {
		t.Errorf("nothing is stopped yet: %s", b.says())
	}
	b.get(b.link("access.stop")).expect(http.StatusOK, "access.stop")
	if b.at != w.stopPath(o) || b.link("access.stop.keep") != "/access" {
		t.Errorf("at %s, keeping leads to %s", b.at, b.link("access.stop.keep"))
	}
	action, form := b.form()
	b.send(action, form).expect(http.StatusOK, "access")
	if !b.has("access.stopped") || !b.has("access.none") || !b.has("access.end.stopped") || b.has("access.stop") {
		t.Errorf("afterwards: %s", b.says())
	}
	if _, err := w.tokens.Access(context.Background(), issue.Access); err == nil {
		t.Error("the access token works")
	}
	if _, err := w.tokens.Refresh(context.Background(), w.partner, issue.Refresh, customer.Origin{}); err == nil {
		t.Error("the refresh token works")
	}
	letters, err := w.inbox.List(context.Background(), 50)
	if err != nil || letters[0].Kind != "M7" || letters[0].To != email || !strings.Contains(letters[0].Text, "You stopped the access of Acme Treasury") {
		t.Errorf("the mail: %+v, %v", letters[0], err)
	}
	b.send(action, form).expect(http.StatusOK, "access")
	b.get(action).expect(http.StatusOK, "access")
	if again, _ := w.inbox.List(context.Background(), 50); len(again) != len(letters) {
		t.Error("the second click is another mail")
	}
	b.get(authorize(w.partner, "", "s")).expect(http.StatusOK, "r5")
	b.post().expect(http.StatusOK, "c10")
	if strings.Contains(b.says(), "also wants to") {
		t.Errorf("asked as somebody who has access: %s", b.says())
	}
}

// TestAccessOfOthers: another customer's access is as unknown as one that does not exist, for a look and for a form with a token that
// is right for its page; and nothing is shown or done without both steps, from another site, or with another page's form.
func TestAccessOfOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, owner := w.owned(email, "c11")
	_, other := w.owned("jonas.kade@example.org", "c11")
	path := w.stopPath(o)
	other.get("/access").expect(http.StatusOK, "access")
	other.get(other.link("access.stop")).expect(http.StatusOK, "access.stop")
	_, theirs := other.form()
	for _, foreign := range []string{path, "/access/1", "/access/0", "/access/-1", "/access/x", "/access/99999999999999999999", "/access/" + url.PathEscape("1 OR 1=1")} {
		other.get(foreign).expect(http.StatusNotFound, "e13")
		other.send(foreign, theirs).expect(http.StatusForbidden, "e7")
	}
	owner.get(path).expect(http.StatusOK, "access.stop")
	action, form := owner.form()
	forged := url.Values{"step_token": {w.keys.Derive(secret.PurposeStep, "nobody")}}
	owner.send(action, forged).expect(http.StatusForbidden, "e7")
	owner.send(action, url.Values{}).expect(http.StatusForbidden, "e7")
	if answer := w.crossSite(owner, action, form); answer != http.StatusForbidden {
		t.Errorf("from another site: %d", answer)
	}
	stranger := w.browser()
	stranger.get("/access").expect(http.StatusOK, "r1")
	stranger.get(path).expect(http.StatusOK, "r1")
	halfway := owner.elsewhere().get("/signin").walk("r2", email)
	halfway.get("/access").expect(http.StatusOK, "r1")
	halfway.get(path).expect(http.StatusOK, "r1")
	if len(w.grants(o, w.partner)) != 1 {
		t.Fatal("the access was stopped")
	}
	if _, err := w.customers.Hold(context.Background(), o.account.ID); err != nil {
		t.Fatal(err)
	}
	owner.get("/access").expect(http.StatusOK, "r1")
	owner.send(action, form).expect(http.StatusOK, "r1")
	if len(w.grants(o, w.partner)) != 1 {
		t.Error("stopped on hold")
	}
}

// crossSite posts a form as another site would make the browser do it.
func (w *world) crossSite(b *browser, action string, form url.Values) int {
	w.t.Helper()
	r, err := http.NewRequest(http.MethodPost, w.server.URL+action, strings.NewReader(form.Encode()))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	return b.do(r).status
}

// TestAccessOfAPartnerWithAName: a registered name with markup is text, set apart, on both pages and in its mail.
func TestAccessOfAPartnerWithAName(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.addPartner(partner.Registration{ClientID: "mark", Secret: "s3cr3t-s3cr3t", Name: "<b>Bold</b> knaB", RedirectURIs: []string{"https://mark.example/cb"}})
	_, b := w.owned(email, "c11")
	b.get(authorize(p, "", "s")).expect(http.StatusOK, "r5")
	b.post().expect(http.StatusOK, "c10")
	b.post("decision", "allow").expect(http.StatusOK, "c11")
	b.get("/access").expect(http.StatusOK, "access")
	if strings.Contains(b.body, "<b>Bold") || !strings.Contains(b.body, "<bdi>&lt;b&gt;Bold&lt;/b&gt; knaB</bdi>") {
		t.Errorf("the list: %s", b.body)
	}
	if strings.Count(b.body, "<article") != 2 {
		t.Errorf("%d cards", strings.Count(b.body, "<article"))
	}
	b.get(b.link("access.stop")).expect(http.StatusOK, "access.stop")
	if strings.Contains(b.body, "<b>Bold") || !strings.Contains(b.says(), "<b>Bold</b>") {
		t.Errorf("the question: %s", b.says())
	}
}

// TestAccessInTrouble: trouble with the database is 503, and nothing is half stopped.
func TestAccessInTrouble(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, b := w.owned(email, "c11")
	path := w.stopPath(o)
	b.get(path).expect(http.StatusOK, "access.stop")
	action, form := b.form()
	for n := 1; n < 20; n++ {
		w.faults.fail(n, false)
		answer := w.once(http.MethodPost, action, b.cookie(), form)
		if !w.faults.heal() {
			break
		}
		if answer.status != http.StatusServiceUnavailable {
			t.Errorf("the request that failed at %d is answered with %d", n, answer.status)
		}
		if len(w.grants(o, w.partner)) != 1 {
			t.Fatalf("stopped by a request that failed at %d", n)
		}
	}
	if len(w.grants(o, w.partner)) != 0 {
		t.Error("not stopped when all was well")
	}
}
