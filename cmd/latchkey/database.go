package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/server"
	"github.com/latchkey-id/latchkey/internal/store"
)

// databaseBackup copies the database file, served or not.
type databaseBackup struct {
	Config

	File string `arg:"" help:"The file to write; it must not exist. Put it on another disk afterwards."`
	JSON bool   `name:"json" env:"-" help:"Print JSON."`
}

// copied is a copy as backup and restore print it.
type copied struct {
	File   string `json:"file"`
	Bytes  int64  `json:"bytes"`
	Schema int64  `json:"schema"`
	Keys   []int  `json:"master_key_versions"`
	Head   string `json:"audit_head"`
}

func copiedOf(file string, c store.Copy) copied {
	return copied{file, c.Bytes, c.Schema, c.Keys, c.Head.String()}
}

// Run writes the copy. It needs no master key: nothing is opened on the way.
func (cmd *databaseBackup) Run(ctx context.Context, s streams) error {
	r := &reader{c: &cmd.Config, found: cmd.misread}
	if r.place(); len(r.found) > 0 {
		return r.found.hinted()
	}
	if r.s.database != "" {
		return hinted{"a PostgreSQL database is backed up with its own tools", []string{
			"pg_basebackup with continuous archiving, or pg_dump --format=custom; see docs/operating.md",
			"check the result with latchkey db check, and run latchkey db restore --in-place after putting one back"}}
	}
	path := filepath.Join(r.s.data, server.DatabaseFile)
	made, err := store.Backup(ctx, path, cmd.File)
	switch {
	case errors.Is(err, fs.ErrExist):
		return hinted{cmd.File + " exists already", []string{"name a file that does not, such as one with today's date in it"}}
	case errors.Is(err, fs.ErrNotExist) && !fileExists(path):
		return noDatabase(path)
	case err != nil:
		return hinted{"backup: " + err.Error(), []string{"nothing was written under that name; is there room, and may this user write there?"}}
	}
	if cmd.JSON {
		return json.NewEncoder(s.out).Encode(copiedOf(cmd.File, made))
	}
	fmt.Fprintf(s.out, "%s  %d bytes, audit head %s\n", cmd.File, made.Bytes, made.Head)
	fmt.Fprintf(s.err, "It can be read with the master key of version %s only, which is not in it. Keep that key elsewhere.\n", versions(made.Keys))
	return nil
}

func versions(numbers []int) string {
	var texts []string
	for _, n := range numbers {
		texts = append(texts, strconv.Itoa(n))
	}
	return strings.Join(texts, ", ")
}

// databaseRestore puts a copy back.
type databaseRestore struct {
	Config

	File    string `arg:"" optional:"" help:"The copy that latchkey db backup made."`
	InPlace bool   `env:"-" help:"The database was put back by other means, such as PostgreSQL's own: check it and end everything that was given out before."`
	JSON    bool   `name:"json" env:"-" help:"Print JSON."`
}

// restored is the result as restore prints it.
type restored struct {
	copied
	Rows     int64  `json:"rows_checked"`
	Sealed   int64  `json:"sealed_values_opened"`
	Events   int64  `json:"events_checked"`
	Accounts int64  `json:"accounts_signed_out"`
	Before   string `json:"database_before,omitempty"`
}

// Run checks the copy, puts it in place and prints what was there before.
func (cmd *databaseRestore) Run(ctx context.Context, s streams) error {
	if (cmd.File != "") == cmd.InPlace {
		return hinted{"give either a file or --in-place", []string{"latchkey db restore FILE puts back what latchkey db backup made"}}
	}
	all, err := cmd.settleDatabase()
	if err != nil {
		return err
	}
	if all.database != "" && !cmd.InPlace {
		return hinted{"a file cannot be put back into PostgreSQL", []string{"put it back with PostgreSQL's own tools, then run latchkey db restore --in-place"}}
	}
	line := newProgressLine(s.err)
	var done store.Restored
	if cmd.InPlace {
		done, err = cmd.inPlace(ctx, line)
	} else {
		var options store.Options
		if options, err = all.place(); err == nil {
			done, err = store.Restore(ctx, cmd.File, options, line.tell)
		}
	}
	line.end()
	if err != nil {
		return cmd.failed(err, done)
	}
	if cmd.JSON {
		return json.NewEncoder(s.out).Encode(restored{copiedOf(cmd.File, done.Copy), done.Checked.Rows, done.Checked.Sealed,
			done.Checked.Audit.Checked, done.Accounts, done.Before})
	}
	fmt.Fprintf(s.out, "restored: %d rows, %d sealed values and %d events hold; %d accounts signed out everywhere\n",
		done.Checked.Rows, done.Checked.Sealed, done.Checked.Audit.Checked, done.Accounts)
	if done.Before != "" {
		fmt.Fprintf(s.err, "What was there before is %s. Delete it when you need it no more.\n", done.Before)
	}
	return nil
}

// inPlace checks the database where it is and ends what was given out.
func (cmd *databaseRestore) inPlace(ctx context.Context, line *progressLine) (done store.Restored, err error) {
	database, err := cmd.openDatabase(ctx)
	if err != nil {
		return done, err
	}
	if done.Checked, err = database.Check(ctx, line.tell); err == nil && len(done.Checked.Findings) > 0 {
		err = store.ErrUnsound
	}
	if err == nil {
		done.Accounts, err = database.Sever(ctx, line.tell)
	}
	return done, errors.Join(err, database.Close())
}

