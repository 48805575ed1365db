package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
)

// held makes the writer wait inside a first request until release is called, so that what comes meanwhile is a group.
func held(t *testing.T, db *DB) (release func()) {
	begun, hold, done := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		done <- db.write(context.Background(), func(*Tx) error {
			close(begun)
			<-hold
			return nil
		})
	}()
	<-begun
	return func() {
		close(hold)
		must(t, <-done)
	}
}

// crowd sends requests that wait together behind a held writer, and returns their answers. Panics come back as errors.
// Where many write at once nobody waits, and they come one after the other.
func crowd(t *testing.T, db *DB, fns ...func(*Tx) error) []error {
	t.Helper()
	answers := make([]error, len(fns))
	send := func(i int) {
		defer func() {
			if v := recover(); v != nil {
				answers[i] = fmt.Errorf("panic: %v", v)
			}
		}()
		answers[i] = db.write(context.Background(), fns[i])
	}
	if !db.engine.serial {
		for i := range fns {
			send(i)
		}
		return answers
	}
	release := held(t, db)
	var wg sync.WaitGroup
	for i := range fns {
		wg.Go(func() { send(i) })
		for len(db.writer.jobs) != i+1 { // in order, so that a test can say who is whose neighbour
			yield()
		}
	}
	release()
	wg.Wait()
	return answers
}

func TestWritesThatWaitShareACommit(t *testing.T) {
	oneWriter(t, func(t *testing.T, db *DB) {
		notes(t, db)
		before := db.Stats()
		var fns []func(*Tx) error
		for i := range 100 {
			fns = append(fns, func(tx *Tx) error { return note(tx, int64(i+1), fmt.Sprint(i)) })
		}
		for _, err := range crowd(t, db, fns...) {
			must(t, err)
		}
		after := db.Stats()
		// One commit for the request that held the writer and one for the hundred behind it.
		if commits, writes := after.Commits-before.Commits, after.Writes-before.Writes; commits != 2 || writes != 101 {
			t.Errorf("%d commits for %d writes, want 2 for 101", commits, writes)
		}
		if n := countNotes(t, db); n != 100 {
			t.Errorf("%d notes, want 100", n)
		}
	})
}

func TestAGroupIsBounded(t *testing.T) {
	oneWriter(t, func(t *testing.T, db *DB) {
		before := db.Stats().Commits
		fns := make([]func(*Tx) error, groupLimit+1)
		for i := range fns {
			fns[i] = func(*Tx) error { return nil }
		}
		crowd(t, db, fns...)
		if commits := db.Stats().Commits - before; commits != 3 {
			t.Errorf("%d commits, want 3: the holder, a full group, and one more", commits)
		}
	})
}

func TestNobodyIsAnsweredBeforeTheCommit(t *testing.T) {
	oneWriter(t, func(t *testing.T, db *DB) {
		notes(t, db)
		second := make(chan struct{})
		answered := make(chan struct{})
		answers := make(chan error, 1)
		release := held(t, db)
		go func() {
			answers <- db.write(context.Background(), func(tx *Tx) error { return note(tx, 1, "first") })
			close(answered)
		}()
		for len(db.writer.jobs) != 1 {
			yield()
		}
		var early bool
		go func() {
			db.write(context.Background(), func(tx *Tx) error {
				for range 1000 { // the first has run; give its caller every chance to be answered too early
					yield()
				}
				select {
				case <-answered:
					early = true
				default:
				}
				return nil
			})
			close(second)
		}()
		for len(db.writer.jobs) != 2 {
			yield()
		}
		release()
		<-second
		must(t, <-answers)
		if early {
			t.Error("the first of the group was answered while the second still ran")
		}
	})
}

func TestOneMembersFailureIsItsOwn(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		notes(t, db)
		refused := errors.New("refused")
		answers := crowd(t, db,
			func(tx *Tx) error { return note(tx, 1, "one") },
			func(tx *Tx) error { return errors.Join(note(tx, 2, "two"), refused) },
			func(tx *Tx) error {
				must(t, note(tx, 3, "three"))
				panic("three is out")
			},
			func(tx *Tx) error { // a taken value is no failure: the transaction goes on
				if err := note(tx, 4, "one"); !errors.Is(err, errTaken) {
					return fmt.Errorf("taken value: %v", err)
				}
				return note(tx, 4, "four")
			},
			func(tx *Tx) error { return note(tx, 5, "five") },
		)
		for i, want := range []func(error) bool{
			isNil,
			func(err error) bool { return errors.Is(err, refused) },
			func(err error) bool { return err != nil && strings.Contains(err.Error(), "panic: three is out") },
			isNil,
			isNil,
		} {
			if !want(answers[i]) {
				t.Errorf("member %d got %v", i+1, answers[i])
			}
		}
		if got := texts(t, db); got != "one four five" {
			t.Errorf("kept %q", got)
		}
	})
}

