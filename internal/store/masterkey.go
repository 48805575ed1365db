package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/latchkey-id/latchkey/internal/secret"
)

// ErrWrongKey: the master keys in hand are not those that the data is sealed under. Serving with them would answer 503 for
// everything that was sealed before, and seal what is new under a key that nobody keeps.
var ErrWrongKey = errors.New("master key is not the one that this data is sealed under")

// sealedUnder is a master key as the database remembers it.
type sealedUnder struct {
	version int
	digest  []byte
}

// checkKeys compares the loaded master keys with those that the data is sealed under, and remembers a new one. Every
// version that was ever in use must be loaded: rows under it exist until they are rewritten.
func (db *DB) checkKeys(ctx context.Context, beside bool) error {
	err := db.write(ctx, func(tx *Tx) error {
		known, err := tx.masterKeys()
		if err != nil {
			return err
		}
		loaded := db.keys.DigestVersions()
		for _, k := range known {
			if !slices.Contains(loaded, k.version) {
				return fmt.Errorf("%w: version %d is missing; add its line to the key file", ErrWrongKey, k.version)
			}
			digest, err := db.keys.DigestWith(k.version, secret.PurposeMaster, "master key")
			if err != nil {
				return err
			}
			if !secret.Equal(digest, k.digest) {
				return fmt.Errorf("%w: version %d differs; use the key file that this data was made with", ErrWrongKey, k.version)
			}
		}
		if beside {
			return nil
		}
		return db.rememberKeys(tx, known, loaded)
	})
	if err != nil {
		return fmt.Errorf("check master keys: %w", err)
	}
	return nil
}

// rememberKeys notes the keys that are new. It is part of opening, as migrations are, and no change that anybody asked for.
func (db *DB) rememberKeys(tx *Tx, known []sealedUnder, loaded []int) error {
	for _, version := range loaded {
		if slices.ContainsFunc(known, func(k sealedUnder) bool { return k.version == version }) {
			continue
		}
		digest, err := db.keys.DigestWith(version, secret.PurposeMaster, "master key")
		if err != nil {
			return err
		}
		if _, err := tx.exec("INSERT INTO master_key (version, digest, at) VALUES ($1, $2, $3) ON CONFLICT (version) DO NOTHING",
			version, []byte(digest), millis(db.now())); err != nil {
			return err
		}
	}
	return nil
}

func (tx *Tx) masterKeys() ([]sealedUnder, error) {
	var known []sealedUnder
	err := tx.each("SELECT version, digest FROM master_key", nil, func(scan func(...any) error) error {
		var k sealedUnder
		err := scan(&k.version, &k.digest)
		known = append(known, k)
		return err
	})
	return known, err
}
