package web_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
)

const newAddress = "mira@kade.example"

// changesEmail asks for another address, up to the page that wants the code.
func (b *browser) changesEmail(address string) *browser {
	b.w.t.Helper()
	b.w.hide(address)
	return b.get("/security/email").expect(http.StatusOK, "newemail").post("new_email", address).expect(http.StatusOK, "newemail.code")
}

// Another address signs in once its mailbox is proved; both addresses are told; everybody else is out, partners' tokens
// included, and what the customer allowed stands (design 3).
func TestChangeEmail(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, b := w.owned(email, "c11")
	issue, err := w.tokens.Exchange(t.Context(), w.partner, grant.Exchange{Code: b.leaves().Query().Get("code"), RedirectURI: callback}, customer.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	other := b.elsewhere().get("/signin").walk("home", email)
	b.get("/security/email").walk("newemail", email)
	for typed, message := range map[string]string{"": "r1.email.empty", "no address": "r1.email.empty", strings.ToUpper(email): "newemail.same"} {
		b.post("new_email", typed).wrong(http.StatusUnprocessableEntity, "newemail", "new_email", message)
	}
	b.changesEmail(newAddress)
	if !strings.Contains(w.lastMail(newAddress), "where you asked for it") || !strings.Contains(b.says(), newAddress) {
		t.Errorf("the mail says %q", w.lastMail(newAddress))
	}
	right, mails := w.mailed(newAddress), w.mails()
	b.post("code", "").wrong(http.StatusUnprocessableEntity, "newemail.code", "code", "r4.code.empty")
	b.post("code", right[:6]).wrong(http.StatusUnprocessableEntity, "newemail.code", "code", "r4.code.format") // six could be guessed
	b.post("code", other2(right)).wrong(http.StatusUnprocessableEntity, "newemail.code", "code", "r4.code.wrong")
	before, stolen := w.account(o.account.ID), b.cookie()
	action, form := b.form("code", right)
	b.send(action, form).expect(http.StatusOK, "security")
	after := w.account(o.account.ID)
	if !b.has("security.done.email") || after.Email != newAddress || after.Epoch != before.Epoch+1 || after.SessionEpoch != before.SessionEpoch+1 || w.mails() != mails+2 {
		t.Errorf("%s; %+v; %d mails", b.says(), after, w.mails()-mails)
	}
	for _, told := range []string{email, newAddress} {
		if !strings.Contains(w.lastMail(told), "The email address was changed") {
			t.Errorf("%s was told %q", told, w.lastMail(told))
		}
	}
	for _, cookie := range []string{other.cookie(), stolen} {
		w.browser().keep(cookie).get("/account").expect(http.StatusOK, "r1")
	}
	if _, err := w.tokens.Access(t.Context(), issue.Access); err == nil {
		t.Error("an access token of the epoch before works")
	}
	if _, err := w.tokens.Refresh(t.Context(), w.partner, issue.Refresh, customer.Origin{}); err == nil || len(w.grants(o, w.partner)) != 1 {
		t.Errorf("a refresh token of the epoch before works, or the access ended: %v", err)
	}
	if b.send(action, form); b.at != "/security?notice=gone" || w.done(o, audit.EmailChanged) != 1 {
		t.Errorf("the form again leads to %s", b.at)
	}
	again := b.elsewhere().get("/signin")
	again.post("email", email, "password", goodPassword).wrong(http.StatusUnprocessableEntity, "r1", "password", "r1.mismatch")
	again.post("email", newAddress, "password", goodPassword).expect(http.StatusOK, "r2")
	back := b.get(authorize(w.partner, "", "t-3")).walk("c11", newAddress).leaves() // the access stands: nothing is asked
	if _, err := w.tokens.Exchange(t.Context(), w.partner, grant.Exchange{Code: back.Query().Get("code"), RedirectURI: callback}, customer.Origin{}); err != nil {
		t.Errorf("the partner gets no new token: %v", err)
	}
}

// The code runs out, is mailed four times an hour and guessed five times; a double click mails one.
func TestChangeEmailLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, b := w.settled(email)
	mails := w.mails()
	b.changesEmail(newAddress).changesEmail(newAddress)
	if w.mails() != mails+1 {
		t.Error("a second click mailed a second code")
	}
	first := w.mailed(newAddress)
	w.clock.advance(time.Minute)
	b.changesEmail(newAddress)
	if newest := w.mailed(newAddress); newest != first {
		b.post("code", first).wrong(http.StatusUnprocessableEntity, "newemail.code", "code", "r4.code.wrong")
	}
	w.clock.advance(customer.AddressCodeLife)
	form := b.formTo("")
	form.Set("code", w.mailed(newAddress))
	b.get("/security/email/code").expect(http.StatusOK, "r6").post("password", goodPassword, "code", w.appCode(b.key)).expect(http.StatusOK, "newemail.code")
	b.send("/security/email/code", form).wrong(http.StatusUnprocessableEntity, "newemail.code", "code", "newemail.code.late")
	b.changesEmail("third@kade.example").changesEmail("fourth@kade.example")
	b.get("/security/email").post("new_email", "fifth@kade.example").expect(http.StatusTooManyRequests, "e8")
	wrong := other2(w.mailed("fourth@kade.example"))
	for range 4 {
		b.get("/security/email/code").post("code", wrong)
	}
	b.get("/security/email/code").post("code", w.mailed("fourth@kade.example")).expect(http.StatusTooManyRequests, "e8")
	if got := w.account(o.account.ID); got.Email != email || got.Hold != "" {
		t.Errorf("the account is %+v", got)
	}
	b.get("/account").expect(http.StatusOK, "home")
}

