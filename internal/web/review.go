package web

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// A part of the review is one row of C8 and, where it can be changed, the page of C9 that changes it.
type reviewPart struct {
	// section is the heading that the row is under, without its rows.
	section ReviewSection
	row     ReviewRow
	// page is nil where nothing is changed.
	page *section
	// profile is whose row it is, and locked are its fields that were checked and are locked.
	profile customer.ProfileID
	locked  []customer.Field
	// hidden parts have a page and no row: nobody asked, and nothing was said.
	hidden bool
}

// parts lists everything that was said about a customer, in the order of C8. Whoever adds to the review adds here.
func (v *visit) parts(s claim.State) []reviewPart {
	var all []reviewPart
	if p, found := customer.PersonalOf(s.Profiles); found {
		all = personalParts(p, s.Account.Email)
		all = append(all, v.evidenceParts(p, ReviewSection{Key: "use"})...)
		if len(p.Details.Lists.Documents) > 0 {
			all = append(all, v.listParts(p, customer.Documents, ReviewSection{Key: "documents"})...)
		}
		all = append(all, v.fileParts(s, p, ReviewSection{Key: "files"})...)
		all = append(all, v.extraParts(s, p)...)
	} else {
		all = append(all, reviewPart{section: ReviewSection{Key: "contact"}, row: provenEmail(s.Account.Email)})
	}
	for _, p := range s.Profiles {
		if p.Kind == customer.KindBusiness {
			all = append(all, v.businessParts(s, p)...)
		}
	}
	for i := range all {
		if all[i].row.Source == SourcePartner && elsewhere(s) {
			all[i].row.Source = SourceOther
		}
	}
	return all
}

// elsewhere reports whether another partner than the one that the person comes from opened the account: what stands there is
// not its word then, and saying so would lend it a credit that it has not.
func elsewhere(s claim.State) bool { return s.Journey.Partner != s.Account.Creator }

// provenEmail is the address that the mailbox proof is of; it is changed on the customer's own pages only (R6).
func provenEmail(email string) ReviewRow {
	return ReviewRow{Key: "email", Lines: []string{email}, Source: SourceProven, Fixed: true}
}

// personalRows groups the fields of a person that are asked together, in the order of C8.
func personalRows() []struct {
	key, section string
	fields       []customer.Field
} {
	return []struct {
		key, section string
		fields       []customer.Field
	}{
		{"name", "about", []customer.Field{customer.FirstName, customer.LastName}},
		{"kana", "about", nil},
		{"preferred", "about", []customer.Field{customer.PreferredName}},
		{"birth", "about", []customer.Field{customer.DateOfBirth}},
		{"nationality", "about", []customer.Field{customer.Nationality}},
		{"occupation", "about", []customer.Field{customer.Occupation}},
		{"email", "contact", []customer.Field{customer.Email}},
		{"phone", "contact", []customer.Field{customer.Phone}},
		{"country", "address", []customer.Field{customer.Country}},
		{"address", "address", []customer.Field{customer.FirstLine, customer.SecondLine, customer.City, customer.Region, customer.PostCode}},
	}
}

// personalParts are the rows of a person.
func personalParts(p customer.Profile, email string) []reviewPart {
	var all []reviewPart
	for _, g := range personalRows() {
		made := reviewPart{section: ReviewSection{Key: g.section}, row: ReviewRow{Key: g.key}, profile: p.ID}
		if g.key == "email" {
			made.row = provenEmail(email)
			all = append(all, made)
			continue
		}
		if g.key == "kana" {
			if made.row.Lines = given(p.Details.FirstNameInKana, p.Details.LastNameInKana); len(made.row.Lines) > 0 {
				made.row.Source, made.row.Fixed = SourcePartner, true
				all = append(all, made)
			}
			continue
		}
		made.fill(subjectOf(p), g.fields)
		if g.key == "name" && len(made.row.Lines) > 0 {
			made.row.Lines = []string{p.Name()}
		}
		asks := customer.AsksOccupation(p.Value(customer.Country), p.Value(customer.Region))
		made.hidden = g.key == "occupation" && !made.row.Given() && !made.row.Needed && !asks
		made.page = personalPage(p, sections()[g.key])
		all = append(all, made)
	}
	return all
}

// A subject is whose values a page shows: a profile, or who represents a business.
type subject struct {
	customer.Details
	needs, locks func(customer.Field) bool
}

func subjectOf(p customer.Profile) subject { return subject{p.Details, p.Needs, p.Locked} }

// Value is a field's value, "" when it is not given.
func (s subject) Value(f customer.Field) string { return s.Values[f] }

// fill puts the values of some fields into the part's row, with who gave them and what is missing.
func (p *reviewPart) fill(s subject, fields []customer.Field) {
	missing, row := false, &p.row
	for _, f := range fields {
		row.Needed = row.Needed || s.needs(f)
		missing = missing || s.needs(f) && s.Lacks(f)
	}
	for _, f := range fields {
		value := s.Value(f)
		if value == "" {
			continue
		}
		if s.locks(f) {
			p.locked = append(p.locked, f)
		}
		if at := s.Provenance[f].At; at.After(row.At) {
			row.At = at
		}
		if source := sourceOf(s.Provenance[f].Source); source > row.Source {
			row.Source = source
		}
		switch f {
		case customer.DateOfBirth:
			row.Date, _ = time.Parse(time.DateOnly, value)
		case customer.Country, customer.Nationality:
			row.Country = value
		default:
			row.Lines = append(row.Lines, value)
		}
	}
	if missing {
		row.Lines, row.Date, row.Country, row.Source, p.locked = nil, time.Time{}, "", SourceNone, nil
	} else if len(p.locked) > 0 {
		row.Source = SourceChecked
	}
}

