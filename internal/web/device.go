package web

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/latchkey-id/latchkey/internal/customer"
)

// maxDevices is of how many accounts one browser is known: people of one household share one.
const maxDevices = 5

// deviceCookie is the name of the cookie of known devices: __Host-lkd, or lkd where the pages are on http (design 10.25).
func (d *Door) deviceCookie() string {
	if d.secure() {
		return "__Host-lkd"
	}
	return "lkd"
}

// devices are the accounts that the browser's cookie knows. One that was cut, forged, or sealed for another name is as none.
func (v *visit) devices() []customer.DeviceKey {
	cookie, err := v.r.Cookie(v.deviceCookie())
	if err != nil {
		return nil
	}
	plain, err := v.Keys.OpenCookie(v.deviceCookie(), cookie.Value)
	var list []customer.DeviceKey
	if err != nil || json.Unmarshal(plain, &list) != nil {
		return nil
	}
	return list[:min(len(list), maxDevices)]
}

// enter puts the key of a browser that has just signed in whole into its cookie, and remembers the browser. The cookie of
// known devices is sealed anew each time, sent to this host alone and with no link of another site (Strict), so that
// nobody else can follow a person by it. It only spares waits: a sign-in stands without it.
func (v *visit) enter(key customer.SessionKey) {
	v.jar.enter(key)
	o := v.origin()
	device, ok, err := v.SignIns.DeviceKey(v.context(), key, o)
	if err != nil || !ok {
		if err != nil {
			v.Log.Warn("remembering the browser", "reference", v.reference, "error", err)
		}
		return
	}
	list := slices.DeleteFunc(o.Devices, func(d customer.DeviceKey) bool { return d.Account == device.Account })
	list = append([]customer.DeviceKey{device}, list...)
	plain, err := json.Marshal(list[:min(len(list), maxDevices)])
	if err != nil {
		return // numbers and text alone: this does not happen
	}
	http.SetCookie(v.w, &http.Cookie{Name: v.deviceCookie(), Value: v.Keys.SealCookie(v.deviceCookie(), plain), Path: "/",
		MaxAge: int(customer.DeviceLife / time.Second), Secure: v.secure(), HttpOnly: true, SameSite: http.SameSiteStrictMode})
}
