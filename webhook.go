package latchkey

import (
	"context"
	"crypto"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Errors of notifications. A receiver answers 400 to them, or better 2xx and forgets them: neither comes from the server.
var (
	// ErrSignature: the notification was not signed by the server, or was changed on its way.
	ErrSignature = errors.New("the notification's signature is not the server's")
	// ErrStale: the notification was signed too long ago, or in the future: somebody may be playing an old one again.
	ErrStale = errors.New("the notification is not of this time")
	// ErrNotification: the body is not a notification.
	ErrNotification = errors.New("the notification is malformed")
)

const (
	// notificationLimit bounds what a stranger can make a receiver hold.
	notificationLimit = 1 << 20
	// notificationAge is how far the time of a notification may be from the receiver's (Standard Webhooks).
	notificationAge = 5 * time.Minute
)

// Event is the body of a notification (contract 12.3).
type Event struct {
	// Data is what happened. [Event.Change] reads it for every event that says how a state changed.
	Data json.RawMessage `json:"data"`
	// SubscriptionID tells which subscription it is for.
	SubscriptionID string `json:"subscription_id"`
	// Type is what was subscribed to, such as "profiles#verification-state-change".
	Type string `json:"event_type"`
	// Schema is the payload's version: 2.0.0 has moments in seconds, 4.0.0 in milliseconds.
	Schema string `json:"schema_version"`
	// SentAt is when this try was made.
	SentAt Stamp `json:"sent_at"`
}

// Change is the data of an event that tells of a new state (contract 12.4). It never holds a personal value: to learn those,
// ask the API with the customer's token.
type Change struct {
	Resource EventResource `json:"resource"`
	// State is the new one: "verified", or of ours "opened", "started", "claimed", "declined", "active" and so on.
	State string `json:"current_state"`
	// OccurredAt is when it happened. Notifications may arrive in another order, and twice.
	OccurredAt Stamp `json:"occurred_at"`
	// ProfileID, Reason, Fields and Sequence are in events that begin with x-, where they say something. Fields names what
	// changed. Sequence counts the events of this user that concern this client, whether or not this subscription gets them:
	// keep the highest one that you have acted upon.
	ProfileID ProfileID `json:"profile_id,omitempty"`
	Reason    string    `json:"reason,omitempty"`
	Fields    []string  `json:"fields,omitempty"`
	Sequence  int64     `json:"sequence,omitempty"`
	// The rest is in some documented events (contract 12.4). PreviousState is in users#state-change with what ended the account:
	// DeactivationType is ACCOUNT_SUSPENSION, which an operator can end, or ACCOUNT_CLOSURE.
	PreviousState      string `json:"previous_state,omitempty"`
	DeactivationType   string `json:"deactivation_type,omitempty"`
	DeactivationReason string `json:"deactivation_reason,omitempty"`
	// RequestedByCustomer is in profiles#state-change: the customer wanted it.
	RequestedByCustomer bool `json:"requested_by_customer,omitempty"`
	// RequiredEvidences are in profiles#cdd-check-state-change: keys of what is missing, as [Account.RequiredEvidences] tells them.
	RequiredEvidences []string `json:"required_evidences,omitempty"`
}

// ReviewChange is the resource of a kyc-reviews#state-change event: the review as it stands now (contract 12.4).
type ReviewChange struct {
	// ID is a UUID, for [Account.KYCReview].
	ID string `json:"id"`
	// State is one of [ReviewNew] and its neighbours.
	State     string      `json:"state"`
	ProfileID ProfileID   `json:"profileId"`
	CreatedAt ReviewStamp `json:"createdAt"`
	UpdatedAt ReviewStamp `json:"updatedAt"`
	// RequiredBy is when the requirements of a review that has passed with some must be met; zero otherwise.
	RequiredBy        ReviewStamp        `json:"requiredBy"`
	TriggerReferences []TriggerReference `json:"triggerReferences"`
	// Requirements are groups, of each of which one must be met.
	Requirements [][]KYCRequirement `json:"requirements"`
	// PrevState and RequirementChanges are in payloads of version 5.0.0, which also come when the state stays and a requirement changes.
	PrevState          string              `json:"prevState,omitempty"`
	RequirementChanges []RequirementChange `json:"requirementChanges,omitempty"`
}

// RequirementChange is how one requirement of a review changed. PrevState is empty for one that is new.
type RequirementChange struct {
	Key       string `json:"key"`
	PrevState string `json:"prevState,omitempty"`
	State     string `json:"state"`
}

// EventResource is what an event is about: a "user" or a "profile", by its id.
type EventResource struct {
	Type string `json:"type"`
	ID   int64  `json:"id"`
}

// Review reads the data of a kyc-reviews#state-change event, which is another than that of all others. The error is
// [ErrNotification].
func (e Event) Review() (ReviewChange, error) {
	var data struct {
		Resource ReviewChange `json:"resource"`
	}
	if err := json.Unmarshal(e.Data, &data); err != nil || data.Resource.ID == "" || data.Resource.State == "" {
		return ReviewChange{}, fmt.Errorf("%w: its data tells of no review", ErrNotification)
	}
	return data.Resource, nil
}

// Change reads the data of an event that tells of a new state; of a review see [Event.Review]. The error is [ErrNotification].
func (e Event) Change() (Change, error) {
	var c Change
	if err := json.Unmarshal(e.Data, &c); err != nil || c.Resource.Type == "" {
		return Change{}, fmt.Errorf("%w: its data tells of no change", ErrNotification)
	}
	return c, nil
}

// Notification is a request that a receiver got, checked.
type Notification struct {
	Event
	// DeliveryID is the same at every try: act upon each once.
	DeliveryID string
	// Test is true when somebody asked for it and nothing happened.
	Test bool
}

// Receiver checks and reads notifications. It needs one of Keys and Secrets at least.
type Receiver struct {
	// Keys check the signature that every notification carries; [Client.WebhookKeys] fetches them. Fetch them again when a
	// check fails, at most once an hour: they are rotated with a day of overlap.
	Keys WebhookKeys
	// Secrets are those that [Client.Subscribe] answered, by subscription id. Where a notification is for one of them, its
	// Standard Webhooks signature is checked, which covers the time too, so that no old notification can be played again.
	Secrets map[string]Secret
	// Now is the clock, time.Now when nil.
	Now func() time.Time
}

// Read reads a notification from a request and checks it. The errors are [ErrSignature], [ErrStale] and [ErrNotification].
// Answer 2xx within five seconds and work later; everything else is tried again.
func (rc Receiver) Read(r *http.Request) (Notification, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, notificationLimit+1))
	if err != nil || len(body) > notificationLimit {
		return Notification{}, fmt.Errorf("%w: it cannot be read", ErrNotification)
	}
	return rc.Check(r.Header, body)
}

