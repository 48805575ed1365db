package latchkey

import "context"

// Director directs a business (contract 10.1).
type Director struct {
	// ID is given by the server, anew when all are replaced.
	ID          int64  `json:"id,omitempty"`
	FirstName   string `json:"firstName"`
	LastName    string `json:"lastName"`
	DateOfBirth Date   `json:"dateOfBirth"`
	// CountryOfResidenceIso3Code is three lower-case letters.
	CountryOfResidenceIso3Code string `json:"countryOfResidenceIso3Code"`
}

// BeneficialOwner owns or controls at least a quarter of a business in the end (contract 10.2). All is required but the
// percentage, and the postcode where there are none.
type BeneficialOwner struct {
	// ID is given by the server, anew when all are replaced: 32 hex digits.
	ID          string `json:"id,omitempty"`
	Name        string `json:"name"`
	DateOfBirth Date   `json:"dateOfBirth"`
	// CountryOfResidenceIso3Code is three lower-case letters.
	CountryOfResidenceIso3Code string `json:"countryOfResidenceIso3Code"`
	AddressFirstLine           string `json:"addressFirstLine"`
	PostCode                   string `json:"postCode"`
	// OwnershipPercentage is 0 to 100, null when it is not known.
	OwnershipPercentage *int32 `json:"ownershipPercentage"`
}

// AddDirectors adds directors to a business and returns all it has (contract 10.1), 200 at most. The profile of a person is
// [ErrForbidden], as one that does not exist; of a verified business directors are [ErrLocked].
func (a *Account) AddDirectors(ctx context.Context, id ProfileID, directors []Director) ([]Director, error) {
	var all []Director
	err := a.send(ctx, "POST", "/profiles/"+decimal(id)+"/directors", listed(directors), &all)
	return all, wrap(err, "adding directors")
}

// ReplaceDirectors puts these directors in place of all that a business has (contract 10.1).
func (a *Account) ReplaceDirectors(ctx context.Context, id ProfileID, directors []Director) ([]Director, error) {
	var all []Director
	err := a.send(ctx, "PUT", "/profiles/"+decimal(id)+"/directors", listed(directors), &all)
	return all, wrap(err, "replacing directors")
}

// RemoveDirectors removes all directors of a business (contract 10.1).
func (a *Account) RemoveDirectors(ctx context.Context, id ProfileID) error {
	var none []Director
	return wrap(a.send(ctx, "DELETE", "/profiles/"+decimal(id)+"/directors", nil, &none), "removing directors")
}

// Directors returns the directors of a business (contract 10.1).
func (a *Account) Directors(ctx context.Context, id ProfileID) ([]Director, error) {
	var all []Director
	err := a.send(ctx, "GET", "/profiles/"+decimal(id)+"/directors", nil, &all)
	return all, wrap(err, "listing directors")
}

// AddBeneficialOwners adds owners to a business and returns all it has (contract 10.2), 200 at most; errors as [Account.AddDirectors].
func (a *Account) AddBeneficialOwners(ctx context.Context, id ProfileID, owners []BeneficialOwner) ([]BeneficialOwner, error) {
	var all []BeneficialOwner
	err := a.send(ctx, "POST", "/profiles/"+decimal(id)+"/ubos", listed(owners), &all)
	return all, wrap(err, "adding beneficial owners")
}

// ReplaceBeneficialOwners puts these owners in place of all that a business has (contract 10.2).
func (a *Account) ReplaceBeneficialOwners(ctx context.Context, id ProfileID, owners []BeneficialOwner) ([]BeneficialOwner, error) {
	var all []BeneficialOwner
	err := a.send(ctx, "PUT", "/profiles/"+decimal(id)+"/ubos", listed(owners), &all)
	return all, wrap(err, "replacing beneficial owners")
}

// BeneficialOwners returns the owners of a business (contract 10.2).
func (a *Account) BeneficialOwners(ctx context.Context, id ProfileID) ([]BeneficialOwner, error) {
	var all []BeneficialOwner
	err := a.send(ctx, "GET", "/profiles/"+decimal(id)+"/ubos", nil, &all)
	return all, wrap(err, "listing beneficial owners")
}

// listed makes an array of no elements where there are none: the wire has no null here.
func listed[T any](list []T) []T { return append([]T{}, list...) }
