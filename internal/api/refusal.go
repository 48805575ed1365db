package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/latchkey-id/latchkey"
	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/partner"
)

// Errors of the door itself.
var (
	errNoPath      = errors.New("path is unknown")
	errMethod      = errors.New("method is not served")
	errContentType = errors.New("content type is not JSON")
	errTooLarge    = errors.New("body is too large")
	errNoBearer    = errors.New("no bearer token")
	errPanic       = errors.New("panic")
)

// A fieldsError lists what is wrong with the fields of a request; all of them at once (contract 8.9).
type fieldsError struct {
	status int
	fields []latchkey.FieldError
}

func (e fieldsError) Error() string { return "fields are wrong" }

// argumentsError gives an error of the table the arguments of this request, such as the masked address of a 409.
type argumentsError struct {
	error
	arguments []string
}

func (e argumentsError) Unwrap() error { return e.error }

// scopeError: the token lacks the scope that the endpoint needs (RFC 6750 section 3.1).
type scopeError struct{ scope partner.Scope }

func (e scopeError) Error() string { return "token lacks scope " + string(e.scope) }

// The shapes of error bodies (contract 3.3).
const (
	shapeFields  = 1 + iota // E1
	shapeGrant              // E2
	shapeStatus             // E3
	shapeOutcome            // identity documents
)

// A refusal is what an error looks like from outside.
type refusal struct {
	err    error
	status int
	shape  int
	// code and message are the body's words; path belongs to E1.
	code, message, path string
	// challenge is the WWW-Authenticate header. invalid_grant has none, though RFC 9110 section 15.5.2 wants it on every 401: common
	// OAuth clients read a challenge in place of the body, and would not learn that the grant is over.
	challenge string
}

const (
	challengeBearer = `Bearer realm="latchkey"`
	challengeToken  = `Bearer realm="latchkey", error="invalid_token"`
	challengeBasic  = `Basic realm="latchkey", charset="UTF-8"`
)

// unauthorized and notYours are one text for every reason, so that existence does not leak (I10).
const unauthorized, notYours = "unauthorized", "Unauthorized"

