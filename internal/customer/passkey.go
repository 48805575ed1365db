package customer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/latchkey-id/latchkey/internal/secret"
)

// What may be wrong with a passkey.
var (
	// ErrPasskey: what the authenticator answered is not accepted. Unknown credential, wrong signature, another site's
	// answer, an account on hold: people are told one thing for all, the audit knows which.
	ErrPasskey = errors.New("passkey was not accepted")
	// ErrPasskeyLate: the page was open for too long; a fresh one asks again.
	ErrPasskeyLate = errors.New("passkey was used too late")
	// ErrPasskeySpent: this very answer was taken already. It signs nobody in a second time.
	ErrPasskeySpent = errors.New("passkey's answer was used already")
)

// MaxPasskeys is how many passkeys an account may have.
const MaxPasskeys = 20

// A Passkey is a WebAuthn credential of the customer's: the public half, and what is known of its use. With user
// verification, which is always asked for, it is two factors at once. The customer adds it; the commit of a
// claim makes the first one theirs (I3).
type Passkey struct {
	ID int64 `json:"id"`
	// Credential is the authenticator's id for it, Key its public COSE key (RFC 9052 section 7).
	Credential []byte `json:"credential"`
	Key        []byte `json:"key"`
	// Name is what the customer calls it; empty for one that nobody named.
	Name string `json:"name,omitempty"`
	// Transports say how the authenticator is reached ("internal", "hybrid", "usb").
	Transports []string `json:"transports,omitempty"`
	// SignCount is the highest that was seen; 0 where the authenticator does not count.
	SignCount uint32 `json:"sign_count"`
	// BackupEligible says that it is synchronised between devices, BackedUp that it is so now.
	BackupEligible bool      `json:"backup_eligible"`
	BackedUp       bool      `json:"backed_up"`
	AddedAt        time.Time `json:"added_at"`
	LastUsedAt     time.Time `json:"last_used_at"`
	// ClonedAt is when a count went back: somebody has a copy. Zero when it never did.
	ClonedAt time.Time `json:"cloned_at"`
}

// NewPasskey is the passkey of a credential that was just made.
func NewPasskey(ids *secret.IDs, c secret.PasskeyCredential, now time.Time) Passkey {
	return Passkey{ID: ids.Next(), Credential: c.ID, Key: c.PublicKey, Transports: c.Transports, SignCount: c.SignCount,
		BackupEligible: c.BackupEligible, BackedUp: c.BackedUp, AddedAt: now, LastUsedAt: now}
}

// PasskeyHandle is what an authenticator keeps as the user of a passkey: the account's number. It names nobody to whoever
// finds the device, and an authenticator that makes a second passkey for it replaces its first.
func PasskeyHandle(a AccountID) []byte { return binary.BigEndian.AppendUint64(nil, uint64(a)) }

// HandleAccount is the account of a handle, 0 for what is no handle of ours.
func HandleAccount(handle []byte) AccountID {
	if len(handle) != 8 {
		return 0
	}
	return AccountID(max(int64(binary.BigEndian.Uint64(handle)), 0))
}

// PasskeyCredentials are the credentials' ids, for the browser.
func (c Credentials) PasskeyCredentials() [][]byte {
	var all [][]byte
	for _, k := range c.Passkeys {
		all = append(all, k.Credential)
	}
	return all
}

// Passkey finds a passkey by its credential's id.
func (c Credentials) Passkey(credential []byte) (Passkey, bool) {
	i := slices.IndexFunc(c.Passkeys, func(k Passkey) bool { return bytes.Equal(k.Credential, credential) })
	if i < 0 {
		return Passkey{}, false
	}
	return c.Passkeys[i], true
}

// UsePasskey notes a use that was verified and returns the credentials after it. A count that did not rise, where the
// authenticator counts at all, says that there is a copy of the key (WebAuthn level 3 section 6.1.1): whoever signs now may
// be the thief or the owner, so nobody gets in by this passkey until its count is above all that was seen; the owner has the
// other ways. cloned says so, and then the credentials hold the moment.
func (c Credentials) UsePasskey(credential []byte, use secret.PasskeyUse, now time.Time) (after Credentials, cloned bool) {
	c.Passkeys = slices.Clone(c.Passkeys)
	for i := range c.Passkeys {
		k := &c.Passkeys[i]
		if !bytes.Equal(k.Credential, credential) {
			continue
		}
		if (use.SignCount != 0 || k.SignCount != 0) && use.SignCount <= k.SignCount {
			k.ClonedAt = now
			return c, true
		}
		k.SignCount, k.BackedUp, k.LastUsedAt = use.SignCount, use.BackedUp, now
	}
	return c, false
}

// PasskeyTx keeps challenges from being answered twice.
type PasskeyTx interface {
	// SpendChallenge remembers until then that a challenge was answered for the account. fresh is false when it was before.
	SpendChallenge(a AccountID, digest []byte, until time.Time) (fresh bool, err error)
}
