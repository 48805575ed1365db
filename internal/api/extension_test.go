package api

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/partner"
)

// ownFields is an operator's file with a field of each type.
const ownFields = `{"fields":[
	{"key":"tax_number","profile":"personal","countries":["GB"],"required":true,"schema":{"type":"string","pattern":"^[0-9]{3,10}$","minLength":3,"maxLength":10},
		"words":{"en":{"label":"Tax number","message":"A tax number has 3 to 10 digits"}}},
	{"key":"children","profile":"personal","schema":{"type":"integer","minimum":0,"maximum":20},"words":{"en":{"label":"Children"}}},
	{"key":"status","profile":"personal","schema":{"type":"string","enum":["single","married"]},"words":{"en":{"label":"Status","choices":{"married":"Married"}}}},
	{"key":"abroad","profile":"personal","countries":["DE"],"schema":{"type":"string"},"words":{"en":{"label":"Abroad"}}},
	{"key":"audited","profile":"business","schema":{"type":"boolean"},"words":{"en":{"label":"Audited"}}},
	{"key":"share","profile":"business","schema":{"type":"number","maximum":100},"words":{"en":{"label":"Share"}}}]}`

// asks sets the operator's fields, as at a new start.
func (w *world) asks(file string) {
	w.t.Helper()
	extras, found := customer.ReadExtras([]byte(file))
	for _, e := range found {
		w.t.Fatal(e)
	}
	w.door.Customers.Extras = extras
	w.claims.Extras = extras
}

// The operator's own fields are part of the extensions (contract 10.5): in the form, given with their JSON type, and read back.
func TestOwnFields(t *testing.T) {
	w := newWorld(t)
	w.asks(ownFields)
	p := w.open(acme, "mira.kade@example.org")
	base, business := "/v1/profiles/"+decimal(w.profile(p)), "/v1/profiles/"+w.business(p)
	var form []latchkey.ExtensionRequirements
	must(t, json.Unmarshal([]byte(w.json("GET", base+"/extension-requirements", p.bearer, "").body), &form))
	if len(form) != 1 || len(form[0].Fields) != 4 {
		t.Fatalf("%+v", form)
	}
	asked := form[0].Fields[1].Group[0]
	if asked.Key != "tax_number" || form[0].Fields[1].Name != "Tax number" || !asked.Required || *asked.MaxLength != 10 || asked.ValidationRegexp != "^[0-9]{3,10}$" || asked.Type != "text" {
		t.Errorf("%+v", asked)
	}
	if status := form[0].Fields[3].Group[0]; status.Type != "select" || len(status.ValuesAllowed) != 2 || status.ValuesAllowed[0].Name != "single" || status.ValuesAllowed[1].Name != "Married" {
		t.Errorf("%+v", status)
	}
	got := w.json("GET", business+"/extension-requirements", p.bearer, "")
	if !strings.Contains(got.body, `"key":"audited","type":"select"`) || strings.Contains(got.body, "tax_number") {
		t.Errorf("of a business: %s", got.body)
	}
	for _, c := range []struct{ base, sent, read string }{
		{base, `{"tax_number":"12345"}`, `{"accountPurpose":null,"tax_number":"12345"}`},
		{base, `{"children":3,"status":"married","nobody_asks":1}`, `{"accountPurpose":null,"children":3,"status":"married","tax_number":"12345"}`},
		{base, `{"accountPurpose":"GENERAL_MONTHLY_LIVING_EXPENSES","children":0}`, `{"accountPurpose":"GENERAL_MONTHLY_LIVING_EXPENSES","children":0,"status":"married","tax_number":"12345"}`},
		{base, `{"children":null,"status":""}`, `{"accountPurpose":"GENERAL_MONTHLY_LIVING_EXPENSES","tax_number":"12345"}`},
		{base, `{"TAX_Number":" 678 "}`, `{"accountPurpose":"GENERAL_MONTHLY_LIVING_EXPENSES","tax_number":"678"}`},
		// Before the country's own field is asked for, its value is kept.
		{base, `{"abroad":"Yes"}`, `{"accountPurpose":"GENERAL_MONTHLY_LIVING_EXPENSES","tax_number":"678"}`},
		{business, `{"audited":false,"share":12.50}`, `{"accountPurpose":null,"audited":false,"share":12.5}`},
		{business, `{"audited":true,"tax_number":"not asked"}`, `{"accountPurpose":null,"audited":true,"share":12.5}`},
	} {
		w.json("POST", c.base+"/extensions", p.bearer, `{"details":`+c.sent+`}`).want(t, 200, `{}`)
		w.json("GET", c.base+"/extensions", p.bearer, "").want(t, 200, `{"details":`+c.read+`}`)
	}
	w.json("PUT", "/2026Q3/profiles/"+strings.TrimPrefix(base, "/v1/profiles/")+"/personal-profile", p.bearer,
		strings.NewReplacer(`"gbr","postCode":"EH6 6AB"`, `"deu","postCode":"10117"`).Replace(mira))
	w.json("GET", base+"/extensions", p.bearer, "").want(t, 200, `{"details":{"abroad":"Yes","accountPurpose":"GENERAL_MONTHLY_LIVING_EXPENSES"}}`)
}

