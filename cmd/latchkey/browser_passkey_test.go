package main

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

// A virtualKey is the browser's virtual authenticator: a phone or laptop with a lock, that holds passkeys.
type virtualKey struct {
	p  *person
	id webauthn.AuthenticatorID
}

// withKey gives the person's browser an authenticator that answers as if its owner touched it at once.
func (p *person) withKey() *virtualKey {
	p.t.Helper()
	_, err := chromedp.Call(p.ctx, webauthn.Enable, webauthn.EnableParams{})
	p.must("enable authenticators", err)
	made, err := chromedp.Call(p.ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: webauthn.AuthenticatorProtocolCtap2, Ctap2version: webauthn.Ctap2versionCtap21, Transport: webauthn.AuthenticatorTransportInternal,
		HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true}})
	p.must("add an authenticator", err)
	return &virtualKey{p: p, id: made.AuthenticatorID}
}

// knows sets whether the authenticator recognises its owner.
func (k *virtualKey) knows(owner bool) {
	k.p.t.Helper()
	_, err := chromedp.Call(k.p.ctx, webauthn.SetUserVerified, webauthn.SetUserVerifiedParams{AuthenticatorID: k.id, IsUserVerified: owner})
	k.p.must("set user verification", err)
}

// touched sets whether somebody touches the authenticator when it asks.
func (k *virtualKey) touched(yes bool) {
	k.p.t.Helper()
	_, err := chromedp.Call(k.p.ctx, webauthn.SetAutomaticPresenceSimulation, webauthn.SetAutomaticPresenceSimulationParams{AuthenticatorID: k.id, Enabled: yes})
	k.p.must("set presence", err)
}

// hidesVerification lets the authenticator answer without saying that it knew its owner.
func (k *virtualKey) hidesVerification(yes bool) {
	k.p.t.Helper()
	_, err := chromedp.Call(k.p.ctx, webauthn.SetResponseOverrideBits, webauthn.SetResponseOverrideBitsParams{AuthenticatorID: k.id, IsBadUV: &yes})
	k.p.must("override the answer", err)
}

// passkeys are what the authenticator holds.
func (k *virtualKey) passkeys() []*webauthn.Credential {
	k.p.t.Helper()
	answer, err := chromedp.Call(k.p.ctx, webauthn.GetCredentials, webauthn.GetCredentialsParams{AuthenticatorID: k.id})
	k.p.must("read the authenticator", err)
	return answer.Credentials
}

// addCredential is the command of that name, without what only newer authenticators know: they refuse its mention.
var addCredential = cdp.Command[addedCredential, cdp.Empty]{Method: webauthn.CommandAddCredential}

type addedCredential struct {
	AuthenticatorID webauthn.AuthenticatorID `json:"authenticatorId"`
	Credential      copiedCredential         `json:"credential"`
}

type copiedCredential struct {
	ID         []byte  `json:"credentialId"`
	Resident   bool    `json:"isResidentCredential"`
	RPID       string  `json:"rpId"`
	PrivateKey []byte  `json:"privateKey"`
	UserHandle []byte  `json:"userHandle"`
	UserName   string  `json:"userName"`
	SignCount  float64 `json:"signCount"`
}

// holds puts a copy of a passkey into the authenticator, with a count of its own.
func (k *virtualKey) holds(c *webauthn.Credential, count float64) {
	k.p.t.Helper()
	_, err := chromedp.Call(k.p.ctx, webauthn.ClearCredentials, webauthn.ClearCredentialsParams{AuthenticatorID: k.id})
	k.p.must("empty the authenticator", err)
	_, err = chromedp.Call(k.p.ctx, addCredential, addedCredential{AuthenticatorID: k.id, Credential: copiedCredential{ID: c.CredentialID,
		Resident: true, RPID: c.RpID, PrivateKey: c.PrivateKey, UserHandle: c.UserHandle, UserName: c.UserName, SignCount: count}})
	k.p.must("copy a passkey", err)
}

// fails makes the browser itself answer what a page asks of it, on the pages that follow; the returned function ends that.
func (p *person) fails(script string) func() {
	p.t.Helper()
	made, err := chromedp.Call(p.ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script})
	p.must("prepare the browser", err)
	return func() {
		_, err := chromedp.Call(p.ctx, page.RemoveScriptToEvaluateOnNewDocument, page.RemoveScriptToEvaluateOnNewDocumentParams(made))
		p.must("mend the browser", err)
	}
}

