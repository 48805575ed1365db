package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/partner"
)

const deliveryColumns = "id, public_id, subscription_id, partner_id, event_id, account_id, sequence, created_at, due_at, attempts, refusals, " +
	"tried_at, done_at, outcome, status"

func deliveryFields(d *partner.Delivery) []any {
	return []any{&d.ID, &d.PublicID, &d.Subscription, &d.Partner, &d.Event, &d.Account, &d.Sequence, moment{&d.CreatedAt}, moment{&d.DueAt},
		&d.Attempts, &d.Refusals, moment{&d.TriedAt}, moment{&d.DoneAt}, &d.Outcome, &d.Status}
}

func (tx *Tx) deliveries(query string, args ...any) ([]partner.Delivery, error) {
	var all []partner.Delivery
	err := tx.each(query, args, func(scan func(...any) error) error {
		var d partner.Delivery
		err := scan(deliveryFields(&d)...)
		all = append(all, d)
		return err
	})
	return all, err
}

func (tx *Tx) addDelivery(d partner.Delivery) error {
	err := tx.put("INSERT INTO delivery ("+deliveryColumns+") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
		deliveryFields(&d)...)
	if errors.Is(err, errTaken) {
		tx.failed = fmt.Errorf("%w: delivery", ErrConflict)
		err = tx.failed
	}
	return err
}

// QueueTest writes a delivery without an event.
func (tx *Tx) QueueTest(d partner.Delivery) error { return tx.addDelivery(d) }

// RestartDelivery writes a delivery that was made due again.
func (tx *Tx) RestartDelivery(d partner.Delivery) error { return tx.endTry(d, "") }

// endTry writes what became of a try. which may narrow it down further.
func (tx *Tx) endTry(d partner.Delivery, which string, more ...any) error {
	_, err := tx.exec(`UPDATE delivery SET due_at = $2, attempts = $3, refusals = $4, tried_at = $5, done_at = $6, outcome = $7, status = $8
		WHERE id = $1`+which, append([]any{d.ID, millis(d.DueAt), d.Attempts, d.Refusals, millis(d.TriedAt), millis(d.DoneAt), d.Outcome,
		d.Status}, more...)...)
	return err
}

// Deliveries lists what an operator selects, newest first, with the event and the subscription as far as they are kept.
func (tx *Tx) Deliveries(which partner.Selection) ([]partner.Notice, error) {
	query, args := "SELECT "+deliveryColumns+" FROM delivery WHERE id < $1", []any{int64(math.MaxInt64)}
	match := func(text string, value any) {
		args = append(args, value)
		query += fmt.Sprintf(text, len(args))
	}
	if which.Partner != 0 {
		match(" AND partner_id = $%d", which.Partner)
	}
	if which.Outcome != "" {
		match(" AND outcome = $%d", which.Outcome)
	}
	if !which.Since.IsZero() {
		match(" AND created_at >= $%d", millis(which.Since))
	}
	if len(which.PublicIDs) > 0 {
		marks := ""
		for i, id := range which.PublicIDs {
			args = append(args, id)
			marks += fmt.Sprintf("$%d", len(args))
			if i < len(which.PublicIDs)-1 {
				marks += ", "
			}
		}
		query += " AND (public_id IN (" + marks + ") OR subscription_id IN (SELECT id FROM subscription WHERE public_id IN (" + marks + ")))"
	}
	match(" ORDER BY id DESC LIMIT $%d", which.Limit)
	found, err := tx.deliveries(query, args...)
	if err != nil {
		return nil, err
	}
	var all []partner.Notice
	for _, d := range found {
		n, err := tx.notice(d)
		if err != nil {
			return nil, err
		}
		p, err := tx.Partner(d.Partner)
		if err != nil {
			return nil, err
		}
		n.ClientID = p.ClientID
		all = append(all, n)
	}
	return all, nil
}

// notice adds the event and the subscription to a delivery, where they are still there.
func (tx *Tx) notice(d partner.Delivery) (partner.Notice, error) {
	n := partner.Notice{Delivery: d}
	if d.Event != 0 {
		err := tx.get("SELECT "+eventColumns+" FROM partner_event WHERE id = $1", []any{d.Event}, eventFields(&n.Event)...)
		if err != nil && !errors.Is(err, errNoRow) {
			return n, err
		}
	}
	err := tx.get("SELECT "+subscriptionColumns+" FROM subscription WHERE id = $1", []any{d.Subscription}, subscriptionFields(&n.Subscription)...)
	if err != nil && !errors.Is(err, errNoRow) {
		return n, err
	}
	return n, nil
}

