package customer

import (
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/latchkey-id/latchkey/internal/partner"
)

// KYCReviewID is the key of a review's row; outside, a review is its PublicID.
type KYCReviewID int64

// Errors about KYC reviews.
var (
	// ErrNoReview: the profile has none with this id for this caller; foreign and unknown look the same (I10).
	ErrNoReview = errors.New("KYC review does not exist for this caller")
	// ErrReviewState: the review does not take this in the state that it is in.
	ErrReviewState = errors.New("KYC review does not take this now")
	// ErrRequirement: the review does not ask for this, or not any more.
	ErrRequirement = errors.New("KYC review does not ask for this")
	// ErrRedirect: the address is not one that the partner registered (design 10.19, I6).
	ErrRedirect = errors.New("redirect address is not registered")
	// ErrLinkOver: the link is older than five minutes; the partner makes another one.
	ErrLinkOver = errors.New("link of KYC review has run out")
)

// ReviewState is the state of a review.
type ReviewState string

// The states of a review (contract 11.5). Any may follow any.
const (
	ReviewNew        ReviewState = "NEW"
	ReviewPassed     ReviewState = "PASSED"
	ReviewPassedYet  ReviewState = "PASSED_WITH_REQUIREMENTS"
	ReviewWaiting    ReviewState = "WAITING_CUSTOMER_INPUT"
	ReviewProcessing ReviewState = "PROCESSING"
)

// A Trigger is what made a partner ask for a review (contract 11.5). ID is the partner's UUID of it, or empty.
type Trigger struct {
	Type string `json:"type"`
	ID   string `json:"id,omitempty"`
}

// TriggerTypes lists what a review may be for.
func TriggerTypes() []string { return []string{"QUOTE", "PROACTIVE_SEND_MONEY", "CARD"} }

// LinkOutcome is how the customer left the page of a link (contract 11.5).
type LinkOutcome string

// The outcomes.
const (
	LinkSuccess LinkOutcome = "success"
	LinkFailed  LinkOutcome = "failed"
	LinkClosed  LinkOutcome = "closed"
)

// A ReviewLink leads a customer to the page of a review: for five minutes, once, and the newest alone (contract 11.5).
type ReviewLink struct {
	// Digest is of the link's text, which is stored nowhere.
	Digest    []byte
	ExpiresAt time.Time
	UsedAt    time.Time
	// Outcome is "" until the link is used.
	Outcome LinkOutcome
}

// LinkLife is how long a link may be used.
const LinkLife = 5 * time.Minute

// A KYCReview is what a partner asked to be checked about a profile (contract 11.5). Its requirements are met by what is said
// of the profile, by whomever and on whatever way, and settled when the profile is verified. It ends with the epoch that it
// was made under (I2).
type KYCReview struct {
	ID       KYCReviewID
	PublicID string
	Account  AccountID
	Profile  ProfileID
	Partner  partner.ID
	Epoch    int64
	State    ReviewState
	// Requirements are needed, one of each group (Groups).
	Requirements []Requirement
	Triggers     []Trigger
	// RedirectURI is where the customer goes from the page of a link; "" until the partner says.
	RedirectURI string
	// RequiredBy is when what a review that had passed asks for since must be there; zero for the others. Until then the review
	// has passed with requirements, afterwards it waits.
	RequiredBy time.Time
	Link       ReviewLink
	CreatedAt  time.Time
	UpdatedAt  time.Time
	Version    int64
}

// KYCReviewTx reads and writes reviews within a transaction. What is not there is ErrNoReview.
type KYCReviewTx interface {
	KYCReview(publicID string) (KYCReview, error)
	KYCReviewByLink(digest []byte) (KYCReview, error)
	// KYCReviews lists a profile's, of all partners, oldest first.
	KYCReviews(ProfileID) ([]KYCReview, error)
	// SaveKYCReview inserts when Version is 0 and otherwise updates that version alone; it raises Version.
	SaveKYCReview(*KYCReview) error
}

// Grace is how long a review that had passed leaves time for what it asks for since.
const Grace = 30 * 24 * time.Hour

// Open lists the keys of groups of which nobody has provided anything yet.
func (r KYCReview) Open() []RequirementKey {
	var open []RequirementKey
	for _, group := range Groups(r.Requirements) {
		if standing(group) != NotProvided {
			continue
		}
		for _, q := range group {
			open = append(open, q.Key)
		}
	}
	return open
}

// Missing counts the groups of which nobody has provided anything yet.
func (r KYCReview) Missing() int {
	n := 0
	for _, group := range Groups(r.Requirements) {
		if standing(group) == NotProvided {
			n++
		}
	}
	return n
}

// At returns the review as it stands at a moment: what it left time for may have become due.
func (r KYCReview) At(now time.Time) KYCReview {
	if r.State == ReviewPassedYet && !now.Before(r.RequiredBy) {
		return r.stood(now)
	}
	return r
}

// Submits reports whether requirements may be submitted in this state (contract 11.5).
func (r KYCReview) Submits() bool { return r.State == ReviewWaiting || r.State == ReviewPassedYet }

