package main

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/secret"
)

// Erasing asks for the account's number, typed, and does nothing for anything else.
func TestCustomerErase(t *testing.T) {
	dir := t.TempDir()
	master := secret.GenerateMaster()
	key := write(t, dir, "master.key", base64.StdEncoding.EncodeToString(master))
	account, profile, _ := plantCustomer(t, dir, master)
	settings := []string{"--data", dir, "--master-key-file", key}
	asked := func(exit int, typed string, args ...string) (out, errOut string) {
		t.Helper()
		typing, err := os.Open(write(t, dir, "typed", typed))
		if err != nil {
			t.Fatal(err)
		}
		defer typing.Close()
		before := os.Stdin
		os.Stdin = typing
		defer func() { os.Stdin = before }()
		return command(t, exit, append(append([]string{"customer", "erase"}, args...), settings...)...)
	}
	for _, typed := range []string{"", "\n", "yes\n", profile + "\n"} {
		out, errOut := asked(exitFailed, typed, profile)
		if out != "" || !strings.Contains(errOut, "Account "+account+" (pending, 1 profiles, mi*") || !strings.Contains(errOut, "nothing was erased: the number was not typed") {
			t.Errorf("typed %q: %q %q", typed, out, errOut)
		}
		if strings.Contains(errOut, "mira") || strings.Contains(errOut, "Mira") {
			t.Error("the question names the customer")
		}
	}
	out, errOut := asked(exitDone, " "+account+"\n", profile)
	if out != "account "+account+"  erased\n" || strings.Contains(errOut, "a little longer") {
		t.Errorf("%q %q", out, errOut)
	}
	if out, errOut = asked(exitDone, "", account, "--yes"); out != "" || !strings.Contains(errOut, "Nothing changed: the account is erased already.") {
		t.Errorf("again: %q %q", out, errOut)
	}
	if out, _ = asked(exitDone, "", account, "--yes", "--json"); out != `{"account":`+account+`,"changed":false,"scrubbed":false}`+"\n" {
		t.Errorf("JSON: %q", out)
	}
	if _, errOut = asked(exitFailed, "", "4711", "--yes"); !strings.Contains(errOut, "no account and no profile has the number 4711") {
		t.Errorf("nobody: %q", errOut)
	}
	out, _ = command(t, exitDone, append([]string{"customer", "show", account}, settings...)...)
	if strings.Contains(out, "@") || !strings.Contains(out, "account "+account+"  expired") {
		t.Errorf("shown: %q", out)
	}
	if out, _ = command(t, exitDone, append([]string{"audit", "tail", "--action", "account.erased"}, settings...)...); strings.Count(out, "operator") != 2 {
		t.Errorf("the audit: %q", out)
	}
	for _, suffix := range []string{"", "-wal"} {
		if raw, err := os.ReadFile(filepath.Join(dir, "latchkey.db"+suffix)); err == nil && strings.Contains(string(raw), "mira.kade") {
			t.Errorf("the address lies in latchkey.db%s", suffix)
		}
	}
}
