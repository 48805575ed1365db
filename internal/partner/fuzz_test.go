package partner

import (
	"slices"
	"testing"
)

// FuzzParseScopes: scopes that are read are known ones, and are read again as the same.
func FuzzParseScopes(f *testing.F) {
	for _, text := range []string{"", "account.read", "account.read  profiles.read", "profiles.write,account.read", "openid", "account.read account.read", "\xff", "a\x00"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		scopes, err := ParseScopes(text)
		if err != nil {
			return
		}
		for _, s := range scopes {
			if !slices.Contains(AllScopes(), s) {
				t.Errorf("%q has the scope %q", text, s)
			}
		}
		if again, err := ParseScopes(FormatScopes(scopes)); err != nil || !slices.Equal(again, scopes) {
			t.Errorf("%q is %v, then %v, %v", text, scopes, again, err)
		}
	})
}
