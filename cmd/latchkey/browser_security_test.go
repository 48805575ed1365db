package main

import (
	"net/http"
	"strings"
	"testing"
)

// ages moves the sandbox's clock past the life of a fresh proof.
func (p *person) ages() {
	p.t.Helper()
	var ignored map[string]any
	p.ask(http.MethodPost, "/dev/clock.json", `{"advance":"5m1s"}`, &ignored)
}

// confirms is R6: what is missing, what is wrong, and then password and code.
func (p *person) confirms(back string) {
	p.t.Helper()
	p.at("r6")
	if !evaluate[bool](p.tab, `document.querySelector("[name=email]").readOnly`) {
		p.t.Error("R6 lets the address be changed")
	}
	p.press("main form .primary")
	p.at("r6")
	p.fill("password", "not the password")
	p.fill("code", p.nextAppCode())
	p.refused("r6", "r6.wrong")
	p.fill("password", p.password)
	p.fill("code", p.nextAppCode())
	p.press("main form .primary")
	p.at(back)
}

// TestBrowserSecurityWithoutScript walks the pages of /security and R6 with script off: password, recovery codes, another app,
// another address, the browsers that are signed in. Each page passes the rules of accessibility in every look.
func TestBrowserSecurityWithoutScript(t *testing.T) {
	b := newBrowser(t)
	p := newPerson(t, b, startSandbox(t), look{scriptOff: true})
	p.sentByPartner()
	p.secures()
	p.decides()
	p.rules, p.pictures = axeRules(t), "security"
	p.ages()
	p.visit(p.sb.url + "/security")
	p.at("security")

	p.press(`[href="/security/password"]`)
	p.confirms("newpassword")
	p.fill("new_password", "short")
	p.refused("newpassword", "c3.password.short")
	p.password = "another orchard of plain nouns"
	p.fill("new_password", p.password)
	p.press("main form .primary")
	p.told("security", "security.done.password")

	p.press(`[href="/security/recovery-codes"]`)
	p.at("newcodes")
	p.press("main form .primary")
	p.at("c7")
	p.refused("c7", "c7.saved.empty")
	p.click("[name=saved]")
	p.press("main form .primary")
	p.told("security", "security.done.codes")

	p.press(`[action="/security/app/new"] button`)
	p.at("c5")
	p.fill("code", p.appCode())
	p.press("main form .primary")
	p.told("security", "security.done.app")
	p.press(`[href^="/security/apps/"]`)
	p.at("factor")
	p.press(`[action$="/remove"] button`)
	p.told("security", "security.done.app-removed")
	p.press(`[href^="/security/apps/"]`)
	p.at("factor")
	if evaluate[bool](p.tab, `!!document.querySelector("[action$='/remove']")`) {
		t.Error("the last second step can be removed")
	}

	p.ages()
	p.visit(p.sb.url + "/security/email")
	p.confirms("newemail")
	p.refused("newemail", "r1.email.empty")
	p.email = "mira.kade+new@example.org"
	p.fill("new_email", p.email)
	p.press("main form .primary")
	p.at("newemail.code")
	p.refused("newemail.code", "r4.code.empty")
	p.fill("code", p.mailedCode())
	p.press("main form .primary")
	p.told("security", "security.done.email")
	if !strings.Contains(evaluate[string](p.tab, "document.querySelector('main').innerText"), p.email) {
		t.Error("the page does not show the new address")
	}
	p.press(`[action="/security/sessions/end-others"] button`)
	p.told("security", "security.done.others")
}

// TestBrowserConfirmByPasskey is R6 with script on and a passkey: one touch, and the page that was asked for is there.
func TestBrowserConfirmByPasskey(t *testing.T) {
	b := newBrowser(t)
	p := newPerson(t, b, startSandbox(t), look{})
	key := p.withKey()
	p.choosesPasskey()
	p.createsPasskey()
	p.rules, p.pictures = axeRules(t), "confirm-passkey"
	p.ages()
	p.visit(p.sb.url + "/security/password")
	p.at("r6")
	key.knows(false)
	p.click("[data-passkey-use]")
	p.waits(`document.querySelector("[data-passkey-said]").textContent.startsWith("No passkey")`)
	key.knows(true)
	p.press("[data-passkey-use]")
	p.at("newpassword")
	p.visit(p.sb.url + "/security")
	p.press(`[href^="/security/passkeys/"]`)
	p.at("factor")
	p.fill("passkey_name", "Phone")
	p.press("main form .primary")
	p.told("security", "security.done.renamed")
	p.press(`[href="/security/passkeys"]`)
	p.at("passkeys")
}
