package latchkey

import "context"

// IdentityDocument is what an identity document says (contract 10.3). Countries are two upper-case letters.
type IdentityDocument struct {
	// ClientID is the caller's own, required when replacing.
	ClientID string `json:"clientId,omitempty"`
	// Type is one of DRIVERS_LICENCE, IDENTITY_CARD, GREEN_CARD, MY_NUMBER, PASSPORT, SSN, EMIRATES_EMPLOYER,
	// EMIRATES_PLACE_OF_BIRTH, CPF_CNPJ, FINANCIAL_CAPACITY_BR and OTHER.
	Type string `json:"type,omitempty"`
	// UniqueIdentifier is at most 30 characters; nine digits for SSN, a number for FINANCIAL_CAPACITY_BR.
	UniqueIdentifier string `json:"uniqueIdentifier,omitempty"`
	FirstName        string `json:"firstName,omitempty"`
	LastName         string `json:"lastName,omitempty"`
	IssueDate        Date   `json:"issueDate,omitempty"`
	ExpiryDate       Date   `json:"expiryDate,omitempty"`
	IssuerCountry    string `json:"issuerCountry,omitempty"`
	IssuerState      string `json:"issuerState,omitempty"`
	Nationality      string `json:"nationality,omitempty"`
	BirthCountry     string `json:"birthCountry,omitempty"`
	BirthCity        string `json:"birthCity,omitempty"`
	// EmployerName, EmployerCity and EmployerCountry belong to EMIRATES_EMPLOYER.
	EmployerName    string `json:"employerName,omitempty"`
	EmployerCity    string `json:"employerCity,omitempty"`
	EmployerCountry string `json:"employerCountry,omitempty"`
	// Sex is MALE or FEMALE. It and PlaceOfBirth are read when replacing.
	Sex          string `json:"sex,omitempty"`
	PlaceOfBirth string `json:"placeOfBirth,omitempty"`
}

// Outcome answers what is stored about identity documents (contract 10.3).
type Outcome struct {
	// ErrorMessage is null when all is well.
	ErrorMessage Maybe `json:"errorMessage"`
	Success      bool  `json:"success"`
}

// DocumentErrors is the body of a refused replacement (contract 10.3): as [FieldErrors], with field in place of path.
type DocumentErrors struct {
	Errors []DocumentError `json:"errors"`
}

// DocumentError is one thing wrong with an identity document.
type DocumentError struct {
	// Code is not.allowed.for.clientId, not.allowed.for.uniqueIdentifier, NotNull or NOT_VALID.
	Code    string `json:"code"`
	Message string `json:"message"`
	Field   string `json:"field"`
}

// AddIdentityDocument adds what an identity document says to a personal profile (contract 10.3).
func (a *Account) AddIdentityDocument(ctx context.Context, id ProfileID, d IdentityDocument) error {
	var outcome Outcome
	err := a.send(ctx, "POST", "/profiles/"+decimal(id)+"/verification-documents", d, &outcome)
	return wrap(err, "adding an identity document")
}

// ReplaceIdentityDocument puts a document in place of all of its type (contract 10.3). The client's id is filled in.
func (a *Account) ReplaceIdentityDocument(ctx context.Context, id ProfileID, d IdentityDocument) error {
	if d.ClientID == "" {
		d.ClientID = a.client.ID
	}
	var outcome Outcome
	err := a.send(ctx, "PUT", "/profiles/"+decimal(id)+"/verification-documents", d, &outcome)
	return wrap(err, "replacing an identity document")
}

// OpenUpdateWindow opens the update window of a profile, without which details of a verified one stay locked (contract 10.4). Opening an
// open one is fine.
func (a *Account) OpenUpdateWindow(ctx context.Context, id ProfileID) error {
	var nothing struct{}
	return wrap(a.send(ctx, "POST", "/profiles/"+decimal(id)+"/update-window", nil, &nothing), "opening an update window")
}

// CloseUpdateWindow closes it (contract 10.4).
func (a *Account) CloseUpdateWindow(ctx context.Context, id ProfileID) error {
	var nothing struct{}
	return wrap(a.send(ctx, "DELETE", "/profiles/"+decimal(id)+"/update-window", nil, &nothing), "closing an update window")
}
