package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// say writes events, one a change.
func say(t testing.TB, db *DB, n int) {
	t.Helper()
	for range n {
		must(t, db.change(context.Background(), func(*Tx) (audit.Event, error) { return happened(1), nil }))
	}
}

func seal(t testing.TB, db *DB) int {
	t.Helper()
	n, err := db.Chain().Seal(context.Background(), false)
	must(t, err)
	return n
}

// age moves all events that are written from now on two minutes ahead, so that those before are no news.
func age(db *DB) { db.ids = secret.NewIDs(func() time.Time { return time.Now().Add(2 * time.Minute) }) }

// keyless is the chain as somebody without the key sees it.
func keyless(db *DB) audit.Chain {
	c := db.Chain()
	c.Keys = secret.ChainKeys{}
	return c
}

func TestChainHoldsOnBothEngines(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		if r, err := db.Chain().Verify(t.Context(), audit.Link{}); err != nil || r.Head.Number != 0 {
			t.Errorf("an empty chain: %+v, %v", r, err)
		}
		say(t, db, 7)
		r, err := db.Chain().Verify(t.Context(), audit.Link{})
		if err != nil || r.Checked != 0 || r.Waiting != 7 || r.Oldest == 0 {
			t.Errorf("before the first seal: %+v, %v", r, err)
		}
		if n := seal(t, db); n != 7 {
			t.Errorf("sealed %d", n)
		}
		say(t, db, 3)
		if n := seal(t, db); n != 3 || seal(t, db) != 0 {
			t.Errorf("sealed %d in the second turn", n)
		}
		r, err = db.Chain().Verify(t.Context(), audit.Link{})
		if err != nil || r.Checked != 10 || r.Head.Number != 10 || r.Waiting != 0 || r.Unkeyed != 0 {
			t.Errorf("%+v, %v", r, err)
		}
		if r, err = keyless(db).Verify(t.Context(), audit.Link{}); err != nil || r.Checked != 10 || r.Unkeyed != 12 {
			t.Errorf("without the key: %+v, %v", r, err)
		}
	})
}

// TestChainOfManyWriters: what was written at once by several nodes is linked by several sealers, each event exactly once, in
// one chain without gaps.
func TestChainOfManyWriters(t *testing.T) {
	crowd := func(t *testing.T, nodes ...*DB) {
		db := nodes[0]
		var writers, sealers sync.WaitGroup
		done := make(chan struct{})
		for _, node := range nodes {
			for range 4 {
				writers.Go(func() { say(t, node, 25) })
			}
			for range 2 {
				sealers.Go(func() {
					for {
						if _, err := node.Chain().Seal(context.Background(), false); err != nil && !errors.Is(err, ErrUnavailable) {
							t.Error(err)
						}
						select {
						case <-done:
							return
						default:
						}
					}
				})
			}
		}
		writers.Wait()
		close(done)
		sealers.Wait()
		seal(t, db)
		r, err := db.Chain().Verify(t.Context(), audit.Link{})
		if want := int64(100 * len(nodes)); err != nil || r.Checked != want || r.Head.Number != want || r.Waiting != 0 {
			t.Errorf("%+v, %v; want %d", r, err, want)
		}
	}
	t.Run("sqlite", func(t *testing.T) { crowd(t, openTest(t, filepath.Join(t.TempDir(), "test.db"))) })
	t.Run("postgres", func(t *testing.T) {
		place := postgresTest(t)
		crowd(t, openTest(t, place), openTest(t, place))
	})
}

