package api

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/partner"
)

// A trialReview is a review that a sandbox drives.
type trialReview struct {
	*world
	person
	profile, review string
	heard           func() []partner.Event
}

func newTrialReview(t *testing.T) *trialReview {
	t.Helper()
	w := newWorld(t)
	w.simulating()
	r := &trialReview{world: w, heard: w.listen(acme, partner.EventKYCReview, "5.0.0"), person: w.open(acme, "mira.kade@example.org")}
	id := w.profile(r.person)
	r.profile, r.review = decimal(id), w.newReview(r.person, id)
	return r
}

// read is the review under a calendar label.
func (r *trialReview) read() (status, requiredBy string, groups [][]string) {
	r.world.t.Helper()
	var body struct {
		Status, RequiredBy string
		Requirements       [][]struct {
			Key, State             string
			AdditionalRequirements []struct{ Key, State string }
		}
	}
	got := r.json("GET", "/2026Q3/profiles/"+r.profile+"/kyc-reviews/"+r.review, r.bearer, "")
	must(r.world.t, json.Unmarshal([]byte(got.body), &body))
	for _, group := range body.Requirements {
		texts := []string{}
		for _, q := range group {
			text := q.Key + " " + q.State
			for _, more := range q.AdditionalRequirements {
				text += " + " + more.Key + " " + more.State
			}
			texts = append(texts, text)
		}
		groups = append(groups, texts)
	}
	return body.Status, body.RequiredBy, groups
}

func (r *trialReview) try(status int, what, body string) {
	r.world.t.Helper()
	if got := r.json("POST", "/v2/simulation/profiles/"+r.profile+"/kyc-reviews/"+r.review+"/"+what, r.bearer, body); got.status != status {
		r.world.t.Errorf("%s %s: %d %s", what, body, got.status, got.body)
	}
}

func (r *trialReview) want(status, requiredBy string, last ...string) {
	r.world.t.Helper()
	was, by, groups := r.read()
	if was != status || by != requiredBy {
		r.world.t.Errorf("review is %s by %q, want %s by %q", was, by, status, requiredBy)
	}
	if got := strings.Join(groups[len(groups)-1], " | "); len(last) > 0 && got != strings.Join(last, " | ") {
		r.world.t.Errorf("last group %s, want %s", got, strings.Join(last, " | "))
	}
}

// Contract 11.5: requirements are an AND of ORs, and one of a group is enough.
func TestKYCAlternatives(t *testing.T) {
	t.Parallel()
	r := newTrialReview(t)
	r.try(200, "verify", `{}`)
	r.want("PASSED", "")
	r.try(200, "requirements/add", `{"requirements":["SOURCE_OF_WEALTH","SOURCE_OF_FUNDS"]}`)
	const month = "2031-03-05T04:05:06.789000"
	r.want("PASSED_WITH_REQUIREMENTS", month, "SOURCE_OF_WEALTH NOT_PROVIDED", "SOURCE_OF_FUNDS NOT_PROVIDED")
	r.try(400, "requirements/add", `{"requirements":["SOURCE_OF_FUNDS","TAX_RESIDENCY"]}`) // each key once
	for _, family := range []string{"/v1", "/2026Q3"} {
		got := r.json("GET", family+"/profiles/"+r.profile+"/kyc-reviews/"+r.review, r.bearer, "")
		if strings.Count(got.body, `"key":"SOURCE_OF_WEALTH"`) != 1 || !strings.Contains(got.body, `},{"key":"SOURCE_OF_FUNDS"`) || strings.Contains(got.body, "group") {
			t.Errorf("%s: %s", family, got.body)
		}
	}
	// Submitted while the review has passed with requirements, which allows it.
	path := "/v2/profiles/" + r.profile + "/kyc-requirements/"
	r.submit(r.person, path+"SOURCE_OF_WEALTH", `{"data":{},"version":"V1","kycReviewId":"`+r.review+`"}`, "files", pdf).want(t, 202, `{}`)
	r.want("PASSED_WITH_REQUIREMENTS", month, "SOURCE_OF_WEALTH IN_REVIEW", "SOURCE_OF_FUNDS NOT_PROVIDED")
	if got := r.submit(r.person, path+"SOURCE_OF_FUNDS", `{"data":{"mainSourceOfFunding":"GRANTS"},"version":"V1","kycReviewId":"`+r.review+`"}`); got.status != 400 {
		t.Errorf("its alternative: %d %s", got.status, got.body)
	}
	r.try(200, "verify", `{"requirements":["SOURCE_OF_WEALTH"]}`)
	r.want("PASSED", "", "SOURCE_OF_WEALTH VERIFIED", "SOURCE_OF_FUNDS NOT_PROVIDED")
	if got := r.json("GET", "/v2/profiles/"+r.profile+"/kyc-reviews/"+r.review, r.bearer, ""); !strings.Contains(got.body, `"requirements":[]`) {
		t.Errorf("what is met is not asked for under the older paths: %s", got.body)
	}
	events := r.heard()
	found := false
	for _, e := range events {
		found = found || e.State == "PASSED_WITH_REQUIREMENTS" && strings.Contains(e.Data, `"requiredBy":"`+month+`"`) &&
			strings.Contains(e.Data, `[{"key":"SOURCE_OF_WEALTH","state":"NOT_PROVIDED"},{"key":"SOURCE_OF_FUNDS","state":"NOT_PROVIDED"}]`)
	}
	if !found {
		t.Errorf("events %+v", events)
	}
}

