package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/latchkey-id/latchkey"
)

// checked is a KYC review with the page that its link leads to.
func (h *held) checked() []checkStep {
	return slices.Concat([]checkStep{
		{"the review of before the claim is over", func(ctx context.Context) error {
			_, err := h.after.KYCReview(ctx, h.profile, h.review)
			return refusedBy(err, latchkey.ErrNotFound)
		}},
		{"another review is made, and more is asked for", func(ctx context.Context) error {
			review, err := h.after.CreateKYCReview(ctx, h.profile, latchkey.NewKYCReview{Type: "PROACTIVE_SEND_MONEY"})
			if err != nil {
				return err
			}
			h.review = review.ID
			adding := h.after.SimulateKYCReview(ctx, h.profile, h.review, latchkey.SimulateAdd, latchkey.SimulatedStep{Requirement: "SOURCE_OF_WEALTH"})
			list, listing := h.after.SimulateKYCRequirements(ctx, h.profile, h.review)
			if err := firstOf(adding, listing); err != nil {
				return err
			}
			if !slices.ContainsFunc(list, func(q latchkey.SimulatedRequirement) bool {
				return q.Key == "SOURCE_OF_WEALTH" && q.State == "NOT_PROVIDED"
			}) {
				return fmt.Errorf("it asks for %+v", list)
			}
			return nil
		}},
	}, h.linked(), []checkStep{{"what is asked for is submitted, and a file that lies is not", func(ctx context.Context) error {
		lie := h.after.SubmitKYCRequirement(ctx, h.profile, "SOURCE_OF_WEALTH", latchkey.KYCSubmission{KYCReviewID: h.review,
			Files: []latchkey.File{{Name: "wealth.png", Content: []byte("<svg/>")}}})
		err := h.after.SubmitKYCRequirement(ctx, h.profile, "SOURCE_OF_WEALTH", latchkey.KYCSubmission{KYCReviewID: h.review,
			Files: []latchkey.File{paper("wealth.png")}})
		if lie == nil {
			return errors.New("a picture that is none was taken")
		}
		review, reading := h.after.KYCReview(ctx, h.profile, h.review)
		left, listing := h.after.SimulateKYCRequirements(ctx, h.profile, h.review)
		return firstOf(err, reading, listing, expect("state of the review", review.Status, latchkey.ReviewPassedWithRequirements),
			expect("what is left", fmt.Sprint(left), "[{SOURCE_OF_WEALTH IN_REVIEW }]"))
	}}})
}

// linked is the page of a review's link, and its way back.
func (h *held) linked() []checkStep {
	link := ""
	return []checkStep{
		{"its link leads to the page, which shows what is asked for", func(ctx context.Context) error {
			linked, err := h.after.LinkKYCReview(ctx, h.profile, h.review, h.redirectURI())
			_, elsewhere := h.after.LinkKYCReview(ctx, h.profile, h.review, "https://elsewhere.example/cb")
			switch {
			case err != nil:
				return err
			case elsewhere == nil || linked.Link == nil:
				return fmt.Errorf("link %v; an address that is not registered: %w", linked.Link, elsewhere)
			}
			link = linked.Link.Value
			if err := h.visitPage(ctx, link, "check"); err != nil {
				return err
			}
			return h.shows("need-source_of_wealth")
		}},
		{"and back to the partner, once", func(ctx context.Context) error {
			if err := h.press(ctx, "", nil, "c11", http.StatusOK); err != nil {
				return err
			}
			to, err := url.Parse(h.browser.page.refresh())
			if err != nil || origin(to) != h.Demo || to.Query().Get("status") != "closed" {
				return fmt.Errorf("it leads to %s, %w", h.browser.page.refresh(), err)
			}
			return nil
		}},
		{"a newer link ends the one before", func(ctx context.Context) error {
			_, err := h.after.EmbedKYCReview(ctx, h.profile, h.review, h.redirectURI())
			if err != nil {
				return err
			}
			if err := h.browser.open(ctx, link); err != nil {
				return err
			}
			return h.at("e4", http.StatusNotFound)
		}},
	}
}

