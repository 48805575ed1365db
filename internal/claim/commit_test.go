package claim_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/limit"
)

// ready is a browser that stands before the commit. The password is written without its slow hash: nobody signs in here.
func (o *onboarding) ready() *browser {
	o.w.t.Helper()
	b := o.opened().to(claim.StepPassword)
	must(o.w.t, o.w.claims.KeepPassword(context.Background(), b.post(), "a hash"))
	return b.to(claim.StepRecoveryCodes)
}

// TestI2EveryVerbOfThePartnerIsSevered: with the commit, each verb that takes a caller refuses the one of before, whatever
// it is asked; so do verbs that are added later, since they are found by their signature.
func TestI2EveryVerbOfThePartnerIsSevered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	o.ready().to(claim.StepReview)
	w.refusesEverywhere("the creator, after the commit", o)
}

// TestI2EveryVerbIsSeveredByALaterEpoch: a customer's token of before a recovery, an e-mail change or a close, which raise
// the epoch again.
func TestI2EveryVerbIsSeveredByALaterEpoch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	way, err := o.opened().to(claim.StepReturn).back()
	must(t, err)
	issue, err := w.exchange(w.acme, way.Return.Code)
	must(t, err)
	access, err := w.tokens.Access(t.Context(), issue.Access)
	must(t, err)
	o.caller = access.Caller("", "")
	_, err = w.customers.Me(t.Context(), o.caller)
	must(t, err)
	w.change(o.account, func(a *customer.Account, _ *customer.Profile) { a.Epoch++ })
	w.refusesEverywhere("a partner, after a later epoch", o)
}

// callAll calls a verb with one argument for each parameter, the last of them a list where it takes any number.
func callAll(verb reflect.Value, arguments []reflect.Value) []reflect.Value {
	if verb.Type().IsVariadic() {
		return verb.CallSlice(arguments)
	}
	return verb.Call(arguments)
}

// refusesEverywhere calls every verb that takes a caller.
func (w *world) refusesEverywhere(who string, o *onboarding) {
	w.t.Helper()
	calls := 0
	for _, verbs := range []any{w.customers, w.claims} {
		v := reflect.ValueOf(verbs)
		for i := range v.NumMethod() {
			method := v.Method(i)
			if method.Type().NumIn() < 2 || method.Type().In(1) != reflect.TypeFor[customer.Caller]() {
				continue
			}
			calls++
			before := w.snapshot(o, "", "")
			out := callAll(method, arguments(w.t, method.Type(), o))
			err, _ := out[len(out)-1].Interface().(error)
			wants(w.t, who+": "+v.Type().Method(i).Name, err, customer.ErrStale)
			if !reflect.DeepEqual(w.snapshot(o, "", ""), before) {
				w.t.Errorf("%s: %s changed the account", who, v.Type().Method(i).Name)
			}
		}
	}
	w.t.Logf("%d verbs take a caller", calls)
	if calls < 20 {
		w.t.Errorf("only %d verbs take a caller", calls)
	}
}

// arguments are a caller of before the commit, and for the rest what a partner would send.
func arguments(t *testing.T, f reflect.Type, o *onboarding) []reflect.Value {
	t.Helper()
	var args []reflect.Value
	for i := range f.NumIn() {
		switch f.In(i) {
		case reflect.TypeFor[context.Context]():
			args = append(args, reflect.ValueOf(t.Context()))
		case reflect.TypeFor[customer.Caller]():
			args = append(args, reflect.ValueOf(o.caller))
		case reflect.TypeFor[customer.ProfileID]():
			args = append(args, reflect.ValueOf(o.profile))
		case reflect.TypeFor[customer.Idempotency]():
			args = append(args, reflect.ValueOf(plain("key")))
		case reflect.TypeFor[string]():
			args = append(args, reflect.ValueOf(o.registration))
		default:
			args = append(args, reflect.Zero(f.In(i)))
		}
	}
	return args
}

