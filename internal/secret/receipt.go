package secret

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Errors about receipts, for whoever checks one.
var (
	// ErrReceiptForm: the text is no receipt of this kind: not a compact JWS, not ES256, another typ, or with demands that
	// are not understood.
	ErrReceiptForm = errors.New("not a receipt")
	// ErrReceiptKey: the set of keys has none of the receipt's name.
	ErrReceiptKey = errors.New("the key that signed the receipt is not among the keys given")
	// ErrReceiptSignature: the receipt, or a disclosure, was changed after it was signed.
	ErrReceiptSignature = errors.New("the receipt was changed after it was signed")
	// ErrReceiptKeys: the text of the server's receipt keys, or of a published set, cannot be used.
	ErrReceiptKeys = errors.New("receipt keys cannot be used")
)

// receiptType is the typ of receipts (RFC 7515 section 4.1.9): no other thing that is signed with ES256 can be passed off as
// one, nor a receipt as a token (RFC 8725 section 3.11).
const receiptType = "latchkey-receipt"

// ReceiptKeys are the server's P-256 keys for receipts, of which the latest whose moment has come signs. They sign nothing
// else. A receipt is checked years later, so each key stays published for good; its private half goes with the rotation
// after the one that replaced it.
type ReceiptKeys struct {
	list []receiptKey // by their moments, oldest first; never empty
}

type receiptKey struct {
	from   time.Time
	key    *ecdsa.PrivateKey // nil once it signs no more
	public *ecdsa.PublicKey
}

// NewReceiptKeys draws one key that signs from the given moment.
func NewReceiptKeys(from time.Time) (*ReceiptKeys, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("drawing a receipt key: %w", err)
	}
	return &ReceiptKeys{[]receiptKey{{from.UTC().Truncate(time.Second), key, &key.PublicKey}}}, nil
}

// Rotate is the keys with a new one that signs from the given moment on. Of those that were replaced before now only the
// public half stays.
func (k *ReceiptKeys) Rotate(now, from time.Time) (*ReceiptKeys, error) {
	drawn, err := NewReceiptKeys(from)
	if err != nil {
		return nil, err
	}
	next := &ReceiptKeys{list: append(slices.Clone(k.list), drawn.list...)}
	slices.SortStableFunc(next.list, func(a, b receiptKey) int { return a.from.Compare(b.from) })
	for i := range next.signing(now) {
		next.list[i].key = nil
	}
	return next, nil
}

func (k *ReceiptKeys) signing(now time.Time) int {
	use := 0
	for i, one := range k.list {
		if !one.from.After(now) || k.list[use].key == nil {
			use = i
		}
	}
	return use
}

// Sign is the compact JWS of a receipt's content (RFC 7515 section 3.1), by the key of the moment.
func (k *ReceiptKeys) Sign(now time.Time, content []byte) (string, error) {
	one := k.list[k.signing(now)]
	id, err := receiptKeyID(one.public)
	if err != nil {
		return "", err
	}
	key := jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: one.key, KeyID: id}}
	signer, err := jose.NewSigner(key, (&jose.SignerOptions{}).WithType(receiptType))
	if err != nil {
		return "", fmt.Errorf("signing a receipt: %w", err)
	}
	signed, err := signer.Sign(content)
	if err != nil {
		return "", fmt.Errorf("signing a receipt: %w", err)
	}
	return signed.CompactSerialize()
}

func receiptKeyID(key *ecdsa.PublicKey) (string, error) {
	sum, err := (&jose.JSONWebKey{Key: key}).Thumbprint(crypto.SHA256)
	if err != nil {
		return "", fmt.Errorf("naming a public key: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(sum), nil
}

// JWKS is the public keys as a JSON Web Key Set (RFC 7517), the newest first: also those that sign no more, and the one that
// will sign next.
func (k *ReceiptKeys) JWKS() ([]byte, error) {
	var set jose.JSONWebKeySet
	for _, one := range slices.Backward(k.list) {
		id, err := receiptKeyID(one.public)
		if err != nil {
			return nil, err
		}
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: one.public, KeyID: id, Algorithm: string(jose.ES256), Use: "sig"})
	}
	return json.Marshal(set)
}

// List tells what keys there are, the newest first.
func (k *ReceiptKeys) List(now time.Time) ([]SigningKey, error) {
	var list []SigningKey
	for i, one := range slices.Backward(k.list) {
		id, err := receiptKeyID(one.public)
		if err != nil {
			return nil, err
		}
		list = append(list, SigningKey{ID: id, From: one.from, Signs: i == k.signing(now)})
	}
	return list, nil
}

// Format writes a word in place of the keys, whatever the verb.
func (k *ReceiptKeys) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "[receipt keys]") }

func receiptPlace() Place { return Place{Table: "file", Column: "receipt keys"} }

// SealReceipt writes receipt keys for a file, sealed under the newest master key.
func (k *Keys) SealReceipt(keys *ReceiptKeys) ([]byte, error) {
	var text []byte
	for _, one := range keys.list {
		block := &pem.Block{Type: pemPublic, Headers: map[string]string{pemFrom: one.from.Format(time.RFC3339)}}
		var err error
		if one.key != nil {
			block.Type = pemPrivate
			block.Bytes, err = x509.MarshalPKCS8PrivateKey(one.key)
		} else {
			block.Bytes, err = x509.MarshalPKIXPublicKey(one.public)
		}
		if err != nil {
			return nil, fmt.Errorf("writing a receipt key: %w", err)
		}
		text = append(text, pem.EncodeToMemory(block)...)
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemReceipts, Bytes: k.Seal(receiptPlace(), text)}), nil
}

