package demo

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/latchkey-id/latchkey"
)

// reviews is C8 and C9: what was said by API is there to be read, with who said it, opened, corrected and completed.
func (h *held) reviews() []checkStep {
	words := []string{"Mira Kade", "30 November 1988", "9 Harbour Row", "EH6 6AB", "General living expenses", "Salary", "P7009876", "paper.png"}
	change := checkStep{"C9 corrects what the account is for, and completes what nobody said", h.correctsEvidences}
	if h.kind == kindBusiness {
		words = []string{"Kade Joinery Ltd", "SC700123", "https://joinery.kade.example", "9 Harbour Row", "12 Dock Street", "Ada Holm", "14 March 1979", "60 %",
			"Receiving payments from clients", "paper.png"}
		change = checkStep{"C9 corrects a director, and adds and removes owners", h.correctsPeople}
	}
	return []checkStep{
		{"C8 shows what was said, and who said it", func(ctx context.Context) error { return h.shown(append(words, "From "+Brand)...) }},
		{"the customer opens the file, and nobody else does", h.opensFile},
		change,
		{"C8 shows the corrections, and confirms", func(ctx context.Context) error {
			return h.press(ctx, "", map[string]string{"version": h.browser.page.field("version")}, "c10", http.StatusOK)
		}},
	}
}

// opensFile follows the link of the file on C8, in this browser and in one that has no part in the journey.
func (h *held) opensFile(ctx context.Context) error {
	review, file := h.browser.page.url.String(), h.browser.page.linkWith("/files/")
	stranger := newWalker(h.Transport)
	stranger.allowed = h.browser.allowed
	if err := stranger.open(ctx, file); err != nil {
		return err
	}
	if err := h.browser.open(ctx, file); err != nil {
		return err
	}
	got := h.browser.page
	if got.status != http.StatusOK || got.header.Get("Content-Type") != "image/png" || got.body != string(paper("").Content) {
		return fmt.Errorf("the file came with status %d as %s, %d bytes; want the bytes that were uploaded", got.status, got.header.Get("Content-Type"), len(got.body))
	}
	if strings.Contains(stranger.page.body, "\x89PNG") || stranger.page.header.Get("Content-Type") == "image/png" {
		return fmt.Errorf("a browser without the journey got it (page %q)", stranger.page.id())
	}
	return h.visitPage(ctx, review, "c8")
}

// corrects opens a page of C9 and changes what is on it. button is empty for the form's own.
func (h *held) corrects(ctx context.Context, address, button string, fields map[string]string, words ...string) error {
	if err := h.visitPage(ctx, address, "c9.form"); err != nil {
		return err
	}
	if err := h.press(ctx, button, fields, "c8", http.StatusOK); err != nil {
		return err
	}
	return h.shown(words...)
}

func (h *held) correctsEvidences(ctx context.Context) error {
	// A value that is none is refused beside its field, and nothing is lost.
	address := h.browser.page.linkWith("/review/evidence-account-purpose-1")
	if err := h.visitPage(ctx, address, "c9.form"); err != nil {
		return err
	}
	if err := h.press(ctx, "", map[string]string{"account_purpose": "BECAUSE"}, "c9.form", http.StatusUnprocessableEntity); err != nil {
		return err
	}
	if err := h.corrects(ctx, address, "", map[string]string{"account_purpose": "SENDING_MONEY_TO_FRIENDS_OR_FAMILY"}, "friends or family"); err != nil {
		return err
	}
	return h.corrects(ctx, h.browser.page.linkWith("/review/evidence-income-explanation-"), "", map[string]string{"income_explanation": "Oak stairs, mostly"}, "Oak stairs, mostly")
}

func (h *held) correctsPeople(ctx context.Context) error {
	ada, err := h.formOf(ctx, "/review/director-", "last_name", "Holm")
	if err != nil {
		return err
	}
	if err := h.corrects(ctx, ada, "", map[string]string{"last_name": "Holm-Reed"}, "Ada Holm-Reed"); err != nil {
		return err
	}
	jonas := map[string]string{"owner_name": "Jonas Reed", "date_of_birth_day": "4", "date_of_birth_month": "5", "date_of_birth_year": "1961", "country": "GB",
		"first_line": "9 Shore", "post_code": "EH6 6QW", "owner_percent": "40"}
	if err := h.corrects(ctx, h.browser.page.linkWith("/review/owner-new-"), "", jonas, "Jonas Reed", "40 %"); err != nil {
		return err
	}
	mira, err := h.formOf(ctx, "/review/owner-", "owner_name", "Mira Kade")
	if err != nil {
		return err
	}
	return h.corrects(ctx, mira, "remove=yes", nil, "Jonas Reed")
}

// formOf is the address of the page of C9 whose field has the value, among those that page C8 links to.
func (h *held) formOf(ctx context.Context, part, field, value string) (string, error) {
	review := h.browser.page
	for _, a := range find(review.root, "a") {
		if href := attr(a, "href"); strings.Contains(href, part) {
			if err := h.visitPage(ctx, review.resolve(href), "c9.form"); err != nil {
				return "", err
			}
			if h.browser.page.field(field) == value {
				return review.resolve(href), nil
			}
		}
	}
	return "", fmt.Errorf("no page of C9 has %s %q", field, value)
}

// corrected is what the partner reads of what the customer changed.
func (h *held) corrected() []checkStep {
	return []checkStep{{"the partner reads what the customer corrected", func(ctx context.Context) error {
		if h.kind == kindPerson {
			read, err := h.after.Extensions(ctx, h.profile)
			return firstOf(err, expect("purpose", string(read.AccountPurpose), "SENDING_MONEY_REGULARLY_TO_FAMILY"))
		}
		directors, err := h.after.Directors(ctx, h.profile)
		owners, reading := h.after.BeneficialOwners(ctx, h.profile)
		if err := firstOf(err, reading, expect("directors", len(directors), 2), expect("owners", len(owners), 1)); err != nil {
			return err
		}
		if !slices.ContainsFunc(directors, func(d latchkey.Director) bool { return d.LastName == "Holm-Reed" }) {
			return fmt.Errorf("directors %+v", directors)
		}
		return expect("owner", owners[0].Name, "Jonas Reed")
	}}}
}
