package web_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/store"
)

// verify is what an operator decides about all profiles of an account.
func (w *world) verify(o opened, verified bool) {
	w.t.Helper()
	_, err := w.customers.Decide(context.Background(), customer.Decision{Account: o.account.ID, Verified: verified, By: customer.ByOperator})
	if err != nil {
		w.t.Fatal(err)
	}
}

// listen subscribes the partner to its own events about profiles, and returns how to read them, oldest first.
func (w *world) listen() func() []partner.Event {
	w.t.Helper()
	ctx := context.Background()
	subscriptions := partner.Subscriptions{Store: store.Subscriptions{DB: w.db}, Keys: w.keys, IDs: w.customers.IDs, Now: w.clock.Now}
	_, err := subscriptions.Add(ctx, partner.Owner{Partner: w.partner.ID, ClientID: w.partner.ClientID},
		partner.Draft{Name: "test", Trigger: partner.EventProfiles, Payload: "4.0.0", URL: "https://hooks.acme.example/in"})
	if err != nil {
		w.t.Fatal(err)
	}
	return func() []partner.Event {
		list, err := partner.Deliveries{Store: store.Deliveries{DB: w.db}, Now: w.clock.Now}.List(ctx, w.partner.ClientID, partner.Selection{Limit: 100})
		if err != nil {
			w.t.Fatal(err)
		}
		events := make([]partner.Event, len(list))
		for i, n := range list {
			events[len(list)-1-i] = n.Event
		}
		return events
	}
}

// Journey C8: what was checked is locked, and a note about it reaches the partner.
func TestDispute(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.open(w.partner, email)
	w.prefill(o)
	w.verify(o, true)
	heard := w.listen()
	b := w.browser().get(authorize(w.partner, w.mint(o), ""))
	b.secureAccount(email)
	b.expect(200, "c8")
	review := b.at
	if !b.has("c8.source.checked") || strings.Contains(b.body, `href="`+review+`/name"`) || !strings.Contains(b.body, review+`/name/wrong`) ||
		!strings.Contains(b.body, `href="`+review+`/phone"`) {
		t.Fatalf("page C8 does not lock what was checked: %s", b.says())
	}

	b.get(review+"/name").expect(200, "c8.dispute") // the way of those who type the address
	for _, key := range []string{"phone", "address", "preferred", "nationality", "nobody"} {
		b.get(review + "/" + key + "/wrong")
		if b.status != 404 {
			t.Errorf("%s: %d", key, b.status)
		}
	}
	dispute := func(note string) *browser { return b.get(review+"/name/wrong").post("note", note) }
	if dispute(" \u202e "); b.expect(422, "c8.dispute") != nil && !b.has("dispute.note.empty") {
		t.Error("an empty note has no sentence")
	}
	if dispute(strings.Repeat("é", 1001)); b.expect(422, "c8.dispute") != nil && !b.has("dispute.note.long") {
		t.Error("a long note has no sentence")
	}
	if !strings.Contains(b.body, "ééé") {
		t.Error("a long note is lost")
	}
	if n := len(heard()); n != 0 {
		t.Errorf("%d events before a note", n)
	}

	for range 2 { // a double click says nothing new
		dispute("My name is\r\nMíra <b>Kade</b>.").expect(200, "c8")
		if !strings.Contains(b.says(), "has your note") {
			t.Errorf("nothing says that the note was sent: %s", b.says())
		}
	}
	events := heard()
	if len(events) != 1 || events[0].State != "disputed" || strings.Join(events[0].Fields, " ") != "first_name last_name" || events[0].Data != "" {
		t.Errorf("heard %+v", events)
	}
	w.clock.advance(time.Minute)
	dispute("Another note").expect(200, "c8")
	b.get(review).post()
	b.expect(200, "c10")
	b.get(review+"/name/wrong").expect(200, "done")
}

// A form for a row that was locked meanwhile changes nothing and leads to the note.
func TestLockedMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.open(w.partner, email)
	w.prefill(o)
	b := w.browser().get(authorize(w.partner, w.mint(o), ""))
	b.secureAccount(email)
	review := b.expect(200, "c8").at
	b.get(review+"/name").expect(200, "c9.name")
	w.verify(o, true)
	b.post("given_name", "Ada", "family_name", "Lovelace").expect(200, "c8.dispute")
	if b.get(review); strings.Contains(b.body, "Lovelace") {
		t.Error("a locked name was changed")
	}
	b.get(review+"/name/wrong").expect(200, "c8.dispute")
	w.verify(o, false)
	b.post("note", "too late").expect(200, "c8")
	b.get(review+"/name").post("given_name", "Ada", "family_name", "Kade").expect(200, "c8")
	if !strings.Contains(b.body, "Ada Kade") {
		t.Error("the name cannot be changed although nobody checked it")
	}
}
