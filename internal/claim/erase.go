package claim

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/partner"
)

// EraseTx is what erasing needs of a transaction.
type EraseTx interface {
	customer.AccountTx
	customer.ProfileTx
	grant.GrantTx
	RestTx
	// ForgetAccount deletes what waits to be told about an account, mails and notifications, and its sessions and tokens.
	ForgetAccount(customer.AccountID) error
}

// EraseStore runs transactions for erasing.
type EraseStore interface {
	View(ctx context.Context, fn func(EraseTx) error) error
	Change(ctx context.Context, fn func(EraseTx) (audit.Event, error)) error
}

// Erase destroys an account's key on the operator's word, whatever state it is in (requirement 93): everything that is sealed under
// it is unreadable from then on, also in the audit, in receipts and in copies that were made without the master key. The row
// stays, with its number and moments and nothing personal, so that the audit's chain holds. Its epochs rise, so that whatever
// was made on it is dead (I2); every access ends and its partners are told, and so is the creator of an account that
// nobody had claimed. What waited to be told before is not told any more. changed is false for an account that is erased already.
// Errors: customer.ErrNoAccount.
func (cs Claims) Erase(ctx context.Context, store EraseStore, id customer.AccountID) (changed bool, err error) {
	now := cs.Now()
	err = store.Change(ctx, func(tx EraseTx) (audit.Event, error) {
		changed = false
		a, err := tx.Account(id)
		if err != nil || a.Email == "" {
			return audit.Event{}, err
		}
		e := cs.browserEvent(now, audit.AccountErased, Journey{Partner: a.Creator, Account: id}, customer.Origin{})
		e.Actor, e.Reason = audit.Actor{Kind: audit.ActorOperator}, "operator"
		changed = true
		return e, cs.eraseFor(tx, a, customer.DeactivatedByErasure, now)
	})
	return changed && err == nil, err
}

// eraseFor ends and erases an account, and says why to its partners.
func (cs Claims) eraseFor(tx EraseTx, a customer.Account, why customer.Deactivation, now time.Time) error {
	profiles, err := tx.Profiles(a.ID)
	if err != nil {
		return err
	}
	grants, err := tx.GrantsOf(a.ID)
	if err != nil {
		return err
	}
	wasPending := a.State == customer.Pending
	if err := tx.ForgetAccount(a.ID); err != nil {
		return err
	}
	if wasPending {
		return cs.erase(tx, a, profiles, why, "erased", now)
	}
	for _, g := range grants {
		g.State, g.EndedAt = grant.Ended, now
		if err := errors.Join(tx.SaveGrant(&g), cs.tellGrant(tx, now, g)); err != nil {
			return err
		}
	}
	a.State, a.Hold, a.UpdatedAt, a.LiveJourney, a.Registration, a.RegistrationVersion = customer.Closed, "", now, 0, nil, 0
	a.LastSignInAt, a.PreviousSignInAt, a.CloseAt = time.Time{}, time.Time{}, time.Time{}
	a.Epoch++
	a.SessionEpoch++
	if err := errors.Join(tx.SaveAccount(&a), tx.EraseAccount(a.ID)); err != nil {
		return err
	}
	return cs.tellClosed(tx, a, profiles, grants, why, now)
}

// tellClosed tells, in the documented words, each partner that had access of the account and of the profiles that it could reach.
func (cs Claims) tellClosed(tx partner.EventTx, a customer.Account, profiles []customer.Profile, grants []grant.Grant, why customer.Deactivation, now time.Time) error {
	told := map[partner.ID]bool{}
	for _, g := range grants {
		if told[g.Partner] {
			continue
		}
		told[g.Partner] = true
		reached := slices.DeleteFunc(slices.Clone(profiles), func(p customer.Profile) bool {
			return !slices.ContainsFunc(grants, func(o grant.Grant) bool { return o.Partner == g.Partner && o.Profile == p.ID })
		})
		to := a
		to.Creator = g.Partner
		if err := to.QueueDeactivated(tx, cs.IDs, reached, why, now); err != nil {
			return err
		}
	}
	return nil
}
