package grant

import (
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/partner"
)

const (
	callback  = "https://app.acme.example/wise/cb"
	withQuery = "https://app.acme.example/cb?tenant=7&next=%2Fhome"
	plusQuery = "https://app.acme.example/cb?q=a+b"
	appScheme = "com.acme.app:/return"
	challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

func acme(class partner.Class) partner.Partner {
	return partner.Partner{ID: 5, ClientID: "acme", Class: class, RedirectURIs: []string{callback, withQuery, plusQuery, appScheme, "https://bare.example"},
		RequiredScopes: []partner.Scope{partner.ScopeAccountRead}, OptionalScopes: []partner.Scope{partner.ScopeProfilesRead, partner.ScopeProfilesWrite}}
}

func TestParseQuery(t *testing.T) {
	q := ParseQuery("client_id=acme&x=%zz&state=a%2Bb&redirect%5Furi=r&&=novalue&flag&%zz=lost&two=1&two=2&claim_account_code=c")
	for name, want := range map[string]string{"client_id": "acme", "x": "", "state": "a+b", "redirect_uri": "r", "flag": "", "": "", "two": "", "none": "", "%zz": ""} {
		if got := q.Value(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
	if q.ClientID() != "acme" {
		t.Errorf("client %q", q.ClientID())
	}
	for raw, want := range map[string]struct {
		code  string
		given bool
	}{
		"": {"", false}, "claim_account_code=": {"", true}, "claim_account_code": {"", true}, "claim_account_code=a%20b": {"a b", true},
		"claim_account_code=a&claim_account_code=b": {"", true}, "CLAIM_ACCOUNT_CODE=a": {"", false}, "claim_account_code=%zz": {"", true},
	} {
		if code, given := ParseQuery(raw).ClaimCode(); code != want.code || given != want.given {
			t.Errorf("%q: %q, %t", raw, code, given)
		}
	}
	for _, raw := range []string{"client_id=a&client_id=a", "client_id", "", "client_id=%zz", "client_id=acme&x=" + strings.Repeat("y", MaxQuery)} {
		if got := ParseQuery(raw).ClientID(); got != "" {
			t.Errorf("%.40q: client %q", raw, got)
		}
	}
	fits := "client_id=acme&x="
	if ParseQuery(fits+strings.Repeat("y", MaxQuery-len(fits))).ClientID() != "acme" {
		t.Error("a query of the greatest size is not read")
	}
}

// TestMatchRedirect: as sent or decoded, but byte for byte (I6, design 10.18).
func TestMatchRedirect(t *testing.T) {
	for raw, want := range map[string]string{
		"redirect_uri=" + callback:                                          callback, // the documented clients encode nothing
		"redirect_uri=" + url.QueryEscape(callback):                         callback,
		"redirect_uri=https%3a%2f%2fapp.acme.example%2fwise%2fcb":           callback,
		"redirect_uri=" + url.QueryEscape(withQuery):                        withQuery,
		"redirect_uri=" + url.QueryEscape(plusQuery):                        plusQuery,
		"redirect_uri=" + plusQuery:                                         plusQuery,
		"redirect_uri=" + appScheme:                                         appScheme,
		"redirect_uri=" + url.QueryEscape(appScheme):                        appScheme,
		"state=x&redirect_uri=" + callback + "&client_id=acme":              callback,
		"redirect_uri=" + withQuery:                                         "", // its tail is a parameter of its own
		"redirect_uri=":                                                     "",
		"":                                                                  "",
		"redirect_uri=" + callback + "&redirect_uri=" + callback:            "",
		"redirect_uri=" + callback + "&redirect_uri=https://evil.example/":  "",
		"redirect_uri=https://evil.example/&redirect%5Furi=" + callback:     "",
		"redirect_uri=" + callback + "/":                                    "",
		"redirect_uri=" + callback + "?":                                    "",
		"redirect_uri=" + callback + "%23x":                                 "",
		"redirect_uri=" + callback + "%00":                                  "",
		"redirect_uri=" + callback + "%0d%0aLocation:%20https://evil":       "",
		"redirect_uri=" + callback + ".evil.example":                        "",
		"redirect_uri=https://app.acme.example@evil.example/wise/cb":        "",
		"redirect_uri=https%253A%252F%252Fapp.acme.example%252Fwise%252Fcb": "", // twice encoded
		"redirect_uri=HTTPS://app.acme.example/wise/cb":                     "",
		"redirect_uri=https://app.acme.example/wise/../wise/cb":             "",
		"redirect_uri=//app.acme.example/wise/cb":                           "",
		"redirect_uri=javascript:alert(1)":                                  "",
		"redirect_uri=%zz":                                                  "",
		"REDIRECT_URI=" + callback:                                          "",
	} {
		got, err := ParseQuery(raw).MatchRedirect(acme(partner.Classic))
		if got != want || (want == "") != errors.Is(err, ErrRedirect) {
			t.Errorf("%q: %q, %v, want %q", raw, got, err, want)
		}
	}
}

// TestStateGoesBackAsItCame: byte for byte where bytes may stand in an address, percent-encoded where not (checklist 10).
func TestStateGoesBackAsItCame(t *testing.T) {
	for raw, want := range map[string]string{
		"abc": "abc", "a+b": "a+b", "a%2Bb": "a%2Bb", "a%2bb": "a%2bb", "a%20b": "a%20b", "%E2%82%AC": "%E2%82%AC", "a=b==": "a=b==",
		"%zz": "%zz", "%": "%", "a%26b%3Dc": "a%26b%3Dc", "~!*'();:@,/?$-_.": "~!*'();:@,/?$-_.", "%00": "%00", "": "", "a;b": "a;b",
		"%0d%0aSet-Cookie:x": "%0d%0aSet-Cookie:x", "[x]": "[x]", "eyJhIjoiYiJ9.x_-": "eyJhIjoiYiJ9.x_-",
		"€": "%E2%82%AC", "a b": "a%20b", "\"><script>": "%22%3E%3Cscript%3E", "a\r\nb": "a%0D%0Ab", "a\x00b": "a%00b", "\xff": "%FF", "a#b": "a%23b",
		"{x}": "%7Bx%7D", "a\\b": "a%5Cb", "`^|": "%60%5E%7C", "a\x7fb": "a%7Fb",
		strings.Repeat("s", 1500): strings.Repeat("s", 1500),
	} {
		r, err := ParseQuery("state="+raw+"&client_id=acme").Check(acme(partner.Classic), callback)
		if err != nil || !r.HasState {
			t.Errorf("%.40q: %v, has state %t", raw, err, r.HasState)
		}
		for _, back := range []Return{{Code: "c", Profile: 9}, {Error: "access_denied"}} {
			if address := r.Address(back); !strings.Contains(address+"&", "&state="+want+"&") {
				t.Errorf("%.40q comes back in %.200s", raw, address)
			}
		}
	}
	r, err := ParseQuery("client_id=acme").Check(acme(partner.Classic), callback)
	if err != nil || r.HasState || strings.Contains(r.Address(Return{Code: "c"}), "state") {
		t.Errorf("no state: %v, %q", err, r.Address(Return{Code: "c"}))
	}
	var mistake *RequestError
	r, err = ParseQuery("state="+strings.Repeat("s", 1501)).Check(acme(partner.Classic), callback)
	if !errors.As(err, &mistake) || mistake.Code != "invalid_request" || !strings.HasSuffix(r.Address(Return{Error: mistake.Code}), "&state="+strings.Repeat("s", 1501)) {
		t.Errorf("1501 characters: %v, %.200s", err, r.Address(Return{Error: "invalid_request"}))
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		raw, classic, strict string // the error of each class, "" for none
	}{
		{"response_type=code&code_challenge=" + challenge + "&code_challenge_method=S256", "", ""},
		{"", "", "invalid_request"},
		{"response_type=code", "", "invalid_request"},
		{"code_challenge=" + challenge + "&code_challenge_method=S256", "", "invalid_request"},
		{"response_type=token", "unsupported_response_type", "unsupported_response_type"},
		{"response_type=code%20token", "unsupported_response_type", "unsupported_response_type"},
		{"response_type=", "unsupported_response_type", "unsupported_response_type"},
		{"response_type=code&response_type=code", "invalid_request", "invalid_request"},
		{"response_type=code&state=a&state=b", "invalid_request", "invalid_request"},
		{"response_type=code&state=a&%73tate=b", "invalid_request", "invalid_request"},
		{"response_type=code&scope=account.read&scope=account.read", "invalid_request", "invalid_request"},
		{"response_type=code&prompt=none&prompt=login", "invalid_request", "invalid_request"},
		{"response_type=code&claim_account_code=a&claim_account_code=b", "invalid_request", "invalid_request"},
		{"response_type=code&code_challenge=" + challenge, "invalid_request", "invalid_request"},
		{"response_type=code&code_challenge=" + challenge + "&code_challenge_method=plain", "invalid_request", "invalid_request"},
		{"response_type=code&code_challenge=" + challenge + "&code_challenge_method=s256", "invalid_request", "invalid_request"},
		{"response_type=code&code_challenge_method=S256", "invalid_request", "invalid_request"},
		{"response_type=code&code_challenge=&code_challenge_method=S256", "invalid_request", "invalid_request"},
		{"response_type=code&code_challenge=short&code_challenge_method=S256", "invalid_request", "invalid_request"},
		{"response_type=code&code_challenge=" + challenge + "=&code_challenge_method=S256", "invalid_request", "invalid_request"},
		{"response_type=code&code_challenge=" + challenge[1:] + "+&code_challenge_method=S256", "invalid_request", "invalid_request"},
		{"response_type=code&code_challenge=" + challenge[:42] + "N&code_challenge_method=S256", "invalid_request", "invalid_request"}, // two texts for one challenge
		{"response_type=code&code_challenge=" + challenge + "&code_challenge=" + challenge + "&code_challenge_method=S256", "invalid_request", "invalid_request"},
		{"response_type=code&prompt=create", "invalid_request", "invalid_request"},
		{"response_type=code&prompt=none+login", "invalid_request", "invalid_request"},
		{"response_type=code&prompt=login+create", "invalid_request", "invalid_request"},
		{"prompt=login+consent%20select_account&response_type=code&code_challenge=" + challenge + "&code_challenge_method=S256", "", ""},
		{"max_age=3600&response_type=code&code_challenge=" + challenge + "&code_challenge_method=S256", "", ""},
		{"response_type=code&max_age=", "invalid_request", "invalid_request"},
		{"response_type=code&max_age=-1", "invalid_request", "invalid_request"},
		{"response_type=code&max_age=%2B1", "invalid_request", "invalid_request"},
		{"response_type=code&max_age=1.5", "invalid_request", "invalid_request"},
		{"response_type=code&max_age=12345678901", "invalid_request", "invalid_request"},
		{"response_type=code&max_age=1&max_age=1", "invalid_request", "invalid_request"},
		{"response_type=code&response_mode=fragment", "invalid_request", "invalid_request"},
		{"response_type=code&response_mode=query&response_mode=query", "invalid_request", "invalid_request"},
		{"response_mode=query&response_type=code&code_challenge=" + challenge + "&code_challenge_method=S256", "", ""},
		{"acr_values=urn:x+0&ui_locales=xx-XX%20%zz&display=page&login_hint=a&response_type=code&code_challenge=" + challenge + "&code_challenge_method=S256", "", ""},
		{"prompt=consent&response_type=code&code_challenge=" + challenge + "&code_challenge_method=S256", "", ""},
		{"scope=transfers&response_type=code&code_challenge=" + challenge + "&code_challenge_method=S256", "", "invalid_scope"},
		{"scope=account.read%20money&response_type=code&code_challenge=" + challenge + "&code_challenge_method=S256", "", "invalid_scope"},
		{"scope=%zz&response_type=code&code_challenge=" + challenge + "&code_challenge_method=S256", "", "invalid_scope"},
		{"scope=&response_type=code&code_challenge=" + challenge + "&code_challenge_method=S256", "", ""},
	} {
		for class, want := range map[*partner.Class]string{&partner.Classic: c.classic, &partner.Strict: c.strict} {
			r, err := ParseQuery("client_id=acme&"+c.raw).Check(acme(*class), callback)
			var mistake *RequestError
			got := ""
			if errors.As(err, &mistake) {
				got = mistake.Code
			}
			if got != want || (err != nil) != (want != "") || r.Partner != 5 || r.RedirectURI != callback {
				t.Errorf("%s, %s: %v, want %q", class.Name, c.raw, err, want)
			}
			if err == nil && strings.Contains(c.raw, "code_challenge=") != (r.Challenge == challenge) {
				t.Errorf("%s, %s: challenge %q", class.Name, c.raw, r.Challenge)
			}
		}
	}
}

// TestSignInsThatCount: max_age counts from the moment in which the request came, to the millisecond, and prompt=login takes
// none from before it (OpenID Connect Core 3.1.2.1).
func TestSignInsThatCount(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		raw  string
		old  time.Duration
		want bool
	}{
		{"", 1000 * time.Hour, true},
		{"prompt=consent", 1000 * time.Hour, true},
		{"prompt=select_account", time.Hour, true},
		{"prompt=login", 0, true},
		{"prompt=login", time.Millisecond, false},
		{"prompt=consent+login&max_age=3600", time.Millisecond, false},
		{"max_age=0", 0, true},
		{"max_age=0", time.Millisecond, false},
		{"max_age=3600", time.Hour - time.Millisecond, true},
		{"max_age=3600", time.Hour, true},
		{"max_age=3600", time.Hour + time.Millisecond, false},
		{"max_age=9999999999", 100 * 365 * 24 * time.Hour, true},
		{"max_age=0&acr_values=urn:x", -time.Minute, true},
	} {
		r, err := ParseQuery(c.raw).Check(acme(partner.Classic), callback)
		if err != nil {
			t.Fatal(err)
		}
		came := r.Came(today)
		if came.Takes(today.Add(-c.old)) != c.want {
			t.Errorf("%s: a sign-in of %v ago counts: want %t", c.raw, c.old, c.want)
		}
		kept, err := json.Marshal(came) // as the browser's cookie and the journey's row keep it
		var later Request
		if err = errors.Join(err, json.Unmarshal(kept, &later)); err != nil {
			t.Fatal(err)
		}
		if later = later.Came(today.Add(time.Hour)); later.Takes(today.Add(-c.old)) != c.want {
			t.Errorf("%s: an hour on the pages changes what counts", c.raw)
		}
	}
}

func TestScopesAreCappedByTheOperator(t *testing.T) {
	account, read, write := partner.ScopeAccountRead, partner.ScopeProfilesRead, partner.ScopeProfilesWrite
	for raw, want := range map[string]struct {
		scopes []partner.Scope
		given  bool
	}{
		"":                                  {[]partner.Scope{account, read, write}, false},
		"scope=":                            {[]partner.Scope{account, read, write}, false},
		"scope=transfers":                   {[]partner.Scope{account, read, write}, false},
		"scope=profiles.read":               {[]partner.Scope{read, account}, true}, // required ones come along
		"scope=account.read":                {[]partner.Scope{account}, true},
		"scope=profiles.read+transfers":     {[]partner.Scope{read, account}, true},
		"scope=account.read%20account.read": {[]partner.Scope{account}, true},
	} {
		r, err := ParseQuery(raw).Check(acme(partner.Classic), callback)
		if err != nil || !slices.Equal(r.Scopes, want.scopes) || r.ScopeGiven != want.given {
			t.Errorf("%q: %v, %t, %v", raw, r.Scopes, r.ScopeGiven, err)
		}
	}
	narrow := acme(partner.Classic)
	narrow.OptionalScopes = nil
	r, err := ParseQuery("scope=account.read+profiles.write").Check(narrow, callback)
	if err != nil || !slices.Equal(r.Scopes, []partner.Scope{account}) {
		t.Errorf("a scope that is not registered: %v, %v", r.Scopes, err)
	}
}

func TestSameRequest(t *testing.T) {
	base := Request{Partner: 5, RedirectURI: callback, State: "a", HasState: true, Challenge: challenge}
	if !base.Same(base) {
		t.Fatal("not the same as itself")
	}
	for name, change := range map[string]func(*Request){
		"partner": func(r *Request) { r.Partner++ }, "address": func(r *Request) { r.RedirectURI += "/" }, "state": func(r *Request) { r.State = "A" },
		"no state": func(r *Request) { r.HasState = false }, "challenge": func(r *Request) { r.Challenge = "" },
	} {
		other := base
		if change(&other); base.Same(other) || other.Same(base) {
			t.Errorf("another %s is the same request", name)
		}
	}
	for raw, text := range map[string]string{"a%2Bb": "a+b", "a+b": "a b", "%E2%82%AC": "€", "": ""} {
		if r := (Request{State: raw, HasState: true}); !r.SameState(text) || r.SameState(text+"x") {
			t.Errorf("%q is not %q", raw, text)
		}
	}
	if (Request{State: "%zz"}).SameState("%zz") {
		t.Error("a state that cannot be decoded is equal to something")
	}
}
