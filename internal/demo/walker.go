package demo

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

// walker is a browser without a window and without script: it keeps cookies, follows redirects one by one, reads forms
// from the page and sends them with what the page filled in.
type walker struct {
	client *http.Client
	// page is where it stands, trail the addresses that led there, the newest last.
	page  page
	trail []string
	// allowed are the origins it may be sent to; empty allows all. Anything else is an open redirect.
	allowed []string
}

// page is an answer as the walker sees it.
type page struct {
	url    *url.URL
	status int
	header http.Header
	body   string
	root   *html.Node
}

// mostHops is how many redirects follow one another before the walker calls it a loop.
const mostHops = 10

var errNoForm = errors.New("the page has no such form")

func newWalker(transport http.RoundTripper) *walker {
	jar, _ := cookiejar.New(nil) // without options it has nothing to fail at
	return &walker{client: &http.Client{
		Transport: transport, Jar: jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// open asks for an address as a person does who types it or follows a link.
func (w *walker) open(ctx context.Context, address string) error {
	w.trail = nil
	return w.send(ctx, http.MethodGet, address, nil)
}

// send makes a request and follows the redirects.
func (w *walker) send(ctx context.Context, method, address string, form url.Values) error {
	for range mostHops {
		next, err := w.one(ctx, method, address, form)
		if err != nil {
			return err
		}
		if next == "" {
			return nil
		}
		method, address, form = http.MethodGet, next, nil
	}
	return fmt.Errorf("more than %d redirects", mostHops)
}

// one makes one request and returns where it was redirected to, or "".
func (w *walker) one(ctx context.Context, method, address string, form url.Values) (string, error) {
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return "", fmt.Errorf("asking for a page: %w", err)
	}
	r.Header.Set("Accept", "text/html")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		// What a browser sends with a form of the same origin.
		r.Header.Set("Origin", origin(r.URL))
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	if len(w.allowed) > 0 && !slices.Contains(w.allowed, origin(r.URL)) {
		return "", fmt.Errorf("sent to %s, which is not registered", origin(r.URL))
	}
	w.trail = append(w.trail, address)
	answer, err := w.client.Do(r)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(io.LimitReader(answer.Body, bodyLimit))
	if err != nil {
		return "", fmt.Errorf("reading a page: %w", err)
	}
	if location := answer.Header.Get("Location"); location != "" && answer.StatusCode >= 300 && answer.StatusCode < 400 {
		to, err := r.URL.Parse(location)
		if err != nil {
			return "", fmt.Errorf("redirected to no address: %w", err)
		}
		return to.String(), nil
	}
	root, err := html.Parse(strings.NewReader(string(content)))
	if err != nil {
		return "", fmt.Errorf("reading a page: %w", err)
	}
	w.page = page{url: r.URL, status: answer.StatusCode, header: answer.Header, body: string(content), root: root}
	return "", nil
}

func origin(u *url.URL) string { return u.Scheme + "://" + u.Host }

// submit sends the page's form that has all the fields (or, without any, its first form) with their values in place of
// what the page filled in. button names a submit button's name and value, "name=value", when it matters which.
func (w *walker) submit(ctx context.Context, button string, fields map[string]string) error {
	address, form, err := w.page.fill(button, fields)
	if err != nil {
		return err
	}
	w.trail = nil
	return w.send(ctx, http.MethodPost, address, form)
}

// submitTo sends the page's form that posts to the path.
func (w *walker) submitTo(ctx context.Context, path string) error {
	for _, form := range find(w.page.root, "form") {
		if attr(form, "action") == path {
			values, _ := formValues(form)
			w.trail = nil
			return w.send(ctx, http.MethodPost, w.page.resolve(path), values)
		}
	}
	return fmt.Errorf("%w: none posts to %s", errNoForm, path)
}

// field is what the page filled in for a field, or "".
func (p page) field(name string) string {
	for _, form := range find(p.root, "form") {
		values, _ := formValues(form)
		if value := values.Get(name); value != "" && value != unticked {
			return value
		}
	}
	return ""
}

// linkTo is the first link whose address ends like that, or "".
func (p page) linkTo(end string) string {
	for _, a := range find(p.root, "a") {
		if href, _, _ := strings.Cut(attr(a, "href"), "#"); strings.HasSuffix(href, end) {
			return p.resolve(href)
		}
	}
	return ""
}

// linkWith is the first link whose address has that in it, or "".
func (p page) linkWith(part string) string {
	for _, a := range find(p.root, "a") {
		if href := attr(a, "href"); strings.Contains(href, part) {
			return p.resolve(href)
		}
	}
	return ""
}

// wanted is the address of the first row of C8 that lacks something, or "".
func (p page) wanted() string {
	for _, row := range find(p.root, "div") {
		if slices.Contains(strings.Fields(attr(row, "class")), "wanted") {
			return page{url: p.url, root: row}.linkWith("/review/")
		}
	}
	return ""
}

// has reports whether the page has a field of that name.
func (p page) has(name string) bool {
	return slices.ContainsFunc(find(p.root, "input", "select", "textarea"), func(n *html.Node) bool { return attr(n, "name") == name })
}

// key is the authenticator key that page C5 shows, without its spaces.
func (p page) key() string {
	for _, code := range find(p.root, "code") {
		if code.Parent != nil && strings.Contains(attr(code.Parent, "class"), "key") {
			return strings.Join(strings.Fields(text(code)), "")
		}
	}
	return ""
}

// fill finds the form and fills it in.
func (p page) fill(button string, fields map[string]string) (string, url.Values, error) {
	for _, form := range find(p.root, "form") {
		if !strings.EqualFold(attr(form, "method"), "post") {
			continue
		}
		values, buttons := formValues(form)
		if button != "" && !slices.Contains(buttons, button) {
			continue
		}
		complete := true
		for name := range fields {
			if _, has := values[name]; !has {
				complete = false
			}
		}
		if !complete {
			continue
		}
		sent := url.Values{}
		for name, list := range values {
			for _, v := range list {
				if v != unticked {
					sent.Add(name, v)
				}
			}
		}
		for name, value := range fields {
			sent.Set(name, value)
		}
		if name, value, found := strings.Cut(button, "="); found {
			sent.Set(name, value)
		}
		to, err := p.url.Parse(attr(form, "action"))
		if err != nil {
			return "", nil, fmt.Errorf("reading a form: %w", err)
		}
		if attr(form, "action") == "" {
			to = p.url
		}
		return to.String(), sent, nil
	}
	return "", nil, fmt.Errorf("%w: page %s, fields %v, button %q", errNoForm, p.id(), keys(fields), button)
}

func keys(fields map[string]string) []string {
	var names []string
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// unticked stands for a box or choice that is there but would not be sent.
const unticked = "\x00"

// formValues reads what a browser would send, and the buttons as "name=value".
func formValues(form *html.Node) (url.Values, []string) {
	values, buttons := url.Values{}, []string(nil)
	for _, field := range find(form, "input", "select", "textarea", "button") {
		name := attr(field, "name")
		if name == "" {
			continue
		}
		switch {
		case field.Data == "button":
			buttons = append(buttons, name+"="+attr(field, "value"))
		case field.Data == "select":
			values.Add(name, chosen(field))
		case field.Data == "textarea":
			values.Add(name, text(field))
		case attr(field, "type") == "checkbox" || attr(field, "type") == "radio":
			if has(field, "checked") {
				values.Set(name, attr(field, "value"))
			} else if values.Get(name) == "" {
				values.Set(name, unticked)
			}
		default:
			values.Add(name, attr(field, "value"))
		}
	}
	return values, buttons
}

// chosen is the value of a select: the option that is selected, else the first.
func chosen(field *html.Node) string {
	options := find(field, "option")
	for _, option := range options {
		if has(option, "selected") {
			return attr(option, "value")
		}
	}
	if len(options) > 0 {
		return attr(options[0], "value")
	}
	return ""
}

// id is the page's id, such as c1 or e4: what tests and people compare, never prose.
func (p page) id() string {
	for _, body := range find(p.root, "body") {
		return attr(body, "data-page")
	}
	return ""
}

// problems are the ids of what the page says must be mended.
func (p page) problems() string {
	for _, body := range find(p.root, "body") {
		return attr(body, "data-error")
	}
	return ""
}

// resolve makes an address of the page whole.
func (p page) resolve(href string) string {
	to, err := p.url.Parse(href)
	if err != nil {
		return ""
	}
	return to.String()
}

// refresh is where the page's <meta http-equiv="refresh"> leads at once, or "".
func (p page) refresh() string {
	for _, m := range find(p.root, "meta") {
		if strings.EqualFold(attr(m, "http-equiv"), "refresh") {
			delay, address, found := strings.Cut(attr(m, "content"), ";")
			if found && strings.TrimSpace(delay) == "0" {
				return p.resolve(strings.TrimPrefix(strings.TrimSpace(address), "url="))
			}
		}
	}
	return ""
}

// values are the texts of all elements with the attribute, such as data-code.
func (p page) values(name string) []string {
	var list []string
	for _, n := range find(p.root) {
		if has(n, name) {
			list = append(list, strings.TrimSpace(text(n)))
		}
	}
	return list
}

// find lists the elements of the given names below a node, in order; without names all of them.
func find(root *html.Node, names ...string) []*html.Node {
	var list []*html.Node
	if root == nil {
		return nil
	}
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && (len(names) == 0 || slices.Contains(names, n.Data)) {
			list = append(list, n)
		}
	}
	return list
}

func has(n *html.Node, name string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name })
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func text(n *html.Node) string {
	var out strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			out.WriteString(d.Data)
		}
	}
	return out.String()
}

// offers are the values of a group of radio buttons, and what the label of each says.
func (p page) offers(name string) map[string]string {
	values := map[string]string{}
	for _, field := range find(p.root, "input") {
		if attr(field, "name") != name || attr(field, "type") != "radio" {
			continue
		}
		values[attr(field, "value")] = ""
		for _, label := range find(p.root, "label") {
			if attr(label, "for") == attr(field, "id") {
				values[attr(field, "value")] = strings.TrimSpace(text(label))
			}
		}
	}
	return values
}

// plain is the text of the page's main part, without its markup.
func (p page) plain() string {
	for _, main := range find(p.root, "main") {
		return text(main)
	}
	return ""
}
