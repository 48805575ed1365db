package api

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/store"
)

// A write is one that a key makes safe to send again: what it is, and what another request to the same address would be.
type write struct {
	path, body, other string
	// form: body and other are parts of a form, the first of them "name=value", then a file.
	form bool
}

// writes are all POSTs to a profile. P is a person, B a business, R a review of the person.
func writes() map[string]write {
	return map[string]write{
		"personal": {path: "/v2/profiles/personal-profile", body: mira, other: strings.Replace(mira, "Mira", "Moira", 1)},
		"business": {path: q3Business, body: strings.Replace(kadeV5, "SC700123", "SC700999", 1), other: strings.Replace(kadeV5, "SC700123", "SC700998", 1)},
		"address": {path: "/v1/addresses", body: `{"profile":P,"details":{"country":"GB","firstLine":"7 Harbour Row","city":"Leith","postCode":"EH6 6AB"}}`,
			other: `{"profile":P,"details":{"country":"GB","firstLine":"8 Harbour Row","city":"Leith","postCode":"EH6 6AB"}}`},
		"directors":       {path: "/v1/profiles/B/directors", body: `[{"firstName":"Ada"}]`, other: `[{"firstName":"Eva"}]`},
		"owners":          {path: "/v1/profiles/B/ubos", body: twoOwners, other: strings.Replace(twoOwners, "Ada", "Eva", 1)},
		"document":        {path: "/v1/profiles/P/verification-documents", body: `{"type":"PASSPORT","uniqueIdentifier":"1"}`, other: `{"type":"PASSPORT","uniqueIdentifier":"2"}`},
		"window":          {path: "/v1/profiles/P/update-window", body: `{}`, other: `{"x":1}`},
		"extensions":      {path: "/v1/profiles/P/extensions", body: `{"details":{"accountPurpose":"CONTRIBUTING_TO_PERSONAL_SAVINGS"}}`, other: `{"details":{"accountPurpose":"GENERAL_MONTHLY_LIVING_EXPENSES"}}`},
		"evidences":       {path: "/v5/profiles/P/additional-verification/upload-evidences", body: `{"accountPurpose":"INVESTING","businessUseCase":["OTHER"]}`, other: `{"accountPurpose":"PAYING_BILLS"}`},
		"evidences of v3": {path: "/v3/profiles/P/additional-verification/upload-evidences", body: `{"annualIncome":"0_11500"}`, other: `{"annualIncome":"11501_19000"}`},
		"review":          {path: "/v1/profiles/P/kyc-reviews", body: trigger, other: strings.Replace(trigger, "QUOTE", "CARD", 1)},
		"upload":          {path: "/v3/profiles/P/verification-status/upload-document", form: true, body: "documentType=ADDRESS_PROOF", other: "documentType=SOURCE_OF_WEALTH"},
		"requirement": {path: "/v2/profiles/P/kyc-requirements/ID_DOCUMENT", form: true, body: `submissionData={"data":{},"version":"V1","kycReviewId":"R"}`,
			other: `submissionData={"data":{"x":1},"version":"V1","kycReviewId":"R"}`},
	}
}

// An again is somebody who sends writes with keys.
type again struct {
	*world
	person
	fill *strings.Replacer
}

func (w *world) again(client, email string) *again {
	a := &again{world: w, person: w.open(client, email)}
	personal := w.profile(a.person)
	a.fill = strings.NewReplacer("/P/", "/"+decimal(personal)+"/", ":P,", ":"+decimal(personal)+",", "/B/", "/"+w.business(a.person)+"/",
		`"R"`, `"`+w.newReview(a.person, personal)+`"`)
	return a
}

// renew is for tests that turn the clock.
func (a *again) renew() { a.bearer = "Bearer " + a.tokenOf(a.registration(a.person)).Access }

func (a *again) send(x write, text, key string) reply {
	a.world.t.Helper()
	kind, body := "application/json", a.fill.Replace(text)
	if x.form {
		name, value, _ := strings.Cut(text, "=")
		body, kind = formOf(a.world.t, a.fill, []sent{{name, "", value}, {"files", "a.pdf", pdf}})
	}
	return a.ask("POST", a.fill.Replace(x.path), body, "Authorization", a.bearer, "Content-Type", kind, anyKey, key)
}

