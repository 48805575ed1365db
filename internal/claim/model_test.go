package claim_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/store"
)

// rows is all that a store holds, as values: a copy of it is a snapshot. Slices are never written in place.
type rows struct {
	partners   []partner.Partner
	accounts   []customer.Account
	profiles   []customer.Profile
	persons    []customer.Representative
	sessions   []customer.Session
	codes      []claim.Code
	journeys   []claim.Journey
	grants     []grant.Grant
	auths      []grant.Code
	tokens     []grant.Token
	mails      []customer.Mail
	blocked    []string
	objections []claim.Objection
	devices    []customer.Device
	pending    []customer.PendingChange
	resets     []customer.Reset
	recoveries []customer.Recovery
	// answered are the challenges that passkeys answered.
	answered []string
	// events is how many audit events there are, told how many events to partners, changes how many transactions wrote rows.
	events, told, changes int
}

// A model is a store in memory for the exploration: the same transactions under the same rule of events as the true store,
// with a snapshot for each state, so that ten thousands of them take seconds. It keeps no counts of tries: the limits are
// shown on the true store, and here they would only end the paths.
type model struct {
	rows rows
	// failAt makes the failAt-th call on a transaction fail; 0 for none. calls counts them.
	failAt, calls int
	// twist, where it is set, spoils each row that is written; old is nil for a new one.
	twist func(old, row any)
}

// modelStore is the model as one noun sees it.
type modelStore[T any] struct{ m *model }

var errConflict = errors.New("model: row was changed")

// View runs fn on a snapshot.
func (s modelStore[T]) View(_ context.Context, fn func(T) error) error {
	tx := &modelTx{m: s.m, rows: s.m.rows}
	return fn(any(tx).(T))
}

// Look is View.
func (s modelStore[T]) Look(ctx context.Context, fn func(T) error) error { return s.View(ctx, fn) }

// Change keeps what fn wrote under the rule of events (see internal/store).
func (s modelStore[T]) Change(_ context.Context, fn func(T) (audit.Event, error)) error {
	tx := &modelTx{m: s.m, rows: s.m.rows}
	e, err := fn(any(tx).(T))
	switch {
	case errors.Is(err, store.ErrUnavailable) || errors.Is(err, errConflict):
		return err
	case e.IsZero():
		if err == nil && tx.wrote {
			return store.ErrNoEvent
		}
		return err
	}
	if wrong := e.Check(); wrong != nil {
		return wrong
	}
	tx.rows.events++
	if tx.wrote {
		tx.rows.changes++
	}
	s.m.rows = tx.rows
	return err
}

// SeeSession is that of the true store.
func (s modelStore[T]) SeeSession(_ context.Context, id customer.SessionID, digest []byte, now time.Time) error {
	for i, have := range s.m.rows.sessions {
		if have.ID == id && bytes.Equal(have.Secret, digest) {
			s.m.rows.sessions = slices.Clone(s.m.rows.sessions)
			have.Previous, have.PreviousUntil = nil, time.Time{}
			if have.SeenAt.Before(now) {
				have.SeenAt = now
			}
			s.m.rows.sessions[i] = have
			s.m.rows.changes++
		}
	}
	return nil
}

func storesIn(m *model) stores {
	return stores{modelStore[customer.Tx]{m}, modelStore[customer.SignInTx]{m}, modelStore[grant.TokenTx]{m}, modelStore[claim.Tx]{m},
		modelStore[grant.OwnerTx]{m}, modelStore[customer.WaysInTx]{m}, modelStore[claim.TidyTx]{m}, modelStore[claim.EraseTx]{m}, modelStore[customer.RecoverTx]{m}}
}

// modelTx is one transaction. What it embeds are methods that no verb of the exploration calls: one that is called is a nil
// dereference that names it, and wants a line below.
type modelTx struct {
	customer.Tx
	m     *model
	rows  rows
	wrote bool
}

// call counts a call, and fails when it is the one that shall fail.
func (tx *modelTx) call() error {
	tx.m.calls++
	if tx.m.calls == tx.m.failAt {
		return store.ErrUnavailable
	}
	return nil
}

// find returns the first row that fits, or the noun's error.
func find[T any](tx *modelTx, all []T, fits func(T) bool, none error) (row T, err error) {
	if err := tx.call(); err != nil {
		return row, err
	}
	if i := slices.IndexFunc(all, fits); i >= 0 {
		return all[i], nil
	}
	return row, none
}

