package web

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
)

// A section is one page of C9: how it is filled, how it is read, and what page shows it. Fields and sentences are those
// of journey section 4, Fields.
type section struct {
	// fill gives the page with what is stored, or with what was typed when the form comes back.
	fill func(v *visit, f Frame, typed typed) Page
	// read gives the values of a posted form and what is wrong with them.
	read func(v *visit) (claim.Correction, []Problem)
}

// typed is what was posted under a name, and whether anything was: nothing while the page is shown first.
type typed func(name string) (string, bool)

// A personal section is one of a person's profile.
type personal struct {
	fill func(v *visit, f Frame, p customer.Profile, typed typed) Page
	read func(v *visit, p customer.Profile) (claim.Correction, []Problem)
}

// sections are the pages of C9 about a person, by the last part of their address. The e-mail address has none: it was
// proved (C2).
func sections() map[string]personal {
	return map[string]personal{
		"name":        {fillName, readName},
		"preferred":   {fillPreferred, readOne(customer.PreferredName, "preferred_name", "", "c9.preferred.long", "c9.preferred.characters")},
		"birth":       {fillBirth, readBirth},
		"phone":       {fillPhone, readOne(customer.Phone, "phone", "c9.phone.empty", "c9.phone.empty", "c9.phone.empty")},
		"nationality": {fillNationality, readOne(customer.Nationality, "nationality", "", "c9.nationality.unknown", "c9.nationality.unknown")},
		"country":     {fillCountry, readOne(customer.Country, "country", "c9.country.empty", "c9.country.empty", "c9.country.empty")},
		"occupation":  {fillOccupation, readOccupation},
		"address":     {fillAddress, readAddress},
	}
}

// personalPage is such a page for a profile.
func personalPage(p customer.Profile, of personal) *section {
	return &section{
		fill: func(v *visit, f Frame, typed typed) Page { return of.fill(v, f, p, typed) },
		read: func(v *visit) (claim.Correction, []Problem) {
			c, problems := of.read(v, p)
			c.Profile = p.ID
			return c, problems
		},
	}
}

// isSection reports whether there are pages of that name. Whether this customer has it is another question.
func isSection(key string) bool {
	if _, known := sections()[key]; known {
		return true
	}
	kind, number := key, ""
	if i := strings.LastIndexByte(key, '-'); i > 0 {
		kind, number = strings.TrimSuffix(key[:i], "-new"), key[i+1:]
	}
	if customer.Field(kind).IsExtra() {
		return true
	}
	if number == "" || len(number) > 32 || strings.Trim(number, "0123456789abcdef") != "" {
		return false
	}
	for _, list := range listKinds {
		if kind == list {
			return true
		}
	}
	groups := slices.Concat(businessGroups(), actingGroups(), evidenceGroups(customer.KindPersonal), evidenceGroups(customer.KindBusiness))
	return slices.ContainsFunc(groups, func(g group) bool { return g.kind == kind })
}

// part finds the row that the address names, among the customer's own. A row that cannot be changed has no page.
func (v *visit) part(s claim.State) (reviewPart, bool) {
	key := v.r.PathValue("section")
	for _, p := range v.parts(s) {
		if p.row.Key == key && key != "" {
			return p, true
		}
		if p.section.Add == key && p.section.adds != nil {
			return reviewPart{row: ReviewRow{Key: key}, section: p.section, page: p.section.adds, profile: p.profile}, true
		}
	}
	return reviewPart{}, false
}

func showSection(v *visit, s claim.State) error {
	p, found := v.part(s)
	if !found || p.page == nil {
		return errMissing
	}
	if len(p.locked) > 0 {
		return v.see(v.wrong(p.row.Key))
	}
	if p.row.Key == "address" && countryOf(s, p.profile) == "" {
		// What an address needs depends on the country, so that is asked first (journey C9).
		return v.see(v.base() + "/review/country")
	}
	return v.sectionPage(s, p, http.StatusOK, nil, func(string) (string, bool) { return "", false })
}

// countryOf is the country of a profile's address.
func countryOf(s claim.State, id customer.ProfileID) string {
	for _, p := range s.Profiles {
		if p.ID == id {
			return p.Value(customer.Country)
		}
	}
	return ""
}

