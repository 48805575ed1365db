package notify

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
	"github.com/latchkey-id/latchkey/internal/store"
)

// signing is one key for all tests of this package: drawing one takes a while.
var signing = sync.OnceValues(func() (*secret.SigningKeys, error) { return secret.NewSigningKeys(noon) })

var noon = time.Date(2031, 2, 3, 4, 5, 6, 789e6, time.UTC)

// depot is a courier over a true database, with a clock to turn, and true receivers on loopback.
type depot struct {
	t       *testing.T
	db      *store.DB
	keys    *secret.Keys
	courier *Courier
	clock   atomic.Pointer[time.Time]
	next    int64
}

// testKeys are the same for all databases of these tests, so that each can begin as a copy.
func testKeys() (*secret.Keys, error) {
	master := make([]byte, 32)
	master[0] = 7
	return secret.NewKeys(map[int][]byte{1: master})
}

// migratedFile is a database after all migrations: bringing each there would take half the time of these tests.
var migratedFile = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "latchkey-notify-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	keys, err := testKeys()
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "empty.db")
	db, err := store.Open(context.Background(), store.Options{Path: path, Keys: keys, Now: time.Now})
	if err != nil {
		return nil, err
	}
	if err := db.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// newDatabase is one of a test's own until it ends, and the keys of what is sealed in it.
func newDatabase(t *testing.T, now func() time.Time) (*store.DB, *secret.Keys) {
	t.Helper()
	empty, err := migratedFile()
	must(t, err)
	path := filepath.Join(t.TempDir(), "test.db")
	must(t, os.WriteFile(path, empty, 0o600))
	keys, err := testKeys()
	must(t, err)
	db, err := store.Open(t.Context(), store.Options{Path: path, Keys: keys, Now: now})
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	return db, keys
}

func newDepot(t *testing.T) *depot {
	t.Helper()
	o := &depot{t: t}
	o.set(noon)
	o.db, o.keys = newDatabase(t, o.now)
	o.courier = o.node()
	return o
}

// node is one more courier over the same database.
func (o *depot) node() *Courier {
	c := NewCourier(store.Outbox{DB: o.db}, Writer{Keys: o.keys, Signing: signing}, partner.Receivers{Networks: partner.Loopbacks()}, o.now,
		slog.New(slog.NewTextHandler(o.t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})))
	o.t.Cleanup(c.client.CloseIdleConnections)
	return c
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (o *depot) now() time.Time          { return *o.clock.Load() }
func (o *depot) set(at time.Time)        { o.clock.Store(&at) }
func (o *depot) advance(d time.Duration) { o.set(o.now().Add(d)) }

// partner registers one and returns its key.
func (o *depot) partner() partner.ID {
	o.t.Helper()
	o.next++
	p := partner.Partner{ID: partner.ID(o.next), ClientID: fmt.Sprintf("client-%d", o.next), Class: partner.Classic, Active: true}
	must(o.t, o.change(func(tx *store.Tx) error { return tx.SavePartner(&p) }))
	return p.ID
}

// change writes without the rule of events, which is the nouns' affair.
func (o *depot) change(fn func(*store.Tx) error) error {
	return store.For[*store.Tx]{DB: o.db}.Change(o.t.Context(), func(tx *store.Tx) (audit.Event, error) {
		return audit.Event{At: o.now(), Action: audit.PartnerChanged, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorServer}}, fn(tx)
	})
}

// subscribe makes a subscription; payload is 4.0.0.
func (o *depot) subscribe(p partner.ID, kind partner.EventType, url string) partner.Subscription {
	o.t.Helper()
	return o.subscribeTo(partner.Subscription{Partner: p, Trigger: kind, Payload: partner.PayloadMillis, URL: url})
}

func (o *depot) subscribeTo(s partner.Subscription) partner.Subscription {
	o.t.Helper()
	o.next++
	s.ID, s.PublicID, s.KeyVersion, s.CreatedAt = partner.SubscriptionID(o.next), secret.UUID(), 1, o.now()
	must(o.t, o.change(func(tx *store.Tx) error { return tx.AddSubscription(s) }))
	return s
}

// account opens a pending one.
func (o *depot) account(p partner.ID) customer.Account {
	o.t.Helper()
	o.next++
	a := customer.Account{ID: customer.AccountID(o.next), Creator: p, State: customer.Pending, Epoch: 1,
		Email: fmt.Sprintf("mira.%d@example.org", o.next), CreatedAt: o.now(), UpdatedAt: o.now()}
	must(o.t, o.change(func(tx *store.Tx) error { return tx.SaveAccount(&a) }))
	return a
}

// claimed makes an account its customer's, with a grant for the partner when profile is not 0.
func (o *depot) claimed(a customer.Account, p partner.ID, profile int64) {
	o.t.Helper()
	a.State, a.Epoch = customer.Claimed, a.Epoch+1
	o.next++
	g := grant.Grant{ID: grant.ID(o.next), Account: a.ID, Partner: p, Profile: customer.ProfileID(profile), State: grant.Active, GivenAt: o.now()}
	must(o.t, o.change(func(tx *store.Tx) error {
		if err := tx.SaveAccount(&a); err != nil || profile == 0 {
			return err
		}
		return tx.SaveGrant(&g)
	}))
}

// tell queues an event of an account.
func (o *depot) tell(p partner.ID, account customer.AccountID, kind partner.EventType, state string) {
	o.t.Helper()
	must(o.t, o.change(func(tx *store.Tx) error {
		return tx.QueueEvent(partner.Event{Partner: p, Account: int64(account), Type: kind, State: state, OccurredAt: o.now()})
	}))
}

// turn lets a courier look once and waits for what it began.
func (o *depot) turn() {
	o.t.Helper()
	must(o.t, o.courier.turn(o.t.Context()))
	o.courier.flying.Wait()
}

// settle turns until nothing more begins.
func (o *depot) settle() {
	o.t.Helper()
	for range 100 {
		due, err := store.Outbox{DB: o.db}.DueSubscriptions(o.t.Context(), o.now())
		must(o.t, err)
		if len(due) == 0 {
			return
		}
		o.turn()
	}
	o.t.Fatal("there is always more to do")
}

// only is the one delivery that there is.
func (o *depot) only() partner.Delivery {
	o.t.Helper()
	list := o.deliveries()
	if len(list) != 1 {
		o.t.Fatalf("%d deliveries, want one", len(list))
	}
	return list[0]
}

// deliveries are all, newest first.
func (o *depot) deliveries() (all []partner.Delivery) {
	o.t.Helper()
	list, err := partner.Deliveries{Store: store.Deliveries{DB: o.db}, Now: o.now}.List(o.t.Context(), "", partner.Selection{Limit: 1000})
	must(o.t, err)
	for _, n := range list {
		all = append(all, n.Delivery)
	}
	return all
}

// A mailbox is a receiver that remembers what came.
type mailbox struct {
	*httptest.Server
	mu     sync.Mutex
	heads  []http.Header
	bodies []string
}

// receiver answers as the test says and remembers.
func (o *depot) receiver(answer http.HandlerFunc) *mailbox {
	o.t.Helper()
	m := &mailbox{}
	m.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		m.mu.Lock()
		m.heads, m.bodies = append(m.heads, r.Header), append(m.bodies, string(body))
		m.mu.Unlock()
		answer(w, r)
	}))
	o.t.Cleanup(m.Close)
	return m
}

func (m *mailbox) got() ([]http.Header, []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]http.Header(nil), m.heads...), append([]string(nil), m.bodies...)
}

func (m *mailbox) count() int {
	heads, _ := m.got()
	return len(heads)
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}
