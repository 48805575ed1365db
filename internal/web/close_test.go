package web_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/store"
)

// tidy does what time brings.
func (w *world) tidy() {
	w.t.Helper()
	if _, err := w.claims.Tidy(context.Background(), store.Tidy{DB: w.db}); err != nil {
		w.t.Fatal(err)
	}
}

// letter is the newest mail to an address.
func (w *world) letter(address string) (kind, text string) {
	w.t.Helper()
	letters, err := w.inbox.List(context.Background(), 50)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, l := range letters {
		if l.To == address {
			return l.Kind, strings.Join(strings.Fields(l.Text), " ")
		}
	}
	return "", ""
}

// TestCloseTheAccount: it takes a fresh proof and one box; until the day comes everything works and can be kept with one press; then
// the account is closed, what is in it erased, tokens and sessions are dead, and the address is free.
func TestCloseTheAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, b := w.owned(email, "c11")
	issue := b.connects(w.partner)
	b.get("/account").expect(http.StatusOK, "home")
	b.get(b.link("home.close")).expect(http.StatusOK, "close")
	b.post().expect(http.StatusUnprocessableEntity, "close")
	if !b.has("close.sure.empty") || !w.account(o.account.ID).CloseAt.IsZero() {
		t.Errorf("without the box: %s", b.says())
	}
	action, form := b.form("sure", "yes")
	b.send(action, form).expect(http.StatusOK, "close.keep")
	at := w.account(o.account.ID).CloseAt
	if !at.Equal(w.clock.Now().Add(claim.CloseWait)) || !strings.Contains(b.says(), "6 December 2026") {
		t.Errorf("closed at %v: %s", at, b.says())
	}
	if kind, text := w.letter(email); kind != "M9" || !strings.Contains(text, "will be closed on 6 December 2026") {
		t.Errorf("the mail is %s: %s", kind, text)
	}
	w.clock.advance(time.Minute)
	b.send(action, form).expect(http.StatusOK, "close.keep") // a double click
	if again := w.account(o.account.ID).CloseAt; !again.Equal(at) {
		t.Errorf("the second click moves the day to %v", again)
	}
	b.get("/account").expect(http.StatusOK, "home")
	b.get(b.link("home.do.keep.link")).expect(http.StatusOK, "close.keep").post().expect(http.StatusOK, "home")
	if !b.has("close.kept") || !w.account(o.account.ID).CloseAt.IsZero() {
		t.Errorf("kept: %s", b.says())
	}
	b.get("/close/keep").expect(http.StatusOK, "home")

	b.get("/close").expect(http.StatusOK, "close").post("sure", "yes").expect(http.StatusOK, "close.keep")
	w.clock.advance(claim.CloseWait - time.Millisecond)
	w.tidy()
	if a := w.account(o.account.ID); a.State != customer.Claimed {
		t.Fatalf("closed a millisecond early: %s", a.State)
	}
	w.clock.advance(time.Millisecond)
	refreshed, err := w.tokens.Refresh(context.Background(), w.partner, issue.Refresh, customer.Origin{})
	if err != nil {
		t.Fatalf("until the day it works: %v", err)
	}
	w.hide(refreshed.Access)
	w.tidy()
	w.tidy()
	a := w.account(o.account.ID)
	if a.State != customer.Closed || a.Epoch != 3 || a.Email != "" || a.Credentials.PasswordHash != "" || len(w.grants(o, w.partner)) != 0 {
		t.Errorf("the account: %+v", a)
	}
	if kind, text := w.letter(email); kind != "M9" || !strings.Contains(text, "was closed on 6 December 2026") {
		t.Errorf("the last mail is %s: %s", kind, text)
	}
	if _, err := w.tokens.Access(context.Background(), refreshed.Access); err == nil {
		t.Error("a token works")
	}
	b.get("/account").expect(http.StatusOK, "r1")
	b.post("email", email, "password", goodPassword).expect(http.StatusUnprocessableEntity, "r1")
	if again := w.open(w.partner, email); again.account.ID == o.account.ID {
		t.Error("the address has the old account")
	}
}

