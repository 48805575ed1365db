package web_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/partner"
)

// steps are the pages of a claim whose form takes the journey on, in order, with what a person types.
var steps = []struct{ page, path string }{
	{"c1", "start"}, {"c2", "email"}, {"c3", "password"}, {"c4", "second-step"}, {"c5", "second-step/app"}, {"c7", "recovery-codes"},
	{"c8", "review"}, {"c10", "allow"}, {"c11", "return"},
}

// fill is the form of the present page as its person would send it.
func (b *browser) fill(address string) (string, url.Values) {
	b.w.t.Helper()
	values := map[string][]string{"c1": {"email", address}, "c3": {"new_password", goodPassword}, "c4": {"method", "app"},
		"c7": {"saved", "yes"}, "c10": {"decision", "allow"}, "c8.dispute": {"note", "It is Moira"}, "r1": {"email", address, "password", goodPassword}}[b.id]
	switch b.id {
	case "c2":
		values = []string{"code", b.w.mailed(address)}
	case "c5":
		b.key = b.appKey()
		values = []string{"code", b.w.appCode(b.key)}
	case "r2":
		values = []string{"code", b.w.appCode(b.key)}
	}
	action, form := b.form(values...)
	return action, form
}

// A double click on every step: both answers lead to the same next page, and with the cookie of either the browser goes on
// and stays signed in (journey section 2, design 10.23). The same form a third time, with the newest cookie, leads on too.
func TestDoubleClicks(t *testing.T) {
	t.Parallel()
	for i, step := range steps[:len(steps)-1] {
		for n, keepsFirst := range []bool{true, false} {
			if n != i%2 && !full() {
				continue // each step once is the quick part
			}
			w := newWorld(t)
			o := w.open(w.partner, email)
			w.prefill(o)
			b := w.browser().claim(o, "s").walk(step.page, email)
			action, form := b.fill(email)
			cookie := b.cookie()
			first := w.once(http.MethodPost, action, cookie, form)
			second := w.once(http.MethodPost, action, cookie, form)
			want := b.base() + "/" + steps[i+1].path
			if first.status != http.StatusSeeOther || second.status != http.StatusSeeOther || first.location != want || second.location != want {
				t.Errorf("%s: %d to %q, then %d to %q", step.page, first.status, first.location, second.status, second.location)
			}
			kept := cookie
			for _, e := range []exchange{first, second} {
				if e.cookie != "" && (e.cookie == first.cookie || !keepsFirst) {
					kept = e.cookie
				}
			}
			third := w.once(http.MethodPost, action, kept, form)
			if third.status != http.StatusSeeOther || third.location != want {
				t.Errorf("%s: a third time %d to %q", step.page, third.status, third.location)
			}
			if third.cookie != "" {
				kept = third.cookie
			}
			b.keep(kept).get(want).expect(http.StatusOK, steps[i+1].page).walk("c11", email)
			b.get("/account").expect(http.StatusOK, "home")
		}
	}
}

// Two clicks at the very same time.
func TestClicksAtOnce(t *testing.T) {
	t.Parallel()
	for i, step := range steps[:len(steps)-1] {
		w := newWorld(t)
		o := w.open(w.partner, email)
		w.prefill(o)
		b := w.browser().claim(o, "s").walk(step.page, email)
		action, form := b.fill(email)
		cookie, answers := b.cookie(), make(chan exchange, 4)
		for range cap(answers) {
			go func() { answers <- w.once(http.MethodPost, action, cookie, form) }()
		}
		want := b.base() + "/" + steps[i+1].path
		var cookies []string
		for range cap(answers) {
			e := <-answers
			if e.status != http.StatusSeeOther || e.location != want {
				t.Errorf("%s: %d to %q", step.page, e.status, e.location)
			}
			if e.cookie != "" {
				cookies = append(cookies, e.cookie)
			}
		}
		if len(cookies) > 0 {
			b.keep(cookies[len(cookies)-1])
		}
		b.get(want).expect(http.StatusOK, steps[i+1].page).walk("c11", email)
	}
}

