package api

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/partner"
)

const (
	notNullEmail = `{"code":"NotNull","message":"must not be null","path":"email","arguments":[]}`
	notNullCode  = `{"code":"NotNull","message":"must not be null","path":"registrationCode","arguments":[]}`
	shortCode    = `{"code":"Size","message":"size must be between 32 and 2147483647","path":"registrationCode","arguments":["2147483647","32"]}`
	notUnique    = `{"errors":[{"code":"NOT_UNIQUE","message":"You're already a member. Please login","path":"email","arguments":["email","mi********************@example.org"]}]}`
)

func fieldsOf(entries ...string) string { return `{"errors":[` + strings.Join(entries, ",") + `]}` }

func notEmail(masked string) string {
	return fieldsOf(`{"code":"ERROR","message":"Please provide a valid email","path":"email","arguments":["email","` + masked + `"]}`)
}

// Checklist 4, 5, 6 and contract 5.1: the sign-up's answer and each of its errors.
func TestSignup(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	app := w.app(acme)
	const path = "/v1/user/signup/registration_code"
	got := w.json("POST", path, app, `{"email":"mira.kade@example.org","registrationCode":"`+code+`","language":"de","sendAuthorizationCodeAsEmail":true,"unknown":[1]}`)
	id := idOf(t, got.body)
	got.want(t, 200, `{"id":`+id+`,"name":null,"email":"mira.kade@example.org","active":true,"details":null}`)
	for _, x := range []struct {
		name, body string
		status     int
		want       string
	}{
		{"the same address", `{"email":"mira.kade@example.org","registrationCode":"` + code + `"}`, 409, notUnique},
		{"the same in another case", `{"email":"MIRA.Kade@Example.ORG","registrationCode":"` + code + `"}`, 409, strings.NewReplacer("mi***", "MI***", "@example.org", "@Example.ORG").Replace(notUnique)},
		{"nothing", ``, 400, fieldsOf(notNullEmail, notNullCode)},
		{"an empty object", `{}`, 400, fieldsOf(notNullEmail, notNullCode)},
		{"nulls", `{"email":null,"registrationCode":null}`, 400, fieldsOf(notNullEmail, notNullCode)},
		{"no code", `{"email":"a@example.org"}`, 400, fieldsOf(notNullCode)},
		{"no address", `{"registrationCode":"` + code + `"}`, 400, fieldsOf(notNullEmail)},
		{"a short code", `{"email":"a@example.org","registrationCode":"short"}`, 400, fieldsOf(shortCode)},
		{"an empty code", `{"email":"a@example.org","registrationCode":""}`, 400, fieldsOf(shortCode)},
		{"31 characters", `{"email":"a@example.org","registrationCode":"` + strings.Repeat("\u00fc", 31) + `"}`, 400, fieldsOf(shortCode)},
		{"a short code and no address", `{"registrationCode":"short"}`, 400, fieldsOf(notNullEmail, shortCode)},
		{"no address at all", `{"email":"not-an-address","registrationCode":"` + code + `"}`, 422, notEmail("no********************")},
		{"no domain", `{"email":"mira@","registrationCode":"` + code + `"}`, 422, notEmail("mi********************@")},
		{"an empty address", `{"email":"","registrationCode":"` + code + `"}`, 422, notEmail("********************")},
		{"a header in the address", `{"email":"a@example.org\r\nBcc: b@example.org","registrationCode":"` + code + `"}`, 422, ""},
		{"half a character", `{"email":"\ud800@example.org","registrationCode":"` + code + `"}`, 422, ""},
		{"a number", `{"email":5,"registrationCode":"` + code + `"}`, 400, fieldsOf(`{"code":"BAD_REQUEST","message":"The field has another type","path":"email","arguments":[]}`)},
		{"an unknown language", `{"email":"a@example.org","registrationCode":"` + code + `","language":"XX"}`, 400, ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			got := w.json("POST", path, app, x.body)
			if x.want == "" {
				x.want = got.body
			}
			got.want(t, x.status, x.want)
		})
	}
	for i, body := range []string{
		`{"email":"b@example.org","registrationCode":"` + strings.Repeat("\u00fc", 32) + `"}`,
		`{"email":"c@example.org","registrationCode":"` + strings.Repeat("\\u0000]#&*", 8) + `"}`,
		`{"email":"d@example.org","registrationCode":"` + strings.Repeat("x", 100_000) + `","language":"HK"}`,
		`{"EMAIL":"e@b\u00fccher.example","RegistrationCode":"` + code + `"}`,
	} {
		if got := w.json("POST", path, app, body); got.status != 200 {
			t.Errorf("%d: %d %s", i, got.status, got.body)
		}
	}
}

