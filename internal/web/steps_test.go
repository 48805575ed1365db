package web_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/html"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
	"github.com/latchkey-id/latchkey/internal/web"
)

// claim opens a new code for the account in this browser.
func (b *browser) claim(o opened, state string) *browser {
	b.w.t.Helper()
	return b.get(authorize(b.w.partner, b.w.mint(o), state))
}

// walk takes the steps of the account's owner until a page is reached, from wherever the browser stands.
func (b *browser) walk(to, address string) *browser {
	b.w.t.Helper()
	for range 20 {
		if b.id == to {
			return b.expect(http.StatusOK, to)
		}
		switch b.id {
		case "c1":
			b.post("email", address)
		case "c2":
			b.post("code", b.w.mailed(address))
		case "c3":
			b.post("new_password", goodPassword)
		case "c3.again":
			b.post("password", goodPassword)
		case "c4":
			b.post("method", "app")
		case "c5":
			b.key = b.appKey()
			b.post("code", b.w.appCode(b.key))
		case "c7":
			b.post("saved", "yes")
		case "c8", "r5":
			b.post()
		case "c10":
			b.post("decision", "allow")
		case "r1":
			b.post("email", address, "password", goodPassword)
		case "r2":
			b.w.clock.advance(30 * time.Second) // no code of the app is taken twice
			b.post("code", b.w.appCode(b.key))
		default:
			b.w.t.Fatalf("on the way to %s: at %s, page %q (%d)\n%s", to, b.at, b.id, b.status, b.says())
		}
	}
	b.w.t.Fatalf("never came to %s: at %s, page %q", to, b.at, b.id)
	return b
}

// owned is an account of the partner that its owner has claimed in a browser, with the walk ended at a page.
func (w *world) owned(address, page string) (opened, *browser) {
	w.t.Helper()
	o := w.open(w.partner, address)
	w.prefill(o)
	b := w.browser().claim(o, "t-1").walk(page, address)
	return o, b
}

// tab is another tab of the same browser.
func (b *browser) tab() *browser {
	return &browser{w: b.w, jar: b.jar, client: b.client, key: b.key}
}

// base is the path of the journey that the browser is on.
func (b *browser) base() string {
	b.w.t.Helper()
	parts := strings.SplitN(b.at, "/", 4)
	if len(parts) < 3 || parts[1] != "j" {
		b.w.t.Fatalf("%s is not in a journey", b.at)
	}
	return "/j/" + strings.SplitN(parts[2], "?", 2)[0]
}

// cookie is the value of the browser's cookie; keep replaces it, and without a value forgets it.
func (b *browser) cookie() string {
	for _, c := range b.jar.Cookies(b.home()) {
		if c.Name == "lk" {
			return c.Value
		}
	}
	return ""
}

func (b *browser) keep(value string) *browser {
	c := &http.Cookie{Name: "lk", Value: value, Path: "/"}
	if value == "" {
		c.MaxAge = -1
	}
	b.jar.SetCookies(b.home(), []*http.Cookie{c})
	return b
}

func (b *browser) home() *url.URL {
	home, err := url.Parse(b.w.server.URL)
	if err != nil {
		b.w.t.Fatal(err)
	}
	return home
}

// An exchange is one request and its answer, redirects not followed.
type exchange struct {
	status       int
	location     string
	cookie, body string
	header       http.Header
}

