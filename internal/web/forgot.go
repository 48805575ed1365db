package web

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/limit"
)

// The forms of R4, which are no steps of a journey.
const (
	stepForgot         claim.Step = "forgot"
	forgotCode         claim.Step = "forgot/code"
	forgotSecondStep   claim.Step = "forgot/second-step"
	forgotPasskey      claim.Step = "forgot/second-step/passkey"
	forgotRecoveryCode claim.Step = "forgot/recovery-code"
	forgotLost         claim.Step = "forgot/lost"
	forgotPassword     claim.Step = "forgot/password"
	forgotNewMethod    claim.Step = "forgot/new/second-step"
	forgotNewApp       claim.Step = "forgot/new/second-step/app"
	forgotNewPasskey   claim.Step = "forgot/new/second-step/passkey"
	forgotCodes        claim.Step = "forgot/new/recovery-codes"
)

// recovery reads this browser's recovery and its next step.
func (v *visit) recovery() (customer.RecoveryState, customer.RecoverStep, error) {
	v.renew()
	state, err := v.Recoveries.State(v.context(), v.jar.Session)
	return state, state.Next(v.Now()), err
}

// recovering makes a page of one step of a recovery. It shows it when it is the next one; else the next one is shown, and R4
// where there is none, or what the sign-in was for where the recovery has signed the browser in.
func recovering(show func(*visit, customer.RecoveryState) error, wanted customer.RecoverStep) page {
	return func(v *visit) error {
		state, next, err := v.recovery()
		switch {
		case errors.Is(err, customer.ErrNoRecovery):
			return v.notRecovering()
		case err != nil:
			return err
		case next != wanted:
			return v.see(v.recoverPath(next))
		}
		return show(v, state)
	}
}

// notRecovering leads on where no recovery is under way.
func (v *visit) notRecovering() error {
	s, a, _, err := v.SignIns.Session(v.context(), v.jar.Session)
	if err == nil && s.SignedIn(a, v.Now()) {
		return v.onward()
	}
	if err != nil && !errors.Is(err, customer.ErrNoSession) {
		return err
	}
	return v.see(v.toward("/forgot"))
}

func (v *visit) recoverPath(step customer.RecoverStep) string {
	return v.toward("/forgot/" + string(step))
}

// recoverFrame is the frame of a page of R4.
func (v *visit) recoverFrame(step claim.Step, problems []Problem) (Frame, error) {
	f, err := v.signInFrame(step)
	f.Base, f.Problems = "/forgot/new", problems
	return f, err
}

// recovered answers a posted step: on to the next one; again with what must be mended, by again; and where the step is not the
// next one (a second click, another tab) or the recovery is over, to what is.
func (v *visit) recovered(err error, step claim.Step, again func([]Problem) error) error {
	if problems := problemsOf(err, step); len(problems) > 0 {
		return again(problems)
	}
	if err != nil && !errors.Is(err, customer.ErrRecoveryStep) && !errors.Is(err, customer.ErrNoRecovery) {
		return err
	}
	state, next, err := v.recovery()
	switch {
	case errors.Is(err, customer.ErrNoRecovery) && v.jar.Session != v.shown:
		return v.onward() // this answer signed the browser in; its key is not in use yet, see renew
	case errors.Is(err, customer.ErrNoRecovery):
		return v.notRecovering()
	case err != nil:
		return err
	case step == forgotCode && next == customer.RecoverSecondStep && state.Reset.Ready(state.Account, v.Now()):
		return v.see(v.toward("/forgot/lost")) // who waited comes for this
	}
	return v.see(v.recoverPath(next))
}

// showForgot is R4. Who is signed in has no use for it.
func showForgot(v *visit) error {
	s, a, _, err := v.SignIns.Session(v.context(), v.jar.Session)
	if err != nil && !errors.Is(err, customer.ErrNoSession) {
		return err
	}
	if err == nil && s.SignedIn(a, v.Now()) {
		return v.onward()
	}
	return v.forgotPage(http.StatusOK, "", nil)
}

func (v *visit) forgotPage(status int, email string, problems []Problem) error {
	f, err := v.recoverFrame(stepForgot, problems)
	if err != nil {
		return err
	}
	return v.show(status, &ForgotPage{Frame: f, Email: email})
}

