package server

import (
	"flag"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/latchkey-id/latchkey/internal/partner"
)

// opens takes a link of the partner's: the newest, or the one before it.
func (w *walker) opens(newest bool) {
	w.c.mu.Lock()
	n := len(w.c.links)
	if n == 0 || !newest && n == 1 {
		w.c.mu.Unlock()
		return
	}
	if w.link = w.c.links[n-1]; !newest {
		w.link = w.c.links[n-2]
	}
	w.c.mu.Unlock()
	w.c.do(op{kind: opOpen, by: w.name, about: w.link.code, at: w.s.now(), was: w.link.until}, func(o *op) {
		w.open(w.link.address)
		o.outcome = w.stands("c1")
	})
	w.over = w.id != "c1"
}

// stands says whether the browser came to the page.
func (w *walker) stands(page string) outcome {
	switch {
	case w.id == page && w.problems == "":
		return taken
	case w.status >= 500:
		return other
	}
	return refused
}

// steps takes the browser one page on, from wherever it is.
func (w *walker) steps(newest bool) {
	if w.over {
		return
	}
	if w.root == nil {
		w.opens(newest)
		return
	}
	was := w.id
	switch was {
	case "c1":
		w.c.mailing.Lock()
		if w.press("email", w.email); w.id == "c2" {
			w.digits = w.s.digits(w.email)
		}
		w.c.mailing.Unlock()
	case "c2":
		w.c.record(opProof, w.name, w.link.code, func(o *op) { w.press("code", w.digits); o.outcome = w.stands("c3") })
	case "c3":
		w.press("new_password", password)
	case "c4":
		w.press("method", "app")
	case "c5":
		w.scan()
		w.press("code", w.appCode())
	case "c7":
		w.c.record(opCommit, w.name, "", func(o *op) { w.press("saved", "yes"); o.outcome = w.stands("c8") })
	case "c8":
		w.press()
	case "c10":
		begin := w.c.tick()
		w.c.record(opConsent, w.name, "", func(o *op) { w.decide("allow"); o.outcome = w.stands("c11") })
		w.returned(begin)
	case "c11":
		begin := w.c.tick()
		w.open(w.at.Path)
		w.returned(begin)
	default:
		w.over = true
	}
	if w.status >= 500 {
		w.s.Errorf("%s is answered %d at %s: %s", w.name, w.status, w.at.Path, w.body)
	}
	w.over = w.over || w.id == was && was != "c11"
}

// returned keeps the code that page C11 leads back with.
func (w *walker) returned(begin int) {
	if w.id != "c11" || !strings.Contains(w.header.Get("Link"), "code=") {
		return
	}
	code := w.back().Get("code")
	w.c.mu.Lock()
	w.c.auths = append(w.c.auths, code)
	w.c.mu.Unlock()
	end := w.c.tick()
	w.c.history.mu.Lock()
	defer w.c.history.mu.Unlock()
	w.c.ops = append(w.c.ops, op{kind: opReturn, by: w.name, about: code, begin: begin, end: end})
}

// A round is what happens at once.
type round struct {
	Mint     bool
	Before   []int  // the partner's calls with what it held
	Browsers []bool // for each browser whether it goes on
	Newest   bool
	Exchange int
	Uses     bool
	Seconds  int
}

// rounds draws a schedule. Browsers go on more often than they stand, so that most runs come to a commit, many of them more than
// one browser far.
func rounds(t *rapid.T, browsers int) []round {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) round {
		r := round{Mint: rapid.IntRange(0, 5).Draw(t, "mint") == 0, Newest: rapid.IntRange(0, 3).Draw(t, "newest") > 0, Uses: rapid.Bool().Draw(t, "uses"),
			Exchange: rapid.IntRange(0, 2).Draw(t, "exchange"), Before: rapid.SliceOfN(rapid.IntRange(0, 4), 0, 2).Draw(t, "before")}
		for range browsers {
			r.Browsers = append(r.Browsers, rapid.IntRange(0, 3).Draw(t, "browser") > 0)
		}
		if rapid.IntRange(0, 9).Draw(t, "clock") == 0 {
			r.Seconds = rapid.IntRange(1, 400).Draw(t, "seconds")
		}
		return r
	}), 14, 22).Draw(t, "rounds")
}

// play has everything of a round done at once and waits for it.
func (c *crowd) play(r round) {
	var wait sync.WaitGroup
	if r.Mint {
		wait.Go(c.mints)
	}
	for i, goes := range r.Browsers {
		if goes {
			wait.Go(func() { c.browsers[i].steps(r.Newest) })
		}
	}
	for _, which := range r.Before {
		wait.Go(func() { c.holds(which) })
	}
	for i := range r.Exchange {
		wait.Go(func() { c.exchanges(fmt.Sprint("program ", i)) })
	}
	if r.Uses {
		wait.Go(c.uses)
	}
	if r.Seconds > 0 {
		wait.Go(func() { c.s.advance(time.Duration(r.Seconds) * time.Second) })
	}
	wait.Wait()
}

