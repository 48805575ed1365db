package web_test

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// OpenID Connect Core 3.1.2.1: a sign-in older than max_age is asked for again, also by whoever opens the later pages by their
// address; a younger one passes. acr_values and ui_locales are wishes, and unknown ones no mistake.
func TestMaxAge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, b := w.owned(email, "c11")
	w.clock.advance(time.Minute)
	b.get(authorize(w.partner, "", "s")+"&max_age=60").expect(http.StatusOK, "r5").post().walk("c11", email)
	w.clock.advance(time.Millisecond)
	b.get(authorize(w.partner, "", "s")+"&max_age=60&acr_values=urn:x+1&ui_locales=xx+de").expect(http.StatusOK, "r1")
	jid := strings.TrimPrefix(b.at, "/signin?journey=")
	for _, path := range []string{"/continue", "/allow", "/return", ""} {
		b.get("/j/"+jid+path).expect(http.StatusOK, "r1")
	}
	b.get("/signin?journey="+jid).walk("c11", email)

	w.clock.advance(time.Minute)
	stale := b.elsewhere() // the same customer in another browser, signed in before
	stale.get("/signin").walk("home", email)
	w.clock.advance(2 * time.Minute)
	b.get(authorize(w.partner, "", "s")+"&max_age=60").expect(http.StatusOK, "r1").walk("c11", email)
	at := b.at
	stale.get(at).expect(http.StatusOK, "r1").walk("c11", email)

	for name, query := range map[string]string{"too old": "&prompt=none&max_age=60", "any": "&prompt=none&max_age=0"} {
		w.clock.advance(time.Hour)
		e := w.once(http.MethodGet, authorize(w.partner, "", "s")+query, b.cookie(), nil)
		if e.status != http.StatusSeeOther || !strings.HasPrefix(e.location, callback+"&error=login_required&") {
			t.Errorf("%s: %d to %q", name, e.status, e.location)
		}
	}
	e := w.once(http.MethodGet, authorize(w.partner, "", "s")+"&prompt=none&max_age=1x", b.cookie(), nil)
	if e.status != http.StatusSeeOther || !strings.HasPrefix(e.location, callback+"&error=invalid_request&") {
		t.Errorf("no number: %d to %q", e.status, e.location)
	}
}
