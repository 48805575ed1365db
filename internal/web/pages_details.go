package web

// DetailsPage is the customer's own page of what partners propose about their details (design 10.11). Fields: "choice-{Key}" of each
// row, "accept" or "keep", and "until-{Key}", which is the newest that was shown.
type DetailsPage struct {
	Frame
	Rows []DetailsRow
}

func (*DetailsPage) face() face {
	return face{id: "details", file: "proposals", heading: Say("details.title")}
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
