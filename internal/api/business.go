package api

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/latchkey-id/latchkey"
	"github.com/latchkey-id/latchkey/internal/customer"
)

// A businessForm is a version of the business endpoints (contract 8.4): how categories are given, and whether the body
// names the representative.
type businessForm struct {
	endpoint       string
	industries     bool
	representative bool
}

// The versions. Each has idempotency keys of its own but for the last, which is one endpoint at two addresses.
var (
	businessV2 = businessForm{endpoint: "POST v2 business-profile"}
	businessV3 = businessForm{endpoint: "POST v3 business-profile", representative: true}
	businessV5 = businessForm{endpoint: "POST business-profile", representative: true, industries: true}
)

// createBusiness makes a business (contract 8.4).
func (d *Door) createBusiness(form businessForm) func(*call) (any, error) {
	return func(c *call) (any, error) {
		in, err := c.business(form, true)
		if err != nil {
			return nil, err
		}
		idempotency, err := c.idempotency(form.endpoint, func(e any) any { return form.answer(e.(customer.Entry)) })
		if err != nil {
			return nil, err
		}
		_, answer, err := d.Customers.CreateBusiness(c.r.Context(), c.caller(), in, idempotency)
		return json.RawMessage(answer), err
	}
}

// updateBusiness changes what the body names (contract 8.5).
func (d *Door) updateBusiness(form businessForm) func(*call) (any, error) {
	return func(c *call) (any, error) {
		id, err := c.number("profile")
		if err != nil {
			return nil, err
		}
		in, err := c.business(form, false)
		if err != nil {
			return nil, err
		}
		e, err := d.Customers.UpdateBusiness(c.r.Context(), c.caller(), customer.ProfileID(id), in)
		return form.answer(e), err
	}
}

// answer is what creation and update say: the newer versions have industries instead of the deprecated categories.
func (form businessForm) answer(e customer.Entry) latchkey.BusinessProfile {
	b := businessOf(e)
	if form.industries {
		b.BusinessCategories, b.IndustryCategories = nil, industriesOf(e.Profile)
	}
	return b
}

// businessOf is a business as it is read (contract 8.3).
func businessOf(e customer.Entry) latchkey.BusinessProfile {
	p := e.Profile
	maybe := func(f customer.Field) latchkey.Maybe { return latchkey.Maybe(p.Value(f)) }
	description := maybe(customer.SecondCategory)
	if description == "" {
		description = maybe(customer.FirstCategory)
	}
	operational := make([]latchkey.ProfileAddress, len(p.Details.Lists.OperationalAddresses))
	for i, place := range p.Details.Lists.OperationalAddresses {
		operational[i] = latchkey.ProfileAddress{ID: place.ID, AddressFirstLine: place.FirstLine, City: place.City, CountryIso2Code: place.Country,
			CountryIso3Code: customer.Alpha3(place.Country), PostCode: latchkey.Maybe(place.PostCode), StateCode: latchkey.Maybe(place.Region)}
	}
	return latchkey.BusinessProfile{
		Type: "BUSINESS", ID: latchkey.ProfileID(p.ID), PublicID: p.PublicID, UserID: latchkey.UserID(p.Account), Address: addressOf(p),
		Email: e.Account.Email, CreatedAt: latchkey.LocalStamp{Time: p.CreatedAt}, UpdatedAt: latchkey.LocalStamp{Time: p.UpdatedAt},
		CurrentState:   "VISIBLE",
		ContactDetails: latchkey.ContactDetails{Email: e.Representative.Value(customer.Email), PhoneNumber: e.Representative.Value(customer.Phone)},
		BusinessName:   p.Value(customer.BusinessName), RegistrationNumber: maybe(customer.RegistrationNumber), CompanyType: maybe(customer.CompanyType),
		CompanyRole: maybe(customer.CompanyRole), BusinessFreeFormDescription: maybe(customer.Description), Webpage: maybe(customer.WebPage),
		BusinessCategories: &latchkey.BusinessCategories{DescriptionOfBusiness: description, FirstLevelCategory: maybe(customer.FirstCategory),
			SecondLevelCategory: maybe(customer.SecondCategory)},
		OperationalAddresses: operational, FullName: p.Name(),
	}
}

// industriesOf lists the codes, never null.
func industriesOf(p customer.Profile) []string {
	return append([]string{}, p.Codes(customer.Industries)...)
}

