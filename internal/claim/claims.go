package claim

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// Tx is what claims need of a transaction, made of the parts that the nouns declare.
type Tx interface {
	customer.AccountTx
	customer.ProfileTx
	PrefillTx
	customer.SessionTx
	customer.MailTx
	grant.GrantTx
	JourneyTx
	RestTx
}

// PrefillTx is what belongs to profiles beside their details.
type PrefillTx interface {
	customer.RepresentativeTx
	customer.FileTx
}

// RestTx is the rest: partners and events to them, tries, receipts, objections, erasing.
type RestTx interface {
	Partner(partner.ID) (partner.Partner, error)
	partner.EventTx
	limit.Tx
	ReceiptTx
	ObjectionTx
	// EraseAccount destroys the account's key and deletes what belongs to it; the row stays, with nothing personal in it.
	EraseAccount(customer.AccountID) error
}

// Store runs transactions; see the package comment of internal/store for the rule of events.
type Store interface {
	View(ctx context.Context, fn func(Tx) error) error
	Change(ctx context.Context, fn func(Tx) (audit.Event, error)) error
}

// Claims has the verbs: mint and open a code, take each step of a journey, commit, decide, return, leave.
type Claims struct {
	Store     Store
	Keys      *secret.Keys
	IDs       *secret.IDs
	Passwords *secret.Passwords
	// Passkeys is this server as authenticators know it; with the zero value C4 offers none.
	Passkeys secret.PasskeyParty
	Policy   customer.PasswordPolicy
	// Brand is the operator's name for this server, refused in passwords.
	Brand string
	// Wording names the version of the consent texts.
	Wording string
	// Extras are the fields that the operator asks for beside the contract's.
	Extras customer.Extras
	Now    func() time.Time
}

func (cs Claims) browserEvent(now time.Time, action audit.Action, j Journey, o customer.Origin) audit.Event {
	return audit.Event{At: now, Action: action, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorBrowser},
		Partner: int64(j.Partner), Account: int64(j.Account), Journey: int64(j.ID), Reference: o.Reference, Network: o.Network}
}

// customerEvent is an event of somebody who has proved the mailbox or is signed in.
func (cs Claims) customerEvent(now time.Time, action audit.Action, j Journey, o customer.Origin) audit.Event {
	e := cs.browserEvent(now, action, j, o)
	e.Actor = audit.Actor{Kind: audit.ActorCustomer, ID: int64(j.Account)}
	return e
}

func denied(e audit.Event, action audit.Action, reason string) audit.Event {
	e.Action, e.Outcome, e.Reason = action, audit.Denied, reason
	return e
}

// tell queues an event for the partner in the same transaction (design 4.10).
func (cs Claims) tell(tx partner.EventTx, now time.Time, j Journey, kind partner.EventType, state, reason string, fields ...string) error {
	return tx.QueueEvent(partner.Event{ID: cs.IDs.Next(), Partner: j.Partner, Account: int64(j.Account), Type: kind,
		State: state, Reason: reason, Fields: fields, OccurredAt: now})
}

// tellProfile queues an event about one profile, naming fields and no values.
func (cs Claims) tellProfile(tx partner.EventTx, now time.Time, j Journey, p customer.Profile, state string, fields ...string) error {
	return tx.QueueEvent(partner.Event{ID: cs.IDs.Next(), Partner: j.Partner, Account: int64(j.Account), Profile: int64(p.ID),
		Type: partner.EventProfiles, State: state, Fields: fields, OccurredAt: now})
}

// tellGrant queues an event about what a grant has become.
func (cs Claims) tellGrant(tx partner.EventTx, now time.Time, g grant.Grant) error {
	return tx.QueueEvent(partner.Event{ID: cs.IDs.Next(), Partner: g.Partner, Account: int64(g.Account), Profile: int64(g.Profile),
		Type: partner.EventGrants, State: string(g.State), OccurredAt: now})
}

// digest is how a claim code is stored and found: keyed, so that a copy of the database cannot be searched for a code.
func (cs Claims) digests(text string) [][]byte {
	var list [][]byte
	for _, version := range cs.Keys.DigestVersions() {
		if digest, err := cs.Keys.DigestWith(version, secret.PurposeClaimCode, text); err == nil {
			list = append(list, digest)
		}
	}
	return list
}

