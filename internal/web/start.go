package web

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/partner"
)

// startable finds the ticket of C1. Without one the journey may have begun in this browser: then the answer is its step.
func (v *visit) startable() (claim.Ticket, partner.Partner, error) {
	t, ok := v.jar.ticket(v.text)
	if !ok {
		return claim.Ticket{}, partner.Partner{}, claim.ErrNoJourney
	}
	p, err := v.Partners.Partner(v.context(), t.Request.Partner)
	if err == nil && !t.Alive(v.Now()) {
		err = claim.ErrTicketOver
	}
	return t, p, err
}

// showStart is C1. It shows no personal data: whoever has the link can read it.
func showStart(v *visit) error {
	t, p, err := v.startable()
	if errors.Is(err, claim.ErrNoJourney) {
		return step(claim.StepStart, begun)(v)
	}
	if err != nil {
		return v.refuse(err, p, t.Request)
	}
	if t.Code == 0 || t.Left != "" {
		return v.see(v.ticketPath(t))
	}
	s, a, _, err := v.SignIns.Session(v.context(), v.jar.Session)
	if err != nil && !errors.Is(err, customer.ErrNoSession) {
		return err
	}
	if err == nil && s.SignedIn(a, v.Now()) && a.ID != t.Account {
		return v.otherCustomer(p, t.Request)
	}
	return v.show(http.StatusOK, v.startPage(p, ""))
}

// begun is C1 of a journey that exists: it is behind every journey, so this is only ever "You have done this".
func begun(v *visit, s claim.State) error { return v.done(s, claim.StepEmail) }

func (v *visit) startPage(p partner.Partner, email string, problems ...Problem) *StartPage {
	f := Frame{Partner: Partner{Name: p.Name}, Base: v.base(), Leave: v.base() + "/leave", FormToken: v.token("start"), Problems: problems}
	if t, _ := v.jar.ticket(v.text); v.Sandbox && !t.Request.HasState {
		f.Notices = append(f.Notices, Say("sandbox.state"))
	}
	return &StartPage{Email: email, MoreTime: v.r.PostForm.Get("more_time") != "", Frame: f}
}

// postStart begins the journey: the session of the answer's cookie is new.
func postStart(v *visit) error {
	t, p, err := v.startable()
	if errors.Is(err, claim.ErrNoJourney) {
		state, next, err := v.state()
		if err != nil {
			return v.ended(state, err)
		}
		return v.repeated(claim.StepStart, next)
	}
	if err != nil {
		return v.refuse(err, p, t.Request)
	}
	if err := v.posted("start"); err != nil {
		return v.refuse(err, p, t.Request)
	}
	key, err := v.Claims.Start(v.context(), claim.Start{Ticket: t, Session: v.jar.Session, Email: v.r.PostForm.Get("email"),
		MoreTime: v.r.PostForm.Get("more_time") != "", Language: "en", Origin: v.origin()})
	switch {
	case err == nil:
		v.jar.drop(t.Text)
		v.jar.enter(key)
		return current(v)
	case errors.Is(err, customer.ErrNotAnAddress):
		return v.show(http.StatusUnprocessableEntity, v.startPage(p, v.r.PostForm.Get("email"), Wrong("email", "c1.email.empty")))
	case errors.Is(err, claim.ErrOtherAddress):
		return v.show(http.StatusUnprocessableEntity, v.startPage(p, v.r.PostForm.Get("email"), Wrong("email", "c1.email.other")))
	case errors.Is(err, limit.ErrExceeded):
		return v.triesSpent(err, p, t)
	case errors.Is(err, claim.ErrSignedInAsOther):
		return v.otherCustomer(p, t.Request)
	}
	return v.refuse(err, p, t.Request)
}

