package web_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/limit"
)

// seen is what somebody outside sees of an answer, without what differs between any two: the tokens and references.
func (b *browser) seen() string {
	body := b.body
	for _, token := range []string{"step_token\" value=\"", "<code>"} {
		parts := strings.Split(body, token)
		for i := 1; i < len(parts); i++ {
			_, parts[i], _ = strings.Cut(parts[i], "\"")
		}
		body = strings.Join(parts, token)
	}
	h := b.header.Clone()
	for _, name := range []string{"Date", "X-Trace-Id", "Set-Cookie"} {
		h.Del(name)
	}
	var head strings.Builder
	_ = h.Write(&head)
	return b.at + "\n" + http.StatusText(b.status) + "\n" + head.String() + body
}

// R4 answers every address alike, at every step that somebody without the mailbox can reach: unknown, pending, held and claimed
// ones. A mail goes to the claimed one alone, and no count, wait or sentence tells (requirement 80, design 10.5).
func TestForgottenTellsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.owned(email, "c8")
	held, _ := w.owned("held@example.org", "c8")
	w.holdAccount(held.account.ID)
	w.open(w.partner, "pending@example.org")
	answers := map[string][]string{}
	for _, address := range []string{email, "held@example.org", "pending@example.org", "nobody@example.org"} {
		before := w.mails()
		b := w.browser().get("/forgot").expect(http.StatusOK, "r4")
		note := func() { answers[address] = append(answers[address], strings.ReplaceAll(b.seen(), address, "")) }
		b.post("email", address).expect(http.StatusOK, "r4.code")
		note()
		if sent := w.mails() - before; sent != 1 && address == email || sent != 0 && address != email {
			t.Errorf("%s: %d mails", address, sent)
		}
		for range customer.RecoveryMailTries + 1 {
			b.post("code", "000000000000")
			note()
		}
		b.expect(http.StatusUnprocessableEntity, "r4.code")
		for _, path := range []string{"/forgot/second-step", "/forgot/lost", "/forgot/password", "/forgot/recovery-code", "/forgot/new/recovery-codes"} {
			b.get(path)
			note()
		}
		for range 4 {
			w.clock.advance(5 * time.Second)
			b.get("/forgot/code").press("c2.send")
			note()
		}
		b.expect(http.StatusTooManyRequests, "e8")
		w.clock.advance(2 * time.Hour)
	}
	for address, got := range answers {
		for i, want := range answers[email] {
			if i >= len(got) || got[i] != want {
				t.Errorf("%s: answer %d differs\n%s\nfrom\n%s", address, i, got[i], want)
			}
		}
	}
}

// A mailed code is good for a quarter of an hour and five tries, the newest counts, and one address gets four mails an hour
// from one network: over any number of journeys there is no more to guess at. A right code that is late brings another.
func TestForgottenCodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.owned(email, "c8")
	b := w.browser().get("/forgot").post("email", email).expect(http.StatusOK, "r4.code")
	for typed, id := range map[string]string{"": "r4.code.empty", "123456": "r4.code.format", "12345678901x": "r4.code.format"} {
		b.post("code", typed).wrong(http.StatusUnprocessableEntity, "r4.code", "code", id)
	}
	first := w.forgotten(email)
	w.clock.advance(5 * time.Second)
	b.press("c2.send").expect(http.StatusOK, "r4.code")
	if second := w.forgotten(email); second == first || !b.has("r4.again") {
		t.Error("no new code was sent, or nothing says so")
	}
	b.post("code", first).wrong(http.StatusUnprocessableEntity, "r4.code", "code", "r4.code.wrong")
	for range customer.RecoveryMailTries - 1 {
		b.post("code", "000000000000").wrong(http.StatusUnprocessableEntity, "r4.code", "code", "r4.code.wrong")
	}
	b.post("code", w.forgotten(email)).wrong(http.StatusUnprocessableEntity, "r4.code", "code", "r4.code.spent")
	w.clock.advance(5 * time.Second)
	b.press("c2.send").expect(http.StatusOK, "r4.code")
	theirs := w.browser().get("/forgot").post("email", email) // another browser's code is no use here
	b.post("code", w.forgotten(email)).wrong(http.StatusUnprocessableEntity, "r4.code", "code", "r4.code.wrong")
	w.clock.advance(5 * time.Second)
	theirs.press("c2.send").expect(http.StatusTooManyRequests, "e8")
	w.browser().get("/forgot").post("email", " MIRA.KADE@example.org").expect(http.StatusTooManyRequests, "e8")
	w.clock.advance(time.Hour)
	b = w.browser().get("/forgot").post("email", email).expect(http.StatusOK, "r4.code")
	code := w.forgotten(email)
	w.clock.advance(customer.RecoveryMailLife)
	b.post("code", code).wrong(http.StatusUnprocessableEntity, "r4.code", "code", "r4.code.late")
	if code == w.forgotten(email) {
		t.Error("a late code brings no other")
	}
	code = w.forgotten(email)
	w.clock.advance(customer.RecoveryMailLife - time.Millisecond)
	b.post("code", code).expect(http.StatusOK, "r4.step")
	w.clock.advance(time.Hour)
	b = w.browser().get("/forgot").post("email", email)
	code = w.forgotten(email)
	for range 3 {
		w.browser().get("/forgot").post("email", email).expect(http.StatusOK, "r4.code")
	}
	w.clock.advance(customer.RecoveryMailLife)
	b.post("code", code).wrong(http.StatusUnprocessableEntity, "r4.code", "code", "r4.code.late.limit")
}

