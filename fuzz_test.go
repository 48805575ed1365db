package latchkey

import (
	"net/http"
	"testing"
	"time"
)

// FuzzNotification: whoever posts to a partner's receiver is not believed without a signature, whatever the headers and the body
// are, and nothing of it panics.
func FuzzNotification(f *testing.F) {
	good := `{"data":{},"subscription_id":"s1","event_type":"x-claims#state-change","schema_version":"4.0.0","sent_at":"2026-11-22T09:00:00Z"}`
	for _, body := range []string{good, "", "null", `{"subscription_id":7}`, "\xff"} {
		f.Add(body, "v1,AAAA", "AAAA", "1795000000", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")
	}
	f.Add(good, "v1, v1,,", "=", "-1", "")
	f.Fuzz(func(t *testing.T, body, standard, documented, at, keys string) {
		read, err := ParseWebhookKeys([]byte(keys))
		if err == nil && len(read.keys) == 0 {
			t.Error("no key is read as some")
		}
		rc := Receiver{Secrets: map[string]Secret{"s1": "whsec_a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5"}, Keys: read, Now: func() time.Time { return time.Unix(1_795_000_000, 0) }}
		for _, h := range []http.Header{
			{"Webhook-Id": {"i"}, "Webhook-Timestamp": {at}, "Webhook-Signature": {standard}}, {"X-Signature-Sha256": {documented}}, {},
		} {
			if _, err := rc.Check(h, []byte(body)); err == nil {
				t.Errorf("%q with %v is believed", body, h)
			}
		}
	})
}
