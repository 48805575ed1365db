package api

import (
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/latchkey-id/latchkey"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// createPersonal makes the account's personal profile (contract 8.1). The idempotency key counts for both path families.
func (d *Door) createPersonal(c *call) (any, error) {
	key := strings.ToLower(c.r.Header.Get("X-Idempotence-Uuid"))
	if key != "" && (len(key) > 100 || !visible(key)) {
		return nil, fieldsError{400, []latchkey.FieldError{{Code: "BAD_REQUEST", Message: "The idempotency key is not a UUID", Path: "X-idempotence-uuid",
			Arguments: []string{}}}}
	}
	in, err := c.personal(true)
	if err != nil {
		return nil, err
	}
	idempotency := customer.Idempotency{Endpoint: "POST personal-profile", Key: key, Request: d.Customers.Keys.Digest(secret.PurposeReply, string(c.body.raw)),
		Render: func(p customer.Profile) []byte {
			answer, _ := render(createdOf(p)) // of plain strings and numbers: there is nothing in it that cannot be written
			return answer
		}}
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
	p, err := d.Customers.UpdatePersonal(c.r.Context(), c.caller(), customer.ProfileID(id), in)
	return createdOf(p), err
}

// profiles lists what the bearer reaches (contract 8.3, OC-35).
func (d *Door) profiles(c *call) (any, error) {
	list, account, err := d.Customers.Profiles(c.r.Context(), c.caller())
	answer := make([]latchkey.Profile, len(list))
	for i, p := range list {
		answer[i] = profileOf(p, account)
	}
	return answer, err
}

// profile reads one; what is not the bearer's is refused like what does not exist (I10).
func (d *Door) profile(c *call) (any, error) {
	id, err := c.number("profile")
	if err != nil {
		return nil, err
	}
	p, account, err := d.Customers.Profile(c.r.Context(), c.caller(), customer.ProfileID(id))
	return profileOf(p, account), err
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
func profileOf(p customer.Profile, a customer.Account) latchkey.Profile {
	maybe := func(f customer.Field) latchkey.Maybe { return latchkey.Maybe(p.Value(f)) }
	return latchkey.Profile{
		Type: "PERSONAL", ID: latchkey.ProfileID(p.ID), PublicID: p.PublicID, UserID: latchkey.UserID(p.Account),
		Address: latchkey.ProfileAddress{
			ID: p.AddressID, AddressFirstLine: firstLine(p), City: p.Value(customer.City), CountryIso2Code: p.Value(customer.Country),
			CountryIso3Code: customer.Alpha3(p.Value(customer.Country)), PostCode: maybe(customer.PostCode), StateCode: maybe(customer.Region),
		},
		Email: a.Email, CreatedAt: latchkey.LocalStamp{Time: p.CreatedAt}, UpdatedAt: latchkey.LocalStamp{Time: p.UpdatedAt},
		CurrentState: "VISIBLE", ContactDetails: contactOf(p), FirstName: p.Value(customer.FirstName), LastName: p.Value(customer.LastName),
		PreferredName: maybe(customer.PreferredName), DateOfBirth: latchkey.Date(p.Value(customer.DateOfBirth)), PhoneNumber: p.Value(customer.Phone),
		SecondaryAddresses: []latchkey.ProfileAddress{}, FullName: p.Name(),
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
	check := personalCheck{call: c, creating: creating, out: customer.Personal{Values: map[customer.Field]string{}}}
	check.objects()
	for _, f := range personalFields() {
		check.field(f, f.value(in))
	}
	country, region := check.out.Values[customer.Country], check.out.Values[customer.Region]
	if creating && customer.AsksRegion(country) && !c.body.has("address.stateCode") {
		check.wrong("address.stateCode", customer.Missing)
	}
	check.occupations(in.Occupations, creating && customer.AsksOccupation(country, region))
	check.text("firstNameInKana", in.FirstNameInKana, customer.PartnerNameLimit, &check.out.FirstNameInKana)
	check.text("lastNameInKana", in.LastNameInKana, customer.PartnerNameLimit, &check.out.LastNameInKana)
	check.text("externalCustomerId", in.ExternalCustomerID, externalLimit, &check.out.ExternalID)
	if len(check.fields) > 0 {
		return customer.Personal{}, fieldsError{400, check.fields}
	}
	return check.out, nil
}

// personalCheck collects the values of a request and what is wrong with them.
type personalCheck struct {
	call     *call
	creating bool
	out      customer.Personal
	fields   []latchkey.FieldError
}

func (k *personalCheck) wrong(path string, problem customer.Problem) {
	code, message := "invalid", " is not valid"
	switch problem {
	case customer.Missing:
		code, message = "missing", " is missing"
	case customer.TooLong:
		code, message = "size.too.long", " is too long"
	}
	k.fields = append(k.fields, latchkey.FieldError{Code: "api." + path + "." + code, Message: path + message, Path: path})
}

// objects reports a missing address or contact as one field, not as all that would be in it.
func (k *personalCheck) objects() {
	for _, path := range []string{"address", "contactDetails"} {
		if k.creating && !k.call.body.has(path) {
			k.wrong(path, customer.Missing)
		}
	}
}

func (k *personalCheck) field(f personalField, text string) {
	parent, _, nested := strings.Cut(f.path, ".")
	if !k.call.body.has(f.path) {
		if f.required && k.creating && (!nested || k.call.body.has(parent)) {
			k.wrong(f.path, customer.Missing)
		}
		return
	}
	value, problem := customer.CheckValue(f.field, text, k.out.Values[customer.Country], k.call.door.Now())
	switch {
	case problem == customer.NoProblem && value == "" && f.required:
		problem = customer.Missing
	case problem == customer.NoProblem && f.limit > 0 && utf8.RuneCountInString(value) > f.limit:
		problem = customer.TooLong
	}
	if problem != customer.NoProblem {
		k.wrong(f.path, problem)
		return
	}
	k.out.Values[f.field] = value
}

// text takes a text that the profile passes through.
func (k *personalCheck) text(path, text string, limit int, into **string) {
	if !k.call.body.has(path) {
		return
	}
	value, problem := customer.CheckValue(customer.FirstLine, text, "", k.call.door.Now()) // any one line
	if problem == customer.NoProblem && utf8.RuneCountInString(value) > limit {
		problem = customer.TooLong
	}
	if problem != customer.NoProblem {
		k.wrong(path, problem)
		return
	}
	*into = &value
}

func (k *personalCheck) occupations(list []latchkey.Occupation, required bool) {
	if !k.call.body.has("occupations") || required && len(list) == 0 {
		if required {
			k.wrong("occupations", customer.Missing)
		}
		return
	}
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
	k.out.Occupations, k.out.Values[customer.Occupation] = codes, joined(codes)
}