// Whoever reads the mailbox and nothing else changes nothing, whatever they post, and does not guess the second step: the
// tries are counted for the account over all their journeys. The owner's own sign-in goes on meanwhile.
func TestMailboxAloneOpensNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, owner := w.owned(email, "c8")
	before := w.stored(o.account.ID)
	thief := w.proven(email)
	_, form := thief.form()
	for name, value := range map[string]string{"new_password": newPassword, "method": "app", "saved": "yes", "recovery_code": "0000-0000-0000-0000", "outcome": "ok", "answer": "{}"} {
		form.Set(name, value)
	}
	for _, path := range []string{"/forgot/password", "/forgot/new/second-step", "/forgot/new/second-step/app", "/forgot/new/second-step/passkey",
		"/forgot/new/recovery-codes", "/forgot/new/recovery-codes/download", "/forgot/second-step/passkey", "/forgot/recovery-code"} {
		if thief.send(path, form); thief.status < 400 && thief.id != "r4.step" {
			t.Errorf("%s leads to %q with %d", path, thief.id, thief.status)
		}
		thief.get(path)
		if thief.id != "r4.step" && path != "/forgot/recovery-code" && thief.status < 400 {
			t.Errorf("%s shows %q", path, thief.id)
		}
	}
	thief.get("/forgot/second-step")
	for i := range 6 {
		w.clock.advance(time.Second)
		if i == 3 {
			thief = w.proven(email) // another journey has no tries of its own
		}
		thief.get("/forgot/second-step").post("code", wrongDigits(w.appCode(owner.key)))
	}
	thief.expect(http.StatusTooManyRequests, "e8")
	thief.get("/forgot/second-step").post("code", w.appCode(owner.key)).expect(http.StatusTooManyRequests, "e8")
	// With no password to guess beside it, the second step ends: a hundred in all, however long the thief waits.
	key := limit.NewKey(limit.KindRecoveryStep, strconv.FormatInt(int64(o.account.ID), 10))
	must(t, w.door.Recoveries.Store.Change(t.Context(), func(tx customer.RecoverTx) (audit.Event, error) {
		tries, err := tx.Tries(key)
		tries.Total = 99
		return audit.Event{At: w.clock.Now(), Action: audit.TriesCounted, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorServer}}, errors.Join(err, tx.SaveTries(key, tries))
	}))
	w.clock.advance(24 * time.Hour)
	w.proven(email).get("/forgot/second-step").post("code", wrongDigits(w.appCode(owner.key))).expect(http.StatusUnprocessableEntity, "r4.step")
	w.clock.advance(30 * 24 * time.Hour)
	thief = w.proven(email)
	thief.get("/forgot/second-step").post("code", w.appCode(owner.key)).expect(http.StatusTooManyRequests, "e8")
	if w.stored(o.account.ID) != before {
		t.Error("something changed")
	}
	w.browserOf(owner).get("/signin").walk("home", email)
}

