package api

import (
	"strings"
	"testing"
)

const (
	v1Mira = `{"type":"personal","details":{"firstName":"Mira","lastName":"Kade","dateOfBirth":"1988-11-30","phoneNumber":"+441315550142","occupation":null}}`
	v1Kade = `{"type":"business","details":{"name":"Kade Joinery Ltd","registrationNumber":"SC700123","acn":null,"abn":null,"arbn":null,"companyType":"LIMITED","companyRole":"OWNER","descriptionOfBusiness":"Oak stairs","webpage":"https://kade.example","businessCategory":"REAL_ESTATE_CONSTRUCTION","businessSubCategory":"CONSTRUCTION"}}`
)

// Contract 8.8: the first version, whose address comes apart.
func TestProfilesV1(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	w.json("GET", "/v1/profiles", p.bearer, "").want(t, 200, `[]`)
	got := w.json("POST", "/v1/profiles/", p.bearer, v1Mira)
	id := idOf(t, got.body)
	mira := `{"id":` + id + `,"type":"personal","details":{"firstName":"Mira","lastName":"Kade","preferredName":null,"dateOfBirth":"1988-11-30","phoneNumber":"+441315550142","firstNameInKana":null,"lastNameInKana":null,"avatar":"","occupation":"","occupations":null,"primaryAddress":null}}`
	got.want(t, 200, mira)
	got = w.json("POST", "/v1/profiles", p.bearer, v1Kade)
	business := idOf(t, got.body)
	kade := `{"id":` + business + `,"type":"business","details":{"name":"Kade Joinery Ltd","registrationNumber":"SC700123","acn":null,"abn":null,"arbn":null,"companyType":"LIMITED","companyRole":"OWNER","descriptionOfBusiness":"Oak stairs","webpage":"https://kade.example","businessCategory":"REAL_ESTATE_CONSTRUCTION","businessSubCategory":"CONSTRUCTION","primaryAddress":null}}`
	got.want(t, 200, kade)
	address := idOf(t, w.json("POST", "/v1/addresses", p.bearer, addressBody(id, `"details":{"country":"US","firstLine":"1 Mesa Rd","postCode":"87571","city":"Taos","state":"NM","occupations":[{"code":"Joiner","format":"FREE_FORM"}]}`)).body)
	mira = strings.NewReplacer(`"primaryAddress":null`, `"primaryAddress":`+address, `"occupation":"","occupations":null`, `"occupation":"Joiner","occupations":[{"code":"Joiner","format":"FREE_FORM"}]`).Replace(mira)
	w.json("GET", "/v1/profiles/", p.bearer, "").want(t, 200, "["+mira+","+kade+"]")
	w.json("GET", "/v1/profiles/"+id, p.bearer, "").want(t, 200, mira)
	w.json("GET", "/v1/profiles/"+business+"/", p.bearer, "").want(t, 200, kade)
	// The id of an update is in the body.
	w.json("PUT", "/v1/profiles/", p.bearer, `{"id":`+id+`,"type":"personal","details":{"firstName":"Moira","preferredName":"Mo","firstNameInKana":"モイラ","phoneNumber":""}}`).want(t, 200,
		strings.NewReplacer(`"firstName":"Mira"`, `"firstName":"Moira"`, `"preferredName":null`, `"preferredName":"Mo"`, `"firstNameInKana":null`, `"firstNameInKana":"モイラ"`, `"+441315550142"`, `null`).Replace(mira))
	w.json("PUT", "/v1/profiles", p.bearer, `{"id":`+business+`,"type":"business","details":{"companyRole":"DIRECTOR"}}`).want(t, 200, strings.Replace(kade, "OWNER", "DIRECTOR", 1))
	// The newer versions know the same profiles.
	if got := w.json("GET", "/v2/profiles/"+id, p.bearer, ""); !strings.Contains(got.body, `"firstName":"Moira"`) {
		t.Errorf("%s", got.body)
	}
	w.json("POST", "/v1/profiles", p.bearer, v1Mira).want(t, 409, fieldsOf(`{"code":"NOT_UNIQUE","message":"There is a personal profile already","arguments":[]}`))
	w.json("POST", "/v1/profiles", p.bearer, v1Kade).want(t, 409, fieldsOf(`{"code":"NOT_UNIQUE","message":"There is a profile of this business already","arguments":[]}`))
}

