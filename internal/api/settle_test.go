package api

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/store"
)

// signedIn is the customer of an account as it stands.
func (w *world) signedIn(p person) customer.SignedIn {
	w.t.Helper()
	var o customer.SignedIn
	must(w.t, store.Customers{DB: w.db}.View(w.t.Context(), func(tx customer.Tx) error {
		a, err := tx.Account(customer.AccountID(p.id))
		o = customer.SignedInTo(a, customer.Origin{Reference: "trace", Network: "192.0.2.0/24"})
		return err
	}))
	return o
}

func (w *world) offers(p person) []customer.Offer {
	w.t.Helper()
	list, err := w.door.Customers.Offers(w.t.Context(), w.signedIn(p))
	must(w.t, err)
	return list
}

// Design 10.11: what a partner says after the claim is in effect when the customer accepts it, and gone when they decline; the
// partner hears which fields changed, and the profile stays confirmed.
func TestSettleProposals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, id := w.owned(acme, "mira.kade@example.org", partner.ScopeProfilesWrite)
	heard := w.listen(acme, partner.EventProfiles, "4.0.0")
	path := "/v2/profiles/" + decimal(id) + "/personal-profile"
	say := func(body string) {
		if got := w.json("PUT", path, p.bearer, body); got.status != 200 {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	if list := w.offers(p); len(list) != 0 {
		t.Errorf("offers %+v", list)
	}
	w.advance(time.Second)
	say(`{"firstName":"Moira","contactDetails":{"phoneNumber":"+441315550999"},"address":{"city":"Edinburgh"}}`)
	list := w.offers(p)
	if len(list) != 1 || len(list[0].Profile.Details.Proposals) != 3 || list[0].Profile.Value(customer.FirstName) != "Mira" {
		t.Fatalf("offers %+v", list)
	}
	cs, ctx, seen := w.door.Customers, t.Context(), w.now()
	choice := func(accept bool, until time.Time, fields ...customer.Field) customer.Choice {
		return customer.Choice{Profile: customer.ProfileID(id), Fields: fields, Until: until, Accept: accept}
	}
	w.wantRefusedChoices(p, seen, choice)
	before := w.events(t, string(audit.ProposalDecided))
	must(t, cs.Settle(ctx, w.signedIn(p), []customer.Choice{choice(true, seen, customer.FirstName), choice(false, seen, customer.City)}))
	if n := w.events(t, string(audit.ProposalDecided)) - before; n != 1 {
		t.Errorf("%d events", n)
	}
	if got := w.json("GET", "/v2/profiles/"+decimal(id), p.bearer, "").body; !strings.Contains(got, `"firstName":"Moira"`) || !strings.Contains(got, `"city":"Leith"`) || strings.Contains(got, "550999") {
		t.Errorf("profile %s", got)
	}
	list = w.offers(p)
	if d := list[0].Profile.Details; len(list) != 1 || len(d.Proposals) != 1 || d.Proposals[0].Field != customer.Phone || !list[0].Profile.Confirmed() {
		t.Errorf("left %+v", list)
	} else if said := d.Provenance[customer.FirstName]; said.Source != customer.ByPartner || said.ConfirmedAt.IsZero() {
		t.Errorf("who said it: %+v", said)
	}
	if events := heard(); len(events) != 1 || events[0].State != "changed" || strings.Join(events[0].Fields, " ") != "first_name" || events[0].Profile != id {
		t.Errorf("heard %+v", events)
	}
	must(t, cs.Settle(ctx, w.signedIn(p), []customer.Choice{choice(false, w.now(), customer.Phone)}))
	if list := w.offers(p); len(list) != 0 || len(heard()) != 1 {
		t.Errorf("declined: %+v", list)
	}
}

// wantRefusedChoices tries choices that are refused whole: what is not proposed, was not seen, is a stranger's, or comes of a session
// that ended.
func (w *world) wantRefusedChoices(p person, seen time.Time, choice func(bool, time.Time, ...customer.Field) customer.Choice) {
	t, cs, ctx := w.t, w.door.Customers, w.t.Context()
	t.Helper()
	for name, bad := range map[string]customer.Choice{
		"a field that nothing is proposed for": choice(true, seen, customer.DateOfBirth), "one that was not seen": choice(true, seen.Add(-time.Millisecond), customer.City),
		"a person who represents nobody": choice(true, seen),
	} {
		if err := cs.Settle(ctx, w.signedIn(p), []customer.Choice{choice(true, seen, customer.FirstName), bad}); !errors.Is(err, customer.ErrNoProposal) {
			t.Errorf("%s: %v", name, err)
		}
	}
	other := w.open(globex, "jonas.kade@example.org")
	foreign := choice(true, seen, customer.FirstName)
	foreign.Profile = customer.ProfileID(w.profile(other))
	if err := cs.Settle(ctx, w.signedIn(p), []customer.Choice{foreign}); !errors.Is(err, customer.ErrNoProfile) {
		t.Errorf("a stranger's profile: %v", err)
	}
	stale := w.signedIn(p)
	stale.SessionEpoch--
	for _, o := range []customer.SignedIn{stale, w.signedIn(other)} { // signed out everywhere; not claimed
		if err := cs.Settle(ctx, o, []customer.Choice{choice(true, seen, customer.FirstName)}); !errors.Is(err, customer.ErrStale) {
			t.Errorf("%+v: %v", o, err)
		}
		if _, err := cs.Offers(ctx, o); !errors.Is(err, customer.ErrStale) {
			t.Errorf("%+v reads: %v", o, err)
		}
	}
}

// What was verified since is not accepted (OC-21), and declining it is.
func TestSettleWhatIsLocked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, id := w.owned(acme, "mira.kade@example.org", partner.ScopeProfilesWrite)
	w.json("PUT", "/v2/profiles/"+decimal(id)+"/personal-profile", p.bearer, `{"firstName":"Moira"}`)
	w.decide(id, true)
	choice := customer.Choice{Profile: customer.ProfileID(id), Fields: []customer.Field{customer.FirstName}, Until: w.now(), Accept: true}
	if err := w.door.Customers.Settle(t.Context(), w.signedIn(p), []customer.Choice{choice}); !errors.Is(err, customer.ErrLocked) {
		t.Errorf("locked: %v", err)
	}
	choice.Accept = false
	must(t, w.door.Customers.Settle(t.Context(), w.signedIn(p), []customer.Choice{choice}))
	if list := w.offers(p); len(list) != 0 {
		t.Errorf("left %+v", list)
	}
}

