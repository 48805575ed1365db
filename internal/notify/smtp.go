package notify

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"strconv"
	"strings"
	"sync"
	"time"

	gomail "github.com/wneessen/go-mail"
	"golang.org/x/net/idna"

	"github.com/latchkey-id/latchkey/internal/partner"
)

// ErrRefused: the mail server will not take this mail, now or later (RFC 5321 section 4.2.1, a 5yz reply to the
// envelope or the content). Trying again would only hurt the sender's standing.
var ErrRefused = errors.New("mail server refuses this mail")

// Security says how the connection to the mail server is protected.
type Security string

// The ways to protect the connection.
const (
	// SecurityStartTLS begins in the clear and insists on STARTTLS (RFC 3207): a server that does not offer it, or a
	// man in the middle who strips the offer, gets no mail and no password.
	SecurityStartTLS Security = "starttls"
	// SecurityTLS speaks TLS from the first byte (RFC 8314 section 3.3).
	SecurityTLS Security = "tls"
	// SecurityNone is for a relay on this machine only; New refuses it for any other host.
	SecurityNone Security = "none"
)

// SMTP sends letters through one mail server. The zero Timeout means 30 s for each exchange.
type SMTP struct {
	// Host and Port name the server; Port 0 is 587 for starttls, 465 for tls and 25 for none.
	Host string
	Port int
	// Security is starttls when empty.
	Security Security
	// Username and Password authenticate where the server asks for it; both empty: no authentication.
	Username, Password string
	// From is the sender's address and FromName the name beside it; ReplyTo is where a person's answer goes: help.
	From, FromName, ReplyTo string
	Timeout                 time.Duration
	// TLS replaces the default of the system's roots and Host as the name, for servers with a root of their own.
	TLS *tls.Config
	// Now stamps the Date header.
	Now func() time.Time
}

// Check says what is wrong with the settings, all at once, before anything is sent; nil when nothing is.
func (s SMTP) Check() error {
	var all []error
	if s.Host == "" {
		all = append(all, errors.New("mail server has no host"))
	}
	if s.Port < 0 || s.Port > 65535 {
		all = append(all, fmt.Errorf("mail server port %d is not between 1 and 65535", s.Port))
	}
	switch s.Security {
	case "", SecurityStartTLS, SecurityTLS:
	case SecurityNone:
		if !partner.Loopback(s.Host) {
			all = append(all, fmt.Errorf("mail server security %q is for a relay on this machine; use starttls or tls for %s", s.Security, s.Host))
		}
	default:
		all = append(all, fmt.Errorf("mail server security %q does not exist; use starttls, tls or none", s.Security))
	}
	if (s.Username == "") != (s.Password == "") {
		all = append(all, errors.New("mail server needs both a user name and a password, or neither"))
	}
	for what, address := range map[string]string{"sender": s.From, "reply": s.ReplyTo} {
		if err := checkAddress(address); err != nil {
			all = append(all, fmt.Errorf("%s address: %w", what, err))
		}
	}
	return errors.Join(all...)
}

// Send delivers one letter. It returns nil once the server has taken it, an error wrapping ErrRefused when it never
// will, and any other error when trying again may help. Errors carry no address and no content (I9).
func (s SMTP) Send(ctx context.Context, l Letter) error {
	msg, err := s.message(l)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	var line connection
	defer line.close()
	client, err := s.client(&line)
	if err != nil {
		return fmt.Errorf("preparing mail client: %w", err)
	}
	// The client watches ctx only while it dials; closing the line under it ends whatever it waits for.
	defer context.AfterFunc(ctx, line.close)()
	err = client.DialAndSendWithContext(ctx, msg)
	if err == nil || msg.IsDelivered() {
		// What fails after the server has taken the mail (RSET, QUIT) must not send it twice.
		return nil
	}
	return publicError(err)
}

// publicError keeps what an operator needs (the step and the reply code) and drops what a server may repeat in its
// reply: the recipient's address.
func publicError(err error) error {
	var sendErr *gomail.SendError
	if !errors.As(err, &sendErr) {
		var netErr net.Error
		if errors.As(err, &netErr) && netErr.Timeout() {
			return errors.New("mail server did not answer in time")
		}
		return fmt.Errorf("connecting to mail server: %s", firstLine(err))
	}
	text := fmt.Sprintf("%s: reply %d %s", sendErr.Reason, sendErr.ErrorCode(), sendErr.EnhancedStatusCode())
	if code := sendErr.ErrorCode(); code >= 500 && code < 600 {
		return fmt.Errorf("%w: %s", ErrRefused, strings.TrimSpace(text))
	}
	return errors.New(strings.TrimSpace(text))
}

