package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/demo"
	"github.com/latchkey-id/latchkey/internal/notify"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
	"github.com/latchkey-id/latchkey/internal/server"
)

// The demo partner's credentials are the same in every sandbox, so that what is written about it can be pasted. They
// exist nowhere else, and a sandbox listens on loopback.
const (
	demoID     = "demo"
	demoSecret = "demo-secret-of-the-sandbox"
	otherID    = "demo-wages"
)

// sandboxOptions say what a sandbox is made from.
type sandboxOptions struct {
	// addr and demoAddr are where server and demo app listen; port 0 takes a free one.
	addr, demoAddr string
	// data keeps the database; empty is a temporary directory that close removes.
	data string
	// database is a PostgreSQL database in place of the file in data.
	database string
	seeds    []seeded
	// extras are the fields that customers are asked for beside the documented ones.
	extras customer.Extras
	// deviates is told of what is not as the description of the API says; nil is a warning in the log.
	deviates func(error)
	// public allows addresses that others can reach.
	public bool
	log    *slog.Logger
}

// sandbox is a server, its /dev pages and the demo partner, running in this process.
type sandbox struct {
	url, demoURL string
	seeded       int

	server    *server.Server
	temporary string
	listeners []net.Listener
	handlers  []http.Handler
}

// newSandbox listens and makes everything; run serves it. On an error nothing is left behind.
func newSandbox(ctx context.Context, o sandboxOptions) (_ *sandbox, err error) {
	sb := &sandbox{}
	defer func() {
		if err != nil {
			err = errors.Join(err, sb.close())
		}
	}()
	if !o.public {
		for flag, address := range map[string]string{"--addr": o.addr, "--demo-addr": o.demoAddr} {
			if host, _, err := net.SplitHostPort(address); err == nil && !partner.Loopback(host) {
				return nil, hinted{fmt.Sprintf("%s %s can be reached by others, and a sandbox has no secrets", flag, address),
					[]string{"choose an address like localhost:8080, or add --public if everybody who reaches it may do everything"}}
			}
		}
	}
	if sb.listeners, sb.url, err = listenBoth(o.addr, "--addr"); err != nil {
		return nil, err
	}
	demoListener, err := net.Listen("tcp", o.demoAddr)
	if err != nil {
		return nil, listenError(err, o.demoAddr, "--demo-addr")
	}
	sb.demoURL = "http://" + demoListener.Addr().String()
	data, err := sb.dataDir(o.data)
	if err != nil {
		_ = demoListener.Close()
		return nil, err
	}
	app, dev, err := sb.make(ctx, data, o)
	if err != nil {
		_ = demoListener.Close()
		return nil, err
	}
	for range sb.listeners {
		sb.handlers = append(sb.handlers, dev)
	}
	sb.listeners, sb.handlers = append(sb.listeners, demoListener), append(sb.handlers, app)
	return sb, nil
}

// dataDir is the directory to keep data in. One that a real server made is refused: a sandbox in its place would show
// every mail to whoever asks.
func (sb *sandbox) dataDir(given string) (string, error) {
	if given == "" {
		dir, err := os.MkdirTemp("", "latchkey-dev-")
		sb.temporary = dir
		return dir, err
	}
	if err := os.MkdirAll(given, 0o700); err != nil {
		return "", hinted{"making the data directory: " + err.Error(), []string{"choose another with --data"}}
	}
	if fileExists(filepath.Join(given, server.DatabaseFile)) && !fileExists(filepath.Join(given, sandboxKey)) {
		return "", hinted{given + " holds a database that no sandbox made", []string{"choose an empty directory with --data"}}
	}
	return given, nil
}

// sandboxKey is the file with the sandbox's master key, beside its data.
const sandboxKey = "sandbox.key"

func sandboxKeys(data string) (*secret.Keys, error) {
	path := filepath.Join(data, sandboxKey)
	content, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		content = []byte(secret.FormatMaster(map[int][]byte{1: secret.GenerateMaster()}))
		err = os.WriteFile(path, content, 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("keeping the sandbox's key: %w", err)
	}
	masters, err := secret.ParseMaster(string(content))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return secret.NewKeys(masters)
}

// deviating warns those who try their program against a sandbox: of requests that were taken here and are not as described,
// which another server may refuse, and of answers that are not. The values in it are as invented as everything in a sandbox.
func (o sandboxOptions) deviating() func(error) {
	if o.deviates != nil {
		return o.deviates
	}
	return func(err error) { o.log.Warn("not as described in /openapi.json", "what", err.Error()) }
}

