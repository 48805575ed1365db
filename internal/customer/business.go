package customer

import (
	"context"
	"errors"
	"maps"
	"strings"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
)

// Errors about businesses.
var (
	// ErrBusinessExists: the account has a business with this registration number and country, or without a number of this
	// name (contract 8.4, OC-20).
	ErrBusinessExists = errors.New("account has this business already")
	// ErrNoPersonal: the oldest ways of creating a business need a personal profile first (contract 8.4, 8.8).
	ErrNoPersonal = errors.New("account has no personal profile")
	// ErrNotGranted: the customer granted one profile; a partner makes no further ones behind their back (design 10.13).
	ErrNotGranted = errors.New("grant does not reach further profiles")
	// ErrCategory: the second-level category does not belong to the first that the business has (contract 8.4).
	ErrCategory = errors.New("second category does not belong to the first")
	// ErrTooMany: more than anybody needs, so that one account cannot fill the database.
	ErrTooMany = errors.New("too many of one kind")
)

// mostBusinesses bounds the businesses of one account.
const mostBusinesses = 50

// The fields of a business, besides its address and its evidences (contract 8.4, 8.8).
const (
	BusinessName         Field = "business_name"
	BusinessNameKatakana Field = "business_name_katakana"
	RegistrationNumber   Field = "registration_number"
	// ACN, ABN and ARBN are Australian numbers.
	ACN         Field = "acn"
	ABN         Field = "abn"
	ARBN        Field = "arbn"
	CompanyType Field = "company_type"
	CompanyRole Field = "company_role"
	// FirstCategory and SecondCategory are of Categories; Industries are the codes that took their place.
	FirstCategory  Field = "first_category"
	SecondCategory Field = "second_category"
	Industries     Field = "industries"
	Description    Field = "description"
	WebPage        Field = "web_page"
)

// BusinessFields lists the fields in the order in which the review page shows them.
func BusinessFields() []Field {
	return []Field{BusinessName, BusinessNameKatakana, RegistrationNumber, ACN, ABN, ARBN, CompanyType, CompanyRole, FirstCategory, SecondCategory,
		Industries, Description, WebPage, Country, FirstLine, SecondLine, City, Region, PostCode}
}

// CompanyTypes lists what a company may be (contract 8.4).
func CompanyTypes() []string {
	return []string{"LIMITED", "PARTNERSHIP", "SOLE_TRADER", "LIMITED_BY_GUARANTEE", "LIMITED_LIABILITY_COMPANY", "FOR_PROFIT_CORPORATION",
		"NON_PROFIT_CORPORATION", "LIMITED_PARTNERSHIP", "LIMITED_LIABILITY_PARTNERSHIP", "GENERAL_PARTNERSHIP", soleProprietorship,
		"PRIVATE_LIMITED_COMPANY", "PUBLIC_LIMITED_COMPANY", "TRUST", otherCompany}
}

const (
	soleProprietorship = "SOLE_PROPRIETORSHIP"
	otherCompany       = "OTHER"
)

// CompanyRoles lists what the acting person may be in the company (contract 8.4).
func CompanyRoles() []string { return []string{"OWNER", "DIRECTOR", "OTHER"} }

// AsksRegistration reports whether a company of that type has a registration number (contract 8.4).
func AsksRegistration(companyType string) bool { return companyType != soleProprietorship }

// AsksDescription reports whether a company of that type must say what it does and where its pages are (contract 8.4).
func AsksDescription(companyType string) bool { return companyType == otherCompany }

// Codes are the codes of a field that takes several.
func (p Profile) Codes(f Field) []string { return strings.Fields(p.Value(f)) }

// A Business is what a partner says of a business (contract 8.4, 8.5). Values are checked and in the form of CheckValue; an
// update leaves alone what is not named.
type Business struct {
	Values map[Field]string
	// ExternalID is nil when it is not given.
	ExternalID *string
	// Operational are the addresses besides the seat; nil when they are not given.
	Operational []Place
	// Representative is an existing one; Person, where that is 0, a new one's values. With neither the account's own
	// customer represents the business, and needs a personal profile.
	Representative RepresentativeID
	Person         map[Field]string
}

// An Entry is one profile as a reader sees it: with its account and, for a business, who represents it.
type Entry struct {
	Profile        Profile
	Account        Account
	Representative Representative
}

