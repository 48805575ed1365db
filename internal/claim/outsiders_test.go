package claim_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
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

// TestI9AuditHoldsNoValues: a journey in which every value is a canary, right and wrong; none of them is in any event.
func TestI9AuditHoldsNoValues(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "canary.mira@canary.example")
	canaries := []string{"canary", o.registration, o.issue.Access, o.issue.Refresh, password, callback, "s%2B1", "attacker"}
	for f, v := range details {
		if f != customer.Country { // two letters are everywhere
			canaries = append(canaries, v)
		}
	}
	code := o.minted()
	b := o.browser()
	must(t, b.open(code))
	_ = o.browser().open(code[:35] + "x")
	_ = b.startAs("canary.attacker@canary.example")
	b.to(claim.StepEmail)
	digits := b.mailed()
	wants(t, "a wrong code", b.prove(b.wrong()), customer.ErrCodeWrong)
	b.to(claim.StepApp)
	j, err := b.journey()
	must(t, err)
	canaries = append(canaries, code, digits, string(j.AppSecret), secret.AppKeyText(j.AppSecret), j.Provisional.PasswordHash, b.session.Secret, b.text)
	b.to(claim.StepRecoveryCodes)
	j, err = b.journey()
	must(t, err)
	canaries = append(canaries, j.RecoveryTexts...)
	b.to(claim.StepReview)
	must(t, w.claims.Correct(t.Context(), b.post(), claim.Correction{Values: map[customer.Field]string{customer.City: "Canaryville", customer.LastName: "Canaryson"}}))
	b.to(claim.StepReturn)
	way, err := b.back()
	must(t, err)
	issue, err := w.exchange(w.acme, way.Return.Code)
	must(t, err)
	_, _ = w.exchange(w.globex, way.Return.Code)
	_, _ = w.exchange(w.acme, way.Return.Code)
	_, _ = w.tokens.Registration(t.Context(), w.acme, o.email, "attacker's guess at a registration code", customer.Origin{})
	wrong := *b
	wrong.app = []byte("attackers app secret")
	_ = wrong.signIn()
	canaries = append(canaries, way.Return.Code, issue.Access, issue.Refresh, b.session.Secret)
	entries := w.events(audit.Filter{})
	if len(entries) < 20 {
		t.Fatalf("%d events", len(entries))
	}
	for _, e := range entries {
		// Texts only: digits of the clock and of ids are no codes.
		text := strings.ToLower(fmt.Sprint(e.Action, e.Outcome, e.Reason, e.Actor.Kind, e.Reference, e.Network, e.Detail))
		for _, canary := range canaries {
			if canary != "" && strings.Contains(text, strings.ToLower(canary)) {
				t.Errorf("%s holds %q: %s", e.Action, canary, text)
			}
		}
	}
}

// TestI10ForeignIsUnknown: every verb that takes an id answers for somebody else's as for one that does not exist, and
// changes nothing.
func TestI10ForeignIsUnknown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	mine, theirs := w.onboard(w.acme, "mira.kade@example.org"), w.onboard(w.globex, "other@example.org")
	before := w.snapshot(theirs, "", "")
	calls := 0
	v := reflect.ValueOf(w.customers)
	for i := range v.NumMethod() {
		method, name := v.Method(i), v.Type().Method(i).Name
		takes := false
		for n := range method.Type().NumIn() {
			takes = takes || method.Type().In(n) == reflect.TypeFor[customer.ProfileID]()
		}
		if !takes {
			continue
		}
		calls++
		answer := func(profile customer.ProfileID) string {
			asked := *mine
			asked.profile = profile
			out := callAll(method, arguments(t, method.Type(), &asked))
			err, _ := out[len(out)-1].Interface().(error)
			if err == nil {
				t.Errorf("%s takes profile %d", name, profile)
				return ""
			}
			return err.Error()
		}
		if foreign, unknown := answer(theirs.profile), answer(theirs.profile+1); foreign != unknown {
			t.Errorf("%s: %q for a foreign profile, %q for none", name, foreign, unknown)
		}
	}
	if calls < 3 {
		t.Errorf("only %d verbs take a profile", calls)
	}
	for name, c := range map[string]customer.Caller{
		"another partner": {Partner: w.globex.ID, Account: mine.account, Epoch: 1, Registration: true},
		"a later grant":   {Partner: w.globex.ID, Account: mine.account, Epoch: 1},
		"no account":      {Partner: w.acme.ID, Account: mine.account + 1, Epoch: 1, Registration: true},
	} {
		_, err := w.customers.Me(t.Context(), c)
		if !errors.Is(err, customer.ErrStale) && !errors.Is(err, customer.ErrNoAccount) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if after := w.snapshot(theirs, "", ""); !reflect.DeepEqual(before, after) {
		t.Error("a foreign caller changed something")
	}
}

