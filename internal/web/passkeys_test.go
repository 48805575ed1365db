package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// adds fills in the page of the passkeys as its script does.
func (b *browser) adds(d *device, name string) *browser {
	b.w.t.Helper()
	form := b.passkeyForm()
	return b.send(form.action, url.Values{"step_token": {form.token}, "outcome": {"ok"}, "answer": {d.create(form.options)}, "passkey_name": {name}})
}

// An account has several passkeys, each with a name and its last use; one that is there is not made twice, each signs in, and
// the owner is told of a new one.
func TestSeveralPasskeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, _, phone := w.ownedByPasskey(email)
	w.clock.advance(24 * time.Hour)
	b := w.browser().get("/signin").usesPasskey(phone).expect(http.StatusOK, "home").get("/security/passkeys").expect(http.StatusOK, "passkeys")
	if a := phone.read(b.passkeyForm().options); len(a.Exclude) != 1 || a.Exclude[0].ID != phone.encoded(phone.id) || a.User.Name != email {
		t.Errorf("the page asks for %+v", a)
	}
	laptop, mails := newDevice(t), w.mails()
	b.adds(laptop, "  Laptop <b>  ").expect(http.StatusOK, "passkeys")
	if !b.has("passkeys.done") || !strings.Contains(b.says(), "Laptop <b>") || w.mails() != mails+1 || !strings.Contains(w.lastMail(email), "A passkey was added") {
		t.Errorf("the page says %q, the mail %q", b.says(), w.lastMail(email))
	}
	if a := phone.read(b.passkeyForm().options); len(a.Exclude) != 2 {
		t.Errorf("the page asks for %+v", a)
	}
	w.clock.advance(time.Hour)
	for _, d := range []*device{laptop, phone} {
		w.browser().get("/signin").usesPasskey(d).expect(http.StatusOK, "home")
	}
	mine := w.passkeys(o)
	if len(mine) != 2 || mine[1].Name != "Laptop <b>" || !mine[1].LastUsedAt.Equal(w.clock.Now()) || mine[1].LastUsedAt.Equal(mine[1].AddedAt) || mine[0].Name != "" {
		t.Errorf("the account has %+v", mine)
	}
	r2 := w.browser().get("/signin").post("email", email, "password", goodPassword).expect(http.StatusOK, "r2")
	if a := phone.read(r2.passkeyForm().options); len(a.Allow) != 2 {
		t.Errorf("R2 asks for %+v", a)
	}
	r2.usesPasskey(laptop).expect(http.StatusOK, "home")
	r2.get("/security/passkeys").adds(laptop, "again").expect(http.StatusUnprocessableEntity, "passkeys")
	if got := r2.summary(); len(got) != 1 || got[0] != "passkeys.known" || len(w.passkeys(o)) != 2 {
		t.Errorf("the same again: %v", got)
	}
}

