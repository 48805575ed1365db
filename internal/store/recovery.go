package store

import (
	"errors"
	"fmt"
	"time"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/secret"
)

var recoveryTable = newTable("recovery", "id", "session_id", "account_id", "epoch", "session_epoch", "subject", "digest", "key_version",
	"tries", "sent_at", "expires_at", "created_at", "proven_at", "passed_at", "rebuilt_at", "ended_at", "sealed", "version")

func recoveryFields(r *customer.Recovery, sealed *[]byte) []any {
	return []any{&r.ID, &r.Session, &r.Account, &r.Epoch, &r.SessionEpoch, &r.Subject, &r.Digest, &r.KeyVersion, &r.Tries,
		moment{&r.SentAt}, moment{&r.ExpiresAt}, moment{&r.CreatedAt}, moment{&r.ProvenAt}, moment{&r.PassedAt}, moment{&r.RebuiltAt},
		moment{&r.EndedAt}, sealed, &r.Version}
}

// recoverySecrets is how the sealed column is written.
type recoverySecrets struct {
	Provisional customer.Credentials `json:"provisional"`
	Method      string               `json:"method,omitempty"`
	AppSecret   []byte               `json:"app_secret,omitempty"`
	Texts       []string             `json:"texts,omitempty"`
}

func recoveryPlace(id customer.RecoveryID) secret.Place {
	return secret.Place{Table: "recovery", Column: "sealed", Row: int64(id)}
}

// RecoveryOf reads the newest recovery of a browser session, or answers customer.ErrNoRecovery.
func (tx *Tx) RecoveryOf(session customer.SessionID) (customer.Recovery, error) {
	var r customer.Recovery
	var sealed []byte
	err := tx.get("SELECT "+recoveryTable.all+" FROM recovery WHERE session_id = $1 ORDER BY id DESC LIMIT 1", []any{session},
		recoveryFields(&r, &sealed)...)
	if errors.Is(err, errNoRow) {
		err = customer.ErrNoRecovery
	}
	var k accountKey
	if err == nil && len(sealed) > 0 {
		k, err = tx.box(r.Account)
	}
	var s recoverySecrets
	if err == nil {
		err = tx.open(k, recoveryPlace(r.ID), sealed, &s)
	}
	if err != nil {
		return customer.Recovery{}, err
	}
	r.Provisional, r.Method, r.AppSecret, r.Texts = s.Provisional, s.Method, s.AppSecret, s.Texts
	return r, nil
}

// SaveRecovery inserts or updates a recovery. What is set up anew is sealed under the account's key; before the mailbox is
// proven there is nothing of it, and so no key is looked for.
func (tx *Tx) SaveRecovery(r *customer.Recovery) error {
	var sealed []byte
	s := recoverySecrets{r.Provisional, r.Method, r.AppSecret, r.Texts}
	if s.Method != "" || s.Provisional.PasswordHash != "" {
		k, err := tx.box(r.Account)
		if err != nil {
			return err
		}
		if sealed, err = k.seal(recoveryPlace(r.ID), s); err != nil {
			return err
		}
	}
	return tx.save(recoveryTable, &r.Version, recoveryFields(r, &sealed))
}

var resetTable = newTable("account_reset", "id", "account_id", "epoch", "session_epoch", "link", "sealed", "asked_at", "ready_at",
	"ended_at", "ended", "version")

func resetFields(q *customer.Reset, sealed *[]byte) []any {
	return []any{&q.ID, &q.Account, &q.Epoch, &q.SessionEpoch, &q.Link, sealed, moment{&q.AskedAt}, moment{&q.ReadyAt},
		moment{&q.EndedAt}, &q.Ended, &q.Version}
}

func resetPlace(id customer.ResetID) secret.Place {
	return secret.Place{Table: "account_reset", Column: "sealed", Row: int64(id)}
}

// Reset reads the account's reset, or answers customer.ErrNoReset.
func (tx *Tx) Reset(a customer.AccountID) (customer.Reset, error) {
	return tx.oneReset("account_id = $1", a)
}

// ResetByLink finds a reset by the digest of its cancel link, or answers customer.ErrNoReset.
func (tx *Tx) ResetByLink(digest []byte) (customer.Reset, error) {
	return tx.oneReset("link = $1", digest)
}

func (tx *Tx) oneReset(which string, arg any) (customer.Reset, error) {
	var q customer.Reset
	var sealed []byte
	err := tx.get("SELECT "+resetTable.all+" FROM account_reset WHERE "+which, []any{arg}, resetFields(&q, &sealed)...)
	if errors.Is(err, errNoRow) {
		err = customer.ErrNoReset
	}
	var k accountKey
	if err == nil {
		k, err = tx.box(q.Account)
	}
	if err == nil {
		err = tx.open(k, resetPlace(q.ID), sealed, &q.Addresses)
	}
	if err != nil {
		return customer.Reset{}, err
	}
	return q, nil
}

// SaveReset inserts or updates a reset. Two that are asked for at once meet at the account's one row: the second change runs
// again and finds the first.
func (tx *Tx) SaveReset(q *customer.Reset) error {
	k, err := tx.box(q.Account)
	if err != nil {
		return err
	}
	sealed, err := k.seal(resetPlace(q.ID), q.Addresses)
	if err != nil {
		return err
	}
	err = tx.save(resetTable, &q.Version, resetFields(q, &sealed))
	if errors.Is(err, errTaken) {
		tx.failed = fmt.Errorf("%w: reset", ErrConflict)
		err = tx.failed
	}
	return err
}

// SuspendAccess suspends every active grant of an account and returns what they were.
func (tx *Tx) SuspendAccess(a customer.AccountID, at time.Time) ([]customer.Access, error) {
	grants, err := tx.GrantsOf(a)
	var all []customer.Access
	for _, g := range grants {
		g.State, g.EndedAt = grant.Suspended, at
		if err := tx.SaveGrant(&g); err != nil {
			return nil, err
		}
		all = append(all, customer.Access{Partner: g.Partner, Profile: g.Profile})
	}
	return all, err
}
