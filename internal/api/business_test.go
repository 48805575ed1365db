package api

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/partner"
)

// The documented business in its three forms: what they share, categories, industries, and the representative.
const (
	kadeShared     = `"businessName":"Kade Joinery Ltd","businessFreeFormDescription":"Bespoke oak stairs","registrationNumber":"SC700123","companyType":"LIMITED","companyRole":"DIRECTOR","address":{"addressFirstLine":"1 Dock Street","city":"Leith","countryIso3Code":"gbr","postCode":"EH6 7AB","stateCode":null},"externalCustomerId":"biz-0042","actorEmail":"mira.kade@example.org","webpage":"https://kade.example","operationalAddresses":[{"addressFirstLine":"2 Dock Street","city":"Leith","countryIso3Code":"gbr","postCode":"EH6 7AC"}]`
	kadeCategories = `"firstLevelCategory":"REAL_ESTATE_CONSTRUCTION","secondLevelCategory":"CONSTRUCTION"`
	kadeIndustries = `"industryCategories":["SOFTWARE_DEVELOPMENT_PUBLISHING","IT_CONSULTANCY_TECHNICAL_SUPPORT_SERVICES"]`
	jonas          = `"firstName":"Jonas","lastName":"Kade","address":{"addressFirstLine":"9 Shore","city":"Leith","countryIso3Code":"gbr","postCode":"EH6 6QW"},"contactDetails":{"email":"jonas.kade@example.org","phoneNumber":"+441315550143"},"dateOfBirth":"1961-05-04"`
	kadeV2         = `{` + kadeShared + `,` + kadeCategories + `}`
	kadeV3         = `{` + kadeShared + `,` + kadeCategories + `,"businessRepresentative":{` + jonas + `}}`
	kadeV5         = `{` + kadeShared + `,` + kadeIndustries + `,"businessRepresentative":{` + jonas + `}}`
)

const (
	v2Business = "/v2/profiles/business-profile"
	v3Business = "/v3/profiles/business-profile"
	v5Business = "/v5/profiles/business-profile"
	q3Business = "/2026Q3/profiles/business-profile"
)

// business gives the account the documented business and returns its id.
func (w *world) business(p person) string {
	w.t.Helper()
	got := w.json("POST", q3Business, p.bearer, kadeV5)
	if got.status != 200 {
		w.t.Fatalf("no business: %d %s", got.status, got.body)
	}
	return idOf(w.t, got.body)
}

// shape is a business as answered, with what the server draws taken from the answer itself.
func shape(t *testing.T, p person, got reply, categories, contact string) string {
	t.Helper()
	var drawn struct {
		ID                   int64
		PublicID             string
		Address              struct{ ID int64 }
		OperationalAddresses []struct{ ID int64 }
	}
	if err := json.Unmarshal([]byte(got.body), &drawn); err != nil || len(drawn.OperationalAddresses) != 1 || len(drawn.PublicID) != 36 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	return `{"type":"BUSINESS","id":` + decimal(drawn.ID) + `,"publicId":"` + drawn.PublicID + `","userId":` + decimal(p.id) +
		`,"address":{"id":` + decimal(drawn.Address.ID) + `,"addressFirstLine":"1 Dock Street","city":"Leith","countryIso2Code":"GB","countryIso3Code":"gbr","postCode":"EH6 7AB","stateCode":null},"email":"` + p.email +
		`","createdAt":"2031-02-03T04:05:06","updatedAt":"2031-02-03T04:05:06","currentState":"VISIBLE","contactDetails":` + contact +
		`,"businessName":"Kade Joinery Ltd","registrationNumber":"SC700123","companyType":"LIMITED","companyRole":"DIRECTOR","businessFreeFormDescription":"Bespoke oak stairs","webpage":"https://kade.example",` + categories +
		`,"operationalAddresses":[{"id":` + decimal(drawn.OperationalAddresses[0].ID) + `,"addressFirstLine":"2 Dock Street","city":"Leith","countryIso2Code":"GB","countryIso3Code":"gbr","postCode":"EH6 7AC","stateCode":null}],"fullName":"Kade Joinery Ltd"}`
}

