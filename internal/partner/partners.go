package partner

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// Tx is what partners need of a transaction. A row that is not there is ErrUnknown.
type Tx interface {
	Partner(ID) (Partner, error)
	PartnerByClient(clientID string) (Partner, error)
	// PartnerAsking is PartnerByClient and Tries in one statement: every request of a client begins with both.
	PartnerAsking(clientID string, key limit.Key) (Partner, limit.Tries, error)
	Partners() ([]Partner, error)
	// SavePartner inserts when Version is 0 and otherwise updates that version alone; it raises Version.
	SavePartner(*Partner) error
	limit.Tx
}

// Store runs transactions; see the package comment of internal/store for the rule of events.
type Store interface {
	View(ctx context.Context, fn func(Tx) error) error
	Change(ctx context.Context, fn func(Tx) (audit.Event, error)) error
}

// Partners has the verbs: add, seed, authenticate, look up.
type Partners struct {
	Store Store
	IDs   *secret.IDs
	Now   func() time.Time
	// Memory, where set, is what Recognise knows clients by.
	Memory *Memory
}

// A Registration is what an operator says of a partner, by command line or in a seed file.
type Registration struct {
	// ClientID and Secret are drawn when empty. Given ones must be printable ASCII without : % + & = " and \; a secret
	// has 8 characters or more.
	ClientID, Secret string
	Name             string
	HomeURI          string
	RestartURI       string
	RedirectURIs     []string
	Class            string
	// Required and Optional are scopes; when both are empty, reading the account and the profiles is required and
	// writing is optional.
	Required, Optional []Scope
	Purpose            string
	// HideExisting overrides the default of the class when not nil.
	HideExisting *bool
	// BirthdateCheck asks customers for the date of birth that the partner gave.
	BirthdateCheck       bool
	PerSecond, PerMinute int
}

// Check reports every mistake of a registration, one error each, so that an operator mends a file in one go.
func (r Registration) Check() []error {
	var errs []error
	if n := utf8.RuneCountInString(r.Name); n < 1 || n > 60 || !printable(r.Name) {
		errs = append(errs, errors.New("name: give 1 to 60 printable characters without spaces around them"))
	}
	if utf8.RuneCountInString(r.Purpose) > 200 || !printable(r.Purpose) {
		errs = append(errs, errors.New("purpose: give at most 200 printable characters without spaces around them"))
	}
	if r.ClientID != "" && (!plain(r.ClientID) || len(r.ClientID) > 100) {
		errs = append(errs, errors.New("id: use at most 100 printable ASCII characters without : % + & = \" \\"))
	}
	if r.Secret != "" && (!plain(r.Secret) || len(r.Secret) < 8 || len(r.Secret) > 200) {
		errs = append(errs, errors.New("secret: use 8 to 200 printable ASCII characters without : % + & = \" \\"))
	}
	if len(r.RedirectURIs) == 0 {
		errs = append(errs, fmt.Errorf("redirect: give at least one address"))
	}
	for _, uri := range r.RedirectURIs {
		if err := CheckRedirect(uri); err != nil {
			errs = append(errs, fmt.Errorf("redirect: %w", err))
		}
	}
	for _, a := range []struct{ name, uri string }{{"restart", r.RestartURI}, {"home", r.HomeURI}} {
		if a.uri == "" {
			continue
		}
		if err := CheckRedirect(a.uri); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", a.name, err))
		}
	}
	errs = append(errs, r.checkScopes()...)
	if _, err := ClassNamed(r.Class); err != nil {
		errs = append(errs, fmt.Errorf("class: %w", err))
	}
	if r.PerSecond < 0 || r.PerMinute < 0 {
		errs = append(errs, fmt.Errorf("limits: cannot be negative"))
	}
	return errs
}

// checkScopes refuses scopes that do not exist, and one that is required and optional at once: the consent page could not
// show it truthfully.
func (r Registration) checkScopes() []error {
	var errs []error
	for _, s := range slices.Concat(r.Required, r.Optional) {
		if !contains(AllScopes(), s) {
			errs = append(errs, fmt.Errorf("scope %q does not exist", s))
		}
	}
	for _, s := range r.Optional {
		if contains(r.Required, s) {
			errs = append(errs, fmt.Errorf("scope %q is required and optional at once", s))
		}
	}
	return errs
}

// printable refuses what has no place in a text that customers see in pages and mails: line ends, which would forge mail
// headers, and characters without a shape of their own, which make one name look like another.
func printable(s string) bool {
	return utf8.ValidString(s) && strings.TrimSpace(s) == s &&
		!strings.ContainsFunc(s, func(r rune) bool { return r != ' ' && !unicode.IsPrint(r) })
}

