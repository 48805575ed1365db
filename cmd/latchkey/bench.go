package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/latchkey-id/latchkey/internal/demo"
	"github.com/latchkey-id/latchkey/internal/secret"
	"github.com/latchkey-id/latchkey/internal/store"
)

// benchCommand measures a server beside what the machine can do.
type benchCommand struct {
	URL         string        `name:"url" env:"-" placeholder:"URL" help:"API of a running server to measure, which then is filled with made-up accounts. Default: a server of its own, on a new file."`
	WebURL      string        `name:"web-url" env:"-" placeholder:"URL" help:"That server's pages; its API's address when empty."`
	Client      string        `env:"-" placeholder:"ID:FILE" help:"A partner of that server of class classic, with high volume limits, and the file with its secret."`
	Strict      string        `env:"-" placeholder:"ID:FILE" help:"One of class strict, whose refresh tokens are rotated. Without it and without --loaded refresh is not measured."`
	RedirectURI string        `name:"redirect-uri" env:"-" placeholder:"URI" help:"A redirect address that both have registered; nobody is sent there."`
	Mail        string        `env:"-" placeholder:"ADDR" help:"Address to take that server's mails in on, such as 127.0.0.1:2525: start it with --smtp smtp+clear://127.0.0.1:2525. Without it only what needs no customer is measured."`
	Loaded      string        `env:"-" placeholder:"ACCOUNTS:TOKENS:FILE" help:"That server's database was filled by latchkey db load with so many accounts and tokens, under the master key in FILE: take another of its customers each time. Then --client is the partner load."`
	PID         []int         `name:"pid" env:"-" placeholder:"N" help:"That server's processes, to read their processor time and memory."`
	Database    string        `env:"-" placeholder:"URL" help:"PostgreSQL database for the server of its own, in place of the file: an empty one that may be filled."`
	Only        []string      `env:"-" placeholder:"NAME" help:"Operations to measure, such as refresh; a name that does not exist lists them. Default: all."`
	Connections []int         `env:"-" default:"1,8,32" placeholder:"N" help:"Numbers of connections at once. Default: ${default}."`
	Count       int           `env:"-" default:"2000" placeholder:"N" help:"Operations of each measurement; a 25th where each hashes a password. Default: ${default}."`
	Rounds      int           `env:"-" default:"3" placeholder:"N" help:"Rounds, of which the middle counts. Default: ${default}."`
	Limit       time.Duration `env:"-" default:"20s" placeholder:"DURATION" help:"Longest time of one measurement. Default: ${default}."`
	JSON        string        `name:"json" env:"-" placeholder:"FILE" help:"Write the report as JSON too."`
	CPUProfile  string        `name:"cpuprofile" env:"-" placeholder:"FILE" help:"Write where the server of its own spends its processor time, for go tool pprof."`

	// Part makes the process one of those that the command starts: "server" or "floor". Dir and Listen are where.
	Part   string `env:"-" hidden:""`
	Dir    string `env:"-" hidden:""`
	Listen string `env:"-" hidden:""`
}

// benchStarts is how often a server is started to see how long that takes.
const benchStarts = 3

// benchIdle is how long a server idles before its memory is read.
const benchIdle = time.Second

