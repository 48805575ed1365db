package web

import (
	"errors"
	"net/http"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
)

// stepPasskeys is the page of the customer's passkeys, no step of a journey.
const stepPasskeys claim.Step = "security/passkeys"

// showPasskeys lists the passkeys of the account that is signed in.
func showPasskeys(v *visit) error {
	v.renew()
	return v.passkeysPage(http.StatusOK)
}

func (v *visit) passkeysPage(status int, problems ...Problem) error {
	s, a, _, err := v.SignIns.Session(v.context(), v.jar.Session)
	if errors.Is(err, customer.ErrNoSession) || err == nil && !s.SignedIn(a, v.Now()) {
		return v.see("/signin")
	}
	if err != nil {
		return err
	}
	page := &PasskeysPage{Name: v.r.PostForm.Get("passkey_name"),
		Frame: Frame{Back: "/account", FormToken: v.token(string(stepPasskeys)), Problems: problems}}
	if v.r.Method != http.MethodPost {
		notices := map[string]string{"added": "passkeys.done", "cancelled": "passkeys.cancelled", "exists": "passkeys.exists",
			"unsupported": "passkeys.unsupported", "script_off": "passkeys.script"}
		if notice, known := notices[v.r.URL.Query().Get("notice")]; known {
			page.Notices = append(page.Notices, Say(notice))
		}
	}
	for _, k := range a.Credentials.Passkeys {
		page.Passkeys = append(page.Passkeys, PasskeyRow{Name: k.Name, Added: k.AddedAt, Used: k.LastUsedAt, Synchronised: k.BackedUp, Copied: !k.ClonedAt.IsZero()})
	}
	switch {
	case !v.SignIns.Passkeys.Works() || len(a.Credentials.Passkeys) >= customer.MaxPasskeys:
	case s.Fresh(v.Now()):
		page.Options = v.SignIns.PasskeyCreation(a, v.bound(stepPasskeys)...)
	default:
		page.Again = "/signin?again=1"
	}
	return v.show(status, page)
}

func postPasskeys(v *visit) error {
	if err := v.posted(string(stepPasskeys)); err != nil {
		return err
	}
	outcome := v.r.PostForm.Get("outcome")
	if _, none := outcomes()[outcome]; none {
		return v.see("/security/passkeys?notice=" + outcome)
	}
	err := v.SignIns.AddPasskey(v.context(), v.passkeyPost(stepPasskeys), v.r.PostForm.Get("passkey_name"))
	switch {
	case err == nil:
		return v.see("/security/passkeys?notice=added")
	case errors.Is(err, customer.ErrPasskeySpent):
		return v.see("/security/passkeys") // the second of two clicks
	case errors.Is(err, customer.ErrNoSession):
		return v.see("/signin")
	case errors.Is(err, customer.ErrNotFresh):
		return v.see("/security/passkeys")
	}
	if problems := problemsOf(err, stepPasskeys); len(problems) > 0 {
		return v.passkeysPage(http.StatusUnprocessableEntity, problems...)
	}
	return err
}
