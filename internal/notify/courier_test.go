package notify

import (
	"context"
	"crypto"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/store"
)

// verify checks the documented signature as a receiver does: with the published key, over the bytes that came.
func verify(t *testing.T, h http.Header, body string) error {
	t.Helper()
	keys, err := signing()
	must(t, err)
	text, err := keys.PEM(noon)
	must(t, err)
	block, _ := pem.Decode(text)
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	must(t, err)
	signature, err := base64.StdEncoding.DecodeString(h.Get("X-Signature-SHA256"))
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(body))
	return rsa.VerifyPKCS1v15(key.(*rsa.PublicKey), crypto.SHA256, sum[:], signature)
}

// Checklist 19: bytes, stamps and signatures of both versions and both kinds of events.
func TestNotificationBytes(t *testing.T) {
	for name, c := range map[string]struct {
		kind    partner.EventType
		payload string
		event   partner.Event
		want    string
	}{
		"documented, milliseconds": {partner.EventVerification, "4.0.0", partner.Event{Profile: 70010001, State: "verified"},
			`{"data":{"resource":{"type":"profile","id":70010001},"current_state":"verified","occurred_at":"2031-02-03T04:05:06.789Z"},"subscription_id":"%s","event_type":"profiles#verification-state-change","schema_version":"4.0.0","sent_at":"2031-02-03T04:05:08.790Z"}`},
		"documented, seconds": {partner.EventVerification, "2.0.0", partner.Event{Profile: 70010001, State: "not_verified"},
			`{"data":{"resource":{"type":"profile","id":70010001},"current_state":"not_verified","occurred_at":"2031-02-03T04:05:06Z"},"subscription_id":"%s","event_type":"profiles#verification-state-change","schema_version":"2.0.0","sent_at":"2031-02-03T04:05:08Z"}`},
		"documented, with more": {partner.EventProfileState, "4.0.0", partner.Event{Profile: 9, State: "DEACTIVATED", Data: `{"requested_by_customer":true}`},
			`{"data":{"resource":{"type":"profile","id":9},"current_state":"DEACTIVATED","occurred_at":"2031-02-03T04:05:06.789Z","requested_by_customer":true},"subscription_id":"%s","event_type":"profiles#state-change","schema_version":"4.0.0","sent_at":"2031-02-03T04:05:08.790Z"}`},
		"a review": {partner.EventKYCReview, "4.0.0", partner.Event{Profile: 9, Data: `{"resource":{"id":"x","state":"PROCESSING","profileId":9,"requiredBy":null,"createdAt":"c","updatedAt":"u","triggerReferences":[],"requirements":[],"prevState":"NEW","requirementChanges":[]}}`},
			`{"data":{"resource":{"id":"x","state":"PROCESSING","profileId":9,"requiredBy":null,"createdAt":"c","updatedAt":"u","triggerReferences":[],"requirements":[]}},"subscription_id":"%s","event_type":"kyc-reviews#state-change","schema_version":"4.0.0","sent_at":"2031-02-03T04:05:08.790Z"}`},
		"a review, with requirements": {partner.EventKYCReview, "5.0.0", partner.Event{Profile: 9, Data: `{"resource":{"id":"x","state":"PROCESSING","profileId":9,"requiredBy":null,"createdAt":"c","updatedAt":"u","triggerReferences":[],"requirements":[],"prevState":"NEW","requirementChanges":[]}}`},
			`{"data":{"resource":{"id":"x","state":"PROCESSING","profileId":9,"requiredBy":null,"createdAt":"c","updatedAt":"u","triggerReferences":[],"requirements":[],"prevState":"NEW","requirementChanges":[]}},"subscription_id":"%s","event_type":"kyc-reviews#state-change","schema_version":"5.0.0","sent_at":"2031-02-03T04:05:08.790Z"}`},
		"ours": {partner.EventProfiles, "4.0.0", partner.Event{Profile: 9, State: "changed", Reason: "why", Fields: []string{"lastName", "address.city"}},
			`{"data":{"resource":{"type":"user","id":77},"current_state":"changed","occurred_at":"2031-02-03T04:05:06.789Z","profile_id":9,"reason":"why","fields":["lastName","address.city"],"sequence":1},"subscription_id":"%s","event_type":"x-profiles#state-change","schema_version":"4.0.0","sent_at":"2031-02-03T04:05:08.790Z"}`},
	} {
		t.Run(name, func(t *testing.T) {
			o := newDepot(t)
			in := o.receiver(status(204))
			s := o.subscribeTo(partner.Subscription{Partner: o.partner(), Trigger: c.kind, Payload: c.payload, URL: in.URL + "/hooks"})
			o.next = 76
			o.account(s.Partner)
			e := c.event
			e.Partner, e.Account, e.Type, e.OccurredAt = s.Partner, 77, c.kind, noon
			must(t, o.change(func(tx *store.Tx) error { return tx.QueueEvent(e) }))
			o.advance(2001 * time.Millisecond)
			o.settle()
			heads, bodies := in.got()
			if len(bodies) != 1 || bodies[0] != fmt.Sprintf(c.want, s.PublicID) {
				t.Fatalf("got  %q\nwant %q", bodies, fmt.Sprintf(c.want, s.PublicID))
			}
			checkHeaders(t, o, s, heads[0], bodies[0])
			if d := o.only(); d.Outcome != partner.Delivered || d.Status != 204 || d.Attempts != 1 {
				t.Errorf("%+v", d)
			}
		})
	}
}

