package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/secret"
	"github.com/latchkey-id/latchkey/internal/store"
)

// TestBackupAndRestore: what was copied while the file was served comes back, and what came later lies beside it.
func TestBackupAndRestore(t *testing.T) {
	data := audited(t)
	file := filepath.Join(t.TempDir(), "copy.db")
	served := serving(t, data)
	out, hint := command(t, exitDone, "db", "backup", file)
	if !strings.HasPrefix(out, file+"  ") || !strings.Contains(out, "audit head 3:") || !strings.Contains(hint, "master key of version 1 only") {
		t.Errorf("%q %q", out, hint)
	}
	command(t, exitDone, "partner", "add", "--name", "Late", "--id", "late", "--redirect", "https://late.example/cb")
	_, hint = command(t, exitFailed, "db", "restore", file)
	if !strings.Contains(hint, "stop the server first; nothing was changed") {
		t.Errorf("while it is served: %q", hint)
	}
	if err := served.Close(); err != nil {
		t.Fatal(err)
	}
	out, hint = command(t, exitDone, "db", "restore", file)
	if !strings.HasPrefix(out, "restored: ") || !strings.Contains(hint, "latchkey.db.before-") {
		t.Errorf("%q %q", out, hint)
	}
	if out, _ = command(t, exitDone, "partner", "list"); strings.Contains(out, "late") || !strings.Contains(out, "harbour") {
		t.Errorf("partners after it: %s", out)
	}
	if out, _ = command(t, exitDone, "audit", "tail", "--action", "database.restored"); !strings.Contains(out, "operator") {
		t.Errorf("the audit does not say so: %q", out)
	}
	out, _ = command(t, exitDone, "db", "check", "--json")
	var said checkedDatabase
	if err := json.Unmarshal([]byte(out), &said); err != nil || said.Events < 3 || len(said.Findings) != 0 {
		t.Errorf("%s, %v", out, err)
	}
	// The head that was noted at the backup is still in the chain, and what came after it follows.
	head := readHead(t, file)
	command(t, exitDone, "audit", "verify", "--from", head)
}

// readHead reads the head of a copy by restoring it to an empty directory, as one who only has the copy and the key does.
func readHead(t *testing.T, file string) string {
	t.Helper()
	out, _ := command(t, exitDone, "db", "restore", file, "--data", t.TempDir(), "--json")
	var said restored
	if err := json.Unmarshal([]byte(out), &said); err != nil || said.Before != "" || said.Schema == 0 || said.Bytes == 0 {
		t.Fatalf("%s, %v", out, err)
	}
	return said.Head
}

