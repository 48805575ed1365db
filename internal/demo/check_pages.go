package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// businessPages is the business once more, as a person walks it at the demo partner's own pages.
func (w *walk) businessPages() []checkStep {
	return slices.Concat([]checkStep{
		{"page 2 sends a business with its people and papers", func(ctx context.Context) error {
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
			if err := w.press(ctx, "", map[string]string{"business_name": "Kade Joinery Ltd", "own": "yes"}, "demo2", http.StatusOK); err != nil {
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
	})
}

// without is C1 to C7 without the mistakes, which are the steps that have one of the words in their names.
func (w *walk) without(words ...string) []checkStep {
	return slices.DeleteFunc(slices.Concat(w.prove(), w.secure()), func(s checkStep) bool {
		return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(s.name, word) })
	})
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
