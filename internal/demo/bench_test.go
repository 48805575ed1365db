package demo_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/demo"
	"github.com/latchkey-id/latchkey/internal/notify"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
	"github.com/latchkey-id/latchkey/internal/server"
)

const benchBack = "https://app.bench.example/back"

// freeAddress is one that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l := listen(t)
	defer l.Close()
	return l.Addr().String()
}

// measured is a true server that sends its mails to an address, with a partner of each class.
func measured(t *testing.T, mail string) demo.Subject {
	t.Helper()
	w := &world{t: t}
	keys, err := secret.NewKeys(map[int][]byte{1: secret.GenerateMaster()})
	w.must(err)
	host, port, err := net.SplitHostPort(mail)
	w.must(err)
	number, err := strconv.Atoi(port)
	w.must(err)
	at := listen(t)
	origin := "http://" + at.Addr().String()
	s, err := server.New(t.Context(), server.Options{Data: t.TempDir(), Keys: keys, WebURL: origin, Brand: "Latchkey", Help: "help@example.org", HashMemory: 8,
		Sender: notify.SMTP{Host: host, Port: number, Security: notify.SecurityNone, From: "no-reply@example.org", FromName: "Latchkey", ReplyTo: "help@example.org", Now: time.Now},
		Now:    func() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }, Log: slog.New(slog.DiscardHandler),
		Deviates: func(err error) { t.Error("not as described:", err) }})
	w.must(err)
	for _, class := range []string{"classic", "strict"} {
		_, err := s.Partners.Seed(t.Context(), partner.Registration{ClientID: class, Secret: class + "-secret", Name: "Bench " + class, Class: class,
			RedirectURIs: []string{benchBack}, PerSecond: 1_000_000, PerMinute: 10_000_000})
		w.must(err)
	}
	w.runs(s)
	serve(t, at, s.Handler())
	return demo.Subject{URL: origin, WebURL: origin}
}

