package web

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/latchkey-id/latchkey/internal/customer"
)

// A proposed row is what the page shows, and what a choice about it is made of.
type proposedRow struct {
	DetailsRow
	choice customer.Choice
}

// owner is who is signed in, or has answered with the way to sign in: then there is nobody.
func (v *visit) owner() (customer.SignedIn, bool, error) {
	s, a, _, err := v.SignIns.Session(v.context(), v.jar.Session)
	if errors.Is(err, customer.ErrNoSession) || err == nil && !s.SignedIn(a, v.Now()) {
		return customer.SignedIn{}, false, v.see(v.signIn())
	}
	return customer.SignedInTo(a, v.origin()), err == nil, err
}

// showProposals shows what partners propose.
func showProposals(v *visit) error {
	v.renew()
	o, found, err := v.owner()
	if err != nil || !found {
		return err
	}
	return v.proposalsPage(o, http.StatusOK, Frame{})
}

func (v *visit) proposalsPage(o customer.SignedIn, status int, f Frame) error {
	rows, err := v.proposed(o)
	if err != nil {
		return v.noOwner(err)
	}
	f.FormToken, f.Back = v.token("details"), "/details"
	page := &ProposalsPage{Frame: f}
	for _, r := range rows {
		page.Rows = append(page.Rows, r.DetailsRow)
	}
	return v.show(status, page)
}

// noOwner leads to sign-in whoever was signed out meanwhile.
func (v *visit) noOwner(err error) error {
	if errors.Is(err, customer.ErrStale) {
		return v.see(v.signIn())
	}
	return err
}

// postProposals puts the choices into effect: those of the rows that something was chosen for. What changed since it was shown is
// shown again, and nothing is applied.
func postProposals(v *visit) error {
	if err := v.posted("details"); err != nil {
		return err
	}
	o, found, err := v.owner()
	if err != nil || !found {
		return err
	}
	rows, err := v.proposed(o)
	if err != nil {
		return v.noOwner(err)
	}
	known, chosen := map[string]bool{}, []customer.Choice{}
	for _, r := range rows {
		known["choice-"+r.Key] = true
		shown, err := r.Shown()
		if err != nil {
			return err
		}
		r.choice.Until = time.UnixMilli(r.Until)
		switch decision := v.r.PostForm.Get("choice-" + r.Key); decision {
		case "accept", "keep":
			if v.r.PostForm.Get("shown-"+r.Key) != shown {
				known["choice-"+r.Key] = false // it says something else by now
			}
			r.choice.Accept = decision == "accept"
			chosen = append(chosen, r.choice)
		}
	}
	gone := func(name string) bool { return strings.HasPrefix(name, "choice-") && !known[name] }
	switch {
	case slices.ContainsFunc(slices.Collect(maps.Keys(v.r.PostForm)), gone):
		err = customer.ErrNoProposal
	case len(chosen) == 0 && len(rows) > 0:
		return v.proposalsPage(o, http.StatusUnprocessableEntity, Frame{Problems: []Problem{Wrong("choice-"+rows[0].Key, "details.choose")}})
	default:
		err = v.Customers.Settle(v.context(), o, chosen)
	}
	switch {
	case errors.Is(err, customer.ErrNoProposal):
		return v.proposalsPage(o, http.StatusConflict, Frame{Notices: []Message{Say("details.changed")}})
	case errors.Is(err, customer.ErrLocked):
		return v.proposalsPage(o, http.StatusConflict, Frame{Notices: []Message{Say("details.locked")}})
	case err != nil:
		return v.noOwner(err)
	}
	return v.see("/details/proposals")
}

// proposed lists what is proposed, by what is decided about together: the rows of C8.
func (v *visit) proposed(o customer.SignedIn) ([]proposedRow, error) {
	offers, err := v.Customers.Offers(v.context(), o)
	var all []proposedRow
	for _, offer := range offers {
		p := offer.Profile
		all = append(all, v.proposedValues(p)...)
		all = append(all, v.proposedExtras(p)...)
		for _, q := range p.Details.ProposedLists {
			all = append(all, v.proposedList(p, q))
		}
		if offer.Representative.ID != 0 {
			all = append(all, v.proposedPerson(p, offer.Representative))
		}
	}
	return all, err
}

