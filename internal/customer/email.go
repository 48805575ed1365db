package customer

import (
	"errors"
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// ErrNotAnAddress: the text is not an e-mail address that a mail can be sent to.
var ErrNotAnAddress = errors.New("not an e-mail address")

// CheckEmail trims and checks an address: one local part, one domain with a dot that is a name and not a number, at most
// 254 octets (RFC 5321 section 4.5.3.1), no display name, no control characters (which would forge mail headers), and no
// characters without a shape of their own (which make one address look like another), or that FoldEmail makes plain letters of: mail would
// go to the one mailbox, and the account be under the address of another.
func CheckEmail(text string) (string, error) {
	text = strings.TrimSpace(text)
	if len(text) == 0 || len(text) > 254 || strings.ContainsAny(text, " \t\r\n<>()[]\\,;:\"") {
		return "", ErrNotAnAddress
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r == '\ufffd' || !unicode.IsPrint(r) }) {
		return "", ErrNotAnAddress
	}
	local, domain, found := strings.Cut(text, "@")
	if !found || local == "" || len(local) > 64 || strings.Contains(domain, "@") {
		return "", ErrNotAnAddress
	}
	if strings.ContainsFunc(local, foldsToASCII) {
		return "", ErrNotAnAddress
	}
	ascii, err := idna.Lookup.ToASCII(domain)
	if err != nil || len(local)+1+len(ascii) > 254 || !isDomain(ascii) {
		return "", ErrNotAnAddress
	}
	if _, err := mail.ParseAddress(local + "@" + ascii); err != nil {
		return "", ErrNotAnAddress
	}
	return text, nil
}

// foldsToASCII reports whether a character is none of ASCII, and becomes one that is when addresses are compared: the sign for kelvin,
// the capital i with a dot, the question mark of Greek.
func foldsToASCII(r rune) bool {
	folded := norm.NFC.String(strings.ToLower(norm.NFC.String(string(r))))
	return r >= utf8.RuneSelf && strings.ContainsFunc(folded, func(r rune) bool { return r < utf8.RuneSelf })
}

// isDomain reports whether an ASCII domain has two labels or more, each of 1 to 63 characters (RFC 1035 section 2.3.4), and
// a last one that is no number, which would be an IP address.
func isDomain(ascii string) bool {
	labels := strings.Split(ascii, ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 {
			return false
		}
	}
	return len(labels) > 1 && strings.Trim(labels[len(labels)-1], "0123456789") != ""
}

// FoldEmail is the form in which addresses are compared: NFC, lower case, IDNA domain (design 10.1, OC-44). Two
// addresses that fold alike are one address. Provider habits (dots, plus tags) are left alone: guessing at them would
// let one person stand for another.
func FoldEmail(text string) string {
	text = norm.NFC.String(strings.ToLower(norm.NFC.String(strings.TrimSpace(text))))
	local, domain, found := strings.Cut(text, "@")
	if !found {
		return text
	}
	if ascii, err := idna.Lookup.ToASCII(domain); err == nil {
		domain = ascii
	}
	return local + "@" + domain
}

// SameEmail reports whether two addresses are one.
func SameEmail(a, b string) bool { return FoldEmail(a) == FoldEmail(b) }

// MaskEmail shows the first two letters of the local part and the domain, as the documented error does (contract 5.1).
func MaskEmail(text string) string {
	local, domain, found := strings.Cut(text, "@")
	kept := []rune(local)
	if len(kept) > 2 {
		kept = kept[:2]
	}
	masked := string(kept) + strings.Repeat("*", 20)
	if found {
		masked += "@" + domain
	}
	return masked
}