const (
	oldCategories = `"descriptionOfBusiness":"CONSTRUCTION","firstLevelCategory":"REAL_ESTATE_CONSTRUCTION","secondLevelCategory":"CONSTRUCTION"`
	noCategories  = `"descriptionOfBusiness":null,"firstLevelCategory":null,"secondLevelCategory":null`
	miraContact   = `{"email":"mira.kade@example.org","phoneNumber":"+441315550142"}`
	jonasContact  = `{"email":"jonas.kade@example.org","phoneNumber":"+441315550143"}`
)

// Contract 8.4 and 8.3: each version's request gives the documented object, and reads differ by family.
func TestCreateBusiness(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		path, body, answer, read, contact string
	}{
		{v2Business, kadeV2, oldCategories, oldCategories, miraContact},
		{v3Business, kadeV3, oldCategories, oldCategories, jonasContact},
		{v5Business, kadeV5, kadeIndustries, noCategories, jonasContact},
		{q3Business + "/", kadeV5, kadeIndustries, noCategories, jonasContact},
	} {
		t.Run(x.path, func(t *testing.T) {
			w := newWorld(t)
			p := w.open(acme, "mira.kade@example.org")
			if x.path == v2Business {
				w.profile(p)
			}
			got := w.json("POST", x.path, p.bearer, x.body)
			got.want(t, 200, shape(t, p, got, x.answer, x.contact))
			id := idOf(t, got.body)
			w.json("GET", "/v2/profiles/"+id, p.bearer, "").want(t, 200, shape(t, p, got, x.read, x.contact))
			industries := `"industryCategories":[]`
			if x.answer == kadeIndustries {
				industries = kadeIndustries
			}
			w.json("GET", "/2026Q3/profiles/"+id, p.bearer, "").want(t, 200, shape(t, p, got, x.read+","+industries, x.contact))
			if list := w.json("GET", "/2026Q3/profiles", p.bearer, ""); !strings.Contains(list.body, shape(t, p, got, x.read+","+industries, x.contact)) {
				t.Errorf("list %s", list.body)
			}
		})
	}
}

// A business without a personal profile is for the versions that name the representative (contract 8.4).
func TestBusinessNeedsPersonal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	const first = `{"errors":[{"code":"MISSING","message":"Create the personal profile first","arguments":[]}]}`
	w.json("POST", v2Business, p.bearer, kadeV2).want(t, 422, first)
	w.json("POST", "/v1/profiles", p.bearer, `{"type":"business","details":{"name":"Kade","registrationNumber":"1","companyType":"LIMITED"}}`).want(t, 422, first)
	w.json("GET", "/v2/profiles", p.bearer, "").want(t, 200, `[]`)
}

