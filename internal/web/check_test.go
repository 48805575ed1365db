package web_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/customer"
)

// link makes a review of the account's profile and a link to its page.
func (w *world) link(o opened) (customer.ProfileID, string, string) {
	w.t.Helper()
	ctx := context.Background()
	list, err := w.customers.Profiles(ctx, o.caller)
	if err != nil || len(list) != 1 {
		w.t.Fatal(list, err)
	}
	id := list[0].Profile.ID
	r, err := w.customers.CreateReview(ctx, o.caller, id, customer.Trigger{Type: "CARD"})
	if err != nil {
		w.t.Fatal(err)
	}
	return id, r.PublicID, w.relink(o, id, r.PublicID)
}

func (w *world) relink(o opened, id customer.ProfileID, review string) string {
	w.t.Helper()
	_, text, err := w.customers.LinkReview(context.Background(), o.caller, w.partner, id, review, callback)
	if err != nil || text == "" {
		w.t.Fatal(text, err)
	}
	w.hide(text)
	return text
}

// Contract 11.5: the page shows what is asked for, is used once, and leads back by a page of ours.
func TestCheck(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.open(w.partner, email)
	w.prefill(o)
	id, review, text := w.link(o)
	b := w.browser()
	for range 3 { // scanners and previews look too
		b.get("/check/"+text).expect(200, "check")
	}
	if !b.has("check.open") || strings.Count(b.body, `data-msg="check.state.not_provided"`) != 5 || strings.Contains(b.body, "Mira") || strings.Contains(b.body, email) {
		t.Errorf("page: %s", b.says())
	}
	if b.get("/check/" + text + "/return"); b.id != "check" {
		t.Errorf("left before the button: %s", b.id)
	}
	action, form := b.form()
	b.send(action, form)
	if got := b.leaves().String(); got != callback+"&status=closed" {
		t.Errorf("leads to %s", got)
	}
	b.send(action, form) // a double click
	if got := b.leaves().String(); got != callback+"&status=closed" {
		t.Errorf("again it leads to %s", got)
	}
	b.get("/check/" + text)
	if got := b.leaves().String(); got != callback+"&status=closed" {
		t.Errorf("a used link leads to %s", got)
	}

	again := w.relink(o, id, review)
	if b.get("/check/" + text); b.status != http.StatusNotFound || b.id != "e4" {
		t.Errorf("a replaced link: %d %s", b.status, b.id)
	}
	if _, err := w.customers.Decide(context.Background(), customer.Decision{Profile: id, Verified: true, By: customer.ByOperator}); err != nil {
		t.Fatal(err)
	}
	b.get("/check/"+again).expect(200, "check")
	if !b.has("check.ready") {
		t.Errorf("page: %s", b.says())
	}
	b.post()
	if got := b.leaves().String(); got != callback+"&status=success" {
		t.Errorf("leads to %s", got)
	}
}

// Five minutes, and not for those who post from elsewhere or guess.
func TestCheckRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.open(w.partner, email)
	w.prefill(o)
	id, review, text := w.link(o)
	b := w.browser()
	for _, other := range []string{"x", text + "x", strings.Repeat("a", 43)} {
		if b.get("/check/" + other); b.status != http.StatusNotFound || b.id != "e4" {
			t.Errorf("%s: %d %s", other, b.status, b.id)
		}
	}
	b.get("/check/"+text).expect(200, "check")
	action, form := b.form()
	r, err := http.NewRequest(http.MethodPost, w.server.URL+action, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	if b.do(r); b.status != http.StatusForbidden {
		t.Errorf("from another site: %d", b.status)
	}
	w.clock.advance(customer.LinkLife - time.Millisecond)
	b.get("/check/"+text).expect(200, "check")
	w.clock.advance(time.Millisecond)
	b.send(action, form).expect(http.StatusGone, "e1")
	b.get("/check/"+text).expect(http.StatusGone, "e1")
	if !strings.Contains(b.body, `href="`+strings.ReplaceAll(callback, "&", "&amp;")+`&amp;status=failed"`) {
		t.Errorf("no way back: %s", b.body)
	}
	text = w.relink(o, id, review)
	w.clock.advance(customer.LinkLife - time.Millisecond)
	b.get("/check/" + text).post()
	w.clock.advance(time.Hour)
	b.get("/check/" + text + "/return")
	if got := b.leaves().String(); got != callback+"&status=closed" {
		t.Errorf("leads to %s", got)
	}
}
