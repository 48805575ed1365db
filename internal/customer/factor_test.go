package customer

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/secret"
)

var sixDigits = map[string]string{
	"123456": "123456", " 123 456 ": "123456", "123-456": "123456", "123.456": "123456", "(123) 456": "123456", "[123]456": "123456",
	"1 2 3 4 5 6": "123456", "123\u00a0456": "123456", "123\u2009456\n": "123456", "123\u202f456": "123456", "\t000000": "000000",
	"１２３４５６": "123456", "１２３456": "123456",
}

func TestCleanSixDigits(t *testing.T) {
	for text, want := range sixDigits {
		if got, err := CleanSixDigits(text); err != nil || got != want {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"", " ", "\t\n", "- -", "()"} {
		if got, err := CleanSixDigits(text); !errors.Is(err, ErrCodeEmpty) || got != "" {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"12345", "1234567", "12345a", "a123456", "123456x", "one", "١٢٣٤٥٦", "12345\x00", "12345\xff", "1e5000",
		"+12345", "12345６７", "½23456", "xxxxxx", strings.Repeat("1", 1<<16)} {
		if got, err := CleanSixDigits(text); !errors.Is(err, ErrCodeFormat) || got != "" {
			t.Errorf("%.20q: %q, %v", text, got, err)
		}
	}
}

func FuzzCleanSixDigits(f *testing.F) {
	for text := range sixDigits {
		f.Add(text)
	}
	f.Add("x１\xff")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := CleanSixDigits(text)
		if (err != nil) != (got == "") {
			t.Fatalf("%q: %q, %v", text, got, err)
		}
		if err == nil && (len(got) != 6 || strings.Trim(got, "0123456789") != "") {
			t.Fatalf("%q is taken as %q", text, got)
		}
		if again, twice := CleanSixDigits(got); err == nil && (again != got || twice != nil) {
			t.Fatalf("%q is taken as %q and then as %q", text, got, again)
		}
	})
}

// TestAnAppsCodeIsTakenOnce: each step once, for each app by itself, and the value before is not touched.
func TestAnAppsCodeIsTakenOnce(t *testing.T) {
	one, two := []byte("twenty bytes for one."), []byte("twenty bytes for two.")
	before := Credentials{Apps: []App{{ID: 1, Secret: one}, {ID: 2, Secret: two}}}
	code := secret.AppCode(one, today)
	after, err := before.UseApp(code, today)
	if err != nil || after.Apps[0].LastStep == 0 || after.Apps[0].LastUsedAt != today || before.Apps[0].LastStep != 0 || after.Apps[1].LastStep != 0 {
		t.Fatalf("%v, %+v", err, after.Apps)
	}
	if _, err := after.UseApp(code, today); !errors.Is(err, ErrCodeReused) {
		t.Errorf("the same code again: %v", err)
	}
	if _, err := after.UseApp(secret.AppCode(one, today.Add(-30*time.Second)), today); !errors.Is(err, ErrCodeReused) {
		t.Errorf("the code before it: %v", err)
	}
	next, err := after.UseApp(secret.AppCode(one, today.Add(30*time.Second)), today)
	if err != nil || next.Apps[0].LastStep != after.Apps[0].LastStep+1 {
		t.Errorf("the next code: %v", err)
	}
	if _, err := after.UseApp(secret.AppCode(two, today), today); err != nil {
		t.Errorf("the other app: %v", err)
	}
	for _, wrong := range []string{secret.AppCode(one, today.Add(2*time.Minute)), secret.AppCode(one, today.Add(-2*time.Minute)), "", "12345", "1234567"} {
		if got, err := before.UseApp(wrong, today); !errors.Is(err, ErrCodeWrong) || got.Apps[0].LastStep != 0 {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	if _, err := (Credentials{}).UseApp(code, today); !errors.Is(err, ErrCodeWrong) {
		t.Errorf("without an app: %v", err)
	}
}

func TestRecoveryCodesAreTenAndDigested(t *testing.T) {
	keys := testKeys(t)
	texts, codes := NewRecoveryCodes(keys, 7)
	if len(texts) != RecoveryCodeCount || len(codes) != RecoveryCodeCount {
		t.Fatalf("%d texts, %d codes", len(texts), len(codes))
	}
	seen := map[string]bool{}
	for i, text := range texts {
		if seen[text] || len(text) != 19 || strings.Contains(string(codes[i].Digest), text) || len(codes[i].Digest) != 32 {
			t.Errorf("code %d: %q", i, text)
		}
		seen[text] = true
	}
	c := Credentials{PasswordHash: "x", Apps: []App{{}}, Recovery: codes}
	if !c.Complete() {
		t.Error("not complete")
	}
	for name, less := range map[string]Credentials{"password": {Apps: c.Apps, Recovery: codes}, "second step": {PasswordHash: "x", Recovery: codes},
		"recovery codes": {PasswordHash: "x", Apps: c.Apps}, "one recovery code": {PasswordHash: "x", Apps: c.Apps, Recovery: codes[1:]}} {
		if less.Complete() {
			t.Errorf("complete without its %s (I4)", name)
		}
	}
}
