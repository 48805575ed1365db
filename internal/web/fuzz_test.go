package web_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// fuzzWorld is one world for all inputs of a fuzz target: a browser at every page of the journey and of the visit.
type fuzzWorld struct {
	*world
	handler http.Handler
	// pages are the addresses of forms, with the cookie and the token that make them taken.
	pages []fuzzPage
}

type fuzzPage struct{ page, action, cookie, token string }

func newFuzzWorld(f *testing.F) *fuzzWorld {
	w := newWorld(f)
	all := &fuzzWorld{world: w, handler: w.door.Handler()}
	for _, c := range everyPage {
		address := c.page + "@example.org"
		w.clock.advance(time.Minute)
		_, b := w.at(c.page, address)
		action, form := b.form()
		all.pages = append(all.pages, fuzzPage{c.page, action, b.cookie(), form.Get("step_token")})
		if c.page != "c8" {
			continue
		}
		for _, section := range []string{"name", "preferred", "birth", "phone", "nationality", "country", "occupation", "address"} {
			tab := b.tab().get(b.base() + "/review/" + section)
			_, form := tab.form()
			all.pages = append(all.pages, fuzzPage{"c9." + section, tab.at, b.cookie(), form.Get("step_token")})
		}
	}
	_, c6 := w.atPasskey("passkey@example.org")
	_, owner, _ := w.ownedByPasskey("owner@example.org")
	r1 := w.browser().get("/signin")
	r2 := owner.elsewhere().get("/signin").post("email", "owner@example.org", "password", goodPassword)
	for _, b := range []*browser{c6, r1, r2} {
		form := b.passkeyForm()
		all.pages = append(all.pages, fuzzPage{b.id + " passkey", form.action, b.cookie(), form.token})
	}
	_, b := w.at("proposals", "details@example.org")
	action, form := b.form()
	all.pages = append(all.pages, fuzzPage{"proposals", action, b.cookie(), form.Get("step_token")})
	return all
}

// check sends a request to the handler and looks at the answer as watched does.
func (f *fuzzWorld) check(r *http.Request) *http.Response {
	f.t.Helper()
	answer := httptest.NewRecorder()
	f.handler.ServeHTTP(answer, r)
	result := answer.Result()
	f.checkHeaders(r, result)
	f.checkLocation(r, result)
	f.checkCookies(r, result)
	return result
}

// shared gives all inputs of one target the same world, each with its own test to fail.
func shared(f *testing.F) func(t *testing.T) *fuzzWorld {
	w := newFuzzWorld(f)
	return func(t *testing.T) *fuzzWorld {
		return &fuzzWorld{world: &world{t: t, server: w.server, registered: w.registered, door: w.door, db: w.db, keys: w.keys, claims: w.claims}, handler: w.handler, pages: w.pages}
	}
}

// Any query at the authorize address: never a 500, never a redirect to an address that is not registered (I6).
func FuzzAuthorize(f *testing.F) {
	world := shared(f)
	good := "client_id=acme-treasury&redirect_uri=" + url.QueryEscape(callback)
	for _, query := range []string{"", good, good + "&state=a%2Bb", good + "&claim_account_code=7e4c0e7e-50ba-4a0d-9a3e-2b1f2a3c4d5e", good + "&prompt=none", good + "&prompt=none&state=%0d%0a",
		good + "&response_type=token", good + "&state=\x80\"<>", "client_id=acme-treasury&redirect_uri=//evil.example", "%zz=%zz&;&&==&", good + "&code_challenge=a&code_challenge_method=S256",
		"client_id=acme-treasury&redirect_uri=" + callback + "%26state=x"} {
		f.Add(query, true)
		f.Add(query, false)
	}
	f.Fuzz(func(t *testing.T, query string, slash bool) {
		r := httptest.NewRequest(http.MethodGet, "/oauth/authorize", nil)
		if slash {
			r.URL.Path += "/"
		}
		r.URL.RawQuery = query
		world(t).check(r)
	})
}

// Any cookie on any page: as none, unless it is one of this server's.
func FuzzCookie(f *testing.F) {
	world := shared(f)
	for _, value := range []string{"", "x", "=", "AAAA", strings.Repeat("A", 4000), "a;b=c", "\x00", "é", `"quoted"`} {
		f.Add(value, "/signin", uint8(0))
		f.Add(value, "/start", uint8(3))
		f.Add(value, "/return", uint8(200))
	}
	f.Fuzz(func(t *testing.T, value, path string, cut uint8) {
		w := world(t)
		for i := range 3 { // which pages, the input says: all of them for each would take minutes
			p := w.pages[(len(value)+int(cut)+7*i)%len(w.pages)]
			if p.cookie == "" {
				continue // the page of a link, which has none
			}
			base := strings.TrimSuffix(strings.Join(strings.SplitN(p.action, "/", 4)[:3], "/"), "/") // two in a row are redirected by the mux
			for _, c := range []string{value, p.cookie[:len(p.cookie)-int(cut)%len(p.cookie)], p.cookie[:int(cut)%len(p.cookie)] + value} {
				r := httptest.NewRequest(http.MethodGet, "/", nil)
				r.URL.Path = base + path
				r.Header.Set("Cookie", "lk="+c)
				w.check(r)
			}
		}
	})
}

// Any form on any page, with the right cookie and token: never a 500, and no redirect off this host at all (design 4.5).
func FuzzForms(f *testing.F) {
	world := shared(f)
	for _, body := range []string{"", "email=mira.kade%40example.org", "code=123456", "code=%00&code=1", "new_password=" + strings.Repeat("%f0%9f%99%82", 300), "method=app", "saved=",
		"version=1", "decision=maybe&scope=a&scope=b", "given_name=%ff", "birth_day=0&birth_month=0&birth_year=0000", "birth_day=9999999999&birth_month=x&birth_year=1988",
		"outcome=ok&answer=%7B%22id%22%3A%22AA%22%2C%22rawId%22%3A%22AA%22%2C%22type%22%3A%22public-key%22%2C%22response%22%3A%7B%22clientDataJSON%22%3A%22e30%22%7D%7D", "outcome=cancelled&answer=%ff",
		"country=zz&postal_code=a&line1=b", "choice-name-1=accept&shown-name-1=-1", "choice-name-1=keep&shown-name-1=99999999999999999999", "phone=%2B" + strings.Repeat("1", 100), "a=b;c=d", "%", "=&=&="} {
		for page := range 3 {
			f.Add(body, uint8(page*7))
		}
	}
	f.Fuzz(func(t *testing.T, body string, page uint8) {
		w := world(t)
		p := w.pages[int(page)%len(w.pages)]
		r := httptest.NewRequest(http.MethodPost, p.action, strings.NewReader("step_token="+url.QueryEscape(p.token)+"&"+body))
		r.Header.Set("Content-Type", formType)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		r.Header.Set("Cookie", "lk="+p.cookie)
		if answer := w.check(r); answer.StatusCode >= http.StatusInternalServerError && answer.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("%s answers %d to %q", p.page, answer.StatusCode, body)
		}
	})
}