// TestAThoroughTurnFindsTheLate: a node whose clock is wrong writes events far behind the newest.
func TestAThoroughTurnFindsTheLate(t *testing.T) {
	db := openTest(t, filepath.Join(t.TempDir(), "test.db"))
	say(t, db, 1)
	seal(t, db)
	right := db.ids
	db.ids = secret.NewIDs(func() time.Time { return time.Now().Add(-5 * time.Minute) })
	say(t, db, 1)
	db.ids = right
	if n := seal(t, db); n != 0 {
		t.Errorf("a quick turn linked %d", n)
	}
	if _, err := db.Chain().Verify(t.Context(), audit.Link{}); !errors.Is(err, audit.ErrBroken) {
		t.Errorf("an event far behind, in no link: %v", err)
	}
	if n, err := db.Chain().Seal(t.Context(), true); err != nil || n != 1 {
		t.Errorf("a thorough turn linked %d, %v", n, err)
	}
	if _, err := db.Chain().Verify(t.Context(), audit.Link{}); err != nil {
		t.Error(err)
	}
}

// A tampering is what somebody with a copy of the database does to it in SQL.
type tampering struct {
	name string
	sql  []string
	// event is which of the ten events is named, counted from 1; 0 for none. what is part of the sentence.
	event int
	what  string
	// keyed: only whoever has the key finds it.
	keyed bool
}

// nth is the number of the event at a place.
func nth(n int) string { return fmt.Sprintf("(SELECT event_id FROM audit_link WHERE number = %d)", n) }

func tamperings() []tampering {
	list := []tampering{
		{name: "an event is deleted", sql: []string{"DELETE FROM audit_event WHERE id = " + nth(4)}, event: 4, what: "gone"},
		{name: "the last event is deleted", sql: []string{"DELETE FROM audit_event WHERE id = " + nth(10)}, event: 10, what: "gone"},
		{name: "an event and its link are deleted", sql: []string{"DELETE FROM audit_event WHERE id = " + nth(4), "DELETE FROM audit_link WHERE number = 4"},
			what: "missing"},
		{name: "an event and its link are deleted and the gap is closed", sql: []string{"DELETE FROM audit_event WHERE id = " + nth(4),
			"DELETE FROM audit_link WHERE number = 4", "UPDATE audit_link SET number = number - 1 WHERE number > 4"}, event: 5, what: "changed or moved"},
		{name: "two events change places", sql: []string{"UPDATE audit_link SET number = -1 WHERE number = 4",
			"UPDATE audit_link SET number = 4 WHERE number = 6", "UPDATE audit_link SET number = 6 WHERE number = -1"}, what: "changed or moved"},
		{name: "two events change numbers", sql: []string{"UPDATE audit_event SET id = -1 WHERE id = " + nth(4),
			"UPDATE audit_event SET id = " + nth(4) + " WHERE id = " + nth(6), "UPDATE audit_event SET id = " + nth(6) + " WHERE id = -1"},
			event: 4, what: "changed or moved"},
		{name: "an event is put in among the old ones", sql: []string{copyOf("id - 1000000000")}, what: "in no link"},
		{name: "the end is cut in the middle of a turn", sql: []string{"DELETE FROM audit_event WHERE id > " + nth(9), "DELETE FROM audit_link WHERE number > 9"},
			event: 9, what: "no seal"},
		{name: "the mark is taken away", sql: []string{"UPDATE audit_event SET mark = NULL, mark_version = 0 WHERE id = " + nth(4)}, event: 4, what: "changed or moved"},
		{name: "the seal is taken away", sql: []string{"UPDATE audit_link SET seal = NULL WHERE number = 10"}, event: 10, what: "no seal"},
		{name: "the seal is another's", sql: []string{"UPDATE audit_link SET seal = (SELECT seal FROM audit_link WHERE number = 5) WHERE number = 10"},
			event: 10, what: "made anew", keyed: true},
		{name: "an event is put in before the next turn", sql: []string{copyOf("id + 1")}, what: "the mark is not ours", keyed: true},
		{name: "with a version of a key that never was", sql: []string{copyOf("id + 1"),
			"UPDATE audit_event SET mark_version = 99 WHERE id = (SELECT max(id) FROM audit_event)"}, what: "the mark is not ours", keyed: true},
		{name: "without a mark", sql: []string{copyOf("id + 1"), "UPDATE audit_event SET mark = NULL WHERE id = (SELECT max(id) FROM audit_event)"}, what: "no mark", keyed: true},
	}
	for column, value := range map[string]string{"at": "at + 1", "action": "'token.issued'", "outcome": "'denied'", "reason": "'expired'", "actor_kind": "'operator'",
		"actor_id": "77", "partner_id": "77", "account_id": "77", "journey_id": "77", "reference": "'other'", "network": "'198.51.100.0/24'",
		"detail": `'{"age":"2"}'`, "mark_version": "2"} {
		list = append(list, tampering{name: "column " + column, sql: []string{"UPDATE audit_event SET " + column + " = " + value + " WHERE id = " + nth(4)},
			event: 4, what: "changed or moved"})
	}
	for column, value := range map[string]string{"detail": "'no list'", "at": "'yesterday'", "partner_id": "'x'"} {
		list = append(list, tampering{name: "nonsense in " + column, sql: []string{"UPDATE audit_event SET " + column + " = " + value + " WHERE id = " + nth(4)},
			event: 4, what: "gone"})
	}
	return list
}