// Design 4.14, OC-20: one key and one request are one write and one answer, later, in the other family and without changing
// anything; another request is refused; another key, client and account are others.
func TestSentAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, other := w.again(acme, "mira.kade@example.org"), w.again(globex, "jonas.kade@example.org")
	empty := func(client, email string) *again {
		return &again{world: w, person: w.open(client, email), fill: strings.NewReplacer()}
	}
	for name, x := range writes() {
		t.Run(name, func(t *testing.T) {
			a, other := a, other
			if name == "personal" {
				a, other = empty(acme, "lena.kade@example.org"), empty(globex, "nora.kade@example.org")
			}
			a.renew()
			other.renew()
			const key = "8e03978e-40d5-43dd-bc93-6894a57f9324"
			first := a.send(x, x.body, key)
			if first.status >= 300 {
				t.Fatalf("%d %s", first.status, first.body)
			}
			before := w.events(t, "")
			w.advance(time.Hour)
			for _, path := range []string{x.path, "/2026Q3/" + strings.SplitN(x.path, "/", 3)[2] + "/"} {
				y := x
				if y.path = path; name == "extensions" || name == "evidences of v3" {
					y.path = x.path // no label
				}
				a.send(y, x.body, key).want(t, first.status, first.body)
			}
			a.send(x, x.other, key).want(t, 409, `{"errors":[{"code":"NOT_UNIQUE","message":"The idempotency key was used with another request","arguments":[]}]}`)
			if n := w.events(t, "") - before; n != 0 {
				t.Errorf("sending again: %d events", n)
			}
			if got := other.send(x, x.body, key); got.status != first.status || got.body == first.body && strings.Contains(got.body, `"id"`) {
				t.Errorf("another client's: %d %s", got.status, got.body)
			}
			w.advance(customer.ReplyLife)
			a.renew()
			if got := a.send(x, x.other, key); got.status == 409 && strings.Contains(got.body, "idempotency") {
				t.Errorf("after a day: %d %s", got.status, got.body)
			}
		})
	}
}

// The same key at once: one write, and one answer for all.
func TestSentAgainAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.again(acme, "mira.kade@example.org")
	for _, name := range []string{"directors", "owners", "document", "review", "upload", "evidences"} {
		x := writes()[name]
		before := w.events(t, "")
		const many = 8
		answers := make([]reply, many)
		var wait sync.WaitGroup
		for i := range many {
			wait.Go(func() {
				text := x.body
				if i == 0 {
					text = x.other
				}
				answers[i] = a.send(x, text, "one")
			})
		}
		wait.Wait()
		good, refused := 0, 0
		for _, got := range answers[1:] {
			switch {
			case got.status == 409:
				refused++
			case got.body == answers[1].body && got.status < 300:
				good++
			default:
				t.Errorf("%s: %d %s", name, got.status, got.body)
			}
		}
		if good != 0 && refused != 0 || (answers[0].status == 409) != (refused == 0) {
			t.Errorf("%s: %d of one kind got through, %d were refused, and the other request: %d %s", name, good, refused, answers[0].status, answers[0].body)
		}
		if n := w.events(t, "") - before; n != 1 {
			t.Errorf("%s: %d events", name, n)
		}
	}
}

// What was refused is not kept: it can be mended under its key. A write that changed nothing is kept all the same, with its event.
func TestSentAgainAfterARefusal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.again(acme, "mira.kade@example.org")
	x := writes()["directors"]
	if got := a.send(x, `[{"firstName":""}]`, "k"); got.status != 400 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := a.send(x, x.body, "k"); got.status != 200 {
		t.Errorf("mended: %d %s", got.status, got.body)
	}
	v3 := writes()["evidences of v3"]
	if got := a.send(v3, `{"businessUseCase":["OTHER"]}`, "k"); got.status != 400 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := a.send(v3, v3.body, "k"); got.status != 204 {
		t.Errorf("mended: %d %s", got.status, got.body)
	}
	five := writes()["evidences"]
	a.send(five, five.body, "one")
	before := w.events(t, string(audit.ReplyStored))
	a.send(five, five.body, "two")
	a.send(five, five.other, "two").want(t, 409, `{"errors":[{"code":"NOT_UNIQUE","message":"The idempotency key was used with another request","arguments":[]}]}`)
	if n := w.events(t, string(audit.ReplyStored)) - before; n != 1 {
		t.Errorf("%d replies stored", n)
	}
	for _, bad := range []string{strings.Repeat("k", 101), "a b", "\u00e9"} {
		a.send(x, x.body, bad).want(t, 400, `{"errors":[{"code":"BAD_REQUEST","message":"The idempotency key is not a UUID","path":"Idempotency-Key","arguments":[]}]}`)
	}
}

