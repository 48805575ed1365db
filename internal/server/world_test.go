package server

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/notify"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// TestMain collects less often: servers come and go here, and a sixth of the time went into that.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}

// logs collects what a server logs.
type logs struct {
	mu  sync.Mutex
	out bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.Write(p)
}

func (l *logs) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.String()
}

// lines are the entries with that message.
func (l *logs) lines(t *testing.T, message string) []map[string]any {
	t.Helper()
	var list []map[string]any
	for line := range strings.Lines(l.text()) {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("log line %q: %v", line, err)
		}
		if entry["msg"] == message {
			list = append(list, entry)
		}
	}
	return list
}

// sent is a sender that keeps what it was given.
type sent struct {
	mu      sync.Mutex
	letters []notify.Letter
	came    chan struct{}
}

func (s *sent) Send(_ context.Context, l notify.Letter) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.letters = append(s.letters, l)
	select {
	case s.came <- struct{}{}:
	default:
	}
	return nil
}

var start = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// options are those of a small true server.
func options(t *testing.T) (Options, *logs) {
	t.Helper()
	keys, err := secret.NewKeys(map[int][]byte{1: secret.GenerateMaster()})
	if err != nil {
		t.Fatal(err)
	}
	l := &logs{}
	return Options{Data: t.TempDir(), Keys: keys, WebURL: "https://id.example.org", Brand: "Example ID", Help: "help@example.org",
		Sender: &sent{came: make(chan struct{}, 1)}, Now: func() time.Time { return start },
		Deviates: func(err error) { t.Error("not as described:", err) },
		Log:      slog.New(slog.NewJSONHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))}, l
}

// newServer makes a server and closes it with the test.
func newServer(t *testing.T, o Options) *Server {
	t.Helper()
	s, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// seed registers one partner.
func seed(t *testing.T, s *Server) {
	t.Helper()
	_, _, err := s.Partners.Add(t.Context(), partner.Registration{ClientID: "acme-treasury", Secret: "acme-treasury-secret",
		Name: "Acme Treasury", RedirectURIs: []string{"https://app.acme.example/cb"}}, audit.Actor{Kind: audit.ActorOperator})
	if err != nil {
		t.Fatal(err)
	}
}

// ask sends one request straight to the handler.
func ask(h http.Handler, method, target string, change func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func body(t *testing.T, r io.Reader) string {
	t.Helper()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
