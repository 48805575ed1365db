package main

import (
	"testing"
)

// TestNodesAreKilledUnderLoad kills one of three nodes after the other with SIGKILL, each in the middle of what it does: the
// others serve on, and nothing that was answered is lost or there twice (I7).
func TestNodesAreKilledUnderLoad(t *testing.T) {
	fullRun(t)
	t.Parallel()
	c := newCluster(t)
	ns := newNodes(t, 3, "--database", c.dsn())
	ns.start()
	s := besiege(t, ns.url)
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
	ns := newNodes(t, 3, "--database", c.dsn())
	ns.start()
	s := besiege(t, ns.url)
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

// TestAStandbyTakesOver kills the primary with all its processes under load and promotes its standby, for which every commit had
// waited: the nodes find it by themselves, and it has everything that was answered.
func TestAStandbyTakesOver(t *testing.T) {
	fullRun(t)
	t.Parallel()
	primary := newCluster(t, "synchronous_standby_names=*")
	standby := primary.standby("second")
	ns := newNodes(t, 3, "--database", primary.dsn(standby))
	ns.start()
	s := besiege(t, ns.url)
	primary.kill()
	s.suffers()
	standby.must("pg_ctl", "promote", "-D", standby.data(), "-w")
	s.goesOn("after the standby took over")
	s.lift(ns, standby)
}
