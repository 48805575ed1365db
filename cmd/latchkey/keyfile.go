package main

import (
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/latchkey-id/latchkey/internal/secret"
)

// The files of signing keys in the data directory, when the settings name no others.
const (
	signingFileName = "signing.keys"
	receiptFileName = "receipt.keys"
)

// keyFile is where keys lie that sign: one file, sealed under the master key, never in the database or its backup. It is
// read anew when it changes, so that a rotation needs no restart; several nodes sign alike when they have the same file.
type keyFile[K any] struct {
	path string
	// draws makes the file when it is not there.
	draws bool
	open  func([]byte) (*K, error)
	seal  func(*K) ([]byte, error)
	draw  func(time.Time) (*K, error)

	mu       sync.Mutex
	loaded   *K
	modified time.Time
	checked  time.Time
}

type (
	// signingFile has the keys of notifications, receiptFile those of receipts: each signs one kind of thing, so that nothing
	// can be passed off as the other.
	signingFile = keyFile[secret.SigningKeys]
	receiptFile = keyFile[secret.ReceiptKeys]
)

func newSigningFile(path string, keys *secret.Keys, draws bool) *signingFile {
	return &signingFile{path: path, draws: draws, open: keys.OpenSigning, seal: keys.SealSigning, draw: secret.NewSigningKeys}
}

func newReceiptFile(path string, keys *secret.Keys, draws bool) *receiptFile {
	return &receiptFile{path: path, draws: draws, open: keys.OpenReceiptKeys, seal: keys.SealReceipt, draw: secret.NewReceiptKeys}
}

// get returns the keys as the file has them. A file that became unreadable keeps the keys that were read before.
func (f *keyFile[K]) get() (*K, error) {
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

func (f *keyFile[K]) read() (*K, error) {
	content, err := os.ReadFile(f.path)
	if errors.Is(err, os.ErrNotExist) && f.draws {
		drawn, err := f.draw(now())
		if err != nil {
			return nil, err
		}
		return drawn, f.write(drawn)
	}
	if err != nil {
		return nil, errors.New(withoutPath(err, f.path))
	}
	keys, err := f.open(content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.path, err)
	}
	return keys, nil
}

// write replaces the file in one step: a reader sees the old keys or the new ones.
func (f *keyFile[K]) write(keys *K) error {
	content, err := f.seal(keys)
	if err != nil {
		return err
	}
	if err := replaceFile(f.path, content); err != nil {
		return fmt.Errorf("keeping the signing keys: %w", err)
	}
	return nil
}

// reseal writes the keys as they are, under the master key in use.
func (f *keyFile[K]) reseal() error {
	keys, err := f.get()
	if err != nil {
		return err
	}
	return f.write(keys)
}

// sealedFileVersion is the version of the master key that a file of keys is sealed under; 0 where there is no such file.
func sealedFileVersion(path string) int {
	content, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	block, _ := pem.Decode(content)
	if block == nil {
		return 0
	}
	return secret.SealedVersion(block.Bytes)
}

// rotating are keys that a command lists and rotates.
type rotating[K any] interface {
	*K
	Rotate(now, from time.Time) (*K, error)
	List(now time.Time) ([]secret.SigningKey, error)
}

// keysOf are the keys of a file.
func keysOf[K any, P rotating[K]](f *keyFile[K]) ([]secret.SigningKey, error) {
	keys, err := f.get()
	if err != nil {
		return nil, err
	}
	return P(keys).List(now())
}

// rotated adds a key that signs after a while, or makes the file, whose key signs at once.
func rotated[K any, P rotating[K]](f *keyFile[K], in time.Duration) ([]secret.SigningKey, error) {
	keys, err := f.get()
	switch {
	case err == nil:
		keys, err = P(keys).Rotate(now(), now().Add(in))
	case !fileExists(f.path):
		if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
			return nil, hinted{"making the directory: " + err.Error(), []string{"make it yourself, writable by this user"}}
		}
		keys, err = f.draw(now())
	}
	if err == nil {
		err = f.write(keys)
	}
	if err != nil {
		return nil, err
	}
	return P(keys).List(now())
}
