// Package grant says what the customer allowed: the authorize request that asks for it, the consent, the authorization
// code and the tokens that follow. It knows neither HTTP nor SQL.
package grant

import (
	"encoding/base64"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-id/latchkey/internal/partner"
)

// Errors of an authorize request that no redirect may answer (journey section 3, lines 1 and 2; RFC 9700 section 4.11).
var (
	// ErrUnknownClient: client_id is missing, repeated, unknown or switched off.
	ErrUnknownClient = errors.New("authorize request names no known client")
	// ErrRedirect: redirect_uri is missing, repeated or not registered byte for byte.
	ErrRedirect = errors.New("redirect address is not registered")
)

// A RequestError is a mistake in an authorize request whose client and address are right: the answer may go back there
// (RFC 6749 section 4.1.2.1).
type RequestError struct {
	// Code is an OAuth error code; Description a sentence for the partner's developer.
	Code, Description string
}

// Error is the description.
func (e *RequestError) Error() string { return e.Description }

// A Query is the raw query of an authorize request, split but not decoded, so that state can be given back as it came
// (contract 7.2, checklist 10).
type Query struct{ pairs []pair }

type pair struct{ name, raw string }

// MaxQuery bounds an authorize request's query in bytes.
const MaxQuery = 8 << 10

// maxState bounds state as sent: it travels in the browser's cookie, which holds 4 KB.
const maxState = 1500

// ParseQuery splits a raw query. Names are decoded, values are kept as sent. It never fails: what cannot be read is an
// empty value, and the checks refuse it.
func ParseQuery(raw string) Query {
	var q Query
	if len(raw) > MaxQuery {
		return q
	}
	for part := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(part, "=")
		if decoded, err := url.QueryUnescape(name); err == nil && decoded != "" {
			q.pairs = append(q.pairs, pair{decoded, value})
		}
	}
	return q
}

// raw returns the value as sent and how often the parameter came.
func (q Query) raw(name string) (string, int) {
	value, times := "", 0
	for _, p := range q.pairs {
		if p.name == name {
			if times == 0 {
				value = p.raw
			}
			times++
		}
	}
	return value, times
}

// Value returns a parameter decoded, "" when it is missing, repeated or cannot be decoded.
func (q Query) Value(name string) string {
	raw, times := q.raw(name)
	if times != 1 {
		return ""
	}
	value, err := url.QueryUnescape(raw)
	if err != nil {
		return ""
	}
	return value
}

// ClientID is the client_id, "" unless it came exactly once.
func (q Query) ClientID() string { return q.Value("client_id") }

// ClaimCode is the claim_account_code; given reports whether the parameter came at all.
func (q Query) ClaimCode() (code string, given bool) {
	_, times := q.raw("claim_account_code")
	return q.Value("claim_account_code"), times > 0
}

// A Request is a checked authorize request. It never changes once a journey carries it (design 10.21).
type Request struct {
	Partner     partner.ID `json:"partner"`
	RedirectURI string     `json:"redirect_uri"`
	// State is kept percent-encoded as sent, so that it goes back byte for byte; HasState tells an empty one from none.
	State    string `json:"state,omitempty"`
	HasState bool   `json:"has_state,omitempty"`
	// Challenge is the S256 code challenge, "" for none (RFC 7636).
	Challenge string `json:"challenge,omitempty"`
	// Scopes are what was asked for; all the partner's when none was. ScopeGiven tells which.
	Scopes     []partner.Scope `json:"scopes,omitempty"`
	ScopeGiven bool            `json:"scope_given,omitempty"`
	// Prompt is "none", or any of "login", "consent" and "select_account" with spaces between (OpenID Connect Core 3.1.2.1).
	Prompt string `json:"prompt,omitempty"`
	// MaxAge is how many seconds old a sign-in may be when the request comes; HasMaxAge tells 0 from any age.
	MaxAge    int64 `json:"max_age,omitempty"`
	HasMaxAge bool  `json:"has_max_age,omitempty"`
	// SignInFrom is the moment, in Unix milliseconds, before which no sign-in counts; 0 is none.
	SignInFrom int64 `json:"sign_in_from,omitempty"`
}

