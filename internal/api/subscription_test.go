package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey"
	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/store"
)

const (
	applicationPath = "/v3/applications/acme-treasury/subscriptions"
	verification    = `{"name":"verification","trigger_on":"profiles#verification-state-change","delivery":{"version":"4.0.0","url":"https://hooks.acme.example/verif"}}`
	noSubscription  = `{"errors":[{"code":"NOT_FOUND","message":"There is no such subscription","arguments":[]}]}`
	notYoursBody    = `{"timestamp":"2031-02-03T04:05:06.789+0000","status":403,"error":"unauthorized","message":"Unauthorized"}`
)

// made reads the answer to a creation.
func (got reply) made(t *testing.T) latchkey.Subscription {
	t.Helper()
	var s latchkey.Subscription
	if err := json.Unmarshal([]byte(got.body), &s); err != nil || got.status != 200 || s.ID == "" {
		t.Fatalf("no subscription: %d %s", got.status, got.body)
	}
	return s
}

// Contract 12.1, byte for byte: 200 and not 201, the list a bare array, 204, and after it 404.
func TestApplicationSubscription(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	app := w.app(acme)
	got := w.json("POST", applicationPath+"/", app, verification) // as official collections send it
	id := got.made(t).ID
	want := `{"id":"` + id + `","name":"verification","delivery":{"version":"4.0.0","url":"https://hooks.acme.example/verif"},"trigger_on":"profiles#verification-state-change","scope":{"domain":"application","id":"acme-treasury"},"created_by":{"type":"application","id":"acme-treasury"},"created_at":"2031-02-03T04:05:06Z"}`
	got.want(t, 200, want)
	if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(id) {
		t.Errorf("id %s is no UUID", id)
	}
	calendar := strings.Replace(applicationPath, "/v3", "/2026Q3", 1)
	for _, path := range []string{applicationPath, calendar} {
		w.json("GET", path, app, "").want(t, 200, "["+want+"]")
		w.json("GET", path+"/"+id, app, "").want(t, 200, want)
		tested := w.json("POST", path+"/"+id+"/test-notifications", app, "")
		if !regexp.MustCompile(`^\[\{"delivery_id":"[0-9a-f-]{36}","created_at":"2031-02-03T04:05:06Z"\}\]$`).MatchString(tested.body) || tested.status != 200 {
			t.Errorf("test: %d %s", tested.status, tested.body)
		}
	}
	got = w.json("DELETE", calendar+"/"+id, app, "")
	got.want(t, 204, "")
	for _, path := range []string{"/" + id, "/no-such"} {
		w.json("GET", applicationPath+path, app, "").want(t, 404, noSubscription)
		w.json("DELETE", applicationPath+path, app, "").want(t, 404, noSubscription)
		w.json("POST", applicationPath+path+"/test-notifications", app, "").want(t, 404, noSubscription)
	}
	w.json("GET", applicationPath, app, "").want(t, 200, "[]")
}

