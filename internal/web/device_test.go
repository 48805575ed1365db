package web_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/notify"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// known is the value of the browser's cookie of known devices; beKnown replaces it, and without a value forgets it.
func (b *browser) known() string {
	for _, c := range b.jar.Cookies(b.home()) {
		if c.Name == "lkd" {
			return c.Value
		}
	}
	return ""
}

func (b *browser) beKnown(value string) *browser {
	c := &http.Cookie{Name: "lkd", Value: value, Path: "/"}
	if value == "" {
		c.MaxAge = -1
	}
	b.jar.SetCookies(b.home(), []*http.Cookie{c})
	return b
}

// letters are the mails of a kind.
func (w *world) letters(kind customer.MailKind) []notify.Letter {
	w.t.Helper()
	all, err := w.inbox.List(w.t.Context(), 500)
	if err != nil {
		w.t.Fatal(err)
	}
	var list []notify.Letter
	for _, l := range all {
		if l.Kind == string(kind) {
			list = append(list, l)
		}
	}
	return list
}

// deviceTries is the count of the browser's known device.
func (w *world) deviceTries(b *browser) limit.Key {
	w.t.Helper()
	plain, err := w.keys.OpenCookie("lkd", b.known())
	var list []customer.DeviceKey
	if err == nil {
		err = json.Unmarshal(plain, &list)
	}
	var d customer.Device
	if err == nil {
		err = w.claims.Store.View(w.t.Context(), func(tx claim.Tx) (err error) {
			d, err = tx.DeviceByDigest(secret.Hash(list[0].Secret))
			return err
		})
	}
	if err != nil || d.ID == 0 {
		w.t.Fatalf("no known device: %v", err)
	}
	return limit.NewKey(limit.KindDevice, strconv.FormatInt(int64(d.ID), 10))
}

// exhaust is what strangers on a hundred networks do in a day: the account's wrong tries are used up.
func (w *world) exhaust(o opened) {
	w.t.Helper()
	w.change(o, func(tx claim.Tx, a *customer.Account) error {
		key := limit.NewKey(limit.KindAccount, strconv.FormatInt(int64(a.ID), 10))
		for limit.Spend(tx, key, w.clock.Now()) == nil {
		}
		return nil
	})
}

// The browser of the claim is known, and strangers who used up the tries of the account, and of its very network, do not shut
// its owner out (I12, design 10.25). A browser that was never here waits.
func TestKnownDeviceGetsIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, owner := w.owned(email, "c11")
	if owner.known() == "" || len(w.letters(customer.MailDevice)) != 0 {
		t.Fatal("the claim made no known device, or mailed of one")
	}
	stranger := w.browser()
	for range 5 {
		stranger.get("/signin").post("email", email, "password", "not the password").wrong(http.StatusUnprocessableEntity, "r1", "password", "r1.mismatch")
	}
	stranger.get("/signin").post("email", email, "password", goodPassword).expect(http.StatusTooManyRequests, "e8")
	w.exhaust(o)
	owner.keep("").get("/signin").post("email", email, "password", "not the password").wrong(http.StatusUnprocessableEntity, "r1", "password", "r1.mismatch")
	owner.walk("r2", email).post("code", wrongDigits(w.appCode(owner.key))).wrong(http.StatusUnprocessableEntity, "r2", "code", "c5.code.wrong")
	owner.walk("home", email)
	w.clock.advance(time.Hour)
	stranger.get("/signin").post("email", email, "password", goodPassword).expect(http.StatusTooManyRequests, "e8")
	if n := len(w.letters(customer.MailDevice)); n != 0 {
		t.Errorf("%d mails of a new device", n)
	}
}

// A sign-in from a browser that was not known is told to the owner, once, and without a word that a partner wrote.
func TestNewDeviceIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, owner := w.owned(email, "c11")
	other := owner.elsewhere().get("/signin").walk("r2", email)
	if len(w.letters(customer.MailDevice)) != 0 || other.known() != "" {
		t.Fatal("a password alone makes a known device, or mails of one")
	}
	other.walk("home", email)
	for range 2 {
		other.keep("").get("/signin").walk("home", email)
	}
	told := w.letters(customer.MailDevice)
	if len(told) != 1 || told[0].To != email || strings.Contains(told[0].Text+told[0].Subject, w.partner.Name) || strings.Contains(told[0].Text, "Mira") {
		t.Fatalf("told %d times: %+v", len(told), told)
	}
	other.beKnown("").keep("").get("/signin").walk("home", email)
	if n := len(w.letters(customer.MailDevice)); n != 2 {
		t.Errorf("%d mails after the browser lost its cookie", n)
	}
}

