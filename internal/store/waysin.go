package store

import (
	"errors"
	"time"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// WaysIn is for customer.WaysIn.
type WaysIn = For[customer.WaysInTx]

var (
	_ customer.WaysInStore = WaysIn{}
	_ customer.WaysInTx    = (*Tx)(nil)
)

var changeTable = newTable("pending_change", "id", "account_id", "session_id", "kind", "epoch", "session_epoch", "body", "expires_at", "version")

func changeFields(c *customer.PendingChange, body *[]byte) []any {
	return []any{&c.ID, &c.Account, &c.Session, &c.Kind, &c.Epoch, &c.SessionEpoch, body, moment{&c.ExpiresAt}, &c.Version}
}

func changePlace(id int64) secret.Place {
	return secret.Place{Table: "pending_change", Column: "body", Row: id}
}

// PendingChange finds what a session has begun of a kind, or answers customer.ErrNoChange.
func (tx *Tx) PendingChange(session customer.SessionID, kind customer.ChangeKind) (customer.PendingChange, error) {
	var c customer.PendingChange
	var body []byte
	err := tx.get("SELECT "+changeTable.all+" FROM pending_change WHERE session_id = $1 AND kind = $2", []any{session, kind}, changeFields(&c, &body)...)
	if errors.Is(err, errNoRow) {
		err = customer.ErrNoChange
	}
	if err != nil {
		return customer.PendingChange{}, err
	}
	k, err := tx.box(c.Account)
	if err == nil {
		err = tx.open(k, changePlace(c.ID), body, &c.Begun)
	}
	return c, err
}

// SavePendingChange inserts or updates what a session has begun.
func (tx *Tx) SavePendingChange(c *customer.PendingChange) error {
	k, err := tx.box(c.Account)
	if err != nil {
		return err
	}
	body, err := k.seal(changePlace(c.ID), c.Begun)
	if err != nil {
		return err
	}
	return tx.save(changeTable, &c.Version, changeFields(c, &body))
}

// DropPendingChange deletes what was begun, once it is done or of no use.
func (tx *Tx) DropPendingChange(id int64) error {
	return tx.put("DELETE FROM pending_change WHERE id = $1", id)
}

// mostSessions bounds the list of an account's sessions, so that a page stays a page whatever was signed in.
const mostSessions = 100

// SessionsOf lists an account's sessions that nobody ended, newest first.
func (tx *Tx) SessionsOf(account customer.AccountID) ([]customer.Session, error) {
	var all []customer.Session
	err := tx.each("SELECT "+sessionTable.all+" FROM session WHERE account_id = $1 AND account_id <> 0 AND ended_at = 0 ORDER BY id DESC LIMIT $2",
		[]any{account, mostSessions}, func(scan func(...any) error) error {
			var s customer.Session
			err := scan(sessionFields(&s)...)
			all = append(all, s)
			return err
		})
	return all, err
}

// EndRefreshOf ends every refresh token of an account, and every authorization code that could still be redeemed for one.
func (tx *Tx) EndRefreshOf(account customer.AccountID, at time.Time) error {
	err := tx.put(`UPDATE token SET refresh_ended_at = $2, dead_at = access_expires_at, version = version + 1
		WHERE account_id = $1 AND account_id <> 0 AND refresh_ended_at = 0 AND ended_at = 0`, account, millis(at))
	if err != nil {
		return err
	}
	// A code is of a journey, and a journey of a session; of each journey one code can be alive (design 10.22).
	return tx.put(`UPDATE authorization_code SET superseded_at = $2, version = version + 1 WHERE id IN
		(SELECT j.grant_code_id FROM session s JOIN journey j ON j.session_id = s.id
			WHERE s.account_id = $1 AND s.account_id <> 0 AND j.grant_code_id <> 0)
		AND redeemed_at = 0 AND superseded_at = 0`, account, millis(at))
}
