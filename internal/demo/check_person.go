package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/latchkey-id/latchkey"
)

// person is what can be said of a person: profile, address, identity document, purpose.
func (h *held) person() []checkStep {
	key := latchkey.NewKey()
	return []checkStep{
		{"a personal profile is created once, however often it is asked for", func(ctx context.Context) error {
			first, err := h.before.CreatePersonalProfile(ctx, person(h.email), key)
			again, repeat := h.before.CreatePersonalProfile(ctx, person(h.email), key)
			h.profile = first.ID
			_, second := h.before.CreatePersonalProfile(ctx, person(h.email), latchkey.NewKey())
			_, other := h.before.CreatePersonalProfile(ctx, latchkey.PersonalProfile{FirstName: "Ada"}, key)
			return firstOf(err, repeat, expect("profile", again.ID, first.ID), refusedBy(second, latchkey.ErrDuplicate), anyRefusal(other))
		}},
		{"what is wrong is named, all at once", func(ctx context.Context) error {
			_, err := h.before.UpdatePersonalProfile(ctx, h.profile, latchkey.PersonalProfile{DateOfBirth: "2988-11-30", Nationality: "xxx"})
			var refusal *latchkey.Error
			if !errors.As(err, &refusal) || len(refusal.Fields) != 2 {
				return fmt.Errorf("%w, want two fields", err)
			}
			return nil
		}},
		{"it is corrected and read back", func(ctx context.Context) error {
			_, err := h.before.UpdatePersonalProfile(ctx, h.profile, latchkey.PersonalProfile{PreferredName: "Mimi"})
			p, reading := h.before.Profile(ctx, h.profile)
			list, listing := h.before.Profiles(ctx)
			return firstOf(err, reading, listing, expect("name", p.FullName, "Mira Kade"), expect("preferred name", string(p.PreferredName), "Mimi"),
				expect("profiles", len(list), 1))
		}},
		{"the address form depends on the country, and the address is saved", func(ctx context.Context) error {
			any, err := h.before.AddressRequirements(ctx, latchkey.RequirementsRequest{})
			here, forming := h.before.AddressRequirements(ctx, latchkey.RequirementsRequest{Profile: h.profile, Details: latchkey.RequirementsDetails{Country: "US"}})
			saved, saving := h.before.SaveAddress(ctx, h.profile, latchkey.AddressDetails{Country: "GB", FirstLine: "9 Harbour Row", City: "Leith", PostCode: "EH6 6AB"})
			list, listing := h.before.Addresses(ctx, h.profile)
			one, reading := h.before.Address(ctx, saved.ID)
			if err := firstOf(err, forming, saving, listing, reading); err != nil {
				return err
			}
			if len(any) == 0 || len(here) == 0 || len(here[0].Fields) <= len(any[0].Fields) {
				return fmt.Errorf("forms of %d and %d fields", len(any), len(here))
			}
			return firstOf(expect("addresses", len(list), 1), expect("address", one.Details.FirstLine, "9 Harbour Row"))
		}},
		{"an identity document is added, and replaced", func(ctx context.Context) error {
			newer := passport()
			newer.UniqueIdentifier = "P7009876"
			return firstOf(h.before.AddIdentityDocument(ctx, h.profile, passport()), h.before.ReplaceIdentityDocument(ctx, h.profile, newer))
		}},
		{"the older extensions say what the account is for", func(ctx context.Context) error {
			form, err := h.before.ExtensionRequirements(ctx, h.profile)
			saving := h.before.SaveExtensions(ctx, h.profile, latchkey.Extensions{AccountPurpose: "SENDING_MONEY_REGULARLY_TO_FAMILY"})
			read, reading := h.before.Extensions(ctx, h.profile)
			return firstOf(err, saving, reading, expect("forms", len(form), 1),
				expect("purpose", string(read.AccountPurpose), "SENDING_MONEY_REGULARLY_TO_FAMILY"))
		}},
	}
}

