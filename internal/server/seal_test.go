package server

import (
	"context"
	"testing"

	"github.com/latchkey-id/latchkey/internal/audit"
)

// TestSealerLinksWhatHappened: while the server runs and once more when it stops, so that nothing waits behind it.
func TestSealerLinksWhatHappened(t *testing.T) {
	o, _ := options(t)
	s := newServer(t, o)
	seed(t, s)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { s.seal(ctx); close(done) }()
	stop()
	<-done
	r, err := s.database.Chain().Verify(t.Context(), audit.Link{})
	if err != nil || r.Checked != 1 || r.Waiting != 0 || r.Unkeyed != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}
