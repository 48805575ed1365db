package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/partner"
)

// E5: an unknown client or an address that is not registered, byte for byte, is never answered with a redirect, names no
// partner and links nowhere but to our own pages (journey section 3, lines 1 and 2; I6).
func TestUnknownRequestLeadsNowhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.open(w.partner, email)
	code := w.mint(o)
	paused := w.addPartner(partner.Registration{ClientID: "paused-pay", Secret: "p4us3d-p4us3d", Name: "Paused Pay", RedirectURIs: []string{"https://paused.example/back"}})
	w.pause(paused)
	before := w.stored(o.account.ID)
	id, back := "client_id=acme-treasury", "redirect_uri="+url.QueryEscape(callback)
	for name, query := range map[string]string{
		"no client":            back,
		"empty client":         "client_id=&" + back,
		"unknown client":       "client_id=acme&" + back,
		"client in capitals":   "client_id=ACME-TREASURY&" + back,
		"client twice":         id + "&" + id + "&" + back,
		"two clients":          id + "&client_id=other&" + back,
		"client not UTF-8":     "client_id=%ff%fe&" + back,
		"client broken escape": "client_id=acme%2&" + back,
		"paused client":        "client_id=paused-pay&redirect_uri=" + url.QueryEscape("https://paused.example/back"),
		"no address":           id,
		"empty address":        id + "&redirect_uri=",
		"address twice":        id + "&" + back + "&" + back,
		"other host":           id + "&redirect_uri=" + url.QueryEscape("https://evil.example/callback?from=us"),
		"longer path":          id + "&redirect_uri=" + url.QueryEscape("https://app.acme.example/callback/x?from=us"),
		"query missing":        id + "&redirect_uri=" + url.QueryEscape("https://app.acme.example/callback"),
		"query longer":         id + "&redirect_uri=" + url.QueryEscape(callback+"&x=1"),
		"fragment":             id + "&redirect_uri=" + url.QueryEscape(callback+"#x"),
		"host in capitals":     id + "&redirect_uri=" + url.QueryEscape("https://APP.acme.example/callback?from=us"),
		"port named":           id + "&redirect_uri=" + url.QueryEscape("https://app.acme.example:443/callback?from=us"),
		"user part":            id + "&redirect_uri=" + url.QueryEscape("https://app.acme.example@evil.example/callback?from=us"),
		"http":                 id + "&redirect_uri=" + url.QueryEscape("http://app.acme.example/callback?from=us"),
		"escaped twice":        id + "&redirect_uri=" + url.QueryEscape(url.QueryEscape(callback)),
		"space before":         id + "&redirect_uri=%20" + url.QueryEscape(callback),
		"NUL behind":           id + "&redirect_uri=" + url.QueryEscape(callback) + "%00",
		"line end":             id + "&redirect_uri=" + url.QueryEscape(callback) + "%0d%0aSet-Cookie:%20a=b",
		"the restart address":  id + "&redirect_uri=" + url.QueryEscape(restart),
		"too long a query":     id + "&" + back + "&state=" + strings.Repeat("a", 9000),
	} {
		for _, path := range []string{"/oauth/authorize?", "/oauth/authorize/?"} {
			e := w.once(http.MethodGet, path+query+"&claim_account_code="+code, "", nil)
			if e.status != http.StatusBadRequest || e.page() != "e5" || e.location != "" || e.cookie != "" {
				t.Errorf("%s: page %q with %d, location %q, cookie %q", name, e.page(), e.status, e.location, e.cookie)
			}
			for _, told := range []string{"Acme", "acme.example", "evil.example", "http-equiv"} {
				if strings.Contains(e.body, told) {
					t.Errorf("%s: the page holds %q", name, told)
				}
			}
		}
	}
	if w.stored(o.account.ID) != before || w.code(code).Seen != 0 {
		t.Error("a request that leads nowhere changed the account or the code")
	}
}

