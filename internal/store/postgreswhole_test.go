package store

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/latchkey-id/latchkey/internal/audit"
)

const insertNote = "INSERT INTO note (id, text, version) VALUES ($1, $2, 1)"

// TestAsOne: what inserts given values and holds to one condition is one statement; what changes or looks at a row that is there is none.
func TestAsOne(t *testing.T) {
	insert := write{query: insertNote, args: []any{int64(1), "one"}}
	condition := write{query: soleRow + "note WHERE id = $2 AND text = $1", args: []any{"a", int64(7)}, one: true}
	for name, c := range map[string]struct {
		writes []write
		want   string
	}{
		"nothing":          {nil, ""},
		"one row":          {[]write{insert}, insertNote},
		"two rows":         {[]write{insert, insert}, "WITH part0 AS (" + insertNote + ") INSERT INTO note (id, text, version) VALUES ($3, $4, 1)"},
		"a condition":      {[]write{condition}, condition.query},
		"condition first":  {[]write{condition, insert}, "WITH part1 AS (INSERT INTO note (id, text, version) VALUES ($3, $4, 1)) " + condition.query},
		"condition last":   {[]write{insert, condition}, "WITH part0 AS (" + insertNote + ") " + soleRow + "note WHERE id = $4 AND text = $3"},
		"two conditions":   {[]write{condition, insert, condition}, ""},
		"five rows":        {[]write{insert, insert, insert, insert, insert}, ""},
		"a change":         {[]write{insert, {query: "UPDATE note SET version = 2"}}, ""},
		"a change of one":  {[]write{insert, {query: "UPDATE note SET version = 2 WHERE id = $1", args: []any{int64(1)}, one: true}}, ""},
		"one that must be": {[]write{{query: insertNote, args: insert.args, one: true}}, ""},
		"or else":          {[]write{{query: insertNote + " ON CONFLICT (id) DO NOTHING", args: insert.args}}, ""},
		"of what is there": {[]write{{query: "INSERT INTO note (id, text, version) SELECT id + 1, text, 1 FROM note"}}, ""},
		"asks beside":      {[]write{{query: "INSERT INTO note (id, text, version) VALUES ((SELECT max(id) FROM note), 'a', 1)"}}, ""},
	} {
		got := ""
		if asOne(c.writes) {
			got = wholeText(c.writes)
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestWholes: such a transaction is there with all its rows or with none, whichever part is refused, and says which; and it is begun and committed by no
// statement of its own.
func TestWholes(t *testing.T) {
	dsn, w := wired(t, postgresTest(t))
	db := openTest(t, dsn)
	notes(t, db)
	must(t, db.write(t.Context(), func(tx *Tx) error { return note(tx, 1, "one") }))
	other := errors.New("not as it was")
	held := func(tx *Tx, version int64) error {
		return tx.await(soleRow+"note WHERE id = 1 AND version = $1", []any{version}, other)
	}
	for name, c := range map[string]struct {
		change func(tx *Tx) error
		want   error
		says   string
	}{
		"condition fails":          {func(tx *Tx) error { return errors.Join(held(tx, 2), noteLater(tx, 2, "two")) }, other, ""},
		"condition fails at last":  {func(tx *Tx) error { return errors.Join(noteLater(tx, 2, "two"), held(tx, 2)) }, other, ""},
		"first key is taken":       {func(tx *Tx) error { return errors.Join(noteLater(tx, 1, "two"), held(tx, 1)) }, ErrConflict, "note"},
		"second text is taken":     {func(tx *Tx) error { return errors.Join(noteLater(tx, 2, "two"), noteLater(tx, 3, "two")) }, ErrConflict, "note"},
		"a rule of another column": {func(tx *Tx) error { return errors.Join(held(tx, 1), tx.put(insertNote, 2, nil)) }, nil, "INSERT INTO note"},
		"no such number":           {func(tx *Tx) error { return errors.Join(held(tx, 1), tx.put(insertNote, "many", "two")) }, ErrUnavailable, ""},
		"no such text":             {func(tx *Tx) error { return errors.Join(held(tx, 1), noteLater(tx, 2, "a\x00b")) }, ErrUnavailable, ""},
	} {
		err := once(t, db, func(tx *Tx) error { return errors.Join(c.change(tx), tx.insertEvent(happened(1))) })
		if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
		if n, events := countNotes(t, db), countEvents(t, db); n != 1 || events != 0 {
			t.Fatalf("%s: %d notes and %d events, want 1 and none", name, n, events)
		}
	}
	before, begun := w.trips.n.Load(), w.begun.Load()
	must(t, db.change(t.Context(), func(tx *Tx) (audit.Event, error) {
		return happened(1), errors.Join(held(tx, 1), noteLater(tx, 2, "two"), noteLater(tx, 3, "three"))
	}))
	first := w.trips.n.Load() - before
	must(t, db.change(t.Context(), func(tx *Tx) (audit.Event, error) {
		return happened(2), errors.Join(held(tx, 1), noteLater(tx, 4, "four"), noteLater(tx, 5, "five"))
	}))
	if second := w.trips.n.Load() - before - first; first > 3 || second != 1 {
		t.Errorf("%d and %d round trips, want at most 3, with what is prepared, and 1", first, second)
	}
	if begun != w.begun.Load() {
		t.Error("it was begun")
	}
	if n, events := countNotes(t, db), countEvents(t, db); n != 5 || events != 2 {
		t.Errorf("%d notes and %d events, want 5 and 2", n, events)
	}
	same := ask(t, dsn, "SELECT count(DISTINCT r.xmin::text) || ' ' || bool_and(e.xmin IN (SELECT xmin FROM note)) FROM note r, audit_event e WHERE r.id > 1")
	if !slices.Equal(same, []string{"2 true"}) {
		t.Errorf("transactions of the rows: %v", same)
	}
}

// TestWholesAreHeard: a server that answers such a statement as no server does, or says that a transaction is still under way, has not kept it for
// sure.
func TestWholesAreHeard(t *testing.T) {
	for name, c := range map[string][2]string{
		"another number": {"C\x00\x00\x00\x0fINSERT 0 1\x00", "C\x00\x00\x00\x0fINSERT 0 0\x00"},
		"something else": {"C\x00\x00\x00\x0fINSERT 0 1\x00", "C\x00\x00\x00\x0dROLLBACK\x00"},
		"not ended":      {"Z\x00\x00\x00\x05I", "Z\x00\x00\x00\x05T"},
	} {
		t.Run(name, func(t *testing.T) {
			dsn, w := wired(t, postgresTest(t))
			db := openTest(t, dsn)
			notes(t, db)
			must(t, db.write(t.Context(), func(tx *Tx) error { return noteLater(tx, 1, "one") })) // prepared
			var changed atomic.Bool
			mishears := func(said []byte) []byte {
				by := bytes.Replace(said, []byte(c[0]), []byte(c[1]), 1)
				changed.Store(changed.Load() || !bytes.Equal(said, by))
				return by
			}
			w.misheard.Store(&mishears)
			runs := 0
			err := db.write(t.Context(), func(tx *Tx) error { runs++; return noteLater(tx, 2, "two") })
			if !errors.Is(err, ErrUnavailable) || runs != 1 || !changed.Load() {
				t.Errorf("answer %v after %d runs, want ErrUnavailable after one", err, runs)
			}
		})
	}
}
