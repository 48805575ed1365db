package store

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
)

const (
	// sweepRows is how many rows one transaction deletes: a few milliseconds of the writer's time at most.
	sweepRows = 200
	// sweepRounds bounds one sweep of one table, at two million rows; what is left waits for the next.
	sweepRounds = 10_000
	// day is how long digests of what is spent or over are kept, so that a late second use is still told from nonsense.
	day = 24 * time.Hour
)

// A remain is rows that say nothing any more: which to delete, and how long they are kept after the moment in the query,
// which deletes at most $2 rows of before $1 and finds them by an index.
type remain struct {
	table string
	kept  time.Duration
	query string
}

var remains = []remain{
	{"claim_code", day, sweepBy("claim_code", "expires_at", "")},
	{"authorization_code", day, sweepBy("authorization_code", "expires_at", "")},
	{"token", day, sweepBy("token", "dead_at", "")},
	// A session lives a day at most, whatever was done with it.
	{"session", customer.TotalLifeMore + day, sweepBy("session", "created_at", "")},
	// A month without a step: its account, when it was never claimed, is over by then too.
	{"journey", customer.PendingLife, sweepBy("journey", "fresh_at", "")},
	{"reply", customer.ReplyLife, sweepBy("reply", "at", "")},
	{"mail", day, sweepBy("mail", "done_at", "body IS NULL AND ")},
	{"objection", day, sweepBy("objection", "expires_at", "")},
	{"known_device", day, sweepBy("known_device", "expires_at", "")},
	{"pending_change", 0, sweepBy("pending_change", "expires_at", "")},
	{"recovery", day, sweepBy("recovery", "created_at", "")},
	{"account_reset", customer.ResetLife + day, sweepBy("account_reset", "ready_at", "")},
	{"one_time_token", day, sweepBy("one_time_token", "expires_at", "")},
	{"partner_event", 30 * day, sweepBy("partner_event", "occurred_at", "")},
	{"delivery", 30 * day, sweepBy("delivery", "done_at", "done_at <> 0 AND ")},
	{"tries", 0, `DELETE FROM tries WHERE key_digest IN
		(SELECT key_digest FROM tries WHERE dead_at < $1 ORDER BY dead_at LIMIT $2)`},
	{"passkey_challenge", 0, `DELETE FROM passkey_challenge WHERE digest IN
		(SELECT digest FROM passkey_challenge WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)`},
	{"address_guard", time.Hour, `DELETE FROM address_guard WHERE digest IN
		(SELECT digest FROM address_guard WHERE at < $1 ORDER BY at LIMIT $2)`},
	{"address_block", 0, `DELETE FROM address_block WHERE (creator_id, email_digest) IN
		(SELECT creator_id, email_digest FROM address_block WHERE until_at < $1 ORDER BY until_at LIMIT $2)`},
}

func sweepBy(table, moment, which string) string {
	return "DELETE FROM " + table + " WHERE id IN (SELECT id FROM " + table + " WHERE " + which + moment + " < $1 ORDER BY " + moment + " LIMIT $2)"
}

// Sweep deletes what says nothing any more at now: expired and spent codes, ended sessions and tokens, old answers,
// delivered mails, forgotten tries. It deletes in small transactions of their own between those of requests, a batch of
// each table in turn, so that none waits for it, and each has its audit event. It ends when nothing is left, so that tables stay as large
// as what is alive however much there was. It returns how many rows it deleted.
func (db *DB) Sweep(ctx context.Context, now time.Time) (deleted int, err error) {
	left := slices.Clone(remains)
	for round := 0; len(left) > 0 && round < sweepRounds; round++ {
		left = slices.DeleteFunc(left, func(r remain) bool {
			if err != nil {
				return true
			}
			var n int64
			n, err = db.sweepOnce(ctx, r, now)
			deleted += int(n)
			return n < sweepRows
		})
	}
	return deleted, err
}

// sweepOnce deletes one batch of a table.
func (db *DB) sweepOnce(ctx context.Context, r remain, now time.Time) (n int64, err error) {
	err = db.change(ctx, func(tx *Tx) (_ audit.Event, err error) {
		if n, err = tx.exec(r.query, millis(now.Add(-r.kept)), sweepRows); err != nil || n == 0 {
			return audit.Event{}, err
		}
		return audit.Event{At: now, Action: audit.RowsSwept, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorServer},
			Detail: map[string]string{"table": r.table, "rows": strconv.FormatInt(n, 10)}}, nil
	})
	return n, err
}
