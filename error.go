package latchkey

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Errors to test for with errors.Is. Each describes one kind of refusal; the [*Error] under it says what exactly was said.
var (
	// ErrAlreadyMember: the address belongs to somebody already (409 at sign-up, contract 5.1). Do not retry and do not vary the
	// address: send the person to [Client.AuthorizeURL] without a claim code, where they sign in and link.
	ErrAlreadyMember = errors.New("the address already has an account")
	// ErrDuplicate: there is such a profile, evidence or upload already (409, contract 8.1, 8.4, 11.4). Of profiles: list them instead.
	ErrDuplicate = errors.New("there is one already")
	// ErrAlreadyClaimed: the account has its owner, no claim code is minted any more (409, contract OC-9).
	ErrAlreadyClaimed = errors.New("the account is already claimed")
	// ErrInvalidGrant: a code or refresh token is wrong, used, expired or withdrawn, or the customer has taken the account over
	// (contract 4.5). Trying again does not help.
	ErrInvalidGrant = errors.New("the grant is not or no longer good")
	// ErrInvalidClient: the client id or its secret is wrong (401, contract 4.5).
	ErrInvalidClient = errors.New("the client is not known by these credentials")
	// ErrUnauthorized: the access token is missing, unknown, expired or revoked (401, contract 3.3).
	ErrUnauthorized = errors.New("the access token is not or no longer good")
	// ErrForbidden: a token of the wrong kind, or something that is not yours or does not exist (403, contract OC-4).
	ErrForbidden = errors.New("not allowed")
	// ErrLocked: the profile is verified, and what was to be changed is locked by that (409, contract 8.10, OC-21). [Error.Fields] name
	// what; some of it can be changed while the update window is open.
	ErrLocked = errors.New("verified details are locked")
	// ErrNotFound: there is nothing at this address, or nothing of this name in what is yours (404).
	ErrNotFound = errors.New("not found")
	// ErrLimited: too many requests (429). [Error.RetryAfter] says how long to wait.
	ErrLimited = errors.New("too many requests")
	// ErrUnavailable: the server cannot answer now (503). Asking again after [Error.RetryAfter] is safe.
	ErrUnavailable = errors.New("the server cannot answer now")
	// ErrState: the state in a return is not the one that was sent. The return may have been made by somebody else, who wants
	// you to act on their account (RFC 6749 section 10.12): drop it.
	ErrState = errors.New("the return does not carry the state that was sent")
	// ErrReturn: a return carries neither a code nor an error, or carries something twice.
	ErrReturn = errors.New("the return is malformed")
	// ErrAnswer: the server's answer is not what the contract promises: too long, not JSON, or without what it must have.
	ErrAnswer = errors.New("the answer is malformed")
)

// FieldError is one entry of an E1 body (contract 3.3): one thing wrong with a request.
type FieldError struct {
	// Code says what kind of wrong, such as NOT_UNIQUE or api.firstName.missing. It is not unique: read it with Path.
	Code string `json:"code"`
	// Message is for developers, in English.
	Message string `json:"message"`
	// Path is the field, dotted; absent when the whole request is meant.
	Path string `json:"path,omitempty"`
	// Arguments are values for the message. Null and empty are different on the wire.
	Arguments []string `json:"arguments"`
}

// FieldErrors is the E1 body (contract 3.3): validation and business rules, all failing fields at once.
type FieldErrors struct {
	Errors []FieldError `json:"errors"`
}

// GrantError is the E2 body (contract 3.3): OAuth and bearer-token failures (RFC 6749 section 5.2, RFC 6750 section 3.1).
type GrantError struct {
	Code        string `json:"error"`
	Description string `json:"error_description"`
}

// StatusError is the E3 body (contract 3.3): what may not be touched, and what went wrong inside.
type StatusError struct {
	// Timestamp is like 2031-02-03T04:05:06.789+0000, see [StatusStamp].
	Timestamp string `json:"timestamp"`
	Status    int    `json:"status"`
	Code      string `json:"error"`
	Message   string `json:"message"`
	Path      string `json:"path,omitempty"`
}

// StatusStamp writes a moment as E3 bodies do: milliseconds, zone without a colon (contract 3.3).
func StatusStamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000-0700") }

// Error is an answer that is not a success. Reach it with errors.As.
type Error struct {
	// Status is the HTTP status, 400 to 599.
	Status int
	// Code is the error word of E2, E3 and E5 bodies, such as invalid_grant; the first entry's code for E1 and E4; empty when the
	// body was none of these.
	Code string
	// Description is the sentence that came with Code.
	Description string
	// Fields are the entries of an E1 or E4 body, all that is wrong at once; nil otherwise. The path of E4 is its ref.
	Fields []FieldError
	// TraceID names the request in the server's log: 32 hex digits. Quote it when asking for help.
	TraceID string
	// RetryAfter is the wait asked for, zero when none was.
	RetryAfter time.Duration
	// LimitedBy names the limit that was met (429), from X-Rate-Limited-By.
	LimitedBy string
	// OneTimeToken is what a protected call was refused with (403, contract 13): clear it with [Account.TriggerOneTimeToken] and
	// [Account.VerifyOneTimeToken], and make the call again with it. Empty for every other refusal.
	OneTimeToken Secret
}

