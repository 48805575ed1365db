package customer

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// What may be wrong with a recovery code.
var (
	// ErrRecoveryCodeEmpty: nothing was typed.
	ErrRecoveryCodeEmpty = errors.New("recovery code was not given")
	// ErrRecoveryCode: it is none of the account's unused ones. A used one looks the same as one that never was.
	ErrRecoveryCode = errors.New("recovery code does not match an unused one")
)

// UseRecovery accepts one of the unused recovery codes, as a person types it, and returns the credentials with the code
// spent. It works once: a code that was read over a shoulder, or that a phishing page got, is worth nothing after its owner
// used it. Every code is compared, so that the answer takes as long for each.
func (c Credentials) UseRecovery(keys *secret.Keys, a AccountID, typed string, now time.Time) (Credentials, bool) {
	text, found := secret.NormalizeRecoveryCode(typed), -1
	for i, code := range c.Recovery {
		digest, err := keys.DigestWith(code.Version, secret.PurposeRecovery, strconv.FormatInt(int64(a), 10), text)
		if err == nil && secret.Equal(digest, code.Digest) && code.UsedAt.IsZero() {
			found = i
		}
	}
	if text == "" || found < 0 {
		return c, false
	}
	c.Recovery = slices.Clone(c.Recovery)
	c.Recovery[found].UsedAt = now
	return c, true
}

// RecoveryLeft counts the unused recovery codes.
func (c Credentials) RecoveryLeft() (left int) {
	for _, code := range c.Recovery {
		if code.UsedAt.IsZero() {
			left++
		}
	}
	return left
}

// recoveryKeys count wrong recovery codes, by account and network. The account's budget over all networks is not among
// them: 80 bits cannot be guessed, and whoever used the budget up must not keep the owner from this way in (design 10.25).
func recoveryKeys(a AccountID, o Origin) []limit.Key {
	return []limit.Key{limit.NewKey(limit.KindRecoveryCode, strconv.FormatInt(int64(a), 10), o.Network)}
}

// RecoveryCode is R3: after the password, a recovery code in place of the second step. It raises the session to TwoSteps and
// renews its secret; the owner is told by mail (M5), since a code that somebody else used is the last warning before they
// change the rest. Errors: ErrNoSession when the password step is missing or too old, ErrRecoveryCodeEmpty, ErrRecoveryCode,
// limit.Exceeded.
func (si SignIns) RecoveryCode(ctx context.Context, key SessionKey, typed string, o Origin) (SessionKey, error) {
	now := si.Now()
	_, a, again, err := si.begun(ctx, key, now)
	if err != nil || again.ID != 0 {
		return again, err
	}
	if typed == "" {
		return SessionKey{}, ErrRecoveryCodeEmpty
	}
	if err := si.spend(ctx, recoveryKeys(a.ID, o), a.ID, o); err != nil {
		return SessionKey{}, err
	}
	var renewed SessionKey
	err = si.Store.Change(ctx, func(tx SignInTx) (audit.Event, error) {
		renewed = SessionKey{}
		s, a, err := si.halfway(tx, key, now)
		if err != nil {
			return audit.Event{}, err
		}
		if err := si.spendRecoveryCode(tx, &a, typed, o, now); errors.Is(err, ErrRecoveryCode) {
			return denied(o.event(now, "", a.ID), audit.SigninRefused, "recovery_code"), err
		} else if err != nil {
			return audit.Event{}, err
		}
		renewed = s.Renew(si.Keys, key, now)
		e := o.event(now, audit.RecoveryUsed, a.ID)
		e.Detail = map[string]string{"left": strconv.Itoa(a.Credentials.RecoveryLeft())}
		return si.raise(tx, s, a, e, renewed, o, now)
	})
	return renewed, err
}

// spendRecoveryCode spends a recovery code of the account, forgets its wrong tries and queues M5. Errors: ErrRecoveryCode.
func (si SignIns) spendRecoveryCode(tx SignInTx, a *Account, typed string, o Origin, now time.Time) error {
	after, right := a.Credentials.UseRecovery(si.Keys, a.ID, typed, now)
	if !right {
		return ErrRecoveryCode
	}
	a.Credentials = after
	a.signedIn(now)
	if err := tx.SaveAccount(a); err != nil {
		return err
	}
	if err := forgive(tx, recoveryKeys(a.ID, o), now); err != nil {
		return err
	}
	return tx.QueueMail(Mail{ID: si.IDs.Next(), Account: a.ID, Kind: MailRecoveryCode, To: a.Email, Language: "en", Left: after.RecoveryLeft(), At: now})
}
