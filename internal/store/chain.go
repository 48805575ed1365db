package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// How far back a sealer looks for events that are not linked: transactions of both engines end within ten seconds, clocks of nodes
// differ by two each way (design 6), and it looks back so far every five seconds. The far look finds those of a node whose clock is
// wrong. The last are those of a few of its turns.
const (
	chainLast = 3 * time.Second
	chainNear = 20 * time.Second
	chainFar  = 10 * time.Minute
)

// Chain is the chain of this database's events. Without its keys marks and seals are not checked, and nothing is sealed.
func (db *DB) Chain() audit.Chain {
	keys := db.keys.Chain()
	if db.keyless {
		keys = secret.ChainKeys{}
	}
	return audit.Chain{Store: Audit{db}, Keys: keys, Last: secret.IDSpan(chainLast), Near: secret.IDSpan(chainNear), Far: secret.IDSpan(chainFar)}
}

// Head is the newest link and the highest number of a linked event; zero where nothing is linked.
func (a Audit) Head(ctx context.Context) (head audit.Link, newest int64, err error) {
	err = a.DB.read(ctx, func(tx *Tx) (err error) {
		if head, err = tx.head(); err != nil {
			return err
		}
		err = tx.get("SELECT event_id FROM audit_link WHERE event_id > 0 ORDER BY event_id DESC LIMIT 1", nil, &newest)
		if errors.Is(err, errNoRow) {
			err = nil
		}
		return err
	})
	return head, newest, err
}

const linkColumns = "l.number, l.event_id, l.hash, l.seal_version, l.seal"

func linkFields(l *audit.Link) []any {
	return []any{&l.Number, &l.Event, &l.Hash, &l.SealVersion, &l.Seal}
}

func (tx *Tx) head() (head audit.Link, err error) {
	err = tx.get("SELECT "+linkColumns+" FROM audit_link l WHERE l.number > 0 ORDER BY l.number DESC LIMIT 1", nil, linkFields(&head)...)
	if errors.Is(err, errNoRow) {
		return audit.Link{}, nil
	}
	return head, err
}

// Unlinked lists entries above a number that are in no link, in the order of their numbers. The link of each is asked for by itself, and not by a join: of the
// newest rows PostgreSQL does not know how many there are, and a join that is planned for few reads all links for each event.
func (a Audit) Unlinked(ctx context.Context, above int64, most int) ([]audit.Entry, error) {
	var all []audit.Entry
	err := a.DB.read(ctx, func(tx *Tx) error {
		all = nil
		return tx.each("SELECT "+auditColumns+` FROM audit_event e WHERE e.id > $1
			AND (SELECT l.number FROM audit_link l WHERE l.event_id = e.id) IS NULL ORDER BY e.id LIMIT $2`,
			[]any{above, most}, func(scan func(...any) error) error {
				var e audit.Entry
				err := scan(auditFields(&e)...)
				all = append(all, e)
				return err
			})
	})
	return all, err
}

// Append writes links after head, all or none. It is no change that anybody asked for, and has no event of its own. The
// error is audit.ErrMoved when head is not the newest link any more.
func (a Audit) Append(ctx context.Context, head audit.Link, links []audit.Link) error {
	return a.DB.write(ctx, func(tx *Tx) error {
		now, err := tx.head()
		if err != nil {
			return err
		}
		if now.Number != head.Number {
			return audit.ErrMoved
		}
		for i := range links {
			err := tx.put("INSERT INTO audit_link (number, event_id, hash, seal_version, seal) VALUES ($1, $2, $3, $4, $5)",
				linkFields(&links[i])...)
			if err != nil {
				return fmt.Errorf("linking event %d: %w", links[i].Event, err)
			}
		}
		return nil
	})
}

// Links lists links above a place, in their order, with what is found at them. A link whose event is gone, or holds what no
// event can, ends the list without an entry.
func (a Audit) Links(ctx context.Context, above int64, most int) ([]audit.Chained, error) {
	var all []audit.Chained
	err := a.DB.read(ctx, func(tx *Tx) error {
		all = nil
		err := tx.each("SELECT "+linkColumns+", "+auditColumns+` FROM audit_link l JOIN audit_event e ON e.id = l.event_id
			WHERE l.number > $1 ORDER BY l.number LIMIT $2`, []any{above, most}, func(scan func(...any) error) error {
			var at audit.Chained
			err := scan(append(linkFields(&at.Link), auditFields(&at.Entry)...)...)
			all = append(all, at)
			return err
		})
		if err == nil && len(all) < most {
			next := above + 1
			if len(all) > 0 {
				next = all[len(all)-1].Link.Number + 1
			}
			var number int64
			if err = tx.get("SELECT number FROM audit_link WHERE number = $1", []any{next}, &number); errors.Is(err, errNoRow) {
				return nil
			}
			err = errors.Join(err, errGap)
		}
		return err
	})
	for i, at := range all {
		if err == nil && at.Link.Number != above+int64(i)+1 {
			err = errGap
		}
	}
	if err == nil {
		return all, nil
	}
	return a.oneByOne(ctx, above, most)
}

var errGap = errors.New("a link has no event")

// oneByOne is Links for a chain that somebody tampered with: it finds out which event it is.
func (a Audit) oneByOne(ctx context.Context, above int64, most int) ([]audit.Chained, error) {
	var all []audit.Chained
	err := a.DB.read(ctx, func(tx *Tx) error {
		all = nil
		return tx.each("SELECT "+linkColumns+" FROM audit_link l WHERE l.number > $1 ORDER BY l.number LIMIT $2", []any{above, most},
			func(scan func(...any) error) error {
				var at audit.Chained
				err := scan(linkFields(&at.Link)...)
				all = append(all, at)
				return err
			})
	})
	if err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].Entry, err = a.Entry(ctx, all[i].Link.Event); err != nil {
			all[i].Entry = audit.Entry{}
			return all[:i+1], nil
		}
	}
	return all, nil
}

// Entry reads one entry.
func (a Audit) Entry(ctx context.Context, number int64) (e audit.Entry, err error) {
	err = a.DB.read(ctx, func(tx *Tx) error {
		return tx.get("SELECT "+auditColumns+" FROM audit_event e WHERE e.id = $1", []any{number}, auditFields(&e)...)
	})
	return e, err
}

// Loose looks at so many entries above a number and lists the numbers of those that are in no link; last is the highest that
// it looked at, 0 when there was none.
func (a Audit) Loose(ctx context.Context, above int64, most int) (loose []int64, last int64, err error) {
	err = a.DB.read(ctx, func(tx *Tx) error {
		loose, last = nil, 0
		return tx.each(`SELECT e.id, COALESCE((SELECT l.number FROM audit_link l WHERE l.event_id = e.id), 0) FROM audit_event e
			WHERE e.id > $1 ORDER BY e.id LIMIT $2`, []any{above, most}, func(scan func(...any) error) error {
			var number int64
			err := scan(&last, &number)
			if number == 0 {
				loose = append(loose, last)
			}
			return err
		})
	})
	return loose, last, err
}
