package api

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/latchkey-id/latchkey"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// errNotBuilt: the endpoint is documented and not served (design, Not built until an issue asks).
var errNotBuilt = errors.New("endpoint is not built")

// notBuilt answers the endpoints for PIN, device and face (contract 13): 501, so that a client learns that it is no mistake of its own.
func notBuilt(*call) (any, error) { return nil, errNotBuilt }

// challengeKinds are the ways to clear a token.
func challengeKinds() []string { return []string{"SMS", "WHATSAPP", "VOICE"} }

// oneTimeToken reads the header that names the token (contract 13).
func (c *call) oneTimeToken() (string, error) {
	text := c.r.Header.Get("One-Time-Token")
	if text == "" {
		return "", fieldsError{400, []latchkey.FieldError{{Code: "NotNull", Message: "must not be null", Path: "One-Time-Token", Arguments: []string{}}}}
	}
	return text, nil
}

// approvalOf is a token as it is read.
func (c *call) approvalOf(a customer.Approval, text string) latchkey.OneTimeTokenStatus {
	challenge := latchkey.TokenChallenge{Required: true, Passed: !a.PassedAt.IsZero(), Alternatives: []latchkey.ChallengeKind{}}
	for i, kind := range challengeKinds() {
		one := latchkey.ChallengeKind{Type: kind, ViewData: map[string]string{}}
		if i == 0 {
			challenge.PrimaryChallenge = one
			continue
		}
		challenge.Alternatives = append(challenge.Alternatives, one)
	}
	return latchkey.OneTimeTokenStatus{OneTimeTokenProperties: latchkey.OneTimeToken{OneTimeToken: text, Challenges: []latchkey.TokenChallenge{challenge},
		Validity: a.Left(c.door.Now()), ActionType: a.Action, UserID: latchkey.UserID(a.Account)}}
}

// approval reads where a token stands.
func (d *Door) approval(c *call) (any, error) {
	text, err := c.oneTimeToken()
	if err != nil {
		return nil, err
	}
	a, err := d.Approvals.Status(c.r.Context(), c.caller(), text)
	return c.approvalOf(a, text), err
}

// way is the way of the path, which must be one of those that exist.
func (c *call) way() error {
	if way := c.r.PathValue("way"); way != strings.ToLower(way) || !slices.Contains(challengeKinds(), strings.ToUpper(way)) {
		return errNoPath
	}
	return nil
}

// triggerApproval has a code sent.
func (d *Door) triggerApproval(c *call) (any, error) {
	if err := c.way(); err != nil {
		return nil, err
	}
	text, err := c.oneTimeToken()
	if err != nil {
		return nil, err
	}
	number, err := d.Approvals.Trigger(c.r.Context(), c.caller(), text)
	if len(number) > 4 {
		number = number[len(number)-4:]
	}
	return latchkey.ObfuscatedPhone{ObfuscatedPhoneNo: strings.Repeat("*", 9) + number}, err
}

// verifyApproval passes the challenge.
func (d *Door) verifyApproval(c *call) (any, error) {
	if err := c.way(); err != nil {
		return nil, err
	}
	text, err := c.oneTimeToken()
	if err != nil {
		return nil, err
	}
	var in latchkey.OTPCode
	if err := c.body.into(&in); err != nil {
		return nil, err
	}
	if fields := c.body.notNull("otpCode"); len(fields) > 0 {
		return nil, fieldsError{400, fields}
	}
	a, err := d.Approvals.Verify(c.r.Context(), c.caller(), text, string(in.OTPCode))
	return c.approvalOf(a, text), err
}

// protectedAction is what simulateProtected stands for.
const protectedAction = "SIMULATED"

// simulateProtected is a protected call, to rehearse the documented answer and the repetition (contract 13): this server has none of
// its own.
func (d *Door) simulateProtected(c *call) (any, error) {
	const result, token = "X-2fa-Approval-Result", "X-2fa-Approval"
	if text := c.r.Header.Get(token); text != "" {
		err := d.Approvals.Use(c.r.Context(), c.caller(), text, protectedAction)
		if err == nil {
			c.w.Header().Set(result, "APPROVED")
			return struct{}{}, nil
		}
		if !errors.Is(err, customer.ErrNoApproval) && !errors.Is(err, customer.ErrNotApproved) {
			return nil, err
		}
	}
	text, err := d.Approvals.Ask(c.r.Context(), c.caller(), protectedAction)
	if err != nil {
		return nil, err
	}
	c.w.Header().Set(result, "REJECTED")
	c.w.Header().Set(token, text)
	return answered{http.StatusForbidden, latchkey.StatusError{Timestamp: latchkey.StatusStamp(d.Now()), Status: http.StatusForbidden, Code: "Forbidden",
		Message: "Unauthorized", Path: c.asked}}, nil
}

