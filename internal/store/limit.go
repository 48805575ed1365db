package store

import (
	"errors"
	"fmt"
	"time"

	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// lifetimeKept is how long a count is kept that holds for a lifetime, after its last try: longer than anything pending
// lives, since a partner can keep an account pending for as long as it changes it.
const lifetimeKept = 400 * 24 * time.Hour

func triesFields(t *limit.Tries) []any {
	return []any{&t.Count, moment{&t.FirstAt}, moment{&t.LastAt}, moment{&t.Until}, &t.Total, &t.Version}
}

// A triedRow is the row of a key as a transaction read it.
type triedRow struct {
	key    limit.Key
	digest []byte
	// version is that of the row, 0 where there is none, and dead when it may go.
	version, dead int64
}

// Tries reads the tries of a key; zero when there are none. Counts made under an older digest key go on counting.
func (tx *Tx) Tries(key limit.Key) (limit.Tries, error) {
	var t limit.Tries
	for _, version := range tx.db.keys.DigestVersions() {
		digest, err := tx.db.keys.DigestWith(version, secret.PurposeLimit, string(key.Kind), key.Subject)
		if err != nil {
			return limit.Tries{}, err
		}
		row := triedRow{key: key, digest: digest}
		err = tx.get("SELECT count, first_at, last_at, until_at, total, version, dead_at FROM tries WHERE key_digest = $1", []any{digest},
			append(triesFields(&t), &row.dead)...)
		if row.version = t.Version; err == nil {
			tx.tried = row
		}
		if !errors.Is(err, errNoRow) {
			return t, err
		}
	}
	tx.tried = triedRow{key: key, digest: tx.db.keys.Digest(secret.PurposeLimit, string(key.Kind), key.Subject)}
	return limit.Tries{}, nil
}

// triesDigest is under which digest the row of a key is, or would be.
func (tx *Tx) triesDigest(key limit.Key) ([]byte, error) {
	switch {
	case tx.tried.key == key && tx.tried.digest != nil:
		return tx.tried.digest, nil
	case len(tx.db.keys.DigestVersions()) == 1:
		return tx.db.keys.Digest(secret.PurposeLimit, string(key.Kind), key.Subject), nil
	}
	_, err := tx.Tries(key)
	return tx.tried.digest, err
}

// SaveTries writes the tries of a key where the row's version is still theirs; otherwise the change runs again. When the row may go is
// written where that changed, which is seldom: an index holds it.
func (tx *Tx) SaveTries(key limit.Key, t limit.Tries) error {
	digest, err := tx.triesDigest(key)
	if err != nil {
		return err
	}
	was, dead := tx.tried, deadTries(key.Kind.Rule(), t)
	stays := was.key == key && was.version == t.Version && was.dead == dead
	tx.tried = triedRow{}
	t.Version++
	fields := append([]any{digest}, triesFields(&t)...)
	if t.Version > 1 && stays {
		return tx.expect(`UPDATE tries SET count = $2, first_at = $3, last_at = $4, until_at = $5, total = $6, version = $7
			WHERE key_digest = $1 AND version + 1 = $7`, fields...)
	}
	if t.Version > 1 {
		return tx.expect(`UPDATE tries SET count = $2, first_at = $3, last_at = $4, until_at = $5, total = $6, version = $7, dead_at = $8
			WHERE key_digest = $1 AND version + 1 = $7`, append(fields, dead)...)
	}
	err = tx.put(`INSERT INTO tries (key_digest, count, first_at, last_at, until_at, total, version, dead_at, kind)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, append(fields, dead, string(key.Kind))...)
	if errors.Is(err, errTaken) {
		tx.failed = fmt.Errorf("%w: tries", ErrConflict)
		err = tx.failed
	}
	return err
}

// deadKept bounds how much longer a count is kept than it says anything.
const deadKept = time.Hour

// deadTries is when a count says nothing any more, in Unix milliseconds, or up to a window or an hour later: one moment for what is tried in a row.
func deadTries(rule limit.Rule, t limit.Tries) int64 {
	dead := t.LastAt.Add(rule.Window)
	if rule.Lifetime > 0 && t.Total > 0 {
		dead = t.LastAt.Add(lifetimeKept)
	}
	if t.Until.After(dead) {
		dead = t.Until
	}
	step := deadKept.Milliseconds()
	if rule.Window > 0 {
		step = min(step, rule.Window.Milliseconds())
	}
	return (millis(dead) + step - 1) / step * step
}
