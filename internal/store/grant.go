package store

import (
	"errors"
	"time"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/partner"
)

var grantTable = newTable("access_grant", "id", "account_id", "partner_id", "profile_id", "scopes", "wording", "language", "given_at",
	"until_at", "state", "ended_at", "used_on", "warned_at", "version")

func grantFields(g *grant.Grant) []any {
	return []any{&g.ID, &g.Account, &g.Partner, &g.Profile, list{&g.Scopes}, &g.Wording, &g.Language, moment{&g.GivenAt},
		moment{&g.Until}, &g.State, moment{&g.EndedAt}, moment{&g.UsedOn}, moment{&g.WarnedAt}, &g.Version}
}

func (tx *Tx) oneGrant(query string, args ...any) (grant.Grant, error) {
	var g grant.Grant
	err := tx.get(query, args, grantFields(&g)...)
	if errors.Is(err, errNoRow) {
		err = grant.ErrNoGrant
	}
	if err != nil {
		return grant.Grant{}, err
	}
	return g, nil
}

// Grant reads a grant, or answers grant.ErrNoGrant.
func (tx *Tx) Grant(id grant.ID) (grant.Grant, error) { return tx.oneGrant(grantTable.find, id) }

// ActiveGrant finds the newest active grant of a customer for a partner and profile, or answers grant.ErrNoGrant.
func (tx *Tx) ActiveGrant(account customer.AccountID, by partner.ID, profile customer.ProfileID) (grant.Grant, error) {
	return tx.oneGrant("SELECT "+grantTable.all+` FROM access_grant WHERE account_id = $1 AND partner_id = $2 AND profile_id = $3
		AND state = 'active' ORDER BY id DESC LIMIT 1`, account, by, profile)
}

// Grants lists an account's active grants for a partner, oldest first.
func (tx *Tx) Grants(account customer.AccountID, by partner.ID) ([]grant.Grant, error) {
	return tx.grants("account_id = $1 AND partner_id = $2", account, by)
}

// GrantsOf lists an account's active grants for any partner, oldest first of each.
func (tx *Tx) GrantsOf(account customer.AccountID) ([]grant.Grant, error) {
	return tx.grants("account_id = $1", account)
}

func (tx *Tx) grants(which string, args ...any) ([]grant.Grant, error) {
	return tx.someGrants("SELECT "+grantTable.all+" FROM access_grant WHERE "+which+" AND state = 'active' ORDER BY partner_id, id", args...)
}

// EveryGrant lists an account's grants, those that have ended too, newest first.
func (tx *Tx) EveryGrant(account customer.AccountID) ([]grant.Grant, error) {
	return tx.someGrants("SELECT "+grantTable.all+" FROM access_grant WHERE account_id = $1 ORDER BY id DESC", account)
}

func (tx *Tx) someGrants(query string, args ...any) ([]grant.Grant, error) {
	var all []grant.Grant
	err := tx.each(query, args, func(scan func(...any) error) error {
		var g grant.Grant
		err := scan(grantFields(&g)...)
		all = append(all, g)
		return err
	})
	return all, err
}

// AccessStands reports whether a grant of an account is active.
func (tx *Tx) AccessStands(account customer.AccountID, id int64) (bool, error) {
	var state grant.State
	err := tx.get("SELECT state FROM access_grant WHERE id = $1 AND account_id = $2", []any{id, account}, &state)
	if errors.Is(err, errNoRow) {
		return false, nil
	}
	return err == nil && state == grant.Active, err
}

// Ending is for grant.Grants.Tidy.
type Ending = For[grant.EndingTx]

var (
	_ grant.EndingStore = Ending{}
	_ grant.EndingTx    = (*Tx)(nil)
)

// GrantsEnding lists active grants that end by then, at most so many: those whose end came, or of which the customer was not told that
// it comes.
func (tx *Tx) GrantsEnding(by, now time.Time, most int) ([]grant.ID, error) {
	var ids []grant.ID
	err := tx.each(`SELECT id FROM access_grant WHERE state = 'active' AND until_at <> 0 AND until_at <= $1 AND (until_at <= $2 OR warned_at = 0)
		ORDER BY until_at LIMIT $3`, []any{millis(by), millis(now), most}, func(scan func(...any) error) error {
		var id grant.ID
		err := scan(&id)
		ids = append(ids, id)
		return err
	})
	return ids, err
}

// SaveGrant inserts or updates a grant.
func (tx *Tx) SaveGrant(g *grant.Grant) error { return tx.save(grantTable, &g.Version, grantFields(g)) }

var codeTable = withBehind(newTable("authorization_code", "id", "journey_id", "grant_id", "account_id", "partner_id", "profile_id", "redirect_uri",
	"challenge", "scopes", "scope_given", "epoch", "digest", "minted_at", "expires_at", "superseded_at", "redeemed_at", "token_id",
	"key_version", "version").sparing("expires_at"))

func codeFields(c *grant.Code) []any {
	return []any{&c.ID, &c.Journey, &c.Grant, &c.Account, &c.Partner, &c.Profile, &c.RedirectURI, &c.Challenge, list{&c.Scopes},
		&c.ScopeGiven, &c.Epoch, &c.Digest, moment{&c.MintedAt}, moment{&c.ExpiresAt}, moment{&c.SupersededAt},
		moment{&c.RedeemedAt}, &c.Token, &c.KeyVersion, &c.Version}
}

// Code reads an authorization code, or answers grant.ErrInvalidGrant.
func (tx *Tx) Code(id grant.CodeID) (grant.Code, error) {
	var c grant.Code
	err := tx.getBefore(codeTable, int64(id), codeFields(&c), &c.Account, &c.Grant)
	if errors.Is(err, errNoRow) {
		err = grant.ErrInvalidGrant
	}
	if err != nil {
		return grant.Code{}, err
	}
	tx.hold(codeTable, int64(id), spared{millis(c.ExpiresAt)})
	return c, nil
}

// SaveCode inserts or updates an authorization code.
func (tx *Tx) SaveCode(c *grant.Code) error {
	return tx.saveHeld(codeTable, int64(c.ID), spared{millis(c.ExpiresAt)}, &c.Version, codeFields(c))
}
