package demo_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/demo"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
	"github.com/latchkey-id/latchkey/internal/server"
)

// TestMain collects less often: sandboxes come and go here, and an eighth of the time went into that.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}

// world is a true sandbox: server, its /dev pages and the demo app, each on a port of its own.
type world struct {
	t        *testing.T
	web, app string
	clock    *demo.Clock
}

// newWorld starts one; without lists client ids of demo partners that are left out.
func newWorld(t *testing.T, without ...string) *world {
	t.Helper()
	w := &world{t: t}
	webAt, appAt := listen(t), listen(t)
	w.web, w.app = "http://localhost:"+port(webAt), "http://"+appAt.Addr().String()
	keys, err := secret.NewKeys(map[int][]byte{1: secret.GenerateMaster()})
	w.must(err)
	w.clock, err = demo.NewClock(time.Now, "")
	w.must(err)
	authenticator, err := demo.NewAuthenticator("", w.clock.Now)
	w.must(err)
	var s *server.Server
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	dev, err := (&demo.Dev{Clock: w.clock, Authenticator: authenticator, DemoURL: w.app, Log: log,
		Letters: func(ctx context.Context, n int) ([]demo.Letter, error) {
			list, err := s.Inbox.List(ctx, n)
			var out []demo.Letter
			for _, l := range list {
				out = append(out, demo.Letter(l))
			}
			return out, err
		}}).Handler()
	w.must(err)
	s, err = server.New(t.Context(), server.Options{Data: t.TempDir(), Keys: keys, WebURL: w.web, Brand: "Latchkey Sandbox",
		Help: "help@example.org", Sandbox: dev, Receivers: partner.Loopbacks(), Now: w.clock.Now, Log: log,
		Deviates: func(err error) { t.Error("not as described:", err) }})
	w.must(err)
	app := &demo.App{API: w.web, Web: w.web, Self: w.app, ID: "demo", Secret: "demo-secret", OtherID: "wages", OtherSecret: "wages-secret", Now: w.clock.Now, Log: log}
	for _, registration := range app.Partners() {
		if strings.Contains(strings.Join(without, " "), registration.ClientID) {
			continue
		}
		_, err := s.Partners.Seed(t.Context(), registration)
		w.must(err)
	}
	pages, err := app.Handler()
	w.must(err)
	if !strings.Contains(strings.Join(without, " "), app.ID) {
		w.must(app.Subscribe(t.Context(), s.Partners, s.Subscriptions))
	}
	w.runs(s)
	serve(t, webAt, s.Handler())
	serve(t, appAt, pages)
	return w
}

// runs has the server do what nobody asks for, until the test ends, and closes it.
func (w *world) runs(s *server.Server) {
	running, stop := context.WithCancel(context.WithoutCancel(w.t.Context()))
	ended := make(chan struct{})
	go func() { defer close(ended); s.Run(running) }()
	w.t.Cleanup(func() { stop(); <-ended; w.must(s.Close()) })
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

func port(l net.Listener) string {
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

func serve(t *testing.T, l net.Listener, h http.Handler) {
	hs := &http.Server{Handler: h}
	go func() { _ = hs.Serve(l) }()
	t.Cleanup(func() { _ = hs.Close() })
}

// check runs the walk and returns its lines.
func (w *world) check() (string, error) {
	return w.walk(http.DefaultTransport.(*http.Transport).Clone(), false)
}

// walk runs it over a transport; all says whether it goes on to the person and the business.
func (w *world) walk(transport http.RoundTripper, all bool) (string, error) {
	var out strings.Builder
	if t, is := transport.(*http.Transport); is {
		defer t.CloseIdleConnections()
	}
	err := (&demo.Check{Web: w.web, Demo: w.app, Transport: transport, Out: &out, Now: time.Now, All: all,
		ID: "demo", Secret: "demo-secret", OtherID: "wages", OtherSecret: "wages-secret"}).Run(w.t.Context())
	return out.String(), err
}

// person is somebody at the demo app, with cookies, who follows no redirect.
type person struct {
	*world
	client *http.Client
}

func (w *world) person() *person {
	jar, err := cookiejar.New(nil)
	w.must(err)
	return &person{w, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// get and post return status, where it redirects to, and the body.
func (p *person) get(path string) (int, string, string) {
	p.t.Helper()
	answer, err := p.client.Get(p.app + path)
	return p.read(answer, err)
}

func (p *person) post(path string, form url.Values) (int, string, string) {
	p.t.Helper()
	answer, err := p.client.PostForm(p.app+path, form)
	return p.read(answer, err)
}

func (p *person) read(answer *http.Response, err error) (int, string, string) {
	p.t.Helper()
	p.must(err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	p.must(err)
	return answer.StatusCode, answer.Header.Get("Location"), string(body)
}

// signUp opens an account at page 1.
func (p *person) signUp(email string) {
	p.t.Helper()
	if status, to, body := p.post("/", url.Values{"email": {email}}); status != 303 || to != "/" {
		p.t.Fatalf("signing up: status %d to %q\n%s", status, to, body)
	}
}
