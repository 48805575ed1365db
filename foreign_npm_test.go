package latchkey_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey"
	"github.com/latchkey-id/latchkey/latchkeytest"
)

// foreignDir is where .ci/prepare installs the clients from npm.
const foreignDir = "testdata/foreign"

// TestClientsPage holds docs/clients.md to the clients and versions that are pinned, and to the tests.
func TestClientsPage(t *testing.T) {
	t.Parallel()
	text := pageOfTests(t, "clients.md")
	gomod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	var npm struct{ Dependencies map[string]string }
	pins, err := os.ReadFile(filepath.Join(foreignDir, "package.json"))
	if err != nil || json.Unmarshal(pins, &npm) != nil {
		t.Fatalf("%v in %s", err, pins)
	}
	for name, version := range requirements(t) {
		if slices.Contains([]string{"authlib", "requests-oauthlib"}, name) { // the rest is what these two need
			npm.Dependencies[name] = version
		}
	}
	ran := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| ([0-9][^ ]*) \\|").FindAllStringSubmatch(text, -1) {
		name, version := row[1], row[2]
		ran[name] = true
		if npm.Dependencies[name] != version && !strings.Contains(string(gomod), "\t"+name+" v"+version+"\n") {
			t.Errorf("docs/clients.md says that %s %s ran, which is not pinned", name, version)
		}
	}
	for name := range npm.Dependencies {
		if !ran[name] {
			t.Errorf("docs/clients.md does not say what %s did", name)
		}
	}
}

// A driven is a client from npm, in a process of its own.
type driven struct {
	t     *testing.T
	calls *json.Encoder
	told  *bufio.Reader
}

// An outcome is what a call of a client came to: a value, or the client's error.
type outcome struct {
	Returned any
	Threw    *struct {
		Message string
		Status  int
		Body    any
	}
}

// drive starts a client. It skips where node, Python or the package is not installed, or another version than is pinned; in CI that
// is a failure.
func drive(t *testing.T, client string) *driven {
	t.Helper()
	if os.Getenv("LATCHKEY_FULL") == "" {
		t.Skip("runs with LATCHKEY_FULL=1, as make test sets it")
	}
	// Warnings of deprecation are about node's versions, not about us.
	language, arguments, pinned := "node", []string{"--no-deprecation", filepath.Join(foreignDir, "drive.js"), client}, pinnedByNPM
	if strings.HasPrefix(client, "python_") {
		language, arguments, pinned = "python3", []string{filepath.Join(foreignDir, "drive.py"), client}, pinnedByPip
	}
	program, err := exec.LookPath(language)
	if err == nil {
		err = pinned(client)
	}
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatalf("%s: %v (see .ci/prepare), and in CI nothing is skipped", client, err)
	} else if err != nil {
		t.Skipf("%s: %v; .ci/prepare installs it when it may", client, err)
	}
	command := exec.CommandContext(t.Context(), program, arguments...)
	command.Env = append(os.Environ(), "PYTHONPATH="+filepath.Join(foreignDir, "site-packages"), "PYTHONDONTWRITEBYTECODE=1")
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	command.Stderr = &said
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		if err := command.Wait(); err != nil && t.Context().Err() == nil || said.Len() > 0 {
			t.Errorf("%s ended with %v and said %s", client, err, said.String())
		}
	})
	return &driven{t, json.NewEncoder(in), bufio.NewReaderSize(out, 1<<20)}
}

// pinnedByNPM says why the installed package is not the one in package.json, or nil.
func pinnedByNPM(client string) error {
	if client == nodeCrypto {
		return nil
	}
	var wanted struct{ Dependencies map[string]string }
	var installed struct{ Version string }
	for file, into := range map[string]any{"package.json": &wanted, filepath.Join("node_modules", client, "package.json"): &installed} {
		text, err := os.ReadFile(filepath.Join(foreignDir, file))
		if err != nil {
			return fmt.Errorf("not installed")
		}
		if err := json.Unmarshal(text, into); err != nil {
			return err
		}
	}
	if want := wanted.Dependencies[client]; installed.Version != want {
		return fmt.Errorf("version %s is installed, %s is pinned", installed.Version, want)
	}
	return nil
}

// call calls one of the client's verbs.
func (d *driven) call(verb string, argument any) outcome {
	d.t.Helper()
	if err := d.calls.Encode(map[string]any{"call": verb, "with": argument}); err != nil {
		d.t.Fatal(err)
	}
	line, err := d.told.ReadBytes('\n')
	if err != nil {
		d.t.Fatalf("%s: the client ended: %v", verb, err)
	}
	var o outcome
	if err := json.Unmarshal(line, &o); err != nil {
		d.t.Fatalf("%s: %v in %s", verb, err, line)
	}
	return o
}