// The back button on every step: a finished page says so and leads on, C11 stands after C10, and a page that is not due yet
// leads to the one that is. A form that is sent again from there lands on the current step (journey section 6).
func TestBackButton(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.open(w.partner, email)
	w.prefill(o)
	b := w.browser().claim(o, "s")
	type sent struct {
		action string
		form   url.Values
	}
	var before []sent
	for i, step := range steps {
		b.walk(step.page, email)
		base, tab := b.base(), b.tab()
		for j, other := range steps {
			tab.get(base + "/" + other.path)
			switch {
			case step.page == "c11" || i == j:
				tab.expect(http.StatusOK, step.page)
			case j < i && step.page != "c1":
				tab.expect(http.StatusOK, "done").get(tab.link("done.button")).expect(http.StatusOK, step.page)
			default:
				tab.expect(http.StatusOK, step.page)
			}
		}
		stored := w.stored(o.account.ID)
		for j, form := range before {
			tab.send(form.action, form.form).expect(http.StatusOK, step.page)
			if said := tab.has("notice.moved"); said != (j < i-1 && step.page != "c11") {
				t.Errorf("at %s the form of %s leads on with notice %v", step.page, steps[j].page, said)
			}
		}
		if w.stored(o.account.ID) != stored {
			t.Errorf("at %s an old form changed the account", step.page)
		}
		if step.page != "c11" {
			action, form := b.get(base + "/" + step.path).fill(email)
			before = append(before, sent{action, form})
		}
	}
}

// Two tabs, two partners, two journeys in one browser: neither disturbs the other.
func TestTwoJourneys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := w.second()
	one, two := w.open(w.partner, email), w.open(other, "ines@example.org")
	w.prefill(one)
	w.prefill(two)
	first := w.browser().claim(one, "s1")
	second := first.tab().get(authorize(other, w.mint(two), "s2")).expect(http.StatusOK, "c1")
	first.get(first.at).walk("c2", email)
	second.get(second.at).expect(http.StatusOK, "c1").walk("c5", "ines@example.org")
	first.get(first.at).expect(http.StatusOK, "c2").walk("c11", email)
	if got := first.leaves(); got.Query().Get("state") != "s1" || got.Host != "app.acme.example" {
		t.Errorf("leads to %s", got)
	}
	second.get(second.at).expect(http.StatusOK, "c5").walk("c11", "ines@example.org")
	if got := second.leaves(); got.Query().Get("state") != "s2" || got.Host != "pay.harbour.example" {
		t.Errorf("leads to %s", got)
	}
}

// E6: no cookie on C1 or later, by GET or by POST; it says what to do and leads back to the partner that the address names.
// Forged, cut and foreign cookies are as none.
func TestNoCookie(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, page := range []string{"c1", "c2", "c3", "c4", "c5", "c7"} {
		o := w.open(w.partner, page+"@example.org")
		b := w.browser().claim(o, "s").walk(page, page+"@example.org")
		action, form := b.fill(page + "@example.org")
		before := w.stored(o.account.ID)
		good := b.cookie()
		for name, cookie := range map[string]string{"none": "", "cut": good[:len(good)-5], "longer": good + "A", "forged": "AAAA" + good[4:], "empty": "=",
			"garbage": "x", "oversized": strings.Repeat("A", 5000), "another server's": otherCookie(t)} {
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				e := w.once(method, action, cookie, map[string]url.Values{http.MethodPost: form}[method])
				if e.status != http.StatusBadRequest || e.page() != "e6" || e.location != "" {
					t.Errorf("%s, cookie %s, %s: page %q with %d", page, name, method, e.page(), e.status)
				}
				if !strings.Contains(e.body, `href="`+restart+`?reason=no_cookie"`) {
					t.Errorf("%s, cookie %s: no way back", page, name)
				}
			}
		}
		if w.stored(o.account.ID) != before {
			t.Errorf("%s: the account changed", page)
		}
		b.get(b.at).expect(http.StatusOK, page)
	}
}

