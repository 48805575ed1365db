package store

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// fileWorld is a served file, the nouns over it, and what its directory is called.
func fileWorld(t *testing.T) (*world, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test.db")
	return worldOn(t, openTest(t, path)), path
}

// restoreTo restores a copy to a new place.
func restoreTo(t *testing.T, copied string) (Restored, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "restored.db")
	o := at(t, path)
	o.Now = raceTime
	done, err := Restore(t.Context(), copied, o, nil)
	must(t, err)
	return done, path
}

// TestRestoreEndsWhatWasGivenOut: a registration code and its token that the copy knows as good are dead after it, and the
// audit says so.
func TestRestoreEndsWhatWasGivenOut(t *testing.T) {
	t.Parallel()
	w, path := fileWorld(t)
	_, issue, _ := w.pending(t, "a@example.org")
	file := filepath.Join(t.TempDir(), "copy.db")
	_, err := Backup(t.Context(), path, file)
	must(t, err)
	done, restored := restoreTo(t, file)
	db := openTest(t, restored)
	tokens := grant.Tokens{Store: Tokens{db}, Keys: db.keys, IDs: secret.NewIDs(raceTime), Now: raceTime}
	if _, err := w.nodes[0].tokens.Access(t.Context(), issue.Access); err != nil {
		t.Errorf("in the database that was copied: %v", err)
	}
	if _, err := tokens.Access(t.Context(), issue.Access); err == nil {
		t.Error("the token works")
	}
	if _, err := tokens.Registration(t.Context(), w.acme, "a@example.org", registrationCode, customer.Origin{}); !errors.Is(err, grant.ErrInvalidCredentials) {
		t.Errorf("the registration code: %v", err)
	}
	var told int
	must(t, db.read(t.Context(), func(tx *Tx) error {
		return tx.get("SELECT count(*) FROM audit_event WHERE action = 'database.restored'", nil, &told)
	}))
	if told < 1 || done.Accounts != 1 || done.Before != "" {
		t.Errorf("%d events, %+v", told, done)
	}
}

// TestRestoreAfterADrop: a copy made after a rotation needs the new master key alone, one from before it the old one.
func TestRestoreAfterADrop(t *testing.T) {
	t.Parallel()
	dir, h, keys := t.TempDir(), newHands(), ringOf(t, 1)
	place := filepath.Join(dir, "test.db")
	db := opened(t, place, keys, h)
	must(t, db.write(t.Context(), func(tx *Tx) error {
		return tx.SavePartner(&partner.Partner{ID: 5, ClientID: "acme", Class: partner.Classic, Active: true})
	}))
	pending := func(id customer.AccountID, email string) {
		must(t, db.write(t.Context(), func(tx *Tx) error {
			return tx.SaveAccount(&customer.Account{ID: id, Creator: 5, State: customer.Pending, Epoch: 1, Email: email, CreatedAt: h.now(), UpdatedAt: h.now()})
		}))
	}
	pending(1000, "before@example.org")
	copies := []string{filepath.Join(dir, "before.db"), filepath.Join(dir, "after.db")}
	_, err := Backup(t.Context(), place, copies[0])
	must(t, err)
	must(t, keys.Add(mastersOf(2)))
	must(t, db.AddMasterKey(t.Context(), 2, h.now()))
	h.move(KeyNotice)
	pending(2000, "after@example.org")
	h.move(keySettles)
	if n := rekeyAll(t, db); n != 1 {
		t.Fatalf("%d rows rewritten", n)
	}
	if made, err := Backup(t.Context(), place, copies[1]); err != nil || !slices.Equal(made.Keys, []int{2}) {
		t.Errorf("the copy names keys %v, %v", made.Keys, err)
	}
	for i, version := range []int{1, 2} {
		for _, given := range []int{1, 2} {
			o := Options{Path: filepath.Join(t.TempDir(), "restored.db"), Keys: ringOf(t, given), Now: h.now}
			done, err := Restore(t.Context(), copies[i], o, nil)
			if given == version && (err != nil || done.Accounts != int64(i)+1) || given != version && !errors.Is(err, ErrWrongKey) {
				t.Errorf("copy %d with key %d: %v", i, given, err)
			}
		}
	}
}

