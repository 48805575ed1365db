package web_test

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/store"
)

const newPassword = "sturdy copper hallway moss"

// ownedWithCodes is an account whose owner saved these recovery codes, and came as far as page.
func (w *world) ownedWithCodes(address, page string) (opened, *browser, []string) {
	w.t.Helper()
	o, b := w.owned(address, "c7")
	codes := b.journey().RecoveryTexts
	for _, code := range codes {
		w.hide(code)
	}
	return o, b.walk(page, address), codes
}

// newest is the text of the newest mail to an address in which all of these words are; "" when there is none.
func (w *world) newest(address string, words ...string) string {
	w.t.Helper()
	letters, err := w.inbox.List(context.Background(), 100)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, l := range letters {
		if l.To == address && !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(l.Text, word) }) {
			return l.Text
		}
	}
	return ""
}

// forgotten is the newest twelve digits that were mailed to an address.
func (w *world) forgotten(address string) string {
	w.t.Helper()
	_, rest, _ := strings.Cut(w.newest(address, "Your code to get back"), "\n\n")
	digits := strings.TrimSpace(strings.SplitN(strings.TrimSpace(rest), "\n", 2)[0])
	if len(digits) != 14 {
		w.t.Fatalf("no code to get back was mailed to %s", address)
	}
	w.hide(digits)
	w.hide(strings.ReplaceAll(digits, " ", ""))
	return digits
}

// cancelLink is the path of the link in the newest mail M8 to an address.
func (w *world) cancelLink(address string) string {
	w.t.Helper()
	_, rest, found := strings.Cut(w.newest(address, "/recovery/"), "http://localhost:8080/recovery/")
	if !found {
		w.t.Fatalf("no link to cancel was mailed to %s", address)
	}
	text := strings.Fields(rest)[0]
	w.hide(text)
	return "/recovery/" + text
}

// proven is a new browser that proved the mailbox of an address (R4): the second step comes next, or what the wait was for.
func (w *world) proven(address string) *browser {
	w.t.Helper()
	b := w.browser().get("/forgot").expect(http.StatusOK, "r4").post("email", address).expect(http.StatusOK, "r4.code")
	b = b.post("code", w.forgotten(address))
	if b.id != "lost.ready" {
		b.expect(http.StatusOK, "r4.step")
	}
	return b
}

// asked is a new browser that asked for a reset.
func (w *world) asked(address string) *browser {
	w.t.Helper()
	return w.proven(address).get("/forgot/lost").expect(http.StatusOK, "lost").post().expect(http.StatusOK, "lost.waits")
}

// rebuilds walks from a reset that is ready to the new recovery codes.
func (b *browser) rebuilds() *browser {
	b.w.t.Helper()
	b.expect(http.StatusOK, "lost.ready").post().expect(http.StatusOK, "c3") // straight from the mailed code
	b.post("new_password", newPassword).expect(http.StatusOK, "c4").post("method", "app").expect(http.StatusOK, "c5")
	b.key = b.appKey()
	return b.post("code", b.w.appCode(b.key)).expect(http.StatusOK, "c7")
}

// actions counts the audit events of an account by action.
func (w *world) actions(id customer.AccountID) map[audit.Action]int {
	w.t.Helper()
	entries, err := store.Audit{DB: w.db}.TailEvents(context.Background(), audit.Filter{Account: int64(id), Limit: 1000})
	if err != nil {
		w.t.Fatal(err)
	}
	counts := map[audit.Action]int{}
	for _, e := range entries {
		counts[e.Event.Action]++
	}
	return counts
}

// access is what the partner gets for the code of page C11.
func (w *world) access(b *browser) grant.Issue {
	w.t.Helper()
	issue, err := w.tokens.Exchange(context.Background(), w.partner, grant.Exchange{Code: b.leaves().Query().Get("code"), RedirectURI: callback}, customer.Origin{})
	if err != nil {
		w.t.Fatal(err)
	}
	return issue
}

