package api

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

const (
	notFound   = `{"errors":[{"code":"NOT_FOUND","message":"There is nothing at this address","arguments":[]}]}`
	badMethod  = `{"errors":[{"code":"METHOD_NOT_ALLOWED","message":"This address does not serve this method","arguments":[]}]}`
	badJSON    = `{"errors":[{"code":"BAD_REQUEST","message":"The body is not a JSON object that can be read","arguments":[]}]}`
	badKind    = `{"errors":[{"code":"UNSUPPORTED_MEDIA_TYPE","message":"Send JSON as application/json, files as multipart/form-data","arguments":[]}]}`
	tooLarge   = `{"errors":[{"code":"PAYLOAD_TOO_LARGE","message":"The body is larger than 1 MB","arguments":[]}]}`
	tooMany    = `{"errors":[{"code":"TOO_MANY_REQUESTS","message":"Too many requests. Retry-After says when to ask again","arguments":[]}]}`
	apology503 = `{"timestamp":"2031-02-03T04:05:06.789+0000","status":503,"error":"Service Unavailable","message":"The server cannot answer now. Asking again is safe"}`
)

// every is each route with a path that can be asked; %d is a user or a profile.
func every() map[string][]string {
	return map[string][]string{
		"/oauth/token":                       {"POST", "/oauth/token"},
		"/v1/user/signup/registration_code":  {"POST", "/user/signup/registration_code"},
		"/v1/users/exists":                   {"POST", "/users/exists"},
		"/v1/me":                             {"GET", "/me"},
		"/v1/users/1":                        {"GET", "/users/1"},
		"/v1/users/1/contact-email":          {"GET, PUT", "/users/1/contact-email"},
		"/v1/user/claim-account":             {"POST", "/user/claim-account"},
		"/v2/profiles":                       {"GET", "/profiles"},
		"/v3/applications/x/subscriptions":   {"GET, POST", "/applications/x/subscriptions"},
		"/v3/applications/x/subscriptions/y": {"GET, DELETE", "/applications/x/subscriptions/y"},
		"/v3/applications/x/subscriptions/y/test-notifications": {"POST", "/applications/x/subscriptions/y/test-notifications"},
		"/v3/profiles/1/subscriptions":                          {"GET, POST", "/profiles/1/subscriptions"},
		"/v3/profiles/1/subscriptions/y":                        {"GET, DELETE", "/profiles/1/subscriptions/y"},
		"/v2/profiles/1":                                        {"GET", "/profiles/1"},
		"/v3/profiles/1/verification-status/bank-transfer":      {"POST", "/profiles/1/verification-status/bank-transfer"},
		"/v1/profiles/1/disputes":                               {"GET", "/profiles/1/disputes"},
		"/v1/profiles/1/kyc-reviews":                            {"GET, POST", "/profiles/1/kyc-reviews"},
		"/v2/profiles/1/kyc-requirements/ID_DOCUMENT":           {"POST", "/profiles/1/kyc-requirements/ID_DOCUMENT"},
		"/v2/profiles/personal-profile":                         {"POST", "/profiles/personal-profile"},
		"/v2/profiles/1/personal-profile":                       {"PUT", "/profiles/1/personal-profile"},
	}
}

// Checklist 16 and 20, OC-39: both families, with and without a slash, know the same paths and methods.
func TestEveryPathInBothFamilies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for legacy, x := range every() {
		allow := strings.Split(x[0], ", ")
		for _, path := range []string{legacy, legacy + "/", "/2026Q3" + x[1], "/2026Q3" + x[1] + "/", "/2026Q4" + x[1], "/2099Q1" + x[1] + "/"} {
			for _, method := range []string{"GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "PROPFIND"} {
				got := w.ask(method, path, "")
				served := strings.Contains(x[0], method)
				switch {
				case served && (got.status == 404 || got.status == 405 || got.status < 400 || got.status > 499):
					t.Errorf("%s %s: %d %s", method, path, got.status, got.body)
				case !served && (got.status != 405 || got.body != badMethod && method != "HEAD"):
					t.Errorf("%s %s: %d %s", method, path, got.status, got.body)
				case !served && got.header.Get("Allow") != strings.Join(allow, ", "):
					t.Errorf("%s %s: Allow %q", method, path, got.header.Get("Allow"))
				}
				for name := range got.header {
					if strings.HasPrefix(name, "Access-Control") {
						t.Errorf("%s %s: %s", method, path, name)
					}
				}
			}
		}
	}
}