// A passkey is added by who signed in lately alone: a browser that was left open, half a sign-in, another's page and an answer
// that is not honest add none, and the audit knows of them (requirement 81).
func TestPasskeysThatAreNotAdded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, _, phone := w.ownedByPasskey(email)
	_, _, theirs := w.ownedByPasskey("second@example.org")
	fresh := func() *browser {
		return w.browser().get("/signin").usesPasskey(phone).get("/security/passkeys").expect(http.StatusOK, "passkeys")
	}
	mails := w.mails()
	for name, c := range map[string]struct {
		message string
		lie     func(*device)
	}{
		"user verification is missing": {"passkeys.refused", func(d *device) { d.flags &^= userVerified }},
		"another origin":               {"passkeys.refused", func(d *device) { d.origin = "https://latchkey.example.net" }},
		"another party":                {"passkeys.refused", func(d *device) { d.party = "example.net" }},
		"a kept challenge":             {"passkeys.refused", func(d *device) { d.challenge = secret.NewPasskeyChallenge() }},
		"a sign-in":                    {"passkeys.refused", func(d *device) { d.ceremony = "webauthn.get" }},
	} {
		d := newDevice(t)
		c.lie(d)
		b := fresh().adds(d, "Laptop").expect(http.StatusUnprocessableEntity, "passkeys")
		if got := b.summary(); len(got) != 1 || got[0] != c.message || b.value("passkey_name") != "Laptop" || !strings.HasPrefix(w.lastReason(o), "passkey_") {
			t.Errorf("%s: %v for %q", name, got, w.lastReason(o))
		}
	}
	b := fresh()
	b.adds(newDevice(t), strings.Repeat("x", 51)).wrong(http.StatusUnprocessableEntity, "passkeys", "passkey_name", "passkeys.name.long")
	for outcome, message := range map[string]string{"cancelled": "passkeys.cancelled", "exists": "passkeys.exists", "unsupported": "passkeys.unsupported", "script_off": "passkeys.script"} {
		if b.answers(outcome, "").expect(http.StatusOK, "passkeys"); !b.has(message) {
			t.Errorf("%s: the page says %q", outcome, b.says())
		}
	}
	form, cookie := b.passkeyForm(), b.cookie()
	body := url.Values{"step_token": {form.token}, "outcome": {"ok"}, "answer": {newDevice(t).create(form.options)}}
	other := w.browser().get("/signin").usesPasskey(theirs).get("/security/passkeys")
	stolen := url.Values{"step_token": {other.passkeyForm().token}, "outcome": {"ok"}, "answer": body["answer"]}
	other.send(form.action, stolen).expect(http.StatusUnprocessableEntity, "passkeys")
	other.send(form.action, body).expect(http.StatusForbidden, "e7")
	w.browser().get("/security/passkeys").expect(http.StatusOK, "r1")
	half := w.browser().get("/signin").post("email", email, "password", goodPassword)
	half.get("/security/passkeys").expect(http.StatusOK, "r1")

	w.clock.advance(customer.FreshLife)
	if late := w.once(http.MethodPost, form.action, cookie, body); late.status != http.StatusSeeOther || late.location != "/signin/confirm?to=passkeys" {
		t.Errorf("when it is no longer fresh: %d to %q", late.status, late.location)
	}
	if len(w.passkeys(o)) != 1 || w.mails() != mails {
		t.Errorf("the account has %d passkeys, and %d mails went out", len(w.passkeys(o)), w.mails()-mails)
	}
	b.get("/security/passkeys").expect(http.StatusOK, "r6").get(b.link("r6.another")).expect(http.StatusOK, "r1").usesPasskey(phone).expect(http.StatusOK, "passkeys")
	b.get("/security/passkeys").adds(newDevice(t), "").expect(http.StatusOK, "passkeys")
	if len(w.passkeys(o)) != 2 {
		t.Error("after a fresh sign-in none is added")
	}
}

// The form twice adds one, and twenty are enough.
func TestPasskeysTwiceAndMany(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, _, phone := w.ownedByPasskey(email)
	b := w.browser().get("/signin").usesPasskey(phone).get("/security/passkeys")
	form, cookie := b.passkeyForm(), b.cookie()
	body := url.Values{"step_token": {form.token}, "outcome": {"ok"}, "answer": {newDevice(t).create(form.options)}, "passkey_name": {""}}
	first := w.once(http.MethodPost, form.action, cookie, body)
	second := w.once(http.MethodPost, form.action, cookie, body)
	if first.location != "/security/passkeys?notice=added" || second.status != http.StatusSeeOther || second.location != "/security/passkeys" || len(w.passkeys(o)) != 2 {
		t.Errorf("%q, then %d to %q, %d passkeys", first.location, second.status, second.location, len(w.passkeys(o)))
	}
	form = b.get("/security/passkeys").passkeyForm()
	w.change(o, func(_ claim.Tx, a *customer.Account) error {
		for len(a.Credentials.Passkeys) < customer.MaxPasskeys {
			a.Credentials.Passkeys = append(a.Credentials.Passkeys, customer.Passkey{ID: int64(len(a.Credentials.Passkeys)), Credential: secret.Bytes(32)})
		}
		return nil
	})
	d := newDevice(t)
	b.send(form.action, url.Values{"step_token": {form.token}, "outcome": {"ok"}, "answer": {d.create(form.options)}}).expect(http.StatusUnprocessableEntity, "passkeys")
	if got := b.summary(); len(got) != 1 || got[0] != "passkeys.full" || len(w.passkeys(o)) != customer.MaxPasskeys {
		t.Errorf("%v, %d passkeys", got, len(w.passkeys(o)))
	}
}
