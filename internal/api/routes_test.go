package api

import (
	"maps"
	"strings"
)

// A trial is how one route is tried out: a request that it takes, and what it makes of a bad one.
type trial struct {
	// business: the profile of the path is a business; otherwise it is the person.
	business bool
	// fresh: each request needs an account that has no profile yet.
	fresh bool
	// body is a good one, with PROFILE and REVIEW in the places of their ids; query follows the path.
	body, query string
	// status answers it; 0 is 200.
	status int
	// blind: the body is not looked at.
	blind bool
	// bad has several faults, and paths names all of them in the order of the one answer.
	bad, paths string
	// form makes the body a multipart form with these parts.
	form []sent
	// ott: the request names a one-time token.
	ott bool
}

var (
	oneFile = []sent{{"files", "a.pdf", pdf}}
	upload1 = append([]sent{{"documentType", "", "ID_PROOF"}}, oneFile...)
	submit1 = append([]sent{{"submissionData", "", `{"data":{},"version":"V1","kycReviewId":"REVIEW"}`}}, oneFile...)
)

const (
	hook    = `{"name":"n","trigger_on":"x-claims#state-change","delivery":{"version":"4.0.0","url":"https://hooks.acme.example/in"}}`
	badHook = `{"name":"","trigger_on":"no#thing","delivery":{"version":"9","url":"ftp://x"}}`
)

// trials has one for each route of the API, by method and address: TestEveryRoute fails on a route that is not here.
func trials() map[string]trial {
	all := map[string]trial{}
	for _, part := range []map[string]trial{trialsOfUsers(), trialsOfProfiles(), trialsOfPrefill(), trialsOfChecks(), trialsOfApprovals()} {
		maps.Copy(all, part)
	}
	return all
}

func trialsOfUsers() map[string]trial {
	signup := `{"email":"neu@example.org","registrationCode":"` + code + `"}`
	return map[string]trial{
		"POST /oauth/token":                                             {},
		"POST /oauth/introspect":                                        {},
		"GET /.well-known/oauth-authorization-server":                   {},
		"POST /oauth/revoke":                                            {},
		"POST /v1/user/signup/registration_code":                        {body: signup, status: 409, bad: `{"registrationCode":"short","language":"XX"}`, paths: "email registrationCode language"},
		"POST /v1/users/exists":                                         {body: `{"email":"a@example.org"}`, bad: `{}`, paths: "email"},
		"GET /v1/me":                                                    {},
		"GET /v1/users/{user}":                                          {},
		"GET /v1/users/{user}/contact-email":                            {},
		"PUT /v1/users/{user}/contact-email":                            {body: `{"email":"a@example.org"}`, bad: `{}`, paths: "email"},
		"POST /v1/users/{user}/wrong-person":                            {status: 409, blind: true},
		"POST /v1/user/claim-account":                                   {body: `{"registrationCode":"` + code + `"}`, bad: `{}`, paths: "registrationCode"},
		"POST /v3/applications/{client}/subscriptions":                  {body: hook, bad: badHook, paths: "name trigger_on delivery.url"},
		"GET /v3/applications/{client}/subscriptions":                   {},
		"GET /v3/applications/{client}/subscriptions/{subscription}":    {},
		"DELETE /v3/applications/{client}/subscriptions/{subscription}": {status: 204, blind: true},
		"POST /v3/applications/{client}/subscriptions/{subscription}/test-notifications": {blind: true},
		"POST /v3/profiles/{profile}/subscriptions":                                      {body: strings.Replace(hook, "x-claims#state-change", "balances#update", 1), bad: badHook, paths: "name trigger_on delivery.url"},
		"GET /v3/profiles/{profile}/subscriptions":                                       {},
		"GET /v3/profiles/{profile}/subscriptions/{subscription}":                        {},
		"DELETE /v3/profiles/{profile}/subscriptions/{subscription}":                     {status: 204, blind: true},
		"GET /v1/terms/{client}":                                                         {},
		"GET /webhooks/signing-key.pem":                                                  {},
		"GET /webhooks/signing-keys.json":                                                {},
		"GET /receipts/keys.json":                                                        {},
		"GET /openapi.json":                                                              {},
		"GET /docs":                                                                      {},
	}
}

