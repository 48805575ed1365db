package web_test

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/store"
)

// wrongDigits are six digits that are not these.
func wrongDigits(right string) string {
	if right == "000000" {
		return "000001"
	}
	return "000000"
}

// The sentences of C2. A code is never shown again, and spaces, hyphens, dots and brackets in it are dropped.
func TestEmailFields(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.open(w.partner, email)
	b := w.browser().claim(o, "s").walk("c2", email)
	f := b.field("code")
	if attribute(f, "inputmode") != "numeric" || attribute(f, "autocomplete") != "one-time-code" || attribute(f, "type") != "text" {
		t.Error("the field is not as the table of fields says")
	}
	before := w.stored(o.account.ID)
	for typed, message := range map[string]string{
		"": "c2.code.empty", " - ": "c2.code.empty", "12345": "c2.code.format", "1234567": "c2.code.format", "12345a": "c2.code.format",
		"one two": "c2.code.format", "１２３４５": "c2.code.format", "12345\x00": "c2.code.format",
	} {
		b.post("code", typed).wrong(http.StatusUnprocessableEntity, "c2", "code", message)
		if has(b.field("code"), "value") {
			t.Errorf("%q: the page holds what was typed", typed)
		}
	}
	right := w.mailed(email)
	b.post("code", wrongDigits(right)).wrong(http.StatusUnprocessableEntity, "c2", "code", "c2.code.wrong")
	if w.stored(o.account.ID) != before {
		t.Error("wrong codes changed the account")
	}
	b.post("code", " "+right[:3]+" - "+right[3:5]+".("+right[5:]+") ").expect(http.StatusOK, "c3")
}

// A right code that comes late brings a new mail at once; where no mail is left, the page says so with the wait.
func TestEmailCodeLate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.open(w.partner, email)
	b := w.browser().claim(o, "s").walk("c2", email)
	old := w.mailed(email)
	w.clock.advance(claim.MailedCodeLife - time.Millisecond)
	b.get(b.at)
	w.clock.advance(time.Millisecond)
	b.post("code", old).wrong(http.StatusUnprocessableEntity, "c2", "code", "c2.code.late")
	for range 2 {
		w.clock.advance(time.Minute)
		b.press("c2.send").expect(http.StatusOK, "c2")
	}
	fresh := w.mailed(email)
	w.clock.advance(claim.MailedCodeLife)
	b.post("code", fresh).wrong(http.StatusTooManyRequests, "c2", "code", "c2.code.late.limit")
	if wait, err := strconv.Atoi(b.header.Get("Retry-After")); err != nil || wait < 60 || wait > 3600 {
		t.Errorf("Retry-After is %q", b.header.Get("Retry-After"))
	}
	w.clock.advance(28 * time.Minute) // the hour since the first mail is over, the session is not
	b.get(b.base()).press("c2.send").expect(http.StatusOK, "c2")
	b.walk("c3", email)
}

// "Send a new code": the newest counts, four an hour, then the page says so and the last code still works. A second click
// sends nothing.
func TestSendCode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.open(w.partner, email)
	b := w.browser().claim(o, "s").walk("c2", email)
	first := w.mailed(email)
	w.clock.advance(10 * time.Second)
	b.press("c2.send").expect(http.StatusOK, "c2")
	if !b.has("c2.sent") {
		t.Error("nothing says that a code was sent")
	}
	second := w.mailed(email)
	b.press("c2.send").expect(http.StatusOK, "c2")
	if w.mailed(email) != second || w.mails() != 2 {
		t.Error("a second click sent another mail")
	}
	if first != second {
		b.post("code", first).wrong(http.StatusUnprocessableEntity, "c2", "code", "c2.code.wrong")
	}
	for range 2 {
		w.clock.advance(10 * time.Second)
		b.press("c2.send").expect(http.StatusOK, "c2")
	}
	w.clock.advance(10 * time.Second)
	b.press("c2.send").wrong(http.StatusTooManyRequests, "c2", "", "c2.send.limit")
	if b.header.Get("Retry-After") == "" || w.mails() != 4 {
		t.Errorf("Retry-After %q after %d mails", b.header.Get("Retry-After"), w.mails())
	}
	b.walk("c3", email)
}

