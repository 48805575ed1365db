package claim_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/go-webauthn/webauthn/protocol/webauthncbor"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/store"
)

// A phone is an authenticator in software, with one ES256 credential, behind an honest browser.
type phone struct {
	key      *ecdsa.PrivateKey
	id, user []byte
	count    uint32
}

func newPhone(t testing.TB) *phone {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id := make([]byte, 32)
	_, _ = rand.Read(id)
	return &phone{key: key, id: id}
}

const (
	verifiedOwner = 0x01 | 0x04 // user present, user verified (WebAuthn level 3 section 6.1)
	heldOnly      = 0x01
)

func (p *phone) answer(ceremony, challenge string, flags byte, response map[string]any) []byte {
	client, _ := json.Marshal(map[string]any{"type": ceremony, "challenge": challenge, "origin": "http://localhost:8080"})
	party := sha256.Sum256([]byte("localhost"))
	said := binary.BigEndian.AppendUint32(append(party[:], flags), p.count)
	text := base64.RawURLEncoding.EncodeToString
	response["clientDataJSON"] = text(client)
	if ceremony == "webauthn.create" {
		point, _ := p.key.PublicKey.Bytes()
		key, _ := webauthncbor.Marshal(map[int]any{1: 2, 3: -7, -1: 1, -2: point[1:33], -3: point[33:]})
		said[32] |= 0x40
		said = append(binary.BigEndian.AppendUint16(append(said, make([]byte, 16)...), uint16(len(p.id))), p.id...)
		object, _ := webauthncbor.Marshal(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": append(said, key...)})
		response["attestationObject"] = text(object)
	} else {
		hash := sha256.Sum256(client)
		sum := sha256.Sum256(append(append([]byte(nil), said...), hash[:]...))
		signature, _ := ecdsa.SignASN1(rand.Reader, p.key, sum[:])
		response["authenticatorData"], response["signature"], response["userHandle"] = text(said), text(signature), text(p.user)
	}
	answer, _ := json.Marshal(map[string]any{"id": text(p.id), "rawId": text(p.id), "type": "public-key", "response": response})
	return answer
}

// create answers the challenge of C6.
func (p *phone) create(j claim.Journey, flags byte) []byte {
	p.user = customer.PasskeyHandle(j.Account)
	return p.answer("webauthn.create", j.Challenge, flags, map[string]any{})
}

// use answers a challenge of the sign-in.
func (p *phone) use(challenge string, flags byte) []byte {
	return p.answer("webauthn.get", challenge, flags, map[string]any{})
}

// passkeySteps are what a browser does with passkeys, for the exploration: one phone, the same for whoever sits there.
var passkeySteps = []browserAction{
	{"chooses passkey", func(st *stage, _ *scene, v *visitor) (bool, error) {
		return v.text != "", st.claims.ChooseMethod(st.Context(), v.post(), claim.MethodPasskey)
	}},
	{"adds passkey", func(st *stage, s *scene, v *visitor) (bool, error) {
		j := s.journey(v.text)
		return j.Session == v.session.ID && j.ID != 0, st.claims.ProvePasskey(st.Context(), v.post(), st.phone.create(j, verifiedOwner))
	}},
	{"adds passkey of somebody", func(st *stage, s *scene, v *visitor) (bool, error) {
		j := s.journey(v.text)
		err := st.claims.ProvePasskey(st.Context(), v.post(), st.phone.create(j, heldOnly))
		if err == nil {
			st.Errorf("a passkey without user verification was taken\n%v", s.path)
		}
		return j.Session == v.session.ID && j.ID != 0, err
	}},
	{"signs in with passkey", func(st *stage, s *scene, v *visitor) (bool, error) { return st.enter(s, v, true) }},
	{"signs in with passkey, is not answered", func(st *stage, s *scene, v *visitor) (bool, error) { return st.enter(s, v, false) }},
}

// enter is R1 with the phone, and at once again with the same answer: whatever the first one led to, the second leads nowhere.
func (st *stage) enter(s *scene, v *visitor, answered bool) (bool, error) {
	st.phone.user = customer.PasskeyHandle(st.account)
	challenge := st.signins.PasskeyChallenge("browser", "signin")
	post := customer.PasskeyPost{Session: v.session, Answer: st.phone.use(challenge, verifiedOwner), Bound: []string{"browser", "signin"}}
	key, err := st.signins.Passkey(st.Context(), post)
	if err != nil {
		return true, err
	}
	if s.entries++; s.entries > 2 {
		return false, nil
	}
	if st.m.failAt == 0 { // else the calls of one verb are counted
		if _, again := st.signins.Passkey(st.Context(), post); !errors.Is(again, customer.ErrPasskeySpent) {
			st.Errorf("an answer was taken twice: %v\n%v", again, s.path)
		}
	}
	if answered {
		v.session = key
	}
	return true, nil
}

// passkeyWay is the whole way with a passkey in place of the app.
var passkeyWay = []string{"partner mints", "A opens code (newest true)", "A starts", "A proves", "A sets password", "A chooses app", "A chooses passkey",
	"A adds passkey of somebody", "clock 15m0s", "A types password again", "A adds passkey", "A commits", "A confirms", "A allows", "A returns",
	"partner exchanges", "clock 5m0s", "A signs in with passkey", "A visits", "A returns", "partner exchanges"}

// onPasskey takes a browser to C6.
func (b *browser) onPasskey() {
	b.w.t.Helper()
	t := b.w.t
	must(t, b.open(b.o.minted()))
	must(t, b.start())
	must(t, b.prove(b.mailed()))
	must(t, b.w.claims.KeepPassword(t.Context(), b.post(), "hash"))
	must(t, b.w.claims.ChooseMethod(t.Context(), b.post(), claim.MethodPasskey))
}

// makes is C6 with a phone that says the flags.
func (b *browser) makes(p *phone, flags byte) error {
	j, err := b.journey()
	if err != nil {
		return err
	}
	return b.w.claims.ProvePasskey(b.w.t.Context(), b.post(), p.create(j, flags))
}

// enters is R1 with a phone.
func (b *browser) enters(p *phone) error {
	post := customer.PasskeyPost{Session: b.session, Bound: []string{"b"}, Origin: b.origin()}
	post.Answer = p.use(b.w.signins.PasskeyChallenge(post.Bound...), verifiedOwner)
	key, err := b.w.signins.Passkey(b.w.t.Context(), post)
	if err == nil {
		b.session = key
	}
	return err
}

// TestI3PasskeyIsProvisional: the passkey lies on the journey alone until the commit and signs nobody in before it; the commit
// copies it under the new epoch. The journey of another code, and one whose account another browser takes over, leave none.
func TestI3PasskeyIsProvisional(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, p := w.onboard(w.acme, "mira.kade@example.org"), newPhone(t)
	first := o.browser()
	first.onPasskey()
	must(t, first.makes(p, verifiedOwner))
	wants(t, "signing in before the commit", first.enters(p), customer.ErrPasskey)
	if !reflect.DeepEqual(w.account(o.account).Credentials, customer.Credentials{}) {
		t.Error("I3: a pending account has credentials")
	}
	second, other := o.browser(), newPhone(t)
	second.onPasskey()
	wants(t, "the commit of the journey that was overtaken", first.commit(), claim.ErrNotNow)
	must(t, second.makes(other, verifiedOwner))
	before := w.account(o.account)
	must(t, second.commit())
	after := w.account(o.account)
	if after.Epoch != before.Epoch+1 || len(after.Credentials.Passkeys) != 1 || !reflect.DeepEqual(after.Credentials.Passkeys[0].Credential, other.id) {
		t.Errorf("after the commit: epoch %d, %d passkeys", after.Epoch, len(after.Credentials.Passkeys))
	}
	if j, err := second.journey(); err != nil || !reflect.DeepEqual(j.Provisional, customer.Credentials{}) || j.Challenge != "" {
		t.Errorf("the journey keeps a credential or its challenge: %v", err)
	}
	wants(t, "the passkey of the journey that was overtaken", o.browser().enters(p), customer.ErrPasskey)
	must(t, o.browser().enters(other))
}

// TestI4PasskeyIsTwoFactors: what stands for both steps needs user verification when it is made and when it is used, and a
// challenge that nobody answered.
func TestI4PasskeyIsTwoFactors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, p := w.onboard(w.acme, "mira.kade@example.org"), newPhone(t)
	b := o.browser()
	b.onPasskey()
	asked, err := b.journey()
	must(t, err)
	wants(t, "made by whoever holds it", b.makes(p, heldOnly), customer.ErrPasskey)
	wants(t, "the challenge of a refusal", w.claims.ProvePasskey(t.Context(), b.post(), p.create(asked, verifiedOwner)), customer.ErrPasskey)
	wants(t, "nothing", w.claims.ProvePasskey(t.Context(), b.post(), nil), customer.ErrPasskey)
	wants(t, "a commit without a second step", b.commit(), claim.ErrNotNow)
	must(t, b.makes(p, verifiedOwner))
	wants(t, "made again", b.makes(p, verifiedOwner), claim.ErrNotNow)
	must(t, b.commit())
	post := customer.PasskeyPost{Bound: []string{"b"}}
	post.Answer = p.use(w.signins.PasskeyChallenge("b"), heldOnly)
	_, err = w.signins.Passkey(t.Context(), post)
	wants(t, "used by whoever holds it", err, customer.ErrPasskey)
	must(t, b.enters(p))
	s, a, _, err := w.signins.Session(t.Context(), b.session)
	must(t, err)
	if !s.SignedIn(a, w.now()) || s.Level != customer.TwoSteps {
		t.Errorf("signed in at level %d", s.Level)
	}
}

