package claim

import (
	"context"
	"errors"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// ErrBirthDate: the date is not the one that the partner gave. The page does not say which.
var ErrBirthDate = errors.New("date of birth is another than the partner's")

// birthDate is what the partner said of the person, "" for nothing. A business has none.
func (s State) birthDate() string {
	p, _ := customer.PersonalOf(s.Profiles)
	return p.Value(customer.DateOfBirth)
}

// asksBirthDate reports whether the date of birth must still be typed (design 10.9): where the operator wants it for the partner,
// and where the partner gave one. With none there is nothing to compare with, and the person is not asked for show.
func (s State) asksBirthDate() bool {
	return s.Partner.BirthdateCheck && s.Journey.BirthAt.IsZero() && s.birthDate() != ""
}

// ProveBirthDate is the check between C2 and C3: that who reads the mailbox is who the partner means, where one mailbox is read by
// several. date is in the form of time.DateOnly. A try is spent before it is compared, five in the account's life over all
// journeys; after them the account is on hold until its partner gives another date, since a date of birth is quickly tried
// through. It is never shown, and a wrong one is not described. Errors: ErrNoJourney, ErrNotNow, ErrBirthDate, limit.Exceeded.
func (cs Claims) ProveBirthDate(ctx context.Context, in Post, date string) error {
	now := cs.Now()
	return cs.Store.Change(ctx, func(tx Tx) (audit.Event, error) {
		state, err := cs.at(tx, in.Text, in.Session, now, StepBirthDate)
		if err != nil {
			return audit.Event{}, err
		}
		j, a := state.Journey, state.Account
		e := cs.customerEvent(now, audit.JourneyBirthDateProven, j, in.Origin)
		tries := customer.BirthDateKey(a.ID)
		if err := limit.Spend(tx, tries, now); err != nil {
			return exceeded(denied(e, audit.JourneyBirthDateRefused, "too_many_tries"), err)
		}
		if !secret.Equal([]byte(state.birthDate()), []byte(date)) {
			return cs.wrongBirthDate(tx, a, tries, denied(e, audit.JourneyBirthDateRefused, "wrong_date"))
		}
		if err := settle(tx, tries, now); err != nil {
			return audit.Event{}, err
		}
		j.BirthAt, j.FreshAt = now, now
		return e, tx.SaveJourney(&j)
	})
}

func (cs Claims) wrongBirthDate(tx Tx, a customer.Account, key limit.Key, e audit.Event) (audit.Event, error) {
	tries, err := tx.Tries(key)
	if err != nil {
		return audit.Event{}, err
	}
	if key.Kind.Rule().Spent(tries) {
		a.Hold, e.Reason = customer.HoldBirthDate, "tries_spent"
		if err := tx.SaveAccount(&a); err != nil {
			return audit.Event{}, err
		}
	}
	return e, ErrBirthDate
}
