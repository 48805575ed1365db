package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// ErrSeal says that a sealed value does not open: it was changed, cut, or moved from another place or account. It is
// never the fault of the person at the page; doors answer as for a broken database.
var ErrSeal = errors.New("sealed value does not open here")

// Place is where a sealed value lies. It is bound into the seal, so that somebody who can write to the database, but has
// no keys, cannot move a ciphertext to another row, column or table and have it believed there (one customer's factor
// secret copied over another's, say).
type Place struct {
	Table, Column string
	Row           int64
}

// bound is the additional data of a seal: what kind of seal it is, the account (0 for the server's own) and the place.
// Names are preceded by their lengths, so that no two places give the same bytes.
func (p Place) bound(kind string, account int64) []byte {
	b := make([]byte, 0, 64)
	for _, name := range [...]string{kind, p.Table, p.Column} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(name)))
		b = append(b, name...)
	}
	b = binary.BigEndian.AppendUint64(b, uint64(account))
	return binary.BigEndian.AppendUint64(b, uint64(p.Row))
}

// The first byte of a sealed value says how it was made, so that a later form can be told from these.
const (
	formBox  = 1 // nonce, ciphertext: under an account's key
	formWide = 2 // key version, salt, nonce, ciphertext: under a server key
)

const (
	keySize    = 32
	nonceSize  = 12
	saltSize   = 16
	tagSize    = 16
	wideHeader = 1 + 2
)

// NewAccountKey draws the key under which an account's personal data is sealed, and returns it wrapped under the newest
// master key and bound to the account. Only the wrapped form is stored; erasing it erases the account's data.
func (k *Keys) NewAccountKey(account int64) (wrapped []byte, err error) {
	return k.current().wraps.seal(accountBound(account), Bytes(keySize)), nil
}

// Box opens an account's wrapped key for use. A wrapped key of another account gives ErrSeal: nobody can hang an
// account's rows under a key that they know. The error is ErrSeal or ErrKeyVersion.
func (k *Keys) Box(account int64, wrapped []byte) (*Box, error) {
	key, err := k.unwrap(account, wrapped)
	if err != nil {
		return nil, err
	}
	return &Box{account: account, gcm: newGCM(key)}, nil
}

// Rewrap wraps an account's key under the newest master key. What is sealed under the account's key stays as it is.
// changed is false, and the wrapped key returned as it was, where it is of the newest version already. The error is
// ErrSeal or ErrKeyVersion.
func (k *Keys) Rewrap(account int64, wrapped []byte) (rewrapped []byte, changed bool, err error) {
	key, err := k.unwrap(account, wrapped)
	if err != nil {
		return nil, false, err
	}
	if version, err := wideVersion(wrapped); err == nil && version == k.current().version {
		return wrapped, false, nil
	}
	return k.current().wraps.seal(accountBound(account), key[:]), true, nil
}

func (k *Keys) unwrap(account int64, wrapped []byte) (key [keySize]byte, err error) {
	f, err := k.sealedBy(wrapped)
	if err != nil {
		return key, fmt.Errorf("unwrapping the key of account %d: %w", account, err)
	}
	plain, err := f.wraps.open(accountBound(account), wrapped)
	if err == nil && len(plain) != keySize {
		err = ErrSeal
	}
	if err != nil {
		return key, fmt.Errorf("unwrapping the key of account %d: %w", account, err)
	}
	return [keySize]byte(plain), nil
}

func accountBound(account int64) []byte { return Place{}.bound("account key", account) }

// Box seals and opens the personal data and factor secrets of one account. Safe for concurrent use. Keep it no longer
// than the request: after an erase, no copy of the key may be left.
type Box struct {
	account int64
	gcm     cipher.AEAD
}

// Format writes a word in place of the key, whatever the verb.
func (b *Box) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "[box]") }

// Seal encrypts plain for a place. The same text sealed twice gives different bytes, so equal values cannot be told.
func (b *Box) Seal(at Place, plain []byte) []byte {
	sealed := make([]byte, 1+nonceSize, 1+nonceSize+len(plain)+tagSize)
	sealed[0] = formBox
	fill(sealed[1:])
	return b.gcm.Seal(sealed, sealed[1:1+nonceSize], plain, at.bound("box", b.account))
}

