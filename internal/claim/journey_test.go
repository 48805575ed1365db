package claim

import (
	"fmt"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/partner"
)

var today = time.Date(2026, 11, 22, 13, 0, 0, 0, time.UTC)

const ms = time.Millisecond

// begun is a journey whose mailbox is not proved yet.
func begun() State {
	return State{
		Journey: Journey{ID: 21, Session: 31, Partner: 5, Account: 7, Code: 41, Number: 3, Epoch: 1, Address: "mira.kade@example.org", StartedAt: today, FreshAt: today},
		Account: customer.Account{ID: 7, Creator: 5, State: customer.Pending, Epoch: 1, SessionEpoch: 1, ClaimNumber: 3, ProvenNumber: 2, Email: "mira.kade@example.org"},
		Session: customer.Session{ID: 31, CreatedAt: today, SeenAt: today},
		Code:    Code{ID: 41, State: Minted, Number: 3, Epoch: 1, ExpiresAt: today.Add(CodeLife)},
		Partner: partner.Partner{ID: 5},
	}
}

func at(step func() State, change func(*State)) State {
	s := step()
	change(&s)
	return s
}

func proven() State {
	return at(begun, func(s *State) {
		s.Journey.ProvenAt, s.Account.LiveJourney, s.Account.ProvenNumber, s.Code.State = today, 21, 3, Spent
	})
}

func withPassword() State {
	return at(proven, func(s *State) { s.Journey.PasswordAt, s.Journey.Provisional.PasswordHash = today, "hash" })
}

func withMethod() State { return at(withPassword, func(s *State) { s.Journey.Method = "app" }) }

func withApp() State { return at(withMethod, func(s *State) { s.Journey.AppAt = today }) }

// committed is a journey whose account has its owner, signed in, with a profile that nobody looked at.
func committed() State {
	return at(withApp, func(s *State) {
		s.Journey.CommittedAt, s.Journey.Epoch, s.Journey.Provisional = today, 2, customer.Credentials{}
		s.Account.State, s.Account.Epoch, s.Account.SessionEpoch, s.Account.LiveJourney = customer.Claimed, 2, 2, 0
		s.Session.Account, s.Session.Epoch, s.Session.SessionEpoch, s.Session.Level = 7, 2, 2, customer.TwoSteps
		s.Profile = customer.Profile{ID: 9, Account: 7, Edition: 4, Details: customer.Details{Values: map[customer.Field]string{
			customer.FirstName: "Mira", customer.LastName: "Kade", customer.DateOfBirth: "1988-11-30", customer.Phone: "+441315550142",
			customer.Country: "GB", customer.FirstLine: "7 Harbour Row", customer.City: "Leith", customer.PostCode: "EH6 6AB"}}}
	})
}

func reviewed() State {
	return at(committed, func(s *State) {
		s.Journey.ReviewedAt, s.Profile.ConfirmedEdition, s.Profile.ConfirmedAt = today, 4, today
	})
}

func decided(d Decision) func() State {
	return func() State {
		return at(reviewed, func(s *State) { s.Journey.Decision, s.Journey.DecidedAt = d, today })
	}
}

// TestNextInOrder walks the journey.
func TestNextInOrder(t *testing.T) {
	t.Parallel()
	for i, c := range []struct {
		state func() State
		want  Step
	}{
		{begun, StepEmail}, {proven, StepPassword}, {withPassword, StepSecondStep}, {withMethod, StepApp}, {withApp, StepRecoveryCodes},
		{committed, StepReview}, {reviewed, StepAllow}, {decided(Allowed), StepReturn}, {decided(Declined), StepReturn}, {decided(Left), StepReturn},
	} {
		if step, reason := c.state().Next(today); step != c.want || reason != NotOver {
			t.Errorf("%d: %s, %q, want %s", i, step, reason, c.want)
		}
	}
}

