package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"

	"modernc.org/sqlite"

	"github.com/latchkey-id/latchkey/internal/audit"
)

// ErrNotABackup: a file is no whole database of Latchkey's.
var ErrNotABackup = errors.New("not a whole copy of a database")

// A Copy is what a file holds that Backup wrote or Restore is asked to put back.
type Copy struct {
	// Bytes is its size.
	Bytes int64
	// Schema is the number of the newest migration in it.
	Schema int64
	// Keys are the versions of the master keys without which it cannot be read, the newest last.
	Keys []int
	// Head is the newest link of its chain of events; zero when nothing was linked.
	Head audit.Link
}

// schemaWithUnusedKeys is the migration from which on the database remembers that nothing is sealed under a master key any more.
const schemaWithUnusedKeys = 150

// Backup writes a copy of the SQLite file at path into a new file, readable by its owner alone, while another process may
// be serving the original: everything that was committed at one moment, and nothing of what came after. The copy has been
// read back and is on disk when it appears under its name; before, it has another. It holds no key, and nothing that was
// deleted. Writing goes on meanwhile, and the write-ahead log grows until the copy is made. A file that exists already is
// fs.ErrExist and stays as it is.
func Backup(ctx context.Context, path, to string) (Copy, error) {
	if _, err := os.Stat(path); err != nil {
		return Copy{}, err
	}
	if _, err := os.Lstat(to); err == nil {
		return Copy{}, &fs.PathError{Op: "backup", Path: to, Err: fs.ErrExist}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return Copy{}, err
	}
	partial, err := os.CreateTemp(filepath.Dir(to), filepath.Base(to)+".*.partial") // mode 0600
	if err != nil {
		return Copy{}, err
	}
	defer os.Remove(partial.Name())
	if err := partial.Close(); err != nil {
		return Copy{}, err
	}
	if err := vacuumInto(ctx, path, partial.Name()); err != nil {
		return Copy{}, err
	}
	if err := syncFile(partial.Name()); err != nil {
		return Copy{}, err
	}
	made, err := inspect(ctx, partial.Name())
	if err != nil {
		return Copy{}, fmt.Errorf("reading the copy back: %w", err)
	}
	if err := appear(partial.Name(), to); err != nil {
		return Copy{}, err
	}
	return made, nil
}

// vacuumInto copies what is in the file at one moment: SQLite reads it in one transaction, beside which others write.
func vacuumInto(ctx context.Context, path, to string) error {
	source := sqlitePool(path)
	_, err := source.ExecContext(ctx, "VACUUM INTO $1", to)
	if err != nil {
		err = unavailable("copy", err)
	}
	return errors.Join(err, source.Close())
}

// inspect reads a file that nobody writes: whether it is whole, and what is in it. The error is ErrNotABackup, or trouble
// with reading.
func inspect(ctx context.Context, path string) (c Copy, err error) {
	stat, err := os.Stat(path)
	if err != nil {
		return Copy{}, err
	}
	c.Bytes = stat.Size()
	// Beside a copy of a running server's file lies what was not in the file yet: without it, answered changes are missing.
	if wal, err := os.Stat(path + "-wal"); err == nil && wal.Size() > 0 {
		return Copy{}, fmt.Errorf("%w: %s-wal lies beside it; use latchkey db backup, which makes one file", ErrNotABackup, path)
	}
	connector, err := sqlite.NewConnector(sqliteURI(path) + "?" + url.Values{"mode": {"ro"}, "immutable": {"1"}, "_pragma": {"trusted_schema(0)", "cell_size_check(1)"}}.Encode())
	if err != nil {
		return Copy{}, err
	}
	file := sql.OpenDB(connector)
	defer file.Close()
	if err := sound(ctx, file); err != nil {
		return Copy{}, err
	}
	if err := file.QueryRowContext(ctx, "SELECT max(version_id) FROM goose_db_version WHERE is_applied").Scan(&c.Schema); err != nil {
		return Copy{}, fmt.Errorf("%w: %w", ErrNotABackup, err)
	}
	inUse := ""
	if c.Schema >= schemaWithUnusedKeys {
		inUse = " WHERE unused_at = 0" // what a dropped key still checked is carried under the one in use
	}
	rows, err := file.QueryContext(ctx, "SELECT version FROM master_key"+inUse+" ORDER BY version")
	if err != nil {
		return Copy{}, fmt.Errorf("%w: %w", ErrNotABackup, err)
	}
	defer rows.Close()
	for rows.Next() {
		var version int
		if err := rows.Scan(&version); err != nil {
			return Copy{}, err
		}
		c.Keys = append(c.Keys, version)
	}
	err = file.QueryRowContext(ctx, "SELECT "+linkColumns+" FROM audit_link l ORDER BY l.number DESC LIMIT 1").Scan(linkFields(&c.Head)...)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return c, errors.Join(err, rows.Err())
}

// integrity is how SQLite is asked for the first fault of a file, and whole is its answer when there is none.
const integrity, whole = "PRAGMA integrity_check(1)", "ok"

// sound asks SQLite whether a file's pages and indexes are what they should be.
func sound(ctx context.Context, file *sql.DB) error {
	var word string
	if err := file.QueryRowContext(ctx, integrity).Scan(&word); err != nil {
		return fmt.Errorf("%w: %w", ErrNotABackup, err)
	}
	if word != whole {
		return fmt.Errorf("%w: %s", ErrNotABackup, word)
	}
	return nil
}

// appear gives a finished file its name, unless there is one of that name already, and waits until the name is on disk.
func appear(from, to string) error {
	err := os.Link(from, to) // refuses what exists, which a rename would replace
	if err != nil && !errors.Is(err, fs.ErrExist) {
		err = os.Rename(from, to) // a file system without second names
	}
	if err != nil {
		return err
	}
	return syncFile(filepath.Dir(to))
}

// syncFile waits until a file or directory is on disk.
func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// needs tells which versions of master keys a copy needs that are not loaded.
func (c Copy) needs(loaded []int) (missing []int) {
	for _, version := range c.Keys {
		if !slices.Contains(loaded, version) {
			missing = append(missing, version)
		}
	}
	return missing
}
