package claim_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// wait is how long an Exceeded says to wait; it fails the test for any other error.
func wait(t *testing.T, err error) time.Duration {
	t.Helper()
	var e limit.Exceeded
	if !errors.As(err, &e) {
		t.Fatalf("%v, want a wait", err)
	}
	return e.Wait
}

func (w *world) tries(key limit.Key) (n limit.Tries) {
	w.t.Helper()
	w.view(func(tx claim.Tx) (err error) { n, err = tx.Tries(key); return err })
	return n
}

// TestI12MailedCodesWait: five wrong an hour over all journeys of the account, and the wait ends; the right one after the
// wait passes.
func TestI12MailedCodesWait(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	code := o.minted()
	one, two := o.browser(), o.browser()
	for _, b := range []*browser{one, two} {
		must(t, b.open(code))
		must(t, b.start())
	}
	for i := range 5 {
		b := []*browser{one, two}[i%2]
		wants(t, "a wrong code", b.prove(b.wrong()), customer.ErrCodeWrong)
	}
	left := wait(t, one.prove(one.mailed()))
	if left != time.Hour || wait(t, two.prove(two.mailed())) != time.Hour {
		t.Errorf("wait %v", left)
	}
	w.advance(time.Hour - time.Millisecond)
	for _, b := range []*browser{one, two} { // the session goes on meanwhile
		b.see()
	}
	wait(t, one.prove("123456"))
	w.advance(time.Millisecond)
	wants(t, "the right code, late by now", one.prove(one.mailed()), claim.ErrCodeLate)
	must(t, one.prove(one.mailed()))
	one.stands(claim.StepPassword, claim.NotOver)
}

// TestI12RightCodesAreNotWrongOnes: proofs that succeed are not counted for the lifetime, which is of wrong tries.
func TestI12RightCodesAreNotWrongOnes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	for range 25 {
		w.advance(time.Hour)
		b := o.opened()
		must(t, b.start())
		wants(t, "a slip", b.prove(b.wrong()+" x"), customer.ErrCodeFormat)
		must(t, b.prove(b.mailed()))
	}
	if n := w.tries(customer.MailedCodeKey(o.account)); n.Total != 0 || n.Count != 0 {
		t.Errorf("%d right tries are counted, %d in all", n.Count, n.Total)
	}
}

// TestI12HoldAfterTwenty: twenty wrong codes hold the account; its partner can still come in and correct the address, and
// then everything begins anew (design 10.4).
func TestI12HoldAfterTwenty(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	var last *browser
	for n := range 20 {
		if n%5 == 0 {
			w.advance(time.Hour)
			last = o.opened()
			must(t, last.start())
		}
		if a := w.account(o.account); a.Hold != "" {
			t.Fatalf("held after %d", n)
		}
		wants(t, "a wrong code", last.prove(last.wrong()), customer.ErrCodeWrong)
	}
	if a := w.account(o.account); a.Hold != customer.HoldEmailTries {
		t.Fatalf("hold %q", a.Hold)
	}
	last.stands(claim.StepOver, claim.OverHeld)
	wants(t, "the right code", last.prove(last.mailed()), claim.ErrNotNow)
	w.advance(24 * time.Hour)
	code, err := o.mint()
	if err != nil {
		o.issue, err = w.tokens.Registration(t.Context(), w.acme, o.email, o.registration, customer.Origin{})
		must(t, err)
		access, err := w.tokens.Access(t.Context(), o.issue.Access)
		must(t, err)
		o.caller = access.Caller("", "")
		code = o.minted()
	}
	wants(t, "opening", o.browser().open(code), customer.ErrHeld)
	_, err = w.customers.SetContactEmail(t.Context(), o.caller, o.email)
	must(t, err)
	wants(t, "opening after the same address again", o.browser().open(code), customer.ErrHeld)
	o.email = "mira.kade@example.com"
	_, err = w.customers.SetContactEmail(t.Context(), o.caller, o.email)
	must(t, err)
	b := o.opened()
	must(t, b.start())
	wants(t, "a slip", b.prove(b.wrong()), customer.ErrCodeWrong)
	b.to(claim.StepPassword)
}

// TestI12AddressTries: five addresses typed on one opened link, and no waiting helps; another link begins anew.
func TestI12AddressTries(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	code := o.minted()
	b, fresh := o.browser(), o.browser()
	must(t, b.open(code))
	must(t, fresh.open(code))
	wants(t, "no address", b.startAs("mira"), customer.ErrNotAnAddress) // not counted
	for range 5 {
		wants(t, "another address", b.startAs("eve@example.org"), claim.ErrOtherAddress)
	}
	if left := wait(t, b.start()); left != 0 {
		t.Errorf("wait %v where none helps", left)
	}
	if b.session.ID != 0 || len(w.mails()) != 0 {
		t.Error("a refused start left a session or sent a mail")
	}
	must(t, fresh.startAs("Mira.Kade@EXAMPLE.org"))
}

