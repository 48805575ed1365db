package customer

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// ErrSignIn: address and password do not belong together. Unknown address, wrong password, pending account and account
// on hold look the same, in words and in time (RTS 4(3)(a)).
var ErrSignIn = errors.New("e-mail address and password do not match")

// ErrNoPassword: the password field was empty.
var ErrNoPassword = errors.New("password was not given")

// SignInTx is what signing in needs of a transaction.
type SignInTx interface {
	AccountTx
	SessionTx
	PasskeyTx
	MailTx
	limit.Tx
	ResetTx
}

// SignInStore runs transactions for signing in.
type SignInStore interface {
	View(ctx context.Context, fn func(SignInTx) error) error
	Change(ctx context.Context, fn func(SignInTx) (audit.Event, error)) error
	// SeeSession notes that a session was used under its current secret, of which digest is the stored form: it moves SeenAt
	// and ends the previous secret's grace. Where the secret has changed since, it does nothing. It is no change of state
	// and has no event.
	SeeSession(ctx context.Context, id SessionID, digest []byte, now time.Time) error
}

// SignIns has the verbs of a returning customer's browser: password, second step, passkey, sign out.
type SignIns struct {
	Store     SignInStore
	Keys      *secret.Keys
	IDs       *secret.IDs
	Passwords *secret.Passwords
	// Passkeys is this server as authenticators know it; the zero value accepts none.
	Passkeys secret.PasskeyParty
	Now      func() time.Time
}

// An Origin is where a request came from, for limits and the audit.
type Origin struct {
	// Network is coarse (audit.Network); Reference is the request's.
	Network, Reference string
	// Devices are the known devices that the browser's cookie names, at most one of each account.
	Devices []DeviceKey
	// known is the one of the account in hand, see recognise.
	known DeviceID
	// Browser is what a session will be called, see Session.
	Browser string
	// Unrecorded leaves tries that a count refuses out of the audit: the network has had its share of them. They cost nobody a hash, so
	// anybody can be refused as often as they like, and the audit would grow with each.
	Unrecorded bool
}

// Refusal is the event of something that anybody can have refused without end, such as a link that has run out: none where the network has
// had its share of them, and then nothing is written.
func (o Origin) Refusal(e audit.Event) audit.Event {
	if o.Unrecorded {
		return audit.Event{}
	}
	return e
}

// Session finds the live session of a cookie, with the account that is signed in, or answers ErrNoSession. previous says
// that the cookie is one rotation behind. The use is noted once a minute, which is what renews the idle limit.
func (si SignIns) Session(ctx context.Context, key SessionKey) (s Session, a Account, previous bool, err error) {
	now := si.Now()
	err = si.Store.View(ctx, func(tx SignInTx) error {
		if s, err = tx.Session(key.ID); err != nil {
			return err
		}
		known := false
		if known, previous = s.Knows(key, now); !known || !s.Alive(now) {
			return ErrNoSession
		}
		a = Account{}
		if s.Account != 0 {
			if a, err = tx.Account(s.Account); errors.Is(err, ErrNoAccount) {
				err = ErrNoSession
			}
		}
		return err
	})
	if err != nil {
		return Session{}, Account{}, false, err
	}
	return s, a, previous, si.note(ctx, s, previous, now)
}

// Use is Session for a door that has read the session already, with what else its page needs: it notes the use. The error is
// ErrNoSession where the key is not of the session as it was read, or the session is over.
func (si SignIns) Use(ctx context.Context, s Session, key SessionKey) (previous bool, err error) {
	now := si.Now()
	known, previous := s.Knows(key, now)
	if s.ID != key.ID || !known || !s.Alive(now) {
		return false, ErrNoSession
	}
	return previous, si.note(ctx, s, previous, now)
}

// note notes that a session is in use. Only the current secret renews the session, and with it the previous one has done its
// work: whoever copied it before the rise of privilege is out (session fixation).
func (si SignIns) note(ctx context.Context, s Session, previous bool, now time.Time) error {
	if previous || now.Sub(s.SeenAt) < time.Minute && !now.Before(s.PreviousUntil) {
		return nil
	}
	return si.Store.SeeSession(ctx, s.ID, s.Secret, now)
}

func (o Origin) event(now time.Time, action audit.Action, a AccountID) audit.Event {
	e := audit.Event{At: now, Action: action, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorBrowser},
		Account: int64(a), Reference: o.Reference, Network: o.Network}
	return e
}

