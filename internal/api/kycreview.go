package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/latchkey-id/latchkey"
	"github.com/latchkey-id/latchkey/internal/customer"
)

// uuid is the form of the ids that partners give.
var uuid = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// createReview asks for a review (contract 11.5).
func (d *Door) createReview(c *call) (any, error) {
	id, err := c.number("profile")
	if err != nil {
		return nil, err
	}
	var in latchkey.NewKYCReview
	if err := c.body.into(&in); err != nil {
		return nil, err
	}
	fields := c.body.notNull("type")
	wrong := func(path, message string) {
		fields = append(fields, latchkey.FieldError{Code: "BAD_REQUEST", Message: message, Path: path, Arguments: []string{}})
	}
	if c.body.has("type") && !slices.Contains(customer.TriggerTypes(), in.Type) {
		wrong("type", "The type is not one of "+strings.Join(customer.TriggerTypes(), " "))
	}
	trigger := customer.Trigger{Type: in.Type}
	if in.TriggerData != nil {
		trigger.ID = strings.ToLower(in.TriggerData.ID)
	}
	switch {
	case trigger.ID == "" && in.Type == "QUOTE":
		fields = append(fields, c.body.notNull("triggerData.id")...)
		if c.body.has("triggerData.id") {
			wrong("triggerData.id", "The id is not a UUID")
		}
	case trigger.ID != "" && !uuid.MatchString(trigger.ID):
		wrong("triggerData.id", "The id is not a UUID")
	}
	if len(fields) > 0 {
		return nil, fieldsError{400, fields}
	}
	return once(c, http.StatusAccepted, c.reviewOf, func(by customer.Caller) (customer.KYCReview, error) {
		return d.Customers.CreateReview(c.r.Context(), by, customer.ProfileID(id), trigger)
	})
}

// reviews lists a page of those that have not passed (contract 3.5, 11.5).
func (d *Door) reviews(c *call) (any, error) {
	id, err := c.number("profile")
	if err != nil {
		return nil, err
	}
	page, fields := c.pageNumber("pageNumber", 1, 1<<31-1, nil)
	size, fields := c.pageNumber("pageSize", 100, 100, fields)
	if len(fields) > 0 {
		return nil, fieldsError{400, fields}
	}
	list, err := d.Customers.Reviews(c.r.Context(), c.caller(), customer.ProfileID(id))
	answer := []any{}
	for i := (page - 1) * size; i < len(list) && i < page*size; i++ {
		answer = append(answer, c.reviewOf(list[i]))
	}
	return answer, err
}

// pageNumber reads a number from 1 to most of the query.
func (c *call) pageNumber(name string, usual, most int, fields []latchkey.FieldError) (int, []latchkey.FieldError) {
	text := c.r.URL.Query().Get(name)
	if text == "" {
		return usual, fields
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return usual, append(fields, latchkey.FieldError{Code: "BAD_REQUEST", Message: "The number is not between 1 and " + strconv.Itoa(most), Path: name,
			Arguments: []string{}})
	}
	return n, fields
}

// reviewID reads the id of a review from the path. What is no UUID names none.
func (c *call) reviewID() (string, error) {
	text := strings.ToLower(c.r.PathValue("review"))
	if !uuid.MatchString(text) {
		return "", customer.ErrNoReview
	}
	return text, nil
}

// review reads one.
func (d *Door) review(c *call) (any, error) {
	id, err := c.number("profile")
	if err != nil {
		return nil, err
	}
	publicID, err := c.reviewID()
	if err != nil {
		// The profile comes first: an unknown one is refused whatever is asked of it.
		if _, foreign := d.Customers.Profile(c.r.Context(), c.caller(), customer.ProfileID(id)); foreign != nil {
			err = foreign
		}
		return nil, err
	}
	r, err := d.Customers.Review(c.r.Context(), c.caller(), customer.ProfileID(id), publicID)
	return c.reviewOf(r), err
}

// linkReview makes a link (contract 11.5).
func (d *Door) linkReview(c *call) (any, error) {
	id, err := c.number("profile")
	if err != nil {
		return nil, err
	}
	publicID, err := c.reviewID()
	if err != nil {
		return d.review(c)
	}
	var in latchkey.KYCRedirect
	if err := c.body.into(&in); err != nil {
		return nil, err
	}
	if fields := c.body.notNull("redirectUrl"); len(fields) > 0 {
		return nil, fieldsError{400, fields}
	}
	r, text, err := d.Customers.LinkReview(c.r.Context(), c.caller(), c.partner, customer.ProfileID(id), publicID, in.RedirectURL)
	if err != nil {
		return nil, err
	}
	answer := reviewOf(r, c.calendar())
	if text != "" {
		answer.Link = &latchkey.KYCLink{Value: d.linkAddress(text), ExpiresAt: latchkey.ReviewStamp{Time: r.Link.ExpiresAt}}
	}
	return c.shaped(answer), nil
}

// linkAddress is where a link leads: a page of ours.
func (d *Door) linkAddress(text string) string { return d.PagesURL + "/check/" + text }

