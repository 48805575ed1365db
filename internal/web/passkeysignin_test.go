package web_test

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/secret"
	"github.com/latchkey-id/latchkey/internal/store"
)

// lastReason is why the newest refused event about an account was refused.
func (w *world) lastReason(o opened) string {
	w.t.Helper()
	entries, err := (audit.Events{Store: store.Audit{DB: w.db}}).Tail(w.t.Context(), audit.Filter{Account: int64(o.account.ID)})
	if err != nil {
		w.t.Fatal(err)
	}
	newest, reason := int64(0), ""
	for _, e := range entries {
		if e.Outcome == audit.Denied && e.Number > newest {
			newest, reason = e.Number, e.Reason
		}
	}
	return reason
}

// change writes to an account what no page does.
func (w *world) change(o opened, fn func(tx claim.Tx, a *customer.Account) error) {
	w.t.Helper()
	err := w.claims.Store.Change(w.t.Context(), func(tx claim.Tx) (audit.Event, error) {
		a, err := tx.Account(o.account.ID)
		if err == nil {
			err = fn(tx, &a)
		}
		if err != nil {
			return audit.Event{}, err
		}
		return audit.Event{At: w.clock.Now(), Action: audit.TriesCounted, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorOperator},
			Account: int64(a.ID)}, tx.SaveAccount(&a)
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// Whatever is wrong with a passkey at R1, the answer is one sentence; nobody is signed in, and the audit knows why.
func TestPasskeyThatSignsNobodyIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, _, d := w.ownedByPasskey(email)
	d.count = 1
	w.browser().get("/signin").usesPasskey(d).expect(http.StatusOK, "home")
	for name, c := range map[string]struct {
		reason string
		lie    func(*device)
	}{
		"user verification is missing": {"passkey_unverified", func(d *device) { d.flags &^= userVerified }},
		"nobody was there":             {"passkey_absent", func(d *device) { d.flags &^= userPresent }},
		"another origin":               {"passkey_origin", func(d *device) { d.origin = "https://latchkey.example.net" }},
		"the origin in capitals":       {"passkey_origin", func(d *device) { d.origin = "http://LOCALHOST:8080" }},
		"another party":                {"passkey_party", func(d *device) { d.party = "example.net" }},
		"a creation":                   {"passkey_ceremony", func(d *device) { d.ceremony = "webauthn.create" }},
		"another key":                  {"passkey_signature", func(d *device) { d.key = newDevice(t).key }},
		"a count that went back":       {"passkey_cloned", func(d *device) { d.count = 1 }},
		"a count that stopped":         {"passkey_cloned", func(d *device) { d.count = 0 }},
		"a backup that cannot be":      {"passkey_backup", func(d *device) { d.flags &^= backupEligible }},
		"no backup where there was":    {"passkey_backup", func(d *device) { d.flags &^= backupEligible | backedUp }},
	} {
		liar := d.copied()
		liar.count = 2
		c.lie(liar)
		b := w.browser().get("/signin").usesPasskey(liar).expect(http.StatusUnprocessableEntity, "r1")
		if got := b.summary(); len(got) != 1 || got[0] != "passkey.refused" || w.lastReason(o) != c.reason {
			t.Errorf("%s: %v for %q, want %q", name, got, w.lastReason(o), c.reason)
		}
		b.get("/account").expect(http.StatusOK, "r1")
	}
	d.count = 3
	w.browser().get("/signin").usesPasskey(d).expect(http.StatusOK, "home")
}

// A passkey of nobody, of an account that does not exist, with another account's handle, of a pending account and of one on
// hold: all look the same.
func TestPasskeyOfNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, _, d := w.ownedByPasskey(email)
	held, _, theirs := w.ownedByPasskey("held@example.org")
	_, pending := w.atPasskey("pending@example.org")
	early := newDevice(t)
	pending.withPasskey(early)
	w.holdAccount(held.account.ID)
	stranger := newDevice(t)
	stranger.user = []byte("stranger")
	nobody := d.copied()
	nobody.user = customer.PasskeyHandle(1)
	swapped := d.copied()
	swapped.user = customer.PasskeyHandle(held.account.ID)
	foreign := newDevice(t)
	foreign.user = customer.PasskeyHandle(o.account.ID)
	silent := d.copied()
	silent.silent = true
	for name, device := range map[string]*device{"a stranger's": stranger, "of no account": nobody, "with another's handle": swapped, "unknown": foreign,
		"of a pending account": early, "of a held one": theirs, "that does not say whose": silent} {
		b := w.browser().get("/signin").usesPasskey(device).expect(http.StatusUnprocessableEntity, "r1")
		if got := b.summary(); len(got) != 1 || got[0] != "passkey.refused" {
			t.Errorf("%s: %v", name, got)
		}
	}
	if got := w.lastReason(held); got != "" {
		t.Errorf("the account on hold was looked at as one that signs in: %q", got)
	}
}