// serving holds the database as a server does.
func serving(t *testing.T, data string) *store.DB {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(data, "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	masters, err := secret.ParseMaster(string(text))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := secret.NewKeys(masters)
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), store.Options{Path: filepath.Join(data, "latchkey.db"), Keys: keys, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// TestDatabaseCommandsRefuse: each mistake is one line with its remedy, and changes nothing.
func TestDatabaseCommandsRefuse(t *testing.T) {
	data := audited(t)
	there := filepath.Join(t.TempDir(), "there")
	if err := os.WriteFile(there, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	postgres := []string{"--database", "postgres://latchkey@127.0.0.1:1/latchkey"}
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"backup over a file":         {[]string{"db", "backup", there}, "exists already"},
		"backup of nothing":          {[]string{"db", "backup", there + "2", "--data", t.TempDir()}, "no such file"},
		"backup into nowhere":        {[]string{"db", "backup", filepath.Join(there, "below")}, "nothing was written"},
		"backup of PostgreSQL":       {append([]string{"db", "backup", there + "2"}, postgres...), "pg_basebackup"},
		"restore of nothing":         {[]string{"db", "restore"}, "give either a file or --in-place"},
		"restore of both":            {[]string{"db", "restore", there, "--in-place"}, "give either a file or --in-place"},
		"restore of something else":  {[]string{"db", "restore", there}, "nothing was changed; take another backup"},
		"restore of no file":         {[]string{"db", "restore", there + "3"}, "no such file"},
		"restore into PostgreSQL":    {append([]string{"db", "restore", there}, postgres...), "db restore --in-place"},
		"check of nothing":           {[]string{"db", "check", "--data", t.TempDir()}, "no such file"},
		"audit of nothing":           {[]string{"audit", "verify", "--data", t.TempDir()}, "no such file"},
		"check of nothing, no key":   {[]string{"db", "check", "--without-key", "--data", t.TempDir()}, "no such file"},
		"migrate where it cannot be": {[]string{"db", "migrate", "--data", there}, "is not a directory"},
	} {
		if _, hint := command(t, exitFailed, c.args...); !strings.Contains(hint, c.says) {
			t.Errorf("%s: %q", name, hint)
		}
	}
	if text, _ := os.ReadFile(there); string(text) != "mine" || fileExists(there+"2") {
		t.Error("a file was written")
	}
	command(t, exitDone, "audit", "verify", "--data", data)
}

// TestCheckFails: what does not hold is named, and the exit code says so, for people and for programs.
func TestCheckFails(t *testing.T) {
	data := audited(t)
	tamper(t, data, "INSERT INTO partner_event (id, partner_id, account_id, profile_id, type, state, reason, fields, occurred_at) VALUES (5, 99, 0, 0, '', '', '', '', 0)")
	_, hint := command(t, exitFailed, "db", "check")
	if !strings.Contains(hint, "partner_event: partner_id names no partner: 1 rows, such as 5") || !strings.Contains(hint, "go back to a backup") {
		t.Errorf("%q", hint)
	}
	out, _ := command(t, exitFailed, "db", "check", "--json", "--without-key")
	if !strings.Contains(out, `"findings":["partner_event: partner_id names no partner: 1 rows, such as 5"]`) || !strings.Contains(out, `"sealed_values_opened":0`) {
		t.Errorf("%s", out)
	}
	_, hint = command(t, exitFailed, "db", "restore", "--in-place")
	if !strings.Contains(hint, "nothing was changed") {
		t.Errorf("%q", hint)
	}
	tamper(t, data, "DELETE FROM partner_event")
	out, hint = command(t, exitDone, "db", "check", "--without-key")
	if !strings.Contains(out, "0 sealed values") || !strings.Contains(hint, "were not checked") {
		t.Errorf("%q %q", out, hint)
	}
	if out, _ = command(t, exitDone, "db", "restore", "--in-place"); !strings.HasPrefix(out, "restored: ") {
		t.Errorf("%q", out)
	}
	if out, _ = command(t, exitDone, "db", "migrate"); out != "The schema is this release's.\n" {
		t.Errorf("%q", out)
	}
}

// TestLoadADatabase: it fills an empty one, tells what it wrote, and leaves one alone that is in use.
func TestLoadADatabase(t *testing.T) {
	audited(t)
	out, _ := command(t, exitDone, "db", "load", "--accounts", "20", "--tokens", "3", "--data", t.TempDir())
	if !strings.HasPrefix(out, "20 accounts, 3 tokens and 40 events in ") {
		t.Errorf("%q", out)
	}
	_, hint := command(t, exitFailed, "db", "load", "--accounts", "2", "--tokens", "3")
	if !strings.Contains(hint, "that is no size") {
		t.Errorf("%q", hint)
	}
	into := t.TempDir()
	command(t, exitDone, "db", "load", "--accounts", "2", "--tokens", "0", "--data", into)
	if _, hint = command(t, exitFailed, "db", "load", "--accounts", "2", "--tokens", "0", "--data", into); !strings.Contains(hint, "there are accounts in this database") {
		t.Errorf("%q", hint)
	}
	if out, _ = command(t, exitDone, "db", "check", "--data", into); !strings.Contains(out, "4 events hold") {
		t.Errorf("%q", out)
	}
}

// TestCommandsMakeNoDatabase: every command that looks at a database, or changes what is in it, refuses a directory without one, names the
// flag and makes nothing there; those that may be the first on a new machine make one.
func TestCommandsMakeNoDatabase(t *testing.T) {
	audited(t)
	for i, args := range [][]string{
		{"partner", "list"}, {"partner", "list", "--json"},
		{"customer", "show", "1"}, {"customer", "verify", "1"}, {"customer", "unverify", "1"}, {"customer", "hold", "1"}, {"customer", "release", "1"},
		{"customer", "recovery", "1"}, {"customer", "erase", "1", "--yes"},
		{"db", "backup", filepath.Join(t.TempDir(), "copy")}, {"db", "check"}, {"db", "check", "--without-key"}, {"db", "restore", "--in-place"},
		{"event", "list"}, {"event", "resend", "1"},
		{"key", "list", "--for", "master"}, {"key", "rotate", "--for", "master"}, {"key", "drop", "1"},
		{"audit", "tail"}, {"audit", "verify"}, {"audit", "verify", "--without-key"}, {"audit", "export"}, {"audit", "export", "--without-key"},
	} {
		empty := t.TempDir()
		data := []string{empty, filepath.Join(empty, "mistyped")}[i%2]
		_, hint := command(t, exitFailed, append(args, "--data", data)...)
		if !strings.HasPrefix(hint, "latchkey: "+filepath.Join(data, "latchkey.db")+": no such file\n") || !strings.Contains(hint, "with --data") || !strings.Contains(hint, "--database") {
			t.Errorf("%v: %q", args, hint)
		}
		if names, err := os.ReadDir(empty); err != nil || len(names) > 0 {
			t.Errorf("%v makes %v, %v", args, names, err)
		}
	}
	data := filepath.Join(t.TempDir(), "new") // where audited adds partners first, this one migrates
	if command(t, exitDone, "db", "migrate", "--data", data); !fileExists(filepath.Join(data, "latchkey.db")) {
		t.Error("db migrate makes no database")
	}
}
