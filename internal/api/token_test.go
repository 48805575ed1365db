package api

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/store"
)

// shape replaces what differs from run to run, so that the rest can be compared byte for byte.
var tokenText = regexp.MustCompile(`"lk([ar])_[0-9]+_[0-9]+_[A-Za-z0-9_-]{43}"`)

func shaped(body string) string { return tokenText.ReplaceAllString(body, `"lk${1}"`) }

const (
	freshClient = `{"access_token":"lka","token_type":"bearer","expires_in":43199,"expires_at":"2031-02-03T16:05:06.789Z","scope":"transfers"}`
	freshUser   = `{"access_token":"lka","token_type":"bearer","refresh_token":"lkr","expires_in":43199,"expires_at":"2031-02-03T16:05:06.789Z","refresh_token_expires_in":630719999,"refresh_token_expires_at":"2051-01-29T04:05:06.789Z","scope":"transfers","created_at":"2031-02-03T04:05:06.789000Z"}`

	invalidClient = `{"error":"invalid_client","error_description":"Client authentication failed"}`
	invalidUser   = `{"error":"invalid_grant","error_description":"Invalid user credentials."}`
	invalidGrant  = `{"error":"invalid_grant","error_description":"The code or refresh token is not valid, or not any more"}`
	invalidToken  = `{"error":"invalid_token","error_description":"The access token is not valid, or not any more"}`
	noBearer      = `{"error":"unauthorized","error_description":"Full authentication is required to access this resource"}`
	forbidden     = `{"timestamp":"2031-02-03T04:05:06.789+0000","status":403,"error":"unauthorized","message":"Unauthorized"}`
	unreadable    = `{"error":"invalid_request","error_description":"The form cannot be read, or a field is in it twice"}`
)

// Checklist 1 and 2: the bytes of every token answer.
func TestTokenAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.form(acme, "grant_type", "client_credentials")
	got.body = shaped(got.body)
	got.want(t, 200, freshClient)
	for name, want := range map[string]string{"Content-Type": "application/json;charset=UTF-8", "Cache-Control": "no-store", "Pragma": "no-cache"} {
		if got.header.Get(name) != want {
			t.Errorf("%s: %q", name, got.header.Get(name))
		}
	}
	p := w.open(acme, "mira.kade@example.org")
	got = w.registration(p)
	got.body = shaped(got.body)
	got.want(t, 200, freshUser)

	w.profile(p)
	authorization := w.allowed(w.claimed(p, "", nil))
	got = w.exchange(acme, authorization)
	token := w.tokenOf(got)
	got.body = shaped(got.body)
	got.want(t, 200, freshUser)

	// 24 days later a refresh keeps the refresh token and its end (contract 4.3): what the documented example shows.
	w.advance(24 * 24 * time.Hour)
	got = w.form(acme, "grant_type", "refresh_token", "refresh_token", token.Refresh)
	if next := w.tokenOf(got); next.Refresh != token.Refresh {
		t.Error("the refresh token changed")
	}
	got.body = shaped(got.body)
	got.want(t, 200, `{"access_token":"lka","token_type":"bearer","refresh_token":"lkr","expires_in":43199,"expires_at":"2031-02-27T16:05:06.789Z","refresh_token_expires_in":628646399,"refresh_token_expires_at":"2051-01-29T04:05:06.789Z","scope":"transfers","created_at":"2031-02-27T04:05:06.789000Z"}`)
}

