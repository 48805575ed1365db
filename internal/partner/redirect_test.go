package partner

import (
	"net/url"
	"strings"
	"testing"
)

// mayRegister and mayNotRegister are also the seeds of the fuzz test.
var mayRegister = []string{
	"https://app.acme.example/wise/cb",
	"https://app.acme.example",
	"https://app.acme.example:8443/cb?tenant=7&lang=de",
	"https://app.acme.example/cb?next=%2Fhome%3Fa%3Db",
	"https://app.acme.example/cb?",
	"http://localhost:8090/callback",
	"http://127.0.0.1:8090/callback",
	"http://127.8.8.8/callback",
	"http://[::1]:9000/cb",
	"com.example.app:/return",
	"com.example.app://return",
	"HTTPS://app.acme.example/cb",
}

var mayNotRegister = map[string]string{
	"":                                                    "not an absolute address",
	"/cb":                                                 "not an absolute address",
	"//app.acme.example/cb":                               "not an absolute address",
	"app.acme.example/cb":                                 "not an absolute address",
	"https:///cb":                                         "no host",
	"https:app.acme.example/cb":                           "no host",
	"http://app.acme.example/cb":                          "must use https",
	"http://localhost.evil.example/cb":                    "must use https",
	"http://127.0.0.1.evil.example/cb":                    "must use https",
	"http://2130706433/cb":                                "must use https",
	"http://0x7f.1/cb":                                    "must use https",
	"http://0.0.0.0/cb":                                   "must use https",
	"https://app.acme.example/cb#top":                     "fragment",
	"https://app.acme.example/cb#":                        "fragment",
	"https://app@evil.example/cb":                         "credentials",
	"https://app.acme.example:x@evil/cb":                  "credentials",
	"https://app.acme.example\\@evil/cb":                  "percent-encode",
	"https://app.acme.example/a b":                        "percent-encode",
	"https://app.acme.example/\t":                         "percent-encode",
	"https://app.acme.example/\r\nX: y":                   "percent-encode",
	"https://app.acme.example/ü":                          "percent-encode",
	"https://bücher.example/cb":                           "percent-encode",
	"https://app.acme.example/\x00":                       "percent-encode",
	"https://app.acme.example/\xff":                       "percent-encode",
	"https://app.acme.example/\"><script>":                "percent-encode",
	"https://app.acme.example/{id}":                       "percent-encode",
	"https://app.acme.example/%zz":                        "not an absolute address",
	"https://app.acme.example/cb?a=%zz":                   "cannot be read",
	"https://app.acme.example/cb?a=1;b=2":                 "cannot be read",
	"https://app.acme.example/cb?code=x":                  `carries "code"`,
	"https://app.acme.example/cb?c%6Fde=x":                `carries "code"`,
	"https://app.acme.example/cb?state":                   `carries "state"`,
	"https://app.acme.example/cb?profileId":               `carries "profileId"`,
	"https://app.acme.example/cb?error=":                  `carries "error"`,
	"https://app.acme.example/cb?iss=":                    `carries "iss"`,
	"https://app.acme.example/cb?a=1&error_description=x": `carries "error_description"`,
	"https://app.acme.example/cb?reason=x":                `carries "reason"`,
	"javascript:alert(1)":                                 "must contain a dot",
	"JavaScript:alert(1)":                                 "must contain a dot",
	"data:text/html,x":                                    "must contain a dot",
	"vbscript:x":                                          "must contain a dot",
	"file:///etc/passwd":                                  "must contain a dot",
	"myapp://return":                                      "must contain a dot",
	"urn:ietf:wg:oauth:2.0:oob":                           "must contain a dot",
	" https://app.acme.example/cb":                        "percent-encode",
	"https://app.acme.example/cb\n":                       "percent-encode",
}

