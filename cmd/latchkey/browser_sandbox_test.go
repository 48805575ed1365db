package main

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestBrowserShowsTheSandbox looks at the demo partner's pages and at those under /dev, empty and filled, with a mistake
// and without: they are the first that a newcomer sees, and keep to the same rules as the server's own.
func TestBrowserShowsTheSandbox(t *testing.T) {
	b := newBrowser(t)
	rules := axeRules(t)
	sb := startSandbox(t)
	p := newPerson(t, b, sb, look{scriptOff: true})
	p.rules, p.pictures = rules, "sandbox"
	dev := func(path string) {
		t.Helper()
		p.visit(sb.url + path)
		p.at("dev")
	}
	for _, path := range []string{"/dev/", "/dev/mail", "/dev/authenticator", "/dev/clock"} {
		dev(path)
	}
	p.visit(sb.demoURL + "/back")
	p.at("demo4")
	p.visit(sb.demoURL + "/")
	p.at("demo1")
	p.fill("email", "nobody")
	p.press("main form .primary")
	p.at("demo1")
	p.rules = ""
	p.sentByPartner()
	p.rules = rules
	for path, id := range map[string]string{"/": "demo1", "/details": "demo2", "/go": "demo3", "/return": "demo5", "/inbox": "demo6", "/stop": "demo7", "/checks": "demo-checks", "/break": "demo8",
		"/again?reason=expired&state=s": "demo-again", "/callback?code=x&state=y&profileId=1": "demo4"} {
		p.visit(sb.demoURL + path)
		p.at(id)
	}

	// The whole claim, so that pages 4 and 8 and the mailbox have something to show.
	p.visit(sb.demoURL + "/go")
	p.rules = ""
	p.press(`[name=go]`)
	p.secures()
	p.decides()
	p.rules = rules
	p.visit(sb.demoURL + "/back")
	p.at("demo4")
	dev("/dev/mail")
	dev("/dev/authenticator")
	p.fill("key", "not a key")
	p.press("main form[novalidate] .primary")
	p.at("dev")
	p.visit(sb.demoURL + "/break")
	p.press(`form[action="/break/double"] button`)
	p.at("demo8")
	p.quiet("the sandbox")
}

// TestBrowserShowsABusinessAtTheDemoPartner goes by hand where "demo --check --all" goes by program: page 2 with a business, its
// people and papers prefilled, the claim, and page 4 with the business alone.
func TestBrowserShowsABusinessAtTheDemoPartner(t *testing.T) {
	b := newBrowser(t)
	rules := axeRules(t)
	sb := startSandbox(t)
	p := newPerson(t, b, sb, look{scriptOff: true})
	p.visit(sb.demoURL + "/")
	p.email = evaluate[string](p.tab, `document.querySelector("[name=email]").value`)
	p.press("main form .primary")
	p.rules, p.pictures = rules, "business"
	p.visit(sb.demoURL + "/details")
	p.at("demo2")
	p.press(`a[href="/details?kind=business"]`)
	p.at("demo2")
	p.fill("number", "")
	p.press("main form .primary")
	p.at("demo2")
	if !evaluate[bool](p.tab, `!!document.querySelector("[role=alert]") && !!document.querySelector("[name=number]")`) {
		t.Error("page 2 does not say what is wrong with a business without a number, or shows another form")
	}
	p.fill("number", "SC700123")
	p.press("main form .primary")
	p.at("demo2")
	p.visit(sb.demoURL + "/go")
	p.rules = ""
	p.press(`[name=go]`)
	p.secures()
	p.rules = rules
	p.at("c8")
	p.press("main form .primary")
	p.at("c10")
	p.rules = ""
	p.backAtPartner("Allow", chromedp.Click(chromedp.CSS(`[name=decision][value=allow]`)))
	p.rules = rules
	p.visit(sb.demoURL + "/back")
	p.at("demo4")
	if text := evaluate[string](p.tab, `document.querySelector("main").innerText`); !strings.Contains(text, "Kade Joinery Ltd") || !strings.Contains(text, "SC700123") {
		t.Errorf("page 4 shows %q", text)
	}
	p.press(`a[href="/checks"].button`)
	p.at("demo-checks")
	p.press(`form[action="/checks/verify"] button`)
	p.at("demo-checks")
	if status := evaluate[string](p.tab, `document.querySelector("[data-status]").innerText`); status != "verified" {
		t.Errorf("the page of checks says %q", status)
	}
	p.quiet("the business")
}
