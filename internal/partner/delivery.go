package partner

import (
	"errors"
	"slices"
	"time"
)

// DeliveryID is the key of a delivery's row; outside, a delivery is its PublicID.
type DeliveryID int64

// ErrNoDelivery: there is no such delivery.
var ErrNoDelivery = errors.New("delivery does not exist")

// Outcome is how a delivery ended.
type Outcome string

// The outcomes. A delivery without one is still under way.
const (
	// Delivered: a receiver answered 2xx.
	Delivered Outcome = "delivered"
	// GivenUp: the last try failed.
	GivenUp Outcome = "given_up"
	// Withheld: at the time of delivery the customer did not let the partner know (design 10.12).
	Withheld Outcome = "withheld"
	// Cancelled: the subscription was removed first.
	Cancelled Outcome = "cancelled"
)

// A Delivery is one event on its way to one subscription. It is made in the transaction of the event, so that none is
// lost; a subscription has at most one of each event; and it is sent at least once: whoever receives the same PublicID
// twice has received the same thing.
type Delivery struct {
	ID DeliveryID
	// PublicID is a UUID, the same at every try (contract 12.2, X-Delivery-Id).
	PublicID     string
	Subscription SubscriptionID
	Partner      ID
	// Event is 0 for a test notification.
	Event int64
	// Account and Sequence are the event's: first tries of one account go in this order.
	Account, Sequence int64
	CreatedAt         time.Time
	// DueAt is when the next try may begin; while one is under way, when another node may take it over.
	DueAt time.Time
	// Attempts counts tries that were begun, Refusals the answers after which more tries make little sense.
	Attempts, Refusals int
	// TriedAt is when the first try ended, DoneAt when the delivery did.
	TriedAt, DoneAt time.Time
	Outcome         Outcome
	// Status is the last answer's, 0 when there was none. Neither body nor the reason of a broken connection is kept: they
	// would tell a partner about networks that it cannot see (design 10.31).
	Status int
}

// The schedule of contract 12.2: at most 25 tries over two weeks.
const (
	MostTries = 25
	// MostRefusals is how often a hopeless answer is taken before the delivery is given up.
	MostRefusals = 3
	longestWait  = 24 * time.Hour
	doublings    = 11
)

// hopeless are the statuses that another try will hardly change (contract OC-25).
var hopeless = []int{400, 401, 403, 404, 405, 410, 413, 414, 415, 422, 501}

// Hopeless reports whether a status is one that is tried three times at most.
func Hopeless(status int) bool { return slices.Contains(hopeless, status) }

// Wait is how long after the given try the next one is due: 1, 2, 4 ... minutes, eleven times, then a day.
func Wait(attempt int) time.Duration {
	if attempt > doublings {
		return longestWait
	}
	return min(time.Minute<<max(attempt-1, 0), longestWait)
}

// Failed is the delivery after a try that ended at now with status, 0 for no answer. after is the moment that the
// receiver asked for, or zero: one in the past is now, and one more than a day away a day, so that a receiver can neither
// be lost for years nor keep a place in the queue. The last try gives up.
func (d Delivery) Failed(status int, after, now time.Time) Delivery {
	d.Status = status
	if d.TriedAt.IsZero() {
		d.TriedAt = now
	}
	if Hopeless(status) {
		d.Refusals++
	}
	if d.Attempts >= MostTries || d.Refusals >= MostRefusals {
		return d.Ended(GivenUp, now)
	}
	d.DueAt = now.Add(Wait(d.Attempts))
	if !after.IsZero() {
		d.DueAt = after
		if d.DueAt.Before(now) {
			d.DueAt = now
		}
		if latest := now.Add(longestWait); d.DueAt.After(latest) {
			d.DueAt = latest
		}
	}
	return d
}

// Ended is the delivery after its end.
func (d Delivery) Ended(how Outcome, now time.Time) Delivery {
	if d.TriedAt.IsZero() {
		d.TriedAt = now
	}
	d.Outcome, d.DoneAt = how, now
	return d
}

// Again is the delivery made due once more, from the start of its schedule and under its old PublicID, so that a receiver
// which has it already can tell.
func (d Delivery) Again(now time.Time) Delivery {
	d.DueAt, d.Attempts, d.Refusals, d.DoneAt, d.Outcome = now, 0, 0, time.Time{}, ""
	return d
}