func idOf(t *testing.T, body string) string {
	t.Helper()
	_, rest, _ := strings.Cut(body, `"id":`)
	id, _, found := strings.Cut(rest, ",")
	if !found || strings.Trim(id, "0123456789") != "" || len(id) > 16 {
		t.Fatalf("no id below 2^53 in %s", body)
	}
	return id
}

// Design 10.1 and 4.9: who meets whose addresses, and what a partner that hides them is told.
func TestSignupAcrossPartners(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const path, body = "/v1/user/signup/registration_code", `{"email":"mira.kade@example.org","registrationCode":"` + code + `"}`
	ask := func(client, path, body string) reply { return w.json("POST", path, w.app(client), body) }
	exists := func(client string, want bool) {
		t.Helper()
		for _, path := range []string{"/v1/users/exists", "/2026Q3/users/exists"} {
			ask(client, path, `{"email":"Mira.Kade@example.org"}`).want(t, 200, map[bool]string{true: `{"exists":true}`, false: `{"exists":false}`}[want])
		}
	}
	exists(acme, false)
	p := w.open(acme, "mira.kade@example.org")
	exists(acme, true)
	exists(globex, false) // a pending account is its partner's alone
	if got := ask(globex, path, body); got.status != 200 {
		t.Errorf("another partner's copy: %d %s", got.status, got.body)
	}
	w.profile(p)
	w.claimed(p, "", nil)
	exists(strict, false) // strict hides existing accounts by default
	exists(slow, true)
	exists(hidden, false)
	ask(acme, path, body).want(t, 409, notUnique)
	ask(slow, path, body).want(t, 409, notUnique)
	if got := ask(hidden, path, body); got.status != 200 {
		t.Errorf("hide_existing: %d %s", got.status, got.body)
	}
	ask(acme, "/v1/users/exists", `{}`).want(t, 400, fieldsOf(notNullEmail))
	ask(acme, "/v1/users/exists", `{"email":"x"}`).want(t, 422, notEmail("x********************"))
}

// One address, many sign-ups at once: one account.
func TestManySignupsAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	app := w.app(acme)
	var made atomic.Int64
	var wait sync.WaitGroup
	for range 32 {
		wait.Go(func() {
			got := w.json("POST", "/v1/user/signup/registration_code", app, `{"email":"mira.kade@example.org","registrationCode":"`+code+`"}`)
			if got.status == 200 {
				made.Add(1)
			} else {
				got.want(t, 409, notUnique)
			}
		})
	}
	wait.Wait()
	if made.Load() != 1 {
		t.Errorf("%d accounts", made.Load())
	}
}