// Run measures and prints the table. It fails when an operation failed.
func (cmd *benchCommand) Run(ctx context.Context, s streams) error {
	switch cmd.Part {
	case "server":
		return cmd.serve(ctx, s)
	case "floor":
		return cmd.floor(ctx)
	}
	if err := cmd.check(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "latchkey-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var started []*benchPart
	defer func() {
		for _, part := range started {
			part.stop()
		}
	}()
	b, about, err := cmd.subject(ctx, dir, &started)
	if err != nil {
		return err
	}
	floor, _, err := cmd.start(ctx, "floor", dir)
	if err != nil {
		return err
	}
	started = append(started, floor)
	line := newProgressLine(s.err)
	b.Floor = demo.Subject{URL: floor.url, WebURL: floor.url, Processes: []int{floor.process.Process.Pid}}
	b.Only, b.Connections, b.Count, b.Rounds, b.Limit = cmd.Only, cmd.Connections, cmd.Count, cmd.Rounds, cmd.Limit
	b.Postgres, b.Progress, b.Live, b.Now = cmd.Database, s.err, line.to != nil, time.Now
	report, err := b.Run(ctx)
	report.Version, report.Server = version, about
	if err != nil && !errors.Is(err, demo.ErrBench) {
		return err
	}
	return errors.Join(cmd.tell(report, s.out), quietly(err))
}

// quietly is the error of a table that says what failed.
func quietly(err error) error {
	if err != nil {
		return errQuiet
	}
	return nil
}

// tell prints the table and writes the JSON.
func (cmd *benchCommand) tell(report demo.Report, out io.Writer) error {
	if cmd.JSON != "" {
		file, err := os.Create(cmd.JSON)
		if err != nil {
			return hinted{"writing the report: " + withoutPath(err, cmd.JSON), []string{"choose another file with --json"}}
		}
		if err := errors.Join(report.JSON(file), file.Close()); err != nil {
			return fmt.Errorf("writing the report: %w", err)
		}
	}
	return report.Table(out)
}

// check refuses what cannot be measured, before anything is started.
func (cmd *benchCommand) check() error {
	for _, name := range cmd.Only {
		if !slices.Contains(demo.OperationNames(), name) {
			return hinted{"there is no operation " + name, []string{"--only takes " + strings.Join(demo.OperationNames(), ", ")}}
		}
	}
	for _, n := range append([]int{cmd.Count, cmd.Rounds}, cmd.Connections...) {
		if n < 1 || n > 1_000_000 {
			return hinted{"--connections, --count and --rounds are numbers from 1 on", []string{"leave them out for the usual ones"}}
		}
	}
	switch {
	case cmd.URL == "" && (cmd.Client != "" || cmd.Strict != "" || cmd.Loaded != "" || cmd.Mail != "" || cmd.RedirectURI != "" || len(cmd.PID) > 0):
		return hinted{"--url is not set, but other settings of a running server are", []string{"name the server with --url, or leave the others out"}}
	case cmd.URL != "" && (cmd.Client == "" || cmd.RedirectURI == ""):
		return hinted{"a running server needs a partner", []string{"register one with latchkey partner add, and name it with --client ID:FILE and --redirect-uri"}}
	case cmd.URL != "" && (cmd.Database != "" || cmd.CPUProfile != ""):
		return hinted{"--database and --cpuprofile are for a server of the command's own", []string{"leave out --url"}}
	}
	return nil
}

// subject is what is measured: the running server that was named, or one of its own.
func (cmd *benchCommand) subject(ctx context.Context, dir string, started *[]*benchPart) (*demo.Bench, demo.Process, error) {
	if cmd.URL == "" {
		return cmd.own(ctx, dir, started)
	}
	api := strings.TrimRight(cmd.URL, "/")
	web := strings.TrimRight(cmd.WebURL, "/")
	if web == "" {
		web = api
	}
	b := &demo.Bench{Server: demo.Subject{URL: api, WebURL: web, Processes: cmd.PID}, RedirectURI: cmd.RedirectURI, Mail: cmd.Mail}
	about := demo.Process{Address: api}
	for _, pid := range cmd.PID {
		about.IdleMiB += demo.ResidentMiB(pid)
	}
	var err error
	if b.Classic, err = credentials("--client", cmd.Client); err == nil && cmd.Strict != "" {
		b.Strict, err = credentials("--strict", cmd.Strict)
	}
	if err == nil && cmd.Loaded != "" {
		if b.Loaded, err = loadedCustomers(cmd.Loaded); err == nil {
			about.Loaded = b.Loaded.Customers
		}
	}
	return b, about, err
}

// loadedCustomers reads ACCOUNTS:TOKENS:FILE.
func loadedCustomers(text string) (*demo.Loaded, error) {
	parts := strings.SplitN(text, ":", 3)
	var load store.Load
	var err error
	if len(parts) == 3 {
		load.Until = store.LoadedUntil()
		load.Accounts, err = strconv.ParseInt(parts[0], 10, 64)
		if err == nil {
			load.Tokens, err = strconv.ParseInt(parts[1], 10, 64)
		}
	}
	if len(parts) < 3 || err != nil || load.Tokens < 1 || load.Tokens > load.Accounts {
		return nil, hinted{"--loaded is not ACCOUNTS:TOKENS:FILE", []string{"give the numbers that latchkey db load was given, and the file of the master key"}}
	}
	masters, err := masterSource{path: parts[2]}.read()
	if err != nil {
		return nil, hinted{"--loaded: " + err.Error(), []string{"name the file of the master key that the database was filled under"}}
	}
	keys, err := secret.NewKeys(masters)
	if err != nil {
		return nil, err
	}
	return &demo.Loaded{Customers: load.Tokens, Customer: func(n int64) (c demo.LoadedCustomer, err error) {
		n += load.First()
		c.Email = load.Email(n)
		if c.Access, err = load.Access(keys, n); err == nil {
			c.Refresh, err = load.Refresh(keys, n)
		}
		return c, err
	}}, nil
}

// credentials reads ID:FILE.
func credentials(flag, text string) (demo.Credentials, error) {
	id, path, found := strings.Cut(text, ":")
	if !found {
		return demo.Credentials{}, hinted{flag + " is not ID:FILE", []string{"name the partner and the file with its secret, such as bench:bench.secret"}}
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return demo.Credentials{}, hinted{flag + ": " + withoutPath(err, path), []string{"write the partner's secret into a file"}}
	}
	return demo.Credentials{ID: id, Secret: strings.TrimSpace(string(content))}, nil
}

// own starts a server some times, to see how long that takes, and leaves the last one running.
func (cmd *benchCommand) own(ctx context.Context, dir string, started *[]*benchPart) (*demo.Bench, demo.Process, error) {
	mail, err := freeAddress()
	if err != nil {
		return nil, demo.Process{}, err
	}
	if err := prepareBench(dir, mail); err != nil {
		return nil, demo.Process{}, err
	}
	about := demo.Process{Database: "SQLite"}
	if cmd.Database != "" {
		about.Database = "PostgreSQL"
	}
	var took []float64
	for i := range benchStarts {
		part, ready, err := cmd.start(ctx, "server", dir)
		if err != nil {
			return nil, about, err
		}
		if i > 0 { // the first one makes the database
			took = append(took, float64(ready.Microseconds())/1000)
		}
		if i < benchStarts-1 {
			part.stop()
			continue
		}
		*started = append(*started, part)
		select {
		case <-time.After(benchIdle):
		case <-ctx.Done():
			return nil, about, ctx.Err()
		}
		about.Address, about.IdleMiB = part.url, demo.ResidentMiB(part.process.Process.Pid)
	}
	slices.Sort(took)
	about.StartMS = took[len(took)/2]
	if stat, err := os.Stat(part0()); err == nil {
		about.BinaryMB = float64(stat.Size()/1e5) / 10
	}
	last := (*started)[len(*started)-1]
	return &demo.Bench{Server: demo.Subject{URL: last.url, WebURL: last.url, Processes: []int{last.process.Process.Pid}}, Mail: mail,
		Classic: demo.Credentials{ID: benchClassic, Secret: benchSecret}, Strict: demo.Credentials{ID: benchStrict, Secret: benchSecret},
		RedirectURI: benchRedirect}, about, nil
}

// part0 is this program.
func part0() string {
	path, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	return path
}

// A benchPart is a process that the command started.
type benchPart struct {
	url     string
	process *exec.Cmd
	log     *os.File
}

// start starts one of the parts and returns it when it is ready, with how long that took.
func (cmd *benchCommand) start(ctx context.Context, part, dir string) (*benchPart, time.Duration, error) {
	listen, err := freeAddress()
	if err != nil {
		return nil, 0, err
	}
	args := []string{"bench", "--part", part, "--dir", dir, "--listen", listen}
	if cmd.Database != "" {
		args = append(args, "--database", cmd.Database)
	}
	if cmd.CPUProfile != "" {
		args = append(args, "--cpuprofile", cmd.CPUProfile)
	}
	log, err := os.OpenFile(filepath.Join(dir, part+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, 0, err
	}
	p := &benchPart{url: "http://" + listen, log: log, process: exec.Command(part0(), args...)}
	p.process.Stderr = log
	began := time.Now()
	if err := p.process.Start(); err != nil {
		return nil, 0, errors.Join(fmt.Errorf("starting the %s: %w", part, err), log.Close())
	}
	ready, cancel := context.WithTimeout(ctx, benchPatience)
	defer cancel()
	took, err := demo.AwaitReady(ready, p.url, "/readyz", began, time.Now)
	if err != nil {
		p.stop()
		said, _ := os.ReadFile(log.Name())
		return nil, 0, fmt.Errorf("the %s does not start: %w\n%s", part, err, said)
	}
	return p, took, nil
}

// benchPatience is how long a part may take to start.
const benchPatience = 30 * time.Second

// stop ends the process in order.
func (p *benchPart) stop() {
	_ = p.process.Process.Signal(syscall.SIGTERM)
	_ = p.process.Wait()
	_ = p.log.Close()
}

// freeAddress is one that nobody listens on now.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}
