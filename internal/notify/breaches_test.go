package notify

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/secret"
)

// A leakList is a list of leaked passwords: a true server that answers ranges, and keeps what it was asked.
type leakList struct {
	*httptest.Server
	mu    sync.Mutex
	asked []*http.Request
	log   *strings.Builder
	// answer replaces the list's own.
	answer func(w http.ResponseWriter, r *http.Request)
}

func newLeakList(t *testing.T, leaked ...string) *leakList {
	t.Helper()
	l := &leakList{log: &strings.Builder{}}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.mu.Lock()
		l.asked = append(l.asked, r)
		l.mu.Unlock()
		if l.answer != nil {
			l.answer(w, r)
			return
		}
		text := strings.Repeat("0", 35) + ":7\r\n"
		for _, password := range leaked {
			if prefix, rest := secret.BreachDigest(password); r.URL.Path == "/range/"+prefix {
				text += rest + ":3\r\n"
			}
		}
		_, _ = w.Write([]byte(text + strings.Repeat("F", 35) + ":0\r\n"))
	}))
	t.Cleanup(l.Close)
	return l
}

func (l *leakList) breaches() *Breaches {
	return NewBreaches(l.URL+"/range/", slog.New(slog.NewTextHandler(l.log, nil)))
}

const leaked, kept = "seven grey ducks ate my exam", "nine red geese sat my test"

// ASVS 6.2.12: a listed password is found, another is not, and the list hears five digits of a digest and nothing else.
func TestBreaches(t *testing.T) {
	t.Parallel()
	l := newLeakList(t, leaked, "another one that leaked")
	b := l.breaches()
	if !b.Listed(t.Context(), leaked) || b.Listed(t.Context(), kept) || b.Failed() != 0 {
		t.Errorf("listed %t, not listed %t, %d failures", b.Listed(t.Context(), leaked), b.Listed(t.Context(), kept), b.Failed())
	}
	for i, r := range l.asked[:2] {
		prefix, rest := secret.BreachDigest([]string{leaked, kept}[i])
		if r.Method != "GET" || r.URL.Path != "/range/"+prefix || r.URL.RawQuery != "" || r.ContentLength != 0 || r.Header.Get("Add-Padding") != "true" {
			t.Errorf("asked %s %s, %d bytes, %v", r.Method, r.URL, r.ContentLength, r.Header)
		}
		for name, values := range r.Header {
			if strings.Contains(strings.Join(values, " "), rest[:8]) || name == "Cookie" || name == "Referer" {
				t.Errorf("header %s: %v", name, values)
			}
		}
	}
	if l.log.Len() != 0 {
		t.Errorf("logged %s", l.log)
	}
}

// Padding is no leak: an ending with a count of 0 says nothing.
func TestBreachesKnowPadding(t *testing.T) {
	t.Parallel()
	l := newLeakList(t)
	_, rest := secret.BreachDigest(leaked)
	for count, want := range map[string]bool{"0": false, "00": false, "1": true, "10": true} {
		l.answer = func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(strings.ToLower(rest) + ":" + count))
		}
		if got := l.breaches().Listed(t.Context(), leaked); got != want {
			t.Errorf("count %s: %t", count, got)
		}
	}
}

// A list that is down, slow, hostile or somebody else keeps no customer out: the password is taken, and the failure counted
// and logged without a digit of the digest.
func TestBreachesThatDoNotAnswer(t *testing.T) {
	t.Parallel()
	prefix, rest := secret.BreachDigest(leaked)
	good := rest + ":3\r\n"
	for name, answer := range map[string]func(w http.ResponseWriter, r *http.Request){
		"trouble": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadGateway)
			_, _ = w.Write([]byte(good))
		},
		"too many":      func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) },
		"led elsewhere": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/other/"+prefix, http.StatusFound) },
		"a login page": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("<!doctype html><title>Sign in</title>"))
		},
		"a line too long": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(strings.Repeat("A", 1<<20))) },
		"cut off": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "9000")
			_, _ = w.Write([]byte(good[:30]))
		},
	} {
		l := newLeakList(t)
		l.answer = answer
		b := l.breaches()
		if b.Listed(t.Context(), leaked) || b.Failed() != 1 || !strings.Contains(l.log.String(), "failed=1") {
			t.Errorf("%s: %d failures, logged %s", name, b.Failed(), l.log)
		}
		if strings.Contains(l.log.String(), prefix) || strings.Contains(l.log.String(), rest[:10]) {
			t.Errorf("%s: the log tells of the digest: %s", name, l.log)
		}
	}
	l := newLeakList(t)
	l.Close()
	b := l.breaches()
	if b.Listed(t.Context(), leaked) || b.Failed() != 1 || strings.Contains(l.log.String(), prefix) {
		t.Errorf("nobody there: %d failures, logged %s", b.Failed(), l.log)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if b.Listed(ctx, leaked) || b.Failed() != 1 {
		t.Error("a person who left counts as a failure of the list")
	}
	if client := b.client; client.Timeout != 2*time.Second {
		t.Errorf("a person waits for %v", client.Timeout)
	}
}
