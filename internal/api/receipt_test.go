package api

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey"
	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/store"
)

// signs seals the chain and signs what waits, as the server does every second.
func (w *world) signs() int {
	w.t.Helper()
	_, err := w.db.Chain().Seal(w.t.Context(), true)
	must(w.t, err)
	n, err := claim.Receipts{Store: store.Receipts{DB: w.db}, Keys: w.door.Receipts, Issuer: "https://id.example.org", Now: w.now}.Sign(w.t.Context())
	must(w.t, err)
	return n
}

// receiptsOf are the receipts that a token reads, each checked against the published keys.
func (w *world) receiptsOf(bearer string) (list []latchkey.Receipt, checked []claim.CheckedReceipt) {
	w.t.Helper()
	got := w.ask("GET", "/2026Q3/receipts", "", "Authorization", bearer)
	if got.status != 200 || json.Unmarshal([]byte(got.body), &list) != nil {
		w.t.Fatalf("%d %s", got.status, got.body)
	}
	keys := w.ask("GET", "/receipts/keys.json", "")
	if keys.status != 200 || keys.header.Get("Content-Type") != "application/jwk-set+json" || strings.Contains(keys.body, `"d"`) {
		w.t.Fatalf("the keys: %d %v %s", keys.status, keys.header, keys.body)
	}
	for _, r := range list {
		c, err := claim.CheckReceipt(r.Receipt, []byte(keys.body))
		must(w.t, err)
		checked = append(checked, c)
	}
	return list, checked
}

// TestReceiptsOfTheAPI: a partner reads them with a token that the customer allowed, with the values of the profile that was
// granted and of no other; before the signature the list is shorter, and before the claim it is empty.
func TestReceiptsOfTheAPI(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	fresh := b.account(acme, "leo.kade@example.org")
	if list, _ := b.receiptsOf(fresh.bearer); len(list) != 0 {
		t.Errorf("before the claim: %d", len(list))
	}
	person, business := b.grantBoth(acme, "nora.kade@example.org")
	if list, _ := b.receiptsOf(person.bearer); len(list) != 0 {
		t.Errorf("before the signature: %d", len(list))
	}
	if n := b.signs(); n != 3 {
		t.Fatalf("%d receipts were signed, want one of the claim and two of consents", n)
	}
	for name, a := range map[string]account{person.personal: person, business.business: business} {
		list, checked := b.receiptsOf(a.bearer)
		if len(list) != 2 || list[0].Kind != latchkey.ReceiptOfClaim || list[1].Kind != latchkey.ReceiptOfConsent || list[0].CreatedAt.IsZero() {
			t.Fatalf("%+v", list)
		}
		shown := 0
		for _, c := range checked {
			for i, f := range c.Statement.Fields {
				_, open := c.Values[i]
				if own := f.Profile == number(t, name); open != own {
					t.Errorf("%s of profile %d: shown %v to the grant of %s", f.Field, f.Profile, open, name)
				}
				if open {
					shown++
				}
			}
		}
		if shown == 0 {
			t.Error("nothing is shown")
		}
		again, _ := b.receiptsOf(a.bearer)
		if again[0] != list[0] || again[1] != list[1] {
			t.Error("asked twice, the receipts differ")
		}
	}
	mine, _ := b.receiptsOf(person.bearer)
	theirs, _ := b.receiptsOf(business.bearer)
	if strings.Split(mine[0].Receipt, "~")[0] != strings.Split(theirs[0].Receipt, "~")[0] {
		t.Error("one claim has two receipts")
	}
}

// TestReceiptsAreTheCallersOwn: another partner's token for another account, an application's own token, one without the scope
// and one that is over read nothing.
func TestReceiptsAreTheCallersOwn(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	person, _ := b.grantBoth(acme, "nora.kade@example.org")
	other, _ := b.grantBoth(globex, "mona.kade@example.org")
	b.signs()
	mine, _ := b.receiptsOf(person.bearer)
	theirs, checked := b.receiptsOf(other.bearer)
	for i, r := range theirs {
		if checked[i].Statement.Partner.ClientID != globex || r.ID == mine[0].ID {
			t.Errorf("the other partner reads %+v", checked[i].Statement)
		}
	}
	for name, bearer := range map[string]string{"an application's": b.world.app(acme), "nobody's": "", "made up": "Bearer lka_1_1_x"} {
		got := b.ask("GET", "/v1/receipts", "", "Authorization", bearer)
		if got.status != 401 && got.status != 403 {
			t.Errorf("%s token: %d %s", name, got.status, got.body)
		}
	}
	must(t, store.For[claim.Tx]{DB: b.db}.Change(t.Context(), func(tx claim.Tx) (audit.Event, error) {
		a, err := tx.Account(customer.AccountID(person.id))
		must(t, err)
		a.Epoch++
		return audit.Event{At: b.now(), Action: audit.AccountHeld, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorOperator}}, tx.SaveAccount(&a)
	}))
	if got := b.ask("GET", "/v1/receipts", "", "Authorization", person.bearer); got.status != 401 {
		t.Errorf("a severed token: %d %s", got.status, got.body)
	}
}
