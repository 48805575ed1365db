package secret

import (
	"bufio"
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
)

// masterSize is the length of a master key in bytes.
const masterSize = 32

// maxKeyVersion is the highest version a master key may have; two bytes of every sealed value name the version.
const maxKeyVersion = 1<<16 - 1

// keyRemedy ends every message about a wrong master key, so that the operator knows what to do next.
const keyRemedy = `make a key with "openssl rand -base64 32" and write one "version:key" on each line`

// ErrMaster says that the text or the set of master keys cannot be used. The wrapping message says which line and why,
// never the key, and names the remedy.
var ErrMaster = errors.New("master key cannot be used")

// ErrKeyVersion says that a value was made under a master key that is not loaded. It is trouble of the server's, not a
// wrong value: doors answer 503 (I11) and the operator adds the key of that version again.
var ErrKeyVersion = errors.New("master key of this version is not loaded")

// Keys are the server's keys: one or more versioned master keys, and what is derived from each by HKDF-SHA-256
// (RFC 5869) with a label of its own. One version makes new values, all versions read old ones. Keys never lie
// in the database: whoever copies the database alone can open nothing and confirm no guess. Safe for concurrent use, also
// while keys are added and the version in use changes (rotate.go).
type Keys struct {
	ring atomic.Pointer[ring]
}

// ring is a set of keys; it never changes, another takes its place.
type ring struct {
	families map[int]*family
	versions []int // the one in use first, then the newest first
}

// family is everything derived from one master key. Each use has a key of its own, so that a value made for one use can
// never be passed off in another, and a weakness in one use tells nothing about the rest.
type family struct {
	version int
	// carried is one of which only what checks is known, and not what opens; see Carry.
	carried bool
	digests [purposeCount]macKey // for Digest: kept in the database
	derives [purposeCount]macKey // for Derive: given out, never kept
	values  wide                 // server-level Seal
	wraps   wide                 // keys of accounts
	cookies wide
	journey []byte
}

// NewKeys derives the keys from master keys of 32 bytes each, named by version (1 to 65535). The highest version is in
// use until Use says otherwise. The error is ErrMaster, with the remedy in its message.
func NewKeys(masters map[int][]byte) (*Keys, error) {
	if len(masters) == 0 {
		return nil, fmt.Errorf("%w: there is none; %s", ErrMaster, keyRemedy)
	}
	families := make(map[int]*family, len(masters))
	for version, master := range masters {
		if err := checkMaster(version, master); err != nil {
			return nil, fmt.Errorf("%w: %w; %s", ErrMaster, err, keyRemedy)
		}
		f, err := newFamily(version, master)
		if err != nil {
			return nil, err
		}
		families[version] = f
	}
	k := &Keys{}
	k.ring.Store(newRing(families, slices.Max(slices.Collect(maps.Keys(masters)))))
	return k, nil
}

func newRing(families map[int]*family, use int) *ring {
	r := &ring{families: families, versions: slices.Sorted(maps.Keys(families))}
	slices.SortFunc(r.versions, func(a, b int) int {
		if (a == use) != (b == use) {
			return map[bool]int{true: -1, false: 1}[a == use]
		}
		return b - a
	})
	return r
}

// checkMaster refuses what is no key: a wrong length, a version out of range, a placeholder of one repeated byte.
func checkMaster(version int, master []byte) error {
	if version < 1 || version > maxKeyVersion {
		return fmt.Errorf("version %d is not between 1 and %d", version, maxKeyVersion)
	}
	if len(master) != masterSize {
		return fmt.Errorf("the key of version %d has %d bytes, not %d", version, len(master), masterSize)
	}
	if bytes.Count(master, master[:1]) == masterSize {
		return fmt.Errorf("the key of version %d is one byte repeated, not a random key", version)
	}
	return nil
}

