package api

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"path"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// A Door is the API over the nouns. All fields are needed but where it says otherwise.
type Door struct {
	Partners  partner.Partners
	Customers customer.Customers
	Tokens    grant.Tokens
	Claims    claim.Claims
	// Subscriptions are who is told of what.
	Subscriptions partner.Subscriptions
	// Signing returns the keys that notifications are signed with, anew each time: they are rotated while the server runs.
	Signing func() (*secret.SigningKeys, error)
	// Receipts returns those of receipts.
	Receipts func() (*secret.ReceiptKeys, error)
	// Approvals are one-time tokens and what clears them, PublicKeys what partners gave to sign by (contract 13).
	Approvals  customer.Approvals
	PublicKeys partner.PublicKeys
	// Simulates lets partners verify profiles and drive reviews by themselves (contract 14): for a sandbox.
	Simulates bool
	// Volume holds this node's share of the volume limits (contract 3.1, OC-42).
	Volume *limit.Buckets
	// Now is the clock.
	Now func() time.Time
	// Log receives what went wrong, with the trace id of the answer.
	Log *slog.Logger
	// From is the address that a request came from, as seen behind the proxies that the operator trusts.
	From func(*http.Request) netip.Addr
	// WebURL is the origin of the pages: an authorize request that reaches the API's host is led there (design 10.17). Empty
	// where both are one host, and the pages are asked first.
	WebURL string
	// PagesURL is the origin of the pages, also where they share it with the API: links of reviews lead there.
	PagesURL string
	// APIURL is the origin of this API, for its description; "" leaves it to the reader, who has asked somewhere.
	APIURL string
	// Observe, where set, is told of each answer after it was given, and how it agrees with the description: for tests and
	// sandboxes. It must be safe for use by many at once.
	Observe func(Observation)
	// Unavailable is what the errors of a database that did not answer wrap (I11).
	Unavailable error

	uploads limit.Seats
}

// oldestRelease is the first calendar label that was documented; later ones are served alike (contract OC-2).
const oldestRelease = "2026Q3"

var release = regexp.MustCompile(`^20[0-9][0-9]Q[1-4]$`)

// served reports whether a calendar label is one that is served.
func served(label string) bool { return release.MatchString(label) && label >= oldestRelease }

// Handler is the whole API. It answers every request: what is not its own is 404.
func (d *Door) Handler() http.Handler {
	mux := http.NewServeMux()
	methods := map[string]map[string]route{}
	for _, rt := range d.routes() {
		if rt.simulates() && !d.Simulates {
			continue
		}
		for _, pattern := range rt.patterns() {
			if methods[pattern] == nil {
				methods[pattern] = map[string]route{}
			}
			methods[pattern][rt.method] = rt
		}
	}
	for pattern, byMethod := range methods {
		mux.Handle(pattern, d.methods(byMethod))
	}
	if d.WebURL != "" {
		mux.HandleFunc("/oauth/authorize", d.leadToPages)
	}
	mux.Handle("/", d.plain(errNoPath))
	return d.observed(d.frame(mux))
}

// frame gives every answer what all have in common (contract 3.1) and makes a panic an answer like any other error.
func (d *Door) frame(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		trace := secret.TraceID()
		h := w.Header()
		h.Set("X-Trace-Id", trace)
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		if id := r.Header.Get("X-External-Correlation-Id"); len(id) <= 36 && printable(id) {
			h.Set("X-External-Correlation-Id", id)
		}
		c := &call{door: d, w: w, r: r, trace: trace, network: audit.Network(d.From(r)), asked: r.URL.Path}
		defer func() {
			if thrown := recover(); thrown != nil {
				what := fmt.Sprintf("%T", thrown) // not the value: it may hold what nobody may read in a log (I9)
				if fault, ok := thrown.(runtime.Error); ok {
					what = fault.Error()
				}
				d.Log.ErrorContext(r.Context(), "panic", "trace", trace, "thrown", what, "stack", string(debug.Stack()))
				c.refuse(errPanic)
			}
		}()
		// One slash at the end is nothing (contract 1.3). Any other path that would have to be cleaned first is unknown: the
		// mux would redirect it, and a redirected POST loses its body or carries its token elsewhere.
		where := *r.URL
		if where.RawPath == "" || strings.HasSuffix(where.RawPath, "/") { // an encoded slash is part of a name
			where.Path, where.RawPath = trimmed(where.Path), trimmed(where.RawPath)
		}
		if clean := where.EscapedPath(); clean != path.Clean(clean) || !strings.HasPrefix(clean, "/") || strings.HasPrefix(clean, calendar+"/") {
			c.refuse(errNoPath)
			return
		}
		where.Path, where.RawPath = labelled(where.Path), labelled(where.RawPath)
		r = r.WithContext(context.WithValue(r.Context(), callKey{}, c))
		r.URL = &where
		c.r = r
		next.ServeHTTP(w, r)
	})
}

// calendar stands in the mux for every calendar label that is served.
const calendar = "/calendar"

// labelled puts calendar in the place of a label.
func labelled(p string) string {
	if len(p) > 1 {
		if label, _, _ := strings.Cut(p[1:], "/"); served(label) {
			return calendar + p[1+len(label):]
		}
	}
	return p
}

func trimmed(p string) string {
	if len(p) > 1 {
		return strings.TrimSuffix(p, "/")
	}
	return p
}

// printable reports whether text is of printable ASCII alone, spaces included, and not empty.
func printable(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' })
}

// visible is printable without spaces.
func visible(text string) bool { return printable(text) && !strings.Contains(text, " ") }

// callKey is the key of a request's call in its context.
type callKey struct{}

func callOf(r *http.Request) *call {
	c := r.Context().Value(callKey{}).(*call)
	c.r = r // the mux has added the path's values since
	return c
}

// plain answers every request with one error.
func (d *Door) plain(err error) http.Handler {
	return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { callOf(r).refuse(err) })
}

// methods serves the routes of one path. Any other method is 405, HEAD and OPTIONS too: there is no CORS here, since no
// browser calls this API, and a page that could would be handing out the client's secret (contract OC-39).
func (d *Door) methods(byMethod map[string]route) http.Handler {
	var allow []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		if _, found := byMethod[method]; found {
			allow = append(allow, method)
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := callOf(r)
		rt, found := byMethod[r.Method]
		if !found {
			w.Header().Set("Allow", strings.Join(allow, ", "))
			c.refuse(errMethod)
			return
		}
		answer, err := c.run(rt)
		if err != nil {
			c.refuse(err)
			return
		}
		if answer == nil {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		c.answer(http.StatusOK, answer)
	})
}

// leadToPages sends an authorize request on to the pages' host, its query untouched (design 10.17).
func (d *Door) leadToPages(w http.ResponseWriter, r *http.Request) {
	c := callOf(r)
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		c.refuse(errMethod)
		return
	}
	w.Header().Set("Referrer-Policy", "no-referrer") // the address carries the claim code
	w.Header().Set("Location", d.WebURL+"/oauth/authorize?"+r.URL.RawQuery)
	w.WriteHeader(http.StatusSeeOther)
}
