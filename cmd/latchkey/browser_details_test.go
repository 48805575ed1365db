package main

import (
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/latchkey-id/latchkey"
	"github.com/latchkey-id/latchkey/internal/partner"
)

// A program is a partner of a test's own, beside the demo's.
type program struct {
	*latchkey.Client
	callback string
}

func newProgram(t *testing.T, sb *sandbox) program {
	t.Helper()
	p := program{&latchkey.Client{BaseURL: sb.url, ID: "kade", Secret: "kade-s3cr3t-kade-s3cr3t-kade-s3cr3t"}, sb.demoURL + "/"}
	_, err := sb.server.Partners.Seed(t.Context(), partner.Registration{ClientID: p.ID, Secret: string(p.Secret), Name: "Kade Ledgers", RedirectURIs: []string{p.callback},
		Required: []partner.Scope{partner.ScopeAccountRead, partner.ScopeProfilesRead, partner.ScopeProfilesWrite}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestBrowserChecksDisputesAndDecides stands on the pages that a journey without trouble never meets, in a real browser with scripts
// off: what the link of a KYC review leads to, the note about what was checked, and a proposal of after the claim.
func TestBrowserChecksDisputesAndDecides(t *testing.T) {
	b := newBrowser(t)
	rules := axeRules(t)
	sb := startSandbox(t)
	p := newPerson(t, b, sb, look{scriptOff: true})
	p.email = "mira.kade@example.org"
	ctx, kade, code := t.Context(), newProgram(t, sb), latchkey.NewRegistrationCode()
	_, err := kade.CreateUser(ctx, latchkey.NewUser{Email: p.email, RegistrationCode: code})
	p.must("sign up", err)
	token, err := kade.RegistrationGrant(ctx, p.email, code)
	p.must("obtain a token", err)
	before := kade.Account(token)
	made, err := before.CreatePersonalProfile(ctx, latchkey.PersonalProfile{FirstName: "Mira", LastName: "Kade", DateOfBirth: "1988-11-30",
		Address:        &latchkey.PersonalAddress{AddressFirstLine: "7 Harbour Row", City: "Leith", CountryIso3Code: "gbr", PostCode: "EH6 6AB"},
		ContactDetails: &latchkey.ContactDetails{Email: p.email, PhoneNumber: "+441315550142"}}, "")
	p.must("give details", err)
	review, err := before.CreateKYCReview(ctx, made.ID, latchkey.NewKYCReview{Type: "CARD"})
	p.must("ask for a review", err)
	review, err = before.LinkKYCReview(ctx, made.ID, review.ID, kade.callback)
	p.must("make a link", err)

	p.rules, p.pictures = rules, "details"
	p.visit(review.Link.Value)
	p.at("check")
	p.leaves("go back", chromedp.Click(chromedp.CSS("main form .primary")))
	if address := evaluate[string](p.tab, "location.href"); !strings.HasSuffix(address, "status=closed") {
		t.Errorf("the review leads to %s", address)
	}

	p.must("verify", before.SimulateVerification(ctx, made.ID))
	claimCode, err := before.MintClaimCode(ctx, code)
	p.must("mint a claim code", err)
	p.rules = ""
	p.visit(kade.AuthorizeURL(latchkey.AuthorizeRequest{RedirectURI: kade.callback, State: "s", ClaimCode: claimCode}))
	p.secures()
	p.at("c8")
	p.rules = rules
	p.press(`a[href$="/review/name/wrong"]`)
	p.at("c8.dispute")
	p.refused("c8.dispute", "dispute.note.empty")
	p.fill("note", "My name is spelled Myra.")
	p.press("main form .primary")
	p.rules = ""
	p.at("c8")
	p.press("main form .primary")
	p.at("c10")
	p.leaves("Allow", chromedp.Click(chromedp.CSS(`[name=decision][value=allow]`)))
	back, err := url.Parse(evaluate[string](p.tab, "location.href"))
	p.must("read the address", err)
	token, err = kade.Exchange(ctx, latchkey.Exchange{Code: latchkey.Secret(back.Query().Get("code")), RedirectURI: kade.callback})
	p.must("exchange the code", err)
	after := kade.Account(token)
	p.must("open the window", after.OpenUpdateWindow(ctx, made.ID))
	_, err = after.UpdatePersonalProfile(ctx, made.ID, latchkey.PersonalProfile{ContactDetails: &latchkey.ContactDetails{Email: p.email, PhoneNumber: "+441315550199"}})
	p.must("propose another number", err)

	p.rules = rules
	p.visit(sb.url + "/details")
	p.at("details")
	p.press("[data-msg='own.proposals']")
	p.at("proposals")
	p.refused("proposals", "details.choose")
	p.click(`[name^="choice-phone-"][value=accept]`)
	p.press("main form .primary")
	p.at("proposals")
	read, err := after.Profile(ctx, made.ID)
	if err != nil || read.PhoneNumber != "+441315550199" {
		t.Errorf("%+v, %v", read, err)
	}
	p.quiet("checks, disputes and details")
}