// plain takes printable ASCII without the characters that clients encode differently in Basic credentials and forms.
// What the server draws itself is of A-Z a-z 0-9 _ - alone (design 5); seeded settings of an existing client may be wider.
func plain(s string) bool {
	for _, r := range s {
		if r <= ' ' || r > '~' || strings.ContainsRune(":%+&=\"\\", r) {
			return false
		}
	}
	return true
}

// apply writes the registration over a partner; everything an operator can say is replaced, so that seeding twice
// gives the same partner. A pause is not among it: a restart with a seed file must not lift one.
func (r Registration) apply(p Partner, now time.Time) Partner {
	class, _ := ClassNamed(r.Class)
	p.ClientID, p.Name, p.HomeURI, p.RestartURI = r.ClientID, r.Name, r.HomeURI, r.RestartURI
	p.RedirectURIs, p.Class, p.Purpose = r.RedirectURIs, class, r.Purpose
	p.RequiredScopes, p.OptionalScopes = r.Required, r.Optional
	if len(r.Required)+len(r.Optional) == 0 {
		p.RequiredScopes = []Scope{ScopeAccountRead, ScopeProfilesRead}
		p.OptionalScopes = []Scope{ScopeProfilesWrite}
	}
	p.BirthdateCheck = r.BirthdateCheck
	p.HideExisting = class.HidesExisting
	if r.HideExisting != nil {
		p.HideExisting = *r.HideExisting
	}
	p.PerSecond, p.PerMinute = 100, 1000
	if r.PerSecond > 0 {
		p.PerSecond = r.PerSecond
	}
	if r.PerMinute > 0 {
		p.PerMinute = r.PerMinute
	}
	digest := secret.Hash(r.Secret)
	if len(p.Secrets) != 1 || !secret.Equal(p.Secrets[0].Digest, digest) {
		p.Secrets = []Secret{{Digest: digest, CreatedAt: now}}
	}
	return p
}

// Add registers a partner and returns its secret, which is never shown again. A mistake changes nothing.
func (ps Partners) Add(ctx context.Context, r Registration, by audit.Actor) (Partner, string, error) {
	if errs := r.Check(); len(errs) > 0 {
		return Partner{}, "", errors.Join(errs...)
	}
	if r.ClientID == "" {
		r.ClientID = secret.Text(12)
	}
	if r.Secret == "" {
		r.Secret = secret.ClientSecret()
	}
	var p Partner
	err := ps.Store.Change(ctx, func(tx Tx) (audit.Event, error) {
		if _, err := tx.PartnerByClient(r.ClientID); !errors.Is(err, ErrUnknown) {
			if err == nil {
				err = ErrTaken
			}
			return audit.Event{}, err
		}
		p = r.apply(Partner{ID: ID(ps.IDs.Next()), Active: true, CreatedAt: ps.Now()}, ps.Now())
		return audit.Event{At: ps.Now(), Action: audit.PartnerAdded, Outcome: audit.Allowed, Actor: by, Partner: int64(p.ID)}, tx.SavePartner(&p)
	})
	return p, r.Secret, err
}

// Seed makes a partner be as the registration says, adding it when it is missing. Seeding the same registration again
// changes nothing. The id and the secret must be given.
func (ps Partners) Seed(ctx context.Context, r Registration) (changed bool, err error) {
	errs := r.Check()
	if r.ClientID == "" || r.Secret == "" {
		errs = append(errs, fmt.Errorf("id and secret: a seeded partner needs both"))
	}
	if len(errs) > 0 {
		return false, errors.Join(errs...)
	}
	err = ps.Store.Change(ctx, func(tx Tx) (audit.Event, error) {
		changed = false
		now, action := ps.Now(), audit.PartnerChanged
		before, err := tx.PartnerByClient(r.ClientID)
		if errors.Is(err, ErrUnknown) {
			before, action = Partner{ID: ID(ps.IDs.Next()), Active: true, CreatedAt: now}, audit.PartnerAdded
		} else if err != nil {
			return audit.Event{}, err
		}
		after := r.apply(before, now)
		if before.Version > 0 && same(before, after) {
			changed = false
			return audit.Event{}, nil
		}
		changed = true
		return audit.Event{At: now, Action: action, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorOperator}, Partner: int64(after.ID)},
			tx.SavePartner(&after)
	})
	return changed, err
}

// ByClient looks up an active partner by its client id, or answers ErrUnknown.
func (ps Partners) ByClient(ctx context.Context, clientID string) (Partner, error) {
	var p Partner
	err := ps.Store.View(ctx, func(tx Tx) (err error) {
		p, err = tx.PartnerByClient(clientID)
		return err
	})
	if err == nil && !p.Active {
		return Partner{}, ErrUnknown
	}
	return p, err
}

// Partner looks up a partner by its key, active or not.
func (ps Partners) Partner(ctx context.Context, id ID) (Partner, error) {
	var p Partner
	err := ps.Store.View(ctx, func(tx Tx) (err error) {
		p, err = tx.Partner(id)
		return err
	})
	return p, err
}

