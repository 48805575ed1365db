package customer

import (
	"context"
	"errors"
	"slices"
	"time"
)

// ErrNoTaxID: a proof of financial capacity needs the person's tax id first (contract 10.3).
var ErrNoTaxID = errors.New("person has no tax id")

// mostDocuments bounds the identity documents of one person.
const mostDocuments = 50

// Types of identity documents that rules know.
const (
	DocumentSSN               = "SSN"
	DocumentTaxID             = "CPF_CNPJ"
	DocumentFinancialCapacity = "FINANCIAL_CAPACITY_BR"
	DocumentEmployer          = "EMIRATES_EMPLOYER"
)

// DocumentTypes lists the types of identity documents (contract 10.3).
func DocumentTypes() []string {
	return []string{"DRIVERS_LICENCE", "IDENTITY_CARD", "GREEN_CARD", "MY_NUMBER", "PASSPORT", DocumentSSN, DocumentEmployer,
		"EMIRATES_PLACE_OF_BIRTH", DocumentTaxID, DocumentFinancialCapacity, "OTHER"}
}

// A Document is what an identity document says (contract 10.3). Countries are alpha-2 upper case, dates YYYY-MM-DD; what was
// not given is empty.
type Document struct {
	ID   int64  `json:"id"`
	Type string `json:"type,omitempty"`
	// Number is the document's own.
	Number          string    `json:"number,omitempty"`
	FirstName       string    `json:"first_name,omitempty"`
	LastName        string    `json:"last_name,omitempty"`
	IssuedOn        string    `json:"issued_on,omitempty"`
	ExpiresOn       string    `json:"expires_on,omitempty"`
	IssuerCountry   string    `json:"issuer_country,omitempty"`
	IssuerRegion    string    `json:"issuer_region,omitempty"`
	Nationality     string    `json:"nationality,omitempty"`
	BirthCountry    string    `json:"birth_country,omitempty"`
	BirthCity       string    `json:"birth_city,omitempty"`
	BirthPlace      string    `json:"birth_place,omitempty"`
	EmployerCountry string    `json:"employer_country,omitempty"`
	EmployerName    string    `json:"employer_name,omitempty"`
	EmployerCity    string    `json:"employer_city,omitempty"`
	Sex             string    `json:"sex,omitempty"`
	Source          Source    `json:"source"`
	At              time.Time `json:"at"`
}

// SaveDocument adds an identity document to a personal profile; one of the same type and number takes the place of the one
// before. With replace it takes the place of all of its type (contract 10.3). After the claim, where the customer confirmed
// the documents, it is a proposal. Errors: ErrNoTaxID, ErrTooMany.
func (cs Customers) SaveDocument(ctx context.Context, c Caller, id ProfileID, d Document, replace bool) error {
	_, err := cs.saveList(ctx, c, id, KindPersonal, Documents, func(have Lists, now time.Time) (Lists, error) {
		if d.Type == DocumentFinancialCapacity && !slices.ContainsFunc(have.Documents, func(o Document) bool { return o.Type == DocumentTaxID }) {
			return Lists{}, ErrNoTaxID
		}
		list := slices.DeleteFunc(slices.Clone(have.Documents), func(o Document) bool {
			return o.Type == d.Type && (replace || o.Number == d.Number)
		})
		d.ID, d.Source, d.At = cs.IDs.Next(), ByPartner, now
		return Lists{Documents: append(list, d)}, tooMany(len(list)+1, mostDocuments)
	})
	return err
}
