package customer

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// The clocks of a reset (design 10.14).
const (
	// ResetWait is how long a reset waits where the operator has set nothing; ResetWaitLeast is the least that can be set.
	ResetWait      = 72 * time.Hour
	ResetWaitLeast = 24 * time.Hour
	// ResetLife is how long a reset may be finished once its wait is over. One that lay ready for ever would be a door that
	// the next thief of the mailbox finds open.
	ResetLife = 7 * 24 * time.Hour
)

// Errors about resets.
var (
	// ErrNoReset: the account has no reset that is under way.
	ErrNoReset = errors.New("no recovery was asked for")
	// ErrResetLink: no such link of mail M8, or its reset is over. Both look the same.
	ErrResetLink = errors.New("link to cancel a recovery is of no use")
)

// How a reset ended.
const (
	ResetCancelled = "cancelled"
	ResetSignedIn  = "signed_in"
	ResetStopped   = "stopped"
	ResetFinished  = "finished"
)

// ResetID identifies a reset's row. An account has one row at most, which a later reset takes over.
type ResetID int64

// A Reset is the request of somebody who proved the mailbox and has lost the second step and the recovery codes too (design
// 10.14). It waits, so that the owner, told at every address on file and on every signed-in page, can cancel it: whoever reads
// the mailbox alone gets no further than waiting. No partner can see, ask for or change one.
type Reset struct {
	ID      ResetID
	Account AccountID
	// Epoch and SessionEpoch are the account's when it was asked for. Whatever raises either (an objection, a hold, a change of
	// password, address or second step, another reset) ends it: a request must not outlive what it was about.
	Epoch, SessionEpoch int64
	// Link is the SHA-256 of the cancel link's text, which is in the mails alone.
	Link []byte
	// Addresses are those that were told.
	Addresses []string
	AskedAt   time.Time
	// ReadyAt is when the wait is over.
	ReadyAt time.Time
	EndedAt time.Time
	// Ended says how, one of the constants above.
	Ended   string
	Version int64
}

// Open reports whether the reset is under way: it waits, or its wait is over and it may be finished.
func (q Reset) Open(a Account, now time.Time) bool {
	return q.ID != 0 && q.EndedAt.IsZero() && q.Account == a.ID && a.Owned() && q.Epoch == a.Epoch && q.SessionEpoch == a.SessionEpoch &&
		now.Before(q.ReadyAt.Add(ResetLife))
}

// Ready reports whether the wait is over, to the millisecond.
func (q Reset) Ready(a Account, now time.Time) bool { return q.Open(a, now) && !now.Before(q.ReadyAt) }

// ResetTx reads and writes resets within a transaction. What is not there is ErrNoReset.
type ResetTx interface {
	// Reset reads the account's.
	Reset(AccountID) (Reset, error)
	// ResetByLink finds the one whose cancel link has the digest.
	ResetByLink(digest []byte) (Reset, error)
	// SaveReset inserts when Version is 0 and otherwise updates that version alone; it raises Version.
	SaveReset(*Reset) error
}

// openReset is the account's reset when it is under way, else the zero value with the row's number and version.
func openReset(tx ResetTx, a Account, now time.Time) (Reset, error) {
	q, err := tx.Reset(a.ID)
	switch {
	case errors.Is(err, ErrNoReset):
		return Reset{}, nil
	case err != nil || q.Open(a, now):
		return q, err
	}
	return Reset{ID: q.ID, Version: q.Version}, nil
}

// endReset ends the account's reset, where one is under way, and tells everybody who was told of it. Every full sign-in calls
// it: who signs in has not lost the second step.
func (si SignIns) endReset(tx SignInTx, a Account, why string, now time.Time) error {
	q, err := openReset(tx, a, now)
	if err != nil || q.Account == 0 {
		return err
	}
	return si.closeReset(tx, q, why, now)
}

func (si SignIns) closeReset(tx SignInTx, q Reset, why string, now time.Time) error {
	q.EndedAt, q.Ended = now, why
	if err := tx.SaveReset(&q); err != nil {
		return err
	}
	return si.tellReset(tx, q, MailResetEnded, "", now)
}

// tellReset queues M8 to every address on file.
func (si SignIns) tellReset(tx MailTx, q Reset, kind MailKind, link string, now time.Time) error {
	for _, to := range q.Addresses {
		m := Mail{ID: si.IDs.Next(), Account: q.Account, Kind: kind, To: to, Language: "en", Link: link, Until: q.ReadyAt, At: now}
		if err := tx.QueueMail(m); err != nil {
			return err
		}
	}
	return nil
}

