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

// A part of the review is one row of C8 and one page of C9: it groups the fields that are asked together.
type reviewPart struct {
	key     string
	section string
	fields  []customer.Field
}

// reviewParts lists the rows of C8 in their order.
func reviewParts() []reviewPart {
	return []reviewPart{
		{"name", "about", []customer.Field{customer.FirstName, customer.LastName}},
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

// reviewRow is the row of a part.
func reviewRow(p customer.Profile, part reviewPart, email string) ReviewRow {
	row := ReviewRow{Key: part.key}
	missing := false
	for _, f := range part.fields {
		row.Needed = row.Needed || p.Needs(f)
		missing = missing || p.Needs(f) && p.Value(f) == ""
	}
	for _, f := range part.fields {
		value := p.Value(f)
		if value == "" {
			continue
		}
		if source := sourceOf(p, f); source > row.Source {
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
	switch {
	case part.key == "name":
		if row.Lines = nil; p.Name() != "" {
			row.Lines = []string{p.Name()}
		}
	case part.key == "email":
		// The address that the mailbox proof is of; it is changed on the customer's own pages only (R6).
		row.Lines, row.Source, row.Fixed = []string{email}, SourceProven, true
	}
	if missing {
		row.Lines, row.Date, row.Country, row.Source = nil, time.Time{}, "", SourceNone
	} else if len(lockedIn(p, part.key)) > 0 {
		row.Source = SourceChecked
	}
	return row
}

func sourceOf(p customer.Profile, f customer.Field) Source {
	if p.Details.Provenance[f].Source == customer.ByCustomer {
		return SourceCustomer
	}
	return SourcePartner
}

// reviewPage is C8 for a profile.
func (v *visit) reviewPage(s claim.State, status int, stale bool, problems []Problem) error {
	f := v.frame(s, claim.StepReview)
	f.Problems = problems
	page := &ReviewPage{Frame: f, Version: v.version(s), Stale: stale}
	_, marks := v.shownVersion()
	for i, part := range reviewParts() {
		row := reviewRow(s.Profile, part, s.Account.Email)
		if !row.Given() && !row.Needed && part.key == "occupation" && !customer.AsksOccupation(s.Profile.Value(customer.Country), s.Profile.Value(customer.Region)) {
			continue
		}
		row.Changed = stale && (i >= len(marks) || marks[i] != v.mark(row))
		if row.Needed && !row.Given() {
			page.Missing++
		}
		if n := len(page.Sections); n == 0 || page.Sections[n-1].Key != part.section {
			page.Sections = append(page.Sections, ReviewSection{Key: part.section})
		}
		last := &page.Sections[len(page.Sections)-1]
		last.Rows = append(last.Rows, row)
	}
	return v.show(status, page)
}

// version is what the form of C8 carries: the edition that it shows, and a mark of each row. The edition decides what is
// confirmed; the marks tell which rows are other ones when it is not the newest any more. They are keyed and of this journey,
// so that they say nothing about the values.
func (v *visit) version(s claim.State) string {
	version := strconv.FormatInt(s.Edition(), 10)
	for _, part := range reviewParts() {
		version += "." + v.mark(reviewRow(s.Profile, part, s.Account.Email))
	}
	return version
}

func (v *visit) mark(row ReviewRow) string {
	shown := append([]string{"row", v.text, row.Key, row.Date.Format(time.DateOnly), row.Country}, row.Lines...)
	return v.Keys.Derive(secret.PurposeStep, shown...)[:8]
}

// shownVersion reads the version of a posted form. A row that it says nothing about counts as one that was not read.
func (v *visit) shownVersion() (edition int64, marks []string) {
	first, rest, _ := strings.Cut(v.r.PostForm.Get("version"), ".")
	edition, _ = strconv.ParseInt(first, 10, 64)
	return edition, strings.Split(rest, ".")
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
	for _, part := range reviewParts() {
		row := reviewRow(s.Profile, part, s.Account.Email)
		if row.Needed && !row.Given() {
			problems = append(problems, Wrong(part.key, "c8.missing."+part.key))
		}
	}
	return problems
}
