package store

import "context"

// link is one connection to a database, as conn uses it; each engine has its own. One goroutine at a time uses a link.
type link interface {
	// prepare parses a statement, once in the life of a connection.
	prepare(ctx context.Context, query string) (statement, error)
	// begin starts a transaction, at the latest with the next statement.
	begin(ctx context.Context, text string) error
	// run executes statements without arguments or result, such as BEGIN.
	run(ctx context.Context, text string) error
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
