package api

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"github.com/latchkey-id/latchkey"
	"github.com/latchkey-id/latchkey/internal/customer"
)

// saveAddress sets the address of a profile, whether it has one or not (contract 9.1). Without a profile it is refused like
// one that is not the bearer's; what the documented server answers with 500 is 422 here (OC-22).
func (d *Door) saveAddress(c *call) (any, error) {
	var in latchkey.AddressRequest
	if err := c.body.into(&in); err != nil {
		return nil, err
	}
	if in.Profile <= 0 {
		return nil, customer.ErrNoProfile
	}
	// Asked before the details are looked at: what is wrong with an address of a stranger's profile is nobody's business (I10).
	if _, err := d.Customers.Profile(c.r.Context(), c.caller(), customer.ProfileID(in.Profile)); err != nil {
		return nil, err
	}
	k := addressCheck{call: c}
	k.out.Values = map[customer.Field]string{}
	if in.Details == nil {
		in.Details = &latchkey.AddressDetails{}
	}
	k.details(*in.Details)
	if len(k.fields) > 0 {
		return nil, fieldsError{422, k.fields}
	}
	return once(c, http.StatusOK, func(e customer.Entry) any { return addressEntry(e.Profile) }, func(by customer.Caller) (customer.Entry, error) {
		return d.Customers.SaveAddress(c.r.Context(), by, customer.ProfileID(in.Profile), k.out)
	})
}

// addressCheck collects an address and what is wrong with it, under the documented names, which are not the fields' own.
type addressCheck struct {
	call   *call
	out    customer.Personal
	fields []latchkey.FieldError
}

func (k *addressCheck) details(in latchkey.AddressDetails) {
	for _, f := range []struct {
		name  string
		field customer.Field
		text  string
		needs bool
	}{
		{"addressCountryCode", customer.Country, in.Country, true},
		{"addressFirstLine", customer.FirstLine, in.FirstLine, true},
		{"addressCity", customer.City, in.City, true},
		{"addressPostCode", customer.PostCode, string(in.PostCode), false},
		{"addressState", customer.Region, string(in.State), false},
	} {
		country := k.out.Values[customer.Country]
		value, problem := customer.CheckSaid(f.field, f.text, country, k.call.door.Now())
		if problem == customer.NoProblem && value == "" && (f.needs || customer.AddressNeeds(f.field, country)) {
			problem = customer.Missing
		}
		if problem != customer.NoProblem {
			k.wrong(f.name, problem)
			continue
		}
		k.out.Values[f.field] = value
	}
	codes := in.Occupations
	if len(codes) == 0 && in.Occupation != "" {
		codes = []latchkey.Occupation{{Code: in.Occupation}}
	}
	if len(codes) > 0 {
		check := personalCheck{fieldCheck: newFieldCheck(k.call, "", false)}
		check.list(codes)
		if len(check.fields) > 0 {
			k.wrong("occupations", customer.Malformed)
		}
		k.out.Occupations, k.out.Values[customer.Occupation] = check.out.Occupations, check.values[customer.Occupation]
	}
}

func (k *addressCheck) wrong(name string, problem customer.Problem) {
	k.fields = append(k.fields, oldProblem(name, problem))
}

// oldProblem is a problem in the words of the first version (contract 8.9, 9.1). What was sent is not repeated.
func oldProblem(name string, problem customer.Problem) latchkey.FieldError {
	code, message := "ERROR", name+" is not valid"
	switch problem {
	case customer.Missing:
		code, message = "MISSING", name+" is missing"
	case customer.TooLong:
		code, message = "TOO_LARGE", name+" is too long"
	}
	return latchkey.FieldError{Code: code, Message: message, Path: name, Arguments: []string{name}}
}