// Checklist 18 and contract 8.9: all that is wrong at once, arguments null.
func TestBusinessErrors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	required := []string{missing("businessName"), missing("registrationNumber"), missing("firstLevelCategory"), missing("address"), missing("companyType")}
	newest := append(append([]string{}, required[:2]...), missing("industryCategories"), missing("address"), missing("companyType"), missing("businessRepresentative"))
	change := func(body, old, new string) string {
		if !strings.Contains(body, old) {
			t.Fatalf("%s is not in the body", old)
		}
		return strings.Replace(body, old, new, 1)
	}
	const who = "businessRepresentative."
	for _, x := range []struct{ name, path, body, want string }{
		{"nothing, v2", v2Business, ``, fieldsOf(required...)},
		{"nulls, v2", v2Business, `{"businessName":null,"registrationNumber":null,"firstLevelCategory":null,"address":null,"companyType":null}`, fieldsOf(required...)},
		{"nothing, v3", v3Business, `{}`, fieldsOf(append(append([]string{}, required...), missing("businessRepresentative"))...)},
		{"nothing, v5", v5Business, `{}`, fieldsOf(newest...)},
		{"nothing, 2026Q3", q3Business, `{}`, fieldsOf(newest...)},
		{"each badly", v2Business, `{"businessName":"!?","registrationNumber":"` + strings.Repeat("1", 51) + `","firstLevelCategory":"JOINERY","address":{"countryIso3Code":"zzz"},"companyType":"LTD","companyRole":"BOSS","webpage":"javascript:alert(1)","actorEmail":"x","operationalAddresses":[{"city":"Leith"}]}`,
			fieldsOf(invalid("address.countryIso3Code"), invalid("businessName"), tooLong("registrationNumber"), invalid("firstLevelCategory"), missing("address.addressFirstLine"),
				missing("address.city"), invalid("companyType"), invalid("companyRole"), invalid("webpage"), invalid("operationalAddresses"), invalid("actorEmail"))},
		{"an empty name", v2Business, change(kadeV2, "Kade Joinery Ltd", " "), fieldsOf(problem("businessName", "size.too.short", " is too short"))},
		{"an empty number", v2Business, change(kadeV2, "SC700123", ""), fieldsOf(missing("registrationNumber"))},
		{"a second category of another first", v2Business, change(kadeV2, `"secondLevelCategory":"CONSTRUCTION"`, `"secondLevelCategory":"ALCOHOL"`), fieldsOf(invalid("secondLevelCategory"))},
		{"a company of another kind that says nothing", v2Business, `{"companyType":"OTHER"}`, fieldsOf(append(append([]string{}, required[:4]...), missing("businessFreeFormDescription"), missing("webpage"))...)},
		{"no industry", v5Business, change(kadeV5, kadeIndustries, `"industryCategories":[]`), fieldsOf(missing("industryCategories"))},
		{"an industry in lower case", v5Business, change(kadeV5, "SOFTWARE_DEVELOPMENT_PUBLISHING", "software"), fieldsOf(invalid("industryCategories"))},
		{"two industries in one", v5Business, change(kadeV5, "SOFTWARE_DEVELOPMENT_PUBLISHING", "AAA BBB"), fieldsOf(invalid("industryCategories"))},
		{"a page without a host", v2Business, change(kadeV2, "https://kade.example", "https:///x"), fieldsOf(invalid("webpage"))},
		{"a page with a password", v2Business, change(kadeV2, "https://kade.example", "https://a:b@kade.example"), fieldsOf(invalid("webpage"))},
		{"a post code of another country", v2Business, change(kadeV2, "EH6 7AB", "12345"), fieldsOf(invalid("address.postCode"))},
		{"an empty representative", v3Business, change(kadeV3, jonas, ""), fieldsOf(missing(who+"address"), missing(who+"contactDetails"), missing(who+"firstName"),
			missing(who+"lastName"), missing(who+"dateOfBirth"))},
		{"a representative without a state", v3Business, change(kadeV3, `"countryIso3Code":"gbr","postCode":"EH6 6QW"`, `"countryIso3Code":"usa","postCode":"87571"`), fieldsOf(missing(who + "address.stateCode"))},
		{"an id and a person", v3Business, change(kadeV3, jonas, jonas+`,"businessRepresentativeId":5`), fieldsOf(invalid(who + "businessRepresentativeId"))},
		{"an unknown representative", v3Business, change(kadeV3, jonas, `"businessRepresentativeId":5`), fieldsOf(invalid(who + "businessRepresentativeId"))},
		{"a number for a name", v2Business, change(kadeV2, `"Kade Joinery Ltd"`, `5`), fieldsOf(`{"code":"BAD_REQUEST","message":"The field has another type","path":"businessName","arguments":[]}`)},
		{"an array", v2Business, `[]`, fieldsOf(`{"code":"BAD_REQUEST","message":"The body is not a JSON object that can be read","arguments":[]}`)},
	} {
		t.Run(x.name, func(t *testing.T) { w.json("POST", x.path, p.bearer, x.body).want(t, 400, x.want) })
	}
	w.json("GET", "/v2/profiles", p.bearer, "").want(t, 200, `[]`)
	// What has no number needs none, and either form of the country will do.
	sole := strings.NewReplacer(`"registrationNumber":"SC700123",`, ``, `"LIMITED"`, `"SOLE_PROPRIETORSHIP"`, `"countryIso3Code":"gbr","postCode":"EH6 7AB"`, `"countryIso2Code":"gb","postCode":"EH6 7AB"`).Replace(kadeV5)
	if got := w.json("POST", q3Business, p.bearer, sole); got.status != 200 || !strings.Contains(got.body, `"registrationNumber":null,"companyType":"SOLE_PROPRIETORSHIP"`) {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// OC-20: a business is one by number and country, or by name; a key repeats the first answer, and only its own version's.
func TestCreateBusinessTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	create := func(path, key, body string) reply {
		return w.ask("POST", path, body, "Authorization", p.bearer, "Content-Type", "application/json", "X-idempotence-uuid", key)
	}
	const exists = `{"errors":[{"code":"NOT_UNIQUE","message":"There is a profile of this business already","arguments":[]}]}`
	const differs = `{"errors":[{"code":"NOT_UNIQUE","message":"The idempotency key was used with another request","arguments":[]}]}`
	first := create(v5Business, "K", kadeV5)
	if first.status != 200 {
		t.Fatalf("%d %s", first.status, first.body)
	}
	create(q3Business, "k", kadeV5).want(t, 200, first.body)
	create(v5Business, "k", strings.Replace(kadeV5, "Ltd", "Limited", 1)).want(t, 409, differs)
	create(v5Business, "other", kadeV5).want(t, 409, exists)
	create(v3Business, "k", kadeV3).want(t, 409, exists)
	create(v5Business, "", strings.Replace(kadeV5, "SC700123", "sc700123", 1)).want(t, 409, exists)
	elsewhere := strings.NewReplacer(`"countryIso3Code":"gbr","postCode":"EH6 7AB"`, `"countryIso3Code":"irl","postCode":"D02 X285"`).Replace(kadeV5)
	if got := create(v5Business, "", elsewhere); got.status != 200 {
		t.Errorf("the number in another country: %d %s", got.status, got.body)
	}
	if got := w.json("GET", "/v2/profiles", p.bearer, ""); strings.Count(got.body, `"BUSINESS"`) != 2 {
		t.Errorf("list %s", got.body)
	}
	p = w.open(acme, "jonas.kade@example.org")
	if got := create(v5Business, "k", kadeV5); got.status != 200 || got.body == first.body {
		t.Errorf("another account: %d %s", got.status, got.body)
	}
}