// The table of docs/api.md is what is served, with the same scopes (design 10.24).
func TestDocumentedRoutes(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/api.md")
	must(t, err)
	who := map[identity]string{byClient: "client id and secret", byApplication: "the client's own token", byUser: "a token for the account", byAnyone: "anyone",
		byBearer: "either token"}
	routes := (&Door{}).routes()
	for _, rt := range routes {
		by, scope := who[rt.by], ""
		if rt.scope != "" {
			scope = "`" + string(rt.scope) + "` "
		} else if rt.by == byUser {
			by = "a token of the registration code"
		}
		label, legacy := "—", "—"
		if rt.calendar != "" {
			label = "`/2026Q3" + rt.calendar + "`"
		}
		if rt.legacy != "" {
			legacy = "`" + rt.legacy + "`"
		}
		line := "| " + rt.method + " | " + legacy + " | " + label + " | " + by + " | " + scope + "|\n"
		if !strings.Contains(string(text), line) {
			t.Errorf("docs/api.md lacks %s", line)
		}
	}
	if lines := strings.Count(string(text), "` | `/2026Q3") + strings.Count(string(text), "` | — |") + strings.Count(string(text), "| — | `"); lines != len(routes) {
		t.Errorf("docs/api.md has %d routes of %d", lines, len(routes))
	}
}

// OC-2 and contract 1.2: what is not served is one 404.
func TestUnknownPaths(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	bearer := w.open(acme, "mira.kade@example.org").bearer
	for _, path := range []string{"/", "/v1", "/v1/", "/v2/me", "/v4/profiles", "/v3/profiles", "/me", "/profiles", "/users/1",
		"/2026Q2/me", "/2025Q4/me", "/2026Q0/me", "/2026Q5/me", "/2026q3/me", "/1999Q1/me", "/20260Q3/me", "/2026Q3", "/2026Q3/", "/2026Q3/v1/me", "/2026Q3/2026Q3/me",
		"/calendar/me", "/calendar", "/v1/me//", "//v1/me", "/v1//me", "/v1/./me", "/v1/x/../me", "/v1/%2e%2e/v1/me", "/v1%2fme", "/v1/me%2f", "/V1/me", "/v1/me/x",
		"/v1/users/0", "/v1/users/-1", "/v1/users/+1", "/v1/users/01", "/v1/users/1.0", "/v1/users/x", "/v1/users/9223372036854775808",
		"/v2/profiles/x", "/v2/profiles/1e3", "/oauth", "/oauth/token/x", "/oauth/tokens", "/oauth/authorize/x"} {
		for _, method := range []string{"GET", "POST"} {
			if method == "POST" && (strings.HasPrefix(path, "/v1/users/") || strings.HasPrefix(path, "/v2/profiles/")) {
				continue
			}
			if got := w.json(method, path, bearer, ""); got.status != 404 || got.body != notFound || got.header.Get("Content-Type") != "application/json" {
				t.Errorf("%s %s: %d %s", method, path, got.status, got.body)
			}
		}
	}
}

