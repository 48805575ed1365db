package latchkey

import "context"

// Receipt is the signed record of a claim, of a consent or of its refusal. It is not of the documented contract. Keep it: whoever has it and
// the server's public keys can check it without the server, with "latchkey receipt verify".
type Receipt struct {
	ID int64 `json:"id"`
	// Kind is "claim" for the hand-over, of what you had said and of the rights that ended, or "consent", of what the customer
	// made of it and allowed, or "decline", of what you asked for and the customer did not allow.
	Kind string `json:"kind"`
	// CreatedAt is the moment that it is about.
	CreatedAt LocalStamp `json:"createdAt"`
	// Receipt is a compact JWS (RFC 7515) signed with ES256, followed by the salts and values of the profile that you have access
	// to, each after a tilde. Without what follows the first tilde it holds no personal value.
	Receipt string `json:"receipt"`
}

// The kinds of receipts.
const (
	ReceiptOfClaim   = "claim"
	ReceiptOfConsent = "consent"
	ReceiptOfDecline = "decline"
)

// Receipts lists the receipts that name you, oldest first, as far as your access goes. A receipt is there within seconds of
// what it is about (design 10.29).
func (a *Account) Receipts(ctx context.Context) ([]Receipt, error) {
	var list []Receipt
	err := a.send(ctx, "GET", "/receipts", nil, &list)
	return list, wrap(err, "reading receipts")
}
