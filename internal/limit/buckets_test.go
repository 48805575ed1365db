package limit

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// clock is a clock that a test moves; safe for concurrent use.
type clock struct{ after atomic.Int64 }

func (c *clock) now() time.Time          { return start.Add(time.Duration(c.after.Load())) }
func (c *clock) advance(d time.Duration) { c.after.Add(int64(d)) }
func bucketsOn() (*Buckets, *clock)      { c := &clock{}; return NewBuckets(c.now), c }
func drainAll(b *Buckets, s, m int) (n int) {
	for ; n < 1_000_000; n++ {
		if _, ok := b.Take("client", s, m); !ok {
			return n
		}
	}
	return n
}

func TestRequestsASecond(t *testing.T) {
	b, c := bucketsOn()
	if got := drainAll(b, PerSecond, PerMinute); got != 100 {
		t.Fatalf("%d at once, want 100", got)
	}
	wait, ok := b.Take("client", PerSecond, PerMinute)
	if ok || wait != 10*ms {
		t.Errorf("the 101st: wait %v, ok %t", wait, ok)
	}
	c.advance(10*ms - 1)
	if wait, ok := b.Take("client", PerSecond, PerMinute); ok || wait != 1 {
		t.Errorf("a nanosecond early: wait %v, ok %t", wait, ok)
	}
	c.advance(1)
	if got := drainAll(b, PerSecond, PerMinute); got != 1 {
		t.Errorf("after 10 ms: %d, want 1", got)
	}
	c.advance(time.Second)
	if got := drainAll(b, PerSecond, PerMinute); got != 100 {
		t.Errorf("after a second: %d, want 100", got)
	}
}

func TestRequestsAMinute(t *testing.T) {
	b, c := bucketsOn()
	total := 0
	for range 10 {
		total += drainAll(b, PerSecond, PerMinute)
		c.advance(time.Second)
	}
	// 1,000 at first and one each 60 ms of the ten seconds; the last of these ten drains comes after 9 s.
	if total != 1000 {
		t.Errorf("%d in ten drains of 100", total)
	}
	if got := drainAll(b, PerSecond, PerMinute); got != 100 {
		t.Errorf("in the eleventh second: %d, want 100 of the 166 refilled", got)
	}
	c.advance(time.Second)
	if got := drainAll(b, PerSecond, PerMinute); got < 80 || got > 84 {
		t.Errorf("in the twelfth second: %d, want about the 83 that are left", got)
	}
	wait, ok := b.Take("client", PerSecond, PerMinute)
	if ok || wait <= 0 || wait > 60*ms {
		t.Errorf("then: wait %v, ok %t; want at most 60 ms", wait, ok)
	}
	c.advance(time.Minute)
	if got := drainAll(b, 0, PerMinute); got != 1000 {
		t.Errorf("after a quiet minute: %d", got)
	}
}

// What is refused takes nothing, from either bucket: a client that asks in a loop is not held longer for it.
func TestRefusedRequestsTakeNothing(t *testing.T) {
	b, c := bucketsOn()
	drainAll(b, 2, 100)
	for range 1000 {
		b.Take("client", 2, 100)
	}
	c.advance(500 * ms)
	if got := drainAll(b, 2, 100); got != 1 {
		t.Errorf("after half a second: %d, want 1", got)
	}
	c.advance(time.Minute)
	if got := drainAll(b, 0, 100); got != 100 {
		t.Errorf("refusals of the second took tokens of the minute: %d left, want 100", got)
	}
}

func TestLeftTakesNothing(t *testing.T) {
	b, c := bucketsOn()
	for range 50 {
		if wait, ok := b.Left("address", 0, LookupsPerMinute); !ok || wait != 0 {
			t.Fatalf("look-ups that succeed are counted: %v", wait)
		}
	}
	for i := range LookupsPerMinute {
		if _, ok := b.Take("address", 0, LookupsPerMinute); !ok {
			t.Fatalf("failed look-up %d is refused", i+1)
		}
	}
	if wait, ok := b.Left("address", 0, LookupsPerMinute); ok || wait != 6*time.Second {
		t.Errorf("after ten: wait %v, ok %t", wait, ok)
	}
	if _, ok := b.Left("another", 0, LookupsPerMinute); !ok {
		t.Error("another address pays for it")
	}
	c.advance(6 * time.Second)
	if _, ok := b.Left("address", 0, LookupsPerMinute); !ok {
		t.Error("after six seconds still refused")
	}
}

