package secret

import (
	"crypto/subtle"
	"encoding/base32"
	"net/url"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
)

// appStep is the time for which an authenticator app shows one code (RFC 6238 section 4.1).
const appStep = 30 * time.Second

// appDigits is the length of an app's code.
const appDigits = 6

// AppResult says what a code from an authenticator app turned out to be.
type AppResult int

// The results of MatchApp.
const (
	// AppWrong is a code of no step near now: count it as a wrong try.
	AppWrong AppResult = iota
	// AppMatches is a code that is right and was not used before: store its step.
	AppMatches
	// AppReused is a code that is right but of a step already accepted (RFC 6238 section 5.2): somebody may have looked
	// over a shoulder. It does not sign in.
	AppReused
)

// NewAppSecret draws the secret that an authenticator app shares with the server: 20 bytes, the length of SHA-1, which
// is what the apps in people's hands support (RFC 4226 section 4, R6). Store it sealed.
func NewAppSecret() []byte { return Bytes(20) }

// AppKeyText is the secret as a person types it into an app: base32 without padding.
func AppKeyText(secret []byte) string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret)
}

// AppURI is the otpauth: address for the picture and the link of page C5. Colons in issuer and account become spaces,
// since the form uses a colon to part the two.
func AppURI(issuer, account string, secret []byte) string {
	plain := strings.NewReplacer(":", " ")
	issuer, account = plain.Replace(issuer), plain.Replace(account)
	// Apps disagree about "+" in a query; %20 is a space for all of them.
	return "otpauth://totp/" + url.PathEscape(issuer) + ":" + url.PathEscape(account) +
		"?secret=" + AppKeyText(secret) +
		"&issuer=" + strings.ReplaceAll(url.QueryEscape(issuer), "+", "%20") +
		"&algorithm=SHA1&digits=6&period=30"
}

// MatchApp compares a code with those of the step of now and one to either side, for clocks that differ by up to half a
// minute. after is the last step that was accepted for this secret, 0 where none was; each step is accepted once. step
// is the one to store, and counts only with AppMatches. The code is compared as it is: six ASCII digits.
//
// Storing the step is a conditional update (step greater than the stored one), or two requests at once both pass.
func MatchApp(secret []byte, code string, now time.Time, after int64) (step int64, result AppResult) {
	middle := appStepAt(now)
	for s := middle - 1; s <= middle+1; s++ {
		// No early exit: the time must not tell which step matched.
		if s < 0 || len(code) != appDigits || subtle.ConstantTimeCompare([]byte(appCode(secret, s)), []byte(code)) != 1 {
			continue
		}
		// Where two steps happen to share a code the later one is stored, so that the code is spent for both.
		step, result = s, AppMatches
		if s <= after {
			step, result = 0, AppReused
		}
	}
	return step, result
}

// AppCode is the code that an app shows at a time: for the sandbox's authenticator page and for tests.
func AppCode(secret []byte, now time.Time) string { return appCode(secret, appStepAt(now)) }

func appStepAt(now time.Time) int64 { return now.Unix() / int64(appStep/time.Second) }

// appCode is "" where the library refuses the secret, which matches no code of six digits.
func appCode(secret []byte, step int64) string {
	code, err := hotp.GenerateCodeCustom(AppKeyText(secret), uint64(step), hotp.ValidateOpts{
		Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1,
	})
	if err != nil {
		return ""
	}
	return code
}
