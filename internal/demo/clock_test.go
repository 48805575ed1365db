package demo

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

var real = time.Date(2026, 11, 22, 9, 30, 0, 123456789, time.UTC)

func fixed() time.Time { return real }

func newClock(t *testing.T, path string) *Clock {
	t.Helper()
	c, err := NewClock(fixed, path)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestClockAdvances(t *testing.T) {
	c := newClock(t, "")
	if want := real.Truncate(time.Millisecond); !c.Now().Equal(want) || c.Now().Location() != time.UTC {
		t.Errorf("now %s, want %s", c.Now(), want)
	}
	for _, by := range []time.Duration{0, -time.Second} {
		if err := c.Advance(by); !errors.Is(err, ErrBackwards) {
			t.Errorf("advance by %s: %v", by, err)
		}
	}
	for range 2 {
		if err := c.Advance(5*time.Minute + time.Second); err != nil {
			t.Fatal(err)
		}
	}
	if want := real.Truncate(time.Millisecond).Add(10*time.Minute + 2*time.Second); !c.Now().Equal(want) || c.Offset() != 602*time.Second {
		t.Errorf("now %s, offset %s, want %s", c.Now(), c.Offset(), want)
	}
	if err := c.Advance(furthest); !errors.Is(err, ErrTooFar) {
		t.Errorf("too far: %v", err)
	}
	if c.Offset() != 602*time.Second {
		t.Error("a refused move moved the clock")
	}
}

func TestClockIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "clock")
	c := newClock(t, path)
	if err := c.Advance(time.Hour); err != nil {
		t.Fatal(err)
	}
	if again := newClock(t, path); again.Offset() != time.Hour {
		t.Errorf("offset %s after a restart", again.Offset())
	}
	for _, content := range []string{"soon", "-5m", "9999999h"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := NewClock(fixed, path); err == nil {
			t.Errorf("a clock of %q was taken", content)
		}
	}
}