// The class strict has no stamps and prints the scopes that were given.
func TestTokenAnswersOfStrict(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.form(strict, "grant_type", "client_credentials")
	got.body = shaped(got.body)
	got.want(t, 200, `{"access_token":"lka","token_type":"bearer","expires_in":899}`) // a scope of no words is none (RFC 6749 section 3.3)
	p := w.open(strict, "mira.kade@example.org")
	w.profile(p)
	query := "&response_type=code&code_challenge_method=S256&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
	authorization := w.allowed(w.claimed(p, query, nil))
	w.exchange(strict, authorization).want(t, 400, invalidGrant)
	got = w.exchange(strict, authorization, "code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
	got.body = shaped(got.body)
	got.want(t, 200, `{"access_token":"lka","token_type":"bearer","refresh_token":"lkr","expires_in":899,"scope":"account.read profiles.read"}`)
}

// Checklist 13: every encoding that official clients send, and the forms of authentication.
func TestTokenRequestsAreTakenAsClientsSendThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(acme+":"+acme+"-s3cr3t"))
	escaped := "Basic " + base64.StdEncoding.EncodeToString([]byte("acme%2Dtreasury:acme%2Dtreasury%2Ds3cr3t"))
	const grantType, inForm = "grant_type=client_credentials", "&client_id=acme-treasury&client_secret=acme-treasury-s3cr3t"
	for _, x := range []struct{ name, path, kind, authorization, body string }{
		{"urlencoded", "/oauth/token", encoded, basic, grantType},
		{"with a charset", "/oauth/token", encoded + ";charset=UTF-8", basic, grantType},
		{"multipart with empty-named parts", "/oauth/token", "multipart/form-data; boundary=x", basic, parts("grant_type", "client_credentials", "", "", "", "")},
		{"trailing slash", "/oauth/token/", encoded, basic, grantType},
		{"calendar", "/2026Q3/oauth/token", encoded, basic, grantType},
		{"later calendar, trailing slash", "/2031Q1/oauth/token/", encoded, basic, grantType},
		{"Basic form-encoded", "/oauth/token", encoded, escaped, grantType},
		{"secret in the form", "/oauth/token", encoded, "", grantType + inForm},
		{"secret in multipart", "/oauth/token", "multipart/form-data; boundary=x", "", parts("grant_type", "client_credentials", "client_id", acme, "client_secret", acme+"-s3cr3t")},
		{"its own id with Basic", "/oauth/token", encoded, basic, grantType + "&client_id=acme-treasury"},
		{"unknown fields", "/oauth/token", encoded, basic, grantType + "&audience=x&resource=y"},
	} {
		headers := []string{"Content-Type", x.kind}
		if x.authorization != "" {
			headers = append(headers, "Authorization", x.authorization)
		}
		if got := w.ask("POST", x.path, x.body, headers...); got.status != 200 || shaped(got.body) != freshClient {
			t.Errorf("%s: %d %s", x.name, got.status, got.body)
		}
	}
}

