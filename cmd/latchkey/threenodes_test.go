package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey"
	"github.com/latchkey-id/latchkey/internal/secret"
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
	t.Run("guesses", func(t *testing.T) { threeGuesses(t, c, ns) })
	t.Run("same request", func(t *testing.T) { threeTimesTheSame(t, c, ns) })
	t.Run("deliveries", func(t *testing.T) { threeCouriers(t, ns) })
	// What waits for the loops of nodes begins together, so that the waits are one.
	swept := threeSweep(t, c)
	delivered := takenOver(t, ns)
	published := threeKeys(t, ns)
	t.Run("keys", published)
	t.Run("retention", swept)
	t.Run("takeover", delivered)
	ns.chainHolds(c) // which three sealed, one of whom was killed
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

// atOnce calls fn so many times at once and counts the answers' statuses.
func atOnce(times int, fn func() int) map[int]int {
	var mu sync.Mutex
	var all sync.WaitGroup
	statuses := map[int]int{}
	for range times {
		all.Go(func() {
			status := fn()
			mu.Lock()
			defer mu.Unlock()
			statuses[status]++
		})
	}
	all.Wait()
	return statuses
}

// threeGuesses tries wrong registration codes at all nodes at once: five are looked at, as on one node (I12).
func threeGuesses(t *testing.T, c *cluster, ns *nodes) {
	l := &ledger{t: t, url: ns.url}
	e := &promise{client: "ledger-1", email: "guessed@example.org", registration: strings.Repeat("the right one ", 4)}
	application := l.token(e.client, url.Values{"grant_type": {"client_credentials"}})
	if !l.succeeds("POST", "/v1/user/signup/registration_code", application, map[string]string{"email": e.email, "registrationCode": e.registration}, nil) {
		t.FailNow()
	}
	statuses := atOnce(40, func() int {
		status, _ := l.call("POST", "/oauth/token", basic(e.client), url.Values{"grant_type": {"registration_code"}, "client_id": {e.client}, "email": {e.email},
			"registration_code": {strings.Repeat("a wrong one ", 4)}}, nil)
		return status
	})
	if looked := statuses[400] + statuses[401]; looked != 5 || looked+statuses[429] != 40 {
		t.Errorf("40 guesses at three nodes: %v, want 5 that were looked at and 35 times 429", statuses)
	}
	if refused := c.count("SELECT count(*) FROM audit_event WHERE action = 'registration.refused' AND reason = 'wrong_code'"); refused != 5 {
		t.Errorf("%d events of wrong codes, want 5", refused)
	}
}

// threeTimesTheSame sends one request to all nodes at once: it is done once, and all are told the same.
func threeTimesTheSame(t *testing.T, c *cluster, ns *nodes) {
	l := &ledger{t: t, url: ns.url}
	application := l.token("ledger-2", url.Values{"grant_type": {"client_credentials"}})
	before, key := c.count("SELECT count(*) FROM account"), secret.UUID()
	var mu sync.Mutex
	ids := map[int64]bool{}
	statuses := atOnce(24, func() int {
		var user struct{ ID int64 }
		r, _ := http.NewRequest("POST", ns.url+"/v1/user/signup/registration_code", strings.NewReader(`{"email":"same@example.org","registrationCode":"`+strings.Repeat("the same one ", 4)+`"}`))
		r.Header.Set("Authorization", "Bearer "+application)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", key)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			return 0
		}
		defer answer.Body.Close()
		_ = json.NewDecoder(answer.Body).Decode(&user)
		mu.Lock()
		defer mu.Unlock()
		ids[user.ID] = true
		return answer.StatusCode
	})
	if statuses[200] != 24 || len(ids) != 1 || c.count("SELECT count(*) FROM account") != before+1 {
		t.Errorf("one request sent 24 times: %v, %d ids", statuses, len(ids))
	}
}

// A receiver takes notifications of the nodes.
type receiver struct {
	mu sync.Mutex
	// came counts deliveries by their ids, flying those that are not answered yet.
	came, flying map[string]int
	twice        int
	url          string
	// hangs is told the caller's address for the first delivery at /hang, which is never answered.
	hangs chan string
	hung  string
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{came: map[string]int{}, flying: map[string]int{}, hangs: make(chan string, 1)}
	listener := listenLocally(t)
	r.url = "http://" + listener.Addr().String()
	serveLocally(t, listener, r)
	return r
}

// ServeHTTP takes a delivery, in its own time.
func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	id := q.Header.Get("X-Delivery-Id")
	_, _ = io.Copy(io.Discard, q.Body) // only then is it seen that the caller is gone
	r.mu.Lock()
	r.came[id]++
	if r.flying[id]++; r.flying[id] > 1 {
		r.twice++
	}
	first := q.URL.Path == "/hang" && r.hung == ""
	if first {
		r.hung = id
	}
	r.mu.Unlock()
	if first {
		r.hangs <- q.RemoteAddr
		<-q.Context().Done()
	} else {
		<-time.After(20 * time.Millisecond)
	}
	r.mu.Lock()
	r.flying[id]--
	r.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}

func (r *receiver) count() (deliveries, most, twice int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range r.came {
		most = max(most, n)
	}
	return len(r.came), most, r.twice
}

