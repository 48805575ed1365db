package latchkey

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// ReviewStamp is a moment in UTC written without a zone and with six digits of the second: 2031-02-03T04:05:06.123456 (contract
// 3.4, KYC reviews).
type ReviewStamp struct{ time.Time }

// MarshalJSON writes the stamp as a string, and the zero moment as null.
func (s ReviewStamp) MarshalJSON() ([]byte, error) {
	if s.IsZero() {
		return []byte("null"), nil
	}
	return []byte(s.UTC().Format(`"2006-01-02T15:04:05.000000"`)), nil
}

// UnmarshalJSON reads a moment without zone, and "" or null as the zero moment.
func (s *ReviewStamp) UnmarshalJSON(b []byte) (err error) {
	s.Time, err = parseMoment(b, "2006-01-02T15:04:05.999999999")
	return err
}

// NewKYCReview asks for a review of a profile (contract 11.5).
type NewKYCReview struct {
	// Type is QUOTE, PROACTIVE_SEND_MONEY or CARD.
	Type string `json:"type"`
	// TriggerData names what the review is for; needed with QUOTE.
	TriggerData *TriggerData `json:"triggerData,omitempty"`
}

// TriggerData names what a review is for.
type TriggerData struct {
	// ID is a UUID.
	ID string `json:"id,omitempty"`
}

// TriggerReference is what a review was made for.
type TriggerReference struct {
	Type        string      `json:"type"`
	TriggerData TriggerData `json:"triggerData"`
}

// The states of a review (contract 11.5); any may follow any.
const (
	ReviewNew                    = "NEW"
	ReviewPassed                 = "PASSED"
	ReviewPassedWithRequirements = "PASSED_WITH_REQUIREMENTS"
	ReviewWaitingCustomerInput   = "WAITING_CUSTOMER_INPUT"
	ReviewProcessing             = "PROCESSING"
)

// KYCReview is a review of a profile (contract 11.5).
type KYCReview struct {
	// ID is a UUID.
	ID string `json:"id"`
	// Status is one of the constants above.
	Status string `json:"status"`
	// Link leads the customer to the page of the review. It is in the answer to [Account.LinkKYCReview] alone, and there only while the
	// review waits for the customer.
	Link      *KYCLink    `json:"link,omitempty"`
	CreatedAt ReviewStamp `json:"createdAt"`
	UpdatedAt ReviewStamp `json:"updatedAt"`
	// RequiredBy is when the requirements of a review that has passed with some must be met; null otherwise.
	RequiredBy        ReviewStamp        `json:"requiredBy"`
	TriggerReferences []TriggerReference `json:"triggerReferences"`
	RedirectURL       Maybe              `json:"redirectUrl"`
	// Requirements are groups, of each of which one must be met.
	Requirements [][]KYCRequirement `json:"requirements"`
}

// LegacyKYCReview is a review as the paths with a version of their own write it: link is null where there is none.
type LegacyKYCReview struct {
	ID                string             `json:"id"`
	Status            string             `json:"status"`
	Link              *KYCLink           `json:"link"`
	CreatedAt         ReviewStamp        `json:"createdAt"`
	UpdatedAt         ReviewStamp        `json:"updatedAt"`
	RequiredBy        ReviewStamp        `json:"requiredBy"`
	TriggerReferences []TriggerReference `json:"triggerReferences"`
	RedirectURL       Maybe              `json:"redirectUrl"`
	Requirements      [][]KYCRequirement `json:"requirements"`
}

// KYCLink leads a customer to the page of a review, once, within five minutes.
type KYCLink struct {
	Value     string      `json:"value"`
	ExpiresAt ReviewStamp `json:"expiresAt"`
}

// KYCRequirement is one thing that a review asks for (contract 11.5).
type KYCRequirement struct {
	// Key is one of the documented keys, such as ID_DOCUMENT.
	Key string `json:"key"`
	// State is NOT_PROVIDED, IN_REVIEW or VERIFIED.
	State string `json:"state"`
	// APICollectionSupported: [Account.SubmitKYCRequirement] takes it.
	APICollectionSupported bool `json:"apiCollectionSupported"`
	// AdditionalRequirements is not empty where what was given was not good enough: it must be given again.
	AdditionalRequirements []KYCAddition `json:"additionalRequirements,omitempty"`
	// Versions are those in which it can be submitted.
	Versions []KYCVersion `json:"versions,omitempty"`
	// Attributes say what its files must be; nil for a requirement without files, and under the older paths.
	Attributes *KYCAttributes `json:"attributes,omitempty"`
}

