package claim_test

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// change writes to an account and its profile what other events would have.
func (w *world) change(id customer.AccountID, fn func(*customer.Account, *customer.Profile)) {
	w.t.Helper()
	must(w.t, w.claims.Store.Change(context.Background(), func(tx claim.Tx) (audit.Event, error) {
		a, err := tx.Account(id)
		if err != nil {
			return audit.Event{}, err
		}
		profiles, err := tx.Profiles(id)
		if err != nil {
			return audit.Event{}, err
		}
		fn(&a, &profiles[0])
		if err := tx.SaveAccount(&a); err != nil {
			return audit.Event{}, err
		}
		return audit.Event{At: w.now(), Action: audit.AccountHeld, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorOperator}}, tx.SaveProfile(&profiles[0])
	}))
}

// A spoiler takes one condition from a journey that stands before the consent.
type spoiler struct {
	name  string
	spoil func(o *onboarding, b *browser)
	want  error
}

func (w *world) spoilers() []spoiler {
	t := w.t
	return []spoiler{
		{"nothing", func(*onboarding, *browser) {}, nil},
		{"signed out", func(_ *onboarding, b *browser) {
			must(t, w.signins.SignOut(t.Context(), b.session, b.origin()))
		}, claim.ErrNotNow},
		{"no cookie", func(_ *onboarding, b *browser) { b.session = customer.SessionKey{} }, claim.ErrNotNow},
		{"a made-up cookie", func(_ *onboarding, b *browser) { b.session.Secret += "x" }, claim.ErrNotNow},
		{"session idle", func(_ *onboarding, b *browser) { w.advance(customer.IdleLife) }, claim.ErrNotNow},
		{"password alone", func(_ *onboarding, b *browser) {
			w.advance(time.Minute)
			key, err := w.signins.Password(t.Context(), b.session, b.o.email, password, false, b.origin())
			must(t, err)
			b.session = key
		}, claim.ErrNotNow},
		{"signed in as another", func(_ *onboarding, b *browser) {
			other := w.onboard(w.globex, "other@example.org").opened().to(claim.StepReview)
			b.session = other.session
		}, claim.ErrNotNow},
		{"another browser's session", func(o *onboarding, b *browser) {
			other := w.onboard(w.globex, "third@example.org").opened()
			must(t, other.start())
			b.session = other.session
		}, claim.ErrNotNow},
		{"a detail missing", func(o *onboarding, _ *browser) {
			w.change(o.account, func(_ *customer.Account, p *customer.Profile) { delete(p.Details.Values, customer.City) })
		}, claim.ErrNotNow},
		{"a detail changed since", func(o *onboarding, _ *browser) {
			w.change(o.account, func(_ *customer.Account, p *customer.Profile) { p.Edition++ })
		}, claim.ErrNotNow},
		{"account on hold", func(o *onboarding, _ *browser) {
			w.change(o.account, func(a *customer.Account, _ *customer.Profile) { a.Hold = "operator" })
		}, claim.ErrNotNow},
		{"account closed", func(o *onboarding, _ *browser) {
			w.change(o.account, func(a *customer.Account, _ *customer.Profile) { a.State = customer.Closed; a.Epoch++ })
		}, claim.ErrNotNow},
		{"epoch risen", func(o *onboarding, _ *browser) {
			w.change(o.account, func(a *customer.Account, _ *customer.Profile) { a.Epoch++ })
		}, claim.ErrNotNow},
		{"signed out everywhere", func(o *onboarding, _ *browser) {
			w.change(o.account, func(a *customer.Account, _ *customer.Profile) { a.SessionEpoch++ })
		}, claim.ErrNotNow},
		{"left", func(_ *onboarding, b *browser) { must(t, w.claims.Leave(t.Context(), b.post(), claim.Left)) }, claim.ErrNotNow},
		{"declined", func(_ *onboarding, b *browser) { must(t, b.decide(false)) }, claim.ErrNotNow},
	}
}

// TestI4NoCodeWithoutEachCondition removes one condition at a time from a journey that would get its code.
func TestI4NoCodeWithoutEachCondition(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := 0
	for _, c := range w.spoilers() {
		n++
		o := w.onboard(w.acme, strings.Repeat("m", n)+"@example.org")
		b := o.opened().to(claim.StepAllow)
		c.spoil(o, b)
		wants(t, c.name, b.decide(true), c.want)
		o.hasCode(c.name, b, c.want == nil)
	}
	for _, step := range []claim.Step{claim.StepEmail, claim.StepPassword, claim.StepSecondStep, claim.StepApp, claim.StepRecoveryCodes, claim.StepReview} {
		n++
		o := w.onboard(w.acme, strings.Repeat("m", n)+"@example.org")
		b := o.opened().to(step)
		wants(t, "deciding at "+string(step), b.decide(true), claim.ErrNotNow)
		if step != claim.StepReview {
			wants(t, "confirming at "+string(step), b.confirm(), claim.ErrNotNow)
		}
		o.hasCode("at "+string(step), b, false)
	}
}

