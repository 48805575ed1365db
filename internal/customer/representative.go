package customer

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
)

// RepresentativeID identifies who represents businesses of an account. Below 2^53.
type RepresentativeID int64

// ErrNoRepresentative: the account has none with this id; foreign and unknown look the same (I10).
var ErrNoRepresentative = errors.New("representative does not exist for this caller")

// A Representative is the person who acts for one or more businesses of an account (contract 8.4, 8.6). A change is a change
// for all of them.
type Representative struct {
	ID      RepresentativeID
	Account AccountID
	// Holder: it is the account's own customer, and the personal profile says who that is. The row's own Details hold
	// proposals only; verbs that read fill in the values.
	Holder  bool
	Details Details
	// TransferAt is when a partner proposed, after the claim, that another person take over; zero for never.
	TransferAt time.Time
	CreatedAt  time.Time
	UpdatedAt  time.Time
	Version    int64
}

// RepresentativeFields lists the fields of a representative (contract 8.4).
func RepresentativeFields() []Field {
	return []Field{FirstName, LastName, PreferredName, DateOfBirth, Email, Phone, Country, FirstLine, SecondLine, City, Region, PostCode}
}

// Value returns a field's value, "" when it is not given.
func (r Representative) Value(f Field) string { return r.Details.Values[f] }

// Needs reports whether the field must be given for the confirmation (contract 8.4).
func (r Representative) Needs(f Field) bool {
	switch f {
	case FirstName, DateOfBirth, Email, Phone, Country, FirstLine, City:
		return true
	case LastName:
		return !r.Details.OneName
	}
	return AddressNeeds(f, r.Value(Country))
}

// Missing lists what a representative still lacks; nothing of one who holds the account, since that is the personal
// profile's to say.
func (r Representative) Missing() []Field {
	if r.Holder {
		return nil
	}
	return slices.DeleteFunc(RepresentativeFields(), func(f Field) bool { return !r.Needs(f) || !r.Details.Lacks(f) })
}

// Locked reports whether the verification of one of these businesses, which it represents, keeps a field from being changed
// by the customer.
func (r Representative) Locked(f Field, businesses []Profile) bool {
	verified := func(p Profile) bool { return p.Representative == r.ID && p.Verified() }
	return slices.Contains(personLocked, f) && r.Value(f) != "" && slices.ContainsFunc(businesses, verified)
}

// With returns the representative with the values of one author put in, and the names of the fields that changed.
func (r Representative) With(values map[Field]string, by Source, now time.Time) (Representative, []Field) {
	var changed []Field
	if r.Details, changed = r.Details.with(RepresentativeFields(), values, by, now); len(changed) > 0 {
		r.UpdatedAt = now
	}
	return r, changed
}

// Confirm returns the representative with every value confirmed by the customer, to whom the review page showed them all. A
// holder has none of its own.
func (r Representative) Confirm(now time.Time) Representative {
	if !r.Holder {
		r.Details = r.Details.confirm(now)
		r.UpdatedAt = now
	}
	return r
}

// RepresentativeTx reads and writes representatives within a transaction. What is not there is ErrNoRepresentative.
type RepresentativeTx interface {
	Representative(RepresentativeID) (Representative, error)
	// SaveRepresentative inserts when Version is 0 and otherwise updates that version alone; it raises Version.
	SaveRepresentative(*Representative) error
}

// ownRepresentative looks one up within the account: a foreign one is as unknown as none (I10).
func ownRepresentative(tx RepresentativeTx, account AccountID, id RepresentativeID) (Representative, error) {
	r, err := tx.Representative(id)
	if err == nil && r.Account != account {
		err = ErrNoRepresentative
	}
	if err != nil {
		return Representative{}, err
	}
	return r, nil
}

// represent reads a representative with the values filled in, as a reader sees it. What it returns is not to be saved.
func (cs Customers) represent(tx Tx, account AccountID, id RepresentativeID) (Representative, error) {
	r, err := ownRepresentative(tx, account, id)
	if err != nil || !r.Holder {
		return r, err
	}
	profiles, err := tx.Profiles(account)
	if p, found := PersonalOf(profiles); found {
		r.Details.Values = map[Field]string{}
		for _, f := range RepresentativeFields() {
			r.Details.Values[f] = p.Value(f)
		}
	}
	return r, err
}

