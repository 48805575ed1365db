package api

import (
	"errors"
	"slices"
	"testing"

	"github.com/latchkey-id/latchkey"
)

// A partner's whole prefill of a business with the typed client: what goes in comes out of the true server.
func TestPrefillByTheClient(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	p := w.open(acme, "mira.kade@example.org")
	c := &latchkey.Client{BaseURL: w.URL, ID: acme, Secret: acme + "-s3cr3t", Now: w.now}
	a := c.Account(latchkey.Token{AccessToken: latchkey.Secret(p.token.Access)})
	person := latchkey.BusinessRepresentative{FirstName: "Jonas", LastName: "Kade", DateOfBirth: "1961-05-04",
		Address:        &latchkey.PersonalAddress{AddressFirstLine: "9 Shore", City: "Leith", CountryIso3Code: "gbr", PostCode: "EH6 6QW"},
		ContactDetails: &latchkey.ContactDetails{Email: "jonas.kade@example.org", PhoneNumber: "+441315550143"}}
	kade := latchkey.Business{BusinessName: "Kade Joinery Ltd", RegistrationNumber: "SC700123", CompanyType: "LIMITED",
		Address:            &latchkey.BusinessAddress{AddressFirstLine: "1 Dock Street", City: "Leith", CountryIso3Code: "gbr", PostCode: "EH6 7AB"},
		IndustryCategories: []string{"SOFTWARE_DEVELOPMENT_PUBLISHING"}, BusinessRepresentative: &person}
	business, err := a.CreateBusinessProfile(ctx, kade, latchkey.NewKey())
	must(t, err)
	if _, err := a.CreateBusinessProfile(ctx, kade, latchkey.NewKey()); !errors.Is(err, latchkey.ErrDuplicate) {
		t.Errorf("twice: %v", err)
	}
	var refused *latchkey.Error
	if _, err := a.CreateBusinessProfile(ctx, latchkey.Business{}, ""); !errors.As(err, &refused) || len(refused.Fields) != 6 || refused.Fields[0].Code != "api.businessName.missing" || refused.Fields[0].Arguments != nil {
		t.Errorf("nothing: %v", err)
	}
	id := business.ID
	if b, err := a.UpdateBusinessProfile(ctx, id, latchkey.Business{CompanyRole: "OWNER"}); err != nil || b.CompanyRole != "OWNER" || b.BusinessName != "Kade Joinery Ltd" || b.BusinessCategories != nil {
		t.Errorf("updated %+v %v", b, err)
	}
	read, err := a.Profile(ctx, id)
	if err != nil || read.Business == nil || read.Business.BusinessCategories == nil || !slices.Equal(read.Business.IndustryCategories, kade.IndustryCategories) {
		t.Errorf("read %+v %v", read, err)
	}
	r, err := a.UpdateBusinessRepresentative(ctx, id, latchkey.RepresentativeUpdate{UpdateContext: latchkey.UpdateDetails, PreferredName: "Jo"})
	again, err2 := a.BusinessRepresentative(ctx, id)
	if err != nil || err2 != nil || r != again || r.PreferredName != "Jo" || r.BusinessRepresentativeID == 0 {
		t.Errorf("representative %+v and %+v: %v %v", r, again, err, err2)
	}
	share := int32(60)
	directors, err := a.AddDirectors(ctx, id, []latchkey.Director{{FirstName: "Ada", LastName: "Roy", DateOfBirth: "1970-01-02", CountryOfResidenceIso3Code: "gbr"}})
	owners, err2 := a.AddBeneficialOwners(ctx, id, []latchkey.BeneficialOwner{{Name: "Ada Roy", DateOfBirth: "1970-01-02", CountryOfResidenceIso3Code: "gbr",
		AddressFirstLine: "3 Shore", PostCode: "EH6 6QW", OwnershipPercentage: &share}})
	if err != nil || err2 != nil || len(directors) != 1 || len(owners) != 1 || *owners[0].OwnershipPercentage != 60 {
		t.Errorf("people %+v %+v: %v %v", directors, owners, err, err2)
	}
	address, err := a.SaveAddress(ctx, id, latchkey.AddressDetails{Country: "GB", FirstLine: "2 Dock Street", City: "Leith", PostCode: "EH6 7AC"})
	must(t, err)
	if got, err := a.Addresses(ctx, id); err != nil || len(got) != 1 || got[0].ID != address.ID || got[0].Details.FirstLine != "2 Dock Street" {
		t.Errorf("addresses %+v %v", got, err)
	}
	given, err := a.GiveEvidences(ctx, id, latchkey.Evidences{BusinessUseCase: []string{"DONATION"}, IntendedCountries: []string{"gbr"}, AccountPurpose: "INVESTING"})
	required, err2 := a.RequiredEvidences(ctx, id)
	if err != nil || err2 != nil || given.OverallStatus != "PARTIAL_SUCCESS" || !slices.Equal(required, []string{"SOURCE_OF_FUNDING", "MONTHLY_VOLUME"}) {
		t.Errorf("evidences %+v, then %v: %v %v", given, required, err, err2)
	}
	must(t, a.OpenUpdateWindow(ctx, id))
	must(t, a.CloseUpdateWindow(ctx, id))
	must(t, a.UploadDocument(ctx, id, "ADDRESS_PROOF", latchkey.File{Name: "lease.pdf", Content: []byte(pdf)}))
	if err := a.UploadDocument(ctx, id, "ADDRESS_PROOF", latchkey.File{Name: "lease.pdf", Content: []byte(pdf)}); !errors.Is(err, latchkey.ErrDuplicate) {
		t.Errorf("uploaded twice: %v", err)
	}
	if err := a.UploadDocument(ctx, id, "ID_PROOF", latchkey.File{Name: "x.pdf", Content: []byte("MZ")}); !errors.As(err, &refused) || refused.Status != 415 {
		t.Errorf("a program: %v", err)
	}
	if err := a.AddIdentityDocument(ctx, id, latchkey.IdentityDocument{Type: "PASSPORT"}); !errors.Is(err, latchkey.ErrForbidden) {
		t.Errorf("a business with a passport: %v", err)
	}
}