// Mint draws a claim code for the caller's pending account (contract 6). The newest wins: it supersedes the codes before
// it in the same transaction (design 4.3). Errors: customer.ErrStale, customer.ErrHeld, ErrAlreadyClaimed for a live token
// of a later grant, ErrRegistrationCode, limit.Exceeded.
func (cs Claims) Mint(ctx context.Context, c customer.Caller, registrationCode string, bound Binding) (string, error) {
	now, text := cs.Now(), secret.UUID()
	o := customer.Origin{Network: c.Network, Reference: c.Reference}
	err := cs.Store.Change(ctx, func(tx Tx) (audit.Event, error) {
		j := Journey{Partner: c.Partner, Account: c.Account}
		e := cs.browserEvent(now, audit.CodeMinted, j, o)
		e.Actor = audit.Actor{Kind: audit.ActorPartner, ID: int64(c.Partner)}
		a, err := tx.Account(c.Account)
		if err != nil {
			return audit.Event{}, err
		}
		if a.Epoch != c.Epoch || c.Registration && (a.State != customer.Pending || a.Creator != c.Partner) {
			return audit.Event{}, customer.ErrStale
		}
		if err := mintable(a, c, cs.Keys, registrationCode); err != nil {
			return denied(e, audit.CodeRefused, "not_mintable"), err
		}
		if err := limit.Spend(tx, limit.NewKey(limit.KindMint, strconv.FormatInt(int64(a.ID), 10)), now); err != nil {
			return exceeded(denied(e, audit.CodeRefused, "too_many_tries"), err)
		}
		if err := tx.EndClaimCodes(a.ID, Superseded, now); err != nil {
			return audit.Event{}, err
		}
		a.ClaimNumber++
		a.UpdatedAt = now
		if err := tx.SaveAccount(&a); err != nil {
			return audit.Event{}, err
		}
		code := Code{ID: CodeID(cs.IDs.Next()), Account: a.ID, Partner: c.Partner, Number: a.ClaimNumber, Epoch: a.Epoch,
			Digest: cs.Keys.Digest(secret.PurposeClaimCode, text), State: Minted, Bound: bound, MintedAt: now, ExpiresAt: now.Add(CodeLife)}
		return e, tx.SaveClaimCode(&code)
	})
	return text, err
}

func mintable(a customer.Account, c customer.Caller, keys *secret.Keys, registrationCode string) error {
	switch {
	case a.State == customer.Claimed:
		return ErrAlreadyClaimed
	case a.ClosedToCreator():
		return customer.ErrHeld
	case !a.Registered(keys, c.Partner, registrationCode):
		return ErrRegistrationCode
	}
	return nil
}

// exceeded turns a spent limit into a refusal that is recorded; any other error rolls back.
func exceeded(e audit.Event, err error) (audit.Event, error) {
	if errors.Is(err, limit.ErrExceeded) {
		return e, err
	}
	return audit.Event{}, err
}

// An Opening is what the browser brings to the authorize address.
type Opening struct {
	Request grant.Request
	// Code is the claim code's text.
	Code string
	// Session is the browser's, zero for none.
	Session customer.SessionKey
	Origin  customer.Origin
}

// Open looks at a claim code for a checked request and gives the browser a ticket. It writes nothing but "seen" (I1). When
// the browser is on a journey of the same account and request already, resume is that journey's text and the ticket is
// empty. Errors: ErrCodeUnknown, ErrCodeExpired, ErrCodeUsed, ErrAlreadyClaimed, ErrSignedInAsOther (with the ticket, for
// those who sign out and go on), customer.ErrHeld.
func (cs Claims) Open(ctx context.Context, in Opening) (ticket Ticket, resume string, err error) {
	now := cs.Now()
	err = cs.Store.Change(ctx, func(tx Tx) (audit.Event, error) {
		ticket, resume = Ticket{}, ""
		refused := denied(cs.browserEvent(now, "", Journey{Partner: in.Request.Partner}, in.Origin), audit.CodeRefused, "unknown")
		code, err := cs.find(tx, in.Code)
		if errors.Is(err, ErrCodeUnknown) {
			return refused, err
		}
		if err != nil {
			return audit.Event{}, err
		}
		if code.Partner != in.Request.Partner {
			return cs.foreign(tx, code, refused, now)
		}
		refused.Account = int64(code.Account)
		if !code.Bound.matches(in.Request) {
			refused.Reason = "request_differs"
			return refused, ErrCodeUnknown
		}
		a, err := tx.Account(code.Account)
		if err != nil {
			return audit.Event{}, err
		}
		if resume, err = cs.running(tx, in, a, now); err != nil || resume != "" {
			return audit.Event{}, err
		}
		if err := code.opens(a, now); err != nil {
			refused.Reason = "not_open"
			return in.Origin.Refusal(refused), err
		}
		ticket = cs.ticket(in.Request, now)
		ticket.Code, ticket.Account, ticket.Number, ticket.Epoch = code.ID, a.ID, code.Number, a.Epoch
		if err := cs.otherSignedIn(tx, in.Session, a, now); err != nil {
			return audit.Event{}, err
		}
		return cs.seen(tx, code, in.Origin, now)
	})
	return ticket, resume, err
}

