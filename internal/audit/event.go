// Package audit says what happened: which action, when, by whom, about whom, allowed or denied. Every change of state has
// exactly one event, written in the transaction that changes it (I8); refusals that count have one too.
//
// An event is read by operators for years and outlives the person it is about. It therefore holds numbers, actions and
// reasons only. Never in an event: passwords, codes, tokens, keys, cookies or their digests; e-mail addresses, names,
// birth dates, phones, postal addresses or any other value of a profile; texts that a stranger sent, such as addresses
// to redirect to. The names of changed fields may be in it, their values not.
package audit

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// ErrEvent says that an event cannot be stored: something is missing, or a detail looks like what must never be in one.
// It is a mistake in the program; the change that the event belongs to is rolled back.
var ErrEvent = errors.New("audit event cannot be stored")

// Outcome says whether what was asked for happened.
type Outcome string

// The outcomes.
const (
	// Allowed is an action that took place.
	Allowed Outcome = "allowed"
	// Denied is an action that was refused; the event has a Reason.
	Denied Outcome = "denied"
)

// ActorKind says who acted.
type ActorKind string

// The kinds of actors.
const (
	// ActorPartner is a partner's program; the id is the partner's.
	ActorPartner ActorKind = "partner"
	// ActorCustomer is a customer at a page, signed in or proven by the journey; the id is the account's.
	ActorCustomer ActorKind = "customer"
	// ActorBrowser is somebody at a page of whom nothing is proven; the id is 0.
	ActorBrowser ActorKind = "browser"
	// ActorOperator is who runs the server, at the command line or the console; the id is the operator's, 0 at the
	// command line.
	ActorOperator ActorKind = "operator"
	// ActorServer is the server itself: expiry, delivery, clean-up. The id is 0.
	ActorServer ActorKind = "server"
)

// Actor is who acted.
type Actor struct {
	Kind ActorKind
	ID   int64
}

// Event is one thing that happened. The zero Event says that nothing did.
type Event struct {
	// At is when, in UTC, to the millisecond.
	At time.Time
	// Action is what.
	Action Action
	// Outcome is whether it took place, and Reason why not: a short name such as "expired" or "wrong_password", from a
	// fixed list of the noun's. The audit knows the true reason where outsiders are told one for all.
	Outcome Outcome
	Reason  string
	// Actor is who.
	Actor Actor
	// Partner, Account and Journey are what it was about; 0 where it was not about one.
	Partner int64
	Account int64
	Journey int64
	// Reference is the request's trace id, which error pages show too.
	Reference string
	// Network is the coarse network it came from, made by Network; never an address.
	Network string
	// Detail is the rest, under short names: counts, ids, field names, classes. See the package's comment for what it
	// must never hold.
	Detail map[string]string
}

// IsZero tells whether the event says nothing: no action is named. The store commits nothing for it.
func (e Event) IsZero() bool { return e.Action == "" }

// The sizes an event may have. What is longer is not a reason or a count but somebody's text.
const (
	maxDetails     = 16
	maxDetailName  = 40
	maxDetailValue = 200
)

// Check refuses an event that is incomplete or that holds what it must not (I9). It cannot know every secret; it knows
// the shapes that slip in by mistake: an e-mail address, a token, an address with a query, text with control characters.
// The error is ErrEvent and repeats no value.
func (e Event) Check() error {
	switch {
	case e.Action == "" || !isName(string(e.Action), "."):
		return fmt.Errorf("%w: action %q is not of the form noun.verb", ErrEvent, e.Action)
	case e.At.IsZero():
		return fmt.Errorf("%w: %s has no time", ErrEvent, e.Action)
	case e.Outcome != Allowed && e.Outcome != Denied:
		return fmt.Errorf("%w: %s is neither allowed nor denied", ErrEvent, e.Action)
	case e.Outcome == Denied && e.Reason == "":
		return fmt.Errorf("%w: %s is denied without a reason", ErrEvent, e.Action)
	case !isName(e.Reason, ""):
		return fmt.Errorf("%w: the reason of %s is not a short name", ErrEvent, e.Action)
	case e.Actor.Kind == "":
		return fmt.Errorf("%w: %s has no actor", ErrEvent, e.Action)
	case len(e.Detail) > maxDetails:
		return fmt.Errorf("%w: %s has %d details", ErrEvent, e.Action, len(e.Detail))
	case holdsForbidden(e.Reference) || holdsForbidden(e.Network):
		return fmt.Errorf("%w: reference or network of %s holds what must not be in an event", ErrEvent, e.Action)
	}
	for name, value := range e.Detail {
		if name == "" || len(name) > maxDetailName || !isName(name, "") {
			return fmt.Errorf("%w: %s has a detail whose name is not a short name", ErrEvent, e.Action)
		}
		if holdsForbidden(value) {
			return fmt.Errorf("%w: detail %q of %s holds what must not be in an event", ErrEvent, name, e.Action)
		}
	}
	return nil
}

// isName tells whether text is made of small letters, digits, hyphens, underscores and the given extra characters.
func isName(text, extra string) bool {
	for _, r := range text {
		small := r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_' || r == '-'
		if !small && !strings.ContainsRune(extra, r) {
			return false
		}
	}
	return len(text) <= maxDetailName
}

func holdsForbidden(value string) bool {
	if len(value) > maxDetailValue || !utf8.ValidString(value) || strings.ContainsAny(value, "@?") {
		return true
	}
	for _, prefix := range [...]string{"lka_", "lkr_", "lkc_", "$argon2"} {
		if strings.Contains(value, prefix) {
			return true
		}
	}
	return strings.ContainsFunc(value, unicode.IsControl)
}