// In the sandbox E5 shows the given and the registered addresses; the difference is marked.
func TestUnknownAddressInTheSandbox(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.door.Sandbox, w.door.Pages = true, w.sandboxPages()
	b := w.browser().get("/oauth/authorize?client_id=acme-treasury&redirect_uri=" + url.QueryEscape("https://app.acme.example/other?<b>"))
	b.expect(http.StatusBadRequest, "e5")
	if says := b.says(); !strings.Contains(says, "other?<b>") || !strings.Contains(says, "callback?from=us") {
		t.Errorf("the sandbox does not show both addresses: %s", says)
	}
}

// No state is allowed, and not returned; the sandbox warns of it on C1 (journey section 6).
func TestNoStateInTheSandbox(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.open(w.partner, email)
	for _, sandbox := range []bool{false, true} {
		w.door.Sandbox = sandbox
		for _, state := range []string{"", "s"} {
			b := w.browser().claim(o, state).expect(http.StatusOK, "c1")
			if said := b.has("sandbox.state"); said != (sandbox && state == "") {
				t.Errorf("sandbox %v, state %q: warns %v", sandbox, state, said)
			}
		}
	}
}

// Any other mistake: classic shows a page with a button to the registered address, strict goes back at once with iss
// (journey section 3, line 3; design 10.19). The state goes back as it came.
func TestMistakesOfRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	strict := w.addPartner(partner.Registration{ClientID: "strict-pay", Secret: "str1ct-str1ct", Name: "Strict Pay", Class: "strict",
		RedirectURIs: []string{"https://strict.example/back"}})
	good := "&response_type=code&code_challenge=" + challenge + "&code_challenge_method=S256"
	for name, c := range map[string]struct{ query, code string }{
		"token":                 {"&response_type=token", "unsupported_response_type"},
		"code and token":        {"&response_type=code+id_token", "unsupported_response_type"},
		"state twice":           {good + "&state=b", "invalid_request"},
		"scope twice":           {good + "&scope=a&scope=b", "invalid_request"},
		"code twice":            {good + "&claim_account_code=a&claim_account_code=b", "invalid_request"},
		"plain challenge":       {"&response_type=code&code_challenge=" + challenge + "&code_challenge_method=plain", "invalid_request"},
		"challenge, no method":  {"&response_type=code&code_challenge=" + challenge, "invalid_request"},
		"method, no challenge":  {"&response_type=code&code_challenge_method=S256", "invalid_request"},
		"short challenge":       {"&response_type=code&code_challenge=abc&code_challenge_method=S256", "invalid_request"},
		"unknown prompt":        {good + "&prompt=create", "invalid_request"},
		"challenge in padding":  {"&response_type=code&code_challenge_method=S256&code_challenge=" + challenge + "=", "invalid_request"},
		"response type twice":   {good + "&response_type=code", "invalid_request"},
		"empty response type":   {"&response_type=", "unsupported_response_type"},
		"challenge broken":      {"&response_type=code&code_challenge_method=S256&code_challenge=%zz", "invalid_request"},
		"prompt not to be read": {good + "&prompt=none+login", "invalid_request"},
	} {
		query := "&state=a%20b%2Bc+d" + c.query
		e := w.once(http.MethodGet, "/oauth/authorize?client_id=acme-treasury&redirect_uri="+url.QueryEscape(callback)+query, "", nil)
		if e.status != http.StatusBadRequest || e.page() != "request" || e.location != "" || e.cookie != "" {
			t.Errorf("%s: classic answers %q with %d, location %q", name, e.page(), e.status, e.location)
		}
		if want := "https://app.acme.example/callback?from=us&amp;error=" + c.code; !strings.Contains(e.body, want) {
			t.Errorf("%s: the page has no button to %s", name, want)
		}
		e = w.once(http.MethodGet, "/oauth/authorize?client_id=strict-pay&redirect_uri="+url.QueryEscape(strict.RedirectURIs[0])+query, "", nil)
		to := "https://strict.example/back?error=" + c.code + "&"
		if e.status != http.StatusSeeOther || !strings.HasPrefix(e.location, to) || e.cookie != "" ||
			!strings.HasSuffix(e.location, "&state=a%20b%2Bc+d&iss="+url.QueryEscape("http://localhost:8080")) {
			t.Errorf("%s: strict leads with %d to %q", name, e.status, e.location)
		}
	}
}

