package store

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/partner"
)

var tokenTable = withBehind(newTable("token", "id", "kind", "partner_id", "account_id", "profile_id", "grant_id", "scopes", "scope_given", "epoch",
	"access", "access_issued_at", "access_expires_at", "refresh", "previous_refresh", "refresh_expires_at", "generation", "refreshed_at",
	"refresh_ended_at", "ended_at", "ended_reason", "key_version", "created_at", "dead_at", "version").
	sparing("account_id", "partner_id", "grant_id", "refresh_ended_at", "ended_at", "dead_at"))

func tokenFields(t *grant.Token, dead *time.Time) []any {
	return []any{&t.ID, &t.Kind, &t.Partner, &t.Account, &t.Profile, &t.Grant, list{&t.Scopes}, &t.ScopeGiven, &t.Epoch,
		&t.Access, moment{&t.AccessIssuedAt}, moment{&t.AccessExpiresAt}, &t.Refresh, &t.PreviousRefresh, moment{&t.RefreshExpiresAt},
		&t.Generation, moment{&t.RefreshedAt}, moment{&t.RefreshEndedAt}, moment{&t.EndedAt}, &t.EndedReason, &t.KeyVersion,
		moment{&t.CreatedAt}, moment{dead}, &t.Version}
}

// Token reads a family of tokens by its number, or answers grant.ErrInvalidToken.
func (tx *Tx) Token(id grant.TokenID) (grant.Token, error) {
	var t grant.Token
	var dead time.Time
	err := tx.getBefore(tokenTable, int64(id), tokenFields(&t, &dead), &t.Account, &t.Grant)
	if errors.Is(err, errNoRow) {
		err = grant.ErrInvalidToken
	}
	if err != nil {
		return grant.Token{}, err
	}
	tx.hold(tokenTable, int64(id), tokenSpared(t, dead))
	return t, nil
}

func tokenSpared(t grant.Token, dead time.Time) spared {
	return spared{int64(t.Account), int64(t.Partner), int64(t.Grant), millis(t.RefreshEndedAt), millis(t.EndedAt), millis(dead)}
}

// behindColumns are what decides of account and grant, as the zero value where they are not there; behindFields takes them.
const behindColumns = `COALESCE(a.id, 0), COALESCE(a.creator_id, 0), COALESCE(a.state, ''), COALESCE(a.hold, ''), COALESCE(a.epoch, 0),
	COALESCE(g.id, 0), COALESCE(g.account_id, 0), COALESCE(g.partner_id, 0), COALESCE(g.profile_id, 0), COALESCE(g.scopes, '[]'),
	COALESCE(g.until_at, 0), COALESCE(g.state, ''), COALESCE(g.used_on, 0)`

func behindFields(a *customer.Account, g *grant.Grant) []any {
	return []any{&a.ID, &a.Creator, &a.State, &a.Hold, &a.Epoch,
		&g.ID, &g.Account, &g.Partner, &g.Profile, list{&g.Scopes}, moment{&g.Until}, &g.State, moment{&g.UsedOn}}
}

// standingQuery reads a family with what decides whether it works, in one round trip (design 10.28). What is not there is as
// the zero value. standingOnQuery reads along what a premise is about, when it is about the family's own client.
var (
	standingQuery   = standing("", "")
	standingOnQuery = standing(", COALESCE(r.version, 0), COALESCE(r.last_at, 0)", " LEFT JOIN tries r ON r.key_digest = $2")
)

func standing(columns, join string) string {
	return "SELECT " + tokenTable.of("t") + `, p.version,
	` + behindColumns + columns + `
	FROM token t JOIN partner p ON p.id = t.partner_id LEFT JOIN account a ON a.id = t.account_id
	LEFT JOIN access_grant g ON g.id = t.grant_id` + join + " WHERE t.id = $1"
}

