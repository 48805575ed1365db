package store

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// stoppable is a claimed account whose customer gave a partner access, as rows: who is signed in, the grant, a family of tokens with its
// refresh token, and a code that nobody redeemed.
type stoppable struct {
	owner   customer.SignedIn
	grant   grant.Grant
	profile customer.ProfileID
	refresh string
	code    string
}

func (w *world) stoppable(t *testing.T, number int64) stoppable {
	t.Helper()
	a := customer.Account{ID: customer.AccountID(1000 + number), Creator: 1, State: customer.Claimed, Epoch: 2, SessionEpoch: 1,
		ClaimedAt: raceTime(), Credentials: customer.Credentials{PasswordHash: "hash"}, Email: fmt.Sprintf("owner%d@example.org", number)}
	p := customer.NewProfile(w.nodes[0].customers.IDs, a.ID, customer.KindPersonal, raceTime())
	g := grant.Grant{ID: grant.ID(2000 + number), Account: a.ID, Partner: 1, Profile: p.ID, Scopes: partner.AllScopes(), State: grant.Active, GivenAt: raceTime()}
	first := secret.NewTokenSecret()
	k := grant.Token{ID: grant.TokenID(3000 + number), Kind: grant.Customer, Partner: 1, Account: a.ID, Profile: p.ID, Grant: g.ID, Scopes: g.Scopes, Epoch: 2,
		Access: secret.Hash("none"), Refresh: secret.Hash(first), RefreshExpiresAt: raceTime().AddDate(1, 0, 0), CreatedAt: raceTime(), KeyVersion: w.db.keys.DigestVersion()}
	r := grant.Request{Partner: 1, RedirectURI: "https://example.org/back"}
	c, err := grant.NewCode(w.db.keys, w.nodes[0].customers.IDs, g, r, 4000+number, 2, 30*time.Minute, raceTime())
	must(t, err)
	code, err := c.Text(w.db.keys)
	must(t, err)
	must(t, w.db.write(t.Context(), func(tx *Tx) error {
		for _, save := range []func() error{func() error { return tx.SaveAccount(&a) }, func() error { return tx.SaveProfile(&p) }, func() error { return tx.SaveGrant(&g) },
			func() error { return tx.SaveToken(&k) }, func() error { return tx.SaveCode(&c) }} {
			if err := save(); err != nil {
				return err
			}
		}
		return nil
	}))
	return stoppable{owner: customer.SignedInTo(a, customer.Origin{}), grant: g, profile: p.ID, code: code,
		refresh: secret.Token{Prefix: secret.PrefixRefresh, Account: int64(a.ID), Number: int64(k.ID), Secret: first}.String()}
}

// TestStopRacesThePartner: the customer stops an access while the partner refreshes, redeems a code and writes, on any node, with a
// request that was admitted before. What begins after the stop is answered is refused, all of it, and it is stopped once.
func TestStopRacesThePartner(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		for round := range int64(4) {
			s := w.stoppable(t, round)
			caller := customer.Caller{Partner: 1, Account: s.owner.Account, Epoch: 2, Profile: s.profile, Grant: int64(s.grant.ID)}
			var stopped atomic.Bool
			late := func(what string, was bool, err error) error {
				if was && err == nil {
					return fmt.Errorf("%s succeeded after the stop", what)
				}
				return err
			}
			w.race(t, func(n node, i int) error {
				ctx, was := context.Background(), stopped.Load()
				switch i % 4 {
				case 0:
					err := grant.Grants{Store: Grants{n.db()}, IDs: n.customers.IDs, Now: raceTime}.Stop(ctx, s.owner, s.grant.ID)
					stopped.Store(stopped.Load() || err == nil)
					return err
				case 1:
					_, err := n.tokens.Refresh(ctx, w.acme, s.refresh, customer.Origin{})
					return late("a refresh", was, err)
				case 2:
					_, err := n.tokens.Exchange(ctx, w.acme, grant.Exchange{Code: s.code, RedirectURI: "https://example.org/back"}, customer.Origin{})
					return late("an exchange", was, err)
				}
				_, err := n.customers.UpdatePersonal(ctx, caller, s.profile, customer.Personal{Values: map[customer.Field]string{customer.City: fmt.Sprint("City ", i)}})
				return late("a write", was, err)
			}, grant.ErrInvalidGrant, customer.ErrStale)
			if !stopped.Load() {
				t.Fatal("nobody stopped it")
			}
			n := w.nodes[0]
			if _, err := n.tokens.Refresh(t.Context(), w.acme, s.refresh, customer.Origin{}); err == nil {
				t.Error("the refresh token works afterwards")
			}
			if _, err := n.tokens.Exchange(t.Context(), w.acme, grant.Exchange{Code: s.code, RedirectURI: "https://example.org/back"}, customer.Origin{}); err == nil {
				t.Error("the code works afterwards")
			}
			if _, err := n.customers.UpdatePersonal(t.Context(), caller, s.profile, customer.Personal{Values: map[customer.Field]string{customer.City: "Late"}}); err == nil {
				t.Error("a write works afterwards")
			}
			if events := w.count(t, "SELECT count(*) FROM audit_event WHERE account_id = $1 AND action = 'grant.stopped'", s.owner.Account); events != 1 {
				t.Errorf("stopped %d times", events)
			}
		}
	})
}

// db is the node's database.
func (n node) db() *DB { return n.tokens.Store.(Tokens).DB }
