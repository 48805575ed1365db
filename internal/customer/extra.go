package customer

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Extras are the fields that the operator asks for beside the contract's, by kind of profile and country. The zero value has
// none. They are settings: the values lie in the profile's Details like any other, under Extra.Field.
type Extras struct {
	list []Extra
	// Edition tells two files apart; 0 without one. A review is of the fields that it showed.
	Edition uint32
}

// ExtraType is the JSON type of a field's values: one control of a form can hold each of them.
type ExtraType string

// The types.
const (
	ExtraString  ExtraType = "string"
	ExtraInteger ExtraType = "integer"
	ExtraNumber  ExtraType = "number"
	ExtraBoolean ExtraType = "boolean"
)

// An Extra is one field of the operator's.
type Extra struct {
	// Key names it in the API and, after "x_", in forms, events and stored values.
	Key  string
	Kind Kind
	// Countries are where it is asked for, alpha-2; none is everywhere. The country is that of the profile's address.
	Countries []string
	Required  bool
	// Autocomplete is a token of the HTML standard, or empty.
	Autocomplete string
	Type         ExtraType
	// Choices are the values that it may have, where there is a list.
	Choices []string
	// MinLength, MaxLength and Pattern are the schema's own, where it has them at its top; nil and empty otherwise.
	MinLength, MaxLength *int
	Pattern              string
	words                map[string]ExtraWords
	schema               *jsonschema.Schema
}

// ExtraWords are what is said of a field in one language.
type ExtraWords struct {
	// Label names the field and is its question. Hint helps to find the value. Message says what a good value looks like,
	// and is shown beside one that is not good. Hint and Message may be empty.
	Label, Hint, Message string
	// Choices are the names of the values of a list; one that has no name is shown as it is.
	Choices map[string]string
}

// DefaultLanguage is the one in which every field has words.
const DefaultLanguage = "en"

// extraLimit bounds a value in code points.
const extraLimit = 1000

// extraPrefix keeps the operator's fields apart from those of the contract.
const extraPrefix = "x_"

// Field is the name under which the value is stored.
func (x Extra) Field() Field { return Field(extraPrefix + x.Key) }

// IsExtra reports whether a field is one of the operator's, of this or an earlier file.
func (f Field) IsExtra() bool { return strings.HasPrefix(string(f), extraPrefix) }

// Words are the field's in a language, or in English.
func (x Extra) Words(language string) ExtraWords {
	if words, has := x.words[language]; has {
		return words
	}
	return x.words[DefaultLanguage]
}

// asked reports whether the field is asked for in a country.
func (x Extra) asked(country string) bool {
	return len(x.Countries) == 0 || slices.Contains(x.Countries, country)
}

// For lists the fields that are asked of a profile, in the order of the file.
func (es Extras) For(p Profile) []Extra {
	var list []Extra
	for _, x := range es.list {
		if x.Kind == p.Kind && x.asked(p.Value(Country)) {
			list = append(list, x)
		}
	}
	return list
}

// Named finds the field that a partner means by a key: the one of the profile's country, or else one of another country, since
// the value may come before the address does.
func (es Extras) Named(p Profile, key string) (Extra, bool) {
	var found Extra
	for _, x := range es.list {
		switch {
		case x.Kind != p.Kind || x.Key != key:
		case x.asked(p.Value(Country)):
			return x, true
		case found.Key == "":
			found = x
		}
	}
	return found, found.Key != ""
}

// Missing lists the fields that keep a profile from being confirmed: those that are needed and not given, and those whose
// value is not what the field asks for any more, because the file or the country is another one since.
func (es Extras) Missing(p Profile) []Extra {
	return slices.DeleteFunc(es.For(p), func(x Extra) bool {
		if p.Value(x.Field()) == "" {
			return !x.Required
		}
		return x.Fits(p.Value(x.Field()))
	})
}

// Unseen reports whether a field that is asked for has a value that the customer never confirmed: it was in no file, or of
// another country, when the profile was.
func (es Extras) Unseen(p Profile) bool {
	return slices.ContainsFunc(es.For(p), func(x Extra) bool {
		return p.Value(x.Field()) != "" && p.Details.Provenance[x.Field()].ConfirmedAt.IsZero()
	})
}

