package web

import (
	"errors"
	"net/http"
	"slices"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
)

// order is the order of the steps: what lies before the next one is done, what lies behind it must wait. It decides
// between "You have done this" and a redirect; what may be done is decided by claim.State.Next alone.
var order = []claim.Step{claim.StepStart, claim.StepEmail, claim.StepBirthDate, claim.StepPassword, claim.StepPasswordAgain, claim.StepSecondStep,
	claim.StepApp, claim.StepPasskey, claim.StepRecoveryCodes, claim.StepSignIn, claim.StepReview, claim.StepAllow, claim.StepReturn}

// post is what a step brings to the claims.
func (v *visit) post() claim.Post {
	return claim.Post{Text: v.text, Session: v.jar.Session, Origin: v.origin()}
}

// following says where a step's form led the first time. A form that is sent again and leads there is a double click, and
// gets the same answer; one that leads further is of another tab, and says so.
var following = map[claim.Step][]claim.Step{
	claim.StepStart:         {claim.StepEmail},
	claim.StepEmail:         {claim.StepPassword, claim.StepBirthDate},
	claim.StepBirthDate:     {claim.StepPassword},
	claim.StepPassword:      {claim.StepSecondStep},
	claim.StepPasswordAgain: {claim.StepSecondStep, claim.StepApp, claim.StepPasskey, claim.StepRecoveryCodes},
	claim.StepSecondStep:    {claim.StepApp, claim.StepPasskey},
	claim.StepApp:           {claim.StepRecoveryCodes},
	claim.StepPasskey:       {claim.StepRecoveryCodes},
	claim.StepRecoveryCodes: {claim.StepReview},
	claim.StepReview:        {claim.StepAllow, claim.StepReturn},
	claim.StepAllow:         {claim.StepReturn},
}

// state reads the journey of this page. A cookie that is one rotation behind gets the new key again: that is how the
// second answer of a double click keeps the browser signed in (design 10.23).
func (v *visit) state() (claim.State, claim.Step, error) {
	state, err := v.Claims.State(v.context(), v.text, v.jar.Session)
	if err != nil {
		v.renew()
		return claim.State{}, "", err
	}
	v.outside = state.Session.Level != customer.TwoSteps
	if v.shows() { // renew, with the session that the state was read with
		v.renewed(v.SignIns.Use(v.context(), state.Session, v.jar.Session))
	}
	step, reason := state.Next(v.Now())
	return state, step, over(step, reason)
}

// shows reports whether the browser's session is the one that it came with. A key that this answer made is not in use yet:
// noting it would end the grace of the one before, which the second request of a double click shows.
func (v *visit) shows() bool { return v.shown.ID != 0 && v.jar.Session == v.shown }

// renew notes that the session is in use, and puts the current key into the cookie when the browser missed it.
func (v *visit) renew() {
	if v.shows() {
		_, _, previous, err := v.SignIns.Session(v.context(), v.jar.Session)
		v.renewed(previous, err)
	}
}

func (v *visit) renewed(previous bool, err error) {
	if err == nil && previous {
		v.jar.enter(v.jar.Session.Successor(v.Keys))
	}
}

// errExisting is E10: the proven address has an account.
var errExisting = errors.New("address has an account already")

// over turns the reason of a journey's end into the error that has its page.
func over(step claim.Step, reason claim.EndReason) error {
	if step != claim.StepOver {
		return nil
	}
	switch reason {
	case claim.OverSession:
		return claim.ErrTicketOver
	case claim.OverUsed:
		return claim.ErrCodeUsed
	case claim.OverClaimed:
		return claim.ErrAlreadyClaimed
	case claim.OverHeld:
		return customer.ErrHeld
	case claim.OverExisting:
		return errExisting
	}
	return claim.ErrCodeExpired
}

// at is the path of a step.
func (v *visit) at(step claim.Step) string {
	switch {
	case step == claim.StepSignIn:
		return "/signin?journey=" + v.text
	case step == claim.StepReview && v.text == "":
		return v.base()
	}
	return v.base() + "/" + string(step)
}

// moved leads to the step where the journey is, and says that the one that was posted is behind it.
func (v *visit) moved(next claim.Step) error {
	if next == claim.StepSignIn {
		return v.see(v.at(next)) // nothing is behind: the session is over
	}
	return v.see(v.at(next) + "?notice=moved")
}

// current leads to the first unfinished step.
func current(v *visit) error {
	if t, ok := v.jar.ticket(v.text); ok {
		return v.see(v.ticketPath(t))
	}
	state, step, err := v.state()
	if err != nil {
		return v.ended(state, err)
	}
	return v.see(v.at(step))
}

// ticketPath is where an opened request that is not started leads.
func (v *visit) ticketPath(t claim.Ticket) string {
	switch {
	case t.Left != "":
		return v.base() + "/return"
	case t.Code == 0:
		return "/signin?journey=" + t.Text
	}
	return v.base() + "/start"
}

// ended answers an error of state: with the request of the journey in hand the page can offer its way back.
func (v *visit) ended(s claim.State, err error) error {
	if s.Journey.ID == 0 {
		return err
	}
	return v.refuse(err, s.Partner, s.Journey.Request)
}

// step makes a page of one step. It shows it when it is the next one; a finished step says so, and a later one waits.
func step(wanted claim.Step, show func(*visit, claim.State) error) page {
	return func(v *visit) error {
		if t, ok := v.jar.ticket(v.text); ok {
			return v.see(v.ticketPath(t))
		}
		state, next, err := v.state()
		if err != nil {
			return v.ended(state, err)
		}
		if next == wanted {
			return show(v, state)
		}
		if next == claim.StepReturn || slices.Index(order, wanted) > slices.Index(order, next) || next == claim.StepSignIn ||
			wanted == claim.StepApp && next == claim.StepPasskey { // the other way was chosen, and nothing is done yet
			return v.see(v.at(next))
		}
		return v.done(state, next)
	}
}

