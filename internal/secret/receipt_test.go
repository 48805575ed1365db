package secret

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

var receiptDay = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

func receiptKeys(t *testing.T) *ReceiptKeys {
	t.Helper()
	keys, err := NewReceiptKeys(receiptDay)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func published(t *testing.T, keys *ReceiptKeys) []byte {
	t.Helper()
	set, err := keys.JWKS()
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestReceiptIsSignedAndChecked(t *testing.T) {
	keys := receiptKeys(t)
	text, err := keys.Sign(receiptDay, []byte(`{"jti":"7"}`))
	if err != nil {
		t.Fatal(err)
	}
	content, id, err := CheckReceipt(text, published(t, keys))
	list, _ := keys.List(receiptDay)
	if err != nil || string(content) != `{"jti":"7"}` || id != list[0].ID || !list[0].Signs {
		t.Errorf("%s, %s, %v", content, id, err)
	}
	head, err := base64.RawURLEncoding.DecodeString(strings.Split(text, ".")[0])
	var header map[string]string
	if err != nil || json.Unmarshal(head, &header) != nil || header["alg"] != "ES256" || header["typ"] != "latchkey-receipt" || header["kid"] != id || len(header) != 3 {
		t.Errorf("header %s, %v", head, err)
	}
	if set := string(published(t, keys)); strings.Contains(set, `"d"`) || !strings.Contains(set, `"crv":"P-256"`) {
		t.Errorf("published: %s", set)
	}
	if text := fmt.Sprintf("%v %+v %#v %s", keys, keys, keys, keys); strings.Count(text, "[receipt keys]") != 4 {
		t.Error("keys print themselves")
	}
}

// forge signs with other means than ours, with a header of the forger's.
func forge(t *testing.T, alg jose.SignatureAlgorithm, key any, kid, typ string, extra map[jose.HeaderKey]any) string {
	t.Helper()
	options := (&jose.SignerOptions{ExtraHeaders: map[jose.HeaderKey]any{"kid": kid}}).WithType(jose.ContentType(typ))
	for name, value := range extra {
		options.ExtraHeaders[name] = value
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign([]byte(`{"jti":"7"}`))
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestForgedReceipts: whatever is not ES256 by a published key over exactly this content is refused, each with its reason.
func TestForgedReceipts(t *testing.T) {
	keys := receiptKeys(t)
	set := published(t, keys)
	good, err := keys.Sign(receiptDay, []byte(`{"jti":"7"}`))
	if err != nil {
		t.Fatal(err)
	}
	id, err := receiptKeyID(keys.list[0].public)
	if err != nil {
		t.Fatal(err)
	}
	ours := keys.list[0].key
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	large, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	wide, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&ours.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(good, ".")
	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	for _, c := range []struct {
		name, text string
		want       error
	}{
		{"another's signature under our name", forge(t, jose.ES256, other, id, receiptType, nil), ErrReceiptSignature},
		{"another's key under its own name", forge(t, jose.ES256, other, "somebody", receiptType, nil), ErrReceiptKey},
		{"no name", forge(t, jose.ES256, ours, "", receiptType, nil), ErrReceiptKey},
		{"another's key in the header", forge(t, jose.ES256, other, id, receiptType, map[jose.HeaderKey]any{"jwk": jose.JSONWebKey{Key: &other.PublicKey}}), ErrReceiptSignature},
		{"a token of ours", forge(t, jose.ES256, ours, id, "at+jwt", nil), ErrReceiptForm},
		{"no type", forge(t, jose.ES256, ours, id, "", nil), ErrReceiptForm},
		{"a demand that is not understood", forge(t, jose.ES256, ours, id, receiptType, map[jose.HeaderKey]any{"crit": []string{"exp"}, "exp": 1}), ErrReceiptForm},
		{"RS256", forge(t, jose.RS256, wide, id, receiptType, nil), ErrReceiptForm},
		{"ES384", forge(t, jose.ES384, large, id, receiptType, nil), ErrReceiptForm},
		{"HS256 with the public key as the secret", forge(t, jose.HS256, public, id, receiptType, nil), ErrReceiptForm},
		{"HS256 with the set as the secret", forge(t, jose.HS256, set, id, receiptType, nil), ErrReceiptForm},
		{"none", part(`{"alg":"none","kid":"`+id+`","typ":"`+receiptType+`"}`) + "." + parts[1] + ".", ErrReceiptForm},
		{"none with our signature", part(`{"alg":"none","kid":"`+id+`","typ":"`+receiptType+`"}`) + "." + parts[1] + "." + parts[2], ErrReceiptForm},
		{"another content", parts[0] + "." + part(`{"jti":"8"}`) + "." + parts[2], ErrReceiptSignature},
		{"another header", part(`{"alg":"ES256","kid":"`+id+`","typ":"`+receiptType+`","x":1}`) + "." + parts[1] + "." + parts[2], ErrReceiptSignature},
		{"a signature of zeros", parts[0] + "." + parts[1] + "." + base64.RawURLEncoding.EncodeToString(make([]byte, 64)), ErrReceiptSignature},
		{"a short signature", parts[0] + "." + parts[1] + "." + part("short"), ErrReceiptSignature},
		{"cut", good[:len(good)-8], ErrReceiptSignature},
		{"two parts", parts[0] + "." + parts[1], ErrReceiptForm},
		{"empty", "", ErrReceiptForm},
		{"something else", "hello", ErrReceiptForm},
		{"not base64", "!." + parts[1] + "." + parts[2], ErrReceiptForm},
	} {
		if _, _, err := CheckReceipt(c.text, set); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	for _, bad := range []string{"", "{}", `{"keys":[]}`, "not json", `[1]`} {
		if _, _, err := CheckReceipt(good, []byte(bad)); !errors.Is(err, ErrReceiptKeys) {
			t.Errorf("keys %q: %v", bad, err)
		}
	}
	foreign, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &wide.PublicKey, KeyID: id}, {Key: &large.PublicKey, KeyID: id},
		{Key: []byte("secret"), KeyID: id}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := CheckReceipt(good, foreign); !errors.Is(err, ErrReceiptKey) {
		t.Errorf("a set without P-256 keys: %v", err)
	}
}

// TestReceiptKeysRotate: the next key is published before it signs, and old receipts check for good.
func TestReceiptKeysRotate(t *testing.T) {
	masters := map[int][]byte{1: GenerateMaster()}
	server, err := NewKeys(masters)
	if err != nil {
		t.Fatal(err)
	}
	keys := receiptKeys(t)
	var old []string
	now := receiptDay
	for range 4 {
		text, err := keys.Sign(now, []byte(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		old = append(old, text)
		if keys, err = keys.Rotate(now, now.Add(SigningOverlap)); err != nil {
			t.Fatal(err)
		}
		before, _ := keys.Sign(now.Add(SigningOverlap-time.Second), nil)
		after, _ := keys.Sign(now.Add(SigningOverlap), nil)
		if strings.Split(before, ".")[0] != strings.Split(text, ".")[0] || strings.Split(after, ".")[0] == strings.Split(text, ".")[0] {
			t.Error("the new key signs too early, or not at all")
		}
		now = now.Add(48 * time.Hour)
		content, err := server.SealReceipt(keys)
		if err != nil || bytes.Contains(content, []byte("PRIVATE")) {
			t.Fatalf("%s, %v", content, err)
		}
		if keys, err = server.OpenReceiptKeys(content); err != nil {
			t.Fatal(err)
		}
	}
	set := published(t, keys)
	for i, text := range old {
		if _, _, err := CheckReceipt(text, set); err != nil {
			t.Errorf("receipt %d after the rotations: %v", i, err)
		}
	}
	private := 0
	for _, one := range keys.list {
		if one.key != nil {
			private++
		}
	}
	if private != 2 || len(keys.list) != 5 {
		t.Errorf("%d of %d keys can still sign; only the last two should", private, len(keys.list))
	}
	if keys, err = keys.Rotate(now, now); err != nil || keys.list[keys.signing(now)].from != now || len(published(t, keys)) < len(set) {
		t.Errorf("at once: %v", err)
	}
	for _, bad := range [][]byte{nil, []byte("x"), server.Seal(receiptPlace(), []byte("x")), mustSeal(t, server, nil)} {
		if _, err := server.OpenReceiptKeys(bad); !errors.Is(err, ErrReceiptKeys) {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
	stranger, _ := NewKeys(map[int][]byte{1: GenerateMaster()})
	if _, err := stranger.OpenReceiptKeys(mustSeal(t, server, keys)); !errors.Is(err, ErrReceiptKeys) {
		t.Errorf("under another master key: %v", err)
	}
}

func mustSeal(t *testing.T, k *Keys, keys *ReceiptKeys) []byte {
	t.Helper()
	if keys == nil {
		keys = &ReceiptKeys{}
	}
	content, err := k.SealReceipt(keys)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// TestDisclosuresAreNotGuessed: the digest of a birth date tells nothing without its salt, and equal values look different.
func TestDisclosuresAreNotGuessed(t *testing.T) {
	disclosure, digest := Disclose("date_of_birth", "1988-11-30")
	again, other := Disclose("date_of_birth", "1988-11-30")
	if disclosure == again || digest == other {
		t.Error("equal values have equal digests")
	}
	if digest != DisclosureDigest(disclosure) {
		t.Error("the digest is not that of the disclosure")
	}
	name, value, err := ReadDisclosure(disclosure)
	if err != nil || name != "date_of_birth" || value != "1988-11-30" {
		t.Errorf("%q, %q, %v", name, value, err)
	}
	raw, _ := base64.RawURLEncoding.DecodeString(disclosure)
	var parts []string
	if json.Unmarshal(raw, &parts) != nil || len(parts) != 3 || len(parts[0]) != 22 {
		t.Errorf("%s has no salt of 128 bits", raw)
	}
	for _, bad := range []string{"", "!", "W10", base64.RawURLEncoding.EncodeToString([]byte(`["a","b"]`)), base64.RawURLEncoding.EncodeToString([]byte(`[1,2,3]`))} {
		if _, _, err := ReadDisclosure(bad); !errors.Is(err, ErrReceiptForm) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
