package customer

import (
	"errors"
	"maps"
	"slices"
	"time"
)

// ProfileID identifies a profile, a legal identity of an account (contract 8). Below 2^53.
type ProfileID int64

// Errors about profiles.
var (
	// ErrNoProfile: there is none with this id for this caller; foreign and unknown look the same (I10).
	ErrNoProfile = errors.New("profile does not exist for this caller")
	// ErrProfileExists: the account has a personal profile already (contract 8.1).
	ErrProfileExists = errors.New("account has a personal profile")
	// ErrVersion: the profile changed since the page was shown (journey C8).
	ErrVersion = errors.New("profile changed meanwhile")
)

// Kind is which legal identity a profile is.
type Kind string

// The kinds of profiles. An account has one personal profile at most and any number of businesses (contract 8).
const (
	KindPersonal Kind = "personal"
	KindBusiness Kind = "business"
)

// Source says who said a value.
type Source string

// The sources of a value.
const (
	ByPartner  Source = "partner"
	ByCustomer Source = "customer"
)

// Field names one value of a profile; the names are used in provenance, events and page ids.
type Field string

// The fields of a personal profile.
const (
	FirstName     Field = "first_name"
	LastName      Field = "last_name"
	PreferredName Field = "preferred_name"
	DateOfBirth   Field = "date_of_birth"
	Nationality   Field = "nationality"
	Phone         Field = "phone"
	Email         Field = "email"
	Country       Field = "country"
	FirstLine     Field = "first_line"
	SecondLine    Field = "second_line"
	City          Field = "city"
	Region        Field = "region"
	PostCode      Field = "post_code"
	Occupation    Field = "occupation"
)

// PersonalFields lists the fields in the order in which the review page shows them.
func PersonalFields() []Field {
	return []Field{FirstName, LastName, PreferredName, DateOfBirth, Nationality, Occupation, Email, Phone,
		Country, FirstLine, SecondLine, City, Region, PostCode}
}

// Provenance says who gave a value, when, and whether the customer confirmed it.
type Provenance struct {
	Source Source    `json:"source"`
	At     time.Time `json:"at"`
	// ConfirmedAt is zero until the customer has said that the value is right.
	ConfirmedAt time.Time `json:"confirmed_at,omitzero"`
}

// A Change is one value that was replaced, kept for the customer.
type Change struct {
	Field  Field     `json:"field"`
	Old    string    `json:"old"`
	Source Source    `json:"source"`
	At     time.Time `json:"at"`
}

// A Proposal is a value that the partner sent after the claim: it takes effect when the customer accepts it
// (design 10.11).
type Proposal struct {
	Field Field     `json:"field"`
	Value string    `json:"value"`
	At    time.Time `json:"at"`
}

// historyKept bounds the changes kept in one profile.
const historyKept = 200

// FieldsOf lists the fields of a profile of that kind: its details, then its evidences.
func FieldsOf(kind Kind) []Field { return append(detailsOf(kind), EvidenceFields(kind)...) }

func detailsOf(kind Kind) []Field {
	if kind == KindBusiness {
		return BusinessFields()
	}
	return PersonalFields()
}

// Details are the values of a profile, or of a business's representative. Countries are ISO 3166 alpha-2 upper case here;
// the doors translate to the contract's dialects. Dates are YYYY-MM-DD. A field that takes several codes has them with a
// space between.
type Details struct {
	// SettledAt is when the customer last confirmed the profile; zero before.
	SettledAt time.Time        `json:"settled_at,omitzero"`
	Values    map[Field]string `json:"values,omitempty"`
	// OneName: the customer has one name only, so that an empty last name is complete.
	OneName bool `json:"one_name,omitempty"`
	// FirstNameInKana and LastNameInKana are passed through (contract 8.1).
	FirstNameInKana string                `json:"first_name_in_kana,omitempty"`
	LastNameInKana  string                `json:"last_name_in_kana,omitempty"`
	ExternalID      string                `json:"external_id,omitempty"`
	Occupations     []string              `json:"occupations,omitempty"`
	Provenance      Provenances           `json:"provenance,omitempty"`
	History         []Change              `json:"history,omitempty"`
	Proposals       []Proposal            `json:"proposals,omitempty"`
	Disputes        map[Field]DisputeNote `json:"disputes,omitempty"`
	// Lists are what there may be several of. Their provenance is under the field of the list's name.
	Lists Lists `json:"lists,omitzero"`
	// ProposedLists are whole lists that the partner sent after the claim, one a field, the newest counting.
	ProposedLists []ListProposal `json:"proposed_lists,omitempty"`
	Window        Window         `json:"window,omitzero"`
}