// An answer signs in once, in the browser and on the page that asked, and in time.
func TestPasskeyReplay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, _, d := w.ownedByPasskey(email)
	b := w.browser().get("/signin")
	form, cookie := b.passkeyForm(), b.cookie()
	answer := d.use(form.options)
	other := w.browser().get("/signin")
	other.answers("ok", answer).expect(http.StatusUnprocessableEntity, "r1")
	if w.lastReason(o) != "" {
		t.Error("a refusal of which nothing is proven is held against the account")
	}
	body := url.Values{"step_token": {form.token}, "outcome": {"ok"}, "answer": {answer}}
	first := w.once(http.MethodPost, form.action, cookie, body)
	if first.status != http.StatusSeeOther || first.location != "/account" || first.cookie == "" {
		t.Fatalf("the first time %d to %q", first.status, first.location)
	}
	second := w.once(http.MethodPost, form.action, cookie, body)
	if second.status != http.StatusSeeOther || second.location != "/signin" || second.cookie != "" || w.lastReason(o) != "passkey_replayed" {
		t.Errorf("the second time %d to %q with cookie %q, for %q", second.status, second.location, second.cookie, w.lastReason(o))
	}
	third := w.once(http.MethodPost, form.action, first.cookie, body)
	if third.status != http.StatusSeeOther || third.location != "/signin/second-step" {
		t.Errorf("with the new cookie %d to %q", third.status, third.location)
	}
	w.browser().keep(first.cookie).get("/signin/second-step").expect(http.StatusOK, "home")

	late := w.browser().get("/signin")
	form = late.passkeyForm()
	w.clock.advance(secret.PasskeyChallengeLife - time.Millisecond)
	intime := d.use(form.options)
	w.clock.advance(time.Millisecond)
	late.answers("ok", intime).expect(http.StatusUnprocessableEntity, "r1")
	if got := late.summary(); len(got) != 1 || got[0] != "passkey.late" {
		t.Errorf("too late: %v", got)
	}
	late.usesPasskey(d).expect(http.StatusOK, "home")
}

// Sixteen posts of one answer at once: one signs in.
func TestPasskeyAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, _, d := w.ownedByPasskey(email)
	b := w.browser().get("/signin")
	form, cookie := b.passkeyForm(), b.cookie()
	body := url.Values{"step_token": {form.token}, "outcome": {"ok"}, "answer": {d.use(form.options)}}
	answers := make(chan exchange, 16)
	for range cap(answers) {
		go func() { answers <- w.once(http.MethodPost, form.action, cookie, body) }()
	}
	signed := 0
	for range cap(answers) {
		if e := <-answers; e.status != http.StatusSeeOther {
			t.Errorf("status %d", e.status)
		} else if e.location == "/account" {
			signed++
		}
	}
	if signed != 1 {
		t.Errorf("one answer signed in %d times", signed)
	}
}

// R2: after the password the account's own passkey is asked for by name, with or beside the app; another account's is
// refused, and so is an answer that was given on R1.
func TestPasskeyAsSecondStep(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, owner, d := w.ownedByPasskey(email)
	_, _, theirs := w.ownedByPasskey("second@example.org")
	b := owner.elsewhere().get("/signin")
	early := d.use(b.passkeyForm().options)
	b.post("email", email, "password", goodPassword).expect(http.StatusOK, "r2")
	if a := d.read(b.passkeyForm().options); len(a.Allow) != 1 || a.Allow[0].ID != d.encoded(d.id) || a.RPID != "localhost" {
		t.Errorf("R2 asks for %+v", a)
	}
	if b.field("code") != nil || !b.has("r2.passkey.title") {
		t.Error("R2 asks for a code of an app that there is not")
	}
	for name, answer := range map[string]string{"another account's": theirs.use(b.passkeyForm().options), "of R1": early, "none": "", "no JSON": "<>"} {
		b.answers("ok", answer).expect(http.StatusUnprocessableEntity, "r2")
		if got := b.summary(); len(got) != 1 || got[0] != "passkey.refused" {
			t.Errorf("%s: %v", name, got)
		}
	}
	w.browser().keep(b.cookie()).get("/account").expect(http.StatusOK, "r1")
	form, cookie := b.passkeyForm(), b.cookie()
	d.silent = true // asked for by name, a browser may leave the handle out
	body := url.Values{"step_token": {form.token}, "outcome": {"ok"}, "answer": {d.use(form.options)}}
	first := w.once(http.MethodPost, form.action, cookie, body)
	second := w.once(http.MethodPost, form.action, cookie, body)
	if first.status != http.StatusSeeOther || first.location != "/account" || second.location != first.location || second.cookie == "" {
		t.Errorf("a double click: %d to %q, then %d to %q", first.status, first.location, second.status, second.location)
	}
	b.keep(second.cookie).get("/account").expect(http.StatusOK, "home")
	if !w.account(o.account.ID).LastSignInAt.Equal(w.clock.Now()) {
		t.Error("the sign-in was not noted")
	}
	late := owner.elsewhere().get("/signin").post("email", email, "password", goodPassword).expect(http.StatusOK, "r2")
	w.clock.advance(customer.SignInLife + time.Millisecond)
	late.usesPasskey(d).expect(http.StatusOK, "r1")
}

