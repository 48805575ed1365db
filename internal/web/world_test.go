package web_test

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/html"

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

// clock is the tests' time: it stands still until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// A world is a true store with the nouns over it and the pages in front, on a loopback port.
type world struct {
	t         testing.TB
	clock     *clock
	keys      *secret.Keys
	db        *store.DB
	partners  partner.Partners
	customers customer.Customers
	tokens    grant.Tokens
	claims    claim.Claims
	inbox     notify.Inbox
	door      *web.Door
	server    *httptest.Server
	partner   partner.Partner
	faults    *faults
	mu        sync.Mutex
	log       strings.Builder
	// canaries must not be in the log; registered are the only foreign addresses that an answer may lead to.
	canaries, registered []string
	// opened is the claim code of a test that needs it twice.
	opened string
}

const (
	callback         = "https://app.acme.example/callback?from=us"
	restart          = "https://app.acme.example/restart"
	registrationCode = "0123456789abcdef0123456789abcdef01234567"
	email            = "mira.kade@example.org"
	goodPassword     = "unrelated violet gravel lamp"
	// challenge is the S256 challenge of the verifier (RFC 7636 appendix B).
	verifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

// Write makes the world a place for the log, so that a test can read it.
func (w *world) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.Write(p)
}

// TestMain collects less often: hundreds of small servers come and go here, and a fifth of the time went into that.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}

// emptyDatabase is a database after all migrations, bound to no keys yet: the same for hundreds of worlds, and migrating each of them
// would take a third of their time.
var emptyDatabase = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "latchkey-web-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "empty.db")
	keys, err := secret.NewKeys(map[int][]byte{1: secret.GenerateMaster()})
	if err != nil {
		return nil, err
	}
	db, err := store.Open(context.Background(), store.Options{Path: path, Keys: keys, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	if err := db.Close(); err != nil {
		return nil, err
	}
	raw, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		return nil, err
	}
	_, err = raw.Exec("DELETE FROM master_key; PRAGMA journal_mode=DELETE")
	if err = errors.Join(err, raw.Close()); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, clock: &clock{now: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)}}
	ctx := context.Background()
	var err error
	if w.keys, err = secret.NewKeys(map[int][]byte{1: secret.GenerateMaster()}); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
	path := filepath.Join(t.TempDir(), "test.db")
	if empty, err := emptyDatabase(); err != nil || os.WriteFile(path, empty, 0o600) != nil {
		t.Fatal("no empty database:", err)
	}
	if w.db, err = store.Open(ctx, on(t, store.Options{Path: path, Keys: w.keys, Now: w.clock.Now, Log: log})); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.db.Close() })
	w.wire(log)
	t.Cleanup(w.checkLog)
	w.partner = w.addPartner(partner.Registration{ClientID: "acme-treasury", Secret: "s3cr3t-s3cr3t", Name: "Acme Treasury",
		RedirectURIs: []string{callback}, RestartURI: restart, HomeURI: "https://app.acme.example/"})
	return w
}

