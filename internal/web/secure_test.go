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

	"golang.org/x/net/html"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
)

// The sentences of C3. The address is shown and never read back; no password is ever shown again, nor logged.
func TestPasswordFields(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.open(w.partner, email)
	w.prefill(o)
	b := w.browser().claim(o, "s").walk("c3", email)
	if f := b.field("email"); b.value("email") != email || !has(f, "readonly") || attribute(f, "autocomplete") != "username" {
		t.Error("the address is not shown read-only")
	}
	if f := b.field("new_password"); attribute(f, "type") != "password" || attribute(f, "autocomplete") != "new-password" {
		t.Error("the field is not as the table of fields says")
	}
	const leaked = "seven grey ducks ate my exam"
	w.door.Claims.Policy.Breached = func(_ context.Context, password string) bool { return password == leaked }
	before := w.stored(o.account.ID)
	for typed, message := range map[string]string{
		"":                                      "c3.password.empty",
		"eleven char":                           "c3.password.short",
		"mira kade mira kade":                   "c3.password.personal",
		"mira.kade@example.org":                 "c3.password.personal",
		"acme treasury acme":                    "c3.password.personal",
		"password1234":                          "c3.password.listed",
		leaked:                                  "c3.password.breached",
		"qwertyuiopasdf":                        "c3.password.listed",
		strings.Repeat("gravel ", 36) + "lamps": "c3.password.long",
		"ñandúes\x00":                           "c3.password.short",
	} {
		w.hide(typed)
		b.post("new_password", typed).wrong(http.StatusUnprocessableEntity, "c3", "new_password", message)
		if has(b.field("new_password"), "value") || typed != "" && !strings.Contains(email, typed) && strings.Contains(b.body, html.EscapeString(typed)) {
			t.Errorf("%q: the page holds what was typed", typed)
		}
	}
	if w.stored(o.account.ID) != before || b.journey().Provisional.PasswordHash != "" {
		t.Error("a refused password was stored")
	}
	b.post("new_password", goodPassword, "email", "someone@example.org").expect(http.StatusOK, "c4")
	if b.journey().Address != email {
		t.Error("the read-only address was read back")
	}
}

// Lengths are counted in code points, one normalisation at set and at check, and nothing is trimmed: 12 and 256 are taken.
func TestPasswordForms(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i, c := range []struct{ set, typed string }{
		{"żółw gęś dzi", "żółw gęś dzi"},
		{"cafe\u0301 gravel lamp", "café gravel lamp"},
		{" leading and trailing ", " leading and trailing "},
		{string([]rune(strings.Repeat(goodPassword+" é🙂 ", 9))[:256]), string([]rune(strings.Repeat(goodPassword+" é🙂 ", 9))[:256])},
		{"<script>alert('&amp;')</script>", "<script>alert('&amp;')</script>"},
	} {
		address := "person" + string(rune('a'+i)) + "@example.org"
		o := w.open(w.partner, address)
		b := w.browser().claim(o, "s").walk("c3", address).post("new_password", c.set).expect(http.StatusOK, "c4").walk("c8", address)
		key := b.key
		w.clock.advance(time.Minute)
		b = w.browser().get("/signin").post("email", address, "password", c.typed).expect(http.StatusOK, "r2")
		b.key = key
		b.walk("home", address)
		w.browser().get("/signin").post("email", address, "password", strings.TrimSpace(c.typed)+"x").wrong(http.StatusUnprocessableEntity, "r1", "password", "r1.mismatch")
	}
}

// C4 is preselected, so that it works as it is; what does not exist is refused.
func TestSecondStepFields(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser().claim(w.open(w.partner, email), "s").walk("c4", email)
	if chosen := find(b.doc, func(n *html.Node) bool { return attribute(n, "name") == "method" && has(n, "checked") }); chosen == nil || attribute(chosen, "value") != "app" {
		t.Error("the app is not preselected")
	}
	for _, method := range []string{"", "passkeys", "sms", "APP", "app ", "../app"} {
		b.post("method", method)
		if !slices.Equal(b.summary(), []string{"c4.method.empty"}) || b.status != http.StatusUnprocessableEntity || b.id != "c4" {
			t.Errorf("%q: page %q with %d, %v", method, b.id, b.status, b.summary())
		}
	}
	if b.journey().Method != "" {
		t.Error("a refused method was stored")
	}
}

