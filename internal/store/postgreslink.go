package store

import (
	"bytes"
	"context"
	"database/sql/driver"
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
	// waiting are writes that go with the next question: the answers of several cost one round trip.
	waiting []write
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
	s := postgresStatement{link: l, name: fmt.Sprintf("lk%d", l.names), quick: strings.HasPrefix(query, "SELECT") || strings.HasPrefix(query, "INSERT")}
	_, err := l.c.Prepare(ctx, s.name, query)
	return s, err
}

// run sends the text in one round trip. A transaction that ends before anything was asked in it was never begun.
func (l *postgresLink) run(ctx context.Context, text string) error {
	if len(l.waiting) > 0 {
		if text != "ROLLBACK" {
			return errors.New("writes are waiting")
		}
		l.waiting = nil
	}
	if l.opening != "" {
		opening := l.opening
		if l.opening = ""; text == "COMMIT" || text == "ROLLBACK" {
			return nil
		}
		text = opening + "; " + text // of which the first may be all
	}
	return l.c.PgConn().Exec(ctx, text).Close()
}

func (l *postgresLink) later(w write) (bool, error) {
	args := make([]any, len(w.args))
	for i, arg := range w.args {
		value, err := driver.DefaultParameterConverter.ConvertValue(arg)
		if err != nil {
			return false, err
		}
		if b, is := value.([]byte); is {
			value = bytes.Clone(b)
		}
		args[i] = value
	}
	w.args = args
	l.waiting = append(l.waiting, w)
	return true, nil
}

func (l *postgresLink) flush(ctx context.Context) error {
	if len(l.waiting) == 0 {
		return nil
	}
	_, err := l.send(ctx, true, nil, nil)
	return err
}

// send sends in one round trip the BEGIN and the writes that wait, and what last adds, whose answer goes to read. quick says that last waits for no
// lock.
func (l *postgresLink) send(ctx context.Context, quick bool, last func(*pgx.Batch), read func(pgx.Rows) error) (tag pgconn.CommandTag, err error) {
	opening, waiting := l.opening, l.waiting
	l.opening, l.waiting = "", nil
	for _, w := range waiting {
		quick = quick && w.statement.(postgresStatement).quick
	}
	if quick && opening != "" {
		first, end := firstWord(ctx)
		defer end()
		defer func() { err = silent(first, err) }()
		ctx = first
	}
	batch := &pgx.Batch{}
	if opening != "" {
		batch.Queue(opening)
	}
	for _, w := range waiting {
		batch.Queue(w.statement.(postgresStatement).name, w.args...)
	}
	if last != nil {
		last(batch)
	}
	answers := l.c.SendBatch(ctx, batch)
	defer func() {
		if closed := answers.Close(); err == nil {
			err = closed
		}
	}()
	if opening != "" {
		if _, err := answers.Exec(); err != nil {
			return tag, err
		}
	}
	for _, w := range waiting {
		done, err := answers.Exec()
		if err == nil && w.one && done.RowsAffected() != 1 {
			err = errNotOne
		}
		if err != nil {
			return tag, waitingError{w.query, err}
		}
		*w.wrote = *w.wrote || done.RowsAffected() > 0
	}
	if last == nil {
		return tag, nil
	}
	rows, err := answers.Query()
	return taken(rows, err, read)
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
	// quick says that it waits for no lock, so that it may go with the BEGIN under the limit of its time.
	quick bool
}

func (s postgresStatement) close() error { return nil }

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

// ask sends the statement, with what waits before it, and hands what is answered to read.
func (s postgresStatement) ask(ctx context.Context, args []any, read func(pgx.Rows) error) (pgconn.CommandTag, error) {
	l := s.link
	if l.opening == "" && len(l.waiting) == 0 {
		rows, err := l.c.Query(ctx, s.name, args...)
		return taken(rows, err, read)
	}
	if l.opening != "" && len(l.waiting) == 0 && !s.quick {
		first, end := firstWord(ctx)
		defer end()
		if err := l.run(first, ""); err != nil {
			return pgconn.CommandTag{}, silent(first, err)
		}
		return s.ask(ctx, args, read)
	}
	return l.send(ctx, s.quick, func(batch *pgx.Batch) { batch.Queue(s.name, args...) }, read)
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
