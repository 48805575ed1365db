package web

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-id/latchkey/internal/customer"
)

// sample is a page in one state, with the values of the contract's examples.
type sample struct {
	name   string
	status int
	page   Page
}

const (
	sampleKey     = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
	sampleAddress = "otpauth://totp/Latchkey:mira.kade@example.org?algorithm=SHA1&digits=6&issuer=Latchkey&period=30&secret=" + sampleKey
	sampleReturn  = "https://app.acme.example/?code=lkc_70010001_1_q7Zx81Lm&state=t-5512&profileId=70010001"
	sampleMail    = "mira.kade@example.org"
)

var sampleDay = time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC)

func journeyFrame(step int, problems ...Problem) Frame {
	return Frame{Partner: Partner{Name: "Acme Treasury"}, Step: step, Base: "/j/k7Q2", Back: "/j/k7Q2/start", Leave: "/j/k7Q2/leave",
		FormToken: "sample-token", Idle: 30 * time.Minute, Problems: problems, Reference: "7f3a-91c2"}
}

func sampleSections(gaps bool) []ReviewSection {
	about := []ReviewRow{
		{Key: "name", Lines: []string{"Mira Kade"}, Source: SourcePartner, Needed: true},
		{Key: "preferred"},
		{Key: "birth", Date: time.Date(1988, 11, 30, 0, 0, 0, 0, time.UTC), Source: SourcePartner, Needed: true},
		{Key: "nationality", Country: "gbr", Source: SourceChecked},
	}
	if gaps {
		about[2] = ReviewRow{Key: "birth", Needed: true}
	}
	return []ReviewSection{
		{Key: "about", Rows: about},
		{Key: "contact", Rows: []ReviewRow{
			{Key: "email", Lines: []string{sampleMail}, Source: SourceProven, Fixed: true},
			{Key: "phone", Lines: []string{"+44 131 555 0142"}, Source: SourceCustomer, Needed: true},
		}},
		{Key: "address", Rows: []ReviewRow{
			{Key: "country", Country: "gbr", Source: SourcePartner, Needed: true},
			{Key: "address", Lines: []string{"7 Harbour Row", "Leith", "EH6 6AB"}, Source: SourcePartner, Needed: true, Changed: gaps},
		}},
		{Key: "more", Rows: []ReviewRow{
			{Key: "occupation", Lines: []string{"Joiner"}, Source: SourcePartner},
			{Key: "tax_number", Label: "Tax number", Needed: gaps},
		}},
	}
}

const samplePasskey = `{"rp":{"name":"Latchkey","id":"localhost"},"challenge":"c2FtcGxl"}`

func samplePasskeys() []PasskeyRow {
	return []PasskeyRow{{Path: "/security/passkeys/7", Name: "Phone", Added: sampleDay, Used: sampleDay, Synchronised: true}, {Path: "/security/passkeys/8", Added: sampleDay, Used: sampleDay, Copied: true}}
}

func sampleAsk(signIn, alone bool) *PasskeyAsk {
	ask := &PasskeyAsk{Options: samplePasskey, Action: "/signin/passkey", FormToken: "sample-token", Button: "r2.passkey.button", Alone: alone}
	if signIn {
		ask.Button, ask.Autofill = "r1.passkey", true
	}
	return ask
}

// businessSections are a review of a business that has much of everything.
func businessSections() []ReviewSection {
	day := func(text string) Message { return Say("c8.fact.born", "date", text) }
	directors := ReviewSection{Key: "directors-2", Kind: "directors", Label: "Kade Joinery Ltd", Add: "director-new-2", AddKind: "director"}
	for i := range 18 {
		directors.Rows = append(directors.Rows, ReviewRow{Key: "director-" + strconv.Itoa(i+1), Kind: "director", Label: "Jonas Kade " + strconv.Itoa(i+1),
			Facts: []Message{day("4 May 1961"), Say("c8.fact.lives", "country", "United Kingdom")}, Source: SourcePartner})
	}
	return append(sampleSections(false),
		ReviewSection{Key: "files-1", Kind: "files", Rows: []ReviewRow{
			{Key: "file-1", Kind: "file", Label: "passport.jpg", Lines: []string{"Shows who you are"}, Facts: []Message{Say("c8.fact.uploaded", "date", "21 November 2026")},
				Source: SourcePartner, Fixed: true, View: "/j/k7Q2/files/1", ViewID: "c8.view"},
			{Key: "file-2", Kind: "file", Label: "a-long-name-without-a-break-of-a-letter-that-lets-this-person-act-for-the-business-in-2026.pdf",
				Lines: []string{"Letter"}, Source: SourcePartner, Fixed: true, View: "/j/k7Q2/files/2", ViewID: "c8.download"}}},
		ReviewSection{Key: "business-2", Kind: "business", Label: "Kade Joinery Ltd", Rows: []ReviewRow{
			{Key: "business-name-2", Kind: "business-name", Lines: []string{"Kade Joinery Ltd"}, Source: SourcePartner, Needed: true},
			{Key: "business-number-2", Kind: "business-number", Needed: true},
			{Key: "business-type-2", Kind: "business-type", Lines: []string{"Limited company"}, Source: SourceChecked},
			{Key: "business-page-2", Kind: "business-page"},
			{Key: "business-address-2", Kind: "business-address", Lines: []string{"1 Dock Street", "Leith", "EH6 7AB"}, Country: "GB", Source: SourceCustomer}}},
		ReviewSection{Key: "acting-2", Kind: "acting", Label: "Kade Joinery Ltd", Rows: []ReviewRow{
			{Key: "acting-same-2", Kind: "acting-same", Facts: []Message{Say("c8.acting.you")}, Fixed: true}}},
		directors,
		ReviewSection{Key: "owners-2", Kind: "owners", Label: "Kade Joinery Ltd", Add: "owner-new-2", AddKind: "owner"})
}

