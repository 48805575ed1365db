package customer

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/partner"
)

// A Verifier says who decided about a profile.
type Verifier string

// The verifiers.
const (
	// ByOperator is the operator, at the command line.
	ByOperator Verifier = "operator"
	// BySystem is the operator's own system, which was asked over the network and signed its answer.
	BySystem Verifier = "system"
	// BySimulation is a partner that tries things out, where the operator allows that (contract 14).
	BySimulation Verifier = "simulation"
	// ByTransfer is nobody: a business got another representative, so that what was checked holds no more (contract 8.6).
	ByTransfer Verifier = "transfer"
)

// Verification is whether somebody whom the operator trusts has checked that a profile is true (contract 11.1). Neither the
// partner nor the customer can write it.
type Verification struct {
	// At is when the profile was verified; zero while it is not.
	At time.Time
	// By decided last, for or against; "" while nobody has.
	By Verifier
	// AskAt is when the operator's own system is to be asked next; zero when there is no question. A confirmation by the
	// customer raises one.
	AskAt time.Time
	// Asked counts the tries of the present question.
	Asked int
}

// Verified reports whether the profile is verified.
func (p Profile) Verified() bool { return !p.Verification.At.IsZero() }

// Verdict returns the profile as decided, and whether that changed its state.
func (p Profile) Verdict(verified bool, by Verifier, now time.Time) (Profile, bool) {
	changed := p.Verified() != verified
	p.Verification.By, p.Verification.AskAt, p.Verification.Asked = by, time.Time{}, 0
	switch {
	case !verified:
		p.Verification.At = time.Time{}
	case changed:
		p.Verification.At = now
	}
	return p, changed
}

// VerificationTx is what verification needs of a transaction beside accounts, profiles and events.
type VerificationTx interface {
	KYCReviewTx
	// ReviewFiles marks the files of a profile that nobody has looked at yet as looked at: those for the purposes, all for nil.
	ReviewFiles(account AccountID, profile ProfileID, at time.Time, purposes []Purpose) error
	// Watchers lists the partners with a grant for the profile that stands at now.
	Watchers(account AccountID, profile ProfileID, now time.Time) ([]partner.ID, error)
	// DueQuestions lists profiles about which the operator's own system is to be asked by now, the longest waiting first.
	DueQuestions(now time.Time, most int) ([]ProfileID, error)
}

// A Decision is what somebody found out about one profile, or about all profiles of an account.
type Decision struct {
	// Account or Profile is set, the other is 0.
	Account  AccountID
	Profile  ProfileID
	Verified bool
	By       Verifier
}

// Decide writes what an operator decided, tells the partners that may hear of it in the same transaction, and returns the
// profiles whose state changed. What holds already changes nothing but that the files which wait for somebody to look at them wait
// no more. Errors: ErrNoAccount, ErrNoProfile.
func (cs Customers) Decide(ctx context.Context, d Decision) ([]Profile, error) {
	now := cs.Now()
	var changed []Profile
	err := cs.Store.Change(ctx, func(tx Tx) (audit.Event, error) {
		changed = nil
		a, list, err := decidable(tx, d)
		if err != nil {
			return audit.Event{}, err
		}
		e := verdictEvent(now, a, d.Verified)
		e.Actor = audit.Actor{Kind: audit.ActorOperator}
		var looked bool
		changed, looked, err = cs.decideAll(tx, a, list, d, now)
		if len(changed) == 0 && !looked || err != nil {
			return audit.Event{}, err
		}
		return e, nil
	})
	return changed, err
}

// decidable reads what a decision is about.
func decidable(tx Tx, d Decision) (Account, []Profile, error) {
	if d.Profile == 0 {
		a, err := tx.Account(d.Account)
		if err != nil {
			return Account{}, nil, err
		}
		list, err := tx.Profiles(a.ID)
		if err == nil && len(list) == 0 {
			err = ErrNoProfile
		}
		return a, list, err
	}
	p, err := tx.Profile(d.Profile)
	if err != nil {
		return Account{}, nil, err
	}
	a, err := tx.Account(p.Account)
	return a, []Profile{p}, err
}

func verdictEvent(now time.Time, a Account, verified bool) audit.Event {
	action := audit.ProfileVerified
	if !verified {
		action = audit.ProfileUnverified
	}
	return audit.Event{At: now, Action: action, Outcome: audit.Allowed, Account: int64(a.ID)}
}

// decideAll writes one decision about several profiles of an account and returns those whose state changed, and whether files of
// the others were waiting for it. Without any of both nothing is written.
func (cs Customers) decideAll(tx Tx, a Account, list []Profile, d Decision, now time.Time) (changed []Profile, looked bool, err error) {
	for _, p := range list {
		same := p.Verified() == d.Verified
		if same {
			waiting, err := filesWait(tx, p)
			if err != nil {
				return nil, false, err
			}
			if !waiting {
				continue
			}
			looked = true
		}
		if p, err = cs.decide(tx, a, p, d, now); err != nil {
			return nil, false, err
		}
		if !same {
			changed = append(changed, p)
		}
	}
	if len(changed) == 0 && !looked {
		return nil, false, nil
	}
	// The account's row, so that the decision and a change of hands exclude each other: partners are told by what holds.
	return changed, looked, tx.SaveAccount(&a)
}

