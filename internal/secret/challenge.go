package secret

import (
	"crypto/sha256"
	"encoding/base64"
)

// VerifiesChallenge reports whether a code verifier belongs to an S256 challenge (RFC 7636 section 4.6). The verifier must
// be 43 to 128 unreserved characters (section 4.1): a shorter one could be guessed from the challenge.
func VerifiesChallenge(verifier, challenge string) bool {
	if len(verifier) < 43 || len(verifier) > 128 {
		return false
	}
	for _, c := range []byte(verifier) {
		unreserved := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~'
		if !unreserved {
			return false
		}
	}
	sum := sha256.Sum256([]byte(verifier))
	return Equal([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(challenge))
}