// changedSections are these after the partner changed a director that is folded away, and took an owner.
func changedSections() []ReviewSection {
	all := businessSections()
	n := len(all)
	all[n-2].Rows[15].Changed = true
	all[n-1].Changed = true
	return all
}

func directorInputs() []Input {
	return []Input{{Name: "first_name", Label: "c9.field.first-name", Ask: AskText}, {Name: "last_name", Label: "c9.field.last-name", Ask: AskText, Value: "Kade"},
		{Name: "date_of_birth", Label: "c9.field.date-of-birth", Ask: AskDate, Day: "31", Month: "2", Year: "1961", Optional: true},
		{Name: "country", Label: "c9.field.country", Ask: AskCountry, Optional: true}}
}

func useInput() Input {
	return Input{Name: "business_use_case", Label: "c9.field.business-use-case", Ask: AskSeveral, Chosen: []string{"DONATION"},
		Options: []Option{{"DONATION", "Donation"}, {"OTHER", "Other"}}}
}

func sampleCodes() []string {
	return strings.Fields(`7K2M-9QXR-4TVB-H3ND 0C8F-YW6J-5PZE-A1GS 3RTM-K8VQ-X2ND-9HBW 6FJ4-ZP0C-GY7E-S5A1 T9XK-2MVR-4QHB-N3DW
		8C0F-J6YW-EP5Z-1SGA M3RT-QK8V-DX2N-W9HB 46FJ-CZP0-EGY7-1S5A XT9K-R2MV-B4QH-WN3D F8C0-WJ6Y-ZEP5-A1SG`)
}

func sampleScopes(optional bool) []AllowScope {
	scopes := []AllowScope{{Name: "profiles.read"}, {Name: "transfers", Acts: true}}
	if optional {
		scopes = append(scopes, AllowScope{Name: "statements", Title: "Your statements of the last 12 months", Optional: true})
	}
	return scopes
}

// samples are every page in every state that looks different.
func samples() []sample {
	var all []sample
	for _, group := range [][]sample{secureSamples(), reviewSamples(), decideSamples(), recoverySamples(), errorSamples(), securitySamples(), otherSamples()} {
		all = append(all, group...)
	}
	return all
}

