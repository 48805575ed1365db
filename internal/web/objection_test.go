package web_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/store"
)

// objection is the path of the link in the newest mail M1 to an address.
func (w *world) objection(address string) string {
	w.t.Helper()
	letters, err := w.inbox.List(context.Background(), 50)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, l := range letters {
		if _, rest, found := strings.Cut(l.Text, "http://localhost:8080/objection/"); found && l.To == address {
			text := strings.Fields(rest)[0]
			w.hide(text)
			return "/objection/" + text
		}
	}
	w.t.Fatalf("no link to object was mailed to %s", address)
	return ""
}

// hear subscribes the partner to what customers decide, and returns how to read it.
func (w *world) hear() func() []string {
	w.t.Helper()
	ctx := context.Background()
	subscriptions := partner.Subscriptions{Store: store.Subscriptions{DB: w.db}, Keys: w.keys, IDs: w.customers.IDs, Now: w.clock.Now}
	for _, trigger := range []partner.EventType{partner.EventClaims, partner.EventGrants} {
		_, err := subscriptions.Add(ctx, partner.Owner{Partner: w.partner.ID, ClientID: w.partner.ClientID},
			partner.Draft{Name: "test", Trigger: trigger, Payload: "4.0.0", URL: "https://hooks.acme.example/in"})
		if err != nil {
			w.t.Fatal(err)
		}
	}
	return func() (said []string) {
		list, err := partner.Deliveries{Store: store.Deliveries{DB: w.db}, Now: w.clock.Now}.List(ctx, w.partner.ClientID, partner.Selection{Limit: 100})
		if err != nil {
			w.t.Fatal(err)
		}
		for _, n := range list {
			said = append(said, string(n.Event.Type)+" "+n.Event.State+" "+n.Event.Reason)
		}
		return said
	}
}

// held are the audit events about holding the account: how many, and why the refused ones were.
func (w *world) held(o opened) (made int, refused []string) {
	w.t.Helper()
	entries, err := store.Audit{DB: w.db}.TailEvents(context.Background(), audit.Filter{Account: int64(o.account.ID), Limit: 1000})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range entries {
		switch e.Event.Action {
		case audit.AccountHeld:
			made++
		case audit.ObjectionRefused:
			refused = append(refused, e.Event.Reason)
		}
	}
	return made, refused
}

// Design 10.10: M1 has a link of which opening changes nothing; the button behind it holds the account, from any browser. What
// opens the account is dead, the partner and the address on file hear of it, and a double click is no second time.
func TestObjection(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	heard := w.hear()
	o, thief := w.owned(email, "c11")
	issue, err := w.tokens.Exchange(context.Background(), w.partner, grant.Exchange{Code: thief.leaves().Query().Get("code"), RedirectURI: callback}, customer.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	link, before, mails := w.objection(email), w.stored(o.account.ID), w.mails()
	b := w.browser()
	for range 3 { // scanners and previews look too
		b.get(link).expect(http.StatusOK, "objection")
		w.once(http.MethodHead, link, "", nil)
	}
	if w.stored(o.account.ID) != before || w.mails() != mails {
		t.Error("looking changed something")
	}
	if strings.Contains(b.body, email) || strings.Contains(b.body, "Mira") || !strings.Contains(b.says(), "Acme Treasury") {
		t.Errorf("the page tells of the account, or not who opened it: %s", b.says())
	}
	action, form := b.form()
	b.send(action, form).expect(http.StatusOK, "objection.made")
	if strings.Contains(b.at, strings.TrimPrefix(link, "/objection/")) {
		t.Error("the link stays in the address")
	}
	a := w.account(o.account.ID)
	if a.Hold != customer.HoldObjected || a.State != customer.Claimed || a.Epoch != o.account.Epoch+2 || len(w.grants(o, w.partner)) != 0 {
		t.Errorf("the account is %s, hold %q, epoch %d, %d grants", a.State, a.Hold, a.Epoch, len(w.grants(o, w.partner)))
	}
	after := w.stored(o.account.ID)
	b.send(action, form).expect(http.StatusOK, "objection.made") // a double click
	if made, refused := w.held(o); made != 1 || len(refused) != 0 || w.mails() != mails+1 || w.stored(o.account.ID) != after {
		t.Errorf("%d holds, refused %v, %d mails more", made, refused, w.mails()-mails)
	}
	b.get(link).expect(http.StatusNotFound, "objection.over")
	w.nothingOpens(o, thief, issue)
	told := strings.Join(heard(), "\n")
	for _, want := range []string{"x-claims#state-change objected not_me", "x-grants#state-change ended "} {
		if strings.Count(told, want) != 1 {
			t.Errorf("the partner did not hear %q once:\n%s", want, told)
		}
	}
}

// nothingOpens fails the test where a held account can be got into by what opened it before.
func (w *world) nothingOpens(o opened, b *browser, issue grant.Issue) {
	w.t.Helper()
	ctx := context.Background()
	if _, err := w.tokens.Access(ctx, issue.Access); err == nil {
		w.t.Error("the access token works")
	}
	if _, err := w.tokens.Refresh(ctx, w.partner, issue.Refresh, customer.Origin{}); err == nil {
		w.t.Error("the refresh token works")
	}
	if _, err := w.claims.Mint(ctx, o.caller, registrationCode, claim.Binding{}); err == nil {
		w.t.Error("the partner mints another claim code")
	}
	b.get("/account").expect(http.StatusOK, "r1")
	b.post("email", email, "password", goodPassword).expect(http.StatusUnprocessableEntity, "r1")
}

// Unknown, forged and late links, and those of accounts without an owner, have one answer and change nothing; another site
// cannot press the button.
func TestObjectionRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, _ := w.owned(email, "c8")
	link := w.objection(email)
	other, _ := w.owned("second@example.org", "c8")
	theirs, before := w.objection("second@example.org"), w.stored(o.account.ID)
	b := w.browser().get(link).expect(http.StatusOK, "objection")
	_, form := b.form()
	for _, forged := range []string{"/objection/x", link + "x", link[:len(link)-1], "/objection/" + strings.Repeat("a", 43)} {
		b.get(forged).expect(http.StatusNotFound, "objection.over")
		b.send(forged, form).expect(http.StatusNotFound, "objection.over")
	}
	if e := w.once(http.MethodPost, link, "", form, "Sec-Fetch-Site", "cross-site"); e.status != http.StatusForbidden {
		t.Errorf("from another site: %d", e.status)
	}
	b.send(theirs, form).expect(http.StatusOK, "objection.made")
	if w.stored(o.account.ID) != before || w.account(other.account.ID).Hold != customer.HoldObjected {
		t.Error("a link holds another account than its own")
	}
	w.clock.advance(claim.ObjectionLife - time.Minute)
	b.get(link).expect(http.StatusOK, "objection")
	w.clock.advance(time.Minute)
	b.get(link).expect(http.StatusNotFound, "objection.over")
	b.send(link, form).expect(http.StatusNotFound, "objection.over")
	if made, refused := w.held(o); made != 0 || len(refused) != 1 || refused[0] != "expired" || w.stored(o.account.ID) != before {
		t.Errorf("%d holds, refused %v", made, refused)
	}
}

