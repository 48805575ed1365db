package store

import (
	"errors"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/secret"
)

var representativeTable = newTable("representative", "id", "account_id", "holder", "details", "transfer_at", "created_at", "updated_at", "version")

func representativeFields(r *customer.Representative, details *[]byte) []any {
	return []any{&r.ID, &r.Account, &r.Holder, details, moment{&r.TransferAt}, moment{&r.CreatedAt}, moment{&r.UpdatedAt}, &r.Version}
}

func representativePlace(id customer.RepresentativeID) secret.Place {
	return secret.Place{Table: "representative", Column: "details", Row: int64(id)}
}

// Representative reads who represents businesses, or answers customer.ErrNoRepresentative.
func (tx *Tx) Representative(id customer.RepresentativeID) (customer.Representative, error) {
	var r customer.Representative
	var details []byte
	err := tx.get(representativeTable.find, []any{id}, representativeFields(&r, &details)...)
	if errors.Is(err, errNoRow) {
		err = customer.ErrNoRepresentative
	}
	if err != nil {
		return customer.Representative{}, err
	}
	k, err := tx.box(r.Account)
	if err == nil {
		err = tx.open(k, representativePlace(r.ID), details, &r.Details)
	}
	if err != nil {
		return customer.Representative{}, err
	}
	return r, nil
}

// SaveRepresentative inserts or updates a representative.
func (tx *Tx) SaveRepresentative(r *customer.Representative) error {
	k, err := tx.box(r.Account)
	if err != nil {
		return err
	}
	details, err := k.seal(representativePlace(r.ID), r.Details)
	if err != nil {
		return err
	}
	return tx.save(representativeTable, &r.Version, representativeFields(r, &details))
}
