package web

import (
	"fmt"
	"html/template"
	"strings"
	"time"
)

// row is a ReviewRow with the words of the page.
type row struct {
	*view
	ReviewRow
}

// Row joins a row of the review page with the words of the page.
func (v *view) Row(r ReviewRow) *row { return &row{view: v, ReviewRow: r} }

// Label is the name of the field.
func (r *row) Label() (template.HTML, error) {
	if r.ReviewRow.Label != "" {
		return isolate(r.ReviewRow.Label), nil
	}
	return r.T("c8.row." + r.kind())
}

// Wanted is true when the partner must have the value and there is none.
func (r *row) Wanted() bool { return r.Needed && !r.Given() }

// ChecksOut is true for a value that the partner has checked and locked, and
// that the person can say something about.
func (r *row) ChecksOut() bool { return r.Given() && r.Source == SourceChecked && !r.Fixed }

// Missing is the message that asks for the value; the problem beside it in
// the summary is the same.
func (r *row) Missing() Message { return r.words.missing(r.ReviewRow) }

// MissingID is its id.
func (r *row) MissingID() string { return r.Missing().ID }

// MissingText is that message.
func (r *row) MissingText() (template.HTML, error) { return r.Say(r.Missing()) }

// missing is the message that asks for the value of a row: a sentence of its
// own, or one around the name of the field.
func (c *catalogue) missing(r ReviewRow) Message {
	if id := "c8.missing." + r.kind(); r.Label == "" && c.has(id) {
		return Say(id)
	}
	label := r.Label
	if label == "" {
		label = c.texts["c8.row."+r.kind()]
	}
	return Say("c8.missing.extra", "label", label)
}

// Yours completes "Change" for those who hear links without their row.
func (r *row) Yours() (template.HTML, error) {
	if id := "c8.your." + r.kind(); r.ReviewRow.Label == "" && r.words.has(id) {
		return r.T(id)
	}
	return r.Label()
}

// SourceID is the message that says who gave the value.
func (r *row) SourceID() string {
	switch r.Source {
	case SourcePartner:
		return "c8.source.partner"
	case SourceCustomer:
		return "c8.source.customer"
	case SourceChecked:
		return "c8.source.checked"
	case SourceProven:
		return "c8.source.proven"
	case SourceOther:
		return "c8.source.other"
	}
	return ""
}

// Dated is true where the page says when a value was given: on the customer's own page of details.
func (r *row) Dated() bool {
	_, own := r.Page.(*DetailsPage)
	return own && r.Given() && !r.At.IsZero() && r.SourceID() != ""
}

// SourceText is that message.
func (r *row) SourceText() (template.HTML, error) { return r.T(r.SourceID()) }

// Date is the value of a row that is a day; the view's method of that name
// writes days out.
func (r *row) Date() time.Time { return r.ReviewRow.Date }

// Country is the value of a row that is a country.
func (r *row) Country() string { return r.ReviewRow.Country }

// Words is a day written out.
func (r *row) Words(t time.Time) template.HTML { return r.words.date(t) }

// CountryName is the name of a country.
func (r *row) CountryName(code string) string { return countryName(r.words.tag, code) }

// SectionTitle is the heading of a section of the review page.
func (v *view) SectionTitle(s ReviewSection) (template.HTML, error) {
	kind := s.Kind
	if kind == "" {
		kind = s.Key
	}
	if s.Label == "" {
		return v.T("c8.section." + kind)
	}
	return v.T("c8.section."+kind+".of", "label", s.Label)
}

// KeptText says what is kept.
func (v *view) KeptText(k Kept) (template.HTML, error) { return v.T("kept." + string(k)) }

// scope is an AllowScope with the words of the page.
type scope struct {
	*view
	AllowScope
}

// Scope joins a scope with the words of the page.
func (v *view) Scope(s AllowScope) *scope { return &scope{view: v, AllowScope: s} }

// Title is the operator's words, or those of the catalogue. A scope without
// words fails: nobody can allow what is not said.
func (s *scope) Title() (template.HTML, error) {
	if s.AllowScope.Title != "" {
		return isolate(s.AllowScope.Title), nil
	}
	if id := "scope." + s.Name; s.words.has(id) {
		return s.T(id)
	}
	return "", fmt.Errorf("scope %q has no plain words", s.Name)
}

// Details say more, when there is more to say.
func (s *scope) Details() (template.HTML, error) {
	if s.AllowScope.Details != "" {
		return isolate(s.AllowScope.Details), nil
	}
	if id := "scope." + s.Name + ".details"; s.AllowScope.Title == "" && s.words.has(id) {
		return s.T(id)
	}
	return "", nil
}

// addressParts is an address split where it first differs from another.
type addressParts struct{ Same, Rest string }

// GivenParts marks where the given address leaves the registered one that it
// resembles most.
func (p *UnknownRequestPage) GivenParts() addressParts {
	most := 0
	for _, r := range p.Registered {
		most = max(most, sameStart(p.Given, r))
	}
	return addressParts{Same: p.Given[:most], Rest: p.Given[most:]}
}

// RegisteredParts marks where each registered address differs from the given one.
func (p *UnknownRequestPage) RegisteredParts() []addressParts {
	var all []addressParts
	for _, r := range p.Registered {
		n := sameStart(r, p.Given)
		all = append(all, addressParts{Same: r[:n], Rest: r[n:]})
	}
	return all
}

// sameStart is how many leading bytes of a are those of b, whole characters only.
func sameStart(a, b string) int {
	n := 0
	for i, r := range a {
		if !strings.HasPrefix(b[min(i, len(b)):], string(r)) {
			break
		}
		n = i + len(string(r))
	}
	return n
}
