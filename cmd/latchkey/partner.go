package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
	"github.com/latchkey-id/latchkey/internal/server"
	"github.com/latchkey-id/latchkey/internal/store"
)

// partnerAdd registers a partner.
type partnerAdd struct {
	Config

	Name           string   `env:"-" required:"" placeholder:"NAME" help:"The partner's name, as customers will read it."`
	ID             string   `name:"id" env:"-" placeholder:"ID" help:"Client id. Drawn when left out."`
	Redirect       []string `env:"-" sep:"none" placeholder:"ADDRESS" help:"Address that customers may be sent back to, compared byte for byte. Repeat for more."`
	Restart        string   `env:"-" placeholder:"ADDRESS" help:"Where a customer gets a new link when one has run out."`
	Home           string   `env:"-" placeholder:"ADDRESS" help:"The partner's home page."`
	Class          string   `env:"-" default:"classic" help:"classic (the documented contract) or strict (PKCE, short tokens, rotation)."`
	Scope          []string `env:"-" placeholder:"SCOPE" help:"Scope that comes with every grant. Repeat for more."`
	OptionalScope  []string `env:"-" placeholder:"SCOPE" help:"Scope that the customer may untick. Repeat for more."`
	Purpose        string   `env:"-" placeholder:"SENTENCE" help:"The partner's own sentence, marked as such on the consent page."`
	BirthdateCheck bool     `name:"birthdate-check" env:"-" help:"Ask its customers, after the mailed code, for the date of birth that the partner gave."`
	PerSecond      int      `env:"-" placeholder:"N" help:"How many requests it may make in a second, on each node. Default: 100."`
	PerMinute      int      `env:"-" placeholder:"N" help:"How many in a minute. Default: 1000."`
	JSON           bool     `name:"json" env:"-" help:"Print JSON."`
}

// Run registers the partner. The secret is printed here and never again: only its digest is kept.
func (cmd *partnerAdd) Run(ctx context.Context, s streams) error {
	required, err := partner.ParseScopes(strings.Join(cmd.Scope, " "))
	if err != nil {
		return hinted{err.Error(), []string{"use " + partner.FormatScopes(partner.AllScopes())}}
	}
	optional, err := partner.ParseScopes(strings.Join(cmd.OptionalScope, " "))
	if err != nil {
		return hinted{err.Error(), []string{"use " + partner.FormatScopes(partner.AllScopes())}}
	}
	registration := partner.Registration{ClientID: cmd.ID, Name: cmd.Name, HomeURI: cmd.Home, RestartURI: cmd.Restart,
		RedirectURIs: cmd.Redirect, Class: cmd.Class, Required: required, Optional: optional, Purpose: cmd.Purpose, BirthdateCheck: cmd.BirthdateCheck,
		PerSecond: cmd.PerSecond, PerMinute: cmd.PerMinute}
	if wrong := registration.Check(); len(wrong) > 0 {
		h := hinted{what: "the partner cannot be registered like this"}
		for _, err := range wrong {
			h.hints = append(h.hints, err.Error())
		}
		return h
	}
	partners, closeDatabase, err := cmd.openPartners(ctx, true)
	if err != nil {
		return err
	}
	added, drawn, err := partners.Add(ctx, registration, audit.Actor{Kind: audit.ActorOperator})
	if err := errors.Join(err, closeDatabase()); err != nil {
		if errors.Is(err, partner.ErrTaken) {
			return hinted{fmt.Sprintf("the client id %s is taken", cmd.ID), []string{"choose another --id"}}
		}
		return err
	}
	if cmd.JSON {
		return json.NewEncoder(s.out).Encode(map[string]string{"client_id": added.ClientID, "client_secret": drawn, "name": added.Name, "class": added.Class.Name})
	}
	fmt.Fprintf(s.out, "LATCHKEY_CLIENT_ID=%s\nLATCHKEY_CLIENT_SECRET=%s\n", added.ClientID, drawn)
	fmt.Fprintf(s.err, "%s is registered. The secret is shown this once; hand it over on a safe way.\n", added.Name)
	return nil
}