// Whether an address has an account is not told to who cannot read its mailbox: the answers are the same, byte for byte but for
// the address. Who can read it learns it, and nothing is merged.
func TestChangeEmailTellsNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, b := w.settled(email)
	theirs, _ := w.settled("taken@example.org")
	b.changesEmail("taken@example.org")
	taken := strings.ReplaceAll(b.body, "taken@example.org", "")
	b.post("code", other2(w.mailed("taken@example.org"))).wrong(http.StatusUnprocessableEntity, "newemail.code", "code", "r4.code.wrong")
	b.changesEmail("nobody@example.org")
	if free := strings.ReplaceAll(b.body, "nobody@example.org", ""); free != taken {
		t.Errorf("the pages differ:\n%s\n%s", taken, free)
	}
	w.clock.advance(time.Minute)
	b.changesEmail("taken@example.org").post("code", w.mailed("taken@example.org")).wrong(http.StatusUnprocessableEntity, "newemail", "", "newemail.taken")
	if a, c := w.account(o.account.ID), w.account(theirs.account.ID); a.Email != email || c.Email != "taken@example.org" || w.lastReason(o) != "address_taken" {
		t.Errorf("%s and %s, %q", a.Email, c.Email, w.lastReason(o))
	}
	b.get("/security/email/code").expect(http.StatusOK, "newemail")
}

// A thief of the cookie began to change the address to their mailbox, or to add an app of theirs. Whatever the owner does about
// it ends what was begun (the unexpired e-mail change of the pre-hijacking attacks).
func TestWhatAThiefBeganDies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i, c := range []struct {
		name string
		does func(o opened, b *browser)
	}{
		{"password", func(_ opened, b *browser) {
			b.get("/security/password").post("new_password", "another orchard of plain nouns").expect(http.StatusOK, "security")
		}},
		{"sign out everywhere", func(_ opened, b *browser) {
			b.get("/security").fills("/security/sessions/end-others").expect(http.StatusOK, "security")
		}},
		{"a forgotten password replaced", func(o opened, b *browser) {
			address := w.account(o.account.ID).Email
			w.clock.advance(time.Minute)
			w.proven(address).post("code", w.appCode(b.key)).expect(http.StatusOK, "c3").post("new_password", newPassword).expect(http.StatusOK, "home")
			b.get("/signin").post("email", address, "password", newPassword).expect(http.StatusOK, "r2")
			w.clock.advance(time.Minute)
			b.post("code", w.appCode(b.key)).expect(http.StatusOK, "home")
		}},
		{"hold and release", func(o opened, b *browser) {
			if _, err := w.customers.Hold(t.Context(), o.account.ID); err != nil {
				t.Fatal(err)
			}
			if _, err := w.customers.Release(t.Context(), o.account.ID); err != nil {
				t.Fatal(err)
			}
			b.get("/signin").walk("home", w.account(o.account.ID).Email)
		}},
	} {
		address := string(rune('a'+i)) + "@example.org"
		o, b := w.settled(address)
		thief := w.browser().keep(b.cookie()).changesEmail("thief" + address)
		mailed, form := w.mailed("thief"+address), thief.formTo("")
		app := thief.get("/security").fills("/security/app/new").expect(http.StatusOK, "c5")
		before := app.formTo("/security/app", "code", w.appCode(app.appKey()))
		c.does(o, b)
		form.Set("code", mailed)
		for _, with := range []*browser{thief, b} { // even from the owner's browser: it is no one's any more
			with.send("/security/email/code", form)
			with.send("/security/app", before)
			with.get("/security/email/code")
			if with.id == "newemail.code" {
				t.Errorf("%s: the change can still be finished", c.name)
			}
		}
		form.Set("step_token", b.get("/security/email").formTo("/security/email").Get("step_token"))
		b.send("/security/email/code", form)
		if a := w.account(o.account.ID); a.Email != address || len(a.Credentials.Apps) != 1 {
			t.Errorf("%s: the account is %s with %d apps", c.name, a.Email, len(a.Credentials.Apps))
		}
	}
}

