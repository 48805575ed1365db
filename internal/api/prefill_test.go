package api

import (
	"context"
	"maps"
	"strconv"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/store"
)

func number(t *testing.T, text string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(text, 10, 64)
	must(t, err)
	return n
}

func (w *world) partner(client string) partner.Partner {
	w.t.Helper()
	p, err := w.door.Partners.ByClient(context.Background(), client)
	must(w.t, err)
	return p
}

// events counts the audit events whose action begins so.
func (w *world) events(t *testing.T, action string) (n int) {
	t.Helper()
	all, err := store.Audit{DB: w.db}.TailEvents(t.Context(), audit.Filter{Limit: 10_000})
	must(t, err)
	for _, e := range all {
		if strings.HasPrefix(string(e.Action), action) {
			n++
		}
	}
	return n
}

// prefills are good requests of every endpoint that takes the id of a profile in its address, by what they are about.
func prefills(personal, business string) map[string]string {
	about := map[string]string{}
	add := func(id string, lines ...string) {
		for _, line := range lines {
			route, body, _ := strings.Cut(line, " {")
			if body != "" {
				body = "{" + body
			}
			if route, list, found := strings.Cut(line, " ["); found {
				about[strings.ReplaceAll(route, "ID", id)] = "[" + list
				continue
			}
			about[strings.ReplaceAll(route, "ID", id)] = body
		}
	}
	add(personal, `GET /v1/profiles/ID`, `GET /v2/profiles/ID`, `PUT /v2/profiles/ID/personal-profile {"firstName":"Moira"}`,
		`POST /v1/profiles/ID/verification-documents {"type":"PASSPORT"}`, `PUT /v1/profiles/ID/verification-documents {"clientId":"acme-treasury","type":"PASSPORT"}`,
		`POST /v1/profiles/ID/update-window`, `DELETE /v1/profiles/ID/update-window`, `GET /v1/profiles/ID/extension-requirements`,
		`POST /v1/profiles/ID/extension-requirements`, `POST /v1/profiles/ID/extensions {"details":{"accountPurpose":"CONTRIBUTING_TO_PERSONAL_SAVINGS"}}`,
		`GET /v1/profiles/ID/extensions`, `GET /v3/profiles/ID/verification-status/required-evidences`,
		`POST /v5/profiles/ID/additional-verification/upload-evidences {"annualIncome":"0_11500"}`,
		`POST /v3/profiles/ID/additional-verification/upload-evidences {"incomeExplanation":"A joiner's"}`)
	add(business, `GET /2026Q3/profiles/ID`, `PUT /v2/profiles/ID/business-profile {"companyRole":"OWNER"}`, `PUT /v3/profiles/ID/business-profile {"companyRole":"OWNER"}`,
		`GET /v3/profiles/ID/business-profile/business-representative`, `PUT /v3/profiles/ID/business-profile/business-representative {"updateContext":"UPDATE_DETAILS"}`,
		`GET /v1/profiles/ID/directors`, `POST /v1/profiles/ID/directors [{"firstName":"Ada"}]`, `PUT /v1/profiles/ID/directors [{"firstName":"Ada"}]`, `DELETE /v1/profiles/ID/directors`,
		`GET /v1/profiles/ID/ubos`, `POST /v1/profiles/ID/ubos `+twoOwners, `PUT /v1/profiles/ID/ubos `+twoOwners)
	return about
}

// I10, contract 2 and OC-4: every endpoint answers its own alone; foreign and unknown alike; other tokens not at all; and
// nothing works any more once the customer has taken over (I2).
func TestPrefillIsForTheOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, other := w.open(acme, "mira.kade@example.org"), w.open(globex, "jonas.kade@example.org")
	personal, business := decimal(w.profile(p)), w.business(p)
	foreign := prefills(decimal(w.profile(other)), w.business(other))
	unknown := prefills("1", "1")
	app := w.app(acme)
	before := w.json("GET", "/v2/profiles", other.bearer, "").body
	for line, body := range prefills(personal, business) {
		method, path, _ := strings.Cut(line, " ")
		if got := w.json(method, path, p.bearer, body); got.status >= 300 {
			t.Errorf("%s: %d %s", line, got.status, got.body)
		}
		w.json(method, path, app, body).want(t, 403, forbidden)
		w.ask(method, path, body).want(t, 401, noBearer)
		w.json(method, path, p.bearer+"x", body).want(t, 401, invalidToken)
	}
	for _, requests := range []map[string]string{foreign, unknown} {
		for line, body := range requests {
			method, path, _ := strings.Cut(line, " ")
			if got := w.json(method, path, p.bearer, body); got.status != 403 || got.body != forbidden {
				t.Errorf("%s: %d %s", line, got.status, got.body)
			}
		}
	}
	if got := w.json("GET", "/v2/profiles", other.bearer, "").body; got != before {
		t.Errorf("a stranger changed %s\nto %s", before, got)
	}
	// The kinds do not pass for each other.
	for line := range maps.Keys(prefills(business, personal)) {
		if strings.HasSuffix(line, "/directors") || strings.HasSuffix(line, "-documents") || strings.HasSuffix(line, "-representative") || strings.HasPrefix(line, "PUT /v2") {
			method, path, _ := strings.Cut(line, " ")
			w.json(method, path, p.bearer, prefills(business, personal)[line]).want(t, 403, forbidden)
		}
	}
	w.claimed(p, "", nil)
	for line, body := range prefills(personal, business) {
		method, path, _ := strings.Cut(line, " ")
		w.json(method, path, p.bearer, body).want(t, 401, invalidToken)
	}
	w.upload(p, "/v3", personal, sent{"documentType", "", "ID_PROOF"}, sent{"files", "a.pdf", pdf}).want(t, 401, invalidToken)
}

