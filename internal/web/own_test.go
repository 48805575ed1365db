package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/partner"
)

// TestOwnDetails: the customer sees what C8 showed, with who gave it and when, and changes it with the pages of C9. It is their word at
// once: the partner reads it and hears of it, and coming back needs no second review.
func TestOwnDetails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	heard := w.listen()
	o, b := w.owned(email, "c11")
	before := len(heard())
	b.get("/account").expect(http.StatusOK, "home")
	b.get(b.link("home.details")).expect(http.StatusOK, "details")
	for _, text := range []string{"Mira Kade", "30 November 1988", "7 Harbour Row", "From Acme Treasury , 22 November 2026", email, "Confirmed by you"} {
		if !strings.Contains(b.says(), text) {
			t.Errorf("%q is not there: %s", text, b.says())
		}
	}
	if strings.Contains(b.body, `data-msg="frame.band"`) || b.has("own.proposed") {
		t.Error("a band of where the person came from, or proposals that are none")
	}
	w.clock.advance(24 * time.Hour)
	b = b.elsewhere().get("/signin").walk("home", email)
	b.get("/details/review/name").expect(http.StatusOK, "c9.name")
	b.post("given_name", "", "family_name", "Kade").expect(http.StatusUnprocessableEntity, "c9.name")
	b.post("given_name", "Moira", "family_name", "Kade").expect(http.StatusOK, "details")
	if !strings.Contains(b.says(), "Moira Kade") || !strings.Contains(b.says(), "Changed by you, 23 November 2026") || !strings.HasPrefix(b.at, "/details") {
		t.Errorf("at %s: %s", b.at, b.says())
	}
	// Another country asks for the address next, as at C9.
	b.get("/details/review/country").expect(http.StatusOK, "c9.country")
	b.post("country", "DE").expect(http.StatusOK, "c9.address")
	b.post("line1", "Hafengasse 7", "city", "Kiel", "postal_code", "24103").expect(http.StatusOK, "details")
	_, p := w.proposer(o)
	if p.Value(customer.FirstName) != "Moira" || p.Value(customer.Country) != "DE" || !p.Confirmed() || p.Details.Provenance[customer.FirstName].ConfirmedAt.IsZero() ||
		!p.ConfirmedAt.Equal(w.clock.Now()) {
		t.Errorf("the profile: %+v", p)
	}
	if events := heard(); len(events) != before+3 || events[before].State != "changed" || strings.Join(events[before].Fields, " ") != "first_name" ||
		events[before].Profile != int64(p.ID) {
		t.Errorf("the partner heard %+v", events[before:])
	}
	b.get(authorize(w.partner, "", "s")).expect(http.StatusOK, "r5")
	b.post().expect(http.StatusOK, "c11")
}

// TestOwnDetailsThatAreIncomplete: a change that takes what is needed away saves what was said, and the next visit asks for the rest.
func TestOwnDetailsThatAreIncomplete(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, b := w.owned(email, "c11")
	b.get("/details/review/country").expect(http.StatusOK, "c9.country")
	b.post("country", "DE").expect(http.StatusOK, "c9.address")
	b.get(authorize(w.partner, "", "s")).expect(http.StatusOK, "r5")
	b.post().expect(http.StatusOK, "c8")
	if !b.has("c8.missing") {
		t.Errorf("nothing is missing: %s", b.says())
	}
}

