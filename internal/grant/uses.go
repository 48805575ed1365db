package grant

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
)

// mostUses bounds the memory of Uses. What finds no room is noted by a later request of the day, once the others are saved.
const mostUses = 10_000

// Uses remembers which accesses were used on which day until Tokens.SaveUses writes it down, so that a customer can be told the day of
// the last use and no request waits for a write: one access is written at most once a day for each node. What a node forgets when it is
// killed, the next request notes again. The zero value is ready and safe for concurrent use.
type Uses struct {
	mu      sync.Mutex
	waiting map[ID]time.Time // the first use of a day that is not written yet
}

// day is the day of a moment in UTC.
func day(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }

// note remembers a use, unless its day is written already.
func (u *Uses) note(g Grant, now time.Time) {
	if u == nil || g.ID == 0 || !g.UsedOn.Before(day(now)) {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.waiting == nil {
		u.waiting = map[ID]time.Time{}
	}
	if first, known := u.waiting[g.ID]; len(u.waiting) < mostUses && (!known || day(first).Before(day(now))) {
		u.waiting[g.ID] = now
	}
}

// take hands out what waits; what came after stays.
func (u *Uses) take() map[ID]time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	waiting := u.waiting
	u.waiting = nil
	return waiting
}

// SaveUses writes down the days on which accesses were used since it was called last, each with its event, and returns how many. What
// could not be written waits for the next time.
func (ts Tokens) SaveUses(ctx context.Context) (int, error) {
	if ts.Uses == nil {
		return 0, nil
	}
	saved := 0
	var failed error
	for id, at := range ts.Uses.take() {
		if failed == nil {
			failed = ts.saveUse(ctx, id, at)
		}
		if failed != nil {
			ts.Uses.note(Grant{ID: id}, at)
			continue
		}
		saved++
	}
	return saved, failed
}

func (ts Tokens) saveUse(ctx context.Context, id ID, at time.Time) error {
	err := ts.Store.Change(ctx, func(tx TokenTx) (audit.Event, error) {
		g, err := tx.Grant(id)
		if err != nil || !g.UsedOn.Before(day(at)) {
			return audit.Event{}, err
		}
		g.UsedOn = day(at)
		e := audit.Event{At: at, Action: audit.GrantUsed, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorPartner, ID: int64(g.Partner)},
			Partner: int64(g.Partner), Account: int64(g.Account)}
		return g.described(e), tx.SaveGrant(&g)
	})
	if errors.Is(err, ErrNoGrant) {
		return nil
	}
	return err
}