// returns calls a verb that must return.
func (d *driven) returns(verb string, argument any) any {
	d.t.Helper()
	o := d.call(verb, argument)
	if o.Threw != nil {
		d.t.Fatalf("%s: threw %+v", verb, *o.Threw)
	}
	return o.Returned
}

// object is what a verb returns as an object.
func (d *driven) object(verb string, argument any) map[string]any {
	d.t.Helper()
	m, is := d.returns(verb, argument).(map[string]any)
	if !is {
		d.t.Fatalf("%s: no object", verb)
	}
	return m
}

// throws calls a verb that must be refused with a status and, in the body as compact JSON, these words.
func (d *driven) throws(verb string, argument any, status int, words string) {
	d.t.Helper()
	o := d.call(verb, argument)
	if o.Threw == nil {
		d.t.Errorf("%s: returned %v, want %d %s", verb, o.Returned, status, words)
		return
	}
	body, is := o.Threw.Body.(string)
	if !is {
		text, _ := json.Marshal(o.Threw.Body)
		body = string(text)
	}
	if o.Threw.Status != status || !strings.Contains(body, words) {
		d.t.Errorf("%s: %d %s, want %d %s", verb, o.Threw.Status, body, status, words)
	}
}

// hold is a JSON object with these values, whatever else it has.
func hold(t *testing.T, what string, got map[string]any, want map[string]any) {
	t.Helper()
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s: %s is %v, want %v", what, name, got[name], value)
		}
	}
}

// prefilled opens an account with a profile by our own client, for clients that have no words for that.
func prefilled(t *testing.T, c *latchkey.Client) *latchkey.Account {
	t.Helper()
	ctx := t.Context()
	if _, err := c.CreateUser(ctx, latchkey.NewUser{Email: foreignEmail, RegistrationCode: foreignCode}); err != nil {
		t.Fatal(err)
	}
	token, err := c.RegistrationGrant(ctx, foreignEmail, foreignCode)
	if err != nil {
		t.Fatal(err)
	}
	var p latchkey.PersonalProfile
	if err := json.Unmarshal([]byte(foreignProfile), &p); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Account(token).CreatePersonalProfile(ctx, p, latchkey.NewKey()); err != nil {
		t.Fatal(err)
	}
	return c.Account(token)
}

func claimCode(t *testing.T, a *latchkey.Account) string {
	t.Helper()
	code, err := a.MintClaimCode(t.Context(), foreignCode)
	if err != nil {
		t.Fatal(err)
	}
	return string(code)
}

