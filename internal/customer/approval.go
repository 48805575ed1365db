package customer

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// Errors about one-time tokens and the phone numbers behind them (contract 13).
var (
	// ErrNoApproval: there is no such one-time token for this caller, or it is over; foreign and unknown look the same (I10).
	ErrNoApproval = errors.New("one-time token does not exist for this caller")
	// ErrNoPhone: nobody gave a number that a code could go to.
	ErrNoPhone = errors.New("account has no phone number")
	// ErrPhoneRepeated: the partner gave this number already, for this account or another one.
	ErrPhoneRepeated = errors.New("phone number was given already")
	// ErrNotApproved: a code was not asked for first, or the challenge is still open.
	ErrNotApproved = errors.New("one-time token is not cleared")
)

// ApprovalLife is how long a one-time token may be cleared and used (contract 13, validity).
const ApprovalLife = time.Hour

// SandboxCode is the code of every challenge in a sandbox (contract 13). Outside one there are no one-time tokens: nothing that
// this server does is protected by them, and it sends no messages to phones.
const SandboxCode = "111111"

// A PhoneNumber is what a partner gave for an account that nobody has claimed. It proves nothing about the customer, and ends
// with the hand-over (I2, I3).
type PhoneNumber struct {
	ID      int64
	Account AccountID
	Partner partner.ID
	Epoch   int64
	// Number is E.164.
	Number    string
	CreatedAt time.Time
}

// An Approval is a one-time token: a protected call was refused with it, and is repeated once it is cleared.
type Approval struct {
	ID      int64
	Account AccountID
	Partner partner.ID
	Epoch   int64
	Digest  []byte
	// Action is what is to be approved.
	Action string
	// TriggeredAt is when a code was last sent, PassedAt when the challenge was passed, UsedAt when the call was repeated.
	TriggeredAt, PassedAt, UsedAt time.Time
	ExpiresAt                     time.Time
	Version                       int64
}

// Left is how many seconds the token is good for.
func (a Approval) Left(now time.Time) int { return max(int(a.ExpiresAt.Sub(now)/time.Second), 0) }

// ApprovalTx is what approvals need of a transaction. What is not there is ErrNoApproval or ErrNoPhone.
type ApprovalTx interface {
	AccountTx
	ProfileTx
	limit.Tx
	// PhoneNumberOf finds the newest of an account under an epoch.
	PhoneNumberOf(account AccountID, epoch int64) (PhoneNumber, error)
	// SavePhoneNumber inserts one. A number that the partner gave before is ErrPhoneRepeated.
	SavePhoneNumber(PhoneNumber) error
	ApprovalByDigest(digest []byte) (Approval, error)
	SaveApproval(*Approval) error
}

// ApprovalStore runs transactions for approvals.
type ApprovalStore interface {
	View(ctx context.Context, fn func(ApprovalTx) error) error
	Change(ctx context.Context, fn func(ApprovalTx) (audit.Event, error)) error
}

// Approvals has the verbs of one-time tokens (contract 13).
type Approvals struct {
	Store ApprovalStore
	IDs   *secret.IDs
	Now   func() time.Time
}

// GivePhone stores a number for an account that the partner opened and nobody has claimed. Errors: ErrNoAccount for every other
// one (I10, design 10.12), ErrPhoneRepeated.
func (as Approvals) GivePhone(ctx context.Context, by partner.Partner, account AccountID, number string, o Origin) (PhoneNumber, error) {
	now := as.Now()
	var made PhoneNumber
	err := as.Store.Change(ctx, func(tx ApprovalTx) (audit.Event, error) {
		made = PhoneNumber{}
		a, err := tx.Account(account)
		if err == nil && (a.Creator != by.ID || a.State != Pending || a.ClosedToCreator()) {
			err = ErrNoAccount
		}
		if err != nil {
			return audit.Event{}, err
		}
		made = PhoneNumber{ID: as.IDs.Next(), Account: a.ID, Partner: by.ID, Epoch: a.Epoch, Number: number, CreatedAt: now}
		if err := tx.SavePhoneNumber(made); err != nil {
			return audit.Event{}, err
		}
		a.UpdatedAt = now
		return Caller{Partner: by.ID, Account: a.ID, Reference: o.Reference, Network: o.Network}.event(now, audit.PhoneGiven), tx.SaveAccount(&a)
	})
	return made, err
}

