package server

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"path"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/latchkey-id/latchkey/internal/secret"
	"github.com/latchkey-id/latchkey/internal/web"
)

// apiPath are the paths of the API where pages and API share a host: a version of its own or a calendar label, served or not and
// also when it is written wrongly (contract OC-2: 404 as the API says it), the keys of notifications, the description, and what lies
// beside the authorize page: the token endpoint (contract 1.2) and those about tokens, and the endpoints that standard clients ask for
// without being told, which must hear in JSON that they are not there.
var apiPath = regexp.MustCompile(`^/([vV][0-9][0-9.]*|[0-9]+[qQ][0-9]+|webhooks)(/|$)|^/oauth/(token|revoke|introspect|device|userinfo|par|register)/?$|^/(openapi\.json|docs|receipts/keys\.json|\.well-known/oauth-authorization-server)/?$`)

// metadataPath is the one path of the API that the pages' host has too: what describes an issuer is looked for at the issuer,
// which is the pages' origin (RFC 8414 section 3).
const metadataPath = "/.well-known/oauth-authorization-server"

// journeyPaths have a journey's id behind them, or the text of a link to a review, of one to object, or of one to end a reset, which journeyPath finds.
var (
	journeyPaths = []string{"/j/", "/check/", "/objection/", "/recovery/"}
	journeyPath  = regexp.MustCompile(`^(` + strings.Join(journeyPaths, "|") + `)[^/]*`)
)

// longText finds what may be somebody's code, token or address wherever in a path it was put: no word of a route looks so.
var longText = regexp.MustCompile(`[^/]*@[^/]*|[^/]{20,}`)

// loggable is a path as the log may have it (I9).
func loggable(path string) string {
	if plainPath(path) {
		return path
	}
	path = journeyPath.ReplaceAllString(path, "${1}{jid}")
	path = longText.ReplaceAllStringFunc(path, func(part string) string {
		if strings.ContainsAny(part, "0123456789@%") {
			return "{text}"
		}
		return part
	})
	if len(path) > 200 {
		path = path[:200]
	}
	return path
}

// plainPath reports whether loggable would leave a path as it is, which is nearly all of them, without asking an expression.
func plainPath(path string) bool {
	if len(path) > 200 || strings.Contains(path, "@") {
		return false
	}
	for _, start := range journeyPaths {
		if strings.HasPrefix(path, start) {
			return false
		}
	}
	for part := range strings.SplitSeq(path, "/") {
		if len(part) >= 20 {
			return false
		}
	}
	return true
}

// Handler answers every request: /livez and /readyz, the sandbox's pages, then the door that the address names.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "alive\n") })
	mux.HandleFunc("GET /readyz", s.readyz)
	doors := s.recovering(http.HandlerFunc(s.choose))
	if s.options.Sandbox != nil {
		mux.Handle("/dev/", s.options.Sandbox)
		mux.Handle("/dev", s.options.Sandbox)
		mux.Handle("GET /{$}", http.RedirectHandler("/dev/", http.StatusSeeOther))
	}
	return s.logging(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, end := context.WithTimeout(r.Context(), timeFor(r))
		defer end()
		r = r.WithContext(ctx)
		if r.Method != http.MethodGet {
			defer s.courier.Wake() // it may queue an event, and in the sandbox move the clock
		}
		// The mux would answer a path like //v1/me with a redirect, and a redirected POST loses its body; only exact paths
		// of its own go through it.
		if _, pattern := mux.Handler(r); pattern != "" && r.URL.Path == cleanOf(r) {
			mux.ServeHTTP(w, r)
			return
		}
		doors.ServeHTTP(w, r)
	}))
}

// requestTime is how long one request may take, waiting for the database and for a turn to hash included. Whoever asked gets
// 503 then, while they still wait for it (I11); without it each of a request's transactions could take as long.
const requestTime = 10 * time.Second