// I8: each write that changes something has its one event, and what changes nothing has none.
func TestPrefillEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	personal, business := decimal(w.profile(p)), w.business(p)
	for line, body := range prefills(personal, business) {
		method, path, _ := strings.Cut(line, " ")
		before := w.events(t, "")
		w.json(method, path, p.bearer, body)
		n := w.events(t, "") - before
		reads := method == "GET" || strings.Contains(line, "requirements") || strings.HasSuffix(line, "update-window") // open or not
		if n > 1 || !reads && n != 1 || method == "GET" && n != 0 {
			t.Errorf("%s: %d events", line, n)
		}
	}
	before := w.events(t, "")
	w.json("POST", "/v5/profiles/"+personal+"/additional-verification/upload-evidences", p.bearer, `{"annualIncome":"0_11500"}`)
	if n := w.events(t, "") - before; n != 0 {
		t.Errorf("saying the same again: %d events", n)
	}
}

// Design 10.11: what the customer confirmed is not overwritten by a grant's token; what nobody said before is taken.
func TestPrefillBecomesProposals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	id := decimal(w.profile(p))
	evidences := "/v5/profiles/" + id + "/additional-verification/upload-evidences"
	documents := "/v1/profiles/" + id + "/verification-documents"
	w.json("POST", evidences, p.bearer, `{"accountPurpose":"INVESTING"}`)
	w.json("POST", documents, p.bearer, passport)
	p.token = w.tokenOf(w.exchange(acme, w.allowed(w.claimed(p, "", nil), partner.ScopeProfilesRead, partner.ScopeProfilesWrite)))
	p.bearer = "Bearer " + p.token.Access
	w.json("POST", evidences, p.bearer, `{"accountPurpose":"MOVING_SAVINGS","annualIncome":"0_11500"}`).want(t, 207, results("SUCCESS", good("accountPurpose", "annualIncome")...))
	w.json("POST", documents, p.bearer, strings.Replace(passport, "P1234567", "P7", 1)).want(t, 200, stored)
	address := w.json("GET", "/v1/addresses", p.bearer, "").body
	if got := w.json("POST", "/v1/addresses", p.bearer, addressBody(id, strings.Replace(harbour, "Leith", "Elsewhere", 1))); "["+got.body+"]" != address {
		t.Errorf("address %s, want what holds: %s", got.body, address)
	}
	c := customer.Caller{Partner: w.partner(acme).ID, Account: customer.AccountID(p.id), Epoch: 2, Profile: customer.ProfileID(number(t, id))}
	e, err := w.door.Customers.Profile(t.Context(), c, c.Profile)
	must(t, err)
	d := e.Profile.Details
	proposed := map[customer.Field]string{}
	for _, q := range d.Proposals {
		proposed[q.Field] = q.Value
	}
	if want := map[customer.Field]string{customer.AccountPurpose: "MOVING_SAVINGS", customer.City: "Elsewhere"}; !maps.Equal(proposed, want) {
		t.Errorf("proposed %v", proposed)
	}
	if d.Values[customer.AccountPurpose] != "INVESTING" || d.Values[customer.Income] != "0_11500" || d.Values[customer.City] != "Leith" {
		t.Errorf("values %v", d.Values)
	}
	if len(d.Lists.Documents) != 1 || len(d.ProposedLists) != 1 || d.ProposedLists[0].Field != customer.Documents || len(d.ProposedLists[0].Lists.Documents) != 2 {
		t.Errorf("documents %+v, proposed %+v", d.Lists.Documents, d.ProposedLists)
	}
}

// OC-40: a name with a dot in it is a name that nobody knows, and no path to a field that then seems to be given, and empty.
func TestDottedNamesChangeNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	path := "/v2/profiles/" + decimal(w.profile(p)) + "/personal-profile"
	w.json("PUT", path, p.bearer, `{"address":{"countryIso3Code":"gbr","city":"Leith","addressFirstLine":"7 Harbour Row","postCode":"EH6 6AB"}}`)
	before := w.json("PUT", path, p.bearer, `{}`)
	if before.status != 200 || !strings.Contains(before.body, "EH6 6AB") {
		t.Fatalf("%d %s", before.status, before.body)
	}
	w.json("PUT", path, p.bearer, `{"address.postCode":"zzz","address.city":null,"contactDetails.phoneNumber":""}`).want(t, 200, before.body)
}
