package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/latchkey-id/latchkey/internal/customer"
)

// elsewhere is a browser that never was here, of the customer whose app is that of b.
func (b *browser) elsewhere() *browser {
	other := b.w.browser()
	other.key = b.key
	return other
}

// The sentences of R1 and R2; the address is kept, the password and the code are not.
func TestSignInFields(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, owner := w.owned(email, "c11")
	b := owner.elsewhere().get("/signin").expect(http.StatusOK, "r1")
	if f := b.field("email"); attribute(f, "autocomplete") != "username webauthn" || attribute(b.field("password"), "autocomplete") != "current-password" {
		t.Error("the fields are not as the table of fields says")
	}
	b.post("email", "", "password", "").wrong(http.StatusUnprocessableEntity, "r1", "email", "r1.email.empty", "password", "r1.password.empty")
	b.post("email", "mira", "password", goodPassword).wrong(http.StatusUnprocessableEntity, "r1", "email", "r1.email.empty")
	if b.value("email") != "mira" || has(b.field("password"), "value") {
		t.Error("the address is not kept, or the password is")
	}
	b.post("email", email, "password", "", "more_time", "yes").wrong(http.StatusUnprocessableEntity, "r1", "password", "r1.password.empty")
	if b.value("email") != email || b.value("more_time") == "" {
		t.Error("what was typed is not kept")
	}
	b.post("email", " MIRA.kade@EXAMPLE.org ", "password", goodPassword).expect(http.StatusOK, "r2")
	for typed, message := range map[string]string{"": "c5.code.empty", "12345": "c5.code.format", "abcdef": "c5.code.format", wrongDigits(w.appCode(b.key)): "c5.code.wrong"} {
		b.post("code", typed).wrong(http.StatusUnprocessableEntity, "r2", "code", message)
		if has(b.field("code"), "value") {
			t.Error("the page holds the code")
		}
	}
	b.walk("home", email)
	if !strings.Contains(b.says(), email) {
		t.Error("the first page does not say who is signed in")
	}
}

// Unknown address, pending account, wrong password, account on hold: the same answer, byte for byte but for the token
// (RTS 4(3)(a)).
func TestSignInTellsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.owned(email, "c11")
	w.open(w.partner, "pending@example.org")
	held, _ := w.owned("held@example.org", "c11")
	w.holdAccount(held.account.ID)
	var first string
	for name, c := range map[string]struct{ address, password string }{
		"wrong":   {email, "not the password"},
		"unknown": {"nobody@example.org", goodPassword},
		"pending": {"pending@example.org", goodPassword},
		"held":    {"held@example.org", goodPassword},
	} {
		b := w.browser().get("/signin").post("email", c.address, "password", c.password)
		b.wrong(http.StatusUnprocessableEntity, "r1", "password", "r1.mismatch")
		_, form := b.form()
		passkey := b.passkeyForm()
		text := strings.NewReplacer(c.address, "", form.Get("step_token"), "", passkey.token, "", html.EscapeString(passkey.options), "").Replace(b.body)
		if first == "" {
			first = text
		}
		if text != first {
			t.Errorf("%s: another page", name)
		}
	}
}

// A code of the app signs in once: the same one in another browser is refused, and says so (RFC 6238 section 5.2).
func TestAppCodeReused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, owner := w.owned(email, "c11")
	w.clock.advance(time.Minute)
	code := w.appCode(owner.key)
	one := owner.elsewhere().get("/signin").walk("r2", email)
	two := owner.elsewhere().get("/signin").walk("r2", email)
	one.post("code", code).expect(http.StatusOK, "home")
	two.post("code", code).wrong(http.StatusUnprocessableEntity, "r2", "code", "c5.code.reused")
	two.walk("home", email)
}

