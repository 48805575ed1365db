package partner_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
	"github.com/latchkey-id/latchkey/internal/store"
)

var began = time.UnixMilli(1_795_300_000_000).UTC()

type world struct {
	partner.Partners
	db  *store.DB
	now time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	keys, err := secret.NewKeys(map[int][]byte{1: []byte("partners tests have a key of 32b")})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{now: began}
	now := func() time.Time { return w.now }
	if w.db, err = store.Open(t.Context(), store.Options{Path: filepath.Join(t.TempDir(), "partners.db"), Keys: keys, Now: now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.db.Close() })
	w.Partners = partner.Partners{Store: store.Partners{DB: w.db}, IDs: secret.NewIDs(now), Now: now}
	return w
}

func acme() partner.Registration {
	return partner.Registration{ClientID: "acme-treasury", Secret: "not-so-secret", Name: "Acme Treasury",
		RedirectURIs: []string{"https://app.acme.example/cb"}}
}

func (w *world) events(t *testing.T) []audit.Entry {
	t.Helper()
	entries, err := store.Audit{DB: w.db}.TailEvents(t.Context(), audit.Filter{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// change does to the stored partner what an operator's command does.
func (w *world) change(t *testing.T, id partner.ID, fn func(*partner.Partner)) {
	t.Helper()
	err := w.Store.Change(t.Context(), func(tx partner.Tx) (audit.Event, error) {
		p, err := tx.Partner(id)
		fn(&p)
		return audit.Event{At: w.now, Action: audit.PartnerPaused, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorOperator}},
			errors.Join(err, tx.SavePartner(&p))
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAddDrawsWhatIsNotGiven(t *testing.T) {
	w := newWorld(t)
	r := acme()
	r.ClientID, r.Secret = "", ""
	p, drawn, err := w.Add(t.Context(), r, audit.Actor{Kind: audit.ActorOperator})
	if err != nil || p.ClientID == "" || len(drawn) < 43 {
		t.Fatalf("%v, id %q, secret of %d characters", err, p.ClientID, len(drawn))
	}
	if !p.Active || p.PerSecond != 100 || p.PerMinute != 1000 || p.Class.Name != "classic" || len(p.RequiredScopes) == 0 {
		t.Errorf("defaults: %+v", p)
	}
	got, _, err := w.Authenticate(t.Context(), partner.Proof{ClientID: p.ClientID, Secret: drawn})
	if err != nil || got.ID != p.ID {
		t.Errorf("the drawn secret: %v", err)
	}
	if e := w.events(t); len(e) != 1 || e[0].Action != audit.PartnerAdded || e[0].Partner != int64(p.ID) {
		t.Errorf("events: %v", e)
	}
}

func TestAClientIDIsTakenOnce(t *testing.T) {
	w := newWorld(t)
	var added atomic.Int64
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			switch _, _, err := w.Add(context.Background(), acme(), audit.Actor{Kind: audit.ActorOperator}); {
			case err == nil:
				added.Add(1)
			case !errors.Is(err, partner.ErrTaken):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if added.Load() != 1 || len(w.events(t)) != 1 {
		t.Errorf("%d added, %d events", added.Load(), len(w.events(t)))
	}
	if _, _, err := w.Add(t.Context(), partner.Registration{Name: "Acme"}, audit.Actor{Kind: audit.ActorOperator}); err == nil || len(w.events(t)) != 1 {
		t.Errorf("a registration with a mistake: %v, %d events", err, len(w.events(t)))
	}
}

// TestSeedingAgainChangesNothing: a restart with the same seed file leaves no trace, and does not lift a pause.
func TestSeedingAgainChangesNothing(t *testing.T) {
	w := newWorld(t)
	for name, r := range map[string]partner.Registration{
		"plain": acme(),
		"with scopes and no optional ones": {ClientID: "b", Secret: "not-so-secret", Name: "B", RedirectURIs: []string{"com.b.app:/cb"},
			Required: []partner.Scope{partner.ScopeAccountRead}, Class: "strict", PerSecond: 5},
	} {
		for i := range 3 {
			w.now = w.now.Add(time.Minute)
			before := len(w.events(t))
			changed, err := w.Seed(t.Context(), r)
			if err != nil || changed != (i == 0) || (len(w.events(t)) != before) != changed {
				t.Errorf("%s, time %d: changed %t, %v, %d new events", name, i+1, changed, err, len(w.events(t))-before)
			}
		}
	}
	p, err := w.ByClient(t.Context(), "acme-treasury")
	if err != nil {
		t.Fatal(err)
	}
	w.change(t, p.ID, func(p *partner.Partner) { p.Active = false })
	r := acme()
	r.Name = "Acme Treasury and Sons"
	if changed, err := w.Seed(t.Context(), r); err != nil || !changed {
		t.Fatalf("a new name: %t, %v", changed, err)
	}
	if _, err := w.ByClient(t.Context(), "acme-treasury"); !errors.Is(err, partner.ErrUnknown) {
		t.Errorf("seeding lifted the pause of an operator: %v", err)
	}
	if p, err = w.Partner(t.Context(), p.ID); err != nil || p.Name != r.Name {
		t.Errorf("%q, %v", p.Name, err)
	}
	for _, bad := range []partner.Registration{{Name: "x"}, func() partner.Registration { r := acme(); r.Secret = ""; return r }()} {
		if _, err := w.Seed(t.Context(), bad); err == nil {
			t.Errorf("seeded without id or secret: %+v", bad)
		}
	}
}

// TestAuthenticate: unknown, paused and wrong look alike; two secrets live at once; an ended one is dead on its millisecond.
func TestAuthenticate(t *testing.T) {
	w := newWorld(t)
	p, _, err := w.Add(t.Context(), acme(), audit.Actor{Kind: audit.ActorOperator})
	if err != nil {
		t.Fatal(err)
	}
	end := w.now.Add(time.Hour)
	w.change(t, p.ID, func(p *partner.Partner) {
		p.Secrets[0].EndsAt = end
		p.Secrets = append(p.Secrets, partner.Secret{Digest: secret.Hash("the-newer-one"), CreatedAt: w.now})
	})
	check := func(client, presented string, want error) {
		t.Helper()
		if got, _, err := w.Authenticate(t.Context(), partner.Proof{ClientID: client, Secret: presented}); !errors.Is(err, want) || err != nil && got.ID != 0 {
			t.Errorf("%q %q: %v, want %v", client, presented, err, want)
		}
	}
	check("acme-treasury", "not-so-secret", nil)
	check("acme-treasury", "the-newer-one", nil)
	for client, presented := range map[string]string{"acme-treasury": "", "ACME-TREASURY": "not-so-secret", "": "", "nobody": "not-so-secret",
		"acme-treasury ": "not-so-secret"} {

		check(client, presented, partner.ErrNotAuthenticated)
	}
	check("acme-treasury", "not-so-secret\x00", partner.ErrNotAuthenticated)
	w.now = end.Add(-time.Millisecond)
	check("acme-treasury", "not-so-secret", nil)
	w.now = end
	check("acme-treasury", "not-so-secret", partner.ErrNotAuthenticated)
	check("acme-treasury", "the-newer-one", nil)
	w.change(t, p.ID, func(p *partner.Partner) { p.Active = false })
	check("acme-treasury", "the-newer-one", partner.ErrNotAuthenticated)
	w.db.Close()
	check("acme-treasury", "the-newer-one", store.ErrUnavailable)
	if _, err := w.List(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Error(err)
	}
}

// TestWrongSecretsAreCounted: ten different wrong secrets a minute from one network, and the right one waits with them there, on
// every node, and nowhere else. One that is sent again and again counts once and writes once, and what is right writes nothing.
func TestWrongSecretsAreCounted(t *testing.T) {
	w := newWorld(t)
	if _, _, err := w.Add(t.Context(), acme(), audit.Actor{Kind: audit.ActorOperator}); err != nil {
		t.Fatal(err)
	}
	nodes := []partner.Partners{w.Partners, {Store: store.Partners{DB: w.db}, IDs: w.IDs, Now: w.Now}}
	show := func(n int, presented, network string) error {
		_, _, err := nodes[n%2].Authenticate(t.Context(), partner.Proof{ClientID: "acme-treasury", Secret: presented, Network: network})
		return err
	}
	before := len(w.events(t))
	for n := range 30 {
		if err := show(n, "forgotten", "192.0.2.0/24"); !errors.Is(err, partner.ErrNotAuthenticated) {
			t.Fatal(err)
		}
	}
	for n := range 9 {
		if err := show(n, "guess"+strings.Repeat("x", n), "192.0.2.0/24"); !errors.Is(err, partner.ErrNotAuthenticated) {
			t.Fatal(err)
		}
		if err := show(n, "not-so-secret", "198.51.100.0/24"); err != nil {
			t.Fatal(err)
		}
	}
	var exceeded limit.Exceeded
	for n := range 2 {
		if err := show(n, "not-so-secret", "192.0.2.0/24"); !errors.As(err, &exceeded) || exceeded.Wait != time.Minute {
			t.Errorf("the right one after ten wrong ones, node %d: %v", n, err)
		}
	}
	if got := len(w.events(t)) - before; got != 10 {
		t.Errorf("%d events, want one for each different secret", got)
	}
	w.now = w.now.Add(time.Minute)
	if err := show(0, "not-so-secret", "192.0.2.0/24"); err != nil {
		t.Error(err)
	}
}