// refusals is the one table from errors to answers. What is not in it is an apology (500). Order matters where one error
// wraps another: the first row that fits counts. invalid_grant is 401 as documented (contract 4.5); the classes that keep
// to RFC 6749 make it 400 in refuse.
func refusals() []refusal {
	return slices.Concat(subscriptionRefusals(), prefillRefusals(), []refusal{
		// The request itself
		{err: errNoPath, status: 404, shape: shapeFields, code: "NOT_FOUND", message: "There is nothing at this address"},
		{err: errMethod, status: 405, shape: shapeFields, code: "METHOD_NOT_ALLOWED", message: "This address does not serve this method"},
		{err: errContentType, status: 415, shape: shapeFields, code: "UNSUPPORTED_MEDIA_TYPE", message: "Send JSON as application/json, files as multipart/form-data"},
		{err: errTooLarge, status: 413, shape: shapeFields, code: "PAYLOAD_TOO_LARGE", message: "The body is larger than 1 MB"},
		{err: errBody, status: 400, shape: shapeFields, code: "BAD_REQUEST", message: "The body is not a JSON object that can be read"},

		// The token endpoint (contract 4.5, RFC 6749 section 5.2)
		{err: errForm, status: 400, shape: shapeGrant, code: "invalid_request", message: "The form cannot be read, or a field is in it twice"},
		{err: errTwoProofs, status: 400, shape: shapeGrant, code: "invalid_request", message: "The client authenticates in two ways at once"},
		{err: errNoGrantType, status: 400, shape: shapeGrant, code: "invalid_request", message: "Missing grant type"},
		{err: errGrantType, status: 400, shape: shapeGrant, code: "unsupported_grant_type", message: "Unsupported grant type"},
		{err: partner.ErrNotAuthenticated, status: 401, shape: shapeGrant, code: "invalid_client", message: "Client authentication failed", challenge: challengeBasic},
		{err: partner.ErrUnknown, status: 401, shape: shapeGrant, code: "invalid_client", message: "Client authentication failed", challenge: challengeBasic},
		{err: grant.ErrInvalidCredentials, status: 401, shape: shapeGrant, code: "invalid_grant", message: "Invalid user credentials."},
		{err: grant.ErrInvalidGrant, status: 401, shape: shapeGrant, code: "invalid_grant", message: "The code or refresh token is not valid, or not any more"},

		// Bearers (contract 3.3, OC-3, OC-4)
		{err: errNoBearer, status: 401, shape: shapeGrant, code: "unauthorized", message: "Full authentication is required to access this resource", challenge: challengeBearer},
		{err: grant.ErrInvalidToken, status: 401, shape: shapeGrant, code: "invalid_token", message: "The access token is not valid, or not any more", challenge: challengeToken},
		{err: customer.ErrStale, status: 401, shape: shapeGrant, code: "invalid_token", message: "The access token is not valid, or not any more", challenge: challengeToken},
		{err: grant.ErrNoGrant, status: 401, shape: shapeGrant, code: "invalid_token", message: "The access token is not valid, or not any more", challenge: challengeToken},
		{err: grant.ErrWrongKind, status: 403, shape: shapeStatus, code: unauthorized, message: notYours},
		{err: customer.ErrNoAccount, status: 403, shape: shapeStatus, code: unauthorized, message: notYours},
		{err: customer.ErrNoProfile, status: 403, shape: shapeStatus, code: unauthorized, message: notYours},
		{err: customer.ErrHeld, status: 403, shape: shapeStatus, code: unauthorized, message: notYours},

		// Users (contract 5.1)
		{err: customer.ErrAddressTaken, status: 409, shape: shapeFields, code: "NOT_UNIQUE", path: "email", message: "You're already a member. Please login"},
		{err: customer.ErrBlocked, status: 409, shape: shapeFields, code: "NOT_UNIQUE", path: "email", message: "You're already a member. Please login"},
		{err: customer.ErrNotAnAddress, status: 422, shape: shapeFields, code: "ERROR", path: "email", message: "Please provide a valid email"},

		// Profiles (contract 8.1, OC-20)
		{err: customer.ErrProfileExists, status: 409, shape: shapeFields, code: "NOT_UNIQUE", message: "There is a personal profile already"},
		{err: customer.ErrReplyDiffers, status: 409, shape: shapeFields, code: "NOT_UNIQUE", message: "The idempotency key was used with another request"},

		// Verified profiles (contract 8.10, OC-21); the names of the fields are in a LockedError
		{err: customer.ErrLocked, status: 409, shape: shapeFields, code: "FIELD_LOCKED", message: "The profile is verified, and this cannot be changed now"},

		// Claim code (contract 6, OC-9)
		{err: claim.ErrRegistrationCode, status: 422, shape: shapeFields, code: "NOT_VALID", path: "registrationCode", message: "The registration code is not the account's"},
		{err: claim.ErrNotReportable, status: 409, shape: shapeFields, code: "NOT_REPORTABLE", message: "The account has no owner, or has had one for more than 7 days, or was reported before"},
		{err: claim.ErrAlreadyClaimed, status: 409, shape: shapeFields, code: "ALREADY_CLAIMED", message: "The customer has taken the account over"},
	})
}