// E8 at R1 and R2: five wrong, then the wait in words and in Retry-After, from this network alone, and it ends.
func TestSignInWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, owner := w.owned(email, "c11")
	b := owner.elsewhere().get("/signin")
	for _, address := range []string{email, "nobody@example.org"} {
		for range 5 {
			b.get("/signin").post("email", address, "password", "not the password").wrong(http.StatusUnprocessableEntity, "r1", "password", "r1.mismatch")
		}
		b.post("email", address, "password", goodPassword).expect(http.StatusTooManyRequests, "e8")
		if b.header.Get("Retry-After") != "60" || b.link("way.current") != "/signin" || !b.has("e8.wait") {
			t.Errorf("%s: Retry-After %q, way %q", address, b.header.Get("Retry-After"), b.link("way.current"))
		}
	}
	w.clock.advance(time.Minute)
	b.get("/signin").walk("r2", email)
	for range 5 {
		b.post("code", wrongDigits(w.appCode(b.key))).wrong(http.StatusUnprocessableEntity, "r2", "code", "c5.code.wrong")
	}
	b.post("code", w.appCode(b.key)).expect(http.StatusTooManyRequests, "e8")
	if b.header.Get("Retry-After") != "60" || b.link("way.current") != "/signin" {
		t.Errorf("Retry-After %q, way %q", b.header.Get("Retry-After"), b.link("way.current"))
	}
	w.clock.advance(time.Minute)
	b.get("/signin/second-step").walk("home", email)
}

// Between password and second step nothing opens, and the step is over after a quarter of an hour.
func TestHalfwayOpensNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, owner := w.owned(email, "c8")
	b := owner.elsewhere().get("/signin").walk("r2", email)
	b.get("/account").expect(http.StatusOK, "r1")
	b.get(owner.base()+"/review").expect(http.StatusOK, "r1")
	b.get("/signin/second-step").expect(http.StatusOK, "r2")
	w.clock.advance(customer.SignInLife + time.Millisecond)
	b.post("code", w.appCode(b.key)).expect(http.StatusOK, "r1")
	w.browser().get("/signin/second-step").expect(http.StatusOK, "r1")
}

// Signing out ends the session: neither the cookie of before nor the back button opens anything. A second click is no error.
func TestSignOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, b := w.owned(email, "c11")
	b.get("/account").expect(http.StatusOK, "home")
	action, form := b.form()
	old := b.cookie()
	b.post().expect(http.StatusOK, "r1")
	if !b.has("notice.signedout") {
		t.Error("nothing says that it happened")
	}
	b.send(action, form).expect(http.StatusOK, "r1")
	if second := w.once(http.MethodPost, action, old, form); second.status != http.StatusSeeOther {
		t.Errorf("a second click answers %d", second.status)
	}
	w.browser().keep(old).get("/account").expect(http.StatusOK, "r1")
	b.get("/account").expect(http.StatusOK, "r1")
}

// After C7 the customer signs in, in any browser, and goes on where they stopped, with what they changed (Resuming).
func TestResumeAfterCommit(t *testing.T) {
	t.Parallel()
	for _, page := range []string{"c8", "c10"} {
		w := newWorld(t)
		o, b := w.owned(email, "c8")
		b.get(b.base()+"/review/preferred").post("preferred_name", "Mimi").expect(http.StatusOK, "c8")
		b.walk(page, email)
		at := b.at
		w.clock.advance(customer.IdleLife)
		b.get(at).expect(http.StatusOK, "r1")
		b.walk(page, email)
		elsewhere := b.elsewhere().get(authorize(w.partner, "", "s9")).walk(page, email)
		if elsewhere.base() == b.base() {
			t.Error("a new request took the old journey")
		}
		if w.profile(o).Value(customer.PreferredName) != "Mimi" {
			t.Error("the change of the review is gone")
		}
		b.get(at).expect(http.StatusOK, page)
		elsewhere.walk("c11", email)
		if got := elsewhere.leaves().Query().Get("state"); got != "s9" {
			t.Errorf("the state is %q", got)
		}
		b.get(at).walk("c11", email)
	}
}

// A form that comes after the session is over is not applied; signing in leads back to its step.
func TestLateFormsAfterCommit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, b := w.owned(email, "c8")
	action, form := b.form()
	w.clock.advance(customer.IdleLife)
	before := w.stored(o.account.ID)
	b.send(action, form).expect(http.StatusOK, "r1")
	if w.stored(o.account.ID) != before || w.profile(o).Confirmed() {
		t.Error("a late form was applied")
	}
	b.walk("c8", email)
}