// C5: the same secret on every reload, in the picture, the link and the key; a code of one step to either side is taken; the
// code is never shown again.
func TestAppFields(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser().claim(w.open(w.partner, email), "s").walk("c5", email)
	key := b.appKey()
	w.hide(key)
	link, err := url.Parse(b.link("c5.link"))
	if err != nil || link.Scheme != "otpauth" || link.Query().Get("issuer") != "Latchkey" || !strings.Contains(b.body, `role="img"`) {
		t.Errorf("the link is %s: %v", link, err)
	}
	if spoken := strings.ReplaceAll(b.says(), " ", ""); !strings.Contains(spoken, key) {
		t.Error("the key cannot be typed from the page")
	}
	for typed, message := range map[string]string{"": "c5.code.empty", "12345": "c5.code.format", "abcdef": "c5.code.format"} {
		b.post("code", typed).wrong(http.StatusUnprocessableEntity, "c5", "code", message)
	}
	late := w.appCode(key)
	w.clock.advance(time.Minute)
	b.post("code", late).wrong(http.StatusUnprocessableEntity, "c5", "code", "c5.code.wrong")
	if has(b.field("code"), "value") || b.get(b.at).appKey() != key {
		t.Error("the page holds the code, or another secret")
	}
	code := w.appCode(key)
	w.clock.advance(30 * time.Second)
	b.post("code", code[:3]+" "+code[3:]).expect(http.StatusOK, "c7")
}

// Five wrong codes of the app, then waits of 1, 5, 15 and 60 minutes that end: E8 says how long, and the right code opens
// after it (journey section 1).
func TestAppTries(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser().claim(w.open(w.partner, email), "s").walk("c5", email)
	key, at := b.appKey(), b.at
	for range 4 {
		b.post("code", wrongDigits(w.appCode(key))).wrong(http.StatusUnprocessableEntity, "c5", "code", "c5.code.wrong")
	}
	for _, wait := range []time.Duration{time.Minute, 5 * time.Minute} {
		b.post("code", wrongDigits(w.appCode(key))).wrong(http.StatusUnprocessableEntity, "c5", "code", "c5.code.wrong")
		b.post("code", w.appCode(key)).expect(http.StatusTooManyRequests, "e8")
		if b.header.Get("Retry-After") != strconv.Itoa(int(wait.Seconds())) || b.link("way.current") != b.base() {
			t.Errorf("E8 says Retry-After %s, and to go on at %s", b.header.Get("Retry-After"), b.link("way.current"))
		}
		w.clock.advance(wait - time.Millisecond)
		b.get(at).post("code", w.appCode(key)).expect(http.StatusTooManyRequests, "e8")
		w.clock.advance(time.Millisecond)
		b.get(at)
	}
	b.walk("c7", email)
}

// C7: ten codes, the same on every reload and in the file, until the box is ticked; then none is kept in a form that can be
// shown.
func TestRecoveryCodesFields(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.open(w.partner, email)
	w.prefill(o)
	b := w.browser().claim(o, "s").walk("c7", email)
	codes := b.journey().RecoveryTexts
	if len(codes) != 10 {
		t.Fatalf("%d codes", len(codes))
	}
	for _, code := range codes {
		w.hide(code)
		if !strings.Contains(b.body, code) || len(code) != 19 {
			t.Errorf("the page does not hold %s", code)
		}
	}
	if again := b.tab().get(b.at); !strings.Contains(again.body, codes[9]) {
		t.Error("a reload shows other codes")
	}
	before := w.stored(o.account.ID)
	_, form := b.form()
	file := w.once(http.MethodPost, b.base()+"/recovery-codes/download", b.cookie(), form)
	if file.status != http.StatusOK || !strings.Contains(file.body, strings.Join(codes, "\r\n")) ||
		file.header.Get("Content-Disposition") != `attachment; filename="recovery-codes.txt"` || file.header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("the file is %d %v\n%s", file.status, file.header, file.body)
	}
	if get := w.once(http.MethodGet, b.base()+"/recovery-codes/download", b.cookie(), nil); get.status != http.StatusMethodNotAllowed {
		t.Errorf("a GET answers the file with %d", get.status)
	}
	b.post().wrong(http.StatusUnprocessableEntity, "c7", "saved", "c7.saved.empty")
	if w.stored(o.account.ID) != before {
		t.Error("the account changed before the box was ticked")
	}
	b.post("saved", "yes").expect(http.StatusOK, "c8")
	if j := b.journey(); len(j.RecoveryTexts) != 0 || len(j.AppSecret) != 0 || j.Provisional.PasswordHash != "" {
		t.Error("the journey keeps secrets after the commit")
	}
	late := w.once(http.MethodPost, b.base()+"/recovery-codes/download", b.cookie(), form)
	if late.status != http.StatusSeeOther || strings.Contains(late.body, codes[0]) {
		t.Errorf("a late download answers %d", late.status)
	}
}

// A download without the right token is E7 while the codes are due, and leads on when they are not.
func TestDownloadWithoutToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.open(w.partner, email)
	w.prefill(o)
	b := w.browser().claim(o, "s").walk("c7", email)
	path := b.base() + "/recovery-codes/download"
	if e := w.once(http.MethodPost, path, b.cookie(), url.Values{"step_token": {"x"}}); e.status != http.StatusForbidden || e.page() != "e7" {
		t.Errorf("page %q with %d", e.page(), e.status)
	}
	w.clock.advance(claim.SilenceLife)
	_, form := b.form()
	if e := w.once(http.MethodPost, path, b.cookie(), form); e.status != http.StatusSeeOther || !strings.HasSuffix(strings.Split(e.location, "?")[0], "/password-again") {
		t.Errorf("after a silence %d to %q", e.status, e.location)
	}
	w.clock.advance(customer.IdleLife)
	if e := w.once(http.MethodPost, path, b.cookie(), form); e.status != http.StatusGone || e.page() != "e3" {
		t.Errorf("after the session page %q with %d", e.page(), e.status)
	}
}