// mails is how many went out.
func (w *world) mails() int {
	w.t.Helper()
	letters, err := w.inbox.List(context.Background(), 100)
	if err != nil {
		w.t.Fatal(err)
	}
	return len(letters)
}

// Five wrong codes an hour, over all journeys of the account: then E8 with the wait, which ends. Twenty put the account on
// hold until its partner corrects the address (design 10.4).
func TestEmailTries(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.open(w.partner, email)
	b := w.browser().claim(o, "s").walk("c2", email)
	for hour := range 4 {
		if hour > 0 {
			w.clock.advance(time.Hour)
			b = w.browser().claim(o, "s").walk("c2", email)
		}
		wrong := wrongDigits(w.mailed(email))
		for n := range 5 {
			b.post("code", wrong)
			if hour == 3 && n == 4 {
				break
			}
			b.wrong(http.StatusUnprocessableEntity, "c2", "code", "c2.code.wrong")
		}
		if hour == 3 {
			break
		}
		other := w.browser().claim(o, "s").walk("c2", email)
		for _, tab := range []*browser{b, other} {
			back := tab.at
			tab.post("code", w.mailed(email)).expect(http.StatusTooManyRequests, "e8")
			if tab.header.Get("Retry-After") == "" || tab.link("way.current") == "" {
				t.Error("E8 says neither how long nor where to go on")
			}
			tab.get(back)
		}
	}
	b.expect(http.StatusForbidden, "e14")
	if a := w.account(o.account.ID); a.Hold != customer.HoldEmailTries || a.State != customer.Pending {
		t.Errorf("the account is %s, hold %q", a.State, a.Hold)
	}
	b.get(b.at).expect(http.StatusForbidden, "e14")
}

// The proof spends the code and ends the other browsers' journeys, whatever step they are at (I1).
func TestProofEndsOtherJourneys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.open(w.partner, email)
	code := w.mint(o)
	first := w.browser().get(authorize(w.partner, code, "s")).walk("c2", email)
	second := w.browser().get(authorize(w.partner, code, "s")).walk("c2", email)
	firstCode := w.mailedTo(email, 1)
	second.walk("c3", email)
	first.post("code", firstCode).expect(http.StatusGone, "e2")
	if got := first.link("way.restart"); got != restart+"?reason=used&state=s" {
		t.Errorf("leads to %q", got)
	}
	w.browser().get(authorize(w.partner, code, "s")).expect(http.StatusGone, "e2")
	third := w.browser().claim(o, "s").walk("c4", email)
	action, form := second.form("new_password", goodPassword)
	second.get(second.at).expect(http.StatusGone, "e2")
	second.send(action, form).expect(http.StatusGone, "e2")
	third.walk("c7", email)
}

// mailedTo is the n-th newest code that was mailed to an address, 0 the newest.
func (w *world) mailedTo(address string, n int) string {
	w.t.Helper()
	letters, err := w.inbox.List(context.Background(), 50)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, letter := range letters {
		if letter.To != address || len(digitsIn(letter.Text)) != 6 {
			continue
		}
		if n == 0 {
			return digitsIn(letter.Text)
		}
		n--
	}
	w.t.Fatalf("not that many codes were mailed to %s", address)
	return ""
}

// Whoever opens the same code again, in the browser that goes on with it, lands on its step (E2).
func TestOpeningAgainResumes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.open(w.partner, email)
	w.prefill(o)
	code := w.mint(o)
	link := authorize(w.partner, code, "s")
	b := w.browser().get(link)
	for _, page := range []string{"c2", "c3", "c4", "c5", "c7", "c8", "c10"} {
		at := b.walk(page, email).at
		if b.get(link).expect(http.StatusOK, page); b.at != at {
			t.Errorf("%s: came to %s, not to %s", page, b.at, at)
		}
	}
	b.walk("c11", email)
	b.get(link).expect(http.StatusGone, "e2.claimed")
}

// E2 for an account that is set up: the link leads to the sign-in, and from there to what the link was for.
func TestUsedLinkOfAnOwner(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.open(w.partner, email)
	w.prefill(o)
	link := authorize(w.partner, w.mint(o), "s")
	owner := w.browser().get(link).walk("c10", email)
	before := w.stored(o.account.ID)
	b := owner.elsewhere().get(link).expect(http.StatusGone, "e2.claimed")
	if w.stored(o.account.ID) != before {
		t.Error("the link changed the account")
	}
	b.get(b.link("way.signin")).expect(http.StatusOK, "r1").walk("c10", email).walk("c11", email)
	if got := b.leaves().Query().Get("state"); got != "s" {
		t.Errorf("the state is %q", got)
	}
}

