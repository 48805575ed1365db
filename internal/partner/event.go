package partner

import "time"

// EventType names what happened in the style of the documented events, under our own prefix (design 4.10).
type EventType string

// Types of events that the server tells a partner.
const (
	EventClaims   EventType = "x-claims#state-change"
	EventGrants   EventType = "x-grants#state-change"
	EventProfiles EventType = "x-profiles#state-change"
)

// An Event is something a partner is told. It is queued in the transaction of the change it speaks of, so that it can
// be neither lost nor invented, and carries no personal value: field names only (design 4.10, I9).
type Event struct {
	ID      int64
	Partner ID
	// Account and Profile say whom it is about; Profile may be 0.
	Account, Profile int64
	Type             EventType
	// State is the new state, such as "claimed" or "active".
	State string
	// Reason is from a closed list, or empty.
	Reason string
	// Fields names what changed, never the values.
	Fields     []string
	OccurredAt time.Time
}

// EventTx queues events within a transaction.
type EventTx interface {
	QueueEvent(Event) error
}
