package web_test

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/secret"
	"github.com/latchkey-id/latchkey/internal/store"
)

// settled is an account with an owner, password and app, and a browser that has just signed in: written, not walked, since many
// tests need one.
func (w *world) settled(address string) (opened, *browser) {
	w.t.Helper()
	w.hide(address)
	a, err := w.customers.Create(w.t.Context(), w.partner, customer.Signup{Email: address, RegistrationCode: registrationCode, Language: "EN"}, "ref", "net")
	if err != nil {
		w.t.Fatal(err)
	}
	o := opened{account: a}
	hash, err := w.door.SignIns.Passwords.Hash(w.t.Context(), goodPassword)
	if err != nil {
		w.t.Fatal(err)
	}
	app := customer.App{ID: 7, Secret: secret.NewAppSecret(), AddedAt: w.clock.Now(), LastUsedAt: w.clock.Now()}
	_, codes := customer.NewRecoveryCodes(w.keys, a.ID)
	w.change(o, func(_ claim.Tx, a *customer.Account) error {
		a.State, a.Registration, a.ClaimedAt = customer.Claimed, nil, w.clock.Now()
		a.Epoch++
		a.Credentials = customer.Credentials{PasswordHash: hash, Apps: []customer.App{app}, Recovery: codes}
		return nil
	})
	b := w.browser()
	b.key = secret.AppKeyText(app.Secret)
	return o, b.get("/signin").walk("home", address)
}

// withPasskeys gives the account passkeys that no device has.
func (w *world) withPasskeys(o opened, ids ...int64) {
	w.t.Helper()
	w.change(o, func(_ claim.Tx, a *customer.Account) error {
		for _, id := range ids {
			a.Credentials.Passkeys = append(a.Credentials.Passkeys, customer.Passkey{ID: id, Credential: secret.Bytes(16), Key: []byte("k"), AddedAt: w.clock.Now()})
		}
		return nil
	})
}

// formTo is the page's form that posts to a path: its hidden fields with the given pairs over them.
func (b *browser) formTo(path string, values ...string) url.Values {
	b.w.t.Helper()
	node := find(b.doc, func(n *htmlNode) bool { return n.Data == "form" && (attribute(n, "action") == path) })
	if node == nil {
		b.w.t.Fatalf("page %s (%s) has no form to %s", b.id, b.at, path)
	}
	form := url.Values{}
	find(node, func(n *htmlNode) bool {
		if n.Data == "input" && attribute(n, "type") == "hidden" {
			form.Set(attribute(n, "name"), attribute(n, "value"))
		}
		return false
	})
	for i := 0; i+1 < len(values); i += 2 {
		form.Set(values[i], values[i+1])
	}
	return form
}

// fills sends the page's form that posts to a path.
func (b *browser) fills(path string, values ...string) *browser {
	b.w.t.Helper()
	return b.send(path, b.formTo(path, values...))
}

// done counts the account's events of an action.
func (w *world) done(o opened, action audit.Action) int {
	w.t.Helper()
	entries, err := (audit.Events{Store: store.Audit{DB: w.db}}).Tail(w.t.Context(), audit.Filter{Account: int64(o.account.ID), Action: action})
	if err != nil {
		w.t.Fatal(err)
	}
	return len(entries)
}

// /security lists every way in and every browser, to who is signed in at both steps and nobody else; it needs no fresh proof,
// and each change that it leads to does.
func TestSecurity(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, b := w.settled(email)
	w.withPasskeys(o, 8)
	w.browser().get("/security").expect(http.StatusOK, "r1")
	b.elsewhere().get("/signin").post("email", email, "password", goodPassword).get("/security").expect(http.StatusOK, "r1")
	w.clock.advance(customer.FreshLife)
	b.get("/security").expect(http.StatusOK, "security")
	if says := b.says(); !strings.Contains(says, email) || !strings.Contains(says, "10 unused codes") || !b.has("security.device.this") || b.has("security.device.end") {
		t.Errorf("the page says %q", says)
	}
	for message, name := range map[string]string{"security.passkey.change": "security", "security.app.change": "security", "security.passkey.add": "passkeys",
		"newcodes.button": "codes", "newemail.title": "email", "newpassword.title": "password"} {
		if b.get("/security").get(b.link(message)); b.id != "r6" || b.at != "/signin/confirm?to="+name {
			t.Errorf("%s leads to %s, page %s", message, b.at, b.id)
		}
	}
	b.get("/security").fills("/security/sessions/end-others").expect(http.StatusOK, "r6").
		fills("/signin/confirm?to=security", "password", goodPassword, "code", w.appCode(b.key)).expect(http.StatusOK, "security")
}

