package customer

import (
	"errors"
	"maps"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/secret"
)

// peopled is a business with one of each.
func peopled() Profile {
	p := businessWith(nil)
	for f, list := range map[Field]Lists{
		Directors:            {Directors: []Director{{ID: 7, FirstName: "Ada", LastName: "Voss", Source: ByPartner}, {ID: 8, FirstName: "Ida", LastName: "Voss", Source: ByPartner}}},
		Owners:               {Owners: []Owner{{ID: "abc", Name: "Ada Voss", Country: "DE", Percent: 30, PercentGiven: true, Source: ByPartner}}},
		OperationalAddresses: {OperationalAddresses: []Place{{ID: 9, Country: "GB", FirstLine: "1 Dock Street", City: "Leith", PostCode: "EH6 7AB"}}},
		Documents:            {Documents: []Document{{ID: 10, Type: "PASSPORT", Number: "N1", Sex: "F", Source: ByPartner}}},
	} {
		p = p.withList(f, list, ByPartner, today)
	}
	return p
}

func testIDs() *secret.IDs { return secret.NewIDs(func() time.Time { return today }) }

// TestItems: an entry is corrected, added or taken away; the others stay as they were, the edition rises, and the history has
// what was there. Saving what is there already makes nobody its author.
func TestItems(t *testing.T) {
	later := today.Add(time.Hour)
	for _, c := range []struct {
		name   string
		item   Item
		values map[Field]string
		// left is how many entries the list has afterwards, old what the history holds.
		left int
		old  string
	}{
		{"corrects a director", Item{List: Directors, ID: "8"}, map[Field]string{FirstName: "Ina", LastName: "Voss"}, 2, `"Ida"`},
		{"adds a director", Item{List: Directors}, map[Field]string{FirstName: "Ina", LastName: "Voss", DateOfBirth: "1970-01-01", Country: "DE"}, 3, ""},
		{"removes a director", Item{List: Directors, ID: "7", Remove: true}, nil, 1, `"Ada"`},
		{"corrects an owner", Item{List: Owners, ID: "abc"}, map[Field]string{OwnerName: "Ada Voss", Country: "DE", OwnerPercent: "31"}, 1, `30`},
		{"forgets how much", Item{List: Owners, ID: "abc"}, map[Field]string{OwnerName: "Ada Voss", Country: "DE"}, 1, `30`},
		{"adds an owner", Item{List: Owners}, map[Field]string{OwnerName: "Ina Voss"}, 2, ""},
		{"removes the owner", Item{List: Owners, ID: "abc", Remove: true}, nil, 0, `abc`},
		{"corrects an address", Item{List: OperationalAddresses, ID: "9"}, map[Field]string{Country: "GB", FirstLine: "2 Dock Street", City: "Leith", PostCode: "EH6 7AB"}, 1, `1 Dock`},
		{"adds an address", Item{List: OperationalAddresses}, map[Field]string{Country: "GB", FirstLine: "2 Dock Street", City: "Leith"}, 2, ""},
		{"removes the address", Item{List: OperationalAddresses, ID: "9", Remove: true}, nil, 0, `EH6`},
		{"corrects a document", Item{List: Documents, ID: "10"}, map[Field]string{DocumentNumber: "N2", ExpiresOn: "2031-01-01"}, 1, `"N1"`},
		{"removes the document", Item{List: Documents, ID: "10", Remove: true}, nil, 0, `"N1"`},
	} {
		p := peopled()
		after, changed, err := p.WithItem(testIDs(), c.item, c.values, later)
		if err != nil || !changed || after.Edition != p.Edition+1 || after.Confirmed() {
			t.Errorf("%s: changed %t, edition %d after %d: %v", c.name, changed, after.Edition, p.Edition, err)
			continue
		}
		l, before := after.Details.Lists, p.Details.Lists
		n := map[Field]int{Directors: len(l.Directors), Owners: len(l.Owners), OperationalAddresses: len(l.OperationalAddresses), Documents: len(l.Documents)}[c.item.List]
		if n != c.left {
			t.Errorf("%s: %d entries", c.name, n)
		}
		if said := after.Details.Provenance[c.item.List]; said.Source != ByCustomer || said.At != later || !after.Details.Settled(c.item.List) {
			t.Errorf("%s: provenance %+v", c.name, said)
		}
		h := after.Details.History
		if (len(h) == 1) != (c.old != "") || len(h) == 1 && (h[0].Field != c.item.List || h[0].Source != ByPartner || !strings.Contains(h[0].Old, c.old)) {
			t.Errorf("%s: history %+v", c.name, h)
		}
		if len(before.Directors) != 2 || before.Directors[1].FirstName != "Ida" || before.Owners[0].Percent != 30 {
			t.Errorf("%s: the profile before was written to", c.name)
		}
		if c.item.Remove || c.item.ID == "" {
			continue
		}
		if values, err := after.ItemValues(c.item); err != nil || !covers(values, c.values) {
			t.Errorf("%s: it says %v, %v", c.name, values, err)
		}
		if again, changed, err := after.WithItem(testIDs(), c.item, c.values, later.Add(time.Hour)); err != nil || changed || again.Edition != after.Edition {
			t.Errorf("%s: saving it again changes it: %v", c.name, err)
		}
	}
}

