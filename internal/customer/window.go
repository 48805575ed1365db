package customer

import (
	"context"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
)

// A Window is what a partner opens before it changes a verified profile (contract 8.10, 10.4).
type Window struct {
	// OpenedAt is zero while it is closed.
	OpenedAt time.Time `json:"opened_at"`
	// Epoch is the account's when it was opened: a window does not outlive the hand-over (I2).
	Epoch int64 `json:"epoch"`
}

// WindowOpen reports whether the profile's update window is open, under the account's epoch.
func (p Profile) WindowOpen(epoch int64) bool {
	return !p.Details.Window.OpenedAt.IsZero() && p.Details.Window.Epoch == epoch
}

// SetWindow opens or closes the update window of a profile. Opening an open one and closing a closed one change nothing: official
// clients open before every change (contract 10.4).
func (cs Customers) SetWindow(ctx context.Context, c Caller, id ProfileID, open bool) error {
	_, err := cs.amend(ctx, c, id, "", func(_ Tx, p Profile, now time.Time) (Profile, audit.Action, error) {
		switch {
		case p.WindowOpen(c.Epoch) == open:
			return p, "", nil
		case open:
			p.Details.Window = Window{OpenedAt: now, Epoch: c.Epoch}
			return p, audit.WindowOpened, nil
		}
		p.Details.Window = Window{}
		return p, audit.WindowClosed, nil
	})
	return err
}
