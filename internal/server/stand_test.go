package server

import (
	"database/sql"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
	"github.com/latchkey-id/latchkey/internal/store"
)

// A stand is a true server as it is run, without a sandbox, with people and partners around it who know nothing but its addresses.
type stand struct {
	*testing.T
	*Server
	http *httptest.Server
	mu   sync.Mutex
	time time.Time
	path string
}

func newStand(t *testing.T) *stand {
	t.Helper()
	o, _ := options(t)
	return newStandWith(t, o)
}

func newStandWith(t *testing.T, o Options) *stand {
	t.Helper()
	s := &stand{T: t, http: httptest.NewUnstartedServer(nil), time: start, path: filepath.Join(o.Data, DatabaseFile)}
	o.WebURL, o.Now, o.HashMemory, o.Deviates = "http://"+s.http.Listener.Addr().String(), s.now, 8, nil // the wicked send what is not described
	s.Server = newServer(t, o)
	s.http.Config.Handler = s.Handler()
	s.http.Start()
	t.Cleanup(s.http.Close)
	return s
}

func (s *stand) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.time
}

func (s *stand) advance(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.time = s.time.Add(d)
}

// mailed are the texts of the mails to an address, the newest first: nobody reads another's.
func (s *stand) mailed(to string) (texts []string) {
	s.Helper()
	letters, err := s.Inbox.List(s.Context(), 500)
	if err != nil {
		s.Error(err)
	}
	for _, l := range letters {
		if l.To == to {
			texts = append(texts, l.Text)
		}
	}
	return texts
}

// digits are the six of the newest mail to an address that has some, or "".
func (s *stand) digits(to string) string {
	for _, text := range s.mailed(to) {
		for word := range strings.FieldsSeq(text) {
			if len(word) == 6 && strings.Trim(word, "0123456789") == "" {
				return word
			}
		}
	}
	return ""
}

// heard are the tables that say what was tried, not what is.
var heard = []string{"audit_event", "audit_link", "tries", "partner_event", "event_sequence", "delivery", "mail"}

// rows is all that the database has about an account, table by table, but for those left out and those that say what was tried.
func (s *stand) rows(account int64, without ...string) map[string]string {
	s.Helper()
	if s.options.Database != "" {
		s.Fatal("rows are read from the file")
	}
	db, err := sql.Open("sqlite", "file:"+s.path+"?mode=ro&_pragma=busy_timeout(5000)")
	if err != nil {
		s.Fatal(err)
	}
	defer db.Close()
	all := map[string]string{}
	for _, table := range column(s, db, `SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type='table' AND (c.name='account_id' OR m.name='account' AND c.name='id')`) {
		if slices.Contains(heard, table) || slices.Contains(without, table) {
			continue
		}
		key := map[bool]string{true: "id", false: "account_id"}[table == "account"]
		rows, err := db.Query("SELECT * FROM "+table+" WHERE "+key+"=$1 ORDER BY 1", account)
		if err != nil {
			s.Fatal(err)
		}
		names, _ := rows.Columns()
		for rows.Next() {
			values, into := make([]any, len(names)), make([]any, len(names))
			for i := range values {
				into[i] = &values[i]
			}
			if err := rows.Scan(into...); err != nil {
				s.Fatal(err)
			}
			for i, v := range values {
				all[table] += fmt.Sprintf("%s=%x ", names[i], fmt.Sprint(v))
			}
			all[table] += "\n"
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			s.Fatal(err)
		}
	}
	if len(all["account"]) == 0 && !slices.Contains(without, "account") {
		s.Fatalf("there is no account %d", account)
	}
	return all
}

// ways are the ways into an account: its addresses, factors, codes and numbers, unsealed.
func (s *stand) ways(account int64) string {
	s.Helper()
	var a customer.Account
	if err := (store.Customers{DB: s.database}).View(s.Context(), func(tx customer.Tx) (err error) {
		a, err = tx.Account(customer.AccountID(account))
		return err
	}); err != nil {
		s.Fatal(err)
	}
	a.UpdatedAt, a.Version = time.Time{}, 0
	return fmt.Sprintf("%+v", a)
}

func column(s *stand, db *sql.DB, query string) (values []string) {
	rows, err := db.Query(query)
	if err != nil {
		s.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var v string
		if err := rows.Scan(&v); err != nil {
			s.Fatal(err)
		}
		values = append(values, v)
	}
	return values
}

