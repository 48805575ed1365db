package secret

import (
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// ChainKeys make and check what the audit's chain is made of. Hash needs no key: whoever has a copy of the chain can follow
// it. Marks and seals need one: whoever can write to the database, but has no key, cannot make a chain that passes. The zero
// ChainKeys have no key.
type ChainKeys struct{ keys *Keys }

// Chain returns the keys of the audit's chain.
func (k *Keys) Chain() ChainKeys { return ChainKeys{k} }

// Hash is the SHA-256 of a link: of the hash before it (nothing for the first), its number and what it holds.
func (ChainKeys) Hash(before []byte, number int64, text []byte) []byte {
	h := sha256.New()
	var words [16]byte
	binary.BigEndian.PutUint64(words[:8], uint64(len(before)))
	binary.BigEndian.PutUint64(words[8:], uint64(number))
	h.Write(words[:])
	h.Write(before)
	h.Write(text)
	return h.Sum(nil)
}

// Version is the version of the key that new marks and seals are made with; 0 without a key.
func (c ChainKeys) Version() int {
	if c.keys == nil {
		return 0
	}
	return c.keys.DigestVersion()
}

// Mark is the keyed digest of an event under the key of a version. The error is ErrKeyVersion.
func (c ChainKeys) Mark(version int, text []byte) ([]byte, error) {
	return c.digest(version, "mark", text)
}

// Seal is the keyed digest of a place in the chain under the key of a version. The error is ErrKeyVersion.
func (c ChainKeys) Seal(version int, text []byte) ([]byte, error) {
	return c.digest(version, "seal", text)
}

func (c ChainKeys) digest(version int, what string, text []byte) ([]byte, error) {
	if c.keys == nil {
		return nil, ErrKeyVersion
	}
	return c.keys.DigestWith(version, PurposeAudit, what, string(text))
}

// Equal compares two digests, see the function Equal.
func (ChainKeys) Equal(a, b []byte) bool { return Equal(a, b) }

// IDSpan is how far apart two numbers of IDs are that were drawn so long after each other.
func IDSpan(d time.Duration) int64 { return d.Milliseconds() << idCounterBits }

// IDAt is the lowest number that IDs could have drawn at a moment of 2026 or later.
func IDAt(t time.Time) int64 { return IDSpan(t.Sub(idEpoch())) }

// IDTime is the moment at which a number of IDs was drawn, to the millisecond.
func IDTime(id int64) time.Time {
	return idEpoch().Add(time.Duration(id>>idCounterBits) * time.Millisecond)
}
