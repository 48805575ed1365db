package web_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/store"
)

// watched looks at every answer of every test: what must always hold is checked always.
type watched struct{ w *world }

// RoundTrip sends the request and checks the answer.
func (t watched) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	t.w.checkHeaders(r, answer)
	t.w.checkLocation(r, answer)
	t.w.checkCookies(r, answer)
	return answer, nil
}

// checkHeaders: never a 500, and no page in a frame, in a cache or with a foreign script (journey section 2).
func (w *world) checkHeaders(r *http.Request, answer *http.Response) {
	w.t.Helper()
	if answer.StatusCode == http.StatusInternalServerError && !w.faults.isOdd() {
		w.t.Errorf("%s %s answers 500:\n%s", r.Method, r.URL.Path, w.said())
	}
	if code := answer.StatusCode; code == http.StatusTemporaryRedirect || code == http.StatusPermanentRedirect {
		w.t.Errorf("%s %s answers %d, with which a browser sends the form on to where it leads", r.Method, r.URL.Path, answer.StatusCode)
	}
	h := answer.Header
	policy := "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; " +
		"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	if strings.Contains(r.URL.Path, "/files/") && answer.StatusCode == http.StatusOK && h.Get("Content-Disposition") != "" {
		// What a partner uploaded may do nothing at all, and has an origin of its own.
		policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
	}
	for name, want := range map[string]string{
		"Content-Security-Policy": policy,
		"Referrer-Policy":         "same-origin", "X-Content-Type-Options": "nosniff", "Cross-Origin-Opener-Policy": "same-origin",
		"Permissions-Policy": "publickey-credentials-create=(self), publickey-credentials-get=(self)",
	} {
		if h.Get(name) != want {
			w.t.Errorf("%s %s (%d): %s is %q", r.Method, r.URL.Path, answer.StatusCode, name, h.Get(name))
		}
	}
	asset := strings.HasPrefix(r.URL.Path, "/assets/") && answer.StatusCode == http.StatusOK
	if !asset && h.Get("Cache-Control") != "no-store" {
		w.t.Errorf("%s %s (%d): Cache-Control is %q", r.Method, r.URL.Path, answer.StatusCode, h.Get("Cache-Control"))
	}
	for name := range h {
		if strings.HasPrefix(name, "Access-Control-") {
			w.t.Errorf("%s %s: %s lets other sites read the answer", r.Method, r.URL.Path, name)
		}
	}
}

// checkLocation: no redirect off this host but to a registered address, and none at all after a form (I6, design 4.5).
func (w *world) checkLocation(r *http.Request, answer *http.Response) {
	w.t.Helper()
	to := answer.Header.Get("Location")
	ours := strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "//") && !strings.ContainsAny(to, "\\\r\n")
	if to == "" || ours {
		return
	}
	if r.Method == http.MethodPost || !w.isRegistered(to) {
		w.t.Errorf("%s %s leads off to %q", r.Method, r.URL.RequestURI(), to)
	}
}

// isRegistered reports whether an address is a registered one with parameters behind it.
func (w *world) isRegistered(address string) bool {
	for _, uri := range w.registered {
		if uri == "" {
			continue
		}
		rest, ok := strings.CutPrefix(address, uri)
		if ok && (rest == "" || rest[0] == '&' || rest[0] == '?' || strings.HasPrefix(rest, "/?")) {
			return true
		}
	}
	return false
}

// checkCookies: one cookie, whole in every browser, out of reach of scripts and of other sites' forms; and after a whole
// sign-in, which is a form, that of known devices.
func (w *world) checkCookies(r *http.Request, answer *http.Response) {
	w.t.Helper()
	set := map[string]int{}
	for _, line := range answer.Header.Values("Set-Cookie") {
		name, _, _ := strings.Cut(line, "=")
		if set[name]++; set[name] > 1 {
			w.t.Errorf("%s %s sets a cookie twice", r.Method, r.URL.Path)
		}
		if name == "lkd" && r.Method == http.MethodPost && strings.HasSuffix(line, "; Path=/; Max-Age=31536000; HttpOnly; SameSite=Strict") {
			continue
		}
		if len(line) > 4096 {
			w.t.Errorf("%s %s sets a cookie of %d bytes", r.Method, r.URL.Path, len(line))
		}
		if !strings.HasPrefix(line, "lk=") || !strings.HasSuffix(line, "; Path=/; HttpOnly; SameSite=Lax") {
			w.t.Errorf("%s %s sets the cookie %q", r.Method, r.URL.Path, line)
		}
	}
}

// hide names something that must not be in the log (I9).
func (w *world) hide(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.canaries = append(w.canaries, text)
}

// said is the log so far.
func (w *world) said() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.String()
}

// checkLog fails the test when the log holds something that was hidden, as it is or as it stands in addresses.
func (w *world) checkLog() {
	log := w.said()
	for _, text := range w.canaries {
		if text != "" && (strings.Contains(log, text) || strings.Contains(log, url.QueryEscape(text))) {
			w.t.Errorf("the log holds %q:\n%s", text, log)
		}
	}
}