// TestClosingNeedsAFreshProof: neither an old session, nor another's form, nor one from another site, nor half a sign-in begins it; and an
// account on hold is not closed until its release and a wait from then.
func TestClosingNeedsAFreshProof(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, b := w.owned(email, "c11")
	action, form := b.get("/close").expect(http.StatusOK, "close").form("sure", "yes")
	w.clock.advance(customer.FreshLife)
	b.get("/close").expect(http.StatusOK, "r6")
	b.send(action, form).expect(http.StatusOK, "r6")
	_, other := w.owned("jonas.kade@example.org", "c11")
	other.send(action, form).expect(http.StatusForbidden, "e7")
	if status := w.crossSite(b, action, form); status != http.StatusForbidden {
		t.Errorf("from another site: %d", status)
	}
	for what, who := range map[string]*browser{"a stranger": w.browser(), "halfway": b.elsewhere().get("/signin").walk("r2", email)} {
		for _, path := range []string{"/close", "/close/keep"} {
			if who.get(path); who.id != "r1" {
				t.Errorf("%s sees %s: %s", what, path, who.id)
			}
		}
	}
	if !w.account(o.account.ID).CloseAt.IsZero() {
		t.Fatal("it began")
	}
	w.clock.advance(30 * time.Second)
	again := b.elsewhere().get("/signin").walk("home", email)
	again.get("/close").post("sure", "yes").expect(http.StatusOK, "close.keep")
	if _, err := w.customers.Hold(context.Background(), o.account.ID); err != nil {
		t.Fatal(err)
	}
	again.get("/close/keep").expect(http.StatusOK, "r1")
	w.clock.advance(claim.CloseWait)
	w.tidy()
	if a := w.account(o.account.ID); a.State != customer.Claimed {
		t.Errorf("closed on hold: %s", a.State)
	}
	if _, err := w.customers.Release(context.Background(), o.account.ID); err != nil {
		t.Fatal(err)
	}
	// Whoever asked may be whom it was on hold for, and the owner could not overrule them meanwhile.
	w.tidy()
	if a := w.account(o.account.ID); a.State != customer.Claimed || !a.CloseAt.Equal(w.clock.Now().Add(claim.CloseWait)) {
		t.Fatalf("%s by the release itself, to be closed at %v", a.State, a.CloseAt)
	}
	b.elsewhere().get("/signin").walk("home", email).get("/close/keep").expect(http.StatusOK, "close.keep")
	w.clock.advance(claim.CloseWait)
	w.tidy()
	if a := w.account(o.account.ID); a.State != customer.Closed {
		t.Errorf("not closed after the wait that the release began: %s", a.State)
	}
}

// TestHomeNamesOneThing: of all that there is to do the first page names the most urgent, and nothing when there is nothing.
func TestHomeNamesOneThing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, b := w.owned(email, "c11")
	must(t, w.claims.Store.Change(t.Context(), w.changed(o, func(a *customer.Account) {
		a.Credentials.Apps = append(a.Credentials.Apps, customer.App{ID: 7, Secret: []byte("another app of the person's")})
	})))
	things := []string{"home.do.keep", "home.do.decide", "home.do.codes", "home.do.second", "home.do.access"}
	only := func(want string) {
		t.Helper()
		b.get("/account").expect(http.StatusOK, "home")
		for _, thing := range things {
			if b.has(thing) != (thing == want) {
				t.Errorf("want %q, and %q is %t: %s", want, thing, b.has(thing), b.says())
			}
		}
	}
	only("")
	if !strings.Contains(b.says(), "Mira Kade") || strings.Contains(b.says(), "Last sign-in") {
		t.Errorf("the page: %s", b.says())
	}
	must(t, w.claims.Store.Change(t.Context(), w.changed(o, func(a *customer.Account) { a.Credentials.Apps = a.Credentials.Apps[:1] })))
	only("home.do.second")
	must(t, w.claims.Store.Change(t.Context(), w.changed(o, func(a *customer.Account) {
		for i := range 7 {
			a.Credentials.Recovery[i].UsedAt = w.clock.Now()
		}
	})))
	only("home.do.codes")
	if !strings.Contains(b.says(), "3 recovery codes left") {
		t.Errorf("the page: %s", b.says())
	}
	c, p := w.proposer(o)
	if _, err := w.customers.UpdatePersonal(context.Background(), c, p.ID, customer.Personal{Values: map[customer.Field]string{customer.FirstName: "Moira"}}); err != nil {
		t.Fatal(err)
	}
	only("home.do.decide")
	b.get("/close").post("sure", "yes").expect(http.StatusOK, "close.keep")
	only("home.do.keep")
	w.clock.advance(24 * time.Hour)
	again := b.elsewhere().get("/signin").walk("home", email)
	if !strings.Contains(again.says(), "Last sign-in 22 November 2026") {
		t.Errorf("the sign-in before: %s", again.says())
	}
}

// changed is a change of an account's row.
func (w *world) changed(o opened, change func(*customer.Account)) func(claim.Tx) (audit.Event, error) {
	return func(tx claim.Tx) (audit.Event, error) {
		a, err := tx.Account(o.account.ID)
		change(&a)
		return audit.Event{At: w.clock.Now(), Action: audit.AccountReleased, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorOperator}}, errors.Join(err, tx.SaveAccount(&a))
	}
}
