package api

import (
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/customer"
)

const (
	passport = `{"type":"PASSPORT","uniqueIdentifier":"P1234567","firstName":"Mira","lastName":"Kade","issueDate":"2024-05-06","expiryDate":"2034-05-05","issuerCountry":"GB","issuerState":null,"nationality":"gbr","birthCountry":"DE","birthCity":"Kiel"}`
	stored   = `{"errorMessage":null,"success":true}`
)

// documents are those of a profile as the noun has them.
func (w *world) documents(p person, id int64) []customer.Document {
	w.t.Helper()
	e, err := w.door.Customers.Profile(w.t.Context(), customer.Caller{Partner: w.partner(p.client).ID, Account: customer.AccountID(p.id), Epoch: 1, Registration: true}, customer.ProfileID(id))
	must(w.t, err)
	return e.Profile.Details.Lists.Documents
}

// Contract 10.3: documents are added, and one of the same number takes the place of the one before.
func TestIdentityDocuments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	id := w.profile(p)
	path := "/profiles/" + decimal(id) + "/verification-documents"
	w.json("POST", "/v1"+path, p.bearer, passport).want(t, 200, stored)
	w.json("POST", "/2026Q3"+path, p.bearer, `{"type":"SSN","uniqueIdentifier":"123456789"}`).want(t, 200, stored)
	w.json("POST", "/v1"+path, p.bearer, `{"firstName":"Mira","sex":"FEMALE"}`).want(t, 200, stored)
	w.json("POST", "/v1"+path, p.bearer, strings.Replace(passport, "Kiel", "Bremen", 1)).want(t, 200, stored)
	list := w.documents(p, id)
	if len(list) != 3 || list[2].Type != "PASSPORT" || list[2].BirthCity != "Bremen" || list[2].Nationality != "GB" || list[2].ExpiresOn != "2034-05-05" ||
		list[2].Source != customer.ByPartner || !list[2].At.Equal(noon) || list[1].Type != "" || list[1].Sex != "" {
		t.Errorf("stored %+v", list)
	}
	// A replacement is one of all of its type.
	w.json("POST", "/v1"+path, p.bearer, strings.Replace(passport, "P1234567", "P7654321", 1)).want(t, 200, stored)
	w.json("PUT", "/v1"+path, p.bearer, `{"clientId":"`+acme+`","type":"PASSPORT","uniqueIdentifier":"P9","sex":"FEMALE","placeOfBirth":"Kiel"}`).want(t, 200, stored)
	if list = w.documents(p, id); len(list) != 3 || list[2].Number != "P9" || list[2].FirstName != "" || list[2].Sex != "FEMALE" || list[2].BirthPlace != "Kiel" {
		t.Errorf("replaced %+v", list)
	}
}

// Contract 10.3: a proof of financial capacity needs a tax id first; the older family has no 422.
func TestFinancialCapacity(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	path := "/profiles/" + decimal(w.profile(p)) + "/verification-documents"
	const proof, refused = `{"type":"FINANCIAL_CAPACITY_BR","uniqueIdentifier":"1500.50"}`, `{"errorMessage":"A tax id is needed first","success":false}`
	w.json("POST", "/v1"+path, p.bearer, proof).want(t, 200, refused)
	w.json("POST", "/2026Q3"+path, p.bearer, proof).want(t, 422, refused)
	w.json("POST", "/v1"+path, p.bearer, `{"type":"CPF_CNPJ","uniqueIdentifier":"123.456.789-09"}`).want(t, 200, stored)
	w.json("POST", "/v1"+path, p.bearer, proof).want(t, 200, stored)
}

