package store

import (
	"errors"
	"fmt"
	"time"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
)

const subscriptionColumns = "id, public_id, partner_id, account_id, profile_id, epoch, name, trigger_on, payload, url, key_version, created_at"

func subscriptionFields(s *partner.Subscription) []any {
	return []any{&s.ID, &s.PublicID, &s.Partner, &s.Account, &s.Profile, &s.Epoch, &s.Name, &s.Trigger, &s.Payload, &s.URL, &s.KeyVersion,
		moment{&s.CreatedAt}}
}

// Subscriptions lists what an owner has, oldest first; a profile's are of the owner's epoch alone.
func (tx *Tx) Subscriptions(o partner.Owner) ([]partner.Subscription, error) {
	return tx.subscriptions(`SELECT `+subscriptionColumns+` FROM subscription WHERE partner_id = $1 AND profile_id = $2 AND account_id = $3
		AND epoch = $4 ORDER BY id`, o.Partner, o.Profile, o.Account, o.Epoch)
}

func (tx *Tx) subscriptions(query string, args ...any) ([]partner.Subscription, error) {
	var all []partner.Subscription
	err := tx.each(query, args, func(scan func(...any) error) error {
		var s partner.Subscription
		err := scan(subscriptionFields(&s)...)
		all = append(all, s)
		return err
	})
	return all, err
}

// Subscription reads one of an owner's, or answers partner.ErrNoSubscription.
func (tx *Tx) Subscription(o partner.Owner, publicID string) (partner.Subscription, error) {
	var s partner.Subscription
	err := tx.get("SELECT "+subscriptionColumns+` FROM subscription WHERE public_id = $1 AND partner_id = $2 AND profile_id = $3
		AND account_id = $4 AND epoch = $5`, []any{publicID, o.Partner, o.Profile, o.Account, o.Epoch}, subscriptionFields(&s)...)
	if errors.Is(err, errNoRow) {
		err = partner.ErrNoSubscription
	}
	if err != nil {
		return partner.Subscription{}, err
	}
	return s, nil
}

// AddSubscription writes one. Where it is a profile's, its account must still be of its epoch, or it is
// partner.ErrSevered: the check when the request arrived authorises no write (design 3).
func (tx *Tx) AddSubscription(s partner.Subscription) error {
	if s.Profile != 0 {
		a, err := tx.Account(customer.AccountID(s.Account))
		if errors.Is(err, customer.ErrNoAccount) || err == nil && a.Epoch != s.Epoch {
			err = partner.ErrSevered
		}
		if err != nil {
			return err
		}
	}
	err := tx.put("INSERT INTO subscription ("+subscriptionColumns+") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
		subscriptionFields(&s)...)
	if errors.Is(err, errTaken) {
		tx.failed = fmt.Errorf("%w: subscription", ErrConflict)
		err = tx.failed
	}
	return err
}

// RemoveSubscription deletes one and cancels what was on its way to it.
func (tx *Tx) RemoveSubscription(id partner.SubscriptionID, now time.Time) error {
	if err := tx.put("UPDATE delivery SET done_at = $2, outcome = $3 WHERE subscription_id = $1 AND done_at = 0",
		id, millis(now), partner.Cancelled); err != nil {
		return err
	}
	return tx.put("DELETE FROM subscription WHERE id = $1", id)
}

// QueueEvent writes what a partner is to be told, with its number, and a delivery to each of the partner's subscriptions
// that asks for it.
func (tx *Tx) QueueEvent(e partner.Event) error {
	if e.ID == 0 {
		e.ID = tx.db.ids.Next()
	}
	if err := tx.put(`INSERT INTO event_sequence (account_id, partner_id, last) VALUES ($1, $2, 1)
		ON CONFLICT (account_id, partner_id) DO UPDATE SET last = event_sequence.last + 1`, e.Account, e.Partner); err != nil {
		return err
	}
	if err := tx.get("SELECT last FROM event_sequence WHERE account_id = $1 AND partner_id = $2", []any{e.Account, e.Partner},
		&e.Sequence); err != nil {
		return err
	}
	if err := tx.put("INSERT INTO partner_event ("+eventColumns+") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
		eventFields(&e)...); err != nil {
		return err
	}
	return tx.spread(e)
}

const eventColumns = "id, partner_id, account_id, profile_id, type, state, reason, fields, data, occurred_at, sequence"

func eventFields(e *partner.Event) []any {
	return []any{&e.ID, &e.Partner, &e.Account, &e.Profile, &e.Type, &e.State, &e.Reason, list{&e.Fields}, &e.Data, moment{&e.OccurredAt},
		&e.Sequence}
}

// spread writes a delivery of an event for each subscription of its partner that asks for it.
func (tx *Tx) spread(e partner.Event) error {
	wanted, err := tx.subscriptions("SELECT "+subscriptionColumns+` FROM subscription WHERE partner_id = $1 AND profile_id = 0 AND trigger_on = $2
		ORDER BY id`, e.Partner, e.Type)
	if err != nil {
		return err
	}
	for _, s := range wanted {
		if !e.Reaches(s) {
			continue
		}
		if err := tx.addDelivery(partner.Delivery{ID: partner.DeliveryID(tx.db.ids.Next()), PublicID: secret.UUID(), Subscription: s.ID, Partner: s.Partner,
			Event: e.ID, Account: e.Account, Sequence: e.Sequence, CreatedAt: tx.db.now(), DueAt: tx.db.now()}); err != nil {
			return err
		}
	}
	return nil
}
