package customer

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// mostPeople bounds the directors and the owners of one business.
const mostPeople = 200

// SaveDirectors puts directors behind those that a business has, or with replace in place of all, under new ids (contract
// 10.1). After the claim, where the customer confirmed them, it is a proposal; the entry shows what holds today.
// Errors: ErrTooMany.
func (cs Customers) SaveDirectors(ctx context.Context, c Caller, id ProfileID, list []Director, replace bool) (Entry, error) {
	return cs.saveList(ctx, c, id, KindBusiness, Directors, func(have Lists, now time.Time) (Lists, error) {
		list = slices.Clone(list) // the function may run twice
		for i := range list {
			list[i].ID, list[i].Source, list[i].At = cs.IDs.Next(), ByPartner, now
		}
		if !replace {
			list = append(slices.Clone(have.Directors), list...)
		}
		return Lists{Directors: list}, tooMany(len(list), mostPeople)
	})
}

// SaveOwners does for ultimate beneficial owners what SaveDirectors does for directors (contract 10.2). Errors: ErrTooMany.
func (cs Customers) SaveOwners(ctx context.Context, c Caller, id ProfileID, list []Owner, replace bool) (Entry, error) {
	return cs.saveList(ctx, c, id, KindBusiness, Owners, func(have Lists, now time.Time) (Lists, error) {
		list = slices.Clone(list)
		for i := range list {
			list[i].ID, list[i].Source, list[i].At = strings.ReplaceAll(secret.UUID(), "-", ""), ByPartner, now
		}
		if !replace {
			list = append(slices.Clone(have.Owners), list...)
		}
		return Lists{Owners: list}, tooMany(len(list), mostPeople)
	})
}

func tooMany(n, most int) error {
	if n > most {
		return ErrTooMany
	}
	return nil
}

// saveList changes one list of a profile: edit makes the new one of what is there.
func (cs Customers) saveList(ctx context.Context, c Caller, id ProfileID, kind Kind, f Field, edit func(have Lists, now time.Time) (Lists, error)) (Entry, error) {
	return cs.amend(ctx, c, id, kind, func(_ Tx, p Profile, now time.Time) (Profile, audit.Action, error) {
		if !c.Registration && p.Details.Settled(f) {
			lists, err := edit(p.proposed(f), now)
			return p.proposeList(f, lists, now), audit.ProfileProposed, err
		}
		lists, err := edit(p.Details.Lists, now)
		return p.withList(f, lists, ByPartner, now), audit.ProfileChanged, err
	})
}
