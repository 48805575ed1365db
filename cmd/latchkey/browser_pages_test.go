package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/web"
)

// axeDigest is the SHA-256 of axe.min.js at the version in testdata/browser/package.json. The file runs beside our
// pages; a changed one should be looked at before it does.
const axeDigest = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"

// axeRules reads the accessibility rules that .ci/prepare installs.
func axeRules(t *testing.T) string {
	t.Helper()
	file := filepath.Join("..", "..", "testdata", "browser", "node_modules", "axe-core", "axe.min.js")
	text, err := os.ReadFile(file)
	needs(t, err == nil, "axe-core")
	if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != axeDigest {
		t.Fatalf("%s is not the file this test was written with: %x", file, sum)
	}
	return string(text)
}

// finding is one broken rule of accessibility and where it is broken.
type finding struct {
	ID    string `json:"id"`
	Help  string `json:"help"`
	Nodes []struct {
		HTML    string `json:"html"`
		Failure string `json:"failureSummary"`
	} `json:"nodes"`
}

func (f finding) String() string {
	text := f.ID + ": " + f.Help
	for _, n := range f.Nodes {
		text += "\n    " + n.HTML + "\n    " + strings.ReplaceAll(n.Failure, "\n", "\n    ")
	}
	return text
}

// runAxe is the WCAG rules of levels A and AA up to 2.2 and the best practices, all of them: no rule is left out. What
// the rules cannot decide ("incomplete") is returned too.
const runAxe = `axe.run(document, {
	runOnly: {type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]},
	resultTypes: ["violations", "incomplete"],
}).then(r => JSON.stringify({violations: r.violations, incomplete: r.incomplete, passes: r.passes.length}))`

// axe runs the rules on the shown page. The rules need timers, so scripts are switched on for their time: what the
// page left out when it was loaded stays out.
func (tb *tab) axe(rules string) string {
	tb.t.Helper()
	was := tb.look
	on := was
	on.scriptOff = false
	tb.set(on)
	defer tb.set(was)
	if evaluate[string](tb, "typeof axe") == "undefined" {
		evaluate[any](tb, rules+";\ntrue")
	}
	return evaluate[string](tb, runAxe)
}

// accessible fails the test for each accessibility rule that the shown page breaks, and for content wider than the
// window. rules is the text of axe-core.
func (tb *tab) accessible(where, rules string) {
	tb.t.Helper()
	raw := tb.axe(rules)
	var found struct {
		Violations, Incomplete []finding
		Passes                 int
	}
	if err := json.Unmarshal([]byte(raw), &found); err != nil || found.Passes == 0 {
		tb.t.Errorf("%s: axe did not run: %v", where, err)
		return
	}
	for _, f := range found.Violations {
		tb.t.Errorf("%s: %s", where, f)
	}
	for _, f := range found.Incomplete {
		tb.t.Errorf("%s: axe cannot tell: %s", where, f)
	}
	if over := evaluate[int](tb, "document.scrollingElement.scrollWidth - document.documentElement.clientWidth"); over > 0 {
		tb.t.Errorf("%s: the page is %d px wider than the window", where, over)
	}
	for _, small := range evaluate[[]string](tb, smallTargets) {
		tb.t.Errorf("%s: %s", where, small)
	}
}

// smallTargets lists controls below the house size: primary buttons 48 px high, other controls 44 (journey 2). A link
// inside a sentence is exempt, as in WCAG 2.5.8, and so is a field that is shown as text.
const smallTargets = `[...document.querySelectorAll("button, input:not([readonly]):not([type=hidden]):not([type=checkbox]):not([type=radio]), select, summary")]
	.filter(e => e.getClientRects().length && e.closest("main"))
	.map(e => [e, e.getBoundingClientRect().height])
	.filter(([e, h]) => h < 44)
	.map(([e, h]) => e.outerHTML.slice(0, 120) + " is " + h + " px high, at least 44")`

// seen are the ways in which every page is looked at; the pseudo-languages, which are there for the layout, where it
// is tightest, and the one from right to left at full width too.
var seen = []struct {
	name string
	look look
}{
	{"light", look{}},
	{"dark", look{dark: true}},
	{"narrow", look{width: 320}},
}