func TestCheckRedirect(t *testing.T) {
	for _, uri := range mayRegister {
		if err := CheckRedirect(uri); err != nil {
			t.Errorf("%q: %v", uri, err)
		}
	}
	for uri, want := range mayNotRegister {
		if err := CheckRedirect(uri); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", uri, err, want)
		}
	}
	at := "https://app.acme.example/"
	if err := CheckRedirect(at + strings.Repeat("a", 2000-len(at))); err != nil {
		t.Errorf("2000 characters: %v", err)
	}
	if CheckRedirect(at+strings.Repeat("a", 2001-len(at))) == nil {
		t.Error("2001 characters are taken")
	}
}

// FuzzCheckRedirect: what is registered can be put into a header and a page as it is, and never runs as a script or goes
// over the open network in clear.
func FuzzCheckRedirect(f *testing.F) {
	for _, uri := range mayRegister {
		f.Add(uri)
	}
	for uri := range mayNotRegister {
		f.Add(uri)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		if CheckRedirect(uri) != nil {
			return
		}
		u, err := url.Parse(uri)
		if err != nil || strings.ContainsAny(uri, "\r\n\x00 \"<>#\\") {
			t.Fatalf("%q: %v", uri, err)
		}
		switch u.Scheme {
		case "https":
			if u.Hostname() == "" {
				t.Fatalf("%q has no host", uri)
			}
		case "http":
			if !Loopback(u.Hostname()) {
				t.Fatalf("%q leaves this machine in clear", uri)
			}
		default:
			if !strings.Contains(u.Scheme, ".") {
				t.Fatalf("%q has a scheme that anybody may have", uri)
			}
		}
		if u.User != nil || u.Fragment != "" {
			t.Fatalf("%q has credentials or a fragment", uri)
		}
		for _, name := range []string{"code", "state", "profileId", "error", "iss"} {
			if u.Query().Has(name) {
				t.Fatalf("%q carries %s", uri, name)
			}
		}
	})
}

func TestLoopback(t *testing.T) {
	for host, want := range map[string]bool{"localhost": true, "127.0.0.1": true, "127.255.0.3": true, "::1": true, "[::1]": true,
		"": false, "LOCALHOST.": false, "128.0.0.1": false, "0.0.0.0": false, "::": false, "::ffff:8.8.8.8": false, "localhost.example": false} {
		if Loopback(host) != want {
			t.Errorf("%q: want %t", host, want)
		}
	}
}

// TestRegisteredIsByteForByte: every likeness of a registered address is another address (I6).
func TestRegisteredIsByteForByte(t *testing.T) {
	p := Partner{RedirectURIs: []string{"https://app.acme.example/cb?a=1&b=%2F", "com.example.app:/return"}}
	for _, uri := range p.RedirectURIs {
		if !p.Registered(uri) {
			t.Errorf("%q is refused", uri)
		}
	}
	for _, uri := range []string{"", "https://app.acme.example/cb", "https://app.acme.example/cb?a=1", "https://app.acme.example/cb?b=%2F&a=1",
		"https://app.acme.example/cb?a=1&b=%2f", "https://app.acme.example/cb?a=1&b=/", "https://app.acme.example/cb/?a=1&b=%2F",
		"https://APP.acme.example/cb?a=1&b=%2F", "https://app.acme.example:443/cb?a=1&b=%2F", "https://app.acme.example/cb?a=1&b=%2F&c=2",
		"https://app.acme.example/cb?a=1&b=%2F#x", " https://app.acme.example/cb?a=1&b=%2F", "http://app.acme.example/cb?a=1&b=%2F",
		"https://app.acme.example/x/../cb?a=1&b=%2F", "https://app.acme.example/cb?a=1&b=%2F\x00", "com.example.app:/return/",
		"COM.example.app:/return", "com.example.app://return"} {
		if p.Registered(uri) {
			t.Errorf("%q is taken for a registered address", uri)
		}
	}
	if (Partner{RedirectURIs: []string{""}}).Registered("") {
		t.Error("the empty address is registered")
	}
}
