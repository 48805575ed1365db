package customer

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// Tx is what customers need of a transaction.
type Tx interface {
	AccountTx
	ProfileTx
	ReplyTx
	RepresentativeTx
	FileTx
	VerificationTx
	partner.EventTx
	limit.Tx
}

// Store runs transactions; see the package comment of internal/store for the rule of events.
type Store interface {
	View(ctx context.Context, fn func(Tx) error) error
	// Look is View for a function that asks one question, Sight: two would be answered of two moments.
	Look(ctx context.Context, fn func(Tx) error) error
	Change(ctx context.Context, fn func(Tx) (audit.Event, error)) error
}

// Customers has the partner's verbs on accounts and profiles.
type Customers struct {
	Store Store
	Keys  *secret.Keys
	IDs   *secret.IDs
	Now   func() time.Time
	// Extras are the fields that the operator asks for beside the contract's.
	Extras Extras
	// Alarm, where set, is told when a partner has had RevealAlarm answers that reveal accounts within a day: it may be
	// trying out a list of addresses (design 10.6).
	Alarm func(by partner.Partner)
}

// RevealAlarm is the number of revealing answers a day at which the operator hears of a partner; limit.KindExists has the one
// at which they end.
const RevealAlarm = 200

// A Caller is who asks: a partner, admitted by a token to one account under an epoch. Every verb looks up what it is
// asked for within these, in its own transaction (I2, I10).
type Caller struct {
	Partner partner.ID
	Account AccountID
	Epoch   int64
	// Profile is the one that was granted; 0 for all, as with the token of a registration code.
	Profile ProfileID
	// Grant is the number of the access that the customer gave, as package grant knows it; 0 where there is none behind the caller.
	Grant int64
	// Registration is set for a token that a registration code gave: it ends with the commit.
	Registration bool
	// Reference and Network go to the audit.
	Reference, Network string
	// Once makes a write to a profile safe to send again; nil where no key came.
	Once *Idempotency
}

func (c Caller) event(now time.Time, action audit.Action) audit.Event {
	return audit.Event{At: now, Action: action, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorPartner, ID: int64(c.Partner)},
		Partner: int64(c.Partner), Account: int64(c.Account), Reference: c.Reference, Network: c.Network}
}

// admit repeats, inside the transaction, what the token said: the check at the door never authorises a write (I2). An access that the
// customer stopped while the request was under way is over for it too.
func (c Caller) admit(tx AccountTx) (Account, error) {
	a, err := tx.Account(c.Account)
	if err != nil {
		return Account{}, err
	}
	if err := c.check(a); err != nil || c.Grant == 0 {
		return a, err
	}
	standing, err := tx.AccessStands(a.ID, c.Grant)
	if err == nil && !standing {
		err = ErrStale
	}
	return a, err
}

func (c Caller) check(a Account) error {
	switch {
	case a.Epoch != c.Epoch, c.Registration && (a.State != Pending || a.Creator != c.Partner):
		return ErrStale
	case !c.Registration && a.State != Claimed:
		return ErrStale
	case c.Registration && a.ClosedToCreator(), !c.Registration && a.Hold != "":
		return ErrHeld
	}
	return nil
}

// A Signup is what a partner says when it opens an account (contract 5.1).
type Signup struct {
	Email            string
	RegistrationCode string
	Language         string
	// Once makes the sign-up safe to send again while nobody has claimed the account; nil where no key came.
	Once *Idempotency
}

