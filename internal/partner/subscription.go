package partner

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// SubscriptionID is the key of a subscription's row; outside, a subscription is its PublicID.
type SubscriptionID int64

// Errors of subscriptions. The first three say which field of a request is wrong (contract OC-23).
var (
	// ErrSubscriptionName: the name is empty or too long, or has characters in it that rule a terminal or that no database keeps.
	ErrSubscriptionName = errors.New("subscription needs a name of 1 to 200 characters, no control characters among them")
	// ErrTrigger: there is no such event, or not for a subscription of this kind.
	ErrTrigger = errors.New("event does not exist here")
	// ErrPayloadVersion: the event has no payload of this version.
	ErrPayloadVersion = errors.New("event has no such payload version")
	// ErrNoSubscription: there is no such subscription, or it is somebody else's.
	ErrNoSubscription = errors.New("subscription does not exist")
	// ErrTooManySubscriptions: the owner has as many as it may have; each event would be multiplied by them.
	ErrTooManySubscriptions = errors.New("too many subscriptions")
	// ErrSevered: the account has changed hands since the request was let in (I2).
	ErrSevered = errors.New("account has changed hands")
)

// MostSubscriptions is how many an application, or one profile, may have.
const MostSubscriptions = 100

// An Owner is whose subscriptions are meant: a partner's own, or those of one profile that the partner reaches by a token
// of its account.
type Owner struct {
	Partner ID
	// ClientID is the partner's, for what an answer shows.
	ClientID string
	// Account, Profile and Epoch are 0 for the partner's own. Epoch is the account's at which the token was made: what was
	// made under a lower one is dead (design 3, I2).
	Account, Profile, Epoch int64
	// Reference and Network are the request's, for the audit.
	Reference, Network string
}

// OnProfile reports whether a profile's subscriptions are meant.
func (o Owner) OnProfile() bool { return o.Profile != 0 }

// A Draft is what a partner asks for (contract 12.1).
type Draft struct {
	Name    string
	Trigger EventType
	// Payload is the payload's version, such as 4.0.0.
	Payload string
	URL     string
}

// Check reports everything that is wrong with a draft, one error each.
func (d Draft) Check(o Owner, r Receivers) []error {
	var errs []error
	if n := utf8.RuneCountInString(d.Name); n < 1 || n > 200 || strings.TrimSpace(d.Name) == "" || strings.ContainsFunc(d.Name, unicode.IsControl) {
		errs = append(errs, ErrSubscriptionName)
	}
	t, known := TriggerOf(d.Trigger)
	switch {
	case !known:
		errs = append(errs, fmt.Errorf("%w: this is no event's name", ErrTrigger))
	case o.OnProfile() && !t.OnProfile:
		errs = append(errs, fmt.Errorf("%w: only an application can subscribe to it", ErrTrigger))
	case !slices.Contains(t.Versions, d.Payload):
		errs = append(errs, fmt.Errorf("%w: use one of %s", ErrPayloadVersion, strings.Join(t.Versions, " ")))
	}
	if err := r.Check(d.URL); err != nil {
		errs = append(errs, err)
	}
	return errs
}

// A Subscription is a partner's wish to be told of one kind of event at one address. A partner makes and removes it and
// never changes it; a profile's dies with the epoch of its account that it was made under.
type Subscription struct {
	ID SubscriptionID
	// PublicID is a UUID, by which partners know it.
	PublicID string
	Partner  ID
	// Account, Profile and Epoch are 0 for the partner's own.
	Account, Profile, Epoch int64
	Name                    string
	Trigger                 EventType
	// Payload is the payload's version.
	Payload string
	URL     string
	// KeyVersion is the server key that the secret of its signatures is computed with.
	KeyVersion int
	CreatedAt  time.Time
}
