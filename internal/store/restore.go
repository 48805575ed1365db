package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
)

// ErrUnsound: a check found what must not be.
var ErrUnsound = errors.New("database does not hold together")

// Restored is what Restore did.
type Restored struct {
	Copy    Copy
	Checked Checked
	// Accounts is how many accounts lost every credential that they had given out.
	Accounts int64
	// Before is where the database lies that was there before; empty when there was none.
	Before string
}

// Restore puts a copy that Backup made in the place of the file at o.Path. First it works on a copy of its own beside that
// file: it brings it to this release's schema, checks everything as Check does and ends, as Sever does, whatever was given
// out before. Only then it takes the place, in one step, and what was there stays beside it under another name. Whatever
// goes wrong before that step changes nothing. A file that is being served is ErrServed; a copy that is no whole database,
// ErrNotABackup; one that needs other master keys, ErrWrongKey; one of a newer release, ErrNewer; one that does not hold
// together, ErrUnsound, with what was found in Restored.Checked.
func Restore(ctx context.Context, from string, o Options, tell Progress) (Restored, error) {
	var done Restored
	path, err := filepath.Abs(o.Path)
	if err != nil {
		return done, err
	}
	release, err := serveAlone(ctx, path)
	if err != nil {
		return done, err
	}
	defer func() { _ = release() }()
	if done.Copy, err = inspect(ctx, from); err != nil {
		return done, err
	}
	if missing := done.Copy.needs(o.Keys.DigestVersions()); len(missing) > 0 {
		return done, fmt.Errorf("%w: version %d is missing; add its line to the key file", ErrWrongKey, missing[0])
	}
	o.Path = path + ".restoring"
	defer discard(o.Path)
	if err := copyFile(ctx, from, o.Path); err != nil {
		return done, fmt.Errorf("copy %s: %w", from, err)
	}
	if err := done.prepare(ctx, o, tell); err != nil {
		return done, err
	}
	if err := syncFile(o.Path); err != nil {
		return done, err
	}
	done.Before, err = replace(ctx, path, o.Path, o.Now())
	return done, err
}

// prepare makes the copy ready to be served.
func (r *Restored) prepare(ctx context.Context, o Options, tell Progress) error {
	db, err := Open(ctx, o)
	if err != nil {
		return err
	}
	r.Checked, err = db.Check(ctx, tell)
	if err == nil && len(r.Checked.Findings) > 0 {
		err = fmt.Errorf("%w: %s", ErrUnsound, r.Checked.Findings[0])
	}
	if err == nil {
		r.Accounts, err = db.Sever(ctx, tell)
	}
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	// Closing may leave the end of it in a log, such as when the disk is full, and tells nobody; only the file takes the place.
	release, err := oneFile(ctx, o.Path)
	if err != nil {
		return err
	}
	return release()
}

// oneFile puts into a database's file what lies in its write-ahead log or in a journal beside it, so that the file alone is all of
// it, and keeps everybody out until release. One that is damaged is ErrNotABackup, one that another process has open ErrServed.
func oneFile(ctx context.Context, path string) (release func() error, err error) {
	q := url.Values{"_pragma": {"busy_timeout(1000)", "synchronous(2)", "fullfsync(1)", "trusted_schema(0)"}}
	file, err := sql.Open("sqlite", sqliteURI(path)+"?"+q.Encode())
	if err != nil {
		return nil, err
	}
	file.SetMaxOpenConns(1)
	var mode string
	if err = file.QueryRowContext(ctx, "PRAGMA journal_mode = DELETE").Scan(&mode); err == nil && mode != "delete" {
		err = fmt.Errorf("its log is kept in mode %s", mode)
	}
	if err == nil {
		_, err = file.ExecContext(ctx, "BEGIN EXCLUSIVE")
	}
	if err == nil {
		return file.Close, nil
	}
	var e *sqlite.Error
	if errors.As(err, &e) {
		switch e.Code() & 0xff {
		case codes.SQLITE_NOTADB, codes.SQLITE_CORRUPT:
			err = fmt.Errorf("%w: %w", ErrNotABackup, err)
		case codes.SQLITE_BUSY, codes.SQLITE_LOCKED:
			err = fmt.Errorf("%w: %w", ErrServed, err)
		}
	}
	return nil, errors.Join(fmt.Errorf("finish %s: %w", path, err), file.Close())
}

