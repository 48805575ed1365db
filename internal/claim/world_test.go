package claim_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
	"github.com/latchkey-id/latchkey/internal/store"
)

// A clock is turned by the test alone; many goroutines may read it.
type clock struct{ millis atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.millis.Store(time.Date(2026, 11, 22, 13, 0, 0, 0, time.UTC).UnixMilli())
	return c
}

func (c *clock) now() time.Time          { return time.UnixMilli(c.millis.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.millis.Add(d.Milliseconds()) }

// nouns are all verbs over one store.
type nouns struct {
	*clock
	keys      *secret.Keys
	customers customer.Customers
	signins   customer.SignIns
	tokens    grant.Tokens
	claims    claim.Claims
	grants    grant.Grants
	ways      customer.WaysIn
	tidy      claim.TidyStore
	erasing   claim.EraseStore
	// recoveries are of those who cannot sign in.
	recoveries customer.Recoveries
}

// stores are one store as each noun sees it.
type stores struct {
	customers customer.Store
	signins   customer.SignInStore
	tokens    grant.TokenStore
	claims    claim.Store
	owners    grant.OwnerStore
	ways      customer.WaysInStore
	tidy      claim.TidyStore
	erasing   claim.EraseStore
	recovers  customer.RecoveryStore
}

func testKeys(t testing.TB) *secret.Keys {
	t.Helper()
	keys, err := secret.NewKeys(map[int][]byte{1: []byte("the claims' tests have a 32b key")})
	must(t, err)
	return keys
}

func newNouns(c *clock, keys *secret.Keys, s stores) nouns {
	ids, passwords := secret.NewIDs(c.now), secret.NewPasswords(2, 200)
	passwords.Memory = 8 // these tests hash by the hundred
	party := secret.NewPasskeyParty("http://localhost:8080", "Latchkey")
	signins := customer.SignIns{Store: s.signins, Keys: keys, IDs: ids, Passwords: passwords, Passkeys: party, Now: c.now}
	return nouns{clock: c, keys: keys, recoveries: customer.Recoveries{SignIns: signins, Store: s.recovers, Brand: "Latchkey"},
		customers: customer.Customers{Store: s.customers, Keys: keys, IDs: ids, Now: c.now},
		signins:   signins,
		tokens:    grant.Tokens{Store: s.tokens, Keys: keys, IDs: ids, Now: c.now},
		claims: claim.Claims{Store: s.claims, Keys: keys, IDs: ids, Passwords: passwords, Passkeys: party, Brand: "Latchkey", Wording: "1",
			Now: c.now},
		grants: grant.Grants{Store: s.owners, IDs: ids, Now: c.now},
		ways:   customer.WaysIn{Store: s.ways, Keys: keys, IDs: ids, Passwords: passwords, Brand: "Latchkey", Now: c.now},
		tidy:   s.tidy, erasing: s.erasing,
	}
}

func storesOf(db *store.DB) stores {
	return stores{store.Customers{DB: db}, store.SignIns{For: store.For[customer.SignInTx]{DB: db}}, store.Tokens{DB: db}, store.Claims{DB: db},
		store.For[grant.OwnerTx]{DB: db}, store.For[customer.WaysInTx]{DB: db}, store.For[claim.TidyTx]{DB: db}, store.Erasing{DB: db}, store.Recoveries{DB: db}}
}

// A world is the nouns over a true database, with three partners.
type world struct {
	nouns
	t     *testing.T
	db    *store.DB
	place store.Options
	// acme and globex are classic; initech is strict and hides existing accounts.
	acme, globex, initech partner.Partner
	networks              atomic.Int64
}

const callback = "https://app.acme.example/wise/cb"

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldOn(t, on)
}

// TestMain collects less often: hundreds of small databases come and go here, and a seventh of the time went into that.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}

// migratedFile is a database after all migrations: bringing each world there would take a quarter of the time of these tests.
var migratedFile = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "latchkey-claim-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "empty.db")
	db, err := store.Open(context.Background(), store.Options{Path: path, Keys: testKeys(&testing.B{}), Now: time.Now})
	if err != nil {
		return nil, err
	}
	if err := db.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// newFile is the path of a migrated database of a test's own.