func secureSamples() []sample {
	f := journeyFrame
	begin := f(0)
	begin.Back, begin.Leave, begin.Idle = "", "/j/k7Q2/leave", 0
	beginWrong := begin
	beginWrong.Problems = []Problem{Wrong("email", "c1.email.other")}
	beginEmpty := begin
	beginEmpty.Problems = []Problem{Wrong("email", "c1.email.empty")}
	resent := f(1)
	resent.Notices = []Message{Say("c2.sent")}
	moved := f(1)
	moved.Notices = []Message{Say("notice.moved")}
	all := []sample{
		{"c1-start", 200, &StartPage{Frame: begin}},
		{"c1-start-empty", 422, &StartPage{Frame: beginEmpty, MoreTime: true}},
		{"c1-start-other", 422, &StartPage{Frame: beginWrong, Email: "mira@example.net"}},
		{"notme", 200, &NotMePage{Frame: f(0)}},
		{"objection", 200, &ObjectionPage{Frame: Frame{Partner: Partner{Name: "Acme Treasury"}}, State: ObjectionOpen}},
		{"objection-made", 200, &ObjectionPage{State: ObjectionMade}},
		{"objection-over", 404, &ObjectionPage{State: ObjectionOver}},
		{"notme-proven", 200, &NotMePage{Frame: f(0), Proven: true}},
		{"c2-email", 200, &EmailPage{Frame: f(1)}},
		{"c2-email-sent", 200, &EmailPage{Frame: resent}},
		{"c2-email-limit", 429, &EmailPage{Frame: f(1, Wrong("", "c2.send.limit"))}},
		{"unreachable", 200, &UnreachablePage{Frame: f(1)}},
		{"birthdate", 200, &BirthDatePage{Frame: f(1)}},
		{"birthdate-wrong", 422, &BirthDatePage{Frame: f(1, Wrong("birth_day", "birthdate.wrong")), Day: "30", Month: "11", Year: "1989"}},
		{"c3-password", 200, &PasswordPage{Frame: f(1), Email: sampleMail}},
		{"c3-again", 200, &PasswordAgainPage{Frame: f(1), Email: sampleMail}},
		{"c3-again-wrong", 422, &PasswordAgainPage{Frame: f(1, Wrong("password", "r1.mismatch")), Email: sampleMail}},
		{"c4-second-step", 200, &SecondStepPage{Frame: moved}},
		{"c4-second-step-passkeys", 200, &SecondStepPage{Frame: f(1), Passkeys: true}},
		{"c4-second-step-empty", 422, &SecondStepPage{Frame: f(1, Wrong("method", "c4.method.empty"))}},
		{"c5-app-another", 200, &AppPage{Frame: f(1), Address: sampleAddress, Key: sampleKey, Another: true}},
		{"c6-passkey", 200, &PasskeyPage{Frame: f(1), Options: samplePasskey}},
		{"c6-passkey-refused", 422, &PasskeyPage{Frame: f(1, Wrong("", "c6.refused")), Options: samplePasskey}},
		{"c5-app", 200, &AppPage{Frame: f(1), Address: sampleAddress, Key: sampleKey}},
		{"c7-recovery-codes", 200, &RecoveryCodesPage{Frame: f(1), Codes: sampleCodes(), Email: sampleMail, Date: sampleDay}},
		{"c7-recovery-codes-empty", 422, &RecoveryCodesPage{Frame: f(1, Wrong("saved", "c7.saved.empty")), Codes: sampleCodes(), Email: sampleMail, Date: sampleDay}},
		{"done", 200, &DonePage{Frame: f(1), Next: "/j/k7Q2/review"}},
	}
	for _, id := range []string{"cancelled", "exists", "unsupported", "script"} {
		noted := f(1)
		noted.Notices = []Message{Say("c6." + id)}
		all = append(all, sample{"c6-passkey-" + id, 200, &PasskeyPage{Frame: noted, Options: samplePasskey}})
	}
	for _, id := range []string{"empty", "format", "wrong", "late", "late.limit"} {
		all = append(all, sample{"c2-email-" + id, 422, &EmailPage{Frame: f(1, Wrong("code", "c2.code."+id))}})
	}
	for _, id := range []string{"empty", "short", "long", "listed", "personal"} {
		all = append(all, sample{"c3-password-" + id, 422, &PasswordPage{Frame: f(1, Wrong("new_password", "c3.password."+id)), Email: sampleMail}})
	}
	for _, id := range []string{"empty", "format", "wrong", "reused"} {
		wrong := Wrong("code", "c5.code."+id)
		all = append(all, sample{"c5-app-" + id, 422, &AppPage{Frame: f(1, wrong), Address: sampleAddress, Key: sampleKey}},
			sample{"r2-" + id, 422, &SecondStepSignInPage{Frame: f(0, wrong)}})
	}
	for _, kept := range []Kept{KeptNothing, KeptPartner, KeptUnfinished, KeptAccount} {
		all = append(all, sample{"leave-" + string(kept), 200, &LeavePage{Frame: f(0), Kept: kept, Stay: "/j/k7Q2/email"}})
	}
	needs := []CheckNeed{}
	for i, key := range customer.RequirementKeys() {
		needs = append(needs, CheckNeed{Key: strings.ToLower(string(key)), State: []string{"not_provided", "in_review", "verified"}[i%3], Or: i == 1, Again: i == 3})
	}
	all = append(all, sample{"check", 200, &CheckPage{Frame: Frame{Partner: Partner{Name: "Acme Treasury"}}, Needs: needs, Open: 10}},
		sample{"check-one", 200, &CheckPage{Frame: Frame{Partner: Partner{Name: "Acme Treasury"}}, Needs: needs[:1], Open: 1}},
		sample{"check-ready", 200, &CheckPage{Frame: Frame{Partner: Partner{Name: "Acme Treasury"}}}})
	return all
}

