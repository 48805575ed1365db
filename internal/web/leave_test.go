package web_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
)

// Leaving first says what is kept, then goes to C11 with access_denied; the account stays what it was (journey section 2).
func TestLeave(t *testing.T) {
	t.Parallel()
	for page, kept := range map[string]string{"c1": "kept.partner", "c2": "kept.partner", "c3": "kept.unfinished", "c5": "kept.unfinished",
		"c7": "kept.unfinished", "c8": "kept.account", "c10": "kept.account"} {
		w := newWorld(t)
		o := w.open(w.partner, email)
		w.prefill(o)
		b := w.browser().claim(o, "s").walk(page, email)
		before := w.stored(o.account.ID)
		leave := b.tab().get(b.link("frame.leave")).expect(http.StatusOK, "leave")
		if !leave.has(kept) || leave.link("leave.stay") != b.at {
			t.Errorf("%s: says not %s, or stays at %s", page, kept, leave.link("leave.stay"))
		}
		leave.get(leave.link("leave.stay")).expect(http.StatusOK, page)
		leave.get(b.link("frame.leave"))
		action, form := leave.form()
		if action == "" {
			action = leave.at
		}
		cookie := b.cookie()
		leave.post().expect(http.StatusOK, "c11")
		if got := leadsTo(leave); got != callback+"&error=access_denied&error_description=left&state=s" {
			t.Errorf("%s: leads to %q", page, got)
		}
		if again := w.once(http.MethodPost, action, cookie, form); !strings.HasSuffix(again.location, "/return") {
			t.Errorf("%s: a second click leads to %q", page, again.location)
		}
		if w.stored(o.account.ID) != before || len(w.grants(o, w.partner)) != 0 {
			t.Errorf("%s: leaving changed the account", page)
		}
		b.get(b.at).expect(http.StatusOK, "c11")
		w.again(o, b, page)
	}
}

// again goes on after leaving: before C7 with a new code and from the start, after it by signing in.
func (w *world) again(o opened, b *browser, left string) {
	w.t.Helper()
	if w.account(o.account.ID).State == customer.Pending {
		w.clock.advance(time.Minute)
		b.claim(o, "s2").expect(http.StatusOK, "c1").walk("c2", email).walk("c11", email)
		return
	}
	b.get(authorize(w.partner, "", "s2")).expect(http.StatusOK, "r5").walk(left, email).walk("c11", email)
}

// Leaving from the sign-in of a visit.
func TestLeaveSignIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser().get(authorize(w.partner, "", "s")).expect(http.StatusOK, "r1")
	b.get(b.link("frame.leave")).expect(http.StatusOK, "leave").post().expect(http.StatusOK, "c11")
	if got := leadsTo(b); got != callback+"&error=access_denied&error_description=left&state=s" {
		t.Errorf("leads to %q", got)
	}
	b.get(strings.TrimSuffix(b.at, "/return")).expect(http.StatusOK, "c11")
}

// "This isn't me" on C1 or C2: it explains first; then the codes die, the browser's journey ends, and the account is as it was.
// Whoever has the link can press it, so it does no more (design 10.8).
func TestNotMeBeforeTheProof(t *testing.T) {
	t.Parallel()
	for _, page := range []string{"c1", "c2"} {
		w := newWorld(t)
		o := w.open(w.partner, email)
		code := w.mint(o)
		b := w.browser().get(authorize(w.partner, code, "s")).walk(page, email)
		other := w.browser().get(authorize(w.partner, code, "s")).walk("c2", email)
		before := w.stored(o.account.ID)
		b.get(b.base()+"/not-me").expect(http.StatusOK, "notme")
		if w.stored(o.account.ID) != before || w.code(code).State != "minted" {
			t.Errorf("%s: looking changed something", page)
		}
		action, form := b.form()
		if action == "" {
			action = b.at
		}
		cookie := b.cookie()
		b.post().expect(http.StatusOK, "c11")
		if got := leadsTo(b); got != callback+"&error=access_denied&error_description=not_me&state=s" {
			t.Errorf("%s: leads to %q", page, got)
		}
		if again := w.once(http.MethodPost, action, cookie, form); !strings.HasSuffix(again.location, "/return") {
			t.Errorf("%s: a second click leads to %q", page, again.location)
		}
		if w.stored(o.account.ID) != before || w.code(code).State != "cancelled" {
			t.Errorf("%s: the account changed, or the code lives", page)
		}
		w.browser().get(authorize(w.partner, code, "s")).expect(http.StatusGone, "e1")
		other.get(other.at).expect(http.StatusGone, "e1")
		w.clock.advance(time.Minute)
		w.browser().claim(o, "s").walk("c3", email)
	}
}

// After the proof it is the mailbox's owner who speaks: the account is held, and nothing of the partner's opens it again.
func TestNotMeAfterTheProof(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.open(w.partner, email)
	b := w.browser().claim(o, "s").walk("c5", email)
	at := b.at
	b.get(b.base()+"/not-me").expect(http.StatusOK, "notme")
	if !strings.Contains(b.says(), "on hold") {
		t.Error("the page does not say what happens")
	}
	b.post().expect(http.StatusOK, "c11")
	if a := w.account(o.account.ID); a.Hold != customer.HoldObjected || a.State != customer.Pending || a.Credentials.PasswordHash != "" {
		t.Errorf("the account is %s, hold %q", a.State, a.Hold)
	}
	if j := w.journeyAt(at); j.Provisional.PasswordHash != "" || len(j.AppSecret) != 0 {
		t.Error("the journey keeps what was set up")
	}
	b.get(at).expect(http.StatusOK, "c11")
}

// Once the account is the customer's own there is nothing to object to: the page and a late form lead to the journey's step.
func TestNotMeAfterTheCommit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.open(w.partner, email)
	w.prefill(o)
	b := w.browser().claim(o, "s").walk("c2", email)
	late := b.tab().get(b.base()+"/not-me").expect(http.StatusOK, "notme")
	b.walk("c8", email)
	before := w.stored(o.account.ID)
	late.post().expect(http.StatusOK, "c8")
	b.get(b.base()+"/not-me").expect(http.StatusOK, "c8")
	if w.stored(o.account.ID) != before {
		t.Error("the account changed")
	}
}

// What was left stays left, also when it is asked about again; a ticket that ran out objects to nothing.
func TestLeftAlready(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.open(w.partner, email)
	code := w.mint(o)
	b := w.browser().get(authorize(w.partner, code, "s"))
	b.get(b.link("frame.leave")).post().expect(http.StatusOK, "c11")
	for _, path := range []string{"", "/start", "/leave", "/not-me", "/continue", "/email"} {
		b.get(b.base()+path).expect(http.StatusOK, "c11")
	}
	late := w.browser().get(authorize(w.partner, code, "s"))
	late.get(late.link("c1.notme")).expect(http.StatusOK, "notme")
	w.clock.advance(claim.TicketLife)
	late.post().expect(http.StatusGone, "e3")
	if w.code(code).State != claim.Minted {
		t.Error("a late form ended the code")
	}
}

// A visit has no claim to object to.
func TestNotMeOnAVisit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, b := w.owned(email, "c11")
	b.get(authorize(w.partner, "", "s")).expect(http.StatusOK, "r5")
	b.get(b.base()+"/not-me").expect(http.StatusOK, "r5")
}