// Every form of /security, from a browser that is signed in and proved itself too long ago (a cookie that was stolen, a computer
// that was left), changes nothing and leads to R6; from another site, with another browser's token or without one, it is
// refused; from who is half signed in or not at all it leads to the sign-in.
func TestNothingChangesWithoutAFreshProof(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, b := w.settled(email)
	_, other := w.settled("second@example.org")
	victim := b.elsewhere().get("/signin").walk("home", email)
	w.withPasskeys(o, 8, 9)
	b.get("/security").fills("/security/app/new").expect(http.StatusOK, "c5")
	app := b.formTo("/security/app", "code", w.appCode(b.appKey()))
	b.changesEmail(newAddress)
	code := b.formTo("", "code", w.mailed(newAddress))
	b.get("/security/recovery-codes").post().expect(http.StatusOK, "c7")
	saved := b.formTo("/security/recovery-codes", "saved", "yes")
	factor := b.get("/security/passkeys/8").formTo("/security/passkeys/8", "passkey_name", "mine")
	all := b.get("/security").formTo("/security/sessions/end-others", "session", victim.session())
	forms := map[string]url.Values{
		"/security/app": app, "/security/email/code": code, "/security/recovery-codes": saved, "/security/recovery-codes/download": saved,
		"/security/recovery-codes/new": saved, "/security/passkeys/8": factor, "/security/passkeys/8/remove": factor, "/security/apps/7/remove": factor,
		"/security/sessions/end": all, "/security/sessions/end-others": all, "/security/app/new": all,
		"/security/password": b.get("/security/password").formTo("", "new_password", "another orchard of plain nouns"),
		"/security/email":    b.get("/security/email").formTo("/security/email", "new_email", "thief@example.org"),
		"/security/passkeys": b.get("/security/passkeys").formTo("/security/passkeys", "outcome", "ok", "answer", newDevice(t).create(b.passkeyForm().options)),
	}
	before, mails, events := w.stored(o.account.ID), w.mails(), w.events(o)
	for path, form := range forms {
		without := url.Values{}
		for name, values := range form {
			if name != "step_token" {
				without[name] = values
			}
		}
		for name, e := range map[string]exchange{
			"another site":    w.once(http.MethodPost, path, b.cookie(), form, "Sec-Fetch-Site", "cross-site"),
			"a neighbour":     w.once(http.MethodPost, path, b.cookie(), form, "Sec-Fetch-Site", "same-site"),
			"another browser": w.once(http.MethodPost, path, other.get("/security/password").expect(http.StatusOK, "newpassword").cookie(), form),
			"no token":        w.once(http.MethodPost, path, b.cookie(), without),
		} {
			if e.status != http.StatusForbidden {
				t.Errorf("%s by %s: %d to %q", path, name, e.status, e.location)
			}
		}
		if e := w.once(http.MethodPost, path, "", form); e.status != http.StatusSeeOther || !strings.HasPrefix(e.location, "/signin?to=") {
			t.Errorf("%s without a cookie: %d to %q", path, e.status, e.location)
		}
	}
	w.clock.advance(customer.FreshLife)
	for path, form := range forms {
		if e := w.once(http.MethodPost, path, b.cookie(), form); e.status != http.StatusSeeOther || !strings.HasPrefix(e.location, "/signin/confirm?to=") {
			t.Errorf("%s without a fresh proof: %d to %q", path, e.status, e.location)
		}
	}
	if w.stored(o.account.ID) != before || w.mails() != mails || w.events(o) != events {
		t.Errorf("something changed: %d mails, %d events", w.mails()-mails, w.events(o)-events)
	}
	victim.get("/account").expect(http.StatusOK, "home")
}