// prefillRefusals are those of what a partner may say beside the personal profile.
func prefillRefusals() []refusal {
	return []refusal{
		// Business profiles (contract 8.4); a code in the style of 8.9 has arguments of null
		{err: customer.ErrBusinessExists, status: 409, shape: shapeFields, code: "NOT_UNIQUE", message: "There is a profile of this business already"},
		{err: customer.ErrNoPersonal, status: 422, shape: shapeFields, code: "MISSING", message: "Create the personal profile first"},
		{err: customer.ErrNoRepresentative, status: 400, shape: shapeFields, code: "api.businessRepresentative.businessRepresentativeId.invalid",
			path: "businessRepresentative.businessRepresentativeId", message: "businessRepresentative.businessRepresentativeId is not valid"},
		{err: customer.ErrCategory, status: 400, shape: shapeFields, code: "api.secondLevelCategory.invalid", path: "secondLevelCategory",
			message: "secondLevelCategory is not valid"},
		{err: customer.ErrNotGranted, status: 403, shape: shapeStatus, code: unauthorized, message: notYours},
		{err: customer.ErrTooMany, status: 400, shape: shapeFields, code: "BAD_REQUEST", message: "There are more than one account may have"},

		// KYC reviews (contract 11.5; an unknown one of an own profile is 404, OC-4)
		{err: customer.ErrNoReview, status: 404, shape: shapeFields, code: "NOT_FOUND", message: "There is no such review"},
		{err: customer.ErrReviewState, status: 400, shape: shapeFields, code: "NOT_VALID", path: "kycReviewId", message: "The review waits for nothing"},
		{err: customer.ErrRequirement, status: 400, shape: shapeFields, code: "NOT_VALID", path: "requirement", message: "The review does not ask for this"},
		{err: customer.ErrRedirect, status: 400, shape: shapeFields, code: "NOT_VALID", path: "redirectUrl", message: "The address is not one of your registered redirect addresses"},

		// One-time tokens and keys (contract 13)
		{err: errNotBuilt, status: 501, shape: shapeFields, code: "NOT_IMPLEMENTED", message: "This documented endpoint is not served here"},
		{err: customer.ErrNoApproval, status: 404, shape: shapeFields, code: "NOT_FOUND", message: "There is no such one-time token, or not any more"},
		{err: customer.ErrNotApproved, status: 400, shape: shapeFields, code: "NOT_VALID", path: "One-Time-Token", message: "Trigger the challenge first"},
		{err: customer.ErrNoPhone, status: 422, shape: shapeFields, code: "MISSING", path: "phoneNumber", message: "The user has no phone number"},
		{err: customer.ErrPhoneRepeated, status: 422, shape: shapeFields, code: "phone.number.repeated", path: "phoneNumber", message: "The phone number was given before"},
		{err: customer.ErrCodeWrong, status: 400, shape: shapeFields, code: "NOT_VALID", path: "otpCode", message: "The code does not match"},
		{err: partner.ErrKeyTaken, status: 409, shape: shapeFields, code: "NOT_UNIQUE", path: "keyId", message: "There is a key of this id already"},
		{err: partner.ErrTooManyKeys, status: 422, shape: shapeFields, code: "TOO_MANY", message: "There are as many keys as there may be"},

		// Identity documents, evidences and files (contract 10.3, 11.3, 11.4)
		{err: customer.ErrNoTaxID, status: 422, shape: shapeOutcome, message: "A tax id is needed first"},
		{err: customer.ErrEvidenceGiven, status: 409, shape: shapeFields, code: "ALREADY_PROVIDED", message: "The evidence was given already"},
		{err: errMultipart, status: 400, shape: shapeFields, code: "BAD_REQUEST", message: "The form cannot be read, or has a file in another field than files"},
		{err: errFileTooLarge, status: 413, shape: shapeFields, code: "PAYLOAD_TOO_LARGE", message: "A file is larger than 10 MB, or there are too many"},
		{err: errFileType, status: 415, shape: shapeFields, code: "UNSUPPORTED_MEDIA_TYPE", message: "A file is neither a JPEG nor a PNG nor a PDF"},
		{err: customer.ErrFileWaiting, status: 409, shape: shapeFields, code: "ALREADY_PROVIDED", message: "Files of this type are there and wait for a review"},
	}
}

// refuse writes the answer for an error. Trouble comes before the table: it is never a refusal (I11).
func (c *call) refuse(err error) {
	if c.refuseTyped(err) || c.refuseLimited(err) {
		return
	}
	// A client that is changed again and again while it asks is found as it is by asking once more, and nothing is wrong with the database.
	changed := errors.Is(err, partner.ErrChanged)
	if changed || c.door.Unavailable != nil && errors.Is(err, c.door.Unavailable) {
		if changed {
			c.door.Log.WarnContext(c.r.Context(), "client was changed again and again while it asked", "trace", c.trace, "client", c.partner.ClientID)
		} else if !errors.Is(c.r.Context().Err(), context.Canceled) { // a client that hung up is no trouble of the database's
			c.door.Log.ErrorContext(c.r.Context(), "database is unavailable", "trace", c.trace, "error", err)
		}
		c.w.Header().Set("Retry-After", "1")
		c.statusBody(503, "Service Unavailable", "The server cannot answer now. Asking again is safe")
		return
	}
	for _, row := range refusals() {
		if errors.Is(err, row.err) {
			c.refuseBy(row, err)
			return
		}
	}
	c.door.Log.ErrorContext(c.r.Context(), "unexpected error", "trace", c.trace, "path", c.r.Pattern, "error", err)
	c.statusBody(500, "Internal Server Error", "Something went wrong here. Trace id "+c.trace)
}