// save inserts a row of version 0 and updates one of an equal version.
func save[T any](tx *modelTx, all *[]T, row *T, same func(T) bool, version func(*T) *int64) error {
	if err := tx.call(); err != nil {
		return err
	}
	i := slices.IndexFunc(*all, same)
	if v := version(row); *v == 0 && i >= 0 || *v != 0 && (i < 0 || *version(&(*all)[i]) != *v) {
		return errConflict
	}
	tx.wrote = true
	*version(row)++
	if tx.m.twist != nil {
		var old any
		if i >= 0 {
			before := (*all)[i]
			old = &before
		}
		tx.m.twist(old, row)
	}
	*all = slices.Clone(*all)
	if i < 0 {
		*all = append(*all, *row)
	} else {
		(*all)[i] = *row
	}
	return nil
}

func (tx *modelTx) Partner(id partner.ID) (partner.Partner, error) {
	return find(tx, tx.rows.partners, func(p partner.Partner) bool { return p.ID == id }, partner.ErrUnknown)
}

func (tx *modelTx) Holds(partner.Premise) error { return tx.call() }

func (tx *modelTx) QueueEvent(partner.Event) error {
	tx.wrote = true
	tx.rows.told++
	return tx.call()
}

func (tx *modelTx) QueueMail(m customer.Mail) error {
	tx.wrote = true
	tx.rows.mails = append(slices.Clone(tx.rows.mails), m)
	return tx.call()
}

func (tx *modelTx) Tries(limit.Key) (limit.Tries, error) { return limit.Tries{}, tx.call() }

func (tx *modelTx) SaveTries(limit.Key, limit.Tries) error { return tx.call() }

func (tx *modelTx) Account(id customer.AccountID) (customer.Account, error) {
	return find(tx, tx.rows.accounts, func(a customer.Account) bool { return a.ID == id }, customer.ErrNoAccount)
}

func (tx *modelTx) PendingAccount(creator partner.ID, email string) (customer.Account, error) {
	return find(tx, tx.rows.accounts, func(a customer.Account) bool {
		return a.State == customer.Pending && a.Creator == creator && customer.SameEmail(a.Email, email)
	}, customer.ErrNoAccount)
}

func (tx *modelTx) ClaimedAccount(email string) (customer.Account, error) {
	return find(tx, tx.rows.accounts, func(a customer.Account) bool {
		return a.State == customer.Claimed && customer.SameEmail(a.Email, email)
	},
		customer.ErrNoAccount)
}

func (tx *modelTx) SaveAccount(a *customer.Account) error {
	for _, other := range tx.rows.accounts {
		if other.ID != a.ID && other.State == a.State && customer.SameEmail(other.Email, a.Email) && (a.State == customer.Claimed || other.Creator == a.Creator) {
			return customer.ErrAddressTaken
		}
	}
	return save(tx, &tx.rows.accounts, a, func(r customer.Account) bool { return r.ID == a.ID }, func(r *customer.Account) *int64 { return &r.Version })
}

func (tx *modelTx) BlockAddress(_ partner.ID, email string, _ time.Time) error {
	tx.wrote = true
	tx.rows.blocked = append(slices.Clone(tx.rows.blocked), email)
	return tx.call()
}

func (tx *modelTx) EraseAccount(id customer.AccountID) error {
	tx.wrote = true
	tx.rows.profiles = slices.DeleteFunc(slices.Clone(tx.rows.profiles), func(p customer.Profile) bool { return p.Account == id })
	tx.rows.accounts = slices.Clone(tx.rows.accounts)
	for i, a := range tx.rows.accounts {
		if a.ID == id { // nothing that was sealed can be read
			tx.rows.accounts[i].Email, tx.rows.accounts[i].ContactEmail, tx.rows.accounts[i].Credentials = "", "", customer.Credentials{}
		}
	}
	return tx.call()
}

func (tx *modelTx) AccessStands(a customer.AccountID, id int64) (bool, error) {
	for _, g := range tx.rows.grants {
		if g.ID == grant.ID(id) && g.Account == a {
			return g.State == grant.Active, tx.call()
		}
	}
	return false, tx.call()
}

func (tx *modelTx) Blocked(_ partner.ID, email string, _ time.Time) (bool, error) {
	return slices.Contains(tx.rows.blocked, email), tx.call()
}

func (tx *modelTx) Profile(id customer.ProfileID) (customer.Profile, error) {
	return find(tx, tx.rows.profiles, func(p customer.Profile) bool { return p.ID == id }, customer.ErrNoProfile)
}

func (tx *modelTx) Profiles(id customer.AccountID) (all []customer.Profile, err error) {
	for _, p := range tx.rows.profiles {
		if p.Account == id {
			all = append(all, p)
		}
	}
	return all, tx.call()
}

