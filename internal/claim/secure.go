package claim

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// SetPassword is C3. The hash stays on the journey's row until the commit (I3). Errors: ErrNoJourney, ErrNotNow, those of
// customer.PasswordPolicy.Admit, secret.ErrBusy.
func (cs Claims) SetPassword(ctx context.Context, in Post, password string) error {
	state, err := cs.State(ctx, in.Text, in.Session)
	if err != nil {
		return err
	}
	if err := cs.check(ctx, in, StepPassword); err != nil {
		return err
	}
	if err := cs.Policy.Admit(ctx, password, cs.personal(state)...); err != nil {
		return err
	}
	hash, err := cs.Passwords.Hash(ctx, customer.NormalPassword(password))
	if err != nil {
		return err
	}
	return cs.keepPassword(ctx, in, hash)
}

// keepPassword writes the hash to the journey, when C3 is still its step after the hashing.
func (cs Claims) keepPassword(ctx context.Context, in Post, hash string) error {
	now := cs.Now()
	return cs.Store.Change(ctx, func(tx Tx) (audit.Event, error) {
		state, err := cs.at(tx, in.Text, in.Session, now, StepPassword)
		if err != nil {
			return audit.Event{}, err
		}
		j := state.Journey
		j.Provisional.PasswordHash, j.PasswordAt, j.FreshAt = hash, now, now
		return cs.customerEvent(now, audit.JourneyPasswordSet, j, in.Origin), tx.SaveJourney(&j)
	})
}

// personal are the words that a password must not be made from.
func (cs Claims) personal(s State) []string {
	words := []string{s.Account.Email, s.Account.ContactEmail, s.Journey.Address, cs.Brand, s.Partner.Name}
	for _, f := range []customer.Field{customer.FirstName, customer.LastName, customer.PreferredName, customer.DateOfBirth} {
		words = append(words, s.Profile.Value(f))
	}
	return slices.DeleteFunc(words, func(w string) bool { return w == "" })
}

// PasswordAgain asks for the password just set after a silence between C4 and C7 (design 10.7). Errors: ErrNoJourney,
// ErrNotNow, customer.ErrNoPassword, customer.ErrSignIn, limit.Exceeded, secret.ErrBusy.
func (cs Claims) PasswordAgain(ctx context.Context, in Post, password string) error {
	if password == "" {
		return cs.unfit(ctx, in, customer.ErrNoPassword, StepPasswordAgain)
	}
	hash, tries, err := cs.countAgain(ctx, in)
	if err != nil {
		return err
	}
	matches, _, err := cs.Passwords.Verify(ctx, hash, customer.NormalPassword(password))
	if err != nil {
		// Nothing was compared, so nothing was tried: else a flood that keeps the hashing busy uses up honest tries (I12).
		return errors.Join(err, cs.unspend(ctx, in, tries))
	}
	return cs.answerAgain(ctx, in, hash, tries, matches)
}

// countAgain counts a try and returns the hash to compare with.
func (cs Claims) countAgain(ctx context.Context, in Post) (hash string, tries limit.Key, err error) {
	now := cs.Now()
	err = cs.Store.Change(ctx, func(tx Tx) (audit.Event, error) {
		hash, tries = "", limit.Key{}
		state, err := cs.at(tx, in.Text, in.Session, now, StepPasswordAgain)
		if err != nil {
			return audit.Event{}, err
		}
		hash = state.Journey.Provisional.PasswordHash
		tries = limit.NewKey(limit.KindPassword, strconv.FormatInt(int64(state.Account.ID), 10), in.Origin.Network)
		e := cs.customerEvent(now, audit.TriesCounted, state.Journey, in.Origin)
		if err := limit.Spend(tx, tries, now); err != nil {
			return exceeded(denied(e, audit.JourneyPasswordRefused, "too_many_tries"), err)
		}
		return e, nil
	})
	return hash, tries, err
}

// answerAgain lets the journey go on when the password matched, if nothing changed meanwhile.
func (cs Claims) answerAgain(ctx context.Context, in Post, hash string, tries limit.Key, matches bool) error {
	now := cs.Now()
	return cs.Store.Change(ctx, func(tx Tx) (audit.Event, error) {
		state, err := cs.at(tx, in.Text, in.Session, now, StepPasswordAgain)
		if err != nil {
			return audit.Event{}, err
		}
		j := state.Journey
		e := cs.customerEvent(now, audit.JourneyContinued, j, in.Origin)
		if !matches || j.Provisional.PasswordHash != hash {
			return denied(e, audit.JourneyPasswordRefused, "password"), customer.ErrSignIn
		}
		if err := limit.Forgive(tx, tries, now); err != nil {
			return audit.Event{}, err
		}
		j.FreshAt = now
		if j.Challenge != "" {
			j.Challenge = secret.NewPasskeyChallenge() // a challenge lives no longer than the silence
		}
		return e, tx.SaveJourney(&j)
	})
}

