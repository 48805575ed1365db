package api

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"

	"github.com/latchkey-id/latchkey"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/partner"
)

// errNotYours: the path names another client. It is answered like what does not exist (I10).
var errNotYours = errors.New("path names somebody else")

// applicationOwner is the partner itself, which the path names by its client id (contract 1.3).
func applicationOwner(c *call) (partner.Owner, error) {
	if c.r.PathValue("client") != c.partner.ClientID {
		return partner.Owner{}, errNotYours
	}
	return partner.Owner{Partner: c.partner.ID, ClientID: c.partner.ClientID, Reference: c.trace, Network: c.network}, nil
}

// profileOwner is one profile that the bearer reaches. Its subscriptions are of the epoch of the bearer's account: what was
// made before a claim is dead after it (I2).
func profileOwner(c *call) (partner.Owner, error) {
	id, err := c.number("profile")
	if err != nil {
		return partner.Owner{}, err
	}
	if _, err := c.door.Customers.Profile(c.r.Context(), c.caller(), customer.ProfileID(id)); err != nil {
		return partner.Owner{}, err
	}
	return partner.Owner{Partner: c.partner.ID, ClientID: c.partner.ClientID, Account: int64(c.access.Account), Profile: id, Epoch: c.access.Epoch,
		Reference: c.trace, Network: c.network}, nil
}

// of makes a handler of one that needs to know whose subscriptions are meant.
func of(owner func(*call) (partner.Owner, error), do func(*call, partner.Owner) (any, error)) func(*call) (any, error) {
	return func(c *call) (any, error) {
		o, err := owner(c)
		if err != nil {
			return nil, err
		}
		return do(c, o)
	}
}

// subscribe makes a subscription (contract 12.1), answered with 200.
func (d *Door) subscribe(c *call, o partner.Owner) (any, error) {
	var in latchkey.NewSubscription
	if err := c.body.into(&in); err != nil {
		return nil, err
	}
	if fields := c.body.notNull("name", "trigger_on", "delivery", "delivery.version", "delivery.url"); len(fields) > 0 {
		if !c.body.has("delivery") {
			fields = fields[:len(fields)-2] // the one that holds them says it
		}
		return nil, fieldsError{400, fields}
	}
	s, err := d.Subscriptions.Add(c.r.Context(), o, partner.Draft{Name: in.Name, Trigger: partner.EventType(in.TriggerOn),
		Payload: in.Delivery.Version, URL: in.Delivery.URL})
	if err != nil {
		return nil, allFields(err)
	}
	answer := subscriptionOf(s, o)
	key, err := d.Subscriptions.Secret(s)
	answer.Secret = latchkey.Secret(key)
	return answer, err
}

// allFields makes one answer of all that is wrong with the fields of a request. Trouble with the database comes joined with its cause
// too, and stays what it is (I11): what is in no table is nothing that the partner could mend.
func allFields(err error) error {
	several, joined := err.(interface{ Unwrap() []error })
	if !joined {
		return err
	}
	var fields []latchkey.FieldError
	rows := refusals()
	for _, one := range several.Unwrap() {
		i := slices.IndexFunc(rows, func(row refusal) bool { return errors.Is(one, row.err) })
		if i < 0 {
			return err
		}
		fields = append(fields, latchkey.FieldError{Code: rows[i].code, Message: one.Error(), Path: rows[i].path, Arguments: []string{}})
	}
	return fieldsError{400, fields}
}

func (d *Door) subscriptions(c *call, o partner.Owner) (any, error) {
	list, err := d.Subscriptions.List(c.r.Context(), o)
	answer := make([]latchkey.Subscription, len(list))
	for i, s := range list {
		answer[i] = subscriptionOf(s, o)
	}
	return answer, err
}

func (d *Door) subscription(c *call, o partner.Owner) (any, error) {
	s, err := d.Subscriptions.One(c.r.Context(), o, c.r.PathValue("subscription"))
	return subscriptionOf(s, o), err
}

