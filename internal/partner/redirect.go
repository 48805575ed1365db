package partner

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// reserved are the parameters that the server itself adds when it sends a customer back; an address that already
// carries one could forge an answer (RFC 9700 section 4.5).
var reserved = []string{"code", "state", "profileId", "error", "error_description", "iss", "reason"}

// CheckRedirect says why an address may not be registered for redirects, or nil. Only https, http on loopback
// (RFC 8252 section 7.3) and private-use schemes with a dot (section 7.1) are taken; a fragment is refused
// (RFC 6749 section 3.1.2), as are schemes that a browser runs as script, which would be script injection on our page.
func CheckRedirect(uri string) error {
	if len(uri) > 2000 {
		return fmt.Errorf("redirect address is longer than 2000 characters")
	}
	for _, r := range uri {
		if r <= ' ' || r > '~' || strings.ContainsRune("\"<>\\^`{|}", r) {
			return fmt.Errorf("redirect address %q contains %q; percent-encode it", uri, r)
		}
	}
	u, err := url.Parse(uri)
	if err != nil || u.Scheme == "" {
		return fmt.Errorf("redirect address %q is not an absolute address", uri)
	}
	if strings.Contains(uri, "#") {
		return fmt.Errorf("redirect address %q has a fragment; take it out", uri)
	}
	if u.User != nil {
		return fmt.Errorf("redirect address %q contains credentials; take them out", uri)
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return fmt.Errorf("redirect address %q has a query that cannot be read", uri)
	}
	for _, name := range reserved {
		if query.Has(name) {
			return fmt.Errorf("redirect address %q already carries %q, which the server adds itself", uri, name)
		}
	}
	return checkScheme(uri, u)
}

func checkScheme(uri string, u *url.URL) error {
	switch u.Scheme {
	case "https":
		if u.Hostname() == "" {
			return fmt.Errorf("redirect address %q has no host", uri)
		}
		return nil
	case "http":
		if !Loopback(u.Hostname()) {
			return fmt.Errorf("redirect address %q must use https; http is for loopback only", uri)
		}
		return nil
	}
	// A private-use scheme without a dot can be claimed by any app (RFC 8252 section 7.1), and javascript:, data: and
	// the like have none either.
	if !strings.Contains(u.Scheme, ".") {
		return fmt.Errorf("redirect address %q: a scheme of your own must contain a dot, like com.example.app:/return", uri)
	}
	return nil
}

// Loopback reports whether host names this machine itself: localhost, 127.0.0.0/8 or ::1.
func Loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && addr.IsLoopback()
}
