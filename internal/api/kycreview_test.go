package api

import (
	"bytes"
	"encoding/json"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/partner"
)

const trigger = `{"type":"QUOTE","triggerData":{"id":"3d6a4f0e-8b34-4c6d-9c4f-4a1a0a9b2c7d"}}`

// noReview is the answer about a review that an own profile does not have.
const noReview = `{"errors":[{"code":"NOT_FOUND","message":"There is no such review","arguments":[]}]}`

// newReview makes a review and returns its id.
func (w *world) newReview(p person, profile int64) string {
	w.t.Helper()
	got := w.json("POST", "/v1/profiles/"+decimal(profile)+"/kyc-reviews", p.bearer, trigger)
	var r struct{ ID string }
	if got.status != 202 || json.Unmarshal([]byte(got.body), &r) != nil || r.ID == "" {
		w.t.Fatalf("no review: %d %s", got.status, got.body)
	}
	return r.ID
}

// reviewBody is a review as it is written, without link.
func reviewBody(id, status, updated, link, redirect string, requirements ...string) string {
	groups := []string{}
	for _, q := range requirements {
		key, state, _ := strings.Cut(q, " ")
		attributes := ""
		if link == "" && key == "ID_DOCUMENT" { // a calendar label
			attributes = `,"attributes":{"documentType":"ID_PROOF","maxFiles":5,"maxFileSize":10485760}`
		}
		groups = append(groups, `[{"key":"`+key+`","state":"`+state+`","apiCollectionSupported":true,"versions":[{"version":"V1","validUntil":null}]`+attributes+`}]`)
	}
	return `{"id":"` + id + `","status":"` + status + `",` + link + `"createdAt":"2031-02-03T04:05:06.789000","updatedAt":"` + updated +
		`","requiredBy":null,"triggerReferences":[{"type":"QUOTE","triggerData":{"id":"3d6a4f0e-8b34-4c6d-9c4f-4a1a0a9b2c7d"}}],"redirectUrl":` + redirect +
		`,"requirements":[` + strings.Join(groups, ",") + `]}`
}

const atNoon = "2031-02-03T04:05:06.789000"

var personals = []string{"ACCOUNT_PURPOSE NOT_PROVIDED", "USE_CASE_COUNTRIES NOT_PROVIDED", "ANNUAL_VOLUME NOT_PROVIDED", "INCOME NOT_PROVIDED", "ID_DOCUMENT NOT_PROVIDED"}

// Contract 11.5: made, listed and read in both families.
func TestKYCReview(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	id := decimal(w.profile(p))
	for _, x := range []struct{ create, read, link string }{
		{"/v1", "/v1", `"link":null,`}, {"/v1", "/v2", `"link":null,`}, {"/2026Q3", "/2026Q3", ""},
	} {
		base := x.create + "/profiles/" + id + "/kyc-reviews"
		got := w.json("POST", base, p.bearer, trigger)
		review := uuids.FindString(strings.Replace(got.body, "3d6a4f0e", "", 1))
		want := reviewBody(review, "WAITING_CUSTOMER_INPUT", atNoon, x.link, "null", personals...)
		got.want(t, 202, want)
		w.json("GET", x.read+"/profiles/"+id+"/kyc-reviews/"+review, p.bearer, "").want(t, 200, want)
		w.json("GET", x.read+"/profiles/"+id+"/kyc-reviews/"+strings.ToUpper(review)+"/", p.bearer, "").want(t, 200, want)
		w.json("GET", base+"?pageSize=1&pageNumber=1", p.bearer, "").want(t, 200, strings.ReplaceAll(`[X]`, "X", w.firstReview(p, id, x.link)))
	}
	if got := w.json("GET", "/v1/profiles/"+id+"/kyc-reviews", p.bearer, ""); strings.Count(got.body, `"status"`) != 3 {
		t.Errorf("all: %s", got.body)
	}
	w.json("GET", "/2026Q3/profiles/"+id+"/kyc-reviews?pageNumber=2&pageSize=3", p.bearer, "").want(t, 200, `[]`)
	w.json("GET", "/2026Q3/profiles/"+id+"/kyc-reviews?pageNumber=0&pageSize=101", p.bearer, "").want(t, 400,
		`{"errors":[{"code":"BAD_REQUEST","message":"The number is not between 1 and 2147483647","path":"pageNumber","arguments":[]},{"code":"BAD_REQUEST","message":"The number is not between 1 and 100","path":"pageSize","arguments":[]}]}`)
	w.json("GET", "/2026Q3/profiles/"+id+"/kyc-reviews?pageNumber=2147483647", p.bearer, "").want(t, 200, `[]`)
}

