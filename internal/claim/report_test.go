package claim_test

import (
	"errors"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/partner"
)

func (o *onboarding) report(by partner.Partner) error {
	return o.w.claims.Report(o.w.t.Context(), by, o.account, customer.Origin{})
}

// TestReport: the partner that opened the account says within seven days, to the millisecond, that the wrong person has it. Nobody
// gets in any more, and the partner least of all: its access is dead, the account is not its own again, and the address opens no
// other one. Saying it twice is once.
func TestReport(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	wants(t, "a pending account", o.report(w.acme), claim.ErrNotReportable)
	b := o.opened().to(claim.StepReturn)
	way, err := b.back()
	must(t, err)
	first, err := w.exchange(w.acme, way.Return.Code)
	must(t, err)
	wants(t, "another partner's word", o.report(w.globex), customer.ErrNoAccount)
	wants(t, "nobody's account", w.claims.Report(t.Context(), w.acme, 7, customer.Origin{}), customer.ErrNoAccount)
	claimed := w.account(o.account).ClaimedAt
	w.advance(claimed.Add(claim.ObjectionLife - time.Millisecond).Sub(w.now()))
	for _, err := range together(func() error { return o.report(w.acme) }, func() error { return o.report(w.acme) }) {
		must(t, err)
	}
	a := w.account(o.account)
	if a.Hold != customer.HoldReported || a.State != customer.Claimed || a.Owned() || !a.ClosedToCreator() {
		t.Errorf("the account is %s, hold %q", a.State, a.Hold)
	}
	b.stands(claim.StepOver, claim.OverHeld)
	if _, err := w.tokens.Access(t.Context(), first.Access); !errors.Is(err, grant.ErrInvalidToken) {
		t.Errorf("an access token: %v", err)
	}
	if _, err := w.tokens.Refresh(t.Context(), w.acme, first.Refresh, customer.Origin{}); err == nil {
		t.Error("a refresh token works")
	}
	if _, err := w.tokens.Registration(t.Context(), w.acme, o.email, "", customer.Origin{}); err == nil {
		t.Error("the partner has a token of its registration again")
	}
	_, err = w.customers.Create(t.Context(), w.acme, customer.Signup{Email: "MIRA.Kade@Example.ORG", RegistrationCode: "another registration code of 32 characters"}, "", "")
	wants(t, "another account for the address", err, customer.ErrAddressTaken)
	held := w.events(audit.Filter{Action: audit.AccountHeld})
	if len(held) != 1 || held[0].Event.Actor.Kind != audit.ActorPartner || held[0].Event.Reason != customer.HoldReported {
		t.Errorf("events of a hold: %+v", held)
	}
	var told int
	for _, m := range w.mails() {
		if m.Kind == customer.MailChanged && m.Change == customer.SignInReported && m.To == o.email {
			told++
		}
	}
	if told != 1 {
		t.Errorf("the address is told %d times", told)
	}
}

// TestReportsAreRefused: too late, and after an operator has released the account: a partner has its say once. The mailbox's own
// objection is not used up by it.
func TestReportsAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	late, o := w.onboard(w.acme, "nora.kade@example.org"), w.onboard(w.acme, "mira.kade@example.org")
	late.opened().to(claim.StepReturn)
	w.advance(claim.ObjectionLife)
	wants(t, "after seven days", late.report(w.acme), claim.ErrNotReportable)
	o.opened().to(claim.StepReturn)
	must(t, o.report(w.acme))
	w.holds(func(cs customer.Customers) (bool, error) { return cs.Release(t.Context(), o.account) }, true)
	wants(t, "after a release", o.report(w.acme), claim.ErrNotReportable)
	if a := w.account(o.account); !a.Owned() {
		t.Errorf("the account is %s, hold %q", a.State, a.Hold)
	}
	if blocked := w.blocked(o); blocked {
		t.Error("the address is blocked after the release")
	}
	must(t, o.object())
	if a := w.account(o.account); a.Hold != customer.HoldObjected {
		t.Errorf("after the mailbox's own word: hold %q", a.Hold)
	}
	var reasons []string
	for _, e := range w.events(audit.Filter{Action: audit.ReportRefused}) {
		reasons = append(reasons, e.Event.Reason)
	}
	if len(reasons) != 2 || reasons[0] == reasons[1] {
		t.Errorf("refused for %v", reasons)
	}
}

func (w *world) blocked(o *onboarding) (blocked bool) {
	w.t.Helper()
	must(w.t, w.customers.Store.View(w.t.Context(), func(tx customer.Tx) (err error) {
		blocked, err = tx.Blocked(w.acme.ID, o.email, w.now())
		return err
	}))
	return blocked
}

// TestBlockedAddresses: who said of an address that it was not them gets no mail of the same partner's by another way: not by an
// account opened for it in another spelling, nor as the contact address of one opened under a placeholder. Another partner may,
// and so may the same one after thirty days, or when an operator has released the account.
func TestBlockedAddresses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	b := o.opened()
	must(t, b.start())
	must(t, b.prove(b.mailed()))
	must(t, w.claims.Object(t.Context(), b.post()))
	other := w.onboard(w.acme, "customer-4410@acme.example")
	contact := func() error {
		_, err := w.customers.SetContactEmail(t.Context(), other.caller, "Mira.KADE@example.org")
		return err
	}
	create := func(by partner.Partner) error {
		_, err := w.customers.Create(t.Context(), by, customer.Signup{Email: "MIRA.kade@EXAMPLE.org", RegistrationCode: "another registration code of 32 characters"}, "", "")
		return err
	}
	wants(t, "another spelling", create(w.acme), customer.ErrAddressTaken)
	wants(t, "as a contact address", contact(), customer.ErrBlocked)
	if a := w.account(other.account); a.Address() != "customer-4410@acme.example" {
		t.Errorf("mail goes to %s", a.Address())
	}
	must(t, create(w.globex))
	w.advance(claim.BlockLife - time.Millisecond)
	wants(t, "on the thirtieth day", contact(), customer.ErrBlocked)
	w.advance(time.Millisecond)
	must(t, contact())
}
