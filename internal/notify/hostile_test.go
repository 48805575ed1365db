package notify

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/partner"
)

// raw is a receiver below HTTP: it reads the request's head and says what the test wants.
func raw(t *testing.T, say func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	var all sync.WaitGroup
	t.Cleanup(func() { l.Close(); all.Wait() })
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
					say(c)
				}
			})
		}
	})
	return "http://" + l.Addr().String()
}

// forever writes until the other side has had enough.
func forever(c net.Conn, text string) {
	for {
		if _, err := io.WriteString(c, text); err != nil {
			return
		}
	}
}

// silent holds a connection until the other side closes it.
func silent(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

// hostile are receivers that do what none should. status is what is kept of their answer; every one is a failed try but
// those that said 2xx before they went wrong.
func hostile() map[string]struct {
	say    func(net.Conn)
	status int
} {
	type receiver = struct {
		say    func(net.Conn)
		status int
	}
	return map[string]receiver{
		"hangs":                 {silent, 0},
		"hangs in the head":     {func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nX-A: "); silent(c) }, 0},
		"closes":                {func(net.Conn) {}, 0},
		"speaks something else": {func(c net.Conn) { _, _ = io.WriteString(c, "220 mail.example.org ESMTP\r\n") }, 0},
		"floods the head": {func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n")
			forever(c, "X-A: "+strings.Repeat("a", 1000)+"\r\n")
		}, 0},
		"floods one header": {func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nX-A: ")
			forever(c, strings.Repeat("a", 1000))
		}, 0},
		"goes on with 103": {func(c net.Conn) { forever(c, "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n") }, 0},
		"floods the body": {func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
			forever(c, strings.Repeat("a", 1<<16))
		}, 200},
		"floods chunks": {func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
			forever(c, "1\r\na\r\n")
		}, 200},
		"hangs in the body": {func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 202 OK\r\nContent-Length: 100\r\n\r\nx")
			silent(c)
		}, 202},
		"lies about its length": {func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\nx") }, 200},
		"has two lengths": {func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx")
		}, 0},
		"fails and floods": {func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 500 No\r\n\r\n")
			forever(c, strings.Repeat("a", 1<<16))
		}, 500},
		"invents a status": {func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 2x0 OK\r\n\r\n") }, 0},
		"asks to be left for a year": {func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 503 No\r\nRetry-After: 31536000\r\nContent-Length: 0\r\n\r\n")
		}, 503},
		"upgrades": {func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")
			forever(c, "x")
		}, 101},
	}
}

// TestHostileReceivers: whatever a receiver does, its try ends in time and what it gets is another try, at most a day later.
func TestHostileReceivers(t *testing.T) {
	for name, c := range hostile() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newDepot(t)
			o.courier.patience = 300 * time.Millisecond
			p := o.partner()
			o.subscribe(p, partner.EventClaims, raw(t, c.say))
			o.tell(p, o.account(p).ID, partner.EventClaims, "opened")
			o.turn()
			d := o.only()
			if d.Status != c.status || d.Attempts != 1 || (d.Outcome == partner.Delivered) != (c.status/100 == 2) {
				t.Errorf("%+v", d)
			}
			if d.Outcome == "" && (d.DueAt.Before(noon) || d.DueAt.After(noon.Add(24*time.Hour))) {
				t.Errorf("due again at %v", d.DueAt)
			}
		})
	}
}

// TestNobodyElseIsHarmed: while a hundred receivers of several partners hang, a healthy one gets everything, and no
// partner and no receiver has more seats than its share.
func TestNobodyElseIsHarmed(t *testing.T) {
	o := newDepot(t)
	o.courier.patience = time.Minute // they hang until the test lets go
	ctx, letGo := context.WithCancel(t.Context())
	var mu sync.Mutex
	byPath, most := map[string]int{}, map[string]int{}
	hanging := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		owner, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		mu.Lock()
		for _, key := range []string{"all", owner, r.URL.Path} {
			byPath[key]++
			most[key] = max(most[key], byPath[key])
		}
		mu.Unlock()
		<-ctx.Done()
	}))
	t.Cleanup(hanging.Close)
	t.Cleanup(letGo)
	for range 5 {
		p := o.partner()
		account := o.account(p).ID
		for i := range 20 {
			o.subscribe(p, partner.EventClaims, fmt.Sprintf("%s/%d/%d", hanging.URL, p, i))
		}
		for range 6 { // of several accounts, so that order does not hold them back
			o.tell(p, account, partner.EventClaims, "opened")
			account = o.account(p).ID
		}
	}
	good := o.receiver(status(200))
	p := o.partner()
	o.subscribe(p, partner.EventClaims, good.URL)
	const events = 30
	for range events {
		o.tell(p, o.account(p).ID, partner.EventClaims, "opened")
	}
	running, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); o.courier.Run(running) }()
	deadline := time.After(20 * time.Second)
	for good.count() < events {
		select {
		case <-deadline:
			stop()
			letGo()
			<-ended
			t.Fatalf("the healthy receiver got %d of %d", good.count(), events)
		case <-time.After(5 * time.Millisecond):
		}
	}
	mu.Lock()
	if most["all"] > doubtfulSeats {
		t.Errorf("%d tries hang at once", most["all"])
	}
	for key, n := range most {
		if limit := map[bool]int{true: 1, false: partnerDoubtful}[strings.HasPrefix(key, "/")]; key != "all" && n > limit {
			t.Errorf("%q had %d at once, at most %d", key, n, limit)
		}
	}
	mu.Unlock()
	stop()
	letGo()
	<-ended
	if o.courier.taken != 0 || o.courier.takenDoubtful != 0 {
		t.Errorf("%d seats are still taken, %d by doubtful ones", o.courier.taken, o.courier.takenDoubtful)
	}
}