// firstReview is the oldest review in the form of a family.
func (w *world) firstReview(p person, id, link string) string {
	w.t.Helper()
	got := w.json("GET", "/2026Q3/profiles/"+id+"/kyc-reviews", p.bearer, "")
	var list []struct{ ID string }
	must(w.t, json.Unmarshal([]byte(got.body), &list))
	return reviewBody(list[0].ID, "WAITING_CUSTOMER_INPUT", atNoon, link, "null", personals...)
}

// What a review is asked for is checked, all at once; foreign and unknown are alike.
func TestKYCReviewErrors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	own, other := w.profile(p), w.open(acme, "other@example.org")
	foreign := w.profile(other)
	review, others := w.newReview(p, own), w.newReview(other, foreign)
	base := "/v1/profiles/" + decimal(own) + "/kyc-reviews"
	const types = "The type is not one of QUOTE PROACTIVE_SEND_MONEY CARD"
	for body, want := range map[string]string{
		`{}`:                              `{"code":"NotNull","message":"must not be null","path":"type","arguments":[]}`,
		`{"type":"LOAN"}`:                 `{"code":"BAD_REQUEST","message":"` + types + `","path":"type","arguments":[]}`,
		`{"type":"QUOTE"}`:                `{"code":"NotNull","message":"must not be null","path":"triggerData.id","arguments":[]}`,
		`{"type":"CARD","triggerData":7}`: `{"code":"BAD_REQUEST","message":"The field has another type","path":"triggerData","arguments":[]}`,
		`{"type":"quote","triggerData":{"id":"x"}}`: `{"code":"BAD_REQUEST","message":"` + types + `","path":"type","arguments":[]},{"code":"BAD_REQUEST","message":"The id is not a UUID","path":"triggerData.id","arguments":[]}`,
	} {
		w.json("POST", base, p.bearer, body).want(t, 400, `{"errors":[`+want+`]}`)
	}
	if got := w.json("POST", base, p.bearer, `{"type":"CARD"}`); got.status != 202 || !strings.Contains(got.body, `[{"type":"CARD","triggerData":{}}]`) {
		t.Errorf("%d %s", got.status, got.body)
	}
	for _, unknown := range []string{"7", decimal(foreign)} {
		base := "/v1/profiles/" + unknown + "/kyc-reviews"
		w.json("POST", base, p.bearer, trigger).want(t, 403, unknownBody)
		w.json("GET", base, p.bearer, "").want(t, 403, unknownBody)
		for _, review := range []string{review, others, "x"} {
			w.json("GET", base+"/"+review, p.bearer, "").want(t, 403, unknownBody)
			w.json("PATCH", base+"/"+review, p.bearer, `{"redirectUrl":"`+callee+`"}`).want(t, 403, unknownBody)
		}
	}
	for _, unknown := range []string{others, "3d6a4f0e-8b34-4c6d-9c4f-4a1a0a9b2c7d", "x"} {
		w.json("GET", base+"/"+unknown, p.bearer, "").want(t, 404, noReview)
		w.json("PATCH", base+"/"+unknown, p.bearer, `{"redirectUrl":"`+callee+`"}`).want(t, 404, noReview)
	}
	for _, path := range []string{base, base + "/" + review} {
		w.json("GET", path, w.app(acme), "").want(t, 403, unknownBody)
		if got := w.ask("GET", path, ""); got.status != 401 {
			t.Errorf("%s without a bearer: %d", path, got.status)
		}
	}
}