// Ask makes a one-time token for an action of the caller.
func (as Approvals) Ask(ctx context.Context, c Caller, action string) (string, error) {
	now, text := as.Now(), secret.UUID()
	err := as.Store.Change(ctx, func(tx ApprovalTx) (audit.Event, error) {
		if _, err := c.admit(tx); err != nil {
			return audit.Event{}, err
		}
		made := Approval{ID: as.IDs.Next(), Account: c.Account, Partner: c.Partner, Epoch: c.Epoch, Digest: secret.Hash(text), Action: action,
			ExpiresAt: now.Add(ApprovalLife)}
		return c.event(now, audit.ApprovalAsked), tx.SaveApproval(&made)
	})
	return text, err
}

// find looks a token up within the caller's account and partner, while it lives.
func (as Approvals) find(tx ApprovalTx, c Caller, text string) (Approval, error) {
	if _, err := c.admit(tx); err != nil {
		return Approval{}, err
	}
	a, err := tx.ApprovalByDigest(secret.Hash(text))
	if err == nil && (a.Account != c.Account || a.Partner != c.Partner || a.Epoch != c.Epoch || !as.Now().Before(a.ExpiresAt) || !a.UsedAt.IsZero()) {
		err = ErrNoApproval
	}
	return a, err
}

// Status reads a token. Errors: ErrNoApproval.
func (as Approvals) Status(ctx context.Context, c Caller, text string) (Approval, error) {
	var a Approval
	err := as.Store.View(ctx, func(tx ApprovalTx) (err error) {
		a, err = as.find(tx, c, text)
		return err
	})
	return a, err
}

// Trigger has a code sent, and returns the number that it would go to: in a sandbox the code is always SandboxCode, and no
// message is sent. Errors: ErrNoApproval, ErrNoPhone, limit.Exceeded.
func (as Approvals) Trigger(ctx context.Context, c Caller, text string) (string, error) {
	now, number := as.Now(), ""
	err := as.Store.Change(ctx, func(tx ApprovalTx) (audit.Event, error) {
		number = ""
		a, err := as.find(tx, c, text)
		if err == nil {
			number, err = as.number(tx, c)
		}
		if err != nil {
			return audit.Event{}, err
		}
		if err := limit.Spend(tx, limit.NewKey(limit.KindMail, "approval", strconv.FormatInt(a.ID, 10)), now); err != nil {
			return audit.Event{}, err
		}
		a.TriggeredAt = now
		return c.event(now, audit.ApprovalTriggered), tx.SaveApproval(&a)
	})
	return number, err
}

// number is what the partner gave for this, or the phone of a profile within the caller's reach.
func (as Approvals) number(tx ApprovalTx, c Caller) (string, error) {
	given, err := tx.PhoneNumberOf(c.Account, c.Epoch)
	if !errors.Is(err, ErrNoPhone) {
		return given.Number, err
	}
	profiles, err := tx.Profiles(c.Account)
	if err != nil {
		return "", err
	}
	for _, p := range profiles {
		if number := p.Value(Phone); number != "" && (c.Profile == 0 || c.Profile == p.ID) {
			return number, nil
		}
	}
	return "", ErrNoPhone
}

// Verify passes the challenge with the code. Errors: ErrNoApproval, ErrNotApproved when no code was asked for, ErrCodeWrong,
// limit.Exceeded.
func (as Approvals) Verify(ctx context.Context, c Caller, text, code string) (Approval, error) {
	now := as.Now()
	var a Approval
	err := as.Store.Change(ctx, func(tx ApprovalTx) (audit.Event, error) {
		a = Approval{}
		var err error
		if a, err = as.find(tx, c, text); err == nil && a.TriggeredAt.IsZero() {
			err = ErrNotApproved
		}
		if err != nil {
			return audit.Event{}, err
		}
		if err := limit.Spend(tx, limit.NewKey(limit.KindSecondStep, "approval", strconv.FormatInt(int64(c.Account), 10)), now); err != nil {
			return audit.Event{}, err
		}
		if code != SandboxCode {
			e := c.event(now, audit.ApprovalRefused)
			e.Outcome, e.Reason = audit.Denied, "wrong_code"
			return e, ErrCodeWrong
		}
		a.PassedAt = now
		return c.event(now, audit.ApprovalPassed), tx.SaveApproval(&a)
	})
	return a, err
}

// Use takes a cleared token for its action, once. Errors: ErrNoApproval, ErrNotApproved.
func (as Approvals) Use(ctx context.Context, c Caller, text, action string) error {
	now := as.Now()
	return as.Store.Change(ctx, func(tx ApprovalTx) (audit.Event, error) {
		a, err := as.find(tx, c, text)
		switch {
		case err != nil:
			return audit.Event{}, err
		case a.Action != action:
			return audit.Event{}, ErrNoApproval
		case a.PassedAt.IsZero():
			return audit.Event{}, ErrNotApproved
		}
		a.UsedAt = now
		return c.event(now, audit.ApprovalUsed), tx.SaveApproval(&a)
	})
}
