package store

import (
	"errors"
	"time"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/secret"
)

var claimCodeTable = newTable("claim_code", "id", "account_id", "partner_id", "number", "epoch", "digest", "state", "bound", "minted_at",
	"expires_at", "seen_at", "seen", "ended_at", "version")

func claimCodeFields(c *claim.Code, bound *[]byte) []any {
	return []any{&c.ID, &c.Account, &c.Partner, &c.Number, &c.Epoch, &c.Digest, &c.State, bound, moment{&c.MintedAt},
		moment{&c.ExpiresAt}, moment{&c.SeenAt}, &c.Seen, moment{&c.EndedAt}, &c.Version}
}

func boundPlace(id claim.CodeID) secret.Place {
	return secret.Place{Table: "claim_code", Column: "bound", Row: int64(id)}
}

func (tx *Tx) oneClaimCode(query string, arg any) (claim.Code, error) {
	var c claim.Code
	var bound []byte
	err := tx.get(query, []any{arg}, claimCodeFields(&c, &bound)...)
	if errors.Is(err, errNoRow) {
		err = claim.ErrCodeUnknown
	}
	if err == nil && len(bound) > 0 {
		var k accountKey
		if k, err = tx.box(c.Account); err == nil {
			err = tx.open(k, boundPlace(c.ID), bound, &c.Bound)
		}
	}
	if err != nil {
		return claim.Code{}, err
	}
	return c, nil
}

// ClaimCode reads a claim code by its number, or answers claim.ErrCodeUnknown.
func (tx *Tx) ClaimCode(id claim.CodeID) (claim.Code, error) {
	return tx.oneClaimCode(claimCodeTable.find, id)
}

// ClaimCodeByDigest reads the claim code with that digest, or answers claim.ErrCodeUnknown.
func (tx *Tx) ClaimCodeByDigest(digest []byte) (claim.Code, error) {
	return tx.oneClaimCode("SELECT "+claimCodeTable.all+" FROM claim_code WHERE digest = $1", digest)
}

// SaveClaimCode inserts or updates a claim code.
func (tx *Tx) SaveClaimCode(c *claim.Code) error {
	var bound []byte
	if c.Bound != (claim.Binding{}) {
		k, err := tx.box(c.Account)
		if err != nil {
			return err
		}
		if bound, err = k.seal(boundPlace(c.ID), c.Bound); err != nil {
			return err
		}
	}
	return tx.save(claimCodeTable, &c.Version, claimCodeFields(c, &bound))
}

// EndClaimCodes moves the account's minted codes to a state.
func (tx *Tx) EndClaimCodes(account customer.AccountID, to claim.CodeState, at time.Time) error {
	return tx.put("UPDATE claim_code SET state = $2, ended_at = $3, version = version + 1 WHERE account_id = $1 AND state = 'minted'",
		account, to, millis(at))
}
