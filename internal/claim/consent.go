package claim

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/partner"
)

// An Answer is what C10 posts.
type Answer struct {
	Allow bool
	// Asked is what the page asked about, see State.Asks. What stands may have ended since, and then everything would be allowed by an answer
	// about a little more.
	Asked []partner.Scope
	// Optional are the optional scopes that were ticked.
	Optional []partner.Scope
	// Profile is the chosen one; 0 takes the only one there is.
	Profile customer.ProfileID
	// Language is the one in which the words were read.
	Language string
}

// Decide is C10. Allowing makes a fresh grant of exactly these scopes for exactly this profile, nothing carried over from
// before the claim, and mints the authorization code (I4); the mail M6 and the partner's event go with it. Declining
// leaves the customer the owner and the partner without access. Errors: ErrNoJourney, ErrNotNow, also where
// the page asked about something else than there is to decide now, ErrNoProfileChosen.
func (cs Claims) Decide(ctx context.Context, in Post, answer Answer) error {
	now := cs.Now()
	return cs.Store.Change(ctx, func(tx Tx) (audit.Event, error) {
		state, err := cs.at(tx, in.Text, in.Session, now, StepAllow)
		if err != nil {
			return audit.Event{}, err
		}
		j := state.Journey
		j.DecidedAt, j.FreshAt = now, now
		if !answer.Allow {
			return cs.decline(tx, state, in, now)
		}
		if asked, _ := state.Asks(now); !sameScopes(asked, answer.Asked) {
			return audit.Event{}, ErrNotNow // the answer is the page as it is now
		}
		p, err := state.chosen(answer.Profile)
		if err != nil {
			return audit.Event{}, err
		}
		g, err := cs.allow(tx, state, p, answer, now)
		if err != nil {
			return audit.Event{}, err
		}
		if err := cs.mint(tx, state, &j, g, now); err != nil {
			return audit.Event{}, err
		}
		if err := cs.saveOwned(tx, state, &j, now); err != nil {
			return audit.Event{}, err
		}
		m := customer.Mail{Kind: customer.MailAccess, Until: g.Until}
		for _, s := range g.Scopes {
			m.Scopes = append(m.Scopes, string(s))
		}
		if err := cs.mail(tx, m, state, now); err != nil {
			return audit.Event{}, err
		}
		e := cs.customerEvent(now, audit.ConsentAllowed, j, in.Origin)
		e.Detail = map[string]string{"profile": strconv.FormatInt(int64(g.Profile), 10), "scopes": partner.FormatScopes(g.Scopes)}
		dropped, err := cs.dropCopy(tx, state, now)
		if err != nil {
			return audit.Event{}, err
		}
		if dropped {
			e.Detail["copy"] = strconv.FormatInt(int64(j.Copy), 10)
		}
		return e, cs.tellGrant(tx, now, g)
	})
}

// sameScopes reports whether two lists have the same scopes, in whatever order.
func sameScopes(a, b []partner.Scope) bool {
	without := func(b []partner.Scope) func(partner.Scope) bool {
		return func(s partner.Scope) bool { return !slices.Contains(b, s) }
	}
	return !slices.ContainsFunc(a, without(b)) && !slices.ContainsFunc(b, without(a))
}

// decline ends the journey without access. Who came by E10 and declines leaves: a partner that hides existing accounts hears of
// its own copy alone, that it was left, as it would of any other; what it was told of the account that was there already
// would name it (design 10.6). The receipt is the customer's; the partner reads it when it has access at last.
func (cs Claims) decline(tx Tx, state State, in Post, now time.Time) (audit.Event, error) {
	j := state.Journey
	j.DecidedAt, j.FreshAt, j.Decision = now, now, Declined
	e := cs.customerEvent(now, audit.ConsentDeclined, j, in.Origin)
	if err := cs.declineReceipt(tx, state, now); err != nil {
		return audit.Event{}, err
	}
	if j.Copy != 0 {
		j.Decision = Left
		return e, cs.saveOwned(tx, state, &j, now)
	}
	if err := cs.saveOwned(tx, state, &j, now); err != nil {
		return audit.Event{}, err
	}
	return e, cs.tell(tx, now, j, partner.EventClaims, "declined", "")
}

