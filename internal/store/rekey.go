package store

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/secret"
)

const (
	// rekeyRows is how many rows one transaction rewrites: a few milliseconds of the writer's time.
	rekeyRows = 50
	// rekeyRounds bounds one call of Rekey; the next goes on where it ended.
	rekeyRounds = 20
	// rekeyAgain is how long Rekey waits after it came to the end and something was left, such as a row that does not open.
	rekeyAgain = 10 * time.Minute
)

// rekeying is how far a process has come. It is kept in memory alone: after a crash the next process begins again, and finds
// what is rewritten already.
type rekeying struct {
	version   int
	account   int64
	mail      int64
	restUntil time.Time
}

// Rekey puts what is sealed or digested under older master keys under the one in use, some rows at a time in transactions of their
// own, each with its event: the keys of accounts are wrapped anew, e-mail addresses digested anew, waiting mails sealed anew. When
// nothing is left, it notes that the older keys may be dropped, and carries what of them still checks something. It returns how
// many rows it rewrote; 0 when there is nothing to do now. One goroutine at a time calls it; several processes may, and at worst do the
// same work.
func (db *DB) Rekey(ctx context.Context) (rewritten int, err error) {
	plan, now := db.plan.Load(), db.now()
	if plan == nil || !plan.mixed || now.Before(plan.since.Add(keySettles)) || now.Before(db.rekey.restUntil) {
		return 0, nil
	}
	if current := db.keys.DigestVersion(); db.rekey.version != current {
		db.rekey = rekeying{version: current}
	}
	for range rekeyRounds {
		ids, err := db.olderRows(ctx, `SELECT id FROM account WHERE id > $1 AND wrapped_key IS NOT NULL AND (email_version <> $2 OR substr(wrapped_key, 2, 2) <> $3)
			ORDER BY id LIMIT $4`, db.rekey.account, db.rekey.version, versionBytes(db.rekey.version), rekeyRows)
		rewrite := db.rewrapAccounts
		if err == nil && len(ids) == 0 {
			rewrite = db.resealMails
			ids, err = db.olderRows(ctx, "SELECT id FROM mail WHERE id > $1 AND body IS NOT NULL AND substr(body, 2, 2) <> $2 ORDER BY id LIMIT $3",
				db.rekey.mail, versionBytes(db.rekey.version), rekeyRows)
		}
		if err != nil {
			return rewritten, err
		}
		if len(ids) == 0 {
			return rewritten, db.rekeyed(ctx)
		}
		n, err := rewrite(ctx, ids)
		rewritten += n
		if err != nil {
			return rewritten, err
		}
	}
	return rewritten, nil
}

func (db *DB) olderRows(ctx context.Context, query string, args ...any) (ids []int64, err error) {
	err = db.read(ctx, func(tx *Tx) error {
		ids = nil
		return tx.each(query, args, func(scan func(...any) error) error {
			var id int64
			err := scan(&id)
			ids = append(ids, id)
			return err
		})
	})
	return ids, err
}

// rewrapAccounts saves accounts as they are, which is under the key in use.
func (db *DB) rewrapAccounts(ctx context.Context, ids []int64) (int, error) {
	n, err := db.rewrite(ctx, "accounts", ids, func(tx *Tx, id int64) error {
		a, err := tx.Account(customer.AccountID(id))
		if err != nil {
			return err
		}
		if k, err := tx.box(a.ID); err != nil || k.box == nil { // erased meanwhile
			return err
		}
		return tx.SaveAccount(&a)
	})
	if err == nil {
		db.rekey.account = ids[len(ids)-1]
	}
	return n, err
}

func (db *DB) resealMails(ctx context.Context, ids []int64) (int, error) {
	n, err := db.rewrite(ctx, "mails", ids, func(tx *Tx, id int64) error {
		var sealed []byte
		err := tx.get("SELECT body FROM mail WHERE id = $1 AND body IS NOT NULL", []any{id}, &sealed)
		if errors.Is(err, errNoRow) { // sent meanwhile
			return nil
		}
		if err != nil {
			return err
		}
		body, err := db.keys.Open(mailPlace(id), sealed)
		if err != nil {
			return tx.unreadable("mail "+strconv.FormatInt(id, 10), err)
		}
		_, err = tx.exec("UPDATE mail SET body = $2 WHERE id = $1 AND body IS NOT NULL", id, db.keys.Seal(mailPlace(id), body))
		return err
	})
	if err == nil {
		db.rekey.mail = ids[len(ids)-1]
	}
	return n, err
}