// All that is wrong is told at once, with the operator's sentence where there is one, and changes nothing.
func TestOwnFieldsThatAreWrong(t *testing.T) {
	w := newWorld(t)
	w.asks(ownFields)
	p := w.open(acme, "mira.kade@example.org")
	base := "/v1/profiles/" + decimal(w.profile(p))
	field := func(code, key, message string) string {
		return `{"code":"` + code + `","message":"` + message + `","path":"` + key + `","arguments":["` + key + `"]}`
	}
	tax := func(code string) string { return field(code, "tax_number", "A tax number has 3 to 10 digits") }
	children := field("ERROR", "children", "children is not valid")
	for _, c := range []struct {
		sent   string
		status int
		wrong  string
	}{
		{`{"tax_number":"12"}`, 422, tax("ERROR")}, {`{"tax_number":"12345678901"}`, 422, tax("TOO_LARGE")}, {`{"tax_number":12345}`, 422, tax("ERROR")},
		{`{"tax_number":["12345"]}`, 422, tax("ERROR")}, {`{"tax_number":{"a":1}}`, 422, tax("ERROR")}, {`{"tax_number":true}`, 422, tax("ERROR")},
		{`{"tax_number":"` + strings.Repeat("1", 2000) + `"}`, 422, tax("TOO_LARGE")}, {`{"tax_number":"123\u202e4"}`, 422, tax("ERROR")},
		{`{"children":"3"}`, 422, children}, {`{"children":3.5}`, 422, children}, {`{"children":21}`, 422, children}, {`{"children":-1}`, 422, children},
		{`{"children":1e999999999}`, 422, children}, {`{"children":` + strings.Repeat("9", 500) + `}`, 422, children},
		{`{"status":"other"}`, 422, field("ERROR", "status", "status is not valid")},
		{`{"tax_number":"x","children":"x","accountPurpose":"FUN"}`, 422, field("ERROR", "accountPurpose", "accountPurpose is not valid") + "," + children + "," + tax("ERROR")},
		{`{"tax_number":"12345","accountPurpose":"FUN"}`, 422, field("ERROR", "accountPurpose", "accountPurpose is not valid")},
		{`{"nobody_asks":1}`, 422, field("MISSING", "accountPurpose", "accountPurpose is missing")},
	} {
		w.json("POST", base+"/extensions", p.bearer, `{"details":`+c.sent+`}`).want(t, c.status, `{"errors":[`+c.wrong+`]}`)
	}
	for _, c := range []string{`{"details":{"tax_number":"1","TAX_NUMBER":"2"}}`, `{"details":[1]}`, `{"details":"x"}`} {
		if got := w.json("POST", base+"/extensions", p.bearer, c); got.status != 400 {
			t.Errorf("%s: %d %s", c, got.status, got.body)
		}
	}
	w.json("GET", base+"/extensions", p.bearer, "").want(t, 200, `{"details":{"accountPurpose":null}}`)
	// Another account's profile is as unknown as none, whatever is sent.
	other := w.open(globex, "jonas.kade@example.org")
	for _, body := range []string{`{"details":{"tax_number":"12345"}}`, `{"details":{"tax_number":"x"}}`} {
		w.json("POST", base+"/extensions", other.bearer, body).want(t, 403, forbidden)
	}
}