// What a link may hold beside a claim code changes nothing (contract 7.1): documented requests have no response_type and a
// scope that nobody defined, some have a slash before the query, some do not encode the address.
func TestRequestsThatAreTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.open(w.partner, email)
	for name, query := range map[string]string{
		"as documented":       "&redirect_uri=" + url.QueryEscape(callback) + "&scope=transfers",
		"address not encoded": "&redirect_uri=" + callback,
		"response type":       "&redirect_uri=" + url.QueryEscape(callback) + "&response_type=code",
		"unknown parameters":  "&redirect_uri=" + url.QueryEscape(callback) + "&utm=1&utm=2&nonce=x",
		"challenge":           "&redirect_uri=" + url.QueryEscape(callback) + "&code_challenge=" + challenge + "&code_challenge_method=S256",
	} {
		for _, path := range []string{"/oauth/authorize?", "/oauth/authorize/?"} {
			w.clock.advance(time.Minute)
			b := w.browser().get(path + "client_id=acme-treasury" + query + "&claim_account_code=" + w.mint(o))
			if b.status != http.StatusOK || b.id != "c1" {
				t.Errorf("%s: page %q with %d", name, b.id, b.status)
			}
			if strings.Contains(b.at, "code") {
				t.Errorf("%s: the code stays in the address %s", name, b.at)
			}
		}
	}
}

// E4: unknown, malformed and foreign codes have one answer, and change nothing (journey section 6).
func TestCodesThatAreUnknown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := w.second()
	o := w.open(w.partner, email)
	code := w.mint(o)
	before := w.stored(o.account.ID)
	var first string
	for name, path := range map[string]string{
		"unknown":          authorize(w.partner, "7e4c0e7e-50ba-4a0d-9a3e-2b1f2a3c4d5e", "s"),
		"malformed":        authorize(w.partner, "not-a-code", "s"),
		"empty":            authorize(w.partner, "", "s") + "&claim_account_code=",
		"in capitals":      authorize(w.partner, strings.ToUpper(code), "s"),
		"a space behind":   authorize(w.partner, code+" ", "s"),
		"very long":        authorize(w.partner, strings.Repeat("a", 2000), "s"),
		"not UTF-8":        authorize(w.partner, "", "s") + "&claim_account_code=%ff%fe",
		"another's client": authorize(other, code, "s"),
	} {
		w.clock.advance(7 * time.Second) // ten a minute are let through
		b := w.browser().get(path).expect(http.StatusNotFound, "e4")
		if b.cookie() != "" {
			t.Errorf("%s: the browser has a cookie", name)
		}
		text := strings.ReplaceAll(b.says(), other.Name, w.partner.Name)
		text = text[:strings.LastIndex(text, " ")] // the reference is another one each time
		if first == "" {
			first = text
		}
		if text != first {
			t.Errorf("%s: says\n%s\nand not\n%s", name, text, first)
		}
	}
	if w.stored(o.account.ID) != before || w.code(code).Seen != 0 {
		t.Error("looking changed the account or the code")
	}
	w.browser().get(authorize(w.partner, code, "s")).expect(http.StatusOK, "c1")
}

// The way back of E1, E2 and E4: the registered restart address with reason and state; without one, the address of the
// request with access_denied (journey section 6). Nothing goes there by itself.
func TestWaysBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := w.second()
	for _, c := range []struct {
		p            partner.Partner
		state, leads string
	}{
		{w.partner, "a%2Fb", restart + "?reason=unknown&state=a%2Fb"},
		{w.partner, "", restart + "?reason=unknown"},
		{other, "a+b", "https://pay.harbour.example/back?error=access_denied&error_description=unknown&state=a+b"},
	} {
		path := "/oauth/authorize?client_id=" + c.p.ClientID + "&redirect_uri=" + url.QueryEscape(c.p.RedirectURIs[0]) + "&claim_account_code=x"
		if c.state != "" {
			path += "&state=" + c.state
		}
		b := w.browser().get(path).expect(http.StatusNotFound, "e4")
		if got := b.link("way.partner"); got != c.leads {
			t.Errorf("leads to %q, want %q", got, c.leads)
		}
		if strings.Contains(b.body, "http-equiv") || b.header.Get("Refresh") != "" {
			t.Error("the page leads away by itself")
		}
	}
}

