package server

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// What many clients saw of one account, for rules that need to know nothing of how the server works.

// An op is one call of one client: what it asked, when the call began and when its answer had come, on one count for all, and what
// the answer was.
type op struct {
	kind string
	// by is the client; about the code, token or journey that the call showed or got.
	by, about  string
	begin, end int
	outcome    outcome
	// at is the server's clock when the call began, was when a code that is shown was minted: the earliest and latest it can have been.
	at, was time.Time
}

// outcome is what a client makes of an answer.
type outcome int

const (
	taken outcome = iota
	refused
	// other: it was asked too often, or at a bad moment; it says nothing.
	other
)

// The kinds of calls.
const (
	opMint     = "mint"     // about a claim code
	opOpen     = "open"     // by a browser, about a claim code
	opProof    = "proof"    // by a browser, about the claim code that it opened
	opCommit   = "commit"   // by a browser
	opConsent  = "consent"  // by a browser
	opReturn   = "return"   // by a browser, about an authorization code
	opExchange = "exchange" // about an authorization code
	opBefore   = "before"   // a partner's call with what it held before the claim, about which
	opGranted  = "granted"  // a partner's call with a token of the exchange, about the authorization code
)

// A history is what was recorded.
type history struct {
	mu    sync.Mutex
	count int
	ops   []op
}

func (h *history) tick() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.count++
	return h.count
}

// do records a call. fn may set what it is about.
func (h *history) do(o op, fn func(o *op)) {
	o.begin = h.tick()
	fn(&o)
	o.end = h.tick()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, o)
}

func (h *history) String() string {
	slices.SortFunc(h.ops, func(a, b op) int { return a.begin - b.begin })
	var text strings.Builder
	for _, o := range h.ops {
		fmt.Fprintf(&text, "%3d-%3d %s %s %.12s %s\n", o.begin, o.end, o.by, o.kind, o.about, [...]string{"taken", "refused", "other"}[o.outcome])
	}
	return text.String()
}

// judge tells what the history breaks of I1, I2, I4 and I5, each by what clients alone can see.
func (h *history) judge() (broken []string) {
	fail := func(format string, args ...any) { broken = append(broken, fmt.Sprintf(format, args...)) }
	all := func(kind string, is outcome) (some []op) {
		for _, o := range h.ops {
			if o.kind == kind && o.outcome == is {
				some = append(some, o)
			}
		}
		return some
	}
	// I1: a claim code leads at most one browser past the mailbox proof, and opens for 300 seconds.
	past := map[string]string{}
	for _, o := range all(opProof, taken) {
		if before, twice := past[o.about]; twice && before != o.by {
			fail("I1: code %s led %s and %s past the proof", o.about, before, o.by)
		}
		past[o.about] = o.by
	}
	for _, o := range all(opOpen, taken) {
		if age := o.at.Sub(o.was); age >= 300*time.Second {
			fail("I1: code %s opened after %v", o.about, age)
		}
	}
	// I2: one commit; nothing of before it is taken that was asked after it was answered, and what was refused once stays refused.
	commits := all(opCommit, taken)
	if len(commits) > 1 {
		fail("I2: %s and %s committed", commits[0].by, commits[1].by)
	}
	for _, o := range all(opBefore, taken) {
		if len(commits) > 0 && o.begin > commits[0].end {
			fail("I2: %s by what was held before, asked after the commit was answered, is taken", o.about)
		}
		for _, r := range all(opBefore, refused) {
			if r.about == o.about && r.end < o.begin {
				fail("I2: %s was refused, and taken afterwards", o.about)
			}
		}
	}
	h.codes(all, commits, fail)
	return broken
}

// codes are the rules of authorization codes.
func (h *history) codes(all func(string, outcome) []op, commits []op, fail func(string, ...any)) {
	// I4: a code comes back after a commit and to a browser that consented, both of them asked before it was.
	for _, o := range all(opReturn, taken) {
		if !slices.ContainsFunc(commits, func(c op) bool { return c.begin < o.end }) {
			fail("I4: code %s came without an owner", o.about)
		}
		if !slices.ContainsFunc(all(opConsent, taken), func(c op) bool { return c.by == o.by && c.begin < o.end }) {
			fail("I4: code %s came back to %s without its consent", o.about, o.by)
		}
	}
	// I5: a code is redeemed once, and a valid second use ends what the first gave.
	redeemed := map[string]bool{}
	for _, o := range all(opExchange, taken) {
		if redeemed[o.about] {
			fail("I5: code %s was redeemed twice", o.about)
		}
		redeemed[o.about] = true
		if !slices.ContainsFunc(all(opReturn, taken), func(r op) bool { return r.about == o.about && r.begin < o.end }) {
			fail("I4: code %s was redeemed that never came back", o.about)
		}
	}
	for _, o := range all(opGranted, taken) {
		for _, second := range all(opExchange, refused) {
			if redeemed[second.about] && second.about == o.about && second.end < o.begin {
				fail("I5: the token of code %s works after a second use", o.about)
			}
		}
	}
}

