package latchkey

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"reflect"
	"time"
)

// Secret is text that whoever holds it may act with: a client secret, a registration code, a token, a claim code, a PKCE
// verifier. It prints as "[redacted]" everywhere but in JSON, so that no log line gives access away. string(s) is the text.
type Secret string

// Format writes "[redacted]" for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// String returns "[redacted]", or nothing for the empty secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "[redacted]"
}

// LogValue returns "[redacted]" (log/slog asks for it).
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Token is what the token endpoint answers (contract 4.2), and what a partner keeps: as JSON, sealed.
type Token struct {
	// AccessToken is sent as the bearer. It lives 12 hours (class classic) and dies at once when a newer one is obtained by refresh.
	AccessToken Secret `json:"access_token"`
	// TokenType is "bearer".
	TokenType string `json:"token_type"`
	// RefreshToken obtains the next access token; absent from the client's own tokens.
	RefreshToken Secret `json:"refresh_token,omitempty"`
	// ExpiresIn are the whole seconds that the access token had left when the answer was written, so 43199 for a fresh one.
	ExpiresIn int64 `json:"expires_in"`
	// ExpiresAt is when the access token ends. The client fills it in where the server leaves it out (classes strict and fapi2).
	ExpiresAt Stamp `json:"expires_at,omitzero"`
	// RefreshTokenExpiresIn are the whole seconds that the refresh token had left; nil where the server does not say.
	RefreshTokenExpiresIn *int64 `json:"refresh_token_expires_in,omitempty"`
	// RefreshTokenExpiresAt is when the refresh token ends; it does not move when it is used (contract 4.3).
	RefreshTokenExpiresAt Stamp `json:"refresh_token_expires_at,omitzero"`
	// Scope is "transfers" in the class classic unless scopes were asked for, else the scopes given, separated by spaces; none in the
	// client's own tokens of the class strict.
	Scope string `json:"scope,omitempty"`
	// CreatedAt is when the access token was made; absent from the client's own tokens.
	CreatedAt FineStamp `json:"created_at,omitzero"`
}

// Bearer returns the access token as it stands, so that a Token is the simplest [Bearer].
func (t Token) Bearer(context.Context) (Secret, error) { return t.AccessToken, nil }

// LogValue hides both tokens (JSON handlers of log/slog would print them).
func (t Token) LogValue() slog.Value {
	return slog.GroupValue(slog.String("access_token", t.AccessToken.String()), slog.Time("expires_at", t.ExpiresAt.Time),
		slog.String("scope", t.Scope))
}

// Stamp is a moment written with milliseconds and Z: 2031-02-03T04:05:06.789Z (contract 3.4).
type Stamp struct{ time.Time }

// MarshalText writes the stamp.
func (s Stamp) MarshalText() ([]byte, error) {
	return []byte(s.UTC().Format("2006-01-02T15:04:05.000Z")), nil
}

// MarshalJSON writes the stamp as a string.
func (s Stamp) MarshalJSON() ([]byte, error) {
	return []byte(s.UTC().Format(`"2006-01-02T15:04:05.000Z"`)), nil
}

// UnmarshalJSON reads any RFC 3339 moment, and "" or null as the zero moment.
func (s *Stamp) UnmarshalJSON(b []byte) (err error) {
	s.Time, err = parseMoment(b, time.RFC3339Nano)
	return err
}

// FineStamp is a moment written with six digits of the second and Z: 2031-02-03T04:05:06.789123Z (contract 3.4, created_at).
type FineStamp struct{ time.Time }

// MarshalJSON writes the stamp as a string.
func (s FineStamp) MarshalJSON() ([]byte, error) {
	return []byte(s.UTC().Format(`"2006-01-02T15:04:05.000000Z"`)), nil
}

// UnmarshalJSON reads any RFC 3339 moment, and "" or null as the zero moment.
func (s *FineStamp) UnmarshalJSON(b []byte) (err error) {
	s.Time, err = parseMoment(b, time.RFC3339Nano)
	return err
}