// entry reads what belongs to a profile.
func (cs Customers) entry(tx Tx, a Account, p Profile) (Entry, error) {
	e := Entry{Profile: p, Account: a}
	if p.Representative == 0 {
		return e, nil
	}
	var err error
	e.Representative, err = cs.represent(tx, a.ID, p.Representative)
	return e, err
}

// CreateBusiness makes a business of the account (contract 8.4), under the rules of CreatePersonal about retries. Errors:
// ErrBusinessExists, ErrNoPersonal, ErrNoRepresentative, ErrNotGranted, ErrTooMany, ErrReplyDiffers.
func (cs Customers) CreateBusiness(ctx context.Context, c Caller, in Business, idem Idempotency) (Profile, []byte, error) {
	now := cs.Now()
	return cs.create(ctx, c, idem, func(tx Tx, a Account, existing []Profile) (Profile, error) {
		switch {
		case c.Profile != 0:
			return Profile{}, ErrNotGranted
		case len(existing) >= mostBusinesses:
			return Profile{}, ErrTooMany
		}
		for _, p := range existing {
			if p.sameBusiness(in.Values) {
				return Profile{}, ErrBusinessExists
			}
		}
		made, _ := NewProfile(cs.IDs, a.ID, KindBusiness, now).mergeBusiness(cs, in, now)
		made.Edition = 1
		var err error
		made.Representative, err = cs.representative(tx, a.ID, existing, in, now)
		return made, err
	})
}

// sameBusiness compares what tells businesses apart: number and country, or the name where there is no number.
func (p Profile) sameBusiness(values map[Field]string) bool {
	if p.Kind != KindBusiness || p.Value(Country) != values[Country] || !strings.EqualFold(p.Value(RegistrationNumber), values[RegistrationNumber]) {
		return false
	}
	return values[RegistrationNumber] != "" || strings.EqualFold(p.Value(BusinessName), values[BusinessName])
}

// mergeBusiness puts what a partner said into a pending account's business.
func (p Profile) mergeBusiness(cs Customers, in Business, now time.Time) (Profile, []Field) {
	after, changed := p.With(in.Values, ByPartner, now)
	replace(&after.Details.ExternalID, in.ExternalID)
	if in.Operational != nil {
		after = after.withList(OperationalAddresses, Lists{OperationalAddresses: cs.numbered(in.Operational)}, ByPartner, now)
		changed = append(changed, OperationalAddresses)
	}
	after.UpdatedAt = now
	return after, changed
}

// numbered gives each place its id, without which it could not be told from another.
func (cs Customers) numbered(places []Place) []Place {
	list := make([]Place, len(places))
	for i, place := range places {
		place.ID = cs.IDs.Next()
		list[i] = place
	}
	return list
}

// UpdateBusiness changes a business (contract 8.5). Before the claim the values are the partner's to change; afterwards they
// are proposals (design 10.11), and the answer shows what holds today. A profile of a person is ErrNoProfile.
func (cs Customers) UpdateBusiness(ctx context.Context, c Caller, id ProfileID, in Business) (Entry, error) {
	return cs.amend(ctx, c, id, KindBusiness, func(_ Tx, p Profile, now time.Time) (Profile, audit.Action, error) {
		in := in // the function may run twice
		var err error
		if in.Values, err = p.fitCategories(in.Values); err != nil {
			return Profile{}, "", err
		}
		if c.Registration {
			after, _ := p.mergeBusiness(cs, in, now)
			return after, audit.ProfileChanged, nil
		}
		after, _ := p.Propose(in.Values, now)
		if in.Operational != nil {
			after = after.proposeList(OperationalAddresses, Lists{OperationalAddresses: cs.numbered(in.Operational)}, now)
		}
		return after, audit.ProfileProposed, nil
	})
}

// fitCategories keeps the second category within the first: one that comes must belong, one that was there before and belongs
// no more is emptied.
func (p Profile) fitCategories(values map[Field]string) (map[Field]string, error) {
	first, newFirst := values[FirstCategory]
	if !newFirst {
		first = p.Value(FirstCategory)
	}
	second, newSecond := values[SecondCategory]
	switch {
	case newSecond && second != "" && !CategoryFits(first, second):
		return nil, ErrCategory
	case !newSecond && newFirst && !CategoryFits(first, p.Value(SecondCategory)):
		values = maps.Clone(values)
		values[SecondCategory] = ""
	}
	return values, nil
}
