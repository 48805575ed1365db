package claim

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/partner"
)

// JourneyID identifies a journey's row; the unguessable text in its addresses is Text.
type JourneyID int64

// Errors of a journey's steps. Errors of typed values are those of package customer.
var (
	// ErrNoJourney: there is no such journey for this browser (E6).
	ErrNoJourney = errors.New("journey does not exist for this browser")
	// ErrElsewhere is an ErrNoJourney of a journey that exists: another browser has it, or this one had it before it signed
	// in to an account (E3).
	ErrElsewhere = fmt.Errorf("%w: another one has it", ErrNoJourney)
	// ErrTicketOver: the ticket of an opening is older than 30 minutes (E3).
	ErrTicketOver = errors.New("ticket has run out")
	// ErrNotNow: the step that was posted is not the journey's next one. The answer is the next one, never an error page.
	ErrNotNow = errors.New("step is not the next one")
	// ErrOtherAddress: the address typed at C1 is not the one that the partner gave.
	ErrOtherAddress = errors.New("partner gave another address")
	// ErrCodeLate: the mailed code was right but late; another was sent (journey C2).
	ErrCodeLate = errors.New("mailed code has run out")
	// ErrMethod: no second step was chosen, or one that does not exist.
	ErrMethod = errors.New("second step was not chosen")
	// ErrNotSaved: the box under the recovery codes is not ticked.
	ErrNotSaved = errors.New("recovery codes are not saved")
	// ErrIncomplete: the profile lacks values that are needed (journey C8).
	ErrIncomplete = errors.New("profile is incomplete")
	// ErrNoProfileChosen: no profile was chosen at C10, or one that is not the customer's.
	ErrNoProfileChosen = errors.New("profile was not chosen")
)

// The clocks of a journey (journey section 1, design 10.7).
const (
	TicketLife     = 30 * time.Minute
	MailedCodeLife = 15 * time.Minute
	// SilenceLife is how long the steps C4 to C7 go on without asking for the password again.
	SilenceLife = 15 * time.Minute
	// AbandonedAfter is when the partner hears that nothing went on.
	AbandonedAfter = 24 * time.Hour
)

// A Ticket is an opened authorize request. It lives sealed in the browser's cookie, so that an opening writes nothing: a
// scanner, a preview and a flood leave no rows (I1). Tags are short because a cookie holds 4 KB.
type Ticket struct {
	// Text is the id in the journey's addresses; Nonce binds forms to this ticket.
	Text    string        `json:"j"`
	Nonce   string        `json:"n"`
	Request grant.Request `json:"r"`
	// Code, Account, Number and Epoch are of the claim code; zero on a visit without one.
	Code    CodeID             `json:"c,omitempty"`
	Account customer.AccountID `json:"a,omitempty"`
	Number  int64              `json:"k,omitempty"`
	Epoch   int64              `json:"e,omitempty"`
	// OpenedAt is Unix milliseconds.
	OpenedAt int64 `json:"t"`
	// Copy is the pending copy of an existing account that this visit goes on from (E10); 0 for none.
	Copy customer.AccountID `json:"x,omitempty"`
	// Left is why the person went back before a journey existed: "left" or "not_me".
	Left string `json:"l,omitempty"`
}

// Alive reports whether the ticket may start a journey at now; it is not renewed.
func (t Ticket) Alive(now time.Time) bool {
	return t.Text != "" && now.Before(time.UnixMilli(t.OpenedAt).Add(TicketLife))
}

// Decision is what the customer said at C10, or that they left.
type Decision string

// The decisions.
const (
	Undecided Decision = ""
	Allowed   Decision = "allowed"
	Declined  Decision = "declined"
	Left      Decision = "left"
	NotMe     Decision = "not_me"
	// Unreachable: the person cannot read mail at the address; the partner alone can correct it (C2).
	Unreachable Decision = "email_unreachable"
)

// leaves reports whether the decision is to go back without finishing.
func (d Decision) leaves() bool { return d == Left || d == NotMe || d == Unreachable }