// allow records the grant: of what was asked about, and of what stands when only more was asked for. An active one for the
// same partner and profile is replaced by its own row, so that there is one access to see and to stop. Access to the
// customer's other profiles is another grant and stays as it is (contract 7.5).
func (cs Claims) allow(tx Tx, state State, p customer.Profile, answer Answer, now time.Time) (grant.Grant, error) {
	before, err := activeGrant(tx, state, p)
	if err != nil {
		return grant.Grant{}, err
	}
	g := before
	if g.ID == 0 {
		// Access that waits since the owner got back in is given again in its own row, asked about as if it had never been.
		if g, err = suspendedGrant(tx, state, p); err != nil {
			return grant.Grant{}, err
		}
	}
	asked, later := state.Asks(now)
	var scopes []partner.Scope
	for _, s := range state.Partner.Scopes() {
		allowed := slices.Contains(asked, s) && (state.Partner.Requires(s) || slices.Contains(answer.Optional, s))
		if allowed || later && slices.Contains(g.Scopes, s) {
			scopes = append(scopes, s)
		}
	}
	if g.ID == 0 {
		g = grant.Grant{ID: grant.ID(cs.IDs.Next()), Account: state.Account.ID, Partner: state.Partner.ID, Profile: p.ID}
	}
	g.Scopes, g.State, g.GivenAt, g.Wording, g.Language = scopes, grant.Active, now, cs.Wording, answer.Language
	g.Until, g.WarnedAt, g.EndedAt = time.Time{}, time.Time{}, time.Time{}
	if life := state.Partner.Class.GrantLife; life > 0 {
		g.Until = now.Add(life)
	}
	if err := tx.SaveGrant(&g); err != nil {
		return grant.Grant{}, err
	}
	return g, cs.consentReceipt(tx, state, p, before, g, now)
}

// suspendedGrant is the access of the journey's partner to a profile that waits for its owner, zero for none.
func suspendedGrant(tx grant.GrantTx, s State, p customer.Profile) (grant.Grant, error) {
	all, err := tx.EveryGrant(s.Account.ID)
	i := slices.IndexFunc(all, func(g grant.Grant) bool {
		return g.State == grant.Suspended && g.Partner == s.Partner.ID && g.Profile == p.ID
	})
	if i < 0 {
		return grant.Grant{}, err
	}
	return all[i], err
}

// mint gives the journey its authorization code; one before it is superseded (design 10.22).
func (cs Claims) mint(tx Tx, state State, j *Journey, g grant.Grant, now time.Time) error {
	if old := state.GrantCode; old.Live(now) {
		old.SupersededAt = now
		if err := tx.SaveCode(&old); err != nil {
			return err
		}
	}
	code, err := grant.NewCode(cs.Keys, cs.IDs, g, j.Request, int64(j.ID), state.Account.Epoch, state.Partner.Class.CodeLife, now)
	if err != nil {
		return err
	}
	j.Decision, j.Grant, j.GrantCode = Allowed, g.ID, code.ID
	if j.DecidedAt.IsZero() {
		j.DecidedAt = now
	}
	return tx.SaveCode(&code)
}

// settle lets a visit pass without being asked when the same access still stands (journey section 5): the code is minted
// and the next step is the way back. It asks again when the request wants more, or says prompt=consent, and wherever there
// are several profiles, and after E10: the request names none, and passing with one would keep the customer from ever choosing another.
func (cs Claims) settle(tx Tx, state State, j *Journey, now time.Time) error {
	if j.Code != 0 || j.Copy != 0 || j.Request.Prompts("consent") || !state.reviewed() || j.ReviewedAt.IsZero() {
		return nil
	}
	wanted := state.Partner.RequiredScopes
	if j.Request.ScopeGiven {
		wanted = j.Request.Scopes
	}
	if !state.Grant.Stands(now) || !state.Grant.Covers(wanted) {
		return nil
	}
	return cs.mint(tx, state, j, state.Grant, now)
}

// A Way is where C11 leads.
type Way struct {
	// Return is what goes back; Connected is set when the code was redeemed: there is no way with a code any more.
	Return    grant.Return
	Connected bool
	State     State
}

