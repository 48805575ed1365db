package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/demo"
)

// What cannot be measured is refused before anything is started, with what to do.
func TestBenchRefuses(t *testing.T) {
	t.Parallel()
	empty := write(t, t.TempDir(), "secret", "s3cr3t\n")
	for args, want := range map[string]string{
		"--only nothing":                        "there is no operation nothing\n  --only takes client_credentials, claim_code, code_exchange,",
		"--count 0":                             "numbers from 1 on",
		"--connections 1,0":                     "numbers from 1 on",
		"--rounds=-1":                           "numbers from 1 on",
		"--client bench:" + empty:               "--url is not set",
		"--url http://127.0.0.1:1":              "a running server needs a partner\n  register one with latchkey partner add",
		"--url http://127.0.0.1:1 --client a:b": "needs a partner",
		"--url http://127.0.0.1:1 --redirect-uri https://app.acme.example/cb --client " + empty:                         "--client is not ID:FILE",
		"--url http://127.0.0.1:1 --redirect-uri https://app.acme.example/cb --client a:/nowhere/x":                     "--client: /nowhere/x: no such file",
		"--url http://127.0.0.1:1 --redirect-uri https://app.acme.example/cb --client a:" + empty + " --cpuprofile cpu": "leave out --url",
		"--loaded 5:5:" + empty: "--url is not set",
		"--url http://127.0.0.1:1 --redirect-uri https://app.acme.example/cb --client a:" + empty + " --loaded 5:" + empty:     "--loaded is not ACCOUNTS:TOKENS:FILE",
		"--url http://127.0.0.1:1 --redirect-uri https://app.acme.example/cb --client a:" + empty + " --loaded 5:6:" + empty:   "--loaded is not ACCOUNTS:TOKENS:FILE",
		"--url http://127.0.0.1:1 --redirect-uri https://app.acme.example/cb --client a:" + empty + " --loaded 5:5:/nowhere/x": "--loaded: /nowhere/x: no such file",
		"--url http://127.0.0.1:1 --redirect-uri https://app.acme.example/cb --client a:" + empty + " --loaded 5:5:" + empty:   "--loaded: " + empty + ": master key",
	} {
		out, errOut := command(t, exitFailed, append([]string{"bench"}, strings.Fields(args)...)...)
		if out != "" || !strings.Contains(errOut, want) {
			t.Errorf("%s: %q, %q", args, out, errOut)
		}
	}
}

// The whole command, as an operator runs it: it starts the server and the floor as processes, measures every operation, writes table,
// JSON and profile, and leaves nothing behind. Then the same against a server that runs already, which it does not know how to
// reach: that is told, with exit 1.
func TestBenchCommand(t *testing.T) {
	t.Parallel()
	fullRun(t)
	dir := t.TempDir()
	t.Log(dir)
	in := func(name string) string { return filepath.Join(dir, name) }
	process := exec.Command("latchkey", "bench", "--count", "20", "--rounds", "1", "--connections", "1,4", "--json", in("report.json"), "--cpuprofile", in("cpu"))
	process.Env = append(os.Environ(), "TMPDIR="+dir)
	var said strings.Builder
	process.Stderr = &said
	out, err := process.Output()
	if err != nil {
		t.Fatalf("%v\n%s%s", err, out, said.String())
	}
	var report demo.Report
	text, err := os.ReadFile(in("report.json"))
	if err == nil {
		err = json.Unmarshal(text, &report)
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Operations) != 2*len(demo.OperationNames()) || report.Failed != 0 || report.Version != version || report.Server.StartMS <= 0 || report.Server.BinaryMB <= 0 {
		t.Errorf("%s", text)
	}
	for _, m := range report.Operations {
		if !strings.Contains(string(out), m.Operation) || !strings.Contains(said.String(), m.Operation) {
			t.Errorf("%s is not in the table or was not told of:\n%s%s", m.Operation, out, said.String())
		}
	}
	if stat, err := os.Stat(in("cpu")); err != nil || stat.Size() == 0 {
		t.Errorf("no profile: %v", err)
	}
	left, err := filepath.Glob(in("latchkey-bench-*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	secret := write(t, dir, "secret", "s3cr3t")
	failing := exec.Command("latchkey", "bench", "--count", "2", "--rounds", "1", "--connections", "1", "--only", "client_credentials", "--url", "http://127.0.0.1:1",
		"--client", "bench:"+secret, "--redirect-uri", "https://app.acme.example/cb")
	failing.Env = process.Env
	if out, err := failing.Output(); err == nil || failing.ProcessState.ExitCode() != exitFailed || !strings.Contains(string(out), "FAILED  client_credentials at 1 connections, 3 times; first: ") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestBenchLoaded: customers of a database that was filled to measure at are taken by turns from all of it, by whoever has its key.
func TestBenchLoaded(t *testing.T) {
	fullRun(t)
	data := audited(t)
	key, into := filepath.Join(data, "master.key"), filepath.Join(data, "loaded")
	command(t, exitDone, "db", "load", "--accounts", "60", "--tokens", "40", "--data", into)
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	relay, _ := mailSink(t)
	log, stop := serveWith(t, "--web-url", "http://127.0.0.1:"+port, "--listen", "127.0.0.1:"+port, "--data", into, "--smtp", "smtp+clear://"+relay, "--seed", write(t, data, "seed.yaml",
		"partners:\n  - id: load\n    secret: secret-of-the-load\n    name: Load\n    redirect: https://app.load.example/cb\n    per_second: 10000\n    per_minute: 600000\n"))
	<-log.serving
	bench := func(loaded string) (string, error) {
		process := exec.Command("latchkey", "bench", "--count", "30", "--rounds", "2", "--connections", "1,4", "--url", "http://127.0.0.1:"+port,
			"--client", "load:"+write(t, data, "secret", "secret-of-the-load"), "--redirect-uri", "https://app.load.example/cb", "--loaded", loaded)
		out, err := process.CombinedOutput()
		return string(out), err
	}
	out, err := bench("60:40:" + key)
	if err != nil || !strings.Contains(out, "another one of 40 loaded customers") || !strings.Contains(out, "not measured: code_exchange, claim_journey") {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err = bench("61:40:" + key); err == nil || !strings.Contains(out, "FAILED  introspection") { // other accounts than it has
		t.Errorf("%v\n%s", err, out)
	}
	if code := stop(); code != exitDone {
		t.Errorf("exit %d: %s", code, log)
	}
}
