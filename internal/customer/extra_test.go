package customer

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

// fieldsOf are one field of each type, with every way of asking.
const manyFields = `{"fields":[
	{"key":"tax_number","profile":"personal","countries":["GB"],"required":true,"schema":{"type":"string","pattern":"^[0-9]{3,10}$","maxLength":10},"words":{"en":{"label":"Tax number"}}},
	{"key":"tax_number","profile":"personal","countries":["DE"],"schema":{"type":"string","pattern":"^DE[0-9]+$"},"words":{"en":{"label":"Steuernummer"}}},
	{"key":"children","profile":"personal","schema":{"type":"integer","minimum":0,"maximum":20},"words":{"en":{"label":"Children"}}},
	{"key":"share","profile":"business","schema":{"type":"number","exclusiveMinimum":0,"maximum":100,"multipleOf":0.5},"words":{"en":{"label":"Share"}}},
	{"key":"resident","profile":"personal","schema":{"type":"boolean","const":true},"words":{"en":{"label":"Resident"}}},
	{"key":"status","profile":"personal","schema":{"type":"string","enum":["single","married"]},"words":{"en":{"label":"Status","choices":{"married":"Married"}}}},
	{"key":"arrived","profile":"personal","schema":{"type":"string","format":"date"},"words":{"en":{"label":"Arrived"}}}]}`

func extraNamed(t *testing.T, es Extras, kind Kind, country, key string) Extra {
	t.Helper()
	x, found := es.Named(Profile{Kind: kind, Details: Details{Values: map[Field]string{Country: country}}}, key)
	if !found {
		t.Fatalf("no field %q", key)
	}
	return x
}

func TestCheckText(t *testing.T) {
	es := extras(t, manyFields)
	for _, c := range []struct {
		kind         Kind
		country, key string
		text, want   string
		problem      Problem
	}{
		{KindPersonal, "GB", "tax_number", "", "", NoProblem}, {KindPersonal, "GB", "tax_number", "  ", "", NoProblem}, {KindPersonal, "GB", "tax_number", " 123 ", "123", NoProblem},
		{KindPersonal, "GB", "tax_number", "12", "12", Malformed}, {KindPersonal, "GB", "tax_number", "12345678901", "12345678901", TooLong},
		{KindPersonal, "GB", "tax_number", "1\x002", "1\x002", Malformed}, {KindPersonal, "GB", "tax_number", "12\u202e3", "12\u202e3", Malformed},
		{KindPersonal, "GB", "tax_number", "\xff", "\xff", Malformed}, {KindPersonal, "DE", "tax_number", "DE12", "DE12", NoProblem}, {KindPersonal, "DE", "tax_number", "123", "123", Malformed},
		{KindPersonal, "", "children", "3", "3", NoProblem}, {KindPersonal, "", "children", "+3", "+3", Malformed}, {KindPersonal, "", "children", "03", "3", NoProblem},
		{KindPersonal, "", "children", "3.0", "3", NoProblem}, {KindPersonal, "", "children", "2.5", "2.5", Malformed}, {KindPersonal, "", "children", "-1", "-1", Malformed},
		{KindPersonal, "", "children", "21", "21", Malformed}, {KindPersonal, "", "children", "1e1", "1e1", Malformed}, {KindPersonal, "", "children", "0x3", "0x3", Malformed},
		{KindPersonal, "", "children", "three", "three", Malformed}, {KindPersonal, "", "children", "-0", "0", NoProblem}, {KindPersonal, "", "children", "NaN", "NaN", Malformed},
		{KindPersonal, "", "children", strings.Repeat("9", 400), strings.Repeat("9", 400), Malformed},
		{KindBusiness, "", "share", "12,5", "12.5", NoProblem}, {KindBusiness, "", "share", "0", "0", Malformed}, {KindBusiness, "", "share", "12.3", "12.3", Malformed},
		{KindBusiness, "", "share", "1 0", "10", NoProblem}, {KindBusiness, "", "share", "1.2.3", "1.2.3", Malformed}, {KindBusiness, "", "share", "-", "-", Malformed},
		{KindPersonal, "", "resident", "true", "true", NoProblem}, {KindPersonal, "", "resident", "false", "false", Malformed}, {KindPersonal, "", "resident", "yes", "yes", Malformed},
		{KindPersonal, "", "status", "married", "married", NoProblem}, {KindPersonal, "", "status", "Married", "Married", Malformed},
		{KindPersonal, "", "arrived", "2024-02-29", "2024-02-29", NoProblem}, {KindPersonal, "", "arrived", "2023-02-29", "2023-02-29", Malformed},
	} {
		got, problem := extraNamed(t, es, c.kind, c.country, c.key).CheckText(c.text)
		if got != c.want || problem != c.problem {
			t.Errorf("%s %q: %q, %q, want %q, %q", c.key, c.text, got, problem, c.want, c.problem)
		}
	}
}

