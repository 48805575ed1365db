package demo

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Errors of the clock.
var (
	// ErrBackwards: the sandbox's time only moves forward, as time does; the server relies on it.
	ErrBackwards = errors.New("time moves forward only")
	// ErrTooFar: the sandbox's time would be more than twenty years ahead, past the life of every token.
	ErrTooFar = errors.New("more than twenty years ahead")
)

// furthest is how far ahead of real time the clock goes at most.
const furthest = 20 * 365 * 24 * time.Hour

// Clock is the sandbox's time: real time plus what was added by Advance. It is safe for concurrent use.
type Clock struct {
	real func() time.Time
	path string

	mu     sync.Mutex
	offset time.Duration
}

// NewClock starts at real time, as real tells it, or where the file at path says an earlier sandbox with the same data had got to: a
// database whose newest rows lie in the future would be a riddle. An empty path keeps nothing.
func NewClock(real func() time.Time, path string) (*Clock, error) {
	c := &Clock{real: real, path: path}
	if path == "" {
		return c, nil
	}
	content, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading sandbox clock: %w", err)
	}
	c.offset, err = time.ParseDuration(strings.TrimSpace(string(content)))
	if err != nil || c.offset < 0 || c.offset > furthest {
		return nil, fmt.Errorf("reading sandbox clock: %s does not hold a duration", path)
	}
	return c, nil
}

// Now is the sandbox's time, in UTC, to the millisecond.
func (c *Clock) Now() time.Time {
	return c.real().Add(c.Offset()).UTC().Truncate(time.Millisecond)
}

// Offset is how far the sandbox is ahead of real time.
func (c *Clock) Offset() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.offset
}

// Advance moves the sandbox's time forward. It refuses zero and less with ErrBackwards, and too much with ErrTooFar.
func (c *Clock) Advance(by time.Duration) error {
	if by <= 0 {
		return ErrBackwards
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if by > furthest || c.offset+by > furthest {
		return ErrTooFar
	}
	c.offset += by
	if c.path == "" {
		return nil
	}
	if err := os.WriteFile(c.path, []byte(c.offset.String()+"\n"), 0o600); err != nil {
		return fmt.Errorf("keeping sandbox clock in %s: %w", filepath.Base(c.path), err)
	}
	return nil
}
