package web

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
)

// A group is fields that are asked together, and the last words of the address of their page.
type group struct {
	kind   string
	fields []customer.Field
	// always shows the row even with nothing in it that is needed.
	always bool
}

// businessGroups are the rows of a business, in the order of C8.
func businessGroups() []group {
	return []group{
		{"business-name", []customer.Field{customer.BusinessName, customer.BusinessNameKatakana}, true},
		{"business-number", []customer.Field{customer.RegistrationNumber}, true},
		{"business-acn", []customer.Field{customer.ACN, customer.ABN, customer.ARBN}, false},
		{"business-type", []customer.Field{customer.CompanyType}, true},
		{"business-role", []customer.Field{customer.CompanyRole}, false},
		{"business-category", []customer.Field{customer.FirstCategory, customer.SecondCategory}, false},
		{"business-industries", []customer.Field{customer.Industries}, false},
		{"business-description", []customer.Field{customer.Description}, true},
		{"business-page", []customer.Field{customer.WebPage}, true},
		{"business-address", addressFields(), true},
	}
}

// addressFields are an address on one page, the country among them: without it none of the rest has a form.
func addressFields() []customer.Field {
	return []customer.Field{customer.FirstLine, customer.SecondLine, customer.City, customer.Region, customer.PostCode, customer.Country}
}

// actingGroups are the rows of who represents a business.
func actingGroups() []group {
	return []group{
		{"acting-name", []customer.Field{customer.FirstName, customer.LastName}, true},
		{"acting-preferred", []customer.Field{customer.PreferredName}, false},
		{"acting-birth", []customer.Field{customer.DateOfBirth}, true},
		{"acting-email", []customer.Field{customer.Email}, true},
		{"acting-phone", []customer.Field{customer.Phone}, true},
		{"acting-address", addressFields(), true},
	}
}

// evidenceGroups are the evidences of a kind of profile, one a row.
func evidenceGroups(kind customer.Kind) []group {
	var all []group
	for _, f := range customer.EvidenceFields(kind) {
		all = append(all, group{"evidence-" + strings.ReplaceAll(string(f), "_", "-"), []customer.Field{f}, false})
	}
	return all
}

// numbered is the key of a row about one of several things.
func numbered[T ~int64](kind string, id T) string {
	return kind + "-" + strconv.FormatInt(int64(id), 10)
}

// detailParts are the rows of groups of fields, where there is something to say or to ask; to is whose a correction is.
func (v *visit) detailParts(groups []group, s subject, section ReviewSection, id int64, to claim.Correction) []reviewPart {
	var all []reviewPart
	for _, g := range groups {
		made := reviewPart{section: section, row: ReviewRow{Key: numbered(g.kind, id), Kind: g.kind}, profile: to.Profile}
		made.fill(s, g.fields)
		made.row.Lines = v.lines(g, s, made.row)
		if !made.row.Given() && !made.row.Needed && !g.always {
			continue
		}
		free := slices.DeleteFunc(slices.Clone(g.fields), func(f customer.Field) bool { return slices.Contains(made.locked, f) })
		said := func(f customer.Field) bool { return s.Value(f) != "" }
		if len(made.locked) > 0 && slices.ContainsFunc(free, said) {
			made.locked, made.row.Source = nil, SourceNone // the rest can be changed, beside what was checked
			for _, f := range free {
				if s.Value(f) != "" {
					made.row.Source = max(made.row.Source, sourceOf(s.Provenance[f].Source))
				}
			}
		}
		if made.row.Fixed = g.kind == "business-industries"; !made.row.Fixed {
			made.page = detailPage(form{kind: g.kind, fields: free, needs: s.needs, have: s.Values, to: to})
		}
		all = append(all, made)
	}
	return all
}

// lines are the values of a row in words.
func (v *visit) lines(g group, s subject, row ReviewRow) []string {
	if len(row.Lines) == 0 {
		return nil
	}
	var lines []string
	for _, f := range g.fields {
		if f != customer.Country && f != customer.DateOfBirth {
			lines = append(lines, v.inWords(f, s.Value(f))...)
		}
	}
	if g.kind == "acting-name" {
		return []string{strings.Join(lines, " ")}
	}
	return lines
}

