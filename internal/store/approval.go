package store

import (
	"errors"
	"strconv"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// Approvals is for customer.Approvals, PublicKeys for partner.PublicKeys.
type (
	Approvals  = For[customer.ApprovalTx]
	PublicKeys = For[partner.PublicKeyTx]
)

var (
	_ customer.ApprovalStore = Approvals{}
	_ partner.PublicKeyStore = PublicKeys{}
)

func phonePlace(id int64) secret.Place {
	return secret.Place{Table: "phone_number", Column: "number", Row: id}
}

// PhoneNumberOf finds the newest number of an account under an epoch, or answers customer.ErrNoPhone.
func (tx *Tx) PhoneNumberOf(account customer.AccountID, epoch int64) (customer.PhoneNumber, error) {
	p := customer.PhoneNumber{Account: account, Epoch: epoch}
	var sealed []byte
	err := tx.get("SELECT id, partner_id, number, created_at FROM phone_number WHERE account_id = $1 AND epoch = $2 ORDER BY id DESC LIMIT 1",
		[]any{account, epoch}, &p.ID, &p.Partner, &sealed, moment{&p.CreatedAt})
	if errors.Is(err, errNoRow) {
		err = customer.ErrNoPhone
	}
	if err != nil {
		return customer.PhoneNumber{}, err
	}
	k, err := tx.box(account)
	if err == nil {
		err = tx.open(k, phonePlace(p.ID), sealed, &p.Number)
	}
	return p, err
}

// SavePhoneNumber inserts a number. One that its partner gave before is customer.ErrPhoneRepeated. The digest is of the newest
// key alone: after a rotation a number may be given once more, which harms nobody.
func (tx *Tx) SavePhoneNumber(p customer.PhoneNumber) error {
	k, err := tx.box(p.Account)
	if err != nil {
		return err
	}
	sealed, err := k.seal(phonePlace(p.ID), p.Number)
	if err != nil {
		return err
	}
	digest := tx.db.keys.Digest(secret.PurposePhone, strconv.FormatInt(int64(p.Partner), 10), p.Number)
	_, err = tx.exec("INSERT INTO phone_number (id, account_id, partner_id, epoch, number, digest, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
		p.ID, p.Account, p.Partner, p.Epoch, sealed, []byte(digest), millis(p.CreatedAt))
	if errors.Is(err, errTaken) {
		err = customer.ErrPhoneRepeated
	}
	return err
}

var approvalTable = newTable("one_time_token", "id", "account_id", "partner_id", "epoch", "digest", "action", "triggered_at", "passed_at", "used_at",
	"expires_at", "version")

func approvalFields(a *customer.Approval) []any {
	return []any{&a.ID, &a.Account, &a.Partner, &a.Epoch, &a.Digest, &a.Action, moment{&a.TriggeredAt}, moment{&a.PassedAt}, moment{&a.UsedAt},
		moment{&a.ExpiresAt}, &a.Version}
}

// ApprovalByDigest finds a one-time token, or answers customer.ErrNoApproval.
func (tx *Tx) ApprovalByDigest(digest []byte) (customer.Approval, error) {
	var a customer.Approval
	err := tx.get("SELECT "+approvalTable.all+" FROM one_time_token WHERE digest = $1", []any{digest}, approvalFields(&a)...)
	if errors.Is(err, errNoRow) {
		err = customer.ErrNoApproval
	}
	if err != nil {
		return customer.Approval{}, err
	}
	return a, nil
}

// SaveApproval inserts or updates a one-time token.
func (tx *Tx) SaveApproval(a *customer.Approval) error {
	return tx.save(approvalTable, &a.Version, approvalFields(a))
}

// AddPublicKey inserts a key of a partner. An id that the partner used before is partner.ErrKeyTaken.
func (tx *Tx) AddPublicKey(k partner.PublicKey) error {
	_, err := tx.exec(`INSERT INTO partner_key (id, partner_id, key_id, scope, algorithm, material, valid_from, valid_till, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, k.ID, k.Partner, k.KeyID, k.Scope, k.Algorithm, k.Material, millis(k.ValidFrom),
		millis(k.ValidTill), millis(k.CreatedAt))
	if errors.Is(err, errTaken) {
		err = partner.ErrKeyTaken
	}
	return err
}

// PublicKeyCount counts the keys of a partner.
func (tx *Tx) PublicKeyCount(id partner.ID) (int, error) {
	var n int
	err := tx.get("SELECT COUNT(*) FROM partner_key WHERE partner_id = $1", []any{id}, &n)
	return n, err
}
