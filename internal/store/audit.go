package store

import (
	"context"
	"encoding/json"
	"errors"

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
	detail, err := json.Marshal(e.Detail)
	if err != nil {
		return err
	}
	_, err = tx.exec(`INSERT INTO audit_event (id, at, action, outcome, reason, actor_kind, actor_id, partner_id, account_id, journey_id,
		reference, network, detail) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		tx.db.ids.Next(), millis(e.At), string(e.Action), string(e.Outcome), e.Reason, string(e.Actor.Kind), e.Actor.ID, e.Partner, e.Account,
		e.Journey, e.Reference, e.Network, string(detail))
	return err
}