// Lists are taken whole; who represents a business is one choice, and another person ends what was verified.
func TestSettleForBusinesses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	personal := w.profile(p)
	id := w.business(p)
	holder := idOf(t, w.json("POST", v2Business, p.bearer, strings.Replace(kadeV2, "SC700123", "SC700124", 1)).body)
	w.claimed(p, "", nil)
	cs, ctx := w.door.Customers, t.Context()
	c, held := w.granted(p, id), w.granted(p, holder)
	business := func(id customer.ProfileID) customer.Entry {
		e, err := cs.Business(ctx, customer.Caller{Partner: c.Partner, Account: c.Account, Epoch: c.Epoch}, id)
		must(t, err)
		return e
	}
	_, err := cs.UpdateBusiness(ctx, c, c.Profile, customer.Business{Operational: []customer.Place{{Country: "GB", FirstLine: "3 Dock Street", City: "Leith"}}})
	must(t, err)
	_, err = cs.UpdateRepresentative(ctx, c, c.Profile, customer.Substitution{Transfer: true, Values: map[customer.Field]string{customer.FirstName: "Ada", customer.LastName: "Roy"}})
	must(t, err)
	_, err = cs.UpdateRepresentative(ctx, held, held.Profile, customer.Substitution{Values: map[customer.Field]string{customer.PreferredName: "Mims"}})
	must(t, err)
	if list := w.offers(p); len(list) != 2 || list[0].Representative.Value(customer.FirstName) != "Jonas" || len(list[0].Profile.Details.ProposedLists) != 1 || !list[1].Representative.Holder {
		t.Fatalf("offers %+v", list)
	}
	w.decide(int64(c.Profile), true)
	choices := []customer.Choice{
		{Profile: c.Profile, Fields: []customer.Field{customer.OperationalAddresses}, Until: w.now(), Accept: true},
		{Profile: c.Profile, Until: w.now(), Accept: true}, {Profile: held.Profile, Until: w.now(), Accept: true},
	}
	must(t, cs.Settle(ctx, w.signedIn(p), choices))
	e := business(c.Profile)
	if d := e.Profile.Details; len(d.Lists.OperationalAddresses) != 1 || d.Lists.OperationalAddresses[0].FirstLine != "3 Dock Street" || e.Profile.Verified() {
		t.Errorf("business %+v", e.Profile)
	}
	if r := e.Representative; r.Value(customer.FirstName) != "Ada" || r.Value(customer.Phone) != "" || !r.TransferAt.IsZero() || len(r.Details.Proposals) != 0 {
		t.Errorf("representative %+v", r)
	}
	list, err := cs.Profiles(ctx, customer.Caller{Partner: c.Partner, Account: c.Account, Epoch: c.Epoch})
	must(t, err)
	for _, e := range list {
		if int64(e.Profile.ID) == personal && e.Profile.Value(customer.PreferredName) != "Mims" {
			t.Errorf("the holder's own profile %+v", e.Profile.Details.Values)
		}
	}
	if list := w.offers(p); len(list) != 0 {
		t.Errorf("left %+v", list)
	}
	if err := cs.Settle(ctx, w.signedIn(p), choices[1:2]); !errors.Is(err, customer.ErrNoProposal) {
		t.Errorf("twice: %v", err)
	}
}
