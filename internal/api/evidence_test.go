package api

import (
	"strings"
	"testing"
)

const (
	personalEvidences = `{"accountPurpose":"MOVING_SAVINGS","accountPurposeExplanation":"For a house","intendedCountries":["gbr","deu"],"yearlyAnticipatedVolume":"0_2350","mainSourceOfIncome":"SALARY","annualIncome":"11501_19000","incomeExplanation":"A joiner's"}`
	businessEvidences = `{"businessUseCase":["PAYING_RENT_OR_UTILITIES","DONATION"],"intendedCountries":["gbr"],"mainSourceOfFunding":"REVENUE","monthlyAnticipatedVolume":"12000001_+"}`
)

// result is one entry of a 207.
func result(key, wrong string) string {
	if wrong != "" {
		return `{"evidenceRequirementKey":"` + key + `","result":"FAIL","message":"` + key + wrong + `"}`
	}
	return `{"evidenceRequirementKey":"` + key + `","result":"SUCCESS","message":"SUCCESS"}`
}

func results(status string, entries ...string) string {
	return `{"overallStatus":"` + status + `","results":[` + strings.Join(entries, ",") + `]}`
}

func good(keys ...string) []string {
	var all []string
	for _, key := range keys {
		all = append(all, result(key, ""))
	}
	return all
}

// Contract 11.2 and 11.3: what is asked for shrinks with what is given, which may be given again.
func TestEvidences(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	id, business := decimal(w.profile(p)), w.business(p)
	required := func(id, want string) {
		t.Helper()
		for _, path := range []string{"/v3/profiles/", "/2026Q3/profiles/"} {
			w.json("GET", path+id+"/verification-status/required-evidences", p.bearer, "").want(t, 200, `{"required_evidences":[`+want+`]}`)
		}
	}
	required(id, `"ACCOUNT_PURPOSE","USE_CASE_COUNTRIES","ANNUAL_VOLUME","INCOME"`)
	required(business, `"BUSINESS_USE_CASE","USE_CASE_COUNTRIES","SOURCE_OF_FUNDING","MONTHLY_VOLUME"`)
	path := "/additional-verification/upload-evidences"
	w.json("POST", "/v5/profiles/"+id+path, p.bearer, `{"accountPurpose":"INVESTING"}`).want(t, 207, results("SUCCESS", good("accountPurpose")...))
	required(id, `"USE_CASE_COUNTRIES","ANNUAL_VOLUME","INCOME"`)
	all := good("accountPurpose", "accountPurposeExplanation", "intendedCountries", "yearlyAnticipatedVolume", "mainSourceOfIncome", "annualIncome", "incomeExplanation")
	w.json("POST", "/2026Q3/profiles/"+id+path, p.bearer, personalEvidences).want(t, 207, results("SUCCESS", all...))
	w.json("POST", "/v5/profiles/"+id+path, p.bearer, personalEvidences).want(t, 207, results("SUCCESS", all...))
	required(id, ``)
	w.json("POST", "/v5/profiles/"+business+path, p.bearer, businessEvidences).want(t, 207,
		results("SUCCESS", good("intendedCountries", "businessUseCase", "mainSourceOfFunding", "monthlyAnticipatedVolume")...))
	required(business, ``)
}

