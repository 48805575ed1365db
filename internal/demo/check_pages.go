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

// businessPages is the business once more, as a person walks it at the demo partner's own pages.
func (w *walk) businessPages() []checkStep {
	return slices.Concat([]checkStep{
		{"page 2 sends a business with its people and papers, and leaves the postcode out", func(ctx context.Context) error {
			w.newBrowser()
			if err := w.visitPage(ctx, w.Demo+"/", "demo1"); err != nil {
				return err
			}
			w.email = w.browser.page.field("email")
			if err := w.press(ctx, "", map[string]string{"email": w.email}, "demo1", http.StatusOK); err != nil {
				return err
			}
			if err := w.visitPage(ctx, w.Demo+"/details?kind=business", "demo2"); err != nil {
				return err
			}
			if err := w.press(ctx, "", map[string]string{"business_name": "Kade Joinery Ltd", "own": "yes", "leave": "postcode"}, "demo2", http.StatusOK); err != nil {
				return err
			}
			return w.shows("/profiles/business-profile", "/directors", "/ubos", "/upload-evidences", "letter-of-authority.png")
		}},
		{"page 3 leads to C1", func(ctx context.Context) error {
			if err := w.visitPage(ctx, w.Demo+"/go", "demo3"); err != nil {
				return err
			}
			return w.press(ctx, "go=now", nil, "c1", http.StatusOK)
		}},
	}, w.without("refuses", "asks"), []checkStep{
		{"C8 asks for it wherever it is missing, and C9 takes it", func(ctx context.Context) error {
			if err := w.press(ctx, "", map[string]string{"version": w.browser.page.field("version")}, "c8", http.StatusUnprocessableEntity); err != nil {
				return err
			}
			return w.completes(ctx, "EH6 6AB", "post_code", "postal_code")
		}},
		{"C10 offers the person and the business, and page 4 has the business", func(ctx context.Context) error {
			if err := w.press(ctx, "", map[string]string{"version": w.browser.page.field("version")}, "c10", http.StatusOK); err != nil {
				return err
			}
			offered := w.browser.page.offers("profile")
			if len(offered) != 2 {
				return fmt.Errorf("it offers %v", offered)
			}
			for id, name := range offered {
				if strings.Contains(name, "Kade Joinery Ltd") {
					return w.backWith(ctx, id)
				}
			}
			return fmt.Errorf("it offers %v", offered)
		}},
	}, w.checkPages())
}

// checkPages is the page of checks, of a business that lacks nothing.
func (w *walk) checkPages() []checkStep {
	return []checkStep{
		{"a review that waits for nothing leads nowhere", func(ctx context.Context) error {
			if err := w.visitPage(ctx, w.Demo+"/checks", "demo-checks"); err != nil {
				return err
			}
			if err := w.says("data-status", "not_verified"); err != nil {
				return err
			}
			if err := w.browser.submitTo(ctx, "/checks/review"); err != nil {
				return err
			}
			return w.at("demo-checks", http.StatusOK)
		}},
		{"a simulated verification ends it", func(ctx context.Context) error { return w.verifyPage(ctx) }},
	}
}

// reviewPages is the page of checks, of the person of the first pages, who lacks much.
func (w *walk) reviewPages() []checkStep {
	link := ""
	return []checkStep{
		{"the partner's button leads to the page of a review", func(ctx context.Context) error {
			if err := w.visitPage(ctx, w.Demo+"/checks", "demo-checks"); err != nil {
				return err
			}
			if err := w.browser.submitTo(ctx, "/checks/review"); err != nil {
				return err
			}
			link = w.browser.page.url.String()
			return firstOf(w.at("check", http.StatusOK), w.shows("need-id_document", "need-income"))
		}},
		{"and that one back, with its outcome", func(ctx context.Context) error {
			if err := w.press(ctx, "", nil, "c11", http.StatusOK); err != nil {
				return err
			}
			if err := w.visitPage(ctx, w.browser.page.refresh(), "demo-checks"); err != nil {
				return err
			}
			return firstOf(w.says("data-outcome", "closed"), w.says("data-review", latchkey.ReviewWaitingCustomerInput))
		}},
		{"another click makes another link for the same review, and the first is over", func(ctx context.Context) error {
			if err := w.browser.submitTo(ctx, "/checks/review"); err != nil {
				return err
			}
			if err := w.at("check", http.StatusOK); err != nil {
				return err
			}
			if err := w.browser.open(ctx, link); err != nil {
				return err
			}
			if err := w.at("e4", http.StatusNotFound); err != nil {
				return err
			}
			if err := w.visitPage(ctx, w.Demo+"/checks?status=somewhere", "demo-checks"); err != nil {
				return err
			}
			return firstOf(expect("reviews", len(w.browser.page.values("data-review")), 1), expect("outcomes", len(w.browser.page.values("data-outcome")), 0))
		}},
		{"a simulated verification ends it", func(ctx context.Context) error { return w.verifyPage(ctx) }},
	}
}

// verifyPage presses the button of the page of checks that verifies.
func (w *walk) verifyPage(ctx context.Context) error {
	if err := w.browser.submitTo(ctx, "/checks/verify"); err != nil {
		return err
	}
	return firstOf(w.at("demo-checks", http.StatusOK), w.says("data-status", latchkey.Verified), w.shows("/simulation/profiles/"),
		expect("open reviews", len(w.browser.page.values("data-review")), 0))
}

// says checks the first element of the page that has the attribute.
func (w *walk) says(attribute, want string) error {
	if got := w.browser.page.values(attribute); len(got) == 0 || got[0] != want {
		return fmt.Errorf("%s is %q, want %q", attribute, got, want)
	}
	return nil
}

// without is C1 to C7 without the mistakes, which are the steps that have one of the words in their names.
func (w *walk) without(words ...string) []checkStep {
	return slices.DeleteFunc(slices.Concat(w.prove(), w.secure()), func(s checkStep) bool {
		return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(s.name, word) })
	})
}

// completes fills in what C8 still wants, by the value of whichever of the fields the page has.
func (w *walk) completes(ctx context.Context, value string, fields ...string) error {
	done := 0
	for ; w.browser.page.wanted() != ""; done++ {
		if done == 5 {
			return fmt.Errorf("C8 wants more and more, now %s", w.browser.page.wanted())
		}
		if err := w.browser.open(ctx, w.browser.page.wanted()); err != nil {
			return err
		}
		i := slices.IndexFunc(fields, func(name string) bool { return w.browser.page.has(name) })
		if i < 0 {
			return fmt.Errorf("page %s asks for something else", w.browser.page.id())
		}
		if err := w.press(ctx, "", map[string]string{fields[i]: value}, "c8", http.StatusOK); err != nil {
			return err
		}
	}
	return expect("times that it was asked for, more than none", done > 0, true)
}

// backWith chooses a profile at C10 and follows C11 to page 4.
func (w *walk) backWith(ctx context.Context, profile string) error {
	if err := w.press(ctx, "decision=allow", map[string]string{"profile": profile}, "c11", http.StatusOK); err != nil {
		return err
	}
	to := w.browser.page.refresh()
	if u, err := url.Parse(to); err != nil || u.Query().Get("profileId") != profile {
		return errors.New("C11 leads back without the profile that was chosen")
	}
	if err := w.visitPage(ctx, to, "demo4"); err != nil {
		return err
	}
	return w.shows("State checked, code exchanged", "Kade Joinery Ltd", "SC700123")
}