// TestPasskeyAfterARestart: the server ends after each step and comes back with what it had answered; the same challenge is
// asked, the same codes are shown, and the commit is one.
func TestPasskeyAfterARestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, p := w.onboard(w.acme, "mira.kade@example.org"), newPhone(t)
	b := o.browser()
	restart := func() {
		t.Helper()
		must(t, w.db.Close())
		db, err := store.Open(t.Context(), w.place)
		must(t, err)
		at := w.clock
		at.advance(time.Second) // numbers of rows grow with the time: a second process in the same millisecond draws the same
		w.db, w.nouns = db, newNouns(at, w.keys, storesOf(db))
	}
	b.onPasskey()
	asked, err := b.journey()
	must(t, err)
	restart()
	must(t, w.claims.ProvePasskey(t.Context(), b.post(), p.create(asked, verifiedOwner)))
	shown, err := b.journey()
	must(t, err)
	restart()
	if again, err := b.journey(); err != nil || !reflect.DeepEqual(again, shown) {
		t.Errorf("the journey is another after a restart: %v", err)
	}
	old := b.session
	must(t, b.commit())
	restart()
	b.session = old // the answer did not come
	wants(t, "the commit again", b.commit(), claim.ErrNotNow)
	if a := w.account(o.account); a.Epoch != 2 || len(a.Credentials.Passkeys) != 1 || a.State != customer.Claimed {
		t.Errorf("%s, epoch %d, %d passkeys", a.State, a.Epoch, len(a.Credentials.Passkeys))
	}
	answer := customer.PasskeyPost{Bound: []string{"b"}, Answer: p.use(w.signins.PasskeyChallenge("b"), verifiedOwner)}
	_, err = w.signins.Passkey(t.Context(), answer)
	must(t, err)
	restart()
	_, err = w.signins.Passkey(t.Context(), answer)
	wants(t, "an answer from before the restart", err, customer.ErrPasskeySpent)
}

