package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

// postgresLimit bounds how long one transaction may take, waiting for locks included: a database that does not answer
// must become a 503 while somebody still waits for it (I11).
const postgresLimit = 10 * time.Second

// postgresSettings are asked of every session, unless the DSN sets them.
//
//   - A statement ends before the node gives up on it, and the lock of a node that is gone ends soon after.
//   - A transaction sees one moment, and one that writes a row which was changed since is refused and runs again
//     (REPEATABLE READ). Under READ COMMITTED each statement sees another moment, and an UPDATE or DELETE that has
//     waited goes on with a row that its own subquery would no longer choose. BEGIN repeats the level, since it is
//     what raise rests on.
//   - Statements are not compiled (jit): all of ours end sooner than the compiler, which the server starts by what it expects them to cost.
var postgresSettings = [][2]string{
	{"application_name", "latchkey"},
	{"statement_timeout", "10s"},
	{"lock_timeout", "5s"},
	{"idle_in_transaction_session_timeout", "15s"},
	{"timezone", "UTC"},
	{"jit", "off"},
}

// hostLimit is how long one server of an address may take to answer. Where an address names several, the machine of the first may
// be gone without a word; the next must be asked within the same request.
const hostLimit = 3 * time.Second

// alive asks a server that has been silent for half a minute whether it is there. A connection may lie unused for long, and what stands between
// drops such ones without a word, some after four minutes: the first request on it would spend all its time to find that out.
var alive = net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 10 * time.Second, Count: 3}

// openPostgres connects to the database that the options name and checks that it keeps what it says it has kept.
func openPostgres(ctx context.Context, o Options) (*engine, error) {
	config, err := pgx.ParseConfig(o.DSN)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err) // pgx leaves the password out
	}
	for _, s := range postgresSettings {
		if config.RuntimeParams[s[0]] == "" {
			config.RuntimeParams[s[0]] = s[1]
		}
	}
	// Whatever the address says: after a failover the old primary may still answer, and reads go to the primary too, since a
	// standby shows a token as alive for some time after it has ended (design 10.16).
	config.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = hostLimit
	}
	config.DialFunc = (&net.Dialer{KeepAliveConfig: alive}).DialContext
	config.OnNotice = postgresNotice
	e := &engine{
		name:        "postgres://" + net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port))) + "/" + config.Database,
		dialect:     goose.DialectPostgres,
		types:       map[string]string{"key": "BIGINT", "bytes": "BYTEA"},
		transaction: scope{"BEGIN ISOLATION LEVEL REPEATABLE READ", "COMMIT", "ROLLBACK"},
		savepoint:   scope{"SAVEPOINT member", "RELEASE SAVEPOINT member", "ROLLBACK TO SAVEPOINT member; RELEASE SAVEPOINT member"},
		beginRead:   "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
		turn:        scope{begin: fmt.Sprintf("SELECT pg_advisory_lock(%d, hashtext(current_schema()))", turnLock), undo: "SELECT pg_advisory_unlock_all()"},
		kind:        postgresFault,
		limit:       postgresLimit,
		sole:        postgresSole,
		clock:       "SELECT CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS BIGINT)",
	}
	e.open = func(ctx context.Context, _ bool) (link, error) { return openPostgresLink(ctx, config) }
	e.migrations, e.alone = postgresMigrations(*config.Copy())
	if err := postgresKeeps(ctx, config, o.Failover); err != nil {
		return nil, errors.Join(fmt.Errorf("open database %s: %w", e.name, err), e.close())
	}
	return e, nil
}

// The first halves of the numbers of our advisory locks; the second is the schema's, so that two installations in one
// database do not wait for each other. Such a lock ends with its connection, however its node ends.
const (
	migrationLock = 0x4c4b4d // "LKM"
	turnLock      = 0x4c4b54 // "LKT"
)

// postgresMigrations are connections without limits of time, since a migration of a large table takes long, and how to be
// the only one that migrates.
func postgresMigrations(config pgx.ConnConfig) (*sql.DB, func(context.Context) (func() error, error)) {
	config.RuntimeParams["statement_timeout"], config.RuntimeParams["idle_in_transaction_session_timeout"] = "0", "0"
	config.RuntimeParams["lock_timeout"] = "0"
	config.DefaultQueryExecMode = pgx.QueryExecModeCacheStatement // whatever the address says: releases know no other (docs/dependencies.md)
	pool := stdlib.OpenDB(config)
	pool.SetMaxIdleConns(0)
	alone := func(ctx context.Context) (func() error, error) {
		c, err := pool.Conn(ctx)
		if err != nil {
			return nil, err
		}
		release := func() error {
			_ = c.Raw(func(any) error { return driver.ErrBadConn }) // the lock ends with the connection
			return nil
		}
		if _, err := c.ExecContext(ctx, "SELECT pg_advisory_lock($1, hashtext(current_schema()))", migrationLock); err != nil {
			return nil, errors.Join(err, release())
		}
		return release, nil
	}
	return pool, alone
}

