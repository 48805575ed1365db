package main

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/secret"
	"github.com/latchkey-id/latchkey/internal/store"
)

// audited is a data directory with a few partners, whose events are in the chain.
func audited(t *testing.T) (data string) {
	t.Helper()
	data = t.TempDir()
	masters := map[int][]byte{1: secret.GenerateMaster()}
	key := filepath.Join(data, "master.key")
	if err := os.WriteFile(key, []byte(secret.FormatMaster(masters)), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("LATCHKEY_DATA", data)
	t.Setenv("LATCHKEY_MASTER_KEY_FILE", key)
	for _, id := range []string{"acme", "quayside", "harbour"} {
		command(t, exitDone, "partner", "add", "--name", id, "--id", id, "--redirect", "https://app."+id+".example/cb")
	}
	keys, err := secret.NewKeys(masters)
	if err != nil {
		t.Fatal(err)
	}
	database, err := store.Open(t.Context(), store.Options{Path: filepath.Join(data, "latchkey.db"), Keys: keys, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := database.Chain().Seal(t.Context(), true); err != nil || n != 3 {
		t.Fatalf("sealed %d, %v", n, err)
	}
	if err := database.Close(); err != nil {
		t.Fatal(err)
	}
	return data
}

// command runs a command and returns what it printed.
func command(t *testing.T, exit int, args ...string) (out, errOut string) {
	t.Helper()
	var o, e bytes.Buffer
	if have := run(t.Context(), args, &o, &e); have != exit {
		t.Fatalf("%s: exit %d, want %d\n%s%s", strings.Join(args, " "), have, exit, o.String(), e.String())
	}
	return o.String(), e.String()
}

// tamper changes a database by SQL, as somebody who has the file does.
func tamper(t *testing.T, data string, queries ...string) {
	t.Helper()
	file, err := sql.Open("sqlite", filepath.Join(data, "latchkey.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, query := range queries {
		if _, err := file.Exec(query); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
}

// TestAuditVerify: the whole chain holds, with the key and without; after a change by SQL it does not, the event is named and
// the exit code is 1.
func TestAuditVerify(t *testing.T) {
	data := audited(t)
	out, errOut := command(t, exitDone, "audit", "verify")
	head := out[strings.LastIndex(out, " ")+1 : len(out)-1]
	if !strings.HasPrefix(out, "3 events, head 3:") || len(head) != 66 || errOut != "" {
		t.Errorf("%q, %q", out, errOut)
	}
	out, _ = command(t, exitDone, "audit", "verify", "--from", head)
	if out != "0 events, head "+head+"\n" {
		t.Errorf("from the head: %q", out)
	}
	if _, errOut = command(t, exitDone, "partner", "add", "--name", "late", "--id", "late", "--redirect", "https://late.example/cb"); errOut == "" {
		t.Error("the secret was not shown")
	}
	if _, errOut = command(t, exitDone, "audit", "verify"); !strings.Contains(errOut, "1 events are not in the chain yet") {
		t.Errorf("an event that waits: %q", errOut)
	}
	tamper(t, data, "UPDATE audit_event SET network = '198.51.100.0/24' WHERE id = (SELECT event_id FROM audit_link WHERE number = 2)")
	t.Setenv("LATCHKEY_MASTER_KEY_FILE", "")
	_, errOut = command(t, exitFailed, "audit", "verify", "--without-key")
	if !strings.Contains(errOut, "broken at event ") || !strings.Contains(errOut, "at place 2") || !strings.Contains(errOut, "1 events before it hold") {
		t.Errorf("a changed event: %q", errOut)
	}
	out, _ = command(t, exitFailed, "audit", "verify", "--without-key", "--json")
	var v verified
	if err := json.Unmarshal([]byte(out), &v); err != nil || v.Place != 2 || v.Event == 0 || v.Checked != 1 {
		t.Errorf("%q, %v", out, err)
	}
	tamper(t, data, "DELETE FROM audit_link WHERE number > 1", "DELETE FROM audit_event WHERE id NOT IN (SELECT event_id FROM audit_link)")
	if _, errOut = command(t, exitFailed, "audit", "verify", "--without-key", "--from", head); !strings.Contains(errOut, "its end is gone") {
		t.Errorf("a cut tail: %q", errOut)
	}
	for _, bad := range []string{"3", "x:00", "0:" + head[2:], head + "00"} {
		if _, errOut = command(t, exitFailed, "audit", "verify", "--from", bad); !strings.Contains(errOut, "--from: a place in the chain is") {
			t.Errorf("--from %s: %q", bad, errOut)
		}
	}
	if _, errOut = command(t, exitFailed, "audit", "verify", "--without-key", "--data", t.TempDir()); !strings.Contains(errOut, "no such file") {
		t.Errorf("no copy there: %q", errOut)
	}
}

func TestAuditExportAndTail(t *testing.T) {
	audited(t)
	out, _ := command(t, exitDone, "audit", "export")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 3 {
		t.Fatalf("%q", out)
	}
	for i, line := range lines {
		var r audit.Record
		if err := json.Unmarshal([]byte(line), &r); err != nil || r.Number != int64(i+1) || r.Action != audit.PartnerAdded || len(r.Hash) != 64 {
			t.Errorf("line %d: %s, %v", i, line, err)
		}
	}
	out, _ = command(t, exitDone, "audit", "tail", "--partner", "quayside")
	if strings.Count(out, "\n") != 1 || !strings.Contains(out, "partner.added") || !strings.Contains(out, "operator") {
		t.Errorf("one partner's: %q", out)
	}
	out, _ = command(t, exitDone, "audit", "tail", "--limit", "2", "--json")
	if strings.Count(out, "\n") != 2 || !strings.Contains(out, `"event":`) {
		t.Errorf("two lines: %q", out)
	}
	if _, errOut := command(t, exitFailed, "audit", "tail", "--partner", "nobody"); !strings.Contains(errOut, "no partner has the client id nobody") {
		t.Errorf("%q", errOut)
	}
	if out, _ = command(t, exitDone, "audit", "tail", "--action", "journey.claimed"); out != "" {
		t.Errorf("no such event: %q", out)
	}
}

// What was dropped is told, and from where the chain is kept.
func TestAuditVerifyAfterADrop(t *testing.T) {
	data := audited(t)
	command(t, exitDone, "partner", "add", "--name", "late", "--id", "late", "--redirect", "https://late.example/cb")
	masters, err := masterSource{path: filepath.Join(data, "master.key")}.read()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := secret.NewKeys(masters)
	if err != nil {
		t.Fatal(err)
	}
	database, err := store.Open(t.Context(), store.Options{Path: filepath.Join(data, "latchkey.db"), Keys: keys, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []func() (int, error){
		func() (int, error) { return database.Chain().Seal(t.Context(), true) },
		func() (int, error) { return database.DropAudit(t.Context(), now().Add(time.Hour)) },
		func() (int, error) { return database.Chain().Seal(t.Context(), true) },
	} {
		if n, err := step(); n == 0 || err != nil {
			t.Fatal(n, err)
		}
	}
	if err := database.Close(); err != nil {
		t.Fatal(err)
	}
	out, errOut := command(t, exitDone, "audit", "verify")
	if !strings.HasPrefix(out, "2 events, head 5:") || !strings.HasPrefix(errOut, "the chain is kept from place 4 on; older events were dropped, and it continues 3:") {
		t.Errorf("%q %q", out, errOut)
	}
	if out, _ = command(t, exitDone, "audit", "verify", "--json"); !strings.Contains(out, `"kept_from":4,`) {
		t.Errorf("%q", out)
	}
	if _, errOut = command(t, exitFailed, "audit", "verify", "--from", "2:"+strings.Repeat("0", 64)); !strings.Contains(errOut, "remembered place is older than what is kept: it is kept from place 4 on") {
		t.Errorf("%q", errOut)
	}
}