// All that is wrong with a document at once; a replacement names fields in its own way (contract 3.3, 10.3).
func TestIdentityDocumentErrors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	id := w.profile(p)
	path := "/v1/profiles/" + decimal(id) + "/verification-documents"
	bad := func(path, words string) string {
		return `{"code":"BAD_REQUEST","message":"` + path + words + `","path":"` + path + `","arguments":[]}`
	}
	refused := func(code, words, field string) string {
		return `{"code":"` + code + `","message":"` + words + `","field":"` + field + `"}`
	}
	for _, x := range []struct{ name, method, body, want string }{
		{"each badly", "POST", `{"type":"LIBRARY_CARD","uniqueIdentifier":"` + strings.Repeat("1", 31) + `","firstName":"` + strings.Repeat("x", 101) + `","issueDate":"06.05.2024","expiryDate":"2034-13-01","issuerCountry":"XX","nationality":"British","employerName":"Roy","employerCity":"Leith","sex":"F"}`,
			fieldsOf(bad("type", " is not valid"), bad("firstName", " is too long"), bad("issueDate", " is not valid"), bad("expiryDate", " is not valid"), bad("issuerCountry", " is not valid"),
				bad("nationality", " is not valid"), bad("uniqueIdentifier", " is too long"), bad("employerName", " is not valid"), bad("employerCity", " is not valid"), bad("sex", " is not valid"))},
		{"issued tomorrow", "POST", strings.Replace(passport, "2024-05-06", "2031-02-04", 1), fieldsOf(bad("issueDate", " is not valid"))},
		{"eight digits", "POST", `{"type":"SSN","uniqueIdentifier":"12345678"}`, fieldsOf(bad("uniqueIdentifier", " is not valid"))},
		{"no amount", "POST", `{"type":"FINANCIAL_CAPACITY_BR","uniqueIdentifier":"rich"}`, fieldsOf(bad("uniqueIdentifier", " is not valid"))},
		{"an array", "POST", `[]`, fieldsOf(`{"code":"BAD_REQUEST","message":"The body is not a JSON object that can be read","arguments":[]}`)},
		{"nothing", "PUT", `{}`, fieldsOf(refused("NotNull", "must not be null", "clientId"), refused("NotNull", "must not be null", "type"))},
		{"another type", "PUT", `{"clientId":"` + acme + `","type":5}`, fieldsOf(refused("NOT_VALID", "The field has another type", "type"))},
		{"another client", "PUT", `{"clientId":"` + globex + `","type":"SSN","uniqueIdentifier":"1","sex":"x"}`, fieldsOf(
			refused("not.allowed.for.clientId", "documents are replaced for the own client alone", "clientId"),
			refused("not.allowed.for.uniqueIdentifier", "uniqueIdentifier is not valid", "uniqueIdentifier"), refused("NOT_VALID", "sex is not valid", "sex"))},
	} {
		t.Run(x.name, func(t *testing.T) { w.json(x.method, path, p.bearer, x.body).want(t, 400, x.want) })
	}
	if list := w.documents(p, id); len(list) != 0 {
		t.Errorf("stored %+v", list)
	}
	// Persons alone have them.
	w.json("POST", "/v1/profiles/"+w.business(p)+"/verification-documents", p.bearer, passport).want(t, 403, forbidden)
}

// Contract 10.4: opening and closing always succeed, and only a change is an event.
func TestUpdateWindow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	for _, id := range []string{decimal(w.profile(p)), w.business(p)} {
		before := w.events(t, "window.")
		for _, path := range []string{"/v1", "/2026Q3"} {
			for _, method := range []string{"DELETE", "POST", "POST", "DELETE"} {
				w.json(method, path+"/profiles/"+id+"/update-window", p.bearer, "").want(t, 200, `{}`)
			}
		}
		// Some clients give a body that is not there the type of a form; one that is there is no JSON.
		const form = "application/x-www-form-urlencoded"
		w.ask("POST", "/v1/profiles/"+id+"/update-window", "", "Authorization", p.bearer, "Content-Type", form).want(t, 200, `{}`)
		w.ask("DELETE", "/v1/profiles/"+id+"/update-window", "", "Authorization", p.bearer, "Content-Type", form).want(t, 200, `{}`)
		if got := w.ask("POST", "/v1/profiles/"+id+"/update-window", "a=b", "Authorization", p.bearer, "Content-Type", form); got.status != 415 {
			t.Errorf("a form: %d %s", got.status, got.body)
		}
		if n := w.events(t, "window.") - before; n != 6 {
			t.Errorf("%d events", n)
		}
	}
}