// A changed password is one by the rules of C3. The other browsers are signed out in that moment, refresh tokens and codes that
// could become ones end, this browser goes on with a secret that no copy of its cookie has, and the owner is told (requirements
// 60, 84, 87).
func TestChangePassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, b := w.owned(email, "c11")
	ctx := t.Context()
	exchange := func(code string) (grant.Issue, error) {
		return w.tokens.Exchange(ctx, w.partner, grant.Exchange{Code: code, RedirectURI: callback}, customer.Origin{})
	}
	issue, err := exchange(b.leaves().Query().Get("code"))
	if err != nil {
		t.Fatal(err)
	}
	other := b.elsewhere().get("/signin").walk("home", email)
	waiting := other.tab().get(authorize(w.partner, "", "t-2")).walk("c11", email).leaves().Query().Get("code")
	stolen := b.cookie()
	b.get("/security/password").walk("newpassword", email)
	for password, message := range map[string]string{"": "c3.password.empty", "short": "c3.password.short", "correcthorsebatterystaple": "c3.password.listed",
		"Mira.Kade.1988": "c3.password.personal", strings.Repeat("x1", 200): "c3.password.long"} {
		b.post("new_password", password).wrong(http.StatusUnprocessableEntity, "newpassword", "new_password", message)
	}
	mails := w.mails()
	action, form := b.form("new_password", "another orchard of plain nouns")
	e := w.once(http.MethodPost, action, b.cookie(), form)
	if e.location != "/security?notice=password" || e.cookie == "" {
		t.Fatalf("%d to %q", e.status, e.location)
	}
	for _, cookie := range []string{stolen, b.cookie(), other.cookie()} {
		w.browser().keep(cookie).get("/account").expect(http.StatusOK, "r1")
	}
	b.keep(e.cookie).get(e.location).expect(http.StatusOK, "security")
	if !b.has("security.done.password") || w.mails() != mails+1 || !strings.Contains(w.lastMail(email), "The password was changed") || w.done(o, audit.PasswordChanged) != 1 {
		t.Errorf("%s; %d mails, the last %q", b.says(), w.mails()-mails, w.lastMail(email))
	}
	if _, err := w.tokens.Refresh(ctx, w.partner, issue.Refresh, customer.Origin{}); err == nil {
		t.Error("a refresh token outlives the password")
	}
	if _, err := w.tokens.Access(ctx, issue.Access); err != nil || len(w.grants(o, w.partner)) != 1 {
		t.Errorf("what the customer allowed ended: %v", err)
	}
	if _, err := exchange(waiting); err == nil {
		t.Error("a code from before became a refresh token")
	}
	again := b.elsewhere().get("/signin")
	again.post("email", email, "password", goodPassword).wrong(http.StatusUnprocessableEntity, "r1", "password", "r1.mismatch")
	again.post("email", email, "password", "another orchard of plain nouns").expect(http.StatusOK, "r2")
	if b.send(action, form); b.at != "/security?notice=gone" || w.done(o, audit.PasswordChanged) != 1 {
		t.Errorf("the form again leads to %s", b.at)
	}
}

