package server

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// from is the address that a request came from. X-Forwarded-For is believed only as far as trusted proxies wrote it: it is
// read from its right end, and the first address that is no trusted proxy is the client's. Whatever stands to the left of
// that the client may have written itself, to get round limits by inventing addresses (requirement 100, BCP 4.13).
func (s *Server) from(r *http.Request) netip.Addr {
	peer := peerOf(r)
	said := r.Header.Values("X-Forwarded-For")
	if len(said) == 0 || !s.trusted(peer) {
		return peer
	}
	hops := strings.Split(strings.Join(said, ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		addr, ok := hop(hops[i])
		if !ok {
			return peer
		}
		peer = addr
		if !s.trusted(addr) {
			return addr
		}
	}
	return peer
}

// hop reads one entry of X-Forwarded-For; some proxies add a port or brackets.
func hop(text string) (netip.Addr, bool) {
	text = strings.TrimSpace(text)
	if addr, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		return addr.Unmap().WithZone(""), true
	}
	if withPort, err := netip.ParseAddrPort(text); err == nil {
		return withPort.Addr().Unmap().WithZone(""), true
	}
	return netip.Addr{}, false
}

func peerOf(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr, _ := netip.ParseAddr(host)
	return addr.Unmap().WithZone("")
}

func (s *Server) trusted(addr netip.Addr) bool {
	for _, network := range s.options.TrustedProxies {
		if network.Contains(addr) {
			return true
		}
	}
	return false
}

// host is the host that the client asked for. A trusted proxy may have put it into X-Forwarded-Host; from anybody else
// that header would let a stranger choose which door answers.
func (s *Server) host(r *http.Request) string {
	if forwarded := r.Header.Get("X-Forwarded-Host"); forwarded != "" && s.trusted(peerOf(r)) {
		first, _, _ := strings.Cut(forwarded, ",")
		return strings.ToLower(strings.TrimSpace(first))
	}
	return strings.ToLower(r.Host)
}
