package claim_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/partner"
)

// joinery is a whole business, of a representative who is somebody else than the customer.
var joinery = customer.Business{
	Values: map[customer.Field]string{customer.BusinessName: "Kade Joinery Ltd", customer.CompanyType: "LIMITED", customer.RegistrationNumber: "SC700123",
		customer.FirstCategory: "REAL_ESTATE_CONSTRUCTION", customer.SecondCategory: "CONSTRUCTION", customer.Country: "GB", customer.FirstLine: "1 Dock Street",
		customer.City: "Leith", customer.PostCode: "EH6 7AB"},
	Person: map[customer.Field]string{customer.FirstName: "Jonas", customer.LastName: "Kade", customer.DateOfBirth: "1961-05-04", customer.Country: "GB",
		customer.FirstLine: "9 Shore", customer.City: "Leith", customer.PostCode: "EH6 6QW", customer.Phone: "+441315550143", customer.Email: "jonas.kade@example.org"}}

// runs gives the account a business besides the person.
func (o *onboarding) runs() customer.ProfileID {
	o.w.t.Helper()
	p, _, err := o.w.customers.CreateBusiness(o.w.t.Context(), o.caller, joinery, plain(""))
	must(o.w.t, err)
	return p.ID
}

// allow answers C10 with a profile.
func (b *browser) allow(p customer.ProfileID) error {
	return b.w.claims.Decide(b.w.t.Context(), b.post(), claim.Answer{Allow: true, Asked: b.asked(), Profile: p, Language: "en"})
}

// granted redeems the code of a journey that stands at its end, and returns where it leads and the caller that it made.
func (b *browser) granted() (claim.Way, grant.Issue, customer.Caller) {
	b.w.t.Helper()
	way, err := b.back()
	must(b.w.t, err)
	issue, err := b.w.exchange(b.o.partner, way.Return.Code)
	must(b.w.t, err)
	return way, issue, b.w.callerOf(issue)
}

func (w *world) callerOf(issue grant.Issue) customer.Caller {
	w.t.Helper()
	access, err := w.tokens.Access(w.t.Context(), issue.Access)
	must(w.t, err)
	return access.Caller("", "")
}

// reaches fails the test unless the caller reads exactly one profile, and another is as unknown as none, in every verb.
func (w *world) reaches(c customer.Caller, one, other customer.ProfileID) {
	t, ctx := w.t, w.t.Context()
	t.Helper()
	list, err := w.customers.Profiles(ctx, c)
	if err != nil || len(list) != 1 || list[0].Profile.ID != one {
		t.Errorf("the token lists %d profiles: %v", len(list), err)
	}
	_, err = w.customers.Profile(ctx, c, one)
	wants(t, "the granted profile", err, nil)
	var answers [2][]error
	for i, id := range []customer.ProfileID{other, 9007199254740990} {
		_, read := w.customers.Profile(ctx, c, id)
		_, address := w.customers.SaveAddress(ctx, c, id, customer.Personal{Values: map[customer.Field]string{customer.City: "Edinburgh"}})
		_, person := w.customers.UpdatePersonal(ctx, c, id, customer.Personal{Values: map[customer.Field]string{customer.City: "Edinburgh"}})
		_, business := w.customers.UpdateBusiness(ctx, c, id, customer.Business{Values: map[customer.Field]string{customer.City: "Edinburgh"}})
		answers[i] = []error{read, address, person, business, w.customers.SetWindow(ctx, c, id, true), w.customers.Simulate(ctx, c, id)}
	}
	for i, err := range answers[0] {
		if !errors.Is(err, customer.ErrNoProfile) || !errors.Is(answers[1][i], customer.ErrNoProfile) {
			t.Errorf("verb %d on a profile that was not granted: %v, on none: %v", i, err, answers[1][i])
		}
	}
}

// TestI4TheGrantIsOfTheChosenProfile: the code, the way back, the event and the tokens are of the profile that was chosen at
// C10, and the account's other profile is out of their reach (OC-34, OC-35).
func TestI4TheGrantIsOfTheChosenProfile(t *testing.T) {
	w := newWorld(t)
	for i, address := range []string{"mira.kade@example.org", "jonas.kade@example.org"} {
		o := w.onboard(w.acme, address)
		business := o.runs()
		profiles := []customer.ProfileID{o.profile, business}
		b := o.opened().to(claim.StepAllow)
		must(t, b.allow(profiles[i]))
		way, issue, caller := b.granted()
		if way.Return.Profile != profiles[i] || caller.Profile != profiles[i] || issue.Token.Profile != profiles[i] {
			t.Errorf("chosen %d, returned %d, bound to %d", profiles[i], way.Return.Profile, caller.Profile)
		}
		w.reaches(caller, profiles[i], profiles[1-i])
		issue, err := w.tokens.Refresh(t.Context(), w.acme, issue.Refresh, customer.Origin{})
		must(t, err)
		w.reaches(w.callerOf(issue), profiles[i], profiles[1-i])
		me, err := w.customers.Me(t.Context(), caller)
		if err != nil || (me.Personal != nil) != (profiles[i] == o.profile) {
			t.Errorf("chosen %d: who am I shows a person: %t, %v", profiles[i], me.Personal != nil, err)
		}
		grants := w.grantsOf(o)
		if len(grants) != 1 || grants[0].Profile != profiles[i] {
			t.Errorf("grants: %+v", grants)
		}
		said := w.events(audit.Filter{Account: int64(o.account), Action: audit.ConsentAllowed})
		if len(said) != 1 || said[0].Detail["profile"] != fmt.Sprint(int64(profiles[i])) || said[0].Detail["scopes"] != partner.FormatScopes(grants[0].Scopes) {
			t.Errorf("the audit says %+v", said)
		}
	}
}

