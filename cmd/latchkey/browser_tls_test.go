package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/security"
	"github.com/chromedp/chromedp"

	"github.com/latchkey-id/latchkey/internal/server"
)

// TestBrowserOverTLS walks the claim once as it is shipped: the web host on https with the cookie __Host-lk, which a
// browser takes only when it is Secure, for the whole path and for no other host.
func TestBrowserOverTLS(t *testing.T) {
	b := newBrowser(t)
	certificate, roots := certificateForLocalhost(t)
	sb := startSandboxOverTLS(t, certificate, roots)
	p := newPerson(t, b, sb, look{scriptOff: true})
	_, err := chromedp.Call(p.ctx, security.SetIgnoreCertificateErrors, security.SetIgnoreCertificateErrorsParams{Ignore: true})
	p.must("accept the test's certificate", err)

	p.sentByPartner()
	p.at("c1")
	p.onlyHostCookies(1)
	p.secures()
	p.onlyHostCookies(2) // and that of the known browser
	p.decides()
	p.returns()
}

// onlyHostCookies fails the test unless the server's cookies are the shipped ones, so many, with every protection that they have.
func (p *person) onlyHostCookies(cookies int) {
	p.t.Helper()
	answer, err := chromedp.Call(p.ctx, network.GetCookies, network.GetCookiesParams{URLs: []string{p.sb.url + "/"}})
	p.must("read the cookies", err)
	for _, c := range answer.Cookies {
		site := map[string]network.CookieSameSite{"__Host-lk": network.CookieSameSiteLax, "__Host-lkd": network.CookieSameSiteStrict}[c.Name]
		if site == "" || !c.Secure || !c.HTTPOnly || c.SameSite != site || c.Path != "/" || c.Domain != "localhost" {
			p.t.Errorf("a cookie %s: secure %v, http only %v, same site %q, path %q, domain %q", c.Name, c.Secure, c.HTTPOnly, c.SameSite, c.Path, c.Domain)
		}
	}
	if len(answer.Cookies) != cookies {
		p.t.Errorf("%d cookies, want %d", len(answer.Cookies), cookies)
	}
}

// startSandboxOverTLS runs a sandbox whose server speaks https; its demo partner stays on http, across the site.
func startSandboxOverTLS(t *testing.T, certificate tls.Certificate, roots *x509.CertPool) *sandbox {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))
	listeners, address, err := listenBoth("localhost:0", "")
	if err != nil {
		t.Fatal(err)
	}
	demoListener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listeners[0].Addr().String())
	if address != "http://localhost:"+port {
		t.Fatalf("listens at %s", address)
	}
	// The demo partner calls the API through the default transport and must trust the certificate.
	usual := http.DefaultTransport
	trusting := usual.(*http.Transport).Clone()
	trusting.TLSClientConfig = &tls.Config{RootCAs: roots}
	http.DefaultTransport = trusting
	t.Cleanup(func() { http.DefaultTransport = usual })

	sb := &sandbox{url: "https://localhost:" + port, demoURL: "http://" + demoListener.Addr().String()}
	app, pages, err := sb.make(t.Context(), t.TempDir(), sandboxOptions{log: log, deviates: func(err error) { t.Error("not as described:", err) }})
	if err != nil {
		t.Fatal(err)
	}
	serve(t, sb, func(ctx context.Context) error {
		ended := make(chan error, len(listeners)+1)
		for _, l := range listeners {
			go func() {
				ended <- server.Serve(ctx, l, pages, &tls.Config{Certificates: []tls.Certificate{certificate}}, sandboxDrain, log)
			}()
		}
		go func() { ended <- server.Serve(ctx, demoListener, app, nil, sandboxDrain, log) }()
		sb.server.Run(ctx)
		for range len(listeners) + 1 {
			if err := <-ended; err != nil {
				return err
			}
		}
		return nil
	})
	return sb
}

// certificateForLocalhost makes a certificate that is good for an hour and for this machine.
func certificateForLocalhost(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
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
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}
