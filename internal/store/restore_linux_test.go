package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestTheLockOutlivesTheCopy: the file that is being replaced stays locked while it is copied, where it cannot have a second name. A process loses
// its locks on a file with any descriptor of it that it closes.
func TestTheLockOutlivesTheCopy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	must(t, openTest(t, path).Close())
	old, err := os.Open(path)
	must(t, err)
	defer old.Close()
	release, err := oneFile(t.Context(), path)
	must(t, err)
	defer func() { must(t, release()) }()
	locked := func() bool {
		stat, err := old.Stat()
		must(t, err)
		all, err := os.ReadFile("/proc/locks")
		must(t, err)
		return strings.Contains(string(all), fmt.Sprintf(":%d ", stat.Sys().(*syscall.Stat_t).Ino))
	}
	if !locked() {
		t.Fatal("the test sees no lock at all")
	}
	before, err := keep(t.Context(), path, old, raceTime(), func(string, string) error { return errors.ErrUnsupported })
	must(t, err)
	if !locked() {
		t.Error("nobody is kept from the file any more")
	}
	if kept, err := os.Stat(before); err != nil || kept.Size() == 0 {
		t.Errorf("%s: %v", before, err)
	}
}
