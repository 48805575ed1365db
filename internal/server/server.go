package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/latchkey-id/latchkey/internal/api"
	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/notify"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/web"
)

// Options say what a server is made from. Data, Keys, WebURL, Now and Log are needed.
type Options struct {
	// Data is the directory of the database; it exists.
	Data string
	// Database is a PostgreSQL database in place of the file in Data, as store.Options.DSN; other nodes may share it.
	Database string
	// Failover says that a standby takes over when the database's server fails, as store.Options.Failover.
	Failover bool
	Keys     *secret.Keys
	// AuditKeep is how long events of the audit are kept; 0 for good.
	AuditKeep time.Duration
	// Masters reads the master keys anew, for those that are added while serving; nil for keys that stay as they are.
	Masters func() (map[int][]byte, error)
	// WebURL is the origin of the pages, APIURL that of the API; empty is the same. Neither ends in a slash.
	WebURL, APIURL string
	// Brand is what customers know this server as, Help where they get help.
	Brand, Help string
	// TrustedProxies are the networks whose X-Forwarded-* headers are believed (requirement 100).
	TrustedProxies []netip.Prefix
	// Sender takes mails out. Without one they stay in the Inbox, which only a sandbox may do: the claim cannot go on
	// where nobody reads the mail.
	Sender notify.Sender
	// Signing returns the keys that notifications are signed with, anew each time. nil draws a key that lives as long as the
	// server, which is for tests: receivers keep the key that they fetched.
	Signing func() (*secret.SigningKeys, error)
	// Receipts returns the keys that receipts are signed with, likewise.
	Receipts func() (*secret.ReceiptKeys, error)
	// Receivers are the networks beside the public internet that notifications may be sent into.
	Receivers []netip.Prefix
	// Verify is the operator's own system that decides whether profiles are true; nil asks nobody.
	Verify *Verify
	// Breaches is the address of a list of leaked passwords that is asked by range look-up; empty asks nobody.
	Breaches string
	// Deviates, where set, is told of each answer of the API and each notification that is not as the description says, and of each
	// request that was taken and is not: for tests and sandboxes. Its words may repeat what was sent.
	Deviates func(error)
	// Extras are the fields that customers are asked for beside the documented ones.
	Extras customer.Extras
	// HashMemory is what a password hash takes, in KiB; 0 is what design 4.11 asks for, and less is for tests that hash by the
	// hundred: whoever steals such hashes guesses them cheaply.
	HashMemory uint32
	// RecoveryWait is how long somebody waits who has lost second step and recovery codes; zero is 72 hours, never under 24.
	RecoveryWait time.Duration
	// hashing, where set, takes the place of the server's own, for tests that hold its turns.
	hashing *secret.Passwords
	// Sandbox serves the pages under /dev and marks every page; nil for a real server.
	Sandbox http.Handler
	Now     func() time.Time
	Log     *slog.Logger
}

// Verify says where the operator's own system is asked, with the key that both sides sign by and the networks beside the
// public internet that it may be in.
type Verify struct {
	URL      string
	Key      secret.WebhookKey
	Networks []netip.Prefix
}

// Server is everything behind the addresses. Handler answers requests; Run does what nobody asked for at that moment:
// mails and clean-up.
type Server struct {
	// Partners registers and lists partners.
	Partners partner.Partners
	// Subscriptions say who is told of what.
	Subscriptions partner.Subscriptions
	// Inbox lists the mails that are kept.
	Inbox notify.Inbox

	options  Options
	database *store.DB
	post     *notify.Post
	courier  *notify.Courier
	verifier *notify.Verifier
	claims   claim.Claims
	tokens   grant.Tokens
	grants   grant.Grants
	receipts claim.Receipts
	web, api http.Handler
	pages    *web.Pages
	webHost  string
	apiHost  string
	leaving  atomic.Bool
	sweepNow chan struct{}
	loops    sync.WaitGroup
}

