// Package partner says who may call us: the bank, marketplace, payroll or wallet that opens accounts for its customers
// and sends them to claim those accounts. It holds a partner's credentials, its redirect addresses, its class and the
// scopes it may ask for. It knows neither HTTP nor SQL.
package partner

import (
	"errors"
	"slices"
	"time"
)

// ID identifies a partner. It is the key of its row and never leaves the server; outside, a partner is its ClientID.
type ID int64

// Errors of this package. The doors turn each into an answer; none of them says whether a client exists.
var (
	// ErrUnknown: no partner has this client id, or it is switched off (journey section 3, line 1).
	ErrUnknown = errors.New("partner is unknown or switched off")
	// ErrNotAuthenticated: client id and secret do not belong together (RFC 6749 section 5.2, invalid_client).
	ErrNotAuthenticated = errors.New("client authentication failed")
	// ErrChanged: the premise of an authentication does not hold any more. Authenticate anew.
	ErrChanged = errors.New("client was changed since it was authenticated")
	// ErrTaken: another partner has this client id already.
	ErrTaken = errors.New("client id is taken")
)

// A Partner is one registered caller. Operators make, change and pause it; it is never deleted, since audit events and
// grants name it.
type Partner struct {
	ID ID
	// ClientID is the OAuth client identifier (RFC 6749 section 2.2), drawn from A-Z a-z 0-9 _ - alone because clients
	// disagree about form-encoding Basic credentials (design 5).
	ClientID string
	// Name is shown to customers on every page of the journey and in mails. 1 to 60 characters.
	Name string
	// HomeURI is where "You are connected" links to; empty when the partner named none.
	HomeURI string
	// RestartURI is where a customer goes to get a new link, with reason and state (journey section 6); may be empty.
	RestartURI string
	// RedirectURIs are compared byte for byte, query included (contract 4.6, I6).
	RedirectURIs []string
	// Class is the row of values that endpoints read (design 5).
	Class Class
	// Active is false while the partner is paused: its credentials and its authorize requests are refused.
	Active bool
	// HideExisting makes creation answer alike whether or not the address has an account (design 4.9).
	HideExisting bool
	// BirthdateCheck asks customers for their date of birth after the mailed code (design 10.9).
	BirthdateCheck bool
	// RequiredScopes come with every grant; OptionalScopes are unticked boxes on the consent page.
	RequiredScopes, OptionalScopes []Scope
	// Purpose is the partner's own sentence, marked as such on the consent page; may be empty.
	Purpose string
	// PerSecond and PerMinute are the volume limits (contract 3.1: 100 and 1000 unless set).
	PerSecond, PerMinute int
	// Secrets holds at most two live ones, so that a secret can be rotated without an outage.
	Secrets   []Secret
	CreatedAt time.Time
	Version   int64
}

// A Secret is one client secret, kept as SHA-256 of 256 random bits: no slow hash is needed where the secret is
// machine-made (design 4.11, speed.md).
type Secret struct {
	Digest    []byte
	CreatedAt time.Time
	// EndsAt is zero while no end is set.
	EndsAt time.Time
}

// Alive reports whether the secret still authenticates at now.
func (s Secret) Alive(now time.Time) bool { return s.EndsAt.IsZero() || now.Before(s.EndsAt) }

// Registered reports whether uri is, byte for byte, one of the partner's redirect addresses. Exact comparison is what
// stops a code from being sent to an attacker's page on a look-alike address (RFC 9700 section 4.1.3, I6).
func (p Partner) Registered(uri string) bool {
	return uri != "" && slices.Contains(p.RedirectURIs, uri)
}

// Scopes lists everything the partner may ask for, required ones first.
func (p Partner) Scopes() []Scope { return slices.Concat(p.RequiredScopes, p.OptionalScopes) }

// Requires reports whether the scope comes with every grant of this partner.
func (p Partner) Requires(s Scope) bool { return slices.Contains(p.RequiredScopes, s) }
