package latchkey_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/latchkey-id/latchkey"
	"github.com/latchkey-id/latchkey/latchkeytest"
)

// Clients that others wrote, against a true server and a customer who walks the pages. docs/clients.md says which, and where
// one expects something else than the contract.

const (
	foreignEmail = "mira.kade@example.org"
	// foreignCode has the punctuation of the documented registration code.
	foreignCode    = "7a]#&*+%3B 0123456789012345678901234567"
	foreignState   = "t-5512 +%2B/=é&x"
	foreignProfile = `{"firstName":"Mira","lastName":"Kade","dateOfBirth":"1988-11-30","address":{"addressFirstLine":"7 Harbour Row",
"city":"Leith","countryIso3Code":"gbr","postCode":"EH6 6AB"},"contactDetails":{"email":"mira.kade@example.org","phoneNumber":"+441315550142"}}`
)

// A wire is what a client's requests go through. It notes what was asked: method, path, where the client's credentials were, and
// the fields of a form.
type wire struct{ asked []string }

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	line := r.Method + " " + r.URL.Path
	if _, _, basic := r.BasicAuth(); basic {
		line += " basic"
	}
	if r.GetBody != nil && strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		body, err := r.GetBody()
		if err != nil {
			return nil, err
		}
		raw, _ := io.ReadAll(body)
		form, _ := url.ParseQuery(string(raw))
		line += " " + strings.Join(slices.Sorted(maps.Keys(form)), " ")
	}
	w.asked = append(w.asked, line)
	return http.DefaultTransport.RoundTrip(r)
}

// since returns what was asked since the last call.
func (w *wire) since() string {
	asked := strings.Join(w.asked, "\n")
	w.asked = nil
	return asked
}

// call asks a resource with a client of the foreign kind and decodes the answer, which must have the status.
func call(t *testing.T, c *http.Client, method, address, body string, status int) map[string]any {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	got, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	raw, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	answer := map[string]any{}
	if got.StatusCode != status || len(raw) > 0 && json.Unmarshal(raw, &answer) != nil {
		t.Fatalf("%s %s: %d %s, want %d", method, address, got.StatusCode, raw, status)
	}
	return answer
}

// An oauth2World is a partner's program over golang.org/x/oauth2.
type oauth2World struct {
	t      *testing.T
	ctx    context.Context
	server *latchkeytest.Server
	wire   *wire
	config oauth2.Config
}

func newOAuth2World(t *testing.T, s *latchkeytest.Server, c *latchkey.Client) *oauth2World {
	w := &oauth2World{t: t, server: s, wire: &wire{}, config: oauth2.Config{ClientID: c.ID, ClientSecret: string(c.Secret), RedirectURL: latchkeytest.RedirectURI,
		Endpoint: oauth2.Endpoint{AuthURL: s.URL + "/oauth/authorize/", TokenURL: s.URL + "/oauth/token", DeviceAuthURL: s.URL + "/oauth/device"}}}
	w.ctx = context.WithValue(t.Context(), oauth2.HTTPClient, &http.Client{Transport: w.wire})
	return w
}

// application is the client of its own.
func (w *oauth2World) application(parameters url.Values) *clientcredentials.Config {
	return &clientcredentials.Config{ClientID: w.config.ClientID, ClientSecret: w.config.ClientSecret, TokenURL: w.config.Endpoint.TokenURL, EndpointParams: parameters}
}

