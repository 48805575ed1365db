package latchkey

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// UserID names a customer's account. Below 2^53, so that JavaScript reads it.
type UserID int64

// ProfileID names a profile. Below 2^53.
type ProfileID int64

// Date is a day as YYYY-MM-DD, "" for none (contract 3.4).
type Date string

// DateOf returns the day of t in t's own zone.
func DateOf(t time.Time) Date { return Date(t.Format(time.DateOnly)) }

// Time returns the day's first moment in UTC, or an error when d is no day of the calendar.
func (d Date) Time() (time.Time, error) { return time.Parse(time.DateOnly, string(d)) }

// Maybe is text that is null on the wire when there is none.
type Maybe string

// MarshalJSON writes null for "".
func (m Maybe) MarshalJSON() ([]byte, error) {
	if m == "" {
		return []byte("null"), nil
	}
	var b bytes.Buffer
	to := json.NewEncoder(&b)
	to.SetEscapeHTML(false) // the outer encoder escapes where it is asked to; it cannot undo what is done here
	err := to.Encode(string(m))
	return bytes.TrimRight(b.Bytes(), "\n"), err
}

// LocalStamp is a moment in UTC written without a zone: 2031-02-03T04:05:06 (contract 3.4, profiles).
type LocalStamp struct{ time.Time }

// MarshalJSON writes the stamp as a string.
func (s LocalStamp) MarshalJSON() ([]byte, error) {
	return []byte(s.UTC().Format(`"2006-01-02T15:04:05"`)), nil
}

// UnmarshalJSON reads a moment without zone, and "" or null as the zero moment.
func (s *LocalStamp) UnmarshalJSON(b []byte) (err error) {
	s.Time, err = parseMoment(b, "2006-01-02T15:04:05.999999999")
	return err
}

// NewUser asks for an account (contract 5.1).
type NewUser struct {
	// Email is the customer's address, or a placeholder of the partner's registered domain.
	Email string `json:"email"`
	// RegistrationCode is at least 32 characters, drawn anew for each account; see [NewRegistrationCode].
	RegistrationCode Secret `json:"registrationCode"`
	// Language of pages and mails: two letters, upper case (EN US PT ES FR DE IT JA RU PL HU TR RO NL HK); EN when empty.
	Language string `json:"language,omitempty"`
	// SendAuthorizationCodeAsEmail is accepted and ignored (design 10.5).
	SendAuthorizationCodeAsEmail bool `json:"sendAuthorizationCodeAsEmail,omitempty"`
}

// User is an account (contract 5.1 and 5.3).
type User struct {
	ID UserID `json:"id"`
	// Name is first and last name, null until there is a personal profile.
	Name   Maybe  `json:"name"`
	Email  string `json:"email"`
	Active bool   `json:"active"`
	// Details are null until there is a personal profile, and for tokens that do not reach it.
	Details *UserDetails `json:"details"`
}

// UserDetails is what the personal profile says, in the dialect of the user endpoints (contract 5.3).
type UserDetails struct {
	FirstName   string `json:"firstName"`
	LastName    string `json:"lastName"`
	PhoneNumber string `json:"phoneNumber"`
	DateOfBirth Date   `json:"dateOfBirth"`
	Occupation  string `json:"occupation"`
	Avatar      string `json:"avatar"`
	// PrimaryAddress is the id of Address.
	PrimaryAddress int64       `json:"primaryAddress"`
	Address        UserAddress `json:"address"`
}

// UserAddress is an address in the dialect of the user endpoints: the country as two upper-case letters.
type UserAddress struct {
	City        string `json:"city"`
	CountryCode string `json:"countryCode"`
	PostCode    string `json:"postCode"`
	State       string `json:"state"`
	FirstLine   string `json:"firstLine"`
	Occupation  string `json:"occupation"`
}

// EmailAddress is the body of users/exists requests and of contact-email both ways (contract 5.2, 5.4).
type EmailAddress struct {
	Email string `json:"email"`
}

// Existence answers users/exists (contract 5.2).
type Existence struct {
	Exists bool `json:"exists"`
}