// Prompts reports whether the request has the word in its prompt.
func (r Request) Prompts(word string) bool { return slices.Contains(strings.Fields(r.Prompt), word) }

// Came is the request as it came at now: from then on it is settled which sign-ins count, so that pages that take their time
// do not make a fresh one old.
func (r Request) Came(now time.Time) Request {
	switch {
	case r.SignInFrom != 0: // it goes on from an earlier one
	case r.Prompts("login"):
		r.SignInFrom = now.UnixMilli()
	case r.HasMaxAge:
		r.SignInFrom = now.UnixMilli() - r.MaxAge*1000
	}
	return r
}

// Takes reports whether a sign-in of that moment counts for the request.
func (r Request) Takes(signIn time.Time) bool {
	return r.SignInFrom == 0 || signIn.UnixMilli() >= r.SignInFrom
}

// MatchRedirect finds the registered address that the request names. The value is taken as sent and decoded, because
// documented clients do not encode it (contract 1.3); either must equal a registered one byte for byte, so the second
// reading opens nothing. An unencoded address that contains & has lost its tail and matches nothing (design 10.18).
func (q Query) MatchRedirect(p partner.Partner) (string, error) {
	raw, times := q.raw("redirect_uri")
	if times != 1 {
		return "", ErrRedirect
	}
	if p.Registered(raw) {
		return raw, nil
	}
	if decoded, err := url.QueryUnescape(raw); err == nil && p.Registered(decoded) {
		return decoded, nil
	}
	return "", ErrRedirect
}

// Check reads the rest of the request for a partner and a matched address. The Request is filled as far as it can be even
// when the error is a *RequestError, since the answer needs its state.
func (q Query) Check(p partner.Partner, redirectURI string) (Request, error) {
	r := Request{Partner: p.ID, RedirectURI: redirectURI}
	state, times := q.raw("state")
	r.HasState = times > 0
	if len(state) > maxState {
		r.State = cleanRaw(state)
		return r, &RequestError{"invalid_request", "state is longer than 1500 characters"}
	}
	r.State = cleanRaw(state)
	for _, name := range []string{"state", "response_type", "scope", "code_challenge", "code_challenge_method", "prompt", "max_age", "response_mode", "claim_account_code"} {
		if _, times := q.raw(name); times > 1 {
			return r, &RequestError{"invalid_request", name + " was given more than once"}
		}
	}
	for _, check := range []func(*Request, partner.Partner) error{q.prompt, q.responseType, q.challenge, q.scopes, q.maxAge} {
		if err := check(&r, p); err != nil {
			return r, err
		}
	}
	return r, nil
}

