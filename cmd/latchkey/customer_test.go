package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
	"github.com/latchkey-id/latchkey/internal/server"
	"github.com/latchkey-id/latchkey/internal/store"
)

// Operators decide about profiles at the command line, and see of a customer what there is and not what it says.
func TestCustomerCommands(t *testing.T) {
	dir := t.TempDir()
	master := secret.GenerateMaster()
	keyFile := filepath.Join(dir, "master.key")
	if err := os.WriteFile(keyFile, []byte(base64.StdEncoding.EncodeToString(master)), 0o600); err != nil {
		t.Fatal(err)
	}
	account, profile, empty := plantCustomer(t, dir, master)
	command := func(args ...string) (int, string, string) {
		var out, errOut strings.Builder
		code := run(t.Context(), append(append([]string{"customer"}, args...), "--data", dir, "--master-key-file", keyFile), &out, &errOut)
		return code, out.String(), errOut.String()
	}

	code, out, _ := command("show", account)
	if code != 0 || !strings.Contains(out, "account "+account+"  pending  opened by acme-treasury on ") || !strings.Contains(out, "mi********************@example.org") ||
		!strings.Contains(out, "profile "+profile+"  personal  not_verified  not confirmed  given: first_name last_name") {
		t.Errorf("show: %d\n%s", code, out)
	}
	for _, personal := range []string{"Mira", "Kade", "mira.kade", "1988"} {
		if told(out, personal) {
			t.Errorf("show prints %s", personal)
		}
	}
	if code, out, _ = command("verify", profile); code != 0 || out != "profile "+profile+"  verified\n" {
		t.Errorf("verify: %d %q", code, out)
	}
	if code, out, errOut := command("verify", account); code != 0 || out != "" || errOut != "Nothing changed: it is so already.\n" {
		t.Errorf("verify again: %d %q %q", code, out, errOut)
	}
	code, out, _ = command("show", profile, "--json")
	var shown shownAccount
	if err := json.Unmarshal([]byte(out), &shown); err != nil || code != 0 || len(shown.Profiles) != 1 || shown.Profiles[0].Status != "verified" ||
		shown.Profiles[0].DecidedBy != "operator" || shown.Profiles[0].VerifiedAt.IsZero() {
		t.Errorf("show --json: %d %s", code, out)
	}
	if code, out, _ = command("unverify", account, "--json"); code != 0 || !strings.Contains(out, `"status":"not_verified"`) {
		t.Errorf("unverify: %d %q", code, out)
	}
	if code, _, errOut := command("verify", empty); code != exitFailed || !strings.HasPrefix(errOut, "latchkey: account "+empty+" has no profile\n  ") {
		t.Errorf("nothing to verify: %d %q", code, errOut)
	}
	for _, step := range []struct{ verb, out, errOut string }{
		{"release", "", "Nothing changed: the account is not on hold.\n"},
		{"hold", "account " + account + "  operator\n", ""},
		{"hold", "", "Nothing changed: the account is on hold already.\n"},
		{"release", "account " + account + "  released\n", ""},
	} {
		if code, out, errOut := command(step.verb, profile); code != 0 || out != step.out || errOut != step.errOut {
			t.Errorf("%s: %d %q %q", step.verb, code, out, errOut)
		}
	}
	if code, out, _ := command("hold", account, "--json"); code != 0 || out != `{"account":`+account+`,"state":"pending","hold":"operator"}`+"\n" {
		t.Errorf("hold --json: %d %s", code, out)
	}
	for _, verb := range []string{"show", "verify", "unverify", "hold", "release"} {
		if code, _, errOut := command(verb, "7"); code != exitFailed || !strings.HasPrefix(errOut, "latchkey: no account and no profile has the number 7\n  ") {
			t.Errorf("%s of nobody: %d %q", verb, code, errOut)
		}
	}
}

// plantCustomer makes an account with a profile and one without, and returns the numbers.
func plantCustomer(t *testing.T, dir string, master []byte) (account, profile, empty string) {
	t.Helper()
	ctx := context.Background()
	keys, err := secret.NewKeys(map[int][]byte{1: master})
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(err)
	database, err := store.Open(ctx, store.Options{Path: filepath.Join(dir, server.DatabaseFile), Keys: keys, Now: now})
	check(err)
	ids := secret.NewIDs(now)
	partners := partner.Partners{Store: store.Partners{DB: database}, IDs: ids, Now: now}
	acme, _, err := partners.Add(ctx, partner.Registration{ClientID: "acme-treasury", Name: "Acme Treasury", RedirectURIs: []string{"https://app.acme.example/cb"}},
		audit.Actor{Kind: audit.ActorOperator})
	check(err)
	customers := customer.Customers{Store: store.Customers{DB: database}, Keys: keys, IDs: ids, Now: now}
	code := strings.Repeat("7a", 20)
	other, err := customers.Create(ctx, acme, customer.Signup{Email: "other@example.org", RegistrationCode: code}, "", "")
	check(err)
	a, err := customers.Create(ctx, acme, customer.Signup{Email: "mira.kade@example.org", RegistrationCode: code}, "", "")
	check(err)
	p, _, err := customers.CreatePersonal(ctx, customer.Caller{Partner: acme.ID, Account: a.ID, Epoch: a.Epoch, Registration: true},
		customer.Personal{Values: map[customer.Field]string{customer.FirstName: "Mira", customer.LastName: "Kade", customer.DateOfBirth: "1988-11-30"}},
		customer.Idempotency{Render: func(any) []byte { return nil }})
	check(err)
	check(database.Close())
	number := func(id int64) string { return strconv.FormatInt(id, 10) }
	return number(int64(a.ID)), number(int64(p.ID)), number(int64(other.ID))
}

// told reports whether a text tells a word. A word of letters and digits alone must stand by itself: in random texts, of which every page has some, any
// four characters come together sooner or later.
func told(text, word string) bool {
	if regexp.MustCompile(`\W`).MatchString(word) {
		return strings.Contains(text, word)
	}
	return regexp.MustCompile(`\b` + word + `\b`).MatchString(text)
}
