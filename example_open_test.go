package latchkey_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strings"

	"github.com/latchkey-id/latchkey"
	"github.com/latchkey-id/latchkey/latchkeytest"
)

// mira is what a partner knows of a customer.
func mira(email string) latchkey.PersonalProfile {
	return latchkey.PersonalProfile{FirstName: "Mira", LastName: "Kade", DateOfBirth: "1988-11-30",
		Address:        &latchkey.PersonalAddress{AddressFirstLine: "7 Harbour Row", City: "Leith", CountryIso3Code: "gbr", PostCode: "EH6 6AB"},
		ContactDetails: &latchkey.ContactDetails{Email: email, PhoneNumber: "+441315550142"}}
}

// Credentials are tried out early, and print as nothing.
func ExampleClient() {
	ctx := context.Background()
	server, err := latchkeytest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()

	c := &latchkey.Client{BaseURL: server.URL, ID: server.Client().ID, Secret: server.Client().Secret}
	_, err = c.Bearer(ctx)
	fmt.Println(c.Secret, err)

	mistyped := &latchkey.Client{BaseURL: server.URL, ID: server.Client().ID, Secret: "something else"}
	_, err = mistyped.Bearer(ctx)
	fmt.Println(errors.Is(err, latchkey.ErrInvalidClient))

	// Output:
	// [redacted] <nil>
	// true
}

// An answer that was lost, and a person who has an account.
func ExampleClient_CreateUser() {
	ctx := context.Background()
	server, err := latchkeytest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	c := server.Client()

	// Store the code before the call: whatever happens next, it opens what was made.
	const email = "mira.kade@example.org"
	code := latchkey.NewRegistrationCode()
	if _, err := c.CreateUser(ctx, latchkey.NewUser{Email: email, RegistrationCode: code}); err != nil {
		log.Fatal(err)
	}

	// If no answer came, the code tells whether the account was made.
	token, err := c.RegistrationGrant(ctx, email, code)
	fmt.Println(err)
	user, err := c.Account(token).Me(ctx)
	fmt.Println(user.Email, err)

	// Somebody who has an account signs in to it: the authorize address without a claim code.
	_, err = c.CreateUser(ctx, latchkey.NewUser{Email: email, RegistrationCode: latchkey.NewRegistrationCode()})
	if errors.Is(err, latchkey.ErrAlreadyMember) {
		address := c.AuthorizeURL(latchkey.AuthorizeRequest{RedirectURI: latchkeytest.RedirectURI, State: latchkey.NewState()})
		fmt.Println(strings.Contains(address, "claim_account_code"))
	}

	// Output:
	// <nil>
	// mira.kade@example.org <nil>
	// false
}

// A creation that is made again under its key gives the first answer again, and a refusal names all that is wrong.
func ExampleAccount_CreatePersonalProfile() {
	ctx := context.Background()
	server, account := open("mira.kade@example.org")
	defer server.Close()

	key := latchkey.NewKey() // kept with the profile until an answer came
	first, err := account.CreatePersonalProfile(ctx, mira("mira.kade@example.org"), key)
	if err != nil {
		log.Fatal(err)
	}
	again, err := account.CreatePersonalProfile(ctx, mira("mira.kade@example.org"), key)
	fmt.Println(again.ID == first.ID, err)

	_, err = account.UpdatePersonalProfile(ctx, first.ID, latchkey.PersonalProfile{DateOfBirth: "2988-11-30", Nationality: "xxx"})
	var refusal *latchkey.Error
	if errors.As(err, &refusal) {
		for _, f := range refusal.Fields {
			fmt.Println(refusal.Status, f.Path, f.Code)
		}
	}

	// Unordered output:
	// true <nil>
	// 400 dateOfBirth api.dateOfBirth.invalid
	// 400 nationality api.nationality.invalid
}

// A business with the people behind it, what the account is for, and a paper.
func ExampleAccount_CreateBusinessProfile() {
	ctx := context.Background()
	server, account := open("mira.kade@example.org")
	defer server.Close()

	who := mira("mira.kade@example.org")
	business, err := account.CreateBusinessProfile(ctx, latchkey.Business{
		BusinessName: "Kade Joinery Ltd", RegistrationNumber: "SC700123", CompanyType: "LIMITED",
		IndustryCategories: []string{"SOFTWARE_DEVELOPMENT_PUBLISHING"},
		Address:            &latchkey.BusinessAddress{AddressFirstLine: "7 Harbour Row", City: "Leith", CountryIso3Code: "gbr", PostCode: "EH6 6AB"},
		BusinessRepresentative: &latchkey.BusinessRepresentative{FirstName: who.FirstName, LastName: who.LastName, DateOfBirth: who.DateOfBirth,
			Address: who.Address, ContactDetails: who.ContactDetails},
	}, latchkey.NewKey())
	if err != nil {
		log.Fatal(err)
	}

	// Each of these may fail without ending the claim: the customer is asked for what is missing.
	if _, err := account.Once(latchkey.NewKey()).AddDirectors(ctx, business.ID, []latchkey.Director{
		{FirstName: "Ada", LastName: "Holm", DateOfBirth: "1979-03-14", CountryOfResidenceIso3Code: "deu"}}); err != nil {
		log.Println(err)
	}
	given, err := account.GiveEvidences(ctx, business.ID, latchkey.Evidences{BusinessUseCase: []string{"RECEIVE_PAYMENTS_FROM_CLIENTS"}, MainSourceOfFunding: "LUCK"})
	if err != nil {
		log.Println(err)
	}
	fmt.Println(given.OverallStatus)
	for _, result := range given.Results {
		fmt.Println(result.EvidenceRequirementKey, result.Result)
	}
	letter := latchkey.File{Name: "letter.pdf", Content: []byte("%PDF-1.7 ...")}
	fmt.Println(account.UploadDocument(ctx, business.ID, "BUSINESS_AUTH_REP_PROOF_BY_AUTH_LETTER", letter))

	// Output:
	// PARTIAL_SUCCESS
	// businessUseCase SUCCESS
	// mainSourceOfFunding FAIL
	// <nil>
}

// open starts a server with one account on it, as ExampleClient_CreateUser does.
func open(email string) (*latchkeytest.Server, *latchkey.Account) {
	server, err := latchkeytest.Start()
	if err != nil {
		log.Fatal(err)
	}
	account, _ := openAt(server, email)
	return server, account
}

func openAt(server *latchkeytest.Server, email string) (*latchkey.Account, latchkey.Secret) {
	ctx, code := context.Background(), latchkey.NewRegistrationCode()
	if _, err := server.Client().CreateUser(ctx, latchkey.NewUser{Email: email, RegistrationCode: code}); err != nil {
		log.Fatal(err)
	}
	token, err := server.Client().RegistrationGrant(ctx, email, code)
	if err != nil {
		log.Fatal(err)
	}
	return server.Client().Account(token), code
}
