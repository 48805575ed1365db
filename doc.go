// Package latchkey is what a partner imports to talk to a Latchkey server: open an account for a customer, fill in what
// is known about them, hand the account over with a claim code, and afterwards act with the access that the customer gave.
//
// # The claim in six calls
//
//	c := &latchkey.Client{BaseURL: "https://api.example.org", WebURL: "https://id.example.org", ID: id, Secret: secret}
//	code := latchkey.NewRegistrationCode()                                     // keep it, sealed, until the claim is over
//	user, err := c.CreateUser(ctx, latchkey.NewUser{Email: email, RegistrationCode: code})
//	token, err := c.RegistrationGrant(ctx, email, code)                        // works until the customer takes over
//	account := c.Account(token)
//	profile, err := account.CreatePersonalProfile(ctx, what, key)              // any of it may be left out and asked later
//	claim, err := account.MintClaimCode(ctx, code)                             // at the click: it lives 300 seconds
//	http.Redirect(w, r, c.AuthorizeURL(latchkey.AuthorizeRequest{...}), http.StatusSeeOther)
//
// The customer secures the account, checks the data, decides, and comes back to the redirect address:
//
//	back, err := latchkey.ParseReturn(r.URL.String(), wantState)
//	token, err := c.Exchange(ctx, latchkey.Exchange{Code: back.Code, RedirectURI: redirect, Verifier: verifier})
//	account := c.Account(c.Tokens(token, save))                                // renews itself and hands new tokens to save
//
// # Promises
//
// A [Secret] (client secret, registration code, token, claim code, verifier) prints as "[redacted]" with every verb of fmt
// and in log/slog. Errors carry no secret and no personal data that the server did not itself put into its answer. Answers
// of more than 1 MiB are refused, redirects are never followed, and without a context deadline a call ends after 30 seconds.
// A [Client] and everything made from it may be used by many goroutines at once.
//
// # Wire types
//
// The types with json tags are the bytes on the wire, and the server uses the same ones. The order of their fields is the
// order of the keys in an answer. Section numbers in comments ("contract 5.1") are those of the wire contract.
package latchkey
