package store

import (
	"reflect"
	"testing"

	"github.com/latchkey-id/latchkey/internal/customer"
)

// TestWhatChangedOfAnAccountIsSaved: a save writes the whole row or the part of it that changes in the course of things, by what differs from
// what the transaction read. No field may be in neither, and a noun may change in place what it was given: a passkey that is removed from its
// list, a digest that is overwritten.
func TestWhatChangedOfAnAccountIsSaved(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		a := filled[customer.Account](t)
		a.ID, a.Version, a.State = owner, 0, customer.Pending
		must(t, db.write(t.Context(), func(tx *Tx) error { return tx.SaveAccount(&a) }))
		change := func(name string, fn func(*customer.Account)) {
			t.Helper()
			var saved customer.Account
			must(t, db.write(t.Context(), func(tx *Tx) (err error) {
				if saved, err = tx.Account(owner); err != nil {
					return err
				}
				fn(&saved)
				return tx.SaveAccount(&saved)
			}))
			must(t, db.read(t.Context(), func(tx *Tx) error {
				got, err := tx.Account(owner)
				if d := differences(saved, got); d != "" {
					t.Errorf("%s:\n%s", name, d)
				}
				return err
			}))
		}
		f := filler{n: 20_000}
		for field := range reflect.TypeFor[customer.Account]().Fields() {
			if field.Name == "ID" || field.Name == "Version" {
				continue
			}
			change(field.Name, func(a *customer.Account) {
				f.set(t, reflect.ValueOf(a).Elem().FieldByIndex(field.Index), field.Name)
			})
		}
		for _, c := range []struct {
			name string
			fn   func(*customer.Account)
		}{
			{"a digest in place", func(a *customer.Account) { a.Registration[0]++ }},
			{"a secret in place", func(a *customer.Account) { a.Credentials.Apps[0].Secret[0]++ }},
			{"a code in place", func(a *customer.Account) {
				a.Credentials.Recovery[1].UsedAt = a.Credentials.Recovery[1].UsedAt.Add(1e9)
			}},
			{"a passkey removed", func(a *customer.Account) {
				a.Credentials.Passkeys = append(a.Credentials.Passkeys[:0], a.Credentials.Passkeys[1:]...)
			}},
			{"nothing", func(*customer.Account) {}},
			{"no credentials", func(a *customer.Account) { a.Credentials = customer.Credentials{} }},
			{"no registration", func(a *customer.Account) { a.Registration, a.RegistrationVersion = nil, 0 }},
			{"hold and epoch", func(a *customer.Account) { a.Hold, a.Epoch = customer.HoldEmailTries, a.Epoch+1 }},
			{"another claim code", func(a *customer.Account) { a.ClaimNumber++ }},
		} {
			change(c.name, c.fn)
		}
	})
}

// TestSavedTwiceInOneTransaction: what the first save changed is what the second one starts from.
func TestSavedTwiceInOneTransaction(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		withAccount(t, db, owner, "owner@example.org")
		var a customer.Account
		must(t, db.write(t.Context(), func(tx *Tx) (err error) {
			if a, err = tx.Account(owner); err != nil {
				return err
			}
			before := a.Credentials
			a.Credentials.PasswordHash, a.Language = "digest", "DE"
			must(t, tx.SaveAccount(&a))
			a.Credentials, a.Language = before, "" // as it was when it was read
			a.ClaimNumber++
			must(t, tx.SaveAccount(&a))
			a.ClaimNumber++
			return tx.SaveAccount(&a)
		}))
		must(t, db.read(t.Context(), func(tx *Tx) error {
			got, err := tx.Account(owner)
			if got.Credentials.PasswordHash != "" || got.Language != "" || got.ClaimNumber != a.ClaimNumber || got.Version != a.Version {
				t.Errorf("%+v", got)
			}
			return err
		}))
	})
}