// postgresKeeps refuses a server that answers a COMMIT before it is on disk: what was answered with success would be lost
// by a power failure (I7). Where a standby takes over, the COMMIT must be on a standby's disk too, or the failover takes back
// what the primary alone knew: a spent code is unspent, a severed token alive (design 10.16). It is also the first word with
// the server.
func postgresKeeps(ctx context.Context, config *pgx.ConnConfig, failover bool) error {
	ctx, end := context.WithTimeout(ctx, postgresLimit)
	defer end()
	l, err := openPostgresLink(ctx, config)
	if err != nil {
		return unavailable("connect", err)
	}
	defer l.drop()
	var fsync, fullPages, synchronous, standbys, encoding sql.NullString
	err = l.c.QueryRow(ctx, `SELECT current_setting('fsync', true), current_setting('full_page_writes', true),
		current_setting('synchronous_commit', true), current_setting('synchronous_standby_names', true), current_setting('server_encoding', true)`).
		Scan(&fsync, &fullPages, &synchronous, &standbys, &encoding)
	if err != nil {
		return unavailable("connect", err)
	}
	for name, is := range map[string]sql.NullString{"fsync": fsync, "full_page_writes": fullPages, "synchronous_commit": synchronous} {
		if is.String == "off" {
			return fmt.Errorf("%s is off, so that a power failure would take back what was answered; set it on", name)
		}
	}
	if failover && strings.TrimSpace(standbys.String) == "" {
		return fmt.Errorf("%w: synchronous_standby_names is empty", ErrNotSynchronous)
	}
	if failover && synchronous.String != "on" && synchronous.String != "remote_apply" {
		return fmt.Errorf("%w: synchronous_commit is %s", ErrNotSynchronous, synchronous.String)
	}
	if encoding.Valid && encoding.String != "UTF8" {
		return fmt.Errorf("its encoding is %s; make one with ENCODING 'UTF8'", encoding.String)
	}
	var refused *pgconn.PgError
	if _, err := l.c.Exec(ctx, soleRow+"(VALUES (1), (2)) AS two (n)"); err == nil || errors.As(err, &refused) && refused.Code != stateDivision {
		return errors.New("it is not PostgreSQL: it divides by zero, by which conditions are held to")
	} else if refused == nil {
		return unavailable("connect", err)
	}
	return nil
}

// doubtful is where a connection keeps the last warning of its server.
const doubtful = "latchkey.warning"

// postgresNotice remembers warnings.
func postgresNotice(c *pgconn.PgConn, n *pgconn.Notice) {
	if n.SeverityUnlocalized == "WARNING" {
		c.CustomData()[doubtful] = n.Message
	}
}

// postgresSole is a conditional statement that divides by zero where it did not change one row. For PostgreSQL an UPDATE that changes nothing has
// succeeded, and a COMMIT that is sent behind it without waiting for its answer would keep the rest of the transaction: a code would be spent twice (I5).
// After an error the server passes over what was sent with the statement, and the COMMIT with it (PostgreSQL manual, "Extended Query").
func postgresSole(query string) string {
	return "WITH changed AS (" + query + " RETURNING 1) " + soleRow + "changed"
}

// soleRow fails with stateDivision where what follows has another number of rows than one.
const soleRow = "SELECT 1 / CASE count(*) WHEN 1 THEN 1 ELSE 0 END FROM "

// errNotKept: the server took a COMMIT, and there is reason to think that it did not keep the transaction, or not where it lasts.
var errNotKept = errors.New("the transaction was not kept")

// Classes of SQLSTATE (PostgreSQL manual, appendix A).
const (
	stateUnique      = "23505"
	stateRule        = "23"
	stateSerialize   = "40001"
	stateDeadlock    = "40P01"
	stateDivision    = "22012"
	stateReadOnly    = "25006" // the server was the primary and is none any more
	statePlanChanged = "0A000" // a migration changed what a prepared statement answers
)

// postgresFault sorts the driver's errors. What does not come from the server as an answer to one statement is trouble
// with the connection, and what is not known to be a constraint is trouble too (I11).
func postgresFault(err error) fault {
	if errors.Is(err, errNotKept) {
		return faultTrouble
	}
	var e *pgconn.PgError
	if !errors.As(err, &e) || e.SeverityUnlocalized == "FATAL" || e.SeverityUnlocalized == "PANIC" {
		return faultCut
	}
	switch {
	case e.Code == stateUnique && strings.HasSuffix(e.ConstraintName, "_pkey"):
		return faultAgain
	case e.Code == stateUnique:
		return faultTaken
	case e.Code == stateSerialize, e.Code == stateDeadlock:
		return faultAgain
	case e.Code == stateReadOnly, e.Code == statePlanChanged:
		return faultCut
	case strings.HasPrefix(e.Code, stateRule):
		return faultRule
	}
	return faultTrouble
}
