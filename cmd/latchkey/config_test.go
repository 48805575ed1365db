package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/notify"
)

// good are settings that serve takes.
func good(t *testing.T) Config {
	t.Helper()
	dir := t.TempDir()
	return Config{
		WebURL: "https://id.example.org", Data: filepath.Join(dir, "data"), SMTP: "smtp://mail.example.org",
		MasterKeyFile: write(t, dir, "master.key", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="), sources: map[string]string{},
	}
}

func write(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSettleFillsIn(t *testing.T) {
	c := good(t)
	s, err := c.settle()
	if err != nil {
		t.Fatal(err)
	}
	if s.web.String() != "https://id.example.org" || s.api.String() != s.web.String() || s.listen != "127.0.0.1:8080" || s.brand != "id.example.org" ||
		s.help != "help@id.example.org" || s.drain != 20*time.Second || s.logLevel != 0 || s.tls() != nil {
		t.Errorf("%+v", s)
	}
	if m := s.mail; m.From != "no-reply@id.example.org" || m.ReplyTo != s.help || m.FromName != s.brand || m.Security != notify.SecurityStartTLS || m.Address() != "mail.example.org:587" {
		t.Errorf("mail %+v", m)
	}
	if s.recoveryWait != 72*time.Hour {
		t.Errorf("somebody who lost everything waits %s", s.recoveryWait)
	}
	if s.breaches != "" {
		t.Errorf("a list of leaked passwords is asked by default: %s", s.breaches)
	}
	for _, list := range []string{"https://lists.example.org/range/", "http://127.0.0.1:9000/"} {
		c.BreachURL = list
		if s, err := c.settle(); err != nil || s.breaches != list {
			t.Errorf("%s: %q, %v", list, s.breaches, err)
		}
	}
	if fmt.Sprint(s.proxies) != "[127.0.0.0/8 ::1/128]" {
		t.Errorf("proxies %v", s.proxies)
	}
	c.WebURL, c.APIURL, c.SMTP, c.MailFrom = "https://ID.Example.org/", "https://api.example.org:8443", "smtps://relay@mail.example.org:1465", "post@example.org"
	c.SMTPPasswordFile = write(t, t.TempDir(), "password", " relay-secret\n")
	if s, err = c.settle(); err != nil {
		t.Fatal(err)
	}
	if s.web.String() != "https://id.example.org" || s.api.String() != "https://api.example.org:8443" || s.mail.Password != "relay-secret" ||
		s.mail.Username != "relay" || s.mail.From != "post@example.org" || s.mail.Security != notify.SecurityTLS || s.mail.Address() != "mail.example.org:1465" {
		t.Errorf("%+v", s)
	}
}

// Each mistake alone is told with its setting and a remedy.
func TestSettleRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"no web URL":             {func(c *Config) { c.WebURL = "" }, "web-url: not set"},
		"web URL without scheme": {func(c *Config) { c.WebURL = "id.example.org" }, `web-url: "id.example.org" is not an address`},
		"web URL in the clear":   {func(c *Config) { c.WebURL = "http://id.example.org" }, "is not https"},
		"web URL with a path":    {func(c *Config) { c.WebURL = "https://example.org/id" }, "is more than a scheme and a host"},
		"web URL with a user":    {func(c *Config) { c.WebURL = "https://a:b@example.org" }, "is more than a scheme and a host"},
		"no proxy and no TLS":    {func(c *Config) { c.TrustedProxy = []string{"none"} }, "neither a certificate nor a trusted proxy"},
		"public and no TLS":      {func(c *Config) { c.Listen = ":8080" }, "neither a certificate nor a trusted proxy"},
		"everybody is a proxy":   {func(c *Config) { c.TrustedProxy = []string{"0.0.0.0/0"} }, "believes the whole internet"},
		"certificate missing":    {func(c *Config) { c.TLSCert, c.TLSKey = "missing", "missing" }, "tls-cert, tls-key: open missing"},
		"weak key":               {func(c *Config) { c.MasterKeyFile = write(t, t.TempDir(), "k", strings.Repeat("00", 32)) }, "master-key-file:"},
		"short key":              {func(c *Config) { c.MasterKeyFile = write(t, t.TempDir(), "k", "c2hvcnQ=") }, "master-key-file:"},
		"relay far away":         {func(c *Config) { c.SMTP = "smtp+clear://mail.example.org" }, "use starttls or tls"},
		"user without password":  {func(c *Config) { c.SMTP = "smtp://relay@mail.example.org" }, "both a user name and a password"},
		"no mail host":           {func(c *Config) { c.SMTP = "smtp://" }, "smtp: is not an address of a mail server"},
		"sender is nobody":       {func(c *Config) { c.MailFrom = "nobody" }, "sender address"},
		"help with a name":       {func(c *Config) { c.HelpEmail = "Help <help@example.org>" }, "reply address"},
		"brand of two lines":     {func(c *Config) { c.Brand = "a\nb" }, "brand: is longer"},
		"endless drain":          {func(c *Config) { c.Drain = "1h" }, "drain:"},
		"port too high":          {func(c *Config) { c.Listen = "127.0.0.1:70000" }, "listen:"},
		"list not safe":          {func(c *Config) { c.BreachURL = "http://lists.example.org/range/" }, "breach-url:"},
		"list with a query":      {func(c *Config) { c.BreachURL = "https://lists.example.org/?range=" }, "breach-url:"},
		"list is no address":     {func(c *Config) { c.BreachURL = "lists.example.org" }, "breach-url:"},
		"short wait":             {func(c *Config) { c.RecoveryWait = "23h59m" }, "recovery-wait:"},
		"wait of no length":      {func(c *Config) { c.RecoveryWait = "three days" }, "recovery-wait:"},
		"endless wait":           {func(c *Config) { c.RecoveryWait = "721h" }, "recovery-wait:"},
		"seed missing":           {func(c *Config) { c.Seed = "missing.yaml" }, "seed: missing.yaml: no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			settings := good(t)
			c.change(&settings)
			_, err := settings.settle()
			var h hinted
			if !errors.As(err, &h) || len(h.hints) != 2 || !strings.Contains(h.hints[0], c.want) || strings.TrimSpace(h.hints[1]) == "" || h.what != "1 mistake in the settings" {
				t.Errorf("%v\n%q", err, h.hints)
			}
		})
	}
}