// Check is Read for a body that was read. It must be the bytes as they came: JSON that was decoded and encoded again is
// other bytes, and its signature fails.
func (rc Receiver) Check(h http.Header, body []byte) (Notification, error) {
	n := Notification{DeliveryID: h.Get("X-Delivery-Id"), Test: h.Get("X-Test-Notification") == "true"}
	malformed := json.Unmarshal(body, &n.Event) != nil || n.SubscriptionID == "" || n.Type == ""
	// What the unchecked body says only chooses the key; a wrong choice fails.
	secret, standard := rc.Secrets[n.SubscriptionID]
	var err error
	switch {
	case standard && h.Get("Webhook-Signature") != "":
		err = VerifyStandard(secret, h, body, rc.now())
	default:
		err = rc.Keys.Verify(body, h.Get("X-Signature-SHA256"))
	}
	switch {
	case err != nil:
		return Notification{}, err
	case malformed:
		return Notification{}, ErrNotification
	}
	return n, nil
}

func (rc Receiver) now() time.Time {
	if rc.Now != nil {
		return rc.Now()
	}
	return time.Now()
}

// WebhookKeys are the server's public keys for the header X-Signature-SHA256 (contract 12.2).
type WebhookKeys struct{ keys []*rsa.PublicKey }

// ParseWebhookKeys reads the published keys: one or more PEM blocks "PUBLIC KEY".
func ParseWebhookKeys(text []byte) (WebhookKeys, error) {
	var all WebhookKeys
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			break
		}
		text = rest
		key, err := x509.ParsePKIXPublicKey(block.Bytes)
		public, isRSA := key.(*rsa.PublicKey)
		if err != nil || !isRSA {
			return WebhookKeys{}, fmt.Errorf("%w: key %d is no RSA key", ErrAnswer, len(all.keys)+1)
		}
		all.keys = append(all.keys, public)
	}
	if len(all.keys) == 0 {
		return WebhookKeys{}, fmt.Errorf("%w: no key in it", ErrAnswer)
	}
	return all, nil
}

// Verify checks a signature over the bytes of a body: Base64 of RSASSA-PKCS1-v1_5 with SHA-256. The error is [ErrSignature].
func (k WebhookKeys) Verify(body []byte, signature string) error {
	raw, err := base64.StdEncoding.DecodeString(signature)
	if err != nil {
		return ErrSignature
	}
	sum := sha256.Sum256(body)
	for _, key := range k.keys {
		if rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], raw) == nil {
			return nil
		}
	}
	return ErrSignature
}

// VerifyStandard checks the signature of the Standard Webhooks headers (webhook-id, webhook-timestamp, webhook-signature)
// with a subscription's secret (whsec_...). The errors are [ErrSignature] and [ErrStale].
func VerifyStandard(secret Secret, h http.Header, body []byte, now time.Time) error {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(string(secret), "whsec_"))
	if err != nil || len(key) < 16 {
		return fmt.Errorf("%w: the secret is none", ErrSignature)
	}
	at, err := strconv.ParseInt(h.Get("Webhook-Timestamp"), 10, 64)
	if err != nil {
		return ErrSignature
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(h.Get("Webhook-Id") + "." + h.Get("Webhook-Timestamp") + "."))
	mac.Write(body)
	want := mac.Sum(nil)
	for one := range strings.FieldsSeq(h.Get("Webhook-Signature")) {
		text, is := strings.CutPrefix(one, "v1,")
		raw, err := base64.StdEncoding.DecodeString(text)
		if is && err == nil && hmac.Equal(raw, want) {
			if age := now.Sub(time.Unix(at, 0)); age > notificationAge || age < -notificationAge {
				return ErrStale
			}
			return nil
		}
	}
	return ErrSignature
}

// WebhookKeys fetches the keys that the server publishes for the signatures of notifications (contract 12.2, OC-24). It needs no
// token. While keys are rotated there are several, with a day of overlap.
func (c *Client) WebhookKeys(ctx context.Context) (WebhookKeys, error) {
	var text []byte
	if err := c.send(ctx, call{method: "GET", path: "/webhooks/signing-key.pem", public: true}, &text); err != nil {
		return WebhookKeys{}, fmt.Errorf("fetching the keys of notifications: %w", err)
	}
	return ParseWebhookKeys(text)
}