// discard removes a database and what lies beside it. What cannot be removed is overwritten by the next restore.
func discard(path string) {
	for _, end := range [...]string{"", "-wal", "-shm", "-journal", "-serving", "-serving-journal"} {
		_ = os.Remove(path + end)
	}
}

// copyFile copies a file into one that only its owner can read.
func copyFile(ctx context.Context, from, to string) (err error) {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	return copyOpen(ctx, source, to)
}

// copyOpen is copyFile of an open file, which it leaves open.
func copyOpen(ctx context.Context, source *os.File, to string) error {
	discard(to)
	target, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, readUntil{ctx, source})
	return errors.Join(err, target.Close())
}

// readUntil reads until a context ends.
type readUntil struct {
	ctx context.Context
	io.Reader
}

// Read reads on while the context lives.
func (r readUntil) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

// beside are the ends of names of files that SQLite reads into the database beside which they lie.
var beside = [...]string{"-wal", "-shm", "-journal"}

// replace puts the file made in the place of the one at path, which gets the name that is returned. At every moment there
// is a file at path, or a server started after a crash would begin an empty database there; and it is all of the old database or all
// of the new one. So what lies in the old one's write-ahead log goes into its file first: between two renames it would be without its
// last changes, and beside the new file they would be read into that. Only of a damaged one the log is moved.
func replace(ctx context.Context, path, made string, now time.Time) (before string, err error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		for _, end := range beside { // of a file that somebody took away
			if exists(path + end) {
				return "", fmt.Errorf("%s lies there without its database; move it away", path+end)
			}
		}
		return "", errors.Join(os.Rename(made, path), syncFile(filepath.Dir(path)))
	}
	// Opened before it is locked and closed after: when a process closes any descriptor of a file, it loses its locks on it (POSIX), and
	// who writes beside would be answered for what is then thrown away.
	old, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer old.Close()
	release, err := oneFile(ctx, path)
	switch {
	case err == nil:
		defer func() { err = errors.Join(err, release()) }()
	case !errors.Is(err, ErrNotABackup):
		return "", err
	}
	if before, err = keep(ctx, path, old, now, os.Link); err != nil {
		return "", err
	}
	for _, end := range beside {
		if err := os.Rename(path+end, before+end); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return before, err
		}
	}
	if err := os.Rename(made, path); err != nil {
		return before, err
	}
	return before, syncFile(filepath.Dir(path))
}

// keep gives the file at path a second name, or on a file system that has none, makes a copy of it. A restore that was cut short
// here has given it one already.
func keep(ctx context.Context, path string, old *os.File, now time.Time, link func(from, to string) error) (before string, err error) {
	if before, err = secondName(path); before != "" || err != nil {
		return before, err
	}
	name := path + ".before-" + now.UTC().Format("20060102T150405Z")
	before = name
	for n := 2; exists(before); n++ {
		before = name + "-" + strconv.Itoa(n)
	}
	if link(path, before) == nil {
		return before, nil
	}
	partial := path + ".keeping"
	if err := copyOpen(ctx, old, partial); err != nil {
		return "", err
	}
	return before, errors.Join(syncFile(partial), os.Rename(partial, before))
}

