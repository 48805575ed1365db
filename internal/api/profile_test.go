package api

import (
	"strings"
	"sync"
	"testing"
	"time"
)

// problem is one entry of OC-19.
func problem(path, kind, words string) string {
	return `{"code":"api.` + path + `.` + kind + `","message":"` + path + words + `","path":"` + path + `","arguments":null}`
}

func missing(path string) string { return problem(path, "missing", " is missing") }
func invalid(path string) string { return problem(path, "invalid", " is not valid") }
func tooLong(path string) string { return problem(path, "size.too.long", " is too long") }

// Contract 8.1: the documented request gives the documented answer.
func TestCreatePersonal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	got := w.json("POST", "/v2/profiles/personal-profile", p.bearer, mira)
	got.want(t, 200, `{"id":`+idOf(t, got.body)+`,"type":"PERSONAL","details":{"firstName":"Mira","lastName":"Kade","preferredName":"Mimi","firstNameInKana":null,"lastNameInKana":null,"address":{"addressFirstLine":"7 Harbour Row","city":"Leith","countryIso3Code":"gbr","postCode":"EH6 6AB","stateCode":null},"nationality":"gbr","dateOfBirth":"1988-11-30","externalCustomerId":"cust-0042","contactDetails":{"email":"mira.kade@example.org","phoneNumber":"+441315550142"},"occupations":[],"localizedInformation":[]}}`)

	other := w.open(acme, "jonas.kade@example.org")
	got = w.json("POST", "/2026Q3/profiles/personal-profile/", other.bearer, `{"firstName":" Jonas  K. ","lastName":"O'Kade <&> M\u00fcller","firstNameInKana":"ジョナス","lastNameInKana":"カデ","address":{"addressFirstLine":"1 Mesa Rd","city":"Taos","countryIso3Code":"us","postCode":"87571","stateCode":"NM"},"dateOfBirth":"1990-02-28","contactDetails":{"email":"jonas.kade@example.org","phoneNumber":"+1 (505) 555-0142"},"occupations":[{"code":"Joiner","format":"FREE_FORM"},{"code":"Diver"}]}`)
	got.want(t, 200, `{"id":`+idOf(t, got.body)+`,"type":"PERSONAL","details":{"firstName":"Jonas K.","lastName":"O'Kade <&> Müller","preferredName":null,"firstNameInKana":"ジョナス","lastNameInKana":"カデ","address":{"addressFirstLine":"1 Mesa Rd","city":"Taos","countryIso3Code":"usa","postCode":"87571","stateCode":"NM"},"nationality":null,"dateOfBirth":"1990-02-28","externalCustomerId":null,"contactDetails":{"email":"jonas.kade@example.org","phoneNumber":"+15055550142"},"occupations":[{"code":"Joiner","format":"FREE_FORM"},{"code":"Diver","format":"FREE_FORM"}],"localizedInformation":[]}}`)
}

