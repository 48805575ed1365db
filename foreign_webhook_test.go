package latchkey_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/latchkeytest"
)

// nodeCrypto is a client that comes with node.
const nodeCrypto = "node-crypto"

// Node's own crypto, as the official examples use it, checks the signature of a notification, by the key in each form in which it is
// published: of the bytes as they came, and of no others, which is what receivers that parse and write the body anew trip over.
func TestForeignNodeCrypto(t *testing.T) {
	d := drive(t, nodeCrypto)
	s := latchkeytest.NewServer(t)
	n := deliver(t, s, "x-claims#state-change", "4.0.0")
	got, err := http.Get(s.URL + "/webhooks/signing-keys.json")
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	set, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	for form, key := range map[string]string{"PEM": n.pem, "a set of keys": string(set)} {
		check := map[string]string{"key": key, "body": string(n.body), "signature": n.header.Get("X-Signature-SHA256")}
		if d.returns("verify", check) != true {
			t.Errorf("%s: the signature does not fit %s", form, n.body)
		}
		check["body"] = strings.Replace(string(n.body), ":", ": ", 1)
		if d.returns("verify", check) != false {
			t.Errorf("%s: the signature fits other bytes too", form)
		}
		check["body"], check["signature"] = string(n.body), n.header.Get("Webhook-Signature")
		if d.returns("verify", check) != false {
			t.Errorf("%s: the HMAC of our own events passes for the documented signature", form)
		}
	}
}

// The library of the Standard Webhooks specification reads our own events by their subscription's secret, and refuses other bytes,
// other secrets, and what was sent at another time.
func TestForeignStandardWebhooks(t *testing.T) {
	d := drive(t, "standardwebhooks")
	s := latchkeytest.NewServer(t)
	n, other := deliver(t, s, "x-claims#state-change", "4.0.0"), deliver(t, s, "x-grants#state-change", "4.0.0")
	read := func(n delivered, secret string, body string) outcome {
		headers := map[string]string{}
		for name := range n.header {
			headers[name] = n.header.Get(name)
		}
		return d.call("read", map[string]any{"secret": secret, "headers": headers, "body": body})
	}
	o := read(n, string(n.secret), string(n.body))
	if event, is := o.Returned.(map[string]any); !is || event["event_type"] != "x-claims#state-change" {
		t.Fatalf("it reads %+v, %+v", o.Returned, o.Threw)
	}
	s.Advance(time.Hour)
	early := deliver(t, s, "x-claims#state-change", "4.0.0")
	for what, o := range map[string]outcome{
		"other bytes":            read(n, string(n.secret), strings.Replace(string(n.body), ":", ": ", 1)),
		"another subscription's": read(n, string(other.secret), string(n.body)),
		"an hour ahead":          read(early, string(early.secret), string(early.body)),
		"a documented event, which has no such signature": read(deliver(t, s, "profiles#verification-state-change", "4.0.0"), string(n.secret), string(n.body)),
	} {
		if o.Threw == nil {
			t.Errorf("%s: it reads %v", what, o.Returned)
		}
	}
}
