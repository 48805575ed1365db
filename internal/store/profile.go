package store

import (
	"errors"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/secret"
)

var profileTable = newTable("profile", "id", "account_id", "public_id", "address_id", "details", "edition", "confirmed_edition",
	"confirmed_at", "created_at", "updated_at", "kind", "representative_id", "verified_at",
	"verified_by", "ask_at", "asked", "version")

func profileFields(p *customer.Profile, details *[]byte) []any {
	return []any{&p.ID, &p.Account, &p.PublicID, &p.AddressID, details, &p.Edition, &p.ConfirmedEdition,
		moment{&p.ConfirmedAt}, moment{&p.CreatedAt}, moment{&p.UpdatedAt}, &p.Kind, &p.Representative,
		moment{&p.Verification.At}, &p.Verification.By, moment{&p.Verification.AskAt}, &p.Verification.Asked, &p.Version}
}

func profilePlace(id customer.ProfileID) secret.Place {
	return secret.Place{Table: "profile", Column: "details", Row: int64(id)}
}

// Profile reads a profile, or answers customer.ErrNoProfile.
func (tx *Tx) Profile(id customer.ProfileID) (customer.Profile, error) {
	var p customer.Profile
	var details []byte
	err := tx.get(profileTable.find, []any{id}, profileFields(&p, &details)...)
	if errors.Is(err, errNoRow) {
		err = customer.ErrNoProfile
	}
	if err == nil {
		err = tx.openProfile(&p, details)
	}
	if err != nil {
		return customer.Profile{}, err
	}
	return p, nil
}

// Profiles lists an account's profiles, oldest first.
func (tx *Tx) Profiles(account customer.AccountID) ([]customer.Profile, error) {
	var all []customer.Profile
	var sealed [][]byte
	err := tx.each("SELECT "+profileTable.all+" FROM profile WHERE account_id = $1 ORDER BY id", []any{account},
		func(scan func(...any) error) error {
			var p customer.Profile
			var details []byte
			err := scan(profileFields(&p, &details)...)
			all, sealed = append(all, p), append(sealed, details)
			return err
		})
	for i := range all { // after the rows: opening may ask for the account's key, and a connection answers one question at a time
		if err == nil {
			err = tx.openProfile(&all[i], sealed[i])
		}
	}
	if err != nil {
		return nil, err
	}
	return all, nil
}

func (tx *Tx) openProfile(p *customer.Profile, details []byte) error {
	k, err := tx.box(p.Account)
	if err != nil {
		return err
	}
	return tx.open(k, profilePlace(p.ID), details, &p.Details)
}

// SaveProfile inserts or updates a profile.
func (tx *Tx) SaveProfile(p *customer.Profile) error {
	k, err := tx.box(p.Account)
	if err != nil {
		return err
	}
	details, err := k.seal(profilePlace(p.ID), p.Details)
	if err != nil {
		return err
	}
	return tx.save(profileTable, &p.Version, profileFields(p, &details))
}
