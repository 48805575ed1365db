package web_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
)

// C1 shows no personal data: whoever has the link can read it. Its address holds no code.
func TestStartTellsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.open(w.partner, email)
	w.prefill(o)
	code := w.mint(o)
	b := w.browser().get(authorize(w.partner, code, "s")).expect(http.StatusOK, "c1")
	for _, word := range []string{email, "mira", "Mira", "Kade", "+44", "Harbour", "1988", code} {
		if told(b.body, word) {
			t.Errorf("C1 holds %q", word)
		}
	}
	if !strings.Contains(b.body, "Acme Treasury") || b.link("c1.notme") == "" || b.link("frame.leave") == "" {
		t.Error("C1 does not say who asked, or has no way out")
	}
	if f := b.field("email"); attribute(f, "type") != "email" || attribute(f, "autocomplete") != "email" || attribute(f, "spellcheck") != "false" {
		t.Error("the field is not as the table of fields says")
	}
}

// The sentences of C1, the typed address kept; five other addresses, and then only the partner can help.
func TestStartFields(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.open(w.partner, email)
	b := w.browser().claim(o, "s")
	before := w.stored(o.account.ID)
	for _, typed := range []string{"", " ", "mira", "mira@", "@example.org", "mira@example", "a b@example.org", "mira@example.org, x@example.org",
		"\"mira\"@example.org\r\nBcc: x@example.org", "mira\x00@example.org", strings.Repeat("a", 250) + "@example.org", "mira@exa\u202emple.org"} {
		b.post("email", typed, "more_time", "yes").wrong(http.StatusUnprocessableEntity, "c1", "email", "c1.email.empty")
		// A parser of HTML turns line ends and NUL into what it may hold.
		if got, want := b.value("email"), strings.NewReplacer("\r\n", "\n", "\x00", "\ufffd").Replace(typed); got != want {
			t.Errorf("typed %q, kept %q", typed, got)
		}
		if b.value("more_time") == "" {
			t.Error("the tick is not kept")
		}
	}
	for range 5 {
		b.post("email", "someone@example.org").wrong(http.StatusUnprocessableEntity, "c1", "email", "c1.email.other")
		if b.value("email") != "someone@example.org" {
			t.Errorf("kept %q", b.value("email"))
		}
	}
	b.post("email", email).expect(http.StatusTooManyRequests, "e8")
	if got := b.link("way.restart"); got != restart+"?reason=expired&state=s" {
		t.Errorf("E8 leads to %q", got)
	}
	if b.header.Get("Retry-After") != "" {
		t.Error("E8 promises that waiting helps")
	}
	if letters, err := w.inbox.List(context.Background(), 5); err != nil || len(letters) > 0 {
		t.Errorf("%d mails went out: %v", len(letters), err)
	}
	if w.stored(o.account.ID) != before {
		t.Error("typing addresses changed the account")
	}
	w.browser().claim(o, "s").walk("c3", email)
}

// Another spelling of the same address is the same address; the mail goes to the one that the partner gave.
func TestStartTakesSpellings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.open(w.partner, email)
	for _, typed := range []string{"MIRA.Kade@Example.ORG", "  mira.kade@example.org\t", "mira.kade@example.org"} {
		w.clock.advance(time.Minute)
		w.browser().claim(o, "s").post("email", typed).expect(http.StatusOK, "c2").walk("c3", email)
	}
}

// The same token stands on every render of C1, and a second click gets the same answer: one mail, one session, whichever of
// the two cookies the browser keeps.
func TestStartTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.open(w.partner, email)
	w.prefill(o)
	b := w.browser().claim(o, "s")
	action, form := b.form("email", email)
	if _, again := b.tab().get(action).form(); again.Get("step_token") != form.Get("step_token") {
		t.Error("a second GET has another token")
	}
	cookie := b.cookie()
	first := w.once(http.MethodPost, action, cookie, form)
	second := w.once(http.MethodPost, action, cookie, form)
	if first.status != http.StatusSeeOther || first.location != second.location || second.status != first.status {
		t.Fatalf("%d to %q, then %d to %q", first.status, first.location, second.status, second.location)
	}
	if letters, err := w.inbox.List(context.Background(), 5); err != nil || len(letters) != 1 {
		t.Errorf("%d mails went out: %v", len(letters), err)
	}
	third := w.once(http.MethodPost, action, second.cookie, form)
	if third.status != http.StatusSeeOther || third.location != first.location {
		t.Errorf("with the new cookie: %d to %q", third.status, third.location)
	}
	for _, kept := range []string{first.cookie, second.cookie} {
		w.browser().keep(kept).get(first.location).expect(http.StatusOK, "c2")
	}
	b.keep(second.cookie).get(first.location).walk("c11", email)
}