// A return visit: the standing access passes without being asked again, with a fresh code for the same grant.
func TestReturnVisit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, owner := w.owned(email, "c11")
	first := owner.leaves().Query().Get("code")
	b := owner.elsewhere().get(authorize(w.partner, "", "s2")).expect(http.StatusOK, "r1")
	if !strings.Contains(b.body, "Acme Treasury") || b.link("frame.leave") == "" {
		t.Error("R1 does not say for whom, or has no way out")
	}
	b.walk("r2", email)
	w.clock.advance(time.Minute)
	b.post("code", w.appCode(b.key)).expect(http.StatusOK, "c11")
	back := b.leaves().Query()
	if back.Get("state") != "s2" || back.Get("code") == "" || back.Get("code") == first || back.Get("profileId") == "" {
		t.Errorf("leads back with %v", back)
	}
	if n := len(w.grants(o, w.partner)); n != 1 {
		t.Errorf("%d grants", n)
	}
}

// R5: a browser that was signed in before the request is asked, once, and may choose another account.
func TestContinue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, b := w.owned(email, "c11")
	_, other := w.owned("ines@example.org", "c11")
	b.get(authorize(w.partner, "", "s2")).expect(http.StatusOK, "r5")
	if !strings.Contains(b.says(), email) {
		t.Error("R5 does not say as whom")
	}
	action, form := b.form()
	cookie := b.cookie()
	first := w.once(http.MethodPost, action, cookie, form)
	second := w.once(http.MethodPost, action, cookie, form)
	third := w.once(http.MethodPost, action, second.cookie, form)
	if !strings.HasSuffix(first.location, "/return") || first.location != second.location || third.location != first.location {
		t.Errorf("leads to %q, %q, %q", first.location, second.location, third.location)
	}
	b.keep(second.cookie).get(first.location).leaves()

	b.get(authorize(w.partner, "", "s3")).expect(http.StatusOK, "r5").press("r5.different").expect(http.StatusOK, "r1")
	b.key = other.key
	w.clock.advance(time.Minute)
	b.walk("c11", "ines@example.org")
	if b.leaves().Query().Get("state") != "s3" {
		t.Error("another account went on with another request")
	}
}

// No GET begins a visit: neither HEAD nor a look at the sign-in page spends the person's consent (R5).
func TestNoVisitByLooking(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, b := w.owned(email, "c11")
	b.get(authorize(w.partner, "", "s2")).expect(http.StatusOK, "r5")
	base := b.base()
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		for _, path := range []string{"/signin?journey=" + strings.TrimPrefix(base, "/j/"), "/signin/second-step?journey=" + strings.TrimPrefix(base, "/j/"), base, base + "/continue", base + "/return", base + "/allow"} {
			e := w.once(method, path, b.cookie(), nil)
			if strings.HasSuffix(e.location, "/return") || e.header.Get("Link") != "" {
				t.Errorf("%s %s leads to %q", method, path, e.location)
			}
		}
	}
	b.get(base).expect(http.StatusOK, "r5")
}

// prompt=consent asks again, prompt=login wants a sign-in of its own, prompt=none never shows a page (OpenID Connect Core
// 3.1.2.1).
func TestPrompts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, b := w.owned(email, "c11")
	b.get(authorize(w.partner, "", "s")+"&prompt=consent").expect(http.StatusOK, "r5").post().expect(http.StatusOK, "c10").walk("c11", email)

	w.clock.advance(time.Minute)
	b.get(authorize(w.partner, "", "s")+"&prompt=login").expect(http.StatusOK, "r1")
	jid := strings.TrimPrefix(b.at, "/signin?journey=")
	b.get("/j/"+jid+"/continue").expect(http.StatusOK, "r1")
	b.walk("r2", email).get("/j/"+jid).expect(http.StatusOK, "r1").get("/signin/second-step?journey="+jid).walk("c11", email)

	for name, c := range map[string]struct {
		b     *browser
		error string
	}{"signed in": {b, "interaction_required"}, "not signed in": {w.browser(), "login_required"}} {
		for _, code := range []string{"", "7e4c0e7e-50ba-4a0d-9a3e-2b1f2a3c4d5e"} {
			e := w.once(http.MethodGet, authorize(w.partner, code, "s")+"&prompt=none", c.b.cookie(), nil)
			want := callback + "&error=" + c.error + "&"
			if code != "" {
				want = callback + "&error=interaction_required&"
			}
			if e.status != http.StatusSeeOther || !strings.HasPrefix(e.location, want) || !strings.HasSuffix(e.location, "&state=s") || e.cookie != "" {
				t.Errorf("%s, code %q: %d to %q", name, code, e.status, e.location)
			}
		}
	}
}

