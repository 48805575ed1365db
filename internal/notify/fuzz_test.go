package notify

import (
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// answering is a network on which everybody gives one answer.
type answering struct{ body string }

func (a answering) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Request: r, Body: io.NopCloser(strings.NewReader(a.body))}, nil
}

// FuzzBreaches: whatever the list of leaked passwords answers, a password is called leaked only by its own line in it.
func FuzzBreaches(f *testing.F) {
	prefix, rest := secret.BreachDigest("seven grey ducks ate my exam")
	for _, body := range []string{"", rest + ":3", strings.ToLower(rest) + ":3\r\n", rest + ":0", rest + ":000", rest, ":", strings.Repeat("0", 35) + ":7\n\n", "<html>", strings.Repeat("A", 70_000), "\x00"} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		b := NewBreaches("http://leaks.example/range/", slog.New(slog.DiscardHandler))
		b.client = &http.Client{Transport: answering{body}}
		listed, err := b.ask(t.Context(), prefix, rest)
		if listed && (err != nil || !strings.Contains(strings.ToUpper(body), rest+":")) {
			t.Errorf("%q lists it: %v", body, err)
		}
	})
}

// FuzzVerdict: an answer of the operator's own system counts only when it is signed for the question, of now, about this profile.
func FuzzVerdict(f *testing.F) {
	key, err := secret.ParseWebhookKey("whsec_a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5")
	if err != nil {
		f.Fatal(err)
	}
	now := time.Unix(1_795_000_000, 0)
	good := `{"question":"q1","profile":7,"edition":2,"decision":"verified"}`
	for _, body := range []string{good, strings.Replace(good, "verified", "pending", 1), strings.Replace(good, "7", "8", 1), "", "null", "[]", `{"question":"q1","question":"q2"}`, strings.Repeat(" ", 1<<16) + good} {
		f.Add(body, "q1", "1795000000", true)
		f.Add(body, "q2", "x", false)
	}
	f.Fuzz(func(t *testing.T, body, id, at string, signs bool) {
		v := &Verifier{key: key, now: func() time.Time { return now }}
		q := customer.Question{ID: "q1"}
		q.Profile.ID, q.Profile.Edition = 7, 2
		signature := "v1,forged"
		if seconds, err := strconv.ParseInt(at, 10, 64); err == nil && signs {
			signature = key.Sign(id, time.Unix(seconds, 0), []byte(body))
		}
		got := &http.Response{Header: http.Header{"Webhook-Id": {id}, "Webhook-Timestamp": {at}, "Webhook-Signature": {signature}}, Body: io.NopCloser(strings.NewReader(body))}
		if decision, err := v.check(q, got); err == nil && (!signs || id != "q1" || decision == "" || !strings.Contains(body, "q1")) {
			t.Errorf("%q decides %s", body, decision)
		}
	})
}
