package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"time"

	"github.com/latchkey-id/latchkey/internal/demo"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// The partners of a server that is made to be measured. Their limits of volume are high; counting stays on.
const (
	benchClassic  = "bench"
	benchStrict   = "bench-strict"
	benchSecret   = "bench-secret-of-a-server-to-measure"
	benchRedirect = "https://app.bench.example/back"
	benchVolume   = 10_000_000
)

// benchMailFile holds the address that mails go to.
const benchMailFile = "mail"

// prepareBench writes down what the server of a bench is started with.
func prepareBench(dir, mail string) error {
	master := secret.FormatMaster(map[int][]byte{1: secret.GenerateMaster()})
	return errors.Join(os.WriteFile(filepath.Join(dir, "master.key"), []byte(master), 0o600),
		os.WriteFile(filepath.Join(dir, benchMailFile), []byte(mail), 0o600))
}

// serve is the server of a bench: the one that "latchkey serve" runs, with its settings for a loopback address, and two partners.
func (cmd *benchCommand) serve(ctx context.Context, s streams) error {
	if cmd.CPUProfile != "" {
		file, err := os.Create(cmd.CPUProfile)
		if err != nil {
			return err
		}
		defer file.Close()
		if err := pprof.StartCPUProfile(file); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	mail, err := os.ReadFile(filepath.Join(cmd.Dir, benchMailFile))
	if err != nil {
		return err
	}
	own := serveCommand{Config: Config{WebURL: "http://" + cmd.Listen, Listen: cmd.Listen, Data: filepath.Join(cmd.Dir, "data"), Database: cmd.Database,
		MasterKeyFile: filepath.Join(cmd.Dir, "master.key"), SMTP: "smtp+clear://" + strings.TrimSpace(string(mail)), MailFrom: "no-reply@example.org",
		HelpEmail: "help@example.org", Drain: "1s"}}
	for _, one := range []struct{ id, class string }{{benchClassic, "classic"}, {benchStrict, "strict"}} {
		own.partners = append(own.partners, seeded{Registration: partner.Registration{ClientID: one.id, Secret: benchSecret, Name: "Bench " + one.class,
			Class: one.class, RedirectURIs: []string{benchRedirect}, PerSecond: benchVolume, PerMinute: 60 * benchVolume}})
	}
	return own.Run(ctx, s)
}

// floor serves the least that a server of these operations could do.
func (cmd *benchCommand) floor(ctx context.Context) error {
	f, err := demo.NewFloor(ctx, filepath.Join(cmd.Dir, "floor.db"), time.Now)
	if err != nil {
		return fmt.Errorf("making the floor: %w", err)
	}
	listener, err := net.Listen("tcp", cmd.Listen)
	if err != nil {
		return errors.Join(err, f.Close())
	}
	server := &http.Server{Handler: f.Handler(), ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err = <-ended:
	case <-ctx.Done():
		err = server.Close()
		<-ended
	}
	return errors.Join(err, f.Close())
}
