package claim_test

import (
	"context"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// TestTheWholeJourney from the partner's first call to its tokens, with every step's leavings looked at.
func TestTheWholeJourney(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	b := o.opened()
	for _, s := range b.steps() {
		if s.at != claim.StepStart {
			b.stands(s.at, claim.NotOver)
		}
		must(t, s.take())
		// A repeated post leads to the next step: C1 answers the same session, C4 may be chosen again, the rest is over.
		next, _ := b.at()
		if err := s.take(); s.at != claim.StepStart && s.at != claim.StepSecondStep {
			wants(t, string(s.at)+" again", err, claim.ErrNotNow)
		}
		b.stands(next, claim.NotOver)
		w.advance(time.Second)
	}
	b.stands(claim.StepReturn, claim.NotOver)
	way, err := b.back()
	must(t, err)
	if way.Connected || way.Return.Profile != o.profile || way.Return.Error != "" || way.Return.Issuer != "" {
		t.Errorf("the way back: %+v", way.Return)
	}
	again, err := b.back()
	if err != nil || again.Return != way.Return {
		t.Errorf("a reload leads elsewhere: %v", err)
	}
	issue, err := w.exchange(w.acme, way.Return.Code)
	must(t, err)
	if issue.ScopeText != "transfers" || issue.Refresh == "" {
		t.Errorf("tokens: scope %q", issue.ScopeText)
	}
	access, err := w.tokens.Access(t.Context(), issue.Access)
	must(t, err)
	if access.Account != o.account || access.Profile != o.profile || access.Kind != grant.Customer || access.Epoch != 2 {
		t.Errorf("access: %+v", access)
	}
	me, err := w.customers.Me(t.Context(), access.Caller("", ""))
	if err != nil || me.Personal == nil || me.Personal.ID != o.profile {
		t.Errorf("who am I: %v", err)
	}
	if way, err = b.back(); err != nil || !way.Connected || way.Return.Code != "" {
		t.Errorf("after the exchange: %v, %+v", err, way.Return)
	}
	kinds := map[customer.MailKind]int{}
	for _, m := range w.mails() {
		kinds[m.Kind]++
	}
	if kinds[customer.MailCode] != 1 || kinds[customer.MailClaimed] != 1 || kinds[customer.MailAccess] != 1 {
		t.Errorf("mails: %v", kinds)
	}
}

// TestEveryStepHasItsEvent: each change of state has exactly one, in the order of the steps (I8).
func TestEveryStepHasItsEvent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	b := o.opened().to(claim.StepReturn)
	way, err := b.back()
	must(t, err)
	_, err = w.exchange(w.acme, way.Return.Code)
	must(t, err)
	want := []audit.Action{audit.AccountCreated, audit.TokenIssued, audit.ProfileCreated, audit.CodeMinted, audit.CodeSeen, audit.JourneyStarted,
		audit.JourneyEmailProven, audit.JourneyPasswordSet, audit.JourneyMethodChosen, audit.JourneyAppAdded, audit.JourneyClaimed,
		audit.ProfileConfirmed, audit.ConsentAllowed, audit.AuthorizationRedeemed}
	var got []audit.Action
	for _, e := range w.events(audit.Filter{Account: int64(o.account)}) {
		got = append([]audit.Action{e.Action}, got...)
	}
	if len(got) != len(want) {
		t.Fatalf("%v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("event %d is %s, want %s", i, got[i], want[i])
		}
	}
}

// TestResuming: the same browser lands on the first unfinished step by any way in; after the commit any browser does, once
// the owner is signed in.
func TestResuming(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	b := o.opened().to(claim.StepApp)
	text, code := b.text, o.minted()
	must(t, b.open(code))
	if b.text != text {
		t.Error("a new code for the same request opened another journey in the browser of the first")
	}
	b.stands(claim.StepApp, claim.NotOver)
	b.to(claim.StepReview)
	other := o.browser()
	other.text = text
	other.stands(claim.StepSignIn, claim.NotOver)
	other.app = b.app
	w.advance(30 * time.Second) // the step of C5 is spent
	must(t, other.signIn())
	other.stands(claim.StepReview, claim.NotOver)
	must(t, other.confirm())
	b.stands(claim.StepAllow, claim.NotOver)
	must(t, other.decide(true))
	b.stands(claim.StepReturn, claim.NotOver)
}

// signIn is R1 and R2.
func (b *browser) signIn() error {
	key, err := b.w.signins.Password(context.Background(), b.session, b.o.email, password, false, b.origin())
	if err != nil {
		return err
	}
	b.session, err = b.w.signins.SecondStep(context.Background(), key, secret.AppCode(b.app, b.w.now()), b.origin())
	return err
}

// visit comes back without a code: authorize, sign in, begin.
func (b *browser) visit(r grant.Request) error {
	ticket := b.w.claims.Ticket(r)
	b.ticket, b.text = ticket, ticket.Text
	return b.w.claims.Visit(context.Background(), ticket, b.session, "en", b.origin())
}