// unchanged fails where what the database had about an account is not what it has now.
func (s *stand) unchanged(what string, account int64, before map[string]string, without ...string) {
	s.Helper()
	if slices.Contains(without, "session") {
		without = append(slices.Clone(without), "known_device") // a browser that signs in becomes known
	}
	after, before := s.rows(account, without...), maps.Clone(before)
	for _, table := range without {
		delete(before, table)
	}
	for table, text := range after {
		if before[table] != text {
			s.Errorf("%s: %s of the account changed\nfrom %s\nto   %s", what, table, before[table], text)
		}
		delete(before, table)
	}
	for table := range before {
		s.Errorf("%s: %s of the account is gone", what, table)
	}
}

// A person is somebody with a browser, who reads the mail of one address. Dishonest ones have no more than that.
type person struct {
	s      *stand
	client *http.Client
	email  string
	// key is that of the person's authenticator app, step the newest whose code was used.
	key  []byte
	step int64
	// The page before the person.
	at           *url.URL
	status       int
	header       http.Header
	body         string
	root         *html.Node
	id, problems string
	// pressing, where set, is told of the page before each form of it is sent.
	pressing func(page string)
}

const password = "seven quiet harbour lanterns"

func (s *stand) person(email string) *person {
	p := &person{s: s, email: email}
	return p.elsewhere()
}