// leastOf is a floor.
func leastOf(t *testing.T) demo.Subject {
	t.Helper()
	f, err := demo.NewFloor(t.Context(), filepath.Join(t.TempDir(), "floor.db"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(f.Handler())
	t.Cleanup(func() {
		s.Close()
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return demo.Subject{URL: s.URL, WebURL: s.URL}
}

func aBench(t *testing.T, subject demo.Subject) *demo.Bench {
	return &demo.Bench{Server: subject, Floor: leastOf(t), Classic: demo.Credentials{ID: "classic", Secret: "classic-secret"},
		Strict: demo.Credentials{ID: "strict", Secret: "strict-secret"}, RedirectURI: benchBack, Connections: []int{2}, Count: 4, Rounds: 1,
		Limit: time.Minute, Now: time.Now}
}

// Every operation of speed.md, against a true server and the floor, and a report that says what came of it.
func TestBench(t *testing.T) {
	t.Parallel()
	mail := freeAddress(t)
	b := aBench(t, measured(t, mail))
	var said strings.Builder
	b.Mail, b.Progress = mail, &said
	report, err := b.Run(t.Context())
	if err != nil {
		t.Errorf("%v: %+v", err, report)
	}
	var names []string
	for _, m := range report.Operations {
		names = append(names, m.Operation)
		if m.Done < 1 || m.Failed != 0 || m.PerSecond <= 0 || m.P50 > m.P99 || m.Share <= 0 || m.LimitPerSecond <= 0 || m.Connections != 2 || m.Rounds != 1 {
			t.Errorf("%+v", m)
		}
		if !strings.Contains(said.String(), "round 1 of 1  "+m.Operation) {
			t.Errorf("nothing was told of %s: %s", m.Operation, said.String())
		}
	}
	if !slices.Equal(names, demo.OperationNames()) || len(names) != 7 || len(report.Skipped) != 0 || len(report.Limits) != 8 {
		t.Errorf("measured %v, skipped %v, %d limits", names, report.Skipped, len(report.Limits))
	}
	wantReport(t, report)
}

// wantReport holds the JSON to its members, by name, and the table to its lines.
func wantReport(t *testing.T, report demo.Report) {
	t.Helper()
	report.Version, report.Server = "1.2.3", demo.Process{Address: "http://127.0.0.1:1", Database: "SQLite", StartMS: 80, IdleMiB: 20, BinaryMB: 25}
	var text bytes.Buffer
	var read map[string]any
	if err := errors.Join(report.JSON(&text), json.Unmarshal(text.Bytes(), &read)); err != nil {
		t.Fatal(err)
	}
	members := func(v any) string { return strings.Join(slices.Sorted(maps.Keys(v.(map[string]any))), " ") }
	operation := read["operations"].([]any)[0]
	for _, got := range [][2]string{
		{members(read), "at failed limits machine operations server version"},
		{members(read["server"]), "address binary_mb database idle_mib start_ms"},
		{members(operation), "connections done failed limit limit_per_second operation p50_ms p95_ms p99_ms per_second rounds share"},
	} {
		if got[0] != got[1] {
			t.Errorf("members %s, want %s", got[0], got[1])
		}
	}
	if _, named := read["machine"].(map[string]any)["cores"].(float64); !named {
		t.Errorf("machine %v", read["machine"])
	}
	text.Reset()
	if err := report.Table(&text); err != nil {
		t.Fatal(err)
	}
	for _, line := range append(demo.OperationNames(), "start 80 ms, idle 20.0 MiB, binary 25.0 MB", "sqlite_commit", "password_hash") {
		if !strings.Contains(text.String(), line) {
			t.Errorf("the table lacks %s:\n%s", line, text.String())
		}
	}
}

// Without customers' mails what needs customers is named as not measured; without a strict partner nothing is rotated.
func TestBenchMeasuresWhatItCan(t *testing.T) {
	t.Parallel()
	b := aBench(t, measured(t, freeAddress(t)))
	report, err := b.Run(t.Context())
	if err != nil || len(report.Operations) != 2 || len(report.Skipped) != 5 {
		t.Errorf("%v: %d measured, skipped %v", err, len(report.Operations), report.Skipped)
	}
	var table bytes.Buffer
	if err := report.Table(&table); err != nil || !strings.Contains(table.String(), "not measured: code_exchange, refresh, introspection, resource_call, claim_journey") {
		t.Errorf("%v\n%s", err, table.String())
	}
	b.Only = []string{"claim_journey"}
	if _, err := b.Run(t.Context()); !errors.Is(err, demo.ErrBench) {
		t.Errorf("nothing to measure: %v", err)
	}
}

// A server that refuses, stops in the middle or says something else is told, operation by operation, and fails the whole.
func TestBenchTellsFailures(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]http.HandlerFunc{
		"status 503":        func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		`no "access_token"`: func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"token_type":"bearer"}`)) },
		"unexpected EOF": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "90")
			_, _ = w.Write([]byte("{"))
		},
		"EOF":                func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"status 302":         func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) },
		"status 200 in part": nil,
	} {
		asked := 0
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if asked++; answer != nil {
				answer(w, r)
				return
			}
			if asked%2 == 0 {
				w.WriteHeader(http.StatusTeapot)
			}
			_, _ = w.Write([]byte(`{"access_token":"x"}`))
		}))
		s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
		s.Start()
		b := aBench(t, demo.Subject{URL: s.URL, WebURL: s.URL})
		b.Only, b.Connections = []string{"client_credentials"}, []int{1}
		report, err := b.Run(t.Context())
		s.Close()
		if !errors.Is(err, demo.ErrBench) || len(report.Operations) != 1 {
			t.Fatalf("%s: %v", name, err)
		}
		m := report.Operations[0]
		want, first := 5, strings.TrimSuffix(name, " in part") // four and the one that warms up
		if answer == nil {
			want, first = 2, "status 418"
		}
		if m.Failed != want || report.Failed != want || !strings.Contains(m.FirstFailure, first) || m.Done+m.Failed != 4 && m.Done+m.Failed != 5 {
			t.Errorf("%s: %+v", name, m)
		}
		var table bytes.Buffer
		if err := report.Table(&table); err != nil || !strings.Contains(table.String(), "FAILED  client_credentials at 1 connections, "+strconv.Itoa(want)+" times; first: ") {
			t.Errorf("%s: %v\n%s", name, err, table.String())
		}
	}
}

// A server that gives tokens and opens no account is told of in one line, after a few accounts and not after a thousand.
func TestBenchStopsAtTheFirstAccount(t *testing.T) {
	t.Parallel()
	var opened atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/oauth/token" {
			opened.Add(1)
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte(`{"access_token":"x"}`))
	}))
	defer s.Close()
	b := aBench(t, demo.Subject{URL: s.URL, WebURL: s.URL})
	b.Only, b.Connections, b.Count = []string{"claim_code"}, []int{1}, 1000
	_, err := b.Run(t.Context())
	if err == nil || strings.Count(err.Error(), "opening an account: status 503") != 1 || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v", err)
	}
	if n := opened.Load(); n == 0 || n > 20 {
		t.Errorf("%d accounts were asked for", n)
	}
}

// A server that nobody is at fails before anything is measured or at each operation, never with success.
func TestBenchOfNobody(t *testing.T) {
	t.Parallel()
	address := freeAddress(t)
	b := aBench(t, demo.Subject{URL: "http://" + address, WebURL: "http://" + address})
	b.Only = []string{"client_credentials"}
	if report, err := b.Run(t.Context()); !errors.Is(err, demo.ErrBench) || report.Operations[0].Done != 0 || report.Operations[0].Share != 0 {
		t.Errorf("%v: %+v", err, report.Operations)
	}
	b = aBench(t, demo.Subject{URL: "ftp://" + address, WebURL: "x"})
	if _, err := b.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "is not an http address") {
		t.Errorf("%v", err)
	}
}

// The floor refuses a stranger, a used code and an unknown token: a ceiling that answers anything is none.
func TestFloorRefuses(t *testing.T) {
	t.Parallel()
	f := leastOf(t)
	post := func(path, form string, proof bool) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), "POST", f.URL+path, strings.NewReader(form))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if proof {
			r.SetBasicAuth("bench", "bench-secret-0123456789abcdef")
		}
		got, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer got.Body.Close()
		var text bytes.Buffer
		_, err = text.ReadFrom(got.Body)
		if err != nil {
			t.Fatal(err)
		}
		return got.StatusCode, text.String()
	}
	for _, path := range []string{"/token", "/claim", "/introspect"} {
		if status, _ := post(path, "grant_type=client_credentials&token=x", false); status != 401 {
			t.Errorf("%s without a secret: %d", path, status)
		}
	}
	if status, text := post("/introspect", "token=1.x", true); status != 200 || text != "{\"active\":false}\n" {
		t.Errorf("%d %s", status, text)
	}
	if status, _ := post("/token", "grant_type=authorization_code&code=1.x", true); status != 400 {
		t.Errorf("an unknown code: %d", status)
	}
	_, text := post("/claim", "a=b", true)
	var minted struct {
		Code string `json:"claimAccountCode"`
	}
	if err := json.Unmarshal([]byte(text), &minted); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{200, 400} { // once
		if status, text := post("/token", "grant_type=authorization_code&code="+minted.Code, true); status != want || (want == 200) != strings.Contains(text, `"id_token":"ey`) {
			t.Errorf("%d %s, want %d", status, text, want)
		}
	}
}
