package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// issued is a receipt in a file with its keys beside it, whose event is the second of an export.
func issued(t *testing.T) (dir, text string) {
	t.Helper()
	dir = audited(t)
	export, _ := command(t, exitDone, "audit", "export")
	save(t, dir, "events.jsonl", export)
	var second audit.Record
	if err := json.Unmarshal([]byte(strings.Split(export, "\n")[1]), &second); err != nil {
		t.Fatal(err)
	}
	keys, err := secret.NewReceiptKeys(now())
	if err != nil {
		t.Fatal(err)
	}
	set, err := keys.JWKS()
	if err != nil {
		t.Fatal(err)
	}
	save(t, dir, "keys.json", string(set))
	city, digest := secret.Disclose("city", "Leith\x1b[31m")
	birth, hidden := secret.Disclose("date_of_birth", "1988-11-30")
	content, err := json.Marshal(claim.Statement{Issuer: "https://id.example.org", ID: "77", IssuedAt: 1795338000, Kind: claim.ReceiptOfConsent, Account: 4410027,
		Partner: claim.StatedPartner{ClientID: "acme", Name: "Acme Treasury"}, Epoch: 2, Ended: []string{}, Began: []string{"scope:profiles.read"},
		Grant: claim.StatedGrant{ID: 5, Profile: 70010001, Scopes: []partner.Scope{partner.ScopeProfilesRead}, Wording: "1", Language: "en"},
		Fields: []claim.StatedField{{Profile: 70010001, Field: customer.City, By: customer.ByCustomer, State: claim.FieldChanged, Digest: digest},
			{Profile: 70010001, Field: customer.DateOfBirth, By: customer.ByPartner, State: claim.FieldConfirmed, Digest: hidden}},
		Place: claim.StatedPlaceText{Event: second.Event, Number: second.Number, Hash: second.Hash}})
	if err != nil {
		t.Fatal(err)
	}
	signed, err := keys.Sign(now(), content)
	if err != nil {
		t.Fatal(err)
	}
	text = signed + "~" + city + "~"
	save(t, dir, "receipt.txt", text+"\n")
	save(t, dir, "both.txt", signed+"~"+city+"~"+birth+"~")
	return dir, text
}

func save(t *testing.T, dir, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestReceiptVerify: a genuine receipt is shown, with what it discloses and no more, and its place is found in an export.
func TestReceiptVerify(t *testing.T) {
	dir, _ := issued(t)
	in := func(name string) string { return filepath.Join(dir, name) }
	out, errOut := command(t, exitDone, "receipt", "verify", in("receipt.txt"), "--keys", in("keys.json"), "--chain", in("events.jsonl"))
	for _, part := range []string{"Genuine. Signed by https://id.example.org with the key ", "77, of a consent", "Acme Treasury (acme)", "scope:profiles.read",
		"until it is stopped", "changed", "by customer", "Leith", "(not disclosed)", "ended    nothing"} {
		if !strings.Contains(out, part) {
			t.Errorf("no %q in\n%s", part, out)
		}
	}
	if told(out, "1988") || strings.Contains(out, "\x1b") || errOut != "" {
		t.Errorf("%s%s", out, errOut)
	}
	out, _ = command(t, exitDone, "receipt", "verify", in("both.txt"), "--keys", in("keys.json"), "--json")
	var shown checkedReceipt
	if err := json.Unmarshal([]byte(out), &shown); err != nil || shown.Values[1] != "1988-11-30" || shown.Statement.ID != "77" {
		t.Errorf("%s, %v", out, err)
	}
}

// TestReceiptVerifyRefuses: each way in which a receipt is not genuine is told, and the exit code is 1.
func TestReceiptVerifyRefuses(t *testing.T) {
	dir, text := issued(t)
	in := func(name string) string { return filepath.Join(dir, name) }
	jws, _, _ := strings.Cut(text, "~")
	parts := strings.Split(jws, ".")
	other, err := secret.NewReceiptKeys(now())
	if err != nil {
		t.Fatal(err)
	}
	set, err := other.JWKS()
	if err != nil {
		t.Fatal(err)
	}
	save(t, dir, "other.json", string(set))
	stray, _ := secret.Disclose("city", "Edinburgh")
	content, err := os.ReadFile(in("events.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(content), "\n")
	save(t, dir, "cut.jsonl", lines[0])
	save(t, dir, "rewritten.jsonl", lines[0]+strings.Replace(lines[2], `"number":3`, `"number":2`, 1))
	for _, c := range []struct{ name, text, keys, chain, want string }{
		{"changed", parts[0] + "." + parts[1][:20] + "A" + parts[1][21:] + "." + parts[2], "keys.json", "", "was changed after it was signed"},
		{"alg none", "eyJhbGciOiJub25lIn0." + parts[1] + ".", "keys.json", "", "not a compact JWS signed with ES256"},
		{"another server's", text, "other.json", "", "not among the keys given"},
		{"a stray disclosure", jws + "~" + stray + "~", "keys.json", "", "a disclosure is not of this receipt"},
		{"no receipt", "hello", "keys.json", "", "not a receipt"},
		{"no keys", text, "events.jsonl", "", "receipt keys cannot be used"},
		{"no file of keys", text, "missing.json", "", "missing.json: no such file"},
		{"a cut chain", text, "keys.json", "cut.jsonl", "place 2 of the receipt is not in it"},
		{"another history", text, "keys.json", "rewritten.jsonl", "another event or hash than the receipt"},
		{"no chain", text, "keys.json", "missing.jsonl", "missing.jsonl: no such file"},
		{"too large", strings.Repeat("x", longestReceipt+1), "keys.json", "", "too large for a receipt"},
	} {
		save(t, dir, "case.txt", c.text)
		args := []string{"receipt", "verify", in("case.txt"), "--keys", in(c.keys)}
		if c.chain != "" {
			args = append(args, "--chain", in(c.chain))
		}
		out, errOut := command(t, exitFailed, args...)
		if !strings.Contains(errOut, c.want) || out != "" {
			t.Errorf("%s: %q, want %q", c.name, errOut, c.want)
		}
	}
	if _, errOut := command(t, exitFailed, "receipt", "verify", in("nothing.txt"), "--keys", in("keys.json")); !strings.Contains(errOut, "nothing.txt: no such file") {
		t.Errorf("%q", errOut)
	}
}