// Who took the account over cannot silence the mailbox's owner by raising the epoch; after an operator's release the link is
// spent, and what was dead stays dead.
func TestObjectionAndLaterEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, thief := w.owned(email, "c11")
	issue, err := w.tokens.Exchange(context.Background(), w.partner, grant.Exchange{Code: thief.leaves().Query().Get("code"), RedirectURI: callback}, customer.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	link := w.objection(email)
	w.change(o, func(_ claim.Tx, a *customer.Account) error {
		a.Epoch, a.SessionEpoch = a.Epoch+1, a.SessionEpoch+1
		return nil
	})
	b := w.browser().get(link).expect(http.StatusOK, "objection")
	action, form := b.form()
	b.send(action, form).expect(http.StatusOK, "objection.made")
	w.change(o, func(_ claim.Tx, a *customer.Account) error {
		a.Hold = ""
		return nil
	})
	released := w.stored(o.account.ID)
	b.get(link).expect(http.StatusNotFound, "objection.over")
	b.send(action, form).expect(http.StatusNotFound, "objection.over")
	if _, refused := w.held(o); w.stored(o.account.ID) != released || len(refused) != 1 || refused[0] != "used" {
		t.Errorf("a spent link after a release: refused %v", refused)
	}
	thief.get("/account").expect(http.StatusOK, "r1")
	if _, err := w.tokens.Refresh(context.Background(), w.partner, issue.Refresh, customer.Origin{}); err == nil {
		t.Error("a release revives the refresh token")
	}
	w.change(o, func(_ claim.Tx, a *customer.Account) error {
		a.State = customer.Closed
		return nil
	})
	b.get(link).expect(http.StatusNotFound, "objection.over")
}

// The button, twice, races a sign-in and the return with its code: whatever comes first, nothing opens the account afterwards.
func TestObjectionRaces(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, b := w.owned(email, "c10")
	link := w.objection(email)
	_, press := w.browser().get(link).expect(http.StatusOK, "objection").form()
	allow, allowed := b.form("decision", "allow")
	cookie := b.cookie()
	signing := w.browser().get("/signin")
	signing.key = b.key
	atOnce(0, 4, func(n int) {
		switch n {
		case 0, 1:
			w.once(http.MethodPost, link, "", press)
		case 2:
			w.once(http.MethodPost, allow, cookie, allowed)
		case 3:
			signing.post("email", email, "password", goodPassword)
		}
	})
	if made, _ := w.held(o); made != 1 || w.account(o.account.ID).Hold != customer.HoldObjected || len(w.grants(o, w.partner)) != 0 {
		t.Errorf("%d holds, hold %q, %d grants", made, w.account(o.account.ID).Hold, len(w.grants(o, w.partner)))
	}
	signing.get("/account").expect(http.StatusOK, "r1")
	b.get("/account").expect(http.StatusOK, "r1")
}
