package customer

import (
	"context"
	"errors"
	"maps"
	"strconv"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// DeviceLife is how long a browser stays known after its last whole sign-in (design 10.25).
const DeviceLife = 365 * 24 * time.Hour

// mostDevices is how many browsers are known of one account; the one that was away longest is forgotten first.
const mostDevices = 20

// DeviceID identifies a known device's row.
type DeviceID int64

// A Device is a browser that signed in to an account with two factors once. It opens nothing. It has tries of its own, so
// that strangers who use up those of the account, from however many networks, do not shut the owner out (I12); and who
// steals its cookie gets these tries and no more.
type Device struct {
	ID      DeviceID
	Account AccountID
	// Digest is the SHA-256 of the secret in the browser's cookie.
	Digest []byte
	// Epoch and SessionEpoch are the account's when the browser signed in: a new password, signing out everywhere and a
	// recovery end it with the sessions.
	Epoch, SessionEpoch int64
	// SeenAt is the last whole sign-in.
	CreatedAt, SeenAt, ExpiresAt time.Time
	Version                      int64
}

// Of reports whether the browser is known to the account at now.
func (d Device) Of(a Account, now time.Time) bool {
	return d.ID != 0 && d.Account == a.ID && d.Epoch == a.Epoch && d.SessionEpoch == a.SessionEpoch && now.Before(d.ExpiresAt)
}

// A DeviceKey is what a browser's cookie of known devices says for one account.
type DeviceKey struct {
	Account AccountID `json:"a"`
	Secret  string    `json:"s"`
}

// DeviceTx reads and writes known devices within a transaction.
type DeviceTx interface {
	// DeviceByDigest finds a device; the zero value when there is none.
	DeviceByDigest(digest []byte) (Device, error)
	// SaveDevice inserts when Version is 0 and otherwise updates that version alone; it raises Version.
	SaveDevice(*Device) error
	// DropDevices forgets the account's devices but the most that signed in last.
	DropDevices(a AccountID, most int) error
}

// RememberTx is what remembering a browser needs of a transaction.
type RememberTx interface {
	DeviceTx
	MailTx
	limit.Tx
}

func deviceTries(id DeviceID) limit.Key {
	return limit.NewKey(limit.KindDevice, strconv.FormatInt(int64(id), 10))
}

// device finds the one of the account that the browser showed; zero when there is none, or when it has used up the tries
// of its life: then it is a stranger like any other.
func (o Origin) device(tx interface {
	DeviceTx
	limit.Tx
}, a Account, now time.Time) (Device, error) {
	for _, key := range o.Devices {
		if key.Account != a.ID || a.ID == 0 {
			continue
		}
		d, err := tx.DeviceByDigest(secret.Hash(key.Secret))
		if err != nil {
			return Device{}, err
		}
		if !d.Of(a, now) {
			continue
		}
		tries, err := tx.Tries(deviceTries(d.ID))
		if err != nil || !limit.KindDevice.Rule().Spent(tries) {
			return d, err
		}
	}
	return Device{}, nil
}

// recognise notes in the origin which known device of the account it is, for the counts of tries.
func (si SignIns) recognise(ctx context.Context, a Account, o Origin) (Origin, error) {
	if o.known = 0; a.ID == 0 || len(o.Devices) == 0 {
		return o, nil
	}
	err := si.Store.View(ctx, func(tx SignInTx) error {
		d, err := o.device(tx, a, si.Now())
		o.known = d.ID
		return err
	})
	return o, err
}

// deviceSecret is the secret of the device that a sign-in makes. It is computed from the session's, as a session's own
// successor is: when a double click loses the first answer, the second one gives the same.
func deviceSecret(keys *secret.Keys, a AccountID, key SessionKey) string {
	return keys.Derive(secret.PurposeDevice, strconv.FormatInt(int64(a), 10), strconv.FormatInt(int64(key.ID), 10), key.Secret)
}

// Remember notes at a whole sign-in, in its transaction, that the browser is one of the account's; key is the session's as
// renewed by it. A browser that is known forgets its wrong tries and stays known for DeviceLife from now; another one
// becomes known, and the owner gets mail M3: were it not them, this is how they learn of it. The commit of a claim sends
// none, since M1 says all of that. fresh tells that the browser was not known.
func Remember(tx RememberTx, keys *secret.Keys, ids *secret.IDs, a Account, key SessionKey, o Origin, now time.Time) (fresh bool, err error) {
	if fresh, err = keepKnown(tx, keys, ids, a, key, o, now); err != nil || !fresh || a.ClaimedAt.Equal(now) {
		return fresh, err
	}
	return true, tx.QueueMail(Mail{ID: ids.Next(), Account: a.ID, Kind: MailDevice, To: a.Email, Language: "en", At: now})
}

// keepKnown is Remember without a word: for the browser in which the owner has just ended all others.
func keepKnown(tx RememberTx, keys *secret.Keys, ids *secret.IDs, a Account, key SessionKey, o Origin, now time.Time) (fresh bool, err error) {
	d, err := o.device(tx, a, now)
	if err != nil {
		return false, err
	}
	if d.ID != 0 {
		d.SeenAt, d.ExpiresAt = now, now.Add(DeviceLife)
		return false, errors.Join(tx.SaveDevice(&d), pardon(tx, deviceTries(d.ID)))
	}
	d = Device{ID: DeviceID(ids.Next()), Account: a.ID, Digest: secret.Hash(deviceSecret(keys, a.ID, key)), Epoch: a.Epoch, SessionEpoch: a.SessionEpoch,
		CreatedAt: now, SeenAt: now, ExpiresAt: now.Add(DeviceLife)}
	return true, errors.Join(tx.SaveDevice(&d), tx.DropDevices(a.ID, mostDevices))
}

// remember is Remember, with the event that says of a browser that it was new.
func (si SignIns) remember(tx SignInTx, e audit.Event, a Account, key SessionKey, o Origin, now time.Time) (audit.Event, error) {
	fresh, err := Remember(tx, si.Keys, si.IDs, a, key, o, now)
	if fresh {
		e.Detail = maps.Clone(e.Detail)
		if e.Detail == nil {
			e.Detail = map[string]string{}
		}
		e.Detail["device"] = "new"
	}
	return e, err
}

// DeviceKey is what a browser shall keep after a whole sign-in, key being the session's: the device that this sign-in made,
// or else the one that the origin showed. ok is false when there is neither.
func (si SignIns) DeviceKey(ctx context.Context, key SessionKey, o Origin) (device DeviceKey, ok bool, err error) {
	now := si.Now()
	err = si.Store.View(ctx, func(tx SignInTx) error {
		ok = false
		s, err := tx.Session(key.ID)
		if err != nil || s.Account == 0 {
			return err
		}
		a, err := tx.Account(s.Account)
		if err != nil || !s.SignedIn(a, now) {
			return err
		}
		made := DeviceKey{Account: a.ID, Secret: deviceSecret(si.Keys, a.ID, key)}
		for _, device = range append([]DeviceKey{made}, o.Devices...) {
			d, err := tx.DeviceByDigest(secret.Hash(device.Secret))
			if ok = d.Of(a, now) && device.Account == a.ID; err != nil || ok {
				return err
			}
		}
		return nil
	})
	return device, ok && err == nil, err
}