// TestOwnDetailsThatAreLocked: what was checked is not changed, by the page or by a form that was read before; a note about it reaches
// whoever may see it.
func TestOwnDetailsThatAreLocked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	heard := w.listen()
	o, b := w.owned(email, "c11")
	action, form := b.get("/details/review/name").expect(http.StatusOK, "c9.name").form("given_name", "Eve", "family_name", "Kade")
	w.verify(o, true)
	before := len(heard())
	b.send(action, form).expect(http.StatusOK, "c8.dispute")
	b.get("/details").expect(http.StatusOK, "details")
	if !b.has("c8.source.checked") {
		t.Errorf("nothing is locked: %s", b.says())
	}
	b.get("/details/review/name").expect(http.StatusOK, "c8.dispute")
	b.post("note", "").expect(http.StatusUnprocessableEntity, "c8.dispute")
	b.post("note", "It is Moira.").expect(http.StatusOK, "details")
	if !b.has("dispute.sent") {
		t.Errorf("nothing says that the note was sent: %s", b.says())
	}
	if _, p := w.proposer(o); p.Value(customer.FirstName) != "Mira" || p.Details.Disputes[customer.FirstName].Note != "It is Moira." {
		t.Errorf("the profile: %+v", p.Details)
	}
	if events := heard(); len(events) != before+1 || events[before].State != "disputed" {
		t.Errorf("the partner heard %+v", events[before:])
	}
	b.get("/details/review/phone/wrong").expect(http.StatusNotFound, "e13")
}

// TestOwnDetailsWhereSomebodyElseWrites: where another partner was ever allowed to write, the page lends nobody's name to a value.
func TestOwnDetailsWhereSomebodyElseWrites(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, b := w.owned(email, "c11")
	p := w.addPartner(partner.Registration{ClientID: "quayside", Secret: "s3cr3t-s3cr3t", Name: "Quayside Wages", RedirectURIs: []string{"https://quayside.example/cb"}})
	b.get(authorize(p, "", "s")).expect(http.StatusOK, "r5")
	b.post().expect(http.StatusOK, "c10")
	b.post("decision", "allow", "scope", "profiles.write").expect(http.StatusOK, "c11")
	b.get("/details").expect(http.StatusOK, "details")
	if strings.Contains(b.says(), "From Acme") || !b.has("c8.source.other") {
		t.Errorf("the page says who gave what: %s", b.says())
	}
}

// TestOwnPagesAreTheOwners: neither another customer, nor a browser without a session or halfway through a sign-in, nor one whose
// account is on hold sees or changes anything; and no form works but the page's own.
func TestOwnPagesAreTheOwners(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, person := w.withFile(email)
	b := w.browser().claim(o, "t-1").walk("c11", email)
	_, other := w.owned("jonas.kade@example.org", "c11")
	file := "/details/files/" + id(int64(w.files(o, person)[0].ID))
	if answer := w.once(http.MethodGet, file, b.cookie(), nil); answer.status != http.StatusOK || answer.header.Get("Content-Security-Policy") == "" {
		t.Errorf("the owner's own file: %d", answer.status)
	}
	for _, name := range []string{file, "/details/files/1", "/details/files/x", "/details/files/-1", "/details/review/nothing", "/details/review/director-1", fmt.Sprintf("/details/review/business-name-%d", person)} {
		other.get(name).expect(http.StatusNotFound, "e13")
	}
	action, form := b.get("/details/review/name").form("given_name", "Eve", "family_name", "Kade")
	download, everything := b.get("/details").form()
	halfway := b.elsewhere().get("/signin").walk("r2", email)
	for what, who := range map[string]*browser{"a stranger": w.browser(), "halfway": halfway} {
		for _, path := range []string{"/details", "/details/proposals", "/details/review/name", file, "/account", "/access"} {
			if who.get(path); who.id != "r1" {
				t.Errorf("%s sees %s: %s", what, path, who.id)
			}
		}
	}
	for _, path := range []string{action, download} {
		other.send(path, form).expect(http.StatusForbidden, "e7")
		if status := w.crossSite(b, path, form); status != http.StatusForbidden {
			t.Errorf("%s from another site: %d", path, status)
		}
	}
	b.send(download, form).expect(http.StatusForbidden, "e7") // the form of another page
	if _, err := w.customers.Hold(context.Background(), o.account.ID); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/details", "/details/review/name", file, "/account"} {
		b.get(path).expect(http.StatusOK, "r1")
	}
	b.send(action, form).expect(http.StatusOK, "r1")
	if answer := w.once(http.MethodPost, download, b.cookie(), everything); answer.status != http.StatusSeeOther || strings.Contains(answer.body, "Mira") {
		t.Errorf("a download on hold: %d", answer.status)
	}
	if p := w.stands(o, person); p.Value(customer.FirstName) != "Mira" {
		t.Error("somebody else changed it")
	}
}

