package grant

import (
	"errors"
	"strconv"
	"time"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// TokenID identifies a row of tokens; it is the number in a token's text.
type TokenID int64

// Errors about tokens and what leads to them.
var (
	// ErrInvalidGrant: the registration code, authorization code or refresh token is wrong, expired, used, ended or
	// somebody else's: one answer for all (RFC 6749 section 5.2; contract 4.5).
	ErrInvalidGrant = errors.New("grant is not valid")
	// ErrInvalidCredentials is ErrInvalidGrant for the registration_code grant, whose documented text differs.
	ErrInvalidCredentials = errors.New("registration code and address do not match")
	// ErrInvalidToken: the access token is unknown, expired or ended (RFC 6750 section 3.1).
	ErrInvalidToken = errors.New("access token is not valid")
	// ErrWrongKind: the token is alive, but not of the kind that the endpoint takes (contract 3.3, OC-4).
	ErrWrongKind = errors.New("access token is of the wrong kind")
)

// Kind says whose access a token is.
type Kind string

// The kinds of tokens.
const (
	// Application is the client's own, from client_credentials.
	Application Kind = "application"
	// Registration is from a registration code: the creating partner, until the commit.
	Registration Kind = "registration"
	// Customer is from an authorization code: what the customer allowed.
	Customer Kind = "customer"
)

// A Token is a family: the current access token and, for a customer's account, the refresh token. A refresh overwrites the
// access digest, so the old access token is dead in that moment (contract 4.4). Only SHA-256 of 256 random bits is stored.
type Token struct {
	ID      TokenID
	Kind    Kind
	Partner partner.ID
	Account customer.AccountID
	Profile customer.ProfileID
	Grant   ID
	Scopes  []partner.Scope
	// ScopeGiven tells whether the request named scopes; else classic prints "transfers".
	ScopeGiven bool
	// Epoch is the account's when the family began: a commit or recovery raises the account's and ends all of these (I2).
	Epoch           int64
	Access          []byte
	AccessIssuedAt  time.Time
	AccessExpiresAt time.Time
	// Refresh is the current refresh digest, PreviousRefresh the one before where the class rotates.
	Refresh, PreviousRefresh []byte
	RefreshExpiresAt         time.Time
	// Generation counts refreshes; RefreshedAt is the last one.
	Generation  int64
	RefreshedAt time.Time
	// RefreshEndedAt ends the refresh token alone, when a newer grant took its place (contract 4.4).
	RefreshEndedAt time.Time
	// EndedAt ends the family; EndedReason says why.
	EndedAt     time.Time
	EndedReason string
	// KeyVersion is the server key that derived texts are computed with.
	KeyVersion int
	CreatedAt  time.Time
	Version    int64
}

// RefreshGrace is how long a second refresh with the same token gets the same answer: two workers that refresh at once
// must not leave one with a dead token (design 4.8).
const RefreshGrace = 5 * time.Second

// An Issue is a token answer: the texts exist nowhere else.
type Issue struct {
	Token   Token
	Access  string
	Refresh string
	// At is when it was answered; remaining seconds count from here.
	At time.Time
	// ScopeText is what the answer prints as scope.
	ScopeText string
}

// Remaining is a life in whole seconds as the documented answers count it: a fresh 12 h token shows 43199 (contract 4.3).
func Remaining(until, now time.Time) int64 {
	left := until.Sub(now) - time.Millisecond
	return max(int64(left/time.Second), 0)
}

func (t Token) accessText(drawn string) string {
	return secret.Token{Prefix: secret.PrefixAccess, Account: int64(t.Account), Number: int64(t.ID), Secret: drawn}.String()
}

func (t Token) refreshText(drawn string) string {
	return secret.Token{Prefix: secret.PrefixRefresh, Account: int64(t.Account), Number: int64(t.ID), Secret: drawn}.String()
}

// derive computes what a refresh issues from the presented secret and the generation, so that it can be answered twice
// and is stored nowhere (design 4.8).
func (t Token) derive(keys *secret.Keys, what, presented string) (string, error) {
	return keys.DeriveWith(t.KeyVersion, secret.PurposeToken, what, strconv.FormatInt(int64(t.ID), 10),
		strconv.FormatInt(t.Generation, 10), presented)
}

// newFamily draws a family with its first tokens. Application tokens have no refresh token (contract 4.2).
func newFamily(keys *secret.Keys, ids *secret.IDs, p partner.Partner, t Token, now time.Time) (Token, Issue) {
	access, refresh := secret.NewTokenSecret(), ""
	t.ID, t.Partner, t.CreatedAt, t.KeyVersion = TokenID(ids.Next()), p.ID, now, keys.DigestVersion()
	t.Access, t.AccessIssuedAt, t.AccessExpiresAt = secret.Hash(access), now, now.Add(p.Class.AccessLife)
	issue := Issue{Access: t.accessText(access), At: now}
	if t.Kind != Application {
		refresh = secret.NewTokenSecret()
		t.Refresh, t.RefreshExpiresAt = secret.Hash(refresh), now.Add(p.Class.RefreshLife)
		issue.Refresh = t.refreshText(refresh)
	}
	issue.Token, issue.ScopeText = t, t.scopeText(p)
	return t, issue
}

func (t Token) scopeText(p partner.Partner) string {
	if p.Class.FixedScopeText != "" && !t.ScopeGiven {
		return p.Class.FixedScopeText
	}
	return partner.FormatScopes(t.Scopes)
}

// refreshable reports whether the family's refresh token works at now, as far as its own row tells.
func (t Token) refreshable(p partner.Partner, now time.Time) bool {
	return t.Kind != Application && t.EndedAt.IsZero() && t.RefreshEndedAt.IsZero() && now.Before(t.refreshEnd(p))
}

// refreshEnd is when the refresh token ends by itself: unused for too long, or too old.
func (t Token) refreshEnd(p partner.Partner) time.Time {
	used := t.CreatedAt
	if t.RefreshedAt.After(used) {
		used = t.RefreshedAt
	}
	if idle := used.Add(p.Class.RefreshIdle); p.Class.RefreshIdle != 0 && idle.Before(t.RefreshExpiresAt) {
		return idle
	}
	return t.RefreshExpiresAt
}

// admits reports whether the account still stands behind the family (I2, I4): the registration token while its creator's
// account is unclaimed, the customer's token while the owner's grant stands; neither across an epoch.
func (t Token) admits(a customer.Account, g Grant, now time.Time) bool {
	if a.Epoch != t.Epoch {
		return false
	}
	switch t.Kind {
	case Registration:
		return a.State == customer.Pending && a.Creator == t.Partner && !a.ClosedToCreator()
	case Customer:
		return a.Hold == "" && a.State == customer.Claimed && g.ID == t.Grant && g.Stands(now) && g.Partner == t.Partner &&
			g.Account == t.Account && g.Profile == t.Profile
	}
	return false
}

// An Access is what a bearer token admits to.
type Access struct {
	Kind    Kind
	Partner partner.Partner
	Account customer.AccountID
	Profile customer.ProfileID
	// Grant is what the customer gave, 0 for the other kinds.
	Grant  ID
	Scopes []partner.Scope
	Epoch  int64
}

// Allows reports whether the access has a scope. A registration token may do what onboarding needs: read and prefill its
// own account; it has no other power (requirement 30).
func (a Access) Allows(s partner.Scope) bool {
	if a.Kind == Registration {
		return true
	}
	for _, have := range a.Scopes {
		if have == s {
			return true
		}
	}
	return false
}

// Caller is the access as the customer package knows it.
func (a Access) Caller(reference, network string) customer.Caller {
	return customer.Caller{Partner: a.Partner.ID, Account: a.Account, Epoch: a.Epoch, Profile: a.Profile,
		Grant: int64(a.Grant), Registration: a.Kind == Registration, Reference: reference, Network: network}
}