// business reads a business and reports all that is wrong with it at once (contract 8.9, checklist 18).
func (c *call) business(form businessForm, creating bool) (customer.Business, error) {
	var in latchkey.Business
	if err := c.body.into(&in); err != nil {
		return customer.Business{}, err
	}
	k := businessCheck{fieldCheck: newFieldCheck(c, "", creating)}
	k.country(in.Address)
	k.name(in.BusinessName)
	k.field("registrationNumber", customer.RegistrationNumber, customer.AsksRegistration(in.CompanyType), 0, in.RegistrationNumber)
	k.categories(form, in)
	k.address(in.Address)
	other := customer.AsksDescription(in.CompanyType)
	k.field("companyType", customer.CompanyType, true, 0, in.CompanyType)
	k.field("companyRole", customer.CompanyRole, false, 0, in.CompanyRole)
	k.field("businessFreeFormDescription", customer.Description, other, 0, in.BusinessFreeFormDescription)
	k.field("webpage", customer.WebPage, other, 0, in.Webpage)
	k.field("businessNameInKatakana", customer.BusinessNameKatakana, false, 0, in.BusinessNameInKatakana)
	k.field("acn", customer.ACN, false, 0, in.ACN)
	k.field("abn", customer.ABN, false, 0, in.ABN)
	k.field("arbn", customer.ARBN, false, 0, in.ARBN)
	k.text("externalCustomerId", in.ExternalCustomerID, externalLimit, &k.out.ExternalID)
	k.operational(in.OperationalAddresses)
	if creating {
		k.actor(in.ActorEmail)
		k.representative(form, in.BusinessRepresentative)
	} else if id := c.r.PathValue("profile"); k.has("id") && strconv.FormatInt(int64(in.ID), 10) != id {
		k.wrong("id", customer.Malformed)
	}
	k.out.Values = k.values
	return k.out, k.err()
}

// businessCheck collects what a business has besides its fields.
type businessCheck struct {
	fieldCheck
	out customer.Business
}

// country comes first, since other fields depend on it. Either form of its code will do.
func (k *businessCheck) country(a *latchkey.BusinessAddress) {
	if a == nil || !k.has("address") {
		return
	}
	path, text := "address.countryIso3Code", a.CountryIso3Code
	if !k.has(path) && k.has("address.countryIso2Code") {
		path, text = "address.countryIso2Code", a.CountryIso2Code
	}
	k.field(path, customer.Country, true, 0, text)
}

func (k *businessCheck) name(text string) {
	if k.has("businessName") && customer.Clean(text) == "" {
		k.wrong("businessName", tooShort)
		return
	}
	k.field("businessName", customer.BusinessName, true, 0, text)
}

func (k *businessCheck) address(a *latchkey.BusinessAddress) {
	k.objects("address")
	if a == nil {
		return
	}
	k.field("address.addressFirstLine", customer.FirstLine, true, 0, a.AddressFirstLine)
	k.field("address.city", customer.City, true, 0, a.City)
	k.field("address.postCode", customer.PostCode, false, 0, a.PostCode)
	k.field("address.stateCode", customer.Region, false, stateLimit, a.StateCode)
}

// categories: a second level belongs to its first; industries have no closed list (contract OC-18).
func (k *businessCheck) categories(form businessForm, in latchkey.Business) {
	if form.industries {
		if k.has("industryCategories") && slices.ContainsFunc(in.IndustryCategories, func(code string) bool { return len(strings.Fields(code)) != 1 }) {
			k.wrong("industryCategories", customer.Malformed) // joined by spaces, one of them must not pass for two or none
			return
		}
		k.field("industryCategories", customer.Industries, true, 0, strings.Join(in.IndustryCategories, " "))
		return
	}
	k.field("firstLevelCategory", customer.FirstCategory, true, 0, in.FirstLevelCategory)
	k.field("secondLevelCategory", customer.SecondCategory, false, 0, in.SecondLevelCategory)
	first, second := k.values[customer.FirstCategory], k.values[customer.SecondCategory]
	if first != "" && second != "" && !customer.CategoryFits(first, second) {
		k.wrong("secondLevelCategory", customer.Malformed)
	}
}

// mostOperational bounds the operational addresses of one business.
const mostOperational = 20

func (k *businessCheck) operational(list []latchkey.BusinessAddress) {
	if !k.has("operationalAddresses") {
		return
	}
	if len(list) > mostOperational {
		k.wrong("operationalAddresses", customer.TooLong)
		return
	}
	k.out.Operational = []customer.Place{}
	for _, a := range list {
		place, ok := k.place(a)
		if !ok {
			k.wrong("operationalAddresses", customer.Malformed)
			return
		}
		k.out.Operational = append(k.out.Operational, place)
	}
}

// place reads an address that has its first line, city and country.
func (k *businessCheck) place(a latchkey.BusinessAddress) (place customer.Place, ok bool) {
	country := a.CountryIso3Code
	if country == "" {
		country = a.CountryIso2Code
	}
	ok = true
	for _, f := range []struct {
		field    customer.Field
		text     string
		required bool
		into     *string
	}{
		{customer.Country, country, true, &place.Country}, {customer.FirstLine, a.AddressFirstLine, true, &place.FirstLine},
		{customer.City, a.City, true, &place.City}, {customer.PostCode, a.PostCode, false, &place.PostCode},
		{customer.Region, a.StateCode, false, &place.Region},
	} {
		value, problem := customer.CheckValue(f.field, f.text, place.Country, k.call.door.Now())
		*f.into = value
		ok = ok && problem == customer.NoProblem && (value != "" || !f.required)
	}
	return place, ok
}

