package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// backTo are the customer's own pages: by their paths, the name that a sign-in for them carries, and where it ends when that is
// another path.
var backTo = []struct{ path, name, ends string }{
	{path: "/account"},
	{path: "/access", name: "access"},
	{path: "/access/12345", name: "access", ends: "/access"},
	{path: "/activity", name: "activity"},
	{path: "/details", name: "details"},
	{path: "/details/review/name", name: "details", ends: "/details"},
	{path: "/details/proposals", name: "proposals"},
	{path: "/account/receipts", name: "receipts"},
	{path: "/account/receipts/12345", name: "receipts", ends: "/account/receipts"},
	{path: "/close", name: "close"},
	{path: "/close/keep", name: "keep", ends: "/account"}, // nothing is to be kept
	{path: "/security", name: "security"},
	{path: "/security/recovery", name: "recovery"},
	{path: "/security/passkeys", name: "passkeys"},
	{path: "/security/passkeys/7", name: "security", ends: "/security"},
	{path: "/security/app", name: "app", ends: "/security"}, // it is begun by a form
	{path: "/security/recovery-codes", name: "codes"},
	{path: "/security/password", name: "password"},
	{path: "/security/email", name: "email"},
	{path: "/security/email/code", name: "code", ends: "/security/email"}, // no code was sent
}

// Whoever asks for a page of their own without being signed in is led to the sign-in, and from there back to it, whichever way they sign in.
func TestSignInLeadsBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, owner := w.settled(email)
	phone := newDevice(t)
	owner.get("/security/passkeys").adds(phone, "").expect(http.StatusOK, "passkeys")
	for _, c := range backTo {
		want := "/signin"
		if c.name != "" {
			want += "?to=" + c.name
		}
		b := owner.elsewhere().get(c.path).expect(http.StatusOK, "r1")
		if b.at != want {
			t.Errorf("%s leads to %q, want %q", c.path, b.at, want)
		}
		if c.ends == "" {
			c.ends = c.path
		}
		if owner.get(want); owner.at != c.ends || owner.status != http.StatusOK {
			t.Errorf("from %s it leads to %q with %d, want %q", want, owner.at, owner.status, c.ends)
		}
	}
	const other = "ines@example.org" // who has no passkey
	_, app := w.settled(other)
	for name, way := range map[string]func(b *browser) *browser{
		"app":     func(b *browser) *browser { return b.walk("activity", other) },
		"passkey": func(b *browser) *browser { return b.usesPasskey(phone) },
		"passkey after the password": func(b *browser) *browser {
			return b.post("email", email, "password", goodPassword).expect(http.StatusOK, "r2").usesPasskey(phone)
		},
		"after mistakes": func(b *browser) *browser {
			b.post("email", other, "password", "not the password").expect(http.StatusUnprocessableEntity, "r1").post("email", other, "password", goodPassword)
			b.post("code", "000000x").wrong(http.StatusUnprocessableEntity, "r2", "code", "c5.code.format")
			return b.post("code", w.appCode(b.key))
		},
		"another tab": func(b *browser) *browser {
			b.post("email", other, "password", goodPassword)
			return b.tab().get("/activity").expect(http.StatusOK, "r1").get("/signin/second-step?to=activity").walk("activity", other)
		},
	} {
		w.clock.advance(time.Hour)
		if b := way(app.elsewhere().get("/activity").expect(http.StatusOK, "r1")); b.at != "/activity" || b.id != "activity" {
			t.Errorf("%s: ends at %q, page %q (%d)", name, b.at, b.id, b.status)
		}
	}
	if w.account(o.account.ID).PreviousSignInAt.IsZero() {
		t.Error("nobody signed in")
	}
}

// The page that was asked for is kept through a recovery code (R3) and a forgotten password (R4), and R6 keeps it for who signs in anew.
func TestWaysBackLeadBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, owner, codes := w.ownedWithCodes(email, "c11")
	w.clock.advance(time.Hour)
	b := owner.elsewhere().get("/access").post("email", email, "password", goodPassword).expect(http.StatusOK, "r2")
	b.get(b.link("r2.another")).expect(http.StatusOK, "r3").post("recovery_code", codes[0]).expect(http.StatusOK, "r3.done")
	if b.get(b.link("r3.done.later")).expect(http.StatusOK, "access"); b.at != "/access" {
		t.Errorf("a recovery code ends at %q", b.at)
	}
	w.clock.advance(time.Hour)
	b.get("/close").expect(http.StatusOK, "r1").walk("close", email)
	w.clock.advance(10 * time.Minute)
	b.get("/close").expect(http.StatusOK, "r6").get(b.link("r6.another")).expect(http.StatusOK, "r1").walk("close", email)
	w.clock.advance(time.Hour)
	b = owner.elsewhere().get("/details").expect(http.StatusOK, "r1")
	b.get(b.link("r1.forgot")).expect(http.StatusOK, "r4").post("email", email).expect(http.StatusOK, "r4.code")
	w.clock.advance(5 * time.Second)
	b.press("c2.send").expect(http.StatusOK, "r4.code")
	if !b.has("r4.again") {
		t.Error("nothing says that the code was sent again")
	}
	b.post("code", w.forgotten(email)).expect(http.StatusOK, "r4.step").post("code", w.appCode(owner.key)).expect(http.StatusOK, "c3")
	if b.post("new_password", newPassword).expect(http.StatusOK, "details"); b.at != "/details" {
		t.Errorf("a new password ends at %q", b.at)
	}
}

