package secret

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestRandomTextsHaveTheirForm(t *testing.T) {
	for name, test := range map[string]struct {
		draw func() string
		form string
	}{
		"Text(16)":       {func() string { return Text(16) }, `^[A-Za-z0-9_-]{22}$`},
		"UUID":           {UUID, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`},
		"TraceID":        {TraceID, `^[0-9a-f]{32}$`},
		"ClientSecret":   {ClientSecret, `^[A-Za-z0-9_-]{43}$`},
		"RecoveryCode":   {RecoveryCode, `^[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){3}$`},
		"NewTokenSecret": {NewTokenSecret, `^[A-Za-z0-9_-]{43}$`},
	} {
		form, seen := regexp.MustCompile(test.form), map[string]bool{}
		for range 2000 {
			text := test.draw()
			if !form.MatchString(text) {
				t.Fatalf("%s gave %q, not of the form %s", name, text, form)
			}
			if seen[text] {
				t.Fatalf("%s gave %q twice", name, text)
			}
			seen[text] = true
		}
	}
}

func TestBytesHaveTheirLength(t *testing.T) {
	for _, n := range []int{0, 1, 16, 32, 1000} {
		if got := len(Bytes(n)); got != n {
			t.Errorf("Bytes(%d) has %d", n, got)
		}
	}
}

// Every symbol appears at every place: a mistake in the alphabet or the encoding would leave some out. The chance that
// 2,000 fair codes miss one of 32 symbols at one of 16 places is below 1e-24.
func TestRecoveryCodesUseTheWholeAlphabet(t *testing.T) {
	var seen [recoverySymbols]map[rune]bool
	for i := range seen {
		seen[i] = map[rune]bool{}
	}
	for range 2000 {
		for i, r := range strings.ReplaceAll(RecoveryCode(), "-", "") {
			seen[i][r] = true
		}
	}
	for i := range seen {
		if len(seen[i]) != len(recoveryAlphabet) {
			t.Errorf("place %d shows %d symbols, want %d", i, len(seen[i]), len(recoveryAlphabet))
		}
	}
}

// Each digit is as likely as the others at each place: within 8 standard deviations of 100,000 draws (a fair generator
// fails this less than once in 1e13 runs).
func TestSixDigitsAreFair(t *testing.T) {
	const draws = 100_000
	var counts [6][10]int
	for range draws {
		code := SixDigits()
		if len(code) != 6 {
			t.Fatalf("got %q", code)
		}
		for i := range 6 {
			if code[i] < '0' || code[i] > '9' {
				t.Fatalf("got %q", code)
			}
			counts[i][code[i]-'0']++
		}
	}
	for place := range counts {
		for digit, n := range counts[place] {
			if n < draws/10-760 || n > draws/10+760 {
				t.Errorf("place %d shows %d %d times in %d", place, digit, n, draws)
			}
		}
	}
}

func TestNormalizeRecoveryCode(t *testing.T) {
	const good = "0123-4567-89AB-CDEF"
	for _, test := range []struct{ name, typed, want string }{
		{"as shown", good, good},
		{"small letters", "0123-4567-89ab-cdef", good},
		{"without hyphens", "0123456789ABCDEF", good},
		{"spaces for hyphens", "0123 4567 89AB CDEF", good},
		{"space round it", "  0123-4567-89AB-CDEF\t\n", good},
		{"other groups", "01-23456-789AB-CDE-F", good},
		{"no-break space", "0123\u00a04567\u00a089AB\u00a0CDEF", good},
		{"dashes of a word processor", "0123–4567—89AB‑CDEF", good},
		{"dots and brackets", "(0123).4567.[89AB].CDEF", good},
		{"O for 0", "O123-4567-89AB-CDEF", good},
		{"o for 0", "o123-4567-89AB-CDEF", good},
		{"I for 1", "0I23-4567-89AB-CDEF", good},
		{"i for 1", "0i23-4567-89AB-CDEF", good},
		{"L for 1", "0L23-4567-89AB-CDEF", good},
		{"l for 1", "0l23-4567-89AB-CDEF", good},
		{"last symbols", "GHJK-MNPQ-RSTV-WXYZ", "GHJK-MNPQ-RSTV-WXYZ"},
		{"empty", "", ""},
		{"only hyphens", "----", ""},
		{"15 symbols", "0123-4567-89AB-CDE", ""},
		{"17 symbols", "0123-4567-89AB-CDEF-0", ""},
		{"U is no symbol", "U123-4567-89AB-CDEF", ""},
		{"punctuation", "0123-4567-89AB-CDE!", ""},
		{"underscore", "0123_4567_89AB_CDEF", ""},
		{"wide digits", "０123-4567-89AB-CDEF", ""},
		{"Cyrillic A", "0123-4567-89\u0410B-CDEF", ""},
		{"long s is no S", "0123-4567-89AB-CDE\u017f", ""},
		{"Kelvin is no K", "0123-4567-89AB-CDE\u212a", ""},
		{"invalid UTF-8", "0123-4567-89AB-CDE\xff", ""},
		{"zero byte", "0123-4567-89AB-CDEF\x00", ""},
	} {
		if got := NormalizeRecoveryCode(test.typed); got != test.want {
			t.Errorf("%s: %q became %q, want %q", test.name, test.typed, got, test.want)
		}
	}
}

// However a person spoils a code in the ways that are forgiven, it is the same code.
func TestSpoiltRecoveryCodesAreForgiven(t *testing.T) {
	alike := map[byte]string{'0': "0oO", '1': "1iIlL"}
	rapid.Check(t, func(t *rapid.T) {
		code := RecoveryCode()
		var typed strings.Builder
		for i := range len(code) {
			typed.WriteString(rapid.SampledFrom([]string{"", "", " ", "-", ". "}).Draw(t, "between"))
			choices, ok := alike[code[i]]
			switch {
			case code[i] == '-':
			case ok:
				typed.WriteByte(rapid.SampledFrom([]byte(choices)).Draw(t, "alike"))
			case rapid.Bool().Draw(t, "small"):
				typed.WriteString(strings.ToLower(code[i : i+1]))
			default:
				typed.WriteByte(code[i])
			}
		}
		if got := NormalizeRecoveryCode(typed.String()); got != code {
			t.Fatalf("%q became %q, want %q", typed.String(), got, code)
		}
	})
}

func FuzzNormalizeRecoveryCode(f *testing.F) {
	for _, seed := range []string{"", "0123-4567-89AB-CDEF", "o1l2 3456 789a bcde", "\xff\xfe", "UUUU-UUUU-UUUU-UUUU", "ß123-4567-89AB-CDEF"} {
		f.Add(seed)
	}
	form := regexp.MustCompile(`^[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){3}$`)
	f.Fuzz(func(t *testing.T, typed string) {
		got := NormalizeRecoveryCode(typed)
		if got == "" {
			return
		}
		if !form.MatchString(got) || NormalizeRecoveryCode(got) != got {
			t.Fatalf("%q became %q", typed, got)
		}
		if !utf8.ValidString(typed) {
			t.Fatalf("invalid UTF-8 %q became %q", typed, got)
		}
	})
}