func reviewSamples() []sample {
	f := journeyFrame
	gaps := []Problem{Wrong("birth", "c8.missing.birth"), Wrong("tax_number", "c8.missing.extra", "label", "Tax number")}
	date := func(field, id string) *BirthPage {
		return &BirthPage{Frame: f(2, Wrong(field, id)), Day: "31", Month: "2", Year: "1988"}
	}
	states := []Option{{"CA", "California"}, {"NV", "Nevada"}, {"NM", "New Mexico"}}
	return []sample{
		{"c8-review", 200, &ReviewPage{Frame: f(2), Sections: sampleSections(false), Version: "4"}},
		{"c8-review-gaps", 200, &ReviewPage{Frame: f(2), Sections: sampleSections(true), Missing: 2, Version: "4"}},
		{"c8-review-gap", 200, &ReviewPage{Frame: f(2), Sections: sampleSections(true), Missing: 1, Version: "4"}},
		{"c8-review-refused", 422, &ReviewPage{Frame: f(2, gaps...), Sections: sampleSections(true), Missing: 2, Version: "4"}},
		{"c8-review-stale", 409, &ReviewPage{Frame: f(2), Sections: sampleSections(true), Stale: true, Version: "5"}},
		{"c8-dispute", 200, &DisputePage{Frame: f(2), Row: sampleSections(false)[0].Rows[3]}},
		{"c8-dispute-empty", 422, &DisputePage{Frame: f(2, Wrong("note", "dispute.note.empty")), Row: sampleSections(false)[0].Rows[2]}},
		{"c9-name", 200, &NamePage{Frame: f(2), GivenName: "Mira", FamilyName: "Kade"}},
		{"c9-name-wrong", 422, &NamePage{Frame: f(2, Wrong("given_name", "c9.given.empty"), Wrong("family_name", "c9.family.empty")), OneName: true}},
		{"c9-preferred", 200, &PreferredPage{Frame: f(2), PreferredName: "Mimi"}},
		{"c9-preferred-long", 422, &PreferredPage{Frame: f(2, Wrong("preferred_name", "c9.preferred.long"))}},
		{"c9-birth", 200, &BirthPage{Frame: f(2)}},
		{"c9-birth-unreal", 422, date("birth_day", "c9.birth.unreal")},
		{"c9-birth-part", 422, &BirthPage{Frame: f(2, Wrong("birth_month", "c9.birth.part.month")), Day: "30", Year: "1988"}},
		{"c9-birth-year", 422, date("birth_year", "c9.birth.year.digits")},
		{"c9-phone", 200, &PhonePage{Frame: f(2), Phone: "+44 131 555 0142"}},
		{"c9-phone-empty", 422, &PhonePage{Frame: f(2, Wrong("phone", "c9.phone.empty")), Phone: "555 0142"}},
		{"c9-country", 200, &CountryPage{Frame: f(2), Country: "gbr"}},
		{"c9-country-empty", 422, &CountryPage{Frame: f(2, Wrong("country", "c9.country.empty")), Only: []string{"GB", "DE", "PL"}}},
		{"c9-nationality", 200, &NationalityPage{Frame: f(2), Nationality: "gbr"}},
		{"c9-nationality-wrong", 422, &NationalityPage{Frame: f(2, Wrong("nationality", "c9.nationality.unknown"))}},
		{"c9-address", 200, &AddressPage{Frame: f(2), Country: "gbr", Line1: "7 Harbour Row", City: "Leith", Postcode: "EH6 6AB"}},
		{"c9-address-us", 200, &AddressPage{Frame: f(2), Country: "usa", AskRegion: true, Regions: states, Region: "NV"}},
		{"c9-address-au", 200, &AddressPage{Frame: f(2), Country: "aus", AskRegion: true, NoPostcode: true}},
		{"c9-address-wrong", 422, &AddressPage{Frame: f(2, Wrong("line1", "c9.address.line1.empty"), Wrong("region", "c9.address.region.empty"),
			Wrong("postal_code", "c9.address.postal.wrong", "country", "United States")), Country: "usa", AskRegion: true, Regions: states, City: "Reno", Postcode: "EH6"}},
		{"c9-occupation", 200, &OccupationPage{Frame: f(2), Occupation: "Joiner"}},
		{"c9-occupation-empty", 422, &OccupationPage{Frame: f(2, Wrong("occupation", "c9.occupation.empty"))}},
		{"c8-review-business", 200, &ReviewPage{Frame: f(2), Sections: businessSections(), Version: "4"}},
		{"c8-review-elsewhere", 200, &ReviewPage{Frame: f(2), Elsewhere: true, Version: "4", Sections: []ReviewSection{{Key: "about",
			Rows: []ReviewRow{{Key: "name", Lines: []string{"Mira Kade"}, Source: SourceOther, Needed: true}}}}}},
		{"c8-review-business-stale", 409, &ReviewPage{Frame: f(2), Sections: changedSections(), Stale: true, Version: "4"}},
		{"c9-form-address", 200, &FormPage{Frame: f(2), Kind: "business-address", Inputs: []Input{
			{Name: "first_line", Label: "c9.field.first-line", Ask: AskText, Value: "1 Dock Street"},
			{Name: "region", Label: "c9.field.region", Ask: AskText, Optional: true}, {Name: "country", Label: "c9.field.country", Ask: AskCountry, Value: "GB"}}}},
		{"c9-form-director", 200, &FormPage{Frame: f(2), Kind: "director", Remove: true, Inputs: directorInputs()}},
		{"c9-form-director-wrong", 422, &FormPage{Frame: f(2, Wrong("first_name", "c9.first-name.empty"), Wrong("date_of_birth_day", "c9.birth.unreal")),
			Kind: "director", Remove: true, Inputs: directorInputs()}},
		{"c9-form-use", 200, &FormPage{Frame: f(2), Kind: "evidence-business-use-case", Inputs: []Input{useInput()}}},
		{"c9-form-use-empty", 422, &FormPage{Frame: f(2, Wrong("business_use_case-DONATION", "c9.business-use-case.empty")),
			Kind: "evidence-business-use-case", Inputs: []Input{useInput()}}},
		{"c9-form-countries", 422, &FormPage{Frame: f(2, Wrong("use_case_countries", "c9.country.name", "name", "Narnia")),
			Kind: "evidence-use-case-countries", Inputs: []Input{{Name: "use_case_countries", Label: "c9.field.use-case-countries", Ask: AskLines,
				Value: "United Kingdom\nNarnia"}}}},
		{"c9-form-type", 200, &FormPage{Frame: f(2), Kind: "business-type", Inputs: []Input{{Name: "company_type", Label: "c9.field.company-type", Ask: AskOne,
			Value: "LIMITED", Options: []Option{{"LIMITED", "Limited company"}, {"TRUST", "Trust"}}}}}},
		{"c9-extra", 200, &ExtraPage{Frame: f(2), Key: "tax_number", Label: "Tax number", Hint: "It is on your last tax letter.", Optional: true}},
		{"c9-extra-long", 422, &ExtraPage{Frame: f(2, Wrong("x_tax_number", "c9.extra.long", "label", "Tax number", "most", "10")), Key: "tax_number", Label: "Tax number", Value: "12345678901"}},
		{"c9-extra-wrong", 422, &ExtraPage{Frame: f(2, Wrong("x_tax_number", "c9.extra.wrong", "label", "Tax number")), Key: "tax_number", Label: "Tax number", Value: "12x"}},
		{"c9-extra-said", 422, &ExtraPage{Frame: f(2, Wrong("x_tax_number", "c9.extra.said", "message", "A tax number has 10 digits")), Key: "tax_number", Label: "Tax number", Value: "12x"}},
		{"c9-extra-choice", 200, &ExtraPage{Frame: f(2), Key: "resident", Label: "Do you live here all year?", Options: []Option{{"true", "Yes"}, {"false", "No"}}}},
		{"c9-extra-empty", 422, &ExtraPage{Frame: f(2, Wrong("x_tax_number", "c9.extra.empty", "label", "Tax number")), Key: "tax_number", Label: "Tax number"}},
	}
}