// hasCode looks for an authorization code, a grant and a consent, by what is stored and by what the way back says.
func (o *onboarding) hasCode(what string, b *browser, want bool) {
	o.w.t.Helper()
	j, err := b.journey()
	must(o.w.t, err)
	var grants []grant.Grant
	o.w.view(func(tx claim.Tx) (err error) { grants, err = tx.Grants(o.account, o.partner.ID); return err })
	consents := o.w.events(audit.Filter{Account: int64(o.account), Action: audit.ConsentAllowed})
	way, _ := b.back()
	if (j.GrantCode != 0) != want || (len(grants) == 1) != want || (len(consents) == 1) != want || (way.Return.Code != "") != want {
		o.w.t.Errorf("%s: code %t, %d grants, %d consents, way %q; want a code: %t", what, j.GrantCode != 0, len(grants), len(consents), way.Return.Code, want)
	}
}

// TestI4ConsentIsExactlyWhatWasSaid: client, scopes, profile, wording, epoch; and the mail and the event say so.
func TestI4ConsentIsExactlyWhatWasSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	b := o.opened().to(claim.StepAllow)
	wants(t, "another profile", w.claims.Decide(t.Context(), b.post(), claim.Answer{Allow: true, Asked: b.asked(), Profile: o.profile + 1}), claim.ErrNoProfileChosen)
	o.hasCode("another profile", b, false)
	for name, asked := range map[string][]partner.Scope{"nothing was asked": nil, "less was asked": b.asked()[1:], "more was asked": append(b.asked(), "payments.write")} {
		wants(t, name, w.claims.Decide(t.Context(), b.post(), claim.Answer{Allow: true, Asked: asked, Profile: o.profile}), claim.ErrNotNow)
		o.hasCode(name, b, false)
	}
	// Ticking what the partner never asked for gives nothing.
	must(t, b.decide(true, "money.move", partner.ScopeProfilesWrite))
	var g grant.Grant
	w.view(func(tx claim.Tx) (err error) {
		g, err = tx.ActiveGrant(o.account, w.acme.ID, o.profile)
		return err
	})
	if !slices.Equal(g.Scopes, partner.AllScopes()) || g.Wording != "1" || g.Language != "en" || g.GivenAt != w.now() || !g.Until.IsZero() {
		t.Errorf("the grant: %+v", g)
	}
	j, err := b.journey()
	must(t, err)
	var c grant.Code
	w.view(func(tx claim.Tx) (err error) { c, err = tx.Code(j.GrantCode); return err })
	if c.Grant != g.ID || c.Account != o.account || c.Partner != w.acme.ID || c.Profile != o.profile || c.Epoch != 2 || c.RedirectURI != callback ||
		!slices.Equal(c.Scopes, g.Scopes) || c.Journey != int64(j.ID) || c.ExpiresAt != w.now().Add(30*time.Minute) {
		t.Errorf("the code: %+v", c)
	}
	newest := w.mails()[0]
	if newest.Kind != customer.MailAccess || len(newest.Scopes) != 3 || newest.Partner != w.acme.Name || newest.To != o.email {
		t.Errorf("the mail: %+v", newest)
	}
}

// allowed is a journey at its end, with its code.
func (o *onboarding) allowed() (*browser, string) {
	o.w.t.Helper()
	b := o.opened().to(claim.StepReturn)
	way, err := b.back()
	must(o.w.t, err)
	return b, way.Return.Code
}

// TestI5ManyExchangesOfOneCode: exactly one succeeds; the others are second valid uses, so its tokens are dead afterwards:
// one of the presenters was not the client. The access stands: the customer passes again without being asked.
func TestI5ManyExchangesOfOneCode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	b, code := o.allowed()
	issues := make([]grant.Issue, crowd)
	var fns []func() error
	for i := range crowd {
		fns = append(fns, func() (err error) { issues[i], err = w.exchange(w.acme, code); return err })
	}
	errs := together(fns...)
	if count(errs, nil) != 1 || count(errs, grant.ErrInvalidGrant) != crowd-1 {
		t.Fatalf("%d exchanges succeeded of %d", count(errs, nil), crowd)
	}
	for i, err := range errs {
		if err != nil {
			if issues[i].Access != "" || issues[i].Refresh != "" {
				t.Error("a refused exchange has tokens")
			}
			continue
		}
		_, err = w.tokens.Access(t.Context(), issues[i].Access)
		wants(t, "the access token of a code used twice", err, grant.ErrInvalidToken)
		_, err = w.tokens.Refresh(t.Context(), w.acme, issues[i].Refresh, customer.Origin{})
		wants(t, "its refresh token", err, grant.ErrInvalidGrant)
	}
	if n := len(w.events(audit.Filter{Action: audit.AuthorizationRedeemed})); n != 1 {
		t.Errorf("%d redemptions in the audit", n)
	}
	must(t, b.visit(w.request(w.acme)))
	b.stands(claim.StepReturn, claim.NotOver)
}

