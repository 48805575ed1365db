package demo

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey"
)

// TestLateSignatures: a signature that fits is late after five minutes, as it is when the sandbox's clock was moved while a notification was under
// way; one that does not fit is bad at any time.
func TestLateSignatures(t *testing.T) {
	key := []byte("0123456789abcdef0123456789abcdef")
	now := time.Unix(1_800_000_000, 0)
	s := &site{App: &App{Now: func() time.Time { return now },
		inbox: []inboxSubscription{{ID: "own", Secret: latchkey.Secret("whsec_" + base64.StdEncoding.EncodeToString(key))}}}}
	body := []byte(`{"subscription_id":"own"}`)
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "d1.%d.%s", now.Unix(), body)
	fits := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	sent := now
	for _, c := range []struct {
		after     time.Duration
		signature string
		want      string
	}{
		{0, fits, "good"}, {5 * time.Minute, fits, "good"}, {5*time.Minute + time.Second, fits, "late"},
		{0, "v1,AAAA", "bad"}, {time.Hour, "v1,AAAA", "bad"}, {0, "", "none"},
	} {
		now = sent.Add(c.after)
		r := &http.Request{Header: http.Header{"Webhook-Id": {"d1"}, "Webhook-Timestamp": {fmt.Sprint(sent.Unix())}, "Webhook-Signature": {c.signature}}}
		if got := s.standard(r, body); got != c.want {
			t.Errorf("%s after %s is %q, want %q", c.signature, c.after, got, c.want)
		}
	}
}