// unsubscribe answers 204.
func (d *Door) unsubscribe(c *call, o partner.Owner) (any, error) {
	return nil, d.Subscriptions.Remove(c.r.Context(), o, c.r.PathValue("subscription"))
}

// testSubscription queues an invented notification (contract 12.1).
func (d *Door) testSubscription(c *call, o partner.Owner) (any, error) {
	made, err := d.Subscriptions.Test(c.r.Context(), o, c.r.PathValue("subscription"))
	return []latchkey.TestNotification{{DeliveryID: made.PublicID, CreatedAt: latchkey.SecondStamp{Time: made.CreatedAt}}}, err
}

// subscriptionOf is a subscription as the contract shows it. Its creator is the client, or the user whose token it was.
func subscriptionOf(s partner.Subscription, o partner.Owner) latchkey.Subscription {
	answer := latchkey.Subscription{ID: s.PublicID, Name: s.Name, Delivery: latchkey.SubscriptionDelivery{Version: s.Payload, URL: s.URL},
		TriggerOn: string(s.Trigger), Scope: latchkey.SubscriptionScope{Domain: "application", ID: o.ClientID},
		CreatedBy: latchkey.SubscriptionCreator{Type: "application", ID: o.ClientID}, CreatedAt: latchkey.SecondStamp{Time: s.CreatedAt}}
	if s.Profile != 0 {
		answer.Scope = latchkey.SubscriptionScope{Domain: "profile", ID: strconv.FormatInt(s.Profile, 10)}
		answer.CreatedBy = latchkey.SubscriptionCreator{Type: "user", ID: strconv.FormatInt(s.Account, 10)}
	}
	return answer
}

// keyLife is how long a published key may be kept by whoever fetched it: much shorter than a new key is published before
// it signs.
const keyLife = "public, max-age=3600"

// webhookPEM publishes the keys of the documented signature as PEM, the one in use first (contract 12.2, OC-24).
func (d *Door) webhookPEM(c *call) (any, error) {
	keys, err := d.Signing()
	if err != nil {
		return nil, err
	}
	text, err := keys.PEM(d.Now())
	c.w.Header().Set("Content-Type", "application/x-pem-file")
	c.w.Header().Set("Cache-Control", keyLife)
	return json.RawMessage(text), err
}

// webhookJWKS publishes the same keys as a JSON Web Key Set (RFC 7517).
func (d *Door) webhookJWKS(c *call) (any, error) {
	keys, err := d.Signing()
	if err != nil {
		return nil, err
	}
	text, err := keys.JWKS(d.Now())
	c.w.Header().Set("Content-Type", "application/jwk-set+json")
	c.w.Header().Set("Cache-Control", keyLife)
	return json.RawMessage(text), err
}

// subscriptionRefusals is the part of refusals that is about notifications (contract 12.1, OC-23).
func subscriptionRefusals() []refusal {
	return []refusal{
		{err: partner.ErrSubscriptionName, status: 400, shape: shapeFields, code: "NOT_VALID", path: "name", message: "The name has 1 to 200 characters"},
		{err: partner.ErrTrigger, status: 400, shape: shapeFields, code: "NOT_VALID", path: "trigger_on", message: "There is no such event here"},
		{err: partner.ErrPayloadVersion, status: 400, shape: shapeFields, code: "NOT_VALID", path: "delivery.version", message: "The event has no payload of this version"},
		{err: partner.ErrReceiver, status: 400, shape: shapeFields, code: "NOT_VALID", path: "delivery.url", message: "Notifications cannot be sent to this address"},
		{err: partner.ErrTooManySubscriptions, status: 422, shape: shapeFields, code: "TOO_MANY", message: "There are as many subscriptions as there may be"},
		{err: partner.ErrNoSubscription, status: 404, shape: shapeFields, code: "NOT_FOUND", message: "There is no such subscription"},
		{err: partner.ErrSevered, status: 401, shape: shapeGrant, code: "invalid_token", message: "The access token is not valid, or not any more", challenge: challengeToken},
		{err: errNotYours, status: 403, shape: shapeStatus, code: "unauthorized", message: "Unauthorized"},
	}
}
