package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/latchkey-id/latchkey/internal/secret"
	"github.com/latchkey-id/latchkey/internal/store"
)

// listedMaster is a master key as list prints it.
type listedMaster struct {
	Version  int       `json:"version"`
	State    string    `json:"state"`
	From     time.Time `json:"from,omitzero"`
	Accounts int64     `json:"accounts"`
	Mails    int64     `json:"mails"`
	Files    []string  `json:"files"`
	// Loaded says that this process has it.
	Loaded bool `json:"loaded"`
}

// The states of a master key.
const (
	// masterNew is one in the key file that no process uses before it is made known.
	masterNew = "new"
	// masterComing comes into use, masterSeals is in use, masterReads is an older one that something is still sealed under.
	masterComing = "coming"
	masterSeals  = "seals"
	masterReads  = "reads"
	// masterUnused may be dropped; masterDropped was.
	masterUnused  = "unused"
	masterDropped = "dropped"
)

func masterList(known []store.MasterKey, files map[string]int, at time.Time) []listedMaster {
	list := []listedMaster{}
	for _, k := range known {
		l := listedMaster{Version: k.Version, From: k.From, Accounts: k.Accounts, Mails: k.Mails, Loaded: k.Loaded, State: masterReads,
			Files: append([]string{}, filesUnder(files, k.Version)...)}
		switch {
		case k.From.IsZero():
			l.State = masterNew
		case k.From.After(at):
			l.State = masterComing
		case k.Seals:
			l.State = masterSeals
		case !k.Unused.IsZero() && !k.Loaded:
			l.State = masterDropped
		case !k.Unused.IsZero(): // files of signing keys may still be under it: drop seals them anew
			l.State = masterUnused
		}
		list = append(list, l)
	}
	return list
}

func showMasters(s streams, list []listedMaster, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(s.out).Encode(list)
	}
	table := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	for _, k := range list {
		from := "-"
		if !k.From.IsZero() {
			from = "from " + k.From.Format(time.RFC3339)
		}
		fmt.Fprintf(table, "%d\t%s\t%s\t%s\n", k.Version, k.State, from, k.uses())
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, k := range list {
		switch k.State {
		case masterNew:
			fmt.Fprintf(s.err, "version %d seals nothing before you make it known: latchkey key rotate --for master\n", k.Version)
		case masterUnused:
			fmt.Fprintf(s.err, "version %d is needed no longer: latchkey key drop %d\n", k.Version, k.Version)
		}
	}
	return nil
}

func (k listedMaster) uses() string {
	uses := []string{fmt.Sprintf("%d accounts", k.Accounts)}
	if k.Mails > 0 {
		uses = append(uses, fmt.Sprintf("%d mails", k.Mails))
	}
	return strings.Join(append(uses, k.Files...), ", ")
}

// masterKeys opens the database beside the server and lists its master keys.
func (c *Config) masterKeys(ctx context.Context, change func(settings, *store.DB) error) ([]listedMaster, error) {
	all, err := c.settleDatabase()
	if err == nil {
		err = all.mustExist()
	}
	if err != nil {
		return nil, err
	}
	database, err := c.openBeside(ctx, all)
	if err != nil {
		return nil, err
	}
	if change != nil {
		err = change(all, database)
	}
	var known []store.MasterKey
	if err == nil {
		known, err = database.MasterKeys(ctx)
	}
	if err := errors.Join(err, database.Close()); err != nil {
		return nil, err
	}
	return masterList(known, c.sealedFiles(all), now()), nil
}

// rotateMaster makes a new master key known: one that is in the key file already, or one that it draws and puts there. The file is
// written first: a crash in between leaves a key in it that nobody uses, and the next rotation takes that one.
func (c *Config) rotateMaster(ctx context.Context, in time.Duration) ([]listedMaster, error) {
	return c.masterKeys(ctx, func(all settings, database *store.DB) error {
		known, err := database.MasterKeys(ctx)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(known, func(k store.MasterKey) bool { return k.From.After(now()) })
		if i >= 0 {
			return hinted{fmt.Sprintf("version %d comes into use at %s already", known[i].Version, known[i].From.Format(time.RFC3339)),
				[]string{"one rotation at a time: wait for it"}}
		}
		fresh := known[len(known)-1] // the highest version
		if !fresh.From.IsZero() {
			if fresh.Version, err = drawMaster(all, fresh.Version+1); err != nil {
				return err
			}
		}
		return database.AddMasterKey(ctx, fresh.Version, now().Add(in))
	})
}

