package latchkey

import (
	"context"
	"fmt"
	"net/url"
	"time"
)

// Introspection is what a server says of a token (RFC 7662 section 2.2). Where Active is false nothing else is said, whatever
// the reason: ended, unknown or another client's.
type Introspection struct {
	Active bool `json:"active"`
	// Scope are the scopes that the token has now, with spaces between; none for the client's own token.
	Scope    string `json:"scope,omitempty"`
	ClientID string `json:"client_id,omitempty"`
	// TokenType is "bearer" for an access token and empty for a refresh token, which no endpoint but the token endpoint takes.
	TokenType string `json:"token_type,omitempty"`
	// Exp and Iat are Unix seconds: when the token ends by itself, and when it was issued. [Introspection.ExpiresAt] is Exp as a time.
	Exp int64 `json:"exp,omitempty"`
	Iat int64 `json:"iat,omitempty"`
	// Sub is the account, "" for the client's own token.
	Sub string `json:"sub,omitempty"`
	// Iss is the server's issuer (RFC 8414).
	Iss string `json:"iss,omitempty"`
}

// ExpiresAt is when the token ends by itself, in whole seconds; the zero time where it is not active.
func (i Introspection) ExpiresAt() time.Time {
	if i.Exp == 0 {
		return time.Time{}
	}
	return time.Unix(i.Exp, 0).UTC()
}

// Introspect asks whether a token of this client works now (RFC 7662 section 2.1): an access token or a refresh token. Of another client's token it
// learns nothing. It changes nothing.
func (c *Client) Introspect(ctx context.Context, token Secret) (Introspection, error) {
	var i Introspection
	err := c.send(ctx, call{method: "POST", path: "/oauth/introspect", form: url.Values{"token": {string(token)}}, basic: true}, &i)
	if err != nil {
		return Introspection{}, fmt.Errorf("introspecting a token: %w", err)
	}
	return i, nil
}

// Revoke ends a token of this client for good (RFC 7009): an access token alone, a refresh token with everything that it
// issued. What the customer allowed stands, so a later return brings new tokens without a question. A token that is not this
// client's, or is over, is no error: nothing is told about it.
func (c *Client) Revoke(ctx context.Context, token Secret) error {
	err := c.send(ctx, call{method: "POST", path: "/oauth/revoke", form: url.Values{"token": {string(token)}}, basic: true}, nil)
	if err != nil {
		return fmt.Errorf("revoking a token: %w", err)
	}
	return nil
}