func (v *visit) sectionPage(s claim.State, p reviewPart, status int, problems []Problem, typed typed) error {
	f := v.reviewFrame(s)
	f.Back, f.Problems, f.FormToken = v.at(claim.StepReview), problems, v.token("review/"+p.row.Key)
	return v.show(status, p.page.fill(v, f, typed))
}

// postSection saves one page of C9 and returns to its row; a new country asks for the address next.
func postSection(v *visit) error {
	key := v.r.PathValue("section")
	if !isSection(key) {
		return errMissing
	}
	if err := v.posted("review/" + key); err != nil {
		return v.next(err, claim.StepReview, nil)
	}
	state, next, err := v.state()
	if err != nil {
		return v.ended(state, err)
	}
	if next != claim.StepReview {
		return v.moved(next)
	}
	return v.saveSection(state, func(c claim.Correction) error { return v.Claims.Correct(v.context(), v.post(), c) },
		func(err error) error { return v.next(err, claim.StepReview, nil) })
}

// saveSection corrects what a page of C9 is about, of a journey or of the customer's own pages; otherwise answers what goes wrong
// with neither the values nor what they are of.
func (v *visit) saveSection(state claim.State, correct func(claim.Correction) error, otherwise func(error) error) error {
	key := v.r.PathValue("section")
	p, found := v.part(state)
	if !found || p.page == nil {
		return v.see(v.at(claim.StepReview)) // it was there when the page was shown
	}
	correction, problems := p.page.read(v)
	if len(problems) > 0 {
		return v.sectionPage(state, p, http.StatusUnprocessableEntity, problems, v.typed)
	}
	before := countryOf(state, p.profile)
	if key == "country" {
		correction = newCountry(before, correction)
	}
	switch err := correct(correction); {
	case errors.Is(err, customer.ErrLocked): // checked since the page was shown
		return v.see(v.wrong(key))
	case errors.Is(err, customer.ErrNoItem), errors.Is(err, customer.ErrNoProfile), errors.Is(err, customer.ErrNoRepresentative):
		// Taken away since.
		return v.see(v.at(claim.StepReview))
	case errors.Is(err, customer.ErrTooMany):
		return v.sectionPage(state, p, http.StatusUnprocessableEntity, []Problem{{Message: Say("c9.many")}}, v.typed)
	case err != nil:
		return otherwise(err)
	}
	if key == "country" && correction.Values[customer.Country] != before {
		return v.see(v.base() + "/review/address")
	}
	return v.see(v.at(claim.StepReview) + p.anchor())
}

// anchor is where on C8 the row of a page is: one that was added or taken away is in its list.
func (p reviewPart) anchor() string {
	if p.section.adds != nil {
		return "#section-" + p.section.Key
	}
	return "#row-" + p.row.Key
}

// newCountry empties what was written for the old country's form of address: a postcode of another country would be
// wrong, and nobody would be asked about it.
func newCountry(before string, c claim.Correction) claim.Correction {
	if c.Values[customer.Country] == before {
		return c
	}
	c.Values[customer.Region], c.Values[customer.PostCode] = "", ""
	return c
}

// typed is what was posted, for a form that comes back.
func (v *visit) typed(name string) (string, bool) {
	values, given := v.r.PostForm[name]
	if !given || len(values) == 0 {
		return "", true
	}
	return values[0], true
}

// or is what was typed, or else what is stored.
func or(typed typed, name, stored string) string {
	if value, given := typed(name); given {
		return value
	}
	return stored
}

// readOne reads a page with one field.
func readOne(f customer.Field, name, empty, long, malformed string) func(*visit, customer.Profile) (claim.Correction, []Problem) {
	return func(v *visit, p customer.Profile) (claim.Correction, []Problem) {
		value, problem := customer.CheckValue(f, v.r.PostForm.Get(name), p.Value(customer.Country), v.Now())
		switch {
		case value == "" && empty != "":
			return claim.Correction{}, []Problem{Wrong(name, empty)}
		case problem == customer.TooLong:
			return claim.Correction{}, []Problem{Wrong(name, long)}
		case problem != customer.NoProblem:
			return claim.Correction{}, []Problem{Wrong(name, malformed)}
		}
		return claim.Correction{Values: map[customer.Field]string{f: value}}, nil
	}
}

