package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/partner"
)

// exerciseOutbox runs every statement of the outbox once, for the test of plans.
func exerciseOutbox(t *testing.T, db *DB, now time.Time) {
	t.Helper()
	ctx, outbox := t.Context(), Outbox{db}
	must(t, db.write(ctx, func(tx *Tx) error {
		return tx.QueueTest(partner.Delivery{ID: 21, PublicID: "t", Subscription: 11, Partner: 1, DueAt: now})
	}))
	_, err := outbox.DueSubscriptions(ctx, now)
	must(t, err)
	_, err = outbox.TakeDeliveries(ctx, map[partner.SubscriptionID]int{11: 1}, now, time.Minute)
	must(t, err)
	_, err = outbox.Telling(ctx, partner.Delivery{ID: 21, Event: 1, Account: int64(owner), Partner: 1})
	must(t, err)
	must(t, outbox.DeliveryTried(ctx, partner.Delivery{ID: 21, Attempts: 9}))
	must(t, outbox.DeliveryEnded(ctx, partner.Delivery{ID: 99}, happened(1)))
}

var webhookTime = time.UnixMilli(1_800_000_000_000).UTC()

// subscribed writes a partner with one subscription to claims for each id.
func subscribed(t *testing.T, db *DB, ids ...partner.SubscriptionID) {
	t.Helper()
	must(t, db.write(t.Context(), func(tx *Tx) error {
		p := partner.Partner{ID: 1, ClientID: "acme", Class: partner.Classic, Active: true}
		if err := tx.SavePartner(&p); err != nil {
			return err
		}
		for _, id := range ids {
			if err := tx.AddSubscription(subscriptionTo(id, partner.EventClaims)); err != nil {
				return err
			}
		}
		return nil
	}))
}

func subscriptionTo(id partner.SubscriptionID, kind partner.EventType) partner.Subscription {
	return partner.Subscription{ID: id, PublicID: fmt.Sprintf("subscription-%d", id), Partner: 1, Name: "n", Trigger: kind, Payload: "4.0.0",
		URL: "https://hooks.acme.example/x", KeyVersion: 1, CreatedAt: webhookTime}
}

func queue(t *testing.T, db *DB, account int64, states ...string) {
	t.Helper()
	for _, state := range states {
		must(t, db.write(t.Context(), func(tx *Tx) error {
			return tx.QueueEvent(partner.Event{Partner: 1, Account: account, Type: partner.EventClaims, State: state, OccurredAt: webhookTime})
		}))
	}
}

// later is after everything that the tests queue, whose moments are the database's.
func later(db *DB) time.Time { return db.now().Add(time.Second) }

func take(t *testing.T, db *DB, now time.Time, want map[partner.SubscriptionID]int) []partner.Delivery {
	t.Helper()
	list, err := Outbox{db}.TakeDeliveries(t.Context(), want, now, time.Minute)
	must(t, err)
	return list
}

func TestSubscriptionKeepsEveryField(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		s := filled[partner.Subscription](t)
		s.Account, s.Epoch = int64(owner), 0
		withAccount(t, db, owner, "owner@example.org")
		must(t, db.write(t.Context(), func(tx *Tx) error {
			a, err := tx.Account(owner)
			s.Epoch = a.Epoch
			return errors.Join(err, tx.AddSubscription(s))
		}))
		o := partner.Owner{Partner: s.Partner, Account: s.Account, Profile: s.Profile, Epoch: s.Epoch}
		must(t, db.read(t.Context(), func(tx *Tx) error {
			got, err := tx.Subscription(o, s.PublicID)
			if d := differences(s, got); err != nil || d != "" {
				t.Errorf("%v\n%s", err, d)
			}
			list, err := tx.Subscriptions(o)
			if err != nil || len(list) != 1 || differences(s, list[0]) != "" {
				t.Errorf("listed %v, %v", list, err)
			}
			for what, other := range map[string]partner.Owner{"partner": {Partner: 9, Account: o.Account, Profile: o.Profile, Epoch: o.Epoch},
				"profile": {Partner: o.Partner, Account: o.Account, Profile: 9, Epoch: o.Epoch}, "account": {Partner: o.Partner, Account: 9, Profile: o.Profile, Epoch: o.Epoch},
				"epoch": {Partner: o.Partner, Account: o.Account, Profile: o.Profile, Epoch: o.Epoch + 1}, "none": {Partner: o.Partner}} {
				if _, err := tx.Subscription(other, s.PublicID); !errors.Is(err, partner.ErrNoSubscription) {
					t.Errorf("read by another %s: %v", what, err)
				}
				if list, err := tx.Subscriptions(other); err != nil || len(list) > 0 {
					t.Errorf("listed by another %s: %v, %v", what, list, err)
				}
			}
			return nil
		}))
	})
}

