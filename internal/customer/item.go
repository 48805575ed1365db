package customer

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-id/latchkey/internal/secret"
)

// ErrNoItem: a list has no entry of this id, or not any more.
var ErrNoItem = errors.New("list has no such entry")

// The fields of what stands in lists, besides those of persons and addresses.
const (
	OwnerName Field = "owner_name"
	// OwnerPercent is how much of the business an owner holds, 0 to 100.
	OwnerPercent   Field = "owner_percent"
	DocumentNumber Field = "document_number"
	IssuedOn       Field = "issued_on"
	ExpiresOn      Field = "expires_on"
	IssuerCountry  Field = "issuer_country"
)

// An Item names one entry of a list of a profile, for the customer who corrects it.
type Item struct {
	List Field
	// ID is the entry's; "" for one that is to be added.
	ID string
	// Remove takes it away.
	Remove bool
}

// ItemFields lists what the customer may say of an entry, in the order of its page. Of a document it is what it says, not
// which kind it is: another kind is another document.
func ItemFields(list Field) []Field {
	switch list {
	case Directors:
		return []Field{FirstName, LastName, DateOfBirth, Country}
	case Owners:
		return []Field{OwnerName, DateOfBirth, Country, FirstLine, PostCode, OwnerPercent}
	case OperationalAddresses:
		return []Field{Country, FirstLine, City, Region, PostCode}
	case Documents:
		return []Field{DocumentNumber, FirstName, LastName, IssuedOn, ExpiresOn, IssuerCountry}
	}
	return nil
}

// ItemNeeds reports whether an entry in that country cannot do without the field (contract 8.4, 10.1, 10.2).
func ItemNeeds(list, f Field, country string) bool {
	switch list {
	case Directors:
		return f == FirstName || f == LastName
	case Owners:
		return f != OwnerPercent
	case OperationalAddresses:
		return f == Country || f == FirstLine || f == City || AddressNeeds(f, country)
	}
	return false
}

// CheckItemValue is CheckValue for the fields of entries.
func CheckItemValue(f Field, text, country string, now time.Time) (string, Problem) {
	text, problem := CheckValue(f, text, country, now)
	if text == "" || problem != NoProblem {
		return text, problem
	}
	switch f {
	case OwnerPercent:
		n, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(text, "%")))
		if err != nil || n < 0 || n > 100 {
			return text, Malformed
		}
		return strconv.Itoa(n), NoProblem
	case IssuerCountry:
		code, known := ParseCountry(text)
		if !known {
			return text, Malformed
		}
		return code, NoProblem
	case IssuedOn, ExpiresOn:
		if _, err := time.Parse(time.DateOnly, text); err != nil {
			return text, Malformed
		}
	case DocumentNumber:
		return text, longer(text, PartnerNameLimit)
	}
	return text, NoProblem
}

// Values are what a director is, field by field.
func (d Director) Values() map[Field]string {
	return map[Field]string{FirstName: d.FirstName, LastName: d.LastName, DateOfBirth: d.DateOfBirth, Country: d.Country}
}

// Values are what an owner is, field by field.
func (o Owner) Values() map[Field]string {
	values := map[Field]string{OwnerName: o.Name, DateOfBirth: o.DateOfBirth, Country: o.Country, FirstLine: o.FirstLine, PostCode: o.PostCode}
	if o.PercentGiven {
		values[OwnerPercent] = strconv.Itoa(o.Percent)
	}
	return values
}

// Values are what an address is, field by field.
func (a Place) Values() map[Field]string {
	return map[Field]string{Country: a.Country, FirstLine: a.FirstLine, City: a.City, Region: a.Region, PostCode: a.PostCode}
}

// Values are what a document says, as far as the customer may correct it.
func (d Document) Values() map[Field]string {
	return map[Field]string{DocumentNumber: d.Number, FirstName: d.FirstName, LastName: d.LastName, IssuedOn: d.IssuedOn, ExpiresOn: d.ExpiresOn,
		IssuerCountry: d.IssuerCountry}
}

// id is an entry's number as an Item names it.
func id(n int64) string { return strconv.FormatInt(n, 10) }