// rewrite rewrites rows in one transaction; where that fails, each in its own, so that one that does not open holds no other back.
func (db *DB) rewrite(ctx context.Context, what string, ids []int64, one func(*Tx, int64) error) (n int, err error) {
	if err = db.rewriteAll(ctx, what, ids, one); err == nil {
		return len(ids), nil
	}
	if err := db.Ping(ctx); err != nil {
		return 0, err
	}
	for _, id := range ids {
		if err := db.rewriteAll(ctx, what, []int64{id}, one); err != nil {
			db.log.Warn("a row stays under an older master key", "what", what, "row", id, "error", err)
			continue
		}
		n++
	}
	return n, ctx.Err()
}

func (db *DB) rewriteAll(ctx context.Context, what string, ids []int64, one func(*Tx, int64) error) error {
	return db.change(ctx, func(tx *Tx) (audit.Event, error) {
		for _, id := range ids {
			if err := one(tx, id); err != nil {
				return audit.Event{}, err
			}
		}
		return db.rekeyEvent(map[string]string{what: strconv.Itoa(len(ids)), "version": strconv.Itoa(db.keys.DigestVersion())}), nil
	})
}

func (db *DB) rekeyEvent(detail map[string]string) audit.Event {
	return audit.Event{At: db.now(), Action: audit.KeyRewrapped, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorServer}, Detail: detail}
}

// rekeyed notes which older keys nothing is sealed under any more. Where something is, the work begins again after a while.
func (db *DB) rekeyed(ctx context.Context) error {
	left := false
	err := db.change(ctx, func(tx *Tx) (audit.Event, error) {
		left = false
		known, err := tx.masterKeys()
		if err != nil {
			return audit.Event{}, err
		}
		list := make([]MasterKey, len(known))
		for i, k := range known {
			list[i].Version = k.version
		}
		if err := tx.countSealed(list); err != nil {
			return audit.Event{}, err
		}
		current := db.keys.DigestVersion()
		detail := map[string]string{"version": strconv.Itoa(current)}
		for i, k := range known {
			if k.version >= current {
				continue
			}
			if list[i].Accounts > 0 || list[i].Mails > 0 {
				left = true
				continue
			}
			if secret.SealedVersion(k.carried) == current {
				continue
			}
			if err := tx.carry(k, db.now()); err != nil {
				return audit.Event{}, err
			}
			detail["unused"] = strconv.Itoa(k.version)
		}
		if detail["unused"] == "" {
			return audit.Event{}, nil
		}
		return db.rekeyEvent(detail), nil
	})
	db.rekey.account, db.rekey.mail = 0, 0
	db.rekey.restUntil = time.Time{}
	if left {
		db.rekey.restUntil = db.now().Add(rekeyAgain)
	}
	if err == nil {
		db.forgetPlan()
	}
	return err
}

// carry notes that nothing is sealed under a key, and keeps what still checks something under the key in use.
func (tx *Tx) carry(k masterKey, now time.Time) error {
	carried, err := tx.db.keys.Carry(k.version)
	if err != nil {
		return err
	}
	unused := k.unused
	if unused.IsZero() {
		unused = now
	}
	_, err = tx.exec("UPDATE master_key SET carried = $2, unused_at = $3 WHERE version = $1", k.version, carried, millis(unused))
	return err
}

// forgetPlan has the next transaction look at the master keys again.
func (db *DB) forgetPlan() {
	plan := *db.plan.Load()
	plan.read = time.Time{}
	db.plan.Store(&plan)
}

// guard makes two transactions that give the same address to accounts under two keys meet, where many write at once: the second
// one runs again, and then finds what the first one wrote. Its digest is under a key that all processes know.
func (tx *Tx) guard(email string) error {
	plan := tx.db.plan.Load()
	if tx.db.engine.serial || plan == nil || !plan.mixed {
		return nil
	}
	digest, err := tx.db.keys.DigestWith(plan.lowest, secret.PurposeEmail, customer.FoldEmail(email))
	if err != nil {
		return err
	}
	_, err = tx.exec("INSERT INTO address_guard (digest, at) VALUES ($1, $2) ON CONFLICT (digest) DO UPDATE SET at = excluded.at",
		[]byte(digest), millis(tx.db.now()))
	return err
}
