package secret

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"
)

var webhookNoon = time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC)

// The example of the Standard Webhooks specification: id, time, body and key give this signature, or libraries would
// refuse ours.
func TestWebhookKeyVector(t *testing.T) {
	raw, err := base64.StdEncoding.DecodeString("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	got := WebhookKey{raw}.Sign("msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestWebhookKeys(t *testing.T) {
	k := keysOf(t, 1, 2)
	a, err := k.WebhookKey(1, "a")
	if err != nil {
		t.Fatal(err)
	}
	b, _ := k.WebhookKey(1, "b")
	newer, _ := k.WebhookKey(2, "a")
	if a.Text() == b.Text() || a.Text() == newer.Text() || !strings.HasPrefix(a.Text(), "whsec_") || len(a.Text()) != len("whsec_")+44 {
		t.Errorf("keys %d long", len(a.Text()))
	}
	if (WebhookKey{}).Text() != "" {
		t.Error("no key has a text")
	}
	if _, err := k.WebhookKey(3, "a"); !errors.Is(err, ErrKeyVersion) {
		t.Errorf("a version that is not loaded: %v", err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		if text := fmt.Sprintf(verb, a); text != "[webhook key]" {
			t.Errorf("%s prints %s", verb, text)
		}
	}
}

// signed reports which of the published keys verifies a signature, counted from 0; -1 for none.
func signed(t *testing.T, published []byte, body []byte, signature string) int {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(signature)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(body)
	for i := 0; ; i++ {
		var block *pem.Block
		if block, published = pem.Decode(published); block == nil {
			return -1
		}
		key, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil || block.Type != "PUBLIC KEY" || key.(*rsa.PublicKey).N.BitLen() != 2048 {
			t.Fatalf("published %s: %v", block.Type, err)
		}
		if rsa.VerifyPKCS1v15(key.(*rsa.PublicKey), crypto.SHA256, sum[:], raw) == nil {
			return i
		}
	}
}

// TestSigningKeysRotate: the next key is published before it signs and the last one after; each is dropped in time.
func TestSigningKeysRotate(t *testing.T) {
	keys, err := NewSigningKeys(webhookNoon)
	if err != nil {
		t.Fatal(err)
	}
	handover := webhookNoon.Add(SigningOverlap)
	if keys, err = keys.Rotate(webhookNoon, handover); err != nil {
		t.Fatal(err)
	}
	body := []byte(`{"a":1}`)
	first, _ := keys.List(webhookNoon)
	for _, at := range []time.Time{webhookNoon.Add(-time.Hour), webhookNoon, handover.Add(-time.Millisecond), handover, handover.Add(SigningKept)} {
		signature, err := keys.Sign(at, body)
		text, err2 := keys.PEM(at)
		list, err3 := keys.List(at)
		if err != nil || err2 != nil || err3 != nil || len(list) != 2 {
			t.Fatalf("%v %v %v %v", err, err2, err3, list)
		}
		if n := signed(t, text, body, signature); n != 0 {
			t.Errorf("at %v key %d of the published signs, want the first", at, n)
		}
		if signed(t, text, []byte(`{"a": 1}`), signature) != -1 {
			t.Error("another body has the same signature")
		}
		if old := list[0].ID == first[0].ID; old != at.Before(handover) || !list[0].Signs || list[1].Signs {
			t.Errorf("at %v: %+v", at, list)
		}
	}
	for at, want := range map[time.Time]int{handover.Add(SigningKept): 3, handover.Add(SigningKept + time.Second): 2} {
		next, err := keys.Rotate(at, at.Add(SigningOverlap))
		if err != nil {
			t.Fatal(err)
		}
		if list, _ := next.List(at); len(list) != want {
			t.Errorf("%d keys at %v, want %d", len(list), at, want)
		}
	}
}

func TestSigningKeysAsASet(t *testing.T) {
	keys, err := NewSigningKeys(webhookNoon)
	if err != nil {
		t.Fatal(err)
	}
	text, err := keys.JWKS(webhookNoon)
	if err != nil {
		t.Fatal(err)
	}
	var set struct {
		Keys []map[string]string `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil || len(set.Keys) != 1 {
		t.Fatalf("%s: %v", text, err)
	}
	list, _ := keys.List(webhookNoon)
	one := set.Keys[0]
	n, _ := base64.RawURLEncoding.DecodeString(one["n"])
	if one["kty"] != "RSA" || one["alg"] != "RS256" || one["use"] != "sig" || one["kid"] != list[0].ID || new(big.Int).SetBytes(n).Cmp(keys.list[0].key.N) != 0 {
		t.Errorf("%s", text)
	}
	for _, private := range []string{"d", "p", "q", "dp", "dq", "qi"} {
		if _, there := one[private]; there {
			t.Errorf("the set has the private member %s", private)
		}
	}
	if text := fmt.Sprintf("%v %+v", keys, keys); text != "[signing keys] [signing keys]" {
		t.Errorf("prints %s", text)
	}
}

// TestSigningFile: what is sealed opens under the same master key and under no other, and holds no key in the clear.
func TestSigningFile(t *testing.T) {
	k := keysOf(t, 1, 2)
	keys, err := NewSigningKeys(webhookNoon)
	if err == nil {
		keys, err = keys.Rotate(webhookNoon, webhookNoon.Add(time.Hour))
	}
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := k.SealSigning(keys)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := k.OpenSigning(sealed)
	if err != nil {
		t.Fatal(err)
	}
	want, _ := keys.List(webhookNoon)
	got, _ := opened.List(webhookNoon)
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("opened %v, want %v", got, want)
	}
	if strings.Contains(string(sealed), "PRIVATE KEY-") {
		t.Error("a key lies in the clear")
	}
	block, _ := pem.Decode(sealed)
	for i := 0; i < len(block.Bytes); i += 41 {
		block.Bytes[i] ^= 1
		if _, err := k.OpenSigning(pem.EncodeToMemory(block)); !errors.Is(err, ErrSigningKeys) {
			t.Fatalf("with byte %d changed: %v", i, err)
		}
		block.Bytes[i] ^= 1
	}
	if _, err := keysOf(t, 1).OpenSigning(sealed); !errors.Is(err, ErrSigningKeys) || !errors.Is(err, ErrKeyVersion) {
		t.Errorf("without the newest master key: %v", err)
	}
	empty := k.Seal(signingPlace(), nil)
	wrong := k.Seal(signingPlace(), pem.EncodeToMemory(&pem.Block{Type: pemPrivate, Bytes: []byte("x")}))
	for name, text := range map[string][]byte{"nothing": nil, "text": []byte("hello"), "empty": pem.EncodeToMemory(&pem.Block{Type: "A", Bytes: empty}),
		"no key": pem.EncodeToMemory(&pem.Block{Type: "A", Bytes: wrong})} {
		if _, err := k.OpenSigning(text); !errors.Is(err, ErrSigningKeys) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
