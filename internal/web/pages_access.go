package web

import (
	"html/template"
	"time"
)

// AccessPage is "Who can use your account" (journey section 7): a card for each access, what stands first.
type AccessPage struct {
	Frame
	Active, Over []AccessCard
}

func (*AccessPage) face() face {
	return face{id: "access", file: "access", heading: Say("access.title")}
}

// AccessCard is one access to one profile, of one partner.
type AccessCard struct {
	// Key is the number of the grant.
	Key     string
	Partner string
	// Profile is the name of what it reaches, empty when that is no more; Business and Number are as at C10.
	Profile AllowProfile
	// Scopes are what it may do, in the words of C10.
	Scopes []AllowScope
	Since  time.Time
	// Used is the last day of a request; zero for never.
	Used time.Time
	// Until is when it ends by itself, zero for never.
	Until time.Time
	// Over is when it was stopped or ended; Stopped tells the two apart.
	Over    time.Time
	Stopped bool
	// Waits is true for an access that gives nothing until its customer, who got back in another way, gives it again.
	Waits bool
}

// Reading and Acting tell the scopes apart as C10 does.
func (c AccessCard) Reading() []AllowScope { return parted(c.Scopes, false) }

// Acting are those that do something for the person.
func (c AccessCard) Acting() []AllowScope { return parted(c.Scopes, true) }

// card is an AccessCard with the words of the page.
type card struct {
	*view
	AccessCard
}

// Card joins a card with the words of the page.
func (v *view) Card(c AccessCard) *card { return &card{view: v, AccessCard: c} }

// T is a sentence that may name the partner of the card.
func (c *card) T(id string, pairs ...any) (template.HTML, error) {
	return c.view.T(id, append(pairs, "partner", c.Partner)...)
}

// StopPage asks once before an access is stopped. "Stop access" posts; "Keep it" leads back.
type StopPage struct {
	Frame
	Card AccessCard
}

func (p *StopPage) face() face {
	return face{id: "access.stop", file: "access-stop", heading: Say("access.stop.title", "partner", p.Card.Partner)}
}