// E1: a code opens until one millisecond before five minutes are over, and not when they are (I1). A newer code supersedes
// it.
func TestCodesRunOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.open(w.partner, email)
	code := w.mint(o)
	w.clock.advance(300*time.Second - time.Millisecond)
	w.browser().get(authorize(w.partner, code, "s")).expect(http.StatusOK, "c1")
	before := w.stored(o.account.ID)
	w.clock.advance(time.Millisecond)
	b := w.browser().get(authorize(w.partner, code, "s")).expect(http.StatusGone, "e1")
	if got := b.link("way.restart"); got != restart+"?reason=expired&state=s" {
		t.Errorf("leads to %q", got)
	}
	if w.stored(o.account.ID) != before {
		t.Error("an expired code changed the account")
	}
	w.clock.advance(time.Minute)
	old, fresh := w.mint(o), w.mint(o)
	w.browser().get(authorize(w.partner, old, "s")).expect(http.StatusGone, "e1")
	w.browser().get(authorize(w.partner, fresh, "s")).expect(http.StatusOK, "c1")
}

// What a browser fetches ahead opens nothing and leaves no cookie (journey section 2).
func TestPrefetchOpensNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	code := w.mint(w.open(w.partner, email))
	for _, purpose := range []string{"prefetch", "prefetch;prerender", "prefetch;anonymous-client-ip"} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			e := w.once(method, authorize(w.partner, code, "s"), "", nil, "Sec-Purpose", purpose)
			if e.status != http.StatusServiceUnavailable || e.cookie != "" || e.location != "" {
				t.Errorf("%s %s: %d, cookie %q, location %q", method, purpose, e.status, e.cookie, e.location)
			}
		}
	}
	if w.code(code).Seen != 0 {
		t.Error("fetching ahead counted as seen")
	}
}

// Ten unknown codes a minute from one network are let through, then E8 with the wait; codes that are right count for nothing
// (OC-42), and the wait ends.
func TestUnknownCodesAreCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.open(w.partner, email)
	for range 15 {
		w.browser().get(authorize(w.partner, w.mintSlowly(o), "s")).expect(http.StatusOK, "c1")
	}
	for range 10 {
		w.browser().get(authorize(w.partner, "x", "s")).expect(http.StatusNotFound, "e4")
	}
	b := w.browser().get(authorize(w.partner, "x", "s")).expect(http.StatusTooManyRequests, "e8")
	wait := b.header.Get("Retry-After")
	if wait == "" || wait == "0" {
		t.Errorf("Retry-After is %q", wait)
	}
	w.clock.advance(time.Minute)
	w.browser().get(authorize(w.partner, "x", "s")).expect(http.StatusNotFound, "e4")
}

// mintSlowly mints as often as the limit lets it (contract OC-42).
func (w *world) mintSlowly(o opened) string {
	w.clock.advance(15 * time.Second)
	return w.mint(o)
}

// HEAD is GET without a body: it opens at most a ticket.
func TestHeadOpensATicket(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.open(w.partner, email)
	code := w.mint(o)
	before := w.stored(o.account.ID)
	e := w.once(http.MethodHead, authorize(w.partner, code, "s"), "", nil)
	if e.status != http.StatusSeeOther || !strings.HasSuffix(e.location, "/start") {
		t.Fatalf("%d to %q", e.status, e.location)
	}
	if w.stored(o.account.ID) != before {
		t.Error("HEAD changed the account")
	}
	w.browser().get(authorize(w.partner, code, "s")).expect(http.StatusOK, "c1")
}
