package api

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey"
)

const harbour = `"details":{"country":"GB","firstLine":"7 Harbour Row","postCode":"EH6 6AB","city":"Leith","state":null,"occupation":null}`

func addressBody(profile, details string) string {
	return `{"profile":` + profile + `,` + details + `}`
}

// old is an entry in the words of the first version.
func old(code, name, words string) string {
	return `{"code":"` + code + `","message":"` + name + words + `","path":"` + name + `","arguments":["` + name + `"]}`
}

// Contract 9.1: a profile's address is created and updated by one call, and read by profile and by id.
func TestAddresses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	id := w.business(p)
	personal := idOf(t, w.json("POST", "/v1/profiles", p.bearer, `{"type":"personal","details":{"firstName":"Mira","lastName":"Kade"}}`).body)
	w.json("GET", "/v1/addresses?profile="+personal, p.bearer, "").want(t, 200, `[]`)
	got := w.json("POST", "/v1/addresses", p.bearer, addressBody(personal, harbour))
	address := idOf(t, got.body)
	want := `{"id":` + address + `,"profile":` + personal + `,"details":{"country":"GB","firstLine":"7 Harbour Row","postCode":"EH6 6AB","city":"Leith","state":null,"occupations":[]}}`
	got.want(t, 200, want)
	for _, path := range []string{"/v1/addresses?profile=", "/2026Q3/addresses?profileId=", "/v1/addresses/?profile="} {
		w.json("GET", path+personal, p.bearer, "").want(t, 200, "["+want+"]")
	}
	for _, path := range []string{"/v1/addresses/", "/2026Q3/addresses/"} {
		w.json("GET", path+address, p.bearer, "").want(t, 200, want)
	}
	if all := w.json("GET", "/v1/addresses", p.bearer, ""); strings.Count(all.body, `"profile":`) != 2 || !strings.Contains(all.body, want) {
		t.Errorf("all: %s", all.body)
	}
	// What names no profile, or two, is not taken for a question about all.
	for _, query := range []string{"profile=%zz", "profile=" + personal + "&profile=" + id, "profileId=" + personal + "&profileId=" + personal, "profile=" + personal + ";x=1", "profile=x"} {
		w.json("GET", "/v1/addresses?"+query, p.bearer, "").want(t, 403, unknownBody)
	}
	w.json("POST", "/2026Q3/addresses", p.bearer, addressBody(personal, `"details":{"country":"us","firstLine":"1 Mesa Rd","postCode":"87571","city":"Taos","state":"NM","occupations":[{"code":"Joiner","format":"FREE_FORM"}]}`)).want(t, 200,
		`{"id":`+address+`,"profile":`+personal+`,"details":{"country":"US","firstLine":"1 Mesa Rd","postCode":"87571","city":"Taos","state":"NM","occupations":[{"code":"Joiner","format":"FREE_FORM"}]}}`)
	w.json("POST", "/v1/addresses", p.bearer, addressBody(personal, strings.Replace(harbour, `"occupation":null`, `"occupation":"Diver"`, 1)))
	if got := w.json("GET", "/v1/addresses/"+address, p.bearer, ""); !strings.Contains(got.body, `"occupations":[{"code":"Diver","format":"FREE_FORM"}]`) {
		t.Errorf("the form of 2020: %s", got.body)
	}
	// It is the address of the profile in every dialect.
	w.json("POST", "/v1/addresses", p.bearer, addressBody(id, harbour))
	if got := w.json("GET", "/v2/profiles/"+id, p.bearer, ""); !strings.Contains(got.body, `"addressFirstLine":"7 Harbour Row","city":"Leith","countryIso2Code":"GB"`) {
		t.Errorf("business %s", got.body)
	}
	if got := w.json("GET", "/v1/me", p.bearer, ""); !strings.Contains(got.body, `"primaryAddress":`+address) {
		t.Errorf("me %s", got.body)
	}
}