// open opens an account with a profile, by this client alone, and mints a claim code.
func (w *oauth2World) open() (profile, claimCode string) {
	w.t.Helper()
	signup, err := json.Marshal(map[string]string{"email": foreignEmail, "registrationCode": foreignCode})
	if err != nil {
		w.t.Fatal(err)
	}
	call(w.t, w.application(nil).Client(w.ctx), "POST", w.server.URL+"/v1/user/signup/registration_code", string(signup), 200)
	registration := w.registration()
	token, err := registration.Token(w.ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	if token.RefreshToken == "" || token.Type() != "Bearer" {
		w.t.Errorf("the token of a registration code: %q, refresh token %t", token.TokenType, token.RefreshToken != "")
	}
	user := w.config.Client(w.ctx, token)
	created := call(w.t, user, "POST", w.server.URL+"/v2/profiles/personal-profile", foreignProfile, 200)
	code, err := json.Marshal(map[string]string{"registrationCode": foreignCode})
	if err != nil {
		w.t.Fatal(err)
	}
	minted := call(w.t, user, "POST", w.server.URL+"/v1/user/claim-account", string(code), 200)
	return strconv.FormatFloat(created["id"].(float64), 'f', 0, 64), minted["claimAccountCode"].(string)
}

// registration is the grant of contract 4.1 that the client does not know: it lets grant_type be overridden.
func (w *oauth2World) registration() *clientcredentials.Config {
	return w.application(url.Values{"grant_type": {"registration_code"}, "client_id": {w.config.ClientID}, "email": {foreignEmail}, "registration_code": {foreignCode}})
}

// refused checks what the client makes of a refusal by the token endpoint.
func refused(t *testing.T, what string, err error, status int, code string) {
	t.Helper()
	var said *oauth2.RetrieveError
	if !errors.As(err, &said) || said.Response.StatusCode != status || said.ErrorCode != code || code != "" && said.ErrorDescription == "" {
		t.Errorf("%s: %v, want %d %s", what, err, status, code)
	}
}

// golang.org/x/oauth2 walks the whole hand-over: its own token, the registration code, the claim with PKCE, the exchange, a refresh.
func TestForeignOAuth2(t *testing.T) {
	t.Parallel()
	s := latchkeytest.NewServer(t)
	w := newOAuth2World(t, s, s.Client())
	profile, claimCode := w.open()
	verifier := oauth2.GenerateVerifier()
	back, err := s.NewCustomer(foreignEmail).Claim(w.ctx, w.config.AuthCodeURL(foreignState, oauth2.SetAuthURLParam("claim_account_code", claimCode), oauth2.S256ChallengeOption(verifier)))
	if err != nil {
		t.Fatal(err)
	}
	returned, err := url.Parse(back)
	if err != nil {
		t.Fatal(err)
	}
	if q := returned.Query(); q.Get("state") != foreignState || q.Get("profileId") != profile || q.Get("code") == "" || len(q) != 3 {
		t.Fatalf("back to %s", back)
	}
	code := returned.Query().Get("code")
	_, err = w.registration().Token(w.ctx)
	refused(t, "the registration code after the claim", err, 401, "invalid_grant")
	_, err = w.config.Exchange(w.ctx, code)
	refused(t, "exchange without the verifier", err, 401, "invalid_grant")
	_, err = w.config.Exchange(w.ctx, code, oauth2.VerifierOption(oauth2.GenerateVerifier()))
	refused(t, "exchange with another verifier", err, 401, "invalid_grant")
	w.wire.since()
	token, err := w.config.Exchange(w.ctx, code, oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	if asked := w.wire.since(); asked != "POST /oauth/token basic code code_verifier grant_type redirect_uri" {
		t.Errorf("the exchange asked %s", asked)
	}
	if left := time.Until(token.Expiry); left > 12*time.Hour || left < 11*time.Hour || token.Extra("scope") != "transfers" || token.Extra("expires_in") != 43199.0 {
		t.Errorf("the token lives %s, scope %v, expires_in %v", left, token.Extra("scope"), token.Extra("expires_in"))
	}
	if me := call(t, w.config.Client(w.ctx, token), "GET", s.URL+"/v1/me", "", 200); me["name"] != "Mira Kade" {
		t.Errorf("me: %v", me)
	}

	// It refreshes by itself when the token is over, and the token of before is dead at once (contract 4.4).
	old := w.config.Client(w.ctx, &oauth2.Token{AccessToken: token.AccessToken})
	token.Expiry = time.Now().Add(-time.Second)
	fresh, err := w.config.TokenSource(w.ctx, token).Token()
	if err != nil || fresh.AccessToken == token.AccessToken || fresh.RefreshToken != token.RefreshToken {
		t.Fatalf("refresh: %v, new access token %t, same refresh token %t", err, fresh.AccessToken != token.AccessToken, fresh.RefreshToken == token.RefreshToken)
	}
	call(t, w.config.Client(w.ctx, fresh), "GET", s.URL+"/v1/me", "", 200)
	call(t, old, "GET", s.URL+"/v1/me", "", 401)

	// A second use of the code ends what the first gave (I5).
	_, err = w.config.Exchange(w.ctx, code, oauth2.VerifierOption(verifier))
	refused(t, "the code a second time", err, 401, "invalid_grant")
	call(t, oauth2.NewClient(w.ctx, oauth2.StaticTokenSource(fresh)), "GET", s.URL+"/v1/me", "", 401)
}

// The same program as a partner of the class strict: PKCE is demanded, iss comes along, refusals are RFC 6749's, and each refresh
// token is used once, which the client keeps up with.
func TestForeignOAuth2Strict(t *testing.T) {
	t.Parallel()
	s := latchkeytest.NewServer(t)
	c, err := s.AddPartner(t.Context(), latchkeytest.Partner{Name: "Strict Partner", RedirectURIs: []string{latchkeytest.RedirectURI}, Class: "strict"})
	if err != nil {
		t.Fatal(err)
	}
	w := newOAuth2World(t, s, c)
	w.config.Scopes = []string{"account.read", "profiles.read"}
	_, claimCode := w.open()
	verifier := oauth2.GenerateVerifier()
	customer := s.NewCustomer(foreignEmail)
	back, err := customer.Claim(w.ctx, w.config.AuthCodeURL("s", oauth2.SetAuthURLParam("claim_account_code", claimCode), oauth2.S256ChallengeOption(verifier)))
	if err != nil {
		t.Fatal(err)
	}
	returned, err := url.Parse(back)
	if err != nil || returned.Query().Get("iss") != s.URL {
		t.Fatalf("back to %s, %v", back, err)
	}
	_, err = w.config.Exchange(w.ctx, returned.Query().Get("code"), oauth2.VerifierOption(oauth2.GenerateVerifier()))
	refused(t, "exchange with another verifier", err, 400, "invalid_grant")
	token, err := w.config.Exchange(w.ctx, returned.Query().Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	if token.Extra("scope") != "account.read profiles.read" || token.Extra("expires_at") != nil || time.Until(token.Expiry) > 15*time.Minute {
		t.Errorf("scope %v, expires_at %v, expires %s", token.Extra("scope"), token.Extra("expires_at"), token.Expiry)
	}
	used := token.RefreshToken
	for range 2 {
		token.Expiry = time.Now().Add(-time.Second)
		next, err := w.config.TokenSource(w.ctx, token).Token()
		if err != nil || next.RefreshToken == token.RefreshToken {
			t.Fatalf("refresh: %v, rotated %t", err, err == nil && next.RefreshToken != token.RefreshToken)
		}
		token = next
		s.Advance(time.Minute)
	}
	call(t, w.config.Client(w.ctx, token), "GET", s.URL+"/v1/me", "", 200)
	_, err = w.config.TokenSource(w.ctx, &oauth2.Token{RefreshToken: used, Expiry: time.Now().Add(-time.Hour)}).Token()
	refused(t, "a refresh token a second time", err, 400, "invalid_grant")
	call(t, oauth2.NewClient(w.ctx, oauth2.StaticTokenSource(token)), "GET", s.URL+"/v1/me", "", 401) // the family is over
}

// Where golang.org/x/oauth2 expects something else than the contract: what it does, and our answer.
func TestForeignOAuth2Contradictions(t *testing.T) {
	t.Parallel()
	s := latchkeytest.NewServer(t)
	w := newOAuth2World(t, s, s.Client())

	t.Run("asks again with the secret in the form", func(t *testing.T) {
		w.wire.since()
		_, err := w.config.Exchange(w.ctx, "lkc_1_2_x")
		refused(t, "a made-up code", err, 401, "invalid_grant")
		want := "POST /oauth/token basic code grant_type redirect_uri\nPOST /oauth/token client_id client_secret code grant_type redirect_uri"
		if asked := w.wire.since(); asked != want {
			t.Errorf("asked\n%s\nwant\n%s", asked, want)
		}
	})
	t.Run("percent-encodes the credentials", func(t *testing.T) {
		wrong := w.config
		wrong.ClientSecret, wrong.Endpoint.AuthStyle = "a b+c%", oauth2.AuthStyleInHeader
		_, err := wrong.Exchange(w.ctx, "lkc_1_2_x")
		refused(t, "a wrong secret", err, 401, "invalid_client")
	})
	t.Run("knows the password grant", func(t *testing.T) {
		_, err := w.config.PasswordCredentialsToken(w.ctx, foreignEmail, "seven quiet harbour lanterns")
		refused(t, "a password", err, 400, "unsupported_grant_type")
	})
	t.Run("knows the device grant", func(t *testing.T) {
		_, err := w.config.DeviceAuth(w.ctx)
		refused(t, "a device", err, 404, "")
	})
	t.Run("may send a challenge in plain", func(t *testing.T) {
		customer := s.NewCustomer(foreignEmail)
		plain := oauth2.GenerateVerifier()
		if err := customer.Open(w.ctx, w.config.AuthCodeURL("s", oauth2.SetAuthURLParam("code_challenge", plain), oauth2.SetAuthURLParam("code_challenge_method", "plain"))); err != nil {
			t.Fatal(err)
		}
		if customer.Page() != "request" || customer.Status() != 400 {
			t.Errorf("page %s, status %d", customer.Page(), customer.Status())
		}
	})
}