// A review that has passed with requirements waits once they are due, and can be left to a link then.
func TestKYCRequiredBy(t *testing.T) {
	t.Parallel()
	r := newTrialReview(t)
	r.try(200, "verify", `{}`)
	r.try(200, "requirements/add", `{"requirement":"TAX_RESIDENCY"}`)
	link := func() string {
		return r.json("PATCH", "/v1/profiles/"+r.profile+"/kyc-reviews/"+r.review, r.bearer, `{"redirectUrl":"`+callee+`"}`).body
	}
	if got := link(); !strings.Contains(got, `"status":"PASSED_WITH_REQUIREMENTS"`) || !strings.Contains(got, "/check/") {
		t.Errorf("link %s", got)
	}
	r.advance(customer.Grace - time.Millisecond)
	r.bearer = "Bearer " + r.tokenOf(r.registration(r.person)).Access
	r.want("PASSED_WITH_REQUIREMENTS", "2031-03-05T04:05:06.789000")
	r.advance(time.Millisecond)
	r.want("WAITING_CUSTOMER_INPUT", "")
	if got := r.json("GET", "/v1/profiles/"+r.profile+"/kyc-reviews", r.bearer, ""); !strings.Contains(got.body, `"status":"WAITING_CUSTOMER_INPUT"`) {
		t.Errorf("list %s", got.body)
	}
	if got := link(); !strings.Contains(got, `"status":"WAITING_CUSTOMER_INPUT"`) {
		t.Errorf("link %s", got)
	}
	r.try(202, "requirements/submit", `{"requirement":"TAX_RESIDENCY"}`)
	r.want("PROCESSING", "")
	var states []string
	for _, e := range r.heard() {
		states = append(states, e.State)
	}
	if got := strings.Join(states, " "); got != "WAITING_CUSTOMER_INPUT PASSED PASSED_WITH_REQUIREMENTS PROCESSING" {
		t.Errorf("heard %s", got)
	}
}

// What was not good enough is asked for in addition; a file that was looked at does not count again, a new one does.
func TestKYCAskedAgain(t *testing.T) {
	t.Parallel()
	r := newTrialReview(t)
	upload := func() reply { return r.upload(r.person, "/v3", r.profile, upload1...) }
	upload().want(t, 204, "")
	if got := upload(); got.status != 409 {
		t.Errorf("while the first waits: %d %s", got.status, got.body)
	}
	r.want("WAITING_CUSTOMER_INPUT", "", "ID_DOCUMENT IN_REVIEW")
	r.try(200, "verify", `{"requestedAction":"REJECT","requirements":["ID_DOCUMENT"]}`)
	const asked = "ID_DOCUMENT NOT_PROVIDED + ID_DOCUMENT NOT_PROVIDED"
	r.want("WAITING_CUSTOMER_INPUT", "", asked)
	r.json("POST", "/v5/profiles/"+r.profile+"/additional-verification/upload-evidences", r.bearer, `{"accountPurpose":"INVESTING"}`)
	r.want("WAITING_CUSTOMER_INPUT", "", asked) // the old file is still there, and does not count
	upload().want(t, 204, "")
	r.want("WAITING_CUSTOMER_INPUT", "", "ID_DOCUMENT IN_REVIEW + ID_DOCUMENT IN_REVIEW")
	if last := r.heard(); !strings.Contains(last[len(last)-1].Data, `"additionalRequirements":[{"key":"ID_DOCUMENT","state":"IN_REVIEW"}]`) {
		t.Errorf("heard %s", last[len(last)-1].Data)
	}
	r.try(200, "verify", `{}`)
	r.want("PASSED", "", "ID_DOCUMENT VERIFIED")
	files := r.files(r.person, r.profile)
	if len(files) != 2 || files[0].ReviewedAt.IsZero() || files[1].ReviewedAt.IsZero() {
		t.Errorf("files %+v", files)
	}
}

// Contract 11.4: whoever decides about a profile has looked at its files, so that newer ones may come.
func TestFilesAreLookedAt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	own := w.profile(p)
	id := decimal(own)
	w.upload(p, "/v3", id, upload1...).want(t, 204, "")
	w.advance(time.Minute)
	w.decide(own, true)
	if files := w.files(p, id); len(files) != 1 || !files[0].ReviewedAt.Equal(w.now()) {
		t.Errorf("files %+v", files)
	}
	w.upload(p, "/v3", id, upload1...).want(t, 204, "")
	w.decide(own, false)
	w.upload(p, "/v3", id, upload1...).want(t, 204, "")
	if files := w.files(p, id); len(files) != 3 || files[1].ReviewedAt.IsZero() || !files[2].ReviewedAt.IsZero() {
		t.Errorf("files %+v", files)
	}
	// To say again what holds is no news but about the files.
	heard, before := w.listen(acme, partner.EventVerification, "4.0.0"), w.events(t, "")
	w.decide(own, false)
	w.decide(own, false)
	if n := w.events(t, "") - before; n != 1 || len(heard()) != 0 {
		t.Errorf("%d audit events, heard %+v", n, heard())
	}
	w.upload(p, "/v3", id, upload1...).want(t, 204, "")
}
