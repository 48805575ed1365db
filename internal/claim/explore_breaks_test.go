package claim_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
)

// A flaw is a server that writes something else than its verbs say. The exploration must find it, by the law that it breaks.
type flaw struct {
	name, law string
	bounds    bounds
	from      []string
	twist     func(old, row any)
}

// onAccount, onJourney and so on are flaws of one kind of row; old is its value before, the zero value for a new one.
func onAccount(spoil func(old customer.Account, a *customer.Account)) func(old, row any) {
	return spoils(spoil)
}
func onJourney(spoil func(old claim.Journey, j *claim.Journey)) func(old, row any) {
	return spoils(spoil)
}
func onCode(spoil func(old claim.Code, c *claim.Code)) func(old, row any)    { return spoils(spoil) }
func onGrant(spoil func(old grant.Grant, g *grant.Grant)) func(old, row any) { return spoils(spoil) }
func onToken(spoil func(old grant.Token, k *grant.Token)) func(old, row any) { return spoils(spoil) }
func onAuth(spoil func(old grant.Code, c *grant.Code)) func(old, row any)    { return spoils(spoil) }
func onSession(spoil func(old customer.Session, s *customer.Session)) func(old, row any) {
	return spoils(spoil)
}
func onProfile(spoil func(old customer.Profile, p *customer.Profile)) func(old, row any) {
	return spoils(spoil)
}

// anAccount stands for the account of the stage.
const anAccount customer.AccountID = -1

func spoils[T any](spoil func(old T, row *T)) func(old, row any) {
	return func(old, row any) {
		r, fits := row.(*T)
		if !fits {
			return
		}
		var before T
		if old != nil {
			before = *old.(*T)
		}
		spoil(before, r)
	}
}

// flaws are of each of I1 to I5. before the last steps of the way nothing goes wrong, so that each needs the exploration.
func flaws() []flaw {
	claiming, owning := bounds{depth: 3, mints: 2, journeys: 2}, bounds{depth: 3, mints: 1, journeys: 1, visits: 1, owner: true, operator: true}
	losing := bounds{depth: 3, mints: 1, journeys: 1, ticks: 1, lost: true, hours: []time.Duration{customer.ResetWait}}
	until := func(last string) []string { return owned[:slices.Index(owned, last)] }
	return []flaw{
		{"the number of the proof is not kept", "I1", bounds{depth: 5, mints: 1, journeys: 2}, until("A starts"),
			onAccount(func(old customer.Account, a *customer.Account) { a.ProvenNumber = old.ProvenNumber })},
		{"the journey's proof is not kept", "I1", claiming, until("A proves"),
			onJourney(func(old claim.Journey, j *claim.Journey) { j.ProvenAt = time.Time{} })},
		{"the epoch does not rise", "I2", claiming, until("A commits"),
			onAccount(func(old customer.Account, a *customer.Account) { a.Epoch = max(old.Epoch, 1) })},
		{"the registration code outlives the commit", "I2", claiming, until("A commits"),
			onAccount(func(old customer.Account, a *customer.Account) {
				if len(a.Registration) == 0 {
					a.Registration, a.RegistrationVersion = old.Registration, old.RegistrationVersion
				}
			})},
		{"codes outlive the commit", "I2", bounds{depth: 3, mints: 2, journeys: 1}, until("A commits"),
			onCode(func(old claim.Code, c *claim.Code) { c.State = claim.Minted })},
		{"the live journey outlives the commit", "I2", claiming, until("A commits"),
			onAccount(func(old customer.Account, a *customer.Account) { a.LiveJourney = max(a.LiveJourney, old.LiveJourney) })},
		{"the owner goes back to the partner", "I2", claiming, until("A confirms"), onAccount(func(_ customer.Account, a *customer.Account) { a.State = customer.Pending })},
		{"a hold is not written", "I2", owning, owned, onAccount(func(_ customer.Account, a *customer.Account) {
			a.Hold = ""
		})},
		{"a proposal changes the value", "I2", owning, owned, onProfile(func(_ customer.Profile, p *customer.Profile) {
			if len(p.Details.Proposals) > 0 {
				p.Details.Values = map[customer.Field]string{customer.City: "Trojanville"}
			}
		})},
		{"the wait of a reset is not kept", "I2", losing, owned, spoils(func(_ customer.Reset, q *customer.Reset) { q.ReadyAt = q.AskedAt })},
		{"the lost app opens the account", "I2", losing, owned, onAccount(func(old customer.Account, a *customer.Account) {
			if a.Epoch > 2 {
				a.Credentials.Apps = append(slices.Clone(a.Credentials.Apps), old.Credentials.Apps...)
			}
		})},
		{"an access outlives what was lost", "I4", losing, owned, onGrant(func(_ grant.Grant, g *grant.Grant) {
			if g.State == grant.Suspended {
				g.State = grant.Active
			}
		})},
		{"credentials lie on the account before the commit", "I3", claiming, until("A sets password"), onAccount(func(_ customer.Account, a *customer.Account) {
			a.Credentials.PasswordHash = "planted"
		})},
		{"the journey keeps its credentials", "I3", claiming, until("A commits"), onJourney(func(old claim.Journey, j *claim.Journey) { j.Provisional = old.Provisional })},
		{"a session is signed in too early", "I3", claiming, until("A starts"), onSession(func(_ customer.Session, s *customer.Session) {
			s.Level, s.Account = customer.TwoSteps, anAccount
		})},
		{"a grant is of another profile", "I4", bounds{depth: 3, mints: 1, journeys: 1, business: true}, until("A allows"), onGrant(func(_ grant.Grant, g *grant.Grant) { g.Profile++ })},
		{"a stopped access stands", "I4", owning, owned, onGrant(func(_ grant.Grant, g *grant.Grant) {
			g.State, g.EndedAt = grant.Active, time.Time{}
		})},
		{"a code has other scopes than the grant", "I4", claiming, until("A allows"), onAuth(func(_ grant.Code, c *grant.Code) { c.Scopes = append(slices.Clone(c.Scopes), "profiles.write") })},
		{"a code of before the owner", "I4", claiming, until("A allows"), onAuth(func(_ grant.Code, c *grant.Code) { c.Epoch = 1 })},
		{"a redemption is not marked", "I5", claiming, until("partner exchanges"), onAuth(func(_ grant.Code, c *grant.Code) { c.RedeemedAt = time.Time{} })},
		{"a second use ends nothing", "I5", claiming, owned, onToken(func(old grant.Token, k *grant.Token) { k.EndedAt = old.EndedAt })},
	}
}

// TestExplorationFindsFlaws: a server that breaks one of the laws is found by the exploration, and by that law. An exploration that
// finds nothing says something only because of this.
func TestExplorationFindsFlaws(t *testing.T) {
	t.Parallel()
	for _, f := range flaws() {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			st, first := newStage(t, f.bounds)
			for _, name := range f.from {
				all := actions(f.bounds)
				after, changed := st.play(&first, all[slices.IndexFunc(all, func(a action) bool { return a.name == name })])
				if !changed {
					t.Fatalf("%s changes nothing after %v", name, first.path)
				}
				first = after
			}
			var found []string
			st.found = &found
			st.m.twist = func(old, row any) {
				f.twist(old, row)
				if s, is := row.(*customer.Session); is && s.Account == anAccount {
					s.Account = st.account
				}
			}
			st.explore(first, nil)
			if !slices.ContainsFunc(found, func(text string) bool { return strings.HasPrefix(text, f.law+":") }) {
				t.Errorf("%s is not found by %s, but: %.300q", f.name, f.law, found)
			}
		})
	}
}
