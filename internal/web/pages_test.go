package web

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/net/html"
)

// A page that cannot be rendered is E11 with its reference, never half a page,
// and the log says why.
func TestPageThatCannotBeRendered(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	p := testPages(t)
	p.log = slog.New(slog.NewTextHandler(&log, nil))
	for _, broken := range []Page{
		&StartPage{Frame: Frame{Reference: "ref-1"}}, // c1.lead has no value for {partner}
		&PasswordPage{Frame: Frame{Reference: "ref-1", Problems: []Problem{Wrong("new_password", "c3.password.none")}}},
		&AppPage{Frame: Frame{Reference: "ref-1"}, Address: "https://app.acme.example/"},
		&AllowPage{Frame: Frame{Reference: "ref-1", Partner: Partner{Name: "Acme Treasury"}}, Scopes: []AllowScope{{Name: "cards"}}},
		&ReturnPage{Frame: Frame{Reference: "ref-1", Partner: Partner{Name: "Acme Treasury"}}, Address: "javascript:alert(1)"},
	} {
		log.Reset()
		w := write(t, p, sample{status: 200, page: broken})
		body := w.Body.String()
		if w.Code != 500 || !strings.Contains(body, `data-page="e11"`) || !strings.Contains(body, "ref-1") {
			t.Errorf("%T: %d %.80s", broken, w.Code, body)
		}
		if strings.Contains(body, broken.face().id+`"`) || w.Header().Get("Link") != "" {
			t.Errorf("%T: something of the page went out", broken)
		}
		if !strings.Contains(log.String(), "level=ERROR") {
			t.Errorf("%T: the log says %q", broken, log.String())
		}
	}
}

// Start fails when the files and the declared pages are not the same.
func TestStartFails(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{}
	names, _ := pageFiles.ReadDir("pages")
	for _, name := range names {
		content, _ := pageFiles.ReadFile("pages/" + name.Name())
		files["pages/"+name.Name()] = &fstest.MapFile{Data: content}
	}
	words, _ := readCatalogues()
	start := func() error {
		_, err := newPages(Brand{}, slog.New(slog.DiscardHandler), files, words)
		return err
	}
	if err := start(); err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(){
		"undeclared": func() { files["pages/extra-page.html"] = files["pages/done.html"] },
		"missing":    func() { delete(files, "pages/done.html") },
		"no main":    func() { files["pages/done.html"] = &fstest.MapFile{Data: []byte(`{{define "man"}}{{end}}`)} },
		"name of another": func() {
			files["pages/done.html"] = &fstest.MapFile{Data: []byte(`{{define "main"}}{{end}}{{define "footer"}}{{end}}`)}
		},
		"two mains": func() {
			files["pages/done.html"] = &fstest.MapFile{Data: []byte(`{{define "main"}}{{end}}{{define "main of leave"}}{{end}}`)}
		},
		"not parseable": func() { files["pages/done.html"] = &fstest.MapFile{Data: []byte(`{{define "main"}}`)} },
		"no layout":     func() { delete(files, "pages/layout.html") },
	} {
		before := fstest.MapFS{}
		for name, file := range files {
			before[name] = file
		}
		change()
		if start() == nil {
			t.Errorf("%s: starts", what)
		}
		files = before
	}
}

// An error page that knows no partner speaks without one.
func TestErrorsWithoutPartner(t *testing.T) {
	t.Parallel()
	p := testPages(t)
	for trouble, status := range troubleStatus {
		for _, kept := range []Kept{"", KeptNothing, KeptPartner, KeptUnfinished, KeptAccount} {
			for _, way := range []string{"", "way.restart", "way.partner", "way.signin", "way.current", "way.again", "way.home"} {
				page := &ErrorPage{Trouble: trouble, Kept: kept, Way: Way{Label: way, Address: "/"}, Frame: Frame{Reference: "ref-1"}}
				if _, err := p.render(page); err != nil {
					t.Errorf("%s %s %s: %v", trouble, kept, way, err)
				}
				if page.Status() != status {
					t.Errorf("%s: status %d", trouble, page.Status())
				}
			}
		}
	}
	if (&ErrorPage{Trouble: "e99"}).Status() != 500 {
		t.Error("an unknown case is not 500")
	}
}

