package web_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/grant"
)

// The customer's first page tells the truth of who can use the account: who was allowed, once each, and nobody after the
// access ended or was declined.
func TestHomeNamesWhoWasAllowed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, asked := w.owned(email, "c10")
	asked.get("/account").expect(http.StatusOK, "home")
	if !asked.has("home.access.none") {
		t.Errorf("before the decision: %s", asked.says())
	}
	o, b := w.owned("second@example.org", "c11")
	b.get("/account").expect(http.StatusOK, "home")
	if b.has("home.access.none") || strings.Count(b.says(), "Acme Treasury") != 1 {
		t.Errorf("allowed: %s", b.says())
	}
	ends := w.grants(o, w.partner)
	if len(ends) != 1 {
		t.Fatalf("%d grants", len(ends))
	}
	g := ends[0]
	g.State, g.EndedAt = grant.Stopped, w.clock.Now()
	if err := w.claims.Store.Change(context.Background(), func(tx claim.Tx) (audit.Event, error) {
		return audit.Event{At: w.clock.Now(), Action: audit.AccountHeld, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorOperator}}, tx.SaveGrant(&g)
	}); err != nil {
		t.Fatal(err)
	}
	b.get("/account").expect(http.StatusOK, "home")
	if !b.has("home.access.none") || b.has("home.who") || strings.Contains(b.says(), "Acme Treasury") {
		t.Errorf("stopped: %s", b.says())
	}
	b.get(b.link("access.title")).expect(http.StatusOK, "access") // what was stopped can still be looked at
	_, b = w.owned("third@example.org", "c10")
	b.post("decision", "deny").expect(http.StatusOK, "c11")
	b.get("/account").expect(http.StatusOK, "home")
	if !b.has("home.access.none") {
		t.Errorf("declined: %s", b.says())
	}
}