// A second step is removed while there is another, and the last one never; whose it is not, it is not there.
func TestRemoveSecondSteps(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, b := w.settled(email)
	theirs, _ := w.settled("second@example.org")
	w.withPasskeys(o, 8, 9)
	w.withPasskeys(theirs, 18)
	b.get("/security/passkeys/18").expect(http.StatusNotFound, "e13")
	b.get("/security/passkeys/7").expect(http.StatusNotFound, "e13") // an app
	b.get("/security/passkeys/8").expect(http.StatusOK, "factor").fills("/security/passkeys/8", "passkey_name", strings.Repeat("x", 51)).
		wrong(http.StatusUnprocessableEntity, "factor", "passkey_name", "passkeys.name.long")
	mails := w.mails()
	b.fills("/security/passkeys/8", "passkey_name", " Laptop ").expect(http.StatusOK, "security")
	if !strings.Contains(b.says(), "Laptop") || w.mails() != mails {
		t.Errorf("renamed: %s", b.says())
	}
	form := b.get("/security/passkeys/8").formTo("/security/passkeys/8/remove")
	if b.send("/security/passkeys/18/remove", form).expect(http.StatusOK, "security"); !b.has("security.done.gone") || len(w.passkeys(theirs)) != 1 {
		t.Error("another account's passkey was reached")
	}
	before := b.cookie()
	b.send("/security/passkeys/8/remove", form).expect(http.StatusOK, "security")
	if !b.has("security.done.passkey-removed") || len(w.passkeys(o)) != 1 || !strings.Contains(w.lastMail(email), "A passkey was removed") || b.cookie() == before {
		t.Errorf("%s", b.says())
	}
	if b.send("/security/passkeys/8/remove", form); !b.has("security.done.gone") {
		t.Errorf("again: %s", b.says())
	}
	b.get("/security/apps/7").fills("/security/apps/7/remove").expect(http.StatusOK, "security")
	if !b.has("security.done.app-removed") || !b.has("security.app.add") {
		t.Errorf("%s", b.says())
	}
	if b.get("/security/passkeys/9").expect(http.StatusOK, "factor"); !b.has("factor.last") || b.has("factor.remove") {
		t.Error("the page offers to remove the last second step")
	}
	b.send("/security/passkeys/9/remove", b.formTo("/security/passkeys/9")).wrong(http.StatusUnprocessableEntity, "factor", "", "security.last")
	if w.lastReason(o) != "last_step" || len(w.passkeys(o)) != 1 {
		t.Errorf("%q, %d passkeys", w.lastReason(o), len(w.passkeys(o)))
	}
}

// Another app is one once it has shown a code; its key is the same until then. In the place of the last one it takes the place:
// the old one's codes are worth nothing, and everybody else is signed out.
func TestNewApp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, b := w.settled(email)
	other := b.elsewhere().get("/signin").walk("home", email)
	b.get("/security/app").expect(http.StatusOK, "security") // nothing was begun
	b.fills("/security/app/new").expect(http.StatusOK, "c5")
	key := b.appKey()
	w.hide(key)
	b.get("/security").fills("/security/app/new")
	if b.expect(http.StatusOK, "c5").appKey() != key || len(w.account(o.account.ID).Credentials.Apps) != 1 {
		t.Error("another key, or an app already")
	}
	b.post("code", other2(w.appCode(key))).wrong(http.StatusUnprocessableEntity, "c5", "code", "c5.code.wrong")
	b.post("code", w.appCode(b.key)).wrong(http.StatusUnprocessableEntity, "c5", "code", "c5.code.wrong")
	action, form := b.form("code", w.appCode(key))
	b.send(action, form).expect(http.StatusOK, "security")
	if !b.has("security.done.app") || len(w.account(o.account.ID).Credentials.Apps) != 2 || !strings.Contains(w.lastMail(email), "An authenticator app was added") {
		t.Errorf("%s", b.says())
	}
	if b.send(action, form).expect(http.StatusOK, "security"); len(w.account(o.account.ID).Credentials.Apps) != 2 {
		t.Error("the form was taken twice")
	}
	other.get("/account").expect(http.StatusOK, "home") // nothing was taken from it, and it can be ended
	b.get("/security/apps/7").fills("/security/apps/7/remove").expect(http.StatusOK, "security")
	other.get("/account").expect(http.StatusOK, "r1")
	last := w.account(o.account.ID).Credentials.Apps[0]
	path := "/security/apps/" + strconv.FormatInt(last.ID, 10)
	b.get(path).fills("/security/app/new").expect(http.StatusOK, "c5")
	third := b.appKey()
	b.post("code", w.appCode(third)).expect(http.StatusOK, "security")
	if apps := w.account(o.account.ID).Credentials.Apps; !b.has("security.done.app-replaced") || len(apps) != 1 || secret.AppKeyText(apps[0].Secret) != third {
		t.Errorf("%d apps: %s", len(apps), b.says())
	}
	w.clock.advance(time.Minute)
	r2 := w.browser().get("/signin").post("email", email, "password", goodPassword).expect(http.StatusOK, "r2")
	r2.post("code", w.appCode(key)).wrong(http.StatusUnprocessableEntity, "r2", "code", "c5.code.wrong")
	r2.post("code", w.appCode(third)).expect(http.StatusOK, "home")
}

func other2(code string) string { return other(other(code)[1:] + "7") }

