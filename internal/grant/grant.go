package grant

import (
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// ID identifies a grant.
type ID int64

// ErrNoGrant: there is no such grant, or it has ended.
var ErrNoGrant = errors.New("access was not given or has ended")

// State is where a grant stands (design 3).
type State string

// The states of a grant.
const (
	Active  State = "active"
	Stopped State = "stopped"
	Ended   State = "ended"
	// Suspended waits until the owner, who got back in without the old second step, gives the access again (design 10.14).
	Suspended State = "suspended"
)

// A Grant is one access that a customer gave: to one partner, for one profile, with these scopes, in these words. The
// customer alone makes it and stops it; it ends by itself at Until.
type Grant struct {
	ID      ID
	Account customer.AccountID
	Partner partner.ID
	Profile customer.ProfileID
	Scopes  []partner.Scope
	// Wording and Language say which version of which words the customer read.
	Wording, Language string
	GivenAt           time.Time
	// Until is zero when the access stands until it is stopped.
	Until   time.Time
	State   State
	EndedAt time.Time
	// UsedOn is the last day, in UTC, on which a request with one of its access tokens was admitted; zero for never.
	UsedOn time.Time
	// WarnedAt is when the customer was told that it ends soon.
	WarnedAt time.Time
	Version  int64
}

// described is an event with what the access is.
func (g Grant) described(e audit.Event) audit.Event {
	e.Detail = map[string]string{"grant": strconv.FormatInt(int64(g.ID), 10), "profile": strconv.FormatInt(int64(g.Profile), 10),
		"scopes": partner.FormatScopes(g.Scopes)}
	return e
}

// Stands reports whether the grant gives access at now.
func (g Grant) Stands(now time.Time) bool {
	return g.ID != 0 && g.State == Active && (g.Until.IsZero() || now.Before(g.Until))
}

// Stoppable reports whether the customer can stop it: it gives access at now, or waits to be given again.
func (g Grant) Stoppable(now time.Time) bool { return g.Stands(now) || g.State == Suspended }

// Covers reports whether the grant has all of the scopes.
func (g Grant) Covers(scopes []partner.Scope) bool {
	for _, s := range scopes {
		if !slices.Contains(g.Scopes, s) {
			return false
		}
	}
	return true
}

// CodeID identifies an authorization code.
type CodeID int64

// A Code is an authorization code: minted at consent, redeemed at most once, bound to client, address, challenge, account,
// profile and epoch (I5). Its text is recomputed from the journey, never stored (design 4.8).
type Code struct {
	ID      CodeID
	Journey int64
	Grant   ID
	Account customer.AccountID
	Partner partner.ID
	Profile customer.ProfileID
	// RedirectURI and Challenge are the authorize request's; the exchange must match both.
	RedirectURI, Challenge string
	Scopes                 []partner.Scope
	ScopeGiven             bool
	Epoch                  int64
	Digest                 []byte
	// KeyVersion is the server key that the text is computed with.
	KeyVersion          int
	MintedAt, ExpiresAt time.Time
	// SupersededAt is set when the journey minted a newer one (design 10.22).
	SupersededAt time.Time
	RedeemedAt   time.Time
	// Token is what the redemption issued.
	Token   TokenID
	Version int64
}

// Live reports whether the code can still be redeemed at now, as far as its own row tells.
func (c Code) Live(now time.Time) bool {
	return c.ID != 0 && c.RedeemedAt.IsZero() && c.SupersededAt.IsZero() && now.Before(c.ExpiresAt)
}

// Text is the text of the code. It can be computed again for a reload of C11 by whoever holds the server's keys, so it
// needs no storage, and a copy of the database does not give it (design 4.8).
func (c Code) Text(keys *secret.Keys) (string, error) {
	drawn, err := keys.DeriveWith(c.KeyVersion, secret.PurposeAuthorizationCode, strconv.FormatInt(int64(c.Account), 10),
		strconv.FormatInt(int64(c.ID), 10), strconv.FormatInt(c.Journey, 10))
	return secret.Token{Prefix: secret.PrefixAuthorizationCode, Account: int64(c.Account), Number: int64(c.ID), Secret: drawn}.String(), err
}

// NewCode mints a code for a grant and a request.
func NewCode(keys *secret.Keys, ids *secret.IDs, g Grant, r Request, journey, epoch int64, life time.Duration, now time.Time) (Code, error) {
	c := Code{ID: CodeID(ids.Next()), Journey: journey, Grant: g.ID, Account: g.Account, Partner: g.Partner, Profile: g.Profile,
		RedirectURI: r.RedirectURI, Challenge: r.Challenge, Scopes: g.Scopes, ScopeGiven: r.ScopeGiven, Epoch: epoch,
		KeyVersion: keys.DigestVersion(), MintedAt: now, ExpiresAt: now.Add(life)}
	text, err := c.Text(keys)
	if err != nil {
		return Code{}, err
	}
	token, _ := secret.ParseToken(text)
	c.Digest = secret.Hash(token.Secret)
	return c, nil
}

// GrantTx reads and writes grants and authorization codes within a transaction. What is not there is ErrNoGrant, or
// ErrInvalidGrant for a code.
type GrantTx interface {
	Grant(ID) (Grant, error)
	// ActiveGrant finds the active grant of a customer for a partner and profile.
	ActiveGrant(customer.AccountID, partner.ID, customer.ProfileID) (Grant, error)
	// Grants lists an account's active grants for a partner.
	Grants(customer.AccountID, partner.ID) ([]Grant, error)
	// GrantsOf lists an account's active grants for any partner.
	GrantsOf(customer.AccountID) ([]Grant, error)
	// EveryGrant lists an account's grants, those that have ended too, newest first.
	EveryGrant(customer.AccountID) ([]Grant, error)
	// SaveGrant and SaveCode insert when Version is 0 and otherwise update that version alone; they raise Version.
	SaveGrant(*Grant) error
	Code(CodeID) (Code, error)
	SaveCode(*Code) error
}