// TestVisits: with a standing grant a visit passes without being asked; prompt=consent and new scopes ask; a stopped grant
// asks; and a visit twice is one visit.
func TestVisits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	b := o.opened().to(claim.StepReturn)
	w.advance(time.Minute)
	must(t, b.signIn())
	r := w.request(w.acme)
	must(t, b.visit(r))
	b.stands(claim.StepReturn, claim.NotOver)
	must(t, w.claims.Visit(t.Context(), b.ticket, b.session, "en", b.origin()))
	way, err := b.back()
	must(t, err)
	issue, err := w.exchange(w.acme, way.Return.Code)
	must(t, err)

	r.Prompt = "consent"
	must(t, b.visit(r))
	b.stands(claim.StepAllow, claim.NotOver)
	r.Prompt, r.ScopeGiven = "", true // asks for the optional scopes by name
	must(t, b.visit(r))
	b.stands(claim.StepAllow, claim.NotOver)
	must(t, b.decide(true, w.acme.OptionalScopes...))
	must(t, b.visit(r))
	b.stands(claim.StepReturn, claim.NotOver)

	must(t, w.stop(o.account))
	if _, err := w.tokens.Access(t.Context(), issue.Access); err == nil {
		t.Error("a token outlives the access")
	}
	must(t, b.visit(r))
	b.stands(claim.StepAllow, claim.NotOver)
	stranger := o.browser()
	wants(t, "a visit of nobody", stranger.visit(r), customer.ErrNoSession)
}

// stop is what the customer's own page will do.
func (w *world) stop(id customer.AccountID) error {
	return w.claims.Store.Change(context.Background(), func(tx claim.Tx) (audit.Event, error) {
		grants, err := tx.Grants(id, w.acme.ID)
		if err != nil {
			return audit.Event{}, err
		}
		for _, g := range grants {
			g.State, g.EndedAt = grant.Stopped, w.now()
			if err := tx.SaveGrant(&g); err != nil {
				return audit.Event{}, err
			}
		}
		return audit.Event{At: w.now(), Action: audit.GrantStopped, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorCustomer}}, nil
	})
}

// TestDecliningLeavesTheOwner: the account stays the customer's, the partner gets no code, and coming back asks again.
func TestDecliningLeavesTheOwner(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	b := o.opened().to(claim.StepAllow)
	must(t, b.decide(false))
	way, err := b.back()
	if err != nil || way.Return.Code != "" || way.Return.Error != "access_denied" || way.Return.Profile != 0 {
		t.Fatalf("%v, %+v", err, way.Return)
	}
	if a := w.account(o.account); !a.Owned() || a.Epoch != 2 {
		t.Errorf("the account after declining: %s, epoch %d", a.State, a.Epoch)
	}
	wants(t, "allowing after all", b.decide(true), claim.ErrNotNow)
	if _, err := w.tokens.Refresh(t.Context(), w.acme, o.issue.Refresh, customer.Origin{}); err == nil {
		t.Error("the partner's old token works after the customer declined")
	}
	must(t, b.visit(w.request(w.acme)))
	b.stands(claim.StepAllow, claim.NotOver)
	must(t, b.decide(true))
	way, err = b.back()
	must(t, err)
	_, err = w.exchange(w.acme, way.Return.Code)
	must(t, err)
}

// TestLeaving: before the commit nothing is inherited; afterwards the account is the customer's; a browser that only knows
// the journey's address can neither leave for its owner nor learn the partner's state.
func TestLeaving(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	before := o.opened().to(claim.StepRecoveryCodes)
	stranger := o.browser()
	stranger.text = before.text
	wants(t, "a stranger leaves before the commit", w.claims.Leave(t.Context(), stranger.post(), claim.Left), claim.ErrNoJourney)
	must(t, w.claims.Leave(t.Context(), before.post(), claim.Left))
	must(t, w.claims.Leave(t.Context(), before.post(), claim.Left))
	way, err := before.back()
	if err != nil || way.Return.Error != "access_denied" || way.Return.Description != "left" {
		t.Errorf("%v, %+v", err, way.Return)
	}
	wants(t, "committing after leaving", before.commit(), claim.ErrNotNow)

	after := o.opened().to(claim.StepReview)
	stranger.text = after.text
	wants(t, "a stranger leaves after the commit", w.claims.Leave(t.Context(), stranger.post(), claim.Left), claim.ErrNoJourney)
	after.stands(claim.StepReview, claim.NotOver)
	must(t, w.claims.Leave(t.Context(), after.post(), claim.Left))
	if _, err := stranger.back(); err == nil {
		t.Error("a stranger is led back with the partner's state")
	}
	if a := w.account(o.account); !a.Owned() {
		t.Error("leaving after the commit took the account away")
	}
}

// TestUnfinishedProfile: what is missing is asked for, what changed since is shown, and nothing is confirmed before (I4).
func TestUnfinishedProfile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	_, err := w.customers.UpdatePersonal(t.Context(), o.caller, o.profile, customer.Personal{Values: map[customer.Field]string{customer.City: ""}})
	must(t, err)
	b := o.opened().to(claim.StepReview)
	state, err := b.state()
	must(t, err)
	wants(t, "confirming with a gap", b.confirm(), claim.ErrIncomplete)
	wants(t, "allowing before confirming", b.decide(true), claim.ErrNotNow)
	must(t, w.claims.Correct(t.Context(), b.post(), claim.Correction{Values: map[customer.Field]string{customer.City: "Leith"}}))
	wants(t, "confirming what was shown before", w.claims.Confirm(t.Context(), b.post(), state.Edition()), customer.ErrVersion)
	must(t, b.confirm())
	b.stands(claim.StepAllow, claim.NotOver)
	must(t, w.claims.Correct(t.Context(), b.post(), claim.Correction{Values: map[customer.Field]string{customer.City: "Edinburgh"}}))
	b.stands(claim.StepReview, claim.NotOver)
	wants(t, "allowing what is not confirmed", b.decide(true), claim.ErrNotNow)
	must(t, b.confirm())
	must(t, b.decide(true))
	wants(t, "correcting when all is decided", w.claims.Correct(t.Context(), b.post(), claim.Correction{}), claim.ErrNotNow)
}
