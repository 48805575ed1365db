package store

import (
	"context"
	"errors"
	"time"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
)

// Tidy is for claim.Claims.Tidy.
type Tidy = For[claim.TidyTx]

// Erasing is for claim.Claims.Erase.
type Erasing = For[claim.EraseTx]

var (
	_ claim.TidyStore  = Tidy{}
	_ claim.TidyTx     = (*Tx)(nil)
	_ claim.EraseStore = Erasing{}
	_ claim.EraseTx    = (*Tx)(nil)
)

// SilentJourneys finds journeys that nobody finished and that had no step since before, of which nobody was told yet. One
// that ended because its address has an account (E10) is among them, and so is one that was left: silence about either would
// tell its partner which it is.
func (tx *Tx) SilentJourneys(before time.Time, most int) ([]string, error) {
	var texts []string
	err := tx.each(`SELECT text FROM journey WHERE abandoned_at = 0 AND (decided_at = 0 OR decision = 'left') AND fresh_at <= $1
		ORDER BY fresh_at LIMIT $2`, []any{millis(before), most}, func(scan func(...any) error) error {
		var text string
		err := scan(&text)
		texts = append(texts, text)
		return err
	})
	return texts, err
}

// StalePending finds pending accounts that nobody changed since before.
func (tx *Tx) StalePending(before time.Time, most int) ([]customer.AccountID, error) {
	var ids []customer.AccountID
	err := tx.each("SELECT id FROM account WHERE state = 'pending' AND updated_at <= $1 ORDER BY updated_at LIMIT $2",
		[]any{millis(before), most}, func(scan func(...any) error) error {
			var id customer.AccountID
			err := scan(&id)
			ids = append(ids, id)
			return err
		})
	return ids, err
}

// ClosingAccounts finds accounts whose customer asked to close them and whose wait is over; those on hold are left until their release.
func (tx *Tx) ClosingAccounts(now time.Time, most int) ([]customer.AccountID, error) {
	var ids []customer.AccountID
	err := tx.each("SELECT id FROM account WHERE close_at <> 0 AND close_at <= $1 AND state = 'claimed' AND hold = '' ORDER BY close_at LIMIT $2",
		[]any{millis(now), most}, func(scan func(...any) error) error {
			var id customer.AccountID
			err := scan(&id)
			ids = append(ids, id)
			return err
		})
	return ids, err
}

// belongings are the rows that go with an erased account. Grants, tokens and audit events stay until they are swept: they
// hold nothing personal, and a token of a lower epoch is dead.
var belongings = []string{
	"DELETE FROM profile WHERE account_id = $1",
	"DELETE FROM representative WHERE account_id = $1",
	"DELETE FROM profile_file WHERE account_id = $1",
	"DELETE FROM reply WHERE account_id = $1",
	"DELETE FROM kyc_review WHERE account_id = $1",
	"DELETE FROM phone_number WHERE account_id = $1",
	"DELETE FROM one_time_token WHERE account_id = $1",
	"DELETE FROM receipt WHERE account_id = $1",
	"DELETE FROM pending_change WHERE account_id = $1",
	"DELETE FROM objection WHERE account_id = $1",
	"DELETE FROM known_device WHERE account_id = $1",
	"DELETE FROM recovery WHERE account_id = $1 AND account_id <> 0",
	"DELETE FROM account_reset WHERE account_id = $1",
	"DELETE FROM subscription WHERE account_id = $1 AND account_id <> 0",
	"DELETE FROM claim_code WHERE account_id = $1 AND state = 'minted'",
}

// EraseAccount destroys the account's key, so that nothing sealed under it can be read again in any copy of the database,
// and deletes what belongs to it. The row stays: its number is in the audit.
func (tx *Tx) EraseAccount(id customer.AccountID) error {
	for _, query := range belongings {
		if _, err := tx.exec(query, id); err != nil {
			return err
		}
	}
	_, err := tx.exec(`UPDATE account SET wrapped_key = NULL, contact = NULL, credentials = NULL, registration = NULL,
		email_digest = $2, email_version = 0 WHERE id = $1`, id, []byte{})
	delete(tx.keys, id)
	return err
}

// underWay are the rows of an account that say something to somebody later, or open something now. What else there is of it holds
// nothing personal and is dead by its epoch; it goes when it is swept.
var underWay = []string{
	"DELETE FROM mail WHERE account_id = $1 AND body IS NOT NULL",
	"DELETE FROM delivery WHERE account_id = $1 AND done_at = 0",
	"DELETE FROM session WHERE account_id = $1 AND account_id <> 0",
	"DELETE FROM token WHERE account_id = $1 AND account_id <> 0",
}

// ForgetAccount deletes what waits to be told about an account, or opens it. Of mails and deliveries it reads all that wait.
func (tx *Tx) ForgetAccount(id customer.AccountID) error {
	for _, query := range underWay {
		if _, err := tx.exec(query, id); err != nil {
			return err
		}
	}
	return nil
}

// Scrub takes what was overwritten out of what a file's engine keeps beside its pages: secure_delete overwrites the pages themselves, but
// the log of what was written holds their former content until it is begun anew. done is false where others were reading: a
// later checkpoint does it. On PostgreSQL it does nothing, and former rows lie there until VACUUM and new rows take their place.
func (db *DB) Scrub(ctx context.Context) (done bool, err error) {
	if !db.engine.serial {
		return false, nil
	}
	pool := sqlitePool(db.engine.name)
	defer func() { err = errors.Join(err, pool.Close()) }()
	var busy, log, moved int
	if err := pool.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &log, &moved); err != nil {
		return false, unavailable("scrub", err)
	}
	return busy == 0, nil
}
