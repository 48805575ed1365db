package api

import (
	"errors"
	"net/http"
	"regexp"
	"slices"
	"unicode/utf8"

	"github.com/latchkey-id/latchkey"
	"github.com/latchkey-id/latchkey/internal/customer"
)

// identifierLimit is in characters (contract 10.3).
const identifierLimit = 30

var (
	nineDigits = regexp.MustCompile(`^[0-9]{9}$`)
	amount     = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?$`)
)

// addDocument stores what an identity document says (contract 10.3).
func (d *Door) addDocument(c *call) (any, error) {
	id, err := c.number("profile")
	if err != nil {
		return nil, err
	}
	document, k, err := c.document()
	if err != nil {
		return nil, err
	}
	if len(k.fields) > 0 {
		return nil, fieldsError{400, k.fields}
	}
	document.Sex, document.BirthPlace = "", "" // of a replacement alone
	return d.saveDocument(c, id, document, false)
}

// documentsError is the body of a refused replacement, which names fields in its own way (contract 3.3).
type documentsError struct{ errors []latchkey.DocumentError }

func (e documentsError) Error() string { return "identity document is refused" }

// replaceDocument stores a document in place of all of its type (contract 10.3). clientId must be the caller's.
func (d *Door) replaceDocument(c *call) (any, error) {
	id, err := c.number("profile")
	if err != nil {
		return nil, err
	}
	var refused documentsError
	document, k, err := c.document()
	if other := (fieldTypeError{}); errors.As(err, &other) {
		refused.errors = []latchkey.DocumentError{{Code: "NOT_VALID", Message: "The field has another type", Field: other.path}}
		return nil, refused
	}
	if err != nil {
		return nil, err
	}
	say := func(code, message, field string) {
		refused.errors = append(refused.errors, latchkey.DocumentError{Code: code, Message: message, Field: field})
	}
	switch {
	case !c.body.has("clientId"):
		say("NotNull", "must not be null", "clientId")
	case k.clientID != c.partner.ClientID:
		say("not.allowed.for.clientId", "documents are replaced for the own client alone", "clientId")
	}
	if !c.body.has("type") {
		say("NotNull", "must not be null", "type")
	}
	for _, f := range k.fields {
		code := "NOT_VALID"
		if f.Path == "uniqueIdentifier" {
			code = "not.allowed.for.uniqueIdentifier"
		}
		say(code, f.Message, f.Path)
	}
	if len(refused.errors) > 0 {
		return nil, refused
	}
	return d.saveDocument(c, id, document, true)
}

func (d *Door) saveDocument(c *call, id int64, document customer.Document, replace bool) (any, error) {
	answer, err := onceDone(c, http.StatusOK, latchkey.Outcome{Success: true}, func(by customer.Caller) error {
		return d.Customers.SaveDocument(c.r.Context(), by, customer.ProfileID(id), document, replace)
	})
	if errors.Is(err, customer.ErrNoTaxID) && !c.calendar() {
		return latchkey.Outcome{ErrorMessage: "A tax id is needed first"}, nil // 422 is of the calendar labels alone (contract 1.2)
	}
	return answer, err
}

// documentCheck collects what is wrong with a document.
type documentCheck struct {
	clientID string
	call     *call
	fields   []latchkey.FieldError
}

func (k *documentCheck) wrong(path, words string) {
	k.fields = append(k.fields, latchkey.FieldError{Code: "BAD_REQUEST", Message: path + words, Path: path, Arguments: []string{}})
}

func (k *documentCheck) value(path string, f customer.Field, text string) string {
	value, problem := customer.CheckValue(f, text, "", k.call.door.Now())
	switch {
	case problem == customer.InFuture && path == "expiryDate":
	case problem == customer.TooLong:
		k.wrong(path, " is too long")
	case problem != customer.NoProblem:
		k.wrong(path, " is not valid")
	}
	return value
}

// document reads an identity document with all that is wrong about it.
func (c *call) document() (customer.Document, documentCheck, error) {
	var in latchkey.IdentityDocument
	k := documentCheck{call: c}
	if err := c.body.into(&in); err != nil {
		return customer.Document{}, k, err
	}
	k.clientID = in.ClientID
	if in.Type != "" && !slices.Contains(customer.DocumentTypes(), in.Type) {
		k.wrong("type", " is not valid")
	}
	out := customer.Document{Type: in.Type,
		Number:          k.value("uniqueIdentifier", customer.FirstLine, in.UniqueIdentifier),
		FirstName:       k.value("firstName", customer.FirstName, in.FirstName),
		LastName:        k.value("lastName", customer.LastName, in.LastName),
		IssuedOn:        k.value("issueDate", customer.DateOfBirth, string(in.IssueDate)),
		ExpiresOn:       k.value("expiryDate", customer.DateOfBirth, string(in.ExpiryDate)),
		IssuerCountry:   k.value("issuerCountry", customer.Country, in.IssuerCountry),
		IssuerRegion:    k.value("issuerState", customer.Region, in.IssuerState),
		Nationality:     k.value("nationality", customer.Nationality, in.Nationality),
		BirthCountry:    k.value("birthCountry", customer.Country, in.BirthCountry),
		BirthCity:       k.value("birthCity", customer.City, in.BirthCity),
		BirthPlace:      k.value("placeOfBirth", customer.City, in.PlaceOfBirth),
		EmployerName:    k.value("employerName", customer.FirstLine, in.EmployerName),
		EmployerCity:    k.value("employerCity", customer.City, in.EmployerCity),
		EmployerCountry: k.value("employerCountry", customer.Country, in.EmployerCountry),
		Sex:             in.Sex,
	}
	k.rules(in, out)
	return out, k, nil
}

// rules are those that depend on the type.
func (k *documentCheck) rules(in latchkey.IdentityDocument, out customer.Document) {
	switch {
	case utf8.RuneCountInString(out.Number) > identifierLimit:
		k.wrong("uniqueIdentifier", " is too long")
	case in.Type == customer.DocumentSSN && !nineDigits.MatchString(out.Number),
		in.Type == customer.DocumentFinancialCapacity && !amount.MatchString(out.Number):
		k.wrong("uniqueIdentifier", " is not valid")
	}
	if in.Type != customer.DocumentEmployer {
		if out.EmployerName != "" {
			k.wrong("employerName", " is not valid")
		}
		if out.EmployerCity != "" {
			k.wrong("employerCity", " is not valid")
		}
	}
	if in.Sex != "" && in.Sex != "MALE" && in.Sex != "FEMALE" {
		k.wrong("sex", " is not valid")
	}
}

// setWindow opens or closes a profile's update window (contract 10.4).
func (d *Door) setWindow(open bool) func(*call) (any, error) {
	return func(c *call) (any, error) {
		id, err := c.number("profile")
		if err != nil {
			return nil, err
		}
		return onceDone(c, http.StatusOK, struct{}{}, func(by customer.Caller) error {
			return d.Customers.SetWindow(c.r.Context(), by, customer.ProfileID(id), open)
		})
	}
}