// businessParts are the sections of a business: itself, who acts for it, directors, owners, further addresses, evidences.
func (v *visit) businessParts(s claim.State, p customer.Profile) []reviewPart {
	head := func(kind string) ReviewSection {
		return ReviewSection{Key: numbered(kind, p.ID), Kind: kind, Label: p.Name()}
	}
	all := v.detailParts(businessGroups(), subjectOf(p), head("business"), int64(p.ID), claim.Correction{Profile: p.ID})
	all = append(all, v.actingParts(s, p, head("acting"))...)
	all = append(all, v.listParts(p, customer.Directors, head("directors"))...)
	all = append(all, v.listParts(p, customer.Owners, head("owners"))...)
	if len(p.Details.Lists.OperationalAddresses) > 0 {
		all = append(all, v.listParts(p, customer.OperationalAddresses, head("places"))...)
	}
	all = append(all, v.evidenceParts(p, head("use"))...)
	all = append(all, v.fileParts(s, p, head("files"))...)
	return append(all, v.extraParts(s, p)...)
}

// actingParts are the rows of who represents a business. One who represents several is shown whole once, and named after that.
func (v *visit) actingParts(s claim.State, p customer.Profile, section ReviewSection) []reviewPart {
	r, known := s.Representatives[p.Representative]
	if !known {
		return nil
	}
	first := slices.IndexFunc(s.Profiles, func(o customer.Profile) bool { return o.Representative == r.ID })
	if r.Holder || s.Profiles[first].ID != p.ID {
		row := ReviewRow{Key: numbered("acting-same", p.ID), Kind: "acting-same", Facts: []Message{Say("c8.acting.you")}, Fixed: true}
		if !r.Holder {
			row.Facts = []Message{Say("c8.acting.same", "business", s.Profiles[first].Name())}
		}
		return []reviewPart{{section: section, row: row, profile: p.ID}}
	}
	locks := func(f customer.Field) bool { return r.Locked(f, s.Profiles) }
	all := v.detailParts(actingGroups(), subject{r.Details, r.Needs, locks}, section, int64(r.ID), claim.Correction{Profile: p.ID, Representative: r.ID})
	for i := range all {
		if len(all[i].locked) > 0 {
			// A note about the person is kept with the business whose verification locked them.
			checked := slices.IndexFunc(s.Profiles, func(o customer.Profile) bool { return o.Representative == r.ID && o.Verified() })
			all[i].locked, all[i].profile = []customer.Field{customer.Acting}, s.Profiles[checked].ID
		}
	}
	return all
}

// evidenceParts are the evidences of a profile: all that are asked of its kind as soon as one is given or needed.
func (v *visit) evidenceParts(p customer.Profile, section ReviewSection) []reviewPart {
	groups := evidenceGroups(p.Kind)
	about := func(f customer.Field) bool { return p.Value(f) != "" || p.Needs(f) }
	if !slices.ContainsFunc(customer.EvidenceFields(p.Kind), about) {
		return nil
	}
	for i := range groups {
		groups[i].always = true
	}
	return v.detailParts(groups, subjectOf(p), section, int64(p.ID), claim.Correction{Profile: p.ID})
}

// listKinds are the lists, and how the keys of their rows begin.
var listKinds = map[customer.Field]string{customer.Directors: "director", customer.Owners: "owner", customer.OperationalAddresses: "place",
	customer.Documents: "document"}

