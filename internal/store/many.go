package store

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/latchkey-id/latchkey/internal/customer"
)

const (
	// writerCount is how many transactions of one node write at once where the engine allows it.
	writerCount = 8
	// turnLimit is how often a change is run again after a conflict where many write at once: other nodes may be faster
	// each time, but not for long.
	turnLimit = 15
)

// writeBeside runs fn in a transaction of its own, beside those of other requests and nodes, or in one with others that only add (see sharing). After a
// conflict it runs again; those that lost take turns, so that a crowd at one row is served one by one instead of losing together again
// and again: one of each node, which is the pool, and of those one of all nodes, which is a lock in the database.
func (db *DB) writeBeside(ctx context.Context, fn func(*Tx) error) error {
	err := db.turn(ctx, fn, shares)
	if !errors.Is(err, ErrConflict) {
		return err
	}
	waits, end := db.bounded(ctx)
	defer end()
	turn, err := db.turns.begin(waits, db.engine.turn.begin)
	if err != nil {
		return err
	}
	defer func() {
		if turn.run(db.engine.turn.undo) != nil {
			turn.cut = true // which ends the lock too
		}
		db.turns.give(turn)
	}()
	for n := range turnLimit {
		how := alone
		if n == turnLimit-1 {
			how = last
		}
		if err = db.turn(ctx, fn, how); !errors.Is(err, ErrConflict) {
			return err
		}
	}
	return unavailable("write", err)
}

// turn is one turn of a change, within the engine's limit.
func (db *DB) turn(ctx context.Context, fn func(*Tx) error, how manner) error {
	ctx, end := db.bounded(ctx)
	defer end()
	_, err := db.attemptAnew(ctx, fn, how)
	if errors.Is(err, errAlone) {
		_, err = db.attemptAnew(ctx, fn, alone)
	}
	return err
}

// A manner is how one turn of a change is committed.
type manner int

const (
	// shares: with those of others, where it only adds and there are some.
	shares manner = iota
	// alone: in a transaction of its own.
	alone
	// last: alone, and there is no turn after it; see Tx.last.
	last
)

// An outcome is how far a turn came.
type outcome int

const (
	// undone: nothing was kept.
	undone outcome = iota
	// lost: nothing was kept, since the connection was cut before it was asked to commit.
	lost
	// asked: the database may have come to the COMMIT. Without an error it did, and with one nobody knows.
	asked
)

// fate is the outcome of what was not asked to commit.
func (c *conn) fate() outcome {
	if c.cut {
		return lost
	}
	return undone
}

// attemptAnew is attempt on one connection after the other, while each was cut before it was asked to commit: such a transaction has ended
// with its connection. After a restart of the database all that wait in the pool are such.
func (db *DB) attemptAnew(ctx context.Context, fn func(*Tx) error, how manner) (outcome, error) {
	for left := cap(db.writers.turns); ; left-- {
		came, err := db.attempt(ctx, fn, how)
		if came != lost || left == 0 || ctx.Err() != nil {
			return came, err
		}
	}
}

// attempt runs fn in one transaction and commits. What a COMMIT did whose answer never came is not known: that is
// ErrUnavailable too, and every verb is made so that asking again is safe (I7). The last writes go with the COMMIT, and a cut after they were sent is
// one of the COMMIT.
func (db *DB) attempt(ctx context.Context, fn func(*Tx) error, how manner) (came outcome, err error) {
	c, err := db.writers.begin(ctx, db.engine.transaction.begin)
	if err != nil {
		return undone, err
	}
	ended := false
	defer func() {
		if c == nil {
			return
		}
		if !ended && !c.cut && c.run(db.engine.transaction.undo) != nil {
			c.cut = true
		}
		db.writers.give(c)
	}()
	tx := &Tx{db: db, conn: c, ctx: context.Background(), last: how == last}
	defer func() {
		if err != nil {
			tx.undone()
		}
	}()
	err = fn(tx)
	if err == nil && tx.changed {
		err = tx.raise()
	}
	if tx.failed != nil {
		err = tx.failed
	}
	if err != nil {
		return c.fate(), err
	}
	if writes := c.link.adding(); how == shares && writes != nil {
		if !db.sharing.begin() {
			db.writers.give(c)
			c = nil
			return asked, db.sharing.wait(ctx, db, writes)
		}
		defer db.sharing.end(db)
	}
	committing, err := tx.commit()
	if err != nil && !committing {
		return c.fate(), err
	}
	if err != nil {
		return asked, err
	}
	ended = true
	db.commits.Add(1)
	db.writes.Add(1)
	return asked, nil
}

// meeting is an account as a transaction met it: the version that its noun holds, and the one that its row has.
type meeting struct {
	held, row int64
	raised    bool
}

// meet remembers the version of an account that was read, or has just been saved.
func (tx *Tx) meet(id customer.AccountID, version int64, raised bool) {
	if tx.met == nil {
		tx.met = map[customer.AccountID]meeting{}
	}
	if m, known := tx.met[id]; known && m.row == version && !raised {
		return // read again, after it was raised
	}
	tx.met[id] = meeting{held: version, row: version, raised: raised}
}

// raise makes the changes of one account exclude each other where many write at once: before a transaction writes, it
// raises the version of each account that it read, and finds out whether one was changed since. Whoever reads an account
// as it was before the commit of a claim, and writes a token, a profile, a reply or a session for it after, would hand
// the creator something that outlives the hand-over (I2, design 3: a check when the request arrives never authorises a
// write). The accounts come first and in order, so that two changes never wait for each other.
func (tx *Tx) raise() error {
	if tx.db.engine.serial {
		return nil
	}
	for _, id := range slices.Sorted(maps.Keys(tx.met)) {
		m := tx.met[id]
		if m.raised {
			continue
		}
		if err := tx.soon("UPDATE account SET version = version + 1 WHERE id = $1 AND version = $2", []any{id, m.row}, true); err != nil {
			return err
		}
		tx.met[id] = meeting{held: m.held, row: m.row + 1, raised: true}
	}
	return nil
}

// heldVersion is the version to save an account at: the noun's, or the row's where this transaction has raised it since
// the noun read it. The save raises the version itself, so it needs no other raise.
func (tx *Tx) heldVersion(a *customer.Account) int64 {
	m, known := tx.met[a.ID]
	if !known || a.Version != m.held {
		return a.Version
	}
	m.raised = true
	tx.met[a.ID] = m
	return m.row
}
