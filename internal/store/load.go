package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// ErrNotEmpty: Load fills empty databases only.
var ErrNotEmpty = errors.New("database is not empty")

// A Load is a database of a size to measure at: claimed accounts with one confirmed profile each, spread evenly over the
// year before Until (no further back than the year 2026, with which numbers begin), the newest of them with a live token of one partner, and each with its share of the audit. Everything but
// salts is computed from the number of an account, so that two loads of one size are alike and whoever measures knows every
// address and token.
type Load struct {
	// Accounts is how many, Tokens how many of them have a live token, Events how many audit events each has.
	Accounts, Tokens int64
	Events           int
	// Until is the moment at which the last account was claimed.
	Until time.Time
	// Partner opened them all. Its id must be set; it is saved.
	Partner partner.Partner
	// Tell hears how far it is.
	Tell Progress
}

// LoadedUntil is when the last account of every load was claimed, unless it says otherwise: always the same, so that two loads of one
// size have the same numbers.
func LoadedUntil() time.Time { return time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC) }

const (
	loadYear = 365 * 24 * time.Hour
	// loadChunk is how many accounts one transaction writes, loadStep after how many the events are put into the chain.
	loadChunk = 100
	loadStep  = 20_000
	// loadWriters is how many write at once.
	loadWriters = 8
)

// at is when the n-th account was claimed, from 0.
func (l Load) at(n int64) time.Time {
	first := l.Until.Add(-loadYear)
	if began := secret.IDTime(0).Add(24 * time.Hour); first.Before(began) {
		first = began
	}
	step := max(l.Until.Sub(first)/time.Duration(max(l.Accounts, 1)), 2*time.Millisecond)
	return l.Until.Add(-step * time.Duration(l.Accounts-n)).Truncate(time.Millisecond)
}

// id is the number of a row of the n-th account: its account, profile, address, grant, token.
func (l Load) id(n int64, row int64) int64 { return secret.IDAt(l.at(n)) + row }

// Account is the number of the n-th account, from 0.
func (l Load) Account(n int64) customer.AccountID { return customer.AccountID(l.id(n, 0)) }

// Profile is the number of the n-th account's profile.
func (l Load) Profile(n int64) customer.ProfileID { return customer.ProfileID(l.id(n, 1)) }

// Email is the address that the n-th account signs in with.
func (l Load) Email(n int64) string { return "load" + strconv.FormatInt(n, 10) + "@example.org" }

// First is the first account that has a live token; all after it have one.
func (l Load) First() int64 { return max(l.Accounts-l.Tokens, 0) }

// Access is the text of the n-th account's access token, and Refresh of its refresh token.
func (l Load) Access(keys *secret.Keys, n int64) (string, error) {
	return l.text(keys, n, secret.PrefixAccess)
}

// Refresh is the text of the n-th account's refresh token.
func (l Load) Refresh(keys *secret.Keys, n int64) (string, error) {
	return l.text(keys, n, secret.PrefixRefresh)
}

func (l Load) text(keys *secret.Keys, n int64, prefix string) (string, error) {
	drawn, err := keys.DeriveWith(keys.DigestVersion(), secret.PurposeToken, "load "+prefix, strconv.FormatInt(n, 10))
	return secret.Token{Prefix: prefix, Account: l.id(n, 0), Number: l.id(n, 4), Secret: drawn}.String(), err
}

// Into fills an empty database, which nobody else uses meanwhile. The options' clock is replaced by one that walks through the year.
func (l Load) Into(ctx context.Context, o Options) error {
	var clock atomic.Int64
	clock.Store(l.at(0).UnixMilli())
	o.Now = func() time.Time { return time.UnixMilli(clock.Load()).UTC() }
	db, err := Open(ctx, o)
	if err != nil {
		return err
	}
	return errors.Join(l.fill(ctx, db, &clock), db.Close())
}

func (l Load) fill(ctx context.Context, db *DB, clock *atomic.Int64) error {
	var there int
	if err := db.read(ctx, func(tx *Tx) error {
		return tx.get("SELECT count(*) FROM (SELECT 1 FROM account LIMIT 1) AS one", nil, &there)
	}); err != nil {
		return err
	}
	if there > 0 {
		return ErrNotEmpty
	}
	if err := db.write(ctx, func(tx *Tx) error { return tx.SavePartner(&l.Partner) }); err != nil {
		return err
	}
	for from := int64(0); from < l.Accounts; from += loadStep {
		to := min(from+loadStep, l.Accounts)
		clock.Store(l.at(from).UnixMilli())
		if err := l.step(ctx, db, from, to); err != nil {
			return err
		}
		if _, err := db.Chain().Seal(ctx, true); err != nil {
			return err
		}
		l.Tell.at("loading", to, l.Accounts)
	}
	return nil
}

