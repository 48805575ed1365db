package partner

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// SubscriptionTx is what subscriptions need of a transaction. What is not there, or is not the owner's, is
// ErrNoSubscription.
type SubscriptionTx interface {
	// Subscriptions lists what the owner has, oldest first; a profile's are of the owner's epoch alone.
	Subscriptions(Owner) ([]Subscription, error)
	Subscription(o Owner, publicID string) (Subscription, error)
	// AddSubscription writes one. Where it is a profile's, the account must still be of its epoch, or it is ErrSevered.
	AddSubscription(Subscription) error
	// RemoveSubscription deletes it and cancels what was on its way to it.
	RemoveSubscription(id SubscriptionID, now time.Time) error
	// QueueTest writes a delivery without an event.
	QueueTest(Delivery) error
}

// SubscriptionStore runs transactions for subscriptions.
type SubscriptionStore interface {
	View(ctx context.Context, fn func(SubscriptionTx) error) error
	Change(ctx context.Context, fn func(SubscriptionTx) (audit.Event, error)) error
}

// Subscriptions has the verbs of contract 12.1: add, list, look up, remove, test.
type Subscriptions struct {
	Store     SubscriptionStore
	Keys      *secret.Keys
	IDs       *secret.IDs
	Receivers Receivers
	Now       func() time.Time
}

func (o Owner) event(now time.Time, action audit.Action, s Subscription) audit.Event {
	return audit.Event{At: now, Action: action, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorPartner, ID: int64(o.Partner)},
		Partner: int64(o.Partner), Account: o.Account, Reference: o.Reference, Network: o.Network,
		Detail: map[string]string{"subscription": strconv.FormatInt(int64(s.ID), 10), "event": string(s.Trigger)}}
}

// Add makes a subscription. Several for one event are allowed, and each gets its own copy. Errors: those of Draft.Check,
// joined; ErrTooManySubscriptions; ErrSevered.
func (ss Subscriptions) Add(ctx context.Context, o Owner, d Draft) (Subscription, error) {
	if errs := d.Check(o, ss.Receivers); len(errs) > 0 {
		return Subscription{}, errors.Join(errs...)
	}
	now := ss.Now()
	s := Subscription{ID: SubscriptionID(ss.IDs.Next()), PublicID: secret.UUID(), Partner: o.Partner, Account: o.Account, Profile: o.Profile,
		Epoch: o.Epoch, Name: d.Name, Trigger: d.Trigger, Payload: d.Payload, URL: d.URL, KeyVersion: ss.Keys.DigestVersion(), CreatedAt: now}
	err := ss.Store.Change(ctx, func(tx SubscriptionTx) (audit.Event, error) {
		have, err := tx.Subscriptions(o)
		if err == nil && len(have) >= MostSubscriptions {
			err = ErrTooManySubscriptions
		}
		if err != nil {
			return audit.Event{}, err
		}
		return o.event(now, audit.SubscriptionAdded, s), tx.AddSubscription(s)
	})
	return s, err
}

// Secret is the key of a subscription's Standard Webhooks signatures (whsec_...), "" for documented events, which do not
// carry them. It is computed, never stored; the answer to the creation is the one place that shows it.
func (ss Subscriptions) Secret(s Subscription) (string, error) {
	if !s.Trigger.Ours() {
		return "", nil
	}
	key, err := ss.Keys.WebhookKey(s.KeyVersion, s.PublicID)
	return key.Text(), err
}

// List returns the owner's subscriptions, oldest first.
func (ss Subscriptions) List(ctx context.Context, o Owner) ([]Subscription, error) {
	var list []Subscription
	err := ss.Store.View(ctx, func(tx SubscriptionTx) (err error) {
		list, err = tx.Subscriptions(o)
		return err
	})
	return list, err
}

// One looks up one of the owner's subscriptions, or answers ErrNoSubscription.
func (ss Subscriptions) One(ctx context.Context, o Owner, publicID string) (Subscription, error) {
	var s Subscription
	err := ss.Store.View(ctx, func(tx SubscriptionTx) (err error) {
		s, err = tx.Subscription(o, publicID)
		return err
	})
	return s, err
}

// Remove ends a subscription at once: what was on its way to it is not sent any more. The error is ErrNoSubscription.
func (ss Subscriptions) Remove(ctx context.Context, o Owner, publicID string) error {
	now := ss.Now()
	return ss.Store.Change(ctx, func(tx SubscriptionTx) (audit.Event, error) {
		s, err := tx.Subscription(o, publicID)
		if err != nil {
			return audit.Event{}, err
		}
		return o.event(now, audit.SubscriptionRemoved, s), tx.RemoveSubscription(s.ID, now)
	})
}

// Test queues a notification with invented contents, delivered like a real one (contract 12.1). The error is
// ErrNoSubscription.
func (ss Subscriptions) Test(ctx context.Context, o Owner, publicID string) (Delivery, error) {
	now := ss.Now()
	var d Delivery
	err := ss.Store.Change(ctx, func(tx SubscriptionTx) (audit.Event, error) {
		d = Delivery{}
		s, err := tx.Subscription(o, publicID)
		if err != nil {
			return audit.Event{}, err
		}
		d = Delivery{ID: DeliveryID(ss.IDs.Next()), PublicID: secret.UUID(), Subscription: s.ID, Partner: s.Partner, CreatedAt: now, DueAt: now}
		return o.event(now, audit.SubscriptionTested, s), tx.QueueTest(d)
	})
	return d, err
}
