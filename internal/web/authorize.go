package web

import (
	"errors"
	"net/http"
	"strings"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/partner"
)

// failuresAMinute is how many unknown claim codes a network may show (OC-42: 10 a minute).
const failuresAMinute = 10

// authorize is the opening (journey section 3; RFC 6749 section 4.1.1). The checks come in the documented order and the
// first failure answers. The code leaves the address bar at once: what follows is a 303 to a page of ours, so neither
// history nor Referer carries it on (RFC 9700 section 4.2.4).
func authorize(v *visit) error {
	if strings.HasPrefix(v.r.Header.Get("Sec-Purpose"), "prefetch") {
		// A page that the browser fetches ahead would open the code for nobody.
		v.w.WriteHeader(http.StatusServiceUnavailable)
		return nil
	}
	q := grant.ParseQuery(v.r.URL.RawQuery)
	p, err := v.Partners.ByClient(v.context(), q.ClientID())
	if errors.Is(err, partner.ErrUnknown) {
		return v.unknownRequest("", nil)
	}
	if err != nil {
		return err
	}
	address, err := q.MatchRedirect(p)
	if err != nil {
		return v.unknownRequest(q.Value("redirect_uri"), p.RedirectURIs)
	}
	request, err := q.Check(p, address)
	var mistake *grant.RequestError
	if errors.As(err, &mistake) {
		return v.mistake(p, request, mistake)
	}
	if err != nil {
		return err
	}
	if code, given := q.ClaimCode(); given {
		return v.open(p, request, code)
	}
	return v.visitor(p, request)
}

// unknownRequest is E5: never a redirect, never a link out (RFC 9700 section 4.11). Only the sandbox shows addresses.
func (v *visit) unknownRequest(given string, registered []string) error {
	e5 := &UnknownRequestPage{Frame: Frame{Reference: v.reference}}
	if v.Sandbox && registered != nil {
		e5.Given, e5.Registered = given, registered
	}
	return v.show(http.StatusBadRequest, e5)
}

func (v *visit) issuer(p partner.Partner) string {
	if p.Class.NamesIssuer {
		return v.WebURL
	}
	return ""
}

// mistake answers a wrong parameter. Where the class says so, and where no page may be shown (prompt=none), the browser
// goes back at once; classic shows a page with a button, as documented (contract 7.3, design 10.19).
func (v *visit) mistake(p partner.Partner, r grant.Request, m *grant.RequestError) error {
	address := r.Address(grant.Return{Error: m.Code, Description: m.Description, Issuer: v.issuer(p)})
	if p.Class.NamesIssuer || r.Prompts("none") {
		return v.leaveNow(address)
	}
	return v.show(http.StatusBadRequest, &ErrorPage{Trouble: TroubleRequest, Way: Way{Label: "way.partner", Address: address},
		Frame: Frame{Partner: Partner{Name: p.Name}, Reference: v.reference}})
}

// leaveNow redirects a GET to a registered address. It is never the answer to a form.
func (v *visit) leaveNow(address string) error {
	v.saveJar()
	v.w.Header().Set("Location", address)
	v.w.WriteHeader(http.StatusSeeOther)
	return nil
}

// open shows a claim code to the claims and gives the browser its ticket.
func (v *visit) open(p partner.Partner, r grant.Request, code string) error {
	if r.Prompts("none") {
		return v.mistake(p, r, &grant.RequestError{Code: "interaction_required", Description: "A claim needs its pages"})
	}
	network := v.origin().Network
	if wait, ok := v.Failed.Left(network, failuresAMinute, failuresAMinute); !ok {
		return limit.Exceeded{Wait: wait}
	}
	if !v.fits(v.Claims.Ticket(r)) {
		return v.tooLong(p, r)
	}
	o, refused := v.share("opening")
	ticket, resume, err := v.Claims.Open(v.context(), claim.Opening{Request: r, Code: code, Session: v.jar.Session, Origin: o})
	switch {
	case err == nil && resume != "":
		return v.see("/j/" + resume)
	case err == nil:
		v.jar.keep(ticket)
		return v.see("/j/" + ticket.Text + "/start")
	case errors.Is(err, claim.ErrSignedInAsOther):
		v.jar.keep(ticket)
		v.text = ticket.Text
		return v.otherCustomer(p, ticket.Request)
	case errors.Is(err, claim.ErrCodeUnknown):
		v.Failed.Take(network, failuresAMinute, failuresAMinute)
	default:
		refused() // the same link again: a customer may, who knows no better, and so may who wants the audit full
	}
	return v.refuse(err, p, r)
}

// visitor is a request without a claim code: R1, or R5 when the browser is signed in already.
//
// prompt=none never passes, since no access is used without a click of the person (R5): the error says what it would take
// (OpenID Connect Core 3.1.2.6). A partner that hides existing accounts hears the same whether somebody is signed in or not:
// else it learned, with a browser that it sends here, who has an account.
func (v *visit) visitor(p partner.Partner, r grant.Request) error {
	s, a, _, err := v.SignIns.Session(v.context(), v.jar.Session)
	if err != nil && !errors.Is(err, customer.ErrNoSession) {
		return err
	}
	signedIn := err == nil && s.SignedIn(a, v.Now())
	switch {
	case r.Prompts("none") && signedIn && !p.HideExisting && v.Claims.Ticket(r).Request.Takes(s.SignedInAt):
		return v.mistake(p, r, &grant.RequestError{Code: "interaction_required", Description: "The customer must confirm"})
	case r.Prompts("none"):
		return v.mistake(p, r, &grant.RequestError{Code: "login_required", Description: "The customer must sign in"})
	}
	ticket := v.Claims.Ticket(r)
	if !v.fits(ticket) {
		return v.tooLong(p, r)
	}
	v.jar.keep(ticket)
	if signedIn && ticket.Request.Takes(s.SignedInAt) {
		return v.see("/j/" + ticket.Text + "/continue")
	}
	return v.see("/signin?journey=" + ticket.Text)
}

// tooLong refuses a request that no browser's cookie could hold.
func (v *visit) tooLong(p partner.Partner, r grant.Request) error {
	return v.mistake(p, r, &grant.RequestError{Code: "invalid_request", Description: "state and redirect_uri are too long together"})
}

// otherCustomer is E9: nothing is used up, and the person chooses.
func (v *visit) otherCustomer(p partner.Partner, r grant.Request) error {
	_, a, _, err := v.SignIns.Session(v.context(), v.jar.Session)
	if err != nil {
		return err
	}
	reason := grant.ReasonSignedIn
	if p.HideExisting {
		reason = grant.ReasonLeft // that somebody is signed in is that they have an account
	}
	back := r.RestartAddress(p.RestartURI, reason, v.issuer(p))
	return v.show(http.StatusConflict, &OtherCustomerPage{Email: a.Email, Stay: Way{Label: "way.partner", Address: back},
		Frame: Frame{Partner: Partner{Name: p.Name}, Base: v.base(), Action: v.base() + "/switch", FormToken: v.token("switch"), Reference: v.reference}})
}

// postSwitch signs out and goes on with the request, or with the journey of another account.
func postSwitch(v *visit) error {
	if err := v.posted("switch"); err != nil {
		return err
	}
	if err := v.SignIns.SignOut(v.context(), v.jar.Session, v.origin()); err != nil {
		return err
	}
	v.jar.enter(customer.SessionKey{})
	return v.see(v.base())
}
