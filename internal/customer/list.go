package customer

import (
	"slices"
	"time"
)

// The lists of a profile, under the names by which provenance and events know them.
const (
	OperationalAddresses Field = "operational_addresses"
	Directors            Field = "directors"
	Owners               Field = "owners"
	Documents            Field = "documents"
)

// Lists are what a profile may have several of.
type Lists struct {
	OperationalAddresses []Place    `json:"operational_addresses,omitempty"`
	Directors            []Director `json:"directors,omitempty"`
	Owners               []Owner    `json:"owners,omitempty"`
	Documents            []Document `json:"documents,omitempty"`
}

// A ListProposal is a list that the partner sent after the claim: it takes the place of the whole list when the customer
// accepts it (design 10.11). Only the list of the field's name is filled.
type ListProposal struct {
	Field Field     `json:"field"`
	Lists Lists     `json:"lists"`
	At    time.Time `json:"at"`
}

// A Place is an address besides the one that a profile has among its values. The country is alpha-2 upper case.
type Place struct {
	// Source is who gave it; the partner where it is empty. At is zero then.
	Source    Source    `json:"source,omitempty"`
	At        time.Time `json:"at,omitzero"`
	ID        int64     `json:"id"`
	Country   string    `json:"country"`
	FirstLine string    `json:"first_line"`
	City      string    `json:"city"`
	Region    string    `json:"region,omitempty"`
	PostCode  string    `json:"post_code,omitempty"`
}

// A Director directs a business (contract 10.1).
type Director struct {
	ID          int64  `json:"id"`
	FirstName   string `json:"first_name"`
	LastName    string `json:"last_name"`
	DateOfBirth string `json:"date_of_birth,omitempty"`
	// Country is where the director lives, alpha-2 upper case.
	Country string    `json:"country,omitempty"`
	Source  Source    `json:"source"`
	At      time.Time `json:"at"`
}

// An Owner owns or controls a business in the end; everyone with at least a quarter is one (contract 10.2).
type Owner struct {
	// ID is 32 hex digits.
	ID          string `json:"id"`
	Name        string `json:"name"`
	DateOfBirth string `json:"date_of_birth"`
	// Country is where the owner lives, alpha-2 upper case.
	Country   string `json:"country"`
	FirstLine string `json:"first_line"`
	PostCode  string `json:"post_code"`
	// Percent of the business that the owner holds, 0 to 100; PercentGiven is false when nobody said.
	Percent      int       `json:"percent"`
	PercentGiven bool      `json:"percent_given"`
	Source       Source    `json:"source"`
	At           time.Time `json:"at"`
}

// put takes over the list of one field.
func (l *Lists) put(f Field, from Lists) {
	switch f {
	case OperationalAddresses:
		l.OperationalAddresses = from.OperationalAddresses
	case Directors:
		l.Directors = from.Directors
	case Owners:
		l.Owners = from.Owners
	case Documents:
		l.Documents = from.Documents
	}
}

// withList returns the profile with one list replaced.
func (p Profile) withList(f Field, from Lists, by Source, now time.Time) Profile {
	p.Details = p.Details.clone()
	p.Details.Lists.put(f, from)
	p.Details.Provenance[f] = Provenance{Source: by, At: now}
	p.UpdatedAt = now
	p.Edition++
	return p
}

// proposeList stores one list as a proposal.
func (p Profile) proposeList(f Field, from Lists, now time.Time) Profile {
	p.Details = p.Details.clone()
	q := ListProposal{Field: f, At: now}
	q.Lists.put(f, from)
	p.Details.ProposedLists = slices.DeleteFunc(p.Details.ProposedLists, func(q ListProposal) bool { return q.Field == f })
	p.Details.ProposedLists = append(p.Details.ProposedLists, q)
	return p
}

// proposed is the list as the partner last saw fit: what it proposed, or what holds today.
func (p Profile) proposed(f Field) Lists {
	for _, q := range p.Details.ProposedLists {
		if q.Field == f {
			return q.Lists
		}
	}
	return p.Details.Lists
}
