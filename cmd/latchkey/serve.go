package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/latchkey-id/latchkey/internal/server"
	"github.com/latchkey-id/latchkey/internal/store"
)

// serveCommand runs the server by its settings.
type serveCommand struct {
	Config
	// partners are registered beside those of the seed file.
	partners []seeded
}

// settlingTime is after how long what goes on without requests has all been done once.
const settlingTime = time.Minute

// leaveTime is how long readyz has failed, at most, before connections are refused: load balancers need a moment to
// notice. It counts towards the drain.
const leaveTime = 5 * time.Second

// Run serves until it is told to stop. Nothing listens before every setting was read and the database opened.
func (cmd *serveCommand) Run(ctx context.Context, s streams) error {
	all, err := cmd.settle()
	if err != nil {
		return err
	}
	log := slog.New(slog.NewJSONHandler(s.err, &slog.HandlerOptions{Level: all.logLevel}))
	for _, warning := range all.warnings {
		log.Warn("setting", "warning", warning)
	}
	if err := os.MkdirAll(all.data, 0o700); err != nil {
		return hinted{"making the data directory: " + err.Error(), []string{"make it yourself, writable by this user, or set another --data"}}
	}
	if _, err := all.receiptFile.get(); err != nil {
		return hinted{err.Error(), []string{"the data directory must be writable, or name a file with --receipt-key-file"}}
	}
	if _, err := all.signingFile.get(); err != nil {
		return hinted{err.Error(), []string{"the data directory must be writable, or name a file with --signing-key-file"}}
	}
	srv, err := server.New(ctx, server.Options{
		Data: all.data, Database: all.database, Failover: all.failover, Keys: all.keys, Masters: all.master.read, AuditKeep: all.auditKeep, WebURL: all.web.String(), APIURL: all.api.String(), Brand: all.brand, Help: all.help,
		Signing: all.signingFile.get, Receipts: all.receiptFile.get, Receivers: all.receivers, Verify: all.verify, Breaches: all.breaches, RecoveryWait: all.recoveryWait, TrustedProxies: all.proxies, Sender: all.mail, Extras: all.extras, Now: now, Log: log,
	})
	if err != nil {
		return databaseError(err)
	}
	changed, err := plant(ctx, srv.Partners, slices.Concat(all.seed, cmd.partners))
	if err != nil {
		return errors.Join(err, srv.Close())
	}
	listener, err := net.Listen("tcp", all.listen)
	if err != nil {
		return errors.Join(listenError(err, all.listen, "--listen"), srv.Close())
	}
	log.Info("serving", "version", version, "listen", listener.Addr().String(), "web", all.web.String(), "api", all.api.String(),
		"tls", all.certs != nil, "mail", all.mail.Address(), "seeded", changed)
	return serveUntilTold(ctx, srv, listener, all, log)
}

// serveUntilTold serves, and on the end of ctx leaves in order: readyz fails, then no new connections, then the requests
// under way finish, then the loops, then the database.
func serveUntilTold(ctx context.Context, srv *server.Server, listener net.Listener, all settings, log *slog.Logger) error {
	background := context.WithoutCancel(ctx)
	loops, endLoops := context.WithCancel(background)
	accept, refuse := context.WithCancel(background)
	defer endLoops()
	defer refuse()
	var running sync.WaitGroup
	running.Go(func() { srv.Run(loops) })
	running.Go(func() { // what starting took is given back: reading migrations and pages makes more garbage than an hour of service
		runtime.GC() // pools keep what they hold over one collection
		debug.FreeOSMemory()
		giveBackProgram()
		select {
		case <-time.After(settlingTime): // by when every loop has begun too
			giveBackProgram()
		case <-accept.Done():
		}
	})
	running.Go(func() {
		defer refuse()
		select {
		case <-accept.Done(): // serving failed
			return
		case <-ctx.Done():
		}
		srv.Leave()
		wait := min(leaveTime, all.drain/4)
		log.Info("stopping", "refusing_in", wait.String(), "drain", all.drain.String())
		select {
		case <-time.After(wait):
		case <-accept.Done():
		}
	})
	handler := http.Handler(srv.Handler())
	err := server.Serve(accept, listener, handler, all.tls(), all.drain-min(leaveTime, all.drain/4), log)
	refuse()
	endLoops()
	running.Wait()
	if err := errors.Join(err, srv.Close()); err != nil {
		return err
	}
	log.Info("stopped")
	return nil
}

// databaseError turns the store's reasons not to open into what to do.
func databaseError(err error) error {
	switch {
	case errors.Is(err, store.ErrServed):
		return hinted{err.Error(), []string{"stop the other process, or give this one another --data"}}
	case errors.Is(err, store.ErrNewer):
		return hinted{err.Error(), []string{"run the newer release; going back needs the backup made before it"}}
	case errors.Is(err, store.ErrNotSynchronous):
		return hinted{err.Error(), []string{"set synchronous_standby_names, and synchronous_commit to on, on every server that may become the primary",
			"or say --database-failover external where your provider replicates below PostgreSQL, none where nothing takes over"}}
	case errors.Is(err, store.ErrOlder):
		return hinted{err.Error(), []string{"start \"latchkey serve\" of this release once"}}
	}
	return err
}

// listenError says why an address cannot be listened on, and how to choose another.
func listenError(err error, address, flag string) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return hinted{fmt.Sprintf("%s is taken by another program", address), []string{fmt.Sprintf("choose another address with %s", flag)}}
	case errors.Is(err, syscall.EACCES):
		return hinted{fmt.Sprintf("this user may not listen on %s", address),
			[]string{"give the binary CAP_NET_BIND_SERVICE, or choose a port above 1023 with " + flag}}
	}
	return hinted{fmt.Sprintf("listening on %s: %s", address, strings.TrimPrefix(err.Error(), "listen tcp ")), []string{"choose another address with " + flag}}
}
