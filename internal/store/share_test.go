package store

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/partner"
)

// occupied takes all places for shared commits, so that what comes waits for the next one, and returns how to give them back.
func occupied(t *testing.T, db *DB) (release func()) {
	t.Helper()
	db.sharing.mu.Lock()
	defer db.sharing.mu.Unlock()
	if db.sharing.flying != 0 {
		t.Fatal("a place is taken")
	}
	db.sharing.flying = flightMost
	return sync.OnceFunc(func() {
		for range flightMost {
			db.sharing.end(db)
		}
	})
}

// shared returns when so many places are taken, and so many wait, as is asked for.
func shared(t *testing.T, db *DB, want func(flying, waiting int) bool) {
	t.Helper()
	for deadline := time.Now().Add(postgresLimit); ; runtime.Gosched() {
		db.sharing.mu.Lock()
		flying, waiting := db.sharing.flying, len(db.sharing.waiting)
		db.sharing.mu.Unlock()
		if want(flying, waiting) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d places are taken and %d wait", flying, waiting)
		}
	}
}

// waiting returns when n shares wait.
func waiting(t *testing.T, db *DB, n int) {
	t.Helper()
	shared(t, db, func(_, waiting int) bool { return waiting == n })
}

// settled returns when nobody waits and so many places are taken: the last answer comes before its place is given back.
func settled(t *testing.T, db *DB, places int) {
	t.Helper()
	shared(t, db, func(flying, waiting int) bool { return flying == places && waiting == 0 })
}

// together runs changes one after the other so that all of them wait for the same commit, and returns what each was answered.
func together(t *testing.T, db *DB, changes ...func(*Tx) error) []error {
	t.Helper()
	release := occupied(t, db)
	answers := make([]error, len(changes))
	var all sync.WaitGroup
	for i, change := range changes {
		all.Go(func() { answers[i] = db.write(t.Context(), change) })
		waiting(t, db, i+1)
	}
	release()
	all.Wait()
	return answers
}

// adds is a change that adds a note and an event.
func adds(id int64, text string) func(*Tx) error {
	return func(tx *Tx) error { return errors.Join(noteLater(tx, id, text), tx.insertEvent(happened(id))) }
}

// TestChangesThatOnlyAddShareACommit: they are in one transaction, with the number of commits to show it, and each has its rows.
func TestChangesThatOnlyAddShareACommit(t *testing.T) {
	dsn := postgresTest(t)
	db := openTest(t, dsn)
	notes(t, db)
	before := db.Stats()
	var changes []func(*Tx) error
	for i := range int64(5) {
		changes = append(changes, adds(i, fmt.Sprint("note ", i)))
	}
	if err := errors.Join(together(t, db, changes...)...); err != nil {
		t.Fatal(err)
	}
	after := db.Stats()
	if commits, writes := after.Commits-before.Commits, after.Writes-before.Writes; commits != 1 || writes != 5 {
		t.Errorf("%d commits of %d changes, want one of five", commits, writes)
	}
	if got := ask(t, dsn, "SELECT count(*) || ' notes, ' || count(DISTINCT xmin::text) || ' transactions' FROM note"); !slices.Equal(got, []string{"5 notes, 1 transactions"}) {
		t.Error(got)
	}
	if n := countEvents(t, db); n != 5 {
		t.Errorf("%d events, want 5", n)
	}
}

// TestAGroupHasALimit: of more than the limit who wait the first are committed together, and then the rest.
func TestAGroupHasALimit(t *testing.T) {
	dsn := postgresTest(t)
	db := openTest(t, dsn)
	notes(t, db)
	var changes []func(*Tx) error
	for i := range int64(groupLimit + 3) {
		changes = append(changes, adds(i, fmt.Sprint("note ", i)))
	}
	if err := errors.Join(together(t, db, changes...)...); err != nil {
		t.Fatal(err)
	}
	sizes := ask(t, dsn, "SELECT count(*) FROM note GROUP BY xmin::text ORDER BY 1")
	if !slices.Equal(sizes, []string{"3", fmt.Sprint(groupLimit)}) {
		t.Errorf("groups of %v", sizes)
	}
}

