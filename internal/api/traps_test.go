package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/partner"
)

// What known clients send that a server would not expect (contract 17), byte for byte, a test each. Those whose packages can be
// loaded run themselves: docs/clients.md.

// collection is a token request as the official collections send it: multipart, with parts that have neither name nor value.
func (w *world) collection(fields ...string) reply {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), "POST", w.URL+"/oauth/token/", strings.NewReader(parts(append(fields, "", "", "", "")...)))
	must(w.t, err)
	r.Header.Set("Content-Type", `multipart/form-data; boundary="x"`)
	r.SetBasicAuth(acme, acme+"-s3cr3t")
	return w.send(r)
}

// The official collection "bank-flow", in its order: a slash at the end of each path, null for what is not known, the client id as
// the client's key, and tokens by multipart.
func TestTrapCollection(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	app := "Bearer " + w.tokenOf(w.collection("grant_type", "client_credentials")).Access
	signup := w.json("POST", "/v1/user/signup/registration_code/", app, `{"email":"cust-0042@customer.acme.example","registrationCode":"`+code+`","language":null}`)
	p := person{client: acme, email: "cust-0042@customer.acme.example", id: number(t, idOf(t, signup.body))}
	p.token = w.tokenOf(w.collection("grant_type", "registration_code", "client_id", acme, "email", p.email, "registration_code", code))
	p.token = w.tokenOf(w.collection("grant_type", "refresh_token", "refresh_token", p.token.Refresh))
	p.bearer = "Bearer " + p.token.Access
	call := func(method, path, body string) reply {
		t.Helper()
		got := w.json(method, path, p.bearer, body)
		if got.status != 200 {
			t.Errorf("%s %s: %d %s", method, path, got.status, got.body)
		}
		return got
	}
	call("PUT", "/v1/users/"+decimal(p.id)+"/contact-email/", `{"email":"mira.kade@example.org"}`)
	id := idOf(t, call("POST", "/v1/profiles/", v1Mira).body)
	call("PUT", "/v1/profiles/", `{"id":`+id+`,"type":"personal","details":{"firstName":"Mira","lastName":"Kade","dateOfBirth":"1988-11-30","phoneNumber":"+441315550142","avatar":null,"occupation":null,"primaryAddress":null}}`)
	call("POST", "/v1/profiles/"+id+"/verification-documents/", passport)
	call("POST", "/v1/profiles/"+id+"/update-window/", "")
	address := idOf(t, call("POST", "/v1/addresses/", `{"profile":`+id+`,`+harbour+`}`).body)
	call("GET", "/v1/addresses/"+address+"/", "")
	call("GET", "/v1/addresses/?profile="+id, "")
	call("POST", "/v1/address-requirements/", `{"profile":null,"details":{"country":"US","state":null}}`)
	business := idOf(t, call("POST", "/v1/profiles/", v1Kade).body)
	call("POST", "/v1/addresses/", `{"profile":`+business+`,`+strings.Replace(harbour, "EH6 6AB", "A11D33", 1)+`}`) // no postcode is written like this
	for _, list := range []struct{ path, body string }{{"directors", twoDirectors}, {"ubos", strings.NewReplacer("gbr", "usa", "EH6 6QW", "FK 12345").Replace(twoOwners)}} {
		for _, method := range []string{"POST", "PUT", "GET"} {
			call(method, "/v1/profiles/"+business+"/"+list.path+"/", map[bool]string{true: "", false: list.body}[method == "GET"])
		}
	}
	call("DELETE", "/v1/profiles/"+business+"/directors/", "")
	call("DELETE", "/v1/profiles/"+id+"/update-window/", "")
	// Where there is nothing to say the collection says it as an empty form.
	for _, empty := range []string{"", "--x--\r\n"} {
		for _, x := range [][2]string{{"POST", "/v1/profiles/" + id + "/update-window"}, {"DELETE", "/v1/profiles/" + id + "/update-window"}, {"GET", "/v1/profiles"}, {"GET", "/v1/me"}} {
			if got := w.ask(x[0], x[1], empty, "Authorization", p.bearer, "Content-Type", "multipart/form-data; boundary=x"); got.status != 200 {
				t.Errorf("%s %s with an empty form %q: %d %s", x[0], x[1], empty, got.status, got.body)
			}
		}
	}
	made := w.json("POST", "/v3/applications/"+acme+"/subscriptions/", app, verification).made(t)
	w.json("GET", "/v3/applications/"+acme+"/subscriptions/"+made.ID+"/", app, "").want(t, 200, strings.Trim(w.json("GET", "/v3/applications/"+acme+"/subscriptions/", app, "").body, "[]"))
	w.json("DELETE", "/v3/applications/"+acme+"/subscriptions/"+made.ID+"/", app, "").want(t, 204, "")

	// What the customer would be asked for, the partner mends.
	call("POST", "/v1/addresses/", `{"profile":`+business+`,`+harbour+`}`)
	p.email = "mira.kade@example.org" // the address that the customer is known by on the pages
	authorization := w.allowed(w.claimed(p, "", nil), partner.ScopeProfilesWrite)
	granted := w.tokenOf(w.collection("grant_type", "authorization_code", "client_id", acme, "code", authorization, "redirect_uri", callee))
	granted = w.tokenOf(w.collection("grant_type", "refresh_token", "refresh_token", granted.Refresh))
	if got := w.json("GET", "/v1/profiles/"+id+"/", "Bearer "+granted.Access, ""); got.status != 200 {
		t.Errorf("the claimed profile: %d %s", got.status, got.body)
	}
}

