package web

import "time"

// ClosePage asks before an account is closed (journey section 7). Field: sure, the box to tick.
type ClosePage struct {
	Frame
	// At is when it would be closed.
	At time.Time
}

func (*ClosePage) face() face { return face{id: "close", file: "close", heading: Say("close.title")} }

// KeepPage says when the account is closed. "Keep my account" posts.
type KeepPage struct {
	Frame
	At time.Time
}

func (*KeepPage) face() face {
	return face{id: "close.keep", file: "close-keep", heading: Say("close.keep.title")}
}
