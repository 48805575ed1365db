package customer

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/partner"
)

// ErrNoProposal: what was decided about is not what stands there: it was decided, taken back or replaced since it was shown.
var ErrNoProposal = errors.New("proposal is not the one that was shown")

// SignedIn is the customer whose account it is, as their session says. Every write repeats both epochs, so that one that ended
// meanwhile decides nothing.
type SignedIn struct {
	Account             AccountID
	Epoch, SessionEpoch int64
	Origin
}

// SignedInTo is the customer for whom a session of the account stands.
func SignedInTo(a Account, o Origin) SignedIn { return SignedIn{a.ID, a.Epoch, a.SessionEpoch, o} }

// Admit repeats, inside the transaction, what the session said: it is the owner's, of this epoch, and the account is not on hold.
// Errors: ErrStale, ErrNoAccount.
func (o SignedIn) Admit(tx AccountTx) (Account, error) {
	a, err := tx.Account(o.Account)
	if err == nil && (a.Epoch != o.Epoch || a.SessionEpoch != o.SessionEpoch || !a.Owned()) {
		err = ErrStale
	}
	return a, err
}

// An Offer is a profile about which a partner proposes something, with who represents it where that is proposed too: its values
// are those of today, its proposals those of a partner.
type Offer struct {
	Profile        Profile
	Representative Representative
}

// Offers lists the profiles about which something is proposed, oldest first (design 10.11). A representative of several
// businesses is with the first of them.
func (cs Customers) Offers(ctx context.Context, o SignedIn) ([]Offer, error) {
	var offers []Offer
	err := cs.Store.View(ctx, func(tx Tx) error {
		offers = nil
		if _, err := o.Admit(tx); err != nil {
			return err
		}
		profiles, err := tx.Profiles(o.Account)
		shown := map[RepresentativeID]bool{}
		for _, p := range profiles {
			if err != nil {
				return err
			}
			offer := Offer{Profile: p}
			if id := p.Representative; id != 0 && !shown[id] {
				shown[id] = true
				if offer.Representative, err = cs.represent(tx, o.Account, id); len(offer.Representative.Details.Proposals) == 0 {
					offer.Representative = Representative{}
				}
			}
			if offer.Representative.ID != 0 || len(p.Details.Proposals)+len(p.Details.ProposedLists) > 0 {
				offers = append(offers, offer)
			}
		}
		return err
	})
	return offers, err
}

// A Choice is what the customer decided about proposals, as they stood at a moment.
type Choice struct {
	Profile ProfileID
	// Fields are the values and lists that are decided about together; none for the whole of who represents the business.
	Fields []Field
	// Until is the newest of the proposals that were shown: a newer one was not seen, and nobody accepts what they have not seen.
	Until  time.Time
	Accept bool
}

// Settle puts accepted proposals into effect and drops the others, all or none of the choices, and tells those who may hear of
// it which fields changed. Errors: ErrStale, ErrNoProfile, ErrNoProposal, ErrLocked.
func (cs Customers) Settle(ctx context.Context, o SignedIn, choices []Choice) error {
	now := cs.Now()
	return cs.Store.Change(ctx, func(tx Tx) (audit.Event, error) {
		a, err := o.Admit(tx)
		if err != nil || len(choices) == 0 {
			return audit.Event{}, err
		}
		// Persons first: with a transfer businesses lose their verification, which unlocks them.
		ordered := slices.Clone(choices)
		slices.SortStableFunc(ordered, func(x, y Choice) int { return min(len(x.Fields), 1) - min(len(y.Fields), 1) })
		accepted := 0
		for _, choice := range ordered {
			if err := cs.settle(tx, a, choice, now); err != nil {
				return audit.Event{}, err
			}
			if choice.Accept {
				accepted++
			}
		}
		a.UpdatedAt = now
		return audit.Event{At: now, Action: audit.ProposalDecided, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorCustomer, ID: int64(a.ID)},
			Account: int64(a.ID), Reference: o.Reference, Network: o.Network,
			Detail: map[string]string{"accepted": strconv.Itoa(accepted), "declined": strconv.Itoa(len(choices) - accepted)}}, tx.SaveAccount(&a)
	})
}

func (cs Customers) settle(tx Tx, a Account, choice Choice, now time.Time) error {
	p, err := tx.Profile(choice.Profile)
	if err == nil && p.Account != a.ID {
		err = ErrNoProfile
	}
	if err != nil {
		return err
	}
	var changed []Field
	if len(choice.Fields) == 0 {
		changed, err = cs.settlePerson(tx, a, &p, choice, now)
	} else {
		p, changed, err = p.settle(choice, now)
	}
	if err != nil {
		return err
	}
	if err := tx.SaveProfile(&p); err != nil || len(changed) == 0 {
		return err
	}
	if err := cs.settleReviews(tx, p, a.Epoch, now); err != nil {
		return err
	}
	e := partner.Event{Type: partner.EventProfiles, State: "changed", OccurredAt: now}
	for _, f := range changed {
		e.Fields = append(e.Fields, string(f))
	}
	return cs.tellWatchers(tx, a, p, e)
}

