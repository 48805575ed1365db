package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/notify"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
	"github.com/latchkey-id/latchkey/internal/server"
)

// Config is everything an operator can set. Each field is a flag, an environment variable LATCHKEY_NAME and a key of the
// file named by --config, in that order of precedence. Values are text until settle reads them all, so that every
// mistake is told at once. Three suffice beside the mail server: web-url, data and master-key-file.
type Config struct {
	Config string `placeholder:"FILE" help:"YAML file of settings; its keys are the names of these flags."`

	WebURL string `name:"web-url" placeholder:"URL" group:"settings" help:"Where customers reach the pages, such as https://id.example.org. Its host is what mails name and cookies belong to."`
	APIURL string `name:"api-url" placeholder:"URL" group:"settings" help:"Where partners reach the API, such as https://api.example.org; the web URL when empty."`
	Data   string `placeholder:"DIR" group:"settings" help:"Directory of the database, latchkey.db. Made when it does not exist; back it up."`

	Database             string `placeholder:"URL" group:"settings" help:"PostgreSQL database in place of the file, such as postgres://latchkey@db.example.org/latchkey; several nodes may share it. The server's certificate is checked unless sslmode says otherwise."`
	DatabaseFailover     string `placeholder:"HOW" group:"settings" help:"What takes over when the database's server fails: none; synchronous, a standby that every commit waits for, which is checked; external, a standby that your provider keeps below PostgreSQL, which cannot be checked. Default: synchronous when the address names several servers, else none."`
	DatabasePasswordFile string `placeholder:"FILE" group:"settings" help:"File with the password of the database's user. Default: the systemd credential database-password."`

	MasterKeyFile string `placeholder:"FILE" group:"settings" help:"Key that seals all personal data: 32 random bytes as base64, or lines of version:key. Default: the systemd credential master-key. Make one: openssl rand -base64 32 > FILE. Keep it apart from the backup of the database. The environment may hold the key itself: LATCHKEY_MASTER_KEY."`

	SigningKeyFile string   `placeholder:"FILE" group:"settings" help:"Sealed keys that notifications are signed with, the same file on every node. Default: the systemd credential signing-keys, else signing.keys in the data directory, drawn at the first start. Make or rotate: latchkey key rotate."`
	ReceiptKeyFile string   `placeholder:"FILE" group:"settings" help:"Sealed keys that receipts are signed with, the same file on every node. Default: the systemd credential receipt-keys, else receipt.keys in the data directory, drawn at the first start. Make or rotate: latchkey key rotate --for receipts."`
	WebhookNetwork []string `placeholder:"PREFIX" group:"settings" help:"Networks beside the public internet that notifications may be sent into, such as 10.20.0.0/16; with a loopback network, http receivers on this machine too. Partners choose the addresses. Default: none."`

	VerifyURL     string   `name:"verify-url" placeholder:"URL" group:"settings" help:"Your own system that decides whether a profile is true, asked over HTTPS when a customer has confirmed one. Default: nobody is asked, and you decide with latchkey customer verify."`
	VerifyKeyFile string   `placeholder:"FILE" group:"settings" help:"Key that questions to your system and its answers are signed with: whsec_ and base64. Default: the systemd credential verify-key."`
	VerifyNetwork []string `placeholder:"PREFIX" group:"settings" help:"Networks beside the public internet that your system may be in, such as 10.30.0.0/16. Default: none."`

	BreachURL string `name:"breach-url" placeholder:"URL" group:"settings" help:"List of leaked passwords that new ones are looked up in, by the first five digits of their SHA-1, which are appended: an address such as https://lists.example.org/range/. Default: no list is asked."`

	RecoveryWait string `placeholder:"DURATION" group:"settings" help:"How long somebody waits who has lost second step and recovery codes, at least 24h. Default: 72h."`

	Listen       string   `placeholder:"ADDR" group:"settings" help:"Address to listen on. Default: 127.0.0.1:8080 behind a proxy, :443 with a certificate."`
	TLSCert      string   `name:"tls-cert" placeholder:"FILE" group:"settings" help:"Certificate chain in PEM; read anew when the file changes. Default: the systemd credential tls-cert."`
	TLSKey       string   `name:"tls-key" placeholder:"FILE" group:"settings" help:"The certificate's key in PEM. Default: the systemd credential tls-key."`
	TrustedProxy []string `placeholder:"PREFIX" group:"settings" help:"Networks of the reverse proxies whose X-Forwarded-For and X-Forwarded-Host are believed, such as 10.0.0.0/8. From anybody else they are ignored. Default: none, but this machine's own when listening on loopback only; \"none\" believes nobody."`

	SMTP             string `name:"smtp" placeholder:"URL" group:"settings" help:"Mail server: smtp://user@mail.example.org:587 (insists on STARTTLS), smtps://user@host:465 (TLS), smtp+clear://127.0.0.1:25 (a relay on this machine)."`
	SMTPPasswordFile string `name:"smtp-password-file" placeholder:"FILE" group:"settings" help:"File with the mail server's password. Default: the systemd credential smtp-password."`
	MailFrom         string `placeholder:"ADDRESS" group:"settings" help:"Sender of mails. Default: no-reply@ the host of the web URL."`
	HelpEmail        string `placeholder:"ADDRESS" group:"settings" help:"Where people write for help; named on pages and answered from mails. Default: help@ the host of the web URL."`

	Brand     string `placeholder:"NAME" group:"settings" help:"What customers know this server as. Default: the host of the web URL."`
	Seed      string `placeholder:"FILE" group:"settings" help:"YAML file of partners to register or bring up to date at start."`
	Fields    string `placeholder:"FILE" group:"settings" help:"JSON file of fields that customers are asked for beside the documented ones, by kind of profile and country. Default: none."`
	AuditKeep string `placeholder:"DAYS" group:"settings" help:"How many days events of the audit are kept, 90 at least. Default: for good."`
	LogLevel  string `placeholder:"LEVEL" group:"settings" help:"debug, info, warn or error. Default: info."`
	Drain     string `placeholder:"DURATION" group:"settings" help:"How long requests under way may take when the server is told to stop. Default: 20s."`

	// sources tells, by flag name, where a value comes from: flag, environment or file.
	sources map[string]string
	// misread are mistakes found while the file was read.
	misread []mistake
}

