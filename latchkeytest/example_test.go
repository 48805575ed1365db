package latchkeytest_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/latchkey-id/latchkey"
	"github.com/latchkey-id/latchkey/latchkeytest"
)

// handOver is a partner's own code, which a test is about: it opens an account and returns the address to send the customer to.
func handOver(ctx context.Context, c *latchkey.Client, email, state string) (mint func() string) {
	code := latchkey.NewRegistrationCode()
	if _, err := c.CreateUser(ctx, latchkey.NewUser{Email: email, RegistrationCode: code}); err != nil {
		log.Fatal(err)
	}
	token, err := c.RegistrationGrant(ctx, email, code)
	if err != nil {
		log.Fatal(err)
	}
	return func() string {
		claim, err := c.Account(token).MintClaimCode(ctx, code)
		if err != nil {
			log.Fatal(err)
		}
		return c.AuthorizeURL(latchkey.AuthorizeRequest{RedirectURI: latchkeytest.RedirectURI, State: state, ClaimCode: claim})
	}
}

// A claim code that runs out before the customer follows it, and the next one.
func ExampleServer_Advance() {
	ctx := context.Background()
	server, err := latchkeytest.Start() // in a test: latchkeytest.NewServer(t)
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	mint := handOver(ctx, server.Client(), "mira.kade@example.org", "s1")

	late := mint()
	server.Advance(5*time.Minute + time.Second)
	customer := server.NewCustomer("mira.kade@example.org")
	fmt.Println(customer.Open(ctx, late), customer.Page(), customer.Status())
	fmt.Println(customer.Open(ctx, mint()), customer.Page(), customer.Status())

	// Output:
	// <nil> e1 410
	// <nil> c1 200
}

// A customer who types what is missing, and then gives no access.
func ExampleCustomer_Decline() {
	ctx := context.Background()
	server, err := latchkeytest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	mint := handOver(ctx, server.Client(), "mira.kade@example.org", "s1")

	customer := server.NewCustomer("mira.kade@example.org")
	customer.Answers = map[string]string{"given_name": "Mira", "family_name": "Kade", "birth_day": "30", "birth_month": "11", "birth_year": "1988",
		"phone": "+44 131 555 0142", "country": "GB", "line1": "7 Harbour Row", "city": "Leith", "postal_code": "EH6 6AB"}
	if err := customer.Open(ctx, mint()); err != nil {
		log.Fatal(err)
	}
	if err := customer.Secure(ctx); err != nil { // C1 to C7: from here on the account is theirs
		log.Fatal(err)
	}
	if err := customer.Review(ctx); err != nil { // C8 and C9
		log.Fatal(err)
	}
	back, err := customer.Decline(ctx)
	if err != nil {
		log.Fatal(err)
	}
	_, err = latchkey.ParseReturn(back, "s1")
	var declined *latchkey.ReturnError
	fmt.Println(errors.As(err, &declined), declined.Code)

	// Output:
	// true access_denied
}