// New recovery codes are shown until the box is ticked, and the old ones work until then; after it the old ones are dead and
// the new ones are shown nowhere (requirement 78).
func TestNewCodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, b := w.settled(email)
	before := w.account(o.account.ID).Credentials.Recovery
	b.get("/security/recovery-codes").expect(http.StatusOK, "newcodes").post().expect(http.StatusOK, "c7")
	shown := b.codes()
	for _, code := range shown {
		w.hide(code)
	}
	b.tab().get("/security/recovery-codes").send("/security/recovery-codes/new", b.formTo("/security/recovery-codes")) // a second click
	if b.get("/security/recovery-codes"); !slices.Equal(b.codes(), shown) || len(shown) != customer.RecoveryCodeCount {
		t.Errorf("%d codes, and others on the next reload", len(shown))
	}
	b.post().wrong(http.StatusUnprocessableEntity, "c7", "saved", "c7.saved.empty")
	if now := w.account(o.account.ID).Credentials.Recovery; string(now[0].Digest) != string(before[0].Digest) {
		t.Error("the old codes are dead before the new ones are saved")
	}
	file := w.once(http.MethodPost, "/security/recovery-codes/download", b.cookie(), b.formTo("/security/recovery-codes/download"))
	if file.header.Get("Content-Type") != "text/plain; charset=utf-8" || !strings.Contains(file.body, shown[9]) {
		t.Errorf("the file is %q", file.body)
	}
	action, form := b.form("saved", "yes")
	b.send(action, form).expect(http.StatusOK, "security")
	now := w.account(o.account.ID).Credentials.Recovery
	if !b.has("security.done.codes") || !strings.Contains(w.lastMail(email), "New recovery codes") || len(now) != customer.RecoveryCodeCount {
		t.Errorf("%s", b.says())
	}
	for _, old := range before {
		if slices.ContainsFunc(now, func(c customer.RecoveryCode) bool { return string(c.Digest) == string(old.Digest) }) {
			t.Error("an old code works on")
		}
	}
	b.send(action, form).expect(http.StatusOK, "security")
	if b.get("/security/recovery-codes").expect(http.StatusOK, "newcodes"); w.done(o, audit.CodesReplaced) != 1 {
		t.Error("the codes are shown again, or were replaced twice")
	}
}

// codes are the recovery codes on the page.
func (b *browser) codes() []string {
	var all []string
	if list := b.elementWithID("codes"); list != nil {
		find(list, func(n *htmlNode) bool {
			if n.Data == "code" {
				all = append(all, n.FirstChild.Data)
			}
			return false
		})
	}
	return all
}

// One browser is signed out by itself, all others at once; another account's session is as one that is not there.
func TestEndSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, b := w.settled(email)
	_, stranger := w.settled("second@example.org")
	phone, laptop := b.elsewhere().get("/signin").walk("home", email), b.elsewhere().get("/signin").walk("home", email)
	b.get("/security").expect(http.StatusOK, "security")
	if n := strings.Count(b.body, `name="session"`); n != 2 {
		t.Fatalf("the page lists %d others", n)
	}
	theirs := stranger.get("/security").session()
	for name, id := range map[string]string{"another account's": theirs, "unknown": "12345", "no number": "x", "this one": b.session(), "none": ""} {
		if b.get("/security").fills("/security/sessions/end", "session", id); b.at != "/security?notice=over" || w.done(o, audit.SessionEnded) != 0 {
			t.Errorf("%s leads to %s", name, b.at)
		}
	}
	stranger.get("/account").expect(http.StatusOK, "home")
	b.get("/security").fills("/security/sessions/end", "session", laptop.session()).expect(http.StatusOK, "security")
	if !b.has("security.done.ended") {
		t.Errorf("%s", b.says())
	}
	laptop.get("/account").expect(http.StatusOK, "r1")
	phone.get("/account").expect(http.StatusOK, "home")
	mails := w.mails()
	b.get("/security").fills("/security/sessions/end-others").expect(http.StatusOK, "security")
	if !b.has("security.done.others") || w.mails() != mails+1 {
		t.Errorf("%s", b.says())
	}
	phone.get("/account").expect(http.StatusOK, "r1")
	stranger.get("/account").expect(http.StatusOK, "home")
}

// session is the number of the browser's session.
func (b *browser) session() string { return strconv.FormatInt(int64(b.sessionKey().ID), 10) }