// TestSubscriptionNeedsTheEpoch: I2: what was checked when the request arrived authorises no write.
func TestSubscriptionNeedsTheEpoch(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		a := withAccount(t, db, owner, "owner@example.org")
		for _, c := range []struct{ account, epoch int64 }{{int64(owner), a.Epoch + 1}, {int64(owner), a.Epoch - 1}, {999, a.Epoch}} {
			s := subscriptionTo(5, "balances#update")
			s.Profile, s.Account, s.Epoch = 7, c.account, c.epoch
			err := db.write(t.Context(), func(tx *Tx) error { return tx.AddSubscription(s) })
			if !errors.Is(err, partner.ErrSevered) || rows(t, db, "subscription") != 0 {
				t.Errorf("account %d, epoch %d: %v", c.account, c.epoch, err)
			}
		}
		// An erased account takes its profiles' subscriptions along.
		s := subscriptionTo(5, "balances#update")
		s.Profile, s.Account, s.Epoch = 7, int64(owner), a.Epoch
		must(t, db.write(t.Context(), func(tx *Tx) error { return tx.AddSubscription(s) }))
		must(t, db.write(t.Context(), func(tx *Tx) error { return tx.EraseAccount(owner) }))
		if n := rows(t, db, "subscription"); n != 0 {
			t.Errorf("%d subscriptions of an erased account", n)
		}
	})
}

// TestEventSpreads: one delivery for each subscription of the same partner to the same event, in the event's transaction,
// and a sequence without gaps for each account and partner.
func TestEventSpreads(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		subscribed(t, db, 1, 2)
		must(t, db.write(t.Context(), func(tx *Tx) error {
			other, elsewhere, profile := subscriptionTo(3, partner.EventGrants), subscriptionTo(4, partner.EventClaims), subscriptionTo(5, partner.EventClaims)
			elsewhere.Partner, profile.Profile, profile.Account = 2, 9, int64(owner)
			for _, s := range []partner.Subscription{other, elsewhere} {
				must(t, tx.AddSubscription(s))
			}
			return nil
		}))
		queue(t, db, 7, "opened", "started")
		queue(t, db, 8, "opened")
		failed := errors.New("changed its mind")
		err := db.write(t.Context(), func(tx *Tx) error {
			must(t, tx.QueueEvent(partner.Event{Partner: 1, Account: 7, Type: partner.EventClaims, State: "lost", OccurredAt: webhookTime}))
			return failed
		})
		if !errors.Is(err, failed) {
			t.Fatal(err)
		}
		queue(t, db, 7, "claimed")
		var list []partner.Notice
		must(t, db.read(t.Context(), func(tx *Tx) (err error) {
			list, err = tx.Deliveries(partner.Selection{Limit: 100})
			return err
		}))
		var got []string
		for _, n := range list {
			got = append(got, fmt.Sprintf("%d:%d:%d:%s", n.Subscription.ID, n.Delivery.Account, n.Delivery.Sequence, n.Event.State))
			if len(n.Delivery.PublicID) != 36 || n.Delivery.Event != n.Event.ID || n.ClientID != "acme" || n.Event.Sequence != n.Delivery.Sequence {
				t.Errorf("notice %+v", n)
			}
		}
		slices.Sort(got)
		want := []string{"1:7:1:opened", "1:7:2:started", "1:7:3:claimed", "1:8:1:opened", "2:7:1:opened", "2:7:2:started", "2:7:3:claimed", "2:8:1:opened"}
		if !slices.Equal(got, want) {
			t.Errorf("spread to\n%q, want\n%q", got, want)
		}
		// The same event cannot go to the same subscription twice, whoever tries.
		again := list[0].Delivery
		again.ID, again.PublicID = 1, "another"
		if err := db.write(t.Context(), func(tx *Tx) error { return tx.addDelivery(again) }); !errors.Is(err, ErrUnavailable) {
			t.Errorf("a second delivery: %v", err)
		}
	})
}