// covers reports whether values has all of some, and nothing else that is not empty.
func covers(values, some map[Field]string) bool {
	left := maps.Clone(values)
	maps.DeleteFunc(left, func(f Field, v string) bool { return v == some[f] })
	return len(left) == 0
}

// TestItemsKeepTheRest: what the customer did not touch keeps its id and author, a document keeps what no page asks for, and
// one that is added gets an id.
func TestItemsKeepTheRest(t *testing.T) {
	p, ids := peopled(), testIDs()
	a, _, err := p.WithItem(ids, Item{List: Directors, ID: "8"}, map[Field]string{FirstName: "Ina", LastName: "Voss"}, today)
	if d := a.Details.Lists.Directors; err != nil || d[0] != p.Details.Lists.Directors[0] || d[1].ID != 8 || d[1].Source != ByCustomer {
		t.Errorf("%+v, %v", d, err)
	}
	a, _, err = p.WithItem(ids, Item{List: Documents, ID: "10"}, map[Field]string{DocumentNumber: "N2"}, today)
	if d := a.Details.Lists.Documents[0]; err != nil || d.Type != "PASSPORT" || d.Sex != "F" || d.Number != "N2" || d.Source != ByCustomer {
		t.Errorf("%+v, %v", d, err)
	}
	a, _, _ = p.WithItem(ids, Item{List: Directors}, map[Field]string{FirstName: "Ina"}, today)
	b, _, _ := a.WithItem(ids, Item{List: Owners}, map[Field]string{OwnerName: "Ina", OwnerPercent: "0"}, today)
	c, _, _ := b.WithItem(ids, Item{List: OperationalAddresses}, map[Field]string{FirstLine: "x"}, today)
	l := c.Details.Lists
	if l.Directors[2].ID == 0 || len(l.Owners[1].ID) != 32 || !l.Owners[1].PercentGiven || l.OperationalAddresses[1].ID == 0 || l.OperationalAddresses[1].Source != ByCustomer {
		t.Errorf("%+v", l)
	}
}

// TestItemsRefused: what is not there, what is no list, a document that nobody gave, and one more than anybody needs.
func TestItemsRefused(t *testing.T) {
	full := peopled()
	for i := range mostPeople {
		full.Details.Lists.Owners = append(full.Details.Lists.Owners, Owner{ID: strconv.Itoa(i)})
	}
	full.Details.Lists.Owners = full.Details.Lists.Owners[:mostPeople]
	for _, c := range []struct {
		item Item
		want error
	}{
		{Item{List: Directors, ID: "9"}, ErrNoItem}, {Item{List: Directors, ID: "abc"}, ErrNoItem}, {Item{List: Directors, ID: "9", Remove: true}, ErrNoItem},
		{Item{List: Owners, ID: "nobody"}, ErrNoItem}, {Item{List: OperationalAddresses, ID: "7"}, ErrNoItem}, {Item{List: Documents, ID: "7"}, ErrNoItem},
		{Item{List: Documents}, ErrNoItem}, {Item{List: FirstName}, ErrNoItem}, {Item{}, ErrNoItem}, {Item{List: Owners}, ErrTooMany},
	} {
		after, changed, err := full.WithItem(testIDs(), c.item, map[Field]string{FirstName: "Ina"}, today)
		if !errors.Is(err, c.want) || changed || after.Edition != full.Edition {
			t.Errorf("%+v: changed %t, %v", c.item, changed, err)
		}
	}
	// A full list can still be corrected and made shorter.
	if _, changed, err := full.WithItem(testIDs(), Item{List: Owners, ID: "abc", Remove: true}, nil, today); err != nil || !changed {
		t.Errorf("%v", err)
	}
}

