package secret

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// tokenSecret is a fixed secret for tests; its last character carries four bits of content and two that must be zero.
const tokenSecret = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"

func TestParseToken(t *testing.T) {
	good := []struct {
		text string
		want Token
	}{
		{"lka_7_9_" + tokenSecret, Token{PrefixAccess, 7, 9, tokenSecret}},
		{"lkr_7_9_" + tokenSecret, Token{PrefixRefresh, 7, 9, tokenSecret}},
		{"lkc_7_9_" + tokenSecret, Token{PrefixAuthorizationCode, 7, 9, tokenSecret}},
		{"lka_0_1_" + tokenSecret, Token{PrefixAccess, 0, 1, tokenSecret}},
		{"lka_9007199254740991_9007199254740991_" + tokenSecret, Token{PrefixAccess, maxNumber, maxNumber, tokenSecret}},
		{"lka_1_2_" + strings.Repeat("_", 42) + "8", Token{PrefixAccess, 1, 2, strings.Repeat("_", 42) + "8"}},
		{"lka_1_2_" + strings.Repeat("-", 42) + "A", Token{PrefixAccess, 1, 2, strings.Repeat("-", 42) + "A"}},
	}
	for _, test := range good {
		got, ok := ParseToken(test.text)
		if !ok || got != test.want {
			t.Errorf("%s: got %+v, %t", test.text, got, ok)
		}
		if got.String() != test.text {
			t.Errorf("%s: written again as %s", test.text, got)
		}
	}
}

func TestParseTokenRefusesEveryOtherText(t *testing.T) {
	for name, text := range map[string]string{
		"empty":                    "",
		"prefix only":              "lka_",
		"no number":                "lka_7_" + tokenSecret,
		"no secret":                "lka_7_9",
		"empty secret":             "lka_7_9_",
		"unknown prefix":           "lkx_7_9_" + tokenSecret,
		"capital prefix":           "LKA_7_9_" + tokenSecret,
		"no prefix":                "7_9_" + tokenSecret,
		"space before":             " lka_7_9_" + tokenSecret,
		"line end after":           "lka_7_9_" + tokenSecret + "\n",
		"line end in the secret":   "lka_7_9_" + tokenSecret[:40] + "\n" + tokenSecret[40:],
		"42 and a line end":        "lka_7_9_" + tokenSecret[:42] + "\n",
		"leading zero account":     "lka_07_9_" + tokenSecret,
		"leading zero number":      "lka_7_09_" + tokenSecret,
		"plus":                     "lka_+7_9_" + tokenSecret,
		"minus":                    "lka_-7_9_" + tokenSecret,
		"minus zero":               "lka_-0_9_" + tokenSecret,
		"hexadecimal":              "lka_0x7_9_" + tokenSecret,
		"number 0":                 "lka_7_0_" + tokenSecret,
		"negative number":          "lka_7_-9_" + tokenSecret,
		"empty account":            "lka__9_" + tokenSecret,
		"empty number":             "lka_7__" + tokenSecret,
		"account over 2^53-1":      "lka_9007199254740992_9_" + tokenSecret,
		"number over 2^53-1":       "lka_7_9007199254740992_" + tokenSecret,
		"number over 2^64":         "lka_7_18446744073709551617_" + tokenSecret,
		"short secret":             "lka_7_9_" + tokenSecret[:42],
		"long secret":              "lka_7_9_" + tokenSecret + "A",
		"padded secret":            "lka_7_9_" + tokenSecret + "=",
		"standard alphabet":        "lka_7_9_" + tokenSecret[:42] + "+",
		"other spelling of a byte": "lka_7_9_" + tokenSecret[:42] + "9",
		"four parts":               "lka_7_9_1_" + tokenSecret,
		"Arabic digits":            "lka_٧_9_" + tokenSecret,
		"zero byte":                "lka_7_9_" + tokenSecret[:42] + "\x00",
	} {
		if got, ok := ParseToken(text); ok || got != (Token{}) {
			t.Errorf("%s: %q was read as %+v", name, text, got)
		}
	}
}

func TestTokensRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Token{
			Prefix:  rapid.SampledFrom([]string{PrefixAccess, PrefixRefresh, PrefixAuthorizationCode}).Draw(t, "prefix"),
			Account: rapid.Int64Range(0, maxNumber).Draw(t, "account"),
			Number:  rapid.Int64Range(1, maxNumber).Draw(t, "number"),
			Secret:  NewTokenSecret(),
		}
		if got, ok := ParseToken(want.String()); !ok || got != want {
			t.Fatalf("got %+v, %t; want %+v", got, ok, want)
		}
	})
}

func TestTokenIsNotLogged(t *testing.T) {
	var log bytes.Buffer
	token := Token{PrefixAccess, 7, 9, tokenSecret}
	slog.New(slog.NewTextHandler(&log, nil)).Info("refused", "token", token)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("refused", "token", token)
	if strings.Contains(log.String(), tokenSecret) || strings.Count(log.String(), "lka_7_9_[secret]") != 2 {
		t.Errorf("logged %s", &log)
	}
}

func FuzzParseToken(f *testing.F) {
	for _, seed := range []string{
		"", "lka_7_9_" + tokenSecret, "lkr_0_1_" + tokenSecret, "lkc_9007199254740991_9007199254740992_" + tokenSecret,
		"lka_07_9_" + tokenSecret, "lka_7_9_" + tokenSecret[:42] + "9", "lka_7_9_\n", "lka____", "lka_1e3_9_" + tokenSecret,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		token, ok := ParseToken(text)
		if !ok {
			if token != (Token{}) {
				t.Fatalf("%q refused with %+v", text, token)
			}
			return
		}
		if token.String() != text {
			t.Fatalf("%q is written again as %q", text, token)
		}
		if token.Account < 0 || token.Account > maxNumber || token.Number < 1 || token.Number > maxNumber || len(token.Secret) != 43 {
			t.Fatalf("%q was read as %+v", text, token)
		}
	})
}

func TestJourneyTextNamesItsPartner(t *testing.T) {
	k := keysOf(t, 1)
	seen := map[string]bool{}
	for _, partner := range []int64{1, 2, 123456789, maxNumber} {
		for range 50 {
			jid := k.NewJourneyText(partner)
			if len(jid) != 43 || seen[jid] {
				t.Fatalf("jid %q of %d characters, seen before: %t", jid, len(jid), seen[jid])
			}
			seen[jid] = true
			if got, ok := k.JourneyPartner(jid); !ok || got != partner {
				t.Fatalf("%s names partner %d, %t; want %d", jid, got, ok, partner)
			}
		}
	}
}

func TestForgedJourneyTextNamesNobody(t *testing.T) {
	k := keysOf(t, 1)
	jid := k.NewJourneyText(7)
	raw, _ := base64.RawURLEncoding.DecodeString(jid)
	forged := map[string]string{
		"empty":        "",
		"cut":          jid[:42],
		"longer":       jid + "A",
		"line end":     jid[:42] + "\n",
		"other server": keysOf(t, 2).NewJourneyText(7),
		"no MAC":       base64url(append(bytes.Clone(raw[:24]), make([]byte, 8)...)),
		"random":       Text(32),
	}
	for i := range raw {
		changed := bytes.Clone(raw)
		changed[i] ^= 1
		forged[fmt.Sprintf("byte %d changed", i)] = base64url(changed)
	}
	for _, last := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-" {
		if other := jid[:42] + string(last); other != jid {
			forged["ends in "+string(last)] = other
		}
	}
	for name, text := range forged {
		if partner, ok := k.JourneyPartner(text); ok || partner != 0 {
			t.Errorf("%s: %q names partner %d", name, text, partner)
		}
	}
}

func TestJourneyTextSurvivesRotation(t *testing.T) {
	jid := keysOf(t, 1).NewJourneyText(7)
	if partner, ok := keysOf(t, 1, 2).JourneyPartner(jid); !ok || partner != 7 {
		t.Errorf("got %d, %t", partner, ok)
	}
}
