package api

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/latchkey-id/latchkey"
	"github.com/latchkey-id/latchkey/internal/customer"
)

// purposes are the account purposes of the extensions, with the evidence that says the same (contract 10.5, 11.3).
var purposes = [][3]string{
	{"CONTRIBUTING_TO_PERSONAL_SAVINGS", "MOVING_SAVINGS", "Contributing to personal savings"},
	{"GENERAL_MONTHLY_LIVING_EXPENSES", "GENERAL_LIVING_EXPENSES", "General monthly living expenses"},
	{"PAYING_FOR_GOODS_OR_SERVICES_ABROAD", "BUYING_GOODS_OR_SERVICES_ABROAD", "Paying for goods or services abroad"},
	{"SENDING_MONEY_REGULARLY_TO_FAMILY", "SENDING_MONEY_TO_FRIENDS_OR_FAMILY", "Sending money regularly to family"},
}

// accountPurpose is the one documented extension; the others are the operator's own fields, under their keys.
const accountPurpose = "accountPurpose"

// extensionForm is the form of the extensions (contract 10.5), with what the operator asks of this profile.
func (d *Door) extensionForm(c *call) (any, error) {
	id, err := c.number("profile")
	if err != nil {
		return nil, err
	}
	e, err := d.Customers.Profile(c.r.Context(), c.caller(), customer.ProfileID(id))
	if err != nil {
		return nil, err
	}
	field := latchkey.FormField{Key: accountPurpose, Type: "select", Required: true, Example: purposes[0][0]}
	for _, p := range purposes {
		field.ValuesAllowed = append(field.ValuesAllowed, latchkey.FormValue{Key: p[0], Name: p[2]})
	}
	form := latchkey.ExtensionRequirements{Type: "profile-extensions-requirements",
		Fields: []latchkey.FormFields{{Name: "Account purpose", Group: []latchkey.FormField{field}}}}
	for _, x := range d.Customers.Extras.For(e.Profile) {
		form.Fields = append(form.Fields, latchkey.FormFields{Name: x.Words(customer.DefaultLanguage).Label, Group: []latchkey.FormField{formField(x)}})
	}
	return []latchkey.ExtensionRequirements{form}, nil
}

// formField is one of the operator's fields as forms show them (contract 9.2).
func formField(x customer.Extra) latchkey.FormField {
	words := x.Words(customer.DefaultLanguage)
	field := latchkey.FormField{Key: x.Key, Type: "text", Required: x.Required, MinLength: x.MinLength, MaxLength: x.MaxLength,
		ValidationRegexp: latchkey.Maybe(x.Pattern)}
	values := x.Choices
	if x.Type == customer.ExtraBoolean {
		values = []string{"true", "false"}
	}
	for _, value := range values {
		field.Type = "select"
		name := value
		if said := words.Choices[value]; said != "" {
			name = said
		}
		field.ValuesAllowed = append(field.ValuesAllowed, latchkey.FormValue{Key: value, Name: name})
	}
	return field
}

// saveExtensions stores the account's purpose as the evidence that it is (contract 10.5), and the operator's own fields. A key
// that is none of them is ignored (contract OC-40).
func (d *Door) saveExtensions(c *call) (any, error) {
	id, err := c.number("profile")
	if err != nil {
		return nil, err
	}
	var in struct {
		Details struct {
			AccountPurpose latchkey.Maybe `json:"accountPurpose"`
		} `json:"details"`
	}
	if err := c.body.into(&in); err != nil {
		return nil, err
	}
	e, err := d.Customers.Profile(c.r.Context(), c.caller(), customer.ProfileID(id))
	if err != nil {
		return nil, err
	}
	values, wrong, err := d.ownFields(c, e.Profile)
	if err != nil {
		return nil, err
	}
	if in.Details.AccountPurpose != "" || len(values)+len(wrong) == 0 {
		purpose, problem := purposeOf(string(in.Details.AccountPurpose))
		if values[customer.AccountPurpose] = purpose; problem != customer.NoProblem {
			wrong = append([]latchkey.FieldError{oldProblem(accountPurpose, problem)}, wrong...)
		}
	}
	if len(wrong) > 0 {
		return nil, fieldsError{422, wrong}
	}
	return c.giveAll(http.StatusOK, id, customer.Evidences{Values: values}, func([]customer.Field) error {
		return fieldsError{422, []latchkey.FieldError{oldProblem(accountPurpose, customer.Malformed)}}
	})
}

// purposeOf is the evidence that an account purpose of the extensions means.
func purposeOf(text string) (string, customer.Problem) {
	i := slices.IndexFunc(purposes, func(p [3]string) bool { return p[0] == text })
	switch {
	case text == "":
		return "", customer.Missing
	case i < 0:
		return "", customer.Malformed
	}
	return purposes[i][1], customer.NoProblem
}

// ownFields reads the operator's fields from the details of a body, and says what is wrong with them, all at once, with the
// operator's own sentence where there is one.
func (d *Door) ownFields(c *call, p customer.Profile) (map[customer.Field]string, []latchkey.FieldError, error) {
	values := map[customer.Field]string{}
	var in struct {
		Details map[string]json.RawMessage `json:"details"`
	}
	if err := c.body.into(&in); err != nil {
		return nil, nil, err
	}
	var wrong []latchkey.FieldError
	for _, name := range sortedNames(in.Details) {
		x, found := d.Customers.Extras.Named(p, folded(name))
		if !found {
			continue
		}
		decoder := json.NewDecoder(strings.NewReader(string(in.Details[name])))
		decoder.UseNumber()
		var sent any
		if err := decoder.Decode(&sent); err != nil {
			return nil, nil, errBody
		}
		value, problem := x.CheckJSON(sent)
		if problem == customer.NoProblem {
			values[x.Field()] = value
			continue
		}
		one := oldProblem(x.Key, problem)
		if said := x.Words(customer.DefaultLanguage).Message; said != "" {
			one.Message = said
		}
		wrong = append(wrong, one)
	}
	return values, wrong, nil
}

func sortedNames(of map[string]json.RawMessage) []string {
	var names []string
	for name := range of {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// extensions reads them back (contract 10.5). A purpose that the extensions have no word for is null; one of the operator's
// fields that was not given, or whose value is not what it asks for any more, is left out.
func (d *Door) extensions(c *call) (any, error) {
	id, err := c.number("profile")
	if err != nil {
		return nil, err
	}
	e, err := d.Customers.Profile(c.r.Context(), c.caller(), customer.ProfileID(id))
	var answer latchkey.ExtensionDetails
	for _, p := range purposes {
		if p[1] == e.Profile.Value(customer.AccountPurpose) {
			answer.Details.AccountPurpose = latchkey.Maybe(p[0])
		}
	}
	for _, x := range d.Customers.Extras.For(e.Profile) {
		if value, fits := x.JSON(e.Profile.Value(x.Field())); fits {
			answer.Details.Own = with(answer.Details.Own, x.Key, value)
		}
	}
	return answer, err
}

func with(own map[string]any, key string, value any) map[string]any {
	if own == nil {
		own = map[string]any{}
	}
	own[key] = value
	return own
}
