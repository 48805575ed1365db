package customer

import (
	"context"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
)

// HasAddress reports whether somebody gave an address: the country comes first in every dialect of the contract.
func (p Profile) HasAddress() bool { return p.Value(Country) != "" }

// SaveAddress sets the address of a profile of any kind, with the occupations that some countries ask for beside it (contract
// 9.1). Of in, the values and Occupations are read. After the claim it is a proposal (design 10.11).
func (cs Customers) SaveAddress(ctx context.Context, c Caller, id ProfileID, in Personal) (Entry, error) {
	return cs.amend(ctx, c, id, "", func(_ Tx, p Profile, now time.Time) (Profile, audit.Action, error) {
		if !c.Registration {
			after, _ := p.Propose(in.Values, now)
			return after, audit.ProfileProposed, nil
		}
		after, _ := p.merge(Personal{Values: in.Values, Occupations: in.Occupations}, ByPartner, now)
		return after, audit.ProfileChanged, nil
	})
}

// Address finds the profile whose address has this id, within the caller's reach (contract 9.1). What is foreign, unknown or
// not given yet is ErrNoProfile alike.
func (cs Customers) Address(ctx context.Context, c Caller, id int64) (Entry, error) {
	list, err := cs.Profiles(ctx, c)
	for _, e := range list {
		if e.Profile.AddressID == id && e.Profile.HasAddress() {
			return e, nil
		}
	}
	if err == nil {
		err = ErrNoProfile
	}
	return Entry{}, err
}
