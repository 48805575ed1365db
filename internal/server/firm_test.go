package server

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A firm is a partner: its programs, and all that they ever got. A dishonest one forgets nothing.
type firm struct {
	s          *stand
	id, secret string
	// account and profile are the customer's, email the address that the account was opened with, code its registration code.
	account, profile int64
	email, code      string
	// bearers and refreshes are the tokens that it was given, newest last.
	bearers, refreshes []string
	// ids stand in for those of the examples in the description.
	ids map[string]string
}

// An operation is one of the description that the server itself publishes, with the requests that it takes as examples.
type operation struct {
	method, path, kind string
	bodies             []string
	// by is who may call it, by the name of the security scheme, "" for anybody.
	by []string
}

// operations are all of /openapi.json, so that no route is forgotten. TestDescribedRoutes in the API holds it to the routes.
func (s *stand) operations() (all []operation) {
	s.Helper()
	var d struct {
		Paths map[string]map[string]struct {
			Security    []map[string]any
			RequestBody struct {
				Content map[string]struct {
					Examples map[string]struct{ Value json.RawMessage }
				}
			}
		}
	}
	_, text := s.call("GET", "/openapi.json", "", "", "")
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		s.Fatal(err)
	}
	for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
		for _, method := range []string{"post", "put", "patch", "get", "delete"} {
			found, is := d.Paths[path][method]
			if !is || path == "/oauth/authorize" || path == "/docs" || path == "/openapi.json" {
				continue
			}
			op := operation{method: strings.ToUpper(method), path: path, kind: "application/json"}
			for _, one := range found.Security {
				op.by = append(op.by, slices.Collect(maps.Keys(one))...)
			}
			for kind, content := range found.RequestBody.Content {
				for _, name := range slices.Sorted(maps.Keys(content.Examples)) {
					op.bodies = append(op.bodies, string(content.Examples[name].Value))
				}
				if kind == "multipart/form-data" && len(content.Examples) == 0 && !strings.Contains(path, "/oauth/") {
					body, boundary := upload()
					op.kind, op.bodies = boundary, []string{body}
				}
			}
			if len(op.bodies) == 0 {
				op.bodies = []string{""}
			}
			all = append(all, op)
		}
	}
	if len(all) < 150 {
		s.Fatalf("only %d operations are described", len(all))
	}
	return all
}

// upload is a form with a file in it, with the fields of both endpoints that take one.
func upload() (body, kind string) {
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	_ = form.WriteField("documentType", "ID_PROOF")
	_ = form.WriteField("submissionData", `{"data":{},"version":"V1","kycReviewId":"3d6a4f0e-8b34-4c6d-9c4f-4a1a0a9b2c7d"}`)
	file, _ := form.CreateFormFile("files", "a.pdf")
	_, _ = io.WriteString(file, "%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n")
	_ = form.Close()
	return b.String(), form.FormDataContentType()
}

// call sends one request to the API. A write has an idempotency key, which is the same whenever the same is written.
func (s *stand) call(method, path, authorization, kind, body string) (int, string) {
	s.Helper()
	r, err := http.NewRequestWithContext(s.Context(), method, s.http.URL+path, strings.NewReader(body))
	if err != nil {
		s.Error(err)
		return 0, ""
	}
	for name, value := range map[string]string{"Authorization": authorization, "Content-Type": kind} {
		if value != "" {
			r.Header.Set(name, value)
		}
	}
	if method != http.MethodGet {
		sum := sha256.Sum256([]byte(method + path + body))
		x := fmt.Sprintf("%x", sum)
		key := x[:8] + "-" + x[8:12] + "-4" + x[12:15] + "-8" + x[15:18] + "-" + x[18:30]
		r.Header.Set("Idempotency-Key", key)
		r.Header.Set("X-idempotence-uuid", key)
	}
	answer, err := s.http.Client().Do(r)
	if err != nil {
		s.Error(err)
		return 0, ""
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		s.Error(err)
	}
	return answer.StatusCode, string(raw)
}

// token asks the token endpoint, with fields in pairs, and keeps what it gives.
func (f *firm) token(fields ...string) (bearer string, status int) {
	f.s.Helper()
	values := url.Values{"client_id": {f.id}, "client_secret": {f.secret}}
	for i := 0; i < len(fields); i += 2 {
		values.Set(fields[i], fields[i+1])
	}
	status, text := f.s.call("POST", "/oauth/token", "", "application/x-www-form-urlencoded", values.Encode())
	var given struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	if status != http.StatusOK || json.Unmarshal([]byte(text), &given) != nil {
		return "", status
	}
	if fields[1] == "client_credentials" {
		return "Bearer " + given.Access, status
	}
	f.bearers, f.refreshes = append(f.bearers, "Bearer "+given.Access), append(f.refreshes, given.Refresh)
	return "Bearer " + given.Access, status
}

// app is the firm's own token.
func (f *firm) app() string {
	f.s.Helper()
	bearer, status := f.token("grant_type", "client_credentials")
	if bearer == "" {
		f.s.Fatalf("%s gets no token of its own: %d", f.id, status)
	}
	return bearer
}

