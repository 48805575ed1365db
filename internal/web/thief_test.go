package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/store"
)

// Session fixation over a shared browser: somebody begins a claim of their own there, keeps a copy of its cookie, and asks again and again
// while the next person begins theirs. The secret that Start gives the session is for the browser with the ticket alone.
func TestPlantedSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	theirs, mine := w.open(w.partner, "eve@example.org"), w.open(w.partner, email)
	w.prefill(mine)
	b := w.browser().claim(theirs, "s").walk("c3", "eve@example.org")
	planted, at := b.cookie(), b.at
	b.claim(mine, "s2").expect(http.StatusOK, "c1")
	action, form := b.form("email", email)
	started := w.once(http.MethodPost, action, b.cookie(), form)
	thief := w.browser().keep(planted).get(at)
	for _, path := range []string{started.location, "/account"} {
		if thief.get(path); thief.status < 400 && thief.id != "r1" {
			t.Errorf("who planted the session sees page %q with %d", thief.id, thief.status)
		}
	}
	if thief.cookie() != planted {
		t.Error("the old cookie is answered with another one")
	}
	// The browser goes on, with both journeys, also when it has lost the first answer.
	again := w.once(http.MethodPost, action, b.cookie(), form)
	b.keep(again.cookie).get(started.location).walk("c11", email)
}

// Who has a link has at most twenty guesses at the address that belongs to it, however often they open it.
func TestAddressIsNotGuessed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.open(w.partner, email)
	code := w.mint(o)
	guesses := 0
	for range 8 {
		b := w.browser().get(authorize(w.partner, code, "s")).expect(http.StatusOK, "c1")
		for range 5 {
			if b.post("email", "someone@example.org"); b.status == http.StatusUnprocessableEntity {
				guesses++
				continue
			}
			break
		}
	}
	if guesses > 20 {
		t.Errorf("%d guesses at the address of one link", guesses)
	}
	w.browser().claim(o, "s").walk("c2", email)
}

// Links that have run out are refused as often as somebody shows them, and nobody can fill the audit with it: of one network ten a minute are
// on record. The answer is the same for each.
func TestDeadLinksDoNotFillTheAudit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pending := w.open(w.partner, "ines@example.org")
	claims := authorize(w.partner, w.mint(pending), "s")
	o, _ := w.owned(email, "c8")
	w.asked(email)
	objection, cancel := w.objection(email), w.cancelLink(email)
	_, form := w.browser().get(objection).form()
	w.clock.advance(20 * 24 * time.Hour)
	for _, c := range []struct {
		id           customer.AccountID
		method, path string
		form         url.Values
		status       int
		action       audit.Action
	}{
		{pending.account.ID, http.MethodGet, claims, nil, http.StatusGone, audit.CodeRefused},
		{o.account.ID, http.MethodPost, objection, form, http.StatusNotFound, audit.ObjectionRefused},
		{o.account.ID, http.MethodPost, cancel, form, http.StatusNotFound, audit.RecoveryRefused},
	} {
		for range 15 {
			if e := w.once(c.method, c.path, "", c.form); e.status != c.status {
				t.Errorf("%s is answered with %d", c.action, e.status)
			}
		}
		if recorded := w.actions(c.id)[c.action]; recorded != 10 {
			t.Errorf("%s is on record %d times", c.action, recorded)
		}
		w.clock.advance(time.Minute)
		w.once(c.method, c.path, "", c.form)
		if recorded := w.actions(c.id)[c.action]; recorded != 11 {
			t.Errorf("%s is on record %d times after a minute", c.action, recorded)
		}
		w.clock.advance(time.Minute)
	}
}

// A consent that nobody gave: C10 asks about one thing more, since the rest is allowed already. The customer stops that access in another
// tab, and then answers the first one: what they allow is what the page said, so they are asked again about all of it.
func TestAllowingMoreAfterAStop(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, b := w.owned(email, "c11")
	asks := authorize(w.partner, "", "s") + "&scope=" + url.QueryEscape("account.read profiles.read profiles.write")
	b.get(asks).expect(http.StatusOK, "r5").post().expect(http.StatusOK, "c10")
	if !strings.Contains(b.says(), "also wants to") {
		t.Fatalf("not asked as somebody who has access: %s", b.says())
	}
	action, form := b.form("decision", "allow", "scope", "profiles.write")
	b.tab().get(w.stopPath(o)).expect(http.StatusOK, "access.stop").post().expect(http.StatusOK, "access")
	b.send(action, form).expect(http.StatusOK, "c10")
	if strings.Contains(b.says(), "also wants to") {
		t.Errorf("the page is still the old one: %s", b.says())
	}
	if w.allowed(o) {
		t.Error("the access stands again")
	}
	b.post("decision", "allow").expect(http.StatusOK, "c11")
	if !w.allowed(o) {
		t.Error("what was allowed does not stand")
	}
}

