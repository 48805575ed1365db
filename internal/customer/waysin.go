package customer

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// WaysInTx is what changing the ways in needs of a transaction.
type WaysInTx interface {
	AccountTx
	SessionTx
	ProfileTx
	ChangeTx
	MailTx
	limit.Tx
	// SessionsOf lists the account's sessions that nobody ended, newest first.
	SessionsOf(AccountID) ([]Session, error)
	// EndRefreshOf ends every refresh token of the account, and every authorization code that could still be redeemed for one
	// (requirement 60).
	EndRefreshOf(a AccountID, at time.Time) error
}

// WaysInStore runs transactions for changing the ways in.
type WaysInStore interface {
	View(ctx context.Context, fn func(WaysInTx) error) error
	Change(ctx context.Context, fn func(WaysInTx) (audit.Event, error)) error
}

// WaysIn has the owner's verbs on how they get in: password, address, second steps, recovery codes, browsers. Each but the
// listings needs a fresh proof (FreshOwner), asked for in the transaction that changes; each change of what signs somebody in
// is told by mail (M4, requirement 81). Whatever takes a way in away, and "sign out everywhere", raises the session epoch:
// every other browser is signed out in that moment, refresh tokens end, and this browser goes on with a new secret, which no
// copy of its cookie has.
type WaysIn struct {
	Store     WaysInStore
	Keys      *secret.Keys
	IDs       *secret.IDs
	Passwords *secret.Passwords
	// Policy decides which new passwords are taken; Brand is a word that none may be made from.
	Policy PasswordPolicy
	Brand  string
	Now    func() time.Time
}

// An OwnerPost is what each page of an owner brings: from which browser, and where it is.
type OwnerPost struct {
	Session SessionKey
	Origin  Origin
}

// event is of something that the owner did.
func (in OwnerPost) event(now time.Time, action audit.Action, a AccountID) audit.Event {
	e := in.Origin.event(now, action, a)
	e.Actor = audit.Actor{Kind: audit.ActorCustomer, ID: int64(a)}
	return e
}

// A turn is one change in hand: who does it, in which session, and the event that it will have.
type turn struct {
	WaysInTx
	in      OwnerPost
	session Session
	account Account
	event   audit.Event
	now     time.Time
	// told are the addresses that M4 goes to, change what it says; none is sent when change is empty.
	told   []string
	change SignInChange
}

// by runs a change of a fresh owner as one transaction: fn decides and changes t, by writes it, with its event and its mails.
// It returns the key for the browser's cookie, which is another one when fn ended the other sessions.
func (ws WaysIn) by(ctx context.Context, in OwnerPost, action audit.Action, fn func(t *turn) error) (SessionKey, error) {
	now, key := ws.Now(), in.Session
	err := ws.Store.Change(ctx, func(tx WaysInTx) (audit.Event, error) {
		key = in.Session
		s, a, err := FreshOwner(tx, in.Session, now)
		if err != nil {
			return audit.Event{}, err
		}
		t := &turn{WaysInTx: tx, in: in, session: s, account: a, event: in.event(now, action, a.ID), now: now, told: []string{a.Email}}
		if err := fn(t); err != nil {
			if t.event.Outcome == audit.Denied {
				return t.event, err
			}
			return audit.Event{}, err
		}
		if t.account.SessionEpoch != a.SessionEpoch {
			if key, err = ws.goOn(t); err != nil {
				return audit.Event{}, err
			}
		}
		for _, to := range t.told {
			m := Mail{ID: ws.IDs.Next(), Account: a.ID, Kind: MailChanged, To: to, Language: "en", Change: t.change, At: now}
			if t.change == "" {
				break
			}
			if err := tx.QueueMail(m); err != nil {
				return audit.Event{}, err
			}
		}
		return t.event, nil
	})
	if err != nil {
		return SessionKey{}, err
	}
	return key, nil
}

// refuse makes the turn one that changes nothing and is on record.
func (t *turn) refuse(reason string, err error) error {
	t.event.Detail = map[string]string{"change": string(t.event.Action)}
	t.event.Action, t.event.Outcome, t.event.Reason = audit.ChangeRefused, audit.Denied, reason
	return err
}

// save writes the account with what was changed of it.
func (t *turn) save() error {
	t.account.UpdatedAt = t.now
	return t.SaveAccount(&t.account)
}

