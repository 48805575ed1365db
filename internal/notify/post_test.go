package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
)

var errDown = errors.New("database is not available")

// queue keeps mails in memory by the promises of Store.
type queue struct {
	mu     sync.Mutex
	mails  []customer.Mail
	due    map[int64]time.Time
	sent   []int64
	given  []audit.Event
	down   bool
	nexts  []time.Time
	asked  int
	leases []time.Duration
}

func newQueue(now time.Time, n int) *queue {
	q := &queue{due: map[int64]time.Time{}}
	for i := range n {
		m := mails()[customer.MailClaimed]
		m.ID, m.At, m.Account = int64(i+1), now, customer.AccountID(100+i)
		q.mails = append(q.mails, m)
		q.due[m.ID] = now
	}
	return q
}

func (q *queue) NextMails(_ context.Context, now time.Time, lease time.Duration, n int) ([]customer.Mail, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.asked++
	if q.down {
		return nil, errDown
	}
	var out []customer.Mail
	for i := range q.mails {
		if at, queued := q.due[q.mails[i].ID]; queued && !at.After(now) && len(out) < n {
			q.mails[i].Attempts++
			q.due[q.mails[i].ID] = now.Add(lease)
			q.leases = append(q.leases, lease)
			out = append(out, q.mails[i])
		}
	}
	return out, nil
}

func (q *queue) MailSent(_ context.Context, id int64, _ time.Time) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.due, id)
	q.sent = append(q.sent, id)
	return nil
}

func (q *queue) MailFailed(_ context.Context, id int64, next time.Time) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.due[id] = next
	q.nexts = append(q.nexts, next)
	return nil
}

func (q *queue) MailGivenUp(_ context.Context, id int64, e audit.Event) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.due, id)
	q.given = append(q.given, e)
	return nil
}

func (q *queue) Mails(_ context.Context, n int) ([]customer.Mail, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	list := slices.Clone(q.mails)
	slices.Reverse(list)
	return list[:min(n, len(list))], nil
}

func (q *queue) count() (sent, given, asked int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.sent), len(q.given), q.asked
}

// sender answers what the test says, after a while.
type sender struct {
	mu     sync.Mutex
	answer func(Letter) error
	takes  time.Duration
	got    []Letter
	now    int
	most   int
}

func (s *sender) Send(ctx context.Context, l Letter) error {
	s.mu.Lock()
	s.now++
	s.most = max(s.most, s.now)
	s.got = append(s.got, l)
	answer := s.answer
	s.mu.Unlock()
	defer func() { s.mu.Lock(); s.now--; s.mu.Unlock() }()
	if s.takes > 0 {
		select {
		case <-time.After(s.takes):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if answer == nil {
		return nil
	}
	return answer(l)
}

func (s *sender) tries() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.got)
}

// running starts the loop in a bubble of synthetic time; stop ends it and waits.
func running(t *testing.T, q *queue, s *sender, log *slog.Logger) (p *Post, stop func()) {
	t.Helper()
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	ctx, cancel := context.WithCancel(t.Context())
	p = NewPost(q, letters(t), s, time.Now, log)
	done := make(chan struct{})
	go func() { p.Run(ctx); close(done) }()
	return p, func() { cancel(); <-done }
}

func TestPostDeliversEachMailOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, s := newQueue(time.Now(), 50), &sender{takes: time.Second}
		_, stop := running(t, q, s, nil)
		time.Sleep(time.Minute)
		stop()
		if sent, given, _ := q.count(); sent != 50 || given != 0 || s.tries() != 50 {
			t.Errorf("%d sent, %d given up, %d tries", sent, given, s.tries())
		}
		if s.most != parallel {
			t.Errorf("%d at once, want %d", s.most, parallel)
		}
	})
}

func TestPostWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, s := newQueue(time.Now(), 0), &sender{}
		p, stop := running(t, q, s, nil)
		defer stop()
		synctest.Wait()
		q.mu.Lock()
		m := mails()[customer.MailCode]
		m.At = time.Now()
		q.mails, q.due[m.ID] = append(q.mails, m), time.Now()
		q.mu.Unlock()
		began := time.Now()
		p.Wake()
		p.Wake()
		synctest.Wait()
		if sent, _, _ := q.count(); sent != 1 || time.Since(began) != 0 {
			t.Errorf("%d sent after %s, want at once", sent, time.Since(began))
		}
	})
}

