package latchkey_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/latchkey-id/latchkey"
	"github.com/latchkey-id/latchkey/latchkeytest"
)

// At the click: mint, remember, redirect. Here the code is bound to the one request, so that whoever reads it on its way has no
// use for it.
func ExampleAccount_MintClaimCodeFor() {
	server, err := latchkeytest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	c := server.Client()
	account, code := openAt(server, "mira.kade@example.org")

	session := map[string]string{} // in a program: the customer's session on your side
	handOver := func(w http.ResponseWriter, r *http.Request) {
		state, verifier := latchkey.NewState(), latchkey.NewVerifier()
		request := latchkey.AuthorizeRequest{RedirectURI: latchkeytest.RedirectURI, State: state, Challenge: latchkey.Challenge(verifier)}
		var err error
		request.ClaimCode, err = account.MintClaimCodeFor(r.Context(), latchkey.ClaimRequest{RegistrationCode: code,
			RedirectURI: request.RedirectURI, State: state, CodeChallenge: request.Challenge})
		if err != nil && !errors.Is(err, latchkey.ErrAlreadyClaimed) { // claimed: the same address without a claim code
			http.Error(w, "please try again", http.StatusBadGateway)
			return
		}
		session["state"], session["verifier"] = state, string(verifier)
		http.Redirect(w, r, c.AuthorizeURL(request), http.StatusSeeOther)
	}

	answer := httptest.NewRecorder()
	handOver(answer, httptest.NewRequest("POST", "/hand-over", nil))
	to := answer.Header().Get("Location")
	fmt.Println(answer.Code, strings.HasPrefix(to, server.URL+"/oauth/authorize/?client_id="), strings.Contains(to, "claim_account_code="))

	customer := server.NewCustomer("mira.kade@example.org")
	fmt.Println(customer.Open(context.Background(), to), customer.Page())

	// Output:
	// 303 true true
	// <nil> c1
}

// What the redirect address does with each kind of return.
func ExampleParseReturn() {
	callback := func(r *http.Request, wantState string) string {
		back, err := latchkey.ParseReturn(r.URL.String(), wantState)
		var refused *latchkey.ReturnError
		switch {
		case errors.Is(err, latchkey.ErrState):
			return "not asked for by this browser: dropped"
		case errors.As(err, &refused) && refused.Code == "access_denied":
			return "the customer gave no access: offer the way once more"
		case errors.As(err, &refused):
			return "not served: " + refused.Code
		case err != nil:
			return "no return"
		}
		return fmt.Sprintf("exchange now, then read profile %d", back.ProfileID) // and redirect to a page without the code
	}
	for _, query := range []string{"code=lkc_1_1_x&state=s1&profileId=70010001", "code=lkc_1_1_x&state=other&profileId=70010001",
		"error=access_denied&state=s1", "error=temporarily_unavailable&state=s1", "state=s1"} {
		fmt.Println(callback(httptest.NewRequest("GET", "/callback?"+query, nil), "s1"))
	}

	// Output:
	// exchange now, then read profile 70010001
	// not asked for by this browser: dropped
	// the customer gave no access: offer the way once more
	// not served: temporarily_unavailable
	// no return
}

// Tokens that outlive the program, and their end.
func ExampleClient_Tokens() {
	ctx := context.Background()
	server, err := latchkeytest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	c := server.Client()
	token, code := claimed(server, "mira.kade@example.org")

	disk := seal(token) // in a program: sealed, in a database
	save := func(_ context.Context, t latchkey.Token) error {
		disk = seal(t)
		return nil
	}
	account := c.Account(c.Tokens(token, save))
	server.Advance(7 * time.Hour) // past half of an access token's life
	_, err = account.Me(ctx)
	fmt.Println("renewed and saved:", err == nil && disk != seal(token))

	// Another process begins with what was saved. When a third one renews, it notices and goes on.
	other := c.Account(c.Tokens(unseal(disk), save))
	if _, err := c.Refresh(ctx, unseal(disk).RefreshToken); err != nil {
		log.Fatal(err)
	}
	_, err = other.Me(ctx)
	fmt.Println("after another's renewal:", err)

	// Access ends, here because the code was used a second time, which may be a thief's doing.
	if _, err := c.Exchange(ctx, code); !errors.Is(err, latchkey.ErrInvalidGrant) {
		log.Fatal(err)
	}
	if _, err = other.Me(ctx); errors.Is(err, latchkey.ErrInvalidGrant) {
		disk = "" // it will not come back: ask the customer to pass by again
	}
	fmt.Println("over:", disk == "")

	// Output:
	// renewed and saved: true
	// after another's renewal: <nil>
	// over: true
}

// A Secret prints as nothing, so tokens are written as JSON, which is to be sealed.
func seal(t latchkey.Token) string {
	text, err := json.Marshal(t)
	if err != nil {
		log.Fatal(err)
	}
	return string(text)
}

func unseal(text string) (t latchkey.Token) {
	if err := json.Unmarshal([]byte(text), &t); err != nil {
		log.Fatal(err)
	}
	return t
}

// claimed is an account whose customer has given access, as the example of the package does; and what the code was exchanged with.
func claimed(server *latchkeytest.Server, email string) (latchkey.Token, latchkey.Exchange) {
	ctx, c := context.Background(), server.Client()
	account, code := openAt(server, email)
	if _, err := account.CreatePersonalProfile(ctx, mira(email), latchkey.NewKey()); err != nil {
		log.Fatal(err)
	}
	claim, err := account.MintClaimCode(ctx, code)
	if err != nil {
		log.Fatal(err)
	}
	state, verifier := latchkey.NewState(), latchkey.NewVerifier()
	returned, err := server.NewCustomer(email).Claim(ctx, c.AuthorizeURL(latchkey.AuthorizeRequest{RedirectURI: latchkeytest.RedirectURI, State: state,
		ClaimCode: claim, Challenge: latchkey.Challenge(verifier)}))
	if err != nil {
		log.Fatal(err)
	}
	back, err := latchkey.ParseReturn(returned, state)
	if err != nil {
		log.Fatal(err)
	}
	exchange := latchkey.Exchange{Code: back.Code, RedirectURI: latchkeytest.RedirectURI, Verifier: verifier}
	token, err := c.Exchange(ctx, exchange)
	if err != nil {
		log.Fatal(err)
	}
	return token, exchange
}
