package web

// CheckPage is what the link of a KYC review leads to: what is asked for, and the way back.
type CheckPage struct {
	Frame
	Needs []CheckNeed
	// Open counts those that nobody has provided.
	Open int
}

func (*CheckPage) face() face {
	return face{id: "check", file: "check", heading: Say("check.title")}
}

// CheckNeed is one thing that is asked for. Key is a documented key in small letters, message id check.need.{Key}; State is
// not_provided, in_review or verified, message id check.state.{State}.
type CheckNeed struct {
	Key, State string
	// Or: the need before it is enough, and so is this one. Again: what was given was not good enough.
	Or, Again bool
}
