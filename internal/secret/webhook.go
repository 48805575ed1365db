package secret

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// A WebhookKey signs the notifications of one subscription (Standard Webhooks, symmetric). It is computed from the
// server's keys and the subscription's id, so that it is stored nowhere and every node has it.
type WebhookKey struct{ key []byte }

// WebhookKey computes the key of a subscription under the server key of a version. The error is ErrKeyVersion.
func (k *Keys) WebhookKey(version int, subscription string) (WebhookKey, error) {
	f, err := k.version(version)
	if err != nil {
		return WebhookKey{}, err
	}
	return WebhookKey{f.derives[PurposeWebhook].ofParts([]string{subscription})}, nil
}

// Text is the key as a receiver configures it: whsec_ and base64. Without a key it is "".
func (w WebhookKey) Text() string {
	if len(w.key) == 0 {
		return ""
	}
	return "whsec_" + base64.StdEncoding.EncodeToString(w.key)
}

// Sign is the value of the header webhook-signature for a body sent at a moment under an id.
func (w WebhookKey) Sign(id string, at time.Time, body []byte) string {
	h := hmac.New(sha256.New, w.key)
	h.Write([]byte(id + "." + strconv.FormatInt(at.Unix(), 10) + "."))
	h.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// Format writes a word in place of the key, whatever the verb.
func (w WebhookKey) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "[webhook key]") }

// ErrSigningKeys says that the text of signing keys cannot be used. The wrapping message says why, never a key.
var ErrSigningKeys = errors.New("signing keys cannot be used")

// SigningKeys are the server's RSA-2048 keys for the documented signature of notifications (contract 12.2). Each has a
// moment from which it signs; the latest that has come is the one in use. All are published, the next one before it signs
// and the last one after, so that receivers have time to fetch.
type SigningKeys struct {
	list []signingKey // by their moments, oldest first; never empty
}

type signingKey struct {
	from time.Time
	key  *rsa.PrivateKey
}

// SigningKey is what may be known of one key.
type SigningKey struct {
	// ID is the thumbprint of the public key (RFC 7638), as in the published set.
	ID string
	// From is when it begins to sign.
	From time.Time
	// Signs tells whether it is the one in use.
	Signs bool
}

const (
	signingBits = 2048
	// SigningOverlap is how long a new key is published before it signs: receivers keep a fetched key for a while.
	SigningOverlap = 24 * time.Hour
	// SigningKept is how long a key stays published after the next one signs: longer than the last retry of a notification
	// could have waited.
	SigningKept = 30 * 24 * time.Hour
	// pemPrivate and pemFrom are the form of the file: PKCS #8 (RFC 5208) with the moment in a header.
	pemPrivate, pemFrom = "PRIVATE KEY", "From"
)

// NewSigningKeys draws one key that signs from the given moment. Drawing takes a fraction of a second.
func NewSigningKeys(from time.Time) (*SigningKeys, error) {
	key, err := rsa.GenerateKey(rand.Reader, signingBits)
	if err != nil {
		return nil, fmt.Errorf("drawing a signing key: %w", err)
	}
	return &SigningKeys{[]signingKey{{from.UTC().Truncate(time.Second), key}}}, nil
}

// Rotate is the keys with a new one that signs from the given moment on, without those whose time is over at now.
func (k *SigningKeys) Rotate(now, from time.Time) (*SigningKeys, error) {
	drawn, err := NewSigningKeys(from)
	if err != nil {
		return nil, err
	}
	next := &SigningKeys{list: append(slices.Clone(k.list), drawn.list...)}
	next.sort()
	for len(next.list) > 1 && next.list[1].from.Add(SigningKept).Before(now) {
		next.list = next.list[1:]
	}
	return next, nil
}

func (k *SigningKeys) sort() {
	slices.SortStableFunc(k.list, func(a, b signingKey) int { return a.from.Compare(b.from) })
}

// signing is the place of the key in use: the latest whose moment has come, or the oldest when none has.
func (k *SigningKeys) signing(now time.Time) int {
	use := 0
	for i, one := range k.list {
		if !one.from.After(now) {
			use = i
		}
	}
	return use
}

