package secret

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"sync"
	"testing"
)

// hmacOf is the HMAC of RFC 2104 by a hash of its own.
func hmacOf(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// withLengths writes parts as digests are made of them.
func withLengths(parts []string) string {
	var b []byte
	for _, part := range parts {
		b = append(binary.BigEndian.AppendUint64(b, uint64(len(part))), part...)
	}
	return string(b)
}

// TestKeptHashesAreFresh: a hash that was used before, for whatever text, says of the next text what a new one says, also where many use the same
// key at once; and keys do not get each other's.
func TestKeptHashesAreFresh(t *testing.T) {
	t.Parallel()
	keys := []macKey{newMACKey([]byte("one")), newMACKey([]byte("two")), newMACKey(bytes.Repeat([]byte("long "), 50))}
	lists := [][]string{nil, {""}, {"a"}, {"", ""}, {"ab", "c"}, {"a", "bc"}, {strings.Repeat("x", 63)}, {strings.Repeat("y", 64), "z"}, {strings.Repeat("long", 3000)}}
	var all sync.WaitGroup
	for turn := range 4 {
		all.Go(func() {
			for i := range 200 {
				k, parts := keys[(i+turn)%len(keys)], lists[(i*7+turn)%len(lists)]
				text := withLengths(parts)
				if got, want := k.ofParts(parts), hmacOf(k.secret, text); !bytes.Equal(got, want) {
					t.Errorf("of %.40q: %x, want %x", parts, got, want)
				}
				if got, want := k.of([]byte(text)), hmacOf(k.secret, text); !bytes.Equal(got, want) {
					t.Errorf("of the text %.40q: %x, want %x", text, got, want)
				}
			}
		})
	}
	all.Wait()
}

// TestNoTextIsKept: of what was hashed nothing stays in a hash that waits for its next use, and what was long is not kept at all (I9).
func TestNoTextIsKept(t *testing.T) {
	k := newMACKey([]byte("one"))
	h := k.take()
	h.text = append(h.text, "mira.kade@example.org"...)
	k.sum(h)
	if whole := h.text[:cap(h.text)]; len(h.text) != 0 || strings.Trim(string(whole), "\x00") != "" {
		t.Errorf("%q is left", whole)
	}
	h = &keyedHash{Hash: hmac.New(sha256.New, k.secret), text: []byte(strings.Repeat("x", longText+1))}
	k.sum(h)
	for range 10 {
		if next := k.take(); next == h || cap(next.text) >= longText {
			t.Error("a long buffer is kept")
		}
	}
}

// BenchmarkDigest is a digest as each request needs several.
func BenchmarkDigest(b *testing.B) {
	keys, err := NewKeys(map[int][]byte{1: []byte("a master key that has 32 bytes..")})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		keys.Digest(PurposeEmail, "mira.kade@example.org")
	}
}