// secondName finds the name that keep gave to the file at path itself; empty when there is none.
func secondName(path string) (string, error) {
	own, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	names, err := os.ReadDir(filepath.Dir(path))
	for _, n := range names {
		if !strings.HasPrefix(n.Name(), filepath.Base(path)+".before-") {
			continue
		}
		other := filepath.Join(filepath.Dir(path), n.Name())
		if stat, err := os.Lstat(other); err == nil && os.SameFile(own, stat) {
			return other, nil
		}
	}
	return "", err
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// severRows is how many accounts one transaction of Sever goes through.
const severRows = 1000

// Sever ends every credential that was given out before it: tokens, authorization codes, claim codes, sessions,
// registration codes and what hangs on an account's epoch (design 10.16). After a restore some of them had ended before the
// copy was put back, and nobody can tell which: a stopped partner, a stolen session or the creator of an account that was
// claimed since would be let in again. Customers sign in again, what they allowed stands, and partners pass through the authorize address
// again. Accounts that nobody has claimed in this database end as if their time had run out, since no registration code opens them. It
// may be run while nodes serve, and run again; each batch has its audit event. It returns how many accounts there are.
func (db *DB) Sever(ctx context.Context, tell Progress) (accounts int64, err error) {
	now := db.now().Truncate(time.Millisecond)
	if err := db.severPartners(ctx, now); err != nil {
		return 0, err
	}
	total, err := db.rows(ctx, "account")
	if err != nil {
		return 0, err
	}
	for above := int64(0); ; {
		var last, n int64
		err := db.change(ctx, func(tx *Tx) (audit.Event, error) {
			if err := tx.pageEnd("account", above, severRows, &last); err != nil || last == above {
				return audit.Event{}, err
			}
			if n, err = tx.sever(above, last, now); err != nil {
				return audit.Event{}, err
			}
			return restoredEvent(now, map[string]string{"accounts": strconv.FormatInt(n, 10)}), nil
		})
		if err != nil || last == above {
			return accounts, err
		}
		above, accounts = last, accounts+n
		tell.at("ending what was given out", accounts, total)
	}
}

func restoredEvent(now time.Time, detail map[string]string) audit.Event {
	return audit.Event{At: now, Action: audit.DatabaseRestored, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorOperator}, Detail: detail}
}

// severPartners ends application tokens, which belong to no account.
func (db *DB) severPartners(ctx context.Context, now time.Time) error {
	return db.change(ctx, func(tx *Tx) (audit.Event, error) {
		n, err := tx.exec(`UPDATE token SET ended_at = $1, ended_reason = 'restored', dead_at = access_expires_at, version = version + 1
			WHERE account_id = 0 AND ended_at = 0 AND dead_at >= $1`, millis(now))
		return restoredEvent(now, map[string]string{"application_tokens": strconv.FormatInt(n, 10)}), err
	})
}

// sever ends what the accounts of a range gave out.
func (tx *Tx) sever(above, last int64, now time.Time) (int64, error) {
	// A pending account was changed last at the beginning of time: the next tidying finds it stale and tells its partner. One that was
	// to be closed waits anew (customer.Account.OverruleClosing): its owner may have said since the copy that it stays.
	n, err := tx.exec(`UPDATE account SET epoch = epoch + 1, session_epoch = session_epoch + 1, claim_number = claim_number + 1, live_journey = 0,
		registration = NULL, updated_at = CASE WHEN state = $3 THEN 0 ELSE updated_at END,
		close_at = CASE WHEN close_at <> 0 AND close_at < $4 THEN $4 ELSE close_at END, version = version + 1 WHERE id > $1 AND id <= $2`,
		above, last, customer.Pending, millis(now.Add(customer.CloseWait)))
	if err != nil {
		return 0, err
	}
	_, err = tx.exec(`UPDATE claim_code SET state = 'cancelled', ended_at = $3, version = version + 1
		WHERE account_id > $1 AND account_id <= $2 AND state = 'minted'`, above, last, millis(now))
	for _, table := range [...]string{"kyc_review", "phone_number", "one_time_token"} {
		if err == nil {
			_, err = tx.exec("DELETE FROM "+table+" WHERE account_id > $1 AND account_id <= $2", above, last)
		}
	}
	if err == nil {
		_, err = tx.exec("UPDATE token SET dead_at = access_expires_at WHERE account_id > $1 AND account_id <= $2 AND account_id <> 0", above, last)
	}
	return n, err
}
