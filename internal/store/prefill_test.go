package store

import (
	"errors"
	"testing"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// TestErasureTakesThePrefill: what was uploaded and who represented a business go with the account, and no other's do.
func TestErasureTakesThePrefill(t *testing.T) {
	const other = owner + 1
	eachEngine(t, func(t *testing.T, db *DB) {
		withAccount(t, db, owner, "owner@example.org")
		withAccount(t, db, other, "other@example.org")
		must(t, db.write(t.Context(), func(tx *Tx) error {
			for i, account := range []customer.AccountID{owner, other} {
				must(t, tx.SaveRepresentative(&customer.Representative{ID: customer.RepresentativeID(i + 1), Account: account}))
				must(t, saveFile(tx, customer.File{ID: customer.FileID(i + 1), Account: account, Profile: 3, Content: []byte("%PDF-")}))
			}
			return tx.EraseAccount(owner)
		}))
		must(t, db.read(t.Context(), func(tx *Tx) error {
			if _, err := tx.Representative(1); !errors.Is(err, customer.ErrNoRepresentative) {
				t.Errorf("representative: %v", err)
			}
			if _, err := tx.File(1); !errors.Is(err, customer.ErrNoFile) {
				t.Errorf("file: %v", err)
			}
			_, err := tx.Representative(2)
			f, err2 := tx.File(2)
			if err != nil || err2 != nil || string(f.Content) != "%PDF-" {
				t.Errorf("the other account's: %v, %v", err, err2)
			}
			return nil
		}))
	})
}

// TestFilesCannotBeMoved: who can write to the database but has no keys cannot show one customer's file as another's.
func TestFilesCannotBeMoved(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		withAccount(t, db, owner, "owner@example.org")
		must(t, db.write(t.Context(), func(tx *Tx) error {
			must(t, saveFile(tx, customer.File{ID: 1, Account: owner, Profile: 3, Content: []byte("one")}))
			must(t, saveFile(tx, customer.File{ID: 2, Account: owner, Profile: 3, Content: []byte("two")}))
			_, err := tx.exec("UPDATE profile_file SET content = (SELECT content FROM profile_file WHERE id = $1) WHERE id = $2", 1, 2)
			return err
		}))
		err := db.read(t.Context(), func(tx *Tx) error { _, err := tx.File(2); return err })
		if !errors.Is(err, secret.ErrSeal) || !errors.Is(err, ErrUnavailable) {
			t.Errorf("a moved file: %v, want ErrSeal", err)
		}
	})
}

// saveFile seals a file and stores it.
func saveFile(tx *Tx, f customer.File) error {
	sealed, err := tx.SealFile(f)
	if err != nil {
		return err
	}
	return tx.SaveFile(sealed)
}