// addressesOnFile are where the owner may be reached: the sign-in address, and what the customer gave or confirmed as theirs in
// a profile. One that only a partner gave is not among them: the link in the mail would let the partner cancel.
func addressesOnFile(a Account, profiles []Profile) []string {
	all := []string{a.Email}
	for _, p := range profiles {
		address, from := p.Value(Email), p.Details.Provenance[Email]
		theirs := from.Source == ByCustomer || !from.ConfirmedAt.IsZero()
		if _, err := CheckEmail(address); err != nil || !theirs || slices.ContainsFunc(all, func(known string) bool { return SameEmail(known, address) }) {
			continue
		}
		all = append(all, address)
	}
	return all
}

// AskReset asks for a reset, from a browser that proved the mailbox. One that is under way already stays as it is: asking again
// neither shortens nor lengthens the wait. Errors: ErrNoRecovery, ErrRecoveryStep, limit.Exceeded.
func (rs Recoveries) AskReset(ctx context.Context, key SessionKey, o Origin) error {
	now, text := rs.Now(), secret.NewTokenSecret()
	return rs.Store.Change(ctx, func(tx RecoverTx) (audit.Event, error) {
		state, err := rs.at(tx, key, now, RecoverSecondStep)
		if err != nil {
			return audit.Event{}, err
		}
		a, q := state.Account, state.Reset
		if q.Account != 0 {
			return audit.Event{}, nil
		}
		e := o.event(now, audit.ResetAsked, a.ID)
		err = limit.Spend(tx, limit.NewKey(limit.KindReset, strconv.FormatInt(int64(a.ID), 10)), now)
		if errors.Is(err, limit.ErrExceeded) {
			return denied(e, audit.RecoveryRefused, "too_many_resets"), err
		}
		if err != nil {
			return audit.Event{}, err
		}
		profiles, err := tx.Profiles(a.ID)
		if err != nil {
			return audit.Event{}, err
		}
		if q.ID == 0 {
			q.ID = ResetID(rs.IDs.Next())
		}
		q = Reset{ID: q.ID, Version: q.Version, Account: a.ID, Epoch: a.Epoch, SessionEpoch: a.SessionEpoch, Link: secret.Hash(text),
			Addresses: addressesOnFile(a, profiles), AskedAt: now, ReadyAt: now.Add(rs.wait())}
		if err := tx.SaveReset(&q); err != nil {
			return audit.Event{}, err
		}
		e.Detail = map[string]string{"ready_at": q.ReadyAt.Format(time.RFC3339)}
		return e, rs.tellReset(tx, q, MailResetAsked, text, now)
	})
}

// wait is how long a reset waits, never under ResetWaitLeast.
func (rs Recoveries) wait() time.Duration {
	if rs.Wait == 0 {
		return ResetWait
	}
	return max(rs.Wait, ResetWaitLeast)
}

// WaitHours is how long a reset waits, in whole hours, for the page that offers it.
func (rs Recoveries) WaitHours() int { return int((rs.wait() + time.Hour - 1) / time.Hour) }

// Cancellable looks at a cancel link of M8 and changes nothing: mail scanners and previews open links too. It tells nothing of
// the account but when the wait is over. Errors: ErrResetLink.
func (rs Recoveries) Cancellable(ctx context.Context, link string) (ready time.Time, err error) {
	err = rs.Store.View(ctx, func(tx RecoverTx) error {
		q, a, err := linked(tx, link)
		if err == nil && !q.Open(a, rs.Now()) {
			err = ErrResetLink
		}
		ready = q.ReadyAt
		return err
	})
	if err != nil {
		return time.Time{}, err
	}
	return ready, nil
}

func linked(tx RecoverTx, link string) (Reset, Account, error) {
	q, err := tx.ResetByLink(secret.Hash(link))
	if errors.Is(err, ErrNoReset) {
		err = ErrResetLink
	}
	if err != nil {
		return Reset{}, Account{}, err
	}
	a, err := tx.Account(q.Account)
	return q, a, err
}

// CancelByLink is the button behind the link of M8. Pressed twice it is no error. Errors: ErrResetLink.
func (rs Recoveries) CancelByLink(ctx context.Context, link string, o Origin) error {
	now := rs.Now()
	return rs.Store.Change(ctx, func(tx RecoverTx) (audit.Event, error) {
		q, a, err := linked(tx, link)
		switch {
		case err != nil:
			return audit.Event{}, err
		case q.Ended == ResetCancelled:
			return audit.Event{}, nil
		case !q.Open(a, now):
			return o.Refusal(denied(o.event(now, "", a.ID), audit.RecoveryRefused, "reset_over")), ErrResetLink
		}
		return o.event(now, audit.ResetCancelled, a.ID), rs.closeReset(tx, q, ResetCancelled, now)
	})
}

