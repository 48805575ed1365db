package web

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// Every message id that a template or a Go file names exists in every
// language, with the placeholders of the English sentence.
func TestEveryMessageExists(t *testing.T) {
	t.Parallel()
	words, err := readCatalogues()
	if err != nil {
		t.Fatal(err)
	}
	id := regexp.MustCompile(`"([a-z][a-z0-9]*(?:\.[a-z0-9:]+)+)"`)
	files, _ := filepath.Glob("pages/*.html")
	more, _ := filepath.Glob("*.go")
	first := map[string]bool{} // the first parts of ids, such as "c3"
	for known := range words[0].texts {
		head, _, _ := strings.Cut(known, ".")
		first[head] = true
	}
	named := 0
	for _, file := range append(files, more...) {
		if strings.HasSuffix(file, "_test.go") && file != "samples_test.go" {
			continue
		}
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range id.FindAllStringSubmatch(string(content), -1) {
			head, _, _ := strings.Cut(m[1], ".")
			if !first[head] || notMessages(m[1]) {
				continue
			}
			named++
			for _, c := range words {
				if !c.has(m[1]) {
					t.Errorf("%s names %q, which %s lacks", file, m[1], c.code)
				}
			}
		}
	}
	if named < 150 {
		t.Errorf("found only %d ids: the pattern is wrong", named)
	}
}

// notMessages are strings that look like ids and are none: page ids, and heads
// of ids that are made while running, which the samples cover.
func notMessages(s string) bool {
	var pages []string
	for _, sample := range samples() {
		pages = append(pages, sample.page.face().id)
	}
	return slices.Contains(pages, s) || strings.HasSuffix(s, ".")
}

// Every language says the same: the same ids but for plural forms, with the
// same placeholders.
func TestLanguagesAgree(t *testing.T) {
	t.Parallel()
	words, err := readCatalogues()
	if err != nil {
		t.Fatal(err)
	}
	if words[0].code != "en" {
		t.Fatalf("the first language is %s", words[0].code)
	}
	for _, c := range words {
		for id, english := range words[0].texts {
			if strings.HasSuffix(id, ".one") {
				continue
			}
			got, ok := c.texts[id]
			if !ok {
				t.Errorf("%s lacks %s", c.code, id)
				continue
			}
			if a, b := holes(english), holes(got); !slices.Equal(a, b) {
				t.Errorf("%s %s has the placeholders %v, want %v", c.code, id, b, a)
			}
		}
		for _, id := range []string{"locale.name", "locale.direction"} {
			if c.texts[id] == "" {
				t.Errorf("%s does not say its %s", c.code, id)
			}
		}
	}
}

func holes(sentence string) []string {
	var names []string
	for i, part := range placeholders(sentence) {
		if i%2 == 1 {
			names = append(names, part)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// The words of journey.md section 2: one word for one thing, no blame.
func TestWords(t *testing.T) {
	t.Parallel()
	words, err := readCatalogues()
	if err != nil {
		t.Fatal(err)
	}
	never := regexp.MustCompile(`(?i)\b(please|sorry|oops|invalid|forbidden|2FA|MFA|revoke|log ?in|e-mail)\b`)
	for id, sentence := range words[0].texts {
		if found := never.FindString(sentence); found != "" {
			t.Errorf("%s says %q", id, found)
		}
	}
}

func TestCatalogueFile(t *testing.T) {
	t.Parallel()
	for _, wrong := range []string{"a.b no equals sign", "a = 1\na = 2"} {
		if _, err := parseCatalogue("en", wrong); err == nil {
			t.Errorf("%q is accepted", wrong)
		}
	}
	if _, err := parseCatalogue("not a language", "a = 1"); err == nil {
		t.Error("a language of no code is accepted")
	}
	c, err := parseCatalogue("pl", "# note\n\nm.one = {count} kod\nm.few = {count} kody\nm.many = {count} kodów\nm.other = {count} kodu\n")
	if err != nil {
		t.Fatal(err)
	}
	for count, want := range map[int]string{1: "1 kod", 2: "2 kody", 5: "5 kodów", 12: "12 kodów", 22: "22 kody", 25: "25 kodów"} {
		if got, err := c.asText("m", count, nil); err != nil || got != want {
			t.Errorf("%d: %q %v, want %q", count, got, err, want)
		}
	}
}

// A sentence with a hole, or without words, is an error and not a page.
func TestSentenceWithoutValue(t *testing.T) {
	t.Parallel()
	c, err := parseCatalogue("en", "a = Hello {name}\nb = {day}")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.asHTML("a", 0, nil); err == nil {
		t.Errorf("a hole became %q", got)
	}
	if got, err := c.asHTML("c", 0, nil); err == nil {
		t.Errorf("an unknown id became %q", got)
	}
	got, err := c.asHTML("a", 0, map[string]any{"name": "<b>\u202eMira\u202c"})
	if err != nil || got != "Hello <bdi>&lt;b&gt;Mira</bdi>" {
		t.Errorf("%q %v", got, err)
	}
	if got, err := c.asText("a", 0, map[string]any{"name": "Mi\x00ra\n\u2066K"}); err != nil || got != "Hello Mira K" {
		t.Errorf("%q %v", got, err)
	}
}

func TestDatesAndDurations(t *testing.T) {
	t.Parallel()
	c := testPages(t).words[0]
	if got := c.date(time.Date(1988, 11, 30, 0, 0, 0, 0, time.UTC)); got != `<time datetime="1988-11-30">30 November 1988</time>` {
		t.Error(got)
	}
	for d, want := range map[time.Duration]string{
		time.Millisecond: "1 minute", time.Minute: "1 minute", time.Minute + 1: "2 minutes", 15 * time.Minute: "15 minutes",
		59*time.Minute + time.Second: "60 minutes", time.Hour: "1 hour", time.Hour + 1: "2 hours",
	} {
		if got, err := c.duration(d); err != nil || got != want {
			t.Errorf("%v: %q %v, want %q", d, got, err, want)
		}
	}
}

func TestCountries(t *testing.T) {
	t.Parallel()
	c := testPages(t).words[0]
	all := countries(c.tag, nil)
	if len(all) < 240 || len(all) > 260 {
		t.Errorf("%d countries", len(all))
	}
	for code, want := range map[string]string{"gbr": "United Kingdom", "GB": "United Kingdom", "usa": "United States", "??": "??"} {
		if got := countryName(c.tag, code); got != want {
			t.Errorf("%s is %q, want %q", code, got, want)
		}
	}
	for code, want := range map[string]string{"gbr": "GB", "gb": "GB", "": "", "EU": "", "usa": "US"} {
		if got := alpha2(code); got != want {
			t.Errorf("%q is %q, want %q", code, got, want)
		}
	}
	some := countries(c.tag, []string{"PL", "DE"})
	if len(some) != 2 || some[0].Value != "DE" || some[1].Label != "Poland" {
		t.Errorf("%v", some)
	}
	if !slices.IsSortedFunc(all, func(a, b Option) int {
		return strings.Compare(unaccented.Replace(a.Label), unaccented.Replace(b.Label))
	}) {
		t.Error("not in the order of names")
	}
}
