package grant

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// A Standing is a family of tokens with everything that decides whether it works, all of one moment.
type Standing struct {
	Token   Token
	Partner partner.Partner
	// Account has only what decides: id, creator, state, hold and epoch. It is the zero value for an application's family.
	Account customer.Account
	// Grant is the one that the customer gave; the zero value where none stands behind the family.
	Grant Grant
}

// stands reports whether the family may work at now, as far as partner, account and grant tell (I2).
func (s Standing) stands(now time.Time) bool {
	if !s.Partner.Active || !s.Token.EndedAt.IsZero() {
		return false
	}
	return s.Token.Kind == Application || s.Account.ID == s.Token.Account && s.Token.admits(s.Account, s.Grant, now)
}

// scopesUnder are those that the family still has under a grant: a customer who allows less on a later visit means the tokens in use too.
func (t Token) scopesUnder(g Grant) []partner.Scope {
	if t.Kind != Customer {
		return t.Scopes
	}
	return slices.DeleteFunc(slices.Clone(t.Scopes), func(s partner.Scope) bool { return !slices.Contains(g.Scopes, s) })
}

// A mark is which text of a family somebody presented.
type mark int

const (
	markUnknown mark = iota
	markAccess
	markRefresh
	// markSpent is the refresh token before the current one, where the class rotates.
	markSpent
)

// marked compares a presented text with what the family has. The account is part of the text: a number with another
// account before it is another spelling of the same secret, and a token has one.
func (t Token) marked(text secret.Token) mark {
	digest := secret.Hash(text.Secret)
	switch {
	case int64(t.Account) != text.Account:
	case text.Prefix == secret.PrefixAccess && secret.Equal(t.Access, digest):
		return markAccess
	case text.Prefix == secret.PrefixRefresh && len(t.Refresh) > 0 && secret.Equal(t.Refresh, digest):
		return markRefresh
	case text.Prefix == secret.PrefixRefresh && len(t.PreviousRefresh) > 0 && secret.Equal(t.PreviousRefresh, digest):
		return markSpent
	}
	return markUnknown
}

// Access admits a bearer token (RFC 6750), or answers ErrInvalidToken. Every request asks anew, so that what ended a moment
// ago is refused now (design 4.12); writes repeat the epoch in their own transaction.
func (ts Tokens) Access(ctx context.Context, bearer string) (Access, error) {
	text, ok := secret.ParseToken(bearer)
	if !ok || text.Prefix != secret.PrefixAccess {
		return Access{}, ErrInvalidToken
	}
	s, err := ts.standing(ctx, text, partner.Premise{})
	now := ts.Now()
	if err != nil || s.Token.marked(text) != markAccess || !now.Before(s.Token.AccessExpiresAt) || !s.stands(now) {
		return Access{}, orInvalid(err)
	}
	t := s.Token
	ts.Uses.note(s.Grant, now)
	return Access{Kind: t.Kind, Partner: s.Partner, Account: t.Account, Profile: t.Profile, Grant: t.Grant, Scopes: t.scopesUnder(s.Grant), Epoch: t.Epoch}, nil
}

// orInvalid keeps trouble apart from a token that is not valid (I11).
func orInvalid(err error) error {
	if err != nil {
		return err
	}
	return ErrInvalidToken
}

func (ts Tokens) standing(ctx context.Context, text secret.Token, premise partner.Premise) (s Standing, err error) {
	err = ts.Store.View(ctx, func(tx TokenTx) error {
		s, err = tx.Standing(TokenID(text.Number), premise)
		return err
	})
	return s, err
}

// An Introspection is what a client may learn of a token (RFC 7662 section 2.2). All but Active is zero where it is false.
type Introspection struct {
	Active bool
	Kind   Kind
	// Refresh reports whether it is a refresh token; then nothing but the token endpoint takes it.
	Refresh             bool
	Account             customer.AccountID
	Scopes              []partner.Scope
	IssuedAt, ExpiresAt time.Time
}

// Introspect tells a client whether a token of its own works now: exactly what the endpoints that take it would find. Of
// another client's token it learns no more than of one that never was (RFC 7662 section 4: a protected resource that may
// scan tokens would learn whose customers are where).
func (ts Tokens) Introspect(ctx context.Context, p partner.Partner, presented string) (Introspection, error) {
	text, ok := secret.ParseToken(presented)
	if !ok { // which no token has the number of; but the premise is to hold for this answer too
		text = secret.Token{}
	}
	s, err := ts.standing(ctx, text, ts.premise)
	if errors.Is(err, ErrInvalidToken) {
		return Introspection{}, nil
	}
	now, t := ts.Now(), s.Token
	if err != nil || t.Partner != p.ID || !s.stands(now) {
		return Introspection{}, err
	}
	in := Introspection{Active: true, Kind: t.Kind, Account: t.Account, Scopes: t.scopesUnder(s.Grant)}
	switch m := t.marked(text); {
	case m == markAccess && now.Before(t.AccessExpiresAt):
		in.IssuedAt, in.ExpiresAt = t.AccessIssuedAt, t.AccessExpiresAt
	case m == markRefresh && t.refreshable(s.Partner, now):
		in.Refresh, in.IssuedAt, in.ExpiresAt = true, t.CreatedAt, t.refreshEnd(s.Partner)
		if s.Partner.Class.RotatesRefresh && t.Generation > 0 {
			in.IssuedAt = t.RefreshedAt
		}
	default:
		return Introspection{}, nil
	}
	return in, nil
}

// Revoke ends a token of the client's own (RFC 7009). An access token ends alone; a refresh token, spent ones of the same
// family too, ends everything that it issued (section 2.1). What is not the client's, or never was, changes nothing, and
// the client cannot tell: there is no error but trouble.
func (ts Tokens) Revoke(ctx context.Context, p partner.Partner, presented string, o customer.Origin) error {
	now := ts.Now()
	return ts.change(ctx, func(tx TokenTx) (audit.Event, error) {
		e := event(now, audit.TokenEnded, p, 0, o)
		text, ok := secret.ParseToken(presented)
		if !ok {
			return refused(e, audit.TokenEnded, "malformed"), nil
		}
		t, err := tx.Token(TokenID(text.Number))
		if errors.Is(err, ErrInvalidToken) {
			return refused(e, audit.TokenEnded, "unknown"), nil
		}
		if err != nil {
			return audit.Event{}, err
		}
		m := t.marked(text)
		switch {
		case m == markUnknown:
			return refused(e, audit.TokenEnded, "unknown"), nil
		case t.Partner != p.ID:
			return refused(e, audit.TokenEnded, "foreign_client"), nil
		}
		e.Account = int64(t.Account)
		if !t.EndedAt.IsZero() || m == markAccess && !now.Before(t.AccessExpiresAt) {
			return refused(e, audit.TokenEnded, "ended"), nil
		}
		e.Reason = "refresh_token"
		if m == markAccess && t.Kind != Application {
			e.Reason, t.AccessExpiresAt = "access_token", now
			return e, tx.SaveToken(&t)
		}
		if m == markAccess {
			e.Reason = "access_token"
		}
		t.EndedAt, t.EndedReason = now, "revoked"
		return e, tx.SaveToken(&t)
	})
}