func TestSettleTrustsOnlyWhatIsNamed(t *testing.T) {
	c := good(t)
	c.TrustedProxy = []string{"10.1.2.3/8", "192.0.2.7"}
	s, err := c.settle()
	if err != nil || fmt.Sprint(s.proxies) != "[10.0.0.0/8 192.0.2.7/32]" {
		t.Errorf("%v: %v", s.proxies, err)
	}
	c.TrustedProxy, c.WebURL = []string{"none"}, "http://localhost:8080"
	if s, err = c.settle(); err != nil || len(s.proxies) != 0 {
		t.Errorf("%v: %v", s.proxies, err)
	}
}

// A secret that every user of the machine can read works, with a warning.
func TestSettleWarns(t *testing.T) {
	c := good(t)
	if err := os.Chmod(c.MasterKeyFile, 0o644); err != nil {
		t.Fatal(err)
	}
	if s, err := c.settle(); err != nil || len(s.warnings) != 1 || !strings.Contains(s.warnings[0], "chmod o=") {
		t.Errorf("%q: %v", s.warnings, err)
	}
}

// pair writes a certificate of that serial number and its key.
func pair(t *testing.T, dir string, serial int64) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	var certText, keyText bytes.Buffer
	_ = pem.Encode(&certText, &pem.Block{Type: "CERTIFICATE", Bytes: der})
	_ = pem.Encode(&keyText, &pem.Block{Type: "EC PRIVATE KEY", Bytes: encoded})
	return write(t, dir, "cert.pem", certText.String()), write(t, dir, "key.pem", keyText.String())
}

// A renewed certificate is served without a restart; a broken one does not take the good one away.
func TestCertificatesAreReadAnew(t *testing.T) {
	dir, at := t.TempDir(), time.Now()
	cert, key := pair(t, dir, 1)
	c, err := loadCertificates(cert, key, func() time.Time { return at })
	if err != nil {
		t.Fatal(err)
	}
	c.checked = at
	serial := func() int64 {
		t.Helper()
		got, err := c.config().GetCertificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := x509.ParseCertificate(got.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		return parsed.SerialNumber.Int64()
	}
	renew := func(serial int64, age time.Duration) {
		pair(t, dir, serial)
		if err := os.Chtimes(cert, at.Add(age), at.Add(age)); err != nil {
			t.Fatal(err)
		}
	}
	renew(2, time.Minute)
	if n := serial(); n != 1 {
		t.Errorf("serial %d before the files were looked at again", n)
	}
	at = at.Add(recheck)
	if n := serial(); n != 2 {
		t.Errorf("serial %d after a renewal, want 2", n)
	}
	write(t, dir, "cert.pem", "half a certif")
	at = at.Add(recheck)
	if n := serial(); n != 2 {
		t.Errorf("serial %d after a broken renewal, want 2", n)
	}
	renew(3, 2*time.Minute)
	at = at.Add(recheck)
	if n := serial(); n != 3 {
		t.Errorf("serial %d once it was mended, want 3", n)
	}
}

func TestSettleWithACertificate(t *testing.T) {
	c := good(t)
	c.TLSCert, c.TLSKey = pair(t, t.TempDir(), 1)
	c.TrustedProxy = []string{"none"}
	s, err := c.settle()
	if err != nil || s.listen != ":443" || s.tls() == nil || s.tls().MinVersion != minTLS {
		t.Errorf("listen %q: %v", s.listen, err)
	}
	c.WebURL = "http://localhost:8080"
	if _, err := c.settle(); err == nil {
		t.Error("a certificate for pages in the clear was taken")
	}
}

// The seed file of the documentation is one that serve takes.
func TestOperatingSeedIsRead(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "operating.md"))
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```yaml\n(partners:.*?)```").FindStringSubmatch(string(text))
	if block == nil {
		t.Fatal("no seed file in docs/operating.md")
	}
	dir := t.TempDir()
	write(t, dir, "acme", "acme-treasury-secret\n")
	path := write(t, dir, "seed.yaml", strings.Replace(block[1], "/run/secrets/acme ", "acme ", 1))
	seeds, found := readSeed(path)
	if len(found) > 0 || len(seeds) != 1 {
		t.Fatalf("%d partners, %v", len(seeds), found)
	}
	one := seeds[0]
	if one.ClientID != "acme-treasury" || one.Secret != "acme-treasury-secret" || len(one.RedirectURIs) != 1 || one.RestartURI == "" || one.HomeURI == "" ||
		one.Class != "classic" || len(one.Required) != 2 || len(one.Optional) != 1 || one.Purpose == "" || one.HideExisting == nil || *one.HideExisting {
		t.Errorf("%+v", one)
	}
}
