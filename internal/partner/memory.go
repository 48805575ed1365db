package partner

import (
	"sync"
	"time"

	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/secret"
)

const (
	// mostRemembered bounds how many clients a Memory has, each once for every network that it asks from.
	mostRemembered = 10_000
	// rememberedFor is how long one is remembered. A database that was put back to an earlier state counts versions anew, and a premise could hold there
	// that should not.
	rememberedFor = time.Minute
)

// A Memory is of clients whose secret was right a while ago, each as it was then, so that the next request of the same client need not ask for it before
// it asks for what it is about. What is remembered decides nothing by itself: see Recognise. It has digests of secrets, never secrets. The zero value is
// ready, nil remembers nothing, and many may use one at once.
type Memory struct {
	mu      sync.RWMutex
	clients map[asker]acquaintance
}

type asker struct{ client, network string }

type acquaintance struct {
	partner Partner
	tries   limit.Tries
	at      time.Time
}

func (m *Memory) keep(proof Proof, p Partner, tries limit.Tries, now time.Time) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	key := asker{proof.ClientID, proof.Network}
	if _, found := m.clients[key]; !found && (m.clients == nil || len(m.clients) >= mostRemembered) {
		m.clients = map[asker]acquaintance{}
	}
	m.clients[key] = acquaintance{p, tries, now}
}

// forget drops a client that was refused just now. Otherwise a secret that was taken back would be recognised again and again, and each time spend of
// what its client may ask; and secrets would be compared where too many wrong ones were shown.
func (m *Memory) forget(proof Proof) {
	if _, found := m.of(proof); !found {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.clients, asker{proof.ClientID, proof.Network})
}

func (m *Memory) of(proof Proof) (acquaintance, bool) {
	if m == nil {
		return acquaintance{}, false
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	known, found := m.clients[asker{proof.ClientID, proof.Network}]
	return known, found
}

// Recognise is Authenticate by memory alone, for who then does nothing but what holds the premise in the transaction that it acts in, and on ErrChanged
// authenticates. It reports false for all that Authenticate has to see: whom it does not remember, a secret that is not right, and a network that may not
// try. A client that was paused, or whose secret was taken back, by whichever node, is recognised until the premise is held against the database: that
// request is refused, and the client forgotten.
func (ps Partners) Recognise(proof Proof) (Partner, Premise, bool) {
	now, digest := ps.Now(), secret.Hash(proof.Secret) // whether remembered or not: how long it takes tells nobody who is
	known, found := ps.Memory.of(proof)
	age := now.Sub(known.at)
	if !found || age < 0 || age >= rememberedFor || proof.tries().Allow(known.tries, now) != nil || !known.partner.Active || !known.partner.matches(digest, now) {
		return Partner{}, Premise{}, false
	}
	return known.partner, proof.premise(known.partner, known.tries), true
}
