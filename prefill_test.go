package latchkey

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"strings"
	"testing"
)

// The bytes of contract 8.3 to 11.3.
const (
	businessRead   = `{"type":"BUSINESS","id":70010002,"publicId":"0d1c9f34-52a8-4c77-9f1e-6f3b8f6f2f91","userId":4410027,"address":{"id":90001235,"addressFirstLine":"1 Dock Street","city":"Leith","countryIso2Code":"GB","countryIso3Code":"gbr","postCode":"EH6 7AB","stateCode":null},"email":"mira.kade@example.org","createdAt":"2031-02-03T04:05:06","updatedAt":"2031-02-03T04:05:06","currentState":"VISIBLE","contactDetails":{"email":"mira.kade@example.org","phoneNumber":"+441315550142"},"businessName":"Kade & Co","registrationNumber":"SC700123","companyType":"LIMITED","companyRole":"DIRECTOR","businessFreeFormDescription":null,"webpage":null,"descriptionOfBusiness":null,"firstLevelCategory":null,"secondLevelCategory":null,"industryCategories":["SOFTWARE_DEVELOPMENT_PUBLISHING"],"operationalAddresses":[],"fullName":"Kade & Co"}`
	representative = `{"businessRepresentativeId":5,"firstName":"Mira","lastName":"Kade","preferredName":null,"address":{"addressFirstLine":"7 Harbour Row","city":"Leith","countryIso3Code":"gbr","postCode":"EH6 6AB","stateCode":null},"contactDetails":{"email":"mira.kade@example.org","phoneNumber":"+441315550142"},"dateOfBirth":"1988-11-30"}`
	anAddress      = `{"id":90001234,"profile":70010001,"details":{"country":"GB","firstLine":"7 Harbour Row","postCode":"EH6 6AB","city":"Leith","state":null,"occupations":[]}}`
	aForm          = `{"type":"address","fields":[{"name":"City","group":[{"key":"city","type":"text","refreshRequirementsOnChange":false,"required":true,"displayFormat":null,"example":"Berlin","minLength":null,"maxLength":30,"validationRegexp":null,"validationAsync":null,"valuesAllowed":null}]}]}`
	aDirector      = `{"id":5,"firstName":"Ada","lastName":"Roy","dateOfBirth":"1970-01-02","countryOfResidenceIso3Code":"gbr"}`
	anOwner        = `{"id":"0d1c9f3452a84c779f1e6f3b8f6f2f90","name":"Ada Roy","dateOfBirth":"1970-01-02","countryOfResidenceIso3Code":"gbr","addressFirstLine":"3 Shore","postCode":"EH6 6QW","ownershipPercentage":null}`
	results        = `{"overallStatus":"SUCCESS","results":[{"evidenceRequirementKey":"accountPurpose","result":"SUCCESS","message":"SUCCESS"}]}`
)