// opens opens an account for an address with a token for it, and fills in a whole person.
func (f *firm) opens(email string) *firm {
	f.s.Helper()
	f.email, f.code = email, "registration code of "+email+strings.Repeat("-", 32)
	status, text := f.s.call("POST", "/v1/user/signup/registration_code", f.app(), "application/json", `{"email":"`+email+`","registrationCode":"`+f.code+`"}`)
	if status != http.StatusOK {
		f.s.Fatalf("%s opens no account: %d %s", f.id, status, text)
	}
	f.account = number(text)
	f.registers()
	if status, text = f.do("POST", "/v2/profiles/personal-profile", aPerson); status != http.StatusOK {
		f.s.Fatalf("%s fills in nobody: %d %s", f.id, status, text)
	}
	f.profile = number(text)
	f.ids["4410027"], f.ids["70010001"] = fmt.Sprint(f.account), fmt.Sprint(f.profile)
	return f
}

const aPerson = `{"firstName":"Mira","lastName":"Kade","address":{"addressFirstLine":"7 Harbour Row","city":"Leith","countryIso3Code":"gbr","postCode":"EH6 6AB"},` +
	`"nationality":"gbr","dateOfBirth":"1988-11-30","contactDetails":{"email":"mira.kade@example.org","phoneNumber":"+441315550142"}}`

var ids = regexp.MustCompile(`"id":"?([0-9a-f-]+)`)

// number is the first id in an answer.
func number(text string) int64 {
	if found := ids.FindStringSubmatch(text); found != nil {
		n, _ := strconv.ParseInt(found[1], 10, 64)
		return n
	}
	return 0
}

// registers shows the registration code for tokens.
func (f *firm) registers() int {
	f.s.Helper()
	_, status := f.token("grant_type", "registration_code", "email", f.email, "registration_code", f.code)
	return status
}

// do asks with the newest token for the account.
func (f *firm) do(method, path, body string) (int, string) {
	f.s.Helper()
	return f.s.call(method, path, f.bearers[len(f.bearers)-1], "application/json", body)
}

// link mints a claim code and is the address that the firm sends its customer to.
func (f *firm) link() string {
	f.s.Helper()
	status, text := f.do("POST", "/v1/user/claim-account", `{"registrationCode":"`+f.code+`"}`)
	var minted struct{ ClaimAccountCode string }
	if status != http.StatusOK || json.Unmarshal([]byte(text), &minted) != nil {
		f.s.Fatalf("%s mints nothing: %d %s", f.id, status, text)
	}
	return f.authorize(minted.ClaimAccountCode)
}

// authorize is where the firm sends a browser, with a claim code or, where it is "", without one.
func (f *firm) authorize(code string) string {
	q := url.Values{"client_id": {f.id}, "redirect_uri": {callback}, "state": {"s-" + f.id}}
	if code != "" {
		q.Set("claim_account_code", code)
	}
	return "/oauth/authorize?" + q.Encode()
}

// A blow is one request of a firm that tries everything, and its answer.
type blow struct {
	operation
	asked, bearer, body string
	status              int
	answer              string
}

// of reports whether the operation is for a token of the kind: userToken or applicationToken.
func (b blow) of(kind string) bool { return slices.Contains(b.by, kind) }

// rages tries every operation with each of the bearers, with what the description shows as a request for it, and about its own
// customer: whatever a partner could think of to do with what it holds. legacy leaves out the second addresses of the same
// handlers.
func (f *firm) rages(all []operation, bearers []string, legacy bool) (blows []blow) {
	f.s.Helper()
	fill := strings.NewReplacer(f.pairs()...)
	for _, op := range all {
		if legacy && strings.HasPrefix(op.path, "/2026Q3/") || len(op.by) == 0 || strings.Contains(op.path, "/oauth/") || strings.HasSuffix(op.path, "/wrong-person") {
			continue // a report holds the account, which is what it is for: api.TestWrongPerson
		}
		for _, bearer := range bearers {
			for _, body := range op.bodies {
				b := blow{operation: op, asked: fill.Replace(op.path), bearer: bearer, body: fill.Replace(body)}
				b.status, b.answer = f.s.call(op.method, b.asked+"?source_currencies=GBP&algorithm=PS256&scope=PAYLOAD_SIGNING", bearer, op.kind, b.body)
				blows = append(blows, b)
				if found := ids.FindStringSubmatch(b.answer); b.status < 300 && found != nil {
					f.learns(op, found[1])
					fill = strings.NewReplacer(f.pairs()...)
				}
			}
		}
	}
	return blows
}

// learns keeps the id of what the firm just made, to use it at the other addresses.
func (f *firm) learns(op operation, id string) {
	switch {
	case op.method != http.MethodPost:
	case strings.HasSuffix(op.path, "/subscriptions"):
		f.ids["{subscription}"] = id
	case strings.HasSuffix(op.path, "/kyc-reviews"):
		f.ids["{review}"] = id
	case strings.HasSuffix(op.path, "/addresses"):
		f.ids["{address}"], f.ids["90001234"] = id, id
	}
}

// pairs are what the firm puts in the place of the description's examples: its client, its customer, its secrets.
func (f *firm) pairs() []string {
	pairs := []string{"{user}", fmt.Sprint(f.account), "{profile}", fmt.Sprint(f.profile), "{client}", f.id, "{way}", "sms", "{requirement}", "INCOME",
		"mira.kade@example.org", f.email, "7a]#&*0123456789012345678901234567890123", f.code, "https://app.acme.example/wise/cb", callback, "acme-treasury", f.id}
	for _, from := range slices.Sorted(maps.Keys(f.ids)) {
		pairs = append(pairs, from, f.ids[from])
	}
	return append(pairs, "{subscription}", "3d6a4f0e-8b34-4c6d-9c4f-4a1a0a9b2c7d", "{review}", "3d6a4f0e-8b34-4c6d-9c4f-4a1a0a9b2c7d", "{address}", "1")
}
