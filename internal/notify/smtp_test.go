package notify

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"testing"
	"time"
)

var sentAt = time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC)

func smtpTo(s *smtpServer) SMTP {
	return SMTP{
		Host: "127.0.0.1", Port: s.port(), Username: s.user, Password: s.password, From: "no-reply@id.example.org",
		FromName: "Example ID", ReplyTo: "help@example.org", Timeout: 5 * time.Second, TLS: &tls.Config{RootCAs: s.roots, ServerName: "127.0.0.1"},
		Now: func() time.Time { return sentAt },
	}
}

func letter() Letter {
	return Letter{ID: 42, Kind: "M2", To: "mira.kade@example.org", Subject: "Your code for Example ID", Text: "123456\n", HTML: "<p>123456</p>"}
}

func TestSMTPSendsTextAndHTMLOverStartTLS(t *testing.T) {
	server := startSMTP(t, func(s *smtpServer) { s.user, s.password = "relay", "relay-secret" })
	if err := smtpTo(server).Send(t.Context(), letter()); err != nil {
		t.Fatal(err)
	}
	got := server.taken()
	if len(got) != 1 {
		t.Fatalf("server has %d mails, want 1", len(got))
	}
	m := got[0]
	if !m.overTLS || m.login != "\x00relay\x00relay-secret" {
		t.Errorf("over TLS %t, login %q", m.overTLS, m.login)
	}
	if len(m.to) != 1 || !strings.HasPrefix(m.to[0], "RCPT TO:<mira.kade@example.org>") {
		t.Errorf("recipients %q", m.to)
	}
	parsed, err := mail.ReadMessage(strings.NewReader(m.content))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"From": `"Example ID" <no-reply@id.example.org>`, "To": "<mira.kade@example.org>", "Reply-To": "<help@example.org>",
		"Subject": "Your code for Example ID", "Message-Id": "<42.latchkey@id.example.org>", "Auto-Submitted": "auto-generated",
		"Date": "Sun, 22 Nov 2026 09:30:00 +0000",
	} {
		if have := parsed.Header.Get(name); have != want {
			t.Errorf("%s is %q, want %q", name, have, want)
		}
	}
	parts := readParts(t, parsed)
	if strings.TrimSpace(parts["text/plain"]) != "123456" || parts["text/html"] != "<p>123456</p>" {
		t.Errorf("parts %q", parts)
	}
}

func readParts(t *testing.T, m *mail.Message) map[string]string {
	t.Helper()
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("content type %q: %v", kind, err)
	}
	parts := map[string]string{}
	reader := multipart.NewReader(m.Body, params["boundary"])
	for {
		part, err := reader.NextRawPart()
		if err == io.EOF {
			return parts
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil {
			t.Fatal(err)
		}
		kind, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type"))
		parts[kind] = string(body)
	}
}

func TestSMTPImplicitTLS(t *testing.T) {
	server := startSMTP(t, func(s *smtpServer) { s.implicit = true })
	s := smtpTo(server)
	s.Security = SecurityTLS
	if err := s.Send(t.Context(), letter()); err != nil {
		t.Fatal(err)
	}
	if got := server.taken(); len(got) != 1 || !got[0].overTLS {
		t.Fatalf("server has %+v", got)
	}
}

// A man in the middle who strips the offer of STARTTLS must get nothing.
func TestSMTPInsistsOnTLS(t *testing.T) {
	server := startSMTP(t, func(s *smtpServer) { s.plain = true })
	err := smtpTo(server).Send(t.Context(), letter())
	if err == nil || errors.Is(err, ErrRefused) {
		t.Fatalf("error %v, want one that is tried again", err)
	}
	if got := server.taken(); len(got) != 0 {
		t.Fatalf("%d mails went out in the clear", len(got))
	}
	s := smtpTo(server)
	s.Security = SecurityNone
	if err := s.Send(t.Context(), letter()); err != nil {
		t.Fatalf("a relay on this machine: %v", err)
	}
}

func TestSMTPRefusesUnknownCertificates(t *testing.T) {
	server := startSMTP(t, nil)
	s := smtpTo(server)
	s.TLS = nil
	if err := s.Send(t.Context(), letter()); err == nil || len(server.taken()) != 0 {
		t.Fatalf("error %v, %d mails taken", err, len(server.taken()))
	}
}

func TestSMTPErrors(t *testing.T) {
	for name, c := range map[string]struct {
		verb, reply string
		final       bool
		want        string
	}{
		"mailbox unknown":  {"RCPT", "550 5.1.1 mira.kade@example.org unknown", true, "reply 550 5.1.1"},
		"mailbox busy":     {"RCPT", "450 4.2.1 mira.kade@example.org greylisted", false, "reply 450 4.2.1"},
		"sender refused":   {"MAIL", "553 5.1.8 no", true, "reply 553"},
		"content refused":  {"END", "554 5.7.1 spam", true, "reply 554"},
		"server overloads": {"END", "451 4.3.0 later", false, "reply 451"},
		"login refused":    {"AUTH", "535 5.7.8 no", false, "mail server"},
	} {
		t.Run(name, func(t *testing.T) {
			server := startSMTP(t, func(s *smtpServer) { s.user, s.password, s.replies[c.verb] = "relay", "relay-secret", c.reply })
			err := smtpTo(server).Send(t.Context(), letter())
			if err == nil || errors.Is(err, ErrRefused) != c.final || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q, final %t", err, c.want, c.final)
			}
			if strings.Contains(err.Error(), "mira") || strings.Contains(err.Error(), "relay-secret") {
				t.Errorf("error %q repeats an address or a secret", err)
			}
		})
	}
}

