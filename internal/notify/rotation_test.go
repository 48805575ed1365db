package notify

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
	"github.com/latchkey-id/latchkey/internal/store"
)

// verifyBy checks a signature by any of the keys that a receiver fetched.
func verifyBy(published []byte, h http.Header, body string) error {
	signature, err := base64.StdEncoding.DecodeString(h.Get("X-Signature-SHA256"))
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(body))
	for {
		var block *pem.Block
		if block, published = pem.Decode(published); block == nil {
			return errors.New("no key fits")
		}
		key, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return err
		}
		if rsa.VerifyPKCS1v15(key.(*rsa.PublicKey), crypto.SHA256, sum[:], signature) == nil {
			return nil
		}
	}
}

// TestKeysRotateUnderDeliveries (OC-24): a receiver that keeps the published keys for as long as it may can check every notification
// from before a rotation to after it, what is tried again too; the new key signs in the end, and the rotation after
// the last notification could still wait drops the old one.
func TestKeysRotateUnderDeliveries(t *testing.T) {
	o := newDepot(t)
	keys, err := signing()
	must(t, err)
	o.courier = NewCourier(store.Outbox{DB: o.db}, Writer{Keys: o.keys, Signing: func() (*secret.SigningKeys, error) { return keys, nil }},
		partner.Receivers{Networks: partner.Loopbacks()}, o.now, o.courier.log)
	t.Cleanup(o.courier.client.CloseIdleConnections)
	in := o.receiver(status(200))
	p := o.partner()
	o.subscribe(p, partner.EventVerification, in.URL)
	account := o.account(p).ID
	fetch := func() []byte {
		text, err := keys.PEM(o.now())
		must(t, err)
		return text
	}
	sent := 0
	deliver := func() (http.Header, string) {
		t.Helper()
		o.tell(p, account, partner.EventVerification, "verified")
		o.settle()
		heads, bodies := in.got()
		if sent++; len(heads) != sent {
			t.Fatalf("%d requests of %d", len(heads), sent)
		}
		return heads[sent-1], bodies[sent-1]
	}
	held := fetch() // what the receiver has; it fetches once an hour
	check := func(what string) {
		t.Helper()
		h, body := deliver()
		if err := verifyBy(held, h, body); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	check("before")
	old := fetch()
	keys, err = keys.Rotate(o.now(), o.now().Add(secret.SigningOverlap))
	must(t, err)
	check("just after, with the keys of before")
	if text := string(fetch()); strings.Count(text, "BEGIN PUBLIC KEY") != 2 || !strings.Contains(text, string(old)) {
		t.Errorf("published: %s", text)
	}
	for range 50 {
		o.advance(time.Hour - time.Second)
		check("an hour after it fetched, at " + o.now().Format(time.RFC3339))
		held = fetch()
	}
	h, body := deliver()
	if verifyBy(old, h, body) == nil {
		t.Error("the old key still signs")
	}
	if text := string(fetch()); !strings.Contains(text, string(old)) || strings.HasPrefix(text, string(old)) {
		t.Errorf("what was signed by the old key cannot be checked any more, or it is still the first: %s", text)
	}
	o.advance(secret.SigningKept)
	keys, err = keys.Rotate(o.now(), o.now().Add(secret.SigningOverlap))
	must(t, err)
	if text := string(fetch()); strings.Contains(text, string(old)) || strings.Count(text, "BEGIN PUBLIC KEY") != 2 {
		t.Errorf("the old key is published for good: %s", text)
	}
}

// TestSentOnceMore: what an operator sends again comes under its id, newly signed, and to nobody else. Only first tries have an
// order.
func TestSentOnceMore(t *testing.T) {
	o := newDepot(t)
	in, other := o.receiver(status(200)), o.receiver(status(200))
	p := o.partner()
	s := o.subscribe(p, partner.EventClaims, in.URL)
	o.subscribe(p, partner.EventClaims, other.URL)
	account := o.account(p).ID
	for _, state := range []string{"opened", "started"} {
		o.tell(p, account, partner.EventClaims, state)
	}
	o.settle()
	o.advance(time.Hour)
	ds := partner.Deliveries{Store: store.Deliveries{DB: o.db}, Now: o.now}
	again, err := ds.Resend(t.Context(), "client-1", partner.Selection{PublicIDs: []string{s.PublicID}, Limit: 10})
	if err != nil || len(again) != 2 {
		t.Fatalf("%d sent again, %v", len(again), err)
	}
	o.settle()
	heads, bodies := in.got()
	if len(heads) != 4 || other.count() != 2 {
		t.Fatalf("%d requests, and %d to the other", len(heads), other.count())
	}
	for i := range 2 {
		k := 2
		if heads[k].Get("X-Delivery-Id") != heads[i].Get("X-Delivery-Id") {
			k = 3
		}
		first, second := heads[i], heads[k]
		if first.Get("X-Delivery-Id") != second.Get("X-Delivery-Id") || first.Get("Webhook-Id") != second.Get("Webhook-Id") ||
			first.Get("Webhook-Timestamp") == second.Get("Webhook-Timestamp") || first.Get("Webhook-Signature") == second.Get("Webhook-Signature") {
			t.Errorf("notification %d: %v, then %v", i, first, second)
		}
		data := func(body string) string { body, _, _ = strings.Cut(body, `,"subscription_id"`); return body }
		if data(bodies[i]) != data(bodies[k]) || verify(t, second, bodies[k]) != nil {
			t.Errorf("notification %d says %s, then %s", i, bodies[i], bodies[k])
		}
	}
}