// Sign is the value of the header X-Signature-SHA256 for a body: Base64 of RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017
// section 8.2) over exactly these bytes.
func (k *SigningKeys) Sign(now time.Time, body []byte) (string, error) {
	sum := sha256.Sum256(body)
	signature, err := rsa.SignPKCS1v15(nil, k.list[k.signing(now)].key, crypto.SHA256, sum[:])
	if err != nil {
		return "", fmt.Errorf("signing a notification: %w", err)
	}
	return base64.StdEncoding.EncodeToString(signature), nil
}

// published is the keys in the order in which they are shown: the one in use first, for receivers that read one only.
func (k *SigningKeys) published(now time.Time) []signingKey {
	use := k.signing(now)
	list := []signingKey{k.list[use]}
	for i := len(k.list) - 1; i >= 0; i-- {
		if i != use {
			list = append(list, k.list[i])
		}
	}
	return list
}

// PEM is the public keys as SubjectPublicKeyInfo blocks (contract 12.2), the one in use first.
func (k *SigningKeys) PEM(now time.Time) ([]byte, error) {
	var text []byte
	for _, one := range k.published(now) {
		der, err := x509.MarshalPKIXPublicKey(&one.key.PublicKey)
		if err != nil {
			return nil, fmt.Errorf("writing a public key: %w", err)
		}
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})...)
	}
	return text, nil
}

// JWKS is the public keys as a JSON Web Key Set (RFC 7517), the one in use first.
func (k *SigningKeys) JWKS(now time.Time) ([]byte, error) {
	var set jose.JSONWebKeySet
	for _, one := range k.published(now) {
		id, err := one.id()
		if err != nil {
			return nil, err
		}
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: &one.key.PublicKey, KeyID: id, Algorithm: string(jose.RS256), Use: "sig"})
	}
	return json.Marshal(set)
}

func (s signingKey) id() (string, error) {
	sum, err := (&jose.JSONWebKey{Key: &s.key.PublicKey}).Thumbprint(crypto.SHA256)
	if err != nil {
		return "", fmt.Errorf("naming a public key: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(sum), nil
}

// List tells what keys there are, in the published order.
func (k *SigningKeys) List(now time.Time) ([]SigningKey, error) {
	var list []SigningKey
	for i, one := range k.published(now) {
		id, err := one.id()
		if err != nil {
			return nil, err
		}
		list = append(list, SigningKey{ID: id, From: one.from, Signs: i == 0})
	}
	return list, nil
}

// Format writes a word in place of the keys, whatever the verb.
func (k *SigningKeys) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "[signing keys]") }

func signingPlace() Place { return Place{Table: "file", Column: "signing keys"} }

// SealSigning writes signing keys for a file, sealed under the newest master key: a copy of the file alone signs nothing.
func (k *Keys) SealSigning(keys *SigningKeys) ([]byte, error) {
	var text []byte
	for _, one := range keys.list {
		der, err := x509.MarshalPKCS8PrivateKey(one.key)
		if err != nil {
			return nil, fmt.Errorf("writing a signing key: %w", err)
		}
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: pemPrivate, Bytes: der,
			Headers: map[string]string{pemFrom: one.from.Format(time.RFC3339)}})...)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "LATCHKEY SIGNING KEYS", Bytes: k.Seal(signingPlace(), text)}), nil
}

// OpenSigning reads what SealSigning wrote. The error is ErrSigningKeys; where a master key is missing it is ErrKeyVersion
// too.
func (k *Keys) OpenSigning(sealed []byte) (*SigningKeys, error) {
	block, _ := pem.Decode(sealed)
	if block == nil {
		return nil, fmt.Errorf("%w: the file is no sealed file of keys", ErrSigningKeys)
	}
	text, err := k.Open(signingPlace(), block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSigningKeys, err)
	}
	keys := &SigningKeys{}
	for {
		if block, text = pem.Decode(text); block == nil {
			break
		}
		parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		key, isRSA := parsed.(*rsa.PrivateKey)
		from, timeErr := time.Parse(time.RFC3339, block.Headers[pemFrom])
		if err != nil || !isRSA || timeErr != nil {
			return nil, fmt.Errorf("%w: key %d cannot be read", ErrSigningKeys, len(keys.list)+1)
		}
		keys.list = append(keys.list, signingKey{from, key})
	}
	if len(keys.list) == 0 {
		return nil, fmt.Errorf("%w: there is none", ErrSigningKeys)
	}
	keys.sort()
	return keys, nil
}
