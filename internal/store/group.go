package store

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

const (
	// groupLimit bounds how many requests share a commit, so that the first of a crowd does not wait for all of it.
	groupLimit = 128
	// conflictLimit is how often a request is run again after ErrConflict.
	conflictLimit = 4
)

var errClosed = errors.New("database is closed")

// A job is one request to write. Its fields but state are the writer's until done is closed, then the caller's.
type job struct {
	ctx   context.Context
	fn    func(*Tx) error
	state atomic.Int32
	err   error
	// panicked is what fn panicked with; it is raised again where write was called.
	panicked *FnPanic
	done     chan struct{}
}

const (
	jobWaits     int32 = iota
	jobBegun           // by the writer; the caller waits for the answer
	jobAbandoned       // by the caller; the writer passes it over
)

// FnPanic is the value that is raised at the caller of a change whose function panicked in the writer.
type FnPanic struct {
	// Value is what the function panicked with.
	Value any
	// Stack is where.
	Stack []byte
}

// Error says what the function panicked with and where.
func (p *FnPanic) Error() string { return fmt.Sprintf("%v\n\nin the writer:\n%s", p.Value, p.Stack) }

// scope is how a piece of work begins and ends: a transaction of its own, or a savepoint within one that is shared.
type scope struct{ begin, keep, undo string }

// writer is the one goroutine that writes. Requests that come while a commit waits for the disk go into the next
// commit together: no timer, so nobody waits who need not.
type writer struct {
	db      *DB
	engine  *engine
	conn    *conn
	jobs    chan *job
	ending  chan struct{}
	stopped chan struct{}
	end     sync.Once
}

func newWriter(ctx context.Context, e *engine) (*writer, error) {
	c, err := newConn(ctx, e, false)
	if err != nil {
		return nil, unavailable("open writer", err)
	}
	w := &writer{engine: e, conn: c, jobs: make(chan *job, 2*groupLimit),
		ending: make(chan struct{}), stopped: make(chan struct{})}
	return w, nil
}

func (w *writer) closing() bool {
	select {
	case <-w.ending:
		return true
	default:
		return false
	}
}

// close ends the writer after everything that waits was answered.
func (w *writer) close() error {
	w.end.Do(func() { close(w.ending) })
	<-w.stopped
	return w.conn.close()
}

// write runs fn in a write transaction and returns when that is committed, or rolled back because fn returned an
// error. A context that ends before fn began takes the request back; later it is not looked at, since the answer must
// tell what happened.
func (db *DB) write(ctx context.Context, fn func(*Tx) error) error {
	fn = db.checked(fn)
	if !db.engine.serial {
		return db.writeBeside(ctx, fn)
	}
	w := db.writer
	if err := ctx.Err(); err != nil {
		return unavailable("write", err)
	}
	if w.closing() {
		return unavailable("write", errClosed)
	}
	j := &job{ctx: ctx, fn: fn, done: make(chan struct{})}
	select {
	case w.jobs <- j:
	case <-ctx.Done():
		return unavailable("write", ctx.Err())
	case <-w.ending:
		return unavailable("write", errClosed)
	}
	select {
	case <-j.done:
	case <-ctx.Done():
		if j.state.CompareAndSwap(jobWaits, jobAbandoned) {
			return unavailable("write", ctx.Err())
		}
		select {
		case <-j.done:
		case <-w.stopped:
		}
	case <-w.stopped:
	}
	select {
	case <-j.done:
	default: // the writer ended without taking it, or in the middle of it
		return unavailable("write", errClosed)
	}
	if j.panicked != nil {
		panic(j.panicked)
	}
	if errors.Is(j.err, ErrConflict) { // after all its turns: nothing is wrong but the crowd, so asking again is the answer
		return unavailable("write", j.err)
	}
	return j.err
}

// run is the writer's goroutine.
func (w *writer) run() {
	defer close(w.stopped)
	group := make([]*job, 0, groupLimit)
	for {
		group = group[:0]
		select {
		case j := <-w.jobs:
			group = append(group, j)
			// Those just answered come back at once with their next request. One turn for them doubles the group at no
			// cost to whoever is alone.
			runtime.Gosched()
		case <-w.ending:
			if group = w.gather(group); len(group) == 0 {
				return
			}
		}
		w.answer(w.gather(group))
	}
}

// gather adds what waits, up to the limit.
func (w *writer) gather(group []*job) []*job {
	for len(group) < groupLimit {
		select {
		case j := <-w.jobs:
			group = append(group, j)
		default:
			return group
		}
	}
	return group
}

