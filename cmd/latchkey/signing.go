package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/latchkey-id/latchkey/internal/secret"
)

// signing reads where the signing keys are. A file that is named must be there, or nodes that were meant to share it
// would each draw their own; the one in the data directory is drawn when it is missing.
func (r *reader) signing() {
	if r.s.keys == nil || r.c.Data == "" {
		return // told already
	}
	path := r.keyFilePath("signing-key-file", r.c.SigningKeyFile, "signing-keys", "notifications")
	r.s.signingFile = newSigningFile(either(path, filepath.Join(r.c.Data, signingFileName)), r.s.keys, path == "")
	if fileExists(r.s.signingFile.path) || path != "" {
		if _, err := r.s.signingFile.get(); err != nil {
			r.wrong("signing-key-file", err.Error(), "make one with: latchkey key rotate --signing-key-file FILE, and give every node the same file")
		}
	}
	path = r.keyFilePath("receipt-key-file", r.c.ReceiptKeyFile, "receipt-keys", "receipts")
	r.s.receiptFile = newReceiptFile(either(path, filepath.Join(r.c.Data, receiptFileName)), r.s.keys, path == "")
	if fileExists(r.s.receiptFile.path) || path != "" {
		if _, err := r.s.receiptFile.get(); err != nil {
			r.wrong("receipt-key-file", err.Error(), "make one with: latchkey key rotate --for receipts --receipt-key-file FILE, and give every node the same file")
		}
	}
}

// keyFilePath is where a file of keys was said to be, by its setting or as a credential of systemd; "" for nowhere.
func (r *reader) keyFilePath(setting, path, credential, what string) string {
	if dir := os.Getenv("CREDENTIALS_DIRECTORY"); path == "" && dir != "" && fileExists(filepath.Join(dir, credential)) {
		path = filepath.Join(dir, credential)
		r.s.sources[setting] = "systemd credential"
	}
	if path == "" && r.c.Database != "" {
		r.s.warnings = append(r.s.warnings, setting+": not set, so this node signs "+what+" with a key of its own; nodes that share a database need one file")
	}
	return path
}

// receivers reads the networks beside the public internet that notifications may be sent into.
func (r *reader) receivers() {
	for _, text := range r.c.WebhookNetwork {
		prefix, err := netip.ParsePrefix(text)
		if err != nil || prefix.Bits() == 0 {
			r.wrong("webhook-network", fmt.Sprintf("%q is not a network", text),
				"use a form like 10.20.0.0/16 or fd00::/8: partners choose addresses, and may then choose any in it")
			continue
		}
		r.s.receivers = append(r.s.receivers, prefix.Masked())
	}
}

// The kinds of keys that commands take.
const (
	forNotifications = "notifications"
	forReceipts      = "receipts"
	forMaster        = "master"
)

// keyList lists the keys of one kind.
type keyList struct {
	Config

	For  string `env:"-" enum:"notifications,receipts,master" default:"notifications" placeholder:"WHAT" help:"Which keys: notifications, receipts or master. Default: ${default}."`
	JSON bool   `name:"json" env:"-" help:"Print JSON."`
}

// Run prints one line a key, as they are published.
func (cmd *keyList) Run(ctx context.Context, s streams) error {
	if cmd.For == forMaster {
		list, err := cmd.masterKeys(ctx, nil)
		if err != nil {
			return err
		}
		return showMasters(s, list, cmd.JSON)
	}
	all, err := cmd.settleDatabase()
	if err != nil {
		return err
	}
	var list []secret.SigningKey
	hint := "make one with: latchkey key rotate"
	if cmd.For == forReceipts {
		list, err = keysOf(cmd.receiptFile(all))
		hint += " --for receipts"
	} else {
		list, err = keysOf(cmd.signingFile(all))
	}
	if err != nil {
		return hinted{err.Error(), []string{hint}}
	}
	return showKeys(s, list, cmd.JSON)
}

// keyRotate adds a key of one kind.
type keyRotate struct {
	Config

	For  string        `env:"-" enum:"notifications,receipts,master" default:"notifications" placeholder:"WHAT" help:"Which keys: notifications, receipts or master. Default: ${default}."`
	In   time.Duration `env:"-" default:"24h" placeholder:"DURATION" help:"When the new key takes over. Default: ${default}, so that receivers have fetched it by then, or that every node has it. 0s when the old one has leaked; a master key takes over after 2m at the earliest."`
	JSON bool          `name:"json" env:"-" help:"Print JSON."`
}

// Run adds a key that is published at once and signs later, and drops those that nobody needs any more. A running server
// takes the file up by itself. Where there is no file yet, it makes one whose key signs at once.
func (cmd *keyRotate) Run(ctx context.Context, s streams) error {
	if cmd.In < 0 || cmd.In > 30*24*time.Hour {
		return hinted{fmt.Sprintf("--in %s is not between 0s and 720h", cmd.In), []string{"24h suits receivers that keep a key for a day"}}
	}
	if cmd.For == forMaster {
		list, err := cmd.rotateMaster(ctx, cmd.In)
		if err != nil {
			return err
		}
		return showMasters(s, list, cmd.JSON)
	}
	all, err := cmd.settleDatabase()
	if err != nil {
		return err
	}
	var list []secret.SigningKey
	if cmd.For == forReceipts {
		list, err = rotated(cmd.receiptFile(all), cmd.In)
	} else {
		list, err = rotated(cmd.signingFile(all), cmd.In)
	}
	if err != nil {
		return err
	}
	return showKeys(s, list, cmd.JSON)
}

// signingFile finds the file of notifications' keys by the settings, receiptFile that of receipts'.
func (c *Config) signingFile(all settings) *signingFile {
	return newSigningFile(either(c.SigningKeyFile, filepath.Join(all.data, signingFileName)), all.keys, false)
}

func (c *Config) receiptFile(all settings) *receiptFile {
	return newReceiptFile(either(c.ReceiptKeyFile, filepath.Join(all.data, receiptFileName)), all.keys, false)
}

// listedKey is a signing key as list prints it.
type listedKey struct {
	ID    string    `json:"id"`
	From  time.Time `json:"from"`
	Signs bool      `json:"signs"`
}

func showKeys(s streams, list []secret.SigningKey, asJSON bool) error {
	if asJSON {
		out := []listedKey{}
		for _, k := range list {
			out = append(out, listedKey(k))
		}
		return json.NewEncoder(s.out).Encode(out)
	}
	table := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	for _, k := range list {
		state := "published"
		if k.Signs {
			state = "signs"
		}
		fmt.Fprintf(table, "%s\t%s\tfrom %s\n", k.ID, state, k.From.Format(time.RFC3339))
	}
	return table.Flush()
}
