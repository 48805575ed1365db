package claim

import (
	"context"
	"errors"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
)

// CloseWait is how long an account waits between its customer asking to close it and its end: whoever asked in their name, or in a
// hurry, can be overruled by signing in.
const CloseWait = customer.CloseWait

// AskToClose begins the wait after which the account is closed and erased (journey section 7). It asks for a fresh proof, since nothing
// brings an erased account back; a mail says so at once. Until then everything goes on as before. It returns when that will be; asked
// again it changes nothing. Errors: customer.ErrNoSession, customer.ErrNotFresh.
func (cs Claims) AskToClose(ctx context.Context, in customer.OwnerPost) (time.Time, error) {
	now := cs.Now()
	var at time.Time
	err := cs.Store.Change(ctx, func(tx Tx) (audit.Event, error) {
		at = time.Time{}
		_, a, err := customer.FreshOwner(tx, in.Session, now)
		if err != nil {
			return audit.Event{}, err
		}
		if at = a.CloseAt; !at.IsZero() {
			return audit.Event{}, nil
		}
		at = now.Add(CloseWait)
		a.CloseAt, a.UpdatedAt = at, now
		m := customer.Mail{ID: cs.IDs.Next(), Account: a.ID, Kind: customer.MailClose, To: a.Email, Language: "en", Until: at, At: now}
		return ownEvent(now, audit.AccountClosing, customer.SignedInTo(a, in.Origin)), errors.Join(tx.SaveAccount(&a), tx.QueueMail(m))
	})
	return at, err
}

// KeepAccount ends the wait, and the account stays. It needs no fresh proof: it takes nothing away. Errors: customer.ErrStale.
func (cs Claims) KeepAccount(ctx context.Context, o customer.SignedIn) error {
	now := cs.Now()
	return cs.Store.Change(ctx, func(tx Tx) (audit.Event, error) {
		a, err := o.Admit(tx)
		if err != nil || a.CloseAt.IsZero() {
			return audit.Event{}, err
		}
		a.CloseAt, a.UpdatedAt = time.Time{}, now
		return ownEvent(now, audit.AccountKept, o), tx.SaveAccount(&a)
	})
}

// close ends an account whose wait is over: its epoch rises, every access ends and its partner hears of it, and its data are erased with
// its key. One on hold waits for its release, and CloseWait from then (customer.Account.OverruleClosing): somebody looks into it.
func (cs Claims) close(ctx context.Context, store TidyStore, id customer.AccountID, now time.Time) error {
	return store.Change(ctx, func(tx TidyTx) (audit.Event, error) {
		a, err := tx.Account(id)
		if err != nil || a.CloseAt.IsZero() || now.Before(a.CloseAt) || !a.Owned() {
			return audit.Event{}, err
		}
		m := customer.Mail{ID: cs.IDs.Next(), Account: a.ID, Kind: customer.MailClose, To: a.Email, Language: "en", At: now}
		a.CloseAt = time.Time{}
		if err := cs.eraseFor(tx, a, customer.DeactivatedByClosing, now); err != nil {
			return audit.Event{}, err
		}
		e := cs.browserEvent(now, audit.AccountClosed, Journey{Account: id}, customer.Origin{})
		e.Actor = audit.Actor{Kind: audit.ActorServer}
		return e, tx.QueueMail(m)
	})
}
