package main

import (
	"bytes"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"io/fs"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey"
	"github.com/latchkey-id/latchkey/internal/demo"
)

// canaries are values that may be nowhere but where they were sent: secrets and what says something of a person, each with
// what it is.
type canaries struct {
	mu     sync.Mutex
	values map[string]string
}

// shortestCanary keeps out what chance writes into a megabyte of ciphertext.
const shortestCanary = 5

func (c *canaries) add(what, value string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.values == nil {
		c.values = map[string]string{}
	}
	if value = strings.TrimSpace(value); len(value) >= shortestCanary && c.values[value] == "" {
		c.values[value] = what
	}
}

// kinds are what there is at least one canary of.
func (c *canaries) kinds() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Compact(slices.Sorted(maps.Values(c.values)))
}

// sixDigits are looked for as a word of their own: ids and moments hold any six digits.
var sixDigits = regexp.MustCompile(`^[0-9]{6}$`)

// find tells which canaries are in a text or a file, as they are or as something writes them: escaped for an address, a page or
// JSON, as hexadecimal digits, or inside of something in base64.
func (c *canaries) find(content []byte) (found []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for value, what := range c.values {
		for _, form := range formsOf(value) {
			at := bytes.Index(content, []byte(form))
			for ; at >= 0 && sixDigits.MatchString(value) && !alone(content, at, len(form)); at = next(content, form, at) {
			}
			if at >= 0 {
				found = append(found, fmt.Sprintf("%s %q: …%q…", what, value, content[max(0, at-60):min(len(content), at+len(form)+60)]))
				break
			}
		}
	}
	slices.Sort(found)
	return found
}

func next(content []byte, form string, at int) int {
	further := bytes.Index(content[at+1:], []byte(form))
	if further < 0 {
		return -1
	}
	return at + 1 + further
}

func alone(content []byte, at, length int) bool {
	part := func(i int) bool {
		return i >= 0 && i < len(content) && (content[i] >= '0' && content[i] <= '9' || content[i] == '.' || content[i] >= 'a' && content[i] <= 'f')
	}
	return !part(at-1) && !part(at+length)
}

func formsOf(value string) []string {
	if sixDigits.MatchString(value) {
		return []string{value}
	}
	quoted, _ := json.Marshal(value)
	forms := []string{value, url.QueryEscape(value), url.PathEscape(value), html.EscapeString(value), strings.Trim(string(quoted), `"`),
		hex.EncodeToString([]byte(value)), strings.ToUpper(hex.EncodeToString([]byte(value)))}
	for skew := range 3 { // wherever in a group of three bytes it begins; the outer characters depend on its neighbours
		padded := base64.RawStdEncoding.EncodeToString(append(make([]byte, skew), value...))
		inner := padded[(skew*8+5)/6 : len(padded)-1]
		if len(inner) >= 2*shortestCanary {
			forms = append(forms, inner, strings.NewReplacer("+", "-", "/", "_").Replace(inner))
		}
	}
	slices.Sort(forms)
	return slices.Compact(forms)
}

// secretFields and personalFields are the names under which secrets and personal values are sent, in JSON and in forms.
var (
	secretFields = []string{"access_token", "refresh_token", "registrationCode", "registration_code", "claimAccountCode", "claim_account_code",
		"code_verifier", "password", "new_password", "oneTimePassword", "code", "secret", "link", "step_token"}
	personalFields = []string{"firstName", "lastName", "preferredName", "dateOfBirth", "email", "actorEmail", "phoneNumber", "phoneNo", "addressFirstLine", "city",
		"postCode", "uniqueIdentifier", "businessName", "registrationNumber", "businessFreeFormDescription", "webpage", "externalCustomerId",
		"first_name", "last_name", "date_of_birth", "phone", "address_line", "first_line", "postal_code", "filename"}
)

// public are values that a sandbox shows to everybody, or that are no secret by themselves.
var public = []string{demoSecret, "000000", "111111", "Software"}