// partnerList lists partners.
type partnerList struct {
	Config

	JSON bool `name:"json" env:"-" help:"Print JSON."`
}

// listed is a partner as list prints it.
type listed struct {
	ClientID string   `json:"client_id"`
	Name     string   `json:"name"`
	Class    string   `json:"class"`
	Active   bool     `json:"active"`
	Redirect []string `json:"redirect"`
}

// Run prints one line a partner.
func (cmd *partnerList) Run(ctx context.Context, s streams) error {
	partners, closeDatabase, err := cmd.openPartners(ctx, false)
	if err != nil {
		return err
	}
	all, err := partners.List(ctx)
	if err := errors.Join(err, closeDatabase()); err != nil {
		return err
	}
	if cmd.JSON {
		list := []listed{}
		for _, p := range all {
			list = append(list, listed{p.ClientID, p.Name, p.Class.Name, p.Active, p.RedirectURIs})
		}
		return json.NewEncoder(s.out).Encode(list)
	}
	table := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	for _, p := range all {
		state := "active"
		if !p.Active {
			state = "paused"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", p.ClientID, p.Name, p.Class.Name, state, strings.Join(p.RedirectURIs, " "))
	}
	return table.Flush()
}

// openPartners opens the partners of the database that the settings name, which is made first by whoever may be the first.
func (c *Config) openPartners(ctx context.Context, made bool) (partner.Partners, func() error, error) {
	all, err := c.settleDatabase()
	if err == nil && !made {
		err = all.mustExist()
	}
	if err != nil {
		return partner.Partners{}, nil, err
	}
	database, err := c.openBeside(ctx, all)
	if err != nil {
		return partner.Partners{}, nil, err
	}
	return partner.Partners{Store: store.Partners{DB: database}, IDs: secret.NewIDs(now), Now: now}, database.Close, nil
}

// openDatabase opens the database that the settings name, beside the server that may be serving it. It makes none: an empty one under a
// mistyped name would look as if nobody were known.
func (c *Config) openDatabase(ctx context.Context) (*store.DB, error) {
	all, err := c.settleDatabase()
	if err == nil {
		err = all.mustExist()
	}
	if err != nil {
		return nil, err
	}
	return c.openBeside(ctx, all)
}

// mustExist refuses a directory without a database.
func (s settings) mustExist() error {
	if path := filepath.Join(s.data, server.DatabaseFile); s.database == "" && !fileExists(path) {
		return noDatabase(path)
	}
	return nil
}

// noDatabase says that there is no database where the settings look for it.
func noDatabase(path string) error {
	return hinted{path + ": no such file", []string{"name the server's directory with --data, or its PostgreSQL database with --database",
		"only serve, partner add, db migrate, db load and db restore make a new one"}}
}

// place is where the database is. The directory of a file is made when it does not exist.
func (s settings) place() (store.Options, error) {
	options := store.Options{DSN: s.database, Keys: s.keys, Now: now}
	if err := os.MkdirAll(s.data, 0o700); err != nil {
		return options, hinted{"making the data directory: " + err.Error(), []string{"make it yourself, writable by this user"}}
	}
	if s.database == "" {
		options.Path = filepath.Join(s.data, server.DatabaseFile)
	}
	return options, nil
}

// openBeside is openDatabase where the settings are read already, and a database is made where there is none.
func (c *Config) openBeside(ctx context.Context, all settings) (*store.DB, error) {
	options, err := all.place()
	if err != nil {
		return nil, err
	}
	// Nobody has a PostgreSQL database to himself: a command leaves its migrations to the nodes.
	options.Beside = all.database != ""
	database, err := store.Open(ctx, options)
	if errors.Is(err, store.ErrServed) {
		options.Beside = true
		database, err = store.Open(ctx, options)
	}
	if err != nil {
		return nil, databaseError(err)
	}
	return database, nil
}
