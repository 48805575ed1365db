package notify

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// Outbox is what the courier needs of the database. Every method may answer that it is not available; then the courier
// waits, and nothing is lost, because a delivery leaves the queue only by DeliveryEnded.
type Outbox interface {
	// DueSubscriptions lists the subscriptions that have a delivery due at now, of which ID and Partner are set.
	DueSubscriptions(ctx context.Context, now time.Time) ([]partner.Subscription, error)
	// TakeDeliveries hands out deliveries that are due, at most want[id] for each subscription, and keeps each from every
	// other node until now+lease. It raises Attempts and returns it raised. Of deliveries that were never tried it hands out
	// the first of each account alone. A node that dies leaves its deliveries to whoever asks after the lease.
	TakeDeliveries(ctx context.Context, want map[partner.SubscriptionID]int, now time.Time, lease time.Duration) ([]partner.Delivery, error)
	// Telling reads what a delivery is about, where it goes, and what decides whether it may.
	Telling(ctx context.Context, d partner.Delivery) (grant.Telling, error)
	// DeliveryTried writes a try that failed and is to be repeated at DueAt.
	DeliveryTried(ctx context.Context, d partner.Delivery) error
	// DeliveryEnded writes the end of a delivery and the event, in one transaction.
	DeliveryEnded(ctx context.Context, d partner.Delivery, event audit.Event) error
}

// How much goes on at once. A receiver that hangs holds a seat for as long as a try may take, so seats are divided: a
// receiver is doubtful until it has taken something and from its next failure on, and has one seat then; all doubtful ones
// together have at most half, and those of one partner a few. Whoever has proved well always finds a seat.
const (
	seats           = 64
	doubtfulSeats   = 32
	partnerSeats    = 16
	partnerDoubtful = 4
	receiverSeats   = 4
	answerLimit     = 5 * time.Second // contract 12.2
	deliveryLease   = time.Minute     // exceeds what one try may take
	courierPollTime = 5 * time.Second
	gatherTime      = 20 * time.Millisecond
	// mostProven bounds what is remembered of receivers.
	mostProven = 10_000
)

// Courier delivers queued events to the addresses that partners subscribed with (contract 12.2). Make it with NewCourier,
// run Run in a goroutine, and call Wake after a change that may have queued one.
//
// What a receiver can do is hang, flood, redirect, lie about its address or its answer, and know more than it should. Each
// try ends after five seconds; of an answer nothing but the status counts and nothing is kept; redirects are not followed;
// every address is checked when it is dialled; and before each try it is asked whether the partner may still hear of this.
type Courier struct {
	outbox Outbox
	writer Writer
	client *http.Client
	now    func() time.Time
	log    *slog.Logger
	wake   chan struct{}
	freed  chan struct{} // a seat was given back
	flying sync.WaitGroup
	// patience is how long one try may take.
	patience time.Duration

	mu sync.Mutex
	// What follows counts seats in use: all, by partner and by subscription, and those of doubtful receivers apart. proven are
	// the subscriptions whose last try went well, last is where the round of subscriptions stopped.
	taken, takenDoubtful         int
	byPartner, doubtfulByPartner map[partner.ID]int
	byReceiver                   map[partner.SubscriptionID]int
	proven                       map[partner.SubscriptionID]bool
	last                         partner.SubscriptionID
}

// NewCourier returns a courier that takes deliveries from outbox and signs with writer's keys. receivers says which
// addresses may be dialled.
func NewCourier(outbox Outbox, writer Writer, receivers partner.Receivers, now func() time.Time, log *slog.Logger) *Courier {
	return &Courier{outbox: outbox, writer: writer, client: newClient(receivers, nil), patience: answerLimit, now: now, log: log, wake: make(chan struct{}, 1), freed: make(chan struct{}, 1),
		byPartner: map[partner.ID]int{}, doubtfulByPartner: map[partner.ID]int{}, byReceiver: map[partner.SubscriptionID]int{},
		proven: map[partner.SubscriptionID]bool{}}
}

// Wake makes the loop look at the queue now instead of at its next turn. It never blocks.
func (c *Courier) Wake() { signal(c.wake) }

func signal(to chan struct{}) {
	select {
	case to <- struct{}{}:
	default:
	}
}

// Run delivers until ctx ends. Tries under way are finished, bounded by seconds; what was not begun stays queued.
func (c *Courier) Run(ctx context.Context) {
	defer c.client.CloseIdleConnections()
	defer c.flying.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	trouble, soon := time.Duration(0), false
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
			// Changes come in crowds, and most queue nothing: one look serves all of a moment.
			if !soon && trouble == 0 {
				soon = true
				timer.Reset(gatherTime)
			}
			continue
		case <-c.freed:
		case <-timer.C:
		}
		if ctx.Err() != nil {
			return
		}
		next := courierPollTime
		soon = false
		if err := c.turn(ctx); err != nil && ctx.Err() == nil {
			trouble = min(max(2*trouble, time.Second), time.Minute)
			c.log.Warn("notifications wait: queue cannot be read", "error", err, "again_in", trouble)
			next = trouble
		} else {
			trouble = 0
		}
		timer.Reset(next)
	}
}

