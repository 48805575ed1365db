package store

import (
	"context"
	"errors"
)

// A pipeline is what waits on a link to be sent.
type pipeline interface {
	// later takes a write of which nobody needs the answer yet, to go with the next question or with flush, whatever its caller makes of the
	// arguments meanwhile. It reports false where that would gain nothing.
	later(w write) (taken bool, err error)
	// adding is what later took, where that is the whole transaction, of which nothing was sent yet, and a few writes that only add to what is there.
	// Else it is nil.
	adding() []write
	// forget drops what later took and nobody sent.
	forget()
	// flush sends what later took. What fails is a waitingError.
	flush(ctx context.Context) error
}

// link is one connection to a database, as conn uses it; each engine has its own. One goroutine at a time uses a link.
type link interface {
	pipeline
	// prepare parses a statement, once in the life of a connection.
	prepare(ctx context.Context, query string) (statement, error)
	// begin starts a transaction, at the latest with the next statement.
	begin(ctx context.Context, text string) error
	// run executes statements without arguments or result, such as BEGIN.
	run(ctx context.Context, text string) error
	// commit ends a transaction with text, which keeps it and what later took, or nothing of it. asked says that the other side may have come to
	// that: then, where no answer came, nobody knows what it did. A write that fails is a waitingError.
	commit(ctx context.Context, text string) (asked bool, err error)
	// close ends the connection in peace; drop without a word more to the other side, which may not be there to hear it.
	close() error
	drop()
}

// statement is a prepared statement of a link. Arguments and destinations are what database/sql takes: numbers, texts, truth and
// bytes, types of those, pointers to them, driver.Valuer and sql.Scanner.
type statement interface {
	// exec returns how many rows it changed.
	exec(ctx context.Context, args []any) (changed int64, err error)
	// first reads the first row into dest.
	first(ctx context.Context, args, dest []any) (found bool, err error)
	// each calls row for each row with a function that reads it. An error of row ends it and is returned.
	each(ctx context.Context, args []any, row func(scan func(dest ...any) error) error) error
	close() error
}

// write is a statement that changes rows, with its arguments.
type write struct {
	statement statement
	query     string
	args      []any
	// one says that it is in the form of engine.sole, which fails where another number of rows than one was changed: with errNotOne.
	one bool
	// otherwise is what errNotOne means here; nil is that a row was changed meanwhile.
	otherwise error
	// wrote becomes true when rows were changed.
	wrote *bool
	// plain says that the arguments are values already, which nobody changes any more.
	plain bool
}

// errNotOne: a conditional statement did not find its row as it must be.
var errNotOne = errors.New("not one row was changed")

// waitingError is what became of a write that had waited.
type waitingError struct {
	query string
	err   error
	// otherwise is that of the write.
	otherwise error
}

// Error says what failed.
func (e waitingError) Error() string { return e.query + ": " + e.err.Error() }

// Unwrap is the driver's error.
func (e waitingError) Unwrap() error { return e.err }
