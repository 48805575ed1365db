package claim

import (
	"context"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/partner"
)

// TidyTx is what tidying needs of a transaction.
type TidyTx interface {
	Tx
	// SilentJourneys finds journeys that nobody finished and that had no step since before, of which the partner was not
	// told; StalePending finds pending accounts that nobody changed since before. Each lists at most so many, oldest first.
	SilentJourneys(before time.Time, most int) ([]string, error)
	// ForgetAccount is that of EraseTx.
	ForgetAccount(customer.AccountID) error
	// ClosingAccounts finds accounts whose customer asked to close them and whose wait is over by now, at most so many.
	ClosingAccounts(now time.Time, most int) ([]customer.AccountID, error)
	StalePending(before time.Time, most int) ([]customer.AccountID, error)
}

// TidyStore runs transactions for tidying.
type TidyStore interface {
	View(ctx context.Context, fn func(TidyTx) error) error
	Change(ctx context.Context, fn func(TidyTx) (audit.Event, error)) error
}

// TidyAtOnce bounds what one round of Tidy takes of each kind, so that a backlog is worked off between requests and not in front
// of them. Whoever finds as much may ask again.
const TidyAtOnce = 100

// Tidy does what time alone brings: it tells partners of journeys without progress for 24 hours, erases accounts that nobody
// claimed within 30 days of the last change (journey section 1), and closes those whose customer asked for it, after the wait. It returns how many it found; each is a
// transaction of its own, so a crash between two loses nothing and a second run finds the rest.
func (cs Claims) Tidy(ctx context.Context, store TidyStore) (int, error) {
	now := cs.Now()
	var silent []string
	var stale, closing []customer.AccountID
	err := store.View(ctx, func(tx TidyTx) (err error) {
		if silent, err = tx.SilentJourneys(now.Add(-AbandonedAfter), TidyAtOnce); err != nil {
			return err
		}
		if stale, err = tx.StalePending(now.Add(-customer.PendingLife), TidyAtOnce); err != nil {
			return err
		}
		closing, err = tx.ClosingAccounts(now, TidyAtOnce)
		return err
	})
	if err != nil {
		return 0, err
	}
	for _, text := range silent {
		if err := cs.abandon(ctx, store, text, now); err != nil {
			return 0, err
		}
	}
	for _, id := range stale {
		if err := cs.expire(ctx, store, id, now); err != nil {
			return 0, err
		}
	}
	for _, id := range closing {
		if err := cs.close(ctx, store, id, now); err != nil {
			return 0, err
		}
	}
	return len(silent) + len(stale) + len(closing), nil
}

// abandon tells the partner that a journey stands still, naming the step and nothing personal.
func (cs Claims) abandon(ctx context.Context, store TidyStore, text string, now time.Time) error {
	return store.Change(ctx, func(tx TidyTx) (audit.Event, error) {
		j, err := tx.Journey(text)
		if err != nil {
			return audit.Event{}, err
		}
		if !j.AbandonedAt.IsZero() || now.Sub(j.FreshAt) < AbandonedAfter {
			return audit.Event{}, nil
		}
		a, err := tx.Account(j.Account)
		if err != nil {
			return audit.Event{}, err
		}
		j.AbandonedAt = now
		if err := tx.SaveJourney(&j); err != nil {
			return audit.Event{}, err
		}
		e := cs.browserEvent(now, audit.JourneyAbandoned, j, customer.Origin{})
		e.Actor = audit.Actor{Kind: audit.ActorServer}
		if !j.leads(a) || j.Decision == Left && (j.Code == 0 || !j.CommittedAt.IsZero()) {
			// Another journey took its place, and the partner hears of that one; or the account is claimed and the customer
			// chose to go.
			return e, nil
		}
		return e, cs.tell(tx, now, j, partner.EventClaims, "abandoned", string(j.reached()))
	})
}

// leads reports whether the journey is the one by which its account would be claimed or its partner be let in.
func (j Journey) leads(a customer.Account) bool {
	switch {
	case a.State == customer.Claimed:
		return !j.CommittedAt.IsZero() || j.Code == 0
	case !j.ProvenAt.IsZero():
		return a.LiveJourney == int64(j.ID)
	}
	return j.Number > a.ProvenNumber && j.Epoch == a.Epoch
}

// reached is the step that the journey's own row has come to.
func (j Journey) reached() Step {
	switch {
	case !j.CommittedAt.IsZero() || j.Code == 0:
		if j.ReviewedAt.IsZero() {
			return StepReview
		}
		return StepAllow
	case j.ProvenAt.IsZero():
		return StepEmail
	case j.PasswordAt.IsZero():
		return StepPassword
	case j.AppAt.IsZero():
		return StepSecondStep
	}
	return StepRecoveryCodes
}

// expire erases an account that nobody claimed in time.
func (cs Claims) expire(ctx context.Context, store TidyStore, id customer.AccountID, now time.Time) error {
	return store.Change(ctx, func(tx TidyTx) (audit.Event, error) {
		a, err := tx.Account(id)
		if err != nil {
			return audit.Event{}, err
		}
		if a.State != customer.Pending || now.Sub(a.UpdatedAt) < customer.PendingLife {
			return audit.Event{}, nil
		}
		profiles, err := tx.Profiles(id)
		if err != nil {
			return audit.Event{}, err
		}
		e := cs.browserEvent(now, audit.AccountExpired, Journey{Partner: a.Creator, Account: id}, customer.Origin{})
		e.Actor = audit.Actor{Kind: audit.ActorServer}
		return e, cs.erase(tx, a, profiles, customer.DeactivatedByTime, "", now)
	})
}

// erase ends an account that nobody claimed. Its epoch rises with it, so nothing that was made on it works (I2).
func (cs Claims) erase(tx erasing, a customer.Account, profiles []customer.Profile, why customer.Deactivation, reason string, now time.Time) error {
	a.State, a.UpdatedAt, a.LiveJourney, a.Registration, a.RegistrationVersion = customer.Expired, now, 0, nil, 0
	a.Epoch++
	if err := tx.SaveAccount(&a); err != nil {
		return err
	}
	if err := tx.EraseAccount(a.ID); err != nil {
		return err
	}
	if err := a.QueueDeactivated(tx, cs.IDs, profiles, why, now); err != nil {
		return err
	}
	return cs.tell(tx, now, Journey{Partner: a.Creator, Account: a.ID}, partner.EventClaims, "expired", reason)
}

// erasing is what ending an account needs of a transaction.
type erasing interface {
	customer.AccountTx
	RestTx
}