// A second click in a browser that had a session already: the session's secret changes with Start, and both answers keep the
// browser on its way.
func TestStartTwiceWithASession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one, two := w.open(w.partner, email), w.open(w.partner, "ines@example.org")
	w.prefill(two)
	b := w.browser().claim(one, "s").walk("c3", email)
	b.claim(two, "s2").expect(http.StatusOK, "c1")
	action, form := b.form("email", "ines@example.org")
	cookie := b.cookie()
	first := w.once(http.MethodPost, action, cookie, form)
	second := w.once(http.MethodPost, action, cookie, form)
	if first.location != second.location || !strings.HasSuffix(first.location, "/email") {
		t.Fatalf("%d to %q, then %d to %q", first.status, first.location, second.status, second.location)
	}
	for _, kept := range []string{first.cookie, second.cookie} {
		w.browser().keep(kept).get(first.location).expect(http.StatusOK, "c2")
	}
	b.keep(second.cookie).get(first.location).walk("c11", "ines@example.org")
}

// A ticket starts a journey until one millisecond before half an hour is over; afterwards E3, and nothing is stored. What a
// late form says is not applied.
func TestTicketsRunOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.open(w.partner, email)
	b := w.browser().claim(o, "s")
	w.clock.advance(claim.TicketLife - time.Millisecond)
	b.get(b.at).expect(http.StatusOK, "c1")
	action, form := b.form("email", email)
	before := w.stored(o.account.ID)
	w.clock.advance(time.Millisecond)
	b.send(action, form).expect(http.StatusGone, "e3")
	if got := b.link("way.restart"); got != restart+"?reason=session_over&state=s" {
		t.Errorf("leads to %q", got)
	}
	if !b.has("kept.partner") {
		t.Error("E3 does not say what is kept")
	}
	b.get(action).expect(http.StatusGone, "e3")
	if letters, _ := w.inbox.List(context.Background(), 5); len(letters) > 0 || w.stored(o.account.ID) != before {
		t.Error("a late form was applied")
	}
}

// What happened to the code between opening and Start decides what Start answers.
func TestStartTooLate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, page string
		status     int
		happens    func(w *world, o opened)
	}{
		{"a newer code", "e1", http.StatusGone, func(w *world, o opened) { w.mint(o) }},
		{"another browser proved the mailbox", "e2", http.StatusGone, func(w *world, o opened) {
			w.browser().get(authorize(w.partner, w.opened, "x")).walk("c3", email)
		}},
		{"the account was claimed", "e2.claimed", http.StatusGone, func(w *world, o opened) {
			w.browser().get(authorize(w.partner, w.opened, "x")).walk("c8", email)
		}},
		{"somebody said that it is not them", "e1", http.StatusGone, func(w *world, o opened) {
			b := w.browser().get(authorize(w.partner, w.opened, "x"))
			b.get(b.link("c1.notme")).expect(http.StatusOK, "notme").post().expect(http.StatusOK, "c11")
		}},
		{"the account is on hold", "e14", http.StatusForbidden, func(w *world, o opened) { w.holdAccount(o.account.ID) }},
	} {
		w := newWorld(t)
		o := w.open(w.partner, email)
		w.opened = w.mint(o)
		b := w.browser().get(authorize(w.partner, w.opened, "s")).expect(http.StatusOK, "c1")
		c.happens(w, o)
		before := w.stored(o.account.ID)
		b.post("email", email)
		if b.status != c.status || b.id != c.page {
			t.Errorf("%s: page %q with %d", c.name, b.id, b.status)
		}
		if w.stored(o.account.ID) != before {
			t.Errorf("%s: the account changed", c.name)
		}
	}
}

// Twelve mails an hour to one account over all its journeys: then E8 on C1, with the wait and the way on; it ends.
func TestStartMailLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.open(w.partner, email)
	code := w.mint(o)
	for range 12 {
		w.browser().get(authorize(w.partner, code, "s")).walk("c2", email)
	}
	b := w.browser().get(authorize(w.partner, code, "s")).expect(http.StatusOK, "c1")
	before := w.stored(o.account.ID)
	b.post("email", email).expect(http.StatusTooManyRequests, "e8")
	if b.header.Get("Retry-After") != "3600" || b.link("way.current") != b.base() || w.mails() != 12 || w.stored(o.account.ID) != before {
		t.Errorf("Retry-After %q, way %q, %d mails", b.header.Get("Retry-After"), b.link("way.current"), w.mails())
	}
	b.get(b.link("way.current")).expect(http.StatusOK, "c1")
	w.clock.advance(time.Hour)
	w.browser().claim(o, "s").walk("c2", email)
}

// More time lifts the idle limit, and nothing else asks for it again (WCAG 2.2.1).
func TestMoreTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, patient := w.open(w.partner, email), w.open(w.partner, "ines@example.org")
	b := w.browser().claim(o, "s").walk("c2", email)
	p := w.browser().claim(patient, "s").post("email", "ines@example.org", "more_time", "yes").expect(http.StatusOK, "c2")
	if !strings.Contains(b.body, `data-idle="1800"`) || strings.Contains(p.body, "data-idle") {
		t.Error("the warning is on the wrong pages")
	}
	w.clock.advance(customer.IdleLife)
	b.get(b.at).expect(http.StatusGone, "e3")
	p.get(p.at).expect(http.StatusOK, "c2")
	w.clock.advance(23 * time.Hour)
	p.get(p.at).expect(http.StatusOK, "c2")
	w.clock.advance(30 * time.Minute)
	p.get(p.at).expect(http.StatusGone, "e3")
}
