package server

import (
	"context"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// postgres starts a PostgreSQL server for the test, or names the one that is given, and returns how to reach it. It skips unless
// PostgreSQL was asked for.
func postgres(t *testing.T) string {
	t.Helper()
	if dsn := os.Getenv("LATCHKEY_TEST_POSTGRES"); dsn != "" {
		return dsn
	}
	if os.Getenv("LATCHKEY_FULL") == "" {
		t.Skip("PostgreSQL is tested with LATCHKEY_FULL=1, as make test sets it, or with a server in LATCHKEY_TEST_POSTGRES")
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 && os.Getenv("CI") == "true" {
		t.Fatal("PostgreSQL is not installed")
	}
	if len(found) == 0 {
		t.Skip("PostgreSQL is not installed; name a server in LATCHKEY_TEST_POSTGRES")
	}
	slices.SortFunc(found, func(a, b string) int { return len(a) - len(b) })
	bin := filepath.Dir(found[len(found)-1])
	dir, err := os.MkdirTemp("", "lkpg") // short: the path of a socket is
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	var as []string
	if os.Getuid() == 0 { // for whom it does not start
		u, err := user.Lookup("nobody")
		if err != nil {
			t.Fatal(err)
		}
		uid, _ := strconv.Atoi(u.Uid)
		if err := os.Chown(dir, uid, -1); err != nil {
			t.Fatal(err)
		}
		as = []string{"runuser", "-u", u.Username, "--"}
	}
	command := func(args ...string) *exec.Cmd {
		all := append(slices.Clone(as), args...)
		return exec.Command(all[0], all[1:]...)
	}
	data := filepath.Join(dir, "data")
	if out, err := command(filepath.Join(bin, "initdb"), "-D", data, "-U", "latchkey", "-A", "trust", "--no-sync", "-E", "UTF8").CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	// A shell ends it when this process has ended, however it ends, and its end of the pipe is closed.
	running := command("sh", "-c", `"$0" "$@" & server=$!; cat >/dev/null; kill -QUIT $server; wait $server`, filepath.Join(bin, "postgres"),
		"-D", data, "-k", dir, "-c", "listen_addresses=", "-c", "log_min_messages=fatal")
	alive, err := running.StdinPipe()
	if err == nil {
		err = running.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = alive.Close()
		_ = running.Wait()
	})
	dsn := (&url.URL{Scheme: "postgres", User: url.User("latchkey"), Path: "/postgres", RawQuery: url.Values{"host": {dir}}.Encode()}).String()
	ctx, end := context.WithTimeout(t.Context(), 60*time.Second)
	defer end()
	for {
		conn, err := pgx.Connect(ctx, dsn)
		if err == nil {
			_ = conn.Close(ctx)
			return dsn
		}
		select {
		case <-ctx.Done():
			t.Fatal("start PostgreSQL:", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