// A link is made for a registered address alone, and only while the review waits (contract 11.5, design 10.19).
func TestKYCLink(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	own := w.profile(p)
	review := w.newReview(p, own)
	path := "/v1/profiles/" + decimal(own) + "/kyc-reviews/" + review
	for _, address := range []string{"https://evil.example/", callee + "/", callee + "?x=y", "javascript:alert(1)", ""} {
		w.json("PATCH", path, p.bearer, `{"redirectUrl":"`+address+`"}`).want(t, 400,
			`{"errors":[{"code":"NOT_VALID","message":"The address is not one of your registered redirect addresses","path":"redirectUrl","arguments":[]}]}`)
	}
	w.json("PATCH", path, p.bearer, `{"redirectUrl":null}`).want(t, 400, `{"errors":[{"code":"NotNull","message":"must not be null","path":"redirectUrl","arguments":[]}]}`)
	w.advance(time.Second)
	got := w.json("PATCH", path, p.bearer, `{"redirectUrl":"`+callee+`"}`)
	link := linkIn(got.body)
	if len(link) != 43 {
		t.Fatalf("link in %s", got.body)
	}
	const later = "2031-02-03T04:05:07.789000"
	got.want(t, 200, reviewBody(review, "WAITING_CUSTOMER_INPUT", later, `"link":{"value":"https://id.example.org/check/`+link+`","expiresAt":"2031-02-03T04:10:07.789000"},`,
		`"`+callee+`"`, personals...))
	w.json("GET", path, p.bearer, "").want(t, 200, reviewBody(review, "WAITING_CUSTOMER_INPUT", later, `"link":null,`, `"`+callee+`"`, personals...))
	if again := w.json("PATCH", "/2026Q3"+strings.TrimPrefix(path, "/v1"), p.bearer, `{"redirectUrl":"`+callee+`"}`); again.status != 200 || linkIn(again.body) == link {
		t.Errorf("minted again: %d %s", again.status, again.body)
	}

	embed := "/2026Q3/profiles/" + decimal(own) + "/embedded-flows/link-requests/kyc-reviews"
	got = w.json("POST", embed, p.bearer, `{"redirectUrl":"`+callee+`","kycReviewId":"`+review+`"}`)
	got.want(t, 201, `{"url":"https://id.example.org/check/`+linkIn(got.body)+`","expiresAt":"2031-02-03T04:10:07.789000"}`)
	w.json("POST", embed, p.bearer, `{}`).want(t, 400,
		`{"errors":[{"code":"NotNull","message":"must not be null","path":"redirectUrl","arguments":[]},{"code":"NotNull","message":"must not be null","path":"kycReviewId","arguments":[]}]}`)
	w.json("POST", embed, p.bearer, `{"redirectUrl":"`+callee+`","kycReviewId":"x"}`).want(t, 404, noReview)
	w.json("POST", "/v1/profiles/"+decimal(own)+"/embedded-flows/link-requests/kyc-reviews", p.bearer, `{}`).want(t, 404, notFound)

	w.decide(own, true)
	if got := w.json("PATCH", path, p.bearer, `{"redirectUrl":"`+callee+`"}`); got.status != 200 || !strings.Contains(got.body, `"status":"PASSED","link":null`) {
		t.Errorf("of a review that passed: %d %s", got.status, got.body)
	}
	w.json("POST", embed, p.bearer, `{"redirectUrl":"`+callee+`","kycReviewId":"`+review+`"}`).want(t, 400,
		`{"errors":[{"code":"NOT_VALID","message":"The review waits for nothing","path":"kycReviewId","arguments":[]}]}`)
}

// linkIn is the text of the link in an answer.
func linkIn(body string) string {
	_, rest, _ := strings.Cut(body, "/check/")
	text, _, _ := strings.Cut(rest, `"`)
	return text
}

// submit sends a requirement with the JSON text and files, in pairs of field and content.
func (w *world) submit(p person, path, data string, files ...string) reply {
	w.t.Helper()
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	if data != "" {
		must(w.t, form.WriteField("submissionData", data))
	}
	for i := 0; i+1 < len(files); i += 2 {
		part, err := form.CreateFormFile(files[i], "scan.pdf")
		must(w.t, err)
		_, err = part.Write([]byte(files[i+1]))
		must(w.t, err)
	}
	must(w.t, form.Close())
	r, err := http.NewRequestWithContext(w.t.Context(), "POST", w.URL+path, &b)
	must(w.t, err)
	r.Header.Set("Authorization", p.bearer)
	r.Header.Set("Content-Type", form.FormDataContentType())
	return w.send(r)
}