// events counts what happened to the account.
func (w *world) events(o opened) int {
	w.t.Helper()
	return w.done(o, "")
}

// Two second steps that are removed at once leave one, whoever is first; and codes made twice at once are one set.
func TestSecurityAtOnce(t *testing.T) {
	t.Parallel()
	if !full() {
		t.Skip("store.TestSecondStepsRemovedAtOnce and store.TestCodesMadeAtOnce are the quick part; LATCHKEY_FULL=1 does it through the pages")
	}
	w := newWorld(t)
	o, b := w.settled(email)
	second := b.elsewhere().get("/signin").walk("home", email)
	w.withPasskeys(o, 8)
	forms := []url.Values{b.get("/security/apps/7").formTo("/security/apps/7/remove"), second.get("/security/passkeys/8").formTo("/security/passkeys/8/remove")}
	cookies, paths := []string{b.cookie(), second.cookie()}, []string{"/security/apps/7/remove", "/security/passkeys/8/remove"}
	together(len(forms), func(i int) { w.once(http.MethodPost, paths[i], cookies[i], forms[i]) })
	if n := w.account(o.account.ID).Credentials.Steps(); n != 1 {
		t.Fatalf("%d second steps are left", n)
	}
	o, b = w.settled("second@example.org")
	making := b.get("/security/recovery-codes").formTo("/security/recovery-codes/new")
	together(8, func(int) { w.once(http.MethodPost, "/security/recovery-codes/new", b.cookie(), making) })
	if n := w.done(o, audit.CodesStarted); n != 1 {
		t.Errorf("codes were made %d times", n)
	}
	saving := b.get("/security/recovery-codes").formTo("/security/recovery-codes", "saved", "yes")
	together(8, func(int) { w.once(http.MethodPost, "/security/recovery-codes", b.cookie(), saving) })
	if n := w.done(o, audit.CodesReplaced); n != 1 {
		t.Errorf("codes were replaced %d times", n)
	}
}

func together(n int, do func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { do(i) })
	}
	all.Wait()
}

// A proof that was fresh when the guard looked is asked for again in the transaction that writes, by every verb: between the two
// minutes can pass, and a page may forget its guard.
func TestFreshProofIsAskedInTheTransaction(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, b := w.settled(email)
	w.withPasskeys(o, 8)
	ctx, ways, fresh := t.Context(), w.door.WaysIn, b.sessionKey()
	verbs := func(in customer.OwnerPost) map[string]error {
		first := func(_ customer.SessionKey, err error) error { return err }
		_, _, app := ways.ProveApp(ctx, in, "123456")
		_, _, reading := ways.Pending(ctx, in.Session, customer.ChangeApp)
		return map[string]error{
			"password": first(ways.SetPassword(ctx, in, "another orchard of plain nouns")), "passkey": first(ways.RemovePasskey(ctx, in, 8)),
			"app": first(ways.RemoveApp(ctx, in, 7)), "name": ways.RenamePasskey(ctx, in, 8, "mine"), "new app": ways.StartApp(ctx, in, 0), "its code": app,
			"codes": ways.StartCodes(ctx, in), "saved": ways.SaveCodes(ctx, in, true), "address": ways.StartEmail(ctx, in, newAddress),
			"its proof": first(ways.ProveEmail(ctx, in, "123456123456")), "session": ways.EndSession(ctx, in, 5), "others": first(ways.SignOutEverywhere(ctx, in)),
			"what was begun": reading, "add": w.door.SignIns.AddPasskey(ctx, customer.PasskeyPost{Session: in.Session}, "mine"),
		}
	}
	before, forged := w.account(o.account.ID), fresh
	forged.Secret = "forged"
	for name, err := range verbs(customer.OwnerPost{Session: forged}) {
		if !errors.Is(err, customer.ErrNoSession) {
			t.Errorf("%s with a forged key: %v", name, err)
		}
	}
	w.clock.advance(customer.FreshLife)
	for name, err := range verbs(customer.OwnerPost{Session: fresh}) {
		if !errors.Is(err, customer.ErrNotFresh) {
			t.Errorf("%s without a fresh proof: %v", name, err)
		}
	}
	w.change(o, func(_ claim.Tx, a *customer.Account) error { a.SessionEpoch++; return nil })
	for name, err := range verbs(customer.OwnerPost{Session: fresh}) {
		if !errors.Is(err, customer.ErrNoSession) {
			t.Errorf("%s of an earlier session epoch: %v", name, err)
		}
	}
	w.change(o, func(_ claim.Tx, a *customer.Account) error { a.SessionEpoch--; return nil })
	if a := w.account(o.account.ID); a.Credentials.Steps() != 2 || a.Credentials.PasswordHash != before.Credentials.PasswordHash || a.Email != email {
		t.Error("something changed")
	}
}