// actor checks the address of who acts, which is not kept: nothing of the contract reads it again.
func (k *fieldCheck) actor(text string) {
	if !k.has("actorEmail") || text == "" {
		return
	}
	if _, err := customer.CheckEmail(text); err != nil {
		k.wrong("actorEmail", customer.Malformed)
	}
}

func (k *businessCheck) representative(form businessForm, r *latchkey.BusinessRepresentative) {
	const path = "businessRepresentative"
	switch {
	case !form.representative:
		return
	case !k.has(path) || r == nil:
		k.wrong(path, customer.Missing)
		return
	case k.has(path + ".businessRepresentativeId"):
		if *r != (latchkey.BusinessRepresentative{BusinessRepresentativeID: r.BusinessRepresentativeID}) || r.BusinessRepresentativeID <= 0 {
			k.wrong(path+".businessRepresentativeId", customer.Malformed) // an id beside a person says two things
		}
		k.out.Representative = customer.RepresentativeID(r.BusinessRepresentativeID)
		return
	}
	person := newFieldCheck(k.call, path+".", true)
	person.person(personOf(*r))
	k.fields = append(k.fields, person.fields...)
	k.out.Person = person.values
}

// personOf is a representative in the form of a personal profile: the fields are the same.
func personOf(r latchkey.BusinessRepresentative) latchkey.PersonalProfile {
	return latchkey.PersonalProfile{FirstName: r.FirstName, LastName: r.LastName, PreferredName: r.PreferredName, Address: r.Address,
		ContactDetails: r.ContactDetails, DateOfBirth: r.DateOfBirth}
}

// representative reads who represents a business (contract 8.6).
func (d *Door) representative(c *call) (any, error) {
	id, err := c.number("profile")
	if err != nil {
		return nil, err
	}
	e, err := d.Customers.Business(c.r.Context(), c.caller(), customer.ProfileID(id))
	return representativeOf(e.Representative), err
}

// updateRepresentative changes who represents a business (contract 8.6). A transfer names the person in full.
func (d *Door) updateRepresentative(c *call) (any, error) {
	id, err := c.number("profile")
	if err != nil {
		return nil, err
	}
	var in latchkey.RepresentativeUpdate
	if err := c.body.into(&in); err != nil {
		return nil, err
	}
	transfer := in.UpdateContext == latchkey.TransferOfAuthorisation
	k := newFieldCheck(c, "", transfer)
	switch {
	case !k.has("updateContext"):
		k.wrong("updateContext", customer.Missing)
	case !transfer && in.UpdateContext != latchkey.UpdateDetails:
		k.wrong("updateContext", customer.Malformed)
	}
	k.person(personOf(latchkey.BusinessRepresentative{FirstName: in.FirstName, LastName: in.LastName, PreferredName: in.PreferredName,
		Address: in.Address, ContactDetails: in.ContactDetails, DateOfBirth: in.DateOfBirth}))
	k.actor(in.ActorEmail)
	if err := k.err(); err != nil {
		return nil, err
	}
	delete(k.values, customer.Nationality) // of personal profiles alone
	e, err := d.Customers.UpdateRepresentative(c.r.Context(), c.caller(), customer.ProfileID(id), customer.Substitution{Transfer: transfer, Values: k.values})
	return representativeOf(e.Representative), err
}

func representativeOf(r customer.Representative) latchkey.Representative {
	maybe := func(f customer.Field) latchkey.Maybe { return latchkey.Maybe(r.Value(f)) }
	line := r.Value(customer.FirstLine)
	if second := r.Value(customer.SecondLine); second != "" {
		line += ", " + second
	}
	return latchkey.Representative{
		BusinessRepresentativeID: latchkey.RepresentativeID(r.ID), FirstName: r.Value(customer.FirstName), LastName: r.Value(customer.LastName),
		PreferredName: maybe(customer.PreferredName),
		Address: latchkey.DetailsAddress{AddressFirstLine: line, City: r.Value(customer.City),
			CountryIso3Code: customer.Alpha3(r.Value(customer.Country)), PostCode: maybe(customer.PostCode), StateCode: maybe(customer.Region)},
		ContactDetails: latchkey.ContactDetails{Email: r.Value(customer.Email), PhoneNumber: r.Value(customer.Phone)},
		DateOfBirth:    latchkey.Date(r.Value(customer.DateOfBirth)),
	}
}
