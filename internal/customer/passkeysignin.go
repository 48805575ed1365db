package customer

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// A PasskeyPost is what a page of the sign-in posts of a passkey.
type PasskeyPost struct {
	// Session is the browser's, zero for none.
	Session SessionKey
	// Answer is the authenticator's, as JSON.
	Answer []byte
	// Bound is what the page's challenge was bound to: this browser, this page.
	Bound []string
	// MoreTime lifts the idle limit of the new session.
	MoreTime bool
	// Unrecorded leaves refusals that name no account out of the audit: the network has had its share of them. Anybody can be
	// refused, as often as they like, and the audit is never emptied.
	Unrecorded bool
	Origin     Origin
}

// PasskeyChallenge draws the challenge of a page.
func (si SignIns) PasskeyChallenge(bound ...string) string {
	return si.Keys.PasskeyChallenge(si.Now(), bound...)
}

// Passkey is R1 and R2 at once: a passkey with user verification is the device and what unlocks it. The answer is the key of
// a session at TwoSteps, always a new one (session fixation). Nothing can be guessed here, so tries are neither counted nor
// asked: whoever made the password's limit run out does not keep the owner with a passkey out (I12, design 10.25). Errors:
// ErrPasskey, ErrPasskeyLate, ErrPasskeySpent.
func (si SignIns) Passkey(ctx context.Context, in PasskeyPost) (SessionKey, error) {
	now := si.Now()
	used, err := si.verified(ctx, in, 0)
	if err != nil {
		return SessionKey{}, err
	}
	var key SessionKey
	err = si.Store.Change(ctx, func(tx SignInTx) (audit.Event, error) {
		key = SessionKey{}
		a, refused, err := si.usePasskey(tx, used, in.Origin, now)
		if err != nil {
			return refused, err
		}
		if err := errors.Join(endSession(tx, in.Session, now), si.endReset(tx, a, ResetSignedIn, now)); err != nil {
			return audit.Event{}, err
		}
		var s Session
		s, key = NewSession(si.IDs, now)
		s.Account, s.Epoch, s.SessionEpoch, s.Level = a.ID, a.Epoch, a.SessionEpoch, TwoSteps
		s.MoreTime, s.ProvedAt, s.SignedInAt, s.Browser = in.MoreTime, now, now, in.Origin.Browser
		if err := tx.SaveSession(&s); err != nil {
			return audit.Event{}, err
		}
		return si.remember(tx, passkeyEvent(in.Origin, now, a.ID), a, key, in.Origin, now)
	})
	return key, err
}

// PasskeyStep is R2 with a passkey, after the password: it raises the session to TwoSteps and renews its secret. A passkey of
// another account is refused: else who knows one customer's password would be let in by a passkey of their own. Errors:
// ErrNoSession when the password step is missing or too old, ErrPasskey, ErrPasskeyLate, ErrPasskeySpent.
func (si SignIns) PasskeyStep(ctx context.Context, in PasskeyPost) (SessionKey, error) {
	now := si.Now()
	s, a, again, err := si.begun(ctx, in.Session, now)
	if err != nil || again.ID != 0 {
		return again, err
	}
	if now.After(s.ProvedAt.Add(SignInLife)) {
		return SessionKey{}, ErrNoSession
	}
	used, err := si.verified(ctx, in, a.ID)
	if err != nil {
		return SessionKey{}, err
	}
	var renewed SessionKey
	err = si.Store.Change(ctx, func(tx SignInTx) (audit.Event, error) {
		renewed = SessionKey{}
		s, _, err := si.halfway(tx, in.Session, now)
		if err != nil {
			return audit.Event{}, err
		}
		a, refused, err := si.usePasskey(tx, used, in.Origin, now)
		if err != nil {
			return refused, err
		}
		renewed = s.Renew(si.Keys, in.Session, now)
		return si.raise(tx, s, a, passkeyEvent(in.Origin, now, a.ID), renewed, in.Origin, now)
	})
	return renewed, err
}

func passkeyEvent(o Origin, now time.Time, a AccountID) audit.Event {
	e := o.event(now, audit.SigninSucceeded, a)
	e.Detail = map[string]string{"factor": "passkey"}
	return e
}

// A usedPasskey is an answer whose signature is right, by the account as it was read.
type usedPasskey struct {
	account AccountID
	passkey Passkey
	use     secret.PasskeyUse
	// challenge is the digest of the one that was answered, until when it lives.
	challenge []byte
	until     time.Time
	// confirms is set at R6: who is signed in does not sign in.
	confirms bool
}

