package api

import (
	"net/http"
	"strconv"

	"github.com/latchkey-id/latchkey"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/partner"
)

// introspect is POST /oauth/introspect (RFC 7662): whether a token of the client's own works now. What is not its own is
// answered like what never was. token_type_hint is not needed, since tokens say what they are, and is ignored as section 2.1
// allows.
func (d *Door) introspect(c *call) (any, error) {
	var in grant.Introspection
	err := c.tokens(func(ts grant.Tokens) (err error) {
		if err = c.needs("token"); err == nil {
			in, err = ts.Introspect(c.r.Context(), c.partner, c.form["token"])
		}
		return err
	})
	if err != nil || !in.Active {
		return latchkey.Introspection{}, err
	}
	answer := latchkey.Introspection{Active: true, Scope: partner.FormatScopes(in.Scopes), ClientID: c.partner.ClientID, TokenType: "bearer",
		Exp: in.ExpiresAt.Unix(), Iat: in.IssuedAt.Unix(), Iss: d.PagesURL}
	if in.Refresh {
		answer.TokenType = ""
	}
	if in.Account != 0 {
		answer.Sub = strconv.FormatInt(int64(in.Account), 10)
	}
	return answer, nil
}

// revoke is POST /oauth/revoke (RFC 7009). It succeeds whatever the token is (section 2.2), so that it tells nothing.
func (d *Door) revoke(c *call) (any, error) {
	err := c.tokens(func(ts grant.Tokens) error {
		if err := c.needs("token"); err != nil {
			return err
		}
		return ts.Revoke(c.r.Context(), c.partner, c.form["token"], c.origin())
	})
	if err != nil {
		return nil, err
	}
	return answered{status: http.StatusOK}, nil
}
