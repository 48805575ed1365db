package web

import (
	"errors"
	"net/http"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
)

// chooseSecondStep is C4, also for those who are at C5 or C6 and ask for another way.
func chooseSecondStep(v *visit) error {
	if v.r.URL.Query().Get("another") != "" {
		state, next, err := v.state()
		if err == nil && (next == claim.StepApp || next == claim.StepPasskey) {
			return showSecondStep(v, state)
		}
	}
	return step(claim.StepSecondStep, showSecondStep)(v)
}

// showPasskey is C6: the challenge is on the journey's row and so the same on every reload.
func showPasskey(v *visit, s claim.State) error { return v.passkeyPage(s, http.StatusOK, nil) }

func (v *visit) passkeyPage(s claim.State, status int, problems []Problem) error {
	f := v.frame(s, claim.StepPasskey)
	f.Problems, f.Action = problems, v.at(claim.StepPasskey)
	if notice, known := outcomes()[v.r.URL.Query().Get("notice")]; known && v.r.Method != http.MethodPost {
		f.Notices = append(f.Notices, Say(notice))
	}
	return v.show(status, &PasskeyPage{Frame: f, Options: v.Claims.PasskeyOptions(s)})
}

// outcomes are the ways in which no passkey was made, with the sentence of each: none is a failure (journey C6).
func outcomes() map[string]string {
	return map[string]string{"cancelled": "c6.cancelled", "exists": "c6.exists", "unsupported": "c6.unsupported", "script_off": "c6.script"}
}

func postPasskey(v *visit) error {
	err := v.posted(string(claim.StepPasskey))
	outcome := v.r.PostForm.Get("outcome")
	if _, none := outcomes()[outcome]; err == nil && none {
		if state, next, err := v.state(); err != nil {
			return v.ended(state, err)
		} else if next != claim.StepPasskey {
			return v.repeated(claim.StepPasskey, next)
		}
		return v.see(v.at(claim.StepPasskey) + "?notice=" + outcome)
	}
	if err == nil {
		err = v.Claims.ProvePasskey(v.context(), v.post(), []byte(v.r.PostForm.Get("answer")))
	}
	return v.next(err, claim.StepPasskey, func(v *visit, s claim.State, problems []Problem) error {
		return v.passkeyPage(s, http.StatusUnprocessableEntity, problems)
	})
}

// bound is what the challenge of a page is bound to: an answer that was given to another browser, or on another page, is
// worth nothing here.
func (v *visit) bound(step claim.Step) []string { return []string{v.anchor(), string(step)} }

// askPasskey is the form of a passkey on a page of the sign-in, nil where browsers have none. allow are the credentials that
// may answer; with none, whichever the person's devices hold for this server.
func (v *visit) askPasskey(step claim.Step, allow [][]byte) *PasskeyAsk {
	party := v.SignIns.Passkeys
	if !party.Works() {
		return nil
	}
	return &PasskeyAsk{Options: party.RequestOptions(v.SignIns.PasskeyChallenge(v.bound(step)...), allow),
		Action: v.toward("/" + string(step)), FormToken: v.token(string(step)), Button: "r1.passkey", Autofill: true}
}

func (v *visit) passkeyPost(step claim.Step) customer.PasskeyPost {
	return customer.PasskeyPost{Session: v.jar.Session, Answer: []byte(v.r.PostForm.Get("answer")), Bound: v.bound(step),
		MoreTime: v.r.PostForm.Get("more") != "", Origin: v.origin()}
}

// postPasskeySignIn is R1 and R2 at once.
func postPasskeySignIn(v *visit) error {
	if err := v.posted(string(stepPasskey)); err != nil {
		return v.signInAgain(err)
	}
	post, network := v.passkeyPost(stepPasskey), "passkey "+v.origin().Network
	_, left := v.Failed.Left(network, failuresAMinute, failuresAMinute)
	post.Unrecorded = !left
	key, err := v.SignIns.Passkey(v.context(), post)
	if errors.Is(err, customer.ErrPasskey) || errors.Is(err, customer.ErrPasskeyLate) {
		v.Failed.Take(network, failuresAMinute, failuresAMinute)
	}
	switch {
	case err == nil:
		v.enter(key) // a new row, as after a password: see postSignIn
		return v.onward()
	case errors.Is(err, customer.ErrPasskeySpent):
		// The second of two requests. The first one's cookie leads on from here; without it, this is R1 again.
		return v.see(v.toward("/signin"))
	}
	if problems := problemsOf(err, stepPasskey); len(problems) > 0 {
		return v.signInPage(http.StatusUnprocessableEntity, "", problems...)
	}
	return err
}

// secondSteps fills in which second steps the account has whose password was right.
func (v *visit) secondSteps(page *SecondStepSignInPage) error {
	_, a, _, err := v.SignIns.Session(v.context(), v.jar.Session)
	if err != nil {
		return err
	}
	page.NoApp = len(a.Credentials.Apps) == 0
	if allow := a.Credentials.PasskeyCredentials(); len(allow) > 0 {
		page.Passkey = v.askPasskey(stepSignInPasskey, allow)
	}
	if page.Passkey != nil {
		page.Passkey.Button, page.Passkey.Autofill, page.Passkey.Alone = "r2.passkey.button", false, page.NoApp
	}
	return nil
}

// postPasskeyStep is R2 with a passkey.
func postPasskeyStep(v *visit) error {
	if err := v.posted(string(stepSignInPasskey)); err != nil {
		return err
	}
	key, err := v.SignIns.PasskeyStep(v.context(), v.passkeyPost(stepSignInPasskey))
	switch {
	case err == nil:
		v.enter(key)
		return v.onward()
	case errors.Is(err, customer.ErrNoSession):
		return v.see(v.toward("/signin"))
	case errors.Is(err, customer.ErrPasskeySpent):
		return v.see(v.toward("/signin/second-step"))
	}
	if problems := problemsOf(err, stepSignInPasskey); len(problems) > 0 {
		return v.signInStepPage(http.StatusUnprocessableEntity, problems...)
	}
	return err
}