// The commit: the account is the customer's, everything of before is dead, the browser's secret is a new one, M1 goes out.
func TestCommitHandsOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.open(w.partner, email)
	w.prefill(o)
	b := w.browser().claim(o, "s").walk("c7", email)
	before, old := w.account(o.account.ID), b.cookie()
	b.walk("c8", email)
	after := w.account(o.account.ID)
	if before.State != customer.Pending || after.State != customer.Claimed || after.Epoch <= before.Epoch || len(after.Registration) != 0 {
		t.Errorf("from %s at epoch %d to %s at %d", before.State, before.Epoch, after.State, after.Epoch)
	}
	if !strings.Contains(w.lastMail(email), "Acme Treasury") {
		t.Error("the owner was not told")
	}
	w.clock.advance(customer.PreviousLife)
	stolen := w.browser().keep(old).get(b.base() + "/review")
	if stolen.id == "c8" || !strings.HasPrefix(stolen.at, "/signin") {
		t.Errorf("the cookie of before the commit opens %s", stolen.id)
	}
}

// lastMail is the text of the newest mail to an address.
func (w *world) lastMail(address string) string {
	w.t.Helper()
	letters, err := w.inbox.List(w.t.Context(), 50)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, letter := range letters {
		if letter.To == address {
			return letter.Text
		}
	}
	return ""
}

// After 15 minutes of silence C4 to C7 ask for the password just set; after the right one the journey goes on where it
// stopped (design 10.7).
func TestSilence(t *testing.T) {
	t.Parallel()
	for _, page := range []string{"c4", "c5", "c7"} {
		w := newWorld(t)
		o := w.open(w.partner, email)
		w.prefill(o)
		b := w.browser().claim(o, "s").walk(page, email)
		at := b.at
		action, form := b.form("method", "app", "saved", "yes", "code", "123456")
		w.clock.advance(claim.SilenceLife)
		before := w.stored(o.account.ID)
		b.send(action, form).expect(http.StatusOK, "c3.again")
		b.get(at).expect(http.StatusOK, "c3.again")
		if b.value("email") != email {
			t.Errorf("%s: the address is not shown", page)
		}
		b.post("password", "").wrong(http.StatusUnprocessableEntity, "c3.again", "password", "r1.password.empty")
		b.post("password", "something else").wrong(http.StatusUnprocessableEntity, "c3.again", "password", "r1.mismatch")
		if has(b.field("password"), "value") {
			t.Errorf("%s: the page holds the password", page)
		}
		if w.stored(o.account.ID) != before {
			t.Errorf("%s: the account changed", page)
		}
		b.post("password", goodPassword).expect(http.StatusOK, page)
		if b.at != at {
			t.Errorf("%s: came to %s", page, b.at)
		}
		b.walk("c11", email)
	}
}

// Five wrong passwords after a silence, then E8; the wait ends.
func TestSilenceTries(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.open(w.partner, email)
	b := w.browser().claim(o, "s").walk("c4", email)
	w.clock.advance(claim.SilenceLife)
	b.get(b.at).expect(http.StatusOK, "c3.again")
	for range 5 {
		b.post("password", "something else").wrong(http.StatusUnprocessableEntity, "c3.again", "password", "r1.mismatch")
	}
	b.post("password", goodPassword).expect(http.StatusTooManyRequests, "e8")
	if b.header.Get("Retry-After") != "60" {
		t.Errorf("Retry-After is %q", b.header.Get("Retry-After"))
	}
	w.clock.advance(time.Minute)
	b.get(b.link("way.current")).expect(http.StatusOK, "c3.again").post("password", goodPassword).expect(http.StatusOK, "c4")
}

// A session that is over before C7: nothing secret carries over. The next code asks for the mailbox and a password anew,
// also in the same browser (journey section 4, Resuming).
func TestNothingIsInherited(t *testing.T) {
	t.Parallel()
	for _, page := range []string{"c2", "c3", "c4", "c5", "c7"} {
		w := newWorld(t)
		o := w.open(w.partner, email)
		w.prefill(o)
		b := w.browser().claim(o, "s").walk(page, email)
		key := b.key
		action, form := b.form("new_password", "an inherited phrase", "saved", "yes", "method", "app", "code", "123456")
		w.clock.advance(customer.IdleLife)
		b.send(action, form).expect(http.StatusGone, "e3")
		if got := b.link("way.restart"); got != restart+"?reason=session_over&state=s" {
			t.Errorf("%s: leads to %q", page, got)
		}
		for _, next := range []*browser{b, w.browser()} {
			next.claim(o, "s").walk("c2", email).walk("c3", email).walk("c5", email)
			if next.appKey() == key {
				t.Errorf("%s: the app's secret was inherited", page)
			}
		}
	}
}
