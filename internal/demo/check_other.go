package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/latchkey-id/latchkey"
)

// otherPartner is a second partner of the same customer: it learns that there is an account, sends the person to sign in, is refused
// and then allowed to read, and sees nothing of what the first one does.
func (h *held) otherPartner() []checkStep {
	other := &held{walk: h.walk, kind: h.kind, client: h.foreign, foreign: h.client, redirect: h.Demo + "/wages/callback"}
	return []checkStep{
		{"another partner cannot open the account again", func(ctx context.Context) error {
			other.profile = h.profile
			_, err := other.client.CreateUser(ctx, latchkey.NewUser{Email: h.email, RegistrationCode: latchkey.NewRegistrationCode()})
			return refusedBy(err, latchkey.ErrAlreadyMember)
		}},
		{"the customer goes there without a claim code, and gives no access", func(ctx context.Context) error {
			if err := other.arrives(ctx); err != nil {
				return err
			}
			if err := h.press(ctx, "decision=deny", nil, "c11", http.StatusOK); err != nil {
				return err
			}
			_, err := latchkey.ParseReturn(h.browser.page.refresh(), other.state)
			var refused *latchkey.ReturnError
			if !errors.As(err, &refused) || refused.Code != "access_denied" {
				return fmt.Errorf("it came back with %w, want access_denied", err)
			}
			_, forged := latchkey.ParseReturn(h.browser.page.refresh(), latchkey.NewState())
			return refusedBy(forged, latchkey.ErrState)
		}},
		{"and the next time lets it read, and no more", func(ctx context.Context) error {
			if err := other.arrives(ctx); err != nil {
				return err
			}
			if err := h.press(ctx, "decision=allow", nil, "c11", http.StatusOK); err != nil {
				return err
			}
			if err := other.takesBack(ctx); err != nil {
				return err
			}
			p, err := other.after.Profile(ctx, h.profile)
			_, writing := other.after.UpdatePersonalProfile(ctx, h.profile, latchkey.PersonalProfile{PreferredName: "Nobody"})
			evidences, giving := other.after.GiveEvidences(ctx, h.profile, personEvidences())
			return firstOf(err, expect("name", p.FullName, "Mira Kade"), refusedBy(writing, latchkey.ErrForbidden), refusedBy(giving, latchkey.ErrForbidden),
				expect("results", len(evidences.Results), 0))
		}},
		{"what the first partner does stays its own", func(ctx context.Context) error {
			_, reading := other.after.KYCReview(ctx, h.profile, h.review)
			_, linking := other.after.LinkKYCReview(ctx, h.profile, h.review, other.redirect)
			list, err := other.after.KYCReviews(ctx, h.profile, 1)
			_, mine := h.after.Profile(ctx, h.profile)
			_, renewing := h.client.Refresh(ctx, other.token.RefreshToken)
			return firstOf(refusedBy(reading, latchkey.ErrNotFound), refusedBy(linking, latchkey.ErrNotFound), err, expect("reviews", len(list), 0), mine,
				refusedBy(renewing, latchkey.ErrInvalidGrant))
		}},
	}
}

// arrives is a customer who is signed in and comes to C10 of a partner that has no access.
func (h *held) arrives(ctx context.Context) error {
	if err := h.visitPage(ctx, h.authorize(""), "r5"); err != nil {
		return err
	}
	return h.press(ctx, "", nil, "c10", http.StatusOK)
}
