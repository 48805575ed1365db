package api

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
	"github.com/latchkey-id/latchkey/internal/store"
)

// noon is when every world begins.
var noon = time.Date(2031, 2, 3, 4, 5, 6, 789e6, time.UTC)

// A world is a true server over a true database, with a clock to turn.
type world struct {
	*httptest.Server
	t      *testing.T
	clock  atomic.Pointer[time.Time]
	db     *store.DB
	door   *Door
	claims claim.Claims
	logs   *syncText
	path   string // of the database, where it is a file
	place  store.Options
}

// syncText is text that many may write to.
type syncText struct {
	mu sync.Mutex
	b  strings.Builder
}

func (s *syncText) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncText) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// The partners of every world; each secret is the id with "-s3cr3t" after it.
const (
	acme   = "acme-treasury" // classic, documented defaults but for volume
	globex = "globex"        // another classic one
	strict = "initech"       // class strict
	hidden = "hooli"         // classic, hides existing accounts
	narrow = "wayne"         // classic, registered for account.read alone
	slow   = "stark"         // classic, documented volume limits
	callee = "https://app.acme.example/wise/cb"
)

// emptyDatabase is a database after all migrations, bound to no keys yet: the same for hundreds of worlds, and migrating each of them
// would take a third of their time.
var emptyDatabase = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "latchkey-api-")
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

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, logs: &syncText{}, path: filepath.Join(t.TempDir(), "test.db")}
	w.set(noon)
	master := make([]byte, 32)
	master[0] = 7
	keys, err := secret.NewKeys(map[int][]byte{1: master})
	must(t, err)
	empty, err := emptyDatabase()
	must(t, err)
	must(t, os.WriteFile(w.path, empty, 0o600))
	w.place = on(t, store.Options{Path: w.path, Keys: keys, Now: w.now})
	w.db, err = store.Open(t.Context(), w.place)
	must(t, err)
	t.Cleanup(func() { must(t, w.db.Close()) })
	ids := secret.NewIDs(w.now)
	partners := partner.Partners{Store: store.Partners{DB: w.db}, IDs: ids, Now: w.now, Memory: &partner.Memory{}}
	passwords := secret.NewPasswords(2, 100)
	passwords.Memory = 8 // these tests hash by the hundred
	w.claims = claim.Claims{Store: store.For[claim.Tx]{DB: w.db}, Keys: keys, IDs: ids, Passwords: passwords,
		Brand: "Latchkey", Wording: "1", Now: w.now}
	w.door = &Door{
		Partners:   partners,
		Customers:  customer.Customers{Store: store.Customers{DB: w.db}, Keys: keys, IDs: ids, Now: w.now},
		Tokens:     grant.Tokens{Store: store.Tokens{DB: w.db}, Keys: keys, IDs: ids, Now: w.now},
		Approvals:  customer.Approvals{Store: store.Approvals{DB: w.db}, IDs: ids, Now: w.now},
		PublicKeys: partner.PublicKeys{Store: store.PublicKeys{DB: w.db}, IDs: ids, Now: w.now},
		Claims:     w.claims, Volume: limit.NewBuckets(w.now), Now: w.now, Log: slog.New(slog.NewTextHandler(w.logs, nil)),
		From: func(r *http.Request) netip.Addr {
			if from, err := netip.ParseAddr(r.Header.Get("X-Test-From")); err == nil {
				return from
			}
			return netip.AddrFrom4([4]byte{192, 0, 2, 7})
		},
		Subscriptions: partner.Subscriptions{Store: store.Subscriptions{DB: w.db}, Keys: keys, IDs: ids, Now: w.now},
		Signing:       sync.OnceValues(func() (*secret.SigningKeys, error) { return secret.NewSigningKeys(w.now()) }),
		Receipts:      sync.OnceValues(func() (*secret.ReceiptKeys, error) { return secret.NewReceiptKeys(w.now()) }),
		WebURL:        "https://id.example.org", PagesURL: "https://id.example.org", Unavailable: store.ErrUnavailable,
		Observe: coverage.of(t),
	}
	yes := true
	for id, r := range map[string]partner.Registration{
		acme: {}, globex: {}, strict: {Class: "strict"}, hidden: {HideExisting: &yes},
		narrow: {Required: []partner.Scope{partner.ScopeAccountRead}}, slow: {PerSecond: 100, PerMinute: 1000},
	} {
		r.ClientID, r.Secret, r.Name, r.RedirectURIs = id, id+"-s3cr3t", "Partner "+id, []string{callee, "https://app.acme.example"}
		if r.PerSecond == 0 {
			r.PerSecond, r.PerMinute = 1_000_000, 10_000_000
		}
		_, err := partners.Seed(t.Context(), r)
		must(t, err)
	}
	w.Server = httptest.NewServer(w.door.Handler())
	t.Cleanup(w.Close)
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) now() time.Time          { return *w.clock.Load() }
func (w *world) set(at time.Time)        { w.clock.Store(&at) }
func (w *world) advance(d time.Duration) { w.set(w.now().Add(d)) }

