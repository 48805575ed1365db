package customer

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"
)

func complete() map[Field]string {
	return map[Field]string{FirstName: "Mira", LastName: "Kade", DateOfBirth: "1988-11-30", Phone: "+441315550142",
		Country: "GB", FirstLine: "7 Harbour Row", City: "Leith", PostCode: "EH6 6AB"}
}

func withValues(values map[Field]string) Profile {
	return Profile{ID: 1, Edition: 1, Details: Details{Values: values}}
}

// local has a postcode of each country that the tests move to.
var local = map[string]string{"US": "87571", "BR": "01310-100", "AU": "2000", "CA": "K1A 0B1", "JP": "100-0001", "IN": "110001", "ID": "10110", "IL": "9100001",
	"MX": "06000", "DE": "10115", "GB": "EH6 6AB"}

// TestMissing takes one value out of a complete profile at a time, and moves it to countries that ask for more or less.
func TestMissing(t *testing.T) {
	if missing := withValues(complete()).Missing(); len(missing) != 0 {
		t.Fatalf("of a complete profile: %v", missing)
	}
	for f := range complete() {
		values := complete()
		delete(values, f)
		want := []Field{f}
		if f == Country {
			want = []Field{Country} // without a country nobody knows whether there are postcodes
		}
		if missing := withValues(values).Missing(); !slices.Equal(missing, want) {
			t.Errorf("without %s: %v", f, missing)
		}
	}
	for _, f := range []Field{PreferredName, Nationality, Email, SecondLine} {
		if withValues(nil).Needs(f) {
			t.Errorf("%s is needed", f)
		}
	}
	for _, c := range []struct {
		country, region string
		want            []Field
	}{
		{"US", "", []Field{Region}}, {"US", "NV", nil}, {"US", "NM", []Field{Occupation}}, {"US", "nm", []Field{Occupation}}, {"BR", "", []Field{Region}},
		{"AU", "", []Field{Region}}, {"CA", "", []Field{Occupation, Region}}, {"CA", "ON", []Field{Occupation}}, {"JP", "", []Field{Occupation}},
		{"IN", "", []Field{Occupation}}, {"ID", "", []Field{Occupation}}, {"IL", "", []Field{Occupation}}, {"MX", "", []Field{Occupation}},
		{"DE", "", nil}, {"DE", "NM", nil},
	} {
		values := complete()
		values[Country], values[Region], values[PostCode] = c.country, c.region, local[c.country]
		if missing := withValues(values).Missing(); !slices.Equal(missing, c.want) {
			t.Errorf("%s %s: %v, want %v", c.country, c.region, missing, c.want)
		}
	}
	for country, want := range map[string]bool{"GB": true, "AE": false, "HK": false, "": false} {
		values := complete()
		values[Country] = country
		if got := withValues(values).Needs(PostCode); got != want {
			t.Errorf("postcode in %q: %t", country, got)
		}
	}
	one := complete()
	delete(one, LastName)
	p := withValues(one)
	p.Details.OneName = true
	if missing := p.Missing(); len(missing) != 0 || p.Name() != "Mira" {
		t.Errorf("a person with one name: %v, %q", missing, p.Name())
	}
}