// A field that leaves the file is neither asked nor shown, its value stays; one that asks for something else shows no value
// that it would not take.
func TestOwnFieldsOfAnotherFile(t *testing.T) {
	w := newWorld(t)
	w.asks(ownFields)
	p := w.open(acme, "mira.kade@example.org")
	base := "/v1/profiles/" + decimal(w.profile(p))
	w.json("POST", base+"/extensions", p.bearer, `{"details":{"tax_number":"12345","children":3}}`).want(t, 200, `{}`)
	for _, c := range []struct{ name, file, read string }{
		{"no file's", `{"fields":[]}`, `{"accountPurpose":null}`},
		{"stricter", strings.Replace(ownFields, `{3,10}`, `{6,10}`, 1), `{"accountPurpose":null,"children":3}`},
		{"of another type", strings.Replace(ownFields, `{"type":"integer","minimum":0,"maximum":20}`, `{"type":"boolean"}`, 1), `{"accountPurpose":null,"tax_number":"12345"}`},
		{"back", ownFields, `{"accountPurpose":null,"children":3,"tax_number":"12345"}`},
	} {
		w.asks(c.file)
		if got := w.json("GET", base+"/extensions", p.bearer, ""); got.body != `{"details":`+c.read+`}` {
			t.Errorf("%s: %s", c.name, got.body)
		}
	}
	w.door.Customers.Extras = customer.Extras{}
	w.json("POST", base+"/extensions", p.bearer, `{"details":{"tax_number":"678"}}`).want(t, 422, `{"errors":[{"code":"MISSING","message":"accountPurpose is missing","path":"accountPurpose","arguments":["accountPurpose"]}]}`)
}

// After the claim what the customer confirmed is the customer's: a partner's later word is a proposal (design 10.11).
func TestOwnFieldsAfterTheClaim(t *testing.T) {
	w := newWorld(t)
	w.asks(ownFields)
	p := w.open(acme, "mira.kade@example.org")
	id := decimal(w.profile(p))
	base := "/v1/profiles/" + id
	w.json("POST", base+"/extensions", p.bearer, `{"details":{"tax_number":"12345"}}`).want(t, 200, `{}`)
	p.bearer = "Bearer " + w.tokenOf(w.exchange(acme, w.allowed(w.claimed(p, "", nil), partner.AllScopes()...))).Access
	w.json("POST", base+"/extensions", p.bearer, `{"details":{"tax_number":"678","children":2}}`).want(t, 200, `{}`)
	w.json("GET", base+"/extensions", p.bearer, "").want(t, 200, `{"details":{"accountPurpose":null,"children":2,"tax_number":"12345"}}`)
	var seen customer.Profile
	must(t, w.door.Customers.Store.View(context.Background(), func(tx customer.Tx) (err error) {
		seen, err = tx.Profile(customer.ProfileID(number(t, id)))
		return err
	}))
	if len(seen.Details.Proposals) != 1 || seen.Details.Proposals[0].Value != "678" || seen.Details.Provenance["x_tax_number"].ConfirmedAt.IsZero() {
		t.Errorf("%+v, %+v", seen.Details.Proposals, seen.Details.Provenance["x_tax_number"])
	}
}

// The client package gives and reads them.
func TestClientSendsOwnFields(t *testing.T) {
	raw, err := json.Marshal(latchkey.ExtensionDetails{Details: latchkey.Extensions{Own: map[string]any{"tax_number": "123", "children": 3}}})
	if err != nil || string(raw) != `{"details":{"accountPurpose":null,"children":3,"tax_number":"123"}}` {
		t.Errorf("%s, %v", raw, err)
	}
	var read latchkey.ExtensionDetails
	must(t, json.Unmarshal([]byte(`{"details":{"accountPurpose":null,"children":3,"share":12.5,"ok":true,"tax_number":"1"}}`), &read))
	if own := read.Details.Own; own["children"] != json.Number("3") || own["share"] != json.Number("12.5") || own["ok"] != true || own["tax_number"] != "1" || len(own) != 4 {
		t.Errorf("%+v", own)
	}
	for _, bad := range []string{`{"details":[]}`, `{"details":{"accountPurpose":7}}`, `{"details":7}`} {
		if err := json.Unmarshal([]byte(bad), &read); err == nil {
			t.Errorf("%s is read", bad)
		}
	}
}
