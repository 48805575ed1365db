package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/latchkey-id/latchkey/internal/customer"
)

// conn is one connection with its prepared statements: each SQL text is parsed once in the life of a connection, which
// costs more than running it. One goroutine at a time uses a conn.
type conn struct {
	c     *sql.Conn
	stmts map[string]*sql.Stmt
}

func newConn(ctx context.Context, pool *sql.DB) (*conn, error) {
	c, err := pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return &conn{c: c, stmts: map[string]*sql.Stmt{}}, nil
}

// stmt returns the prepared form of query. Queries are constants of this package, so the map stays small.
func (c *conn) stmt(query string) (*sql.Stmt, error) {
	if s, ok := c.stmts[query]; ok {
		return s, nil
	}
	s, err := c.c.PrepareContext(context.Background(), query)
	if err == nil {
		c.stmts[query] = s
	}
	return s, err
}

// run executes a statement without arguments or result, such as BEGIN. No context ends it halfway: an interrupted
// COMMIT would leave everybody guessing.
func (c *conn) run(query string) error {
	s, err := c.stmt(query)
	if err == nil {
		_, err = s.ExecContext(context.Background())
	}
	if err != nil {
		return unavailable(query, err)
	}
	return nil
}

func (c *conn) close() error {
	var errs []error
	for _, s := range c.stmts {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, c.c.Close())...)
}

// errNoRow is how get says that nothing was found; the methods of Tx turn it into their noun's error.
var errNoRow = errors.New("no such row")

// errTaken is how exec says that a unique index holds the value already; the methods of Tx turn it into their noun's
// error. The statement changed nothing, and the transaction goes on.
var errTaken = errors.New("value is taken")

// Tx is one transaction, valid only while the function runs that it was given to. It satisfies the Tx interfaces of all
// nouns.
type Tx struct {
	db   *DB
	conn *conn
	// ctx ends reads between two statements. Writes do not look at it: once begun they finish.
	ctx context.Context
	// wrote says that a row was changed.
	wrote bool
	// failed is the trouble or conflict that this transaction met. It outlives whatever the noun makes of the error, so
	// that no refusal is built on a database that did not answer (design I11).
	failed error
	// keys are the keys of the accounts that this transaction met.
	keys map[customer.AccountID]accountKey
}

// exec runs a statement that changes rows and returns how many. A taken unique value is errTaken.
func (tx *Tx) exec(query string, args ...any) (int64, error) {
	s, err := tx.prepare(query)
	if err != nil {
		return 0, err
	}
	res, err := s.ExecContext(context.Background(), args...)
	if err != nil {
		return 0, tx.fault(query, err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return 0, tx.fault(query, err)
	}
	tx.wrote = tx.wrote || n > 0
	return n, nil
}

// expect runs a conditional statement that must change exactly one row; none is ErrConflict, which makes the whole
// change run again with fresh values.
func (tx *Tx) expect(query string, args ...any) error {
	n, err := tx.exec(query, args...)
	if err == nil && n != 1 {
		tx.failed = fmt.Errorf("%w: %d rows for %s", ErrConflict, n, query)
		err = tx.failed
	}
	return err
}

// get reads one row into dest, or answers errNoRow. A statement with RETURNING changes rows and must go through it in a
// write transaction only.
func (tx *Tx) get(query string, args []any, dest ...any) error {
	s, err := tx.prepare(query)
	if err != nil {
		return err
	}
	err = s.QueryRowContext(context.Background(), args...).Scan(dest...)
	if errors.Is(err, sql.ErrNoRows) {
		return errNoRow
	}
	if err != nil {
		return tx.fault(query, err)
	}
	return nil
}

// each reads rows and calls row for each with a function that scans it.
func (tx *Tx) each(query string, args []any, row func(scan func(dest ...any) error) error) error {
	s, err := tx.prepare(query)
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(context.Background(), args...)
	if err != nil {
		return tx.fault(query, err)
	}
	defer rows.Close()
	for rows.Next() {
		scan := func(dest ...any) error {
			if err := rows.Scan(dest...); err != nil {
				return tx.fault(query, err)
			}
			return nil
		}
		if err := row(scan); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return tx.fault(query, err)
	}
	return nil
}

// prepare refuses to go on after trouble, so that one failed statement ends a transaction on every engine alike.
func (tx *Tx) prepare(query string) (*sql.Stmt, error) {
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

// fault sorts what a driver reports: a taken value, a drawn id that was taken, a broken rule of the schema, or trouble.
// Only the first leaves the transaction usable. Arguments are never part of the error: they hold secrets (design I9).
func (tx *Tx) fault(query string, err error) error {
	switch tx.db.engine.kind(err) {
	case faultTaken:
		return errTaken
	case faultKey:
		tx.failed = fmt.Errorf("%w: %s", ErrConflict, query)
	case faultRule:
		tx.failed = fmt.Errorf("%s: %w", query, err)
	default:
		tx.failed = unavailable(query, err)
	}
	return tx.failed
}

// read runs fn in one read transaction: all it reads is of one moment. It runs beside writes.
func (db *DB) read(ctx context.Context, fn func(*Tx) error) error {
	var c *conn
	var open bool
	select {
	case c, open = <-db.readers:
	case <-ctx.Done():
		return unavailable("read", ctx.Err())
	}
	if !open || db.writer.closing() {
		if open {
			db.readers <- c
		}
		return unavailable("read", errClosed)
	}
	defer func() { db.readers <- c }()
	if c == nil {
		fresh, err := newConn(ctx, db.engine.readers)
		if err != nil {
			return unavailable("open reader", err)
		}
		c = fresh
	}
	if err := c.run(db.engine.beginRead); err != nil {
		return err
	}
	ended := false
	defer func() { // also when fn panics: a reader left in a transaction would show old rows for ever
		if !ended {
			c.run("ROLLBACK")
		}
	}()
	tx := &Tx{db: db, conn: c, ctx: ctx}
	err := fn(tx)
	if tx.failed != nil {
		err = tx.failed
	}
	ended = true
	if end := c.run("ROLLBACK"); end != nil && err == nil {
		err = end
	}
	return err
}
