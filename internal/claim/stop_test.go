package claim_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/store"
)

func (w *world) ownGrants() grant.Grants {
	return grant.Grants{Store: store.Grants{DB: w.db}, IDs: w.claims.IDs, Now: w.now}
}

// owner is whoever is signed in to an account.
func (o *onboarding) owner() customer.SignedIn {
	return customer.SignedInTo(o.w.account(o.account), customer.Origin{Reference: "ref", Network: "192.0.2.0/24"})
}

func (o *onboarding) cards() []grant.Card {
	o.w.t.Helper()
	cards, err := o.w.ownGrants().Cards(context.Background(), o.owner())
	must(o.w.t, err)
	return cards
}

func (o *onboarding) stop(id grant.ID) error {
	return o.w.ownGrants().Stop(context.Background(), o.owner(), id)
}

// deadEverywhere checks that nothing of an issue works, and that a code gives nothing.
func (w *world) deadEverywhere(what string, p partner.Partner, issue grant.Issue, code string) {
	w.t.Helper()
	_, err := w.tokens.Access(context.Background(), issue.Access)
	wants(w.t, what+": access token", err, grant.ErrInvalidToken)
	_, err = w.tokens.Refresh(context.Background(), p, issue.Refresh, customer.Origin{})
	wants(w.t, what+": refresh token", err, grant.ErrInvalidGrant)
	_, err = w.exchange(p, code)
	wants(w.t, what+": authorization code", err, grant.ErrInvalidGrant)
}

// TestStopAccess: one confirmation ends access token, refresh token and code of one partner; another partner's access goes on, and
// so does the session. Partner, customer and audit hear of it once; the next visit asks as if it were the first.
func TestStopAccess(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	b, code := o.allowed()
	issue, err := w.exchange(w.acme, code)
	must(t, err)
	must(t, b.visit(w.request(w.globex)))
	must(t, b.decide(true))
	way, err := b.back()
	must(t, err)
	others, err := w.exchange(w.globex, way.Return.Code)
	must(t, err)
	must(t, b.visit(w.request(w.acme))) // passes without being asked, and has a code that nobody redeemed
	waiting, err := b.back()
	must(t, err)
	cards := o.cards()
	if len(cards) != 2 || cards[1].Partner.ID != w.acme.ID || cards[1].Profile.ID != o.profile || !cards[1].Stands(w.now()) {
		t.Fatalf("the cards: %+v", cards)
	}
	mails := len(w.mails())
	must(t, o.stop(cards[1].ID))
	w.deadEverywhere("stopped", w.acme, issue, waiting.Return.Code)
	if way, err := b.back(); err != nil || way.Return.Error != "access_denied" || way.Return.Code != "" {
		t.Errorf("the way back has %+v, %v", way.Return, err)
	}
	_, err = w.tokens.Access(t.Context(), others.Access)
	wants(t, "the other partner's token", err, nil)
	must(t, o.stop(cards[1].ID)) // a double click
	if events := w.events(audit.Filter{Action: audit.GrantStopped}); len(events) != 1 || events[0].Partner != int64(w.acme.ID) ||
		events[0].Actor.ID != int64(o.account) || events[0].Detail["scopes"] == "" || events[0].Network == "" {
		t.Errorf("the audit: %+v", events)
	}
	if m := w.mails()[0]; len(w.mails()) != mails+1 || m.Kind != customer.MailAccessEnds || m.End != customer.AccessStopped || m.To != o.email || m.Partner != w.acme.Name {
		t.Errorf("the mail: %+v", m)
	}
	cards = o.cards()
	if len(cards) != 2 || cards[0].Partner.ID != w.globex.ID || cards[1].State != grant.Stopped || !cards[1].EndedAt.Equal(w.now()) {
		t.Errorf("the cards afterwards: %+v", cards)
	}
	must(t, b.visit(w.request(w.acme)))
	b.stands(claim.StepAllow, claim.NotOver)
	state, err := b.state()
	must(t, err)
	if asked, later := state.Asks(w.now()); later || len(asked) != len(w.acme.Scopes()) {
		t.Errorf("asked again for %v, later %t", asked, later)
	}
	must(t, b.decide(true))
	if cards = o.cards(); len(cards) != 3 || cards[0].Partner.ID != w.acme.ID || cards[0].ID == cards[2].ID {
		t.Errorf("allowed again: %+v", cards)
	}
	w.deadEverywhere("after a new consent", w.acme, issue, waiting.Return.Code)
}

