package latchkey

import (
	"bytes"
	"context"
	"encoding/json"
)

// RepresentativeID names who represents businesses of an account. Below 2^53.
type RepresentativeID int64

// Business is what a partner says about a business (contract 8.4, 8.5). When creating, name, registration number (but for a
// SOLE_PROPRIETORSHIP), categories, address, company type and representative are required; when updating, what is empty stays
// as it is.
type Business struct {
	// ID may be given in an update, and then is the profile's own.
	ID           ProfileID `json:"id,omitempty"`
	BusinessName string    `json:"businessName,omitempty"`
	// BusinessNameInKatakana is for Japan.
	BusinessNameInKatakana string `json:"businessNameInKatakana,omitempty"`
	// BusinessFreeFormDescription and Webpage are required for company type OTHER.
	BusinessFreeFormDescription string `json:"businessFreeFormDescription,omitempty"`
	RegistrationNumber          string `json:"registrationNumber,omitempty"`
	// ACN, ABN and ARBN are Australian numbers.
	ACN  string `json:"acn,omitempty"`
	ABN  string `json:"abn,omitempty"`
	ARBN string `json:"arbn,omitempty"`
	// CompanyType is such as LIMITED, SOLE_TRADER, TRUST or OTHER.
	CompanyType string `json:"companyType,omitempty"`
	// CompanyRole of the acting person is OWNER, DIRECTOR or OTHER.
	CompanyRole string           `json:"companyRole,omitempty"`
	Address     *BusinessAddress `json:"address,omitempty"`
	// ExternalCustomerID is the partner's own key of the business.
	ExternalCustomerID string `json:"externalCustomerId,omitempty"`
	// ActorEmail is checked and not kept: nothing of the contract reads it again.
	ActorEmail string `json:"actorEmail,omitempty"`
	// FirstLevelCategory and SecondLevelCategory are of the versions 2 and 3; [IndustryCategories] took their place.
	FirstLevelCategory  string `json:"firstLevelCategory,omitempty"`
	SecondLevelCategory string `json:"secondLevelCategory,omitempty"`
	// IndustryCategories are codes of upper-case letters, digits and underscores: at least one.
	IndustryCategories   []string          `json:"industryCategories,omitempty"`
	OperationalAddresses []BusinessAddress `json:"operationalAddresses,omitempty"`
	Webpage              string            `json:"webpage,omitempty"`
	// BusinessRepresentative is who acts for the business: an existing one by its id alone, or a person in full.
	BusinessRepresentative *BusinessRepresentative `json:"businessRepresentative,omitempty"`
}

// BusinessAddress is an address in the dialect of business requests: the country as three lower-case letters, or as two.
type BusinessAddress struct {
	AddressFirstLine string `json:"addressFirstLine,omitempty"`
	City             string `json:"city,omitempty"`
	CountryIso2Code  string `json:"countryIso2Code,omitempty"`
	CountryIso3Code  string `json:"countryIso3Code,omitempty"`
	PostCode         string `json:"postCode,omitempty"`
	StateCode        string `json:"stateCode,omitempty"`
}

// BusinessRepresentative is who acts for a business, in requests (contract 8.4).
type BusinessRepresentative struct {
	// BusinessRepresentativeID shares an existing one; nothing else is given then.
	BusinessRepresentativeID RepresentativeID `json:"businessRepresentativeId,omitempty"`
	FirstName                string           `json:"firstName,omitempty"`
	LastName                 string           `json:"lastName,omitempty"`
	PreferredName            string           `json:"preferredName,omitempty"`
	Address                  *PersonalAddress `json:"address,omitempty"`
	ContactDetails           *ContactDetails  `json:"contactDetails,omitempty"`
	DateOfBirth              Date             `json:"dateOfBirth,omitempty"`
}

// What a [RepresentativeUpdate] is about (contract 8.6).
const (
	// UpdateDetails corrects the person, for all businesses that share the representative.
	UpdateDetails = "UPDATE_DETAILS"
	// TransferOfAuthorisation puts another person in the place.
	TransferOfAuthorisation = "TRANSFER_OF_AUTHORISATION"
)

// RepresentativeUpdate changes who represents a business (contract 8.6).
type RepresentativeUpdate struct {
	// UpdateContext is [UpdateDetails] or [TransferOfAuthorisation]; the latter needs the person in full.
	UpdateContext  string           `json:"updateContext"`
	FirstName      string           `json:"firstName,omitempty"`
	LastName       string           `json:"lastName,omitempty"`
	PreferredName  string           `json:"preferredName,omitempty"`
	Address        *PersonalAddress `json:"address,omitempty"`
	ContactDetails *ContactDetails  `json:"contactDetails,omitempty"`
	DateOfBirth    Date             `json:"dateOfBirth,omitempty"`
	// ActorEmail is checked and not kept.
	ActorEmail string `json:"actorEmail,omitempty"`
}

