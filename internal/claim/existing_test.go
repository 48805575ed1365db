package claim_test

import (
	"context"
	"testing"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
)

// copied is a customer with an account, and a partner's pending copy of it of which the same browser proved the mailbox.
func (w *world) copied() (owner, prover *browser, copied *onboarding) {
	w.t.Helper()
	owner = w.onboard(w.globex, "mira.kade@example.org").opened().to(claim.StepReturn)
	copied = w.onboard(w.initech, "mira.kade@example.org")
	prover = copied.opened()
	must(w.t, prover.start())
	must(w.t, prover.prove(prover.mailed()))
	prover.stands(claim.StepOver, claim.OverExisting)
	return owner, prover, copied
}

// goesOn takes the browser, signed in as owner, from E10 to C10.
func (b *browser) goesOn(owner *browser) {
	b.w.t.Helper()
	ticket, err := b.w.claims.Existing(context.Background(), b.post())
	must(b.w.t, err)
	must(b.w.t, b.w.claims.Visit(context.Background(), ticket, owner.session, "en", b.origin()))
	b.text, b.session = ticket.Text, owner.session
	b.stands(claim.StepAllow, claim.NotOver)
}

// TestDroppingTheCopyRaces: Allow, twice, races what the copy's partner does to it. Whatever comes first, the customer has one
// grant and nothing of the copy; either the copy is gone, with all that was made on it, or its partner has given it another
// address first, and keeps it.
func TestDroppingTheCopyRaces(t *testing.T) {
	t.Parallel()
	for range 4 {
		w := newWorld(t)
		owner, b, copied := w.copied()
		b.goesOn(owner)
		allow := func() error { return b.decide(true) }
		var code string
		errs := together(allow, allow, func() (err error) {
			code, err = copied.mint()
			return err
		}, func() error {
			_, err := w.customers.SetContactEmail(context.Background(), copied.caller, "other@example.org")
			return err
		})
		if count(errs[:2], nil) != 1 || count(errs[:2], claim.ErrNotNow) != 1 {
			t.Fatalf("allowing twice: %v", errs[:2])
		}
		w.view(func(tx claim.Tx) error {
			grants, err := tx.Grants(owner.o.account, w.initech.ID)
			if len(grants) != 1 {
				t.Errorf("%d grants", len(grants))
			}
			return err
		})
		switch a := w.account(copied.account); {
		case errs[3] == nil && a.State == customer.Pending:
			if a.Address() != "other@example.org" {
				t.Error("the copy is kept with the customer's address")
			}
		case a.State == customer.Expired:
			_, err := w.tokens.Access(t.Context(), copied.issue.Access)
			wants(t, "the copy's token", err, grant.ErrInvalidToken)
			if code != "" && copied.browser().open(code) == nil {
				t.Error("a claim code of the copy opens")
			}
		default:
			t.Errorf("the copy is %s, correcting it: %v", a.State, errs[3])
		}
	}
}

// TestExistingIsForWhoProvedIt: another browser gets no way on from E10, and one that is elsewhere on its way gets none either;
// the event of the consent names the copy that it ended.
func TestExistingIsForWhoProvedIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	owner, b, copied := w.copied()
	stranger := copied.browser()
	stranger.text = b.text
	_, err := w.claims.Existing(t.Context(), stranger.post())
	wants(t, "a stranger with the address", err, claim.ErrNoJourney)
	_, err = w.claims.Existing(t.Context(), owner.post())
	wants(t, "a journey that is not at E10", err, claim.ErrNotNow)
	b.goesOn(owner)
	must(t, b.decide(true))
	var named int
	for _, e := range w.events(audit.Filter{Action: audit.ConsentAllowed}) {
		if e.Event.Detail["copy"] != "" {
			named++
		}
	}
	if a := w.account(copied.account); a.State != customer.Expired || named != 1 {
		t.Errorf("the copy is %s, named by %d events", a.State, named)
	}
	if a := w.account(owner.o.account); !a.Owned() || a.Epoch != 2 {
		t.Errorf("the existing account is %s, epoch %d", a.State, a.Epoch)
	}
}
