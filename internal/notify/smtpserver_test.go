package notify

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// smtpServer is a mail server of one file, enough of RFC 5321, 3207 and 4954 for a client to send a mail to it.
type smtpServer struct {
	t        *testing.T
	listener net.Listener
	roots    *x509.CertPool
	config   *tls.Config
	// implicit speaks TLS from the first byte; plain offers no STARTTLS.
	implicit, plain bool
	// user and password are asked for when set.
	user, password string
	// replies answers a command, such as "RCPT", with another line than 250.
	replies map[string]string

	mu    sync.Mutex
	mails []received
	// verbs are the commands as they came.
	verbs []string
}

// received is one mail as it came over the wire.
type received struct {
	from, content string
	to            []string
	overTLS       bool
	login         string
}

func startSMTP(t *testing.T, prepare func(*smtpServer)) *smtpServer {
	t.Helper()
	s := &smtpServer{t: t, replies: map[string]string{}}
	s.config, s.roots = testCertificate(t)
	if prepare != nil {
		prepare(s)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if s.implicit {
		listener = tls.NewListener(listener, s.config)
	}
	s.listener = listener
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conns.Go(func() { s.serve(conn) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		conns.Wait()
	})
	return s
}

func (s *smtpServer) port() int { return s.listener.Addr().(*net.TCPAddr).Port }

func (s *smtpServer) taken() []received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]received(nil), s.mails...)
}

func (s *smtpServer) asked() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.verbs, " ")
}

func (s *smtpServer) serve(conn net.Conn) {
	defer func() { conn.Close() }()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	lines := bufio.NewReader(conn)
	say := func(text string) { conn.Write([]byte(text + "\r\n")) }
	say("220 test ready")
	var mail received
	mail.overTLS = s.implicit
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		verb := strings.ToUpper(strings.SplitN(line, " ", 2)[0])
		s.mu.Lock()
		s.verbs = append(s.verbs, verb)
		s.mu.Unlock()
		if reply := s.replies[verb]; reply != "" {
			say(reply)
			continue
		}
		switch verb {
		case "EHLO", "HELO":
			s.greet(say, mail.overTLS)
		case "STARTTLS":
			say("220 go")
			conn = tls.Server(conn, s.config)
			lines, mail.overTLS = bufio.NewReader(conn), true
		case "AUTH":
			fields := strings.Fields(line)
			raw, _ := base64.StdEncoding.DecodeString(fields[len(fields)-1])
			mail.login = string(raw)
			if mail.login != "\x00"+s.user+"\x00"+s.password {
				say("535 5.7.8 no")
				continue
			}
			say("235 yes")
		case "MAIL":
			mail.from, mail.to = line, nil
			say("250 ok")
		case "RCPT":
			mail.to = append(mail.to, line)
			say("250 ok")
		case "DATA":
			say("354 go")
			var body strings.Builder
			for {
				text, err := lines.ReadString('\n')
				if err != nil {
					return
				}
				if text == ".\r\n" {
					break
				}
				body.WriteString(text)
			}
			mail.content = body.String()
			if reply := s.replies["END"]; reply != "" {
				say(reply)
				continue
			}
			s.mu.Lock()
			s.mails = append(s.mails, mail)
			s.mu.Unlock()
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func (s *smtpServer) greet(say func(string), encrypted bool) {
	say("250-test")
	if !encrypted && !s.plain {
		say("250-STARTTLS")
	}
	if s.user != "" && encrypted {
		say("250-AUTH PLAIN")
	}
	say("250-ENHANCEDSTATUSCODES")
	say("250 8BITMIME")
}

func testCertificate(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "127.0.0.1"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, roots
}
