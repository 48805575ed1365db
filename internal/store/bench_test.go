package store

import (
	"context"
	"path/filepath"
	"sync/atomic"
	"testing"
)

// BenchmarkWrite is one insert a request, from 8 goroutines at once, each answered after its commit.
func BenchmarkWrite(b *testing.B) {
	db := openTest(b, filepath.Join(b.TempDir(), "bench.db"))
	notes(b, db)
	var last atomic.Int64
	b.SetParallelism(4)
	before := db.Stats().Commits
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			id := last.Add(1)
			if err := db.write(context.Background(), func(tx *Tx) error {
				_, err := tx.exec("INSERT INTO note (id, text, version) VALUES ($1, CAST($1 AS TEXT), 1)", id)
				return err
			}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/float64(db.Stats().Commits-before), "writes/commit")
}

// BenchmarkRead is one row read by its key in a transaction of its own.
func BenchmarkRead(b *testing.B) {
	db := openTest(b, filepath.Join(b.TempDir(), "bench.db"))
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
