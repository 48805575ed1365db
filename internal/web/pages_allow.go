package web

import (
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"
)

// AllowPage is C10. Fields: decision ("allow" or "deny", the two buttons),
// profile, and scope (once for each ticked optional scope).
type AllowPage struct {
	Frame
	Email string
	// Scopes are what the partner asks for; on a later visit only the new ones.
	Scopes []AllowScope
	// Later is true when the person already lets the partner use the account.
	Later bool
	// Until is when the access ends by itself; zero means "until you stop it".
	Until time.Time
	// Host is the host of the redirect address, where the person goes next.
	Host string
	// Profiles are asked about only when there is more than one, and nothing is
	// preselected then; one is named.
	Profiles []AllowProfile
	// Profile is the id that was chosen, when the form is shown again.
	Profile string
	// Purpose is the partner's own sentence, marked as the partner's.
	Purpose string
}

func (*AllowPage) face() face { return face{id: "c10", file: "allow", heading: Say("c10.title")} }

// AllowScope is one thing a partner may be able to do.
type AllowScope struct {
	// Name is the scope as registered, such as "profiles.read".
	Name string
	// Title and Details are its plain words from the operator. Without a title
	// the words of the catalogue are shown (scope.{name}), which must have them.
	Title, Details string
	// Acts is true for a scope that does something rather than reads.
	Acts bool
	// Optional scopes are checkboxes, unticked unless Ticked; needed ones are text.
	Optional, Ticked bool
}

// AllowProfile is one profile that the person may share.
type AllowProfile struct {
	ID, Name string
	// Business tells a business from a person; Number is its registration number
	// or empty.
	Business bool
	Number   string
	// Used is true for a profile that the partner can use already, and keeps
	// when another one is chosen.
	Used bool
}

// Used is true when the partner can use one of the profiles already.
func (p *AllowPage) Used() bool {
	return slices.ContainsFunc(p.Profiles, func(one AllowProfile) bool { return one.Used })
}

// Asked are the names of all scopes that the page asks about, with spaces between: an answer about others is none.
func (p *AllowPage) Asked() string {
	var names []string
	for _, s := range p.Scopes {
		names = append(names, s.Name)
	}
	return strings.Join(names, " ")
}

// KindID is the message that says what the profile is.
func (p AllowProfile) KindID() string {
	switch {
	case p.Business && p.Number != "":
		return "c10.profile.business.number"
	case p.Business:
		return "c10.profile.business"
	}
	return "c10.profile.personal"
}

// Reading are the scopes that only read.
func (p *AllowPage) Reading() []AllowScope { return parted(p.Scopes, false) }

// Acting are the scopes that do something for the person.
func (p *AllowPage) Acting() []AllowScope { return parted(p.Scopes, true) }

// parted are those of some scopes that act, or those that do not.
func parted(scopes []AllowScope, acts bool) []AllowScope {
	var some []AllowScope
	for _, s := range scopes {
		if s.Acts == acts {
			some = append(some, s)
		}
	}
	return some
}

// ReturnPage is C11, the only page that leaves for the partner. A form ends
// here with 303 and the page leaves, because browsers apply form-action to the
// whole redirect chain that follows a form post (design.md 4.5).
type ReturnPage struct {
	Frame
	// Address is the registered redirect address with its parameters. The page
	// leads there at once when it is http or https; app schemes wait for the link.
	Address string
	// Connected is true once the code was redeemed: Address is then the partner's
	// home page or empty, carries no code, and nothing happens by itself.
	Connected bool
}

func (p *ReturnPage) face() face {
	if p.Connected {
		return face{id: "c11", file: "return", heading: Say("c11.connected")}
	}
	return face{id: "c11", file: "return", heading: Say("c11.title")}
}

// Href is the attribute of the link; the bytes of the address are unchanged.
func (p *ReturnPage) Href() (template.HTMLAttr, error) { return hrefAttr(p.Address) }

// Refresh is the content attribute of the meta refresh, or empty.
func (p *ReturnPage) Refresh() template.HTMLAttr {
	if p.Connected || !(strings.HasPrefix(p.Address, "https://") || strings.HasPrefix(p.Address, "http://")) {
		return ""
	}
	return template.HTMLAttr(`content="0;url=` + template.HTMLEscapeString(p.Address) + `"`)
}

// header adds the address for tools that do not read HTML (design.md 10.18).
func (p *ReturnPage) header(h http.Header) {
	if !p.Connected && p.Address != "" {
		h.Set("Link", "<"+p.Address+`>; rel="next"`)
	}
}

// hrefAttr writes a link to an address that was compared with a registered one.
// It still refuses schemes that run or hold content instead of leading to a
// place, should one ever be registered by mistake.
func hrefAttr(address string) (template.HTMLAttr, error) {
	scheme, _, found := strings.Cut(address, ":")
	switch strings.ToLower(strings.TrimSpace(scheme)) {
	case "javascript", "data", "vbscript", "blob", "file", "about", "view-source":
		if found {
			return "", fmt.Errorf("link with the scheme %q", scheme)
		}
	}
	if strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '<' || r == '>' }) {
		return "", fmt.Errorf("link with a character that no address has")
	}
	return template.HTMLAttr(`href="` + template.HTMLEscapeString(address) + `"`), nil
}
