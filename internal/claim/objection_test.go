package claim_test

import (
	"context"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
)

// objection is the text of the link in mail M1 of an account.
func (o *onboarding) objection() string {
	o.w.t.Helper()
	for _, m := range o.w.mails() {
		if m.Account == o.account && m.Kind == customer.MailClaimed {
			return m.Link
		}
	}
	o.w.t.Fatal("there is no mail M1")
	return ""
}

func (o *onboarding) object() error {
	return o.w.claims.ObjectByLink(context.Background(), o.objection(), customer.Origin{})
}

// TestObjectingRacesTokens: the button races refreshes, and the redemption of a code. Whatever comes first, no token of
// before or between works afterwards, and no later one comes of them (design 10.10, I2).
func TestObjectingRacesTokens(t *testing.T) {
	t.Parallel()
	for range 4 {
		w := newWorld(t)
		o := w.onboard(w.acme, "mira.kade@example.org")
		b := o.opened().to(claim.StepReturn)
		way, err := b.back()
		must(t, err)
		first, err := w.exchange(w.acme, way.Return.Code)
		must(t, err)
		r := w.request(w.acme)
		r.Prompt = "consent"
		must(t, b.visit(r))
		must(t, b.decide(true))
		if way, err = b.back(); err != nil {
			t.Fatal(err)
		}
		issues := make([]grant.Issue, 2)
		errs := together(o.object, o.object, func() (err error) {
			issues[0], err = w.tokens.Refresh(context.Background(), w.acme, first.Refresh, customer.Origin{})
			return err
		}, func() (err error) {
			issues[1], err = w.exchange(w.acme, way.Return.Code)
			return err
		})
		if errs[0] != nil || errs[1] != nil {
			t.Fatalf("objecting: %v", errs)
		}
		for _, issue := range append(issues, first) {
			if _, err := w.tokens.Access(t.Context(), issue.Access); err == nil {
				t.Error("an access token works")
			}
			if _, err := w.tokens.Refresh(t.Context(), w.acme, issue.Refresh, customer.Origin{}); err == nil {
				t.Error("a refresh token works")
			}
		}
		_, err = w.exchange(w.acme, way.Return.Code)
		wants(t, "the code afterwards", err, grant.ErrInvalidGrant)
		b.stands(claim.StepOver, claim.OverHeld)
		if n := len(w.events(audit.Filter{Action: audit.AccountHeld})); n != 1 {
			t.Errorf("%d events of a hold", n)
		}
	}
}

// TestObjectingEndsEveryAccess: every partner's access ends, each hears of it, and the creator cannot open another account
// for the address for 30 days, whether it hides existing ones or not.
func TestObjectingEndsEveryAccess(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.initech, "mira.kade@example.org")
	b := o.opened().to(claim.StepReturn)
	must(t, b.visit(w.request(w.globex)))
	must(t, b.decide(true))
	must(t, o.object())
	w.view(func(tx claim.Tx) error {
		grants, err := tx.GrantsOf(o.account)
		if len(grants) != 0 {
			t.Errorf("%d grants are left", len(grants))
		}
		return err
	})
	a := w.account(o.account)
	if a.Owned() || a.State != customer.Claimed || a.Hold != customer.HoldObjected {
		t.Errorf("the account is %s, hold %q", a.State, a.Hold)
	}
	again := func() error {
		_, err := w.customers.Create(t.Context(), w.initech, customer.Signup{Email: o.email, RegistrationCode: "another registration code of 32 characters"}, "", "")
		return err
	}
	w.advance(claim.BlockLife - time.Millisecond)
	wants(t, "creating on the 30th day", again(), customer.ErrAddressTaken)
	w.advance(time.Millisecond)
	wants(t, "a copy after 30 days", again(), nil)
}
