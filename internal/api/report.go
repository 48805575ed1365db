package api

import "github.com/latchkey-id/latchkey/internal/customer"

// reportWrongPerson puts an account on hold that the wrong person took over, within seven days of it (design 10.10). It answers
// 204 and tells nothing of the account, which stays the owner's. It is asked with the client's own token: a customer who is the
// wrong person may not have let the partner in.
func (d *Door) reportWrongPerson(c *call) (any, error) {
	id, err := c.number("user")
	if err != nil {
		return nil, err
	}
	return nil, d.Claims.Report(c.r.Context(), c.partner, customer.AccountID(id), c.origin())
}