// A visit that asks for more is asked about the rest alone, and what stands is kept whatever the answer (journey C10).
func TestNewScopes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.choosy("classic")
	o, b := w.claimWith(p, email, "")
	action, form := b.form("decision", "allow")
	form["scope"] = []string{"profiles.read"}
	b.send(action, form).expect(http.StatusOK, "c11")
	given := w.grants(o, p)[0]

	b.get(authorize(p, "", "s")+"&scope=account.read+profiles.read").expect(http.StatusOK, "r5").post().expect(http.StatusOK, "c11")
	b.get(authorize(p, "", "s")+"&scope=profiles.write").expect(http.StatusOK, "r5").post().expect(http.StatusOK, "c10")
	if b.elementWithID("scope-profiles.write") == nil || b.elementWithID("scope-profiles.read") != nil || !strings.Contains(b.says(), "also wants to") {
		t.Errorf("asks for\n%s", b.says())
	}
	b.post("decision", "deny").expect(http.StatusOK, "c11")
	if got := w.grants(o, p); len(got) != 1 || len(got[0].Scopes) != 2 || !strings.Contains(leadsTo(b), "error=access_denied") {
		t.Errorf("after Don't allow: %+v", got)
	}
	b.get(authorize(p, "", "s")+"&scope=profiles.write").post().expect(http.StatusOK, "c10")
	action, form = b.form("decision", "allow")
	form["scope"] = []string{"profiles.write"}
	b.send(action, form).expect(http.StatusOK, "c11")
	got := w.grants(o, p)
	if len(got) != 1 || got[0].ID != given.ID || len(got[0].Scopes) != 3 {
		t.Errorf("after Allow: %+v", got)
	}
	b.get(authorize(p, "", "s")+"&prompt=consent").post().expect(http.StatusOK, "c10")
	b.post("decision", "allow").expect(http.StatusOK, "c11")
	if got := w.grants(o, p); len(got) != 1 || len(got[0].Scopes) != 1 {
		t.Errorf("asked about everything and allowed what is needed: %+v", got)
	}
}

// Access that ended by time is asked for again (journey section 1).
func TestAccessRunsOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.choosy("strict")
	o, b := w.claimWith(p, email, "")
	b.walk("c11", email)
	until := w.grants(o, p)[0].Until
	b.get(authorize(p, "", "s")).post().expect(http.StatusOK, "c11")
	w.clock.advance(until.Sub(w.clock.Now()))
	b.get(authorize(p, "", "s")).walk("c10", email)
}

// Signed in as somebody else: E9 when a code is opened, at C1 and at Start, and when the journey is another's; nothing is used
// up, and signing out goes on (ASVS 7.6.2).
func TestOtherCustomer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, b := w.owned("ines@example.org", "c11")
	o := w.open(w.partner, email)
	w.prefill(o)
	code := w.mint(o)
	before := w.stored(o.account.ID)
	link := authorize(w.partner, code, "s")
	b.get(link).expect(http.StatusConflict, "e9")
	if got := b.link("e9.stay"); got != restart+"?reason=signed_in_as_other&state=s" || !strings.Contains(b.says(), "ines@example.org") {
		t.Errorf("leads to %q", got)
	}
	if w.stored(o.account.ID) != before || w.code(code).Seen != 0 {
		t.Error("the code counts as seen")
	}
	action, form := b.form()
	cookie := b.cookie()
	b.post().expect(http.StatusOK, "c1")
	if second := w.once(http.MethodPost, action, cookie, form); second.status != http.StatusSeeOther {
		t.Errorf("a second click answers %d", second.status)
	}
	b.get("/account").expect(http.StatusOK, "r1")
	b.get(link).walk("c8", email)
}

