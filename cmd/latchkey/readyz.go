package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

// version is the release, as SemVer.
const version = "0.1.0"

// versionCommand prints the version.
type versionCommand struct{}

// Run prints release, revision and Go version in one line.
func (versionCommand) Run(_ context.Context, s streams) error {
	revision := "unknown revision"
	if build, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range build.Settings {
			if setting.Key == "vcs.revision" && len(setting.Value) >= 12 {
				revision = setting.Value[:12]
			}
		}
	}
	_, err := fmt.Fprintf(s.out, "latchkey %s (%s, %s)\n", version, revision, runtime.Version())
	return err
}

// readyzCommand asks a server whether it is ready.
type readyzCommand struct {
	URL  string        `name:"url" env:"-" default:"http://127.0.0.1:8080" placeholder:"URL" help:"Where the server listens. Default: ${default}."`
	Wait time.Duration `env:"-" placeholder:"DURATION" help:"Ask until it is ready, at most this long."`
}

// readyzPause is how long to wait between two questions.
const readyzPause = 200 * time.Millisecond

// Run exits 0 when the server says that it is ready, else 1.
func (cmd *readyzCommand) Run(ctx context.Context, s streams) error {
	deadline := time.Now().Add(cmd.Wait)
	for {
		said, err := askReady(ctx, strings.TrimRight(cmd.URL, "/")+"/readyz")
		if err == nil {
			fmt.Fprintln(s.out, "ready")
			return nil
		}
		if ctx.Err() != nil || !time.Now().Add(readyzPause).Before(deadline) {
			return hinted{fmt.Sprintf("%s is not ready: %s", cmd.URL, said), []string{"the server's log says why; --wait 30s asks again until then"}}
		}
		select {
		case <-ctx.Done():
		case <-time.After(readyzPause):
		}
	}
}

func askReady(ctx context.Context, address string) (said string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "that is not an address", err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return "nothing answers there", err
	}
	defer answer.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(answer.Body, 200))
	said = strings.TrimSpace(string(body))
	if answer.StatusCode != http.StatusOK {
		return said, fmt.Errorf("status %d", answer.StatusCode)
	}
	return said, nil
}
