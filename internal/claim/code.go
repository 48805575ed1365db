// Package claim is the heart: the five-minute claim code, and the journey from the code to a finished account. A journey
// proves the mailbox, sets a password and a second step, and then commits: in one transaction the account gets its owner
// and everything of a lower epoch is dead (I2). Review, consent and the way back follow. The package knows neither HTTP
// nor SQL.
//
// The rule that everything here serves: present many, commit once. Opening a code changes nothing but "seen"; several
// browsers may start; the mailbox proof lets one of them on; the commit requires that one (design 4.2).
package claim

import (
	"errors"
	"time"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/partner"
)

// CodeID identifies a claim code's row.
type CodeID int64

// CodeLife is how long a claim code opens after it was minted (I1; contract 6).
const CodeLife = 300 * time.Second

// maxSeen bounds how often a code's row is written by openings: scanners may open without end.
const maxSeen = 10

// What opening or minting a code may meet.
var (
	// ErrCodeUnknown: unknown, malformed, or minted for another partner: one answer for all (E4).
	ErrCodeUnknown = errors.New("claim code is unknown to this partner")
	// ErrCodeExpired: not opened within five minutes, superseded by a newer one, or cancelled (E1).
	ErrCodeExpired = errors.New("claim code has run out")
	// ErrCodeUsed: the code led a browser past the mailbox proof (E2).
	ErrCodeUsed = errors.New("claim code was used")
	// ErrAlreadyClaimed: the account has its owner (E2; contract OC-9).
	ErrAlreadyClaimed = errors.New("account is claimed")
	// ErrSignedInAsOther: this browser is signed in as somebody else (E9).
	ErrSignedInAsOther = errors.New("browser is signed in as another customer")
	// ErrRegistrationCode: the registration code is not the account's (contract OC-9).
	ErrRegistrationCode = errors.New("registration code is not valid for this account")
)

// CodeState is where a claim code stands (design 3).
type CodeState string

// The states of a claim code. Expired is told by the time alone.
const (
	Minted     CodeState = "minted"
	Spent      CodeState = "spent"
	Superseded CodeState = "superseded"
	Cancelled  CodeState = "cancelled"
)

// A Code is a claim code: a partner mints it for its pending account and sends the customer with it. Only its keyed digest
// is stored; the text leaves once. The mailbox proof spends it.
type Code struct {
	ID      CodeID
	Account customer.AccountID
	Partner partner.ID
	// Number is the account's claim number that this code has; Epoch the account's epoch.
	Number, Epoch int64
	Digest        []byte
	State         CodeState
	// Bound are values that the browser's request must match, where the partner gave them (design 10.21).
	Bound     Binding
	MintedAt  time.Time
	ExpiresAt time.Time
	// SeenAt is the first opening; Seen counts openings up to ten.
	SeenAt  time.Time
	Seen    int
	EndedAt time.Time
	Version int64
}

// A Binding is what a partner may say about the authorize request when it mints; empty fields bind nothing.
type Binding struct {
	RedirectURI string `json:"redirect_uri,omitempty"`
	State       string `json:"state,omitempty"`
	Challenge   string `json:"code_challenge,omitempty"`
}

// opens says whether the code opens for an account at now, and why not.
func (c Code) opens(a customer.Account, now time.Time) error {
	switch {
	case a.State == customer.Claimed:
		return ErrAlreadyClaimed
	case a.State != customer.Pending:
		return ErrCodeExpired
	case c.State == Spent:
		return ErrCodeUsed
	case c.State != Minted, c.Number != a.ClaimNumber, c.Epoch != a.Epoch, !now.Before(c.ExpiresAt):
		return ErrCodeExpired
	case a.Hold != "":
		return customer.ErrHeld
	}
	return nil
}