// Contract 5.3: the user before and after the profile, and I10: everything foreign looks the same.
func TestUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	other := w.open(acme, "jonas.kade@example.org")
	id := decimal(p.id)
	bare := `{"id":` + id + `,"name":null,"email":"mira.kade@example.org","active":true,"details":null}`
	paths := []string{"/v1/me", "/2026Q3/me", "/v1/users/" + id, "/2026Q3/users/" + id + "/"}
	for _, path := range paths {
		w.json("GET", path, p.bearer, "").want(t, 200, bare)
	}
	w.profile(p)
	got := w.json("GET", "/v1/me", p.bearer, "")
	_, rest, _ := strings.Cut(got.body, `"primaryAddress":`)
	address, _, _ := strings.Cut(rest, ",")
	full := `{"id":` + id + `,"name":"Mira Kade","email":"mira.kade@example.org","active":true,"details":{"firstName":"Mira","lastName":"Kade","phoneNumber":"+441315550142","dateOfBirth":"1988-11-30","occupation":"","avatar":"","primaryAddress":` + address +
		`,"address":{"city":"Leith","countryCode":"GB","postCode":"EH6 6AB","state":"","firstLine":"7 Harbour Row","occupation":""}}}`
	for _, path := range paths {
		w.json("GET", path, p.bearer, "").want(t, 200, full)
	}
	for _, foreign := range []string{decimal(other.id), "1", "9007199254740991"} {
		for _, x := range [][2]string{{"GET", ""}, {"GET", "/contact-email"}, {"PUT", "/contact-email"}} {
			w.json(x[0], "/v1/users/"+foreign+x[1], p.bearer, `{"email":"thief@example.org"}`).want(t, 403, forbidden)
		}
	}
	w.json("GET", "/v1/users/"+decimal(other.id)+"/contact-email", other.bearer, "").want(t, 200, `{"email":"jonas.kade@example.org"}`)
}

// Contract 5.4 and design 10.3: a new contact address ends what led to a claim under the old one.
func TestContactEmail(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "cust-0042@customer.acme.example")
	path := "/v1/users/" + decimal(p.id) + "/contact-email"
	w.json("GET", path, p.bearer, "").want(t, 200, `{"email":"cust-0042@customer.acme.example"}`)
	before := w.mint(p)
	w.json("PUT", path, p.bearer, `{"email":"mira.kade@example.org"}`).want(t, 200, `{"email":"mira.kade@example.org"}`)
	w.json("GET", "/2026Q3"+path[3:]+"/", p.bearer, "").want(t, 200, `{"email":"mira.kade@example.org"}`)
	if _, _, err := w.visit(acme, before, ""); err == nil {
		t.Error("a code minted for the old address still opens")
	}
	w.json("PUT", path, p.bearer, `{}`).want(t, 400, fieldsOf(notNullEmail))
	w.json("PUT", path, p.bearer, `{"email":null}`).want(t, 400, fieldsOf(notNullEmail))
	w.json("PUT", path, p.bearer, `{"email":"mira"}`).want(t, 422, notEmail("mi********************"))
	w.json("GET", path, p.bearer, "").want(t, 200, `{"email":"mira.kade@example.org"}`)
	w.json("GET", "/v1/me", p.bearer, "").want(t, 200, `{"id":`+decimal(p.id)+`,"name":null,"email":"cust-0042@customer.acme.example","active":true,"details":null}`)
}

// Design 10.4: twenty wrong mailed codes hold the account; its partner sees that and ends it by correcting the address.
func TestHeldForMailedCodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	p := w.open(acme, "mira.kade@example.org")
	guess := func() error {
		ticket, _, err := w.visit(acme, w.mint(p), "")
		must(t, err)
		key, err := w.claims.Start(ctx, claim.Start{Ticket: ticket, Email: p.email, Language: "en"})
		must(t, err)
		right := w.mailedCode(ctx, p.email)
		wrong := "000000"
		if right == wrong {
			wrong = "000001"
		}
		for range 5 {
			err = w.claims.ProveEmail(ctx, claim.Post{Text: ticket.Text, Session: key}, wrong)
		}
		return err
	}
	for range 4 {
		_ = guess()
		w.advance(time.Hour)
	}
	if _, _, err := w.visit(acme, w.mint(p), ""); !errors.Is(err, customer.ErrHeld) {
		t.Fatalf("after 20 wrong codes: %v", err)
	}
	p.token = w.tokenOf(w.registration(p))
	p.bearer = "Bearer " + p.token.Access
	path := "/v1/users/" + decimal(p.id) + "/contact-email"
	w.json("PUT", path, p.bearer, `{"email":"mira.kade@example.org"}`).want(t, 200, `{"email":"mira.kade@example.org"}`)
	if _, _, err := w.visit(acme, w.mint(p), ""); !errors.Is(err, customer.ErrHeld) {
		t.Fatalf("the same address again: %v", err)
	}
	w.json("PUT", path, p.bearer, `{"email":"mira@example.net"}`).want(t, 200, `{"email":"mira@example.net"}`)
	p.email = "mira@example.net"
	w.claimed(p, "", nil)
}

