package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/store"
)

// eventSelection are the flags that say which deliveries are meant.
type eventSelection struct {
	Partner string    `env:"-" placeholder:"ID" help:"Only this client id's."`
	Outcome string    `env:"-" placeholder:"OUTCOME" enum:",delivered,given_up,withheld,cancelled" default:"" help:"Only those that ended so: delivered, given_up, withheld, cancelled."`
	Since   time.Time `env:"-" placeholder:"MOMENT" help:"Only those queued since, such as 2026-11-22T08:00:00Z."`
	Limit   int       `env:"-" default:"100" placeholder:"N" help:"At most so many, newest first. Default: ${default}."`
}

func (e eventSelection) selection(ids []string) partner.Selection {
	return partner.Selection{PublicIDs: ids, Outcome: partner.Outcome(e.Outcome), Since: e.Since, Limit: min(max(e.Limit, 1), 10_000)}
}

// eventList lists deliveries.
type eventList struct {
	Config
	eventSelection

	JSON bool `name:"json" env:"-" help:"Print JSON."`
}

// listedDelivery is a delivery as list prints it. The receiver's answer is its status and no more.
type listedDelivery struct {
	Delivery     string    `json:"delivery_id"`
	Subscription string    `json:"subscription_id"`
	Partner      string    `json:"client_id"`
	Event        string    `json:"event_type"`
	State        string    `json:"state"`
	QueuedAt     time.Time `json:"queued_at"`
	Outcome      string    `json:"outcome"`
	Attempts     int       `json:"attempts"`
	Status       int       `json:"status"`
	DueAt        time.Time `json:"due_at,omitzero"`
}

func listedOf(n partner.Notice) listedDelivery {
	l := listedDelivery{Delivery: n.Delivery.PublicID, Subscription: n.Subscription.PublicID, Partner: n.ClientID,
		Event: string(n.Subscription.Trigger), State: n.Event.State, QueuedAt: n.Delivery.CreatedAt, Outcome: string(n.Delivery.Outcome),
		Attempts: n.Delivery.Attempts, Status: n.Delivery.Status}
	if n.Delivery.Event == 0 {
		l.State = "test"
	}
	if l.Outcome == "" {
		l.Outcome, l.DueAt = "waiting", n.Delivery.DueAt
	}
	return l
}

// Run prints one line a delivery, newest first.
func (cmd *eventList) Run(ctx context.Context, s streams) error {
	deliveries, closeDatabase, err := cmd.openDeliveries(ctx)
	if err != nil {
		return err
	}
	list, err := deliveries.List(ctx, cmd.Partner, cmd.selection(nil))
	if err := errors.Join(err, closeDatabase()); err != nil {
		return eventError(err, cmd.Partner)
	}
	return showDeliveries(s, list, cmd.JSON)
}

// eventResend has deliveries sent again.
type eventResend struct {
	Config
	eventSelection

	ID   []string `arg:"" optional:"" help:"Deliveries, or subscriptions for all of theirs, by the ids that list prints."`
	JSON bool     `name:"json" env:"-" help:"Print JSON."`
}

// Run makes the selected deliveries due now. Something must be selected: everything again is nobody's wish.
func (cmd *eventResend) Run(ctx context.Context, s streams) error {
	if len(cmd.ID) == 0 && cmd.Since.IsZero() && cmd.Outcome == "" {
		return hinted{"nothing is selected", []string{"name deliveries or subscriptions, or say --since or --outcome given_up"}}
	}
	deliveries, closeDatabase, err := cmd.openDeliveries(ctx)
	if err != nil {
		return err
	}
	sent, err := deliveries.Resend(ctx, cmd.Partner, cmd.selection(cmd.ID))
	if err := errors.Join(err, closeDatabase()); err != nil {
		return eventError(err, cmd.Partner)
	}
	return showDeliveries(s, sent, cmd.JSON)
}

func eventError(err error, clientID string) error {
	switch {
	case errors.Is(err, partner.ErrUnknown):
		return hinted{fmt.Sprintf("no partner has the client id %s", clientID), []string{"latchkey partner list shows them"}}
	case errors.Is(err, partner.ErrNoDelivery):
		return hinted{"there is nothing like that to send again", []string{"latchkey event list shows what is kept; a removed subscription gets nothing any more"}}
	}
	return err
}

func showDeliveries(s streams, list []partner.Notice, asJSON bool) error {
	if asJSON {
		out := []listedDelivery{}
		for _, n := range list {
			out = append(out, listedOf(n))
		}
		return json.NewEncoder(s.out).Encode(out)
	}
	table := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	for _, n := range list {
		l := listedOf(n)
		answered := "no answer"
		if l.Status != 0 {
			answered = strconv.Itoa(l.Status)
		}
		if l.Attempts == 0 {
			answered = "-"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n", l.Delivery, l.Partner, either(l.Event, "-"), either(l.State, "-"),
			l.QueuedAt.Format(time.RFC3339), l.Outcome, l.Attempts, answered)
	}
	return table.Flush()
}

// openDeliveries opens the queue beside the server that may be serving it.
func (c *Config) openDeliveries(ctx context.Context) (partner.Deliveries, func() error, error) {
	database, err := c.openDatabase(ctx)
	if err != nil {
		return partner.Deliveries{}, nil, err
	}
	return partner.Deliveries{Store: store.Deliveries{DB: database}, Now: now}, database.Close, nil
}
