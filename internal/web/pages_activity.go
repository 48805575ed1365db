package web

import (
	"html/template"
	"time"
)

// ActivityPage is what happened on the account in the last twelve months (journey section 7), the newest first.
type ActivityPage struct {
	Frame
	Rows []ActivityRow
	// Earlier is the path of the page with what was before; empty at the end.
	Earlier string
}

func (*ActivityPage) face() face {
	return face{id: "activity", file: "activity", heading: Say("activity.title")}
}

// ActivityRow is one thing that happened.
type ActivityRow struct {
	// What is the message id. Sentences name Partner where there is one.
	What, Partner string
	At            time.Time
	// Network is where the request came from, coarsely; empty where that says nothing.
	Network string
	// Refused is true for what was tried in vain.
	Refused bool
}

// activity is an ActivityRow with the words of the page.
type activity struct {
	*view
	ActivityRow
}

// Activity joins a row with the words of the page.
func (v *view) Activity(r ActivityRow) *activity { return &activity{view: v, ActivityRow: r} }

// Sentence says what happened.
func (a *activity) Sentence() (template.HTML, error) { return a.T(a.What, "partner", a.Partner) }

// Moment is the day and the time of day, in UTC.
func (a *activity) Moment() (template.HTML, error) {
	return a.T("activity.at", "date", a.At, "hour", template.HTML(a.At.UTC().Format("15:04")))
}
