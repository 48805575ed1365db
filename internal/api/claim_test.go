package api

import (
	"errors"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/claim"
)

// Checklist 7 and contract 6: the answer and, of OC-8 and OC-9, every refusal.
func TestClaimAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, other := w.open(acme, "mira.kade@example.org"), w.open(globex, "mira.kade@example.org")
	const body = `{"registrationCode":"` + code + `"}`
	for _, path := range []string{"/v1/user/claim-account", "/v1/user/claim-account/", "/2026Q3/user/claim-account"} {
		got := w.json("POST", path, p.bearer, body)
		if got.status != 200 || !regexp.MustCompile(`^\{"claimAccountCode":"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"\}$`).MatchString(got.body) {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
		if got.header.Get("Content-Type") != "application/json" || got.header.Get("Cache-Control") != "no-store" {
			t.Errorf("headers %v", got.header)
		}
	}
	const path = "/v1/user/claim-account"
	notValid := fieldsOf(`{"code":"NOT_VALID","message":"The registration code is not the account's","path":"registrationCode","arguments":[]}`)
	w.json("POST", path, p.bearer, ``).want(t, 400, fieldsOf(notNullCode))
	w.json("POST", path, p.bearer, `{}`).want(t, 400, fieldsOf(notNullCode))
	w.json("POST", path, p.bearer, `{"registrationCode":null}`).want(t, 400, fieldsOf(notNullCode))
	w.json("POST", path, p.bearer, `{"userId":`+decimal(p.id)+`}`).want(t, 400, fieldsOf(notNullCode)) // as one known client sends
	w.json("POST", path, p.bearer, `{"registrationCode":"short"}`).want(t, 400, fieldsOf(shortCode))
	w.json("POST", path, p.bearer, `{"registrationCode":["`+code+`"]}`).want(t, 400,
		fieldsOf(`{"code":"BAD_REQUEST","message":"The field has another type","path":"registrationCode","arguments":[]}`))
	w.json("POST", path, p.bearer, `{"registrationCode":"`+code+`x"}`).want(t, 422, notValid)
	w.json("POST", path, w.app(acme), body).want(t, 403, forbidden)
	w.ask("POST", path, body, "Content-Type", "application/json").want(t, 401, noBearer)

	// Each partner's copy is its own: the other's code is made for the other's client.
	minted := w.mint(other)
	if _, _, err := w.visit(acme, minted, ""); !errors.Is(err, claim.ErrCodeUnknown) {
		t.Errorf("a foreign code: %v", err)
	}
	if _, _, err := w.visit(globex, minted, ""); err != nil {
		t.Errorf("after it was shown with another client: %v", err)
	}
}

// OC-9, OC-29 and design 10.12: after the hand-over a dead token is 401, a live one of a later grant 409.
func TestClaimAccountAfterTheHandOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, _ := w.owned(acme, "mira.kade@example.org")
	const body = `{"registrationCode":"` + code + `"}`
	w.json("POST", "/v1/user/claim-account", p.bearer, body).want(t, 409,
		fieldsOf(`{"code":"ALREADY_CLAIMED","message":"The customer has taken the account over","arguments":[]}`))
	w.form(acme, "grant_type", "registration_code", "client_id", acme, "email", p.email, "registration_code", code).want(t, 401, invalidUser)
}

// Checklist 8 and I1: 300 seconds to the millisecond, and the newest code wins.
func TestClaimCodeLife(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	minted := w.mint(p)
	w.advance(300*time.Second - time.Millisecond)
	if _, _, err := w.visit(acme, minted, ""); err != nil {
		t.Errorf("the last moment: %v", err)
	}
	w.advance(time.Millisecond)
	if _, _, err := w.visit(acme, minted, ""); !errors.Is(err, claim.ErrCodeExpired) {
		t.Errorf("after 300 seconds: %v", err)
	}
	first, second := w.mint(p), w.mint(p)
	if _, _, err := w.visit(acme, first, ""); !errors.Is(err, claim.ErrCodeExpired) {
		t.Errorf("the older of two: %v", err)
	}
	if _, _, err := w.visit(acme, second, ""); err != nil {
		t.Errorf("the newer of two: %v", err)
	}
}

// OC-42: five a minute for each account, and another account is not touched.
func TestMintsAreLimited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, other := w.open(acme, "mira.kade@example.org"), w.open(acme, "jonas.kade@example.org")
	for range 5 {
		w.mint(p)
	}
	got := w.json("POST", "/v1/user/claim-account", p.bearer, `{"registrationCode":"`+code+`"}`)
	got.want(t, 429, tooMany)
	if got.header.Get("Retry-After") != "60" || got.header.Get("X-Rate-Limited-By") == "" {
		t.Errorf("headers %v", got.header)
	}
	w.mint(other)
	w.advance(time.Minute)
	w.mint(p)
}

// Design 10.21: a code minted for one authorize request opens no other.
func TestBoundClaimCode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	got := w.json("POST", "/v1/user/claim-account", p.bearer, `{"registrationCode":"`+code+`","redirect_uri":"`+callee+`","state":"t 5+5","code_challenge":"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}`)
	minted := strings.Split(got.body, `"`)[3]
	const challenge = "&code_challenge_method=S256&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
	for query, ok := range map[string]bool{"": false, "&state=t+5%2B5": false, "&state=t%205%2B5" + challenge: true, "&state=t+5%2B5" + challenge: true, "&state=t+5%2B6" + challenge: false} {
		if _, _, err := w.visit(acme, minted, query); (err == nil) != ok {
			t.Errorf("%q: %v", query, err)
		}
	}
}

// I2 under load: the partner writes and mints while the customer commits; each write either came before or is refused, and
// nothing the partner held works afterwards.
func TestPartnerRacesTheCommit(t *testing.T) {
	t.Parallel()
	for range 4 {
		w := newWorld(t)
		p := w.open(acme, "mira.kade@example.org")
		id := decimal(w.profile(p))
		stop := make(chan struct{})
		var wait sync.WaitGroup
		race := func(method, path, body string) {
			wait.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					if got := w.json(method, path, p.bearer, body); got.status != 200 && got.status != 401 && got.status != 429 && (server() == "" || got.status != 503) {
						t.Errorf("%s %s: %d %s", method, path, got.status, got.body)
					}
				}
			})
		}
		v := w.claimed(p, "", func() {
			race("PUT", "/v2/profiles/"+id+"/personal-profile", `{"firstName":"Mira"}`)
			race("POST", "/v1/user/claim-account", `{"registrationCode":"`+code+`"}`)
			race("GET", "/v1/me", "")
		})
		close(stop)
		wait.Wait()
		for _, x := range [][3]string{{"GET", "/v1/me", ""}, {"PUT", "/v2/profiles/" + id + "/personal-profile", `{"firstName":"Thief"}`},
			{"POST", "/v1/user/claim-account", `{"registrationCode":"` + code + `"}`}, {"PUT", "/v1/users/" + decimal(p.id) + "/contact-email", `{"email":"thief@example.org"}`}} {
			w.json(x[0], x[1], p.bearer, x[2]).want(t, 401, invalidToken)
		}
		w.registration(p).want(t, 401, invalidUser)
		w.tokenOf(w.exchange(acme, w.allowed(v)))
	}
}
