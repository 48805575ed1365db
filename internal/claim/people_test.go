package claim_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/store"
)

// TestObjectingBeforeTheProof ends this browser's journey and the code, and nothing else: whoever has the link can press it.
func TestObjectingBeforeTheProof(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	code := o.minted()
	opened, other := o.browser(), o.browser()
	must(t, opened.open(code))
	must(t, other.open(code))
	must(t, other.start())
	must(t, w.claims.ObjectTicket(t.Context(), opened.ticket, opened.origin()))
	wants(t, "starting what was objected to", opened.start(), claim.ErrCodeExpired)
	wants(t, "opening it", o.browser().open(code), claim.ErrCodeExpired)
	other.stands(claim.StepOver, claim.OverCode)
	started := o.opened()
	must(t, started.start())
	must(t, w.claims.Object(t.Context(), started.post()))
	started.stands(claim.StepReturn, claim.NotOver)
	way, err := started.back()
	if err != nil || way.Return.Error != "access_denied" || way.Return.Description != "not_me" {
		t.Errorf("%v, %+v", err, way.Return)
	}
	a := w.account(o.account)
	if a.State != customer.Pending || a.Hold != "" {
		t.Errorf("the account is %s, held %q", a.State, a.Hold)
	}
	o.opened().to(claim.StepReview) // the partner corrects what was wrong and mints again
}

// TestObjectingAfterTheProof: the owner of the mailbox speaks. The account is held, its creator is out, and cannot create
// one for the address again for 30 days (design 10.8).
func TestObjectingAfterTheProof(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	b := o.opened().to(claim.StepRecoveryCodes)
	must(t, w.claims.Object(t.Context(), b.post()))
	must(t, w.claims.Object(t.Context(), b.post())) // again is the same
	b.stands(claim.StepReturn, claim.NotOver)
	wants(t, "committing after it", b.commit(), claim.ErrNotNow)
	if j, err := b.journey(); err != nil || !reflect.DeepEqual(j.Provisional, customer.Credentials{}) || len(j.RecoveryTexts) != 0 {
		t.Errorf("credentials stay: %v", err)
	}
	if a := w.account(o.account); a.Hold != customer.HoldObjected || a.LiveJourney != 0 {
		t.Errorf("held %q, live journey %d", a.Hold, a.LiveJourney)
	}
	_, err := o.mint()
	wants(t, "minting", err, customer.ErrHeld)
	_, err = w.customers.SetContactEmail(t.Context(), o.caller, "other@example.org")
	wants(t, "moving the address away", err, customer.ErrHeld)
	_, err = w.tokens.Access(t.Context(), o.issue.Access)
	wants(t, "the creator's token", err, grant.ErrInvalidToken)
	_, err = w.tokens.Registration(t.Context(), w.acme, o.email, o.registration, customer.Origin{})
	wants(t, "the registration code", err, grant.ErrInvalidCredentials)
	// The block outlives the account: as after its erasure, only the block stands in the way.
	w.change(o.account, func(a *customer.Account, _ *customer.Profile) { a.State = customer.Expired })
	create := func(p partner.Partner, email string) error {
		_, err := w.customers.Create(context.Background(), p, customer.Signup{Email: email, RegistrationCode: o.registration}, "", "")
		return err
	}
	wants(t, "creating again", create(w.acme, "Mira.Kade@EXAMPLE.org"), customer.ErrAddressTaken)
	wants(t, "another partner", create(w.globex, o.email), nil)
	w.advance(claim.BlockLife - time.Millisecond)
	wants(t, "creating on the 30th day", create(w.acme, o.email), customer.ErrAddressTaken)
	w.advance(time.Millisecond)
	wants(t, "creating after 30 days", create(w.acme, o.email), nil)
}

