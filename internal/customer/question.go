package customer

import (
	"context"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// A Question to the operator's own system is whether a profile, as the customer confirmed it, is true.
type Question struct {
	// ID is a UUID, drawn anew for each try: an answer to another try is no answer to this one.
	ID      string
	Profile Profile
}

// questionsAtOnce bounds what one round asks.
const questionsAtOnce = 20

// Questions takes what is due and keeps each from being asked again until its next try is due: 1, 2, 4 ... minutes later, as
// for notifications. A try whose node dies is thus followed by the next like any other. After the last one the question is
// given up, and an operator decides. A profile that changed since it was confirmed is no question.
func (cs Customers) Questions(ctx context.Context) ([]Question, error) {
	var due []ProfileID
	err := cs.Store.View(ctx, func(tx Tx) (err error) {
		due, err = tx.DueQuestions(cs.Now(), questionsAtOnce)
		return err
	})
	var list []Question
	for _, id := range due {
		if err != nil {
			return nil, err
		}
		var q Question
		if q, err = cs.take(ctx, id); q.ID != "" {
			list = append(list, q)
		}
	}
	return list, err
}

// take begins one try, or ends a question that is over; then the Question is zero.
func (cs Customers) take(ctx context.Context, id ProfileID) (Question, error) {
	now := cs.Now()
	var q Question
	err := cs.Store.Change(ctx, func(tx Tx) (audit.Event, error) {
		q = Question{}
		p, err := tx.Profile(id)
		if err != nil {
			return audit.Event{}, err
		}
		v := &p.Verification
		if v.AskAt.IsZero() || v.AskAt.After(now) { // another node was faster
			return audit.Event{}, nil
		}
		a, err := tx.Account(p.Account)
		if err != nil {
			return audit.Event{}, err
		}
		e := audit.Event{At: now, Action: audit.VerificationAsked, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorServer}, Account: int64(a.ID)}
		switch {
		case !a.Owned() || !p.Confirmed() || p.Verified():
			e.Outcome, e.Reason = audit.Denied, "over"
			v.AskAt, v.Asked = time.Time{}, 0
		case v.Asked >= partner.MostTries:
			e.Outcome, e.Reason = audit.Denied, "given_up"
			v.AskAt = time.Time{}
		default:
			v.Asked++
			v.AskAt = now.Add(partner.Wait(v.Asked))
			q = Question{ID: secret.UUID()}
		}
		err = tx.SaveProfile(&p)
		if q.Profile = p; q.ID == "" {
			q.Profile = Profile{}
		}
		return e, err
	})
	return q, err
}

// Answer writes what the operator's own system said. Errors: ErrVersion when the profile is not the one any more that the
// question was about; a confirmation since has raised the next question.
func (cs Customers) Answer(ctx context.Context, q Question, verified bool) error {
	now := cs.Now()
	return cs.Store.Change(ctx, func(tx Tx) (audit.Event, error) {
		p, err := tx.Profile(q.Profile.ID)
		if err != nil {
			return audit.Event{}, err
		}
		a, err := tx.Account(p.Account)
		if err != nil {
			return audit.Event{}, err
		}
		if p.Edition != q.Profile.Edition || !p.Confirmed() || !a.Owned() || p.Verification.AskAt.IsZero() {
			return audit.Event{}, ErrVersion
		}
		e := verdictEvent(now, a, verified)
		e.Actor = audit.Actor{Kind: audit.ActorServer}
		if _, err := cs.decide(tx, a, p, Decision{Verified: verified, By: BySystem}, now); err != nil {
			return audit.Event{}, err
		}
		return e, tx.SaveAccount(&a)
	})
}

// Postpone moves the next try of a question to the moment that was asked for, within a day.
func (cs Customers) Postpone(ctx context.Context, q Question, until time.Time) error {
	now := cs.Now()
	if latest := now.Add(24 * time.Hour); until.After(latest) {
		until = latest
	}
	return cs.Store.Change(ctx, func(tx Tx) (audit.Event, error) {
		p, err := tx.Profile(q.Profile.ID)
		if err != nil {
			return audit.Event{}, err
		}
		if p.Verification.AskAt.IsZero() || p.Verification.Asked != q.Profile.Verification.Asked {
			return audit.Event{}, nil // decided or asked again since
		}
		p.Verification.AskAt = until.UTC().Truncate(time.Millisecond)
		return audit.Event{At: now, Action: audit.VerificationPostponed, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorServer},
			Account: int64(p.Account)}, tx.SaveProfile(&p)
	})
}
