package store

import (
	"errors"

	"github.com/latchkey-id/latchkey/internal/customer"
)

var deviceTable = newTable("known_device", "id", "account_id", "digest", "epoch", "session_epoch", "created_at", "seen_at", "expires_at", "version")

func deviceFields(d *customer.Device) []any {
	return []any{&d.ID, &d.Account, &d.Digest, &d.Epoch, &d.SessionEpoch, moment{&d.CreatedAt}, moment{&d.SeenAt}, moment{&d.ExpiresAt}, &d.Version}
}

// DeviceByDigest finds the known device of a secret; the zero value when there is none.
func (tx *Tx) DeviceByDigest(digest []byte) (customer.Device, error) {
	var d customer.Device
	err := tx.get("SELECT "+deviceTable.all+" FROM known_device WHERE digest = $1", []any{digest}, deviceFields(&d)...)
	if errors.Is(err, errNoRow) {
		return customer.Device{}, nil
	}
	return d, err
}

// SaveDevice inserts or updates a known device.
func (tx *Tx) SaveDevice(d *customer.Device) error {
	return tx.save(deviceTable, &d.Version, deviceFields(d))
}

// DropDevices forgets the account's devices but the most that signed in last.
func (tx *Tx) DropDevices(a customer.AccountID, most int) error {
	return tx.put(`DELETE FROM known_device WHERE account_id = $1 AND id NOT IN
		(SELECT id FROM known_device WHERE account_id = $1 ORDER BY seen_at DESC, id DESC LIMIT $2)`, a, most)
}