// turn takes what is due and has a seat, and begins a try of each. It does not wait for them: each wakes the loop when it
// ends.
func (c *Courier) turn(ctx context.Context) error {
	due, err := c.outbox.DueSubscriptions(ctx, c.now())
	if err != nil || len(due) == 0 {
		return err
	}
	want := c.reserve(due)
	if len(want) == 0 {
		return nil
	}
	owner := map[partner.SubscriptionID]partner.ID{}
	for _, s := range due {
		owner[s.ID] = s.Partner
	}
	list, err := c.outbox.TakeDeliveries(ctx, want, c.now(), deliveryLease)
	for _, d := range list {
		want[d.Subscription]--
	}
	for id, unused := range want {
		c.free(partner.Delivery{Subscription: id, Partner: owner[id]}, unused)
	}
	if err != nil {
		return err
	}
	// A delivery once taken is finished even when the server is told to stop: half a try would be sent again.
	finish := context.WithoutCancel(ctx)
	for _, d := range list {
		c.flying.Go(func() {
			defer signal(c.freed)
			defer c.free(d, 1)
			if err := c.deliver(finish, d); err != nil {
				c.log.Warn("notification stays queued: its outcome cannot be written", "delivery", d.PublicID, "error", err)
			}
		})
	}
	return nil
}

// reserve takes seats for the subscriptions, beginning behind the one where the last round stopped, so that nobody is
// always first.
func (c *Courier) reserve(due []partner.Subscription) map[partner.SubscriptionID]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	start := slices.IndexFunc(due, func(s partner.Subscription) bool { return s.ID > c.last })
	want := map[partner.SubscriptionID]int{}
	for i := range due {
		s := due[(max(start, 0)+i)%len(due)]
		n := min(receiverSeats-c.byReceiver[s.ID], partnerSeats-c.byPartner[s.Partner], seats-c.taken)
		if !c.proven[s.ID] {
			n = min(n, 1-c.byReceiver[s.ID], partnerDoubtful-c.doubtfulByPartner[s.Partner], doubtfulSeats-c.takenDoubtful)
		}
		if n <= 0 {
			continue
		}
		want[s.ID], c.last = n, s.ID
		c.seat(s.ID, s.Partner, n)
	}
	return want
}

// seat takes n seats, or gives them back when n is negative.
func (c *Courier) seat(s partner.SubscriptionID, p partner.ID, n int) {
	c.taken += n
	count(c.byPartner, p, n)
	count(c.byReceiver, s, n)
	if !c.proven[s] {
		c.doubt(p, n)
	}
}

func (c *Courier) doubt(p partner.ID, n int) {
	c.takenDoubtful += n
	count(c.doubtfulByPartner, p, n)
}

func count[K comparable](in map[K]int, key K, n int) {
	if in[key] += n; in[key] == 0 {
		delete(in, key)
	}
}

func (c *Courier) free(d partner.Delivery, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seat(d.Subscription, d.Partner, -n)
}

// judge remembers how a receiver's last try went, and moves its seats to the side where they now count.
func (c *Courier) judge(d partner.Delivery, well bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := d.Subscription
	switch {
	case c.proven[s] == well:
	case well:
		for old := range c.proven { // any one that is idle; it proves itself again at its next try
			if len(c.proven) < mostProven {
				break
			}
			if c.byReceiver[old] == 0 {
				delete(c.proven, old)
			}
		}
		c.proven[s] = true
		c.doubt(d.Partner, -c.byReceiver[s])
	default:
		delete(c.proven, s)
		c.doubt(d.Partner, c.byReceiver[s])
	}
}

// deliver makes one try and writes what became of it. The error is trouble with the database; then the lease runs out and
// the same delivery is tried again.
func (c *Courier) deliver(ctx context.Context, d partner.Delivery) error {
	t, err := c.outbox.Telling(ctx, d)
	if err != nil {
		return err
	}
	now := c.now()
	switch {
	case t.Subscription.ID == 0, d.Event != 0 && t.Event.ID == 0:
		return c.end(ctx, d.Ended(partner.Cancelled, now), audit.EventWithheld, "gone")
	case !t.Allowed(now):
		return c.end(ctx, d.Ended(partner.Withheld, now), audit.EventWithheld, "no_grant")
	case d.Attempts > partner.MostTries: // the last try was begun by a node that did not live to see its end
		return c.end(ctx, d.Ended(partner.GivenUp, now), audit.EventFailed, "given_up")
	}
	var got answer
	if t.Partner.Active {
		got = c.send(ctx, t)
		c.judge(d, got.success())
	} else {
		got.cause = errPaused
	}
	now = c.now()
	if got.success() {
		d.Status = got.status
		return c.end(ctx, d.Ended(partner.Delivered, now), audit.EventDelivered, "")
	}
	d = d.Failed(got.status, got.after, now)
	c.log.Info("notification not taken", "delivery", d.PublicID, "subscription", t.Subscription.PublicID, "attempt", d.Attempts,
		"status", got.status, "error", got.cause, "outcome", string(d.Outcome), "due", d.DueAt)
	if d.Outcome == partner.GivenUp {
		return c.end(ctx, d, audit.EventFailed, "given_up")
	}
	return c.outbox.DeliveryTried(ctx, d)
}

func (c *Courier) end(ctx context.Context, d partner.Delivery, action audit.Action, reason string) error {
	e := audit.Event{At: d.DoneAt, Action: action, Outcome: audit.Allowed, Reason: reason, Actor: audit.Actor{Kind: audit.ActorServer},
		Partner: int64(d.Partner), Account: d.Account,
		Detail: map[string]string{"delivery": d.PublicID, "attempts": strconv.Itoa(d.Attempts), "status": strconv.Itoa(d.Status)}}
	if reason != "" {
		e.Outcome = audit.Denied
	}
	return c.outbox.DeliveryEnded(ctx, d, e)
}

// Writer writes notifications and signs them.
type Writer struct {
	Keys *secret.Keys
	// Signing returns the keys of the documented signature, anew each time: they are rotated while the server runs.
	Signing func() (*secret.SigningKeys, error)
	// Sent, where set, is told of each notification before it is sent: for tests and sandboxes.
	Sent func(http.Header, []byte)
}