// An answer is what came back.
type reply struct {
	status int
	header http.Header
	body   string
}

// ask sends a request. Headers come in pairs.
func (w *world) ask(method, path, body string, headers ...string) reply {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.URL+path, strings.NewReader(body))
	must(w.t, err)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return w.send(r)
}

func (w *world) send(r *http.Request) reply {
	w.t.Helper()
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	got, err := client.Do(r)
	must(w.t, err)
	defer got.Body.Close()
	b, err := io.ReadAll(got.Body)
	must(w.t, err)
	if id := got.Header.Get("X-Trace-Id"); len(id) != 32 || strings.Trim(id, "0123456789abcdef") != "" {
		w.t.Errorf("%s %s: trace id %q", r.Method, r.URL, id)
	}
	return reply{got.StatusCode, got.Header, string(b)}
}

// form asks the token endpoint as a client, with fields in pairs.
func (w *world) form(client string, fields ...string) reply {
	w.t.Helper()
	return w.formTo("/oauth/token", client, fields...)
}

// formTo asks another endpoint for clients.
func (w *world) formTo(path, client string, fields ...string) reply {
	w.t.Helper()
	values := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		values.Add(fields[i], fields[i+1])
	}
	r, err := http.NewRequestWithContext(w.t.Context(), "POST", w.URL+path, strings.NewReader(values.Encode()))
	must(w.t, err)
	r.Header.Set("Content-Type", encoded)
	r.SetBasicAuth(client, client+"-s3cr3t")
	return w.send(r)
}

// tokenOf reads a token answer.
func (w *world) tokenOf(got reply) tokenBody {
	w.t.Helper()
	var body tokenBody
	if got.status != 200 || json.Unmarshal([]byte(got.body), &body) != nil || body.Access == "" {
		w.t.Fatalf("no token: %d %s", got.status, got.body)
	}
	return body
}

type tokenBody struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
}

// app is a token of the client's own, as a header.
func (w *world) app(client string) string {
	w.t.Helper()
	return "Bearer " + w.tokenOf(w.form(client, "grant_type", "client_credentials")).Access
}

// json asks a resource endpoint.
func (w *world) json(method, path, bearer, body string) reply {
	w.t.Helper()
	return w.ask(method, path, body, "Authorization", bearer, "Content-Type", "application/json")
}

// want compares status and body.
func (got reply) want(t *testing.T, status int, body string) {
	t.Helper()
	if got.status != status || got.body != body {
		t.Errorf("got  %d %s\nwant %d %s", got.status, got.body, status, body)
	}
}

// code is the registration code of an account that a test opens.
const code = "7a]#&*0123456789012345678901234567890123"

// A person is an account that a partner opened, with its tokens.
type person struct {
	client, email string
	id            int64
	token         tokenBody
	bearer        string
}

// open creates an account and obtains its tokens.
func (w *world) open(client, email string) person {
	w.t.Helper()
	got := w.json("POST", "/v1/user/signup/registration_code", w.app(client), `{"email":"`+email+`","registrationCode":"`+code+`"}`)
	var body struct{ ID int64 }
	if got.status != 200 || json.Unmarshal([]byte(got.body), &body) != nil {
		w.t.Fatalf("no account: %d %s", got.status, got.body)
	}
	p := person{client: client, email: email, id: body.ID}
	p.token = w.tokenOf(w.registration(p))
	p.bearer = "Bearer " + p.token.Access
	return p
}

func (w *world) registration(p person) reply {
	w.t.Helper()
	return w.form(p.client, "grant_type", "registration_code", "client_id", p.client, "email", p.email, "registration_code", code)
}

// mira is the documented personal profile.
const mira = `{"firstName":"Mira","lastName":"Kade","preferredName":"Mimi","firstNameInKana":null,"lastNameInKana":null,"address":{"addressFirstLine":"7 Harbour Row","city":"Leith","countryIso3Code":"gbr","postCode":"EH6 6AB","stateCode":null},"nationality":"gbr","dateOfBirth":"1988-11-30","externalCustomerId":"cust-0042","contactDetails":{"email":"mira.kade@example.org","phoneNumber":"+441315550142"},"occupations":[]}`

// profile gives the account the documented profile and returns its id.
func (w *world) profile(p person) int64 {
	w.t.Helper()
	got := w.json("POST", "/v2/profiles/personal-profile", p.bearer, mira)
	var body struct{ ID int64 }
	if got.status != 200 || json.Unmarshal([]byte(got.body), &body) != nil {
		w.t.Fatalf("no profile: %d %s", got.status, got.body)
	}
	return body.ID
}