// Create opens a pending account. An address with an account is ErrAddressTaken, unless the partner hides existing
// accounts: then creation answers alike, and the person meets the existing account after proving the mailbox (E10).
// Errors: ErrAddressTaken; ErrReplyDiffers; limit.Exceeded when the partner's budget of answers that reveal is spent.
func (cs Customers) Create(ctx context.Context, by partner.Partner, s Signup, reference, network string) (Account, error) {
	now := cs.Now()
	var made Account
	var alarm bool
	err := cs.Store.Change(ctx, func(tx Tx) (audit.Event, error) {
		made = Account{}
		alarm = false
		refused := audit.Event{At: now, Action: audit.AccountRefused, Outcome: audit.Denied, Actor: audit.Actor{Kind: audit.ActorPartner, ID: int64(by.ID)},
			Partner: int64(by.ID), Reference: reference, Network: network}
		// The budget is asked before the answer is known: refused only for taken addresses, it would tell them apart.
		if err := limit.Ask(tx, existsKey(by), now); err != nil {
			return audit.Event{}, err
		}
		if again, err := cs.signedUp(tx, by, s, now); err != nil || again.ID != 0 {
			made = again
			return audit.Event{}, err
		}
		taken, err := cs.taken(tx, by, s.Email)
		if err != nil {
			return audit.Event{}, err
		}
		if taken {
			refused.Reason = "address_taken"
			if alarm, err = reveals(tx, by, &refused, now); err != nil {
				return audit.Event{}, err
			}
			return refused, ErrAddressTaken
		}
		made = Account{ID: AccountID(cs.IDs.Next()), Creator: by.ID, State: Pending, Epoch: 1, SessionEpoch: 1,
			Email: s.Email, Language: s.Language, RegistrationVersion: cs.Keys.DigestVersion(), CreatedAt: now, UpdatedAt: now}
		if made.Registration, err = RegistrationDigestWith(cs.Keys, made.RegistrationVersion, by.ID, s.Email, s.RegistrationCode); err != nil {
			return audit.Event{}, err
		}
		e := refused
		e.Action, e.Outcome, e.Account = audit.AccountCreated, audit.Allowed, int64(made.ID)
		if err := tx.SaveAccount(&made); err != nil {
			return audit.Event{}, err
		}
		s.Once.says(made)
		_, err = cs.keep(tx, Caller{Partner: by.ID, Account: made.ID}, s.Once, Entry{}, now)
		return e, err
	})
	cs.alarm(by, alarm)
	return made, err
}

// signedUp finds the account that the partner opened for the address under the same key, while it is its own: that it is there
// is no news to it.
func (cs Customers) signedUp(tx Tx, by partner.Partner, s Signup, now time.Time) (Account, error) {
	if s.Once == nil || s.Once.Key == "" {
		return Account{}, nil
	}
	a, err := tx.PendingAccount(by.ID, s.Email)
	if errors.Is(err, ErrNoAccount) || err == nil && a.ClosedToCreator() {
		return Account{}, nil
	}
	if err == nil {
		err = cs.replay(tx, Caller{Partner: by.ID, Account: a.ID}, s.Once, now)
	}
	if err != nil || !s.Once.Replayed {
		return Account{}, err
	}
	return a, nil
}

// taken tells whether creation is refused: a pending account of the same partner, a block after an objection, or, unless
// the partner hides existing accounts, a claimed account.
func (cs Customers) taken(tx Tx, by partner.Partner, email string) (bool, error) {
	if _, err := tx.PendingAccount(by.ID, email); !errors.Is(err, ErrNoAccount) {
		return err == nil, err
	}
	blocked, err := tx.Blocked(by.ID, email, cs.Now())
	if err != nil || blocked {
		return blocked, err
	}
	if by.HideExisting {
		return false, nil
	}
	_, err = tx.ClaimedAccount(email)
	if errors.Is(err, ErrNoAccount) {
		return false, nil
	}
	return err == nil, err
}

// existsKey counts the answers that reveal to a partner whether an address has an account: 1,000 a day (design 10.6).
func existsKey(by partner.Partner) limit.Key {
	return limit.NewKey(limit.KindExists, strconv.FormatInt(int64(by.ID), 10))
}