// answer runs and commits a group and then tells everyone in it.
func (w *writer) answer(group []*job) {
	live := group[:0]
	for _, j := range group {
		if j.ctx.Err() == nil && j.state.CompareAndSwap(jobWaits, jobBegun) {
			live = append(live, j)
		} else {
			j.err = unavailable("write", context.Cause(j.ctx))
			close(j.done)
		}
	}
	if len(live) == 1 || !w.lightly(live) && !w.together(live) {
		for _, j := range live {
			if j.panicked == nil {
				w.alone(j)
			}
		}
	}
	for _, j := range live {
		close(j.done)
	}
}

// lightly is together without savepoints, which cost two statements for each member and are of use to those alone who fail after they
// wrote. When one does, everything is undone and it reports false: then the group is to be run again with savepoints.
func (w *writer) lightly(group []*job) (decided bool) {
	if len(group) == 0 || !w.begin(group) {
		return true
	}
	var run []*Tx
	for _, j := range group {
		tx := w.tx()
		run = append(run, tx)
		j.err = w.call(j, tx)
		if tx.wrote && (j.err != nil || j.panicked != nil) || errors.Is(j.err, ErrUnavailable) || errors.Is(j.err, ErrConflict) {
			w.undo(run)
			for _, j := range group {
				j.err, j.panicked = nil, nil
			}
			return false
		}
	}
	w.commit(group)
	return true
}

// together runs a group in one transaction, each member in a savepoint of its own, and commits once. It reports false
// when one met trouble with the database: then nothing of the group was kept and each is to be run alone, so that the
// trouble of one does not become that of its neighbours.
func (w *writer) together(group []*job) (decided bool) {
	if !w.begin(group) {
		return true
	}
	var kept []*Tx
	for _, j := range group {
		if tx := w.member(j, w.engine.savepoint); tx != nil {
			kept = append(kept, tx)
		}
		if errors.Is(j.err, ErrUnavailable) {
			// SQLite may have ended the transaction by itself; going on would commit statement by statement.
			w.undo(kept)
			return false
		}
	}
	w.commit(group)
	return true
}

func (w *writer) tx() *Tx { return &Tx{db: w.db, conn: w.conn, ctx: context.Background()} }

// begin begins the transaction of a group, or answers all that it cannot be begun.
func (w *writer) begin(group []*job) bool {
	err := w.conn.run(w.engine.transaction.begin)
	if err != nil {
		w.undo(nil)
		failAll(group, err)
	}
	return err == nil
}

// undo ends the transaction of a group of which nothing is kept.
func (w *writer) undo(run []*Tx) {
	_ = w.conn.run(w.engine.transaction.undo)
	for _, tx := range run {
		tx.undone()
	}
}

// commit keeps what a group did. A commit that fails has failed for all, also for those that were refused, since the refusal may rest
// on what was not kept.
func (w *writer) commit(group []*job) {
	if err := w.conn.run(w.engine.transaction.keep); err != nil {
		w.undo(nil)
		failAll(group, err)
		return
	}
	w.count(group...)
}

// alone runs one request in a transaction of its own.
func (w *writer) alone(j *job) {
	w.member(j, w.engine.transaction)
	if j.err == nil && j.panicked == nil {
		w.count(j)
	}
}

func (w *writer) count(group ...*job) {
	w.db.commits.Add(1)
	for _, j := range group {
		if j.err == nil && j.panicked == nil {
			w.db.writes.Add(1)
		}
	}
}

// member runs one request within s, again after a conflict, and undoes it when it fails. It returns what was kept.
func (w *writer) member(j *job, s scope) *Tx {
	for range conflictLimit {
		if j.err = w.conn.run(s.begin); j.err != nil {
			_ = w.conn.run(s.undo)
			return nil
		}
		tx := w.tx()
		if j.err = w.call(j, tx); j.err == nil && j.panicked == nil {
			if j.err = w.conn.run(s.keep); j.err == nil {
				return tx
			}
		}
		tx.undone()
		if err := w.conn.run(s.undo); err != nil && (j.err == nil || s == w.engine.savepoint) {
			j.err = err // what could not be undone must not be committed for the others either
		}
		if j.panicked != nil || !errors.Is(j.err, ErrConflict) {
			return nil
		}
	}
	return nil
}

// call runs the function of a request. A panic becomes the caller's and nobody else's.
func (w *writer) call(j *job, tx *Tx) (err error) {
	defer func() {
		if v := recover(); v != nil {
			j.panicked = &FnPanic{Value: v, Stack: debug.Stack()}
		}
	}()
	err = j.fn(tx)
	if tx.failed != nil {
		return tx.failed
	}
	return err
}

func failAll(group []*job, err error) {
	for _, j := range group {
		j.err = unavailable("commit", err)
	}
}