// WithItem returns the profile with one entry of a list corrected, added or removed by the customer, and whether that is a
// change. Entries keep their ids, and the others their author; documents are not added here, since a document is more than
// what can be typed. What was there before is kept in the history. Errors: ErrNoItem, ErrTooMany.
func (p Profile) WithItem(ids *secret.IDs, item Item, values map[Field]string, now time.Time) (Profile, bool, error) {
	lists, have := Lists{}, p.Details.Lists
	var old any
	var err error
	switch item.List {
	case Directors:
		lists.Directors, old, err = edited(have.Directors, item, func(d Director) string { return id(d.ID) }, func(d Director) Director {
			if d.ID == 0 {
				d.ID = ids.Next()
			}
			d.FirstName, d.LastName, d.DateOfBirth, d.Country = values[FirstName], values[LastName], values[DateOfBirth], values[Country]
			d.Source, d.At = ByCustomer, now
			return d
		})
	case Owners:
		lists.Owners, old, err = edited(have.Owners, item, func(o Owner) string { return o.ID }, func(o Owner) Owner {
			if o.ID == "" {
				o.ID = strings.ReplaceAll(secret.UUID(), "-", "")
			}
			percent, bad := strconv.Atoi(values[OwnerPercent])
			o.Name, o.DateOfBirth, o.Country, o.FirstLine, o.PostCode = values[OwnerName], values[DateOfBirth], values[Country], values[FirstLine], values[PostCode]
			o.Percent, o.PercentGiven, o.Source, o.At = percent, bad == nil, ByCustomer, now
			return o
		})
	case OperationalAddresses:
		lists.OperationalAddresses, old, err = edited(have.OperationalAddresses, item, func(a Place) string { return id(a.ID) }, func(a Place) Place {
			if a.ID == 0 {
				a.ID = ids.Next()
			}
			a.Country, a.FirstLine, a.City, a.Region, a.PostCode = values[Country], values[FirstLine], values[City], values[Region], values[PostCode]
			a.Source, a.At = ByCustomer, now
			return a
		})
	case Documents:
		if item.ID == "" {
			return p, false, ErrNoItem
		}
		lists.Documents, old, err = edited(have.Documents, item, func(d Document) string { return id(d.ID) }, func(d Document) Document {
			d.Number, d.FirstName, d.LastName = values[DocumentNumber], values[FirstName], values[LastName]
			d.IssuedOn, d.ExpiresOn, d.IssuerCountry = values[IssuedOn], values[ExpiresOn], values[IssuerCountry]
			d.Source, d.At = ByCustomer, now
			return d
		})
	default:
		err = ErrNoItem
	}
	if err != nil || p.sameItem(item, values) {
		return p, false, err
	}
	after := p.withList(item.List, lists, ByCustomer, now)
	if old != nil {
		text, err := json.Marshal(old)
		if err != nil {
			return p, false, err
		}
		after.Details.keep(Change{Field: item.List, Old: string(text), Source: p.Details.Provenance[item.List].Source, At: now})
	}
	return after, true, nil
}

// edited is a list with the item's entry put in the place of the old one, behind all, or taken away; old is what was there.
func edited[T any](list []T, item Item, id func(T) string, put func(T) T) (after []T, old any, err error) {
	if item.ID == "" {
		var fresh T
		return append(slices.Clone(list), put(fresh)), nil, tooMany(len(list)+1, mostPeople)
	}
	i := slices.IndexFunc(list, func(t T) bool { return id(t) == item.ID })
	if i < 0 {
		return nil, nil, ErrNoItem
	}
	after, old = slices.Clone(list), list[i]
	if item.Remove {
		return slices.Delete(after, i, i+1), old, nil
	}
	after[i] = put(list[i])
	return after, old, nil
}

// ItemValues are those of one entry. Errors: ErrNoItem.
func (p Profile) ItemValues(item Item) (map[Field]string, error) {
	lists := p.Details.Lists
	for _, d := range lists.Directors {
		if item.List == Directors && id(d.ID) == item.ID {
			return d.Values(), nil
		}
	}
	for _, o := range lists.Owners {
		if item.List == Owners && o.ID == item.ID {
			return o.Values(), nil
		}
	}
	for _, a := range lists.OperationalAddresses {
		if item.List == OperationalAddresses && id(a.ID) == item.ID {
			return a.Values(), nil
		}
	}
	for _, d := range lists.Documents {
		if item.List == Documents && id(d.ID) == item.ID {
			return d.Values(), nil
		}
	}
	return nil, ErrNoItem
}

// sameItem reports whether the entry says this already: saving a page unchanged does not make the customer its author.
func (p Profile) sameItem(item Item, values map[Field]string) bool {
	have, err := p.ItemValues(item)
	if err != nil || item.Remove {
		return false
	}
	for _, f := range ItemFields(item.List) {
		if have[f] != values[f] {
			return false
		}
	}
	return true
}

// keep puts a change into the history, which is bounded.
func (d *Details) keep(c Change) {
	d.History = append(slices.Clone(d.History), c)
	if extra := len(d.History) - historyKept; extra > 0 {
		d.History = d.History[extra:]
	}
}