// Standing reads a family of tokens with its partner and what matters of account and grant, or answers
// grant.ErrInvalidToken; partner.ErrChanged where the premise is not so any more.
func (tx *Tx) Standing(id grant.TokenID, on partner.Premise) (grant.Standing, error) {
	var s grant.Standing
	var dead time.Time
	var version, counted, countedAt int64
	query, args := standingQuery, []any{id}
	fields := slices.Concat(tokenFields(&s.Token, &dead), []any{&version}, behindFields(&s.Account, &s.Grant))
	if on != (partner.Premise{}) {
		digest, err := tx.triesDigest(on.Tries)
		if err != nil {
			return grant.Standing{}, err
		}
		query, args, fields = standingOnQuery, append(args, digest), append(fields, &counted, &countedAt)
	}
	err := tx.get(query, args, fields...)
	if err == nil && s.Token.Partner == on.Partner {
		if version != on.Version || counted != on.TriesVersion || countedAt != millis(on.TriesAt) {
			err = partner.ErrChanged
		}
	} else if err == nil || errors.Is(err, errNoRow) { // it says nothing of who asks
		err = cmp.Or(tx.Holds(on), err)
	}
	if err == nil {
		s.Partner, err = tx.remembered(s.Token.Partner, version)
	}
	if errors.Is(err, errNoRow) || errors.Is(err, partner.ErrUnknown) {
		err = grant.ErrInvalidToken
	}
	if err != nil {
		return grant.Standing{}, err
	}
	return s, nil
}

// behindQuery reads account and grant of a family in one round trip.
const behindQuery = "SELECT a.version, " + behindColumns + `
	FROM account a LEFT JOIN access_grant g ON g.id = $2 WHERE a.id = $1`

// withBehind is a table whose rows name an account and a grant, with a statement that reads one together with what behindQuery reads of them.
func withBehind(t table) table {
	t.backed = "SELECT " + t.of("t") + ", COALESCE(a.version, 0), " + behindColumns + " FROM " + t.name + ` t LEFT JOIN account a ON a.id = t.account_id
	LEFT JOIN access_grant g ON g.id = t.grant_id AND a.id = t.account_id WHERE t.id = $1`
	return t
}

// A behind is what stands behind the families of an account and a grant. The account is none that could be saved, and so its version is kept apart.
type behind struct {
	of      customer.AccountID
	under   grant.ID
	version int64
	account customer.Account
	grant   grant.Grant
}

func (b *behind) fields() []any {
	return append([]any{&b.version}, behindFields(&b.account, &b.grant)...)
}

// getBefore reads a code or a family of tokens, with what Behind will be asked for next, where it will.
func (tx *Tx) getBefore(t table, id int64, fields []any, of *customer.AccountID, under *grant.ID) error {
	if !tx.foresees {
		return tx.get(t.find, []any{id}, fields...)
	}
	b := &behind{}
	if err := tx.get(t.backed, []any{id}, append(fields, b.fields()...)...); err != nil {
		return err
	}
	b.of, b.under = *of, *under
	tx.foreseen = b
	return nil
}

// Behind reads account and grant of a family, what decides of them; nothing where there is no such account. What was read along before is as good as
// read now, of the same moment, until this transaction writes. Only who asks here is told of it, and what is written then excludes other changes of the account.
func (tx *Tx) Behind(t grant.Token) (customer.Account, grant.Grant, error) {
	b := tx.foreseen
	if b == nil || b.of != t.Account || b.under != t.Grant || tx.changed || tx.wrote {
		b = &behind{of: t.Account, under: t.Grant}
		if err := tx.get(behindQuery, []any{b.of, b.under}, b.fields()...); err != nil && !errors.Is(err, errNoRow) {
			return customer.Account{}, grant.Grant{}, err
		}
	}
	if b.account.ID != 0 {
		tx.meet(b.account.ID, b.version, false)
	}
	return b.account, b.grant, nil
}

// SaveToken inserts or updates a family of tokens.
func (tx *Tx) SaveToken(t *grant.Token) error {
	dead := deadToken(*t)
	return tx.saveHeld(tokenTable, int64(t.ID), tokenSpared(*t, dead), &t.Version, tokenFields(t, &dead))
}

// deadToken is when nothing of the family can work any more.
func deadToken(t grant.Token) time.Time {
	switch {
	case !t.EndedAt.IsZero():
		return t.EndedAt
	case len(t.Refresh) > 0 && t.RefreshEndedAt.IsZero() && t.RefreshExpiresAt.After(t.AccessExpiresAt):
		return t.RefreshExpiresAt
	}
	return t.AccessExpiresAt
}

// EndRefresh ends the refresh tokens of all families of a partner on an account that came from the same grant (0: from
// the registration code).
func (tx *Tx) EndRefresh(account customer.AccountID, by partner.ID, from grant.ID, at time.Time) error {
	return tx.put(`UPDATE token SET refresh_ended_at = $4, dead_at = access_expires_at, version = version + 1
		WHERE account_id = $1 AND partner_id = $2 AND grant_id = $3 AND account_id <> 0 AND refresh_ended_at = 0 AND ended_at = 0`,
		account, by, from, millis(at))
}