func decideSamples() []sample {
	f := journeyFrame
	until := time.Date(2027, 11, 22, 0, 0, 0, 0, time.UTC)
	two := []AllowProfile{{ID: "70010001", Name: "Mira Kade"}, {ID: "70010002", Name: "Kade Joinery Ltd", Business: true, Number: "12345678"}}
	signIn := f(0)
	signIn.Step, signIn.Leave, signIn.Idle, signIn.Back = 0, "", 0, ""
	wrong := signIn
	wrong.Problems = []Problem{Wrong("password", "r1.mismatch")}
	empty := signIn
	empty.Problems = []Problem{Wrong("email", "r1.email.empty"), Wrong("password", "r1.password.empty")}
	alone := Frame{FormToken: "sample-token", Notices: []Message{Say("notice.signedout")}}
	leaving := Frame{Partner: signIn.Partner}
	return []sample{
		{"c10-allow", 200, &AllowPage{Frame: f(3), Email: sampleMail, Scopes: sampleScopes(false), Until: until, Host: "app.acme.example", Profiles: two[:1]}},
		{"c10-allow-profiles", 200, &AllowPage{Frame: f(3), Email: sampleMail, Scopes: sampleScopes(true), Host: "app.acme.example", Profiles: two,
			Purpose: "To pay your suppliers from your Acme Treasury dashboard."}},
		{"c10-allow-profiles-empty", 422, &AllowPage{Frame: f(3, Wrong("profile", "c10.profile.empty")), Email: sampleMail, Scopes: sampleScopes(true), Until: until,
			Host: "app.acme.example", Profiles: two}},
		{"c10-allow-profiles-used", 200, &AllowPage{Frame: f(3), Email: sampleMail, Scopes: sampleScopes(true), Host: "app.acme.example",
			Profiles: []AllowProfile{two[0], {ID: "70010003", Name: "Kade Joinery Ltd", Business: true, Used: true}}}},
		{"c10-allow-later", 200, &AllowPage{Frame: f(3), Email: sampleMail, Scopes: sampleScopes(false)[:1], Later: true, Until: until, Host: "app.acme.example"}},
		{"c11-return", 200, &ReturnPage{Frame: leaving, Address: sampleReturn}},
		{"c11-return-app", 200, &ReturnPage{Frame: leaving, Address: "org.example.acme:/back?code=lkc_1_2_abc&state=t-5512"}},
		{"c11-connected", 200, &ReturnPage{Frame: leaving, Connected: true, Address: "https://app.acme.example/"}},
		{"c11-connected-bare", 200, &ReturnPage{Frame: leaving, Connected: true}},
		{"r1-signin", 200, &SignInPage{Frame: signIn, Forgot: "/forgot", Lost: "/signin/recovery-code"}},
		{"r1-signin-alone", 200, &SignInPage{Frame: alone}},
		{"r1-signin-wrong", 422, &SignInPage{Frame: wrong, Email: sampleMail}},
		{"r1-signin-empty", 422, &SignInPage{Frame: empty, MoreTime: true}},
		{"passkeys", 200, &PasskeysPage{Frame: Frame{Back: "/account", FormToken: "sample-token"}, Options: samplePasskey, Passkeys: samplePasskeys()}},
		{"passkeys-none", 200, &PasskeysPage{Frame: Frame{Back: "/account"}}},
		{"passkeys-long", 422, &PasskeysPage{Frame: Frame{Back: "/account", FormToken: "sample-token", Problems: []Problem{Wrong("passkey_name", "passkeys.name.long")}}, Options: samplePasskey, Passkeys: samplePasskeys()[:1]}},
		{"passkeys-known", 422, &PasskeysPage{Frame: Frame{Back: "/account", FormToken: "sample-token", Problems: []Problem{Wrong("", "passkeys.known")}}, Options: samplePasskey, Passkeys: samplePasskeys()}},
		{"passkeys-refused", 422, &PasskeysPage{Frame: Frame{Back: "/account", FormToken: "sample-token", Problems: []Problem{Wrong("", "passkeys.refused")}}, Options: samplePasskey}},
		{"passkeys-late", 422, &PasskeysPage{Frame: Frame{Back: "/account", FormToken: "sample-token", Problems: []Problem{Wrong("", "passkeys.late")}}, Options: samplePasskey}},
		{"passkeys-full", 422, &PasskeysPage{Frame: Frame{Back: "/account", Problems: []Problem{Wrong("", "passkeys.full")}}, Passkeys: samplePasskeys()}},
		{"r1-signin-passkey", 200, &SignInPage{Frame: signIn, Passkey: sampleAsk(true, false)}},
		{"r2-passkey", 200, &SecondStepSignInPage{Frame: signIn, Passkey: sampleAsk(false, true), NoApp: true}},
		{"r2-both", 200, &SecondStepSignInPage{Frame: signIn, Passkey: sampleAsk(false, false)}},
		{"r2", 200, &SecondStepSignInPage{Frame: signIn, Another: "/signin/recovery-code"}},
		{"r6-confirm", 200, &ConfirmPage{Frame: alone, Email: sampleMail, Another: "/signin?again=1"}},
		{"r6-confirm-wrong", 422, &ConfirmPage{Frame: Frame{FormToken: "sample-token", Problems: []Problem{Wrong("", "r6.wrong")}}, Email: sampleMail, Another: "/signin?again=1"}},
		{"r6-confirm-empty", 422, &ConfirmPage{Frame: Frame{FormToken: "sample-token", Problems: []Problem{Wrong("password", "r1.password.empty"), Wrong("code", "c5.code.empty")}}, Email: sampleMail, Another: "/signin?again=1"}},
		{"r6-confirm-both", 200, &ConfirmPage{Frame: alone, Email: sampleMail, Another: "/signin?again=1", Passkey: sampleAsk(false, false)}},
		{"r6-confirm-passkey", 200, &ConfirmPage{Frame: alone, Email: sampleMail, Another: "/signin?again=1", Passkey: sampleAsk(false, true), NoApp: true}},
		{"r5-continue", 200, &ContinuePage{Frame: signIn, Email: sampleMail, Different: "/j/k7Q2/different"}},
	}
}