// Checklist 14: trace id on everything (ask checks it), correlation id up to 36 characters.
func TestCorrelation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	long := strings.Repeat("a", 36)
	for _, x := range []struct{ sent, echoed string }{
		{"0d1c9f34-52a8-4c77-9f1e-6f3b8f6f2f90", "0d1c9f34-52a8-4c77-9f1e-6f3b8f6f2f90"}, {long, long}, {long + "a", ""}, {"a", "a"}, {"", ""},
		{"a b", "a b"}, {"\u00e9", ""}, {"a\tb", ""},
	} {
		for _, path := range []string{"/v1/me", "/nothing", "/oauth/token"} {
			got := w.ask("POST", path, "", "X-External-Correlation-Id", x.sent)
			if echoed := got.header.Get("X-External-Correlation-Id"); echoed != x.echoed {
				t.Errorf("%s: sent %q, echoed %q", path, x.sent, echoed)
			}
		}
	}
	if one, two := w.ask("GET", "/v1/me", ""), w.ask("GET", "/v1/me", ""); one.header.Get("X-Trace-Id") == two.header.Get("X-Trace-Id") {
		t.Error("two answers have one trace id")
	}
}

// Checklist 7 and contract 3.3: bearer failures at every resource, in both families.
func TestBearers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	app := w.app(acme)
	changed := altered(p.token.Access)
	for legacy, x := range every() {
		if legacy == "/oauth/token" {
			continue
		}
		method, application := strings.Split(x[0], ", ")[0], strings.Contains(legacy, "signup") || strings.Contains(legacy, "exists")
		wrongKind := app
		if application {
			wrongKind = p.bearer
		}
		for _, path := range []string{legacy, "/2026Q3" + x[1]} {
			for _, c := range []struct {
				name, header string
				status       int
				body         string
			}{
				{"none", "", 401, noBearer}, {"Basic", "Basic YTpi", 401, noBearer}, {"nothing after Bearer", "Bearer", 401, noBearer},
				{"unknown", "Bearer 5f6f9f5e-8d5b-4d7e-9a53-2f8c3c1a7b10", 401, invalidToken},
				{"changed", "Bearer " + changed, 401, invalidToken},
				{"the refresh token", "Bearer " + p.token.Refresh, 401, invalidToken},
				{"two tokens", p.bearer + " x", 401, invalidToken},
				{"not ASCII", "Bearer \u00fc\u2028", 401, invalidToken},
				{"very long", "Bearer " + strings.Repeat("a", 10000), 401, invalidToken},
				{"wrong kind", wrongKind, 403, forbidden},
			} {
				headers := []string{"Content-Type", "application/json"}
				if c.header != "" {
					headers = append(headers, "Authorization", c.header)
				}
				if got := w.ask(method, path, "", headers...); got.status != c.status || got.body != c.body {
					t.Errorf("%s %s, %s: %d %s", method, path, c.name, got.status, got.body)
				} else if challenge := got.header.Get("WWW-Authenticate"); (challenge == challengeBearer) != (c.body == noBearer) || (challenge == challengeToken) != (c.body == invalidToken) {
					t.Errorf("%s %s, %s: challenge %q", method, path, c.name, challenge)
				}
			}
			if got := w.ask(method, path, "", "Authorization", p.bearer, "Authorization", p.bearer); got.status != 401 || got.body != noBearer {
				t.Errorf("%s %s, two headers: %d %s", method, path, got.status, got.body)
			}
		}
	}
}

