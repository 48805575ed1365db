package latchkey

import (
	"context"
	"strconv"
)

// AddressID names an address. Below 2^53.
type AddressID int64

// AddressRequest sets the address of a profile, whether it has one or not (contract 9.1).
type AddressRequest struct {
	Profile ProfileID       `json:"profile"`
	Details *AddressDetails `json:"details"`
}

// Address is an address of a profile (contract 9.1).
type Address struct {
	ID      AddressID      `json:"id"`
	Profile ProfileID      `json:"profile"`
	Details AddressDetails `json:"details"`
}

// AddressDetails is an address in the dialect of the address endpoints: the country as two upper-case letters.
type AddressDetails struct {
	Country   string `json:"country"`
	FirstLine string `json:"firstLine"`
	// PostCode is needed where the country has postcodes: at most 30 characters.
	PostCode Maybe  `json:"postCode"`
	City     string `json:"city"`
	// State is needed in US, CA, BR and AU.
	State Maybe `json:"state"`
	// Occupations are needed in CA, IN, JP, ID, IL, MX and US-NM.
	Occupations []Occupation `json:"occupations"`
	// Occupation is the form of 2020: it counts in requests without Occupations.
	Occupation string `json:"occupation,omitempty"`
}

// RequirementsRequest asks what is needed, given the values so far (contract 9.2).
type RequirementsRequest struct {
	// Profile is optional.
	Profile ProfileID           `json:"profile,omitempty"`
	Details RequirementsDetails `json:"details"`
}

// RequirementsDetails are the values so far.
type RequirementsDetails struct {
	Country string `json:"country,omitempty"`
	State   string `json:"state,omitempty"`
}

// Requirements is a form: what to ask the person (contract 9.2, 10.5).
type Requirements struct {
	// Type is address or profile-extensions-requirements.
	Type   string       `json:"type"`
	Fields []FormFields `json:"fields"`
}

// FormFields are fields that belong together.
type FormFields struct {
	Name  string      `json:"name"`
	Group []FormField `json:"group"`
}

// FormField is one value to ask for.
type FormField struct {
	Key string `json:"key"`
	// Type is text or select.
	Type string `json:"type"`
	// RefreshRequirementsOnChange: ask for the requirements again with this value.
	RefreshRequirementsOnChange bool   `json:"refreshRequirementsOnChange"`
	Required                    bool   `json:"required"`
	DisplayFormat               Maybe  `json:"displayFormat"`
	Example                     string `json:"example"`
	// MinLength and MaxLength are in characters; null for no bound.
	MinLength        *int  `json:"minLength"`
	MaxLength        *int  `json:"maxLength"`
	ValidationRegexp Maybe `json:"validationRegexp"`
	// ValidationAsync is always null.
	ValidationAsync *struct{} `json:"validationAsync"`
	// ValuesAllowed is null where any text is.
	ValuesAllowed []FormValue `json:"valuesAllowed"`
}

// FormValue is one value of a select.
type FormValue struct {
	Key  string `json:"key"`
	Name string `json:"name"`
}

// SaveAddress sets the address of a profile (contract 9.1).
func (a *Account) SaveAddress(ctx context.Context, id ProfileID, details AddressDetails) (Address, error) {
	var address Address
	err := a.send(ctx, "POST", "/addresses", AddressRequest{Profile: id, Details: &details}, &address)
	return address, wrap(err, "saving an address")
}

// Addresses returns the addresses of a profile: none or one (contract 9.1).
func (a *Account) Addresses(ctx context.Context, id ProfileID) ([]Address, error) {
	var addresses []Address
	err := a.send(ctx, "GET", "/addresses?profile="+decimal(id), nil, &addresses)
	return addresses, wrap(err, "listing addresses")
}

// Address returns one address (contract 9.1); one that is not yours and one that does not exist are both [ErrForbidden].
func (a *Account) Address(ctx context.Context, id AddressID) (Address, error) {
	var address Address
	err := a.send(ctx, "GET", "/addresses/"+strconv.FormatInt(int64(id), 10), nil, &address)
	return address, wrap(err, "reading an address")
}

// AddressRequirements returns the form of an address for the values so far; without any, what to ask first (contract 9.2). A
// country that is none is an [*Error] with the path addressCountryCode.
func (a *Account) AddressRequirements(ctx context.Context, r RequirementsRequest) ([]Requirements, error) {
	var form []Requirements
	var err error
	if r == (RequirementsRequest{}) {
		err = a.send(ctx, "GET", "/address-requirements", nil, &form)
	} else {
		err = a.send(ctx, "POST", "/address-requirements", r, &form)
	}
	return form, wrap(err, "asking for address requirements")
}