// settle returns the profile with a choice about some of its fields, and what changed. What verification locks is not accepted:
// somebody has checked what holds. Errors: ErrNoProposal, ErrLocked.
func (p Profile) settle(choice Choice, now time.Time) (Profile, []Field, error) {
	confirmed := p.Confirmed()
	about := func(f Field, at time.Time) bool { return slices.Contains(choice.Fields, f) && !at.After(choice.Until) }
	var values []Proposal
	var lists []ListProposal
	for _, q := range p.Details.Proposals {
		if about(q.Field, q.At) {
			values = append(values, q)
		} else if slices.Contains(choice.Fields, q.Field) {
			return Profile{}, nil, ErrNoProposal
		}
	}
	for _, q := range p.Details.ProposedLists {
		if about(q.Field, q.At) {
			lists = append(lists, q)
		} else if slices.Contains(choice.Fields, q.Field) {
			return Profile{}, nil, ErrNoProposal
		}
	}
	if len(values)+len(lists) == 0 {
		return Profile{}, nil, ErrNoProposal
	}
	p.Details = p.Details.clone()
	p.Details.Proposals = slices.DeleteFunc(p.Details.Proposals, func(q Proposal) bool { return about(q.Field, q.At) })
	p.Details.ProposedLists = slices.DeleteFunc(p.Details.ProposedLists, func(q ListProposal) bool { return about(q.Field, q.At) })
	p.UpdatedAt = now
	if !choice.Accept {
		return p, nil, nil
	}
	p, changed, err := p.accept(values, lists, now)
	// Who was asked about this very value has confirmed it; what is asked for anew by it is for the next review.
	if confirmed && err == nil && len(p.Missing()) == 0 {
		p.reconfirmed(now)
	}
	return p, changed, err
}

// accept puts proposals in: said by the partner, confirmed by the customer.
func (p Profile) accept(values []Proposal, lists []ListProposal, now time.Time) (Profile, []Field, error) {
	say := map[Field]string{}
	for _, q := range values {
		if p.Locked(q.Field) {
			return Profile{}, nil, LockedError{[]Field{q.Field}}
		}
		say[q.Field] = q.Value
	}
	p, changed := p.With(say, ByPartner, now)
	for _, q := range lists {
		if p.Locked(q.Field) {
			return Profile{}, nil, LockedError{[]Field{q.Field}}
		}
		p = p.withList(q.Field, q.Lists, ByPartner, now)
		changed = append(changed, q.Field)
	}
	p.Details = p.Details.seen(changed, now)
	return p, changed, nil
}

// seen returns the details with some fields confirmed by the customer.
func (d Details) seen(fields []Field, now time.Time) Details {
	d = d.clone()
	for _, f := range fields {
		said := d.Provenance[f]
		said.ConfirmedAt = now
		d.Provenance[f] = said
	}
	return d
}

// settlePerson decides about who represents a business, as a whole. A transfer that is accepted makes it another person, so that
// what was verified holds no more (contract 8.6); a correction of who holds the account is one of the personal profile.
func (cs Customers) settlePerson(tx Tx, a Account, p *Profile, choice Choice, now time.Time) ([]Field, error) {
	r, err := ownRepresentative(tx, a.ID, p.Representative)
	if err != nil {
		return nil, ErrNoProposal
	}
	newer := func(q Proposal) bool { return q.At.After(choice.Until) }
	if len(r.Details.Proposals) == 0 || slices.ContainsFunc(r.Details.Proposals, newer) || r.TransferAt.After(choice.Until) {
		return nil, ErrNoProposal
	}
	say, transfer := map[Field]string{}, !r.TransferAt.IsZero()
	for _, q := range r.Details.Proposals {
		say[q.Field] = q.Value
	}
	r.Details = r.Details.clone()
	r.Details.Proposals, r.TransferAt, r.UpdatedAt = nil, time.Time{}, now
	if !choice.Accept {
		return nil, tx.SaveRepresentative(&r)
	}
	profiles, err := tx.Profiles(a.ID)
	if err != nil {
		return nil, err
	}
	if r.Holder && !transfer {
		if err := cs.settleHolder(tx, a, profiles, say, now); err != nil {
			return nil, err
		}
		return nil, tx.SaveRepresentative(&r)
	}
	if !transfer {
		for f := range say {
			if r.Locked(f, profiles) {
				return nil, LockedError{[]Field{f}}
			}
		}
	} else if *p, err = cs.transferred(tx, *p, now); err != nil {
		return nil, err
	}
	if transfer {
		r.Holder, r.Details = false, Details{}
	}
	var changed []Field
	r.Details, changed = r.Details.with(RepresentativeFields(), say, ByPartner, now)
	r.Details = r.Details.seen(changed, now)
	return changed, tx.SaveRepresentative(&r)
}

// settleHolder corrects the personal profile by what was proposed for the representative that its person is.
func (cs Customers) settleHolder(tx Tx, a Account, profiles []Profile, say map[Field]string, now time.Time) error {
	personal, found := PersonalOf(profiles)
	if !found {
		return ErrNoProposal
	}
	choice := Choice{Profile: personal.ID, Until: now, Accept: true}
	for f, value := range say {
		personal.Details.Proposals = slices.DeleteFunc(slices.Clone(personal.Details.Proposals), func(q Proposal) bool { return q.Field == f })
		personal.Details.Proposals = append(personal.Details.Proposals, Proposal{Field: f, Value: value, At: now})
		choice.Fields = append(choice.Fields, f)
	}
	after, changed, err := personal.settle(choice, now)
	if err != nil {
		return err
	}
	if err := tx.SaveProfile(&after); err != nil || len(changed) == 0 {
		return err
	}
	e := partner.Event{Type: partner.EventProfiles, State: "changed", OccurredAt: now}
	for _, f := range changed {
		e.Fields = append(e.Fields, string(f))
	}
	return cs.tellWatchers(tx, a, after, e)
}