// TestSeats: who has proved nothing, or failed last, gets one seat, all of those half of them, and a partner's a few; rounds
// begin where the last one stopped.
func TestSeats(t *testing.T) {
	c := NewCourier(nil, Writer{}, partner.Receivers{}, nil, nil)
	due := func(ids ...int) (list []partner.Subscription) {
		for _, id := range ids {
			list = append(list, partner.Subscription{ID: partner.SubscriptionID(id), Partner: partner.ID(id / 100)})
		}
		return list
	}
	about := func(id int) partner.Delivery {
		return partner.Delivery{Subscription: partner.SubscriptionID(id), Partner: partner.ID(id / 100)}
	}
	want := func(what string, got map[partner.SubscriptionID]int, ids ...int) {
		t.Helper()
		same := len(got) == len(ids)/2
		for i := 0; i+1 < len(ids); i += 2 {
			same = same && got[partner.SubscriptionID(ids[i])] == ids[i+1]
		}
		if !same {
			t.Errorf("%s: %v, want %v", what, got, ids)
		}
	}
	want("doubtful ones of a partner", c.reserve(due(100, 101, 102, 103, 104)), 100, 1, 101, 1, 102, 1, 103, 1)
	want("the same, while they have seats", c.reserve(due(100, 104)))
	c.judge(about(100), true)
	want("one has proved well", c.reserve(due(100, 104)), 100, 3, 104, 1)
	c.judge(about(100), false)
	want("and failed", c.reserve(due(100, 105)))
	for id := 200; id < 206; id++ {
		c.judge(about(id), true)
	}
	want("a partner's share", c.reserve(due(200, 201, 202, 203, 204, 205)), 200, 4, 201, 4, 202, 4, 203, 4)
	var many []partner.Subscription
	for id := 300; id < 6300; id += 25 {
		many = append(many, due(id)...)
	}
	before := c.takenDoubtful
	if got := c.reserve(many); len(got) != doubtfulSeats-before {
		t.Errorf("%d doubtful receivers got seats, want %d", len(got), doubtfulSeats-before)
	}
	c.judge(about(9000), true)
	want("a proven one beside them", c.reserve(due(9000, 9100)), 9000, 4)
	for id, n := range c.byReceiver {
		c.free(partner.Delivery{Subscription: id, Partner: partner.ID(id / 100)}, n)
	}
	if c.taken != 0 || c.takenDoubtful != 0 || len(c.byPartner) != 0 || len(c.byReceiver) != 0 || len(c.doubtfulByPartner) != 0 {
		t.Errorf("%d, %d, %v, %v, %v are still taken", c.taken, c.takenDoubtful, c.byPartner, c.byReceiver, c.doubtfulByPartner)
	}
	c.last = 150
	for range 60 {
		c.seat(9000, 90, 1)
	}
	if got := c.reserve(due(100, 200)); got[200] != 4 || got[100] != 0 || c.last != 200 {
		t.Errorf("the round began with %v and stopped at %d", got, c.last)
	}
}

// TestDialRefusal: nothing is sent to a name that leads inside, whoever asked for it, unless the operator allows it.
func TestDialRefusal(t *testing.T) {
	for name, c := range map[string]struct {
		receivers partner.Receivers
		reached   bool
	}{
		"public only":     {partner.Receivers{}, false},
		"loopback":        {partner.Receivers{Networks: partner.Loopbacks()}, true},
		"another network": {partner.Receivers{Networks: partner.Loopbacks()[1:]}, false},
	} {
		t.Run(name, func(t *testing.T) {
			var reached atomic.Int32
			l, err := net.Listen("tcp", "127.0.0.1:0")
			must(t, err)
			s := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) })}
			go func() { _ = s.Serve(l) }()
			t.Cleanup(func() { s.Close() })
			_, port, _ := net.SplitHostPort(l.Addr().String())
			t.Setenv("HTTP_PROXY", "http://"+l.Addr().String()) // a proxy would dial in our place
			for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]"} {
				got, err := newClient(c.receivers, nil).Post("http://"+host+":"+port, "text/plain", strings.NewReader("x"))
				if err == nil {
					got.Body.Close()
				}
				if (err == nil) != c.reached || !c.reached && !errors.Is(err, errForbidden) && !strings.Contains(host, "localhost") {
					t.Errorf("%s: %v", host, err)
				}
			}
			if n := reached.Load(); (n > 0) != c.reached {
				t.Errorf("reached %d times", n)
			}
		})
	}
	for _, address := range []string{"", "x", "127.0.0.1", "[fe80::1%lo]:443", "[64:ff9b::7f00:1]:443"} {
		if err := admit(partner.Receivers{})("tcp", address, nil); !errors.Is(err, errForbidden) {
			t.Errorf("%q: %v", address, err)
		}
	}
	if err := admit(partner.Receivers{})("tcp", "[2606:4700::1111]:443", nil); err != nil {
		t.Errorf("a public address: %v", err)
	}
}

// TestRetryAfter reads both forms, and what is neither.
func TestRetryAfter(t *testing.T) {
	for text, want := range map[string]time.Time{
		"": {}, "x": {}, "-1": {}, "1.5": {}, "99999999999999999999": {},
		"0": noon, "120": noon.Add(2 * time.Minute),
		"Mon, 03 Feb 2031 04:10:00 GMT": time.Date(2031, 2, 3, 4, 10, 0, 0, time.UTC),
		"Thu, 01 Jan 1970 00:00:00 GMT": time.Unix(0, 0).UTC(),
	} {
		if got := retryAfter(text, noon); !got.Equal(want) {
			t.Errorf("%q is %v, want %v", text, got, want)
		}
	}
}