func postForgot(v *visit) error {
	err := v.posted(string(stepForgot))
	if errors.Is(err, errStale) { // a second click shows the cookie of the first answer
		if _, _, failure := v.recovery(); failure == nil {
			return v.see(v.toward("/forgot/code"))
		}
	}
	if err != nil {
		return err
	}
	email := strings.TrimSpace(v.r.PostForm.Get("email"))
	if _, err := customer.CheckEmail(email); err != nil {
		return v.forgotPage(http.StatusUnprocessableEntity, email, []Problem{Wrong("email", "r1.email.empty")})
	}
	if wait, ok := v.Failed.Take(v.asks("forgot"), forgottenAMinute, forgottenAMinute); !ok {
		return limit.Exceeded{Wait: wait}
	}
	key, err := v.Recoveries.Begin(v.context(), v.jar.Session, email, v.origin())
	if err != nil {
		return err
	}
	v.jar.enter(key)
	return v.see(v.toward("/forgot/code"))
}

// forgottenAMinute is how many forgotten passwords one network may begin a minute, or go wrong at the mailed code of: each is on record.
const forgottenAMinute = 60

// asks is who is counted at R4, and at R1 for what goes wrong there. Each wish writes the same rows whether the address has an account or not, and those without one are
// of an address each, which no other count bounds: one network could fill the database with them, and keep its writer from
// everybody. A browser that signed in once is counted by itself: neighbours in its network do not use up what it needs (I12).
func (v *visit) asks(what string) string {
	if known := v.devices(); len(known) > 0 {
		return what + " device " + strconv.FormatInt(int64(known[0].Account), 10)
	}
	return what + " network " + v.origin().Network
}

func showForgotCode(v *visit, _ customer.RecoveryState) error {
	return v.forgotCodePage(http.StatusOK, nil)
}

func (v *visit) forgotCodePage(status int, problems []Problem) error {
	f, err := v.recoverFrame(forgotCode, problems)
	if err != nil {
		return err
	}
	if v.r.Method != http.MethodPost && v.r.URL.Query().Get("notice") == "sent" {
		f.Notices = append(f.Notices, Say("r4.again"))
	}
	return v.show(status, &ForgotCodePage{Frame: f, Send: v.toward("/forgot/code/send")})
}

func postForgotCode(v *visit) error {
	err := v.posted(string(forgotCode))
	if wait, ok := v.Failed.Left(v.asks("forgot"), forgottenAMinute, forgottenAMinute); err == nil && !ok {
		return limit.Exceeded{Wait: wait}
	}
	if err == nil {
		var key customer.SessionKey
		if key, err = v.Recoveries.ProveMailbox(v.context(), v.jar.Session, v.r.PostForm.Get("code"), v.origin()); err == nil {
			v.jar.enter(key)
		}
	}
	if errors.Is(err, customer.ErrCodeWrong) || errors.Is(err, customer.ErrMailedCodeSpent) {
		v.Failed.Take(v.asks("forgot"), forgottenAMinute, forgottenAMinute)
	}
	return v.recovered(err, forgotCode, func(problems []Problem) error {
		if errors.Is(err, limit.ErrExceeded) { // the code was late, and no other could be sent
			problems = []Problem{Wrong("code", "r4.code.late.limit")}
		}
		return v.forgotCodePage(http.StatusUnprocessableEntity, problems)
	})
}

func postForgotSend(v *visit) error {
	if err := v.posted(string(forgotCode)); err != nil {
		return err
	}
	if wait, ok := v.Failed.Take(v.asks("forgot"), forgottenAMinute, forgottenAMinute); !ok {
		return limit.Exceeded{Wait: wait}
	}
	err := v.Recoveries.SendCode(v.context(), v.jar.Session, v.origin())
	if err != nil {
		return v.recovered(err, forgotCode, nil)
	}
	return v.see(v.toward("/forgot/code", "sent"))
}

func showForgotStep(v *visit, s customer.RecoveryState) error {
	return v.forgotStepPage(s, http.StatusOK, nil)
}

func (v *visit) forgotStepPage(s customer.RecoveryState, status int, problems []Problem) error {
	f, err := v.recoverFrame(forgotSecondStep, problems)
	if err != nil {
		return err
	}
	page := &SecondStepSignInPage{Frame: f, Recovers: true, Another: v.toward("/forgot/recovery-code"), NoApp: len(s.Account.Credentials.Apps) == 0}
	if allow := s.Account.Credentials.PasskeyCredentials(); len(allow) > 0 {
		page.Passkey = v.askPasskey(forgotPasskey, allow)
	}
	if page.Passkey != nil {
		page.Passkey.Button, page.Passkey.Autofill, page.Passkey.Alone = "r2.passkey.button", false, page.NoApp
	}
	return v.show(status, page)
}

