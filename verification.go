package latchkey

import (
	"context"
	"net/url"
	"strings"
)

// VerificationStatus tells, a source currency each, whether a profile is verified (contract 11.1).
type VerificationStatus struct {
	Routes []VerificationRoute `json:"routes"`
	// RequestID is a UUID of this answer.
	RequestID string `json:"request_id"`
}

// VerificationRoute is the status for one source currency.
type VerificationRoute struct {
	// SourceCurrency is an ISO 4217 code.
	SourceCurrency string `json:"source_currency"`
	// MaximumEntitledAmount is always 0 here: this server moves no money and sets no limit.
	MaximumEntitledAmount int64 `json:"maximum_entitled_amount"`
	// CurrentStatus is verified or not_verified; see [Verified].
	CurrentStatus string `json:"current_status"`
}

// The states of a profile's verification (contract 11.1, 12.4).
const (
	Verified    = "verified"
	NotVerified = "not_verified"
)

// ProfileVerification is the status of a profile in the form of 2020 (contract 11.1).
type ProfileVerification struct {
	ProfileID     ProfileID `json:"profileId"`
	CurrentStatus string    `json:"currentStatus"`
}

// Dispute is what the customer says is wrong with a detail that was checked and is locked. It is not of the documented
// contract: the event x-profiles#state-change with the state "disputed" says that there is one (design 10.31).
type Dispute struct {
	// Field is the name by which events know the detail, such as first_name.
	Field string `json:"field"`
	// Note is the customer's own text, up to 1000 characters: show it as such.
	Note string `json:"note"`
	// CreatedAt is when it was written.
	CreatedAt LocalStamp `json:"createdAt"`
}

// VerificationStatus reads whether a profile is verified, for each of the currencies (contract 11.1); at least one is needed.
func (a *Account) VerificationStatus(ctx context.Context, id ProfileID, currencies ...string) (VerificationStatus, error) {
	var status VerificationStatus
	query := url.Values{"source_currencies": {strings.Join(currencies, ",")}}
	err := a.send(ctx, "POST", "/profiles/"+decimal(id)+"/verification-status/bank-transfer?"+query.Encode(), nil, &status)
	return status, wrap(err, "reading whether a profile is verified")
}

// ProfileVerification reads whether a profile is verified in the form of 2020, which asks for no currency (contract 11.1).
func (a *Account) ProfileVerification(ctx context.Context, id ProfileID) (ProfileVerification, error) {
	var status ProfileVerification
	err := a.sendVersioned(ctx, "GET", "/v3/profiles/"+decimal(id)+"/verification-status", nil, &status)
	return status, wrap(err, "reading whether a profile is verified")
}

// Disputes lists what the customer says is wrong with details that are locked (design 10.31); empty when nothing is.
func (a *Account) Disputes(ctx context.Context, id ProfileID) ([]Dispute, error) {
	var list []Dispute
	err := a.send(ctx, "GET", "/profiles/"+decimal(id)+"/disputes", nil, &list)
	return list, wrap(err, "reading what the customer disputes")
}

// SimulateVerification verifies one profile in a sandbox (contract 14). Elsewhere it is [ErrNotFound].
func (a *Account) SimulateVerification(ctx context.Context, id ProfileID) error {
	err := a.send(ctx, "POST", "/simulation/profiles/"+decimal(id)+"/verifications", nil, nil)
	return wrap(err, "simulating a verification")
}

// SimulateVerifications verifies all profiles of the account in a sandbox (contract 14). Elsewhere it is [ErrNotFound].
func (a *Account) SimulateVerifications(ctx context.Context) error {
	return wrap(a.send(ctx, "POST", "/simulation/verify-profile", nil, nil), "simulating verifications")
}
