package customer

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// A Deactivation is why a partner cannot use an account any more, in the words of contract 12.4.
type Deactivation struct {
	// Type is ACCOUNT_SUSPENSION, which an operator can end, or ACCOUNT_CLOSURE.
	Type string
	// Reason is a word of ours.
	Reason string
	// ByCustomer: the customer wanted it.
	ByCustomer bool
}

// The deactivations.
var (
	// DeactivatedByOperator: the operator put the account on hold.
	DeactivatedByOperator = Deactivation{Type: "ACCOUNT_SUSPENSION", Reason: "ON_HOLD"}
	// DeactivatedByObjection: the owner of the mailbox said that the account is not theirs (design 10.8).
	DeactivatedByObjection = Deactivation{Type: "ACCOUNT_SUSPENSION", Reason: "NOT_THE_CUSTOMER", ByCustomer: true}
	// DeactivatedByTime: nobody claimed the account in time, and it was erased.
	DeactivatedByTime = Deactivation{Type: "ACCOUNT_CLOSURE", Reason: "NOT_CLAIMED"}
	// DeactivatedByErasure: the operator erased the account.
	DeactivatedByErasure = Deactivation{Type: "ACCOUNT_CLOSURE", Reason: "ERASED"}
	// DeactivatedByClosing: the customer closed the account, and it was erased.
	DeactivatedByClosing = Deactivation{Type: "ACCOUNT_CLOSURE", Reason: "CLOSED_BY_CUSTOMER", ByCustomer: true}
	// DeactivatedByExisting: the customer let the partner use the account that they had already, and this copy was erased.
	DeactivatedByExisting = Deactivation{Type: "ACCOUNT_CLOSURE", Reason: "EXISTING_ACCOUNT", ByCustomer: true}
)

// QueueDeactivated tells the creator in the documented words that the account cannot be used any more: one event of the user,
// and one of each profile (contract 12.4).
func (a Account) QueueDeactivated(tx partner.EventTx, ids *secret.IDs, profiles []Profile, why Deactivation, now time.Time) error {
	for _, e := range a.deactivated(profiles, why, now) {
		e.ID = ids.Next()
		if err := tx.QueueEvent(e); err != nil {
			return err
		}
	}
	return nil
}

func (a Account) deactivated(profiles []Profile, why Deactivation, now time.Time) []partner.Event {
	const state = "DEACTIVATED"
	user, _ := json.Marshal(struct { // plain texts, which cannot fail
		Before string `json:"previous_state"`
		Type   string `json:"deactivation_type"`
		Reason string `json:"deactivation_reason"`
	}{"ACTIVE", why.Type, why.Reason})
	e := partner.Event{Partner: a.Creator, Account: int64(a.ID), Type: partner.EventUserState, State: state, Data: string(user), OccurredAt: now}
	events := []partner.Event{e}
	asked, _ := json.Marshal(map[string]bool{"requested_by_customer": why.ByCustomer})
	for _, p := range profiles {
		e.Type, e.Profile, e.Data = partner.EventProfileState, int64(p.ID), string(asked)
		events = append(events, e)
	}
	return events
}

// checked is the documented event of a check's outcome (contract 12.4). Of what is required it names keys, and nothing that was said.
func (p Profile) checked(now time.Time) partner.Event {
	state := "EVIDENCE_REQUIRED"
	if p.Verified() {
		state = "VERIFIED"
	}
	data, _ := json.Marshal(map[string][]string{"required_evidences": p.RequiredKeys()})
	return partner.Event{Type: partner.EventCDDCheck, State: state, Data: string(data), OccurredAt: now}
}

// RequiredKeys are the evidences that nobody gave, by their documented keys (contract 11.2); none of a verified profile.
func (p Profile) RequiredKeys() []string {
	keys := []string{}
	for _, f := range p.MissingEvidences() {
		if !p.Verified() {
			keys = append(keys, strings.ToUpper(string(f)))
		}
	}
	return keys
}
