package latchkey

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"mime/multipart"
	"strings"
)

// Evidences are what is asked about the use of an account (contract 11.3). What is empty is not sent and stays as it is.
type Evidences struct {
	// Of a person. Volumes and incomes are ranges of euros a year, such as 0_2350.
	AccountPurpose            string `json:"accountPurpose,omitempty"`
	AccountPurposeExplanation string `json:"accountPurposeExplanation,omitempty"`
	YearlyAnticipatedVolume   string `json:"yearlyAnticipatedVolume,omitempty"`
	// MainSourceOfIncome is taken only together with AnnualIncome.
	MainSourceOfIncome string `json:"mainSourceOfIncome,omitempty"`
	AnnualIncome       string `json:"annualIncome,omitempty"`
	IncomeExplanation  string `json:"incomeExplanation,omitempty"`
	// IntendedCountries are of persons and businesses: three lower-case letters each.
	IntendedCountries []string `json:"intendedCountries,omitempty"`
	// Of a business. The volume is a range of euros a month.
	BusinessUseCase          []string `json:"businessUseCase,omitempty"`
	MainSourceOfFunding      string   `json:"mainSourceOfFunding,omitempty"`
	MonthlyAnticipatedVolume string   `json:"monthlyAnticipatedVolume,omitempty"`
}

// EvidenceResults says which evidences were taken (contract 11.3).
type EvidenceResults struct {
	// OverallStatus is SUCCESS, PARTIAL_SUCCESS or FAIL.
	OverallStatus string           `json:"overallStatus"`
	Results       []EvidenceResult `json:"results"`
}

// EvidenceResult is about one evidence.
type EvidenceResult struct {
	// EvidenceRequirementKey is the field's name in [Evidences].
	EvidenceRequirementKey string `json:"evidenceRequirementKey"`
	// Result is SUCCESS or FAIL.
	Result  string `json:"result"`
	Message string `json:"message"`
}

// RequiredEvidences are what is asked for and was not given (contract 11.2), such as INCOME.
type RequiredEvidences struct {
	RequiredEvidences []string `json:"required_evidences"`
}

// ExtensionDetails are the extensions of a profile, the older way to say what an account is for (contract 10.5).
type ExtensionDetails struct {
	Details Extensions `json:"details"`
}

// Extensions are the values of [ExtensionDetails]: what the account is for, and the operator's own fields.
type Extensions struct {
	// AccountPurpose is CONTRIBUTING_TO_PERSONAL_SAVINGS, GENERAL_MONTHLY_LIVING_EXPENSES, PAYING_FOR_GOODS_OR_SERVICES_ABROAD
	// or SENDING_MONEY_REGULARLY_TO_FAMILY.
	AccountPurpose Maybe `json:"accountPurpose"`
	// Own are the fields that the operator of the server asks for beside the documented ones, by key: [Account.ExtensionRequirements]
	// lists them. A value is a string, a bool or a number, which reads as a [json.Number]; nil takes one back.
	Own map[string]any `json:"-"`
}

// MarshalJSON writes all of them side by side.
func (e Extensions) MarshalJSON() ([]byte, error) {
	all := map[string]any{}
	maps.Copy(all, e.Own)
	all["accountPurpose"] = e.AccountPurpose
	return json.Marshal(all)
}

// UnmarshalJSON reads them.
func (e *Extensions) UnmarshalJSON(raw []byte) error {
	var known struct {
		AccountPurpose Maybe `json:"accountPurpose"`
	}
	if err := json.Unmarshal(raw, &known); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var all map[string]any
	if err := d.Decode(&all); err != nil {
		return err
	}
	if delete(all, "accountPurpose"); len(all) == 0 {
		all = nil
	}
	e.AccountPurpose, e.Own = known.AccountPurpose, all
	return nil
}

// ExtensionRequirements is the form of the extensions (contract 10.5).
type ExtensionRequirements struct {
	Type string `json:"type"`
	// UsageInfo is always null.
	UsageInfo Maybe        `json:"usageInfo"`
	Fields    []FormFields `json:"fields"`
}