// Where the partner has no restart address E6 leads to its home, and where it has none either, nowhere.
func TestNoCookieNoAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for p, want := range map[*partner.Partner]string{new(w.second()): "", new(w.choosy("classic")): "https://choosy.example/home"} {
		b := w.browser().get(authorize(*p, w.mint(w.open(*p, p.ClientID+"@example.org")), "s")).expect(http.StatusOK, "c1")
		b.keep("").get(b.at).expect(http.StatusBadRequest, "e6")
		if leads := find(b.doc, func(n *htmlNode) bool { return attribute(n, "data-msg") == "way.partner" }); (leads == nil) != (want == "") || leads != nil && attribute(leads, "href") != want {
			t.Errorf("%s: leads to %v, want %q", p.Name, leads, want)
		}
	}
}

// otherCookie is a cookie of a server with other keys.
func otherCookie(t *testing.T) string {
	t.Helper()
	w := newWorld(t)
	return w.browser().get("/signin").cookie()
}

// After C7 a browser without its cookie is led to sign in; the account is set up, nothing needs to begin anew.
func TestNoCookieAfterCommit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, b := w.owned(email, "c8")
	at := b.at
	elsewhere := b.elsewhere().get(at).expect(http.StatusOK, "r1")
	if elsewhere.walk("c8", email); elsewhere.at != at {
		t.Errorf("came to %s", elsewhere.at)
	}
}

// Somebody sends you their link: to their page of a journey (another browser has it), or to C1 (it asks for an address that
// you do not know, and the code goes to their mailbox). Nothing of theirs is shown or changed.
func TestTheirLink(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.open(w.partner, email)
	w.prefill(o)
	code := w.mint(o)
	theirs := w.browser().get(authorize(w.partner, code, "s")).walk("c7", email)
	secret := theirs.journey().RecoveryTexts[0]
	action, form := theirs.form("saved", "yes")
	for name, you := range map[string]*browser{"no cookie": w.browser(), "a cookie of your own": w.browser().get("/signin")} {
		before := w.stored(o.account.ID)
		you.get(theirs.at)
		if you.status < 400 || strings.Contains(you.body, secret) || strings.Contains(you.body, email) {
			t.Errorf("%s: page %q with %d", name, you.id, you.status)
		}
		you.send(action, form)
		if you.status < 400 || w.stored(o.account.ID) != before {
			t.Errorf("%s: their form is taken: page %q with %d", name, you.id, you.status)
		}
		you.get(theirs.base() + "/leave")
		if you.status < 400 {
			t.Errorf("%s: their journey can be left", name)
		}
	}
	theirs.walk("c11", email)
}

// Cross-site forms, by Sec-Fetch-Site or by Origin, are E7 and change nothing, even with the right token and cookie
// (journey section 2).
func TestCrossSite(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, page := range []string{"c1", "c4", "c7", "c10"} {
		address := page + "@example.org"
		o := w.open(w.partner, address)
		w.prefill(o)
		b := w.browser().claim(o, "s").walk(page, address)
		action, form := b.fill(address)
		before := w.stored(o.account.ID)
		for name, headers := range map[string][]string{
			"cross-site":          {"Sec-Fetch-Site", "cross-site"},
			"same-site":           {"Sec-Fetch-Site", "same-site"},
			"an odd word":         {"Sec-Fetch-Site", "Same-Origin"},
			"Origin null":         {"Sec-Fetch-Site", "", "Origin", "null"},
			"foreign Origin":      {"Sec-Fetch-Site", "", "Origin", "https://evil.example"},
			"a look-alike Origin": {"Sec-Fetch-Site", "", "Origin", "http://localhost:8080.evil.example"},
			"another port":        {"Sec-Fetch-Site", "", "Origin", "http://localhost:8081"},
		} {
			e := w.once(http.MethodPost, action, b.cookie(), form, headers...)
			if e.status != http.StatusForbidden || e.page() != "e7" || e.cookie != "" || e.location != "" {
				t.Errorf("%s, %s: page %q with %d, to %q", page, name, e.page(), e.status, e.location)
			}
			if !strings.Contains(e.body, `href="`+b.base()+`"`) {
				t.Errorf("%s, %s: no link to the current step", page, name)
			}
		}
		if w.stored(o.account.ID) != before {
			t.Errorf("%s: the account changed", page)
		}
		e := w.once(http.MethodPost, action, b.cookie(), form, "Sec-Fetch-Site", "", "Origin", "http://localhost:8080")
		if e.status != http.StatusSeeOther {
			t.Errorf("%s: our own origin answers %d", page, e.status)
		}
	}
}