// A mail that the server has taken is sent, whatever goes wrong afterwards.
func TestSMTPTakenIsSent(t *testing.T) {
	server := startSMTP(t, func(s *smtpServer) { s.replies["RSET"], s.replies["QUIT"] = "500 no", "500 no" })
	if err := smtpTo(server).Send(t.Context(), letter()); err != nil || len(server.taken()) != 1 {
		t.Fatalf("error %v, %d mails", err, len(server.taken()))
	}
}

// Each command is a way to the server and back, for which whoever waits for a code waits too: none is sent that says nothing.
func TestSMTPAsksNothingTwice(t *testing.T) {
	for name, c := range map[string]struct {
		prepare  func(*smtpServer)
		security Security
		want     string
	}{
		"starttls": {func(s *smtpServer) { s.user, s.password = "relay", "relay-secret" }, SecurityStartTLS, "EHLO STARTTLS EHLO AUTH MAIL RCPT DATA RSET QUIT"},
		"tls":      {func(s *smtpServer) { s.implicit = true }, SecurityTLS, "EHLO MAIL RCPT DATA RSET QUIT"},
		"none":     {func(s *smtpServer) { s.plain = true }, SecurityNone, "EHLO MAIL RCPT DATA RSET QUIT"},
	} {
		server := startSMTP(t, c.prepare)
		settings := smtpTo(server)
		settings.Security = c.security
		if err := settings.Send(t.Context(), letter()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := server.asked(); got != c.want {
			t.Errorf("%s: asked %s, want %s", name, got, c.want)
		}
	}
}

// A server that accepts and then says nothing holds a delivery only as long as its context lasts.
func TestSMTPSilentServerIsLeft(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		cancel()
		_, _ = conn.Read(make([]byte, 1))
	}()
	s := SMTP{Host: "127.0.0.1", Port: listener.Addr().(*net.TCPAddr).Port, Security: SecurityNone, From: "a@example.org",
		ReplyTo: "b@example.org", Timeout: time.Hour, Now: time.Now}
	if err := s.Send(ctx, letter()); err == nil || errors.Is(err, ErrRefused) {
		t.Fatalf("error %v, want one that is tried again", err)
	}
}

func TestHeaderInjection(t *testing.T) {
	server := startSMTP(t, nil)
	for name, change := range map[string]func(*Letter, *SMTP){
		"recipient with a second header": func(l *Letter, _ *SMTP) { l.To = "a@example.org\r\nBcc: b@example.org" },
		"recipient list":                 func(l *Letter, _ *SMTP) { l.To = "a@example.org, b@example.org" },
		"recipient with a name":          func(l *Letter, _ *SMTP) { l.To = "A <a@example.org>" },
		"no recipient":                   func(l *Letter, _ *SMTP) { l.To = "" },
		"subject with a line feed":       func(l *Letter, _ *SMTP) { l.Subject = "a\nBcc: b@example.org" },
		"subject with a NUL":             func(l *Letter, _ *SMTP) { l.Subject = "a\x00b" },
		"subject with a separator":       func(l *Letter, _ *SMTP) { l.Subject = "a\u2028b" },
		"brand with a line feed":         func(_ *Letter, s *SMTP) { s.FromName = "Brand\r\nBcc: b@example.org" },
	} {
		l, s := letter(), smtpTo(server)
		change(&l, &s)
		if err := s.Send(t.Context(), l); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: error %v, want %v", name, err, ErrRefused)
		}
	}
	if n := len(server.taken()); n != 0 {
		t.Errorf("%d forged mails went out", n)
	}
}

func TestSMTPInternationalAddress(t *testing.T) {
	server := startSMTP(t, nil)
	l := letter()
	l.To = "mira@bücher.example"
	if err := smtpTo(server).Send(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	if to := server.taken()[0].to[0]; !strings.HasPrefix(to, "RCPT TO:<mira@xn--bcher-kva.example>") {
		t.Errorf("recipient %q", to)
	}
}

func TestSMTPCheck(t *testing.T) {
	good := SMTP{Host: "smtp.example.org", From: "no-reply@example.org", ReplyTo: "help@example.org"}
	if err := good.Check(); err != nil {
		t.Errorf("good settings: %v", err)
	}
	bad := SMTP{Port: 70000, Security: "maybe", Username: "x", From: "nobody", ReplyTo: ""}
	err := bad.Check()
	for _, want := range []string{"no host", "port 70000", `"maybe"`, "user name and a password", "sender address", "reply address"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not among the mistakes: %v", want, err)
		}
	}
	far := good
	far.Security = SecurityNone
	if err := far.Check(); err == nil {
		t.Error("a relay elsewhere may be spoken to in the clear")
	}
}

func TestSMTPPorts(t *testing.T) {
	for security, want := range map[Security]string{"": "mx:587", SecurityStartTLS: "mx:587", SecurityTLS: "mx:465", SecurityNone: "mx:25"} {
		if have := (SMTP{Host: "mx", Security: security}).Address(); have != want {
			t.Errorf("%q: %s, want %s", security, have, want)
		}
	}
}