func TestLimitsOfZeroDoNotLimit(t *testing.T) {
	b, _ := bucketsOn()
	for range 5000 {
		if _, ok := b.Take("client", 0, -1); !ok {
			t.Fatal("refused without a limit")
		}
	}
}

func TestLimitsMayChange(t *testing.T) {
	b, c := bucketsOn()
	drainAll(b, 10, 0)
	c.advance(5 * ms)
	if _, ok := b.Take("client", 10, 0); ok {
		t.Fatal("a token after 5 ms of 100")
	}
	if got := drainAll(b, 1000, 0); got != 5 {
		t.Errorf("with a raised limit 5 ms refill %d, want 5", got)
	}
	if _, ok := b.Take("client", 1, 0); ok {
		t.Error("a lowered limit lets one more through")
	}
}

func TestClockGoingBackDoesNotLockOut(t *testing.T) {
	b, c := bucketsOn()
	c.advance(24 * time.Hour)
	drainAll(b, 10, 100)
	c.advance(-24 * time.Hour)
	if wait, ok := b.Take("client", 10, 100); !ok {
		t.Errorf("wait %v", wait)
	}
}

// In any second at most twice the limit passes (a full bucket and what refills meanwhile), and over a long time no more
// than the limit.
func TestBucketsHoldTheirRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, c := bucketsOn()
		n := rapid.IntRange(1, 50).Draw(t, "limit")
		passed := 0
		for range 200 {
			c.advance(time.Duration(rapid.Int64Range(0, 100).Draw(t, "pause")) * ms)
			wait, ok := b.Take("client", n, 0)
			if ok {
				passed++
			} else if wait <= 0 || wait > time.Second {
				t.Fatalf("wait %v", wait)
			}
		}
		elapsed := c.now().Sub(start)
		// The spacing is cut to whole nanoseconds, hence the one more.
		if most := n + int(elapsed*time.Duration(n)/time.Second) + 1; passed > most {
			t.Fatalf("%d passed in %v with %d a second", passed, elapsed, n)
		}
	})
}

func TestWaitingAsToldHelps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, c := bucketsOn()
		s, m := rapid.IntRange(1, 30).Draw(t, "second"), rapid.IntRange(1, 60).Draw(t, "minute")
		drainAll(b, s, m)
		wait, _ := b.Take("client", s, m)
		c.advance(wait)
		if again, ok := b.Take("client", s, m); !ok {
			t.Fatalf("%d and %d: waited %v, then told to wait %v", s, m, wait, again)
		}
	})
}

func TestIdleKeysAreForgotten(t *testing.T) {
	b, c := bucketsOn()
	for i := range 5000 {
		b.Take(fmt.Sprint("client", i), PerSecond, PerMinute)
	}
	if got := len(b.byKey); got != 5000 {
		t.Fatalf("%d keys kept", got)
	}
	c.advance(time.Minute)
	for range 2500 {
		b.Left("somebody", PerSecond, PerMinute)
	}
	if got := len(b.byKey); got != 0 || b.used.Len() != 0 {
		t.Errorf("%d keys kept after an idle minute", got)
	}
}

func TestKeyInUseIsNotForgotten(t *testing.T) {
	b, _ := bucketsOn()
	drainAll(b, 10, 0)
	for i := range 1000 {
		b.Take(fmt.Sprint("client", i), PerSecond, PerMinute)
	}
	if _, ok := b.Take("client", 10, 0); ok {
		t.Error("a drained bucket was forgotten")
	}
}

func TestMemoryIsBounded(t *testing.T) {
	b, _ := bucketsOn()
	drainAll(b, 0, 10)
	for i := range maxKeys + 1000 {
		if i%1000 == 0 {
			if _, ok := b.Take("client", 0, 10); ok {
				t.Fatal("a flood of new keys lifted the limit of one in use")
			}
		}
		if _, ok := b.Take(fmt.Sprint("address", i), 0, LookupsPerMinute); !ok {
			t.Fatal("a new key is refused")
		}
	}
	if len(b.byKey) != maxKeys || b.used.Len() != maxKeys {
		t.Errorf("%d keys kept, want %d", len(b.byKey), maxKeys)
	}
	if _, kept := b.byKey["address0"]; kept {
		t.Error("the oldest key is kept")
	}
}

func TestManyAtOnceGetNoMoreThanTheLimit(t *testing.T) {
	b, _ := bucketsOn()
	var passed atomic.Int64
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 100 {
				if _, ok := b.Take("client", PerSecond, PerMinute); ok {
					passed.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if got := passed.Load(); got != PerSecond {
		t.Errorf("%d passed, want %d", got, PerSecond)
	}
}
