package store

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
)

// sealedTurns writes and seals events in turns of a sealer: so many turns of so many, a day after one another.
func sealedTurns(t testing.TB, db *DB, h *hands, n, size int) {
	t.Helper()
	for range n {
		for range size {
			e := happened(1)
			e.At = h.now()
			must(t, db.change(t.Context(), func(*Tx) (audit.Event, error) { return e, nil }))
		}
		if sealed := seal(t, db); sealed < size {
			t.Fatalf("sealed %d of %d", sealed, size)
		}
		h.move(day)
	}
}

// kept is a chain of six turns of three events, of which what is older than the last three days was dropped.
func kept(t testing.TB, place string) (*DB, *hands, []audit.Link) {
	t.Helper()
	h := newHands()
	db := opened(t, place, ringOf(t, 1), h)
	sealedTurns(t, db, h, 6, 3)
	links, err := Audit{db}.Links(t.Context(), 0, 50)
	must(t, err)
	var all []audit.Link
	for _, l := range links {
		all = append(all, l.Link)
	}
	n, err := db.DropAudit(t.Context(), h.now().Add(-3*day))
	if err != nil || n != 9 {
		t.Fatalf("dropped %d, want three turns of three: %v", n, err)
	}
	if again, err := db.DropAudit(t.Context(), h.now().Add(-3*day)); again != 0 || err != nil {
		t.Errorf("dropped %d once more, %v", again, err)
	}
	return db, h, all
}

// TestOldEventsAreDropped: only whole turns of the sealer go; what is left verifies, says where it begins, and can be exported; the drop is an
// event itself; and a head that was noted before is told from one that was tampered with.
func TestOldEventsAreDropped(t *testing.T) {
	eachPlace(t, func(t *testing.T, place string) {
		db, h, links := kept(t, place)
		if n := seal(t, db); n != 1 {
			t.Errorf("%d events of the drop", n)
		}
		r, err := db.Chain().Verify(t.Context(), audit.Link{})
		if err != nil || r.Checked != 10 || r.Start.String() != links[8].String() || r.Unkeyed != 0 {
			t.Errorf("%+v, %v", r, err)
		}
		list, err := Audit{db}.TailEvents(t.Context(), audit.Filter{Action: audit.AuditDropped, Limit: 5})
		if err != nil || len(list) != 1 || list[0].Detail["events"] != "9" || list[0].Detail["through"] != links[8].String() {
			t.Errorf("the event: %+v, %v", list, err)
		}
		var exported []int64
		must(t, db.Chain().Export(t.Context(), func(r audit.Record) error { exported = append(exported, r.Number); return nil }))
		if fmt.Sprint(exported) != "[10 11 12 13 14 15 16 17 18 19]" {
			t.Errorf("exported %v", exported)
		}
		for _, c := range []struct {
			from    audit.Link
			checked int64
			want    error
		}{{links[8], 10, nil}, {links[11], 7, nil}, {links[3], 0, audit.ErrDropped}, {audit.Link{Number: 9, Hash: links[7].Hash}, 0, audit.ErrBroken},
			{audit.Link{Number: 12, Hash: links[7].Hash}, 0, audit.ErrBroken}} {
			if r, err := db.Chain().Verify(t.Context(), c.from); !errors.Is(err, c.want) || err == nil && r.Checked != c.checked {
				t.Errorf("from %d: %+v, %v", c.from.Number, r, err)
			}
		}
		if r, err := keyless(db).Verify(t.Context(), audit.Link{}); err != nil || r.Checked != 10 || r.Unkeyed < 12 {
			t.Errorf("without the key: %+v, %v", r, err)
		}
		h.move(4000 * day) // the newest turn stays, however old it is
		for range 3 {
			_, err := db.DropAudit(t.Context(), h.now())
			must(t, err)
		}
		if r, err = db.Chain().Verify(t.Context(), audit.Link{}); err != nil || r.Checked == 0 {
			t.Errorf("when all is old: %+v, %v", r, err)
		}
	})
}

