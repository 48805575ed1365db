package server

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

// FuzzForwarded: whatever a stranger writes into X-Forwarded-For, it is the peer that counts where no trusted proxy wrote it; and
// behind one, what the proxy itself wrote at the right end.
func FuzzForwarded(f *testing.F) {
	for _, text := range []string{"", "192.0.2.1", "10.0.0.1, 192.0.2.1", "192.0.2.1:443", "[2001:db8::1]:443", "::ffff:192.0.2.1", "unknown", ",,,", "fe80::1%eth0", "1.2.3.4\r\nX: y", strings.Repeat("10.0.0.1,", 200)} {
		f.Add(text, "id.example.org, evil.example")
	}
	proxy, client := "10.0.0.9:1234", netip.MustParseAddr("198.51.100.7")
	f.Fuzz(func(t *testing.T, text, host string) {
		s := &Server{options: Options{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}}
		r := &http.Request{RemoteAddr: client.String() + ":55", Host: "id.example.org", Header: http.Header{"X-Forwarded-For": {text}, "X-Forwarded-Host": {host}}}
		if got := s.from(r); got != client {
			t.Errorf("a stranger with %q comes from %s", text, got)
		}
		if got := s.host(r); got != "id.example.org" {
			t.Errorf("a stranger with %q asks for %s", host, got)
		}
		r.RemoteAddr = proxy
		if got := s.from(r); got.Is4In6() || got.Zone() != "" || !got.IsValid() {
			t.Errorf("behind the proxy %q comes from %s", text, got)
		}
		r.Header = http.Header{"X-Forwarded-For": {text, client.String()}}
		if got := s.from(r); got != client {
			t.Errorf("the proxy wrote %s after %q, and it is %s", client, text, got)
		}
		if network(s.from(r)) == "" {
			t.Error("no network")
		}
	})
}
