package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// A cluster is a PostgreSQL server of one test, on a socket of its own, with the settings of a real one: nothing that makes a
// commit cheaper. It can be killed, restarted, copied to a standby and promoted.
type cluster struct {
	t        *testing.T
	bin, dir string
	// as is the command before a command that makes it run as somebody else when this is root.
	as       []string
	settings []string
	process  *exec.Cmd
	alive    io.Closer
}

// newCluster starts a server with settings beside the usual ones, such as "synchronous_standby_names=*".
func newCluster(t *testing.T, settings ...string) *cluster {
	t.Helper()
	return newClusterIn(t, "", settings...)
}

// newClusterIn is newCluster in a directory other than that of temporary files.
func newClusterIn(t *testing.T, parent string, settings ...string) *cluster {
	t.Helper()
	c := bareCluster(t, parent, settings)
	c.must("initdb", "-D", c.data(), "-U", "latchkey", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
	c.start()
	return c
}

// bareCluster is the place of a server that has no data yet.
func bareCluster(t *testing.T, parent string, settings []string) *cluster {
	t.Helper()
	binaries, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	needs(t, len(binaries) > 0, "PostgreSQL")
	slices.SortFunc(binaries, func(a, b string) int { return len(a) - len(b) })
	dir, err := os.MkdirTemp(parent, "lkpg") // short: the path of a socket is
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{t: t, bin: filepath.Dir(binaries[len(binaries)-1]), dir: dir, settings: settings}
	t.Cleanup(func() {
		c.kill()
		_ = os.RemoveAll(dir)
	})
	if c.as, err = notRoot(dir); err != nil {
		t.Fatal(err)
	}
	return c
}

// notRoot is the command before a command that makes it run as somebody else when this is root, for whom PostgreSQL does not
// start; that user gets the directory.
func notRoot(dir string) ([]string, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		if u, err = user.Lookup("nobody"); err != nil {
			return nil, err
		}
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"runuser", "/usr/sbin/runuser", "/sbin/runuser"} {
		if path, err := exec.LookPath(name); err == nil {
			return []string{path, "-u", u.Username, "--"}, os.Chown(dir, uid, -1)
		}
	}
	return nil, errors.New("PostgreSQL does not start as root, and there is no runuser to be somebody else; run the tests as another user")
}

func (c *cluster) data() string { return filepath.Join(c.dir, "data") }

func (c *cluster) command(name string, args ...string) *exec.Cmd {
	all := append(slices.Clone(c.as), name)
	return exec.Command(all[0], append(all[1:], args...)...)
}

// must runs one of PostgreSQL's programs.
func (c *cluster) must(name string, args ...string) {
	c.t.Helper()
	if out, err := c.command(filepath.Join(c.bin, name), args...).CombinedOutput(); err != nil {
		c.t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// start runs the server until it takes connections. A shell ends it when this process has ended, however it ends, and its end
// of the pipe is closed.
func (c *cluster) start() {
	c.t.Helper()
	args := []string{"-c", `"$0" "$@" & server=$!; cat >/dev/null; kill -QUIT $server; wait $server`, filepath.Join(c.bin, "postgres"),
		"-D", c.data(), "-k", c.dir, "-c", "listen_addresses=", "-c", "max_connections=150", "-c", "shared_buffers=32MB",
		"-c", "log_min_messages=fatal", "-c", "wal_level=replica", "-c", "max_wal_size=96MB", "-c", "min_wal_size=32MB",
		"-c", "dynamic_shared_memory_type=mmap"} // in its directory, so that nothing is left of one that is killed
	for _, setting := range c.settings {
		args = append(args, "-c", setting)
	}
	c.process = c.command("sh", args...)
	log, err := os.OpenFile(filepath.Join(c.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		c.t.Fatal(err)
	}
	defer log.Close()
	c.process.Stdout, c.process.Stderr = log, log
	if c.alive, err = c.process.StdinPipe(); err == nil {
		err = c.process.Start()
	}
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, end := context.WithTimeout(context.Background(), 60*time.Second)
	defer end()
	for {
		conn, err := pgx.Connect(ctx, c.dsn())
		if err == nil {
			_ = conn.Close(ctx)
			return
		}
		select {
		case <-ctx.Done():
			said, _ := os.ReadFile(log.Name())
			c.t.Fatalf("start PostgreSQL: %v\n%s", err, said)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// stop ends the server in order, and its clients' connections with it.
func (c *cluster) stop() {
	c.t.Helper()
	c.must("pg_ctl", "stop", "-D", c.data(), "-m", "fast", "-w")
	c.ended()
}

// kill ends all processes of the server at once with SIGKILL, as the death of its machine does.
func (c *cluster) kill() {
	if c.process == nil {
		return
	}
	if text, err := os.ReadFile(filepath.Join(c.data(), "postmaster.pid")); err == nil {
		first, _, _ := strings.Cut(string(text), "\n")
		if pid, err := strconv.Atoi(first); err == nil {
			_ = syscall.Kill(pid, syscall.SIGSTOP) // so that it does not see its children die
			for _, child := range childrenOf(pid) {
				_ = syscall.Kill(child, syscall.SIGKILL)
			}
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	c.ended()
}

func (c *cluster) ended() {
	_ = c.alive.Close()
	_ = c.process.Wait()
	c.process = nil
}

// childrenOf lists the processes that a process started, by /proc.
func childrenOf(pid int) (children []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		if parent, err := strconv.Atoi(fields[1]); err == nil && parent == pid {
			if child, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
				children = append(children, child)
			}
		}
	}
	return children
}

// standby is a streaming replica of this server, which sends it each commit as the settings of both say.
func (c *cluster) standby(name string, settings ...string) *cluster {
	c.t.Helper()
	s := bareCluster(c.t, "", settings)
	s.must("pg_basebackup", "-D", s.data(), "-R", "-X", "stream", "-c", "fast", "--no-sync",
		"-d", "host="+c.dir+" user=latchkey application_name="+name)
	s.start()
	return s
}

// dsn is the address of the server, or of this one and others in the order in which they are to be tried.
func (c *cluster) dsn(others ...*cluster) string {
	hosts := c.dir
	for _, other := range others {
		hosts += "," + other.dir
	}
	q := url.Values{"host": {hosts}}
	if len(others) > 0 {
		q.Set("target_session_attrs", "read-write")
	}
	return (&url.URL{Scheme: "postgres", User: url.User("latchkey"), Path: "/postgres", RawQuery: q.Encode()}).String()
}

// address is that of another database of the server.
func (c *cluster) address(database string) string {
	return strings.Replace(c.dsn(), "/postgres?", "/"+database+"?", 1)
}

// ask runs one statement on a connection of its own and returns the first column of its rows as text.
func (c *cluster) ask(query string, args ...any) []string {
	c.t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, c.dsn())
	if err != nil {
		c.t.Fatal(err)
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, query, args...)
	if err != nil {
		c.t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		values, err := row.Values()
		if err != nil || len(values) == 0 {
			return "", err
		}
		return fmt.Sprint(values[0]), nil
	})
	if err != nil {
		c.t.Fatalf("%s: %v", query, err)
	}
	return list
}

// count is ask for one number.
func (c *cluster) count(query string, args ...any) int {
	c.t.Helper()
	n, err := strconv.Atoi(c.ask(query, args...)[0])
	if err != nil {
		c.t.Fatal(err)
	}
	return n
}
