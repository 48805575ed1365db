package web

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// begun reads what this browser has begun of a kind. There may be nothing: it was finished by the first of two clicks, or ended
// by whatever ends changes; then the page leads back to where it begins.
func (v *visit) begun(kind customer.ChangeKind, back string) (a customer.Account, what customer.Begun, found bool, err error) {
	a, what, err = v.WaysIn.Pending(v.context(), v.jar.Session, kind)
	if errors.Is(err, customer.ErrNoChange) {
		return a, what, false, v.see(back)
	}
	return a, what, err == nil, err
}

// postStartApp begins another authenticator app, in the place of one when replaces names it.
func postStartApp(v *visit) error {
	if err := v.parse(); err != nil {
		return err
	}
	step := stepSecurity
	replaces, _ := strconv.ParseInt(v.r.PostForm.Get("replaces"), 10, 64)
	if v.r.PostForm.Has("replaces") {
		step = stepFactor
	}
	if err := v.ownPosted(step); err != nil {
		return err
	}
	err := v.WaysIn.StartApp(v.context(), v.ownerPost(), replaces)
	switch {
	case errors.Is(err, customer.ErrNoFactor):
		return v.see("/security?notice=gone")
	case errors.Is(err, customer.ErrAppsFull):
		return v.see("/security?notice=apps-full")
	case err != nil:
		return err
	}
	return v.see("/security/app")
}

// showNewApp is C5 for who has an account: the secret stays the same on every reload.
func showNewApp(v *visit) error { return v.newAppPage(http.StatusOK) }

func (v *visit) newAppPage(status int, problems ...Problem) error {
	a, what, found, err := v.begun(customer.ChangeApp, "/security")
	if err != nil || !found {
		return err
	}
	f := v.ownFrame(stepNewApp, "/security", problems...)
	f.Action = "/security/app"
	return v.show(status, &AppPage{Frame: f, Key: secret.AppKeyText(what.AppSecret), Address: secret.AppURI(v.Pages.brand.Name, a.Email, what.AppSecret)})
}

func postNewApp(v *visit) error {
	if err := v.ownPosted(stepNewApp); err != nil {
		return err
	}
	key, replaced, err := v.WaysIn.ProveApp(v.context(), v.ownerPost(), v.r.PostForm.Get("code"))
	switch {
	case err == nil && replaced:
		return v.secured(key, "app-replaced")
	case err == nil:
		return v.secured(key, "app")
	case errors.Is(err, customer.ErrNoChange):
		return v.see("/security")
	case errors.Is(err, customer.ErrAppsFull):
		return v.see("/security?notice=apps-full")
	}
	if problems := problemsOf(err, stepNewApp); len(problems) > 0 {
		return v.newAppPage(http.StatusUnprocessableEntity, problems...)
	}
	return err
}

// showNewCodes shows the new codes once they are made, and before that what making them means.
func showNewCodes(v *visit) error { return v.newCodesPage(http.StatusOK) }

func (v *visit) newCodesPage(status int, problems ...Problem) error {
	f := v.ownFrame(stepNewCodes, "/security", problems...)
	a, what, err := v.WaysIn.Pending(v.context(), v.jar.Session, customer.ChangeCodes)
	if errors.Is(err, customer.ErrNoChange) {
		a, _, _, err := v.WaysIn.Own(v.context(), v.jar.Session)
		if err != nil {
			return err
		}
		f.Action, f.Problems = "/security/recovery-codes/new", nil
		return v.show(http.StatusOK, &NewCodesPage{Frame: f, Left: codesLeft(a.Credentials)})
	}
	if err != nil {
		return err
	}
	f.Action, f.Base = "/security/recovery-codes", "/security"
	return v.show(status, &RecoveryCodesPage{Frame: f, Codes: what.Texts, Email: a.Email, Date: v.Now()})
}

func postStartCodes(v *visit) error {
	if err := v.ownPosted(stepNewCodes); err != nil {
		return err
	}
	if err := v.WaysIn.StartCodes(v.context(), v.ownerPost()); err != nil {
		return err
	}
	return v.see("/security/recovery-codes")
}