// A DisputeNote is what the customer told the partner about a value that it has locked.
type DisputeNote struct {
	Note string    `json:"note"`
	At   time.Time `json:"at"`
}

// A Profile is a legal identity: the partner fills in what it knows, the customer completes and confirms it after the
// commit, and access is granted to it (contract 8).
type Profile struct {
	ID      ProfileID
	Account AccountID
	Kind    Kind
	// Representative is who acts for a business; 0 in a personal profile.
	Representative RepresentativeID
	// PublicID is a UUID that may be shown outside (contract 8.3).
	PublicID string
	// AddressID is the id of the address inside it (contract 5.3, primaryAddress).
	AddressID int64
	Details   Details
	// Edition starts at 1 and rises with each change of a value; the review form carries it (journey C8).
	Edition int64
	// ConfirmedEdition is the edition that the customer confirmed; 0 for none.
	ConfirmedEdition int64
	ConfirmedAt      time.Time
	Verification     Verification
	CreatedAt        time.Time
	UpdatedAt        time.Time
	Version          int64
}

// Value returns a field's value, "" when it is not given.
func (p Profile) Value(f Field) string { return p.Details.Values[f] }

// Name is first and last name, or the name of the business, as the API shows it.
func (p Profile) Name() string {
	switch first, last := p.Value(FirstName), p.Value(LastName); {
	case p.Kind == KindBusiness:
		return p.Value(BusinessName)
	case first == "":
		return last
	case last == "":
		return first
	default:
		return first + " " + last
	}
}

// Confirmed reports whether the customer confirmed the values as they are now (I4).
func (p Profile) Confirmed() bool { return p.ConfirmedEdition != 0 && p.ConfirmedEdition == p.Edition }

// clone copies what a change writes, so that a refused change leaves the old value untouched.
func (d Details) clone() Details {
	d.Values = maps.Clone(d.Values)
	d.Provenance = maps.Clone(d.Provenance)
	d.Disputes = maps.Clone(d.Disputes)
	d.History = slices.Clone(d.History)
	d.Proposals = slices.Clone(d.Proposals)
	d.ProposedLists = slices.Clone(d.ProposedLists)
	if d.Values == nil {
		d.Values = map[Field]string{}
	}
	if d.Provenance == nil {
		d.Provenance = Provenances{}
	}
	return d
}

// with puts in the values of one author, of those fields alone.
func (d Details) with(fields []Field, values map[Field]string, by Source, now time.Time) (Details, []Field) {
	d = d.clone()
	var changed []Field
	for _, f := range fields {
		value, given := values[f]
		if !given || value == d.Values[f] {
			continue
		}
		if old := d.Values[f]; old != "" {
			d.History = append(d.History, Change{Field: f, Old: old, Source: d.Provenance[f].Source, At: now})
		}
		if value == "" {
			delete(d.Values, f)
		} else {
			d.Values[f] = value
		}
		d.Provenance[f] = Provenance{Source: by, At: now}
		changed = append(changed, f)
	}
	if extra := len(d.History) - historyKept; extra > 0 {
		d.History = d.History[extra:]
	}
	return d, changed
}

// propose stores a partner's values as proposals, one a field, the newest counting (design 10.11). have is what the values
// are compared with.
func (d Details) propose(fields []Field, values, have map[Field]string, now time.Time) (Details, []Field) {
	d = d.clone()
	var proposed []Field
	for _, f := range fields {
		value, given := values[f]
		if !given {
			continue
		}
		d.Proposals = slices.DeleteFunc(d.Proposals, func(q Proposal) bool { return q.Field == f })
		if value == have[f] { // what holds anyway takes back what was proposed before
			continue
		}
		d.Proposals = append(d.Proposals, Proposal{Field: f, Value: value, At: now})
		proposed = append(proposed, f)
	}
	return d, proposed
}

// Settled reports whether the customer gave or confirmed the value, or confirmed the profile while it stood there, so that
// a partner's later word is a proposal.
func (d Details) Settled(f Field) bool {
	said, given := d.Provenance[f]
	return said.Source == ByCustomer || !said.ConfirmedAt.IsZero() || given && !d.SettledAt.IsZero() && !said.At.After(d.SettledAt)
}

