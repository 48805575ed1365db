package server

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/partner"
)

// described is a metadata document as a client reads it.
type described map[string]any

func (d described) words(name string) []string {
	var out []string
	list, _ := d[name].([]any)
	for _, word := range list {
		out = append(out, word.(string))
	}
	return out
}

// metadataWorld is a server on two hosts with a partner of each class.
type metadataWorld struct {
	*testing.T
	h http.Handler
}

// post sends a form with what a way of authentication adds.
func (w metadataWorld) post(target, proof string, fields url.Values) (int, string) {
	w.Helper()
	switch proof {
	case "client_secret_basic":
	case "client_secret_post":
		fields.Set("client_id", "acme-treasury")
		fields.Set("client_secret", "acme-treasury-secret")
	case "none":
		fields.Set("client_id", "acme-treasury")
	default: // an assertion or a certificate
		fields.Set("client_id", "acme-treasury")
		fields.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		fields.Set("client_assertion", "e30.e30.e30")
	}
	r := httptest.NewRequestWithContext(w.Context(), "POST", target, strings.NewReader(fields.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if proof == "client_secret_basic" {
		r.SetBasicAuth("acme-treasury", "acme-treasury-secret")
	}
	got := httptest.NewRecorder()
	w.h.ServeHTTP(got, r)
	return got.Code, got.Body.String()
}

// authorize says where the authorize page of a class leads with these parameters: "pages" where it is taken, else the error.
func (w metadataWorld) authorize(at, client string, change func(url.Values)) string {
	w.Helper()
	q := url.Values{"client_id": {client}, "redirect_uri": {"https://app.acme.example/cb"}, "response_type": {"code"}, "state": {"s"},
		"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"}}
	change(q)
	got := ask(w.h, "GET", at+"?"+q.Encode(), nil)
	to, err := url.Parse(got.Header().Get("Location"))
	if err != nil {
		w.Fatal(err)
	}
	if code := to.Query().Get("error"); code != "" {
		return code
	}
	if got.Code != http.StatusSeeOther || !strings.HasPrefix(to.Path, "/signin") {
		return http.StatusText(got.Code)
	}
	return "pages"
}

// TestMetadataTellsTheTruth holds every member of the document (RFC 8414) to what the server does: what is listed works, what
// is not listed is refused, and a member that this test does not know fails it.
func TestMetadataTellsTheTruth(t *testing.T) {
	t.Parallel()
	o, _ := options(t)
	o.APIURL = "https://api.example.org"
	s := newServer(t, o)
	seed(t, s)
	_, _, err := s.Partners.Add(t.Context(), partner.Registration{ClientID: "initech", Secret: "initech-secret", Class: "strict",
		Name: "Initech", RedirectURIs: []string{"https://app.acme.example/cb"}}, audit.Actor{Kind: audit.ActorOperator})
	if err != nil {
		t.Fatal(err)
	}
	w := metadataWorld{t, s.Handler()}
	got := ask(w.h, "GET", o.WebURL+"/.well-known/oauth-authorization-server", nil)
	var d described
	if err := json.Unmarshal(got.Body.Bytes(), &d); err != nil || got.Code != 200 || got.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("%d %v %s", got.Code, err, got.Body)
	}
	if again := ask(w.h, "GET", o.APIURL+"/.well-known/oauth-authorization-server", nil); again.Body.String() != got.Body.String() {
		t.Errorf("the API's host says %s", again.Body)
	}
	if d["issuer"] != o.WebURL {
		t.Errorf("issuer %v", d["issuer"])
	}
	if doc := ask(w.h, "GET", d["service_documentation"].(string), nil); doc.Code != 200 {
		t.Errorf("documentation: %d", doc.Code)
	}
	delete(d, "issuer")
	delete(d, "service_documentation")
	w.endpoints(d)
	w.grants(d)
	w.requests(d)
	for _, name := range slices.Sorted(maps.Keys(d)) {
		t.Errorf("nothing shows that %s is true", name)
	}
}

// endpoints: each takes the listed ways of authentication and no others, and POST alone.
func (w metadataWorld) endpoints(d described) {
	w.Helper()
	for _, name := range []string{"introspection", "revocation", "token"} {
		at := d[name+"_endpoint"].(string)
		listed := d.words(name + "_endpoint_auth_methods_supported")
		for _, proof := range []string{"client_secret_basic", "client_secret_post", "none", "private_key_jwt", "client_secret_jwt", "tls_client_auth"} {
			code, text := w.post(at, proof, url.Values{"grant_type": {"client_credentials"}, "token": {"x"}})
			if (code == 200) != slices.Contains(listed, proof) || code != 200 && code != 401 {
				w.Errorf("%s by %s: %d %s", name, proof, code, text)
			}
		}
		if got := ask(w.h, "GET", at, nil); got.Code != http.StatusMethodNotAllowed {
			w.Errorf("GET %s: %d", at, got.Code)
		}
		delete(d, name+"_endpoint_auth_methods_supported")
		if name != "token" {
			delete(d, name+"_endpoint")
		}
	}
}

// grants: the token endpoint knows the listed ones and no others.
func (w metadataWorld) grants(d described) {
	w.Helper()
	listed := d.words("grant_types_supported")
	for _, kind := range []string{"authorization_code", "refresh_token", "client_credentials", "registration_code", "password", "implicit",
		"urn:ietf:params:oauth:grant-type:device_code", "urn:ietf:params:oauth:grant-type:token-exchange", "urn:ietf:params:oauth:grant-type:jwt-bearer"} {
		_, text := w.post(d["token_endpoint"].(string), "client_secret_basic", url.Values{"grant_type": {kind}})
		if known := !strings.Contains(text, "unsupported_grant_type"); known != slices.Contains(listed, kind) {
			w.Errorf("grant type %s: %s", kind, text)
		}
	}
	delete(d, "grant_types_supported")
	delete(d, "token_endpoint")
}

// requests: the authorize page takes the listed response types, modes, challenge methods and scopes and no others. Class
// strict answers each refusal by redirect, so that the reason shows.
func (w metadataWorld) requests(d described) {
	w.Helper()
	at := d["authorization_endpoint"].(string)
	for _, x := range []struct {
		member, parameter, refusal string
		tried                      []string
	}{
		{"response_types_supported", "response_type", "unsupported_response_type", []string{"code", "token", "id_token", "code id_token", "none"}},
		{"response_modes_supported", "response_mode", "invalid_request", []string{"query", "fragment", "form_post", "query.jwt"}},
		{"code_challenge_methods_supported", "code_challenge_method", "invalid_request", []string{"S256", "plain", "S512"}},
		{"scopes_supported", "scope", "invalid_scope", []string{"account.read", "profiles.read", "profiles.write", "openid", "profile"}},
	} {
		listed := d.words(x.member)
		for _, value := range x.tried {
			want := x.refusal
			if slices.Contains(listed, value) {
				want = "pages"
			}
			if got := w.authorize(at, "initech", func(q url.Values) { q.Set(x.parameter, value) }); got != want {
				w.Errorf("%s=%s: %s, want %s", x.parameter, value, got, want)
			}
		}
		for _, value := range listed {
			if !slices.Contains(x.tried, value) {
				w.Errorf("%s lists %s, which this test does not try", x.member, value)
			}
		}
		delete(d, x.member)
	}
	if got := w.authorize(at, "acme-treasury", func(q url.Values) { q.Set("response_mode", "query") }); got != "pages" {
		w.Errorf("class classic: %s", got)
	}
	delete(d, "authorization_endpoint")
}
