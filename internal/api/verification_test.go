package api

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/store"
)

// unknownBody is the one answer to what is foreign and what does not exist.
const unknownBody = `{"timestamp":"2031-02-03T04:05:06.789+0000","status":403,"error":"unauthorized","message":"Unauthorized"}`

// uuids are written anew in each answer.
var uuids = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`)

// plain replaces what differs in each answer.
func (got reply) plain() reply {
	got.body = uuids.ReplaceAllString(got.body, "UUID")
	return got
}

// simulating turns trials on.
func (w *world) simulating() {
	w.door.Simulates = true
	w.Config.Handler = w.door.Handler()
}

// decide is what an operator does at the command line.
func (w *world) decide(id int64, verified bool) {
	w.t.Helper()
	_, err := w.door.Customers.Decide(w.t.Context(), customer.Decision{Profile: customer.ProfileID(id), Verified: verified, By: customer.ByOperator})
	must(w.t, err)
}

// listen subscribes a client to an event, and returns how to read what was queued for it since.
func (w *world) listen(client string, kind partner.EventType, version string) func() []partner.Event {
	w.t.Helper()
	ctx := w.t.Context()
	p, err := w.door.Partners.ByClient(ctx, client)
	must(w.t, err)
	subscriptions := partner.Subscriptions{Store: store.Subscriptions{DB: w.db}, Keys: w.door.Customers.Keys, IDs: w.door.Customers.IDs, Now: w.now}
	s, err := subscriptions.Add(ctx, partner.Owner{Partner: p.ID, ClientID: client},
		partner.Draft{Name: "test", Trigger: kind, Payload: version, URL: "https://hooks.acme.example/in"})
	must(w.t, err)
	deliveries := partner.Deliveries{Store: store.Deliveries{DB: w.db}, Now: w.now}
	return func() []partner.Event {
		w.t.Helper()
		list, err := deliveries.List(ctx, client, partner.Selection{PublicIDs: []string{s.PublicID}, Limit: 100})
		must(w.t, err)
		events := []partner.Event{}
		for i := len(list) - 1; i >= 0; i-- {
			events = append(events, list[i].Event)
		}
		return events
	}
}

// Contract 11.1, in both families.
func TestVerificationStatus(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	id := w.profile(p)
	other := w.profile(w.open(acme, "other@example.org"))
	foreign := w.profile(w.open(globex, "third@example.org"))
	for _, family := range []string{"/v3", "/2026Q3", "/2027Q1"} {
		path := family + "/profiles/" + decimal(id) + "/verification-status/bank-transfer"
		w.decide(id, false)
		w.json("POST", path+"?source_currencies=GBP,EUR", p.bearer, "").plain().want(t, 200,
			`{"routes":[{"source_currency":"GBP","maximum_entitled_amount":0,"current_status":"not_verified"},{"source_currency":"EUR","maximum_entitled_amount":0,"current_status":"not_verified"}],"request_id":"UUID"}`)
		w.decide(id, true)
		w.json("POST", path+"/?source_currencies=gbp,%20EUR,GBP", p.bearer, "{}").plain().want(t, 200,
			`{"routes":[{"source_currency":"GBP","maximum_entitled_amount":0,"current_status":"verified"},{"source_currency":"EUR","maximum_entitled_amount":0,"current_status":"verified"}],"request_id":"UUID"}`)
		for _, query := range []string{"", "?source_currencies=", "?source=GBP", "?source_currencies=GBP;EUR"} {
			w.json("POST", path+query, p.bearer, "").want(t, 400,
				`{"errors":[{"code":"NotNull","message":"must not be null","path":"source_currencies","arguments":[]}]}`)
		}
		for _, list := range []string{"GBPX", "GBP,", "GBP%3bEUR", "1", "GBP,EUR,ZZZ", "%ff"} {
			w.json("POST", path+"?source_currencies="+list, p.bearer, "").want(t, 400,
				`{"errors":[{"code":"BAD_REQUEST","message":"Give ISO 4217 codes with commas between them","path":"source_currencies","arguments":[]}]}`)
		}
		for _, unknown := range []int64{other, foreign, 7, p.id} {
			path := family + "/profiles/" + decimal(unknown) + "/verification-status/bank-transfer?source_currencies=GBP"
			w.json("POST", path, p.bearer, "").want(t, 403, unknownBody)
		}
		w.json("POST", path+"?source_currencies=GBP", w.app(acme), "").want(t, 403, unknownBody)
		w.json("GET", path+"?source_currencies=GBP", p.bearer, "").want(t, 405, badMethod)
	}
	w.json("GET", "/v3/profiles/"+decimal(id)+"/verification-status", p.bearer, "").want(t, 200,
		`{"profileId":`+decimal(id)+`,"currentStatus":"verified"}`)
	w.json("GET", "/v3/profiles/"+decimal(other)+"/verification-status", p.bearer, "").want(t, 403, unknownBody)
	w.json("GET", "/2026Q3/profiles/"+decimal(id)+"/verification-status", p.bearer, "").want(t, 404, notFound)
}

// After the claim the status is for those whom the customer let in, and what a partner made before reads nothing (I2).
func TestVerificationStatusAfterTheClaim(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	id := w.profile(p)
	before := p.bearer
	path := "/v3/profiles/" + decimal(id) + "/verification-status"
	p.token = w.tokenOf(w.exchange(acme, w.allowed(w.claimed(p, "", nil))))
	w.decide(id, true)
	w.json("GET", path, "Bearer "+p.token.Access, "").want(t, 200, `{"profileId":`+decimal(id)+`,"currentStatus":"verified"}`)
	if got := w.json("GET", path, before, ""); got.status != 401 {
		t.Errorf("token of before: %d %s", got.status, got.body)
	}
}

// Contract 12.4: one event for each change of state, none for what holds already, to those who may hear of it.
func TestVerificationEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	heard, elsewhere := w.listen(acme, partner.EventVerification, "2.0.0"), w.listen(globex, partner.EventVerification, "4.0.0")
	p := w.open(acme, "mira.kade@example.org")
	id := w.profile(p)
	w.decide(id, true)
	w.decide(id, true)
	w.advance(time.Second)
	w.decide(id, false)
	events := heard()
	if len(events) != 2 || events[0].State != "verified" || events[1].State != "not_verified" || events[0].Profile != id || events[0].Account != p.id ||
		!events[0].OccurredAt.Equal(noon) || !events[1].OccurredAt.Equal(noon.Add(time.Second)) || events[0].Data != "" {
		t.Fatalf("heard %+v", events)
	}

	v := w.claimed(p, "", nil)
	w.decide(id, true) // nobody has a grant now
	if n := len(heard()); n != 2 {
		t.Errorf("%d events without a grant", n)
	}
	w.allowed(v)
	w.decide(id, false)
	if events := heard(); len(events) != 3 || events[2].State != "not_verified" {
		t.Errorf("with a grant: %+v", events)
	}
	if n := len(elsewhere()); n != 0 {
		t.Errorf("%d events went to another partner", n)
	}
}

// OC-21: what was checked is locked for good, the rest needs an open window, and all of it is named at once.
func TestLockedPersonal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	id := w.profile(p)
	path := "/v2/profiles/" + decimal(id) + "/personal-profile"
	locked := func(paths ...string) string {
		var list []string
		for _, path := range paths {
			list = append(list, `{"code":"FIELD_LOCKED","message":"The profile is verified, and this cannot be changed now","path":"`+path+`","arguments":[]}`)
		}
		return `{"errors":[` + strings.Join(list, ",") + `]}`
	}
	all := `{"firstName":"Mira Ada","lastName":"Kader","preferredName":"Ada","dateOfBirth":"1988-11-29","nationality":"irl",` +
		`"address":{"addressFirstLine":"8 Harbour Row","city":"Cork","countryIso3Code":"irl","postCode":"T12","stateCode":null},` +
		`"contactDetails":{"email":"mira@example.org","phoneNumber":"+441315550143"}}`
	w.decide(id, true)
	w.json("PUT", path, p.bearer, all).want(t, 409, locked("firstName", "lastName", "dateOfBirth", "nationality", "address.countryIso3Code",
		"address.addressFirstLine", "address.city", "address.postCode", "contactDetails.phoneNumber", "contactDetails.email"))
	if got := w.json("PUT", path, p.bearer, mira); got.status != 200 {
		t.Errorf("the same again: %d %s", got.status, got.body)
	}
	if got := w.json("PUT", path, p.bearer, `{"preferredName":"Ada"}`); got.status != 200 || !strings.Contains(got.body, `"preferredName":"Ada"`) {
		t.Errorf("a field that nobody checks: %d %s", got.status, got.body)
	}
	moved := `{"address":{"addressFirstLine":"8 Harbour Row","city":"Perth","countryIso3Code":"gbr","postCode":"PH1 1AA"},"contactDetails":{"email":"mira@example.org","phoneNumber":"+441315550143"}}`
	must(t, w.door.Customers.SetWindow(t.Context(), w.caller(p), customer.ProfileID(id), true))
	if got := w.json("PUT", path, p.bearer, moved); got.status != 200 || !strings.Contains(got.body, `"city":"Perth"`) {
		t.Errorf("through the window: %d %s", got.status, got.body)
	}
	w.json("PUT", path, p.bearer, all).want(t, 409, locked("firstName", "lastName", "dateOfBirth", "nationality", "address.countryIso3Code"))
	must(t, w.door.Customers.SetWindow(t.Context(), w.caller(p), customer.ProfileID(id), false))
	w.json("PUT", path, p.bearer, `{"address":{"city":"Leith"}}`).want(t, 409, locked("address.city"))
	w.decide(id, false)
	if got := w.json("PUT", path, p.bearer, all); got.status != 200 {
		t.Errorf("no longer verified: %d %s", got.status, got.body)
	}
}

// caller is who the person's token admits.
func (w *world) caller(p person) customer.Caller {
	w.t.Helper()
	access, err := w.door.Tokens.Access(w.t.Context(), p.token.Access)
	must(w.t, err)
	return access.Caller("trace", "192.0.2.0/24")
}

// After the claim a change of what was checked is not even a proposal.
func TestLockedAfterTheClaim(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, id := w.owned(acme, "mira.kade@example.org", partner.ScopeProfilesWrite)
	path := "/v2/profiles/" + decimal(id) + "/personal-profile"
	w.decide(id, true)
	if got := w.json("PUT", path, p.bearer, `{"firstName":"Ada"}`); got.status != 409 || !strings.Contains(got.body, `"path":"firstName"`) {
		t.Errorf("%d %s", got.status, got.body)
	}
	must(t, w.door.Customers.SetWindow(t.Context(), w.caller(p), customer.ProfileID(id), true))
	if got := w.json("PUT", path, p.bearer, `{"address":{"city":"Perth"}}`); got.status != 200 || !strings.Contains(got.body, `"city":"Leith"`) {
		t.Errorf("a proposal through the window: %d %s", got.status, got.body)
	}
	e, err := w.door.Customers.Profile(t.Context(), w.caller(p), customer.ProfileID(id))
	must(t, err)
	if q := e.Profile.Details.Proposals; len(q) != 1 || q[0].Field != customer.City {
		t.Errorf("proposals: %+v", q)
	}
}

// OC-21 for a business, its people and who represents it (contract 8.6).
func TestLockedBusiness(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	got := w.json("POST", "/v3/profiles/business-profile", p.bearer, kadeJoinery)
	var made struct{ ID int64 }
	if got.status != 200 || json.Unmarshal([]byte(got.body), &made) != nil {
		t.Fatalf("no business: %d %s", got.status, got.body)
	}
	heard := w.listen(acme, partner.EventVerification, "4.0.0")
	w.decide(made.ID, true)
	base := "/v3/profiles/" + decimal(made.ID) + "/business-profile"
	for body, path := range map[string]string{
		`{"businessName":"Kade Stairs Ltd"}`:            "businessName",
		`{"registrationNumber":"SC700124"}`:             "registrationNumber",
		`{"companyType":"PARTNERSHIP"}`:                 "companyType",
		`{"address":{"countryIso3Code":"irl"}}`:         "address.countryIso3Code",
		`{"address":{"addressFirstLine":"9 High Row"}}`: "address.addressFirstLine",
	} {
		if got := w.json("PUT", "/v2"+strings.TrimPrefix(base, "/v3"), p.bearer, body); got.status != 409 || strings.Count(got.body, `"FIELD_LOCKED"`) != 1 ||
			!strings.Contains(got.body, `"path":"`+path+`"`) {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
	person := base + "/business-representative"
	if got := w.json("PUT", person, p.bearer, `{"updateContext":"UPDATE_DETAILS","firstName":"Ada"}`); got.status != 409 || !strings.Contains(got.body, `"path":"firstName"`) {
		t.Errorf("representative: %d %s", got.status, got.body)
	}
	transfer := `{"updateContext":"TRANSFER_OF_AUTHORISATION","firstName":"Ada","lastName":"Kade","dateOfBirth":"1990-01-02","address":{"addressFirstLine":"7 Harbour Row","city":"Leith","countryIso3Code":"gbr","postCode":"EH6 6AB"},"contactDetails":{"email":"ada@example.org","phoneNumber":"+441315550144"}}`
	if got := w.json("PUT", person, p.bearer, transfer); got.status != 200 {
		t.Errorf("transfer: %d %s", got.status, got.body)
	}
	w.json("GET", "/v3/profiles/"+decimal(made.ID)+"/verification-status", p.bearer, "").want(t, 200,
		`{"profileId":`+decimal(made.ID)+`,"currentStatus":"not_verified"}`)
	if events := heard(); len(events) != 2 || events[1].State != "not_verified" {
		t.Errorf("heard %+v", events)
	}
}

// Contract 8.6: who represents a verified business is locked by it wherever the change is asked for: a second business that shares
// the person and is not verified is no way round.
func TestSharedRepresentativeIsLocked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	id := w.business(p)
	path := func(id string) string { return "/v3/profiles/" + id + "/business-profile/business-representative" }
	var read struct{ BusinessRepresentativeID int64 }
	must(t, json.Unmarshal([]byte(w.json("GET", path(id), p.bearer, "").body), &read))
	second := idOf(t, w.json("POST", v5Business, p.bearer,
		strings.NewReplacer("SC700123", "SC700124", jonas, `"businessRepresentativeId":`+decimal(read.BusinessRepresentativeID)).Replace(kadeV5)).body)
	w.decide(number(t, id), true)
	before := w.json("GET", path(id), p.bearer, "").body
	for _, body := range []string{`"firstName":"Eve"`, `"contactDetails":{"email":"eve@example.org"}`} {
		if got := w.json("PUT", path(second), p.bearer, `{"updateContext":"UPDATE_DETAILS",`+body+`}`); got.status != 409 || !strings.Contains(got.body, "FIELD_LOCKED") {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
	if after := w.json("GET", path(id), p.bearer, "").body; after != before {
		t.Errorf("who was verified became %s", after)
	}
	w.json("PUT", path(second), p.bearer, `{"updateContext":"UPDATE_DETAILS","preferredName":"Jo"}`).want(t, 200, strings.Replace(before, `"preferredName":null`, `"preferredName":"Jo"`, 1))
}

// Nor is the personal profile a way round where the account's own customer represents the business.
func TestHolderOfAVerifiedBusinessIsLocked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	personal := "/v2/profiles/" + decimal(w.profile(p)) + "/personal-profile"
	who := strings.Index(kadeJoinery, `,"businessRepresentative"`)
	id := idOf(t, w.json("POST", "/v2/profiles/business-profile", p.bearer, kadeJoinery[:who]+"}").body)
	w.json("PUT", personal, p.bearer, `{"firstName":"Myra"}`)
	w.decide(number(t, id), true)
	for _, body := range []string{`{"firstName":"Eve"}`, `{"dateOfBirth":"1990-01-02"}`} {
		if got := w.json("PUT", personal, p.bearer, body); got.status != 409 || strings.Count(got.body, "FIELD_LOCKED") != 1 {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
	got := w.json("GET", "/v3/profiles/"+id+"/business-profile/business-representative", p.bearer, "")
	if !strings.Contains(got.body, `"Myra"`) || !strings.Contains(got.body, "1988-11-30") {
		t.Errorf("who was verified became %s", got.body)
	}
	if got := w.json("PUT", personal, p.bearer, `{"firstName":"Myra","preferredName":"Mi"}`); got.status != 200 {
		t.Errorf("what is not locked: %d %s", got.status, got.body)
	}
}

// kadeJoinery is a business with its representative (contract 8.4).
const kadeJoinery = `{"businessName":"Kade Joinery Ltd","registrationNumber":"SC700123","companyType":"LIMITED","companyRole":"DIRECTOR","address":{"addressFirstLine":"7 Harbour Row","city":"Leith","countryIso3Code":"gbr","postCode":"EH6 6AB"},"firstLevelCategory":"REAL_ESTATE_CONSTRUCTION","secondLevelCategory":"CONSTRUCTION","businessRepresentative":{"firstName":"Mira","lastName":"Kade","dateOfBirth":"1988-11-30","address":{"addressFirstLine":"7 Harbour Row","city":"Leith","countryIso3Code":"gbr","postCode":"EH6 6AB"},"contactDetails":{"email":"mira.kade@example.org","phoneNumber":"+441315550142"}}}`

// OC-28: without the operator's word there is no simulation, whoever asks.
func TestSimulationIsOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	id := decimal(w.profile(p))
	for _, rt := range w.door.routes() {
		if !rt.simulates() {
			continue
		}
		for _, pattern := range rt.patterns() {
			path := strings.NewReplacer("{profile}", id, "{review}", "3d6a4f0e-8b34-4c6d-9c4f-4a1a0a9b2c7d", calendar, "/2026Q3").Replace(pattern)
			for _, bearer := range []string{p.bearer, w.app(acme), "Bearer nobody"} {
				w.json(rt.method, path, bearer, "").want(t, 404, notFound)
			}
		}
	}
	if got := w.json("GET", "/v3/profiles/"+id+"/verification-status", p.bearer, ""); !strings.Contains(got.body, "not_verified") {
		t.Error("verified all the same")
	}
}

// Contract 14.
func TestSimulatedVerification(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.simulating()
	heard := w.listen(acme, partner.EventVerification, "2.0.0")
	p := w.open(acme, "mira.kade@example.org")
	id, foreign := w.profile(p), w.profile(w.open(globex, "third@example.org"))
	w.json("POST", "/v1/simulation/profiles/"+decimal(id)+"/verifications", p.bearer, "").want(t, 200, "")
	w.json("POST", "/2026Q3/simulation/profiles/"+decimal(id)+"/verifications/", p.bearer, "{}").want(t, 200, "")
	w.json("GET", "/v3/profiles/"+decimal(id)+"/verification-status", p.bearer, "").want(t, 200, `{"profileId":`+decimal(id)+`,"currentStatus":"verified"}`)
	if n := len(heard()); n != 1 {
		t.Errorf("%d events", n)
	}
	w.decide(id, false)
	w.json("POST", "/v1/simulation/profiles/"+decimal(id)+"/verifications", w.app(acme), "").want(t, 200, "")
	w.decide(id, false)
	w.json("POST", "/2026Q3/simulation/verify-profile", p.bearer, "").want(t, 200, "")
	if n := len(heard()); n != 5 {
		t.Errorf("%d events", n)
	}
	w.json("POST", "/v1/simulation/verify-profile", w.app(acme), "").want(t, 403, unknownBody)
	for _, bearer := range []string{p.bearer, w.app(acme)} {
		for _, unknown := range []int64{foreign, 7} {
			w.json("POST", "/v1/simulation/profiles/"+decimal(unknown)+"/verifications", bearer, "").want(t, 403, unknownBody)
		}
	}
	if got := w.json("POST", "/v1/simulation/profiles/"+decimal(id)+"/verifications", "Bearer nobody", ""); got.status != 401 {
		t.Errorf("no token: %d", got.status)
	}
}

// Design 10.12: of a claimed account an application's token reaches nothing; a grant needs the scope.
func TestSimulationAfterTheClaim(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.simulating()
	p, id := w.owned(acme, "mira.kade@example.org")
	path := "/v1/simulation/profiles/" + decimal(id) + "/verifications"
	w.json("POST", path, w.app(acme), "").want(t, 403, unknownBody)
	w.json("POST", path, p.bearer, "").want(t, 200, "")
}
