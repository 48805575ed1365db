package store

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// eachEngine runs a test on every engine, each time on an empty database.
func eachEngine(t *testing.T, test func(t *testing.T, db *DB)) {
	t.Run("sqlite", func(t *testing.T) {
		test(t, openTest(t, filepath.Join(t.TempDir(), "test.db")))
	})
	t.Run("postgres", func(t *testing.T) {
		test(t, openTest(t, postgresTest(t)))
	})
}

// oneWriter runs a test of what only the engine with one writer has: requests that wait for it and share its commit.
func oneWriter(t *testing.T, test func(t *testing.T, db *DB)) {
	test(t, openTest(t, filepath.Join(t.TempDir(), "test.db")))
}

// at are the options to open a file, or a PostgreSQL database by its DSN.
func at(t testing.TB, place string) Options {
	o := Options{Keys: testKeys(t), Now: time.Now}
	if strings.HasPrefix(place, "postgres://") {
		o.DSN = place
	} else {
		o.Path = place
	}
	return o
}

// testKeys are the same on every opening, so that a reopened database can be read.
func testKeys(t testing.TB) *secret.Keys {
	t.Helper()
	master := make([]byte, 32)
	for i := range master {
		master[i] = byte(i + 1)
	}
	keys, err := secret.NewKeys(map[int][]byte{1: master})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// migratedFile is a file after all migrations: bringing each of hundreds there would take half the time of these tests.
var migratedFile = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "latchkey-store-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "empty.db")
	db, err := Open(context.Background(), at(&testing.B{}, path))
	if err != nil {
		return nil, err
	}
	if err := db.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// openTest opens a file, or a PostgreSQL database by its DSN, until the test ends. A file that is not there yet begins as the migrated one.
func openTest(t testing.TB, place string) *DB {
	t.Helper()
	if _, err := os.Stat(place); at(t, place).Path != "" && errors.Is(err, fs.ErrNotExist) {
		empty, err := migratedFile()
		must(t, err)
		must(t, os.WriteFile(place, empty, 0o600))
	}
	db, err := Open(t.Context(), at(t, place))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// notes makes a small table for tests of the engine itself.
func notes(t testing.TB, db *DB) {
	t.Helper()
	must(t, db.write(t.Context(), func(tx *Tx) error {
		_, err := tx.exec("CREATE TABLE note (id " + db.engine.types["key"] + " PRIMARY KEY, text TEXT NOT NULL, version BIGINT NOT NULL)")
		if err == nil {
			_, err = tx.exec("CREATE UNIQUE INDEX note_text ON note (text)")
		}
		return err
	}))
}

func note(tx *Tx, id int64, text string) error {
	_, err := tx.exec("INSERT INTO note (id, text, version) VALUES ($1, $2, 1)", id, text)
	return err
}

// noteLater is note by a write that waits, where the engine lets writes wait.
func noteLater(tx *Tx, id int64, text string) error {
	return tx.put("INSERT INTO note (id, text, version) VALUES ($1, $2, 1)", id, text)
}

func countNotes(t testing.TB, db *DB) (n int) {
	t.Helper()
	must(t, db.read(context.Background(), func(tx *Tx) error {
		return tx.get("SELECT count(*) FROM note", nil, &n)
	}))
	return n
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// happened is an event that passes audit's check.
func happened(account int64) audit.Event {
	return audit.Event{At: time.UnixMilli(1_800_000_000_000).UTC(), Action: audit.CodeMinted, Outcome: audit.Allowed,
		Actor: audit.Actor{Kind: audit.ActorServer}, Account: account}
}

func TestOpenRefusesWhatItCannotUse(t *testing.T) {
	keys := testKeys(t)
	for name, o := range map[string]Options{
		"nothing to open":    {Keys: keys, Now: time.Now},
		"a file and a DSN":   {Path: filepath.Join(t.TempDir(), "x.db"), DSN: "postgres://localhost/x", Keys: keys, Now: time.Now},
		"no keys":            {Path: filepath.Join(t.TempDir(), "x.db"), Now: time.Now},
		"no clock":           {Path: filepath.Join(t.TempDir(), "x.db"), Keys: keys},
		"missing directory":  {Path: filepath.Join(t.TempDir(), "missing", "x.db"), Keys: keys, Now: time.Now},
		"directory":          {Path: t.TempDir(), Keys: keys, Now: time.Now},
		"not a database":     {Path: written(t, "this is a text and not a database, however long it may be"), Keys: keys, Now: time.Now},
		"older, from beside": {Path: written(t, ""), Keys: keys, Now: time.Now, Beside: true},
	} {
		t.Run(name, func(t *testing.T) {
			db, err := Open(t.Context(), o)
			if err == nil {
				db.Close()
				t.Fatal("opened")
			}
			t.Log(err)
		})
	}
}

func written(t *testing.T, text string) string {
	path := filepath.Join(t.TempDir(), "x.db")
	must(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestFileIsForItsOwnerAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	db := openTest(t, path)
	notes(t, db)
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		must(t, err)
		if mode := info.Mode().Perm(); mode != 0o600 {
			t.Errorf("%s has mode %o, want 600", filepath.Base(path+suffix), mode)
		}
	}
}

func TestOneProcessServesAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	first := openTest(t, path)
	if _, err := Open(t.Context(), Options{Path: path, Keys: testKeys(t), Now: time.Now}); !errors.Is(err, ErrServed) {
		t.Fatalf("second open: %v, want ErrServed", err)
	}
	beside, err := Open(t.Context(), Options{Path: path, Keys: testKeys(t), Now: time.Now, Beside: true})
	must(t, err)
	notes(t, beside)
	must(t, first.write(t.Context(), func(tx *Tx) error { return note(tx, 1, "first") }))
	must(t, beside.write(t.Context(), func(tx *Tx) error { return note(tx, 2, "beside") }))
	must(t, beside.Close())
	if n := countNotes(t, first); n != 2 {
		t.Errorf("%d notes, want 2", n)
	}
	must(t, first.Close())
	openTest(t, path) // released
}

func TestCloseAnswersEverybody(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		notes(t, db)
		must(t, db.Close())
		must(t, db.Close())
		for name, err := range map[string]error{
			"write": db.write(t.Context(), func(tx *Tx) error { return nil }),
			"read":  db.read(t.Context(), func(tx *Tx) error { return nil }),
			"ping":  db.Ping(t.Context()),
		} {
			if !errors.Is(err, ErrUnavailable) {
				t.Errorf("%s after close: %v, want ErrUnavailable", name, err)
			}
		}
	})
}

func TestPing(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) { must(t, db.Ping(t.Context())) })
}
