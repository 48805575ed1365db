package api

import (
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/latchkey-id/latchkey"
	"github.com/latchkey-id/latchkey/internal/customer"
)

// createPersonal makes the account's personal profile (contract 8.1). The idempotency key counts for both path families.
func (d *Door) createPersonal(c *call) (any, error) {
	in, err := c.personal(true)
	if err != nil {
		return nil, err
	}
	idempotency, err := c.idempotency("POST personal-profile", func(e any) any { return createdOf(e.(customer.Entry).Profile) })
	if err != nil {
		return nil, err
	}
	_, answer, err := d.Customers.CreatePersonal(c.r.Context(), c.caller(), in, idempotency)
	return json.RawMessage(answer), err
}

// updatePersonal changes what the body names (contract 8.2); null leaves a field alone, as clients write null for what they
// do not know, and "" empties an optional one.
func (d *Door) updatePersonal(c *call) (any, error) {
	id, err := c.number("profile")
	if err != nil {
		return nil, err
	}
	in, err := c.personal(false)
	if err != nil {
		return nil, err
	}
	e, err := d.Customers.UpdatePersonal(c.r.Context(), c.caller(), customer.ProfileID(id), in)
	return createdOf(e.Profile), err
}

// profiles lists what the bearer reaches (contract 8.3, OC-35).
func (d *Door) profiles(c *call) (any, error) {
	list, err := d.Customers.Profiles(c.r.Context(), c.caller())
	answer := make([]latchkey.Profile, len(list))
	for i, e := range list {
		answer[i] = c.profileOf(e)
	}
	return answer, err
}

// profile reads one; what is not the bearer's is refused like what does not exist (I10).
func (d *Door) profile(c *call) (any, error) {
	id, err := c.number("profile")
	if err != nil {
		return nil, err
	}
	e, err := d.Customers.Profile(c.r.Context(), c.caller(), customer.ProfileID(id))
	return c.profileOf(e), err
}

// createdOf is the wrapper that creation and update answer (contract 8.1, OC-17).
func createdOf(p customer.Profile) latchkey.CreatedProfile {
	maybe := func(f customer.Field) latchkey.Maybe { return latchkey.Maybe(p.Value(f)) }
	return latchkey.CreatedProfile{ID: latchkey.ProfileID(p.ID), Type: "PERSONAL", Details: latchkey.ProfileDetails{
		FirstName: p.Value(customer.FirstName), LastName: p.Value(customer.LastName), PreferredName: maybe(customer.PreferredName),
		FirstNameInKana: latchkey.Maybe(p.Details.FirstNameInKana), LastNameInKana: latchkey.Maybe(p.Details.LastNameInKana),
		Address: latchkey.DetailsAddress{
			AddressFirstLine: firstLine(p), City: p.Value(customer.City), CountryIso3Code: customer.Alpha3(p.Value(customer.Country)),
			PostCode: maybe(customer.PostCode), StateCode: maybe(customer.Region),
		},
		Nationality: latchkey.Maybe(customer.Alpha3(p.Value(customer.Nationality))), DateOfBirth: latchkey.Date(p.Value(customer.DateOfBirth)),
		ExternalCustomerID: latchkey.Maybe(p.Details.ExternalID), ContactDetails: contactOf(p), Occupations: occupationsOf(p),
		LocalizedInformation: []json.RawMessage{},
	}}
}

// profileOf is a profile as it is read (contract 8.3).
func (c *call) profileOf(e customer.Entry) latchkey.Profile {
	p, a := e.Profile, e.Account
	if p.Kind == customer.KindBusiness {
		b := businessOf(e)
		if c.calendar() {
			b.IndustryCategories = industriesOf(p)
		}
		return latchkey.Profile{Business: &b}
	}
	maybe := func(f customer.Field) latchkey.Maybe { return latchkey.Maybe(p.Value(f)) }
	return latchkey.Profile{
		Type: "PERSONAL", ID: latchkey.ProfileID(p.ID), PublicID: p.PublicID, UserID: latchkey.UserID(p.Account),
		Address: addressOf(p),
		Email:   a.Email, CreatedAt: latchkey.LocalStamp{Time: p.CreatedAt}, UpdatedAt: latchkey.LocalStamp{Time: p.UpdatedAt},
		CurrentState: "VISIBLE", ContactDetails: contactOf(p), FirstName: p.Value(customer.FirstName), LastName: p.Value(customer.LastName),
		PreferredName: maybe(customer.PreferredName), DateOfBirth: latchkey.Date(p.Value(customer.DateOfBirth)), PhoneNumber: p.Value(customer.Phone),
		SecondaryAddresses: []latchkey.ProfileAddress{}, FullName: p.Name(),
	}
}

// addressOf is a profile's address as it is read (contract 8.3).
func addressOf(p customer.Profile) latchkey.ProfileAddress {
	return latchkey.ProfileAddress{
		ID: p.AddressID, AddressFirstLine: firstLine(p), City: p.Value(customer.City), CountryIso2Code: p.Value(customer.Country),
		CountryIso3Code: customer.Alpha3(p.Value(customer.Country)), PostCode: latchkey.Maybe(p.Value(customer.PostCode)),
		StateCode: latchkey.Maybe(p.Value(customer.Region)),
	}
}

func contactOf(p customer.Profile) latchkey.ContactDetails {
	return latchkey.ContactDetails{Email: p.Value(customer.Email), PhoneNumber: p.Value(customer.Phone)}
}

