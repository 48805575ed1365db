package web

import (
	"errors"
	"net/http"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
)

// stepPasskeys is the page of the customer's passkeys, no step of a journey.
const stepPasskeys claim.Step = "security/passkeys"

// showPasskeys lists the passkeys of the account that is signed in, and offers to add one.
func showPasskeys(v *visit) error {
	return v.passkeysPage(http.StatusOK)
}

func (v *visit) passkeysPage(status int, problems ...Problem) error {
	_, a, _, err := v.SignIns.Session(v.context(), v.jar.Session)
	if err != nil {
		return err
	}
	page := &PasskeysPage{Name: v.r.PostForm.Get("passkey_name"),
		Frame: Frame{Back: "/security", FormToken: v.token(string(stepPasskeys)), Problems: problems}}
	if v.r.Method != http.MethodPost {
		notices := map[string]string{"added": "passkeys.done", "cancelled": "passkeys.cancelled", "exists": "passkeys.exists",
			"unsupported": "passkeys.unsupported", "script_off": "passkeys.script"}
		if notice, known := notices[v.r.URL.Query().Get("notice")]; known {
			page.Notices = append(page.Notices, Say(notice))
		}
	}
	for _, k := range a.Credentials.Passkeys {
		page.Passkeys = append(page.Passkeys, passkeyRow(k))
	}
	if v.SignIns.Passkeys.Works() && len(a.Credentials.Passkeys) < customer.MaxPasskeys {
		page.Options = v.SignIns.PasskeyCreation(a, v.bound(stepPasskeys)...)
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
	}
	if problems := problemsOf(err, stepPasskeys); len(problems) > 0 {
		return v.passkeysPage(http.StatusUnprocessableEntity, problems...)
	}
	return err
}