// TestPrefillTypesKeepTheirBytes reads each answer and writes it again.
func TestPrefillTypesKeepTheirBytes(t *testing.T) {
	older := strings.Replace(businessRead, `"industryCategories":["SOFTWARE_DEVELOPMENT_PUBLISHING"],`, ``, 1)
	for name, c := range map[string]struct {
		bytes string
		value any
	}{
		"business":             {businessRead, new(BusinessProfile)},
		"business, older":      {older, new(BusinessProfile)},
		"business, created":    {strings.Replace(businessRead, `"descriptionOfBusiness":null,"firstLevelCategory":null,"secondLevelCategory":null,`, ``, 1), new(BusinessProfile)},
		"no industries yet":    {strings.Replace(businessRead, `["SOFTWARE_DEVELOPMENT_PUBLISHING"]`, `[]`, 1), new(BusinessProfile)},
		"profiles of any type": {"[" + profile + "," + businessRead + "]", new([]Profile)},
		"a business's profile": {older, new(Profile)},
		"business asked":       {`{"businessName":"Kade","companyType":"LIMITED","address":{"city":"Leith"},"industryCategories":["A_B"],"businessRepresentative":{"businessRepresentativeId":5}}`, new(Business)},
		"representative":       {representative, new(Representative)},
		"transfer":             {`{"updateContext":"TRANSFER_OF_AUTHORISATION","firstName":"Ada"}`, new(RepresentativeUpdate)},
		"address":              {anAddress, new(Address)},
		"form":                 {"[" + aForm + "]", new([]Requirements)},
		"extension form":       {`{"type":"profile-extensions-requirements","usageInfo":null,"fields":[]}`, new(ExtensionRequirements)},
		"extensions":           {`{"details":{"accountPurpose":null}}`, new(ExtensionDetails)},
		"director":             {aDirector, new(Director)},
		"owner":                {anOwner, new(BeneficialOwner)},
		"owner of all":         {strings.Replace(anOwner, "null", "100", 1), new(BeneficialOwner)},
		"document stored":      {`{"errorMessage":null,"success":true}`, new(Outcome)},
		"document refused":     {`{"errors":[{"code":"NotNull","message":"must not be null","field":"type"}]}`, new(DocumentErrors)},
		"evidences":            {`{"accountPurpose":"INVESTING","intendedCountries":["gbr"],"businessUseCase":["DONATION"]}`, new(Evidences)},
		"results":              {results, new(EvidenceResults)},
		"required":             {`{"required_evidences":["INCOME"]}`, new(RequiredEvidences)},
		"person, v1":           {`{"id":1,"type":"personal","details":{"firstName":"Mira","lastName":"Kade","preferredName":null,"dateOfBirth":null,"phoneNumber":null,"firstNameInKana":null,"lastNameInKana":null,"avatar":"","occupation":"","occupations":null,"primaryAddress":null}}`, new(ProfileV1[PersonalV1])},
		"business, v1":         {`{"id":1,"type":"business","details":{"name":"Kade","registrationNumber":null,"acn":null,"abn":null,"arbn":null,"companyType":"LIMITED","companyRole":null,"descriptionOfBusiness":null,"webpage":null,"businessCategory":null,"businessSubCategory":null,"primaryAddress":5}}`, new(ProfileV1[BusinessV1])},
	} {
		t.Run(name, func(t *testing.T) {
			if err := json.Unmarshal([]byte(c.bytes), c.value); err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			to := json.NewEncoder(&b)
			to.SetEscapeHTML(false)
			if err := to.Encode(c.value); err != nil {
				t.Fatal(err)
			}
			if got := strings.TrimSpace(b.String()); got != c.bytes {
				t.Errorf("got  %s\nwant %s", got, c.bytes)
			}
		})
	}
	var p Profile
	if err := json.Unmarshal([]byte(profile), &p); err != nil || p.Business != nil || p.FirstName != "Mira" {
		t.Errorf("a person is no business: %+v %v", p, err)
	}
	if err := json.Unmarshal([]byte(businessRead), &p); err != nil || p.Business == nil || p.Business.BusinessName != "Kade & Co" || p.FirstName != "" || p.ID != 70010002 {
		t.Errorf("a business: %+v %v", p, err)
	}
	if json.Unmarshal([]byte(`{"id":"x"}`), &p) == nil || json.Unmarshal([]byte(`{"type":"BUSINESS","businessName":5}`), &p) == nil {
		t.Error("a profile that is none was read")
	}
}

// wireCall is one call: what the server answers, what it must have been asked, and what must come back.
type wireCall struct {
	status        int
	answer, asked string
	do            func(a *Account) (any, error)
	want          string
}

func (x wireCall) make(t *testing.T) *scene {
	t.Helper()
	s, c := play(t, say(x.status, x.answer))
	got, err := x.do(c.Account(Token{AccessToken: "t2"}))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	to := json.NewEncoder(&b)
	to.SetEscapeHTML(false)
	if err := to.Encode(got); err != nil || strings.TrimSpace(b.String()) != x.want {
		t.Errorf("got  %s\nwant %s", b.String(), x.want)
	}
	if asked := strings.ReplaceAll(s.asked[len(s.asked)-1], `\u0026`, `&`); asked != x.asked {
		t.Errorf("asked %s\nwant  %s", asked, x.asked)
	}
	return s
}

