package api

import (
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/store"
)

// TestWrongPerson: the partner that opened an account says with its own token that the wrong person took it over; neither a
// customer's token nor another partner can, and the answer tells nothing. Afterwards nothing of the account opens to it.
func TestWrongPerson(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, _ := w.owned(acme, "mira.kade@example.org")
	pending := w.open(acme, "nora.kade@example.org")
	path := func(id int64) string { return "/v1/users/" + decimal(id) + "/wrong-person" }
	const late = `{"errors":[{"code":"NOT_REPORTABLE","message":"The account has no owner, or has had one for more than 7 days, or was reported before",`
	if got := w.json("POST", path(pending.id), w.app(acme), ""); got.status != 409 {
		t.Errorf("a pending account: %d %s", got.status, got.body)
	}
	w.json("POST", path(p.id), w.app(globex), "").want(t, 403, unknownBody)
	w.json("POST", path(404), w.app(acme), "").want(t, 403, unknownBody)
	w.json("POST", path(p.id), p.bearer, "").want(t, 403, unknownBody)
	if got := w.json("GET", "/v1/me", p.bearer, ""); got.status != 200 {
		t.Fatalf("before: %d %s", got.status, got.body)
	}
	for range 2 {
		w.json("POST", "/2026Q3/users/"+decimal(p.id)+"/wrong-person", w.app(acme), "").want(t, 204, "")
	}
	if got := w.json("GET", "/v1/me", p.bearer, ""); got.status != 401 {
		t.Errorf("afterwards: %d %s", got.status, got.body)
	}
	if got := w.json("POST", path(pending.id), w.app(acme), ""); got.status != 409 || !strings.HasPrefix(got.body, late) {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// TestContactOfABlockedAddress: who objected to a partner's account gets its mail by no other account either.
func TestContactOfABlockedAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "customer-4410@acme.example")
	must(t, store.For[claim.Tx]{DB: w.db}.Change(t.Context(), func(tx claim.Tx) (audit.Event, error) {
		a, err := tx.Account(customer.AccountID(p.id))
		must(t, err)
		return audit.Event{At: w.now(), Action: audit.AccountHeld, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorOperator}},
			tx.BlockAddress(a.Creator, "mira.kade@example.org", w.now().Add(time.Hour))
	}))
	put := func() reply {
		return w.json("PUT", "/v1/users/"+decimal(p.id)+"/contact-email", p.bearer, `{"email":"Mira.Kade@example.org"}`)
	}
	if got := put(); got.status != 409 || !strings.Contains(got.body, `"NOT_UNIQUE"`) {
		t.Errorf("%d %s", got.status, got.body)
	}
	w.advance(time.Hour)
	put().want(t, 200, `{"email":"Mira.Kade@example.org"}`)
}
