package secret

import (
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// clock is a clock that a test sets.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func millisOf(id int64) time.Time { return idEpoch().Add(time.Duration(id>>12) * time.Millisecond) }

func TestIDsHoldTheTime(t *testing.T) {
	c := &clock{time.Date(2026, 11, 22, 10, 0, 0, 123_000_000, time.UTC)}
	ids := NewIDs(c.now)
	first := ids.Next()
	if !millisOf(first).Equal(c.at) {
		t.Errorf("%d holds %v, want %v", first, millisOf(first), c.at)
	}
	if second := ids.Next(); second != first+1 {
		t.Errorf("in one millisecond: %d, then %d", first, second)
	}
	c.at = c.at.Add(999_999) // one nanosecond before the next millisecond
	if third := ids.Next(); third != first+2 {
		t.Errorf("still in the millisecond: %d after %d", third, first)
	}
	c.at = c.at.Add(1)
	if next := ids.Next(); !millisOf(next).Equal(c.at) {
		t.Errorf("in the next millisecond: %v, want %v", millisOf(next), c.at)
	}
}

func TestIDsBeginAtRandom(t *testing.T) {
	c := &clock{time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)}
	starts := map[int64]bool{}
	for range 200 {
		start := NewIDs(c.now).Next() & 4095
		if start > 2047 {
			t.Fatalf("starts at %d, leaving fewer than 2048 numbers", start)
		}
		starts[start] = true
	}
	if len(starts) < 100 {
		t.Errorf("200 processes began at %d places: nodes would meet in every millisecond", len(starts))
	}
}

func TestFullMillisecondBorrowsTheNext(t *testing.T) {
	c := &clock{time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)}
	ids := NewIDs(c.now)
	last := ids.Next()
	for range 10_000 {
		next := ids.Next()
		if next <= last {
			t.Fatalf("%d after %d", next, last)
		}
		last = next
	}
	if ahead := millisOf(last).Sub(c.at); ahead > 3*time.Millisecond {
		t.Errorf("10,000 numbers ran %v ahead of the clock", ahead)
	}
	c.at = millisOf(last) // the clock reaches what was borrowed
	if next := ids.Next(); next <= last {
		t.Errorf("%d after %d", next, last)
	}
}

func TestIDsStayInRange(t *testing.T) {
	c := &clock{time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)}
	ids := NewIDs(c.now)
	if first := ids.Next(); first < 1 {
		t.Errorf("before 2026: %d", first)
	}
	c.at = idEpoch()
	if next := NewIDs(c.now).Next(); next < 1 {
		t.Errorf("as 2026 begins: %d", next)
	}
	c.at = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	ids = NewIDs(c.now)
	last := ids.Next()
	for last < maxNumber {
		next := ids.Next()
		if next <= last || next > maxNumber {
			t.Fatalf("%d after %d", next, last)
		}
		last = next
	}
	defer func() {
		if recover() == nil {
			t.Error("a number was given after the last one: it can only repeat or be too large")
		}
	}()
	ids.Next()
}

// Whatever the clock does, numbers grow.
func TestIDsGrowWhateverTheClockDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := &clock{time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)}
		ids, last := NewIDs(c.now), int64(0)
		for _, move := range rapid.SliceOfN(rapid.Int64Range(-5000, 5000), 1, 50).Draw(t, "moves") {
			c.at = c.at.Add(time.Duration(move) * time.Millisecond)
			for range rapid.IntRange(1, 5).Draw(t, "draws") {
				next := ids.Next()
				if next <= last || next > maxNumber {
					t.Fatalf("%d after %d", next, last)
				}
				last = next
			}
		}
	})
}

func TestIDsDrawnAtOnceDiffer(t *testing.T) {
	c := &clock{time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)}
	ids := NewIDs(c.now)
	const drawers, each = 16, 1000
	drawn := make([][]int64, drawers)
	var wg sync.WaitGroup
	for i := range drawn {
		wg.Go(func() {
			for range each {
				drawn[i] = append(drawn[i], ids.Next())
			}
			if !slices.IsSorted(drawn[i]) {
				t.Errorf("drawer %d saw numbers fall", i)
			}
		})
	}
	wg.Wait()
	all := slices.Concat(drawn...)
	slices.Sort(all)
	if got := len(slices.Compact(all)); got != drawers*each {
		t.Errorf("%d numbers, %d of them different", drawers*each, got)
	}
}
