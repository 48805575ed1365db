package claim

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
)

// A Correction is what one review page posts (C9): values that were checked and are in the form of customer.CheckValue.
type Correction struct {
	// Profile is whose they are; 0 for the one that the review begins with. Representative is who represents businesses
	// instead, and Item one entry of a list of the profile.
	Profile        customer.ProfileID
	Representative customer.RepresentativeID
	Item           customer.Item
	Values         map[customer.Field]string
	// OneName is nil when the page did not ask.
	OneName *bool
}

// Correct is C9: the customer's values take the place of the partner's; both are kept with author and time (OC-43). What
// was confirmed before must be confirmed again. Errors: ErrNoJourney, ErrNotNow, customer.ErrLocked for what somebody checked,
// customer.ErrNoProfile, ErrNoRepresentative and ErrNoItem for what is not the customer's or not there any more, ErrTooMany.
func (cs Claims) Correct(ctx context.Context, in Post, c Correction) error {
	now := cs.Now()
	return cs.Store.Change(ctx, func(tx Tx) (audit.Event, error) {
		state, err := cs.at(tx, in.Text, in.Session, now, StepReview, StepAllow)
		if err != nil {
			return audit.Event{}, err
		}
		after, changed, err := cs.correct(tx, state, c, now)
		if err != nil || len(changed) == 0 {
			return audit.Event{}, err
		}
		j := state.Journey
		j.ReviewedAt, j.FreshAt = time.Time{}, now
		if err := cs.saveOwned(tx, state, &j, now); err != nil {
			return audit.Event{}, err
		}
		e := cs.customerEvent(now, audit.ProfileChanged, j, in.Origin)
		e.Detail = map[string]string{"profile": strconv.FormatInt(int64(after.ID), 10), "fields": strings.Join(names(changed), " ")}
		return e, cs.tellProfile(tx, now, j, after, "changed", names(changed)...)
	})
}

// correct saves a correction of what it is of, and returns the profile that the partner is told of with the fields that changed.
func (cs Claims) correct(tx Tx, state State, c Correction, now time.Time) (customer.Profile, []customer.Field, error) {
	switch {
	case c.Representative != 0:
		return cs.correctRepresentative(tx, state, c, now)
	case c.Item.List != "":
		return cs.correctItem(tx, state, c, now)
	}
	return cs.correctProfile(tx, state, c, now)
}

// profile finds the profile that a page is about, among the customer's own (I10).
func (s State) profile(id customer.ProfileID) (customer.Profile, error) {
	if id == 0 && s.Profile.ID != 0 {
		return s.Profile, nil
	}
	for _, p := range s.Profiles {
		if p.ID == id {
			return p, nil
		}
	}
	return customer.Profile{}, customer.ErrNoProfile
}

func (cs Claims) correctProfile(tx Tx, state State, c Correction, now time.Time) (customer.Profile, []customer.Field, error) {
	before, err := state.profile(c.Profile)
	if err != nil {
		return before, nil, err
	}
	after, changed := before.With(c.Values, customer.ByCustomer, now)
	if locked := slices.DeleteFunc(slices.Clone(changed), func(f customer.Field) bool { return !before.Locked(f) }); len(locked) > 0 {
		return before, nil, customer.LockedError{Fields: locked}
	}
	if c.OneName != nil && after.Details.OneName != *c.OneName {
		after.Details.OneName = *c.OneName
		changed = append(changed, customer.LastName)
		after.Edition = before.Edition + 1
	}
	if len(changed) == 0 {
		return before, nil, nil
	}
	return after, changed, tx.SaveProfile(&after)
}

// correctItem corrects, adds or removes one entry of a list. The whole list is the customer's word from then on.
func (cs Claims) correctItem(tx Tx, state State, c Correction, now time.Time) (customer.Profile, []customer.Field, error) {
	before, err := state.profile(c.Profile)
	if err != nil {
		return before, nil, err
	}
	if before.Locked(c.Item.List) {
		return before, nil, customer.LockedError{Fields: []customer.Field{c.Item.List}}
	}
	after, changed, err := before.WithItem(cs.IDs, c.Item, c.Values, now)
	if err != nil || !changed {
		return before, nil, err
	}
	return after, []customer.Field{c.Item.List}, tx.SaveProfile(&after)
}

// correctRepresentative corrects who represents businesses, for all that share the person. The edition of each of them rises:
// what their review shows is another one now. It returns the first of them, of which the partner is told.
func (cs Claims) correctRepresentative(tx Tx, state State, c Correction, now time.Time) (customer.Profile, []customer.Field, error) {
	r, known := state.Representatives[c.Representative]
	if !known || r.Holder {
		return customer.Profile{}, nil, customer.ErrNoRepresentative
	}
	after, changed := r.With(c.Values, customer.ByCustomer, now)
	locked := slices.DeleteFunc(slices.Clone(changed), func(f customer.Field) bool { return !r.Locked(f, state.Profiles) })
	if len(locked) > 0 {
		return customer.Profile{}, nil, customer.LockedError{Fields: locked}
	}
	if len(changed) == 0 {
		return customer.Profile{}, nil, nil
	}
	var first customer.Profile
	for _, p := range state.Profiles {
		if p.Representative != r.ID {
			continue
		}
		p.Edition++
		p.UpdatedAt = now
		if err := tx.SaveProfile(&p); err != nil {
			return customer.Profile{}, nil, err
		}
		if first.ID == 0 {
			first = p
		}
	}
	return first, changed, tx.SaveRepresentative(&after)
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

// Confirm is C8: "My details are right", of the edition of everything that the page showed (State.Edition). Errors:
// ErrNoJourney, ErrNotNow, customer.ErrVersion when something changed meanwhile, ErrIncomplete when something is missing.
func (cs Claims) Confirm(ctx context.Context, in Post, edition int64) error {
	now := cs.Now()
	return cs.Store.Change(ctx, func(tx Tx) (audit.Event, error) {
		state, err := cs.at(tx, in.Text, in.Session, now, StepReview)
		if err != nil {
			return audit.Event{}, err
		}
		j := state.Journey
		switch {
		case state.Profile.ID == 0 || state.Edition() == edition && state.lacking():
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
		e := cs.customerEvent(now, audit.ProfileConfirmed, j, in.Origin)
		e.Detail = map[string]string{"profiles": strconv.Itoa(len(state.Profiles)), "edition": strconv.FormatInt(edition, 10)}
		return e, nil
	})
}

// confirmAll confirms each profile, with who represents it, as it is, and tells the partner of each profile.
func (cs Claims) confirmAll(tx Tx, state *State, now time.Time) error {
	for id, r := range state.Representatives {
		if r.Holder {
			continue
		}
		r = r.Confirm(now)
		if err := tx.SaveRepresentative(&r); err != nil {
			return err
		}
		state.Representatives[id] = r
	}
	for i, p := range state.Profiles {
		p = state.Extras.Confirmed(p, p.Confirm(now))
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

// File is one of the files that C8 lists, with its content. Another account's is as unknown as one that does not exist (I10).
// Errors: ErrNoJourney, ErrNotNow, customer.ErrNoFile.
func (cs Claims) File(ctx context.Context, in Post, id customer.FileID) (customer.File, error) {
	now := cs.Now()
	var f customer.File
	err := cs.Store.View(ctx, func(tx Tx) error {
		state, err := cs.at(tx, in.Text, in.Session, now, StepReview)
		if err != nil {
			return err
		}
		if f, err = tx.File(id); err == nil && f.Account != state.Account.ID {
			err = customer.ErrNoFile
		}
		return err
	})
	if err != nil {
		return customer.File{}, err
	}
	return f, nil
}
