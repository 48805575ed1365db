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

// ErrNoMethod: there is no such second step.
var ErrNoMethod = errors.New("no such second step")

// change takes one step of a rebuild.
func (rs Recoveries) change(ctx context.Context, key SessionKey, o Origin, steps []RecoverStep,
	take func(tx RecoverTx, state RecoveryState, now time.Time) (Recovery, error)) error {
	now := rs.Now()
	return rs.Store.Change(ctx, func(tx RecoverTx) (audit.Event, error) {
		state, err := rs.at(tx, key, now, steps...)
		if err != nil {
			return audit.Event{}, err
		}
		r, err := take(tx, state, now)
		if err != nil {
			return audit.Event{}, err
		}
		return o.event(now, audit.RecoveryPrepared, r.Account), tx.SaveRecovery(&r)
	})
}

// Rebuild begins to set up everything anew, once the reset's wait is over. Nothing of the account changes before Finish.
// Errors: ErrNoRecovery, ErrRecoveryStep, also while the wait lasts.
func (rs Recoveries) Rebuild(ctx context.Context, key SessionKey, o Origin) error {
	return rs.change(ctx, key, o, []RecoverStep{RecoverSecondStep}, func(_ RecoverTx, state RecoveryState, now time.Time) (Recovery, error) {
		r := state.Recovery
		if !state.Reset.Ready(state.Account, now) {
			return Recovery{}, ErrRecoveryStep
		}
		r.RebuiltAt = now
		return r, nil
	})
}

// ChooseMethod chooses the new second step, "app" or "passkey"; until it is proven another may be chosen. Errors:
// ErrNoRecovery, ErrRecoveryStep, ErrNoMethod.
func (rs Recoveries) ChooseMethod(ctx context.Context, key SessionKey, method string, o Origin) error {
	steps := []RecoverStep{RecoverMethod, RecoverApp, RecoverPasskey}
	return rs.change(ctx, key, o, steps, func(_ RecoverTx, state RecoveryState, _ time.Time) (Recovery, error) {
		r := state.Recovery
		switch {
		case method == "app":
			if len(r.AppSecret) == 0 {
				r.AppSecret = secret.NewAppSecret()
			}
		case method != "passkey" || !rs.Passkeys.Works():
			return Recovery{}, ErrNoMethod
		}
		r.Method = method
		return r, nil
	})
}

// newAppKeys count wrong codes of the new authenticator app: by recovery, since only this browser has that app. Counted with the second
// steps of the account they would be used up by whoever reads the mailbox too, and a reset could not be finished (I12).
func newAppKeys(r Recovery) []limit.Key {
	return []limit.Key{limit.NewKey(limit.KindSecondStep, "recovery", strconv.FormatInt(int64(r.ID), 10))}
}

// ProveApp sets up the new authenticator app. Its secret is this browser's own, so its tries are counted only that nobody may
// flood. Errors: ErrNoRecovery, ErrRecoveryStep, ErrCodeEmpty, ErrCodeFormat, ErrCodeWrong, limit.Exceeded.
func (rs Recoveries) ProveApp(ctx context.Context, key SessionKey, typed string, o Origin) error {
	code, err := CleanSixDigits(typed)
	if err != nil {
		return err
	}
	now := rs.Now()
	return rs.Store.Change(ctx, func(tx RecoverTx) (audit.Event, error) {
		state, err := rs.at(tx, key, now, RecoverApp)
		if err != nil {
			return audit.Event{}, err
		}
		r := state.Recovery
		refused := denied(o.event(now, "", r.Account), audit.RecoveryRefused, "new_app")
		for _, k := range newAppKeys(r) {
			if err := limit.Spend(tx, k, now); errors.Is(err, limit.ErrExceeded) {
				refused.Reason = "too_many_tries"
				return refused, err
			} else if err != nil {
				return audit.Event{}, err
			}
		}
		step, result := secret.MatchApp(r.AppSecret, code, now, 0)
		if result != secret.AppMatches {
			return refused, ErrCodeWrong
		}
		for _, k := range newAppKeys(r) {
			if err := limit.Return(tx, k, now); err != nil {
				return audit.Event{}, err
			}
		}
		r.Provisional.Apps = []App{{ID: rs.IDs.Next(), Secret: r.AppSecret, LastStep: step, AddedAt: now, LastUsedAt: now}}
		rs.drawCodes(&r)
		return o.event(now, audit.RecoveryPrepared, r.Account), tx.SaveRecovery(&r)
	})
}