// verified reads and checks an answer outside any change, since signatures take a while. whose is the account that it must be
// of, 0 for the one that it names.
func (si SignIns) verified(ctx context.Context, in PasskeyPost, whose AccountID) (usedPasskey, error) {
	answer, err := secret.ReadPasskey(in.Answer)
	if err != nil {
		return usedPasskey{}, si.refusePasskey(ctx, whose, in, err)
	}
	named := HandleAccount(answer.User)
	if named == 0 && len(answer.User) == 0 {
		named = whose // asked for by name, browsers may leave the handle out (WebAuthn level 3 section 7.2)
	}
	until, err := si.Keys.CheckPasskeyChallenge(answer.Challenge, si.Now(), in.Bound...)
	if err != nil {
		return usedPasskey{}, si.refusePasskey(ctx, whose, in, err)
	}
	a, known, err := si.passkeyOf(ctx, named, answer.Credential)
	if err != nil {
		return usedPasskey{}, err
	}
	if known.ID == 0 || whose != 0 && a != whose {
		return usedPasskey{}, si.refusePasskey(ctx, whose, in, secret.PasskeyFault{Reason: "unknown"})
	}
	use, err := si.Passkeys.Verify(answer.Challenge, known.Key, answer)
	if err == nil && use.BackupEligible != known.BackupEligible {
		err = secret.PasskeyFault{Reason: "backup"} // it never changes in a credential's life (section 6.1.3)
	}
	if err != nil {
		return usedPasskey{}, si.refusePasskey(ctx, a, in, err)
	}
	return usedPasskey{account: a, passkey: known, use: use, until: until,
		challenge: secret.Hash(answer.Challenge)}, nil
}

// passkeyOf finds a passkey of an account that has its owner; pending and held ones do not exist here (design 10.5).
func (si SignIns) passkeyOf(ctx context.Context, id AccountID, credential []byte) (AccountID, Passkey, error) {
	if id == 0 {
		return 0, Passkey{}, nil
	}
	var known Passkey
	err := si.Store.View(ctx, func(tx SignInTx) error {
		a, err := tx.Account(id)
		if errors.Is(err, ErrNoAccount) || err == nil && !a.Owned() {
			return nil
		}
		known, _ = a.Credentials.Passkey(credential)
		return err
	})
	return id, known, err
}

// refusePasskey records a refusal, of account 0 where none is known, and answers what the person may know of it.
func (si SignIns) refusePasskey(ctx context.Context, a AccountID, in PasskeyPost, why error) error {
	now, answer, fault := si.Now(), ErrPasskey, secret.PasskeyFault{Reason: "unknown"}
	if errors.As(why, &fault); fault.Reason == "late" {
		answer = ErrPasskeyLate
	}
	if a == 0 && in.Unrecorded {
		return answer
	}
	return si.Store.Change(ctx, func(SignInTx) (audit.Event, error) {
		return denied(in.Origin.event(now, "", a), audit.SigninRefused, "passkey_"+fault.Reason), answer
	})
}

// usePasskey repeats the checks against the account as it is now and takes the answer, once. With an error comes the event
// that records the refusal, empty where the error is trouble.
func (si SignIns) usePasskey(tx SignInTx, used usedPasskey, o Origin, now time.Time) (Account, audit.Event, error) {
	a, err := tx.Account(used.account)
	if err != nil {
		return Account{}, audit.Event{}, err
	}
	refused := denied(o.event(now, "", a.ID), audit.SigninRefused, "changed_meanwhile")
	known, _ := a.Credentials.Passkey(used.passkey.Credential)
	if !a.Owned() || known.ID != used.passkey.ID || !bytes.Equal(known.Key, used.passkey.Key) {
		return Account{}, refused, ErrPasskey
	}
	fresh, err := tx.SpendChallenge(a.ID, used.challenge, used.until)
	if err != nil {
		return Account{}, audit.Event{}, err
	}
	if !fresh {
		refused.Reason = "passkey_replayed"
		return Account{}, refused, ErrPasskeySpent
	}
	cloned := false
	if a.Credentials, cloned = a.Credentials.UsePasskey(known.Credential, used.use, now); !cloned {
		if !used.confirms {
			a.signedIn(now)
		}
		// No try was counted here, so the account's count stays: see forgive.
		if err := limit.Forgive(tx, stepKeys(a.ID, o)[0], now); err != nil {
			return Account{}, audit.Event{}, err
		}
	}
	if err := tx.SaveAccount(&a); err != nil {
		return Account{}, audit.Event{}, err
	}
	if cloned {
		refused.Reason = "passkey_cloned"
		return Account{}, refused, ErrPasskey
	}
	return a, audit.Event{}, nil
}
