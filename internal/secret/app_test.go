package secret

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp"
	"pgregory.net/rapid"
)

// appSecret is the secret of the examples in RFC 4226 and RFC 6238.
var appSecret = []byte("12345678901234567890")

func at(seconds int64) time.Time { return time.Unix(seconds, 0).UTC() }

// RFC 4226 appendix D: the first ten codes of the secret.
func TestAppCodesOfRFC4226(t *testing.T) {
	for step, want := range []string{
		"755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489",
	} {
		if got := AppCode(appSecret, at(int64(step)*30)); got != want {
			t.Errorf("step %d: %s, want %s", step, got, want)
		}
	}
}

// RFC 6238 appendix B, the last six of its eight digits.
func TestAppCodesOfRFC6238(t *testing.T) {
	for seconds, want := range map[int64]string{
		59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130",
	} {
		if got := AppCode(appSecret, at(seconds)); got != want {
			t.Errorf("at %d: %s, want %s", seconds, got, want)
		}
		if step, result := MatchApp(appSecret, want, at(seconds), 0); result != AppMatches || step != seconds/30 {
			t.Errorf("at %d: step %d, result %d", seconds, step, result)
		}
	}
}

// A code is good from 30 s before its step until 30 s after it, to the millisecond.
func TestAppCodeWindow(t *testing.T) {
	const step = 60_000_000
	code := AppCode(appSecret, at(step*30))
	for _, test := range []struct {
		name string
		now  time.Time
		want AppResult
	}{
		{"1 ms before the step before", at((step - 1) * 30).Add(-time.Millisecond), AppWrong},
		{"as the step before begins", at((step - 1) * 30), AppMatches},
		{"1 ms before the step", at(step * 30).Add(-time.Millisecond), AppMatches},
		{"as the step begins", at(step * 30), AppMatches},
		{"as the next step begins", at((step + 1) * 30), AppMatches},
		{"1 ms before the next step ends", at((step + 2) * 30).Add(-time.Millisecond), AppMatches},
		{"as the next step ends", at((step + 2) * 30), AppWrong},
	} {
		got, result := MatchApp(appSecret, code, test.now, 0)
		want := int64(0)
		if test.want == AppMatches {
			want = step
		}
		if result != test.want || got != want {
			t.Errorf("%s: step %d, result %d", test.name, got, result)
		}
	}
}

// Each step is accepted once, and none before it is accepted after it.
func TestAppCodeIsAcceptedOnce(t *testing.T) {
	const step = 60_000_000
	now := at(step * 30)
	for _, test := range []struct {
		name       string
		of, after  int64
		wantStep   int64
		wantResult AppResult
	}{
		{"first use", step, 0, step, AppMatches},
		{"after the step before", step, step - 1, step, AppMatches},
		{"again", step, step, 0, AppReused},
		{"after a later step", step, step + 1, 0, AppReused},
		{"the step before, after it", step - 1, step, 0, AppReused},
		{"the next step, after it", step + 1, step, step + 1, AppMatches},
		{"two steps before", step - 2, 0, 0, AppWrong},
		{"two steps before, used", step - 2, step, 0, AppWrong},
	} {
		code := AppCode(appSecret, at(test.of*30))
		got, result := MatchApp(appSecret, code, now, test.after)
		if got != test.wantStep || result != test.wantResult {
			t.Errorf("%s: step %d, result %d", test.name, got, result)
		}
	}
}