// refuseTyped answers the errors that bring their own body, and reports whether it did.
func (c *call) refuseTyped(err error) bool {
	var fields fieldsError
	var document documentsError
	var wrongType fieldTypeError
	var missing missingError
	var scope scopeError
	var locked customer.LockedError
	var submission submissionError
	var trial simulationError
	switch {
	case errors.As(err, &fields):
		c.answer(fields.status, latchkey.FieldErrors{Errors: fields.fields})
	case errors.As(err, &locked):
		c.refuse(c.locked(locked))
	case errors.As(err, &submission):
		c.answer(http.StatusBadRequest, c.submissionBody(submission))
	case errors.As(err, &trial):
		c.answer(trial.status, trial.body())
	case errors.As(err, &document):
		c.answer(400, latchkey.DocumentErrors{Errors: document.errors})
	case errors.As(err, &wrongType):
		c.answer(400, oneField("BAD_REQUEST", "The field has another type", wrongType.path, []string{}))
	case errors.As(err, &missing):
		c.answer(400, latchkey.GrantError{Code: "invalid_request", Description: "Missing " + missing.name})
	case errors.As(err, &scope):
		c.w.Header().Set("WWW-Authenticate", `Bearer realm="latchkey", error="insufficient_scope", scope="`+string(scope.scope)+`"`)
		c.statusBody(403, "unauthorized", "Unauthorized")
	default:
		return false
	}
	return true
}

// refuseLimited answers what came too often (contract 3.1, 429), and reports whether it did.
func (c *call) refuseLimited(err error) bool {
	var volume volumeError
	var tries limit.Exceeded
	switch {
	case errors.As(err, &volume):
		c.limited(volume.seconds)
	case errors.Is(err, limit.ErrExceeded):
		errors.As(err, &tries)
		c.limited(limit.RetryAfter(tries.Wait))
	default:
		return false
	}
	return true
}

func (c *call) refuseBy(row refusal, err error) {
	status := row.status
	if row.code == "invalid_grant" && c.partner.ID != 0 && !c.partner.Class.UnauthorizedGrant {
		status = http.StatusBadRequest
	}
	if row.challenge != "" {
		c.w.Header().Set("WWW-Authenticate", row.challenge)
	}
	switch row.shape {
	case shapeFields:
		arguments := []string{}
		if strings.HasPrefix(row.code, "api.") {
			arguments = nil
		}
		var with argumentsError
		if errors.As(err, &with) {
			arguments = with.arguments
		}
		c.answer(status, oneField(row.code, row.message, row.path, arguments))
	case shapeGrant:
		c.answer(status, latchkey.GrantError{Code: row.code, Description: row.message})
	case shapeOutcome:
		c.answer(status, latchkey.Outcome{ErrorMessage: latchkey.Maybe(row.message)})
	default:
		c.statusBody(status, row.code, row.message)
	}
}

// limited answers 429 (contract 3.1).
func (c *call) limited(seconds int) {
	h := c.w.Header()
	h.Set("Retry-After", strconv.Itoa(seconds))
	h.Set("X-Rate-Limited-By", "latchkey-api")
	c.answer(http.StatusTooManyRequests, oneField("TOO_MANY_REQUESTS", "Too many requests. Retry-After says when to ask again", "", []string{}))
}

func oneField(code, message, path string, arguments []string) latchkey.FieldErrors {
	return latchkey.FieldErrors{Errors: []latchkey.FieldError{{Code: code, Message: message, Path: path, Arguments: arguments}}}
}

func (c *call) statusBody(status int, code, message string) {
	c.answer(status, latchkey.StatusError{Timestamp: latchkey.StatusStamp(c.door.Now()), Status: status, Code: code, Message: message})
}