// TestStopNeedsTheOwner: another customer's access is as unknown as one that does not exist, and nobody stops or sees anything who
// is signed out meanwhile, on hold, or has closed the account.
func TestStopNeedsTheOwner(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	_, code := o.allowed()
	issue, err := w.exchange(w.acme, code)
	must(t, err)
	theirs := o.cards()[0].ID
	stranger := w.onboard(w.acme, "other@example.org")
	stranger.allowed()
	for _, id := range []grant.ID{theirs, 0, -1, 1, 1<<53 - 1} {
		wants(t, "a stranger stops", stranger.stop(id), grant.ErrNoGrant)
		_, err := w.ownGrants().Card(t.Context(), stranger.owner(), id)
		wants(t, "a stranger looks", err, grant.ErrNoGrant)
	}
	before := o.owner()
	for name, change := range map[string]func(*customer.Account){
		"epoch":         func(a *customer.Account) { a.Epoch++ },
		"session epoch": func(a *customer.Account) { a.SessionEpoch++ },
		"hold":          func(a *customer.Account) { a.Hold = customer.HoldOperator },
		"closed":        func(a *customer.Account) { a.State = customer.Closed },
	} {
		w.change(o.account, func(a *customer.Account, _ *customer.Profile) { change(a) })
		wants(t, name+": stop", w.ownGrants().Stop(t.Context(), before, theirs), customer.ErrStale)
		_, err := w.ownGrants().Cards(t.Context(), before)
		wants(t, name+": look", err, customer.ErrStale)
		w.change(o.account, func(a *customer.Account, _ *customer.Profile) {
			a.Epoch, a.SessionEpoch, a.Hold, a.State = before.Epoch, before.SessionEpoch, "", customer.Claimed
		})
	}
	_, err = w.tokens.Access(t.Context(), issue.Access)
	wants(t, "the token after all that", err, nil)
}

// TestStopWhatWaits: an access that waits for its owner to give it again is none, is shown as what it is, and can be stopped for good.
func TestStopWhatWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	_, code := o.allowed()
	issue, err := w.exchange(w.acme, code)
	must(t, err)
	must(t, w.claims.Store.Change(t.Context(), func(tx claim.Tx) (audit.Event, error) {
		g, err := tx.Grant(o.cards()[0].ID)
		g.State = grant.Suspended
		return audit.Event{At: w.now(), Action: audit.AccountHeld, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorOperator}}, errors.Join(err, tx.SaveGrant(&g))
	}))
	if c := o.cards()[0]; c.Stands(w.now()) || !c.Stoppable(w.now()) {
		t.Errorf("it waits: %+v", c.Grant)
	}
	w.deadEverywhere("waiting", w.acme, issue, code)
	must(t, o.stop(o.cards()[0].ID))
	if c := o.cards()[0]; c.State != grant.Stopped || c.Stoppable(w.now()) || len(w.events(audit.Filter{Action: audit.GrantStopped})) != 1 {
		t.Errorf("stopped: %+v", c.Grant)
	}
}

// TestStopRaces: stopping runs beside refreshes, an exchange, C11 and a second click. Whatever comes first, nothing works afterwards,
// and it is stopped once.
func TestStopRaces(t *testing.T) {
	t.Parallel()
	for range 3 {
		w := newWorld(t)
		o := w.onboard(w.acme, "mira.kade@example.org")
		b, code := o.allowed()
		first, err := w.exchange(w.acme, code)
		must(t, err)
		r := w.request(w.acme)
		must(t, b.visit(r))
		w.advance(31 * time.Minute / 30) // another generation, and the code still lives
		way, err := b.back()
		must(t, err)
		id := o.cards()[0].ID
		issues := make([]grant.Issue, 2)
		var back claim.Way
		errs := together(func() error { return o.stop(id) }, func() error { return o.stop(id) },
			func() (err error) {
				issues[0], err = w.tokens.Refresh(context.Background(), w.acme, first.Refresh, customer.Origin{})
				return err
			},
			func() (err error) { issues[1], err = w.exchange(w.acme, way.Return.Code); return err },
			func() (err error) { back, err = b.back(); return err })
		if errs[0] != nil || errs[1] != nil || errs[4] != nil {
			t.Fatalf("stopping: %v", errs)
		}
		for _, issue := range append(issues, first) {
			w.deadEverywhere("raced", w.acme, issue, way.Return.Code)
		}
		if back.Return.Code != "" {
			_, err := w.exchange(w.acme, back.Return.Code)
			wants(t, "the code of C11", err, grant.ErrInvalidGrant)
		}
		if n := len(w.events(audit.Filter{Action: audit.GrantStopped})); n != 1 {
			t.Errorf("stopped %d times", n)
		}
	}
}
