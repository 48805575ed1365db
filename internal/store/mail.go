package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/secret"
)

func mailPlace(id int64) secret.Place { return secret.Place{Table: "mail", Column: "body", Row: id} }

// QueueMail writes a mail to be delivered, sealed under a server key: it must be readable by whoever delivers it, also
// when the account is erased meanwhile. One to nobody is written too, as one that was sent: it takes as long, so that whether
// an address has an account cannot be told from that.
func (tx *Tx) QueueMail(m customer.Mail) error {
	if m.ID == 0 {
		m.ID = tx.db.ids.Next()
	}
	body, err := json.Marshal(m)
	if err != nil {
		return err
	}
	sealed, done := tx.db.keys.Seal(mailPlace(m.ID), body), time.Time{}
	if m.Nobody {
		sealed, done = nil, m.At
	}
	return tx.put("INSERT INTO mail (id, account_id, body, at, due_at, attempts, done_at) VALUES ($1, $2, $3, $4, $4, 0, $5)",
		m.ID, m.Account, sealed, millis(m.At), millis(done))
}

// Mails is the queue as internal/notify uses it.
type Mails struct{ DB *DB }

// NextMails hands out up to n mails that are due at now, oldest first, and keeps each from every other node until
// now+lease.
func (ms Mails) NextMails(ctx context.Context, now time.Time, lease time.Duration, n int) ([]customer.Mail, error) {
	var due []customer.Mail
	if waiting, err := ms.waiting(ctx, now); err != nil || !waiting {
		return nil, err
	}
	err := ms.DB.write(ctx, func(tx *Tx) (err error) {
		due, err = tx.mails(`UPDATE mail SET due_at = $2, attempts = attempts + 1 WHERE id IN
			(SELECT id FROM mail WHERE body IS NOT NULL AND due_at <= $1 ORDER BY due_at, id LIMIT $3) RETURNING id, body, attempts`,
			millis(now), millis(now.Add(lease)), n)
		tx.wrote = tx.wrote || len(due) > 0
		return err
	})
	slices.SortFunc(due, func(a, b customer.Mail) int { return int(a.ID - b.ID) })
	return due, err
}

// waiting looks without writing: the queue is empty most of the time, and the writer has other things to do. It asks for the first that is due: whether there
// is any, PostgreSQL looks up by reading on until it meets one, where it believes that there are many.
func (ms Mails) waiting(ctx context.Context, now time.Time) (some bool, err error) {
	err = ms.DB.read(ctx, func(tx *Tx) error {
		var due int64
		err := tx.get("SELECT due_at FROM mail WHERE body IS NOT NULL AND due_at <= $1 ORDER BY due_at LIMIT 1", []any{millis(now)}, &due)
		if some = err == nil; errors.Is(err, errNoRow) {
			err = nil
		}
		return err
	})
	return some, err
}

func (tx *Tx) mails(query string, args ...any) ([]customer.Mail, error) {
	var all []customer.Mail
	err := tx.each(query, args, func(scan func(...any) error) error {
		var id int64
		var sealed []byte
		var attempts int
		if err := scan(&id, &sealed, &attempts); err != nil {
			return err
		}
		body, err := tx.db.keys.Open(mailPlace(id), sealed)
		var m customer.Mail
		if err == nil {
			err = json.Unmarshal(body, &m)
		}
		if err != nil {
			return tx.unreadable(fmt.Sprintf("mail %d", id), err)
		}
		m.ID, m.Attempts = id, attempts
		all = append(all, m)
		return nil
	})
	return all, err
}

// MailSent erases the mail's body and takes it from the queue.
func (ms Mails) MailSent(ctx context.Context, id int64, now time.Time) error {
	return ms.DB.write(ctx, func(tx *Tx) error { return tx.eraseMail(id, now) })
}

// MailFailed makes the mail due again at next.
func (ms Mails) MailFailed(ctx context.Context, id int64, next time.Time) error {
	return ms.DB.write(ctx, func(tx *Tx) error {
		_, err := tx.exec("UPDATE mail SET due_at = $2 WHERE id = $1 AND body IS NOT NULL", id, millis(next))
		return err
	})
}

// MailGivenUp erases the mail's body, takes it from the queue and writes the event.
func (ms Mails) MailGivenUp(ctx context.Context, id int64, event audit.Event) error {
	return ms.DB.change(ctx, func(tx *Tx) (audit.Event, error) {
		if err := tx.eraseMail(id, event.At); err != nil {
			return audit.Event{}, err
		}
		return event, nil
	})
}

func (tx *Tx) eraseMail(id int64, now time.Time) error {
	_, err := tx.exec("UPDATE mail SET body = NULL, done_at = $2 WHERE id = $1 AND body IS NOT NULL", id, millis(now))
	return err
}

// Mails returns the newest n mails that still have their bodies, newest first.
func (ms Mails) Mails(ctx context.Context, n int) ([]customer.Mail, error) {
	var all []customer.Mail
	err := ms.DB.read(ctx, func(tx *Tx) (err error) {
		all, err = tx.mails("SELECT id, body, attempts FROM mail WHERE body IS NOT NULL ORDER BY id DESC LIMIT $1", n)
		return err
	})
	return all, err
}