// TestARefusalCostsItsNeighboursNothing: who is refused before anything was written makes nobody run a second time, and nothing of what
// it said is lost.
func TestARefusalCostsItsNeighboursNothing(t *testing.T) {
	oneWriter(t, func(t *testing.T, db *DB) {
		notes(t, db)
		refused, runs := errors.New("refused"), 0
		answers := crowd(t, db,
			func(tx *Tx) error { runs++; return note(tx, 1, "one") },
			func(*Tx) error { runs++; return refused },
			func(*Tx) error { runs++; panic("out") },
			func(tx *Tx) error { runs++; return note(tx, 2, "two") },
		)
		if answers[0] != nil || !errors.Is(answers[1], refused) || answers[2] == nil || answers[3] != nil {
			t.Errorf("answers %v", answers)
		}
		if got := texts(t, db); got != "one two" || runs != 4 {
			t.Errorf("kept %q after %d runs, want 4", got, runs)
		}
	})
}

func isNil(err error) bool { return err == nil }

func texts(t *testing.T, db *DB) string {
	t.Helper()
	var list []string
	must(t, db.read(t.Context(), func(tx *Tx) error {
		return tx.each("SELECT text FROM note ORDER BY id", nil, func(scan func(...any) error) error {
			var text string
			defer func() { list = append(list, text) }()
			return scan(&text)
		})
	}))
	return strings.Join(list, " ")
}

func TestTroubleOfOneMemberLeavesTheOthersTheirAnswer(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		notes(t, db)
		runs := make([]int, 3)
		answers := crowd(t, db,
			func(tx *Tx) error { runs[0]++; return note(tx, 1, "one") },
			func(tx *Tx) error {
				runs[1]++
				must(t, note(tx, 2, "two"))
				_, err := tx.exec("INSERT INTO no_such_table VALUES (1)")
				_ = err // swallowed on purpose: the transaction must fail all the same
				return nil
			},
			func(tx *Tx) error { runs[2]++; return note(tx, 3, "three") },
		)
		if answers[0] != nil || answers[2] != nil || !errors.Is(answers[1], ErrUnavailable) {
			t.Errorf("answers %v", answers)
		}
		if got := texts(t, db); got != "one three" {
			t.Errorf("kept %q", got)
		}
		t.Log("runs", runs)
	})
}

// turns is how often a change runs that always meets a conflict.
func turns(db *DB) int {
	if db.engine.serial {
		return conflictLimit
	}
	return 1 + turnLimit
}

func TestAConflictRunsAgain(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		notes(t, db)
		must(t, db.write(t.Context(), func(tx *Tx) error { return note(tx, 1, "one") }))
		for id, alone := range map[int64]bool{10: true, 20: false} {
			runs := 0
			change := func(tx *Tx) error {
				runs++
				must(t, note(tx, id, fmt.Sprint(runs, " of ", id))) // is undone with the run
				version := 99
				if runs == 3 {
					version = 1
				}
				err := tx.expect("UPDATE note SET version = version WHERE id = $1 AND version = $2", 1, version)
				_ = err // swallowed on purpose
				return nil
			}
			if alone {
				must(t, db.write(t.Context(), change))
			} else {
				for _, err := range crowd(t, db, change, func(*Tx) error { return nil }) {
					must(t, err)
				}
			}
			if runs != 3 {
				t.Errorf("alone %t: ran %d times, want 3", alone, runs)
			}
		}
		if got := texts(t, db); got != "one 3 of 10 3 of 20" {
			t.Errorf("kept %q", got)
		}
		runs := 0
		err := db.write(t.Context(), func(tx *Tx) error {
			runs++
			return tx.expect("UPDATE note SET version = 2 WHERE id = $1 AND version = $2", 1, 99)
		})
		if !errors.Is(err, ErrConflict) || !errors.Is(err, ErrUnavailable) || runs != turns(db) {
			t.Errorf("%v after %d runs, want ErrConflict and ErrUnavailable after %d", err, runs, turns(db))
		}
	})
}