// note takes the canaries out of named values.
func (c *canaries) note(name, value string) {
	if slices.Contains(public, value) {
		return
	}
	if slices.Contains(secretFields, name) || slices.Contains(personalFields, name) {
		c.add(name, value)
	}
}

func (c *canaries) noteJSON(v any) {
	switch v := v.(type) {
	case map[string]any:
		for name, value := range v {
			if text, is := value.(string); is {
				c.note(name, text)
			}
			c.noteJSON(value)
		}
	case []any:
		for _, one := range v {
			c.noteJSON(one)
		}
	}
}

// A watcher is a transport that notes every secret and personal value that passes, and complains where one stands in an address
// of the server after the first (I9), or in an answer that says what is wrong.
type watcher struct {
	t *testing.T
	canaries
	server string
	plain  http.Transport
	errors int // guarded by canaries.mu
}

// RoundTrip sends the request.
func (w *watcher) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	ours := "http://"+r.URL.Host == w.server && !strings.HasPrefix(r.URL.Path, "/dev")
	if ours {
		w.noteRequest(r, body)
	}
	answer, err := w.plain.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	answer.Body = io.NopCloser(bytes.NewReader(content))
	if ours {
		w.noteAnswer(r, answer, content)
	}
	return answer, err
}

func (w *watcher) noteRequest(r *http.Request, body []byte) {
	if _, secret, basic := r.BasicAuth(); basic && secret != demoSecret {
		w.add("client secret", secret)
	}
	if token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); bearer {
		w.add("bearer", token)
	}
	w.add("one-time token", r.Header.Get("One-Time-Token"))
	for _, cookie := range r.Cookies() {
		w.add("cookie", cookie.Value)
	}
	if strings.TrimSuffix(r.URL.Path, "/") == "/oauth/authorize" {
		w.note("claim_account_code", r.URL.Query().Get("claim_account_code"))
	} else if found := w.find([]byte(r.URL.RequestURI() + " " + r.Referer())); len(found) > 0 && !strings.Contains(r.URL.Path, "/check") {
		w.t.Errorf("in an address of %s %s: %s", r.Method, r.URL.Path, found)
	}
	kind, parameters, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch kind {
	case "application/json", "application/merge-patch+json":
		var v any
		_ = json.Unmarshal(body, &v)
		w.noteJSON(v)
	case "application/x-www-form-urlencoded":
		form, _ := url.ParseQuery(string(body))
		for name, values := range form {
			w.note(name, values[0])
		}
	case "multipart/form-data":
		parts := multipart.NewReader(bytes.NewReader(body), parameters["boundary"])
		for part, err := parts.NextPart(); err == nil; part, err = parts.NextPart() {
			content, _ := io.ReadAll(part)
			w.note("filename", part.FileName())
			if len(content) > 80 {
				w.add("file", string(content[len(content)-60:len(content)-20]))
			}
		}
	}
}

func (w *watcher) noteAnswer(r *http.Request, answer *http.Response, content []byte) {
	for _, cookie := range answer.Cookies() {
		w.add("cookie", cookie.Value)
	}
	if to, err := answer.Location(); err == nil {
		w.note("code", to.Query().Get("code"))
	}
	if strings.Contains(answer.Header.Get("Content-Type"), "json") && r.URL.Path != "/openapi.json" && !strings.HasSuffix(r.URL.Path, "keys.json") {
		var v any
		_ = json.Unmarshal(content, &v)
		if answer.StatusCode < 400 {
			w.noteJSON(v)
			return
		}
		w.mu.Lock()
		w.errors++
		w.mu.Unlock()
		if found := w.find(content); len(found) > 0 {
			w.t.Errorf("in the answer %d to %s %s: %s", answer.StatusCode, r.Method, r.URL.Path, found)
		}
	}
}

