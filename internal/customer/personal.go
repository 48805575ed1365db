package customer

import (
	"context"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
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

// An Idempotency is what makes a retry safe: Key empty means none was sent. Render writes the answer that is stored.
type Idempotency struct {
	Endpoint string
	Key      string
	Request  []byte
	Render   func(Profile) []byte
}

// CreatePersonal makes the account's one personal profile. With a key that was used before and the same request, it
// answers the stored bytes and changes nothing; another request under the key is ErrReplyDiffers; a second profile is
// ErrProfileExists (contract 8.1, OC-20). After the claim the customer's own profile exists, so it is ErrProfileExists.
func (cs Customers) CreatePersonal(ctx context.Context, c Caller, in Personal, idem Idempotency) (Profile, []byte, error) {
	now := cs.Now()
	var made Profile
	var body []byte
	err := cs.Store.Change(ctx, func(tx Tx) (audit.Event, error) {
		made, body = Profile{}, nil
		a, err := c.admit(tx)
		if err != nil {
			return audit.Event{}, err
		}
		stored, found, err := cs.replay(tx, c, idem, now)
		if err != nil || found {
			body = stored.Body
			return audit.Event{}, err
		}
		existing, err := tx.Profiles(a.ID)
		if err != nil {
			return audit.Event{}, err
		}
		if len(existing) > 0 {
			return audit.Event{}, ErrProfileExists
		}
		made, _ = NewProfile(cs.IDs, a.ID, now).merge(in, ByPartner, now)
		made.Edition = 1
		if err := tx.SaveProfile(&made); err != nil {
			return audit.Event{}, err
		}
		if body = idem.Render(made); idem.Key != "" {
			reply := Reply{ID: cs.IDs.Next(), Partner: c.Partner, Account: a.ID, Endpoint: idem.Endpoint, Key: idem.Key,
				Request: idem.Request, Body: body, At: now}
			if err := tx.SaveReply(reply); err != nil {
				return audit.Event{}, err
			}
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

func (cs Customers) replay(tx ReplyTx, c Caller, idem Idempotency, now time.Time) (Reply, bool, error) {
	if idem.Key == "" {
		return Reply{}, false, nil
	}
	stored, found, err := tx.Reply(Reply{Partner: c.Partner, Account: c.Account, Endpoint: idem.Endpoint, Key: idem.Key}, now)
	if found && !secret.Equal(stored.Request, idem.Request) {
		return Reply{}, false, ErrReplyDiffers
	}
	return stored, found, err
}

// NewProfile is an empty personal profile of an account.
func NewProfile(ids *secret.IDs, account AccountID, now time.Time) Profile {
	return Profile{ID: ProfileID(ids.Next()), Account: account, PublicID: secret.UUID(), AddressID: ids.Next(),
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
func (cs Customers) UpdatePersonal(ctx context.Context, c Caller, id ProfileID, in Personal) (Profile, error) {
	now := cs.Now()
	var after Profile
	err := cs.Store.Change(ctx, func(tx Tx) (audit.Event, error) {
		a, err := c.admit(tx)
		if err != nil {
			return audit.Event{}, err
		}
		before, err := c.profile(tx, id)
		if err != nil {
			return audit.Event{}, err
		}
		e := c.event(now, audit.ProfileChanged)
		if c.Registration {
			after, _ = before.merge(in, ByPartner, now)
		} else {
			after, _ = before.Propose(in.Values, now)
			e.Action = audit.ProfileProposed
		}
		if err := tx.SaveProfile(&after); err != nil {
			return audit.Event{}, err
		}
		return e, cs.touch(tx, a, now)
	})
	return after, err
}

// profile looks a profile up within the caller's account and grant: a foreign one is as unknown as none (I10).
func (c Caller) profile(tx ProfileTx, id ProfileID) (Profile, error) {
	p, err := tx.Profile(id)
	if err != nil {
		return Profile{}, err
	}
	if p.Account != c.Account || c.Profile != 0 && c.Profile != id {
		return Profile{}, ErrNoProfile
	}
	return p, nil
}

// Profile reads one profile within the caller's reach (contract 8.3).
func (cs Customers) Profile(ctx context.Context, c Caller, id ProfileID) (Profile, Account, error) {
	var p Profile
	var a Account
	err := cs.Store.View(ctx, func(tx Tx) (err error) {
		if a, err = c.admit(tx); err != nil {
			return err
		}
		p, err = c.profile(tx, id)
		return err
	})
	return p, a, err
}

// Profiles lists the profiles within the caller's reach (contract 8.3, OC-35).
func (cs Customers) Profiles(ctx context.Context, c Caller) ([]Profile, Account, error) {
	var list []Profile
	var a Account
	err := cs.Store.View(ctx, func(tx Tx) (err error) {
		list = nil
		if a, err = c.admit(tx); err != nil {
			return err
		}
		all, err := tx.Profiles(c.Account)
		for _, p := range all {
			if c.Profile == 0 || c.Profile == p.ID {
				list = append(list, p)
			}
		}
		return err
	})
	return list, a, err
}

// Registered reports whether code is the registration code of this pending account of that partner.
func (a Account) Registered(keys *secret.Keys, creator partner.ID, code string) bool {
	if a.State != Pending || a.Creator != creator || len(a.Registration) == 0 {
		return false
	}
	digest, err := RegistrationDigestWith(keys, a.RegistrationVersion, creator, a.Email, code)
	return err == nil && secret.Equal(digest, a.Registration)
}