func TestWith(t *testing.T) {
	first, second := today, today.Add(time.Minute)
	before := withValues(nil)
	after, changed := before.With(complete(), ByPartner, first)
	if len(changed) != 8 || after.Edition != 2 || before.Edition != 1 || len(before.Details.Values) != 0 || after.UpdatedAt != first {
		t.Fatalf("changed %v, edition %d, before %v", changed, after.Edition, before.Details.Values)
	}
	if !slices.IsSortedFunc(changed, func(a, b Field) int {
		return slices.Index(PersonalFields(), a) - slices.Index(PersonalFields(), b)
	}) {
		t.Errorf("not in page order: %v", changed)
	}
	kept := maps.Clone(after.Details.Values)
	third, changed := after.With(map[Field]string{FirstName: "Mira Anna", LastName: "Kade", PostCode: "", "no such field": "x"}, ByCustomer, second)
	if !slices.Equal(changed, []Field{FirstName, PostCode}) || third.Edition != 3 {
		t.Errorf("changed %v, edition %d", changed, third.Edition)
	}
	if !maps.Equal(after.Details.Values, kept) || len(after.Details.History) != 0 {
		t.Error("the profile before was changed too: a refused change would have left its values")
	}
	if p := third.Details.Provenance; p[FirstName] != (Provenance{Source: ByCustomer, At: second}) || p[LastName] != (Provenance{Source: ByPartner, At: first}) {
		t.Errorf("provenance %v", p)
	}
	want := []Change{{FirstName, "Mira", ByPartner, second}, {PostCode, "EH6 6AB", ByPartner, second}}
	if !reflect.DeepEqual(third.Details.History, want) {
		t.Errorf("history %v", third.Details.History)
	}
	if _, there := third.Details.Values[PostCode]; there {
		t.Error("an emptied value is kept as an empty one")
	}
	same, changed := third.With(map[Field]string{FirstName: "Mira Anna"}, ByPartner, second.Add(time.Hour))
	if len(changed) != 0 || same.Edition != third.Edition || same.Details.Provenance[FirstName].Source != ByCustomer {
		t.Errorf("an equal value: %v, edition %d, by %s", changed, same.Edition, same.Details.Provenance[FirstName].Source)
	}
}

func TestHistoryIsBounded(t *testing.T) {
	p := withValues(map[Field]string{})
	for i := range historyKept + 50 {
		p, _ = p.With(map[Field]string{City: fmt.Sprint("City", i)}, ByCustomer, today)
	}
	if h := p.Details.History; len(h) != historyKept || h[len(h)-1].Old != fmt.Sprint("City", historyKept+48) {
		t.Errorf("%d changes kept, the last %v", len(h), h[len(h)-1])
	}
}

func TestConfirm(t *testing.T) {
	p, _ := withValues(nil).With(complete(), ByPartner, today)
	if p.Confirmed() {
		t.Error("confirmed by nobody")
	}
	c := p.Confirm(today.Add(time.Hour))
	if !c.Confirmed() || p.Confirmed() || !p.Details.Provenance[FirstName].ConfirmedAt.IsZero() {
		t.Error("confirming is not seen, or changed the profile before")
	}
	for f, prov := range c.Details.Provenance {
		if prov.ConfirmedAt != today.Add(time.Hour) || prov.Source != ByPartner {
			t.Errorf("%s: %v", f, prov)
		}
	}
	changed, _ := c.With(map[Field]string{City: "Edinburgh"}, ByPartner, today)
	if changed.Confirmed() || !changed.Details.Provenance[City].ConfirmedAt.IsZero() || changed.Details.Provenance[Phone].ConfirmedAt.IsZero() {
		t.Error("a changed value passes as confirmed")
	}
	if (Profile{Edition: 0, ConfirmedEdition: 0}).Confirmed() {
		t.Error("the empty profile is confirmed")
	}
}

// TestProposals: a partner's word after the claim changes nothing by itself (design 10.11).
func TestProposals(t *testing.T) {
	p, _ := withValues(nil).With(complete(), ByPartner, today)
	p = p.Confirm(today)
	a, proposed := p.Propose(map[Field]string{City: "Edinburgh", Country: "GB", Phone: "+441315550199"}, today.Add(time.Minute))
	if !slices.Equal(proposed, []Field{Phone, City}) || !a.Confirmed() || a.Edition != p.Edition || !maps.Equal(a.Details.Values, complete()) {
		t.Errorf("proposed %v, edition %d, values %v", proposed, a.Edition, a.Details.Values)
	}
	b, _ := a.Propose(map[Field]string{City: "Glasgow"}, today.Add(time.Hour))
	want := []Proposal{{Phone, "+441315550199", today.Add(time.Minute)}, {City, "Glasgow", today.Add(time.Hour)}}
	if !reflect.DeepEqual(b.Details.Proposals, want) || len(a.Details.Proposals) != 2 || a.Details.Proposals[1].Value != "Edinburgh" {
		t.Errorf("the newest counts: %v, before %v", b.Details.Proposals, a.Details.Proposals)
	}
	c, proposed := b.Propose(map[Field]string{City: "Leith"}, today.Add(2*time.Hour))
	if len(proposed) != 0 || len(c.Details.Proposals) != 1 || c.Details.Proposals[0].Field != Phone {
		t.Errorf("a partner that says again what holds leaves %v", c.Details.Proposals)
	}
}