func checkHeaders(t *testing.T, o *depot, s partner.Subscription, h http.Header, body string) {
	t.Helper()
	if err := verify(t, h, body); err != nil {
		t.Errorf("the documented signature: %v", err)
	}
	if verify(t, h, strings.Replace(body, ":", ": ", 1)) == nil {
		t.Error("the signature fits other bytes too")
	}
	id := h.Get("X-Delivery-Id")
	if id != o.only().PublicID || h.Get("Content-Type") != "application/json" || h.Get("X-Signature") != "" || h.Get("X-Test-Notification") != "" {
		t.Errorf("headers %v", h)
	}
	if !s.Trigger.Ours() {
		if h.Get("Webhook-Id")+h.Get("Webhook-Signature")+h.Get("Webhook-Timestamp") != "" {
			t.Errorf("a documented event has Standard Webhooks headers: %v", h)
		}
		return
	}
	key, err := o.keys.WebhookKey(1, s.PublicID)
	must(t, err)
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(key.Text(), "whsec_"))
	must(t, err)
	mac := hmac.New(sha256.New, raw)
	mac.Write([]byte(id + "." + fmt.Sprint(o.now().Unix()) + "." + body))
	want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	if h.Get("Webhook-Id") != id || h.Get("Webhook-Timestamp") != fmt.Sprint(o.now().Unix()) || h.Get("Webhook-Signature") != want {
		t.Errorf("Standard Webhooks headers %v, want signature %s", h, want)
	}
}

// TestEveryTestNotification: an invented one of each event that happens, and of one that does not, is marked and signed.
func TestEveryTestNotification(t *testing.T) {
	o := newDepot(t)
	in := o.receiver(status(200))
	p := o.partner()
	for _, kind := range append(partner.EventTypes(), "transfers#state-change") {
		s := o.subscribe(p, kind, in.URL)
		o.next++
		must(t, o.change(func(tx *store.Tx) error {
			return tx.QueueTest(partner.Delivery{ID: partner.DeliveryID(o.next), PublicID: fmt.Sprint(o.next), Subscription: s.ID, Partner: p, CreatedAt: o.now(), DueAt: o.now()})
		}))
		o.settle()
		heads, bodies := in.got()
		h, body := heads[len(heads)-1], bodies[len(bodies)-1]
		if h.Get("X-Test-Notification") != "true" || verify(t, h, body) != nil || !strings.Contains(body, `"event_type":"`+string(kind)+`"`) {
			t.Errorf("%s: %v %s", kind, h, body)
		}
		if kind != partner.EventKYCReview && (!strings.Contains(body, `"id":0}`) || !strings.Contains(body, "2031-02-03T04:05:06.789Z")) {
			t.Errorf("%s: %s", kind, body)
		}
	}
}

// TestEachAnswer: what a status means, after one try. No redirect is followed.
func TestEachAnswer(t *testing.T) {
	for code, want := range map[int]partner.Outcome{200: partner.Delivered, 201: partner.Delivered, 202: partner.Delivered, 204: partner.Delivered,
		299: partner.Delivered, 300: "", 301: "", 302: "", 303: "", 304: "", 307: "", 308: "", 400: "", 401: "", 404: "", 408: "", 410: "", 429: "", 500: "",
		501: "", 503: "", 599: "", 700: "", 999: ""} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			t.Parallel()
			o := newDepot(t)
			elsewhere := o.receiver(status(200))
			in := o.receiver(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", elsewhere.URL)
				w.WriteHeader(code)
			})
			p := o.partner()
			o.subscribe(p, partner.EventClaims, in.URL)
			o.tell(p, o.account(p).ID, partner.EventClaims, "opened")
			o.turn()
			d := o.only()
			if d.Outcome != want || d.Status != code || d.Attempts != 1 || in.count() != 1 || d.TriedAt.IsZero() {
				t.Errorf("%+v after %d requests", d, in.count())
			}
			if want == "" && !d.DueAt.Equal(noon.Add(time.Minute)) {
				t.Errorf("due again at %v", d.DueAt)
			}
			if elsewhere.count() != 0 {
				t.Error("a redirect was followed")
			}
		})
	}
}