// endOthers ends every session of the account, which goOn makes an exception from, and the refresh tokens. The account must
// still be saved.
func (t *turn) endOthers() error {
	t.account.SessionEpoch++
	return t.EndRefreshOf(t.account.ID, t.now)
}

// goOn carries this browser over the end of all sessions, with a secret that only it gets: without grace for the one before,
// since a thief with a copy of the cookie is whom the others are ended for.
func (ws WaysIn) goOn(t *turn) (SessionKey, error) {
	s := t.session
	key := s.Replace(ws.Keys, t.in.Session, t.now)
	s.Epoch, s.SessionEpoch = t.account.Epoch, t.account.SessionEpoch
	if _, err := keepKnown(t, ws.Keys, ws.IDs, t.account, key, t.in.Origin, t.now); err != nil {
		return SessionKey{}, err
	}
	return key, t.SaveSession(&s)
}

// Own reads the account of who is signed in, with the sessions that can be ended. Errors: ErrNoSession.
func (ws WaysIn) Own(ctx context.Context, key SessionKey) (a Account, current Session, all []Session, err error) {
	now := ws.Now()
	err = ws.Store.View(ctx, func(tx WaysInTx) error {
		if current, a, err = SignedInOwner(tx, key, now); err != nil {
			return err
		}
		if all, err = tx.SessionsOf(a.ID); err != nil {
			return err
		}
		all = slices.DeleteFunc(all, func(s Session) bool { return !s.SignedIn(a, now) })
		return nil
	})
	return a, current, all, err
}

// EndSession signs one browser out. Whose it is and whether there is such a session is asked in one: another account's is as
// one that is not there. Errors: ErrNoSession, ErrNotFresh, ErrNoChange when the session is over, unknown or this one.
func (ws WaysIn) EndSession(ctx context.Context, in OwnerPost, id SessionID) error {
	_, err := ws.by(ctx, in, audit.SessionEnded, func(t *turn) error {
		s, err := t.Session(id)
		if err == nil && (s.ID == t.session.ID || !s.SignedIn(t.account, t.now)) || errors.Is(err, ErrNoSession) {
			return ErrNoChange
		}
		if err != nil {
			return err
		}
		s.EndedAt = t.now
		return t.SaveSession(&s)
	})
	return err
}

// SignOutEverywhere ends every session but this one, every refresh token and every change that was begun. Errors: ErrNoSession,
// ErrNotFresh.
func (ws WaysIn) SignOutEverywhere(ctx context.Context, in OwnerPost) (SessionKey, error) {
	return ws.by(ctx, in, audit.SessionsEnded, func(t *turn) error {
		t.change = SignedOutEverywhere
		return errors.Join(t.endOthers(), t.save())
	})
}

// SetPassword gives the account another password, by the rules of C3, and ends the other sessions. Errors: ErrNoSession,
// ErrNotFresh, those of PasswordPolicy.Admit, secret.ErrBusy.
func (ws WaysIn) SetPassword(ctx context.Context, in OwnerPost, password string) (SessionKey, error) {
	var words []string
	err := ws.Store.View(ctx, func(tx WaysInTx) error {
		_, a, err := FreshOwner(tx, in.Session, ws.Now())
		if err != nil {
			return err
		}
		profiles, err := tx.Profiles(a.ID)
		words = personalWords(a, profiles, ws.Brand)
		return err
	})
	if err == nil {
		err = ws.Policy.Admit(ctx, password, words...)
	}
	if err != nil {
		return SessionKey{}, err
	}
	hash, err := ws.Passwords.Hash(ctx, NormalPassword(password))
	if err != nil {
		return SessionKey{}, err
	}
	return ws.by(ctx, in, audit.PasswordChanged, func(t *turn) error {
		t.account.Credentials.PasswordHash, t.change = hash, SignInPasswordChanged
		return errors.Join(t.endOthers(), t.save())
	})
}

// personalWords are the words that a password of the account must not be made from: who knows the person tries them first.
func personalWords(a Account, profiles []Profile, brand string) []string {
	words := []string{a.Email, a.ContactEmail, brand}
	for _, p := range profiles {
		for _, f := range []Field{FirstName, LastName, PreferredName, DateOfBirth} {
			words = append(words, p.Value(f))
		}
	}
	return slices.DeleteFunc(words, func(w string) bool { return w == "" })
}