// parseMoment reads a JSON string as a moment of the layout, in UTC.
func parseMoment(b []byte, layout string) (time.Time, error) {
	text := string(b)
	if text == "null" || text == `""` {
		return time.Time{}, nil
	}
	t, err := time.Parse(`"`+layout+`"`, text)
	if err != nil { // the decoder adds the name of the field to an error of this type alone
		return time.Time{}, &json.UnmarshalTypeError{Value: "text", Type: reflect.TypeFor[time.Time]()}
	}
	return t.UTC(), nil
}

// RegistrationGrant obtains a user token for an account that this client made and whose customer has not taken it over
// (contract 4.1, grant registration_code). It may be repeated; each time the earlier refresh token dies.
// After the claim it fails with [ErrInvalidGrant].
func (c *Client) RegistrationGrant(ctx context.Context, email string, registrationCode Secret) (Token, error) {
	return c.token(ctx, url.Values{"grant_type": {"registration_code"}, "client_id": {c.ID}, "email": {email},
		"registration_code": {string(registrationCode)}})
}

// Exchange is what [Client.Exchange] trades for tokens.
type Exchange struct {
	// Code is from [ParseReturn]: one use, 30 minutes (60 seconds in newer classes).
	Code Secret
	// RedirectURI is the same text as in the authorize request.
	RedirectURI string
	// Verifier is that of the challenge in the authorize request, empty when there was none (RFC 7636 section 4.5).
	Verifier Secret
}

// Exchange trades an authorization code for the tokens of what the customer allowed (contract 4.1, grant authorization_code).
// A code used, expired or bound to something else fails with [ErrInvalidGrant]. Using a code twice ends what the first use gave.
func (c *Client) Exchange(ctx context.Context, e Exchange) (Token, error) {
	form := url.Values{"grant_type": {"authorization_code"}, "client_id": {c.ID}, "code": {string(e.Code)}, "redirect_uri": {e.RedirectURI}}
	if e.Verifier != "" {
		form.Set("code_verifier", string(e.Verifier))
	}
	return c.token(ctx, form)
}

// Refresh obtains the next access token; the previous one dies at once (contract 4.4). Keep the refresh token of the answer:
// it is the same one in the class classic and a new one in others. [Tokens] does all this.
func (c *Client) Refresh(ctx context.Context, refreshToken Secret) (Token, error) {
	return c.token(ctx, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {string(refreshToken)}})
}

// ClientGrant obtains a token of the client's own (contract 4.1, grant client_credentials). [Client.Bearer] does it when needed.
func (c *Client) ClientGrant(ctx context.Context) (Token, error) {
	return c.token(ctx, url.Values{"grant_type": {"client_credentials"}})
}

// token asks the token endpoint and completes what the class of the client leaves out of the answer.
func (c *Client) token(ctx context.Context, form url.Values) (Token, error) {
	var t Token
	err := c.send(ctx, call{method: "POST", path: "/oauth/token", form: form, basic: true}, &t)
	if err == nil && (t.AccessToken == "" || t.ExpiresIn < 0) {
		err = fmt.Errorf("%w: no access token in it", ErrAnswer)
	}
	if err != nil {
		return Token{}, fmt.Errorf("asking for a token by %s: %w", form.Get("grant_type"), err)
	}
	if t.ExpiresAt.IsZero() {
		t.ExpiresAt = Stamp{c.now().Add(time.Duration(t.ExpiresIn) * time.Second).Truncate(time.Millisecond)}
	}
	return t, nil
}

// Bearer hands out an access token that is good now. [Token], [*Tokens] and [*Client] are bearers.
type Bearer interface {
	Bearer(ctx context.Context) (Secret, error)
}

// renewer is a bearer that can replace a token which the server no longer takes.
type renewer interface {
	replace(ctx context.Context, dead Secret) (Secret, error)
}

