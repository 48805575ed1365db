package store

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/audit"
)

// crashEnv makes the test binary be the server that is killed: its value is the database, a file or a DSN.
const crashEnv = "LATCHKEY_STORE_CRASH_FILE"

func TestMain(m *testing.M) {
	if path := os.Getenv(crashEnv); path != "" {
		writeUntilKilled(path)
		return
	}
	code := m.Run()
	if tested.stop != nil {
		tested.stop()
	}
	os.Exit(code)
}

// writeUntilKilled writes from 16 goroutines, each change a note and its event, and prints each id after its answer.
func writeUntilKilled(path string) {
	db, err := Open(context.Background(), at(&testing.B{}, path))
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	lines := make(chan int64, 1024)
	for range 16 {
		go func() {
			for {
				id := db.ids.Next()
				err := db.change(context.Background(), func(tx *Tx) (audit.Event, error) {
					return happened(id), note(tx, id, strconv.FormatInt(id, 10))
				})
				if err != nil {
					fmt.Println("error", err)
					os.Exit(1)
				}
				lines <- id
			}
		}()
	}
	for id := range lines {
		// One write call a line, unbuffered: what was printed was answered, and a line is never cut.
		fmt.Fprintf(os.Stdout, "%d\n", id)
	}
}

// TestNothingAnsweredIsLost kills a writing process again and again and compares the database with what it had answered
// (I7): every answered change is there, once, with its one event, and no change is there by half (I8).
func TestNothingAnsweredIsLost(t *testing.T) {
	rounds := 8
	if testing.Short() {
		rounds = 2
	}
	for name, place := range map[string]func(*testing.T) string{
		"sqlite":   func(t *testing.T) string { return filepath.Join(t.TempDir(), "test.db") },
		"postgres": func(t *testing.T) string { return postgresTest(t) },
	} {
		t.Run(name, func(t *testing.T) {
			path := place(t)
			db := openTest(t, path)
			notes(t, db)
			must(t, db.Close())
			answered := map[int64]bool{}
			for round := range rounds {
				killAfter(t, path, 200+150*round, answered)
				db := openTest(t, path)
				compare(t, db, answered)
				undamaged(t, db)
				must(t, db.Close())
			}
			t.Logf("%d kills, %d answered changes, none lost", rounds, len(answered))
		})
	}
}

// undamaged asks SQLite whether its file is whole. PostgreSQL has not noticed the death of its client but by the end of
// the connection.
func undamaged(t *testing.T, db *DB) {
	t.Helper()
	if !db.engine.serial {
		return
	}
	var verdict string
	must(t, db.read(t.Context(), func(tx *Tx) error { return tx.get("PRAGMA integrity_check", nil, &verdict) }))
	if verdict != "ok" {
		t.Fatalf("the file is damaged: %s", verdict)
	}
}

// killAfter starts the process, kills it when it has answered n changes, and adds what it answered, also while it died.
func killAfter(t *testing.T, path string, n int, answered map[int64]bool) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashEnv+"="+path)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	lines := bufio.NewReader(out)
	for count := 1; ; count++ {
		line, err := lines.ReadString('\n')
		if err == io.EOF { // a line that was cut was not answered
			break
		}
		must(t, err)
		id, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
		if err != nil {
			cmd.Process.Kill()
			t.Fatalf("the writing process says %q", line)
		}
		if answered[id] {
			t.Fatalf("id %d was answered twice", id)
		}
		answered[id] = true
		if count == n {
			must(t, cmd.Process.Kill())
		}
	}
	_ = cmd.Wait() // killed
}

func compare(t *testing.T, db *DB, answered map[int64]bool) {
	t.Helper()
	stored := map[int64]bool{}
	var events int
	// One snapshot for both counts: PostgreSQL may still be committing what a killed client had asked for.
	must(t, db.read(t.Context(), func(tx *Tx) error {
		err := tx.each("SELECT id FROM note", nil, func(scan func(...any) error) error {
			var id int64
			err := scan(&id)
			stored[id] = true
			return err
		})
		if err != nil {
			return err
		}
		if err := tx.get("SELECT count(*) FROM audit_event", nil, &events); err != nil {
			return err
		}
		return tx.each("SELECT account_id, count(*) FROM audit_event GROUP BY account_id", nil, func(scan func(...any) error) error {
			var id int64
			var n int
			err := scan(&id, &n)
			if n != 1 || !stored[id] {
				t.Errorf("change %d is stored %t and has %d events", id, stored[id], n)
			}
			return err
		})
	}))
	for id := range answered {
		if !stored[id] {
			t.Errorf("change %d was answered and is lost", id)
		}
	}
	if events != len(stored) {
		t.Errorf("%d changes and %d events", len(stored), events)
	}
}