func sourceOf(s customer.Source) Source {
	if s == customer.ByCustomer {
		return SourceCustomer
	}
	return SourcePartner
}

// reviewPage is C8.
func (v *visit) reviewPage(s claim.State, status int, stale bool, problems []Problem) error {
	f := v.frame(s, claim.StepReview)
	f.Problems = problems
	page := &ReviewPage{Frame: f, Stale: stale, Sections: grouped(v.parts(s)), Elsewhere: elsewhere(s)}
	_, marks := v.shownVersion()
	page.Version = v.version(s, page.Sections)
	for i := range page.Sections {
		section := &page.Sections[i]
		section.Changed = stale && section.AddKind != "" && !marks[v.listMark(*section)]
		for k := range section.Rows {
			row := &section.Rows[k]
			row.Changed = stale && !marks[v.mark(*row)]
			if row.Needed && !row.Given() {
				page.Missing++
			}
		}
	}
	return v.show(status, page)
}

// grouped puts rows under their headings. A part without a row is a heading alone: a list with nothing in it.
func grouped(parts []reviewPart) []ReviewSection {
	var all []ReviewSection
	for _, p := range parts {
		if p.hidden {
			continue
		}
		if n := len(all); n == 0 || all[n-1].Key != p.section.Key {
			all = append(all, p.section)
		}
		if last := &all[len(all)-1]; p.row.Key != "" {
			last.Rows = append(last.Rows, p.row)
		}
	}
	return all
}

// mostMarks bounds the marks that a form carries, so that it stays below what a form may be (maxForm).
const mostMarks = 2000

// version is what the form of C8 carries: the edition that it shows, and a mark of each row. The edition decides what is
// confirmed; the marks tell which rows are other ones when it is not the newest any more. They are keyed and of this journey,
// so that they say nothing about the values.
func (v *visit) version(s claim.State, sections []ReviewSection) string {
	version := []string{strconv.FormatInt(s.Edition(), 10)}
	for _, section := range sections {
		if section.AddKind != "" {
			version = append(version, v.listMark(section))
		}
		for _, row := range section.Rows {
			version = append(version, v.mark(row))
		}
	}
	return strings.Join(version[:min(len(version), mostMarks)], ".")
}

func (v *visit) mark(row ReviewRow) string {
	shown := append([]string{"row", v.text, row.Key, row.Label, row.Date.Format(time.DateOnly), row.Country}, row.Lines...)
	for _, fact := range row.Facts {
		shown = append(append(shown, fact.ID), fact.Values...)
	}
	return v.Keys.Derive(secret.PurposeStep, shown...)[:8]
}

// listMark tells a list from one with another number of entries: what was taken away leaves no row to mark.
func (v *visit) listMark(s ReviewSection) string {
	return v.Keys.Derive(secret.PurposeStep, "list", v.text, s.Key, strconv.Itoa(len(s.Rows)))[:8]
}

// shownVersion reads the version of a posted form. A row that it says nothing about counts as one that was not read.
func (v *visit) shownVersion() (edition int64, marks map[string]bool) {
	first, rest, _ := strings.Cut(v.r.PostForm.Get("version"), ".")
	edition, _ = strconv.ParseInt(first, 10, 64)
	marks = map[string]bool{}
	for mark := range strings.SplitSeq(rest, ".") {
		marks[mark] = true
	}
	return edition, marks
}

func showReview(v *visit, s claim.State) error { return v.reviewPage(s, http.StatusOK, false, nil) }

// postReview is "My details are right", of the edition that the page showed: nothing unseen is confirmed.
func postReview(v *visit) error {
	err := v.posted(string(claim.StepReview))
	if err == nil {
		edition, _ := v.shownVersion()
		err = v.Claims.Confirm(v.context(), v.post(), edition)
	}
	stale := errors.Is(err, customer.ErrVersion)
	if !stale && !errors.Is(err, claim.ErrIncomplete) {
		return v.next(err, claim.StepReview, nil)
	}
	state, next, failure := v.state()
	if failure != nil {
		return v.ended(state, failure)
	}
	if next != claim.StepReview {
		return v.see(v.at(next))
	}
	if stale {
		return v.reviewPage(state, http.StatusConflict, true, nil)
	}
	return v.reviewPage(state, http.StatusUnprocessableEntity, false, v.gaps(state))
}

// gaps are the problems of a review with something missing, one a row.
func (v *visit) gaps(s claim.State) []Problem {
	var problems []Problem
	for _, part := range v.parts(s) {
		if row := part.row; row.Needed && !row.Given() {
			problems = append(problems, Problem{Field: row.Key, Message: v.Pages.language("").missing(row)})
		}
	}
	return problems
}
