package claim_test

import (
	"testing"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
)

// asks sets what the operator asks for, as at a new start.
func (w *world) asks(fields string) {
	w.t.Helper()
	extras, found := customer.ReadExtras([]byte(`{"fields":[` + fields + `]}`))
	for _, e := range found {
		w.t.Fatal(e)
	}
	w.claims.Extras = extras
}

const (
	taxNumber = `{"key":"tax_number","profile":"personal","required":true,"schema":{"type":"string","pattern":"^[0-9]+$"},"words":{"en":{"label":"Tax number"}}}`
	nickname  = `{"key":"nickname","profile":"personal","schema":{"type":"string"},"words":{"en":{"label":"Nickname"}}}`
	audited   = `{"key":"audited","profile":"business","required":true,"schema":{"type":"boolean"},"words":{"en":{"label":"Audited"}}}`
)

// TestI4TheOperatorsFieldsAreDetails: nothing is confirmed, and so nothing granted, while one that is needed is missing or not
// what is asked for, of any profile; and what a page did not show is not confirmed by it.
func TestI4TheOperatorsFieldsAreDetails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.asks(taxNumber + "," + audited)
	o := w.onboard(w.acme, "mira.kade@example.org")
	business := o.runs()
	b := o.opened().to(claim.StepReview)
	correct := func(p customer.ProfileID, f customer.Field, value string) {
		t.Helper()
		must(t, w.claims.Correct(t.Context(), b.post(), claim.Correction{Profile: p, Values: map[customer.Field]string{f: value}}))
	}
	wants(t, "both missing", b.confirm(), claim.ErrIncomplete)
	correct(o.profile, "x_tax_number", "12345")
	wants(t, "the business's missing", b.confirm(), claim.ErrIncomplete)
	correct(business, "x_audited", "perhaps")
	wants(t, "a value that is none", b.confirm(), claim.ErrIncomplete)
	correct(business, "x_audited", "true")
	shown, err := b.state()
	must(t, err)
	w.asks(taxNumber + "," + audited + "," + nickname)
	wants(t, "a page without the new field", w.claims.Confirm(t.Context(), b.post(), shown.Edition()), customer.ErrVersion)
	must(t, b.confirm())
	b.stands(claim.StepAllow, claim.NotOver)
	// What is asked for since is asked before the consent, though everything was confirmed.
	w.asks(taxNumber + "," + audited + `,{"key":"oath","profile":"personal","required":true,"schema":{"type":"boolean","const":true},"words":{"en":{"label":"Oath"}}}`)
	b.stands(claim.StepReview, claim.NotOver)
	wants(t, "allowing meanwhile", b.allow(o.profile), claim.ErrNotNow)
	o.hasCode("allowing meanwhile", b, false)
	w.asks("")
	must(t, b.allow(o.profile))
	o.hasCode("nothing asked for", b, true)
}

// TestTheOperatorsFieldsAreConfirmedAsShown: one that left the file is on no page, so that nobody confirms its value; it stays
// as it is, and comes back with the field.
func TestTheOperatorsFieldsAreConfirmedAsShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.asks(taxNumber + "," + nickname)
	o := w.onboard(w.acme, "mira.kade@example.org")
	_, err := w.customers.GiveEvidences(t.Context(), o.caller, o.profile, customer.Evidences{Values: map[customer.Field]string{"x_tax_number": "12345", "x_nickname": "Mimi"}})
	must(t, err)
	w.asks(nickname)
	b := o.opened().to(claim.StepAllow)
	state, err := b.state()
	must(t, err)
	said := state.Profile.Details.Provenance
	if said["x_nickname"].ConfirmedAt.IsZero() || !said["x_tax_number"].ConfirmedAt.IsZero() || state.Profile.Value("x_tax_number") != "12345" {
		t.Errorf("%+v", said)
	}
	w.asks(taxNumber + "," + nickname)
	b.stands(claim.StepReview, claim.NotOver) // it is there, and what the file asks for; but nobody has looked at it
	must(t, b.confirm())
	must(t, b.decide(true))
}
