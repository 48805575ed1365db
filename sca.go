package latchkey

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// OneTimeToken is where the clearing of a protected call stands (contract 13). This server protects nothing of its own; in a sandbox
// [Account.SimulateProtected] rehearses it.
type OneTimeToken struct {
	OneTimeToken string           `json:"oneTimeToken"`
	Challenges   []TokenChallenge `json:"challenges"`
	// Validity is how many seconds the token is good for.
	Validity   int    `json:"validity"`
	ActionType string `json:"actionType"`
	UserID     UserID `json:"userId"`
}

// OneTimeTokenStatus wraps a [OneTimeToken] on the wire.
type OneTimeTokenStatus struct {
	OneTimeTokenProperties OneTimeToken `json:"oneTimeTokenProperties"`
}

// TokenChallenge is what clears a token: the primary one or one of the alternatives.
type TokenChallenge struct {
	PrimaryChallenge ChallengeKind   `json:"primaryChallenge"`
	Alternatives     []ChallengeKind `json:"alternatives"`
	Required         bool            `json:"required"`
	Passed           bool            `json:"passed"`
}

// ChallengeKind is one way to clear a token.
type ChallengeKind struct {
	// Type is SMS, WHATSAPP or VOICE.
	Type     string            `json:"type"`
	ViewData map[string]string `json:"viewData"`
}

// ObfuscatedPhone says where a code went.
type ObfuscatedPhone struct {
	// ObfuscatedPhoneNo is asterisks and the last four digits.
	ObfuscatedPhoneNo string `json:"obfuscatedPhoneNo"`
}

// OTPCode is the code that somebody received. In a sandbox it is always 111111.
type OTPCode struct {
	OTPCode Secret `json:"otpCode"`
}

// NewPhoneNumber gives a phone number for an account that nobody has claimed (contract 13).
type NewPhoneNumber struct {
	PhoneNumber string `json:"phoneNumber"`
}

// PhoneNumber is a number that was given.
type PhoneNumber struct {
	ID          int64  `json:"id"`
	PhoneNumber string `json:"phoneNumber"`
	// Type is PRIMARY.
	Type string `json:"type"`
	// Verified is always false: nobody has proved it.
	Verified bool   `json:"verified"`
	ClientID string `json:"clientId"`
}

// KeyStamp is a moment of [RequestKey] in UTC: 2031-02-03 04:05:06.
type KeyStamp struct{ time.Time }

const keyLayout = "2006-01-02 15:04:05"

// MarshalJSON writes the stamp as a string, and the zero moment as null.
func (s KeyStamp) MarshalJSON() ([]byte, error) {
	if s.IsZero() {
		return []byte("null"), nil
	}
	return []byte(s.UTC().Format(`"` + keyLayout + `"`)), nil
}

// UnmarshalJSON reads such a moment, and "" or null as the zero moment.
func (s *KeyStamp) UnmarshalJSON(b []byte) (err error) {
	s.Time, err = parseMoment(b, keyLayout)
	return err
}

// RequestKey is a client's public key for signed requests or encrypted answers (contract 13). It is kept; no endpoint of this server
// takes or gives such payloads.
type RequestKey struct {
	// ClientID is always null.
	ClientID Maybe `json:"clientId"`
	// KeyID is a UUID of the client's.
	KeyID     string   `json:"keyId"`
	ValidFrom KeyStamp `json:"validFrom"`
	ValidTill KeyStamp `json:"validTill"`
	// Scope is PAYLOAD_SIGNING or PAYLOAD_ENCRYPTION.
	Scope             string      `json:"scope"`
	PublicKeyMaterial KeyMaterial `json:"publicKeyMaterial"`
}

// KeyMaterial is a public key.
type KeyMaterial struct {
	// Algorithm is ES256, ES384, ES512, PS256, PS384, PS512 or RSA_OAEP_256.
	Algorithm string `json:"algorithm"`
	// KeyMaterial is SubjectPublicKeyInfo in base64.
	KeyMaterial string `json:"keyMaterial"`
}

// ResponseKey is the server's public key (contract 13).
type ResponseKey struct {
	Version     int         `json:"version"`
	KeyMaterial KeyMaterial `json:"keyMaterial"`
	Scope       string      `json:"scope"`
}

