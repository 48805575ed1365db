package partner

import (
	"fmt"
	"strings"
)

// A Scope names one kind of access (RFC 6749 section 3.3). docs/api.md maps each endpoint to one scope.
type Scope string

// The scopes of this release. Reading is apart from acting.
const (
	// ScopeAccountRead: who the customer is (id, name, e-mail).
	ScopeAccountRead Scope = "account.read"
	// ScopeProfilesRead: the details of the granted profile.
	ScopeProfilesRead Scope = "profiles.read"
	// ScopeProfilesWrite: propose changes to the granted profile and the contact address.
	ScopeProfilesWrite Scope = "profiles.write"
)

// AllScopes lists every scope in the order in which the consent page shows them.
func AllScopes() []Scope { return []Scope{ScopeAccountRead, ScopeProfilesRead, ScopeProfilesWrite} }

// Acts reports whether the scope lets a partner do something, as opposed to read.
func (s Scope) Acts() bool { return s == ScopeProfilesWrite }

// ParseScopes reads a space-separated list (RFC 6749 section 3.3) and refuses names that do not exist.
func ParseScopes(text string) ([]Scope, error) {
	var list []Scope
	for _, word := range strings.Fields(text) {
		s := Scope(word)
		if !contains(AllScopes(), s) {
			return nil, fmt.Errorf("scope %q does not exist", word)
		}
		if !contains(list, s) {
			list = append(list, s)
		}
	}
	return list, nil
}

// FormatScopes writes a list as RFC 6749 section 3.3 wants it.
func FormatScopes(list []Scope) string {
	words := make([]string, len(list))
	for i, s := range list {
		words[i] = string(s)
	}
	return strings.Join(words, " ")
}

func contains(list []Scope, s Scope) bool {
	for _, have := range list {
		if have == s {
			return true
		}
	}
	return false
}
