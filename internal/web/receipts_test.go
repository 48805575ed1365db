package web_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/secret"
	"github.com/latchkey-id/latchkey/internal/store"
)

// signs seals the chain and signs what waits, and returns the published keys.
func (w *world) signs() []byte {
	w.t.Helper()
	keys := sync.OnceValues(func() (*secret.ReceiptKeys, error) { return secret.NewReceiptKeys(w.clock.Now()) })
	if _, err := w.db.Chain().Seal(w.t.Context(), true); err != nil {
		w.t.Fatal(err)
	}
	if _, err := (claim.Receipts{Store: store.Receipts{DB: w.db}, Keys: keys, Issuer: w.door.WebURL, Now: w.clock.Now}).Sign(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	drawn, _ := keys()
	set, err := drawn.JWKS()
	if err != nil {
		w.t.Fatal(err)
	}
	return set
}

// TestReceiptsOfTheCustomer: both are listed, downloaded once they are signed, and genuine; nobody else gets them.
func TestReceiptsOfTheCustomer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, b := w.owned(email, "c11")
	b.get("/account/receipts").expect(http.StatusOK, "receipts")
	if !b.has("receipts.wait") || b.has("receipts.download") {
		t.Errorf("before they are signed: %s", b.says())
	}
	keys := w.signs()
	b.get("/account").expect(http.StatusOK, "home")
	if b.link("home.receipts") != "/account/receipts" {
		t.Errorf("the first page leads to %q", b.link("home.receipts"))
	}
	b.get("/account/receipts").expect(http.StatusOK, "receipts")
	path := b.link("receipts.download")
	if b.has("receipts.wait") || !strings.Contains(b.says(), "You took over the account that Acme Treasury opened") || !strings.Contains(b.says(), "You gave Acme Treasury access") {
		t.Errorf("the list: %s", b.says())
	}
	if given, taken := strings.Index(b.says(), "You gave Acme Treasury access"), strings.Index(b.says(), "You took over the account"); given > taken {
		t.Errorf("the newest is not on top: %s", b.says())
	}
	file := w.once(http.MethodGet, path, b.cookie(), nil)
	checked, err := claim.CheckReceipt(file.body, keys)
	if err != nil || checked.Statement.Issuer != w.door.WebURL || len(checked.Values) == 0 {
		t.Errorf("%+v, %v", checked, err)
	}
	if d := file.header.Get("Content-Disposition"); !strings.HasPrefix(d, `attachment; filename="receipt-`) {
		t.Errorf("Content-Disposition %q", d)
	}
	if c := file.header.Get("Cache-Control"); !strings.Contains(c, "no-store") {
		t.Errorf("Cache-Control %q", c)
	}
	again := w.once(http.MethodGet, path, b.cookie(), nil)
	if again.body != file.body {
		t.Error("downloaded twice, the receipt differs")
	}
	_, other := w.owned("ines@example.org", "c11")
	other.get(path).expect(http.StatusNotFound, "e13")
	for _, unknown := range []string{"/account/receipts/1", "/account/receipts/x", "/account/receipts/-1"} {
		b.get(unknown).expect(http.StatusNotFound, "e13")
	}
	stranger := w.browser()
	stranger.get(path).expect(http.StatusOK, "r1")
	stranger.get("/account/receipts").expect(http.StatusOK, "r1")
}

// TestReceiptsNeedTheOwnerSignedIn: halfway through a sign-in nothing is shown, and a customer without a claim here has none.
func TestReceiptsNeedTheOwnerSignedIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, owner := w.owned(email, "c11")
	b := owner.elsewhere().get("/signin").walk("r2", email)
	b.get("/account/receipts").expect(http.StatusOK, "r1")
	before := w.browser().get("/account/receipts")
	before.expect(http.StatusOK, "r1")
}