func denied(e audit.Event, action audit.Action, reason string) audit.Event {
	e.Action, e.Outcome, e.Reason = action, audit.Denied, reason
	return e
}

// Password is the first step of R1. key is the browser's session, zero for none; the answer is the key of a session at
// OneStep, always a new one: a session that existed before the sign-in must not become signed in, or whoever planted it
// is in too (session fixation). A try is spent before the password is compared. Errors: ErrSignIn, ErrNoPassword,
// limit.Exceeded, secret.ErrBusy.
func (si SignIns) Password(ctx context.Context, key SessionKey, email, password string, moreTime bool, o Origin) (SessionKey, error) {
	if password == "" {
		return SessionKey{}, ErrNoPassword
	}
	if si.Passwords.Full() {
		// Before anything is counted: a try costs two writes, and a flood that is turned away here costs none.
		return SessionKey{}, secret.ErrBusy
	}
	a, err := si.owned(ctx, email)
	if err != nil {
		return SessionKey{}, err
	}
	if o, err = si.recognise(ctx, a, o); err != nil {
		return SessionKey{}, err
	}
	if err := si.spend(ctx, passwordKeys(a, email, o), a.ID, o); err != nil {
		return SessionKey{}, err
	}
	matches, stale := false, false
	if a.ID == 0 {
		err = si.Passwords.Waste(ctx)
	} else {
		matches, stale, err = si.Passwords.Verify(ctx, a.Credentials.PasswordHash, NormalPassword(password))
	}
	if err != nil {
		// Nothing was compared, so nothing was tried: else a flood that keeps the hashing busy uses up honest tries (I12).
		return SessionKey{}, errors.Join(err, si.unspend(ctx, passwordKeys(a, email, o), a.ID, o))
	}
	if !matches {
		return SessionKey{}, si.refuse(ctx, a.ID, o, "password")
	}
	hash := ""
	if stale {
		// Where there is no room for it now, the next sign-in brings the hash up to date.
		hash, _ = si.Passwords.Hash(ctx, NormalPassword(password))
	}
	return si.passed(ctx, key, a, hash, moreTime, passwordKeys(a, email, o), o)
}

// owned finds the claimed account of an address; pending and held ones do not exist here (design 10.5).
func (si SignIns) owned(ctx context.Context, email string) (Account, error) {
	var a Account
	err := si.Store.View(ctx, func(tx SignInTx) (err error) {
		if a, err = tx.ClaimedAccount(email); errors.Is(err, ErrNoAccount) || err == nil && !a.Owned() {
			a, err = Account{}, nil
		}
		return err
	})
	return a, err
}

// passwordKeys are the counts of a password try. An address without an account is counted like one with, so that limits
// tell nothing about it. A known device has a count of its own and asks no other: strangers cannot use it up.
func passwordKeys(a Account, email string, o Origin) []limit.Key {
	if o.known != 0 {
		return []limit.Key{deviceTries(o.known)}
	}
	subject := FoldEmail(email)
	if a.ID != 0 {
		subject = strconv.FormatInt(int64(a.ID), 10)
	}
	return []limit.Key{limit.NewKey(limit.KindPassword, subject, o.Network), limit.NewKey(limit.KindAccount, subject)}
}

func stepKeys(a AccountID, o Origin) []limit.Key {
	if o.known != 0 {
		return []limit.Key{deviceTries(o.known)}
	}
	subject := strconv.FormatInt(int64(a), 10)
	return []limit.Key{limit.NewKey(limit.KindSecondStep, subject, o.Network), limit.NewKey(limit.KindAccount, subject)}
}

