package api

import (
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/store"
)

// A holding is what a partner holds for one customer: tokens, codes, and what hangs on the account.
type holding struct {
	account
	// family is the bearer's own refresh token, authorization an authorization code that was not redeemed or "".
	family, authorization string
	grant                 grant.ID
}

// A death is one way in which credentials end. Of what a partner held, access tokens alone end where it spares the rest.
type death struct {
	name   string
	kill   func(b *bench, h *holding)
	spares bool
}

// deathsOf are those of what a registration code gives, and of what a customer gives. To add a way of ending credentials is to
// add a row.
func deathsOf(kind grant.Kind) []death {
	all := []death{
		{"the operator's hold", func(b *bench, h *holding) {
			_, err := b.door.Customers.Hold(b.t.Context(), customer.AccountID(h.id))
			must(b.t, err)
		}, false},
		{"a refresh", func(b *bench, h *holding) {
			b.tokenOf(b.form(h.client, "grant_type", "refresh_token", "refresh_token", h.family))
		}, true},
		{"a higher epoch, as recovery, a new address, closing and erasing raise it", func(b *bench, h *holding) {
			b.change(h.id, func(a *customer.Account) { a.Epoch++ })
		}, kind == grant.Registration}, // an account that nobody claimed has one epoch: its code lives on
		{"a partner that was switched off", func(b *bench, h *holding) { b.switchOff(h.client) }, false},
		{"time", func(b *bench, h *holding) { b.advance(12 * time.Hour) }, true},
	}
	if kind == grant.Registration {
		return append([]death{
			{"the commit", func(b *bench, h *holding) { b.claimed(h.person, "", nil) }, false},
			{"an objection", func(b *bench, h *holding) { must(b.t, b.claims.Object(b.t.Context(), b.proven(h.person))) }, false},
		}, append(all, death{"thirty days without a claim", func(b *bench, h *holding) {
			b.advance(customer.PendingLife)
			_, err := b.claims.Tidy(b.t.Context(), store.For[claim.TidyTx]{DB: b.db})
			must(b.t, err)
		}, false})...)
	}
	return append([]death{
		{"an access that the customer stopped", func(b *bench, h *holding) {
			a := b.stored(h.id)
			grants := grant.Grants{Store: store.For[grant.OwnerTx]{DB: b.db}, IDs: b.claims.IDs, Now: b.now}
			must(b.t, grants.Stop(b.t.Context(), customer.SignedInTo(a, customer.Origin{}), h.grant))
		}, false},
		{"the link of mail M1", func(b *bench, h *holding) {
			mails, err := store.Mails{DB: b.db}.Mails(b.t.Context(), 100)
			must(b.t, err)
			i := slices.IndexFunc(mails, func(m customer.Mail) bool { return m.Link != "" && m.To == h.email })
			must(b.t, b.claims.ObjectByLink(b.t.Context(), mails[i].Link, customer.Origin{}))
		}, false},
	}, all...)
}

// change writes to an account what no verb of today writes.
func (b *bench) change(id int64, fn func(*customer.Account)) {
	b.t.Helper()
	must(b.t, store.Customers{DB: b.db}.Change(b.t.Context(), func(tx customer.Tx) (audit.Event, error) {
		a, err := tx.Account(customer.AccountID(id))
		if err != nil {
			return audit.Event{}, err
		}
		fn(&a)
		return audit.Event{At: b.now(), Action: audit.AccountReleased, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorServer}}, tx.SaveAccount(&a)
	}))
}

func (b *bench) stored(id int64) (a customer.Account) {
	b.t.Helper()
	must(b.t, store.Customers{DB: b.db}.View(b.t.Context(), func(tx customer.Tx) (err error) {
		a, err = tx.Account(customer.AccountID(id))
		return err
	}))
	return a
}

// switchOff pauses a partner.
func (b *bench) switchOff(client string) {
	b.t.Helper()
	p, err := b.door.Partners.ByClient(b.t.Context(), client)
	must(b.t, err)
	p.Active = false
	must(b.t, b.door.Partners.Store.Change(b.t.Context(), func(tx partner.Tx) (audit.Event, error) {
		return audit.Event{At: b.now(), Action: audit.PartnerChanged, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorServer}}, tx.SavePartner(&p)
	}))
}

