package grant

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/latchkey-id/latchkey/internal/customer"
)

// A Return is what goes back to the partner with the browser: a code, or an error.
type Return struct {
	// Code and Profile of a success (contract 7.2).
	Code    string
	Profile customer.ProfileID
	// Error and Description of a refusal (contract 7.3).
	Error, Description string
	// Issuer is iss where the class names it (RFC 9207), else "".
	Issuer string
}

// Address is where the browser goes: the registered address of the request, its own query kept, then code, state and
// profileId in the documented order, or error, error_description and state (contract 7.2, 7.3). It cannot lead anywhere
// else: the base is the request's RedirectURI, which was matched byte for byte (I6).
func (r Request) Address(back Return) string {
	var b strings.Builder
	b.WriteString(withPath(r.RedirectURI))
	separator := byte('?')
	if strings.Contains(r.RedirectURI, "?") {
		separator = '&'
	}
	add := func(name, encoded string) {
		b.WriteByte(separator)
		b.WriteString(name + "=" + encoded)
		separator = '&'
	}
	if back.Error != "" {
		add("error", url.QueryEscape(back.Error))
		if back.Description != "" {
			add("error_description", url.QueryEscape(back.Description))
		}
	} else {
		add("code", url.QueryEscape(back.Code))
	}
	if r.HasState {
		add("state", r.State)
	}
	if back.Error == "" && back.Profile != 0 {
		add("profileId", strconv.FormatInt(int64(back.Profile), 10))
	}
	if back.Issuer != "" {
		add("iss", url.QueryEscape(back.Issuer))
	}
	return b.String()
}

// ReviewAddress is where the browser goes from the page of a KYC review (contract 11.5): a registered address with how it
// ended.
func ReviewAddress(redirectURI, status string) string {
	separator := "?"
	if strings.Contains(redirectURI, "?") {
		separator = "&"
	}
	return withPath(redirectURI) + separator + "status=" + url.QueryEscape(status)
}

// withPath adds the slash that the documented redirect has before the query when the registered address has an empty path
// (contract 7.2).
func withPath(uri string) string {
	scheme, rest, found := strings.Cut(uri, "://")
	if !found || scheme != "https" && scheme != "http" {
		return uri
	}
	host, query, hasQuery := strings.Cut(rest, "?")
	if strings.Contains(host, "/") {
		return uri
	}
	if hasQuery {
		return scheme + "://" + host + "/?" + query
	}
	return uri + "/"
}

// Host is what C10 shows under "You go to": the host of the address, or the scheme of an app's own.
func (r Request) Host() string {
	u, err := url.Parse(r.RedirectURI)
	if err != nil {
		return ""
	}
	if u.Host == "" {
		return u.Scheme + ":"
	}
	return u.Host
}

// A RestartReason says why a customer comes back for a new link; the list is closed (design 10.19).
type RestartReason string

// The reasons.
const (
	ReasonExpired     RestartReason = "expired"
	ReasonUsed        RestartReason = "used"
	ReasonSessionOver RestartReason = "session_over"
	ReasonUnknown     RestartReason = "unknown"
	ReasonUnreachable RestartReason = "email_unreachable"
	ReasonNotMe       RestartReason = "not_me"
	ReasonNoCookie    RestartReason = "no_cookie"
	ReasonSignedIn    RestartReason = "signed_in_as_other"
	ReasonLeft        RestartReason = "left"
	ReasonHeld        RestartReason = "held"
)

// RestartAddress is where "Go back to {Partner}" leads (journey section 6): the registered restart address with reason and
// state, or, without one, the request's address with error=access_denied.
func (r Request) RestartAddress(restartURI string, reason RestartReason, issuer string) string {
	if restartURI == "" {
		return r.Address(Return{Error: "access_denied", Description: string(reason), Issuer: issuer})
	}
	base := withPath(restartURI)
	separator := "?"
	if strings.Contains(restartURI, "?") {
		separator = "&"
	}
	base += separator + "reason=" + url.QueryEscape(string(reason))
	if r.HasState {
		base += "&state=" + r.State
	}
	return base
}
