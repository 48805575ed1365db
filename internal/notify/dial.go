package notify

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"

	"github.com/latchkey-id/latchkey/internal/partner"
)

// errForbidden: the name of a receiver leads into a network that is not the public internet.
var errForbidden = errors.New("receiver's address is not a public one")

// newClient returns a client for receivers: it dials what receivers admits and nothing else, follows no redirect, asks no
// proxy, and takes no more than a small answer. roots replaces the system's, for tests.
func newClient(receivers partner.Receivers, config *tls.Config) *http.Client {
	if config == nil {
		config = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	dialer := &net.Dialer{Timeout: answerLimit, Control: admit(receivers)}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true) // one request a connection at a time: no receiver can open streams at us
	transport := &http.Transport{
		// A proxy would do the dialling, and with it the check; environment variables must not get round it.
		Proxy: nil,
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			return dialer.DialContext(ctx, "tcp", address)
		},
		Protocols: protocols, TLSClientConfig: config, TLSHandshakeTimeout: answerLimit, ResponseHeaderTimeout: answerLimit,
		ExpectContinueTimeout: time.Second, MaxResponseHeaderBytes: 16 << 10, ReadBufferSize: 4 << 10, DisableCompression: true,
		MaxIdleConns: seats, MaxIdleConnsPerHost: receiverSeats, IdleConnTimeout: 30 * time.Second,
	}
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// admit refuses a connection after the name was resolved and before a byte is sent. Checking the name earlier would leave
// time for it to point elsewhere (DNS rebinding); checking here leaves none, since this is the address that is dialled.
func admit(receivers partner.Receivers) func(network, address string, _ syscall.RawConn) error {
	return func(network, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("%w: %s %q cannot be read", errForbidden, network, address)
		}
		if !receivers.Admits(to.Addr()) {
			return errForbidden
		}
		return nil
	}
}