// ExtensionRequirements returns the form of a profile's extensions (contract 10.5). Deprecated in the contract: [Account.GiveEvidences] with
// an account purpose took its place, and either is seen by the other.
func (a *Account) ExtensionRequirements(ctx context.Context, id ProfileID) ([]ExtensionRequirements, error) {
	var form []ExtensionRequirements
	err := a.sendVersioned(ctx, "GET", "/v1/profiles/"+decimal(id)+"/extension-requirements", nil, &form)
	return form, wrap(err, "asking for extension requirements")
}

// SaveExtensions says what an account is for (contract 10.5, deprecated), and gives the operator's own fields. What is wrong with
// them comes as an [*Error] with the key as path and the operator's sentence as message. A purpose that is none of those in [Extensions] is an
// [*Error] with the path accountPurpose.
func (a *Account) SaveExtensions(ctx context.Context, id ProfileID, e Extensions) error {
	err := a.sendVersioned(ctx, "POST", "/v1/profiles/"+decimal(id)+"/extensions", ExtensionDetails{e}, nil)
	return wrap(err, "saving extensions")
}

// Extensions reads them (contract 10.5, deprecated); a purpose that has no name among them reads as none.
func (a *Account) Extensions(ctx context.Context, id ProfileID) (Extensions, error) {
	var e ExtensionDetails
	err := a.sendVersioned(ctx, "GET", "/v1/profiles/"+decimal(id)+"/extensions", nil, &e)
	return e.Details, wrap(err, "reading extensions")
}

// RequiredEvidences returns which evidences are asked for and missing (contract 11.2).
func (a *Account) RequiredEvidences(ctx context.Context, id ProfileID) ([]string, error) {
	var required RequiredEvidences
	err := a.send(ctx, "GET", "/profiles/"+decimal(id)+"/verification-status/required-evidences", nil, &required)
	return required.RequiredEvidences, wrap(err, "asking for required evidences")
}

// GiveEvidences gives evidences, also again (contract 11.3). Some may be taken and others not: the results say which.
func (a *Account) GiveEvidences(ctx context.Context, id ProfileID, e Evidences) (EvidenceResults, error) {
	var results EvidenceResults
	err := a.send(ctx, "POST", "/profiles/"+decimal(id)+"/additional-verification/upload-evidences", e, &results)
	return results, wrap(err, "giving evidences")
}

// File is a file to upload: a JPEG, PNG or PDF of at most 10 MB.
type File struct {
	Name    string
	Content []byte
}

// formBody is a multipart body, ready to be sent.
type formBody struct {
	kind string
	raw  []byte
}

// UploadDocument uploads the files of one document (contract 11.4). documentType is SOURCE_OF_WEALTH, ID_PROOF, ADDRESS_PROOF,
// TRADING_ADDRESS_PROOF or BUSINESS_AUTH_REP_PROOF_BY_AUTH_LETTER. At most five files of 10 MB each, JPEG, PNG or PDF by their content,
// whatever their names say: a larger one is an [*Error] with status 413, another type one with 415. [ErrDuplicate] means that files of this type wait for a review.
func (a *Account) UploadDocument(ctx context.Context, id ProfileID, documentType string, files ...File) error {
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	err := form.WriteField("documentType", documentType)
	for _, f := range files {
		if err == nil {
			part, creating := form.CreateFormFile("files", strings.ToValidUTF8(f.Name, "_"))
			if err = creating; err == nil {
				_, err = part.Write(f.Content)
			}
		}
	}
	if err == nil {
		err = form.Close()
	}
	if err != nil {
		return fmt.Errorf("writing an upload: %w", err)
	}
	err = a.send(ctx, "POST", "/profiles/"+decimal(id)+"/verification-status/upload-document", formBody{form.FormDataContentType(), b.Bytes()}, nil)
	return wrap(err, "uploading a document")
}