// TestNextBeforeTheCommit changes one thing at a time, at each step before the commit.
func TestNextBeforeTheCommit(t *testing.T) {
	t.Parallel()
	changes := []struct {
		name   string
		change func(*State)
		want   EndReason
		// unproven and proved restrict the case to journeys before or after the mailbox proof.
		unproven, proved bool
	}{
		{"account claimed", func(s *State) { s.Account.State = customer.Claimed }, OverClaimed, false, false},
		{"account expired", func(s *State) { s.Account.State = customer.Expired }, OverGone, false, false},
		{"account closed", func(s *State) { s.Account.State = customer.Closed }, OverGone, false, false},
		{"objected", func(s *State) { s.Account.Hold = customer.HoldObjected }, OverHeld, false, false},
		{"held for wrong codes", func(s *State) { s.Account.Hold = customer.HoldEmailTries }, OverHeld, false, false},
		{"epoch risen", func(s *State) { s.Account.Epoch++ }, OverUsed, false, false},
		{"another address", func(s *State) { s.Account.Email = "other@example.org" }, OverCode, false, false},
		{"a contact address", func(s *State) { s.Account.ContactEmail = "other@example.org" }, OverCode, false, false},
		{"another browser", func(s *State) { s.Session.ID++ }, OverSession, false, false},
		{"no browser", func(s *State) { s.Session = customer.Session{} }, OverSession, false, false},
		{"session ended", func(s *State) { s.Session.EndedAt = today }, OverSession, false, false},
		{"session idle", func(s *State) { s.Session.SeenAt = today.Add(-customer.IdleLife) }, OverSession, false, false},
		{"session of yesterday", func(s *State) { s.Session.CreatedAt = today.Add(-customer.TotalLife) }, OverSession, false, false},
		{"another journey live", func(s *State) { s.Account.LiveJourney = 22 }, OverUsed, false, true},
		{"no journey live", func(s *State) { s.Account.LiveJourney = 0 }, OverUsed, false, true},
		{"its number proved", func(s *State) { s.Account.ProvenNumber = 3 }, OverUsed, true, false},
		{"a later number proved", func(s *State) { s.Account.ProvenNumber = 4 }, OverUsed, true, false},
		{"code cancelled", func(s *State) { s.Code.State = Cancelled }, OverCode, true, false},
		{"over", func(s *State) { s.Journey.EndedAt, s.Journey.EndedReason = today, OverExisting }, OverExisting, false, false},
		// What changes nothing.
		{"a newer code minted", func(s *State) { s.Account.ClaimNumber = 4; s.Code.State = Superseded }, NotOver, false, false},
		{"code run out", func(s *State) { s.Code.ExpiresAt = today.Add(-time.Hour) }, NotOver, false, false},
		{"code swept", func(s *State) { s.Code = Code{} }, NotOver, false, false},
		{"code cancelled", func(s *State) { s.Code.State = Cancelled }, NotOver, false, true},
		{"contact address spelled otherwise", func(s *State) { s.Account.ContactEmail = "Mira.Kade@EXAMPLE.org" }, NotOver, false, false},
	}
	for i, state := range []func() State{begun, proven, withPassword, withMethod, withApp} {
		want, _ := state().Next(today)
		for _, c := range changes {
			if c.unproven && i > 0 || c.proved && i == 0 {
				continue
			}
			step, reason := at(state, c.change).Next(today)
			wanted := StepOver
			if c.want == NotOver {
				wanted = want
			}
			if step != wanted || reason != c.want {
				t.Errorf("at %s, %s: %s, %q, want %s, %q", want, c.name, step, reason, wanted, c.want)
			}
		}
	}
}

// TestNextAfterTheCommit: nobody but the owner, signed in at two factors, goes on (I4).
func TestNextAfterTheCommit(t *testing.T) {
	t.Parallel()
	changes := []struct {
		name   string
		change func(*State)
		step   Step
		reason EndReason
	}{
		{"signed out", func(s *State) { s.Session = customer.Session{} }, StepSignIn, NotOver},
		{"password only", func(s *State) { s.Session.Level = customer.OneStep }, StepSignIn, NotOver},
		{"signed in as another", func(s *State) { s.Session.Account = 8 }, StepSignIn, NotOver},
		{"of an earlier epoch", func(s *State) { s.Session.Epoch = 1 }, StepSignIn, NotOver},
		{"of an earlier password", func(s *State) { s.Session.SessionEpoch = 1 }, StepSignIn, NotOver},
		{"idle", func(s *State) { s.Session.SeenAt = today.Add(-customer.IdleLife) }, StepSignIn, NotOver},
		{"on hold", func(s *State) { s.Account.Hold = customer.HoldObjected }, StepOver, OverHeld},
		{"closed", func(s *State) { s.Account.State = customer.Closed }, StepOver, OverGone},
	}
	for _, state := range []func() State{committed, reviewed, decided(Allowed), decided(Declined)} {
		before, _ := state().Next(today)
		for _, c := range changes {
			if step, reason := at(state, c.change).Next(today); step != c.step || reason != c.reason {
				t.Errorf("at %s, %s: %s, %q, want %s, %q", before, c.name, step, reason, c.step, c.reason)
			}
		}
		if step, _ := at(state, func(s *State) { s.Session.ID = 99 }).Next(today); step != before {
			t.Errorf("at %s, the owner in another browser: %s", before, step)
		}
		visit := at(state, func(s *State) { s.Journey.Code, s.Journey.CommittedAt = 0, time.Time{} })
		if step, _ := visit.Next(today); step != before {
			t.Errorf("a visit at %s: %s", before, step)
		}
	}
	for name, change := range map[string]func(*State){
		"nothing confirmed":        func(s *State) { s.Profile.ConfirmedEdition = 0 },
		"changed since":            func(s *State) { s.Profile.Edition++ },
		"a value missing":          func(s *State) { delete(s.Profile.Details.Values, customer.City) },
		"no profile":               func(s *State) { s.Profile = customer.Profile{} },
		"not confirmed since then": func(s *State) { s.Journey.ReviewedAt = time.Time{} },
	} {
		if step, _ := at(reviewed, change).Next(today); step != StepReview {
			t.Errorf("%s: %s", name, step)
		}
	}
}