// Who has the cookie and nothing else has its tries: five, then waits, and a hundred in its life; then it is a stranger like
// any other. The owner's other browsers notice nothing.
func TestStolenDevice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, owner := w.owned(email, "c11")
	other := owner.elsewhere().get("/signin").walk("home", email)
	thief := w.browser().beKnown(owner.known())
	thief.get("/account").expect(http.StatusOK, "r1")
	w.exhaust(o)
	for range 5 {
		thief.get("/signin").post("email", email, "password", "not the password").wrong(http.StatusUnprocessableEntity, "r1", "password", "r1.mismatch")
	}
	thief.post("email", email, "password", goodPassword).expect(http.StatusTooManyRequests, "e8")
	if thief.header.Get("Retry-After") != "60" {
		t.Errorf("Retry-After %q", thief.header.Get("Retry-After"))
	}
	other.keep("").get("/signin").walk("home", email)
	// It goes on for days. With the hundredth the device is nobody's any more, and waits with the strangers.
	w.change(o, func(tx claim.Tx, _ *customer.Account) error {
		for range 94 {
			w.clock.advance(time.Hour)
			if err := limit.Spend(tx, w.deviceTries(owner), w.clock.Now()); err != nil {
				t.Errorf("a try of the device is refused: %v", err)
			}
		}
		return nil
	})
	w.exhaust(o)
	w.clock.advance(time.Hour)
	thief.get("/signin").post("email", email, "password", "not the password").wrong(http.StatusUnprocessableEntity, "r1", "password", "r1.mismatch")
	w.clock.advance(time.Hour)
	thief.get("/signin").post("email", email, "password", goodPassword).expect(http.StatusTooManyRequests, "e8")
	owner.keep("").get("/signin").post("email", email, "password", goodPassword).expect(http.StatusTooManyRequests, "e8")
}

// A stolen cookie is of no use for another account, under another name, or cut.
func TestDeviceOfAnotherAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, mine := w.owned("thief@example.org", "c11")
	o, owner := w.owned(email, "c11")
	w.exhaust(o)
	for name, value := range map[string]string{"another account's": mine.known(), "the session's": owner.cookie(), "cut": owner.known()[:40], "none": ""} {
		b := w.browser().beKnown(value).get("/signin")
		if b.post("email", email, "password", goodPassword); b.status != http.StatusTooManyRequests {
			t.Errorf("%s cookie: %d", name, b.status)
		}
	}
	// A browser of two people is known to both, and forgets neither when one signs in.
	w.clock.advance(24 * time.Hour)
	shared := mine.elsewhere().get("/signin").walk("home", "thief@example.org")
	shared.key = owner.key
	shared.keep("").get("/signin").walk("home", email)
	w.exhaust(o)
	shared.keep("").get("/signin").walk("home", email)
	if n := len(w.letters(customer.MailDevice)); n != 2 {
		t.Errorf("%d mails of new devices, want one for each of the two", n)
	}
}

// Known devices die with the sessions: a new password, signing out everywhere, a recovery (whatever raises an epoch), and after
// a year without a sign-in.
func TestDevicesEnd(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(w *world, o opened){
		"session epoch": func(w *world, o opened) {
			w.change(o, func(_ claim.Tx, a *customer.Account) error { a.SessionEpoch++; return nil })
		},
		"epoch": func(w *world, o opened) {
			w.change(o, func(_ claim.Tx, a *customer.Account) error { a.Epoch++; return nil })
		},
		"a year": func(w *world, _ opened) { w.clock.advance(customer.DeviceLife) },
	} {
		w := newWorld(t)
		o, owner := w.owned(email, "c11")
		end(w, o)
		w.exhaust(o)
		owner.keep("").get("/signin").post("email", email, "password", goodPassword).expect(http.StatusTooManyRequests, "e8")
		w.clock.advance(24 * time.Hour)
		owner.get("/signin").walk("home", email)
		if n := len(w.letters(customer.MailDevice)); n != 1 {
			t.Errorf("%s: %d mails", name, n)
		}
	}
}

// The cookie: for this host alone, no script, no other site, a year; over TLS with the prefix that keeps neighbours out. It is
// sealed anew each time, so that it is nobody's mark of a person, and names nobody.
func TestDeviceCookie(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, owner := w.owned(email, "c11")
	first := owner.known()
	if owner.keep("").get("/signin").walk("home", email); owner.known() == first || owner.known() == "" {
		t.Error("the cookie is the same after another sign-in, or gone")
	}
	w.server = httptest.NewUnstartedServer(nil)
	w.server.StartTLS()
	t.Cleanup(w.server.Close)
	w.door.WebURL = w.server.URL
	w.server.Config.Handler = w.door.Handler()
	b := w.browser()
	b.key, b.client.Transport = owner.key, w.server.Client().Transport
	b.get("/signin").walk("r2", email)
	var set *http.Cookie
	b.client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		for _, c := range r.Response.Cookies() {
			if strings.HasSuffix(c.Name, "lkd") {
				set = c
			}
		}
		return nil
	}
	b.walk("home", email)
	if set == nil || set.Name != "__Host-lkd" || !set.HttpOnly || !set.Secure || set.SameSite != http.SameSiteStrictMode || set.Path != "/" || set.Domain != "" ||
		set.MaxAge != 365*24*3600 {
		t.Errorf("the cookie is %+v", set)
	}
}