// KYCAddition is what a requirement needs in addition to what was given for it.
type KYCAddition struct {
	Key   string `json:"key"`
	State string `json:"state"`
}

// KYCAttributes are the bounds of the files that a requirement takes.
type KYCAttributes struct {
	// DocumentType is what uploads of the same files name.
	DocumentType string `json:"documentType"`
	MostFiles    int    `json:"maxFiles"`
	// LargestFile is in bytes, for each.
	LargestFile int `json:"maxFileSize"`
}

// KYCVersion is a version of a requirement's submission.
type KYCVersion struct {
	Version    string      `json:"version"`
	ValidUntil ReviewStamp `json:"validUntil"`
}

// KYCRedirect asks for a link (contract 11.5).
type KYCRedirect struct {
	// RedirectURL is one of the client's registered redirect addresses; the customer gets there with status=success, failed or closed.
	RedirectURL string `json:"redirectUrl"`
	// KYCReviewID is for embedded flows.
	KYCReviewID string `json:"kycReviewId,omitempty"`
}

// EmbeddedFlow answers a request for a link in 2026Q3 (contract 11.5).
type EmbeddedFlow struct {
	URL       string      `json:"url"`
	ExpiresAt ReviewStamp `json:"expiresAt"`
}

// KYCSubmission is what a requirement asks for (contract 11.5). Data are the evidences of [Evidences]; Files are pictures or PDFs.
type KYCSubmission struct {
	KYCReviewID string
	Data        Evidences
	Files       []File
}

// SubmissionProblem is one entry of an E4 body (contract 3.3).
type SubmissionProblem struct {
	// Code is invalid_value, missing_value, parameter_missing or invalid_request.
	Code string `json:"code"`
	// Ref is the field.
	Ref        string   `json:"ref"`
	Detail     string   `json:"detail,omitempty"`
	Attributes []string `json:"attributes,omitempty"`
}

// SubmissionError is the E4 body (contract 3.3): kyc-requirements only.
type SubmissionError struct {
	Type     string              `json:"type"`
	Title    string              `json:"title"`
	Status   int                 `json:"status"`
	Instance string              `json:"instance"`
	Detail   string              `json:"detail,omitempty"`
	Errors   []SubmissionProblem `json:"errors"`
}

// SimulationError is the E5 body (contract 3.3): simulation only.
type SimulationError struct {
	Code        string  `json:"code"`
	Category    string  `json:"category"`
	Description string  `json:"description"`
	Details     *string `json:"details"`
}

// SimulatedRequirements lists the requirements of a review in a sandbox (contract 14).
type SimulatedRequirements struct {
	Requirements []SimulatedRequirement `json:"requirements"`
}

// SimulatedRequirement is one of them.
type SimulatedRequirement struct {
	Key         string `json:"key"`
	State       string `json:"state"`
	Description Maybe  `json:"description"`
}

// SimulatedStep drives a review in a sandbox (contract 14).
type SimulatedStep struct {
	// RequestedAction is APPROVE or REJECT.
	RequestedAction string `json:"requestedAction,omitempty"`
	// Requirement is the one to add or to provide.
	Requirement string `json:"requirement,omitempty"`
	// Requirements are those to decide about, all that are open when empty; or several to add, of which one will be enough.
	Requirements []string `json:"requirements,omitempty"`
}

func reviews(id ProfileID) string { return "/profiles/" + decimal(id) + "/kyc-reviews" }

// CreateKYCReview asks for a review of a profile (contract 11.5). It asks for what is missing, and has passed at once where nothing
// is. Reviews made before the claim end with it.
func (a *Account) CreateKYCReview(ctx context.Context, id ProfileID, r NewKYCReview) (KYCReview, error) {
	var made KYCReview
	err := a.send(ctx, "POST", reviews(id), r, &made)
	return made, wrap(err, "creating a KYC review")
}

// KYCReviews lists a page of the reviews that have not passed (contract 11.5, 3.5); pages count from 1 and hold 100, and one beyond
// the last is empty.
func (a *Account) KYCReviews(ctx context.Context, id ProfileID, page int) ([]KYCReview, error) {
	var list []KYCReview
	err := a.send(ctx, "GET", reviews(id)+"?pageNumber="+strconv.Itoa(page), nil, &list)
	return list, wrap(err, "listing KYC reviews")
}

// KYCReview reads one review (contract 11.5). One of another partner, of before the claim, or that does not exist is [ErrNotFound].
func (a *Account) KYCReview(ctx context.Context, id ProfileID, review string) (KYCReview, error) {
	var r KYCReview
	err := a.send(ctx, "GET", reviews(id)+"/"+url.PathEscape(review), nil, &r)
	return r, wrap(err, "reading a KYC review")
}

