package store

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// flightCount is how many commits of changes that only add are under way at once in one node, each with all that came before it. While one waits for
	// the disk, the next is at work; with three each would carry too few (a tenth less by measurement, with the database on the same machine).
	flightCount = 2
	// patience is how long a change waits for one of them to end, until one more begins, and flightMost how many there may be then: to a database that is
	// far away, or waits for its standby, more are on their way.
	patience   = 300 * time.Microsecond
	flightMost = writerCount - 2
	// shareLimit is how many writes a change has at most that shares: one of many, such as a part of a load, gains nothing.
	shareLimit = 8
)

// errAlone: nothing of a shared commit was kept, or it did not begin in time, and each change in it is to be run in a transaction of its own, so that the
// trouble of one does not become that of its neighbours. They pay for it with their time: nothing should share that fails often.
var errAlone = errors.New("the shared commit was not kept")

// sharing has changes share a commit where many write at once. It is for those that asked the database nothing and only add rows, as a token of a
// client's own does: done one after the other in one transaction they are what they would be in several. None waits for another's rows either, since
// what is unique in them is drawn by this server, and no foreign key leads to what others change. BEGIN, COMMIT and the wait for the disk are then paid
// for once.
type sharing struct {
	mu      sync.Mutex
	flying  int
	waiting []*share
	// hurrying says that one of those who wait will lose patience.
	hurrying bool
}

// A share is what one change adds, and when its caller ceases to wait. Its err is set before done is closed.
type share struct {
	writes []write
	until  time.Time
	err    error
	done   chan struct{}
}

// adds reports whether a write neither changes nor locks a row that is there: it inserts, or holds to a condition (Tx.await).
func (w write) adds() bool {
	if w.one {
		return strings.HasPrefix(w.query, soleRow)
	}
	return strings.HasPrefix(w.query, "INSERT INTO ") && !strings.Contains(w.query, "ON CONFLICT")
}

// begin takes a place for a commit of one's own, unless there is none or others wait for it.
func (s *sharing) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) > 0 || s.flying >= flightCount {
		return false
	}
	s.flying++
	return true
}

// end gives the place to those who wait, or back.
func (s *sharing) end(db *DB) {
	if group := s.next(db); len(group) > 0 {
		go s.fly(db, group)
	}
}

// next takes those who wait. Where nobody does, or enough others are under way, it gives the place back.
func (s *sharing) next(db *DB) []*share {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flying--
	return s.takeOrHurry(db)
}

// takeOrHurry takes those who wait and a place, if there is one, or else sees to it that they get one when they have lost patience. Where all
// are taken, that is when the next one ends. The lock is held.
func (s *sharing) takeOrHurry(db *DB) []*share {
	group := s.take(flightCount)
	if len(group) == 0 && len(s.waiting) > 0 && !s.hurrying && s.flying < flightMost {
		s.hurrying = true
		time.AfterFunc(patience, func() { s.hurry(db) })
	}
	return group
}

// take takes those who wait, up to the limit, and a place among so many. The lock is held.
func (s *sharing) take(places int) []*share {
	if len(s.waiting) == 0 || s.flying >= places {
		return nil
	}
	s.flying++
	group := s.waiting[:min(len(s.waiting), groupLimit)]
	s.waiting = s.waiting[len(group):]
	return group
}

// hurry begins one more commit for who has lost patience.
func (s *sharing) hurry(db *DB) {
	s.mu.Lock()
	s.hurrying = false
	group := s.take(flightMost)
	s.mu.Unlock()
	s.fly(db, group)
}

// fly commits one group after the other, as long as its place is kept.
func (s *sharing) fly(db *DB, group []*share) {
	for ; len(group) > 0; group = s.next(db) {
		db.commitShares(group)
	}
}

// end tells what became of a share.
func (m *share) end(err error) {
	m.err = err
	close(m.done)
}

// wait returns what became of the writes in the next shared commit. Until that begins the end of ctx takes them back; then only its deadline ends the
// wait, since the answer must tell what happened, and what did is not known (I7).
func (s *sharing) wait(ctx context.Context, db *DB, writes []write) error {
	m := &share{writes: writes, done: make(chan struct{})}
	m.until, _ = ctx.Deadline() // see turn
	if group := s.add(db, m); len(group) > 0 {
		go s.fly(db, group)
	}
	select {
	case <-m.done:
		return m.err
	case <-ctx.Done():
	}
	if s.leave(m) {
		return unavailable("wait for a commit", ctx.Err())
	}
	late, end := context.WithDeadline(context.Background(), m.until)
	defer end()
	select {
	case <-m.done:
	case <-late.Done():
		select {
		case <-m.done: // just so
		default:
			return unavailable("commit", late.Err())
		}
	}
	return m.err
}

// add has a share wait, and returns those who need not wait any more, since a place was given back meanwhile.
func (s *sharing) add(db *DB, m *share) []*share {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = append(s.waiting, m)
	return s.takeOrHurry(db)
}

// leave takes a share back, unless its commit has begun.
func (s *sharing) leave(m *share) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(s.waiting, m)
	if i >= 0 {
		s.waiting = slices.Delete(s.waiting, i, i+1)
	}
	return i >= 0
}

// commitShares does what a group adds in one transaction, and tells each. It ends by the deadline of the first of them, so that no event is later
// in the audit than the chain looks for it, and nothing is kept long after its caller was told 503. Whoever has less than half their time left goes alone,
// since the others have no more than they.
func (db *DB) commitShares(group []*share) {
	late, until := db.now().Add(db.engine.limit/2), time.Time{}
	var joined []*share
	for _, m := range group {
		if m.until.Before(late) {
			m.end(errAlone) // now: the commit may take longer than that
			continue
		}
		if joined = append(joined, m); until.IsZero() || m.until.Before(until) {
			until = m.until
		}
	}
	if len(joined) == 0 {
		return
	}
	ctx, cancel := context.WithDeadline(context.Background(), until)
	defer cancel()
	came, err := db.attemptAnew(ctx, func(tx *Tx) error {
		for _, m := range joined {
			if err := m.join(tx); err != nil {
				return err
			}
		}
		return nil
	}, alone)
	if err != nil && came != asked {
		err = errAlone
	}
	if err == nil {
		db.writes.Add(int64(len(joined) - 1)) // the first is counted with the commit
	}
	for _, m := range joined {
		m.end(err)
	}
}

// join hands over what a share adds, to be run with the commit of tx.
func (m *share) join(tx *Tx) error {
	for _, w := range m.writes {
		s, err := tx.prepare(w.query)
		if err != nil {
			return err
		}
		w.statement, w.wrote = s, &tx.wrote
		if _, err = tx.conn.link.later(w); err != nil {
			tx.failed = unavailable(w.query, err)
			return tx.failed
		}
	}
	return nil
}