// OC-19: every field at once, in the documented style.
func TestPersonalErrors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	change := func(old, new string) string { return strings.Replace(mira, old, new, 1) }
	long := strings.Repeat("\u00fc", 31)
	for _, x := range []struct{ name, body, want string }{
		{"nothing", ``, fieldsOf(missing("address"), missing("contactDetails"), missing("firstName"), missing("lastName"), missing("dateOfBirth"))},
		{"nulls", `{"firstName":null,"lastName":null,"address":null,"dateOfBirth":null,"contactDetails":null}`,
			fieldsOf(missing("address"), missing("contactDetails"), missing("firstName"), missing("lastName"), missing("dateOfBirth"))},
		{"empty objects", `{"address":{},"contactDetails":{}}`, fieldsOf(missing("address.countryIso3Code"), missing("firstName"), missing("lastName"),
			missing("address.addressFirstLine"), missing("address.city"), missing("dateOfBirth"), missing("contactDetails.email"), missing("contactDetails.phoneNumber"))},
		{"empty texts", `{"firstName":"","lastName":" ","address":{"addressFirstLine":"","city":"","countryIso3Code":""},"dateOfBirth":"","contactDetails":{"email":"","phoneNumber":""}}`,
			fieldsOf(missing("address.countryIso3Code"), missing("firstName"), missing("lastName"), missing("address.addressFirstLine"), missing("address.city"),
				missing("dateOfBirth"), missing("contactDetails.email"), missing("contactDetails.phoneNumber"))},
		{"long names", `{"firstName":"` + long + `","lastName":"` + long + `","preferredName":"` + long + `",` + mira[strings.Index(mira, `"address"`):],
			fieldsOf(tooLong("firstName"), tooLong("lastName"), tooLong("preferredName"))},
		{"a date that is none", change("1988-11-30", "1988-11-31"), fieldsOf(invalid("dateOfBirth"))},
		{"a date in another form", change("1988-11-30", "30/11/1988"), fieldsOf(invalid("dateOfBirth"))},
		{"tomorrow", change("1988-11-30", "2031-02-04"), fieldsOf(invalid("dateOfBirth"))},
		{"a country that is none", change("gbr", "zzz"), fieldsOf(invalid("address.countryIso3Code"))},
		{"a nationality that is none", change(`"nationality":"gbr"`, `"nationality":"British"`), fieldsOf(invalid("nationality"))},
		{"a post code of another country", change("EH6 6AB", "12345"), fieldsOf(invalid("address.postCode"))},
		{"an address that is none", change(`"email":"mira.kade@example.org"`, `"email":"mira"`), fieldsOf(invalid("contactDetails.email"))},
		{"a short phone number", change("+441315550142", "+123"), fieldsOf(invalid("contactDetails.phoneNumber"))},
		{"a national phone number", change("+441315550142", "0131 555 0142"), fieldsOf(invalid("contactDetails.phoneNumber"))},
		{"a control character", change("Leith", `Le\u0007ith`), fieldsOf(invalid("address.city"))},
		{"text that runs backwards", change("Leith", `\u202eLeith`), fieldsOf(invalid("address.city"))},
		{"half a character", change("Leith", `\ud800Leith`), fieldsOf(invalid("address.city"))},
		{"no state", change(`"countryIso3Code":"gbr","postCode":"EH6 6AB"`, `"countryIso3Code":"usa","postCode":"87571"`), fieldsOf(missing("address.stateCode"))},
		{"a long state", change(`"stateCode":null`, `"stateCode":"NEWMEX"`), fieldsOf(tooLong("address.stateCode"))},
		{"no occupation in Canada", change(`"countryIso3Code":"gbr","postCode":"EH6 6AB","stateCode":null`, `"countryIso3Code":"can","postCode":"K1A 0B1","stateCode":"ON"`),
			fieldsOf(missing("occupations"))},
		{"an occupation in another format", change(`"occupations":[]`, `"occupations":[{"code":"x","format":"ISCO"}]`), fieldsOf(invalid("occupations"))},
		{"an empty occupation", change(`"occupations":[]`, `"occupations":[{"code":"","format":"FREE_FORM"}]`), fieldsOf(invalid("occupations"))},
		{"many occupations", change(`"occupations":[]`, `"occupations":[{"code":"a"},{"code":"b"},{"code":"c"},{"code":"d"}]`), fieldsOf(tooLong("occupations"))},
		{"a long own key", change("cust-0042", strings.Repeat("k", 101)), fieldsOf(tooLong("externalCustomerId"))},
		{"a number for a name", change(`"Mira"`, `5`), fieldsOf(`{"code":"BAD_REQUEST","message":"The field has another type","path":"firstName","arguments":[]}`)},
		{"a text for an address", `{"address":"7 Harbour Row"}`, fieldsOf(`{"code":"BAD_REQUEST","message":"The field has another type","path":"address","arguments":[]}`)},
		{"a list for a city", `{"address":{"city":["Leith"]}}`, fieldsOf(`{"code":"BAD_REQUEST","message":"The field has another type","path":"address.city","arguments":[]}`)},
	} {
		t.Run(x.name, func(t *testing.T) {
			w.json("POST", "/v2/profiles/personal-profile", p.bearer, x.body).want(t, 400, x.want)
		})
	}
	w.json("GET", "/v2/profiles", p.bearer, "").want(t, 200, `[]`)
}

