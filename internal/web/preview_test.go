package web

import (
	"log/slog"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/text/language"
)

// readPages is a server's pages as the sandbox has them, read once: that is the dearest part of most tests of pages.
var readPages = sync.OnceValues(func() (*Pages, error) {
	return NewPages(Brand{Help: "help@example.org", Sandbox: true, Legal: []Link{{"Terms", "https://example.org/terms"}}}, slog.New(slog.DiscardHandler))
})

// testPages are those pages, with languages that the test may change.
func testPages(t *testing.T) *Pages {
	t.Helper()
	read, err := readPages()
	if err != nil {
		t.Fatal(err)
	}
	p := read.Telling(read.log)
	p.words = slices.Clone(p.words)
	return p
}

// Telling is the same pages with their troubles in another log: the tests' worlds share what was read and keep logs of their own.
func (p *Pages) Telling(log *slog.Logger) *Pages {
	other := *p
	other.log = log
	return &other
}

// write is the answer with a page as a browser gets it.
func write(t *testing.T, p *Pages, s sample) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	p.Write(w, httptest.NewRequest("GET", "/", nil), s.status, s.page)
	return w
}

// pseudo makes a language of English to test the layout with: "en-XA" is 40 %
// longer, "ar-XB" runs from right to left.
func pseudo(t *testing.T, code string) *catalogue {
	t.Helper()
	all, err := readCatalogues()
	if err != nil {
		t.Fatal(err)
	}
	longer := strings.NewReplacer("a", "åå", "e", "éé", "i", "îî", "o", "öö", "u", "ûû")
	c := &catalogue{code: code, tag: language.English, texts: maps.Clone(all[0].texts)}
	for id, text := range c.texts {
		if strings.HasPrefix(id, "locale.") || strings.HasPrefix(id, "date.") {
			continue
		}
		var b strings.Builder
		for i, part := range placeholders(text) {
			switch {
			case i%2 == 1:
				b.WriteString("{" + part + "}")
			case code == "ar-XB":
				b.WriteString(rightToLeft(part))
			default:
				b.WriteString(longer.Replace(part))
			}
		}
		c.texts[id] = b.String()
	}
	if code == "ar-XB" {
		c.texts["locale.direction"] = "rtl"
	}
	return c
}

// rightToLeft puts a Hebrew letter in the place of each Latin one.
func rightToLeft(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return 'א' + (r-'a')%22
		}
		if r >= 'A' && r <= 'Z' {
			return 'א' + (r-'A')%22
		}
		return r
	}, s)
}

// TestPreview writes every page in every state to the directory that
// LATCHKEY_PREVIEW names, with its assets, so that a person or a browser can
// look at them over file://. There, and in the full run, it does so with en-XA
// and ar-XB, the pseudo-languages, too.
func TestPreview(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("LATCHKEY_PREVIEW")
	looked := dir != "" || os.Getenv("LATCHKEY_FULL") != ""
	if dir == "" {
		dir = t.TempDir() // nobody looks, yet every page must be written
	}
	english := testPages(t)
	for _, set := range []struct {
		suffix string
		words  []*catalogue
	}{
		{"", english.words},
		{".en-XA", []*catalogue{pseudo(t, "en-XA")}},
		{".ar-XB", []*catalogue{pseudo(t, "ar-XB")}},
	} {
		if set.suffix != "" && !looked {
			continue // the languages that are there for the layout alone
		}
		p := testPages(t)
		p.words = set.words
		if err := p.share(); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(dir, "assets"), 0o755); err != nil {
			t.Fatal(err)
		}
		for _, a := range []asset{p.assets.Style, p.assets.Brand, p.assets.Script, p.assets.Passkey, p.assets.Icon} {
			if err := os.WriteFile(filepath.Join(dir, a.path), a.bytes, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		for _, s := range samples() {
			html := strings.ReplaceAll(write(t, p, s).Body.String(), `"/assets/`, `"assets/`)
			html = strings.ReplaceAll(html, `http-equiv="refresh"`, `name="refresh-in-preview-off"`)
			if err := os.WriteFile(filepath.Join(dir, s.name+set.suffix+".html"), []byte(html), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}
