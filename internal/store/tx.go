package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/latchkey-id/latchkey/internal/customer"
)

// errNoRow is how get says that nothing was found; the methods of Tx turn it into their noun's error.
var errNoRow = errors.New("no such row")

// errTaken is how exec says that a unique index holds the value already; the methods of Tx turn it into their noun's
// error. The statement changed nothing, and the transaction goes on. Where many write at once the change runs again
// instead, until its last turn: a noun that looked before it wrote then sees what came between, and refuses by its rules.
var errTaken = errors.New("value is taken")

// Tx is one transaction, valid only while the function runs that it was given to. It satisfies the Tx interfaces of all
// nouns.
type Tx struct {
	db   *DB
	conn *conn
	// ctx ends reads between two statements. Writes do not look at it: once begun they finish.
	ctx context.Context
	// reads says that the transaction changes nothing.
	reads bool
	// depth is how far accounts are opened.
	depth depth
	// foresees says that what stands behind a code or a family of tokens is read along with it, since it is asked for next; foreseen is that.
	foresees bool
	foreseen *behind
	// heard says that the database has answered something.
	heard bool
	// wrote says that a row was changed; changed says so of any row but an audit event.
	wrote, changed bool
	// last says that this is the last turn of a change where many write at once. Then each statement that writes is in a
	// savepoint, which on PostgreSQL is the price of going on after a taken value.
	last bool
	// failed is the trouble or conflict that this transaction met. It outlives whatever the noun makes of the error, so
	// that no refusal is built on a database that did not answer (design I11).
	failed error
	// undo gives nouns their values back when the transaction is undone, so that a change that runs again starts from the versions that it
	// started from.
	undo []func()
	// keys are the keys of the accounts that this transaction met.
	keys map[customer.AccountID]accountKey
	// lasting is what those had that may be saved.
	lasting map[customer.AccountID]lasting
	// holds are the spared columns of rows that may be saved.
	holds map[rowKey]spared
	// tried is the row of tries that was read last and not saved since.
	tried triedRow
	// met are the versions of the accounts that this transaction read; see raise.
	met map[customer.AccountID]meeting
	// entry is the number of the event that this transaction will write; see event.
	entry int64
}

// A depth is how far a transaction opens the sealed columns of the accounts that it reads. What is not opened is as the zero value,
// and an account of which anything is not opened cannot be saved.
type depth int

const (
	openAll depth = iota
	// openContact leaves the credentials sealed.
	openContact
	// openNothing leaves everything sealed: what is asked for lies in plain columns, such as state and epoch.
	openNothing
)

// errReads: a read transaction was asked to change something. A mistake in the program.
var errReads = errors.New("a read changes nothing")

// begins makes a transaction ready to change rows.
func (tx *Tx) begins() error {
	if tx.reads { // where nothing is around it, the change would be kept, and without an event
		tx.failed = errReads
		return errReads
	}
	tx.changed = true
	return tx.raise()
}

// exec runs a statement that changes rows and returns how many. A taken unique value is errTaken.
func (tx *Tx) exec(query string, args ...any) (int64, error) {
	if err := tx.begins(); err != nil {
		return 0, err
	}
	return tx.do(query, args...)
}

// do is exec without its care for accounts.
func (tx *Tx) do(query string, args ...any) (int64, error) {
	s, err := tx.prepare(query)
	if err != nil {
		return 0, err
	}
	if tx.last {
		if err := tx.conn.run(tx.db.engine.savepoint.begin); err != nil {
			tx.failed = err
			return 0, err
		}
	}
	n, err := s.exec(tx.conn.until, args)
	if err != nil {
		err = tx.fault(query, err)
	}
	if tx.last && tx.failed == nil {
		scope := tx.db.engine.savepoint
		end := scope.keep
		if err != nil {
			end = scope.undo
		}
		if trouble := tx.conn.run(end); trouble != nil {
			tx.failed = trouble
			return 0, trouble
		}
	}
	if err != nil {
		return 0, err
	}
	tx.wrote = tx.wrote || n > 0
	return n, nil
}