// stepAgain shows the second steps once more.
func (v *visit) stepAgain(problems []Problem) error {
	state, next, err := v.recovery()
	if err != nil || next != customer.RecoverSecondStep {
		return v.recovered(customer.ErrRecoveryStep, "", nil)
	}
	return v.forgotStepPage(state, http.StatusUnprocessableEntity, problems)
}

func postForgotStep(v *visit) error {
	err := v.posted(string(forgotSecondStep))
	if err == nil {
		err = v.passes(v.Recoveries.SecondStepByApp(v.context(), v.jar.Session, v.r.PostForm.Get("code"), v.origin()))
	}
	return v.recovered(err, forgotSecondStep, v.stepAgain)
}

func postForgotPasskey(v *visit) error {
	err := v.posted(string(forgotPasskey))
	if err == nil {
		err = v.passes(v.Recoveries.SecondStepByPasskey(v.context(), v.passkeyPost(forgotPasskey)))
	}
	if errors.Is(err, customer.ErrPasskeySpent) { // the second of two clicks
		err = customer.ErrRecoveryStep
	}
	return v.recovered(err, forgotPasskey, v.stepAgain)
}

// passes puts a step's new key into the cookie, and remembers the browser with the last of them, which signs it in.
func (v *visit) passes(key customer.SessionKey, err error) error {
	if err == nil {
		v.enter(key)
	}
	return err
}

func showForgotRecoveryCode(v *visit, _ customer.RecoveryState) error {
	return v.recoveryCodePage(http.StatusOK, forgotRecoveryCode)
}

func postForgotRecoveryCode(v *visit) error {
	err := v.posted(string(forgotRecoveryCode))
	if err == nil {
		err = v.passes(v.Recoveries.SecondStepByCode(v.context(), v.jar.Session, v.r.PostForm.Get("recovery_code"), v.origin()))
	}
	return v.recovered(err, forgotRecoveryCode, func(problems []Problem) error {
		return v.recoveryCodePage(http.StatusUnprocessableEntity, forgotRecoveryCode, problems...)
	})
}

// showLost is what is left without second step and recovery codes: to ask, to wait, to begin anew.
func showLost(v *visit, s customer.RecoveryState) error {
	f, err := v.recoverFrame(forgotLost, nil)
	if err != nil {
		return err
	}
	return v.show(http.StatusOK, &LostPage{Frame: f, Ready: s.Reset.ReadyAt, Over: s.Reset.Ready(s.Account, v.Now()), Hours: v.Recoveries.WaitHours(),
		Other: v.toward("/forgot/second-step")})
}

// postLost asks for the reset, or begins to set up everything anew when its wait is over: which of them is decided by what is
// stored, and whoever asks twice waits as before.
func postLost(v *visit) error {
	if err := v.posted(string(forgotLost)); err != nil {
		return err
	}
	state, _, err := v.recovery()
	if err == nil && state.Reset.Ready(state.Account, v.Now()) {
		err = v.Recoveries.Rebuild(v.context(), v.jar.Session, v.origin())
		return v.recovered(err, forgotLost, nil)
	}
	if err == nil {
		err = v.Recoveries.AskReset(v.context(), v.jar.Session, v.origin())
	}
	if err != nil {
		return v.recovered(err, forgotLost, nil)
	}
	return v.see(v.toward("/forgot/lost"))
}

func showForgotPassword(v *visit, s customer.RecoveryState) error {
	return v.forgotPasswordPage(s.Account.Email, http.StatusOK, nil)
}

func (v *visit) forgotPasswordPage(email string, status int, problems []Problem) error {
	f, err := v.recoverFrame(forgotPassword, problems)
	if err != nil {
		return err
	}
	return v.show(status, &PasswordPage{Frame: f, Email: email})
}

func postForgotPassword(v *visit) error {
	err := v.posted(string(forgotPassword))
	if err == nil {
		err = v.another()
	}
	if err == nil {
		err = v.passes(v.Recoveries.SetPassword(v.context(), v.jar.Session, v.r.PostForm.Get("new_password"), v.origin()))
	}
	return v.recovered(err, forgotPassword, func(problems []Problem) error {
		state, _, err := v.recovery()
		if err != nil {
			return v.recovered(err, "", nil)
		}
		return v.forgotPasswordPage(state.Account.Email, http.StatusUnprocessableEntity, problems)
	})
}