// addresses lists the addresses of one profile, or of all within reach. The documented parameter is profile; a client is
// known to send profileId (contract 1.3). A query that cannot be read, or names a profile twice, is refused like one that is not the
// bearer's: without the part that was lost it would ask for all.
func (d *Door) addresses(c *call) (any, error) {
	query, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil || len(query["profile"]) > 1 || len(query["profileId"]) > 1 {
		return nil, customer.ErrNoProfile
	}
	text := query.Get("profile")
	if text == "" {
		text = query.Get("profileId")
	}
	var list []customer.Entry
	if text == "" {
		list, err = d.Customers.Profiles(c.r.Context(), c.caller())
	} else {
		id, parsed := strconv.ParseInt(text, 10, 64)
		if parsed != nil {
			return nil, customer.ErrNoProfile
		}
		list = make([]customer.Entry, 1)
		list[0], err = d.Customers.Profile(c.r.Context(), c.caller(), customer.ProfileID(id))
	}
	answer := []latchkey.Address{}
	for _, e := range list {
		if e.Profile.HasAddress() {
			answer = append(answer, addressEntry(e.Profile))
		}
	}
	return answer, err
}

// address reads one address (contract 9.1).
func (d *Door) address(c *call) (any, error) {
	id, err := c.number("address")
	if err != nil {
		return nil, err
	}
	e, err := d.Customers.Address(c.r.Context(), c.caller(), id)
	return addressEntry(e.Profile), err
}

func addressEntry(p customer.Profile) latchkey.Address {
	return latchkey.Address{ID: latchkey.AddressID(p.AddressID), Profile: latchkey.ProfileID(p.ID), Details: latchkey.AddressDetails{
		Country: p.Value(customer.Country), FirstLine: firstLine(p), PostCode: latchkey.Maybe(p.Value(customer.PostCode)),
		City: p.Value(customer.City), State: latchkey.Maybe(p.Value(customer.Region)), Occupations: occupationsOf(p),
	}}
}

// addressForm is the form without any values so far (contract 9.2).
func (d *Door) addressForm(*call) (any, error) { return addressForm("", ""), nil }

// addressFormFor is the form for the values so far (contract 9.2).
func (d *Door) addressFormFor(c *call) (any, error) {
	var in latchkey.RequirementsRequest
	if err := c.body.into(&in); err != nil {
		return nil, err
	}
	if in.Profile != 0 {
		if _, err := d.Customers.Profile(c.r.Context(), c.caller(), customer.ProfileID(in.Profile)); err != nil {
			return nil, err
		}
	}
	country, ok := customer.ParseCountry(in.Details.Country)
	if !ok && in.Details.Country != "" {
		return nil, fieldsError{422, []latchkey.FieldError{oldProblem("addressCountryCode", customer.Malformed)}}
	}
	return addressForm(country, strings.ToUpper(in.Details.State)), nil
}

// addressForm asks for what an address in the country needs.
func addressForm(country, state string) []latchkey.Requirements {
	longest := customer.PostCodeLimit
	names := display.English.Regions()
	where := latchkey.FormField{Key: "country", Type: "select", RefreshRequirementsOnChange: true, Required: true, Example: "Germany"}
	for _, code := range customer.Countries() {
		region, err := language.ParseRegion(code)
		if err == nil {
			where.ValuesAllowed = append(where.ValuesAllowed, latchkey.FormValue{Key: code, Name: names.Name(region)})
		}
	}
	fields := []latchkey.FormFields{{Name: "Country", Group: []latchkey.FormField{where}}}
	if customer.AsksRegion(country) {
		field := latchkey.FormField{Key: "state", Type: "select", RefreshRequirementsOnChange: country == "US", Required: true, Example: "NM"}
		for _, r := range customer.Regions(country) {
			field.ValuesAllowed = append(field.ValuesAllowed, latchkey.FormValue{Key: r.Code, Name: r.Name})
		}
		fields = append(fields, latchkey.FormFields{Name: "State", Group: []latchkey.FormField{field}})
	}
	text := func(name, key, example string, required bool) latchkey.FormFields {
		return latchkey.FormFields{Name: name, Group: []latchkey.FormField{{Key: key, Type: "text", Required: required, Example: example}}}
	}
	post := text("Postal code", "postCode", "10115", country == "" || customer.AsksPostCode(country))
	post.Group[0].MaxLength = &longest
	fields = append(fields, text("City", "city", "Berlin", true), post, text("Address", "firstLine", "50 Long Street", true))
	if customer.AsksOccupation(country, state) {
		fields = append(fields, text("Occupation", "occupations", "Joiner", true))
	}
	return []latchkey.Requirements{{Type: "address", Fields: fields}}
}