// A crowd is a partner, browsers of one person and the time, around one account, that do what they do at once.
type crowd struct {
	*history
	s     *stand
	firm  *firm
	email string
	// mu guards what they share; mailing lets one browser at a time send a code and read it.
	mu, mailing sync.Mutex
	links       []link
	auths       []string
	granted     map[string]string
	browsers    []*walker
}

// A link is a claim code, and when it was minted at the latest, by the server's clock.
type link struct {
	code, address string
	until         time.Time
}

// A walker is a browser on its way.
type walker struct {
	*person
	c    *crowd
	name string
	link link
	// digits are those that were mailed to this browser's journey.
	digits string
	over   bool
}

func newCrowd(s *stand, f *firm, browsers int) *crowd {
	c := &crowd{history: &history{}, s: s, firm: f, email: f.email, granted: map[string]string{}}
	for i := range browsers {
		c.browsers = append(c.browsers, &walker{person: s.person(f.email), c: c, name: fmt.Sprint("browser ", i)})
	}
	return c
}

func (c *crowd) record(kind, by, about string, fn func(o *op)) {
	c.do(op{kind: kind, by: by, about: about, at: c.s.now()}, fn)
}

// judged is what a status says.
func judged(status int) outcome {
	switch {
	case status < 300:
		return taken
	case status == http.StatusUnauthorized:
		return refused
	}
	return other
}

// mints is the partner's call for another claim code.
func (c *crowd) mints() {
	c.record(opMint, "partner", "", func(o *op) {
		status, text := c.s.call("POST", "/v1/user/claim-account", c.firm.bearers[0], "application/json", `{"registrationCode":"`+c.firm.code+`"}`)
		if o.outcome = judged(status); o.outcome != taken {
			return
		}
		_, code, _ := strings.Cut(text, `:"`)
		code, _, _ = strings.Cut(code, `"`)
		o.about = code
		c.mu.Lock()
		defer c.mu.Unlock()
		c.links = append(c.links, link{code, c.firm.authorize(code), c.s.now()})
	})
}

// holds are the partner's calls with what it held before the claim, each of which is a way of its own.
func (c *crowd) holds(which int) {
	ways := []struct {
		about string
		ask   func() int
	}{
		{"reading", func() int { return c.status("GET", "/v1/me", "") }},
		{"a form", func() int { return c.status("GET", "/v1/address-requirements", "") }}, // for which the token alone is asked
		{"writing", func() int {
			return c.status("PUT", "/v2/profiles/"+c.firm.ids["70010001"]+"/personal-profile", `{"address":{"city":"Edinburgh"}}`)
		}},
		{"the registration code", func() int {
			values := url.Values{"grant_type": {"registration_code"}, "client_id": {c.firm.id}, "client_secret": {c.firm.secret}, "email": {c.email}, "registration_code": {c.firm.code}}
			status, _ := c.s.call("POST", "/oauth/token", "", "application/x-www-form-urlencoded", values.Encode())
			return status
		}},
		{"subscribing", func() int {
			return c.status("POST", "/v3/profiles/"+c.firm.ids["70010001"]+"/subscriptions", `{"name":"n","trigger_on":"balances#update","delivery":{"version":"4.0.0","url":"https://hooks.acme.example/in"}}`)
		}},
	}
	way := ways[which%len(ways)]
	c.record(opBefore, "partner", way.about, func(o *op) { o.outcome = judged(way.ask()) })
}

func (c *crowd) status(method, path, body string) int {
	status, _ := c.s.call(method, path, c.firm.bearers[0], "application/json", body)
	return status
}

// exchanges redeems the newest code that came back.
func (c *crowd) exchanges(by string) {
	c.mu.Lock()
	if len(c.auths) == 0 {
		c.mu.Unlock()
		return
	}
	code := c.auths[len(c.auths)-1]
	c.mu.Unlock()
	c.record(opExchange, by, code, func(o *op) {
		values := url.Values{"grant_type": {"authorization_code"}, "client_id": {c.firm.id}, "client_secret": {c.firm.secret}, "code": {code}, "redirect_uri": {callback}}
		status, text := c.s.call("POST", "/oauth/token", "", "application/x-www-form-urlencoded", values.Encode())
		if o.outcome = judged(status); o.outcome == taken {
			_, token, _ := strings.Cut(text, `"access_token":"`)
			token, _, _ = strings.Cut(token, `"`)
			c.mu.Lock()
			defer c.mu.Unlock()
			c.granted[code] = "Bearer " + token
		}
	})
}

// uses asks with a token of an exchange.
func (c *crowd) uses() {
	c.mu.Lock()
	tokens := map[string]string{}
	for code, token := range c.granted {
		tokens[code] = token
	}
	c.mu.Unlock()
	for code, token := range tokens {
		c.record(opGranted, "partner", code, func(o *op) {
			status, _ := c.s.call("GET", "/v1/me", token, "", "")
			o.outcome = judged(status)
		})
	}
}
