package store

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/partner"
)

// What a connection remembers of a partner is what is stored: after each change every reader sees the new row, by key, by client id
// and beside a token, and what one of them does to the lists that it got is nobody else's.
func TestPartnersAreRemembered(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		ctx := t.Context()
		p := partner.Partner{ID: 5, ClientID: "acme", Name: "Acme", Class: partner.Classic, Active: true, RedirectURIs: []string{"https://a.example/1"},
			Secrets: []partner.Secret{{Digest: []byte("one")}}}
		change := func(fn func()) {
			t.Helper()
			must(t, Partners{DB: db}.Change(ctx, func(tx partner.Tx) (audit.Event, error) {
				fn()
				return audit.Event{At: time.UnixMilli(1), Action: audit.PartnerChanged, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorOperator}}, tx.SavePartner(&p)
			}))
		}
		change(func() {})
		must(t, db.write(ctx, func(tx *Tx) error {
			return tx.SaveToken(&grant.Token{ID: 9, Partner: 5, Kind: grant.Application, Access: []byte("a")})
		}))
		read := func(check func(partner.Partner, error)) {
			for _, how := range []func(tx *Tx) (partner.Partner, error){
				func(tx *Tx) (partner.Partner, error) { return tx.Partner(5) },
				func(tx *Tx) (partner.Partner, error) { return tx.PartnerByClient("acme") },
				func(tx *Tx) (partner.Partner, error) {
					p, _, err := tx.PartnerAsking("acme", limit.NewKey(limit.KindClient, "acme"))
					return p, err
				},
				func(tx *Tx) (partner.Partner, error) {
					s, err := tx.Standing(9, partner.Premise{})
					return s.Partner, err
				},
			} {
				var wait sync.WaitGroup
				for range 2 * readerCount {
					wait.Go(func() {
						var got partner.Partner
						err := db.read(context.WithoutCancel(ctx), func(tx *Tx) (err error) { got, err = how(tx); return err })
						check(got, err)
					})
				}
				wait.Wait()
			}
		}
		for i, fn := range []func(){
			func() {}, func() { p.Active = false }, func() { p.Active, p.RedirectURIs = true, []string{"https://a.example/2", "https://a.example/3"} },
			func() { p.Secrets = append(p.Secrets, partner.Secret{Digest: []byte("two")}) }, func() { p.Class = partner.Strict },
		} {
			change(fn)
			for range 2 { // the second time it is remembered
				read(func(got partner.Partner, err error) {
					if err != nil || got.Version != p.Version || got.Active != p.Active || got.Class != p.Class || !slices.Equal(got.RedirectURIs, p.RedirectURIs) || len(got.Secrets) != len(p.Secrets) {
						t.Errorf("change %d: %+v, %v", i, got, err)
					}
					_ = append(got.RedirectURIs, "https://evil.example")
					_ = append(got.Secrets, partner.Secret{Digest: []byte("evil")})
				})
			}
		}
		must(t, db.write(ctx, func(tx *Tx) error { _, err := tx.exec("DELETE FROM partner WHERE id = 5"); return err }))
		read(func(got partner.Partner, err error) {
			if !errors.Is(err, partner.ErrUnknown) && !errors.Is(err, grant.ErrInvalidToken) {
				t.Errorf("a partner that is gone: %+v, %v", got, err)
			}
		})
	})
}

// What partners are told is read without credentials; whoever signs in, and every change, has them.
func TestPartnersReadNoCredentials(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		a := customer.Account{ID: owner, State: customer.Claimed, Email: "owner@example.org", Credentials: customer.Credentials{PasswordHash: "$argon2id$"}}
		at := audit.Event{At: time.UnixMilli(1), Action: audit.AccountCreated, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorOperator}, Account: int64(owner)}
		must(t, Customers{DB: db}.Change(t.Context(), func(tx customer.Tx) (audit.Event, error) { return at, tx.SaveAccount(&a) }))
		has := func(where string, want bool, got customer.Account, err error) {
			t.Helper()
			if err != nil || got.Email != a.Email || (got.Credentials.PasswordHash != "") != want {
				t.Errorf("%s: %+v, %v", where, got, err)
			}
		}
		var got customer.Account
		err := Customers{DB: db}.View(t.Context(), func(tx customer.Tx) (err error) { got, err = tx.Account(owner); return err })
		has("a partner's read", false, got, err)
		err = SignIns{For[customer.SignInTx]{DB: db}}.View(t.Context(), func(tx customer.SignInTx) (err error) { got, err = tx.Account(owner); return err })
		has("a sign-in", true, got, err)
		err = Customers{DB: db}.Change(t.Context(), func(tx customer.Tx) (_ audit.Event, err error) {
			if got, err = tx.Account(owner); err != nil {
				return audit.Event{}, err
			}
			got.Language = "de"
			return at, tx.SaveAccount(&got)
		})
		has("a change", true, got, err)
		err = SignIns{For[customer.SignInTx]{DB: db}}.View(t.Context(), func(tx customer.SignInTx) (err error) { got, err = tx.Account(owner); return err })
		has("after the change", true, got, err)
	})
}

// TestPartnerAsking: the count that is read beside a client is the one that Tries reads.
func TestPartnerAsking(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		ctx := t.Context()
		p := partner.Partner{ID: 5, ClientID: "acme", Class: partner.Classic}
		key, other := limit.NewKey(limit.KindClient, "acme", "192.0.2.0/24"), limit.NewKey(limit.KindClient, "acme", "198.51.100.0/24")
		must(t, db.write(ctx, func(tx *Tx) error {
			return errors.Join(tx.SavePartner(&p), tx.SaveTries(key, limit.Tries{Count: 3, LastAt: time.UnixMilli(4), Until: time.UnixMilli(5), Total: 6}))
		}))
		for key, count := range map[limit.Key]int{key: 3, other: 0} {
			must(t, db.read(ctx, func(tx *Tx) error {
				got, beside, err := tx.PartnerAsking("acme", key)
				alone, err2 := tx.Tries(key)
				if got.ID != 5 || beside != alone || beside.Count != count {
					t.Errorf("%v: %+v, %+v; alone %+v", key, got.ID, beside, alone)
				}
				return errors.Join(err, err2)
			}))
		}
	})
}