func (si SignIns) spend(ctx context.Context, keys []limit.Key, a AccountID, o Origin) error {
	now := si.Now()
	if o.Unrecorded {
		err := si.Store.View(ctx, func(tx SignInTx) error {
			for _, key := range keys {
				if err := limit.Ask(tx, key, now); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return si.Store.Change(ctx, func(tx SignInTx) (audit.Event, error) {
		// All are asked before one is counted: a try that one count refuses must not make the wait of another grow.
		for _, count := range []func(limit.Tx, limit.Key, time.Time) error{limit.Ask, limit.Spend} {
			for _, key := range keys {
				err := count(tx, key, now)
				if errors.Is(err, limit.ErrExceeded) {
					return denied(o.event(now, "", a), audit.SigninRefused, "too_many_tries"), err
				}
				if err != nil {
					return audit.Event{}, err
				}
			}
		}
		return o.event(now, audit.TriesCounted, a), nil
	})
}

// unspend gives back the try that spend counted, also when the caller has gone away meanwhile.
func (si SignIns) unspend(ctx context.Context, keys []limit.Key, a AccountID, o Origin) error {
	now := si.Now()
	return si.Store.Change(context.WithoutCancel(ctx), func(tx SignInTx) (audit.Event, error) {
		for _, key := range keys {
			if err := limit.Return(tx, key, now); err != nil {
				return audit.Event{}, err
			}
		}
		return o.event(now, audit.TriesReturned, a), nil
	})
}

func (si SignIns) refuse(ctx context.Context, a AccountID, o Origin, reason string) error {
	now := si.Now()
	return si.Store.Change(ctx, func(SignInTx) (audit.Event, error) {
		return denied(o.event(now, "", a), audit.SigninRefused, reason), ErrSignIn
	})
}

func (si SignIns) passed(ctx context.Context, old SessionKey, seen Account, rehash string, moreTime bool, spent []limit.Key, o Origin) (SessionKey, error) {
	now := si.Now()
	var key SessionKey
	err := si.Store.Change(ctx, func(tx SignInTx) (audit.Event, error) {
		key = SessionKey{}
		a, err := tx.Account(seen.ID)
		if err != nil {
			return audit.Event{}, err
		}
		// The password was checked outside; if it or its owner changed meanwhile, the check was of the past.
		if !a.Owned() || a.Credentials.PasswordHash != seen.Credentials.PasswordHash {
			return denied(o.event(now, "", a.ID), audit.SigninRefused, "changed_meanwhile"), ErrSignIn
		}
		if rehash != "" {
			a.Credentials.PasswordHash = rehash
			if err := tx.SaveAccount(&a); err != nil {
				return audit.Event{}, err
			}
		}
		for _, k := range spent {
			settle := limit.Forgive
			if k.Kind == limit.KindAccount || k.Kind == limit.KindDevice {
				// A right password forgets no wrong tries of the account or the device. Else who knows it types it again
				// after every few guesses at the second step, and guesses from network after network without end.
				settle = limit.Return
			}
			if err := settle(tx, k, now); err != nil {
				return audit.Event{}, err
			}
		}
		if err := endSession(tx, old, now); err != nil {
			return audit.Event{}, err
		}
		var s Session
		s, key = NewSession(si.IDs, now)
		s.Account, s.Epoch, s.SessionEpoch, s.Level = a.ID, a.Epoch, a.SessionEpoch, OneStep
		s.MoreTime, s.ProvedAt, s.Browser = moreTime, now, o.Browser
		return o.event(now, audit.SigninPassed, a.ID), tx.SaveSession(&s)
	})
	return key, err
}

// endSession ends a browser's earlier sign-in. A session that carries journeys but nobody's sign-in is left alone: its
// journeys are other accounts' business.
func endSession(tx SessionTx, key SessionKey, now time.Time) error {
	old, err := tx.Session(key.ID)
	if errors.Is(err, ErrNoSession) || key.ID == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	if known, _ := old.Knows(key, now); !known || old.Account == 0 || !old.EndedAt.IsZero() {
		return nil
	}
	old.EndedAt = now
	return tx.SaveSession(&old)
}

// SecondStep is R2: it raises the session to TwoSteps with a code of the authenticator app and renews its secret. Errors:
// ErrNoSession when the password step is missing or too old, ErrCodeEmpty, ErrCodeFormat, ErrCodeWrong, ErrCodeReused,
// limit.Exceeded.
func (si SignIns) SecondStep(ctx context.Context, key SessionKey, typed string, o Origin) (SessionKey, error) {
	code, err := CleanSixDigits(typed)
	if err != nil {
		return SessionKey{}, err
	}
	now := si.Now()
	_, a, again, err := si.begun(ctx, key, now)
	if err != nil || again.ID != 0 {
		return again, err
	}
	if o, err = si.recognise(ctx, a, o); err != nil {
		return SessionKey{}, err
	}
	if err := si.spend(ctx, stepKeys(a.ID, o), a.ID, o); err != nil {
		return SessionKey{}, err
	}
	var renewed SessionKey
	err = si.Store.Change(ctx, func(tx SignInTx) (audit.Event, error) {
		renewed = SessionKey{}
		s, a, err := si.halfway(tx, key, now)
		if err != nil {
			return audit.Event{}, err
		}
		after, err := a.Credentials.UseApp(code, now)
		if err != nil {
			return denied(o.event(now, "", a.ID), audit.SigninRefused, "second_step"), err
		}
		a.Credentials = after
		a.signedIn(now)
		if err := tx.SaveAccount(&a); err != nil {
			return audit.Event{}, err
		}
		if err := forgive(tx, stepKeys(a.ID, o), now); err != nil {
			return audit.Event{}, err
		}
		renewed = s.Renew(si.Keys, key, now)
		return si.raise(tx, s, a, o.event(now, audit.SigninSucceeded, a.ID), renewed, o, now)
	})
	return renewed, err
}

// begun reads whose second step a session waits for. again is the key of one that has had it: the second of two clicks. Errors:
// ErrNoSession when the password step is missing.
func (si SignIns) begun(ctx context.Context, key SessionKey, now time.Time) (s Session, a Account, again SessionKey, err error) {
	s, a, previous, err := si.Session(ctx, key)
	switch {
	case err != nil:
		return Session{}, Account{}, SessionKey{}, err
	case s.Level == TwoSteps && s.SignedIn(a, now) && previous:
		return s, a, key.Successor(si.Keys), nil
	case s.Level == TwoSteps && s.SignedIn(a, now):
		return s, a, key, nil
	case s.Level != OneStep:
		return Session{}, Account{}, SessionKey{}, ErrNoSession
	}
	return s, a, SessionKey{}, nil
}

// raise ends a second step, whichever it was: the session, whose secret is renewed already, is signed in, a reset that somebody
// asked for ends, and the browser is known from now on.
func (si SignIns) raise(tx SignInTx, s Session, a Account, e audit.Event, renewed SessionKey, o Origin, now time.Time) (audit.Event, error) {
	s.Level, s.SignedInAt, s.ProvedAt = TwoSteps, now, now
	if err := errors.Join(si.endReset(tx, a, ResetSignedIn, now), tx.SaveSession(&s)); err != nil {
		return audit.Event{}, err
	}
	return si.remember(tx, e, a, renewed, o, now)
}

// forgive settles the counts of a second step that was right. The account's count over all networks only gets this try
// back: it is made of strangers' tries, and whoever guesses from a thousand networks must not have them all anew with every
// sign-in of the owner.
func forgive(tx limit.Tx, keys []limit.Key, now time.Time) error {
	for _, k := range keys {
		settle := limit.Forgive
		if k.Kind == limit.KindAccount {
			settle = limit.Return
		}
		if err := settle(tx, k, now); err != nil {
			return err
		}
	}
	return nil
}

// halfway loads a session between password and second step, checked against the account as it is now.
func (si SignIns) halfway(tx SignInTx, key SessionKey, now time.Time) (Session, Account, error) {
	s, err := tx.Session(key.ID)
	if err != nil {
		return Session{}, Account{}, err
	}
	known, previous := s.Knows(key, now)
	if !known || previous || !s.Alive(now) || s.Level != OneStep || now.After(s.ProvedAt.Add(SignInLife)) {
		return Session{}, Account{}, ErrNoSession
	}
	a, err := tx.Account(s.Account)
	if err != nil {
		return Session{}, Account{}, err
	}
	if !a.Owned() || s.Epoch != a.Epoch || s.SessionEpoch != a.SessionEpoch {
		return Session{}, Account{}, ErrNoSession
	}
	return s, a, nil
}

// SignOut ends the browser's session; one that is over already is no error.
func (si SignIns) SignOut(ctx context.Context, key SessionKey, o Origin) error {
	now := si.Now()
	err := si.Store.Change(ctx, func(tx SignInTx) (audit.Event, error) {
		s, err := tx.Session(key.ID)
		if err != nil {
			return audit.Event{}, err
		}
		if known, _ := s.Knows(key, now); !known || !s.EndedAt.IsZero() {
			return audit.Event{}, nil
		}
		s.EndedAt = now
		return o.event(now, audit.SignoutDone, s.Account), tx.SaveSession(&s)
	})
	if errors.Is(err, ErrNoSession) {
		return nil
	}
	return err
}
