package server

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
	"github.com/latchkey-id/latchkey/internal/store"
)

// copies opens accounts whose mail goes to one address.
func (f *firm) copies(n int, to string) {
	f.s.Helper()
	f.opens(fmt.Sprintf("copy%d@%s.example", n, f.id))
	if status, text := f.do("PUT", fmt.Sprintf("/v1/users/%d/contact-email", f.account), `{"email":"`+to+`"}`); status != http.StatusOK {
		f.s.Fatalf("%d %s", status, text)
	}
}

// wrong is a code that was not mailed.
func (s *stand) wrong(to string) string {
	if s.digits(to) == "000000" {
		return "111111"
	}
	return "000000"
}

// A partner that did not check an address opens account after account with it, and guesses five times at the code of each: what counts
// is the mailbox, and neither the account nor the address before. Another partner's customer at the same address comes through meanwhile,
// and so does the person herself the day after.
func TestManyCopiesOfOneMailbox(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	evil, honest := s.partner(partner.Registration{ClientID: "evil"}), s.partner(partner.Registration{ClientID: "honest"}).opens(victim)
	guesses := 0
	for n := range 6 {
		evil.copies(n, victim)
		eve := s.person(attacker).open(evil.link()).sees("c1").press("email", victim)
		for eve.press("code", s.wrong(victim)).status == http.StatusUnprocessableEntity {
			guesses++
		}
		if eve.status != http.StatusTooManyRequests {
			t.Fatalf("copy %d: page %q with %d", n, eve.id, eve.status)
		}
	}
	if guesses != 20 {
		t.Errorf("%d guesses at the codes of one mailbox", guesses)
	}
	s.person(victim).open(honest.link()).walk("c3")
	s.advance(24 * time.Hour)
	evil.registers()
	s.person(victim).open(evil.link()).walk("c3")
}

// Nor is a mailbox filled by many accounts, and the address is not new when it was another one for a moment.
func TestManyCopiesMailOneMailbox(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	evil := s.partner(partner.Registration{ClientID: "evil"})
	for n := range 3 {
		evil.copies(n, victim)
		for range 5 {
			s.person(attacker).open(evil.link()).sees("c1").press("email", victim)
			s.advance(13 * time.Second)
		}
	}
	if mails := len(s.mailed(victim)); mails != 12 {
		t.Errorf("%d mails to one mailbox in an hour", mails)
	}
}

// "This isn't me" ends the mails of a partner by all the accounts that it has with the address, until an operator releases it.
func TestObjectionEndsOtherCopies(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	evil := s.partner(partner.Registration{ClientID: "evil"})
	evil.copies(0, victim)
	first, objected := evil.link(), customer.AccountID(evil.account)
	evil.copies(1, victim)
	second := evil.link()
	mira := s.person(victim).open(first).walk("c3")
	mira.open(strings.TrimSuffix(mira.at.Path, "password") + "not-me").press()
	mails := len(s.mailed(victim))
	if eve := s.person(attacker).open(second).sees("c1").press("email", victim); eve.id != "e14" || len(s.mailed(victim)) != mails {
		t.Errorf("page %q with %d, %d mails more", eve.id, eve.status, len(s.mailed(victim))-mails)
	}
	customers := customer.Customers{Store: store.Customers{DB: s.database}, IDs: secret.NewIDs(s.now), Now: s.now}
	if changed, err := customers.Release(t.Context(), objected); err != nil || !changed {
		t.Fatalf("released %v: %v", changed, err)
	}
	s.person(victim).open(second).walk("c3")
}
