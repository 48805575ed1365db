package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
	"github.com/latchkey-id/latchkey/internal/server"
	"github.com/latchkey-id/latchkey/internal/store"
)

// auditTail shows the newest events.
type auditTail struct {
	Config

	Partner string `env:"-" placeholder:"ID" help:"Only about this client id's."`
	Account int64  `env:"-" placeholder:"N" help:"Only about this account."`
	Journey int64  `env:"-" placeholder:"N" help:"Only about this journey."`
	Action  string `env:"-" placeholder:"NAME" help:"Only this action, such as journey.claimed."`
	Limit   int    `env:"-" default:"100" placeholder:"N" help:"At most so many, 1000 at most. Default: ${default}."`
	JSON    bool   `name:"json" env:"-" help:"Print a line of JSON for each."`
}

// Run prints the newest events that match, the newest last.
func (cmd *auditTail) Run(ctx context.Context, s streams) error {
	database, err := cmd.openDatabase(ctx)
	if err != nil {
		return err
	}
	entries, err := cmd.entries(ctx, database)
	if err := errors.Join(err, database.Close()); err != nil {
		return eventError(err, cmd.Partner)
	}
	slices.Reverse(entries)
	if cmd.JSON {
		lines := json.NewEncoder(s.out)
		for _, e := range entries {
			if err := lines.Encode(audit.RecordOf(audit.Link{}, e)); err != nil {
				return err
			}
		}
		return nil
	}
	table := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	for _, e := range entries {
		what := string(e.Outcome)
		if e.Reason != "" {
			what += ": " + e.Reason
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", e.At.Format("2006-01-02T15:04:05.000Z07:00"), e.Action, what, actorText(e.Actor),
			aboutText(e), either(e.Network, "-"))
	}
	return table.Flush()
}

func (cmd *auditTail) entries(ctx context.Context, database *store.DB) ([]audit.Entry, error) {
	filter := audit.Filter{Account: cmd.Account, Journey: cmd.Journey, Action: audit.Action(cmd.Action), Limit: cmd.Limit}
	if cmd.Partner != "" {
		p, err := partner.Partners{Store: store.Partners{DB: database}, Now: now}.ByClient(ctx, cmd.Partner)
		if err != nil {
			return nil, err
		}
		filter.Partner = int64(p.ID)
	}
	return audit.Events{Store: store.Audit{DB: database}}.Tail(ctx, filter)
}

func actorText(a audit.Actor) string {
	if a.ID == 0 {
		return string(a.Kind)
	}
	return fmt.Sprintf("%s %d", a.Kind, a.ID)
}

func aboutText(e audit.Entry) string {
	var parts []string
	for _, about := range []struct {
		name   string
		number int64
	}{{"partner", e.Partner}, {"account", e.Account}, {"journey", e.Journey}} {
		if about.number != 0 {
			parts = append(parts, fmt.Sprintf("%s %d", about.name, about.number))
		}
	}
	return either(strings.Join(parts, ", "), "-")
}

// auditVerify follows the chain.
type auditVerify struct {
	Config

	From       string `env:"-" placeholder:"NUMBER:HASH" help:"A head that an earlier run printed: it must still be there, and only what came after it is read."`
	WithoutKey bool   `env:"-" help:"Check what can be checked without the master key, such as on an auditor's copy."`
	JSON       bool   `name:"json" env:"-" help:"Print JSON."`
}

// verified is the result as verify prints it.
type verified struct {
	Checked  int64  `json:"checked"`
	KeptFrom int64  `json:"kept_from"`
	Head     string `json:"head"`
	Waiting  int64  `json:"waiting"`
	LagMS    int64  `json:"lag_ms"`
	Unmarked int64  `json:"unmarked"`
	Unkeyed  int64  `json:"unkeyed"`
	Event    int64  `json:"broken_event,omitempty"`
	Place    int64  `json:"broken_place,omitempty"`
	Broken   string `json:"broken,omitempty"`
}