// stood returns the review in the state that its requirements amount to.
func (r KYCReview) stood(now time.Time) KYCReview {
	found := map[RequirementState]bool{}
	for _, group := range Groups(r.Requirements) {
		found[standing(group)] = true
	}
	due := !now.Before(r.RequiredBy)
	switch {
	case !found[NotProvided] && !found[InReview]:
		r.State, r.RequiredBy = ReviewPassed, time.Time{}
	case !due:
		r.State = ReviewPassedYet
	case found[NotProvided]:
		r.State, r.RequiredBy = ReviewWaiting, time.Time{}
	default:
		r.State, r.RequiredBy = ReviewProcessing, time.Time{}
	}
	return r
}

// settled returns the review as the profile makes it: what was provided since is in review, and of a verified profile
// everything is checked.
func (r KYCReview) settled(p Profile, files []File, now time.Time) KYCReview {
	r.Requirements = slices.Clone(r.Requirements)
	for i, q := range r.Requirements {
		switch {
		case p.Verified():
			r.Requirements[i].State, r.Requirements[i].Again = Checked, false
		case q.State == NotProvided && p.fulfils(q.Key, q.Again, files):
			r.Requirements[i].State = InReview
		}
	}
	return r.stood(now)
}

// with returns the review with the state of some requirements set. One that was provided and is not provided after all is asked
// for again, and at once.
func (r KYCReview) with(state RequirementState, now time.Time, keys ...RequirementKey) KYCReview {
	r.Requirements = slices.Clone(r.Requirements)
	for i, q := range r.Requirements {
		if !slices.Contains(keys, q.Key) {
			continue
		}
		if q.State != NotProvided && state == NotProvided {
			r.Requirements[i].Again, r.RequiredBy = true, time.Time{}
		}
		if r.Requirements[i].State = state; state == Checked {
			r.Requirements[i].Again = false
		}
	}
	return r.stood(now)
}

// reviewStamp is how payloads write the moments of a review (contract 3.4).
const reviewStamp = "2006-01-02T15:04:05.000000"

// event is what the partner is told of a change from before (contract 12.4): the whole payload of the newest version, of which
// the older ones have the resource alone. A change of requirements that leaves the state as it was is for the newest version
// only. false is no change.
func (r KYCReview) event(before KYCReview) (partner.Event, bool) {
	changes := []requirementChange{}
	for _, q := range r.Requirements {
		was := RequirementState("")
		if i := slices.IndexFunc(before.Requirements, func(old Requirement) bool { return old.Key == q.Key }); i >= 0 {
			was = before.Requirements[i].State
		}
		if was != q.State {
			changes = append(changes, requirementChange{q.Key, was, q.State})
		}
	}
	e := partner.Event{Type: partner.EventKYCReview, State: string(r.State), Partner: r.Partner, Account: int64(r.Account), Profile: int64(r.Profile),
		OccurredAt: r.UpdatedAt}
	switch {
	case r.State != before.State:
	case len(changes) == 0:
		return partner.Event{}, false
	default:
		e.Reason = partner.ReasonRequirements
	}
	data, err := json.Marshal(map[string]reviewResource{"resource": r.resource(before.State, changes)})
	e.Data = string(data)
	return e, err == nil // of plain texts and numbers: there is nothing in it that cannot be written
}

// A reviewResource is a review in payloads, in the documented order; the last two members are the newest version's.
type reviewResource struct {
	ID           string              `json:"id"`
	State        ReviewState         `json:"state"`
	Profile      ProfileID           `json:"profileId"`
	RequiredBy   *string             `json:"requiredBy"`
	CreatedAt    string              `json:"createdAt"`
	UpdatedAt    string              `json:"updatedAt"`
	References   []triggerReference  `json:"triggerReferences"`
	Requirements [][]toldRequirement `json:"requirements"`
	PrevState    ReviewState         `json:"prevState"`
	Changes      []requirementChange `json:"requirementChanges"`
}

// A toldRequirement is a requirement in payloads. What is asked for again stands in it as what it needs in addition.
type toldRequirement struct {
	Key        RequirementKey    `json:"key"`
	State      RequirementState  `json:"state"`
	Additional []toldRequirement `json:"additionalRequirements,omitempty"`
}

type triggerReference struct {
	Type string            `json:"type"`
	Data map[string]string `json:"triggerData"`
}

type requirementChange struct {
	Key       RequirementKey   `json:"key"`
	PrevState RequirementState `json:"prevState,omitempty"`
	State     RequirementState `json:"state"`
}

func (r KYCReview) resource(prev ReviewState, changes []requirementChange) reviewResource {
	groups := [][]toldRequirement{}
	for _, group := range Groups(r.Requirements) {
		told := make([]toldRequirement, len(group))
		for i, q := range group {
			if told[i] = (toldRequirement{Key: q.Key, State: q.State}); q.Again {
				told[i].Additional = []toldRequirement{{Key: q.Key, State: q.State}}
			}
		}
		groups = append(groups, told)
	}
	references := make([]triggerReference, len(r.Triggers))
	for i, t := range r.Triggers {
		references[i] = triggerReference{t.Type, map[string]string{}}
		if t.ID != "" {
			references[i].Data["id"] = t.ID
		}
	}
	var by *string
	if !r.RequiredBy.IsZero() {
		text := r.RequiredBy.UTC().Format(reviewStamp)
		by = &text
	}
	return reviewResource{r.PublicID, r.State, r.Profile, by, r.CreatedAt.UTC().Format(reviewStamp), r.UpdatedAt.UTC().Format(reviewStamp),
		references, groups, prev, changes}
}