// Checklist 17 and OC-20: a second profile is 409; the same key with the same body is the first answer, for 24 hours.
func TestCreatePersonalTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const exists = `{"errors":[{"code":"NOT_UNIQUE","message":"There is a personal profile already","arguments":[]}]}`
	const differs = `{"errors":[{"code":"NOT_UNIQUE","message":"The idempotency key was used with another request","arguments":[]}]}`
	const key = "0D1C9F34-52A8-4C77-9F1E-6F3B8F6F2F90"
	p := w.open(acme, "mira.kade@example.org")
	create := func(path, key, body string) reply {
		return w.ask("POST", path, body, "Authorization", p.bearer, "Content-Type", "application/json", "X-idempotence-uuid", key)
	}
	const v2, q3 = "/v2/profiles/personal-profile", "/2026Q3/profiles/personal-profile"
	first := create(v2, key, mira)
	if first.status != 200 {
		t.Fatalf("%d %s", first.status, first.body)
	}
	create(v2, key, mira).want(t, 200, first.body)
	create(q3, strings.ToLower(key), mira).want(t, 200, first.body)
	create(v2, key, strings.Replace(mira, "Mira", "Moira", 1)).want(t, 409, differs)
	create(v2, "another", mira).want(t, 409, exists)
	w.json("POST", v2, p.bearer, mira).want(t, 409, exists)

	// The first answer stays the first, also after a change.
	id := idOf(t, first.body)
	if got := w.json("PUT", "/v2/profiles/"+id+"/personal-profile", p.bearer, `{"firstName":"Moira"}`); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	w.advance(12*time.Hour - time.Second)
	create(v2, key, mira).want(t, 200, first.body)
	p.bearer = "Bearer " + w.tokenOf(w.registration(p)).Access
	w.advance(12*time.Hour - time.Second)
	p.bearer = "Bearer " + w.tokenOf(w.registration(p)).Access
	create(v2, key, mira).want(t, 200, first.body)
	w.advance(2 * time.Second)
	create(v2, key, mira).want(t, 409, exists)
	for _, bad := range []string{strings.Repeat("a", 101), "a b", "\u00fc"} {
		if got := create(v2, bad, mira); got.status != 400 {
			t.Errorf("key %q: %d %s", bad, got.status, got.body)
		}
	}
	// A stored answer is the account's: the same key of another one creates.
	p = w.open(acme, "jonas.kade@example.org")
	if got := create(v2, key, mira); got.status != 200 || got.body == first.body {
		t.Errorf("another account: %d %s", got.status, got.body)
	}
	// I2: a stored answer does not outlive the hand-over.
	w.claimed(p, "", nil)
	create(v2, key, mira).want(t, 401, invalidToken)
}

// Many creations with one key at once: one profile, and one answer for all.
func TestManyCreationsAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	var mu sync.Mutex
	answers := map[string]int{}
	var wait sync.WaitGroup
	for range 32 {
		wait.Go(func() {
			got := w.ask("POST", "/v2/profiles/personal-profile", mira, "Authorization", p.bearer, "Content-Type", "application/json", "X-Idempotence-Uuid", "k")
			mu.Lock()
			defer mu.Unlock()
			answers[got.body]++
		})
	}
	wait.Wait()
	if len(answers) != 1 {
		t.Errorf("answers %v", answers)
	}
	if got := w.json("GET", "/v2/profiles", p.bearer, ""); strings.Count(got.body, `"type":"PERSONAL"`) != 1 {
		t.Errorf("profiles %s", got.body)
	}
}

