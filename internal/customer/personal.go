package customer

import (
	"context"
	"errors"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// Personal is what a partner says of a person (contract 8.1, 8.2). Values are checked and in the form of CheckValue; an
// update leaves alone what Values does not name.
type Personal struct {
	Values map[Field]string
	// Kana, ExternalID and Occupations are nil when they are not given.
	FirstNameInKana, LastNameInKana, ExternalID *string
	Occupations                                 []string
}

// CreatePersonal makes the account's one personal profile. With a key that was used before and the same request, it
// answers the stored bytes and changes nothing; another request under the key is ErrReplyDiffers; a second profile is
// ErrProfileExists (contract 8.1, OC-20). After the claim the customer's own profile exists, so it is ErrProfileExists.
func (cs Customers) CreatePersonal(ctx context.Context, c Caller, in Personal, idem Idempotency) (Profile, []byte, error) {
	now := cs.Now()
	return cs.create(ctx, c, idem, func(_ Tx, a Account, existing []Profile) (Profile, error) {
		if _, found := PersonalOf(existing); found {
			return Profile{}, ErrProfileExists
		}
		made, _ := NewProfile(cs.IDs, a.ID, KindPersonal, now).merge(in, ByPartner, now)
		made.Edition = 1
		return made, nil
	})
}

// create makes a profile of any kind, once for each idempotency key.
func (cs Customers) create(ctx context.Context, c Caller, idem Idempotency, fn func(Tx, Account, []Profile) (Profile, error)) (Profile, []byte, error) {
	now := cs.Now()
	var made Profile
	var body []byte
	err := cs.Store.Change(ctx, func(tx Tx) (audit.Event, error) {
		made, body = Profile{}, nil
		a, err := c.admit(tx)
		if err != nil {
			return audit.Event{}, err
		}
		if err := cs.replay(tx, c, &idem, now); err != nil || idem.Replayed {
			body = idem.Answer
			return audit.Event{}, err
		}
		existing, err := tx.Profiles(a.ID)
		if err != nil {
			return audit.Event{}, err
		}
		if made, err = fn(tx, a, existing); err != nil {
			return audit.Event{}, err
		}
		if err := tx.SaveProfile(&made); err != nil {
			return audit.Event{}, err
		}
		e, err := cs.entry(tx, a, made)
		if err != nil {
			return audit.Event{}, err
		}
		body = idem.Render(e)
		if _, err := cs.keep(tx, c, &idem, e, now); err != nil {
			return audit.Event{}, err
		}
		return c.event(now, audit.ProfileCreated), cs.touch(tx, a, now)
	})
	return made, body, err
}

// touch saves the account row with the change: it excludes the commit of a claim, which saves it too (design 3).
func (cs Customers) touch(tx AccountTx, a Account, now time.Time) error {
	a.UpdatedAt = now
	return tx.SaveAccount(&a)
}

// correctBirthDate begins the tries at the date of birth anew, and ends their hold, when the partner of a pending account gives
// another one: what was typed was compared with a date that counts no more. The account must still be saved.
func (a *Account) correctBirthDate(tx limit.Tx, before, after Profile) error {
	if a.State != Pending || before.Kind != KindPersonal || before.Value(DateOfBirth) == after.Value(DateOfBirth) {
		return nil
	}
	if a.Hold == HoldBirthDate {
		a.Hold = ""
	}
	return pardon(tx, BirthDateKey(a.ID))
}

// NewProfile is an empty profile of an account.
func NewProfile(ids *secret.IDs, account AccountID, kind Kind, now time.Time) Profile {
	return Profile{ID: ProfileID(ids.Next()), Account: account, Kind: kind, PublicID: secret.UUID(), AddressID: ids.Next(),
		Edition: 1, CreatedAt: now, UpdatedAt: now}
}

// merge puts what a partner said into a pending account's profile.
func (p Profile) merge(in Personal, by Source, now time.Time) (Profile, []Field) {
	after, changed := p.With(in.Values, by, now)
	replace(&after.Details.FirstNameInKana, in.FirstNameInKana)
	replace(&after.Details.LastNameInKana, in.LastNameInKana)
	replace(&after.Details.ExternalID, in.ExternalID)
	if in.Occupations != nil {
		after.Details.Occupations = in.Occupations
	}
	after.UpdatedAt = now
	return after, changed
}

func replace(value, with *string) {
	if with != nil {
		*value = *with
	}
}

// UpdatePersonal changes a profile (contract 8.2). Before the claim the values are the partner's to change; afterwards
// they are proposals, in effect when the customer accepts them (design 10.11), and the answer shows what holds today.
func (cs Customers) UpdatePersonal(ctx context.Context, c Caller, id ProfileID, in Personal) (Entry, error) {
	return cs.amend(ctx, c, id, KindPersonal, func(_ Tx, p Profile, now time.Time) (Profile, audit.Action, error) {
		if c.Registration {
			after, _ := p.merge(in, ByPartner, now)
			return after, audit.ProfileChanged, nil
		}
		after, _ := p.Propose(in.Values, now)
		return after, audit.ProfileProposed, nil
	})
}

// amend is every write to a profile: it admits the caller, finds the profile within its reach, lets fn decide, and saves the
// profile and the account's row. Without an action nothing changed and nothing is written but a reply that is to be kept. kind
// is the only one that fn takes, "" for any; a profile of another kind is as unknown as none.
func (cs Customers) amend(ctx context.Context, c Caller, id ProfileID, kind Kind, fn func(Tx, Profile, time.Time) (Profile, audit.Action, error)) (Entry, error) {
	now := cs.Now()
	var seen Entry
	err := cs.Store.Change(ctx, func(tx Tx) (audit.Event, error) {
		seen = Entry{}
		a, err := c.admit(tx)
		if err != nil {
			return audit.Event{}, err
		}
		before, err := c.profile(tx, id, kind)
		if err != nil {
			return audit.Event{}, err
		}
		if err := cs.replay(tx, c, c.Once, now); err != nil || c.Once.replayed() {
			return audit.Event{}, err
		}
		after, action, err := fn(tx, before, now)
		if err != nil {
			return audit.Event{}, err
		}
		if action == "" {
			if seen, err = cs.entry(tx, a, before); err != nil {
				return audit.Event{}, err
			}
			kept, err := cs.keep(tx, c, c.Once, seen, now)
			if err != nil || !kept {
				return audit.Event{}, err
			}
			return c.event(now, audit.ReplyStored), cs.touch(tx, a, now)
		}
		if err := errors.Join(before.guard(after, a.Epoch), guardHolder(tx, before, after)); err != nil {
			return audit.Event{}, err
		}
		if err := tx.SaveProfile(&after); err != nil {
			return audit.Event{}, err
		}
		if err := cs.settleReviews(tx, after, a.Epoch, now); err != nil {
			return audit.Event{}, err
		}
		if err := a.correctBirthDate(tx, before, after); err != nil {
			return audit.Event{}, err
		}
		if seen, err = cs.entry(tx, a, after); err != nil {
			return audit.Event{}, err
		}
		if _, err := cs.keep(tx, c, c.Once, seen, now); err != nil {
			return audit.Event{}, err
		}
		return c.event(now, action), cs.touch(tx, a, now)
	})
	return seen, err
}

// profile looks a profile up within the caller's account and grant: a foreign one is as unknown as none (I10), and so is one
// of another kind than asked for, "" taking any.
func (c Caller) profile(tx ProfileTx, id ProfileID, kind Kind) (Profile, error) {
	p, err := tx.Profile(id)
	if err != nil {
		return Profile{}, err
	}
	if p.Account != c.Account || c.Profile != 0 && c.Profile != id || kind != "" && p.Kind != kind {
		return Profile{}, ErrNoProfile
	}
	return p, nil
}

// Profile reads one profile within the caller's reach (contract 8.3).
func (cs Customers) Profile(ctx context.Context, c Caller, id ProfileID) (Entry, error) {
	return cs.read(ctx, c, id, "")
}

// Business reads one business within the caller's reach (contract 8.6, 10.1, 10.2).
func (cs Customers) Business(ctx context.Context, c Caller, id ProfileID) (Entry, error) {
	return cs.read(ctx, c, id, KindBusiness)
}

func (cs Customers) read(ctx context.Context, c Caller, id ProfileID, kind Kind) (Entry, error) {
	var seen Entry
	err := cs.Store.View(ctx, func(tx Tx) error {
		a, err := c.admit(tx)
		if err != nil {
			return err
		}
		p, err := c.profile(tx, id, kind)
		if err != nil {
			return err
		}
		seen, err = cs.entry(tx, a, p)
		return err
	})
	return seen, err
}

// Profiles lists the profiles within the caller's reach (contract 8.3, OC-35).
func (cs Customers) Profiles(ctx context.Context, c Caller) ([]Entry, error) {
	var list []Entry
	err := cs.Store.View(ctx, func(tx Tx) error {
		list = nil
		a, err := c.admit(tx)
		if err != nil {
			return err
		}
		all, err := tx.Profiles(c.Account)
		for _, p := range all {
			if c.Profile != 0 && c.Profile != p.ID {
				continue
			}
			e, err := cs.entry(tx, a, p)
			if err != nil {
				return err
			}
			list = append(list, e)
		}
		return err
	})
	return list, err
}

// Registered reports whether code is the registration code of this pending account of that partner.
func (a Account) Registered(keys *secret.Keys, creator partner.ID, code string) bool {
	if a.State != Pending || a.Creator != creator || len(a.Registration) == 0 {
		return false
	}
	digest, err := RegistrationDigestWith(keys, a.RegistrationVersion, creator, a.Email, code)
	return err == nil && secret.Equal(digest, a.Registration)
}
