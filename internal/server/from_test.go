package server

import (
	"net/http/httptest"
	"net/netip"
	"testing"
)

func TestFrom(t *testing.T) {
	s := &Server{options: Options{TrustedProxies: []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8"), netip.MustParsePrefix("192.0.2.7/32"),
	}}}
	for name, c := range map[string]struct {
		peer    string
		headers []string
		want    string
	}{
		"direct":                                {"203.0.113.9:4000", nil, "203.0.113.9"},
		"direct over IPv6":                      {"[2001:db8::9]:4000", nil, "2001:db8::9"},
		"stranger names another":                {"203.0.113.9:4000", []string{"198.51.100.1"}, "203.0.113.9"},
		"proxy names the client":                {"10.1.2.3:4000", []string{"198.51.100.1"}, "198.51.100.1"},
		"proxy says nothing":                    {"10.1.2.3:4000", nil, "10.1.2.3"},
		"client invents hops to the left":       {"10.1.2.3:4000", []string{"1.1.1.1, 2.2.2.2, 198.51.100.1"}, "198.51.100.1"},
		"client invents a trusted hop":          {"10.1.2.3:4000", []string{"1.1.1.1, 10.9.9.9, 198.51.100.1"}, "198.51.100.1"},
		"two trusted proxies":                   {"10.1.2.3:4000", []string{"198.51.100.1, 192.0.2.7"}, "198.51.100.1"},
		"two headers count as one":              {"10.1.2.3:4000", []string{"1.1.1.1", "198.51.100.1"}, "198.51.100.1"},
		"only proxies":                          {"10.1.2.3:4000", []string{"10.4.4.4"}, "10.4.4.4"},
		"port and brackets":                     {"[fd00::1]:4000", []string{"[2001:db8::5]:1234"}, "2001:db8::5"},
		"IPv4 inside IPv6":                      {"[::ffff:10.1.2.3]:4000", []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
		"zone is dropped":                       {"10.1.2.3:4000", []string{"fe80::1%eth0"}, "fe80::1"},
		"nonsense in the header":                {"10.1.2.3:4000", []string{"198.51.100.1, unknown"}, "10.1.2.3"},
		"nonsense to the left of the client":    {"10.1.2.3:4000", []string{"unknown, 198.51.100.1"}, "198.51.100.1"},
		"a listener that has no address (unix)": {"@", []string{"198.51.100.1"}, "invalid IP"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = c.peer
		r.Header["X-Forwarded-For"] = c.headers
		if have := s.from(r).String(); have != c.want {
			t.Errorf("%s: %s, want %s", name, have, c.want)
		}
	}
}

func TestHost(t *testing.T) {
	s := &Server{options: Options{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}}
	for name, c := range map[string]struct{ peer, forwarded, want string }{
		"direct":                   {"203.0.113.9:4000", "", "id.example.org"},
		"stranger forwards":        {"203.0.113.9:4000", "api.example.org", "id.example.org"},
		"proxy forwards":           {"10.1.2.3:4000", "API.example.org", "api.example.org"},
		"two proxies, the outer's": {"10.1.2.3:4000", "api.example.org, inner.example.org", "api.example.org"},
	} {
		r := httptest.NewRequest("GET", "https://ID.example.org/", nil)
		r.RemoteAddr = c.peer
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-Host", c.forwarded)
		}
		if have := s.host(r); have != c.want {
			t.Errorf("%s: %s, want %s", name, have, c.want)
		}
	}
}
