package store

import (
	"context"
	"errors"
	"time"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// Receipts is for claim.Receipts.
type Receipts struct{ DB *DB }

var _ claim.ReceiptStore = Receipts{}

const receiptColumns = "r.id, r.account_id, r.partner_id, r.profile_id, r.kind, r.at, r.event_id, r.content, r.signed"

func receiptFields(r *claim.Receipt, content *[]byte) []any {
	return []any{&r.ID, &r.Account, &r.Partner, &r.Profile, &r.Kind, moment{&r.At}, &r.Event, content, &r.Signed}
}

// receiptContent is what is sealed.
type receiptContent struct {
	Statement   claim.Statement `json:"statement"`
	Disclosures []string        `json:"disclosures"`
}

func receiptPlace(id claim.ReceiptID) secret.Place {
	return secret.Place{Table: "receipt", Column: "content", Row: int64(id)}
}

// SaveReceipt inserts a receipt of the event that this transaction will write.
func (tx *Tx) SaveReceipt(r *claim.Receipt) error {
	k, err := tx.box(r.Account)
	if err != nil {
		return err
	}
	content, err := k.seal(receiptPlace(r.ID), receiptContent{r.Statement, r.Disclosures})
	if err != nil {
		return err
	}
	r.Event = tx.event()
	return tx.put(`INSERT INTO receipt (id, account_id, partner_id, profile_id, kind, at, event_id, content, signed)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, receiptFields(r, &content)...)
}

// Receipts lists an account's receipts, oldest first.
func (tx *Tx) Receipts(account customer.AccountID) ([]claim.Receipt, error) {
	return tx.receipts("SELECT "+receiptColumns+`, COALESCE(l.number, 0), l.hash FROM receipt r LEFT JOIN audit_link l ON l.event_id = r.event_id
		WHERE r.account_id = $1 ORDER BY r.id`, account)
}

// receipts reads receipts; the last two columns are the number and hash of their place.
func (tx *Tx) receipts(query string, args ...any) ([]claim.Receipt, error) {
	var all []claim.Receipt
	var sealed [][]byte
	err := tx.each(query, args, func(scan func(...any) error) error {
		var r claim.Receipt
		var content []byte
		err := scan(append(receiptFields(&r, &content), &r.Place.Number, &r.Place.Hash)...)
		if r.Place.Number > 0 {
			r.Place.Event = r.Event
		}
		all, sealed = append(all, r), append(sealed, content)
		return err
	})
	for i := range all { // after the rows, as profiles are
		if err == nil {
			var k accountKey
			if k, err = tx.box(all[i].Account); err == nil {
				var c receiptContent
				err = tx.open(k, receiptPlace(all[i].ID), sealed[i], &c)
				all[i].Statement, all[i].Disclosures = c.Statement, c.Disclosures
			}
		}
	}
	if err != nil {
		return nil, err
	}
	return all, nil
}

// lookedAt bounds how many receipts one call of UnsignedReceipts looks at, toldEvery how often it tells of those that do not open.
const (
	lookedAt  = 500
	toldEvery = time.Minute
)

// UnsignedReceipts lists receipts whose event has its place in the chain, oldest first. One that does not open, since its account's key or
// its content was damaged, is told to the operator and holds no other back: each call goes on behind the last one that it
// looked at, and begins again at the end.
func (s Receipts) UnsignedReceipts(ctx context.Context, most int) (list []claim.Receipt, err error) {
	s.DB.unsigned.mu.Lock()
	defer s.DB.unsigned.mu.Unlock()
	var ids []int64
	err = s.DB.read(ctx, func(tx *Tx) error {
		ids = nil
		return tx.each(`SELECT r.id FROM receipt r JOIN audit_link l ON l.event_id = r.event_id WHERE r.signed = '' AND r.id > $1 ORDER BY r.id LIMIT $2`,
			[]any{s.DB.unsigned.after, lookedAt}, func(scan func(...any) error) error {
				var id int64
				err := scan(&id)
				ids = append(ids, id)
				return err
			})
	})
	if len(ids) < lookedAt {
		s.DB.unsigned.after = 0
	}
	stuck := 0
	for _, id := range ids {
		if len(list) == most {
			break
		}
		one, readErr := s.unsigned(ctx, id)
		switch {
		case errors.Is(readErr, secret.ErrSeal), errors.Is(readErr, secret.ErrKeyVersion):
			stuck++
		case readErr != nil:
			return list, readErr
		default:
			list = append(list, one...)
		}
		if len(ids) == lookedAt {
			s.DB.unsigned.after = id
		}
	}
	if now := s.DB.now(); stuck > 0 && !now.Before(s.DB.unsigned.told.Add(toldEvery)) {
		s.DB.unsigned.told = now
		s.DB.log.Warn("receipts do not open and cannot be signed; others are", "receipts", stuck)
	}
	return list, err
}

// unsigned reads one receipt in a transaction of its own, which what does not open ends.
func (s Receipts) unsigned(ctx context.Context, id int64) (list []claim.Receipt, err error) {
	err = s.DB.read(ctx, func(tx *Tx) (err error) {
		list, err = tx.receipts("SELECT "+receiptColumns+`, l.number, l.hash FROM receipt r JOIN audit_link l ON l.event_id = r.event_id
			WHERE r.id = $1 AND r.signed = ''`, id)
		return err
	})
	return list, err
}

// SignReceipt keeps a signature, unless there is one. It follows from what was committed, and is no change that anybody asked
// for.
func (s Receipts) SignReceipt(ctx context.Context, id claim.ReceiptID, signed string) error {
	return s.DB.write(ctx, func(tx *Tx) error {
		_, err := tx.exec("UPDATE receipt SET signed = $2 WHERE id = $1 AND signed = ''", id, signed)
		return err
	})
}
