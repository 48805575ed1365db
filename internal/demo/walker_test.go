package demo

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const formPage = `<!doctype html><body data-page="p1" data-error="one two">
<form method="get" action="/search"><input name="q"></form>
<form method="post" action="next"><input type="hidden" name="step_token" value="t1"><input name="name" value="Mira &amp; Co">
<input type="checkbox" name="more" value="yes"><input type="checkbox" name="ticked" value="on" checked>
<label for="foot"> On foot </label><input type="radio" id="foot" name="way" value="a"><input type="radio" name="way" value="b" checked><input type="radio" name="way" value="c">
<select name="country"><option value="de">x<option value="gb" selected>y</select><select name="first"><option value="one">1<option value="two">2</select>
<textarea name="note">kept
text</textarea><input value="nameless"><button name="decision" value="allow">A</button><button name="decision" value="deny">D</button></form>
<div class="row"><a href="/review/name">x</a></div><div class="row wanted"><a href="/review/phone">x</a></div><main>said <b>once</b></main><p class="key big"><code>ABCD <span>EFGH</span></code></p><a href="/review/address#row">x</a>
<meta http-equiv="refresh" content="0;url=https://app.acme.example/cb?code=1&amp;state=2"></body>`

// site answers /p1 with the page and everything else with what it was asked.
func siteOf(t *testing.T) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/a/p1", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, formPage) })
	mux.HandleFunc("/loop", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop", 303) })
	mux.HandleFunc("/away", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "https://elsewhere.example/", 303) })
	mux.HandleFunc("/once", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "c", Value: "1"})
		http.Redirect(w, r, "/echo?x", 303)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		cookie, _ := r.Cookie("c")
		fmt.Fprintf(w, "<body data-page=echo>%s %s %s %v %s", r.Method, r.URL, r.PostForm.Encode(), cookie, r.Header.Get("Origin"))
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

func TestWalkerReadsPages(t *testing.T) {
	p := visitor(t, siteOf(t).URL+"/a/p1").page
	if p.id() != "p1" || p.problems() != "one two" || p.key() != "ABCDEFGH" || p.field("name") != "Mira & Co" || p.field("more") != "" || p.field("none") != "" {
		t.Errorf("id %q, problems %q, key %q, name %q", p.id(), p.problems(), p.key(), p.field("name"))
	}
	if p.refresh() != "https://app.acme.example/cb?code=1&state=2" {
		t.Errorf("refresh %q", p.refresh())
	}
	if !strings.HasSuffix(p.linkTo("/review/address"), "/review/address") || p.linkTo("/nowhere") != "" {
		t.Errorf("link %q", p.linkTo("/review/address"))
	}
	if !strings.HasSuffix(p.linkWith("view/add"), "/review/address#row") || p.linkWith("/nowhere") != "" {
		t.Errorf("link %q", p.linkWith("view/add"))
	}
	if !strings.HasSuffix(p.wanted(), "/review/phone") || !p.has("note") || p.has("nothing") {
		t.Errorf("wanted %q, has note %t", p.wanted(), p.has("note"))
	}
	if offers := p.offers("way"); len(offers) != 3 || offers["a"] != "On foot" || offers["b"] != "" || len(p.offers("none")) != 0 {
		t.Errorf("offers %q", offers)
	}
	if plain := p.plain(); plain != "said once" {
		t.Errorf("plain %q", plain)
	}
}

func TestWalkerSendsWhatABrowserWould(t *testing.T) {
	server := siteOf(t)
	w := visitor(t, server.URL+"/a/p1")
	if err := w.submit(t.Context(), "decision=deny", map[string]string{"more": "yes", "note": "new"}); err != nil {
		t.Fatal(err)
	}
	want := "POST /a/next country=gb&decision=deny&first=one&more=yes&name=Mira+%26+Co&note=new&step_token=t1&ticked=on&way=b  " + server.URL
	if got := strings.TrimPrefix(w.page.body, "<body data-page=echo>"); got != want {
		t.Errorf("sent\n%s\nwant\n%s", got, want)
	}
}

func TestWalkerKeepsCookiesAndATrail(t *testing.T) {
	server := siteOf(t)
	w := visitor(t, server.URL+"/once")
	if !strings.Contains(w.page.body, "GET /echo?x  c=1") || len(w.trail) != 2 {
		t.Errorf("%s, trail %q", w.page.body, w.trail)
	}
}

func TestWalkerRefuses(t *testing.T) {
	server := siteOf(t)
	w := visitor(t, server.URL+"/a/p1")
	for _, fields := range []map[string]string{{"nothing": "x"}, {"q": "a form that is not posted"}} {
		if err := w.submit(t.Context(), "", fields); !errors.Is(err, errNoForm) {
			t.Errorf("%v: %v", fields, err)
		}
	}
	if err := w.submit(t.Context(), "decision=maybe", nil); !errors.Is(err, errNoForm) {
		t.Errorf("a button that is not there: %v", err)
	}
	if err := w.submitTo(t.Context(), "/elsewhere"); !errors.Is(err, errNoForm) {
		t.Errorf("a form that is not there: %v", err)
	}
	if err := w.open(t.Context(), server.URL+"/loop"); err == nil || !strings.Contains(err.Error(), "redirects") {
		t.Errorf("a loop: %v", err)
	}
	w.allowed = []string{server.URL}
	if err := w.open(t.Context(), server.URL+"/away"); err == nil || !strings.Contains(err.Error(), "not registered") {
		t.Errorf("an open redirect: %v", err)
	}
}