// once sends one request with a cookie of its own, "" for none; the browser's jar is left alone.
func (w *world) once(method, path, cookie string, form url.Values, headers ...string) exchange {
	w.t.Helper()
	var body *strings.Reader
	if body = strings.NewReader(""); form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequest(method, w.server.URL+path, body)
	if err != nil {
		w.t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	if cookie != "" {
		r.Header.Set("Cookie", "lk="+cookie)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return w.exchange(r)
}

func (w *world) exchange(r *http.Request) exchange {
	w.t.Helper()
	b := &browser{w: w, client: &http.Client{Transport: watched{w}, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}}
	b.do(r)
	e := exchange{status: b.status, location: b.header.Get("Location"), body: b.body, header: b.header}
	for _, c := range (&http.Response{Header: b.header}).Cookies() {
		e.cookie = c.Value
	}
	return e
}

// page is the id of the page in the answer.
func (e exchange) page() string {
	_, rest, _ := strings.Cut(e.body, `data-page="`)
	id, _, _ := strings.Cut(rest, `"`)
	return id
}

// elementWithID finds an element by its id attribute.
func (b *browser) elementWithID(id string) *html.Node {
	return find(b.doc, func(n *html.Node) bool { return n.Type == html.ElementNode && attribute(n, "id") == id })
}

// field is the control of a form by its name.
func (b *browser) field(name string) *html.Node {
	return find(b.doc, func(n *html.Node) bool {
		return (n.Data == "input" || n.Data == "select" || n.Data == "textarea") && attribute(n, "name") == name
	})
}

// value is what a field holds.
func (b *browser) value(name string) string {
	b.w.t.Helper()
	n := b.field(name)
	if n == nil {
		b.w.t.Fatalf("page %s has no field %s", b.id, name)
	}
	if n.Data == "select" {
		if chosen := find(n, func(n *html.Node) bool { return n.Data == "option" && has(n, "selected") }); chosen != nil {
			return attribute(chosen, "value")
		}
		return ""
	}
	if t := attribute(n, "type"); (t == "checkbox" || t == "radio") && !has(n, "checked") {
		return ""
	}
	return attribute(n, "value")
}

func has(n *html.Node, name string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name })
}

// link is where the link or button with a message id leads.
func (b *browser) link(message string) string {
	b.w.t.Helper()
	n := find(b.doc, func(n *html.Node) bool {
		return attribute(n, "data-msg") == message && (n.Data == "a" || n.Data == "button")
	})
	if n == nil {
		b.w.t.Fatalf("page %s (%d) has no %s\n%s", b.id, b.status, message, b.says())
	}
	if n.Data == "button" {
		return attribute(n, "formaction")
	}
	return attribute(n, "href")
}

// press sends the page's form by another of its buttons.
func (b *browser) press(message string, values ...string) *browser {
	b.w.t.Helper()
	action, form := b.form(values...)
	if other := b.link(message); other != "" {
		action = other
	}
	return b.send(action, form)
}

// summary lists the message ids in the box "There is a problem".
func (b *browser) summary() []string {
	var ids []string
	box := find(b.doc, func(n *html.Node) bool { return attribute(n, "role") == "alert" })
	if box == nil {
		return nil
	}
	find(box, func(n *html.Node) bool {
		if id := attribute(n, "data-msg"); id != "" && id != "problems.title" {
			ids = append(ids, id)
		}
		return false
	})
	return ids
}

// wrong fails the test unless the page came back as it must for one or more problems, given as pairs of field and message:
// the same page with the status, summary and fields in the same words, the title marked.
func (b *browser) wrong(status int, page string, pairs ...string) *browser {
	b.w.t.Helper()
	b.expect(status, page)
	var want []string
	for i := 0; i+1 < len(pairs); i += 2 {
		want = append(want, pairs[i+1])
		if pairs[i] == "" {
			continue
		}
		beside := b.elementWithID("f-" + pairs[i] + "-error")
		if beside == nil || attribute(beside, "data-msg") != pairs[i+1] {
			b.w.t.Errorf("page %s: beside %s stands %v, want %s\n%s", page, pairs[i], beside, pairs[i+1], b.says())
		}
		if f := b.field(pairs[i]); f == nil || attribute(f, "aria-invalid") != "true" {
			b.w.t.Errorf("page %s: field %s is not marked", page, pairs[i])
		}
	}
	if !slices.Equal(b.summary(), want) {
		b.w.t.Errorf("page %s: summary %v, want %v", page, b.summary(), want)
	}
	title := find(b.doc, func(n *html.Node) bool { return n.Data == "title" })
	if title == nil || title.FirstChild == nil || !strings.HasPrefix(title.FirstChild.Data, "Error: ") {
		b.w.t.Errorf("page %s: the title does not begin with Error", page)
	}
	return b
}

