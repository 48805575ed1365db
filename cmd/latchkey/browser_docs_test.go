package main

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// The description as a page: readable in both themes and at 320 px, with one operation open in all its parts; by keyboard alone; with
// links that open what they lead to; and nothing that its policy refuses.
func TestBrowserDocs(t *testing.T) {
	b := newBrowser(t)
	rules := axeRules(t)
	sb := startSandbox(t)
	tb := b.tab(t, look{scriptOff: true})
	if status := tb.visit(sb.url + "/docs"); status != 200 {
		t.Fatalf("status %d", status)
	}
	// A link to an operation opens it.
	const open = `document.querySelector("#createBusiness").closest("details").open`
	if evaluate[bool](tb, open) {
		t.Fatal("the operation is open already: the test shows nothing")
	}
	tb.visit(sb.url + "/docs#createBusiness")
	if !tb.holds(open) {
		t.Error("a link to an operation does not open it")
	}
	evaluate[int](tb, `[...document.querySelectorAll("#createBusiness details")].forEach(d => d.open = true), 0`)
	for _, s := range seen {
		tb.set(s.look)
		tb.accessible("docs "+s.name, rules)
		tb.picture(s.name + "/docs")
	}

	// By keyboard: the first stop leads past the contents, and Enter opens an operation.
	tb.set(look{})
	tb.visit(sb.url + "/docs")
	focused := func() string { return evaluate[string](tb, "document.activeElement.textContent.trim()") }
	press := func(key string) { tb.must("press a key", chromedp.Do(tb.ctx, chromedp.KeyEvent(key))) }
	press(kb.Tab)
	if at := focused(); at != "Skip to the content" {
		t.Errorf("the first stop is %q", at)
	}
	press(kb.Enter)
	if !tb.holds(`location.hash === "#content"`) {
		t.Fatal("the first stop leads nowhere")
	}
	press(kb.Tab)
	if where := evaluate[string](tb, unmarkedFocus); where != "" {
		t.Errorf("the focus does not show on %s", where)
	}
	press(kb.Enter)
	if !tb.holds(`document.activeElement.matches("main summary") && document.activeElement.parentElement.open`) {
		t.Errorf("Enter at %q opens nothing", focused())
	}
	tb.quiet("docs")
}