// DatabaseFile is the name of the database in its directory.
const DatabaseFile = "latchkey.db"

// wording names the version of the consent texts that this release shows; a grant records it.
const wording = "2026-11"

// waitingHashes bounds how many password hashes wait for a core, for each core; beyond, 503 (design 4.11).
const waitingHashes = 64

// New opens the database, applies migrations and makes the doors. The caller runs Run and, at the end, Close.
func New(ctx context.Context, o Options) (*Server, error) {
	if o.Sender == nil && o.Sandbox == nil {
		return nil, errors.New("no mail server is set: the claim proves the customer's mailbox by a mailed code")
	}
	if o.APIURL == "" {
		o.APIURL = o.WebURL
	}
	webURL, err := url.Parse(o.WebURL)
	if err != nil {
		return nil, fmt.Errorf("reading web address: %w", err)
	}
	apiURL, err := url.Parse(o.APIURL)
	if err != nil {
		return nil, fmt.Errorf("reading API address: %w", err)
	}
	letters, err := notify.New(notify.Frame{Brand: o.Brand, Host: webURL.Host, Web: webURL.Scheme + "://" + webURL.Host, Help: o.Help})
	if err != nil {
		return nil, err
	}
	pages, err := web.NewPages(web.Brand{Name: o.Brand, Help: o.Help, Sandbox: o.Sandbox != nil}, o.Log)
	if err != nil {
		return nil, err
	}
	where := store.Options{DSN: o.Database, Failover: o.Failover, Keys: o.Keys, Now: o.Now, Log: o.Log}
	if o.Database == "" {
		where.Path = filepath.Join(o.Data, DatabaseFile)
	}
	database, err := store.Open(ctx, where)
	if err != nil {
		return nil, err
	}
	s := &Server{options: o, database: database, pages: pages, webHost: webURL.Host, apiHost: apiURL.Host,
		sweepNow: make(chan struct{}, 1)}
	s.Inbox = notify.Inbox{Store: store.Mails{DB: database}, Letters: letters}
	if o.Sender != nil {
		s.post = notify.NewPost(store.Mails{DB: database}, letters, o.Sender, o.Now, o.Log)
	}
	s.notifications()
	s.wire()
	return s, nil
}

// notifications makes what tells partners of events.
func (s *Server) notifications() {
	o := &s.options
	if o.Signing == nil {
		o.Signing = sync.OnceValues(func() (*secret.SigningKeys, error) { return secret.NewSigningKeys(o.Now()) })
	}
	if o.Receipts == nil {
		o.Receipts = sync.OnceValues(func() (*secret.ReceiptKeys, error) { return secret.NewReceiptKeys(o.Now()) })
	}
	s.receipts = claim.Receipts{Store: store.Receipts{DB: s.database}, Keys: o.Receipts, Issuer: o.WebURL, Now: o.Now}
	receivers := partner.Receivers{Networks: o.Receivers}
	s.Subscriptions = partner.Subscriptions{Store: store.Subscriptions{DB: s.database}, Keys: o.Keys, IDs: secret.NewIDs(o.Now),
		Receivers: receivers, Now: o.Now}
	s.courier = notify.NewCourier(store.Outbox{DB: s.database}, notify.Writer{Keys: o.Keys, Signing: o.Signing, Sent: o.sent()}, receivers, o.Now, o.Log)
}

