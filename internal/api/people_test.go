package api

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
)

const (
	twoDirectors = `[{"firstName":"Ada","lastName":"Roy","dateOfBirth":"1970-01-02","countryOfResidenceIso3Code":"gbr"},{"firstName":"Ben","lastName":"Roy","dateOfBirth":"1972-03-04","countryOfResidenceIso3Code":"IRL"}]`
	twoOwners    = `[{"name":"Ada Roy","dateOfBirth":"1970-01-02","countryOfResidenceIso3Code":"gbr","addressFirstLine":"3 Shore","postCode":"EH6 6QW","ownershipPercentage":60},{"name":"Ben Roy","dateOfBirth":"1972-03-04","countryOfResidenceIso3Code":"are","addressFirstLine":"4 Creek","postCode":"","ownershipPercentage":null}]`
)

// ids lists the ids of an array, as written.
func ids(t *testing.T, got reply) []string {
	t.Helper()
	var list []struct{ ID json.RawMessage }
	if err := json.Unmarshal([]byte(got.body), &list); got.status != 200 || err != nil {
		t.Fatalf("%d %s", got.status, got.body)
	}
	var all []string
	for _, o := range list {
		all = append(all, string(o.ID))
	}
	return all
}

// Contract 10.1: POST appends, PUT replaces under new ids, DELETE leaves none; each answers all there are.
func TestDirectors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	path := "/profiles/" + w.business(p) + "/directors"
	director := func(id, name, born, country string) string {
		return `{"id":` + id + `,"firstName":"` + name + `","lastName":"Roy","dateOfBirth":"` + born + `","countryOfResidenceIso3Code":"` + country + `"}`
	}
	ada, ben := func(id string) string { return director(id, "Ada", "1970-01-02", "gbr") }, func(id string) string { return director(id, "Ben", "1972-03-04", "irl") }
	w.json("GET", "/v1"+path, p.bearer, "").want(t, 200, `[]`)
	got := w.json("POST", "/v1"+path, p.bearer, twoDirectors)
	first := ids(t, got)
	got.want(t, 200, `[`+ada(first[0])+`,`+ben(first[1])+`]`)
	got = w.json("POST", "/2026Q3"+path+"/", p.bearer, `[{"firstName":"Cy","lastName":"Roy","dateOfBirth":"1990-05-06","countryOfResidenceIso3Code":"fra"}]`)
	all := ids(t, got)
	got.want(t, 200, `[`+ada(first[0])+`,`+ben(first[1])+`,`+director(all[2], "Cy", "1990-05-06", "fra")+`]`)
	got = w.json("PUT", "/v1"+path, p.bearer, twoDirectors)
	second := ids(t, got)
	got.want(t, 200, `[`+ada(second[0])+`,`+ben(second[1])+`]`)
	for i := range second {
		if second[i] == first[i] || len(second[i]) > 16 {
			t.Errorf("id %s after %s", second[i], first[i])
		}
	}
	w.json("GET", "/2026Q3"+path, p.bearer, "").want(t, 200, got.body)
	w.json("DELETE", "/v1"+path, p.bearer, "").want(t, 200, `[]`)
	w.json("POST", "/v1"+path, p.bearer, `[{"lastName":"Roy"}]`).want(t, 200, `[{"id":`+ids(t, w.json("GET", "/v1"+path, p.bearer, ""))[0]+`,"firstName":"","lastName":"Roy","dateOfBirth":"","countryOfResidenceIso3Code":""}]`)
	w.json("PUT", "/v1"+path, p.bearer, `[]`).want(t, 200, `[]`)
}

