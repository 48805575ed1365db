package web

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// elements are the elements under n that f accepts, in order.
func elements(n *html.Node, f func(*html.Node) bool) []*html.Node {
	var found []*html.Node
	for d := range n.Descendants() {
		if d.Type == html.ElementNode && f(d) {
			found = append(found, d)
		}
	}
	return found
}

func named(names ...string) func(*html.Node) bool {
	return func(n *html.Node) bool { return slices.Contains(names, n.Data) }
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, key string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == key })
}

func text(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func inClass(class string) func(*html.Node) bool {
	return func(n *html.Node) bool { return slices.Contains(strings.Fields(attr(n, "class")), class) }
}

func parse(t *testing.T, body []byte) *html.Node {
	t.Helper()
	root, err := html.Parse(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// eachSample runs a check on every page in every state.
func eachSample(t *testing.T, check func(t *testing.T, s sample, root *html.Node)) {
	p := testPages(t)
	for _, s := range samples() {
		t.Run(s.name, func(t *testing.T) { check(t, s, parse(t, write(t, p, s).Body.Bytes())) })
	}
}

// A browser mends what is not well formed, each in its own way; so every
// element that needs an end has one, in the right order.
func TestMarkupIsWellFormed(t *testing.T) {
	t.Parallel()
	void := []string{"meta", "link", "input", "img", "br"}
	p := testPages(t)
	for _, s := range samples() {
		z := html.NewTokenizer(write(t, p, s).Body)
		var open []string
		for z.Next() != html.ErrorToken {
			token := z.Token()
			switch token.Type {
			case html.StartTagToken:
				if !slices.Contains(void, token.Data) {
					open = append(open, token.Data)
				}
			case html.EndTagToken:
				if len(open) == 0 || open[len(open)-1] != token.Data {
					t.Fatalf("%s: </%s> ends %v", s.name, token.Data, open)
				}
				open = open[:len(open)-1]
			}
		}
		if len(open) > 0 {
			t.Errorf("%s: never ended: %v", s.name, open)
		}
	}
}

// The frame of journey.md section 2: one h1, one main, a title made of it, page
// and message ids, language and direction, at most one primary button.
func TestFrame(t *testing.T) {
	t.Parallel()
	p := testPages(t)
	eachSample(t, func(t *testing.T, s sample, root *html.Node) {
		h1 := elements(root, named("h1"))
		if len(h1) != 1 || len(elements(root, named("main"))) != 1 {
			t.Fatalf("%d h1, want one h1 and one main", len(h1))
		}
		heading := s.page.face().heading
		if attr(h1[0], "data-msg") != heading.ID {
			t.Errorf("h1 has data-msg %q, want %q", attr(h1[0], "data-msg"), heading.ID)
		}
		want := text(h1[0]) + " – Latchkey"
		if len(s.page.frame().Problems) > 0 {
			want = "Error: " + want
		}
		if got := text(elements(root, named("title"))[0]); got != want {
			t.Errorf("title %q, want %q", got, want)
		}
		page := elements(root, named("html"))[0]
		if attr(page, "lang") != "en" || attr(page, "dir") != "ltr" {
			t.Errorf("lang %q dir %q", attr(page, "lang"), attr(page, "dir"))
		}
		if got := attr(elements(root, named("body"))[0], "data-page"); got != s.page.face().id {
			t.Errorf("data-page %q, want %q", got, s.page.face().id)
		}
		primary := elements(root, inClass("primary"))
		equal := elements(root, inClass("equal"))
		if len(primary) > 1 || len(primary) == 1 && len(equal) > 0 {
			t.Errorf("%d primary buttons", len(primary))
		}
		if forms := elements(root, named("form")); len(forms) > 0 && len(primary)+len(equal) == 0 {
			t.Error("a form without its button")
		}
		for _, n := range elements(root, func(n *html.Node) bool { return has(n, "data-msg") }) {
			if id := attr(n, "data-msg"); !p.words[0].has(id) {
				t.Errorf("data-msg %q is no message", id)
			}
		}
	})
}

// Ids are unique, and whatever points at one finds it.
func TestReferences(t *testing.T) {
	t.Parallel()
	eachSample(t, func(t *testing.T, s sample, root *html.Node) {
		ids := map[string]bool{}
		for _, n := range elements(root, func(n *html.Node) bool { return has(n, "id") }) {
			if ids[attr(n, "id")] {
				t.Errorf("id %q twice", attr(n, "id"))
			}
			ids[attr(n, "id")] = true
		}
		for _, n := range elements(root, func(*html.Node) bool { return true }) {
			for _, key := range []string{"aria-describedby", "aria-labelledby", "for", "form", "data-show", "data-copy-from"} {
				for _, id := range strings.Fields(attr(n, key)) {
					if !ids[id] {
						t.Errorf("%s %s=%q leads nowhere", n.Data, key, id)
					}
				}
			}
			if href := attr(n, "href"); strings.HasPrefix(href, "#") && !ids[href[1:]] {
				t.Errorf("href %q leads nowhere", href)
			}
		}
	})
}

// The policy of Headers refuses inline style and script, and anything from
// elsewhere; a page that had some would be broken in a browser.
func TestNothingInlineNothingForeign(t *testing.T) {
	t.Parallel()
	eachSample(t, func(t *testing.T, s sample, root *html.Node) {
		for _, n := range elements(root, func(*html.Node) bool { return true }) {
			for _, a := range n.Attr {
				if a.Key == "style" || strings.HasPrefix(a.Key, "on") {
					t.Errorf("<%s %s>", n.Data, a.Key)
				}
				if strings.Contains(a.Val, "ZgotmplZ") {
					t.Errorf("<%s %s> was blanked", n.Data, a.Key)
				}
			}
			switch n.Data {
			case "style", "iframe", "object", "embed", "base":
				t.Errorf("<%s>", n.Data)
			case "script":
				if n.FirstChild != nil || !strings.HasPrefix(attr(n, "src"), "/assets/") {
					t.Error("a script that is not an asset")
				}
			case "link", "img":
				if at := attr(n, "href") + attr(n, "src"); !strings.HasPrefix(at, "/") || strings.HasPrefix(at, "//") {
					t.Errorf("<%s> loads %q", n.Data, at)
				}
			}
		}
	})
}

// Forms as journey.md section 2 asks: every control named and labelled, the
// form token, no help that gets in the way.
func TestForms(t *testing.T) {
	t.Parallel()
	eachSample(t, func(t *testing.T, s sample, root *html.Node) {
		labelled := map[string]bool{}
		for _, n := range elements(root, named("label")) {
			labelled[attr(n, "for")] = text(n) != ""
		}
		for _, form := range elements(root, named("form")) {
			if attr(form, "method") != "post" || !has(form, "novalidate") && !has(form, "data-again") {
				t.Error("a form that is not post and novalidate")
			}
			tokens := elements(form, func(n *html.Node) bool { return attr(n, "name") == "step_token" })
			if len(tokens) != 1 {
				t.Errorf("%d form tokens", len(tokens))
			}
		}
		for _, n := range elements(root, named("input", "select", "textarea")) {
			if attr(n, "type") == "hidden" {
				continue
			}
			if attr(n, "name") == "" || !labelled[attr(n, "id")] {
				t.Errorf("%s %q has no name or no label", n.Data, attr(n, "name"))
			}
			for _, key := range []string{"required", "placeholder", "maxlength", "pattern", "onpaste"} {
				if has(n, key) {
					t.Errorf("%q has %s", attr(n, "name"), key)
				}
			}
			if attr(n, "type") == "password" && attr(n, "value") != "" || attr(n, "name") == "code" && attr(n, "value") != "" {
				t.Errorf("%q is given back", attr(n, "name"))
			}
		}
		for _, n := range elements(root, func(n *html.Node) bool { return has(n, "data-show") || has(n, "data-copy") || has(n, "data-print") }) {
			if !has(n, "hidden") {
				t.Error("a control that needs script is there without it")
			}
		}
	})
}

// Every problem is said twice in the same words, in the summary and beside its
// field, the field is marked, and the summary gets the focus without script.
func TestProblems(t *testing.T) {
	t.Parallel()
	eachSample(t, func(t *testing.T, s sample, root *html.Node) {
		problems := s.page.frame().Problems
		boxes := elements(root, inClass("problems"))
		if len(problems) == 0 {
			if len(boxes) > 0 || len(elements(root, inClass("error"))) > 0 {
				t.Error("a problem where there is none")
			}
			return
		}
		if len(boxes) != 1 || attr(boxes[0], "tabindex") != "-1" || !has(boxes[0], "autofocus") ||
			len(elements(boxes[0], func(n *html.Node) bool { return attr(n, "role") == "alert" })) != 1 {
			t.Fatal("no summary that is announced and focused")
		}
		lines := elements(boxes[0], func(n *html.Node) bool { return n.Data != "h2" && has(n, "data-msg") })
		if len(lines) != len(problems) {
			t.Fatalf("%d lines for %d problems", len(lines), len(problems))
		}
		for i, line := range lines {
			id := problems[i].Message.ID
			if problems[i].Field == "" { // a problem of the whole form is said once
				if attr(line, "data-msg") != id || line.Data != "span" {
					t.Errorf("%s is not said", id)
				}
				continue
			}
			if attr(line, "data-msg") != id || attr(line, "href") != "#f-"+problems[i].Field {
				t.Errorf("line %q to %q, want %s", attr(line, "data-msg"), attr(line, "href"), id)
			}
			beside := elements(elements(root, named("main"))[0], func(n *html.Node) bool {
				return attr(n, "data-msg") == id && n.Data != "a" || attr(n, "id") == "f-"+problems[i].Field && n.Data == "a"
			})
			if len(beside) != 1 || strings.TrimPrefix(text(beside[0]), "Error: ") != text(line) {
				t.Errorf("%s is not said beside its field in the same words", id)
				continue
			}
			if strings.HasSuffix(text(line), ".") {
				t.Errorf("%s ends with a full stop", id)
			}
			if beside[0].Data == "a" || slices.Contains([]string{"c4", "c10", "proposals"}, s.page.face().id) { // choices, not fields
				continue
			}
			field := elements(root, func(n *html.Node) bool { return attr(n, "name") == problems[i].Field })
			if len(field) != 1 || attr(field[0], "aria-invalid") != "true" ||
				!slices.Contains(strings.Fields(attr(field[0], "aria-describedby")), attr(beside[0], "id")) {
				t.Errorf("field %q is not marked", problems[i].Field)
			}
		}
	})
}

// The Fields table of journey.md section 4.
func TestFieldsTable(t *testing.T) {
	t.Parallel()
	want := map[string]string{ // page.name: type inputmode autocomplete
		"c1.email": "email  email", "c2.code": "text numeric one-time-code", "c3.email": "email  username",
		"c3.new_password": "password  new-password", "c4.method": "radio  ", "c5.code": "text numeric one-time-code",
		"r2.code": "text numeric one-time-code", "c7.saved": "checkbox  ", "c9.name.given_name": "text  given-name",
		"c9.name.family_name": "text  family-name", "c9.birth.birth_day": "text numeric bday-day", "c9.birth.birth_month": "text numeric bday-month",
		"c9.birth.birth_year": "text numeric bday-year", "c9.phone.phone": "tel tel tel", "c9.country.country": "  country",
		"c9.address.line1": "text  address-line1", "c9.address.line2": "text  address-line2", "c9.address.city": "text  address-level2",
		"c9.address.postal_code": "text  postal-code", "c10.profile": "radio  ", "r1.email": "email  username webauthn", "r1.password": "password  current-password",
		"c1.more_time": "checkbox  ", "r1.more_time": "checkbox  ",
	}
	seen := map[string]bool{}
	eachSample(t, func(t *testing.T, s sample, root *html.Node) {
		for _, n := range elements(root, named("input", "select")) {
			key := s.page.face().id + "." + attr(n, "name")
			got := attr(n, "type") + " " + attr(n, "inputmode") + " " + attr(n, "autocomplete")
			if line, ok := want[key]; ok && got != line {
				t.Errorf("%s is %q, want %q", key, got, line)
			}
			seen[key] = true
			secret := slices.Contains([]string{"email", "code", "password", "new_password"}, attr(n, "name"))
			if secret && (attr(n, "autocapitalize") != "none" || attr(n, "spellcheck") != "false") {
				t.Errorf("%s lets the keyboard change what is typed", key)
			}
			if regexp.MustCompile(`name$`).MatchString(attr(n, "name")) && attr(n, "type") == "text" && attr(n, "spellcheck") != "false" {
				t.Errorf("%s is spell-checked", key)
			}
		}
	})
	for key := range want {
		if !seen[key] {
			t.Errorf("no field %s", key)
		}
	}
}