// told fails the test unless the page shows a notice and no problem.
func (p *person) told(id, message string) {
	p.t.Helper()
	p.at(id)
	if !evaluate[bool](p.tab, `!!document.querySelector(".notice [data-msg='`+message+`']") && !document.querySelector(".problems")`) {
		p.t.Errorf("page %s does not say %s: %s", id, message, evaluate[string](p.tab, "document.querySelector('main').innerText"))
	}
}

// choosesPasskey goes from C1 to C6.
func (p *person) choosesPasskey() {
	p.t.Helper()
	p.sentByPartner()
	p.fill("email", p.email)
	p.press("main form .primary")
	p.fill("code", p.mailedCode())
	p.press("main form .primary")
	p.fill("new_password", p.password)
	p.press("main form .primary")
	p.at("c4")
	if first := evaluate[string](p.tab, `document.querySelector("[name=method]").value + document.querySelector("[name=method]:checked").value`); first != "passkeyapp" {
		p.t.Errorf("first and chosen on C4 are %q", first)
	}
	p.click("#f-method-passkey")
	p.press("main form .primary")
	p.at("c6")
}

// createsPasskey makes the passkey and ends the claim.
func (p *person) createsPasskey() {
	p.t.Helper()
	p.press("main form .primary")
	p.at("c7")
	p.click("[name=saved]")
	p.press("main form .primary")
	p.decides()
}

// TestBrowserPasskeyClaim walks the claim with a passkey: cancelled, not verified, on a device that has one, in a browser that
// cannot, and then created.
func TestBrowserPasskeyClaim(t *testing.T) {
	b := newBrowser(t)
	p := newPerson(t, b, startSandbox(t), look{})
	p.rules, p.pictures = axeRules(t), "passkey-claim"
	key := p.withKey()
	p.choosesPasskey()

	key.knows(false) // as when the person dismisses the device's question
	p.press("main form .primary")
	p.told("c6", "c6.cancelled")
	key.knows(true)
	key.hidesVerification(true)
	p.refused("c6", "c6.refused")
	key.hidesVerification(false)
	for script, message := range map[string]string{
		`navigator.credentials.create = async () => { throw new DOMException("", "InvalidStateError"); };`: "c6.exists",
		`navigator.credentials.create = async () => { throw new DOMException("", "NotSupportedError"); };`: "c6.unsupported",
		`delete window.PublicKeyCredential;`: "c6.unsupported",
	} {
		mended := p.fails(script)
		p.visit(evaluate[string](p.tab, "location.href"))
		p.press("main form .primary")
		p.told("c6", message)
		mended()
	}
	p.press(`[data-msg="c6.another"]`)
	p.at("c4")
	p.press("main form .primary")
	p.at("c5")
	p.press(`[data-msg="c6.another"]`)
	p.click("#f-method-passkey")
	p.press("main form .primary")
	p.at("c6")
	before := len(key.passkeys()) // one was made that the server refused
	p.createsPasskey()
	made := key.passkeys()
	if len(made) == 0 || len(made) < before {
		t.Fatalf("the authenticator holds %d passkeys", len(made))
	}
	c := made[len(made)-1]
	if !c.IsResidentCredential || c.RpID != "localhost" || c.UserName != p.email || len(c.UserHandle) != 8 || strings.Contains(string(c.UserHandle), "@") {
		t.Errorf("the passkey is for %q at %q, handle %d bytes", c.UserName, c.RpID, len(c.UserHandle))
	}
}

