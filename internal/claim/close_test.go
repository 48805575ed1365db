package claim_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/store"
)

// TestCloseTellsWhoHadAccess: each partner with access hears that it ended, and that the account is closed; one whose access was stopped
// before learns nothing, whoever opened the account.
func TestCloseTellsWhoHadAccess(t *testing.T) {
	t.Parallel()
	for name, stops := range map[string]bool{"with access": false, "stopped before": true} {
		w := newWorld(t)
		o := w.onboard(w.acme, "mira.kade@example.org")
		b, code := o.allowed()
		first, err := w.exchange(w.acme, code)
		must(t, err)
		must(t, b.visit(w.request(w.globex)))
		must(t, b.decide(true))
		if stops {
			for _, c := range o.cards() {
				if c.Partner.ID == w.acme.ID {
					must(t, o.stop(c.ID))
				}
			}
		}
		at, err := w.claims.AskToClose(t.Context(), customer.OwnerPost{Session: b.session})
		must(t, err)
		w.advance(at.Sub(w.now()))
		before := o.tells()
		if n, err := w.claims.Tidy(t.Context(), store.Tidy{DB: w.db}); err != nil || n == 0 {
			t.Fatal(n, err)
		}
		after := o.tells()
		for what, want := range map[string]int{"acme x-grants#state-change ended": 1, "globex x-grants#state-change ended": 1, "acme users#state-change DEACTIVATED": 1,
			"acme profiles#state-change DEACTIVATED": 1, "globex users#state-change DEACTIVATED": 1} {
			if stops && strings.HasPrefix(what, "acme") {
				want = 0
			}
			row := strings.NewReplacer("acme", fmt.Sprint(w.acme.ID), "globex", fmt.Sprint(w.globex.ID)).Replace(what)
			if got := after[row] - before[row]; got != want {
				t.Errorf("%s: %s: %d, want %d", name, what, got, want)
			}
		}
		a := w.account(o.account)
		if a.State != customer.Closed || !a.CloseAt.IsZero() || len(w.events(audit.Filter{Action: audit.AccountClosed})) != 1 {
			t.Errorf("%s: %+v", name, a)
		}
		_, err = w.tokens.Access(t.Context(), first.Access)
		wants(t, name+": a token", err, grant.ErrInvalidToken)
		b.stands(claim.StepOver, claim.OverGone)
	}
}

// tells counts what was queued about an account, by partner, type and state.
func (o *onboarding) tells() map[string]int {
	o.w.t.Helper()
	all := map[string]int{}
	for _, text := range o.w.rows("SELECT partner_id || ' ' || type || ' ' || state FROM partner_event WHERE account_id = $1", int64(o.account)) {
		all[text]++
	}
	return all
}

// TestAskToCloseNeedsAFreshOwner: in the transaction itself, so that a proof that runs out in between is none.
func TestAskToCloseNeedsAFreshOwner(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	b, _ := o.allowed()
	ask := func() error {
		_, err := w.claims.AskToClose(t.Context(), customer.OwnerPost{Session: b.session})
		return err
	}
	w.advance(customer.FreshLife)
	wants(t, "an old proof", ask(), customer.ErrNotFresh)
	_, err := w.claims.AskToClose(t.Context(), customer.OwnerPost{})
	wants(t, "nobody", err, customer.ErrNoSession)
	w.advance(-time.Millisecond)
	wants(t, "a fresh one", ask(), nil)
	at := w.account(o.account).CloseAt
	w.advance(time.Millisecond)
	wants(t, "keeping needs none", w.claims.KeepAccount(t.Context(), o.owner()), nil)
	wants(t, "keeping twice", w.claims.KeepAccount(t.Context(), o.owner()), nil)
	if at.IsZero() || !w.account(o.account).CloseAt.IsZero() || len(w.events(audit.Filter{Action: audit.AccountKept})) != 1 {
		t.Errorf("closing at %v, then %v", at, w.account(o.account).CloseAt)
	}
	stale := o.owner()
	w.change(o.account, func(a *customer.Account, _ *customer.Profile) { a.SessionEpoch++ })
	wants(t, "a session that ended", w.claims.KeepAccount(t.Context(), stale), customer.ErrStale)
}