// simple-oauth2 does its own grant, the registration code's, the exchange with PKCE and a refresh.
func TestForeignSimpleOAuth2(t *testing.T) {
	d := drive(t, "simple-oauth2")
	s := latchkeytest.NewServer(t)
	c := s.Client()
	a := prefilled(t, c)
	configure := map[string]any{"origin": s.URL, "id": c.ID, "secret": string(c.Secret)}
	d.returns("configure", configure)
	application := map[string]any{"token_type": "bearer", "expires_in": 43199.0, "scope": "transfers", "expired": false, "dated": true, "refresh_token": nil, "created_at": nil}
	hold(t, "its own token", d.object("application", nil), application)
	hold(t, "with empty fields", d.object("application", map[string]any{"email": nil, "code": nil}), application)
	for name, options := range map[string]map[string]string{
		"credentials in the form":  {"authorizationMethod": "body"},
		"credentials as they are":  {"credentialsEncodingMode": "loose"},
		"credentials form-encoded": {"credentialsEncodingMode": "strict"},
	} {
		configure["options"] = options
		d.returns("configure", configure)
		hold(t, name, d.object("application", nil), application)
	}
	configure["options"] = nil
	d.returns("configure", configure)
	registration := map[string]any{"grant_type": "registration_code", "client_id": c.ID, "email": foreignEmail, "registration_code": foreignCode}
	if token := d.object("application", registration); token["refresh_token"] == nil || token["created_at"] == nil {
		t.Errorf("the token of the registration code: %v", token)
	}

	verifier := latchkey.NewVerifier()
	address := d.returns("authorizeURL", map[string]any{"redirect_uri": latchkeytest.RedirectURI, "state": foreignState, "scope": []string{"account.read", "profiles.read"},
		"claim_account_code": claimCode(t, a), "code_challenge": latchkey.Challenge(verifier), "code_challenge_method": "S256"}).(string)
	back, err := s.NewCustomer(foreignEmail).Claim(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	returned, err := latchkey.ParseReturn(back, foreignState)
	if err != nil {
		t.Fatal(err)
	}
	exchange := map[string]any{"code": string(returned.Code), "redirect_uri": latchkeytest.RedirectURI}
	d.throws("exchange", exchange, 401, `"error":"invalid_grant"`) // the verifier is missing
	exchange["code_verifier"] = nil
	d.throws("exchange", exchange, 401, `"error":"invalid_grant"`) // what has no value is sent as an empty field, which is no verifier either
	exchange["code_verifier"] = string(verifier)
	token := d.object("exchange", exchange)
	hold(t, "the exchange", token, map[string]any{"token_type": "bearer", "expires_in": 43199.0, "expired": false, "dated": true, "scope": "account.read profiles.read"})
	fresh := d.object("refresh", nil)
	if fresh["refresh_token"] != token["refresh_token"] || fresh["access_token"] == token["access_token"] {
		t.Errorf("refresh: %v after %v", fresh, token)
	}
	d.throws("application", registration, 401, `"error":"invalid_grant"`)
	d.throws("exchange", exchange, 401, `"error":"invalid_grant"`)
	d.throws("refresh", nil, 401, `"error":"invalid_grant"`) // the code was used twice: what it gave is over (I5)
}

// Where simple-oauth2 expects something else than the contract: what it does, and our answer.
func TestForeignSimpleOAuth2Contradictions(t *testing.T) {
	d := drive(t, "simple-oauth2")
	s := latchkeytest.NewServer(t)
	c := s.Client()
	prefilled(t, c)
	configure := map[string]any{"origin": s.URL, "id": c.ID, "secret": string(c.Secret), "options": map[string]string{"bodyFormat": "json"}}
	d.returns("configure", configure)
	d.throws("application", nil, 400, `"error":"invalid_request"`) // token requests in JSON
	configure["options"] = nil
	d.returns("configure", configure)
	d.returns("application", nil)
	d.throws("revoke", "refresh_token", 400, `"error":"invalid_request"`) // the client's own token has none, and it sends an empty field
	d.throws("revoke", "access_token", 406, "null")                       // it is over; the client wants JSON where RFC 7009 section 2.2 has nothing to read
	d.throws("password", map[string]any{"username": foreignEmail, "password": "seven quiet harbour lanterns"}, 400, `"error":"unsupported_grant_type"`)
	d.throws("application", map[string]any{"scope": []string{"profiles.read"}, "email": []string{"a", "b"}}, 400, `"error":"invalid_request"`) // a list becomes a field that comes twice
}

// A passportWalk is the web application of testdata/foreign/passport-oauth2.js and a browser that visits it.
type passportWalk struct {
	*driven
	origin  string
	server  *latchkeytest.Server
	client  *latchkey.Client
	account *latchkey.Account
	browser *http.Client
}

func newPassportWalk(t *testing.T, class string, options map[string]any) *passportWalk {
	t.Helper()
	w := &passportWalk{driven: drive(t, "passport-oauth2"), server: latchkeytest.NewServer(t)}
	w.origin = w.returns("listen", nil).(string)
	var err error
	w.client, err = w.server.AddPartner(t.Context(), latchkeytest.Partner{Name: "Passport Partner", RedirectURIs: []string{w.origin + "/return"}, Class: class})
	if err != nil {
		t.Fatal(err)
	}
	w.account = prefilled(t, w.client)
	w.returns("configure", map[string]any{"origin": w.server.URL, "id": w.client.ID, "secret": string(w.client.Secret), "options": options})
	w.visitAnew()
	return w
}

// visitAnew takes a browser without the application's cookie.
func (w *passportWalk) visitAnew() {
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	w.browser = &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// visit asks the application and returns the answer's status, body and where it leads.
func (w *passportWalk) visit(address string) (status int, body map[string]any, location string) {
	w.t.Helper()
	got, err := w.browser.Get(address)
	if err != nil {
		w.t.Fatal(err)
	}
	defer got.Body.Close()
	raw, err := io.ReadAll(got.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &body); err != nil {
			w.t.Fatalf("%s: %s", address, raw)
		}
	}
	return got.StatusCode, body, got.Header.Get("Location")
}

// login is the authorize address that the application leads to.
func (w *passportWalk) login(claim string) string {
	w.t.Helper()
	status, body, location := w.visit(w.origin + "/login?claim=" + url.QueryEscape(claim))
	if status != 302 || !strings.HasPrefix(location, w.server.URL+"/oauth/authorize/?") {
		w.t.Fatalf("/login: %d %v, to %s", status, body, location)
	}
	return location
}

// passport-oauth2 in a web application: a person passes through it and our pages and is signed in, by a state and a PKCE
// verifier of the application's session, in both classes of partner.
func TestForeignPassport(t *testing.T) {
	for class, options := range map[string]map[string]any{
		"classic": {"state": true, "bearer": true},
		"strict":  {"state": true, "pkce": true, "bearer": true, "scope": []string{"account.read", "profiles.read"}},
	} {
		t.Run(class, func(t *testing.T) {
			w := newPassportWalk(t, class, options)
			address := w.login(claimCode(t, w.account))
			back, err := w.server.NewCustomer(foreignEmail).Claim(t.Context(), address)
			if err != nil {
				t.Fatal(err)
			}
			mine := w.browser
			w.visitAnew() // somebody else is sent the return address: the state is not theirs (RFC 6749 section 10.12)
			if status, body, _ := w.visit(back); status != 403 {
				t.Errorf("a return without its session: %d %v", status, body)
			}
			w.browser = mine
			status, body, _ := w.visit(back)
			if status != 200 {
				t.Fatalf("the return: %d %v", status, body)
			}
			profile, _ := body["profile"].(map[string]any)
			if profile["name"] != "Mira Kade" || body["profileId"] == "" || body["refresh"] == "" {
				t.Errorf("signed in: %v", body)
			}
			fresh := w.object("refresh", body["refresh"])
			if fresh["access"] == body["access"] || (fresh["refresh"] == body["refresh"]) != (class == "classic") {
				t.Errorf("refresh: %v after %v", fresh, body)
			}
			if status, body, _ := w.visit(back); status != 403 {
				t.Errorf("the return a second time: %d %v", status, body) // its state was used
			}
		})
	}
}

// A person who declines comes back to passport as a failure, not as an error.
func TestForeignPassportDeclined(t *testing.T) {
	w := newPassportWalk(t, "classic", map[string]any{"state": true, "bearer": true})
	ctx, customer := t.Context(), w.server.NewCustomer(foreignEmail)
	for _, step := range []error{customer.Open(ctx, w.login(claimCode(t, w.account))), customer.Secure(ctx), customer.Review(ctx)} {
		if step != nil {
			t.Fatal(step)
		}
	}
	back, err := customer.Decline(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if status, body, _ := w.visit(back); status != 401 || body["message"] == "" {
		t.Errorf("declined: %d %v", status, body)
	}
}

// Where passport-oauth2 expects something else than the contract: what it does, and our answer.
func TestForeignPassportContradictions(t *testing.T) {
	t.Run("reads the user with the token in the address", func(t *testing.T) {
		w := newPassportWalk(t, "classic", map[string]any{"state": true, "bearer": false})
		back, err := w.server.NewCustomer(foreignEmail).Claim(t.Context(), w.login(claimCode(t, w.account)))
		if err != nil {
			t.Fatal(err)
		}
		status, body, _ := w.visit(back)
		if message, _ := body["message"].(string); status != 500 || !strings.HasPrefix(message, `401 {"error":"unauthorized"`) {
			t.Errorf("%d %v", status, body)
		}
	})
	t.Run("is bound to no browser without state", func(t *testing.T) {
		w := newPassportWalk(t, "classic", map[string]any{"bearer": true})
		back, err := w.server.NewCustomer(foreignEmail).Claim(t.Context(), w.login(claimCode(t, w.account)))
		if err != nil {
			t.Fatal(err)
		}
		w.visitAnew()
		if status, body, _ := w.visit(back); status != 200 || strings.Contains(back, "state=") {
			t.Errorf("%s: %d %v", back, status, body)
		}
		if status, body, _ := w.visit(back); status != 500 || body["code"] != "invalid_grant" {
			t.Errorf("a second time: %d %v", status, body)
		}
	})
	t.Run("may send a challenge in plain", func(t *testing.T) {
		w := newPassportWalk(t, "classic", map[string]any{"state": true, "pkce": "plain", "bearer": true})
		customer := w.server.NewCustomer(foreignEmail)
		if err := customer.Open(t.Context(), w.login(claimCode(t, w.account))); err != nil {
			t.Fatal(err)
		}
		if customer.Page() != "request" || customer.Status() != 400 {
			t.Errorf("page %s, status %d", customer.Page(), customer.Status())
		}
	})
}

// The package transferwise reads profiles, of every version it can be told, with the token of an account.
func TestForeignTransferwise(t *testing.T) {
	d := drive(t, "transferwise")
	s := latchkeytest.NewServer(t)
	c := s.Client()
	a := prefilled(t, c)
	token, err := c.RegistrationGrant(t.Context(), foreignEmail, foreignCode)
	if err != nil {
		t.Fatal(err)
	}
	d.returns("configure", map[string]string{"origin": s.URL, "token": string(token.AccessToken)})
	for version, kind := range map[string]string{"": "PERSONAL", "v2": "PERSONAL", "v1": "personal", "2026Q3": "PERSONAL"} {
		argument := map[string]string{}
		if version != "" {
			argument["versionPrefix"] = version
		}
		list, _ := d.returns("ask", []any{"getProfiles", argument}).([]any)
		if len(list) != 1 {
			t.Fatalf("profiles %q: %v", version, list)
		}
		hold(t, "profile "+version, list[0].(map[string]any), map[string]any{"type": kind})
	}

	// The claim ends the token that it has for good.
	back, err := s.NewCustomer(foreignEmail).Claim(t.Context(), c.AuthorizeURL(latchkey.AuthorizeRequest{RedirectURI: latchkeytest.RedirectURI, State: "s",
		ClaimCode: latchkey.Secret(claimCode(t, a))}))
	if err != nil {
		t.Fatal(err)
	}
	d.throws("ask", []any{"getProfiles"}, 401, `"error":"invalid_token"`)
	returned, err := latchkey.ParseReturn(back, "s")
	if err != nil {
		t.Fatal(err)
	}
	token, err = c.Exchange(t.Context(), latchkey.Exchange{Code: returned.Code, RedirectURI: latchkeytest.RedirectURI})
	if err != nil {
		t.Fatal(err)
	}
	d.returns("configure", map[string]string{"origin": s.URL, "token": string(token.AccessToken)})
	list, _ := d.returns("ask", []any{"getProfiles"}).([]any)
	if len(list) != 1 {
		t.Fatalf("the granted profiles: %v", list)
	}
	hold(t, "the granted profile", list[0].(map[string]any), map[string]any{"type": "PERSONAL", "firstName": "Mira", "id": float64(returned.ProfileID)})
}

// Where the package transferwise expects something else than the contract: what it does, and our answer. It moves money, which no
// path of ours does.
func TestForeignTransferwiseContradictions(t *testing.T) {
	d := drive(t, "transferwise")
	s := latchkeytest.NewServer(t)
	c := s.Client()
	prefilled(t, c)
	token, err := c.RegistrationGrant(t.Context(), foreignEmail, foreignCode)
	if err != nil {
		t.Fatal(err)
	}
	d.returns("configure", map[string]string{"origin": s.URL, "token": string(token.AccessToken)})
	data := map[string]any{"data": map[string]any{"profile": 1, "source": "EUR", "target": "GBP"}}
	for verb, argument := range map[string]map[string]any{
		"cancelTransfer": {"transferId": 1}, "convertCurrencies": {"borderlessAccountId": 1, "quoteId": 2}, "createQuote": data,
		"createRecipientAccount": {"accountHolderName": "Mira Kade", "profile": 1}, "createTransfer": {"quote": 1, "targetAccount": 2},
		"deleteRecipientAccount": {"accountId": 1}, "fundTransfer": {"transferId": 1}, "getBorderlessAccounts": {"profileId": 1}, "getQuote": {"quoteId": 1},
		"getProfileActivities": {"profileId": 1, "since": "2031-02-03"}, "getProfilePermissions": {"profileId": 1}, "getRecipientAccounts": {"profile": 1},
	} {
		d.throws("ask", []any{verb, argument}, 404, `"code":"NOT_FOUND"`)
	}
	d.throws("ask", []any{"getProfiles", map[string]string{"versionPrefix": "v3"}}, 404, `"code":"NOT_FOUND"`)

	// It has no grants: a token of the application's own, the nearest to the personal token it was made for, reads no profile.
	own, err := c.Bearer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d.returns("configure", map[string]string{"origin": s.URL, "token": string(own)})
	d.throws("ask", []any{"getProfiles"}, 403, `"message":"Unauthorized"`)
}
