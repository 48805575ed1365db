package limit

import "time"

// Rule says how many tries are allowed and what follows them. It is a value; its methods are pure. Make one with Guesses
// or PerWindow, or by hand:
//   - Free tries, then Waits: 5 wrong passwords, then a wait after each further one, growing to the last of Waits.
//   - Free tries in a Window that begins with the first of them, then a wait for the window's end.
//   - Lifetime tries in all, whatever the time.
type Rule struct {
	// Free is the number of tries before the first wait; 0 means that only Lifetime limits.
	Free int
	// Waits are the waits after the Free-th try, the one after it, and so on; the last one repeats. Zero entries at the
	// end are not used; all zero means that Window decides.
	Waits [4]time.Duration
	// Window is how long the count lasts: from the first try where there are no Waits; from the last one where there
	// are, so that an old mistake is forgotten.
	Window time.Duration
	// Lifetime is the number of tries ever, 0 for no such limit. No waiting helps against it (see Spent); what it guards
	// needs a way out that somebody else opens, such as the partner correcting the address (design 10.4).
	Lifetime int
}

// Guesses is the rule for passwords and second steps (journey section 1): 5 wrong, then waits of 1, 5, 15 and 60
// minutes, 60 again for each further one, forgotten a day after the last. At 24 guesses a day it stops guessing without
// ever shutting the owner out for longer than an hour (I12; RTS Article 4(3)(b)).
func Guesses() Rule {
	return Rule{
		Free:   5,
		Waits:  [4]time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour},
		Window: 24 * time.Hour,
	}
}

// PerWindow is the rule for n tries in a window that begins with the first of them, such as 4 mails an hour. Who waits for the
// end of one window has 2n tries around it, and never more than n a window in the long run. That is let be: what is guessed here
// is guarded by the long run (100 a day against a password, 20 in a life against a mailed code), and to be exact at the border
// would take a row for each try.
func PerWindow(n int, window time.Duration) Rule { return Rule{Free: n, Window: window} }

// Allowed tells whether one more try may be made. When not, wait is the time until it may, for Retry-After and for the
// page; it is 0 where no waiting helps, which Spent tells too.
func (r Rule) Allowed(t Tries, now time.Time) (wait time.Duration, ok bool) {
	if r.Spent(t) {
		return 0, false
	}
	wait = t.Until.Sub(now)
	// A wait far beyond the rule's longest was written by a clock that was wrong; obeying it could shut somebody out for
	// years. Twice the longest leaves room for the clocks of two nodes, or the other node would allow what this refuses.
	if t.Until.IsZero() || wait <= 0 || wait > 2*r.longest() {
		return 0, true
	}
	return wait, false
}

// Spent tells whether the lifetime's tries are used up: no waiting helps any more.
func (r Rule) Spent(t Tries) bool { return r.Lifetime > 0 && t.Total >= r.Lifetime }

// Failed counts a try (a wrong guess, a mail sent) and sets the wait that follows it. Call it only when Allowed said so.
func (r Rule) Failed(t Tries, now time.Time) Tries {
	now = now.UTC().Truncate(time.Millisecond)
	if r.forgotten(t, now) {
		t.Count, t.FirstAt = 0, time.Time{}
	}
	if t.Count == 0 {
		t.FirstAt = now
	}
	t.Count++
	t.Total++
	t.LastAt = now
	t.Until = time.Time{}
	if r.Free > 0 && t.Count >= r.Free {
		t.Until = r.until(t)
	}
	return t
}

// Passed forgets the wrong guesses after a right one. The Total stays: it counts for a lifetime.
func (r Rule) Passed(t Tries, _ time.Time) Tries {
	return Tries{Total: t.Total, Version: t.Version}
}

// Returned takes one try back that turned out right, and keeps the others. The wait that it set goes with it, unless the
// tries that remain have one of their own.
func (r Rule) Returned(t Tries, _ time.Time) Tries {
	t.Count, t.Total = max(t.Count-1, 0), max(t.Total-1, 0)
	if t.Count == 0 {
		return Tries{Total: t.Total, Version: t.Version}
	}
	t.Until = time.Time{}
	if r.Free > 0 && t.Count >= r.Free {
		t.Until = r.until(t)
	}
	return t
}

// forgotten tells whether the count so far is too old to matter. A count from the future was written by a wrong clock.
func (r Rule) forgotten(t Tries, now time.Time) bool {
	if t.Count == 0 || r.Window <= 0 {
		return t.Count == 0
	}
	from := t.FirstAt
	if r.waits() > 0 {
		from = t.LastAt
	}
	return !now.Before(from.Add(r.Window)) || from.After(now.Add(r.Window))
}

func (r Rule) until(t Tries) time.Time {
	if n := r.waits(); n > 0 {
		return t.LastAt.Add(r.Waits[min(t.Count-r.Free, n-1)])
	}
	return t.FirstAt.Add(r.Window)
}

// waits is the number of waits in use.
func (r Rule) waits() int {
	n := 0
	for n < len(r.Waits) && r.Waits[n] > 0 {
		n++
	}
	return n
}

func (r Rule) longest() time.Duration {
	longest := time.Duration(0)
	for _, wait := range r.Waits {
		longest = max(longest, wait)
	}
	if longest == 0 {
		longest = r.Window
	}
	return longest
}

// RetryAfter is a wait in whole seconds for the Retry-After header (RFC 9110 section 10.2.3): rounded up, since a client
// that comes back a fraction early is only refused again, and at least 1.
func RetryAfter(wait time.Duration) int {
	return max(int((wait+time.Second-1)/time.Second), 1)
}