// PersonalProfile is what a partner says about a person (contract 8.1, 8.2). When creating, names, address, date of birth and
// contact are required; when updating, what is empty stays as it is.
type PersonalProfile struct {
	// FirstName includes middle names: at most 30 characters.
	FirstName string `json:"firstName,omitempty"`
	// LastName is at most 30 characters.
	LastName string `json:"lastName,omitempty"`
	// PreferredName is at most 30 characters.
	PreferredName string `json:"preferredName,omitempty"`
	// FirstNameInKana and LastNameInKana are Katakana.
	FirstNameInKana string `json:"firstNameInKana,omitempty"`
	LastNameInKana  string `json:"lastNameInKana,omitempty"`
	// Address is where the person lives.
	Address *PersonalAddress `json:"address,omitempty"`
	// Nationality is an ISO 3166 alpha-3 code in lower case.
	Nationality string `json:"nationality,omitempty"`
	DateOfBirth Date   `json:"dateOfBirth,omitempty"`
	// ExternalCustomerID is the partner's own key of the person.
	ExternalCustomerID string          `json:"externalCustomerId,omitempty"`
	ContactDetails     *ContactDetails `json:"contactDetails,omitempty"`
	// Occupations are needed in CA, IN, JP, ID, IL, MX and US-NM.
	Occupations []Occupation `json:"occupations,omitempty"`
}

// PersonalAddress is an address in the dialect of profile requests: the country as three lower-case letters.
type PersonalAddress struct {
	AddressFirstLine string `json:"addressFirstLine"`
	City             string `json:"city"`
	CountryIso3Code  string `json:"countryIso3Code"`
	PostCode         string `json:"postCode,omitempty"`
	// StateCode is needed in US, CA, BR and AU: at most 5 characters.
	StateCode string `json:"stateCode,omitempty"`
}

// ContactDetails is how to reach a person.
type ContactDetails struct {
	Email string `json:"email"`
	// PhoneNumber is international, with a leading +.
	PhoneNumber string `json:"phoneNumber"`
}

// Occupation is free text with its format, which is always FREE_FORM.
type Occupation struct {
	Code   string `json:"code"`
	Format string `json:"format"`
}

// CreatedProfile answers the creation and the update of a personal profile (contract 8.1, OC-17).
type CreatedProfile struct {
	ID ProfileID `json:"id"`
	// Type is PERSONAL.
	Type    string         `json:"type"`
	Details ProfileDetails `json:"details"`
}

// ProfileDetails is what a profile says after a creation or an update; what is unknown is null.
type ProfileDetails struct {
	FirstName          string         `json:"firstName"`
	LastName           string         `json:"lastName"`
	PreferredName      Maybe          `json:"preferredName"`
	FirstNameInKana    Maybe          `json:"firstNameInKana"`
	LastNameInKana     Maybe          `json:"lastNameInKana"`
	Address            DetailsAddress `json:"address"`
	Nationality        Maybe          `json:"nationality"`
	DateOfBirth        Date           `json:"dateOfBirth"`
	ExternalCustomerID Maybe          `json:"externalCustomerId"`
	ContactDetails     ContactDetails `json:"contactDetails"`
	Occupations        []Occupation   `json:"occupations"`
	// LocalizedInformation is always empty.
	LocalizedInformation []json.RawMessage `json:"localizedInformation"`
}

// DetailsAddress is the address in [ProfileDetails].
type DetailsAddress struct {
	AddressFirstLine string `json:"addressFirstLine"`
	City             string `json:"city"`
	CountryIso3Code  string `json:"countryIso3Code"`
	PostCode         Maybe  `json:"postCode"`
	StateCode        Maybe  `json:"stateCode"`
}

