package secret

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// master is a fixed key for tests: 32 bytes that count up from n.
func master(n byte) []byte {
	b := make([]byte, masterSize)
	for i := range b {
		b[i] = n + byte(i)
	}
	return b
}

// keysOf builds keys of the given versions, each from master(version).
func keysOf(t testing.TB, versions ...int) *Keys {
	t.Helper()
	masters := map[int][]byte{}
	for _, version := range versions {
		masters[version] = master(byte(version))
	}
	k, err := NewKeys(masters)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestNewKeysRefusesWhatIsNoKey(t *testing.T) {
	for name, masters := range map[string]map[int][]byte{
		"nil":                 nil,
		"none":                {},
		"version 0":           {0: master(1)},
		"negative version":    {-1: master(1)},
		"version too high":    {65536: master(1)},
		"short":               {1: master(1)[:31]},
		"long":                {1: append(master(1), 1)},
		"empty":               {1: {}},
		"nil key":             {1: nil},
		"all zero":            {1: make([]byte, 32)},
		"one byte repeated":   {1: bytes.Repeat([]byte{'x'}, 32)},
		"one wrong among two": {1: master(1), 2: master(2)[:5]},
	} {
		k, err := NewKeys(masters)
		if !errors.Is(err, ErrMaster) || k != nil {
			t.Errorf("%s: got %v, %v; want ErrMaster", name, k, err)
			continue
		}
		if !strings.Contains(err.Error(), "openssl rand -base64 32") || strings.Count(err.Error(), ErrMaster.Error()) != 1 {
			t.Errorf("%s: message %q should name the remedy, once", name, err)
		}
	}
	if _, err := NewKeys(map[int][]byte{1: master(1), 65535: master(2)}); err != nil {
		t.Errorf("lowest and highest version: %v", err)
	}
}

func TestHighestVersionIsCurrent(t *testing.T) {
	k := keysOf(t, 3, 12, 7)
	if got := k.DigestVersion(); got != 12 {
		t.Errorf("current version is %d, want 12", got)
	}
	if got := fmt.Sprint(k.DigestVersions()); got != "[12 7 3]" {
		t.Errorf("versions are %s, want newest first", got)
	}
	k.DigestVersions()[0] = 99
	if got := k.DigestVersion(); got != 12 {
		t.Errorf("a caller changed the current version to %d", got)
	}
}

func TestKeysDoNotDependOnTheCallersBytes(t *testing.T) {
	m := master(1)
	k, err := NewKeys(map[int][]byte{1: m})
	if err != nil {
		t.Fatal(err)
	}
	before := k.Digest(PurposeEmail, "a")
	clear(m)
	if !Equal(before, k.Digest(PurposeEmail, "a")) {
		t.Error("clearing the master key after NewKeys changed the keys")
	}
}

func TestKeysAreNotPrinted(t *testing.T) {
	k := keysOf(t, 1)
	wrapped, _ := k.NewAccountKey(1)
	box, err := k.Box(1, wrapped)
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		if got := fmt.Sprintf(verb, k); got != "[keys]" {
			t.Errorf("%s of keys prints %.60q", verb, got)
		}
		if got := fmt.Sprintf(verb, box); got != "[box]" {
			t.Errorf("%s of a box prints %.60q", verb, got)
		}
	}
}

// Every key derived from one master differs from every other, and from those of another master.
func TestEveryUseHasAKeyOfItsOwn(t *testing.T) {
	seen := map[string]string{}
	for _, version := range []int{1, 2} {
		f := keysOf(t, 1, 2).ring.Load().families[version]
		keys := map[string][]byte{"values": f.values.key.secret, "wraps": f.wraps.key.secret, "cookies": f.cookies.key.secret, "journey": f.journey}
		for p := range purposeCount {
			keys["digest "+p.label()], keys["derive "+p.label()] = f.digests[p].secret, f.derives[p].secret
		}
		if want := 4 + 2*int(purposeCount); len(keys) != want {
			t.Errorf("version %d has %d labels, want %d: two purposes share one", version, len(keys), want)
		}
		for label, key := range keys {
			if len(key) != 32 {
				t.Errorf("%s has %d bytes", label, len(key))
			}
			if other, twice := seen[string(key)]; twice {
				t.Errorf("version %d %s is the same key as %s", version, label, other)
			}
			seen[string(key)] = label
		}
	}
}

