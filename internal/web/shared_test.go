package web

import (
	"bytes"
	"html/template"
	"log/slog"
	"strings"
	"testing"
	"testing/fstest"
)

// What is made once at start is what each page would have made for itself, whatever it is about and whoever asks; and each has it once.
func TestSharedIsOfNoPage(t *testing.T) {
	t.Parallel()
	p := testPages(t)
	if len(p.shared) != len(p.words) {
		t.Fatalf("%d languages have theirs, of %d", len(p.shared), len(p.words))
	}
	for _, s := range samples() {
		words := p.language(s.page.frame().Language)
		ours := p.shared[words]
		v := &view{Page: s.page, Frame: s.page.frame(), Brand: p.brand, Shared: ours, file: s.page.face().file, pages: p, words: words}
		body, err := p.render(s.page)
		if err != nil {
			t.Fatal(err)
		}
		for name, made := range map[string]template.HTML{"assets": ours.Assets, "mark": ours.Mark, "links": ours.Links} {
			own, err := v.part(name)
			if err != nil || own != made || len(own) < 100 {
				t.Errorf("%s on %s is %q, %v, want %q", name, s.name, own, err, made)
			}
			if n := bytes.Count(body, []byte(made)); n != 1 {
				t.Errorf("%s has %s %d times", s.name, name, n)
			}
		}
	}
}

// The operator's own logo and links are in it, and a sentence that it lacks is met at start.
func TestSharedIsTheOperators(t *testing.T) {
	t.Parallel()
	const png = "\x89PNG\r\n\x1a\n"
	p, err := NewPages(Brand{Logo: []byte(png), Legal: []Link{{"Terms & so on", "https://example.org/terms?a=1&b=2"}}}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for _, words := range p.words {
		ours := p.shared[words]
		if want := `<img src="` + p.assets.Logo.path + `"`; !strings.Contains(string(ours.Mark), want) {
			t.Errorf("%s: no %s in %s", words.code, want, ours.Mark)
		}
		if want := `<a href="https://example.org/terms?a=1&amp;b=2">Terms &amp; so on</a>`; !strings.Contains(string(ours.Links), want) {
			t.Errorf("%s: no %s in %s", words.code, want, ours.Links)
		}
	}
	silent := *p.words[0]
	silent.texts = map[string]string{}
	if _, err := newPages(Brand{}, slog.New(slog.DiscardHandler), pageFiles, []*catalogue{&silent}); err == nil || !strings.Contains(err.Error(), "frame.") {
		t.Errorf("no word of the links: %v", err)
	}
	if _, err := newPages(Brand{}, slog.New(slog.DiscardHandler), without(t, "links"), p.words); err == nil {
		t.Error("no links, and it starts")
	}
}

// without is the pages but for one partial.
func without(t *testing.T, name string) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	names, err := pageFiles.ReadDir("pages")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range names {
		content, err := pageFiles.ReadFile("pages/" + entry.Name())
		if err != nil {
			t.Fatal(err)
		}
		content = bytes.ReplaceAll(content, []byte(`{{define "`+name+`"`), []byte(`{{define "other"`))
		files["pages/"+entry.Name()] = &fstest.MapFile{Data: content}
	}
	return files
}