// TestObjectingNeedsASay: a journey whose address counts no more, or that another took the place of, holds nothing.
func TestObjectingNeedsASay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	old := o.opened().to(claim.StepPassword)
	must(t, w.claims.Leave(t.Context(), old.post(), claim.Left))
	_, err := w.customers.SetContactEmail(t.Context(), o.caller, "other@example.org")
	must(t, err)
	wants(t, "an objection from the old mailbox", w.claims.Object(t.Context(), old.post()), claim.ErrNotNow)
	o.email = "other@example.org"
	replaced := o.opened().to(claim.StepPassword)
	w.advance(time.Minute)
	newer := o.opened().to(claim.StepPassword)
	wants(t, "an objection of one that was overtaken", w.claims.Object(t.Context(), replaced.post()), claim.ErrNotNow)
	newer.to(claim.StepReview)
	wants(t, "an objection after the commit", w.claims.Object(t.Context(), newer.post()), claim.ErrNotNow)
	if a := w.account(o.account); !a.Owned() {
		t.Errorf("held %q", a.Hold)
	}
}

// TestExistingAccount is E10: a partner that hides existing accounts opens a copy; only the proof of the mailbox tells the
// person, nothing is merged, and the copy looks to its partner like any that was abandoned.
func TestExistingAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	owned := w.onboard(w.globex, "mira.kade@example.org").opened().to(claim.StepReview)
	before := w.account(owned.o.account)
	_, err := w.customers.Create(t.Context(), w.acme, customer.Signup{Email: "Mira.Kade@example.org", RegistrationCode: "x"}, "", "")
	wants(t, "a partner that does not hide", err, customer.ErrAddressTaken)
	o := w.onboard(w.initech, "Mira.Kade@example.org")
	b := o.opened()
	must(t, b.start())
	b.stands(claim.StepEmail, claim.NotOver)
	must(t, b.prove(b.mailed()))
	b.stands(claim.StepOver, claim.OverExisting)
	for name, err := range map[string]error{"password": b.setPassword(), "commit": b.commit(), "decide": b.decide(true), "object": w.claims.Object(t.Context(), b.post())} {
		wants(t, name+" after E10", err, claim.ErrNotNow)
	}
	copied := w.account(o.account)
	if copied.State != customer.Pending || copied.Hold != "" || copied.Epoch != 1 || !reflect.DeepEqual(copied.Credentials, customer.Credentials{}) {
		t.Errorf("the copy: %+v", copied)
	}
	if after := w.account(owned.o.account); !reflect.DeepEqual(before, after) {
		t.Error("the existing account was changed")
	}
	wants(t, "the code again", o.browser().open(o.minted()), nil)
	// A day later the partner hears of this journey as of one that stopped after the proof by itself.
	plain := w.onboard(w.initech, "other@example.org")
	plain.opened().to(claim.StepPassword)
	w.advance(claim.AbandonedAfter)
	found, err := w.claims.Tidy(t.Context(), store.Tidy{DB: w.db})
	must(t, err)
	for _, id := range []customer.AccountID{o.account, plain.account} {
		if n := len(w.events(audit.Filter{Account: int64(id), Action: audit.JourneyAbandoned})); n != 1 {
			t.Errorf("%d of %d journeys were found silent, account %d heard %d times", found, 3, id, n)
		}
	}
}

// TestAPartnerCannotTellExistingAccounts: over the journey of a copy of an existing account a partner is told the same, and
// its calls are answered the same, as over one that stops after the mailbox proof for any other reason (design 10.6). The
// model counts what is told.
func TestAPartnerCannotTellExistingAccounts(t *testing.T) {
	t.Parallel()
	var heard [2]string
	for i, taken := range []bool{false, true} {
		b := bounds{mints: 2, journeys: 2, taken: true}
		st, s := newStage(t, b)
		all := actions(b)
		for _, name := range []string{"another copy of the account is claimed", "partner mints", "A opens code (newest true)", "A starts", "A proves",
			"partner changes profile", "partner mints", "B opens code (newest true)", "B starts", "B proves", "partner moves address"} {
			if !taken && strings.HasPrefix(name, "another") {
				continue
			}
			i2 := slices.IndexFunc(all, func(a action) bool { return a.name == name })
			before := s
			s, _ = st.play(&s, all[i2])
			if strings.HasPrefix(name, "another") {
				continue
			}
			heard[i] += fmt.Sprintln(name, s.rows.told-before.rows.told, len(s.codes), s.rows.accounts[0].State)
		}
	}
	if heard[0] != heard[1] || !strings.Contains(heard[0], "A proves 0") {
		t.Errorf("a partner hears\n%s\nand of an existing account\n%s", heard[0], heard[1])
	}
}

