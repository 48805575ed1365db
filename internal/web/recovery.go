package web

import (
	"errors"
	"net/http"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
)

// showRecoveryCode is R3, after the password. Who has not given it yet is asked for it first.
func showRecoveryCode(v *visit) error {
	s, a, _, err := v.SignIns.Session(v.context(), v.jar.Session)
	switch {
	case err == nil && s.SignedIn(a, v.Now()):
		return v.onward()
	case errors.Is(err, customer.ErrNoSession) || err == nil && !s.Halfway(a, v.Now()):
		return v.see(v.toward("/signin", "lost"))
	case err != nil:
		return err
	}
	return v.recoveryCodePage(http.StatusOK, stepRecoveryCode)
}

// recoveryCodePage is R3 of the sign-in, and the same of a forgotten password.
func (v *visit) recoveryCodePage(status int, step claim.Step, problems ...Problem) error {
	f, err := v.signInFrame(step)
	if err != nil {
		return err
	}
	f.Problems = problems
	page := &RecoveryCodePage{Frame: f, Other: v.toward("/signin/second-step"), Lost: v.toward("/forgot")}
	if step == forgotRecoveryCode {
		page.Other, page.Lost = v.toward("/forgot/second-step"), v.toward("/forgot/lost")
	}
	return v.show(status, page)
}

func postRecoveryCode(v *visit) error {
	if err := v.posted(string(stepRecoveryCode)); err != nil {
		return err
	}
	key, err := v.SignIns.RecoveryCode(v.context(), v.jar.Session, v.r.PostForm.Get("recovery_code"), v.origin())
	switch {
	case err == nil:
		v.enter(key)
		return v.see(v.toward("/signin/recovered"))
	case errors.Is(err, customer.ErrNoSession):
		return v.see(v.toward("/signin"))
	}
	if problems := problemsOf(err, stepRecoveryCode); len(problems) > 0 {
		return v.recoveryCodePage(http.StatusUnprocessableEntity, stepRecoveryCode, problems...)
	}
	return err
}

// showRecovered says how many codes are left and offers a new second step.
func showRecovered(v *visit) error {
	v.renew()
	s, a, _, err := v.SignIns.Session(v.context(), v.jar.Session)
	if errors.Is(err, customer.ErrNoSession) || err == nil && !s.SignedIn(a, v.Now()) {
		return v.see(v.toward("/signin"))
	}
	if err != nil {
		return err
	}
	f, err := v.signInFrame("signin/recovered")
	if err != nil {
		return err
	}
	return v.show(http.StatusOK, &RecoveredPage{Frame: f, Left: a.Credentials.RecoveryLeft(), Secure: "/security", Next: v.toward("/signin")})
}

// pending is the path of the notice for who is signed in while a reset is under way. It is only a notice: a page is shown
// without it when the database does not answer.
func (v *visit) pending() string {
	if v.jar.Session.ID == 0 || v.outside {
		return ""
	}
	if _, err := v.Recoveries.Pending(v.context(), v.jar.Session); err != nil {
		return ""
	}
	return "/security/recovery"
}

// showPending is the page behind that notice.
func showPending(v *visit) error {
	v.renew()
	q, err := v.Recoveries.Pending(v.context(), v.jar.Session)
	switch {
	case errors.Is(err, customer.ErrNoSession):
		return v.see(v.signIn())
	case errors.Is(err, customer.ErrNoReset):
		return v.show(http.StatusOK, &ResetPage{State: ResetOver, Frame: Frame{Back: "/account"}})
	case err != nil:
		return err
	}
	return v.show(http.StatusOK, &ResetPage{State: ResetOpen, Ready: q.ReadyAt, Frame: Frame{Back: "/account", FormToken: v.token("security/recovery")}})
}

// postPending cancels. It needs no fresh proof: it takes nothing from the customer, and the thief who sits at their browser
// could do worse.
func postPending(v *visit) error {
	if err := v.posted("security/recovery"); err != nil {
		return err
	}
	err := v.Recoveries.Cancel(v.context(), v.jar.Session, v.origin())
	if errors.Is(err, customer.ErrNoSession) {
		return v.see(v.signIn())
	}
	if err != nil {
		return err
	}
	return v.see("/recovery-stopped")
}

// showReset is the page behind the link of mail M8. Looking at it changes nothing: mail scanners and previews look too.
func showReset(v *visit) error {
	ready, err := v.Recoveries.Cancellable(v.context(), v.r.PathValue("link"))
	if err != nil {
		return v.noReset(err)
	}
	return v.show(http.StatusOK, &ResetPage{State: ResetOpen, Ready: ready})
}

// noReset is one answer for links that are unknown and for those whose request is over.
func (v *visit) noReset(err error) error {
	if !errors.Is(err, customer.ErrResetLink) {
		return err
	}
	return v.show(http.StatusNotFound, &ResetPage{State: ResetOver})
}

// postReset cancels. The text of the link proves the form: nobody can post it who could not open the page. The page after it
// has no secret in its address.
func postReset(v *visit) error {
	if err := v.parse(); err != nil {
		return err
	}
	o, refused := v.share("link")
	if err := v.Recoveries.CancelByLink(v.context(), v.r.PathValue("link"), o); err != nil {
		refused()
		return v.noReset(err)
	}
	return v.see("/recovery-stopped")
}
