package secret

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"
)

// Bytes draws n random bytes.
func Bytes(n int) []byte {
	b := make([]byte, n)
	fill(b)
	return b
}

// Text draws n random bytes and writes them as base64url without padding: A-Z a-z 0-9 _ -. Its length is 4n/3, rounded up.
func Text(n int) string { return base64.RawURLEncoding.EncodeToString(Bytes(n)) }

// UUID draws a version 4 UUID (RFC 9562 section 5.4) in lower case: 122 random bits, as a claim code needs them.
func UUID() string {
	b := Bytes(16)
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	t := hex.EncodeToString(b)
	return t[:8] + "-" + t[8:12] + "-" + t[12:16] + "-" + t[16:20] + "-" + t[20:]
}

// TraceID draws a reference of 32 lower-case hexadecimal digits, never all zero (W3C Trace Context, trace-id). It names
// a request in the log and on an error page; it is no secret.
func TraceID() string {
	for {
		b := Bytes(16)
		if binary.BigEndian.Uint64(b)|binary.BigEndian.Uint64(b[8:]) != 0 {
			return hex.EncodeToString(b)
		}
	}
}

// SixDigits draws a code to be typed from a mail: "000000" to "999999", each equally likely (a plain remainder would
// favour some codes). With a million of them only counted tries protect the code; store its keyed digest.
func SixDigits() string {
	const limit = 1 << 32 / 1_000_000 * 1_000_000
	for {
		n := binary.BigEndian.Uint32(Bytes(4))
		if n < limit {
			return fmt.Sprintf("%06d", n%1_000_000)
		}
	}
}

// ClientSecret draws the secret of a partner's client: 256 bits in 43 characters of A-Z a-z 0-9 _ -. Clients disagree
// about form-encoding Basic credentials (RFC 6749 section 2.3.1); these characters are the same in every encoding.
func ClientSecret() string { return Text(32) }

// recoveryAlphabet has 32 symbols; I, L, O and U are left out, so that no symbol is mistaken for another or makes a word.
const recoveryAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// recoverySymbols is the number of symbols in a recovery code: 16 of 5 bits are 80 bits (design 10.15).
const recoverySymbols = 16

// RecoveryCode draws a one-use recovery code, XXXX-XXXX-XXXX-XXXX: 80 random bits in 16 symbols of 0-9 and A-Z without
// I, L, O and U.
func RecoveryCode() string {
	encoding := base32.NewEncoding(recoveryAlphabet).WithPadding(base32.NoPadding)
	return groupRecovery(encoding.EncodeToString(Bytes(recoverySymbols * 5 / 8)))
}

func groupRecovery(symbols string) string {
	return symbols[:4] + "-" + symbols[4:8] + "-" + symbols[8:12] + "-" + symbols[12:]
}

// NormalizeRecoveryCode brings a recovery code as a person typed it into the form that RecoveryCode made: spaces,
// hyphens, dots and brackets are dropped, small letters raised, O read as 0, I and L as 1. What cannot be a recovery code
// gives "". Digest only the result.
func NormalizeRecoveryCode(typed string) string {
	var symbols []byte
	for _, r := range typed {
		if unicode.IsSpace(r) || unicode.In(r, unicode.Pd, unicode.Ps, unicode.Pe) || r == '.' {
			continue
		}
		symbol, ok := recoverySymbol(r)
		if !ok || len(symbols) == recoverySymbols {
			return ""
		}
		symbols = append(symbols, symbol)
	}
	if len(symbols) != recoverySymbols {
		return ""
	}
	return groupRecovery(string(symbols))
}

func recoverySymbol(r rune) (byte, bool) {
	if r >= 'a' && r <= 'z' {
		r -= 'a' - 'A'
	}
	switch r {
	case 'O':
		return '0', true
	case 'I', 'L':
		return '1', true
	}
	if r > unicode.MaxASCII || !strings.ContainsRune(recoveryAlphabet, r) {
		return 0, false
	}
	return byte(r), true
}

// decode64 reads base64url without padding, and only the one text that encoding the result gives again: a second text
// for the same bytes would pass every check and still look like a different secret to a table or a log.
func decode64(text string) ([]byte, error) {
	if strings.ContainsAny(text, "\r\n") { // the decoder skips line ends
		return nil, base64.CorruptInputError(0)
	}
	return base64.RawURLEncoding.Strict().DecodeString(text)
}
