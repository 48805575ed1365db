package store

import (
	"bytes"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// postgresLink is a connection to a PostgreSQL server.
type postgresLink struct {
	c *pgx.Conn
	// opening is the BEGIN that is still to be sent. It goes with the first statement, which saves the transaction a round trip, unless there is
	// another host to go to.
	opening string
	// others says that the address names several hosts. Then a BEGIN goes alone, and must be answered soon: it waits for nothing, so that one host
	// that has gone without a word is found out while there is time to ask another. No such thing can be told of a statement.
	others bool
	// waiting are writes that go with the next question: the answers of several cost one round trip.
	waiting []write
	// names counts the statements that were prepared.
	names int
}

// errSilent: the server did not answer a BEGIN, which waits for nothing, in the time that one host may take.
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
	l := &postgresLink{c: c}
	for _, other := range config.Fallbacks { // which also has one host twice, with TLS and without
		l.others = l.others || other.Host != config.Host || other.Port != config.Port
	}
	return l, nil
}

func (l *postgresLink) begin(_ context.Context, text string) error {
	l.opening = text
	return nil
}

func (l *postgresLink) prepare(ctx context.Context, query string) (statement, error) {
	l.names++
	s := postgresStatement{link: l, name: fmt.Sprintf("lk%d", l.names)}
	_, err := l.c.Prepare(ctx, s.name, query)
	return s, err
}

// run sends the text in one round trip. A transaction that ends before anything was asked in it was never begun, and one that the server has ended
// is over.
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
		text = opening + "; " + text
	} else if text == "ROLLBACK" && l.c.PgConn().TxStatus() == 'I' {
		return nil
	}
	return l.c.PgConn().Exec(ctx, text).Close()
}

func (l *postgresLink) later(w write) (bool, error) {
	if w.plain {
		l.waiting = append(l.waiting, w)
		return true, nil
	}
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
	w.args, w.plain = args, true
	l.waiting = append(l.waiting, w)
	return true, nil
}

func (l *postgresLink) adding() []write {
	if l.opening == "" || len(l.waiting) > shareLimit {
		return nil
	}
	for _, w := range l.waiting {
		if !w.adds() {
			return nil
		}
	}
	return l.waiting
}

// forget also drops a BEGIN that was never sent.
func (l *postgresLink) forget() { l.waiting, l.opening = nil, "" }

func (l *postgresLink) flush(ctx context.Context) error {
	if len(l.waiting) == 0 {
		return nil
	}
	if err := l.beginAlone(ctx); err != nil {
		return err
	}
	_, err := l.send(ctx, nil, nil)
	return err
}

// commit sends what waits and the COMMIT in one round trip. The server passes over the COMMIT when one of them fails, and all that may fail do so at
// the server: see postgresSole.
func (l *postgresLink) commit(ctx context.Context, text string) (asked bool, err error) {
	if l.opening != "" && len(l.waiting) == 0 {
		l.opening = ""
		return false, nil // nothing was asked
	}
	if err := l.beginAlone(ctx); err != nil {
		return false, err
	}
	// A connection that was closed since it was used last, as all are after a restart, is found out before it is asked to commit, or
	// what became of that would not be known.
	if l.opening != "" && !quiet(l.c.PgConn().Conn()) {
		if err := l.flush(ctx); err != nil {
			return false, err
		}
	}
	// PostgreSQL answers the COMMIT of a transaction in which a statement failed with success too, and keeps nothing.
	if status := l.c.PgConn().TxStatus(); l.opening == "" && status != 'T' {
		return status != 'E', fmt.Errorf("%w: it was not whole (%c)", errNotKept, status)
	}
	tag, err := l.send(ctx, func(batch *pgx.Batch) { batch.Queue(text) }, func(pgx.Rows) error { return nil })
	var waited waitingError
	var refused *pgconn.PgError
	if errors.As(err, &waited) && errors.As(err, &refused) && !l.c.IsClosed() {
		if status := l.c.PgConn().TxStatus(); status != 'E' { // to run it again could do the rest twice
			return true, fmt.Errorf("the server went on (%c) after an error: %v", status, err)
		}
		return false, err // the server says that it has passed over the COMMIT
	}
	if err != nil {
		return true, err
	}
	if tag.String() != "COMMIT" {
		return true, fmt.Errorf("%w: the server answers %s", errNotKept, tag)
	}
	// A server that was told to stop waiting for its standby, by a statement_timeout or an operator, says so and succeeds: the change is on its own
	// disk alone, and a failover would take it back (I7).
	if warning, warned := l.c.PgConn().CustomData()[doubtful]; warned {
		return true, fmt.Errorf("%w everywhere: the server warns: %v", errNotKept, warning)
	}
	return true, nil
}

// beginAlone sends a BEGIN that is still to be sent, where there is another host to go to.
func (l *postgresLink) beginAlone(ctx context.Context) error {
	if l.opening == "" || !l.others {
		return nil
	}
	opening := l.opening
	l.opening = ""
	first, end := context.WithTimeoutCause(ctx, hostLimit, errSilent)
	defer end()
	err := l.c.PgConn().Exec(first, opening).Close()
	if err != nil && errors.Is(context.Cause(first), errSilent) {
		err = fmt.Errorf("%w: %w", errSilent, err)
	}
	return err
}

// send sends in one round trip the BEGIN and the writes that wait, and what last adds, whose answer goes to read.
func (l *postgresLink) send(ctx context.Context, last func(*pgx.Batch), read func(pgx.Rows) error) (tag pgconn.CommandTag, err error) {
	opening, waiting := l.opening, l.waiting
	l.opening, l.waiting = "", nil
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
		var refused *pgconn.PgError
		if w.one && errors.As(err, &refused) && refused.Code == stateDivision {
			err = fmt.Errorf("%w: %w", errNotOne, err)
		}
		if err != nil {
			return tag, waitingError{w.query, err, w.otherwise}
		}
		*w.wrote = *w.wrote || done.RowsAffected() > 0
	}
	if last == nil {
		return tag, nil
	}
	delete(l.c.PgConn().CustomData(), doubtful) // what the server has warned of so far is not about what comes last
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
}

func (s postgresStatement) close() error { return nil }

// ask sends the statement, with what waits before it, and hands what is answered to read.
func (s postgresStatement) ask(ctx context.Context, args []any, read func(pgx.Rows) error) (pgconn.CommandTag, error) {
	if err := s.link.beginAlone(ctx); err != nil {
		return pgconn.CommandTag{}, err
	}
	if s.link.opening == "" && len(s.link.waiting) == 0 {
		rows, err := s.link.c.Query(ctx, s.name, args...)
		return taken(rows, err, read)
	}
	return s.link.send(ctx, func(batch *pgx.Batch) { batch.Queue(s.name, args...) }, read)
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
		return scanRow(rows, dest)
	})
	return found && err == nil, err
}

func (s postgresStatement) each(ctx context.Context, args []any, row func(func(...any) error) error) error {
	_, err := s.ask(ctx, args, func(rows pgx.Rows) error {
		for rows.Next() {
			if err := row(func(dest ...any) error { return scanRow(rows, dest) }); err != nil {
				return err
			}
		}
		return nil
	})
	return err
}