// firstLine shortens an error of the connection phase, in which no recipient has been named yet.
func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line[:min(len(line), 200)]
}

// message builds the MIME message. Every value that meets a header has passed checkHeader: a line break in one would
// be a second header, a second recipient or a second body of the attacker's choice.
func (s SMTP) message(l Letter) (*gomail.Msg, error) {
	if err := l.check(); err != nil {
		return nil, err
	}
	if err := checkHeader(s.FromName); err != nil {
		return nil, fmt.Errorf("sender name: %w", err)
	}
	msg := gomail.NewMsg()
	msg.FromMailAddress(&mail.Address{Name: s.FromName, Address: s.From})
	msg.ToMailAddress(&mail.Address{Address: asciiDomain(l.To)})
	msg.ReplyToMailAddress(&mail.Address{Address: s.ReplyTo})
	msg.Subject(l.Subject)
	msg.SetDateWithValue(s.Now())
	msg.SetMessageIDWithValue(fmt.Sprintf("%d.latchkey@%s", l.ID, domainOf(s.From)))
	// Auto-Submitted keeps vacation replies away (RFC 3834 section 5).
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetBodyString(gomail.TypeTextPlain, l.Text)
	msg.AddAlternativeString(gomail.TypeTextHTML, l.HTML)
	return msg, nil
}

// connection is the one line that a Send opens. The mail client leaves it open when the greeting or STARTTLS fails, which
// would keep a socket for each try against a broken server.
type connection struct {
	mu   sync.Mutex
	conn net.Conn
}

func (c *connection) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != nil {
		_ = c.conn.Close()
	}
}

// dial opens the line, with TLS from the first byte when config is given.
func (c *connection) dial(config *tls.Config) gomail.DialContextFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		var conn net.Conn
		var err error
		if config == nil {
			conn, err = (&net.Dialer{}).DialContext(ctx, network, address)
		} else {
			conn, err = (&tls.Dialer{Config: config}).DialContext(ctx, network, address)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.conn = conn
		return conn, err
	}
}

func (s SMTP) client(line *connection) (*gomail.Client, error) {
	timeout := s.Timeout
	if timeout == 0 {
		timeout = 30 * time.Second
	}
	config := s.TLS
	if config == nil {
		config = &tls.Config{ServerName: s.Host, MinVersion: tls.VersionTLS12}
	}
	options := []gomail.Option{
		gomail.WithTimeout(timeout), gomail.WithPort(s.port()), gomail.WithHELO(domainOf(s.From)), gomail.WithTLSConfig(config),
		gomail.WithoutNoop(), // the line was opened just now: asking twice whether it is there costs two ways to the server and back
	}
	switch s.Security {
	case SecurityTLS:
		options = append(options, gomail.WithSSL(), gomail.WithDialContextFunc(line.dial(config)))
	case SecurityNone:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	default:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if s.Security != SecurityTLS {
		options = append(options, gomail.WithDialContextFunc(line.dial(nil)))
	}
	if s.Username != "" {
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover),
			gomail.WithUsername(s.Username), gomail.WithPassword(s.Password))
	}
	return gomail.NewClient(s.Host, options...)
}

func (s SMTP) port() int {
	switch {
	case s.Port != 0:
		return s.Port
	case s.Security == SecurityTLS:
		return 465
	case s.Security == SecurityNone:
		return 25
	}
	return 587
}

// Address is host:port of the server, for the log.
func (s SMTP) Address() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.port())) }

func domainOf(address string) string {
	return address[strings.LastIndex(address, "@")+1:]
}

// asciiDomain writes an address's domain as every mail server reads it (RFC 5890, A-labels); the local part stays.
func asciiDomain(address string) string {
	at := strings.LastIndex(address, "@")
	ascii, err := idna.Lookup.ToASCII(address[at+1:])
	if err != nil {
		return address
	}
	return address[:at+1] + ascii
}
