package claim

import (
	"context"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
)

// Dispute is "Tell {Partner} this is wrong" of C8: a note about values that were checked and are locked. The partner is told
// which they are, and reads the note through the API (design 10.31); the journey goes on. The same note again changes
// nothing. of is the profile that they are of, 0 for the one that the review begins with. Errors: ErrNoJourney, ErrNotNow,
// customer.ErrNoteEmpty, ErrNoteLong, ErrNotLocked, ErrNoProfile.
func (cs Claims) Dispute(ctx context.Context, in Post, of customer.ProfileID, fields []customer.Field, note string) error {
	note, err := customer.CheckNote(note)
	if err != nil {
		return cs.unfit(ctx, in, err, StepReview)
	}
	now := cs.Now()
	return cs.Store.Change(ctx, func(tx Tx) (audit.Event, error) {
		state, err := cs.at(tx, in.Text, in.Session, now, StepReview)
		if err != nil {
			return audit.Event{}, err
		}
		j := state.Journey
		p, err := state.profile(of)
		if err != nil {
			return audit.Event{}, err
		}
		p, changed, err := p.Dispute(fields, note, now)
		if err != nil || !changed {
			return audit.Event{}, err
		}
		if err := tx.SaveProfile(&p); err != nil {
			return audit.Event{}, err
		}
		j.FreshAt = now
		if err := cs.saveOwned(tx, state, &j, now); err != nil {
			return audit.Event{}, err
		}
		return cs.customerEvent(now, audit.ProfileDisputed, j, in.Origin),
			cs.tellProfile(tx, now, j, p, "disputed", names(fields)...)
	})
}
