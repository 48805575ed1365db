package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/latchkey-id/latchkey/internal/claim"
)

// Ten scanners meet the link first: they fetch it, fetch ahead, follow every link on the pages and press every button with
// what a program would type, except to say that they are not the person. The code stays good for its person (I1).
func TestScanners(t *testing.T) {
	t.Parallel()
	for name, presses := range map[string]bool{"that look": false, "that press every button": true} {
		w := newWorld(t)
		o := w.open(w.partner, email)
		w.prefill(o)
		link := authorize(w.partner, w.mint(o), "s")
		before := w.stored(o.account.ID)
		for n := range 10 {
			w.once(http.MethodHead, link, "", nil)
			w.once(http.MethodGet, link, "", nil, "Sec-Purpose", "prefetch")
			w.once(http.MethodGet, link, "", nil, "User-Agent", "preview/1.0")
			w.scan(link, presses, n)
		}
		if w.stored(o.account.ID) != before || w.mails() != 0 {
			t.Errorf("scanners %s changed the account, or sent %d mails", name, w.mails())
		}
		if c := w.code(strings.Split(strings.Split(link, "claim_account_code=")[1], "&")[0]); c.State != claim.Minted || c.Seen > 10 {
			t.Errorf("scanners %s left the code %s, seen %d times", name, c.State, c.Seen)
		}
		w.browser().get(link).walk("c11", email).leaves()
	}
}

// scan walks what a scanner finds behind a link.
func (w *world) scan(link string, presses bool, n int) {
	w.t.Helper()
	b := w.browser()
	visited, queue := map[string]bool{}, []string{link}
	for len(queue) > 0 && len(visited) < 60 {
		path := queue[0]
		queue = queue[1:]
		if visited[path] {
			continue
		}
		visited[path] = true
		b.get(path)
		queue = append(queue, b.links()...)
		if !presses || b.id == "notme" {
			continue
		}
		for _, form := range b.forms(fmt.Sprintf("scanner%d@example.org", n)) {
			tab := b.tab()
			tab.send(form.action, form.values)
			queue = append(queue, tab.links()...)
		}
		b.get(link)
	}
}

// links are the links of the page that lead to this host.
func (b *browser) links() []string {
	var paths []string
	find(b.doc, func(n *html.Node) bool {
		if href := attribute(n, "href"); n.Data == "a" && strings.HasPrefix(href, "/") {
			paths = append(paths, href)
		}
		return false
	})
	return paths
}

type filledForm struct {
	action string
	values url.Values
}

// forms are the page's forms, once for each button, with every field filled with the same text and every box ticked.
func (b *browser) forms(typed string) []filledForm {
	var all []filledForm
	find(b.doc, func(form *html.Node) bool {
		if form.Data != "form" {
			return false
		}
		values, action := url.Values{}, attribute(form, "action")
		if action == "" {
			action = b.at
		}
		find(form, func(n *html.Node) bool {
			switch {
			case n.Data == "input" && attribute(n, "type") == "hidden":
				values.Set(attribute(n, "name"), attribute(n, "value"))
			case n.Data == "input" && attribute(n, "name") != "":
				values.Set(attribute(n, "name"), typed)
			}
			return false
		})
		find(form, func(n *html.Node) bool {
			if n.Data == "button" && attribute(n, "type") != "button" {
				pressed := filledForm{action, url.Values{}}
				for name, value := range values {
					pressed.values[name] = value
				}
				if other := attribute(n, "formaction"); other != "" {
					pressed.action = other
				}
				if attribute(n, "name") != "" {
					pressed.values.Set(attribute(n, "name"), attribute(n, "value"))
				}
				all = append(all, pressed)
			}
			return false
		})
		return false
	})
	return all
}

// A person who says "This isn't me", or a program that presses that too, ends the code (design 10.8): the partner mints
// another, and nothing else has changed.
func TestScannerThatObjects(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.open(w.partner, email)
	w.prefill(o)
	link := authorize(w.partner, w.mint(o), "s")
	before := w.stored(o.account.ID)
	b := w.browser().get(link)
	b.get(b.link("c1.notme")).post().expect(http.StatusOK, "c11")
	if w.stored(o.account.ID) != before {
		t.Error("the account changed")
	}
	person := w.browser().get(link).expect(http.StatusGone, "e1")
	if person.link("way.restart") != restart+"?reason=expired&state=s" {
		t.Error("no way to a new link")
	}
	w.clock.advance(time.Minute)
	person.claim(o, "s").walk("c11", email)
}