// Representative is who represents a business, as it is read (contract 8.6, OC-17).
type Representative struct {
	BusinessRepresentativeID RepresentativeID `json:"businessRepresentativeId"`
	FirstName                string           `json:"firstName"`
	LastName                 string           `json:"lastName"`
	PreferredName            Maybe            `json:"preferredName"`
	Address                  DetailsAddress   `json:"address"`
	ContactDetails           ContactDetails   `json:"contactDetails"`
	DateOfBirth              Date             `json:"dateOfBirth"`
}

// BusinessProfile is a business as it is read (contract 8.3).
type BusinessProfile struct {
	// Type is BUSINESS.
	Type string    `json:"type"`
	ID   ProfileID `json:"id"`
	// PublicID is a UUID.
	PublicID  string         `json:"publicId"`
	UserID    UserID         `json:"userId"`
	Address   ProfileAddress `json:"address"`
	Email     string         `json:"email"`
	CreatedAt LocalStamp     `json:"createdAt"`
	UpdatedAt LocalStamp     `json:"updatedAt"`
	// CurrentState is HIDDEN, VISIBLE or DEACTIVATED.
	CurrentState string `json:"currentState"`
	// ContactDetails are the representative's.
	ContactDetails              ContactDetails `json:"contactDetails"`
	BusinessName                string         `json:"businessName"`
	RegistrationNumber          Maybe          `json:"registrationNumber"`
	CompanyType                 Maybe          `json:"companyType"`
	CompanyRole                 Maybe          `json:"companyRole"`
	BusinessFreeFormDescription Maybe          `json:"businessFreeFormDescription"`
	Webpage                     Maybe          `json:"webpage"`
	// BusinessCategories are absent after a creation or update under a calendar label.
	*BusinessCategories
	// IndustryCategories are absent in the older versions.
	IndustryCategories   []string         `json:"industryCategories,omitzero"`
	OperationalAddresses []ProfileAddress `json:"operationalAddresses"`
	FullName             string           `json:"fullName"`
}

// BusinessCategories are the categories of the versions before calendar labels.
type BusinessCategories struct {
	// DescriptionOfBusiness repeats the second-level category, or the first where there is none.
	DescriptionOfBusiness Maybe `json:"descriptionOfBusiness"`
	FirstLevelCategory    Maybe `json:"firstLevelCategory"`
	SecondLevelCategory   Maybe `json:"secondLevelCategory"`
}

// MarshalJSON writes the business where the profile is one.
func (p Profile) MarshalJSON() ([]byte, error) {
	type plain Profile
	var what any = plain(p)
	if p.Business != nil {
		what = p.Business
	}
	var b bytes.Buffer
	to := json.NewEncoder(&b)
	to.SetEscapeHTML(false) // as with Maybe: the outer encoder escapes where it is asked to
	err := to.Encode(what)
	return bytes.TrimRight(b.Bytes(), "\n"), err
}

// UnmarshalJSON reads a profile of either type.
func (p *Profile) UnmarshalJSON(b []byte) error {
	type plain Profile
	var read plain
	if err := json.Unmarshal(b, &read); err != nil {
		return err
	}
	if read.Business = nil; read.Type == "BUSINESS" {
		read.Business = new(BusinessProfile)
		if err := json.Unmarshal(b, read.Business); err != nil {
			return err
		}
	}
	*p = Profile(read)
	return nil
}

// CreateBusinessProfile creates a business of the account (contract 8.4), 50 at most. One with the registration number and country of another
// is [ErrDuplicate]. key makes repeating safe, as in [Account.CreatePersonalProfile].
func (a *Account) CreateBusinessProfile(ctx context.Context, b Business, key string) (BusinessProfile, error) {
	var created BusinessProfile
	err := a.client.send(ctx, call{method: "POST", path: "/profiles/business-profile", body: b, bearer: a.bearer, header: a.creation(key)}, &created)
	return created, wrap(err, "creating a business profile")
}

// UpdateBusinessProfile changes what b names and leaves the rest (contract 8.5).
func (a *Account) UpdateBusinessProfile(ctx context.Context, id ProfileID, b Business) (BusinessProfile, error) {
	var updated BusinessProfile
	err := a.send(ctx, "PUT", "/profiles/"+decimal(id)+"/business-profile", b, &updated)
	return updated, wrap(err, "updating a business profile")
}

// BusinessRepresentative returns who represents a business (contract 8.6).
func (a *Account) BusinessRepresentative(ctx context.Context, id ProfileID) (Representative, error) {
	var r Representative
	err := a.send(ctx, "GET", "/profiles/"+decimal(id)+"/business-profile/business-representative", nil, &r)
	return r, wrap(err, "reading a business representative")
}

// UpdateBusinessRepresentative changes who represents a business (contract 8.6).
func (a *Account) UpdateBusinessRepresentative(ctx context.Context, id ProfileID, u RepresentativeUpdate) (Representative, error) {
	var r Representative
	err := a.send(ctx, "PUT", "/profiles/"+decimal(id)+"/business-profile/business-representative", u, &r)
	return r, wrap(err, "updating a business representative")
}
