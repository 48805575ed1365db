package claim

import (
	"context"
	"slices"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
)

// A Correction is what one review page posts (C9): values that were checked and are in the form of customer.CheckValue.
type Correction struct {
	Values map[customer.Field]string
	// OneName is nil when the page did not ask.
	OneName *bool
}

// Correct is C9: the customer's values take the place of the partner's; both are kept with author and time (OC-43). What
// was confirmed before must be confirmed again. Errors: ErrNoJourney, ErrNotNow, customer.ErrLocked for what somebody checked.
func (cs Claims) Correct(ctx context.Context, in Post, c Correction) error {
	now := cs.Now()
	return cs.Store.Change(ctx, func(tx Tx) (audit.Event, error) {
		state, err := cs.at(tx, in.Text, in.Session, now, StepReview, StepAllow)
		if err != nil {
			return audit.Event{}, err
		}
		j, before := state.Journey, state.Profile
		after, changed := before.With(c.Values, customer.ByCustomer, now)
		if locked := slices.DeleteFunc(slices.Clone(changed), func(f customer.Field) bool { return !before.Locked(f) }); len(locked) > 0 {
			return audit.Event{}, customer.LockedError{Fields: locked}
		}
		if c.OneName != nil && after.Details.OneName != *c.OneName {
			after.Details.OneName = *c.OneName
			changed = append(changed, customer.LastName)
			after.Edition = before.Edition + 1
		}
		if len(changed) == 0 {
			return audit.Event{}, nil
		}
		if err := tx.SaveProfile(&after); err != nil {
			return audit.Event{}, err
		}
		j.ReviewedAt, j.FreshAt = time.Time{}, now
		if err := cs.saveOwned(tx, state, &j, now); err != nil {
			return audit.Event{}, err
		}
		return cs.customerEvent(now, audit.ProfileChanged, j, in.Origin),
			cs.tellProfile(tx, now, j, after, "changed", names(changed)...)
	})
}

// saveOwned saves the journey together with its account's row, so that this change and one that raises the epoch exclude
// each other (design 3).
func (cs Claims) saveOwned(tx Tx, state State, j *Journey, now time.Time) error {
	a := state.Account
	a.UpdatedAt = now
	if err := tx.SaveAccount(&a); err != nil {
		return err
	}
	return tx.SaveJourney(j)
}

func names(fields []customer.Field) []string {
	list := make([]string, len(fields))
	for i, f := range fields {
		list[i] = string(f)
	}
	return list
}

// Confirm is C8: "My details are right", of the edition of all profiles that the page showed (State.Edition). Errors: ErrNoJourney, ErrNotNow,
// customer.ErrVersion when something changed meanwhile, ErrIncomplete when something is missing.
func (cs Claims) Confirm(ctx context.Context, in Post, edition int64) error {
	now := cs.Now()
	return cs.Store.Change(ctx, func(tx Tx) (audit.Event, error) {
		state, err := cs.at(tx, in.Text, in.Session, now, StepReview)
		if err != nil {
			return audit.Event{}, err
		}
		j := state.Journey
		lacks := func(p customer.Profile) bool { return len(p.Missing()) > 0 }
		switch {
		case state.Profile.ID == 0 || state.Edition() == edition && slices.ContainsFunc(state.Profiles, lacks):
			return audit.Event{}, ErrIncomplete
		case state.Edition() != edition:
			return audit.Event{}, customer.ErrVersion
		}
		if err := cs.confirmAll(tx, &state, now); err != nil {
			return audit.Event{}, err
		}
		j.ReviewedAt, j.FreshAt = now, now
		if err := cs.settle(tx, state, &j, now); err != nil {
			return audit.Event{}, err
		}
		if err := cs.saveOwned(tx, state, &j, now); err != nil {
			return audit.Event{}, err
		}
		return cs.customerEvent(now, audit.ProfileConfirmed, j, in.Origin), nil
	})
}

// confirmAll confirms each profile as it is and tells the partner of each.
func (cs Claims) confirmAll(tx Tx, state *State, now time.Time) error {
	for i, p := range state.Profiles {
		p = p.Confirm(now)
		if err := tx.SaveProfile(&p); err != nil {
			return err
		}
		if err := cs.tellProfile(tx, now, state.Journey, p, "confirmed"); err != nil {
			return err
		}
		state.Profiles[i] = p
	}
	state.Profile = firstOf(state.Profiles)
	return nil
}
