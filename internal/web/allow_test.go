package web_test

import (
	"context"
	"html"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/partner"
)

// grants are the active grants of an account for a partner.
func (w *world) grants(o opened, p partner.Partner) []grant.Grant {
	w.t.Helper()
	var list []grant.Grant
	err := w.claims.Store.View(context.Background(), func(tx claim.Tx) (err error) {
		list, err = tx.Grants(o.account.ID, p.ID)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

// choosy is a partner with one required and two optional scopes, strict when wanted.
func (w *world) choosy(class string) partner.Partner {
	return w.addPartner(partner.Registration{ClientID: "choosy-" + class, Secret: "ch00sy-ch00sy", Name: "Choosy Ledger", Class: class,
		RedirectURIs: []string{"https://choosy.example/back"}, HomeURI: "https://choosy.example/home", Purpose: "To show <you> your ledger.",
		Required: []partner.Scope{partner.ScopeAccountRead}, Optional: []partner.Scope{partner.ScopeProfilesRead, partner.ScopeProfilesWrite}})
}

// claimWith walks an account of a partner to C10.
func (w *world) claimWith(p partner.Partner, address, query string) (opened, *browser) {
	w.t.Helper()
	o := w.open(p, address)
	w.prefill(o)
	b := w.browser().get(authorize(p, w.mint(o), "s") + query)
	return o, b.walk("c10", address)
}

// C10 says who asks, for what, for how long and where one goes; both buttons are of equal weight; optional scopes are
// unticked, required ones are plain text (journey C10).
func TestAllowShows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, b := w.claimWith(w.choosy("strict"), email, "")
	says := b.says()
	for _, want := range []string{email, "Choosy Ledger", "choosy.example", "22 November 2027", "To show <you> your ledger.", "see or change your password or second step"} {
		if !strings.Contains(says, want) {
			t.Errorf("C10 does not say %q:\n%s", want, says)
		}
	}
	if strings.Contains(b.body, "<you>") {
		t.Error("the partner's sentence is not escaped")
	}
	for _, scope := range []string{"profiles.read", "profiles.write"} {
		if box := b.elementWithID("scope-" + scope); box == nil || has(box, "checked") {
			t.Errorf("%s is no unticked box", scope)
		}
	}
	if b.elementWithID("scope-account.read") != nil {
		t.Error("a required scope is a box")
	}
	both := []string{b.buttonClass("c10.allow"), b.buttonClass("c10.deny")}
	if both[0] != both[1] || both[0] == "" {
		t.Errorf("the buttons are of classes %q", both)
	}
	if b.link("c10.stop") != "/help#stop" {
		t.Error("no link on how to stop this later")
	}
}

func (b *browser) buttonClass(message string) string {
	b.w.t.Helper()
	n := find(b.doc, func(n *htmlNode) bool { return n.Data == "button" && attribute(n, "data-msg") == message })
	if n == nil {
		return ""
	}
	return attribute(n, "class")
}

// What is allowed is exactly the required scopes and the ticked ones among those that were asked for.
func TestScopes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.choosy("classic")
	for i, c := range []struct {
		query  string
		ticked []string
		want   []partner.Scope
	}{
		{"", nil, []partner.Scope{partner.ScopeAccountRead}},
		{"", []string{"profiles.write"}, []partner.Scope{partner.ScopeAccountRead, partner.ScopeProfilesWrite}},
		{"", []string{"profiles.read", "profiles.write"}, []partner.Scope{partner.ScopeAccountRead, partner.ScopeProfilesRead, partner.ScopeProfilesWrite}},
		{"&scope=profiles.read", []string{"profiles.read", "profiles.write"}, []partner.Scope{partner.ScopeAccountRead, partner.ScopeProfilesRead}},
		{"&scope=transfers", []string{"admin", "profiles.read ", ""}, []partner.Scope{partner.ScopeAccountRead}},
	} {
		address := "person" + string(rune('a'+i)) + "@example.org"
		o, b := w.claimWith(p, address, c.query)
		action, form := b.form("decision", "allow")
		form["scope"] = c.ticked
		b.send(action, form).expect(http.StatusOK, "c11")
		got := w.grants(o, p)
		if len(got) != 1 || !slices.Equal(got[0].Scopes, c.want) || got[0].Wording != "test" || got[0].Language != "en" || !got[0].Until.IsZero() {
			t.Errorf("%q ticking %q: %+v", c.query, c.ticked, got)
		}
		if !strings.Contains(w.lastMail(address), "Choosy Ledger") {
			t.Error("the owner was not told")
		}
	}
}

// A form with neither button, or with a word that is none, decides nothing.
func TestNoDecision(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, b := w.owned(email, "c10")
	before := w.stored(o.account.ID)
	for _, decision := range []string{"", "yes", "ALLOW", "allow ", "deny\x00"} {
		b.post("decision", decision).expect(http.StatusOK, "c10")
	}
	action, form := b.form()
	form["decision"] = []string{"deny", "allow"}
	b.send(action, form).expect(http.StatusForbidden, "e7")
	if w.stored(o.account.ID) != before || b.get(b.base()+"/allow").id != "c10" {
		t.Error("something was decided")
	}
}

// Declining: access_denied and the state go back, no grant exists, the account stays the customer's own, and the way back can
// be loaded again.
func TestDecline(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, class := range []string{"classic", "strict"} {
		p := w.choosy(class)
		address := class + "@example.org"
		o, b := w.claimWith(p, address, "")
		action, form := b.form("decision", "deny")
		cookie := b.cookie()
		b.post("decision", "deny").expect(http.StatusOK, "c11")
		want := "https://choosy.example/back?error=access_denied&error_description=The+customer+did+not+allow+access&state=s"
		if class == "strict" {
			want += "&iss=" + url.QueryEscape("http://localhost:8080")
		}
		if got := leadsTo(b); got != want {
			t.Errorf("%s: leads to %q", class, got)
		}
		if again := w.once(http.MethodPost, action, cookie, form); !strings.HasSuffix(again.location, "/return") {
			t.Errorf("%s: a second click leads to %q", class, again.location)
		}
		form.Set("decision", "allow")
		if late := w.once(http.MethodPost, action, cookie, form); !strings.HasSuffix(late.location, "/return") || len(w.grants(o, p)) != 0 {
			t.Errorf("%s: a late Allow leads to %q with %d grants", class, late.location, len(w.grants(o, p)))
		}
		if got := leadsTo(b.get(b.at)); got != want || w.account(o.account.ID).State != customer.Claimed {
			t.Errorf("%s: a reload leads to %q", class, got)
		}
	}
}

// C11 gives state back byte for byte as it was sent, in link, refresh and header; without one it gives none.
func TestStateComesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, _ := w.owned(email, "c11")
	key := w.account(o.account.ID).Credentials.Apps[0].Secret
	for _, state := range []string{"", "a+b", "a%2Bb", "a%20b", "a%2520b", "%E2%82%AC", "%e2%82%ac", "a%26b%3Dc", "%3Cscript%3E", "a'b(c)*~!$,;:@/?", "%00%0d%0a",
		"%ff%fe", "%zz", "%", strings.Repeat("s", 1500), "=", "a=b=c"} {
		w.clock.advance(time.Minute)
		path := "/oauth/authorize?client_id=acme-treasury&redirect_uri=" + url.QueryEscape(callback) + "&state=" + state
		b := w.browser()
		b.get(path).expect(http.StatusOK, "r1").post("email", email, "password", goodPassword).expect(http.StatusOK, "r2")
		b.post("code", appCode(key, w.clock.Now())).expect(http.StatusOK, "c11")
		address := leadsTo(b)
		if !strings.Contains(address, "&state="+state+"&profileId=") {
			t.Errorf("state %q comes back in %q", state, address)
		}
		if !strings.Contains(b.body, `<meta http-equiv="refresh" content="0;url=`+html.EscapeString(address)+`">`) || b.link("c11.link") != address {
			t.Errorf("state %q: link and refresh are not the header's address", state)
		}
	}
	w.clock.advance(time.Minute)
	b := w.browser().get(authorize(w.partner, "", "")).post("email", email, "password", goodPassword).post("code", appCode(key, w.clock.Now()))
	if address := leadsTo(b.expect(http.StatusOK, "c11")); strings.Contains(address, "state") {
		t.Errorf("no state was sent and %q has one", address)
	}
}