// Profile is a profile as it is read (contract 8.3).
type Profile struct {
	// Type is PERSONAL or BUSINESS.
	Type string    `json:"type"`
	ID   ProfileID `json:"id"`
	// PublicID is a UUID.
	PublicID  string         `json:"publicId"`
	UserID    UserID         `json:"userId"`
	Address   ProfileAddress `json:"address"`
	Email     string         `json:"email"`
	CreatedAt LocalStamp     `json:"createdAt"`
	UpdatedAt LocalStamp     `json:"updatedAt"`
	Avatar    Maybe          `json:"avatar"`
	// CurrentState is HIDDEN, VISIBLE or DEACTIVATED.
	CurrentState   string         `json:"currentState"`
	ContactDetails ContactDetails `json:"contactDetails"`
	FirstName      string         `json:"firstName"`
	LastName       string         `json:"lastName"`
	PreferredName  Maybe          `json:"preferredName"`
	// DateOfBirth lets a partner see whether the person who linked the account is its own customer (contract 7.6).
	DateOfBirth        Date             `json:"dateOfBirth"`
	PhoneNumber        string           `json:"phoneNumber"`
	SecondaryAddresses []ProfileAddress `json:"secondaryAddresses"`
	FullName           string           `json:"fullName"`
	// Business is set for a business, and then is all there is on the wire: of the fields above only those that a business
	// has as well are filled.
	Business *BusinessProfile `json:"-"`
}

// ProfileAddress is an address as it is read: the country in both forms.
type ProfileAddress struct {
	ID               int64  `json:"id"`
	AddressFirstLine string `json:"addressFirstLine"`
	City             string `json:"city"`
	CountryIso2Code  string `json:"countryIso2Code"`
	CountryIso3Code  string `json:"countryIso3Code"`
	PostCode         Maybe  `json:"postCode"`
	StateCode        Maybe  `json:"stateCode"`
}

// CreateUser opens an account (contract 5.1). [ErrAlreadyMember] means that the address has one. An address that is none and a
// registration code of less than 32 characters are an [*Error] with the field. It makes no use of keys: where the answer was
// lost, [Client.RegistrationGrant] tells whether the account was made.
func (c *Client) CreateUser(ctx context.Context, u NewUser) (User, error) {
	var user User
	if err := c.send(ctx, call{method: "POST", path: "/user/signup/registration_code", body: u, bearer: c}, &user); err != nil {
		return User{}, fmt.Errorf("creating a user: %w", err)
	}
	return user, nil
}

// UserExists reports whether the address has an account that this client may know of (contract 5.2). Questions are counted: after 1000
// a day, unless the operator set another number, they are [ErrLimited] (design 10.6). With hide_existing
// accounts that were claimed are not told of.
func (c *Client) UserExists(ctx context.Context, email string) (bool, error) {
	var answer Existence
	if err := c.send(ctx, call{method: "POST", path: "/users/exists", body: EmailAddress{email}, bearer: c}, &answer); err != nil {
		return false, fmt.Errorf("asking whether a user exists: %w", err)
	}
	return answer.Exists, nil
}

// Account acts on one customer's account, within what its bearer allows.
type Account struct {
	client *Client
	bearer Bearer
	key    string
}

// Account returns the account that b's tokens are for: a [Token], or [*Tokens] that renew themselves (contract 2). It asks the server
// nothing. A token that is over is [ErrUnauthorized] at each call, one of the wrong kind or scope [ErrForbidden].
func (c *Client) Account(b Bearer) *Account { return &Account{client: c, bearer: b} }

// Once is the same account for one write to a profile that may have to be made again: with it goes an Idempotency-Key (1 to 100
// visible characters; see [NewKey]; design 4.14), by which the same write under the same key gives the first answer again for 24 hours and
// changes nothing. Under the same key another write to the same address is [ErrDuplicate]. Keep the key with what is to be
// written until an answer came. The hand-over ends all keys; what was refused is not kept. The server takes it on POSTs to a
// profile: addresses, directors, owners, identity documents, evidences, extensions, files, the window, reviews and their
// requirements. Elsewhere it does nothing: a secret is never answered twice.
func (a *Account) Once(key string) *Account {
	return &Account{client: a.client, bearer: a.bearer, key: key}
}

// Me returns the account's user (contract 5.3).
func (a *Account) Me(ctx context.Context) (User, error) {
	var user User
	err := a.send(ctx, "GET", "/me", nil, &user)
	return user, wrap(err, "reading the own user")
}