// TestDoubleClicks: the second answer wins the tab, so it must hold the key that works (design 10.23); and once the new key
// was seen, the old one is worth nothing.
func TestDoubleClicks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.onboard(w.acme, "first@example.org").opened()
	must(t, first.start())
	o := w.onboard(w.globex, "mira.kade@example.org") // a second journey in the browser of the first
	b := o.opened()
	b.session = first.session
	once, twice := *b, *b
	must(t, once.start())
	must(t, twice.start())
	if once.session != twice.session || once.session == b.session {
		t.Errorf("two answers to one start: %v, then %v", once.session, twice.session)
	}
	twice.to(claim.StepRecoveryCodes)
	old := twice
	must(t, twice.commit())
	wants(t, "the second click", old.commit(), claim.ErrNotNow)
	s, a, previous, err := w.signins.Session(t.Context(), old.session)
	if err != nil || !previous || !s.SignedIn(a, w.now()) || old.session.Successor(w.keys) != twice.session {
		t.Errorf("the second click's cookie: %v, previous %t", err, previous)
	}
	// Before the new key is seen the old one takes no step; afterwards nobody knows it.
	wants(t, "a step with the old key", old.confirm(), claim.ErrNotNow)
	_, _, _, err = w.signins.Session(t.Context(), twice.session)
	must(t, err)
	_, _, _, err = w.signins.Session(t.Context(), old.session)
	wants(t, "the old key after the new one was seen", err, customer.ErrNoSession)
	must(t, twice.confirm())
}