// elsewhereTo are values of "to" that are in no list of ours.
var elsewhereTo = []string{"", "//evil.example", "///evil.example", "https://evil.example/", "https:evil.example", "http://localhost/access", "/\\evil.example", "\\\\evil.example",
	"/access", "access/", "/access/..//evil.example", "Access", "ACCESS", "access ", " access", "access\x00", "access\r\nLocation: https://evil.example", "%61ccess", "%2F%2Fevil.example",
	"access%00", "javascript:alert(1)", "data:text/html,x", "account", "signout", "home", "help", "access&to=//evil.example", "аccess", strings.Repeat("access", 1000), "__proto__"}

// Nothing that a link says takes a person anywhere but to a page of the list: what is not in it ends at the account, before the sign-in and
// after it, and no page repeats it (open redirects: requirement 49).
func TestSignInEndsAtOurPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, owner := w.settled(email)
	refused := func(query string) {
		t.Helper()
		if owner.get("/signin?" + query); owner.at != "/account" {
			t.Errorf("%q: who is signed in is led to %q", query, owner.at)
		}
		b := owner.elsewhere()
		for _, path := range []string{"/signin", "/forgot", "/signin/recovery-code"} {
			b.get(path + "?" + query)
			action, _ := b.form()
			if b.status != http.StatusOK || strings.Contains(action, "to=") || strings.Contains(b.body, "evil") || strings.Contains(b.at, "evil") && path == "/signin/recovery-code" {
				t.Errorf("%q: %s answers %d, and its form posts to %q", query, path, b.status, action)
			}
		}
	}
	for _, value := range elsewhereTo {
		refused("to=" + url.QueryEscape(value))
	}
	// Given twice, the first one counts; other names, other cases and broken encodings are none.
	for _, query := range []string{"to=%2F%2Fevil.example&to=access", "To=access", "to[]=access", "to", "to=%zz", "next=access", "return=%2Faccess", "tо=access", "to=access;to=details"} {
		refused(query)
	}
	b := owner.elsewhere().get("/signin?to="+url.QueryEscape("//evil.example")).walk("home", email)
	if b.at != "/account" {
		t.Errorf("a whole sign-in ends at %q", b.at)
	}
	// A form that is sent by its owner with another name in its address is led to a page of the list, too.
	w.clock.advance(time.Minute)
	b = owner.elsewhere().get("/signin?to=access").post("email", email, "password", goodPassword).expect(http.StatusOK, "r2")
	_, form := b.form("code", w.appCode(owner.key))
	if e := w.once(http.MethodPost, "/signin/second-step?to=%2F%2Fevil.example", b.cookie(), form); e.status != http.StatusSeeOther || e.location != "/account" {
		t.Errorf("%d to %q", e.status, e.location)
	}
}

// A journey comes before a page: whoever is on the way to a partner is not led away from it, and half a sign-in opens no page.
func TestAJourneyComesBeforeAPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, owner := w.owned(email, "c11")
	b := owner.elsewhere().get(authorize(w.partner, "", "t-7")).expect(http.StatusOK, "r1")
	jid := strings.TrimPrefix(b.at, "/signin?journey=")
	b.get("/signin?to=access&journey="+jid).expect(http.StatusOK, "r1")
	if action, _ := b.form(); action != "/signin?journey="+jid {
		t.Errorf("the form posts to %q", action)
	}
	b.walk("c11", email)
	half := owner.elsewhere().get("/access").post("email", email, "password", goodPassword).expect(http.StatusOK, "r2")
	for _, path := range []string{"/access", "/signin?to=access", "/signin/second-step?to=access"} {
		if half.get(path); half.id != "r1" && half.id != "r2" {
			t.Errorf("after the password alone %s shows %q", path, half.id)
		}
	}
}
