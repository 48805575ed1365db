package claim_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/store"
)

// TestAccessEndsByItself: an access with a term is warned of once, in time, and ended on the millisecond, whoever tidies; renewing it
// begins a new term. Without a term nothing happens.
func TestAccessEndsByItself(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, forever := w.onboard(w.initech, "mira.kade@example.org"), w.onboard(w.acme, "other@example.org")
	o.allowed()
	forever.allowed()
	tidy := func(n int) {
		t.Helper()
		if found, err := w.ownGrants().Tidy(t.Context(), store.Ending{DB: w.db}); err != nil || found != n {
			t.Errorf("tidying found %d, %v; want %d", found, err, n)
		}
	}
	told := func(kind customer.AccessEnd) (n int) {
		for _, m := range w.mails() {
			if m.Kind == customer.MailAccessEnds && m.End == kind && m.To == o.email {
				n++
			}
		}
		return n
	}
	until := o.cards()[0].Until
	if !until.Equal(w.now().Add(w.initech.Class.GrantLife)) {
		t.Fatalf("the access ends at %v", until)
	}
	w.advance(w.initech.Class.GrantLife - grant.WarnedBefore - time.Millisecond)
	tidy(0)
	w.advance(time.Millisecond)
	tidy(1)
	tidy(0)
	if told(customer.AccessEnding) != 1 || len(w.events(audit.Filter{Action: audit.GrantEnding})) != 1 || o.cards()[0].State != grant.Active {
		t.Errorf("%d warnings", told(customer.AccessEnding))
	}
	w.advance(grant.WarnedBefore - time.Millisecond)
	tidy(0)
	if !o.cards()[0].Stands(w.now()) {
		t.Error("over a millisecond before its end")
	}
	w.advance(time.Millisecond)
	if o.cards()[0].Stands(w.now()) {
		t.Error("it stands at its end, before anybody tidied")
	}
	tidy(1)
	tidy(0)
	c := o.cards()[0]
	if c.State != grant.Ended || !c.EndedAt.Equal(until) || told(customer.AccessEnded) != 1 || len(w.events(audit.Filter{Action: audit.GrantEnded})) != 1 {
		t.Errorf("ended: %+v, %d mails", c.Grant, told(customer.AccessEnded))
	}
	if c := forever.cards()[0]; !c.Stands(w.now()) || !c.Until.IsZero() {
		t.Errorf("an access without a term: %+v", c.Grant)
	}
}

// TestRenewedAccessIsWarnedOfAgain: the customer who is asked again before the end has a new term, with a warning of its own.
func TestRenewedAccessIsWarnedOfAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.initech, "mira.kade@example.org")
	b, _ := o.allowed()
	must(t, w.claims.Store.Change(t.Context(), func(tx claim.Tx) (audit.Event, error) {
		g, err := tx.Grant(o.cards()[0].ID)
		g.WarnedAt = w.now()
		return audit.Event{At: w.now(), Action: audit.GrantEnding, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorServer}}, errors.Join(err, tx.SaveGrant(&g))
	}))
	w.advance(time.Minute)
	r := w.request(w.initech)
	r.Prompt = "consent"
	must(t, b.visit(r))
	must(t, b.decide(true))
	if cards := o.cards(); len(cards) != 1 || !cards[0].WarnedAt.IsZero() || !cards[0].Until.Equal(w.now().Add(w.initech.Class.GrantLife)) {
		t.Errorf("renewed: %+v", cards)
	}
}

// TestUsesAreNotedOnceADay: the first admitted request of a day is written down, with its event, and no other one; a refused token is
// no use; trouble loses nothing.
func TestUsesAreNotedOnceADay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.tokens.Uses = &grant.Uses{}
	o := w.onboard(w.acme, "mira.kade@example.org")
	_, code := o.allowed()
	issue, err := w.exchange(w.acme, code)
	must(t, err)
	used := func(what string, n int, day string) {
		t.Helper()
		if saved, err := w.tokens.SaveUses(context.Background()); err != nil || saved != n {
			t.Errorf("%s: %d saved, %v; want %d", what, saved, err, n)
		}
		if got := o.cards()[0].UsedOn; day == "" && !got.IsZero() || day != "" && got.Format(time.DateTime) != day+" 00:00:00" {
			t.Errorf("%s: used on %v", what, got)
		}
	}
	used("an exchange", 0, "")
	if _, err := w.tokens.Access(t.Context(), issue.Access+"x"); err == nil {
		t.Fatal("a wrong token is admitted")
	}
	used("a refused token", 0, "")
	for range 3 {
		_, err = w.tokens.Access(t.Context(), issue.Access)
		must(t, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.tokens.SaveUses(ended); err == nil {
		t.Error("saved without a database")
	}
	used("after trouble", 1, "2026-11-22")
	_, err = w.tokens.Access(t.Context(), issue.Access)
	must(t, err)
	used("the same day", 0, "2026-11-22")
	w.advance(11 * time.Hour)
	_, err = w.tokens.Access(t.Context(), issue.Access)
	must(t, err)
	used("the next day", 1, "2026-11-23")
	if events := w.events(audit.Filter{Action: audit.GrantUsed}); len(events) != 2 || events[0].Account != int64(o.account) || events[0].Partner != int64(w.acme.ID) {
		t.Errorf("the audit: %+v", events)
	}
}
