package claim_test

import (
	"errors"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
)

// TestUseOfWhatWasRead: a door that has read the session notes its use exactly as one that has it read.
func TestUseOfWhatWasRead(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		// show does something and tells the key that the browser then shows.
		show  func(w *world, b, old *browser) customer.SessionKey
		noted bool
		want  error
	}{
		"just seen": {func(w *world, b, _ *browser) customer.SessionKey { return b.session }, false, nil},
		"less than a minute": {func(w *world, b, _ *browser) customer.SessionKey {
			w.advance(time.Minute - time.Millisecond)
			return b.session
		}, false, nil},
		"a minute": {func(w *world, b, _ *browser) customer.SessionKey { w.advance(time.Minute); return b.session }, true, nil},
		"at the end of silence": {func(w *world, b, _ *browser) customer.SessionKey {
			w.advance(customer.IdleLife - time.Millisecond)
			return b.session
		}, true, nil},
		"after it":       {func(w *world, b, _ *browser) customer.SessionKey { w.advance(customer.IdleLife); return b.session }, false, customer.ErrNoSession},
		"renewed":        {func(w *world, b, old *browser) customer.SessionKey { must(t, b.commit()); return b.session }, true, nil},
		"the one before": {func(w *world, b, old *browser) customer.SessionKey { must(t, b.commit()); return old.session }, false, nil},
		"the one before, later": {func(w *world, b, old *browser) customer.SessionKey {
			must(t, b.commit())
			w.advance(customer.PreviousLife)
			return old.session
		}, false, customer.ErrNoSession},
		"another secret": {func(w *world, b, _ *browser) customer.SessionKey {
			return customer.SessionKey{ID: b.session.ID, Secret: "x"}
		}, false, customer.ErrNoSession},
		"another session's": {func(w *world, b, _ *browser) customer.SessionKey {
			return customer.SessionKey{ID: b.session.ID + 1, Secret: b.session.Secret}
		}, false, customer.ErrNoSession},
		"none": {func(*world, *browser, *browser) customer.SessionKey { return customer.SessionKey{} }, false, customer.ErrNoSession},
	} {
		w := newWorld(t)
		var rows [2]customer.Session
		for i := range rows {
			b := w.onboard(w.acme, []string{"mira.kade@example.org", "noa.brandt@example.org"}[i]).opened()
			b.to(claim.StepRecoveryCodes)
			_, _, _, err := w.signins.Session(t.Context(), b.session) // the key of the proof is in use
			must(t, err)
			old := *b
			key := c.show(w, b, &old)
			before := w.sessionRow(b.session.ID)
			var previous bool
			if i == 0 {
				_, _, previous, err = w.signins.Session(t.Context(), key)
			} else {
				previous, err = w.signins.Use(t.Context(), before, key)
			}
			if !errors.Is(err, c.want) || err != nil && c.want == nil || previous != (name == "the one before") {
				t.Errorf("%s, %d: previous %t, %v", name, i, previous, err)
			}
			rows[i] = w.sessionRow(b.session.ID)
			if noted := rows[i].SeenAt != before.SeenAt || len(rows[i].Previous) != len(before.Previous); noted != c.noted {
				t.Errorf("%s, %d: noted %t, want %t", name, i, noted, c.noted)
			}
			if i == 0 {
				w.advance(time.Hour) // the other begins afresh
			}
		}
		if len(rows[0].Previous) != len(rows[1].Previous) {
			t.Errorf("%s: one keeps the secret of before, the other does not", name)
		}
	}
}

// sessionRow is a session as it lies in the database.
func (w *world) sessionRow(id customer.SessionID) (s customer.Session) {
	w.t.Helper()
	must(w.t, w.signins.Store.View(w.t.Context(), func(tx customer.SignInTx) (err error) { s, err = tx.Session(id); return err }))
	return s
}