func (w *world) wire(log *slog.Logger) {
	ids, passwords := secret.NewIDs(w.clock.Now), secret.NewPasswords(2, 64)
	passwords.Memory = 8 // these tests hash by the hundred
	w.faults = &faults{}
	passkeys := secret.NewPasskeyParty("http://localhost:8080", "Latchkey")
	w.partners = partner.Partners{Store: faultyPartners{store.Partners{DB: w.db}, w.faults}, IDs: ids, Now: w.clock.Now}
	w.customers = customer.Customers{Store: store.Customers{DB: w.db}, Keys: w.keys, IDs: ids, Now: w.clock.Now}
	w.tokens = grant.Tokens{Store: store.Tokens{DB: w.db}, Keys: w.keys, IDs: ids, Now: w.clock.Now}
	w.claims = claim.Claims{Store: faultyClaims{store.Claims{DB: w.db}, w.faults}, Keys: w.keys, IDs: ids, Passwords: passwords, Passkeys: passkeys, Brand: "Latchkey", Wording: "test", Now: w.clock.Now}
	signIns := customer.SignIns{Store: faultySignIns{store.SignIns{For: store.For[customer.SignInTx]{DB: w.db}}, w.faults}, Keys: w.keys, IDs: ids, Passwords: passwords, Passkeys: passkeys, Now: w.clock.Now}
	waysIn := customer.WaysIn{Store: faultyWaysIn{store.WaysIn{DB: w.db}, w.faults}, Keys: w.keys, IDs: ids, Passwords: passwords, Brand: "Latchkey", Now: w.clock.Now}
	pages := w.pages(plainPages, log)
	letters, err := notify.New(notify.Frame{Brand: "Latchkey", Host: "localhost", Web: "http://localhost:8080"})
	if err != nil {
		w.t.Fatal(err)
	}
	w.inbox = notify.Inbox{Store: store.Mails{DB: w.db}, Letters: letters}
	recoveries := customer.Recoveries{SignIns: signIns, Store: faultyRecoveries{store.Recoveries{DB: w.db}, w.faults}, Brand: "Latchkey"}
	customers := w.customers // what partners do in a test meets no trouble
	customers.Store = faultyCustomers{customers.Store, w.faults}
	grants := grant.Grants{Store: faultyGrants{store.Grants{DB: w.db}, w.faults}, IDs: ids, Now: w.clock.Now}
	w.door = &web.Door{Partners: w.partners, Claims: w.claims, SignIns: signIns, Recoveries: recoveries, WaysIn: waysIn, Customers: customers, Grants: grants, Events: audit.Events{Store: faultyEvents{store.Audit{DB: w.db}, w.faults}}, Pages: pages, Keys: w.keys, Failed: limit.NewBuckets(w.clock.Now),
		Now: w.clock.Now, Log: log, From: func(*http.Request) netip.Addr { return netip.MustParseAddr("192.0.2.7") },
		WebURL: "http://localhost:8080", Unavailable: store.ErrUnavailable}
	w.server = httptest.NewServer(w.door.Handler())
	w.t.Cleanup(w.server.Close)
}

// plainPages and sandboxPages are read once for all worlds: reading them is a sixth of what this package's tests cost.
var (
	plainPages   = sync.OnceValues(func() (*web.Pages, error) { return web.NewPages(web.Brand{}, slog.New(slog.DiscardHandler)) })
	sandboxPages = sync.OnceValues(func() (*web.Pages, error) {
		return web.NewPages(web.Brand{Sandbox: true}, slog.New(slog.DiscardHandler))
	})
)

// pages are some that were read once, which tell their troubles to this world's log.
func (w *world) pages(read func() (*web.Pages, error), log *slog.Logger) *web.Pages {
	w.t.Helper()
	pages, err := read()
	if err != nil {
		w.t.Fatal(err)
	}
	return pages.Telling(log)
}

func (w *world) addPartner(r partner.Registration) partner.Partner {
	w.t.Helper()
	p, _, err := w.partners.Add(context.Background(), r, audit.Actor{Kind: audit.ActorOperator})
	if err != nil {
		w.t.Fatal(err)
	}
	w.registered = append(append(w.registered, r.RedirectURIs...), r.RestartURI)
	return p
}

// An account as the partner has it: open, with a token of the registration code.
type opened struct {
	account customer.Account
	caller  customer.Caller
	issue   grant.Issue
}