// TestNothingEscapes walks everything that the demo knows of against a server in a process of its own at the most verbose level,
// over the walk that notes every secret and every personal value, adds canaries on every way that goes wrong, and then looks for
// all of them wherever something is written (I9, requirement 13): log, both outputs, notifications, audit, what commands
// print, each file of the data and of the temporary directory, while it runs and afterwards.
func TestNothingEscapes(t *testing.T) {
	fullRun(t)
	n := newNest(t)
	ctx := t.Context()
	var said bytes.Buffer
	check := &demo.Check{Web: n.watch.server, Demo: n.demoURL, Transport: n.watch, Out: &said, Now: time.Now, All: true, ID: demoID, Secret: demoSecret,
		OtherID: otherID, OtherSecret: demoSecret}
	n.subscribe()
	if err := check.Run(ctx); err != nil {
		t.Fatalf("%v\n%s", err, said.String())
	}
	n.goesWrong()
	n.troubled()
	n.carried()
	for _, kind := range []string{"access_token", "app key", "bearer", "claimAccountCode", "code", "cookie", "dateOfBirth", "email", "file", "firstName", "link in a mail",
		"new_password", "password", "phoneNumber", "refresh_token", "registrationCode", "registration_code", "step_token", "uniqueIdentifier", "client secret"} {
		if !slices.Contains(n.watch.kinds(), kind) {
			t.Errorf("no canary of the kind %q was noted: %q", kind, n.watch.kinds())
		}
	}
	if n.watch.errors < 20 {
		t.Errorf("only %d refusals by the API were met", n.watch.errors)
	}
	n.look("while it runs")
	n.stop()
	n.look("after it stopped")
	t.Logf("%d canaries of %d kinds looked for", len(n.watch.values), len(n.watch.kinds()))
}

// A nest is a sandbox's server in a process, and all places where it writes.
type nest struct {
	t               *testing.T
	data, temporary string
	demoURL         string
	watch           *watcher
	process         *exec.Cmd
	out, errOut     lockedBuffer
	hooks           lockedBuffer
	client          *latchkey.Client
	stopped         bool
}

const nestSecret = "canary-of-the-secret-of-a-client-0042"

func newNest(t *testing.T) *nest {
	t.Helper()
	dir := t.TempDir()
	n := &nest{t: t, data: filepath.Join(dir, "data"), temporary: filepath.Join(dir, "tmp"), watch: &watcher{t: t}}
	if err := os.Mkdir(n.temporary, 0o700); err != nil {
		t.Fatal(err)
	}
	var ports [2]string
	for i := range ports {
		var err error
		if ports[i], err = freePort(); err != nil {
			t.Fatal(err)
		}
	}
	n.watch.server, n.demoURL = "http://localhost:"+ports[0], "http://127.0.0.1:"+ports[1]
	seed := write(t, dir, "seed.yaml", "partners:\n  - id: nest\n    secret: "+nestSecret+"\n    name: Nest\n    redirect: [https://nest.example/cb]\n")
	n.process = exec.Command("latchkey", "dev", "--log-level", "debug", "--addr", "localhost:"+ports[0], "--demo-addr", "127.0.0.1:"+ports[1],
		"--data", n.data, "--seed", seed)
	n.process.Env = append(os.Environ(), "TMPDIR="+n.temporary)
	n.process.Stdout, n.process.Stderr = &n.out, &n.errOut
	if err := n.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.stop)
	for end := time.Now().Add(30 * time.Second); !strings.Contains(n.out.String(), "Ready"); {
		if time.Now().After(end) {
			t.Fatalf("the server is not ready\n%s", n.errOut.String())
		}
		<-time.After(20 * time.Millisecond)
	}
	n.client = &latchkey.Client{BaseURL: n.watch.server, ID: "nest", Secret: nestSecret, HTTP: &http.Client{Transport: n.watch}}
	n.watch.add("client secret", nestSecret)
	return n
}

func (n *nest) stop() {
	if n.stopped {
		return
	}
	n.stopped = true
	_ = n.process.Process.Signal(os.Interrupt)
	_ = n.process.Wait()
}

// subscribe has every notification of the demo's partner sent here too.
func (n *nest) subscribe() {
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(&n.hooks, "%s %v\n%s\n", r.URL, r.Header, body)
	}))
	n.t.Cleanup(receiver.Close)
	partner := &latchkey.Client{BaseURL: n.watch.server, ID: demoID, Secret: demoSecret, HTTP: &http.Client{Transport: n.watch}}
	for _, event := range []string{latchkey.EventClaims, latchkey.EventGrants, latchkey.EventProfiles, latchkey.EventVerification, latchkey.EventCDDCheck, latchkey.EventKYCReview} {
		if _, err := partner.Subscribe(n.t.Context(), latchkey.NewSubscription{Name: "nest", TriggerOn: event,
			Delivery: latchkey.SubscriptionDelivery{Version: "4.0.0", URL: receiver.URL}}); err != nil {
			n.t.Fatal(err)
		}
	}
}

// goesWrong sends canaries in requests that are refused, each in another place of it.
func (n *nest) goesWrong() {
	canary := 0
	fresh := func(what string) string {
		canary++
		value := fmt.Sprintf("canary%04d%s", canary, hex.EncodeToString([]byte(what)))
		n.watch.add(what, value)
		return value
	}
	ask := func(method, path, kind, body string, header http.Header) {
		r, err := http.NewRequestWithContext(n.t.Context(), method, n.watch.server+path, strings.NewReader(body))
		if err != nil {
			n.t.Fatal(err)
		}
		r.Header.Set("Content-Type", kind)
		maps.Copy(r.Header, header)
		answer, err := n.watch.plain.RoundTrip(r)
		if err != nil {
			n.t.Error(err)
			return
		}
		defer answer.Body.Close()
		content, _ := io.ReadAll(answer.Body)
		// A page shows again what a person typed, and where a mistaken link would have led.
		typed := answer.StatusCode < 400 || strings.HasPrefix(path, "/signin") || strings.HasPrefix(path, "/oauth/authorize")
		if found := n.watch.find(content); len(found) > 0 && !typed {
			n.t.Errorf("in the answer %d to %s %s: %s", answer.StatusCode, method, path, found)
		}
	}
	const form, js = "application/x-www-form-urlencoded", "application/json"
	bearer := func(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }
	basic := func(id, secret string) http.Header {
		return http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))}}
	}
	token, err := n.client.Bearer(n.t.Context())
	if err != nil {
		n.t.Fatal(err)
	}
	for _, grant := range []string{"authorization_code&code=", "refresh_token&refresh_token=", "registration_code&email=nest@example.org&registration_code="} {
		ask("POST", "/oauth/token", form, "client_id=nest&grant_type="+grant+fresh("grant"), basic("nest", nestSecret))
	}
	ask("POST", "/oauth/token", form, "grant_type=client_credentials", basic("nest", fresh("client secret")))
	ask("POST", "/oauth/token", form, "grant_type=client_credentials&client_secret="+fresh("client secret"), nil)
	ask("GET", "/v1/me", js, "", bearer("lka_1_2_"+fresh("bearer")))
	ask("POST", "/v1/user/signup/registration_code", js, `{"email":"`+fresh("email")+`","registrationCode":"`+fresh("short")+`"}`, bearer(string(token)))
	ask("POST", "/v1/user/signup/registration_code", js, `{"email":"`+fresh("broken")+`",`, bearer(string(token)))
	ask("POST", "/v1/users/exists", js, `{"email":["`+fresh("email")+`"]}`, bearer(string(token)))
	ask("POST", "/v2/profiles/personal-profile", js, `{"firstName":{"`+fresh("name")+`":1}}`, bearer(string(token)))
	ask("POST", "/v1/user/claim-account", js, `{"registrationCode":"`+fresh("registration code")+`"}`, bearer(string(token)))
	ask("GET", "/oauth/authorize?client_id=nest&redirect_uri=https://nest.example/cb&claim_account_code="+fresh("claim code")+"&state="+fresh("state"), form, "", nil)
	ask("GET", "/oauth/authorize?client_id=nest&redirect_uri=https://other.example/"+fresh("address")+"&claim_account_code="+fresh("claim code"), form, "", nil)
	ask("GET", "/oauth/authorize?client_id="+fresh("client")+"%zz", form, "", nil)
	ask("POST", "/signin", form, "email="+fresh("who")+"@example.org&password="+fresh("password"), http.Header{"Origin": {n.watch.server}, "Sec-Fetch-Site": {"same-origin"}})
	ask("POST", "/signin", form, "password="+fresh("password"), http.Header{"Origin": {"https://evil.example"}, "Cookie": {"lk=" + fresh("cookie")}})
	ask("GET", "/j/"+fresh("journey")+"/review", form, "", http.Header{"Cookie": {"lk=" + fresh("cookie")}, "Referer": {n.watch.server + "/?" + fresh("referrer")}})
	ask("GET", "/recovery/"+fresh("link to go back")+"/"+fresh("address")+"@example.org", form, "", nil)
	ask("GET", "/v1/profiles/"+fresh("profile or other")+"%0a", js, "", bearer(string(token)))
	ask("GET", "/v1/me?access_token="+fresh("token in the query"), js, "", http.Header{"X-External-Correlation-Id": {"not-looked-for"}, "X-Forwarded-For": {fresh("address")}})
}

// troubled asks while nobody can write to the database, and then while it is no database any more for a command.
func (n *nest) troubled() {
	file, err := sql.Open("sqlite", filepath.Join(n.data, "latchkey.db")+"?_txlock=immediate")
	if err != nil {
		n.t.Fatal(err)
	}
	defer file.Close()
	held, err := file.Begin()
	if err != nil {
		n.t.Fatal(err)
	}
	before := len(n.errOut.String())
	var all sync.WaitGroup
	statuses := make(chan int, 8)
	canary := latchkey.NewRegistrationCode()
	n.watch.add("registrationCode", string(canary))
	email := "late." + string(canary) + "@example.org"
	n.watch.add("email", email)
	all.Go(func() {
		_, err := n.client.CreateUser(n.t.Context(), latchkey.NewUser{Email: email, RegistrationCode: canary})
		statuses <- statusOf(err)
	})
	all.Go(func() {
		_, err := n.client.RegistrationGrant(n.t.Context(), email, canary)
		statuses <- statusOf(err)
	})
	all.Wait()
	close(statuses)
	if err := held.Rollback(); err != nil {
		n.t.Error(err)
	}
	unavailable := 0
	for status := range statuses {
		if status == http.StatusServiceUnavailable {
			unavailable++
		}
	}
	if unavailable == 0 || !strings.Contains(n.errOut.String()[before:], "unavailable") {
		n.t.Errorf("the database was not troubled: %d answers of 503\n%s", unavailable, n.errOut.String()[before:])
	}
}

func statusOf(err error) int {
	var e *latchkey.Error
	if errors.As(err, &e) {
		return e.Status
	}
	return 0
}

// carried notes what reached the person beside the pages: links in mails, and the keys in their app.
func (n *nest) carried() {
	answer, err := http.Get(n.watch.server + "/dev/mail.json?to=")
	if err != nil {
		n.t.Fatal(err)
	}
	defer answer.Body.Close()
	mails, _ := io.ReadAll(answer.Body)
	for _, link := range regexp.MustCompile(regexp.QuoteMeta(n.watch.server)+`/[a-z-]+/([A-Za-z0-9_-]{20,})`).FindAllSubmatch(mails, -1) {
		n.watch.add("link in a mail", string(link[1]))
	}
	phone, err := os.ReadFile(filepath.Join(n.data, "authenticator.json"))
	if err != nil {
		n.t.Fatal(err)
	}
	for _, key := range regexp.MustCompile(`[A-Z2-7]{32}`).FindAll(phone, -1) {
		n.watch.add("app key", string(key))
	}
}

// look looks wherever something is written.
func (n *nest) look(when string) {
	n.t.Helper()
	sinks := map[string][]byte{"log": []byte(n.errOut.String()), "output": []byte(n.out.String()), "notifications": []byte(n.hooks.String())}
	for _, line := range []string{"audit export", "audit tail --limit 1000", "audit verify", "event list", "partner list", "key list"} {
		out, errOut := command(n.t, exitDone, append(strings.Fields(line), "--data", n.data, "--master-key-file", filepath.Join(n.data, sandboxKey))...)
		sinks[line] = []byte(out + errOut)
	}
	for _, dir := range []string{n.data, n.temporary} {
		if err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || slices.Contains([]string{sandboxKey, "authenticator.json", "clock"}, entry.Name()) {
				return err // the last two are what a person's phone is in the sandbox
			}
			content, err := os.ReadFile(path)
			sinks[entry.Name()] = content
			return err
		}); err != nil {
			n.t.Fatal(err)
		}
	}
	for _, must := range []string{"latchkey.db", "signing.keys", "receipt.keys"} {
		if len(sinks[must]) == 0 {
			n.t.Errorf("%s: there is no %s to look at: %q", when, must, slices.Sorted(maps.Keys(sinks)))
		}
	}
	for name, has := range map[string]string{"log": "msg=request", "notifications": "x-claims#state-change", "audit export": "journey.claimed", "event list": "x-claims#state-change"} {
		if !bytes.Contains(sinks[name], []byte(has)) && when == "while it runs" {
			n.t.Errorf("%s: nothing is in the %s: no %q in %d bytes", when, name, has, len(sinks[name]))
		}
	}
	for name, content := range sinks {
		for _, found := range n.watch.find(content) {
			n.t.Errorf("%s, in the %s: %s", when, name, found)
		}
	}
}

// TestCanariesAreFound plants one canary in each form and each kind of place: the finder must not miss it.
func TestCanariesAreFound(t *testing.T) {
	t.Parallel()
	c := &canaries{}
	const name, six = `Mira "Kade" & Söhne`, "481516"
	c.add("name", name)
	c.add("code", six)
	c.add("too short", "Leit")
	quoted, _ := json.Marshal(map[string]string{"name": name})
	for what, content := range map[string]string{
		"a log": `level=DEBUG msg="x" name=` + name, "JSON": string(quoted), "an address": "/x?" + url.Values{"n": {name}}.Encode(), "a path": "/x/" + url.PathEscape(name),
		"a page": "<p>" + html.EscapeString(name), "a dump": hex.EncodeToString([]byte("xx" + name + "yy")), "base64": base64.StdEncoding.EncodeToString([]byte(name)),
		"base64, shifted": base64.RawURLEncoding.EncodeToString([]byte("x" + name + "yz")), "base64, shifted again": base64.RawURLEncoding.EncodeToString([]byte("xy" + name + "z")),
		"a page of a file": strings.Repeat("\x00", 4096) + name + strings.Repeat("\xff", 4096),
		"a code":           "code=" + six + " ", "a code at the end": "took 1481516 and " + six,
	} {
		if found := c.find([]byte(content)); len(found) != 1 {
			t.Errorf("%s: found %q in %.80q", what, found, content)
		}
	}
	for what, content := range map[string]string{"nothing": "", "a moment": "1481516", "a fraction": "0.481516", "a digest": "a481516f", "ciphertext": "Leit"} {
		if found := c.find([]byte(content)); len(found) != 0 {
			t.Errorf("%s: found %q", what, found)
		}
	}
	w := &watcher{}
	w.noteJSON(map[string]any{"list": []any{map[string]any{"firstName": "Mirabel", "type": "PASSPORT", "access_token": "lka_1"}}, "secret": demoSecret})
	if kinds := w.kinds(); !slices.Equal(kinds, []string{"access_token", "firstName"}) {
		t.Errorf("noted %q", kinds)
	}
}