// TestPasskeyCopies: a count that did not rise refuses, whoever it is, and leaves the highest that was seen; above it the
// passkey works again. One that never counts is not taken for a copy.
func TestPasskeyCopies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o, p := w.onboard(w.acme, "mira.kade@example.org"), newPhone(t)
	b := o.browser()
	b.onPasskey()
	must(t, b.makes(p, verifiedOwner))
	must(t, b.commit())
	for _, c := range []struct {
		count  uint32
		cloned bool
	}{{0, false}, {0, false}, {5, false}, {5, true}, {4, true}, {0, true}, {6, false}, {7, false}} {
		w.advance(time.Minute)
		p.count = c.count
		err := b.enters(p)
		wants(t, fmt.Sprintf("count %d", c.count), err, map[bool]error{true: customer.ErrPasskey}[c.cloned])
		if c.cloned {
			if k := w.account(o.account).Credentials.Passkeys[0]; !k.ClonedAt.Equal(w.now()) || k.SignCount != 5 || k.LastUsedAt.Equal(w.now()) {
				t.Errorf("count %d leaves %+v", c.count, k)
			}
			last := w.events(audit.Filter{Account: int64(o.account)})[0]
			if last.Outcome != audit.Denied || last.Reason != "passkey_cloned" {
				t.Errorf("the audit says %s %s", last.Action, last.Reason)
			}
		}
	}
}
