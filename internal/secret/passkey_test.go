package secret

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func testParty(t testing.TB) PasskeyParty {
	t.Helper()
	p := NewPasskeyParty("http://localhost:8080", "Latchkey")
	if p.ID != "localhost" || p.Origin != "http://localhost:8080" {
		t.Fatalf("the party is %+v", p)
	}
	return p
}

func fault(err error) string {
	var f PasskeyFault
	if errors.As(err, &f) && errors.Is(err, ErrPasskey) {
		return f.Reason
	}
	return fmt.Sprint(err)
}

// A passkey is bound to the public address: its host without a port, and its origin. IP addresses and plain http have none.
func TestPasskeyParty(t *testing.T) {
	for origin, want := range map[string]string{
		"https://id.example.com":      "id.example.com https://id.example.com",
		"https://id.example.com:8443": "id.example.com https://id.example.com:8443",
		"http://localhost:8080":       "localhost http://localhost:8080",
		"https://id.example.com/x":    "id.example.com https://id.example.com",
		"http://id.example.com":       " ",
		"http://127.0.0.1:8080":       " ",
		"https://192.0.2.7":           " ",
		"https://[2001:db8::1]":       " ",
		"ftp://id.example.com":        " ",
		"":                            " ",
		"https://":                    " ",
		"::":                          " ",
	} {
		p := NewPasskeyParty(origin, "Latchkey")
		if got := p.ID + " " + p.Origin; got != want || p.Works() != (want != " ") {
			t.Errorf("%q: %q, works %v", origin, got, p.Works())
		}
	}
	if _, err := (PasskeyParty{}).Register("x", newDevice(t).create(`{"challenge":"x"}`)); fault(err) != "party" {
		t.Errorf("a server without passkeys: %v", err)
	}
}

// The options ask for what the package promises, with binary values in base64url.
func TestPasskeyOptions(t *testing.T) {
	p, challenge := testParty(t), NewPasskeyChallenge()
	var made struct {
		RP        struct{ ID, Name string }
		User      struct{ ID, Name, DisplayName string }
		Challenge string
		Params    []struct {
			Alg int
		} `json:"pubKeyCredParams"`
		Exclude []struct{ ID, Type string } `json:"excludeCredentials"`
		Select  struct {
			ResidentKey, UserVerification string
			RequireResidentKey            bool
		} `json:"authenticatorSelection"`
		Attestation string
		Timeout     int
	}
	text := p.CreationOptions(challenge, PasskeyUser{Handle: []byte{1, 2, 255}, Name: "mira.kade@example.org"}, [][]byte{{9, 9}})
	if err := json.Unmarshal([]byte(text), &made); err != nil {
		t.Fatal(err)
	}
	if made.RP.ID != "localhost" || made.RP.Name != "Latchkey" || made.User.ID != "AQL_" || made.User.Name != "mira.kade@example.org" ||
		made.User.DisplayName == "" || made.Challenge != challenge || len(made.Exclude) != 1 || made.Exclude[0].ID != "CQk" ||
		made.Select.ResidentKey != "required" || !made.Select.RequireResidentKey || made.Select.UserVerification != "required" ||
		made.Attestation != "none" || made.Timeout != 300_000 || len(made.Params) != 3 || made.Params[0].Alg != -7 {
		t.Errorf("%s", text)
	}
	var asked struct {
		Challenge, RPID, UserVerification string
		Allow                             []struct{ ID string } `json:"allowCredentials"`
	}
	if err := json.Unmarshal([]byte(p.RequestOptions(challenge, nil)), &asked); err != nil {
		t.Fatal(err)
	}
	if asked.Challenge != challenge || asked.RPID != "localhost" || asked.UserVerification != "required" || len(asked.Allow) != 0 {
		t.Errorf("%+v", asked)
	}
	if err := json.Unmarshal([]byte(p.RequestOptions(challenge, [][]byte{{1}, {2}})), &asked); err != nil || len(asked.Allow) != 2 {
		t.Errorf("%+v %v", asked, err)
	}
	if NewPasskeyChallenge() == challenge || len(challenge) != 43 {
		t.Error("challenges repeat, or are short")
	}
}

