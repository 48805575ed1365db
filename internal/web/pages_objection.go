package web

// ObjectionState is what the page of mail M1's link has to say.
type ObjectionState string

// The states; each is a page id with its own title.
const (
	// ObjectionOpen: the link can be used; a button posts.
	ObjectionOpen ObjectionState = "objection"
	// ObjectionMade: the account is on hold.
	ObjectionMade ObjectionState = "objection.made"
	// ObjectionOver: the link is unknown, used or has run out (404).
	ObjectionOver ObjectionState = "objection.over"
)

// ObjectionPage is what the link "This wasn't me" of mail M1 leads to.
type ObjectionPage struct {
	Frame
	State ObjectionState
}

func (p *ObjectionPage) face() face {
	return face{id: string(p.State), file: "objection", heading: Say(string(p.State) + ".title")}
}
