package customer

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/limit"
)

// recoveryStepKeys count wrong second steps of recoveries, by account over all networks: whoever reads the mailbox may come
// from as many as they like. It is a count of its own, so that they use up nothing that a sign-in needs.
func recoveryStepKeys(a AccountID) []limit.Key {
	return []limit.Key{limit.NewKey(limit.KindRecoveryStep, strconv.FormatInt(int64(a), 10))}
}

// step runs a second step of a recovery that counts: a try is spent first, then take is asked, which changes and saves the
// account, or refuses with an error and a reason.
func (rs Recoveries) step(ctx context.Context, key SessionKey, keys func(Account) []limit.Key, done audit.Action, o Origin,
	take func(tx RecoverTx, a *Account, now time.Time) (reason string, err error)) (SessionKey, error) {
	now := rs.Now()
	state, err := rs.State(ctx, key)
	if err != nil {
		return SessionKey{}, err
	}
	if state.Next(now) != RecoverSecondStep {
		return SessionKey{}, ErrRecoveryStep
	}
	if err := rs.spend(ctx, keys(state.Account), state.Account.ID, o); err != nil {
		return SessionKey{}, err
	}
	var renewed SessionKey
	err = rs.Store.Change(ctx, func(tx RecoverTx) (audit.Event, error) {
		renewed = SessionKey{}
		state, err := rs.at(tx, key, now, RecoverSecondStep)
		if err != nil {
			return audit.Event{}, err
		}
		a := state.Account
		if reason, err := take(tx, &a, now); reason != "" {
			return denied(o.event(now, "", a.ID), audit.RecoveryRefused, reason), err
		} else if err != nil {
			return audit.Event{}, err
		}
		for _, k := range keys(a) {
			if err := pardon(tx, k); err != nil {
				return audit.Event{}, err
			}
		}
		renewed, err = rs.pass(tx, state, key, now)
		return o.event(now, done, a.ID), err
	})
	return renewed, err
}

// pass notes that the second step was right; the session's secret is renewed.
func (rs Recoveries) pass(tx RecoverTx, state RecoveryState, key SessionKey, now time.Time) (SessionKey, error) {
	r, s := state.Recovery, state.Session
	r.PassedAt = now
	r.forget() // what a rebuild had prepared, when its reset was cancelled meanwhile
	renewed := s.Renew(rs.Keys, key, now)
	return renewed, errors.Join(tx.SaveRecovery(&r), tx.SaveSession(&s))
}

// SecondStepByApp is the second step of a forgotten password with a code of the authenticator app. Errors: ErrNoRecovery,
// ErrRecoveryStep, ErrCodeEmpty, ErrCodeFormat, ErrCodeWrong, ErrCodeReused, limit.Exceeded.
func (rs Recoveries) SecondStepByApp(ctx context.Context, key SessionKey, typed string, o Origin) (SessionKey, error) {
	code, err := CleanSixDigits(typed)
	if err != nil {
		return SessionKey{}, err
	}
	keys := func(a Account) []limit.Key { return recoveryStepKeys(a.ID) }
	return rs.step(ctx, key, keys, audit.RecoveryPassed, o, func(tx RecoverTx, a *Account, now time.Time) (string, error) {
		after, err := a.Credentials.UseApp(code, now)
		if err != nil {
			return "second_step", err
		}
		a.Credentials = after
		return "", tx.SaveAccount(a)
	})
}

// SecondStepByCode is the second step of a forgotten password with a recovery code; the owner is told by M5. Errors:
// ErrNoRecovery, ErrRecoveryStep, ErrRecoveryCodeEmpty, ErrRecoveryCode, limit.Exceeded.
func (rs Recoveries) SecondStepByCode(ctx context.Context, key SessionKey, typed string, o Origin) (SessionKey, error) {
	if typed == "" {
		return SessionKey{}, ErrRecoveryCodeEmpty
	}
	keys := func(a Account) []limit.Key { return recoveryKeys(a.ID, o) }
	return rs.step(ctx, key, keys, audit.RecoveryUsed, o, func(tx RecoverTx, a *Account, now time.Time) (string, error) {
		err := rs.spendRecoveryCode(tx, a, typed, o, now)
		if errors.Is(err, ErrRecoveryCode) {
			return "recovery_code", err
		}
		return "", err
	})
}