// A thousand networks guess for days, as fast as they are let: what is compared stays at a hundred a day. The owner gets in
// every day all the same, from a known device and, on one that was never here, with a passkey.
func TestDistributedGuessing(t *testing.T) {
	t.Parallel()
	networks, days, before := 20, 1, 90
	if os.Getenv("LATCHKEY_FULL") != "" {
		networks, days, before = 4000, 3, 0
	}
	w := newWorld(t)
	o, owner, d := w.ownedByPasskey(email)
	w.change(o, func(tx claim.Tx, a *customer.Account) error {
		for range before {
			if err := limit.Spend(tx, limit.NewKey(limit.KindAccount, strconv.FormatInt(int64(a.ID), 10)), w.clock.Now()); err != nil {
				return err
			}
		}
		return nil
	})
	signIns, compared := w.door.SignIns, before
	for day := range days {
		for n := range networks {
			_, err := signIns.Password(t.Context(), customer.SessionKey{}, email, fmt.Sprintf("guess %d of day %d", n, day), false,
				customer.Origin{Network: fmt.Sprintf("2001:db8:%x::/48", n)})
			switch {
			case errors.Is(err, customer.ErrSignIn):
				compared++
			case !errors.Is(err, limit.ErrExceeded):
				t.Fatal(err)
			}
		}
		owner.keep("").get("/signin").post("email", email, "password", goodPassword).expect(http.StatusOK, "r2").usesPasskey(d).expect(http.StatusOK, "home")
		w.browser().get("/signin").usesPasskey(d).expect(http.StatusOK, "home")
		w.clock.advance(24 * time.Hour)
	}
	if compared != 100*days {
		t.Errorf("%d guesses were compared in %d days", compared, days)
	}
}

// A customer who changes the password, or signs out everywhere, makes every browser a stranger but the one in hand.
func TestOtherDevicesEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, owner := w.owned(email, "c11")
	other := owner.elsewhere().get("/signin").walk("home", email)
	owner.get("/security").walk("security", email).fills("/security/sessions/end-others").expect(http.StatusOK, "security")
	w.exhaust(o)
	other.keep("").get("/signin").post("email", email, "password", goodPassword).expect(http.StatusTooManyRequests, "e8")
	owner.keep("").get("/signin").walk("home", email)
	if n := len(w.letters(customer.MailDevice)); n != 1 {
		t.Errorf("%d mails of a new device, want that of the other browser alone", n)
	}
}

// Who got back in with a forgotten password is known in that browser, and the browsers of before are strangers: whoever had taken
// the account over is one of them.
func TestDevicesAfterAForgottenPassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, owner, _ := w.ownedWithCodes(email, "c11")
	w.clock.advance(time.Minute)
	b := w.proven(email)
	b.post("code", w.appCode(owner.key)).expect(http.StatusOK, "c3").post("new_password", newPassword).expect(http.StatusOK, "home")
	w.exhaust(o)
	b.keep("").get("/signin").post("email", email, "password", newPassword).expect(http.StatusOK, "r2")
	owner.keep("").get("/signin").post("email", email, "password", newPassword).expect(http.StatusTooManyRequests, "e8")
	if n := len(w.letters(customer.MailDevice)); n != 0 {
		t.Errorf("%d mails of a new device, beside the one of the changed password", n)
	}
}

// Strangers who ask for mails until none is sent any more keep nobody from a forgotten password whose browser is known.
func TestKnownDeviceIsMailed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, owner := w.owned(email, "c11")
	for range 4 {
		w.browser().get("/forgot").post("email", email).expect(http.StatusOK, "r4.code")
	}
	w.browser().get("/forgot").post("email", email).expect(http.StatusTooManyRequests, "e8")
	owner.keep("")
	for range 4 {
		owner.get("/forgot").post("email", email).expect(http.StatusOK, "r4.code")
	}
	owner.post("code", w.forgotten(email)).expect(http.StatusOK, "r4.step")
	owner.keep("").get("/forgot").post("email", email).expect(http.StatusTooManyRequests, "e8")
}