func subscribed(t *testing.T, ns *nodes, client, address string) (*latchkey.Client, string) {
	t.Helper()
	p := &latchkey.Client{BaseURL: ns.url, ID: client, Secret: "secret-of-the-ledger"}
	s, err := p.Subscribe(t.Context(), latchkey.NewSubscription{Name: "nodes", TriggerOn: latchkey.EventClaims,
		Delivery: latchkey.SubscriptionDelivery{Version: "4.0.0", URL: address}})
	if err != nil {
		t.Fatal(err)
	}
	return p, s.ID
}

// threeCouriers lets every node queue and take deliveries at once: each is made once.
func threeCouriers(t *testing.T, ns *nodes) {
	r := newReceiver(t)
	p, id := subscribed(t, ns, "ledger-3", r.url+"/all")
	const each = 12
	for range each {
		if _, err := p.TestSubscription(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	until(t, time.Minute, "every delivery has come", func() bool { n, _, _ := r.count(); return n >= each })
	if n, most, twice := r.count(); n != each || most != 1 || twice != 0 {
		t.Errorf("%d deliveries of %d, one of them %d times, %d by two nodes at once", n, each, most, twice)
	}
}

// takenOver kills the node that is in the middle of a delivery: another makes it when the lease is over.
func takenOver(t *testing.T, ns *nodes) (then func(*testing.T)) {
	t.Helper()
	r := newReceiver(t)
	p, id := subscribed(t, ns, "ledger-4", r.url+"/hang")
	if _, err := p.TestSubscription(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	var caller string
	select {
	case caller = <-r.hangs:
	case <-time.After(time.Minute):
		t.Fatal("no delivery came")
	}
	var holder *node
	until(t, time.Minute, "a node is found to have the connection from "+caller, func() bool {
		holder = ns.holder(caller, strings.TrimPrefix(r.url, "http://"))
		return holder != nil
	})
	holder.gone.Store(true)
	holder.kill()
	return func(t *testing.T) {
		until(t, 3*time.Minute, "another node makes the delivery", func() bool { _, most, _ := r.count(); return most == 2 })
		if n, most, twice := r.count(); n != 1 || most != 2 || twice != 0 {
			t.Errorf("%d deliveries, %d tries, %d by two nodes at once", n, most, twice)
		}
	}
}

// holder is the node whose process has the connection from one address to another, by /proc. Its own address alone does not say
// which: a port may be shared by connections to several servers, one of which may be closed already and nobody's.
func (ns *nodes) holder(from, to string) *node {
	from, to = inTable(from), inTable(to)
	table, _ := os.ReadFile("/proc/net/tcp")
	inode := ""
	for line := range strings.Lines(string(table)) {
		if f := strings.Fields(line); len(f) > 9 && f[1] == from && f[2] == to && f[9] != "0" {
			inode = "socket:[" + f[9] + "]"
		}
	}
	for _, n := range ns.list {
		if n.process == nil {
			continue
		}
		links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", n.process.Process.Pid))
		for _, link := range links {
			if socket, err := os.Readlink(link); err == nil && socket == inode && inode != "" {
				return n
			}
		}
	}
	return nil
}

// inTable is an IPv4 address and port as /proc/net/tcp writes it: hexadecimal, the address as a number of this machine.
func inTable(address string) string {
	a := netip.MustParseAddrPort(address)
	ip := a.Addr().As4()
	return fmt.Sprintf("%08X:%04X", binary.NativeEndian.Uint32(ip[:]), a.Port())
}

// threeSweep leaves rows that say nothing any more to the nodes, who all sweep: each row is deleted and counted once.
func threeSweep(t *testing.T, c *cluster) (then func(*testing.T)) {
	t.Helper()
	const all = "SELECT count(*) FROM tries"
	c.ask(`INSERT INTO tries (key_digest, kind, count, first_at, last_at, until_at, total, dead_at, version)
		SELECT decode(lpad(to_hex(n), 64, '0'), 'hex'), 'client', 1, 1, 1, 1, 1, 1, 1 FROM generate_series(1, 900) n`)
	before := c.count(all)
	return func(t *testing.T) {
		until(t, 3*time.Minute, "every dead row is deleted", func() bool { return c.count(all+" WHERE dead_at = 1") == 0 })
		left, said := c.count(all), 0
		for _, detail := range c.ask("SELECT detail FROM audit_event WHERE action = 'rows.swept' AND detail LIKE '%tries%'") {
			var d struct{ Rows string }
			if err := json.Unmarshal([]byte(detail), &d); err != nil {
				t.Fatalf("%s: %v", detail, err)
			}
			n, _ := strconv.Atoi(d.Rows)
			said += n
		}
		if said < 900 || said != before-left {
			t.Errorf("events say that %d rows were deleted; there were %d and are %d", said, before, left)
		}
	}
}

// threeKeys rotates the keys of receipts and notifications while the nodes serve: each publishes the new ones without a restart.
func threeKeys(t *testing.T, ns *nodes) (then func(*testing.T)) {
	t.Helper()
	paths := map[string]string{"receipts": "/receipts/keys.json", "notifications": "/webhooks/signing-keys.json"}
	old := map[string]string{}
	for what, path := range paths {
		_, old[what] = ask(ns.url + path)
		ns.rotate(what)
	}
	return func(t *testing.T) {
		for what, path := range paths {
			for _, n := range ns.list {
				until(t, 2*time.Minute, "a node publishes the new keys of "+what, func() bool {
					status, now := ask(n.url + path)
					return n.gone.Load() || status == http.StatusOK && strings.Count(now, `"kid"`) == strings.Count(old[what], `"kid"`)+1
				})
			}
		}
	}
}