// TestOnlyWholeTurnsAreDropped: a turn with one event that is young stays whole.
func TestOnlyWholeTurnsAreDropped(t *testing.T) {
	eachPlace(t, func(t *testing.T, place string) {
		h := newHands()
		db := opened(t, place, ringOf(t, 1), h)
		begun := h.now()
		sealedTurns(t, db, h, 2, 3)
		for _, at := range []time.Duration{0, 40 * day, 0} {
			e := happened(1)
			e.At = begun.Add(at)
			must(t, db.change(t.Context(), func(*Tx) (audit.Event, error) { return e, nil }))
		}
		seal(t, db)
		sealedTurns(t, db, h, 1, 3)
		if n, err := db.DropAudit(t.Context(), begun.Add(30*day)); n != 6 || err != nil {
			t.Errorf("dropped %d, %v; want the two turns before the young event", n, err)
		}
		if _, err := db.Chain().Verify(t.Context(), audit.Link{}); err != nil {
			t.Error(err)
		}
	})
}

// TestTamperingWithADroppedChain: whoever can write to the database and has no key can neither change what is left, nor drop more and call it
// the operator's wish, nor hide that anything was dropped.
func TestTamperingWithADroppedChain(t *testing.T) {
	deletes := func(through int64) []string {
		return []string{fmt.Sprintf("DELETE FROM audit_event WHERE id IN (SELECT event_id FROM audit_link WHERE number <= %d)", through),
			fmt.Sprintf("DELETE FROM audit_link WHERE number <= %d", through)}
	}
	const move = `UPDATE audit_start SET number = l.number, event_id = l.event_id, hash = l.hash, seal_version = l.seal_version, seal = l.seal
		FROM audit_link l WHERE l.number = 12`
	eachPlace(t, func(t *testing.T, place string) {
		db, _, _ := kept(t, place)
		tables := []string{"audit_event", "audit_link", "audit_start"}
		for _, table := range tables {
			runAll(t, db, "CREATE TABLE copy_of_"+table+" AS SELECT * FROM "+table)
		}
		for name, c := range map[string]struct {
			queries []string
			place   int64
		}{
			"nothing":             {nil, 0},
			"an event is changed": {[]string{"UPDATE audit_event SET reason = 'x' WHERE id = (SELECT event_id FROM audit_link WHERE number = 14)"}, 14},
			"the first event that is kept is changed":    {[]string{"UPDATE audit_event SET reason = 'x' WHERE id = (SELECT event_id FROM audit_link WHERE number = 10)"}, 10},
			"an event is taken out":                      {[]string{"DELETE FROM audit_event WHERE id = (SELECT event_id FROM audit_link WHERE number = 11)"}, 11},
			"a whole turn is taken out, as a drop would": {deletes(12), 10},
			"and the beginning is moved behind it":       {append([]string{move}, deletes(12)...), 12},
			"the beginning is taken away":                {[]string{"DELETE FROM audit_start"}, 1},
			"the beginning has another hash":             {[]string{"UPDATE audit_start SET hash = (SELECT hash FROM audit_link WHERE number = 12)"}, 9},
			"the beginning has the seal as its mark":     {[]string{"UPDATE audit_start SET mark = seal, mark_version = seal_version"}, 9},
			"everything after the beginning goes":        {deletes(100), 9},
		} {
			runAll(t, db, c.queries...)
			_, err := db.Chain().Verify(t.Context(), audit.Link{})
			var broken audit.BrokenError
			if c.place == 0 && err != nil || c.place != 0 && (!errors.As(err, &broken) || broken.Place != c.place) {
				t.Errorf("%s: %v, want a break at place %d", name, err, c.place)
			}
			for _, table := range tables {
				runAll(t, db, "DELETE FROM "+table, "INSERT INTO "+table+" SELECT * FROM copy_of_"+table)
			}
		}
	})
}

func runAll(t testing.TB, db *DB, queries ...string) {
	t.Helper()
	must(t, db.write(t.Context(), func(tx *Tx) error {
		for _, query := range queries {
			if _, err := tx.exec(query); err != nil {
				return err
			}
		}
		return nil
	}))
}
