package store

import (
	"context"
	"errors"
	"testing"

	"github.com/latchkey-id/latchkey/internal/audit"
)

func countEvents(t *testing.T, db *DB) (n int) {
	t.Helper()
	must(t, db.read(context.Background(), func(tx *Tx) error { return tx.get("SELECT count(*) FROM audit_event", nil, &n) }))
	return n
}

// TestTheRuleOfEvents is the table of the package comment (I8).
func TestTheRuleOfEvents(t *testing.T) {
	refused := errors.New("refused")
	eachEngine(t, func(t *testing.T, db *DB) {
		notes(t, db)
		id := int64(0)
		for _, c := range []struct {
			name        string
			writes      bool
			event       audit.Event
			err         error
			want        error
			keeps, says int
		}{
			{name: "event commits", writes: true, event: happened(1), keeps: 1, says: 1},
			{name: "event alone commits", event: happened(1), says: 1},
			{name: "event and error commit, and the error comes back", writes: true, event: happened(1), err: refused, want: refused, keeps: 1, says: 1},
			{name: "error alone rolls back", writes: true, err: refused, want: refused},
			{name: "written without an event", writes: true, want: ErrNoEvent},
			{name: "nothing at all"},
			{name: "conflict beside an event", writes: true, event: happened(1), err: ErrConflict, want: ErrConflict},
			{name: "trouble beside an event", writes: true, event: happened(1), err: ErrUnavailable, want: ErrUnavailable},
			{name: "an event that may not be stored", writes: true, event: audit.Event{Action: audit.CodeMinted}, want: audit.ErrEvent},
		} {
			t.Run(c.name, func(t *testing.T) {
				notesBefore, eventsBefore := countNotes(t, db), countEvents(t, db)
				err := db.change(t.Context(), func(tx *Tx) (audit.Event, error) {
					id++
					if c.writes {
						must(t, note(tx, id, c.name))
					}
					return c.event, c.err
				})
				if !errors.Is(err, c.want) || (c.want == nil) != (err == nil) {
					t.Errorf("answer %v, want %v", err, c.want)
				}
				if kept, said := countNotes(t, db)-notesBefore, countEvents(t, db)-eventsBefore; kept != c.keeps || said != c.says {
					t.Errorf("kept %d notes and %d events, want %d and %d", kept, said, c.keeps, c.says)
				}
			})
		}
	})
}

// TestNoRefusalIsBuiltOnTrouble: a noun that takes a failed statement for a wrong secret does not get to say so (I11).
func TestNoRefusalIsBuiltOnTrouble(t *testing.T) {
	wrong := errors.New("wrong password")
	eachEngine(t, func(t *testing.T, db *DB) {
		err := db.change(t.Context(), func(tx *Tx) (audit.Event, error) {
			var n int
			if err := tx.get("SELECT n FROM no_such_table", nil, &n); err != nil {
				return happened(1), wrong
			}
			return happened(1), nil
		})
		if !errors.Is(err, ErrUnavailable) || errors.Is(err, wrong) || countEvents(t, db) != 0 {
			t.Errorf("answer %v, %d events; want ErrUnavailable and none", err, countEvents(t, db))
		}
	})
}