// TestI5WhatACodeIsBoundTo: with anything wrong nothing succeeds and nothing changes, before the redemption and after it: a
// stranger with an old code must not be able to end a customer's access.
func TestI5WhatACodeIsBoundTo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	verifier := strings.Repeat("v", 43)
	o := w.onboard(w.initech, "mira.kade@example.org")
	r := w.request(w.initech)
	r.Challenge = "7w_YNF9DSfIdPf_pRjSq646_kPr-2-o9NAl16JGghdM"
	b := o.browser()
	ticket, _, err := w.claims.Open(t.Context(), claim.Opening{Request: r, Code: o.minted()})
	must(t, err)
	b.ticket, b.text = ticket, ticket.Text
	b.to(claim.StepReturn)
	way, err := b.back()
	must(t, err)
	if way.Return.Issuer != "https://id.example.org" {
		t.Errorf("iss %q", way.Return.Issuer)
	}
	code := way.Return.Code
	if !secret.VerifiesChallenge(verifier, r.Challenge) {
		t.Fatal("the challenge of this test is not its verifier's")
	}
	right := grant.Exchange{Code: code, RedirectURI: callback, Verifier: &verifier}
	token, _ := secret.ParseToken(code)
	wrong := w.wrongUses(right, token)
	read := func() (c grant.Code, k grant.Token) {
		must(t, w.tokens.Store.View(t.Context(), func(tx grant.TokenTx) (err error) {
			if c, err = tx.Code(grant.CodeID(token.Number)); err == nil && c.Token != 0 {
				k, err = tx.Token(c.Token)
			}
			return err
		}))
		return c, k
	}
	try := func(when string) {
		c, k := read()
		for name, call := range wrong {
			wants(t, name+" "+when, call(), grant.ErrInvalidGrant)
		}
		if c2, k2 := read(); !reflect.DeepEqual(c, c2) || !reflect.DeepEqual(k, k2) {
			t.Errorf("wrong uses %s changed\n%+v %+v\n%+v %+v", when, c, k, c2, k2)
		}
	}
	try("before the redemption")
	issue, err := w.tokens.Exchange(t.Context(), w.initech, right, customer.Origin{})
	must(t, err)
	try("after the redemption")
	_, err = w.tokens.Access(t.Context(), issue.Access)
	must(t, err)
	_, err = w.tokens.Exchange(t.Context(), w.initech, right, customer.Origin{})
	wants(t, "the second valid use", err, grant.ErrInvalidGrant)
	_, err = w.tokens.Access(t.Context(), issue.Access)
	wants(t, "its tokens", err, grant.ErrInvalidToken)
}

// wrongUses present a code of initech with one thing wrong each.
func (w *world) wrongUses(right grant.Exchange, token secret.Token) map[string]func() error {
	other, short, empty, theirs := strings.Repeat("w", 43), (*right.Verifier)[1:], "", "7w_YNF9DSfIdPf_pRjSq646_kPr-2-o9NAl16JGghdM"
	wrong := map[string]func() error{}
	for name, change := range map[string]func(*grant.Exchange){
		"no verifier":         func(x *grant.Exchange) { x.Verifier = nil },
		"another verifier":    func(x *grant.Exchange) { x.Verifier = &other },
		"a short verifier":    func(x *grant.Exchange) { x.Verifier = &short },
		"an empty verifier":   func(x *grant.Exchange) { x.Verifier = &empty },
		"the challenge":       func(x *grant.Exchange) { x.Verifier = &theirs },
		"another address":     func(x *grant.Exchange) { x.RedirectURI = callback + "/" },
		"no address":          func(x *grant.Exchange) { x.RedirectURI = "" },
		"another secret":      func(x *grant.Exchange) { x.Code = secretChanged(token) },
		"another account":     func(x *grant.Exchange) { k := token; k.Account++; x.Code = k.String() },
		"another number":      func(x *grant.Exchange) { k := token; k.Number++; x.Code = k.String() },
		"an access token":     func(x *grant.Exchange) { k := token; k.Prefix = secret.PrefixAccess; x.Code = k.String() },
		"an ended text":       func(x *grant.Exchange) { x.Code = x.Code[:len(x.Code)-1] },
		"a longer text":       func(x *grant.Exchange) { x.Code += "A" },
		"white space":         func(x *grant.Exchange) { x.Code += " " },
		"nothing":             func(x *grant.Exchange) { x.Code = "" },
		"a leading zero":      func(x *grant.Exchange) { x.Code = strings.Replace(x.Code, "lkc_", "lkc_0", 1) },
		"not even a code":     func(x *grant.Exchange) { x.Code = "\xff\x00" },
		"a very long nothing": func(x *grant.Exchange) { x.Code = strings.Repeat("lkc_1_", 100_000) },
	} {
		x := right
		change(&x)
		wrong[name] = func() error {
			_, err := w.tokens.Exchange(context.Background(), w.initech, x, customer.Origin{})
			return err
		}
	}
	wrong["another client"] = func() error {
		_, err := w.tokens.Exchange(context.Background(), w.acme, right, customer.Origin{})
		return err
	}
	return wrong
}