// TestPrefillCalls checks the exact request of every call and that the answer arrives.
func TestPrefillCalls(t *testing.T) {
	ctx := t.Context()
	const id, at = ProfileID(7), "/2026Q3/profiles/7"
	for name, x := range map[string]wireCall{
		"create business": {200, businessRead, `POST /2026Q3/profiles/business-profile {"businessName":"Kade & Co"}`,
			func(a *Account) (any, error) {
				return a.CreateBusinessProfile(ctx, Business{BusinessName: "Kade & Co"}, "key-1")
			}, businessRead},
		"update business": {200, businessRead, `PUT ` + at + `/business-profile {"companyRole":"OWNER"}`,
			func(a *Account) (any, error) { return a.UpdateBusinessProfile(ctx, id, Business{CompanyRole: "OWNER"}) }, businessRead},
		"representative": {200, representative, `GET ` + at + `/business-profile/business-representative `,
			func(a *Account) (any, error) { return a.BusinessRepresentative(ctx, id) }, representative},
		"update representative": {200, representative, `PUT ` + at + `/business-profile/business-representative {"updateContext":"UPDATE_DETAILS","firstName":"Mira"}`,
			func(a *Account) (any, error) {
				return a.UpdateBusinessRepresentative(ctx, id, RepresentativeUpdate{UpdateContext: UpdateDetails, FirstName: "Mira"})
			}, representative},
		"save address": {200, anAddress, `POST /2026Q3/addresses {"profile":7,"details":{"country":"GB","firstLine":"7 Harbour Row","postCode":null,"city":"Leith","state":null,"occupations":null}}`,
			func(a *Account) (any, error) {
				return a.SaveAddress(ctx, id, AddressDetails{Country: "GB", FirstLine: "7 Harbour Row", City: "Leith"})
			}, anAddress},
		"addresses": {200, "[" + anAddress + "]", `GET /2026Q3/addresses `, func(a *Account) (any, error) { return a.Addresses(ctx, id) }, "[" + anAddress + "]"},
		"address":   {200, anAddress, `GET /2026Q3/addresses/5 `, func(a *Account) (any, error) { return a.Address(ctx, 5) }, anAddress},
		"address form": {200, "[" + aForm + "]", `POST /2026Q3/address-requirements {"details":{"country":"US"}}`,
			func(a *Account) (any, error) {
				return a.AddressRequirements(ctx, RequirementsRequest{Details: RequirementsDetails{Country: "US"}})
			}, "[" + aForm + "]"},
		"first address form": {200, "[" + aForm + "]", `GET /2026Q3/address-requirements `,
			func(a *Account) (any, error) { return a.AddressRequirements(ctx, RequirementsRequest{}) }, "[" + aForm + "]"},
		"add directors": {200, "[" + aDirector + "]", `POST ` + at + `/directors [{"firstName":"Ada","lastName":"","dateOfBirth":"","countryOfResidenceIso3Code":""}]`,
			func(a *Account) (any, error) { return a.AddDirectors(ctx, id, []Director{{FirstName: "Ada"}}) }, "[" + aDirector + "]"},
		"replace directors": {200, "[]", `PUT ` + at + `/directors []`, func(a *Account) (any, error) { return a.ReplaceDirectors(ctx, id, nil) }, "[]"},
		"remove directors":  {200, "[]", `DELETE ` + at + `/directors `, func(a *Account) (any, error) { return nil, a.RemoveDirectors(ctx, id) }, "null"},
		"directors":         {200, "[" + aDirector + "]", `GET ` + at + `/directors `, func(a *Account) (any, error) { return a.Directors(ctx, id) }, "[" + aDirector + "]"},
		"add owners": {200, "[" + anOwner + "]", `POST ` + at + `/ubos [{"name":"Ada","dateOfBirth":"","countryOfResidenceIso3Code":"","addressFirstLine":"","postCode":"","ownershipPercentage":null}]`,
			func(a *Account) (any, error) { return a.AddBeneficialOwners(ctx, id, []BeneficialOwner{{Name: "Ada"}}) }, "[" + anOwner + "]"},
		"replace owners": {200, "[]", `PUT ` + at + `/ubos []`, func(a *Account) (any, error) { return a.ReplaceBeneficialOwners(ctx, id, nil) }, "[]"},
		"owners":         {200, "[" + anOwner + "]", `GET ` + at + `/ubos `, func(a *Account) (any, error) { return a.BeneficialOwners(ctx, id) }, "[" + anOwner + "]"},
		"add document": {200, `{"errorMessage":null,"success":true}`, `POST ` + at + `/verification-documents {"type":"PASSPORT"}`,
			func(a *Account) (any, error) {
				return nil, a.AddIdentityDocument(ctx, id, IdentityDocument{Type: "PASSPORT"})
			}, "null"},
		"replace document": {200, `{"errorMessage":null,"success":true}`, `PUT ` + at + `/verification-documents {"clientId":"acme-treasury","type":"PASSPORT"}`,
			func(a *Account) (any, error) {
				return nil, a.ReplaceIdentityDocument(ctx, id, IdentityDocument{Type: "PASSPORT"})
			}, "null"},
		"open window":  {200, `{}`, `POST ` + at + `/update-window `, func(a *Account) (any, error) { return nil, a.OpenUpdateWindow(ctx, id) }, "null"},
		"close window": {200, `{}`, `DELETE ` + at + `/update-window `, func(a *Account) (any, error) { return nil, a.CloseUpdateWindow(ctx, id) }, "null"},
		"required":     {200, `{"required_evidences":["INCOME"]}`, `GET ` + at + `/verification-status/required-evidences `, func(a *Account) (any, error) { return a.RequiredEvidences(ctx, id) }, `["INCOME"]`},
		"give evidences": {207, results, `POST ` + at + `/additional-verification/upload-evidences {"accountPurpose":"INVESTING"}`,
			func(a *Account) (any, error) { return a.GiveEvidences(ctx, id, Evidences{AccountPurpose: "INVESTING"}) }, results},
	} {
		t.Run(name, func(t *testing.T) {
			s := x.make(t)
			if key := s.last.Header.Get("X-idempotence-uuid"); (key == "key-1") != (name == "create business") {
				t.Errorf("idempotency key %q", key)
			}
			if query := s.last.URL.RawQuery; (query == "profile=7") != (name == "addresses") {
				t.Errorf("query %q", query)
			}
		})
	}
}