// held opens an account, and has its customer take it over and allow all of it where the kind says so.
func (b *bench) held(kind grant.Kind, client, email string) *holding {
	b.t.Helper()
	h := &holding{account: b.account(client, email)}
	h.family = h.token.Refresh
	if kind == grant.Registration {
		return h
	}
	v := b.claimed(h.person, "", nil)
	h.token = b.tokenOf(b.exchange(client, b.allowed(v, partner.AllScopes()...)))
	h.bearer, h.family = "Bearer "+h.token.Access, h.token.Refresh
	ticket := b.claims.Ticket(v.request) // and she comes again, by which there is a code that was not redeemed
	must(b.t, b.claims.Visit(b.t.Context(), ticket, v.post.Session, "en", customer.Origin{}))
	post := claim.Post{Text: ticket.Text, Session: v.post.Session}
	must(b.t, b.claims.Decide(b.t.Context(), post, claim.Answer{Allow: true, Asked: v.request.Scopes, Profile: customer.ProfileID(number(b.t, h.personal)), Optional: partner.AllScopes(), Language: "en"}))
	way, err := b.claims.Return(b.t.Context(), post, "https://id.example.org")
	must(b.t, err)
	h.authorization = way.Return.Code
	must(b.t, store.Tokens{DB: b.db}.View(b.t.Context(), func(tx grant.TokenTx) error {
		p, err := b.door.Partners.ByClient(b.t.Context(), client)
		if err != nil {
			return err
		}
		g, err := tx.ActiveGrant(customer.AccountID(h.id), p.ID, customer.ProfileID(number(b.t, h.personal)))
		h.grant = g.ID
		return err
	}))
	return h
}

// requests are one for each address of each route that takes a bearer of the kind, as it is taken while the bearer lives. Later releases cannot forget a route: they are those of the door.
func (b *bench) requests(a account, by ...identity) (all []request) {
	b.t.Helper()
	known := trials()
	for _, rt := range b.door.routes() {
		patterns := rt.patterns()
		if os.Getenv("LATCHKEY_FULL") == "" {
			patterns = patterns[:1]
		}
		for _, pattern := range patterns {
			name := rt.method + " " + strings.Replace(pattern, calendar, "/2026Q3", 1)
			if x := known[rt.method+" "+rt.legacy]; slices.Contains(by, rt.by) {
				x.fresh = false
				all = append(all, b.good(rt, pattern, x, a))
			} else if rt.by > byBearer {
				b.t.Errorf("%s takes a credential that this test does not know", name)
			}
		}
	}
	return all
}

// everything is all that the database has but what says that something was tried, line by line.
func (w *world) everything() (rows []string) {
	w.t.Helper()
	driver, address, list := "sqlite", "file:"+w.path+"?mode=ro&_pragma=busy_timeout(5000)", "SELECT name FROM sqlite_master WHERE type='table' ORDER BY 1"
	if w.place.DSN != "" {
		driver, address, list = "pgx", w.place.DSN, "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
	}
	db, err := sql.Open(driver, address)
	must(w.t, err)
	defer db.Close()
	ask := func(query string) *sql.Rows {
		got, err := db.Query(query)
		must(w.t, err)
		return got
	}
	tables, table := []string{}, ""
	for got := ask(list); got.Next(); {
		must(w.t, got.Scan(&table))
		tables = append(tables, table)
	}
	for _, table := range tables {
		if slices.Contains([]string{"audit_event", "audit_link", "tries", "sqlite_sequence"}, table) {
			continue
		}
		got := ask("SELECT * FROM " + table)
		names, err := got.Columns()
		must(w.t, err)
		for got.Next() {
			values, into := make([]any, len(names)), make([]any, len(names))
			for i := range values {
				into[i] = &values[i]
			}
			must(w.t, got.Scan(into...))
			if server() != "" && table == "account" { // there an event about an account raises its version, so that its changes exclude each other
				values[slices.Index(names, "version")] = 0
			}
			rows = append(rows, table+fmt.Sprint(values))
		}
		must(w.t, errors.Join(got.Err(), got.Close()))
	}
	if len(rows) < 20 {
		w.t.Fatalf("only %d rows were read", len(rows))
	}
	slices.Sort(rows)
	return rows
}

