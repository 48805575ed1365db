package api

import (
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/latchkey-id/latchkey"
	"github.com/latchkey-id/latchkey/internal/customer"
)

// createProfileV1 makes a profile in the first version (contract 8.8): the address comes apart.
func (d *Door) createProfileV1(c *call) (any, error) {
	in, k, err := c.profileV1(true)
	if err != nil {
		return nil, err
	}
	idempotency, err := c.idempotency("POST v1 profiles", func(e any) any { return profileOfV1(e.(customer.Entry)) })
	if err != nil {
		return nil, err
	}
	var answer []byte
	if in.Type == typeBusiness {
		_, answer, err = d.Customers.CreateBusiness(c.r.Context(), c.caller(), customer.Business{Values: k.values}, idempotency)
	} else {
		_, answer, err = d.Customers.CreatePersonal(c.r.Context(), c.caller(), k.personal(), idempotency)
	}
	return json.RawMessage(answer), err
}

// updateProfileV1 changes a profile, whose id is in the body (contract 8.8).
func (d *Door) updateProfileV1(c *call) (any, error) {
	in, k, err := c.profileV1(false)
	if err != nil {
		return nil, err
	}
	var e customer.Entry
	if in.Type == typeBusiness {
		e, err = d.Customers.UpdateBusiness(c.r.Context(), c.caller(), customer.ProfileID(in.ID), customer.Business{Values: k.values})
	} else {
		e, err = d.Customers.UpdatePersonal(c.r.Context(), c.caller(), customer.ProfileID(in.ID), k.personal())
	}
	return profileOfV1(e), err
}

// profilesV1 lists what the bearer reaches.
func (d *Door) profilesV1(c *call) (any, error) {
	list, err := d.Customers.Profiles(c.r.Context(), c.caller())
	answer := make([]any, len(list))
	for i, e := range list {
		answer[i] = profileOfV1(e)
	}
	return answer, err
}

// readProfileV1 reads one.
func (d *Door) readProfileV1(c *call) (any, error) {
	id, err := c.number("profile")
	if err != nil {
		return nil, err
	}
	e, err := d.Customers.Profile(c.r.Context(), c.caller(), customer.ProfileID(id))
	return profileOfV1(e), err
}

// The types of the first version are in lower case (contract 3.4).
const (
	typePersonal = "personal"
	typeBusiness = "business"
)

func profileOfV1(e customer.Entry) any {
	p := e.Profile
	maybe := func(f customer.Field) latchkey.Maybe { return latchkey.Maybe(p.Value(f)) }
	var address *latchkey.AddressID
	if p.HasAddress() {
		id := latchkey.AddressID(p.AddressID)
		address = &id
	}
	if p.Kind == customer.KindBusiness {
		description := maybe(customer.Description)
		if description == "" {
			description = maybe(customer.SecondCategory)
		}
		return latchkey.ProfileV1[latchkey.BusinessV1]{ID: latchkey.ProfileID(p.ID), Type: typeBusiness, Details: latchkey.BusinessV1{
			Name: p.Name(), RegistrationNumber: maybe(customer.RegistrationNumber), ACN: maybe(customer.ACN), ABN: maybe(customer.ABN),
			ARBN: maybe(customer.ARBN), CompanyType: maybe(customer.CompanyType), CompanyRole: maybe(customer.CompanyRole),
			DescriptionOfBusiness: description, Webpage: maybe(customer.WebPage), BusinessCategory: maybe(customer.FirstCategory),
			BusinessSubCategory: maybe(customer.SecondCategory), PrimaryAddress: address,
		}}
	}
	occupations := occupationsOf(p)
	if len(occupations) == 0 {
		occupations = nil
	}
	return latchkey.ProfileV1[latchkey.PersonalV1]{ID: latchkey.ProfileID(p.ID), Type: typePersonal, Details: latchkey.PersonalV1{
		FirstName: p.Value(customer.FirstName), LastName: p.Value(customer.LastName), PreferredName: maybe(customer.PreferredName),
		DateOfBirth: maybe(customer.DateOfBirth), PhoneNumber: maybe(customer.Phone),
		FirstNameInKana: latchkey.Maybe(p.Details.FirstNameInKana), LastNameInKana: latchkey.Maybe(p.Details.LastNameInKana),
		Occupation: p.Value(customer.Occupation), Occupations: occupations, PrimaryAddress: address,
	}}
}

// profileV1 reads a profile of either type and reports all that is wrong with it at once (contract 8.9).
func (c *call) profileV1(creating bool) (latchkey.ProfileRequestV1, checkV1, error) {
	var in latchkey.ProfileRequestV1
	k := checkV1{call: c, creating: creating, values: map[customer.Field]string{}}
	if err := c.body.into(&in); err != nil {
		return in, k, err
	}
	bad := func(message string) error {
		return fieldsError{400, []latchkey.FieldError{{Code: "BAD_REQUEST", Message: message, Arguments: []string{}}}}
	}
	switch {
	case in.Type != typePersonal && in.Type != typeBusiness:
		return in, k, bad("The type is neither personal nor business")
	case in.Details == nil:
		return in, k, bad("There are no details")
	case !creating && in.ID <= 0:
		return in, k, bad("There is no id")
	case in.Type == typeBusiness:
		k.business(*in.Details)
	default:
		k.person(*in.Details)
	}
	if len(k.fields) > 0 {
		return in, k, fieldsError{422, k.fields}
	}
	return in, k, nil
}