// verifies is how a profile comes to be verified in a sandbox, and what tells of it.
func (h *held) verifies() []checkStep {
	return []checkStep{
		{"the profile is not verified yet", func(ctx context.Context) error {
			status, err := h.after.VerificationStatus(ctx, h.profile, "GBP", "EUR")
			return firstOf(err, expect("routes", len(status.Routes), 2), expect("state", status.Routes[0].CurrentStatus, latchkey.NotVerified))
		}},
		{"a simulation verifies it", func(ctx context.Context) error {
			simulate := h.after.SimulateVerifications(ctx)
			if h.kind == kindPerson {
				simulate = h.after.SimulateVerification(ctx, h.profile)
			}
			status, err := h.after.VerificationStatus(ctx, h.profile, "GBP")
			old, reading := h.after.ProfileVerification(ctx, h.profile)
			if err := firstOf(simulate, err, reading); err != nil {
				return err
			}
			return firstOf(expect("state", status.Routes[0].CurrentStatus, latchkey.Verified), expect("state of 2020", old.CurrentStatus, latchkey.Verified))
		}},
		{"the inbox is told, signed with the published key", func(ctx context.Context) error {
			profile := `"id": ` + fmt.Sprint(h.profile)
			return firstOf(h.told(ctx, "profiles#verification-state-change verified", profile), h.told(ctx, "profiles#cdd-check-state-change VERIFIED", profile))
		}},
	}
}

// locked is what a verified profile does not let itself be changed in.
func (h *held) locked() []checkStep {
	return []checkStep{{"what was verified is locked, and named", func(ctx context.Context) error {
		var err error
		if h.kind == kindBusiness {
			_, err = h.after.ReplaceDirectors(ctx, h.profile, directors())
		} else {
			_, err = h.after.UpdatePersonalProfile(ctx, h.profile, latchkey.PersonalProfile{LastName: "Holm"})
			review, reading := h.after.KYCReview(ctx, h.profile, h.review)
			telling := h.told(ctx, "kyc-reviews#state-change "+latchkey.ReviewPassed, h.review)
			if err := firstOf(reading, telling, expect("state of the review", review.Status, latchkey.ReviewPassed)); err != nil {
				return err
			}
		}
		disputes, reading := h.after.Disputes(ctx, h.profile)
		return firstOf(refusedBy(err, latchkey.ErrLocked), reading, expect("disputes", len(disputes), 0))
	}}}
}

// told waits until page 6 has the event, of what the words name, with good signatures.
func (h *held) told(ctx context.Context, event, words string) error {
	return h.inbox(ctx, func(p page) error {
		one, came := p.notification(func(one page) bool {
			return one.values("data-event")[0] == event && strings.Contains(text(one.root), words)
		})
		if !came {
			return fmt.Errorf("no %q with %s came", event, words)
		}
		return signed(one)
	})
}

// hooks are the partner's own subscriptions, beside those of the demo partner's inbox.
func (h *held) hooks() []checkStep {
	var made latchkey.Subscription
	draft := latchkey.NewSubscription{Name: "check", TriggerOn: latchkey.EventClaims, Delivery: latchkey.SubscriptionDelivery{Version: "2.0.0", URL: h.Demo + "/webhooks"}}
	return []checkStep{
		{"the claim and the grant of this account are in the inbox", func(ctx context.Context) error {
			user := `"id": ` + fmt.Sprint(h.user.ID)
			return firstOf(h.told(ctx, "x-claims#state-change claimed", user), h.told(ctx, "x-grants#state-change active", user))
		}},
		{"a subscription has its secret once", func(ctx context.Context) (err error) {
			if made, err = h.client.Subscribe(ctx, draft); err != nil {
				return err
			}
			read, err := h.client.Subscription(ctx, made.ID)
			return firstOf(err, expect("secret at first", made.Secret != "", true), expect("secret later", read.Secret != "", false))
		}},
		{"an address that a webhook may not have is refused", func(ctx context.Context) error {
			wrong := draft
			wrong.Delivery.URL = "https://10.0.0.1/hook?x=1"
			_, err := h.client.Subscribe(ctx, wrong)
			return anyRefusal(err)
		}},
		{"another partner neither sees nor tests nor removes it", func(ctx context.Context) error {
			_, reading := h.foreign.Subscription(ctx, made.ID)
			_, testing := h.foreign.TestSubscription(ctx, made.ID)
			return firstOf(refusedBy(reading, latchkey.ErrNotFound), refusedBy(testing, latchkey.ErrNotFound), refusedBy(h.foreign.Unsubscribe(ctx, made.ID), latchkey.ErrNotFound))
		}},
		{"a test of it comes, and it is removed", func(ctx context.Context) error {
			sent, err := h.client.TestSubscription(ctx, made.ID)
			if err != nil || len(sent) == 0 {
				return fmt.Errorf("%d notifications: %w", len(sent), err)
			}
			coming := h.inbox(ctx, func(p page) error {
				if !slices.Contains(p.values("data-delivery"), sent[0].DeliveryID) {
					return fmt.Errorf("delivery %s did not come", sent[0].DeliveryID)
				}
				return nil
			})
			return firstOf(coming, h.client.Unsubscribe(ctx, made.ID))
		}},
	}
}