func postNewCodes(v *visit) error {
	if err := v.ownPosted(stepNewCodes); err != nil {
		return err
	}
	err := v.WaysIn.SaveCodes(v.context(), v.ownerPost(), v.r.PostForm.Get("saved") != "")
	switch {
	case err == nil:
		return v.see("/security?notice=codes")
	case errors.Is(err, customer.ErrNoChange):
		return v.see("/security")
	}
	if problems := problemsOf(err, stepNewCodes); len(problems) > 0 {
		return v.newCodesPage(http.StatusUnprocessableEntity, problems...)
	}
	return err
}

// postDownloadCodes answers the new codes as a text file, by a POST as at C7.
func postDownloadCodes(v *visit) error {
	if err := v.ownPosted(stepNewCodes); err != nil {
		return err
	}
	a, what, found, err := v.begun(customer.ChangeCodes, "/security/recovery-codes")
	if err != nil || !found {
		return err
	}
	return v.codesFile(&RecoveryCodesPage{Codes: what.Texts, Email: a.Email, Date: v.Now()})
}

func showNewPassword(v *visit) error { return v.newPasswordPage(http.StatusOK) }

func (v *visit) newPasswordPage(status int, problems ...Problem) error {
	a, _, _, err := v.WaysIn.Own(v.context(), v.jar.Session)
	if err != nil {
		return err
	}
	return v.show(status, &NewPasswordPage{Frame: v.ownFrame(stepNewPassword, "/security", problems...), Email: a.Email})
}

func postNewPassword(v *visit) error {
	if err := v.ownPosted(stepNewPassword); err != nil {
		return err
	}
	if err := v.another(); err != nil {
		return err
	}
	key, err := v.WaysIn.SetPassword(v.context(), v.ownerPost(), v.r.PostForm.Get("new_password"))
	if err == nil {
		return v.secured(key, "password")
	}
	if problems := problemsOf(err, stepNewPassword); len(problems) > 0 {
		return v.newPasswordPage(http.StatusUnprocessableEntity, problems...)
	}
	return err
}

func showNewEmail(v *visit) error { return v.newEmailPage(http.StatusOK) }

func (v *visit) newEmailPage(status int, problems ...Problem) error {
	a, _, _, err := v.WaysIn.Own(v.context(), v.jar.Session)
	if err != nil {
		return err
	}
	f := v.ownFrame(stepNewEmail, "/security", problems...)
	f.Action = "/security/email"
	return v.show(status, &NewEmailPage{Frame: f, Email: a.Email, Typed: v.r.PostForm.Get("new_email")})
}

// postNewEmail mails a code. The answer is the same whoever has the address.
func postNewEmail(v *visit) error {
	if err := v.ownPosted(stepNewEmail); err != nil {
		return err
	}
	err := v.WaysIn.StartEmail(v.context(), v.ownerPost(), v.r.PostForm.Get("new_email"))
	if err == nil {
		return v.see("/security/email/code")
	}
	if problems := problemsOf(err, stepNewEmail); len(problems) > 0 {
		return v.newEmailPage(http.StatusUnprocessableEntity, problems...)
	}
	return err
}

func showEmailCode(v *visit) error { return v.emailCodePage(http.StatusOK) }

func (v *visit) emailCodePage(status int, problems ...Problem) error {
	_, what, found, err := v.begun(customer.ChangeEmail, "/security/email")
	if err != nil || !found {
		return err
	}
	return v.show(status, &EmailCodePage{Frame: v.ownFrame(stepEmailCode, "/security/email", problems...), Address: what.Address})
}

func postEmailCode(v *visit) error {
	if err := v.ownPosted(stepEmailCode); err != nil {
		return err
	}
	key, err := v.WaysIn.ProveEmail(v.context(), v.ownerPost(), v.r.PostForm.Get("code"))
	switch {
	case err == nil:
		return v.secured(key, "email")
	case errors.Is(err, customer.ErrNoChange):
		return v.see("/security/email")
	case errors.Is(err, customer.ErrAddressHasAccount):
		return v.newEmailPage(http.StatusUnprocessableEntity, problemsOf(err, stepEmailCode)...)
	}
	if problems := problemsOf(err, stepEmailCode); len(problems) > 0 {
		return v.emailCodePage(http.StatusUnprocessableEntity, problems...)
	}
	return err
}
