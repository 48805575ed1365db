package store

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
)

// Look runs fn, which asks one question, Sight: it is one statement, and is sent without a transaction around it.
func (s Customers) Look(ctx context.Context, fn func(customer.Tx) error) error {
	return s.DB.readAs(ctx, reading{loose: true, depth: openContact}, func(tx *Tx) error { return fn(tx) })
}

// sightQuery reads an account, whether an access to it stands, and its personal profile, where the profile is the one that is asked for or
// any is (0).
const sightQuery = `SELECT a.id, a.creator_id, a.state, a.hold, a.epoch, a.wrapped_key, a.contact, COALESCE(g.state, ''),
	COALESCE(p.id, 0), COALESCE(p.address_id, 0), COALESCE(p.kind, ''), p.details
	FROM account a LEFT JOIN access_grant g ON g.id = $2 AND g.account_id = a.id
	LEFT JOIN profile p ON p.account_id = a.id AND p.kind <> 'business' AND (p.id = $3 OR $3 = 0)
	WHERE a.id = $1 ORDER BY p.id LIMIT 1`

// Sight reads what a caller is shown of its account, or answers customer.ErrNoAccount. Of the sealed columns it opens and decodes what is
// shown alone.
func (tx *Tx) Sight(c customer.Caller) (customer.Sight, error) {
	var s customer.Sight
	var p customer.Profile
	var wrapped, addresses, details []byte
	var access grant.State
	a := &s.Account
	err := tx.get(sightQuery, []any{int64(c.Account), c.Grant, int64(c.Profile)}, &a.ID, &a.Creator, &a.State, &a.Hold, &a.Epoch, &wrapped, &addresses,
		&access, &p.ID, &p.AddressID, &p.Kind, &details)
	if errors.Is(err, errNoRow) {
		err = customer.ErrNoAccount
	}
	if err != nil {
		return customer.Sight{}, err
	}
	k, err := tx.unwrapped(a.ID, wrapped, a.Epoch)
	if err != nil {
		return customer.Sight{}, err
	}
	var reach contact
	if _, err := tx.opened(k, accountPlace(a.ID, "contact"), addresses, reach.read); err != nil {
		return customer.Sight{}, err
	}
	a.Email, a.ContactEmail, a.Language = reach.Email, reach.ContactEmail, reach.Language
	s.Stands = access == grant.Active
	if p.ID == 0 {
		return s, nil
	}
	_, err = tx.opened(k, profilePlace(p.ID), details, func(plain []byte) (err error) {
		p.Details.Values, err = valuesOf(plain)
		return err
	})
	p.Account, s.Personal = a.ID, &p
	return s, err
}

// valuesOf reads the values alone of a profile's details, which are most often plain: of the rest that stands there, where each of them comes
// from is the most.
func valuesOf(details []byte) (map[customer.Field]string, error) {
	text := string(details)
	if values, ok := plainMember(text, "values"); ok {
		if values == "" {
			return nil, nil
		}
		read := make(map[customer.Field]string, strings.Count(values, ","))
		if plainPairs(values, func(name, value string) { read[customer.Field(name)] = value }) {
			return read, nil
		}
	}
	var whole customer.Details
	err := json.Unmarshal(details, &whole)
	return whole.Values, err
}
