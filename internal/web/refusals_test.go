package web_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/store"
)

// Requirement 96: each way to prove oneself, when it is refused, is an event that says which and why; and when it is taken, one too.
func TestRefusalsAreEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, owner := w.owned(email, "c11")
	newest := func() audit.Event {
		t.Helper()
		all, err := store.Audit{DB: w.db}.TailEvents(context.Background(), audit.Filter{Limit: 1})
		if err != nil || len(all) != 1 {
			t.Fatal(all, err)
		}
		return all[0].Event
	}
	refused := func(what string, action audit.Action) {
		t.Helper()
		if e := newest(); e.Action != action || e.Outcome != audit.Denied || e.Reason == "" || e.Network == "" || e.Reference == "" {
			t.Errorf("%s: the newest event is %+v", what, e)
		}
	}
	in := w.browser().get("/signin")
	in.post("email", email, "password", "not the password at all")
	refused("a wrong password", audit.SigninRefused)
	in.get("/signin").post("email", "nobody@example.org", "password", goodPassword)
	refused("an unknown address", audit.SigninRefused)
	in.get("/signin").post("email", email, "password", goodPassword).expect(http.StatusOK, "r2")
	wrong := "000000"
	if w.appCode(owner.key) == wrong {
		wrong = "111111"
	}
	in.post("code", wrong)
	refused("a wrong code of the app", audit.SigninRefused)
	in.key = owner.key
	in.walk("home", email)
	if e := newest(); e.Action != audit.SigninSucceeded || e.Outcome != audit.Allowed || e.Account != int64(o.account.ID) {
		t.Errorf("a sign-in: the newest event is %+v", e)
	}

	other := w.second()
	two := w.open(w.partner, "ines@example.org")
	code := w.mint(two)
	w.browser().get(authorize(other, code, "s")).expect(http.StatusNotFound, "e4")
	refused("a code with another partner's name", audit.CodeRefused)
	b := w.browser().get(authorize(w.partner, code, "s"))
	b.post("email", "somebody@example.org")
	refused("another address", audit.JourneyAddressRefused)
	b.walk("c2", "ines@example.org").post("code", map[bool]string{true: "111111", false: "000000"}[w.mailed("ines@example.org") == "000000"])
	refused("a wrong mailed code", audit.JourneyEmailRefused)
	b.walk("c5", "ines@example.org").post("code", map[bool]string{true: "111111", false: "000000"}[w.appCode(b.appKey()) == "000000"])
	refused("a wrong code of the new app", audit.JourneyAppRefused)
}
