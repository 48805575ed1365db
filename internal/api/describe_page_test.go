package api

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// The page shows all of the description, loads and runs nothing, and its policy allows just its own look.
func TestDocs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.door.APIURL = "https://api.example.org"
	w.Config.Handler = w.door.Handler()
	got := w.ask("GET", "/docs/", "")
	if got.status != 200 || got.header.Get("Content-Type") != "text/html; charset=utf-8" || !strings.HasPrefix(got.body, "<!doctype html>") {
		t.Fatalf("%d %v", got.status, got.header)
	}
	look := regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindAllStringSubmatch(got.body, -1)
	if len(look) != 1 {
		t.Fatalf("%d styles", len(look))
	}
	sum := sha256.Sum256([]byte(look[0][1]))
	if want := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"; got.header.Get("Content-Security-Policy") != want {
		t.Errorf("policy %s\nwant   %s", got.header.Get("Content-Security-Policy"), want)
	}
	for _, never := range []string{"<script", "<img", "<link", "<form", "<iframe", " style=", "src=", "url(", "@import", "ZgotmplZ", "&lt;nil", "%!", "<no value>"} {
		if i := strings.Index(got.body, never); i >= 0 {
			t.Errorf("%q is in the page: %s", never, got.body[i:min(i+80, len(got.body))])
		}
	}
	if attribute := regexp.MustCompile(`<[^>]* on[a-z]+=`).FindString(got.body); attribute != "" {
		t.Errorf("a script in %s", attribute)
	}
	if !strings.Contains(got.body, "This server is <code>https://api.example.org</code>") {
		t.Error("the page does not say which server it is about")
	}
	d := contract(t)
	for name := range d.operations() {
		_, where, _ := strings.Cut(name, " ")
		if !strings.Contains(got.body, "<code>"+html.EscapeString(where)+"</code>") {
			t.Errorf("%s is not in the page", name)
		}
	}
	for _, kind := range []string{"schemas", "webhooks"} {
		of := d.document.sub("webhooks")
		if kind == "schemas" {
			of = d.document.sub("components", kind)
		}
		for _, name := range of.members() {
			if !strings.Contains(got.body, "<code>"+html.EscapeString(name)+"</code>") {
				t.Errorf("%s %s is not in the page", kind, name)
			}
		}
	}
	for code := range map[string]bool{"NOT_UNIQUE": true, "api.*": true, "invalid_grant": true, "kyc_review.not_found": true} {
		if !strings.Contains(got.body, "<dt><code>"+code+"</code></dt>") {
			t.Errorf("the code %s is not explained", code)
		}
	}
}

// Every link leads to a place of the page, names of places are there once, and headings go down by one.
func TestDocsPlaces(t *testing.T) {
	t.Parallel()
	page, err := (&Door{}).writeDocs()
	must(t, err)
	text := string(page.text)
	places := map[string]bool{}
	for _, found := range regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(text, -1) {
		if places[found[1]] || found[1] == "" {
			t.Errorf("two places are called %q", found[1])
		}
		places[found[1]] = true
	}
	links := 0
	for _, found := range regexp.MustCompile(` href="([^"]*)"`).FindAllStringSubmatch(text, -1) {
		links++
		if to, inPage := strings.CutPrefix(found[1], "#"); !(inPage && places[to]) && found[1] != "/openapi.json" {
			t.Errorf("the link %q leads nowhere", found[1])
		}
	}
	last := 0
	for _, found := range regexp.MustCompile(`<h([1-6])`).FindAllStringSubmatch(text, -1) {
		level, _ := strconv.Atoi(found[1])
		if level > last+1 {
			t.Errorf("a heading of level %d follows one of level %d", level, last)
		}
		last = level
	}
	if links < 300 || strings.Count(text, "<h1>") != 1 || !strings.Contains(text, `<html lang="en">`) {
		t.Errorf("%d links, %d main headings", links, strings.Count(text, "<h1>"))
	}
	for _, tag := range []string{"details", "summary", "section", "dl", "ul", "main", "nav", "pre"} {
		if opened, closed := strings.Count(text, "<"+tag), strings.Count(text, "</"+tag+">"); opened != closed {
			t.Errorf("%d <%s> and %d </%s>", opened, tag, closed, tag)
		}
	}
}

// Texts can be read in both themes: WCAG 2.2 asks for a contrast of 4.5.
func TestDocsContrast(t *testing.T) {
	t.Parallel()
	look, err := os.ReadFile("openapi/docs.css")
	must(t, err)
	light, dark, _ := strings.Cut(string(look), "prefers-color-scheme: dark")
	for theme, text := range map[string]string{"light": light, "dark": dark} {
		colours := map[string]float64{}
		for _, found := range regexp.MustCompile(`--([a-z]+): #([0-9a-f]{6});`).FindAllStringSubmatch(text, -1) {
			colours[found[1]] = luminance(t, found[2])
		}
		for _, ink := range []string{"text", "muted", "link", "notice", "error"} {
			for _, ground := range []string{"ground", "shade"} {
				a, b := max(colours[ink], colours[ground]), min(colours[ink], colours[ground])
				if contrast := (a + 0.05) / (b + 0.05); contrast < 4.5 {
					t.Errorf("%s: %s on %s has a contrast of %.2f", theme, ink, ground, contrast)
				}
			}
		}
		if len(colours) < 9 {
			t.Errorf("%s: %d colours", theme, len(colours))
		}
	}
}

func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	var parts [3]int
	_, err := fmt.Sscanf(hex, "%2x%2x%2x", &parts[0], &parts[1], &parts[2])
	must(t, err)
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		c := float64(parts[i]) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}
