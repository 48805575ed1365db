package store

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// replyKey is the digest under which a reply is found: the client's key may be anything, a personal value too.
func (tx *Tx) replyKey(version int, r customer.Reply) ([]byte, error) {
	return tx.db.keys.DigestWith(version, secret.PurposeReply, strconv.FormatInt(int64(r.Partner), 10), r.Endpoint, r.Key)
}

func replyPlace(id int64) secret.Place { return secret.Place{Table: "reply", Column: "body", Row: id} }

// Reply finds the reply with the same partner, account, endpoint and key that is younger than customer.ReplyLife at now.
// One that was stored under an earlier epoch of the account is not found: the commit ends stored replies too (I2).
func (tx *Tx) Reply(key customer.Reply, now time.Time) (customer.Reply, bool, error) {
	for _, version := range tx.db.keys.DigestVersions() {
		digest, err := tx.replyKey(version, key)
		if err != nil {
			return customer.Reply{}, false, err
		}
		r, sealed := key, []byte(nil)
		err = tx.get(`SELECT r.id, r.request, r.body, r.at FROM reply r JOIN account a ON a.id = r.account_id AND a.epoch = r.epoch
			WHERE r.account_id = $1 AND r.key_digest = $2 AND r.at > $3`,
			[]any{key.Account, digest, millis(now.Add(-customer.ReplyLife))}, &r.ID, &r.Request, &sealed, moment{&r.At})
		if errors.Is(err, errNoRow) {
			continue
		}
		if err != nil {
			return customer.Reply{}, false, err
		}
		k, err := tx.box(r.Account)
		if err != nil {
			return customer.Reply{}, false, err
		}
		if k.box == nil {
			return customer.Reply{}, false, nil
		}
		if r.Body, err = k.box.Open(replyPlace(r.ID), sealed); err != nil {
			return customer.Reply{}, false, tx.unreadable(fmt.Sprintf("reply %d", r.ID), err)
		}
		return r, true, nil
	}
	return customer.Reply{}, false, nil
}

// SaveReply stores a reply, in place of one under the same key that is too old or of an earlier epoch. One that lives
// makes the change run again, which then finds it.
func (tx *Tx) SaveReply(r customer.Reply) error {
	k, err := tx.box(r.Account)
	if err != nil {
		return err
	}
	if k.box == nil {
		return customer.ErrNoAccount
	}
	digest, err := tx.replyKey(tx.db.keys.DigestVersion(), r)
	if err != nil {
		return err
	}
	if err := tx.put(`DELETE FROM reply WHERE account_id = $1 AND key_digest = $2
		AND (at <= $3 OR epoch <> (SELECT epoch FROM account WHERE id = $1))`,
		r.Account, digest, millis(r.At.Add(-customer.ReplyLife))); err != nil {
		return err
	}
	err = tx.put(`INSERT INTO reply (id, account_id, partner_id, endpoint, key_digest, request, body, epoch, at)
		SELECT $1, id, $3, $4, $5, $6, $7, epoch, $8 FROM account WHERE id = $2`,
		r.ID, r.Account, r.Partner, r.Endpoint, digest, r.Request, k.box.Seal(replyPlace(r.ID), r.Body), millis(r.At))
	if errors.Is(err, errTaken) {
		tx.failed = fmt.Errorf("%w: reply", ErrConflict)
		err = tx.failed
	}
	return err
}
