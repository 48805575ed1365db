package audit

import (
	"strings"
	"testing"
)

// FuzzParsePlace: a place that is read is the one that it is written as.
func FuzzParsePlace(f *testing.F) {
	for _, text := range []string{"", "1:" + strings.Repeat("ab", 32), "0:" + strings.Repeat("ab", 32), "-1:", "9223372036854775808:00", "1:" + strings.Repeat("AB", 32), "1:1:1", "+1:" + strings.Repeat("00", 32)} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		link, err := ParsePlace(text)
		if err != nil {
			return
		}
		if again, err := ParsePlace(link.String()); err != nil || again.Number != link.Number || string(again.Hash) != string(link.Hash) {
			t.Errorf("%q is %s, then %s, %v", text, link, again, err)
		}
	})
}