// Error says status, codes with their paths, and the trace id.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "answer %d", e.Status)
	switch {
	case len(e.Fields) > 0:
		separator := ": "
		for _, f := range e.Fields {
			b.WriteString(separator + f.Code)
			separator = ", "
			if f.Path != "" {
				b.WriteString(" at " + f.Path)
			}
		}
	case e.Code != "":
		b.WriteString(": " + e.Code)
		if e.Description != "" {
			b.WriteString(": " + e.Description)
		}
	}
	if e.RetryAfter > 0 {
		fmt.Fprintf(&b, ", retry after %s", e.RetryAfter)
	}
	if e.TraceID != "" {
		b.WriteString(" (trace " + e.TraceID + ")")
	}
	return b.String()
}

// Is reports whether e is of the kind that target describes; see the variables of this package.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrAlreadyMember:
		return e.Status == 409 && e.has("NOT_UNIQUE", "email")
	case ErrDuplicate:
		return e.Status == 409 && !e.has("NOT_UNIQUE", "email") && !e.has("ALREADY_CLAIMED", "") && !e.has("FIELD_LOCKED", "")
	case ErrAlreadyClaimed:
		return e.Status == 409 && e.has("ALREADY_CLAIMED", "")
	case ErrInvalidGrant: // 400 in the newer classes, 401 in the documented one
		return e.Code == "invalid_grant"
	case ErrInvalidClient:
		return e.Code == "invalid_client"
	case ErrUnauthorized:
		return e.Status == 401 && (e.Code == "invalid_token" || e.Code == "unauthorized")
	case ErrForbidden:
		return e.Status == 403
	case ErrLocked:
		return e.Status == 409 && e.has("FIELD_LOCKED", "")
	case ErrNotFound:
		return e.Status == 404
	case ErrLimited:
		return e.Status == 429
	case ErrUnavailable:
		return e.Status == 503
	}
	return false
}

// has reports whether an entry carries code, and path when one is given.
func (e *Error) has(code, path string) bool {
	for _, f := range e.Fields {
		if f.Code == code && (path == "" || f.Path == path) {
			return true
		}
	}
	return false
}

// ReturnError is a return without access: the customer declined or left, or the request could not be served (contract 7.3).
type ReturnError struct {
	// Code is access_denied, invalid_request, unsupported_response_type, invalid_scope, server_error or temporarily_unavailable.
	Code string
	// Description is a word or sentence for developers; it may be empty.
	Description string
}

// Error says both.
func (e *ReturnError) Error() string {
	if e.Description == "" {
		return "returned without access: " + e.Code
	}
	return "returned without access: " + e.Code + ": " + e.Description
}

// refusalBody is a refusal in any of the shapes E1 to E5 of contract 3.3.
type refusalBody struct {
	Errors []struct {
		FieldError
		// Field is the path in the bodies of identity documents, Ref and Detail are path and message in E4.
		Field  string `json:"field"`
		Ref    string `json:"ref"`
		Detail string `json:"detail"`
	} `json:"errors"`
	// Code is of E2 and E3, SimulationCode of E5; the sentence has another name in each.
	Code           string `json:"error"`
	SimulationCode string `json:"code"`
	Description    string `json:"error_description"`
	Message        string `json:"message"`
	Outcome        string `json:"errorMessage"`
	Simulation     string `json:"description"`
}

// refusal makes an [Error] of an answer in one of the contract's shapes, or in none.
func (c *Client) refusal(got *http.Response, body []byte) error {
	e := &Error{Status: got.StatusCode, TraceID: got.Header.Get("X-Trace-Id"), LimitedBy: got.Header.Get("X-Rate-Limited-By"),
		OneTimeToken: Secret(got.Header.Get("X-2fa-Approval"))}
	if wait := got.Header.Get("Retry-After"); wait != "" {
		if n, err := strconv.Atoi(wait); err == nil && n > 0 {
			e.RetryAfter = time.Duration(n) * time.Second
		} else if at, err := http.ParseTime(wait); err == nil {
			e.RetryAfter = max(0, at.Sub(c.now()))
		}
	}
	var said refusalBody
	if json.Unmarshal(body, &said) != nil {
		return e
	}
	e.Code, e.Description = cmp.Or(said.Code, said.SimulationCode), cmp.Or(said.Description, said.Message, said.Outcome, said.Simulation)
	for _, f := range said.Errors {
		f.Path, f.Message = cmp.Or(f.Path, f.Field, f.Ref), cmp.Or(f.Message, f.Detail)
		e.Fields = append(e.Fields, f.FieldError)
	}
	if e.Code == "" && len(e.Fields) > 0 {
		e.Code, e.Description = e.Fields[0].Code, e.Fields[0].Message
	}
	return e
}