func (tx *modelTx) SaveProfile(p *customer.Profile) error {
	return save(tx, &tx.rows.profiles, p, func(r customer.Profile) bool { return r.ID == p.ID }, func(r *customer.Profile) *int64 { return &r.Version })
}

func (tx *modelTx) Representative(id customer.RepresentativeID) (customer.Representative, error) {
	return find(tx, tx.rows.persons, func(r customer.Representative) bool { return r.ID == id }, customer.ErrNoRepresentative)
}

func (tx *modelTx) SaveRepresentative(r *customer.Representative) error {
	return save(tx, &tx.rows.persons, r, func(o customer.Representative) bool { return o.ID == r.ID }, func(o *customer.Representative) *int64 { return &o.Version })
}

func (tx *modelTx) Files(customer.AccountID, customer.ProfileID) ([]customer.File, error) {
	return nil, tx.call()
}

func (tx *modelTx) KYCReviews(customer.ProfileID) ([]customer.KYCReview, error) {
	return nil, tx.call()
}

func (tx *modelTx) Watchers(customer.AccountID, customer.ProfileID, time.Time) ([]partner.ID, error) {
	return nil, tx.call()
}

func (tx *modelTx) SpendChallenge(_ customer.AccountID, digest []byte, _ time.Time) (bool, error) {
	if slices.Contains(tx.rows.answered, string(digest)) {
		return false, tx.call()
	}
	tx.wrote = true
	tx.rows.answered = append(slices.Clone(tx.rows.answered), string(digest))
	return true, tx.call()
}

func (tx *modelTx) Session(id customer.SessionID) (customer.Session, error) {
	return find(tx, tx.rows.sessions, func(s customer.Session) bool { return s.ID == id }, customer.ErrNoSession)
}

func (tx *modelTx) SaveSession(s *customer.Session) error {
	return save(tx, &tx.rows.sessions, s, func(r customer.Session) bool { return r.ID == s.ID }, func(r *customer.Session) *int64 { return &r.Version })
}

func (tx *modelTx) ClaimCode(id claim.CodeID) (claim.Code, error) {
	return find(tx, tx.rows.codes, func(c claim.Code) bool { return c.ID == id }, claim.ErrCodeUnknown)
}

func (tx *modelTx) ClaimCodeByDigest(digest []byte) (claim.Code, error) {
	return find(tx, tx.rows.codes, func(c claim.Code) bool { return bytes.Equal(c.Digest, digest) }, claim.ErrCodeUnknown)
}

func (tx *modelTx) SaveClaimCode(c *claim.Code) error {
	return save(tx, &tx.rows.codes, c, func(r claim.Code) bool { return r.ID == c.ID }, func(r *claim.Code) *int64 { return &r.Version })
}

func (tx *modelTx) EndClaimCodes(id customer.AccountID, to claim.CodeState, at time.Time) error {
	tx.rows.codes = slices.Clone(tx.rows.codes)
	for i, c := range tx.rows.codes {
		if c.Account == id && c.State == claim.Minted {
			tx.wrote = true
			old := c
			if c.State, c.EndedAt, c.Version = to, at, c.Version+1; tx.m.twist != nil {
				tx.m.twist(&old, &c)
			}
			tx.rows.codes[i] = c
		}
	}
	return tx.call()
}

func (tx *modelTx) Journey(text string) (claim.Journey, error) {
	return find(tx, tx.rows.journeys, func(j claim.Journey) bool { return j.Text == text }, claim.ErrNoJourney)
}

func (tx *modelTx) JourneysOf(id customer.SessionID) (all []claim.Journey, err error) {
	for _, j := range slices.Backward(tx.rows.journeys) {
		if j.Session == id {
			all = append(all, j)
		}
	}
	return all, tx.call()
}

func (tx *modelTx) SaveJourney(j *claim.Journey) error {
	return save(tx, &tx.rows.journeys, j, func(r claim.Journey) bool { return r.ID == j.ID }, func(r *claim.Journey) *int64 { return &r.Version })
}

func (tx *modelTx) Grant(id grant.ID) (grant.Grant, error) {
	return find(tx, tx.rows.grants, func(g grant.Grant) bool { return g.ID == id }, grant.ErrNoGrant)
}

func (tx *modelTx) Behind(t grant.Token) (customer.Account, grant.Grant, error) {
	a, err := tx.Account(t.Account)
	if errors.Is(err, customer.ErrNoAccount) {
		return customer.Account{}, grant.Grant{}, nil
	}
	g, err2 := tx.Grant(t.Grant)
	if errors.Is(err2, grant.ErrNoGrant) {
		err2 = nil
	}
	return a, g, errors.Join(err, err2)
}