// wire makes the nouns over the store and the doors over the nouns.
func (s *Server) wire() {
	o, ids := s.options, secret.NewIDs(s.options.Now)
	passwords := o.hashing
	if passwords == nil {
		passwords = secret.NewPasswords(runtime.NumCPU(), waitingHashes*runtime.NumCPU())
	}
	if o.HashMemory != 0 {
		passwords.Memory = o.HashMemory
	}
	s.Partners = partner.Partners{Store: store.Partners{DB: s.database}, IDs: ids, Now: o.Now, Memory: &partner.Memory{}}
	customers := customer.Customers{Store: store.Customers{DB: s.database}, Keys: o.Keys, IDs: ids, Extras: o.Extras, Now: o.Now, Alarm: o.enumerates}
	if o.Verify != nil {
		s.verifier = notify.NewVerifier(customers, o.Verify.URL, o.Verify.Key, partner.Receivers{Networks: o.Verify.Networks}, o.Now, o.Log)
	}
	passkeys := secret.NewPasskeyParty(o.WebURL, o.Brand)
	signIns := customer.SignIns{Store: store.SignIns{For: store.For[customer.SignInTx]{DB: s.database}}, Keys: o.Keys, IDs: ids,
		Passwords: passwords, Passkeys: passkeys, Now: o.Now}
	tokens := grant.Tokens{Store: store.Tokens{DB: s.database}, Keys: o.Keys, IDs: ids, Now: o.Now, Uses: &grant.Uses{}}
	approvals := customer.Approvals{Store: store.Approvals{DB: s.database}, IDs: ids, Now: o.Now}
	publicKeys := partner.PublicKeys{Store: store.PublicKeys{DB: s.database}, IDs: ids, Now: o.Now}
	policy := o.policy()
	claims := claim.Claims{Store: store.Claims{DB: s.database}, Keys: o.Keys, IDs: ids, Passwords: passwords, Passkeys: passkeys, Brand: o.Brand,
		Policy: policy, Wording: wording, Extras: o.Extras, Now: o.Now}
	s.claims, s.tokens = claims, tokens
	s.grants = grant.Grants{Store: store.Grants{DB: s.database}, IDs: ids, Now: o.Now}
	pagesURL := ""
	if s.webHost != s.apiHost {
		pagesURL = o.WebURL
	}
	s.api = (&api.Door{Partners: s.Partners, Customers: customers, Tokens: tokens, Claims: claims, Subscriptions: s.Subscriptions,
		Signing: o.Signing, Receipts: o.Receipts, Approvals: approvals, PublicKeys: publicKeys, Simulates: o.Sandbox != nil, PagesURL: o.WebURL, APIURL: o.APIURL, Observe: o.observe(), Volume: limit.NewBuckets(o.Now), Now: o.Now, Log: o.Log, From: s.from, WebURL: pagesURL, Unavailable: store.ErrUnavailable}).Handler()
	recoveries := customer.Recoveries{SignIns: signIns, Store: store.Recoveries{DB: s.database}, Policy: policy,
		Brand: o.Brand, Wait: o.RecoveryWait}
	waysIn := customer.WaysIn{Store: store.WaysIn{DB: s.database}, Keys: o.Keys, IDs: ids, Passwords: passwords, Policy: policy, Brand: o.Brand, Now: o.Now}
	s.web = (&web.Door{Partners: s.Partners, Claims: claims, SignIns: signIns, Recoveries: recoveries, WaysIn: waysIn, Customers: customers, Grants: s.grants, Events: s.Events(), Pages: s.pages, Keys: o.Keys,
		Failed: limit.NewBuckets(o.Now), Now: o.Now, Log: o.Log, From: s.from, WebURL: o.WebURL, Unavailable: store.ErrUnavailable,
		Sandbox: o.Sandbox != nil}).Handler()
}

// enumerates warns of a partner that asks for more accounts than a day brings customers.
func (o Options) enumerates(by partner.Partner) {
	o.Log.Warn("a partner had many answers that reveal accounts today", "partner", by.ClientID, "answers", customer.RevealAlarm)
}

// policy is what new passwords are held to.
func (o Options) policy() customer.PasswordPolicy {
	if o.Breaches == "" {
		return customer.PasswordPolicy{}
	}
	return customer.PasswordPolicy{Breached: notify.NewBreaches(o.Breaches, o.Log).Listed}
}

// observe tells of deviations alone.
func (o Options) observe() func(api.Observation) {
	if o.Deviates == nil {
		return nil
	}
	return func(seen api.Observation) {
		if seen.Problem != nil {
			o.Deviates(seen.Problem)
		}
	}
}

