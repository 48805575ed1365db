package latchkey

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// ClaimRequest asks for a claim code (contract 6).
type ClaimRequest struct {
	// RegistrationCode is the one of the account's creation.
	RegistrationCode Secret `json:"registrationCode"`
	// RedirectURI, State and CodeChallenge are optional: where given, the browser's authorize request must carry the same, so that
	// a code read on its way is of no use in another request (design 10.21).
	RedirectURI   string `json:"redirect_uri,omitempty"`
	State         string `json:"state,omitempty"`
	CodeChallenge string `json:"code_challenge,omitempty"`
}

// ClaimCode answers it (contract 6).
type ClaimCode struct {
	// ClaimAccountCode opens the journey within 300 seconds and only together with the client that minted it; a newer one replaces it.
	ClaimAccountCode Secret `json:"claimAccountCode"`
}

// MintClaimCode mints a claim code for the account (contract 6), five a minute at most ([ErrLimited]). Mint when the customer clicks, put it into [Client.AuthorizeURL], and
// redirect at once; never mail it. [ErrAlreadyClaimed] means that the customer owns the account: authorize without a claim code.
func (a *Account) MintClaimCode(ctx context.Context, registrationCode Secret) (Secret, error) {
	return a.MintClaimCodeFor(ctx, ClaimRequest{RegistrationCode: registrationCode})
}

// MintClaimCodeFor mints a claim code bound to one authorize request (design 10.21).
func (a *Account) MintClaimCodeFor(ctx context.Context, r ClaimRequest) (Secret, error) {
	var code ClaimCode
	err := a.send(ctx, "POST", "/user/claim-account", r, &code)
	if err == nil && code.ClaimAccountCode == "" {
		err = fmt.Errorf("%w: no claim code in it", ErrAnswer)
	}
	return code.ClaimAccountCode, wrap(err, "minting a claim code")
}

// AuthorizeRequest is what the customer's browser brings to the authorize page (contract 7.1).
type AuthorizeRequest struct {
	// RedirectURI is one of the registered ones, byte for byte.
	RedirectURI string
	// State comes back unchanged; see [NewState]. Without it a return cannot be told from a forged one.
	State string
	// ClaimCode is from [Account.MintClaimCode]; without it the customer signs in to an account of their own.
	ClaimCode Secret
	// Challenge binds the code to this program (S256, RFC 7636); see [NewVerifier] and [Challenge].
	Challenge string
	// Scope are the scopes asked for, separated by spaces; empty asks for all registered ones.
	Scope string
}

// AuthorizeURL is the address to send the customer's browser to (contract 7.1). It carries the claim code: redirect to it, do not
// log it. Nothing is checked here: an address that is not registered meets the customer as an error page, not you as an error.
func (c *Client) AuthorizeURL(r AuthorizeRequest) string {
	var q strings.Builder
	add := func(name, value string) {
		if value != "" {
			q.WriteByte('&')
			q.WriteString(name + "=" + url.QueryEscape(value))
		}
	}
	add("redirect_uri", r.RedirectURI)
	add("state", r.State)
	add("claim_account_code", string(r.ClaimCode))
	add("response_type", "code")
	add("scope", r.Scope)
	if r.Challenge != "" {
		add("code_challenge", r.Challenge)
		add("code_challenge_method", "S256")
	}
	return c.webURL() + "/oauth/authorize/?client_id=" + url.QueryEscape(c.ID) + q.String()
}

// Return is a customer who came back with access (contract 7.2).
type Return struct {
	// Code is for [Client.Exchange].
	Code Secret
	// ProfileID is the one profile that the customer chose. Trust it only after the exchange, by reading the profile with the new token.
	ProfileID ProfileID
	// Issuer names the server (RFC 9207); classes strict and fapi2 only. A client of several servers compares it with the expected one,
	// or a dishonest server could have another's code sent to itself.
	Issuer string
}

// ParseReturn reads the address that the customer's browser came back to. wantState is what [AuthorizeRequest] carried, "" for nothing.
// The errors are [ErrState], checked before anything else is believed, a [*ReturnError] when there is no access, and [ErrReturn].
func ParseReturn(address, wantState string) (Return, error) {
	u, err := url.Parse(address)
	if err != nil {
		return Return{}, fmt.Errorf("%w: no address", ErrReturn) // without err: it repeats the address and with it the code
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return Return{}, fmt.Errorf("%w: no query", ErrReturn)
	}
	for _, name := range []string{"state", "code", "profileId", "error", "error_description", "iss"} {
		if len(q[name]) > 1 { // which of two counts is a question that attackers like to answer (RFC 6749 section 3.1)
			return Return{}, fmt.Errorf("%w: %s twice", ErrReturn, name)
		}
	}
	if q.Get("state") != wantState {
		return Return{}, ErrState
	}
	if code := q.Get("error"); code != "" {
		return Return{}, &ReturnError{Code: code, Description: q.Get("error_description")}
	}
	profile, err := strconv.ParseInt(q.Get("profileId"), 10, 64)
	if q.Get("code") == "" || err != nil || profile <= 0 {
		return Return{}, fmt.Errorf("%w: no code or no profile in it", ErrReturn)
	}
	return Return{Code: Secret(q.Get("code")), ProfileID: ProfileID(profile), Issuer: q.Get("iss")}, nil
}