// TestI2EverythingOfALowerEpochIsDead: registration code, tokens, codes, tickets, other browsers, stored replies.
func TestI2EverythingOfALowerEpochIsDead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	second, err := w.tokens.Registration(t.Context(), w.acme, o.email, o.registration, customer.Origin{})
	must(t, err)
	refreshed, err := w.tokens.Refresh(t.Context(), w.acme, second.Refresh, customer.Origin{})
	must(t, err)
	code := o.minted()
	opened, started := o.browser(), o.browser()
	must(t, opened.open(code))
	must(t, started.open(code))
	must(t, started.start())
	digits := started.mailed()
	winner := o.browser()
	must(t, winner.open(code))
	winner.to(claim.StepRecoveryCodes)
	newer := o.minted()
	held := winner.session
	must(t, winner.commit())

	_, err = w.tokens.Registration(t.Context(), w.acme, o.email, o.registration, customer.Origin{})
	wants(t, "the registration code", err, grant.ErrInvalidCredentials)
	for name, issue := range map[string]grant.Issue{"first": o.issue, "second": second, "refreshed": refreshed} {
		_, err = w.tokens.Access(t.Context(), issue.Access)
		wants(t, name+" access token", err, grant.ErrInvalidToken)
		_, err = w.tokens.Refresh(t.Context(), w.acme, issue.Refresh, customer.Origin{})
		wants(t, name+" refresh token", err, grant.ErrInvalidGrant)
	}
	for name, text := range map[string]string{"spent": code, "newer": newer} {
		wants(t, "the "+name+" claim code", o.browser().open(text), claim.ErrAlreadyClaimed)
	}
	wants(t, "a ticket", opened.start(), claim.ErrAlreadyClaimed)
	wants(t, "a mailed code", started.prove(digits), claim.ErrNotNow)
	wants(t, "sending another", w.claims.SendCode(t.Context(), started.post()), claim.ErrNotNow)
	wants(t, "an objection", w.claims.Object(t.Context(), started.post()), claim.ErrNotNow)
	must(t, w.claims.ObjectTicket(t.Context(), opened.ticket, opened.origin())) // changes nothing
	started.stands(claim.StepOver, claim.OverClaimed)

	old := *winner
	old.session = held
	wants(t, "the session's secret of before", old.confirm(), claim.ErrNotNow)
	w.advance(customer.PreviousLife)
	old.stands(claim.StepSignIn, claim.NotOver)
	a := w.account(o.account)
	if !a.Owned() || a.Epoch != 2 || a.SessionEpoch != 2 || len(a.Registration) != 0 || a.LiveJourney != 0 || !a.Credentials.Complete() {
		t.Errorf("the account: %+v", a)
	}
	must(t, winner.confirm())
	must(t, winner.decide(true, w.acme.OptionalScopes...))
	way, err := winner.back()
	must(t, err)
	issue, err := w.exchange(w.acme, way.Return.Code)
	must(t, err)
	access, err := w.tokens.Access(t.Context(), issue.Access)
	must(t, err)
	_, body, err := w.customers.CreatePersonal(t.Context(), access.Caller("", ""), customer.Personal{Values: details}, plain(""))
	wants(t, "a second profile", err, customer.ErrProfileExists)
	if body != nil {
		t.Error("a stored reply came back")
	}
}

// TestI2StoredRepliesDieWithTheEpoch: the same key, client and account, before and after.
func TestI2StoredRepliesDieWithTheEpoch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, err := w.customers.Create(t.Context(), w.acme, customer.Signup{Email: "mira.kade@example.org", RegistrationCode: "r"}, "", "")
	must(t, err)
	issue, err := w.tokens.Registration(t.Context(), w.acme, a.Email, "r", customer.Origin{})
	must(t, err)
	access, err := w.tokens.Access(t.Context(), issue.Access)
	must(t, err)
	o := &onboarding{w: w, partner: w.acme, email: a.Email, registration: "r", account: a.ID, issue: issue, caller: access.Caller("", "")}
	for range 2 { // the second is the stored one
		_, body, err := w.customers.CreatePersonal(t.Context(), o.caller, customer.Personal{Values: details}, plain("key"))
		if must(t, err); string(body) != "answer" {
			t.Errorf("answer %q", body)
		}
	}
	b := o.ready().to(claim.StepReturn)
	way, err := b.back()
	must(t, err)
	issue, err = w.exchange(w.acme, way.Return.Code)
	must(t, err)
	access, err = w.tokens.Access(t.Context(), issue.Access)
	must(t, err)
	_, body, err := w.customers.CreatePersonal(t.Context(), access.Caller("", ""), customer.Personal{Values: details}, plain("key"))
	wants(t, "the same key after the commit", err, customer.ErrProfileExists)
	if body != nil {
		t.Errorf("a reply of before the commit came back: %q", body)
	}
}

