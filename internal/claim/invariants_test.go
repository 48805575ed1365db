package claim_test

import (
	"bytes"
	"errors"
	"fmt"
	"hash/maphash"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// holds checks what must hold in every state.
func (st *stage) holds(s *scene) {
	st.m.rows = s.rows
	st.millis.Store(s.hour)
	a := s.rows.accounts[0]
	fail := func(law, format string, args ...any) {
		st.Errorf("%s: %s\nafter %v", law, fmt.Sprintf(format, args...), s.path)
	}
	st.oneGoesOn(s, fail)
	for _, other := range s.rows.accounts[1:] {
		if a.State == customer.Claimed && customer.SameEmail(other.Email, a.Email) {
			fail("I2", "two accounts were claimed with one address")
		}
	}
	// I2: one owner, one epoch; afterwards nothing of the partner's works.
	if a.State == customer.Claimed {
		st.severed(s, fail)
	} else if a.State == customer.Pending && a.Epoch != 1 {
		fail("I2", "a pending account has epoch %d", a.Epoch)
	}
	// I3: before the commit there is no credential that anybody could inherit.
	if a.State == customer.Pending && !reflect.DeepEqual(a.Credentials, customer.Credentials{}) {
		fail("I3", "a pending account has credentials")
	}
	for _, session := range s.rows.sessions {
		if a.State == customer.Pending && session.Account == a.ID {
			fail("I3", "a session is signed in to a pending account")
		}
	}
	st.consented(s, fail)
	st.alive(s, fail)
	for id, n := range s.redeemed {
		if n > 1 {
			fail("I5", "code %d was redeemed %d times", id, n)
		}
	}
}

// oneGoesOn is I1: no code leads two journeys past the mailbox proof, and at most one journey may go on towards the commit.
func (st *stage) oneGoesOn(s *scene, fail func(law, format string, args ...any)) {
	a := s.rows.accounts[0]
	past := map[claim.CodeID]int{}
	running := 0
	for _, j := range s.rows.journeys {
		if j.Code == 0 {
			continue
		}
		if !j.ProvenAt.IsZero() {
			past[j.Code]++
		}
		next, _ := st.state(s, j).Next(st.now())
		goes := j.CommittedAt.IsZero() && next != claim.StepOver && next != claim.StepReturn
		if goes && !j.ProvenAt.IsZero() {
			running++
		}
		if goes && a.Hold != "" {
			fail("I2", "a journey goes on at %s while the account is on hold: %s", next, a.Hold)
		}
	}
	for code, n := range past {
		if n > 1 {
			fail("I1", "code %d led %d journeys past the mailbox proof", code, n)
		}
	}
	if running > 1 {
		fail("I1", "%d journeys may go on towards the commit", running)
	}
	for _, j := range s.rows.journeys {
		if int64(j.ID) == a.LiveJourney && (j.Number != a.ProvenNumber || j.ProvenAt.IsZero() || !customer.SameEmail(j.Address, a.Address())) {
			fail("I1", "the live journey has number %d, proved was %d, of %s and not of %s", j.Number, a.ProvenNumber, j.Address, a.Address())
		}
	}
}

// severed checks an account after its commit.
func (st *stage) severed(s *scene, fail func(law, format string, args ...any)) {
	a := s.rows.accounts[0]
	if a.Epoch < 2 || len(a.Registration) != 0 || a.LiveJourney != 0 || !a.Credentials.Complete() {
		fail("I2", "claimed with epoch %d, registration code %t, live journey %d", a.Epoch, len(a.Registration) != 0, a.LiveJourney)
	}
	if a.Credentials.PasswordHash != s.hash {
		fail("I2", "the account changed its owner from %q to %q", s.hash, a.Credentials.PasswordHash)
	}
	committed := 0
	for _, j := range s.rows.journeys {
		if !j.CommittedAt.IsZero() {
			committed++
			if s.owner != "hash of "+j.Text || j.ProvenAt.IsZero() {
				fail("I3", "the owner's password is %q, the journey that committed is %s, proven %v", s.owner, j.Text, j.ProvenAt)
			}
			if !reflect.DeepEqual(j.Provisional, customer.Credentials{}) || len(j.RecoveryTexts) > 0 {
				fail("I3", "the journey that committed keeps credentials")
			}
		}
	}
	if committed != 1 {
		fail("I2", "%d journeys have committed", committed)
	}
	for _, c := range s.rows.codes {
		if c.State == claim.Minted {
			fail("I2", "a claim code lives after the commit")
		}
	}
	if _, err := st.tokens.Access(st.Context(), s.keys[0].Access); err == nil {
		fail("I2", "the registration token works after the commit")
	}
	if _, err := st.tokens.Refresh(st.Context(), st.partner, s.keys[0].Refresh, customer.Origin{}); err == nil {
		fail("I2", "the registration's refresh token works after the commit")
	}
	if _, err := st.tokens.Registration(st.Context(), st.partner, addresses[0], registration, customer.Origin{}); err == nil {
		fail("I2", "the registration code works after the commit")
	}
	st.m.rows = s.rows // what these refusals left in the audit
}

// consented checks that each authorization code and token has its grant, consent and owner behind it (I4).
func (st *stage) consented(s *scene, fail func(law, format string, args ...any)) {
	a := s.rows.accounts[0]
	for _, g := range s.rows.grants {
		if !slices.Contains(s.consents, g.Profile) {
			fail("I4", "a grant of profile %d after consents to %v", g.Profile, s.consents)
		}
	}
	if len(s.rows.grants) > len(s.consents) {
		fail("I4", "%d grants after %d consents", len(s.rows.grants), len(s.consents))
	}
	for _, c := range s.rows.auths {
		i := slices.IndexFunc(s.rows.grants, func(g grant.Grant) bool { return g.ID == c.Grant })
		if at := slices.IndexFunc(s.rows.accounts, func(a customer.Account) bool { return a.ID == c.Account }); at >= 0 {
			a = s.rows.accounts[at]
		}
		if a.State == customer.Closed && c.Epoch < a.Epoch {
			continue // dead with the account
		}
		if i < 0 || a.State != customer.Claimed || c.Epoch < 2 || c.Epoch > a.Epoch || c.MintedAt.Before(a.ClaimedAt) {
			fail("I4", "an authorization code of epoch %d without a grant or an owner", c.Epoch)
			continue
		}
		if g := s.rows.grants[i]; g.Account != c.Account || g.Partner != c.Partner || g.Profile != c.Profile || !slices.Equal(g.Scopes, c.Scopes) {
			fail("I4", "code %+v of grant %+v", c, g)
		}
	}
	st.bound(s, fail)
	for _, k := range s.rows.tokens {
		if k.Kind == grant.Customer && !slices.ContainsFunc(s.rows.auths, func(c grant.Code) bool { return c.Token == k.ID && !c.RedeemedAt.IsZero() }) {
			fail("I5", "a customer's token that no redemption issued")
		}
	}
}

// bound checks that each token of a customer's reads the profile of its code and no other (I4, I10).
func (st *stage) bound(s *scene, fail func(law, format string, args ...any)) {
	for _, issue := range s.keys[1:] {
		access, err := st.tokens.Access(st.Context(), issue.Access)
		if err != nil {
			continue // ended
		}
		i := slices.IndexFunc(s.rows.auths, func(c grant.Code) bool { return c.Token == issue.Token.ID })
		if i < 0 || access.Profile == 0 || access.Profile != s.rows.auths[i].Profile {
			fail("I4", "a token of profile %d from code %d", access.Profile, i)
			continue
		}
		for _, p := range s.rows.profiles {
			if p.Account != access.Account {
				continue
			}
			_, err := st.customers.Profile(st.Context(), access.Caller("", ""), p.ID)
			if (err == nil) != (p.ID == access.Profile) || err != nil && !errors.Is(err, customer.ErrNoProfile) {
				fail("I10", "a token of profile %d reads profile %d: %v", access.Profile, p.ID, err)
			}
		}
	}
}

// moved checks what only a pair of states shows.
func (st *stage) moved(before, after *scene) {
	fail := func(law, format string, args ...any) {
		st.Errorf("%s: %s\nafter %v", law, fmt.Sprintf(format, args...), after.path)
	}
	was, is := before.rows.accounts[0], after.rows.accounts[0]
	st.untouched(before, after, fail)
	st.regained(before, after, fail)
	if was.State == customer.Claimed && is.State != customer.Claimed && is.State != customer.Closed || is.Epoch < was.Epoch {
		fail("I2", "the account went from %s, epoch %d, to %s, epoch %d", was.State, was.Epoch, is.State, is.Epoch)
	}
	if is.State == customer.Claimed && was.State == customer.Pending {
		live := slices.IndexFunc(before.rows.journeys, func(j claim.Journey) bool { return int64(j.ID) == was.LiveJourney })
		if live < 0 || !before.rows.journeys[live].Provisional.Complete() || was.Hold != "" || is.Email != before.rows.journeys[live].Address {
			fail("I2", "committed without a live journey, complete, of the address")
		}
		if after.rows.told == before.rows.told {
			fail("I2", "the partner is not told in the transaction that severs it")
		}
	}
	// After the commit no call of the creator's changes a row; its actions here all carry what it held before.
	name := after.path.name
	exchanges := strings.HasPrefix(name, "partner exchanges")
	if was.State == customer.Claimed && strings.HasPrefix(name, "partner") && !exchanges && !sameRows(before.rows, after.rows) {
		fail("I2", "the partner wrote after the commit")
	}
	// I4: where an authorization code came to be, its owner was signed in at two factors in this browser, all details were
	// confirmed, and the grant stood.
	if len(after.rows.auths) > len(before.rows.auths) {
		c := after.rows.auths[len(after.rows.auths)-1]
		of := after.rows.accounts[slices.IndexFunc(after.rows.accounts, func(a customer.Account) bool { return a.ID == c.Account })]
		signed := slices.ContainsFunc(after.who[:], func(v visitor) bool {
			i := slices.IndexFunc(after.rows.sessions, func(x customer.Session) bool { return x.ID == v.session.ID })
			if i < 0 {
				return false
			}
			known, previous := after.rows.sessions[i].Knows(v.session, st.now())
			return known && !previous && after.rows.sessions[i].SignedIn(of, st.now())
		})
		pi := slices.IndexFunc(after.rows.profiles, func(p customer.Profile) bool { return p.ID == c.Profile })
		gi := slices.IndexFunc(after.rows.grants, func(g grant.Grant) bool { return g.ID == c.Grant })
		if pi < 0 || gi < 0 {
			fail("I4", "an authorization code of a profile or a grant that does not exist")
			return
		}
		p, g := after.rows.profiles[pi], after.rows.grants[gi]
		if !signed || !p.Confirmed() || len(p.Missing()) > 0 || !g.Stands(st.now()) {
			fail("I4", "an authorization code: signed in %t, confirmed %t, missing %v", signed, p.Confirmed(), p.Missing())
		}
		for _, p := range after.rows.profiles {
			if p.Account == c.Account && (!p.Confirmed() || unconfirmed(p.Details) || len(p.Missing()) > 0) {
				fail("I4", "an authorization code with %s profile unconfirmed or incomplete: %+v", p.Kind, p.Details.Provenance)
			}
		}
		for _, r := range after.rows.persons {
			if unconfirmed(r.Details) || len(r.Missing()) > 0 {
				fail("I4", "an authorization code with a representative unconfirmed or incomplete: %+v", r.Details.Provenance)
			}
		}
		if n := len(after.consents); n > len(before.consents) && c.Profile != after.consents[n-1] {
			fail("I4", "a code of profile %d for a consent to %d", c.Profile, after.consents[n-1])
		}
	}
	// I5: after a second valid use what the first produced is dead.
	for i, c := range after.rows.auths {
		if i < len(before.rows.auths) && !before.rows.auths[i].RedeemedAt.IsZero() && exchanges && len(after.rows.auths) == i+1 {
			for _, k := range after.rows.tokens {
				if k.ID == c.Token && k.EndedAt.IsZero() {
					fail("I5", "the tokens of a code that was used twice live on")
				}
			}
		}
	}
}

// sameRows compares two stores but for the counts of events.
func sameRows(a, b rows) bool {
	a.events, b.events, a.told, b.told = 0, 0, 0, 0
	return reflect.DeepEqual(a, b)
}

// unconfirmed reports whether a value stands there that the customer did not confirm.
func unconfirmed(d customer.Details) bool {
	for f, said := range d.Provenance {
		if said.ConfirmedAt.IsZero() && f != customer.Email {
			return true
		}
	}
	return false
}

// state is what the journey's own browser would see.
func (st *stage) state(s *scene, j claim.Journey) claim.State {
	state := claim.State{Journey: j, Account: s.rows.accounts[0], Partner: st.partner, Profiles: s.profiles()}
	if len(state.Profiles) > 0 {
		state.Profile = state.Profiles[0]
	}
	for _, session := range s.rows.sessions {
		if session.ID == j.Session {
			state.Session = session
		}
	}
	for _, c := range s.rows.codes {
		if c.ID == j.Code {
			state.Code = c
		}
	}
	return state
}

// key is the scene without what is drawn at random: two scenes with one key behave alike. The two browsers may change
// places.
func (st *stage) key(s *scene) uint64 {
	var b bytes.Buffer
	st.writeRows(&b, s)
	var who [2][]byte
	for i := range s.who {
		who[i] = st.writeVisitor(s, &s.who[i])
	}
	slices.SortFunc(who[:], bytes.Compare)
	b.Write(who[0])
	b.Write(who[1])
	fmt.Fprint(&b, "|", s.mints, s.ticks, s.moves, s.visits, s.entries, len(s.codes), len(s.auths), len(s.keys), len(s.consents))
	for _, text := range s.codes {
		digest := st.keys.Digest(secret.PurposeClaimCode, text)
		fmt.Fprint(&b, " c", slices.IndexFunc(s.rows.codes, func(c claim.Code) bool { return bytes.Equal(c.Digest, digest) }))
	}
	for _, c := range s.rows.auths {
		fmt.Fprint(&b, " r", s.redeemed[c.ID])
	}
	return maphash.Bytes(st.seed, b.Bytes())
}

// ago is how long a moment lies behind; a moment that is not set is "-".
func (s *scene) ago(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return fmt.Sprint((s.hour - t.UnixMilli()) / 1000)
}

func is(t time.Time) string {
	if t.IsZero() {
		return "0"
	}
	return "1"
}

func (st *stage) writeRows(b *bytes.Buffer, s *scene) {
	r := s.rows
	journeyAt := func(id int64) int {
		return slices.IndexFunc(r.journeys, func(j claim.Journey) bool { return int64(j.ID) == id })
	}
	sessionAt := func(id customer.SessionID) int {
		return slices.IndexFunc(r.sessions, func(x customer.Session) bool { return x.ID == id })
	}
	a, p := r.accounts[0], customer.Profile{}
	if len(r.profiles) > 0 { // what was erased has none
		p = r.profiles[0]
	}
	fmt.Fprint(b, a.State, a.Hold, a.Epoch, a.SessionEpoch, " ", a.ClaimNumber, " ", a.ProvenNumber, " ", journeyAt(a.LiveJourney), a.Address(), a.Credentials.Complete(), len(a.Credentials.Passkeys), len(r.accounts), len(r.blocked), s.ago(a.CloseAt), a.Email == "")
	for _, app := range a.Credentials.Apps {
		fmt.Fprint(b, "s", s.hour/30000-app.LastStep)
	}
	fmt.Fprint(b, "|", p.Edition, " ", p.ConfirmedEdition, p.Value(customer.City))
	for i, p := range r.profiles {
		if i > 0 {
			fmt.Fprint(b, "+", p.Edition, " ", p.ConfirmedEdition)
		}
		fmt.Fprint(b, p.Verified(), len(p.Details.Proposals))
	}
	for _, o := range r.objections {
		fmt.Fprint(b, "o", is(o.UsedAt))
	}
	for _, c := range r.pending {
		fmt.Fprint(b, "c", c.Kind, sessionAt(c.Session), c.SessionEpoch, s.ago(c.Begun.SentAt))
	}
	mailed := 0
	for _, m := range r.mails {
		if m.To == ownAddress {
			mailed++
		}
	}
	s.writeLost(b)
	fmt.Fprint(b, "m", mailed, s.holds, s.refreshes, s.renewed)
	for _, x := range r.sessions {
		fmt.Fprint(b, "\nS", x.Account != 0, x.Account == a.ID, x.Level, x.Epoch, x.SessionEpoch, s.ago(x.CreatedAt), " ", s.ago(x.SeenAt), " ", s.ago(x.PreviousUntil), is(x.EndedAt), len(x.Previous) > 0)
	}
	for _, c := range r.codes {
		fmt.Fprint(b, "\nC", c.State, c.Number, " ", s.ago(c.MintedAt), c.Seen > 0)
	}
	for _, j := range r.journeys {
		code := slices.IndexFunc(r.codes, func(c claim.Code) bool { return c.ID == j.Code })
		auth := slices.IndexFunc(r.auths, func(c grant.Code) bool { return c.ID == j.GrantCode })
		fmt.Fprint(b, "\nJ", sessionAt(j.Session), " ", code, j.Number, j.Address, len(j.Mailed.Digest) > 0, s.ago(j.Mailed.SentAt), is(j.ProvenAt), is(j.PasswordAt), is(j.AppAt), is(j.PasskeyAt), len(j.Challenge) > 0,
			is(j.CommittedAt), j.Method, len(j.AppSecret), j.Copy != 0, is(j.ReviewedAt), j.Decision, auth, " ", s.ago(j.FreshAt), j.EndedReason, j.Provisional.Complete())
	}
	for _, g := range r.grants {
		fmt.Fprint(b, "\nG", g.State, g.Scopes, g.Profile == p.ID, g.Account == a.ID)
	}
	for _, c := range r.auths {
		fmt.Fprint(b, "\nA", c.Profile == p.ID, c.Epoch, journeyAt(c.Journey), is(c.RedeemedAt), is(c.SupersededAt), s.ago(c.MintedAt))
	}
	for _, k := range r.tokens {
		fmt.Fprint(b, "\nT", k.Kind, k.Epoch, is(k.EndedAt), is(k.RefreshEndedAt), s.ago(k.AccessIssuedAt))
	}
}

func (st *stage) writeVisitor(s *scene, v *visitor) []byte {
	var b bytes.Buffer
	fmt.Fprint(&b, "\nV")
	if v.ticket.Text != "" {
		code := slices.IndexFunc(s.rows.codes, func(c claim.Code) bool { return c.ID == v.ticket.Code })
		began := slices.IndexFunc(s.rows.journeys, func(j claim.Journey) bool { return j.Text == v.ticket.Text })
		fmt.Fprint(&b, code, " ", began, " ", (s.hour-v.ticket.OpenedAt)/1000)
	}
	fmt.Fprint(&b, " ", slices.IndexFunc(s.rows.journeys, func(j claim.Journey) bool { return j.Text == v.text }))
	i := slices.IndexFunc(s.rows.sessions, func(x customer.Session) bool { return x.ID == v.session.ID })
	if i >= 0 {
		known, previous := s.rows.sessions[i].Knows(v.session, time.UnixMilli(s.hour))
		fmt.Fprint(&b, " ", i, known, previous)
	}
	if len(v.app) > 0 {
		owns := len(s.rows.accounts[0].Credentials.Apps) > 0 && bytes.Equal(s.rows.accounts[0].Credentials.Apps[0].Secret, v.app)
		j := slices.IndexFunc(s.rows.journeys, func(j claim.Journey) bool {
			return bytes.Equal(j.AppSecret, v.app) || len(j.Provisional.Apps) > 0 && bytes.Equal(j.Provisional.Apps[0].Secret, v.app)
		})
		fmt.Fprint(&b, " app", owns, j)
	}
	return b.Bytes()
}
