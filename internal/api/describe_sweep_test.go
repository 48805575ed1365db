package api

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// tiny is a partner with so few requests that tests meet the limit.
const tiny = "tyrell"

// An asked is an operation with a request that gets past its bearer.
type asked struct {
	op           *tree
	method, path string
	headers      []string
}

// askAll is a request for every operation of the description, by the client and its customer.
func (w *world) askAll(client string, p person, application string) []asked {
	w.t.Helper()
	d, err := described()
	must(w.t, err)
	fill := strings.NewReplacer("{user}", decimal(p.id), "{profile}", "1", "{address}", "1", "{client}", client, "{way}", "sms", "{requirement}", "INCOME",
		"{review}", secret.UUID(), "{subscription}", secret.UUID())
	var all []asked
	for _, where := range d.document.sub("paths").members() {
		for _, method := range d.document.sub("paths", where).members() {
			op := d.document.sub("paths", where, method)
			a := asked{op, strings.ToUpper(method), fill.Replace(where), nil}
			for _, one := range op.list("security") {
				switch one.(*tree).names[0] {
				case "userToken":
					a.headers = []string{"Authorization", p.bearer, "Content-Type", "application/json"}
				case "applicationToken":
					a.headers = []string{"Authorization", application, "Content-Type", "application/json"}
				case "clientSecret":
					r, err := http.NewRequest("POST", "/", nil)
					must(w.t, err)
					r.SetBasicAuth(client, client+"-s3cr3t")
					a.headers = []string{"Authorization", r.Header.Get("Authorization"), "Content-Type", encoded}
				}
			}
			all = append(all, a)
		}
	}
	return all
}

// expect asks, and fails where the status is another one. Operations that do not describe the status are left out.
func (w *world) expect(all []asked, status string, body string, change func(*asked)) {
	w.t.Helper()
	tried := 0
	for _, a := range all {
		if !a.op.sub("responses").has(status) {
			continue
		}
		tried++
		if change != nil {
			a.headers = append([]string{}, a.headers...)
			change(&a)
		}
		if got := w.ask(a.method, a.path, body, a.headers...); got.status != statusNumber(status) {
			w.t.Errorf("%s %s: %d, want %s: %s", a.method, a.path, got.status, status, got.body)
		}
	}
	if tried == 0 {
		w.t.Errorf("no operation answers %s", status)
	}
}

// What all operations of a kind are described to answer, each of them does: who does not say who they are, asks too often, sends
// too much, something else or nothing that can be read, and what a database that does not answer, or answers nonsense, makes of it.
func TestEveryOperationAnswersAsItsKind(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.simulating()
	_, err := w.door.Partners.Seed(t.Context(), partner.Registration{ClientID: tiny, Secret: tiny + "-s3cr3t", Name: "Tyrell", RedirectURIs: []string{callee},
		PerSecond: 50, PerMinute: 50})
	must(t, err)
	p, application := w.open(tiny, "mira.kade@example.org"), w.app(tiny)
	limited := w.askAll(tiny, p, application)
	for range 60 {
		w.json("GET", "/v1/me", p.bearer, "")
	}
	w.expect(limited, "429", "{}", nil)

	q := w.open(acme, "jonas.kade@example.org")
	all := w.askAll(acme, q, w.app(acme))
	w.expect(all, "401", "{}", func(a *asked) { a.headers = []string{"Content-Type", a.headers[3]} })
	w.expect(all, "415", "{}", func(a *asked) { a.headers[3] = "text/plain" })
	w.expect(all, "413", strings.Repeat(" ", largestBody+1), nil)
	unread := all[:0:0]
	for _, a := range all {
		if a.method != http.MethodGet {
			unread = append(unread, a)
		}
	}
	w.expect(unread, "400", `{"a":`, nil)

	w.door.Signing = func() (*secret.SigningKeys, error) { return nil, errors.New("no key") }
	w.door.Receipts = func() (*secret.ReceiptKeys, error) { return nil, errors.New("no key") }
	must(t, w.db.Close())
	w.expect(all, "503", "{}", nil)
	w.door.Unavailable = errors.New("another one")
	w.expect(all, "500", "{}", nil)
}

// What is described of few operations and tested nowhere else: what a check locks is locked at every endpoint that writes it, and
// what there may be at most of.
func TestDescribedRefusals(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	director := `[{"firstName":"Ada","lastName":"Quill","dateOfBirth":"1970-02-28","countryOfResidenceIso3Code":"gbr"}]`
	owner := `[{"name":"Ada Quill","dateOfBirth":"1970-02-28","countryOfResidenceIso3Code":"gbr","addressFirstLine":"7 Harbour Row","postCode":"EH6 6AB"}]`
	document := `{"clientId":"` + acme + `","type":"PASSPORT","uniqueIdentifier":"925665416"}`
	for path, body := range map[string]string{b.own.business + "/directors": director, b.own.business + "/ubos": owner, b.own.personal + "/verification-documents": document} {
		if got := b.json("POST", "/v1/profiles/"+path, b.own.bearer, body); got.status != 200 {
			t.Fatalf("%s: %d %s", path, got.status, got.body)
		}
	}
	for _, id := range []string{b.own.personal, b.own.business} {
		b.decide(number(t, id), true)
	}
	for _, x := range []struct{ method, path, body string }{
		{"POST", "/v1/profiles/" + b.own.business + "/directors", director},
		{"POST", "/v1/profiles/" + b.own.business + "/ubos", owner},
		{"POST", "/v1/addresses", `{"profile":` + b.own.personal + `,"details":{"country":"GB","firstLine":"9 High Row","city":"Leith","postCode":"EH6 6AB"}}`},
		{"PUT", "/v3/profiles/" + b.own.business + "/business-profile", `{"businessName":"Kade Stairs Ltd"}`},
		{"PUT", "/v1/profiles", `{"id":` + b.own.personal + `,"type":"personal","details":{"firstName":"Ada"}}`},
		{"PUT", "/v1/profiles/" + b.own.business + "/directors", director},
		{"DELETE", "/v1/profiles/" + b.own.business + "/directors", ""},
		{"PUT", "/v1/profiles/" + b.own.business + "/ubos", owner},
		{"PUT", "/v1/profiles/" + b.own.personal + "/verification-documents", document},
		{"POST", "/2026Q3/profiles/" + b.own.personal + "/verification-documents", document},
		{"PUT", "/2026Q3/profiles/" + b.own.personal + "/verification-documents", document},
	} {
		if got := b.json(x.method, x.path, b.own.bearer, x.body); got.status != 409 || !strings.Contains(got.body, `"FIELD_LOCKED"`) {
			t.Errorf("%s %s: %d %s", x.method, x.path, got.status, got.body)
		}
	}
}

