package claim

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/partner"
)

// Own reads what the customer's own pages show of the account of whoever is signed in: the state of a journey that is none. Its
// partner is the one that opened the account, where nobody else was ever allowed to write to it; zero where one cannot say who
// gave what. Errors: customer.ErrStale.
func (cs Claims) Own(ctx context.Context, o customer.SignedIn) (State, error) {
	var state State
	err := cs.Store.View(ctx, func(tx Tx) (err error) {
		state, err = cs.own(tx, o)
		return err
	})
	return state, err
}

func (cs Claims) own(tx Tx, o customer.SignedIn) (State, error) {
	a, err := o.Admit(tx)
	if err != nil {
		return State{}, err
	}
	state := State{Account: a, Extras: cs.Extras, Journey: Journey{Account: a.ID}}
	if state.Profiles, err = tx.Profiles(a.ID); err != nil {
		return State{}, err
	}
	state.Profile = firstOf(state.Profiles)
	if err := state.prefilled(tx); err != nil {
		return State{}, err
	}
	grants, err := tx.EveryGrant(a.ID)
	writes := func(g grant.Grant) bool {
		return g.Partner != a.Creator && slices.Contains(g.Scopes, partner.ScopeProfilesWrite)
	}
	if err != nil || slices.ContainsFunc(grants, writes) {
		return state, err
	}
	state.Journey.Partner = a.Creator
	state.Partner, err = tx.Partner(a.Creator)
	return state, err
}

// CorrectOwn is Correct outside a journey: the customer's own word, which needs no review. What was confirmed before stays
// confirmed, as long as nothing that is needed is missing by it. Every partner that may see the profile hears which fields changed.
// Errors: customer.ErrStale, and those of Correct but for the journey's.
func (cs Claims) CorrectOwn(ctx context.Context, o customer.SignedIn, c Correction) error {
	now := cs.Now()
	return cs.Store.Change(ctx, func(tx Tx) (audit.Event, error) {
		state, err := cs.own(tx, o)
		if err != nil {
			return audit.Event{}, err
		}
		after, changed, err := cs.correct(tx, state, c, now)
		if err != nil || len(changed) == 0 {
			return audit.Event{}, err
		}
		if err := cs.keepConfirmed(tx, state, now); err != nil {
			return audit.Event{}, err
		}
		e := ownEvent(now, audit.ProfileChanged, o)
		e.Detail = map[string]string{"profile": strconv.FormatInt(int64(after.ID), 10), "fields": strings.Join(names(changed), " ")}
		return e, cs.tellReaders(tx, state.Account, after, "changed", changed, now)
	})
}

// keepConfirmed confirms again what was confirmed before a correction, of the profile that it was of and of those that share
// who represents them, once nothing is missing and every value is one that the customer said or confirmed. It reads them anew: the
// correction has saved them.
func (cs Claims) keepConfirmed(tx Tx, before State, now time.Time) error {
	profiles, err := tx.Profiles(before.Account.ID)
	if err != nil {
		return err
	}
	for _, p := range profiles {
		was, err := before.profile(p.ID)
		if err != nil || p.Edition == was.Edition || was.ConfirmedEdition == 0 || len(p.Missing()) > 0 || !p.Details.AllSettled() {
			continue
		}
		if p.Representative != 0 {
			r, err := tx.Representative(p.Representative)
			if err != nil {
				return err
			}
			if !r.Holder && !r.Details.AllSettled() {
				continue
			}
		}
		p = p.Reconfirm(now)
		if err := tx.SaveProfile(&p); err != nil {
			return err
		}
	}
	return nil
}

// DisputeOwn is Dispute outside a journey. Errors: customer.ErrStale, and those of Dispute but for the journey's.
func (cs Claims) DisputeOwn(ctx context.Context, o customer.SignedIn, of customer.ProfileID, fields []customer.Field, note string) error {
	note, err := customer.CheckNote(note)
	if err != nil {
		return err
	}
	now := cs.Now()
	return cs.Store.Change(ctx, func(tx Tx) (audit.Event, error) {
		state, err := cs.own(tx, o)
		if err != nil {
			return audit.Event{}, err
		}
		p, err := state.profile(of)
		if err != nil {
			return audit.Event{}, err
		}
		p, changed, err := p.Dispute(fields, note, now)
		if err != nil || !changed {
			return audit.Event{}, err
		}
		if err := tx.SaveProfile(&p); err != nil {
			return audit.Event{}, err
		}
		e := ownEvent(now, audit.ProfileDisputed, o)
		return e, cs.tellReaders(tx, state.Account, p, "disputed", fields, now)
	})
}

// OwnFile is one of the files about the customer's profiles, with its content. Another account's is as unknown as one that does not
// exist (I10). Errors: customer.ErrStale, customer.ErrNoFile.
func (cs Claims) OwnFile(ctx context.Context, o customer.SignedIn, id customer.FileID) (customer.File, error) {
	var f customer.File
	err := cs.Store.View(ctx, func(tx Tx) error {
		if _, err := o.Admit(tx); err != nil {
			return err
		}
		found, err := tx.File(id)
		if err == nil && found.Account != o.Account {
			err = customer.ErrNoFile
		}
		if err == nil {
			f = found
		}
		return err
	})
	return f, err
}

// ownEvent is an event of the owner at their own pages.
func ownEvent(now time.Time, action audit.Action, o customer.SignedIn) audit.Event {
	return audit.Event{At: now, Action: action, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorCustomer, ID: int64(o.Account)},
		Account: int64(o.Account), Reference: o.Reference, Network: o.Network}
}

// tellReaders tells each partner that may see the profile now, naming fields and no values.
func (cs Claims) tellReaders(tx Tx, a customer.Account, p customer.Profile, state string, fields []customer.Field, now time.Time) error {
	grants, err := tx.GrantsOf(a.ID)
	if err != nil {
		return err
	}
	told := map[partner.ID]bool{}
	for _, g := range grants {
		if told[g.Partner] || !g.Stands(now) || g.Profile != p.ID {
			continue
		}
		told[g.Partner] = true
		if err := cs.tellProfile(tx, now, Journey{Partner: g.Partner, Account: a.ID}, p, state, names(fields)...); err != nil {
			return err
		}
	}
	return nil
}
