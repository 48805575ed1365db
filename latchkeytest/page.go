package latchkeytest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// mostHops is how many redirects may follow one another.
const mostHops = 10

// pageLimit bounds a page, in bytes.
const pageLimit = 1 << 20

// browser is what a person reads pages with: it keeps cookies, follows redirects and runs no script.
type browser struct {
	client *http.Client
	origin string
	// at is the page's address, and what follows is what it said.
	at     *url.URL
	status int
	header http.Header
	root   *html.Node
}

func newBrowser(transport http.RoundTripper, origin string) *browser {
	jar, _ := cookiejar.New(nil) // it cannot fail without options
	return &browser{origin: origin, client: &http.Client{Transport: transport, Jar: jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// ask makes a request and follows redirects as long as they stay with the server.
func (b *browser) ask(ctx context.Context, method, address string, form url.Values) error {
	for range mostHops {
		next, err := b.hop(ctx, method, address, form)
		if err != nil || next == "" {
			return err
		}
		method, address, form = http.MethodGet, next, nil
	}
	return errors.New("the pages redirect without end")
}

func (b *browser) hop(ctx context.Context, method, address string, form url.Values) (next string, err error) {
	r, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	if origin := r.URL.Scheme + "://" + r.URL.Host; origin != b.origin {
		return "", fmt.Errorf("the pages lead to %s, which is not the server", origin)
	}
	if method == http.MethodPost { // what browsers add to a form of the page's own site
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", b.origin)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	answer, err := b.client.Do(r)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	if location, err := answer.Location(); err == nil && answer.StatusCode >= 300 && answer.StatusCode < 400 {
		return location.String(), nil
	}
	root, err := html.Parse(io.LimitReader(answer.Body, pageLimit))
	if err != nil {
		return "", fmt.Errorf("reading a page: %w", err)
	}
	b.at, b.status, b.header, b.root = r.URL, answer.StatusCode, answer.Header, root
	return "", nil
}

// submit fills in the page's first form that has all the fields, and presses the button "name=value", or the only one.
func (b *browser) submit(ctx context.Context, button string, fields url.Values) error {
	for _, form := range elements(b.root, "form") {
		if !strings.EqualFold(attribute(form, "method"), "post") {
			continue
		}
		if values, fits := fill(form, button, fields); fits {
			to, err := b.at.Parse(attribute(form, "action"))
			if err != nil {
				return err
			}
			return b.ask(ctx, http.MethodPost, to.String(), values)
		}
	}
	return fmt.Errorf("page %s has no such form", b.id())
}

// fill is what a browser sends for the form when a person has set the fields; one without a value unticks a box.
func fill(form *html.Node, button string, fields url.Values) (url.Values, bool) {
	values, names, buttons := url.Values{}, []string{}, []string{}
	for _, field := range elements(form, "input", "select", "textarea", "button") {
		name, value := attribute(field, "name"), attribute(field, "value")
		kind := attribute(field, "type")
		switch {
		case name == "":
		case field.Data == "button":
			buttons = append(buttons, name+"="+value)
		case field.Data == "select":
			names, value = append(names, name), selected(field)
			values.Add(name, value)
		case field.Data == "textarea":
			names = append(names, name)
			values.Add(name, words(field))
		case kind == "checkbox" || kind == "radio":
			names = append(names, name)
			if present(field, "checked") {
				values.Add(name, value)
			}
		default:
			names = append(names, name)
			values.Add(name, value)
		}
	}
	for name, value := range fields {
		if !slices.Contains(names, name) {
			return nil, false
		}
		values[name] = value
	}
	if name, value, named := strings.Cut(button, "="); named {
		values.Set(name, value)
		return values, slices.Contains(buttons, button)
	}
	return values, true
}

func selected(field *html.Node) string {
	options := elements(field, "option")
	for _, option := range options {
		if present(option, "selected") {
			return attribute(option, "value")
		}
	}
	if len(options) == 0 {
		return ""
	}
	return attribute(options[0], "value")
}

// id is the page's id, problems are the ids of what it asks to be mended.
func (b *browser) id() string { return b.body("data-page") }

func (b *browser) problems() string { return b.body("data-error") }

// has reports whether the page has a field of that name.
func (b *browser) has(name string) bool {
	return slices.ContainsFunc(elements(b.root, "input", "select", "textarea"), func(n *html.Node) bool { return attribute(n, "name") == name })
}

func (b *browser) body(name string) string {
	for _, body := range elements(b.root, "body") {
		return attribute(body, name)
	}
	return ""
}

// elements lists the elements of the names below a node, in order.
func elements(root *html.Node, names ...string) []*html.Node {
	var list []*html.Node
	if root == nil {
		return nil
	}
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && slices.Contains(names, n.Data) {
			list = append(list, n)
		}
	}
	return list
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func present(n *html.Node, name string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name })
}

// words are the texts below a node.
func words(n *html.Node) string {
	var b strings.Builder
	for part := range n.Descendants() {
		if part.Type == html.TextNode {
			b.WriteString(part.Data)
		}
	}
	return b.String()
}
