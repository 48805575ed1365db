package main

import (
	"context"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/http/httputil"
	"net/mail"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/demo"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// node is one "latchkey serve" in a process of its own.
type node struct {
	t       *testing.T
	url     string
	args    []string
	log     string
	process *exec.Cmd
	// gone says that the spreader sends it nothing, asked counts what it sent.
	gone  atomic.Bool
	asked atomic.Int64
}

// nodes are several of them on one database, with one set of files, behind a spreader that gives each request to one at random.
type nodes struct {
	t        *testing.T
	url, dir string
	args     []string
	list     []*node
	post     *postbox
	demo     *demo.App
}

const nodesSecret = "secret-of-the-nodes"

// newNodes prepares so many nodes on a database; start starts them. more are arguments beside the usual ones.
func newNodes(t *testing.T, count int, more ...string) *nodes {
	t.Helper()
	ns := &nodes{t: t, dir: t.TempDir(), post: newPostbox(t)}
	spreader := listenLocally(t)
	_, port, _ := net.SplitHostPort(spreader.Addr().String())
	ns.url = "http://localhost:" + port
	partnerSide := listenLocally(t)
	ns.demo = &demo.App{API: ns.url, Web: ns.url, Self: "http://" + partnerSide.Addr().String(), ID: "nodes", Secret: nodesSecret,
		OtherID: "nodes-wages", OtherSecret: nodesSecret, Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	handler, err := ns.demo.Handler()
	if err != nil {
		t.Fatal(err)
	}
	serveLocally(t, partnerSide, handler)
	serveLocally(t, spreader, &httputil.ReverseProxy{Rewrite: ns.spread, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)})
	ns.args = append([]string{"serve", "--web-url", ns.url, "--master-key-file", write(t, ns.dir, "master.key", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="),
		"--signing-key-file", filepath.Join(ns.dir, "signing.keys"), "--receipt-key-file", filepath.Join(ns.dir, "receipt.keys"),
		"--smtp", "smtp+clear://" + ns.post.address, "--seed", write(t, ns.dir, "seed.yaml", ns.seed()), "--drain", "2s",
		"--webhook-network", "127.0.0.0/8"}, more...)
	for i := range count {
		port, err := freePort()
		if err != nil {
			t.Fatal(err)
		}
		n := &node{t: t, url: "http://127.0.0.1:" + port, log: filepath.Join(ns.dir, fmt.Sprintf("node%d.log", i))}
		n.args = append(append([]string{}, ns.args...), "--listen", "127.0.0.1:"+port, "--data", filepath.Join(ns.dir, fmt.Sprintf("node%d", i)))
		ns.list = append(ns.list, n)
	}
	for _, what := range []string{"notifications", "receipts"} {
		ns.rotate(what)
	}
	return ns
}

// rotate runs "key rotate" with the nodes' files; the new key signs at once.
func (ns *nodes) rotate(what string) {
	ns.t.Helper()
	command(ns.t, exitDone, "key", "rotate", "--for", what, "--in", "0s", "--data", ns.dir, "--master-key-file", filepath.Join(ns.dir, "master.key"),
		"--signing-key-file", filepath.Join(ns.dir, "signing.keys"), "--receipt-key-file", filepath.Join(ns.dir, "receipt.keys"))
}

// seed are the partners of the demo app and those with a ledger.
func (ns *nodes) seed() string { return seedOf(ns.demo) + ledgerSeed() }

func listenLocally(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

func serveLocally(t *testing.T, listener net.Listener, handler http.Handler) {
	server := &http.Server{Handler: handler}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
}

// spread chooses one of the nodes that are there.
func (ns *nodes) spread(p *httputil.ProxyRequest) {
	n := ns.list[rand.IntN(len(ns.list))]
	for tries := 0; n.gone.Load() && tries < 100; tries++ {
		n = ns.list[rand.IntN(len(ns.list))]
	}
	n.asked.Add(1)
	to, _ := url.Parse(n.url)
	p.SetURL(to)
	p.Out.Host = p.In.Host
	p.SetXForwarded()
}

// start starts all nodes at once and waits until each is ready.
func (ns *nodes) start() {
	ns.t.Helper()
	for _, n := range ns.list {
		n.begin()
	}
	for _, n := range ns.list {
		n.ready()
	}
}

// begin starts the process.
func (n *node) begin() {
	n.t.Helper()
	log, err := os.OpenFile(n.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		n.t.Fatal(err)
	}
	defer log.Close()
	n.process = exec.Command("latchkey", n.args...)
	n.process.Stderr = log
	if err := n.process.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(n.kill)
	n.gone.Store(false)
}

// ready waits until the node says that it is.
func (n *node) ready() {
	n.t.Helper()
	until(n.t, time.Minute, "a node is ready", func() bool {
		status, _ := ask(n.url + "/readyz")
		return status == http.StatusOK
	})
}

// kill ends the process with SIGKILL; the spreader goes on sending to it until gone is set.
func (n *node) kill() {
	if n.process != nil {
		_ = n.process.Process.Kill()
		_ = n.process.Wait()
		n.process = nil
	}
	if n.t.Failed() {
		if text, err := os.ReadFile(n.log); err == nil {
			lines := strings.Split(strings.TrimSpace(string(text)), "\n")
			n.t.Logf("the last lines of %s:\n%s", filepath.Base(n.log), strings.Join(lines[max(0, len(lines)-8):], "\n"))
		}
	}
}

// ask gets an address with a client that keeps no connections.
func ask(address string) (status int, body string) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 15 * time.Second}
	answer, err := client.Get(address)
	if err != nil {
		return 0, err.Error()
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	return answer.StatusCode, string(text)
}

// until asks again and again whether something has come true; that it does in time is part of the test.
func until(t *testing.T, limit time.Duration, what string, holds func() bool) {
	t.Helper()
	end := time.Now().Add(limit)
	for !holds() {
		if time.Now().After(end) {
			t.Fatalf("after %s still not: %s", limit, what)
		}
		<-time.After(50 * time.Millisecond)
	}
}

// postbox is the relay that the nodes send mails by, and reads them.
type postbox struct {
	address string
	mu      sync.Mutex
	letters []demo.Letter
}

func newPostbox(t *testing.T) *postbox {
	t.Helper()
	address, mails := mailSink(t)
	p := &postbox{address: address}
	go func() {
		for raw := range mails {
			if l, err := readLetter(raw); err == nil {
				p.mu.Lock()
				p.letters = append(p.letters, l)
				p.mu.Unlock()
			}
		}
	}()
	return p
}

// readLetter takes a mail apart. Which letter it is, its subject says.
func readLetter(raw string) (demo.Letter, error) {
	m, err := mail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		return demo.Letter{}, err
	}
	subject, _ := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	l := demo.Letter{Subject: subject, To: strings.Trim(m.Header.Get("To"), "<>")}
	for kind, words := range map[customer.MailKind]string{customer.MailClaimed: "is set up", customer.MailCode: "Your code", customer.MailAccess: "You gave"} {
		if strings.Contains(subject, words) {
			l.Kind = string(kind)
		}
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		return l, err
	}
	for parts := multipart.NewReader(m.Body, params["boundary"]); ; {
		part, err := parts.NextRawPart()
		if err != nil {
			return l, nil
		}
		var text []byte
		switch strings.ToLower(part.Header.Get("Content-Transfer-Encoding")) {
		case "quoted-printable":
			text, err = io.ReadAll(quotedprintable.NewReader(part))
		case "base64":
			text, err = io.ReadAll(base64.NewDecoder(base64.StdEncoding, part))
		default:
			text, err = io.ReadAll(part)
		}
		if err != nil {
			return l, err
		}
		if strings.HasPrefix(part.Header.Get("Content-Type"), "text/html") {
			l.HTML = string(text)
		} else {
			l.Text = string(text)
		}
	}
}

// to lists what came for an address, newest first.
func (p *postbox) to(address string) (list []demo.Letter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(p.letters) - 1; i >= 0; i-- {
		if p.letters[i].To == address {
			list = append(list, p.letters[i])
		}
	}
	return list
}

// onlooker is the transport of a walk by demo.Check past a real server, which has no pages under /dev: what a person does there
// beside the browser, reading mail and looking at the app, is answered here.
type onlooker struct {
	http.Transport
	post *postbox
	// settled reports whether every mail that is queued has been delivered.
	settled func() bool
	mu      sync.Mutex
	key     string
}

// RoundTrip answers for the sandbox and passes everything else on.
func (p *onlooker) RoundTrip(r *http.Request) (*http.Response, error) {
	switch r.Method + " " + r.URL.Path {
	case "GET /dev/mail.json":
		for end := time.Now().Add(20 * time.Second); !p.settled() && time.Now().Before(end); {
			<-time.After(20 * time.Millisecond)
		}
		return said(r, p.post.to(r.URL.Query().Get("to")))
	case "POST /dev/authenticator.json": // the code of the step before, so that the next is good at once for signing in
		var asked struct{ Key string }
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
			return nil, err
		}
		p.mu.Lock()
		p.key = asked.Key
		p.mu.Unlock()
		return said(r, p.code(time.Now().Add(-30*time.Second)))
	case "POST /dev/clock.json":
		return said(r, map[string]string{})
	case "GET /dev/authenticator.json":
		return said(r, []demo.AppCode{p.code(time.Now())})
	}
	return p.Transport.RoundTrip(r)
}

func (p *onlooker) code(at time.Time) demo.AppCode {
	p.mu.Lock()
	defer p.mu.Unlock()
	key, _ := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(p.key)
	return demo.AppCode{Key: p.key, Code: secret.AppCode(key, at)}
}

func said(r *http.Request, what any) (*http.Response, error) {
	text, err := json.Marshal(what)
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(string(text))), Request: r}, err
}

// walk is the claim and the return visits by demo.Check through the spreader, and what it said.
func (ns *nodes) walk(settled func() bool) string {
	ns.t.Helper()
	ctx, stop := context.WithCancel(ns.t.Context())
	defer stop()
	lines := &report{last: "R1 and R2", stop: stop}
	p := &onlooker{post: ns.post, settled: settled}
	defer p.CloseIdleConnections()
	check := &demo.Check{Web: ns.url, Demo: ns.demo.Self, Transport: p, Out: lines, Now: time.Now}
	if err := check.Run(ctx); ctx.Err() == nil || strings.Contains(lines.String(), "FAIL") {
		ns.t.Errorf("the journey over several nodes: %v\n%s", err, lines.String())
	}
	return lines.String()
}
