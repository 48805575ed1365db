package limit

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

var start = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

const ms = time.Millisecond

// try makes one wrong try at now, which must be allowed.
func try(t *testing.T, r Rule, tries Tries, now time.Time) Tries {
	t.Helper()
	if wait, ok := r.Allowed(tries, now); !ok {
		t.Fatalf("try %d at %v is refused for %v", tries.Count+1, now.Sub(start), wait)
	}
	return r.Failed(tries, now)
}

// waits checks that the next try is refused until exactly now+wait, to the millisecond.
func waits(t *testing.T, r Rule, tries Tries, now time.Time, wait time.Duration) {
	t.Helper()
	for _, before := range []time.Duration{wait, wait / 2, ms} {
		got, ok := r.Allowed(tries, now.Add(wait-before))
		if ok || got != before {
			t.Errorf("%v before the end of the wait of %v: wait %v, allowed %t", before, wait, got, ok)
		}
	}
	for _, after := range []time.Duration{0, ms, time.Hour} {
		if got, ok := r.Allowed(tries, now.Add(wait+after)); !ok || got != 0 {
			t.Errorf("%v after the wait of %v: wait %v, allowed %t", after, wait, got, ok)
		}
	}
}

// Journey section 1: 5 wrong tries, then waits of 1, 5, 15, 60 minutes, and 60 again.
func TestWrongPasswordsWaitLongerAndLonger(t *testing.T) {
	for _, kind := range []Kind{KindPassword, KindSecondStep, KindRecoveryCode, KindRegistration, "unheard of"} {
		r, tries, now := kind.Rule(), Tries{}, start
		for range 4 {
			tries = try(t, r, tries, now)
			if wait, ok := r.Allowed(tries, now); !ok || wait != 0 {
				t.Errorf("%s: %d wrong: wait %v", kind, tries.Count, wait)
			}
		}
		for _, minutes := range []time.Duration{1, 5, 15, 60, 60, 60} {
			tries = try(t, r, tries, now)
			waits(t, r, tries, now, minutes*time.Minute)
			now = now.Add(minutes * time.Minute)
		}
	}
}

func TestRightPasswordForgetsWrongOnes(t *testing.T) {
	r, tries := Guesses(), Tries{Version: 3}
	for range 4 {
		tries = try(t, r, tries, start)
	}
	tries = r.Passed(tries, start)
	if tries != (Tries{Total: 4, Version: 3}) {
		t.Errorf("after a right one: %+v", tries)
	}
	for range 4 {
		tries = try(t, r, tries, start)
	}
	if _, ok := r.Allowed(tries, start); !ok {
		t.Error("4 wrong ones after a right one are refused")
	}
}

func TestOldMistakesAreForgotten(t *testing.T) {
	r := Guesses()
	tries := Tries{}
	for range 5 {
		tries = try(t, r, tries, start)
	}
	kept := r.Failed(tries, start.Add(24*time.Hour-ms))
	if kept.Count != 6 || !kept.FirstAt.Equal(start) {
		t.Errorf("1 ms before a day is over: %+v", kept)
	}
	afresh := r.Failed(tries, start.Add(24*time.Hour))
	if afresh.Count != 1 || !afresh.FirstAt.Equal(start.Add(24*time.Hour)) || !afresh.Until.IsZero() || afresh.Total != 6 {
		t.Errorf("after a day: %+v", afresh)
	}
}

// Four mails an hour, from the first one (journey section 1).
func TestTriesInAWindow(t *testing.T) {
	r := KindMail.Rule()
	tries := Tries{}
	for i := range 4 {
		tries = try(t, r, tries, start.Add(time.Duration(i)*10*time.Minute))
	}
	waits(t, r, tries, start.Add(30*time.Minute), 30*time.Minute)

	// As the hour is over the count begins afresh.
	tries = try(t, r, tries, start.Add(time.Hour))
	if tries.Count != 1 || tries.Total != 5 || !tries.Until.IsZero() {
		t.Errorf("the first of the next hour: %+v", tries)
	}

	// Three in the hour, then one 1 ms before its end and one at its end.
	tries = Tries{}
	for range 3 {
		tries = try(t, r, tries, start)
	}
	if late := r.Failed(tries, start.Add(time.Hour-ms)); late.Count != 4 || !late.Until.Equal(start.Add(time.Hour)) {
		t.Errorf("1 ms before the hour's end: %+v", late)
	}
	if next := r.Failed(tries, start.Add(time.Hour)); next.Count != 1 {
		t.Errorf("at the hour's end: %+v", next)
	}
}