func (w *world) open(p partner.Partner, address string) opened {
	w.t.Helper()
	ctx := context.Background()
	w.hide(address)
	a, err := w.customers.Create(ctx, p, customer.Signup{Email: address, RegistrationCode: registrationCode, Language: "EN"}, "ref", "net")
	if err != nil {
		w.t.Fatal(err)
	}
	issue, err := w.tokens.Registration(ctx, p, address, registrationCode, customer.Origin{})
	if err != nil {
		w.t.Fatal(err)
	}
	access, err := w.tokens.Access(ctx, issue.Access)
	if err != nil {
		w.t.Fatal(err)
	}
	w.hide(issue.Access)
	return opened{account: a, caller: access.Caller("ref", "net"), issue: issue}
}

// prefill gives the account a whole personal profile.
func (w *world) prefill(o opened) {
	w.t.Helper()
	_, _, err := w.customers.CreatePersonal(context.Background(), o.caller, customer.Personal{Values: map[customer.Field]string{
		customer.FirstName: "Mira", customer.LastName: "Kade", customer.DateOfBirth: "1988-11-30", customer.Phone: "+441315550142",
		customer.Email: email, customer.Country: "GB", customer.FirstLine: "7 Harbour Row", customer.City: "Leith", customer.PostCode: "EH6 6AB",
	}}, customer.Idempotency{Render: func(any) []byte { return nil }})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) mint(o opened) string {
	w.t.Helper()
	code, err := w.claims.Mint(context.Background(), o.caller, registrationCode, claim.Binding{})
	if err != nil {
		w.t.Fatal(err)
	}
	w.hide(code)
	return code
}

// authorize is the path that the partner sends the browser to.
func authorize(p partner.Partner, code, state string) string {
	q := url.Values{"client_id": {p.ClientID}, "redirect_uri": {p.RedirectURIs[0]}}
	if code != "" {
		q.Set("claim_account_code", code)
	}
	if state != "" {
		q.Set("state", state)
	}
	if p.Class.RequiresPKCE {
		q.Set("response_type", "code")
		q.Set("code_challenge", challenge)
		q.Set("code_challenge_method", "S256")
	}
	return "/oauth/authorize/?" + q.Encode()
}

// mailed is the newest code of a journey or of another address that was mailed to an address.
func (w *world) mailed(address string) string {
	w.t.Helper()
	letters, err := w.inbox.List(context.Background(), 50)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, letter := range letters {
		if letter.To != address || strings.Contains(letter.Text, "Your code to get back") { // see forgotten
			continue
		}
		if code := twelveDigits.FindString(letter.Text); code != "" {
			w.hide(code)
			return strings.ReplaceAll(code, " ", "")
		}
		if len(digitsIn(letter.Text)) == 6 {
			return digitsIn(letter.Text)
		}
	}
	w.t.Fatalf("no code was mailed to %s", address)
	return ""
}

// twelveDigits is a code as a mail writes it.
var twelveDigits = regexp.MustCompile(`\b\d{4} \d{4} \d{4}\b`)

// digitsIn is the first run of six digits in a text.
func digitsIn(text string) string {
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r < '0' || r > '9' }) {
		if len(word) == 6 {
			return word
		}
	}
	return ""
}

// A browser keeps cookies and walks the pages as a person would: it follows our own redirects, never others'.
type browser struct {
	w      *world
	client *http.Client
	jar    *cookiejar.Jar
	// key is the app's, once there is one.
	key string
	// at is the last page: its path, status, id and body.
	at     string
	status int
	id     string
	body   string
	header http.Header
	doc    *html.Node
}

func (w *world) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return &browser{w: w, jar: jar, client: &http.Client{Jar: jar, Transport: watched{w}, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if r.URL.Host != via[0].URL.Host || len(via) > 10 {
			return http.ErrUseLastResponse
		}
		return nil
	}}}
}

func (b *browser) get(path string) *browser {
	b.w.t.Helper()
	r, err := http.NewRequest(http.MethodGet, b.w.server.URL+path, nil)
	if err != nil {
		b.w.t.Fatal(err)
	}
	return b.do(r)
}