// withFile is an account with a prefilled person and a file about them.
func (w *world) withFile(address string) (opened, customer.ProfileID) {
	w.t.Helper()
	o := w.open(w.partner, address)
	w.prefill(o)
	person := w.profile(o).ID
	w.upload(o.caller, person, "ID_PROOF", "passport.png", picture())
	return o, person
}

// TestDownload: all that is kept is in the file, with who gave it, who was allowed what and what it was before; nothing that opens the
// account is.
func TestDownload(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, person := w.withFile(email)
	b := w.browser().claim(o, "t-1").walk("c11", email)
	b.get("/details/review/name").post("given_name", "Moira", "family_name", "Kade").expect(http.StatusOK, "details")
	action, form := b.form()
	answer := w.once(http.MethodPost, action, b.cookie(), form)
	if answer.status != http.StatusOK || answer.header.Get("Content-Type") != "application/json" || !strings.HasPrefix(answer.header.Get("Content-Disposition"), "attachment") ||
		!strings.Contains(answer.header.Get("Cache-Control"), "no-store") {
		t.Fatalf("%d %v", answer.status, answer.header)
	}
	var out claim.Export
	if err := json.Unmarshal([]byte(answer.body), &out); err != nil {
		t.Fatal(err)
	}
	if out.Form != claim.ExportForm || out.Issuer != w.door.WebURL || out.Account.Email != email || out.Account.OpenedBy != "Acme Treasury" || !out.MadeAt.Equal(w.clock.Now()) {
		t.Errorf("the account: %+v", out.Account)
	}
	if out.SignIn.RecoveryCodesLeft != 10 || len(out.SignIn.Apps) != 1 || !out.SignIn.Password {
		t.Errorf("the sign-in: %+v", out.SignIn)
	}
	if len(out.Profiles) != 1 || len(out.Files) != 1 || out.Files[0].Name != "passport.png" || out.Files[0].Profile != person {
		t.Fatalf("profiles %+v, files %+v", out.Profiles, out.Files)
	}
	p := out.Profiles[0]
	if f := p.Fields[customer.FirstName]; f.Value != "Moira" || f.By != customer.ByCustomer || len(p.History) != 1 || p.History[0].Old != "Mira" {
		t.Errorf("the name: %+v, %+v", f, p.History)
	}
	if f := p.Fields[customer.City]; f.Value != "Leith" || f.By != customer.ByPartner || f.ConfirmedAt.IsZero() {
		t.Errorf("the city: %+v", f)
	}
	if len(out.Access) != 1 || out.Access[0].Partner != "Acme Treasury" || out.Access[0].State != "active" || len(out.Receipts) != 2 {
		t.Errorf("access %+v, receipts %+v", out.Access, out.Receipts)
	}
	for _, c := range w.account(o.account.ID).Credentials.Apps {
		if strings.Contains(answer.body, string(c.Secret)) {
			t.Error("the app's secret is in the file")
		}
	}
	for _, secret := range []string{"argon2", "digest", "secret", "lkc_", "hash"} {
		if strings.Contains(strings.ToLower(answer.body), secret) {
			t.Errorf("%q is in the file", secret)
		}
	}
	if e := w.once(http.MethodGet, action, b.cookie(), nil); e.status != http.StatusMethodNotAllowed {
		t.Errorf("GET answers %d", e.status)
	}
	w.faults.failAll()
	if trouble := w.once(http.MethodPost, action, b.cookie(), form); trouble.status != http.StatusServiceUnavailable {
		t.Errorf("trouble answers %d", trouble.status)
	}
	w.faults.heal()
}