// OC-40, OC-41: bodies that cannot be read change nothing and are told so.
func TestBadBodies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	app := w.app(acme)
	for _, to := range []struct{ method, path, bearer string }{
		{"POST", "/v1/user/signup/registration_code", app}, {"POST", "/v1/users/exists", app}, {"POST", "/v1/user/claim-account", p.bearer},
		{"PUT", "/v1/users/" + decimal(p.id) + "/contact-email", p.bearer}, {"POST", "/v2/profiles/personal-profile", p.bearer},
		{"PUT", "/2026Q3/profiles/1/personal-profile/", p.bearer},
	} {
		for name, x := range map[string]struct {
			kind, body string
			status     int
			want       string
		}{
			"malformed":         {"application/json", `{"email":`, 400, badJSON},
			"an array":          {"application/json", `[]`, 400, badJSON},
			"null":              {"application/json", `null`, 400, badJSON},
			"not UTF-8":         {"application/json", "{\"email\":\"\xff\"}", 400, badJSON},
			"a field twice":     {"application/json", `{"email":"a","email":"b"}`, 400, badJSON},
			"two objects":       {"application/json", `{}{}`, 400, badJSON},
			"a form":            {encoded, "email=a", 415, badKind},
			"text":              {"text/plain", "{}", 415, badKind},
			"a broken type":     {"application/;;", "{}", 415, badKind},
			"too long":          {"application/json", `{"email":"` + strings.Repeat("a", largestBody) + `"}`, 413, tooLarge},
			"too long to begin": {"application/json", strings.Repeat(" ", largestBody+1), 413, tooLarge},
		} {
			if got := w.ask(to.method, to.path, x.body, "Authorization", to.bearer, "Content-Type", x.kind); got.status != x.status || got.body != x.want {
				t.Errorf("%s %s, %s: %d %.300s", to.method, to.path, name, got.status, got.body)
			}
		}
	}
	for _, kind := range []string{"application/json", "application/json;charset=UTF-8", "Application/JSON", "application/problem+json", ""} {
		if got := w.ask("POST", "/v1/users/exists", `{"email":"a@example.org"}`, "Authorization", app, "Content-Type", kind); got.status != 200 {
			t.Errorf("content type %q: %d %s", kind, got.status, got.body)
		}
	}
	if logs := w.logs.String(); logs != "" {
		t.Errorf("refusals are in the log:\n%s", logs)
	}
}

// A body that ends before its announced length is refused, not used.
func TestTruncatedBodies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	for _, head := range []string{
		"POST /v1/user/claim-account HTTP/1.1\r\nAuthorization: " + p.bearer + "\r\nContent-Type: application/json\r\nContent-Length: 500",
		"POST /oauth/token HTTP/1.1\r\nAuthorization: Basic YWNtZS10cmVhc3VyeTphY21lLXRyZWFzdXJ5LXMzY3IzdA==\r\nContent-Type: " + encoded + "\r\nContent-Length: 500",
	} {
		conn, err := net.Dial("tcp", w.Listener.Addr().String())
		must(t, err)
		_, err = io.WriteString(conn, head+"\r\nHost: x\r\n\r\n{}")
		must(t, err)
		must(t, conn.(*net.TCPConn).CloseWrite())
		got, err := http.ReadResponse(bufio.NewReader(conn), nil)
		must(t, err)
		body, err := io.ReadAll(got.Body)
		must(t, err)
		if string(body) != badJSON && string(body) != unreadable || got.StatusCode != 400 {
			t.Errorf("%d %s", got.StatusCode, body)
		}
		must(t, conn.Close())
	}
}

// Checklist 15 and OC-42: volume limits, with what a client needs to wait.
func TestVolumeLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	app := w.app(slow)
	limited := func(ask func() reply, atLeast, atMost int) {
		t.Helper()
		for n := range atMost + 1 {
			got := ask()
			if got.status == 429 {
				got.want(t, 429, tooMany)
				if got.header.Get("Retry-After") != "1" || got.header.Get("X-Rate-Limited-By") == "" || got.header.Get("Content-Type") != "application/json" {
					t.Errorf("headers %v", got.header)
				}
				if n < atLeast {
					t.Errorf("limited after %d", n)
				}
				return
			}
		}
		t.Errorf("not limited after %d", atMost)
	}
	limited(func() reply { return w.json("POST", "/v1/users/exists", app, `{"email":"a@example.org"}`) }, 99, 100)
	w.advance(time.Second)
	limited(func() reply { return w.form(slow, "grant_type", "client_credentials") }, 20, 20)
	if got := w.form(acme, "grant_type", "client_credentials"); got.status != 200 {
		t.Errorf("another client is limited too: %d", got.status)
	}
	w.advance(time.Second)
	if got := w.form(slow, "grant_type", "client_credentials"); got.status != 200 {
		t.Errorf("a second later: %d %s", got.status, got.body)
	}
}

