package claim

import (
	"context"
	"errors"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/partner"
)

// BlockLife is how long a partner cannot create an account again for an address whose owner objected (design 10.8).
const BlockLife = 30 * 24 * time.Hour

// Leave goes back to the partner without finishing. What was done stays: before the commit nothing is inherited, after it
// the account is the customer's. how is Left or Unreachable. Errors: ErrNoJourney.
func (cs Claims) Leave(ctx context.Context, in Post, how Decision) error {
	now := cs.Now()
	return cs.Store.Change(ctx, func(tx Tx) (audit.Event, error) {
		state, err := cs.state(tx, in.Text, in.Session, now)
		if err != nil {
			return audit.Event{}, err
		}
		j := state.Journey
		if !state.ours() {
			return audit.Event{}, ErrNoJourney
		}
		if step, _ := state.Next(now); step == StepReturn || step == StepOver {
			return audit.Event{}, nil
		}
		j.Decision, j.DecidedAt = how, now
		return cs.browserEvent(now, audit.JourneyLeft, j, in.Origin), tx.SaveJourney(&j)
	})
}

// ObjectTicket is "This isn't me" on C1, before anything was proved: the account's live codes die and the partner is told.
// It cannot do more, since whoever has the link can press it. Errors: ErrTicketOver.
func (cs Claims) ObjectTicket(ctx context.Context, t Ticket, o customer.Origin) error {
	now := cs.Now()
	if t.Code == 0 || !t.Alive(now) {
		return ErrTicketOver
	}
	return cs.Store.Change(ctx, func(tx Tx) (audit.Event, error) {
		a, err := tx.Account(t.Account)
		if err != nil {
			return audit.Event{}, err
		}
		j := Journey{Partner: t.Request.Partner, Account: t.Account}
		if a.State != customer.Pending || a.ClaimNumber != t.Number {
			return audit.Event{}, nil
		}
		if err := tx.EndClaimCodes(a.ID, Cancelled, now); err != nil {
			return audit.Event{}, err
		}
		return cs.browserEvent(now, audit.JourneyObjected, j, o), cs.tell(tx, now, j, partner.EventClaims, "objected", "not_me")
	})
}

// Object is "This isn't me" on a started journey. Before the mailbox proof it does what ObjectTicket does and ends the
// journey; after it, the owner of the mailbox speaks: the account is held, and the partner cannot create one for the
// address again for 30 days (design 10.8). Errors: ErrNoJourney, ErrNotNow once the account is claimed.
func (cs Claims) Object(ctx context.Context, in Post) error {
	now := cs.Now()
	return cs.Store.Change(ctx, func(tx Tx) (audit.Event, error) {
		state, err := cs.state(tx, in.Text, in.Session, now)
		if err != nil {
			return audit.Event{}, err
		}
		j, a := state.Journey, state.Account
		if j.Decision == NotMe {
			return audit.Event{}, nil
		}
		// Having left is no end, but who proved an address that counts no more has no say in the account.
		state.Journey.Decision = Undecided
		if step, _ := state.Next(now); step == StepOver || a.State != customer.Pending {
			return audit.Event{}, ErrNotNow
		}
		if err := tx.EndClaimCodes(a.ID, Cancelled, now); err != nil {
			return audit.Event{}, err
		}
		if err := cs.hold(tx, j, a, state.Profiles, now); err != nil {
			return audit.Event{}, err
		}
		j.Decision, j.DecidedAt = NotMe, now
		j.forget()
		if err := tx.SaveJourney(&j); err != nil {
			return audit.Event{}, err
		}
		return cs.browserEvent(now, audit.JourneyObjected, j, in.Origin), cs.tell(tx, now, j, partner.EventClaims, "objected", "not_me")
	})
}

// hold freezes the account when the mailbox was proved by this journey.
func (cs Claims) hold(tx Tx, j Journey, a customer.Account, profiles []customer.Profile, now time.Time) error {
	if j.ProvenAt.IsZero() {
		return nil
	}
	a.Stop(customer.HoldObjected, now)
	if err := tx.SaveAccount(&a); err != nil {
		return err
	}
	return errors.Join(tx.BlockAddress(j.Partner, a.Email, now.Add(BlockLife)), tx.BlockAddress(j.Partner, j.Address, now.Add(BlockLife)),
		a.QueueDeactivated(tx, cs.IDs, profiles, customer.DeactivatedByObjection, now))
}
