package secret

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
)

func base64url(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func TestCookieRoundTrip(t *testing.T) {
	k := keysOf(t, 1)
	for _, plain := range []string{"", "{}", strings.Repeat("ticket", 400)} {
		value := k.SealCookie("__Host-lk", []byte(plain))
		if want := (len(plain) + 47) * 4 / 3; len(value) < want || len(value) > want+1 {
			t.Errorf("%d bytes became %d characters, the comment says %d", len(plain), len(value), want)
		}
		if strings.ContainsFunc(value, func(r rune) bool {
			return !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-", r)
		}) {
			t.Errorf("value has a character that cookies do not take: %q", value)
		}
		got, err := k.OpenCookie("__Host-lk", value)
		if err != nil || string(got) != plain {
			t.Errorf("got %q, %v; want %q", got, err, plain)
		}
	}
}

func TestCookieOpensUnderItsNameOnly(t *testing.T) {
	k := keysOf(t, 1)
	value := k.SealCookie("__Host-lk", []byte("session"))
	for _, name := range []string{"__Host-lkd", "__Host-lkc", "lk", ""} {
		if _, err := k.OpenCookie(name, value); !errors.Is(err, ErrCookie) {
			t.Errorf("opened as %q: %v", name, err)
		}
	}
}

func TestForgedCookies(t *testing.T) {
	k := keysOf(t, 1)
	value := k.SealCookie("lk", []byte("session"))
	forged := map[string]string{
		"empty":             "",
		"not base64":        "%%%",
		"padded":            value + "=",
		"line end":          value[:9] + "\n" + value[9:],
		"one longer":        value + "A",
		"twice":             value + value,
		"in quotes":         `"` + value + `"`,
		"standard alphabet": base64.RawStdEncoding.EncodeToString(bytes.Repeat([]byte{0xff}, 60)),
		"other keys":        keysOf(t, 2).SealCookie("lk", []byte("session")),
		"same version":      mustKeys(t, map[int][]byte{1: master(99)}).SealCookie("lk", []byte("session")),
		"too long":          k.SealCookie("lk", make([]byte, 3100)),
	}
	for n := range value {
		forged["cut to "+value[:n]] = value[:n]
		other := byte('A')
		if value[n] == 'A' {
			other = 'B'
		}
		forged["changed at "+value[:n]] = value[:n] + string(other) + value[n+1:]
	}
	for name, text := range forged {
		if got, err := k.OpenCookie("lk", text); err != ErrCookie || got != nil {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
}

func TestCookieSurvivesRotation(t *testing.T) {
	value := keysOf(t, 1).SealCookie("lk", []byte("session"))
	if got, err := keysOf(t, 1, 2).OpenCookie("lk", value); err != nil || string(got) != "session" {
		t.Errorf("got %q, %v", got, err)
	}
}

func mustKeys(t testing.TB, masters map[int][]byte) *Keys {
	t.Helper()
	k, err := NewKeys(masters)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func FuzzOpenCookie(f *testing.F) {
	k := mustKeys(f, map[int][]byte{1: GenerateMaster()})
	good := k.SealCookie("lk", []byte("session"))
	for _, seed := range []string{"", "A", good, good[:40], good + "=", "AgAB" + good[4:], "AgAC" + good[4:], strings.Repeat("A", 5000)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		plain, err := k.OpenCookie("lk", value)
		if value == good && err == nil {
			return
		}
		if err == nil {
			t.Fatalf("a stranger's cookie opened: %q gave %q", value, plain)
		}
		if err != ErrCookie || plain != nil {
			t.Fatalf("got %q, %v", plain, err)
		}
	})
}