// AfterApply fills in from the file what neither flag nor environment gave (kong calls it).
func (c *Config) AfterApply(parsed *kong.Context) error {
	c.sources = map[string]string{}
	given := map[string]bool{}
	for _, step := range parsed.Path {
		if step.Flag != nil {
			given[step.Flag.Name] = true
		}
	}
	byName := map[string]*kong.Flag{}
	for _, flag := range parsed.Flags() {
		if flag.Group == nil || flag.Group.Key != "settings" {
			continue
		}
		byName[flag.Name] = flag
		if given[flag.Name] {
			c.sources[flag.Name] = "flag"
			continue
		}
		for _, name := range flag.Envs {
			if os.Getenv(name) != "" {
				c.sources[flag.Name] = "environment"
			}
		}
	}
	if c.Config != "" {
		c.misread = c.readFile(c.Config, byName)
	}
	return nil
}

// settings are the values of Config, read and checked: what the server is made from.
type settings struct {
	web, api      *url.URL
	data          string
	database      string
	failover      bool
	keys          *secret.Keys
	master        masterSource
	listen        string
	certs         *certificates
	proxies       []netip.Prefix
	mail          notify.SMTP
	brand, help   string
	seed          []seeded
	extras        customer.Extras
	logLevel      slog.Level
	drain         time.Duration
	auditKeep     time.Duration
	warnings      []string
	sources       map[string]string
	listensInside bool
	signingFile   *signingFile
	receiptFile   *receiptFile
	receivers     []netip.Prefix
	verify        *server.Verify
	breaches      string
	recoveryWait  time.Duration
}

