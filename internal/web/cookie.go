package web

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// A jar is what the browser's one cookie holds, sealed: which session it has, and the requests that it opened and has
// not started (design 4.2). It is bound to the cookie's name and can be neither read nor made by the browser.
type jar struct {
	Session customer.SessionKey `json:"s"`
	// Tickets are newest first, at most maxTickets.
	Tickets []claim.Ticket `json:"t,omitempty"`
	// Nonce binds the forms of a browser that has no session yet.
	Nonce string `json:"n,omitempty"`

	// changed is set when the answer must set the cookie.
	changed bool
}

const (
	// maxTickets is how many opened requests one browser may hold (journey section 1).
	maxTickets = 5
	// maxCookie keeps the whole cookie inside the 4096 bytes that every browser stores (RFC 6265 section 6.1).
	maxCookie = 3900
)

// readJar opens the browser's cookie. One that was cut, forged, or sealed for another name is as none.
func (d *Door) readJar(r *http.Request) (j jar, kept bool) {
	cookie, err := r.Cookie(d.cookieName())
	if err != nil {
		return jar{}, false
	}
	plain, err := d.Keys.OpenCookie(d.cookieName(), cookie.Value)
	if err != nil || json.Unmarshal(plain, &j) != nil {
		return jar{}, false
	}
	return j, true
}

// saveJar sets the cookie when the jar changed: Secure and HttpOnly, so that neither the network nor a script reads it;
// Lax and not Strict, which would not be sent when a partner's page leads here (journey section 2).
func (v *visit) saveJar() {
	if !v.jar.changed {
		return
	}
	value := v.sealJar()
	http.SetCookie(v.w, &http.Cookie{Name: v.cookieName(), Value: value, Path: "/", Secure: v.secure(), HttpOnly: true,
		SameSite: http.SameSiteLaxMode})
	v.jar.changed = false
}

// sealJar drops the oldest tickets until the cookie fits.
func (v *visit) sealJar() string {
	for {
		value := v.seal(v.jar)
		if len(value) <= maxCookie || len(v.jar.Tickets) == 0 {
			return value
		}
		v.jar.Tickets = v.jar.Tickets[:len(v.jar.Tickets)-1]
	}
}

func (v *visit) seal(j jar) string {
	var plain bytes.Buffer
	e := json.NewEncoder(&plain)
	e.SetEscapeHTML(false) // six bytes for each & of an address would leave less room for a state
	if err := e.Encode(j); err != nil {
		v.Log.Error("writing the cookie", "reference", v.reference, "error", err)
		return ""
	}
	return v.Keys.SealCookie(v.cookieName(), plain.Bytes())
}

// fits reports whether a ticket has room in a cookie beside a session and a nonce. One that has none would be dropped
// silently, and the person be told that their browser keeps no cookies.
func (v *visit) fits(t claim.Ticket) bool {
	widest := customer.SessionKey{ID: 1<<53 - 1, Secret: secret.NewTokenSecret()}
	return len(v.seal(jar{Session: widest, Nonce: secret.Text(12), Tickets: []claim.Ticket{t}})) <= maxCookie
}

// keep puts a ticket in front; one with the same id is replaced, the oldest goes when there are too many.
func (j *jar) keep(t claim.Ticket) {
	j.drop(t.Text)
	j.Tickets = append([]claim.Ticket{t}, j.Tickets...)
	if len(j.Tickets) > maxTickets {
		j.Tickets = j.Tickets[:maxTickets]
	}
	j.changed = true
}

func (j *jar) drop(text string) {
	n := len(j.Tickets)
	j.Tickets = slices.DeleteFunc(j.Tickets, func(t claim.Ticket) bool { return t.Text == text })
	j.changed = j.changed || len(j.Tickets) != n
}

func (j *jar) ticket(text string) (claim.Ticket, bool) {
	for _, t := range j.Tickets {
		if t.Text == text {
			return t, true
		}
	}
	return claim.Ticket{}, false
}

// enter puts a session's new key into the cookie.
func (j *jar) enter(key customer.SessionKey) {
	if j.Session != key {
		j.Session, j.changed = key, true
	}
}

// anchor is what the forms of a page are bound to: the ticket while the journey is not started, else the session's row,
// else a nonce of the browser. It does not change when the session's secret does (design 10.23).
func (v *visit) anchor() string {
	if t, ok := v.jar.ticket(v.text); ok && v.text != "" {
		return "ticket " + t.Nonce
	}
	if v.jar.Session.ID != 0 {
		return "session " + strconv.FormatInt(int64(v.jar.Session.ID), 10)
	}
	if v.jar.Nonce == "" {
		v.jar.Nonce, v.jar.changed = secret.Text(12), true
	}
	return "nonce " + v.jar.Nonce
}

// token is the step_token of a form: the same for every render of that step. It stops a form that another site made, or
// that belongs to another step or browser, from being applied.
func (v *visit) token(step string) string {
	return v.Keys.Derive(secret.PurposeStep, v.anchor(), v.text, step)
}

// posted reads the form of a step and checks its token. A browser that kept no cookie cannot have the right one, and needs
// to hear of the cookie (E6) and not of the form.
func (v *visit) posted(step string) error {
	if err := v.parse(); err != nil {
		return err
	}
	switch {
	case !v.kept:
		return claim.ErrNoJourney
	case !v.Keys.Derived(v.r.PostForm.Get("step_token"), secret.PurposeStep, v.anchor(), v.text, step):
		return errStale
	}
	return nil
}
