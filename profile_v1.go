package latchkey

import (
	"context"
	"encoding/json"
)

// ProfileV1 is a profile in the first version, which has no calendar label and is kept for clients that still call it (contract 8.8).
type ProfileV1[Details PersonalV1 | BusinessV1] struct {
	ID ProfileID `json:"id"`
	// Type is personal or business.
	Type    string  `json:"type"`
	Details Details `json:"details"`
}

// PersonalV1 are the details of a person in the first version.
type PersonalV1 struct {
	FirstName       string `json:"firstName"`
	LastName        string `json:"lastName"`
	PreferredName   Maybe  `json:"preferredName"`
	DateOfBirth     Maybe  `json:"dateOfBirth"`
	PhoneNumber     Maybe  `json:"phoneNumber"`
	FirstNameInKana Maybe  `json:"firstNameInKana"`
	LastNameInKana  Maybe  `json:"lastNameInKana"`
	Avatar          string `json:"avatar"`
	Occupation      string `json:"occupation"`
	// Occupations are null when there are none.
	Occupations []Occupation `json:"occupations"`
	// PrimaryAddress is the id of the address, null when there is none.
	PrimaryAddress *AddressID `json:"primaryAddress"`
}

// BusinessV1 are the details of a business in the first version.
type BusinessV1 struct {
	Name                  string     `json:"name"`
	RegistrationNumber    Maybe      `json:"registrationNumber"`
	ACN                   Maybe      `json:"acn"`
	ABN                   Maybe      `json:"abn"`
	ARBN                  Maybe      `json:"arbn"`
	CompanyType           Maybe      `json:"companyType"`
	CompanyRole           Maybe      `json:"companyRole"`
	DescriptionOfBusiness Maybe      `json:"descriptionOfBusiness"`
	Webpage               Maybe      `json:"webpage"`
	BusinessCategory      Maybe      `json:"businessCategory"`
	BusinessSubCategory   Maybe      `json:"businessSubCategory"`
	PrimaryAddress        *AddressID `json:"primaryAddress"`
}

// ProfileRequestV1 creates or updates a profile in the first version (contract 8.8).
type ProfileRequestV1 struct {
	// ID is the profile's in an update.
	ID ProfileID `json:"id,omitempty"`
	// Type is personal or business.
	Type    string     `json:"type"`
	Details *DetailsV1 `json:"details"`
}

// DetailsV1 are the details of a person or a business in requests of the first version; of the other type's fields none counts.
type DetailsV1 struct {
	FirstName       string `json:"firstName,omitempty"`
	LastName        string `json:"lastName,omitempty"`
	PreferredName   string `json:"preferredName,omitempty"`
	DateOfBirth     Date   `json:"dateOfBirth,omitempty"`
	PhoneNumber     string `json:"phoneNumber,omitempty"`
	FirstNameInKana string `json:"firstNameInKana,omitempty"`
	LastNameInKana  string `json:"lastNameInKana,omitempty"`

	Name                  string `json:"name,omitempty"`
	RegistrationNumber    string `json:"registrationNumber,omitempty"`
	ACN                   string `json:"acn,omitempty"`
	ABN                   string `json:"abn,omitempty"`
	ARBN                  string `json:"arbn,omitempty"`
	CompanyType           string `json:"companyType,omitempty"`
	CompanyRole           string `json:"companyRole,omitempty"`
	DescriptionOfBusiness string `json:"descriptionOfBusiness,omitempty"`
	Webpage               string `json:"webpage,omitempty"`
	BusinessCategory      string `json:"businessCategory,omitempty"`
	BusinessSubCategory   string `json:"businessSubCategory,omitempty"`
}

// EitherV1 is a profile in the first version as it is read: a person or a business, the other is nil.
type EitherV1 struct {
	ID       ProfileID
	Personal *PersonalV1
	Business *BusinessV1
}

// UnmarshalJSON reads a profile of either type.
func (p *EitherV1) UnmarshalJSON(b []byte) error {
	var read struct {
		ID      ProfileID       `json:"id"`
		Type    string          `json:"type"`
		Details json.RawMessage `json:"details"`
	}
	if err := json.Unmarshal(b, &read); err != nil {
		return err
	}
	*p = EitherV1{ID: read.ID}
	if read.Type == "business" {
		p.Business = new(BusinessV1)
		return json.Unmarshal(read.Details, p.Business)
	}
	p.Personal = new(PersonalV1)
	return json.Unmarshal(read.Details, p.Personal)
}

// CreateProfileV1 creates a profile in the first version (contract 8.8, deprecated: [Account.CreatePersonalProfile] and
// [Account.CreateBusinessProfile] took its place). A business needs the personal profile first; a second person is
// [ErrDuplicate]. key makes repeating safe, as there.
func (a *Account) CreateProfileV1(ctx context.Context, r ProfileRequestV1, key string) (EitherV1, error) {
	var made EitherV1
	err := a.client.send(ctx, call{method: "POST", path: "/v1/profiles", versioned: true, body: r, bearer: a.bearer, header: a.creation(key)}, &made)
	return made, wrap(err, "creating a profile of the first version")
}

// UpdateProfileV1 changes the profile that r.ID names; what is empty stays as it is (contract 8.8, deprecated).
func (a *Account) UpdateProfileV1(ctx context.Context, r ProfileRequestV1) (EitherV1, error) {
	var updated EitherV1
	err := a.sendVersioned(ctx, "PUT", "/v1/profiles", r, &updated)
	return updated, wrap(err, "updating a profile of the first version")
}

// ProfilesV1 lists the profiles that the bearer reaches (contract 8.8, deprecated).
func (a *Account) ProfilesV1(ctx context.Context) ([]EitherV1, error) {
	var list []EitherV1
	err := a.sendVersioned(ctx, "GET", "/v1/profiles", nil, &list)
	return list, wrap(err, "listing profiles of the first version")
}

// ProfileV1 reads one (contract 8.8, deprecated); one that is not yours and one that does not exist are both [ErrForbidden].
func (a *Account) ProfileV1(ctx context.Context, id ProfileID) (EitherV1, error) {
	var p EitherV1
	err := a.sendVersioned(ctx, "GET", "/v1/profiles/"+decimal(id), nil, &p)
	return p, wrap(err, "reading a profile of the first version")
}
