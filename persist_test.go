package latchkey_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey"
	"github.com/latchkey-id/latchkey/latchkeytest"
)

// What the tutorial says of crashes (section 9): a program that was killed between the server's answer and its own save.
func TestTokensAcrossACrash(t *testing.T) {
	for name, x := range map[string]struct {
		class string
		// away is how long the program was down, half past which its access token is renewed.
		away, half time.Duration
		want       error
	}{
		"classic, a moment":       {"classic", time.Second, 7 * time.Hour, nil},
		"classic, a week":         {"classic", 7 * 24 * time.Hour, 7 * time.Hour, nil},
		"strict, a moment":        {"strict", 4 * time.Second, 8 * time.Minute, nil},
		"strict, a moment longer": {"strict", 6 * time.Second, 8 * time.Minute, latchkey.ErrInvalidGrant},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			server := latchkeytest.NewServer(t)
			c, err := server.AddPartner(ctx, latchkeytest.Partner{Name: "Acme Treasury", RedirectURIs: []string{latchkeytest.RedirectURI}, Class: x.class})
			if err != nil {
				t.Fatal(err)
			}
			stored := claimedBy(t, server, c)
			server.Advance(x.half)
			killed := errors.New("killed before it saved")
			dying := c.Account(c.Tokens(stored, func(context.Context, latchkey.Token) error { return killed }))
			if _, err := dying.Me(ctx); !errors.Is(err, killed) {
				t.Fatalf("a token was used before it was saved: %v", err)
			}

			server.Advance(x.away)
			saved := latchkey.Token{}
			next := c.Account(c.Tokens(stored, func(_ context.Context, t latchkey.Token) error { saved = t; return nil }))
			if _, err := next.Me(ctx); !errors.Is(err, x.want) {
				t.Fatalf("%v, want %v", err, x.want)
			}
			if changed := saved.RefreshToken != stored.RefreshToken; x.want == nil && changed != (x.class == "strict") {
				t.Errorf("the refresh token changed: %t", changed)
			}
		})
	}
}

// claimedBy is an account whose customer has given access to the client.
func claimedBy(t *testing.T, server *latchkeytest.Server, c *latchkey.Client) latchkey.Token {
	t.Helper()
	ctx, code := t.Context(), latchkey.NewRegistrationCode()
	_, err := c.CreateUser(ctx, latchkey.NewUser{Email: tourEmail, RegistrationCode: code})
	must(t, err)
	before, err := c.RegistrationGrant(ctx, tourEmail, code)
	must(t, err)
	_, err = c.Account(before).CreatePersonalProfile(ctx, mira(tourEmail), latchkey.NewKey())
	must(t, err)
	claim, err := c.Account(before).MintClaimCode(ctx, code)
	must(t, err)
	state, verifier := latchkey.NewState(), latchkey.NewVerifier()
	address, err := server.NewCustomer(tourEmail).Claim(ctx, c.AuthorizeURL(latchkey.AuthorizeRequest{RedirectURI: latchkeytest.RedirectURI, State: state,
		ClaimCode: claim, Challenge: latchkey.Challenge(verifier)}))
	must(t, err)
	back, err := latchkey.ParseReturn(address, state)
	must(t, err)
	token, err := c.Exchange(ctx, latchkey.Exchange{Code: back.Code, RedirectURI: latchkeytest.RedirectURI, Verifier: verifier})
	must(t, err)
	return token
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
