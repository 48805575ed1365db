package claim

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// A Start is what C1 posts.
type Start struct {
	Ticket Ticket
	// Session is the browser's, zero for none.
	Session customer.SessionKey
	Email   string
	// MoreTime lifts the idle limit of the session.
	MoreTime bool
	// Language is the page language, for mails.
	Language string
	Origin   customer.Origin
}

// Start begins a journey with a ticket: it checks the address that the person typed, sends the mailed code and gives the
// browser a session. Posting it again gives the same session: its secret is computed from the ticket, which only this
// browser has. Errors: ErrTicketOver, ErrCodeExpired, ErrCodeUsed, ErrAlreadyClaimed, ErrSignedInAsOther, customer.ErrHeld,
// customer.ErrNotAnAddress, ErrOtherAddress, limit.Exceeded (with no wait when the five tries of C1 are spent).
func (cs Claims) Start(ctx context.Context, in Start) (customer.SessionKey, error) {
	now := cs.Now()
	if in.Ticket.Code == 0 || !in.Ticket.Alive(now) || in.Ticket.Left != "" {
		return customer.SessionKey{}, ErrTicketOver
	}
	email, err := customer.CheckEmail(in.Email)
	var key customer.SessionKey
	change := cs.Store.Change(ctx, func(tx Tx) (audit.Event, error) {
		var again bool
		if key, again, err = cs.startedAlready(tx, in, now); err != nil || again {
			return audit.Event{}, err
		}
		a, err := cs.startable(tx, in.Ticket, now)
		if err != nil {
			return audit.Event{}, err
		}
		if err := cs.otherSignedIn(tx, in.Session, a, now); err != nil { // since the opening
			return audit.Event{}, err
		}
		if email == "" {
			return audit.Event{}, customer.ErrNotAnAddress
		}
		j := Journey{ID: JourneyID(cs.IDs.Next()), Text: in.Ticket.Text, Partner: in.Ticket.Request.Partner, Account: a.ID,
			Code: in.Ticket.Code, Request: in.Ticket.Request, Number: in.Ticket.Number, Epoch: in.Ticket.Epoch,
			Address: a.Address(), StartedAt: now, FreshAt: now, Language: in.Language}
		e := cs.browserEvent(now, audit.JourneyStarted, j, in.Origin)
		refused := e
		refused.Journey = 0 // a refused start leaves no journey
		if err := cs.rightAddress(tx, j, email, now); errors.Is(err, ErrOtherAddress) {
			return denied(refused, audit.JourneyAddressRefused, "other_address"), err
		} else if err != nil {
			return exceeded(denied(refused, audit.JourneyAddressRefused, "too_many_tries"), err)
		}
		s, opened, err := cs.startSession(tx, in, now)
		if err != nil {
			return audit.Event{}, err
		}
		key, j.Session = opened, s.ID
		if err := cs.sendCode(tx, &j, now); err != nil {
			return exceeded(denied(refused, audit.JourneyEmailRefused, "too_many_mails"), err)
		}
		if err := tx.SaveSession(&s); err != nil {
			return audit.Event{}, err
		}
		if err := tx.SaveJourney(&j); err != nil {
			return audit.Event{}, err
		}
		return e, cs.tell(tx, now, j, partner.EventClaims, "started", "")
	})
	if change != nil {
		return customer.SessionKey{}, change
	}
	return key, nil
}

// rightAddress compares what was typed with the address of the account. Wrong ones are counted for the journey, and for the claim code over
// all its journeys: a link opens as often as somebody likes while it lives, and each opening would bring new guesses at whom it is for.
// Another code has another count, so whoever has the link keeps nobody out. Errors: ErrOtherAddress, limit.Exceeded.
func (cs Claims) rightAddress(tx Tx, j Journey, typed string, now time.Time) error {
	ofCode := limit.NewKey(limit.KindCodeAddress, strconv.FormatInt(int64(j.Code), 10))
	if err := limit.Ask(tx, ofCode, now); err != nil {
		return err
	}
	if err := limit.Spend(tx, limit.NewKey(limit.KindAddress, j.Text), now); err != nil {
		return err
	}
	if customer.SameEmail(typed, j.Address) {
		return nil
	}
	if err := limit.Spend(tx, ofCode, now); err != nil {
		return err
	}
	return ErrOtherAddress
}

// startedAlready finds the journey that this ticket began, and gives its session's key again.
func (cs Claims) startedAlready(tx Tx, in Start, now time.Time) (customer.SessionKey, bool, error) {
	j, err := tx.Journey(in.Ticket.Text)
	if errors.Is(err, ErrNoJourney) {
		return customer.SessionKey{}, false, nil
	}
	if err != nil {
		return customer.SessionKey{}, false, err
	}
	s, err := tx.Session(j.Session)
	if err != nil {
		return customer.SessionKey{}, false, err
	}
	for _, key := range []customer.SessionKey{in.Session, cs.ticketKey(j.Session, in.Ticket), in.Session.Successor(cs.Keys)} {
		// Not the previous secret: the answer goes into the cookie, and that one dies in a minute.
		if known, previous := s.Knows(key, now); known && !previous && key.ID == s.ID {
			return key, true, nil
		}
	}
	return customer.SessionKey{}, false, ErrNoJourney
}

