package web

import "slices"

// Ask is how a value is asked for.
type Ask string

// The ways of asking.
const (
	// AskText is a line of text.
	AskText Ask = "text"
	// AskLines is a text of several lines.
	AskLines Ask = "lines"
	// AskDate is a day in three parts.
	AskDate Ask = "date"
	// AskCountry is a list of countries.
	AskCountry Ask = "country"
	// AskOne and AskSeveral choose among options.
	AskOne     Ask = "one"
	AskSeveral Ask = "several"
	// AskNothing is a value that another input asks for.
	AskNothing Ask = ""
)

// Input is one question of a FormPage.
type Input struct {
	// Name is the name of the control; those of a date add _day, _month and _year, those of several choices a hyphen and the
	// option's value.
	Name string
	// Label is the message id of its name.
	Label string
	Ask   Ask
	// Value is what is stored, or what was typed; Day, Month and Year are those of a date.
	Value, Day, Month, Year string
	Options                 []Option
	// Chosen are the values of the options that are ticked, of several.
	Chosen   []string
	Optional bool
}

// FormPage is C9 for what has no page of its own: the fields of a business, of people, of documents, and evidences.
type FormPage struct {
	Frame
	// Kind is which page it is: message id c9.{Kind}.title.
	Kind   string
	Inputs []Input
	// Remove offers to take away what the page is about: field remove, message id c9.{Kind}.remove.
	Remove bool
}

func (p *FormPage) face() face {
	return face{id: "c9.form", file: "details", heading: Say("c9." + p.Kind + ".title")}
}

// RemoveID is what the button says that takes away what the page is about.
func (p *FormPage) RemoveID() string { return "c9." + p.Kind + ".remove" }

// Lead is the sentence under the heading, where there is one.
func (v *view) Lead(id string) (any, error) {
	if !v.words.has(id) {
		return nil, nil
	}
	return v.T(id)
}

// Hint is the message id of a hint, where there is one.
func (v *view) Hint(in Input) string {
	if id := in.Label + ".hint"; v.words.has(id) {
		return id
	}
	return ""
}

// Ask makes the control of an input.
func (v *view) Ask(in Input) (*field, error) {
	options := []string{}
	if in.Optional {
		options = append(options, "optional", "yes")
	}
	if hint := v.Hint(in); hint != "" {
		options = append(options, "hint", hint)
	}
	if in.Ask == AskText {
		options = append(options, "kind", "name")
	}
	switch in.Ask {
	case AskCountry:
		return v.Select(in.Name, in.Label, v.Alpha2(in.Value), "c9.country.choose", v.Countries(nil), options...)
	case AskOne:
		return v.Select(in.Name, in.Label, in.Value, "c9.choose", in.Options, options...)
	}
	return v.Field(in.Name, in.Label, in.Value, options...)
}

// Part makes one of the three controls of a date.
func (v *view) Part(in Input, part, value, label, width string) (*field, error) {
	return v.Field(in.Name+"_"+part, label, value, "inputmode", "numeric", "group", in.Name, "width", width)
}

// Box makes one of several choices.
func (v *view) Box(in Input, o Option) (*field, error) {
	f, err := v.Check(in.Name+"-"+o.Value, in.Label, slices.Contains(in.Chosen, o.Value))
	if err == nil {
		f.Label = isolate(o.Label)
	}
	return f, err
}

// Legend is the name of a group of controls, and says where it can be left out.
func (v *view) Legend(in Input) (any, error) {
	label, err := v.T(in.Label)
	if err != nil || !in.Optional {
		return label, err
	}
	return v.T("field.optional", "label", label)
}
