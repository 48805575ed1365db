package claim_test

import (
	"errors"
	"testing"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/limit"
)

// holds holds or releases, and says whether that changed anything.
func (w *world) holds(verb func(customer.Customers) (bool, error), changes bool) {
	w.t.Helper()
	if changed, err := verb(w.customers); err != nil || changed != changes {
		w.t.Errorf("changed %t, %v, want %t", changed, err, changes)
	}
}

// TestTheOperatorHolds: on hold no session and no token works, and a hold that stands changes nothing. Released, the access
// that the customer gave is back and the sessions are not: one that was stolen must not come back.
func TestTheOperatorHolds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	b := o.opened().to(claim.StepReturn)
	way, err := b.back()
	must(t, err)
	issue, err := w.exchange(w.acme, way.Return.Code)
	must(t, err)
	hold := func(cs customer.Customers) (bool, error) { return cs.Hold(t.Context(), o.account) }
	release := func(cs customer.Customers) (bool, error) { return cs.Release(t.Context(), o.account) }
	signedIn := func() bool {
		s, a, _, err := w.signins.Session(t.Context(), b.session)
		return err == nil && s.SignedIn(a, w.now())
	}
	if !signedIn() {
		t.Fatal("not signed in to begin with")
	}
	w.holds(release, false)
	w.holds(hold, true)
	w.holds(hold, false)
	if a := w.account(o.account); a.Hold != customer.HoldOperator || a.Owned() || a.State != customer.Claimed {
		t.Errorf("the account is %s, hold %q", a.State, a.Hold)
	}
	b.stands(claim.StepOver, claim.OverHeld)
	_, err = w.tokens.Access(t.Context(), issue.Access)
	wants(t, "a token on hold", err, grant.ErrInvalidToken)
	if _, err = w.tokens.Refresh(t.Context(), w.acme, issue.Refresh, customer.Origin{}); err == nil {
		t.Error("a refresh token works on hold")
	}
	_, err = w.signins.Password(t.Context(), customer.SessionKey{}, o.email, password, false, b.origin())
	wants(t, "signing in on hold", err, customer.ErrSignIn)
	w.holds(release, true)
	if _, err = w.tokens.Access(t.Context(), issue.Access); err != nil {
		t.Errorf("the customer's access after the release: %v", err)
	}
	if signedIn() {
		t.Error("the session of before is back with the release")
	}
	_, err = w.signins.Password(t.Context(), customer.SessionKey{}, o.email, password, false, b.origin())
	must(t, err)
	for action, n := range map[audit.Action]int{audit.AccountHeld: 1, audit.AccountReleased: 1} {
		if found := w.events(audit.Filter{Action: action}); len(found) != n || found[0].Reason != customer.HoldOperator || found[0].Actor.Kind != audit.ActorOperator {
			t.Errorf("%s: %+v", action, found)
		}
	}
}

// TestReleaseAfterAnObjection: the claim that was objected to stays over, and the partner can hand the account over again.
func TestReleaseAfterAnObjection(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	b := o.opened().to(claim.StepPassword)
	must(t, w.claims.Object(t.Context(), b.post()))
	release := func(cs customer.Customers) (bool, error) { return cs.Release(t.Context(), o.account) }
	w.holds(release, true)
	wants(t, "the journey of before", b.setPassword(), claim.ErrNotNow)
	o.opened().to(claim.StepReview)
	if a := w.account(o.account); !a.Owned() {
		t.Errorf("the account is %s, hold %q", a.State, a.Hold)
	}
}

// TestReleaseLiftsItsOwnBlock: the block of an address ends with the release of the objection that made it, and with no other.
func TestReleaseLiftsItsOwnBlock(t *testing.T) {
	t.Parallel()
	for _, why := range []string{customer.HoldObjected, customer.HoldOperator, customer.HoldEmailTries} {
		w := newWorld(t)
		o := w.onboard(w.acme, "mira.kade@example.org")
		w.change(o.account, func(a *customer.Account, _ *customer.Profile) { a.Hold = why })
		tried, mailbox := customer.MailedCodeKey(o.account), customer.MailboxKey(limit.KindMailboxCode, w.acme.ID, o.email)
		must(t, w.customers.Store.Change(t.Context(), func(tx customer.Tx) (audit.Event, error) {
			return audit.Event{At: w.now(), Action: audit.AccountHeld, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorOperator}},
				errors.Join(tx.BlockAddress(w.acme.ID, o.email, w.now().Add(claim.BlockLife)), tx.SaveTries(tried, limit.Tries{Count: 5, Total: 20}),
					tx.SaveTries(mailbox, limit.Tries{Count: 20, Total: 20}))
		}))
		w.holds(func(cs customer.Customers) (bool, error) { return cs.Release(t.Context(), o.account) }, true)
		must(t, w.customers.Store.View(t.Context(), func(tx customer.Tx) error {
			blocked, err := tx.Blocked(w.acme.ID, o.email, w.now())
			if blocked == (why == customer.HoldObjected) {
				t.Errorf("%s: blocked %t after the release", why, blocked)
			}
			return err
		}))
		for _, key := range []limit.Key{tried, mailbox} {
			if n := w.tries(key); (n.Total == 0) != (why == customer.HoldEmailTries) {
				t.Errorf("%s: %d tries of %s after the release", why, n.Total, key.Kind)
			}
		}
	}
}

// TestNobodyToHold: an account that is not there, and one that was erased, cannot be held or released.
func TestNobodyToHold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.customers.Hold(t.Context(), 7)
	wants(t, "holding nobody", err, customer.ErrNoAccount)
	_, err = w.customers.Release(t.Context(), 7)
	wants(t, "releasing nobody", err, customer.ErrNoAccount)
	o := w.onboard(w.acme, "mira.kade@example.org")
	w.change(o.account, func(a *customer.Account, _ *customer.Profile) { a.State = customer.Expired })
	_, err = w.customers.Hold(t.Context(), o.account)
	wants(t, "holding what expired", err, customer.ErrNoAccount)
}