// A Journey is one way through the pages, of one browser, for one authorize request. With a claim code it leads to the
// commit; without one (a visit) it begins with a signed-in customer.
type Journey struct {
	ID JourneyID
	// Text is the id in addresses; it is no credential, the browser's session is.
	Text    string
	Session customer.SessionID
	Partner partner.ID
	Account customer.AccountID
	// Code is 0 on a visit.
	Code    CodeID
	Request grant.Request
	// Copy is the pending account whose address this visit's customer has an account for (E10); dropped with Allow, 0 for none.
	Copy customer.AccountID
	// Number and Epoch are the account's when the journey started; the commit sets Epoch to the new one.
	Number, Epoch int64
	// Address is where the mailed code went: the proof is of this address (design 10.3).
	Address string
	Mailed  MailedCode
	// ProvenAt is the mailbox proof; PasswordAt, AppAt, PasskeyAt the credentials; CommittedAt the hand-over.
	ProvenAt, PasswordAt, AppAt, PasskeyAt, CommittedAt time.Time
	// BirthAt is when the right date of birth was typed, where it is asked for.
	BirthAt time.Time
	// Method is the chosen second step, "app" or "passkey".
	Method string
	// Challenge is what the passkey of C6 answers: the same on every reload, another one after each answer.
	Challenge string
	// AppSecret is the same on every reload until it has proved itself.
	AppSecret []byte
	// Provisional are the credentials until the commit copies them to the account (I3).
	Provisional customer.Credentials
	// RecoveryTexts are kept, sealed, until the box is ticked.
	RecoveryTexts []string
	ReviewedAt    time.Time
	Decision      Decision
	DecidedAt     time.Time
	Grant         grant.ID
	GrantCode     grant.CodeID
	StartedAt     time.Time
	// FreshAt is the last accepted step.
	FreshAt  time.Time
	Language string
	// EndedAt and EndedReason are set when the journey can go no further.
	EndedAt     time.Time
	EndedReason EndReason
	// AbandonedAt is when the partner was told that nothing went on.
	AbandonedAt time.Time
	Version     int64
}

// A MailedCode is the code of C2: the newest counts (design 10.4).
type MailedCode struct {
	Digest    []byte    `json:"digest"`
	Version   int       `json:"version"`
	SentAt    time.Time `json:"sent_at"`
	ExpiresAt time.Time `json:"expires_at"`
}

// A Step is a page of the journey; its value is the last part of the page's address.
type Step string

// The steps, in order.
const (
	StepStart Step = "start"
	StepEmail Step = "email"
	// StepBirthDate asks for the date of birth, where the operator wants that of the partner's customers (design 10.9).
	StepBirthDate     Step = "birth-date"
	StepPassword      Step = "password"
	StepSecondStep    Step = "second-step"
	StepApp           Step = "second-step/app"
	StepPasskey       Step = "second-step/passkey"
	StepRecoveryCodes Step = "recovery-codes"
	// StepPasswordAgain asks for the password just set, after a silence.
	StepPasswordAgain Step = "password-again"
	StepReview        Step = "review"
	StepAllow         Step = "allow"
	StepReturn        Step = "return"
	// StepSignIn: the account is claimed and this browser is not signed in.
	StepSignIn Step = "signin"
	// StepOver: the journey can go no further; the EndReason says why.
	StepOver Step = "over"
)

// EndReason says why a journey is over.
type EndReason string

// The reasons.
const (
	NotOver EndReason = ""
	// OverSession: the browser's session ended before the commit (E3).
	OverSession EndReason = "session"
	// OverUsed: another browser passed the mailbox proof (E2).
	OverUsed EndReason = "used"
	// OverClaimed: the account has its owner (E2).
	OverClaimed EndReason = "claimed"
	// OverCode: the code was cancelled, or the address changed (E1).
	OverCode EndReason = "code"
	// OverHeld: the account is on hold (E14).
	OverHeld EndReason = "held"
	// OverExisting: the proven address belongs to a claimed account (E10).
	OverExisting EndReason = "existing"
	// OverGone: the account no longer exists.
	OverGone EndReason = "gone"
)