// TestTakingGoesInOrder: of deliveries that were never tried, the first of each account; a failing one holds nothing back
// once it was tried.
func TestTakingGoesInOrder(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		subscribed(t, db, 1)
		queue(t, db, 7, "opened", "started", "claimed")
		queue(t, db, 8, "opened", "started")
		now, outbox := later(db), Outbox{db}
		names := func(list []partner.Delivery) (all []string) {
			for _, d := range list {
				all = append(all, fmt.Sprintf("%d:%d", d.Account, d.Sequence))
			}
			slices.Sort(all)
			return all
		}
		want := map[partner.SubscriptionID]int{1: 9}
		first := take(t, db, now, want)
		if got := names(first); !slices.Equal(got, []string{"7:1", "8:1"}) {
			t.Fatalf("took %q first", got)
		}
		if got := take(t, db, now, want); len(got) != 0 {
			t.Fatalf("took %q while the first are under way", names(got))
		}
		for _, d := range first { // one fails, one is delivered
			if d.Account == 7 {
				must(t, outbox.DeliveryTried(t.Context(), d.Failed(503, time.Time{}, now)))
			} else {
				must(t, outbox.DeliveryEnded(t.Context(), d.Ended(partner.Delivered, now), happened(8)))
			}
		}
		second := take(t, db, now, want)
		if got := names(second); !slices.Equal(got, []string{"7:2", "8:2"}) {
			t.Fatalf("took %q second: the failing one must hold nothing back", got)
		}
		// The node dies with both. After the lease they are handed out again, with the retry that is due by then, and 7:3
		// still waits for the first try of 7:2 to end.
		now = now.Add(time.Minute + time.Millisecond)
		third := take(t, db, now, want)
		if got := names(third); !slices.Equal(got, []string{"7:1", "7:2", "8:2"}) {
			t.Fatalf("took %q third", got)
		}
		for _, d := range third {
			if d.Attempts != 2 {
				t.Errorf("%d:%d is at try %d, want 2", d.Account, d.Sequence, d.Attempts)
			}
		}
	})
}

// TestOneLoopGetsIt: 64 loops, of several nodes, take at once; each delivery is handed out once in a lease.
func TestOneLoopGetsIt(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		subscribed(t, db, 1, 2, 3)
		const accounts = 40
		for account := range int64(accounts) {
			queue(t, db, account+1, "opened")
		}
		now, lease := later(db), time.Minute
		for round := range 2 {
			var mu sync.Mutex
			var all sync.WaitGroup
			seen := map[partner.DeliveryID]int{}
			for range 64 {
				all.Go(func() {
					for range 4 {
						list, err := Outbox{db}.TakeDeliveries(context.Background(), map[partner.SubscriptionID]int{1: 2, 2: 2, 3: 2}, now, lease)
						if err != nil {
							t.Error(err)
							return
						}
						mu.Lock()
						for _, d := range list {
							seen[d.ID]++
							if d.Attempts != round+1 {
								t.Errorf("try %d in round %d", d.Attempts, round)
							}
						}
						mu.Unlock()
					}
				})
			}
			all.Wait()
			if len(seen) != 3*accounts {
				t.Errorf("round %d: %d deliveries were handed out, want %d", round, len(seen), 3*accounts)
			}
			for id, n := range seen {
				if n != 1 {
					t.Errorf("round %d: delivery %d was handed out %d times", round, id, n)
				}
			}
			now = now.Add(lease + time.Millisecond)
		}
	})
}

// TestLateNodeDisturbsNobody: a node that comes back after its lease neither postpones what another has taken nor ends
// what has ended.
func TestLateNodeDisturbsNobody(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		subscribed(t, db, 1)
		queue(t, db, 7, "opened")
		outbox, now, want := Outbox{db}, later(db), map[partner.SubscriptionID]int{1: 1}
		late := take(t, db, now, want)[0]
		now = now.Add(2 * time.Minute)
		current := take(t, db, now, want)[0]
		must(t, outbox.DeliveryTried(t.Context(), late.Failed(500, time.Time{}, now)))
		must(t, outbox.DeliveryEnded(t.Context(), current.Ended(partner.Delivered, now), happened(7)))
		must(t, outbox.DeliveryEnded(t.Context(), late.Ended(partner.GivenUp, now), happened(7)))
		list, err := partner.Deliveries{Store: Deliveries{db}, Now: db.now}.List(t.Context(), "acme", partner.Selection{Limit: 9})
		if err != nil || len(list) != 1 || list[0].Delivery.Outcome != partner.Delivered || list[0].Delivery.Attempts != 2 {
			t.Errorf("%+v, %v", list, err)
		}
		if n := rows(t, db, "audit_event"); n != 1 {
			t.Errorf("%d events, want one for the one end", n)
		}
	})
}