func TestParseMaster(t *testing.T) {
	one, two := master(1), master(0xe0) // master(0xe0) has + and / in base64
	std := base64.StdEncoding.EncodeToString
	tests := []struct {
		name, text string
		want       map[int][]byte
		says       string
	}{
		{"single base64", std(one), map[int][]byte{1: one}, ""},
		{"single with line end", std(one) + "\n", map[int][]byte{1: one}, ""},
		{"single with CRLF", std(one) + "\r\n", map[int][]byte{1: one}, ""},
		{"single without padding", strings.TrimRight(std(one), "="), map[int][]byte{1: one}, ""},
		{"single base64url", base64.RawURLEncoding.EncodeToString(two), map[int][]byte{1: two}, ""},
		{"single hexadecimal", hex.EncodeToString(one), map[int][]byte{1: one}, ""},
		{"single capital hexadecimal", strings.ToUpper(hex.EncodeToString(two)), map[int][]byte{1: two}, ""},
		{"one version", "7:" + std(one), map[int][]byte{7: one}, ""},
		{"versions, comments, blanks", "# keys\n\n 1: " + std(one) + "\n2:" + hex.EncodeToString(two) + "\n", map[int][]byte{1: one, 2: two}, ""},
		{"empty", "", nil, "there is none"},
		{"only comments", "# nothing\n\n", nil, "there is none"},
		{"not a key", "correct horse battery staple", nil, "line 1: the key is neither base64 nor hexadecimal"},
		{"too short", std(one[:16]), nil, "16 bytes, not 32"},
		{"too long", std(append(master(1), 9)), nil, "33 bytes, not 32"},
		{"zeros", std(make([]byte, 32)), nil, "one byte repeated"},
		{"version not a number", "a:" + std(one), nil, "the version before the colon is not a number"},
		{"no version", ":" + std(one), nil, "the version before the colon is not a number"},
		{"version 0", "0:" + std(one), nil, "version 0 is not between"},
		{"version too high", "65536:" + std(one), nil, "version 65536 is not between"},
		{"no key after the version", "1:", nil, "0 bytes, not 32"},
		{"twice the same version", "1:" + std(one) + "\n1:" + std(two), nil, "line 2: each of several keys needs a version"},
		{"same version written twice", "1:" + std(one) + "\n01:" + std(two), nil, "line 2: each of several keys needs a version"},
		{"two without version", std(one) + "\n" + std(two), nil, "line 2: each of several keys needs a version"},
		{"one with, one without", "2:" + std(one) + "\n" + std(two), nil, "line 2: each of several keys needs a version"},
		{"one without, one with", std(one) + "\n2:" + std(two), nil, "line 2: each of several keys needs a version"},
		{"stray bits after the key", strings.TrimRight(std(one), "=")[:42] + "h", nil, "neither base64"},
		{"endless line", strings.Repeat("A", 1<<17), nil, "a line is too long"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := ParseMaster(test.text)
			if !maps.EqualFunc(got, test.want, bytes.Equal) {
				t.Errorf("got %v, want %v", got, test.want)
			}
			if test.says == "" {
				if err != nil {
					t.Errorf("error %v", err)
				}
				return
			}
			if !errors.Is(err, ErrMaster) || !strings.Contains(err.Error(), test.says) || !strings.Contains(err.Error(), keyRemedy) {
				t.Errorf("error %v, want ErrMaster, %q and the remedy", err, test.says)
			}
		})
	}
}

func TestMasterKeysSurviveFormatAndParse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		versions := rapid.SliceOfNDistinct(rapid.IntRange(1, maxKeyVersion), 1, 5, rapid.ID[int]).Draw(t, "versions")
		masters := map[int][]byte{}
		for _, version := range versions {
			masters[version] = GenerateMaster()
		}
		got, err := ParseMaster(FormatMaster(masters))
		if err != nil || !maps.EqualFunc(got, masters, bytes.Equal) {
			t.Fatalf("got %v, %v; want %v", got, err, masters)
		}
	})
}

func TestGeneratedMastersDiffer(t *testing.T) {
	if a, b := GenerateMaster(), GenerateMaster(); len(a) != 32 || bytes.Equal(a, b) {
		t.Errorf("got %x and %x", a, b)
	}
}

func FuzzParseMaster(f *testing.F) {
	key := base64.StdEncoding.EncodeToString(master(1))
	for _, seed := range []string{
		"", key, "1:" + key, "1:" + key + "\n2:" + key, hex.EncodeToString(master(9)), "# c\n\n9 : " + key, "1:", ":", "\x00", "1:\xff",
		"-1:" + key, "99999999999999999999:" + key, key[:43], key + key,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		masters, err := ParseMaster(text)
		if err != nil {
			if masters != nil || !errors.Is(err, ErrMaster) {
				t.Fatalf("got %v with %v", masters, err)
			}
			for _, line := range strings.Fields(text) {
				if len(line) > 24 && strings.Contains(err.Error(), line) {
					t.Fatalf("the message repeats the text: %v", err)
				}
			}
			return
		}
		if _, err := NewKeys(masters); err != nil {
			t.Fatalf("what was parsed is refused: %v", err)
		}
		again, err := ParseMaster(FormatMaster(masters))
		if err != nil || !maps.EqualFunc(again, masters, bytes.Equal) {
			t.Fatalf("formatted and parsed again: %v", err)
		}
	})
}
