package web_test

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
	"golang.org/x/net/html"
)

// The bits of an authenticator's flags (WebAuthn level 3 section 6.1).
const (
	userPresent    = 0x01
	userVerified   = 0x04
	backupEligible = 0x08
	backedUp       = 0x10
	attested       = 0x40
)

// A device is an authenticator in software with one ES256 credential, behind an honest browser. Its fields can be set to what
// honest ones would not say.
type device struct {
	t        testing.TB
	key      *ecdsa.PrivateKey
	id, user []byte
	count    uint32
	flags    byte
	// party and origin are where the browser believes to be; challenge and ceremony replace what was asked when they are set.
	party, origin, challenge, ceremony string
	// silent leaves the user's handle out.
	silent bool
}

func newDevice(t testing.TB) *device {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id := make([]byte, 32)
	_, _ = rand.Read(id)
	return &device{t: t, key: key, id: id, flags: userPresent | userVerified | backupEligible | backedUp, party: "localhost", origin: "http://localhost:8080"}
}

// copied is a thief's copy of a device.
func (d *device) copied() *device {
	c := *d
	return &c
}

func (d *device) encoded(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }

func (d *device) json(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		d.t.Fatal(err)
	}
	return string(text)
}

// client is the browser's word for where it is.
func (d *device) client(ceremony, challenge string) []byte {
	if d.challenge != "" {
		challenge = d.challenge
	}
	if d.ceremony != "" {
		ceremony = d.ceremony
	}
	return []byte(d.json(map[string]any{"type": ceremony, "challenge": challenge, "origin": d.origin, "crossOrigin": false}))
}

func (d *device) head(flags byte) []byte {
	party := sha256.Sum256([]byte(d.party))
	return binary.BigEndian.AppendUint32(append(party[:], flags), d.count)
}

// asked are the parts of a page's options that a device reads.
type asked struct {
	Challenge string
	RPID      string `json:"rpId"`
	RP        struct{ ID string }
	User      struct{ ID, Name string }
	Exclude   []struct{ ID string } `json:"excludeCredentials"`
	Allow     []struct{ ID string } `json:"allowCredentials"`
}

func (d *device) read(options string) asked {
	d.t.Helper()
	var a asked
	if err := json.Unmarshal([]byte(options), &a); err != nil {
		d.t.Fatalf("options %q: %v", options, err)
	}
	return a
}

// create makes the passkey that a page asks for.
func (d *device) create(options string) string {
	d.t.Helper()
	a := d.read(options)
	d.user, _ = base64.RawURLEncoding.DecodeString(a.User.ID)
	point, err := d.key.PublicKey.Bytes()
	if err != nil {
		d.t.Fatal(err)
	}
	key, err := webauthncbor.Marshal(map[int]any{1: 2, 3: -7, -1: 1, -2: point[1:33], -3: point[33:]})
	if err != nil {
		d.t.Fatal(err)
	}
	said := append(d.head(d.flags|attested), make([]byte, 16)...)
	said = append(binary.BigEndian.AppendUint16(said, uint16(len(d.id))), d.id...)
	object, err := webauthncbor.Marshal(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": append(said, key...)})
	if err != nil {
		d.t.Fatal(err)
	}
	return d.json(map[string]any{"id": d.encoded(d.id), "rawId": d.encoded(d.id), "type": "public-key", "response": map[string]any{
		"clientDataJSON": d.encoded(d.client("webauthn.create", a.Challenge)), "attestationObject": d.encoded(object), "transports": []string{"internal"}}})
}

// use answers what a page asks.
func (d *device) use(options string) string {
	d.t.Helper()
	said, client := d.head(d.flags), d.client("webauthn.get", d.read(options).Challenge)
	hash := sha256.Sum256(client)
	sum := sha256.Sum256(append(append([]byte(nil), said...), hash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, d.key, sum[:])
	if err != nil {
		d.t.Fatal(err)
	}
	response := map[string]any{"clientDataJSON": d.encoded(client), "authenticatorData": d.encoded(said), "signature": d.encoded(signature)}
	if !d.silent {
		response["userHandle"] = d.encoded(d.user)
	}
	return d.json(map[string]any{"id": d.encoded(d.id), "rawId": d.encoded(d.id), "type": "public-key", "response": response})
}

// A passkeyForm is the form that the script of a page fills in.
type passkeyForm struct{ action, token, options string }

func (b *browser) passkeyForm() passkeyForm {
	b.w.t.Helper()
	form := find(b.doc, func(n *html.Node) bool { return n.Data == "form" && has(n, "data-passkey") })
	if form == nil {
		b.w.t.Fatalf("page %s (%d) asks for no passkey", b.id, b.status)
	}
	token := find(form, func(n *html.Node) bool { return attribute(n, "name") == "step_token" })
	return passkeyForm{attribute(form, "action"), attribute(token, "value"), attribute(form, "data-options")}
}

// answers sends the page's passkey form as the script does.
func (b *browser) answers(outcome, answer string) *browser {
	b.w.t.Helper()
	form := b.passkeyForm()
	return b.send(form.action, map[string][]string{"step_token": {form.token}, "outcome": {outcome}, "answer": {answer}})
}

// withPasskey makes a passkey at C6.
func (b *browser) withPasskey(d *device) *browser {
	b.w.t.Helper()
	return b.answers("ok", d.create(b.passkeyForm().options)).expect(200, "c7")
}

// usesPasskey signs in with one.
func (b *browser) usesPasskey(d *device) *browser {
	b.w.t.Helper()
	return b.answers("ok", d.use(b.passkeyForm().options))
}