// An honest passkey is made and used; what it says of itself is kept.
func TestPasskeyIsMadeAndUsed(t *testing.T) {
	p, d := testParty(t), newDevice(t)
	challenge := NewPasskeyChallenge()
	c, err := p.Register(challenge, d.create(p.CreationOptions(challenge, PasskeyUser{Handle: []byte("handle"), Name: "x"}, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(c.ID, d.id) || !c.BackupEligible || !c.BackedUp || c.SignCount != 0 || fmt.Sprint(c.Transports) != "[internal hybrid]" {
		t.Errorf("%+v", c)
	}
	d.count, d.flags = 7, userPresent|userVerified
	challenge = NewPasskeyChallenge()
	a, err := ReadPasskey(d.get(p.RequestOptions(challenge, nil)))
	if err != nil || !bytes.Equal(a.Credential, d.id) || string(a.User) != "handle" || a.Challenge != challenge {
		t.Fatalf("%v %v", a, err)
	}
	use, err := p.Verify(challenge, c.PublicKey, a)
	if err != nil || use != (PasskeyUse{SignCount: 7}) {
		t.Errorf("%+v %v", use, err)
	}
	if text := fmt.Sprintf("%v %+v %s", a, a, a); strings.Contains(text, challenge) || strings.Contains(text, "handle") {
		t.Errorf("an answer is printed: %s", text)
	}
}

// lies are what makes an answer worthless in either ceremony, with the reason that the audit keeps.
var lies = map[string]struct {
	reason string
	lie    func(*device)
}{
	"another challenge":            {"challenge", func(d *device) { d.challenge = NewPasskeyChallenge() }},
	"an empty challenge":           {"challenge", func(d *device) { d.challenge = "=" }},
	"the other ceremony":           {"ceremony", func(d *device) { d.ceremony = "payment.get" }},
	"a phishing site":              {"origin", func(d *device) { d.origin = "https://latchkey.example.net" }},
	"another port":                 {"origin", func(d *device) { d.origin = "http://localhost:8081" }},
	"another scheme":               {"origin", func(d *device) { d.origin = "https://localhost:8080" }},
	"the origin in capitals":       {"origin", func(d *device) { d.origin = "HTTP://LOCALHOST:8080" }},
	"the origin with a slash":      {"origin", func(d *device) { d.origin = "http://localhost:8080/" }},
	"a page in a frame":            {"origin", func(d *device) { d.crossOrigin = true }},
	"another party":                {"party", func(d *device) { d.party = "example.com" }},
	"a party that is longer":       {"party", func(d *device) { d.party = "localhost." }},
	"nobody there":                 {"absent", func(d *device) { d.flags &^= userPresent }},
	"somebody, but who":            {"unverified", func(d *device) { d.flags &^= userVerified }},
	"a backup that cannot be made": {"backup", func(d *device) { d.flags &^= backupEligible }},
}

func TestPasskeyLies(t *testing.T) {
	p := testParty(t)
	for name, c := range lies {
		d := newDevice(t)
		challenge := NewPasskeyChallenge()
		made, err := p.Register(challenge, d.create(p.CreationOptions(challenge, PasskeyUser{Handle: []byte("h")}, nil)))
		if err != nil {
			t.Fatal(err)
		}
		c.lie(d)
		if _, err := p.Register(challenge, d.create(p.CreationOptions(challenge, PasskeyUser{Handle: []byte("h")}, nil))); fault(err) != c.reason {
			t.Errorf("made with %s: %v, want %s", name, err, c.reason)
		}
		a, err := ReadPasskey(d.get(p.RequestOptions(challenge, nil)))
		if err == nil {
			_, err = p.Verify(challenge, made.PublicKey, a)
		}
		if fault(err) != c.reason {
			t.Errorf("used with %s: %v, want %s", name, err, c.reason)
		}
	}
}

// A key of an algorithm that was not asked for, an id that could be guessed and an id that is not the attested one are not
// taken.
func TestPasskeyCredentialsThatAreRefused(t *testing.T) {
	p := testParty(t)
	for name, c := range map[string]struct {
		reason string
		change func(*device)
	}{
		"an algorithm of yesterday": {"key", func(d *device) { d.alg = -65535 }},
		"a key of another kind":     {"key", func(d *device) { d.alg = -8 }},
		"a short id":                {"credential", func(d *device) { d.id = d.id[:15] }},
		"an id that is too long":    {"form", func(d *device) { d.id = Bytes(1024) }},
		"no id":                     {"form", func(d *device) { d.id = nil }},
	} {
		d := newDevice(t)
		c.change(d)
		challenge := NewPasskeyChallenge()
		if _, err := p.Register(challenge, d.create(p.CreationOptions(challenge, PasskeyUser{}, nil))); fault(err) != c.reason {
			t.Errorf("%s: %v, want %s", name, err, c.reason)
		}
	}
	d := newDevice(t)
	answer := string(d.create(`{"challenge":"x"}`))
	for name, text := range map[string]string{
		"other id":  strings.ReplaceAll(answer, d.text(d.id), d.text(Bytes(32))),
		"trailing":  answer + "{}",
		"empty":     "",
		"not JSON":  "<html>",
		"too large": answer + strings.Repeat(" ", maxPasskeyAnswer),
		"null":      "null",
		"cut":       answer[:len(answer)/2],
	} {
		if _, err := p.Register("x", []byte(text)); !errors.Is(err, ErrPasskey) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Another key's signature, a signature over something else and an answer that was never read do not verify.
func TestPasskeySignatures(t *testing.T) {
	p, d, other := testParty(t), newDevice(t), newDevice(t)
	challenge := NewPasskeyChallenge()
	made, _ := p.Register(challenge, d.create(p.CreationOptions(challenge, PasskeyUser{}, nil)))
	theirs, _ := p.Register(challenge, other.create(p.CreationOptions(challenge, PasskeyUser{}, nil)))
	answer := d.get(p.RequestOptions(challenge, nil))
	a, err := ReadPasskey(answer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Verify(challenge, theirs.PublicKey, a); fault(err) != "signature" {
		t.Errorf("another's key: %v", err)
	}
	if _, err := p.Verify(challenge, []byte{0xa0}, a); fault(err) != "signature" {
		t.Errorf("no key: %v", err)
	}
	if _, err := p.Verify(challenge, made.PublicKey, PasskeyAnswer{}); fault(err) != "form" {
		t.Errorf("no answer: %v", err)
	}
	d.count = 9
	counted := d.get(p.RequestOptions(challenge, nil))
	var first, second map[string]any
	_, _ = json.Unmarshal(answer, &first), json.Unmarshal(counted, &second)
	first["response"].(map[string]any)["authenticatorData"] = second["response"].(map[string]any)["authenticatorData"]
	if a, err = ReadPasskey(d.json(first)); err == nil {
		_, err = p.Verify(challenge, made.PublicKey, a)
	}
	if fault(err) != "signature" {
		t.Errorf("a count that was not signed: %v", err)
	}
	for name, text := range map[string]string{"empty": "", "null": "null", "trailing": string(answer) + " 1", "too large": string(answer) + strings.Repeat(" ", maxPasskeyAnswer),
		"a handle of 65 bytes": strings.Replace(string(answer), `"userHandle":""`, `"userHandle":"`+d.text(Bytes(65))+`"`, 1)} {
		if _, err := ReadPasskey([]byte(text)); fault(err) != "form" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A challenge of the sign-in proves by itself where, for whom and when it was made: to another browser, page or server it is
// nothing, and it ends on the millisecond.
func TestPasskeyChallenge(t *testing.T) {
	k, now := mustKeys(t, map[int][]byte{1: GenerateMaster()}), time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	challenge := k.PasskeyChallenge(now, "session 7", "signin")
	until, err := k.CheckPasskeyChallenge(challenge, now, "session 7", "signin")
	if err != nil || !until.Equal(now.Add(PasskeyChallengeLife)) {
		t.Fatalf("%v %v", until, err)
	}
	if _, err := k.CheckPasskeyChallenge(challenge, until.Add(-time.Millisecond), "session 7", "signin"); err != nil {
		t.Error("ends early:", err)
	}
	if _, err := k.CheckPasskeyChallenge(challenge, until, "session 7", "signin"); fault(err) != "late" {
		t.Error("does not end:", err)
	}
	for name, c := range map[string]struct {
		text  string
		bound []string
	}{
		"another browser":     {challenge, []string{"session 8", "signin"}},
		"another page":        {challenge, []string{"session 7", "signin/second-step"}},
		"parts that moved":    {challenge, []string{"session 7s", "ignin"}},
		"one part":            {challenge, []string{"session 7signin"}},
		"a later moment":      {challenge[:28] + "zz" + challenge[30:], []string{"session 7", "signin"}},
		"cut":                 {challenge[:40], []string{"session 7", "signin"}},
		"longer":              {challenge + "AAAA", []string{"session 7", "signin"}},
		"a line break":        {challenge[:20] + "\n" + challenge[20:], []string{"session 7", "signin"}},
		"none":                {"", []string{"session 7", "signin"}},
		"drawn by a stranger": {Text(challengeSize), []string{"session 7", "signin"}},
		"of a kept one":       {NewPasskeyChallenge(), []string{"session 7", "signin"}},
	} {
		if _, err := k.CheckPasskeyChallenge(c.text, now, c.bound...); fault(err) != "challenge" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if k.PasskeyChallenge(now, "session 7", "signin") == challenge {
		t.Error("two challenges of one moment are equal")
	}
	if _, err := mustKeys(t, map[int][]byte{1: GenerateMaster()}).CheckPasskeyChallenge(challenge, now, "session 7", "signin"); fault(err) != "challenge" {
		t.Error("another server's challenge is taken:", err)
	}
}

// Whatever a stranger sends in place of an authenticator's answer: no panic, and nothing but a signature over the challenge
// is believed.
func FuzzPasskeyAnswers(f *testing.F) {
	p, d := testParty(f), newDevice(f)
	challenge := NewPasskeyChallenge()
	creation := d.create(p.CreationOptions(challenge, PasskeyUser{Handle: []byte("handle")}, nil))
	made, err := p.Register(challenge, creation)
	if err != nil {
		f.Fatal(err)
	}
	use := d.get(p.RequestOptions(challenge, nil))
	f.Add(creation)
	f.Add(use)
	for _, lie := range lies {
		liar := newDevice(f)
		lie.lie(liar)
		f.Add(liar.create(`{"challenge":"x"}`))
		f.Add(liar.get(`{"challenge":"x"}`))
	}
	for _, text := range []string{"", "{}", "null", `{"id":"AA","rawId":"AA","type":"public-key","response":{}}`, `[[[[`,
		`{"id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":"e30","attestationObject":"oA"}}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		fresh := NewPasskeyChallenge() // nobody can have answered it
		if c, err := p.Register(fresh, answer); err == nil || !errors.Is(err, ErrPasskey) || c.ID != nil {
			t.Fatalf("made: %v", err)
		}
		if c, err := p.Register(challenge, answer); err == nil && (len(c.ID) < minCredentialID || len(c.ID) > maxCredentialID || len(c.PublicKey) > maxPasskeyKey) {
			t.Fatalf("a credential of %d bytes with a key of %d", len(c.ID), len(c.PublicKey))
		}
		a, err := ReadPasskey(answer)
		if err != nil {
			if !errors.Is(err, ErrPasskey) {
				t.Fatal(err)
			}
			return
		}
		if len(a.User) > maxUserHandle || len(a.Credential) > maxCredentialID {
			t.Fatal("more is read than an authenticator may say")
		}
		if _, err := p.Verify(fresh, made.PublicKey, a); err == nil {
			t.Fatal("a challenge that nobody answered is answered")
		}
		_, _ = p.Verify(a.Challenge, made.PublicKey, a)
	})
}

// The same a layer deeper, past the JSON: whatever lies in the client data, the CBOR and the signature.
func FuzzPasskeyParts(f *testing.F) {
	p, d := testParty(f), newDevice(f)
	challenge := NewPasskeyChallenge()
	add := func(answer []byte) {
		var a struct{ Response map[string]any }
		if err := json.Unmarshal(answer, &a); err != nil {
			f.Fatal(err)
		}
		part := func(name string) []byte {
			text, _ := a.Response[name].(string)
			raw, _ := base64.RawURLEncoding.DecodeString(text)
			return raw
		}
		f.Add(part("clientDataJSON"), part("attestationObject"), part("authenticatorData"), part("signature"))
	}
	creation := d.create(p.CreationOptions(challenge, PasskeyUser{Handle: []byte("handle")}, nil))
	made, err := p.Register(challenge, creation)
	if err != nil {
		f.Fatal(err)
	}
	for _, answer := range [][]byte{creation, d.get(p.RequestOptions(challenge, nil))} {
		add(answer)
		for _, lie := range lies {
			liar := newDevice(f)
			lie.lie(liar)
			add(liar.create(`{"challenge":"x"}`))
			add(liar.get(`{"challenge":"x"}`))
		}
	}
	f.Add([]byte("{}"), []byte{0xbf, 0xff}, make([]byte, 37), []byte{0x30, 0})
	f.Add([]byte(`{"type":"webauthn.create"}`), []byte{0x9f, 0x9f, 0x9f}, make([]byte, 200), []byte(nil))
	f.Fuzz(func(t *testing.T, client, object, said, signature []byte) {
		answer := d.json(map[string]any{"id": d.text(d.id), "rawId": d.text(d.id), "type": "public-key", "response": map[string]any{
			"clientDataJSON": d.text(client), "attestationObject": d.text(object), "authenticatorData": d.text(said), "signature": d.text(signature)}})
		if _, err := p.Register(NewPasskeyChallenge(), answer); err == nil {
			t.Fatal("a challenge that nobody answered makes a passkey")
		}
		if c, err := p.Register(challenge, answer); err == nil && !bytes.Equal(c.ID, d.id) {
			t.Fatal("a passkey of another id than the browser says")
		}
		if read, err := ReadNewPasskey(answer); err == nil && len(read) > len(client) {
			t.Fatal("a challenge out of nothing")
		}
		a, err := ReadPasskey(answer)
		if err != nil {
			return
		}
		if _, err := p.Verify(NewPasskeyChallenge(), made.PublicKey, a); err == nil {
			t.Fatal("a challenge that nobody answered is answered")
		}
		use, err := p.Verify(challenge, made.PublicKey, a)
		if err == nil && (use.SignCount != 0 || !bytes.Contains(client, []byte(challenge))) {
			t.Fatal("what was not signed is believed")
		}
	})
}
