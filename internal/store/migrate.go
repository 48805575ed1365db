package store

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

// migrations are numbered SQL, forward only, one transaction each. Each must work while the previous release still runs,
// since nodes are replaced one by one: add, fill, and only a release later take away.
//
//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the schema to this release's. Beside a serving process it only checks: that process migrates.
func migrate(ctx context.Context, e *engine, beside bool) error {
	numbered, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	return migrateTo(ctx, e, typed{numbered, e.types}, beside)
}

// migrateTo is migrate for any set of migrations. Of several nodes that start at once one migrates and the others wait,
// and then find nothing left to do.
func migrateTo(ctx context.Context, e *engine, numbered fs.FS, beside bool) error {
	if e.alone != nil {
		release, err := e.alone(ctx)
		if err != nil {
			return unavailable("wait for other nodes to migrate", err)
		}
		defer func() { _ = release() }()
	}
	p, err := goose.NewProvider(e.dialect, e.migrations, numbered, goose.WithLogger(goose.NopLogger()), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	current, newest, err := p.GetVersions(ctx)
	switch {
	case err != nil:
		return unavailable("read schema version", err)
	case current > newest:
		return fmt.Errorf("%w: its schema is number %d, this release knows up to %d; use the newer release, or restore the backup made before it",
			ErrNewer, current, newest)
	case current == newest:
		return nil
	case beside:
		return fmt.Errorf("%w: its schema is number %d, this release needs %d; start the server of this release once",
			ErrOlder, current, newest)
	}
	if _, err := p.Up(ctx); err != nil {
		var partial *goose.PartialError
		if errors.As(err, &partial) {
			err = fmt.Errorf("migration %d: %w", partial.Failed.Source.Version, partial.Err)
		}
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// typed is a set of migrations in which {{key}} and {{bytes}} stand for the engine's types of primary keys and of bytes:
// the only two words that the engines do not share (design 10.28).
type typed struct {
	fs.FS
	types map[string]string
}

// Open opens a migration with the words replaced.
func (t typed) Open(name string) (fs.File, error) {
	f, err := t.FS.Open(name)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || info.IsDir() {
		return f, err
	}
	text, err := fs.ReadFile(t.FS, name)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	for word, replacement := range t.types {
		text = bytes.ReplaceAll(text, []byte("{{"+word+"}}"), []byte(replacement))
	}
	return typedFile{f, bytes.NewReader(text)}, nil
}

type typedFile struct {
	fs.File
	text *bytes.Reader
}

// Read reads the replaced text.
func (f typedFile) Read(p []byte) (int, error) { return f.text.Read(p) }