// List returns all partners in the order in which they were added.
func (ps Partners) List(ctx context.Context) ([]Partner, error) {
	var list []Partner
	err := ps.Store.View(ctx, func(tx Tx) (err error) {
		list, err = tx.Partners()
		return err
	})
	return list, err
}

// A Proof is what a request shows for a client, and where it came from: the network coarse, the reference the request's.
type Proof struct {
	ClientID, Secret   string
	Network, Reference string
}

func (p Proof) tries() limit.Key { return limit.NewKey(limit.KindClient, p.ClientID, p.Network) }

// A Premise is what an authentication rests on: that the partner's row, and the count of wrong secrets of client and network, are as they
// were read. Whoever acts on it holds it against both in its own transaction, since a check when the request arrives never authorises a
// write (design 3). The zero value rests on nothing, and always holds.
type Premise struct {
	Partner      ID
	Version      int64
	Tries        limit.Key
	TriesVersion int64
	// TriesAt tells a count from one that was forgotten and made anew.
	TriesAt time.Time
}

// Authenticate checks client id and secret (RFC 6749 section 2.3.1). An unknown client, a paused one and a wrong secret
// are all ErrNotAuthenticated, after the same comparison, so that ids cannot be collected. Wrong secrets are counted for each
// client and network, in the database and so for all nodes alike: by client alone, a stranger could shut a partner out (I12).
// What is right only reads, so a burst of guesses at once is counted after it was compared; secrets are too long for that to
// matter, and the next one waits. Errors: ErrNotAuthenticated; limit.Exceeded, before anything is compared.
func (ps Partners) Authenticate(ctx context.Context, proof Proof) (Partner, Premise, error) {
	var p Partner
	var tries limit.Tries
	now, known := ps.Now(), true
	err := ps.Store.View(ctx, func(tx Tx) (err error) {
		if p, tries, err = tx.PartnerAsking(proof.ClientID, proof.tries()); err == nil {
			err = proof.tries().Allow(tries, now)
		}
		return err
	})
	if errors.Is(err, ErrUnknown) || err == nil && !p.Active {
		p, known, err = Partner{}, false, nil
	}
	if err != nil {
		if errors.Is(err, limit.ErrExceeded) {
			ps.Memory.forget(proof)
		}
		return Partner{}, Premise{}, err
	}
	digest := secret.Hash(proof.Secret)
	if p.matches(digest, now) {
		ps.Memory.keep(proof, p, tries, now)
		return p, proof.premise(p, tries), nil
	}
	ps.Memory.forget(proof)
	if !known {
		// Of a client that does not exist nothing is recorded: strangers could fill the database with names they make up.
		return Partner{}, Premise{}, ErrNotAuthenticated
	}
	return Partner{}, Premise{}, ps.refuse(ctx, p, proof, digest, now)
}

func (p Proof) premise(of Partner, tries limit.Tries) Premise {
	return Premise{Partner: of.ID, Version: of.Version, Tries: p.tries(), TriesVersion: tries.Version, TriesAt: tries.LastAt}
}

// matches reports whether a secret with that digest authenticates the partner at now.
func (p Partner) matches(digest []byte, now time.Time) (matched bool) {
	for _, s := range p.Secrets {
		if secret.Equal(s.Digest, digest) && s.Alive(now) {
			matched = true
		}
	}
	return matched
}

// refuse counts and records a wrong secret (requirement 96), each once a day: a forgotten program that goes on with an old one
// is no guesser, and must not shut out its neighbours that have the new one.
func (ps Partners) refuse(ctx context.Context, p Partner, proof Proof, digest []byte, now time.Time) error {
	same := limit.NewKey(limit.KindClientSecret, strconv.FormatInt(int64(p.ID), 10), proof.Network, string(digest))
	return ps.Store.Change(ctx, func(tx Tx) (audit.Event, error) {
		err := limit.Spend(tx, same, now)
		if errors.Is(err, limit.ErrExceeded) {
			return audit.Event{}, ErrNotAuthenticated
		}
		if err == nil {
			err = limit.Spend(tx, proof.tries(), now)
		}
		if err != nil {
			return audit.Event{}, err
		}
		return audit.Event{At: now, Action: audit.ClientRefused, Outcome: audit.Denied, Reason: "wrong_secret",
			Actor: audit.Actor{Kind: audit.ActorPartner}, Partner: int64(p.ID), Reference: proof.Reference, Network: proof.Network}, ErrNotAuthenticated
	})
}

// same compares what an operator can say of two states of one partner.
func same(a, b Partner) bool {
	b.Version, b.CreatedAt = a.Version, a.CreatedAt
	return reflect.DeepEqual(a, b)
}