// put is exec for whoever does not need to know how many rows were changed. Where each statement is a round trip, it goes with the next question or
// with the commit, and what it meets is met then.
func (tx *Tx) put(query string, args ...any) error {
	if err := tx.begins(); err != nil {
		return err
	}
	return tx.soon(query, args, false)
}

// expect is put for a conditional statement that must change exactly one row; none is ErrConflict, which makes the whole
// change run again with fresh values.
func (tx *Tx) expect(query string, args ...any) error {
	if err := tx.begins(); err != nil {
		return err
	}
	return tx.soon(query, args, true)
}

// soon runs a statement now, or hands it over to be run before whatever is asked next.
func (tx *Tx) soon(query string, args []any, one bool) error {
	if !tx.last {
		text := query
		if sole := tx.db.engine.sole; one && sole != nil {
			text = sole(query)
		}
		s, err := tx.prepare(text)
		if err != nil {
			return err
		}
		taken, err := tx.conn.link.later(write{statement: s, query: query, args: args, one: one, wrote: &tx.wrote})
		if err != nil {
			tx.failed = fmt.Errorf("%s: %w", query, err)
			return tx.failed
		}
		if taken {
			return nil
		}
	}
	n, err := tx.do(query, args...)
	if err == nil && one && n != 1 {
		err = tx.fault(query, errNotOne)
	}
	return err
}

// await hands over a question that is an error where it has no answer (see soleRow), to be asked before whatever is asked next. otherwise is what that
// error says.
func (tx *Tx) await(query string, args []any, otherwise error) error {
	s, err := tx.prepare(query)
	if err != nil {
		return err
	}
	if _, err := tx.conn.link.later(write{statement: s, query: query, args: args, one: true, otherwise: otherwise, wrote: new(bool)}); err != nil {
		tx.failed = fmt.Errorf("%s: %w", query, err)
	}
	return tx.failed
}

// undone is called when nothing of the transaction was kept.
func (tx *Tx) undone() {
	for i := len(tx.undo) - 1; i >= 0; i-- {
		tx.undo[i]()
	}
	tx.undo = nil
}

// flush runs what waits.
func (tx *Tx) flush() error {
	if tx.failed != nil {
		return tx.failed
	}
	if err := tx.conn.link.flush(tx.conn.until); err != nil {
		return tx.fault("sending what waits", err)
	}
	return nil
}

// commit keeps the transaction, with what waits. asked says that the database may have come to that.
func (tx *Tx) commit() (asked bool, err error) {
	keep := tx.db.engine.transaction.keep
	asked, err = tx.conn.link.commit(tx.conn.until, keep)
	if err == nil {
		return asked, nil
	}
	defer func() { tx.conn.others = tx.conn.others || asked && tx.conn.cut }()
	var waited waitingError
	if errors.As(err, &waited) {
		return asked, tx.fault(keep, err)
	}
	switch tx.db.engine.kind(err) {
	case faultAgain:
		return asked, fmt.Errorf("%w: at the commit", ErrConflict)
	case faultCut:
		tx.conn.cut, tx.conn.others = true, errors.Is(err, errSilent)
	}
	return asked, unavailable("commit", err)
}

// get reads one row into dest, or answers errNoRow.
func (tx *Tx) get(query string, args []any, dest ...any) error {
	for _, arg := range args {
		if text, is := arg.(string); is && !storable(text) {
			return errNoRow
		}
	}
	s, err := tx.prepare(query)
	if err != nil {
		return err
	}
	found, err := s.first(tx.conn.until, args, dest)
	if err != nil {
		return tx.fault(query, err)
	}
	tx.heard = true
	if !found {
		return errNoRow
	}
	return nil
}

// storable reports whether a text can be in a row. PostgreSQL answers a question for any other with an error, and a
// stranger's client id with a NUL in it would be trouble with the database instead of an unknown client.
func storable(text string) bool { return utf8.ValidString(text) && !strings.Contains(text, "\x00") }