func TestATakenKeyRunsAgain(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		notes(t, db)
		must(t, db.write(t.Context(), func(tx *Tx) error { return note(tx, 1, "one") }))
		next := int64(0)
		must(t, db.write(t.Context(), func(tx *Tx) error {
			next++ // as ids are drawn anew with each run
			return note(tx, next, "two")
		}))
		if got := texts(t, db); got != "one two" {
			t.Errorf("kept %q", got)
		}
	})
}

func TestAContextThatEndsBeforeItsTurnTakesTheRequestBack(t *testing.T) {
	oneWriter(t, func(t *testing.T, db *DB) {
		release := held(t, db)
		ctx, cancel := context.WithCancel(context.Background())
		answer := make(chan error)
		ran := false
		go func() { answer <- db.write(ctx, func(*Tx) error { ran = true; return nil }) }()
		for len(db.writer.jobs) != 1 {
			yield()
		}
		cancel()
		if err := <-answer; !errors.Is(err, ErrUnavailable) || !errors.Is(err, context.Canceled) {
			t.Errorf("answer %v", err)
		}
		release()
		must(t, db.Ping(t.Context())) // the writer has passed the request by now
		if ran {
			t.Error("a request ran that had been taken back")
		}
	})
}

func TestAContextThatEndsInItsTurnIsToldWhatHappened(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		notes(t, db)
		ctx, cancel := context.WithCancel(context.Background())
		must(t, db.write(ctx, func(tx *Tx) error {
			cancel()
			return note(tx, 1, "one")
		}))
		if n := countNotes(t, db); n != 1 {
			t.Errorf("%d notes, want 1", n)
		}
	})
}

func TestCloseDrains(t *testing.T) {
	oneWriter(t, func(t *testing.T, db *DB) {
		notes(t, db)
		release := held(t, db)
		answers := make(chan error, 300)
		for i := range 200 {
			go func() {
				answers <- db.write(context.Background(), func(tx *Tx) error { return note(tx, int64(i+1), fmt.Sprint(i)) })
			}()
		}
		for len(db.writer.jobs) != 200 {
			yield()
		}
		closed := make(chan error)
		go func() { closed <- db.Close() }()
		for !db.writer.closing() {
			yield()
		}
		release()
		for range 200 {
			must(t, <-answers)
		}
		must(t, <-closed)
	})
}

func TestReadsAndWritesDoNotWaitForEachOther(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		notes(t, db)
		must(t, db.write(t.Context(), func(tx *Tx) error { return note(tx, 1, "one") }))
		must(t, db.read(t.Context(), func(tx *Tx) error {
			count := func() (n int) {
				must(t, tx.get("SELECT count(*) FROM note", nil, &n))
				return n
			}
			before := count()
			// A write while a read is open: it is committed, and the read goes on seeing its own moment.
			must(t, db.write(t.Context(), func(tx *Tx) error { return note(tx, 2, "two") }))
			if after := count(); before != 1 || after != 1 {
				t.Errorf("one read saw %d and then %d notes", before, after)
			}
			return nil
		}))
		must(t, db.write(t.Context(), func(tx *Tx) error {
			must(t, note(tx, 3, "three"))
			// A read while a write is open: it is answered, without what is not committed.
			if n := countNotes(t, db); n != 2 {
				t.Errorf("read beside a write saw %d notes, want 2", n)
			}
			return nil
		}))
	})
}

func TestReadersCannotWrite(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		notes(t, db)
		err := db.read(t.Context(), func(tx *Tx) error { return note(tx, 1, "one") })
		if err == nil || countNotes(t, db) != 0 {
			t.Errorf("a reader wrote: %v", err)
		}
	})
}

func TestAPanickingReadGivesItsConnectionBack(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		notes(t, db)
		for range readerCount + 1 {
			func() {
				defer func() { _ = recover() }()
				_ = db.read(t.Context(), func(tx *Tx) error {
					var n int
					must(t, tx.get("SELECT count(*) FROM note", nil, &n))
					panic("out")
				})
			}()
		}
		must(t, db.write(t.Context(), func(tx *Tx) error { return note(tx, 1, "one") }))
		for range readerCount {
			if n := countNotes(t, db); n != 1 {
				t.Errorf("a reader shows an old moment: %d notes, want 1", n)
			}
		}
	})
}

func TestAReadEndsWithItsContext(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		ctx, cancel := context.WithCancel(context.Background())
		err := db.read(ctx, func(tx *Tx) error {
			cancel()
			var n int
			_ = tx.get("SELECT 1", nil, &n) // swallowed on purpose
			return nil
		})
		if !errors.Is(err, ErrUnavailable) || !errors.Is(err, context.Canceled) {
			t.Errorf("answer %v", err)
		}
	})
}