// Contract 8.2: what is named changes, what is null or absent stays, an empty text empties what is optional.
func TestUpdatePersonal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	path := "/v2/profiles/" + decimal(w.profile(p)) + "/personal-profile"
	first := w.json("PUT", path, p.bearer, `{}`)
	for _, x := range []struct{ body, old, new string }{
		{`{"firstName":"Moira"}`, `"firstName":"Mira"`, `"firstName":"Moira"`},
		{`{"firstName":null,"address":null,"occupations":null}`, ``, ``},
		{`{"address":{"city":"Edinburgh","postCode":null}}`, `"city":"Leith"`, `"city":"Edinburgh"`},
		{`{"preferredName":""}`, `"preferredName":"Mimi"`, `"preferredName":null`},
		{`{"nationality":"DE"}`, `"nationality":"gbr"`, `"nationality":"deu"`},
		{`{"externalCustomerId":"cust-0043"}`, `cust-0042`, `cust-0043`},
		{`{"contactDetails":{"phoneNumber":"0044 131 555 0143"}}`, `+441315550142`, `+441315550143`},
		{`{"occupations":[{"code":"Joiner","format":"FREE_FORM"}]}`, `"occupations":[]`, `"occupations":[{"code":"Joiner","format":"FREE_FORM"}]`},
		{`{"occupations":[]}`, `"occupations":[{"code":"Joiner","format":"FREE_FORM"}]`, `"occupations":[]`},
	} {
		first.body = strings.Replace(first.body, x.old, x.new, 1)
		w.json("PUT", path, p.bearer, x.body).want(t, 200, first.body)
	}
	w.json("PUT", "/2026Q3"+path[3:]+"/", p.bearer, `{}`).want(t, 200, first.body)
	w.json("PUT", path, p.bearer, `{"firstName":"","dateOfBirth":"x","address":{"city":" "}}`).want(t, 400,
		fieldsOf(missing("firstName"), missing("address.city"), invalid("dateOfBirth")))
	w.json("PUT", path, p.bearer, `{}`).want(t, 200, first.body)
}

// Contract 8.3, OC-4 and OC-35: one's own profile in full; another's like one that does not exist.
func TestReadProfiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, other := w.open(acme, "mira.kade@example.org"), w.open(globex, "jonas.kade@example.org")
	for _, path := range []string{"/v2/profiles", "/2026Q3/profiles/"} {
		w.json("GET", path, p.bearer, "").want(t, 200, `[]`)
	}
	id, foreign := decimal(w.profile(p)), decimal(w.profile(other))
	got := w.json("GET", "/v2/profiles/"+id, p.bearer, "")
	field := func(name string) string {
		_, rest, _ := strings.Cut(got.body, `"`+name+`":`)
		value, _, _ := strings.Cut(rest, ",")
		return value
	}
	public, address := field("publicId"), strings.TrimPrefix(field("address"), `{"id":`)
	if len(public) != 38 {
		t.Errorf("publicId %s", public)
	}
	want := `{"type":"PERSONAL","id":` + id + `,"publicId":` + public + `,"userId":` + decimal(p.id) + `,"address":{"id":` + address + `,"addressFirstLine":"7 Harbour Row","city":"Leith","countryIso2Code":"GB","countryIso3Code":"gbr","postCode":"EH6 6AB","stateCode":null},"email":"mira.kade@example.org","createdAt":"2031-02-03T04:05:06","updatedAt":"2031-02-03T04:05:06","avatar":null,"currentState":"VISIBLE","contactDetails":{"email":"mira.kade@example.org","phoneNumber":"+441315550142"},"firstName":"Mira","lastName":"Kade","preferredName":"Mimi","dateOfBirth":"1988-11-30","phoneNumber":"+441315550142","secondaryAddresses":[],"fullName":"Mira Kade"}`
	got.want(t, 200, want)
	w.json("GET", "/2026Q3/profiles/"+id+"/", p.bearer, "").want(t, 200, want)
	for _, path := range []string{"/v2/profiles", "/v2/profiles/", "/2026Q3/profiles"} {
		w.json("GET", path, p.bearer, "").want(t, 200, "["+want+"]")
	}
	for _, id := range []string{foreign, "1"} {
		w.json("GET", "/v2/profiles/"+id, p.bearer, "").want(t, 403, forbidden)
		w.json("PUT", "/v2/profiles/"+id+"/personal-profile", p.bearer, `{"firstName":"Thief"}`).want(t, 403, forbidden)
	}
}
