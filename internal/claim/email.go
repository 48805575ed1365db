package claim

import (
	"context"
	"errors"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// A Post is what every step after C1 brings: which journey, from which browser.
type Post struct {
	Text    string
	Session customer.SessionKey
	Origin  customer.Origin
}

// sendAgainAfter tells "Send a new code" pressed again from a double click, whose second mail would make the first one's
// code worthless while the person types it.
const sendAgainAfter = 5 * time.Second

// SendCode sends a new mailed code (C2, "Send a new code"). Errors: ErrNoJourney, ErrNotNow, limit.Exceeded.
func (cs Claims) SendCode(ctx context.Context, in Post) error {
	now := cs.Now()
	return cs.Store.Change(ctx, func(tx Tx) (audit.Event, error) {
		state, err := cs.at(tx, in.Text, in.Session, now, StepEmail)
		if err != nil {
			return audit.Event{}, err
		}
		j := state.Journey
		if now.Sub(j.Mailed.SentAt) < sendAgainAfter {
			return audit.Event{}, nil // a double click: the first one sent it
		}
		e := cs.browserEvent(now, audit.JourneyEmailCodeSent, j, in.Origin)
		if err := cs.sendCode(tx, &j, now); err != nil {
			return exceeded(denied(e, audit.JourneyEmailRefused, "too_many_mails"), err)
		}
		return e, tx.SaveJourney(&j)
	})
}

// ProveEmail is C2: the mailbox proof. It spends the claim code, makes this journey the account's live one and so ends the
// others, in one transaction (I1, design 4.2). A try is spent before the digits are compared; twenty wrong ones in the
// account's life put it on hold until the partner changes the address. Errors: ErrNoJourney, ErrNotNow,
// customer.ErrCodeEmpty, ErrCodeFormat, ErrCodeWrong, ErrCodeLate (another was sent, unless limit.Exceeded comes with it),
// limit.Exceeded.
func (cs Claims) ProveEmail(ctx context.Context, in Post, typed string) error {
	code, err := customer.CleanSixDigits(typed)
	if err != nil {
		return cs.unfit(ctx, in, err, StepEmail)
	}
	now := cs.Now()
	return cs.Store.Change(ctx, func(tx Tx) (audit.Event, error) {
		state, err := cs.at(tx, in.Text, in.Session, now, StepEmail)
		if err != nil {
			return audit.Event{}, err
		}
		j, a := state.Journey, state.Account
		e := cs.browserEvent(now, audit.JourneyEmailProven, j, in.Origin)
		if len(j.Mailed.Digest) == 0 {
			// After a silence before C3 no code is out, so none can be wrong: this one was right once.
			return cs.sendAgain(tx, j, denied(e, audit.JourneyEmailRefused, "late_code"), now)
		}
		tries := customer.MailedCodeKey(a.ID)
		if err := limit.Ask(tx, mailboxTries(j), now); err != nil {
			return exceeded(denied(e, audit.JourneyEmailRefused, "too_many_tries"), err)
		}
		if err := limit.Spend(tx, tries, now); err != nil {
			return exceeded(denied(e, audit.JourneyEmailRefused, "too_many_tries"), err)
		}
		switch right := secret.Equal(j.Mailed.Digest, cs.mailedDigest(j.Mailed.Version, j, code)); {
		case !right || !customer.SameEmail(j.Address, a.Address()):
			return cs.wrongCode(tx, j, a, denied(e, audit.JourneyEmailRefused, "wrong_code"), now)
		case !now.Before(j.Mailed.ExpiresAt):
			return cs.lateCode(tx, j, tries, denied(e, audit.JourneyEmailRefused, "late_code"), now)
		}
		if err := settle(tx, tries, now); err != nil {
			return audit.Event{}, err
		}
		return cs.proven(tx, state, e, now)
	})
}

// unfit refuses a post whose value is wrong already. The dispatcher comes first, so that a finished step is never shown its
// errors; and trouble with the database is that and nothing else (I11).
func (cs Claims) unfit(ctx context.Context, in Post, wrong error, steps ...Step) error {
	if err := cs.check(ctx, in, steps...); err != nil {
		return err
	}
	return wrong
}

// check reports whether one of the steps is the journey's next one.
func (cs Claims) check(ctx context.Context, in Post, steps ...Step) error {
	return cs.Store.View(ctx, func(tx Tx) error {
		_, err := cs.at(tx, in.Text, in.Session, cs.Now(), steps...)
		return err
	})
}

// mailboxTries counts wrong codes over all accounts that the journey's partner opened with its address. The partner is whom it guards
// against: six digits are guessed by who has accounts enough, and the account is then a stranger's under the address of somebody who
// never saw it. Other partners' counts are their own, so that nobody is kept from a claim by another partner.
func mailboxTries(j Journey) limit.Key {
	return customer.MailboxKey(limit.KindMailboxCode, j.Partner, j.Address)
}

func (cs Claims) wrongCode(tx Tx, j Journey, a customer.Account, e audit.Event, now time.Time) (audit.Event, error) {
	if err := limit.Spend(tx, mailboxTries(j), now); err != nil {
		return audit.Event{}, err
	}
	key := customer.MailedCodeKey(a.ID)
	tries, err := tx.Tries(key)
	if err != nil {
		return audit.Event{}, err
	}
	if key.Kind.Rule().Spent(tries) {
		a.Hold, e.Reason = customer.HoldEmailTries, "tries_spent"
		if err := tx.SaveAccount(&a); err != nil {
			return audit.Event{}, err
		}
	}
	return e, customer.ErrCodeWrong
}

// settle takes a right try out of the count for a lifetime, which is of wrong ones, and forgets the wrong ones of the hour.
func settle(tx limit.Tx, key limit.Key, now time.Time) error {
	if err := limit.Return(tx, key, now); err != nil {
		return err
	}
	return limit.Forgive(tx, key, now)
}

// lateCode sends another mail at once: the person has the right mailbox and only took long.
func (cs Claims) lateCode(tx Tx, j Journey, tries limit.Key, e audit.Event, now time.Time) (audit.Event, error) {
	if err := settle(tx, tries, now); err != nil {
		return audit.Event{}, err
	}
	return cs.sendAgain(tx, j, e, now)
}

func (cs Claims) sendAgain(tx Tx, j Journey, e audit.Event, now time.Time) (audit.Event, error) {
	if err := cs.sendCode(tx, &j, now); err != nil {
		return exceeded(e, errors.Join(ErrCodeLate, err))
	}
	if err := tx.SaveJourney(&j); err != nil {
		return audit.Event{}, err
	}
	return e, ErrCodeLate
}

// proven records the proof. After a silence before C3 it is only asked again, and nothing else changes.
func (cs Claims) proven(tx Tx, state State, e audit.Event, now time.Time) (audit.Event, error) {
	j, a, code := state.Journey, state.Account, state.Code
	j.FreshAt, j.Mailed = now, MailedCode{}
	if !j.ProvenAt.IsZero() {
		e.Detail = map[string]string{"again": "true"}
		return e, tx.SaveJourney(&j)
	}
	_, err := tx.ClaimedAccount(j.Address)
	existing := err == nil
	if err != nil && !errors.Is(err, customer.ErrNoAccount) {
		return audit.Event{}, err
	}
	j.ProvenAt = now
	a.ProvenNumber, a.LiveJourney, a.UpdatedAt = j.Number, int64(j.ID), now
	if existing {
		// E10: the person has an account already; nothing is merged, and the pending copy lives on as if left alone. The
		// journey stays the live one, so that its partner hears of it what it hears of any that stands still.
		j.EndedAt, j.EndedReason = now, OverExisting
	}
	if code.ID != 0 { // a journey with more time may outlive its code's row
		code.State, code.EndedAt = Spent, now
		if err := tx.SaveClaimCode(&code); err != nil {
			return audit.Event{}, err
		}
	}
	if err := tx.SaveAccount(&a); err != nil {
		return audit.Event{}, err
	}
	return e, tx.SaveJourney(&j)
}