// TestWhoWaitsLosesPatience: where the commits under way take long, as to a database that is far away, one more begins beside them.
func TestWhoWaitsLosesPatience(t *testing.T) {
	db := openTest(t, postgresTest(t))
	notes(t, db)
	for range flightCount {
		if !db.sharing.begin() {
			t.Fatal("a place is taken")
		}
	}
	for round := range int64(2) { // none of the two ends
		var all sync.WaitGroup
		for i := range int64(5) {
			all.Go(func() {
				if err := db.write(t.Context(), adds(10*round+i, fmt.Sprint("note ", round, i))); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	if n := countNotes(t, db); n != 10 {
		t.Errorf("%d notes, want 10", n)
	}
	settled(t, db, flightCount)
}

// TestAllPlacesAreTaken: who came when no place was left gets one that was given back, though enough others are under way.
func TestAllPlacesAreTaken(t *testing.T) {
	db := openTest(t, postgresTest(t))
	notes(t, db)
	occupied(t, db)
	answer := make(chan error)
	go func() { answer <- db.write(t.Context(), adds(1, "one")) }()
	waiting(t, db, 1)
	db.sharing.end(db)
	must(t, <-answer)
	settled(t, db, flightMost-1)
}

// TestAPremiseThatBreaksWhileItsChangeWaits: a client that was paused while its token waited for a shared commit gets none, and others get theirs.
func TestAPremiseThatBreaksWhileItsChangeWaits(t *testing.T) {
	db := openTest(t, postgresTest(t))
	must(t, db.write(t.Context(), saveAcme))
	p, premise := premiseOf(t, db)
	token := func(id grant.TokenID, on partner.Premise) error {
		return Tokens{db}.Change(t.Context(), func(tx grant.TokenTx) (audit.Event, error) {
			k := grant.Token{ID: id, Access: []byte("a")}
			return happened(int64(id)), errors.Join(tx.Holds(on), tx.SaveToken(&k))
		})
	}
	release := occupied(t, db)
	var paused, other error
	var all sync.WaitGroup
	all.Go(func() { paused = token(1, premise) })
	all.Go(func() { other = token(2, partner.Premise{}) })
	waiting(t, db, 2)
	must(t, db.write(t.Context(), func(tx *Tx) error { p.Active = false; return tx.SavePartner(&p) }))
	release()
	all.Wait()
	if got, want := rowsOf(t, db), "1 tokens, 1 events, 0 tries"; !errors.Is(paused, partner.ErrChanged) || other != nil || got != want {
		t.Errorf("the paused client: %v; another: %v; %s, want %s", paused, other, got, want)
	}
}

// TestWhatElseIsDoneSharesNoCommit: a change that asked something, or that changes or locks a row that is there, is never made to wait with others, who
// could then wait for each other's rows.
func TestWhatElseIsDoneSharesNoCommit(t *testing.T) {
	db := openTest(t, postgresTest(t))
	notes(t, db)
	must(t, db.write(t.Context(), adds(1, "one")))
	defer occupied(t, db)() // whoever shared would wait for ever
	ctx, end := context.WithTimeout(t.Context(), postgresLimit)
	defer end()
	for name, change := range map[string]func(*Tx) error{
		"asks": func(tx *Tx) error {
			var n int
			return errors.Join(tx.get("SELECT 1", nil, &n), noteLater(tx, 2, "two"))
		},
		"adds at once": func(tx *Tx) error { return note(tx, 3, "three") },
		"changes": func(tx *Tx) error {
			return errors.Join(noteLater(tx, 4, "four"), tx.put("UPDATE note SET version = 2 WHERE id = 1"))
		},
		"changes one": func(tx *Tx) error { return tx.expect("UPDATE note SET version = 3 WHERE id = $1", 1) },
		"removes":     func(tx *Tx) error { return tx.put("DELETE FROM note WHERE id = $1", 99) },
		"adds or changes": func(tx *Tx) error {
			return tx.put("INSERT INTO note (id, text, version) VALUES (1, 'one', 1) ON CONFLICT (id) DO UPDATE SET version = 4")
		},
		"adds a lot": func(tx *Tx) (err error) {
			for id := range int64(shareLimit + 1) {
				err = errors.Join(err, noteLater(tx, 100+id, fmt.Sprint("one of many ", id)))
			}
			return err
		},
		"does nothing": func(*Tx) error { return nil },
		"refuses":      func(tx *Tx) error { return errors.Join(noteLater(tx, 5, "five"), errNotOne) },
	} {
		if err := db.write(ctx, change); err != nil && name != "refuses" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := countNotes(t, db); n != 4+shareLimit+1 {
		t.Errorf("%d notes, want %d", n, 4+shareLimit+1)
	}
}

// TestOneOfSeveralFails: what one met in a shared commit is its own alone, whatever it was; the others are kept, and it leaves nothing.
func TestOneOfSeveralFails(t *testing.T) {
	other := errors.New("not as it was")
	for name, c := range map[string]struct {
		change func(tx *Tx) error
		want   error
	}{
		"a condition fails": {func(tx *Tx) error {
			return errors.Join(noteLater(tx, 10, "ten"), tx.await(soleRow+"note WHERE id = $1", []any{99}, other))
		}, other},
		"a key is taken":   {adds(1, "ten"), ErrConflict},
		"a value is taken": {adds(10, "one"), errTaken},
		"a null":           {func(tx *Tx) error { return tx.put("INSERT INTO note (id, text, version) VALUES ($1, NULL, 1)", 10) }, nil},
		"no such text":     {adds(10, "a\x00b"), ErrUnavailable},
		"no such number": {func(tx *Tx) error {
			return tx.put("INSERT INTO note (id, text, version) VALUES ($1, 'ten', 1)", "many")
		}, ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			db := openTest(t, postgresTest(t))
			notes(t, db)
			must(t, db.write(t.Context(), adds(1, "one")))
			answers := together(t, db, adds(2, "two"), c.change, adds(3, "three"))
			if err := answers[1]; err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("answer %v, want %v", err, c.want)
			}
			if err := errors.Join(answers[0], answers[2]); err != nil {
				t.Errorf("its neighbours: %v", err)
			}
			if n, events := countNotes(t, db), countEvents(t, db); n != 3 || events != 3 {
				t.Errorf("%d notes and %d events, want 3 each", n, events)
			}
		})
	}
}

// TestACutSharedCommitIsTrouble: whether a shared COMMIT took place whose answer did not come is known to none of those in it (I7, I11), and the store
// does not ask again for any of them.
func TestACutSharedCommitIsTrouble(t *testing.T) {
	for name, c := range map[string]struct {
		cut  int32
		kept int
	}{"did not happen": {cutBefore, 0}, "did happen": {cutAfter, 3}, "did not answer": {cutSilently, 0}} {
		t.Run(name, func(t *testing.T) {
			dsn, w := wired(t, with(t, postgresTest(t), "idle_in_transaction_session_timeout", "300"))
			db := openTest(t, dsn)
			notes(t, db)
			release := occupied(t, db)
			db.engine.limit = 3 * time.Second // only the silent one waits for it
			var runs atomic.Int32
			var all sync.WaitGroup
			for id := range int64(3) {
				all.Go(func() {
					err := db.change(t.Context(), func(tx *Tx) (audit.Event, error) {
						runs.Add(1)
						return happened(id), noteLater(tx, id, fmt.Sprint("note ", id))
					})
					if !errors.Is(err, ErrUnavailable) {
						t.Errorf("answer %v, want ErrUnavailable", err)
					}
				})
			}
			waiting(t, db, 3)
			w.armed.Store(c.cut)
			release()
			all.Wait()
			if n, events := countNotes(t, db), countEvents(t, db); n != c.kept || events != c.kept || runs.Load() != 3 {
				t.Errorf("%d notes and %d events after %d runs, want %d each after 3", n, events, runs.Load(), c.kept)
			}
		})
	}
}

// TestSharesSurviveARestart: connections that the database closed while changes waited are found out before the commit, and nobody pays for it.
func TestSharesSurviveARestart(t *testing.T) {
	dsn, cut := named(t, postgresTest(t))
	db := openTest(t, dsn)
	notes(t, db)
	release := occupied(t, db)
	var all sync.WaitGroup
	for id := range int64(4) {
		all.Go(func() {
			if err := db.write(t.Context(), adds(id, fmt.Sprint("note ", id))); err != nil {
				t.Error(err)
			}
		})
	}
	waiting(t, db, 4)
	if cut() == 0 {
		t.Fatal("no connection was cut")
	}
	release()
	all.Wait()
	if n, events := countNotes(t, db), countEvents(t, db); n != 4 || events != 4 {
		t.Errorf("%d notes and %d events, want 4 each", n, events)
	}
}

// TestWhoWaitsForASharedCommitMayLeave: as long as it has not begun, and then nothing of it is written; afterwards the answer is waited for, since it must
// tell what happened.
func TestWhoWaitsForASharedCommitMayLeave(t *testing.T) {
	dsn, w := wired(t, postgresTest(t))
	db := openTest(t, dsn)
	notes(t, db)
	release := occupied(t, db)
	leaving, leave := context.WithCancel(t.Context())
	staying, stay := context.WithCancel(t.Context())
	left, stayed := make(chan error), make(chan error)
	go func() { left <- db.write(leaving, adds(1, "one")) }()
	waiting(t, db, 1)
	go func() { stayed <- db.write(staying, adds(2, "two")) }()
	waiting(t, db, 2)
	leave()
	if err := <-left; !errors.Is(err, ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("who left: %v", err)
	}
	waiting(t, db, 1)
	goes := sync.OnceFunc(stay) // with the first word of the server, the commit is under way
	hears := func(said []byte) []byte { goes(); return said }
	w.misheard.Store(&hears)
	release()
	if err := <-stayed; err != nil || staying.Err() == nil {
		t.Errorf("who was under way: %v (%v)", err, staying.Err())
	}
	if got := ask(t, dsn, "SELECT text FROM note"); !slices.Equal(got, []string{"two"}) {
		t.Errorf("notes %v, want the one of who stayed", got)
	}
}

// TestASharedCommitEndsWithItsFirst: a server that does not answer holds nobody longer than their own time (I11), and a shared commit ends with the time of
// whoever has the least, or it could keep what was told to be 503 long ago. Who has little time left takes none from others: they go alone.
func TestASharedCommitEndsWithItsFirst(t *testing.T) {
	for name, c := range map[string]struct {
		has   time.Duration // of a limit of three seconds
		runs  int32
		other error
	}{"more than half": {2500 * time.Millisecond, 1, ErrUnavailable}, "little": {500 * time.Millisecond, 2, nil}} {
		t.Run(name, func(t *testing.T) {
			dsn, w := wired(t, postgresTest(t))
			db := openTest(t, dsn)
			notes(t, db)
			db.engine.limit = 3 * time.Second
			var open [2]*conn
			for i := range open {
				var err error
				open[i], err = db.writers.begin(t.Context(), db.engine.transaction.begin)
				must(t, err)
			}
			for _, c := range open {
				db.writers.give(c)
			}
			release := occupied(t, db)
			short, end := context.WithTimeout(t.Context(), c.has)
			defer end()
			ended := make(chan struct{})
			var first, other error
			var all sync.WaitGroup
			var runs atomic.Int32
			all.Go(func() {
				defer close(ended)
				first = db.write(short, func(tx *Tx) error { runs.Add(1); return adds(1, "one")(tx) })
			})
			waiting(t, db, 1)
			all.Go(func() { other = db.write(t.Context(), adds(2, "two")) })
			waiting(t, db, 2)
			hears := func(said []byte) []byte { <-ended; <-time.After(300 * time.Millisecond); return said } // before the other's time is over
			w.misheard.Store(&hears)
			release()
			all.Wait()
			if !errors.Is(first, ErrUnavailable) || !errors.Is(first, context.DeadlineExceeded) || runs.Load() != c.runs {
				t.Errorf("short of time: %v after %d runs, want %d", first, runs.Load(), c.runs)
			}
			if !errors.Is(other, c.other) || (other == nil) != (c.other == nil) {
				t.Errorf("the other: %v, want %v", other, c.other)
			}
		})
	}
}

// TestPlaces: a commit of one's own is begun only while there is a place and nobody waits; who comes to wait when a place has become free does not; and
// a place is kept on only as long as there are no more than usual.
func TestPlaces(t *testing.T) {
	db := &DB{engine: &engine{}}
	two := []*share{{}, {}}
	for name, c := range map[string]struct {
		flying  int
		waiting []*share
		do      func(*sharing) int // 1 for a place of one's own, or the number of a group
		want    int
		after   int
	}{
		"own":               {0, nil, own, 1, 1},
		"own beside":        {flightCount - 1, nil, own, 1, flightCount},
		"no place":          {flightCount, nil, own, 0, flightCount},
		"others wait":       {0, two, own, 0, 0},
		"add":               {0, nil, func(s *sharing) int { return len(s.add(db, &share{})) }, 1, 1},
		"add to two":        {flightCount - 1, two, func(s *sharing) int { return len(s.add(db, &share{})) }, 3, flightCount},
		"add to no place":   {flightMost, two, func(s *sharing) int { return len(s.add(db, &share{})) }, 0, flightMost},
		"next":              {flightCount, two, func(s *sharing) int { return len(s.next(db)) }, 2, flightCount},
		"next of nobody":    {flightCount, nil, func(s *sharing) int { return len(s.next(db)) }, 0, flightCount - 1},
		"next of too many":  {flightCount + 1, two, func(s *sharing) int { return len(s.next(db)) }, 0, flightCount},
		"next of one alone": {1, two, func(s *sharing) int { return len(s.next(db)) }, 2, 1},
	} {
		s := &sharing{flying: c.flying, waiting: slices.Clone(c.waiting), hurrying: true} // somebody sees to the rest
		if got := c.do(s); got != c.want || s.flying != c.after {
			t.Errorf("%s: %d and %d places taken, want %d and %d", name, got, s.flying, c.want, c.after)
		}
	}
}

func own(s *sharing) int {
	if s.begin() {
		return 1
	}
	return 0
}

// TestCloseAnswersWhoShares: changes that wait for a shared commit when the database is closed are answered, each with what became of it.
func TestCloseAnswersWhoShares(t *testing.T) {
	dsn := postgresTest(t)
	db := openTest(t, dsn)
	notes(t, db)
	release := occupied(t, db)
	answers := make([]error, 6)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() { answers[i] = db.write(t.Context(), adds(int64(i), fmt.Sprint("note ", i))) })
	}
	waiting(t, db, len(answers))
	closed := make(chan error)
	go func() { closed <- db.Close() }()
	release()
	must(t, <-closed)
	all.Wait()
	kept := 0
	for _, err := range answers {
		if err == nil {
			kept++
		} else if !errors.Is(err, ErrUnavailable) {
			t.Error(err)
		}
	}
	if got := ask(t, dsn, "SELECT count(*) FROM note"); !slices.Equal(got, []string{fmt.Sprint(kept)}) {
		t.Errorf("%v notes, and %d were told that theirs is kept", got, kept)
	}
}

// TestManyShareCommits: a hundred at once, some of whom cannot be kept; each is told the truth, and no place is lost.
func TestManyShareCommits(t *testing.T) {
	dsn := postgresTest(t)
	db := openTest(t, dsn)
	notes(t, db)
	var kept atomic.Int64
	var all sync.WaitGroup
	for n := range int64(20) {
		all.Go(func() {
			for i := range int64(10) {
				id := n*10 + i
				err := db.write(t.Context(), adds(id, fmt.Sprint("note ", id-id%7/6))) // each seventh has its neighbour's text
				if err == nil {
					kept.Add(1)
				} else if !errors.Is(err, errTaken) {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	texts := ask(t, dsn, "SELECT count(DISTINCT text) FROM note")
	if n, events := countNotes(t, db), countEvents(t, db); int64(n) != kept.Load() || events != n || !slices.Equal(texts, []string{fmt.Sprint(n)}) {
		t.Errorf("%d notes, %d events, %v texts; %d were kept", n, events, texts, kept.Load())
	}
	if s := db.Stats(); s.Commits >= s.Writes {
		t.Errorf("%d commits of %d changes: none was shared", s.Commits, s.Writes)
	}
	settled(t, db, 0)
}