// A mistake is one wrong setting: which, what is wrong with it, and what to do.
type mistake struct{ setting, what, remedy string }

// mistakes is the error of settle: all of them.
type mistakes []mistake

func (all mistakes) Error() string {
	if len(all) == 1 {
		return "1 mistake in the settings"
	}
	return fmt.Sprintf("%d mistakes in the settings", len(all))
}

// hinted shows each mistake with its remedy below.
func (all mistakes) hinted() hinted {
	h := hinted{what: all.Error()}
	for _, m := range all {
		h.hints = append(h.hints, m.setting+": "+m.what, "    "+m.remedy)
	}
	return h
}

// reader collects mistakes while the settings are read.
type reader struct {
	c     *Config
	found mistakes
	s     settings
}

func (r *reader) wrong(setting, what, remedy string) {
	r.found = append(r.found, mistake{setting, what, remedy})
}

// settle reads every setting and returns them all or every mistake; it opens files and changes nothing.
func (c *Config) settle() (settings, error) {
	r := &reader{c: c, found: c.misread}
	r.s.sources = c.sources
	r.addresses()
	r.database()
	r.signing()
	r.receivers()
	r.verifying()
	r.breaches()
	r.recovery()
	r.listening()
	r.proxies()
	r.mail()
	r.rest()
	if len(r.found) > 0 {
		return settings{}, r.found.hinted()
	}
	return r.s, nil
}

// settleDatabase reads only what an administrative command needs: where the data is and its key.
func (c *Config) settleDatabase() (settings, error) {
	r := &reader{c: c, found: c.misread}
	r.database()
	if len(r.found) > 0 {
		return settings{}, r.found.hinted()
	}
	return r.s, nil
}

func (r *reader) addresses() {
	r.s.web = r.base("web-url", r.c.WebURL, "set --web-url https://id.example.org, the address that customers will see")
	r.s.api = r.s.web
	if r.c.APIURL != "" {
		r.s.api = r.base("api-url", r.c.APIURL, "set --api-url https://api.example.org, or leave it out")
	}
}

// base reads an origin. Anything but https would show codes and cookies to the network; loopback has none.
func (r *reader) base(setting, text, remedy string) *url.URL {
	if text == "" {
		r.wrong(setting, "not set", remedy)
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		r.wrong(setting, fmt.Sprintf("%q is not an address", text), remedy)
		return nil
	}
	if u.Scheme == "http" && !partner.Loopback(u.Hostname()) {
		r.wrong(setting, fmt.Sprintf("%q is not https", text), "use https; http is for loopback only")
	}
	if strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		r.wrong(setting, fmt.Sprintf("%q is more than a scheme and a host", text), "leave out path, query and user name: cookies are bound to the whole host")
	}
	return &url.URL{Scheme: u.Scheme, Host: strings.ToLower(u.Host)}
}

// place reads where the data is.
func (r *reader) place() {
	r.s.data = r.c.Data
	if r.c.Data == "" {
		r.wrong("data", "not set", "set --data /var/lib/latchkey, a directory that only the server's user can read")
	} else if stat, err := os.Stat(r.c.Data); err == nil && !stat.IsDir() {
		r.wrong("data", fmt.Sprintf("%q is not a directory", r.c.Data), "name a directory")
	}
	r.postgres()
}

func (r *reader) database() {
	r.place()
	r.masters()
}