func (a *Account) ott(ctx context.Context, method, path, token string, body, answer any) error {
	return a.client.send(ctx, call{method: method, path: "/one-time-token/" + path, body: body, bearer: a.bearer,
		header: http.Header{"One-Time-Token": {token}}}, answer)
}

// OneTimeToken reads where the clearing of a token stands (contract 13). One that is over, after an hour or when it was used, and
// one that is not this account's are [ErrNotFound].
func (a *Account) OneTimeToken(ctx context.Context, token string) (OneTimeToken, error) {
	var status OneTimeTokenStatus
	err := a.ott(ctx, "GET", "status", token, nil, &status)
	return status.OneTimeTokenProperties, wrap(err, "reading a one-time token")
}

// TriggerOneTimeToken has a code sent (contract 13); by is sms, whatsapp or voice. Without a phone number ([Client.AddPhoneNumber]) it
// is an [*Error] with the path phoneNumber. In a sandbox nothing is sent and the code is 111111.
func (a *Account) TriggerOneTimeToken(ctx context.Context, token, by string) (ObfuscatedPhone, error) {
	var phone ObfuscatedPhone
	err := a.ott(ctx, "POST", url.PathEscape(by)+"/trigger", token, nil, &phone)
	return phone, wrap(err, "triggering a one-time token")
}

// VerifyOneTimeToken passes the challenge with a code that was sent (contract 13). A wrong code is an [*Error] with the path otpCode,
// one that was not asked for first has the path One-Time-Token, and after several an hour it is [ErrLimited].
func (a *Account) VerifyOneTimeToken(ctx context.Context, token, by string, code Secret) (OneTimeToken, error) {
	var status OneTimeTokenStatus
	err := a.ott(ctx, "POST", url.PathEscape(by)+"/verify", token, OTPCode{code}, &status)
	return status.OneTimeTokenProperties, wrap(err, "verifying a one-time token")
}

// SimulateProtected makes a call that a sandbox protects, as the documented endpoints for money are elsewhere (contract 13): without a
// cleared token it is [ErrForbidden], and [Error.OneTimeToken] is the one to clear. Outside a sandbox it is [ErrNotFound].
func (a *Account) SimulateProtected(ctx context.Context, token string) error {
	header := http.Header{}
	if token != "" {
		header.Set("X-2fa-Approval", token)
	}
	return wrap(a.client.send(ctx, call{method: "POST", path: "/simulation/protected", bearer: a.bearer, header: header}, nil), "making a protected call")
}

// AddPhoneNumber gives a phone number for a user that the client created and who has not claimed the account (contract 13); any other
// user is [ErrForbidden]. Each number is given once: again, for whomever, it is an [*Error] with the code phone.number.repeated.
func (c *Client) AddPhoneNumber(ctx context.Context, id UserID, number string) (PhoneNumber, error) {
	var made PhoneNumber
	err := c.send(ctx, call{method: "POST", path: "/application/users/" + decimal(id) + "/phone-numbers", body: NewPhoneNumber{number}, bearer: c}, &made)
	return made, wrap(err, "adding a phone number")
}

// AddRequestKey gives a public key of the client's (contract 13). All that is wrong with it is in [Error.Fields].
func (c *Client) AddRequestKey(ctx context.Context, k RequestKey) (RequestKey, error) {
	var made RequestKey
	err := c.send(ctx, call{method: "POST", path: "/auth/jose/request/public-keys", body: k, bearer: c}, &made)
	return made, wrap(err, "adding a public key")
}

// ResponseKey reads the server's public key for an algorithm and a scope (contract 13). There is one for PS256, PS384 and PS512 with
// PAYLOAD_SIGNING; for all others it is [ErrNotFound].
func (c *Client) ResponseKey(ctx context.Context, algorithm, scope string) (ResponseKey, error) {
	var k ResponseKey
	query := url.Values{"algorithm": {algorithm}, "scope": {scope}}
	err := c.send(ctx, call{method: "GET", path: "/auth/jose/response/public-keys?" + query.Encode(), bearer: c}, &k)
	return k, wrap(err, "reading the server's public key")
}