// checkV1 collects values and problems of the first version.
type checkV1 struct {
	call          *call
	creating      bool
	values        map[customer.Field]string
	first, second *string // in Kana
	fields        []latchkey.FieldError
}

func (k *checkV1) personal() customer.Personal {
	return customer.Personal{Values: k.values, FirstNameInKana: k.first, LastNameInKana: k.second}
}

func (k *checkV1) person(in latchkey.DetailsV1) {
	k.field("firstName", customer.FirstName, in.FirstName, true, customer.PartnerNameLimit)
	k.field("lastName", customer.LastName, in.LastName, true, customer.PartnerNameLimit)
	k.field("preferredName", customer.PreferredName, in.PreferredName, false, customer.PartnerNameLimit)
	k.field("dateOfBirth", customer.DateOfBirth, string(in.DateOfBirth), false, 0)
	k.phone(in.PhoneNumber)
	for _, kana := range []struct {
		path, text string
		into       **string
	}{{"firstNameInKana", in.FirstNameInKana, &k.first}, {"lastNameInKana", in.LastNameInKana, &k.second}} {
		if k.has(kana.path) {
			k.field(kana.path, kanaField, kana.text, false, customer.PartnerNameLimit)
			value := k.values[kanaField]
			*kana.into = &value
			delete(k.values, kanaField)
		}
	}
}

// kanaField stands for a text that the profile passes through.
const kanaField customer.Field = "kana"

func (k *checkV1) business(in latchkey.DetailsV1) {
	k.field("name", customer.BusinessName, in.Name, true, 0)
	k.field("registrationNumber", customer.RegistrationNumber, in.RegistrationNumber, customer.AsksRegistration(in.CompanyType), 0)
	k.field("acn", customer.ACN, in.ACN, false, 0)
	k.field("abn", customer.ABN, in.ABN, false, 0)
	k.field("arbn", customer.ARBN, in.ARBN, false, 0)
	k.field("companyType", customer.CompanyType, in.CompanyType, true, 0)
	k.field("companyRole", customer.CompanyRole, in.CompanyRole, false, 0)
	k.field("descriptionOfBusiness", customer.Description, in.DescriptionOfBusiness, false, 0)
	k.field("webpage", customer.WebPage, in.Webpage, false, 0)
	k.field("businessCategory", customer.FirstCategory, in.BusinessCategory, false, 0)
	k.field("businessSubCategory", customer.SecondCategory, in.BusinessSubCategory, false, 0)
	first, second := k.values[customer.FirstCategory], k.values[customer.SecondCategory]
	if k.creating && second != "" && !customer.CategoryFits(first, second) {
		k.fields = append(k.fields, oldProblem("businessSubCategory", customer.Malformed))
	}
}

func (k *checkV1) has(path string) bool { return k.call.body.has("details." + path) }

func (k *checkV1) field(path string, f customer.Field, text string, required bool, limit int) {
	if !k.has(path) {
		if required && k.creating {
			k.fields = append(k.fields, oldProblem(path, customer.Missing))
		}
		return
	}
	value, problem := customer.CheckValue(f, text, "", k.call.door.Now())
	switch {
	case problem == customer.NoProblem && value == "" && required:
		problem = customer.Missing
	case problem == customer.NoProblem && limit > 0 && utf8.RuneCountInString(value) > limit:
		problem = customer.TooLong
	}
	if problem != customer.NoProblem {
		k.fields = append(k.fields, oldProblem(path, problem))
		return
	}
	k.values[f] = value
}

// phone has errors of its own, with the window of lengths (contract 8.9).
func (k *checkV1) phone(text string) {
	const path, shortest, longest = "phoneNumber", 5, 25
	if !k.has(path) {
		return
	}
	text = strings.TrimSpace(text)
	value, problem := customer.CheckValue(customer.Phone, text, "", k.call.door.Now())
	say := func(code, words string, more ...string) {
		k.fields = append(k.fields, latchkey.FieldError{Code: code, Message: path + words, Path: path, Arguments: append([]string{path, text}, more...)})
	}
	switch length := utf8.RuneCountInString(text); {
	case text == "":
		k.values[customer.Phone] = ""
	case length < shortest:
		say("TOO_SMALL", " is too short", "5", "25")
	case length > longest:
		say("TOO_LARGE", " is too long", "5", "25")
	case problem != customer.NoProblem:
		say("UNEXPECTED", " is not a phone number")
	default:
		k.values[customer.Phone] = value
	}
}