// Contract 11.5: each requirement is submitted, the review goes on by itself, and the partner hears of it by version.
func TestKYCRequirements(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	older, newer := w.listen(acme, partner.EventKYCReview, "2.0.0"), w.listen(acme, partner.EventKYCReview, "5.0.0")
	p := w.open(acme, "mira.kade@example.org")
	own := w.profile(p)
	review := w.newReview(p, own)
	base := "/profiles/" + decimal(own) + "/kyc-requirements/"
	say := func(data string) string { return `{"data":` + data + `,"version":"V1","kycReviewId":"` + review + `"}` }
	for i, x := range []struct{ key, data string }{
		{"ACCOUNT_PURPOSE", `{"accountPurpose":"PAYING_BILLS"}`}, {"USE_CASE_COUNTRIES", `{"intendedCountries":["gbr","fra"]}`},
		{"ANNUAL_VOLUME", `{"yearlyAnticipatedVolume":"0_2350"}`}, {"INCOME", `{"mainSourceOfIncome":"SALARY","annualIncome":"0_11500"}`},
	} {
		family := []string{"/v2", "/2026Q3"}[i%2]
		w.submit(p, family+base+x.key, say(x.data)).want(t, 202, `{}`)
		if got := w.submit(p, family+base+x.key, say(x.data)); got.status != 400 || !strings.Contains(got.body, `"ref":"requirementKey"`) {
			t.Errorf("%s again: %d %s", x.key, got.status, got.body)
		}
	}
	w.submit(p, "/v2"+base+"ID_DOCUMENT", say(`{}`), "files[]", pdf).want(t, 202, `{}`)
	w.json("GET", "/v2/profiles/"+decimal(own)+"/kyc-reviews/"+review, p.bearer, "").want(t, 200, reviewBody(review, "PROCESSING", atNoon, `"link":null,`, "null",
		"ACCOUNT_PURPOSE IN_REVIEW", "USE_CASE_COUNTRIES IN_REVIEW", "ANNUAL_VOLUME IN_REVIEW", "INCOME IN_REVIEW", "ID_DOCUMENT IN_REVIEW"))
	w.json("GET", "/v3/profiles/"+decimal(own)+"/verification-status/required-evidences", p.bearer, "").want(t, 200, `{"required_evidences":[]}`)
	if files, err := w.door.Customers.Files(t.Context(), w.caller(p), customer.ProfileID(own)); err != nil || len(files) != 1 || files[0].Purpose != "ID_PROOF" {
		t.Errorf("files: %+v, %v", files, err)
	}
	w.decide(own, true)
	w.json("GET", "/v2/profiles/"+decimal(own)+"/kyc-reviews/"+review, p.bearer, "").want(t, 200, reviewBody(review, "PASSED", atNoon, `"link":null,`, "null"))
	w.json("GET", "/2026Q3/profiles/"+decimal(own)+"/kyc-reviews/"+review, p.bearer, "").want(t, 200, reviewBody(review, "PASSED", atNoon, "", "null",
		"ACCOUNT_PURPOSE VERIFIED", "USE_CASE_COUNTRIES VERIFIED", "ANNUAL_VOLUME VERIFIED", "INCOME VERIFIED", "ID_DOCUMENT VERIFIED"))
	w.json("GET", "/2026Q3/profiles/"+decimal(own)+"/kyc-reviews", p.bearer, "").want(t, 200, `[]`)
	states := func(events []partner.Event) string {
		var list []string
		for _, e := range events {
			list = append(list, e.State)
		}
		return strings.Join(list, " ")
	}
	if got := states(older()); got != "WAITING_CUSTOMER_INPUT PROCESSING PASSED" {
		t.Errorf("2.0.0 heard %s", got)
	}
	events := newer()
	if got := states(events); got != strings.Repeat("WAITING_CUSTOMER_INPUT ", 5)+"PROCESSING PASSED" {
		t.Errorf("5.0.0 heard %s", got)
	}
	want := `{"resource":{"id":"` + review + `","state":"WAITING_CUSTOMER_INPUT","profileId":` + decimal(own) + `,"requiredBy":null,"createdAt":"` + atNoon + `","updatedAt":"` + atNoon +
		`","triggerReferences":[{"type":"QUOTE","triggerData":{"id":"3d6a4f0e-8b34-4c6d-9c4f-4a1a0a9b2c7d"}}],"requirements":[[{"key":"ACCOUNT_PURPOSE","state":"IN_REVIEW"}],[{"key":"USE_CASE_COUNTRIES","state":"NOT_PROVIDED"}],[{"key":"ANNUAL_VOLUME","state":"NOT_PROVIDED"}],[{"key":"INCOME","state":"NOT_PROVIDED"}],[{"key":"ID_DOCUMENT","state":"NOT_PROVIDED"}]],` +
		`"prevState":"WAITING_CUSTOMER_INPUT","requirementChanges":[{"key":"ACCOUNT_PURPOSE","prevState":"NOT_PROVIDED","state":"IN_REVIEW"}]}}`
	if events[1].Data != want {
		t.Errorf("got  %s\nwant %s", events[1].Data, want)
	}
}

