package web

import (
	"slices"
	"strings"
	"time"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
)

// A form is a page of C9 about some fields: what they are, what they must have, what they hold, and whose they are.
type form struct {
	// kind says which page it is: message id c9.{kind}.title.
	kind   string
	fields []customer.Field
	needs  func(customer.Field) bool
	have   map[customer.Field]string
	to     claim.Correction
	// remove offers to take the whole away: message id c9.{kind}.remove.
	remove bool
	// entry is set where the fields are those of a list's entry.
	entry bool
}

// detailPage is the page of a form.
func detailPage(of form) *section {
	return &section{
		fill: func(v *visit, f Frame, typed typed) Page {
			page := &FormPage{Frame: f, Kind: of.kind, Remove: of.remove}
			for _, field := range of.fields {
				page.Inputs = append(page.Inputs, v.input(of, field, typed))
			}
			return page
		},
		read: func(v *visit) (claim.Correction, []Problem) { return v.readForm(of) },
	}
}

// itemPage is the page of one entry of a list, or of one more.
func (v *visit) itemPage(p customer.Profile, item customer.Item) *section {
	have, _ := p.ItemValues(item)
	of := form{kind: listKinds[item.List], fields: customer.ItemFields(item.List), have: have, remove: item.ID != "", entry: true,
		to: claim.Correction{Profile: p.ID, Item: item}}
	of.needs = func(f customer.Field) bool { return customer.ItemNeeds(item.List, f, "") }
	return detailPage(of)
}

// isDate and isCountry tell the fields that are asked in their own way.
func isDate(f customer.Field) bool {
	return f == customer.DateOfBirth || f == customer.IssuedOn || f == customer.ExpiresOn
}

func isCountry(f customer.Field) bool { return f == customer.Country || f == customer.IssuerCountry }

// input is one question of a form, with what is stored or what was typed.
func (v *visit) input(of form, f customer.Field, typed typed) Input {
	name, value := string(f), of.have[f]
	in := Input{Name: name, Label: "c9.field." + strings.ReplaceAll(name, "_", "-"), Optional: !of.needs(f), Ask: AskText, Value: or(typed, name, value)}
	switch {
	case isDate(f):
		in.Ask = AskDate
		if day, err := time.Parse(time.DateOnly, value); err == nil {
			in.Day, in.Month, in.Year = day.Format("2"), day.Format("1"), day.Format("2006")
		}
		in.Day, in.Month, in.Year = or(typed, name+"_day", in.Day), or(typed, name+"_month", in.Month), or(typed, name+"_year", in.Year)
	case isCountry(f):
		in.Ask = AskCountry
	case f == customer.UseCaseCountries:
		in.Ask, in.Value = AskLines, or(typed, name, strings.Join(v.countryNames(value), "\n"))
	case f == customer.FirstCategory:
		in.Ask, in.Options, in.Value = AskOne, v.categories(), or(typed, name, value+"/"+of.have[customer.SecondCategory])
	case f == customer.SecondCategory:
		in.Ask = AskNothing // asked with the first
	case isCode(f) && customer.TakesSeveral(f):
		in.Ask, in.Options = AskSeveral, v.options(f)
		stored := strings.Fields(value)
		for _, o := range in.Options {
			box := ""
			if slices.Contains(stored, o.Value) {
				box = "yes"
			}
			if or(typed, name+"-"+o.Value, box) != "" {
				in.Chosen = append(in.Chosen, o.Value)
			}
		}
	case isCode(f):
		in.Ask, in.Options = AskOne, v.options(f)
	case f == customer.Description || f == customer.AccountPurposeExplanation || f == customer.IncomeExplanation:
		in.Ask = AskLines
	}
	return in
}

// options are the codes that a field may be, in words.
func (v *visit) options(f customer.Field) []Option {
	codes := customer.EvidenceCodes(f)
	switch f {
	case customer.CompanyType:
		codes = customer.CompanyTypes()
	case customer.CompanyRole:
		codes = customer.CompanyRoles()
	}
	var all []Option
	for _, code := range codes {
		all = append(all, Option{Value: code, Label: v.word(family(f), code)})
	}
	return all
}

// categories are both levels in one list: which second ones there are depends on the first, and a page without scripts cannot
// ask for one after the other.
func (v *visit) categories() []Option {
	var all []Option
	for _, first := range customer.Categories() {
		all = append(all, Option{Value: first + "/", Label: v.word("any", first)})
		for _, second := range customer.Subcategories(first) {
			all = append(all, Option{Value: first + "/" + second, Label: v.word("any", first) + ": " + v.word("any", second)})
		}
	}
	return all
}

