package latchkeytest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey"
	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
	"github.com/latchkey-id/latchkey/internal/server"
)

// RedirectURI is the redirect address of the partner that every server begins with. Nobody listens there: a [Customer] hands
// the address over instead of following it.
const RedirectURI = "https://partner.example/return"

// Server is a running server. Use [NewServer], or [Start] and [Server.Close] where there is no test.
type Server struct {
	// URL is the origin of API and pages.
	URL string

	http   *httptest.Server
	server *server.Server
	client *latchkey.Client
	data   string
	stop   context.CancelFunc
	loops  sync.WaitGroup

	mu  sync.Mutex // guards what follows
	now time.Time
	// deviations are what was not as the description of the API says.
	deviations []error
}

// NewServer starts a server that ends with the test, and fails the test when it cannot, or when a request that the server took or an
// answer that it gave was not as the description of the API says (/openapi.json): another server may refuse such a request.
func NewServer(t testing.TB) *Server {
	t.Helper()
	s, err := Start()
	if err != nil {
		t.Fatalf("starting a Latchkey server: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("ending the Latchkey server: %v", err)
		}
	})
	return s
}

// Settings are what a server may be started with.
type Settings struct {
	// Fields is a file of fields that the server asks for beside the documented ones, as for latchkey serve --fields; none when
	// it is empty.
	Fields []byte
}

// extras reads the fields, or tells all that is wrong with them.
func (o Settings) extras() (customer.Extras, error) {
	if len(o.Fields) == 0 {
		return customer.Extras{}, nil
	}
	extras, found := customer.ReadExtras(o.Fields)
	var errs []error
	for _, e := range found {
		errs = append(errs, e)
	}
	return extras, errors.Join(errs...)
}

// Start starts a server. Its time begins now and stands still.
func Start() (*Server, error) { return StartWith(Settings{}) }

// StartWith is Start with settings of your own. Its error names every mistake in them.
func StartWith(o Settings) (_ *Server, err error) {
	extras, err := o.extras()
	if err != nil {
		return nil, fmt.Errorf("reading fields: %w", err)
	}
	s := &Server{now: time.Now().UTC().Truncate(time.Millisecond), http: httptest.NewUnstartedServer(nil)}
	s.URL = "http://" + s.http.Listener.Addr().String()
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if s.data, err = os.MkdirTemp("", "latchkeytest-"); err != nil {
		return nil, fmt.Errorf("making a directory: %w", err)
	}
	keys, err := secret.NewKeys(map[int][]byte{1: secret.GenerateMaster()})
	if err != nil {
		return nil, err
	}
	s.server, err = server.New(context.Background(), server.Options{Data: s.data, Keys: keys, WebURL: s.URL, Brand: "Latchkey Test",
		Help: "help@example.org", Sandbox: http.NotFoundHandler(), Receivers: partner.Loopbacks(), Extras: extras, HashMemory: 8, Now: s.Now, Deviates: s.deviate, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		return nil, err
	}
	if s.client, err = s.AddPartner(context.Background(), Partner{Name: "Test Partner", RedirectURIs: []string{RedirectURI}}); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.loops.Go(func() { s.server.Run(ctx) })
	s.http.Config.Handler = s.server.Handler()
	s.http.Start()
	return s, nil
}

// deviate keeps what was not as described, for Close to tell.
func (s *Server) deviate(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deviations = append(s.deviations, fmt.Errorf("not as described: %w", err))
}

// Close ends the server and deletes its data. Its error names what was not as the description of the API says, too.
func (s *Server) Close() error {
	s.http.Close()
	if s.stop != nil {
		s.stop()
	}
	s.loops.Wait()
	var errs []error
	if s.server != nil {
		errs = append(errs, s.server.Close())
	}
	if s.data != "" {
		errs = append(errs, os.RemoveAll(s.data))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(append(errs, s.deviations...)...)
}

// Client is the client of the partner that the server began with. It follows the server's clock.
func (s *Server) Client() *latchkey.Client { return s.client }

// Partner says what a further partner is like. Name and RedirectURIs are needed.
type Partner struct {
	Name string
	// RedirectURIs are https addresses, or http on loopback, such as an httptest server's.
	RedirectURIs []string
	// RestartURI is where customers go back to for a new link; it may be empty.
	RestartURI string
	// Class is "classic", which empty is too, or "strict".
	Class string
	// Required and Optional are scopes; without both, reading is required and writing optional.
	Required, Optional []string
	// HideExisting makes sign-up succeed alike whether or not the address has an account; it is always so for strict.
	HideExisting bool
	// PerSecond and PerMinute limit the partner's requests; without them tests meet no limit of volume.
	PerSecond, PerMinute int
}

// AddPartner registers another partner and returns its client.
func (s *Server) AddPartner(ctx context.Context, p Partner) (*latchkey.Client, error) {
	r := partner.Registration{Name: p.Name, RedirectURIs: p.RedirectURIs, RestartURI: p.RestartURI, Class: p.Class,
		PerSecond: p.PerSecond, PerMinute: p.PerMinute}
	var err error
	if r.Required, err = partner.ParseScopes(strings.Join(p.Required, " ")); err != nil {
		return nil, err
	}
	if r.Optional, err = partner.ParseScopes(strings.Join(p.Optional, " ")); err != nil {
		return nil, err
	}
	if p.HideExisting {
		r.HideExisting = &p.HideExisting
	}
	if r.PerSecond == 0 && r.PerMinute == 0 {
		r.PerSecond, r.PerMinute = 1_000_000, 60_000_000
	}
	added, clientSecret, err := s.server.Partners.Add(ctx, r, audit.Actor{Kind: audit.ActorOperator})
	if err != nil {
		return nil, fmt.Errorf("adding a partner: %w", err)
	}
	return &latchkey.Client{BaseURL: s.URL, ID: added.ClientID, Secret: latchkey.Secret(clientSecret), HTTP: s.http.Client(), Now: s.Now}, nil
}

// Now is the server's time.
func (s *Server) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

// Advance moves the server's time forward; a claim code is dead after 300 seconds of it. Time does not go back: a negative
// duration is ignored.
func (s *Server) Advance(by time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(max(by, 0).Truncate(time.Millisecond))
}

// Mail is a mail that the server sent.
type Mail struct {
	To, Subject, Text, HTML string
}

// mostMails bounds how far back Mails looks.
const mostMails = 200

// Mails lists the newest 200 mails to an address, the newest first.
func (s *Server) Mails(ctx context.Context, to string) ([]Mail, error) {
	letters, err := s.server.Inbox.List(ctx, mostMails)
	if err != nil {
		return nil, err
	}
	var list []Mail
	for _, l := range letters {
		if strings.EqualFold(l.To, to) {
			list = append(list, Mail{To: l.To, Subject: l.Subject, Text: l.Text, HTML: l.HTML})
		}
	}
	return list, nil
}