// allowed reports whether the partner has an access that stands.
func (w *world) allowed(o opened) (stands bool) {
	w.t.Helper()
	err := w.claims.Store.View(w.t.Context(), func(tx claim.Tx) error {
		list, err := tx.GrantsOf(o.account.ID)
		for _, g := range list {
			stands = stands || g.Stands(w.clock.Now())
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return stands
}

// Made-up addresses have counts of their own, and each try costs a hash, which everybody else waits for, and rows of the database. One network
// has sixty wrong sign-ins a minute over all addresses, and its known browsers are counted apart.
func TestSignInsByTheThousand(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, owner := w.owned(email, "c8")
	owner.get("/account")
	w.signOut(owner)
	stranger, wrong := w.browser(), 0
	action, form := stranger.get("/signin").expect(http.StatusOK, "r1").form("password", "not the password")
	for ; wrong < 200; wrong++ {
		form.Set("email", fmt.Sprintf("nobody%d@example.org", wrong))
		if stranger.send(action, form); stranger.status != http.StatusUnprocessableEntity {
			break
		}
	}
	if wrong != 60 || stranger.header.Get("Retry-After") == "" {
		t.Errorf("one network had %d wrong sign-ins at one time", wrong)
	}
	stranger.expect(http.StatusTooManyRequests, "e8")
	before := w.entries()
	stranger.send(action, form).expect(http.StatusTooManyRequests, "e8")
	if w.entries() != before {
		t.Error("what is turned away is on record")
	}
	owner.get("/signin").walk("home", email)
	w.clock.advance(time.Minute)
	// Nor does who knows a password go on with it without end.
	right, other := 0, w.browser().get("/signin")
	action, form = other.form("email", email, "password", goodPassword)
	for cookie := other.cookie(); right < 100; right++ {
		if e := w.once(http.MethodPost, action, cookie, form); e.status != http.StatusSeeOther {
			break
		}
	}
	if right != 60 {
		t.Errorf("the right password was taken %d times at one time", right)
	}
}

// entries is how many events are in the audit.
func (w *world) entries() int {
	w.t.Helper()
	list, err := (audit.Events{Store: store.Audit{DB: w.db}}).Tail(w.t.Context(), audit.Filter{Limit: 10_000})
	if err != nil {
		w.t.Fatal(err)
	}
	return len(list)
}

// A partner puts another proposal in the place of the one that the customer reads, in the same moment, or by way of a node whose clock is
// behind: what is accepted is what was read.
func TestProposalsOfLateClocks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, b := w.owned(email, "c11")
	c, p := w.proposer(o)
	for _, behind := range []time.Duration{0, time.Second} {
		for _, city := range []string{"Edinburgh", "Leeds"} {
			if _, err := w.customers.UpdatePersonal(t.Context(), c, p.ID, customer.Personal{Values: map[customer.Field]string{customer.City: city}}); err != nil {
				t.Fatal(err)
			}
			if city == "Edinburgh" {
				b.get("/details/proposals").expect(http.StatusOK, "proposals")
				w.clock.advance(-behind)
			}
		}
		b.post(fmt.Sprintf("choice-address-%d", p.ID), "accept").expect(http.StatusConflict, "proposals")
		if !b.has("details.changed") || !strings.Contains(b.says(), "Leeds") {
			t.Errorf("%s behind: %s", behind, b.says())
		}
		if _, now := w.proposer(o); now.Value(customer.City) != "Leith" {
			t.Errorf("%s behind: lives in %s by now", behind, now.Value(customer.City))
		}
		w.clock.advance(time.Minute)
	}
	b.post(fmt.Sprintf("choice-address-%d", p.ID), "accept").expect(http.StatusOK, "proposals")
}

// A new password costs a hash too: at C3, on /security and after a forgotten one a browser has twenty a minute.
func TestNewPasswordsByTheHundred(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser().claim(w.open(w.partner, "ines@example.org"), "s").walk("c3", "ines@example.org")
	_, owner := w.settled(email)
	owner.get("/security/password").expect(http.StatusOK, "newpassword")
	forgotten := w.proven(email)
	w.clock.advance(time.Minute)
	forgotten.post("code", w.appCode(owner.key)).expect(http.StatusOK, "c3")
	for name, b := range map[string]*browser{"C3": b, "/security": owner, "forgotten": forgotten} {
		action, form := b.form("new_password", "password1234")
		given := 0
		for ; given < 50; given++ {
			if e := w.once(http.MethodPost, action, b.cookie(), form); e.status != http.StatusUnprocessableEntity {
				if e.status != http.StatusTooManyRequests || e.page() != "e8" {
					t.Errorf("%s: page %q with %d", name, e.page(), e.status)
				}
				break
			}
		}
		if given != 20 {
			t.Errorf("%s: %d new passwords at one time", name, given)
		}
	}
	w.clock.advance(time.Minute)
	b.post("new_password", goodPassword).expect(http.StatusOK, "c4")
}
