package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// devCommand starts the sandbox.
type devCommand struct {
	Addr     string `env:"-" default:"localhost:8080" placeholder:"HOST:PORT" help:"Where the server listens. Default: ${default}. Passkeys and the cross-site journey need the name localhost."`
	DemoAddr string `env:"-" default:"127.0.0.1:8090" placeholder:"HOST:PORT" help:"Where the demo partner listens. Default: ${default}. Another host name than the server's, so that the journey is truly cross-site."`
	Data     string `env:"-" placeholder:"DIR" help:"Keep the data here; without it everything is gone at the end."`
	Database string `env:"-" placeholder:"URL" help:"Keep accounts in this empty PostgreSQL database, such as postgres://postgres@localhost/latchkey_dev."`
	Seed     string `env:"-" placeholder:"FILE" help:"YAML file of partners to register, so that a client of your own finds its settings."`
	Fields   string `env:"-" placeholder:"FILE" help:"JSON file of fields that customers are asked for beside the documented ones."`
	Public   bool   `env:"-" help:"Allow addresses that others can reach. Everybody who does may do everything."`
	LogLevel string `env:"-" default:"warn" enum:"debug,info,warn,error" help:"debug, info, warn or error. Default: ${default}."`
}

// Run serves the sandbox until Ctrl-C.
func (cmd *devCommand) Run(ctx context.Context, s streams) error {
	began := time.Now()
	var level slog.Level
	if err := level.UnmarshalText([]byte(cmd.LogLevel)); err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(s.err, &slog.HandlerOptions{Level: level}))
	o := sandboxOptions{addr: cmd.Addr, demoAddr: cmd.DemoAddr, data: cmd.Data, database: cmd.Database, public: cmd.Public, log: log}
	if cmd.Seed != "" {
		seeds, found := readSeed(cmd.Seed)
		if len(found) > 0 {
			return mistakes(found).hinted()
		}
		o.seeds = seeds
	}
	if cmd.Fields != "" {
		extras, found := readFields(cmd.Fields)
		if len(found) > 0 {
			return mistakes(found).hinted()
		}
		o.extras = extras
	}
	sb, err := newSandbox(ctx, o)
	if err != nil {
		return err
	}
	cmd.announce(s, sb, time.Since(began))
	return errors.Join(sb.run(ctx, log), sb.close())
}

// announce prints where everything is; only what exists.
func (cmd *devCommand) announce(s streams, sb *sandbox, took time.Duration) {
	data := "data is temporary (keep it with --data DIR)"
	if cmd.Data != "" {
		data = "data is kept in " + cmd.Data
	}
	fmt.Fprintf(s.out, "Latchkey %s sandbox: %s. Not for production.\n", version, data)
	fmt.Fprintf(s.out, "  Demo app   %-24s <- start here\n", sb.demoURL)
	fmt.Fprintf(s.out, "  Server     %s\n", sb.url)
	fmt.Fprintf(s.out, "  Docs       %s/docs   (the API that partners call)\n", sb.url)
	fmt.Fprintf(s.out, "  Mail       %s/dev/mail\n", sb.url)
	fmt.Fprintf(s.out, "  Codes      %s/dev/authenticator   (an authenticator app in a page)\n", sb.url)
	fmt.Fprintf(s.out, "  Clock      %s/dev/clock   (moves time forward)\n", sb.url)
	if cmd.Seed != "" {
		fmt.Fprintf(s.out, "  Partners   %d new or changed from %s\n", sb.seeded, cmd.Seed)
	}
	fmt.Fprintf(s.out, "  export LATCHKEY_URL=%s LATCHKEY_CLIENT_ID=%s LATCHKEY_CLIENT_SECRET=%s\n", sb.url, demoID, demoSecret)
	fmt.Fprintf(s.out, "Ready in %.2f s. Press Ctrl-C to stop.\n", took.Seconds())
}