// keeper holds one token and renews it, one renewal at a time however many ask.
type keeper struct {
	turn  chan struct{} // held while the fields below are read or written; a channel, so that waiting can be given up
	token Token
	saved bool
	renew func(context.Context, Token) (Token, error)
	save  func(context.Context, Token) error // may be nil
	now   func() time.Time
}

func newKeeper(t Token, renew func(context.Context, Token) (Token, error), save func(context.Context, Token) error, now func() time.Time) *keeper {
	return &keeper{turn: make(chan struct{}, 1), token: t, saved: true, renew: renew, save: save, now: now}
}

// bearer returns a good access token. force renews when the token in hand is still dead.
func (k *keeper) bearer(ctx context.Context, dead Secret) (Secret, error) {
	select {
	case k.turn <- struct{}{}:
		defer func() { <-k.turn }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	half := time.Duration(k.token.ExpiresIn) * time.Second / 2
	left := k.token.ExpiresAt.Sub(k.now())
	if k.token.AccessToken == "" || k.token.AccessToken == dead || left <= half {
		t, err := k.renew(ctx, k.token)
		switch {
		case err == nil:
			k.token, k.saved = t, k.save == nil
		case k.token.AccessToken == "" || k.token.AccessToken == dead || left <= 0 || refused(err):
			return "", err
		} // else the token in hand serves until renewal works again
	}
	if !k.saved {
		if err := k.save(ctx, k.token); err != nil {
			return "", fmt.Errorf("saving the renewed token: %w", err)
		}
		k.saved = true
	}
	return k.token.AccessToken, nil
}

// refused reports whether the server decided against renewal, as against not answering or being busy.
func refused(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Status < 500 && e.Status != 429
}

// Tokens holds the tokens of one customer's grant and renews them: from half of an access token's life on, and when the server no
// longer takes one. However many goroutines ask, one renewal runs. Two processes that renew at the same moment get
// the same tokens from the server (within 5 seconds); later ones should load what the first saved.
type Tokens struct{ k *keeper }

// Tokens holds the tokens of a grant and renews them (contract 4.4, OC-31). It begins with t, from [Client.Exchange], [Client.RegistrationGrant] or storage. save is called with each new token before
// that is handed out, and again at the next request when it reports an error; it may be nil for tokens that need not survive.
func (c *Client) Tokens(t Token, save func(context.Context, Token) error) *Tokens {
	renew := func(ctx context.Context, old Token) (Token, error) {
		if old.RefreshToken == "" {
			return Token{}, fmt.Errorf("renewing: %w: there is no refresh token", ErrInvalidGrant)
		}
		next, err := c.Refresh(ctx, old.RefreshToken)
		if err == nil && next.RefreshToken == "" { // RFC 6749 section 6: absent means unchanged
			next.RefreshToken = old.RefreshToken
		}
		return next, err
	}
	return &Tokens{newKeeper(t, renew, save, c.now)}
}

// Bearer returns an access token that is good now, renewing first when it is time to.
func (t *Tokens) Bearer(ctx context.Context) (Secret, error) { return t.k.bearer(ctx, "") }

func (t *Tokens) replace(ctx context.Context, dead Secret) (Secret, error) {
	return t.k.bearer(ctx, dead)
}

// NewRegistrationCode draws a registration code: 43 characters, 256 random bits. Keep it as you keep passwords, sealed, until
// the customer has taken the account over: it obtains tokens and claim codes until then (contract 5.1).
func NewRegistrationCode() Secret { return Secret(random()) }

// NewVerifier draws a PKCE code verifier (RFC 7636 section 4.1). Keep it in the customer's session with the state.
func NewVerifier() Secret { return Secret(random()) }

// NewState draws a value for the state parameter (RFC 6749 section 10.12). Keep it in the customer's session and compare it on return.
func NewState() string { return random() }

// Challenge is the S256 code challenge of a verifier (RFC 7636 section 4.2).
func Challenge(verifier Secret) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// NewKey draws an idempotency key, a version 4 UUID. Keep it with the request until an answer came, and send it again when none did.
func NewKey() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func random() string {
	var b [32]byte
	_, _ = rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}