// TestDeprecatedCalls: what has no calendar label goes to the path with a version of its own (contract 1.2).
func TestDeprecatedCalls(t *testing.T) {
	ctx := t.Context()
	const id = ProfileID(7)
	for name, x := range map[string]wireCall{
		"extension form": {200, `[{"type":"profile-extensions-requirements","usageInfo":null,"fields":[]}]`, `GET /v1/profiles/7/extension-requirements `,
			func(a *Account) (any, error) { return a.ExtensionRequirements(ctx, id) }, `[{"type":"profile-extensions-requirements","usageInfo":null,"fields":[]}]`},
		"save extensions": {200, `{}`, `POST /v1/profiles/7/extensions {"details":{"accountPurpose":"SENDING_MONEY_REGULARLY_TO_FAMILY"}}`,
			func(a *Account) (any, error) {
				return nil, a.SaveExtensions(ctx, id, Extensions{AccountPurpose: "SENDING_MONEY_REGULARLY_TO_FAMILY"})
			}, "null"},
		"extensions": {200, `{"details":{"accountPurpose":null}}`, `GET /v1/profiles/7/extensions `,
			func(a *Account) (any, error) { return a.Extensions(ctx, id) }, `{"accountPurpose":null}`},
		"old status": {200, `{"profileId":7,"currentStatus":"verified"}`, `GET /v3/profiles/7/verification-status `,
			func(a *Account) (any, error) { return a.ProfileVerification(ctx, id) }, `{"profileId":7,"currentStatus":"verified"}`},
		"update v1": {200, `{"id":7,"type":"business","details":{"name":"Kade"}}`, `PUT /v1/profiles {"id":7,"type":"business","details":{"name":"Kade"}}`,
			func(a *Account) (any, error) {
				p, err := a.UpdateProfileV1(ctx, ProfileRequestV1{ID: id, Type: "business", Details: &DetailsV1{Name: "Kade"}})
				return []any{p.ID, p.Business.Name, p.Personal == nil}, err
			}, `[7,"Kade",true]`},
		"profiles v1": {200, `[{"id":7,"type":"personal","details":{"firstName":"Mira"}}]`, `GET /v1/profiles `,
			func(a *Account) (any, error) {
				list, err := a.ProfilesV1(ctx)
				return []any{len(list), list[0].Personal.FirstName, list[0].Business == nil}, err
			}, `[1,"Mira",true]`},
		"profile v1": {200, `{"id":7,"type":"personal","details":{"firstName":"Mira"}}`, `GET /v1/profiles/7 `,
			func(a *Account) (any, error) { p, err := a.ProfileV1(ctx, id); return p.ID, err }, `7`},
	} {
		t.Run(name, func(t *testing.T) { x.make(t) })
	}
}