// unchanged fails where the database is not as it was.
func (w *world) unchanged(what string, before []string) {
	w.t.Helper()
	after := w.everything()
	for _, row := range after {
		if _, was := slices.BinarySearch(before, row); !was {
			w.t.Errorf("%s: there is now %.300s", what, row)
		}
	}
	if len(after) != len(before) {
		w.t.Errorf("%s: %d rows became %d", what, len(before), len(after))
	}
}

// Issue 4 line 5: whatever ended a credential, it is refused at every endpoint that takes one of its kind, in the same words as
// one that never was, and nothing changes by it.
func TestDeadCredentials(t *testing.T) {
	t.Parallel()
	for kind, name := range map[grant.Kind]string{grant.Registration: "a registration code's", grant.Customer: "a customer's"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			all := b.requests(b.own, byUser, byBearer)
			if len(all) < 65 {
				t.Errorf("only %d routes", len(all))
			}
			for i, d := range deathsOf(kind) {
				client := acme
				if d.name == "a partner that was switched off" {
					client = globex
				}
				h := b.held(kind, client, "mira"+decimal(int64(i))+"@example.org")
				about := strings.NewReplacer(decimal(b.own.id), decimal(h.id), b.own.personal, h.personal, b.own.business, h.business, b.own.address, h.address)
				if got := b.json("GET", "/v1/me", h.bearer, ""); got.status != 200 {
					t.Fatalf("%s: alive it answers %d %s", d.name, got.status, got.body)
				}
				d.kill(b, h)
				before := b.everything()
				for _, q := range all {
					q.bearer, q.path, q.body = h.bearer, about.Replace(q.path), about.Replace(q.body)
					if got := b.do(q); got.status != 401 || got.body != invalidToken {
						t.Errorf("%s: %s %s answers %d %s", d.name, q.method, q.path, got.status, got.body)
					}
				}
				b.unchanged(d.name, before)
				b.deadAtTheTokenEndpoint(d, h)
			}
		})
	}
}

// clientRoutes are the endpoints that a client proves itself at, with what else they take that may be dead.
var clientRoutes = map[string]func(b *bench, d death, h *holding) []shown{
	"/oauth/token": func(b *bench, d death, h *holding) (all []shown) {
		if d.spares {
			return nil
		}
		refused := reply{status: 401, body: invalidGrant}
		all = append(all, shown{[]string{"grant_type", "refresh_token", "refresh_token", h.family}, refused})
		all = append(all, shown{[]string{"grant_type", "registration_code", "email", h.email, "registration_code", code}, reply{status: 401, body: invalidUser}})
		if h.authorization != "" {
			all = append(all, shown{[]string{"grant_type", "authorization_code", "code", h.authorization, "redirect_uri", callee}, refused})
		}
		return all
	},
	"/oauth/introspect": func(b *bench, d death, h *holding) (all []shown) {
		for _, token := range h.dead(d) {
			all = append(all, shown{[]string{"token", token}, reply{status: 200, body: `{"active":false}`}})
		}
		return all
	},
	"/oauth/revoke": func(b *bench, d death, h *holding) (all []shown) {
		for _, token := range h.dead(d) {
			all = append(all, shown{[]string{"token", token}, reply{status: 200}})
		}
		return all
	},
}

// A shown is a form with a dead credential in it, and the answer that it must get.
type shown struct {
	fields []string
	want   reply
}

// dead are the tokens that ended.
func (h *holding) dead(d death) []string {
	if d.spares {
		return []string{strings.TrimPrefix(h.bearer, "Bearer ")}
	}
	return []string{strings.TrimPrefix(h.bearer, "Bearer "), h.family}
}

