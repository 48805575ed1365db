package api

import (
	"github.com/latchkey-id/latchkey"
	"github.com/latchkey-id/latchkey/internal/claim"
)

// claimAccount mints a claim code (contract 6). Who may is decided in the noun: the partner that opened the account, with a
// token of its registration code and the code itself, while the account is nobody's. No answer is ever stored here, whatever
// idempotency key came: each mint is a new code, which ends the one before (design 4.14).
func (d *Door) claimAccount(c *call) (any, error) {
	var in latchkey.ClaimRequest
	if err := c.body.into(&in); err != nil {
		return nil, err
	}
	if fields := append(c.body.notNull("registrationCode"), size(c.body, in.RegistrationCode)...); len(fields) > 0 {
		return nil, fieldsError{400, fields}
	}
	code, err := d.Claims.Mint(c.r.Context(), c.caller(), string(in.RegistrationCode),
		claim.Binding{RedirectURI: in.RedirectURI, State: in.State, Challenge: in.CodeChallenge})
	return latchkey.ClaimCode{ClaimAccountCode: latchkey.Secret(code)}, err
}
