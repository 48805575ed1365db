package store

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"
)

// flightCount is how many commits of changes that only add are under way at once in one node. While one waits for the disk, the next is at work; with three
// each would carry too few (a tenth less by measurement).
const flightCount = 2

// errAlone: nothing of a shared commit was kept, and each change in it is to be run in a transaction of its own, so that the trouble of one does not
// become that of its neighbours.
var errAlone = errors.New("the shared commit was not kept")

// sharing has changes share a commit where many write at once. It is for those that asked the database nothing and only add rows, as a token of a
// client's own does: done one after the other in one transaction they are what they would be in several, and none waits for another's rows. BEGIN,
// COMMIT and the wait for the disk are then paid for once. Without a timer, so that nobody waits who need not: while flightCount of them are under way,
// what comes waits for the next.
type sharing struct {
	mu      sync.Mutex
	flying  int
	waiting []*share
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

// begin takes a place for a commit, unless there is none.
func (s *sharing) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flying == flightCount {
		return false
	}
	s.flying++
	return true
}

// end gives the place to those who wait, or back.
func (s *sharing) end(db *DB) {
	if group := s.next(); len(group) > 0 {
		go s.fly(db, group)
	}
}

// next takes what waits, up to the limit, and gives the place back where nothing does.
func (s *sharing) next() []*share {
	s.mu.Lock()
	defer s.mu.Unlock()
	group := s.waiting[:min(len(s.waiting), groupLimit)]
	s.waiting = s.waiting[len(group):]
	if len(group) == 0 {
		s.waiting = nil
		s.flying--
	}
	return group
}

// fly commits one group after the other, until nothing waits.
func (s *sharing) fly(db *DB, group []*share) {
	for ; len(group) > 0; group = s.next() {
		err := db.commitShares(group)
		for _, m := range group {
			m.err = err
			close(m.done)
		}
	}
}

// wait returns what became of the writes in the next shared commit. Until that begins the end of ctx takes them back; then only its deadline ends the
// wait, since the answer must tell what happened, and what did is not known (I7).
func (s *sharing) wait(ctx context.Context, db *DB, writes []write) error {
	m := &share{writes: writes, done: make(chan struct{})}
	m.until, _ = ctx.Deadline() // which attemptAnew sees to
	s.mu.Lock()
	s.waiting = append(s.waiting, m)
	free := s.flying < flightCount // a place was given back meanwhile
	if free {
		s.flying++
	}
	s.mu.Unlock()
	if free {
		s.end(db)
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
		return m.err
	case <-late.Done():
		return unavailable("commit", late.Err())
	}
}

// leave takes a share back, unless its commit has begun.
func (s *sharing) leave(m *share) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(s.waiting, m)
	if i < 0 {
		return false
	}
	s.waiting = slices.Concat(s.waiting[:i], s.waiting[i+1:])
	return true
}

// commitShares does what a group adds in one transaction, for as long as one of them waits.
func (db *DB) commitShares(group []*share) error {
	until := group[0].until
	for _, m := range group[1:] {
		if m.until.After(until) {
			until = m.until
		}
	}
	ctx, cancel := context.WithDeadline(context.Background(), until)
	defer cancel()
	end, err := db.attemptAnew(ctx, func(tx *Tx) error {
		for _, m := range group {
			for _, w := range m.writes {
				if err := tx.join(w); err != nil {
					return err
				}
			}
		}
		return nil
	}, alone)
	if err != nil && end != asked {
		return errAlone
	}
	if err == nil {
		db.writes.Add(int64(len(group) - 1)) // the first is counted with the commit
	}
	return err
}

// join hands over a write of another transaction, to be run with the commit of this.
func (tx *Tx) join(w write) error {
	s, err := tx.prepare(w.query)
	if err != nil {
		return err
	}
	w.statement, w.wrote = s, &tx.wrote
	if _, err = tx.conn.link.later(w); err != nil {
		tx.failed = unavailable(w.query, err)
	}
	return err
}