// Design 10.17: an authorize request on the API's host is led to the pages, its query untouched.
func TestAuthorizeIsLedToThePages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const query = "client_id=a&redirect_uri=https://www.partner.example&state=+%2B%zz&&claim_account_code=x"
	for _, path := range []string{"/oauth/authorize", "/oauth/authorize/"} {
		got := w.ask("GET", path+"?"+query, "")
		if got.status != 303 || got.header.Get("Location") != "https://id.example.org/oauth/authorize?"+query || got.header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %d %v", path, got.status, got.header)
		}
	}
	if got := w.ask("POST", "/oauth/authorize", ""); got.status != 405 || got.header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %d %v", got.status, got.header)
	}
}

// I11: a database that does not answer is 503 at every endpoint, never a refusal and never a success; and the log says why.
func TestDatabaseTrouble(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(acme, "mira.kade@example.org")
	app := w.app(acme)
	must(t, w.db.Close())
	for name, got := range map[string]reply{
		"client_credentials": w.form(acme, "grant_type", "client_credentials"),
		"wrong secret":       w.ask("POST", "/oauth/token", "grant_type=client_credentials&client_id=a&client_secret=b", "Content-Type", encoded),
		"registration_code":  w.registration(p),
		"refresh":            w.form(acme, "grant_type", "refresh_token", "refresh_token", p.token.Refresh),
		"code":               w.exchange(acme, "lkc_1_2_x"),
		"signup":             w.json("POST", "/v1/user/signup/registration_code", app, `{"email":"a@example.org","registrationCode":"`+code+`"}`),
		"exists":             w.json("POST", "/v1/users/exists", app, `{"email":"a@example.org"}`),
		"me":                 w.json("GET", "/v1/me", p.bearer, ""),
		"user":               w.json("GET", "/v1/users/"+decimal(p.id), p.bearer, ""),
		"contact":            w.json("PUT", "/v1/users/"+decimal(p.id)+"/contact-email", p.bearer, `{"email":"a@example.org"}`),
		"profile":            w.json("POST", "/v2/profiles/personal-profile", p.bearer, mira),
		"profiles":           w.json("GET", "/v2/profiles", p.bearer, ""),
		"mint":               w.json("POST", "/v1/user/claim-account", p.bearer, `{"registrationCode":"`+code+`"}`),
	} {
		if got.status != 503 || got.body != apology503 || got.header.Get("Retry-After") != "1" {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	logs := w.logs.String()
	for _, leak := range []string{p.token.Access, p.token.Refresh, code, "s3cr3t", "mira.kade", "Harbour"} {
		if strings.Contains(logs, leak) {
			t.Errorf("%q is in the log (I9):\n%s", leak, logs)
		}
	}
	if !strings.Contains(logs, "trace=") {
		t.Errorf("the log does not say why:\n%s", logs)
	}
}

// A panic is an apology with a trace id, and the next request is served.
func TestPanicIsAnApology(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := w.now()
	clock := w.door.Now
	w.door.Now = func() time.Time { w.door.Now = clock; panic("secret " + code) }
	got := w.json("GET", "/v1/users/x", w.app(acme), "") // a refusal that writes the time
	if want := fmt.Sprintf(`{"timestamp":"2031-02-03T04:05:06.789+0000","status":500,"error":"Internal Server Error","message":"Something went wrong here. Trace id %s"}`,
		got.header.Get("X-Trace-Id")); got.status != 500 || got.body != want {
		t.Errorf("%s: %d %s", at, got.status, got.body)
	}
	if got := w.json("GET", "/v1/me", w.open(acme, "a@example.org").bearer, ""); got.status != 200 {
		t.Errorf("afterwards: %d %s", got.status, got.body)
	}
	if strings.Contains(w.logs.String(), code) {
		t.Error("the log holds what was thrown, which may be a secret")
	}
}
