package customer

import (
	"errors"
	"net/mail"
	"strings"
	"testing"
	"unicode/utf8"
)

var goodEmails = []string{
	"mira.kade@example.org", "a@b.co", "MIRA@EXAMPLE.ORG", "mira+treasury@example.org", "o'neil@example.org", "a/b=c?@example.org",
	"ü@bücher.example", "a@xn--bcher-kva.example", "用户@例子.广告", "a@ß.de", "mira@sub.sub.example.org", "x@1und1.de", "a\u0301@example.org",
	strings.Repeat("a", 64) + "@example.org", "a@" + strings.Repeat("b", 63) + ".org",
}

var badEmails = []string{
	"", " ", "mira", "@example.org", "mira@", "mira@example", "mira@localhost", "mira@@example.org", "mira@a@example.org",
	"mira@example.org.", "mira@.example.org", "mira@exam..ple.org", ".mira@example.org", "mira.@example.org", "mi..ra@example.org",
	"mira@-example.org", "mira@example-.org", "mira@exa_mple.org", "mira@127.0.0.1", "mira@[127.0.0.1]", "mira@[IPv6:::1]",
	"Mira Kade <mira@example.org>", "<mira@example.org>", "mira@example.org, eve@example.org", "mira@example.org;eve@example.org",
	"mira kade@example.org", "\"mira kade\"@example.org", "mira(x)@example.org", "mira\\@example.org", "mira:x@example.org",
	"mira@example.org\r\nBcc: eve@example.org", "mira\n@example.org", "mira@example.org\x00", "mira\x7f@example.org", "mira\u0085@example.org",
	"mira\xff@example.org", "mira\ufffd@example.org", "mira\u00a0kade@example.org", "mi\u200bra@example.org", "mi\u202era@example.org",
	"mi\u00adra@example.org", "mira@exa\u00admple.org", "mira@exa\u200bmple.org", "\ufeffmira@example.org", "mi\u2028ra@example.org",
	strings.Repeat("a", 65) + "@example.org", "a@" + strings.Repeat("b", 64) + ".org",
	"a@" + strings.Repeat("b23456789.", 25) + "example", // 259 octets
	"mira@" + strings.Repeat("ü", 60) + ".example",      // more than 63 as ASCII
	"mira@xn--a.example", "\u212aade@example.org", "m\u0130ra@example.org", "mira\u037eeve@example.org", "mira\u1fef@example.org",
}

func TestCheckEmail(t *testing.T) {
	for _, text := range goodEmails {
		if got, err := CheckEmail("  " + text + "\t"); err != nil || got != text {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	for _, text := range badEmails {
		if got, err := CheckEmail(text); !errors.Is(err, ErrNotAnAddress) || got != "" {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	at := "a@" + strings.Repeat("b23456789.", 24) + "example.org"
	if len(at) != 253 {
		t.Fatal(len(at))
	}
	if _, err := CheckEmail("a" + at); err != nil {
		t.Errorf("254 octets: %v", err)
	}
	if _, err := CheckEmail("aa" + at); err == nil {
		t.Error("255 octets are taken")
	}
}

func TestFoldEmail(t *testing.T) {
	for _, same := range [][]string{
		{"mira.kade@example.org", "Mira.Kade@EXAMPLE.org", "  mira.kade@example.org ", "mira.kade@example。org", "mira.kade@ｅｘａｍｐｌｅ.org"},
		{"jose\u0301@example.org", "josé@example.org", "JOSE\u0301@example.org", "JOSÉ@EXAMPLE.ORG"},
		{"a@bücher.example", "a@BÜCHER.example", "a@bu\u0308cher.example", "a@xn--bcher-kva.example", "a@XN--BCHER-KVA.example"},
		{"k@example.org", "K@example.org", "\u212a@example.org"}, // the last is the sign for kelvin
	} {
		for _, text := range same {
			if FoldEmail(text) != FoldEmail(same[0]) || !SameEmail(text, same[0]) {
				t.Errorf("%q folds to %q, %q to %q", text, FoldEmail(text), same[0], FoldEmail(same[0]))
			}
		}
	}
	// Guessing at a provider's habits would let one person stand for another.
	for _, other := range []string{"mirakade@example.org", "mira.kade+x@example.org", "mira.kade@example.com", "mira.kade@sub.example.org",
		"mirа.kade@example.org" /* a Cyrillic letter */, "mira.kade", "", "mira.kade@example.org.evil.example"} {
		if SameEmail("mira.kade@example.org", other) {
			t.Errorf("%q is taken for another address", other)
		}
	}
}

func TestMaskEmail(t *testing.T) {
	stars := strings.Repeat("*", 20)
	for text, want := range map[string]string{
		"mira.kade@example.org": "mi" + stars + "@example.org", "mi@example.org": "mi" + stars + "@example.org",
		"m@example.org": "m" + stars + "@example.org", "用户名@example.org": "用户" + stars + "@example.org",
		"not an address": "no" + stars, "": stars, "@example.org": stars + "@example.org",
	} {
		if got := MaskEmail(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// FuzzCheckEmail: what is taken can stand in a mail header and be looked up again.
func FuzzCheckEmail(f *testing.F) {
	for _, text := range append(goodEmails, badEmails...) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		FoldEmail(text) // whatever it is
		MaskEmail(text)
		got, err := CheckEmail(text)
		if err != nil {
			if got != "" {
				t.Fatalf("%q is refused and %q returned", text, got)
			}
			return
		}
		if !utf8.ValidString(got) || len(got) > 254 || strings.ContainsAny(got, "\r\n\t \x00<>,;\"") || strings.Count(got, "@") != 1 {
			t.Fatalf("%q is taken as %q", text, got)
		}
		if again, err := CheckEmail(got); err != nil || again != got {
			t.Fatalf("%q is not taken again: %q, %v", got, again, err)
		}
		folded := FoldEmail(got)
		if twice := FoldEmail(folded); twice != folded {
			t.Fatalf("%q folds to %q and then to %q", got, folded, twice)
		}
		local, domain, _ := strings.Cut(folded, "@")
		if local == "" || strings.ContainsFunc(domain, func(r rune) bool { return r >= utf8.RuneSelf || r >= 'A' && r <= 'Z' }) {
			t.Fatalf("%q folds to %q", got, folded)
		}
		if _, err := mail.ParseAddress(folded); err != nil {
			t.Fatalf("%q cannot be sent to: %v", folded, err)
		}
	})
}
