package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/latchkey-id/latchkey/internal/demo"
)

// demoCommand walks the demo without a browser.
type demoCommand struct {
	Check   bool   `env:"-" help:"Walk the whole claim and every break, print a line a step, exit 0 when all is well."`
	All     bool   `env:"-" help:"Go on with a person and a business: all that can be uploaded, claim, reviews, webhooks, to verified."`
	URL     string `name:"url" env:"-" placeholder:"URL" help:"A running sandbox's server, such as http://localhost:8080. Default: a sandbox of its own on free ports."`
	DemoURL string `name:"demo-url" env:"-" default:"http://127.0.0.1:8090" placeholder:"URL" help:"That sandbox's demo partner. Default: ${default}."`
}

// Run walks a running sandbox, or one of its own.
func (cmd *demoCommand) Run(ctx context.Context, s streams) error {
	if !cmd.Check {
		return hinted{"nothing to do", []string{"latchkey demo --check walks the demo without a browser", "latchkey demo --check --all goes on to a business and to verified", "latchkey dev starts it for you to click through"}}
	}
	if cmd.URL != "" {
		return cmd.walk(ctx, s.out, strings.TrimRight(cmd.URL, "/"), strings.TrimRight(cmd.DemoURL, "/"))
	}
	log := slog.New(slog.NewTextHandler(s.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	var found deviations
	sb, err := newSandbox(ctx, sandboxOptions{addr: "localhost:0", demoAddr: "127.0.0.1:0", log: log, deviates: found.add})
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- sb.run(running, log) }()
	err = cmd.walk(ctx, s.out, sb.url, sb.demoURL)
	stop()
	return errors.Join(err, <-ended, sb.close(), found.tell(s.out))
}

// deviations collects what was not as the description of the API says.
type deviations struct {
	mu  sync.Mutex
	all []error
}

func (d *deviations) add(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all = append(d.all, err)
}

// tell prints them; none is a line too, since a walk that was held to nothing must not look like one that was.
func (d *deviations) tell(out io.Writer) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.all) == 0 {
		fmt.Fprintln(out, "every answer of the API was as described")
		return nil
	}
	for _, err := range d.all {
		fmt.Fprintln(out, "FAIL  not as described:", err)
	}
	return errQuiet
}

func (cmd *demoCommand) walk(ctx context.Context, out io.Writer, web, app string) error {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	check := &demo.Check{Web: web, Demo: app, Transport: transport, Out: out, Now: time.Now, All: cmd.All,
		ID: demoID, Secret: demoSecret, OtherID: otherID, OtherSecret: demoSecret}
	err := check.Run(ctx)
	if errors.Is(err, demo.ErrCheck) {
		fmt.Fprintln(out, "FAILED")
		return errQuiet
	}
	return err
}