// C11 writes the address byte for byte, as link, as refresh and as header; app
// schemes wait for the link; a redeemed code leads nowhere by itself.
func TestReturnAddress(t *testing.T) {
	t.Parallel()
	p := testPages(t)
	for _, c := range []struct {
		address   string
		connected bool
		refresh   bool
	}{
		{sampleReturn, false, true},
		{"http://127.0.0.1:8090/callback?x=1&code=a'b(c)&state=%2f%2F+~", false, true},
		{"org.example.acme:/back?code=a&state=b", false, false},
		{"https://app.acme.example/", true, false},
	} {
		w := write(t, p, sample{status: 200, page: &ReturnPage{Frame: Frame{Partner: Partner{Name: "Acme Treasury"}}, Address: c.address, Connected: c.connected}})
		root := parse(t, w.Body.Bytes())
		links := elements(root, inClass("primary"))
		if len(links) != 1 || attr(links[0], "href") != c.address {
			t.Errorf("%s: link %v", c.address, links)
		}
		var refresh string
		for _, n := range elements(root, func(n *html.Node) bool { return attr(n, "http-equiv") == "refresh" }) {
			refresh = attr(n, "content")
		}
		want := ""
		if c.refresh {
			want = "0;url=" + c.address
		}
		if refresh != want {
			t.Errorf("%s: refresh %q, want %q", c.address, refresh, want)
		}
		header := "<" + c.address + `>; rel="next"`
		if c.connected {
			header = ""
		}
		if got := w.Header().Get("Link"); got != header {
			t.Errorf("%s: Link %q", c.address, got)
		}
	}
}

// No page links to an address that runs or holds content instead of leading to
// a place, nor to one that could break out of its attribute or header.
func TestLinksThatAreRefused(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"javascript:alert(1)", "JavaScript:alert(1)", "data:text/html,x", "vbscript:x", "blob:x", "file:///etc/passwd",
		"https://a.example/\r\nSet-Cookie: a=b", "https://a.example/ b", "https://a.example/>; rel=x, <b", "\tjavascript:alert(1)"} {
		if got, err := hrefAttr(address); err == nil {
			t.Errorf("%q became %s", address, got)
		}
	}
	for address, want := range map[string]string{
		`https://a.example/?a="b"&c=d`: `href="https://a.example/?a=&#34;b&#34;&amp;c=d"`,
		"/j/k7Q2":                      `href="/j/k7Q2"`,
		"data":                         `href="data"`,
	} {
		if got, err := hrefAttr(address); err != nil || string(got) != want {
			t.Errorf("%q: %s %v", address, got, err)
		}
	}
}

func TestDownload(t *testing.T) {
	t.Parallel()
	p := testPages(t)
	want := "Latchkey recovery codes\r\nmira.kade@example.org\r\n22 November 2026\r\nEach works once\r\n\r\n7K2M-9QXR-4TVB-H3ND\r\n0C8F-YW6J-5PZE-A1GS\r\n"
	got, err := p.RecoveryCodesText(&RecoveryCodesPage{Codes: sampleCodes()[:2], Email: sampleMail, Date: sampleDay})
	if err != nil || got != want {
		t.Errorf("%q %v", got, err)
	}
}

// E5 in the sandbox marks the first difference; elsewhere it shows no address.
func TestUnknownRequest(t *testing.T) {
	t.Parallel()
	page := &UnknownRequestPage{Given: "https://a.example/é?x", Registered: []string{"https://a.example/è?x", "https://a.example/", "b"}}
	if got := page.GivenParts(); got != (addressParts{"https://a.example/", "é?x"}) {
		t.Errorf("%v", got)
	}
	for i, want := range []addressParts{{"https://a.example/", "è?x"}, {"https://a.example/", ""}, {"", "b"}} {
		if got := page.RegisteredParts()[i]; got != want {
			t.Errorf("%d: %v, want %v", i, got, want)
		}
	}
	p := testPages(t)
	p.brand.Sandbox = false
	body, err := p.render(page)
	if err != nil || strings.Contains(string(body), "a.example") {
		t.Errorf("%v: shows an address of the request", err)
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	p := testPages(t)
	for wait, want := range map[time.Duration]string{0: "", time.Millisecond: "1", 59*time.Second + 1: "60", 5 * time.Minute: "300"} {
		w := write(t, p, sample{status: 429, page: &ErrorPage{Trouble: TroubleTries, Wait: wait}})
		if got := w.Header().Get("Retry-After"); got != want {
			t.Errorf("%v: %q, want %q", wait, got, want)
		}
	}
}
