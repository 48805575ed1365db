package claim

import (
	"context"
	"errors"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/partner"
)

// Commit is C7 and the hand-over (I2): in one transaction the account gets its owner, its epoch rises, and with it
// everything of a lower epoch is dead: the registration code and its tokens, the claim codes, pending changes, sessions,
// stored replies. The browser's session is renewed and signed in. The owner is told by mail, the partner by event, in the
// same transaction, so that it hears of it before its next call can fail. Errors: ErrNoJourney, ErrNotNow, ErrNotSaved.
func (cs Claims) Commit(ctx context.Context, in Post, saved bool) (customer.SessionKey, error) {
	if !saved {
		return customer.SessionKey{}, cs.unfit(ctx, in, ErrNotSaved, StepRecoveryCodes)
	}
	now := cs.Now()
	var key customer.SessionKey
	err := cs.Store.Change(ctx, func(tx Tx) (audit.Event, error) {
		key = customer.SessionKey{}
		state, err := cs.at(tx, in.Text, in.Session, now, StepRecoveryCodes)
		if err != nil {
			return audit.Event{}, err
		}
		if !state.Journey.Provisional.Complete() || !customer.SameEmail(state.Journey.Address, state.Account.Address()) {
			return audit.Event{}, ErrNotNow
		}
		e := cs.customerEvent(now, audit.JourneyClaimed, state.Journey, in.Origin)
		_, err = tx.ClaimedAccount(state.Journey.Address)
		if err == nil {
			return cs.existing(tx, state.Journey, e, now)
		}
		if !errors.Is(err, customer.ErrNoAccount) {
			return audit.Event{}, err
		}
		if key, err = cs.handOver(tx, state, in, now); err != nil {
			return audit.Event{}, err
		}
		return e, nil
	})
	if err != nil {
		return customer.SessionKey{}, err
	}
	return key, nil
}

// handOver writes the commit.
func (cs Claims) handOver(tx Tx, state State, in Post, now time.Time) (customer.SessionKey, error) {
	j, a, s := state.Journey, own(state.Account, state.Journey, now), state.Session
	if err := tx.SaveAccount(&a); err != nil {
		return customer.SessionKey{}, err
	}
	if err := tx.EndClaimCodes(a.ID, Cancelled, now); err != nil {
		return customer.SessionKey{}, err
	}
	key := s.Renew(cs.Keys, in.Session, now)
	s.Account, s.Epoch, s.SessionEpoch, s.Level = a.ID, a.Epoch, a.SessionEpoch, customer.TwoSteps
	s.SignedInAt, s.ProvedAt, s.SeenAt = now, now, now
	if err := tx.SaveSession(&s); err != nil {
		return customer.SessionKey{}, err
	}
	if _, err := customer.Remember(tx, cs.Keys, cs.IDs, a, key, in.Origin, now); err != nil {
		return customer.SessionKey{}, err
	}
	j.CommittedAt, j.FreshAt, j.Epoch = now, now, a.Epoch
	j.forget()
	j.Mailed = MailedCode{}
	if err := tx.SaveJourney(&j); err != nil {
		return customer.SessionKey{}, err
	}
	if state.Profile.ID == 0 {
		empty := customer.NewProfile(cs.IDs, a.ID, customer.KindPersonal, now)
		if err := tx.SaveProfile(&empty); err != nil {
			return customer.SessionKey{}, err
		}
	}
	link, err := cs.objectable(tx, a.ID, now)
	if err != nil {
		return customer.SessionKey{}, err
	}
	if err := cs.mail(tx, customer.Mail{Kind: customer.MailClaimed, Link: link, Until: now.Add(ObjectionLife)}, state, now); err != nil {
		return customer.SessionKey{}, err
	}
	if err := cs.claimReceipt(tx, state, a, now); err != nil {
		return customer.SessionKey{}, err
	}
	return key, cs.tell(tx, now, j, partner.EventClaims, "claimed", "")
}

// own gives the account to the customer: the proven address becomes the sign-in address (design 10.3), the credentials
// come from the journey, and raising the epoch severs the creator.
func own(a customer.Account, j Journey, now time.Time) customer.Account {
	a.State, a.ClaimedAt, a.UpdatedAt, a.LastSignInAt = customer.Claimed, now, now, now
	a.Epoch++
	a.SessionEpoch++
	a.Email, a.ContactEmail = j.Address, ""
	a.Registration, a.RegistrationVersion = nil, 0
	a.Credentials = j.Provisional
	a.LiveJourney = 0
	return a
}

// existing ends a journey whose address was claimed elsewhere while it ran: nothing is merged (E10, requirement 32).
func (cs Claims) existing(tx Tx, j Journey, e audit.Event, now time.Time) (audit.Event, error) {
	j.EndedAt, j.EndedReason = now, OverExisting
	j.forget()
	if err := tx.SaveJourney(&j); err != nil {
		return audit.Event{}, err
	}
	return denied(e, audit.JourneyEnded, "address_taken"), ErrNotNow
}

// mail queues a mail to the owner, with the registered partner name and nothing else that a partner wrote.
func (cs Claims) mail(tx customer.MailTx, m customer.Mail, state State, now time.Time) error {
	m.ID, m.Account, m.Language, m.Partner, m.At = cs.IDs.Next(), state.Journey.Account, state.Journey.Language, state.Partner.Name, now
	if m.To = state.Journey.Address; m.To == "" {
		m.To = state.Account.Email
	}
	return tx.QueueMail(m)
}