// triesSpent is E8 on C1. When no waiting helps, the way on is the partner, who can correct the address.
func (v *visit) triesSpent(err error, p partner.Partner, t claim.Ticket) error {
	var exceeded limit.Exceeded
	errors.As(err, &exceeded)
	e := &ErrorPage{Trouble: TroubleTries, Wait: exceeded.Wait, Frame: Frame{Partner: Partner{Name: p.Name}, Reference: v.reference}}
	if exceeded.Wait == 0 {
		e.Way = Way{Label: "way.restart", Address: t.Request.RestartAddress(p.RestartURI, grant.ReasonExpired, v.issuer(p))}
	} else {
		e.Way = Way{Label: "way.current", Address: v.base()}
	}
	return v.show(e.Status(), e)
}

// showEmail is C2.
func showEmail(v *visit, s claim.State) error { return v.emailPage(s, http.StatusOK, nil) }

func (v *visit) emailPage(s claim.State, status int, problems []Problem) error {
	f := v.frame(s, claim.StepEmail)
	f.Problems = problems
	f.Action = v.at(claim.StepEmail) // the page may stand at the address of "Send a new code"
	switch {
	case v.r.Method != http.MethodPost && v.r.URL.Query().Get("notice") == "sent":
		f.Notices = append(f.Notices, Say("c2.sent"))
	case len(s.Journey.Mailed.Digest) == 0:
		// After a silence before C3 the mailbox is proved again, and no page sends a mail by being looked at.
		f.Notices = append(f.Notices, Say("c2.again"))
	}
	return v.show(status, &EmailPage{Frame: f})
}

func postEmail(v *visit) error {
	err := v.posted(string(claim.StepEmail))
	if err == nil {
		err = v.Claims.ProveEmail(v.context(), v.post(), v.r.PostForm.Get("code"))
	}
	if errors.Is(err, claim.ErrCodeLate) && errors.Is(err, limit.ErrExceeded) {
		return v.mailsSpent(err, Wrong("code", "c2.code.late.limit"))
	}
	return v.next(err, claim.StepEmail, func(v *visit, s claim.State, problems []Problem) error {
		return v.emailPage(s, http.StatusUnprocessableEntity, problems)
	})
}

// mailsSpent is C2 when no more mail goes out for now: a problem of the form and not a page of its own, since a code that
// was sent still works.
func (v *visit) mailsSpent(err error, p Problem) error {
	state, next, failure := v.state()
	if failure != nil {
		return v.ended(state, failure)
	}
	if next != claim.StepEmail {
		return v.see(v.at(next))
	}
	var exceeded limit.Exceeded
	errors.As(err, &exceeded)
	v.w.Header().Set("Retry-After", strconv.Itoa(limit.RetryAfter(exceeded.Wait)))
	return v.emailPage(state, http.StatusTooManyRequests, []Problem{p})
}

// postSendCode is "Send a new code".
func postSendCode(v *visit) error {
	err := v.posted(string(claim.StepEmail))
	if err == nil {
		err = v.Claims.SendCode(v.context(), v.post())
	}
	switch {
	case err == nil:
		return v.see(v.at(claim.StepEmail) + "?notice=sent")
	case errors.Is(err, limit.ErrExceeded):
		return v.mailsSpent(err, Wrong("", "c2.send.limit"))
	}
	return v.next(err, claim.StepEmail, nil)
}

func showUnreachable(v *visit, s claim.State) error {
	f := v.frame(s, claim.StepEmail)
	f.Back = v.at(claim.StepEmail)
	f.FormToken = v.token("unreachable")
	return v.show(http.StatusOK, &UnreachablePage{Frame: f})
}

// postUnreachable goes back to the partner, which alone can correct the address (design 10.3).
func postUnreachable(v *visit) error {
	if err := v.posted("unreachable"); err != nil {
		return err
	}
	state, next, err := v.state()
	if err != nil {
		return v.ended(state, err)
	}
	if next != claim.StepEmail {
		// The address was proved meanwhile: a late form must not end the journey that goes on in another tab.
		return v.repeated(claim.StepEmail, next)
	}
	return v.leave(claim.Unreachable)
}
