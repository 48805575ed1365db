package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/partner"
)

// A lock is a write that would change what verification locks: its request, and the paths that the refusal names. Without paths
// there is nothing in such a request that is locked.
type lock struct {
	business    bool
	body, paths string
}

// locks has one for each route that writes to a profile: TestLockedEverywhere fails on a route that is not here.
func locks() map[string]lock {
	person := lock{body: `{"firstName":"Eve","dateOfBirth":"1990-01-01"}`, paths: "firstName dateOfBirth"}
	firm := lock{business: true, body: `{"businessName":"Eve Ltd","registrationNumber":"X1"}`, paths: "businessName registrationNumber"}
	return map[string]lock{
		"PUT /v1/users/{user}/contact-email":          {},
		"POST /v2/profiles/personal-profile":          {},
		"PUT /v2/profiles/{profile}/personal-profile": person,
		"POST /v2/profiles/business-profile":          {},
		"POST /v3/profiles/business-profile":          {},
		"POST /v5/profiles/business-profile":          {},
		"PUT /v2/profiles/{profile}/business-profile": firm,
		"PUT /v3/profiles/{profile}/business-profile": firm,
		"PUT /v3/profiles/{profile}/business-profile/business-representative": {business: true,
			body: `{"updateContext":"UPDATE_DETAILS","firstName":"Eve","dateOfBirth":"1990-01-01"}`, paths: "firstName dateOfBirth"},
		"POST /v1/profiles": {},
		"PUT /v1/profiles":  {body: `{"id":PROFILE,"type":"personal","details":{"firstName":"Eve","dateOfBirth":"1990-01-01"}}`, paths: "firstName dateOfBirth"},
		"POST /v1/addresses": {body: `{"profile":PROFILE,"details":{"country":"IE","firstLine":"7 Harbour Row","city":"Leith","postCode":"T12 X8N9"}}`,
			paths: "addressCountryCode"},
		"POST /v1/profiles/{profile}/directors":                                {business: true, body: `[{"firstName":"Eve"}]`, paths: "directors"},
		"PUT /v1/profiles/{profile}/directors":                                 {business: true, body: `[{"firstName":"Eve"}]`, paths: "directors"},
		"DELETE /v1/profiles/{profile}/directors":                              {business: true, paths: "directors"},
		"POST /v1/profiles/{profile}/ubos":                                     {business: true, body: twoOwners, paths: "ubos"},
		"PUT /v1/profiles/{profile}/ubos":                                      {business: true, body: twoOwners, paths: "ubos"},
		"POST /v1/profiles/{profile}/verification-documents":                   {body: `{"type":"IDENTITY_CARD"}`, paths: "type"},
		"PUT /v1/profiles/{profile}/verification-documents":                    {body: `{"clientId":"acme-treasury","type":"PASSPORT"}`, paths: "type"},
		"POST /v1/profiles/{profile}/update-window":                            {},
		"DELETE /v1/profiles/{profile}/update-window":                          {},
		"POST /v1/profiles/{profile}/extensions":                               {},
		"POST /v5/profiles/{profile}/additional-verification/upload-evidences": {},
		"POST /v3/profiles/{profile}/additional-verification/upload-evidences": {},
		"POST /v3/profiles/{profile}/verification-status/upload-document":      {},
		"POST /v2/profiles/{profile}/kyc-requirements/{requirement}":           {},
	}
}

// OC-21: what was verified is locked at every route that could change it, in both families, with the update window closed and open;
// one answer names all of it, and nothing of a refused request is applied.
func TestLockedEverywhere(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	must(t, b.fillLists())
	read := func() string {
		text := ""
		for _, path := range []string{"/v2/profiles", "/v1/profiles/" + b.own.business + "/directors", "/v1/profiles/" + b.own.business + "/ubos",
			"/v3/profiles/" + b.own.business + "/business-profile/business-representative"} {
			text += b.json("GET", path, b.own.bearer, "").body
		}
		return text
	}
	for _, id := range []string{b.own.personal, b.own.business} {
		b.decide(number(t, id), true)
	}
	before, all, refused := read(), locks(), 0
	for _, rt := range b.door.routes() {
		if rt.scope != partner.ScopeProfilesWrite || rt.method == http.MethodGet {
			continue
		}
		x, found := all[rt.method+" "+rt.legacy]
		if !found {
			t.Errorf("%s %s: say what is locked there", rt.method, rt.legacy)
		}
		if x.paths == "" {
			continue
		}
		profile := b.own.personal
		if x.business {
			profile = b.own.business
		}
		for _, open := range []bool{false, true} {
			must(t, b.door.Customers.SetWindow(t.Context(), b.caller(b.own.person), customer.ProfileID(number(t, profile)), open))
			for _, pattern := range rt.patterns() {
				path := filled(pattern, map[string]string{"{profile}": profile})
				got := b.json(rt.method, path, b.own.bearer, strings.ReplaceAll(x.body, "PROFILE", profile))
				refused++
				paths := pathsOf(t, got)
				text := strings.Join(paths, " ") // with the window closed, what depends on a locked country is named too
				if got.status != 409 || !strings.HasPrefix(text, x.paths) || open && text != x.paths || strings.Count(got.body, "FIELD_LOCKED") != len(paths) {
					t.Errorf("%s %s, window open %v: %d %s", rt.method, path, open, got.status, got.body)
				}
			}
		}
	}
	if after := read(); after != before {
		t.Errorf("a locked field moved from %s\nto %s", before, after)
	}
	if refused < 40 {
		t.Errorf("%d requests", refused)
	}
}

// Each endpoint of an address names its fields as it reads them (contract 9.1, 8.8).
func TestLockedStateHasTheNameOfItsEndpoint(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	id := w.profile(p)
	const mesa = `"details":{"country":"US","firstLine":"1 Mesa Rd","postCode":"87571","city":"Taos","state":"NV"}`
	if got := w.json("POST", "/v1/addresses", p.bearer, addressBody(decimal(id), mesa)); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	w.decide(id, true)
	for path, body := range map[string]string{
		"POST /v1/addresses": addressBody(decimal(id), strings.Replace(mesa, "NV", "CA", 1)),
		"PUT /v2/profiles/" + decimal(id) + "/personal-profile": `{"address":{"stateCode":"CA"}}`,
	} {
		method, path, _ := strings.Cut(path, " ")
		name := map[string]string{"POST": "addressState", "PUT": "address.stateCode"}[method]
		if got := w.json(method, path, p.bearer, body); got.status != 409 || strings.Join(pathsOf(t, got), " ") != name {
			t.Errorf("%s %s: %d %s", method, path, got.status, got.body)
		}
	}
}

// fillLists gives the business people and the person a document, for what nobody gave is not locked.
func (b *bench) fillLists() error {
	ctx, c := b.t.Context(), b.caller(b.own.person)
	firm, person := customer.ProfileID(number(b.t, b.own.business)), customer.ProfileID(number(b.t, b.own.personal))
	if _, err := b.door.Customers.SaveDirectors(ctx, c, firm, []customer.Director{{FirstName: "Ada", LastName: "Roy"}}, true); err != nil {
		return err
	}
	b.json("POST", "/v1/profiles/"+b.own.business+"/ubos", b.own.bearer, twoOwners)
	return b.door.Customers.SaveDocument(ctx, c, person, customer.Document{Type: "PASSPORT"}, true)
}
