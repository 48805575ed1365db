package api

import (
	"context"
	"errors"
	"fmt"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/secret"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/partner"
)

// elsewhere changes a partner as another node or an operator does, of which this node's memory knows nothing.
func (w *world) elsewhere(client string, fn func(*partner.Partner)) {
	w.t.Helper()
	p, err := w.door.Partners.ByClient(w.t.Context(), client)
	must(w.t, err)
	fn(&p)
	must(w.t, w.door.Partners.Store.Change(w.t.Context(), func(tx partner.Tx) (audit.Event, error) {
		return audit.Event{At: w.now(), Action: audit.PartnerChanged, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorServer}}, tx.SavePartner(&p)
	}))
}

// asClient are requests of a client, whole and not, by name.
func asClient(token string) map[string][]string {
	return map[string][]string{
		"a token":            {"/oauth/token", "grant_type", "client_credentials"},
		"no grant type":      {"/oauth/token"},
		"unknown grant type": {"/oauth/token", "grant_type", "password"},
		"no code":            {"/oauth/token", "grant_type", "authorization_code"},
		"a wrong code":       {"/oauth/token", "grant_type", "authorization_code", "code", "x", "redirect_uri", "x"},
		"a wrong refresh":    {"/oauth/token", "grant_type", "refresh_token", "refresh_token", "x"},
		"a registration":     {"/oauth/token", "grant_type", "registration_code", "email", "nobody@example.org", "registration_code", "x"},
		"an introspection":   {"/oauth/introspect", "token", token},
		"of nothing":         {"/oauth/introspect", "token", "x"},
		"without a token":    {"/oauth/introspect"},
		"a revocation":       {"/oauth/revoke", "token", token},
		"of no token":        {"/oauth/revoke", "token", "x"},
		"of none at all":     {"/oauth/revoke"},
	}
}

// TestRecognisedClients: a client whose secret was right a moment ago is recognised without the database. What another node did to it since counts for
// the very next request all the same, whatever that asks for, and nothing else is changed or told.
func TestRecognisedClients(t *testing.T) {
	t.Parallel()
	refused := reply{status: 401, body: invalidClient}
	for name, c := range map[string]struct {
		change func(*world)
		status int
		body   string
	}{
		"paused":                {func(w *world) { w.elsewhere(acme, func(p *partner.Partner) { p.Active = false }) }, 401, refused.body},
		"its secret taken back": {func(w *world) { w.elsewhere(acme, func(p *partner.Partner) { p.Secrets = p.Secrets[:0] }) }, 401, refused.body},
		"its secret ended": {func(w *world) {
			w.elsewhere(acme, func(p *partner.Partner) { p.Secrets[0].EndsAt = w.now().Add(30 * time.Second) })
			if got := w.form(acme, "grant_type", "client_credentials"); got.status != 200 {
				w.t.Errorf("before its end: %d %s", got.status, got.body)
			}
			w.advance(30 * time.Second)
		}, 401, refused.body},
		"its network shut out": {func(w *world) {
			other := partner.Partners{Store: w.door.Partners.Store, Now: w.now}
			for n := range 10 {
				proof := partner.Proof{ClientID: acme, Secret: fmt.Sprint("guess ", n), Network: "192.0.2.0/24"}
				if _, _, err := other.Authenticate(w.t.Context(), proof); !errors.Is(err, partner.ErrNotAuthenticated) {
					w.t.Fatal(err)
				}
			}
		}, 429, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			token := strings.TrimPrefix(w.app(acme), "Bearer ")
			for asked, form := range asClient(token) {
				if got := w.formTo(form[0], acme, form[1:]...); got.status == 429 || strings.Contains(got.body, "invalid_client") {
					t.Fatalf("%s, before: %d %s", asked, got.status, got.body)
				}
			}
			token = strings.TrimPrefix(w.app(acme), "Bearer ")
			c.change(w)
			proof := partner.Proof{ClientID: acme, Secret: acme + "-s3cr3t", Network: "192.0.2.0/24"}
			if _, _, known := w.door.Partners.Recognise(proof); !known && name != "its secret ended" {
				t.Error("it is not recognised: the test does not do what it says")
			}
			before := w.everything()
			for asked, form := range asClient(token) {
				got := w.formTo(form[0], acme, form[1:]...)
				if got.status != c.status || c.body != "" && got.body != c.body {
					t.Errorf("%s: %d %s", asked, got.status, got.body)
				}
			}
			w.unchanged(name, before)
		})
	}
}

// TestRecognisedAsItIs: what an operator has changed of a client is so in the answer to its next request.
func TestRecognisedAsItIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if got := w.form(acme, "grant_type", "client_credentials"); !strings.Contains(got.body, `"expires_at"`) {
		t.Fatalf("%d %s", got.status, got.body)
	}
	w.elsewhere(acme, func(p *partner.Partner) { p.Class = partner.Strict })
	if got := w.form(acme, "grant_type", "client_credentials"); got.status != 200 || strings.Contains(got.body, `"expires_at"`) {
		t.Errorf("by the class before: %d %s", got.status, got.body)
	}
}