// copyOf puts in an event that is like the last one but for its number.
func copyOf(id string) string {
	return "INSERT INTO audit_event SELECT " + strings.Replace(auditColumns, "id,", id+",", 1) + " FROM audit_event WHERE id = " + nth(10)
}

// TestTamperedCopies: each of these is done to a copy by real SQL, and verification names the place, without the key as well
// wherever that can be.
func TestTamperedCopies(t *testing.T) {
	for _, c := range tamperings() {
		t.Run(c.name, func(t *testing.T) {
			db := openTest(t, filepath.Join(t.TempDir(), "copy.db"))
			say(t, db, 5)
			seal(t, db)
			age(db)
			say(t, db, 5)
			seal(t, db)
			var event int64
			must(t, db.write(t.Context(), func(tx *Tx) error {
				if c.event > 0 {
					must(t, tx.get("SELECT event_id FROM audit_link WHERE number = $1", []any{c.event}, &event))
				}
				for _, query := range c.sql {
					if n, err := tx.exec(query); err != nil || n == 0 {
						t.Fatalf("%d rows by %s: %v", n, query, err)
					}
				}
				return nil
			}))
			for name, chain := range map[string]audit.Chain{"with": db.Chain(), "without": keyless(db)} {
				_, err := chain.Verify(t.Context(), audit.Link{})
				if name == "without" && c.keyed {
					if err != nil && c.what != "no mark" {
						t.Errorf("without the key: %v; the test believes that it takes the key", err)
					}
					continue
				}
				var broken audit.BrokenError
				if !errors.As(err, &broken) || !strings.Contains(broken.What, c.what) || event != 0 && broken.Event != event {
					t.Errorf("%s the key: %v, want %q at event %d", name, err, c.what, event)
				}
			}
		})
	}
}

// remake makes the chain anew from a place on, as somebody who knows how it is made but has no key can.
func remake(t *testing.T, db *DB, from int64) {
	t.Helper()
	links, err := Audit{db}.oneByOne(t.Context(), 0, 100)
	must(t, err)
	var before []byte
	must(t, db.write(t.Context(), func(tx *Tx) error {
		for _, at := range links {
			e := at.Entry
			if at.Link.Number >= from {
				covered := append(e.Text(), byte(e.MarkVersion>>24), byte(e.MarkVersion>>16), byte(e.MarkVersion>>8), byte(e.MarkVersion))
				at.Link.Hash = secret.ChainKeys{}.Hash(before, at.Link.Number, append(covered, e.Mark...))
				_, err := tx.exec("UPDATE audit_link SET hash = $1 WHERE number = $2", at.Link.Hash, at.Link.Number)
				must(t, err)
			}
			before = at.Link.Hash
		}
		return nil
	}))
}