// rivals are the partner's calls that race the commit. Each error but the named ones is a failure.
func (o *onboarding) rivals() map[string]struct {
	call    func() error
	refused []error
} {
	ctx, w := context.Background(), o.w
	type rival = struct {
		call    func() error
		refused []error
	}
	stale := []error{customer.ErrStale}
	return map[string]rival{
		"contact e-mail": {func() error {
			_, err := w.customers.SetContactEmail(ctx, o.caller, "attacker@example.org")
			return err
		}, stale},
		"profile": {func() error {
			_, err := w.customers.UpdatePersonal(ctx, o.caller, o.profile, customer.Personal{Values: map[customer.Field]string{customer.LastName: "Attacker"}})
			return err
		}, stale},
		"mint": {func() error { _, err := o.mint(); return err }, stale},
		"registration code": {func() error {
			_, err := w.tokens.Registration(ctx, o.partner, o.email, o.registration, customer.Origin{})
			return err
		}, []error{grant.ErrInvalidCredentials}},
		"refresh": {func() error {
			_, err := w.tokens.Refresh(ctx, o.partner, o.issue.Refresh, customer.Origin{})
			return err
		}, []error{grant.ErrInvalidGrant}},
		"a second profile": {func() error {
			_, _, err := w.customers.CreatePersonal(ctx, o.caller, customer.Personal{Values: details}, plain("k"))
			return err
		}, []error{customer.ErrStale, customer.ErrProfileExists}},
	}
}

// severed looks at the account after a race: whoever came first, nothing of the partner's is written after the commit.
func (o *onboarding) severed(what string, committed bool) {
	o.w.t.Helper()
	a := o.w.account(o.account)
	if committed != (a.State == customer.Claimed) {
		o.w.t.Errorf("%s: the commit answered %t, the account is %s", what, committed, a.State)
	}
	if !committed {
		if a.Epoch != 1 || !reflect.DeepEqual(a.Credentials, customer.Credentials{}) {
			o.w.t.Errorf("%s: a refused commit left epoch %d and credentials", what, a.Epoch)
		}
		return
	}
	if a.Epoch != 2 || a.Address() != o.email {
		o.w.t.Errorf("%s: claimed with epoch %d and address %s", what, a.Epoch, a.Address())
	}
	after := true // newest first
	for _, e := range o.w.events(audit.Filter{Account: int64(o.account)}) {
		if e.Action == audit.JourneyClaimed {
			after = false
		}
		if after && e.Outcome == audit.Allowed && e.Actor.Kind == audit.ActorPartner {
			o.w.t.Errorf("%s: %s after the commit", what, e.Action)
		}
	}
	if _, err := o.w.tokens.Access(context.Background(), o.issue.Access); !errors.Is(err, grant.ErrInvalidToken) {
		o.w.t.Errorf("%s: the partner's token after the commit: %v", what, err)
	}
}

// TestI2RacesInBothOrders: each of the partner's calls before the commit and after it.
func TestI2RacesInBothOrders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := 0
	fresh := func() (*onboarding, *browser) {
		n++
		o := w.onboard(w.acme, fmt.Sprintf("mira%d@example.org", n))
		return o, o.ready()
	}
	first, _ := fresh()
	for name := range first.rivals() {
		o, b := fresh()
		rival := o.rivals()[name]
		err := rival.call()
		if name == "a second profile" {
			wants(t, name+" before the commit", err, customer.ErrProfileExists)
		} else {
			must(t, err)
		}
		if err := b.commit(); name == "contact e-mail" {
			wants(t, "the commit after "+name, err, claim.ErrNotNow)
			o.severed(name, false)
		} else {
			must(t, err)
			o.severed(name, true)
		}

		o, b = fresh()
		rival = o.rivals()[name]
		must(t, b.commit())
		wants(t, name+" after the commit", rival.call(), rival.refused[0])
		o.severed(name, true)
	}
}

// TestI2RacesAtOnce: the same at the same time, many rounds, several of each.
func TestI2RacesAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rounds, won := 12, 0
	for round := range rounds {
		o := w.onboard(w.acme, fmt.Sprintf("mira%d@example.org", round))
		b := o.ready()
		twin := *b // the same cookie in another tab
		fns, names := []func() error{b.commit, twin.commit}, []string{"commit", "commit"}
		for name, rival := range o.rivals() {
			if name == "contact e-mail" && round%2 == 0 {
				continue // it nearly always wins, and with it no commit takes place
			}
			for range 3 {
				names = append(names, name)
				fns = append(fns, func() error {
					err := rival.call()
					for _, allowed := range append(rival.refused, limit.ErrExceeded) {
						if errors.Is(err, allowed) {
							return nil
						}
					}
					return err
				})
			}
		}
		errs := together(fns...)
		if n := count(errs[:2], nil); n > 1 {
			t.Errorf("round %d: %d commits", round, n)
		}
		won += count(errs[:2], nil)
		for i, err := range errs[2:] {
			wants(t, names[i+2], err, nil)
		}
		o.severed(fmt.Sprint("round ", round), count(errs[:2], nil) == 1)
	}
	t.Logf("%d of %d commits came before a change of the address", won, rounds)
}

