package server

import (
	"context"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/secret"
	"github.com/latchkey-id/latchkey/internal/store"
)

// A backlog of more than one turn takes is worked off at once and does not wait a minute for each hundred.
func TestABacklogIsTidiedAtOnce(t *testing.T) {
	t.Parallel()
	o, _ := options(t)
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	o.Now = func() time.Time { return at }
	s := newServer(t, o)
	seed(t, s)
	p, err := s.Partners.ByClient(t.Context(), "acme-treasury")
	if err != nil {
		t.Fatal(err)
	}
	customers := customer.Customers{Store: store.Customers{DB: s.database}, Keys: o.Keys, IDs: secret.NewIDs(o.Now), Now: o.Now}
	const many = 2*claim.TidyAtOnce + 1
	for range many {
		if _, err := customers.Create(context.Background(), p, customer.Signup{Email: secret.UUID() + "@example.org", RegistrationCode: secret.Text(32)}, "", ""); err != nil {
			t.Fatal(err)
		}
	}
	at = at.Add(customer.PendingLife + time.Hour)
	if err := s.tidy(context.Background()); err != nil {
		t.Fatal(err)
	}
	left := 0
	err = store.Tidy{DB: s.database}.View(context.Background(), func(tx claim.TidyTx) error {
		stale, err := tx.StalePending(at, 2*many)
		left = len(stale)
		return err
	})
	if err != nil || left != 0 {
		t.Errorf("%d of %d are left, %v", left, many, err)
	}
}