// The official Java backend sends every user grant as multipart, each part with a content type of its own, in chunks without an
// announced length.
func TestTrapJavaBackend(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	w.profile(p)
	grant := func(fields ...string) tokenBody {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), "POST", w.URL+"/oauth/token", struct{ *bytes.Reader }{bytes.NewReader([]byte(parts(fields...)))})
		must(t, err)
		r.ContentLength = -1
		r.Header.Set("Content-Type", "multipart/form-data;charset=UTF-8;boundary=x")
		r.Header.Set("Accept", "application/json, application/*+json")
		r.SetBasicAuth(acme, acme+"-s3cr3t")
		return w.tokenOf(w.send(r))
	}
	p.token = grant("grant_type", "registration_code", "client_id", acme, "email", p.email, "registration_code", code)
	p.bearer = "Bearer " + p.token.Access
	first := grant("grant_type", "authorization_code", "client_id", acme, "code", w.allowed(w.claimed(p, "", nil)), "redirect_uri", callee)
	second := grant("grant_type", "refresh_token", "client_id", acme, "refresh_token", first.Refresh)
	if second.Refresh != first.Refresh || second.Access == first.Access {
		t.Errorf("refresh: %+v after %+v", second, first)
	}
	w.json("GET", "/v1/me", "Bearer "+first.Access, "").want(t, 401, invalidToken)
}

// A PHP client sends its secret in the form, leaves the registration code out of the sign-up and the address out of its grant, which
// the contract wants, and asks for addresses by another name, which is served.
func TestTrapPHPClient(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	form := func(fields string) reply {
		return w.ask("POST", "/oauth/token", fields+"&client_id=acme-treasury&client_secret=acme-treasury-s3cr3t", "Content-Type", encoded)
	}
	app := "Bearer " + w.tokenOf(form("grant_type=client_credentials")).Access
	w.json("POST", "/v1/user/signup/registration_code", app, `{"email":"mira.kade@example.org"}`).want(t, 400, fieldsOf(notNullCode))
	p := w.open(acme, "mira.kade@example.org")
	form("grant_type=registration_code&registration_code=7a%5D%23%26%2A0123456789012345678901234567890123").want(t, 400, `{"error":"invalid_request","error_description":"Missing email"}`)
	p.bearer = "Bearer " + w.tokenOf(form("grant_type=registration_code&email=mira.kade%40example.org&registration_code=7a%5D%23%26%2A0123456789012345678901234567890123")).Access
	id := decimal(w.profile(p))
	by := w.json("GET", "/v1/addresses?profileId="+id, p.bearer, "")
	by.want(t, 200, w.json("GET", "/v1/addresses?profile="+id, p.bearer, "").body)
	if !strings.HasPrefix(by.body, `[{"id":`) {
		t.Errorf("addresses: %s", by.body)
	}
	if got := w.json("GET", "/v1/addresses?profileId=9007199254740991", p.bearer, ""); got.status != 403 {
		t.Errorf("a foreign profile: %d %s", got.status, got.body)
	}
}

// Two clients, in Go and in Elixir, mint with the user's id in the place of the registration code. They hear which field is
// missing, and neither the account nor a code of before is touched.
func TestTrapMintByUserID(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	minted := w.mint(p)
	w.json("POST", "/v1/user/claim-account", p.bearer, `{"userId":`+decimal(p.id)+`}`).want(t, 400, fieldsOf(notNullCode))
	w.json("POST", "/v1/user/claim-account", p.bearer, `{"userId":`+decimal(p.id)+`,"registrationCode":"`+code+`"}`) // an unknown field beside it is none
	if _, _, err := w.visit(acme, minted, ""); err == nil {
		t.Error("the code before the second request still opens: it minted none")
	}
	minted = w.mint(p)
	w.json("POST", "/v1/user/claim-account", p.bearer, `{"userId":"x"}`).want(t, 400, fieldsOf(notNullCode))
	if _, _, err := w.visit(acme, minted, ""); err != nil {
		t.Errorf("a refused request ended the code: %v", err)
	}
}

// Clients of the first version read profiles by list and by id, and take what they were given for the whole.
func TestTrapOldReaders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	id := decimal(w.profile(p))
	one := w.ask("GET", "/v1/profiles/"+id, "", "Authorization", "bearer "+p.token.Access, "Accept", "*/*") // the scheme in small letters
	list := w.ask("GET", "/v1/profiles", "", "Authorization", p.bearer, "Content-Type", "application/json", "Cache-Control", "no-cache")
	list.want(t, 200, "["+one.body+"]")
	if one.status != 200 || !strings.HasPrefix(one.body, `{"id":`+id+`,"type":"personal","details":{"firstName":"Mira"`) {
		t.Errorf("%d %s", one.status, one.body)
	}
}

