package main

import (
	"strings"
	"testing"
)

// TestThreeNodes starts three servers at once on one empty database and sends each request to one of them at random: what a
// person and a partner meet is what one node would do.
func TestThreeNodes(t *testing.T) {
	fullRun(t)
	t.Parallel()
	c := newCluster(t)
	ns := newNodes(t, 3, "--database", c.dsn())
	ns.start()
	if twice := c.ask("SELECT version_id FROM goose_db_version GROUP BY version_id HAVING count(*) > 1"); len(twice) > 0 {
		t.Errorf("migrations ran twice: %v", twice)
	}
	t.Run("journey", func(t *testing.T) { threeWalk(t, c, ns) })
}

// threeWalk is the journey, each of whose requests goes to another node.
func threeWalk(t *testing.T, c *cluster, ns *nodes) {
	lines := ns.walk(func() bool { return c.count("SELECT count(*) FROM mail WHERE done_at = 0") == 0 })
	t.Logf("%d steps", strings.Count(lines, "ok "))
	for i, n := range ns.list {
		if n.asked.Load() < 5 {
			t.Errorf("node %d was asked %d times in a journey: the test does not do what it says", i, n.asked.Load())
		}
	}
}