// Outbox is the queue of deliveries as internal/notify uses it.
type Outbox struct{ DB *DB }

// DueSubscriptions lists the subscriptions that have a delivery due at now, with their partners, in the order of their ids.
// It looks at one row of each subscription that anything waits for, however much waits.
func (o Outbox) DueSubscriptions(ctx context.Context, now time.Time) ([]partner.Subscription, error) {
	var due []partner.Subscription
	err := o.DB.read(ctx, func(tx *Tx) error {
		due = nil
		var s partner.Subscription
		for {
			var at time.Time
			err := tx.get(`SELECT subscription_id, partner_id, due_at FROM delivery WHERE done_at = 0 AND subscription_id > $1
				ORDER BY subscription_id, due_at LIMIT 1`, []any{s.ID}, &s.ID, &s.Partner, moment{&at})
			if errors.Is(err, errNoRow) {
				return nil
			}
			if err != nil {
				return err
			}
			if !at.After(now) {
				due = append(due, s)
			}
		}
	})
	return due, err
}

// TakeDeliveries hands out deliveries that are due at now, at most want[id] for each subscription, and keeps each from
// every other node until now+lease: each statement repeats what it chose by, so that two nodes never get the same one. A
// first try waits until those before it of the same account and subscription have been tried.
func (o Outbox) TakeDeliveries(ctx context.Context, want map[partner.SubscriptionID]int, now time.Time, lease time.Duration) ([]partner.Delivery, error) {
	var taken []partner.Delivery
	err := o.DB.write(ctx, func(tx *Tx) error {
		taken = nil
		for _, id := range slices.Sorted(maps.Keys(want)) {
			some, err := tx.deliveries(`UPDATE delivery SET due_at = $3, attempts = attempts + 1 WHERE done_at = 0 AND due_at <= $2 AND id IN
				(SELECT d.id FROM delivery d WHERE d.subscription_id = $1 AND d.done_at = 0 AND d.due_at <= $2 AND (d.tried_at <> 0 OR NOT EXISTS
					(SELECT 1 FROM delivery e WHERE e.subscription_id = $1 AND e.account_id = d.account_id AND e.sequence < d.sequence
					AND e.done_at = 0 AND e.tried_at = 0)) ORDER BY d.due_at, d.id LIMIT $4) RETURNING `+deliveryColumns,
				id, millis(now), millis(now.Add(lease)), want[id])
			if err != nil {
				return err
			}
			taken = append(taken, some...)
		}
		tx.wrote = tx.wrote || len(taken) > 0
		return nil
	})
	slices.SortFunc(taken, func(a, b partner.Delivery) int { return int(a.ID - b.ID) })
	return taken, err
}

// Telling reads what a delivery is about, where it goes, and what decides whether it may.
func (o Outbox) Telling(ctx context.Context, d partner.Delivery) (grant.Telling, error) {
	var t grant.Telling
	err := o.DB.read(ctx, func(tx *Tx) (err error) {
		if t.Notice, err = tx.notice(d); err != nil {
			return err
		}
		if t.Partner, err = tx.Partner(d.Partner); err != nil {
			return err
		}
		if d.Account == 0 {
			return nil
		}
		if t.Account, err = tx.Account(customer.AccountID(d.Account)); err != nil {
			return err
		}
		t.Grants, err = tx.Grants(t.Account.ID, d.Partner)
		return err
	})
	return t, err
}

// DeliveryTried writes a try that failed and is to be repeated. Whoever took the delivery over meanwhile is not disturbed.
func (o Outbox) DeliveryTried(ctx context.Context, d partner.Delivery) error {
	return o.DB.write(ctx, func(tx *Tx) error { return tx.endTry(d, " AND done_at = 0 AND attempts = $9", d.Attempts) })
}

// DeliveryEnded writes the end of a delivery, with its event, once.
func (o Outbox) DeliveryEnded(ctx context.Context, d partner.Delivery, event audit.Event) error {
	return o.DB.change(ctx, func(tx *Tx) (audit.Event, error) {
		before := tx.wrote
		if err := tx.endTry(d, " AND done_at = 0"); err != nil || tx.wrote == before {
			return audit.Event{}, err
		}
		return event, nil
	})
}