// occupationsOf lists what the partner gave, or what the customer wrote instead.
func occupationsOf(p customer.Profile) []latchkey.Occupation {
	codes := p.Details.Occupations
	if value := p.Value(customer.Occupation); value != joined(codes) {
		codes = nil
		if value != "" {
			codes = []string{value}
		}
	}
	answer := make([]latchkey.Occupation, len(codes))
	for i, code := range codes {
		answer[i] = latchkey.Occupation{Code: code, Format: freeForm}
	}
	return answer
}

// freeForm is the only format of an occupation (contract 8.1).
const freeForm = "FREE_FORM"

// joined is a list of occupations as one value of the profile.
func joined(codes []string) string { return strings.Join(codes, ", ") }

// Limits of what a partner may send, in characters (contract 8.1). Occupations and own keys have no documented limit.
const (
	stateLimit      = 5
	externalLimit   = 100
	occupationLimit = 60
	mostOccupations = 3
)

// A personalField is one field of the request.
type personalField struct {
	path     string
	field    customer.Field
	required bool
	limit    int // in characters, 0 for the noun's own
	value    func(latchkey.PersonalProfile) string
}

// personalFields lists them, the country first, since others depend on it.
func personalFields() []personalField {
	type profile = latchkey.PersonalProfile
	address := func(value func(latchkey.PersonalAddress) string) func(profile) string {
		return func(p profile) string {
			if p.Address == nil {
				return ""
			}
			return value(*p.Address)
		}
	}
	contact := func(value func(latchkey.ContactDetails) string) func(profile) string {
		return func(p profile) string {
			if p.ContactDetails == nil {
				return ""
			}
			return value(*p.ContactDetails)
		}
	}
	const names = customer.PartnerNameLimit
	return []personalField{
		{"address.countryIso3Code", customer.Country, true, 0, address(func(a latchkey.PersonalAddress) string { return a.CountryIso3Code })},
		{"firstName", customer.FirstName, true, names, func(p profile) string { return p.FirstName }},
		{"lastName", customer.LastName, true, names, func(p profile) string { return p.LastName }},
		{"preferredName", customer.PreferredName, false, names, func(p profile) string { return p.PreferredName }},
		{"address.addressFirstLine", customer.FirstLine, true, 0, address(func(a latchkey.PersonalAddress) string { return a.AddressFirstLine })},
		{"address.city", customer.City, true, 0, address(func(a latchkey.PersonalAddress) string { return a.City })},
		{"address.postCode", customer.PostCode, false, 0, address(func(a latchkey.PersonalAddress) string { return a.PostCode })},
		{"address.stateCode", customer.Region, false, stateLimit, address(func(a latchkey.PersonalAddress) string { return a.StateCode })},
		{"nationality", customer.Nationality, false, 0, func(p profile) string { return p.Nationality }},
		{"dateOfBirth", customer.DateOfBirth, true, 0, func(p profile) string { return string(p.DateOfBirth) }},
		{"contactDetails.email", customer.Email, true, 0, contact(func(c latchkey.ContactDetails) string { return c.Email })},
		{"contactDetails.phoneNumber", customer.Phone, true, 0, contact(func(c latchkey.ContactDetails) string { return c.PhoneNumber })},
	}
}

// personal reads a personal profile and reports all that is wrong with it at once (contract OC-19). What creation requires, an
// update may leave out but not empty.
func (c *call) personal(creating bool) (customer.Personal, error) {
	var in latchkey.PersonalProfile
	if err := c.body.into(&in); err != nil {
		return customer.Personal{}, err
	}
	check := personalCheck{fieldCheck: newFieldCheck(c, "", creating)}
	check.person(in)
	country, region := check.values[customer.Country], check.values[customer.Region]
	check.occupations(in.Occupations, creating && customer.AsksOccupation(country, region))
	check.text("firstNameInKana", in.FirstNameInKana, customer.PartnerNameLimit, &check.out.FirstNameInKana)
	check.text("lastNameInKana", in.LastNameInKana, customer.PartnerNameLimit, &check.out.LastNameInKana)
	check.text("externalCustomerId", in.ExternalCustomerID, externalLimit, &check.out.ExternalID)
	check.out.Values = check.values
	return check.out, check.err()
}

// person takes what every person has: names, birth, contact and address, with the state where the country has states.
func (k *fieldCheck) person(in latchkey.PersonalProfile) {
	k.objects("address", "contactDetails")
	for _, f := range personalFields() {
		k.field(f.path, f.field, f.required, f.limit, f.value(in))
	}
	if k.creating && customer.AsksRegion(k.values[customer.Country]) && !k.has("address.stateCode") {
		k.wrong("address.stateCode", customer.Missing)
	}
}

// personalCheck adds what only a personal profile has.
type personalCheck struct {
	fieldCheck
	out customer.Personal
}

func (k *personalCheck) occupations(list []latchkey.Occupation, required bool) {
	if !k.has("occupations") || required && len(list) == 0 {
		if required {
			k.wrong("occupations", customer.Missing)
		}
		return
	}
	k.list(list)
}

// list takes occupations that are there.
func (k *personalCheck) list(list []latchkey.Occupation) {
	codes := make([]string, 0, len(list))
	for _, o := range list {
		code, problem := customer.CheckValue(customer.Occupation, o.Code, "", k.call.door.Now())
		switch {
		case problem == customer.NoProblem && utf8.RuneCountInString(code) > occupationLimit, len(list) > mostOccupations:
			problem = customer.TooLong
		case problem == customer.NoProblem && (code == "" || o.Format != freeForm && o.Format != ""):
			problem = customer.Malformed
		}
		if problem != customer.NoProblem {
			k.wrong("occupations", problem)
			return
		}
		codes = append(codes, code)
	}
	k.out.Occupations, k.values[customer.Occupation] = codes, joined(codes)
}