// TestBackupRefuses: a file that exists is left as it is, and a copy that is not finished leaves nothing behind.
func TestBackupRefuses(t *testing.T) {
	t.Parallel()
	_, path := fileWorld(t)
	there := filepath.Join(t.TempDir(), "there")
	must(t, os.WriteFile(there, []byte("mine"), 0o600))
	if _, err := Backup(t.Context(), path, there); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over a file: %v", err)
	}
	if text, _ := os.ReadFile(there); string(text) != "mine" {
		t.Error("the file was changed")
	}
	dangling := filepath.Join(t.TempDir(), "link")
	must(t, os.Symlink(filepath.Join(t.TempDir(), "elsewhere"), dangling))
	if _, err := Backup(t.Context(), path, dangling); !errors.Is(err, fs.ErrExist) {
		t.Errorf("through a link that leads nowhere: %v", err)
	}
	if _, err := Backup(t.Context(), path, filepath.Join(t.TempDir(), "no", "such", "place")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("into no directory: %v", err)
	}
	if _, err := Backup(t.Context(), path+"-other", there+"2"); !errors.Is(err, fs.ErrNotExist) || exists(path+"-other") {
		t.Errorf("of no database: %v", err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	dir := t.TempDir()
	if _, err := Backup(ended, path, filepath.Join(dir, "late")); err == nil {
		t.Error("after the end of its context")
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestRelativeNames: a copy may be named from where its maker stands, with or without directories.
func TestRelativeNames(t *testing.T) {
	_, path := fileWorld(t)
	t.Chdir(t.TempDir())
	must(t, os.Mkdir("copies", 0o700))
	for _, name := range []string{"copy.db", "./other.db", "copies/copy.db"} {
		if made, err := Backup(t.Context(), path, name); err != nil || made.Bytes == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Backup(t.Context(), "copy.db", "copies/of-a-copy.db"); err != nil {
		t.Errorf("from a relative name: %v", err)
	}
}

// TestRestoreRefuses: whatever is wrong with a copy, the database in place stays byte for byte, and nothing is left beside it.
func TestRestoreRefuses(t *testing.T) {
	t.Parallel()
	w, path := fileWorld(t)
	_, _, _ = w.pending(t, "a@example.org")
	good := filepath.Join(t.TempDir(), "good.db")
	_, err := Backup(t.Context(), path, good)
	must(t, err)
	text, err := os.ReadFile(good)
	must(t, err)
	other, err := secret.NewKeys(map[int][]byte{1: bytes.Repeat([]byte{7, 9}, 16)})
	must(t, err)
	later, err := secret.NewKeys(map[int][]byte{2: bytes.Repeat([]byte{7, 9}, 16)})
	must(t, err)
	damaged := func(sql string) func(t *testing.T, file string) {
		return func(t *testing.T, file string) {
			db := openTest(t, file)
			must(t, db.write(t.Context(), func(tx *Tx) error { _, err := tx.do(sql); return err }))
			must(t, db.Close())
		}
	}
	for name, c := range map[string]struct {
		change func(t *testing.T, file string)
		keys   *secret.Keys
		want   error
	}{
		"no file": {change: func(t *testing.T, file string) { must(t, os.Remove(file)) }, want: fs.ErrNotExist},
		"empty":   {change: func(t *testing.T, file string) { must(t, os.Truncate(file, 0)) }, want: ErrNotABackup},
		"something else": {change: func(t *testing.T, file string) {
			must(t, os.WriteFile(file, bytes.Repeat([]byte("text "), 999), 0o600))
		}, want: ErrNotABackup},
		"cut":                 {change: func(t *testing.T, file string) { must(t, os.Truncate(file, int64(len(text)/2))) }, want: ErrNotABackup},
		"a log beside it":     {change: func(t *testing.T, file string) { must(t, os.WriteFile(file+"-wal", []byte("log"), 0o600)) }, want: ErrNotABackup},
		"wrong key":           {keys: other, want: ErrWrongKey},
		"missing key":         {keys: later, want: ErrWrongKey},
		"newer release":       {change: damaged("INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)"), want: ErrNewer},
		"does not hold":       {change: damaged("UPDATE account SET creator_id = 99"), want: ErrUnsound},
		"an event is changed": {change: damaged("UPDATE audit_event SET reason = 'other'"), want: ErrUnsound},
	} {
		t.Run(name, func(t *testing.T) {
			file, place := filepath.Join(t.TempDir(), "copy.db"), filepath.Join(t.TempDir(), "there.db")
			must(t, os.WriteFile(file, text, 0o600))
			must(t, os.WriteFile(place, []byte("what is there"), 0o600))
			if c.change != nil {
				c.change(t, file)
			}
			o := at(t, place)
			if o.Now = raceTime; c.keys != nil {
				o.Keys = c.keys
			}
			done, err := Restore(t.Context(), file, o, nil)
			if !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			if errors.Is(c.want, ErrUnsound) && len(done.Checked.Findings) == 0 {
				t.Error("it does not say what was found")
			}
			if is, _ := os.ReadFile(place); string(is) != "what is there" {
				t.Error("the database in place was changed")
			}
			left, _ := os.ReadDir(filepath.Dir(place))
			for _, f := range left {
				if !strings.HasPrefix(f.Name(), "there.db-serving") && f.Name() != "there.db" {
					t.Errorf("left behind: %s", f.Name())
				}
			}
		})
	}
	t.Run("served", func(t *testing.T) {
		o := at(t, path)
		if _, err := Restore(t.Context(), good, o, nil); !errors.Is(err, ErrServed) {
			t.Errorf("%v", err)
		}
	})
}

// TestRestoreLeavesNoOldLog: a server that was killed leaves changes in its write-ahead log; they are not read into the
// restored database, and are still beside the one that was there before.
func TestRestoreLeavesNoOldLog(t *testing.T) {
	t.Parallel()
	w, path := fileWorld(t)
	copied := filepath.Join(t.TempDir(), "copy.db")
	_, err := Backup(t.Context(), path, copied)
	must(t, err)
	_, _, _ = w.pending(t, "later@example.org") // in the log of the file alone
	place := filepath.Join(t.TempDir(), "there.db")
	for _, end := range []string{"", "-wal"} {
		text, err := os.ReadFile(path + end)
		must(t, err)
		must(t, os.WriteFile(place+end, text, 0o600))
	}
	o := at(t, place)
	o.Now = raceTime
	done, err := Restore(t.Context(), copied, o, nil)
	must(t, err)
	if want := place + ".before-" + raceTime().Format("20060102T150405Z"); done.Before != want {
		t.Errorf("%s, want %s", done.Before, want)
	}
	for file, want := range map[string]int{place: 0, done.Before: 1} {
		db := openTest(t, file)
		var n int
		must(t, db.read(t.Context(), func(tx *Tx) error {
			return tx.get("SELECT count(*) FROM account", nil, &n)
		}))
		must(t, db.Close())
		if n != want {
			t.Errorf("%s: %d accounts, want %d", filepath.Base(file), n, want)
		}
	}
	// And once more in the same second: nothing that was kept is written over.
	again, err := Restore(t.Context(), copied, o, nil)
	if err != nil || again.Before != done.Before+"-2" || !exists(done.Before) {
		t.Errorf("%q after %q, %v", again.Before, done.Before, err)
	}
}

// TestReplaceIsOneStep: when the last step does not come, the database in place has its last changes, those of its log too, and lies
// there alone; the name that it was given already is the one that it keeps when the restore is repeated.
func TestReplaceIsOneStep(t *testing.T) {
	t.Parallel()
	w, path := fileWorld(t)
	_, _, _ = w.pending(t, "later@example.org")
	dir := t.TempDir()
	place := filepath.Join(dir, "there.db")
	for _, end := range []string{"", "-wal"} {
		text, err := os.ReadFile(path + end)
		must(t, err)
		must(t, os.WriteFile(place+end, text, 0o600))
	}
	made := place + ".restoring"
	kept, err := replace(t.Context(), place, made, raceTime())
	if !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("put in place what is not there: %v", err)
	}
	for _, end := range beside {
		if exists(place + end) {
			t.Errorf("%s is beside it", end)
		}
	}
	must(t, os.WriteFile(made, []byte("new"), 0o600))
	again, err := replace(t.Context(), place, made, raceTime().Add(time.Minute))
	if err != nil || again != kept {
		t.Errorf("kept as %q and then as %q, %v", kept, again, err)
	}
	if text, _ := os.ReadFile(place); string(text) != "new" {
		t.Errorf("in place: %.20q", text)
	}
	db := openTest(t, kept)
	if n := (&world{db: db}).count(t, "SELECT count(*) FROM account"); n != 1 {
		t.Errorf("%d accounts in the database that was kept", n)
	}
	must(t, db.Close())
	names, err := os.ReadDir(dir)
	must(t, err)
	for _, n := range names {
		if name := filepath.Join(dir, n.Name()); name != place && !strings.HasPrefix(name, kept) {
			t.Errorf("left behind: %s", name)
		}
	}
}

// TestReplaceRefuses: a database that somebody has open is not replaced under them, and a log without its database is not read into
// the new one.
func TestReplaceRefuses(t *testing.T) {
	t.Parallel()
	w, path := fileWorld(t)
	if _, err := replace(t.Context(), path, path+".restoring", raceTime()); !errors.Is(err, ErrServed) || exists(path+".before-"+raceTime().Format("20060102T150405Z")) {
		t.Errorf("in use: %v", err)
	}
	if n := w.count(t, "SELECT count(*) FROM partner"); n != 1 {
		t.Errorf("%d partners afterwards", n)
	}
	for _, ending := range beside {
		place := filepath.Join(t.TempDir(), "there.db")
		must(t, os.WriteFile(place+ending, []byte("log"), 0o600))
		must(t, os.WriteFile(place+".restoring", []byte("new"), 0o600))
		if _, err := replace(t.Context(), place, place+".restoring", raceTime()); err == nil || exists(place) {
			t.Errorf("beside a %s without its database: %v", ending, err)
		}
	}
}

// TestReplaceADamagedOne: a database that cannot be opened is what a restore is for. It is kept as it was, and
// nothing that lay beside it is beside the new one.
func TestReplaceADamagedOne(t *testing.T) {
	t.Parallel()
	place := filepath.Join(t.TempDir(), "there.db")
	damaged := bytes.Repeat([]byte("no database "), 999)
	must(t, os.WriteFile(place, damaged, 0o600))
	for _, end := range beside {
		must(t, os.WriteFile(place+end, []byte(end), 0o600))
	}
	must(t, os.WriteFile(place+".restoring", []byte("new"), 0o600))
	kept, err := replace(t.Context(), place, place+".restoring", raceTime())
	must(t, err)
	is, _ := os.ReadFile(place)
	was, _ := os.ReadFile(kept)
	if string(is) != "new" || !bytes.Equal(was, damaged) {
		t.Errorf("%d bytes in place, %d kept", len(is), len(was))
	}
	for _, end := range beside {
		if exists(place + end) {
			t.Errorf("%s is beside the new one", end)
		}
	}
}

// TestKeepWithoutSecondNames: where a file has one name only, the old database is copied before it is replaced, and stays in place until then.
func TestKeepWithoutSecondNames(t *testing.T) {
	t.Parallel()
	place := filepath.Join(t.TempDir(), "there.db")
	must(t, os.WriteFile(place, []byte("old"), 0o600))
	one := func(string, string) error { return errors.ErrUnsupported }
	var names []string
	for range 2 {
		old, err := os.Open(place)
		must(t, err)
		name, err := keep(t.Context(), place, old, raceTime(), one)
		must(t, errors.Join(err, old.Close()))
		names = append(names, name)
	}
	for _, name := range append(names, place) {
		if text, err := os.ReadFile(name); string(text) != "old" {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	if names[0] == names[1] || exists(place+".keeping") {
		t.Errorf("kept as %v", names)
	}
}
