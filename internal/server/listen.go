package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
)

// Limits of every connection. Without them a few hundred clients that send one byte a minute hold the server (slow
// requests), and headers without end fill its memory.
const (
	headerTime = 10 * time.Second
	readTime   = 60 * time.Second
	writeTime  = 90 * time.Second
	idleTime   = 2 * time.Minute
	headerSize = 32 << 10
)

func network(addr netip.Addr) string { return audit.Network(addr) }

// Serve answers the listener's requests with handler until ctx ends; then it takes no new connections, lets requests
// under way finish for at most drain, and returns. secured is nil where TLS ends elsewhere.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler, secured *tls.Config, drain time.Duration, log *slog.Logger) error {
	hs := &http.Server{
		Handler: handler, TLSConfig: secured, ReadHeaderTimeout: headerTime, ReadTimeout: readTime, WriteTimeout: writeTime,
		IdleTimeout: idleTime, MaxHeaderBytes: headerSize, DisableGeneralOptionsHandler: true, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() {
		if secured != nil {
			ended <- hs.ServeTLS(listener, "", "")
			return
		}
		ended <- hs.Serve(listener)
	}()
	select {
	case err := <-ended:
		return fmt.Errorf("serving %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	finish, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	if err := hs.Shutdown(finish); err != nil {
		_ = hs.Close()
		if errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("stopping %s: requests were still under way after %s", listener.Addr(), drain)
		}
		return fmt.Errorf("stopping %s: %w", listener.Addr(), err)
	}
	return nil
}