// The steps 910737 and 910738 of the secret show the same code. Accepting it once spends it for both.
func TestEqualCodesOfTwoSteps(t *testing.T) {
	now := at(910737 * 30)
	code := AppCode(appSecret, now)
	if code != "911617" || code != AppCode(appSecret, now.Add(30*time.Second)) {
		t.Fatalf("the example is wrong: %s", code)
	}
	step, result := MatchApp(appSecret, code, now, 0)
	if result != AppMatches || step != 910738 {
		t.Fatalf("step %d, result %d; want the later step", step, result)
	}
	for range 3 {
		now = now.Add(15 * time.Second)
		if _, result := MatchApp(appSecret, code, now, step); result != AppReused {
			t.Errorf("the same code again at %v: result %d", now, result)
		}
	}
	if step, result := MatchApp(appSecret, code, at(910737*30), 910737); result != AppMatches || step != 910738 {
		t.Errorf("after the earlier step: step %d, result %d", step, result)
	}
}

func TestWrongAppCodes(t *testing.T) {
	now := at(1111111109)
	for _, code := range []string{"", "0", "081805", "81804", "0081804", "08180", "08180a", " 081804", "081804 ", "081 804", "07081804", "٠٨١٨٠٤", "\x00\x00\x00\x00\x00\x00"} {
		if step, result := MatchApp(appSecret, code, now, 0); result != AppWrong || step != 0 {
			t.Errorf("%q: step %d, result %d", code, step, result)
		}
	}
	if _, result := MatchApp([]byte("another secret of 20"), "081804", now, 0); result != AppWrong {
		t.Errorf("another secret: result %d", result)
	}
	for _, early := range []time.Time{at(0), at(-1), at(-90), {}} {
		if step, _ := MatchApp(appSecret, "000000", early, 0); step < 0 {
			t.Errorf("at %v: step %d", early, step)
		}
	}
}

func TestAppCodeMatchesWheneverItIsShown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secret := NewAppSecret()
		now := time.UnixMilli(rapid.Int64Range(60_000, 1<<42).Draw(t, "now"))
		skew := time.Duration(rapid.Int64Range(-30_000, 30_000).Draw(t, "skew")) * time.Millisecond
		step, result := MatchApp(secret, AppCode(secret, now.Add(skew)), now, 0)
		if result != AppMatches || step < now.Unix()/30-1 || step > now.Unix()/30+1 {
			t.Fatalf("at %v, skew %v: step %d, result %d", now, skew, step, result)
		}
	})
}

func TestAppSecretText(t *testing.T) {
	if got := AppKeyText(appSecret); got != "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ" {
		t.Errorf("got %s", got)
	}
	a, b := NewAppSecret(), NewAppSecret()
	if len(a) != 20 || string(a) == string(b) {
		t.Errorf("got %x and %x", a, b)
	}
}

func TestAppURI(t *testing.T) {
	for _, test := range []struct{ issuer, account, want string }{
		{"Latchkey", "mira.kade@example.org",
			"otpauth://totp/Latchkey:mira.kade@example.org?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Latchkey&algorithm=SHA1&digits=6&period=30"},
		{"Acme Treasury: EU", "a+b@example.org",
			"otpauth://totp/Acme%20Treasury%20%20EU:a+b@example.org?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Acme%20Treasury%20%20EU&algorithm=SHA1&digits=6&period=30"},
		{"A&B?#/%", "ü@example.org",
			"otpauth://totp/A&B%3F%23%2F%25:%C3%BC@example.org?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=A%26B%3F%23%2F%25&algorithm=SHA1&digits=6&period=30"},
	} {
		got := AppURI(test.issuer, test.account, appSecret)
		if got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
		key, err := otp.NewKeyFromURL(got)
		if err != nil {
			t.Fatalf("%s: %v", got, err)
		}
		issuer := strings.ReplaceAll(test.issuer, ":", " ")
		if key.Issuer() != issuer || key.AccountName() != test.account || key.Secret() != AppKeyText(appSecret) || key.Period() != 30 {
			t.Errorf("%s is read as %q, %q, %q", got, key.Issuer(), key.AccountName(), key.Secret())
		}
		if u, err := url.Parse(got); err != nil || fmt.Sprint(u.Query()["digits"]) != "[6]" || u.Host != "totp" {
			t.Errorf("%s: %v", got, err)
		}
	}
}
