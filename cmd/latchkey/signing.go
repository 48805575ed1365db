package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/latchkey-id/latchkey/internal/secret"
)

// signingFileName is the file of signing keys in the data directory, when the settings name no other.
const signingFileName = "signing.keys"

// signingFile is where the keys lie that notifications are signed with: one file, sealed under the master key, never in
// the database or its backup. It is read anew when it changes, so that a rotation needs no restart; several nodes sign
// alike when they have the same file.
type signingFile struct {
	path string
	keys *secret.Keys
	// draws makes the file when it is not there.
	draws bool

	mu       sync.Mutex
	loaded   *secret.SigningKeys
	modified time.Time
	checked  time.Time
}

// get returns the keys as the file has them. A file that became unreadable keeps the keys that were read before.
func (f *signingFile) get() (*secret.SigningKeys, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := now()
	if f.loaded != nil && at.Sub(f.checked) < recheck {
		return f.loaded, nil
	}
	f.checked = at
	modified := modifiedAt(f.path)
	if f.loaded != nil && modified.Equal(f.modified) {
		return f.loaded, nil
	}
	fresh, err := f.read()
	if err == nil {
		f.loaded, f.modified = fresh, modifiedAt(f.path)
	}
	if f.loaded != nil {
		return f.loaded, nil
	}
	return nil, err
}

func (f *signingFile) read() (*secret.SigningKeys, error) {
	content, err := os.ReadFile(f.path)
	if errors.Is(err, os.ErrNotExist) && f.draws {
		drawn, err := secret.NewSigningKeys(now())
		if err != nil {
			return nil, err
		}
		return drawn, f.write(drawn)
	}
	if err != nil {
		return nil, errors.New(withoutPath(err, f.path))
	}
	keys, err := f.keys.OpenSigning(content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.path, err)
	}
	return keys, nil
}

// write replaces the file in one step: a reader sees the old keys or the new ones.
func (f *signingFile) write(keys *secret.SigningKeys) error {
	content, err := f.keys.SealSigning(keys)
	if err != nil {
		return err
	}
	fresh, err := os.CreateTemp(filepath.Dir(f.path), ".signing-*") // of mode 600
	if err != nil {
		return fmt.Errorf("keeping the signing keys: %w", err)
	}
	_, err = fresh.Write(content)
	if err = errors.Join(err, fresh.Sync(), fresh.Close()); err == nil {
		err = os.Rename(fresh.Name(), f.path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("keeping the signing keys: %w", err), os.Remove(fresh.Name()))
	}
	return nil
}

// signing reads where the signing keys are. A file that is named must be there, or nodes that were meant to share it
// would each draw their own; the one in the data directory is drawn when it is missing.
func (r *reader) signing() {
	if r.s.keys == nil || r.c.Data == "" {
		return // told already
	}
	const remedy = "make one with: latchkey key rotate --signing-key-file FILE, and give every node the same file"
	path := r.c.SigningKeyFile
	if dir := os.Getenv("CREDENTIALS_DIRECTORY"); path == "" && dir != "" && fileExists(filepath.Join(dir, "signing-keys")) {
		path = filepath.Join(dir, "signing-keys")
		r.s.sources["signing-key-file"] = "systemd credential"
	}
	r.s.signingFile = &signingFile{path: path, keys: r.s.keys}
	if path == "" {
		r.s.signingFile.path, r.s.signingFile.draws = filepath.Join(r.c.Data, signingFileName), true
		if r.c.Database != "" {
			r.s.warnings = append(r.s.warnings, "signing-key-file: not set, so this node signs notifications with a key of its own; nodes that share a database need one file")
		}
	}
	if fileExists(r.s.signingFile.path) || path != "" {
		if _, err := r.s.signingFile.get(); err != nil {
			r.wrong("signing-key-file", err.Error(), remedy)
		}
	}
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

// keyList lists the signing keys.
type keyList struct {
	Config

	JSON bool `name:"json" env:"-" help:"Print JSON."`
}

// Run prints one line a key, the one in use first, as they are published.
func (cmd *keyList) Run(_ context.Context, s streams) error {
	file, err := cmd.openSigning()
	if err != nil {
		return err
	}
	keys, err := file.get()
	if err != nil {
		return hinted{err.Error(), []string{"make one with: latchkey key rotate"}}
	}
	return showKeys(s, keys, cmd.JSON)
}

// keyRotate adds a signing key.
type keyRotate struct {
	Config

	In   time.Duration `env:"-" default:"24h" placeholder:"DURATION" help:"When the new key begins to sign. Default: ${default}, so that receivers have fetched it by then. 0s when the old one has leaked."`
	JSON bool          `name:"json" env:"-" help:"Print JSON."`
}

// Run adds a key that is published at once and signs later, and drops those that nobody needs any more. A running server
// takes the file up by itself. Where there is no file yet, it makes one whose key signs at once.
func (cmd *keyRotate) Run(_ context.Context, s streams) error {
	if cmd.In < 0 || cmd.In > 30*24*time.Hour {
		return hinted{fmt.Sprintf("--in %s is not between 0s and 720h", cmd.In), []string{"24h suits receivers that keep a key for a day"}}
	}
	file, err := cmd.openSigning()
	if err != nil {
		return err
	}
	keys, err := file.get()
	switch {
	case err == nil:
		keys, err = keys.Rotate(now(), now().Add(cmd.In))
	case !fileExists(file.path):
		if err := os.MkdirAll(filepath.Dir(file.path), 0o700); err != nil {
			return hinted{"making the directory: " + err.Error(), []string{"make it yourself, writable by this user"}}
		}
		keys, err = secret.NewSigningKeys(now())
	}
	if err == nil {
		err = file.write(keys)
	}
	if err != nil {
		return err
	}
	return showKeys(s, keys, cmd.JSON)
}

// openSigning finds the file of signing keys by the settings.
func (c *Config) openSigning() (*signingFile, error) {
	all, err := c.settleDatabase()
	if err != nil {
		return nil, err
	}
	return &signingFile{path: either(c.SigningKeyFile, filepath.Join(all.data, signingFileName)), keys: all.keys}, nil
}

// listedKey is a signing key as list prints it.
type listedKey struct {
	ID    string    `json:"id"`
	From  time.Time `json:"from"`
	Signs bool      `json:"signs"`
}

func showKeys(s streams, keys *secret.SigningKeys, asJSON bool) error {
	list, err := keys.List(now())
	if err != nil {
		return err
	}
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
