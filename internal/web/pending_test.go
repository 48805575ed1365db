package web_test

import (
	"net/http"
	"testing"
)

// Who is signed in while somebody else asks to reset their account hears of it on the pages of a journey too, also where the journey was
// read first; nobody else does.
func TestPendingOnJourneys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, owner, _ := w.ownedWithCodes(email, "c8")
	owner.get(owner.base()+"/review").expect(http.StatusOK, "c8")
	if owner.has("frame.pending") {
		t.Error("a notice of nothing")
	}
	w.asked(email)
	for _, path := range []string{"/review", "/allow", "/start"} { // the page, one that is not due yet, one that is done
		if owner.get(owner.base() + path); !owner.has("frame.pending") {
			t.Errorf("%s says nothing: %s", path, owner.says())
		}
	}
	owner.get(owner.base()+"/review").post("version", "0").expect(http.StatusConflict, "c8")
	if !owner.has("frame.pending") {
		t.Error("a form that is shown again says nothing")
	}
	other := w.browser().claim(w.open(w.partner, "other@example.org"), "s").walk("c5", "other@example.org")
	if other.has("frame.pending") {
		t.Error("another customer hears of it")
	}
}