// The same when the browser signs in as somebody else while C1 is open, and for a journey of another account: no loop of
// sign-ins.
func TestOtherCustomerMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, other := w.owned("ines@example.org", "c11")
	o := w.open(w.partner, email)
	w.prefill(o)
	b := w.browser()
	b.key = other.key
	start := b.claim(o, "s").expect(http.StatusOK, "c1").tab()
	start.get(b.at)
	b.get("/signin").walk("home", "ines@example.org")
	before := w.stored(o.account.ID)
	b.get(start.at).expect(http.StatusConflict, "e9")
	start.post("email", email).expect(http.StatusConflict, "e9")
	if w.stored(o.account.ID) != before || w.mails() > 4 {
		t.Error("the claim went on")
	}
	start.post().expect(http.StatusOK, "c1").walk("c10", email)
	at := start.at

	visitor := other.elsewhere().get("/signin").walk("home", "ines@example.org")
	for _, path := range []string{at, start.base(), start.base() + "/review", start.base() + "/return"} {
		visitor.get(path).expect(http.StatusConflict, "e9")
	}
	if strings.Contains(visitor.body, email) || visitor.link("e9.stay") != restart+"?reason=signed_in_as_other" {
		t.Errorf("E9 says whose the journey is, or gives its state away: %s", visitor.link("e9.stay"))
	}
	visitor.post().expect(http.StatusOK, "r1")
	visitor.key = start.key
	visitor.walk("c10", email)
	if visitor.at != at {
		t.Errorf("came to %s", visitor.at)
	}
}

// What a browser had begun before it signed in as somebody else is over (E3); the partner mints another code.
func TestSignInEndsWhatWasBegun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, other := w.owned("ines@example.org", "c11")
	o := w.open(w.partner, email)
	b := w.browser()
	b.key = other.key
	b.claim(o, "s").walk("c4", email)
	action, form := b.form("method", "app")
	at := b.at
	b.get("/signin").walk("home", "ines@example.org")
	before := w.stored(o.account.ID)
	b.get(at).expect(http.StatusGone, "e3")
	b.send(action, form).expect(http.StatusGone, "e3")
	if got := b.link("way.restart"); !strings.HasPrefix(got, restart+"?reason=session_over") || w.stored(o.account.ID) != before {
		t.Errorf("leads to %q", got)
	}
}

// The journey in the address of the sign-in is one of this server's, or it is ignored: nobody is led to a place of a
// stranger's choice.
func TestSignInLeadsNowhereElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, owner := w.owned(email, "c11")
	for _, journey := range []string{"https://evil.example/", "//evil.example", "../../evil", "x", strings.Repeat("A", 43), "%0d%0aLocation:%20https://evil.example/"} {
		b := owner.elsewhere().get("/signin?journey="+url.QueryEscape(journey)).expect(http.StatusOK, "r1")
		if b.walk("home", email).at != "/account" {
			t.Errorf("%q leads to %s", journey, b.at)
		}
	}
}

// The sign-in of a claim that is opened and not begun leads to its own first page.
func TestSignInForAClaim(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, other := w.owned("ines@example.org", "c11")
	o := w.open(w.partner, email)
	b := w.browser().claim(o, "s").expect(http.StatusOK, "c1")
	b.key = other.key
	b.get("/signin?journey="+strings.TrimPrefix(b.base(), "/j/")).expect(http.StatusOK, "r1")
	b.walk("r2", "ines@example.org")
	w.clock.advance(time.Minute)
	b.post("code", w.appCode(b.key)).expect(http.StatusConflict, "e9")
}

// Partners are apart: access for one is none for the other, and each is asked about on its own.
func TestTwoPartners(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := w.second()
	o, b := w.owned(email, "c11")
	b.get(authorize(other, "", "s")).expect(http.StatusOK, "r5").post().expect(http.StatusOK, "c10")
	if !strings.Contains(b.says(), "Harbour Pay") || strings.Contains(b.says(), "Acme") {
		t.Errorf("asks\n%s", b.says())
	}
	b.post("decision", "deny").expect(http.StatusOK, "c11")
	if len(w.grants(o, other)) != 0 || len(w.grants(o, w.partner)) != 1 {
		t.Error("the grants are mixed up")
	}
}
