package latchkey

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