// Return is C11: it computes the way back again on every reload. An authorization code that ran out unused is replaced
// while the journey lives; one that was redeemed is not. Errors: ErrNoJourney, ErrNotNow.
func (cs Claims) Return(ctx context.Context, in Post, issuer string) (Way, error) {
	now := cs.Now()
	var way Way
	err := cs.Store.Change(ctx, func(tx Tx) (audit.Event, error) {
		way = Way{}
		state, err := cs.state(tx, in.Text, in.Session, now)
		if err != nil {
			return audit.Event{}, err
		}
		if step, _ := state.Next(now); step != StepReturn {
			return audit.Event{}, ErrNotNow
		}
		way.State = state
		if state.Partner.Class.NamesIssuer {
			way.Return.Issuer = issuer
		}
		if state.Journey.Decision != Allowed {
			way.Return.Error, way.Return.Description = "access_denied", denial(state.Journey.Decision)
			return audit.Event{}, nil
		}
		return cs.wayWithCode(tx, &way, in, now)
	})
	return way, err
}

// denial is the error_description of a return without a code, from the closed list of reasons.
func denial(d Decision) string {
	if d.leaves() {
		return string(d)
	}
	return "The customer did not allow access"
}

func (cs Claims) wayWithCode(tx Tx, way *Way, in Post, now time.Time) (audit.Event, error) {
	state, j := way.State, way.State.Journey
	if !state.GrantCode.RedeemedAt.IsZero() {
		way.Connected = true
		return audit.Event{}, nil
	}
	g, err := tx.Grant(j.Grant)
	if err != nil && !errors.Is(err, grant.ErrNoGrant) {
		return audit.Event{}, err
	}
	if !g.Stands(now) {
		way.Return.Error, way.Return.Description = "access_denied", "The access has ended"
		return audit.Event{}, nil
	}
	e, code := audit.Event{}, state.GrantCode
	if !code.Live(now) {
		if err := cs.mint(tx, state, &j, g, now); err != nil {
			return audit.Event{}, err
		}
		if err := cs.saveOwned(tx, state, &j, now); err != nil {
			return audit.Event{}, err
		}
		if code, err = tx.Code(j.GrantCode); err != nil {
			return audit.Event{}, err
		}
		e = cs.customerEvent(now, audit.AuthorizationMinted, j, in.Origin)
	}
	text, err := code.Text(cs.Keys)
	if err != nil {
		return audit.Event{}, err
	}
	way.Return.Code, way.Return.Profile = text, code.Profile
	return e, nil
}

// Visit begins a journey without a claim code for a customer who is signed in at two factors (journey section 5, R1 to
// R5). Doing it twice with one ticket is the same visit. Errors: ErrTicketOver, customer.ErrNoSession.
func (cs Claims) Visit(ctx context.Context, t Ticket, key customer.SessionKey, language string, o customer.Origin) error {
	now := cs.Now()
	if t.Code != 0 || !t.Alive(now) || t.Left != "" {
		return ErrTicketOver
	}
	return cs.Store.Change(ctx, func(tx Tx) (audit.Event, error) {
		if _, err := tx.Journey(t.Text); !errors.Is(err, ErrNoJourney) {
			return audit.Event{}, err
		}
		s, err := cs.session(tx, key, now)
		if err != nil {
			return audit.Event{}, err
		}
		a, err := tx.Account(s.Account)
		if errors.Is(err, customer.ErrNoAccount) || err == nil && !(s.SignedIn(a, now) && t.Request.Takes(s.SignedInAt)) {
			err = customer.ErrNoSession
		}
		if err != nil {
			return audit.Event{}, err
		}
		j := Journey{ID: JourneyID(cs.IDs.Next()), Text: t.Text, Session: s.ID, Partner: t.Request.Partner, Account: a.ID, Request: t.Request, Copy: t.Copy,
			Number: a.ClaimNumber, Epoch: a.Epoch, StartedAt: now, FreshAt: now, Language: language}
		state, err := cs.load(tx, j, s)
		if err == nil && !state.Partner.Active {
			err = ErrTicketOver // switched off since the browser came
		}
		if err != nil {
			return audit.Event{}, err
		}
		if state.reviewed() {
			j.ReviewedAt = now
		}
		state.Journey = j
		if err := cs.settle(tx, state, &j, now); err != nil {
			return audit.Event{}, err
		}
		return cs.customerEvent(now, audit.JourneyStarted, j, o), cs.saveOwned(tx, state, &j, now)
	})
}
