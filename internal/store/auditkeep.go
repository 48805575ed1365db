package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
)

const (
	// dropLinks is how far one transaction looks for the end of what may be dropped: a turn of the sealer is no longer than half of it,
	// so that there is a whole one.
	dropLinks = 1000
	// dropRounds bounds one call of DropAudit.
	dropRounds = 20
)

// Start is where the chain begins: the last place that was dropped, zero for a chain that is whole.
func (a Audit) Start(ctx context.Context) (start audit.Start, err error) {
	err = a.DB.read(ctx, func(tx *Tx) (err error) {
		start, err = tx.auditStart()
		return err
	})
	return start, err
}

func (tx *Tx) auditStart() (s audit.Start, err error) {
	err = tx.get("SELECT number, event_id, hash, seal_version, seal, mark_version, mark FROM audit_start WHERE id = 1", nil,
		&s.Link.Number, &s.Link.Event, &s.Link.Hash, &s.Link.SealVersion, &s.Link.Seal, &s.MarkVersion, &s.Mark)
	if errors.Is(err, errNoRow) {
		return audit.Start{}, nil
	}
	return s, err
}

// DropAudit drops events that happened before a moment, oldest first and only whole turns of the sealer, with their links, in small transactions
// of their own, each with its event. The newest turn stays, whatever its age. Where the chain begins from then on is kept with
// its hash and its seal, and marked. It returns how many events it dropped.
func (db *DB) DropAudit(ctx context.Context, before time.Time) (dropped int, err error) {
	for range dropRounds {
		n := 0
		err := db.change(ctx, func(tx *Tx) (audit.Event, error) {
			n = 0
			start, err := tx.auditStart()
			if err != nil {
				return audit.Event{}, err
			}
			last, err := tx.lastDroppable(start.Link.Number, before)
			if err != nil || last.Number == 0 {
				return audit.Event{}, err
			}
			n = int(last.Number - start.Link.Number)
			if err := tx.dropEvents(start.Link.Number, last); err != nil {
				return audit.Event{}, err
			}
			return audit.Event{At: db.now(), Action: audit.AuditDropped, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorServer},
				Detail: map[string]string{"events": strconv.Itoa(n), "through": last.String()}}, nil
		})
		if err != nil {
			return dropped, err
		}
		dropped += n
		if n == 0 {
			break
		}
	}
	return dropped, nil
}

// lastDroppable is the last place with a seal of those after a place that are all older than the moment, and not the newest; zero for none.
func (tx *Tx) lastDroppable(after int64, before time.Time) (audit.Link, error) {
	end := after + dropLinks + 1
	var young int64
	err := tx.get(`SELECT l.number FROM audit_link l JOIN audit_event e ON e.id = l.event_id
		WHERE l.number > $1 AND l.number < $2 AND e.at >= $3 ORDER BY l.number LIMIT 1`, []any{after, end, millis(before)}, &young)
	if err == nil {
		end = young
	} else if !errors.Is(err, errNoRow) {
		return audit.Link{}, err
	}
	head, err := tx.head()
	if err != nil {
		return audit.Link{}, err
	}
	var last audit.Link
	err = tx.get("SELECT "+linkColumns+" FROM audit_link l WHERE l.number > $1 AND l.number < $2 AND l.seal IS NOT NULL ORDER BY l.number DESC LIMIT 1",
		[]any{after, min(end, head.Number)}, linkFields(&last)...)
	if errors.Is(err, errNoRow) {
		return audit.Link{}, nil
	}
	return last, err
}

// dropEvents is the one place where events and links are deleted.
func (tx *Tx) dropEvents(after int64, last audit.Link) error {
	n, err := tx.exec("DELETE FROM audit_event WHERE id IN (SELECT event_id FROM audit_link WHERE number > $1 AND number <= $2)", after, last.Number)
	if err == nil && n != last.Number-after {
		err = fmt.Errorf("drop events: %d of %d are there: verify the chain", n, last.Number-after)
	}
	if err != nil {
		return err
	}
	if _, err := tx.exec("DELETE FROM audit_link WHERE number > $1 AND number <= $2", after, last.Number); err != nil {
		return err
	}
	chain := tx.db.keys.Chain()
	version := chain.Version()
	mark, err := chain.Seal(version, audit.Start{Link: last}.Text())
	if err != nil {
		return err
	}
	_, err = tx.exec(`INSERT INTO audit_start (id, number, event_id, hash, seal_version, seal, mark_version, mark, dropped_at)
		VALUES (1, $1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO UPDATE SET number = excluded.number, event_id = excluded.event_id,
		hash = excluded.hash, seal_version = excluded.seal_version, seal = excluded.seal, mark_version = excluded.mark_version, mark = excluded.mark,
		dropped_at = excluded.dropped_at`, last.Number, last.Event, last.Hash, last.SealVersion, last.Seal, version, mark, millis(tx.db.now()))
	return err
}