const pemPublic, pemReceipts = "PUBLIC KEY", "LATCHKEY RECEIPT KEYS"

// OpenReceiptKeys reads what SealReceipt wrote. The error is ErrReceiptKeys; where a master key is missing it is ErrKeyVersion
// too.
func (k *Keys) OpenReceiptKeys(content []byte) (*ReceiptKeys, error) {
	outer, _ := pem.Decode(content)
	if outer == nil || outer.Type != pemReceipts {
		return nil, fmt.Errorf("%w: this is no file of receipt keys", ErrReceiptKeys)
	}
	text, err := k.Open(receiptPlace(), outer.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%w: they are not sealed under the master key given: %w", ErrReceiptKeys, err)
	}
	keys := &ReceiptKeys{}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		one, err := parseReceiptKey(block)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrReceiptKeys, err)
		}
		keys.list = append(keys.list, one)
	}
	if !slices.ContainsFunc(keys.list, func(one receiptKey) bool { return one.key != nil }) {
		return nil, fmt.Errorf("%w: none of them signs", ErrReceiptKeys)
	}
	slices.SortStableFunc(keys.list, func(a, b receiptKey) int { return a.from.Compare(b.from) })
	return keys, nil
}

func parseReceiptKey(block *pem.Block) (one receiptKey, err error) {
	if one.from, err = time.Parse(time.RFC3339, block.Headers[pemFrom]); err != nil {
		return one, errors.New("a key has no moment")
	}
	if block.Type == pemPrivate {
		parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		key, is := parsed.(*ecdsa.PrivateKey)
		if err != nil || !is || key.Curve != elliptic.P256() {
			return one, errors.New("one is no P-256 key")
		}
		one.key, one.public = key, &key.PublicKey
		return one, nil
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	key, is := parsed.(*ecdsa.PublicKey)
	if err != nil || !is || key.Curve != elliptic.P256() {
		return one, errors.New("one is no P-256 key")
	}
	one.public = key
	return one, nil
}

// CheckReceipt checks the signature of a receipt against a published set of keys and returns its content and the name of the
// key. Only ES256 by a P-256 key of the set is taken, whatever the receipt's header proposes: "none", a MAC with the
// public key as its secret, a key inside the header and a header that demands what is not understood are no receipts (RFC
// 8725 sections 3.1 and 3.10). Errors: ErrReceiptForm, ErrReceiptKey, ErrReceiptSignature, ErrReceiptKeys.
func CheckReceipt(text string, published []byte) (content []byte, key string, err error) {
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(published, &set); err != nil || len(set.Keys) == 0 {
		return nil, "", fmt.Errorf("%w: the file is no JSON Web Key Set", ErrReceiptKeys)
	}
	signed, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return nil, "", fmt.Errorf("%w: not a compact JWS signed with ES256", ErrReceiptForm)
	}
	header := signed.Signatures[0].Protected
	if header.ExtraHeaders[jose.HeaderType] != receiptType {
		return nil, "", fmt.Errorf("%w: it is of another type", ErrReceiptForm)
	}
	if header.ExtraHeaders["crit"] != nil {
		return nil, "", fmt.Errorf("%w: its header demands what is not understood here", ErrReceiptForm)
	}
	for _, candidate := range set.Key(header.KeyID) {
		public, is := candidate.Key.(*ecdsa.PublicKey)
		if !is || public.Curve != elliptic.P256() || header.KeyID == "" {
			continue
		}
		content, err := signed.Verify(public)
		if err != nil {
			return nil, "", ErrReceiptSignature
		}
		return content, header.KeyID, nil
	}
	return nil, "", fmt.Errorf("%w: %q", ErrReceiptKey, header.KeyID)
}

// Disclose makes the disclosure of one value and its digest: what a receipt shows in the value's place. The salt of 128
// random bits is in the disclosure, so that nobody finds a birth date by trying them all; who has the disclosure can show
// that this was the value. The form is that of RFC 9901 section 4.2.1.
func Disclose(name, value string) (disclosure, digest string) {
	text, err := json.Marshal([3]string{base64.RawURLEncoding.EncodeToString(Bytes(16)), name, value})
	if err != nil {
		panic(err) // three strings
	}
	disclosure = base64.RawURLEncoding.EncodeToString(text)
	return disclosure, DisclosureDigest(disclosure)
}

// DisclosureDigest is the digest that a receipt shows for a disclosure.
func DisclosureDigest(disclosure string) string {
	sum := sha256.Sum256([]byte(disclosure))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// ReadDisclosure is what Disclose was given. The error is ErrReceiptForm.
func ReadDisclosure(disclosure string) (name, value string, err error) {
	text, err := decode64(strings.TrimSpace(disclosure))
	var parts []string
	if err != nil || json.Unmarshal(text, &parts) != nil || len(parts) != 3 {
		return "", "", fmt.Errorf("%w: a disclosure cannot be read", ErrReceiptForm)
	}
	return parts[1], parts[2], nil
}
