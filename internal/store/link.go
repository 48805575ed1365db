package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
)

// link is one connection to a database, as conn uses it; each engine has its own. One goroutine at a time uses a link.
type link interface {
	// prepare parses a statement, once in the life of a connection.
	prepare(ctx context.Context, query string) (statement, error)
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

// sqlLink is a connection of database/sql.
type sqlLink struct{ c *sql.Conn }

func (l sqlLink) prepare(ctx context.Context, query string) (statement, error) {
	s, err := l.c.PrepareContext(ctx, query)
	return sqlStatement{s}, err
}

func (l sqlLink) run(ctx context.Context, text string) error {
	_, err := l.c.ExecContext(ctx, text)
	return err
}

func (l sqlLink) close() error { return l.c.Close() }

func (l sqlLink) drop() {
	_ = l.c.Raw(func(any) error { return driver.ErrBadConn })
	_ = l.c.Close()
}

type sqlStatement struct{ s *sql.Stmt }

func (s sqlStatement) exec(ctx context.Context, args []any) (int64, error) {
	result, err := s.s.ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (s sqlStatement) first(ctx context.Context, args, dest []any) (bool, error) {
	err := s.s.QueryRowContext(ctx, args...).Scan(dest...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

func (s sqlStatement) each(ctx context.Context, args []any, row func(func(...any) error) error) error {
	rows, err := s.s.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (s sqlStatement) close() error { return s.s.Close() }