// LinkKYCReview makes a link to the page of a review (contract 11.5): for 300 seconds, once, and it ends the one before. redirectURL
// is where the customer goes from there, with status=success, failed or closed: one of your registered redirect addresses, byte
// for byte, or it is an [*Error] with the path redirectUrl (design 10.19). Without [KYCReview.Link] the review waits for nothing.
func (a *Account) LinkKYCReview(ctx context.Context, id ProfileID, review, redirectURL string) (KYCReview, error) {
	var r KYCReview
	err := a.send(ctx, "PATCH", reviews(id)+"/"+url.PathEscape(review), KYCRedirect{RedirectURL: redirectURL}, &r)
	return r, wrap(err, "linking a KYC review")
}

// EmbedKYCReview makes a link like [Account.LinkKYCReview], in the form of 2026Q3 (contract 11.5). Either ends the other's.
func (a *Account) EmbedKYCReview(ctx context.Context, id ProfileID, review, redirectURL string) (EmbeddedFlow, error) {
	var flow EmbeddedFlow
	err := a.send(ctx, "POST", "/profiles/"+decimal(id)+"/embedded-flows/link-requests/kyc-reviews", KYCRedirect{redirectURL, review}, &flow)
	return flow, wrap(err, "embedding a KYC review")
}

// SubmitKYCRequirement provides what a review asks for (contract 11.5): key is that of the requirement, and what it takes is in
// [KYCRequirement]. What is wrong is an [*Error] with fields such as data.annualIncome or files; a review that does not wait for
// it has the path kycReviewId. The limits of files are those of [Account.UploadDocument].
func (a *Account) SubmitKYCRequirement(ctx context.Context, id ProfileID, key string, s KYCSubmission) error {
	form, err := s.form()
	if err != nil {
		return fmt.Errorf("writing a submission: %w", err)
	}
	err = a.send(ctx, "POST", "/profiles/"+decimal(id)+"/kyc-requirements/"+url.PathEscape(key), form, nil)
	return wrap(err, "submitting a KYC requirement")
}

// form writes the multipart body (contract 11.5).
func (s KYCSubmission) form() (formBody, error) {
	text, err := json.Marshal(submissionData{s.Data, "V1", s.KYCReviewID})
	if err != nil {
		return formBody{}, err
	}
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	err = form.WriteField("submissionData", string(text))
	for _, f := range s.Files {
		if err == nil {
			part, creating := form.CreateFormFile("files[]", strings.ToValidUTF8(f.Name, "_"))
			if err = creating; err == nil {
				_, err = part.Write(f.Content)
			}
		}
	}
	if err == nil {
		err = form.Close()
	}
	return formBody{form.FormDataContentType(), b.Bytes()}, err
}

// submissionData is the JSON text in the form.
type submissionData struct {
	Data        Evidences `json:"data"`
	Version     string    `json:"version"`
	KYCReviewID string    `json:"kycReviewId"`
}

// SimulateKYCRequirements lists the requirements of a review in a sandbox (contract 14). Elsewhere it is [ErrNotFound].
func (a *Account) SimulateKYCRequirements(ctx context.Context, id ProfileID, review string) ([]SimulatedRequirement, error) {
	var list SimulatedRequirements
	err := a.send(ctx, "GET", "/simulation"+reviews(id)+"/"+url.PathEscape(review)+"/requirements", nil, &list)
	return list.Requirements, wrap(err, "listing simulated requirements")
}

// What [Account.SimulateKYCReview] does to a review (contract 14).
const (
	// SimulateAdd asks for one more requirement, or for one of several.
	SimulateAdd = "requirements/add"
	// SimulateSubmit provides a requirement without what it asks for.
	SimulateSubmit = "requirements/submit"
	// SimulateVerify approves or rejects requirements, all that are open when none is named.
	SimulateVerify = "verify"
)

// SimulateKYCReview drives a review in a sandbox (contract 14): what is [SimulateAdd], [SimulateSubmit] or [SimulateVerify]. A step that
// the review does not take now is an [*Error] with the code kyc_review.state_update_not_allowed. Elsewhere it is [ErrNotFound].
func (a *Account) SimulateKYCReview(ctx context.Context, id ProfileID, review, what string, step SimulatedStep) error {
	err := a.send(ctx, "POST", "/simulation"+reviews(id)+"/"+url.PathEscape(review)+"/"+what, step, nil)
	return wrap(err, "simulating a KYC review")
}
