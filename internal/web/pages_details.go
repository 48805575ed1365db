package web

import (
	"encoding/hex"
	"encoding/json"

	"github.com/latchkey-id/latchkey/internal/secret"
)

// DetailsPage is what is in the customer's account, as C8 shows it, with who gave what and when. "Download" posts to Action.
type DetailsPage struct {
	Frame
	Sections []ReviewSection
	// Proposed counts what partners propose, decided about on a page of its own.
	Proposed int
}

func (*DetailsPage) face() face {
	return face{id: "details", file: "own", heading: Say("own.title")}
}

// ProposalsPage is the customer's own page of what partners propose about their details (design 10.11). Fields: "choice-{Key}" of each
// row, "accept" or "keep", and "shown-{Key}", which says what was shown.
type ProposalsPage struct {
	Frame
	Rows []DetailsRow
}

func (*ProposalsPage) face() face {
	return face{id: "proposals", file: "proposals", heading: Say("details.title")}
}

// DetailsRow is proposals that are decided about together.
type DetailsRow struct {
	Key   string
	Title Message
	// Whose is the name of the business that it is about; empty for the person.
	Whose string
	// Now is what holds today, New what would: a row for each thing that they consist of.
	Now, New []ReviewRow
	// Replaces: another person takes over.
	Replaces bool
	// Until is the newest of the proposals, in Unix milliseconds.
	Until int64
}

// Shown is a digest of what the row says. The time alone does not tell two proposals apart: nodes' clocks differ by more than a partner takes
// to put another one in the place of the first.
func (r DetailsRow) Shown() (string, error) {
	text, err := json.Marshal(r)
	return hex.EncodeToString(secret.Hash(string(text))[:16]), err
}
