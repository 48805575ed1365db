package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
)

// aged is a signed-in browser whose last proof is too old for a change.
func (w *world) aged() (opened, *browser) {
	w.t.Helper()
	o, b := w.settled(email)
	w.clock.advance(customer.FreshLife)
	return o, b
}

// R6 asks for password and app code together, leads back, and gives the session a new secret: a copy of the cookie from before
// is out in that moment, however fast it asks (requirement 84).
func TestConfirm(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, b := w.aged()
	before := b.cookie()
	b.get("/security/passkeys").expect(http.StatusOK, "r6")
	if b.at != "/signin/confirm?to=passkeys" || b.value("email") != email || has(b.field("email"), "readonly") == false {
		t.Errorf("at %s, for %q", b.at, b.value("email"))
	}
	_, form := b.form("email", "somebody@example.org", "password", goodPassword, "code", w.appCode(b.key))
	e := w.once(http.MethodPost, "/signin/confirm?to=passkeys", before, form)
	w.browser().keep(before).get("/account").expect(http.StatusOK, "r1") // the thief is first
	b.keep(e.cookie).get(e.location).expect(http.StatusOK, "passkeys")
	if got := w.account(o.account.ID); !got.LastSignInAt.IsZero() && got.LastSignInAt.Equal(w.clock.Now()) {
		t.Error("the proof counts as a sign-in")
	}
	b.get("/signin/confirm?to=passkeys").expect(http.StatusOK, "passkeys")
	w.clock.advance(customer.FreshLife - time.Millisecond)
	b.get("/security/passkeys").expect(http.StatusOK, "passkeys")
	w.clock.advance(time.Millisecond)
	b.get("/security/passkeys").expect(http.StatusOK, "r6")
}

// With a passkey R6 takes one touch; another account's passkey, an answer given elsewhere, and one without user verification
// prove nothing.
func TestConfirmByPasskey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, b, d := w.ownedByPasskey(email)
	_, _, theirs := w.ownedByPasskey("second@example.org")
	w.clock.advance(customer.FreshLife)
	b.get("/security/passkeys").expect(http.StatusOK, "r6")
	if a := d.read(b.passkeyForm().options); len(a.Allow) != 1 || b.field("code") != nil {
		t.Errorf("R6 asks for %+v", a)
	}
	elsewhere := d.use(w.browser().get("/signin").passkeyForm().options)
	unverified := d.copied()
	unverified.flags &^= userVerified
	for name, answer := range map[string]string{"another account's": theirs.use(b.passkeyForm().options), "of R1": elsewhere,
		"without verification": unverified.use(b.passkeyForm().options), "none": ""} {
		b.answers("ok", answer).expect(http.StatusUnprocessableEntity, "r6")
		if got := b.summary(); len(got) != 1 || got[0] != "passkey.refused" || !strings.HasPrefix(w.lastReason(o), "passkey_") {
			t.Errorf("%s: %v for %q", name, got, w.lastReason(o))
		}
		b.get("/security/passkeys").expect(http.StatusOK, "r6")
	}
	form, cookie := b.passkeyForm(), b.cookie()
	body := url.Values{"step_token": {form.token}, "outcome": {"ok"}, "answer": {d.use(form.options)}}
	first, second := w.once(http.MethodPost, form.action, cookie, body), w.once(http.MethodPost, form.action, cookie, body)
	if first.location != "/security/passkeys" || second.location != "/signin?to=passkeys" || second.cookie != "" {
		t.Errorf("sent twice: %d to %q, then %d to %q with a cookie %q", first.status, first.location, second.status, second.location, second.cookie)
	}
	b.keep(first.cookie).get("/security/passkeys").expect(http.StatusOK, "passkeys")
}

// What is wrong is said beside its field; of password and code together it is not said which was wrong (requirement 80), and
// wrong tries wait as at the sign-in (requirement 79).
func TestConfirmRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, b := w.aged()
	b.get("/security/passkeys").post().wrong(http.StatusUnprocessableEntity, "r6", "password", "r1.password.empty", "code", "c5.code.empty")
	b.post("password", goodPassword, "code", "12345").wrong(http.StatusUnprocessableEntity, "r6", "code", "c5.code.format")
	right := w.appCode(b.key)
	for _, c := range []struct{ password, code, reason string }{
		{"not the password", right, "password"}, {goodPassword, other(right), "second_step"}, {"not the password", other(right), "password"},
		{strings.ToUpper(goodPassword), right, "password"},
	} {
		b.post("password", c.password, "code", c.code).expect(http.StatusUnprocessableEntity, "r6")
		if got := b.summary(); len(got) != 1 || got[0] != "r6.wrong" || w.lastReason(o) != c.reason {
			t.Errorf("%+v: %v, %q", c, got, w.lastReason(o))
		}
	}
	b.post("password", goodPassword, "code", other(right)).expect(http.StatusUnprocessableEntity, "r6")
	b.post("password", goodPassword, "code", right).expect(http.StatusTooManyRequests, "e8")
	b.get("/security/passkeys").expect(http.StatusOK, "r6")
	w.clock.advance(time.Minute)
	b.post("password", goodPassword, "code", w.appCode(b.key)).expect(http.StatusOK, "passkeys")
}

// other are six digits that are not the given ones.
func other(code string) string {
	if strings.HasPrefix(code, "0") {
		return "1" + code[1:]
	}
	return "0" + code[1:]
}

// R6 leads to pages of its own list and nowhere else (requirement 49).
func TestConfirmLeadsNowhereElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, b := w.aged()
	for _, to := range []string{"https://evil.example/", "//evil.example", "/\\evil.example", "security", "/security/passkeys", "passkeys/../..", "javascript:alert(1)", ""} {
		b.get("/signin/confirm?to="+url.QueryEscape(to)).expect(http.StatusOK, "r6")
		if action, _ := b.form(); !strings.HasPrefix(action, "/signin/confirm") || strings.Contains(action, "evil") {
			t.Errorf("%q: the form posts to %q", to, action)
		}
	}
	_, form := b.form("password", goodPassword, "code", w.appCode(b.key))
	e := w.once(http.MethodPost, "/signin/confirm?to=https%3A%2F%2Fevil.example", b.cookie(), form)
	if e.status != http.StatusSeeOther || e.location != "/account" {
		t.Errorf("%d to %q", e.status, e.location)
	}
}

// R6 belongs to who is signed in at both steps, in this browser; and only while they are.
func TestConfirmNeedsTheOwner(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, b := w.aged()
	b.get("/security/passkeys").expect(http.StatusOK, "r6")
	_, form := b.form("password", goodPassword, "code", w.appCode(b.key))
	w.browser().get("/signin/confirm?to=passkeys").expect(http.StatusOK, "r1")
	half := b.elsewhere().get("/signin").post("email", email, "password", goodPassword).expect(http.StatusOK, "r2")
	half.get("/signin/confirm").expect(http.StatusOK, "r1")
	half.send("/signin/confirm", form).expect(http.StatusForbidden, "e7") // another browser's form
	cross := w.once(http.MethodPost, "/signin/confirm", b.cookie(), form, "Sec-Fetch-Site", "cross-site")
	if cross.status != http.StatusForbidden {
		t.Errorf("from another site: %d", cross.status)
	}
	w.change(o, func(_ claim.Tx, a *customer.Account) error { a.SessionEpoch++; return nil })
	b.send("/signin/confirm", form).expect(http.StatusOK, "r1")
}