func newFamily(version int, master []byte) (*family, error) {
	var failed error
	derive := func(label string) []byte {
		key, err := hkdf.Key(sha256.New, master, nil, "latchkey "+label, sha256.Size)
		failed = errors.Join(failed, err)
		return key
	}
	f := &family{version: version}
	for p := range purposeCount {
		f.digests[p] = newMACKey(derive("digest " + p.label()))
		f.derives[p] = newMACKey(derive("derive " + p.label()))
	}
	f.values = wide{key: newMACKey(derive("seal value")), version: version}
	f.wraps = wide{key: newMACKey(derive("seal account key")), version: version}
	f.cookies = wide{key: newMACKey(derive("seal cookie")), version: version}
	f.journey = derive("journey text")
	if failed != nil {
		return nil, fmt.Errorf("deriving keys of version %d: %w", version, failed)
	}
	return f, nil
}

// Format writes a word in place of the keys, whatever the verb: a stray %+v of a configuration must not print them.
func (k *Keys) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "[keys]") }

func (k *Keys) current() *family {
	r := k.ring.Load()
	return r.families[r.versions[0]]
}

func (k *Keys) version(version int) (*family, error) {
	f, ok := k.ring.Load().families[version]
	if !ok {
		return nil, fmt.Errorf("%w: version %d", ErrKeyVersion, version)
	}
	return f, nil
}

// GenerateMaster draws a new master key of 32 random bytes.
func GenerateMaster() []byte { return Bytes(masterSize) }

// ParseMaster reads master keys from the text of a file or a setting: either lines of the form "version:key", or one
// key alone, which is version 1. A key is 32 bytes in base64 (standard or URL alphabet, padded or not) or hexadecimal.
// Empty lines and lines that begin with # are skipped. The error is ErrMaster; it names the line and the remedy and never
// repeats the text, since a mistyped key is nearly the key.
func ParseMaster(text string) (map[int][]byte, error) {
	masters := map[int][]byte{}
	alone := false
	lines := bufio.NewScanner(strings.NewReader(text))
	for number := 1; lines.Scan(); number++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		version, master, named, err := parseMasterLine(line)
		if err != nil {
			return nil, fmt.Errorf("%w: line %d: %w; %s", ErrMaster, number, err, keyRemedy)
		}
		if _, twice := masters[version]; twice || alone || (!named && len(masters) > 0) {
			return nil, fmt.Errorf("%w: line %d: each of several keys needs a version of its own; %s", ErrMaster, number, keyRemedy)
		}
		masters[version], alone = master, !named
	}
	if lines.Err() != nil {
		return nil, fmt.Errorf("%w: a line is too long; %s", ErrMaster, keyRemedy)
	}
	if len(masters) == 0 {
		return nil, fmt.Errorf("%w: there is none; %s", ErrMaster, keyRemedy)
	}
	return masters, nil
}

func parseMasterLine(line string) (version int, master []byte, named bool, err error) {
	version = 1
	text := line
	if before, after, found := strings.Cut(line, ":"); found {
		named, text = true, strings.TrimSpace(after)
		version, err = strconv.Atoi(strings.TrimSpace(before))
		if err != nil {
			return 0, nil, named, errors.New("the version before the colon is not a number")
		}
	}
	master, ok := decodeMaster(text)
	if !ok {
		return 0, nil, named, errors.New("the key is neither base64 nor hexadecimal")
	}
	return version, master, named, checkMaster(version, master)
}

func decodeMaster(text string) ([]byte, bool) {
	if len(text) == hex.EncodedLen(masterSize) {
		if master, err := hex.DecodeString(text); err == nil {
			return master, true
		}
	}
	text = strings.TrimRight(text, "=")
	text = strings.NewReplacer("+", "-", "/", "_").Replace(text)
	master, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return master, err == nil
}

// FormatMaster writes master keys as ParseMaster reads them, one "version:key" a line, oldest first.
func FormatMaster(masters map[int][]byte) string {
	var b strings.Builder
	for _, version := range slices.Sorted(maps.Keys(masters)) {
		fmt.Fprintf(&b, "%d:%s\n", version, base64.StdEncoding.EncodeToString(masters[version]))
	}
	return b.String()
}