// OC-23: every wrong field, all in one answer.
func TestBadSubscriptions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	app := w.app(acme)
	field := func(code, path, message string) string {
		return `{"code":"` + code + `","message":"` + message + `","path":"` + path + `","arguments":[]}`
	}
	const url, name = "address cannot receive notifications: ", "subscription needs a name of 1 to 200 characters, no control characters among them"
	for body, want := range map[string]string{
		`{}`: field("NotNull", "name", "must not be null") + "," + field("NotNull", "trigger_on", "must not be null") + "," + field("NotNull", "delivery", "must not be null"),
		`{"name":null,"trigger_on":"x","delivery":{"url":null}}`: field("NotNull", "name", "must not be null") + "," + field("NotNull", "delivery.version", "must not be null") + "," + field("NotNull", "delivery.url", "must not be null"),
		`{"name":" ","trigger_on":"nothing#here","delivery":{"version":"4.0.0","url":"http://hooks.acme.example/x"}}`: field("NOT_VALID", "name", name) + "," +
			field("NOT_VALID", "trigger_on", "event does not exist here: this is no event's name") + "," + field("NOT_VALID", "delivery.url", url+"not https"),
		strings.Replace(verification, `"name":"`, `"name":"\u0000`, 1):                          field("NOT_VALID", "name", name),
		strings.Replace(verification, "4.0.0", "9.9.9", 1):                                      field("NOT_VALID", "delivery.version", "event has no such payload version: use one of 2.0.0 4.0.0"),
		strings.Replace(verification, "https://", "https://a:b@", 1):                            field("NOT_VALID", "delivery.url", url+"credentials in it"),
		strings.Replace(verification, "/verif", "/verif?a=b", 1):                                field("NOT_VALID", "delivery.url", url+"a query or a fragment in it"),
		strings.Replace(verification, ".example/", ".example:8/", 1):                            field("NOT_VALID", "delivery.url", url+"not port 443"),
		strings.Replace(verification, "hooks.acme.example", "10.0.0.1", 1):                      field("NOT_VALID", "delivery.url", url+"not a domain name"),
		strings.Replace(verification, "https://hooks.acme.example", "http://localhost:8090", 1): field("NOT_VALID", "delivery.url", url+"not https"),
	} {
		w.json("POST", applicationPath, app, body).want(t, 400, `{"errors":[`+want+`]}`)
	}
	w.json("POST", applicationPath, app, `{"name":1}`).want(t, 400, `{"errors":[{"code":"BAD_REQUEST","message":"The field has another type","path":"name","arguments":[]}]}`)
	w.json("POST", applicationPath, app, `[`).want(t, 400, badJSON)
	w.json("GET", applicationPath, app, "").want(t, 200, "[]")
	w.door.Subscriptions.Receivers = partner.Receivers{Networks: partner.Loopbacks()}
	w.json("POST", applicationPath, app, strings.Replace(verification, "https://hooks.acme.example", "http://localhost:8090", 1)).made(t)
}

// I11: a database that fails when the subscription is written is 503, not a list of fields without any.
func TestTroubleWhileSubscribing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	app := w.app(acme)
	kept := w.door.Subscriptions.Store
	w.door.Subscriptions.Store = failingStore{kept}
	got := w.json("POST", applicationPath, app, verification)
	got.want(t, 503, apology503)
	if got.header.Get("Retry-After") != "1" {
		t.Errorf("headers %v", got.header)
	}
	w.door.Subscriptions.Store = kept
	w.json("GET", applicationPath, app, "").want(t, 200, "[]")
}

// A failingStore reads and does not write.
type failingStore struct{ partner.SubscriptionStore }

func (failingStore) Change(context.Context, func(partner.SubscriptionTx) (audit.Event, error)) error {
	return fmt.Errorf("commit: %w: %w", store.ErrUnavailable, errors.New("disk is full"))
}

