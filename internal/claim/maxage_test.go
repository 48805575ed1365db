package claim_test

import (
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
)

// TestMaxAge: a sign-in that is too old for the request begins no visit, and one that is fresh when the request comes does, however
// long the pages take (OpenID Connect Core 3.1.2.1). It is asked again where the code is made: a journey that a fresh sign-in
// began gives its way back to no older session of the same customer.
func TestMaxAge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	b := o.opened().to(claim.StepReturn)
	w.advance(time.Minute)
	must(t, b.signIn())
	older := *b
	w.advance(10 * time.Minute)
	r := w.request(w.acme)
	r.MaxAge, r.HasMaxAge = 600, true
	must(t, b.visit(r)) // exactly as old as it may be
	b.stands(claim.StepReturn, claim.NotOver)
	w.advance(time.Millisecond)
	wants(t, "an older sign-in", b.visit(r), customer.ErrNoSession)

	must(t, b.signInLater())
	must(t, b.visit(r))
	w.advance(25 * time.Minute)
	b.stands(claim.StepReturn, claim.NotOver)
	older.text = b.text
	older.stands(claim.StepSignIn, claim.NotOver)
	_, err := older.back()
	wants(t, "the way back of an older session", err, claim.ErrNotNow)
	wants(t, "the decision of an older session", older.decide(true), claim.ErrNotNow)
	way, err := b.back()
	must(t, err)
	if way.Return.Code == "" {
		t.Error("no code for the fresh one")
	}

	r.HasMaxAge, r.Prompt = false, "login"
	wants(t, "prompt=login", b.visit(r), customer.ErrNoSession)
	r.Prompt = ""
	must(t, b.visit(r))
}

// TestMaxAgeOfAClaim: who takes the account over proves both factors then and there, so that no age is too short.
func TestMaxAgeOfAClaim(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.onboard(w.acme, "mira.kade@example.org")
	r := w.request(w.acme)
	r.HasMaxAge, r.Prompt = true, "login consent"
	b := o.browser()
	var err error
	b.ticket, _, err = w.claims.Open(t.Context(), claim.Opening{Request: r, Code: o.minted(), Session: b.session, Origin: b.origin()})
	must(t, err)
	b.text = b.ticket.Text
	b.to(claim.StepReturn).stands(claim.StepReturn, claim.NotOver)
}