// Contract 8.5: what is named changes, in the family's own categories; the rest stays.
func TestUpdateBusiness(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	got := w.json("POST", v3Business, p.bearer, kadeV3)
	id := idOf(t, got.body)
	v2, q3, v3 := "/v2/profiles/"+id+"/business-profile", "/2026Q3/profiles/"+id+"/business-profile", "/v3/profiles/"+id+"/business-profile"
	want := w.json("PUT", v2, p.bearer, `{}`)
	for _, x := range []struct{ body, old, new string }{
		{`{"businessName":"Kade & Co"}`, `Kade Joinery Ltd`, `Kade & Co`},
		{`{"id":` + id + `,"companyRole":"","registrationNumber":null}`, `"companyRole":"DIRECTOR"`, `"companyRole":null`},
		{`{"address":{"city":"Edinburgh"}}`, `"addressFirstLine":"1 Dock Street","city":"Leith"`, `"addressFirstLine":"1 Dock Street","city":"Edinburgh"`},
		{`{"secondLevelCategory":"ARCHITECTURE"}`, `CONSTRUCTION","firstLevelCategory":"REAL_ESTATE_CONSTRUCTION","secondLevelCategory":"CONSTRUCTION"`, `ARCHITECTURE","firstLevelCategory":"REAL_ESTATE_CONSTRUCTION","secondLevelCategory":"ARCHITECTURE"`},
		{`{"firstLevelCategory":"OTHER"}`, `"ARCHITECTURE","firstLevelCategory":"REAL_ESTATE_CONSTRUCTION","secondLevelCategory":"ARCHITECTURE"`, `"OTHER","firstLevelCategory":"OTHER","secondLevelCategory":null`},
	} {
		want.body = strings.ReplaceAll(want.body, x.old, x.new)
		w.json("PUT", v2, p.bearer, x.body).want(t, 200, want.body)
	}
	w.json("PUT", v2, p.bearer, `{"secondLevelCategory":"ALCOHOL"}`).want(t, 400, fieldsOf(invalid("secondLevelCategory")))
	w.json("PUT", v2, p.bearer, `{"businessName":"","companyType":"","id":5,"address":{"city":""}}`).want(t, 400,
		fieldsOf(problem("businessName", "size.too.short", " is too short"), missing("address.city"), missing("companyType"), invalid("id")))
	newest := strings.Replace(want.body, `"descriptionOfBusiness":"OTHER","firstLevelCategory":"OTHER","secondLevelCategory":null`, kadeIndustries, 1)
	w.json("PUT", q3, p.bearer, `{`+kadeIndustries+`}`).want(t, 200, newest)
	w.json("PUT", v3, p.bearer, `{}`).want(t, 200, newest)
	w.json("PUT", v2, p.bearer, `{"operationalAddresses":[]}`)
	if got := w.json("GET", "/v2/profiles/"+id, p.bearer, ""); !strings.Contains(got.body, `"operationalAddresses":[]`) {
		t.Errorf("%s", got.body)
	}
}

