package main

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/secret"
	"github.com/latchkey-id/latchkey/internal/server"
	"github.com/latchkey-id/latchkey/internal/store"
)

// Operators see a recovery that waits, make it longer and stop it; nothing makes it shorter, and where none is under way there
// is nothing to do (design 10.14).
func TestCustomerRecovery(t *testing.T) {
	dir, master := t.TempDir(), secret.GenerateMaster()
	keyFile := filepath.Join(dir, "master.key")
	if err := os.WriteFile(keyFile, []byte(base64.StdEncoding.EncodeToString(master)), 0o600); err != nil {
		t.Fatal(err)
	}
	account, profile, _ := plantCustomer(t, dir, master)
	command := func(args ...string) (int, string, string) {
		var out, errOut strings.Builder
		code := run(t.Context(), append(append([]string{"customer", "recovery"}, args...), "--data", dir, "--master-key-file", keyFile), &out, &errOut)
		return code, out.String(), errOut.String()
	}
	if code, _, errOut := command(account); code != exitFailed || !strings.HasPrefix(errOut, "latchkey: nobody asked to recover account "+account+"\n  ") {
		t.Errorf("nothing asked: %d %q", code, errOut)
	}
	if code, _, errOut := command("7"); code != exitFailed || !strings.HasPrefix(errOut, "latchkey: no account and no profile has the number 7\n  ") {
		t.Errorf("nobody: %d %q", code, errOut)
	}
	ready := plantReset(t, dir, master, account)
	waits := func(asked time.Time) string {
		return "waits until " + asked.Format(time.RFC3339) + "  told 2 addresses"
	}
	if code, out, _ := command(profile); code != 0 || !strings.HasPrefix(out, "account "+account+"  recovery asked for on ") || !strings.Contains(out, waits(ready)) {
		t.Errorf("show: %d %q", code, out)
	}
	for _, shorter := range [][]string{{"--lengthen=-48h"}, {"--lengthen", "soon"}, {"--shorten", "48h"}, {"--stop", "--lengthen", "48h"}} {
		if code, out, _ := command(append([]string{account}, shorter...)...); code == 0 {
			t.Errorf("%v: %q", shorter, out)
		}
	}
	if code, out, _ := command(account, "--lengthen", "48h"); code != 0 || !strings.Contains(out, waits(ready.Add(48*time.Hour))) {
		t.Errorf("lengthen: %d %q", code, out)
	}
	var shown struct {
		Ready   time.Time `json:"ready_at"`
		Told    int       `json:"addresses_told"`
		Stopped bool      `json:"stopped"`
	}
	code, out, _ := command(account, "--stop", "--json")
	if err := json.Unmarshal([]byte(out), &shown); err != nil || code != 0 || !shown.Stopped || shown.Told != 2 || !shown.Ready.Equal(ready.Add(48*time.Hour)) || strings.Contains(out, "@") {
		t.Errorf("stop: %d %s", code, out)
	}
	if code, _, errOut := command(account, "--stop"); code != exitFailed || !strings.Contains(errOut, "nobody asked") {
		t.Errorf("stop again: %d %q", code, errOut)
	}
}

// plantReset gives the account an owner who asked for a reset, and returns when its wait is over.
func plantReset(t *testing.T, dir string, master []byte, account string) time.Time {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	keys, err := secret.NewKeys(map[int][]byte{1: master})
	check(err)
	database, err := store.Open(t.Context(), store.Options{Path: filepath.Join(dir, server.DatabaseFile), Keys: keys, Now: now})
	check(err)
	number, err := strconv.ParseInt(account, 10, 64)
	check(err)
	asked := now()
	q := customer.Reset{ID: 5, Account: customer.AccountID(number), Link: []byte("link"), Addresses: []string{"mira.kade@example.org", "mira@example.com"},
		AskedAt: asked, ReadyAt: asked.Add(customer.ResetWait)}
	check(store.Recoveries{DB: database}.Change(t.Context(), func(tx customer.RecoverTx) (audit.Event, error) {
		a, err := tx.Account(q.Account)
		if err != nil {
			return audit.Event{}, err
		}
		a.State, a.ClaimedAt = customer.Claimed, asked
		q.Epoch, q.SessionEpoch = a.Epoch, a.SessionEpoch
		if err := tx.SaveAccount(&a); err != nil {
			return audit.Event{}, err
		}
		return audit.Event{At: asked, Action: audit.ResetAsked, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorBrowser}, Account: number}, tx.SaveReset(&q)
	}))
	check(database.Close())
	return q.ReadyAt
}