// Strangers who have an address written to as often as it may be do not keep its owner out: a browser that signed in once has
// mails of its own, and the wait of everybody else ends (I12).
func TestForgottenMailsOfStrangers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, owner := w.owned(email, "c8")
	owner.get("/account")
	w.signOut(owner)
	sent := 0
	for i := range 20 {
		_, err := w.door.Recoveries.Begin(t.Context(), customer.SessionKey{}, email, customer.Origin{Network: fmt.Sprintf("198.51.%d.0/24", i)})
		switch {
		case err == nil:
			sent++
		case !errors.Is(err, limit.ErrExceeded):
			t.Fatal(err)
		}
	}
	if sent != 12 {
		t.Errorf("strangers had %d mails sent", sent)
	}
	w.browser().get("/forgot").post("email", email).expect(http.StatusTooManyRequests, "e8")
	owner.get("/forgot").post("email", email).expect(http.StatusOK, "r4.code").post("code", w.forgotten(email)).expect(http.StatusOK, "r4.step")
	owner.post("code", w.appCode(owner.key))
	if owner.id == "r4.step" {
		w.clock.advance(time.Minute)
		owner.get("/forgot/second-step").post("code", w.appCode(owner.key))
	}
	owner.expect(http.StatusOK, "c3").post("new_password", newPassword).expect(http.StatusOK, "home")
	w.signOut(owner)
	for range 4 { // it is known still, under the new password
		owner.get("/forgot").post("email", email).expect(http.StatusOK, "r4.code")
	}
	owner.get("/forgot").post("email", email).expect(http.StatusTooManyRequests, "e8")
	w.clock.advance(time.Hour)
	w.browser().get("/forgot").post("email", email).expect(http.StatusOK, "r4.code")
}

// A stranger who asks for address after address soon writes nothing any more, and a browser that signed in once, from the same
// network, still gets its mail.
func TestForgottenByTheThousand(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, owner := w.owned(email, "c8")
	owner.get("/account")
	w.signOut(owner)
	stranger, asked := w.browser(), 0
	action, form := stranger.get("/forgot").expect(http.StatusOK, "r4").form()
	for asked < 200 {
		form.Set("email", fmt.Sprintf("nobody%d@example.org", asked))
		if stranger.send(action, form); stranger.id != "r4.code" {
			break
		}
		stranger = w.browser()
		action, form = stranger.get("/forgot").form()
		asked++
	}
	if asked != 60 {
		t.Errorf("one network began %d at one time", asked)
	}
	stranger.expect(http.StatusTooManyRequests, "e8")
	w.clock.advance(time.Minute)
	stranger.get("/forgot").post("email", email).expect(http.StatusOK, "r4.code")
	for range 100 { // nor does one who types codes
		stranger.get("/forgot/code").post("code", "000000000000")
	}
	stranger.expect(http.StatusTooManyRequests, "e8")
	if n := w.actions(o.account.ID)[audit.RecoveryRefused]; n > 60 {
		t.Errorf("%d wrong codes on record", n)
	}
	w.browser().get("/forgot").post("email", "nobody@example.org").expect(http.StatusTooManyRequests, "e8")
	owner.get("/forgot").post("email", email).expect(http.StatusOK, "r4.code").post("code", w.forgotten(email)).expect(http.StatusOK, "r4.step")
	w.clock.advance(time.Second)
	w.browser().get("/forgot").post("email", "nobody@example.org").expect(http.StatusOK, "r4.code")
}

// A stranger whose tries at the password are used up costs the database nothing, however often they go on: the first refusals are
// on record, and the rest are refused alike.
func TestRefusedSignInsAreNotKeptForEver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, owner := w.owned(email, "c8")
	b := w.browser().get("/signin").expect(http.StatusOK, "r1")
	action, form := b.form("email", email, "password", "not her password at all")
	for range 5 {
		b.send(action, form).expect(http.StatusUnprocessableEntity, "r1")
	}
	first := b.send(action, form).expect(http.StatusTooManyRequests, "e8").says()
	for range 60 {
		b.send(action, form).expect(http.StatusTooManyRequests, "e8")
	}
	if said, _, _ := strings.Cut(b.says(), "reference"); !strings.HasPrefix(first, said) {
		t.Errorf("%q is another answer than %q", b.says(), first)
	}
	if n := w.actions(o.account.ID)[audit.SigninRefused]; n < 6 || n > 20 {
		t.Errorf("%d refusals on record", n)
	}
	w.clock.advance(time.Hour)
	w.browserOf(owner).get("/signin").walk("home", email)
}

// browserOf is a new browser with the other's app.
func (w *world) browserOf(b *browser) *browser {
	other := w.browser()
	other.key = b.key
	return other
}

