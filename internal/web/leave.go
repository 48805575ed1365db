package web

import (
	"errors"
	"net/http"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
)

// showLeave says what is kept, before anything is left.
func showLeave(v *visit) error {
	if t, ok := v.jar.ticket(v.text); ok {
		return v.fromTicket(t, func(f Frame) Page {
			f.FormToken = v.token("leave")
			return &LeavePage{Frame: f, Kept: KeptPartner, Stay: v.ticketPath(t)}
		})
	}
	state, next, err := v.state()
	if err != nil {
		return v.ended(state, err)
	}
	if next == claim.StepReturn || next == claim.StepSignIn {
		return v.see(v.at(next))
	}
	f := v.frame(state, claim.StepReturn)
	f.Leave, f.FormToken = "", v.token("leave")
	return v.show(http.StatusOK, &LeavePage{Frame: f, Kept: kept(state), Stay: v.at(next)})
}

// kept is what stays when the person leaves now.
func kept(s claim.State) Kept {
	switch {
	case s.Account.State == customer.Claimed:
		return KeptAccount
	case s.Journey.ProvenAt.IsZero():
		return KeptPartner
	}
	return KeptUnfinished
}

// fromTicket shows a page of a request that is not started.
func (v *visit) fromTicket(t claim.Ticket, make func(Frame) Page) error {
	if t.Left != "" {
		return v.see(v.base() + "/return")
	}
	p, err := v.Partners.Partner(v.context(), t.Request.Partner)
	if err != nil {
		return err
	}
	return v.show(http.StatusOK, make(Frame{Partner: Partner{Name: p.Name}, Base: v.base()}))
}

func postLeave(v *visit) error {
	if err := v.posted("leave"); err != nil {
		return err
	}
	if t, ok := v.jar.ticket(v.text); ok {
		return v.leaveTicket(t, claim.Left)
	}
	return v.leave(claim.Left)
}

// leaveTicket notes in the cookie that the person went back; nothing was stored that could be kept.
func (v *visit) leaveTicket(t claim.Ticket, how claim.Decision) error {
	t.Left = string(how)
	v.jar.keep(t)
	return v.see(v.base() + "/return")
}

func (v *visit) leave(how claim.Decision) error {
	v.renew()
	err := v.Claims.Leave(v.context(), v.post(), how)
	if err != nil {
		return v.failed(err)
	}
	return current(v)
}

// showNotMe explains "This isn't me" before anything happens.
func showNotMe(v *visit) error {
	if t, ok := v.jar.ticket(v.text); ok {
		if t.Code == 0 { // a visit claims nothing that could be somebody else's
			return v.see(v.ticketPath(t))
		}
		return v.fromTicket(t, func(f Frame) Page {
			f.FormToken, f.Back = v.token("not-me"), v.ticketPath(t)
			return &NotMePage{Frame: f}
		})
	}
	state, next, err := v.state()
	if err != nil {
		return v.ended(state, err)
	}
	if next == claim.StepReturn || state.Account.State != customer.Pending {
		return v.see(v.at(next))
	}
	f := v.frame(state, claim.StepReturn)
	f.Leave, f.FormToken, f.Back = "", v.token("not-me"), v.at(next)
	return v.show(http.StatusOK, &NotMePage{Frame: f, Proven: !state.Journey.ProvenAt.IsZero()})
}

func postNotMe(v *visit) error {
	if err := v.posted("not-me"); err != nil {
		return err
	}
	if t, ok := v.jar.ticket(v.text); ok {
		if t.Code == 0 {
			return errMissing
		}
		if err := v.Claims.ObjectTicket(v.context(), t, v.origin()); err != nil {
			return err
		}
		return v.leaveTicket(t, claim.NotMe)
	}
	err := v.Claims.Object(v.context(), v.post())
	if err != nil && !errors.Is(err, claim.ErrNotNow) {
		return v.failed(err)
	}
	return current(v)
}

// showExisting goes on from E10 without the claim: the same request, for the account that exists. Nothing is merged.
func showExisting(v *visit) error {
	ticket, err := v.Claims.Existing(v.context(), v.post())
	if errors.Is(err, claim.ErrNotNow) {
		return current(v)
	}
	if err != nil {
		return v.failed(err)
	}
	v.jar.keep(ticket)
	return v.see("/signin?journey=" + ticket.Text)
}
