package latchkey_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey"
	"github.com/latchkey-id/latchkey/latchkeytest"
)

// openIDClient drives openid-client as one partner.
func openIDClient(t *testing.T, s *latchkeytest.Server, c *latchkey.Client, metadata map[string]any) (*driven, map[string]any) {
	t.Helper()
	d := drive(t, "openid-client")
	configure := map[string]any{"origin": s.URL, "id": c.ID, "secret": string(c.Secret), "authentication": "ClientSecretBasic", "metadata": metadata}
	d.returns("configure", configure)
	return d, configure
}

// openid-client, which checks more than others, does its own grant, the registration code's, the return, the exchange with PKCE and
// a refresh.
func TestForeignOpenIDClient(t *testing.T) {
	s := latchkeytest.NewServer(t)
	c := s.Client()
	d, configure := openIDClient(t, s, c, nil)
	a := prefilled(t, c)
	application := map[string]any{"token_type": "bearer", "expires_in": 43199.0, "scope": "transfers", "refresh_token": nil, "created_at": nil}
	for _, authentication := range []string{"ClientSecretPost", "ClientSecretBasic"} {
		configure["authentication"] = authentication
		d.returns("configure", configure)
		hold(t, authentication, d.object("application", nil), application)
	}
	registration := []any{"registration_code", map[string]string{"email": foreignEmail, "registration_code": foreignCode}}
	if got := d.object("grant", registration); got["refresh_token"] == nil || got["left"].(float64) < 43000 {
		t.Errorf("the token of the registration code: %v", got)
	}

	verifier := string(latchkey.NewVerifier())
	challenge := d.returns("challenge", verifier)
	if challenge != latchkey.Challenge(latchkey.Secret(verifier)) {
		t.Errorf("challenge %v", challenge)
	}
	address := d.returns("authorizeURL", map[string]any{"redirect_uri": latchkeytest.RedirectURI, "state": foreignState, "scope": "account.read profiles.read",
		"claim_account_code": claimCode(t, a), "code_challenge": challenge, "code_challenge_method": "S256"}).(string)
	back, err := s.NewCustomer(foreignEmail).Claim(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	checks := map[string]any{"expectedState": foreignState, "pkceCodeVerifier": verifier}
	exchange := map[string]any{"back": back, "checks": map[string]any{"expectedState": "another", "pkceCodeVerifier": verifier}}
	if o := d.call("exchange", exchange); o.Threw == nil || !strings.Contains(o.Threw.Message, "state") {
		t.Errorf("another state: %+v", o.Threw)
	}
	exchange["checks"] = map[string]any{"expectedState": foreignState, "pkceCodeVerifier": string(latchkey.NewVerifier())}
	d.throws("exchange", exchange, 401, `"error":"invalid_grant"`)
	exchange["checks"] = checks
	token := d.object("exchange", exchange)
	hold(t, "the exchange", token, map[string]any{"token_type": "bearer", "expires_in": 43199.0, "scope": "account.read profiles.read"})
	fresh := d.object("refresh", nil)
	if fresh["refresh_token"] != token["refresh_token"] || fresh["access_token"] == token["access_token"] {
		t.Errorf("refresh: %v after %v", fresh, token)
	}
	me, _ := d.object("read", s.URL+"/v1/me")["body"].(map[string]any)
	hold(t, "me", me, map[string]any{"name": "Mira Kade"})
	d.throws("grant", registration, 401, `"error":"invalid_grant"`)
	d.throws("exchange", exchange, 401, `"error":"invalid_grant"`)
	d.throws("refresh", nil, 401, `"error":"invalid_grant"`) // the code was used twice: what it gave is over (I5)
}

// The same as a partner of the class strict, told that each answer names its issuer (RFC 9207), which it then insists on.
func TestForeignOpenIDClientStrict(t *testing.T) {
	s := latchkeytest.NewServer(t)
	c, err := s.AddPartner(t.Context(), latchkeytest.Partner{Name: "Strict Partner", RedirectURIs: []string{latchkeytest.RedirectURI}, Class: "strict"})
	if err != nil {
		t.Fatal(err)
	}
	d, _ := openIDClient(t, s, c, map[string]any{"authorization_response_iss_parameter_supported": true})
	verifier := string(latchkey.NewVerifier())
	address := d.returns("authorizeURL", map[string]any{"redirect_uri": latchkeytest.RedirectURI, "state": "s", "scope": "account.read profiles.read",
		"claim_account_code": claimCode(t, prefilled(t, c)), "code_challenge": latchkey.Challenge(latchkey.Secret(verifier)), "code_challenge_method": "S256"}).(string)
	back, err := s.NewCustomer(foreignEmail).Claim(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	checks := map[string]any{"expectedState": "s", "pkceCodeVerifier": verifier}
	for _, iss := range []string{"", "https://evil.example"} {
		forged, err := url.Parse(back)
		if err != nil {
			t.Fatal(err)
		}
		q := forged.Query()
		q.Del("iss")
		if iss != "" {
			q.Set("iss", iss)
		}
		forged.RawQuery = q.Encode()
		if o := d.call("exchange", map[string]any{"back": forged.String(), "checks": checks}); o.Threw == nil || !strings.Contains(o.Threw.Message, "iss") {
			t.Errorf("issuer %q: %+v", iss, o.Threw)
		}
	}
	exchange := map[string]any{"back": back, "checks": map[string]any{"expectedState": "s", "pkceCodeVerifier": string(latchkey.NewVerifier())}}
	d.throws("exchange", exchange, 400, `"error":"invalid_grant"`)
	exchange["checks"] = checks
	token := d.object("exchange", exchange)
	hold(t, "the exchange", token, map[string]any{"expires_in": 899.0, "scope": "account.read profiles.read", "expires_at": nil})
	if fresh := d.object("refresh", nil); fresh["refresh_token"] == token["refresh_token"] {
		t.Error("the refresh token was not rotated")
	}
	hold(t, "me", d.object("read", s.URL+"/v1/me"), map[string]any{"status": 200.0})
}

// Where openid-client expects something else than the contract: what it does, and our answer.
func TestForeignOpenIDClientContradictions(t *testing.T) {
	s := latchkeytest.NewServer(t)
	c := s.Client()
	d, configure := openIDClient(t, s, c, nil)
	configure["secret"] = "wrong-secret"
	d.returns("configure", configure)
	d.throws("application", nil, 401, `{"cause":"basic"}`) // it sees the challenge and not the body: the error's name is lost
	configure["secret"] = string(c.Secret)
	configure["metadata"] = map[string]any{"authorization_response_iss_parameter_supported": true}
	d.returns("configure", configure)
	back := latchkeytest.RedirectURI + "?code=lkc_1_2_x&state=s&profileId=1"
	if o := d.call("exchange", map[string]any{"back": back, "checks": map[string]any{"expectedState": "s"}}); o.Threw == nil || !strings.Contains(o.Threw.Message, "iss") {
		t.Errorf("a return of the class classic, which names no issuer: %+v", o.Threw)
	}
	d.throws("grant", []any{"urn:ietf:params:oauth:grant-type:token-exchange", map[string]string{"subject_token": "x"}}, 400, `"error":"unsupported_grant_type"`)
}
