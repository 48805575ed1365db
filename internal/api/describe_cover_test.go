package api

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

// coverage is what the tests of this package saw of the description.
var coverage = &covered{seen: map[string]map[int]int{}}

// covered counts answers by operation and status.
type covered struct {
	mu   sync.Mutex
	seen map[string]map[int]int
}

// of fails a test that gets an answer which is not described, and counts those that are.
func (c *covered) of(t *testing.T) func(Observation) {
	return func(o Observation) {
		if o.Problem != nil {
			t.Errorf("not as described: %v", o.Problem)
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.seen[o.Operation] == nil {
			c.seen[o.Operation] = map[int]int{}
		}
		c.seen[o.Operation][o.Status]++
	}
}

// missing lists what is described and was never seen: operations, and statuses of the others.
func (c *covered) missing(d *Description) (total int, operations, statuses []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, where := range d.document.sub("paths").members() {
		for _, method := range d.document.sub("paths", where).members() {
			total++
			op := d.document.sub("paths", where, method)
			name := strings.ToUpper(method) + " " + where
			seen := c.seen[op.text("operationId")]
			if len(seen) == 0 {
				operations = append(operations, name)
				continue
			}
			for _, status := range op.sub("responses").members() {
				if seen[statusNumber(status)] == 0 {
					statuses = append(statuses, name+" "+status)
				}
			}
		}
	}
	return total, operations, statuses
}

func statusNumber(text string) (n int) {
	_, _ = fmt.Sscan(text, &n)
	return n
}

// TestMain runs the tests and then compares what they saw with the description: no operation of it may be left uncalled and no
// status unseen (the answers themselves were held to it as they came). It says nothing when only some of the tests ran.
func TestMain(m *testing.M) {
	flag.Parse()
	result := m.Run()
	some := flag.Lookup("test.run").Value.String() + flag.Lookup("test.skip").Value.String() + flag.Lookup("test.fuzz").Value.String()
	if some == "" && flag.Lookup("test.list").Value.String() == "" {
		result = max(result, report())
	}
	os.Exit(result)
}

func report() int {
	d, err := described()
	if err != nil {
		fmt.Println(err)
		return 1
	}
	total, operations, statuses := coverage.missing(d)
	answers := 0
	for _, byStatus := range coverage.seen {
		for n := range maps.Values(byStatus) {
			answers += n
		}
	}
	fmt.Printf("description: %d of %d operations called, %d answers as described, %d described statuses not seen\n", total-len(operations), total,
		answers, len(statuses))
	for _, missing := range slices.Concat(operations, statuses) {
		fmt.Println("description: never seen:", missing)
	}
	if len(operations) > 0 {
		return 1
	}
	return 0
}
