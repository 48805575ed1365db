package web

import (
	"slices"
	"time"
)

// Source says who gave a value that the person is asked to check.
type Source int

// The sources of a value.
const (
	// SourceNone: there is no value yet.
	SourceNone Source = iota
	// SourcePartner: the partner gave it.
	SourcePartner
	// SourceCustomer: the person gave or changed it.
	SourceCustomer
	// SourceChecked: the partner gave and checked it; it cannot be changed here.
	SourceChecked
	// SourceProven: the person proved it on the way, as with the address of C2.
	SourceProven
	// SourceOther: a partner gave it, and perhaps not the one that the person comes from.
	SourceOther
)

// ReviewPage is C8: everything the partner said, to be confirmed. Its problems
// name rows: Wrong("birth", "c8.missing.birth"). Field: version.
type ReviewPage struct {
	Frame
	Sections []ReviewSection
	// Missing counts the rows that are needed and not given.
	Missing int
	// Version is the version of the profile that the page shows; the form
	// carries it, so that nothing unseen is confirmed.
	Version string
	// Stale is true when the partner changed something since the version the
	// person confirmed (status 409); the changed rows are marked.
	Stale bool
	// Elsewhere is true when another partner than this one opened the account.
	Elsewhere bool
}

func (*ReviewPage) face() face { return face{id: "c8", file: "review", heading: Say("c8.title")} }

// ReviewSection is a list of rows under a heading.
type ReviewSection struct {
	// Key makes the heading's id; no two sections of a page share one.
	Key string
	// Kind is which sentence the heading is, message id c8.section.{Kind}: "about", "contact", "address", "more", "business"
	// and so on; empty means Key.
	Kind string
	// Label is whose section it is, such as the name of a business, in the person's own words.
	Label string
	Rows  []ReviewRow
	// Add is the section of C9 that adds to a list, of the form c8.add.{AddKind}; empty where nothing can be added.
	Add, AddKind string
	// Changed marks a list that became longer or shorter while the person was reading.
	Changed bool
	// adds is the page at Add.
	adds *section
}

// The rows of a list that are shown at once; the rest of a longer one is folded away, where it takes no space and is still
// on the page.
const rowsShown, rowsFolded = 10, 15

// First are the rows that are shown at once.
func (s ReviewSection) First() []ReviewRow {
	if len(s.Rows) > rowsFolded {
		return s.Rows[:rowsShown]
	}
	return s.Rows
}

// Rest are the rows that are folded away; Open is true when one of them needs to be seen.
func (s ReviewSection) Rest() []ReviewRow { return s.Rows[len(s.First()):] }

// Open is true when one of the rows that would be folded away needs to be seen.
func (s ReviewSection) Open() bool {
	return slices.ContainsFunc(s.Rest(), func(r ReviewRow) bool { return r.Changed || r.Needed && !r.Given() })
}

// ReviewRow is one line of a summary list.
type ReviewRow struct {
	// Key is the section of C9 that changes the row ("name", "preferred", "birth",
	// "email", "phone", "country", "address", "nationality", "occupation", the
	// key of an extra field, or one with the number of what it is about, such as
	// "director-70010001"). The row's id is "row-{Key}", its link's "f-{Key}",
	// and the link leads to {Base}/review/{Key}.
	Key string
	// Kind is which field the row is about where Key does not say: message ids
	// c8.row.{Kind}, c8.missing.{Kind} and c8.your.{Kind}. Empty means Key.
	Kind string
	// Label is the name of an extra field, in the person's language, or of what
	// stands in a list; the known kinds take theirs from the catalogue.
	Label string
	// Lines are the value, a line each; Facts are sentences after them. Date and
	// Country are values that are written out in the person's language (Country
	// is an ISO 3166-1 code of two or three letters, and comes last).
	Lines   []string
	Facts   []Message
	Date    time.Time
	Country string
	// View is the path of a file to look at, and ViewID what the link says.
	View, ViewID string
	// Source says who gave the value, At when, where that is known.
	Source Source
	At     time.Time
	// Needed is true for a field the partner must have.
	Needed bool
	// Fixed is true for a row that is not changed on this page at all.
	Fixed bool
	// Changed marks a row the partner changed while the person was reading.
	Changed bool
}