// Whatever shows that the owner is there, or raises an epoch, ends a reset and every recovery under way: after the wait there is
// nothing to begin with, and the link of the mail is of no use.
func TestResetEnds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end  func(w *world, o opened, owner *browser, codes []string)
		told bool
	}{
		"the link of M8": {func(w *world, _ opened, _ *browser, _ []string) {
			b, link := w.browser(), w.cancelLink(email)
			b.get(link).expect(http.StatusOK, "reset").post().expect(http.StatusOK, "reset.made")
		}, true},
		"the signed-in page": {func(_ *world, _ opened, owner *browser, _ []string) {
			owner.get("/account")
			owner.get("/security/recovery").expect(http.StatusOK, "reset").post().expect(http.StatusOK, "reset.made")
			if owner.get("/account"); owner.has("frame.pending") {
				owner.w.t.Error("the notice stays")
			}
		}, true},
		"a sign-in with the app": {func(w *world, _ opened, owner *browser, _ []string) {
			w.browserOf(owner).get("/signin").walk("home", email)
		}, true},
		"a sign-in with a recovery code": {func(w *world, _ opened, _ *browser, codes []string) {
			w.browser().get("/signin").walk("r2", email).get("/signin/recovery-code").post("recovery_code", codes[0]).expect(http.StatusOK, "r3.done")
		}, true},
		"a forgotten password replaced": {func(w *world, _ opened, owner *browser, _ []string) {
			w.proven(email).post("code", w.appCode(owner.key)).expect(http.StatusOK, "c3").post("new_password", newPassword).expect(http.StatusOK, "home")
		}, true},
		"the operator": {func(w *world, o opened, _ *browser, _ []string) {
			if err := w.door.Recoveries.StopReset(w.t.Context(), o.account.ID); err != nil {
				w.t.Fatal(err)
			}
		}, true},
		"a hold and its release": {func(w *world, o opened, _ *browser, _ []string) {
			_, err := w.customers.Hold(w.t.Context(), o.account.ID)
			_, err2 := w.customers.Release(w.t.Context(), o.account.ID)
			if err != nil || err2 != nil {
				w.t.Fatal(err, err2)
			}
		}, false},
		"a new address": {func(w *world, o opened, _ *browser, _ []string) {
			w.change(o, func(_ claim.Tx, a *customer.Account) error { a.Epoch++; return nil })
		}, false},
		"a new password or factor": {func(w *world, o opened, _ *browser, _ []string) {
			w.change(o, func(_ claim.Tx, a *customer.Account) error { a.SessionEpoch++; return nil })
		}, false},
		"time": {func(w *world, _ opened, _ *browser, _ []string) { w.clock.advance(customer.ResetLife) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if quick := name == "the link of M8" || name == "a sign-in with the app" || name == "a new address"; !quick && !full() {
				t.Skip("the long variants are asked for by LATCHKEY_FULL=1")
			}
			w := newWorld(t)
			o, owner, codes := w.ownedWithCodes(email, "c11")
			w.asked(email)
			link := w.cancelLink(email)
			w.clock.advance(customer.SignInLife)
			running := w.proven(email)
			w.clock.advance(5 * time.Minute)
			if c.end(w, o, owner, codes); c.told != (w.newest(email, "was stopped on") != "") {
				t.Error("the end is told, or not, as it should not be")
			}
			w.clock.advance(customer.ResetWait)
			before := w.stored(o.account.ID)
			late := w.proven(email).get("/forgot/lost").expect(http.StatusOK, "lost")
			late.get("/forgot/new/second-step").expect(http.StatusOK, "r4.step")
			w.browser().get(link).expect(http.StatusNotFound, "reset.over")
			if b := w.browser(); b.send(link, url.Values{}).status >= 500 || b.id == "reset" {
				t.Errorf("the link leads to %q", b.id)
			}
			if running.get("/forgot/second-step"); running.id != "r4" && running.id != "r1" {
				t.Errorf("a recovery from before goes on at %q", running.id)
			}
			if w.stored(o.account.ID) != before {
				t.Error("something changed")
			}
		})
	}
}

