package customer

import (
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// ErrLocked: the profile is verified, and what was to be changed is locked by that. The LockedError around it says what.
var ErrLocked = errors.New("profile is verified and its fields are locked")

// A LockedError names the fields whose change was refused; none of the others was changed either (contract OC-21).
type LockedError struct{ Fields []Field }

// Error repeats no value.
func (e LockedError) Error() string { return ErrLocked.Error() }

// Unwrap makes it ErrLocked.
func (e LockedError) Unwrap() error { return ErrLocked }

// The fields of the names in Katakana, under which locks know them.
const (
	FirstNameInKana Field = "first_name_in_kana"
	LastNameInKana  Field = "last_name_in_kana"
)

// LockedFields lists what verification locks for good, by kind of profile: what was checked (contract OC-21). Only an operator
// who takes the verification back opens it.
func LockedFields(kind Kind) []Field {
	if kind == KindBusiness {
		return []Field{BusinessName, BusinessNameKatakana, RegistrationNumber, ACN, ABN, ARBN, CompanyType, Country, Directors, Owners}
	}
	return []Field{FirstName, LastName, FirstNameInKana, LastNameInKana, DateOfBirth, Nationality, Country, Documents}
}

// WindowFields lists what may change after verification while the update window is open (contract 8.10, OC-21).
func WindowFields(kind Kind) []Field {
	if kind == KindBusiness {
		return []Field{FirstLine, SecondLine, City, Region, PostCode, OperationalAddresses, WebPage, FirstCategory, SecondCategory, Industries,
			Description}
	}
	return []Field{FirstLine, SecondLine, City, Region, PostCode, Phone, Email, Occupation}
}

// Acting is who represents a business, as a note about what was checked names the person.
const Acting Field = "business_representative"

// Locked reports whether verification keeps a field from being changed by the customer: it was checked, and it has a value.
// The customer needs no window for the rest.
func (p Profile) Locked(f Field) bool {
	if f == Acting {
		return p.Verified() && p.Representative != 0
	}
	return p.Verified() && slices.Contains(LockedFields(p.Kind), f) && p.has(f)
}

// has reports whether a field, a list or a name in Katakana is given.
func (p Profile) has(f Field) bool {
	switch f {
	case FirstNameInKana:
		return p.Details.FirstNameInKana != ""
	case LastNameInKana:
		return p.Details.LastNameInKana != ""
	}
	return p.Value(f) != "" || !reflect.ValueOf(p.Details.Lists.of(f)).IsZero()
}

// guard compares a profile with what a partner would make of it, proposals included, and refuses what verification locks. A
// value that was not there may be added: nobody checked it.
func (p Profile) guard(after Profile, epoch int64) error {
	if !p.Verified() {
		return nil
	}
	locked := LockedFields(p.Kind)
	if !p.WindowOpen(epoch) {
		locked = append(locked, WindowFields(p.Kind)...)
	}
	var refused []Field
	for _, f := range locked {
		if p.has(f) && p.moved(after, f) {
			refused = append(refused, f)
		}
	}
	if len(refused) > 0 {
		return LockedError{refused}
	}
	return nil
}

// moved reports whether a field differs in after, or is proposed there anew with another value.
func (p Profile) moved(after Profile, f Field) bool {
	switch f {
	case FirstNameInKana:
		return p.Details.FirstNameInKana != after.Details.FirstNameInKana
	case LastNameInKana:
		return p.Details.LastNameInKana != after.Details.LastNameInKana
	}
	if p.Value(f) != after.Value(f) || !reflect.DeepEqual(p.Details.Lists.of(f), after.Details.Lists.of(f)) {
		return true
	}
	for _, q := range after.Details.Proposals {
		if q.Field == f && q.Value != p.Value(f) && !slices.Contains(p.Details.Proposals, q) {
			return true
		}
	}
	for _, q := range after.Details.ProposedLists {
		if q.Field == f && !slices.ContainsFunc(p.Details.ProposedLists, func(old ListProposal) bool { return reflect.DeepEqual(old, q) }) {
			return true
		}
	}
	return false
}

// of is only the list of one field; nothing for a field that is no list.
func (l Lists) of(f Field) Lists {
	var one Lists
	one.put(f, l)
	return one
}

// personLocked and personWindow are what verification does to a business's representative (contract 8.6).
var (
	personLocked = []Field{FirstName, LastName, DateOfBirth, Country}
	personWindow = []Field{FirstLine, SecondLine, City, Region, PostCode, Phone, Email}
)

// guardPerson is guard for the person who represents a verified business, or who holds a verified personal profile.
func (p Profile) guardPerson(have, values map[Field]string, epoch int64) error {
	if !p.Verified() {
		return nil
	}
	locked := personLocked
	if !p.WindowOpen(epoch) {
		locked = slices.Concat(personLocked, personWindow)
	}
	var refused []Field
	for _, f := range locked {
		if value, given := values[f]; given && have[f] != "" && value != have[f] {
			refused = append(refused, f)
		}
	}
	if len(refused) > 0 {
		return LockedError{refused}
	}
	return nil
}

// guardRepresentative refuses to correct who represents a verified business, or who is the holder of a verified profile. One whom
// several businesses share is locked by each of them that the caller reaches: else one that is not verified would be the way to
// put another person into one that is. Of those that it does not reach a refusal would tell it (I10), and what it says is a
// proposal there. A transfer is no correction: it ends the verification instead.
func (cs Customers) guardRepresentative(tx Tx, c Caller, p Profile, in Substitution) error {
	seen, err := cs.represent(tx, c.Account, p.Representative)
	if err != nil || in.Transfer {
		return err
	}
	profiles, err := tx.Profiles(c.Account)
	if err != nil {
		return err
	}
	for _, other := range profiles {
		if other.Representative == p.Representative && (other.ID == p.ID || c.Profile == 0) {
			if err := other.guardPerson(seen.Details.Values, in.Values, c.Epoch); err != nil {
				return err
			}
		}
	}
	if personal, found := PersonalOf(profiles); found && seen.Holder {
		return personal.guardPerson(seen.Details.Values, in.Values, c.Epoch)
	}
	return nil
}

// guardHolder refuses to make another person of who holds the account while a verified business is represented by them: the
// personal profile, though nobody verified it, says who that is.
func guardHolder(tx Tx, before, after Profile) error {
	refused := slices.DeleteFunc(slices.Clone(personLocked), func(f Field) bool { return before.Value(f) == "" || before.Value(f) == after.Value(f) })
	if before.Kind == KindBusiness || len(refused) == 0 {
		return nil
	}
	profiles, err := tx.Profiles(before.Account)
	for _, p := range profiles {
		if err != nil {
			return err
		}
		if !p.Verified() || p.Representative == 0 {
			continue
		}
		var r Representative
		if r, err = ownRepresentative(tx, p.Account, p.Representative); err == nil && r.Holder {
			return LockedError{refused}
		}
	}
	return err
}

// transferred takes back the verification of every business that has another representative now (contract 8.6), and returns p
// as it then is.
func (cs Customers) transferred(tx Tx, p Profile, now time.Time) (Profile, error) {
	a, err := tx.Account(p.Account)
	if err != nil {
		return Profile{}, err
	}
	profiles, err := tx.Profiles(p.Account)
	for _, other := range profiles {
		if err != nil || other.Representative != p.Representative || !other.Verified() {
			continue
		}
		if other, err = cs.decide(tx, a, other, Decision{By: ByTransfer}, now); other.ID == p.ID {
			p = other
		}
	}
	return p, err
}

// LongestNote is how long a customer's note about a locked value may be, in code points.
const LongestNote = 1000

// Errors of such a note.
var (
	// ErrNoteEmpty: there is nothing in it.
	ErrNoteEmpty = errors.New("note is empty")
	// ErrNoteLong: it is longer than LongestNote.
	ErrNoteLong = errors.New("note is too long")
	// ErrNotLocked: the value is not locked; the customer can change it.
	ErrNotLocked = errors.New("value is not locked")
)

// CheckNote normalises a note to NFC without control characters, its lines kept. Errors: ErrNoteEmpty, ErrNoteLong.
func CheckNote(text string) (string, error) {
	var lines []string
	for line := range strings.SplitSeq(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
		line = strings.Map(func(r rune) rune {
			if hidden(r) {
				return ' '
			}
			return r
		}, line)
		lines = append(lines, Clean(line))
	}
	text = strings.TrimSpace(strings.Join(lines, "\n"))
	switch {
	case text == "":
		return "", ErrNoteEmpty
	case longer(text, LongestNote) != NoProblem:
		return "", ErrNoteLong
	}
	return text, nil
}

// Dispute returns the profile with the customer's note about locked values, and whether it says anything new. The newest note
// about a value counts. Errors: ErrNotLocked.
func (p Profile) Dispute(fields []Field, note string, now time.Time) (Profile, bool, error) {
	disputes := maps.Clone(p.Details.Disputes)
	if disputes == nil {
		disputes = map[Field]DisputeNote{}
	}
	changed := false
	for _, f := range fields {
		if !p.Locked(f) {
			return Profile{}, false, ErrNotLocked
		}
		if disputes[f].Note != note {
			disputes[f], changed = DisputeNote{Note: note, At: now}, true
		}
	}
	if changed {
		p.Details.Disputes, p.UpdatedAt = disputes, now
	}
	return p, changed, nil
}