// TestAChainMadeAnew: whoever changes an event and makes every hash after it anew passes without the key, unless the head was
// remembered. With the key the mark of the event shows it, and where that is left out, the seal.
func TestAChainMadeAnew(t *testing.T) {
	db := openTest(t, filepath.Join(t.TempDir(), "copy.db"))
	say(t, db, 10)
	seal(t, db)
	before, err := db.Chain().Verify(t.Context(), audit.Link{})
	must(t, err)
	change := func(query string) {
		must(t, db.write(t.Context(), func(tx *Tx) error { _, err := tx.exec(query); return err }))
		remake(t, db, 1)
	}
	remake(t, db, 1)
	if r, err := db.Chain().Verify(t.Context(), before.Head); err != nil || r.Head.String() != before.Head.String() {
		t.Fatalf("made anew without a change: %+v, %v; the test makes chains wrongly", r, err)
	}
	for _, c := range []struct{ sql, what string }{
		{"UPDATE audit_event SET reason = 'expired' WHERE id = " + nth(4), "the mark is not ours"},
		{"UPDATE audit_event SET mark = NULL, mark_version = 0 WHERE id = " + nth(4), "no mark"},
		{"UPDATE audit_event SET mark = NULL, mark_version = 0", "made anew"},
	} {
		change(c.sql)
		if _, err := keyless(db).Verify(t.Context(), audit.Link{}); err != nil && c.what != "no mark" {
			t.Errorf("without the key and an anchor: %v", err)
		}
		if _, err := keyless(db).Verify(t.Context(), before.Head); !errors.Is(err, audit.ErrBroken) || !strings.Contains(err.Error(), "remembered") {
			t.Errorf("without the key, with an anchor: %v", err)
		}
		if _, err := db.Chain().Verify(t.Context(), audit.Link{}); !errors.Is(err, audit.ErrBroken) || !strings.Contains(err.Error(), c.what) {
			t.Errorf("with the key: %v, want %q", err, c.what)
		}
	}
}

// TestACutTailNeedsAnAnchor: a chain cannot know how long it was; what was remembered of it can.
func TestACutTailNeedsAnAnchor(t *testing.T) {
	db := openTest(t, filepath.Join(t.TempDir(), "copy.db"))
	say(t, db, 5)
	seal(t, db)
	early, err := db.Chain().Verify(t.Context(), audit.Link{})
	must(t, err)
	say(t, db, 5)
	seal(t, db)
	late, err := db.Chain().Verify(t.Context(), early.Head)
	if err != nil || late.Checked != 5 || late.Head.Number != 10 {
		t.Fatalf("from a remembered place: %+v, %v", late, err)
	}
	for waiting, query := range []string{"DELETE FROM audit_link WHERE number > 5",
		"DELETE FROM audit_event WHERE id > " + nth(5)} {
		must(t, db.write(t.Context(), func(tx *Tx) error { _, err := tx.exec(query); return err }))
		r, err := db.Chain().Verify(t.Context(), audit.Link{})
		if err != nil || r.Head.Number != 5 || r.Waiting != int64(5-5*waiting) {
			t.Errorf("cut at a seal, nothing remembered: %+v, %v", r, err)
		}
		if _, err := db.Chain().Verify(t.Context(), late.Head); !errors.Is(err, audit.ErrBroken) || !strings.Contains(err.Error(), "its end is gone") {
			t.Errorf("cut at a seal, the head remembered: %v", err)
		}
	}
	if _, err := db.Chain().Verify(t.Context(), early.Head); err != nil {
		t.Errorf("an anchor that is there: %v", err)
	}
}

