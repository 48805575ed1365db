package grant

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// FamilyTx reads and writes families of tokens. What is not there is ErrInvalidToken.
type FamilyTx interface {
	Token(TokenID) (Token, error)
	// SaveToken inserts when Version is 0 and otherwise updates that version alone; it raises Version.
	SaveToken(*Token) error
	// EndRefresh ends the refresh tokens of all families of a partner on an account that came from the same grant (0: from
	// the registration code).
	EndRefresh(customer.AccountID, partner.ID, ID, time.Time) error
}

// TokenTx is what tokens need of a transaction.
type TokenTx interface {
	customer.AccountTx
	GrantTx
	limit.Tx
	FamilyTx
	// Behind reads what stands behind a family, as far as it decides whether the family works: of the account id, creator, state, hold and
	// epoch, and the grant. What is not there is the zero value.
	Behind(Token) (customer.Account, Grant, error)
	// Standing reads a family with what decides whether it works, in one statement, or answers ErrInvalidToken. It holds the premise too, and is for
	// reads alone.
	Standing(TokenID, partner.Premise) (Standing, error)
	// Holds is partner.ErrChanged where the premise is not so any more, at once or with the next answer or the end of the transaction.
	Holds(partner.Premise) error
}

// TokenStore runs transactions for tokens. What View runs asks one question, such as Standing: two would be answered of two moments.
type TokenStore interface {
	View(ctx context.Context, fn func(TokenTx) error) error
	Change(ctx context.Context, fn func(TokenTx) (audit.Event, error)) error
}

// Tokens has the verbs of the token endpoint and of every endpoint that takes a token.
type Tokens struct {
	Store TokenStore
	Keys  *secret.Keys
	IDs   *secret.IDs
	Now   func() time.Time
	// Uses remembers which accesses were used until SaveUses writes it down; nil remembers nothing.
	Uses *Uses

	// premise is what the client's own verbs rest on; see On.
	premise partner.Premise
}

// On is the same with a premise, which Application, Registration, Exchange, Refresh, Introspect and Revoke then hold against the database in the
// transaction that they act in: partner.ErrChanged where it is not so any more, and nothing is changed or told.
func (ts Tokens) On(premise partner.Premise) Tokens {
	ts.premise = premise
	return ts
}

// change runs a verb of a client.
func (ts Tokens) change(ctx context.Context, fn func(TokenTx) (audit.Event, error)) error {
	return ts.Store.Change(ctx, func(tx TokenTx) (audit.Event, error) {
		if err := tx.Holds(ts.premise); err != nil {
			return audit.Event{}, err
		}
		return fn(tx)
	})
}

func event(now time.Time, action audit.Action, p partner.Partner, a customer.AccountID, o customer.Origin) audit.Event {
	return audit.Event{At: now, Action: action, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorPartner, ID: int64(p.ID)},
		Partner: int64(p.ID), Account: int64(a), Reference: o.Reference, Network: o.Network}
}

func refused(e audit.Event, action audit.Action, reason string) audit.Event {
	e.Action, e.Outcome, e.Reason = action, audit.Denied, reason
	return e
}

// Application issues a token for the client itself (RFC 6749 section 4.4; contract 4.1).
func (ts Tokens) Application(ctx context.Context, p partner.Partner, o customer.Origin) (Issue, error) {
	now := ts.Now()
	t, issue := newFamily(ts.Keys, ts.IDs, p, Token{Kind: Application}, now)
	err := ts.change(ctx, func(tx TokenTx) (audit.Event, error) {
		row := t
		return event(now, audit.TokenIssued, p, 0, o), tx.SaveToken(&row)
	})
	return issue, err
}

// Registration issues tokens for a pending account to the partner that opened it (contract 4.1). Errors:
// ErrInvalidCredentials for a wrong code or address and from the commit on; limit.Exceeded.
func (ts Tokens) Registration(ctx context.Context, p partner.Partner, email, code string, o customer.Origin) (Issue, error) {
	now := ts.Now()
	var issue Issue
	err := ts.change(ctx, func(tx TokenTx) (audit.Event, error) {
		issue = Issue{}
		denied := refused(event(now, "", p, 0, o), audit.RegistrationRefused, "no_account")
		a, err := tx.PendingAccount(p.ID, email)
		if errors.Is(err, customer.ErrNoAccount) {
			return denied, ErrInvalidCredentials
		}
		if err != nil {
			return audit.Event{}, err
		}
		denied.Account = int64(a.ID)
		key := limit.NewKey(limit.KindRegistration, strconv.FormatInt(int64(p.ID), 10), strconv.FormatInt(int64(a.ID), 10))
		if !a.Registered(ts.Keys, p.ID, code) || a.ClosedToCreator() {
			denied.Reason = "wrong_code"
			if err := limit.Spend(tx, key, now); err != nil {
				return exceeded(denied, err)
			}
			return denied, ErrInvalidCredentials
		}
		if err := tx.EndRefresh(a.ID, p.ID, 0, now); err != nil {
			return audit.Event{}, err
		}
		var t Token
		t, issue = newFamily(ts.Keys, ts.IDs, p, Token{Kind: Registration, Account: a.ID, Epoch: a.Epoch, Scopes: p.Scopes()}, now)
		return event(now, audit.TokenIssued, p, a.ID, o), tx.SaveToken(&t)
	})
	return issue, err
}

