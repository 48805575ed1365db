package api

import (
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/store"
)

// proven walks the customer up to the mailbox proof.
func (w *world) proven(p person) claim.Post {
	w.t.Helper()
	ctx := w.t.Context()
	ticket, _, err := w.visit(p.client, w.mint(p), "")
	must(w.t, err)
	key, err := w.claims.Start(ctx, claim.Start{Ticket: ticket, Email: p.email, Language: "en"})
	must(w.t, err)
	post := claim.Post{Text: ticket.Text, Session: key}
	must(w.t, w.claims.ProveEmail(ctx, post, w.mailedCode(ctx, p.email)))
	return post
}

// wantEvents compares what was heard, as "state data".
func wantEvents(t *testing.T, heard []partner.Event, want ...string) {
	t.Helper()
	for i, e := range heard {
		if got := e.State + " " + e.Data; i >= len(want) || got != want[i] {
			t.Errorf("event %d is %s", i, got)
		}
	}
	if len(heard) != len(want) {
		t.Errorf("%d events of %d", len(heard), len(want))
	}
}

// Contract 12.4: users#state-change and profiles#state-change say that a partner cannot use an account any more, in the transaction
// in which that came about; a person's objection and the end of an account's time each in their words.
func TestDeactivationEvents(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		end           func(w *world, p person)
		user, profile string
	}{
		"an objection": {func(w *world, p person) { must(w.t, w.claims.Object(w.t.Context(), w.proven(p))) },
			`DEACTIVATED {"previous_state":"ACTIVE","deactivation_type":"ACCOUNT_SUSPENSION","deactivation_reason":"NOT_THE_CUSTOMER"}`,
			`DEACTIVATED {"requested_by_customer":true}`},
		"the operator": {func(w *world, p person) {
			_, err := w.door.Customers.Hold(w.t.Context(), customer.AccountID(p.id))
			must(w.t, err)
		}, `DEACTIVATED {"previous_state":"ACTIVE","deactivation_type":"ACCOUNT_SUSPENSION","deactivation_reason":"ON_HOLD"}`,
			`DEACTIVATED {"requested_by_customer":false}`},
		"time": {func(w *world, p person) {
			w.advance(customer.PendingLife)
			_, err := w.claims.Tidy(w.t.Context(), store.For[claim.TidyTx]{DB: w.db})
			must(w.t, err)
		}, `DEACTIVATED {"previous_state":"ACTIVE","deactivation_type":"ACCOUNT_CLOSURE","deactivation_reason":"NOT_CLAIMED"}`,
			`DEACTIVATED {"requested_by_customer":false}`},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			users, profiles := w.listen(acme, partner.EventUserState, "4.0.0"), w.listen(acme, partner.EventProfileState, "2.0.0")
			elsewhere := w.listen(globex, partner.EventUserState, "4.0.0")
			p, other := w.open(acme, "mira.kade@example.org"), w.open(globex, "jonas.kade@example.org")
			own := w.profile(p)
			business := w.business(p)
			x.end(w, p)
			wantEvents(t, users(), x.user)
			wantEvents(t, profiles(), x.profile, x.profile)
			if heard := profiles(); heard[0].Profile != own || decimal(heard[1].Profile) != business || heard[0].Account != p.id {
				t.Errorf("about %+v", heard)
			}
			if heard := elsewhere(); name != "time" && len(heard) != 0 || name == "time" && (len(heard) != 1 || heard[0].Account != other.id) {
				t.Errorf("another partner heard %+v", heard)
			}
		})
	}
}

// An objection before the mailbox proof, and too many wrong codes, leave the account the partner's: nothing is told of its state.
func TestNoDeactivationWithoutProof(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	users := w.listen(acme, partner.EventUserState, "4.0.0")
	p := w.open(acme, "mira.kade@example.org")
	ctx := t.Context()
	ticket, _, err := w.visit(acme, w.mint(p), "")
	must(t, err)
	key, err := w.claims.Start(ctx, claim.Start{Ticket: ticket, Email: p.email, Language: "en"})
	must(t, err)
	must(t, w.claims.Object(ctx, claim.Post{Text: ticket.Text, Session: key}))
	wantEvents(t, users())
}

// profiles#cdd-check-state-change goes with each decision about a profile, and names what is still asked for.
func TestCheckEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	heard := w.listen(acme, partner.EventCDDCheck, "4.0.0")
	p := w.open(acme, "mira.kade@example.org")
	id := w.profile(p)
	w.decide(id, true)
	w.decide(id, true)
	w.json("POST", "/v5/profiles/"+decimal(id)+"/additional-verification/upload-evidences", p.bearer, `{"accountPurpose":"PAYING_BILLS"}`)
	w.advance(time.Second)
	w.decide(id, false)
	wantEvents(t, heard(), `VERIFIED {"required_evidences":[]}`, `EVIDENCE_REQUIRED {"required_evidences":["USE_CASE_COUNTRIES","ANNUAL_VOLUME","INCOME"]}`)
	if e := heard()[1]; e.Profile != id || !e.OccurredAt.Equal(w.now()) {
		t.Errorf("event %+v", e)
	}
}