// R3: after the password a recovery code signs in, once, however it is typed; mail M5 says so, and the page after it how many
// are left.
func TestRecoveryCodeSignsIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, _, codes := w.ownedWithCodes(email, "c11")
	b := w.browser().get("/signin/recovery-code").expect(http.StatusOK, "r1")
	if !b.has("r1.lost.first") {
		t.Error("nothing says that the password comes first")
	}
	b.post("email", email, "password", goodPassword).expect(http.StatusOK, "r2")
	b.get(b.link("r2.another")).expect(http.StatusOK, "r3")
	b.post("recovery_code", "").wrong(http.StatusUnprocessableEntity, "r3", "recovery_code", "r3.code.empty")
	for _, typed := range []string{"0000-0000-0000-0000", codes[0][:18], codes[0] + "0", "\x00"} {
		w.clock.advance(2 * time.Hour)
		b = w.browser().get("/signin").walk("r2", email).get("/signin/recovery-code")
		b.post("recovery_code", typed).wrong(http.StatusUnprocessableEntity, "r3", "recovery_code", "r3.code.wrong")
	}
	b.get("/account").expect(http.StatusOK, "r1")
	b.get("/signin/recovery-code")
	lookAlike := strings.NewReplacer("-", " ", "0", "o", "1", "l").Replace(strings.ToLower(codes[0]))
	b.post("recovery_code", " "+lookAlike+" ").expect(http.StatusOK, "r3.done")
	if !strings.Contains(b.says(), "9 recovery codes") || w.newest(email, "recovery code was used", "You have 9 left") == "" {
		t.Errorf("the page says %s", b.says())
	}
	b.get(b.link("r3.done.later")).expect(http.StatusOK, "home")
	if left := w.account(o.account.ID).Credentials.RecoveryLeft(); left != 9 {
		t.Errorf("%d codes left", left)
	}
	again := w.browser().get("/signin").walk("r2", email).get("/signin/recovery-code").post("recovery_code", codes[0])
	again.wrong(http.StatusUnprocessableEntity, "r3", "recovery_code", "r3.code.wrong")
	again.post("recovery_code", codes[1]).expect(http.StatusOK, "r3.done")
	if w.account(o.account.ID).SessionEpoch != o.account.SessionEpoch+1 { // the claim's
		t.Error("a recovery code ended sessions")
	}
}

// A wrong code counts, a right one does not help while the wait lasts, and the wait ends; a code of another account, and one
// before the password, open nothing.
func TestRecoveryCodeLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, _, codes := w.ownedWithCodes(email, "c8")
	_, _, theirs := w.ownedWithCodes("ines@example.org", "c8")
	b := w.browser().get("/signin").walk("r2", email).get("/signin/recovery-code")
	action, form := b.form()
	for range 5 {
		b.post("recovery_code", theirs[0]).wrong(http.StatusUnprocessableEntity, "r3", "recovery_code", "r3.code.wrong")
	}
	b.post("recovery_code", codes[0]).expect(http.StatusTooManyRequests, "e8")
	if b.header.Get("Retry-After") != "60" {
		t.Errorf("Retry-After %q", b.header.Get("Retry-After"))
	}
	w.clock.advance(time.Minute - time.Millisecond)
	b.get("/signin/recovery-code").post("recovery_code", codes[0]).expect(http.StatusTooManyRequests, "e8")
	w.clock.advance(time.Millisecond)
	b.get("/signin/recovery-code").post("recovery_code", codes[0]).expect(http.StatusOK, "r3.done")
	form.Set("recovery_code", codes[1])
	w.browser().send(action, form).expect(http.StatusBadRequest, "e6")
	if left := w.account(o.account.ID).Credentials.RecoveryLeft(); left != 9 {
		t.Errorf("%d codes left", left)
	}
}

// Twelve posts of one code at once, from twelve browsers that know the password: one is let in. A double click of that one is
// signed in as well, with the same answer.
func TestRecoveryCodeAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, _, codes := w.ownedWithCodes(email, "c8")
	type sent struct {
		action, cookie string
		form           url.Values
	}
	var all []sent
	for range 5 { // as many as may be wrong
		b := w.browser().get("/signin").walk("r2", email).get("/signin/recovery-code")
		action, form := b.form("recovery_code", codes[0])
		all = append(all, sent{action, b.cookie(), form})
	}
	answers := make(chan exchange, len(all))
	for _, s := range all {
		go func() { answers <- w.once(http.MethodPost, s.action, s.cookie, s.form) }()
	}
	in := 0
	for range all {
		if e := <-answers; e.status == http.StatusSeeOther && e.location == "/signin/recovered" {
			in++
		} else if e.status != http.StatusUnprocessableEntity {
			t.Errorf("status %d to %q", e.status, e.location)
		}
	}
	if in != 1 {
		t.Errorf("one code let %d browsers in", in)
	}
	b := w.browser().get("/signin").walk("r2", email).get("/signin/recovery-code")
	action, form := b.form("recovery_code", codes[1])
	cookie := b.cookie()
	first, second := w.once(http.MethodPost, action, cookie, form), w.once(http.MethodPost, action, cookie, form)
	if first.location != "/signin/recovered" || second.location != first.location || second.cookie == "" {
		t.Errorf("a double click leads to %q, %q", first.location, second.location)
	}
	w.browser().keep(second.cookie).get("/account").expect(http.StatusOK, "home")
}