// Open decrypts what Seal made for the same account and place. The error is ErrSeal.
func (b *Box) Open(at Place, sealed []byte) ([]byte, error) {
	if len(sealed) < 1+nonceSize+tagSize || sealed[0] != formBox {
		return nil, fmt.Errorf("%w: %s.%s of account %d", ErrSeal, at.Table, at.Column, b.account)
	}
	plain, err := b.gcm.Open([]byte{}, sealed[1:1+nonceSize], sealed[1+nonceSize:], at.bound("box", b.account))
	if err != nil {
		return nil, fmt.Errorf("%w: %s.%s of account %d", ErrSeal, at.Table, at.Column, b.account)
	}
	return plain, nil
}

// Seal encrypts a value of the server's own (a queued mail, a partner's secret for signing) for a place. The version of
// the key is in the sealed value.
func (k *Keys) Seal(at Place, plain []byte) []byte {
	return k.current().values.seal(at.bound("value", 0), plain)
}

// Open decrypts what Seal made for the same place, under whichever loaded key made it. The error is ErrSeal or
// ErrKeyVersion.
func (k *Keys) Open(at Place, sealed []byte) ([]byte, error) {
	f, err := k.sealedBy(sealed)
	if err != nil {
		return nil, fmt.Errorf("opening %s.%s: %w", at.Table, at.Column, err)
	}
	plain, err := f.values.open(at.bound("value", 0), sealed)
	if err != nil {
		return nil, fmt.Errorf("opening %s.%s: %w", at.Table, at.Column, err)
	}
	return plain, nil
}

// sealedBy finds the keys that a sealed value names.
func (k *Keys) sealedBy(sealed []byte) (*family, error) {
	version, err := wideVersion(sealed)
	if err != nil {
		return nil, err
	}
	f, err := k.version(version)
	if err == nil && f.carried {
		return nil, fmt.Errorf("%w: version %d, which was dropped", ErrKeyVersion, version)
	}
	return f, err
}

// SealedVersion is the version of the key that a server key's sealed value, or an account's wrapped key, names; 0 for what is
// neither. It is not to be believed: only opening it shows that.
func SealedVersion(sealed []byte) int {
	version, err := wideVersion(sealed)
	if err != nil {
		return 0
	}
	return version
}

// wide seals any number of values under one long-lived key. AES-GCM with random nonces is safe for some 2^32 values a
// key (NIST SP 800-38D section 8.3), which a busy server's cookies would reach in weeks; a repeated nonce gives away
// both texts and lets an attacker forge. So each value has a key of its own, derived from 16 random bytes beside it.
type wide struct {
	key     macKey
	version int
}

func (w wide) seal(bound, plain []byte) []byte {
	size := wideHeader + saltSize + nonceSize
	sealed := make([]byte, size, size+len(plain)+tagSize)
	sealed[0] = formWide
	binary.BigEndian.PutUint16(sealed[1:], uint16(w.version))
	fill(sealed[wideHeader:])
	gcm := w.gcm(sealed[:wideHeader+saltSize])
	return gcm.Seal(sealed, sealed[wideHeader+saltSize:size], plain, bound)
}

func (w wide) open(bound, sealed []byte) ([]byte, error) {
	size := wideHeader + saltSize + nonceSize
	if version, err := wideVersion(sealed); err != nil || version != w.version {
		return nil, ErrSeal
	}
	gcm := w.gcm(sealed[:wideHeader+saltSize])
	plain, err := gcm.Open([]byte{}, sealed[wideHeader+saltSize:size], sealed[size:], bound)
	if err != nil {
		return nil, ErrSeal
	}
	return plain, nil
}

// gcm derives the key of one value from its header, which is thereby authenticated too.
func (w wide) gcm(header []byte) cipher.AEAD {
	return newGCM([keySize]byte(w.key.of(header)))
}

// wideVersion reads the version of the key from a sealed value; it is not to be believed before the seal has opened.
func wideVersion(sealed []byte) (int, error) {
	if len(sealed) < wideHeader+saltSize+nonceSize+tagSize || sealed[0] != formWide {
		return 0, ErrSeal
	}
	return int(binary.BigEndian.Uint16(sealed[1:])), nil
}

// newGCM cannot fail: the library refuses keys of a wrong length only, and the length is in the type.
func newGCM(key [keySize]byte) cipher.AEAD {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic("secret: " + err.Error())
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic("secret: " + err.Error())
	}
	return gcm
}

// fill overwrites b with random bytes. The standard library ends the program where the system has none: a predictable
// value would be worse than no server.
func fill(b []byte) { _, _ = rand.Read(b) }
