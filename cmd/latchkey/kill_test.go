package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/demo"
)

// TestJourneySurvivesKills walks the claim and the return visits, by demo.Check, against a server in a process of its own that
// is killed with SIGKILL after every single request and started again on the same data (I7). It does so twice: once
// each answer was received; and once each form of a page did its work, but its answer, cookies included, was lost with
// the process and the person sent it again.
func TestJourneySurvivesKills(t *testing.T) {
	fullRun(t)
	for _, twice := range []bool{false, true} {
		name := map[bool]string{false: "after the answer", true: "before the answer"}[twice]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMortal(t)
			m.twice = twice
			ctx, stop := context.WithCancel(t.Context())
			said := &report{last: "R1 and R2", stop: stop}
			check := &demo.Check{Web: m.url, Demo: m.demoURL, Transport: m, Out: said, Now: time.Now}
			if err := check.Run(ctx); !errors.Is(err, context.Canceled) || strings.Contains(said.String(), "FAIL") {
				t.Errorf("%v\n%s", err, said.String())
			}
			m.chainHolds()
			t.Logf("%d requests, %d forms sent again, %d kills", m.requests, m.again, m.kills)
			if m.kills < 40 || twice && m.again < 15 {
				t.Error("too few kills for a whole walk")
			}
		})
	}
}

// report keeps the lines of a walk and stops it after the last that matters here: what follows is about events and breaks.
type report struct {
	bytes.Buffer
	last string
	stop func()
}

func (r *report) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte(r.last)) {
		r.stop()
	}
	return r.Buffer.Write(line)
}

// mortal is a sandbox's server in a process that is killed after each request. The demo partner lives in the test.
type mortal struct {
	t            *testing.T
	url, demoURL string
	args         []string
	twice        bool

	mu                     sync.Mutex // one request at a time, as one person makes them
	process                *exec.Cmd
	requests, again, kills int
	plain                  http.Transport
}

// newMortal starts the server, with the demo partner of this test registered by a seed file.
func newMortal(t *testing.T) *mortal {
	t.Helper()
	dir := t.TempDir()
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	ownDemoPort, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &mortal{t: t, url: "http://localhost:" + port, demoURL: "http://" + listener.Addr().String()}
	m.plain.DisableKeepAlives = true
	app := &demo.App{API: m.url, Web: m.url, Self: m.demoURL, ID: "mortal", Secret: "secret-of-the-mortal", OtherID: "mortal-wages",
		OtherSecret: "secret-of-the-mortal", Transport: m, Log: slog.New(slog.DiscardHandler)}
	seedFile := filepath.Join(dir, "seed.yaml")
	if err := os.WriteFile(seedFile, []byte(seedOf(app)), 0o600); err != nil {
		t.Fatal(err)
	}
	m.args = []string{"dev", "--addr", "localhost:" + port, "--demo-addr", "127.0.0.1:" + ownDemoPort, "--data", filepath.Join(dir, "data"), "--seed", seedFile}
	handler, err := app.Handler()
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	m.start()
	t.Cleanup(m.kill)
	return m
}

// seedOf is a seed file of the partners of the demo app.
func seedOf(app *demo.App) string {
	var seed strings.Builder
	seed.WriteString("partners:\n")
	for _, p := range app.Partners() {
		fmt.Fprintf(&seed, "  - id: %s\n    secret: %s\n    name: %s\n    home: %s\n    redirect: [%s]\n    per_second: %d\n    per_minute: %d\n", p.ClientID, p.Secret, p.Name,
			p.HomeURI, strings.Join(p.RedirectURIs, ", "), p.PerSecond, p.PerMinute)
		if p.RestartURI != "" {
			fmt.Fprintf(&seed, "    restart: %s\n", p.RestartURI)
		}
	}
	return seed.String()
}

// start runs the server until it says that it is ready.
func (m *mortal) start() {
	m.process = exec.Command("latchkey", m.args...)
	m.process.Stderr = m.t.Output()
	out, err := m.process.StdoutPipe()
	if err == nil {
		err = m.process.Start()
	}
	if err != nil {
		m.t.Error("start the server:", err)
		return
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "Ready") {
			return
		}
	}
	m.t.Error("the server ended before it was ready")
}

// kill ends the server as a power cut ends it, but for what the disk has not yet written.
func (m *mortal) kill() {
	_ = m.process.Process.Kill()
	_ = m.process.Wait()
	m.kills++
}

// RoundTrip sends a request. To the server it does so with a kill after it: after the answer, and for a form in a page, when
// forms are to be sent twice, also before it.
func (m *mortal) RoundTrip(r *http.Request) (*http.Response, error) {
	if "http://"+r.URL.Host != m.url {
		return m.plain.RoundTrip(r)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	form := r.Method == http.MethodPost && (strings.HasPrefix(r.URL.Path, "/j/") || strings.HasPrefix(r.URL.Path, "/signin"))
	if form && m.twice {
		m.again++
		if _, err := m.once(r, body); err != nil {
			return nil, err
		}
	}
	return m.once(r, body)
}

// once sends the request, takes the whole answer, kills the server and starts it again.
func (m *mortal) once(r *http.Request, body []byte) (*http.Response, error) {
	m.requests++
	copied := r.Clone(r.Context())
	copied.Body = io.NopCloser(bytes.NewReader(body))
	answer, err := m.plain.RoundTrip(copied)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	answer.Body = io.NopCloser(bytes.NewReader(content))
	m.kill()
	m.start()
	return answer, err
}

// chainHolds verifies the audit of the server's data after all kills (I8): each event of what was committed is there, once,
// and what was not linked before a kill was linked after it.
func (m *mortal) chainHolds() {
	m.t.Helper()
	data := m.args[slices.Index(m.args, "--data")+1]
	var v verified
	for end := time.Now().Add(30 * time.Second); ; {
		out, errOut := command(m.t, exitDone, "audit", "verify", "--json", "--data", data, "--master-key-file", filepath.Join(data, sandboxKey))
		if err := json.Unmarshal([]byte(out), &v); err != nil || v.Unkeyed != 0 || v.Unmarked != 0 {
			m.t.Fatalf("the audit after the kills: %s%s", out, errOut)
		}
		if v.Waiting == 0 && v.Checked >= 30 { // the sealer that runs has linked what the killed ones left
			break
		}
		if time.Now().After(end) {
			m.t.Fatalf("not linked: %s", out)
		}
	}
	m.t.Logf("%d events in the chain", v.Checked)
}