// Pending finds the reset that is under way for the account that the session is signed in to, for the notice on its pages.
// Errors: ErrNoSession, ErrNoReset.
func (rs Recoveries) Pending(ctx context.Context, key SessionKey) (Reset, error) {
	var q Reset
	err := rs.Store.View(ctx, func(tx RecoverTx) (err error) {
		q, _, err = rs.pending(tx, key, rs.Now())
		return err
	})
	return q, err
}

func (rs Recoveries) pending(tx RecoverTx, key SessionKey, now time.Time) (Reset, Account, error) {
	s, err := tx.Session(key.ID)
	if err != nil {
		return Reset{}, Account{}, err
	}
	if known, _ := s.Knows(key, now); !known || s.Level != TwoSteps {
		return Reset{}, Account{}, ErrNoSession
	}
	a, err := tx.Account(s.Account)
	if err != nil {
		return Reset{}, Account{}, err
	}
	if !s.SignedIn(a, now) {
		return Reset{}, Account{}, ErrNoSession
	}
	q, err := openReset(tx, a, now)
	if err == nil && q.Account == 0 {
		err = ErrNoReset
	}
	return q, a, err
}

// Cancel ends the reset on the word of the customer who is signed in; one that is over already is no error. Errors:
// ErrNoSession.
func (rs Recoveries) Cancel(ctx context.Context, key SessionKey, o Origin) error {
	now := rs.Now()
	err := rs.Store.Change(ctx, func(tx RecoverTx) (audit.Event, error) {
		q, a, err := rs.pending(tx, key, now)
		if err != nil {
			return audit.Event{}, err
		}
		e := o.event(now, audit.ResetCancelled, a.ID)
		e.Actor = audit.Actor{Kind: audit.ActorCustomer, ID: int64(a.ID)}
		return e, rs.closeReset(tx, q, ResetCancelled, now)
	})
	if errors.Is(err, ErrNoReset) {
		return nil
	}
	return err
}

// ResetOf is what an operator sees. Errors: ErrNoAccount, ErrNoReset.
func (rs Recoveries) ResetOf(ctx context.Context, id AccountID) (Reset, error) {
	var q Reset
	err := rs.Store.View(ctx, func(tx RecoverTx) (err error) {
		q, _, err = rs.underWay(tx, id)
		return err
	})
	return q, err
}

func (rs Recoveries) underWay(tx RecoverTx, id AccountID) (Reset, Account, error) {
	a, err := tx.Account(id)
	if err != nil {
		return Reset{}, Account{}, err
	}
	q, err := openReset(tx, a, rs.Now())
	if err == nil && q.Account == 0 {
		err = ErrNoReset
	}
	return q, a, err
}

// StopReset ends a reset on the operator's word. Errors: ErrNoAccount, ErrNoReset.
func (rs Recoveries) StopReset(ctx context.Context, id AccountID) error {
	now := rs.Now()
	return rs.Store.Change(ctx, func(tx RecoverTx) (audit.Event, error) {
		q, a, err := rs.underWay(tx, id)
		if err != nil {
			return audit.Event{}, err
		}
		return operatorsEvent(now, audit.ResetStopped, a, ""), rs.closeReset(tx, q, ResetStopped, now)
	})
}

// LengthenReset makes the wait longer by some time, from its end or, where that has passed, from now. An operator can never
// shorten it: whoever talks the operator into that is the attacker whom the wait is for. Errors: ErrNoAccount, ErrNoReset.
func (rs Recoveries) LengthenReset(ctx context.Context, id AccountID, by time.Duration) (Reset, error) {
	now := rs.Now()
	var q Reset
	err := rs.Store.Change(ctx, func(tx RecoverTx) (e audit.Event, err error) {
		q = Reset{}
		var a Account
		if q, a, err = rs.underWay(tx, id); err != nil {
			return audit.Event{}, err
		}
		if by <= 0 {
			return audit.Event{}, errors.New("a wait is lengthened by more than nothing")
		}
		if q.ReadyAt.Before(now) {
			q.ReadyAt = now
		}
		q.ReadyAt = q.ReadyAt.Add(by.Truncate(time.Millisecond))
		e = operatorsEvent(now, audit.ResetLengthened, a, "")
		e.Detail = map[string]string{"ready_at": q.ReadyAt.Format(time.RFC3339)}
		return e, tx.SaveReset(&q)
	})
	return q, err
}

// An Access is what a partner was allowed on a profile.
type Access struct {
	Partner partner.ID
	Profile ProfileID
}