// faults make the database fail: the n-th use from now on, before it happens or after it did.
type faults struct {
	mu    sync.Mutex
	left  int
	after bool
	all   bool
	hits  int
	// odd is an error that nobody expects, instead of one that says that the database is away.
	odd bool
}

// failOddly makes every use fail, until heal, with an error that has no answer.
func (f *faults) failOddly() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all, f.odd, f.hits = true, true, 0
}

func (f *faults) isOdd() bool {
	if f == nil {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.odd
}

// fail arms the n-th use from now on, counted from 1.
func (f *faults) fail(n int, after bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left, f.after, f.hits, f.all = n, after, 0, false
}

// failAll makes every use fail until heal.
func (f *faults) failAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all, f.hits = true, 0
}

// heal ends the trouble and reports whether anything met it.
func (f *faults) heal() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left, f.all, f.odd = 0, false, false
	return f.hits > 0
}

// use runs one use of the database.
func (f *faults) use(do func() error) error {
	f.mu.Lock()
	hit := f.all
	if f.left > 0 {
		f.left--
		hit = f.left == 0
	}
	if hit {
		f.hits++
	}
	after := f.after && !f.all
	f.mu.Unlock()
	gone := fmt.Errorf("the disk is gone: %w", store.ErrUnavailable)
	if f.isOdd() {
		gone = errors.New("what nobody expects")
	}
	if hit && !after {
		return gone
	}
	if err := do(); err != nil || !hit {
		return err
	}
	return gone
}

// The stores of the nouns, with trouble on demand.
type (
	faultyPartners struct {
		partner.Store
		f *faults
	}
	faultyClaims struct {
		claim.Store
		f *faults
	}
	faultySignIns struct {
		customer.SignInStore
		f *faults
	}
	faultyWaysIn struct {
		customer.WaysInStore
		f *faults
	}
	faultyRecoveries struct {
		customer.RecoveryStore
		f *faults
	}
	faultyCustomers struct {
		customer.Store
		f *faults
	}
	faultyEvents struct {
		audit.Store
		f *faults
	}
	faultyGrants struct {
		grant.OwnerStore
		f *faults
	}
)

func (s faultyEvents) TailEvents(ctx context.Context, f audit.Filter) (list []audit.Entry, err error) {
	err = s.f.use(func() error {
		list, err = s.Store.TailEvents(ctx, f)
		return err
	})
	return list, err
}

func (s faultyGrants) View(ctx context.Context, fn func(grant.OwnerTx) error) error {
	return s.f.use(func() error { return s.OwnerStore.View(ctx, fn) })
}

func (s faultyGrants) Change(ctx context.Context, fn func(grant.OwnerTx) (audit.Event, error)) error {
	return s.f.use(func() error { return s.OwnerStore.Change(ctx, fn) })
}

func (s faultyWaysIn) View(ctx context.Context, fn func(customer.WaysInTx) error) error {
	return s.f.use(func() error { return s.WaysInStore.View(ctx, fn) })
}

func (s faultyWaysIn) Change(ctx context.Context, fn func(customer.WaysInTx) (audit.Event, error)) error {
	return s.f.use(func() error { return s.WaysInStore.Change(ctx, fn) })
}

func (s faultyRecoveries) View(ctx context.Context, fn func(customer.RecoverTx) error) error {
	return s.f.use(func() error { return s.RecoveryStore.View(ctx, fn) })
}

func (s faultyRecoveries) Change(ctx context.Context, fn func(customer.RecoverTx) (audit.Event, error)) error {
	return s.f.use(func() error { return s.RecoveryStore.Change(ctx, fn) })
}

func (s faultyCustomers) View(ctx context.Context, fn func(customer.Tx) error) error {
	return s.f.use(func() error { return s.Store.View(ctx, fn) })
}

func (s faultyCustomers) Change(ctx context.Context, fn func(customer.Tx) (audit.Event, error)) error {
	return s.f.use(func() error { return s.Store.Change(ctx, fn) })
}

func (s faultyPartners) View(ctx context.Context, fn func(partner.Tx) error) error {
	return s.f.use(func() error { return s.Store.View(ctx, fn) })
}

func (s faultyClaims) View(ctx context.Context, fn func(claim.Tx) error) error {
	return s.f.use(func() error { return s.Store.View(ctx, fn) })
}

func (s faultyClaims) Change(ctx context.Context, fn func(claim.Tx) (audit.Event, error)) error {
	return s.f.use(func() error { return s.Store.Change(ctx, fn) })
}

func (s faultySignIns) View(ctx context.Context, fn func(customer.SignInTx) error) error {
	return s.f.use(func() error { return s.SignInStore.View(ctx, fn) })
}

func (s faultySignIns) Change(ctx context.Context, fn func(customer.SignInTx) (audit.Event, error)) error {
	return s.f.use(func() error { return s.SignInStore.Change(ctx, fn) })
}

func (s faultySignIns) SeeSession(ctx context.Context, id customer.SessionID, digest []byte, now time.Time) error {
	return s.f.use(func() error { return s.SignInStore.SeeSession(ctx, id, digest, now) })
}

func (s faultyPartners) Change(ctx context.Context, fn func(partner.Tx) (audit.Event, error)) error {
	return s.f.use(func() error { return s.Store.Change(ctx, fn) })
}