// With an app besides, R2 asks for either.
func TestPasskeyBesideTheApp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, owner, d := w.ownedByPasskey(email)
	app := customer.App{ID: 7, Secret: secret.NewAppSecret()}
	w.change(o, func(_ claim.Tx, a *customer.Account) error {
		a.Credentials.Apps = []customer.App{app}
		return nil
	})
	b := owner.elsewhere().get("/signin").post("email", email, "password", goodPassword).expect(http.StatusOK, "r2")
	if b.field("code") == nil || !b.has("r2.both.title") {
		t.Error("R2 does not ask for either")
	}
	b.tab().get(b.at).usesPasskey(d).expect(http.StatusOK, "home")
	b = owner.elsewhere().get("/signin").post("email", email, "password", goodPassword).expect(http.StatusOK, "r2")
	w.clock.advance(time.Minute)
	code := find(b.doc, func(n *htmlNode) bool { return n.Data == "form" && !has(n, "data-passkey") })
	token := find(code, func(n *htmlNode) bool { return attribute(n, "name") == "step_token" })
	b.send(attribute(code, "action"), url.Values{"step_token": {attribute(token, "value")}, "code": {w.appCode(secret.AppKeyText(app.Secret))}}).expect(http.StatusOK, "home")
}

// Wrong passwords by the hundred, from here and from everywhere, do not keep the owner's passkey out (I12, design 10.25).
func TestPasskeyGetsInWhereThePasswordWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, _, d := w.ownedByPasskey(email)
	b := w.browser().get("/signin")
	for range 5 {
		b.get("/signin").post("email", email, "password", "not the password").wrong(http.StatusUnprocessableEntity, "r1", "password", "r1.mismatch")
	}
	b.post("email", email, "password", goodPassword).expect(http.StatusTooManyRequests, "e8")
	w.change(o, func(tx claim.Tx, a *customer.Account) error {
		key := limit.NewKey(limit.KindAccount, strconv.FormatInt(int64(a.ID), 10))
		for limit.Spend(tx, key, w.clock.Now()) == nil {
		}
		return nil
	})
	b.get("/signin").usesPasskey(d).expect(http.StatusOK, "home")
}

// A passkey is dead with the epoch's credentials: taken off the account it signs nobody in.
func TestPasskeyThatWasRemoved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, _, d := w.ownedByPasskey(email)
	form := w.browser().get("/signin")
	w.change(o, func(_ claim.Tx, a *customer.Account) error {
		a.Credentials.Passkeys = nil
		return nil
	})
	form.usesPasskey(d).expect(http.StatusUnprocessableEntity, "r1")
}

// Nothing of a passkey lies open: not its credential, not its key, not the challenge.
func TestPasskeyInLogAndAudit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, _, d := w.ownedByPasskey(email)
	b := w.browser().get("/signin")
	challenge := d.read(b.passkeyForm().options).Challenge
	w.hide(challenge)
	w.hide(d.encoded(d.id))
	b.usesPasskey(d).expect(http.StatusOK, "home")
	d.origin = "https://latchkey.example.net"
	w.browser().get("/signin").usesPasskey(d).expect(http.StatusUnprocessableEntity, "r1")
	if strings.Contains(b.body, challenge) {
		t.Error("the page after the sign-in holds the challenge")
	}
}

// Nothing proves at its making that a passkey is one's own, so somebody may bind another's public key and id to an account of
// theirs, and wait for the owner to sign in to it (login CSRF by another way). Which account it is says the handle that the
// owner's device keeps: the owner comes to their own.
func TestPasskeyBoundTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, _, d := w.ownedByPasskey(email)
	mine := d.user
	_, b := w.atPasskey("somebody@example.org")
	b.withPasskey(d.copied()).post("saved", "yes").expect(http.StatusOK, "c8")
	d.user = mine
	home := w.browser().get("/signin").usesPasskey(d).expect(http.StatusOK, "home")
	if !strings.Contains(home.says(), email) || strings.Contains(home.says(), "somebody") {
		t.Errorf("signed in as %q", home.says())
	}
	r2 := w.browser().get("/signin").post("email", "somebody@example.org", "password", goodPassword).expect(http.StatusOK, "r2")
	r2.usesPasskey(d).expect(http.StatusUnprocessableEntity, "r2")
}

// Strangers without an account may not fill the audit, which is never emptied: of what names no account a network's first few
// are on record, however many come. Whoever has a passkey gets in all the while (I12).
func TestPasskeysOfStrangersDoNotFillTheAudit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, _, d := w.ownedByPasskey(email)
	b := w.browser().get("/signin")
	for i := range 40 {
		answer := []string{"{}", newDevice(t).use(b.passkeyForm().options)}[i%2]
		b.answers("ok", answer).expect(http.StatusUnprocessableEntity, "r1")
	}
	entries, err := (audit.Events{Store: store.Audit{DB: w.db}}).Tail(t.Context(), audit.Filter{Action: audit.SigninRefused, Limit: 1000})
	if err != nil || len(entries) != 10 {
		t.Errorf("%d events, %v", len(entries), err)
	}
	b.usesPasskey(d).expect(http.StatusOK, "home")
}
