package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// cluster is the PostgreSQL server of this test process: the one that LATCHKEY_TEST_POSTGRES names, or a private one of
// the installed binaries, started when a test first needs it and stopped when the process ends, however it ends.
type cluster struct {
	once sync.Once
	dsn  string
	err  error
	stop func()
	// schemas counts the tests that had one.
	schemas atomic.Int64
}

var tested cluster

// errNoBinaries: PostgreSQL is not installed here.
var errNoBinaries = errors.New("PostgreSQL is not installed; .ci/prepare installs it when it may, or name a server in LATCHKEY_TEST_POSTGRES")

// postgresTest gives the test a schema of its own and returns how to reach it. It skips unless PostgreSQL was asked for:
// by LATCHKEY_FULL=1, which make test sets, or by LATCHKEY_TEST_POSTGRES.
func postgresTest(t testing.TB) string {
	t.Helper()
	if os.Getenv("LATCHKEY_FULL") == "" && os.Getenv("LATCHKEY_TEST_POSTGRES") == "" {
		t.Skip("PostgreSQL is tested with LATCHKEY_FULL=1, as make test sets it, or with a server in LATCHKEY_TEST_POSTGRES")
	}
	tested.once.Do(func() {
		tested.stop = func() {}
		if tested.dsn = os.Getenv("LATCHKEY_TEST_POSTGRES"); tested.dsn == "" {
			tested.dsn, tested.stop, tested.err = startCluster()
		}
	})
	if errors.Is(tested.err, errNoBinaries) && os.Getenv("CI") != "true" {
		t.Skip(tested.err)
	}
	must(t, tested.err)
	schema := fmt.Sprintf("test_%d_%d", os.Getpid(), tested.schemas.Add(1))
	ask(t, tested.dsn, "CREATE SCHEMA "+schema)
	t.Cleanup(func() { ask(t, tested.dsn, "DROP SCHEMA "+schema+" CASCADE") })
	return with(t, tested.dsn, "search_path", schema)
}

// with is a DSN with one more parameter.
func with(t testing.TB, dsn, name, value string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	must(t, err)
	q := u.Query()
	q.Set(name, value)
	u.RawQuery = q.Encode()
	return u.String()
}

// ask runs one statement on a connection of its own and returns the first column of its rows.
func ask(t testing.TB, dsn, query string) []string {
	t.Helper()
	ctx := context.Background()
	c, err := pgx.Connect(ctx, dsn)
	must(t, err)
	defer c.Close(ctx)
	rows, err := c.Query(ctx, query)
	must(t, err)
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		values, err := row.Values()
		if err != nil || len(values) == 0 {
			return "", err
		}
		return fmt.Sprint(values[0]), nil
	})
	must(t, err)
	return list
}

// startCluster makes a cluster in a temporary directory, on a socket that only this user and root can reach, with the
// settings of a real one: nothing that makes a commit cheaper.
func startCluster() (dsn string, stop func(), err error) {
	binaries, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(binaries) == 0 {
		return "", nil, errNoBinaries
	}
	slices.SortFunc(binaries, func(a, b string) int { return len(a) - len(b) })
	bin := filepath.Dir(binaries[len(binaries)-1])
	dir, err := os.MkdirTemp("", "latchkey-pg-")
	if err != nil {
		return "", nil, err
	}
	as, err := notRoot(dir)
	if err != nil {
		return "", nil, err
	}
	data := filepath.Join(dir, "data")
	run := func(name string, args ...string) *exec.Cmd {
		return exec.Command(append(as, name)[0], append(append(slices.Clone(as), name)[1:], args...)...)
	}
	if out, err := run(filepath.Join(bin, "initdb"), "-D", data, "-U", "latchkey", "--auth=trust", "--encoding=UTF8", "--locale=C",
		"--no-sync").CombinedOutput(); err != nil {
		return "", nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	// The shell ends the server when this process has ended and its end of the pipe is closed.
	server := run("sh", "-c", `"$0" "$@" & server=$!; cat >/dev/null; kill -QUIT $server; wait $server`, filepath.Join(bin, "postgres"),
		"-D", data, "-k", dir, "-c", "listen_addresses=", "-c", "max_connections=400", "-c", "shared_buffers=32MB",
		"-c", "log_min_messages=fatal", "-c", "deadlock_timeout=100ms")
	var log bytes.Buffer
	server.Stdout, server.Stderr = &log, &log
	alive, err := server.StdinPipe()
	if err != nil {
		return "", nil, err
	}
	if err := server.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		_ = alive.Close()
		_ = server.Wait()
		_ = os.RemoveAll(dir)
	}
	dsn = (&url.URL{Scheme: "postgres", User: url.User("latchkey"), Path: "/postgres", RawQuery: url.Values{"host": {dir}}.Encode()}).String()
	if err := answers(dsn); err != nil {
		stop()
		return "", nil, fmt.Errorf("start PostgreSQL: %w\n%s", err, log.String())
	}
	return dsn, stop, nil
}

// notRoot is the command before a command that makes it run as somebody else when this is root, for whom PostgreSQL does
// not start; that user gets the directory.
func notRoot(dir string) ([]string, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		u, err = user.Lookup("nobody")
	}
	if err != nil {
		return nil, err
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"runuser", "/usr/sbin/runuser", "/sbin/runuser"} { // a PATH need not have the latter two
		if path, err := exec.LookPath(name); err == nil {
			return []string{path, "-u", u.Username, "--"}, os.Chown(dir, uid, -1)
		}
	}
	return nil, errors.New("PostgreSQL does not start as root, and there is no runuser to be somebody else; run the tests as another user")
}

// answers waits until the server takes connections.
func answers(dsn string) error {
	ctx, end := context.WithTimeout(context.Background(), 30*time.Second)
	defer end()
	for {
		c, err := pgx.Connect(ctx, dsn)
		if err == nil {
			return c.Close(ctx)
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}
