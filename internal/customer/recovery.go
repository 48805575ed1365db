package customer

import (
	"context"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// The clocks of a recovery (journey section 1).
const (
	// RecoveryMailLife is how long its mailed code is good for.
	RecoveryMailLife = 15 * time.Minute
	// RecoveryMailTries is how often one mailed code may be tried.
	RecoveryMailTries = 5
	// RecoveryLife is how long one browser may take from the address to the new password.
	RecoveryLife = 2 * time.Hour
	// mailAgainAfter tells a second click from a second wish: the second mail would make the first one's code worthless.
	mailAgainAfter = 5 * time.Second
)

// Errors about recoveries.
var (
	// ErrNoRecovery: this browser has none under way, or what it was about has changed.
	ErrNoRecovery = errors.New("no recovery is under way in this browser")
	// ErrRecoveryStep: the step that was posted is not the next one.
	ErrRecoveryStep = errors.New("step is not the next one of the recovery")
	// ErrMailedCodeFormat: what was typed does not have twelve digits.
	ErrMailedCodeFormat = errors.New("code does not have twelve digits")
	// ErrMailedCodeSpent: the code was tried as often as it may be; only a new one helps.
	ErrMailedCodeSpent = errors.New("mailed code was tried too often")
	// ErrMailedCodeLate: the code was right and has run out; another was sent, unless limit.Exceeded comes with it.
	ErrMailedCodeLate = errors.New("mailed code has run out")
)

// RecoveryID identifies a recovery's row.
type RecoveryID int64

// A Recovery is one browser's way back to an account whose password is forgotten (R4), or whose second step is lost as well.
// It belongs to the browser's session. There is a row, a code and a count whether the address has an account or not, so that
// nothing tells one from the other.
type Recovery struct {
	ID      RecoveryID
	Session SessionID
	// Account is 0 where the address has none that has its owner: such a recovery never gets past the code.
	Account AccountID
	// Epoch and SessionEpoch are the account's when it began. Whatever raises either ends the recovery, so that none survives
	// an objection, a change of address or another recovery.
	Epoch, SessionEpoch int64
	// Subject stands for the address in the counts of mails: a keyed digest.
	Subject string
	// Digest is the keyed digest of the mailed code under that version of the key, Tries how often it was tried.
	Digest            []byte
	KeyVersion, Tries int
	SentAt, ExpiresAt time.Time
	CreatedAt         time.Time
	// ProvenAt is when the mailed code was right, PassedAt when the second step was. RebuiltAt is when somebody whose reset was
	// ready began to set up everything anew.
	ProvenAt, PassedAt, RebuiltAt, EndedAt time.Time
	// Provisional, Method, AppSecret, Challenge and Texts are what is set up anew, until it is finished (sealed).
	Provisional Credentials
	Method      string
	AppSecret   []byte
	Texts       []string
	Version     int64
}

// forget takes every credential off the recovery.
func (r *Recovery) forget() {
	r.Provisional, r.AppSecret, r.Texts, r.Method = Credentials{}, nil, nil, ""
}

// RecoverStep is a page of a recovery.
type RecoverStep string

// The steps, in their order. A rebuild takes the last four, and a forgotten password RecoverPassword alone of them.
const (
	RecoverOver       RecoverStep = ""
	RecoverCode       RecoverStep = "code"
	RecoverSecondStep RecoverStep = "second-step"
	RecoverPassword   RecoverStep = "password"
	RecoverMethod     RecoverStep = "new/second-step"
	RecoverApp        RecoverStep = "new/second-step/app"
	RecoverPasskey    RecoverStep = "new/second-step/passkey"
	RecoverCodes      RecoverStep = "new/recovery-codes"
)

// A RecoveryState is everything that the next step of a recovery depends on.
type RecoveryState struct {
	Recovery Recovery
	Account  Account
	// Reset is the account's when one is under way; otherwise its Account is 0.
	Reset   Reset
	Session Session
}

// Next is the one function from what is stored to the next step.
func (s RecoveryState) Next(now time.Time) RecoverStep {
	r := s.Recovery
	switch {
	case r.ID == 0 || !r.EndedAt.IsZero() || !now.Before(r.CreatedAt.Add(RecoveryLife)) || !s.Session.Alive(now):
		return RecoverOver
	case r.ProvenAt.IsZero():
		return RecoverCode // also for nobody's: it looks like any other
	case !s.Account.Owned() || r.Account != s.Account.ID || r.Epoch != s.Account.Epoch || r.SessionEpoch != s.Account.SessionEpoch:
		return RecoverOver
	case !r.PassedAt.IsZero():
		return RecoverPassword
	case r.RebuiltAt.IsZero() || !s.Reset.Ready(s.Account, now):
		return RecoverSecondStep
	case r.Provisional.PasswordHash == "":
		return RecoverPassword
	case len(r.Provisional.Apps)+len(r.Provisional.Passkeys) > 0:
		return RecoverCodes
	}
	switch r.Method {
	case "app":
		return RecoverApp
	case "passkey":
		return RecoverPasskey
	}
	return RecoverMethod
}

// Rebuilds reports whether everything is set up anew, and not only the password.
func (s RecoveryState) Rebuilds() bool {
	return !s.Recovery.RebuiltAt.IsZero() && s.Recovery.PassedAt.IsZero()
}

// RecoverTx is what recovering needs of a transaction.
type RecoverTx interface {
	SignInTx
	RecoveryTx
	ProfileTx
	partner.EventTx
}

// RecoveryTx reads and writes recoveries within a transaction. What is not there is ErrNoRecovery.
type RecoveryTx interface {
	// RecoveryOf reads the newest of a browser session.
	RecoveryOf(SessionID) (Recovery, error)
	// SaveRecovery inserts when Version is 0 and otherwise updates that version alone; it raises Version.
	SaveRecovery(*Recovery) error
	// SuspendAccess suspends every access that the account's customer gave and that stands, and returns them.
	SuspendAccess(AccountID, time.Time) ([]Access, error)
	// EndRefreshOf ends every refresh token of the account, as WaysInTx says.
	EndRefreshOf(AccountID, time.Time) error
}

// RecoveryStore runs transactions for recovering.
type RecoveryStore interface {
	View(ctx context.Context, fn func(RecoverTx) error) error
	Change(ctx context.Context, fn func(RecoverTx) (audit.Event, error)) error
}

// Recoveries has the verbs of somebody who cannot sign in: R4, and the reset when both steps are lost.
type Recoveries struct {
	SignIns
	Store  RecoveryStore
	Policy PasswordPolicy
	// Brand is the name of this server, refused in passwords.
	Brand string
	// Wait is how long a reset waits; zero is ResetWait, and never under ResetWaitLeast.
	Wait time.Duration
}

// CleanTwelveDigits drops what people and programs put between digits and checks that twelve are left. Errors: ErrCodeEmpty,
// ErrMailedCodeFormat.
func CleanTwelveDigits(text string) (string, error) {
	digits := strings.Map(digitRune, text)
	switch {
	case digits == "":
		return "", ErrCodeEmpty
	case len(digits) != 12 || strings.Contains(digits, "x"):
		return "", ErrMailedCodeFormat
	}
	return digits, nil
}

// mailKeys count mails with a code to an address: 4 an hour from one network, 12 from all (journey section 1).
func mailKeys(subject string, o Origin) []limit.Key {
	return []limit.Key{limit.NewKey(limit.KindRecoveryMail, subject, o.Network), limit.NewKey(limit.KindRecoveryMails, subject)}
}

// Begin is R4: it mails a code to the address, if a claimed account that is not on hold has it. What it writes and how long it
// takes is the same where none has: the row, the code, the counts, the event, and a mail to nobody. The session is always a new
// row: one that was planted in this browser must not get past the code with it. Errors: limit.Exceeded.
func (rs Recoveries) Begin(ctx context.Context, key SessionKey, email string, o Origin) (SessionKey, error) {
	now := rs.Now()
	var made SessionKey
	err := rs.Store.Change(ctx, func(tx RecoverTx) (audit.Event, error) {
		made = SessionKey{}
		a, err := tx.ClaimedAccount(email)
		if errors.Is(err, ErrNoAccount) || err == nil && !a.Owned() {
			a, err = Account{}, nil
		}
		if err != nil {
			return audit.Event{}, err
		}
		if err := endSession(tx, key, now); err != nil {
			return audit.Event{}, err
		}
		var s Session
		s, made = NewSession(rs.IDs, now)
		r := Recovery{ID: RecoveryID(rs.IDs.Next()), Session: s.ID, Account: a.ID, Epoch: a.Epoch, SessionEpoch: a.SessionEpoch, CreatedAt: now,
			Subject: hex.EncodeToString(rs.Keys.Digest(secret.PurposeEmail, FoldEmail(email)))}
		e := o.event(now, audit.RecoveryAsked, a.ID)
		if err := rs.mailCode(tx, &r, a, o, now); errors.Is(err, limit.ErrExceeded) {
			return denied(e, audit.RecoveryRefused, "too_many_mails"), err
		} else if err != nil {
			return audit.Event{}, err
		}
		return e, errors.Join(tx.SaveSession(&s), tx.SaveRecovery(&r))
	})
	if err != nil {
		return SessionKey{}, err
	}
	return made, nil
}

// mailCode draws a code and queues its mail, which for nobody is a mail to nobody. The code has twelve digits: with five tries
// at each and twelve mails an hour nobody guesses forty bits, over however many browsers and networks, and so no count is
// needed that strangers could use up to keep the owner out (I12).
func (rs Recoveries) mailCode(tx RecoverTx, r *Recovery, a Account, o Origin, now time.Time) error {
	keys := mailKeys(r.Subject, o)
	// A known device has mails of its own, or strangers on three networks could keep the owner's from being sent (I12).
	if d, err := o.device(tx, a, now); err != nil {
		return err
	} else if d.ID != 0 {
		keys = []limit.Key{limit.NewKey(limit.KindRecoveryMail, "device", strconv.FormatInt(int64(d.ID), 10))}
	}
	for _, count := range []func(limit.Tx, limit.Key, time.Time) error{limit.Ask, limit.Spend} {
		for _, key := range keys {
			if err := count(tx, key, now); err != nil {
				return err
			}
		}
	}
	code := secret.SixDigits() + secret.SixDigits()
	r.KeyVersion = rs.Keys.DigestVersion()
	r.Digest, r.Tries, r.SentAt, r.ExpiresAt = rs.recoveryDigest(*r, code), 0, now, now.Add(RecoveryMailLife)
	return tx.QueueMail(Mail{ID: rs.IDs.Next(), Account: a.ID, Kind: MailRecovery, To: a.Email, Language: "en", Code: code, At: now,
		Nobody: a.ID == 0})
}

// recoveryDigest binds a mailed code to its recovery, under a key that is not in the database.
func (rs Recoveries) recoveryDigest(r Recovery, code string) []byte {
	digest, err := rs.Keys.DigestWith(r.KeyVersion, secret.PurposeMailedCode, "recovery", strconv.FormatInt(int64(r.ID), 10), code)
	if err != nil {
		return nil
	}
	return digest
}

// State reads the recovery of a browser. Errors: ErrNoRecovery.
func (rs Recoveries) State(ctx context.Context, key SessionKey) (RecoveryState, error) {
	var state RecoveryState
	err := rs.Store.View(ctx, func(tx RecoverTx) (err error) {
		state, _, err = rs.state(tx, key, rs.Now())
		return err
	})
	return state, err
}

func (rs Recoveries) state(tx RecoverTx, key SessionKey, now time.Time) (state RecoveryState, previous bool, err error) {
	s, err := tx.Session(key.ID)
	if errors.Is(err, ErrNoSession) {
		err = ErrNoRecovery
	}
	if err != nil {
		return RecoveryState{}, false, err
	}
	known, previous := s.Knows(key, now)
	if !known {
		return RecoveryState{}, false, ErrNoRecovery
	}
	state.Session = s
	if state.Recovery, err = tx.RecoveryOf(s.ID); err != nil {
		return RecoveryState{}, false, err
	}
	if state.Recovery.Account != 0 && !state.Recovery.ProvenAt.IsZero() {
		if state.Account, err = tx.Account(state.Recovery.Account); errors.Is(err, ErrNoAccount) {
			err = ErrNoRecovery
		}
		if err == nil {
			state.Reset, err = openReset(tx, state.Account, now)
		}
	}
	if err == nil && state.Next(now) == RecoverOver {
		err = ErrNoRecovery
	}
	if err != nil {
		return RecoveryState{}, false, err
	}
	return state, previous, nil
}

// at reads a recovery for a posted step: the state, when the step is the next one; else ErrRecoveryStep. A browser that shows
// only its previous secret may repeat a spent step's answer, nothing else.
func (rs Recoveries) at(tx RecoverTx, key SessionKey, now time.Time, steps ...RecoverStep) (RecoveryState, error) {
	state, previous, err := rs.state(tx, key, now)
	if err != nil {
		return RecoveryState{}, err
	}
	next := state.Next(now)
	for _, step := range steps {
		if next == step && !previous {
			return state, nil
		}
	}
	return state, ErrRecoveryStep
}

// SendCode sends a new mailed code. Errors: ErrNoRecovery, ErrRecoveryStep, limit.Exceeded.
func (rs Recoveries) SendCode(ctx context.Context, key SessionKey, o Origin) error {
	now := rs.Now()
	return rs.Store.Change(ctx, func(tx RecoverTx) (audit.Event, error) {
		state, err := rs.at(tx, key, now, RecoverCode)
		if err != nil {
			return audit.Event{}, err
		}
		if now.Sub(state.Recovery.SentAt) < mailAgainAfter {
			return audit.Event{}, nil // a double click: the first one sent it
		}
		return rs.mailAgain(tx, state.Recovery, o.event(now, audit.RecoveryAsked, state.Recovery.Account), o, now)
	})
}

// mailAgain sends another code to whoever the recovery is for, if that is somebody still.
func (rs Recoveries) mailAgain(tx RecoverTx, r Recovery, e audit.Event, o Origin, now time.Time) (audit.Event, error) {
	a := Account{}
	if r.Account != 0 {
		var err error
		if a, err = tx.Account(r.Account); err != nil {
			return audit.Event{}, err
		}
		if !a.Owned() || a.Epoch != r.Epoch || a.SessionEpoch != r.SessionEpoch {
			a = Account{}
		}
	}
	if err := rs.mailCode(tx, &r, a, o, now); errors.Is(err, limit.ErrExceeded) {
		return denied(e, audit.RecoveryRefused, "too_many_mails"), err
	} else if err != nil {
		return audit.Event{}, err
	}
	return e, tx.SaveRecovery(&r)
}

// ProveMailbox takes the mailed code. A try is spent before the digits are compared, right or wrong, and the fifth is the last;
// the session's secret is renewed, so that whoever saw it before is left behind. Errors: ErrNoRecovery, ErrRecoveryStep,
// ErrCodeEmpty, ErrMailedCodeFormat, ErrCodeWrong, ErrMailedCodeSpent, ErrMailedCodeLate.
func (rs Recoveries) ProveMailbox(ctx context.Context, key SessionKey, typed string, o Origin) (SessionKey, error) {
	now := rs.Now()
	code, wrong := CleanTwelveDigits(typed)
	var renewed SessionKey
	err := rs.Store.Change(ctx, func(tx RecoverTx) (audit.Event, error) {
		renewed = SessionKey{}
		state, err := rs.at(tx, key, now, RecoverCode)
		if err == nil {
			err = wrong
		}
		if err != nil {
			return audit.Event{}, err
		}
		r, s := state.Recovery, state.Session
		e := o.event(now, audit.RecoveryProven, r.Account)
		if r.Tries >= RecoveryMailTries {
			return denied(e, audit.RecoveryRefused, "too_many_tries"), ErrMailedCodeSpent
		}
		r.Tries++
		right := secret.Equal(r.Digest, rs.recoveryDigest(r, code)) && r.Account != 0
		switch {
		case right && !now.Before(r.ExpiresAt):
			e, err := rs.mailAgain(tx, r, denied(e, audit.RecoveryRefused, "late_code"), o, now)
			if e.Action == "" {
				return e, err
			}
			return e, errors.Join(ErrMailedCodeLate, err)
		case !right:
			return denied(e, audit.RecoveryRefused, "wrong_code"), errors.Join(tx.SaveRecovery(&r), ErrCodeWrong)
		}
		r.ProvenAt, r.Digest = now, nil
		renewed = s.Renew(rs.Keys, key, now)
		return e, errors.Join(tx.SaveRecovery(&r), tx.SaveSession(&s))
	})
	return renewed, err
}