// Checklist 19: 25 tries at most, at the moments of the schedule, under one delivery id; then given up with an event.
func TestScheduleToTheEnd(t *testing.T) {
	o := newDepot(t)
	in := o.receiver(status(503))
	p := o.partner()
	o.subscribe(p, partner.EventClaims, in.URL)
	o.tell(p, o.account(p).ID, partner.EventClaims, "opened")
	minutes := []int{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024}
	for len(minutes) < 24 {
		minutes = append(minutes, 24*60)
	}
	for try := 1; try <= 25; try++ {
		o.turn()
		d := o.only()
		if in.count() != try || d.Attempts != try {
			t.Fatalf("try %d: %d requests, %+v", try, in.count(), d)
		}
		if try == 25 {
			break
		}
		wait := time.Duration(minutes[try-1]) * time.Minute
		if !d.DueAt.Equal(o.now().Add(wait)) || d.Outcome != "" {
			t.Fatalf("try %d: due after %v, want %v", try, d.DueAt.Sub(o.now()), wait)
		}
		o.advance(wait - time.Millisecond)
		o.turn()
		if in.count() != try {
			t.Fatalf("try %d came a millisecond early", try+1)
		}
		o.advance(time.Millisecond)
	}
	if d := o.only(); d.Outcome != partner.GivenUp || d.Status != 503 || o.now().Sub(noon) > 16*24*time.Hour {
		t.Errorf("%+v after %v", d, o.now().Sub(noon))
	}
	o.advance(30 * 24 * time.Hour)
	o.turn()
	heads, bodies := in.got()
	if len(heads) != 25 {
		t.Errorf("%d tries", len(heads))
	}
	for i, h := range heads {
		if h.Get("X-Delivery-Id") != heads[0].Get("X-Delivery-Id") || verify(t, h, bodies[i]) != nil {
			t.Errorf("try %d: %v", i+1, h)
		}
	}
	list, err := audit.Events{Store: store.Audit{DB: o.db}}.Tail(t.Context(), audit.Filter{Action: audit.EventFailed, Limit: 9})
	if err != nil || len(list) != 1 || list[0].Detail["attempts"] != "25" || list[0].Reason != "given_up" {
		t.Errorf("audit %+v, %v", list, err)
	}
}

// TestKilledBetweenSendAndMark: at least once, and under the same id.
func TestKilledBetweenSendAndMark(t *testing.T) {
	o := newDepot(t)
	in := o.receiver(status(200))
	p := o.partner()
	o.subscribe(p, partner.EventClaims, in.URL)
	account := o.account(p).ID
	o.tell(p, account, partner.EventClaims, "opened")
	o.tell(p, account, partner.EventClaims, "started")
	o.courier.outbox = dying{o.courier.outbox}
	o.turn()
	if d := o.deliveries()[1]; in.count() != 1 || d.Outcome != "" || !d.TriedAt.IsZero() {
		t.Fatalf("%d requests, %+v", in.count(), d)
	}
	o.courier = o.node() // another node, which knows nothing
	o.advance(deliveryLease - time.Millisecond)
	o.turn()
	if in.count() != 1 {
		t.Fatal("another node took it within the lease, or went past it")
	}
	o.advance(time.Millisecond)
	o.settle()
	heads, bodies := in.got()
	if len(heads) != 3 || heads[0].Get("X-Delivery-Id") != heads[1].Get("X-Delivery-Id") || heads[1].Get("X-Delivery-Id") == heads[2].Get("X-Delivery-Id") ||
		!strings.Contains(bodies[2], `"started"`) {
		t.Errorf("%d requests: %q", len(heads), bodies)
	}
}

// dying is an outbox whose node is killed before it can write what became of a try.
type dying struct{ Outbox }

func (dying) DeliveryEnded(context.Context, partner.Delivery, audit.Event) error {
	return errors.New("killed")
}

func (dying) DeliveryTried(context.Context, partner.Delivery) error { return errors.New("killed") }

// TestOrder: first tries of one account go in order, also when they fail, and accounts do not wait for each other.
func TestOrder(t *testing.T) {
	o := newDepot(t)
	var in *mailbox
	in = o.receiver(func(w http.ResponseWriter, _ *http.Request) {
		if _, bodies := in.got(); strings.Contains(bodies[len(bodies)-1], `"started"`) {
			w.WriteHeader(500) // a failing one holds nothing back
		}
	})
	p := o.partner()
	o.subscribe(p, partner.EventClaims, in.URL)
	a, b := o.account(p).ID, o.account(p).ID
	states := []string{"opened", "started", "abandoned", "expired"}
	for _, state := range states {
		o.tell(p, a, partner.EventClaims, state)
		o.tell(p, b, partner.EventClaims, state)
	}
	o.settle()
	_, bodies := in.got()
	for _, account := range []customer.AccountID{a, b} {
		var got []string
		for _, body := range bodies {
			if strings.Contains(body, fmt.Sprintf(`"id":%d}`, account)) {
				for _, state := range states {
					if strings.Contains(body, `"`+state+`"`) {
						got = append(got, state)
					}
				}
			}
		}
		if !slices.Equal(got, states) {
			t.Errorf("account %d was told of %q", account, got)
		}
	}
}