// readForm reads a posted form, field by field; all that is wrong is said at once.
func (v *visit) readForm(of form) (claim.Correction, []Problem) {
	to := of.to
	if of.remove && v.r.PostForm.Get("remove") != "" {
		to.Item.Remove = true
		return to, nil
	}
	to.Values = map[customer.Field]string{}
	var problems []Problem
	country, _ := customer.ParseCountry(v.r.PostForm.Get(string(customer.Country)))
	if !slices.Contains(of.fields, customer.Country) {
		country = of.have[customer.Country]
	}
	for _, f := range of.fields {
		switch {
		case f == customer.SecondCategory:
		case f == customer.FirstCategory:
			first, second, _ := strings.Cut(v.r.PostForm.Get(string(f)), "/")
			if !slices.Contains(customer.Categories(), first) || second != "" && !customer.CategoryFits(first, second) {
				problems = append(problems, v.problem(f, string(f), "choose"))
			}
			to.Values[f], to.Values[customer.SecondCategory] = first, second
		default:
			value, wrong := v.readField(of, f, country)
			problems = append(problems, wrong...)
			to.Values[f] = value
		}
	}
	return to, problems
}

// readField reads one field and says what is wrong with it.
func (v *visit) readField(of form, f customer.Field, country string) (string, []Problem) {
	name, text := string(f), v.r.PostForm.Get(string(f))
	needed := of.needs(f)
	switch {
	case of.entry && of.to.Item.List != "":
		needed = customer.ItemNeeds(of.to.Item.List, f, country)
	case f == customer.Region || f == customer.PostCode:
		needed = customer.AddressNeeds(f, country)
	}
	switch {
	case f == customer.Region && country != "" && !customer.AsksRegion(country), f == customer.PostCode && country != "" && !customer.AsksPostCode(country):
		return "", nil // what the country does not have is not kept
	case isDate(f):
		var problems []Problem
		if text, problems = v.readDate(f, needed); len(problems) > 0 || text == "" {
			return text, problems
		}
	case f == customer.UseCaseCountries:
		var unknown string
		if text, unknown = countriesByName(v.Pages.language(""), text); unknown != "" {
			return "", []Problem{Wrong(name, "c9.country.name", "name", unknown)}
		}
	case isCode(f) && customer.TakesSeveral(f):
		var chosen []string
		for _, o := range v.options(f) {
			if v.r.PostForm.Get(name+"-"+o.Value) != "" {
				chosen = append(chosen, o.Value)
			}
		}
		text = strings.Join(chosen, " ")
	}
	value, problem := customer.CheckItemValue(f, text, country, v.Now())
	first := name
	if isDate(f) {
		first += "_day"
	} else if isCode(f) && customer.TakesSeveral(f) {
		first += "-" + v.options(f)[0].Value
	}
	switch {
	case value == "" && needed:
		return "", []Problem{v.problem(f, first, "empty")}
	case problem == customer.TooLong:
		return value, []Problem{v.problem(f, first, "long")}
	case problem == customer.InFuture:
		return value, []Problem{Wrong(first, "c9.birth.later")}
	case problem != customer.NoProblem && f == customer.PostCode:
		return value, []Problem{Wrong(name, "c9.address.postal.wrong", "country", countryName(v.Pages.language("").tag, country))}
	case problem != customer.NoProblem:
		return value, []Problem{v.problem(f, first, "malformed")}
	}
	return value, nil
}

// problem is what is wrong with a field: a sentence of its own, c9.{field}.{what}, or one around its name.
func (v *visit) problem(f customer.Field, name, what string) Problem {
	words := v.Pages.language("")
	key := strings.ReplaceAll(string(f), "_", "-")
	if id := "c9." + key + "." + what; words.has(id) {
		return Wrong(name, id)
	}
	return Wrong(name, "c9.value."+what, "label", words.texts["c9.field."+key])
}

// readDate reads a day from its three fields.
func (v *visit) readDate(f customer.Field, needed bool) (string, []Problem) {
	name := string(f)
	day, month, year := customer.Clean(v.r.PostForm.Get(name+"_day")), customer.Clean(v.r.PostForm.Get(name+"_month")), customer.Clean(v.r.PostForm.Get(name+"_year"))
	switch {
	case day == "" && month == "" && year == "" && needed:
		return "", []Problem{v.problem(f, name+"_day", "empty")}
	case day == "" && month == "" && year == "":
		return "", nil
	case day == "" || month == "" || year == "":
		return "", []Problem{v.problem(f, name+"_day", "part")}
	}
	if date, real := v.Pages.day(day, month, year); real {
		return date.Format(time.DateOnly), nil
	}
	return "", []Problem{Wrong(name+"_day", "c9.birth.unreal")}
}

// countriesByName reads countries, a line or a comma each, by name or code, and says which one it does not know.
func countriesByName(words *catalogue, text string) (codes, unknown string) {
	var all []string
	for name := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '\n' || r == ',' || r == ';' || r == '\r' }) {
		name = customer.Clean(name)
		if name == "" {
			continue
		}
		code, known := customer.ParseCountry(name)
		for _, o := range countries(words.tag, nil) {
			if !known && strings.EqualFold(o.Label, name) {
				code, known = o.Value, true
			}
		}
		if !known {
			return "", name
		}
		if !slices.Contains(all, code) {
			all = append(all, code)
		}
	}
	return strings.Join(all, " "), ""
}
