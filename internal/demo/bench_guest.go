package demo

import (
	"bytes"
	"context"
	"encoding/base32"
	"errors"
	"fmt"
	"html"
	"net/url"
	"strings"
	"time"

	"github.com/latchkey-id/latchkey/internal/secret"
)

// A guest is a browser as lean as a wire: it keeps cookies, follows redirects, and reads of a page its id and its forms. It is
// for measuring; the walker reads pages as a browser does.
type guest struct {
	*wire
	jar map[string]string
	// at is the path that the page came from.
	at string
}

func newGuest(origin string, now func() time.Time) (*guest, error) {
	w, err := newWire(origin, now)
	return &guest{wire: w, jar: map[string]string{}}, err
}

func (g *guest) open(ctx context.Context, path string) error { return g.send(ctx, "GET", path, "") }

func (g *guest) send(ctx context.Context, method, path, form string) error {
	for range mostHops {
		headers := []string{"Accept: text/html"}
		var cookies []string
		for name, value := range g.jar {
			cookies = append(cookies, name+"="+value)
		}
		if len(cookies) > 0 {
			headers = append(headers, "Cookie: "+strings.Join(cookies, "; "))
		}
		if method == "POST" {
			headers = append(headers, "Content-Type: application/x-www-form-urlencoded", "Origin: "+origin(g.origin), "Sec-Fetch-Site: same-origin")
		}
		if err := g.do(ctx, g.request(method, path, form, headers...)); err != nil {
			return err
		}
		for _, line := range g.cookies {
			pair, _, _ := strings.Cut(line, ";")
			name, value, _ := strings.Cut(pair, "=")
			g.jar[name] = value
		}
		g.at = path
		if g.status < 300 || g.status > 399 {
			return nil
		}
		to, err := url.Parse(g.location)
		if err != nil {
			return err
		}
		method, path, form = "GET", to.RequestURI(), ""
	}
	return fmt.Errorf("more than %d redirects", mostHops)
}

// between is what stands in text after a beginning and before an end, and whether both are there.
func between(text []byte, begin, end string) ([]byte, bool) {
	_, rest, found := bytes.Cut(text, []byte(begin))
	if !found {
		return nil, false
	}
	inside, _, found := bytes.Cut(rest, []byte(end))
	return inside, found
}

// id is the page's id.
func (g *guest) id() string {
	id, _ := between(g.body, `data-page="`, `"`)
	return string(id)
}

// attribute is an attribute of a tag's text, unescaped.
func attribute(tag []byte, name string) string {
	value, found := between(tag, " "+name+`="`, `"`)
	if !found {
		return ""
	}
	return html.UnescapeString(string(value))
}

// submit sends the first form of the page that has the text in it, as it was filled in, with other values for some fields.
func (g *guest) submit(ctx context.Context, with string, fields ...string) error {
	rest := g.body
	for {
		_, after, found := bytes.Cut(rest, []byte("<form "))
		if !found {
			return fmt.Errorf("%w: page %q at %s, status %d, form with %q", errNoForm, g.id(), g.at, g.status, with)
		}
		form, after, _ := bytes.Cut(after, []byte("</form>"))
		if rest = after; !bytes.Contains(form, []byte(with)) {
			continue
		}
		head, inside, _ := bytes.Cut(form, []byte(">"))
		values := hiddenFields(inside)
		for i := 0; i+1 < len(fields); i += 2 {
			values.Set(fields[i], fields[i+1])
		}
		to := attribute(append([]byte(" "), head...), "action")
		if to == "" {
			to, _, _ = strings.Cut(g.at, "?")
		}
		return g.send(ctx, "POST", to, values.Encode())
	}
}

// hiddenFields are what a page put into a form to be sent back.
func hiddenFields(form []byte) url.Values {
	values := url.Values{}
	for rest := form; ; {
		_, after, found := bytes.Cut(rest, []byte("<input "))
		if !found {
			return values
		}
		var tag []byte
		tag, rest, _ = bytes.Cut(after, []byte(">"))
		tag = append([]byte(" "), tag...)
		if attribute(tag, "type") == "hidden" {
			values.Add(attribute(tag, "name"), attribute(tag, "value"))
		}
	}
}

// must reports that the guest is on another page than it should be.
func (g *guest) must(id string) error {
	if got := g.id(); got != id {
		return fmt.Errorf("page %q with status %d at %s, want %q", got, g.status, g.at, id)
	}
	return nil
}

// claim walks the journey from an authorize path to the way back, which it returns. mailed waits for the code of C2.
func (g *guest) claim(ctx context.Context, path, email string, mailed func(context.Context, string) (string, error)) (*url.URL, error) {
	if err := g.open(ctx, path); err != nil {
		return nil, err
	}
	steps := []struct {
		page string
		take func() error
	}{
		{"c1", func() error { return g.submit(ctx, `name="email"`, "email", email) }},
		{"c2", func() error {
			code, err := mailed(ctx, email)
			return errors.Join(err, g.submit(ctx, `name="code"`, "code", code))
		}},
		{"c3", func() error { return g.submit(ctx, `name="new_password"`, "new_password", benchPassword) }},
		{"c4", func() error { return g.submit(ctx, `name="method"`, "method", "app") }},
		{"c5", func() error { return g.submit(ctx, `name="code"`, "code", g.appCode()) }},
		{"c7", func() error { return g.submit(ctx, `name="saved"`, "saved", "yes") }},
		{"c8", func() error { return g.submit(ctx, `name="version"`) }},
		{"c10", func() error { return g.submit(ctx, `value="allow"`, "decision", "allow") }},
	}
	for _, step := range steps {
		if err := g.must(step.page); err != nil {
			return nil, err
		}
		if err := step.take(); err != nil {
			return nil, fmt.Errorf("%s: %w", step.page, err)
		}
	}
	return g.back()
}

const benchPassword = "seven quiet harbour lanterns"

// appCode is what an authenticator app shows for the key of C5.
func (g *guest) appCode() string {
	shown, _ := between(g.body, `<div class="key"><code`, `</code>`)
	var key []byte
	for inTag := true; len(shown) > 0; shown = shown[1:] { // the key is in groups, each in a tag
		switch c := shown[0]; {
		case c == '<' || c == '>':
			inTag = c == '<'
		case !inTag && c != ' ':
			key = append(key, c)
		}
	}
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(string(key))
	if err != nil || len(raw) == 0 {
		return ""
	}
	return secret.AppCode(raw, g.now())
}

// visit comes back without a claim code in a browser that is signed in: R5, and C10 where it is asked.
func (g *guest) visit(ctx context.Context, path string) (*url.URL, error) {
	if err := g.open(ctx, path); err != nil {
		return nil, err
	}
	if err := g.must("r5"); err != nil {
		return nil, err
	}
	if err := g.submit(ctx, `data-msg="r5.button"`); err != nil {
		return nil, err
	}
	if g.id() == "c10" {
		if err := g.submit(ctx, `value="allow"`, "decision", "allow"); err != nil {
			return nil, err
		}
	}
	return g.back()
}

// back is where C11 leads, from the header that it has for tools.
func (g *guest) back() (*url.URL, error) {
	if err := g.must("c11"); err != nil {
		return nil, err
	}
	target, found := between([]byte(g.link), "<", ">")
	if !found {
		return nil, errors.New("c11 leads nowhere")
	}
	return url.Parse(string(target))
}