// TestErasureKeepsTheChain: the events of an erased account stay, and hold nothing that had to go.
func TestErasureKeepsTheChain(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		withAccount(t, db, owner, "owner@example.org")
		must(t, db.change(t.Context(), func(*Tx) (audit.Event, error) {
			e := happened(1)
			e.Account = int64(owner)
			return e, nil
		}))
		seal(t, db)
		must(t, db.change(t.Context(), func(tx *Tx) (audit.Event, error) {
			e := happened(1)
			e.Action, e.Account = audit.AccountErased, int64(owner)
			return e, tx.EraseAccount(owner)
		}))
		seal(t, db)
		if r, err := db.Chain().Verify(t.Context(), audit.Link{}); err != nil || r.Checked != 2 {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

// TestEventsOfBeforeTheMarks: a database of an earlier release has events without marks; they begin the chain, and none may
// come later.
func TestEventsOfBeforeTheMarks(t *testing.T) {
	db := openTest(t, filepath.Join(t.TempDir(), "test.db"))
	say(t, db, 3)
	must(t, db.write(t.Context(), func(tx *Tx) error {
		_, err := tx.exec("UPDATE audit_event SET mark = NULL, mark_version = 0")
		return err
	}))
	say(t, db, 2)
	seal(t, db)
	if r, err := db.Chain().Verify(t.Context(), audit.Link{}); err != nil || r.Unmarked != 3 || r.Checked != 5 {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestExportIsTheWholeChain: every event once, in the chain's order, those that wait last.
func TestExportIsTheWholeChain(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		say(t, db, 4)
		seal(t, db)
		say(t, db, 2)
		var numbers []int64
		seen := map[int64]bool{}
		must(t, db.Chain().Export(t.Context(), func(r audit.Record) error {
			numbers = append(numbers, r.Number)
			seen[r.Event] = true
			if (r.Number > 0) != (len(r.Hash) == 64) || r.Action != happened(1).Action || r.At.IsZero() {
				t.Errorf("%+v", r)
			}
			return nil
		}))
		if fmt.Sprint(numbers) != "[1 2 3 4 0 0]" || len(seen) != 6 {
			t.Errorf("places %v of %d events", numbers, len(seen))
		}
		stop := errors.New("the disk is full")
		if err := db.Chain().Export(t.Context(), func(audit.Record) error { return stop }); !errors.Is(err, stop) {
			t.Errorf("a reader that stops: %v", err)
		}
	})
}

// TestACopyWithoutItsKeys opens for an auditor, who follows the chain and reads nothing else.
func TestACopyWithoutItsKeys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "copy.db")
	db := openTest(t, path)
	withAccount(t, db, owner, "owner@example.org")
	say(t, db, 2)
	seal(t, db)
	copied, err := Open(t.Context(), Options{Path: path, Beside: true, Keyless: true, Now: time.Now})
	must(t, err)
	defer func() { must(t, copied.Close()) }()
	if r, err := copied.Chain().Verify(t.Context(), audit.Link{}); err != nil || r.Checked != 2 || r.Unkeyed == 0 {
		t.Errorf("%+v, %v", r, err)
	}
	err = copied.read(t.Context(), func(tx *Tx) error { _, err := tx.Account(owner); return err })
	if err == nil {
		t.Error("an account opened without its key")
	}
	if _, err := copied.Chain().Seal(t.Context(), false); err != nil {
		t.Errorf("nothing to seal: %v", err)
	}
	say(t, db, 1)
	if _, err := copied.Chain().Seal(t.Context(), false); err == nil {
		t.Error("sealed without a key")
	}
}

// TestAuditIsAppendOnly: no statement of this package changes or deletes an event or a link, but the two by which the oldest are dropped.
func TestAuditIsAppendOnly(t *testing.T) {
	files, err := filepath.Glob("*.go")
	must(t, err)
	touches := regexp.MustCompile(`(?i)(UPDATE|DELETE\s+FROM|REPLACE\s+INTO|TRUNCATE|DROP\s+TABLE|ON\s+CONFLICT[^"]*audit_)\s*audit_(event|link)`)
	inserts := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		must(t, err)
		if name == "auditkeep.go" {
			if n := len(touches.FindAll(text, -1)); n != 2 {
				t.Errorf("%s: %d statements delete", name, n)
			}
			continue
		}
		if found := touches.Find(text); found != nil {
			t.Errorf("%s: %s", name, found)
		}
		inserts += strings.Count(string(text), "INSERT INTO audit_")
	}
	if inserts != 2 || !touches.MatchString("UPDATE audit_event SET x") || !touches.MatchString("DELETE FROM audit_link") {
		t.Errorf("%d statements write the audit; the test looks in the wrong place", inserts)
	}
}