// What a state holds beside the bytes of an address is percent-encoded, so that it breaks neither header nor page.
func TestStateWithRawBytes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, b := w.owned(email, "c11")
	r, err := http.NewRequest(http.MethodGet, w.server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.URL.Opaque = "//" + r.URL.Host + "/oauth/authorize?client_id=acme-treasury&redirect_uri=" + callback + "&state=\"><b>{é}|^`"
	r.URL.RawQuery = ""
	b.do(r).expect(http.StatusOK, "r5").post().expect(http.StatusOK, "c11")
	if got := leadsTo(b); !strings.Contains(got, "&state=%22%3E%3Cb%3E%7B%C3%A9%7D%7C%5E%60&") {
		t.Errorf("leads to %q", got)
	}
}

// App schemes wait for the link: no refresh, the address unchanged (design 10.18).
func TestAppScheme(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	app := w.addPartner(partner.Registration{ClientID: "app", Secret: "4pp-4pp-4pp-4pp", Name: "Pocket Ledger", RedirectURIs: []string{"org.example.pocket:/back"}})
	_, b := w.claimWith(app, email, "")
	b.post("decision", "allow").expect(http.StatusOK, "c11")
	address := leadsTo(b)
	if !strings.HasPrefix(address, "org.example.pocket:/back?code=") || b.link("c11.link") != address || strings.Contains(b.body, "http-equiv") {
		t.Errorf("leads to %q", address)
	}
}

