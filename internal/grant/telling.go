package grant

import (
	"time"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/partner"
)

// A Telling is a delivery to a partner with everything that decides whether it may go out now.
type Telling struct {
	partner.Notice
	Partner partner.Partner
	// Account is the one that the event is about; its ID is 0 for a test notification.
	Account customer.Account
	// Grants are the account's active ones for the partner.
	Grants []Grant
}

// Allowed reports whether the partner may hear of the event at now (design 10.12). About an account that nobody has
// claimed it may: it opened it. From the commit on it hears what a customer decided about it, and everything else only
// while a grant stands that covers the profile: an event that waited in the queue must not tell what an application token
// may no longer read.
func (t Telling) Allowed(now time.Time) bool {
	if t.Account.ID == 0 || t.Account.State == customer.Pending || t.Account.State == customer.Expired || t.decision() {
		return true
	}
	if t.Account.Hold != "" {
		return false
	}
	for _, g := range t.Grants {
		if g.Stands(now) && g.Partner == t.Delivery.Partner && g.Account == t.Account.ID &&
			(t.Event.Profile == 0 || g.Profile == customer.ProfileID(t.Event.Profile)) {
			return true
		}
	}
	return false
}

// decision reports whether an event is itself what the customer decided: to take the account over, to give or refuse or
// end access, or that it is not theirs.
func (t Telling) decision() bool {
	e := t.Event
	switch e.Type {
	case partner.EventGrants:
		return true
	case partner.EventUserState, partner.EventProfileState:
		return t.Account.State == customer.Closed // queued for those who had access when it was closed
	case partner.EventClaims:
		return e.State == "claimed" || e.State == "declined" || e.State == "objected"
	}
	return false
}
