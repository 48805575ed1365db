package web_test

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
)

// business gives the account a whole business.
func (w *world) business(o opened) customer.ProfileID {
	w.t.Helper()
	var once customer.Idempotency
	once.Render = silent
	made, _, err := w.customers.CreateBusiness(context.Background(), o.caller, customer.Business{
		Values: map[customer.Field]string{customer.BusinessName: "Kade <Joinery> Ltd", customer.CompanyType: "LIMITED", customer.RegistrationNumber: "SC700123",
			customer.FirstCategory: "REAL_ESTATE_CONSTRUCTION", customer.SecondCategory: "CONSTRUCTION", customer.Country: "GB", customer.FirstLine: "1 Dock Street",
			customer.City: "Leith", customer.PostCode: "EH6 7AB"},
		Person: map[customer.Field]string{customer.FirstName: "Jonas", customer.LastName: "Kade", customer.DateOfBirth: "1961-05-04", customer.Country: "GB",
			customer.FirstLine: "9 Shore", customer.City: "Leith", customer.PostCode: "EH6 6QW", customer.Phone: "+441315550143", customer.Email: "jonas.kade@example.org"},
	}, once)
	if err != nil {
		w.t.Fatal(err)
	}
	return made.ID
}

// silent renders an answer of which nothing matters.
func silent[T any](T) []byte { return nil }

// personal is the id of the account's personal profile.
func (w *world) personal(o opened) customer.ProfileID {
	w.t.Helper()
	list, err := w.customers.Profiles(context.Background(), o.caller)
	if err != nil || len(list) == 0 {
		w.t.Fatal(err)
	}
	return list[0].Profile.ID
}

func profileText(id customer.ProfileID) string { return strconv.FormatInt(int64(id), 10) }

// radios are the values of the radios named profile, and which of them is checked.
func (b *browser) radios() (values []string, checked string) {
	find(b.doc, func(n *htmlNode) bool {
		if n.Data == "input" && attribute(n, "type") == "radio" && attribute(n, "name") == "profile" {
			values = append(values, attribute(n, "value"))
			if has(n, "checked") {
				checked = attribute(n, "value")
			}
		}
		return false
	})
	return values, checked
}

// C10 with several profiles: a radio for each with its name and kind, none preselected; no choice and a forged one are the
// page again with what was typed; the chosen one goes back and binds the tokens (contract OC-34, OC-35).
func TestChooseTheProfile(t *testing.T) {
	w := newWorld(t)
	p := w.choosy("classic")
	o := w.open(p, email)
	w.prefill(o)
	business, person := w.business(o), w.personal(o)
	_, other := w.owned("jonas.kade@example.org", "c10")
	theirs := w.open(w.partner, "third@example.org")
	w.prefill(theirs)
	foreign := w.personal(theirs)
	b := w.browser().get(authorize(p, w.mint(o), "s")).walk("c10", email)
	if values, checked := b.radios(); strings.Join(values, " ") != profileText(person)+" "+profileText(business) || checked != "" {
		t.Errorf("radios %v, checked %q", values, checked)
	}
	says := b.says()
	for _, want := range []string{"Mira Kade", "Kade <Joinery> Ltd", "Your personal profile", "registration number", "see or use any profile but the one you choose here"} {
		if !strings.Contains(says, want) {
			t.Errorf("C10 does not say %q", want)
		}
	}
	if values, _ := other.radios(); values != nil {
		t.Errorf("with one profile there are radios %v", values)
	}
	if says := other.says(); !strings.Contains(says, "Profile to share Mira Kade Your personal profile") || other.has("c10.not.profiles") {
		t.Errorf("C10 does not name the one profile: %s", says)
	}
	before := w.stored(o.account.ID)
	for _, forged := range []string{"", "0", "-1", "x", "9007199254740990", "99999999999999999999", profileText(foreign), profileText(business) + " ", "+1"} {
		b.post("decision", "allow", "scope", "profiles.write", "profile", forged).expect(http.StatusUnprocessableEntity, "c10")
		if _, checked := b.radios(); checked != "" || !b.has("c10.profile.empty") || !has(b.elementWithID("scope-profiles.write"), "checked") {
			t.Errorf("%q: checked %q, the error shown %t", forged, checked, b.has("c10.profile.empty"))
		}
	}
	action, form := b.form("decision", "allow")
	form["profile"] = []string{profileText(person), profileText(business)}
	if b.send(action, form); b.status == http.StatusOK || len(w.grants(o, p)) != 0 || w.stored(o.account.ID) != before {
		t.Errorf("a choice of nothing, a forged one or two: %d, %d grants", b.status, len(w.grants(o, p)))
	}
	b.get(b.base()+"/allow").post("decision", "allow", "profile", profileText(business)).expect(http.StatusOK, "c11")
	back := b.leaves().Query()
	if back.Get("profileId") != profileText(business) {
		t.Errorf("profileId %s, want %d", back.Get("profileId"), business)
	}
	issue, err := w.tokens.Exchange(context.Background(), p, grant.Exchange{Code: back.Get("code"), RedirectURI: p.RedirectURIs[0]}, customer.Origin{})
	if err != nil || issue.Token.Profile != business {
		t.Fatalf("bound to %d: %v", issue.Token.Profile, err)
	}
	access, err := w.tokens.Access(context.Background(), issue.Access)
	if err != nil {
		t.Fatal(err)
	}
	list, err := w.customers.Profiles(context.Background(), access.Caller("", ""))
	if err != nil || len(list) != 1 || list[0].Profile.ID != business {
		t.Errorf("the token lists %d profiles: %v", len(list), err)
	}
	// A later visit asks again, since it names no profile; the other one is another access beside the first.
	b.get(authorize(p, "", "later")).walk("c10", email)
	if says := b.says(); !b.has("c10.not.profiles.used") || strings.Count(says, "can use this one already") != 1 || !strings.Contains(says, "SC700123 Choosy Ledger can use this one already") {
		t.Errorf("C10 does not say what stands: %s", says)
	}
	if values, checked := b.radios(); len(values) != 2 || checked != "" {
		t.Errorf("on a later visit: radios %v, checked %q", values, checked)
	}
	b.post("decision", "allow", "profile", profileText(person)).expect(http.StatusOK, "c11")
	if got := b.leaves().Query().Get("profileId"); got != profileText(person) || len(w.grants(o, p)) != 2 {
		t.Errorf("the later visit returns %s with %d grants", got, len(w.grants(o, p)))
	}
}