// each reads rows and calls row for each with a function that scans it. An UPDATE with RETURNING is read by it too.
func (tx *Tx) each(query string, args []any, row func(scan func(dest ...any) error) error) error {
	s, err := tx.prepare(query)
	if err != nil {
		return err
	}
	tx.wrote = tx.wrote || strings.HasPrefix(query, "UPDATE")
	var refused error
	err = s.each(tx.conn.until, args, func(scan func(...any) error) error {
		tx.heard = true
		refused = row(func(dest ...any) error {
			if err := scan(dest...); err != nil {
				return tx.fault(query, err)
			}
			return nil
		})
		return refused
	})
	if refused != nil {
		return refused
	}
	if err != nil {
		return tx.fault(query, err)
	}
	return nil
}

// prepare refuses to go on after trouble, so that one failed statement ends a transaction on every engine alike.
func (tx *Tx) prepare(query string) (statement, error) {
	if tx.failed != nil {
		return nil, tx.failed
	}
	if err := tx.ctx.Err(); err != nil {
		tx.failed = unavailable("read", err)
		return nil, tx.failed
	}
	s, err := tx.conn.stmt(query)
	if err != nil {
		return nil, tx.fault(query, err)
	}
	return s, nil
}

// fault sorts what a driver reports: a taken value, a drawn id that was taken, a change that came in between, a broken
// rule of the schema, or trouble. Only the first leaves the transaction usable. Arguments are never part of the error:
// they hold secrets (design I9).
func (tx *Tx) fault(query string, err error) error {
	var waited waitingError
	if errors.As(err, &waited) {
		query, err = waited.query, waited.err
	}
	if waited.otherwise != nil && errors.Is(err, errNotOne) {
		tx.failed = waited.otherwise
		return tx.failed
	}
	e := tx.db.engine
	kind := e.kind(err)
	if errors.Is(err, errNotOne) {
		kind = faultAgain
	}
	if kind == faultTaken && (e.serial || tx.last) {
		return errTaken
	}
	switch kind {
	case faultTaken, faultAgain:
		tx.failed = fmt.Errorf("%w: %s", ErrConflict, query)
	case faultRule:
		tx.failed = fmt.Errorf("%s: %w", query, err)
	case faultCut:
		tx.conn.cut, tx.conn.others = true, tx.conn.others || errors.Is(err, errSilent)
		fallthrough
	default:
		tx.failed = unavailable(query, err)
	}
	return tx.failed
}

// A reading is how a read transaction is made.
type reading struct {
	depth depth
	// loose has every statement see a moment of its own, without a transaction around them, which costs two round trips: for what is
	// one statement, and for what may be told of several moments.
	loose bool
}

// read runs fn in one read transaction: all it reads is of one moment. It runs beside writes.
func (db *DB) read(ctx context.Context, fn func(*Tx) error) error {
	return db.readAs(ctx, reading{}, fn)
}

// readAs is read in another manner. A connection that was cut meanwhile is found out by the first statement: while nothing was answered, the
// function has seen nothing and is run again on the next one.
func (db *DB) readAs(ctx context.Context, how reading, fn func(*Tx) error) error {
	fn = db.checked(fn)
	ctx, end := db.bounded(ctx)
	defer end()
	for left := cap(db.readers.turns); ; left-- {
		unheard, err := db.readOnce(ctx, how, fn)
		if !unheard || left == 0 || ctx.Err() != nil {
			return err
		}
	}
}

func (db *DB) readOnce(ctx context.Context, how reading, fn func(*Tx) error) (unheard bool, err error) {
	begin := db.engine.beginRead
	if how.loose {
		begin = ""
	}
	c, err := db.readers.begin(ctx, begin)
	if err != nil {
		return false, err
	}
	ended := how.loose
	defer func() {
		if !ended { // fn panicked: a reader left in a transaction would show old rows for ever
			c.run("ROLLBACK")
		}
		db.readers.give(c)
	}()
	tx := &Tx{db: db, conn: c, ctx: ctx, reads: true, depth: how.depth}
	err = fn(tx)
	if waiting := tx.flush(); err == nil {
		err = waiting
	}
	if tx.failed != nil {
		err = tx.failed
	}
	if ended {
		return c.cut && !tx.heard, err
	}
	ended = true
	if end := c.run("ROLLBACK"); end != nil && err == nil {
		err = end
	}
	return c.cut && !tx.heard, err
}