// stored is everything that belongs to the account, as text, but for what an opening may write.
func (w *world) stored(id customer.AccountID) string {
	w.t.Helper()
	var text string
	err := w.claims.Store.View(context.Background(), func(tx claim.Tx) error {
		a, err := tx.Account(id)
		if err != nil {
			return err
		}
		profiles, err := tx.Profiles(id)
		if err != nil {
			return err
		}
		grants, err := tx.Grants(id, w.partner.ID)
		if err != nil {
			return err
		}
		if server() != "" { // there an event about an account raises its version, so that changes of one account exclude each other
			a.Version = 0
		}
		b, err := json.Marshal([]any{a, profiles, grants})
		text = string(b)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return text
}

// account reads the account's row.
func (w *world) account(id customer.AccountID) (a customer.Account) {
	w.t.Helper()
	err := w.claims.Store.View(context.Background(), func(tx claim.Tx) (err error) {
		a, err = tx.Account(id)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

// code reads a claim code's row by its text.
func (w *world) code(text string) (c claim.Code) {
	w.t.Helper()
	err := w.claims.Store.View(context.Background(), func(tx claim.Tx) (err error) {
		c, err = tx.ClaimCodeByDigest(w.keys.Digest(secret.PurposeClaimCode, text))
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// journey reads the row of the journey that the browser is on.
func (b *browser) journey() (j claim.Journey) {
	b.w.t.Helper()
	err := b.w.claims.Store.View(context.Background(), func(tx claim.Tx) (err error) {
		j, err = tx.Journey(strings.TrimPrefix(b.base(), "/j/"))
		return err
	})
	if err != nil {
		b.w.t.Fatal(err)
	}
	return j
}

// second is another partner of this server.
func (w *world) second() partner.Partner {
	return w.addPartner(partner.Registration{ClientID: "harbour-pay", Secret: "0th3r-0th3r-0th3r", Name: "Harbour Pay",
		RedirectURIs: []string{"https://pay.harbour.example/back"}})
}

// sandboxPages are the pages of a server that is not real.
func (w *world) sandboxPages() *web.Pages {
	w.t.Helper()
	return w.pages(sandboxPages, w.door.Log)
}

// pause switches a partner off.
func (w *world) pause(p partner.Partner) {
	w.t.Helper()
	p.Active = false
	err := w.partners.Store.Change(context.Background(), func(tx partner.Tx) (audit.Event, error) {
		return audit.Event{At: w.clock.Now(), Action: audit.PartnerChanged, Outcome: audit.Allowed,
			Actor: audit.Actor{Kind: audit.ActorOperator}, Partner: int64(p.ID)}, tx.SavePartner(&p)
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// holdAccount puts an account on hold, as an objection does.
func (w *world) holdAccount(id customer.AccountID) {
	w.t.Helper()
	err := w.claims.Store.Change(context.Background(), func(tx claim.Tx) (audit.Event, error) {
		a, err := tx.Account(id)
		if err != nil {
			return audit.Event{}, err
		}
		a.Hold = customer.HoldObjected
		return audit.Event{At: w.clock.Now(), Action: audit.JourneyObjected, Outcome: audit.Allowed,
			Actor: audit.Actor{Kind: audit.ActorOperator}, Account: int64(id)}, tx.SaveAccount(&a)
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// hiding is the partner with hide_existing on: it may open an account for an address that has one (design 4.9).
func (w *world) hiding(p partner.Partner) partner.Partner {
	w.t.Helper()
	p, err := w.partners.Partner(context.Background(), p.ID)
	if err != nil || p.HideExisting {
		return p
	}
	p.HideExisting = true
	err = w.partners.Store.Change(context.Background(), func(tx partner.Tx) (audit.Event, error) {
		return audit.Event{At: w.clock.Now(), Action: audit.PartnerChanged, Outcome: audit.Allowed,
			Actor: audit.Actor{Kind: audit.ActorOperator}, Partner: int64(p.ID)}, tx.SavePartner(&p)
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// appCode is the code that an app with this secret shows.
func appCode(key []byte, now time.Time) string { return secret.AppCode(key, now) }

type htmlNode = html.Node

// journeyAt reads the row of the journey of an address.
func (w *world) journeyAt(path string) claim.Journey {
	w.t.Helper()
	b := w.browser()
	b.at = path
	return b.journey()
}
