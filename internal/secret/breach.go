package secret

import (
	"crypto/sha1" //nolint:gosec // the lists of leaked passwords are kept by it; nothing is protected by it here
	"encoding/hex"
	"strings"
)

// breachPrefix is how much of a digest is asked for: a list holds hundreds of passwords under each, so whoever keeps it learns
// next to nothing of the one that is meant.
const breachPrefix = 5

// BreachDigest is a password's SHA-1 in capital hex digits, in the two parts by which range look-ups of leaked passwords are
// made: prefix is sent, rest is looked for in the answer and never leaves this process. It is for that alone: a SHA-1 keeps no
// password secret.
func BreachDigest(password string) (prefix, rest string) {
	sum := sha1.Sum([]byte(password)) //nolint:gosec // see the import
	text := strings.ToUpper(hex.EncodeToString(sum[:]))
	return text[:breachPrefix], text[breachPrefix:]
}