// R4 whole: a mailed code, the second step, a new password. Other sessions and refresh tokens end, access tokens and grants
// stay, M4 goes out, the browser is signed in, and what was forgotten opens nothing.
func TestForgottenPassword(t *testing.T) {
	t.Parallel()
	for name, pass := range map[string]func(w *world, b *browser, key string, codes []string){
		"app": func(w *world, b *browser, key string, _ []string) { b.post("code", w.appCode(key)) },
		"recovery code": func(_ *world, b *browser, _ string, codes []string) {
			b.get(b.link("r2.another")).expect(http.StatusOK, "r3").post("recovery_code", codes[0])
		},
	} {
		w := newWorld(t)
		o, owner, codes := w.ownedWithCodes(email, "c11")
		issue := w.access(owner)
		w.clock.advance(time.Minute)
		b := w.browser().get("/signin")
		b.get(b.link("r1.forgot")).expect(http.StatusOK, "r4").post("email", "mira").wrong(http.StatusUnprocessableEntity, "r4", "email", "r1.email.empty")
		b.post("email", " MIRA.kade@EXAMPLE.org ").expect(http.StatusOK, "r4.code")
		if !strings.Contains(w.newest(email, "Your code to get back"), "localhost") {
			t.Error("the letter does not name the host")
		}
		b.post("code", strings.ReplaceAll(w.forgotten(email), " ", "-")).expect(http.StatusOK, "r4.step")
		before := w.account(o.account.ID)
		b.get("/forgot/password").expect(http.StatusOK, "r4.step").get("/account").expect(http.StatusOK, "r1")
		pass(w, b.get("/forgot/second-step"), owner.key, codes)
		b.expect(http.StatusOK, "c3")
		b.post("new_password", "short").wrong(http.StatusUnprocessableEntity, "c3", "new_password", "c3.password.short")
		b.post("new_password", "Mira Kade 1988").wrong(http.StatusUnprocessableEntity, "c3", "new_password", "c3.password.personal")
		if a := w.account(o.account.ID); a.SessionEpoch != before.SessionEpoch || a.Credentials.PasswordHash != before.Credentials.PasswordHash {
			t.Errorf("%s: something changed before the new password", name)
		}
		owner.get("/account").expect(http.StatusOK, "home")
		b.post("new_password", newPassword).expect(http.StatusOK, "home")
		owner.get("/account").expect(http.StatusOK, "r1")
		a := w.account(o.account.ID)
		if a.SessionEpoch != before.SessionEpoch+1 || a.Epoch != before.Epoch || len(w.grants(o, w.partner)) != 1 {
			t.Errorf("%s: epochs %d, %d", name, a.Epoch, a.SessionEpoch)
		}
		if _, err := w.tokens.Refresh(context.Background(), w.partner, issue.Refresh, customer.Origin{}); err == nil {
			t.Errorf("%s: the refresh token outlives the password (requirement 60)", name)
		}
		if w.newest(email, "was replaced on", "second step") == "" {
			t.Errorf("%s: no notice of the new password", name)
		}
		w.browser().get("/signin").post("email", email, "password", goodPassword).wrong(http.StatusUnprocessableEntity, "r1", "password", "r1.mismatch")
		w.clock.advance(time.Minute)
		w.browser().get("/signin").post("email", email, "password", newPassword).expect(http.StatusOK, "r2").post("code", w.appCode(owner.key)).expect(http.StatusOK, "home")
		b.get("/forgot/password").expect(http.StatusOK, "home")
	}
}

