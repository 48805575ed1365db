package api

import (
	"net/http"
	"slices"
	"strings"

	"golang.org/x/text/currency"

	"github.com/latchkey-id/latchkey"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// mostCurrencies bounds one question; there are fewer than two hundred.
const mostCurrencies = 200

// verificationStatus answers for each source currency asked for (contract 11.1). The answer is the same for all: nothing here
// moves money, so no currency has rules of its own.
func (d *Door) verificationStatus(c *call) (any, error) {
	id, err := c.number("profile")
	if err != nil {
		return nil, err
	}
	currencies, err := c.currencies()
	if err != nil {
		return nil, err
	}
	e, err := d.Customers.Profile(c.r.Context(), c.caller(), customer.ProfileID(id))
	if err != nil {
		return nil, err
	}
	answer := latchkey.VerificationStatus{Routes: make([]latchkey.VerificationRoute, len(currencies)), RequestID: secret.UUID()}
	for i, code := range currencies {
		answer.Routes[i] = latchkey.VerificationRoute{SourceCurrency: code, CurrentStatus: statusOf(e.Profile)}
	}
	return answer, nil
}

// currencies reads the list of the query, each once, in the order given.
func (c *call) currencies() ([]string, error) {
	const name = "source_currencies"
	given := c.r.URL.Query()[name]
	if len(given) == 0 || given[0] == "" {
		return nil, fieldsError{400, []latchkey.FieldError{{Code: "NotNull", Message: "must not be null", Path: name, Arguments: []string{}}}}
	}
	var codes []string
	for _, text := range strings.Split(strings.Join(given, ","), ",") {
		unit, err := currency.ParseISO(strings.TrimSpace(text))
		if err != nil || len(codes) == mostCurrencies {
			return nil, fieldsError{400, []latchkey.FieldError{{Code: "BAD_REQUEST", Message: "Give ISO 4217 codes with commas between them", Path: name,
				Arguments: []string{}}}}
		}
		if code := unit.String(); !slices.Contains(codes, code) {
			codes = append(codes, code)
		}
	}
	return codes, nil
}

func statusOf(p customer.Profile) string {
	if p.Verified() {
		return latchkey.Verified
	}
	return latchkey.NotVerified
}

// oldVerificationStatus is the form of 2020 (contract 11.1).
func (d *Door) oldVerificationStatus(c *call) (any, error) {
	id, err := c.number("profile")
	if err != nil {
		return nil, err
	}
	e, err := d.Customers.Profile(c.r.Context(), c.caller(), customer.ProfileID(id))
	return latchkey.ProfileVerification{ProfileID: latchkey.ProfileID(e.Profile.ID), CurrentStatus: statusOf(e.Profile)}, err
}

// disputes lists what the customer says is wrong with locked details (design 10.31), the oldest first.
func (d *Door) disputes(c *call) (any, error) {
	id, err := c.number("profile")
	if err != nil {
		return nil, err
	}
	e, err := d.Customers.Profile(c.r.Context(), c.caller(), customer.ProfileID(id))
	if err != nil {
		return nil, err
	}
	answer := []latchkey.Dispute{}
	for f, note := range e.Profile.Details.Disputes {
		answer = append(answer, latchkey.Dispute{Field: string(f), Note: note.Note, CreatedAt: latchkey.LocalStamp{Time: note.At}})
	}
	slices.SortFunc(answer, func(a, b latchkey.Dispute) int {
		if order := a.CreatedAt.Compare(b.CreatedAt.Time); order != 0 {
			return order
		}
		return strings.Compare(a.Field, b.Field)
	})
	return answer, nil
}

// simulateVerification verifies one profile as a trial (contract 14). The answer is empty, with status 200.
func (d *Door) simulateVerification(c *call) (any, error) {
	id, err := c.number("profile")
	if err != nil {
		return nil, err
	}
	return answered{http.StatusOK, nil}, d.Customers.Simulate(c.r.Context(), c.caller(), customer.ProfileID(id))
}

// simulateVerifications verifies all that the token reaches (contract 14).
func (d *Door) simulateVerifications(c *call) (any, error) {
	return answered{http.StatusOK, nil}, d.Customers.Simulate(c.r.Context(), c.caller(), 0)
}

// locked says which fields of the request verification keeps as they are (contract OC-21).
func (c *call) locked(e customer.LockedError) fieldsError {
	fields := make([]latchkey.FieldError, len(e.Fields))
	for i, f := range e.Fields {
		fields[i] = latchkey.FieldError{Code: "FIELD_LOCKED", Message: "The profile is verified, and this cannot be changed now", Path: c.lockedPath(f),
			Arguments: []string{}}
	}
	return fieldsError{http.StatusConflict, fields}
}

// lockedPath is the name of a field in the dialect of the endpoint that was called.
func (c *call) lockedPath(f customer.Field) string {
	dialect := lockedNames
	switch {
	case strings.HasSuffix(c.r.Pattern, "/addresses"):
		dialect = lockedAddressNames
	case c.r.Pattern == "/v1/profiles":
		dialect = lockedFirstNames
	}
	if name, known := dialect[f]; known {
		return name
	}
	return lockedNames[f]
}

// The names of what can be locked: in today's profile endpoints, in the address endpoints (contract 9.1) and in the first
// version of profiles (contract 8.8), as far as they differ.
var (
	lockedNames = map[customer.Field]string{
		customer.FirstName: "firstName", customer.LastName: "lastName", customer.FirstNameInKana: "firstNameInKana",
		customer.LastNameInKana: "lastNameInKana", customer.DateOfBirth: "dateOfBirth", customer.Nationality: "nationality",
		customer.Country: "address.countryIso3Code", customer.FirstLine: "address.addressFirstLine", customer.SecondLine: "address.addressFirstLine",
		customer.City: "address.city", customer.Region: "address.stateCode", customer.PostCode: "address.postCode",
		customer.Phone: "contactDetails.phoneNumber", customer.Email: "contactDetails.email", customer.Occupation: "occupations",
		customer.Documents: "type", customer.BusinessName: "businessName", customer.BusinessNameKatakana: "businessNameInKatakana",
		customer.RegistrationNumber: "registrationNumber", customer.ACN: "acn", customer.ABN: "abn", customer.ARBN: "arbn",
		customer.CompanyType: "companyType", customer.Directors: "directors", customer.Owners: "ubos",
		customer.OperationalAddresses: "operationalAddresses", customer.WebPage: "webpage", customer.FirstCategory: "firstLevelCategory",
		customer.SecondCategory: "secondLevelCategory", customer.Industries: "industryCategories",
		customer.Description: "businessFreeFormDescription",
	}
	lockedAddressNames = map[customer.Field]string{
		customer.Country: "addressCountryCode", customer.FirstLine: "addressFirstLine", customer.SecondLine: "addressFirstLine",
		customer.City: "addressCity", customer.Region: "addressState", customer.PostCode: "addressPostCode",
	}
	lockedFirstNames = map[customer.Field]string{
		customer.Phone: "phoneNumber", customer.BusinessName: "name", customer.FirstCategory: "businessCategory",
		customer.SecondCategory: "businessSubCategory", customer.Description: "descriptionOfBusiness",
	}
)
