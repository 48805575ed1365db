package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// postgresLink is a connection to a PostgreSQL server.
type postgresLink struct {
	c *pgx.Conn
	// opening is the BEGIN that goes with the first statement, which saves the transaction a round trip.
	opening string
	// names counts the statements that were prepared.
	names int
}

// errSilent: the server did not answer the first statement of a transaction, which waits for nothing, in the time that one host may take.
var errSilent = errors.New("the server says nothing")

// openPostgresLink connects. The configuration is not changed, and each link has its own.
func openPostgresLink(ctx context.Context, config *pgx.ConnConfig) (*postgresLink, error) {
	config = config.Copy()
	// Statements are prepared once a connection by conn.stmt; what is left needs no cache of the driver.
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	c, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	return &postgresLink{c: c}, nil
}

func (l *postgresLink) begin(_ context.Context, text string) error {
	l.opening = text
	return nil
}

func (l *postgresLink) prepare(ctx context.Context, query string) (statement, error) {
	l.names++
	s := postgresStatement{link: l, name: fmt.Sprintf("lk%d", l.names), takes: strings.HasPrefix(query, "SELECT") || strings.HasPrefix(query, "INSERT")}
	_, err := l.c.Prepare(ctx, s.name, query)
	return s, err
}

// run sends the text in one round trip. A transaction that ends before anything was asked in it was never begun.
func (l *postgresLink) run(ctx context.Context, text string) error {
	if l.opening != "" {
		opening := l.opening
		if l.opening = ""; text == "COMMIT" || text == "ROLLBACK" {
			return nil
		}
		text = opening + "; " + text
	}
	return l.c.PgConn().Exec(ctx, text).Close()
}

func (l *postgresLink) close() error {
	l.drop()
	return nil
}

// drop says nothing: who has fallen silent would be waited for.
func (l *postgresLink) drop() {
	now, end := context.WithDeadline(context.Background(), time.Unix(1, 0))
	defer end()
	_ = l.c.Close(now)
}

type postgresStatement struct {
	link *postgresLink
	name string
	// takes says that it waits for no lock, so that it may go with the BEGIN under the limit of its time.
	takes bool
}

func (s postgresStatement) close() error { return nil }

// begun makes sure that a transaction is begun, with the statement where together is true. It returns the BEGIN that is still to be sent.
func (s postgresStatement) begun(ctx context.Context) (opening string, err error) {
	opening = s.link.opening
	if opening == "" || s.takes {
		s.link.opening = ""
		return opening, nil
	}
	s.link.opening = ""
	first, end := firstWord(ctx)
	defer end()
	return "", silent(first, s.link.run(first, opening))
}

// firstWord bounds the wait for the first statement where somebody waits: one host that has gone without a word must not use up the time that is
// left for another.
func firstWord(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, waits := ctx.Deadline(); !waits {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, hostLimit, errSilent)
}

// silent names the server's silence where the limit of the first word ended the wait.
func silent(ctx context.Context, err error) error {
	if err != nil && errors.Is(context.Cause(ctx), errSilent) {
		return fmt.Errorf("%w: %w", errSilent, err)
	}
	return err
}

// ask sends the statement, with the BEGIN before it where that is still to be sent, and hands what is answered to read.
func (s postgresStatement) ask(ctx context.Context, args []any, read func(pgx.Rows) error) (pgconn.CommandTag, error) {
	opening, err := s.begun(ctx)
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	if opening == "" {
		rows, err := s.link.c.Query(ctx, s.name, args...)
		return taken(rows, err, read)
	}
	first, end := firstWord(ctx)
	defer end()
	batch := &pgx.Batch{}
	batch.Queue(opening)
	batch.Queue(s.name, args...)
	answers := s.link.c.SendBatch(first, batch)
	_, err = answers.Exec()
	var tag pgconn.CommandTag
	if err == nil {
		rows, asked := answers.Query()
		tag, err = taken(rows, asked, read)
	}
	if closed := answers.Close(); err == nil {
		err = closed
	}
	return tag, silent(first, err)
}

// taken hands rows to read and ends them.
func taken(rows pgx.Rows, err error, read func(pgx.Rows) error) (pgconn.CommandTag, error) {
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	err = read(rows)
	rows.Close()
	if err == nil {
		err = rows.Err()
	}
	return rows.CommandTag(), err
}

func (s postgresStatement) exec(ctx context.Context, args []any) (int64, error) {
	tag, err := s.ask(ctx, args, func(pgx.Rows) error { return nil })
	return tag.RowsAffected(), err
}

func (s postgresStatement) first(ctx context.Context, args, dest []any) (found bool, err error) {
	_, err = s.ask(ctx, args, func(rows pgx.Rows) error {
		if found = rows.Next(); !found {
			return nil
		}
		return rows.Scan(dest...)
	})
	return found && err == nil, err
}

func (s postgresStatement) each(ctx context.Context, args []any, row func(func(...any) error) error) error {
	_, err := s.ask(ctx, args, func(rows pgx.Rows) error {
		for rows.Next() {
			if err := row(rows.Scan); err != nil {
				return err
			}
		}
		return nil
	})
	return err
}