// elsewhere gives the person another browser.
func (p *person) elsewhere() *person {
	jar, _ := cookiejar.New(nil)
	p.client = &http.Client{Transport: p.s.http.Client().Transport, Jar: jar, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if r.URL.Host != via[0].URL.Host {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	return p
}

func (p *person) open(address string) *person {
	p.s.Helper()
	to, err := url.Parse(p.s.http.URL)
	if err == nil {
		to, err = to.Parse(address)
	}
	if err != nil {
		p.s.Fatal(err)
	}
	return p.ask(http.MethodGet, to, nil, "same-origin")
}

func (p *person) ask(method string, to *url.URL, form url.Values, site string) *person {
	p.s.Helper()
	r, err := http.NewRequestWithContext(p.s.Context(), method, to.String(), strings.NewReader(form.Encode()))
	if err != nil {
		p.s.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", site)
	}
	answer, err := p.client.Do(r)
	if err != nil {
		p.s.Fatal(err)
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		p.s.Fatal(err)
	}
	p.at, p.status, p.header, p.body = answer.Request.URL, answer.StatusCode, answer.Header, string(raw)
	if p.root, err = html.Parse(strings.NewReader(p.body)); err != nil {
		p.s.Fatal(err)
	}
	p.id, p.problems = "", ""
	for n := range p.root.Descendants() {
		if n.Type == html.ElementNode && n.Data == "body" {
			p.id, p.problems = attribute(n, "data-page"), attribute(n, "data-error")
		}
	}
	return p
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// form is the page's first one to post that has fields of all the given names: its address and its values.
func (p *person) form(fields ...string) (*url.URL, url.Values) {
	p.s.Helper()
	for form := range p.root.Descendants() {
		if form.Data != "form" || !strings.EqualFold(attribute(form, "method"), "post") {
			continue
		}
		values, names := url.Values{}, []string{}
		for n := range form.Descendants() {
			name := attribute(n, "name")
			if name == "" || n.Type != html.ElementNode {
				continue
			}
			names = append(names, name)
			if kind := attribute(n, "type"); kind == "hidden" {
				values.Set(name, attribute(n, "value"))
			}
		}
		has := true
		for i := 0; i < len(fields); i += 2 {
			has = has && slices.Contains(names, fields[i])
			values.Set(fields[i], fields[i+1])
		}
		to, err := p.at.Parse(attribute(form, "action"))
		if has && err == nil {
			return to, values
		}
	}
	p.s.Fatalf("page %q (%d) has no form with %v\n%s", p.id, p.status, fields, p.body)
	return nil, nil
}

// press sends a form of the page with the given fields.
func (p *person) press(fields ...string) *person {
	p.s.Helper()
	if p.pressing != nil {
		p.pressing(p.id)
	}
	to, values := p.form(fields...)
	return p.ask(http.MethodPost, to, values, "same-origin")
}

// sees fails unless the page before the person is this one.
func (p *person) sees(page string) *person {
	p.s.Helper()
	if p.id != page || p.problems != "" {
		p.s.Fatalf("%s sees page %q (%d, %q), not %q", p.email, p.id, p.status, p.problems, page)
	}
	return p
}

// appCode is what the person's app shows. A code works once: within one step the clock moves on to the next.
func (p *person) appCode() string {
	now := p.s.now().UnixMilli() / 30_000
	if now <= p.step {
		p.s.advance(time.UnixMilli((p.step + 1) * 30_000).Sub(p.s.now()))
		now = p.step + 1
	}
	p.step = now
	return secret.AppCode(p.key, p.s.now())
}

// walk does what the claim asks, from the page that the person sees to the one named.
func (p *person) walk(to string) *person {
	p.s.Helper()
	for range 20 {
		if p.id == to {
			return p.sees(to)
		}
		switch p.sees(p.id); p.id {
		case "c1":
			p.press("email", p.email)
		case "c2":
			p.press("code", p.s.digits(p.email))
		case "c3":
			p.press("new_password", password)
		case "c4":
			p.press("method", "app")
		case "c5":
			p.scan()
			p.press("code", p.appCode())
		case "c7":
			p.press("saved", "yes")
		case "c8":
			p.press()
		case "c10":
			p.decide("allow")
		case "r1":
			p.press("email", p.email, "password", password)
		case "r2":
			p.press("code", p.appCode())
		default:
			p.s.Fatalf("%s is at page %q (%d) on the way to %q\n%s", p.email, p.id, p.status, to, p.body)
		}
	}
	p.s.Fatalf("%s does not come to %q", p.email, to)
	return nil
}

// decide answers C10, for the first profile where there are several.
func (p *person) decide(answer string) *person {
	p.s.Helper()
	for n := range p.root.Descendants() {
		if attribute(n, "name") == "profile" && attribute(n, "type") == "radio" {
			return p.press("decision", answer, "profile", attribute(n, "value"))
		}
	}
	return p.press("decision", answer)
}

// follow opens the address behind the link with this message.
func (p *person) follow(message string) *person {
	p.s.Helper()
	for n := range p.root.Descendants() {
		if n.Data == "a" && attribute(n, "data-msg") == message {
			return p.open(attribute(n, "href"))
		}
	}
	p.s.Fatalf("page %q has no link %s\n%s", p.id, message, p.body)
	return nil
}

// scan gives the key on page C5 to the app.
func (p *person) scan() {
	p.s.Helper()
	for n := range p.root.Descendants() {
		if u, err := url.Parse(attribute(n, "href")); err == nil && u.Scheme == "otpauth" {
			p.key, err = base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(u.Query().Get("secret"))
			if err == nil {
				return
			}
		}
	}
	p.s.Fatal("page c5 shows no key")
}

// back is the query of the address that C11 leads to.
func (p *person) back() url.Values {
	p.s.Helper()
	p.sees("c11")
	address, _, _ := strings.Cut(strings.TrimPrefix(p.header.Get("Link"), "<"), ">")
	u, err := url.Parse(address)
	if err != nil || address == "" {
		p.s.Fatalf("page C11 leads to %q: %v", address, err)
	}
	return u.Query()
}

const callback = "https://app.acme.example/cb"

// partner registers a partner and returns it as its own programs are.
func (s *stand) partner(r partner.Registration) *firm {
	s.Helper()
	r.Name, r.RedirectURIs, r.Secret = "Partner "+r.ClientID, []string{callback}, r.ClientID+"-s3cr3t-s3cr3t"
	r.PerSecond, r.PerMinute = 1_000_000, 60_000_000
	if _, _, err := s.Partners.Add(s.Context(), r, audit.Actor{Kind: audit.ActorOperator}); err != nil {
		s.Fatal(err)
	}
	return &firm{s: s, id: r.ClientID, secret: r.Secret, ids: map[string]string{}}
}

// Requirement 98: a server that was just set up has no account of anybody: no partner, no operator, no customer, no credential.
func TestNothingIsThereAtFirst(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	db, err := sql.Open("sqlite", "file:"+s.path+"?mode=ro&_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tables := column(s, db, "SELECT name FROM sqlite_master WHERE type='table' ORDER BY 1")
	for _, table := range tables {
		rows := column(s, db, "SELECT count(*) FROM "+table)[0]
		if own := table == "master_key" || strings.HasPrefix(table, "goose") || strings.HasPrefix(table, "sqlite_") || table == "node"; rows != "0" && !own {
			t.Errorf("%s has %s rows", table, rows)
		}
	}
	if len(tables) < 25 {
		t.Errorf("only %d tables", len(tables))
	}
}

// told reports whether a text tells a word. A word of letters and digits alone must stand by itself: in random texts, of which every page has some, any
// four characters come together sooner or later.
func told(text, word string) bool {
	if regexp.MustCompile(`\W`).MatchString(word) {
		return strings.Contains(text, word)
	}
	return regexp.MustCompile(`\b` + word + `\b`).MatchString(text)
}
