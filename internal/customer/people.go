package customer

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// mostPeople bounds the directors and the owners of one business, each; mostPeopleOfAll those of all businesses of an account
// together: the customer reads them on one page, which must stay one that can be read.
const (
	mostPeople      = 200
	mostPeopleOfAll = 1000
)

// SaveDirectors puts directors behind those that a business has, or with replace in place of all, under new ids (contract
// 10.1). After the claim, where the customer confirmed them, it is a proposal; the entry shows what holds today.
// Errors: ErrTooMany.
func (cs Customers) SaveDirectors(ctx context.Context, c Caller, id ProfileID, list []Director, replace bool) (Entry, error) {
	return cs.saveList(ctx, c, id, KindBusiness, Directors, func(have Lists, now time.Time) (Lists, error) {
		all := slices.Clone(list) // the function may run twice
		for i := range all {
			all[i].ID, all[i].Source, all[i].At = cs.IDs.Next(), ByPartner, now
		}
		if !replace {
			all = append(slices.Clone(have.Directors), all...)
		}
		return Lists{Directors: all}, tooMany(len(all), mostPeople)
	})
}

// SaveOwners does for ultimate beneficial owners what SaveDirectors does for directors (contract 10.2). Errors: ErrTooMany.
func (cs Customers) SaveOwners(ctx context.Context, c Caller, id ProfileID, list []Owner, replace bool) (Entry, error) {
	return cs.saveList(ctx, c, id, KindBusiness, Owners, func(have Lists, now time.Time) (Lists, error) {
		all := slices.Clone(list)
		for i := range all {
			all[i].ID, all[i].Source, all[i].At = strings.ReplaceAll(secret.UUID(), "-", ""), ByPartner, now
		}
		if !replace {
			all = append(slices.Clone(have.Owners), all...)
		}
		return Lists{Owners: all}, tooMany(len(all), mostPeople)
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
	return cs.amend(ctx, c, id, kind, func(tx Tx, p Profile, now time.Time) (Profile, audit.Action, error) {
		if !c.Registration && p.Details.Settled(f) {
			lists, err := edit(p.proposed(f), now)
			return p.proposeList(f, lists, now), audit.ProfileProposed, err
		}
		lists, err := edit(p.Details.Lists, now)
		if err != nil {
			return Profile{}, "", err
		}
		after := p.withList(f, lists, ByPartner, now)
		return after, audit.ProfileChanged, crowded(tx, after)
	})
}

// crowded is ErrTooMany when the businesses of an account have more people than one page can show, with p as it would be.
func crowded(tx ProfileTx, p Profile) error {
	if p.Kind != KindBusiness {
		return nil
	}
	all, err := tx.Profiles(p.Account)
	people := 0
	for _, other := range all {
		if other.ID == p.ID {
			other = p
		}
		people += len(other.Details.Lists.Directors) + len(other.Details.Lists.Owners)
	}
	if err != nil {
		return err
	}
	return tooMany(people, mostPeopleOfAll)
}