// After a silence before C3 the mailbox is proved again: the page says so, no mail goes out by looking, and the old code
// brings a new one (design 10.7).
func TestSilenceBeforePassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.open(w.partner, email)
	w.prefill(o)
	b := w.browser().claim(o, "s").walk("c2", email)
	old := w.mailed(email)
	b.walk("c3", email)
	at := b.at
	w.clock.advance(claim.SilenceLife - time.Millisecond)
	b.get(at).expect(http.StatusOK, "c3")
	w.clock.advance(time.Millisecond)
	b.post("new_password", goodPassword).expect(http.StatusOK, "c2")
	if !b.has("c2.again") || w.mails() != 1 {
		t.Errorf("says nothing of the silence, or sent a mail: %s", b.says())
	}
	b.post("code", old).wrong(http.StatusUnprocessableEntity, "c2", "code", "c2.code.late")
	b.walk("c11", email)
}

// "I can't use this address" goes back to the partner, which alone can correct it, with the reason. Once the address is
// proved, a late form does not end the journey.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.open(w.partner, email)
	b := w.browser().claim(o, "s").walk("c2", email)
	before := w.stored(o.account.ID)
	form := b.tab().get(b.link("c2.unreachable")).expect(http.StatusOK, "unreachable")
	again := b.tab().get(form.at)
	form.post().expect(http.StatusOK, "c11")
	if got := leadsTo(form); got != restart+"?reason=email_unreachable&state=s" {
		t.Errorf("leads to %q", got)
	}
	if w.stored(o.account.ID) != before {
		t.Error("leaving changed the account")
	}
	again.post().expect(http.StatusOK, "c11")

	b = w.browser().claim(o, "s").walk("c2", email)
	late := b.tab().get(b.link("c2.unreachable"))
	b.walk("c4", email)
	late.post().expect(http.StatusOK, "c4")
	if !late.has("notice.moved") {
		t.Error("a late form goes on without a word")
	}
}

// leadsTo is the address in the Link header of C11.
func leadsTo(b *browser) string {
	return strings.TrimSuffix(strings.TrimPrefix(b.header.Get("Link"), "<"), `>; rel="next"`)
}

// E10: the proven address belongs to a claimed account. It is shown only now, nothing is merged, and signing in goes on with
// the same request.
func TestExistingAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	hidden := w.second()
	owned, owner := w.owned(email, "c11")
	pending := w.open(w.hiding(hidden), email)
	code := w.mint(pending)
	before, ownedBefore := w.stored(pending.account.ID), w.stored(owned.account.ID)
	b := w.browser()
	b.key = owner.key
	b.get(authorize(w.hiding(hidden), code, "s")).walk("c2", email)
	if w.stored(pending.account.ID) != before {
		t.Error("the pending account changed before the proof")
	}
	b.post("code", w.mailed(email)).expect(http.StatusConflict, "e10")
	if a := w.account(pending.account.ID); a.State != customer.Pending || a.Credentials.PasswordHash != "" {
		t.Errorf("the pending account is %+v", a)
	}
	if w.stored(owned.account.ID) != ownedBefore {
		t.Error("the existing account changed")
	}
	b.get(b.link("way.signin")).expect(http.StatusOK, "r1")
	b.walk("c10", email)
	if !strings.Contains(b.says(), "Harbour Pay") {
		t.Error("the consent is not for the partner that asked")
	}
	b.post("decision", "allow")
	if back := b.leaves(); back.Host != "pay.harbour.example" || back.Query().Get("state") != "s" || back.Query().Get("code") == "" {
		t.Errorf("leads to %s", back)
	}
}

