package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey"
)

// mailSink is a relay on this machine: it takes every mail and hands it to the test.
func mailSink(t *testing.T) (address string, mails chan string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	mails = make(chan string, 8)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go sink(conn, mails)
		}
	}()
	return listener.Addr().String(), mails
}

func sink(conn net.Conn, mails chan string) {
	defer conn.Close()
	lines := bufio.NewScanner(conn)
	say := func(text string) { _, _ = io.WriteString(conn, text+"\r\n") }
	say("220 sink")
	for lines.Scan() {
		switch verb := strings.ToUpper(strings.SplitN(lines.Text(), " ", 2)[0]); verb {
		case "DATA":
			say("354 go")
			var mail strings.Builder
			for lines.Scan() && lines.Text() != "." {
				mail.WriteString(lines.Text() + "\n")
			}
			mails <- mail.String()
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

// lockedBuffer is a log that two goroutines may use.
type lockedBuffer struct {
	// serving is closed when the server listens.
	serving chan struct{}

	mu  sync.Mutex
	out bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if bytes.Contains(p, []byte(`"msg":"serving"`)) {
		close(b.serving)
	}
	return b.out.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.out.String()
}

// served runs "latchkey serve" over TLS with a mail relay, until stop is called, which returns its exit code.
func served(t *testing.T) (base string, roots *x509.CertPool, mails chan string, log *lockedBuffer, stop func() int) {
	t.Helper()
	dir := t.TempDir()
	cert, key := pair(t, dir, 1)
	text, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	roots = x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	relay, mails := mailSink(t)
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	base = "https://localhost:" + port
	log, stop = serveWith(t, "--web-url", base, "--listen", "127.0.0.1:"+port, "--tls-cert", cert, "--tls-key", key, "--data", filepath.Join(dir, "data"),
		"--master-key-file", write(t, dir, "master.key", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="), "--smtp", "smtp+clear://"+relay,
		"--brand", "Example ID", "--seed", write(t, dir, "seed.yaml",
			"partners:\n  - id: acme-treasury\n    secret: acme-treasury-secret\n    name: Acme Treasury\n    redirect: https://app.acme.example/cb\n"))
	return base, roots, mails, log, stop
}

// serveWith runs "latchkey serve" until stop is called, which returns its exit code.
func serveWith(t *testing.T, args ...string) (log *lockedBuffer, stop func() int) {
	t.Helper()
	args = append([]string{"serve", "--mail-from", "no-reply@id.example.org", "--help-email", "help@example.org", "--drain", "1s"}, args...)
	log = &lockedBuffer{serving: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() { ended <- run(ctx, args, io.Discard, log) }()
	return log, func() int {
		cancel()
		return <-ended
	}
}

// serve over TLS, with mails by SMTP: the first page of a claim, and the code that it sends.
func TestServeSendsTheCodeBySMTP(t *testing.T) {
	base, roots, mails, log, stop := served(t)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	defer browser.CloseIdleConnections()
	select {
	case <-log.serving:
	case <-time.After(30 * time.Second):
		t.Fatalf("serve does not listen\n%s", log)
	}
	partner := &latchkey.Client{BaseURL: base, ID: "acme-treasury", Secret: "acme-treasury-secret", HTTP: browser}
	registration := latchkey.NewRegistrationCode()
	if _, err := partner.CreateUser(t.Context(), latchkey.NewUser{Email: "mira.kade@example.org", RegistrationCode: registration}); err != nil {
		t.Fatal(err)
	}
	token, err := partner.RegistrationGrant(t.Context(), "mira.kade@example.org", registration)
	if err != nil {
		t.Fatal(err)
	}
	code, err := partner.Account(token).MintClaimCode(t.Context(), registration)
	if err != nil {
		t.Fatal(err)
	}
	status, address, page := read(t, browser, partner.AuthorizeURL(latchkey.AuthorizeRequest{RedirectURI: "https://app.acme.example/cb", State: "t-5512", ClaimCode: code}), nil)
	formToken := regexp.MustCompile(`name="step_token" value="([^"]+)"`).FindStringSubmatch(page)
	if status != 200 || !strings.Contains(page, `data-page="c1"`) || formToken == nil {
		t.Fatalf("status %d at %s\n%s", status, address, page)
	}
	status, _, page = read(t, browser, address, url.Values{"step_token": {formToken[1]}, "email": {"mira.kade@example.org"}})
	if status != 200 || !strings.Contains(page, `data-page="c2"`) {
		t.Fatalf("status %d\n%s", status, page)
	}
	var mail string
	select {
	case mail = <-mails:
	case <-time.After(30 * time.Second):
		t.Fatalf("no mail came\n%s", log)
	}
	for _, want := range []string{"To: <mira.kade@example.org>", `From: "Example ID" <no-reply@id.example.org>`, "Reply-To: <help@example.org>", "Acme Treasury never asks"} {
		if !strings.Contains(strings.Join(strings.Fields(mail), " "), want) {
			t.Errorf("the mail does not say %q:\n%s", want, mail)
		}
	}
	if exit := stop(); exit != exitDone || !strings.Contains(log.String(), `"msg":"stopped"`) {
		t.Errorf("exit %d\n%s", exit, log)
	}
	six := regexp.MustCompile(`(?m)^ {4}(\d{6})`).FindStringSubmatch(mail)
	for _, never := range []string{string(code), string(registration), string(token.AccessToken), "mira.kade", "acme-treasury-secret", "t-5512"} {
		if strings.Contains(log.String(), never) {
			t.Errorf("the log holds %q", never)
		}
	}
	if six == nil || strings.Contains(log.String(), six[1]) {
		t.Errorf("code %q in the mail:\n%s", six, mail)
	}
}

// read sends a form, or asks for a page where there is none, and follows redirects.
func read(t *testing.T, browser *http.Client, address string, form url.Values) (status int, at, page string) {
	t.Helper()
	var answer *http.Response
	var err error
	if form == nil {
		answer, err = browser.Get(address)
	} else {
		answer, err = browser.PostForm(address, form)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if hsts := answer.Header.Get("Strict-Transport-Security"); hsts != "max-age=31536000" {
		t.Errorf("%s: HSTS %q", address, hsts)
	}
	return answer.StatusCode, answer.Request.URL.String(), string(body)
}
