package web

import (
	"net/http"

	"github.com/latchkey-id/latchkey/internal/claim"
)

// stepClose is the form of /close, no step of a journey.
const stepClose claim.Step = "close"

// showClose says what closing does and asks once. While the wait runs there is nothing to ask, but whether to keep it.
func showClose(v *visit) error { return v.closePage(http.StatusOK) }

func (v *visit) closePage(status int, problems ...Problem) error {
	s, _, found, err := v.ownState()
	if err != nil || !found {
		return err
	}
	if !s.Account.CloseAt.IsZero() {
		return v.see("/close/keep")
	}
	return v.show(status, &ClosePage{At: v.Now().Add(claim.CloseWait), Frame: Frame{Back: "/account", FormToken: v.token(string(stepClose)), Problems: problems}})
}

// postClose begins the wait.
func postClose(v *visit) error {
	if err := v.posted(string(stepClose)); err != nil {
		return err
	}
	if v.r.PostForm.Get("sure") == "" {
		return v.closePage(http.StatusUnprocessableEntity, Wrong("sure", "close.sure.empty"))
	}
	if _, err := v.Claims.AskToClose(v.context(), v.ownerPost()); err != nil {
		return err
	}
	return v.see("/close/keep")
}

// showKeep says when the account is closed, and offers to keep it. It needs no fresh proof: it takes nothing away.
func showKeep(v *visit) error {
	v.renew()
	s, _, found, err := v.ownState()
	if err != nil || !found {
		return err
	}
	if s.Account.CloseAt.IsZero() {
		return v.see("/account")
	}
	return v.show(http.StatusOK, &KeepPage{At: s.Account.CloseAt, Frame: Frame{Back: "/account", FormToken: v.token("close/keep")}})
}

// postKeep ends the wait.
func postKeep(v *visit) error {
	if err := v.posted("close/keep"); err != nil {
		return err
	}
	o, found, err := v.owner()
	if err != nil || !found {
		return err
	}
	if err := v.Claims.KeepAccount(v.context(), o); err != nil {
		return v.noOwner(err)
	}
	return v.see("/account?notice=kept")
}
