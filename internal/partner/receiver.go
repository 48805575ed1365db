package partner

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// ErrReceiver: notifications may not be sent to this address. The error around it says why.
var ErrReceiver = errors.New("address cannot receive notifications")

// Receivers says where notifications may go. The zero value allows what is documented: https on port 443 of a public
// name. A partner chooses the address and the server calls it, so without this rule a partner could make the server talk
// to the operator's own network (server-side request forgery: metadata services, databases, admin pages).
type Receivers struct {
	// Networks are special-purpose networks that the operator allows, such as 10.0.0.0/8. Where one of them is loopback,
	// http receivers on this machine are allowed too; the sandbox does that.
	Networks []netip.Prefix
}

// Loopbacks are the networks of this machine itself, for Receivers.
func Loopbacks() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
}

// longestReceiver is how long the address of a receiver may be.
const longestReceiver = 1000

// Check says why an address may not be given as a receiver, or nil (contract 12.1). What its name resolves to is checked
// at each dial, by Admits: a name can be made to point elsewhere after it was registered (DNS rebinding).
func (r Receivers) Check(text string) error {
	if len(text) > longestReceiver {
		return fmt.Errorf("%w: longer than %d characters", ErrReceiver, longestReceiver)
	}
	for _, c := range text {
		if c <= ' ' || c > '~' || strings.ContainsRune("\"<>\\^`{|}", c) {
			return fmt.Errorf("%w: percent-encode what is not plain ASCII, and write the domain as xn--", ErrReceiver)
		}
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return fmt.Errorf("%w: not an address", ErrReceiver)
	case u.User != nil:
		return fmt.Errorf("%w: credentials in it", ErrReceiver)
	case strings.ContainsAny(text, "?#"):
		return fmt.Errorf("%w: a query or a fragment in it", ErrReceiver)
	}
	if r.here(u) {
		return nil
	}
	switch {
	case u.Scheme != "https":
		return fmt.Errorf("%w: not https", ErrReceiver)
	case u.Port() != "" && u.Port() != "443" || strings.HasSuffix(u.Host, ":"):
		return fmt.Errorf("%w: not port 443", ErrReceiver)
	case !isDomain(u.Hostname()):
		return fmt.Errorf("%w: not a domain name", ErrReceiver)
	}
	return nil
}

// here reports whether the address is on this machine and the operator allows that.
func (r Receivers) here(u *url.URL) bool {
	if u.Scheme != "http" && u.Scheme != "https" || !Loopback(u.Hostname()) {
		return false
	}
	for _, network := range r.Networks {
		if network.Addr().IsLoopback() {
			return true
		}
	}
	return false
}

// isDomain reports whether a host is a name of two labels or more whose last is no number, which would be an IP address
// in one of its many spellings.
func isDomain(host string) bool {
	labels := strings.Split(strings.TrimSuffix(strings.ToLower(host), "."), ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" ||
			strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") {
			return false
		}
	}
	last := labels[len(labels)-1]
	return len(labels) > 1 && len(host) <= 253 && last[0] >= 'a'
}

// special are the networks that are not the public internet: private, shared, link-local (with the clouds' metadata
// services), loopback, documentation, benchmarks, multicast, reserved (RFC 6890 and IANA's registries of 2024), and those
// that lead into the former: 6to4, Teredo, NAT64.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.0.0.0/24"), netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("192.31.196.0/24"),
	netip.MustParsePrefix("192.52.193.0/24"), netip.MustParsePrefix("192.88.99.0/24"), netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("192.175.48.0/24"), netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("224.0.0.0/4"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"),
	netip.MustParsePrefix("2620:4f:8000::/48"), netip.MustParsePrefix("3fff::/20"),
}

// public is the one part of IPv6 that is the public internet; within it special has exceptions. Everything outside it is
// refused: loopback, NAT64 (64:ff9b::/96), discard, unique local, link-local, site-local, multicast.
var public = netip.MustParsePrefix("2000::/3")

// Admits reports whether a connection to the address may be made. IPv4 written as IPv6 counts as the IPv4 that it is.
func (r Receivers) Admits(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	if !addr.IsValid() {
		return false
	}
	for _, network := range r.Networks {
		if network.Contains(addr) {
			return true
		}
	}
	if addr.Is6() && !public.Contains(addr) {
		return false
	}
	for _, network := range special {
		if network.Contains(addr) {
			return false
		}
	}
	return true
}