// Declining needs no choice.
func TestDeclineWithoutAChoice(t *testing.T) {
	w := newWorld(t)
	o := w.open(w.partner, email)
	w.prefill(o)
	w.business(o)
	b := w.browser().claim(o, "s").walk("c10", email)
	b.post("decision", "deny").expect(http.StatusOK, "c11")
	if got := b.leaves().Query(); got.Get("error") != "access_denied" || got.Get("profileId") != "" || len(w.grants(o, w.partner)) != 0 {
		t.Errorf("declined: %v", got)
	}
}

// E10 with several profiles: whose account it is becomes known after the proof, and the choice is made afresh, of that account's
// profiles and with nothing preselected; what stands for another partner is not said.
func TestExistingAccountChoosesAfresh(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.open(w.partner, email)
	w.prefill(o)
	business, person := w.business(o), w.personal(o)
	owner := w.browser().claim(o, "s").walk("c10", email)
	owner.post("decision", "allow", "profile", profileText(business)).expect(http.StatusOK, "c11")
	other := w.hiding(w.second())
	pending := w.open(other, email)
	w.prefill(pending)
	theirs := w.personal(pending)
	b := w.browser()
	b.key = owner.key
	b.get(authorize(other, w.mint(pending), "s")).walk("c2", email).post("code", w.mailed(email)).expect(http.StatusConflict, "e10")
	b.get(b.link("way.signin")).walk("c10", email)
	values, checked := b.radios()
	if strings.Join(values, " ") != profileText(person)+" "+profileText(business) || checked != "" || b.has("c10.profile.used") {
		t.Errorf("radios %v, checked %q", values, checked)
	}
	b.post("decision", "allow", "profile", profileText(theirs)).expect(http.StatusUnprocessableEntity, "c10") // of the copy that nobody owns
	b.post("decision", "allow", "profile", profileText(person)).expect(http.StatusOK, "c11")
	if got := b.leaves().Query().Get("profileId"); got != profileText(person) {
		t.Errorf("profileId %s, want %d", got, person)
	}
	if of, theirs := w.grants(o, w.partner), w.grants(o, other); len(of) != 1 || of[0].Profile != business || len(theirs) != 1 || theirs[0].Profile != person {
		t.Errorf("grants %+v and %+v", of, theirs)
	}
}
