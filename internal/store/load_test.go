package store

import (
	"errors"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// small is a load of a size for tests: two chunks and a part of one.
func small() Load {
	return Load{Accounts: 230, Tokens: 120, Events: 2, Until: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC), Partner: partner.Partner{ID: 1,
		ClientID: "load", Class: partner.Classic, Active: true, RequiredScopes: partner.AllScopes(), RedirectURIs: []string{"https://example.org/back"}}}
}

// TestLoad: what was loaded is a database that holds together, and its addresses, profiles and tokens are those that the load
// tells.
func TestLoad(t *testing.T) {
	t.Parallel()
	place := func(t *testing.T, db *DB, o Options) {
		l := small()
		var heard int64
		l.Tell = func(_ string, done, _ int64) { heard = done }
		must(t, db.Close())
		must(t, l.Into(t.Context(), o))
		if err := l.Into(t.Context(), o); !errors.Is(err, ErrNotEmpty) {
			t.Errorf("into what is loaded: %v", err)
		}
		db, err := Open(t.Context(), o)
		must(t, err)
		defer db.Close()
		c, err := db.Check(t.Context(), nil)
		if err != nil || len(c.Findings) > 0 || c.Audit.Checked != l.Accounts*int64(l.Events) || c.Audit.Waiting != 0 || heard != l.Accounts {
			t.Fatalf("%+v, %v, heard %d", c, err, heard)
		}
		tokens := grant.Tokens{Store: Tokens{db}, Keys: db.keys, IDs: secret.NewIDs(o.Now), Now: o.Now}
		for _, n := range []int64{l.First(), l.Accounts - 1} {
			text, err := l.Access(db.keys, n)
			must(t, err)
			access, err := tokens.Access(t.Context(), text)
			if err != nil || access.Account != l.Account(n) || access.Profile != l.Profile(n) {
				t.Errorf("token of %d: %+v, %v", n, access, err)
			}
			refresh, err := l.Refresh(db.keys, n)
			must(t, err)
			if _, err := tokens.Refresh(t.Context(), l.Partner, refresh, customer.Origin{}); err != nil {
				t.Errorf("refreshing %d: %v", n, err)
			}
		}
		if text, _ := l.Access(db.keys, l.First()-1); text != "" {
			if _, err := tokens.Access(t.Context(), text); err == nil {
				t.Error("an account before the first has a token")
			}
		}
		must(t, db.read(t.Context(), func(tx *Tx) error {
			a, err := tx.ClaimedAccount(l.Email(0))
			if err != nil || a.ID != l.Account(0) || len(a.Credentials.Recovery) != customer.RecoveryCodeCount {
				t.Errorf("%+v, %v", a, err)
			}
			return nil
		}))
	}
	eachEngine(t, func(t *testing.T, db *DB) {
		o := Options{Keys: db.keys, Now: func() time.Time { return small().Until }}
		if db.engine.serial {
			o.Path = db.engine.name
		} else {
			o.DSN = postgresTest(t)
		}
		place(t, db, o)
	})
}
