package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// full lets no file of the processes grow beyond a few bytes, or any again: to them the disk is full, and PostgreSQL says itself that
// this limit means that. as is the command before a command that makes it run as their user.
func full(t *testing.T, is bool, as []string, processes ...int) {
	t.Helper()
	limit := map[bool]string{true: "4096", false: "unlimited"}[is]
	for _, pid := range processes {
		all := append(slices.Clone(as), "prlimit", "--pid", strconv.Itoa(pid), "--fsize="+limit+":unlimited")
		if out, err := exec.Command(all[0], all[1:]...).CombinedOutput(); err != nil && !strings.Contains(string(out), "No such process") {
			t.Fatalf("%v: %v\n%s", all, err, out)
		}
	}
}

// TestAFullDisk lets the disk of each engine run full under load. Partners are told 503; when there is room again they are served,
// from what was there before and nothing else.
func TestAFullDisk(t *testing.T) {
	fullRun(t)
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		ns := newNodes(t, 1)
		ns.start()
		s := besiege(t, ns.url)
		pid := ns.list[0].process.Process.Pid
		full(t, true, nil, pid)
		s.suffers()
		full(t, false, nil, pid)
		s.goesOn("when there is room again")
		s.lift(ns, nil)
	})
	// PostgreSQL ends when its log cannot be written, and whoever looks after it starts it when there is room.
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		c := newCluster(t)
		ns, s := threeUnderSiege(t, c.dsn())
		pid := c.pid()
		full(t, true, c.as, append(childrenOf(pid), pid)...)
		s.suffers()
		c.kill()
		c.start()
		s.goesOn("when there is room again")
		s.lift(ns, c)
	})
}

// TestAWrongClock: a node whose clock is three seconds from the database's does not become ready, says why, and becomes ready when
// it is right. Nothing in a node can be told to lie about its clock, so it is the database's that lies to this node: on its
// search_path clock_timestamp() is another function.
func TestAWrongClock(t *testing.T) {
	fullRun(t)
	t.Parallel()
	c := newCluster(t)
	c.ask("CREATE SCHEMA lying")
	c.ask("CREATE TABLE lying.by (seconds INTEGER)")
	c.ask("INSERT INTO lying.by VALUES (0)")
	c.ask(`CREATE FUNCTION lying.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS
		'SELECT pg_catalog.clock_timestamp() + make_interval(secs => (SELECT seconds FROM lying.by))'`)
	ns := newNodes(t, 1, "--database", c.dsn()+"&search_path=public,lying,pg_catalog")
	ns.start()
	n := ns.list[0]
	for _, off := range []struct {
		seconds int
		words   string
	}{{3, "behind the database's"}, {-3, "ahead of the database's"}} {
		c.ask("UPDATE lying.by SET seconds = $1", off.seconds)
		if status, _ := ask(n.url + "/readyz"); status != http.StatusServiceUnavailable {
			t.Errorf("readyz %d with a clock that is %d s off", status, off.seconds)
		}
		if log, err := os.ReadFile(n.log); err != nil || !strings.Contains(string(log), off.words) {
			t.Errorf("the log does not say %q: %v", off.words, err)
		}
		if status, _ := ask(n.url + "/livez"); status != http.StatusOK {
			t.Errorf("livez %d", status)
		}
		c.ask("UPDATE lying.by SET seconds = 1") // within what is borne
		n.ready()
	}
	// One that starts with a wrong clock is not ready either, until it is right.
	c.ask("UPDATE lying.by SET seconds = 60")
	n.kill()
	n.begin()
	until(t, time.Minute, "the node answers", func() bool { status, _ := ask(n.url + "/livez"); return status == http.StatusOK })
	if status, _ := ask(n.url + "/readyz"); status != http.StatusServiceUnavailable {
		t.Errorf("readyz %d after a start with a wrong clock", status)
	}
	c.ask("UPDATE lying.by SET seconds = 0")
	n.ready()
}

// TestANewerSchemaIsRefused: a node of this release does not serve a database that a newer one has migrated, and says what to do.
func TestANewerSchemaIsRefused(t *testing.T) {
	fullRun(t)
	t.Parallel()
	newer := func(t *testing.T, ns *nodes, change func()) {
		ns.start()
		n := ns.list[0]
		n.kill()
		change()
		n.begin()
		if state, err := n.process.Process.Wait(); err != nil || state.ExitCode() == exitDone {
			t.Errorf("the node served: %v, %v", state, err)
		}
		n.process = nil
		log, _ := os.ReadFile(n.log)
		for _, words := range []string{"belongs to a newer release", "its schema is number 99999", "run the newer release"} {
			if !strings.Contains(string(log), words) {
				t.Errorf("it does not say %q:\n%s", words, log)
			}
		}
	}
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		ns := newNodes(t, 1)
		newer(t, ns, func() {
			tamper(t, filepath.Join(ns.dir, "node0"), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, 1)")
		})
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		c := newCluster(t)
		newer(t, newNodes(t, 1, "--database", c.dsn()), func() { c.ask("INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)") })
	})
}

// pid is the number of the server's first process.
func (c *cluster) pid() int {
	c.t.Helper()
	text, err := os.ReadFile(filepath.Join(c.data(), "postmaster.pid"))
	first, _, _ := strings.Cut(string(text), "\n")
	pid, wrong := strconv.Atoi(first)
	if err != nil || wrong != nil {
		c.t.Fatal(fmt.Errorf("no server runs: %v, %v", err, wrong))
	}
	return pid
}
