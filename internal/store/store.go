// Package store keeps everything that Latchkey knows in one SQL database. It decides nothing: nouns decide, and the
// methods of Tx write what they decided, a file a noun.
//
// # Promises
//
// What was answered with success survives kill -9 and power loss (design I7): nobody is answered before the commit that
// carries its change, and a commit waits for the disk. Writes that come together are committed together, so that the
// wait is shared.
//
// Trouble with the database is ErrUnavailable and nothing else (design I11): a locked file, a full disk or an ended
// context never looks like a missing row or a wrong secret, whatever a noun makes of the error in between.
//
// # The rule of events
//
// A change is a function that reads, decides, writes and returns an audit event and an error. An event commits the
// change and the event in one transaction, also when there is an error beside it: that is a counted refusal, and the
// error is handed over after the commit. No event and an error roll back. No event, no error and something written is
// a mistake in the program, refused with ErrNoEvent: no state changes without a trace (design I8). The function may
// run more than once and must have no effect but through its Tx. It must be quick, since the writer waits for it:
// passwords are hashed before, mails sent after.
package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/latchkey-id/latchkey/internal/secret"
)

// Errors of the store. Nouns have their own for rows that are missing or taken.
var (
	// ErrUnavailable: the database could not do its work just now; asking again is safe. Doors answer 503 (design I11).
	ErrUnavailable = errors.New("database is unavailable")
	// ErrConflict: a row was changed since it was read, or a drawn id was taken. The change was tried again with fresh
	// values several times before a caller sees this.
	ErrConflict = errors.New("row was changed by somebody else")
	// ErrNoEvent: a change was written without saying what happened. A mistake in the program.
	ErrNoEvent = errors.New("change carries no audit event")
	// ErrServed: another process serves the database file already.
	ErrServed = errors.New("database is being served by another process")
	// ErrNewer: the database was written by a newer release.
	ErrNewer = errors.New("database belongs to a newer release")
	// ErrNotSynchronous: a standby that takes over could lack what was answered with success (design 10.16).
	ErrNotSynchronous = errors.New("a failover would take back what was answered")
	// ErrOlder: the database awaits the migrations of this release, which only the serving process applies.
	ErrOlder = errors.New("database awaits migrations")
)

// Options say which database to open and how.
type Options struct {
	// Path is the SQLite file. It is created, readable by its owner alone, when it does not exist; its directory must.
	Path string
	// DSN names a PostgreSQL database in place of a file, such as postgres://latchkey@db.example.org/latchkey. Several
	// nodes may open it at once.
	DSN string
	// Failover says that a standby takes over when the server of the DSN fails. Open then refuses a server that answers before a
	// standby has the change.
	Failover bool
	// Beside opens the database beside the process that serves it, as administrative commands do, and applies no
	// migrations. Without it Open takes a file for this process and answers ErrServed when another has it.
	Beside bool
	// Keys seal personal data and digest addresses. They are never in the database.
	Keys *secret.Keys
	// Keyless opens a copy without its keys, for what needs none: reading the audit and following its chain. It goes with
	// Beside. Whatever else is asked for, personal data does not open.
	Keyless bool
	// Now is the clock that every row and every event is stamped by; it must be set.
	Now func() time.Time
	// Log receives what an operator should see; nil discards it.
	Log *slog.Logger
}

// DB is an open database. Its methods may be called by many goroutines at once.
type DB struct {
	engine  *engine
	readers *pool
	// writer is the one that writes, where one writes at a time; else writers are the connections of those who do.
	writer  *writer
	writers *pool
	// sharing has those who write at once share commits.
	sharing sharing
	// turns has one connection, for whoever runs a change again after a conflict.
	turns *pool
	keys  *secret.Keys
	ids   *secret.IDs
	log   *slog.Logger
	now   func() time.Time
	end   sync.Once
	// keyless says that keys are not those of the data.
	keyless bool
	// plan is what is known of the master keys, rekey how far Rekey has come.
	plan  atomic.Pointer[keyPlan]
	rekey rekeying
	// unsigned is how far the signer of receipts has looked, and when it last told of those that do not open.
	unsigned struct {
		mu    sync.Mutex
		after int64
		told  time.Time
	}

	commits, writes atomic.Int64
}

// readerCount is how many reads run at once; more would only wait for the same cores.
const readerCount = 8

