package web

import "time"

// ReceiptsPage lists the customer's receipts, the oldest first.
type ReceiptsPage struct {
	Frame
	Receipts []ReceiptRow
}

// ReceiptRow is one receipt: of a consent, or else of the claim.
type ReceiptRow struct {
	Partner string
	At      time.Time
	Consent bool
	// Decline: it is of access that was asked for and not given.
	Decline bool
	// Download is the path of the file; empty while it is not signed yet, which takes seconds.
	Download string
}

func (*ReceiptsPage) face() face {
	return face{id: "receipts", file: "receipts", heading: Say("receipts.title")}
}