// A form without the token, or with one of another step, journey or browser, is not applied (E7), and the page goes on.
func TestStepTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, mine := w.owned("mine@example.org", "c10")
	_, myForm := mine.form()
	for _, page := range []string{"c1", "c2", "c3", "c4", "c5", "c7", "c8", "c10"} {
		address := page + "@example.org"
		o := w.open(w.partner, address)
		w.prefill(o)
		b := w.browser().claim(o, "s").walk(page, address)
		action, form := b.fill(address)
		other := w.browser().claim(w.open(w.partner, "other-"+address), "s")
		_, leave := b.tab().get(b.link("frame.leave")).form()
		right := form.Get("step_token")
		_, again := b.tab().get(b.at).form()
		if again.Get("step_token") != right {
			t.Errorf("%s: a second GET has another token", page)
		}
		_, theirs := other.form()
		before := w.stored(o.account.ID)
		for name, token := range map[string]string{"none": "", "cut": right[:len(right)-1], "longer": right + "A", "another step's": leave.Get("step_token"),
			"another journey's": theirs.Get("step_token"), "another browser's": myForm.Get("step_token")} {
			form.Set("step_token", token)
			e := w.once(http.MethodPost, action, b.cookie(), form)
			if e.status != http.StatusForbidden || e.page() != "e7" {
				t.Errorf("%s, token %s: page %q with %d", page, name, e.page(), e.status)
			}
		}
		form.Del("step_token")
		if e := w.once(http.MethodPost, action+"?step_token="+url.QueryEscape(right), b.cookie(), form); e.status != http.StatusForbidden {
			t.Errorf("%s: a token in the address answers %d", page, e.status)
		}
		if w.stored(o.account.ID) != before {
			t.Errorf("%s: the account changed", page)
		}
		b.get(b.at).expect(http.StatusOK, page).walk("c11", address)
	}
}

// A browser holds five opened requests; the oldest that was not started goes first, a started one never (design 10.21). The
// cookie fits into every browser with states of any length that is taken.
func TestFiveTickets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	started := w.open(w.partner, email)
	w.prefill(started)
	b := w.browser().claim(started, "s").walk("c4", email)
	at := b.at
	var tickets []string
	for i, state := range []string{"s0", "s1", "s2", "s3", "s4", "s5"} {
		o := w.open(w.partner, "ticket"+state+"@example.org")
		tickets = append(tickets, b.claim(o, state).expect(http.StatusOK, "c1").at)
		if i == 0 {
			b.get(at).expect(http.StatusOK, "c4")
		}
	}
	b.get(tickets[0])
	if b.status != http.StatusBadRequest || b.id != "e6" {
		t.Errorf("the sixth opening left page %q with %d", b.id, b.status)
	}
	for _, ticket := range tickets[1:] {
		b.get(ticket).expect(http.StatusOK, "c1")
	}
	b.get(at).expect(http.StatusOK, "c4").walk("c11", email)
}

