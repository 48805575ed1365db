package customer

import "slices"

// A RequirementKey names one thing that a KYC review asks for (contract 11.5).
type RequirementKey string

// The keys that this server asks for by itself; a review may have any of RequirementKeys.
const (
	RequireAccountPurpose RequirementKey = "ACCOUNT_PURPOSE"
	RequireCountries      RequirementKey = "USE_CASE_COUNTRIES"
	RequireAnnualVolume   RequirementKey = "ANNUAL_VOLUME"
	RequireIncome         RequirementKey = "INCOME"
	RequireIDDocument     RequirementKey = "ID_DOCUMENT"
	RequireUseCase        RequirementKey = "BUSINESS_USE_CASE"
	RequireMonthlyVolume  RequirementKey = "BUSINESS_MONTHLY_VOLUME"
	RequireFunds          RequirementKey = "SOURCE_OF_FUNDS"
)

// RequirementKeys lists every documented key (contract 11.5).
func RequirementKeys() []RequirementKey {
	return []RequirementKey{"ACCOUNT_INTENT", RequireAccountPurpose, RequireAnnualVolume, "BUSINESS_ANNUAL_INCOME", "BUSINESS_AUTHORISATION_ID",
		"BUSINESS_AUTHORISATION_LETTER", "BUSINESS_DIRECTORS_CHECK", RequireMonthlyVolume, "BUSINESS_REGISTRATION_DOCS",
		"BUSINESS_SHAREHOLDERS_CHECK", "BUSINESS_SOURCE_OF_WEALTH", "BUSINESS_SOURCE_OF_WEALTH_INFO", "BUSINESS_SOURCE_OF_WEALTH_PROOF",
		"BUSINESS_ULTIMATE_BENEFICIAL_OWNER_ID", RequireUseCase, RequireIDDocument, RequireIncome, "INDIA_TRANSFER_PURPOSE",
		"PROOF_OF_TRADING_ADDRESS", RequireFunds, "SOURCE_OF_WEALTH", "SOURCE_OF_WEALTH_INFO", "SOURCE_OF_WEALTH_PROOF", "TAX_RESIDENCY",
		RequireCountries, "BUSINESS_CONTROLLING_PERSON", "BUSINESS_INCOME_CLASSIFICATION", "BUSINESS_SHAREHOLDER_CONTACT_DETAILS",
		"JPN_BUSINESS_CERT", "JPN_PERSONAL_MYNUMBER"}
}

// RequirementState is where one requirement stands.
type RequirementState string

// The states of a requirement (contract 11.5).
const (
	NotProvided RequirementState = "NOT_PROVIDED"
	InReview    RequirementState = "IN_REVIEW"
	Checked     RequirementState = "VERIFIED"
)

// A Requirement is one thing that a review asks for. A key is in a review at most once.
type Requirement struct {
	Key   RequirementKey   `json:"key"`
	State RequirementState `json:"state"`
	// Group is the same number for alternatives, of which one is enough; 0 stands alone.
	Group int `json:"group,omitempty"`
	// Again: what was given was not good enough, and must be given anew.
	Again bool `json:"again,omitempty"`
}

// Groups lists requirements with their alternatives: one of each group is needed (contract 11.5).
func Groups(all []Requirement) [][]Requirement {
	groups := [][]Requirement{}
	at := map[int]int{}
	for _, q := range all {
		if i, known := at[q.Group]; known && q.Group != 0 {
			groups[i] = append(groups[i], q)
			continue
		}
		at[q.Group] = len(groups)
		groups = append(groups, []Requirement{q})
	}
	return groups
}

// standing is where a group stands: as its best alternative.
func standing(group []Requirement) RequirementState {
	best := NotProvided
	for _, q := range group {
		if q.State == Checked {
			return Checked
		}
		if q.State == InReview {
			best = InReview
		}
	}
	return best
}

// A RequirementForm is what a submission of a requirement consists of: evidences, all of which are needed, or files.
type RequirementForm struct {
	Fields []Field
	// Purpose is what its files are for; "" where it takes none.
	Purpose Purpose
}

// FormOf is the form of a requirement; false where it cannot be submitted by API (contract 11.5, apiCollectionSupported).
func FormOf(key RequirementKey) (RequirementForm, bool) {
	switch key {
	case RequireAccountPurpose:
		return RequirementForm{Fields: []Field{AccountPurpose}}, true
	case RequireCountries:
		return RequirementForm{Fields: []Field{UseCaseCountries}}, true
	case RequireAnnualVolume:
		return RequirementForm{Fields: []Field{AnnualVolume}}, true
	case RequireIncome:
		return RequirementForm{Fields: []Field{SourceOfIncome, Income}}, true
	case RequireUseCase:
		return RequirementForm{Fields: []Field{BusinessUseCase}}, true
	case RequireMonthlyVolume:
		return RequirementForm{Fields: []Field{MonthlyVolume}}, true
	case RequireFunds:
		return RequirementForm{Fields: []Field{SourceOfFunding}}, true
	case RequireIDDocument, "BUSINESS_AUTHORISATION_ID", "BUSINESS_ULTIMATE_BENEFICIAL_OWNER_ID":
		return RequirementForm{Purpose: "ID_PROOF"}, true
	case "SOURCE_OF_WEALTH", "SOURCE_OF_WEALTH_PROOF", "BUSINESS_SOURCE_OF_WEALTH", "BUSINESS_SOURCE_OF_WEALTH_PROOF":
		return RequirementForm{Purpose: "SOURCE_OF_WEALTH"}, true
	case "PROOF_OF_TRADING_ADDRESS":
		return RequirementForm{Purpose: "TRADING_ADDRESS_PROOF"}, true
	case "BUSINESS_AUTHORISATION_LETTER":
		return RequirementForm{Purpose: "BUSINESS_AUTH_REP_PROOF_BY_AUTH_LETTER"}, true
	case "BUSINESS_REGISTRATION_DOCS", "JPN_BUSINESS_CERT":
		return RequirementForm{Purpose: "BUSINESS_REGISTRATION"}, true
	}
	return RequirementForm{}, false
}

// required lists what a review of a profile of that kind asks for.
func required(kind Kind) []RequirementKey {
	if kind == KindBusiness {
		return []RequirementKey{RequireUseCase, RequireCountries, RequireFunds, RequireMonthlyVolume}
	}
	return []RequirementKey{RequireAccountPurpose, RequireCountries, RequireAnnualVolume, RequireIncome, RequireIDDocument}
}

// fulfils reports whether the profile with its files has all that a requirement asks for. What is asked for again is a file that
// nobody has looked at, or a submission.
func (p Profile) fulfils(key RequirementKey, again bool, files []File) bool {
	form, known := FormOf(key)
	switch {
	case !known, again && form.Purpose == "":
		return false
	case form.Purpose != "":
		return slices.ContainsFunc(files, func(f File) bool { return f.Purpose == form.Purpose && (!again || f.ReviewedAt.IsZero()) })
	}
	return !slices.ContainsFunc(form.Fields, func(f Field) bool { return p.Value(f) == "" })
}
