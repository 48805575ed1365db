package demo

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/latchkey-id/latchkey"
)

// claims is the journey of the customer, from a fresh claim code to tokens. Its pages were gone through one by one before; here
// it matters what they show of what was said, and what the customer chooses.
func (h *held) claims() []checkStep {
	steps := []checkStep{{"a claim code is minted at the click and leads to C1", func(ctx context.Context) error {
		code, err := h.before.MintClaimCode(ctx, h.code)
		if err != nil {
			return err
		}
		return h.visitPage(ctx, h.authorize(code), "c1")
	}}}
	// Mistakes were made before.
	return append(slices.Concat(steps, h.without("refuses", "asks"), h.reviews()),
		checkStep{"C10 gives access to the chosen profile, and C11 leads back", func(ctx context.Context) error { return h.decides(ctx) }},
	)
}

// decides is C10 and C11, and the exchange of the code.
func (h *held) decides(ctx context.Context) error {
	fields := map[string]string{"scope": "profiles.write"}
	if len(h.browser.page.offers("profile")) > 0 {
		fields["profile"] = strconv.FormatInt(int64(h.profile), 10)
	}
	if err := h.press(ctx, "decision=allow", fields, "c11", http.StatusOK); err != nil {
		return err
	}
	return h.takesBack(ctx)
}

// takesBack is the partner's side of C11: state, exchange, and whether the profile is the one that was meant.
func (h *held) takesBack(ctx context.Context) error {
	if err := h.at("c11", http.StatusOK); err != nil {
		return err
	}
	back, err := latchkey.ParseReturn(h.browser.page.refresh(), h.state)
	if err != nil {
		return err
	}
	h.exchange = latchkey.Exchange{Code: back.Code, RedirectURI: h.redirectURI(), Verifier: h.verifier}
	stolen := h.exchange
	stolen.Verifier = latchkey.NewVerifier()
	_, foreign := h.foreign.Exchange(ctx, h.exchange)
	_, guessed := h.client.Exchange(ctx, stolen)
	if h.token, err = h.client.Exchange(ctx, h.exchange); err != nil {
		return err
	}
	h.after = h.client.Account(h.token)
	return firstOf(refusedBy(foreign, latchkey.ErrInvalidGrant), refusedBy(guessed, latchkey.ErrInvalidGrant), expect("profile", back.ProfileID, h.profile))
}

// authorize is the address to send the browser to, with state and verifier of its own.
func (h *held) authorize(code latchkey.Secret) string {
	h.state, h.verifier = latchkey.NewState(), latchkey.NewVerifier()
	return h.client.AuthorizeURL(latchkey.AuthorizeRequest{RedirectURI: h.redirectURI(), State: h.state, ClaimCode: code, Challenge: latchkey.Challenge(h.verifier)})
}

// regained is access that was lost, and a customer who passes by again.
func (h *held) regained() []checkStep {
	return []checkStep{
		{"a code that is used twice ends what it gave", func(ctx context.Context) error {
			_, again := h.client.Exchange(ctx, h.exchange)
			_, reading := h.after.Me(ctx)
			_, renewing := h.client.Refresh(ctx, h.token.RefreshToken)
			return firstOf(refusedBy(again, latchkey.ErrInvalidGrant), refusedBy(reading, latchkey.ErrUnauthorized), refusedBy(renewing, latchkey.ErrInvalidGrant))
		}},
		// With several profiles C10 asks which; with one the customer is not asked again (part "return").
		{"the customer passes by, chooses, and gives it again", func(ctx context.Context) error {
			if err := h.arrives(ctx); err != nil {
				return err
			}
			if err := h.decides(ctx); err != nil {
				return err
			}
			_, err := h.after.Profile(ctx, h.profile)
			return err
		}},
	}
}

// severed is what the partner held before the claim: dead.
func (h *held) severed() []checkStep {
	return []checkStep{{"what was held before is dead, every piece of it", func(ctx context.Context) error {
		_, reading := h.before.Me(ctx)
		_, writing := h.before.UpdatePersonalProfile(ctx, h.profile, latchkey.PersonalProfile{PreferredName: "Nobody"})
		_, minting := h.before.MintClaimCode(ctx, h.code)
		_, granting := h.client.RegistrationGrant(ctx, h.email, h.code)
		window := h.before.OpenUpdateWindow(ctx, h.profile)
		_, again := h.after.MintClaimCode(ctx, h.code)
		return firstOf(refusedBy(reading, latchkey.ErrUnauthorized), refusedBy(writing, latchkey.ErrUnauthorized), refusedBy(minting, latchkey.ErrUnauthorized),
			refusedBy(granting, latchkey.ErrInvalidGrant), refusedBy(window, latchkey.ErrUnauthorized), refusedBy(again, latchkey.ErrAlreadyClaimed))
	}}}
}

// access is what the customer's grant reaches.
func (h *held) access() []checkStep {
	return []checkStep{
		{"the profile is the one that was filled in", func(ctx context.Context) error {
			p, err := h.after.Profile(ctx, h.profile)
			me, reading := h.after.Me(ctx)
			return firstOf(err, reading, expect("name", p.FullName, "Mira Kade"), expect("birth", string(p.DateOfBirth), "1988-11-30"), expect("address", me.Email, h.email))
		}},
		{"a detail that the customer confirmed is only proposed to", func(ctx context.Context) error {
			answer, err := h.after.UpdatePersonalProfile(ctx, h.profile, latchkey.PersonalProfile{FirstName: "Miranda"})
			return firstOf(err, expect("first name", answer.Details.FirstName, "Mira"))
		}},
		{"the application's own token reads nothing of a claimed account", func(ctx context.Context) error {
			own, err := h.client.ClientGrant(ctx)
			_, reading := h.client.Account(own).Profile(ctx, h.profile)
			_, numbering := h.client.AddPhoneNumber(ctx, h.user.ID, newNumber(h.user.ID+1))
			return firstOf(err, refusedBy(reading, latchkey.ErrForbidden), refusedBy(numbering, latchkey.ErrForbidden))
		}},
	}
}

// tokens are renewed, and the ones before are dead at once.
func (h *held) tokens() []checkStep {
	return []checkStep{
		{"a refresh ends the access token before it", func(ctx context.Context) error {
			next, err := h.client.Refresh(ctx, h.token.RefreshToken)
			_, stale := h.after.Me(ctx)
			again, repeat := h.client.Refresh(ctx, h.token.RefreshToken)
			if err := firstOf(err, repeat, refusedBy(stale, latchkey.ErrUnauthorized)); err != nil {
				return err
			}
			if again.AccessToken != next.AccessToken {
				return fmt.Errorf("two refreshes at once gave two tokens")
			}
			h.token, h.after = again, h.client.Account(again)
			_, err = h.after.Me(ctx)
			return err
		}},
		{"another partner cannot use the refresh token", func(ctx context.Context) error {
			_, err := h.foreign.Refresh(ctx, h.token.RefreshToken)
			return refusedBy(err, latchkey.ErrInvalidGrant)
		}},
	}
}
