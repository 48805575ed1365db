package store

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

func yield() { runtime.Gosched() }

// TestPragmasHold reads each one back on the writer and on a reader: SQLite takes a misspelt one without a word, and
// without these a power failure would lose what was answered (I7, design 10.30).
func TestPragmasHold(t *testing.T) {
	db := openTest(t, filepath.Join(t.TempDir(), "test.db"))
	check := func(kind string, want [][2]string) func(*Tx) error {
		return func(tx *Tx) error {
			for _, p := range want {
				var got any
				if err := tx.get("PRAGMA "+p[0], nil, &got); err != nil {
					return err
				}
				if fmt.Sprint(got) != p[1] {
					t.Errorf("%s: %s is %v, want %s", kind, p[0], got, p[1])
				}
			}
			return nil
		}
	}
	must(t, db.write(t.Context(), check("writer", append(sqliteWriting, [2]string{"query_only", "0"}))))
	must(t, db.read(t.Context(), check("reader", sqliteReading)))
	if sqlitePragmas[1] != [2]string{"journal_mode", "wal"} || sqlitePragmas[2] != [2]string{"synchronous", "2"} {
		t.Error("WAL and FULL are not what is set")
	}
}

// TestAFullDisk: what does not fit is ErrUnavailable for everyone in the group that it concerns, and nothing else; when
// there is room again, service goes on.
func TestAFullDisk(t *testing.T) {
	db := openTest(t, filepath.Join(t.TempDir(), "test.db"))
	notes(t, db)
	limit := func(pages int) {
		must(t, db.write(t.Context(), func(tx *Tx) error {
			var n int
			return tx.get(fmt.Sprintf("PRAGMA max_page_count(%d)", pages), nil, &n)
		}))
	}
	var pages int
	must(t, db.read(t.Context(), func(tx *Tx) error { return tx.get("PRAGMA page_count", nil, &pages) }))
	limit(pages + 4)
	big := strings.Repeat("x", 64<<10)
	for i := range int64(3) {
		err := db.write(t.Context(), func(tx *Tx) error { return note(tx, 100+i, fmt.Sprint(i, big)) })
		if !errors.Is(err, ErrUnavailable) {
			t.Fatalf("write to a full disk: %v, want ErrUnavailable", err)
		}
	}
	answers := crowd(t, db,
		func(tx *Tx) error { return note(tx, 1, "one") },
		func(tx *Tx) error { return note(tx, 2, big) },
		func(tx *Tx) error { return note(tx, 3, "three") },
	)
	if answers[0] != nil || !errors.Is(answers[1], ErrUnavailable) || answers[2] != nil {
		t.Errorf("answers %v", answers)
	}
	if got := texts(t, db); got != "one three" {
		t.Errorf("kept %d bytes of notes", len(got))
	}
	limit(1 << 30)
	must(t, db.write(t.Context(), func(tx *Tx) error { return note(tx, 2, big) }))
	if n := countNotes(t, db); n != 3 {
		t.Errorf("%d notes after there was room again, want 3", n)
	}
}

// TestAFailingCommitFailsTheWholeGroup: a foreign key that is only checked at COMMIT stands for a disk that fails there.
func TestAFailingCommitFailsTheWholeGroup(t *testing.T) {
	db := openTest(t, filepath.Join(t.TempDir(), "test.db"))
	notes(t, db)
	must(t, db.write(t.Context(), func(tx *Tx) error {
		_, err := tx.exec("CREATE TABLE child (note BIGINT REFERENCES note (id) DEFERRABLE INITIALLY DEFERRED)")
		return err
	}))
	refused := errors.New("refused")
	answers := crowd(t, db,
		func(tx *Tx) error { return note(tx, 1, "one") },
		func(tx *Tx) error {
			_, err := tx.exec("INSERT INTO child VALUES (99)")
			return err
		},
		func(tx *Tx) error { return refused },
	)
	for i, err := range answers {
		if !errors.Is(err, ErrUnavailable) {
			t.Errorf("member %d got %v, want ErrUnavailable", i+1, err)
		}
	}
	if n := countNotes(t, db); n != 0 {
		t.Errorf("%d notes, want none", n)
	}
	must(t, db.write(t.Context(), func(tx *Tx) error { return note(tx, 1, "one") }))
}