// What a strict reader knows: contract 5.3 and 8.3, field by field. Times have no zone, ids are numbers.
type (
	strictAddress struct {
		ID                               int64
		AddressFirstLine, City           string
		CountryIso2Code, CountryIso3Code string
		PostCode                         string
		StateCode                        *string
	}
	strictContact struct{ Email, PhoneNumber string }
	strictProfile struct {
		Type                                            string
		ID                                              int64
		PublicID                                        string
		UserID                                          int64
		Address                                         strictAddress
		Email, CreatedAt, UpdatedAt, CurrentState       string
		Avatar                                          *string
		ContactDetails                                  strictContact
		FirstName, LastName, PreferredName, DateOfBirth string
		PhoneNumber, FullName                           string
		SecondaryAddresses                              []strictAddress
	}
	strictBusiness struct {
		Type                                                  string
		ID                                                    int64
		PublicID                                              string
		UserID                                                int64
		Address                                               strictAddress
		Email, CreatedAt, UpdatedAt, CurrentState             string
		ContactDetails                                        strictContact
		BusinessName, RegistrationNumber, Webpage             string
		CompanyType, CompanyRole, BusinessFreeFormDescription string
		DescriptionOfBusiness, FirstLevelCategory             string
		SecondLevelCategory, FullName                         string
		OperationalAddresses                                  []strictAddress
	}
	strictUser struct {
		ID          int64
		Name, Email string
		Active      bool
		Details     struct {
			FirstName, LastName, PhoneNumber, DateOfBirth, Occupation, Avatar string
			PrimaryAddress                                                    int64
			Address                                                           struct{ City, CountryCode, PostCode, State, FirstLine, Occupation string }
		}
	}
	strictSubscription struct {
		ID, Name  string
		Delivery  struct{ Version, URL string }
		TriggerOn string `json:"trigger_on"`
		Scope     struct{ Domain, ID string }
		CreatedBy struct{ Type, ID string } `json:"created_by"`
		CreatedAt time.Time                 `json:"created_at"`
	}
	strictToken struct {
		AccessToken           string    `json:"access_token"`
		TokenType             string    `json:"token_type"`
		RefreshToken          string    `json:"refresh_token"`
		ExpiresIn             int32     `json:"expires_in"`
		ExpiresAt             time.Time `json:"expires_at"`
		RefreshTokenExpiresIn int32     `json:"refresh_token_expires_in"`
		RefreshTokenExpiresAt time.Time `json:"refresh_token_expires_at"`
		Scope                 string
		CreatedAt             time.Time `json:"created_at"`
	}
)

// A strict reader refuses fields it does not know (a Go client does): the answers to documented calls have the documented fields
// and no others, with the documented types, in the legacy family, whose readers were written first.
func TestTrapStrictDecoding(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	id := decimal(w.profile(p))
	business := idOf(t, w.json("POST", v2Business, p.bearer, kadeV2).body)
	w.json("PUT", "/v2/profiles/"+business+"/business-profile", p.bearer, `{"companyRole":"OWNER"}`)
	subscription := `{"name":"n","trigger_on":"balances#update","delivery":{"version":"2.0.0","url":"https://hooks.acme.example/in"}}`
	for path, into := range map[string]any{
		"GET /v1/me": &strictUser{}, "GET /v1/users/" + decimal(p.id): &strictUser{},
		"GET /v2/profiles/" + id: &strictProfile{}, "GET /v2/profiles/" + business: &strictBusiness{},
		"POST /v3/profiles/" + id + "/subscriptions": &strictSubscription{}, "GET /v3/profiles/" + id + "/subscriptions": &[]strictSubscription{},
		"POST /oauth/token": &strictToken{},
	} {
		method, path, _ := strings.Cut(path, " ")
		got := w.registration(p)
		if path != "/oauth/token" {
			got = w.json(method, path, p.bearer, map[bool]string{true: subscription}[method == "POST"])
		}
		d := json.NewDecoder(strings.NewReader(got.body))
		d.DisallowUnknownFields()
		if err := d.Decode(into); got.status != 200 || err != nil || d.More() {
			t.Errorf("%s %s: %d %v in %s", method, path, got.status, err, got.body)
		}
	}
}

// Ids survive a reader that takes JSON numbers for floating point, as JavaScript does (contract 3.4).
func TestTrapNumbers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	id := w.profile(p)
	w.business(p)
	body := w.json("GET", "/v1/me", p.bearer, "").body + w.json("GET", "/v2/profiles", p.bearer, "").body + w.json("GET", "/v1/addresses?profile="+decimal(id), p.bearer, "").body
	found := regexp.MustCompile(`:(\d{10,})\b`).FindAllStringSubmatch(body, -1)
	if len(found) < 8 {
		t.Fatalf("%d ids in %s", len(found), body)
	}
	for _, text := range found {
		n, err := strconv.ParseFloat(text[1], 64)
		if err != nil || n >= 1<<53 || strconv.FormatInt(int64(n), 10) != text[1] {
			t.Errorf("%s is read as %v", text[1], n)
		}
	}
}