// AllSettled reports whether every value that anybody gave or took away is settled.
func (d Details) AllSettled() bool {
	for f := range d.Provenance {
		if !d.Settled(f) {
			return false
		}
	}
	return true
}

// With returns the profile with the values of one author put in, and the names of the fields that changed. A value that
// is equal keeps its provenance.
func (p Profile) With(values map[Field]string, by Source, now time.Time) (Profile, []Field) {
	var changed []Field
	if p.Details, changed = p.Details.with(p.takes(values), values, by, now); len(changed) > 0 {
		p.UpdatedAt = now
		p.Edition++
	}
	return p, changed
}

// takes lists the fields that may be written: those of the kind, and those of the operator's among the values.
func (p Profile) takes(values map[Field]string) []Field {
	fields := FieldsOf(p.Kind)
	for _, f := range slices.Sorted(maps.Keys(values)) {
		if f.IsExtra() {
			fields = append(fields, f)
		}
	}
	return fields
}

// Propose stores a partner's values as proposals, one a field, the newest counting (design 10.11).
func (p Profile) Propose(values map[Field]string, now time.Time) (Profile, []Field) {
	var proposed []Field
	p.Details, proposed = p.Details.propose(p.takes(values), values, p.Details.Values, now)
	return p, proposed
}

// Confirm returns the profile with every value that the review page showed confirmed by the customer: details, evidences and
// lists. A contact address beside the proven one is not shown and stays what the partner said, since nobody confirms what
// they have not seen; but it is settled too: from now on the partner can only propose. While the profile is not verified,
// the confirmation is a question to the operator's own system, where there is one.
func (p Profile) Confirm(now time.Time) Profile {
	p.Details = p.Details.confirm(now)
	if said, given := p.Details.Provenance[Email]; given {
		said.ConfirmedAt = time.Time{}
		p.Details.Provenance[Email] = said
	}
	p.reconfirmed(now)
	return p
}

// Reconfirm returns a profile that was confirmed before confirmed as it is, after its customer corrected it outside a review: what they
// said is their own word, and the rest is what they confirmed. All of it must be settled.
func (p Profile) Reconfirm(now time.Time) Profile {
	var said []Field
	for f, by := range p.Details.Provenance {
		if by.Source == ByCustomer && by.ConfirmedAt.IsZero() {
			said = append(said, f)
		}
	}
	p.Details = p.Details.seen(said, now)
	p.reconfirmed(now)
	return p
}

// reconfirmed notes that the customer stands behind the profile as it is now. While it is not verified, that is a question to the
// operator's own system.
func (p *Profile) reconfirmed(now time.Time) {
	p.ConfirmedEdition, p.ConfirmedAt = p.Edition, now
	if !p.Verified() {
		p.Verification.AskAt, p.Verification.Asked = now, 0
	}
}

// confirm settles the details, each value as it stands there.
func (d Details) confirm(now time.Time) Details {
	d = d.clone()
	d.SettledAt = now
	for f, said := range d.Provenance {
		said.ConfirmedAt = now
		d.Provenance[f] = said
	}
	return d
}

// Missing lists what the profile still lacks, in page order: the details that its kind and country ask for (contract 8.1,
// 8.4). Evidences are asked for apart, see MissingEvidences.
func (p Profile) Missing() []Field {
	var missing []Field
	for _, f := range detailsOf(p.Kind) {
		if p.Details.Lacks(f) && p.Needs(f) {
			missing = append(missing, f)
		}
	}
	return missing
}

// Lacks reports whether there is no value, or only one that the customer may not confirm: a postcode in another form than its
// country's, which a partner may say.
func (d Details) Lacks(f Field) bool {
	value := d.Values[f]
	if f == PostCode && value != "" {
		_, problem := checkPostCode(value, d.Values[Country])
		return problem != NoProblem
	}
	return value == ""
}

// ProfileTx reads and writes profiles within a transaction. What is not there is ErrNoProfile.
type ProfileTx interface {
	Profile(ProfileID) (Profile, error)
	// Profiles lists an account's profiles, oldest first.
	Profiles(AccountID) ([]Profile, error)
	// Sight reads what a caller is shown of its account, in one statement, or answers ErrNoAccount. It decides nothing, and is for reads alone.
	Sight(Caller) (Sight, error)
	// SaveProfile inserts when Version is 0 and otherwise updates that version alone; it raises Version.
	SaveProfile(*Profile) error
}