// rowsOf are the groups of fields of a profile that are decided about together, in the order of C8.
func rowsOf(p customer.Profile) []group {
	var groups []group
	if p.Kind == customer.KindBusiness {
		groups = businessGroups()
	} else {
		for _, g := range personalRows() {
			groups = append(groups, group{kind: g.key, fields: g.fields})
		}
	}
	return append(groups, evidenceGroups(p.Kind)...)
}

func newRow(p customer.Profile, kind string, title Message) proposedRow {
	row := proposedRow{DetailsRow{Key: numbered(kind, p.ID), Title: title}, customer.Choice{Profile: p.ID}}
	if p.Kind == customer.KindBusiness {
		row.Whose = p.Name()
	}
	return row
}

// until takes a proposal of a moment into the row.
func (r *proposedRow) until(at time.Time, fields ...customer.Field) {
	r.Until = max(r.Until, at.UnixMilli())
	r.choice.Fields = append(r.choice.Fields, fields...)
}

// proposedValues are the rows of values.
func (v *visit) proposedValues(p customer.Profile) []proposedRow {
	after := subjectOf(p)
	after.Values = maps.Clone(p.Details.Values)
	for _, q := range p.Details.Proposals {
		after.Values[q.Field] = q.Value
	}
	var all []proposedRow
	for _, g := range rowsOf(p) {
		row := newRow(p, g.kind, Say("c8.row."+g.kind))
		for _, q := range p.Details.Proposals {
			if slices.Contains(g.fields, q.Field) {
				row.until(q.At, q.Field)
			}
		}
		if row.Until != 0 {
			row.Now, row.New = v.side(g, subjectOf(p)), v.side(g, after)
			all = append(all, row)
		}
	}
	return all
}

// side is what a group of fields says of somebody; nothing where nothing is said.
func (v *visit) side(groups group, s subject) []ReviewRow {
	s.needs = func(customer.Field) bool { return false }
	made := reviewPart{row: ReviewRow{Key: groups.kind, Kind: groups.kind}}
	made.fill(s, groups.fields)
	if made.row.Lines = v.lines(groups, s, made.row); !made.row.Given() {
		return nil
	}
	if groups.kind == "name" {
		made.row.Lines = []string{strings.Join(made.row.Lines, " ")}
	}
	return []ReviewRow{made.row}
}

// proposedList is the row of a whole list.
func (v *visit) proposedList(p customer.Profile, q customer.ListProposal) proposedRow {
	title := map[customer.Field]string{customer.Directors: "directors", customer.Owners: "owners", customer.OperationalAddresses: "places",
		customer.Documents: "documents"}[q.Field]
	row := newRow(p, title, Say("c8.section."+title))
	row.until(q.At, q.Field)
	entries := func(p customer.Profile) []ReviewRow {
		var rows []ReviewRow
		for _, part := range v.listParts(p, q.Field, ReviewSection{}) {
			if part.row.Key != "" {
				part.row.Lines = append(given(part.row.Label), part.row.Lines...)
				rows = append(rows, part.row)
			}
		}
		return rows
	}
	row.Now = entries(p)
	p.Details.Lists = q.Lists
	row.New = entries(p)
	return row
}

// proposedPerson is the row of who represents a business, as a whole.
func (v *visit) proposedPerson(p customer.Profile, r customer.Representative) proposedRow {
	row := newRow(p, "acting", Say("c8.section.acting"))
	row.Replaces = !r.TransferAt.IsZero()
	before := subject{r.Details, r.Needs, func(customer.Field) bool { return false }}
	after := before
	if after.Values = maps.Clone(r.Details.Values); row.Replaces {
		after.Values = map[customer.Field]string{}
		row.until(r.TransferAt)
	}
	for _, q := range r.Details.Proposals {
		after.Values[q.Field] = q.Value
		row.until(q.At)
	}
	for _, g := range actingGroups() {
		row.Now, row.New = append(row.Now, v.side(g, before)...), append(row.New, v.side(g, after)...)
	}
	return row
}
