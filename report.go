package latchkey

import "context"

// ReportWrongPerson says that the wrong person took over an account that the client opened, within seven days of the claim. It is
// not of the documented contract (design 10.10). The account is put on hold until the operator has looked into it: nobody can sign in, and no
// access works, your own neither; it does not come back to you. An account that the client did not open is [ErrForbidden]; one
// that has no owner, has had one for longer, or was reported before is an [*Error] with the code NOT_REPORTABLE.
func (c *Client) ReportWrongPerson(ctx context.Context, id UserID) error {
	return wrap(c.send(ctx, call{method: "POST", path: "/users/" + decimal(id) + "/wrong-person", bearer: c}, nil), "reporting a wrong person")
}