// Ticket is an opened request without a claim code: a visit (journey section 5).
func (cs Claims) Ticket(r grant.Request) Ticket { return cs.ticket(r, cs.Now()) }

func (cs Claims) ticket(r grant.Request, now time.Time) Ticket {
	return Ticket{Text: cs.Keys.NewJourneyText(int64(r.Partner)), Nonce: secret.Text(12), Request: r.Came(now), OpenedAt: now.UnixMilli()}
}

func (cs Claims) find(tx Tx, text string) (Code, error) {
	if len(text) != 36 {
		return Code{}, ErrCodeUnknown
	}
	for _, digest := range cs.digests(text) {
		code, err := tx.ClaimCodeByDigest(digest)
		if !errors.Is(err, ErrCodeUnknown) {
			return code, err
		}
	}
	return Code{}, ErrCodeUnknown
}

// foreign is a code shown with another partner's client id: nothing changes, and the code's owner is told without the
// other's name (design 10.20).
func (cs Claims) foreign(tx Tx, code Code, refused audit.Event, now time.Time) (audit.Event, error) {
	refused.Reason, refused.Account = "foreign", int64(code.Account)
	err := cs.tell(tx, now, Journey{Partner: code.Partner, Account: code.Account}, partner.EventClaims, "misused", "foreign_client")
	if err != nil {
		return audit.Event{}, err
	}
	return refused, ErrCodeUnknown
}

func (b Binding) matches(r grant.Request) bool {
	return (b.RedirectURI == "" || b.RedirectURI == r.RedirectURI) && (b.Challenge == "" || b.Challenge == r.Challenge) &&
		(b.State == "" || r.HasState && r.SameState(b.State))
}

// running finds this browser's unfinished journey for the same account and request (design 10.21).
func (cs Claims) running(tx Tx, in Opening, a customer.Account, now time.Time) (string, error) {
	s, err := cs.session(tx, in.Session, now)
	if errors.Is(err, customer.ErrNoSession) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	journeys, err := tx.JourneysOf(s.ID)
	if err != nil {
		return "", err
	}
	for _, j := range journeys {
		if j.Account != a.ID || !j.Request.Same(in.Request) {
			continue
		}
		state, err := cs.load(tx, j, s)
		if err != nil {
			return "", err
		}
		if step, _ := state.Next(now); step != StepOver && step != StepSignIn && j.Decision == Undecided {
			return j.Text, nil
		}
	}
	return "", nil
}

// session finds the browser's live session, or customer.ErrNoSession.
func (cs Claims) session(tx Tx, key customer.SessionKey, now time.Time) (customer.Session, error) {
	if key.ID == 0 {
		return customer.Session{}, customer.ErrNoSession
	}
	s, err := tx.Session(key.ID)
	if err != nil {
		return customer.Session{}, err
	}
	if known, _ := s.Knows(key, now); !known || !s.Alive(now) {
		return customer.Session{}, customer.ErrNoSession
	}
	return s, nil
}

// otherSignedIn keeps a browser that is signed in as somebody else from opening the code (E9): the person would finish
// another person's account, or never notice whose it is.
func (cs Claims) otherSignedIn(tx Tx, key customer.SessionKey, a customer.Account, now time.Time) error {
	s, err := cs.session(tx, key, now)
	if errors.Is(err, customer.ErrNoSession) || err == nil && (s.Account == 0 || s.Account == a.ID) {
		return nil
	}
	if err != nil {
		return err
	}
	other, err := tx.Account(s.Account)
	if err == nil && s.SignedIn(other, now) {
		return ErrSignedInAsOther
	}
	return err
}

func (cs Claims) seen(tx Tx, code Code, o customer.Origin, now time.Time) (audit.Event, error) {
	if code.Seen >= maxSeen {
		return audit.Event{}, nil
	}
	j := Journey{Partner: code.Partner, Account: code.Account}
	if code.Seen == 0 {
		code.SeenAt = now
		if err := cs.tell(tx, now, j, partner.EventClaims, "opened", ""); err != nil {
			return audit.Event{}, err
		}
	}
	code.Seen++
	return cs.browserEvent(now, audit.CodeSeen, j, o), tx.SaveClaimCode(&code)
}