// State is everything that the next step depends on, as one transaction read it.
type State struct {
	Journey Journey
	Account customer.Account
	Session customer.Session
	// Code is the claim code's row; zero on a visit or when it was swept.
	Code Code
	// Profiles are all of the account's, oldest first: each is reviewed, and the customer grants one of them.
	Profiles []customer.Profile
	// Profile is the one that the review begins with: the person's, or the oldest business where there is no person's; zero
	// when there is none yet.
	Profile customer.Profile
	// Representatives act for the businesses among the profiles, and Files were uploaded about any of them, without content.
	// Both are read from the commit to the decision.
	Representatives map[customer.RepresentativeID]customer.Representative
	Files           []customer.File
	// Extras are what the operator asks of every customer beside the contract's fields.
	Extras customer.Extras
	// GrantCode is the authorization code, zero for none.
	GrantCode grant.Code
	// Grant is the access that the partner has already to the only profile; zero before the commit, when there is none, and
	// when there are several profiles to choose from.
	Grant grant.Grant
	// Others are the accesses that the partner has where there are several profiles; C10 says of which.
	Others  []grant.Grant
	Partner partner.Partner
}

// firstOf is where the review of several profiles begins.
func firstOf(profiles []customer.Profile) customer.Profile {
	if p, found := customer.PersonalOf(profiles); found || len(profiles) == 0 {
		return p
	}
	return profiles[0]
}

// chosen is the profile that an answer names among the customer's own; none needs to be named where there is one only
// (contract OC-34). Another account's id is as unknown as one that does not exist, so that a forged form grants nothing.
func (s State) chosen(id customer.ProfileID) (customer.Profile, error) {
	for _, p := range s.Profiles {
		if p.ID == id || id == 0 && len(s.Profiles) == 1 {
			return p, nil
		}
	}
	return customer.Profile{}, ErrNoProfileChosen
}

// Uses reports whether the partner has access to a profile already, and keeps it whatever the answer for another one is.
func (s State) Uses(p customer.Profile, now time.Time) bool {
	return slices.ContainsFunc(s.Others, func(g grant.Grant) bool { return g.Profile == p.ID && g.Stands(now) })
}

// Asks says what C10 asks about. Where there are several profiles it is everything that was asked for, since what stands
// depends on the one that is chosen. later means that the partner has access already and only the rest is asked for: what
// stands is kept, whatever the answer. With prompt=consent everything is asked about again.
func (s State) Asks(now time.Time) (scopes []partner.Scope, later bool) {
	wanted := s.Journey.Request.Scopes
	if !s.Grant.Stands(now) || s.Journey.Request.Prompts("consent") {
		return wanted, false
	}
	for _, scope := range wanted {
		if !slices.Contains(s.Grant.Scopes, scope) {
			scopes = append(scopes, scope)
		}
	}
	if len(scopes) == 0 {
		return wanted, false
	}
	return scopes, true
}

// Next is the one function from stored state to the next step: every page asks it, no page knows another. It decides from
// what is stored alone, so a reload, a second tab, a crash and a late form all end up where the journey really is.
func (s State) Next(now time.Time) (Step, EndReason) {
	j := s.Journey
	if j.Decision.leaves() && s.ours() {
		return StepReturn, NotOver
	}
	if j.EndedAt.IsZero() && j.CommittedAt.IsZero() && j.Code != 0 {
		return s.nextBefore(now)
	}
	if !j.EndedAt.IsZero() {
		return StepOver, j.EndedReason
	}
	return s.nextAfter(now)
}

// ours reports whether the browser is the journey's own, or its account's owner in another one. The id in the address is no
// credential (journey section 1).
func (s State) ours() bool {
	return s.Session.ID != 0 && (s.Session.ID == s.Journey.Session || s.Session.Account != 0 && s.Session.Account == s.Journey.Account)
}

