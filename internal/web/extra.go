package web

import (
	"strconv"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
)

// extraParts are the rows of the operator's own fields, the last section of a profile (journey C8). A value that the field does
// not take any more counts as missing: the file or the country is another one since it was given.
func (v *visit) extraParts(s claim.State, p customer.Profile) []reviewPart {
	section, business := ReviewSection{Key: "more"}, p.Kind == customer.KindBusiness
	if business {
		section = ReviewSection{Key: numbered("more", p.ID), Kind: "more", Label: p.Name()}
	}
	var all []reviewPart
	for _, x := range s.Extras.For(p) {
		f := x.Field()
		row := ReviewRow{Key: string(f), Label: v.wordsOf(x).Label, Needed: x.Required}
		if business {
			row.Key = numbered(row.Key, p.ID)
		}
		switch value := p.Value(f); {
		case value == "":
		case !x.Fits(value):
			row.Needed = true
		default:
			row.Lines, row.Source = []string{v.extraValue(x, value)}, sourceOf(p.Details.Provenance[f].Source)
		}
		all = append(all, reviewPart{section: section, row: row, page: extraPage(p, x), profile: p.ID})
	}
	return all
}

// wordsOf are a field's words in the person's language.
func (v *visit) wordsOf(x customer.Extra) customer.ExtraWords {
	return x.Words(v.Pages.language("").code)
}

// extraValue is a value in words.
func (v *visit) extraValue(x customer.Extra, value string) string {
	for _, o := range v.extraOptions(x) {
		if o.Value == value {
			return o.Label
		}
	}
	return value
}

// extraOptions are the values that a field chooses from; none where it is typed.
func (v *visit) extraOptions(x customer.Extra) []Option {
	if x.Type == customer.ExtraBoolean {
		words := v.Pages.language("")
		return []Option{{Value: "true", Label: words.texts["c9.extra.yes"]}, {Value: "false", Label: words.texts["c9.extra.no"]}}
	}
	var all []Option
	for _, value := range x.Choices {
		label := v.wordsOf(x).Choices[value]
		if label == "" {
			label = value
		}
		all = append(all, Option{Value: value, Label: label})
	}
	return all
}

// extraPage is the page of C9 of such a field.
func extraPage(p customer.Profile, x customer.Extra) *section {
	f := x.Field()
	return &section{
		fill: func(v *visit, frame Frame, typed typed) Page {
			words := v.wordsOf(x)
			return &ExtraPage{Frame: frame, Key: x.Key, Label: words.Label, Hint: words.Hint, Value: or(typed, string(f), p.Value(f)),
				Autocomplete: x.Autocomplete, Optional: !x.Required, Options: v.extraOptions(x)}
		},
		read: func(v *visit) (claim.Correction, []Problem) {
			value, problem := x.CheckText(v.r.PostForm.Get(string(f)))
			if wrong := v.extraProblem(x, value, problem); wrong != nil {
				return claim.Correction{}, []Problem{*wrong}
			}
			return claim.Correction{Profile: p.ID, Values: map[customer.Field]string{f: value}}, nil
		},
	}
}

// extraProblem says what is wrong with a value, in the operator's words where there are some.
func (v *visit) extraProblem(x customer.Extra, value string, problem customer.Problem) *Problem {
	words, name := v.wordsOf(x), string(x.Field())
	var wrong Problem
	switch {
	case value == "" && !x.Required:
		return nil
	case value == "":
		wrong = Wrong(name, "c9.extra.empty", "label", words.Label)
	case problem == customer.NoProblem:
		return nil
	case words.Message != "":
		wrong = Wrong(name, "c9.extra.said", "message", words.Message)
	case problem == customer.TooLong && x.MaxLength != nil:
		wrong = Wrong(name, "c9.extra.long", "label", words.Label, "most", strconv.Itoa(*x.MaxLength))
	default:
		wrong = Wrong(name, "c9.extra.wrong", "label", words.Label)
	}
	return &wrong
}

// proposedExtras are the operator's fields for which a partner proposes another value. One that the field would not take is not
// offered: accepting it would leave the customer with a gap.
func (v *visit) proposedExtras(p customer.Profile) []proposedRow {
	var all []proposedRow
	for _, x := range v.Customers.Extras.For(p) {
		f := x.Field()
		for _, q := range p.Details.Proposals {
			if q.Field != f || !x.Fits(q.Value) || q.Value == "" && x.Required {
				continue
			}
			row := newRow(p, string(f), Say("c9.extra.title", "label", v.wordsOf(x).Label))
			row.until(q.At, f)
			row.Now, row.New = v.extraSide(x, p.Value(f)), v.extraSide(x, q.Value)
			all = append(all, row)
		}
	}
	return all
}

// extraSide is what a value says; nothing where there is none.
func (v *visit) extraSide(x customer.Extra, value string) []ReviewRow {
	if value == "" {
		return nil
	}
	return []ReviewRow{{Key: string(x.Field()), Label: v.wordsOf(x).Label, Lines: []string{v.extraValue(x, value)}}}
}
