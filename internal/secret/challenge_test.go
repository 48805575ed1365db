package secret

import (
	"strings"
	"testing"
)

func TestVerifiesChallenge(t *testing.T) {
	// RFC 7636 appendix B.
	const verifier, challenge = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
	for _, test := range []struct {
		name, verifier, challenge string
		want                      bool
	}{
		{"the example of the RFC", verifier, challenge, true},
		{"longest", strings.Repeat("~", 128), s256(strings.Repeat("~", 128)), true},
		{"all marks", "-._~" + verifier, s256("-._~" + verifier), true},
		{"too long", strings.Repeat("a", 129), s256(strings.Repeat("a", 129)), false},
		{"too short", verifier[:42], s256(verifier[:42]), false},
		{"another verifier", "e" + verifier[1:], challenge, false},
		{"plain", challenge, challenge, false},
		{"challenge padded", verifier, challenge + "=", false},
		{"challenge cut", verifier, challenge[:42], false},
		{"challenge empty", verifier, "", false},
		{"both empty", "", "", false},
		{"a space", verifier + " ", s256(verifier + " "), false},
		{"a plus", verifier + "+", s256(verifier + "+"), false},
		{"not ASCII", verifier + "é", s256(verifier + "é"), false},
	} {
		if got := VerifiesChallenge(test.verifier, test.challenge); got != test.want {
			t.Errorf("%s: got %t", test.name, got)
		}
	}
}

func s256(verifier string) string { return base64url(Hash(verifier)) }