// Contract 10.2: the same for owners, whose ids are 32 hex digits.
func TestOwners(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	path := "/profiles/" + w.business(p) + "/ubos"
	both := func(ids []string) string {
		return `[{"id":` + ids[0] + `,` + twoOwners[2:strings.Index(twoOwners, "},{")] + `},{"id":` + ids[1] + `,` + twoOwners[strings.Index(twoOwners, "},{")+3:]
	}
	got := w.json("POST", "/v1"+path, p.bearer, twoOwners)
	first := ids(t, got)
	got.want(t, 200, both(first))
	w.json("GET", "/2026Q3"+path, p.bearer, "").want(t, 200, got.body)
	again := ids(t, w.json("POST", "/2026Q3"+path, p.bearer, twoOwners))
	if len(again) != 4 || again[0] != first[0] {
		t.Errorf("appended %v to %v", again, first)
	}
	got = w.json("PUT", "/v1"+path, p.bearer, twoOwners)
	second := ids(t, got)
	got.want(t, 200, both(second))
	for i, id := range second {
		if !regexp.MustCompile(`^"[0-9a-f]{32}"$`).MatchString(id) || id == first[i] {
			t.Errorf("id %s after %s", id, first[i])
		}
	}
}

// What is wrong with any element is said at once, and nothing is stored.
func TestPeopleErrors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	id := w.business(p)
	bad := func(path, words string) string {
		return `{"code":"BAD_REQUEST","message":"` + path + words + `","path":"` + path + `","arguments":[]}`
	}
	owner := func(words string) string {
		return `{"code":"BAD_REQUEST","message":"ApiError: ` + words + `","arguments":[]}`
	}
	const unread = `{"code":"BAD_REQUEST","message":"The body is not a JSON object that can be read","arguments":[]}`
	many := `[` + strings.Repeat(`{"firstName":"Ada"},`, 200) + `{"firstName":"Ada"}]`
	for _, x := range []struct{ name, path, body, want string }{
		{"no names", "directors", `[{}]`, fieldsOf(bad("[0].firstName", " is missing"))},
		{"each badly", "directors", `[{"firstName":"Ada","lastName":"` + strings.Repeat("x", 101) + `"},{"firstName":"\u0007","dateOfBirth":"2031-02-04","countryOfResidenceIso3Code":"xyz"}]`,
			fieldsOf(bad("[0].lastName", " is too long"), bad("[1].firstName", " is not valid"), bad("[1].dateOfBirth", " is not valid"), bad("[1].countryOfResidenceIso3Code", " is not valid"))},
		{"too many", "directors", many, fieldsOf(`{"code":"BAD_REQUEST","message":"There are more than one account may have","arguments":[]}`)},
		{"an object", "directors", `{}`, fieldsOf(unread)},
		{"nothing", "directors", ``, fieldsOf(unread)},
		{"a text", "directors", `["Ada"]`, fieldsOf(unread)},
		{"a cut array", "directors", `[{"firstName":"Ada"}`, fieldsOf(unread)},
		{"two arrays", "directors", `[][]`, fieldsOf(unread)},
		{"a field twice", "directors", `[{"firstName":"Ada","firstName":"Ben"}]`, fieldsOf(unread)},
		{"an incomplete owner", "ubos", `[{"name":"Ada"},` + twoOwners[1:], fieldsOf(owner("[0].dateOfBirth is missing"), owner("[0].countryOfResidenceIso3Code is missing"), owner("[0].addressFirstLine is missing"))},
		{"an owner without a postcode", "ubos", strings.Replace(twoOwners, `"EH6 6QW"`, `null`, 1), fieldsOf(owner("[0].postCode is missing"))},
		{"more than all", "ubos", strings.Replace(twoOwners, `60`, `101`, 1), fieldsOf(owner("[0].ownershipPercentage is not valid"))},
		{"less than nothing", "ubos", strings.Replace(twoOwners, `60`, `-1`, 1), fieldsOf(owner("[0].ownershipPercentage is not valid"))},
		{"a share in words", "ubos", strings.Replace(twoOwners, `60`, `"half"`, 1), fieldsOf(unread)},
		{"half a percent", "ubos", strings.Replace(twoOwners, `60`, `0.5`, 1), fieldsOf(unread)},
	} {
		for _, method := range []string{"POST", "PUT"} {
			t.Run(fmt.Sprint(method, " ", x.name), func(t *testing.T) {
				w.json(method, "/v1/profiles/"+id+"/"+x.path, p.bearer, x.body).want(t, 400, x.want)
			})
		}
	}
	w.json("GET", "/v1/profiles/"+id+"/directors", p.bearer, "").want(t, 200, `[]`)
	w.json("GET", "/v1/profiles/"+id+"/ubos", p.bearer, "").want(t, 200, `[]`)
}