func secretChanged(k secret.Token) string {
	first := "A"
	if k.Secret[0] == 'A' {
		first = "B"
	}
	k.Secret = first + k.Secret[1:]
	return k.String()
}

// TestI5VerifierWithoutChallenge: PKCE cannot be put on afterwards, which is how a stolen code is replayed.
func TestI5VerifierWithoutChallenge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	_, code := o.allowed()
	for _, verifier := range []string{strings.Repeat("v", 43), ""} {
		_, err := w.tokens.Exchange(t.Context(), w.acme, grant.Exchange{Code: code, RedirectURI: callback, Verifier: &verifier}, customer.Origin{})
		wants(t, "a verifier without a challenge", err, grant.ErrInvalidGrant)
	}
	_, err := w.exchange(w.acme, code)
	must(t, err)
}

// TestI5CodesEnd: on the millisecond, when a newer one is minted, and when what stands behind them ends.
func TestI5CodesEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := 0
	fresh := func() (*onboarding, *browser, string) {
		n++
		o := w.onboard(w.acme, strings.Repeat("m", n)+"@example.org")
		b, code := o.allowed()
		return o, b, code
	}
	for after, want := range map[time.Duration]error{-time.Millisecond: nil, 0: grant.ErrInvalidGrant, time.Millisecond: grant.ErrInvalidGrant} {
		_, _, code := fresh()
		w.advance(30*time.Minute + after)
		_, err := w.exchange(w.acme, code)
		wants(t, "30 minutes and "+after.String(), err, want)
	}
	for name, end := range map[string]func(*onboarding){
		"access stopped": func(o *onboarding) { must(t, w.stop(o.account)) },
		"account held": func(o *onboarding) {
			w.change(o.account, func(a *customer.Account, _ *customer.Profile) { a.Hold = "operator" })
		},
		"epoch risen": func(o *onboarding) { w.change(o.account, func(a *customer.Account, _ *customer.Profile) { a.Epoch++ }) },
		"account closed": func(o *onboarding) {
			w.change(o.account, func(a *customer.Account, _ *customer.Profile) { a.State = customer.Closed })
		},
	} {
		o, _, code := fresh()
		end(o)
		_, err := w.exchange(w.acme, code)
		wants(t, name, err, grant.ErrInvalidGrant)
	}
	o, b, first := fresh()
	w.advance(29 * time.Minute)
	b.see()
	w.advance(time.Minute)
	way, err := b.back() // the first ran out unused: C11 mints another
	must(t, err)
	if way.Return.Code == first || way.Return.Code == "" {
		t.Errorf("no new code: %+v", way.Return)
	}
	_, err = w.exchange(w.acme, first)
	wants(t, "the first", err, grant.ErrInvalidGrant)
	_, err = w.exchange(w.acme, way.Return.Code)
	must(t, err)
	must(t, w.stop(o.account))
}

// TestALaterVisitWithLess: scopes that the customer takes back are gone from the tokens in use too.
func TestALaterVisitWithLess(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	b := o.opened().to(claim.StepAllow)
	must(t, b.decide(true, partner.ScopeProfilesWrite))
	way, err := b.back()
	must(t, err)
	issue, err := w.exchange(w.acme, way.Return.Code)
	must(t, err)
	r := w.request(w.acme)
	r.Prompt = "consent"
	must(t, b.visit(r))
	must(t, b.decide(true))
	access, err := w.tokens.Access(t.Context(), issue.Access)
	must(t, err)
	if access.Allows(partner.ScopeProfilesWrite) || !access.Allows(partner.ScopeProfilesRead) {
		t.Errorf("the token in use has %v", access.Scopes)
	}
	issue, err = w.tokens.Refresh(t.Context(), w.acme, issue.Refresh, customer.Origin{})
	must(t, err)
	if access, err = w.tokens.Access(t.Context(), issue.Access); err != nil || access.Allows(partner.ScopeProfilesWrite) {
		t.Errorf("after a refresh: %v, %v", access.Scopes, err)
	}
}
