package latchkey_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/latchkey-id/latchkey"
	"github.com/latchkey-id/latchkey/latchkeytest"
)

// The whole claim from a partner's side, against a true server that runs inside the example.
func Example() {
	ctx := context.Background()
	server, err := latchkeytest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	client := server.Client() // in a program: &latchkey.Client{BaseURL: ..., WebURL: ..., ID: ..., Secret: ...}

	// Open the account and say what is known. The registration code is kept, sealed, until the claim is over.
	const email = "mira.kade@example.org"
	code := latchkey.NewRegistrationCode()
	if _, err := client.CreateUser(ctx, latchkey.NewUser{Email: email, RegistrationCode: code}); err != nil {
		log.Fatal(err)
	}
	token, err := client.RegistrationGrant(ctx, email, code)
	if err != nil {
		log.Fatal(err)
	}
	account := client.Account(token)
	profile, err := account.CreatePersonalProfile(ctx, latchkey.PersonalProfile{
		FirstName: "Mira", LastName: "Kade", DateOfBirth: "1988-11-30",
		Address:        &latchkey.PersonalAddress{AddressFirstLine: "7 Harbour Row", City: "Leith", CountryIso3Code: "gbr", PostCode: "EH6 6AB"},
		ContactDetails: &latchkey.ContactDetails{Email: email, PhoneNumber: "+441315550142"},
	}, latchkey.NewKey())
	if err != nil {
		log.Fatal(err)
	}

	// At the customer's click: mint a claim code and redirect. State and verifier stay in the customer's session.
	claim, err := account.MintClaimCode(ctx, code)
	if err != nil {
		log.Fatal(err)
	}
	state, verifier := latchkey.NewState(), latchkey.NewVerifier()
	address := client.AuthorizeURL(latchkey.AuthorizeRequest{RedirectURI: latchkeytest.RedirectURI, State: state, ClaimCode: claim,
		Challenge: latchkey.Challenge(verifier)})

	// The customer secures the account, checks the details, allows access, and comes back.
	returned, err := server.NewCustomer(email).Claim(ctx, address)
	if err != nil {
		log.Fatal(err)
	}

	// At the redirect address: check the state, exchange the code, and from then on let the tokens renew themselves.
	back, err := latchkey.ParseReturn(returned, state)
	if err != nil {
		log.Fatal(err)
	}
	token, err = client.Exchange(ctx, latchkey.Exchange{Code: back.Code, RedirectURI: latchkeytest.RedirectURI, Verifier: verifier})
	if err != nil {
		log.Fatal(err)
	}
	save := func(context.Context, latchkey.Token) error { return nil } // in a program: seal it and store it
	mine, err := client.Account(client.Tokens(token, save)).Profile(ctx, back.ProfileID)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(mine.FullName, mine.DateOfBirth, mine.ID == profile.ID)

	// What the partner held before the claim is dead.
	_, err = client.RegistrationGrant(ctx, email, code)
	fmt.Println(errors.Is(err, latchkey.ErrInvalidGrant))

	// Output:
	// Mira Kade 1988-11-30 true
	// true
}
