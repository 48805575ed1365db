package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// benchPlace is a file, or with LATCHKEY_TEST_POSTGRES a schema of that server.
func benchPlace(b *testing.B) string {
	if os.Getenv("LATCHKEY_TEST_POSTGRES") != "" {
		return postgresTest(b)
	}
	return filepath.Join(b.TempDir(), "bench.db")
}

// BenchmarkWrite is one insert a request, from 8 goroutines at once, each answered after its commit.
func BenchmarkWrite(b *testing.B) {
	db := openTest(b, benchPlace(b))
	notes(b, db)
	var last atomic.Int64
	b.SetParallelism(4)
	before := db.Stats().Commits
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			id := last.Add(1)
			if err := db.write(context.Background(), func(tx *Tx) error {
				return note(tx, id, strconv.FormatInt(id, 10))
			}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/float64(db.Stats().Commits-before), "writes/commit")
}

// BenchmarkAdd is a note and an event added on PostgreSQL, which is each answer's delay away, for so many at once.
func BenchmarkAdd(b *testing.B) {
	for _, delay := range []time.Duration{0, time.Millisecond, 3 * time.Millisecond} {
		for _, crowd := range []int{4, 8, 32} {
			b.Run(fmt.Sprintf("%v/%d", delay, crowd), func(b *testing.B) {
				dsn, w := wired(b, postgresTest(b))
				db := openTest(b, dsn)
				notes(b, db)
				hears := func(said []byte) []byte {
					if delay > 0 {
						<-time.After(delay)
					}
					return said
				}
				w.misheard.Store(&hears)
				defer w.misheard.Store(nil)
				var last atomic.Int64
				b.ResetTimer()
				var all sync.WaitGroup
				for range crowd {
					all.Go(func() {
						for id := last.Add(1); id <= int64(b.N); id = last.Add(1) {
							if err := db.write(context.Background(), adds(id, strconv.FormatInt(id, 10))); err != nil {
								b.Error(err)
							}
						}
					})
				}
				all.Wait()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "changes/s")
			})
		}
	}
}

// BenchmarkRead is one row read by its key in a transaction of its own.
func BenchmarkRead(b *testing.B) {
	db := openTest(b, benchPlace(b))
	notes(b, db)
	must(b, db.write(b.Context(), func(tx *Tx) error { return note(tx, 1, "one") }))
	b.SetParallelism(4)
	b.RunParallel(func(pb *testing.PB) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		for pb.Next() {
			if err := db.read(ctx, func(tx *Tx) error {
				var text string
				return tx.get("SELECT text FROM note WHERE id = $1", []any{1}, &text)
			}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkVerbs is the verbs that latchkey bench measures, without HTTP: what the store and the nouns cost together.
func BenchmarkVerbs(b *testing.B) {
	db := openTest(b, benchPlace(b))
	keys, ids := db.keys, secret.NewIDs(time.Now)
	var moved atomic.Int64 // so that no limit of tries stops the bench
	now := func() time.Time { return time.Now().Add(time.Duration(moved.Load())).UTC().Truncate(time.Millisecond) }
	ctx, origin := context.Background(), customer.Origin{Network: "192.0.2.0/24"}
	p := partner.Partner{ID: 1, ClientID: "acme", Class: partner.Classic, Active: true, RedirectURIs: []string{"https://example.org/back"},
		RequiredScopes: partner.AllScopes()}
	must(b, db.write(ctx, func(tx *Tx) error { return tx.SavePartner(&p) }))
	tokens := grant.Tokens{Store: Tokens{db}, Keys: keys, IDs: ids, Now: now}
	customers := customer.Customers{Store: Customers{db}, Keys: keys, IDs: ids, Now: now}
	claims := claim.Claims{Store: Claims{db}, Keys: keys, IDs: ids, Now: now}
	const code = "b6c1ee1e-8d39-4b14-9a3a-35e0b1b8b4f1-registration"
	type signed struct {
		account customer.Account
		issue   grant.Issue
		caller  customer.Caller
	}
	var pool []signed
	for i := range 64 {
		email := fmt.Sprintf("bench%d@example.org", i)
		a, err := customers.Create(ctx, p, customer.Signup{Email: email, RegistrationCode: code}, "", "")
		must(b, err)
		issue, err := tokens.Registration(ctx, p, email, code, origin)
		must(b, err)
		access, err := tokens.Access(ctx, issue.Access)
		must(b, err)
		pool = append(pool, signed{a, issue, access.Caller("", "")})
	}
	var turn atomic.Int64
	run := func(name string, verb func(s signed) error) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetParallelism(4)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := verb(pool[turn.Add(1)%int64(len(pool))]); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
	run("authenticate", func(signed) error {
		_, err := partner.Partners{Store: Partners{db}, IDs: ids, Now: now}.ByClient(ctx, "acme")
		return err
	})
	run("application token", func(signed) error { _, err := tokens.Application(ctx, p, origin); return err })
	run("access checked", func(s signed) error { _, err := tokens.Access(ctx, s.issue.Access); return err })
	run("claim code", func(s signed) error {
		moved.Add(int64(time.Second))
		_, err := claims.Mint(ctx, s.caller, code, claim.Binding{})
		return err
	})
	run("refresh", func(s signed) error {
		moved.Add(int64(time.Second))
		_, err := tokens.Refresh(ctx, p, s.issue.Refresh, origin)
		return err
	})
}

// BenchmarkSeal is what the chain costs beside the requests, an event: sealing and verifying.
func BenchmarkSeal(b *testing.B) {
	db := openTest(b, benchPlace(b))
	const events = 5000
	passed := time.Duration(0)
	fill := func() {
		passed += time.Minute // so that each turn looks at its own events
		db.ids = secret.NewIDs(func() time.Time { return time.Now().Add(passed) })
		must(b, db.write(b.Context(), func(tx *Tx) error {
			for range events {
				tx.entry = 0
				must(b, tx.insertEvent(happened(1)))
			}
			return nil
		}))
	}
	b.Run("seal", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			fill()
			b.StartTimer()
			if n := seal(b, db); n != events {
				b.Fatalf("sealed %d", n)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/events, "ns/event")
	})
	b.Run("verify", func(b *testing.B) {
		var checked int64
		for b.Loop() {
			r, err := db.Chain().Verify(b.Context(), audit.Link{})
			must(b, err)
			checked += r.Checked
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(checked), "ns/event")
	})
}
