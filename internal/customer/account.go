// Package customer says whom it is all about: the account that a partner opened, the profile and what it still lacks, and
// what makes the account the customer's own: address, password, second step, recovery codes, browser sessions.
// It knows neither HTTP nor SQL.
package customer

import (
	"errors"
	"time"

	"github.com/latchkey-id/latchkey/internal/partner"
)

// AccountID identifies an account; it is the "user id" of the API (contract 5.1). Below 2^53.
type AccountID int64

// Errors about accounts.
var (
	// ErrNoAccount: there is none with this id or address, or it is not the caller's: both look the same (I10).
	ErrNoAccount = errors.New("account does not exist for this caller")
	// ErrAddressTaken: the address belongs to a claimed account, or to a pending one of the same partner (design 10.1).
	ErrAddressTaken = errors.New("e-mail address has an account")
	// ErrStale: the account changed hands or its credentials ended since the caller was admitted (design 3, epoch).
	ErrStale = errors.New("account has moved on since the caller was admitted")
	// ErrHeld: the account is on hold; nothing opens until an operator releases it.
	ErrHeld = errors.New("account is on hold")
	// ErrBlocked: the partner may not create an account for this address again yet (design 10.8).
	ErrBlocked = errors.New("address is blocked for this partner")
)

// State is where an account stands (design 3).
type State string

// The states of an account. It becomes Claimed exactly once, by the commit of a claim.
const (
	Pending State = "pending"
	Claimed State = "claimed"
	Closed  State = "closed"
	Expired State = "expired"
)

// An Account is one customer's account. A partner creates it, pending and without any credential; a claim makes it the
// customer's own; from then on only the customer changes who may get in.
type Account struct {
	ID AccountID
	// Creator is the partner that opened it; the only one that sees it until the claim.
	Creator partner.ID
	State   State
	// Hold is why the account is on hold ("objected", "email_tries"), empty when it is not.
	Hold string
	// Epoch is raised by the commit, recovery, e-mail change, close and erase. A credential of a lower epoch is dead
	// wherever it is used (design 3); each write repeats the epoch in its own transaction.
	Epoch int64
	// SessionEpoch is raised by a password or factor change and by signing out everywhere.
	SessionEpoch int64
	// ClaimNumber is raised by each minted claim code: Start needs a ticket of the current number (design 4.3).
	ClaimNumber int64
	// ProvenNumber is the claim number of the last journey that passed the mailbox proof. The proof needs a higher one,
	// so that no code leads two browsers past it and no older code takes over a newer one (I1).
	ProvenNumber int64
	// LiveJourney is the journey that passed the mailbox proof last, the only one that may commit; 0 for none.
	LiveJourney int64
	// Email is the sign-in address as given; ContactEmail, when set, is where mail goes while the sign-in address is a
	// placeholder (contract 5.4, design 10.3).
	Email, ContactEmail string
	// Language is the one that the partner named at signup (contract 5.1), such as "EN" or "DE".
	Language string
	// Registration is the keyed digest of the registration code (design 4.11), empty from the commit on.
	Registration []byte
	// RegistrationVersion is the digest key's version.
	RegistrationVersion int
	Credentials         Credentials
	CreatedAt           time.Time
	// UpdatedAt is the last change by anybody; pending accounts expire 30 days after the partner's last change.
	UpdatedAt    time.Time
	ClaimedAt    time.Time
	LastSignInAt time.Time
	// PreviousSignInAt is the sign-in before that one, which the customer's first page names.
	PreviousSignInAt time.Time
	// CloseAt is when the account is closed and erased, since its customer asked for it; zero while nobody did.
	CloseAt time.Time
	Version int64
}

// signedIn notes a whole sign-in.
func (a *Account) signedIn(now time.Time) {
	a.PreviousSignInAt, a.LastSignInAt = a.LastSignInAt, now
}

// Address is where mail for this account goes and what the customer types at C1: the contact address if one is set.
func (a Account) Address() string {
	if a.ContactEmail != "" {
		return a.ContactEmail
	}
	return a.Email
}

// Owned reports whether a customer owns the account and it is not on hold.
func (a Account) Owned() bool { return a.State == Claimed && a.Hold == "" }

// ClosedToCreator reports whether a hold ends the creator's access too. One for wrong mailed codes or dates of birth does not: it
// ends when the creator corrects the address or the date, so it must be able to (design 10.4).
func (a Account) ClosedToCreator() bool {
	return a.Hold != "" && a.Hold != HoldEmailTries && a.Hold != HoldBirthDate
}

// PendingLife is how long an unclaimed account is kept after the partner's last change (journey section 1).
const PendingLife = 30 * 24 * time.Hour

// Credentials are what proves a customer: kept on the journey's row until the commit copies them to the account under
// the new epoch, so that before it no account has any (I3).
type Credentials struct {
	// PasswordHash is an Argon2id PHC string, empty for none.
	PasswordHash string `json:"password_hash,omitempty"`
	// Apps are authenticator apps that have proved themselves once.
	Apps []App `json:"apps,omitempty"`
	// Passkeys are those that were made for this account.
	Passkeys []Passkey `json:"passkeys,omitempty"`
	// Recovery are the recovery codes, by keyed digest.
	Recovery []RecoveryCode `json:"recovery,omitempty"`
}

// An App is an authenticator app (RFC 6238). Its secret is sealed wherever it is stored.
type App struct {
	ID     int64  `json:"id"`
	Secret []byte `json:"secret"`
	// LastStep is the last accepted time step; none is accepted twice (RFC 6238 section 5.2).
	LastStep   int64     `json:"last_step"`
	AddedAt    time.Time `json:"added_at"`
	LastUsedAt time.Time `json:"last_used_at"`
}

// A RecoveryCode is one of ten one-use codes.
type RecoveryCode struct {
	Digest  []byte    `json:"digest"`
	Version int       `json:"version"`
	UsedAt  time.Time `json:"used_at,omitzero"`
}

// Complete reports whether everything that the commit needs is there: a password, a second step, recovery codes (I4).
func (c Credentials) Complete() bool {
	return c.PasswordHash != "" && len(c.Apps)+len(c.Passkeys) > 0 && len(c.Recovery) == RecoveryCodeCount
}

// AccountTx reads and writes accounts within a transaction. What is not there is ErrNoAccount.
type AccountTx interface {
	Account(AccountID) (Account, error)
	// PendingAccount finds the partner's own pending account with that address.
	PendingAccount(creator partner.ID, email string) (Account, error)
	// ClaimedAccount finds the claimed account with that sign-in address.
	ClaimedAccount(email string) (Account, error)
	// SaveAccount inserts when Version is 0 and otherwise updates that version alone; it raises Version. An address that
	// is taken (design 10.1) is ErrAddressTaken.
	SaveAccount(*Account) error
	// BlockAddress keeps the partner from creating an account for the address until then; Blocked tells.
	BlockAddress(creator partner.ID, email string, until time.Time) error
	Blocked(creator partner.ID, email string, now time.Time) (bool, error)
	// AccessStands reports whether an access that the customer gave was neither stopped nor ended.
	AccessStands(account AccountID, grant int64) (bool, error)
}
