package main

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// overwritten is a directory in which a server was killed, so that the end of its database lies in the log: a partner "late" is known
// there alone. copied is a backup from before that partner. Accounts and live tokens are in both.
func overwritten(t *testing.T) (data, copied string) {
	t.Helper()
	served, dir := t.TempDir(), t.TempDir()
	t.Setenv("LATCHKEY_MASTER_KEY_FILE", filepath.Join(served, "master.key"))
	_ = audited(t) // its key is everybody's here
	t.Setenv("LATCHKEY_DATA", served)
	command(t, exitDone, "db", "load", "--accounts", "30", "--tokens", "20")
	copied = filepath.Join(dir, "copy.db")
	command(t, exitDone, "db", "backup", copied)
	holds := beside(t, filepath.Join(served, "latchkey.db"))
	command(t, exitDone, "partner", "add", "--name", "Late", "--id", "late", "--redirect", "https://late.example/cb")
	data = t.TempDir()
	for _, name := range []string{"latchkey.db", "latchkey.db-wal"} {
		text, err := os.ReadFile(filepath.Join(served, name))
		if err != nil || len(text) == 0 {
			t.Fatalf("%s: %d bytes, %v", name, len(text), err)
		}
		if err := os.WriteFile(filepath.Join(data, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	holds()
	return data, copied
}

// beside holds a database open, so that its log is not put into the file when others close it.
func beside(t *testing.T, path string) (release func()) {
	t.Helper()
	file, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	file.SetMaxOpenConns(1)
	if _, err := file.ExecContext(context.Background(), "SELECT count(*) FROM partner"); err != nil {
		t.Fatal(err)
	}
	return func() { _ = file.Close() }
}

// counted answers a query for a number.
func counted(t *testing.T, path, query string) (n int) {
	t.Helper()
	file, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := file.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// which tells the old database from the restored one; what is neither fails the test.
func which(t *testing.T, data string) (restored bool) {
	t.Helper()
	command(t, exitDone, "db", "check", "--data", data)
	path := filepath.Join(data, "latchkey.db")
	late := counted(t, path, "SELECT count(*) FROM partner WHERE client_id = 'late'")
	severed := counted(t, path, "SELECT count(*) FROM audit_event WHERE action = 'database.restored'")
	live := counted(t, path, "SELECT count(*) FROM token t JOIN account a ON a.id = t.account_id WHERE a.epoch = t.epoch")
	switch {
	case late == 1 && severed == 0 && live == 20:
		return false
	case late == 0 && severed == 2 && live == 0:
		return true
	}
	t.Errorf("a mixture: %d late partners, %d events of a restore, %d live tokens", late, severed, live)
	return false
}

// TestARestoreIsKilled kills "db restore" with SIGKILL at every change of a name and at changes of files over its whole length. What is
// there then is the old database with its last change, or the restored one with everything ended that was given out; the command
// repeated restores, the old database is kept whole, and nothing else lies about.
func TestARestoreIsKilled(t *testing.T) {
	fullRun(t)
	old, copied := overwritten(t)
	restores, keeps := 0, 0
	at := func() (string, []string) {
		place := filepath.Join(t.TempDir(), "data")
		if err := os.CopyFS(place, os.DirFS(old)); err != nil {
			t.Fatal(err)
		}
		return place, []string{"db", "restore", copied, "--data", place}
	}
	kills := sweep(t, 60, at, func(place string, whole bool) {
		switch restored := which(t, place); {
		case restored:
			restores++
		case whole:
			t.Error("the restore that was not killed did not restore")
		default:
			keeps++
			command(t, exitDone, "db", "restore", copied, "--data", place)
			if !which(t, place) {
				t.Error("repeated, it does not restore")
			}
		}
		names, err := os.ReadDir(place)
		if err != nil {
			t.Fatal(err)
		}
		var kept []string
		for _, n := range names {
			switch {
			case strings.HasPrefix(n.Name(), "latchkey.db.before-"):
				kept = append(kept, n.Name())
			case strings.HasPrefix(n.Name(), "latchkey.db.") && whole:
				t.Errorf("left behind: %s", n.Name())
			}
		}
		if len(kept) != 1 {
			t.Fatalf("kept of the old database: %v", kept)
		}
		if counted(t, filepath.Join(place, kept[0]), "SELECT count(*) FROM partner WHERE client_id = 'late'") != 1 {
			t.Error("the old database that was kept lacks its last change")
		}
	})
	t.Logf("%d kills left the old database, %d the restored one", keeps, restores)
	if kills < 60 || keeps < 40 || restores < 2 {
		t.Error("too few kills to say anything")
	}
}

// TestABackupIsKilled kills "db backup" in the same way: no file has the name that was asked for before it is a whole copy, the
// database is what it was, and the command repeated under another name makes a copy.
func TestABackupIsKilled(t *testing.T) {
	fullRun(t)
	old, _ := overwritten(t)
	at := func() (string, []string) {
		place := filepath.Join(t.TempDir(), "data")
		if err := os.CopyFS(place, os.DirFS(old)); err != nil {
			t.Fatal(err)
		}
		return place, []string{"db", "backup", filepath.Join(place, "copy"), "--data", place}
	}
	whole := 0
	kills := sweep(t, 30, at, func(place string, _ bool) {
		again := []string{filepath.Join(place, "again")}
		command(t, exitDone, "db", "backup", again[0], "--data", place)
		if fileExists(filepath.Join(place, "copy")) {
			whole++
			again = append(again, filepath.Join(place, "copy"))
		}
		for _, file := range again {
			to := t.TempDir()
			command(t, exitDone, "db", "restore", file, "--data", to)
			if counted(t, filepath.Join(to, "latchkey.db"), "SELECT count(*) FROM partner WHERE client_id = 'late'") != 1 {
				t.Errorf("%s is not the whole database", filepath.Base(file))
			}
		}
		if which(t, place) {
			t.Error("the database that was copied is another one")
		}
	})
	if kills < 20 || whole < 2 {
		t.Errorf("%d kills, %d whole copies: too few to say anything", kills, whole)
	}
}