// TestMailedCodes: late, sent again, reset by a newer one, and how often.
func TestMailedCodes(t *testing.T) {
	t.Parallel()
	for after, want := range map[time.Duration]error{-time.Millisecond: nil, 0: claim.ErrCodeLate, time.Millisecond: claim.ErrCodeLate} {
		w := newWorld(t)
		b := w.onboard(w.acme, "mira.kade@example.org").opened()
		must(t, b.start())
		first := b.mailed()
		w.advance(claim.MailedCodeLife + after)
		wants(t, "15 minutes and "+after.String(), b.prove(first), want)
		if want == nil {
			continue
		}
		second := b.mailed()
		if second == "" || len(w.mails()) != 2 {
			t.Fatalf("no new mail: %d", len(w.mails()))
		}
		if first != second {
			wants(t, "the first again", b.prove(first), customer.ErrCodeWrong)
		}
		must(t, b.prove(second))
	}
	w := newWorld(t)
	b := w.onboard(w.acme, "mira.kade@example.org").opened()
	must(t, b.start())
	first := b.mailed()
	must(t, w.claims.SendCode(t.Context(), b.post())) // a double click of the first
	if b.mailed() != first {
		t.Error("a double click made the first code worthless")
	}
	for range 3 {
		w.advance(10 * time.Second)
		must(t, w.claims.SendCode(t.Context(), b.post()))
	}
	w.advance(10 * time.Second)
	if left := wait(t, w.claims.SendCode(t.Context(), b.post())); left <= 59*time.Minute || left > time.Hour || len(w.mails()) != 4 {
		t.Errorf("the fifth mail within an hour: wait %v, %d mails", left, len(w.mails()))
	}
	for _, typed := range []struct {
		text string
		want error
	}{{"", customer.ErrCodeEmpty}, {"12345", customer.ErrCodeFormat}, {"abcdef", customer.ErrCodeFormat}} {
		wants(t, typed.text, b.prove(typed.text), typed.want)
	}
	digits := b.mailed()
	must(t, b.prove(" "+digits[:3]+"-"+digits[3:]+" "))
	wants(t, "nothing typed on a finished step", b.prove(""), claim.ErrNotNow)
	wants(t, "sending on a finished step", w.claims.SendCode(t.Context(), b.post()), claim.ErrNotNow)
}

// TestSilence: 15 minutes without a step before C3 ask for a new mailed code, later for the password just set (design 10.7).
func TestSilence(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	b := o.opened().to(claim.StepPassword)
	w.advance(claim.SilenceLife)
	b.stands(claim.StepEmail, claim.NotOver)
	wants(t, "a password after the silence", b.setPassword(), claim.ErrNotNow)
	wants(t, "no code is out", b.prove("123456"), claim.ErrCodeLate)
	must(t, b.prove(b.mailed()))
	b.see()
	b.to(claim.StepApp)
	w.advance(claim.SilenceLife)
	b.stands(claim.StepPasswordAgain, claim.NotOver)
	wants(t, "an app after the silence", b.addApp(), claim.ErrNotNow)
	again := func(text string) error { return w.claims.PasswordAgain(t.Context(), b.post(), text) }
	wants(t, "nothing", again(""), customer.ErrNoPassword)
	for range 5 {
		wants(t, "another password", again("not "+password), customer.ErrSignIn)
	}
	if left := wait(t, again(password)); left != time.Minute {
		t.Errorf("wait %v", left)
	}
	w.advance(time.Minute)
	must(t, again(password))
	wants(t, "again on a finished step", again(""), claim.ErrNotNow)
	b.to(claim.StepReview)
}

// TestI12UntriedTriesAreGivenBack: when the password was not compared, because too many were or because its row is broken,
// the try is not counted: a flood must not use up the honest ones.
func TestI12UntriedTriesAreGivenBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	b := o.ready() // its "hash" cannot be read
	w.advance(claim.SilenceLife)
	for range 8 {
		wants(t, "a broken row, again", w.claims.PasswordAgain(t.Context(), b.post(), password), secret.ErrPasswordHash)
	}
	b.stands(claim.StepPasswordAgain, claim.NotOver)
	id := strconv.FormatInt(int64(o.account), 10)
	if n := w.tries(limit.NewKey(limit.KindPassword, id, b.network)); n.Count != 0 || n.Total != 0 || !n.Until.IsZero() {
		t.Errorf("counted: %+v", n)
	}
	owner := w.onboard(w.acme, "owner@example.org")
	done := owner.opened().to(claim.StepReview)
	w.change(owner.account, func(a *customer.Account, _ *customer.Profile) { a.Credentials.PasswordHash = "broken" })
	for range 8 {
		wants(t, "a broken row", done.signIn(), secret.ErrPasswordHash)
	}
	w.change(owner.account, func(a *customer.Account, _ *customer.Profile) { a.Credentials.PasswordHash = "" })
	wants(t, "no hash at all", done.signIn(), secret.ErrPasswordHash)
	id = strconv.FormatInt(int64(owner.account), 10)
	for _, key := range []limit.Key{limit.NewKey(limit.KindPassword, id, done.network), limit.NewKey(limit.KindAccount, id)} {
		if n := w.tries(key); n.Count != 0 || n.Total != 0 {
			t.Errorf("%s counted: %+v", key.Kind, n)
		}
	}
}