// filesWait reports whether there are files of a profile that nobody has looked at.
func filesWait(tx Tx, p Profile) (bool, error) {
	files, err := tx.Files(p.Account, p.ID)
	return slices.ContainsFunc(files, func(f File) bool { return f.ReviewedAt.IsZero() }), err
}

// decide saves a profile as decided and, where its state changed, queues the documented event (contract 12.4) for everybody
// who may hear of it.
func (cs Customers) decide(tx Tx, a Account, p Profile, d Decision, now time.Time) (Profile, error) {
	p, changed := p.Verdict(d.Verified, d.By, now)
	if err := tx.SaveProfile(&p); err != nil {
		return p, err
	}
	// Whoever decided has seen what was given; more may be given from now on (contract 11.4).
	if d.By != ByTransfer {
		if err := tx.ReviewFiles(a.ID, p.ID, now, nil); err != nil {
			return p, err
		}
	}
	if !changed {
		return p, nil
	}
	if err := cs.settleReviews(tx, p, a.Epoch, now); err != nil {
		return p, err
	}
	state := "not_verified"
	if d.Verified {
		state = "verified"
	}
	if err := cs.tellWatchers(tx, a, p, partner.Event{Type: partner.EventVerification, State: state, OccurredAt: now}); err != nil {
		return p, err
	}
	return p, cs.tellWatchers(tx, a, p, p.checked(now))
}

// tellWatchers queues an event about a profile: for its creator until the account is claimed, and for those whom the
// customer let in (design 10.12).
func (cs Customers) tellWatchers(tx Tx, a Account, p Profile, e partner.Event) error {
	to, err := tx.Watchers(a.ID, p.ID, e.OccurredAt)
	if err != nil {
		return err
	}
	if a.State == Pending && !slices.Contains(to, a.Creator) {
		to = append(to, a.Creator)
	}
	for _, id := range to {
		e.ID, e.Partner, e.Account, e.Profile = cs.IDs.Next(), id, int64(a.ID), int64(p.ID)
		if err := tx.QueueEvent(e); err != nil {
			return err
		}
	}
	return nil
}

// Simulate verifies a profile as a partner's trial (contract 14), or all within the caller's reach when id is 0. An
// application's token, which has no account, reaches the accounts that its partner opened and nobody has claimed.
// Errors: ErrNoProfile.
func (cs Customers) Simulate(ctx context.Context, c Caller, id ProfileID) error {
	now := cs.Now()
	return cs.Store.Change(ctx, func(tx Tx) (audit.Event, error) {
		c := c
		var a Account
		var list []Profile
		var err error
		if c.Account == 0 {
			a, list, err = c.opened(tx, id)
		} else if a, err = c.admit(tx); err == nil {
			list, err = c.within(tx, id)
		}
		if err != nil {
			return audit.Event{}, err
		}
		changed, looked, err := cs.decideAll(tx, a, list, Decision{Verified: true, By: BySimulation}, now)
		if len(changed) == 0 && !looked || err != nil {
			return audit.Event{}, err
		}
		c.Account = a.ID
		return c.event(now, audit.ProfileVerified), nil
	})
}

// opened finds a profile of an account that the partner opened and nobody has claimed (design 10.12). Everything else is
// ErrNoProfile (I10).
func (c Caller) opened(tx Tx, id ProfileID) (Account, []Profile, error) {
	a, list, err := decidable(tx, Decision{Profile: id})
	if err == nil && (a.Creator != c.Partner || a.State != Pending || a.ClosedToCreator()) {
		err = ErrNoProfile
	}
	return a, list, err
}

// within lists one profile or, when id is 0, all within the caller's reach.
func (c Caller) within(tx Tx, id ProfileID) ([]Profile, error) {
	if id == 0 {
		id = c.Profile
	}
	if id == 0 {
		return tx.Profiles(c.Account)
	}
	p, err := c.profile(tx, id, "")
	return []Profile{p}, err
}

// Look reads an account with its profiles for an operator, by its own id or by that of one of its profiles. Errors:
// ErrNoAccount.
func (cs Customers) Look(ctx context.Context, id int64) (a Account, list []Profile, err error) {
	err = cs.Store.View(ctx, func(tx Tx) error {
		a, err = tx.Account(AccountID(id))
		if errors.Is(err, ErrNoAccount) {
			var p Profile
			if p, err = tx.Profile(ProfileID(id)); errors.Is(err, ErrNoProfile) {
				return ErrNoAccount
			}
			if err == nil {
				a, err = tx.Account(p.Account)
			}
		}
		if err == nil {
			list, err = tx.Profiles(a.ID)
		}
		return err
	})
	return a, list, err
}