// TestLeavingIsForTheBrowserOfTheJourney: whoever only knows the address is told nothing of it.
func TestLeavingIsForTheBrowserOfTheJourney(t *testing.T) {
	t.Parallel()
	for _, d := range []Decision{Left, NotMe, Unreachable} {
		for _, state := range []func() State{begun, withApp, committed, reviewed} {
			left := at(state, func(s *State) { s.Journey.Decision = d })
			if step, _ := left.Next(today); step != StepReturn {
				t.Errorf("%s: %s", d, step)
			}
			idle := left
			idle.Session.SeenAt = today.Add(-customer.IdleLife)
			if step, _ := idle.Next(today); step != StepReturn {
				t.Errorf("%s, session over: %s", d, step)
			}
			stranger := left
			stranger.Session = customer.Session{ID: 77, CreatedAt: today, SeenAt: today}
			if step, _ := stranger.Next(today); step == StepReturn {
				t.Errorf("%s: a stranger's browser is sent back with the state", d)
			}
		}
	}
}

// TestSilence: between C3 and C7 fifteen minutes without a step ask for the last proof again (design 10.7).
func TestSilence(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		state         func() State
		before, after Step
	}{
		{begun, StepEmail, StepEmail}, {proven, StepPassword, StepEmail}, {withPassword, StepSecondStep, StepPasswordAgain},
		{withMethod, StepApp, StepPasswordAgain}, {withApp, StepRecoveryCodes, StepPasswordAgain}, {committed, StepReview, StepReview},
		{reviewed, StepAllow, StepAllow},
	} {
		for after, want := range map[time.Duration]Step{-ms: c.before, 0: c.after, ms: c.after} {
			now := today.Add(SilenceLife + after)
			if step, _ := c.state().Next(now); step != want {
				t.Errorf("%s, %v after: %s, want %s", c.before, after, step, want)
			}
		}
	}
}

func TestSessionEndsAJourneyOnTheMillisecond(t *testing.T) {
	t.Parallel()
	for after, want := range map[time.Duration]EndReason{-ms: NotOver, 0: OverSession, ms: OverSession} {
		if _, reason := begun().Next(today.Add(customer.IdleLife + after)); reason != want {
			t.Errorf("%v after: %q", after, reason)
		}
	}
}