// A reload of C11 gives the same working code; one that ran out unused is replaced, the old one dead; a redeemed one is not:
// "You are connected", and no code anywhere (journey C11).
func TestReturnAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.choosy("strict")
	_, b := w.claimWith(p, email, "")
	b.post("decision", "allow").expect(http.StatusOK, "c11")
	first := b.leaves()
	w.hide(first.Query().Get("code"))
	if again := b.get(b.at).leaves(); again.String() != first.String() || first.Query().Get("iss") != "http://localhost:8080" {
		t.Errorf("first %s, then %s", first, again)
	}
	w.clock.advance(p.Class.CodeLife)
	second := b.get(b.at).leaves()
	if second.Query().Get("code") == first.Query().Get("code") {
		t.Error("a code that ran out is given again")
	}
	for code, works := range map[string]bool{first.Query().Get("code"): false, second.Query().Get("code"): true} {
		_, err := w.tokens.Exchange(context.Background(), p, grant.Exchange{Code: code, RedirectURI: p.RedirectURIs[0], Verifier: new(verifier)}, customer.Origin{})
		if (err == nil) != works {
			t.Errorf("code works: %v", err)
		}
	}
	b.get(b.at).expect(http.StatusOK, "c11")
	if b.header.Get("Link") != "" || strings.Contains(b.body, "lkc_") || strings.Contains(b.body, "http-equiv") || b.link("c11.connected.link") != "https://choosy.example/home" {
		t.Error("C11 gives a code after it was redeemed")
	}
	b.get(b.base()).expect(http.StatusOK, "c11")
}

// After the session is over C11 gives nothing: sign in first (I4). The id in the address is no credential.
func TestReturnNeedsTheOwner(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, b := w.owned(email, "c11")
	at := b.at
	for name, other := range map[string]*browser{"no cookie": w.browser(), "another's cookie": w.browser().get("/signin")} {
		other.get(at).expect(http.StatusOK, "r1")
		if other.header.Get("Link") != "" || strings.Contains(other.body, "lkc_") {
			t.Errorf("%s: a code is given", name)
		}
	}
	w.clock.advance(customer.IdleLife)
	b.get(at).expect(http.StatusOK, "r1")
	if strings.Contains(b.body, "lkc_") {
		t.Error("a code is given after the session")
	}
	b.walk("c11", email).leaves()
	if b.at != at {
		t.Errorf("came to %s", b.at)
	}
}
