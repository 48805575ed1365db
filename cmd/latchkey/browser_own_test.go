package main

import (
	"strings"
	"testing"
)

// TestBrowserOwnPagesWithoutScript walks the customer's own pages but for /security with script off: the first page, who can use the
// account and how that is stopped, details and their change, what happened, closing the account and keeping it after all, and signing
// in again at the page that was asked for. Each page passes the rules of accessibility in every look.
func TestBrowserOwnPagesWithoutScript(t *testing.T) {
	b := newBrowser(t)
	rules := axeRules(t)
	p := newPerson(t, b, startSandbox(t), look{scriptOff: true})
	p.sentByPartner()
	p.secures()
	p.decides()
	p.rules, p.pictures = rules, "own"
	p.visit(p.sb.url + "/account")
	p.at("home")
	p.press(`[data-msg="home.who"]`)
	p.at("access")
	p.press(`[data-msg="access.stop"]`)
	p.at("access.stop")
	p.press(`[data-msg="access.stop.keep"]`)
	p.rules = ""
	p.at("access")
	p.press(`[data-msg="access.stop"]`)
	p.press(`[data-msg="access.stop.button"]`)
	p.rules = rules
	p.told("access", "access.stopped")

	p.visit(p.sb.url + "/details")
	p.at("details")
	p.press(`a[href="/details/review/name"]`)
	p.at("c9.name")
	p.fill("given_name", "")
	p.refused("c9.name", "c9.given.empty")
	p.fill("given_name", "Moira")
	p.press("main form .primary")
	p.at("details")
	if !strings.Contains(p.says(), "Moira Kade") || !strings.HasSuffix(evaluate[string](p.tab, "location.href"), "/details#row-name") {
		t.Errorf("at %s: %s", evaluate[string](p.tab, "location.href"), p.says())
	}

	p.visit(p.sb.url + "/account")
	p.press(`[data-msg="home.activity"]`)
	p.at("activity")
	for _, text := range []string{"You stopped the access of Harbour Pay", "You changed your details"} {
		if !strings.Contains(p.says(), text) {
			t.Errorf("%q is not there: %s", text, p.says())
		}
	}

	p.ages()
	p.rules = ""
	p.visit(p.sb.url + "/close")
	p.confirms("close")
	p.rules = rules
	p.at("close")
	p.press(`[data-msg="close.button"]`)
	p.at("close")
	if got := evaluate[string](p.tab, "document.body.dataset.error || ''"); got != "close.sure.empty" {
		t.Errorf("problem %q", got)
	}
	p.click("[name=sure]")
	p.press(`[data-msg="close.button"]`)
	p.at("close.keep")
	p.visit(p.sb.url + "/account")
	p.at("home")
	p.press(`[data-msg="home.do.keep.link"]`)
	p.press(`[data-msg="close.keep.button"]`)
	p.told("home", "close.kept")

	p.rules = ""
	p.visit(p.sb.url + "/account")
	p.press(`[data-msg="home.button"]`)
	p.visit(p.sb.url + "/access")
	p.at("r1")
	p.fill("email", p.email)
	p.fill("password", p.password)
	p.press("main form .primary")
	p.at("r2")
	p.fill("code", p.nextAppCode())
	p.press("main form .primary")
	p.at("access") // and not at the first page
	p.quiet("the customer's own pages")
}
