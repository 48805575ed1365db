package store

import (
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/partner"
)

// TestASlowQuestionIsAskedOnce: a server that works on the first question of a transaction for longer than one host may take to answer has
// not gone, and asking it again on other connections would only add to what it has to do.
func TestASlowQuestionIsAskedOnce(t *testing.T) {
	dsn := postgresTest(t)
	config, err := pgx.ParseConfig(dsn)
	must(t, err)
	for _, dsn := range []string{dsn, with(t, dsn, "host", config.Host+","+t.TempDir())} { // alone, and with another host to go to
		db := openTest(t, dsn)
		for name, run := range map[string]func(func(*Tx) error) error{
			"read":  func(fn func(*Tx) error) error { return db.read(t.Context(), fn) },
			"write": func(fn func(*Tx) error) error { return db.write(t.Context(), fn) },
		} {
			runs := 0
			err := run(func(tx *Tx) error {
				runs++
				var n int
				return tx.get("SELECT 1 FROM pg_sleep($1)", []any{hostLimit.Seconds() + 0.3}, &n)
			})
			if err != nil || runs != 1 {
				t.Errorf("%s: asked %d times, %v", name, runs, err)
			}
		}
	}
}

// TestAReadIsNotRepeatedOnceItWasAnswered: what a read has gathered before its connection was cut would be gathered twice.
func TestAReadIsNotRepeatedOnceItWasAnswered(t *testing.T) {
	dsn, cut := named(t, postgresTest(t))
	db := openTest(t, dsn)
	must(t, db.change(t.Context(), func(tx *Tx) (audit.Event, error) { return happened(1), nil }))
	var gathered []int64
	var once sync.Once // a second time all goes well, so that only the rule keeps it from being repeated
	gather := func(scan func(...any) error) error {
		var n int64
		err := scan(&n)
		gathered = append(gathered, n)
		return err
	}
	for name, fn := range map[string]func(tx *Tx) error{
		"between two questions": func(tx *Tx) error {
			err := tx.each("SELECT id FROM audit_event", nil, gather)
			once.Do(func() { cut() })
			return errors.Join(err, tx.each("SELECT id FROM audit_event ORDER BY id", nil, gather))
		},
		"in the middle of an answer": func(tx *Tx) error {
			return tx.each("SELECT n, repeat('x', 4000) FROM generate_series(1, 20000) AS n", nil, func(scan func(...any) error) error {
				var n int64
				var text string
				err := scan(&n, &text)
				if gathered = append(gathered, n); n == 1 {
					once.Do(func() { cut() })
				}
				return err
			})
		},
	} {
		gathered, once = nil, sync.Once{}
		err := db.read(t.Context(), fn)
		seen := map[int64]bool{}
		for _, n := range gathered {
			if seen[n] && err == nil {
				t.Fatalf("%s: %d was gathered twice, and it was taken for an answer", name, n)
			}
			seen[n] = true
		}
		if !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAReadChangesNothing: a write in a read is refused, on a connection that takes writes too, and nothing of it is left for whoever comes next.
func TestAReadChangesNothing(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		for range cap(db.readers.turns) {
			err := Partners{db}.View(t.Context(), func(tx partner.Tx) error {
				return tx.SavePartner(&partner.Partner{ID: 99, ClientID: "slipped", Class: partner.Classic})
			})
			if !errors.Is(err, errReads) {
				t.Fatalf("a read that writes: %v", err)
			}
		}
		for range cap(db.readers.turns) {
			must(t, Partners{db}.View(t.Context(), func(tx partner.Tx) error {
				if _, err := tx.PartnerByClient("slipped"); !errors.Is(err, partner.ErrUnknown) {
					t.Errorf("it is there: %v", err)
				}
				return nil
			}))
		}
	})
}

// TestAnOldWarningIsForgotten: what a server warned of in a transaction that was rolled back says nothing about a later one.
func TestAnOldWarningIsForgotten(t *testing.T) {
	db := openTest(t, postgresTest(t))
	refused := errors.New("refused")
	for range writerCount {
		if err := db.write(t.Context(), func(tx *Tx) error {
			_, err := tx.exec("DO $$ BEGIN RAISE WARNING 'old'; END $$")
			return errors.Join(err, refused)
		}); !errors.Is(err, refused) {
			t.Fatal(err)
		}
	}
	for range writerCount {
		must(t, db.write(t.Context(), func(*Tx) error { return nil }))
	}
}

// TestVersionsComeBackTogether: a member of a group that is undone for its neighbour's sake, twice, starts each time from the version that it had.
func TestVersionsComeBackTogether(t *testing.T) {
	oneWriter(t, func(t *testing.T, db *DB) {
		notes(t, db)
		p := partner.Partner{ID: 99, ClientID: "neighbour", Class: partner.Classic}
		runs := 0
		answers := crowd(t, db, func(tx *Tx) error { return tx.SavePartner(&p) }, func(tx *Tx) error {
			switch runs++; runs {
			case 1: // undoes the group without savepoints
				return errors.Join(note(tx, 1, "one"), errors.New("refused"))
			case 2: // and the one with them
				tx.failed = unavailable("write", errors.New("disk is full"))
			}
			return nil
		})
		if answers[0] != nil || p.Version != 1 || runs != 3 {
			t.Errorf("answers %v, version %d after %d runs of the neighbour", answers, p.Version, runs)
		}
	})
}

// TestTheConnectionUsedLastGoesFirst: a server whose requests come one after the other opens one connection and keeps to it; as many
// as run at once are opened, and one that was cut is the last to be opened anew.
func TestTheConnectionUsedLastGoesFirst(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		begin := func() *conn {
			c, err := db.readers.begin(t.Context(), "")
			must(t, err)
			return c
		}
		first := begin()
		db.readers.give(first)
		for range 2 * readerCount {
			if c := begin(); c != first {
				t.Fatal("another connection, though the first was free")
			} else {
				db.readers.give(c)
			}
		}
		first, second := begin(), begin()
		if first == second {
			t.Fatal("two have the same connection")
		}
		db.readers.give(first)
		db.readers.give(second)
		if c := begin(); c != second {
			t.Error("not the one used last")
		} else {
			c.cut = true
			db.readers.give(c)
		}
		if c := begin(); c != first {
			t.Error("a new one was opened while one was free")
		} else {
			db.readers.give(c)
		}
		var all []*conn
		for range readerCount {
			all = append(all, begin())
		}
		if slices.Contains(all, second) || !slices.Contains(all, first) || len(db.readers.idle) != 0 {
			t.Errorf("%d are idle when all are in use", len(db.readers.idle))
		}
		for _, c := range all {
			db.readers.give(c)
		}
	})
}