// drawCodes ends the new second step and draws the new recovery codes with it, so that a reload shows the same ones.
func (rs Recoveries) drawCodes(r *Recovery) {
	r.Texts, r.Provisional.Recovery = NewRecoveryCodes(rs.Keys, r.Account)
	r.AppSecret = nil
}

// NewPasskeyOptions are what the browser makes the new passkey with. The old ones are not named: they are lost.
func (rs Recoveries) NewPasskeyOptions(s RecoveryState, bound ...string) string {
	return rs.Passkeys.CreationOptions(rs.PasskeyChallenge(bound...),
		secret.PasskeyUser{Handle: PasskeyHandle(s.Account.ID), Name: s.Account.Email}, nil)
}

// ProvePasskey sets up the new passkey. Errors: ErrNoRecovery, ErrRecoveryStep, ErrPasskey, ErrPasskeyLate, ErrPasskeySpent.
func (rs Recoveries) ProvePasskey(ctx context.Context, in PasskeyPost) error {
	now := rs.Now()
	return rs.Store.Change(ctx, func(tx RecoverTx) (audit.Event, error) {
		state, err := rs.at(tx, in.Session, now, RecoverPasskey)
		if err != nil {
			return audit.Event{}, err
		}
		r := state.Recovery
		e := in.Origin.event(now, audit.RecoveryPrepared, r.Account)
		made, err := rs.made(tx, r.Account, in)
		var fault secret.PasskeyFault
		switch {
		case errors.As(err, &fault) && fault.Reason == "late":
			return denied(e, audit.RecoveryRefused, "passkey_late"), ErrPasskeyLate
		case errors.As(err, &fault):
			return denied(e, audit.RecoveryRefused, "passkey_"+fault.Reason), ErrPasskey
		case err != nil:
			return audit.Event{}, err
		}
		r.Provisional.Passkeys = []Passkey{NewPasskey(rs.IDs, made, now)}
		rs.drawCodes(&r)
		return e, tx.SaveRecovery(&r)
	})
}

// Finish puts everything new in place of the old, in one transaction: password, second step and recovery codes are replaced,
// the epochs rise, so that every session, token and authorization code is dead, every access waits until the owner renews it,
// and its partner is told; M4 goes to every address that heard of the reset. It needs the reset ready and not cancelled in that
// very transaction, so of a cancel and a finish at once one happens. Errors: ErrNoRecovery, ErrRecoveryStep, ErrCodesNotSaved.
func (rs Recoveries) Finish(ctx context.Context, key SessionKey, saved bool, o Origin) (SessionKey, error) {
	now := rs.Now()
	var renewed SessionKey
	err := rs.Store.Change(ctx, func(tx RecoverTx) (audit.Event, error) {
		renewed = SessionKey{}
		state, err := rs.at(tx, key, now, RecoverCodes)
		if err != nil {
			return audit.Event{}, err
		}
		if !saved {
			return audit.Event{}, ErrCodesNotSaved
		}
		if !state.Recovery.Provisional.Complete() {
			return audit.Event{}, ErrRecoveryStep
		}
		a, q := state.Account, state.Reset
		q.EndedAt, q.Ended = now, ResetFinished
		a.Credentials = state.Recovery.Provisional
		a.Epoch++
		a.SessionEpoch++
		if err := errors.Join(tx.SaveReset(&q), rs.suspend(tx, a.ID, now), tx.EndRefreshOf(a.ID, now)); err != nil {
			return audit.Event{}, err
		}
		for _, to := range q.Addresses {
			if SameEmail(to, a.Email) {
				continue // enter writes to it
			}
			if err := tx.QueueMail(Mail{ID: rs.IDs.Next(), Account: a.ID, Kind: MailChanged, To: to, Language: "en", Change: SignInRebuilt, At: now}); err != nil {
				return audit.Event{}, err
			}
		}
		renewed, err = rs.enter(tx, state, a, key, SignInRebuilt, o, now)
		return o.event(now, audit.ResetFinished, a.ID), err
	})
	return renewed, err
}

// suspend makes every access wait until the owner renews it (design 10.14), and tells the partners of theirs.
func (rs Recoveries) suspend(tx RecoverTx, a AccountID, now time.Time) error {
	all, err := tx.SuspendAccess(a, now)
	for _, access := range all {
		err = errors.Join(err, tx.QueueEvent(partner.Event{ID: rs.IDs.Next(), Partner: access.Partner, Account: int64(a), Profile: int64(access.Profile),
			Type: partner.EventGrants, State: "suspended", OccurredAt: now}))
	}
	return err
}