// TestI4TwoChoicesAtOnce: of many answers at once, for one profile and the other, one counts, and everything is of that one.
func TestI4TwoChoicesAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	business := o.runs()
	b := o.opened().to(claim.StepAllow)
	var answers []func() error
	for i := range 16 {
		p := []customer.ProfileID{o.profile, business}[i%2]
		answers = append(answers, func() error { return b.allow(p) })
	}
	errs := together(answers...)
	if count(errs, nil) != 1 || count(errs, claim.ErrNotNow) != len(errs)-1 {
		t.Errorf("%v", errs)
	}
	o.hasCode("at once", b, true)
	chosen := []customer.ProfileID{o.profile, business}[slices.Index(errs, nil)%2]
	way, _, caller := b.granted()
	if grants := w.grantsOf(o); len(grants) != 1 || grants[0].Profile != chosen || way.Return.Profile != chosen || caller.Profile != chosen {
		t.Errorf("chosen %d, returned %d, bound to %d, grants %+v", chosen, way.Return.Profile, caller.Profile, grants)
	}
}

func (w *world) grantsOf(o *onboarding) (list []grant.Grant) {
	w.t.Helper()
	w.view(func(tx claim.Tx) (err error) { list, err = tx.Grants(o.account, o.partner.ID); return err })
	return list
}

// TestI4ForgedProfilesGrantNothing: an id that is not one of the customer's own is refused like none, and changes nothing;
// the page can be answered afterwards.
func TestI4ForgedProfilesGrantNothing(t *testing.T) {
	w := newWorld(t)
	o, other := w.onboard(w.acme, "mira.kade@example.org"), w.onboard(w.acme, "jonas.kade@example.org")
	business := o.runs()
	b := o.opened().to(claim.StepAllow)
	theirs := other.opened().to(claim.StepAllow)
	before, events := w.account(o.account), len(w.events(audit.Filter{}))
	for what, id := range map[string]customer.ProfileID{"none": 0, "negative": -1, "unknown": 9007199254740990, "another's": other.profile,
		"another's business": other.profile + 1, "the account's id": customer.ProfileID(o.account)} {
		wants(t, what, b.allow(id), claim.ErrNoProfileChosen)
		o.hasCode(what, b, false)
	}
	if w.account(o.account).Version != before.Version || len(w.events(audit.Filter{})) != events {
		t.Error("a refused choice has changed something")
	}
	// Theirs has one profile, so that none needs to be named; but a wrong one is no answer either.
	wants(t, "ours in their form", theirs.allow(business), claim.ErrNoProfileChosen)
	must(t, theirs.allow(0))
	must(t, b.allow(business))
	o.hasCode("afterwards", b, true)
	// The decision stands: another choice in a late form is none.
	wants(t, "a late choice", b.allow(o.profile), claim.ErrNotNow)
	if grants := w.grantsOf(o); len(grants) != 1 || grants[0].Profile != business {
		t.Errorf("grants: %+v", grants)
	}
}

// TestAnotherProfileIsAnotherGrant: access to a second profile is asked for and given on its own; both stand side by side,
// and each ends on its own (contract 7.5, design 10.13).
func TestAnotherProfileIsAnotherGrant(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	business := o.runs()
	b := o.opened().to(claim.StepAllow)
	must(t, b.allow(o.profile))
	_, first, one := b.granted()
	// A visit asks, though access stands: which profile is meant nobody knows.
	must(t, b.visit(w.request(w.acme)))
	b.stands(claim.StepAllow, claim.NotOver)
	state, err := b.state()
	must(t, err)
	if asked, later := state.Asks(w.now()); later || !slices.Equal(asked, w.acme.Scopes()) || state.Grant.ID != 0 {
		t.Errorf("the second visit asks about %v, later %t", asked, later)
	}
	must(t, b.allow(business))
	way, second, two := b.granted()
	if way.Return.Profile != business {
		t.Errorf("the second visit returns profile %d", way.Return.Profile)
	}
	w.reaches(one, o.profile, business)
	w.reaches(two, business, o.profile)
	if first, err = w.tokens.Refresh(t.Context(), w.acme, first.Refresh, customer.Origin{}); err != nil {
		t.Errorf("the first access does not refresh after the second: %v", err)
	}
	// Choosing the first again renews its own grant and leaves one row for each profile.
	must(t, b.visit(w.request(w.acme)))
	must(t, b.allow(o.profile))
	grants := w.grantsOf(o)
	if len(grants) != 2 || grants[0].Profile != o.profile || grants[1].Profile != business {
		t.Fatalf("grants: %+v", grants)
	}
	must(t, w.stopOne(grants[1].ID))
	_, err = w.tokens.Access(t.Context(), second.Access)
	wants(t, "the token of the stopped access", err, grant.ErrInvalidToken)
	w.reaches(w.callerOf(first), o.profile, business)
}

