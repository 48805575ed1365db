package claim

import (
	"context"
	"errors"
	"time"

	"github.com/latchkey-id/latchkey/internal/customer"
)

// Existing goes on from E10: the ticket of a visit with the same request, which remembers the pending copy. It is given only
// to the browser that proved the copy's mailbox. Nothing of the copy is inherited: the visit begins with whoever signs in, is
// asked afresh, and Allow drops the copy (design 10.6). Errors: ErrNoJourney, ErrNotNow when the journey did not end so.
func (cs Claims) Existing(ctx context.Context, in Post) (Ticket, error) {
	state, err := cs.State(ctx, in.Text, in.Session)
	if err != nil {
		return Ticket{}, err
	}
	j := state.Journey
	if _, reason := state.Next(cs.Now()); reason != OverExisting || j.Request.Partner == 0 {
		return Ticket{}, ErrNotNow
	}
	t := cs.Ticket(j.Request)
	if state.ours() && !j.ProvenAt.IsZero() {
		t.Copy = j.Account
	}
	return t, nil
}

// dropCopy ends the pending copy that a visit came from, in the transaction of its consent. Only one that is still the same
// partner's, unclaimed, not held by an objection, and of the address that the customer signs in with: who proved one mailbox
// and then signs in to an account of another drops nothing, and a partner that corrected the address meanwhile keeps its
// account. Everything made on the copy is dead with its epoch; its partner hears of the end and of the grant together.
func (cs Claims) dropCopy(tx Tx, state State, now time.Time) (bool, error) {
	j := state.Journey
	if j.Copy == 0 || j.Copy == state.Account.ID {
		return false, nil
	}
	a, err := tx.Account(j.Copy)
	if errors.Is(err, customer.ErrNoAccount) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if a.State != customer.Pending || a.Creator != j.Partner || a.ClosedToCreator() || !customer.SameEmail(a.Address(), state.Account.Email) {
		return false, nil
	}
	profiles, err := tx.Profiles(a.ID)
	if err != nil {
		return false, err
	}
	if err := tx.EndClaimCodes(a.ID, Cancelled, now); err != nil {
		return false, err
	}
	return true, cs.erase(tx, a, profiles, customer.DeactivatedByExisting, "existing_account", now)
}