// make builds the demo app's handler and the server's.
func (sb *sandbox) make(ctx context.Context, data string, o sandboxOptions) (app, dev http.Handler, err error) {
	keys, err := sandboxKeys(data)
	if err != nil {
		return nil, nil, err
	}
	clock, err := demo.NewClock(now, filepath.Join(data, "clock"))
	if err != nil {
		return nil, nil, err
	}
	authenticator, err := demo.NewAuthenticator(filepath.Join(data, "authenticator.json"), clock.Now)
	if err != nil {
		return nil, nil, err
	}
	pages := &demo.Dev{Clock: clock, Authenticator: authenticator, DemoURL: sb.demoURL, Log: o.log,
		Moved:   func() { sb.server.Sweep() },
		Letters: func(ctx context.Context, n int) ([]demo.Letter, error) { return letters(ctx, sb.server.Inbox, n) }}
	devPages, err := pages.Handler()
	if err != nil {
		return nil, nil, err
	}
	signing := newSigningFile(filepath.Join(data, signingFileName), keys, true)
	receipts := newReceiptFile(filepath.Join(data, receiptFileName), keys, true)
	sb.server, err = server.New(ctx, server.Options{Data: data, Database: o.database, Keys: keys, Masters: masterSource{path: filepath.Join(data, sandboxKey)}.read, WebURL: sb.url, Brand: "Latchkey Sandbox",
		Help: "help@example.org", Sandbox: devPages, Signing: signing.get, Receipts: receipts.get, Receivers: partner.Loopbacks(), Extras: o.extras, Deviates: o.deviating(), Now: clock.Now, Log: o.log})
	if err != nil {
		return nil, nil, databaseError(err)
	}
	partnerApp := &demo.App{API: sb.url, Web: sb.url, Self: sb.demoURL, ID: demoID, Secret: demoSecret, OtherID: otherID,
		OtherSecret: demoSecret, Now: clock.Now, Log: o.log}
	var own []seeded
	for _, registration := range partnerApp.Partners() {
		own = append(own, seeded{Registration: registration})
	}
	if _, err := plant(ctx, sb.server.Partners, own); err != nil {
		return nil, nil, err
	}
	if sb.seeded, err = plant(ctx, sb.server.Partners, o.seeds); err != nil {
		return nil, nil, err
	}
	if err := partnerApp.Subscribe(ctx, sb.server.Partners, sb.server.Subscriptions); err != nil {
		return nil, nil, err
	}
	app, err = partnerApp.Handler()
	return app, sb.server.Handler(), err
}

func letters(ctx context.Context, inbox notify.Inbox, n int) ([]demo.Letter, error) {
	list, err := inbox.List(ctx, n)
	out := make([]demo.Letter, len(list))
	for i, l := range list {
		out[i] = demo.Letter(l)
	}
	return out, err
}

// sandboxDrain bounds how long Ctrl-C takes.
const sandboxDrain = 2 * time.Second

// run serves until ctx ends.
func (sb *sandbox) run(ctx context.Context, log *slog.Logger) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var all sync.WaitGroup
	failures := make([]error, len(sb.listeners))
	all.Go(func() { sb.server.Run(ctx) })
	for i, listener := range sb.listeners {
		all.Go(func() {
			defer cancel()
			failures[i] = server.Serve(ctx, listener, sb.handlers[i], nil, sandboxDrain, log)
		})
	}
	all.Wait()
	sb.listeners = nil
	return errors.Join(failures...)
}

// close lets go of everything and removes temporary data.
func (sb *sandbox) close() error {
	var errs []error
	for _, listener := range sb.listeners {
		_ = listener.Close()
	}
	if sb.server != nil {
		errs = append(errs, sb.server.Close())
	}
	if sb.temporary != "" {
		errs = append(errs, os.RemoveAll(sb.temporary))
	}
	return errors.Join(errs...)
}

// listenBoth listens on an address; for localhost on IPv4 and, where there is one, on IPv6 too, since browsers try either
// first. An IPv6 port that another program has is taken: half of the browsers would meet that program.
func listenBoth(address, flag string) ([]net.Listener, string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, "", hinted{fmt.Sprintf("%s %q is not an address and port", flag, address), []string{"use a form like localhost:8080"}}
	}
	if host != "localhost" {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			return nil, "", listenError(err, address, flag)
		}
		return []net.Listener{listener}, "http://" + shownHost(listener.Addr().String()), nil
	}
	first, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		return nil, "", listenError(err, address, flag)
	}
	_, port, _ = net.SplitHostPort(first.Addr().String())
	all := []net.Listener{first}
	second, err := net.Listen("tcp6", net.JoinHostPort("::1", port))
	switch {
	case err == nil:
		all = append(all, second)
	case errors.Is(err, syscall.EADDRINUSE):
		_ = first.Close()
		return nil, "", listenError(err, address, flag)
	}
	return all, "http://localhost:" + port, nil
}

// shownHost is an address that a browser can be given: nobody browses to 0.0.0.0.
func shownHost(address string) string {
	for _, everywhere := range []string{"0.0.0.0:", "[::]:"} {
		if port, found := strings.CutPrefix(address, everywhere); found {
			return "localhost:" + port
		}
	}
	return address
}
