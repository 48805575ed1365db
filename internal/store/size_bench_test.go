package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// BenchmarkSize measures the verbs on a database that "latchkey db load" filled beside a small one, so that one run gives
// both: set LATCHKEY_BENCH_LOADED to its file, or with LATCHKEY_BENCH_DSN to nothing, LATCHKEY_BENCH_KEY to its key file,
// LATCHKEY_BENCH_ACCOUNTS and _TOKENS to its size. Rows are chosen at random from all of them.
func BenchmarkSize(b *testing.B) {
	path, dsn := os.Getenv("LATCHKEY_BENCH_LOADED"), os.Getenv("LATCHKEY_BENCH_DSN")
	if path == "" && dsn == "" {
		b.Log("LATCHKEY_BENCH_LOADED names no loaded database")
		return
	}
	text, err := os.ReadFile(os.Getenv("LATCHKEY_BENCH_KEY"))
	must(b, err)
	masters, err := secret.ParseMaster(string(text))
	must(b, err)
	keys, err := secret.NewKeys(masters)
	must(b, err)
	number := func(name string) int64 {
		n, err := strconv.ParseInt(os.Getenv(name), 10, 64)
		must(b, err)
		return n
	}
	loaded := small()
	loaded.Accounts, loaded.Tokens, loaded.Until = number("LATCHKEY_BENCH_ACCOUNTS"), number("LATCHKEY_BENCH_TOKENS"), LoadedUntil()
	little := small()
	little.Accounts, little.Tokens, little.Until = 1000, 1000, LoadedUntil()
	place := filepath.Join(b.TempDir(), "small.db")
	must(b, little.Into(b.Context(), Options{Path: place, Keys: keys}))
	for _, s := range []struct {
		name string
		load Load
		o    Options
	}{{"small", little, Options{Path: place}}, {"loaded", loaded, Options{Path: path, DSN: dsn}}} {
		s.o.Keys, s.o.Now = keys, time.Now
		db, err := Open(b.Context(), s.o)
		must(b, err)
		verbs := sizeVerbs(b, db, s.load)
		for _, name := range []string{"access checked", "sign-in looked up", "profile read", "application token", "opened and minted", "refresh"} {
			b.Run(name+"/"+s.name, func(b *testing.B) {
				took := parallel(b, func() error { return verbs[name](s.load.First() + rand.Int64N(s.load.Tokens-1)) })
				b.ReportMetric(float64(took[len(took)/2].Nanoseconds()), "p50-ns")
				b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds()), "p99-ns")
			})
		}
		must(b, db.Close())
	}
}

// parallel runs a verb from eight goroutines and returns how long each took, the shortest first. An access token that an earlier run has
// refreshed away is no failure, as long as they are few.
func parallel(b *testing.B, verb func() error) (took []time.Duration) {
	var mu sync.Mutex
	var dead atomic.Int64
	b.SetParallelism(4)
	b.RunParallel(func(pb *testing.PB) {
		var own []time.Duration
		for pb.Next() {
			began := time.Now()
			if err := verb(); errors.Is(err, grant.ErrInvalidToken) {
				dead.Add(1)
			} else if err != nil {
				b.Error(err)
				return
			}
			own = append(own, time.Since(began))
		}
		mu.Lock()
		defer mu.Unlock()
		took = append(took, own...)
	})
	if n := dead.Load(); len(took) == 0 || n > int64(1+len(took)/50) {
		b.Fatalf("%d of %d were refused", n, len(took))
	}
	slices.Sort(took)
	return took
}

// sizeVerbs are what requests do, each about an account by its number.
func sizeVerbs(b *testing.B, db *DB, l Load) map[string]func(n int64) error {
	ids, ctx := secret.NewIDs(time.Now), context.Background()
	tokens := grant.Tokens{Store: Tokens{db}, Keys: db.keys, IDs: ids, Now: time.Now}
	customers := customer.Customers{Store: Customers{db}, Keys: db.keys, IDs: ids, Now: time.Now}
	claims := claim.Claims{Store: Claims{db}, Keys: db.keys, IDs: ids, Now: time.Now}
	var p partner.Partner
	must(b, db.read(ctx, func(tx *Tx) (err error) { p, err = tx.Partner(1); return err }))
	var made atomic.Int64
	made.Store(time.Now().UnixNano())
	return map[string]func(n int64) error{
		"application token": func(int64) error { _, err := tokens.Application(ctx, p, customer.Origin{}); return err },
		"access checked": func(n int64) error {
			text, err := l.Access(db.keys, n|1)
			if err == nil {
				_, err = tokens.Access(ctx, text)
			}
			return err
		},
		"sign-in looked up": func(n int64) error {
			return db.read(ctx, func(tx *Tx) error { _, err := tx.ClaimedAccount(l.Email(n)); return err })
		},
		"profile read": func(n int64) error {
			return db.read(ctx, func(tx *Tx) error { _, err := tx.Profile(l.Profile(n)); return err })
		},
		"opened and minted": func(int64) error {
			email := fmt.Sprintf("new%d@example.org", made.Add(1))
			a, err := customers.Create(ctx, p, customer.Signup{Email: email, RegistrationCode: registrationCode}, "", "")
			if err == nil {
				_, err = claims.Mint(ctx, customer.Caller{Partner: p.ID, Account: a.ID, Epoch: a.Epoch, Registration: true}, registrationCode, claim.Binding{})
			}
			return err
		},
		"refresh": func(n int64) error {
			text, err := l.Refresh(db.keys, n&^1) // which ends the access token, so it is of another half
			if err == nil {
				_, err = tokens.Refresh(ctx, p, text, customer.Origin{})
			}
			return err
		},
	}
}
