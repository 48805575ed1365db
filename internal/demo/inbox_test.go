package demo_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// Page 6 says what a signature is worth: what anybody could post is bad, and what only somebody else could check is not called good.
func TestInboxTellsSignaturesApart(t *testing.T) {
	p := newWorld(t).person()
	post := func(subscription string, headers ...string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), "POST", p.app+"/webhooks", strings.NewReader(`{"data":{},"subscription_id":"`+subscription+`","event_type":"x-claims#state-change"}`))
		p.must(err)
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		answer, err := http.DefaultClient.Do(r)
		p.must(err)
		_ = answer.Body.Close()
		if answer.StatusCode != 200 {
			t.Errorf("status %d", answer.StatusCode)
		}
	}
	_, _, body := p.get("/inbox")
	own := regexp.MustCompile(`name="subscription" value="([0-9a-f-]+)"`).FindStringSubmatch(body)
	if own == nil {
		t.Fatal("page 6 has no subscription")
	}
	standard := []string{"Webhook-Id", "d1", "Webhook-Timestamp", "1", "Webhook-Signature", "v1,AAAA"}
	post(own[1])
	post(own[1], append(standard, "X-Signature-Sha256", "AAAA")...)
	post("somebody-elses", append(standard, "X-Signature-Sha256", "not base64")...)
	_, _, body = p.get("/inbox")
	var found []string
	for _, m := range regexp.MustCompile(`data-(documented|standard)>([a-z ]+)`).FindAllStringSubmatch(body, -1) {
		found = append(found, m[1]+" "+m[2])
	}
	want := "documented bad,standard not checked,documented bad,standard bad,documented none,standard none"
	if got := strings.Join(found, ","); !strings.HasPrefix(got, want) {
		t.Errorf("newest first: %q, want %q", got, want)
	}
	if strings.Contains(body, "data-event>x-claims") {
		t.Error("what was not checked was understood")
	}
}
