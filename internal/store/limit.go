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

// Tries reads the tries of a key; zero when there are none. Counts made under an older digest key go on counting.
func (tx *Tx) Tries(key limit.Key) (limit.Tries, error) {
	_, t, err := tx.tries(key)
	return t, err
}

func (tx *Tx) tries(key limit.Key) (digest []byte, t limit.Tries, err error) {
	for _, version := range tx.db.keys.DigestVersions() {
		if digest, err = tx.db.keys.DigestWith(version, secret.PurposeLimit, string(key.Kind), key.Subject); err != nil {
			return nil, limit.Tries{}, err
		}
		err = tx.get("SELECT count, first_at, last_at, until_at, total, version FROM tries WHERE key_digest = $1", []any{digest},
			triesFields(&t)...)
		if !errors.Is(err, errNoRow) {
			return digest, t, err
		}
	}
	return tx.db.keys.Digest(secret.PurposeLimit, string(key.Kind), key.Subject), limit.Tries{}, nil
}

// triesDigest is under which digest the row of a key is, or would be.
func (tx *Tx) triesDigest(key limit.Key) ([]byte, error) {
	if len(tx.db.keys.DigestVersions()) == 1 {
		return tx.db.keys.Digest(secret.PurposeLimit, string(key.Kind), key.Subject), nil
	}
	digest, _, err := tx.tries(key)
	return digest, err
}

// SaveTries writes the tries of a key where the row's version is still theirs; otherwise the change runs again.
func (tx *Tx) SaveTries(key limit.Key, t limit.Tries) error {
	digest, err := tx.triesDigest(key)
	if err != nil {
		return err
	}
	dead := deadTries(key.Kind.Rule(), t)
	t.Version++
	if t.Version > 1 {
		return tx.expect(`UPDATE tries SET count = $2, first_at = $3, last_at = $4, until_at = $5, total = $6, version = $7, dead_at = $8
			WHERE key_digest = $1 AND version + 1 = $7`, append(append([]any{digest}, triesFields(&t)...), millis(dead))...)
	}
	err = tx.put(`INSERT INTO tries (key_digest, count, first_at, last_at, until_at, total, version, dead_at, kind)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, append(append([]any{digest}, triesFields(&t)...), millis(dead), string(key.Kind))...)
	if errors.Is(err, errTaken) {
		tx.failed = fmt.Errorf("%w: tries", ErrConflict)
		err = tx.failed
	}
	return err
}

// deadTries is when a count says nothing any more.
func deadTries(rule limit.Rule, t limit.Tries) time.Time {
	dead := t.LastAt.Add(rule.Window)
	if rule.Lifetime > 0 && t.Total > 0 {
		dead = t.LastAt.Add(lifetimeKept)
	}
	if t.Until.After(dead) {
		dead = t.Until
	}
	return dead
}
