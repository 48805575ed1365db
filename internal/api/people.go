package api

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/latchkey-id/latchkey"
	"github.com/latchkey-id/latchkey/internal/customer"
)

// saveDirectors adds directors, or with replace puts them in place of all (contract 10.1).
func (d *Door) saveDirectors(replace bool) func(*call) (any, error) {
	return func(c *call) (any, error) {
		id, err := c.number("profile")
		if err != nil {
			return nil, err
		}
		list, err := c.directors()
		if err != nil {
			return nil, err
		}
		return once(c, http.StatusOK, func(e customer.Entry) any { return directorsOf(e.Profile) }, func(by customer.Caller) (customer.Entry, error) {
			return d.Customers.SaveDirectors(c.r.Context(), by, customer.ProfileID(id), list, replace)
		})
	}
}

// removeDirectors leaves none: a collection of 2020 calls it (contract 10.1).
func (d *Door) removeDirectors(c *call) (any, error) {
	id, err := c.number("profile")
	if err != nil {
		return nil, err
	}
	e, err := d.Customers.SaveDirectors(c.r.Context(), c.caller(), customer.ProfileID(id), nil, true)
	return directorsOf(e.Profile), err
}

// directors lists them (contract 10.1).
func (d *Door) directors(c *call) (any, error) {
	id, err := c.number("profile")
	if err != nil {
		return nil, err
	}
	e, err := d.Customers.Business(c.r.Context(), c.caller(), customer.ProfileID(id))
	return directorsOf(e.Profile), err
}

func directorsOf(p customer.Profile) []latchkey.Director {
	list := make([]latchkey.Director, len(p.Details.Lists.Directors))
	for i, o := range p.Details.Lists.Directors {
		list[i] = latchkey.Director{ID: o.ID, FirstName: o.FirstName, LastName: o.LastName, DateOfBirth: latchkey.Date(o.DateOfBirth),
			CountryOfResidenceIso3Code: customer.Alpha3(o.Country)}
	}
	return list
}

// directors reads an array of directors. What is required is not documented: a name there must be.
func (c *call) directors() ([]customer.Director, error) {
	var in []latchkey.Director
	if err := c.list(&in); err != nil {
		return nil, err
	}
	k := listCheck{call: c}
	list := make([]customer.Director, len(in))
	for i, o := range in {
		k.at = fmt.Sprintf("[%d].", i)
		list[i] = customer.Director{FirstName: k.value("firstName", customer.FirstName, o.FirstName, o.LastName == ""),
			LastName:    k.value("lastName", customer.LastName, o.LastName, false),
			DateOfBirth: k.value("dateOfBirth", customer.DateOfBirth, string(o.DateOfBirth), false),
			Country:     k.value("countryOfResidenceIso3Code", customer.Country, o.CountryOfResidenceIso3Code, false)}
	}
	return list, k.err()
}

// saveOwners adds ultimate beneficial owners, or with replace puts them in place of all (contract 10.2).
func (d *Door) saveOwners(replace bool) func(*call) (any, error) {
	return func(c *call) (any, error) {
		id, err := c.number("profile")
		if err != nil {
			return nil, err
		}
		list, err := c.owners()
		if err != nil {
			return nil, err
		}
		return once(c, http.StatusOK, func(e customer.Entry) any { return ownersOf(e.Profile) }, func(by customer.Caller) (customer.Entry, error) {
			return d.Customers.SaveOwners(c.r.Context(), by, customer.ProfileID(id), list, replace)
		})
	}
}

// owners lists them (contract 10.2).
func (d *Door) owners(c *call) (any, error) {
	id, err := c.number("profile")
	if err != nil {
		return nil, err
	}
	e, err := d.Customers.Business(c.r.Context(), c.caller(), customer.ProfileID(id))
	return ownersOf(e.Profile), err
}

func ownersOf(p customer.Profile) []latchkey.BeneficialOwner {
	list := make([]latchkey.BeneficialOwner, len(p.Details.Lists.Owners))
	for i, o := range p.Details.Lists.Owners {
		list[i] = latchkey.BeneficialOwner{ID: o.ID, Name: o.Name, DateOfBirth: latchkey.Date(o.DateOfBirth),
			CountryOfResidenceIso3Code: customer.Alpha3(o.Country), AddressFirstLine: o.FirstLine, PostCode: o.PostCode}
		if o.PercentGiven {
			percent := int32(o.Percent)
			list[i].OwnershipPercentage = &percent
		}
	}
	return list
}

// owners reads an array of owners, each complete but for the percentage (contract 10.2).
func (c *call) owners() ([]customer.Owner, error) {
	var in []latchkey.BeneficialOwner
	if err := c.list(&in); err != nil {
		return nil, err
	}
	k := listCheck{call: c, nameless: true}
	list := make([]customer.Owner, len(in))
	for i, o := range in {
		k.at = fmt.Sprintf("[%d].", i)
		own := customer.Owner{Name: k.value("name", customer.FirstName, o.Name, true),
			DateOfBirth: k.value("dateOfBirth", customer.DateOfBirth, string(o.DateOfBirth), true),
			Country:     k.value("countryOfResidenceIso3Code", customer.Country, o.CountryOfResidenceIso3Code, true),
			FirstLine:   k.value("addressFirstLine", customer.FirstLine, o.AddressFirstLine, true)}
		k.country = own.Country
		own.PostCode = k.value("postCode", customer.PostCode, o.PostCode, customer.AddressNeeds(customer.PostCode, own.Country))
		k.country = ""
		if share := o.OwnershipPercentage; share != nil {
			if own.Percent, own.PercentGiven = int(*share), true; *share < 0 || *share > 100 {
				k.wrong("ownershipPercentage", " is not valid")
			}
		}
		list[i] = own
	}
	return list, k.err()
}

// list fills a slice from the body. A field of another type in an array is one of a body that cannot be read: the decoder
// does not say which element it was.
func (c *call) list(into any) error {
	err := c.body.intoList(into)
	var wrong fieldTypeError
	if errors.As(err, &wrong) {
		return fmt.Errorf("%w: an element has another type", errBody)
	}
	return err
}

// listCheck collects what is wrong with the elements of an array, all of it at once.
type listCheck struct {
	call *call
	// at is the element, as in "[0].".
	at string
	// country is what the form of the postcode is settled by.
	country string
	// nameless: errors carry no path and begin with the documented word (contract 10.2).
	nameless bool
	fields   []latchkey.FieldError
}

func (k *listCheck) value(name string, f customer.Field, text string, required bool) string {
	value, problem := customer.CheckSaid(f, text, k.country, k.call.door.Now())
	switch {
	case problem == customer.NoProblem && value == "" && required:
		k.wrong(name, " is missing")
	case problem == customer.TooLong:
		k.wrong(name, " is too long")
	case problem != customer.NoProblem:
		k.wrong(name, " is not valid")
	}
	return value
}

func (k *listCheck) wrong(name, words string) {
	e := latchkey.FieldError{Code: "BAD_REQUEST", Message: k.at + name + words, Path: k.at + name, Arguments: []string{}}
	if k.nameless {
		e.Message, e.Path = "ApiError: "+e.Message, ""
	}
	k.fields = append(k.fields, e)
}

func (k *listCheck) err() error {
	if len(k.fields) == 0 {
		return nil
	}
	return fieldsError{400, k.fields}
}
