package store

import (
	"errors"

	"github.com/latchkey-id/latchkey/internal/claim"
)

var objectionTable = newTable("objection", "id", "account_id", "digest", "expires_at", "used_at", "version")

func objectionFields(o *claim.Objection) []any {
	return []any{&o.ID, &o.Account, &o.Digest, moment{&o.ExpiresAt}, moment{&o.UsedAt}, &o.Version}
}

// ObjectionByDigest reads the objection of a link, or answers claim.ErrNoObjection.
func (tx *Tx) ObjectionByDigest(digest []byte) (claim.Objection, error) {
	var o claim.Objection
	err := tx.get("SELECT "+objectionTable.all+" FROM objection WHERE digest = $1", []any{digest}, objectionFields(&o)...)
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