// load reads everything that the next step of a journey depends on.
func (cs Claims) load(tx Tx, j Journey, s customer.Session) (State, error) {
	state := State{Journey: j, Session: s, Extras: cs.Extras}
	var err error
	if state.Account, err = tx.Account(j.Account); err != nil {
		return State{}, err
	}
	if state.Partner, err = tx.Partner(j.Partner); err != nil {
		return State{}, err
	}
	if j.Code != 0 && j.CommittedAt.IsZero() {
		if state.Code, err = tx.ClaimCode(j.Code); err != nil && !errors.Is(err, ErrCodeUnknown) {
			return State{}, err
		}
	}
	if state.Profiles, err = tx.Profiles(j.Account); err != nil {
		return State{}, err
	}
	state.Profile = firstOf(state.Profiles)
	if err := state.prefilled(tx); err != nil {
		return State{}, err
	}
	if j.GrantCode != 0 {
		if state.GrantCode, err = tx.Code(j.GrantCode); err != nil && !errors.Is(err, grant.ErrInvalidGrant) {
			return State{}, err
		}
	}
	return state, state.standing(tx)
}

// prefilled reads what the review shows beside the profiles. Before the commit and after the decision no page shows it.
func (s *State) prefilled(tx PrefillTx) error {
	if s.Account.State != customer.Claimed || s.Journey.Decision != Undecided {
		return nil
	}
	s.Representatives = map[customer.RepresentativeID]customer.Representative{}
	for _, p := range s.Profiles {
		files, err := tx.Files(p.Account, p.ID)
		if err != nil {
			return err
		}
		s.Files = append(s.Files, files...)
		if p.Representative == 0 {
			continue
		}
		if s.Representatives[p.Representative], err = tx.Representative(p.Representative); err != nil {
			return err
		}
	}
	return nil
}

// standing finds the access that the journey's partner has already to the only profile there is. Before the commit there is
// none; where the customer has several profiles, which access would be meant is known when one is chosen.
func (s *State) standing(tx grant.GrantTx) (err error) {
	switch {
	case s.Account.State != customer.Claimed:
	case len(s.Profiles) == 1:
		s.Grant, err = activeGrant(tx, *s, s.Profile)
	default:
		s.Others, err = tx.Grants(s.Account.ID, s.Journey.Partner)
	}
	return err
}

// activeGrant is the access that the journey's partner has to a profile, zero for none.
func activeGrant(tx grant.GrantTx, s State, p customer.Profile) (grant.Grant, error) {
	g, err := tx.ActiveGrant(s.Account.ID, s.Journey.Partner, p.ID)
	if errors.Is(err, grant.ErrNoGrant) {
		return grant.Grant{}, nil
	}
	return g, err
}

// State reads a journey for one of this browser's pages. Before the commit the journey is bound to the browser's session;
// afterwards, and on a visit, whoever is signed in as its owner may go on, and everybody else must sign in (I4). Errors:
// ErrNoJourney.
func (cs Claims) State(ctx context.Context, text string, key customer.SessionKey) (State, error) {
	var state State
	err := cs.Store.View(ctx, func(tx Tx) (err error) {
		state, err = cs.state(tx, text, key, cs.Now())
		return err
	})
	return state, err
}

func (cs Claims) state(tx Tx, text string, key customer.SessionKey, now time.Time) (State, error) {
	j, err := tx.Journey(text)
	if err != nil {
		return State{}, err
	}
	var s customer.Session
	if key.ID != 0 {
		if s, err = tx.Session(key.ID); err != nil && !errors.Is(err, customer.ErrNoSession) {
			return State{}, err
		}
		if known, _ := s.Knows(key, now); !known {
			s = customer.Session{}
		}
	}
	owner := s.Account == j.Account && s.Account != 0
	if s.ID != j.Session && !owner && j.CommittedAt.IsZero() && j.Code != 0 {
		return State{}, ErrElsewhere
	}
	return cs.load(tx, j, s)
}

// at reads a journey for a posted step: the state, when the step is the next one; else ErrNotNow. A browser that shows
// only its previous secret may repeat a spent step's answer, nothing else.
func (cs Claims) at(tx Tx, text string, key customer.SessionKey, now time.Time, steps ...Step) (State, error) {
	state, err := cs.state(tx, text, key, now)
	if err != nil {
		return State{}, err
	}
	if _, previous := state.Session.Knows(key, now); previous {
		return state, ErrNotNow
	}
	next, _ := state.Next(now)
	for _, step := range steps {
		if next == step {
			return state, nil
		}
	}
	return state, ErrNotNow
}
