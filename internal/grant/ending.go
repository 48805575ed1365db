package grant

import (
	"context"
	"errors"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
)

// WarnedBefore is how long before its end a customer is told that an access ends by itself.
const WarnedBefore = 14 * 24 * time.Hour

// EndingTx is what ending accesses in time needs of a transaction.
type EndingTx interface {
	OwnerTx
	// GrantsEnding lists active grants that end by then, at most so many: those whose end came, or of which the customer was not
	// told that it comes.
	GrantsEnding(by, now time.Time, most int) ([]ID, error)
}

// EndingStore runs transactions for ending accesses in time.
type EndingStore interface {
	View(ctx context.Context, fn func(EndingTx) error) error
	Change(ctx context.Context, fn func(EndingTx) (audit.Event, error)) error
}

// TidyAtOnce bounds one turn of Tidy.
const TidyAtOnce = 100

// Tidy does what time brings to accesses: it tells customers of those that end within WarnedBefore (mail M7), once, and ends those
// whose time has come, with a mail and an event to the partner. Nothing waits for it: an access is refused from its end on, whether
// this has run or not. It returns how many it found; each is a transaction of its own.
func (gs Grants) Tidy(ctx context.Context, store EndingStore) (int, error) {
	now := gs.Now()
	var ids []ID
	err := store.View(ctx, func(tx EndingTx) (err error) {
		ids, err = tx.GrantsEnding(now.Add(WarnedBefore), now, TidyAtOnce)
		return err
	})
	for _, id := range ids {
		if err == nil {
			err = gs.end(ctx, store, id, now)
		}
	}
	return len(ids), err
}

func (gs Grants) end(ctx context.Context, store EndingStore, id ID, now time.Time) error {
	return store.Change(ctx, func(tx EndingTx) (audit.Event, error) {
		g, err := tx.Grant(id)
		if err != nil || g.State != Active || g.Until.IsZero() {
			return audit.Event{}, err
		}
		a, err := tx.Account(g.Account)
		if err != nil {
			return audit.Event{}, err
		}
		e := audit.Event{At: now, Action: audit.GrantEnded, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorServer},
			Partner: int64(g.Partner), Account: int64(g.Account)}
		what := customer.AccessEnded
		switch {
		case !now.Before(g.Until):
			g.State, g.EndedAt = Ended, g.Until
			if err := tx.EndRefresh(g.Account, g.Partner, g.ID, now); err != nil {
				return audit.Event{}, err
			}
		case g.WarnedAt.IsZero() && !now.Before(g.Until.Add(-WarnedBefore)):
			g.WarnedAt, e.Action, what = now, audit.GrantEnding, customer.AccessEnding
		default:
			return audit.Event{}, nil
		}
		if err := tx.SaveGrant(&g); err != nil {
			return audit.Event{}, err
		}
		var told error
		if a.State == customer.Claimed {
			told = gs.write(tx, a, g, what, now)
		}
		if what == customer.AccessEnded {
			told = errors.Join(told, gs.tell(tx, g, now))
		}
		return g.described(e), told
	})
}
