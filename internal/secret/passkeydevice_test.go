package secret

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"testing"

	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
)

// The bits of an authenticator's flags (WebAuthn level 3 section 6.1).
const (
	userPresent    = 0x01
	userVerified   = 0x04
	backupEligible = 0x08
	backedUp       = 0x10
	attested       = 0x40
)

// A device is an authenticator in software with one ES256 credential. Its fields can be set to what an honest one would not
// say.
type device struct {
	t        testing.TB
	key      *ecdsa.PrivateKey
	id, user []byte
	count    uint32
	flags    byte
	// party and origin are where the browser believes to be; challenge and ceremony replace what was asked when they are set.
	party, origin, challenge, ceremony string
	crossOrigin                        bool
	// alg is the COSE algorithm that the key claims to be of.
	alg int
}

func newDevice(t testing.TB) *device {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &device{t: t, key: key, id: Bytes(32), flags: userPresent | userVerified | backupEligible | backedUp, party: "localhost",
		origin: "http://localhost:8080", alg: -7}
}

func (d *device) text(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }

func (d *device) client(ceremony, challenge string) []byte {
	if d.challenge != "" {
		challenge = d.challenge
	}
	if d.ceremony != "" {
		ceremony = d.ceremony
	}
	return d.json(map[string]any{"type": ceremony, "challenge": challenge, "origin": d.origin, "crossOrigin": d.crossOrigin})
}

func (d *device) json(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		d.t.Fatal(err)
	}
	return text
}

func (d *device) head(flags byte) []byte {
	party := sha256.Sum256([]byte(d.party))
	return binary.BigEndian.AppendUint32(append(party[:], flags), d.count)
}

// create answers CreationOptions.
func (d *device) create(options string) []byte {
	d.t.Helper()
	var asked struct {
		Challenge string
		User      struct{ ID string }
	}
	if err := json.Unmarshal([]byte(options), &asked); err != nil {
		d.t.Fatal(err)
	}
	d.user, _ = base64.RawURLEncoding.DecodeString(asked.User.ID)
	point, err := d.key.PublicKey.Bytes()
	if err != nil {
		d.t.Fatal(err)
	}
	key, err := webauthncbor.Marshal(map[int]any{1: 2, 3: d.alg, -1: 1, -2: point[1:33], -3: point[33:]})
	if err != nil {
		d.t.Fatal(err)
	}
	said := append(d.head(d.flags|attested), make([]byte, 16)...)
	said = append(binary.BigEndian.AppendUint16(said, uint16(len(d.id))), d.id...)
	object, err := webauthncbor.Marshal(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": append(said, key...)})
	if err != nil {
		d.t.Fatal(err)
	}
	return d.json(map[string]any{"id": d.text(d.id), "rawId": d.text(d.id), "type": "public-key", "response": map[string]any{
		"clientDataJSON": d.text(d.client("webauthn.create", asked.Challenge)), "attestationObject": d.text(object),
		"transports": []string{"internal", "hybrid", "a transport of tomorrow"}}})
}

// get answers RequestOptions, after one more use.
func (d *device) get(options string) []byte {
	d.t.Helper()
	var asked struct{ Challenge string }
	if err := json.Unmarshal([]byte(options), &asked); err != nil {
		d.t.Fatal(err)
	}
	said, client := d.head(d.flags), d.client("webauthn.get", asked.Challenge)
	hash := sha256.Sum256(client)
	sum := sha256.Sum256(append(append([]byte(nil), said...), hash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, d.key, sum[:])
	if err != nil {
		d.t.Fatal(err)
	}
	return d.json(map[string]any{"id": d.text(d.id), "rawId": d.text(d.id), "type": "public-key", "response": map[string]any{
		"clientDataJSON": d.text(client), "authenticatorData": d.text(said), "signature": d.text(signature), "userHandle": d.text(d.user)}})
}