func trialsOfProfiles() map[string]trial {
	const wrongPerson = `{"firstName":"","dateOfBirth":"x","address":{"countryIso3Code":"zz"},"contactDetails":{"phoneNumber":"1"}}`
	const personPaths = "address.countryIso3Code firstName lastName address.addressFirstLine address.city dateOfBirth contactDetails.email contactDetails.phoneNumber"
	const wrongBusiness = `{"businessName":"","companyType":"X","address":{}}`
	return map[string]trial{
		"POST /v2/profiles/personal-profile":                                  {fresh: true, body: mira, bad: wrongPerson, paths: personPaths},
		"PUT /v2/profiles/{profile}/personal-profile":                         {body: mira, bad: wrongPerson, paths: "address.countryIso3Code firstName dateOfBirth contactDetails.phoneNumber"},
		"GET /v2/profiles":                                                    {},
		"GET /v2/profiles/{profile}":                                          {},
		"POST /v2/profiles/business-profile":                                  {body: kadeV2, status: 409, bad: wrongBusiness, paths: "address.countryIso3Code businessName registrationNumber firstLevelCategory address.addressFirstLine address.city companyType"},
		"POST /v3/profiles/business-profile":                                  {body: kadeV3, fresh: true, bad: wrongBusiness, paths: "address.countryIso3Code businessName registrationNumber firstLevelCategory address.addressFirstLine address.city companyType businessRepresentative"},
		"POST /v5/profiles/business-profile":                                  {body: kadeV5, fresh: true, bad: wrongBusiness, paths: "address.countryIso3Code businessName registrationNumber industryCategories address.addressFirstLine address.city companyType businessRepresentative"},
		"PUT /v2/profiles/{profile}/business-profile":                         {business: true, body: kadeV2, bad: wrongBusiness, paths: "businessName companyType"},
		"PUT /v3/profiles/{profile}/business-profile":                         {business: true, body: kadeV5, bad: wrongBusiness, paths: "businessName companyType"},
		"GET /v3/profiles/{profile}/business-profile/business-representative": {business: true},
		"PUT /v3/profiles/{profile}/business-profile/business-representative": {business: true, body: `{"updateContext":"UPDATE_DETAILS",` + jonas + `}`,
			bad: `{"updateContext":"X","firstName":"","dateOfBirth":"x"}`, paths: "updateContext firstName dateOfBirth"},
		"POST /v1/profiles": {fresh: true, body: `{"type":"personal","details":{"firstName":"Mira","lastName":"Kade"}}`,
			bad: `{"type":"personal","details":{"dateOfBirth":"x","phoneNumber":"+1"}}`, paths: "firstName lastName dateOfBirth phoneNumber"},
		"PUT /v1/profiles": {body: `{"id":PROFILE,"type":"personal","details":{"firstName":"Mira"}}`,
			bad: `{"id":PROFILE,"type":"personal","details":{"dateOfBirth":"x","phoneNumber":"+1"}}`, paths: "dateOfBirth phoneNumber"},
		"GET /v1/profiles":           {},
		"GET /v1/profiles/{profile}": {},
	}
}

func trialsOfPrefill() map[string]trial {
	const directors, badDirectors = `[{"firstName":"Ada"}]`, `[{},{"firstName":"Ada","dateOfBirth":"x"}]`
	const badOwners = `[{},{"name":"Ada","ownershipPercentage":101}]`
	const evidences, badEvidences = `{"accountPurpose":"INVESTING","annualIncome":"0_11500"}`, `{"accountPurpose":"X","annualIncome":"Y"}`
	return map[string]trial{
		"POST /v1/addresses": {body: `{"profile":PROFILE,"details":{"country":"GB","firstLine":"7 Harbour Row","city":"Leith","postCode":"EH6 6AB"}}`,
			bad: `{"profile":PROFILE,"details":{"country":"GB"}}`, paths: "addressFirstLine addressCity addressPostCode"},
		"GET /v1/addresses":                                                    {query: "?profile=PROFILE"},
		"GET /v1/addresses/{address}":                                          {},
		"GET /v1/address-requirements":                                         {},
		"POST /v1/address-requirements":                                        {body: `{"profile":PROFILE,"details":{"country":"US"}}`},
		"POST /v1/profiles/{profile}/directors":                                {business: true, body: directors, bad: badDirectors, paths: "[0].firstName [1].dateOfBirth"},
		"PUT /v1/profiles/{profile}/directors":                                 {business: true, body: directors, bad: badDirectors, paths: "[0].firstName [1].dateOfBirth"},
		"GET /v1/profiles/{profile}/directors":                                 {business: true},
		"DELETE /v1/profiles/{profile}/directors":                              {business: true, blind: true},
		"POST /v1/profiles/{profile}/ubos":                                     {business: true, body: twoOwners, bad: badOwners},
		"PUT /v1/profiles/{profile}/ubos":                                      {business: true, body: twoOwners, bad: badOwners},
		"GET /v1/profiles/{profile}/ubos":                                      {business: true},
		"POST /v1/profiles/{profile}/verification-documents":                   {body: `{"type":"PASSPORT"}`, bad: `{"type":"X","issueDate":"y","issuerCountry":"zz"}`, paths: "type issueDate issuerCountry"},
		"PUT /v1/profiles/{profile}/verification-documents":                    {body: `{"clientId":"acme-treasury","type":"PASSPORT"}`, bad: `{"issueDate":"y"}`},
		"POST /v1/profiles/{profile}/update-window":                            {blind: true},
		"DELETE /v1/profiles/{profile}/update-window":                          {blind: true},
		"GET /v1/profiles/{profile}/extension-requirements":                    {},
		"POST /v1/profiles/{profile}/extension-requirements":                   {body: `{"details":{}}`, blind: true},
		"POST /v1/profiles/{profile}/extensions":                               {body: `{"details":{"accountPurpose":"CONTRIBUTING_TO_PERSONAL_SAVINGS"}}`, bad: `{"details":{"accountPurpose":"X"}}`, paths: "accountPurpose"},
		"GET /v1/profiles/{profile}/extensions":                                {},
		"GET /v3/profiles/{profile}/verification-status/required-evidences":    {},
		"POST /v5/profiles/{profile}/additional-verification/upload-evidences": {body: evidences, status: 207},
		"POST /v3/profiles/{profile}/additional-verification/upload-evidences": {body: evidences, status: 409, bad: badEvidences, paths: "accountPurpose annualIncome"},
		"POST /v3/profiles/{profile}/verification-status/upload-document":      {form: upload1, status: 204},
	}
}