// TestCheckItemValue: the fields of entries in their form, and the others as everywhere.
func TestCheckItemValue(t *testing.T) {
	for _, c := range []struct {
		field   Field
		text    string
		want    string
		problem Problem
	}{
		{OwnerPercent, " 25 % ", "25", NoProblem}, {OwnerPercent, "0", "0", NoProblem}, {OwnerPercent, "100", "100", NoProblem},
		{OwnerPercent, "101", "101", Malformed}, {OwnerPercent, "-1", "-1", Malformed}, {OwnerPercent, "2.5", "2.5", Malformed}, {OwnerPercent, "", "", NoProblem},
		{IssuerCountry, "gbr", "GB", NoProblem}, {IssuerCountry, "XX", "XX", Malformed},
		{IssuedOn, "2020-02-29", "2020-02-29", NoProblem}, {ExpiresOn, "2021-02-29", "2021-02-29", Malformed}, {ExpiresOn, "2999-01-01", "2999-01-01", NoProblem},
		{DocumentNumber, strings.Repeat("1", 30), strings.Repeat("1", 30), NoProblem}, {DocumentNumber, strings.Repeat("1", 31), strings.Repeat("1", 31), TooLong},
		{DocumentNumber, "N\u202e1", "N\u202e1", Malformed}, {OwnerName, strings.Repeat("ä", 201), strings.Repeat("ä", 201), TooLong},
		{DateOfBirth, "2999-01-01", "2999-01-01", InFuture}, {PostCode, "eh6 6ab", "EH6 6AB", NoProblem},
	} {
		got, problem := CheckItemValue(c.field, c.text, "GB", today)
		if got != c.want || problem != c.problem {
			t.Errorf("%s %q: %q, %q", c.field, c.text, got, problem)
		}
	}
}

// TestItemNeeds: what no entry can do without, by its country where that decides.
func TestItemNeeds(t *testing.T) {
	for _, c := range []struct {
		list, field Field
		country     string
		want        bool
	}{
		{Directors, FirstName, "", true}, {Directors, LastName, "", true}, {Directors, DateOfBirth, "", false}, {Directors, Country, "", false},
		{Owners, OwnerName, "", true}, {Owners, DateOfBirth, "", true}, {Owners, OwnerPercent, "", false},
		{OperationalAddresses, City, "", true}, {OperationalAddresses, PostCode, "GB", true}, {OperationalAddresses, PostCode, "AE", false},
		{OperationalAddresses, Region, "US", true}, {OperationalAddresses, Region, "GB", false}, {Documents, DocumentNumber, "", false},
	} {
		if got := ItemNeeds(c.list, c.field, c.country); got != c.want {
			t.Errorf("%s %s in %q: %t", c.list, c.field, c.country, got)
		}
	}
	for _, list := range []Field{Directors, Owners, OperationalAddresses, Documents} {
		if len(ItemFields(list)) < 4 {
			t.Errorf("%s has %d fields", list, len(ItemFields(list)))
		}
	}
}

// TestRepresentativeReview: who acts for a business is complete, confirmed and locked by rules of their own; one who holds the
// account has nothing of their own.
func TestRepresentativeReview(t *testing.T) {
	r := Representative{ID: 3}
	if n := len(r.Missing()); n != 8 {
		t.Errorf("an empty one lacks %v", r.Missing())
	}
	r, changed := r.With(map[Field]string{FirstName: "Ada", LastName: "Voss", DateOfBirth: "1970-01-01", Email: "ada@example.org", Phone: "+441315550143",
		Country: "GB", FirstLine: "9 Shore", City: "Leith", Occupation: "Joiner"}, ByPartner, today)
	if len(changed) != 8 || r.Value(Occupation) != "" {
		t.Errorf("changed %v", changed)
	}
	if missing := r.Missing(); len(missing) != 1 || missing[0] != PostCode {
		t.Errorf("lacks %v", missing)
	}
	if (Representative{Holder: true}).Missing() != nil {
		t.Error("a holder lacks something")
	}
	c := r.Confirm(today.Add(time.Hour))
	if c.Details.Provenance[Email].ConfirmedAt.IsZero() || !c.Details.Settled(FirstName) || r.Details.Settled(FirstName) {
		t.Error("confirming is not seen, or changed the one before")
	}
	holder := Representative{Holder: true}.Confirm(today)
	if !holder.Details.SettledAt.IsZero() {
		t.Error("a holder has something confirmed of their own")
	}
	business := businessWith(nil)
	business.Representative = 3
	if r.Locked(FirstName, []Profile{business}) {
		t.Error("locked by nobody")
	}
	business.Verification.At = today
	if !business.Locked(Acting) || (Profile{Kind: KindBusiness, Verification: business.Verification}).Locked(Acting) {
		t.Error("a note about who acts for a verified business is not taken, or one where nobody does")
	}
	other := business
	other.Representative = 4
	for f, want := range map[Field]bool{FirstName: true, Country: true, Phone: false, PreferredName: false} {
		if r.Locked(f, []Profile{other, business}) != want || r.Locked(f, []Profile{other}) {
			t.Errorf("%s is locked: %t", f, !want)
		}
	}
}
