package customer

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-id/latchkey/internal/secret"
)

// RecoveryCodeCount is how many recovery codes an account has (journey C7).
const RecoveryCodeCount = 10

// What may be wrong with a six-digit code.
var (
	ErrCodeEmpty  = errors.New("code is empty")
	ErrCodeFormat = errors.New("code does not have six digits")
	ErrCodeWrong  = errors.New("code does not match")
	ErrCodeReused = errors.New("code was used already")
)

// CleanSixDigits drops what people and programs put between digits (journey section 2) and checks that six are left.
func CleanSixDigits(text string) (string, error) {
	text = strings.Map(digitRune, text)
	switch {
	case text == "":
		return "", ErrCodeEmpty
	case len(text) != 6 || strings.Contains(text, "x"):
		return "", ErrCodeFormat
	}
	return text, nil
}

// digitRune keeps a digit, drops (-1) what stands between digits and marks all else.
func digitRune(r rune) rune {
	switch {
	case r >= '0' && r <= '9':
		return r
	case strings.ContainsRune(" \t\r\n-.()[]\u00a0\u2009\u202f", r):
		return -1
	case r >= '\uff10' && r <= '\uff19': // full-width digits of Asian keyboards
		return r - '\uff10' + '0'
	}
	return 'x'
}

// UseApp accepts a code of one of the apps, each time step once (RFC 6238 section 5.2: a code seen over a shoulder is
// worth nothing a second time). It returns the credentials with the step spent.
func (c Credentials) UseApp(code string, now time.Time) (Credentials, error) {
	apps := append([]App(nil), c.Apps...)
	refusal := ErrCodeWrong
	for i := range apps {
		step, result := secret.MatchApp(apps[i].Secret, code, now, apps[i].LastStep)
		switch result {
		case secret.AppMatches:
			apps[i].LastStep, apps[i].LastUsedAt = step, now
			c.Apps = apps
			return c, nil
		case secret.AppReused:
			refusal = ErrCodeReused
		}
	}
	return c, refusal
}

// NewRecoveryCodes draws ten codes. The texts are for the customer's eyes; the digests are what is kept.
func NewRecoveryCodes(keys *secret.Keys, account AccountID) (texts []string, codes []RecoveryCode) {
	version := keys.DigestVersion() // once: it may change between two calls
	for len(texts) < RecoveryCodeCount {
		text := secret.RecoveryCode()
		digest, _ := keys.DigestWith(version, secret.PurposeRecovery, strconv.FormatInt(int64(account), 10), secret.NormalizeRecoveryCode(text))
		texts = append(texts, text)
		codes = append(codes, RecoveryCode{Digest: digest, Version: version})
	}
	return texts, codes
}
