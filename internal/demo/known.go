package demo

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/png"

	"github.com/latchkey-id/latchkey"
)

// Kinds of customers that the app opens accounts for.
const (
	kindPerson   = "person"
	kindBusiness = "business"
)

// passport is what Harbour Pay read from its customer's identity document.
func passport() latchkey.IdentityDocument {
	return latchkey.IdentityDocument{Type: "PASSPORT", UniqueIdentifier: "P7001234", FirstName: "Mira", LastName: "Kade", IssuerCountry: "GB",
		IssueDate: "2024-05-06", ExpiryDate: "2034-05-05", Nationality: "GB"}
}

// personEvidences are what the customer told Harbour Pay about the use of the account.
func personEvidences() latchkey.Evidences {
	return latchkey.Evidences{AccountPurpose: "GENERAL_LIVING_EXPENSES", IntendedCountries: []string{"gbr", "deu"},
		YearlyAnticipatedVolume: "6001_11500", MainSourceOfIncome: "SALARY", AnnualIncome: "28501_47500"}
}

// businessEvidences are the same of a business.
func businessEvidences() latchkey.Evidences {
	return latchkey.Evidences{BusinessUseCase: []string{"RECEIVE_PAYMENTS_FROM_CLIENTS", "PAYING_SUPPLIERS_CONTRACTORS_OR_EMPLOYEES"},
		IntendedCountries: []string{"gbr", "deu"}, MainSourceOfFunding: "REVENUE", MonthlyAnticipatedVolume: "1201_6000"}
}

// directors and owners are who stands behind the business.
func directors() []latchkey.Director {
	return []latchkey.Director{
		{FirstName: "Mira", LastName: "Kade", DateOfBirth: "1988-11-30", CountryOfResidenceIso3Code: "gbr"},
		{FirstName: "Ada", LastName: "Holm", DateOfBirth: "1979-03-14", CountryOfResidenceIso3Code: "deu"},
	}
}

func owners() []latchkey.BeneficialOwner {
	part := int32(60)
	return []latchkey.BeneficialOwner{{Name: "Mira Kade", DateOfBirth: "1988-11-30", CountryOfResidenceIso3Code: "gbr",
		AddressFirstLine: "7 Harbour Row", PostCode: "EH6 6AB", OwnershipPercentage: &part}}
}

// person is the customer as Harbour Pay knows her.
func person(email string) latchkey.PersonalProfile {
	return latchkey.PersonalProfile{FirstName: "Mira", LastName: "Kade", DateOfBirth: "1988-11-30", Nationality: "gbr", ExternalCustomerID: "cust-0042",
		Address:        &latchkey.PersonalAddress{AddressFirstLine: "7 Harbour Row", City: "Leith", CountryIso3Code: "gbr", PostCode: "EH6 6AB"},
		ContactDetails: &latchkey.ContactDetails{Email: email, PhoneNumber: "+441315550142"}}
}

// business is her business.
func business(email string) latchkey.Business {
	p := person(email)
	return latchkey.Business{BusinessName: "Kade Joinery Ltd", BusinessFreeFormDescription: "Bespoke oak stairs", RegistrationNumber: "SC700123",
		CompanyType: "LIMITED", CompanyRole: "DIRECTOR", ExternalCustomerID: "biz-0042", ActorEmail: email, Webpage: "https://kade.example",
		IndustryCategories:   []string{"SOFTWARE_DEVELOPMENT_PUBLISHING"},
		Address:              &latchkey.BusinessAddress{AddressFirstLine: "7 Harbour Row", City: "Leith", CountryIso3Code: "gbr", PostCode: "EH6 6AB"},
		OperationalAddresses: []latchkey.BusinessAddress{{AddressFirstLine: "12 Dock Street", City: "Leith", CountryIso3Code: "gbr", PostCode: "EH6 6EY"}},
		BusinessRepresentative: &latchkey.BusinessRepresentative{FirstName: p.FirstName, LastName: p.LastName, DateOfBirth: p.DateOfBirth,
			Address: p.Address, ContactDetails: p.ContactDetails}}
}

// paper draws a picture to upload: a card with lines, which is a true PNG and looks like no real document.
func paper(name string) latchkey.File {
	card := image.NewPaletted(image.Rect(0, 0, 320, 200), color.Palette{color.White, color.RGBA{R: 29, G: 78, B: 110, A: 255}})
	for y := 24; y < 176; y += 24 {
		for x := 24; x < 296-y; x++ {
			for thick := range 6 {
				card.SetColorIndex(x, y+thick, 1)
			}
		}
	}
	var b bytes.Buffer
	_ = png.Encode(&b, card) // into memory it has nothing to fail at
	return latchkey.File{Name: name, Content: b.Bytes()}
}

// tellMore says what else Harbour Pay knows about a profile, in the order in which a partner would.
func tellMore(ctx context.Context, a *latchkey.Account, kind string, id latchkey.ProfileID) error {
	if kind == kindBusiness {
		if _, err := a.AddDirectors(ctx, id, directors()); err != nil {
			return err
		}
		if _, err := a.AddBeneficialOwners(ctx, id, owners()); err != nil {
			return err
		}
		if _, err := a.GiveEvidences(ctx, id, businessEvidences()); err != nil {
			return err
		}
		return a.UploadDocument(ctx, id, "BUSINESS_AUTH_REP_PROOF_BY_AUTH_LETTER", paper("letter-of-authority.png"))
	}
	if err := a.AddIdentityDocument(ctx, id, passport()); err != nil {
		return err
	}
	if _, err := a.GiveEvidences(ctx, id, personEvidences()); err != nil {
		return err
	}
	return a.UploadDocument(ctx, id, "ID_PROOF", paper("passport.png"))
}