// drawMaster draws a key of a version, puts it into the key file, and loads it.
func drawMaster(all settings, version int) (int, error) {
	if all.master.fixed {
		return 0, hinted{fmt.Sprintf("%s cannot be written by this command", all.master),
			[]string{fmt.Sprintf("add the line %d:KEY to it, where KEY is what \"openssl rand -base64 32\" prints, restart every node, and run this command again", version)}}
	}
	master := map[int][]byte{version: secret.GenerateMaster()}
	if err := all.master.change(0, master); err != nil {
		return 0, hinted{"writing the new key: " + err.Error(), []string{"run this command as a user who may write the key file and its directory"}}
	}
	return version, all.keys.Add(master)
}

// keyDrop gives up an older master key.
type keyDrop struct {
	Config

	Version int  `arg:"" help:"The version of the master key."`
	JSON    bool `name:"json" env:"-" help:"Print JSON."`
}

// Run seals the files of signing keys anew where they need it, and takes the key out of the key file, when nothing is sealed under it
// any more. It may be run again, and on every node that has a file of its own.
func (cmd *keyDrop) Run(ctx context.Context, s streams) error {
	fixed := ""
	list, err := cmd.masterKeys(ctx, func(all settings, database *store.DB) error {
		known, err := database.MasterKeys(ctx)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(known, func(k store.MasterKey) bool { return k.Version == cmd.Version })
		if i < 0 {
			return hinted{fmt.Sprintf("no master key has the version %d", cmd.Version), []string{"latchkey key list --for master lists them"}}
		}
		if err := droppable(known[i]); err != nil {
			return err
		}
		if err := cmd.resealFiles(all); err != nil {
			return err
		}
		if all.master.fixed {
			fixed = all.master.String()
			return nil
		}
		if known[i].Loaded {
			if err := database.DropMasterKey(ctx, cmd.Version, func() error { return all.master.change(cmd.Version, nil) }); err != nil {
				return hinted{"changing the key file: " + err.Error(), []string{"run this command as a user who may write the key file and its directory"}}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if fixed != "" {
		fmt.Fprintf(s.err, "nothing needs version %d any more: take its line out of %s yourself\n", cmd.Version, fixed)
	} else if i := slices.IndexFunc(list, func(k listedMaster) bool { return k.Version == cmd.Version }); i >= 0 {
		list[i].State, list[i].Loaded = masterDropped, false
	}
	return showMasters(s, list, cmd.JSON)
}

// droppable refuses a key that seals, will seal, or that something is sealed under.
func droppable(k store.MasterKey) error {
	switch {
	case k.Seals:
		return hinted{fmt.Sprintf("version %d is in use", k.Version), []string{"rotate first: latchkey key rotate --for master"}}
	case k.From.IsZero() || k.From.After(now()):
		return hinted{fmt.Sprintf("version %d has not been in use", k.Version), []string{"take its line out of the key file yourself, if it was never made known"}}
	case k.Unused.IsZero():
		return hinted{fmt.Sprintf("%d accounts and %d mails are sealed under version %d", k.Accounts, k.Mails, k.Version),
			[]string{"a running server puts them under the new key, a thousand a second: see latchkey key list --for master"}}
	}
	return nil
}

// resealFiles seals the files of signing keys under the master key in use.
func (c *Config) resealFiles(all settings) error {
	for path, under := range c.sealedFiles(all) {
		if under == all.keys.DigestVersion() {
			continue
		}
		var err error
		if path == c.signingFile(all).path {
			err = c.signingFile(all).reseal()
		} else {
			err = c.receiptFile(all).reseal()
		}
		if err != nil {
			return hinted{path + " is sealed under that key and could not be sealed anew: " + err.Error(), []string{"run this command as a user who may write it"}}
		}
	}
	return nil
}