func errorSamples() []sample {
	outside := Frame{Reference: "7f3a-91c2"}
	named := Frame{Reference: "7f3a-91c2", Partner: Partner{Name: "Acme Treasury"}}
	restart := Way{"way.restart", "https://app.acme.example/again?reason=code_expired&state=t-5512"}
	back := Way{"way.partner", "https://app.acme.example/?error=access_denied&error_description=code_unknown"}
	return []sample{
		{"e1", 410, &ErrorPage{Frame: named, Trouble: TroubleExpired, Way: restart}},
		{"e2", 410, &ErrorPage{Frame: named, Trouble: TroubleUsed, Way: restart}},
		{"e2-claimed", 410, &ErrorPage{Frame: named, Trouble: TroubleClaimed, Way: Way{"way.signin", "/signin?j=k7Q2"}}},
		{"e3", 410, &ErrorPage{Frame: named, Trouble: TroubleOver, Kept: KeptUnfinished, Way: restart}},
		{"e3-account", 410, &ErrorPage{Frame: named, Trouble: TroubleOver, Kept: KeptAccount, Way: Way{"way.signin", "/signin"}}},
		{"e4", 404, &ErrorPage{Frame: named, Trouble: TroubleUnknown, Way: back}},
		{"e5", 400, &UnknownRequestPage{Frame: outside}},
		{"e5-sandbox", 400, &UnknownRequestPage{Frame: outside, Given: "https://app.acme.example/bak?x=1",
			Registered: []string{"https://app.acme.example/back?x=1", "org.example.acme:/back"}}},
		{"e5-sandbox-none", 400, &UnknownRequestPage{Frame: outside, Given: "https://app.acme.example/"}},
		{"e6", 400, &ErrorPage{Frame: named, Trouble: TroubleCookie, Way: back}},
		{"e6-unknown", 400, &ErrorPage{Frame: outside, Trouble: TroubleCookie}},
		{"e10", 409, &ErrorPage{Frame: named, Trouble: TroubleExisting, Way: Way{"way.signin", "/j/k7Q2/existing"}}},
		{"request", 400, &ErrorPage{Frame: named, Trouble: TroubleRequest, Way: back}},
		{"e7", 403, &ErrorPage{Frame: named, Trouble: TroubleStale, Way: Way{"way.current", "/j/k7Q2/email"}}},
		{"e8", 429, &ErrorPage{Frame: named, Trouble: TroubleTries, Wait: 5 * time.Minute}},
		{"e8-hour", 429, &ErrorPage{Frame: named, Trouble: TroubleTries, Wait: time.Hour}},
		{"e8-closed", 429, &ErrorPage{Frame: named, Trouble: TroubleTries, Way: back}},
		{"e9", 409, &OtherCustomerPage{Frame: named, Email: sampleMail, Stay: back}},
		{"e11", 500, &ErrorPage{Frame: outside, Trouble: TroubleInside}},
		{"e12", 503, &ErrorPage{Frame: outside, Trouble: TroubleBusy, Wait: 30 * time.Second}},
		{"e13", 404, &ErrorPage{Frame: outside, Trouble: TroubleMissing, Way: Way{"way.home", "/account"}}},
		{"e14", 403, &ErrorPage{Frame: named, Trouble: TroubleHeld}},
	}
}

