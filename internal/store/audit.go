package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
)

// change is where the rule of events holds (see the package comment): fn's event is written in the transaction of what
// it wrote, and nothing is written without one.
func (db *DB) change(ctx context.Context, fn func(*Tx) (audit.Event, error)) error {
	var refusal error
	err := db.write(ctx, func(tx *Tx) error {
		refusal = nil
		event, err := fn(tx)
		if errors.Is(err, ErrUnavailable) || errors.Is(err, ErrConflict) {
			return err
		}
		if event.IsZero() {
			if err == nil {
				err = tx.flush()
			}
			if err == nil && tx.wrote {
				err = ErrNoEvent
			}
			return err
		}
		refusal = err
		return tx.insertEvent(event)
	})
	if err != nil {
		return err
	}
	return refusal
}

// insertEvent writes an event, checked, at the end of the audit.
func (tx *Tx) insertEvent(e audit.Event) error {
	if err := e.Check(); err != nil {
		return err
	}
	e.At = e.At.Truncate(time.Millisecond) // as it is read back, so that the mark fits
	entry := audit.Entry{Number: tx.event(), Event: e}
	chain := tx.db.keys.Chain()
	var err error
	entry.MarkVersion = chain.Version()
	if entry.Mark, err = chain.Mark(entry.MarkVersion, entry.Text()); err != nil {
		return fmt.Errorf("marking an event: %w", err)
	}
	return tx.put(`INSERT INTO audit_event (`+auditColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`, auditFields(&entry)...)
}

// event is the number that this transaction's event will have, drawn once: what is written beside it may refer to it.
func (tx *Tx) event() int64 {
	if tx.entry == 0 {
		tx.entry = tx.db.ids.Next()
	}
	return tx.entry
}

const auditColumns = "id, at, action, outcome, reason, actor_kind, actor_id, partner_id, account_id, journey_id, reference, network, detail, mark_version, mark"

func auditFields(e *audit.Entry) []any {
	return []any{&e.Number, moment{&e.At}, &e.Action, &e.Outcome, &e.Reason, &e.Actor.Kind, &e.Actor.ID, &e.Partner, &e.Account,
		&e.Journey, &e.Reference, &e.Network, list{&e.Detail}, &e.MarkVersion, &e.Mark}
}

// Audit is where audit.Events reads.
type Audit struct{ DB *DB }

// TailEvents lists entries that match the filter, newest first.
func (a Audit) TailEvents(ctx context.Context, f audit.Filter) ([]audit.Entry, error) {
	query, args := "SELECT "+auditColumns+" FROM audit_event WHERE id < $1", []any{f.Before}
	if f.Before == 0 {
		args[0] = int64(math.MaxInt64)
	}
	match := func(column string, set bool, value any) {
		if set {
			args = append(args, value)
			query += fmt.Sprintf(" AND %s = $%d", column, len(args))
		}
	}
	match("partner_id", f.Partner != 0, f.Partner)
	match("account_id", f.Account != 0, f.Account)
	if f.Account != 0 {
		query += " AND account_id <> 0" // the index of accounts holds no others
	}
	match("journey_id", f.Journey != 0, f.Journey)
	match("action", f.Action != "", f.Action)
	if !f.Since.IsZero() {
		args = append(args, millis(f.Since))
		query += fmt.Sprintf(" AND at >= $%d", len(args))
	}
	if len(f.Actions) > 0 {
		marks := make([]string, len(f.Actions))
		for i, action := range f.Actions {
			args = append(args, action)
			marks[i] = fmt.Sprintf("$%d", len(args))
		}
		query += " AND action IN (" + strings.Join(marks, ", ") + ")"
	}
	args = append(args, f.Limit)
	query += fmt.Sprintf(" ORDER BY id DESC LIMIT $%d", len(args))
	var all []audit.Entry
	err := a.DB.read(ctx, func(tx *Tx) error {
		all = nil
		return tx.each(query, args, func(scan func(...any) error) error {
			var e audit.Entry
			err := scan(auditFields(&e)...)
			all = append(all, e)
			return err
		})
	})
	return all, err
}