// listParts are the rows of a list, with the page that adds to it. A list with nothing in it is a heading with that page.
func (v *visit) listParts(p customer.Profile, list customer.Field, section ReviewSection) []reviewPart {
	kind := listKinds[list]
	locked := p.Locked(list)
	if section.AddKind = kind; list != customer.Documents && !locked {
		section.Add = numbered(kind+"-new", p.ID)
		section.adds = v.itemPage(p, customer.Item{List: list})
	}
	all := []reviewPart{}
	add := func(id string, source customer.Source, row ReviewRow) {
		if row.Key, row.Kind, row.Source = kind+"-"+id, kind, sourceOf(source); !row.Given() {
			row.Facts = []Message{Say("c8.fact.only")}
		}
		made := reviewPart{section: section, row: row, profile: p.ID, page: v.itemPage(p, customer.Item{List: list, ID: id})}
		if locked {
			made.row.Source, made.locked = SourceChecked, []customer.Field{list}
		}
		all = append(all, made)
	}
	switch list {
	case customer.Directors:
		for _, d := range p.Details.Lists.Directors {
			row := ReviewRow{Label: strings.TrimSpace(d.FirstName + " " + d.LastName), Facts: v.facts("c8.fact.born", d.DateOfBirth, "c8.fact.lives", d.Country)}
			add(strconv.FormatInt(d.ID, 10), d.Source, row)
		}
	case customer.Owners:
		for _, o := range p.Details.Lists.Owners {
			row := ReviewRow{Label: o.Name, Facts: v.facts("c8.fact.born", o.DateOfBirth)}
			if lines := append(given(o.FirstLine, o.PostCode), v.countryNames(o.Country)...); len(lines) > 0 {
				row.Facts = append(row.Facts, Say("c8.fact.at", "address", strings.Join(lines, ", ")))
			}
			if o.PercentGiven {
				row.Facts = append(row.Facts, Say("c8.fact.holds", "percent", strconv.Itoa(o.Percent)))
			}
			add(o.ID, o.Source, row)
		}
	case customer.OperationalAddresses:
		for _, a := range p.Details.Lists.OperationalAddresses {
			add(strconv.FormatInt(a.ID, 10), a.Source, ReviewRow{Label: a.FirstLine, Lines: given(a.City, a.Region, a.PostCode), Country: a.Country})
		}
	case customer.Documents:
		for _, d := range p.Details.Lists.Documents {
			row := ReviewRow{Label: v.word(documentTypes, d.Type), Lines: given(d.Number, strings.TrimSpace(d.FirstName+" "+d.LastName))}
			row.Facts = append(v.facts("c8.fact.issued", d.IssuedOn, "c8.fact.expires", d.ExpiresOn, "c8.fact.issuer", d.IssuerCountry), v.alsoIn(d)...)
			add(strconv.FormatInt(d.ID, 10), d.Source, row)
		}
	}
	if len(all) == 0 && section.Add != "" {
		all = append(all, reviewPart{section: section, profile: p.ID})
	}
	return all
}

// alsoIn is what a document says beside what can be corrected here.
func (v *visit) alsoIn(d customer.Document) []Message {
	var all []Message
	for _, fact := range []struct {
		id, name string
		texts    []string
	}{
		{"c8.fact.issued.region", "place", given(d.IssuerRegion)},
		{"c8.fact.nationality", "country", v.countryNames(d.Nationality)},
		{"c8.fact.birthplace", "place", append(given(d.BirthPlace, d.BirthCity), v.countryNames(d.BirthCountry)...)},
		{"c8.fact.employer", "place", append(given(d.EmployerName, d.EmployerCity), v.countryNames(d.EmployerCountry)...)},
		{"c8.fact.sex", "sex", given(v.word("any", d.Sex))},
	} {
		if len(fact.texts) > 0 {
			all = append(all, Say(fact.id, fact.name, strings.Join(fact.texts, ", ")))
		}
	}
	return all
}

// given are the texts that are not empty.
func given(texts ...string) []string {
	return slices.DeleteFunc(texts, func(s string) bool { return s == "" })
}

// facts are sentences about days and countries, of pairs of a sentence and a value; what is not given says nothing, and what
// is no day is shown as it is.
func (v *visit) facts(pairs ...string) []Message {
	var all []Message
	words := v.Pages.language("")
	for i := 0; i+1 < len(pairs); i += 2 {
		id, value := pairs[i], pairs[i+1]
		day, err := time.Parse(time.DateOnly, value)
		switch {
		case value == "":
		case id == "c8.fact.lives" || id == "c8.fact.issuer":
			all = append(all, Say(id, "country", countryName(words.tag, value)))
		case err != nil:
			all = append(all, Say(id, "date", value))
		default:
			all = append(all, Say(id, "date", words.dateText(day)))
		}
	}
	return all
}
