package server

import (
	"context"
	"net/http"
	"testing"

	"github.com/latchkey-id/latchkey/internal/audit"
)

// TestSealerLinksWhatHappened: while the server runs and once more when it stops, so that nothing waits behind it.
func TestSealerLinksWhatHappened(t *testing.T) {
	o, _ := options(t)
	s := newServer(t, o)
	seed(t, s)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { s.seal(ctx); close(done) }()
	stop()
	<-done
	r, err := s.database.Chain().Verify(t.Context(), audit.Link{})
	if err != nil || r.Checked != 1 || r.Waiting != 0 || r.Unkeyed != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestReceiptKeysAreOfTheAPI: on one host for both, the keys are the API's and the customer's receipts a page.
func TestReceiptKeysAreOfTheAPI(t *testing.T) {
	o, _ := options(t)
	h := newServer(t, o).Handler()
	if got := ask(h, http.MethodGet, "https://id.example.org/receipts/keys.json", nil); got.Code != http.StatusOK || got.Header().Get("Content-Type") != "application/jwk-set+json" {
		t.Errorf("the keys: %d %s", got.Code, got.Body)
	}
	if got := ask(h, http.MethodGet, "https://id.example.org/account/receipts", nil); got.Code != http.StatusSeeOther || got.Header().Get("Location") != "/signin?to=receipts" {
		t.Errorf("the page: %d %v", got.Code, got.Header())
	}
}
