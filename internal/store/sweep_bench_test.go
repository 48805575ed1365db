package store

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/grant"
)

// BenchmarkSweep deletes b.N rows of two tables while eight write without a pause, and tells how long those took beside a
// sweep and without one.
func BenchmarkSweep(b *testing.B) {
	db := openTest(b, benchPlace(b))
	base := time.UnixMilli(1_800_000_000_000).UTC()
	notes(b, db)
	ctx := context.Background()
	for from := 0; from < b.N; from += 1000 {
		must(b, db.write(ctx, func(tx *Tx) error {
			for i := from; i < min(from+1000, b.N); i++ {
				id := int64(i + 1)
				if i%2 == 0 {
					if err := tx.SaveCode(&grant.Code{ID: grant.CodeID(id), Digest: []byte(strconv.FormatInt(id, 10)), ExpiresAt: base}); err != nil {
						return err
					}
				} else if err := tx.SaveClaimCode(&claim.Code{ID: claim.CodeID(id), Digest: []byte(strconv.FormatInt(id, 10)), ExpiresAt: base}); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	var last atomic.Int64
	load := func(beside func()) (times []time.Duration) {
		var stop atomic.Bool
		var mu sync.Mutex
		var writers sync.WaitGroup
		for range 8 {
			writers.Go(func() {
				var mine []time.Duration
				for !stop.Load() {
					began, id := time.Now(), last.Add(1)
					if err := db.write(ctx, func(tx *Tx) error { return note(tx, id, strconv.FormatInt(id, 10)) }); err != nil {
						b.Error(err)
						return
					}
					mine = append(mine, time.Since(began))
				}
				mu.Lock()
				times = append(times, mine...)
				mu.Unlock()
			})
		}
		beside()
		stop.Store(true)
		writers.Wait()
		slices.Sort(times)
		return times
	}
	alone := load(func() {
		for last.Load() < 10_000 {
			must(b, db.read(ctx, func(tx *Tx) error { var n int; return tx.get("SELECT 1", nil, &n) }))
		}
	})
	b.ResetTimer()
	began := time.Now()
	beside := load(func() {
		if n, err := db.Sweep(ctx, base.Add(2*day)); err != nil || n != b.N {
			b.Errorf("%d rows swept, %v", n, err)
		}
	})
	took := time.Since(began)
	b.ReportMetric(float64(b.N)/took.Seconds(), "rows/s")
	for what, times := range map[string][]time.Duration{"alone": alone, "beside": beside} {
		b.ReportMetric(float64(times[len(times)/2].Microseconds()), "us-p50-"+what)
		b.ReportMetric(float64(times[len(times)*99/100].Microseconds()), "us-p99-"+what)
	}
}