// What a partner sends has the field's JSON type, and comes back as it.
func TestCheckJSON(t *testing.T) {
	es := extras(t, manyFields)
	for _, c := range []struct {
		kind    Kind
		key     string
		sent    string
		problem Problem
		back    string
	}{
		{KindPersonal, "tax_number", `"123"`, NoProblem, `"123"`}, {KindPersonal, "tax_number", `123`, Malformed, ``}, {KindPersonal, "tax_number", `true`, Malformed, ``},
		{KindPersonal, "tax_number", `{}`, Malformed, ``}, {KindPersonal, "tax_number", `["123"]`, Malformed, ``}, {KindPersonal, "tax_number", `null`, NoProblem, ``},
		{KindPersonal, "tax_number", `""`, NoProblem, ``}, {KindPersonal, "children", `3`, NoProblem, `3`}, {KindPersonal, "children", `3.0`, NoProblem, `3`},
		{KindPersonal, "children", `1e1`, NoProblem, `10`}, {KindPersonal, "children", `"3"`, Malformed, ``}, {KindPersonal, "children", `3.5`, Malformed, ``},
		{KindPersonal, "children", `1e999999999`, Malformed, ``}, {KindPersonal, "children", `1e-999999999`, NoProblem, `0`}, {KindPersonal, "children", `99999999999999999999`, Malformed, ``},
		{KindBusiness, "share", `12.5`, NoProblem, `12.5`}, {KindBusiness, "share", `"12.5"`, Malformed, ``}, {KindPersonal, "resident", `true`, NoProblem, `true`},
		{KindPersonal, "resident", `false`, Malformed, ``}, {KindPersonal, "resident", `"true"`, Malformed, ``}, {KindPersonal, "status", `"single"`, NoProblem, `"single"`},
		{KindPersonal, "status", `"other"`, Malformed, ``},
	} {
		d := json.NewDecoder(strings.NewReader(c.sent))
		d.UseNumber()
		var sent any
		if err := d.Decode(&sent); err != nil {
			t.Fatal(err)
		}
		x := extraNamed(t, es, c.kind, "GB", c.key)
		text, problem := x.CheckJSON(sent)
		if problem != c.problem {
			t.Errorf("%s %s: %q", c.key, c.sent, problem)
			continue
		}
		if c.back == "" {
			continue
		}
		value, fits := x.JSON(text)
		back, err := json.Marshal(value)
		if err != nil || !fits || string(back) != c.back {
			t.Errorf("%s %s comes back as %s, %t, %v", c.key, c.sent, back, fits, err)
		}
	}
	if _, problem := extraNamed(t, es, KindPersonal, "GB", "children").CheckJSON(math.Inf(1)); problem != Malformed {
		t.Error("a number that JSON has not is taken")
	}
}