// TestOpens: a code opens in its five minutes and not on the millisecond after, and says why not (I1).
func TestOpens(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(*Code, *customer.Account)
		want   error
	}{
		{"as minted", func(*Code, *customer.Account) {}, nil},
		{"seen", func(c *Code, _ *customer.Account) { c.Seen = 10 }, nil},
		{"spent", func(c *Code, _ *customer.Account) { c.State = Spent }, ErrCodeUsed},
		{"superseded", func(c *Code, _ *customer.Account) { c.State = Superseded }, ErrCodeExpired},
		{"cancelled", func(c *Code, _ *customer.Account) { c.State = Cancelled }, ErrCodeExpired},
		{"of no state", func(c *Code, _ *customer.Account) { c.State = "" }, ErrCodeExpired},
		{"a newer one minted", func(_ *Code, a *customer.Account) { a.ClaimNumber++ }, ErrCodeExpired},
		{"of a later number", func(c *Code, _ *customer.Account) { c.Number++ }, ErrCodeExpired},
		{"epoch risen", func(_ *Code, a *customer.Account) { a.Epoch++ }, ErrCodeExpired},
		{"account claimed", func(_ *Code, a *customer.Account) { a.State = customer.Claimed }, ErrAlreadyClaimed},
		{"claimed and spent", func(c *Code, a *customer.Account) { a.State = customer.Claimed; c.State = Spent }, ErrAlreadyClaimed},
		{"account expired", func(_ *Code, a *customer.Account) { a.State = customer.Expired }, ErrCodeExpired},
		{"on hold", func(_ *Code, a *customer.Account) { a.Hold = customer.HoldObjected }, customer.ErrHeld},
		{"on hold and spent", func(c *Code, a *customer.Account) { a.Hold = customer.HoldObjected; c.State = Spent }, ErrCodeUsed},
	} {
		code, account := begun().Code, begun().Account
		c.change(&code, &account)
		if err := code.opens(account, today); err != c.want {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	for after, want := range map[time.Duration]error{-ms: nil, 0: ErrCodeExpired, ms: ErrCodeExpired} {
		if err := begun().Code.opens(begun().Account, today.Add(300*time.Second+after)); err != want {
			t.Errorf("300 s and %v: %v", after, err)
		}
	}
}

func TestTicketsEndOnTheMillisecond(t *testing.T) {
	t.Parallel()
	ticket := Ticket{Text: "x", OpenedAt: today.UnixMilli()}
	for after, want := range map[time.Duration]bool{-ms: true, 0: false, ms: false} {
		if ticket.Alive(today.Add(TicketLife+after)) != want {
			t.Errorf("%v after: want %t", after, want)
		}
	}
	if (Ticket{OpenedAt: today.UnixMilli()}).Alive(today) {
		t.Error("no ticket is alive")
	}
}

func TestBindings(t *testing.T) {
	t.Parallel()
	r := grant.Request{RedirectURI: "https://app.acme.example/cb", State: "a%2Bb", HasState: true, Challenge: "ch"}
	for b, want := range map[Binding]bool{
		{}: true, {RedirectURI: r.RedirectURI}: true, {State: "a+b"}: true, {Challenge: "ch"}: true, {r.RedirectURI, "a+b", "ch"}: true,
		{RedirectURI: r.RedirectURI + "/"}: false, {State: "a%2Bb"}: false, {State: "a b"}: false, {Challenge: "other"}: false, {r.RedirectURI, "a+b", "x"}: false,
	} {
		if b.matches(r) != want {
			t.Errorf("%+v: want %t", b, want)
		}
	}
	if (Binding{State: "x"}).matches(grant.Request{}) {
		t.Error("a request without a state matches one")
	}
}

// TestAsks: a later visit asks only about what is new; what stands is kept (journey C10).
func TestAsks(t *testing.T) {
	t.Parallel()
	account, read, write := partner.ScopeAccountRead, partner.ScopeProfilesRead, partner.ScopeProfilesWrite
	standing := grant.Grant{ID: 1, State: grant.Active, Scopes: []partner.Scope{account, read}}
	for _, c := range []struct {
		grant  grant.Grant
		asked  []partner.Scope
		prompt string
		want   []partner.Scope
		later  bool
	}{
		{grant.Grant{}, []partner.Scope{account}, "", []partner.Scope{account}, false},
		{standing, []partner.Scope{account, write}, "", []partner.Scope{write}, true},
		{standing, []partner.Scope{account, write}, "consent", []partner.Scope{account, write}, false},
		{standing, []partner.Scope{account}, "", []partner.Scope{account}, false},
		{grant.Grant{ID: 1, State: grant.Stopped, Scopes: standing.Scopes}, []partner.Scope{account, write}, "", []partner.Scope{account, write}, false},
		{grant.Grant{ID: 1, State: grant.Active, Until: today, Scopes: standing.Scopes}, []partner.Scope{write}, "", []partner.Scope{write}, false},
	} {
		s := State{Grant: c.grant, Journey: Journey{Request: grant.Request{Scopes: c.asked, Prompt: c.prompt}}}
		if got, later := s.Asks(today); fmt.Sprint(got) != fmt.Sprint(c.want) || later != c.later {
			t.Errorf("%+v: %v, %t", c, got, later)
		}
	}
}

// TestLeads: the partner hears of the one journey by which its account would be claimed, that of E10 included, and of no
// other (design 10.6).
func TestLeads(t *testing.T) {
	t.Parallel()
	existing := at(proven, func(s *State) { s.Journey.EndedAt, s.Journey.EndedReason = today, OverExisting })
	for name, c := range map[string]struct {
		state State
		want  bool
	}{
		"begun": {begun(), true}, "proven": {proven(), true}, "its address has an account": {existing, true}, "committed": {committed(), true},
		"a visit":              {at(committed, func(s *State) { s.Journey.Code, s.Journey.CommittedAt = 0, time.Time{} }), true},
		"overtaken":            {at(proven, func(s *State) { s.Account.LiveJourney = 22 }), false},
		"overtaken unproven":   {at(begun, func(s *State) { s.Account.ProvenNumber = 3 }), false},
		"claimed by another":   {at(proven, func(s *State) { s.Account.State = customer.Claimed }), false},
		"begun, epoch risen":   {at(begun, func(s *State) { s.Account.Epoch = 2 }), false},
		"proven, then changed": {at(proven, func(s *State) { s.Account.LiveJourney = 0 }), false},
	} {
		if got := c.state.Journey.leads(c.state.Account); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
