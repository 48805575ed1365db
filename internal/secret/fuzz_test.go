package secret

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"
)

// FuzzKeysOfOthers: what others give as a key is one, or is refused, and what is refused says nothing of it.
func FuzzKeysOfOthers(f *testing.F) {
	f.Add("ES256", "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU8UTsG0I7X1cW2GqzGx0sJ5Jt6p1jY0tS0bq1T8y5H3Q==")
	f.Add("PS256", "")
	f.Add("RS256", "AAAA")
	f.Add("none", "whsec_"+base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 24))))
	f.Add("", "whsec_")
	f.Fuzz(func(t *testing.T, algorithm, material string) {
		if err := CheckPublicKey(algorithm, material); err != nil && len(material) > 20 && strings.Contains(err.Error(), material) {
			t.Errorf("%v repeats the key", err)
		}
		key, err := ParseWebhookKey(material)
		if err != nil {
			if len(material) > 20 && strings.Contains(err.Error(), material) {
				t.Errorf("%v repeats the key", err)
			}
			return
		}
		at := time.Unix(1, 0)
		if !key.Verifies("id", at, []byte(algorithm), key.Sign("id", at, []byte(algorithm))) || key.Verifies("id", at, []byte(algorithm+"x"), key.Sign("id", at, []byte(algorithm))) {
			t.Errorf("a key of %d characters does not verify what it signed, or anything", len(material))
		}
	})
}

// FuzzDisclosure: a disclosure that is read says what was put into it, and one that is changed is another.
func FuzzDisclosure(f *testing.F) {
	for _, text := range []string{"", "W10", base64.RawURLEncoding.EncodeToString([]byte(`["salt","city","Leith"]`)), base64.RawURLEncoding.EncodeToString([]byte(`["salt","city",7]`)), "~", "W10="} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		name, value, err := ReadDisclosure(text)
		if err != nil && (name != "" || value != "") {
			t.Errorf("%q is refused and says %q, %q", text, name, value)
		}
	})
}

// FuzzPasskeyChallenge: no text passes for a challenge that was not made here, for this, and in time.
func FuzzPasskeyChallenge(f *testing.F) {
	keys, err := NewKeys(map[int][]byte{1: []byte("the challenges' fuzz has a 32b k")})
	if err != nil {
		f.Fatal(err)
	}
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	for i, text := range []string{"", "A", "AA", "=", "====", "-_", "\x00", strings.Repeat("A", 75)} {
		f.Add(uint8(i*11), text)
	}
	f.Fuzz(func(t *testing.T, at uint8, text string) {
		good := keys.PasskeyChallenge(now, "browser")
		n := int(at) % (len(good) + 1)
		for _, spliced := range []string{text, good[:n] + text + good[n:], good[:n] + text + good[min(n+len(text), len(good)):], good[:n]} {
			if _, err := keys.CheckPasskeyChallenge(spliced, now, "browser"); err == nil && spliced != good {
				t.Errorf("%q passes for %q", spliced, good)
			}
		}
		if _, err := keys.CheckPasskeyChallenge(good, now, "another browser"+text); err == nil {
			t.Errorf("it passes in another browser %q", text)
		}
		if _, err := keys.CheckPasskeyChallenge(good, now.Add(PasskeyChallengeLife), "browser"); err == nil {
			t.Error("it passes too late")
		}
	})
}