// Contract 11.3, v5: of each evidence what became of it; v3: one bad makes all bad, and none is given twice.
func TestEvidenceErrors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	id, business := decimal(w.profile(p)), w.business(p)
	const path = "/additional-verification/upload-evidences"
	mixed := `{"accountPurpose":"FUN","accountPurposeExplanation":"` + strings.Repeat("x", 2001) + `","intendedCountries":["gbr deu"],"yearlyAnticipatedVolume":"","mainSourceOfIncome":"SALARY","incomeExplanation":"A joiner's","mainSourceOfFunding":"REVENUE","businessUseCase":null}`
	wrong := [][2]string{{"accountPurpose", " is not valid"}, {"accountPurposeExplanation", " is too long"}, {"intendedCountries", " is not valid"},
		{"yearlyAnticipatedVolume", " is missing"}, {"mainSourceOfIncome", " is taken only together with annualIncome"}}
	var entries, fields []string
	for _, x := range wrong {
		entries = append(entries, result(x[0], x[1]))
		fields = append(fields, `{"code":"BAD_REQUEST","message":"`+x[0]+x[1]+`","path":"`+x[0]+`","arguments":[]}`)
	}
	const foreign = " is not asked of this type of profile"
	w.json("POST", "/v5/profiles/"+id+path, p.bearer, mixed).want(t, 207, results("PARTIAL_SUCCESS", append(entries, result("incomeExplanation", ""), result("mainSourceOfFunding", foreign))...))
	w.json("POST", "/v5/profiles/"+business+path, p.bearer, personalEvidences).want(t, 207, results("PARTIAL_SUCCESS",
		result("accountPurpose", foreign), result("accountPurposeExplanation", foreign), result("intendedCountries", ""), result("yearlyAnticipatedVolume", foreign),
		result("mainSourceOfIncome", foreign), result("annualIncome", foreign), result("incomeExplanation", foreign)))
	w.json("POST", "/v5/profiles/"+id+path, p.bearer, `{"accountPurpose":"FUN"}`).want(t, 207, results("FAIL", entries[0]))
	none := fieldsOf(`{"code":"BAD_REQUEST","message":"There is no evidence in the body","arguments":[]}`)
	w.json("POST", "/v5/profiles/"+id+path, p.bearer, `{"unknown":1}`).want(t, 400, none)
	w.json("POST", "/v3/profiles/"+id+path, p.bearer, ``).want(t, 400, none)
	w.json("POST", "/v5/profiles/"+id+path, p.bearer, `{"intendedCountries":"gbr"}`).want(t, 400, fieldsOf(`{"code":"BAD_REQUEST","message":"The field has another type","path":"intendedCountries","arguments":[]}`))

	w.json("POST", "/v3/profiles/"+id+path, p.bearer, mixed).want(t, 400, fieldsOf(fields...))
	got := w.json("POST", "/v3/profiles/"+id+path, p.bearer, `{"accountPurpose":"INVESTING"}`)
	if got.want(t, 204, ``); got.header.Get("Content-Type") != "" {
		t.Errorf("204 with %v", got.header)
	}
	w.json("POST", "/v3/profiles/"+id+path, p.bearer, `{"accountPurpose":"MOVING_SAVINGS","annualIncome":"0_11500"}`).want(t, 409,
		fieldsOf(`{"code":"ALREADY_PROVIDED","message":"The evidence was given already","arguments":[]}`))
	w.json("POST", "/v3/profiles/"+id+path, p.bearer, `{"annualIncome":"0_11500"}`).want(t, 204, ``) // it was not stored before
	w.json("POST", "/v3/profiles/"+id+path, p.bearer, `{"mainSourceOfFunding":"REVENUE"}`).want(t, 400,
		fieldsOf(`{"code":"BAD_REQUEST","message":"mainSourceOfFunding`+foreign+`","path":"mainSourceOfFunding","arguments":[]}`))
}

// Contract 10.5: the extensions are the older way to say the purpose, and mean the same.
func TestExtensions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	id, business := decimal(w.profile(p)), w.business(p)
	base := "/v1/profiles/" + id
	const form = `[{"type":"profile-extensions-requirements","usageInfo":null,"fields":[{"name":"Account purpose","group":[{"key":"accountPurpose","type":"select","refreshRequirementsOnChange":false,"required":true,"displayFormat":null,"example":"CONTRIBUTING_TO_PERSONAL_SAVINGS","minLength":null,"maxLength":null,"validationRegexp":null,"validationAsync":null,"valuesAllowed":[{"key":"CONTRIBUTING_TO_PERSONAL_SAVINGS","name":"Contributing to personal savings"},{"key":"GENERAL_MONTHLY_LIVING_EXPENSES","name":"General monthly living expenses"},{"key":"PAYING_FOR_GOODS_OR_SERVICES_ABROAD","name":"Paying for goods or services abroad"},{"key":"SENDING_MONEY_REGULARLY_TO_FAMILY","name":"Sending money regularly to family"}]}]}]}]`
	w.json("GET", base+"/extension-requirements", p.bearer, "").want(t, 200, form)
	w.json("POST", base+"/extension-requirements", p.bearer, `{"details":{}}`).want(t, 200, form)
	w.json("GET", base+"/extensions", p.bearer, "").want(t, 200, `{"details":{"accountPurpose":null}}`)
	for _, purpose := range []string{"CONTRIBUTING_TO_PERSONAL_SAVINGS", "SENDING_MONEY_REGULARLY_TO_FAMILY"} {
		w.json("POST", base+"/extensions", p.bearer, `{"details":{"accountPurpose":"`+purpose+`"}}`).want(t, 200, `{}`)
		w.json("GET", base+"/extensions", p.bearer, "").want(t, 200, `{"details":{"accountPurpose":"`+purpose+`"}}`)
	}
	if got := w.json("GET", "/v3/profiles/"+id+"/verification-status/required-evidences", p.bearer, ""); strings.Contains(got.body, "ACCOUNT_PURPOSE") {
		t.Errorf("required %s", got.body)
	}
	invalid, missing := fieldsOf(old("ERROR", "accountPurpose", " is not valid")), fieldsOf(old("MISSING", "accountPurpose", " is missing"))
	w.json("POST", base+"/extensions", p.bearer, `{"details":{"accountPurpose":"FUN"}}`).want(t, 422, invalid)
	w.json("POST", base+"/extensions", p.bearer, `{}`).want(t, 422, missing)
	w.json("POST", "/v1/profiles/"+business+"/extensions", p.bearer, `{"details":{"accountPurpose":"CONTRIBUTING_TO_PERSONAL_SAVINGS"}}`).want(t, 422, invalid)
}
