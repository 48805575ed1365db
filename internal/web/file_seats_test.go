package web

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/limit"
)

// Files that somebody asks for and does not read take no more memory than three of them, and keep nobody else from theirs.
func TestFilesInHand(t *testing.T) {
	t.Parallel()
	d := &Door{}
	asks := func(session customer.SessionID) error {
		v := &visit{Door: d, w: httptest.NewRecorder(), r: httptest.NewRequest(http.MethodGet, "/j/x/files/1", nil)}
		v.jar.Session.ID = session
		return showFile(v, claim.State{}) // it has none, which is found out with a seat taken
	}
	var done []func()
	for range mostFilesOfOne {
		one, err := (&visit{Door: d, jar: jar{Session: customer.SessionKey{ID: 1}}}).looks()
		if err != nil {
			t.Fatal(err)
		}
		done = append(done, one)
	}
	if err := asks(1); !errors.Is(err, limit.ErrExceeded) {
		t.Errorf("one more: %v", err)
	}
	if err := asks(2); !errors.Is(err, errMissing) {
		t.Errorf("somebody else: %v", err)
	}
	done[0]()
	if err := asks(1); !errors.Is(err, errMissing) || d.files.Taken() != mostFilesOfOne-1 {
		t.Errorf("afterwards: %v, %d in hand", err, d.files.Taken())
	}
}