// addPhone keeps a number for an account that nobody has claimed (contract 13).
func (d *Door) addPhone(c *call) (any, error) {
	id, err := c.number("user")
	if err != nil {
		return nil, err
	}
	var in latchkey.NewPhoneNumber
	if err := c.body.into(&in); err != nil {
		return nil, err
	}
	if fields := c.body.notNull("phoneNumber"); len(fields) > 0 {
		return nil, fieldsError{400, fields}
	}
	number, problem := customer.CheckValue(customer.Phone, in.PhoneNumber, "", d.Now())
	if problem != customer.NoProblem || number == "" {
		return nil, fieldsError{422, []latchkey.FieldError{{Code: "UNEXPECTED", Message: "The phone number is not valid", Path: "phoneNumber",
			Arguments: []string{"phoneNumber", in.PhoneNumber}}}}
	}
	made, err := d.Approvals.GivePhone(c.r.Context(), c.partner, customer.AccountID(id), number, c.origin())
	return latchkey.PhoneNumber{ID: made.ID, PhoneNumber: made.Number, Type: "PRIMARY", ClientID: c.partner.ClientID}, err
}

// joseAlgorithms are the algorithms of each scope (contract 13).
func joseAlgorithms(scope string) []string {
	switch scope {
	case "PAYLOAD_SIGNING":
		return []string{"ES256", "ES384", "ES512", "PS256", "PS384", "PS512"}
	case "PAYLOAD_ENCRYPTION":
		return []string{"RSA_OAEP_256"}
	}
	return nil
}

// jose checks scope and algorithm.
func jose(scope, algorithm, algorithmPath string) []latchkey.FieldError {
	algorithms := joseAlgorithms(scope)
	switch {
	case algorithms == nil:
		return []latchkey.FieldError{{Code: "BAD_REQUEST", Message: "The scope is not PAYLOAD_SIGNING or PAYLOAD_ENCRYPTION", Path: "scope", Arguments: []string{}}}
	case !slices.Contains(algorithms, algorithm):
		return []latchkey.FieldError{{Code: "BAD_REQUEST", Message: "The algorithm is not one of " + strings.Join(algorithms, " "), Path: algorithmPath, Arguments: []string{}}}
	}
	return nil
}

// responseKey publishes the key that this server signs with, in the form of contract 13. It has an RSA key for signatures and no
// other: nothing can be encrypted for it, since it takes no encrypted payloads.
func (d *Door) responseKey(c *call) (any, error) {
	query := c.r.URL.Query()
	scope, algorithm := query.Get("scope"), query.Get("algorithm")
	if fields := jose(scope, algorithm, "algorithm"); len(fields) > 0 {
		return nil, fieldsError{400, fields}
	}
	if version := query.Get("version"); !strings.HasPrefix(algorithm, "PS") || version != "" && version != "1" {
		return nil, errNoPath
	}
	keys, err := d.Signing()
	if err != nil {
		return nil, err
	}
	material, err := keys.Public(d.Now())
	return latchkey.ResponseKey{Version: 1, KeyMaterial: latchkey.KeyMaterial{Algorithm: algorithm, KeyMaterial: material}, Scope: scope}, err
}

// addRequestKey keeps a public key of the client's (contract 13).
func (d *Door) addRequestKey(c *call) (any, error) {
	var in latchkey.RequestKey
	if err := c.body.into(&in); err != nil {
		return nil, err
	}
	fields := c.body.notNull("keyId", "scope", "publicKeyMaterial.algorithm", "publicKeyMaterial.keyMaterial")
	wrong := func(path, message string) {
		fields = append(fields, latchkey.FieldError{Code: "BAD_REQUEST", Message: message, Path: path, Arguments: []string{}})
	}
	if c.body.has("keyId") && !uuid.MatchString(in.KeyID) {
		wrong("keyId", "The id is not a UUID")
	}
	if c.body.has("scope") && c.body.has("publicKeyMaterial.algorithm") {
		fields = append(fields, jose(in.Scope, in.PublicKeyMaterial.Algorithm, "publicKeyMaterial.algorithm")...)
	}
	if c.body.has("publicKeyMaterial.keyMaterial") && len(fields) == 0 && secret.CheckPublicKey(in.PublicKeyMaterial.Algorithm, in.PublicKeyMaterial.KeyMaterial) != nil {
		wrong("publicKeyMaterial.keyMaterial", "It is not a public key for the algorithm, in DER and base64")
	}
	if till := in.ValidTill.Time; !till.IsZero() && (!till.After(in.ValidFrom.Time) || !till.After(d.Now())) {
		wrong("validTill", "The key would never be valid")
	}
	if len(fields) > 0 {
		return nil, fieldsError{400, fields}
	}
	k := partner.PublicKey{Partner: c.partner.ID, KeyID: strings.ToLower(in.KeyID), Scope: in.Scope, Algorithm: in.PublicKeyMaterial.Algorithm,
		Material: in.PublicKeyMaterial.KeyMaterial, ValidFrom: in.ValidFrom.Truncate(time.Millisecond), ValidTill: in.ValidTill.Truncate(time.Millisecond)}
	in.ClientID, in.KeyID = "", k.KeyID
	return answered{http.StatusCreated, in}, d.PublicKeys.Add(c.r.Context(), k, c.trace, c.network)
}
