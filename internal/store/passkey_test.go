package store

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/customer"
)

// TestAChallengeIsAnsweredOnce: of many at once one is fresh, on both engines, and none after it; another challenge is its own.
// What a transaction that fails has answered is fresh again.
func TestAChallengeIsAnsweredOnce(t *testing.T) {
	until := time.UnixMilli(1_800_000_000_000).UTC()
	eachEngine(t, func(t *testing.T, db *DB) {
		withAccount(t, db, owner, "owner@example.org")
		spend := func(digest string, then error) (fresh bool, err error) {
			err = db.write(t.Context(), func(tx *Tx) error {
				var err error
				if fresh, err = tx.SpendChallenge(owner, []byte(digest), until); err != nil {
					return err
				}
				return then
			})
			return fresh, err
		}
		refused := errors.New("refused after all")
		if fresh, err := spend("one", refused); !fresh || !errors.Is(err, refused) {
			t.Fatalf("%v %v", fresh, err)
		}
		var all sync.WaitGroup
		answers := make(chan bool, 16)
		for range cap(answers) {
			all.Go(func() {
				fresh, err := spend("one", nil)
				if err != nil {
					t.Error(err)
				}
				answers <- fresh
			})
		}
		all.Wait()
		won := 0
		for range cap(answers) {
			if <-answers {
				won++
			}
		}
		if won != 1 {
			t.Errorf("%d of many were fresh", won)
		}
		for digest, want := range map[string]bool{"one": false, "two": true} {
			if fresh, err := spend(digest, nil); err != nil || fresh != want {
				t.Errorf("%s: %v %v", digest, fresh, err)
			}
		}
	})
}

// TestPasskeysLieSealed: a passkey is among the account's credentials and nowhere in the open; what is read is what was
// written, and erasing the account takes it along.
func TestPasskeysLieSealed(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		a := withAccount(t, db, owner, "owner@example.org")
		a.Credentials.Passkeys = []customer.Passkey{filled[customer.Passkey](t), filled[customer.Passkey](t)}
		must(t, db.write(t.Context(), func(tx *Tx) error { return tx.SaveAccount(&a) }))
		must(t, db.read(t.Context(), func(tx *Tx) error {
			read, err := tx.Account(owner)
			if d := differences(a.Credentials, read.Credentials); d != "" {
				t.Error(d)
			}
			return err
		}))
		must(t, db.write(t.Context(), func(tx *Tx) error { return tx.EraseAccount(owner) }))
		must(t, db.read(t.Context(), func(tx *Tx) error {
			read, err := tx.Account(owner)
			if len(read.Credentials.Passkeys) != 0 {
				t.Error("a passkey outlives its account")
			}
			return err
		}))
	})
}