// TestDueSubscriptions: who waits and who does not.
func TestDueSubscriptions(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		subscribed(t, db, 1, 2, 3)
		queue(t, db, 7, "opened")
		now, outbox := later(db), Outbox{db}
		due := func(at time.Time) (ids []partner.SubscriptionID) {
			list, err := outbox.DueSubscriptions(t.Context(), at)
			must(t, err)
			for _, s := range list {
				if s.Partner != 1 {
					t.Errorf("subscription %d is of partner %d", s.ID, s.Partner)
				}
				ids = append(ids, s.ID)
			}
			return ids
		}
		if got := due(now); !slices.Equal(got, []partner.SubscriptionID{1, 2, 3}) {
			t.Errorf("due %v", got)
		}
		d := take(t, db, now, map[partner.SubscriptionID]int{2: 1})[0]
		if got := due(now); !slices.Equal(got, []partner.SubscriptionID{1, 3}) {
			t.Errorf("due %v while 2 is under way", got)
		}
		must(t, outbox.DeliveryEnded(t.Context(), d.Ended(partner.Delivered, now), happened(7)))
		must(t, db.write(t.Context(), func(tx *Tx) error { return tx.RemoveSubscription(3, now) }))
		if got := due(now.Add(time.Hour)); !slices.Equal(got, []partner.SubscriptionID{1}) {
			t.Errorf("due %v after 2 ended and 3 was removed", got)
		}
	})
}

// TestResend: what is kept can be sent again under its old id; what was removed cannot.
func TestResend(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		subscribed(t, db, 1, 2)
		queue(t, db, 7, "opened")
		now, ctx := later(db), t.Context()
		want := map[partner.SubscriptionID]int{1: 9, 2: 9}
		ids := map[string]bool{}
		for _, d := range take(t, db, now, want) {
			ids[d.PublicID] = true
			must(t, Outbox{db}.DeliveryEnded(ctx, d.Ended(partner.GivenUp, now), happened(7)))
		}
		must(t, db.write(ctx, func(tx *Tx) error { return tx.RemoveSubscription(2, now) }))
		ds := partner.Deliveries{Store: Deliveries{db}, Now: func() time.Time { return now }}
		sent, err := ds.Resend(ctx, "acme", partner.Selection{Outcome: partner.GivenUp, Limit: 100})
		if err != nil || len(sent) != 1 || sent[0].Subscription.ID != 1 {
			t.Fatalf("resent %+v, %v", sent, err)
		}
		again := take(t, db, now, want)
		if len(again) != 1 || !ids[again[0].PublicID] || again[0].Attempts != 1 {
			t.Errorf("took %+v", again)
		}
		for name, c := range map[string]struct {
			client string
			which  partner.Selection
			want   error
		}{
			"another client": {"globex", partner.Selection{Limit: 9}, partner.ErrUnknown},
			"nothing such":   {"", partner.Selection{PublicIDs: []string{"no such"}, Limit: 9}, partner.ErrNoDelivery},
			"too old":        {"acme", partner.Selection{Since: now.Add(time.Hour), Limit: 9}, partner.ErrNoDelivery},
		} {
			if _, err := ds.Resend(ctx, c.client, c.which); !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", name, err, c.want)
			}
		}
		list, err := ds.List(ctx, "", partner.Selection{PublicIDs: []string{"subscription-1"}, Limit: 9})
		if err != nil || len(list) != 1 || list[0].Delivery.ID != again[0].ID {
			t.Errorf("listed by subscription: %+v, %v", list, err)
		}
	})
}

// TestTelling: everything that decides is there.
func TestTelling(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		subscribed(t, db, 1)
		withAccount(t, db, owner, "owner@example.org")
		g := grant.Grant{ID: 4, Account: owner, Partner: 1, Profile: 9, State: grant.Active}
		ended := grant.Grant{ID: 5, Account: owner, Partner: 1, Profile: 9, State: grant.Ended}
		must(t, db.write(t.Context(), func(tx *Tx) error { return errors.Join(tx.SaveGrant(&g), tx.SaveGrant(&ended)) }))
		queue(t, db, int64(owner), "opened")
		d := take(t, db, later(db), map[partner.SubscriptionID]int{1: 1})[0]
		got, err := Outbox{db}.Telling(t.Context(), d)
		must(t, err)
		if got.Event.State != "opened" || got.Subscription.ID != 1 || got.Partner.ClientID != "acme" || got.Account.State != customer.Pending ||
			len(got.Grants) != 1 || got.Grants[0].ID != 4 {
			t.Errorf("%+v", got)
		}
		must(t, db.write(t.Context(), func(tx *Tx) error { return tx.RemoveSubscription(1, db.now()) }))
		if got, err = (Outbox{db}).Telling(t.Context(), d); err != nil || got.Subscription.ID != 0 {
			t.Errorf("after removal: %+v, %v", got.Subscription, err)
		}
	})
}