// What is given on another way counts too.
func TestKYCReviewSettlesByItself(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	own := w.profile(p)
	review := w.newReview(p, own)
	got := w.json("POST", "/v5/profiles/"+decimal(own)+"/additional-verification/upload-evidences", p.bearer, `{"accountPurpose":"PAYING_BILLS"}`)
	if got.status != 207 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	w.json("GET", "/v2/profiles/"+decimal(own)+"/kyc-reviews/"+review, p.bearer, "").want(t, 200, reviewBody(review, "WAITING_CUSTOMER_INPUT", atNoon, `"link":null,`, "null",
		append([]string{"ACCOUNT_PURPOSE IN_REVIEW"}, personals[1:]...)...))
	if got := w.json("POST", "/2026Q3/profiles/"+decimal(own)+"/kyc-reviews", p.bearer, trigger); strings.Contains(got.body, "ACCOUNT_PURPOSE") {
		t.Errorf("asked for what is there: %s", got.body)
	}
	w.decide(own, true)
	if got := w.json("POST", "/v1/profiles/"+decimal(own)+"/kyc-reviews", p.bearer, trigger); got.status != 202 || !strings.Contains(got.body, `"status":"PASSED","link":null`) {
		t.Errorf("of a verified profile: %d %s", got.status, got.body)
	}
}

// E4: every error of a submission, all failing fields at once.
func TestKYCRequirementErrors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	own := w.profile(p)
	review := w.newReview(p, own)
	base := "/v2/profiles/" + decimal(own) + "/kyc-requirements/"
	good := `"version":"V1","kycReviewId":"` + review + `"}`
	for _, x := range []struct {
		key, data string
		files     []string
		problems  string
	}{
		{"INCOME", ``, nil, `{"code":"parameter_missing","ref":"submissionData"}`},
		{"INCOME", `[`, nil, `{"code":"invalid_value","ref":"submissionData","detail":"It is not a JSON object that can be read"}`},
		{"INCOME", `{"version":7}`, nil, `{"code":"invalid_value","ref":"submissionData","detail":"It is not a JSON object that can be read"}`},
		{"INCOME", `{}`, nil, `{"code":"missing_value","ref":"kycReviewId"},{"code":"missing_value","ref":"version"},{"code":"missing_value","ref":"data"}`},
		{"INCOME", `{"data":[],"version":"V2","kycReviewId":"x"}`, nil,
			`{"code":"invalid_value","ref":"kycReviewId","detail":"It is not a UUID"},{"code":"invalid_value","ref":"version","detail":"It is not V1"},{"code":"invalid_value","ref":"data","detail":"It is not a JSON object"}`},
		{"INCOME", `{"data":{},` + good, nil, `{"code":"missing_value","ref":"data.mainSourceOfIncome"},{"code":"missing_value","ref":"data.annualIncome"}`},
		{"INCOME", `{"data":{"annualIncome":"much"},` + good, nil,
			`{"code":"invalid_value","ref":"data.annualIncome","detail":"annualIncome is not valid"},{"code":"missing_value","ref":"data.mainSourceOfIncome"}`},
		{"INCOME", `{"data":{"annualIncome":7},` + good, nil, `{"code":"invalid_value","ref":"data","detail":"A field has another type"}`},
		{"ACCOUNT_PURPOSE", `{"data":{"accountPurpose":"PAYING_BILLS"},` + good, []string{"files[]", pdf}, `{"code":"invalid_request","ref":"files","detail":"This requirement takes no files"}`},
		{"ID_DOCUMENT", `{"data":{},` + good, nil, `{"code":"parameter_missing","ref":"files"}`},
		{"ID_DOCUMENT", `{` + good, []string{"files", "MZ not a picture"}, `{"code":"invalid_value","ref":"files","detail":"One is neither a JPEG nor a PNG nor a PDF"}`},
		{"ID_DOCUMENT", `{` + good, []string{"files", pdf, "files", pdf, "files", pdf, "files", pdf, "files", pdf, "files", pdf},
			`{"code":"invalid_value","ref":"files","detail":"There are too many of them"}`},
		{"TAX_RESIDENCY", `{"data":{},` + good, nil, `{"code":"invalid_request","ref":"requirementKey","detail":"This requirement is not collected by API"}`},
		{"SOURCE_OF_FUNDS", `{"data":{"mainSourceOfFunding":"GRANTS"},` + good, nil, `{"code":"invalid_request","ref":"requirementKey","detail":"The review does not ask for this, or has it"}`},
	} {
		w.submit(p, base+x.key, x.data, x.files...).want(t, 400, `{"type":"/errors/types/validation","title":"Validation Error","status":400,"instance":"`+base+x.key+`","errors":[`+x.problems+`]}`)
	}
	w.ask("POST", base+"INCOME", "--x", "Authorization", p.bearer, "Content-Type", "multipart/form-data; boundary=x").want(t, 400,
		`{"type":"/errors/types/validation","title":"Validation Error","status":400,"instance":"`+base+`INCOME","errors":[{"code":"invalid_request","ref":"submissionData","detail":"The form cannot be read, or has a file in another field than files"}]}`)
	w.submit(p, base+"NO_SUCH_KEY", `{"data":{},`+good).want(t, 404, notFound)
	w.submit(p, base+"ANNUAL_VOLUME", `{"data":{"yearlyAnticipatedVolume":"0_2350"},"version":"V1","kycReviewId":"3d6a4f0e-8b34-4c6d-9c4f-4a1a0a9b2c7d"}`).want(t, 404, noReview)
	w.submit(p, "/v2/profiles/7/kyc-requirements/INCOME", "").want(t, 403, unknownBody)
	w.json("POST", base+"INCOME", p.bearer, `{}`).want(t, 415, `{"errors":[{"code":"UNSUPPORTED_MEDIA_TYPE","message":"Send JSON as application/json, files as multipart/form-data","arguments":[]}]}`)
	w.decide(own, true)
	w.submit(p, base+"ANNUAL_VOLUME", `{"data":{"yearlyAnticipatedVolume":"0_2350"},`+good).want(t, 400,
		`{"type":"/errors/types/validation","title":"Validation Error","status":400,"instance":"`+base+`ANNUAL_VOLUME","errors":[{"code":"invalid_request","ref":"kycReviewId","detail":"The review waits for nothing"}]}`)
}

