package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
)

// Store is what delivery needs of the database. Every method may answer that the database is not available; then the
// loop waits, and nothing is lost, because a mail leaves the queue only by MailSent or MailGivenUp.
type Store interface {
	// NextMails hands out up to n mails that are due at now, oldest first, and keeps each from every other node until
	// now+lease, in one conditional update: two nodes never get the same mail at once. It raises Attempts and returns it
	// raised. A node that dies while it delivers leaves the mail to whoever asks after the lease.
	NextMails(ctx context.Context, now time.Time, lease time.Duration, n int) ([]customer.Mail, error)
	// MailSent erases the mail's body and takes it from the queue.
	MailSent(ctx context.Context, id int64, now time.Time) error
	// MailFailed makes the mail due again at next.
	MailFailed(ctx context.Context, id int64, next time.Time) error
	// MailGivenUp erases the mail's body, takes it from the queue and writes the event, in one transaction.
	MailGivenUp(ctx context.Context, id int64, event audit.Event) error
	// Mails returns the newest n mails with their bodies, newest first. In the sandbox nothing is delivered, so that
	// they are all there; elsewhere delivered ones have no body and are left out.
	Mails(ctx context.Context, n int) ([]customer.Mail, error)
}

// Sender takes a letter to where it is read; SMTP is the one that exists. An error that wraps ErrRefused is final.
type Sender interface {
	Send(ctx context.Context, l Letter) error
}

// The settings of delivery. The waits between tries grow, so that a mail server that is down for an hour is asked a
// dozen times and not a thousand.
const (
	batch    = 16
	parallel = 4
	// leaseLife exceeds what one delivery may take, so that no mail is sent twice by a slow server.
	leaseLife = 5 * time.Minute
	// sendLimit bounds one delivery, the connection included.
	sendLimit = time.Minute
	// pollEvery is how often the queue is looked at when nobody calls Wake: for retries and other nodes' mails.
	pollEvery = 5 * time.Second
)

var waits = []time.Duration{5 * time.Second, 15 * time.Second, time.Minute, 3 * time.Minute, 10 * time.Minute, 30 * time.Minute,
	time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour}

// Post delivers queued mails. Make it with NewPost, run Run in a goroutine, and call Wake after a change that may have
// queued a mail.
type Post struct {
	store   Store
	letters *Letters
	sender  Sender
	now     func() time.Time
	log     *slog.Logger
	wake    chan struct{}
}

// NewPost returns a post that takes mails from store and hands them to sender.
func NewPost(store Store, letters *Letters, sender Sender, now func() time.Time, log *slog.Logger) *Post {
	return &Post{store: store, letters: letters, sender: sender, now: now, log: log, wake: make(chan struct{}, 1)}
}

// Wake makes the loop look at the queue now instead of at its next turn. It never blocks.
func (p *Post) Wake() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Run delivers until ctx ends. What is being delivered then is finished, bounded by a minute; what was not begun stays
// queued. Run returns when nothing is under way any more.
func (p *Post) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	trouble := time.Duration(0)
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-p.wake:
		}
		if ctx.Err() != nil {
			return
		}
		next := pollEvery
		switch n, err := p.deliver(ctx); {
		case err != nil && ctx.Err() == nil:
			trouble = min(max(2*trouble, time.Second), time.Minute)
			p.log.Warn("mails wait: queue cannot be read", "error", err, "again_in", trouble)
			next = trouble
		case n == batch:
			trouble, next = 0, 0
		default:
			trouble = 0
		}
		timer.Reset(next)
	}
}

// deliver takes one batch and sends it, a few at a time. It returns how many it took.
func (p *Post) deliver(ctx context.Context) (int, error) {
	mails, err := p.store.NextMails(ctx, p.now(), leaseLife, batch)
	if err != nil {
		return 0, err
	}
	// A mail once taken is finished even when the server is told to stop: half a delivery would be sent again.
	finish := context.WithoutCancel(ctx)
	var all sync.WaitGroup
	slots := make(chan struct{}, parallel)
	for _, m := range mails {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			if err := p.deliverOne(finish, m); err != nil {
				p.log.Warn("mail stays queued: its outcome cannot be written", "mail", m.ID, "error", err)
			}
		})
	}
	all.Wait()
	return len(mails), nil
}

func (p *Post) deliverOne(ctx context.Context, m customer.Mail) error {
	ctx, cancel := context.WithTimeout(ctx, sendLimit)
	defer cancel()
	letter, err := p.letters.Render(m)
	if err == nil {
		err = p.sender.Send(ctx, letter)
	} else {
		err = fmt.Errorf("%w: %w", ErrRefused, err)
	}
	if err == nil {
		p.log.Info("mail sent", "mail", m.ID, "kind", m.Kind, "attempt", m.Attempts)
		return p.store.MailSent(context.WithoutCancel(ctx), m.ID, p.now())
	}
	return p.failed(context.WithoutCancel(ctx), m, err)
}

// failed decides whether another try makes sense: not when the server refused for good, not after the last wait, and
// not when the code in the mail would be dead on arrival.
func (p *Post) failed(ctx context.Context, m customer.Mail, cause error) error {
	now := p.now()
	final := errors.Is(cause, ErrRefused) || m.Attempts > len(waits)
	next := now
	if !final {
		next = now.Add(waits[max(m.Attempts-1, 0)])
		final = m.Kind == customer.MailCode && !next.Before(m.At.Add(CodeMinutes*time.Minute))
	}
	if !final {
		p.log.Warn("mail not sent, tried again later", "mail", m.ID, "kind", m.Kind, "attempt", m.Attempts, "error", cause, "at", next)
		return p.store.MailFailed(ctx, m.ID, next)
	}
	p.log.Error("mail given up", "mail", m.ID, "kind", m.Kind, "attempt", m.Attempts, "error", cause)
	return p.store.MailGivenUp(ctx, m.ID, audit.Event{
		At: now, Action: audit.MailFailed, Outcome: audit.Denied, Reason: reason(cause), Actor: audit.Actor{Kind: audit.ActorServer},
		Account: int64(m.Account), Detail: map[string]string{"kind": string(m.Kind), "attempts": strconv.Itoa(m.Attempts)},
	})
}

// reason is the short name under which the audit keeps why a mail was given up.
func reason(cause error) string {
	if errors.Is(cause, ErrRefused) {
		return "refused"
	}
	return "given_up"
}

// Inbox is the sandbox's mailbox: nothing is sent, everything is shown.
type Inbox struct {
	Store   Store
	Letters *Letters
}

// List returns the newest n letters, newest first. A mail that cannot be rendered is an error: in the sandbox it
// must be seen.
func (in Inbox) List(ctx context.Context, n int) ([]Letter, error) {
	mails, err := in.Store.Mails(ctx, n)
	if err != nil {
		return nil, fmt.Errorf("reading inbox: %w", err)
	}
	list := make([]Letter, 0, len(mails))
	for _, m := range mails {
		l, err := in.Letters.Render(m)
		if err != nil {
			return nil, fmt.Errorf("reading inbox: mail %d: %w", m.ID, err)
		}
		list = append(list, l)
	}
	return list, nil
}