// E10 to the end: only Allow drops the pending copy, with the grant; nothing of it is inherited, and the partner hears of its end.
func TestExistingAccountDropsTheCopy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	owned, owner := w.owned(email, "c11")
	visit := func(o opened) *browser {
		b := w.browser()
		b.key = owner.key
		w.clock.advance(time.Minute)
		b.get(authorize(w.partner, w.mint(o), "s")).walk("c2", email).post("code", w.mailed(email)).expect(http.StatusConflict, "e10")
		return b
	}
	w.partner = w.hiding(w.partner)
	pending := w.open(w.partner, email)
	_, _, err := w.customers.CreatePersonal(context.Background(), pending.caller, customer.Personal{Values: map[customer.Field]string{
		customer.FirstName: "Somebody", customer.LastName: "Else"}}, customer.Idempotency{Render: func(any) []byte { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	heard := w.hear()
	before, epoch := w.stored(pending.account.ID), w.account(owned.account.ID).Epoch
	// The access that stands already does not let it pass unasked, and declining keeps the copy: it looks like any abandoned one.
	b := visit(pending)
	b.get(b.link("way.signin")).walk("c10", email)
	if strings.Contains(b.body, "Somebody") {
		t.Error("the consent shows what the copy said")
	}
	b.post("decision", "deny").expect(http.StatusOK, "c11")
	if a := w.account(pending.account.ID); a.State != customer.Pending || a.Epoch != pending.account.Epoch || strings.Contains(strings.Join(heard(), " "), "expired") {
		t.Errorf("declining leaves the copy %s\n%s", a.State, before)
	}
	b = visit(pending)
	at := b.at
	b.get(b.link("way.signin")).walk("c10", email)
	action, form := b.form("decision", "allow")
	cookie := b.cookie()
	atOnce(0, 4, func(int) { w.once(http.MethodPost, action, cookie, form) })
	back := b.get(b.base()).leaves()
	a := w.account(pending.account.ID)
	if a.State != customer.Expired || a.Email != "" || a.Epoch != pending.account.Epoch+1 {
		t.Errorf("after Allow the copy is %s, epoch %d", a.State, a.Epoch)
	}
	own := w.stored(owned.account.ID)
	if strings.Contains(own, "Somebody") || w.account(owned.account.ID).Epoch != epoch || back.Query().Get("profileId") == "" {
		t.Errorf("the existing account inherited something, or leads to %s: %s", back, own)
	}
	if _, err := w.tokens.Access(context.Background(), pending.issue.Access); err == nil {
		t.Error("the copy's token works")
	}
	if _, err := w.claims.Mint(context.Background(), pending.caller, registrationCode, claim.Binding{}); err == nil {
		t.Error("the copy mints")
	}
	if told := strings.Join(heard(), "\n"); strings.Count(told, "x-claims#state-change expired existing_account") != 1 {
		t.Errorf("the partner heard:\n%s", told)
	}
	b.get(at)
	b.get(strings.TrimSuffix(at, "/email") + "/existing")
	if b.status >= 500 {
		t.Errorf("the copy's page afterwards: %d %s", b.status, b.id)
	}
	w.clock.advance(claim.AbandonedAfter)
	if _, err := w.claims.Tidy(context.Background(), store.Tidy{DB: w.db}); err != nil {
		t.Errorf("tidying what is left of the copy: %v", err)
	}
}

// Who proved one mailbox and signs in to an account of another, or whose partner corrected the address meanwhile, drops nothing.
func TestCopiesThatAreKept(t *testing.T) {
	t.Parallel()
	for name, meanwhile := range map[string]func(w *world, pending opened) string{
		"another account": func(w *world, _ opened) string { return "second@example.org" },
		"another address": func(w *world, pending opened) string {
			if _, err := w.customers.SetContactEmail(context.Background(), pending.caller, "third@example.org"); err != nil {
				w.t.Fatal(err)
			}
			return email
		},
		"an objection": func(w *world, pending opened) string {
			w.holdAccount(pending.account.ID)
			return email
		},
	} {
		w := newWorld(t)
		_, owner := w.owned(email, "c8")
		_, second := w.owned("second@example.org", "c8")
		other := w.hiding(w.second())
		pending := w.open(other, email)
		b := w.browser().get(authorize(other, w.mint(pending), "s")).walk("c2", email)
		b.post("code", w.mailed(email)).expect(http.StatusConflict, "e10")
		b.get(b.link("way.signin"))
		address := meanwhile(w, pending)
		if b.key = owner.key; address != email {
			b.key = second.key
		}
		b.walk("c10", address).post("decision", "allow").expect(http.StatusOK, "c11")
		if a := w.account(pending.account.ID); a.State != customer.Pending {
			t.Errorf("%s: the copy is %s", name, a.State)
		}
	}
}