// TestBrowserShowsEveryPage looks at every page in every state, as internal/web renders them for its preview and under
// the headers that are shipped: no broken accessibility rule, nothing wider than the window, no complaint of the
// browser. It keeps a picture of each.
func TestBrowserShowsEveryPage(t *testing.T) {
	b := newBrowser(t)
	rules := axeRules(t)
	dir := t.TempDir()
	render := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-run", "^TestPreview$", "../../internal/web")
	render.Env = append(os.Environ(), "LATCHKEY_PREVIEW="+dir)
	if out, err := render.CombinedOutput(); err != nil {
		t.Fatalf("render the pages: %v\n%s", err, out)
	}
	server := httptest.NewServer(web.Headers(http.FileServer(http.Dir(dir)), false))
	t.Cleanup(server.Close)
	pages, err := filepath.Glob(filepath.Join(dir, "*.html"))
	if err != nil || len(pages) < 50 {
		t.Fatalf("%d pages in the preview: %v", len(pages), err)
	}
	// Two windows share the work: Chromium and its tab each keep about one core busy.
	for i, half := range [][]string{pages[:len(pages)/2], pages[len(pages)/2:]} {
		t.Run(fmt.Sprint("half", i+1), func(t *testing.T) {
			t.Parallel()
			tb := b.tab(t, look{})
			for _, file := range half {
				name := strings.TrimSuffix(filepath.Base(file), ".html")
				tb.visit(server.URL + "/" + name + ".html")
				for _, s := range seen {
					if s.look.width == 0 && strings.HasSuffix(name, ".en-XA") || s.look.dark && strings.HasSuffix(name, ".ar-XB") {
						continue
					}
					tb.set(s.look)
					tb.accessible(name+" "+s.name, rules)
					tb.picture(s.name + "/" + name)
				}
				tb.set(look{})
				tb.quiet(name)
			}
		})
	}
	t.Cleanup(func() { contactSheet(t) })
}

// contactSheet writes an index of all pictures, so that a person can look at them in one go.
func contactSheet(t *testing.T) {
	dir := screenshots(t)
	var page strings.Builder
	page.WriteString("<!DOCTYPE html><meta charset=utf-8><title>Pages</title><style>img{width:16rem;vertical-align:top;border:1px solid gray}</style>\n")
	groups, err := filepath.Glob(filepath.Join(dir, "*", "*.png"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(groups)
	for _, file := range groups {
		name, _ := filepath.Rel(dir, file)
		name = html.EscapeString(filepath.ToSlash(name))
		fmt.Fprintf(&page, "<a href=\"%s\"><img loading=lazy src=\"%s\" alt=\"%s\" title=\"%s\"></a>\n", name, name, name, name)
	}
	if err := os.WriteFile(filepath.Join(dir, "index.html"), []byte(page.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Logf("pictures of %d pages: %s", len(groups), filepath.Join(dir, "index.html"))
}

// TestBrowserHarness shows that the harness sees what it is there to see: a page with a broken rule, a script that the
// policy refuses, scripts off, and the two colour schemes.
func TestBrowserHarness(t *testing.T) {
	b := newBrowser(t)
	rules := axeRules(t)
	server := httptest.NewServer(web.Headers(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		switch r.URL.Path {
		case "/script.js":
			w.Header().Set("Content-Type", "text/javascript")
			fmt.Fprint(w, `document.documentElement.dataset.ran = "yes"`)
		default:
			fmt.Fprint(w, `<!DOCTYPE html><html lang="en"><title>x</title><script src="/script.js"></script>
				<main><h1>Heading</h1><input name="unlabelled"><script>document.title = "inline"</script></main>`)
		}
	}), false))
	t.Cleanup(server.Close)
	for _, off := range []bool{false, true} {
		tb := b.tab(t, look{scriptOff: off, dark: off, width: 320})
		if status := tb.visit(server.URL + "/"); status != http.StatusOK {
			t.Errorf("status %d", status)
		}
		if ran := evaluate[bool](tb, `document.documentElement.dataset.ran === "yes"`); ran == off {
			t.Errorf("scripts off: %v, yet the script ran: %v", off, ran)
		}
		if dark := evaluate[bool](tb, `matchMedia("(prefers-color-scheme: dark)").matches`); dark != off {
			t.Errorf("dark: %v, want %v", dark, off)
		}
		if width := evaluate[int](tb, "innerWidth"); width != 320 {
			t.Errorf("%d px wide", width)
		}
		raw := tb.axe(rules)
		if ran := evaluate[bool](tb, `document.documentElement.dataset.ran === "yes"`); ran == off {
			t.Errorf("scripts off: %v, yet after the rules the script ran: %v", off, ran)
		}
		if !strings.Contains(raw, `"id":"label"`) {
			t.Errorf("scripts off: %v: axe does not see that a field has no label: %.300s", off, raw)
		}
		tb.mu.Lock()
		refused := slices.ContainsFunc(tb.complaints, func(c string) bool { return strings.Contains(c, "Content Security Policy") })
		if !refused && !off {
			t.Errorf("the inline script was not refused: %q", tb.complaints)
		}
		tb.complaints = nil
		tb.mu.Unlock()
	}
}