// Given is true when the row has a value.
func (r ReviewRow) Given() bool {
	return len(r.Lines) > 0 || len(r.Facts) > 0 || !r.Date.IsZero() || r.Country != ""
}

// kind is which field the row is about.
func (r ReviewRow) kind() string {
	if r.Kind != "" {
		return r.Kind
	}
	return r.Key
}

// NamePage is C9 name. Fields: given_name, family_name, one_name.
type NamePage struct {
	Frame
	GivenName  string
	FamilyName string
	// OneName is true when "I have one name only" is ticked.
	OneName bool
}

func (*NamePage) face() face { return face{id: "c9.name", file: "name", heading: Say("c9.name.title")} }

// PreferredPage is C9 preferred. Field: preferred_name (optional).
type PreferredPage struct {
	Frame
	PreferredName string
}

func (*PreferredPage) face() face {
	return face{id: "c9.preferred", file: "preferred", heading: Say("c9.preferred.title")}
}

// BirthPage is C9 birth. Fields: birth_day, birth_month, birth_year, kept as
// typed. A problem of the whole date names the field "birth_day".
type BirthPage struct {
	Frame
	Day, Month, Year string
}

func (*BirthPage) face() face {
	return face{id: "c9.birth", file: "birth", heading: Say("c9.birth.title")}
}

// PhonePage is C9 phone. Field: phone.
type PhonePage struct {
	Frame
	Phone string
}

func (*PhonePage) face() face {
	return face{id: "c9.phone", file: "phone", heading: Say("c9.phone.title")}
}

// CountryPage is C9 country; it decides what the address page asks.
// Field: country, an ISO 3166-1 alpha-2 code in upper case.
type CountryPage struct {
	Frame
	// Country is the chosen code (two or three letters, any case) or empty.
	Country string
	// Only limits the list to these alpha-2 codes; empty means every country.
	Only []string
}

func (*CountryPage) face() face {
	return face{id: "c9.country", file: "country", heading: Say("c9.country.title")}
}

// NationalityPage is C9 nationality. Field: nationality, as country, optional.
type NationalityPage struct {
	Frame
	Nationality string
}

func (*NationalityPage) face() face {
	return face{id: "c9.nationality", file: "nationality", heading: Say("c9.nationality.title")}
}

// Option is one line of a select.
type Option struct{ Value, Label string }

// AddressPage is C9 address. Fields: line1, line2, city, region, postal_code.
type AddressPage struct {
	Frame
	// Country is the ISO code the address is in; it is shown, with a link to
	// change it.
	Country                              string
	Line1, Line2, City, Region, Postcode string
	// AskRegion is true where the country uses a state, province or region in
	// addresses; with Regions it is a list, without it a line to type.
	AskRegion bool
	Regions   []Option
	// NoPostcode is true for a country without postcodes.
	NoPostcode bool
}

func (*AddressPage) face() face {
	return face{id: "c9.address", file: "address", heading: Say("c9.address.title")}
}

// OccupationPage is C9 occupation. Field: occupation.
type OccupationPage struct {
	Frame
	Occupation string
}

func (*OccupationPage) face() face {
	return face{id: "c9.occupation", file: "occupation", heading: Say("c9.occupation.title")}
}

// ExtraPage is C9 for a field that the operator defined; label and hint come
// with the field, in the person's language. Field: x_{Key}.
type ExtraPage struct {
	Frame
	Key, Label, Hint, Value string
	// Autocomplete is a token of the HTML standard, or empty.
	Autocomplete string
	Optional     bool
	// Options are what there is to choose from; none where the value is typed.
	Options []Option
}

func (p *ExtraPage) face() face {
	return face{id: "c9.extra", file: "extra", heading: Say("c9.extra.title", "label", p.Label)}
}

// DisputePage is "Tell {Partner} this is wrong" for a field the partner has
// checked. Field: note.
type DisputePage struct {
	Frame
	Row  ReviewRow
	Note string
}

func (*DisputePage) face() face {
	return face{id: "c8.dispute", file: "dispute", heading: Say("dispute.title")}
}