// TestPlantedSessionsStayOutside: a session that somebody else knows does not become the one that is signed in
// (session fixation): each rise of privilege changes its secret, and a sign-in makes a new one.
func TestPlantedSessionsStayOutside(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	planted := w.onboard(w.globex, "attacker@example.org").opened()
	must(t, planted.start())
	b := o.opened()
	b.session = planted.session
	b.to(claim.StepReview)
	w.advance(customer.PreviousLife)
	for name, key := range map[string]customer.SessionKey{"planted": planted.session, "its successor's successor": planted.session.Successor(w.keys)} {
		if _, _, _, err := w.signins.Session(t.Context(), key); !errors.Is(err, customer.ErrNoSession) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.advance(time.Minute)
	known := b.session
	half, err := w.signins.Password(t.Context(), known, o.email, password, false, b.origin())
	must(t, err)
	if half.ID == known.ID {
		t.Error("the password step keeps the session of before")
	}
	b.session = known
	must(t, b.signIn())
	if b.session.ID == half.ID || b.session.Secret == half.Secret {
		t.Error("the second step keeps a secret of before")
	}
	_, _, _, err = w.signins.Session(t.Context(), known)
	wants(t, "the session of before the sign-in", err, customer.ErrNoSession)
}

// TestRefreshing (contract 4.4): the old access token dies at once, twice within five seconds is the same answer, a new code
// ends the old refresh token; classic keeps it, strict turns it and ends the family at a replay.
func TestRefreshing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	o := w.onboard(w.acme, "mira.kade@example.org")
	b, code := o.allowed()
	first, err := w.exchange(w.acme, code)
	must(t, err)
	refresh := func(p partner.Partner, text string) (grant.Issue, error) {
		return w.tokens.Refresh(ctx, p, text, customer.Origin{})
	}
	w.advance(time.Hour)
	var fns []func() error
	issues := make([]grant.Issue, crowd)
	for i := range crowd {
		fns = append(fns, func() (err error) { issues[i], err = refresh(w.acme, first.Refresh); return err })
	}
	if n := count(together(fns...), nil); n != crowd {
		t.Fatalf("%d of %d refreshes at once succeeded", n, crowd)
	}
	for _, issue := range issues {
		if issue.Access != issues[0].Access || issue.Refresh != first.Refresh || issue.Token.Generation != 1 {
			t.Fatal("refreshes at once have different answers")
		}
	}
	_, err = w.tokens.Access(ctx, first.Access)
	wants(t, "the access token of before", err, grant.ErrInvalidToken)
	_, err = w.tokens.Access(ctx, issues[0].Access)
	must(t, err)
	_, err = refresh(w.globex, first.Refresh)
	wants(t, "another client", err, grant.ErrInvalidGrant)
	w.advance(grant.RefreshGrace)
	later, err := refresh(w.acme, first.Refresh)
	if err != nil || later.Access == issues[0].Access {
		t.Errorf("five seconds later: %v", err)
	}
	must(t, b.signInLater())
	must(t, b.visit(w.request(w.acme)))
	way, err := b.back()
	must(t, err)
	second, err := w.exchange(w.acme, way.Return.Code)
	must(t, err)
	_, err = refresh(w.acme, first.Refresh)
	wants(t, "the refresh token of before a new code", err, grant.ErrInvalidGrant)
	_, err = w.tokens.Access(ctx, later.Access)
	must(t, err) // lives on until its own end
	w.advance(12 * time.Hour)
	_, err = w.tokens.Access(ctx, second.Access)
	wants(t, "after twelve hours", err, grant.ErrInvalidToken)
}

// signInLater signs in when the app shows another code.
func (b *browser) signInLater() error {
	b.w.advance(time.Minute)
	return b.signIn()
}

// TestRotating: class strict gives a new refresh token each time; a spent one that comes back later ends the family, be it
// the last or an older one.
func TestRotating(t *testing.T) {
	t.Parallel()
	t.Run("the last", func(t *testing.T) {
		rotates(t, func(_, second grant.Issue) string { return second.Refresh })
	})
	t.Run("an older one", func(t *testing.T) {
		rotates(t, func(first, _ grant.Issue) string { return first.Refresh })
	})
}

func rotates(t *testing.T, spent func(first, second grant.Issue) string) {
	w := newWorld(t)
	ctx := context.Background()
	_, code := w.onboard(w.initech, "mira.kade@example.org").allowed()
	first, err := w.exchange(w.initech, code)
	must(t, err)
	refresh := func(text string) (grant.Issue, error) {
		return w.tokens.Refresh(ctx, w.initech, text, customer.Origin{})
	}
	w.advance(time.Minute)
	second, err := refresh(first.Refresh)
	must(t, err)
	again, err := refresh(first.Refresh)
	if err != nil || again.Access != second.Access || again.Refresh != second.Refresh || second.Refresh == first.Refresh {
		t.Fatalf("twice at once: %v", err)
	}
	w.advance(time.Minute)
	third, err := refresh(second.Refresh)
	must(t, err)
	w.advance(grant.RefreshGrace)
	_, err = w.tokens.Access(ctx, second.Access)
	wants(t, "the access token of before", err, grant.ErrInvalidToken)
	_, err = w.tokens.Access(ctx, third.Access)
	must(t, err)
	_, err = refresh(spent(first, second))
	wants(t, "a spent one", err, grant.ErrInvalidGrant)
	_, err = w.tokens.Access(ctx, third.Access)
	wants(t, "the family's access token", err, grant.ErrInvalidToken)
	_, err = refresh(third.Refresh)
	wants(t, "the family's refresh token", err, grant.ErrInvalidGrant)
}
