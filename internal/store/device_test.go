package store

import (
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/customer"
)

// TestDevicesAreFew: of an account's known devices those that signed in last stay, and no other account's go.
func TestDevicesAreFew(t *testing.T) {
	base := time.UnixMilli(1_800_000_000_000).UTC()
	eachEngine(t, func(t *testing.T, db *DB) {
		withAccount(t, db, owner, "owner@example.org")
		must(t, db.write(t.Context(), func(tx *Tx) error {
			for i := range 5 {
				d := customer.Device{ID: customer.DeviceID(i + 1), Account: owner, Digest: []byte{byte(i)}, SeenAt: base.Add(time.Duration(-i) * day)}
				must(t, tx.SaveDevice(&d))
			}
			other := customer.Device{ID: 9, Account: owner + 1, Digest: []byte("other"), SeenAt: base.Add(-99 * day)}
			must(t, tx.SaveDevice(&other))
			return tx.DropDevices(owner, 3)
		}))
		must(t, db.read(t.Context(), func(tx *Tx) error {
			for i := range 5 {
				if d, err := tx.DeviceByDigest([]byte{byte(i)}); err != nil || (d.ID != 0) != (i < 3) {
					t.Errorf("device %d, seen %d days ago: %+v %v", i+1, i, d, err)
				}
			}
			d, err := tx.DeviceByDigest([]byte("other"))
			if d.ID != 9 {
				t.Error("another account's device went")
			}
			return err
		}))
	})
}