// Contract 4.5 and OC-6: every refusal of a request as such, byte for byte.
func TestTokenRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	basic := func(s string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(s)) }
	good := basic(acme + ":" + acme + "-s3cr3t")
	const grantType = "grant_type=client_credentials"
	missing := func(name string) string {
		return `{"error":"invalid_request","error_description":"Missing ` + name + `"}`
	}
	two := `{"error":"invalid_request","error_description":"The client authenticates in two ways at once"}`
	for i, x := range []struct {
		name, kind, authorization, body string
		status                          int
		want                            string
	}{
		{"no grant type", encoded, good, "", 400, missing("grant type")},
		{"empty grant type", encoded, good, "grant_type=", 400, missing("grant type")},
		{"unknown grant type", encoded, good, "grant_type=password&username=a&password=b", 400, `{"error":"unsupported_grant_type","error_description":"Unsupported grant type"}`},
		{"implicit", encoded, good, "grant_type=implicit", 400, `{"error":"unsupported_grant_type","error_description":"Unsupported grant type"}`},
		{"no e-mail", encoded, good, "grant_type=registration_code&client_id=acme-treasury&registration_code=" + strings.Repeat("x", 40), 400, missing("email")},
		{"no registration code", encoded, good, "grant_type=registration_code&client_id=acme-treasury&email=a@example.org", 400, missing("registration_code")},
		{"no code", encoded, good, "grant_type=authorization_code&redirect_uri=r", 400, missing("code")},
		{"no redirect_uri", encoded, good, "grant_type=authorization_code&code=x", 400, missing("redirect_uri")},
		{"no refresh token", encoded, good, "grant_type=refresh_token", 400, missing("refresh_token")},
		{"no client", encoded, "", grantType, 401, invalidClient},
		{"client without a secret", encoded, "", grantType + "&client_id=acme-treasury", 401, invalidClient},
		{"wrong secret", encoded, basic(acme + ":wrong"), grantType, 401, invalidClient},
		{"empty secret", encoded, basic(acme + ":"), grantType, 401, invalidClient},
		{"unknown client", encoded, basic("nobody:wrong"), grantType, 401, invalidClient},
		{"a client with a name of 1000 letters", encoded, basic(strings.Repeat("a", 1000) + ":x"), grantType, 401, invalidClient},
		{"another's secret", encoded, basic(acme + ":" + globex + "-s3cr3t"), grantType, 401, invalidClient},
		{"wrong secret in the form", encoded, "", grantType + "&client_id=acme-treasury&client_secret=wrong", 401, invalidClient},
		{"a bearer", encoded, "Bearer x", grantType, 401, invalidClient},
		{"broken Basic", encoded, "Basic !", grantType, 401, invalidClient},
		{"another id in the form", encoded, good, grantType + "&client_id=globex", 401, invalidClient},
		{"header and form", encoded, good, grantType + "&client_id=acme-treasury&client_secret=acme-treasury-s3cr3t", 400, two},
		{"twice", encoded, good, grantType + "&" + grantType, 400, unreadable},
		{"twice, unknown", encoded, good, grantType + "&x=1&x=2", 400, unreadable},
		{"not UTF-8", encoded, good, grantType + "&x=%ff", 400, unreadable},
		{"bad escape", encoded, good, grantType + "&x=%", 400, unreadable},
		{"JSON", "application/json", good, `{"grant_type":"client_credentials"}`, 400, unreadable},
		{"no content type", "", good, grantType, 400, unreadable},
		{"broken multipart", "multipart/form-data; boundary=x", good, "--x\r\n", 400, unreadable},
		{"too long", encoded, good, grantType + "&x=" + strings.Repeat("a", largestBody), 413, `{"errors":[{"code":"PAYLOAD_TOO_LARGE","message":"The body is larger than 1 MB","arguments":[]}]}`},
	} {
		// Each from a network of its own, as wrong secrets are slowed down.
		headers := []string{"X-Test-From", fmt.Sprintf("198.51.%d.1", i), "Content-Type", x.kind}
		if x.authorization != "" {
			headers = append(headers, "Authorization", x.authorization)
		}
		t.Run(x.name, func(t *testing.T) {
			got := w.ask("POST", "/oauth/token", x.body, headers...)
			got.want(t, x.status, x.want)
			if challenge := got.header.Get("WWW-Authenticate"); (challenge == challengeBasic) != (x.status == 401) {
				t.Errorf("challenge %q", challenge)
			}
			if got.header.Get("Content-Type") != "application/json" || got.header.Get("Cache-Control") != "no-store" {
				t.Errorf("headers %v", got.header)
			}
		})
	}
	if logs := w.logs.String(); logs != "" {
		t.Errorf("refusals are in the log:\n%s", logs)
	}
}

