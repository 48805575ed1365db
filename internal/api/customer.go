package api

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/latchkey-id/latchkey"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/partner"
)

// shortestRegistrationCode is in characters (contract 5.1).
const shortestRegistrationCode = 32

// languages are what a sign-up may name (contract 5.1).
func languages() []string {
	return []string{"EN", "US", "PT", "ES", "FR", "DE", "IT", "JA", "RU", "PL", "HU", "TR", "RO", "NL", "HK"}
}

// notNull lists the fields that are not there or null, in the documented words (contract 5.1).
func (b body) notNull(names ...string) []latchkey.FieldError {
	var fields []latchkey.FieldError
	for _, name := range names {
		if !b.has(name) {
			fields = append(fields, latchkey.FieldError{Code: "NotNull", Message: "must not be null", Path: name, Arguments: []string{}})
		}
	}
	return fields
}

// size says that a registration code is too short. The maximum comes before the minimum, as documented.
func size(b body, code latchkey.Secret) []latchkey.FieldError {
	if !b.has("registrationCode") || utf8.RuneCountInString(string(code)) >= shortestRegistrationCode {
		return nil
	}
	return []latchkey.FieldError{{Code: "Size", Message: "size must be between 32 and 2147483647", Path: "registrationCode",
		Arguments: []string{"2147483647", "32"}}}
}

// createUser opens an account (contract 5.1). sendAuthorizationCodeAsEmail is accepted and ignored (design 10.5).
func (d *Door) createUser(c *call) (any, error) {
	var in latchkey.NewUser
	if err := c.body.into(&in); err != nil {
		return nil, err
	}
	fields := append(c.body.notNull("email", "registrationCode"), size(c.body, in.RegistrationCode)...)
	language := strings.ToUpper(in.Language)
	if language == "" {
		language = "EN"
	}
	if !slices.Contains(languages(), language) {
		fields = append(fields, latchkey.FieldError{Code: "BAD_REQUEST", Message: "The language is not one of " + strings.Join(languages(), " "),
			Path: "language", Arguments: []string{}})
	}
	if len(fields) > 0 {
		return nil, fieldsError{400, fields}
	}
	email, err := checkEmail(in.Email)
	if err != nil {
		return nil, err
	}
	once, err := c.idempotency("POST registration_code", func(made any) any { return userOf(customer.View{Account: made.(customer.Account)}) })
	if err != nil {
		return nil, err
	}
	account, err := d.Customers.Create(c.r.Context(), c.partner,
		customer.Signup{Email: email, RegistrationCode: string(in.RegistrationCode), Language: language, Once: &once}, c.trace, c.network)
	if errors.Is(err, customer.ErrAddressTaken) || errors.Is(err, customer.ErrBlocked) {
		return nil, masked(err, email)
	}
	if err != nil {
		return nil, err
	}
	if once.Replayed {
		return json.RawMessage(once.Answer), nil
	}
	return userOf(customer.View{Account: account}), nil
}

// checkEmail checks an address that a partner sent.
func checkEmail(text string) (string, error) {
	email, err := customer.CheckEmail(text)
	if err != nil {
		return "", masked(err, text)
	}
	return email, nil
}

// masked gives an error the documented arguments: the field and what was sent, masked (contract 5.1).
func masked(err error, email string) error {
	return argumentsError{err, []string{"email", customer.MaskEmail(email)}}
}

// userExists tells whether a creation would be refused (contract 5.2).
func (d *Door) userExists(c *call) (any, error) {
	email, err := c.email()
	if err != nil {
		return nil, err
	}
	exists, err := d.Customers.Exists(c.r.Context(), c.partner, email, c.trace, c.network)
	return latchkey.Existence{Exists: exists}, err
}

// email reads a body of one address.
func (c *call) email() (string, error) {
	var in latchkey.EmailAddress
	if err := c.body.into(&in); err != nil {
		return "", err
	}
	if fields := c.body.notNull("email"); len(fields) > 0 {
		return "", fieldsError{400, fields}
	}
	return checkEmail(in.Email)
}

// me is the bearer's user (contract 5.3). A token without the scope for profiles sees no details.
func (d *Door) me(c *call) (any, error) {
	v, err := d.Customers.Me(c.r.Context(), c.caller())
	if err != nil {
		return nil, err
	}
	answer := userOf(v)
	if !c.access.Allows(partner.ScopeProfilesRead) {
		answer.Details = nil
	}
	return answer, nil
}

// user is the bearer's user by id; every other id is refused alike (contract OC-4, I10).
func (d *Door) user(c *call) (any, error) {
	if err := c.ownUser(); err != nil {
		return nil, err
	}
	return d.me(c)
}

func (c *call) ownUser() error {
	id, err := c.number("user")
	if err == nil && id != int64(c.access.Account) {
		err = customer.ErrNoAccount
	}
	return err
}

// contactEmail reads where mail goes (contract 5.4).
func (d *Door) contactEmail(c *call) (any, error) {
	if err := c.ownUser(); err != nil {
		return nil, err
	}
	email, err := d.Customers.ContactEmail(c.r.Context(), c.caller())
	return latchkey.EmailAddress{Email: email}, err
}

// setContactEmail sets where mail goes (contract 5.4).
func (d *Door) setContactEmail(c *call) (any, error) {
	if err := c.ownUser(); err != nil {
		return nil, err
	}
	email, err := c.email()
	if err != nil {
		return nil, err
	}
	shown, err := d.Customers.SetContactEmail(c.r.Context(), c.caller(), email)
	return latchkey.EmailAddress{Email: shown}, err
}

// userOf writes a user in the dialect of contract 5.3.
func userOf(v customer.View) latchkey.User {
	answer := latchkey.User{ID: latchkey.UserID(v.Account.ID), Email: v.Account.Email, Active: true}
	if v.Personal == nil {
		return answer
	}
	p := *v.Personal
	answer.Name = latchkey.Maybe(p.Name())
	answer.Details = &latchkey.UserDetails{
		FirstName: p.Value(customer.FirstName), LastName: p.Value(customer.LastName), PhoneNumber: p.Value(customer.Phone),
		DateOfBirth: latchkey.Date(p.Value(customer.DateOfBirth)), Occupation: p.Value(customer.Occupation), PrimaryAddress: p.AddressID,
		Address: latchkey.UserAddress{
			City: p.Value(customer.City), CountryCode: p.Value(customer.Country), PostCode: p.Value(customer.PostCode),
			State: p.Value(customer.Region), FirstLine: firstLine(p), Occupation: p.Value(customer.Occupation),
		},
	}
	return answer
}

// firstLine is the street: the contract has one line where our pages have two.
func firstLine(p customer.Profile) string {
	if second := p.Value(customer.SecondLine); second != "" {
		return p.Value(customer.FirstLine) + ", " + second
	}
	return p.Value(customer.FirstLine)
}
