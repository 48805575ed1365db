package latchkey

import (
	"bytes"
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	hookBody   = `{"data":{"resource":{"type":"user","id":4410027},"current_state":"claimed","occurred_at":"2031-02-03T04:05:06.789Z","profile_id":70010001,"sequence":3},"subscription_id":"7b0f7e4e-1c0b-4a8e-9f02-0b0f5b1a2c3d","event_type":"x-claims#state-change","schema_version":"4.0.0","sent_at":"2031-02-03T04:05:06.789Z"}`
	hookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	hookID     = "7b0f7e4e-1c0b-4a8e-9f02-0b0f5b1a2c3d"
)

var hookKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func hookPEM(t *testing.T, keys ...any) []byte {
	t.Helper()
	var text []byte
	for _, key := range keys {
		der, err := x509.MarshalPKIXPublicKey(key)
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})...)
	}
	return text
}

func hookSignature(t *testing.T, body string) string {
	t.Helper()
	sum := sha256.Sum256([]byte(body))
	signature, err := rsa.SignPKCS1v15(nil, hookKey(), crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(signature)
}

// hookHeaders are those of a notification of ours, signed both ways at noon.
func hookHeaders(t *testing.T, body string) http.Header {
	t.Helper()
	key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(hookSecret, "whsec_"))
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%d.%s", "delivery-1", noon.Unix(), body)
	h := http.Header{}
	h.Set("X-Delivery-Id", "delivery-1")
	h.Set("X-Signature-SHA256", hookSignature(t, body))
	h.Set("Webhook-Id", "delivery-1")
	h.Set("Webhook-Timestamp", fmt.Sprint(noon.Unix()))
	h.Set("Webhook-Signature", "v1a,abc v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return h
}

func TestReceiver(t *testing.T) {
	keys, err := ParseWebhookKeys(hookPEM(t, &hookKey().PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	both := Receiver{Keys: keys, Secrets: map[string]Secret{hookID: hookSecret}, Now: func() time.Time { return noon.Add(4 * time.Minute) }}
	for name, rc := range map[string]Receiver{"both": both, "keys": {Keys: keys}, "secret": {Secrets: both.Secrets, Now: both.Now}} {
		r := httptest.NewRequest("POST", "/hooks", strings.NewReader(hookBody))
		r.Header = hookHeaders(t, hookBody)
		n, err := rc.Read(r)
		if err != nil || n.DeliveryID != "delivery-1" || n.Test || n.Type != EventClaims || n.Schema != "4.0.0" || !n.SentAt.Equal(noon) {
			t.Fatalf("%s: %+v, %v", name, n, err)
		}
		c, err := n.Change()
		if err != nil || c.State != "claimed" || c.Resource != (EventResource{"user", 4410027}) || c.ProfileID != 70010001 || c.Sequence != 3 || !c.OccurredAt.Equal(noon) {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
	for name, c := range map[string]struct {
		rc     Receiver
		change func(http.Header)
		body   string
		want   error
	}{
		"written anew":          {both, nil, strings.ReplaceAll(hookBody, ":{", ": {"), ErrSignature},
		"written anew, keys":    {Receiver{Keys: keys}, nil, strings.ReplaceAll(hookBody, ":{", ": {"), ErrSignature},
		"another secret":        {Receiver{Keys: keys, Secrets: map[string]Secret{hookID: "whsec_" + Secret(strings.Repeat("A", 32))}, Now: both.Now}, nil, hookBody, ErrSignature},
		"an empty secret":       {Receiver{Keys: keys, Secrets: map[string]Secret{hookID: ""}, Now: both.Now}, nil, hookBody, ErrSignature},
		"no secret and no keys": {Receiver{}, nil, hookBody, ErrSignature},
		"another id":            {both, func(h http.Header) { h.Set("Webhook-Id", "delivery-2") }, hookBody, ErrSignature},
		"a later time":          {both, func(h http.Header) { h.Set("Webhook-Timestamp", fmt.Sprint(noon.Unix()+1)) }, hookBody, ErrSignature},
		"no time":               {both, func(h http.Header) { h.Del("Webhook-Timestamp") }, hookBody, ErrSignature},
		"another form": {both, func(h http.Header) {
			h.Set("Webhook-Signature", strings.ReplaceAll(h.Get("Webhook-Signature"), "v1,", "v2,"))
		}, hookBody, ErrSignature},
		"nothing in the header":   {Receiver{Keys: keys}, func(h http.Header) { h.Del("X-Signature-SHA256") }, hookBody, ErrSignature},
		"no Base64 in the header": {Receiver{Keys: keys}, func(h http.Header) { h.Set("X-Signature-SHA256", "?") }, hookBody, ErrSignature},
		"too old":                 {Receiver{Secrets: both.Secrets, Now: func() time.Time { return noon.Add(6 * time.Minute) }}, nil, hookBody, ErrStale},
		"of the future":           {Receiver{Secrets: both.Secrets, Now: func() time.Time { return noon.Add(-6 * time.Minute) }}, nil, hookBody, ErrStale},
	} {
		h := hookHeaders(t, hookBody)
		if c.change != nil {
			c.change(h)
		}
		if n, err := c.rc.Check(h, []byte(c.body)); !errors.Is(err, c.want) || n.Type != "" {
			t.Errorf("%s: %+v, %v", name, n, err)
		}
	}
	for _, body := range []string{"", "x", "[]", "{}", `{"subscription_id":"a"}`, strings.Repeat(" ", notificationLimit+1)} {
		r := httptest.NewRequest("POST", "/hooks", strings.NewReader(body))
		r.Header.Set("X-Signature-SHA256", hookSignature(t, body))
		if _, err := (Receiver{Keys: keys}).Read(r); !errors.Is(err, ErrNotification) {
			t.Errorf("%.20q: %v", body, err)
		}
	}
	ended, err := (Event{Data: []byte(`{"resource":{"type":"user","id":7},"current_state":"DEACTIVATED","occurred_at":"2031-02-03T04:05:06Z","previous_state":"ACTIVE","deactivation_type":"ACCOUNT_CLOSURE","deactivation_reason":"NOT_CLAIMED"}`)}).Change()
	if err != nil || ended.PreviousState != "ACTIVE" || ended.DeactivationType != "ACCOUNT_CLOSURE" || ended.DeactivationReason != "NOT_CLAIMED" || ended.RequestedByCustomer {
		t.Errorf("the end of an account: %+v, %v", ended, err)
	}
	asked, err := (Event{Data: []byte(`{"resource":{"type":"profile","id":7},"current_state":"EVIDENCE_REQUIRED","occurred_at":"2031-02-03T04:05:06Z","required_evidences":["INCOME"],"requested_by_customer":true}`)}).Change()
	if err != nil || len(asked.RequiredEvidences) != 1 || !asked.RequestedByCustomer {
		t.Errorf("a check: %+v, %v", asked, err)
	}
	if _, err := (Event{Data: []byte(`{"a":1}`)}).Change(); !errors.Is(err, ErrNotification) {
		t.Errorf("data of no change: %v", err)
	}
}

// A review is told in another form than all other changes, and neither is taken for the other.
func TestReviewEvents(t *testing.T) {
	const review = `{"resource":{"id":"3d6a4f0e-8b34-4c6d-9c4f-4a1a0a9b2c7d","state":"PROCESSING","profileId":7,"requiredBy":null,"createdAt":"2031-02-03T04:05:06.123456","updatedAt":"2031-02-03T04:05:07.000000","triggerReferences":[{"type":"CARD","triggerData":{}}],"requirements":[[{"key":"INCOME","state":"IN_REVIEW"}]],"prevState":"WAITING_CUSTOMER_INPUT","requirementChanges":[{"key":"INCOME","prevState":"NOT_PROVIDED","state":"IN_REVIEW"}]}}`
	e := Event{Type: EventKYCReview, Data: []byte(review)}
	r, err := e.Review()
	if err != nil || r.State != ReviewProcessing || r.PrevState != ReviewWaitingCustomerInput || r.ProfileID != 7 || !r.RequiredBy.IsZero() || r.UpdatedAt.Sub(r.CreatedAt.Time) != 876544*time.Microsecond {
		t.Errorf("%+v, %v", r, err)
	}
	if len(r.Requirements) != 1 || r.Requirements[0][0].Key != "INCOME" || len(r.RequirementChanges) != 1 || r.RequirementChanges[0] != (RequirementChange{"INCOME", "NOT_PROVIDED", "IN_REVIEW"}) {
		t.Errorf("%+v", r)
	}
	if _, err := e.Change(); !errors.Is(err, ErrNotification) {
		t.Errorf("a review as a change: %v", err)
	}
	for _, data := range []string{``, `{}`, `{"resource":{"type":"profile","id":7},"current_state":"verified"}`, `{"resource":{"id":"x"}}`} {
		if _, err := (Event{Data: []byte(data)}).Review(); !errors.Is(err, ErrNotification) {
			t.Errorf("%q as a review: %v", data, err)
		}
	}
}

// The example of the Standard Webhooks specification.
func TestVerifyStandardVector(t *testing.T) {
	h := http.Header{"Webhook-Id": {"msg_p5jXN8AQM9LWM0D4loKWxJek"}, "Webhook-Timestamp": {"1614265330"},
		"Webhook-Signature": {"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="}}
	if err := VerifyStandard(hookSecret, h, []byte(`{"test": 2432232314}`), time.Unix(1614265330, 0)); err != nil {
		t.Error(err)
	}
}

func TestParseWebhookKeys(t *testing.T) {
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := ParseWebhookKeys(hookPEM(t, &other.PublicKey, &hookKey().PublicKey)) // the one in use need not be the first that was kept
	if err != nil || keys.Verify([]byte(hookBody), hookSignature(t, hookBody)) != nil {
		t.Errorf("two keys: %v", err)
	}
	for name, text := range map[string][]byte{"nothing": nil, "text": []byte("x"), "a broken one": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte("x")}),
		"one broken of two": bytes.Join([][]byte{hookPEM(t, &other.PublicKey), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte("x")})}, nil)} {
		if _, err := ParseWebhookKeys(text); !errors.Is(err, ErrAnswer) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

const subscriptionBytes = `{"id":"7b0f7e4e-1c0b-4a8e-9f02-0b0f5b1a2c3d","name":"verification","delivery":{"version":"4.0.0","url":"https://hooks.acme.example/verif"},"trigger_on":"profiles#verification-state-change","scope":{"domain":"application","id":"acme-treasury"},"created_by":{"type":"application","id":"acme-treasury"},"created_at":"2031-02-03T04:05:06Z"}`

// TestSubscriptionCalls: each call, its path, and what becomes of the answer.
func TestSubscriptionCalls(t *testing.T) {
	answer := say(200, subscriptionBytes)
	s, c := play(t, func(w http.ResponseWriter, r *http.Request, body string) { answer(w, r, body) })
	ctx, a := t.Context(), c.Account(Token{AccessToken: "t"})
	want := NewSubscription{Name: "verification", TriggerOn: EventVerification, Delivery: SubscriptionDelivery{"4.0.0", "https://hooks.acme.example/verif"}}
	const sent = `{"name":"verification","trigger_on":"profiles#verification-state-change","delivery":{"version":"4.0.0","url":"https://hooks.acme.example/verif"}}`
	for name, x := range map[string]struct {
		call func() (Subscription, error)
		want string
	}{
		"subscribe":  {func() (Subscription, error) { return c.Subscribe(ctx, want) }, "POST /2026Q3/applications/acme-treasury/subscriptions " + sent},
		"read":       {func() (Subscription, error) { return c.Subscription(ctx, "a/b") }, "GET /2026Q3/applications/acme-treasury/subscriptions/a/b "},
		"of profile": {func() (Subscription, error) { return a.Subscribe(ctx, 7, want) }, "POST /2026Q3/profiles/7/subscriptions " + sent},
		"one of it":  {func() (Subscription, error) { return a.Subscription(ctx, 7, "x") }, "GET /2026Q3/profiles/7/subscriptions/x "},
	} {
		got, err := x.call()
		if err != nil || got.ID != hookID || got.CreatedAt.Unix() != noon.Unix() || got.Scope.Domain != "application" {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if asked := s.asked[len(s.asked)-1]; asked != x.want {
			t.Errorf("%s: asked %s", name, asked)
		}
	}
	answer = func(w http.ResponseWriter, _ *http.Request, _ string) { w.WriteHeader(204) } // the token is there by now
	for name, x := range map[string]struct {
		call func() error
		want string
	}{
		"remove":            {func() error { return c.Unsubscribe(ctx, "x") }, "DELETE /2026Q3/applications/acme-treasury/subscriptions/x "},
		"remove of profile": {func() error { return a.Unsubscribe(ctx, 7, "x") }, "DELETE /2026Q3/profiles/7/subscriptions/x "},
	} {
		if err := x.call(); err != nil || s.asked[len(s.asked)-1] != x.want {
			t.Errorf("%s: %v, asked %s", name, err, s.asked[len(s.asked)-1])
		}
	}
	answer = say(200, `[`+subscriptionBytes+`]`)
	mine, err := c.Subscriptions(ctx)
	its, err2 := a.Subscriptions(ctx, 7)
	if err != nil || err2 != nil || len(mine) != 1 || len(its) != 1 {
		t.Errorf("lists: %v %v", err, err2)
	}
	answer = say(200, `[{"delivery_id":"`+hookID+`","created_at":"2031-02-03T04:05:06Z"}]`)
	if tests, err := c.TestSubscription(ctx, "x"); err != nil || len(tests) != 1 || tests[0].DeliveryID != hookID {
		t.Errorf("test: %v, %v", tests, err)
	}
	answer = say(200, string(hookPEM(t, &hookKey().PublicKey)))
	keys, err := c.WebhookKeys(ctx)
	if err != nil || keys.Verify([]byte("x"), hookSignature(t, "x")) != nil || s.last.Header.Get("Authorization") != "" {
		t.Errorf("keys: %v, %v", err, s.last.Header)
	}
	answer = say(404, `{"errors":[{"code":"NOT_FOUND","message":"m","arguments":[]}]}`)
	if err := c.Unsubscribe(ctx, "x"); err == nil {
		t.Error("404 is no error")
	}
}
