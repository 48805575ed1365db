package web

import (
	"errors"
	"net/http"
	"strings"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/partner"
)

// showCheck is the page of a KYC review's link (contract 11.5). Looking at it uses nothing up: scanners and previews look too.
// It shows what is asked for and nothing of what was said: whoever has the link can read it.
func showCheck(v *visit) error {
	view, err := v.Customers.OpenLink(v.context(), v.r.PathValue("link"))
	if err != nil {
		return v.checkOver(view, err)
	}
	if view.Review.Link.Outcome != "" {
		return v.see(v.checkPath() + "/return")
	}
	p, err := v.Partners.Partner(v.context(), view.Review.Partner)
	if err != nil {
		return err
	}
	page := &CheckPage{Frame: Frame{Partner: Partner{Name: p.Name}}, Open: view.Review.Missing()}
	for _, group := range customer.Groups(view.Review.Requirements) {
		for i, q := range group {
			page.Needs = append(page.Needs, CheckNeed{Key: strings.ToLower(string(q.Key)), State: strings.ToLower(string(q.State)), Or: i > 0, Again: q.Again})
		}
	}
	return v.show(http.StatusOK, page)
}

func (v *visit) checkPath() string { return "/check/" + v.r.PathValue("link") }

// checkOver answers a link that is of no use. One that has run out still knows its way back, which says that it failed.
func (v *visit) checkOver(view customer.LinkView, err error) error {
	e := &ErrorPage{Frame: Frame{Reference: v.reference}}
	switch {
	case errors.Is(err, customer.ErrNoReview):
		e.Trouble = TroubleUnknown
	case errors.Is(err, customer.ErrLinkOver):
		p, lookup := v.Partners.Partner(v.context(), view.Review.Partner)
		if lookup != nil {
			return lookup
		}
		e.Trouble, e.Frame.Partner.Name = TroubleExpired, p.Name
		e.Way = Way{Label: "way.restart", Address: grant.ReviewAddress(view.Review.RedirectURI, string(customer.LinkFailed))}
	default:
		return err
	}
	return v.show(e.Status(), e)
}

// postCheck goes back to the partner. The text of the link proves the form: nobody can post it who could not open the page.
func postCheck(v *visit) error {
	if err := v.parse(); err != nil {
		return err
	}
	view, err := v.Customers.UseLink(v.context(), v.r.PathValue("link"), v.origin())
	if err != nil {
		return v.checkOver(view, err)
	}
	return v.see(v.checkPath() + "/return")
}

// showCheckReturn leaves for the partner, as C11 does: a form never redirects off this host (design 4.5).
func showCheckReturn(v *visit) error {
	view, err := v.Customers.OpenLink(v.context(), v.r.PathValue("link"))
	if err != nil {
		return v.checkOver(view, err)
	}
	if view.Review.Link.Outcome == "" {
		return v.see(v.checkPath())
	}
	p, err := v.Partners.Partner(v.context(), view.Review.Partner)
	if err != nil && !errors.Is(err, partner.ErrUnknown) {
		return err
	}
	return v.show(http.StatusOK, &ReturnPage{Frame: Frame{Partner: Partner{Name: p.Name}},
		Address: grant.ReviewAddress(view.Review.RedirectURI, string(view.Review.Link.Outcome))})
}