// deadAtTheTokenEndpoint shows the credentials that a form carries, at every endpoint for clients.
func (b *bench) deadAtTheTokenEndpoint(d death, h *holding) {
	b.t.Helper()
	for _, rt := range b.door.routes() {
		if rt.by != byClient {
			continue
		}
		before := b.everything()
		forms, known := clientRoutes[rt.legacy]
		if !known {
			b.t.Errorf("%s takes credentials: say which, and what a dead one is answered", rt.legacy)
			continue
		}
		for _, s := range forms(b, d, h) {
			got := b.formTo(rt.legacy, h.client, s.fields...)
			if p, err := b.door.Partners.ByClient(b.t.Context(), h.client); errors.Is(err, partner.ErrUnknown) || err == nil && !p.Active {
				s.want = reply{status: 401, body: invalidClient}
			}
			if got.status != s.want.status || got.body != s.want.body {
				b.t.Errorf("%s: %s with %s answers %d %s", d.name, rt.legacy, s.fields[1], got.status, got.body)
			}
		}
		if rt.legacy == "/oauth/revoke" { // which ends what was dead once more, and nothing else
			before = append(slices.DeleteFunc(before, ofTokens), slices.Collect(only(b.everything(), ofTokens))...)
			slices.Sort(before)
		}
		b.unchanged(d.name+", at "+rt.legacy, before)
	}
}

func ofTokens(row string) bool { return strings.HasPrefix(row, "token[") }

func only(rows []string, fits func(string) bool) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, row := range rows {
			if fits(row) && !yield(row) {
				return
			}
		}
	}
}

// A client's own tokens end with their time and with the client; a dead one opens nothing of its own and nothing of a customer's.
func TestDeadApplicationTokens(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for name, kill := range map[string]func(client string){"time": func(string) { b.advance(12 * time.Hour) }, "switched off": b.switchOff} {
		client := map[string]string{"time": acme, "switched off": globex}[name]
		a := b.account(client, "nora-"+client+"@example.org")
		bearer := b.world.app(client)
		all := b.requests(a, byApplication, byBearer)
		if got := b.json("GET", "/v3/applications/"+client+"/subscriptions", bearer, ""); got.status != 200 {
			t.Fatalf("alive it answers %d", got.status)
		}
		kill(client)
		before := b.everything()
		for _, q := range all {
			q.bearer = bearer
			if got := b.do(q); got.status != 401 || got.body != invalidToken {
				t.Errorf("%s: %s %s answers %d %s", name, q.method, q.path, got.status, got.body)
			}
		}
		b.unchanged(name, before)
		if len(all) < 10 {
			t.Errorf("only %d routes", len(all))
		}
	}
}

// What hung on the account before the hand-over is as unknown to a token that the customer granted after it: reviews, their links'
// makers, subscriptions, one-time tokens and kept answers are of a lower epoch (I2).
func TestDeadBelongings(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	a := b.account(acme, "lena.kade@example.org")
	before := map[string]request{}
	known := trials()
	for _, rt := range b.door.routes() {
		for _, pattern := range rt.patterns()[:1] {
			if x := known[rt.method+" "+rt.legacy]; rt.by == byUser && (x.ott || strings.Contains(pattern, "{subscription}") || strings.Contains(pattern, "{review}")) {
				before[rt.method+" "+pattern] = b.good(rt, pattern, x, a)
			}
		}
	}
	a.token = b.tokenOf(b.exchange(acme, b.allowed(b.claimed(a.person, "", nil), partner.AllScopes()...)))
	if len(before) < 10 {
		t.Errorf("only %d routes name what hangs on an account", len(before))
	}
	rows := b.everything()
	for name, q := range before {
		q.bearer = "Bearer " + a.token.Access
		if got := b.do(q); got.status != 404 && got.status != 403 {
			t.Errorf("%s: what was made before the hand-over answers %d %s", name, got.status, got.body)
		}
	}
	b.unchanged("what was made before the hand-over", rows)
}
