package latchkeytest

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey"
)

const asked = `{"fields":[
	{"key":"tax_number","profile":"personal","countries":["GB"],"required":true,"schema":{"type":"string","pattern":"^[0-9]{10}$"},
		"words":{"en":{"label":"Tax number","message":"A tax number has 10 digits"}}},
	{"key":"children","profile":"personal","schema":{"type":"integer","minimum":0},"words":{"en":{"label":"Children"}}}]}`

// A server that asks for more than the contract: a partner gives what it knows, the customer the rest, and the partner reads it
// once it has access. All of it as described.
func TestFieldsOfTheOperator(t *testing.T) {
	ctx := t.Context()
	s, err := StartWith(Settings{Fields: []byte(asked)})
	must(t, err)
	defer func() { must(t, s.Close()) }()
	o := open(t, s, s.Client())
	profiles, err := o.account.Profiles(ctx)
	must(t, err)
	id := profiles[0].ID
	form, err := o.account.ExtensionRequirements(ctx, id)
	if err != nil || len(form) != 1 || len(form[0].Fields) != 3 || form[0].Fields[1].Group[0].Key != "tax_number" || !form[0].Fields[1].Group[0].Required {
		t.Fatalf("%+v, %v", form, err)
	}
	var wrong *latchkey.Error
	err = o.account.SaveExtensions(ctx, id, latchkey.Extensions{Own: map[string]any{"tax_number": "12", "children": -1}})
	if !errors.As(err, &wrong) || len(wrong.Fields) != 2 || wrong.Fields[1].Path != "tax_number" || wrong.Fields[1].Message != "A tax number has 10 digits" {
		t.Errorf("%+v", err)
	}
	must(t, o.account.SaveExtensions(ctx, id, latchkey.Extensions{AccountPurpose: "GENERAL_MONTHLY_LIVING_EXPENSES", Own: map[string]any{"children": 2}}))

	c := s.NewCustomer(email)
	must(t, c.Open(ctx, o.address()))
	must(t, c.Secure(ctx))
	c.Answers = map[string]string{"x_tax_number": "12"}
	if err := c.Review(ctx); err == nil || c.Page() != "c9.extra" || c.Problems() != "c9.extra.said" {
		t.Errorf("%q, %v", c.Problems(), err)
	}
	c.Answers["x_tax_number"] = "1234567890"
	must(t, c.Submit(ctx, c.Answers))
	must(t, c.Review(ctx))
	back, err := c.Allow(ctx, "profiles.read")
	must(t, err)
	read, err := o.exchange(back).Extensions(ctx, id)
	if err != nil || read.Own["tax_number"] != "1234567890" || read.Own["children"] != json.Number("2") || read.AccountPurpose != "GENERAL_MONTHLY_LIVING_EXPENSES" {
		t.Errorf("%+v, %v", read, err)
	}
}

// A file with mistakes starts nothing, and all of them are told.
func TestFieldsThatAreWrong(t *testing.T) {
	s, err := StartWith(Settings{Fields: []byte(`{"fields":[{"key":"Tax","profile":"joint","schema":{"type":"string","$ref":"https://example.org/x"},"words":{"en":{"label":"T"}}}]}`)})
	if s != nil || err == nil {
		t.Fatalf("started: %v", err)
	}
	for _, path := range []string{"fields[0].key", "fields[0].profile", "fields[0].schema.$ref"} {
		if !strings.Contains(err.Error(), path) {
			t.Errorf("%s is not told: %v", path, err)
		}
	}
}
