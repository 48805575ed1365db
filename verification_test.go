package latchkey

import (
	"context"
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// What each method sends, and that what comes back is read.
func TestChecksOnTheWire(t *testing.T) {
	ctx := context.Background()
	var seen, body string
	var header http.Header
	answer := `{}`
	status := 200
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		seen, body, header = r.Method+" "+r.URL.RequestURI(), string(text), r.Header
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	defer server.Close()
	c := &Client{BaseURL: server.URL, ID: "acme-treasury"}
	a := c.Account(Token{AccessToken: "lka_1"})
	const review = "3d6a4f0e-8b34-4c6d-9c4f-4a1a0a9b2c7d"
	for _, x := range []struct {
		answer, seen, body string
		do                 func() (any, error)
		want               string
	}{
		{`{"routes":[{"source_currency":"GBP","maximum_entitled_amount":0,"current_status":"verified"}],"request_id":"x"}`,
			"POST /2026Q3/profiles/7/verification-status/bank-transfer?source_currencies=GBP%2CEUR", "",
			func() (any, error) { return a.VerificationStatus(ctx, 7, "GBP", "EUR") }, `{"routes":[{"source_currency":"GBP","maximum_entitled_amount":0,"current_status":"verified"}],"request_id":"x"}`},
		{`[{"field":"first_name","note":"n","createdAt":"2031-02-03T04:05:06"}]`, "GET /2026Q3/profiles/7/disputes", "",
			func() (any, error) { return a.Disputes(ctx, 7) }, `[{"field":"first_name","note":"n","createdAt":"2031-02-03T04:05:06"}]`},
		{`[{"id":9,"kind":"claim","createdAt":"2031-02-03T04:05:06","receipt":"a.b.c~d~"}]`, "GET /2026Q3/receipts", "",
			func() (any, error) { return a.Receipts(ctx) }, `[{"id":9,"kind":"claim","createdAt":"2031-02-03T04:05:06","receipt":"a.b.c~d~"}]`},
		{``, "POST /2026Q3/simulation/profiles/7/verifications", "", func() (any, error) { return nil, a.SimulateVerification(ctx, 7) }, `null`},
		{``, "POST /2026Q3/simulation/verify-profile", "", func() (any, error) { return nil, a.SimulateVerifications(ctx) }, `null`},
		{`{"id":"r","createdAt":"2031-02-03T04:05:06.123456789","requiredBy":null}`, "POST /2026Q3/profiles/7/kyc-reviews", `{"type":"QUOTE","triggerData":{"id":"u"}}`,
			func() (any, error) {
				return a.CreateKYCReview(ctx, 7, NewKYCReview{Type: "QUOTE", TriggerData: &TriggerData{ID: "u"}})
			},
			`{"id":"r","status":"","createdAt":"2031-02-03T04:05:06.123456","updatedAt":null,"requiredBy":null,"triggerReferences":null,"redirectUrl":null,"requirements":null}`},
		{`[]`, "GET /2026Q3/profiles/7/kyc-reviews?pageNumber=2", "", func() (any, error) { return a.KYCReviews(ctx, 7, 2) }, `[]`},
		{`{"id":"r"}`, "GET /2026Q3/profiles/7/kyc-reviews/" + review, "", func() (any, error) { r, err := a.KYCReview(ctx, 7, review); return r.ID, err }, `"r"`},
		{`{"link":{"value":"v","expiresAt":"2031-02-03T04:05:06.1"}}`, "PATCH /2026Q3/profiles/7/kyc-reviews/" + review, `{"redirectUrl":"u"}`,
			func() (any, error) { r, err := a.LinkKYCReview(ctx, 7, review, "u"); return r.Link, err }, `{"value":"v","expiresAt":"2031-02-03T04:05:06.100000"}`},
		{`{"url":"v","expiresAt":null}`, "POST /2026Q3/profiles/7/embedded-flows/link-requests/kyc-reviews", `{"redirectUrl":"u","kycReviewId":"` + review + `"}`,
			func() (any, error) { return a.EmbedKYCReview(ctx, 7, review, "u") }, `{"url":"v","expiresAt":null}`},
		{`{"requirements":[{"key":"k","state":"s","description":null}]}`, "GET /2026Q3/simulation/profiles/7/kyc-reviews/" + review + "/requirements", "",
			func() (any, error) { return a.SimulateKYCRequirements(ctx, 7, review) }, `[{"key":"k","state":"s","description":null}]`},
		{``, "POST /2026Q3/simulation/profiles/7/kyc-reviews/" + review + "/verify", `{"requestedAction":"APPROVE"}`,
			func() (any, error) {
				return nil, a.SimulateKYCReview(ctx, 7, review, "verify", SimulatedStep{RequestedAction: "APPROVE"})
			}, `null`},
		{`{"oneTimeTokenProperties":{"validity":3600}}`, "GET /2026Q3/one-time-token/status", "", func() (any, error) { o, err := a.OneTimeToken(ctx, "t"); return o.Validity, err }, `3600`},
		{`{"obfuscatedPhoneNo":"*1"}`, "POST /2026Q3/one-time-token/sms/trigger", "", func() (any, error) { return a.TriggerOneTimeToken(ctx, "t", "sms") }, `{"obfuscatedPhoneNo":"*1"}`},
		{`{"oneTimeTokenProperties":{"validity":1}}`, "POST /2026Q3/one-time-token/sms/verify", `{"otpCode":"111111"}`,
			func() (any, error) { o, err := a.VerifyOneTimeToken(ctx, "t", "sms", "111111"); return o.Validity, err }, `1`},
		{`{}`, "POST /2026Q3/simulation/protected", "", func() (any, error) { return nil, a.SimulateProtected(ctx, "t") }, `null`},
	} {
		answer = x.answer
		got, err := x.do()
		text, _ := json.Marshal(got)
		if err != nil || seen != x.seen || body != x.body || string(text) != x.want {
			t.Errorf("sent %s %s\nwant %s %s\ngot  %s, %v\nwant %s", seen, body, x.seen, x.body, text, err, x.want)
		}
	}
	if header.Get("X-2fa-Approval") != "t" {
		t.Errorf("headers %v", header)
	}
	if _, err := a.CreateProfileV1(ctx, ProfileRequestV1{Type: "personal"}, "k"); err == nil || seen != "POST /v1/profiles" || header.Get("X-idempotence-uuid") != "k" {
		t.Errorf("%s %v: %v (an answer without details is none)", seen, header, err)
	}

	answer = `{}`
	if err := a.SubmitKYCRequirement(ctx, 7, "ID_DOCUMENT", KYCSubmission{KYCReviewID: review, Files: []File{{"a.pdf", []byte("%PDF")}}}); err != nil {
		t.Fatal(err)
	}
	kind, parameters, err := mime.ParseMediaType(header.Get("Content-Type"))
	if seen != "POST /2026Q3/profiles/7/kyc-requirements/ID_DOCUMENT" || kind != "multipart/form-data" || err != nil {
		t.Fatalf("%s %s %v", seen, kind, err)
	}
	form, err := multipart.NewReader(strings.NewReader(body), parameters["boundary"]).ReadForm(1 << 20)
	if err != nil || form.Value["submissionData"][0] != `{"data":{},"version":"V1","kycReviewId":"`+review+`"}` || len(form.File["files[]"]) != 1 {
		t.Errorf("form %+v, %v", form, err)
	}
}
