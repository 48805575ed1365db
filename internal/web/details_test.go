package web_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/customer"
)

// proposer is the partner as the customer let it in: its writes are proposals.
func (w *world) proposer(o opened) (customer.Caller, customer.Profile) {
	w.t.Helper()
	ctx := context.Background()
	a := w.account(o.account.ID)
	c := customer.Caller{Partner: w.partner.ID, Account: a.ID, Epoch: a.Epoch}
	list, err := w.customers.Profiles(ctx, c)
	if err != nil || len(list) == 0 {
		w.t.Fatal(list, err)
	}
	return c, list[0].Profile
}

// Design 10.11, journey 7: what a partner says after the claim is shown beside what holds, and takes effect when it is accepted.
func TestDetails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, b := w.owned(email, "c11")
	c, p := w.proposer(o)
	b.get("/details/proposals").expect(http.StatusOK, "proposals")
	if !b.has("details.none") {
		t.Errorf("page: %s", b.says())
	}
	propose := func(values map[customer.Field]string) {
		w.clock.advance(time.Second)
		if _, err := w.customers.UpdatePersonal(context.Background(), c, p.ID, customer.Personal{Values: values}); err != nil {
			t.Fatal(err)
		}
	}
	propose(map[customer.Field]string{customer.FirstName: "Moira", customer.City: "Edinburgh", customer.DateOfBirth: "1990-01-02"})
	b.get("/account").expect(http.StatusOK, "home")
	b.get(b.link("home.details")).expect(http.StatusOK, "details")
	b.get(b.link("own.proposals")).expect(http.StatusOK, "proposals")
	says := b.says()
	for _, text := range []string{"Mira", "Moira", "Leith", "Edinburgh", "2 January 1990", "30 November 1988"} {
		if !strings.Contains(says, text) {
			t.Errorf("%q is not on the page: %s", text, says)
		}
	}
	name := func(kind string) string { return fmt.Sprintf("choice-%s-%d", kind, p.ID) }
	if b.post(); b.expect(http.StatusUnprocessableEntity, "proposals") != nil && !b.has("details.choose") {
		t.Errorf("nothing chosen: %s", b.says())
	}
	b.post(name("name"), "accept", name("address"), "keep").expect(http.StatusOK, "proposals")
	_, now := w.proposer(o)
	if now.Value(customer.FirstName) != "Moira" || now.Value(customer.City) != "Leith" || len(now.Details.Proposals) != 1 || !now.Confirmed() {
		t.Errorf("after the choice: %+v", now.Details)
	}
	if says := b.says(); strings.Contains(says, "Moira") || !strings.Contains(says, "2 January 1990") {
		t.Errorf("left: %s", says)
	}

	// What the partner changes while the customer reads is not accepted unseen.
	action, form := b.form(name("birth"), "accept")
	propose(map[customer.Field]string{customer.DateOfBirth: "1991-01-02"})
	if b.send(action, form); b.expect(http.StatusConflict, "proposals") != nil && !b.has("details.changed") {
		t.Errorf("unseen: %s", b.says())
	}
	action, form = b.form(name("birth"), "accept")
	b.send(action, form).expect(http.StatusOK, "proposals")
	b.send(action, form).expect(http.StatusConflict, "proposals") // a second time there is nothing to decide
	if _, now := w.proposer(o); now.Value(customer.DateOfBirth) != "1991-01-02" {
		t.Errorf("accepted: %+v", now.Details.Values)
	}

	propose(map[customer.Field]string{customer.FirstName: "Eve"})
	w.verify(o, true)
	b.get("/details/proposals").post(name("name"), "accept").expect(http.StatusConflict, "proposals")
	if !b.has("details.locked") {
		t.Errorf("checked since: %s", b.says())
	}
	b.post(name("name"), "keep").expect(http.StatusOK, "proposals")
	if _, now := w.proposer(o); now.Value(customer.FirstName) != "Moira" || len(now.Details.Proposals) != 0 {
		t.Errorf("kept: %+v", now.Details)
	}
}

// Only who is signed in sees and decides, and only with the page's own form.
func TestDetailsAreTheOwners(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, b := w.owned(email, "c11")
	c, p := w.proposer(o)
	if _, err := w.customers.UpdatePersonal(context.Background(), c, p.ID, customer.Personal{Values: map[customer.Field]string{customer.FirstName: "Moira"}}); err != nil {
		t.Fatal(err)
	}
	w.browser().get("/details/proposals").expect(http.StatusOK, "r1")
	action, form := b.get("/details/proposals").form(fmt.Sprintf("choice-name-%d", p.ID), "accept")
	stranger, other := w.owned("jonas.kade@example.org", "c11")
	if other.get("/details/proposals").expect(http.StatusOK, "proposals"); strings.Contains(other.says(), "Moira") {
		t.Errorf("somebody else sees it: %s", other.says())
	}
	other.send(action, form).expect(http.StatusForbidden, "e7")
	w.browser().send(action, form)
	wrong := form
	wrong.Set("step_token", "x")
	b.send(action, wrong).expect(http.StatusForbidden, "e7")
	if _, now := w.proposer(o); now.Value(customer.FirstName) != "Mira" {
		t.Error("a stranger decided")
	}
	if _, now := w.proposer(stranger); now.Value(customer.FirstName) != "Mira" {
		t.Error("a stranger was changed")
	}
	b.get("/account").expect(http.StatusOK, "home").post().expect(http.StatusOK, "r1")
	b.get("/details/proposals").expect(http.StatusOK, "r1")
}