// anyRefusal checks that a call was refused, for whatever reason.
func anyRefusal(err error) error {
	var refusal *latchkey.Error
	if !errors.As(err, &refusal) || refusal.Status >= 500 {
		return fmt.Errorf("it came to %w, want a refusal", err)
	}
	return nil
}

// asks is what a partner may ask for before the claim: a review with its page, a one-time token, a subscription.
func (h *held) asks() []checkStep {
	return []checkStep{
		{"mail goes where the partner says", func(ctx context.Context) error {
			set, err := h.before.SetContactEmail(ctx, h.user.ID, h.email)
			read, reading := h.before.ContactEmail(ctx, h.user.ID)
			return firstOf(err, reading, expect("address", set, h.email), expect("address", read, h.email))
		}},
		{"a protected call is refused, cleared by a code, and made again", func(ctx context.Context) error { return h.approves(ctx) }},
		{"a review asks for nothing that was given", func(ctx context.Context) error {
			review, err := h.before.CreateKYCReview(ctx, h.profile, latchkey.NewKYCReview{Type: "CARD"})
			h.review = review.ID
			list, listing := h.before.KYCReviews(ctx, h.profile, 1)
			return firstOf(err, listing, expect("state", review.Status, latchkey.ReviewPassed), expect("open reviews", len(list), 0))
		}},
		{"a profile's own subscription is taken, listed and removed", func(ctx context.Context) error {
			s, err := h.before.Subscribe(ctx, h.profile, latchkey.NewSubscription{Name: "transfers", TriggerOn: "transfers#state-change",
				Delivery: latchkey.SubscriptionDelivery{Version: "4.0.0", URL: h.Demo + "/webhooks"}})
			list, listing := h.before.Subscriptions(ctx, h.profile)
			one, reading := h.before.Subscription(ctx, h.profile, s.ID)
			removing := h.before.Unsubscribe(ctx, h.profile, s.ID)
			_, gone := h.before.Subscription(ctx, h.profile, s.ID)
			return firstOf(err, listing, reading, removing, expect("subscriptions", len(list), 1), expect("subscription", one.ID, s.ID),
				refusedBy(gone, latchkey.ErrNotFound))
		}},
	}
}

// approves rehearses a one-time token (contract 13).
func (h *held) approves(ctx context.Context) error {
	number, err := h.client.AddPhoneNumber(ctx, h.user.ID, newNumber(h.user.ID))
	if err != nil {
		return err
	}
	var refusal *latchkey.Error
	if err := h.before.SimulateProtected(ctx, ""); !errors.As(err, &refusal) || refusal.Status != http.StatusForbidden || refusal.OneTimeToken == "" {
		return fmt.Errorf("%w, want 403 with a one-time token", err)
	}
	token := string(refusal.OneTimeToken)
	sent, err := h.before.TriggerOneTimeToken(ctx, token, "sms")
	if err != nil {
		return err
	}
	_, wrong := h.before.VerifyOneTimeToken(ctx, token, "sms", "000000")
	if wrong == nil {
		return errors.New("a wrong code passed")
	}
	passed, err := h.before.VerifyOneTimeToken(ctx, token, "sms", "111111")
	if err != nil {
		return err
	}
	status, err := h.before.OneTimeToken(ctx, token)
	if err != nil {
		return err
	}
	last := number.PhoneNumber[len(number.PhoneNumber)-4:]
	if len(passed.Challenges) != 1 || !passed.Challenges[0].Passed || status.UserID != h.user.ID || sent.ObfuscatedPhoneNo[len(sent.ObfuscatedPhoneNo)-4:] != last {
		return fmt.Errorf("challenges %+v for user %d, sent to %s", passed.Challenges, status.UserID, sent.ObfuscatedPhoneNo)
	}
	return h.before.SimulateProtected(ctx, token)
}

// newNumber is a phone number that no other account has: a partner gives each number once.
func newNumber(user latchkey.UserID) string {
	return fmt.Sprintf("+49151%08d", int64(user)%100_000_000)
}