// sent holds notifications to the same description.
func (o Options) sent() func(http.Header, []byte) {
	if o.Deviates == nil {
		return nil
	}
	return func(h http.Header, content []byte) {
		if err := api.CheckNotification(h, content); err != nil {
			o.Deviates(err)
		}
	}
}

// sweepEvery is how often what says nothing any more is deleted.
const sweepEvery = time.Minute

// Run delivers mails and sweeps until ctx ends, and returns when both have stopped.
func (s *Server) Run(ctx context.Context) {
	if s.post != nil {
		s.loops.Go(func() { s.post.Run(ctx) })
	}
	s.loops.Go(func() { s.courier.Run(ctx) })
	if s.verifier != nil {
		s.loops.Go(func() { s.verifier.Run(ctx) })
	}
	s.loops.Go(func() { s.sweep(ctx) })
	s.loops.Go(func() { s.seal(ctx) })
	s.loops.Go(func() { s.rekey(ctx) })
	s.loops.Go(func() { s.saveUses(ctx) })
	s.loops.Wait()
}

func (s *Server) sweep(ctx context.Context) {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-s.sweepNow:
		}
		deleted, err := s.database.Sweep(ctx, s.options.Now())
		if err != nil && ctx.Err() == nil {
			s.options.Log.Warn("sweep stopped early, tried again in a minute", "deleted", deleted, "error", err)
		} else if deleted > 0 {
			s.options.Log.Debug("swept", "rows", deleted)
		}
		s.dropAudit(ctx)
		if err := s.tidy(ctx); err != nil && ctx.Err() == nil {
			s.options.Log.Warn("tidying stopped early, tried again in a minute", "error", err)
		}
	}
}

// tidyTurns bounds one tidying; what is left waits for the next.
const tidyTurns = 1000

// tidy goes on while it finds as much as one turn takes: a thousand claims a second leave more than one turn a minute.
func (s *Server) tidy(ctx context.Context) error {
	for range tidyTurns {
		n, err := s.claims.Tidy(ctx, store.Tidy{DB: s.database})
		if err != nil {
			return err
		}
		ended, err := s.grants.Tidy(ctx, store.Ending{DB: s.database})
		if err != nil || n < claim.TidyAtOnce && ended < grant.TidyAtOnce {
			return err
		}
	}
	return nil
}

// Sweep has what time ends ended now and not within a minute: for a sandbox whose clock was moved. It never blocks.
func (s *Server) Sweep() {
	select {
	case s.sweepNow <- struct{}{}:
	default:
	}
}

// Events are where operators read what happened.
func (s *Server) Events() audit.Events { return audit.Events{Store: store.Audit{DB: s.database}} }

// clockLimit is how far this node's clock and the database's may be apart (design 6).
const clockLimit = 2 * time.Second

// Ready says why the server should get no requests now, or nil: it is leaving, its database does not answer, or its clock is
// wrong. A sandbox has a clock of its own, which may be moved.
func (s *Server) Ready(ctx context.Context) error {
	if s.leaving.Load() {
		return errors.New("stopping")
	}
	if err := s.database.Ping(ctx); err != nil {
		return fmt.Errorf("asking the database: %w", err)
	}
	if s.options.Sandbox != nil {
		return nil
	}
	ahead, err := s.database.ClockAhead(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("asking the database for its time: %w", err)
	case ahead > clockLimit:
		return fmt.Errorf("this machine's clock is %s ahead of the database's; keep both in step (NTP)", ahead)
	case ahead < -clockLimit:
		return fmt.Errorf("this machine's clock is %s behind the database's; keep both in step (NTP)", -ahead)
	}
	return nil
}

// Leave makes Ready fail from now on, so that load balancers send new requests elsewhere while those under way finish.
func (s *Server) Leave() { s.leaving.Store(true) }

// Close closes the database. Call it after the last request and after Run has returned.
func (s *Server) Close() error { return s.database.Close() }