// Design 10.6: answers that reveal have a budget a day; once it is spent a free address is refused like a taken one.
func TestRevealingAnswersHaveABudget(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open(globex, "mira.kade@example.org")
	app := w.app(globex)
	for range 999 {
		w.json("POST", "/v1/users/exists", app, `{"email":"x@example.org"}`).want(t, 200, `{"exists":false}`)
	}
	const signup = "/v1/user/signup/registration_code"
	w.json("POST", signup, app, `{"email":"mira.kade@example.org","registrationCode":"`+code+`"}`).want(t, 409, notUnique)
	for _, x := range [][2]string{{"/v1/users/exists", `{"email":"x@example.org"}`}, {signup, `{"email":"mira.kade@example.org","registrationCode":"` + code + `"}`},
		{signup, `{"email":"free@example.org","registrationCode":"` + code + `"}`}} {
		got := w.json("POST", x[0], app, x[1])
		got.want(t, 429, tooMany)
		if got.header.Get("Retry-After") != "86400" {
			t.Errorf("Retry-After %q", got.header.Get("Retry-After"))
		}
	}
	w.open(acme, "free@example.org")
	w.advance(24 * time.Hour)
	w.open(globex, "free@example.org")
}

// Design 10.13 and 10.24: what a customer granted is all that a token opens, and writes after the claim are proposals.
func TestScopes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, profile := w.owned(acme, "mira.kade@example.org")
	id := decimal(p.id)
	for _, path := range []string{"/v1/me", "/v1/users/" + id, "/v1/users/" + id + "/contact-email", "/v2/profiles", "/v2/profiles/" + decimal(profile)} {
		if got := w.json("GET", path, p.bearer, ""); got.status != 200 {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	for method, path := range map[string]string{"PUT": "/v2/profiles/" + decimal(profile) + "/personal-profile", "POST": "/v2/profiles/personal-profile"} {
		got := w.json(method, path, p.bearer, mira)
		got.want(t, 403, forbidden)
		if challenge := got.header.Get("WWW-Authenticate"); challenge != `Bearer realm="latchkey", error="insufficient_scope", scope="profiles.write"` {
			t.Errorf("challenge %q", challenge)
		}
	}
	w.json("PUT", "/v1/users/"+id+"/contact-email", p.bearer, `{"email":"thief@example.org"}`).want(t, 403, forbidden)

	reader, own := w.owned(narrow, "lena.kade@example.org")
	w.json("GET", "/v1/me", reader.bearer, "").want(t, 200, `{"id":`+decimal(reader.id)+`,"name":"Mira Kade","email":"lena.kade@example.org","active":true,"details":null}`)
	w.json("GET", "/v2/profiles/"+decimal(own), reader.bearer, "").want(t, 403, forbidden)
	w.json("GET", "/v2/profiles", reader.bearer, "").want(t, 403, forbidden)

	writer, profile := w.owned(acme, "jonas.kade@example.org", partner.ScopeProfilesWrite)
	before := w.json("GET", "/v2/profiles/"+decimal(profile), writer.bearer, "").body
	if got := w.json("PUT", "/v2/profiles/"+decimal(profile)+"/personal-profile", writer.bearer, `{"firstName":"Thief"}`); got.status != 200 || strings.Contains(got.body, "Thief") {
		t.Errorf("a proposal is in effect: %d %s", got.status, got.body)
	}
	w.json("PUT", "/v1/users/"+decimal(writer.id)+"/contact-email", writer.bearer, `{"email":"thief@example.org"}`).want(t, 200, `{"email":"jonas.kade@example.org"}`)
	w.json("GET", "/v2/profiles/"+decimal(profile), writer.bearer, "").want(t, 200, before)
}
