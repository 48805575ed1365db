package claim_test

import (
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
)

// TestCorrectOwnConfirmsNothingUnseen: a customer's correction outside a review keeps a profile confirmed only while every value of it is
// one that they said or confirmed. A value that a partner filled in since is for the next review.
func TestCorrectOwnConfirmsNothingUnseen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	b, _ := o.allowed()
	w.advance(time.Minute)
	correct := func(values map[customer.Field]string) error {
		return w.claims.CorrectOwn(t.Context(), o.owner(), claim.Correction{Profile: o.profile, Values: values})
	}
	profile := func() (p customer.Profile) {
		w.view(func(tx claim.Tx) (err error) { p, err = tx.Profile(o.profile); return err })
		return p
	}
	must(t, correct(map[customer.Field]string{customer.City: "Edinburgh"}))
	if p := profile(); !p.Confirmed() || !p.ConfirmedAt.Equal(w.now()) {
		t.Errorf("after the first correction: confirmed %t at %v", p.Confirmed(), p.ConfirmedAt)
	}
	must(t, correct(map[customer.Field]string{customer.City: "Edinburgh"})) // nothing changes
	must(t, correct(map[customer.Field]string{customer.City: ""}))
	if profile().Confirmed() {
		t.Error("confirmed without a city")
	}
	must(t, correct(map[customer.Field]string{customer.City: "Leith"}))
	if !profile().Confirmed() {
		t.Error("not confirmed when all is there, and all of it the customer's")
	}
	w.advance(time.Minute)
	w.change(o.account, func(_ *customer.Account, p *customer.Profile) {
		*p, _ = p.With(map[customer.Field]string{customer.Nationality: "FR"}, customer.ByPartner, w.now())
	})
	must(t, correct(map[customer.Field]string{customer.City: "Edinburgh"}))
	if profile().Confirmed() {
		t.Error("a value that the customer never saw is confirmed")
	}
	if n := len(w.events(audit.Filter{Action: audit.ProfileChanged, Account: int64(o.account)})); n < 4 {
		t.Errorf("%d events", n)
	}
	must(t, b.visit(w.request(w.acme)))
	b.stands(claim.StepReview, claim.NotOver)
}

// TestOwnVerbsNeedTheOwner: what is not the customer's is unknown, and an epoch that ended, a hold or another state decides nothing.
func TestOwnVerbsNeedTheOwner(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	o.allowed()
	other := w.onboard(w.acme, "other@example.org")
	other.allowed()
	values := map[customer.Field]string{customer.City: "Kiel"}
	wants(t, "another's profile", w.claims.CorrectOwn(t.Context(), other.owner(), claim.Correction{Profile: o.profile, Values: values}), customer.ErrNoProfile)
	wants(t, "another's dispute", w.claims.DisputeOwn(t.Context(), other.owner(), o.profile, []customer.Field{customer.City}, "No."), customer.ErrNoProfile)
	wants(t, "nobody's representative", w.claims.CorrectOwn(t.Context(), other.owner(), claim.Correction{Representative: 7, Values: values}), customer.ErrNoRepresentative)
	_, err := w.claims.OwnFile(t.Context(), other.owner(), 7)
	wants(t, "nobody's file", err, customer.ErrNoFile)
	before := o.owner()
	for name, change := range map[string]func(*customer.Account){
		"epoch": func(a *customer.Account) { a.Epoch++ }, "session epoch": func(a *customer.Account) { a.SessionEpoch++ },
		"hold": func(a *customer.Account) { a.Hold = customer.HoldOperator }, "closed": func(a *customer.Account) { a.State = customer.Closed },
	} {
		w.change(o.account, func(a *customer.Account, _ *customer.Profile) { change(a) })
		wants(t, name+": correct", w.claims.CorrectOwn(t.Context(), before, claim.Correction{Profile: o.profile, Values: values}), customer.ErrStale)
		wants(t, name+": dispute", w.claims.DisputeOwn(t.Context(), before, o.profile, []customer.Field{customer.City}, "No."), customer.ErrStale)
		_, err := w.claims.Own(t.Context(), before)
		wants(t, name+": look", err, customer.ErrStale)
		_, err = w.claims.Export(t.Context(), before, "https://id.example.org")
		wants(t, name+": export", err, customer.ErrStale)
		_, err = w.claims.OwnFile(t.Context(), before, 7)
		wants(t, name+": file", err, customer.ErrStale)
		w.change(o.account, func(a *customer.Account, _ *customer.Profile) {
			a.Epoch, a.SessionEpoch, a.Hold, a.State = before.Epoch, before.SessionEpoch, "", customer.Claimed
		})
	}
}