// Open opens the database, applies the migrations that it lacks and starts its writer. The caller closes it.
func Open(ctx context.Context, o Options) (*DB, error) {
	if (o.Path == "") == (o.DSN == "") {
		return nil, errors.New("open database: give a path or a DSN")
	}
	if o.Keyless && o.Beside && o.Keys == nil {
		drawn, err := secret.NewKeys(map[int][]byte{1: secret.GenerateMaster()})
		if err != nil {
			return nil, err
		}
		o.Keys = drawn
	} else {
		o.Keyless = false
	}
	if o.Keys == nil || o.Now == nil {
		return nil, errors.New("open database: no keys or no clock given")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	e, err := connect(ctx, o)
	if err != nil {
		return nil, err
	}
	db, err := start(ctx, e, o)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open database %s: %w", e.name, err), e.close())
	}
	if db.keyless = o.Keyless; db.keyless {
		return db, nil
	}
	if err := db.checkKeys(ctx, o.Beside); err != nil {
		return nil, errors.Join(fmt.Errorf("open database %s: %w", e.name, err), db.Close())
	}
	return db, nil
}

func connect(ctx context.Context, o Options) (*engine, error) {
	if o.DSN != "" {
		return openPostgres(ctx, o)
	}
	e, err := openSQLite(ctx, o.Path, o.Beside)
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", o.Path, err)
	}
	return e, nil
}

// start migrates an engine and puts a writer and readers over it.
func start(ctx context.Context, e *engine, o Options) (*DB, error) {
	if err := migrate(ctx, e, o.Beside); err != nil {
		return nil, err
	}
	db := &DB{engine: e, readers: newPool(e, true, readerCount), keys: o.Keys, ids: secret.NewIDs(o.Now), log: o.Log, now: o.Now}
	if !e.serial {
		db.writers, db.turns = newPool(e, false, writerCount), newPool(e, false, 1)
		return db, nil
	}
	w, err := newWriter(ctx, e)
	if err != nil {
		return nil, err
	}
	e.migrations.SetMaxIdleConns(0) // it was needed to migrate alone
	db.writer, w.db = w, db
	go w.run()
	return db, nil
}

// Close answers what is under way, ends the writer and closes the database. Calls that come later get ErrUnavailable.
func (db *DB) Close() (err error) {
	db.end.Do(func() {
		if db.engine.serial {
			err = db.writer.close()
		} else {
			err = errors.Join(db.turns.close(), db.writers.close())
		}
		err = errors.Join(err, db.readers.close(), db.engine.close())
	})
	return err
}

// Ping asks the database for a sign of life on both paths: one read, and one turn of the writer.
func (db *DB) Ping(ctx context.Context) error {
	one := func(tx *Tx) error {
		var n int
		return tx.get("SELECT 1", nil, &n)
	}
	if err := db.read(ctx, one); err != nil {
		return err
	}
	return db.write(ctx, one)
}

// ClockAhead is by how much the node's clock is ahead of the database's at least, negative when it is behind: the time that asking
// took is not held against it. It is 0 where the database is in this process. Rows carry the times of many nodes, and one
// whose clock is wrong would let codes live on or end them early (design 6).
func (db *DB) ClockAhead(ctx context.Context) (ahead time.Duration, err error) {
	if db.engine.clock == "" {
		return 0, nil
	}
	err = db.read(ctx, func(tx *Tx) error {
		var theirs time.Time
		before := db.now()
		if err := tx.get(db.engine.clock, nil, moment{&theirs}); err != nil {
			return err
		}
		after := db.now()
		ahead = max(before.Sub(theirs), 0) + min(after.Sub(theirs), 0)
		return nil
	})
	return ahead, err
}

// Stats counts what the writer did since Open.
type Stats struct {
	// Commits is how many transactions were committed, Writes how many requests they carried.
	Commits, Writes int64
}

// Stats returns the counts so far.
func (db *DB) Stats() Stats {
	return Stats{Commits: db.commits.Load(), Writes: db.writes.Load()}
}

// unavailable wraps the cause so that errors.Is finds ErrUnavailable and, for the log, the cause.
func unavailable(doing string, cause error) error {
	if errors.Is(cause, ErrUnavailable) {
		return cause
	}
	return fmt.Errorf("%s: %w: %w", doing, ErrUnavailable, cause)
}
