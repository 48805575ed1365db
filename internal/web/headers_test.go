package web

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// The headers of journey.md section 2, byte for byte.
func TestHeaders(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"Content-Security-Policy":    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
		"Referrer-Policy":            "same-origin",
		"Cache-Control":              "no-store",
		"X-Content-Type-Options":     "nosniff",
		"Cross-Origin-Opener-Policy": "same-origin",
		"Permissions-Policy":         "publickey-credentials-create=(self), publickey-credentials-get=(self)",
	}
	p := testPages(t)
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.Write(w, r, http.StatusGone, &HelpPage{}) })
	for overTLS, hsts := range map[bool]string{false: "", true: "max-age=31536000"} {
		w := httptest.NewRecorder()
		Headers(page, overTLS).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		for key, value := range want {
			if got := w.Header().Get(key); got != value {
				t.Errorf("%s: %q, want %q", key, got, value)
			}
		}
		if got := w.Header().Get("Strict-Transport-Security"); got != hsts {
			t.Errorf("over TLS %v: Strict-Transport-Security %q", overTLS, got)
		}
	}
}

// Every file that a page loads is there, with its type, to be kept for good;
// nothing else is there.
func TestAssets(t *testing.T) {
	t.Parallel()
	png := "\x89PNG\r\n\x1a\n" + strings.Repeat("x", 100)
	p, err := NewPages(Brand{Logo: []byte(png)}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	h := Headers(p.Assets(), false)
	get := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		return w
	}
	root := parse(t, write(t, p, sample{status: 200, page: &HelpPage{}}).Body.Bytes())
	kinds := map[string]bool{}
	for _, n := range elements(root, named("link", "script", "img")) {
		w := get(attr(n, "href") + attr(n, "src"))
		if w.Code != 200 || w.Body.Len() == 0 || w.Header().Get("Cache-Control") != "public, max-age=31536000, immutable" {
			t.Errorf("%s: %d %v", attr(n, "href")+attr(n, "src"), w.Code, w.Header())
		}
		kinds[w.Header().Get("Content-Type")] = true
	}
	for _, kind := range []string{"text/css; charset=utf-8", "text/javascript; charset=utf-8", "image/svg+xml", "image/png"} {
		if !kinds[kind] {
			t.Errorf("no page loads %s", kind)
		}
	}
	for _, path := range []string{"/assets/", "/assets/latchkey.css", "/assets/../render.go", "/static/latchkey.css"} {
		if w := get(path); w.Code != 404 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	other, err := ParseAccent("#1f4fd8")
	if err != nil {
		t.Fatal(err)
	}
	if newPath := newAsset("brand", "css", "", []byte(other.stylesheet())).path; newPath == p.assets.Brand.path {
		t.Error("another accent has the same name")
	}
}

func TestLogo(t *testing.T) {
	t.Parallel()
	for what, logo := range map[string]string{"no picture": "<svg onload=alert(1)>", "too large": "\x89PNG\r\n\x1a\n" + strings.Repeat("x", 32<<10)} {
		if _, err := NewPages(Brand{Logo: []byte(logo)}, slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
	webp := "RIFF\x00\x00\x00\x00WEBPVP8 "
	if _, err := NewPages(Brand{Logo: []byte(webp)}, slog.New(slog.DiscardHandler)); err != nil {
		t.Error(err)
	}
}
