package api

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/secret"
)

// noApproval is the answer about a one-time token that is not the caller's.
const noApproval = `{"errors":[{"code":"NOT_FOUND","message":"There is no such one-time token, or not any more","arguments":[]}]}`

// Contract 13: a protected call is refused with a token, which is cleared and used once. Only a sandbox has such calls.
func TestOneTimeToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.simulating()
	p := w.open(acme, "mira.kade@example.org")
	w.profile(p)
	protected := func(token string) reply {
		headers := []string{"Authorization", p.bearer}
		if token != "" {
			headers = append(headers, "x-2fa-approval", token)
		}
		return w.ask("POST", "/v1/simulation/protected", "", headers...)
	}
	refused := protected("")
	refused.want(t, 403, `{"timestamp":"2031-02-03T04:05:06.789+0000","status":403,"error":"Forbidden","message":"Unauthorized","path":"/v1/simulation/protected"}`)
	token := refused.header.Get("x-2fa-approval")
	if refused.header.Get("x-2fa-approval-result") != "REJECTED" || !uuid.MatchString(token) {
		t.Fatalf("headers %v", refused.header)
	}
	ott := func(method, path, body string) reply {
		return w.ask(method, path, body, "Authorization", p.bearer, "One-Time-Token", token, "Content-Type", "application/json")
	}
	status := func(passed, validity string) string {
		return `{"oneTimeTokenProperties":{"oneTimeToken":"` + token + `","challenges":[{"primaryChallenge":{"type":"SMS","viewData":{}},"alternatives":[{"type":"WHATSAPP","viewData":{}},{"type":"VOICE","viewData":{}}],"required":true,"passed":` +
			passed + `}],"validity":` + validity + `,"actionType":"SIMULATED","userId":` + decimal(p.id) + `}}`
	}
	ott("GET", "/v1/one-time-token/status", "").want(t, 200, status("false", "3600"))
	ott("POST", "/v1/one-time-token/sms/verify", `{"otpCode":"111111"}`).want(t, 400,
		`{"errors":[{"code":"NOT_VALID","message":"Trigger the challenge first","path":"One-Time-Token","arguments":[]}]}`)
	if again := protected(token); again.status != 403 || again.header.Get("x-2fa-approval") == token {
		t.Errorf("an open token: %d %v", again.status, again.header)
	}
	w.advance(time.Minute)
	for _, way := range []string{"sms", "whatsapp", "voice"} {
		ott("POST", "/2026Q3/one-time-token/"+way+"/trigger", "").want(t, 200, `{"obfuscatedPhoneNo":"*********0142"}`)
	}
	ott("POST", "/v1/one-time-token/sms/verify", `{"otpCode":"111112"}`).want(t, 400,
		`{"errors":[{"code":"NOT_VALID","message":"The code does not match","path":"otpCode","arguments":[]}]}`)
	ott("POST", "/v1/one-time-token/sms/verify", `{}`).want(t, 400, `{"errors":[{"code":"NotNull","message":"must not be null","path":"otpCode","arguments":[]}]}`)
	ott("POST", "/v1/one-time-token/voice/verify", `{"otpCode":"111111"}`).want(t, 200, status("true", "3540"))
	cleared := protected(token)
	cleared.want(t, 200, `{}`)
	if cleared.header.Get("x-2fa-approval-result") != "APPROVED" {
		t.Errorf("headers %v", cleared.header)
	}
	if again := protected(token); again.status != 403 {
		t.Errorf("used twice: %d", again.status)
	}
	ott("GET", "/v1/one-time-token/status", "").want(t, 404, noApproval)
}

