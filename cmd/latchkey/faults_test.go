package main

import (
	"sync"
	"syscall"
	"testing"
)

// threeUnderSiege are three nodes on a database, at work.
func threeUnderSiege(t *testing.T, dsn string) (*nodes, *siege) {
	t.Helper()
	ns := newNodes(t, 3, "--database", dsn)
	ns.start()
	return ns, besiege(t, ns.url)
}

// TestNodesAreKilledUnderLoad kills one of three nodes after the other with SIGKILL, each in the middle of what it does: the
// others serve on, and nothing that was answered is lost or there twice (I7).
func TestNodesAreKilledUnderLoad(t *testing.T) {
	fullRun(t)
	t.Parallel()
	c := newCluster(t)
	ns, s := threeUnderSiege(t, c.dsn())
	for _, n := range ns.list {
		n.kill()
		before := s.silent.Load()
		until(t, clientWaits, "a client meets the dead node", func() bool { return s.silent.Load() > before })
		n.gone.Store(true)
		s.goesOn("after a node died")
		n.begin()
		n.ready()
	}
	s.lift(ns, c)
}

// TestTheDatabaseIsRestarted stops the database in order, and then kills it, under load: partners are told 503 until it is back,
// and then served without anybody touching a node.
func TestTheDatabaseIsRestarted(t *testing.T) {
	fullRun(t)
	t.Parallel()
	c := newCluster(t)
	ns, s := threeUnderSiege(t, c.dsn())
	for _, end := range []func(){c.stop, c.kill} {
		end()
		s.suffers()
		for _, n := range ns.list {
			if status, _ := ask(n.url + "/readyz"); status != 503 {
				t.Errorf("readyz %d without a database", status)
			}
		}
		c.start()
		s.goesOn("after the database came back")
		for _, n := range ns.list {
			n.ready()
		}
	}
	s.lift(ns, c)
}

// TestTheDatabaseHangs stops every process of the database in what it does, so that nothing answers and no connection ends. Partners are
// told 503 within the time of a request, and served when it goes on.
func TestTheDatabaseHangs(t *testing.T) {
	fullRun(t)
	t.Parallel()
	c := newCluster(t)
	ns, s := threeUnderSiege(t, c.dsn())
	thaw := c.freeze()
	s.suffers()
	thaw()
	s.goesOn("when the database goes on")
	s.lift(ns, c)
}

// freeze stops every process of the server in what it does, until thaw is called.
func (c *cluster) freeze() (thaw func()) {
	c.t.Helper()
	pid := c.pid()
	all := append(childrenOf(pid), pid)
	tell := func(signal syscall.Signal) {
		for _, pid := range all {
			_ = syscall.Kill(pid, signal)
		}
	}
	tell(syscall.SIGSTOP)
	thaw = sync.OnceFunc(func() { tell(syscall.SIGCONT) })
	c.t.Cleanup(thaw) // or it could not be ended
	return thaw
}

// TestAStandbyTakesOver kills the primary with all its processes under load and promotes its standby, for which every commit had
// waited: the nodes find it by themselves, and it has everything that was answered. Before that the standby hears nothing for a
// while, so that a commit which had not waited would be lost.
func TestAStandbyTakesOver(t *testing.T) {
	fullRun(t)
	t.Parallel()
	primary := newCluster(t, "synchronous_standby_names=*")
	standby := primary.standby("second")
	ns, s := threeUnderSiege(t, primary.dsn(standby))
	thaw := standby.freeze()
	s.suffers()
	primary.kill()
	thaw()
	standby.must("pg_ctl", "promote", "-D", standby.data(), "-w")
	s.goesOn("after the standby took over")
	s.lift(ns, standby)
}

// TestASilentPrimaryIsPassedOver: the primary's machine is gone without a word, so that neither its connections nor new ones are refused.
// Each node gives them up and finds the standby that was promoted.
func TestASilentPrimaryIsPassedOver(t *testing.T) {
	fullRun(t)
	t.Parallel()
	primary := newCluster(t, "synchronous_standby_names=*")
	standby := primary.standby("second")
	ns, s := threeUnderSiege(t, primary.dsn(standby))
	primary.freeze()
	s.suffers()
	standby.must("pg_ctl", "promote", "-D", standby.data(), "-w")
	s.goesOn("after the standby took over")
	primary.kill() // it must never speak again: whoever looks after the servers sees to that
	s.lift(ns, standby)
}

// TestTheNextReleaseMigratesUnderLoad gives every table what a migration of the next release may give it, while the nodes of this one
// serve: partners wait a moment at most, and what they were told is there.
func TestTheNextReleaseMigratesUnderLoad(t *testing.T) {
	fullRun(t)
	t.Parallel()
	c := newCluster(t)
	ns, s := threeUnderSiege(t, c.dsn())
	for _, table := range c.ask("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1") {
		c.ask("ALTER TABLE " + table + " ADD COLUMN next_release BIGINT NOT NULL DEFAULT 0")
		c.ask("CREATE INDEX " + table + "_next ON " + table + " (next_release)")
	}
	s.goesOn("on the schema of the next release")
	s.lift(ns, c)
}
