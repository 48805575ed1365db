package latchkey

import (
	"context"
	"net/url"
	"time"
)

// Events that a subscription may name and that happen here; the rest of the documented names are accepted and never happen.
// Those that begin with x- are this server's own, and what most partners want of a claim is [EventClaims].
const (
	EventClaims       = "x-claims#state-change"
	EventGrants       = "x-grants#state-change"
	EventProfiles     = "x-profiles#state-change"
	EventVerification = "profiles#verification-state-change"
	EventProfileState = "profiles#state-change"
	EventUserState    = "users#state-change"
	EventKYCReview    = "kyc-reviews#state-change"
	EventCDDCheck     = "profiles#cdd-check-state-change"
)

// SecondStamp is a moment written in whole seconds with Z: 2031-02-03T04:05:06Z (contract 3.4, subscriptions).
type SecondStamp struct{ time.Time }

// MarshalJSON writes the stamp as a string.
func (s SecondStamp) MarshalJSON() ([]byte, error) {
	return []byte(s.UTC().Format(`"2006-01-02T15:04:05Z"`)), nil
}

// UnmarshalJSON reads any RFC 3339 moment, and "" or null as the zero moment.
func (s *SecondStamp) UnmarshalJSON(b []byte) (err error) {
	s.Time, err = parseMoment(b, time.RFC3339Nano)
	return err
}

// NewSubscription asks to be told of one kind of event at one address (contract 12.1).
type NewSubscription struct {
	// Name is for yourself, 1 to 200 characters.
	Name string `json:"name"`
	// TriggerOn names the event, such as [EventClaims].
	TriggerOn string               `json:"trigger_on"`
	Delivery  SubscriptionDelivery `json:"delivery"`
}

// SubscriptionDelivery says in which form and where.
type SubscriptionDelivery struct {
	// Version of the payload: 2.0.0 has moments in seconds, 4.0.0 in milliseconds.
	Version string `json:"version"`
	// URL is https on port 443 of a public domain name, without a query. A sandbox takes http on its own machine too.
	URL string `json:"url"`
}

// Subscription is a wish to be told (contract 12.1).
type Subscription struct {
	// ID is a UUID.
	ID        string               `json:"id"`
	Name      string               `json:"name"`
	Delivery  SubscriptionDelivery `json:"delivery"`
	TriggerOn string               `json:"trigger_on"`
	Scope     SubscriptionScope    `json:"scope"`
	CreatedBy SubscriptionCreator  `json:"created_by"`
	CreatedAt SecondStamp          `json:"created_at"`
	// Secret checks the Standard Webhooks signature. Only the answer to the creation has it, and only for events that begin
	// with x-. To replace it, subscribe once more, move over, and remove the first subscription.
	Secret Secret `json:"secret,omitempty"`
}

// SubscriptionScope says whose events: an "application"'s, by client id, or a "profile"'s, by its id as text.
type SubscriptionScope struct {
	Domain string `json:"domain"`
	ID     string `json:"id"`
}

// SubscriptionCreator says who asked: an "application" by client id, or a "user" by id as text.
type SubscriptionCreator struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

// TestNotification is an invented notification that was queued.
type TestNotification struct {
	DeliveryID string      `json:"delivery_id"`
	CreatedAt  SecondStamp `json:"created_at"`
}

func (c *Client) subscriptionsPath() string {
	return "/applications/" + url.PathEscape(c.ID) + "/subscriptions"
}

func profileSubscriptions(id ProfileID) string { return "/profiles/" + decimal(id) + "/subscriptions" }

// Subscribe asks for one kind of event (contract 12.1). Several subscriptions to one event are allowed, up to 100 in all, and each
// gets its own copy. An address that notifications may not go to, and an event that is not documented, are an [*Error]
// with the field. Only this answer has the secret: to call it again makes another subscription.
func (c *Client) Subscribe(ctx context.Context, s NewSubscription) (Subscription, error) {
	var made Subscription
	err := c.send(ctx, call{method: "POST", path: c.subscriptionsPath(), body: s, bearer: c}, &made)
	return made, wrap(err, "subscribing")
}

// Subscriptions lists the client's own, oldest first (contract 12.1).
func (c *Client) Subscriptions(ctx context.Context) ([]Subscription, error) {
	var list []Subscription
	err := c.send(ctx, call{method: "GET", path: c.subscriptionsPath(), bearer: c}, &list)
	return list, wrap(err, "listing subscriptions")
}

// Subscription returns one of the client's own by its id (contract 12.1); any other is [ErrNotFound].
func (c *Client) Subscription(ctx context.Context, id string) (Subscription, error) {
	var s Subscription
	err := c.send(ctx, call{method: "GET", path: c.subscriptionsPath() + "/" + url.PathEscape(id), bearer: c}, &s)
	return s, wrap(err, "reading a subscription")
}

// Unsubscribe removes one of the client's own (contract 12.1); any other, and one that was removed, is [ErrNotFound]. What was on
// its way to it is not sent any more.
func (c *Client) Unsubscribe(ctx context.Context, id string) error {
	err := c.send(ctx, call{method: "DELETE", path: c.subscriptionsPath() + "/" + url.PathEscape(id), bearer: c}, nil)
	return wrap(err, "unsubscribing")
}

// TestSubscription asks for an invented notification (contract 12.1), delivered like a real one and marked by [Notification.Test].
func (c *Client) TestSubscription(ctx context.Context, id string) ([]TestNotification, error) {
	var list []TestNotification
	err := c.send(ctx, call{method: "POST", path: c.subscriptionsPath() + "/" + url.PathEscape(id) + "/test-notifications", bearer: c}, &list)
	return list, wrap(err, "asking for a test notification")
}

// Subscribe asks for one kind of event of one profile (contract 12.1). The documented events of profiles are of parts that
// this server does not have: it accepts them and they never happen. Subscriptions made before the claim end with it.
func (a *Account) Subscribe(ctx context.Context, id ProfileID, s NewSubscription) (Subscription, error) {
	var made Subscription
	err := a.send(ctx, "POST", profileSubscriptions(id), s, &made)
	return made, wrap(err, "subscribing to a profile")
}

// Subscriptions lists those of a profile, oldest first (contract 12.1).
func (a *Account) Subscriptions(ctx context.Context, id ProfileID) ([]Subscription, error) {
	var list []Subscription
	err := a.send(ctx, "GET", profileSubscriptions(id), nil, &list)
	return list, wrap(err, "listing subscriptions of a profile")
}

// Subscription returns one of a profile's by its id (contract 12.1); any other is [ErrNotFound].
func (a *Account) Subscription(ctx context.Context, id ProfileID, subscription string) (Subscription, error) {
	var s Subscription
	err := a.send(ctx, "GET", profileSubscriptions(id)+"/"+url.PathEscape(subscription), nil, &s)
	return s, wrap(err, "reading a subscription of a profile")
}

// Unsubscribe removes one of a profile's (contract 12.1); any other is [ErrNotFound].
func (a *Account) Unsubscribe(ctx context.Context, id ProfileID, subscription string) error {
	err := a.send(ctx, "DELETE", profileSubscriptions(id)+"/"+url.PathEscape(subscription), nil, nil)
	return wrap(err, "unsubscribing from a profile")
}
