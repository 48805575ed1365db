package demo

import (
	"errors"
	"path/filepath"
	"testing"
	"time"
)

// The test key of RFC 6238 appendix B: "12345678901234567890" in ASCII.
const rfcKey = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"

func authenticatorAt(t *testing.T, at time.Time, path string) *Authenticator {
	t.Helper()
	a, err := NewAuthenticator(path, func() time.Time { return at })
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// RFC 6238 appendix B, SHA-1, cut to six digits.
func TestAuthenticatorShowsTheCodesOfTheStandard(t *testing.T) {
	for unix, want := range map[int64]string{59: "287082", 1111111109: "081804", 1234567890: "005924", 2000000000: "279037"} {
		a := authenticatorAt(t, time.Unix(unix, 0), "")
		code, err := a.Add(rfcKey, "")
		if err != nil || code.Code != want {
			t.Errorf("at %d: code %q, want %q: %v", unix, code.Code, want, err)
		}
		if left := code.Until.Sub(time.Unix(unix, 0)); left <= 0 || left > 30*time.Second {
			t.Errorf("at %d: good for %s", unix, left)
		}
		if later := authenticatorAt(t, code.Until, ""); true {
			next, err := later.Add(rfcKey, "")
			if err != nil || next.Code != code.Next {
				t.Errorf("at %d: next %q, then %q: %v", unix, code.Next, next.Code, err)
			}
		}
	}
}

func TestAuthenticatorReadsKeysAsPasted(t *testing.T) {
	for _, pasted := range []string{
		rfcKey, "gezd gnbv gy3t qojq gezd gnbv gy3t qojq", " GEZD-GNBV-GY3T-QOJQ\nGEZD-GNBV-GY3T-QOJQ ",
		"otpauth://totp/Example%20ID:mira.kade@example.org?secret=" + rfcKey + "&issuer=Example%20ID", "OTPAUTH://totp/x?secret=" + rfcKey,
	} {
		a := authenticatorAt(t, time.Unix(59, 0), "")
		code, err := a.Add(pasted, "")
		if err != nil || code.Key != rfcKey || code.Code != "287082" {
			t.Errorf("%q: %+v: %v", pasted, code, err)
		}
	}
	for _, pasted := range []string{"", "123456", "GEZD", "not a key!", "otpauth://hotp/x?secret=" + rfcKey, "otpauth://totp/x", "https://example.org/?secret=" + rfcKey} {
		if _, err := authenticatorAt(t, time.Unix(59, 0), "").Add(pasted, ""); !errors.Is(err, ErrNotAKey) {
			t.Errorf("%q: %v, want %v", pasted, err, ErrNotAKey)
		}
	}
}

func TestAuthenticatorNamesAndKeeps(t *testing.T) {
	path := filepath.Join(t.TempDir(), "authenticator.json")
	a := authenticatorAt(t, time.Unix(59, 0), path)
	for _, add := range []struct{ key, name string }{
		{rfcKey, ""}, {rfcKey, "again"}, {"otpauth://totp/Brand:mira?secret=MFRGGZDFMZTWQ2LKNNWG23TPOA", ""}, {"NBSWY3DPEB3W64TMMQQQ", "mine"},
	} {
		if _, err := a.Add(add.key, add.name); err != nil {
			t.Fatal(err)
		}
	}
	for _, from := range []*Authenticator{a, authenticatorAt(t, time.Unix(59, 0), path)} {
		var names []string
		for _, code := range from.Codes() {
			names = append(names, code.Name)
		}
		if len(names) != 3 || names[0] != "mine" || names[1] != "Brand:mira" || names[2] != "Account 1" {
			t.Errorf("names %q", names)
		}
	}
}
