package latchkey_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey"
	"github.com/latchkey-id/latchkey/latchkeytest"
)

// requirements are the clients in Python and their pinned versions.
func requirements(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(foreignDir, "requirements.txt"))
	if err != nil {
		t.Fatal(err)
	}
	pins := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if name, version, pinned := strings.Cut(strings.TrimSpace(line), "=="); pinned {
			pins[name] = version
		}
	}
	return pins
}

// pinnedByPip says why what is installed is not what requirements.txt has, or nil.
func pinnedByPip(string) error {
	text, err := os.ReadFile(filepath.Join(foreignDir, "requirements.txt"))
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		name := strings.NewReplacer("==", "-", "-", "_").Replace(strings.TrimSpace(line))
		if _, err := os.Stat(filepath.Join(foreignDir, "site-packages", name+".dist-info")); err != nil {
			return fmt.Errorf("%s is not installed", name)
		}
	}
	return nil
}

// pythonPartner is a client in Python, configured.
func pythonPartner(t *testing.T, client string, s *latchkeytest.Server, c *latchkey.Client, more map[string]any) *driven {
	t.Helper()
	d := drive(t, client)
	configure := map[string]any{"origin": s.URL, "id": c.ID, "secret": string(c.Secret), "redirect": latchkeytest.RedirectURI}
	for name, value := range more {
		configure[name] = value
	}
	d.returns("configure", configure)
	return d
}

// requests-oauthlib does its own grant, the authorize address with PKCE, the exchange with its check of the state, and a refresh.
func TestForeignRequestsOAuthlib(t *testing.T) {
	s := latchkeytest.NewServer(t)
	c := s.Client()
	d := pythonPartner(t, "python_requests_oauthlib", s, c, map[string]any{"scope": []string{"account.read", "profiles.read"}, "pkce": "S256"})
	for _, argument := range []any{nil, map[string]any{"secret_in_form": true}} {
		hold(t, "its own token", d.object("application", argument), map[string]any{"token_type": "bearer", "expires_in": 43199.0})
	}
	address := d.returns("authorize_url", map[string]any{"state": foreignState, "more": map[string]string{"claim_account_code": claimCode(t, prefilled(t, c))}}).(string)
	back, err := s.NewCustomer(foreignEmail).Claim(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	token := d.object("exchange", back)
	hold(t, "the exchange", token, map[string]any{"token_type": "bearer", "expires_in": 43199.0})
	fresh := d.object("refresh", nil)
	if fresh["refresh_token"] != token["refresh_token"] || fresh["access_token"] == token["access_token"] {
		t.Errorf("refresh: %v after %v", fresh, token)
	}
	me, _ := d.object("read", "/v1/me")["body"].(map[string]any)
	hold(t, "me", me, map[string]any{"name": "Mira Kade"})
	d.throws("exchange", back, 400, `"error":"invalid_grant"`) // its errors have the status that their names have elsewhere
}

// Where requests-oauthlib expects something else than the contract: what it does, and our answer.
func TestForeignRequestsOAuthlibContradictions(t *testing.T) {
	s := latchkeytest.NewServer(t)
	c := s.Client()
	d := pythonPartner(t, "python_requests_oauthlib", s, c, map[string]any{"scope": []string{"account.read", "profiles.read", "profiles.write"}})
	changed := func(what string, o outcome) {
		t.Helper()
		if o.Threw == nil || !strings.Contains(o.Threw.Message, "Scope has changed") {
			t.Errorf("%s: %+v", what, o.Threw)
		}
	}
	changed("its own token with a scope", d.call("application", map[string]any{"scope": []string{"profiles.read"}}))
	d.throws("password", map[string]string{"username": foreignEmail, "password": "seven quiet harbour lanterns"}, 400, `"error":"unsupported_grant_type"`)
	address := d.returns("authorize_url", map[string]any{"state": "s", "more": map[string]string{"claim_account_code": claimCode(t, prefilled(t, c))}}).(string)
	back, err := s.NewCustomer(foreignEmail).Claim(t.Context(), address) // who leaves the box of profiles.write empty
	if err != nil {
		t.Fatal(err)
	}
	changed("a scope that the customer did not allow", d.call("exchange", back))
	d.throws("refresh_without_secret", nil, 401, `"error":"invalid_client"`)
}

// Authlib does its own grant in each way of authentication, the registration code's, the authorize address with PKCE, the exchange
// with its check of the state, and a refresh, as a partner of each class.
func TestForeignAuthlib(t *testing.T) {
	for class, want := range map[string]map[string]any{"classic": {"expires_in": 43199.0}, "strict": {"expires_in": 899.0}} {
		t.Run(class, func(t *testing.T) {
			s := latchkeytest.NewServer(t)
			c, err := s.AddPartner(t.Context(), latchkeytest.Partner{Name: "Python Partner", RedirectURIs: []string{latchkeytest.RedirectURI}, Class: class})
			if err != nil {
				t.Fatal(err)
			}
			more := map[string]any{"scope": "account.read profiles.read", "verifier": string(latchkey.NewVerifier()), "method": "client_secret_post"}
			d := pythonPartner(t, "python_authlib", s, c, more)
			hold(t, "its own token, by the form", d.object("application", nil), want)
			more["origin"], more["id"], more["secret"], more["redirect"], more["method"] = s.URL, c.ID, string(c.Secret), latchkeytest.RedirectURI, "client_secret_basic"
			d.returns("configure", more)
			hold(t, "its own token", d.object("application", nil), want)
			a := prefilled(t, c)
			registration := map[string]string{"email": foreignEmail, "registration_code": foreignCode}
			hold(t, "the registration code's", d.object("registration", registration), want)
			address := d.returns("authorize_url", map[string]any{"state": foreignState, "more": map[string]string{"claim_account_code": claimCode(t, a)}}).(string)
			back, err := s.NewCustomer(foreignEmail).Claim(t.Context(), address)
			if err != nil {
				t.Fatal(err)
			}
			if o := d.call("exchange", map[string]string{"back": back, "state": "another"}); o.Threw == nil || !strings.Contains(o.Threw.Message, "State") {
				t.Errorf("another state: %+v", o.Threw)
			}
			token := d.object("exchange", map[string]string{"back": back, "state": foreignState})
			hold(t, "the exchange", token, want)
			if until, is := token["expires_at"].(float64); !is || until < float64(s.Now().Unix()) {
				t.Errorf("it makes of expires_at %v", token["expires_at"])
			}
			fresh := d.object("refresh", nil)
			if (fresh["refresh_token"] == token["refresh_token"]) != (class == "classic") || fresh["access_token"] == token["access_token"] {
				t.Errorf("refresh: %v after %v", fresh, token)
			}
			me, _ := d.object("read", "/v1/me")["body"].(map[string]any)
			hold(t, "me", me, map[string]any{"name": "Mira Kade"})
			if o := d.call("registration", registration); o.Threw == nil || !strings.Contains(o.Threw.Message, "invalid_grant") {
				t.Errorf("the registration code after the claim: %+v", o.Threw)
			}
			asked := d.object("introspect", nil)
			hold(t, "introspection", asked, map[string]any{"status": 200.0})
			said, _ := asked["body"].(map[string]any)
			hold(t, "introspection", said, map[string]any{"active": true, "token_type": "bearer", "client_id": c.ID})
		})
	}
}