// The table: what is asked and what is missing, by kind and country.
func TestExtrasByKindAndCountry(t *testing.T) {
	es := extras(t, manyFields)
	for _, c := range []struct {
		kind           Kind
		country        string
		values         map[Field]string
		asked, missing string
	}{
		{KindPersonal, "", nil, "children resident status arrived", ""}, {KindPersonal, "FR", nil, "children resident status arrived", ""},
		{KindPersonal, "GB", nil, "tax_number children resident status arrived", "tax_number"}, {KindPersonal, "DE", nil, "tax_number children resident status arrived", ""},
		{KindBusiness, "GB", nil, "share", ""},
		{KindPersonal, "GB", map[Field]string{"x_tax_number": "123"}, "tax_number children resident status arrived", ""},
		// A value of before, which the field does not take now, is not there; also where none is needed.
		{KindPersonal, "GB", map[Field]string{"x_tax_number": "DE12"}, "tax_number children resident status arrived", "tax_number"},
		{KindPersonal, "DE", map[Field]string{"x_tax_number": "123", "x_children": "many"}, "tax_number children resident status arrived", "tax_number children"},
		// A value of a field that the file does not have harms nobody.
		{KindPersonal, "FR", map[Field]string{"x_tax_number": "123", "x_gone": "?"}, "children resident status arrived", ""},
	} {
		p := Profile{Kind: c.kind, Details: Details{Values: map[Field]string{Country: c.country}}}
		for f, value := range c.values {
			p.Details.Values[f] = value
		}
		keys := func(list []Extra) (keys []string) {
			for _, x := range list {
				keys = append(keys, x.Key)
			}
			return keys
		}
		if got := strings.Join(keys(es.For(p)), " "); got != c.asked {
			t.Errorf("%s in %q is asked %q, want %q", c.kind, c.country, got, c.asked)
		}
		if got := strings.Join(keys(es.Missing(p)), " "); got != c.missing {
			t.Errorf("%s in %q with %v lacks %q, want %q", c.kind, c.country, c.values, got, c.missing)
		}
	}
	if x := extraNamed(t, es, KindPersonal, "FR", "tax_number"); !slices.Equal(x.Countries, []string{"GB"}) {
		t.Errorf("before the address a key means the first of its name, not that of %v", x.Countries)
	}
	if _, found := es.Named(Profile{Kind: KindBusiness}, "tax_number"); found {
		t.Error("a person's field is a business's")
	}
}

// Values lie in the profile like any other: with source and history, proposed once they are settled; and confirmed only if a
// page showed them.
func TestExtrasAreKeptLikeDetails(t *testing.T) {
	es := extras(t, manyFields)
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	p := Profile{Kind: KindPersonal, Edition: 1, Details: Details{Values: map[Field]string{Country: "GB"}}}
	p, changed := p.With(map[Field]string{"x_tax_number": "123", "x_gone": "old", City: "Leith"}, ByPartner, now)
	if !slices.Equal(changed, []Field{City, "x_gone", "x_tax_number"}) || p.Edition != 2 || p.Value("x_tax_number") != "123" {
		t.Errorf("changed %v, edition %d", changed, p.Edition)
	}
	p, _ = p.With(map[Field]string{"x_tax_number": "456"}, ByCustomer, now.Add(time.Hour))
	if said := p.Details.Provenance["x_tax_number"]; said.Source != ByCustomer || len(p.Details.History) != 1 || p.Details.History[0].Old != "123" {
		t.Errorf("%+v, %+v", said, p.Details.History)
	}
	confirmed := es.Confirmed(p, p.Confirm(now.Add(2*time.Hour)))
	if confirmed.Details.Provenance["x_tax_number"].ConfirmedAt.IsZero() || !confirmed.Details.Provenance["x_gone"].ConfirmedAt.IsZero() {
		t.Errorf("%+v", confirmed.Details.Provenance)
	}
	if proposed, fields := confirmed.Propose(map[Field]string{"x_tax_number": "789"}, now); !slices.Equal(fields, []Field{"x_tax_number"}) || proposed.Value("x_tax_number") != "456" {
		t.Errorf("proposed %v, value %q", fields, proposed.Value("x_tax_number"))
	}
	if gone, fields := p.With(map[Field]string{"x_tax_number": ""}, ByCustomer, now); gone.Value("x_tax_number") != "" || len(fields) != 1 {
		t.Errorf("taken out: %v", fields)
	}
}