// unspend gives back a try that was counted, also when the browser has gone away meanwhile.
func (cs Claims) unspend(ctx context.Context, in Post, tries limit.Key) error {
	now := cs.Now()
	return cs.Store.Change(context.WithoutCancel(ctx), func(tx Tx) (audit.Event, error) {
		j, err := tx.Journey(in.Text)
		if err != nil {
			return audit.Event{}, err
		}
		if err := limit.Return(tx, tries, now); err != nil {
			return audit.Event{}, err
		}
		return cs.customerEvent(now, audit.TriesReturned, j, in.Origin), nil
	})
}

// The second steps.
const (
	MethodPasskey = "passkey"
	MethodApp     = "app"
)

// Methods lists the second steps that exist, in the order in which C4 shows them. There are no passkeys at an address where
// browsers have none.
func (cs Claims) Methods() []string {
	if cs.Passkeys.Works() {
		return []string{MethodPasskey, MethodApp}
	}
	return []string{MethodApp}
}

// stepOf is the page of a second step.
func stepOf(method string) Step {
	if method == MethodPasskey {
		return StepPasskey
	}
	return StepApp
}

// ChooseMethod is C4. Choosing again before C5 or C6 is done is allowed. For the app it draws the secret, for a passkey the
// challenge, which are then the same on every reload. Errors: ErrNoJourney, ErrNotNow, ErrMethod.
func (cs Claims) ChooseMethod(ctx context.Context, in Post, method string) error {
	if !slices.Contains(cs.Methods(), method) {
		return cs.unfit(ctx, in, ErrMethod, StepSecondStep, StepApp, StepPasskey)
	}
	now := cs.Now()
	return cs.Store.Change(ctx, func(tx Tx) (audit.Event, error) {
		state, err := cs.at(tx, in.Text, in.Session, now, StepSecondStep, StepApp, StepPasskey)
		if err != nil {
			return audit.Event{}, err
		}
		j := state.Journey
		j.Method, j.FreshAt = method, now
		switch {
		case method == MethodPasskey:
			j.Challenge = secret.NewPasskeyChallenge()
		case len(j.AppSecret) == 0:
			j.AppSecret = secret.NewAppSecret()
		}
		return cs.customerEvent(now, audit.JourneyMethodChosen, j, in.Origin), tx.SaveJourney(&j)
	})
}

// ProveApp is C5: the app shows that it has the secret. The recovery codes are drawn with it, so that C7 shows the same
// ones on every reload. Errors: ErrNoJourney, ErrNotNow, customer.ErrCodeEmpty, ErrCodeFormat, ErrCodeWrong,
// limit.Exceeded.
func (cs Claims) ProveApp(ctx context.Context, in Post, typed string) error {
	code, err := customer.CleanSixDigits(typed)
	if err != nil {
		return cs.unfit(ctx, in, err, StepApp)
	}
	now := cs.Now()
	return cs.Store.Change(ctx, func(tx Tx) (audit.Event, error) {
		state, err := cs.at(tx, in.Text, in.Session, now, StepApp)
		if err != nil {
			return audit.Event{}, err
		}
		j := state.Journey
		e := cs.customerEvent(now, audit.JourneyAppAdded, j, in.Origin)
		tries := limit.NewKey(limit.KindSecondStep, strconv.FormatInt(int64(j.Account), 10), in.Origin.Network)
		if err := limit.Spend(tx, tries, now); err != nil {
			return exceeded(denied(e, audit.JourneyAppRefused, "too_many_tries"), err)
		}
		step, result := secret.MatchApp(j.AppSecret, code, now, 0)
		if result != secret.AppMatches {
			return denied(e, audit.JourneyAppRefused, "wrong_code"), customer.ErrCodeWrong
		}
		if err := limit.Forgive(tx, tries, now); err != nil {
			return audit.Event{}, err
		}
		j.Provisional.Apps = []customer.App{{ID: cs.IDs.Next(), Secret: j.AppSecret, LastStep: step, AddedAt: now, LastUsedAt: now}}
		j.AppAt = now
		cs.secured(&j, now)
		return e, tx.SaveJourney(&j)
	})
}