func newFile(t *testing.T) string {
	t.Helper()
	empty, err := migratedFile()
	must(t, err)
	path := filepath.Join(t.TempDir(), "law.db")
	must(t, os.WriteFile(path, empty, 0o600))
	return path
}

// newWorldOn is newWorld where the last word on its place is another's.
func newWorldOn(t *testing.T, on func(testing.TB, store.Options) store.Options) *world {
	t.Helper()
	c, keys := newClock(), testKeys(t)
	w := &world{t: t, place: on(t, store.Options{Path: newFile(t), Keys: keys, Now: c.now})}
	db, err := store.Open(t.Context(), w.place)
	must(t, err)
	t.Cleanup(func() { must(t, w.db.Close()) })
	w.db, w.nouns = db, newNouns(c, keys, storesOf(db))
	partners := partner.Partners{Store: store.Partners{DB: db}, IDs: w.claims.IDs, Now: c.now}
	for _, p := range []struct {
		into  *partner.Partner
		id    string
		class string
	}{{&w.acme, "acme", "classic"}, {&w.globex, "globex", "classic"}, {&w.initech, "initech", "strict"}} {
		*p.into, _, err = partners.Add(t.Context(), partner.Registration{ClientID: p.id, Name: "Partner " + p.id, Class: p.class,
			RedirectURIs: []string{callback}, RestartURI: "https://app.acme.example/again"}, audit.Actor{Kind: audit.ActorOperator})
		must(t, err)
	}
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wants fails the test unless the error is the wanted one; nil wants none.
func wants(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) || want == nil && err != nil {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

// view reads the database as it is.
func (w *world) view(fn func(claim.Tx) error) {
	w.t.Helper()
	must(w.t, w.claims.Store.View(context.Background(), fn))
}

func (w *world) account(id customer.AccountID) (a customer.Account) {
	w.t.Helper()
	w.view(func(tx claim.Tx) (err error) { a, err = tx.Account(id); return err })
	return unraised(a)
}

func (w *world) events(f audit.Filter) []audit.Entry {
	w.t.Helper()
	f.Limit = 1000
	entries, err := store.Audit{DB: w.db}.TailEvents(context.Background(), f)
	must(w.t, err)
	return entries
}

func (w *world) mails() []customer.Mail {
	w.t.Helper()
	all, err := store.Mails{DB: w.db}.Mails(context.Background(), 1000)
	must(w.t, err)
	return all
}

func (w *world) request(p partner.Partner) grant.Request {
	return grant.Request{Partner: p.ID, RedirectURI: callback, State: "s%2B1", HasState: true, Scopes: p.Scopes()}
}

// onboarding is what a partner holds of an account that it opened.
type onboarding struct {
	w            *world
	partner      partner.Partner
	email        string
	registration string
	account      customer.AccountID
	profile      customer.ProfileID
	issue        grant.Issue
	caller       customer.Caller
}

var details = map[customer.Field]string{customer.FirstName: "Mira", customer.LastName: "Kade", customer.DateOfBirth: "1988-11-30",
	customer.Phone: "+441315550142", customer.Country: "GB", customer.FirstLine: "7 Harbour Row", customer.City: "Leith", customer.PostCode: "EH6 6AB"}

// onboard opens and prefills an account.
func (w *world) onboard(p partner.Partner, email string) *onboarding {
	w.t.Helper()
	return w.onboardAs(p, email, func(o *onboarding) {
		profile, _, err := w.customers.CreatePersonal(context.Background(), o.caller, customer.Personal{Values: details}, plain(""))
		must(w.t, err)
		o.profile = profile.ID
	})
}

// onboardAs opens an account and has it filled.
func (w *world) onboardAs(p partner.Partner, email string, fill func(*onboarding)) *onboarding {
	w.t.Helper()
	o := &onboarding{w: w, partner: p, email: email, registration: "a registration code of 32 characters " + email}
	a, err := w.customers.Create(context.Background(), p, customer.Signup{Email: email, RegistrationCode: o.registration}, "ref", "192.0.2.0/24")
	must(w.t, err)
	o.account = a.ID
	o.issue, err = w.tokens.Registration(context.Background(), p, email, o.registration, customer.Origin{})
	must(w.t, err)
	access, err := w.tokens.Access(context.Background(), o.issue.Access)
	must(w.t, err)
	o.caller = access.Caller("ref", "192.0.2.0/24")
	fill(o)
	return o
}

// plain renders an answer of which nothing matters but that it is one.
func plain(key string) customer.Idempotency {
	return customer.Idempotency{Endpoint: "personal", Key: key, Request: []byte("r"), Render: func(any) []byte { return []byte("answer") }}
}

func (o *onboarding) mint() (string, error) {
	return o.w.claims.Mint(context.Background(), o.caller, o.registration, claim.Binding{})
}

func (o *onboarding) minted() string {
	o.w.t.Helper()
	code, err := o.mint()
	must(o.w.t, err)
	return code
}

// A browser holds what a cookie does: tickets, a session, and the journey that it is on.
type browser struct {
	w       *world
	o       *onboarding
	ticket  claim.Ticket
	text    string
	session customer.SessionKey
	network string
	// app is the secret that the person's authenticator app was given.
	app []byte
}

func (o *onboarding) browser() *browser {
	return &browser{w: o.w, o: o, network: fmt.Sprintf("198.51.%d.0/24", o.w.networks.Add(1))}
}

func (b *browser) origin() customer.Origin {
	return customer.Origin{Network: b.network, Reference: "abcdefabcdefabcd"}
}

func (b *browser) post() claim.Post {
	return claim.Post{Text: b.text, Session: b.session, Origin: b.origin()}
}

func (b *browser) open(code string) error {
	ticket, resume, err := b.w.claims.Open(context.Background(), claim.Opening{Request: b.w.request(b.o.partner), Code: code,
		Session: b.session, Origin: b.origin()})
	if err == nil {
		b.ticket, b.text = ticket, ticket.Text+resume
	}
	return err
}

func (b *browser) start() error { return b.startAs(b.o.email) }

func (b *browser) startAs(email string) error {
	key, err := b.w.claims.Start(context.Background(), claim.Start{Ticket: b.ticket, Session: b.session, Email: email, Language: "en", Origin: b.origin()})
	if err == nil {
		b.session = key
	}
	return err
}

func (b *browser) journey() (j claim.Journey, err error) {
	err = b.w.claims.Store.View(context.Background(), func(tx claim.Tx) error { j, err = tx.Journey(b.text); return err })
	return j, err
}

// mailed finds the digits that went out for this journey: a person reads them in the mail, a test tells mails apart by the
// digest on the journey's row. "" when none is out.
func (b *browser) mailed() string {
	b.w.t.Helper()
	j, err := b.journey()
	must(b.w.t, err)
	for _, m := range b.w.mails() {
		if m.Kind != customer.MailCode || m.Account != j.Account {
			continue
		}
		digest, err := b.w.keys.DigestWith(1, secret.PurposeMailedCode, fmt.Sprint(int64(j.ID)), customer.FoldEmail(j.Address), m.Code)
		if err == nil && secret.Equal(digest, j.Mailed.Digest) {
			return m.Code
		}
	}
	return ""
}

// wrong is six digits that are not the mailed ones.
func (b *browser) wrong() string {
	if b.mailed() == "000000" {
		return "111111"
	}
	return "000000"
}

func (b *browser) prove(code string) error {
	return b.w.claims.ProveEmail(context.Background(), b.post(), code)
}

// see is a request of the browser, which renews its session's idle limit.
func (b *browser) see() {
	b.w.t.Helper()
	must(b.w.t, b.w.signins.Store.SeeSession(context.Background(), b.session.ID, secret.Hash(b.session.Secret), b.w.now()))
}

const password = "seven grey ducks ate my exam"

func (b *browser) setPassword() error {
	return b.w.claims.SetPassword(context.Background(), b.post(), password)
}

func (b *browser) choose() error {
	return b.w.claims.ChooseMethod(context.Background(), b.post(), "app")
}

func (b *browser) addApp() error {
	j, err := b.journey()
	if err != nil {
		return err
	}
	if len(j.AppSecret) > 0 {
		b.app = j.AppSecret
	}
	return b.w.claims.ProveApp(context.Background(), b.post(), secret.AppCode(b.app, b.w.now()))
}

func (b *browser) commit() error {
	key, err := b.w.claims.Commit(context.Background(), b.post(), true)
	if err == nil {
		b.session = key
	}
	return err
}

func (b *browser) state() (claim.State, error) {
	return b.w.claims.State(context.Background(), b.text, b.session)
}

func (b *browser) confirm() error {
	state, err := b.state()
	if err != nil {
		return err
	}
	return b.w.claims.Confirm(context.Background(), b.post(), state.Edition())
}

func (b *browser) decide(allow bool, optional ...partner.Scope) error {
	return b.w.claims.Decide(context.Background(), b.post(), claim.Answer{Allow: allow, Asked: b.asked(), Optional: optional, Language: "en"})
}

// asked is what C10 asks about now.
func (b *browser) asked() []partner.Scope {
	state, _ := b.state() // where there is none, what is decided is refused for that
	asked, _ := state.Asks(b.w.now())
	return asked
}

func (b *browser) back() (claim.Way, error) {
	return b.w.claims.Return(context.Background(), b.post(), "https://id.example.org")
}

// at is where the browser's journey stands.
func (b *browser) at() (claim.Step, claim.EndReason) {
	state, err := b.state()
	if err != nil {
		return claim.Step(err.Error()), ""
	}
	return state.Next(b.w.now())
}

// stands fails the test unless the journey stands at the step, or is over for the reason.
func (b *browser) stands(step claim.Step, reason claim.EndReason) {
	b.w.t.Helper()
	if s, r := b.at(); s != step || r != reason {
		b.w.t.Errorf("the journey is at %s, %q, want %s, %q", s, r, step, reason)
	}
}

// order is every step before the return, with the post that passes it.
func (b *browser) steps() []struct {
	at   claim.Step
	take func() error
} {
	return []struct {
		at   claim.Step
		take func() error
	}{
		{claim.StepStart, b.start}, {claim.StepEmail, func() error { return b.prove(b.mailed()) }}, {claim.StepPassword, b.setPassword},
		{claim.StepSecondStep, b.choose}, {claim.StepApp, b.addApp}, {claim.StepRecoveryCodes, b.commit}, {claim.StepReview, b.confirm},
		{claim.StepAllow, func() error { return b.decide(true) }},
	}
}

// to takes every step up to one that is then the next, beginning wherever the journey stands.
func (b *browser) to(step claim.Step) *browser {
	b.w.t.Helper()
	_, err := b.journey()
	fresh := errors.Is(err, claim.ErrNoJourney)
	for _, s := range b.steps() {
		if s.at == step {
			return b
		}
		if s.at == claim.StepStart && !fresh {
			continue
		}
		if now, _ := b.at(); s.at != claim.StepStart && now != s.at {
			continue
		}
		if err := s.take(); err != nil {
			b.w.t.Fatalf("%s: %v", s.at, err)
		}
	}
	return b
}

// opened is a browser that has opened a fresh code.
func (o *onboarding) opened() *browser {
	o.w.t.Helper()
	b := o.browser()
	must(o.w.t, b.open(o.minted()))
	return b
}

// exchange redeems an authorization code as the partner does.
func (w *world) exchange(p partner.Partner, code string) (grant.Issue, error) {
	return w.tokens.Exchange(context.Background(), p, grant.Exchange{Code: code, RedirectURI: callback}, customer.Origin{})
}

// together runs functions at once and returns their errors.
func together(fns ...func() error) []error {
	errs := make([]error, len(fns))
	gate := make(chan struct{})
	var wg sync.WaitGroup
	for i, fn := range fns {
		wg.Go(func() {
			<-gate
			errs[i] = fn()
		})
	}
	close(gate)
	wg.Wait()
	return errs
}

// count is how many errors are the wanted one.
func count(errs []error, want error) (n int) {
	for _, err := range errs {
		if want == nil && err == nil || want != nil && errors.Is(err, want) {
			n++
		}
	}
	return n
}
