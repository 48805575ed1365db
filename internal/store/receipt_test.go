package store

import (
	"bytes"
	"database/sql"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/claim"
)

// TestReceiptIsKeptWhole: every field comes back, and its event is the one of the transaction.
func TestReceiptIsKeptWhole(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		withAccount(t, db, owner, "owner@example.org")
		wrote := filled[claim.Receipt](t)
		wrote.Account, wrote.Signed = owner, ""
		must(t, db.change(t.Context(), func(tx *Tx) (audit.Event, error) { return happened(int64(owner)), tx.SaveReceipt(&wrote) }))
		seal(t, db)
		must(t, Receipts{db}.SignReceipt(t.Context(), wrote.ID, "signed"))
		must(t, db.read(t.Context(), func(tx *Tx) error {
			list, err := tx.Receipts(owner)
			if err != nil || len(list) != 1 {
				t.Fatalf("%d receipts, %v", len(list), err)
			}
			read := list[0]
			place := read.Place
			if place.Number != 1 || place.Event != wrote.Event || len(place.Hash) != 32 {
				t.Errorf("its place is %+v", place)
			}
			wrote.Place, wrote.Signed = place, "signed"
			if !reflect.DeepEqual(wrote, read) {
				t.Errorf("%s", differences(wrote, read))
			}
			entry, err := Audit{db}.Entry(t.Context(), read.Event)
			if err != nil || entry.Account != int64(owner) {
				t.Errorf("its event is %+v, %v", entry, err)
			}
			return nil
		}))
	})
}

// TestReceiptWaitsForItsPlace: it is handed out for signing only with it, and not again.
func TestReceiptWaitsForItsPlace(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		withAccount(t, db, owner, "owner@example.org")
		waiting := func() int {
			list, err := Receipts{db}.UnsignedReceipts(t.Context(), 9)
			must(t, err)
			return len(list)
		}
		must(t, db.change(t.Context(), func(tx *Tx) (audit.Event, error) {
			return happened(int64(owner)), tx.SaveReceipt(&claim.Receipt{ID: 7, Account: owner})
		}))
		before := waiting()
		seal(t, db)
		after := waiting()
		must(t, Receipts{db}.SignReceipt(t.Context(), 7, "signed"))
		if before != 0 || after != 1 || waiting() != 0 {
			t.Errorf("%d wait before, %d after the seal, %d after the signature", before, after, waiting())
		}
		must(t, Receipts{db}.SignReceipt(t.Context(), 7, "again"))
		must(t, db.read(t.Context(), func(tx *Tx) error {
			list, err := tx.Receipts(owner)
			if err != nil || list[0].Signed != "signed" {
				t.Errorf("signed twice: %+v, %v", list, err)
			}
			return nil
		}))
	})
}

// TestReceiptLiesSealed: salts and values are not in the file, or a thief of the database could open the digests.
func TestReceiptLiesSealed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	db := openTest(t, path)
	withAccount(t, db, owner, "owner@example.org")
	must(t, db.change(t.Context(), func(tx *Tx) (audit.Event, error) {
		return happened(int64(owner)), tx.SaveReceipt(&claim.Receipt{ID: 7, Account: owner, Disclosures: []string{canary}})
	}))
	file, err := sql.Open("sqlite", path)
	must(t, err)
	defer file.Close()
	var content []byte
	must(t, file.QueryRow("SELECT content FROM receipt").Scan(&content))
	if len(content) < len(canary) || bytes.Contains(content, []byte(canary)) {
		t.Errorf("%q", content)
	}
}
