package partner

import "slices"

// Trigger is what may be known of an event before it happens: who may ask for it and in which payload versions.
type Trigger struct {
	// Fires is false for documented events of parts that this server does not have: they are accepted, so that a client's
	// set-up runs through, and never happen.
	Fires bool
	// OnProfile says that a profile's own subscription may name it; the rest is for applications alone (contract 12.4).
	OnProfile bool
	// Versions are the payload versions (contract 12.4).
	Versions []string
}

// The payload versions: 2.0.0 writes moments to the second, the later ones to the millisecond (contract 3.4).
const (
	PayloadSeconds = "2.0.0"
	PayloadMillis  = "4.0.0"
	// PayloadRequirements is the version of kyc-reviews#state-change that tells of requirements too.
	PayloadRequirements = "5.0.0"
)

// triggers are the events of which anything is said beside their name.
var triggers = map[EventType]Trigger{
	EventClaims:       {Fires: true, Versions: []string{PayloadSeconds, PayloadMillis}},
	EventGrants:       {Fires: true, Versions: []string{PayloadSeconds, PayloadMillis}},
	EventProfiles:     {Fires: true, Versions: []string{PayloadSeconds, PayloadMillis}},
	EventVerification: {Fires: true, Versions: []string{PayloadSeconds, PayloadMillis}},
	EventProfileState: {Fires: true, Versions: []string{PayloadSeconds, PayloadMillis}},
	EventUserState:    {Fires: true, Versions: []string{PayloadSeconds, PayloadMillis}},
	EventKYCReview:    {Fires: true, Versions: []string{PayloadSeconds, PayloadMillis, PayloadRequirements}},
	EventCDDCheck:     {Fires: true, Versions: []string{PayloadSeconds, PayloadMillis}},
}

// silent are the documented events of parts that this server does not have (contract 12.4), and silentOnProfile those of
// them that a profile's own subscription may name.
var (
	silent = []EventType{"account-details-order#order-state-change", "cards#card-status-change", "cards#card-production-status-change",
		"cards#3ds-challenge", "cards#card-order-status-change", "cards#transaction-state-change", "cards#manual-provisioning-verification",
		"profiles#overdraft-limit-threshold", "balances#account-state-change", "batch-payment-initiations#state-change",
		"partner-support#case-changed", "transaction-disputes#update", "bulk-settlement#payment-received"}
	silentOnProfile = []EventType{"transfers#active-cases", "transfers#refund", "transfers#payout-failure", "transfers#state-change",
		"account-details-payment#state-change", "hold-limit-breach#update", "balances#update", "swift-in#credit", "swift#message-received",
		"incoming-transfer#credited", "recipients#state-change"}
)

// TriggerOf looks up an event by its name; false is an event that does not exist.
func TriggerOf(name EventType) (Trigger, bool) {
	if t, known := triggers[name]; known {
		return t, true
	}
	t := Trigger{Versions: []string{PayloadSeconds, "3.0.0", PayloadMillis, "5.0.0"}}
	if slices.Contains(silentOnProfile, name) {
		t.OnProfile = true
		return t, true
	}
	return t, slices.Contains(silent, name)
}

// EventTypes lists the events that happen here, in the order of their names.
func EventTypes() []EventType {
	var all []EventType
	for name, t := range triggers {
		if t.Fires {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}