// embedReview makes a link in the form of 2026Q3 (contract 11.5).
func (d *Door) embedReview(c *call) (any, error) {
	id, err := c.number("profile")
	if err != nil {
		return nil, err
	}
	var in latchkey.KYCRedirect
	if err := c.body.into(&in); err != nil {
		return nil, err
	}
	if fields := c.body.notNull("redirectUrl", "kycReviewId"); len(fields) > 0 {
		return nil, fieldsError{400, fields}
	}
	r, text, err := d.Customers.LinkReview(c.r.Context(), c.caller(), c.partner, customer.ProfileID(id), strings.ToLower(in.KYCReviewID), in.RedirectURL)
	switch {
	case err != nil:
		return nil, err
	case text == "":
		return nil, customer.ErrReviewState
	}
	return answered{http.StatusCreated, latchkey.EmbeddedFlow{URL: d.linkAddress(text), ExpiresAt: latchkey.ReviewStamp{Time: r.Link.ExpiresAt}}}, nil
}

// reviewOf is a review as the caller's family of paths writes it.
func (c *call) reviewOf(r customer.KYCReview) any { return c.shaped(reviewOf(r, c.calendar())) }

// shaped puts the link, or null, into reviews of the older family.
func (c *call) shaped(r latchkey.KYCReview) any {
	if c.calendar() {
		return r
	}
	return latchkey.LegacyKYCReview(r)
}

// reviewOf writes a review. The state VERIFIED is of the calendar labels alone; before, what is verified is not asked for any
// more (contract 1.2, 11.5).
func reviewOf(r customer.KYCReview, calendar bool) latchkey.KYCReview {
	answer := latchkey.KYCReview{ID: r.PublicID, Status: string(r.State), CreatedAt: latchkey.ReviewStamp{Time: r.CreatedAt},
		UpdatedAt: latchkey.ReviewStamp{Time: r.UpdatedAt}, RequiredBy: latchkey.ReviewStamp{Time: r.RequiredBy},
		TriggerReferences: []latchkey.TriggerReference{}, RedirectURL: latchkey.Maybe(r.RedirectURI), Requirements: [][]latchkey.KYCRequirement{}}
	for _, t := range r.Triggers {
		answer.TriggerReferences = append(answer.TriggerReferences, latchkey.TriggerReference{Type: t.Type, TriggerData: latchkey.TriggerData{ID: t.ID}})
	}
	for _, alternatives := range customer.Groups(r.Requirements) {
		met := slices.ContainsFunc(alternatives, func(q customer.Requirement) bool { return q.State == customer.Checked })
		if met && !calendar {
			continue
		}
		group := make([]latchkey.KYCRequirement, len(alternatives))
		for i, q := range alternatives {
			group[i] = requirementOf(q, calendar)
		}
		answer.Requirements = append(answer.Requirements, group)
	}
	return answer
}

// requirementOf writes one requirement. What is asked for again, since what was given was not good enough, says so as what it
// needs in addition; what its files must be is told under the calendar labels (contract 11.5).
func requirementOf(q customer.Requirement, calendar bool) latchkey.KYCRequirement {
	one := latchkey.KYCRequirement{Key: string(q.Key), State: string(q.State)}
	form, supported := customer.FormOf(q.Key)
	if one.APICollectionSupported = supported; supported {
		one.Versions = []latchkey.KYCVersion{{Version: submissionVersion}}
	}
	if q.Again {
		one.AdditionalRequirements = []latchkey.KYCAddition{{Key: one.Key, State: one.State}}
	}
	if calendar && form.Purpose != "" {
		one.Attributes = &latchkey.KYCAttributes{DocumentType: string(form.Purpose), MostFiles: customer.MostFiles, LargestFile: customer.LargestFile}
	}
	return one
}

// submissionVersion is the only version of a submission.
const submissionVersion = "V1"

// A submissionError is what is wrong with a submission, in the shape E4 (contract 3.3).
type submissionError struct{ problems []latchkey.SubmissionProblem }

func (e submissionError) Error() string { return "submission is wrong" }

func badSubmission(code, ref, detail string) submissionError {
	return submissionError{[]latchkey.SubmissionProblem{{Code: code, Ref: ref, Detail: detail}}}
}

// submissionBody is the E4 body.
func (c *call) submissionBody(e submissionError) latchkey.SubmissionError {
	return latchkey.SubmissionError{Type: "/errors/types/validation", Title: "Validation Error", Status: http.StatusBadRequest, Instance: c.asked,
		Errors: e.problems}
}