// histories plays drawn schedules against one server, each on an account of its own. A failing one is shrunk, and what rapid
// prints replays the schedule; what happens within a round is up to the machine.
func histories(t *testing.T, s *stand, checks int) {
	t.Helper()
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		before := f.Value.String()
		_ = flag.Set("rapid.checks", fmt.Sprint(checks))
		defer func() { _ = flag.Set("rapid.checks", before) }()
	}
	firm := s.partner(partner.Registration{ClientID: "acme"})
	var n, commits, codes, several atomic.Int64
	rapid.Check(t, func(t *rapid.T) {
		f := *firm
		f.ids, f.bearers = map[string]string{}, nil
		c := newCrowd(s, f.opens(fmt.Sprintf("mira%d@example.org", n.Add(1))), 3)
		c.mints()
		for _, r := range rounds(t, len(c.browsers)) {
			c.play(r)
		}
		for range 3 { // to the end, so that there is something to judge
			c.exchanges("program 0")
			c.uses()
			for way := range 5 {
				c.holds(way)
			}
		}
		if broken := c.judge(); len(broken) > 0 {
			t.Fatalf("%s\n%s", strings.Join(broken, "\n"), c)
		}
		past := 0
		for _, o := range c.ops {
			switch {
			case o.kind == opCommit && o.outcome == taken:
				commits.Add(1)
			case o.kind == opReturn:
				codes.Add(1)
			case o.kind == opProof:
				past++
			}
		}
		if past > 1 {
			several.Add(1)
		}
	})
	t.Logf("%d histories, %d commits, %d authorization codes; in %d several browsers came to the proof", n.Load(), commits.Load(), codes.Load(), several.Load())
	if commits.Load() == 0 || codes.Load() == 0 || checks > 20 && several.Load() == 0 {
		t.Error("the schedules do not get far")
	}
}

// Issue 4 line 10: histories recorded by the clients of a true server under concurrency, checked for I1, I2, I4 and I5.
func TestHistories(t *testing.T) {
	checks := 3
	if full() {
		checks = 60
	}
	histories(t, newStand(t), checks)
}

// The same on PostgreSQL, whose transactions run beside each other.
func TestHistoriesOnPostgreSQL(t *testing.T) {
	dsn := postgres(t)
	o, _ := options(t)
	o.Database = dsn
	histories(t, newStandWith(t, o), 60)
}

// The judge finds each kind of false history: a rule that finds nothing would pass every server.
func TestFalseHistoriesAreFound(t *testing.T) {
	t.Parallel()
	minted := start
	honest := []op{
		{kind: opOpen, by: "A", about: "x", begin: 1, end: 2, at: minted.Add(299 * time.Second), was: minted},
		{kind: opProof, by: "A", about: "x", begin: 3, end: 4}, {kind: opProof, by: "B", about: "x", begin: 3, end: 5, outcome: refused},
		{kind: opBefore, about: "reading", begin: 6, end: 7}, {kind: opCommit, by: "A", begin: 6, end: 10}, {kind: opBefore, about: "reading", begin: 8, end: 12},
		{kind: opBefore, about: "reading", begin: 13, end: 14, outcome: refused}, {kind: opConsent, by: "A", begin: 15, end: 16},
		{kind: opReturn, by: "A", about: "c", begin: 15, end: 17}, {kind: opExchange, about: "c", begin: 18, end: 19}, {kind: opGranted, about: "c", begin: 20, end: 21},
		{kind: opExchange, about: "c", begin: 22, end: 24, outcome: refused}, {kind: opGranted, about: "c", begin: 23, end: 25}, {kind: opGranted, about: "c", begin: 26, end: 27, outcome: refused},
	}
	if broken := (&history{ops: honest}).judge(); len(broken) != 0 {
		t.Errorf("an honest history is found to break %q", broken)
	}
	for name, x := range map[string]struct {
		law   string
		spoil func(ops []op) []op
	}{
		"two past one code":      {"I1", func(ops []op) []op { ops[2].outcome = taken; return ops }},
		"a code that is too old": {"I1", func(ops []op) []op { ops[0].at = minted.Add(300 * time.Second); return ops }},
		"two commits":            {"I2", func(ops []op) []op { return append(ops, op{kind: opCommit, by: "B", begin: 11, end: 12}) }},
		"taken after the commit": {"I2", func(ops []op) []op { ops[6].outcome = taken; return ops }},
		"taken after a refusal": {"I2", func(ops []op) []op {
			return append(ops, op{kind: opBefore, about: "reading", begin: 1, end: 2, outcome: refused})
		}},
		"a code of another browser": {"I4", func(ops []op) []op { ops[8].by = "B"; return ops }},
		"a code before the consent": {"I4", func(ops []op) []op { ops[8].begin, ops[8].end = 11, 12; return ops }},
		"a code without an owner":   {"I4", func(ops []op) []op { ops[4].outcome = refused; return ops }},
		"a code that nobody got":    {"I4", func(ops []op) []op { return append(ops, op{kind: opExchange, about: "d", begin: 18, end: 19}) }},
		"redeemed twice":            {"I5", func(ops []op) []op { ops[11].outcome = taken; return ops }},
		"alive after a second use":  {"I5", func(ops []op) []op { ops[13].outcome = taken; return ops }},
	} {
		broken := (&history{ops: x.spoil(append([]op{}, honest...))}).judge()
		if len(broken) == 0 || !strings.HasPrefix(broken[0], x.law+":") {
			t.Errorf("%s: found %q", name, broken)
		}
	}
}