func TestPostRetriesWithGrowingWaitsThenGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		q, s := newQueue(began, 1), &sender{answer: func(Letter) error { return errors.New("mail server is down") }}
		_, stop := running(t, q, s, nil)
		time.Sleep(48 * time.Hour)
		stop()
		if s.tries() != len(waits)+1 {
			t.Errorf("%d tries, want %d", s.tries(), len(waits)+1)
		}
		for i := 1; i < len(q.nexts); i++ {
			if gap := q.nexts[i].Sub(q.nexts[i-1]); gap < waits[i] {
				t.Errorf("wait %d is %s, want at least %s", i, gap, waits[i])
			}
		}
		if len(q.given) != 1 {
			t.Fatalf("%d events, want 1", len(q.given))
		}
		e := q.given[0]
		if e.Check() != nil || e.Action != audit.MailFailed || e.Outcome != audit.Denied || e.Reason != "given_up" || e.Account != 100 || e.Detail["kind"] != "M1" {
			t.Errorf("event %+v: %v", e, e.Check())
		}
	})
}

func TestPostGivesUpAtOnceWhenRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, s := newQueue(time.Now(), 1), &sender{answer: func(Letter) error { return fmt.Errorf("%w: reply 550", ErrRefused) }}
		_, stop := running(t, q, s, nil)
		time.Sleep(time.Hour)
		stop()
		if s.tries() != 1 || len(q.given) != 1 || q.given[0].Reason != "refused" {
			t.Errorf("%d tries, events %+v", s.tries(), q.given)
		}
	})
}

// A code is dead after 15 minutes; bringing it later only confuses.
func TestPostDropsDeadCodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, s := newQueue(time.Now(), 1), &sender{answer: func(Letter) error { return errors.New("mail server is down") }}
		q.mails[0].Kind, q.mails[0].Code = customer.MailCode, "123456"
		_, stop := running(t, q, s, nil)
		time.Sleep(CodeMinutes * time.Minute)
		early := s.tries()
		time.Sleep(24 * time.Hour)
		stop()
		if s.tries() != early || len(q.given) != 1 || early < 4 {
			t.Errorf("%d tries in time, %d after, %d events", early, s.tries()-early, len(q.given))
		}
	})
}

func TestPostWaitsForTheDatabase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, s := newQueue(time.Now(), 1), &sender{}
		q.down = true
		_, stop := running(t, q, s, nil)
		defer stop()
		time.Sleep(10 * time.Minute)
		if _, _, asked := q.count(); asked > 20 || asked < 5 {
			t.Errorf("asked %d times in ten minutes", asked)
		}
		q.mu.Lock()
		q.down = false
		q.mu.Unlock()
		time.Sleep(time.Minute)
		if sent, _, _ := q.count(); sent != 1 {
			t.Errorf("%d sent once the database is back, want 1", sent)
		}
	})
}

// Stopping finishes what was begun and leaves the rest queued.
func TestPostDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, s := newQueue(time.Now(), 20), &sender{takes: 10 * time.Second}
		_, stop := running(t, q, s, nil)
		time.Sleep(time.Second)
		stop()
		if sent, _, _ := q.count(); sent != batch || s.tries() != batch || len(q.due) != 20-batch {
			t.Errorf("%d sent, %d tries, %d queued; want %d, %d, %d", sent, s.tries(), len(q.due), batch, batch, 20-batch)
		}
	})
}

func TestPostLogsNoAddressAndNoCode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		q, s := newQueue(time.Now(), 1), &sender{answer: func(Letter) error { return errors.New("mail server is down") }}
		q.mails[0].Kind, q.mails[0].Code = customer.MailCode, "048213"
		_, stop := running(t, q, s, slog.New(slog.NewJSONHandler(&out, nil)))
		time.Sleep(time.Hour)
		stop()
		if out.Len() == 0 || bytes.Contains(out.Bytes(), []byte("mira")) || bytes.Contains(out.Bytes(), []byte("048213")) {
			t.Errorf("log:\n%s", out.String())
		}
	})
}

func TestPostLeaseOutlivesADelivery(t *testing.T) {
	if leaseLife <= sendLimit*batch/parallel {
		t.Errorf("a lease of %s ends before a batch of %d, %d at once, %s each", leaseLife, batch, parallel, sendLimit)
	}
}

func TestInboxListsNewestFirst(t *testing.T) {
	q := newQueue(time.Now(), 3)
	list, err := Inbox{Store: q, Letters: letters(t)}.List(t.Context(), 2)
	if err != nil || len(list) != 2 || list[0].ID != 3 || list[1].ID != 2 || list[0].HTML == "" {
		t.Errorf("%+v: %v", list, err)
	}
}