// cleanRaw percent-encodes the bytes that have no place in an address, so that a raw quote, space or letter outside ASCII
// can break neither header nor page; everything else stays as sent.
func cleanRaw(raw string) string {
	var b strings.Builder
	for i := range len(raw) {
		c := raw[i]
		if c <= ' ' || c > '~' || strings.IndexByte("\"<>\\^`{|}#", c) >= 0 {
			const hex = "0123456789ABCDEF"
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}

func (q Query) responseType(_ *Request, p partner.Partner) error {
	raw, times := q.raw("response_type")
	mode, modes := q.raw("response_mode")
	switch {
	case modes > 0 && mode != "query":
		return &RequestError{"invalid_request", "only response_mode=query is served"}
	case times == 0 && !p.Class.RequiresResponseType, raw == "code":
		return nil
	case times == 0:
		return &RequestError{"invalid_request", "response_type is missing; use response_type=code"}
	}
	return &RequestError{"unsupported_response_type", "only response_type=code is served"}
}

// challenge takes S256 alone: with plain, whoever sees the request can redeem the code (RFC 9700 section 2.1.1).
func (q Query) challenge(r *Request, p partner.Partner) error {
	challenge, method := q.Value("code_challenge"), q.Value("code_challenge_method")
	_, given := q.raw("code_challenge")
	_, methodGiven := q.raw("code_challenge_method")
	if given == 0 && methodGiven == 0 {
		if p.Class.RequiresPKCE {
			return &RequestError{"invalid_request", "code_challenge is missing; this client must use PKCE with S256"}
		}
		return nil
	}
	if method != "S256" {
		return &RequestError{"invalid_request", "code_challenge_method must be S256"}
	}
	if !validChallenge(challenge) {
		return &RequestError{"invalid_request", "code_challenge must be 43 characters of base64url"}
	}
	r.Challenge = challenge
	return nil
}

func validChallenge(challenge string) bool {
	sum, err := base64.RawURLEncoding.Strict().DecodeString(challenge)
	return err == nil && len(sum) == 32
}

// scopes caps what may be asked for at what the operator registered (ASVS 10.4.11). Words that the classic contract never
// defined, such as "transfers", are ignored there (contract 7.1); strict clients get invalid_scope.
func (q Query) scopes(r *Request, p partner.Partner) error {
	raw, given := q.raw("scope")
	if _, err := url.QueryUnescape(raw); err != nil && p.Class.FixedScopeText == "" {
		return &RequestError{"invalid_scope", "scope cannot be read"}
	}
	var asked []partner.Scope
	for word := range strings.FieldsSeq(q.Value("scope")) {
		scope := partner.Scope(word)
		switch {
		case !slices.Contains(p.Scopes(), scope) && p.Class.FixedScopeText == "":
			return &RequestError{"invalid_scope", "a scope in the request is not registered for this client"}
		case slices.Contains(p.Scopes(), scope) && !slices.Contains(asked, scope):
			asked = append(asked, scope)
		}
	}
	r.ScopeGiven = given > 0 && len(asked) > 0
	if !r.ScopeGiven {
		asked = p.Scopes()
	}
	for _, scope := range p.RequiredScopes {
		if !slices.Contains(asked, scope) {
			asked = append(asked, scope)
		}
	}
	r.Scopes = asked
	return nil
}

// prompt takes the words of OpenID Connect Core 3.1.2.1. Choosing an account is what the page of a signed-in browser always
// offers (R5), so that select_account asks for nothing more.
func (q Query) prompt(r *Request, _ partner.Partner) error {
	words := strings.Fields(q.Value("prompt"))
	for _, word := range words {
		switch {
		case word == "none" && len(words) > 1:
			return &RequestError{"invalid_request", "prompt=none stands alone"}
		case !slices.Contains([]string{"none", "login", "consent", "select_account"}, word):
			return &RequestError{"invalid_request", "prompt must be none, or of login, consent and select_account"}
		}
	}
	r.Prompt = strings.Join(words, " ")
	return nil
}

// longestMaxAge bounds max_age in digits: three hundred years say nothing more than two hundred.
const longestMaxAge = 10

// maxAge reads how old a sign-in may be, in seconds (OpenID Connect Core 3.1.2.1). What cannot be read is refused: taken for
// none, it would let an old sign-in pass for the fresh one that the partner relies on.
func (q Query) maxAge(r *Request, _ partner.Partner) error {
	if _, given := q.raw("max_age"); given == 0 {
		return nil
	}
	text := q.Value("max_age")
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil || len(text) > longestMaxAge || strings.Trim(text, "0123456789") != "" {
		return &RequestError{"invalid_request", "max_age must be a whole number of seconds"}
	}
	r.MaxAge, r.HasMaxAge = seconds, true
	return nil
}

// Same reports whether two requests ask for the same: client, address, state and challenge (design 10.21).
func (r Request) Same(other Request) bool {
	return r.Partner == other.Partner && r.RedirectURI == other.RedirectURI && r.HasState == other.HasState &&
		r.State == other.State && r.Challenge == other.Challenge
}

// SameState reports whether the state that was sent, decoded, is this text.
func (r Request) SameState(text string) bool {
	decoded, err := url.QueryUnescape(r.State)
	return err == nil && decoded == text
}