// step writes a range of accounts from several connections at once.
func (l Load) step(ctx context.Context, db *DB, from, to int64) error {
	var next atomic.Int64
	next.Store(from)
	var writers sync.WaitGroup
	failed := make([]error, loadWriters)
	for w := range loadWriters {
		writers.Go(func() {
			for failed[w] == nil {
				first := next.Add(loadChunk) - loadChunk
				if first >= to {
					return
				}
				failed[w] = db.write(ctx, func(tx *Tx) error { return l.chunk(tx, first, min(first+loadChunk, to)) })
			}
		})
	}
	writers.Wait()
	return errors.Join(failed...)
}

func (l Load) chunk(tx *Tx, from, to int64) error {
	for n := from; n < to; n++ {
		if err := l.account(tx, n); err != nil {
			return fmt.Errorf("account %d: %w", n, err)
		}
		for range l.Events {
			tx.entry = 0 // each event has a number of its own
			e := audit.Event{At: l.at(n), Action: audit.JourneyClaimed, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorCustomer, ID: l.id(n, 0)},
				Partner: int64(l.Partner.ID), Account: l.id(n, 0), Reference: "0123456789abcdef", Network: "192.0.2.0/24"}
			if err := tx.insertEvent(e); err != nil {
				return err
			}
		}
		clear(tx.keys)
		clear(tx.met)
	}
	return nil
}

// account writes the rows of one account.
func (l Load) account(tx *Tx, n int64) error {
	at := l.at(n)
	a := customer.Account{ID: l.Account(n), Creator: l.Partner.ID, State: customer.Claimed, Epoch: 2, SessionEpoch: 1, ClaimNumber: 1, ProvenNumber: 1,
		Email: l.Email(n), Language: "EN", Credentials: loadedCredentials(n, at), CreatedAt: at, UpdatedAt: at, ClaimedAt: at, LastSignInAt: at}
	p := customer.Profile{ID: l.Profile(n), Account: a.ID, Kind: customer.KindPersonal, PublicID: secret.UUID(), AddressID: l.id(n, 2), Edition: 1,
		ConfirmedEdition: 1, ConfirmedAt: at, CreatedAt: at, UpdatedAt: at, Details: loadedDetails(n, at)}
	if err := errors.Join(tx.SaveAccount(&a), tx.SaveProfile(&p)); err != nil || n < l.First() {
		return err
	}
	g := grant.Grant{ID: grant.ID(l.id(n, 3)), Account: a.ID, Partner: l.Partner.ID, Profile: p.ID, Scopes: l.Partner.RequiredScopes,
		Wording: "1", Language: "en", GivenAt: at, State: grant.Active}
	t := grant.Token{ID: grant.TokenID(l.id(n, 4)), Kind: grant.Customer, Partner: l.Partner.ID, Account: a.ID, Profile: p.ID, Grant: g.ID,
		Scopes: g.Scopes, Epoch: a.Epoch, AccessIssuedAt: at, AccessExpiresAt: l.Until.Add(loadYear), RefreshExpiresAt: l.Until.Add(loadYear),
		KeyVersion: tx.db.keys.DigestVersion(), CreatedAt: at}
	for prefix, digest := range map[string]*[]byte{secret.PrefixAccess: &t.Access, secret.PrefixRefresh: &t.Refresh} {
		text, err := l.text(tx.db.keys, n, prefix)
		if err != nil {
			return err
		}
		parsed, ok := secret.ParseToken(text)
		if !ok {
			return fmt.Errorf("token %q does not read", prefix)
		}
		*digest = secret.Hash(parsed.Secret)
	}
	return errors.Join(tx.SaveGrant(&g), tx.SaveToken(&t))
}

// loadedCredentials are of the size that true ones have. The hash is of no password, so that nobody signs in.
func loadedCredentials(n int64, at time.Time) customer.Credentials {
	digest := secret.Hash(strconv.FormatInt(n, 10))
	c := customer.Credentials{PasswordHash: "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		Apps: []customer.App{{ID: n + 1, Secret: digest[:20], AddedAt: at, LastUsedAt: at}}}
	for range customer.RecoveryCodeCount {
		c.Recovery = append(c.Recovery, customer.RecoveryCode{Digest: digest, Version: 1})
	}
	return c
}

// loadedDetails are a whole personal profile, said by the partner and confirmed.
func loadedDetails(n int64, at time.Time) customer.Details {
	text := strconv.FormatInt(n, 10)
	d := customer.Details{SettledAt: at, Provenance: customer.Provenances{}, Values: map[customer.Field]string{
		customer.FirstName: "Given" + text, customer.LastName: "Family" + text, customer.DateOfBirth: "1987-05-12", customer.Phone: "+4915112345678",
		customer.Country: "DE", customer.FirstLine: "Street " + text, customer.City: "Town", customer.PostCode: "10115"}}
	for f := range d.Values {
		d.Provenance[f] = customer.Provenance{Source: customer.ByPartner, At: at, ConfirmedAt: at}
	}
	return d
}