// The link of M8: looking changes nothing, forged ones are as unknown, another site cannot press the button, and the second
// click of two is no error.
func TestResetLink(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, _ := w.owned(email, "c8")
	w.asked(email)
	link := w.cancelLink(email)
	b := w.browser()
	for range 3 {
		b.get(link).expect(http.StatusOK, "reset")
		w.once(http.MethodHead, link, "", nil)
	}
	if strings.Contains(b.body, email) || strings.Contains(b.body, "Kade") {
		t.Errorf("the page tells of the account: %s", b.says())
	}
	action, form := b.form()
	for _, forged := range []string{"/recovery/x", link + "x", link[:len(link)-1], "/recovery/" + strings.Repeat("a", 43)} {
		b.get(forged).expect(http.StatusNotFound, "reset.over")
		b.send(forged, form).expect(http.StatusNotFound, "reset.over")
	}
	if e := w.once(http.MethodPost, link, "", form, "Sec-Fetch-Site", "cross-site"); e.status != http.StatusForbidden {
		t.Errorf("from another site: %d", e.status)
	}
	if w.actions(o.account.ID)[audit.ResetCancelled] != 0 {
		t.Fatal("looking cancelled")
	}
	b.send(action, form).expect(http.StatusOK, "reset.made").send(action, form).expect(http.StatusOK, "reset.made")
	if strings.Contains(b.at, strings.TrimPrefix(link, "/recovery/")) || w.actions(o.account.ID)[audit.ResetCancelled] != 1 {
		t.Error("the link stays in the address, or it was cancelled twice")
	}
	b.get(link).expect(http.StatusNotFound, "reset.over")
	// A later request has a link of its own, and the old one does not stop it.
	w.clock.advance(time.Hour)
	w.asked(email)
	b.send(action, form).expect(http.StatusNotFound, "reset.over")
	b.get(w.cancelLink(email)).expect(http.StatusOK, "reset")
}

// The notices go to every address that is the owner's: the one of the sign-in, and the one of a profile that they confirmed.
// One that only the partner gave gets none: it could cancel for the partner.
func TestResetIsToldToTheOwnersAddresses(t *testing.T) {
	t.Parallel()
	if !full() {
		t.Skip("the long variants are asked for by LATCHKEY_FULL=1")
	}
	for _, theirs := range []bool{false, true} {
		w := newWorld(t)
		o := w.open(w.partner, email)
		w.prefill(o)
		w.changeProfile(o, customer.Email, "work@example.com")
		w.browser().claim(o, "t-1").walk("c11", email)
		if theirs {
			w.change(o, func(tx claim.Tx, _ *customer.Account) error {
				p, _ := w.profile(o).With(map[customer.Field]string{customer.Email: "Work@Example.com"}, customer.ByCustomer, w.clock.Now())
				return tx.SaveProfile(&p)
			})
		}
		w.asked(email)
		w.cancelLink(email)
		if told := w.newest("work@example.com", "/recovery/") != "" || w.newest("Work@Example.com", w.cancelLink(email)) != ""; told != theirs {
			t.Errorf("the owner's %t: told %t", theirs, told)
		}
	}
}

// changeProfile lets the partner change one value of what it prefilled.
func (w *world) changeProfile(o opened, f customer.Field, value string) {
	w.t.Helper()
	p := w.profile(o)
	values := map[customer.Field]string{f: value}
	for _, have := range customer.FieldsOf(p.Kind) {
		if v := p.Value(have); v != "" && have != f {
			values[have] = v
		}
	}
	if _, err := w.customers.UpdatePersonal(context.Background(), o.caller, p.ID, customer.Personal{Values: values}); err != nil {
		w.t.Fatal(err)
	}
}

// Many at once: one reset is asked for, one browser of two finishes, and of a finish and a cancel one happens.
func TestResetAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, _ := w.owned(email, "c8")
	type sent struct {
		action, cookie string
		form           url.Values
	}
	post := func(b *browser, values ...string) sent {
		action, form := b.form(values...)
		return sent{action, b.cookie(), form}
	}
	together := func(all ...sent) (answers []exchange) {
		back := make(chan exchange, len(all))
		for _, s := range all {
			go func() { back <- w.once(http.MethodPost, s.action, s.cookie, s.form) }()
		}
		for range all {
			answers = append(answers, <-back)
		}
		return answers
	}
	var asks []sent
	for range 4 {
		asks = append(asks, post(w.proven(email).get("/forgot/lost").expect(http.StatusOK, "lost")))
	}
	mails := w.mails()
	together(asks...)
	if n := w.actions(o.account.ID)[audit.ResetAsked]; n != 1 || w.mails() != mails+1 {
		t.Fatalf("%d resets asked for, %d mails", n, w.mails()-mails)
	}
	link := w.cancelLink(email)
	w.clock.advance(customer.ResetWait)
	first := w.proven(email).rebuilds()
	w.clock.advance(time.Minute)
	second := w.proven(email).rebuilds()
	before := w.account(o.account.ID)
	together(post(first, "saved", "yes"), post(second, "saved", "yes"), sent{link, "", url.Values{}})
	n, a := w.actions(o.account.ID), w.account(o.account.ID)
	if n[audit.ResetFinished]+n[audit.ResetCancelled] != 1 || a.Epoch != before.Epoch+int64(n[audit.ResetFinished]) {
		t.Errorf("%d finished, %d cancelled, epoch %d after %d", n[audit.ResetFinished], n[audit.ResetCancelled], a.Epoch, before.Epoch)
	}
}

