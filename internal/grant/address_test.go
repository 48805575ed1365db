package grant

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/partner"
)

// TestAddress compares whole addresses: the registered one, its own query kept, then our parameters in their order
// (contract 7.2, 7.3).
func TestAddress(t *testing.T) {
	for _, c := range []struct {
		uri, state string
		back       Return
		want       string
	}{
		{callback, "s1", Return{Code: "Zx81Qp", Profile: 70010001}, callback + "?code=Zx81Qp&state=s1&profileId=70010001"},
		{callback, "-", Return{Code: "Zx81Qp", Profile: 70010001}, callback + "?code=Zx81Qp&profileId=70010001"},
		{callback, "", Return{Code: "c"}, callback + "?code=c&state="},
		{callback, "a+b%2B", Return{Code: "c_-1", Profile: 1, Issuer: "https://id.example.org"},
			callback + "?code=c_-1&state=a+b%2B&profileId=1&iss=https%3A%2F%2Fid.example.org"},
		{withQuery, "s", Return{Code: "c", Profile: 1}, withQuery + "&code=c&state=s&profileId=1"},
		{callback + "?", "s", Return{Code: "c"}, callback + "?&code=c&state=s"},
		{"https://bare.example", "s", Return{Code: "c", Profile: 2}, "https://bare.example/?code=c&state=s&profileId=2"},
		{"https://bare.example?a=1", "s", Return{Code: "c"}, "https://bare.example/?a=1&code=c&state=s"},
		{"https://bare.example?a=/", "s", Return{Code: "c"}, "https://bare.example/?a=/&code=c&state=s"},
		{"https://bare.example/", "s", Return{Code: "c"}, "https://bare.example/?code=c&state=s"},
		{"http://127.0.0.1:8090", "s", Return{Code: "c"}, "http://127.0.0.1:8090/?code=c&state=s"},
		{appScheme, "s", Return{Code: "c", Profile: 3}, appScheme + "?code=c&state=s&profileId=3"},
		{"com.acme.app://return", "s", Return{Code: "c"}, "com.acme.app://return?code=c&state=s"},
		{callback, "s", Return{Error: "access_denied", Description: "not_me"}, callback + "?error=access_denied&error_description=not_me&state=s"},
		{callback, "-", Return{Error: "login_required"}, callback + "?error=login_required"},
		{callback, "s", Return{Error: "access_denied", Description: "The customer did not allow access", Profile: 9, Code: "never", Issuer: "i"},
			callback + "?error=access_denied&error_description=The+customer+did+not+allow+access&state=s&iss=i"},
	} {
		r := Request{RedirectURI: c.uri, State: c.state, HasState: true}
		if c.state == "-" {
			r.State, r.HasState = "", false
		}
		if got := r.Address(c.back); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func TestRestartAddress(t *testing.T) {
	r := Request{RedirectURI: callback, State: "a%2Bb", HasState: true}
	for restart, want := range map[string]string{
		"https://acme.example/again":     "https://acme.example/again?reason=expired&state=a%2Bb",
		"https://acme.example/again?x=1": "https://acme.example/again?x=1&reason=expired&state=a%2Bb",
		"https://acme.example":           "https://acme.example/?reason=expired&state=a%2Bb",
		"":                               callback + "?error=access_denied&error_description=expired&state=a%2Bb&iss=https%3A%2F%2Fid",
	} {
		if got := r.RestartAddress(restart, ReasonExpired, "https://id"); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	if got := (Request{}).RestartAddress("https://acme.example/again", ReasonUsed, ""); got != "https://acme.example/again?reason=used" {
		t.Errorf("without a state: %s", got)
	}
}

func TestHost(t *testing.T) {
	for uri, want := range map[string]string{callback: "app.acme.example", "http://127.0.0.1:8090/cb": "127.0.0.1:8090", appScheme: "com.acme.app:"} {
		if got := (Request{RedirectURI: uri}).Host(); got != want {
			t.Errorf("%s: %q", uri, got)
		}
	}
}

// checkWay reads an address as a partner's program would: it must be the registered one with our parameters added.
func checkWay(t *testing.T, p partner.Partner, r Request, address string) {
	t.Helper()
	base, registered := "", false
	for _, uri := range p.RedirectURIs {
		if rest, found := strings.CutPrefix(address, withPath(uri)); found && uri == r.RedirectURI && (strings.HasPrefix(rest, "?") || strings.HasPrefix(rest, "&")) {
			base, registered = uri, true
		}
	}
	if !registered {
		t.Fatalf("%q leads away from %q (I6)", address, p.RedirectURIs)
	}
	for _, c := range []byte(address) {
		if c <= ' ' || c > '~' || strings.IndexByte("\"<>\\^`{|}#", c) >= 0 {
			t.Fatalf("%q holds %q", address, c)
		}
	}
	wanted, err := url.Parse(base)
	got, err2 := url.Parse(address)
	if err != nil || err2 != nil || got.Scheme != wanted.Scheme || got.Host != wanted.Host || got.Fragment != "" || got.User != nil {
		t.Fatalf("%q is read as %v, %v", address, got, err2)
	}
	if wanted.Opaque != got.Opaque || strings.TrimSuffix(got.Path, "/") != strings.TrimSuffix(wanted.Path, "/") {
		t.Fatalf("%q has another path than %q", address, base)
	}
}

// FuzzAuthorizeRequest: whatever a stranger sends, the way back is a registered address, and state comes back as it was.
func FuzzAuthorizeRequest(f *testing.F) {
	for _, uri := range []string{callback, url.QueryEscape(withQuery), withQuery, plusQuery, appScheme, "https://evil.example/", "https%3A%2F%2Fevil.example",
		callback + "%0d%0aX:%20y", "https://app.acme.example@evil.example/wise/cb", "%zz", ""} {
		f.Add("redirect_uri="+uri+"&state=a%2Bb+c&client_id=acme", "lkc_1_2_x")
		f.Add("state=x%zz&redirect_uri="+uri+"&redirect_uri="+callback, "a&b#c")
		f.Add("state=\r\n\"<>é&redirect_uri="+uri+"&code_challenge="+challenge+"&code_challenge_method=S256&scope=account.read&prompt=none", "")
	}
	f.Add("response_type=code&%73tate=1&redirect_uri="+callback+";state=2", "c")
	f.Fuzz(func(t *testing.T, raw, code string) {
		q := ParseQuery(raw)
		for _, class := range []partner.Class{partner.Classic, partner.Strict} {
			p := acme(class)
			uri, err := q.MatchRedirect(p)
			if err != nil {
				if uri != "" {
					t.Fatalf("refused and answered with %q", uri)
				}
				continue
			}
			if !p.Registered(uri) {
				t.Fatalf("%q is not registered", uri)
			}
			r, mistake := q.Check(p, uri)
			if r.RedirectURI != uri || r.Partner != p.ID {
				t.Fatalf("the request names %q of %d", r.RedirectURI, r.Partner)
			}
			for _, back := range []Return{{Code: code, Profile: 7, Issuer: "https://id.example.org"}, {Error: "access_denied", Description: code}} {
				checkWay(t, p, r, r.Address(back))
				checkState(t, q, r, r.Address(back))
			}
			if mistake == nil {
				checkRequest(t, p, r)
			}
		}
	})
}

// checkState compares the state of the address with the one that was sent, both decoded as a form is.
func checkState(t *testing.T, q Query, r Request, address string) {
	t.Helper()
	sent, times := q.raw("state")
	_, query, _ := strings.Cut(address, "?")
	var states []string
	for part := range strings.SplitSeq(query, "&") {
		if value, found := strings.CutPrefix(part, "state="); found {
			states = append(states, value)
		}
	}
	if times == 0 || !r.HasState {
		if len(states) != 0 {
			t.Fatalf("%q has a state that nobody sent", address)
		}
		return
	}
	if len(states) != 1 {
		t.Fatalf("%q has %d states", address, len(states))
	}
	before, err := url.QueryUnescape(sent)
	after, err2 := url.QueryUnescape(states[0])
	if (err == nil) != (err2 == nil) || before != after {
		t.Fatalf("state %q came back as %q", sent, states[0])
	}
	if cleanRaw(sent) == sent && states[0] != sent {
		t.Fatalf("state %q is not byte for byte %q", states[0], sent)
	}
}

func checkRequest(t *testing.T, p partner.Partner, r Request) {
	t.Helper()
	for _, s := range r.Scopes {
		if !slices.Contains(p.Scopes(), s) {
			t.Fatalf("scope %q is not registered", s)
		}
	}
	if !slices.Contains(r.Scopes, partner.ScopeAccountRead) {
		t.Fatalf("the required scope is missing from %v", r.Scopes)
	}
	if r.Challenge == "" && p.Class.RequiresPKCE || r.Challenge != "" && !validChallenge(r.Challenge) {
		t.Fatalf("challenge %q in class %s", r.Challenge, p.Class.Name)
	}
}