// Contract 4.5 and checklist 12: the registration_code grant, before and after the hand-over.
func TestRegistrationGrant(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	w.profile(p)
	ask := func(client, email, secret string) reply {
		return w.form(client, "grant_type", "registration_code", "client_id", client, "email", email, "registration_code", secret)
	}
	if got := ask(acme, "MIRA.Kade@EXAMPLE.org", code); got.status != 200 {
		t.Errorf("another case (OC-44): %d %s", got.status, got.body)
	}
	ask(acme, p.email, code+"x").want(t, 401, invalidUser)
	ask(acme, "other@example.org", code).want(t, 401, invalidUser)
	ask(acme, "not an address", code).want(t, 401, invalidUser)
	ask(globex, p.email, code).want(t, 401, invalidUser)
	ask(strict, p.email, code).want(t, 400, invalidUser)
	// It is no challenge: OAuth clients that find one read it in place of the body, and lose the name of the error.
	for name, got := range map[string]reply{"code": ask(acme, p.email, code+"x"), "refresh token": w.refresh(acme, "x")} {
		if said := got.header.Get("WWW-Authenticate"); got.status != 401 || said != "" {
			t.Errorf("wrong %s: %d, challenge %q", name, got.status, said)
		}
	}

	// A newer grant ends the older refresh token at once; the older access token lives on (contract 4.4).
	w.tokenOf(w.registration(p))
	w.form(acme, "grant_type", "refresh_token", "refresh_token", p.token.Refresh).want(t, 401, invalidGrant)
	if got := w.json("GET", "/v1/me", p.bearer, ""); got.status != 200 {
		t.Errorf("the older access token: %d %s", got.status, got.body)
	}

	last := w.tokenOf(w.registration(p))
	w.claimed(p, "", nil)
	ask(acme, p.email, code).want(t, 401, invalidUser)
	w.json("GET", "/v1/me", "Bearer "+last.Access, "").want(t, 401, invalidToken)
	w.json("GET", "/v1/me", p.bearer, "").want(t, 401, invalidToken)
	w.form(acme, "grant_type", "refresh_token", "refresh_token", last.Refresh).want(t, 401, invalidGrant)
	w.json("POST", "/v1/user/claim-account", p.bearer, `{"registrationCode":"`+code+`"}`).want(t, 401, invalidToken)
}

// Checklist 3 and contract 4.4: a refresh kills the access token before it, and refuses all that is not its own.
func TestRefresh(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	refresh := func(client, token string) reply {
		return w.form(client, "grant_type", "refresh_token", "refresh_token", token)
	}
	next := w.tokenOf(refresh(acme, p.token.Refresh))
	if next.Refresh != p.token.Refresh || next.Access == p.token.Access {
		t.Error("classic keeps the refresh token and renews the access token")
	}
	w.json("GET", "/v1/me", p.bearer, "").want(t, 401, invalidToken)
	if got := w.json("GET", "/v1/me", "Bearer "+next.Access, ""); got.status != 200 {
		t.Errorf("the new token: %d %s", got.status, got.body)
	}
	// Two workers at once get the same (design 4.8); after five seconds it is a refresh like any other.
	if again := w.tokenOf(refresh(acme, p.token.Refresh)); again.Access != next.Access {
		t.Error("a second refresh within five seconds gave another token")
	}
	w.advance(5 * time.Second)
	if later := w.tokenOf(refresh(acme, p.token.Refresh)); later.Access == next.Access {
		t.Error("a refresh after five seconds gave the same token")
	}
	refresh(globex, p.token.Refresh).want(t, 401, invalidGrant)
	refresh(acme, next.Access).want(t, 401, invalidGrant)
	refresh(acme, altered(p.token.Refresh)).want(t, 401, invalidGrant)
	refresh(acme, "c0a8e1de-0b0f-4bb9-8d1f-3b1a5b2f77aa").want(t, 401, invalidGrant)
	refresh(strict, p.token.Refresh).want(t, 400, invalidGrant)
	w.set(noon.Add(7300*24*time.Hour - time.Millisecond))
	if got := refresh(acme, p.token.Refresh); got.status != 200 || !strings.Contains(got.body, `"refresh_token_expires_in":0,`) {
		t.Errorf("the last moment: %d %s", got.status, got.body)
	}
	w.advance(time.Millisecond)
	refresh(acme, p.token.Refresh).want(t, 401, invalidGrant)
}