// And what no other test of this package asks of one operation.
func TestDescribedCodes(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	of := func(profile string) string { return "/2026Q3/profiles/" + profile }
	review := b.newReview(b.own.person, number(t, b.own.personal))
	trial := "/v2/simulation/profiles/" + b.own.personal + "/kyc-reviews/" + review + "/requirements/"
	document := func(client, kind, text string) string {
		return `{"clientId":"` + client + `","type":"` + kind + `","uniqueIdentifier":"` + text + `"}`
	}
	for _, x := range []struct {
		method, path, key, body string
		status                  int
		code                    string
	}{
		{"PUT", of(b.own.personal) + "/verification-documents", "", document(acme, "FINANCIAL_CAPACITY_BR", "1000.50"), 422, ""},
		{"PUT", of(b.own.personal) + "/verification-documents", "", document(globex, "SSN", "1"), 400, "not.allowed.for.clientId"},
		{"PUT", of(b.own.personal) + "/verification-documents", "", document(acme, "SSN", "1"), 400, "not.allowed.for.uniqueIdentifier"},
		{"POST", of(b.own.personal) + "/verification-documents", "one", document(acme, "OTHER", "1"), 200, ""},
		{"POST", of(b.own.personal) + "/verification-documents", "one", document(acme, "OTHER", "2"), 409, "NOT_UNIQUE"},
		{"POST", of(b.own.personal) + "/kyc-reviews", "one", `{"type":"CARD"}`, 202, ""},
		{"POST", of(b.own.personal) + "/kyc-reviews", "one", `{"type":"PROACTIVE_SEND_MONEY"}`, 409, "NOT_UNIQUE"},
		{"PATCH", of(b.own.personal) + "/kyc-reviews/" + review, "", `{"redirectUrl":"https://elsewhere.example"}`, 400, "NOT_VALID"},
		{"PUT", "/v1/profiles", "", `{"id":` + b.own.personal + `,"type":"personal","details":{"firstName":"` + strings.Repeat("a", 31) + `"}}`, 422, "TOO_LARGE"},
		{"PUT", "/v1/profiles", "", `{"id":` + b.own.personal + `,"type":"personal","details":{"phoneNumber":"+12345"}}`, 422, "UNEXPECTED"},
		{"POST", of(b.own.personal) + "/subscriptions", "", `{}`, 400, "NotNull"},
		{"POST", "/v1/one-time-token/sms/trigger", "", `{}`, 400, "NotNull"},
		{"POST", trial + "add", "", `{"requirement":"TAX_RESIDENCY"}`, 200, ""},
		{"POST", trial + "submit", "", `{"requirement":"TAX_RESIDENCY"}`, 202, ""},
		{"POST", trial + "submit", "", `{"requirement":"TAX_RESIDENCY"}`, 400, "kyc_review.state_update_not_allowed"},
	} {
		got := b.ask(x.method, x.path, x.body, "Authorization", b.own.bearer, "Content-Type", "application/json", "Idempotency-Key", x.key)
		if got.status != x.status || x.code != "" && !strings.Contains(got.body, `"`+x.code+`"`) {
			t.Errorf("%s %s %s: %d %s", x.method, x.path, x.body, got.status, got.body)
		}
	}
}

// There may be so many subscriptions and keys, and no more.
func TestDescribedBounds(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ofProfile := strings.Replace(hook, "x-claims#state-change", "balances#update", 1)
	for _, x := range []struct{ path, bearer, body string }{
		{"/v3/applications/" + acme + "/subscriptions", b.app, hook},
		{"/v3/profiles/" + b.own.personal + "/subscriptions", b.own.bearer, ofProfile},
	} {
		last := reply{}
		for range 101 {
			last = b.json("POST", x.path, x.bearer, x.body)
		}
		if last.status != 422 {
			t.Errorf("%s: %d %s", x.path, last.status, last.body)
		}
	}
	material, last := newECKey(t), reply{}
	for range 101 {
		last = b.json("POST", "/v1/auth/jose/request/public-keys", b.app,
			`{"keyId":"`+secret.UUID()+`","scope":"PAYLOAD_SIGNING","publicKeyMaterial":{"algorithm":"ES256","keyMaterial":"`+material+`"}}`)
	}
	if last.status != 422 {
		t.Errorf("keys: %d %s", last.status, last.body)
	}
}
