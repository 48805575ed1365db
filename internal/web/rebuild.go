package web

import (
	"errors"
	"net/http"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// chooseRebuildMethod is C4 of somebody who sets up everything anew, also while another second step is under way.
func chooseRebuildMethod(v *visit) error {
	_, next, err := v.recovery()
	if another := v.r.URL.Query().Get("another") != ""; err == nil && another && (next == customer.RecoverApp || next == customer.RecoverPasskey) {
		return v.rebuildMethodPage(http.StatusOK, nil)
	}
	return recovering(func(v *visit, _ customer.RecoveryState) error { return v.rebuildMethodPage(http.StatusOK, nil) }, customer.RecoverMethod)(v)
}

func (v *visit) rebuildMethodPage(status int, problems []Problem) error {
	f, err := v.recoverFrame(forgotNewMethod, problems)
	if err != nil {
		return err
	}
	return v.show(status, &SecondStepPage{Frame: f, Passkeys: v.SignIns.Passkeys.Works()})
}

func postRebuildMethod(v *visit) error {
	err := v.posted(string(forgotNewMethod))
	if err == nil {
		err = v.Recoveries.ChooseMethod(v.context(), v.jar.Session, v.r.PostForm.Get("method"), v.origin())
	}
	return v.recovered(err, forgotNewMethod, func(problems []Problem) error {
		return v.rebuildMethodPage(http.StatusUnprocessableEntity, problems)
	})
}

func showRebuildApp(v *visit, s customer.RecoveryState) error {
	return v.rebuildAppPage(s, http.StatusOK, nil)
}

func (v *visit) rebuildAppPage(s customer.RecoveryState, status int, problems []Problem) error {
	f, err := v.recoverFrame(forgotNewApp, problems)
	if err != nil {
		return err
	}
	key := s.Recovery.AppSecret
	return v.show(status, &AppPage{Frame: f, Another: v.SignIns.Passkeys.Works(), Key: secret.AppKeyText(key),
		Address: secret.AppURI(v.Pages.brand.Name, s.Account.Email, key)})
}

// again shows a step once more, if it is the next one still.
func (v *visit) again(step customer.RecoverStep, show func(*visit, customer.RecoveryState, int, []Problem) error) func([]Problem) error {
	return func(problems []Problem) error {
		state, next, err := v.recovery()
		if err != nil || next != step {
			return v.recovered(customer.ErrRecoveryStep, "", nil)
		}
		return show(v, state, http.StatusUnprocessableEntity, problems)
	}
}

func postRebuildApp(v *visit) error {
	err := v.posted(string(forgotNewApp))
	if err == nil {
		err = v.Recoveries.ProveApp(v.context(), v.jar.Session, v.r.PostForm.Get("code"), v.origin())
	}
	return v.recovered(err, forgotNewApp, v.again(customer.RecoverApp, (*visit).rebuildAppPage))
}

func showRebuildPasskey(v *visit, s customer.RecoveryState) error {
	return v.rebuildPasskeyPage(s, http.StatusOK, nil)
}

func (v *visit) rebuildPasskeyPage(s customer.RecoveryState, status int, problems []Problem) error {
	f, err := v.recoverFrame(forgotNewPasskey, problems)
	if err != nil {
		return err
	}
	if notice, known := outcomes()[v.r.URL.Query().Get("notice")]; known && v.r.Method != http.MethodPost {
		f.Notices = append(f.Notices, Say(notice))
	}
	return v.show(status, &PasskeyPage{Frame: f, Options: v.Recoveries.NewPasskeyOptions(s, v.bound(forgotNewPasskey)...)})
}

func postRebuildPasskey(v *visit) error {
	err := v.posted(string(forgotNewPasskey))
	outcome := v.r.PostForm.Get("outcome")
	if _, none := outcomes()[outcome]; err == nil && none {
		return v.see(v.toward("/"+string(forgotNewPasskey), outcome))
	}
	if err == nil {
		err = v.Recoveries.ProvePasskey(v.context(), v.passkeyPost(forgotNewPasskey))
	}
	if errors.Is(err, customer.ErrPasskeySpent) {
		err = customer.ErrRecoveryStep
	}
	return v.recovered(err, forgotNewPasskey, v.again(customer.RecoverPasskey, (*visit).rebuildPasskeyPage))
}

func showRebuildCodes(v *visit, s customer.RecoveryState) error {
	return v.rebuildCodesPage(s, http.StatusOK, nil)
}

func (v *visit) rebuildCodesPage(s customer.RecoveryState, status int, problems []Problem) error {
	f, err := v.recoverFrame(forgotCodes, problems)
	if err != nil {
		return err
	}
	return v.show(status, &RecoveryCodesPage{Frame: f, Codes: s.Recovery.Texts, Email: s.Account.Email, Date: v.Now()})
}

// postRebuildCodes puts everything new in place of the old, and signs this browser in.
func postRebuildCodes(v *visit) error {
	err := v.posted(string(forgotCodes))
	if err == nil {
		err = v.passes(v.Recoveries.Finish(v.context(), v.jar.Session, v.r.PostForm.Get("saved") != "", v.origin()))
	}
	return v.recovered(err, forgotCodes, v.again(customer.RecoverCodes, (*visit).rebuildCodesPage))
}

// postRebuildDownload answers the codes as a text file, as C7 does.
func postRebuildDownload(v *visit) error {
	if err := v.posted(string(forgotCodes)); err != nil {
		return err
	}
	state, next, err := v.recovery()
	if err != nil || next != customer.RecoverCodes {
		return v.recovered(customer.ErrRecoveryStep, claim.Step(""), nil)
	}
	return v.codesFile(&RecoveryCodesPage{Codes: state.Recovery.Texts, Email: state.Account.Email, Date: v.Now()})
}