// Contract 8.6: the representative is read, corrected for all that share it, and replaced whole.
func TestRepresentative(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	id := w.business(p)
	path := func(id string) string { return "/v3/profiles/" + id + "/business-profile/business-representative" }
	got := w.json("GET", path(id), p.bearer, "")
	var read struct{ BusinessRepresentativeID int64 }
	must(t, json.Unmarshal([]byte(got.body), &read))
	want := `{"businessRepresentativeId":` + decimal(read.BusinessRepresentativeID) + `,"firstName":"Jonas","lastName":"Kade","preferredName":null,"address":{"addressFirstLine":"9 Shore","city":"Leith","countryIso3Code":"gbr","postCode":"EH6 6QW","stateCode":null},"contactDetails":{"email":"jonas.kade@example.org","phoneNumber":"+441315550143"},"dateOfBirth":"1961-05-04"}`
	got.want(t, 200, want)
	w.json("GET", "/2026Q3"+path(id)[3:], p.bearer, "").want(t, 200, want)

	// A second business shares it, and a change is one for both.
	shared := strings.NewReplacer("SC700123", "SC700124", jonas, `"businessRepresentativeId":`+decimal(read.BusinessRepresentativeID)).Replace(kadeV5)
	second := idOf(t, w.json("POST", v5Business, p.bearer, shared).body)
	want = strings.Replace(want, `"preferredName":null`, `"preferredName":"Jo"`, 1)
	w.json("PUT", path(second), p.bearer, `{"updateContext":"UPDATE_DETAILS","preferredName":"Jo","actorEmail":"mira.kade@example.org"}`).want(t, 200, want)
	w.json("GET", path(id), p.bearer, "").want(t, 200, want)

	// A transfer leaves nothing of the one before.
	w.json("PUT", path(id), p.bearer, `{"updateContext":"TRANSFER_OF_AUTHORISATION","firstName":"Ada"}`).want(t, 400,
		fieldsOf(missing("address"), missing("contactDetails"), missing("lastName"), missing("dateOfBirth")))
	ada := strings.NewReplacer("Jonas", "Ada", `"preferredName":"Jo"`, `"preferredName":null`)
	w.json("PUT", path(id), p.bearer, `{"updateContext":"TRANSFER_OF_AUTHORISATION",`+strings.Replace(jonas, "Jonas", "Ada", 1)+`}`).want(t, 200, ada.Replace(want))
	w.json("PUT", path(id), p.bearer, `{"updateContext":"DELETE","actorEmail":"x"}`).want(t, 400, fieldsOf(invalid("updateContext"), invalid("actorEmail")))
	w.json("PUT", path(id), p.bearer, `{}`).want(t, 400, fieldsOf(missing("updateContext")))

	// Another account's representative is as unknown as none.
	stranger := w.open(acme, "stranger@example.org")
	w.json("POST", v5Business, stranger.bearer, shared).want(t, 400, fieldsOf(invalid("businessRepresentative.businessRepresentativeId")))
}