// Run prints how many events were checked and the head to remember.
func (cmd *auditVerify) Run(ctx context.Context, s streams) error {
	var from audit.Link
	if cmd.From != "" {
		var err error
		if from, err = audit.ParsePlace(cmd.From); err != nil {
			return hinted{"--from: " + err.Error(), []string{"latchkey audit verify prints it as its head"}}
		}
	}
	database, err := cmd.openAudit(ctx, cmd.WithoutKey)
	if err != nil {
		return err
	}
	report, err := database.Chain().Verify(ctx, from)
	err = errors.Join(err, database.Close())
	var broken audit.BrokenError
	if err != nil && !errors.As(err, &broken) {
		return err
	}
	lag := report.Lag(now(), secret.IDTime(report.Oldest))
	if cmd.JSON {
		v := verified{Checked: report.Checked, KeptFrom: report.Start.Number + 1, Head: report.Head.String(), Waiting: report.Waiting, LagMS: lag.Milliseconds(),
			Unmarked: report.Unmarked, Unkeyed: report.Unkeyed, Event: broken.Event, Place: broken.Place, Broken: broken.What}
		if err := json.NewEncoder(s.out).Encode(v); err != nil {
			return err
		}
	}
	if err != nil {
		return hinted{broken.Error(), []string{strconv.FormatInt(report.Checked, 10) + " events before it hold",
			"compare with a backup or an export; latchkey audit export prints the rows as they are now"}}
	}
	if !cmd.JSON {
		showVerified(s, report, lag)
	}
	return nil
}

// unsealedLong is from when on events that wait for the sealer are worth a warning: a server seals every second.
const unsealedLong = time.Minute

func showVerified(s streams, r audit.Report, lag time.Duration) {
	fmt.Fprintf(s.out, "%d events, head %s\n", r.Checked, r.Head)
	if r.Start.Number > 0 {
		fmt.Fprintf(s.err, "the chain is kept from place %d on; older events were dropped, and it continues %s\n", r.Start.Number+1, r.Start)
	}
	if r.Waiting > 0 {
		fmt.Fprintf(s.err, "%d events are not in the chain yet, the oldest for %s\n", r.Waiting, lag.Round(time.Millisecond))
	}
	if r.Waiting > 0 && lag > unsealedLong {
		fmt.Fprintln(s.err, "a running server puts them in within a second: none has run since, or the end of the chain was cut off")
	}
	if r.Unmarked > 0 {
		fmt.Fprintf(s.err, "%d events at the beginning were written by a release without marks\n", r.Unmarked)
	}
	if r.Unkeyed > 0 {
		fmt.Fprintf(s.err, "%d marks and seals were not checked, since their key is not here: whoever made the whole chain anew would not be found\n", r.Unkeyed)
	}
}

// auditExport prints everything.
type auditExport struct {
	Config

	WithoutKey bool `env:"-" help:"Read a copy without its master key."`
}

// Run prints one line of JSON an event, in the order of the chain; those that are not in it yet come last, without a number.
func (cmd *auditExport) Run(ctx context.Context, s streams) error {
	database, err := cmd.openAudit(ctx, cmd.WithoutKey)
	if err != nil {
		return err
	}
	buffer := bufio.NewWriter(s.out)
	lines := json.NewEncoder(buffer)
	err = database.Chain().Export(ctx, func(r audit.Record) error { return lines.Encode(r) })
	return errors.Join(err, buffer.Flush(), database.Close())
}

// openAudit opens the database, or without the master key a copy of it. It makes none.
func (c *Config) openAudit(ctx context.Context, withoutKey bool) (*store.DB, error) {
	if withoutKey {
		return c.openKeyless(ctx)
	}
	return c.openDatabase(ctx)
}

// openKeyless opens a database, or a copy of one, without its master key, for what needs none.
func (c *Config) openKeyless(ctx context.Context) (*store.DB, error) {
	r := &reader{c: c, found: c.misread}
	r.place()
	if len(r.found) > 0 {
		return nil, r.found.hinted()
	}
	options := store.Options{DSN: r.s.database, Beside: true, Keyless: true, Now: now}
	if options.DSN == "" {
		options.Path = filepath.Join(r.s.data, server.DatabaseFile)
		if !fileExists(options.Path) {
			return nil, noDatabase(options.Path)
		}
	}
	database, err := store.Open(ctx, options)
	if err != nil {
		return nil, databaseError(err)
	}
	return database, nil
}

// Bounds of audit-keep, in days: whoever looks into a case does so within a quarter of a year, and a duration has an end.
const leastAuditDays, mostAuditDays = 90, 36500

// auditKeep reads how long events are kept. For good is the default: to drop evidence is the operator's decision.
func (r *reader) auditKeep() {
	if r.c.AuditKeep == "" {
		return
	}
	days, err := strconv.Atoi(r.c.AuditKeep)
	if err != nil || days < leastAuditDays || days > mostAuditDays {
		r.wrong("audit-keep", fmt.Sprintf("%q is not a number of days between %d and %d", r.c.AuditKeep, leastAuditDays, mostAuditDays),
			"use a number like 730, or leave it out to keep all")
		return
	}
	r.s.auditKeep = time.Duration(days) * 24 * time.Hour
}
