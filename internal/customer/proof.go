package customer

import (
	"context"
	"errors"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// What may be wrong with a fresh proof (R6).
var (
	// ErrNotFresh: the last password or second step is too long ago for a change of how one gets in.
	ErrNotFresh = errors.New("sign-in is not fresh")
	// ErrProof: password and second step together are not the customer's. Which of them was wrong is not said (RTS 4(3)(a)).
	ErrProof = errors.New("password and second step do not prove the customer")
)

// FreshLife is how long after a password or second step somebody may change how they get in (journey section 1).
const FreshLife = 5 * time.Minute

// Fresh reports whether the session proved its customer lately enough for a change of how they get in: a browser that was
// left signed in, or a cookie that was copied from one, must not be enough to bind another's passkey (ASVS 7.5.1).
func (s Session) Fresh(now time.Time) bool {
	return s.Level == TwoSteps && now.Before(s.ProvedAt.Add(FreshLife))
}

// Replace is Renew without grace for the secret before. The successor is given to whoever shows that one while the grace lasts,
// which is for a double click; a thief with a copy of the cookie would ask again and again, and have the new secret before the
// owner's browser shows it.
func (s *Session) Replace(keys *secret.Keys, key SessionKey, now time.Time) SessionKey {
	next := s.Renew(keys, key, now)
	s.Previous, s.PreviousUntil = nil, time.Time{}
	return next
}

// OwnerTx is what FreshOwner reads.
type OwnerTx interface {
	AccountTx
	SessionTx
}

// SignedInOwner reads who is signed in by a key, within the transaction that acts on it. A key that is one rotation behind is
// refused: it repeats answers and changes nothing (design 10.23). Errors: ErrNoSession.
func SignedInOwner(tx OwnerTx, key SessionKey, now time.Time) (Session, Account, error) {
	s, err := tx.Session(key.ID)
	if err != nil {
		return Session{}, Account{}, err
	}
	if known, previous := s.Knows(key, now); !known || previous || s.Account == 0 {
		return Session{}, Account{}, ErrNoSession
	}
	a, err := tx.Account(s.Account)
	switch {
	case errors.Is(err, ErrNoAccount):
		return Session{}, Account{}, ErrNoSession
	case err != nil:
		return Session{}, Account{}, err
	case !s.SignedIn(a, now):
		return Session{}, Account{}, ErrNoSession
	}
	return s, a, nil
}

// FreshOwner is SignedInOwner for a change of how one gets in, or of anything that cannot be undone: the check before the form
// was shown authorises nothing, since minutes pass between the two. Errors: ErrNoSession, ErrNotFresh.
func FreshOwner(tx OwnerTx, key SessionKey, now time.Time) (Session, Account, error) {
	s, a, err := SignedInOwner(tx, key, now)
	if err == nil && !s.Fresh(now) {
		return Session{}, Account{}, ErrNotFresh
	}
	return s, a, err
}

// Confirm is R6: the password and a code of the authenticator app, both, make the session fresh and renew its secret, so
// that a copy of the cookie from before is worth nothing (ASVS 7.2.4). Both are asked because what follows may bind another
// second step, which needs the level of a whole sign-in (requirement 81). Tries are counted as at the sign-in, before
// anything is compared. A session that is fresh is left as it is: a second click. Errors: ErrNoSession, ErrNoPassword,
// ErrCodeEmpty, ErrCodeFormat, ErrProof, limit.Exceeded, secret.ErrBusy.
func (si SignIns) Confirm(ctx context.Context, key SessionKey, password, typed string, o Origin) (SessionKey, error) {
	code, err := CleanSixDigits(typed)
	if password == "" {
		err = ErrNoPassword
	}
	if err != nil {
		return SessionKey{}, err
	}
	a, again, err := si.unproved(ctx, key)
	if err != nil || again.ID != 0 {
		return again, err
	}
	if o, err = si.recognise(ctx, a, o); err != nil {
		return SessionKey{}, err
	}
	tries := passwordKeys(a, "", o)
	if o.known == 0 {
		tries = append(tries, stepKeys(a.ID, o)[0])
	}
	if err := si.spend(ctx, tries, a.ID, o); err != nil {
		return SessionKey{}, err
	}
	matches, _, err := si.Passwords.Verify(ctx, a.Credentials.PasswordHash, NormalPassword(password))
	if err != nil {
		// Nothing was compared, so nothing was tried: else a flood that keeps the hashing busy uses up honest tries (I12).
		return SessionKey{}, errors.Join(err, si.unspend(ctx, tries, a.ID, o))
	}
	now := si.Now()
	var renewed SessionKey
	err = si.Store.Change(ctx, func(tx SignInTx) (audit.Event, error) {
		renewed = SessionKey{}
		s, owner, err := SignedInOwner(tx, key, now)
		if err != nil {
			return audit.Event{}, err
		}
		refused := denied(o.event(now, "", a.ID), audit.ProofRefused, "password")
		if !matches || owner.Credentials.PasswordHash != a.Credentials.PasswordHash {
			return refused, ErrProof
		}
		refused.Reason = "second_step"
		if owner.Credentials, err = owner.Credentials.UseApp(code, now); err != nil {
			return refused, ErrProof
		}
		if err := tx.SaveAccount(&owner); err != nil {
			return audit.Event{}, err
		}
		if err := forgive(tx, tries, now); err != nil {
			return audit.Event{}, err
		}
		renewed = s.Replace(si.Keys, key, now)
		s.ProvedAt = now
		return proofEvent(o, now, a.ID, "password"), tx.SaveSession(&s)
	})
	return renewed, err
}

// ConfirmPasskey is R6 with a passkey of the account, which with user verification is as much as password and second step.
// Errors: ErrNoSession, ErrPasskey, ErrPasskeyLate, ErrPasskeySpent.
func (si SignIns) ConfirmPasskey(ctx context.Context, in PasskeyPost) (SessionKey, error) {
	now := si.Now()
	a, again, err := si.unproved(ctx, in.Session)
	if err != nil || again.ID != 0 {
		return again, err
	}
	used, err := si.verified(ctx, in, a.ID)
	if err != nil {
		return SessionKey{}, err
	}
	used.confirms = true
	var renewed SessionKey
	err = si.Store.Change(ctx, func(tx SignInTx) (audit.Event, error) {
		renewed = SessionKey{}
		s, _, err := SignedInOwner(tx, in.Session, now)
		if err != nil {
			return audit.Event{}, err
		}
		if _, refused, err := si.usePasskey(tx, used, in.Origin, now); err != nil {
			return refused, err
		}
		renewed = s.Replace(si.Keys, in.Session, now)
		s.ProvedAt = now
		return proofEvent(in.Origin, now, a.ID, "passkey"), tx.SaveSession(&s)
	})
	return renewed, err
}

// unproved is the account of a session that has yet to prove itself afresh; again is the key of one that has.
func (si SignIns) unproved(ctx context.Context, key SessionKey) (a Account, again SessionKey, err error) {
	s, a, previous, err := si.Session(ctx, key)
	switch {
	case err != nil:
		return Account{}, SessionKey{}, err
	case previous || !s.SignedIn(a, si.Now()):
		return Account{}, SessionKey{}, ErrNoSession
	case s.Fresh(si.Now()):
		return a, key, nil
	}
	return a, SessionKey{}, nil
}

func proofEvent(o Origin, now time.Time, a AccountID, factor string) audit.Event {
	e := o.event(now, audit.ProofGiven, a)
	e.Actor = audit.Actor{Kind: audit.ActorCustomer, ID: int64(a)}
	e.Detail = map[string]string{"factor": factor}
	return e
}
