package web

import (
	"fmt"
	"html/template"
	"strings"
)

// field is one control of a form with its label, hint and error. The ids are
// made from its name: f-{name}, f-{name}-hint, f-{name}-error.
type field struct {
	*view
	Name  string
	Label template.HTML
	Value string
	// Type is the type attribute of an input.
	Type string
	// InputMode and Autocomplete are the attributes of the Fields table.
	InputMode, Autocomplete string
	// Hint is shown between label and control.
	Hint template.HTML
	// Kind is "name", "secret", "code" or "": it decides on spelling help,
	// capitals and the look.
	Kind string
	// Width is a class for controls whose values are short.
	Width string
	// Readonly shows a value that is not changed here.
	Readonly bool
	// Checked is for a checkbox.
	Checked bool
	// Options are the lines of a select.
	Options []Option
	// Error is what is wrong, or nil.
	Error *Problem
	// Group is the name of the group that shows the error of this field.
	Group string
}

// Field makes a control. Options are pairs of: type, inputmode, autocomplete,
// hint (message id), hinttext, labeltext, kind, width, readonly, optional, group.
func (v *view) Field(name, label, value string, options ...string) (*field, error) {
	f := &field{view: v, Name: name, Value: value, Type: "text", Error: v.Problem(name)}
	if len(options)%2 != 0 {
		return nil, fmt.Errorf("field %s: an option without a value", name)
	}
	var labelText string
	optional := false
	for i := 0; i < len(options); i += 2 {
		option := options[i+1]
		switch options[i] {
		case "type":
			f.Type = option
		case "inputmode":
			f.InputMode = option
		case "autocomplete":
			f.Autocomplete = option
		case "kind":
			f.Kind = option
		case "width":
			f.Width = option
		case "group":
			f.Group = option
		case "readonly":
			f.Readonly = option == "yes"
		case "optional":
			optional = option == "yes"
		case "labeltext":
			labelText = option
		case "hinttext":
			if option != "" {
				f.Hint = isolate(option)
			}
		case "hint":
			hint, err := v.T(option)
			if err != nil {
				return nil, err
			}
			f.Hint = hint
		default:
			return nil, fmt.Errorf("field %s: no option %q", name, options[i])
		}
	}
	var err error
	if labelText != "" {
		f.Label = isolate(labelText)
	} else if f.Label, err = v.T(label); err != nil {
		return nil, err
	}
	if optional {
		f.Label, err = v.T("field.optional", "label", f.Label)
	}
	return f, err
}

// Check makes a checkbox.
func (v *view) Check(name, label string, checked bool, options ...string) (*field, error) {
	f, err := v.Field(name, label, "", options...)
	if err != nil {
		return nil, err
	}
	f.Checked = checked
	return f, nil
}

// Select makes a list whose first line, with an empty value, says what to do.
func (v *view) Select(name, label, value, first string, options []Option, more ...string) (*field, error) {
	f, err := v.Field(name, label, value, more...)
	if err != nil {
		return nil, err
	}
	text, err := v.Text(first)
	if err != nil {
		return nil, err
	}
	f.Options = append([]Option{{Label: text}}, options...)
	return f, nil
}

// Countries are the lines of a select of countries.
func (v *view) Countries(only []string) []Option { return countries(v.words.tag, only) }

// Alpha2 is a country code as the select of countries has it.
func (v *view) Alpha2(code string) string { return alpha2(code) }

// DescribedBy names hint and error, for aria-describedby; empty when there is
// neither.
func (f *field) DescribedBy() string {
	var ids []string
	if f.Hint != "" {
		ids = append(ids, "f-"+f.Name+"-hint")
	}
	if f.Error != nil {
		ids = append(ids, "f-"+f.Name+"-error")
	}
	return strings.Join(ids, " ")
}