// Five wrong mailed codes an hour and twenty in the life of a pending account (design 10.4).
func TestLifetimeOfMailedCodes(t *testing.T) {
	r, tries, now := KindMailedCode.Rule(), Tries{}, start
	for tries.Total < 20 {
		if _, ok := r.Allowed(tries, now); !ok {
			if tries.Count != 5 {
				t.Fatalf("refused after %d in the hour", tries.Count)
			}
			now = now.Add(time.Hour)
			continue
		}
		if r.Spent(tries) {
			t.Fatalf("spent after %d", tries.Total)
		}
		tries = r.Failed(tries, now)
	}
	if hours := now.Sub(start); hours != 3*time.Hour {
		t.Errorf("20 tries took %v, want 3 h", hours)
	}
	for _, later := range []time.Duration{0, time.Hour, 1000 * time.Hour} {
		if wait, ok := r.Allowed(tries, now.Add(later)); ok || wait != 0 || !r.Spent(tries) {
			t.Errorf("%v after the 20th: wait %v, allowed %t", later, wait, ok)
		}
	}
	if passed := r.Passed(tries, now); !r.Spent(passed) {
		t.Error("a right one gives the lifetime back: an attacker with a mailbox of their own could go on for ever")
	}
}

func TestAddressesOfAJourney(t *testing.T) {
	r, tries := KindAddress.Rule(), Tries{}
	for range 5 {
		tries = try(t, r, tries, start)
	}
	if wait, ok := r.Allowed(tries, start.Add(48*time.Hour)); ok || wait != 0 {
		t.Errorf("the sixth address: wait %v, allowed %t", wait, ok)
	}
}

func TestNumbersOfTheOtherKinds(t *testing.T) {
	for kind, want := range map[Kind]struct {
		free   int
		window time.Duration
	}{
		KindAccount: {100, 24 * time.Hour},
		KindMint:    {5, time.Minute},
		KindClient:  {10, time.Minute},
		KindExists:  {1000, 24 * time.Hour},
		KindMail:    {4, time.Hour},
	} {
		r, tries := kind.Rule(), Tries{}
		for range want.free {
			tries = try(t, r, tries, start)
		}
		waits(t, r, tries, start, want.window)
	}
}

// I12: whatever happened, a rule of guesses never makes anyone wait longer than an hour, and waiting always helps. And
// however the guesser spreads the tries, a day lets no more through than the waits allow.
func TestGuessesNeitherLockOutNorLetThrough(t *testing.T) {
	r := Guesses()
	rapid.Check(t, func(t *rapid.T) {
		tries, now, made := Tries{}, start, 0
		for now.Before(start.Add(24 * time.Hour)) {
			wait, ok := r.Allowed(tries, now)
			if wait > time.Hour || ok != (wait == 0) {
				t.Fatalf("wait %v, allowed %t", wait, ok)
			}
			if ok {
				tries, made = r.Failed(tries, now), made+1
			} else if _, ok := r.Allowed(tries, now.Add(wait)); !ok {
				t.Fatalf("waiting %v did not help", wait)
			}
			now = now.Add(time.Duration(rapid.Int64Range(0, 90).Draw(t, "minutes")) * time.Minute).Add(wait)
		}
		if made > 5+3+24 {
			t.Fatalf("%d guesses in a day", made)
		}
	})
}