func fillName(_ *visit, f Frame, p customer.Profile, typed typed) Page {
	one := p.Details.OneName
	if value, given := typed("one_name"); given {
		one = value != ""
	}
	return &NamePage{Frame: f, GivenName: or(typed, "given_name", p.Value(customer.FirstName)),
		FamilyName: or(typed, "family_name", p.Value(customer.LastName)), OneName: one}
}

func readName(v *visit, p customer.Profile) (claim.Correction, []Problem) {
	one := v.r.PostForm.Get("one_name") != ""
	given, problems := readOne(customer.FirstName, "given_name", "c9.given.empty", "c9.given.long", "c9.given.characters")(v, p)
	empty := "c9.family.empty"
	if one {
		empty = ""
	}
	family, more := readOne(customer.LastName, "family_name", empty, "c9.family.long", "c9.family.characters")(v, p)
	if one && len(more) == 0 && family.Values[customer.LastName] != "" {
		more = []Problem{Wrong("family_name", "c9.family.both")}
	}
	if problems = append(problems, more...); len(problems) > 0 {
		return claim.Correction{}, problems
	}
	given.Values[customer.LastName] = family.Values[customer.LastName]
	given.OneName = &one
	return given, nil
}

func fillPreferred(_ *visit, f Frame, p customer.Profile, typed typed) Page {
	return &PreferredPage{Frame: f, PreferredName: or(typed, "preferred_name", p.Value(customer.PreferredName))}
}

func fillPhone(_ *visit, f Frame, p customer.Profile, typed typed) Page {
	return &PhonePage{Frame: f, Phone: or(typed, "phone", p.Value(customer.Phone))}
}

func fillNationality(_ *visit, f Frame, p customer.Profile, typed typed) Page {
	return &NationalityPage{Frame: f, Nationality: or(typed, "nationality", p.Value(customer.Nationality))}
}

func fillCountry(_ *visit, f Frame, p customer.Profile, typed typed) Page {
	return &CountryPage{Frame: f, Country: or(typed, "country", p.Value(customer.Country))}
}

func fillOccupation(_ *visit, f Frame, p customer.Profile, typed typed) Page {
	return &OccupationPage{Frame: f, Occupation: or(typed, "occupation", p.Value(customer.Occupation))}
}

func readOccupation(v *visit, p customer.Profile) (claim.Correction, []Problem) {
	empty := ""
	if p.Needs(customer.Occupation) {
		empty = "c9.occupation.empty"
	}
	return readOne(customer.Occupation, "occupation", empty, "c9.occupation.long", "c9.occupation.long")(v, p)
}

func fillBirth(_ *visit, f Frame, p customer.Profile, typed typed) Page {
	day, month, year := "", "", ""
	if date, err := time.Parse(time.DateOnly, p.Value(customer.DateOfBirth)); err == nil {
		day, month, year = strconv.Itoa(date.Day()), strconv.Itoa(int(date.Month())), strconv.Itoa(date.Year())
	}
	return &BirthPage{Frame: f, Day: or(typed, "birth_day", day), Month: or(typed, "birth_month", month), Year: or(typed, "birth_year", year)}
}

// readBirth takes day, month (number or name) and year, and says which part is wrong.
func readBirth(v *visit, _ customer.Profile) (claim.Correction, []Problem) {
	day, month, year := customer.Clean(v.r.PostForm.Get("birth_day")), customer.Clean(v.r.PostForm.Get("birth_month")), customer.Clean(v.r.PostForm.Get("birth_year"))
	var problems []Problem
	if day == "" && month == "" && year == "" {
		return claim.Correction{}, []Problem{Wrong("birth_day", "c9.birth.empty")}
	}
	for _, part := range []struct{ name, value string }{{"day", day}, {"month", month}, {"year", year}} {
		if part.value == "" {
			problems = append(problems, Wrong("birth_"+part.name, "c9.birth.part."+part.name))
		}
	}
	if len(problems) == 0 && (len(year) != 4 || strings.Trim(year, "0123456789") != "") {
		problems = append(problems, Wrong("birth_year", "c9.birth.year.digits"))
	}
	if len(problems) > 0 {
		return claim.Correction{}, problems
	}
	date, real := v.Pages.day(day, month, year)
	if !real {
		return claim.Correction{}, []Problem{Wrong("birth_day", "c9.birth.unreal")}
	}
	text, problem := customer.CheckValue(customer.DateOfBirth, date.Format(time.DateOnly), "", v.Now())
	switch problem {
	case customer.InFuture:
		return claim.Correction{}, []Problem{Wrong("birth_day", "c9.birth.later")}
	case customer.NoProblem:
		return claim.Correction{Values: map[customer.Field]string{customer.DateOfBirth: text}}, nil
	}
	return claim.Correction{}, []Problem{Wrong("birth_day", "c9.birth.unreal")}
}

