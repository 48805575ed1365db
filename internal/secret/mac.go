package secret

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"sync"
)

// A macKey is a key of HMAC-SHA-256. It keeps hashes that it was put into, since that takes as long as hashing a short text does, and each
// request needs several. Safe for concurrent use; the zero macKey has no key and is of no use.
type macKey struct {
	secret []byte
	idle   *sync.Pool // of *keyedHash
}

// keyedHash is a hash with a key in it. Between uses no text is left in it.
type keyedHash struct {
	hash.Hash
	text []byte
}

// usualText is a buffer for most texts; longText is from how many bytes on one is not kept.
const usualText, longText = 512, 4 << 10

func newMACKey(key []byte) macKey { return macKey{secret: key, idle: &sync.Pool{}} }

func (k macKey) take() *keyedHash {
	if h, kept := k.idle.Get().(*keyedHash); kept {
		return h
	}
	h := &keyedHash{Hash: hmac.New(sha256.New, k.secret), text: make([]byte, 0, usualText)}
	h.Reset() // the first time leaves the key in it, and what was hashed before as it is
	return h
}

// sum hashes the text and leaves nothing of it behind.
func (k macKey) sum(h *keyedHash) []byte {
	h.Write(h.text)
	sum := h.Sum(make([]byte, 0, sha256.Size))
	h.Reset()
	clear(h.text)
	if h.text = h.text[:0]; cap(h.text) < longText {
		k.idle.Put(h)
	}
	return sum
}

// of is the HMAC of one text as it is.
func (k macKey) of(text []byte) []byte {
	h := k.take()
	h.text = append(h.text, text...)
	return k.sum(h)
}

// ofParts is the HMAC of parts, each of them preceded by its length.
func (k macKey) ofParts(parts []string) []byte {
	h := k.take()
	for _, part := range parts {
		h.text = binary.BigEndian.AppendUint64(h.text, uint64(len(part)))
		h.text = append(h.text, part...)
	}
	return k.sum(h)
}