// Long states: what fits is kept, and the newest request always; what cannot fit is refused before anything opens.
func TestLongStates(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	wide := w.addPartner(partner.Registration{ClientID: "wide", Secret: "w1d3-w1d3-w1d3", Name: "Wide Ledger",
		RedirectURIs: []string{"https://wide.example/" + strings.Repeat("a&b=", 490)}})
	o := w.open(w.partner, email)
	b := w.browser()
	for range 7 {
		w.clock.advance(time.Minute)
		b.claim(o, strings.Repeat("s", 1500)).expect(http.StatusOK, "c1")
	}
	if n := len(b.cookie()); n > 3900 {
		t.Errorf("the cookie has %d bytes", n)
	}
	b.claim(o, strings.Repeat("s", 1501)).expect(http.StatusBadRequest, "request")
	b.get(authorize(wide, "", "s")).expect(http.StatusOK, "r1")
	b.get(authorize(wide, "", strings.Repeat("s", 1500))).expect(http.StatusBadRequest, "request")
	two := w.open(wide, "ines@example.org")
	code := w.mint(two)
	b.get(authorize(wide, code, strings.Repeat("s", 1500))).expect(http.StatusBadRequest, "request")
	if w.code(code).Seen != 0 {
		t.Error("a request that cannot be kept opened the code")
	}
	raw := "/oauth/authorize?client_id=acme-treasury&redirect_uri=" + url.QueryEscape(callback) + "&state=" + strings.Repeat(`"`, 1400)
	request, err := http.NewRequest(http.MethodGet, w.server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.URL.Opaque = "//" + request.URL.Host + raw
	b.do(request).expect(http.StatusBadRequest, "request")
}

// Over https the cookie is __Host-lk and Secure; the plain one is not read there (design 10.17).
func TestCookieOverTLS(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.door.WebURL = "https://id.example.com"
	handler := w.door.Handler()
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "https://id.example.com/signin", nil))
	set := answer.Header().Get("Set-Cookie")
	if !strings.HasPrefix(set, "__Host-lk=") || !strings.HasSuffix(set, "; Path=/; HttpOnly; Secure; SameSite=Lax") {
		t.Errorf("the cookie is %q", set)
	}
	if answer.Header().Get("Strict-Transport-Security") == "" {
		t.Error("no Strict-Transport-Security")
	}
	r := httptest.NewRequest(http.MethodGet, "https://id.example.com/signin", nil)
	r.AddCookie(&http.Cookie{Name: "lk", Value: strings.TrimPrefix(strings.SplitN(set, ";", 2)[0], "__Host-lk=")})
	answer = httptest.NewRecorder()
	handler.ServeHTTP(answer, r)
	if answer.Header().Get("Set-Cookie") == "" {
		t.Error("a cookie without the prefix is read")
	}
}

// Pages and methods that do not exist: E13, with 405 and the methods that do where the page exists. The headers stand on all
// of them (watched).
func TestUnknownPagesAndMethods(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, b := w.owned(email, "c8")
	base := b.base()
	for _, path := range []string{"/x", "/", "/j", "/j/", "/j/x", "/j/x/start", "/j/" + strings.Repeat("A", 43) + "/start", base + "/x", base + "/startx", "/oauth",
		"/oauth/authorize/x", "/assets/", "/assets/x.css", "/assets/../door.go", "/assets/%2e%2e/door.go", "/signin/x", "/.well-known/x", "/favicon.ico", "/%00", "/j/%ff/start"} {
		e := w.once(http.MethodGet, path, b.cookie(), nil)
		if e.status != http.StatusNotFound && !(e.status >= 300 && e.status < 400) {
			t.Errorf("GET %s answers %d", path, e.status)
		}
	}
	for _, path := range []string{"//signin", "/./signin", "/x/../signin", "//oauth/authorize", base + "//start", base + "/./password"} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			if e := w.once(method, path, b.cookie(), nil, "Sec-Fetch-Site", "same-origin"); e.status != http.StatusNotFound || e.page() != "e13" {
				t.Errorf("%s %s answers %d, and leads to %q", method, path, e.status, e.header.Get("Location"))
			}
		}
	}
	for path, allow := range map[string]string{"/signin": "GET, HEAD, POST", "/signout": "POST", base + "/start": "GET, HEAD, POST", base + "/return": "GET, HEAD",
		base + "/email/send": "POST", base + "/review/name": "GET, HEAD, POST", "/help": "GET, HEAD", "/account": "GET, HEAD", "/oauth/authorize": "GET, HEAD"} {
		for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodOptions, "PROPFIND", http.MethodGet, http.MethodPost} {
			if slices.Contains(strings.Split(allow, ", "), method) {
				continue
			}
			e := w.once(method, path, b.cookie(), nil, "Sec-Fetch-Site", "same-origin")
			if e.status != http.StatusMethodNotAllowed || e.header.Get("Allow") != allow || e.page() != "e13" {
				t.Errorf("%s %s answers %d, Allow %q", method, path, e.status, e.header.Get("Allow"))
			}
		}
	}
	b.get(base+"/review").expect(http.StatusOK, "c8")
}