// reveals counts an answer that reveals whether an address has an account. alarm is true for the one of the day at which the
// operator is told, and its event says so too.
func reveals(tx Tx, by partner.Partner, e *audit.Event, now time.Time) (alarm bool, err error) {
	if err := limit.Spend(tx, existsKey(by), now); err != nil {
		return false, err
	}
	tries, err := tx.Tries(existsKey(by))
	if err != nil || tries.Count != RevealAlarm {
		return false, err
	}
	e.Detail = map[string]string{"alarm": strconv.Itoa(tries.Count) + " answers in a day that reveal accounts"}
	return true, nil
}

func (cs Customers) alarm(by partner.Partner, raised bool) {
	if raised && cs.Alarm != nil {
		cs.Alarm(by)
	}
}

// Exists answers whether creating an account for the address would be refused (contract 5.2). It is an oracle (OC-7):
// each answer is audited and taken from the partner's budget. Errors: limit.Exceeded.
func (cs Customers) Exists(ctx context.Context, by partner.Partner, email, reference, network string) (bool, error) {
	var exists, alarm bool
	err := cs.Store.Change(ctx, func(tx Tx) (_ audit.Event, err error) {
		exists, alarm = false, false
		e := audit.Event{At: cs.Now(), Action: audit.AccountRevealed, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorPartner, ID: int64(by.ID)},
			Partner: int64(by.ID), Reference: reference, Network: network}
		if alarm, err = reveals(tx, by, &e, cs.Now()); err != nil {
			return audit.Event{}, err
		}
		if exists, err = cs.taken(tx, by, email); err != nil {
			return audit.Event{}, err
		}
		return e, nil
	})
	cs.alarm(by, alarm && err == nil)
	return exists, err
}

// View is what a caller may see of an account: itself and the personal profile if it is within the caller's reach, as far as a Sight has them.
type View struct {
	Account  Account
	Personal *Profile
}

// A Sight is what callers are shown of an account, all of one moment.
type Sight struct {
	// Account has id, creator, state, hold and epoch, which decide whether it is shown, the addresses and the language.
	Account Account
	// Stands reports whether the access behind the caller was neither stopped nor ended; false where there is none behind it.
	Stands bool
	// Personal is the personal profile if it is within the caller's reach, nil otherwise: its numbers, its kind and the values of its details,
	// and nothing else of them, so that it is not to be saved.
	Personal *Profile
}

// Me reads the caller's account (contract 5.3). Personal stays nil when there is none or another one was granted.
func (cs Customers) Me(ctx context.Context, c Caller) (View, error) {
	var s Sight
	err := cs.Store.Look(ctx, func(tx Tx) (err error) {
		s, err = tx.Sight(c)
		return err
	})
	if err == nil {
		err = c.check(s.Account)
	}
	if err == nil && c.Grant != 0 && !s.Stands {
		err = ErrStale
	}
	if err != nil {
		return View{}, err
	}
	return View{Account: s.Account, Personal: s.Personal}, nil
}

// SetContactEmail changes where mail goes while the account is pending (contract 5.4). A change of any address ends the
// account's journeys, tickets, codes and mailed codes: otherwise an attacker who owned the old address could finish
// (design 10.3, unexpired e-mail change). Afterwards it is only a proposal on the profile (design 10.11).
func (cs Customers) SetContactEmail(ctx context.Context, c Caller, email string) (string, error) {
	now := cs.Now()
	shown := email
	err := cs.Store.Change(ctx, func(tx Tx) (audit.Event, error) {
		shown = email
		a, err := c.admit(tx)
		if err != nil {
			return audit.Event{}, err
		}
		e := c.event(now, audit.ContactChanged)
		if !c.Registration {
			shown = a.Address()
			return cs.proposeContact(tx, c, a, e, email)
		}
		if !SameEmail(a.Address(), email) {
			// Who said of an address that it was not them must not get the same partner's mail again by this way.
			if blocked, err := tx.Blocked(c.Partner, email, now); err != nil || blocked {
				return audit.Event{}, errors.Join(err, blockedIf(blocked))
			}
			if a.Hold == HoldEmailTries {
				if err := pardon(tx, MailedCodeKey(a.ID)); err != nil {
					return audit.Event{}, err
				}
			}
			a.Restart()
		}
		a.ContactEmail, a.UpdatedAt = email, now
		return e, tx.SaveAccount(&a)
	})
	return shown, err
}

