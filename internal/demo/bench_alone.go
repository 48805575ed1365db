package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5"

	"github.com/latchkey-id/latchkey/internal/secret"
)

// aloneMark keeps what is measured without any server apart.
const aloneMark = "alone "

// alone measures what the databases do by themselves.
func (b *Bench) alone(ctx context.Context, round int, taken *samples) error {
	for _, connections := range b.Connections {
		one, err := b.measure(ctx, operation{name: "sqlite_commit", prepare: sqliteCommits}, connections, b.Count, nil)
		if err != nil {
			return fmt.Errorf("SQLite alone: %w", err)
		}
		taken.add(aloneMark+"sqlite_commit", connections, one)
		b.say("round %d of %d  %-20s %3d connections %9.0f/s", round+1, b.Rounds, "sqlite_commit", connections, one.rate())
		if b.Postgres == "" {
			continue
		}
		if one, err = b.measure(ctx, operation{name: "postgres_exchange", prepare: postgresExchanges}, connections, b.Count, nil); err != nil {
			return fmt.Errorf("PostgreSQL alone: %w", err)
		}
		taken.add(aloneMark+"postgres_exchange", connections, one)
		b.say("round %d of %d  %-20s %3d connections %9.0f/s", round+1, b.Rounds, "postgres_exchange", connections, one.rate())
	}
	return nil
}

// sqliteCommits inserts one row each, durably, by commits that are shared.
func sqliteCommits(ctx context.Context, b *Bench, connections, _ int) ([]benchWorker, error) {
	dir, err := os.MkdirTemp("", "latchkey-bench-")
	if err != nil {
		return nil, err
	}
	f, err := NewFloor(ctx, filepath.Join(dir, "alone.db"), b.Now)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	workers := make([]benchWorker, connections)
	for i := range workers {
		workers[i] = benchWorker{once: func(context.Context) error { _, err := f.one("alone"); return err }, close: func() {}}
	}
	workers[0].close = func() { _ = errors.Join(f.Close(), os.RemoveAll(dir)) }
	return workers, nil
}

// postgresOnce spends a code and stores two tokens in one statement, which is the least that an exchange is.
const postgresOnce = `WITH spent AS (UPDATE latchkey_bench SET used = true WHERE id = $1 AND hash = $2 AND NOT used RETURNING id)
	INSERT INTO latchkey_bench (id, hash, kind, account, data, expires) SELECT x.id, x.hash, x.kind, '4410027', '{"scope":"account.read"}', 1900000000
	FROM spent, (VALUES ($3::bigint, $4::bytea, 'access'), ($5, $6, 'refresh')) AS x (id, hash, kind)`

// postgresExchanges makes a table of its own, and drops it when the last connection is closed.
func postgresExchanges(ctx context.Context, b *Bench, connections, each int) ([]benchWorker, error) {
	var conns []*pgx.Conn
	end := func() {
		for i := len(conns) - 1; i >= 0; i-- {
			if i == 0 {
				_, _ = conns[0].Exec(context.Background(), "DROP TABLE IF EXISTS latchkey_bench")
			}
			_ = conns[i].Close(context.Background())
		}
	}
	for range connections {
		c, err := pgx.Connect(ctx, b.Postgres)
		if err != nil {
			end()
			return nil, err
		}
		conns = append(conns, c)
	}
	_, err := conns[0].Exec(ctx, `DROP TABLE IF EXISTS latchkey_bench; CREATE TABLE latchkey_bench (id BIGINT PRIMARY KEY, hash BYTEA NOT NULL,
		kind TEXT NOT NULL, account TEXT NOT NULL, data TEXT NOT NULL, expires BIGINT NOT NULL, used BOOLEAN NOT NULL DEFAULT false)`)
	hash := []byte(secret.Hash("bench"))
	if err == nil {
		_, err = conns[0].Exec(ctx, "INSERT INTO latchkey_bench SELECT n, $1, 'code', '4410027', '{}', 1900000000 FROM generate_series(1, $2::bigint) AS n", hash, int64(connections*each))
	}
	if err != nil {
		end()
		return nil, err
	}
	workers := make([]benchWorker, connections)
	for i := range workers {
		next := int64(i * each)
		workers[i] = benchWorker{close: func() {}, once: func(ctx context.Context) error {
			next++
			other := int64(connections*each) + 2*next
			done, err := conns[i].Exec(ctx, postgresOnce, next, hash, other, hash, other+1, hash)
			if err == nil && done.RowsAffected() != 2 {
				err = errFloorUsed
			}
			return err
		}}
	}
	workers[0].close = end
	return workers, nil
}