// day reads a day from its parts; false when there is none such.
func (p *Pages) day(day, month, year string) (time.Time, bool) {
	d, dayErr := strconv.Atoi(day)
	m := p.monthNumber(month)
	y, yearErr := strconv.Atoi(year)
	date := time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC)
	return date, dayErr == nil && yearErr == nil && len(year) == 4 && m != 0 && date.Day() == d && date.Month() == time.Month(m) && date.Year() == y
}

// monthNumber reads a month as a number or as a name, whole or its first three letters or more, in any language of the
// catalogue; 0 when it is none.
func (p *Pages) monthNumber(text string) int {
	if n, err := strconv.Atoi(text); err == nil {
		if n >= 1 && n <= 12 {
			return n
		}
		return 0
	}
	text = strings.ToLower(strings.TrimSuffix(text, "."))
	for _, words := range p.words {
		for month := 1; month <= 12; month++ {
			name, err := words.asText("month."+strconv.Itoa(month), 0, nil)
			if err == nil && len(text) >= 3 && strings.HasPrefix(strings.ToLower(name), text) {
				return month
			}
		}
	}
	return 0
}

func fillAddress(_ *visit, f Frame, p customer.Profile, typed typed) Page {
	country := p.Value(customer.Country)
	return &AddressPage{Frame: f, Country: country, AskRegion: customer.AsksRegion(country), NoPostcode: !customer.AsksPostCode(country),
		Line1: or(typed, "line1", p.Value(customer.FirstLine)), Line2: or(typed, "line2", p.Value(customer.SecondLine)),
		City: or(typed, "city", p.Value(customer.City)), Region: or(typed, "region", p.Value(customer.Region)),
		Postcode: or(typed, "postal_code", p.Value(customer.PostCode))}
}

func readAddress(v *visit, p customer.Profile) (claim.Correction, []Problem) {
	country := p.Value(customer.Country)
	values, problems := map[customer.Field]string{}, []Problem(nil)
	wants := []struct {
		field       customer.Field
		name, empty string
		long        string
	}{
		{customer.FirstLine, "line1", "c9.address.line1.empty", "c9.address.line1.long"},
		{customer.SecondLine, "line2", "", "c9.address.line2.long"},
		{customer.City, "city", "c9.address.city.empty", "c9.address.city.long"},
		{customer.Region, "region", "c9.address.region.empty", "c9.address.region.long"},
		{customer.PostCode, "postal_code", "c9.address.postal.empty", "c9.address.postal.wrong"},
	}
	for _, want := range wants {
		if want.field == customer.Region && !customer.AsksRegion(country) || want.field == customer.PostCode && !customer.AsksPostCode(country) {
			values[want.field] = ""
			continue
		}
		value, problem := customer.CheckValue(want.field, v.r.PostForm.Get(want.name), country, v.Now())
		switch {
		case value == "" && want.empty != "":
			problems = append(problems, Wrong(want.name, want.empty))
		case want.field == customer.PostCode && problem != customer.NoProblem:
			problems = append(problems, Wrong(want.name, want.long, "country", countryName(language.English, country)))
		case problem == customer.TooLong:
			problems = append(problems, Wrong(want.name, want.long))
		case problem != customer.NoProblem:
			problems = append(problems, Wrong(want.name, "c9.address.characters"))
		}
		values[want.field] = value
	}
	return claim.Correction{Values: values}, problems
}