// secretFile reads a secret from a file, or from the credential of that name which systemd hands to the service
// (systemd.exec, CREDENTIALS_DIRECTORY). A path with found false was named but could not be read, and is a mistake.
func (r *reader) secretFile(setting, path, credential, remedy string) (text, from string, found bool) {
	if dir := os.Getenv("CREDENTIALS_DIRECTORY"); path == "" && dir != "" {
		if candidate := filepath.Join(dir, credential); fileExists(candidate) {
			path = candidate
			if r.s.sources != nil {
				r.s.sources[setting] = "systemd credential"
			}
		}
	}
	if path == "" {
		return "", "", false
	}
	content, err := os.ReadFile(path)
	if err != nil {
		r.wrong(setting, withoutPath(err, path), remedy)
		return "", path, false
	}
	if stat, err := os.Stat(path); err == nil && stat.Mode().Perm()&0o007 != 0 {
		r.s.warnings = append(r.s.warnings, fmt.Sprintf("%s: %s can be read by every user of this machine; chmod o= %s", setting, path, path))
	}
	return string(content), path, true
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// withoutPath says what is wrong with a file in one phrase that begins with its path.
func withoutPath(err error, path string) string {
	var pathErr *os.PathError
	if errors.As(err, &pathErr) {
		err = pathErr.Err
	}
	return fmt.Sprintf("%s: %s", path, err)
}

func (r *reader) listening() {
	cert, key := r.c.TLSCert, r.c.TLSKey
	if dir := os.Getenv("CREDENTIALS_DIRECTORY"); dir != "" && cert == "" && key == "" {
		if fileExists(filepath.Join(dir, "tls-cert")) {
			cert, key = filepath.Join(dir, "tls-cert"), filepath.Join(dir, "tls-key")
		}
	}
	switch {
	case (cert == "") != (key == ""):
		r.wrong("tls-cert, tls-key", "only one of them is set", "set both, or neither behind a proxy")
	case cert != "":
		certs, err := loadCertificates(cert, key, now)
		if err != nil {
			r.wrong("tls-cert, tls-key", err.Error(), "name a PEM certificate chain and its key")
		}
		r.s.certs = certs
		if r.s.web != nil && r.s.web.Scheme == "http" {
			r.wrong("web-url", "is http, but a certificate is set", "use https, or leave the certificate out")
		}
	}
	r.s.listen = r.c.Listen
	if r.s.listen == "" {
		r.s.listen = "127.0.0.1:8080"
		if cert != "" {
			r.s.listen = ":443"
		}
	}
	host, port, err := net.SplitHostPort(r.s.listen)
	if number, numErr := strconv.Atoi(port); err != nil || numErr != nil || number < 0 || number > 65535 {
		r.wrong("listen", fmt.Sprintf("%q is not an address and port", r.s.listen), "use a form like 127.0.0.1:8080, :443 or [::1]:8080")
		r.s.listensInside = true // one mistake is enough: the proxies that belong to the address are not asked for
		return
	}
	r.s.listensInside = partner.Loopback(host)
}

func (r *reader) proxies() {
	none := len(r.c.TrustedProxy) == 1 && r.c.TrustedProxy[0] == "none"
	for _, text := range r.c.TrustedProxy {
		if none {
			break
		}
		prefix, err := netip.ParsePrefix(text)
		if addr, addrErr := netip.ParseAddr(text); addrErr == nil {
			prefix, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil {
			r.wrong("trusted-proxy", fmt.Sprintf("%q is not an address or a network", text), "use a form like 10.0.0.7, 10.0.0.0/8 or fd00::/8")
			continue
		}
		if prefix.Bits() == 0 {
			r.wrong("trusted-proxy", fmt.Sprintf("%q believes the whole internet", text), "name only your proxies: whoever is believed chooses the address that limits count by")
			continue
		}
		r.s.proxies = append(r.s.proxies, prefix.Masked())
	}
	if len(r.c.TrustedProxy) == 0 && r.s.listensInside {
		r.s.proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	}
	named := !none && len(r.c.TrustedProxy) > 0
	if r.s.web != nil && r.s.web.Scheme == "https" && r.c.TLSCert == "" && r.s.certs == nil && len(r.s.proxies) == 0 && !named {
		r.wrong("web-url", "is https, but there is neither a certificate nor a trusted proxy to end TLS",
			"set --tls-cert and --tls-key, or name the proxy with --trusted-proxy")
	}
}

func (r *reader) mail() {
	host := "localhost"
	if r.s.web != nil {
		host = r.s.web.Hostname()
	}
	r.s.help = either(r.c.HelpEmail, "help@"+host)
	r.s.mail = notify.SMTP{From: either(r.c.MailFrom, "no-reply@"+host), ReplyTo: r.s.help, Now: now}
	const remedy = "set --smtp smtp://user@mail.example.org:587 and --smtp-password-file FILE: the claim proves the customer's mailbox by a mailed code and cannot go on without"
	if r.c.SMTP == "" {
		r.wrong("smtp", "not set", remedy)
		return
	}
	u, err := url.Parse(r.c.SMTP)
	if err != nil || u.Hostname() == "" {
		r.wrong("smtp", "is not an address of a mail server", remedy)
		return
	}
	switch u.Scheme {
	case "smtp":
		r.s.mail.Security = notify.SecurityStartTLS
	case "smtps":
		r.s.mail.Security = notify.SecurityTLS
	case "smtp+clear":
		r.s.mail.Security = notify.SecurityNone
	default:
		r.wrong("smtp", fmt.Sprintf("scheme %q does not exist", u.Scheme), "use smtp, smtps or smtp+clear")
	}
	r.s.mail.Host = u.Hostname()
	r.s.mail.Port, _ = strconv.Atoi(u.Port())
	r.s.mail.Username = u.User.Username()
	if _, inside := u.User.Password(); inside {
		r.wrong("smtp", "has the password inside", "put it into a file that only the server's user can read and set --smtp-password-file")
		return
	}
	password, _, _ := r.secretFile("smtp-password-file", r.c.SMTPPasswordFile, "smtp-password", "name the file that holds the password")
	r.s.mail.Password = strings.TrimSpace(password)
	if err := r.s.mail.Check(); err != nil {
		for _, line := range strings.Split(err.Error(), "\n") {
			r.wrong("smtp", line, "see latchkey serve --help for the settings of mail")
		}
	}
}

func (r *reader) rest() {
	r.s.brand = r.c.Brand
	if r.s.brand == "" && r.s.web != nil {
		r.s.brand = r.s.web.Hostname()
	}
	r.s.mail.FromName = r.s.brand
	if len([]rune(r.s.brand)) > 60 || strings.ContainsAny(r.s.brand, "\r\n\t") {
		r.wrong("brand", "is longer than 60 characters or has a line break", "choose a short name")
	}
	if err := r.s.logLevel.UnmarshalText([]byte(either(r.c.LogLevel, "info"))); err != nil {
		r.wrong("log-level", fmt.Sprintf("%q is not a level", r.c.LogLevel), "use debug, info, warn or error")
	}
	drain, err := time.ParseDuration(either(r.c.Drain, "20s"))
	if err != nil || drain < 0 || drain > 10*time.Minute {
		r.wrong("drain", fmt.Sprintf("%q is not between 0s and 10m", r.c.Drain), "use a form like 20s")
	}
	r.s.drain = drain
	r.auditKeep()
	if r.c.Seed != "" {
		seeds, found := readSeed(r.c.Seed)
		r.s.seed, r.found = seeds, append(r.found, found...)
	}
	if r.c.Fields != "" {
		extras, found := readFields(r.c.Fields)
		r.s.extras, r.found = extras, append(r.found, found...)
	}
}

// either is the first of the two that is not empty.
func either(first, second string) string {
	if first != "" {
		return first
	}
	return second
}

// now is the system's clock as the product reads it: UTC, to the millisecond.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

// minTLS is the oldest version spoken (contract 3.1).
const minTLS = tls.VersionTLS12