// exceeded turns a spent limit into a refusal that is recorded; any other error rolls back.
func exceeded(denied audit.Event, err error) (audit.Event, error) {
	if errors.Is(err, limit.ErrExceeded) {
		denied.Reason = "too_many_tries"
		return denied, err
	}
	return audit.Event{}, err
}

// An Exchange is what a client presents with an authorization code (RFC 6749 section 4.1.3, RFC 7636 section 4.5).
type Exchange struct {
	Code        string
	RedirectURI string
	// Verifier is nil when none was sent.
	Verifier *string
}

// Exchange redeems an authorization code, once (I5). A second use with everything right ends what the first produced: one
// of the two was not the client (RFC 6749 section 4.1.2). A second use with anything wrong changes nothing, or a stranger
// with an old code could end a customer's access. All refusals are ErrInvalidGrant.
func (ts Tokens) Exchange(ctx context.Context, p partner.Partner, x Exchange, o customer.Origin) (Issue, error) {
	now := ts.Now()
	var issue Issue
	err := ts.change(ctx, func(tx TokenTx) (audit.Event, error) {
		issue = Issue{}
		denied := refused(event(now, "", p, 0, o), audit.AuthorizationRefused, "unknown")
		c, reason, err := ts.presented(tx, p, x)
		if err != nil {
			return audit.Event{}, err
		}
		denied.Account = int64(c.Account)
		if reason != "" {
			denied.Reason = reason
			return denied, ErrInvalidGrant
		}
		if !c.RedeemedAt.IsZero() {
			return ts.reused(tx, c, denied, now)
		}
		if !c.Live(now) {
			denied.Reason = "expired"
			return denied, ErrInvalidGrant
		}
		t := Token{Kind: Customer, Account: c.Account, Profile: c.Profile, Grant: c.Grant, Scopes: c.Scopes, ScopeGiven: c.ScopeGiven, Epoch: c.Epoch}
		t.Partner = p.ID
		standing, err := ts.stands(tx, &t, now)
		if err != nil {
			return audit.Event{}, err
		}
		if !standing {
			denied.Reason = "access_ended"
			return denied, ErrInvalidGrant
		}
		if err := tx.EndRefresh(c.Account, p.ID, c.Grant, now); err != nil {
			return audit.Event{}, err
		}
		t, issue = newFamily(ts.Keys, ts.IDs, p, t, now)
		if err := tx.SaveToken(&t); err != nil {
			return audit.Event{}, err
		}
		c.RedeemedAt, c.Token = now, t.ID
		return event(now, audit.AuthorizationRedeemed, p, c.Account, o), tx.SaveCode(&c)
	})
	return issue, err
}

// presented finds the code and compares everything that it is bound to. reason is "" when all matches.
func (ts Tokens) presented(tx TokenTx, p partner.Partner, x Exchange) (Code, string, error) {
	text, ok := secret.ParseToken(x.Code)
	if !ok || text.Prefix != secret.PrefixAuthorizationCode {
		return Code{}, "malformed", nil
	}
	c, err := tx.Code(CodeID(text.Number))
	if errors.Is(err, ErrInvalidGrant) {
		return Code{}, "unknown", nil
	}
	if err != nil {
		return Code{}, "", err
	}
	switch {
	case int64(c.Account) != text.Account, !secret.Equal(c.Digest, secret.Hash(text.Secret)):
		return Code{}, "unknown", nil
	case c.Partner != p.ID:
		return c, "foreign_client", nil
	case c.RedirectURI != x.RedirectURI:
		return c, "redirect_uri_differs", nil
	case c.Challenge == "" && x.Verifier != nil:
		// A verifier without a challenge is how a stolen code is replayed into a client that uses PKCE (RFC 9700
		// section 4.8.2, PKCE downgrade).
		return c, "verifier_without_challenge", nil
	case c.Challenge != "" && (x.Verifier == nil || !secret.VerifiesChallenge(*x.Verifier, c.Challenge)):
		return c, "verifier_differs", nil
	}
	return c, "", nil
}

