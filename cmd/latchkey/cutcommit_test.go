package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/demo"
)

// A wire stands between nodes and their database and cuts connections at a COMMIT: before the database has seen it, or after
// it has done it and before the node hears so.
type wire struct {
	net.Listener
	socket string
	// cut says for each COMMIT what to do.
	cut func() int
	// before and after count the cuts.
	before, after atomic.Int64
}

const (
	cutNothing = iota
	cutBefore
	cutAfter
)

// wired is the address of a cluster through a wire.
func wired(t *testing.T, c *cluster, cut func() int) (string, *wire) {
	t.Helper()
	w := &wire{Listener: listenLocally(t), socket: filepath.Join(c.dir, ".s.PGSQL.5432"), cut: cut}
	t.Cleanup(func() { w.Close() })
	go func() {
		for {
			near, err := w.Accept()
			if err != nil {
				return
			}
			go w.carry(near)
		}
	}()
	return (&url.URL{Scheme: "postgres", User: url.User("latchkey"), Host: w.Addr().String(), Path: "/postgres", RawQuery: "sslmode=disable"}).String(), w
}

// carry passes on what the node and the database say to each other until it cuts.
func (w *wire) carry(near net.Conn) {
	defer near.Close()
	far, err := net.Dial("unix", w.socket)
	if err != nil {
		return
	}
	defer far.Close()
	var deaf atomic.Bool // what the database still says is not passed on
	done := make(chan struct{})
	go func() {
		defer near.Close()
		buf := make([]byte, 64<<10)
		for {
			n, err := far.Read(buf)
			if err == nil && deaf.Load() {
				close(done)
				return
			}
			if err == nil {
				_, err = near.Write(buf[:n])
			}
			if err != nil {
				return
			}
		}
	}()
	buf := make([]byte, 64<<10)
	for {
		n, err := near.Read(buf)
		if err != nil {
			return
		}
		what := cutNothing
		if bytes.Contains(buf[:n], []byte("COMMIT\x00")) {
			what = w.cut()
		}
		switch what {
		case cutBefore:
			w.before.Add(1)
			return
		case cutAfter:
			w.after.Add(1)
			deaf.Store(true)
		}
		if _, err := far.Write(buf[:n]); err != nil {
			return
		}
		if what == cutAfter {
			select {
			case <-done:
			case <-time.After(clientWaits): // the database has died
			}
			return
		}
	}
}

// TestCommitsAreCutUnderLoad cuts every seventh COMMIT of three nodes, in turn before and after it took place. Partners who are not
// answered ask again, and nothing is there twice (I7).
func TestCommitsAreCutUnderLoad(t *testing.T) {
	fullRun(t)
	t.Parallel()
	c := newCluster(t)
	var commits atomic.Int64
	var begun atomic.Bool
	address, w := wired(t, c, func() int {
		switch n := commits.Add(1); {
		case !begun.Load():
			return cutNothing
		case n%14 == 0:
			return cutBefore
		case n%14 == 7:
			return cutAfter
		}
		return cutNothing
	})
	ns := newNodes(t, 3, "--database", address)
	ns.start()
	begun.Store(true)
	s := besiege(t, ns.url)
	s.goesOn("while commits are cut")
	s.goesOn("while commits are cut")
	begun.Store(false)
	s.lift(ns, c)
	t.Logf("%d commits cut before, %d after", w.before.Load(), w.after.Load())
	if w.before.Load() < 15 || w.after.Load() < 15 || s.unavailable.Load() < 30 {
		t.Error("too few cuts to say anything")
	}
}

// stubborn is a person who sends a form again when the server could not answer, and whose forms lose their COMMIT at the first try.
type stubborn struct {
	http.RoundTripper
	arm   func()
	again atomic.Int64
}

// RoundTrip sends a request until the answer is not 503.
func (s *stubborn) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	if r.Method == http.MethodPost && (strings.HasPrefix(r.URL.Path, "/j/") || strings.HasPrefix(r.URL.Path, "/signin")) {
		s.arm()
	}
	for {
		copied := r.Clone(r.Context())
		copied.Body = io.NopCloser(bytes.NewReader(body))
		answer, err := s.RoundTripper.RoundTrip(copied)
		if err != nil || answer.StatusCode != http.StatusServiceUnavailable {
			return answer, err
		}
		_ = answer.Body.Close()
		s.again.Add(1)
		<-time.After(10 * time.Millisecond)
	}
}

// TestAJourneyWhoseCommitsAreCut walks the claim and the return visits; the COMMIT of every form is cut at the first try, once before
// it took place and once after. The person sends the form again, and comes to the page that follows (I7).
func TestAJourneyWhoseCommitsAreCut(t *testing.T) {
	fullRun(t)
	t.Parallel()
	for what, name := range map[int]string{cutBefore: "before", cutAfter: "after"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t)
			var armed atomic.Bool
			address, w := wired(t, c, func() int {
				if armed.Swap(false) {
					return what
				}
				return cutNothing
			})
			ns := newNodes(t, 1, "--database", address)
			ns.start()
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			lines := &report{last: "R1 and R2", stop: stop}
			p := &onlooker{post: ns.post, settled: func() bool { return c.count("SELECT count(*) FROM mail WHERE done_at = 0") == 0 }}
			defer p.CloseIdleConnections()
			s := &stubborn{RoundTripper: p, arm: func() { armed.Store(true) }}
			// The demo partner's own calls lose nothing: a code that is exchanged twice ends what it gave (I5).
			ns.demo.Transport = &stubborn{RoundTripper: &p.Transport, arm: func() {}}
			check := &demo.Check{Web: ns.url, Demo: ns.demo.Self, Transport: disarming{s, &armed}, Out: lines, Now: time.Now}
			if err := check.Run(ctx); ctx.Err() == nil || strings.Contains(lines.String(), "FAIL") {
				t.Errorf("%v\n%s", err, lines.String())
			}
			ns.chainHolds(c)
			t.Logf("%d forms sent again, %d commits cut before and %d after", s.again.Load(), w.before.Load(), w.after.Load())
			if s.again.Load() < 10 {
				t.Error("too few cuts for a whole walk")
			}
		})
	}
}

// disarming takes an unused cut back, so that it meets nobody else.
type disarming struct {
	*stubborn
	armed *atomic.Bool
}

// RoundTrip sends the request.
func (d disarming) RoundTrip(r *http.Request) (*http.Response, error) {
	defer d.armed.Store(false)
	return d.stubborn.RoundTrip(r)
}
