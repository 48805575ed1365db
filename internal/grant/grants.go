package grant

import (
	"context"
	"errors"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// OwnerTx is what a customer's verbs on accesses need of a transaction.
type OwnerTx interface {
	customer.AccountTx
	customer.MailTx
	partner.EventTx
	GrantTx
	Partner(partner.ID) (partner.Partner, error)
	Profiles(customer.AccountID) ([]customer.Profile, error)
	EndRefresh(customer.AccountID, partner.ID, ID, time.Time) error
}

// OwnerStore runs transactions for a customer's verbs on accesses.
type OwnerStore interface {
	View(ctx context.Context, fn func(OwnerTx) error) error
	Change(ctx context.Context, fn func(OwnerTx) (audit.Event, error)) error
}

// Grants has the customer's own verbs on what they allowed: look, and stop. What gives access is the consent of a journey.
type Grants struct {
	Store OwnerStore
	IDs   *secret.IDs
	Now   func() time.Time
}

// A Card is an access as its customer sees it.
type Card struct {
	Grant
	Partner partner.Partner
	// Profile is what it reaches; its ID is 0 when it is no more.
	Profile customer.Profile
}

// Cards are all accesses that a customer ever gave: what stands now first, then what was stopped or has ended, the newest first of
// each. Errors: customer.ErrStale for whoever is signed out meanwhile or on hold.
func (gs Grants) Cards(ctx context.Context, o customer.SignedIn) ([]Card, error) {
	now := gs.Now()
	var standing, over []Card
	err := gs.Store.View(ctx, func(tx OwnerTx) error {
		standing, over = nil, nil
		if _, err := o.Admit(tx); err != nil {
			return err
		}
		grants, err := tx.EveryGrant(o.Account)
		if err != nil {
			return err
		}
		profiles, err := tx.Profiles(o.Account)
		if err != nil {
			return err
		}
		for _, g := range grants {
			c, err := card(tx, g, profiles)
			if err != nil {
				return err
			}
			if g.Stands(now) {
				standing = append(standing, c)
			} else {
				over = append(over, c)
			}
		}
		return nil
	})
	return append(standing, over...), err
}

func card(tx OwnerTx, g Grant, profiles []customer.Profile) (Card, error) {
	c := Card{Grant: g}
	for _, p := range profiles {
		if p.ID == g.Profile {
			c.Profile = p
		}
	}
	var err error
	c.Partner, err = tx.Partner(g.Partner)
	return c, err
}

// Card is one of them. Somebody else's is as unknown as one that does not exist (I10). Errors: ErrNoGrant, customer.ErrStale.
func (gs Grants) Card(ctx context.Context, o customer.SignedIn, id ID) (Card, error) {
	var c Card
	err := gs.Store.View(ctx, func(tx OwnerTx) error {
		if _, err := o.Admit(tx); err != nil {
			return err
		}
		g, err := own(tx, o, id)
		if err != nil {
			return err
		}
		profiles, err := tx.Profiles(o.Account)
		if err == nil {
			c, err = card(tx, g, profiles)
		}
		return err
	})
	return c, err
}

// own finds a grant among those of whoever is signed in.
func own(tx OwnerTx, o customer.SignedIn, id ID) (Grant, error) {
	g, err := tx.Grant(id)
	if err == nil && g.Account != o.Account {
		err = ErrNoGrant
	}
	if err != nil {
		return Grant{}, err
	}
	return g, nil
}

// Stop ends one access for good: its access and refresh tokens and its authorization codes are refused from the commit on, since
// each use asks for the grant; the partner hears of it, and the customer gets mail M7 (journey section 7). No reason is asked, and
// no fresh proof: stopping must never be harder than giving. It reads the account, so a refresh, an exchange or a write of the
// partner's that runs beside it is before it or after it, and refused then. What does not stand any more is left as it is, and is
// no error: it is a double click. Errors: ErrNoGrant, customer.ErrStale.
func (gs Grants) Stop(ctx context.Context, o customer.SignedIn, id ID) error {
	now := gs.Now()
	return gs.Store.Change(ctx, func(tx OwnerTx) (audit.Event, error) {
		a, err := o.Admit(tx)
		if err != nil {
			return audit.Event{}, err
		}
		g, err := own(tx, o, id)
		if err != nil || !g.Stoppable(now) {
			return audit.Event{}, err
		}
		g.State, g.EndedAt = Stopped, now
		if err := errors.Join(tx.SaveGrant(&g), tx.EndRefresh(g.Account, g.Partner, g.ID, now)); err != nil {
			return audit.Event{}, err
		}
		e := audit.Event{At: now, Action: audit.GrantStopped, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorCustomer, ID: int64(g.Account)},
			Partner: int64(g.Partner), Account: int64(g.Account), Reference: o.Reference, Network: o.Network}
		return g.described(e), errors.Join(gs.write(tx, a, g, customer.AccessStopped, now), gs.tell(tx, g, now))
	})
}

// write tells the customer by mail M7 what became of an access, and tell tells the partner by an event.
func (gs Grants) write(tx OwnerTx, a customer.Account, g Grant, what customer.AccessEnd, now time.Time) error {
	p, err := tx.Partner(g.Partner)
	if err != nil {
		return err
	}
	return tx.QueueMail(customer.Mail{ID: gs.IDs.Next(), Account: a.ID, Kind: customer.MailAccessEnds, To: a.Email, Language: "en", Partner: p.Name,
		End: what, Until: g.Until, At: now})
}

func (gs Grants) tell(tx OwnerTx, g Grant, now time.Time) error {
	return tx.QueueEvent(partner.Event{ID: gs.IDs.Next(), Partner: g.Partner, Account: int64(g.Account), Profile: int64(g.Profile),
		Type: partner.EventGrants, State: string(g.State), OccurredAt: now})
}