// User returns a user by id (contract 5.3); every id but the account's own is [ErrForbidden].
func (a *Account) User(ctx context.Context, id UserID) (User, error) {
	var user User
	err := a.send(ctx, "GET", "/users/"+decimal(id), nil, &user)
	return user, wrap(err, "reading a user")
}

// ContactEmail returns the address that mail goes to (contract 5.4).
func (a *Account) ContactEmail(ctx context.Context, id UserID) (string, error) {
	var email EmailAddress
	err := a.send(ctx, "GET", "/users/"+decimal(id)+"/contact-email", nil, &email)
	return email.Email, wrap(err, "reading the contact address")
}

// SetContactEmail sets the address that mail goes to, for accounts opened under a placeholder (contract 5.4). Before the claim this
// ends running journeys and codes, as they prove another mailbox (design 10.3).
func (a *Account) SetContactEmail(ctx context.Context, id UserID, email string) (string, error) {
	var answer EmailAddress
	err := a.send(ctx, "PUT", "/users/"+decimal(id)+"/contact-email", EmailAddress{email}, &answer)
	return answer.Email, wrap(err, "setting the contact address")
}

// CreatePersonalProfile creates the account's personal profile (contract 8.1); there is at most one, so a second is [ErrDuplicate].
// key makes repeating safe: the same key with the same profile gives the first answer again, for at least 24 hours; see [NewKey]. It
// may be "", and then is that of [Account.Once], or none.
func (a *Account) CreatePersonalProfile(ctx context.Context, p PersonalProfile, key string) (CreatedProfile, error) {
	var created CreatedProfile
	err := a.client.send(ctx, call{method: "POST", path: "/profiles/personal-profile", body: p, bearer: a.bearer, header: a.creation(key)}, &created)
	return created, wrap(err, "creating a personal profile")
}

// UpdatePersonalProfile changes what p names and leaves the rest (contract 8.2).
func (a *Account) UpdatePersonalProfile(ctx context.Context, id ProfileID, p PersonalProfile) (CreatedProfile, error) {
	var updated CreatedProfile
	err := a.send(ctx, "PUT", "/profiles/"+decimal(id)+"/personal-profile", p, &updated)
	return updated, wrap(err, "updating a personal profile")
}

// Profiles returns the profiles that the bearer reaches (contract 8.3, OC-35).
func (a *Account) Profiles(ctx context.Context) ([]Profile, error) {
	var profiles []Profile
	err := a.send(ctx, "GET", "/profiles", nil, &profiles)
	return profiles, wrap(err, "listing profiles")
}

// Profile returns one profile (contract 8.3); one that is not yours and one that does not exist are both [ErrForbidden].
func (a *Account) Profile(ctx context.Context, id ProfileID) (Profile, error) {
	var profile Profile
	err := a.send(ctx, "GET", "/profiles/"+decimal(id), nil, &profile)
	return profile, wrap(err, "reading a profile")
}

func (a *Account) send(ctx context.Context, method, path string, body, answer any) error {
	return a.client.send(ctx, call{method: method, path: path, body: body, bearer: a.bearer, header: a.once(method)}, answer)
}

// once is the header of a write that may be made again; nil for all others.
func (a *Account) once(method string) http.Header {
	if a.key == "" || method != http.MethodPost {
		return nil
	}
	return http.Header{"Idempotency-Key": {a.key}}
}

// creation is the header of the creation of a profile: its documented key, else that of [Account.Once].
func (a *Account) creation(key string) http.Header {
	if key == "" {
		return a.once(http.MethodPost)
	}
	return http.Header{"X-Idempotence-Uuid": {key}}
}

// sendVersioned sends to a path with a version of its own.
func (a *Account) sendVersioned(ctx context.Context, method, path string, body, answer any) error {
	return a.client.send(ctx, call{method: method, path: path, versioned: true, body: body, bearer: a.bearer, header: a.once(method)}, answer)
}

func wrap(err error, doing string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}

func decimal[T ~int64](id T) string { return strconv.FormatInt(int64(id), 10) }
