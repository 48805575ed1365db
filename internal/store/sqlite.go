package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"
	linked "zombiezen.com/go/sqlite"
)

// engine is all that differs between databases: how to connect, how transactions begin, what the types are called and
// what the driver's errors mean.
type engine struct {
	// name is what an operator knows the database as, without secrets.
	name string
	// open opens a connection; one that is readonly is kept from writing where the database can.
	open func(ctx context.Context, readonly bool) (link, error)
	// migrations is the pool that migrates.
	migrations *sql.DB
	dialect    goose.Dialect
	// types replaces the {{words}} of migrations: the type of keys and of bytes (design 10.28).
	types map[string]string
	// transaction is a write transaction, savepoint a part of one. beginRead begins a read transaction.
	transaction, savepoint scope
	beginRead              string
	// turn is what one of all nodes holds at a time, where not serial.
	turn scope
	kind func(error) fault
	// serial: one writes at a time, so that nothing changes between what a change reads and what it writes.
	serial bool
	// limit bounds how long a transaction may take, waiting included; 0 for an engine that is in this process and cannot be
	// cut off.
	limit time.Duration
	// sole is a statement that changes rows in the form in which the engine itself refuses to have changed another number of them than one;
	// nil where nothing waits, so that the number is known in time.
	sole func(query string) string
	// clock asks for the database's time in Unix milliseconds; empty for an engine that has no clock of its own.
	clock string
	// alone waits until no other node migrates; nil where no other can.
	alone func(context.Context) (release func() error, err error)
	// release lets another process serve the database; nil when this one does not.
	release func() error
}

// fault is what an error of the driver means.
type fault int

const (
	faultTrouble fault = iota // the database could not do it now
	faultTaken                // a unique index holds the value
	faultAgain                // run it again: a drawn id met another, or another change came in between
	faultRule                 // a rule of the schema was broken: a mistake in the program
	faultCut                  // trouble, and the connection is of no more use
)

func (e *engine) close() error {
	errs := []error{e.migrations.Close()}
	if e.release != nil {
		errs = append(errs, e.release())
	}
	return errors.Join(errs...)
}

// sqlitePragmas are set on each connection and read back by a test (design 6 and 10.30).
//
//   - journal_mode WAL lets reads run beside the writer; synchronous FULL waits for the disk at each commit, also on
//     macOS (fullfsync): what was answered survives power loss (I7);
//   - busy_timeout waits for an administrative command that writes from another process;
//   - secure_delete overwrites what is deleted: an erased key must not be found in the file;
//   - trusted_schema off hardens against a file prepared by somebody else;
//   - temp_store keeps sorted rows out of temporary files.
var sqlitePragmas = [][2]string{
	{"busy_timeout", "5000"},
	{"journal_mode", "wal"},
	{"synchronous", "2"},
	{"fullfsync", "1"},
	{"checkpoint_fullfsync", "1"},
	{"foreign_keys", "1"},
	{"secure_delete", "1"},
	{"trusted_schema", "0"},
	{"temp_store", "2"},
	{"journal_size_limit", "67108864"},
	{"wal_autocheckpoint", "8000"},
}

// sqliteWriting is set beside sqlitePragmas where something may be written, sqliteReading where nothing is. A page that a writer meets
// for the first time is looked through (cell_size_check), so that a fault of the disk in it is found and not spread, and a file prepared
// by somebody else does no harm; db backup and db restore look through all of them. Readers of a large file meet a dozen for
// each answer, and looking through them was a quarter of what those cost.
var (
	sqliteWriting = append(slices.Clone(sqlitePragmas), [2]string{"cell_size_check", "1"})
	sqliteReading = append(slices.Clone(sqlitePragmas), [2]string{"cell_size_check", "0"}, [2]string{"query_only", "1"})
)

// openSQLite opens the file and, unless beside, takes it for this process.
func openSQLite(ctx context.Context, path string, beside bool) (*engine, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	e := &engine{
		name: path, dialect: goose.DialectSQLite3,
		types:       map[string]string{"key": "INTEGER", "bytes": "BLOB"},
		transaction: scope{"BEGIN IMMEDIATE", "COMMIT", "ROLLBACK"},
		savepoint:   scope{"SAVEPOINT member", "RELEASE member", "ROLLBACK TO member; RELEASE member"},
		beginRead:   "BEGIN",
		kind:        sqliteFault,
		serial:      true,
	}
	// Created here and not by SQLite, whose files would be readable by everybody on the machine.
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := file.Close(); err != nil {
		return nil, err
	}
	if !beside {
		if e.release, err = serveAlone(ctx, path); err != nil {
			return nil, err
		}
	}
	e.open = func(_ context.Context, readonly bool) (link, error) { return openSQLiteLink(path, readonly) }
	e.migrations = sqlitePool(path)
	if err := e.migrations.PingContext(ctx); err != nil {
		return nil, errors.Join(unavailable("connect", err), e.close())
	}
	return e, nil
}

// sqlitePool makes a pool of one connection through database/sql, for what is seldom done: migrations, copies, scrubbing.
func sqlitePool(path string) *sql.DB {
	q := url.Values{"_error_rc": {"1"}}
	for _, p := range sqliteWriting {
		q.Add("_pragma", p[0]+"("+p[1]+")")
	}
	connector, err := sqlite.NewConnector(sqliteURI(path) + "?" + q.Encode())
	if err != nil {
		panic(err) // the query is ours and always parses
	}
	pool := sql.OpenDB(connector)
	pool.SetMaxOpenConns(1)
	return pool
}

// sqliteURI names a file to SQLite. In a URI the first part of a relative path would be a host, so there is none.
func sqliteURI(path string) string {
	if whole, err := filepath.Abs(path); err == nil {
		path = whole
	}
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path)}).String()
}

// serveAlone takes an exclusive lock on a file beside the database and holds it until release. The operating system
// frees it when the process dies, however it dies. SQLite's own locking is used, so that it works wherever SQLite does.
func serveAlone(ctx context.Context, path string) (release func() error, err error) {
	lock, err := sql.Open("sqlite", sqliteURI(path+"-serving"))
	if err != nil {
		return nil, err
	}
	lock.SetMaxOpenConns(1)
	if _, err := lock.ExecContext(ctx, "BEGIN EXCLUSIVE"); err != nil {
		var e *sqlite.Error
		if errors.As(err, &e) && e.Code()&0xff == codes.SQLITE_BUSY {
			err = fmt.Errorf("%w; stop it first, or give this one a file of its own", ErrServed)
		}
		return nil, errors.Join(err, lock.Close())
	}
	return lock.Close, nil
}

// sqliteFault tells constraints from trouble. What is not known to be a constraint is trouble: better to say 503 than to
// take a failing disk for a wrong password (design I11).
func sqliteFault(err error) fault {
	switch code := linked.ErrCode(err); {
	case code == linked.ResultConstraintUnique:
		return faultTaken
	case code == linked.ResultConstraintPrimaryKey, code == linked.ResultConstraintRowID:
		return faultAgain
	case code.ToPrimary() == linked.ResultConstraint:
		return faultRule
	}
	return faultTrouble
}