func (ts Tokens) reused(tx TokenTx, c Code, denied audit.Event, now time.Time) (audit.Event, error) {
	denied.Action, denied.Reason = audit.AuthorizationReused, "second_use"
	t, err := tx.Token(c.Token)
	if errors.Is(err, ErrInvalidToken) {
		return denied, ErrInvalidGrant
	}
	if err != nil {
		return audit.Event{}, err
	}
	if t.EndedAt.IsZero() {
		t.EndedAt, t.EndedReason = now, "code_reused"
		if err := tx.SaveToken(&t); err != nil {
			return audit.Event{}, err
		}
	}
	return denied, ErrInvalidGrant
}

// stands loads account and grant and asks whether the family may work at now. It takes from the family the scopes that the
// grant no longer has: a customer who allows less on a later visit means the tokens in use too.
func (ts Tokens) stands(tx TokenTx, t *Token, now time.Time) (bool, error) {
	a, g, err := tx.Behind(*t)
	if err != nil || a.ID != t.Account {
		return false, err
	}
	t.Scopes = t.scopesUnder(g)
	return t.admits(a, g, now), nil
}

// Refresh answers a new access token and kills the old one at once (contract 4.4). Twice within RefreshGrace it answers
// the same. Where the class rotates, replaying a spent refresh token later ends the family: it was stolen, or the new one
// was (RFC 9700 section 4.14.2). All refusals are ErrInvalidGrant.
func (ts Tokens) Refresh(ctx context.Context, p partner.Partner, presented string, o customer.Origin) (Issue, error) {
	now := ts.Now()
	var issue Issue
	err := ts.change(ctx, func(tx TokenTx) (audit.Event, error) {
		issue = Issue{}
		denied := refused(event(now, "", p, 0, o), audit.TokenRefused, "unknown")
		text, ok := secret.ParseToken(presented)
		if !ok || text.Prefix != secret.PrefixRefresh {
			return denied, ErrInvalidGrant
		}
		t, err := tx.Token(TokenID(text.Number))
		if errors.Is(err, ErrInvalidToken) {
			return denied, ErrInvalidGrant
		}
		if err != nil {
			return audit.Event{}, err
		}
		digest := secret.Hash(text.Secret)
		current, previous := secret.Equal(t.Refresh, digest), len(t.PreviousRefresh) > 0 && secret.Equal(t.PreviousRefresh, digest)
		known := current || previous
		if int64(t.Account) != text.Account || t.Partner != p.ID || !known && !p.Class.RotatesRefresh {
			return denied, ErrInvalidGrant
		}
		denied.Account = int64(t.Account)
		standing, err := ts.stands(tx, &t, now)
		if err != nil {
			return audit.Event{}, err
		}
		if !standing || !t.refreshable(p, now) {
			denied.Reason = "ended"
			return denied, ErrInvalidGrant
		}
		repeat := t.Generation > 0 && now.Before(t.RefreshedAt.Add(RefreshGrace))
		// A token of this family that is neither the current nor the one before is an older one, whoever shows it: if a thief
		// refreshed twice before the owner did, the owner's is the only sign. Only the client itself gets here.
		if !known || previous && !repeat {
			denied.Reason, t.EndedAt, t.EndedReason = "replayed", now, "refresh_replayed"
			if err := tx.SaveToken(&t); err != nil {
				return audit.Event{}, err
			}
			return denied, ErrInvalidGrant
		}
		// What was revoked since is not answered again; a spent refresh token cannot make another.
		alive := now.Before(t.AccessExpiresAt)
		issue, err = ts.renew(tx, p, t, text.Secret, repeat && (previous || !p.Class.RotatesRefresh && alive), now)
		return event(now, audit.TokenRefreshed, p, t.Account, o), err
	})
	return issue, err
}

// renew computes the next generation, or repeats the last answer, and saves it.
func (ts Tokens) renew(tx TokenTx, p partner.Partner, t Token, presented string, repeat bool, now time.Time) (Issue, error) {
	if !repeat {
		t.Generation++
		t.RefreshedAt = now
		t.AccessIssuedAt, t.AccessExpiresAt = now, now.Add(p.Class.AccessLife)
	}
	access, err := t.derive(ts.Keys, "access", presented)
	if err != nil {
		return Issue{}, err
	}
	refresh := presented
	if p.Class.RotatesRefresh {
		if refresh, err = t.derive(ts.Keys, "refresh", presented); err != nil {
			return Issue{}, err
		}
	}
	issue := Issue{Access: t.accessText(access), Refresh: t.refreshText(refresh), At: now, ScopeText: t.scopeText(p)}
	if !repeat {
		t.Access = secret.Hash(access)
		if p.Class.RotatesRefresh {
			t.PreviousRefresh, t.Refresh = t.Refresh, secret.Hash(refresh)
		}
		if err := tx.SaveToken(&t); err != nil {
			return Issue{}, err
		}
	}
	issue.Token = t
	return issue, nil
}