// Contract 8.9: the errors of the first version, all at once.
func TestProfileErrorsV1(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, other := w.open(acme, "mira.kade@example.org"), w.open(globex, "jonas.kade@example.org")
	whole := func(message string) string {
		return `{"code":"BAD_REQUEST","message":"` + message + `","arguments":[]}`
	}
	phone := func(code, words, arguments string) string {
		return `{"code":"` + code + `","message":"phoneNumber` + words + `","path":"phoneNumber","arguments":["phoneNumber",` + arguments + `]}`
	}
	long := strings.Repeat("x", 31)
	const typeless, empty = "The type is neither personal nor business", "There are no details"
	for _, x := range []struct {
		name, body string
		status     int
		want       string
	}{
		{"nothing", ``, 400, whole(typeless)},
		{"an unknown type", `{"type":"PERSONAL","details":{}}`, 400, whole(typeless)},
		{"no details", `{"type":"personal"}`, 400, whole(empty)},
		{"details of null", `{"type":"business","details":null}`, 400, whole(empty)},
		{"an array of details", `{"type":"personal","details":[]}`, 400, `{"code":"BAD_REQUEST","message":"The field has another type","path":"details","arguments":[]}`},
		{"no names", `{"type":"personal","details":{}}`, 422, old("MISSING", "firstName", " is missing") + "," + old("MISSING", "lastName", " is missing")},
		{"each badly", `{"type":"personal","details":{"firstName":"` + long + `","lastName":" ","preferredName":"` + long + `","dateOfBirth":"30/11/1988","phoneNumber":"+123","lastNameInKana":"` + long + `"}}`, 422,
			old("TOO_LARGE", "firstName", " is too long") + "," + old("MISSING", "lastName", " is missing") + "," + old("TOO_LARGE", "preferredName", " is too long") + "," +
				old("ERROR", "dateOfBirth", " is not valid") + "," + phone("TOO_SMALL", " is too short", `"+123","5","25"`) + "," + old("TOO_LARGE", "lastNameInKana", " is too long")},
		{"a long number", strings.Replace(v1Mira, "+441315550142", "+44131555014244131555014244", 1), 422, phone("TOO_LARGE", " is too long", `"+44131555014244131555014244","5","25"`)},
		{"no number", strings.Replace(v1Mira, "+441315550142", "0131 555", 1), 422, phone("UNEXPECTED", " is not a phone number", `"0131 555"`)},
		{"a business of nothing", `{"type":"business","details":{}}`, 422, old("MISSING", "name", " is missing") + "," + old("MISSING", "registrationNumber", " is missing") + "," + old("MISSING", "companyType", " is missing")},
		{"a business, each badly", `{"type":"business","details":{"name":"!","registrationNumber":"","companyType":"LTD","companyRole":"BOSS","webpage":"ftp://x.example","businessCategory":"OTHER","businessSubCategory":"ALCOHOL"}}`, 422,
			old("ERROR", "name", " is not valid") + "," + old("MISSING", "registrationNumber", " is missing") + "," + old("ERROR", "companyType", " is not valid") + "," + old("ERROR", "companyRole", " is not valid") + "," +
				old("ERROR", "webpage", " is not valid") + "," + old("ERROR", "businessSubCategory", " is not valid")},
	} {
		t.Run(x.name, func(t *testing.T) {
			w.json("POST", "/v1/profiles", p.bearer, x.body).want(t, x.status, fieldsOf(x.want))
		})
	}
	w.json("GET", "/v1/profiles", p.bearer, "").want(t, 200, `[]`)
	id, foreign := decimal(w.profile(p)), decimal(w.profile(other))
	w.json("PUT", "/v1/profiles", p.bearer, v1Mira).want(t, 400, fieldsOf(whole("There is no id")))
	for _, id := range []string{foreign, "1"} {
		w.json("PUT", "/v1/profiles", p.bearer, `{"id":`+id+`,`+v1Mira[1:]).want(t, 403, forbidden)
		w.json("GET", "/v1/profiles/"+id, p.bearer, "").want(t, 403, forbidden)
	}
	w.json("PUT", "/v1/profiles", p.bearer, `{"id":`+id+`,`+v1Kade[1:]).want(t, 403, forbidden) // a person is no business
	w.json("PUT", "/v1/profiles", p.bearer, `{"id":`+id+`,"type":"personal","details":{"firstName":""}}`).want(t, 422, fieldsOf(old("MISSING", "firstName", " is missing")))
}