// sessionKey is the key in the browser's cookie.
func (b *browser) sessionKey() customer.SessionKey {
	b.w.t.Helper()
	var held struct {
		Key customer.SessionKey `json:"s"`
	}
	plain, err := b.w.keys.OpenCookie("lk", b.cookie())
	if err == nil {
		err = json.Unmarshal(plain, &held)
	}
	if err != nil {
		b.w.t.Fatal(err)
	}
	return held.Key
}

// Trouble with the database is 503 on each form of /security and at R6: never a wrong password, never half a change (I7, I11).
func TestSecurityInTrouble(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, b := w.settled(email)
	w.withPasskeys(o, 8)
	before := func() string {
		a := w.account(o.account.ID)
		return a.Credentials.PasswordHash + a.Email + strconv.Itoa(a.Credentials.Steps())
	}
	for _, c := range []struct {
		path, form string
		values     []string
	}{
		{"/security/password", "", []string{"new_password", "another orchard of plain nouns"}},
		{"/security/passkeys/8", "/security/passkeys/8/remove", nil},
		{"/security", "/security/sessions/end-others", nil},
		{"/security/email", "/security/email", []string{"new_email", newAddress}},
	} {
		w.hide(newAddress)
		action := c.form
		if action == "" {
			action = c.path
		}
		form, was := b.get(c.path).formTo(c.form, c.values...), before()
		for n := 1; ; n++ {
			if n == 2 {
				continue // it only notes that the session is in use
			}
			w.faults.fail(n, false)
			e := w.once(http.MethodPost, action, b.cookie(), form)
			met := w.faults.heal()
			if e.status == http.StatusSeeOther && !strings.HasPrefix(e.location, "/signin") { // nothing met it, or it came too late to matter
				if n < 4 {
					t.Errorf("%s: done after %d uses", action, n)
				}
				if e.cookie != "" {
					b.keep(e.cookie)
				}
				break
			}
			w.checkTrouble(action, e)
			if !met || e.status == http.StatusSeeOther || before() != was {
				t.Errorf("%s, use %d: leads to %s, or changed something", action, n, e.location)
				break
			}
		}
	}
	w.clock.advance(customer.FreshLife)
	b.get("/security/email").expect(http.StatusOK, "r6")
	form := b.formTo("/signin/confirm?to=email", "password", "another orchard of plain nouns", "code", w.appCode(b.key))
	for n := 1; ; n++ {
		w.faults.fail(n, false)
		e := w.once(http.MethodPost, "/signin/confirm?to=email", b.cookie(), form)
		if !w.faults.heal() {
			if e.location != "/security/email" {
				t.Errorf("R6: %d to %q", e.status, e.location)
			}
			break
		}
		w.checkTrouble("R6", e)
		if n == 4 {
			w.clock.advance(time.Minute) // each try was counted before it was cut off
			form.Set("code", w.appCode(b.key))
		}
	}
}
