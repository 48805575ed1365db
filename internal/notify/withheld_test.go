package notify

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/store"
)

// Design 10.12, end to end: an event that waited in the queue over the claim is not told without access; what the customer
// decided is.
func TestWithheldAfterTheClaim(t *testing.T) {
	for name, c := range map[string]struct {
		profile int64
		want    string
	}{
		"no access":               {0, "claimed"},
		"access":                  {9, "started confirmed claimed"},
		"access to another one's": {8, "started claimed"},
	} {
		t.Run(name, func(t *testing.T) {
			o := newDepot(t)
			in := o.receiver(status(200))
			p := o.partner()
			o.subscribe(p, partner.EventClaims, in.URL)
			o.subscribe(p, partner.EventProfiles, in.URL)
			a := o.account(p)
			o.tell(p, a.ID, partner.EventClaims, "started")
			must(t, o.change(func(tx *store.Tx) error {
				return tx.QueueEvent(partner.Event{Partner: p, Account: int64(a.ID), Profile: 9, Type: partner.EventProfiles, State: "confirmed", OccurredAt: o.now()})
			}))
			o.tell(p, a.ID, partner.EventClaims, "claimed")
			o.claimed(a, p, c.profile)
			o.settle()
			_, bodies := in.got()
			all := strings.Join(bodies, "\n")
			for _, state := range []string{"started", "confirmed", "claimed"} {
				if told := strings.Contains(all, `"`+state+`"`); told != strings.Contains(c.want, state) {
					t.Errorf("%s was told: %t", state, told)
				}
			}
			for _, d := range o.deliveries() {
				if d.Outcome != partner.Delivered && d.Outcome != partner.Withheld || d.Outcome == partner.Withheld && d.Status != 0 {
					t.Errorf("%+v", d)
				}
			}
		})
	}
}

// TestRemovedAndPaused: what was removed gets nothing more; a paused partner's events wait for it and then come.
func TestRemovedAndPaused(t *testing.T) {
	o := newDepot(t)
	in := o.receiver(status(503))
	p := o.partner()
	s := o.subscribe(p, partner.EventClaims, in.URL)
	o.tell(p, o.account(p).ID, partner.EventClaims, "opened")
	o.turn()
	must(t, o.change(func(tx *store.Tx) error { return tx.RemoveSubscription(s.ID, o.now()) }))
	o.advance(24 * time.Hour)
	o.settle()
	if d := o.only(); in.count() != 1 || d.Outcome != partner.Cancelled {
		t.Errorf("removed: %d requests, %+v", in.count(), d)
	}

	in = o.receiver(status(200))
	p = o.partner()
	o.subscribe(p, partner.EventClaims, in.URL)
	pause := func(active bool) {
		must(t, o.change(func(tx *store.Tx) error {
			row, err := tx.Partner(p)
			row.Active = active
			return errors.Join(err, tx.SavePartner(&row))
		}))
	}
	pause(false)
	o.tell(p, o.account(p).ID, partner.EventClaims, "opened")
	o.turn()
	if d := o.deliveries()[0]; in.count() != 0 || d.Outcome != "" || d.Attempts != 1 {
		t.Errorf("paused: %d requests, %+v", in.count(), d)
	}
	pause(true)
	o.advance(time.Minute)
	o.settle()
	if d := o.deliveries()[0]; in.count() != 1 || d.Outcome != partner.Delivered {
		t.Errorf("resumed: %d requests, %+v", in.count(), d)
	}
}

// TestQueueInTrouble: a database that does not answer loses nothing and frees every seat.
func TestQueueInTrouble(t *testing.T) {
	o := newDepot(t)
	in := o.receiver(status(200))
	p := o.partner()
	o.subscribe(p, partner.EventClaims, in.URL)
	o.tell(p, o.account(p).ID, partner.EventClaims, "opened")
	whole := o.courier.outbox
	for _, where := range []string{"due", "take", "telling"} {
		o.courier.outbox = failingOutbox{whole, where}
		if err := o.courier.turn(t.Context()); (err != nil) != (where != "telling") {
			t.Errorf("%s: %v", where, err)
		}
		o.courier.flying.Wait()
		if in.count() != 0 || o.courier.taken != 0 || len(o.courier.byPartner) != 0 {
			t.Errorf("%s: %d requests, %d seats taken", where, in.count(), o.courier.taken)
		}
	}
	o.courier.outbox = whole
	o.advance(deliveryLease)
	o.settle()
	if d := o.only(); in.count() != 1 || d.Outcome != partner.Delivered || d.Attempts != 2 {
		t.Errorf("%d requests, %+v", in.count(), d)
	}
	if list, err := (audit.Events{Store: store.Audit{DB: o.db}}).Tail(t.Context(), audit.Filter{Action: audit.EventDelivered, Limit: 9}); err != nil || len(list) != 1 {
		t.Errorf("%v, %v", list, err)
	}
}

// failingOutbox is a database that does not answer one question.
type failingOutbox struct {
	Outbox
	where string
}

func (f failingOutbox) DueSubscriptions(ctx context.Context, now time.Time) ([]partner.Subscription, error) {
	if f.where == "due" {
		return nil, errDown
	}
	return f.Outbox.DueSubscriptions(ctx, now)
}

func (f failingOutbox) TakeDeliveries(ctx context.Context, want map[partner.SubscriptionID]int, now time.Time, lease time.Duration) ([]partner.Delivery, error) {
	if f.where == "take" {
		return nil, errDown
	}
	return f.Outbox.TakeDeliveries(ctx, want, now, lease)
}

func (f failingOutbox) Telling(ctx context.Context, d partner.Delivery) (grant.Telling, error) {
	if f.where == "telling" {
		return grant.Telling{}, errDown
	}
	return f.Outbox.Telling(ctx, d)
}
