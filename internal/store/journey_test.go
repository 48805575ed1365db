package store

import (
	"errors"
	"testing"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
)

// TestJourneyOpensWithItsAccountsKey: what a journey keeps opens with the key that its account has now. After an erasure in the same
// transaction nothing opens, though the key was known before.
func TestJourneyOpensWithItsAccountsKey(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		a := withAccount(t, db, owner, "owner@example.org")
		withAccount(t, db, owner+1, "other@example.org")
		mine := claim.Journey{ID: 1, Account: owner, Text: "mine", Address: "owner@example.org", Challenge: "mine"}
		theirs := claim.Journey{ID: 2, Account: owner + 1, Text: "theirs", Address: "other@example.org", Challenge: "theirs"}
		must(t, db.write(t.Context(), func(tx *Tx) error { return errors.Join(tx.SaveJourney(&mine), tx.SaveJourney(&theirs)) }))
		says := func(tx *Tx, text, want string) {
			t.Helper()
			if j, err := tx.Journey(text); err != nil || j.Challenge != want {
				t.Errorf("%s says %q, %v, want %q", text, j.Challenge, err, want)
			}
		}
		must(t, db.write(t.Context(), func(tx *Tx) error {
			says(tx, "mine", "mine")
			says(tx, "theirs", "theirs")
			if _, err := tx.Journey("nobody's"); !errors.Is(err, claim.ErrNoJourney) {
				t.Errorf("a journey that does not exist: %v", err)
			}
			read, err := tx.Account(owner)
			if err != nil || read.Email != a.Email {
				t.Errorf("after its journey the account has %q, %v", read.Email, err)
			}
			must(t, tx.EraseAccount(owner))
			says(tx, "mine", "")
			says(tx, "theirs", "theirs")
			return nil
		}))
		must(t, db.read(t.Context(), func(tx *Tx) error {
			says(tx, "mine", "")
			read, err := tx.Account(owner)
			if err != nil || read.Email != "" {
				t.Errorf("an erased account has %q, %v", read.Email, err)
			}
			return nil
		}))
	})
}

// TestJourneyMeetsItsAccount: where many write at once, whoever writes after reading a journey writes only if its account is as it was then (I2).
func TestJourneyMeetsItsAccount(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		withAccount(t, db, owner, "owner@example.org")
		j := claim.Journey{ID: 1, Account: owner, Text: "mine"}
		must(t, db.write(t.Context(), func(tx *Tx) error { return tx.SaveJourney(&j) }))
		var a customer.Account
		must(t, db.read(t.Context(), func(tx *Tx) (err error) { a, err = tx.Account(owner); return err }))
		must(t, db.write(t.Context(), func(tx *Tx) error {
			if _, err := tx.Journey("mine"); err != nil {
				t.Error(err)
			}
			if m := tx.met[owner]; m.row != a.Version || m.raised {
				t.Errorf("the account was met at %d, raised %t; it is at %d", m.row, m.raised, a.Version)
			}
			if k := tx.keys[owner]; k.box == nil || k.epoch != a.Epoch {
				t.Errorf("its key is %v of epoch %d", k.box, k.epoch)
			}
			return nil
		}))
	})
}
