package partner

import (
	"context"
	"errors"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// Errors about public keys.
var (
	// ErrKeyTaken: the partner has a key of this id.
	ErrKeyTaken = errors.New("key id is taken")
	// ErrTooManyKeys: the partner has as many as it may have.
	ErrTooManyKeys = errors.New("too many public keys")
)

// mostKeys bounds the keys of one partner.
const mostKeys = 100

// A PublicKey is what a partner gave to sign requests with, or to encrypt answers for (contract 13). It is kept and never used:
// no endpoint of this server takes or gives such payloads.
type PublicKey struct {
	ID      int64
	Partner ID
	// KeyID is the partner's UUID.
	KeyID string
	// Scope is PAYLOAD_SIGNING or PAYLOAD_ENCRYPTION, Algorithm such as ES512.
	Scope, Algorithm string
	// Material is SubjectPublicKeyInfo in base64.
	Material             string
	ValidFrom, ValidTill time.Time
	CreatedAt            time.Time
}

// PublicKeyTx is what public keys need of a transaction.
type PublicKeyTx interface {
	// AddPublicKey inserts one. An id that the partner used before is ErrKeyTaken.
	AddPublicKey(PublicKey) error
	PublicKeyCount(ID) (int, error)
}

// PublicKeyStore runs transactions for public keys.
type PublicKeyStore interface {
	Change(ctx context.Context, fn func(PublicKeyTx) (audit.Event, error)) error
}

// PublicKeys has the verb of contract 13: add.
type PublicKeys struct {
	Store PublicKeyStore
	IDs   *secret.IDs
	Now   func() time.Time
}

// Add keeps a key of a partner. Errors: ErrKeyTaken, ErrTooManyKeys.
func (ks PublicKeys) Add(ctx context.Context, k PublicKey, reference, network string) error {
	now := ks.Now()
	return ks.Store.Change(ctx, func(tx PublicKeyTx) (audit.Event, error) {
		n, err := tx.PublicKeyCount(k.Partner)
		if err == nil && n >= mostKeys {
			err = ErrTooManyKeys
		}
		if err != nil {
			return audit.Event{}, err
		}
		k.ID, k.CreatedAt = ks.IDs.Next(), now
		return audit.Event{At: now, Action: audit.PublicKeyAdded, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorPartner, ID: int64(k.Partner)},
			Partner: int64(k.Partner), Reference: reference, Network: network}, tx.AddPublicKey(k)
	})
}
