package customer

import (
	"context"
	"errors"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/limit"
)

// HoldOperator: the operator stopped the account.
const HoldOperator = "operator"

// Stop puts the account on hold for a reason: no journey of it goes on, and who had a session has none while it lasts.
func (a *Account) Stop(why string, now time.Time) {
	a.Hold, a.UpdatedAt, a.LiveJourney = why, now, 0
}

// CloseWait is how long an account waits between the wish to close it and its end, in which its owner can overrule the wish.
const CloseWait = 14 * 24 * time.Hour

// OverruleClosing gives the owner the whole CloseWait from now where the account would be closed sooner. It is for when they get
// the account back, from a hold or from a backup: whoever asked may be whom it was on hold for, nobody could sign in to overrule
// them, and a wait that ran out meanwhile would erase the account in the moment in which its owner gets it back.
func (a *Account) OverruleClosing(now time.Time) {
	if !a.CloseAt.IsZero() && a.CloseAt.Before(now.Add(CloseWait)) {
		a.CloseAt = now.Add(CloseWait)
	}
}

// Hold stops an account on the operator's word, until Release: nobody signs in, no token works and no claim goes on. Its
// sessions and a claim that had begun are over for good; access that the customer gave is back with the release. The
// creator is told in the documented words (contract 12.4). A hold that stands already keeps its reason, and changed is
// false. Errors: ErrNoAccount, also for an account that is closed or erased.
func (cs Customers) Hold(ctx context.Context, id AccountID) (changed bool, err error) {
	now := cs.Now()
	err = cs.Store.Change(ctx, func(tx Tx) (audit.Event, error) {
		changed = false
		a, err := held(tx, id)
		if err != nil || a.ClosedToCreator() {
			return audit.Event{}, err
		}
		profiles, err := tx.Profiles(id)
		if err != nil {
			return audit.Event{}, err
		}
		a.Stop(HoldOperator, now)
		a.SessionEpoch++ // a session that was stolen must not come back with the release
		err = errors.Join(tx.SaveAccount(&a), a.QueueDeactivated(tx, cs.IDs, profiles, DeactivatedByOperator, now))
		changed = err == nil
		return operatorsEvent(now, audit.AccountHeld, a, HoldOperator), err
	})
	return changed, err
}

// Release ends a hold of any reason (design 10.8). What the hold ended stays ended: customers sign in again, and partners
// whose access ended ask again. After wrong mailed codes their count begins anew; after an objection the creator may open
// an account for the address again, and one that was to be closed waits anew (OverruleClosing). It gives a claimed account back to whoever has its password and second step, so the
// operator must know who that is. changed is false when there was no hold. Errors: ErrNoAccount.
func (cs Customers) Release(ctx context.Context, id AccountID) (changed bool, err error) {
	now := cs.Now()
	err = cs.Store.Change(ctx, func(tx Tx) (audit.Event, error) {
		changed = false
		a, err := held(tx, id)
		if err != nil || a.Hold == "" {
			return audit.Event{}, err
		}
		why := a.Hold
		a.Hold, a.UpdatedAt = "", now
		a.OverruleClosing(now)
		err = tx.SaveAccount(&a)
		switch why {
		case HoldEmailTries:
			err = errors.Join(err, pardon(tx, MailedCodeKey(id)), pardon(tx, MailboxKey(limit.KindMailboxCode, a.Creator, a.Address())))
		case HoldBirthDate:
			err = errors.Join(err, pardon(tx, BirthDateKey(id)))
		case HoldObjected, HoldReported:
			err = errors.Join(err, tx.BlockAddress(a.Creator, a.Email, now), tx.BlockAddress(a.Creator, a.Address(), now))
		}
		changed = err == nil
		return operatorsEvent(now, audit.AccountReleased, a, why), err
	})
	return changed, err
}

// held reads an account that a hold can be of.
func held(tx Tx, id AccountID) (Account, error) {
	a, err := tx.Account(id)
	if err == nil && a.State != Pending && a.State != Claimed {
		return Account{}, ErrNoAccount
	}
	return a, err
}

func operatorsEvent(now time.Time, action audit.Action, a Account, why string) audit.Event {
	return audit.Event{At: now, Action: action, Outcome: audit.Allowed, Reason: why, Actor: audit.Actor{Kind: audit.ActorOperator},
		Partner: int64(a.Creator), Account: int64(a.ID)}
}