// An access token lives 12 hours to the millisecond (contract 4.3).
func TestAccessTokenEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	w.advance(12*time.Hour - time.Millisecond)
	if got := w.json("GET", "/v1/me", p.bearer, ""); got.status != 200 {
		t.Errorf("the last moment: %d %s", got.status, got.body)
	}
	w.advance(time.Millisecond)
	got := w.json("GET", "/v1/me", p.bearer, "")
	got.want(t, 401, invalidToken)
	if got.header.Get("WWW-Authenticate") != challengeToken || strings.Contains(got.body, p.token.Access) {
		t.Errorf("challenge %q", got.header.Get("WWW-Authenticate"))
	}
}

// altered is a token or code with another secret: one in a thousand ends like the other end already.
func altered(text string) string {
	end := "AA"
	if strings.HasSuffix(text, end) {
		end = "QA"
	}
	return text[:len(text)-len(end)] + end
}

// Checklist 11 and I5: the exchange needs everything that the code is bound to; a second valid use ends the first tokens,
// an invalid one changes nothing.
func TestExchange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	w.profile(p)
	authorization := w.allowed(w.claimed(p, "", nil))
	ask := func(client, code, redirect string, more ...string) reply {
		return w.form(client, append([]string{"grant_type", "authorization_code", "code", code, "redirect_uri", redirect}, more...)...)
	}
	wrong := func() {
		t.Helper()
		ask(acme, authorization, callee+"/").want(t, 401, invalidGrant)
		ask(acme, authorization, "https://app.acme.example").want(t, 401, invalidGrant)
		ask(acme, altered(authorization), callee).want(t, 401, invalidGrant)
		ask(acme, "q7Zx81Lm", callee).want(t, 401, invalidGrant)
		ask(globex, authorization, callee).want(t, 401, invalidGrant)
		ask(acme, authorization, callee, "code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk").want(t, 401, invalidGrant)
	}
	wrong()
	token := w.tokenOf(ask(acme, authorization, callee))
	bearer := "Bearer " + token.Access
	wrong()
	if got := w.json("GET", "/v1/me", bearer, ""); got.status != 200 {
		t.Fatalf("after invalid second uses: %d %s", got.status, got.body)
	}
	ask(acme, authorization, callee).want(t, 401, invalidGrant)
	w.json("GET", "/v1/me", bearer, "").want(t, 401, invalidToken)
	w.form(acme, "grant_type", "refresh_token", "refresh_token", token.Refresh).want(t, 401, invalidGrant)
}

// A code of classic lives 30 minutes, one of strict 60 seconds (contract 4.3, design 5).
func TestAuthorizationCodeEnds(t *testing.T) {
	t.Parallel()
	for client, life := range map[string]time.Duration{acme: 30 * time.Minute, strict: time.Minute} {
		w := newWorld(t)
		query, verifier := "", []string(nil)
		if client == strict {
			query = "&response_type=code&code_challenge_method=S256&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
			verifier = []string{"code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"}
		}
		for _, early := range []bool{true, false} {
			p := w.open(client, fmt.Sprintf("mira.%t@example.org", early))
			w.profile(p)
			authorization := w.allowed(w.claimed(p, query, nil))
			if w.advance(life - time.Millisecond); !early {
				w.advance(time.Millisecond)
			}
			if got := w.exchange(client, authorization, verifier...); (got.status == 200) != early {
				t.Errorf("%s, early %t: %d %s", client, early, got.status, got.body)
			}
		}
	}
}

// I5 under 64 exchanges at once: one succeeds; the second valid use has ended what it gave.
func TestManyExchangesAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	w.profile(p)
	authorization := w.allowed(w.claimed(p, "", nil))
	var won atomic.Int64
	var access atomic.Value
	var wait sync.WaitGroup
	for range 64 {
		wait.Go(func() {
			got := w.exchange(acme, authorization)
			switch got.status {
			case http.StatusOK:
				won.Add(1)
				access.Store(w.tokenOf(got).Access)
			case http.StatusUnauthorized:
				got.want(t, 401, invalidGrant)
			default:
				t.Errorf("%d %s", got.status, got.body)
			}
		})
	}
	wait.Wait()
	if won.Load() != 1 {
		t.Fatalf("%d exchanges succeeded", won.Load())
	}
	w.json("GET", "/v1/me", "Bearer "+access.Load().(string), "").want(t, 401, invalidToken)
}