// TestPausedWhileItAsks: requests that begin after a pause was stored are refused, however many of the client are under way.
func TestPausedWhileItAsks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.app(acme)
	var paused atomic.Bool
	var all sync.WaitGroup
	for n := range 4 {
		all.Go(func() {
			for i := range 25 {
				late := paused.Load()
				got := w.form(acme, "grant_type", "client_credentials")
				if late && got.status != http.StatusUnauthorized || !late && got.status != 200 && got.status != http.StatusUnauthorized {
					t.Errorf("paused %t: %d %s", late, got.status, got.body)
				}
				if n == 0 && i == 10 {
					w.elsewhere(acme, func(p *partner.Partner) { p.Active = false })
					paused.Store(true)
				}
			}
		})
	}
	all.Wait()
}

// TestTakenBackSecretSpendsNothing: whoever has a secret that was taken back is refused as anybody is, and spends nothing of the client's.
func TestTakenBackSecretSpendsNothing(t *testing.T) {
	w := newWorld(t)
	if got := w.form(slow, "grant_type", "client_credentials"); got.status != 200 {
		t.Fatal(got.status)
	}
	w.elsewhere(slow, func(p *partner.Partner) {
		p.Secrets = []partner.Secret{{Digest: secret.Hash("the-new-one"), CreatedAt: w.now()}}
	})
	w.advance(1e9)
	counts := map[int]int{}
	for range 150 {
		counts[w.form(slow, "grant_type", "client_credentials").status]++
	}
	if counts[401] != 150 {
		t.Errorf("the old secret: %v", counts)
	}
	if got := w.ask("POST", "/oauth/token", "grant_type=client_credentials&client_id="+slow+"&client_secret=the-new-one", "Content-Type", encoded); got.status != 200 {
		t.Errorf("the new secret: %d %s", got.status, got.body)
	}
}

// changing calls after when a client was read: once, or each time.
type changing struct {
	partner.Store
	after  func()
	always bool
}

func (c *changing) View(ctx context.Context, fn func(partner.Tx) error) error {
	err := c.Store.View(ctx, fn)
	if after := c.after; after != nil {
		if !c.always {
			c.after = nil
		}
		after()
	}
	return err
}

// TestChangedWhileItAsks: a client that is asked for by the database, and changed once before its verb, is answered. One that is changed each time is told to
// come again, and the log says why and nothing of the database.
func TestChangedWhileItAsks(t *testing.T) {
	for name, c := range map[string]struct {
		always bool
		want   int
	}{"once": {false, 200}, "each time": {true, 503}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			inner := w.door.Partners.Store
			w.door.Partners.Store = &changing{inner, func() {
				key := limit.NewKey(limit.KindClient, acme, "192.0.2.0/24")
				must(t, inner.Change(t.Context(), func(tx partner.Tx) (audit.Event, error) {
					return audit.Event{At: w.now(), Action: audit.ClientRefused, Outcome: audit.Denied, Reason: "wrong_secret", Actor: audit.Actor{Kind: audit.ActorPartner}}, limit.Spend(tx, key, w.now())
				}))
			}, c.always}
			got := w.form(acme, "grant_type", "client_credentials")
			if got.status != c.want || (got.header.Get("Retry-After") != "") != c.always {
				t.Errorf("%d %s", got.status, got.body)
			}
			log := w.logs.String()
			if strings.Contains(log, "client="+acme) != c.always || strings.Contains(log, "unavailable") {
				t.Errorf("the log: %s", log)
			}
		})
	}
}

// TestShutOutTwice: a network that is shut out a second time is shut out, whatever was remembered between.
func TestShutOutTwice(t *testing.T) {
	w := newWorld(t)
	other := partner.Partners{Store: w.door.Partners.Store, Now: w.now}
	guess := func() {
		for n := range 10 {
			_, _, _ = other.Authenticate(t.Context(), partner.Proof{ClientID: acme, Secret: fmt.Sprint(w.now(), n), Network: "192.0.2.0/24"})
		}
	}
	guess()
	if got := w.form(acme, "grant_type", "client_credentials"); got.status != 429 {
		t.Fatal(got.status)
	}
	w.advance(61 * time.Second)
	if got := w.form(acme, "grant_type", "client_credentials"); got.status != 200 {
		t.Fatal(got.status)
	}
	w.advance(61 * time.Second)
	if _, err := w.db.Sweep(t.Context(), w.now()); err != nil {
		t.Fatal(err)
	}
	guess()
	if _, _, err := other.Authenticate(t.Context(), partner.Proof{ClientID: acme, Secret: acme + "-s3cr3t", Network: "192.0.2.0/24"}); !errors.Is(err, limit.ErrExceeded) {
		t.Fatal(err)
	}
	if got := w.form(acme, "grant_type", "client_credentials"); got.status != 429 {
		t.Errorf("shut out a second time: %d", got.status)
	}
}
