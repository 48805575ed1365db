package partner_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// remembering is a world with one partner, whose node remembers clients.
func remembering(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	if _, _, err := w.Add(t.Context(), acme(), audit.Actor{Kind: audit.ActorOperator}); err != nil {
		t.Fatal(err)
	}
	w.Memory = &partner.Memory{}
	return w
}

// TestRecognise: whom Authenticate has let in is recognised by the same secret from the same network, and nobody else is.
func TestRecognise(t *testing.T) {
	w := remembering(t)
	right := partner.Proof{ClientID: "acme-treasury", Secret: "not-so-secret", Network: "192.0.2.0/24"}
	without := w.Partners
	without.Memory = nil
	if _, _, err := without.Authenticate(t.Context(), right); err != nil {
		t.Fatal(err)
	}
	if _, _, known := without.Recognise(right); known {
		t.Error("recognised without a memory")
	}
	wrong, unknown, away := right, right, right
	wrong.Secret, unknown.ClientID, away.Network = "not-so-secreT", "acme", "198.51.100.0/24"
	for _, proof := range []partner.Proof{wrong, unknown} {
		if _, _, err := w.Authenticate(t.Context(), proof); err == nil {
			t.Fatal("authenticated")
		}
	}
	if _, _, known := w.Recognise(right); known {
		t.Error("recognised before its secret was right")
	}
	want, premise, err := w.Authenticate(t.Context(), right)
	if err != nil {
		t.Fatal(err)
	}
	if got, rests, known := w.Recognise(right); !known || got.ID != want.ID || rests != premise || premise.Version != want.Version {
		t.Errorf("%t, partner %d, %+v; authenticated: %d, %+v", known, got.ID, rests, want.ID, premise)
	}
	for name, proof := range map[string]partner.Proof{"a wrong secret": wrong, "another client": unknown, "another network": away, "nothing": {}} {
		if _, _, known := w.Recognise(proof); known {
			t.Errorf("%s is recognised", name)
		}
	}
	w.change(t, want.ID, func(p *partner.Partner) {
		p.Secrets[0].EndsAt = w.now.Add(30 * time.Second)
		p.Secrets = append(p.Secrets, partner.Secret{Digest: secret.Hash("the-newer-one"), CreatedAt: w.now})
	})
	if _, _, err := w.Authenticate(t.Context(), right); err != nil {
		t.Fatal(err)
	}
	newer := right
	newer.Secret = "the-newer-one"
	if _, _, known := w.Recognise(newer); !known {
		t.Error("its second secret is not recognised")
	}
	w.now = w.now.Add(30 * time.Second)
	if _, _, known := w.Recognise(right); known {
		t.Error("a secret is recognised after its end")
	}
	w.now = w.now.Add(29 * time.Second)
	if _, _, known := w.Recognise(newer); !known {
		t.Error("forgotten within a minute")
	}
	for _, jump := range []time.Duration{time.Second, -time.Hour} {
		w.now = w.now.Add(jump)
		if _, _, known := w.Recognise(newer); known {
			t.Errorf("recognised at %v, a minute after it was authenticated or before that", w.now)
		}
	}
}

// TestRecogniseWaits: a wait that a wrong clock wrote is obeyed when it comes near, by whom is remembered as by everybody else.
func TestRecogniseWaits(t *testing.T) {
	w := remembering(t)
	proof := partner.Proof{ClientID: "acme-treasury", Secret: "not-so-secret", Network: "192.0.2.0/24"}
	err := w.Store.Change(t.Context(), func(tx partner.Tx) (audit.Event, error) {
		return audit.Event{At: w.now, Action: audit.ClientRefused, Outcome: audit.Denied, Reason: "wrong_secret", Actor: audit.Actor{Kind: audit.ActorOperator}},
			tx.SaveTries(limit.NewKey(limit.KindClient, proof.ClientID, proof.Network), limit.Tries{Count: 10, LastAt: w.now, Until: w.now.Add(150 * time.Second)})
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.Authenticate(t.Context(), proof); err != nil {
		t.Fatalf("a wait that no rule makes: %v", err)
	}
	if _, _, known := w.Recognise(proof); !known {
		t.Error("not recognised")
	}
	w.now = w.now.Add(40 * time.Second)
	if _, _, err := w.Authenticate(t.Context(), proof); !errors.Is(err, limit.ErrExceeded) {
		t.Fatalf("two minutes before its end: %v", err)
	}
	if _, _, known := w.Recognise(proof); known {
		t.Error("recognised while its network waits")
	}
}

// TestMemoryIsBounded: whoever asks from ever new networks fills no memory, and many at once do it no harm.
func TestMemoryIsBounded(t *testing.T) {
	w := remembering(t)
	proof := func(n int) partner.Proof {
		return partner.Proof{ClientID: "acme-treasury", Secret: "not-so-secret", Network: fmt.Sprintf("network %d", n)}
	}
	const each = 3000
	var all sync.WaitGroup
	for k := range 4 {
		all.Go(func() {
			for n := range each {
				if _, _, err := w.Authenticate(t.Context(), proof(k*each+n)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	known := 0
	for n := range 4 * each {
		if _, _, found := w.Recognise(proof(n)); found {
			known++
		}
	}
	if known == 0 || known > 10_000 {
		t.Errorf("%d of %d are remembered", known, 4*each)
	}
}

// TestShutOutComparesNothing: once a network is shut out, nothing is compared: a right guess takes no other way than a wrong one.
func TestShutOutComparesNothing(t *testing.T) {
	w := remembering(t)
	right := partner.Proof{ClientID: "acme-treasury", Secret: "not-so-secret", Network: "192.0.2.0/24"}
	if _, _, err := w.Authenticate(t.Context(), right); err != nil {
		t.Fatal(err)
	}
	for n := range 10 {
		wrong := right
		wrong.Secret = fmt.Sprint("guess ", n)
		_, _, _ = w.Authenticate(t.Context(), wrong)
	}
	if _, _, err := w.Authenticate(t.Context(), right); !errors.Is(err, limit.ErrExceeded) {
		t.Fatal(err)
	}
	if _, _, known := w.Recognise(right); known {
		t.Error("the secret is compared, and known, while its network may not try")
	}
}
