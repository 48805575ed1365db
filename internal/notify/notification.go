package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// errPaused: the partner is switched off; its events wait for it.
var errPaused = errors.New("partner is paused")

// A notification is the body of contract 12.3, in its order of keys.
type notification struct {
	Data         json.RawMessage   `json:"data"`
	Subscription string            `json:"subscription_id"`
	Type         partner.EventType `json:"event_type"`
	Schema       string            `json:"schema_version"`
	SentAt       string            `json:"sent_at"`
}

// change is the data of every event but kyc-reviews#state-change: what changed, to what, when. The members behind
// OccurredAt are in our own events only. Fields are names, never values (I9).
type change struct {
	Resource   resource `json:"resource"`
	State      string   `json:"current_state,omitempty"`
	OccurredAt string   `json:"occurred_at"`
	Profile    int64    `json:"profile_id,omitempty"`
	Reason     string   `json:"reason,omitempty"`
	Fields     []string `json:"fields,omitempty"`
	Sequence   int64    `json:"sequence,omitempty"`
}

type resource struct {
	Type string `json:"type"`
	ID   int64  `json:"id"`
}

// stamp writes a moment as the payload version does (contract 3.4): seconds in 2.0.0, milliseconds after it.
func stamp(t time.Time, version string) string {
	if version == partner.PayloadSeconds {
		return t.UTC().Format("2006-01-02T15:04:05Z")
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// body writes the notification of a delivery as sent at now.
func body(t grant.Telling, now time.Time) ([]byte, error) {
	s := t.Subscription
	e := t.Event
	if t.Delivery.Event == 0 {
		e = sample(s.Trigger, t.Delivery.CreatedAt)
	}
	data, err := dataOf(e, s.Payload)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	to := json.NewEncoder(&out)
	to.SetEscapeHTML(false)
	err = to.Encode(notification{Data: data, Subscription: s.PublicID, Type: s.Trigger, Schema: s.Payload, SentAt: stamp(now, s.Payload)})
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), err
}

// dataOf writes the data of an event (contract 12.4; design 4.10 for ours).
func dataOf(e partner.Event, version string) (json.RawMessage, error) {
	if e.Type == partner.EventKYCReview && e.Data != "" {
		return reviewData(e.Data, version)
	}
	c := change{State: e.State, OccurredAt: stamp(e.OccurredAt, version)}
	switch {
	case e.Type.Ours():
		// The resource of ours is always the customer's account, which the sequence counts by.
		c.Resource = resource{"user", e.Account}
		c.Profile, c.Reason, c.Fields, c.Sequence = e.Profile, e.Reason, e.Fields, e.Sequence
	case e.Type == partner.EventUserState:
		c.Resource = resource{"user", e.Account}
	case e.Type.Noun() == "profiles":
		c.Resource = resource{"profile", e.Profile}
	default: // of parts that this server does not have: only test notifications come here
		c.Resource = resource{e.Type.Noun(), 0}
	}
	text, err := json.Marshal(c)
	if err != nil || e.Data == "" {
		return text, err
	}
	more := bytes.TrimSpace([]byte(e.Data))
	if !json.Valid(more) || len(more) < 2 || more[0] != '{' {
		return nil, fmt.Errorf("data of event %d is no JSON object", e.ID)
	}
	if len(bytes.TrimSpace(more[1:len(more)-1])) == 0 {
		return text, nil
	}
	return slices.Concat(text[:len(text)-1], []byte(","), more[1:]), nil
}

// An olderReview is a KYC review before the version that tells of requirements.
type olderReview struct {
	ID           json.RawMessage `json:"id"`
	State        json.RawMessage `json:"state"`
	Profile      json.RawMessage `json:"profileId"`
	RequiredBy   json.RawMessage `json:"requiredBy"`
	CreatedAt    json.RawMessage `json:"createdAt"`
	UpdatedAt    json.RawMessage `json:"updatedAt"`
	References   json.RawMessage `json:"triggerReferences"`
	Requirements json.RawMessage `json:"requirements"`
}

// reviewData is what a payload version has of a KYC review.
func reviewData(data, version string) (json.RawMessage, error) {
	if version == partner.PayloadRequirements {
		return json.RawMessage(data), nil
	}
	var older struct {
		Resource olderReview `json:"resource"`
	}
	if err := json.Unmarshal([]byte(data), &older); err != nil {
		return nil, fmt.Errorf("data of a KYC review: %w", err)
	}
	return json.Marshal(older)
}

// sample is the invented event of a test notification: ids 0 and the time of its making (contract 12.1).
func sample(kind partner.EventType, at time.Time) partner.Event {
	e := partner.Event{Type: kind, OccurredAt: at}
	switch kind {
	case partner.EventClaims:
		e.State = "opened"
	case partner.EventGrants:
		e.State = "active"
	case partner.EventProfiles:
		e.State = "confirmed"
	case partner.EventVerification:
		e.State = "verified"
	case partner.EventProfileState:
		e.State, e.Data = "ACTIVE", `{"requested_by_customer":false}`
	case partner.EventUserState:
		e.State, e.Data = "ACTIVE", `{"previous_state":"WITHDRAW_ONLY"}`
	case partner.EventCDDCheck:
		e.State, e.Data = "VERIFIED", `{"required_evidences":[]}`
	case partner.EventKYCReview:
		stamp := at.UTC().Format("2006-01-02T15:04:05.000000")
		e.Data = `{"resource":{"id":"` + secret.UUID() + `","state":"WAITING_CUSTOMER_INPUT","profileId":0,"requiredBy":null,"createdAt":"` + stamp +
			`","updatedAt":"` + stamp + `","triggerReferences":[],"requirements":[],"prevState":"NEW","requirementChanges":[]}}`
	}
	return e
}

// An answer is what became of a try: the status, or why there is none, and when the receiver wants to be asked again.
type answer struct {
	status int
	after  time.Time
	cause  error
}

func (a answer) success() bool { return a.cause == nil && a.status >= 200 && a.status <= 299 }

// send makes one try. The answer's body is never read: nothing in it could count, and a receiver that floods sends into a
// closed connection.
func (c *Courier) send(ctx context.Context, t grant.Telling) answer {
	ctx, cancel := context.WithTimeout(ctx, c.patience)
	defer cancel()
	r, err := c.writer.request(ctx, t, c.now())
	if err != nil {
		return answer{cause: err}
	}
	c.writer.tell(r)
	got, err := c.client.Do(r)
	if err != nil {
		return answer{cause: plainCause(err)}
	}
	defer got.Body.Close()
	_, _ = io.CopyN(io.Discard, got.Body, keptOpen) // a short body read to its end lets the connection serve the next one
	return answer{status: got.StatusCode, after: retryAfter(got.Header.Get("Retry-After"), c.now())}
}

// keptOpen is the longest body that is worth a connection.
const keptOpen = 1 << 10

// request writes the notification with its signatures (contract 12.2). Both are over the bytes that are sent.
func (w Writer) request(ctx context.Context, t grant.Telling, now time.Time) (*http.Request, error) {
	content, err := body(t, now)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, t.Subscription.URL, bytes.NewReader(content))
	if err != nil {
		return nil, plainCause(err)
	}
	keys, err := w.Signing()
	if err != nil {
		return nil, err
	}
	signature, err := keys.Sign(now, content)
	if err != nil {
		return nil, err
	}
	h := r.Header
	h.Set("Content-Type", "application/json")
	h.Set("User-Agent", "Latchkey-Webhooks/1")
	h.Set("X-Signature-SHA256", signature)
	h.Set("X-Delivery-Id", t.Delivery.PublicID)
	if t.Delivery.Event == 0 {
		h.Set("X-Test-Notification", "true")
	}
	if !t.Subscription.Trigger.Ours() {
		return r, nil
	}
	key, err := w.Keys.WebhookKey(t.Subscription.KeyVersion, t.Subscription.PublicID)
	if err != nil {
		return nil, err
	}
	h.Set("Webhook-Id", t.Delivery.PublicID)
	h.Set("Webhook-Timestamp", strconv.FormatInt(now.Unix(), 10))
	h.Set("Webhook-Signature", key.Sign(t.Delivery.PublicID, now, content))
	return r, nil
}

// tell lets whoever wants to know see what is sent.
func (w Writer) tell(r *http.Request) {
	if w.Sent == nil {
		return
	}
	if again, err := r.GetBody(); err == nil {
		if content, err := io.ReadAll(again); err == nil {
			w.Sent(r.Header.Clone(), content)
		}
	}
}

// plainCause takes the address out of an error: its path is the receiver's own business and may be a secret.
func plainCause(err error) error {
	var about *url.Error
	if errors.As(err, &about) {
		return about.Err
	}
	return err
}

// retryAfter reads the header in both its forms (RFC 9110 section 10.2.3); zero is none that can be read.
func retryAfter(text string, now time.Time) time.Time {
	if text == "" {
		return time.Time{}
	}
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		return now.Add(time.Duration(n) * time.Second)
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return time.Time{}
	}
	return at.UTC()
}