func sampleProposals() []DetailsRow {
	one := func(lines ...string) []ReviewRow { return []ReviewRow{{Key: "name", Lines: lines}} }
	return []DetailsRow{
		{Key: "name-70010001", Title: Say("c8.row.name"), Now: one("Mira Kade"), New: one("Moira Kade"), Until: 1},
		{Key: "birth-70010001", Title: Say("c8.row.birth"), New: []ReviewRow{{Key: "birth", Date: sampleDay}}, Until: 1},
		{Key: "directors-70010002", Title: Say("c8.section.directors"), Whose: "Kade Joinery Ltd", Now: one("Ada Roy"),
			New: []ReviewRow{{Key: "a", Lines: []string{"Ada Roy"}, Facts: []Message{Say("c8.fact.only")}}, {Key: "b", Lines: []string{"Ben Roy"}, Country: "GB"}}, Until: 1},
		{Key: "acting-70010002", Title: Say("c8.section.acting"), Whose: "Kade Joinery Ltd", Now: one("Jonas Kade"), New: one("Ada Roy"), Replaces: true, Until: 1},
	}
}

func sampleOwn(partner, back string) Frame {
	return Frame{Own: true, Partner: Partner{Name: partner}, Base: "/details", Back: back, FormToken: "sample-token"}
}

// dated are sections whose values have their days.
func dated(sections []ReviewSection) []ReviewSection {
	for _, s := range sections {
		for i := range s.Rows {
			s.Rows[i].At = sampleDay
		}
	}
	return sections
}

// ofOthers are sections of which nobody knows which partner gave a value.
func ofOthers(sections []ReviewSection) []ReviewSection {
	for _, s := range sections {
		for i := range s.Rows {
			if s.Rows[i].Source == SourcePartner {
				s.Rows[i].Source = SourceOther
			}
		}
	}
	return sections
}

// sampleActivity has each sentence once.
func sampleActivity() []ActivityRow {
	var rows []ActivityRow
	for _, what := range happenings() {
		rows = append(rows, ActivityRow{What: what, Partner: "Acme Treasury", At: sampleDay, Network: "192.0.2.0/24"})
	}
	slices.SortFunc(rows, func(a, b ActivityRow) int { return strings.Compare(a.What, b.What) })
	for _, what := range []string{"profile.created", "profile.changed", "proposed", "file", "contact"} {
		rows = append(rows, ActivityRow{What: "activity." + what + ".partner", Partner: "Acme Treasury", At: sampleDay})
	}
	return rows
}

func sampleCards() []AccessCard {
	given := AccessCard{Key: "7", Partner: "Acme Treasury", Scopes: sampleScopes(false), Since: sampleDay, Used: sampleDay, Until: sampleDay.AddDate(1, 0, 0),
		Profile: AllowProfile{Name: "Mira Kade"}}
	wide, stopped, ended := given, given, given
	wide.Key, wide.Partner, wide.Used, wide.Until = "8", "A Partner Whose Registered Name Is Rather Long Indeed", time.Time{}, time.Time{}
	wide.Profile = AllowProfile{Name: "Kade Joinery Ltd", Business: true, Number: "SC123456"}
	stopped.Key, stopped.Over, stopped.Stopped = "9", sampleDay, true
	ended.Key, ended.Over, ended.Profile = "10", sampleDay, AllowProfile{}
	waits := given
	waits.Key, waits.Waits = "11", true
	return []AccessCard{given, wide, stopped, ended, waits}
}

func securitySamples() []sample {
	f := func(problems ...Problem) Frame {
		return Frame{Back: "/security", FormToken: "sample-token", Problems: problems}
	}
	passkey, app := samplePasskeys()[0], AppRow{Path: "/security/apps/7", Added: sampleDay, Used: sampleDay}
	sessions := []SessionRow{{ID: "1", Browser: "Firefox", System: "Linux", Since: sampleDay, Seen: sampleDay, This: true},
		{ID: "2", Browser: "Samsung Internet", System: "Android", Since: sampleDay, Seen: sampleDay}, {ID: "3", Since: sampleDay, Seen: sampleDay}}
	whole := &SecurityPage{Frame: f(), Email: sampleMail, Passkeys: samplePasskeys(), Apps: []AppRow{app}, CodesLeft: 10, Works: true, More: true, Sessions: sessions}
	few := &SecurityPage{Frame: f(), Email: sampleMail, CodesLeft: 1, Sessions: sessions[:1]}
	all := []sample{
		{"security", 200, whole},
		{"security-few", 200, few},
		{"security-passkey", 200, &FactorPage{Frame: f(), Passkey: &passkey, Name: passkey.Name, Path: "/security/passkeys/7"}},
		{"security-passkey-last", 422, &FactorPage{Frame: f(Wrong("", "security.last")), Passkey: &passkey, Path: "/security/passkeys/7", Last: true}},
		{"security-passkey-long", 422, &FactorPage{Frame: f(Wrong("passkey_name", "passkeys.name.long")), Passkey: &passkey, Path: "/security/passkeys/7"}},
		{"security-app", 200, &FactorPage{Frame: f(), App: &app, Path: "/security/apps/7", Factor: "7"}},
		{"security-app-last", 200, &FactorPage{Frame: f(), App: &app, Path: "/security/apps/7", Factor: "7", Last: true}},
		{"security-app-new", 200, &AppPage{Frame: f(), Address: sampleAddress, Key: sampleKey}},
		{"security-codes", 200, &NewCodesPage{Frame: f(), Left: 2}},
		{"security-password", 200, &NewPasswordPage{Frame: f(), Email: sampleMail}},
		{"security-password-short", 422, &NewPasswordPage{Frame: f(Wrong("new_password", "c3.password.short")), Email: sampleMail}},
		{"security-email", 200, &NewEmailPage{Frame: f(), Email: sampleMail}},
		{"security-email-same", 422, &NewEmailPage{Frame: f(Wrong("new_email", "newemail.same")), Email: sampleMail, Typed: sampleMail}},
		{"security-email-taken", 422, &NewEmailPage{Frame: f(Wrong("", "newemail.taken")), Email: sampleMail}},
		{"security-email-code", 200, &EmailCodePage{Frame: f(), Address: sampleMail}},
		{"security-email-code-late", 422, &EmailCodePage{Frame: f(Wrong("code", "newemail.code.late")), Address: sampleMail}},
	}
	for _, done := range []string{"renamed", "passkey-removed", "app-removed", "app", "app-replaced", "apps-full", "codes", "password", "email", "ended", "over", "others", "gone"} {
		said := *few
		said.Notices = []Message{Say("security.done." + done)}
		all = append(all, sample{"security-done-" + done, 200, &said})
	}
	return all
}