// TestBrowserPasskeySignIn signs in with a passkey: taken from the address field, by the button after a refusal of the
// device, after the password, and not with a copy of it whose count is behind.
func TestBrowserPasskeySignIn(t *testing.T) {
	b := newBrowser(t)
	sb, rules := startSandbox(t), axeRules(t)
	owner := newPerson(t, b, sb, look{})
	made := owner.withKey()
	owner.choosesPasskey()
	owner.createsPasskey()
	passkey := made.passkeys()[0]

	autofill := owner.elsewhere(b, "passkey-autofill", "")
	key := autofill.withKey()
	key.holds(passkey, 10)
	autofill.visit(sb.demoURL + "/return")
	autofill.backAtPartner("Choose the passkey in the address field", chromedp.Click(chromedp.CSS("main form .primary")))

	button := owner.elsewhere(b, "passkey-button", rules)
	key = button.withKey()
	key.holds(passkey, 20)
	key.touched(false)
	button.visit(sb.demoURL + "/return")
	button.press("main form .primary")
	button.at("r1")
	key.knows(false)
	key.touched(true)
	button.click("[data-passkey-use]")
	button.waits(`document.querySelector("[data-passkey-said]").textContent.startsWith("No passkey")`)
	if !evaluate[bool](button.tab, `document.activeElement.matches("[data-passkey-use]")`) {
		t.Error("the focus is lost after the device's refusal")
	}
	button.picture("passkey-button/r1-refused")
	button.fill("email", button.email)
	key.knows(true)
	button.backAtPartner("Sign in with a passkey", chromedp.Click(chromedp.CSS("[data-passkey-use]")))

	second := owner.elsewhere(b, "passkey-second-step", rules)
	key = second.withKey()
	key.touched(false)
	key.holds(passkey, 15) // a copy from before the last use
	second.visit(sb.demoURL + "/return")
	second.press("main form .primary")
	second.fill("email", second.email)
	second.fill("password", second.password)
	second.press("main form .primary")
	second.at("r2")
	key.touched(true)
	second.press("[data-passkey-use]")
	second.at("r2")
	if got := evaluate[string](second.tab, "document.body.dataset.error || ''"); got != "passkey.refused" {
		t.Errorf("a copy of the passkey: problem %q", got)
	}
	key.holds(passkey, 40)
	second.backAtPartner("Use passkey", chromedp.Click(chromedp.CSS("[data-passkey-use]")))
}

// TestBrowserPasskeysPage adds a second passkey on the customer's own page: the device that has one makes no other, a new one
// does, and it is listed by its name.
func TestBrowserPasskeysPage(t *testing.T) {
	b := newBrowser(t)
	p := newPerson(t, b, startSandbox(t), look{})
	key := p.withKey()
	p.choosesPasskey()
	p.createsPasskey()
	p.rules, p.pictures = axeRules(t), "passkey-page"
	p.visit(p.sb.url + "/account")
	p.press(`[data-msg="security.title"]`)
	p.at("security")
	p.press(`[data-msg="security.passkey.add"]`)
	p.at("passkeys")
	p.press("main form .primary")
	p.told("passkeys", "passkeys.exists")
	_, err := chromedp.Call(p.ctx, webauthn.ClearCredentials, webauthn.ClearCredentialsParams{AuthenticatorID: key.id})
	p.must("take another device", err)
	p.fill("passkey_name", "Laptop")
	p.press("main form .primary")
	p.told("passkeys", "passkeys.done")
	if text := evaluate[string](p.tab, "document.querySelector('.facts').innerText"); strings.Count(text, "Added on") != 2 || !strings.Contains(text, "Laptop") {
		t.Errorf("the list says %q", text)
	}
}

// elsewhere is the same customer in a browser that knows nobody.
func (p *person) elsewhere(b *browser, pictures, rules string) *person {
	p.t.Helper()
	other := newPerson(p.t, b, p.sb, look{})
	other.email, other.password, other.pictures, other.rules = p.email, p.password, pictures, rules
	return other
}

// waits until the page has changed so that the condition holds.
func (p *person) waits(condition string) {
	p.t.Helper()
	evaluate[bool](p.tab, `new Promise((done) => {
		const look = () => { if (`+condition+`) done(true); };
		new MutationObserver(look).observe(document, { subtree: true, childList: true, characterData: true });
		look();
	})`)
}

// TestBrowserPasskeyNoScript: what needs script is not shown without it.
func TestBrowserPasskeyNoScript(t *testing.T) {
	b := newBrowser(t)
	sb := startSandbox(t)
	p := newPerson(t, b, sb, look{scriptOff: true})
	p.visit(sb.url + "/signin")
	p.at("r1")
	if evaluate[bool](p.tab, `document.querySelector("[data-passkey-use]").checkVisibility()`) {
		t.Error("R1 shows a button that needs script")
	}
}
