package web_test

import (
	"context"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/store"
)

// A journey without a step for 24 hours is told to the partner once; the account is erased 30 days after the last change,
// and then the link, the registration code and the address are as if it had never been.
func TestTimeEndsWhatNobodyFinished(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	o := w.open(w.partner, email)
	w.prefill(o)
	b := w.browser().get(authorize(w.partner, w.mint(o), "")).expect(200, "c1").post("email", email).expect(200, "c2")
	tidy := func() int {
		n, err := w.claims.Tidy(ctx, store.Tidy{DB: w.db})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	w.clock.advance(24*time.Hour - time.Millisecond)
	if n := tidy(); n != 0 {
		t.Fatalf("%d found a millisecond early", n)
	}
	w.clock.advance(time.Millisecond)
	if first, second := tidy(), tidy(); first != 1 || second != 0 {
		t.Fatalf("found %d, then %d; want 1, then 0", first, second)
	}
	w.clock.advance(customer.PendingLife)
	if first, second := tidy(), tidy(); first != 1 || second != 0 {
		t.Fatalf("erased %d, then %d; want 1, then 0", first, second)
	}
	if _, err := w.tokens.Registration(ctx, w.partner, email, registrationCode, customer.Origin{}); err == nil {
		t.Fatal("the registration code of an erased account works")
	}
	b.get(b.at)
	if b.status == 200 || b.status >= 500 {
		t.Fatalf("the journey of an erased account answers %d (%s)", b.status, b.id)
	}
	again := w.open(w.partner, email)
	if again.account.ID == o.account.ID {
		t.Fatal("the erased account was given out again")
	}
}