// Fits reports whether a stored value is good today.
func (x Extra) Fits(text string) bool {
	again, problem := x.CheckText(text)
	return problem == NoProblem && again == text
}

// CheckText normalises what was typed and says what is wrong with it, as CheckValue does. Empty is no problem.
func (x Extra) CheckText(text string) (string, Problem) {
	text = Clean(text)
	if text == "" {
		return "", NoProblem
	}
	if problem := plainText(text); problem != NoProblem {
		return text, problem
	}
	switch x.Type {
	case ExtraInteger, ExtraNumber:
		number, ok := readNumber(strings.Replace(strings.ReplaceAll(text, " ", ""), ",", ".", 1), x.Type)
		if !ok {
			return text, Malformed
		}
		return number, x.conforms(json.Number(number))
	case ExtraBoolean:
		if text != "true" && text != "false" {
			return text, Malformed
		}
		return text, x.conforms(text == "true")
	}
	return text, x.conforms(text)
}

// CheckJSON does the same with a value that a partner sent: a string, json.Number or bool of the field's type; another type is
// Malformed. nil and "" are empty.
func (x Extra) CheckJSON(value any) (string, Problem) {
	switch v := value.(type) {
	case nil:
		return "", NoProblem
	case string:
		if v == "" || x.Type == ExtraString {
			return x.CheckText(v)
		}
	case json.Number:
		// Exponents are written out here: a checker that gets 1e999999999 builds that number.
		if f, err := v.Float64(); err == nil && (x.Type == ExtraInteger || x.Type == ExtraNumber) {
			return x.CheckText(strconv.FormatFloat(f, 'f', -1, 64))
		}
	case bool:
		if x.Type == ExtraBoolean {
			return x.CheckText(strconv.FormatBool(v))
		}
	}
	return "", Malformed
}

// JSON is a stored value as the API shows it; false where there is none, or one that is not what the field asks for any more.
func (x Extra) JSON(text string) (any, bool) {
	if text == "" || !x.Fits(text) {
		return nil, false
	}
	switch x.Type {
	case ExtraInteger, ExtraNumber:
		return json.Number(text), true
	case ExtraBoolean:
		return text == "true", true
	}
	return text, true
}

// conforms asks the schema.
func (x Extra) conforms(value any) Problem {
	if x.schema.Validate(value) == nil {
		return NoProblem
	}
	if text, is := value.(string); is && x.MaxLength != nil && utf8.RuneCountInString(text) > *x.MaxLength {
		return TooLong
	}
	return Malformed
}

func plainText(text string) Problem {
	if !utf8.ValidString(text) || strings.ContainsFunc(text, hidden) {
		return Malformed
	}
	return longer(text, extraLimit)
}

// largestNumber bounds numbers to what every JSON reader keeps exactly (RFC 8259 section 6).
const largestNumber = 1e15

// readNumber takes digits with a sign and a fraction, and writes them in one way.
func readNumber(text string, as ExtraType) (string, bool) {
	if text == "" || strings.Trim(text, "-.0123456789") != "" {
		return "", false
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.Abs(f) >= largestNumber || as == ExtraInteger && f != math.Trunc(f) {
		return "", false
	}
	if f == 0 {
		f = 0 // and not -0
	}
	return strconv.FormatFloat(f, 'f', -1, 64), true
}

// Confirmed confirms the values of the fields that the review showed, and of no others: a field that the file does not ask for
// today is on no page. before is the profile as it stood, after as it was confirmed.
func (es Extras) Confirmed(before, after Profile) Profile {
	shown := map[Field]bool{}
	for _, x := range es.For(after) {
		shown[x.Field()] = true
	}
	after.Details = after.Details.clone()
	for f, said := range after.Details.Provenance {
		if !f.IsExtra() {
			continue
		}
		if said.ConfirmedAt = before.Details.Provenance[f].ConfirmedAt; shown[f] {
			said.ConfirmedAt = after.ConfirmedAt
		}
		after.Details.Provenance[f] = said
	}
	return after
}