// smallBody is what arrives in no time on any line. A larger body has the server's time for reading on top.
const smallBody = 64 << 10

func timeFor(r *http.Request) time.Duration {
	if r.ContentLength < 0 || r.ContentLength > smallBody {
		return requestTime + readTime
	}
	return requestTime
}

func cleanOf(r *http.Request) string {
	if strings.Contains(r.URL.Path, "//") || strings.Contains(r.URL.Path, "/.") {
		return ""
	}
	return r.URL.Path
}

// choose finds the door: by host where pages and API have one each, else by path.
func (s *Server) choose(w http.ResponseWriter, r *http.Request) {
	// A path of the API that would have to be cleaned first is the API's too, which refuses it: the pages' mux would redirect it,
	// and a client that follows sends its token or its secret a second time.
	clean := path.Clean(r.URL.Path)
	onAPI := apiPath.MatchString(r.URL.Path) || clean != r.URL.Path && apiPath.MatchString(clean)
	if s.webHost != s.apiHost {
		switch s.host(r) {
		case s.apiHost:
			onAPI = true
		case s.webHost:
			onAPI = r.URL.Path == metadataPath
		}
	}
	if onAPI {
		s.api.ServeHTTP(w, r)
		return
	}
	s.web.ServeHTTP(w, r)
	if r.Method == http.MethodPost && s.post != nil {
		s.post.Wake() // the page may have queued a mail that a person now waits for
	}
}

func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if err := s.Ready(ctx); err != nil {
		s.options.Log.WarnContext(ctx, "not ready", "error", err)
		w.Header().Set("Retry-After", "1")
		plain(w, http.StatusServiceUnavailable, "not ready\n")
		return
	}
	plain(w, http.StatusOK, "ready\n")
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text))
}

// recovering makes a panic in a page the apology that every other fault of ours gets. The API answers its own.
func (s *Server) recovering(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			thrown := recover()
			if thrown == nil || thrown == http.ErrAbortHandler {
				return
			}
			reference := secret.TraceID()[:12]
			what := fmt.Sprintf("%T", thrown) // not the value: it may hold what nobody may read in a log (I9)
			if fault, ok := thrown.(runtime.Error); ok {
				what = fault.Error()
			}
			s.options.Log.ErrorContext(r.Context(), "panic", "reference", reference, "path", loggable(r.URL.Path),
				"thrown", what, "stack", string(debug.Stack()))
			page := &web.ErrorPage{Trouble: web.TroubleInside}
			page.Frame.Reference = reference
			s.pages.Write(w, r, page.Status(), page)
		}()
		next.ServeHTTP(w, r)
	})
}

// logging writes one line a request, after it. Never in it: the query (it carries claim codes and states), the ids of
// journeys, headers, bodies, and the caller's full address (I9).
func (s *Server) logging(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/livez" || r.URL.Path == "/readyz" {
			next.ServeHTTP(w, r)
			return
		}
		began := s.options.Now()
		seen := &answer{ResponseWriter: w}
		next.ServeHTTP(seen, r)
		s.logRequest(r, seen, s.options.Now().Sub(began))
	})
}

func (s *Server) logRequest(r *http.Request, seen *answer, took time.Duration) {
	s.options.Log.LogAttrs(r.Context(), slog.LevelInfo, "request", slog.String("method", r.Method), slog.String("path", loggable(r.URL.Path)),
		slog.Int("status", seen.status), slog.Int64("bytes", seen.size), slog.Int64("took_ms", took.Milliseconds()),
		slog.String("network", network(s.from(r))), slog.String("reference", seen.Header().Get("X-Trace-Id")))
}

// answer remembers what was answered.
type answer struct {
	http.ResponseWriter
	status int
	size   int64
}

// WriteHeader notes the status.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write counts the bytes.
func (a *answer) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	n, err := a.ResponseWriter.Write(p)
	a.size += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach what is below (deadlines of large bodies).
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