// Unknown, foreign, late and guessed tokens; ways that do not exist; too many tries.
func TestOneTimeTokenRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.simulating()
	p, other := w.open(acme, "mira.kade@example.org"), w.open(acme, "other@example.org")
	ask := func(p person) string {
		return w.ask("POST", "/v1/simulation/protected", "", "Authorization", p.bearer).header.Get("x-2fa-approval")
	}
	own, foreign := ask(p), ask(other)
	for _, token := range []string{foreign, "x", "3d6a4f0e-8b34-4c6d-9c4f-4a1a0a9b2c7d"} {
		for path, body := range map[string]string{"/v1/one-time-token/sms/trigger": "{}", "/v1/one-time-token/sms/verify": `{"otpCode":"111111"}`} {
			w.ask("POST", path, body, "Authorization", p.bearer, "One-Time-Token", token, "Content-Type", "application/json").want(t, 404, noApproval)
		}
		w.ask("GET", "/v1/one-time-token/status", "", "Authorization", p.bearer, "One-Time-Token", token).want(t, 404, noApproval)
	}
	w.json("GET", "/v1/one-time-token/status", p.bearer, "").want(t, 400, `{"errors":[{"code":"NotNull","message":"must not be null","path":"One-Time-Token","arguments":[]}]}`)
	w.json("GET", "/v1/one-time-token/status", w.app(acme), "").want(t, 403, unknownBody)
	ott := func(path, body string) reply {
		return w.ask("POST", path, body, "Authorization", p.bearer, "One-Time-Token", own, "Content-Type", "application/json")
	}
	for _, way := range []string{"pin", "SMS", "email"} {
		ott("/v1/one-time-token/"+way+"/trigger", "{}").want(t, 404, notFound)
		ott("/v1/one-time-token/"+way+"/verify", `{"otpCode":"111111"}`).want(t, 404, notFound)
	}
	ott("/v1/one-time-token/sms/trigger", "{}").want(t, 422, `{"errors":[{"code":"MISSING","message":"The user has no phone number","path":"phoneNumber","arguments":[]}]}`)
	w.json("POST", "/v1/application/users/"+decimal(p.id)+"/phone-numbers", w.app(acme), `{"phoneNumber":"+447700900321"}`)
	ott("/v1/one-time-token/sms/trigger", "{}").want(t, 200, `{"obfuscatedPhoneNo":"*********0321"}`)
	for range 5 {
		if got := ott("/v1/one-time-token/sms/verify", `{"otpCode":"000000"}`); got.status != 400 {
			t.Fatalf("a guess: %d %s", got.status, got.body)
		}
	}
	ott("/v1/one-time-token/sms/verify", `{"otpCode":"111111"}`).want(t, 429, tooMany)
	w.advance(time.Hour)
	ott("/v1/one-time-token/sms/trigger", "{}").want(t, 404, noApproval)
}

// Contract 13: phone numbers of accounts that the partner opened and nobody has claimed.
func TestPhoneNumbers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, other := w.open(acme, "mira.kade@example.org"), w.open(acme, "other@example.org")
	foreign := w.open(globex, "third@example.org")
	give := func(id int64, body string) reply {
		return w.json("POST", "/v1/application/users/"+decimal(id)+"/phone-numbers", w.app(acme), body)
	}
	got := give(p.id, `{"phoneNumber":"+44 7700 900321"}`)
	var made struct{ ID int64 }
	must(t, json.Unmarshal([]byte(got.body), &made))
	got.want(t, 200, `{"id":`+decimal(made.ID)+`,"phoneNumber":"+447700900321","type":"PRIMARY","verified":false,"clientId":"acme-treasury"}`)
	const repeated = `{"errors":[{"code":"phone.number.repeated","message":"The phone number was given before","path":"phoneNumber","arguments":[]}]}`
	give(p.id, `{"phoneNumber":"+447700900321"}`).want(t, 422, repeated)
	give(other.id, `{"phoneNumber":"+447700900321"}`).want(t, 422, repeated)
	give(p.id, `{}`).want(t, 400, `{"errors":[{"code":"NotNull","message":"must not be null","path":"phoneNumber","arguments":[]}]}`)
	give(p.id, `{"phoneNumber":"+123"}`).want(t, 422, `{"errors":[{"code":"UNEXPECTED","message":"The phone number is not valid","path":"phoneNumber","arguments":["phoneNumber","+123"]}]}`)
	for _, id := range []int64{foreign.id, 7} {
		give(id, `{"phoneNumber":"+447700900322"}`).want(t, 403, unknownBody)
	}
	w.json("POST", "/v1/application/users/"+decimal(p.id)+"/phone-numbers", p.bearer, `{"phoneNumber":"+447700900322"}`).want(t, 403, unknownBody)
	w.json("POST", "/2026Q3/application/users/"+decimal(foreign.id)+"/phone-numbers", w.app(globex), `{"phoneNumber":"+447700900321"}`)
	w.profile(p)
	w.claimed(p, "", nil)
	give(p.id, `{"phoneNumber":"+447700900329"}`).want(t, 403, unknownBody)
	if got := give(other.id, `{"phoneNumber":"+447700900321"}`); got.status != 200 {
		t.Errorf("the number of before the hand-over is kept: %d %s", got.status, got.body)
	}
}

