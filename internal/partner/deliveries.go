package partner

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
)

// A Notice is a delivery with what it is about and where it goes, as operators list it. Of what was deleted meanwhile only
// the numbers are left.
type Notice struct {
	Delivery     Delivery
	Event        Event
	Subscription Subscription
	// ClientID is the partner's.
	ClientID string
}

// A Selection says which deliveries an operator means. Zero fields mean all.
type Selection struct {
	Partner ID
	// PublicIDs are deliveries or subscriptions.
	PublicIDs []string
	Outcome   Outcome
	// Since leaves out what was queued earlier.
	Since time.Time
	// Limit bounds how many, newest first.
	Limit int
}

// DeliveryTx is what operators need of a transaction.
type DeliveryTx interface {
	Deliveries(Selection) ([]Notice, error)
	// RestartDelivery writes a delivery that was made due again.
	RestartDelivery(Delivery) error
	PartnerByClient(clientID string) (Partner, error)
}

// DeliveryStore runs transactions for operators.
type DeliveryStore interface {
	View(ctx context.Context, fn func(DeliveryTx) error) error
	Change(ctx context.Context, fn func(DeliveryTx) (audit.Event, error)) error
}

// Deliveries has the verbs of operators: list, resend.
type Deliveries struct {
	Store DeliveryStore
	Now   func() time.Time
}

// List returns what is selected, newest first.
func (ds Deliveries) List(ctx context.Context, clientID string, which Selection) ([]Notice, error) {
	var list []Notice
	err := ds.Store.View(ctx, func(tx DeliveryTx) (err error) {
		if which, err = named(tx, clientID, which); err == nil {
			list, err = tx.Deliveries(which)
		}
		return err
	})
	return list, err
}

// Resend makes the selected deliveries due now, from the start of their schedules, delivered or not: for a receiver that
// lost them. They keep their PublicIDs. Those of a subscription that was removed, and those whose event is no longer kept,
// cannot be sent again. Errors: ErrUnknown for the client, ErrNoDelivery when nothing is left of the selection.
func (ds Deliveries) Resend(ctx context.Context, clientID string, which Selection) (sent []Notice, err error) {
	now := ds.Now()
	err = ds.Store.Change(ctx, func(tx DeliveryTx) (audit.Event, error) {
		sent = nil
		which, err := named(tx, clientID, which)
		if err != nil {
			return audit.Event{}, err
		}
		list, err := tx.Deliveries(which)
		if err != nil {
			return audit.Event{}, err
		}
		for _, n := range list {
			if n.Subscription.ID == 0 || n.Delivery.Event != 0 && n.Event.ID == 0 {
				continue
			}
			n.Delivery = n.Delivery.Again(now)
			if err := tx.RestartDelivery(n.Delivery); err != nil {
				return audit.Event{}, err
			}
			sent = append(sent, n)
		}
		if len(sent) == 0 {
			return audit.Event{}, ErrNoDelivery
		}
		return audit.Event{At: now, Action: audit.EventResent, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorOperator},
			Partner: int64(which.Partner), Detail: map[string]string{"deliveries": strconv.Itoa(len(sent))}}, nil
	})
	if err != nil {
		return nil, err
	}
	return sent, nil
}

func named(tx DeliveryTx, clientID string, which Selection) (Selection, error) {
	if clientID == "" {
		return which, nil
	}
	p, err := tx.PartnerByClient(clientID)
	if errors.Is(err, ErrUnknown) || err == nil {
		which.Partner = p.ID
	}
	return which, err
}