func otherSamples() []sample {
	return []sample{
		{"home", 200, &HomePage{Name: "Mira Kade", Email: sampleMail, LastSignIn: sampleDay, CodesLeft: 10, Partners: []string{"Acme Treasury"}}},
		{"home-keep", 200, &HomePage{Email: sampleMail, CodesLeft: 10, Do: DoKeep, At: sampleDay}},
		{"home-decide", 200, &HomePage{Email: sampleMail, CodesLeft: 10, Do: DoDecide, Count: 2}},
		{"home-second", 200, &HomePage{Email: sampleMail, CodesLeft: 10, Do: DoSecond}},
		{"home-access", 200, &HomePage{Email: sampleMail, CodesLeft: 10, Do: DoAccess, At: sampleDay, Ends: "Acme Treasury"}},
		{"activity", 200, &ActivityPage{Frame: Frame{Back: "/account"}, Rows: sampleActivity(), Earlier: "/activity?before=7"}},
		{"activity-none", 200, &ActivityPage{Frame: Frame{Back: "/account"}}},
		{"close", 200, &ClosePage{At: sampleDay, Frame: Frame{Back: "/account", FormToken: "sample-token"}}},
		{"close-sure", 422, &ClosePage{At: sampleDay, Frame: Frame{Back: "/account", FormToken: "sample-token", Problems: []Problem{Wrong("sure", "close.sure.empty")}}}},
		{"close-keep", 200, &KeepPage{At: sampleDay, Frame: Frame{Back: "/account", FormToken: "sample-token"}}},
		{"receipts", 200, &ReceiptsPage{Frame: Frame{Back: "/account"}, Receipts: []ReceiptRow{{Partner: "Acme Treasury", At: sampleDay, Download: "/account/receipts/7"},
			{Partner: "Acme Treasury", At: sampleDay, Consent: true}}}},
		{"access", 200, &AccessPage{Frame: Frame{Back: "/account", Notices: []Message{Say("access.stopped")}}, Active: sampleCards()[:2], Over: sampleCards()[2:]}},
		{"access-none", 200, &AccessPage{Frame: Frame{Back: "/account"}}},
		{"access-stop", 200, &StopPage{Frame: Frame{Back: "/access", FormToken: "sample-token"}, Card: sampleCards()[0]}},
		{"receipts-none", 200, &ReceiptsPage{Frame: Frame{Back: "/account"}}},
		{"home-few", 200, &HomePage{Email: sampleMail, CodesLeft: 1, Do: DoCodes, Count: 1}},
		{"details", 200, &DetailsPage{Frame: sampleOwn("Acme Treasury", "/account"), Sections: dated(businessSections()), Proposed: 2}},
		{"details-other", 200, &DetailsPage{Frame: sampleOwn("", "/account"), Sections: ofOthers(dated(sampleSections(false))), Proposed: 1}},
		{"details-name", 200, &NamePage{Frame: sampleOwn("", "/details"), GivenName: "Mira", FamilyName: "Kade"}},
		{"details-wrong", 200, &DisputePage{Frame: sampleOwn("", "/details"), Row: sampleSections(false)[0].Rows[3]}},
		{"proposals", 200, &ProposalsPage{Frame: Frame{Back: "/account", FormToken: "sample-token"}, Rows: sampleProposals()}},
		{"proposals-choose", 422, &ProposalsPage{Frame: Frame{FormToken: "sample-token", Problems: []Problem{Wrong("choice-name-70010001", "details.choose")}}, Rows: sampleProposals()[:1]}},
		{"proposals-changed", 409, &ProposalsPage{Frame: Frame{FormToken: "sample-token", Notices: []Message{Say("details.changed")}}, Rows: sampleProposals()[1:]}},
		{"proposals-none", 200, &ProposalsPage{}},
		{"help", 200, &HelpPage{}},
		{"privacy", 200, &PrivacyPage{}},
		{"accessibility", 200, &AccessibilityPage{}},
	}
}