// mint mints a claim code.
func (w *world) mint(p person) string {
	w.t.Helper()
	got := w.json("POST", "/v1/user/claim-account", p.bearer, `{"registrationCode":"`+code+`"}`)
	var body struct{ ClaimAccountCode string }
	if got.status != 200 || json.Unmarshal([]byte(got.body), &body) != nil {
		w.t.Fatalf("no claim code: %d %s", got.status, got.body)
	}
	return body.ClaimAccountCode
}

// A visitor is a customer on the pages, with what the next step needs.
type visitor struct {
	post    claim.Post
	request grant.Request
}

// visit opens a claim code with an authorize query, in the way the pages do.
func (w *world) visit(client, claimCode, query string) (claim.Ticket, grant.Request, error) {
	w.t.Helper()
	ctx := w.t.Context()
	p, err := w.door.Partners.ByClient(ctx, client)
	must(w.t, err)
	q := grant.ParseQuery("redirect_uri=" + url.QueryEscape(callee) + query)
	redirect, err := q.MatchRedirect(p)
	must(w.t, err)
	request, err := q.Check(p, redirect)
	must(w.t, err)
	ticket, _, err := w.claims.Open(ctx, claim.Opening{Request: request, Code: claimCode})
	return ticket, request, err
}

// claimed walks the customer through the pages up to the commit. between runs before the last step.
func (w *world) claimed(p person, query string, between func()) visitor {
	w.t.Helper()
	ctx := w.t.Context()
	ticket, request, err := w.visit(p.client, w.mint(p), query)
	must(w.t, err)
	key, err := w.claims.Start(ctx, claim.Start{Ticket: ticket, Email: p.email, Language: "en"})
	must(w.t, err)
	post := claim.Post{Text: ticket.Text, Session: key}
	must(w.t, w.claims.ProveEmail(ctx, post, w.mailedCode(ctx, p.email)))
	must(w.t, w.claims.SetPassword(ctx, post, "seven harbours in the fog"))
	must(w.t, w.claims.ChooseMethod(ctx, post, "app"))
	state, err := w.claims.State(ctx, post.Text, post.Session)
	must(w.t, err)
	must(w.t, w.claims.ProveApp(ctx, post, secret.AppCode(state.Journey.AppSecret, w.now())))
	if between != nil {
		between()
	}
	key, err = w.claims.Commit(ctx, post, true)
	for tries := 0; tries < 20 && server() != "" && errors.Is(err, store.ErrUnavailable); tries++ {
		// Where many write at once, a crowd at one account may outrun a change in all its turns: asked again, as the page does.
		key, err = w.claims.Commit(ctx, post, true)
	}
	must(w.t, err)
	post.Session = key
	return visitor{post, request}
}

func (w *world) mailedCode(ctx context.Context, to string) string {
	w.t.Helper()
	mails, err := store.Mails{DB: w.db}.NextMails(ctx, w.now(), time.Millisecond, 100)
	must(w.t, err)
	found := ""
	for _, m := range mails {
		if m.To == to && m.Code != "" {
			found = m.Code
		}
	}
	if found == "" {
		w.t.Fatal("no mailed code")
	}
	return found
}

// allowed reviews and allows with the optional scopes, and returns the authorization code.
func (w *world) allowed(v visitor, optional ...partner.Scope) string {
	w.t.Helper()
	ctx := w.t.Context()
	state, err := w.claims.State(ctx, v.post.Text, v.post.Session)
	must(w.t, err)
	must(w.t, w.claims.Confirm(ctx, v.post, state.Edition()))
	must(w.t, w.claims.Decide(ctx, v.post, claim.Answer{Allow: true, Asked: state.Journey.Request.Scopes, Optional: optional, Profile: state.Profile.ID, Language: "en"}))
	way, err := w.claims.Return(ctx, v.post, "https://id.example.org")
	must(w.t, err)
	if way.Return.Code == "" {
		w.t.Fatalf("no authorization code: %+v", way.Return)
	}
	return way.Return.Code
}

// exchange redeems an authorization code.
func (w *world) exchange(client, authorization string, more ...string) reply {
	w.t.Helper()
	return w.form(client, append([]string{"grant_type", "authorization_code", "client_id", client, "code", authorization, "redirect_uri", callee}, more...)...)
}

// owned opens an account, fills it in, has it claimed and allowed, and returns the person with the tokens of the grant.
func (w *world) owned(client, email string, optional ...partner.Scope) (person, int64) {
	w.t.Helper()
	p := w.open(client, email)
	id := w.profile(p)
	p.token = w.tokenOf(w.exchange(client, w.allowed(w.claimed(p, "", nil), optional...)))
	p.bearer = "Bearer " + p.token.Access
	return p, id
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }
