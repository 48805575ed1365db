package server

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/store"
)

const claimCode = "0d1c9f34-52a8-4c77-9f1e-6f3b8f6f2f90"

func TestNewNeedsSomewhereForMails(t *testing.T) {
	o, _ := options(t)
	o.Sender = nil
	if _, err := New(t.Context(), o); err == nil || !strings.Contains(err.Error(), "no mail server") {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(filepath.Join(o.Data, DatabaseFile)); err == nil {
		t.Error("a database was made before the settings were checked")
	}
	o.Sandbox = http.NotFoundHandler()
	newServer(t, o)
}

func TestNewRefusesBrokenOptions(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"web address": func(o *Options) { o.WebURL = "://" },
		"API address": func(o *Options) { o.APIURL = "https://exa mple" },
		"brand":       func(o *Options) { o.Brand = "two\nlines" },
		"directory":   func(o *Options) { o.Data = filepath.Join(o.Data, "missing") },
	} {
		o, _ := options(t)
		change(&o)
		if s, err := New(t.Context(), o); err == nil {
			t.Errorf("%s: a server was made", name)
			_ = s.Close()
		}
	}
}

func TestDoorsOnOneHost(t *testing.T) {
	o, _ := options(t)
	s := newServer(t, o)
	seed(t, s)
	h := s.Handler()
	for _, c := range []struct {
		method, target string
		status         int
		json           bool
	}{
		{"GET", "/v1/me", 401, true},
		{"GET", "/v1/me/", 401, true},
		{"GET", "/2026Q3/me", 401, true},
		{"GET", "/2027Q1/me", 401, true},
		{"GET", "/2025Q4/me", 404, true},
		{"GET", "/v9/nothing", 404, true},
		{"GET", "/2026q3/me", 404, true},
		{"GET", "/26Q3/me", 404, true},
		{"GET", "/V1/me", 404, true},
		{"GET", "/v1.0/me", 404, true},
		{"GET", "/v1", 404, true},
		{"GET", "/2026Q3", 404, true},
		{"GET", "/vault", 404, false},
		{"POST", "/oauth/token", 401, true},
		{"POST", "/oauth/token/", 401, true},
		{"GET", "/oauth/token", 405, true},
		{"POST", "/oauth/revoke", 401, true},
		{"POST", "/oauth/introspect/", 401, true},
		{"POST", "/oauth/register", 404, true},
		{"GET", "/.well-known/oauth-authorization-server", 200, true},
		{"GET", "/.well-known/openid-configuration", 404, false},
		{"POST", "/oauth/device/", 404, true},
		{"GET", "/oauth/userinfo", 404, true},
		{"GET", "/oauth/tokens", 404, false},
		{"GET", "/openapi.json", 200, true},
		{"GET", "/openapi.json/", 200, true},
		{"POST", "/docs", 405, true},
		{"GET", "/docs", 200, false},
		{"GET", "/docs/more", 404, false},
		{"POST", "/oauth/token//", 404, true},
		{"POST", "//v1/me", 404, true},
		{"GET", "/signin/../v1/me", 404, true},
		{"GET", "/oauth/authorize", 400, false},
		{"GET", "/oauth/authorize/", 400, false},
		{"GET", "/signin", 200, false},
		{"GET", "/help", 200, false},
		{"GET", "/", 404, false},
		{"GET", "/nothing", 404, false},
		{"GET", "/dev/mail", 404, false},
		{"GET", "/dev/clock.json", 404, false},
		{"POST", "/dev/clock.json", 404, false},
	} {
		w := ask(h, c.method, "https://id.example.org"+c.target, nil)
		isJSON := strings.HasPrefix(w.Header().Get("Content-Type"), "application/json")
		if w.Code != c.status || isJSON != c.json {
			t.Errorf("%s %s: status %d, %s; want %d, JSON %t", c.method, c.target, w.Code, w.Header().Get("Content-Type"), c.status, c.json)
		}
		if trace := w.Header().Get("X-Trace-Id"); len(trace) != 32 {
			t.Errorf("%s %s: reference %q", c.method, c.target, trace)
		}
	}
}

// Pages and cookies exist on the web host only; on the API's host the authorize page leads there with the query as it
// came (design 10.17).
func TestDoorsOnTwoHosts(t *testing.T) {
	o, _ := options(t)
	o.APIURL = "https://api.example.org"
	s := newServer(t, o)
	seed(t, s)
	h := s.Handler()
	raw := "client_id=acme-treasury&redirect_uri=https://app.acme.example/cb&state=a+b%2Bc%20d&claim_account_code=" + claimCode
	for _, path := range []string{"/oauth/authorize", "/oauth/authorize/"} {
		w := ask(h, "GET", "https://api.example.org"+path+"?"+raw, nil)
		if want := "https://id.example.org/oauth/authorize?" + raw; w.Code != 303 || w.Header().Get("Location") != want {
			t.Errorf("%s: status %d to %q, want %q", path, w.Code, w.Header().Get("Location"), want)
		}
		if w.Header().Get("Set-Cookie") != "" {
			t.Errorf("%s: the API's host set a cookie", path)
		}
	}
	for _, c := range []struct {
		target string
		status int
		page   bool
	}{
		{"https://api.example.org/signin", 404, false},
		{"https://api.example.org/docs", 200, true},
		{"https://id.example.org/docs", 404, true},
		{"https://api.example.org/v1/me", 401, false},
		{"https://id.example.org/signin", 200, true},
		{"https://id.example.org/v1/me", 404, true},
		{"https://id.example.org/oauth/token", 404, true},
		{"https://id.example.org/oauth/introspect", 404, true},
		{"https://id.example.org/.well-known/oauth-authorization-server", 200, false},
		{"https://api.example.org/.well-known/oauth-authorization-server", 200, false},
		{"https://10.0.0.1/v1/me", 401, false},
		{"https://10.0.0.1/signin", 200, true},
	} {
		w := ask(h, "GET", c.target, nil)
		if isPage := strings.HasPrefix(w.Header().Get("Content-Type"), "text/html"); w.Code != c.status || isPage != c.page {
			t.Errorf("%s: status %d, %s; want %d, page %t", c.target, w.Code, w.Header().Get("Content-Type"), c.status, c.page)
		}
	}
	if w := ask(h, "GET", "https://api.example.org/openapi.json", nil); !strings.Contains(w.Body.String(), `"servers":[{"url":"https://api.example.org"}]`) {
		t.Error("the description does not say where it is served")
	}
	if w := ask(h, "GET", "https://id.example.org/signin", func(r *http.Request) { r.Header.Set("X-Forwarded-Host", "api.example.org") }); w.Code != 200 {
		t.Errorf("a stranger chose the door: status %d", w.Code)
	}
}

func TestSandboxDoors(t *testing.T) {
	o, _ := options(t)
	o.Sender = nil
	o.Sandbox = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { plain(w, 200, "sandbox "+r.URL.Path) })
	h := newServer(t, o).Handler()
	for target, want := range map[string]string{"/dev": "sandbox /dev", "/dev/mail": "sandbox /dev/mail", "/dev/x/y": "sandbox /dev/x/y"} {
		if w := ask(h, "GET", target, nil); w.Body.String() != want {
			t.Errorf("%s: %q, want %q", target, w.Body.String(), want)
		}
	}
	if w := ask(h, "GET", "/", nil); w.Code != 303 || w.Header().Get("Location") != "/dev/" {
		t.Errorf("/: status %d to %q", w.Code, w.Header().Get("Location"))
	}
	if w := ask(h, "GET", "/help", nil); !strings.Contains(w.Body.String(), `data-msg="frame.sandbox"`) {
		t.Error("a page of the sandbox has no banner")
	}
}

func TestHealth(t *testing.T) {
	o, l := options(t)
	s, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	h := s.Handler()
	check := func(path string, status int, text string) {
		t.Helper()
		if w := ask(h, "GET", path, nil); w.Code != status || w.Body.String() != text {
			t.Errorf("%s: %d %q, want %d %q", path, w.Code, w.Body.String(), status, text)
		}
	}
	check("/livez", 200, "alive\n")
	check("/readyz", 200, "ready\n")
	s.Leave()
	check("/readyz", 503, "not ready\n")
	check("/livez", 200, "alive\n")
	s.leaving.Store(false)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	check("/readyz", 503, "not ready\n")
	if n := len(l.lines(t, "request")); n != 0 {
		t.Errorf("%d probes in the request log", n)
	}
}

// What the log of a request says, and what must never be in it (I9).
func TestRequestLog(t *testing.T) {
	o, l := options(t)
	o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	s := newServer(t, o)
	seed(t, s)
	h := s.Handler()
	w := ask(h, "GET", "https://id.example.org/oauth/authorize?client_id=acme-treasury&state=very-private-state&claim_account_code="+claimCode, func(r *http.Request) {
		r.Header.Set("X-Forwarded-For", "198.51.100.77")
		r.Header.Set("Authorization", "Bearer lka_secret")
		r.Header.Set("Cookie", "__Host-lk=cookie-value")
	})
	ask(h, "GET", "https://id.example.org/j/"+claimCode+"/start", nil)
	// The link of mail M1 is a key to an account's hold: whoever reads the log must not be able to turn it.
	ask(h, "GET", "https://id.example.org/objection/mailed-key", nil)
	ask(h, "POST", "https://id.example.org/objection/mailed-key", nil)
	lines := l.lines(t, "request")
	if len(lines) != 4 {
		t.Fatalf("%d lines", len(lines))
	}
	first := lines[0]
	for key, want := range map[string]any{"method": "GET", "path": "/oauth/authorize", "network": "198.51.100.0/24",
		"status": float64(w.Code), "bytes": float64(w.Body.Len()), "reference": w.Header().Get("X-Trace-Id")} {
		if first[key] != want {
			t.Errorf("%s is %v, want %v", key, first[key], want)
		}
	}
	if lines[1]["path"] != "/j/{jid}/start" {
		t.Errorf("path %v", lines[1]["path"])
	}
	for _, line := range lines[2:] {
		if line["path"] != "/objection/{jid}" {
			t.Errorf("path %v", line["path"])
		}
	}
	for _, never := range []string{claimCode, "very-private-state", "lka_secret", "cookie-value", "198.51.100.77", "mailed-key"} {
		if strings.Contains(l.text(), never) {
			t.Errorf("the log holds %q:\n%s", never, l.text())
		}
	}
}

func TestPanicsBecomeApologies(t *testing.T) {
	o, l := options(t)
	s := newServer(t, o)
	h := s.recovering(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("lost my way") }))
	w := ask(h, "GET", "https://id.example.org/j/"+claimCode+"/start", nil)
	reference, _ := l.lines(t, "panic")[0]["reference"].(string)
	if w.Code != 500 || !strings.Contains(w.Body.String(), `data-page="e11"`) || reference == "" || !strings.Contains(w.Body.String(), reference) {
		t.Errorf("status %d, reference %q:\n%s", w.Code, reference, w.Body.String())
	}
	if strings.Contains(w.Body.String()+l.text(), "lost my way") {
		t.Error("the page, or the log, repeats what was thrown: it may hold what nobody may read")
	}
	h = s.recovering(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { var none []string; _ = none[len(none)] }))
	ask(h, "GET", "https://id.example.org/signin", nil)
	if thrown := l.lines(t, "panic")[1]; thrown["thrown"] != "runtime error: index out of range [0] with length 0" || thrown["stack"] == "" {
		t.Errorf("a mistake of the program is not told: %v", thrown)
	}
}

// What may be a secret in a path is not logged, wherever it was put; what the routes are made of is.
func TestLoggablePaths(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/j/" + claimCode + "/start": "/j/{jid}/start", "/objection/abc": "/objection/{jid}", "/recovery/" + strings.Repeat("aB", 21): "/recovery/{jid}", "/oauth/authorize/" + claimCode: "/oauth/authorize/{text}",
		"/v1/users/115413914252851/contact-email": "/v1/users/115413914252851/contact-email", "/v2/profiles/1/business-representative": "/v2/profiles/1/business-representative",
		"/x/lka_1_2_abcdefghijklmnop": "/x/{text}", "/v1/users/mira.kade@example.org": "/v1/users/{text}", "/": "/", "": "",
		"/" + strings.Repeat("a/", 150): ("/" + strings.Repeat("a/", 150))[:200],
	} {
		if have := loggable(path); have != want {
			t.Errorf("%s is logged as %s, want %s", path, have, want)
		}
	}
}

func TestEvents(t *testing.T) {
	o, _ := options(t)
	s := newServer(t, o)
	seed(t, s)
	list, err := s.Events().Tail(t.Context(), audit.Filter{Action: audit.PartnerAdded})
	if err != nil || len(list) != 1 {
		t.Errorf("%d events: %v", len(list), err)
	}
}

// A mail queued by a change is out soon after, and Run ends when it is told to.
func TestRunDeliversAndEnds(t *testing.T) {
	o, _ := options(t)
	sender := o.Sender.(*sent)
	s := newServer(t, o)
	err := store.For[customer.MailTx]{DB: s.database}.Change(t.Context(), func(tx customer.MailTx) (audit.Event, error) {
		return audit.Event{At: start, Action: audit.MailQueued, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorServer}},
			tx.QueueMail(customer.Mail{Kind: customer.MailCode, To: "mira.kade@example.org", Language: "en", Partner: "Acme", Code: "123456", At: start})
	})
	if err != nil {
		t.Fatal(err)
	}
	kept, err := s.Inbox.List(t.Context(), 10)
	if err != nil || len(kept) != 1 || !strings.Contains(kept[0].Text, "123456") {
		t.Fatalf("queued %+v: %v", kept, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { s.Run(ctx) })
	select {
	case <-sender.came:
	case <-time.After(30 * time.Second):
		t.Error("nothing was sent")
	}
	cancel()
	running.Wait()
	kept, err = s.Inbox.List(t.Context(), 10)
	if err != nil || len(kept) != 0 {
		t.Errorf("after delivery %d mails still have a body: %v", len(kept), err)
	}
	if len(sender.letters) != 1 || sender.letters[0].To != "mira.kade@example.org" {
		t.Errorf("sent %+v", sender.letters)
	}
}

func TestOneServerForOneDatabase(t *testing.T) {
	o, _ := options(t)
	newServer(t, o)
	if _, err := New(t.Context(), o); !errors.Is(err, store.ErrServed) {
		t.Errorf("error %v, want %v", err, store.ErrServed)
	}
}