// TestALockedFileIsTrouble: another process holds the write lock for longer than the writer waits.
func TestALockedFileIsTrouble(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	db := openTest(t, path)
	notes(t, db)
	other, err := Open(t.Context(), Options{Path: path, Keys: testKeys(t), Now: time.Now, Beside: true})
	must(t, err)
	defer other.Close()
	must(t, db.write(t.Context(), func(tx *Tx) error {
		var n int
		return tx.get("PRAGMA busy_timeout = 1", nil, &n)
	}))
	must(t, other.write(t.Context(), func(tx *Tx) error {
		must(t, note(tx, 1, "one"))
		if err := db.write(t.Context(), func(tx *Tx) error { return note(tx, 2, "two") }); !errors.Is(err, ErrUnavailable) {
			t.Errorf("write to a locked file: %v, want ErrUnavailable", err)
		}
		return nil
	}))
	must(t, db.write(t.Context(), func(tx *Tx) error { return note(tx, 2, "two") }))
}

func TestMigrations(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		e, err := openSQLite(t.Context(), filepath.Join(t.TempDir(), "test.db"), false)
		must(t, err)
		testMigrations(t, e)
	})
	t.Run("postgres", func(t *testing.T) {
		e, err := openPostgres(t.Context(), Options{DSN: postgresTest(t)})
		must(t, err)
		testMigrations(t, e)
	})
}

func testMigrations(t *testing.T, e *engine) {
	t.Cleanup(func() { must(t, e.close()) })
	set := func(numbers ...int) typed {
		files := fstest.MapFS{}
		for _, n := range numbers {
			files[fmt.Sprintf("%05d_step.sql", n)] = &fstest.MapFile{Data: fmt.Appendf(nil,
				"-- +goose Up\nCREATE TABLE step%d (id {{key}} PRIMARY KEY, b {{bytes}});\nINSERT INTO step%d VALUES (1, NULL);\n", n, n)}
		}
		return typed{files, e.types}
	}
	if err := migrateTo(t.Context(), e, set(1), true); !errors.Is(err, ErrOlder) {
		t.Errorf("beside, with a migration to do: %v, want ErrOlder", err)
	}
	must(t, migrateTo(t.Context(), e, set(1), false))
	must(t, migrateTo(t.Context(), e, set(1, 2, 3), false))
	must(t, migrateTo(t.Context(), e, set(1, 2, 3), false))
	must(t, migrateTo(t.Context(), e, set(1, 2, 3), true))
	if err := migrateTo(t.Context(), e, set(1, 2), false); !errors.Is(err, ErrNewer) || !strings.Contains(err.Error(), "number 3") {
		t.Errorf("a newer schema: %v, want ErrNewer with its number", err)
	}
	broken := set(1, 2, 3, 4)
	broken.FS.(fstest.MapFS)["00004_step.sql"] = &fstest.MapFile{Data: []byte(
		"-- +goose Up\nCREATE TABLE step4 (id {{key}});\nINSERT INTO no_such_table VALUES (1);\n")}
	if err := migrateTo(t.Context(), e, broken, false); err == nil || !strings.Contains(err.Error(), "migration 4") {
		t.Errorf("a broken migration: %v, want its number", err)
	}
	must(t, migrateTo(t.Context(), e, set(1, 2, 3, 4), false)) // nothing was left of the broken one
	for n := 1; n <= 4; n++ {
		var rows int
		must(t, e.migrations.QueryRowContext(t.Context(), fmt.Sprintf("SELECT count(*) FROM step%d", n)).Scan(&rows))
		if rows != 1 {
			t.Errorf("migration %d ran %d times", n, rows)
		}
	}
}

func TestReopeningFindsEverything(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	db := openTest(t, path)
	notes(t, db)
	must(t, db.write(t.Context(), func(tx *Tx) error { return note(tx, 1, "one") }))
	must(t, db.Close())
	if n := countNotes(t, openTest(t, path)); n != 1 {
		t.Errorf("%d notes, want 1", n)
	}
}