// What pages load has the headers too.
func TestAssetHeaders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser().get("/help")
	loaded := 0
	find(b.doc, func(n *htmlNode) bool {
		for _, path := range []string{attribute(n, "href"), attribute(n, "src")} {
			if strings.HasPrefix(path, "/assets/") {
				loaded++
				if e := w.once(http.MethodGet, path, "", nil); e.status != http.StatusOK || e.cookie != "" {
					t.Errorf("%s answers %d", path, e.status)
				}
			}
		}
		return false
	})
	if loaded < 3 {
		t.Errorf("the page loads %d files", loaded)
	}
}

// One language: no links to others. What the address says about a language changes nothing.
func TestOneLanguage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser().get("/help?lang=de").expect(http.StatusOK, "help")
	if strings.Contains(b.body, "?lang=") || b.header.Get("Content-Language") != "en" {
		t.Error("a language is offered that does not exist")
	}
}

// The secret of before a rise of privilege repeats the answer of the step that it took and gets the new one for the cookie;
// it takes no further step, and dies when the new one is seen or after a minute (design 10.23).
func TestPreviousSecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, b := w.at("c7", email)
	action, form := b.fill(email)
	old := b.cookie()
	fresh := w.once(http.MethodPost, action, old, form).cookie
	confirm := w.browser().keep(old).get(b.base()+"/review").expect(http.StatusOK, "c8")
	_, review := confirm.form()
	if confirm.cookie() == old {
		t.Error("the browser that lost the answer does not get the new secret")
	}
	if e := w.once(http.MethodPost, b.base()+"/review", old, review); e.location != b.base()+"/review" || w.profile(o).Confirmed() {
		t.Errorf("the old secret took a step: %d to %q", e.status, e.location)
	}
	b.keep(fresh).get(b.base()+"/review").expect(http.StatusOK, "c8")
	late := w.browser().keep(old).get(b.base()+"/review").expect(http.StatusOK, "r1")
	if late.header.Get("Set-Cookie") != "" && strings.Contains(late.body, email) {
		t.Error("the old secret lives on after the new one was seen")
	}
	b.walk("c11", email)
}

// A late form of a finished step with a mistake in it is not told of the mistake: the step is done.
func TestLateMistakes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.open(w.partner, email)
	w.prefill(o)
	b := w.browser().claim(o, "s")
	mistakes := map[string]url.Values{}
	for _, page := range []string{"c2", "c3", "c4", "c5", "c7"} {
		action, form := b.walk(page, email).form()
		form.Del("method")
		mistakes[action] = form
		for late, form := range mistakes {
			if late == action {
				continue
			}
			b.tab().send(late, form).expect(http.StatusOK, page)
		}
	}
	b.walk("c8", email)
	for late, form := range mistakes {
		b.tab().send(late, form).expect(http.StatusOK, "c8")
	}
}