// The reset: after the mailbox alone one waits, everybody on file hears of it, and not a millisecond before the end can
// anything change. Then everything old is dead, and every access waits until the owner gives it again at C10.
func TestResetAfterTheWait(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	heard := w.hear()
	o, owner, codes := w.ownedWithCodes(email, "c11")
	issue := w.access(owner)
	before := w.account(o.account.ID)
	b := w.asked(email)
	if !strings.Contains(b.says(), "25 November 2026, 09:00 UTC") || w.newest(email, "25 November 2026, 09:00 UTC", w.cancelLink(email)) == "" {
		t.Errorf("the wait is not told: %s", b.says())
	}
	owner.get("/account").expect(http.StatusOK, "home")
	if !owner.has("frame.pending") {
		t.Error("the signed-in page says nothing")
	}
	w.clock.advance(customer.ResetWait - time.Millisecond)
	early := w.proven(email).get("/forgot/lost").expect(http.StatusOK, "lost.waits")
	if n := w.actions(o.account.ID)[audit.ResetAsked]; n != 1 {
		t.Errorf("%d resets asked for", n)
	}
	early.get("/forgot/new/second-step").expect(http.StatusOK, "r4.step")
	w.clock.advance(time.Millisecond)
	// Whoever reads the mailbox too and uses up the second steps of forgotten passwords keeps nobody from this.
	must(t, w.door.Recoveries.Store.Change(t.Context(), func(tx customer.RecoverTx) (audit.Event, error) {
		tries := limit.Tries{Total: 100, LastAt: w.clock.Now()}
		return audit.Event{At: w.clock.Now(), Action: audit.TriesCounted, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorServer}},
			tx.SaveTries(limit.NewKey(limit.KindRecoveryStep, strconv.FormatInt(int64(o.account.ID), 10)), tries)
	}))
	b = w.proven(email).rebuilds()
	if a := w.account(o.account.ID); a.Epoch != before.Epoch || a.Credentials.PasswordHash != before.Credentials.PasswordHash || len(w.grants(o, w.partner)) != 1 {
		t.Error("something changed before the end")
	}
	b.post().wrong(http.StatusUnprocessableEntity, "c7", "saved", "c7.saved.empty")
	fresh := b.codes()
	b.post("saved", "yes").expect(http.StatusOK, "home")
	a := w.account(o.account.ID)
	if !a.LastSignInAt.Equal(w.clock.Now()) || !a.PreviousSignInAt.Equal(before.LastSignInAt) {
		t.Errorf("signed in at %v, before that at %v, want %v", a.LastSignInAt, a.PreviousSignInAt, before.LastSignInAt)
	}
	if a.Epoch != before.Epoch+1 || a.SessionEpoch != before.SessionEpoch+1 || len(a.Credentials.Apps) != 1 || a.Credentials.RecoveryLeft() != 10 || len(w.grants(o, w.partner)) != 0 {
		t.Errorf("epochs %d %d, %d apps, %d codes, %d grants", a.Epoch, a.SessionEpoch, len(a.Credentials.Apps), a.Credentials.RecoveryLeft(), len(w.grants(o, w.partner)))
	}
	w.nothingOpens(o, owner, issue)
	if told := strings.Join(heard(), "\n"); strings.Count(told, "x-grants#state-change suspended ") != 1 || strings.Contains(told, "recover") {
		t.Errorf("the partner heard\n%s", told)
	}
	if w.newest(email, "the second step and the recovery codes", "were replaced") == "" {
		t.Error("no notice of the end")
	}
	in := w.browser().get("/signin").post("email", email, "password", newPassword).expect(http.StatusOK, "r2")
	w.clock.advance(time.Minute)
	in.post("code", w.appCode(owner.key)).wrong(http.StatusUnprocessableEntity, "r2", "code", "c5.code.wrong")
	in.get("/signin/recovery-code").post("recovery_code", codes[0]).wrong(http.StatusUnprocessableEntity, "r3", "recovery_code", "r3.code.wrong")
	in.post("recovery_code", fresh[0]).expect(http.StatusOK, "r3.done")

	// The access is asked about afresh, and given again in its own row.
	b.get(authorize(w.partner, "", "s2")).expect(http.StatusOK, "r5").post().expect(http.StatusOK, "c10").post("decision", "allow")
	b.leaves()
	if got := w.grants(o, w.partner); len(got) != 1 || got[0].State != grant.Active || !got[0].EndedAt.IsZero() {
		t.Errorf("renewed: %+v", got)
	}
	e := w.actions(o.account.ID)
	if e[audit.ResetFinished] != 1 || e[audit.RecoveryProven] != 3 {
		t.Errorf("events %v", e)
	}
}
