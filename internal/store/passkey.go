package store

import (
	"time"

	"github.com/latchkey-id/latchkey/internal/customer"
)

// SpendChallenge remembers until then that a challenge was answered for the account. fresh is false when it was before: of
// two at once the index lets one through.
func (tx *Tx) SpendChallenge(a customer.AccountID, digest []byte, until time.Time) (fresh bool, err error) {
	n, err := tx.exec(`INSERT INTO passkey_challenge (digest, account_id, expires_at) VALUES ($1, $2, $3)
		ON CONFLICT (digest) DO NOTHING`, digest, a, millis(until))
	return n == 1, err
}