// TestI10JourneysBelongToTheirBrowser: each post of another browser, and of none, is refused as for a journey that does not
// exist, and changes nothing.
func TestI10JourneysBelongToTheirBrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	for _, step := range []claim.Step{claim.StepEmail, claim.StepPassword, claim.StepApp, claim.StepRecoveryCodes} {
		w.advance(time.Minute)
		b := o.opened().to(step)
		digits := b.mailed()
		other := w.onboard(w.globex, string(step)[:3]+"other@example.org").opened()
		must(t, other.start())
		before := w.snapshot(o, "", b.text)
		for _, session := range []customer.SessionKey{{}, other.session, {ID: b.session.ID, Secret: other.session.Secret}, {ID: b.session.ID}} {
			for _, text := range []string{b.text, "no such journey"} {
				p := claim.Post{Text: text, Session: session}
				for name, err := range map[string]error{
					"state": second(w.claims.State(t.Context(), text, session)), "send": w.claims.SendCode(t.Context(), p),
					"prove": w.claims.ProveEmail(t.Context(), p, digits+"000000"[len(digits):]), "a slip": w.claims.ProveEmail(t.Context(), p, "x"),
					"password": w.claims.SetPassword(t.Context(), p, password), "again": w.claims.PasswordAgain(t.Context(), p, password),
					"method": w.claims.ChooseMethod(t.Context(), p, "app"), "app": w.claims.ProveApp(t.Context(), p, "123456"),
					"commit": second(w.claims.Commit(t.Context(), p, true)), "confirm": w.claims.Confirm(t.Context(), p, 1),
					"correct": w.claims.Correct(t.Context(), p, claim.Correction{}), "decide": w.claims.Decide(t.Context(), p, claim.Answer{Allow: true}),
					"return": second(w.claims.Return(t.Context(), p, "")), "leave": w.claims.Leave(t.Context(), p, claim.Left), "object": w.claims.Object(t.Context(), p),
				} {
					wants(t, fmt.Sprintf("%s at %s of %q", name, step, text), err, claim.ErrNoJourney)
				}
			}
		}
		if after := w.snapshot(o, "", b.text); !reflect.DeepEqual(before, after) {
			t.Errorf("at %s a stranger's posts changed something", step)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// TestI11TroubleIsNothingElse: with the database closed every verb answers that it is unavailable: never that a password is
// wrong, a code has run out or something is not there, and never success.
func TestI11TroubleIsNothingElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	b := o.opened().to(claim.StepApp)
	db, err := store.Open(t.Context(), store.Options{Path: newFile(t), Keys: w.keys, Now: w.now})
	must(t, err)
	must(t, db.Close())
	closed := newNouns(w.clock, w.keys, storesOf(db))
	calls := 0
	for _, verbs := range []any{closed.customers, closed.signins, closed.tokens, closed.claims} {
		v := reflect.ValueOf(verbs)
		for i := range v.NumMethod() {
			method, name := v.Method(i), v.Type().String()+"."+v.Type().Method(i).Name
			f := method.Type()
			if f.NumIn() == 0 || f.In(0) != reflect.TypeFor[context.Context]() || strings.HasSuffix(name, ".Tidy") || strings.HasSuffix(name, ".Erase") || strings.HasSuffix(name, ".SaveUses") {
				// The first two are given their stores, the last has nothing to write here.
				continue
			}
			calls++
			out := callAll(method, plausible(t, f, b))
			err, _ := out[len(out)-1].Interface().(error)
			wants(t, name, err, store.ErrUnavailable)
			for _, never := range []error{customer.ErrSignIn, customer.ErrNoSession, customer.ErrNoAccount, customer.ErrStale, claim.ErrCodeExpired, claim.ErrCodeUnknown,
				claim.ErrNoJourney, claim.ErrNotNow, claim.ErrTicketOver, grant.ErrInvalidGrant, grant.ErrInvalidToken, customer.ErrCodeWrong} {
				if errors.Is(err, never) {
					t.Errorf("%s: %v is in %v", name, never, err)
				}
			}
		}
	}
	if calls < 35 {
		t.Errorf("only %d verbs were asked", calls)
	}
}

// plausible are arguments that pass every check that comes before the database.
func plausible(t *testing.T, f reflect.Type, b *browser) []reflect.Value {
	verifier := ""
	r := b.w.request(b.o.partner)
	live := claim.Ticket{Text: "x", Code: 1, Account: b.o.account, Request: r, OpenedAt: b.w.now().UnixMilli()}
	token := secret.Token{Prefix: secret.PrefixAccess, Account: 1, Number: 1, Secret: secret.NewTokenSecret()}
	args := arguments(t, f, b.o)
	for i := range args {
		switch f.In(i) {
		case reflect.TypeFor[string]():
			args[i] = reflect.ValueOf("123456")
			if f.NumIn() == 2 && f.NumOut() == 2 || f.Out(0) == reflect.TypeFor[grant.Introspection]() { // Access
				args[i] = reflect.ValueOf(token.String())
			}
		case reflect.TypeFor[customer.SessionKey]():
			args[i] = reflect.ValueOf(b.session)
		case reflect.TypeFor[customer.Session]():
			read := b.w.sessionRow(b.session.ID)
			read.SeenAt = b.w.now().Add(-time.Minute) // there is something to note
			args[i] = reflect.ValueOf(read)
		case reflect.TypeFor[claim.Post]():
			args[i] = reflect.ValueOf(b.post())
		case reflect.TypeFor[claim.Opening]():
			args[i] = reflect.ValueOf(claim.Opening{Request: r, Code: secret.UUID()})
		case reflect.TypeFor[claim.Start]():
			args[i] = reflect.ValueOf(claim.Start{Ticket: live, Email: b.o.email})
		case reflect.TypeFor[claim.Ticket]():
			if f.NumIn() == 5 { // a visit has no code
				live.Code = 0
			}
			args[i] = reflect.ValueOf(live)
		case reflect.TypeFor[grant.Exchange]():
			args[i] = reflect.ValueOf(grant.Exchange{Code: secret.Token{Prefix: secret.PrefixAuthorizationCode, Account: 1, Number: 1, Secret: secret.NewTokenSecret()}.String(), Verifier: &verifier})
		case reflect.TypeFor[bool]():
			args[i] = reflect.ValueOf(true)
		}
	}
	return args
}