// Contract 13, JOSE: what a client may read and give.
func TestJOSEKeys(t *testing.T) {
	w := newWorld(t)
	signing, err := secret.NewSigningKeys(noon)
	must(t, err)
	w.door.Signing = func() (*secret.SigningKeys, error) { return signing, nil }
	app := w.app(acme)
	public, err := signing.Public(noon)
	must(t, err)
	const read = "/v1/auth/jose/response/public-keys"
	w.json("GET", read+"?algorithm=PS256&scope=PAYLOAD_SIGNING", app, "").want(t, 200,
		`{"version":1,"keyMaterial":{"algorithm":"PS256","keyMaterial":"`+public+`"},"scope":"PAYLOAD_SIGNING"}`)
	for _, query := range []string{"?algorithm=ES512&scope=PAYLOAD_SIGNING", "?algorithm=RSA_OAEP_256&scope=PAYLOAD_ENCRYPTION", "?algorithm=PS512&scope=PAYLOAD_SIGNING&version=2"} {
		w.json("GET", read+query, app, "").want(t, 404, notFound)
	}
	w.json("GET", read, app, "").want(t, 400, `{"errors":[{"code":"BAD_REQUEST","message":"The scope is not PAYLOAD_SIGNING or PAYLOAD_ENCRYPTION","path":"scope","arguments":[]}]}`)
	w.json("GET", read+"?algorithm=RS256&scope=PAYLOAD_ENCRYPTION", app, "").want(t, 400,
		`{"errors":[{"code":"BAD_REQUEST","message":"The algorithm is not one of RSA_OAEP_256","path":"algorithm","arguments":[]}]}`)
	w.json("GET", read+"?algorithm=PS256&scope=PAYLOAD_SIGNING", w.open(acme, "mira.kade@example.org").bearer, "").want(t, 403, unknownBody)

	const give = "/2026Q3/auth/jose/request/public-keys"
	body := func(id, algorithm, material, till string) string {
		return `{"keyId":"` + id + `","validFrom":"2031-01-01 00:00:00","validTill":` + till + `,"scope":"PAYLOAD_SIGNING","publicKeyMaterial":{"algorithm":"` + algorithm + `","keyMaterial":"` + material + `"}}`
	}
	const id = "3d6a4f0e-8b34-4c6d-9c4f-4a1a0a9b2c7d"
	ec, weak := newECKey(t), newRSAKey(t, 1024)
	w.json("POST", give, app, body(id, "ES256", ec, "null")).want(t, 201, `{"clientId":null,`+body(id, "ES256", ec, "null")[1:])
	w.json("POST", give, app, body(id, "ES256", ec, "null")).want(t, 409, `{"errors":[{"code":"NOT_UNIQUE","message":"There is a key of this id already","path":"keyId","arguments":[]}]}`)
	if got := w.json("POST", give, w.app(globex), body(id, "PS256", public, `"2041-01-01 00:00:00"`)); got.status != 201 {
		t.Errorf("another partner's: %d %s", got.status, got.body)
	}
	const bad = `{"errors":[{"code":"BAD_REQUEST","message":"It is not a public key for the algorithm, in DER and base64","path":"publicKeyMaterial.keyMaterial","arguments":[]}]}`
	for _, x := range [][2]string{{"ES512", ec}, {"PS256", ec}, {"ES256", public}, {"PS256", weak}, {"ES256", "AAAA"}, {"ES256", "no base64"}} {
		w.json("POST", give, app, body(id, x[0], x[1], "null")).want(t, 400, bad)
	}
	w.json("POST", give, app, body("x", "ES256", ec, `"2031-01-01 00:00:00"`)).want(t, 400, `{"errors":[{"code":"BAD_REQUEST","message":"The id is not a UUID","path":"keyId","arguments":[]},{"code":"BAD_REQUEST","message":"The key would never be valid","path":"validTill","arguments":[]}]}`)
	for _, till := range []string{`"2041-01-01T00:00:00Z"`, `"soon"`, `5`, `{}`} {
		w.json("POST", give, app, body(id, "ES256", ec, till)).want(t, 400, `{"errors":[{"code":"BAD_REQUEST","message":"The field has another type","path":"validTill","arguments":[]}]}`)
	}
	if got := w.json("POST", give, app, `{}`); got.status != 400 || strings.Count(got.body, "NotNull") != 4 {
		t.Errorf("nothing: %d %s", got.status, got.body)
	}
}

func newECKey(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return inDER(t, &key.PublicKey)
}

func newRSAKey(t *testing.T, bits int) string {
	t.Helper()
	t.Setenv("GODEBUG", "rsa1024min=0")
	key, err := rsa.GenerateKey(rand.Reader, bits)
	must(t, err)
	return inDER(t, &key.PublicKey)
}

func inDER(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	must(t, err)
	return base64.StdEncoding.EncodeToString(der)
}

// Design, Not built until an issue asks: PIN, device and face are documented and say so.
func TestNotBuilt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := 0
	for _, rt := range w.door.routes() {
		if rt.by != byAnyone || !strings.HasPrefix(rt.legacy, "/v") || strings.Contains(rt.legacy, "/terms/") {
			continue
		}
		n++
		for _, pattern := range rt.patterns() {
			path := strings.NewReplacer("{profile}", "1", calendar, "/2026Q3").Replace(pattern)
			w.ask(rt.method, path, "", "Content-Type", "application/jose+json", "X-TW-JOSE-Method", "jwe").want(t, 501,
				`{"errors":[{"code":"NOT_IMPLEMENTED","message":"This documented endpoint is not served here","arguments":[]}]}`)
		}
	}
	if n != 11 {
		t.Errorf("%d endpoints", n)
	}
}