// Design 4.14, I2: a key is no credential, no answer with a secret is ever kept, and what was kept dies with the commit.
func TestKeptRepliesDieWithTheClaim(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.again(acme, "mira.kade@example.org")
	x := writes()["directors"]
	first := a.send(x, x.body, "k")
	stranger := w.open(globex, "eve.kade@example.org")
	w.ask("POST", a.fill.Replace(x.path), x.body, "Authorization", stranger.bearer, "Content-Type", "application/json", anyKey, "k").want(t, 403, forbidden)
	w.ask("POST", a.fill.Replace(x.path), x.body, "Content-Type", "application/json", anyKey, "k").want(t, 401, noBearer)

	mint := func() reply {
		return w.ask("POST", "/v1/user/claim-account", `{"registrationCode":"`+code+`"}`, "Authorization", a.bearer, "Content-Type", "application/json", anyKey, "k")
	}
	if one, two := mint(), mint(); one.status != 200 || two.status != 200 || one.body == two.body {
		t.Errorf("two mints: %d %d", one.status, two.status)
	}
	token := func() reply {
		r, err := http.NewRequestWithContext(t.Context(), "POST", w.URL+"/oauth/token", strings.NewReader("grant_type=client_credentials"))
		must(t, err)
		r.SetBasicAuth(acme, acme+"-s3cr3t")
		r.Header.Set("Content-Type", encoded)
		r.Header.Set(anyKey, "k")
		return w.send(r)
	}
	if one, two := token(), token(); one.status != 200 || one.body == two.body {
		t.Errorf("two tokens: %d %d", one.status, two.status)
	}

	v := w.claimed(a.person, "", nil)
	a.send(x, x.body, "k").want(t, 401, invalidToken)
	a.token = w.tokenOf(w.exchange(acme, w.allowed(v, "profiles.write")))
	a.bearer = "Bearer " + a.token.Access
	if got := a.send(x, x.body, "k"); got.body == first.body {
		t.Errorf("kept over the commit: %d %s", got.status, got.body)
	}
	must(t, store.Customers{DB: w.db}.View(t.Context(), func(tx customer.Tx) error {
		_, found, err := tx.Reply(customer.Reply{Partner: w.partner(acme).ID, Account: customer.AccountID(a.id), Endpoint: "POST profiles/x", Key: "k"}, w.now())
		if found {
			t.Error("found under another address")
		}
		return err
	}))
}

// A sign-up whose answer was lost is sent again under its key, at once too, and opens one account; without the key it is the
// documented 409, and after the hand-over it is that again.
func TestSignupSentAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const path = "/v1/user/signup/registration_code"
	app, other := w.app(acme), w.app(globex)
	body := func(code string) string { return `{"email":"mira.kade@example.org","registrationCode":"` + code + `"}` }
	send := func(path, bearer, body, key string) reply {
		return w.ask("POST", path, body, "Authorization", bearer, "Content-Type", "application/json", anyKey, key)
	}
	const many = 6
	answers := make([]reply, many)
	var wait sync.WaitGroup
	for i := range many {
		wait.Go(func() { answers[i] = send(path, app, body(code), "k") })
	}
	wait.Wait()
	first := answers[0]
	for _, got := range append(answers, send("/2026Q3/user/signup/registration_code/", app, body(code), "k")) {
		if got.status != 200 || got.body != first.body {
			t.Errorf("%d %s, first %s", got.status, got.body, first.body)
		}
	}
	if n := w.events(t, string(audit.AccountCreated)); n != 1 {
		t.Errorf("%d accounts", n)
	}
	const used = `{"errors":[{"code":"NOT_UNIQUE","message":"The idempotency key was used with another request","arguments":[]}]}`
	send(path, app, body(code+"x"), "k").want(t, 409, used)
	for _, key := range []string{"", "another"} {
		if got := send(path, app, body(code), key); got.status != 409 || !strings.Contains(got.body, `"path":"email"`) {
			t.Errorf("key %q: %d %s", key, got.status, got.body)
		}
	}
	if got := send(path, other, body(code), "k"); got.status != 200 || got.body == first.body {
		t.Errorf("another client's: %d %s", got.status, got.body)
	}
	p := person{client: acme, email: "mira.kade@example.org"}
	p.token = w.tokenOf(w.registration(p))
	p.bearer = "Bearer " + p.token.Access
	w.profile(p)
	w.claimed(p, "", nil)
	if got := send(path, app, body(code), "k"); got.status != 409 || !strings.Contains(got.body, `"path":"email"`) {
		t.Errorf("after the hand-over: %d %s", got.status, got.body)
	}
}