func (w *world) stopOne(id grant.ID) error {
	return w.claims.Store.Change(w.t.Context(), func(tx claim.Tx) (audit.Event, error) {
		g, err := tx.Grant(id)
		if err != nil {
			return audit.Event{}, err
		}
		g.State, g.EndedAt = grant.Stopped, w.now()
		return audit.Event{At: w.now(), Action: audit.GrantStopped, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorCustomer}}, tx.SaveGrant(&g)
	})
}

// TestScopesAreOfTheChosenProfile: with several profiles all that is asked for is asked about anew, and what the page said is
// what the grant has; the other profile's grant keeps its own.
func TestScopesAreOfTheChosenProfile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	business := o.runs()
	b := o.opened().to(claim.StepAllow)
	must(t, w.claims.Decide(t.Context(), b.post(), claim.Answer{Allow: true, Asked: b.asked(), Profile: o.profile, Optional: []partner.Scope{partner.ScopeProfilesWrite}, Language: "en"}))
	must(t, b.visit(w.request(w.acme)))
	must(t, b.allow(business))
	all, required := w.acme.Scopes(), w.acme.RequiredScopes
	for _, g := range w.grantsOf(o) {
		want := all
		if g.Profile == business {
			want = required
		}
		if !slices.Equal(g.Scopes, want) {
			t.Errorf("profile %d has %v, want %v", g.Profile, g.Scopes, want)
		}
	}
}

// TestABusinessAlone: an account without a person's profile reviews its business and grants it, and gets no empty person.
func TestABusinessAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboardAs(w.acme, "mira.kade@example.org", func(o *onboarding) { o.profile = o.runs() })
	b := o.opened().to(claim.StepReview)
	state, err := b.state()
	must(t, err)
	if len(state.Profiles) != 1 || state.Profile.ID != o.profile || state.Profile.Kind != customer.KindBusiness {
		t.Fatalf("to review: %d profiles, first %s", len(state.Profiles), state.Profile.Kind)
	}
	b.to(claim.StepReturn)
	way, _, caller := b.granted()
	if way.Return.Profile != o.profile || caller.Profile != o.profile {
		t.Errorf("returned %d, bound to %d, want %d", way.Return.Profile, caller.Profile, o.profile)
	}
	must(t, b.visit(w.request(w.acme)))
	b.stands(claim.StepReturn, claim.NotOver)
}

// TestEveryProfileIsReviewed: as long as one of several is incomplete or was changed since, none can be granted (I4).
func TestEveryProfileIsReviewed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	business := o.runs()
	_, err := w.customers.UpdateBusiness(t.Context(), o.caller, business, customer.Business{Values: map[customer.Field]string{customer.City: ""}})
	must(t, err)
	b := o.opened().to(claim.StepReview)
	wants(t, "a business without a city", b.confirm(), claim.ErrIncomplete)
	w.changeProfile(business, func(p *customer.Profile) { p.Details.Values[customer.City] = "Leith" })
	state, err := b.state()
	must(t, err)
	for _, edition := range []int64{0, state.Profile.Edition, state.Edition() - 1, state.Edition() + 1} {
		wants(t, "an edition that was not shown", w.claims.Confirm(t.Context(), b.post(), edition), customer.ErrVersion)
	}
	must(t, b.confirm())
	b.stands(claim.StepAllow, claim.NotOver)
	w.advance(time.Second)
	w.changeProfile(business, func(p *customer.Profile) { p.Edition++ })
	b.stands(claim.StepReview, claim.NotOver)
	wants(t, "the person, whose profile is as it was", b.allow(o.profile), claim.ErrNotNow)
	must(t, b.confirm())
	must(t, b.allow(o.profile))
}

// changeProfile writes to a profile what other events would have.
func (w *world) changeProfile(id customer.ProfileID, fn func(*customer.Profile)) {
	w.t.Helper()
	must(w.t, w.claims.Store.Change(w.t.Context(), func(tx claim.Tx) (audit.Event, error) {
		p, err := tx.Profile(id)
		if err != nil {
			return audit.Event{}, err
		}
		fn(&p)
		return audit.Event{At: w.now(), Action: audit.ProfileChanged, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorOperator}}, tx.SaveProfile(&p)
	}))
}