// Second clicks: each form of the way back gives the same answer twice, and the browser that shows the second one is signed in.
func TestRecoveryDoubleClicks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, owner, codes := w.ownedWithCodes(email, "c8")
	twice := func(b *browser, want string, values ...string) *browser {
		t.Helper()
		action, form := b.form(values...)
		cookie := b.cookie()
		first, second := w.once(http.MethodPost, action, cookie, form), w.once(http.MethodPost, action, cookie, form)
		if first.status != http.StatusSeeOther || first.location != want || second.location != want {
			t.Fatalf("%s leads to %d %q, then %d %q; want %q", action, first.status, first.location, second.status, second.location, want)
		}
		if second.cookie != "" {
			b.keep(second.cookie)
		}
		return b.get(want)
	}
	b := w.browser().get("/forgot").post("email", email)
	b = twice(b, "/forgot/second-step", "code", w.forgotten(email))
	b = twice(b.get("/forgot/recovery-code"), "/forgot/password", "recovery_code", codes[0])
	twice(b, "/account", "new_password", newPassword).expect(http.StatusOK, "home")
	w.clock.advance(time.Hour)
	b = w.proven(email).get("/forgot/lost")
	twice(b, "/forgot/lost").expect(http.StatusOK, "lost.waits")
	w.clock.advance(customer.ResetWait)
	b = twice(w.proven(email).get("/forgot/lost"), "/forgot/password")
	b = twice(b, "/forgot/new/second-step", "new_password", newPassword)
	b = twice(b, "/forgot/new/second-step/app", "method", "app")
	b = twice(b, "/forgot/new/recovery-codes", "code", w.appCode(b.appKey()))
	twice(b, "/account", "saved", "yes").expect(http.StatusOK, "home")
	owner.get("/account").expect(http.StatusOK, "r1")
}

// With passkeys: one is the second step of a forgotten password, a new one takes the place of all that were lost, and those
// sign nobody in any more. A passkey of another account is no second step.
func TestRecoveryWithPasskeys(t *testing.T) {
	t.Parallel()
	if !full() {
		t.Skip("the long variants are asked for by LATCHKEY_FULL=1")
	}
	w := newWorld(t)
	_, _, d := w.ownedByPasskey(email)
	_, _, theirs := w.ownedByPasskey("ines@example.org")
	b := w.proven(email)
	b.usesPasskey(theirs).expect(http.StatusUnprocessableEntity, "r4.step")
	b.usesPasskey(d).expect(http.StatusOK, "c3").post("new_password", newPassword).expect(http.StatusOK, "home")
	w.asked(email)
	w.clock.advance(customer.ResetWait)
	b = w.proven(email).get("/forgot/lost").post().post("new_password", newPassword).expect(http.StatusOK, "c4")
	if b.post("method", "none").expect(http.StatusUnprocessableEntity, "c4"); len(b.summary()) != 1 {
		t.Errorf("no such method: %v", b.summary())
	}
	b.post("method", "passkey").expect(http.StatusOK, "c6")
	b.get("/forgot/new/second-step?another=1").expect(http.StatusOK, "c4").post("method", "passkey").expect(http.StatusOK, "c6")
	fresh := newDevice(t)
	b.withPasskey(fresh).expect(http.StatusOK, "c7")
	b.post("saved", "yes").expect(http.StatusOK, "home")
	w.browser().get("/signin").usesPasskey(d).expect(http.StatusUnprocessableEntity, "r1")
	w.browser().get("/signin").usesPasskey(fresh).expect(http.StatusOK, "home")
}