// skipAnswer forgives an answer that is not of the call's type, where only the request matters.
func skipAnswer(err error) error {
	if errors.Is(err, ErrAnswer) {
		return nil
	}
	return err
}

// TestOnce: a key goes with writes that may be made again, and with nothing else; the account that it was taken from has none.
func TestOnce(t *testing.T) {
	ctx := t.Context()
	s, c := play(t, say(200, "[]"))
	account := c.Account(Token{AccessToken: "t2"})
	once := account.Once("key-2")
	for name, x := range map[string]struct {
		do   func() error
		want string
	}{
		"add":              {func() error { _, err := once.AddDirectors(ctx, 7, nil); return err }, "key-2"},
		"replace":          {func() error { _, err := once.ReplaceDirectors(ctx, 7, nil); return err }, ""},
		"read":             {func() error { _, err := once.Directors(ctx, 7); return err }, ""},
		"add without":      {func() error { _, err := account.AddDirectors(ctx, 7, nil); return err }, ""},
		"deprecated write": {func() error { return once.SaveExtensions(ctx, 7, Extensions{}) }, "key-2"},
		"create":           {func() error { _, err := once.CreateBusinessProfile(ctx, Business{}, ""); return skipAnswer(err) }, "key-2"},
		"create, own key": {func() error {
			_, err := once.CreatePersonalProfile(ctx, PersonalProfile{}, "key-3")
			return skipAnswer(err)
		}, ""},
		"upload": {func() error { return once.UploadDocument(ctx, 7, "ID_PROOF") }, "key-2"},
	} {
		if err := x.do(); err != nil {
			t.Fatal(name, err)
		}
		if got := s.last.Header.Get("Idempotency-Key"); got != x.want {
			t.Errorf("%s: key %q, want %q", name, got, x.want)
		}
	}
}

// TestUploadDocument: the files go as a multipart form, and nothing is expected back.
func TestUploadDocument(t *testing.T) {
	s, c := play(t, say(204, ""))
	account := c.Account(Token{AccessToken: "t2"})
	if err := account.UploadDocument(t.Context(), 7, "ID_PROOF", File{"front \"x\".png", []byte("\x89PNG")}, File{"back.pdf", []byte("%PDF-")}); err != nil {
		t.Fatal(err)
	}
	what, form, _ := strings.Cut(strings.TrimPrefix(s.asked[0], "POST "), " ")
	kind, parameters, err := mime.ParseMediaType(s.last.Header.Get("Content-Type"))
	if what != "/2026Q3/profiles/7/verification-status/upload-document" || kind != "multipart/form-data" || err != nil {
		t.Fatalf("%s %s %v", what, kind, err)
	}
	var got []string
	parts := multipart.NewReader(strings.NewReader(form), parameters["boundary"])
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		content, _ := io.ReadAll(part)
		got = append(got, part.FormName()+"|"+part.FileName()+"|"+string(content))
	}
	if want := "documentType||ID_PROOF files|front \"x\".png|\x89PNG files|back.pdf|%PDF-"; strings.Join(got, " ") != want {
		t.Errorf("%q", got)
	}
}

// TestPrefillRefusals: what a refusal said can be told apart, in each of its shapes.
func TestPrefillRefusals(t *testing.T) {
	refused := func(status int, body string) *Error {
		t.Helper()
		_, c := play(t, say(status, body))
		err := c.Account(Token{AccessToken: "t2"}).ReplaceIdentityDocument(t.Context(), 7, IdentityDocument{})
		var e *Error
		if !errors.As(err, &e) {
			t.Fatalf("no refusal: %v", err)
		}
		return e
	}
	e := refused(400, `{"errors":[{"code":"not.allowed.for.clientId","message":"no","field":"clientId"},{"code":"NotNull","message":"must not be null","field":"type"}]}`)
	if len(e.Fields) != 2 || e.Fields[0].Path != "clientId" || e.Fields[1].Path != "type" || e.Code != "not.allowed.for.clientId" {
		t.Errorf("fields %+v", e.Fields)
	}
	if e = refused(422, `{"errorMessage":"A tax id is needed first","success":false}`); e.Description != "A tax id is needed first" {
		t.Errorf("description %q", e.Description)
	}
	if e = refused(409, `{"errors":[{"code":"ALREADY_PROVIDED","message":"there","arguments":[]}]}`); !errors.Is(e, ErrDuplicate) {
		t.Errorf("%v is no duplicate", e)
	}
}
