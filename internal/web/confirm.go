package web

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// The forms of R6, which are no steps of a journey.
const (
	stepConfirm        claim.Step = "signin/confirm"
	stepConfirmPasskey claim.Step = "signin/confirm/passkey"
)

// freshPages are the pages that R6 leads back to, by the names that its address has for them: a closed list of our own, so
// that no link can use R6 to send a person elsewhere (BCP 4.11, requirement 49). What is not in it leads to the account.
var freshPages = map[string]string{
	"security": "/security",
	"passkeys": "/security/passkeys",
	"app":      "/security/app",
	"codes":    "/security/recovery-codes",
	"password": "/security/password",
	"email":    "/security/email",
	"code":     "/security/email/code",
	"close":    "/close",
}

// wants is the name of the page that R6 was asked for, "" for none of the list.
func (v *visit) wants() string {
	name := v.r.URL.Query().Get("to")
	if _, known := freshPages[name]; !known {
		return ""
	}
	return name
}

// confirmed is where R6 leads when it is done.
func (v *visit) confirmed() string {
	if path, known := freshPages[v.wants()]; known {
		return path
	}
	return "/account"
}

// toPage adds the name of a page of our lists to an address.
func toPage(path, name string) string {
	if name == "" {
		return path
	}
	return path + "?to=" + name
}

// fresh guards a page that changes how its customer gets in, or what cannot be undone; name is the page's in freshPages. Who is
// not signed in is led to the sign-in, and who proved themselves too long ago to R6. A form that comes too late changes
// nothing, whatever it holds; and since it can become too late between here and the change, the noun asks again in its own
// transaction (customer.FreshOwner) and stale answers its refusal.
func fresh(name string, p page) page {
	return func(v *visit) error {
		s, a, previous, err := v.SignIns.Session(v.context(), v.jar.Session)
		switch {
		case errors.Is(err, customer.ErrNoSession) || err == nil && !s.SignedIn(a, v.Now()):
			return v.see(toPage("/signin", name))
		case err != nil:
			return err
		case !s.Fresh(v.Now()):
			v.renew()
			return v.see(toPage("/signin/confirm", name))
		case previous && v.r.Method == http.MethodPost:
			// The second of two clicks on a form that gave the session a new secret: it changes nothing, and keeps the browser
			// signed in.
			v.renew()
			return v.see(freshPages[name])
		}
		v.renew()
		v.era = a.SessionEpoch
		err = p(v)
		switch {
		case errors.Is(err, customer.ErrNoSession):
			return v.see(toPage("/signin", name))
		case errors.Is(err, customer.ErrNotFresh):
			return v.see(toPage("/signin/confirm", name))
		case errors.Is(err, errDone):
			return v.see("/security?notice=gone")
		}
		return err
	}
}

// errDone is a form from before the last change of the ways in: sent again, or lying open in another tab since.
var errDone = errors.New("form is from before the last change")

// ownToken is the token of a form on /security. It is of the session epoch too: a change that ended the other sessions ends the
// forms that were shown before it, this browser's own as well, so that none is applied a second time.
func (v *visit) ownToken(step claim.Step) string { return v.tokenOf(step, v.era) }

func (v *visit) tokenOf(step claim.Step, era int64) string {
	return v.token(string(step) + "@" + strconv.FormatInt(era, 10))
}

// ownPosted reads such a form and checks its token. One from before the last change is errDone, which changes nothing.
func (v *visit) ownPosted(step claim.Step) error {
	err := v.posted(string(step) + "@" + strconv.FormatInt(v.era, 10))
	if errors.Is(err, errStale) && secret.Equal([]byte(v.r.PostForm.Get("step_token")), []byte(v.tokenOf(step, v.era-1))) {
		return errDone
	}
	return err
}

// showConfirm is R6. Whoever is fresh already goes on.
func showConfirm(v *visit) error {
	v.renew()
	return v.confirmPage(http.StatusOK)
}

func (v *visit) confirmPage(status int, problems ...Problem) error {
	s, a, _, err := v.SignIns.Session(v.context(), v.jar.Session)
	switch {
	case errors.Is(err, customer.ErrNoSession) || err == nil && !s.SignedIn(a, v.Now()):
		return v.see(v.signIn())
	case err != nil:
		return err
	case s.Fresh(v.Now()):
		return v.see(v.confirmed())
	}
	another := "/signin?again=1"
	if name := v.wants(); name != "" {
		another += "&to=" + name
	}
	page := &ConfirmPage{Email: a.Email, Another: another, NoApp: len(a.Credentials.Apps) == 0, Frame: Frame{Back: "/account", Problems: problems,
		Action: toPage("/signin/confirm", v.wants()), FormToken: v.token(string(stepConfirm))}}
	if allow := a.Credentials.PasskeyCredentials(); len(allow) > 0 {
		page.Passkey = v.askPasskey(stepConfirmPasskey, allow)
	}
	if page.Passkey != nil {
		page.Passkey.Action = toPage("/signin/confirm/passkey", v.wants())
		page.Passkey.Button, page.Passkey.Autofill, page.Passkey.Alone = "r2.passkey.button", false, page.NoApp
	}
	return v.show(status, page)
}

func postConfirm(v *visit) error {
	if err := v.posted(string(stepConfirm)); err != nil {
		return err
	}
	password, code := v.r.PostForm.Get("password"), v.r.PostForm.Get("code")
	key, err := v.SignIns.Confirm(v.context(), v.jar.Session, password, code, v.origin())
	if errors.Is(err, customer.ErrNoPassword) { // both fields are said at once
		_, wrong := customer.CleanSixDigits(code)
		return v.confirmAnswer(key, stepConfirm, errors.Join(err, wrong))
	}
	return v.confirmAnswer(key, stepConfirm, err)
}

func postConfirmPasskey(v *visit) error {
	if err := v.posted(string(stepConfirmPasskey)); err != nil {
		return err
	}
	key, err := v.SignIns.ConfirmPasskey(v.context(), v.passkeyPost(stepConfirmPasskey))
	if errors.Is(err, customer.ErrPasskeySpent) { // the second of two clicks
		return v.see(toPage("/signin/confirm", v.wants()))
	}
	return v.confirmAnswer(key, stepConfirmPasskey, err)
}

func (v *visit) confirmAnswer(key customer.SessionKey, step claim.Step, err error) error {
	switch {
	case err == nil:
		v.jar.enter(key)
		return v.see(v.confirmed())
	case errors.Is(err, customer.ErrNoSession):
		return v.see(v.signIn())
	}
	var problems []Problem
	for _, s := range sayings(step) {
		if errors.Is(err, s.err) {
			problems = append(problems, Wrong(s.field, s.id))
		}
	}
	if len(problems) > 0 {
		return v.confirmPage(http.StatusUnprocessableEntity, problems...)
	}
	return err
}