func trialsOfChecks() map[string]trial {
	return map[string]trial{
		"POST /v3/profiles/{profile}/verification-status/bank-transfer": {query: "?source_currencies=GBP", blind: true},
		"GET /v3/profiles/{profile}/verification-status":                {},
		"GET /v1/profiles/{profile}/disputes":                           {},
		"GET /v1/receipts":                                              {},
		"POST /v1/profiles/{profile}/kyc-reviews":                       {body: trigger, status: 202, bad: `{"triggerData":{"id":"x"}}`, paths: "type triggerData.id"},
		"GET /v1/profiles/{profile}/kyc-reviews":                        {},
		"GET /v1/profiles/{profile}/kyc-reviews/{review}":               {},
		"GET /v2/profiles/{profile}/kyc-reviews/{review}":               {},
		"PATCH /v1/profiles/{profile}/kyc-reviews/{review}":             {body: `{"redirectUrl":"` + callee + `"}`, bad: `{}`, paths: "redirectUrl"},
		"POST /v2/profiles/{profile}/kyc-requirements/{requirement}":    {form: submit1, status: 202},
		"POST /2026Q3/profiles/{profile}/embedded-flows/link-requests/kyc-reviews": {body: `{"redirectUrl":"` + callee + `","kycReviewId":"REVIEW"}`, status: 201,
			bad: `{}`, paths: "redirectUrl kycReviewId"},
		"POST /v1/simulation/profiles/{profile}/verifications":                            {blind: true},
		"POST /v1/simulation/verify-profile":                                              {blind: true},
		"GET /v2/simulation/profiles/{profile}/kyc-reviews/{review}/requirements":         {},
		"POST /v2/simulation/profiles/{profile}/kyc-reviews/{review}/requirements/add":    {body: `{"requirement":"INDIA_TRANSFER_PURPOSE"}`},
		"POST /v2/simulation/profiles/{profile}/kyc-reviews/{review}/requirements/submit": {body: `{"requirement":"TAX_RESIDENCY"}`, status: 202},
		"POST /v2/simulation/profiles/{profile}/kyc-reviews/{review}/verify":              {body: `{"requestedAction":"APPROVE"}`},
	}
}

func trialsOfApprovals() map[string]trial {
	all := map[string]trial{
		"GET /v1/one-time-token/status":                   {ott: true},
		"POST /v1/one-time-token/{way}/trigger":           {ott: true, blind: true},
		"POST /v1/one-time-token/{way}/verify":            {ott: true, body: `{"otpCode":"111111"}`, bad: `{}`, paths: "otpCode"},
		"POST /v1/application/users/{user}/phone-numbers": {body: `{"phoneNumber":"+441315550SPARE"}`, status: 200, bad: `{}`, paths: "phoneNumber"},
		"GET /v1/auth/jose/response/public-keys":          {query: "?algorithm=PS256&scope=PAYLOAD_SIGNING"},
		"POST /v1/auth/jose/request/public-keys":          {body: `{"keyId":"x","scope":"PAYLOAD_SIGNING","publicKeyMaterial":{"algorithm":"ES256","keyMaterial":"x"}}`, status: 400, bad: `{}`, paths: "keyId scope publicKeyMaterial.algorithm publicKeyMaterial.keyMaterial"},
		"POST /v1/simulation/protected":                   {status: 403, blind: true},
	}
	for _, path := range []string{"POST /v2/profiles/{profile}/pin", "DELETE /v2/profiles/{profile}/pin", "POST /v2/profiles/{profile}/pin/verify",
		"POST /v2/profiles/{profile}/device-fingerprints", "GET /v2/profiles/{profile}/device-fingerprints", "POST /v2/profiles/{profile}/facemaps",
		"DELETE /v2/profiles/{profile}/facemaps", "POST /v2/profiles/{profile}/sca-sessions/authorise", "POST /v1/user/pin",
		"POST /v1/user/partner-device-fingerprints", "POST /v1/user/facemap/enrol"} {
		all[path] = trial{status: 501, blind: true}
	}
	return all
}