// A newer authorization_code grant ends the refresh token of the older one at once; the older access token lives on
// (contract 4.4). The customer passes without being asked again.
func TestNewerGrantEndsOlderRefresh(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	w.profile(p)
	v := w.claimed(p, "", nil)
	older := w.tokenOf(w.exchange(acme, w.allowed(v)))
	ticket := w.claims.Ticket(v.request)
	must(t, w.claims.Visit(t.Context(), ticket, v.post.Session, "en", customer.Origin{}))
	v.post.Text = ticket.Text
	way, err := w.claims.Return(t.Context(), v.post, "")
	must(t, err)
	newer := w.tokenOf(w.exchange(acme, way.Return.Code))
	w.form(acme, "grant_type", "refresh_token", "refresh_token", older.Refresh).want(t, 401, invalidGrant)
	for _, token := range []string{older.Access, newer.Access} {
		if got := w.json("GET", "/v1/me", "Bearer "+token, ""); got.status != 200 {
			t.Errorf("access token: %d %s", got.status, got.body)
		}
	}
	if got := w.form(acme, "grant_type", "refresh_token", "refresh_token", newer.Refresh); got.status != 200 {
		t.Errorf("the newer refresh token: %d %s", got.status, got.body)
	}
}

// Wrong secrets are slowed down for one client from one network, and for nobody else (OC-42, I12).
func TestWrongSecretsAreSlowed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ask := func(client, password, from string) reply {
		return w.ask("POST", "/oauth/token", "grant_type=client_credentials", "Content-Type", encoded, "X-Test-From", from,
			"Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(client+":"+password)))
	}
	// One that repeats itself is no guesser: the others in its network go on.
	for range 30 {
		ask(acme, "forgotten", "203.0.113.9").want(t, 401, invalidClient)
		if got := ask(acme, acme+"-s3cr3t", "203.0.113.10"); got.status != 200 {
			t.Fatalf("beside it: %d %s", got.status, got.body)
		}
	}
	limited := 0
	for n := range 30 {
		if got := ask(acme, fmt.Sprintf("wrong-%d", n), "203.0.113.9"); got.status == 429 {
			limited++
		} else {
			got.want(t, 401, invalidClient)
		}
		w.advance(time.Second)
	}
	if limited < 10 {
		t.Fatalf("30 wrong secrets in 30 seconds, and %d were slowed down", limited)
	}
	for _, x := range []struct{ client, from string }{{acme, "198.51.100.9"}, {globex, "203.0.113.9"}} {
		if got := ask(x.client, x.client+"-s3cr3t", x.from); got.status != 200 {
			t.Errorf("%s from %s: %d %s", x.client, x.from, got.status, got.body)
		}
	}
	w.advance(time.Minute)
	if got := ask(acme, acme+"-s3cr3t", "203.0.113.9"); got.status != 200 {
		t.Errorf("after a minute: %d %s", got.status, got.body)
	}
	ask("nobody", "x", "198.51.100.9").want(t, 401, invalidClient)
	refused, err := audit.Events{Store: store.Audit{DB: w.db}}.Tail(t.Context(), audit.Filter{Action: audit.ClientRefused, Limit: 100})
	if err != nil || len(refused) != 31-limited || refused[0].Reason != "wrong_secret" || refused[0].Network != "203.0.113.0/24" || len(refused[0].Reference) != 32 {
		t.Errorf("%d events in the audit, %v: %+v", len(refused), err, refused)
	}
}