func TestWindowNeverLetsMoreThrough(t *testing.T) {
	r := PerWindow(4, time.Hour)
	rapid.Check(t, func(t *rapid.T) {
		tries, now := Tries{}, start
		var made []time.Time
		for range 40 {
			now = now.Add(time.Duration(rapid.Int64Range(0, 20*60_000).Draw(t, "pause")) * ms)
			if _, ok := r.Allowed(tries, now); ok {
				tries = r.Failed(tries, now)
				made = append(made, now)
			}
		}
		// Windows follow one another, so any hour meets at most two of them.
		for i := 8; i < len(made); i++ {
			if made[i].Sub(made[i-8]) < time.Hour {
				t.Fatalf("nine tries within %v", made[i].Sub(made[i-8]))
			}
		}
	})
}

// A clock that was wrong and wrote a wait of years does not shut anybody out, and the small difference between the
// clocks of two nodes does not let anybody through.
func TestWaitsOfWrongClocks(t *testing.T) {
	r := Guesses()
	for _, test := range []struct {
		until time.Duration
		ok    bool
	}{
		{time.Hour, false},
		{time.Hour + 2*time.Second, false},
		{2 * time.Hour, false},
		{2*time.Hour + ms, true},
		{365 * 24 * time.Hour, true},
		{-ms, true},
	} {
		tries := Tries{Count: 9, FirstAt: start, LastAt: start, Until: start.Add(test.until)}
		if wait, ok := r.Allowed(tries, start); ok != test.ok {
			t.Errorf("a wait until %v from now: wait %v, allowed %t", test.until, wait, ok)
		}
	}
	future := Tries{Count: 9, FirstAt: start.Add(9000 * time.Hour), LastAt: start.Add(9000 * time.Hour)}
	if got := r.Failed(future, start); got.Count != 1 {
		t.Errorf("a count from next year goes on: %+v", got)
	}
	skewed := Tries{Count: 9, FirstAt: start.Add(2 * time.Second), LastAt: start.Add(2 * time.Second)}
	if got := r.Failed(skewed, start); got.Count != 10 {
		t.Errorf("the count of a node 2 s ahead is forgotten: %+v", got)
	}
}

func TestFailedWritesWhatTheDatabaseKeeps(t *testing.T) {
	local := time.FixedZone("east", 3600)
	now := time.Date(2026, 11, 22, 11, 0, 0, 123_456_789, local)
	got := Guesses().Failed(Tries{Version: 8}, now)
	want := time.Date(2026, 11, 22, 10, 0, 0, 123_000_000, time.UTC)
	if got.FirstAt != want || got.LastAt != want {
		t.Errorf("got %v and %v, want %v", got.FirstAt, got.LastAt, want)
	}
	if got.Version != 8 || got.Count != 1 || got.Total != 1 {
		t.Errorf("got %+v", got)
	}
}

func TestNewKeyPartsCannotBeShifted(t *testing.T) {
	parts := rapid.SliceOfN(rapid.StringOfN(rapid.SampledFrom([]rune("1:ab")), 0, 4, -1), 0, 3)
	rapid.Check(t, func(t *rapid.T) {
		a, b := parts.Draw(t, "a"), parts.Draw(t, "b")
		same := len(a) == len(b)
		for i := range min(len(a), len(b)) {
			same = same && a[i] == b[i]
		}
		if got := NewKey(KindPassword, a...) == NewKey(KindPassword, b...); got != same {
			t.Fatalf("%q and %q share a count: %t", a, b, got)
		}
	})
	if NewKey(KindPassword, "7") == NewKey(KindSecondStep, "7") {
		t.Error("two kinds share a count")
	}
}

func TestRetryAfter(t *testing.T) {
	for wait, want := range map[time.Duration]int{
		-time.Second: 1, 0: 1, 1: 1, ms: 1, time.Second: 1, time.Second + 1: 2, 59*time.Second + ms: 60, time.Hour: 3600,
	} {
		if got := RetryAfter(wait); got != want {
			t.Errorf("%v: %d, want %d", wait, got, want)
		}
	}
}