// OC-4: the wrong kind of token, another client's path and another client's subscription.
func TestWhoMaySubscribe(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	app, other := w.app(acme), w.app(globex)
	id := w.json("POST", applicationPath, app, verification).made(t).ID
	p := w.open(acme, "mira.kade@example.org")
	profile := fmt.Sprintf("/v3/profiles/%d/subscriptions", w.profile(p))
	for _, c := range []struct{ method, path, bearer string }{
		{"GET", applicationPath, other}, {"POST", applicationPath, other}, {"GET", applicationPath + "/" + id, other}, {"DELETE", applicationPath + "/" + id, other},
		{"POST", applicationPath + "/" + id + "/test-notifications", other}, {"GET", "/v3/applications/nobody/subscriptions", app}, {"GET", "/v3/applications/ACME-TREASURY/subscriptions", app},
		{"GET", applicationPath, p.bearer}, {"POST", applicationPath, p.bearer}, {"GET", profile, app}, {"POST", profile, app}, {"GET", profile, w.open(globex, "lev.orlin@example.org").bearer},
		{"GET", "/v3/profiles/1/subscriptions", p.bearer},
	} {
		w.json(c.method, c.path, c.bearer, verification).want(t, 403, notYoursBody)
	}
	w.json("GET", "/v3/applications/globex/subscriptions/"+id, other, "").want(t, 404, noSubscription)
	w.json("DELETE", "/v3/applications/globex/subscriptions/"+id, other, "").want(t, 404, noSubscription)
	if got := w.json("GET", applicationPath+"/"+id, app, ""); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// Our own events answer their secret once, at the creation.
func TestSubscriptionSecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	app := w.app(acme)
	body := strings.Replace(verification, "profiles#verification-state-change", "x-claims#state-change", 1)
	s := w.json("POST", applicationPath, app, body).made(t)
	if !strings.HasPrefix(string(s.Secret), "whsec_") || len(s.Secret) != 50 {
		t.Errorf("secret of %d characters", len(s.Secret))
	}
	for _, path := range []string{"", "/" + s.ID} {
		if got := w.json("GET", applicationPath+path, app, ""); got.status != 200 || strings.Contains(got.body, "secret") {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	if strings.Contains(w.logs.String(), "whsec_") {
		t.Error("the secret is in the log")
	}
}

// I2: a profile's subscriptions are its own, and those of before the claim are dead after it.
func TestProfileSubscriptionEndsWithTheClaim(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	id := w.profile(p)
	path := fmt.Sprintf("/v3/profiles/%d/subscriptions", id)
	body := strings.Replace(verification, "profiles#verification-state-change", "balances#update", 1)
	before := w.json("POST", path, p.bearer, body)
	made := before.made(t)
	before.want(t, 200, `{"id":"`+made.ID+`","name":"verification","delivery":{"version":"4.0.0","url":"https://hooks.acme.example/verif"},"trigger_on":"balances#update","scope":{"domain":"profile","id":"`+
		decimal(id)+`"},"created_by":{"type":"user","id":"`+decimal(p.id)+`"},"created_at":"2031-02-03T04:05:06Z"}`)
	w.json("GET", path, p.bearer, "").want(t, 200, "["+before.body+"]")
	w.json("POST", path, p.bearer, verification).want(t, 400,
		`{"errors":[{"code":"NOT_VALID","message":"event does not exist here: only an application can subscribe to it","path":"trigger_on","arguments":[]}]}`)
	if got := w.json("GET", applicationPath, w.app(acme), ""); got.body != "[]" {
		t.Errorf("the application lists a profile's: %s", got.body)
	}

	old := p.bearer
	p.token = w.tokenOf(w.exchange(acme, w.allowed(w.claimed(p, "", nil))))
	p.bearer = "Bearer " + p.token.Access
	if got := w.json("POST", path, old, body); got.status != 401 {
		t.Errorf("with the severed token: %d %s", got.status, got.body)
	}
	w.json("GET", path, p.bearer, "").want(t, 200, "[]")
	w.json("GET", path+"/"+made.ID, p.bearer, "").want(t, 404, noSubscription)
	w.json("DELETE", path+"/"+made.ID, p.bearer, "").want(t, 404, noSubscription)
	after := w.json("POST", strings.Replace(path, "/v3", "/2026Q3", 1), p.bearer, body).made(t)
	w.json("DELETE", path+"/"+after.ID, p.bearer, "").want(t, 204, "")
}

// OC-24: the keys of notifications are for everybody, and may be kept for an hour.
func TestPublishedKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, prefix := range []string{"", "/2026Q3"} {
		got := w.ask("GET", prefix+"/webhooks/signing-key.pem", "")
		keys, err := latchkey.ParseWebhookKeys([]byte(got.body))
		if err != nil || got.status != 200 || got.header.Get("Content-Type") != "application/x-pem-file" || got.header.Get("Cache-Control") != "public, max-age=3600" {
			t.Fatalf("%d %v %s: %v", got.status, got.header, got.body, err)
		}
		signing, err := w.door.Signing()
		must(t, err)
		signature, err := signing.Sign(w.now(), []byte("x"))
		must(t, err)
		if err := keys.Verify([]byte("x"), signature); err != nil {
			t.Error(err)
		}
		got = w.ask("GET", prefix+"/webhooks/signing-keys.json", "")
		if got.status != 200 || got.header.Get("Content-Type") != "application/jwk-set+json" || !strings.Contains(got.body, `"kty":"RSA"`) || strings.Contains(got.body, `"d":`) {
			t.Errorf("%d %v %s", got.status, got.header, got.body)
		}
	}
	if got := w.ask("POST", "/webhooks/signing-key.pem", ""); got.status != 405 || got.header.Get("Allow") != "GET" {
		t.Errorf("POST: %d %v", got.status, got.header)
	}
}