// submitRequirement takes what a requirement asks for (contract 11.5).
func (d *Door) submitRequirement(c *call) (any, error) {
	id, err := c.number("profile")
	if err != nil {
		return nil, err
	}
	if _, err := d.Customers.Profile(c.r.Context(), c.caller(), customer.ProfileID(id)); err != nil {
		return nil, err // before megabytes are read for somebody who may not store them
	}
	in := customer.Submission{Key: customer.RequirementKey(c.r.PathValue("requirement"))}
	if !slices.Contains(customer.RequirementKeys(), in.Key) {
		return nil, errNoPath
	}
	form, supported := customer.FormOf(in.Key)
	if !supported {
		return nil, badSubmission("invalid_request", "requirementKey", "This requirement is not collected by API")
	}
	given, err := c.upload("files", "files[]")
	if errors.Is(err, errMultipart) {
		err = badSubmission("invalid_request", "submissionData", "The form cannot be read, or has a file in another field than files")
	}
	if err != nil {
		return nil, err
	}
	publicID, err := c.submission(given.texts, form, &in)
	if err != nil {
		return nil, err
	}
	if in.Files, err = submittedFiles(given.files, form); err != nil {
		return nil, err
	}
	answer, err := onceDone(c, http.StatusAccepted, struct{}{}, func(by customer.Caller) error {
		return d.Customers.SubmitRequirement(c.r.Context(), by, customer.ProfileID(id), publicID, in)
	})
	switch {
	case errors.Is(err, customer.ErrReviewState):
		err = badSubmission("invalid_request", "kycReviewId", "The review waits for nothing")
	case errors.Is(err, customer.ErrRequirement):
		err = badSubmission("invalid_request", "requirementKey", "The review does not ask for this, or has it")
	}
	return answer, err
}

// submission reads the JSON text of the form.
func (c *call) submission(texts map[string]string, form customer.RequirementForm, in *customer.Submission) (publicID string, err error) {
	const name = "submissionData"
	text, given := texts[name]
	if !given || text == "" {
		return "", badSubmission("parameter_missing", name, "")
	}
	var data struct {
		Data    json.RawMessage `json:"data"`
		Version string          `json:"version"`
		Review  string          `json:"kycReviewId"`
	}
	whole, err := readBody([]byte(text))
	if err != nil || whole.into(&data) != nil {
		return "", badSubmission("invalid_value", name, "It is not a JSON object that can be read")
	}
	var found submissionError
	say := func(code, ref, detail string) {
		found.problems = append(found.problems, latchkey.SubmissionProblem{Code: code, Ref: ref, Detail: detail})
	}
	switch {
	case data.Review == "":
		say("missing_value", "kycReviewId", "")
	case !uuid.MatchString(data.Review):
		say("invalid_value", "kycReviewId", "It is not a UUID")
	}
	switch data.Version {
	case submissionVersion:
	case "":
		say("missing_value", "version", "")
	default:
		say("invalid_value", "version", "It is not "+submissionVersion)
	}
	inner := body{raw: []byte("{}"), values: map[string]bool{}}
	if whole.has("data") {
		if inner, err = readBody(data.Data); err != nil {
			say("invalid_value", "data", "It is not a JSON object")
		}
	} else if len(form.Fields) > 0 {
		say("missing_value", "data", "")
	}
	if len(found.problems) == 0 {
		in.Values, found.problems = c.submittedValues(inner, form)
	}
	if len(found.problems) > 0 {
		return "", found
	}
	return strings.ToLower(data.Review), nil
}

// submittedValues reads the evidences of a form.
func (c *call) submittedValues(data body, form customer.RequirementForm) (map[customer.Field]string, []latchkey.SubmissionProblem) {
	outer := c.body
	c.body = data
	defer func() { c.body = outer }()
	values, all, err := c.given()
	var nothing fieldsError
	var problems []latchkey.SubmissionProblem
	if err != nil && !errors.As(err, &nothing) { // nothing given is what the last loop says, field by field
		return nil, []latchkey.SubmissionProblem{{Code: "invalid_value", Ref: "data", Detail: "A field has another type"}}
	}
	for _, v := range all {
		switch {
		case !slices.Contains(form.Fields, v.field):
			delete(values, v.field)
		case v.wrong != "":
			problems = append(problems, latchkey.SubmissionProblem{Code: "invalid_value", Ref: "data." + v.key, Detail: v.wrong})
		}
	}
	for _, e := range evidences() {
		if slices.Contains(form.Fields, e.field) && !data.has(e.key) {
			problems = append(problems, latchkey.SubmissionProblem{Code: "missing_value", Ref: "data." + e.key})
		}
	}
	return values, problems
}

// submittedFiles checks the files of a form, by content.
func submittedFiles(files []customer.File, form customer.RequirementForm) ([]customer.File, error) {
	switch {
	case form.Purpose == "" && len(files) > 0:
		return nil, badSubmission("invalid_request", "files", "This requirement takes no files")
	case form.Purpose != "" && len(files) == 0:
		return nil, badSubmission("parameter_missing", "files", "")
	case len(files) > customer.MostFiles:
		return nil, badSubmission("invalid_value", "files", "There are too many of them")
	}
	for i, f := range files {
		media, known := customer.MediaOf(f.Content)
		if !known {
			return nil, badSubmission("invalid_value", "files", "One is neither a JPEG nor a PNG nor a PDF")
		}
		files[i].Media = media
	}
	return files, nil
}
