package web

import (
	"html/template"
	"time"
)

// Page is what a handler gives to Pages.Write: a pointer to one of the page
// structs of this package. Each is named after its page, and each embeds a
// Frame. The methods are unexported, so the set of pages is closed and every
// one of them is checked when the server starts.
type Page interface {
	frame() *Frame
	face() face
}

// face is what the layout must know about a page before it renders it.
type face struct {
	id      string  // stable page id of journey.md, such as "c3": <body data-page>
	file    string  // pages/{file}.html
	heading Message // the one h1, and the first half of the title
}

// Frame is what every page has around its content (journey.md section 2,
// Frame and Forms). The zero value is a page outside any journey.
type Frame struct {
	// Partner is who sent the person here; without a name there is no band.
	Partner Partner
	// Own is true on the customer's own pages: they may name a partner, and nobody came from there.
	Own bool
	// Step is 1 to 3 on journey pages ("Step 1 of 3: ..."), 0 elsewhere.
	Step int
	// Base is the path of the journey, "/j/{jid}", without a slash at the end.
	// Links and buttons of journey pages are made from it.
	Base string
	// Back is the path of the back link; empty means none.
	Back string
	// Leave is the path of "Leave and go back to {Partner}"; empty means none.
	Leave string
	// Action is the path the form posts to; empty means the page's own address.
	Action string
	// FormToken is the hidden field step_token of every form on the page. It
	// stops a form made by another site, or for another step, from being applied.
	FormToken string
	// Idle is how long the session lasts if the person does nothing; with
	// script a warning is shown two minutes before. 0 means no warning.
	Idle time.Duration
	// Notices are said once, politely, in a box of role "status".
	Notices []Message
	// Pending is the path at which who is signed in cancels the reset that somebody asked for; empty where nobody did. It is
	// on every page of theirs (design 10.14).
	Pending string
	// Problems are what must be mended before the form is accepted. They turn
	// the page into an error page: summary, marks beside the fields, title.
	Problems []Problem
	// Reference is the request's short reference, also in the log. Only pages
	// that report trouble show it.
	Reference string
	// Language is a code of the catalogue, such as "en"; empty means the first.
	Language string
}

func (f *Frame) frame() *Frame { return f }

// Partner is how a partner appears to a person: its registered name and,
// optionally, the path of its re-encoded logo on this host. It never styles or
// words our pages.
type Partner struct {
	Name string
	Logo string
}

// Message is a sentence of the catalogue with the values for its placeholders.
// {partner} and {brand} are filled in by the page and need no value.
type Message struct {
	// ID is the stable message id, such as "c3.password.short".
	ID string
	// Values are pairs of placeholder name and value. Values are shown as typed,
	// escaped, and set apart from the direction of the sentence with <bdi>.
	Values []string
}

// Say makes a Message: Say("c9.address.postal.wrong", "country", "Canada").
func Say(id string, pairs ...string) Message { return Message{ID: id, Values: pairs} }

// Problem is one thing to mend in a form. Field is the name of the input, or,
// on the review page, the key of the row; the summary links to it. An empty
// field is a problem of the form as a whole.
type Problem struct {
	Field   string
	Message Message
}

// Wrong makes a Problem: Wrong("new_password", "c3.password.short").
func Wrong(field, id string, pairs ...string) Problem {
	return Problem{Field: field, Message: Say(id, pairs...)}
}

// Way is one way on from a page that reports trouble: a link in the form of a
// button, never followed by itself.
type Way struct {
	// Label is a message id, such as "way.restart".
	Label string
	// Address is where it leads: a path of ours, or the partner's registered
	// restart or redirect address, compared byte for byte before it came here.
	Address string
}

// Href is the attribute for the address, its bytes unchanged but for HTML
// escaping; html/template alone would blank app schemes and rewrite quotes.
func (w Way) Href() (template.HTMLAttr, error) { return hrefAttr(w.Address) }