// PersonalOf finds the personal profile among an account's.
func PersonalOf(profiles []Profile) (Profile, bool) {
	for _, p := range profiles {
		if p.Kind != KindBusiness {
			return p, true
		}
	}
	return Profile{}, false
}

// representative finds or makes who represents a new business.
func (cs Customers) representative(tx Tx, account AccountID, profiles []Profile, in Business, now time.Time) (RepresentativeID, error) {
	if in.Representative != 0 {
		r, err := ownRepresentative(tx, account, in.Representative)
		return r.ID, err
	}
	made := Representative{ID: RepresentativeID(cs.IDs.Next()), Account: account, CreatedAt: now, UpdatedAt: now}
	if in.Person != nil {
		made.Details, _ = made.Details.with(RepresentativeFields(), in.Person, ByPartner, now)
		return made.ID, tx.SaveRepresentative(&made)
	}
	if _, found := PersonalOf(profiles); !found {
		return 0, ErrNoPersonal
	}
	for _, p := range profiles {
		if p.Representative == 0 {
			continue
		}
		if r, err := ownRepresentative(tx, account, p.Representative); err != nil || r.Holder {
			return r.ID, err
		}
	}
	made.Holder = true
	return made.ID, tx.SaveRepresentative(&made)
}

// A Substitution is what a partner says of a business's representative (contract 8.6).
type Substitution struct {
	// Transfer: another person takes over, and nothing of the one before stays; otherwise the same person is corrected.
	Transfer bool
	Values   map[Field]string
}

// UpdateRepresentative changes who represents a business, for all businesses that share the representative (contract 8.6).
// After the claim it is a proposal (design 10.11), and the answer shows what holds today.
func (cs Customers) UpdateRepresentative(ctx context.Context, c Caller, id ProfileID, in Substitution) (Entry, error) {
	return cs.amend(ctx, c, id, KindBusiness, func(tx Tx, p Profile, now time.Time) (Profile, audit.Action, error) {
		r, err := ownRepresentative(tx, c.Account, p.Representative)
		if err == nil {
			err = cs.guardRepresentative(tx, c, p, in)
		}
		if err != nil {
			return Profile{}, "", err
		}
		if !c.Registration {
			return p, audit.ProfileProposed, cs.proposeRepresentative(tx, r, in, now)
		}
		switch {
		case in.Transfer:
			r.Holder, r.Details = false, Details{}
			if p, err = cs.transferred(tx, p, now); err != nil {
				return Profile{}, "", err
			}
		case r.Holder:
			return p, audit.ProfileChanged, updateHolder(tx, c.Account, in.Values, now)
		}
		p.Edition++ // what the review of the business shows is another one now
		r.Details, _ = r.Details.with(RepresentativeFields(), in.Values, ByPartner, now)
		r.UpdatedAt = now
		return p, audit.ProfileChanged, tx.SaveRepresentative(&r)
	})
}

func (cs Customers) proposeRepresentative(tx Tx, r Representative, in Substitution, now time.Time) error {
	seen, err := cs.represent(tx, r.Account, r.ID)
	if err != nil {
		return err
	}
	have := seen.Details.Values
	if in.Transfer {
		have, r.TransferAt = nil, now
	}
	r.Details, _ = r.Details.propose(RepresentativeFields(), in.Values, have, now)
	r.UpdatedAt = now
	return tx.SaveRepresentative(&r)
}

// updateHolder corrects the personal profile, which is what a business's representative is who holds the account.
func updateHolder(tx ProfileTx, account AccountID, values map[Field]string, now time.Time) error {
	profiles, err := tx.Profiles(account)
	if err != nil {
		return err
	}
	p, found := PersonalOf(profiles)
	if !found {
		return ErrNoPersonal
	}
	after, _ := p.With(values, ByPartner, now)
	return tx.SaveProfile(&after)
}