func (b *browser) do(r *http.Request) *browser {
	b.w.t.Helper()
	answer, err := b.client.Do(r)
	if err != nil {
		b.w.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		b.w.t.Fatal(err)
	}
	b.status, b.header, b.body, b.at = answer.StatusCode, answer.Header, string(body), answer.Request.URL.RequestURI()
	if b.doc, err = html.Parse(strings.NewReader(b.body)); err != nil {
		b.w.t.Fatal(err)
	}
	b.id = ""
	if node := find(b.doc, func(n *html.Node) bool { return n.Data == "body" }); node != nil {
		b.id = attribute(node, "data-page")
	}
	return b
}

// post sends the page's form with the given values over what it holds.
func (b *browser) post(values ...string) *browser {
	b.w.t.Helper()
	action, form := b.form(values...)
	return b.send(action, form)
}

func (b *browser) send(action string, form url.Values) *browser {
	b.w.t.Helper()
	r, err := http.NewRequest(http.MethodPost, b.w.server.URL+action, strings.NewReader(form.Encode()))
	if err != nil {
		b.w.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.do(r)
}

// form is the page's first form: where it posts, and its hidden fields with the given pairs of name and value.
func (b *browser) form(values ...string) (string, url.Values) {
	b.w.t.Helper()
	node := find(b.doc, func(n *html.Node) bool { return n.Data == "form" })
	if node == nil {
		b.w.t.Fatalf("page %s (%d) has no form", b.id, b.status)
	}
	form := url.Values{}
	find(node, func(n *html.Node) bool {
		if n.Data == "input" && attribute(n, "type") == "hidden" {
			form.Set(attribute(n, "name"), attribute(n, "value"))
		}
		return false
	})
	for i := 0; i+1 < len(values); i += 2 {
		form.Set(values[i], values[i+1])
	}
	action := attribute(node, "action")
	if action == "" {
		action = b.at
	}
	return action, form
}

// expect fails the test unless the page is the one with this id and status.
func (b *browser) expect(status int, id string) *browser {
	b.w.t.Helper()
	if b.status != status || b.id != id {
		b.w.t.Fatalf("at %s: got page %q with %d, want %q with %d\n%s", b.at, b.id, b.status, id, status, b.says())
	}
	return b
}

// says is the text of the page's main part.
func (b *browser) says() string {
	var text strings.Builder
	if node := find(b.doc, func(n *html.Node) bool { return n.Data == "main" }); node != nil {
		find(node, func(n *html.Node) bool {
			if n.Type == html.TextNode {
				text.WriteString(strings.TrimSpace(n.Data) + " ")
			}
			return false
		})
	}
	return strings.Join(strings.Fields(text.String()), " ")
}

// has reports whether a message id is on the page.
func (b *browser) has(message string) bool {
	return find(b.doc, func(n *html.Node) bool { return attribute(n, "data-msg") == message }) != nil
}

func find(n *html.Node, want func(*html.Node) bool) *html.Node {
	if want(n) {
		return n
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if found := find(c, want); found != nil {
			return found
		}
	}
	return nil
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// appKey is the secret on page C5.
func (b *browser) appKey() string {
	b.w.t.Helper()
	link := find(b.doc, func(n *html.Node) bool { return strings.HasPrefix(attribute(n, "href"), "otpauth:") })
	if link == nil {
		b.w.t.Fatal("no otpauth link on the page")
	}
	u, err := url.Parse(attribute(link, "href"))
	if err != nil {
		b.w.t.Fatal(err)
	}
	return u.Query().Get("secret")
}

// leaves is the address on page C11.
func (b *browser) leaves() *url.URL {
	b.w.t.Helper()
	b.expect(http.StatusOK, "c11")
	address := strings.TrimSuffix(strings.TrimPrefix(b.header.Get("Link"), "<"), `>; rel="next"`)
	u, err := url.Parse(address)
	if err != nil || address == "" {
		b.w.t.Fatalf("page C11 leads to %q: %v", address, err)
	}
	return u
}