// I2: reviews and their links end with the hand-over; another partner with a grant sees none of them.
func TestKYCReviewEndsWithTheHandOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	own := w.profile(p)
	review := w.newReview(p, own)
	path := "/v1/profiles/" + decimal(own) + "/kyc-reviews"
	link := linkIn(w.json("PATCH", path+"/"+review, p.bearer, `{"redirectUrl":"`+callee+`"}`).body)
	before := p.bearer
	p.token = w.tokenOf(w.exchange(acme, w.allowed(w.claimed(p, "", nil), partner.ScopeProfilesWrite)))
	p.bearer = "Bearer " + p.token.Access
	if got := w.json("GET", path+"/"+review, before, ""); got.status != 401 {
		t.Errorf("token of before: %d", got.status)
	}
	w.json("GET", path+"/"+review, p.bearer, "").want(t, 404, noReview)
	w.json("GET", path, p.bearer, "").want(t, 200, `[]`)
	if _, err := w.door.Customers.OpenLink(t.Context(), link); err != customer.ErrNoReview {
		t.Errorf("link of before: %v", err)
	}
	if got := w.json("POST", path, p.bearer, trigger); got.status != 202 {
		t.Errorf("a new one: %d %s", got.status, got.body)
	}
}

// Contract 14: a review is driven without a customer, and its errors have the shape E5.
func TestSimulatedKYCReview(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.simulating()
	p := w.open(acme, "mira.kade@example.org")
	own := w.profile(p)
	review := w.newReview(p, own)
	read := func() string {
		return w.json("GET", "/2026Q3/profiles/"+decimal(own)+"/kyc-reviews/"+review, p.bearer, "").body
	}
	failure := func(code, description string) string {
		return `{"code":"` + code + `","category":"CLIENT","description":"` + description + `","details":null}`
	}
	for i, family := range []string{"/v2", "/2026Q3"} {
		base := family + "/simulation/profiles/" + decimal(own) + "/kyc-reviews/" + review
		if i == 0 {
			w.json("GET", base+"/requirements", p.bearer, "").want(t, 200, `{"requirements":[{"key":"ACCOUNT_PURPOSE","state":"NOT_PROVIDED","description":null},{"key":"USE_CASE_COUNTRIES","state":"NOT_PROVIDED","description":null},{"key":"ANNUAL_VOLUME","state":"NOT_PROVIDED","description":null},{"key":"INCOME","state":"NOT_PROVIDED","description":null},{"key":"ID_DOCUMENT","state":"NOT_PROVIDED","description":null}]}`)
		}
		w.json("POST", base+"/verify", p.bearer, `{"requestedAction":"APPROVE"}`).want(t, 200, "")
		if got := read(); !strings.Contains(got, `"status":"PASSED"`) {
			t.Errorf("approved: %s", got)
		}
		w.json("GET", base+"/requirements", p.bearer, "").want(t, 200, `{"requirements":[]}`)
		w.json("POST", base+"/verify", p.bearer, `{}`).want(t, 400, failure("kyc_review.state_update_not_allowed", "The review cannot change like this now"))
		w.json("POST", base+"/requirements/add", p.bearer, `{"requirement":"SOURCE_OF_FUNDS"}`).want(t, 200, "")
		w.json("POST", base+"/requirements/add", p.bearer, `{"requirement":"SOURCE_OF_FUNDS"}`).want(t, 400, failure("kyc_review.state_update_not_allowed", "The review cannot change like this now"))
		w.json("POST", base+"/requirements/add", p.bearer, `{}`).want(t, 200, "")
		w.json("GET", base+"/requirements", p.bearer, "").want(t, 200, `{"requirements":[{"key":"SOURCE_OF_FUNDS","state":"NOT_PROVIDED","description":null},{"key":"BUSINESS_USE_CASE","state":"NOT_PROVIDED","description":null}]}`)
		w.json("POST", base+"/requirements/submit", p.bearer, `{"requirement":"SOURCE_OF_FUNDS"}`).want(t, 202, "")
		w.json("POST", base+"/requirements/submit", p.bearer, `{"requirement":"BUSINESS_USE_CASE"}`).want(t, 202, "")
		if got := read(); !strings.Contains(got, `"status":"PASSED_WITH_REQUIREMENTS"`) {
			t.Errorf("provided: %s", got)
		}
		w.json("POST", base+"/verify", p.bearer, `{"requestedAction":"REJECT","requirements":["SOURCE_OF_FUNDS"]}`).want(t, 200, "")
		if got := read(); !strings.Contains(got, `"status":"WAITING_CUSTOMER_INPUT"`) {
			t.Errorf("rejected: %s", got)
		}
		for _, x := range []struct{ verb, body, description string }{
			{"/verify", `{"requestedAction":"MAYBE"}`, "The action is neither APPROVE nor REJECT"}, {"/verify", `{"requirements":["NOBODY"]}`, "There is no such requirement"},
			{"/verify", `{"requirements":["TAX_RESIDENCY"]}`, "The review does not ask for this requirement"}, {"/verify", `{"requirements":7}`, "The body cannot be read"},
			{"/requirements/submit", `{}`, "Name one requirement"}, {"/requirements/add", `{"requirement":"x"}`, "There is no such requirement"},
		} {
			w.json("POST", base+x.verb, p.bearer, x.body).want(t, 400, failure("invalid-request", x.description))
		}
		w.json("POST", base+"/verify", p.bearer, ``).want(t, 200, "")
		missing := strings.Replace(base, review, "3d6a4f0e-8b34-4c6d-9c4f-4a1a0a9b2c7d", 1)
		w.json("GET", missing+"/requirements", p.bearer, "").want(t, 404, failure("kyc_review.not_found", "There is no such review"))
		w.json("POST", strings.Replace(base, review, "x", 1)+"/verify", p.bearer, "{}").want(t, 404, failure("kyc_review.not_found", "There is no such review"))
		w.json("POST", strings.Replace(base, decimal(own), "7", 1)+"/verify", p.bearer, "{}").want(t, 403, unknownBody)
		w.json("POST", base+"/verify", w.app(acme), "{}").want(t, 403, unknownBody)
		w.json("POST", base+"/requirements/add", p.bearer, `{"requirement":"INCOME"}`).want(t, 200, "")
	}
}