// A business of the second version is represented by the account's own customer, whose personal profile says who that is.
func TestRepresentativeIsTheCustomer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	personal := decimal(w.profile(p))
	id := idOf(t, w.json("POST", v2Business, p.bearer, kadeV2).body)
	other := idOf(t, w.json("POST", v2Business, p.bearer, strings.Replace(kadeV2, "SC700123", "SC700124", 1)).body)
	path := func(id string) string { return "/v3/profiles/" + id + "/business-profile/business-representative" }
	w.json("PUT", "/v2/profiles/"+personal+"/personal-profile", p.bearer, `{"firstName":"Moira"}`)
	want := w.json("GET", path(id), p.bearer, "")
	if !strings.Contains(want.body, `"firstName":"Moira"`) {
		t.Errorf("%s", want.body)
	}
	w.json("GET", path(other), p.bearer, "").want(t, 200, want.body)
	w.json("PUT", path(id), p.bearer, `{"updateContext":"UPDATE_DETAILS","lastName":"Kade-Roy"}`).want(t, 200, strings.Replace(want.body, `"lastName":"Kade"`, `"lastName":"Kade-Roy"`, 1))
	if got := w.json("GET", "/v2/profiles/"+personal, p.bearer, ""); !strings.Contains(got.body, `"lastName":"Kade-Roy"`) {
		t.Errorf("personal %s", got.body)
	}
	// After a transfer it is somebody else, and the customer stays who they are.
	w.json("PUT", path(id), p.bearer, `{"updateContext":"TRANSFER_OF_AUTHORISATION",`+jonas+`}`)
	if got := w.json("GET", path(other), p.bearer, ""); !strings.Contains(got.body, `"firstName":"Jonas"`) {
		t.Errorf("shared %s", got.body)
	}
	if got := w.json("GET", "/v2/profiles/"+personal, p.bearer, ""); !strings.Contains(got.body, `"firstName":"Moira"`) {
		t.Errorf("personal %s", got.body)
	}
}

// Design 10.11, 10.13, OC-35: after the claim the token reaches the granted profile alone, and makes no further ones.
func TestBusinessAfterTheClaim(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	w.profile(p)
	id := w.business(p)
	severed := p.bearer
	p.token = w.tokenOf(w.exchange(acme, w.allowed(w.claimed(p, "", nil), partner.ScopeProfilesWrite, partner.ScopeProfilesRead)))
	p.bearer = "Bearer " + p.token.Access
	w.json("POST", q3Business, p.bearer, strings.Replace(kadeV5, "SC700123", "SC9", 1)).want(t, 403, forbidden)
	w.json("PUT", "/v2/profiles/"+id+"/business-profile", p.bearer, `{"businessName":"Thief Ltd"}`).want(t, 403, forbidden)
	w.json("GET", "/v2/profiles/"+id, p.bearer, "").want(t, 403, forbidden)
	if got := w.json("GET", "/v2/profiles", p.bearer, ""); strings.Contains(got.body, "BUSINESS") || !strings.Contains(got.body, "PERSONAL") {
		t.Errorf("list %s", got.body)
	}
	w.json("POST", q3Business, severed, kadeV5).want(t, 401, invalidToken)
	w.json("PUT", "/v2/profiles/"+id+"/business-profile", severed, `{}`).want(t, 401, invalidToken)
}
