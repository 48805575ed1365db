package store

import (
	"errors"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
)

var objectionTable = newTable("objection", "id", "account_id", "digest", "expires_at", "used_at", "reported_at", "version")

func objectionFields(o *claim.Objection) []any {
	return []any{&o.ID, &o.Account, &o.Digest, moment{&o.ExpiresAt}, moment{&o.UsedAt}, moment{&o.ReportedAt}, &o.Version}
}

// ObjectionByDigest reads the objection of a link, or answers claim.ErrNoObjection.
func (tx *Tx) ObjectionByDigest(digest []byte) (claim.Objection, error) {
	return tx.oneObjection("SELECT "+objectionTable.all+" FROM objection WHERE digest = $1", digest)
}

// ObjectionOf reads the objection of an account, or answers claim.ErrNoObjection: an account is claimed once.
func (tx *Tx) ObjectionOf(id customer.AccountID) (claim.Objection, error) {
	return tx.oneObjection("SELECT "+objectionTable.all+" FROM objection WHERE account_id = $1", id)
}

func (tx *Tx) oneObjection(query string, arg any) (claim.Objection, error) {
	var o claim.Objection
	err := tx.get(query, []any{arg}, objectionFields(&o)...)
	if errors.Is(err, errNoRow) {
		err = claim.ErrNoObjection
	}
	if err != nil {
		return claim.Objection{}, err
	}
	return o, nil
}

// SaveObjection inserts or updates an objection.
func (tx *Tx) SaveObjection(o *claim.Objection) error {
	return tx.save(objectionTable, &o.Version, objectionFields(o))
}