func blockedIf(blocked bool) error {
	if blocked {
		return ErrBlocked
	}
	return nil
}

// MailedCodeKey counts wrong mailed codes of an account, over all its journeys (design 10.4).
func MailedCodeKey(id AccountID) limit.Key {
	return limit.NewKey(limit.KindMailedCode, strconv.FormatInt(int64(id), 10))
}

// MailboxKey counts what is mailed to an address, and the wrong codes of it, over all accounts that a partner opened with the address:
// a partner may open as many as it likes, and each would have tries and mails of its own.
func MailboxKey(kind limit.Kind, creator partner.ID, address string) limit.Key {
	return limit.NewKey(kind, strconv.FormatInt(int64(creator), 10), FoldEmail(address))
}

// BirthDateKey counts wrong dates of birth of an account, over all its journeys (design 10.9).
func BirthDateKey(id AccountID) limit.Key {
	return limit.NewKey(limit.KindBirthDate, strconv.FormatInt(int64(id), 10))
}

// pardon begins a count anew, its lifetime too: the tries were about an address that counts no more.
func pardon(tx limit.Tx, key limit.Key) error {
	tries, err := tx.Tries(key)
	if err != nil || tries.Version == 0 {
		return err
	}
	return tx.SaveTries(key, limit.Tries{Version: tries.Version})
}

func (cs Customers) proposeContact(tx Tx, c Caller, a Account, e audit.Event, email string) (audit.Event, error) {
	profiles, err := tx.Profiles(c.Account)
	if err != nil {
		return audit.Event{}, err
	}
	for _, p := range profiles {
		if c.Profile == 0 || c.Profile == p.ID {
			after, _ := p.Propose(map[Field]string{Email: email}, cs.Now())
			if err := tx.SaveProfile(&after); err != nil {
				return audit.Event{}, err
			}
			e.Action = audit.ProfileProposed
			return e, cs.touch(tx, a, cs.Now())
		}
	}
	return audit.Event{}, ErrNoProfile
}

// Restart ends everything that led towards a claim: raising both numbers kills tickets and codes of lower numbers and
// leaves no journey live (design 10.3).
func (a *Account) Restart() {
	a.ClaimNumber++
	a.ProvenNumber = a.ClaimNumber
	a.LiveJourney = 0
	if a.Hold == HoldEmailTries {
		a.Hold = ""
	}
}

// Reasons of a hold.
const (
	// HoldObjected: a person who proved the mailbox said "This isn't me".
	HoldObjected = "objected"
	// HoldReported: the partner that opened the account reported that the wrong person took it over (design 10.10).
	HoldReported = "reported"
	// HoldEmailTries: too many wrong mailed codes; ends when the partner changes the address (design 10.4).
	HoldEmailTries = "email_tries"
	// HoldBirthDate: too many wrong dates of birth; ends when the partner gives another one (design 10.9).
	HoldBirthDate = "birth_date_tries"
)

// ContactEmail reads where mail goes (contract 5.4).
func (cs Customers) ContactEmail(ctx context.Context, c Caller) (string, error) {
	v, err := cs.Me(ctx, c)
	return v.Account.Address(), err
}

// RegistrationDigestWith is the digest of a registration code under the key of a version (design 10.29), bound to its partner and address.
func RegistrationDigestWith(keys *secret.Keys, version int, creator partner.ID, email, code string) ([]byte, error) {
	return keys.DigestWith(version, secret.PurposeRegistration, strconv.FormatInt(int64(creator), 10), FoldEmail(email), code)
}
