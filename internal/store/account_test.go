package store

import (
	"errors"
	"reflect"
	"testing"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
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
			changed(t, db, name, func(tx *Tx) (customer.Account, error) { return tx.Account(owner) }, fn, (*Tx).SaveAccount)
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

// TestWhatIndexesHoldIsSaved: a row that was read is saved without the columns that its indexes hold, unless one of them changed.
func TestWhatIndexesHoldIsSaved(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		token, code := filled[grant.Token](t), filled[grant.Code](t)
		token.Version, code.Version = 0, 0
		must(t, db.write(t.Context(), func(tx *Tx) error { return errors.Join(tx.SaveToken(&token), tx.SaveCode(&code)) }))
		f := filler{n: 30_000}
		for field := range reflect.TypeFor[grant.Token]().Fields() {
			if field.Name == "ID" || field.Name == "Version" {
				continue
			}
			changed(t, db, field.Name, func(tx *Tx) (grant.Token, error) { return tx.Token(token.ID) },
				func(k *grant.Token) { f.set(t, reflect.ValueOf(k).Elem().FieldByIndex(field.Index), field.Name) }, (*Tx).SaveToken)
		}
		changed(t, db, "nothing", func(tx *Tx) (grant.Token, error) { return tx.Token(token.ID) }, func(*grant.Token) {}, (*Tx).SaveToken)
		for field := range reflect.TypeFor[grant.Code]().Fields() {
			if field.Name == "ID" || field.Name == "Version" {
				continue
			}
			changed(t, db, field.Name, func(tx *Tx) (grant.Code, error) { return tx.Code(code.ID) },
				func(c *grant.Code) { f.set(t, reflect.ValueOf(c).Elem().FieldByIndex(field.Index), field.Name) }, (*Tx).SaveCode)
		}
	})
}

// changed reads, changes and saves in one transaction, and fails the test unless what is there then is what was saved.
func changed[T any](t *testing.T, db *DB, name string, read func(*Tx) (T, error), change func(*T), save func(*Tx, *T) error) {
	t.Helper()
	var saved T
	must(t, db.write(t.Context(), func(tx *Tx) (err error) {
		if saved, err = read(tx); err != nil {
			return err
		}
		change(&saved)
		return save(tx, &saved)
	}))
	must(t, db.read(t.Context(), func(tx *Tx) error {
		got, err := read(tx)
		if d := differences(saved, got); d != "" {
			t.Errorf("%s:\n%s", name, d)
		}
		return err
	}))
}