// nextBefore is the part before the commit: no credential exists yet, and only the journey that passed the mailbox proof
// last may go on (I1, I3).
func (s State) nextBefore(now time.Time) (Step, EndReason) {
	j, a := s.Journey, s.Account
	switch {
	case a.State == customer.Claimed:
		return StepOver, OverClaimed
	case a.State != customer.Pending:
		return StepOver, OverGone
	case a.Hold != "":
		return StepOver, OverHeld
	case a.Epoch != j.Epoch:
		return StepOver, OverUsed
	case !customer.SameEmail(j.Address, a.Address()):
		return StepOver, OverCode
	case s.Session.ID != j.Session || !s.Session.Alive(now):
		return StepOver, OverSession
	case !j.ProvenAt.IsZero() && a.LiveJourney != int64(j.ID):
		return StepOver, OverUsed
	case j.ProvenAt.IsZero() && j.Number <= a.ProvenNumber:
		return StepOver, OverUsed
	case j.ProvenAt.IsZero() && s.Code.State == Cancelled:
		return StepOver, OverCode
	case j.ProvenAt.IsZero():
		return StepEmail, NotOver
	}
	return s.nextCredential(now), NotOver
}

func (s State) nextCredential(now time.Time) Step {
	j := s.Journey
	silent := now.Sub(j.FreshAt) >= SilenceLife
	switch {
	case silent && j.PasswordAt.IsZero():
		return StepEmail
	case silent:
		return StepPasswordAgain
	case s.asksBirthDate():
		return StepBirthDate
	case j.PasswordAt.IsZero():
		return StepPassword
	case j.Method == "":
		return StepSecondStep
	case j.AppAt.IsZero() && j.PasskeyAt.IsZero():
		return stepOf(j.Method)
	}
	return StepRecoveryCodes
}

// nextAfter is the part that needs the owner, signed in at two factors in this browser (I4).
func (s State) nextAfter(now time.Time) (Step, EndReason) {
	switch {
	case s.Account.Hold != "":
		return StepOver, OverHeld
	case s.Account.State != customer.Claimed:
		return StepOver, OverGone
	case !s.Session.SignedIn(s.Account, now), !s.Journey.Request.Takes(s.Session.SignedInAt):
		return StepSignIn, NotOver
	case s.Journey.Decision != Undecided:
		return StepReturn, NotOver
	case s.Journey.ReviewedAt.IsZero() || !s.reviewed():
		return StepReview, NotOver
	}
	return StepAllow, NotOver
}

// reviewed reports whether the details of every profile are complete and confirmed as they are now, so that they are of the
// one that will be chosen (I4).
func (s State) reviewed() bool {
	ready := func(p customer.Profile) bool {
		return p.ID != 0 && p.Confirmed() && len(p.Missing()) == 0 && !s.Extras.Unseen(p)
	}
	for _, p := range s.Profiles {
		if !ready(p) {
			return false
		}
	}
	return ready(s.Profile) && !s.lacking()
}

// lacking reports whether a profile, or who represents one, lacks something that is needed.
func (s State) lacking() bool {
	for _, p := range s.Profiles {
		r, known := s.Representatives[p.Representative]
		if len(p.Missing()) > 0 || known && len(r.Missing()) > 0 || len(s.Extras.Missing(p)) > 0 {
			return true
		}
	}
	return false
}

// Edition is the edition of everything that the review shows: of all profiles together, with the files about them. Each only
// rises, so an equal one says that nothing has changed; a change of who represents a business raises that of the business.
// What the operator asks for is part of it: a field that was added while the page was read would be confirmed unseen.
func (s State) Edition() int64 {
	sum := int64(len(s.Files))
	for _, p := range s.Profiles {
		sum += p.Edition
	}
	return int64(s.Extras.Edition)<<32 + sum
}

// JourneyTx reads and writes claim codes and journeys within a transaction. What is not there is ErrCodeUnknown or
// ErrNoJourney.
type JourneyTx interface {
	ClaimCode(CodeID) (Code, error)
	ClaimCodeByDigest(digest []byte) (Code, error)
	// SaveClaimCode and SaveJourney insert when Version is 0 and otherwise update that version alone; they raise Version.
	SaveClaimCode(*Code) error
	// EndClaimCodes moves the account's minted codes to a state.
	EndClaimCodes(customer.AccountID, CodeState, time.Time) error
	Journey(text string) (Journey, error)
	// JourneysOf lists a browser session's journeys, newest first, at most 20.
	JourneysOf(customer.SessionID) ([]Journey, error)
	SaveJourney(*Journey) error
}
