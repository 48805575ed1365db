package secret

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// Standard Webhooks: the published example verifies, and nothing near it.
func TestSharedKey(t *testing.T) {
	const id, body = "msg_p5jXN8AQM9LWM0D4loKWxJek", `{"test": 2432232314}`
	at := time.Unix(1614265330, 0)
	key, err := ParseWebhookKey("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")
	if err != nil {
		t.Fatal(err)
	}
	const good = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	for _, header := range []string{good, "v1,AAAA " + good, good + " v2,x"} {
		if !key.Verifies(id, at, []byte(body), header) {
			t.Errorf("%q does not verify", header)
		}
	}
	for name, ok := range map[string]bool{
		"no header":      key.Verifies(id, at, []byte(body), ""),
		"another id":     key.Verifies(id+"x", at, []byte(body), good),
		"another time":   key.Verifies(id, at.Add(time.Second), []byte(body), good),
		"another body":   key.Verifies(id, at, []byte(body+" "), good),
		"another scheme": key.Verifies(id, at, []byte(body), strings.Replace(good, "v1", "v2", 1)),
		"no key":         WebhookKey{}.Verifies(id, at, []byte(body), WebhookKey{}.Sign(id, at, []byte(body))),
	} {
		if ok {
			t.Errorf("%s verifies", name)
		}
	}
}

func TestSharedKeyRefused(t *testing.T) {
	for _, text := range []string{"", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_MfKQ", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "whsec_****"} {
		if _, err := ParseWebhookKey(text); !errors.Is(err, ErrSharedKey) || len(text) > 6 && strings.Contains(err.Error(), text[6:]) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