// startable checks that the ticket still leads to a pending account: of the current claim number, not spent, not
// cancelled, under the same epoch (design 4.3), and of a partner that may call still. The five minutes are over by now and do not matter: they bound the
// opening (I1).
func (cs Claims) startable(tx Tx, t Ticket, now time.Time) (customer.Account, error) {
	code, err := tx.ClaimCode(t.Code)
	if errors.Is(err, ErrCodeUnknown) {
		return customer.Account{}, ErrTicketOver
	}
	if err != nil {
		return customer.Account{}, err
	}
	a, err := tx.Account(t.Account)
	if err != nil {
		return customer.Account{}, err
	}
	p, err := tx.Partner(t.Request.Partner)
	if err == nil && !p.Active {
		err = ErrTicketOver // a partner that was switched off hands over no more accounts, by links that it sent before neither
	}
	if err != nil {
		return customer.Account{}, err
	}
	// Who said of an address that it was not them gets no mail of the same partner's by another account, opened with it before.
	blocked, err := tx.Blocked(a.Creator, a.Address(), now)
	if err != nil {
		return customer.Account{}, err
	}
	code.ExpiresAt = now.Add(time.Second)
	if err := code.opens(a, now); err != nil || !blocked {
		return a, err
	}
	return a, customer.ErrHeld
}

// ticketKey is the first secret of a session that a ticket began.
func (cs Claims) ticketKey(id customer.SessionID, t Ticket) customer.SessionKey {
	return customer.SessionKey{ID: id, Secret: cs.Keys.Derive(secret.PurposeJourney, "start", t.Text, t.Nonce)}
}

// startSession is the browser's live session under a new secret, or a new one: a session that somebody planted before
// must not become the one that does the journey (session fixation), nor one that is on its way in as somebody else.
func (cs Claims) startSession(tx Tx, in Start, now time.Time) (customer.Session, customer.SessionKey, error) {
	s, err := cs.session(tx, in.Session, now)
	if err == nil && s.Account == 0 {
		current := in.Session
		if _, previous := s.Knows(current, now); previous {
			current = current.Successor(cs.Keys)
		}
		// Without grace for the secret before: who planted the session has it, and would ask again and again. A second click needs none,
		// since startedAlready answers who shows the ticket.
		key := s.Replace(cs.Keys, current, now)
		s.MoreTime = s.MoreTime || in.MoreTime
		s.SeenAt = now
		return s, key, nil
	}
	if err != nil && !errors.Is(err, customer.ErrNoSession) {
		return customer.Session{}, customer.SessionKey{}, err
	}
	s, _ = customer.NewSession(cs.IDs, now)
	key := cs.ticketKey(s.ID, in.Ticket)
	s.Secret, s.MoreTime, s.Browser = secret.Hash(key.Secret), in.MoreTime, in.Origin.Browser
	return s, key, nil
}

// sendCode draws six digits for the journey and queues the mail. The newest code counts. Errors: limit.Exceeded.
func (cs Claims) sendCode(tx Tx, j *Journey, now time.Time) error {
	for _, key := range []limit.Key{limit.NewKey(limit.KindMail, j.Text), customer.MailboxKey(limit.KindMailboxMail, j.Partner, j.Address)} {
		if err := limit.Spend(tx, key, now); err != nil {
			return err
		}
	}
	p, err := tx.Partner(j.Partner)
	if err != nil {
		return err
	}
	code := secret.SixDigits()
	version := cs.Keys.DigestVersion() // once: it may change between two calls
	j.Mailed = MailedCode{Digest: cs.mailedDigest(version, *j, code), Version: version,
		SentAt: now, ExpiresAt: now.Add(MailedCodeLife)}
	return tx.QueueMail(customer.Mail{ID: cs.IDs.Next(), Account: j.Account, Kind: customer.MailCode, To: j.Address,
		Language: j.Language, Partner: p.Name, Code: code, At: now})
}

// mailedDigest binds the six digits to journey and address, under a key that is not in the database: a million guesses at
// a stolen digest would otherwise take no time.
func (cs Claims) mailedDigest(version int, j Journey, code string) []byte {
	digest, err := cs.Keys.DigestWith(version, secret.PurposeMailedCode, strconv.FormatInt(int64(j.ID), 10), customer.FoldEmail(j.Address), code)
	if err != nil {
		return nil
	}
	return digest
}
