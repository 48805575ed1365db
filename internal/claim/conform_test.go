package claim_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
	"github.com/latchkey-id/latchkey/internal/store"
)

// newTrueStage is a stage over a true database. It can only go forward.
func newTrueStage(t *testing.T, b bounds) (*stage, scene, *store.DB) {
	t.Helper()
	c, keys := newClock(), testKeys(t)
	db, err := store.Open(t.Context(), store.Options{Path: newFile(t), Keys: keys, Now: c.now})
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	st := &stage{T: t, m: &model{}, bounds: b, nouns: newNouns(c, keys, storesOf(db)), partner: thePartner}
	happened := audit.Event{At: c.now(), Action: audit.PartnerAdded, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorServer}}
	must(t, store.Partners{DB: db}.Change(t.Context(), func(tx partner.Tx) (audit.Event, error) {
		p := thePartner
		return happened, tx.SavePartner(&p)
	}))
	st.halfway = func(s customer.Session) error {
		return st.signins.Store.Change(context.Background(), func(tx customer.SignInTx) (audit.Event, error) { return happened, tx.SaveSession(&s) })
	}
	s := st.begin()
	st.load(db, &s)
	return st, s, db
}

// load reads into the scene what its events look at.
func (st *stage) load(db *store.DB, s *scene) {
	st.Helper()
	ctx := context.Background()
	var r rows
	mails, err := store.Mails{DB: db}.Mails(ctx, 1000)
	must(st, err)
	r.mails = mails
	must(st, st.claims.Store.View(ctx, func(tx claim.Tx) error {
		a, err := tx.Account(st.account)
		if err != nil {
			return err
		}
		r.accounts = []customer.Account{a}
		if r.profiles, err = tx.Profiles(st.account); err != nil {
			return err
		}
		for _, text := range s.codes {
			code, err := tx.ClaimCodeByDigest(st.keys.Digest(secret.PurposeClaimCode, text))
			if err != nil {
				return err
			}
			r.codes = append(r.codes, code)
		}
		for _, text := range s.texts() {
			j, err := tx.Journey(text)
			if errors.Is(err, claim.ErrNoJourney) {
				continue
			}
			if err != nil {
				return err
			}
			r.journeys = append(r.journeys, j)
		}
		return nil
	}))
	s.rows = r
}

// texts are the journeys that the browsers know.
func (s *scene) texts() (texts []string) {
	for _, v := range s.who {
		for _, text := range []string{v.text, v.ticket.Text} {
			if text != "" && !slices.Contains(texts, text) {
				texts = append(texts, text)
			}
		}
	}
	return texts
}

// answer names an error by the noun's value that it is.
func answer(err error) string {
	for _, known := range []error{claim.ErrNotNow, claim.ErrNoJourney, claim.ErrTicketOver, claim.ErrCodeExpired, claim.ErrCodeUsed, claim.ErrCodeUnknown,
		claim.ErrAlreadyClaimed, claim.ErrSignedInAsOther, claim.ErrCodeLate, claim.ErrIncomplete, claim.ErrNoProfileChosen, customer.ErrHeld, customer.ErrStale, customer.ErrNoSession,
		customer.ErrVersion, customer.ErrCodeWrong, customer.ErrCodeReused, customer.ErrSignIn, customer.ErrPasskey, customer.ErrPasskeySpent, grant.ErrInvalidGrant, store.ErrUnavailable, limit.ErrExceeded} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return fmt.Sprint(err)
}

// looks is where both browsers stand.
func (st *stage) looks(s *scene) (where string) {
	st.millis.Store(s.hour)
	for i := range s.who {
		state, err := st.claims.State(context.Background(), s.who[i].text, s.who[i].session)
		step, reason := claim.Step(answer(err)), claim.NotOver
		if err == nil {
			step, reason = state.Next(st.now())
		}
		where += fmt.Sprintln(step, reason, state.Account.State, state.Account.Epoch, state.Account.Hold, state.Journey.Decision)
	}
	return where
}

// TestTheModelIsLikeTheStore plays the same events on the model of the exploration and on the true store and compares every
// answer and where the browsers stand: first the whole way, then at random, with a preference for what changes something.
func TestTheModelIsLikeTheStore(t *testing.T) {
	t.Parallel()
	b := bounds{mints: 2, journeys: 3, ticks: 2, moves: 1, visits: 1, business: true, people: true, passkeys: true, owner: true, operator: true, hours: []time.Duration{5 * time.Minute, 15 * time.Minute}}
	all := actions(b)
	var way []int
	for _, name := range wholeWay {
		way = append(way, slices.IndexFunc(all, func(a action) bool { return a.name == name }))
	}
	b.business = false
	for _, name := range passkeyWay { // the other whole way, to its end
		way = append(way, slices.IndexFunc(all, func(a action) bool { return a.name == name }))
	}
	other := newPair(t, b)
	for _, i := range way[len(wholeWay):] {
		other.play(all[i])
	}
	if other.s.rows.accounts[0].State != customer.Claimed || len(other.s2.keys) != 3 {
		t.Errorf("the way with a passkey ends with %s and %d tokens", other.s.rows.accounts[0].State, len(other.s2.keys))
	}
	way = way[:len(wholeWay)]
	p := newPair(t, b)
	for _, i := range way {
		p.play(all[i])
	}
	if p.s.rows.accounts[0].State != customer.Claimed || len(p.s2.keys) != 3 {
		t.Errorf("the whole way ends with %s and %d tokens", p.s.rows.accounts[0].State, len(p.s2.keys))
	}
	played := p.played
	for seed := range uint64(16) {
		r := rand.New(rand.NewPCG(seed, 7))
		b.business = seed%2 == 1
		p := newPair(t, b)
		for _, i := range way[:r.IntN(len(way))] { // from anywhere on the way
			p.play(all[i])
		}
		for range 40 {
			a := all[r.IntN(len(all))]
			for range 8 {
				if _, changed := p.imagined.play(&p.s, a); changed {
					break
				}
				a = all[r.IntN(len(all))]
			}
			if !p.play(a) {
				break
			}
		}
		played += p.played
	}
	t.Logf("%d events played on both", played)
	if played < 400 {
		t.Errorf("only %d events were compared", played)
	}
}

// A pair is a stage over the model and one over the true store, at the same event.
type pair struct {
	t                *testing.T
	imagined, actual *stage
	s, s2            scene
	db               *store.DB
	played           int
	names            string
}

func newPair(t *testing.T, b bounds) *pair {
	t.Helper()
	p := &pair{t: t}
	p.imagined, p.s = newStage(t, b)
	p.actual, p.s2, p.db = newTrueStage(t, b)
	return p
}

// play plays an event on both; false when the true store's limits end the comparison, of which the model keeps none.
func (p *pair) play(a action) bool {
	p.t.Helper()
	p.names += a.name + " · "
	p.imagined.m.rows = p.s.rows
	p.imagined.millis.Store(p.s.hour)
	possible, err := a.run(p.imagined, &p.s)
	p.s.rows = p.imagined.m.rows
	p.actual.millis.Store(p.s2.hour)
	possible2, err2 := a.run(p.actual, &p.s2)
	p.actual.load(p.db, &p.s2)
	if errors.Is(err2, limit.ErrExceeded) {
		return false
	}
	p.played++
	where, where2 := p.imagined.looks(&p.s), p.actual.looks(&p.s2)
	if possible != possible2 || answer(err) != answer(err2) || where != where2 {
		p.t.Fatalf("after %s\nthe model: %t, %s\n%sthe store: %t, %s\n%s", p.names, possible, answer(err), where, possible2, answer(err2), where2)
	}
	return true
}
