package main

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/secret"
)

func signingTest(t *testing.T, path string, draws bool) *signingFile {
	t.Helper()
	master := make([]byte, 32)
	master[0] = 7
	keys, err := secret.NewKeys(map[int][]byte{1: master})
	if err != nil {
		t.Fatal(err)
	}
	return newSigningFile(path, keys, draws)
}

// inUse is the id of the key that signs.
func inUse(t *testing.T, f *signingFile) string {
	t.Helper()
	keys, err := f.get()
	if err != nil {
		t.Fatal(err)
	}
	list, err := keys.List(now())
	if err != nil {
		t.Fatal(err)
	}
	return list[0].ID
}

// TestSigningFileIsDrawnOnce: many ask at once, one key is drawn, and the next start has the same.
func TestSigningFileIsDrawnOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), signingFileName)
	if _, err := signingTest(t, path, false).get(); err == nil {
		t.Fatal("a file that was named and is not there was drawn")
	}
	f := signingTest(t, path, true)
	ids := make([]string, 16)
	var all sync.WaitGroup
	for i := range ids {
		all.Go(func() { ids[i] = inUse(t, f) })
	}
	all.Wait()
	for _, id := range append(ids, inUse(t, signingTest(t, path, true)), inUse(t, signingTest(t, path, false))) {
		if id != ids[0] {
			t.Errorf("keys %s and %s", id, ids[0])
		}
	}
	if stat, err := os.Stat(path); err != nil || stat.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", stat, err)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestSigningFileIsReadAnew: a rotation reaches a running server, and a broken file leaves it the keys it has.
func TestSigningFileIsReadAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), signingFileName)
	running, command := signingTest(t, path, true), signingTest(t, path, false)
	first := inUse(t, running)
	keys, err := command.get()
	if err == nil {
		keys, err = keys.Rotate(now(), now())
	}
	if err == nil {
		err = command.write(keys)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, now(), now().Add(time.Hour)); err != nil { // file systems whose clocks are coarse
		t.Fatal(err)
	}
	if id := inUse(t, running); id != first {
		t.Error("the file is looked at each time")
	}
	running.checked = time.Time{}
	second := inUse(t, running)
	if second == first {
		t.Fatal("the new key does not sign")
	}
	if err := os.WriteFile(path, []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	running.checked = time.Time{}
	if id := inUse(t, running); id != second {
		t.Error("a broken file took the keys away")
	}
	if _, err := signingTest(t, path, true).get(); err == nil {
		t.Error("a broken file was drawn over")
	}
}
