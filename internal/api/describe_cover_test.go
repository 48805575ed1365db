package api

import (
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// coverage is what the tests of this package saw of the description.
var coverage = &covered{seen: map[string]map[string]int{}}

// covered counts answers by operation, and then by status ("409") and by status and code ("409 NOT_UNIQUE").
type covered struct {
	mu   sync.Mutex
	seen map[string]map[string]int
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
			c.seen[o.Operation] = map[string]int{}
		}
		status := strconv.Itoa(o.Status)
		c.seen[o.Operation][status]++
		for _, code := range o.Codes {
			if strings.HasPrefix(code, "api.") {
				code = "api.*"
			}
			c.seen[o.Operation][status+" "+code]++
		}
	}
}

// missing lists what is described and was never seen: operations at each of their addresses, and statuses of the others. An operation
// that is written once for two addresses has its statuses counted together.
func (c *covered) missing(d *Description) (total int, operations, statuses []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, where := range d.document.sub("paths").members() {
		for _, method := range d.document.sub("paths", where).members() {
			total++
			op := d.document.sub("paths", where, method)
			name := strings.ToUpper(method) + " " + where
			id := op.text("operationId")
			if len(c.seen[id]) == 0 {
				operations = append(operations, name)
				continue
			}
			if op.has("x-same-as") {
				continue
			}
			for _, status := range op.sub("responses").members() {
				for _, what := range append([]string{status}, codesOf(d, op, status)...) {
					if c.seen[id][what]+c.seen[id+oldestRelease][what] == 0 {
						statuses = append(statuses, name+" "+what)
					}
				}
			}
		}
	}
	return total, operations, statuses
}

// codesOf are the codes that the description gives one status of an operation.
func codesOf(d *Description, op *tree, status string) []string {
	var out []string
	about, _ := d.resolved(op.sub("responses", status)).at("description").(string)
	for line := range strings.Lines(about) {
		if code, _, found := strings.Cut(line, "`: "); found && strings.HasPrefix(code, "`") && code != "`-" {
			out = append(out, status+" "+code[1:])
		}
	}
	return out
}

func statusNumber(text string) (n int) {
	_, _ = fmt.Sscan(text, &n)
	return n
}

// TestMain runs the tests and then compares what they saw with the description: no operation of it may be left uncalled, no status
// and no code of an error unseen (the answers themselves were held to it as they came). It says nothing when only some of the tests ran.
// It collects less often: hundreds of small servers come and go here, and an eighth of the time went into that.
func TestMain(m *testing.M) {
	flag.Parse()
	debug.SetGCPercent(400)
	result := m.Run()
	some := flag.Lookup("test.run").Value.String() + flag.Lookup("test.skip").Value.String() + flag.Lookup("test.fuzz").Value.String()
	if some == "" && !testing.Short() && flag.Lookup("test.list").Value.String() == "" {
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
		for what, n := range byStatus {
			if len(what) == 3 {
				answers += n
			}
		}
	}
	fmt.Printf("description: %d of %d operations called, %d answers as described, %d described statuses and codes not seen\n", total-len(operations), total,
		answers, len(statuses))
	for _, missing := range slices.Concat(operations, statuses) {
		fmt.Println("description: never seen:", missing)
	}
	return min(len(operations)+len(statuses), 1)
}
