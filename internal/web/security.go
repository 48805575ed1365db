package web

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
)

// The forms of /security, which are no steps of a journey.
const (
	stepSecurity    claim.Step = "security"
	stepFactor      claim.Step = "security/factor"
	stepNewApp      claim.Step = "security/app"
	stepNewCodes    claim.Step = "security/recovery-codes"
	stepNewPassword claim.Step = "security/password"
	stepNewEmail    claim.Step = "security/email"
	stepEmailCode   claim.Step = "security/email/code"
)

// ownerPost is what the page of an owner brings to the noun.
func (v *visit) ownerPost() customer.OwnerPost {
	return customer.OwnerPost{Session: v.jar.Session, Origin: v.origin()}
}

// ownFrame is the frame of the pages below /security, with the notice that the answer before this one left.
func (v *visit) ownFrame(step claim.Step, back string, problems ...Problem) Frame {
	f := Frame{Back: back, FormToken: v.ownToken(step), Problems: problems}
	if notice := "security.done." + v.r.URL.Query().Get("notice"); v.r.Method != http.MethodPost && v.Pages.language("").has(notice) {
		f.Notices = append(f.Notices, Say(notice))
	}
	return f
}

// secured leads back to /security with a notice of what was done, and puts the key that follows it into the cookie.
func (v *visit) secured(key customer.SessionKey, notice string) error {
	v.enter(key)
	return v.see("/security?notice=" + notice)
}

// showSecurity is open to who is signed in: it shows, and each form on it asks for a fresh proof.
func showSecurity(v *visit) error {
	v.renew()
	return v.securityPage(http.StatusOK)
}

func (v *visit) securityPage(status int, problems ...Problem) error {
	a, current, all, err := v.WaysIn.Own(v.context(), v.jar.Session)
	if errors.Is(err, customer.ErrNoSession) {
		return v.see(v.signIn())
	}
	if err != nil {
		return err
	}
	c := a.Credentials
	v.era = a.SessionEpoch
	page := &SecurityPage{Frame: v.ownFrame(stepSecurity, "/account", problems...), Email: a.Email, CodesLeft: codesLeft(c),
		Works: v.SignIns.Passkeys.Works() && len(c.Passkeys) < customer.MaxPasskeys, More: len(c.Apps) < customer.MaxApps}
	for _, k := range c.Passkeys {
		page.Passkeys = append(page.Passkeys, passkeyRow(k))
	}
	for _, app := range c.Apps {
		page.Apps = append(page.Apps, appRow(app))
	}
	for _, s := range all {
		row := SessionRow{ID: strconv.FormatInt(int64(s.ID), 10), Since: s.SignedInAt, Seen: s.SeenAt, This: s.ID == current.ID}
		row.Browser, row.System = browserName(s.Browser)
		page.Sessions = append(page.Sessions, row)
	}
	return v.show(status, page)
}

func codesLeft(c customer.Credentials) (left int) {
	for _, code := range c.Recovery {
		if code.UsedAt.IsZero() {
			left++
		}
	}
	return left
}

func passkeyRow(k customer.Passkey) PasskeyRow {
	return PasskeyRow{Path: "/security/passkeys/" + strconv.FormatInt(k.ID, 10), Name: k.Name, Added: k.AddedAt, Used: k.LastUsedAt,
		Synchronised: k.BackedUp, Copied: !k.ClonedAt.IsZero()}
}

func appRow(a customer.App) AppRow {
	return AppRow{Path: "/security/apps/" + strconv.FormatInt(a.ID, 10), Added: a.AddedAt, Used: a.LastUsedAt}
}

// factor is the number in the address, 0 for what is none.
func (v *visit) factor() int64 {
	id, err := strconv.ParseInt(v.r.PathValue("factor"), 10, 64)
	if err != nil {
		return 0
	}
	return id
}

// showFactor is the page of one passkey or app.
func showFactor(v *visit) error { return v.factorPage(http.StatusOK) }

func (v *visit) factorPage(status int, problems ...Problem) error {
	a, _, _, err := v.WaysIn.Own(v.context(), v.jar.Session)
	if err != nil {
		return err
	}
	page := &FactorPage{Frame: v.ownFrame(stepFactor, "/security", problems...), Last: a.Credentials.Steps() == 1}
	passkeys := strings.HasPrefix(v.r.URL.Path, "/security/passkeys/")
	for _, k := range a.Credentials.Passkeys {
		if row := passkeyRow(k); passkeys && k.ID == v.factor() {
			page.Passkey, page.Path, page.Name = &row, row.Path, k.Name
		}
	}
	for _, app := range a.Credentials.Apps {
		if row := appRow(app); !passkeys && app.ID == v.factor() {
			page.App, page.Path, page.Factor = &row, row.Path, v.r.PathValue("factor")
		}
	}
	if page.Path == "" {
		return errMissing
	}
	if typed, was := v.r.PostForm["passkey_name"]; was {
		page.Name = typed[0]
	}
	return v.show(status, page)
}

// factorAnswer answers a form about one passkey or app.
func (v *visit) factorAnswer(key customer.SessionKey, err error, notice string) error {
	switch {
	case err == nil:
		return v.secured(key, notice)
	case errors.Is(err, customer.ErrNoFactor): // gone already, or never the account's: which is nobody's business
		return v.see("/security?notice=gone")
	}
	if problems := problemsOf(err, stepFactor); len(problems) > 0 {
		return v.factorPage(http.StatusUnprocessableEntity, problems...)
	}
	return err
}

func postRename(v *visit) error {
	if err := v.ownPosted(stepFactor); err != nil {
		return err
	}
	err := v.WaysIn.RenamePasskey(v.context(), v.ownerPost(), v.factor(), v.r.PostForm.Get("passkey_name"))
	return v.factorAnswer(v.jar.Session, err, "renamed")
}

func postRemovePasskey(v *visit) error {
	if err := v.ownPosted(stepFactor); err != nil {
		return err
	}
	key, err := v.WaysIn.RemovePasskey(v.context(), v.ownerPost(), v.factor())
	return v.factorAnswer(key, err, "passkey-removed")
}

func postRemoveApp(v *visit) error {
	if err := v.ownPosted(stepFactor); err != nil {
		return err
	}
	key, err := v.WaysIn.RemoveApp(v.context(), v.ownerPost(), v.factor())
	return v.factorAnswer(key, err, "app-removed")
}

// postEndSession signs one browser out. One that is over, unknown or another account's is answered alike.
func postEndSession(v *visit) error {
	if err := v.ownPosted(stepSecurity); err != nil {
		return err
	}
	id, _ := strconv.ParseInt(v.r.PostForm.Get("session"), 10, 64)
	err := v.WaysIn.EndSession(v.context(), v.ownerPost(), customer.SessionID(id))
	switch {
	case err == nil:
		return v.see("/security?notice=ended")
	case errors.Is(err, customer.ErrNoChange):
		return v.see("/security?notice=over")
	}
	return err
}

func postEndOthers(v *visit) error {
	if err := v.ownPosted(stepSecurity); err != nil {
		return err
	}
	key, err := v.WaysIn.SignOutEverywhere(v.context(), v.ownerPost())
	if err != nil {
		return err
	}
	return v.secured(key, "others")
}