// failed says why nothing was restored, and that nothing changed.
func (cmd *databaseRestore) failed(err error, done store.Restored) error {
	switch {
	case errors.Is(err, store.ErrServed):
		return hinted{"the database is being served, or another command has it open", []string{"stop the server first; nothing was changed"}}
	case errors.Is(err, store.ErrUnsound):
		return hinted{"the copy does not hold together; nothing was changed", findings(done.Checked.Findings)}
	case errors.Is(err, store.ErrNotABackup):
		return hinted{cmd.File + ": " + err.Error(), []string{"nothing was changed; take another backup"}}
	case errors.Is(err, store.ErrNewer), errors.Is(err, store.ErrWrongKey):
		return hinted{err.Error(), []string{"nothing was changed"}}
	}
	return err
}

func findings(all []store.Finding) []string {
	var texts []string
	for _, f := range all {
		texts = append(texts, f.String())
	}
	return texts
}

// databaseCheck checks the whole database.
type databaseCheck struct {
	Config

	WithoutKey bool `env:"-" help:"Check what can be checked without the master key."`
	JSON       bool `name:"json" env:"-" help:"Print JSON."`
}

// checkedDatabase is the result as check prints it.
type checkedDatabase struct {
	Rows     int64    `json:"rows_checked"`
	Sealed   int64    `json:"sealed_values_opened"`
	Events   int64    `json:"events_checked"`
	Head     string   `json:"audit_head"`
	Findings []string `json:"findings"`
}

// Run prints what was checked, and fails where something does not hold.
func (cmd *databaseCheck) Run(ctx context.Context, s streams) error {
	database, err := cmd.openAudit(ctx, cmd.WithoutKey)
	if err != nil {
		return err
	}
	line := newProgressLine(s.err)
	c, err := database.Check(ctx, line.tell)
	line.end()
	if err := errors.Join(err, database.Close()); err != nil {
		return err
	}
	if cmd.JSON {
		shown := checkedDatabase{c.Rows, c.Sealed, c.Audit.Checked, c.Audit.Head.String(), append([]string{}, findings(c.Findings)...)}
		if err := json.NewEncoder(s.out).Encode(shown); err != nil {
			return err
		}
	}
	if len(c.Findings) > 0 {
		return hinted{"the database does not hold together", append(findings(c.Findings), "go back to a backup that latchkey db check finds whole")}
	}
	if !cmd.JSON {
		fmt.Fprintf(s.out, "%d rows, %d sealed values and %d events hold, audit head %s\n", c.Rows, c.Sealed, c.Audit.Checked, c.Audit.Head)
	}
	if cmd.WithoutKey {
		fmt.Fprintln(s.err, "Sealed values, marks and seals were not checked, since the key is not here.")
	}
	return nil
}

// databaseMigrate brings the schema to this release's.
type databaseMigrate struct{ Config }

// Run migrates. A server does the same when it starts; of several, one.
func (cmd *databaseMigrate) Run(ctx context.Context, s streams) error {
	all, err := cmd.settleDatabase()
	if err != nil {
		return err
	}
	options, err := all.place()
	if err != nil {
		return err
	}
	database, err := store.Open(ctx, options)
	if err != nil {
		return databaseError(err)
	}
	if err := database.Close(); err != nil {
		return err
	}
	fmt.Fprintln(s.out, "The schema is this release's.")
	return nil
}

// databaseLoad fills a new database to measure at.
type databaseLoad struct {
	Config

	Accounts int64 `env:"-" default:"100000" placeholder:"N" help:"How many claimed accounts, each with a profile. Default: ${default}."`
	Tokens   int64 `env:"-" default:"50000" placeholder:"N" help:"How many of them have a live token. Default: ${default}."`
	Events   int   `env:"-" default:"2" placeholder:"N" help:"How many audit events each account has. Default: ${default}."`
}

// Run fills the database; there must be nothing in it.
func (cmd *databaseLoad) Run(ctx context.Context, s streams) error {
	all, err := cmd.settleDatabase()
	if err != nil {
		return err
	}
	if cmd.Accounts < 1 || cmd.Accounts > 1e9 || cmd.Tokens < 0 || cmd.Tokens > cmd.Accounts || cmd.Events < 0 || cmd.Events > 100 {
		return hinted{"that is no size", []string{"--accounts from 1, --tokens not more than accounts, --events from 0 to 100"}}
	}
	options, err := all.place()
	if err != nil {
		return err
	}
	line := newProgressLine(s.err)
	load := store.Load{Accounts: cmd.Accounts, Tokens: cmd.Tokens, Events: cmd.Events, Until: store.LoadedUntil(), Tell: line.tell,
		Partner: partner.Partner{ID: 1, ClientID: "load", Name: "Load", Class: partner.Classic, Active: true, RequiredScopes: partner.AllScopes(),
			CreatedAt: store.LoadedUntil()}}
	began := now()
	err = load.Into(ctx, options)
	line.end()
	if errors.Is(err, store.ErrNotEmpty) {
		return hinted{"there are accounts in this database", []string{"name a directory or database of its own: these accounts are nobody's"}}
	}
	if err != nil {
		return databaseError(err)
	}
	fmt.Fprintf(s.out, "%d accounts, %d tokens and %d events in %s\n", cmd.Accounts, cmd.Tokens, cmd.Accounts*int64(cmd.Events), now().Sub(began).Round(time.Second))
	return nil
}
