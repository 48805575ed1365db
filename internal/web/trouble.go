package web

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// An answer is what a person sees of an error.
type answer struct {
	err     error
	trouble Trouble
	// reason goes back to the partner with the button.
	reason grant.RestartReason
	kept   Kept
}

// answers is the one table from errors to pages. Errors of typed values are not in it: they go beside their field. What is
// in neither is our own fault: it is logged and answered with E11.
func answers() []answer {
	return []answer{
		{claim.ErrCodeExpired, TroubleExpired, grant.ReasonExpired, ""},
		{claim.ErrCodeUsed, TroubleUsed, grant.ReasonUsed, ""},
		{claim.ErrAlreadyClaimed, TroubleClaimed, grant.ReasonUsed, ""},
		{claim.ErrCodeUnknown, TroubleUnknown, grant.ReasonUnknown, ""},
		{claim.ErrTicketOver, TroubleOver, grant.ReasonSessionOver, KeptPartner},
		{claim.ErrElsewhere, TroubleOver, grant.ReasonSessionOver, KeptPartner},
		{claim.ErrNoJourney, TroubleCookie, grant.ReasonNoCookie, KeptPartner},
		{customer.ErrNoSession, TroubleOver, grant.ReasonSessionOver, KeptAccount},
		{customer.ErrHeld, TroubleHeld, grant.ReasonHeld, ""},
		{customer.ErrNoAccount, TroubleExpired, grant.ReasonExpired, ""},
		{errExisting, TroubleExisting, "", ""},
		{errStale, TroubleStale, "", ""},
		{errForm, TroubleStale, "", ""},
		{errMissing, TroubleMissing, "", ""},
		{limit.ErrExceeded, TroubleTries, "", ""},
		{secret.ErrBusy, TroubleBusy, "", ""},
		{context.DeadlineExceeded, TroubleBusy, "", ""}, // the request's own, while it waited for a turn to hash
		// Two journeys to one address committed at once, and the index let one of them through (design 10.1): asked again, the
		// other meets E10.
		{customer.ErrAddressTaken, TroubleBusy, "", ""},
	}
}

// lookup finds the page of an error.
func (d *Door) lookup(err error) (answer, bool) {
	if d.Unavailable != nil && errors.Is(err, d.Unavailable) {
		return answer{err: err, trouble: TroubleBusy}, true
	}
	for _, a := range answers() {
		if errors.Is(err, a.err) {
			return a, true
		}
	}
	return answer{}, false
}

// trouble answers an error that no handler could place. Where the journey's id names the partner, the page does too; the
// way back then leads to its registered restart address and to nothing that the request said.
func (v *visit) trouble(err error) {
	p, found := partner.Partner{}, false
	if id, ok := v.Keys.JourneyPartner(v.text); ok && v.text != "" {
		var lookup error
		p, lookup = v.Partners.Partner(v.context(), partner.ID(id))
		found = lookup == nil
	}
	request := grant.Request{}
	if t, ok := v.jar.ticket(v.text); ok {
		request = t.Request
	}
	if !found {
		p = partner.Partner{}
	}
	if err := v.refuse(err, p, request); err != nil {
		v.Log.ErrorContext(v.context(), "answering with trouble", "reference", v.reference, "error", err)
	}
}

// refuse answers an error with its page. p may be nobody and r empty: then there is no way back.
func (v *visit) refuse(err error, p partner.Partner, r grant.Request) error {
	if errors.Is(err, claim.ErrElsewhere) && !v.kept {
		err = claim.ErrNoJourney // it would be this browser's, had it kept the cookie
	}
	a, known := v.lookup(err)
	if !known {
		v.Log.ErrorContext(v.context(), "answering a page", "reference", v.reference, "path", v.pattern(), "error", err)
		a = answer{trouble: TroubleInside}
	} else if a.trouble == TroubleBusy {
		v.Log.WarnContext(v.context(), "page not available", "reference", v.reference, "path", v.pattern(), "error", err)
	}
	e := &ErrorPage{Trouble: a.trouble, Kept: a.kept, Frame: Frame{Partner: Partner{Name: p.Name}, Reference: v.reference}}
	var wait limit.Exceeded
	switch {
	case errors.As(err, &wait):
		e.Wait = wait.Wait
	case a.trouble == TroubleBusy:
		e.Wait = busyWait
	}
	e.Way = v.way(a, p, r)
	return v.show(e.Status(), e)
}

// pattern is the route and not the address: addresses carry journeys' ids.
func (v *visit) pattern() string { return v.r.Pattern }

// way is the one way on of an error page.
func (v *visit) way(a answer, p partner.Partner, r grant.Request) Way {
	switch a.trouble {
	case TroubleClaimed:
		if r.Partner != 0 {
			// Going on without the code is a visit of the same request.
			ticket := v.Claims.Ticket(r)
			v.jar.keep(ticket)
			return Way{Label: "way.signin", Address: "/signin?journey=" + ticket.Text}
		}
		return Way{Label: "way.signin", Address: "/signin"}
	case TroubleExisting:
		return Way{Label: "way.signin", Address: v.base() + "/existing"}
	case TroubleStale, TroubleTries:
		return v.here("way.current")
	case TroubleInside, TroubleBusy:
		if v.r.Method != http.MethodPost {
			return Way{}
		}
		return v.here("way.again")
	}
	if errors.Is(a.err, customer.ErrNoSession) {
		return Way{Label: "way.signin", Address: v.signIn()}
	}
	if a.reason == "" || p.ID == 0 {
		return Way{}
	}
	address := p.HomeURI
	if r.RedirectURI != "" || p.RestartURI != "" {
		address = r.RestartAddress(p.RestartURI, a.reason, v.issuer(p))
	}
	if address == "" {
		return Way{}
	}
	label := "way.partner"
	if a.trouble == TroubleExpired || a.trouble == TroubleUsed || a.trouble == TroubleOver {
		label = "way.restart"
	}
	return Way{Label: label, Address: address}
}

// here leads to where the person was: the journey finds its own step, the sign-in the one that comes next.
func (v *visit) here(label string) Way {
	switch {
	case v.text != "":
		return Way{Label: label, Address: v.base()}
	case strings.HasPrefix(v.r.URL.Path, "/signin"):
		return Way{Label: label, Address: v.toward("/signin")}
	case strings.HasPrefix(v.r.URL.Path, "/security"):
		return Way{Label: label, Address: "/security"}
	case strings.HasPrefix(v.r.URL.Path, "/forgot"):
		return Way{Label: label, Address: v.toward("/forgot/code")}
	case v.r.URL.Path == "/signout":
		return Way{Label: label, Address: "/account"}
	}
	return Way{}
}
