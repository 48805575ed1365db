package web_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
)

// TestActivity: what the customer, partners and strangers did is told in words, with when and from where, and leads to what one can do.
func TestActivity(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, b := w.owned(email, "c11")
	c, p := w.proposer(o)
	if _, err := w.customers.UpdatePersonal(context.Background(), c, p.ID, customer.Personal{Values: map[customer.Field]string{customer.FirstName: "Moira"}}); err != nil {
		t.Fatal(err)
	}
	w.browser().get("/signin").post("email", email, "password", "not the password of Mira").expect(http.StatusUnprocessableEntity, "r1")
	b.get(w.stopPath(o)).post().expect(http.StatusOK, "access")
	b.get("/account").expect(http.StatusOK, "home")
	b.get(b.link("home.activity")).expect(http.StatusOK, "activity")
	says := b.says()
	for _, text := range []string{"Acme Treasury opened the account", "Acme Treasury made a profile", "You took over the account that Acme Treasury opened", "You gave Acme Treasury access",
		"Acme Treasury proposed changes to your details", "Somebody tried to sign in, and was refused", "You stopped the access of Acme Treasury", "22 November 2026 , 09:00", "From the network 192.0.2.0/24"} {
		if !strings.Contains(says, text) {
			t.Errorf("%q is not there: %s", text, says)
		}
	}
	for _, hidden := range []string{"Moira", email, "1988"} {
		if told(says, hidden) {
			t.Errorf("%q is on the page", hidden)
		}
	}
	if b.link("activity.notme") != "#not-me" || b.link("activity.notme.password") != "/security/password" || b.link("activity.notme.access") != "/access" || b.has("activity.earlier") {
		t.Errorf("the ways on: %s", b.says())
	}
	w.faults.failAll()
	b.get("/activity").expect(http.StatusServiceUnavailable, "e12")
	w.faults.heal()
}

// TestActivityIsTheOwners: nobody sees another's, whatever number the address names, nor without both steps, nor on hold.
func TestActivityIsTheOwners(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, b := w.owned(email, "c11")
	_, other := w.owned("jonas.kade@example.org", "c8")
	for _, path := range []string{"/activity", "/activity?before=9007199254740991", "/activity?before=-1", "/activity?before=x"} {
		other.get(path).expect(http.StatusOK, "activity")
		if strings.Contains(other.says(), "You gave") {
			t.Errorf("%s shows another's", path)
		}
	}
	for what, who := range map[string]*browser{"a stranger": w.browser(), "halfway": b.elsewhere().get("/signin").walk("r2", email)} {
		if who.get("/activity"); who.id != "r1" {
			t.Errorf("%s sees it", what)
		}
	}
	if _, err := w.customers.Hold(context.Background(), o.account.ID); err != nil {
		t.Fatal(err)
	}
	b.get("/activity").expect(http.StatusOK, "r1")
}

// TestActivityIsPaged: fifty at once, each once, and nothing older than twelve months.
func TestActivityIsPaged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, b := w.owned(email, "c11")
	note := func(at time.Time) {
		must(t, w.claims.Store.Change(t.Context(), func(claim.Tx) (audit.Event, error) {
			return audit.Event{At: at, Action: audit.GrantUsed, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorPartner, ID: int64(w.partner.ID)},
				Partner: int64(w.partner.ID), Account: int64(o.account.ID)}, nil
		}))
	}
	note(w.clock.Now().AddDate(0, -12, 0).Add(-time.Millisecond))
	for range 70 {
		note(w.clock.Now())
	}
	seen := 0
	for b.get("/activity"); ; b.get(b.link("activity.earlier")) {
		b.expect(http.StatusOK, "activity")
		seen += strings.Count(b.body, `data-msg="activity.used"`)
		if strings.Count(b.body, "<dt ") > 50 {
			t.Errorf("%d on a page", strings.Count(b.body, "<dt "))
		}
		if !b.has("activity.earlier") {
			break
		}
	}
	if seen != 70 {
		t.Errorf("%d of 70, and one that is too old", seen)
	}
}
