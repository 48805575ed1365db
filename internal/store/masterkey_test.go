package store

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/secret"
)

// Data opens with the keys that it was sealed under and with no others; a newer key beside them is not used before it is made known.
func TestMasterKeysOfTheData(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.db")
	first, other, second := secret.GenerateMaster(), secret.GenerateMaster(), secret.GenerateMaster()
	open := func(masters map[int][]byte) error {
		keys, err := secret.NewKeys(masters)
		if err != nil {
			t.Fatal(err)
		}
		db, err := Open(context.Background(), Options{Path: path, Keys: keys, Now: func() time.Time { return time.UnixMilli(1_800_000_000_000).UTC() }})
		if err != nil {
			return err
		}
		return db.Close()
	}
	for _, step := range []struct {
		name    string
		masters map[int][]byte
		fits    bool
	}{
		{"new data takes the key it is given", map[int][]byte{1: first}, true},
		{"the same key again", map[int][]byte{1: first}, true},
		{"another key under the same version", map[int][]byte{1: other}, false},
		{"the key under another version", map[int][]byte{2: first}, false},
		{"a newer key beside it", map[int][]byte{1: first, 2: second}, true},
		{"the newer key alone", map[int][]byte{2: second}, false},
		{"the older key alone: the newer one was never used", map[int][]byte{1: first}, true},
		{"both", map[int][]byte{1: first, 2: second}, true},
	} {
		if err := open(step.masters); (err == nil) != step.fits || err != nil && !errors.Is(err, ErrWrongKey) {
			t.Errorf("%s: got %v", step.name, err)
		}
	}
}
