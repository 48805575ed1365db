package partner

import (
	"strings"
	"time"
)

// EventType names what happened in the style of the documented events, under our own prefix (design 4.10).
type EventType string

// Types of events that the server tells a partner.
const (
	EventClaims   EventType = "x-claims#state-change"
	EventGrants   EventType = "x-grants#state-change"
	EventProfiles EventType = "x-profiles#state-change"
)

// Documented events that happen here too, with their documented payloads (contract 12.4).
const (
	EventVerification EventType = "profiles#verification-state-change"
	EventProfileState EventType = "profiles#state-change"
	EventUserState    EventType = "users#state-change"
	EventKYCReview    EventType = "kyc-reviews#state-change"
	EventCDDCheck     EventType = "profiles#cdd-check-state-change"
)

// Ours reports whether the event is one that the documentation does not have.
func (t EventType) Ours() bool { return strings.HasPrefix(string(t), "x-") }

// Noun is the first part of the name, such as "profiles".
func (t EventType) Noun() string {
	noun, _, _ := strings.Cut(string(t), "#")
	return noun
}

// ReasonRequirements marks an EventKYCReview that changed requirements and not the state.
const ReasonRequirements = "requirements"

// Reaches reports whether a subscription to the event's type gets it: before its version 5.0.0, kyc-reviews#state-change
// spoke of changes of the state alone (contract 12.4).
func (e Event) Reaches(s Subscription) bool {
	return e.Type != EventKYCReview || e.Reason != ReasonRequirements || s.Payload == PayloadRequirements
}

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
	Fields []string
	// Data is, for documented events that say more than a state, a JSON object with the further members of the documented
	// payload; for EventKYCReview it is the whole of the newest version's. Empty for all others. It too holds no personal value.
	Data       string
	OccurredAt time.Time
	// Sequence counts the events of one account for one partner, from 1 and without a gap. The store sets it.
	Sequence int64
}

// EventTx queues events within a transaction.
type EventTx interface {
	QueueEvent(Event) error
}