// TestI12FloodOfSignIns: with room for one hash at a time and no queue most are turned away. What is counted is what was
// compared, no more and no less.
func TestI12FloodOfSignIns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.claims.Passwords = secret.NewPasswords(1, 10) // at what it costs outside tests
	o := w.onboard(w.acme, "mira.kade@example.org")
	b := o.opened().to(claim.StepReview)
	w.signins.Passwords = secret.NewPasswords(1, 0)
	var fns []func() error
	for range crowd {
		fns = append(fns, func() error {
			_, err := w.signins.Password(context.Background(), customer.SessionKey{}, o.email, "wrong "+password, false, b.origin())
			return err
		})
	}
	errs := together(fns...)
	wrong, busy, waits := count(errs, customer.ErrSignIn), count(errs, secret.ErrBusy), count(errs, limit.ErrExceeded)
	if wrong+busy+waits != crowd || wrong == 0 || busy == 0 {
		t.Fatalf("%d wrong, %d busy, %d told to wait of %d", wrong, busy, waits, crowd)
	}
	id := strconv.FormatInt(int64(o.account), 10)
	for _, key := range []limit.Key{limit.NewKey(limit.KindPassword, id, b.network), limit.NewKey(limit.KindAccount, id)} {
		if n := w.tries(key); n.Count != wrong || n.Total != wrong {
			t.Errorf("%s: %d counted, %d compared (%d busy, %d told to wait)", key.Kind, n.Count, wrong, busy, waits)
		}
	}
}

// TestI12WaitsEnd: five wrong passwords, then waits of 1, 5, 15 and 60 minutes, per network; after each the owner gets in,
// and a wait never grows by being told.
func TestI12WaitsEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	o.opened().to(claim.StepReview)
	w.advance(time.Minute)
	try := func(network, text string) error {
		_, err := w.signins.Password(t.Context(), customer.SessionKey{}, o.email, text, false, customer.Origin{Network: network})
		return err
	}
	for range 5 {
		wants(t, "wrong", try("net", "wrong"), customer.ErrSignIn)
	}
	for _, minutes := range []time.Duration{1, 5, 15, 60, 60} {
		for range 3 {
			if left := wait(t, try("net", password)); left != minutes*time.Minute {
				t.Errorf("wait %v, want %d minutes", left, minutes)
			}
		}
		wants(t, "another network meanwhile", try("other", password), nil)
		w.advance(minutes * time.Minute)
		wants(t, "wrong", try("net", "wrong"), customer.ErrSignIn)
	}
	w.advance(time.Hour)
	must(t, try("net", password))
	for range 4 {
		wants(t, "wrong", try("net", "wrong"), customer.ErrSignIn)
	}
	must(t, try("net", password))
	// Strangers on a hundred networks spend the account's budget of a day; the wait for it ends too, and typing more
	// does not make it longer.
	for n := 0; ; n++ {
		if err := try("net"+strconv.Itoa(n), "wrong"); errors.Is(err, limit.ErrExceeded) {
			break
		}
		if n > 100 {
			t.Fatal("no end to guessing")
		}
	}
	left := wait(t, try("home", password))
	w.advance(left)
	must(t, try("home", password))
}

// TestOneStepOfTheAppForManySignIns: 64 browsers with the right password show one code at once; one passes.
func TestOneStepOfTheAppForManySignIns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	b := o.opened().to(claim.StepReview)
	w.advance(time.Minute)
	keys := make([]customer.SessionKey, crowd)
	for i := range keys {
		var err error
		keys[i], err = w.signins.Password(t.Context(), customer.SessionKey{}, o.email, password, false, o.browser().origin())
		must(t, err)
	}
	code := secret.AppCode(b.app, w.now())
	var fns []func() error
	for i := range keys {
		origin := o.browser().origin()
		fns = append(fns, func() error { _, err := w.signins.SecondStep(context.Background(), keys[i], code, origin); return err })
	}
	errs := together(fns...)
	if count(errs, nil) != 1 || count(errs, customer.ErrCodeReused) != crowd-1 {
		t.Errorf("%d passed, %d were told that the code was used: %v", count(errs, nil), count(errs, customer.ErrCodeReused), errs)
	}
	if n := len(w.events(audit.Filter{Action: audit.SigninSucceeded})); n != 1 {
		t.Errorf("%d sign-ins in the audit", n)
	}
}