// TestI2TwoCopiesOfOneAddress: pending accounts of two partners with one address; both stand before the commit; one gets the
// address, the other browser learns that it has an account (design 10.1, E10).
func TestI2TwoCopiesOfOneAddress(t *testing.T) {
	t.Parallel()
	for range 5 {
		w := newWorld(t)
		a, b := w.onboard(w.acme, "mira.kade@example.org"), w.onboard(w.globex, "Mira.Kade@EXAMPLE.org")
		one, two := a.ready(), b.ready()
		errs := together(one.commit, two.commit)
		if count(errs, nil) != 1 || count(errs, claim.ErrNotNow) != 1 {
			t.Fatalf("%v", errs)
		}
		loser, winner := two, one
		if errs[0] != nil {
			loser, winner = one, two
		}
		loser.stands(claim.StepOver, claim.OverExisting)
		winner.stands(claim.StepReview, claim.NotOver)
		copied := w.account(loser.o.account)
		if copied.State != customer.Pending || copied.Epoch != 1 || !reflect.DeepEqual(copied.Credentials, customer.Credentials{}) {
			t.Errorf("the copy: %+v", copied)
		}
		if j, err := loser.journey(); err != nil || j.Provisional.PasswordHash != "" || len(j.RecoveryTexts) != 0 {
			t.Errorf("the loser's journey keeps credentials: %v", err)
		}
		wants(t, "committing again", loser.commit(), claim.ErrNotNow)
	}
}

// TestI3NothingIsInherited: before the commit no account has a credential, and who comes after an abandoned journey begins
// with nothing: not its password, not its app, not its recovery codes, not its proof.
func TestI3NothingIsInherited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	first := o.opened()
	for _, s := range first.steps() {
		if a := w.account(o.account); a.State == customer.Pending && !reflect.DeepEqual(a.Credentials, customer.Credentials{}) {
			t.Errorf("before %s the account has credentials", s.at)
		}
		if s.at == claim.StepRecoveryCodes {
			break
		}
		must(t, s.take())
	}
	abandoned, err := first.journey()
	must(t, err)
	wants(t, "signing in to a pending account", first.signIn(), customer.ErrSignIn)

	second := o.opened()
	second.to(claim.StepPassword)
	j, err := second.journey()
	must(t, err)
	if !reflect.DeepEqual(j.Provisional, customer.Credentials{}) || len(j.AppSecret) != 0 || len(j.RecoveryTexts) != 0 {
		t.Error("the second journey begins with credentials of the first")
	}
	wants(t, "the first commits after the second proof", first.commit(), claim.ErrNotNow)
	second.to(claim.StepRecoveryCodes)
	j, err = second.journey()
	must(t, err)
	if reflect.DeepEqual(j.Provisional, abandoned.Provisional) || reflect.DeepEqual(j.RecoveryTexts, abandoned.RecoveryTexts) {
		t.Error("the second journey has the credentials of the first")
	}
	must(t, second.commit())
	a := w.account(o.account)
	if a.Credentials.PasswordHash != j.Provisional.PasswordHash || !reflect.DeepEqual(a.Credentials.Apps[0].Secret, second.app) {
		t.Error("the account has other credentials than the journey that committed")
	}
	if j, err = second.journey(); err != nil || !reflect.DeepEqual(j.Provisional, customer.Credentials{}) || len(j.RecoveryTexts) != 0 || len(j.AppSecret) != 0 {
		t.Errorf("credentials stay on the journey after the commit: %v", err)
	}
}

// TestI3SessionsEnd: an unfinished journey ends with its session, and a new code is needed; nothing goes on by itself.
func TestI3SessionsEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	b := o.ready()
	w.advance(customer.IdleLife)
	b.stands(claim.StepOver, claim.OverSession)
	wants(t, "a late commit", b.commit(), claim.ErrNotNow)
	if a := w.account(o.account); a.State != customer.Pending {
		t.Error("a form posted late is applied")
	}
	w.advance(time.Hour)
	next := o.opened().to(claim.StepPassword)
	next.stands(claim.StepPassword, claim.NotOver)
}