// Contract 9.1 and OC-22: 403 for what is not the bearer's, 422 for what is wrong, all of it, never 500.
func TestAddressErrors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, other := w.open(acme, "mira.kade@example.org"), w.open(globex, "jonas.kade@example.org")
	id, foreign := decimal(w.profile(p)), decimal(w.profile(other))
	address := func(p person) string {
		return idOf(t, strings.TrimPrefix(w.json("GET", "/v1/addresses", p.bearer, "").body, "["))
	}
	all := fieldsOf(old("MISSING", "addressCountryCode", " is missing"), old("MISSING", "addressFirstLine", " is missing"), old("MISSING", "addressCity", " is missing"))
	for _, x := range []struct {
		name, body string
		status     int
		want       string
	}{
		{"nothing", ``, 403, forbidden},
		{"no profile", `{` + harbour + `}`, 403, forbidden},
		{"a foreign profile", addressBody(foreign, harbour), 403, forbidden},
		{"an unknown profile", addressBody("1", harbour), 403, forbidden},
		{"a foreign profile and nothing else", addressBody(foreign, `"details":{}`), 403, forbidden},
		{"a negative profile", addressBody("-1", harbour), 403, forbidden},
		{"no details", `{"profile":` + id + `}`, 422, all},
		{"empty details", addressBody(id, `"details":{}`), 422, all},
		{"no postcode", addressBody(id, strings.Replace(harbour, `"EH6 6AB"`, `null`, 1)), 422, fieldsOf(old("MISSING", "addressPostCode", " is missing"))},
		{"no state", addressBody(id, `"details":{"country":"US","firstLine":"1 Mesa Rd","postCode":"87571","city":"Taos"}`), 422, fieldsOf(old("MISSING", "addressState", " is missing"))},
		{"each badly", addressBody(id, `"details":{"country":"XX","firstLine":"`+strings.Repeat("x", 201)+`","postCode":"`+strings.Repeat("1", 31)+`","city":"\u0007","occupations":[{"code":""}]}`), 422,
			fieldsOf(old("ERROR", "addressCountryCode", " is not valid"), old("TOO_LARGE", "addressFirstLine", " is too long"), old("ERROR", "addressCity", " is not valid"),
				old("TOO_LARGE", "addressPostCode", " is too long"), old("ERROR", "occupations", " is not valid"))},
		{"a text for the profile", addressBody(`"x"`, harbour), 400, fieldsOf(`{"code":"BAD_REQUEST","message":"The field has another type","path":"profile","arguments":[]}`)},
	} {
		t.Run(x.name, func(t *testing.T) { w.json("POST", "/v1/addresses", p.bearer, x.body).want(t, x.status, x.want) })
	}
	for _, path := range []string{"/v1/addresses?profile=" + foreign, "/v1/addresses?profile=1", "/v1/addresses?profile=x", "/v1/addresses?profileId=" + foreign,
		"/v1/addresses/" + address(other), "/v1/addresses/1"} {
		w.json("GET", path, p.bearer, "").want(t, 403, forbidden)
	}
	if got := w.json("GET", "/v1/addresses/"+address(p), p.bearer, ""); got.status != 200 {
		t.Errorf("own: %d %s", got.status, got.body)
	}
	w.json("GET", "/v1/addresses/x", p.bearer, "").want(t, 404, notFound)
}

// Contract 9.2: the form grows with the values.
func TestAddressRequirements(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	id := decimal(w.profile(p))
	keys := func(got reply) (string, latchkey.Requirements) {
		t.Helper()
		var form []latchkey.Requirements
		if err := json.Unmarshal([]byte(got.body), &form); got.status != 200 || err != nil || len(form) != 1 || form[0].Type != "address" {
			t.Fatalf("%d %s", got.status, got.body)
		}
		var all []string
		for _, f := range form[0].Fields {
			for _, g := range f.Group {
				key := g.Key
				if g.RefreshRequirementsOnChange {
					key += "!"
				}
				if !g.Required {
					key += "?"
				}
				all = append(all, key)
			}
		}
		return strings.Join(all, " "), form[0]
	}
	for _, path := range []string{"/v1/address-requirements", "/2026Q3/address-requirements/"} {
		got := w.json("GET", path, p.bearer, "")
		if all, _ := keys(got); all != "country! city postCode firstLine" {
			t.Errorf("base form: %s", all)
		}
		if !strings.HasPrefix(got.body, `[{"type":"address","fields":[{"name":"Country","group":[{"key":"country","type":"select","refreshRequirementsOnChange":true,"required":true,"displayFormat":null,"example":"Germany","minLength":null,"maxLength":null,"validationRegexp":null,"validationAsync":null,"valuesAllowed":[{"key":"AD","name":"Andorra"},`) ||
			!strings.Contains(got.body, `{"key":"GB","name":"United Kingdom"}`) ||
			!strings.HasSuffix(got.body, `{"name":"Address","group":[{"key":"firstLine","type":"text","refreshRequirementsOnChange":false,"required":true,"displayFormat":null,"example":"50 Long Street","minLength":null,"maxLength":null,"validationRegexp":null,"validationAsync":null,"valuesAllowed":null}]}]}]`) {
			t.Errorf("%.400s", got.body)
		}
	}
	for details, want := range map[string]string{
		`{}`: "country! city postCode firstLine", `{"country":"GB"}`: "country! city postCode firstLine", `{"country":"HK"}`: "country! city postCode? firstLine",
		`{"country":"US"}`: "country! state! city postCode firstLine", `{"country":"usa","state":"nm"}`: "country! state! city postCode firstLine occupations",
		`{"country":"US","state":"AZ"}`: "country! state! city postCode firstLine", `{"country":"CA"}`: "country! state city postCode firstLine occupations",
		`{"country":"JP"}`: "country! city postCode firstLine occupations", `{"country":"BR"}`: "country! state city postCode firstLine",
	} {
		for _, profile := range []string{``, `"profile":` + id + `,`} {
			got, form := keys(w.json("POST", "/v1/address-requirements", p.bearer, `{`+profile+`"details":`+details+`}`))
			if got != want {
				t.Errorf("%s: %s, want %s", details, got, want)
			}
			if strings.Contains(want, "state") && len(form.Fields[1].Group[0].ValuesAllowed) < 8 {
				t.Errorf("%s: states %v", details, form.Fields[1].Group[0].ValuesAllowed)
			}
		}
	}
	w.json("POST", "/v1/address-requirements", p.bearer, `{"details":{"country":"XX"}}`).want(t, 422, fieldsOf(old("ERROR", "addressCountryCode", " is not valid")))
	w.json("POST", "/v1/address-requirements", p.bearer, `{"profile":1,"details":{"country":"US"}}`).want(t, 403, forbidden)
}