// SecondStepByPasskey is the second step of a forgotten password with one of the account's passkeys. Errors: ErrNoRecovery,
// ErrRecoveryStep, ErrPasskey, ErrPasskeyLate, ErrPasskeySpent.
func (rs Recoveries) SecondStepByPasskey(ctx context.Context, in PasskeyPost) (SessionKey, error) {
	now := rs.Now()
	state, err := rs.State(ctx, in.Session)
	if err != nil {
		return SessionKey{}, err
	}
	if state.Next(now) != RecoverSecondStep {
		return SessionKey{}, ErrRecoveryStep
	}
	used, err := rs.verified(ctx, in, state.Account.ID)
	if err != nil {
		return SessionKey{}, err
	}
	var renewed SessionKey
	err = rs.Store.Change(ctx, func(tx RecoverTx) (audit.Event, error) {
		renewed = SessionKey{}
		state, err := rs.at(tx, in.Session, now, RecoverSecondStep)
		if err != nil {
			return audit.Event{}, err
		}
		a, refused, err := rs.usePasskey(tx, used, in.Origin, now)
		if err != nil {
			return refused, err
		}
		renewed, err = rs.pass(tx, state, in.Session, now)
		return in.Origin.event(now, audit.RecoveryPassed, a.ID), err
	})
	return renewed, err
}

// SetPassword is the new password: of a forgotten one after the second step, which ends every other session, the refresh
// tokens and the reset that somebody may have asked for, and signs this browser in (M4); of a rebuild it waits with the rest
// until Finish. Errors: ErrNoRecovery, ErrRecoveryStep, those of PasswordPolicy.Admit, secret.ErrBusy.
func (rs Recoveries) SetPassword(ctx context.Context, key SessionKey, password string, o Origin) (SessionKey, error) {
	var words []string
	err := rs.Store.View(ctx, func(tx RecoverTx) error {
		state, err := rs.at(tx, key, rs.Now(), RecoverPassword)
		if err != nil {
			return err
		}
		profiles, err := tx.Profiles(state.Account.ID)
		words = personalWords(state.Account, profiles, rs.Brand)
		return err
	})
	if err == nil {
		err = rs.Policy.Admit(ctx, password, words...)
	}
	if err != nil {
		return SessionKey{}, err
	}
	hash, err := rs.Passwords.Hash(ctx, NormalPassword(password))
	if err != nil {
		return SessionKey{}, err
	}
	now, renewed := rs.Now(), key
	err = rs.Store.Change(ctx, func(tx RecoverTx) (audit.Event, error) {
		renewed = key
		state, err := rs.at(tx, key, now, RecoverPassword)
		if err != nil {
			return audit.Event{}, err
		}
		if state.Rebuilds() {
			r := state.Recovery
			r.Provisional.PasswordHash = hash
			return o.event(now, audit.RecoveryPrepared, r.Account), tx.SaveRecovery(&r)
		}
		a := state.Account
		if err := rs.endReset(tx, a, ResetSignedIn, now); err != nil {
			return audit.Event{}, err
		}
		a.Credentials.PasswordHash = hash
		a.SessionEpoch++
		if err := tx.EndRefreshOf(a.ID, now); err != nil {
			return audit.Event{}, err
		}
		renewed, err = rs.enter(tx, state, a, key, SignInPasswordReset, o, now)
		e := o.event(now, audit.PasswordChanged, a.ID)
		e.Detail = map[string]string{"by": "recovery"}
		return e, err
	})
	return renewed, err
}

// enter ends the recovery, saves the account and signs the browser in to it under its new epochs, with a new secret; the owner
// is told by M4 what changed. The browser is the one that is known from now on.
func (rs Recoveries) enter(tx RecoverTx, state RecoveryState, a Account, key SessionKey, what SignInChange, o Origin, now time.Time) (SessionKey, error) {
	r, s := state.Recovery, state.Session
	a.signedIn(now)
	a.UpdatedAt, r.EndedAt = now, now
	r.forget()
	renewed := s.Renew(rs.Keys, key, now)
	s.Account, s.Epoch, s.SessionEpoch, s.Level = a.ID, a.Epoch, a.SessionEpoch, TwoSteps
	s.SignedInAt, s.ProvedAt, s.SeenAt, s.Browser = now, now, now, o.Browser
	if err := errors.Join(tx.SaveAccount(&a), tx.SaveRecovery(&r), tx.SaveSession(&s)); err != nil {
		return SessionKey{}, err
	}
	_, err := keepKnown(tx, rs.Keys, rs.IDs, a, renewed, o, now)
	return renewed, errors.Join(err,
		tx.QueueMail(Mail{ID: rs.IDs.Next(), Account: a.ID, Kind: MailChanged, To: a.Email, Language: "en", Change: what, At: now}))
}