// done is the page of a finished step: the back button never leads to a form that would be refused.
func (v *visit) done(s claim.State, next claim.Step) error {
	f := v.frame(s, next)
	f.Action = ""
	return v.show(http.StatusOK, &DonePage{Frame: f, Next: v.at(next)})
}

// frame is the frame of a journey's page.
func (v *visit) frame(s claim.State, step claim.Step) Frame {
	f := Frame{Partner: Partner{Name: s.Partner.Name}, Step: part(step), Base: v.base(), Leave: v.base() + "/leave",
		FormToken: v.token(string(step)), Reference: v.reference}
	if !s.Session.MoreTime {
		f.Idle = customer.IdleLife
	}
	if v.r.Method == http.MethodGet && v.r.URL.Query().Get("notice") == "moved" {
		f.Notices = append(f.Notices, Say("notice.moved"))
	}
	if v.r.Method == http.MethodGet && v.r.URL.Query().Get("notice") == "disputed" {
		f.Notices = append(f.Notices, Say("dispute.sent"))
	}
	return f
}

// part is which of the three parts of the journey a step belongs to.
func part(step claim.Step) int {
	switch step {
	case claim.StepReview:
		return 2
	case claim.StepAllow:
		return 3
	case claim.StepReturn, claim.StepStart:
		return 0
	}
	return 1
}

// next answers a posted step. nil leads to the next step; a step that was not the next one leads there too, with a notice;
// problems are shown by show with status 422, everything kept but passwords and codes.
func (v *visit) next(err error, wanted claim.Step, show func(*visit, claim.State, []Problem) error) error {
	if err != nil && !errors.Is(err, claim.ErrNotNow) {
		if problems := problemsOf(err, wanted); show != nil && len(problems) > 0 {
			state, next, err := v.state()
			if err != nil {
				return v.ended(state, err)
			}
			if next == wanted {
				return show(v, state, problems)
			}
			return v.moved(next)
		}
		if errors.Is(err, errStale) {
			return v.stale(wanted)
		}
		return v.failed(err)
	}
	state, step, failure := v.state()
	if failure != nil {
		return v.ended(state, failure)
	}
	if errors.Is(err, claim.ErrNotNow) {
		return v.repeated(wanted, step)
	}
	return v.see(v.at(step))
}

// repeated answers a form of a step that is not the next one.
func (v *visit) repeated(posted, next claim.Step) error {
	behind := slices.Index(order, posted) < slices.Index(order, next)
	if behind && !slices.Contains(following[posted], next) {
		return v.moved(next)
	}
	return v.see(v.at(next))
}

// failed answers an error of a step that is no field's, with the journey's own way back.
func (v *visit) failed(err error) error {
	state, _, stateErr := v.state()
	if stateErr != nil && state.Journey.ID == 0 {
		return err
	}
	return v.refuse(err, state.Partner, state.Journey.Request)
}

// stale answers a form whose token does not fit. A step that is finished says where the journey is, as for any repeated
// form; only a form of the present step with a foreign token is E7.
func (v *visit) stale(wanted claim.Step) error {
	if _, ok := v.jar.ticket(v.text); ok {
		return errStale
	}
	state, step, err := v.state()
	if err != nil {
		return v.ended(state, err)
	}
	if step != wanted {
		return v.repeated(wanted, step)
	}
	return v.refuse(errStale, state.Partner, state.Journey.Request)
}

// take is a posted step whole: the form, the verb, the answer.
func (v *visit) take(wanted claim.Step, verb func() error, show func(*visit, claim.State, []Problem) error) error {
	err := v.posted(string(wanted))
	if err == nil {
		err = verb()
	}
	return v.next(err, wanted, show)
}

// showReturn is C11: the only page that leaves for the partner.
func showReturn(v *visit) error {
	if t, ok := v.jar.ticket(v.text); ok {
		return v.returnTicket(t)
	}
	v.renew()
	way, err := v.Claims.Return(v.context(), v.post(), v.WebURL)
	if errors.Is(err, claim.ErrNotNow) {
		return current(v)
	}
	if err != nil {
		return v.failed(err)
	}
	f := Frame{Partner: Partner{Name: way.State.Partner.Name}, Base: v.base()}
	if way.Connected {
		return v.show(http.StatusOK, &ReturnPage{Frame: f, Connected: true, Address: way.State.Partner.HomeURI})
	}
	address := way.State.Journey.Request.Address(way.Return)
	if way.State.Journey.Decision == claim.Unreachable {
		address = way.State.Journey.Request.RestartAddress(way.State.Partner.RestartURI, grant.ReasonUnreachable, way.Return.Issuer)
	}
	return v.show(http.StatusOK, &ReturnPage{Frame: f, Address: address})
}

// returnTicket goes back from a request that was never started.
func (v *visit) returnTicket(t claim.Ticket) error {
	if t.Left == "" {
		return v.see(v.ticketPath(t))
	}
	p, err := v.Partners.Partner(v.context(), t.Request.Partner)
	if err != nil {
		return err
	}
	return v.show(http.StatusOK, &ReturnPage{Frame: Frame{Partner: Partner{Name: p.Name}, Base: v.base()},
		Address: t.Request.Address(grant.Return{Error: "access_denied", Description: t.Left, Issuer: v.issuer(p)})})
}