func (tx *modelTx) ActiveGrant(a customer.AccountID, p partner.ID, profile customer.ProfileID) (grant.Grant, error) {
	return find(tx, tx.rows.grants, func(g grant.Grant) bool {
		return g.Account == a && g.Partner == p && g.Profile == profile && g.State == grant.Active
	}, grant.ErrNoGrant)
}

func (tx *modelTx) ObjectionByDigest(digest []byte) (claim.Objection, error) {
	return find(tx, tx.rows.objections, func(o claim.Objection) bool { return bytes.Equal(o.Digest, digest) }, claim.ErrNoObjection)
}

func (tx *modelTx) ObjectionOf(a customer.AccountID) (claim.Objection, error) {
	return find(tx, tx.rows.objections, func(o claim.Objection) bool { return o.Account == a }, claim.ErrNoObjection)
}

func (tx *modelTx) SaveObjection(o *claim.Objection) error {
	return save(tx, &tx.rows.objections, o, func(r claim.Objection) bool { return r.ID == o.ID }, func(r *claim.Objection) *int64 { return &r.Version })
}

func (tx *modelTx) DeviceByDigest(digest []byte) (customer.Device, error) {
	return find(tx, tx.rows.devices, func(d customer.Device) bool { return bytes.Equal(d.Digest, digest) }, nil)
}

func (tx *modelTx) SaveDevice(d *customer.Device) error {
	return save(tx, &tx.rows.devices, d, func(r customer.Device) bool { return r.ID == d.ID }, func(r *customer.Device) *int64 { return &r.Version })
}

func (tx *modelTx) DropDevices(customer.AccountID, int) error { return tx.call() }

func (tx *modelTx) GrantsOf(a customer.AccountID) (all []grant.Grant, err error) {
	for _, g := range tx.rows.grants {
		if g.Account == a && g.State == grant.Active {
			all = append(all, g)
		}
	}
	return all, tx.call()
}

func (tx *modelTx) EveryGrant(a customer.AccountID) (all []grant.Grant, err error) {
	for _, g := range tx.rows.grants {
		if g.Account == a {
			all = append(all, g)
		}
	}
	return all, tx.call()
}

func (tx *modelTx) Grants(a customer.AccountID, p partner.ID) (all []grant.Grant, err error) {
	for _, g := range tx.rows.grants {
		if g.Account == a && g.Partner == p && g.State == grant.Active {
			all = append(all, g)
		}
	}
	return all, tx.call()
}

func (tx *modelTx) SaveGrant(g *grant.Grant) error {
	return save(tx, &tx.rows.grants, g, func(r grant.Grant) bool { return r.ID == g.ID }, func(r *grant.Grant) *int64 { return &r.Version })
}

func (tx *modelTx) Code(id grant.CodeID) (grant.Code, error) {
	return find(tx, tx.rows.auths, func(c grant.Code) bool { return c.ID == id }, grant.ErrInvalidGrant)
}

func (tx *modelTx) SaveCode(c *grant.Code) error {
	return save(tx, &tx.rows.auths, c, func(r grant.Code) bool { return r.ID == c.ID }, func(r *grant.Code) *int64 { return &r.Version })
}

func (tx *modelTx) Token(id grant.TokenID) (grant.Token, error) {
	return find(tx, tx.rows.tokens, func(t grant.Token) bool { return t.ID == id }, grant.ErrInvalidToken)
}

func (tx *modelTx) Standing(id grant.TokenID, _ partner.Premise) (s grant.Standing, err error) {
	if s.Token, err = tx.Token(id); err != nil {
		return s, err
	}
	if s.Partner, err = tx.Partner(s.Token.Partner); err != nil {
		return s, grant.ErrInvalidToken
	}
	s.Account, _ = tx.Account(s.Token.Account)
	s.Grant, _ = tx.Grant(s.Token.Grant)
	return s, nil
}

func (tx *modelTx) SaveToken(t *grant.Token) error {
	return save(tx, &tx.rows.tokens, t, func(r grant.Token) bool { return r.ID == t.ID }, func(r *grant.Token) *int64 { return &r.Version })
}

func (tx *modelTx) EndRefresh(a customer.AccountID, p partner.ID, from grant.ID, at time.Time) error {
	tx.rows.tokens = slices.Clone(tx.rows.tokens)
	for i, t := range tx.rows.tokens {
		if t.Account == a && t.Partner == p && t.Grant == from && t.RefreshEndedAt.IsZero() && t.EndedAt.IsZero() {
			tx.wrote = true
			t.RefreshEndedAt, t.Version = at, t.Version+1
			tx.rows.tokens[i] = t
		}
	}
	return tx.call()
}
