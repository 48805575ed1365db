package store

import (
	"errors"
	"testing"
	"time"
)

// TestAWrongClockIsSeen: a node whose clock differs from the database's learns by how much, and one whose clock is right does
// not (design 6). SQLite has the node's own clock.
func TestAWrongClockIsSeen(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		right := db.now
		for _, off := range []time.Duration{0, 3 * time.Second, -3 * time.Second, time.Hour} {
			db.now = func() time.Time { return time.Now().UTC().Truncate(time.Millisecond).Add(off) }
			ahead, err := db.ClockAhead(t.Context())
			must(t, err)
			if db.engine.serial {
				off = 0
			}
			// However long asking took, the difference is never made larger by it.
			if ahead.Abs() > off.Abs()+time.Millisecond || (ahead < 0) != (off < 0) || off != 0 && ahead == 0 {
				t.Errorf("a clock that is %s ahead is said to be %s ahead", off, ahead)
			}
		}
		db.now = right
	})
}

// ownCluster is a server beside the one that all tests share, whose settings may be changed.
func ownCluster(t *testing.T) string {
	t.Helper()
	postgresTest(t) // skips where this does
	dsn, stop, err := startCluster()
	must(t, err)
	t.Cleanup(stop)
	return dsn
}

// TestAServerWithoutAStandbyIsRefused: where a standby takes over, a COMMIT that only the primary has would be taken back
// (design 10.16).
func TestAServerWithoutAStandbyIsRefused(t *testing.T) {
	t.Parallel()
	dsn := ownCluster(t)
	open := func(dsn string, failover bool) error {
		o := at(t, dsn)
		o.Failover = failover
		db, err := Open(t.Context(), o)
		if err == nil {
			err = db.Close()
		}
		return err
	}
	must(t, open(dsn, false))
	if err := open(dsn, true); !errors.Is(err, ErrNotSynchronous) {
		t.Errorf("without a standby: %v", err)
	}
	ask(t, dsn, "ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
	ask(t, dsn, "SELECT pg_reload_conf()")
	for !synchronous(t, dsn) {
		yield()
	}
	for _, level := range []string{"local", "remote_write"} { // a standby that has it in memory alone may lose it
		if err := open(with(t, dsn, "synchronous_commit", level), true); !errors.Is(err, ErrNotSynchronous) {
			t.Errorf("synchronous_commit=%s: %v", level, err)
		}
	}
	for _, level := range []string{"on", "remote_apply"} { // the schema is there, so nothing is written and nothing waits
		must(t, open(with(t, dsn, "synchronous_commit", level), true))
	}
}

func synchronous(t *testing.T, dsn string) bool {
	return ask(t, dsn, "SELECT current_setting('synchronous_standby_names')")[0] != ""
}

// TestACommitThatNoStandbyHas: PostgreSQL answers a COMMIT with success and a warning when it is told to stop waiting for its
// standby. Whoever believed that would lose the change by a failover (I7).
func TestACommitThatNoStandbyHas(t *testing.T) {
	t.Parallel()
	dsn := ownCluster(t)
	db := openTest(t, dsn)
	notes(t, db)
	local := with(t, dsn, "synchronous_commit", "local")
	ask(t, local, "ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
	ask(t, local, "SELECT pg_reload_conf()")
	for !synchronous(t, local) {
		yield()
	}
	for i, write := range []func(tx *Tx) error{
		func(tx *Tx) error { return note(tx, 1, "one") },
		func(tx *Tx) error { return errors.Join(note(tx, 2, "two"), noteLater(tx, 3, "three")) }, // which goes with the COMMIT
		func(tx *Tx) error { return noteLater(tx, 4, "four") },
	} {
		answer := make(chan error)
		runs := 0
		go func() { answer <- db.write(t.Context(), func(tx *Tx) error { runs++; return write(tx) }) }()
		const waiting = " FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
		for len(ask(t, local, "SELECT pid"+waiting)) == 0 {
			yield()
		}
		ask(t, local, "SELECT pg_cancel_backend(pid)"+waiting)
		if err := <-answer; !errors.Is(err, ErrUnavailable) || runs != 1 {
			t.Errorf("answer %v after %d runs, want ErrUnavailable after one", err, runs)
		}
		if n, want := countNotes(t, db), []int{1, 3, 4}[i]; n != want {
			t.Errorf("%d notes, want %d: the test does not do what it says", n, want)
		}
	}
	// A warning about something else does not harm the commit after it, and the connection works on.
	ask(t, local, "ALTER SYSTEM RESET synchronous_standby_names")
	ask(t, local, "SELECT pg_reload_conf()")
	for synchronous(t, local) {
		yield()
	}
	const warn = "DO $$ BEGIN RAISE WARNING 'something'; END $$"
	must(t, db.write(t.Context(), func(tx *Tx) error {
		return errors.Join(tx.conn.link.run(t.Context(), warn), note(tx, 5, "five"), tx.put(warn), noteLater(tx, 6, "six"))
	}))
}

// TestReadsGoToThePrimary: whatever the address asks for, a server that does not write is not taken, since what it shows may
// have ended (design 10.16).
func TestReadsGoToThePrimary(t *testing.T) {
	dsn := postgresTest(t)
	for _, wanted := range []string{"any", "prefer-standby", "read-only", "standby"} {
		o := at(t, with(t, with(t, dsn, "target_session_attrs", wanted), "default_transaction_read_only", "on"))
		if db, err := Open(t.Context(), o); err == nil {
			must(t, db.Close())
			t.Errorf("target_session_attrs=%s took a server that does not write", wanted)
		}
		db, err := Open(t.Context(), at(t, with(t, dsn, "target_session_attrs", wanted)))
		must(t, err)
		must(t, db.Close())
	}
}
