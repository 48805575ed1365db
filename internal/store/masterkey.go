package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// Errors of master keys.
var (
	// ErrWrongKey: the master keys in hand are not those that the data is sealed under. Serving with them would answer 503 for
	// everything that was sealed before, and seal what is new under a key that nobody keeps.
	ErrWrongKey = errors.New("master key is not the one that this data is sealed under")
	// ErrOldVersion: a new master key must have a version above all that the data knows.
	ErrOldVersion = errors.New("version is not above those of the master keys in use")
	// ErrKeyUsed: something is still sealed under the master key.
	ErrKeyUsed = errors.New("master key is still used")
)

const (
	// KeyNotice is the shortest time between making a master key known and using it: processes look for new ones more often, so that
	// each has noticed, and refuses to work without the key, before the first row is written under it.
	KeyNotice = 2 * time.Minute
	// keysReread is how old a process's knowledge of the master keys may be when it begins a transaction.
	keysReread = 30 * time.Second
	// keySettles is how long after a key came into use its predecessor may still be written under: the longest transaction and the widest
	// difference of clocks, many times.
	keySettles = time.Minute
)

// masterKey is a master key as the database remembers it: never the key itself.
type masterKey struct {
	version int
	digest  []byte
	from    time.Time
	carried []byte
	unused  time.Time
}

// keyPlan is what a process knows of the master keys.
type keyPlan struct {
	// read is when it learned it, next when the next one comes into use; zero for none.
	read, next time.Time
	// since is when the one in use came into use, mixed says that rows may be under others too, and lowest is the version that all
	// processes know.
	since  time.Time
	mixed  bool
	lowest int
}

// checkKeys compares the loaded master keys with those that the data is sealed under, and has the right one used. New data
// remembers those it is given. Every version that something is sealed under must be loaded.
func (db *DB) checkKeys(ctx context.Context, beside bool) error {
	var plan keyPlan
	err := db.write(ctx, func(tx *Tx) error {
		known, err := tx.masterKeys()
		if err == nil && len(known) == 0 && !beside {
			if err = tx.rememberKeys(); err == nil {
				known, err = tx.masterKeys()
			}
		}
		if err == nil {
			plan, err = db.settle(known, db.now())
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("check master keys: %w", err)
	}
	db.plan.Store(&plan)
	return nil
}

// rememberKeys notes the keys of new data. It is part of opening, as migrations are, and no change that anybody asked for.
func (tx *Tx) rememberKeys() error {
	for _, version := range tx.db.keys.Versions() {
		if err := tx.insertKey(version, tx.db.now()); err != nil {
			return err
		}
	}
	return nil
}

func (tx *Tx) insertKey(version int, from time.Time) error {
	digest, err := tx.db.keys.DigestWith(version, secret.PurposeMaster, "master key")
	if err != nil {
		return err
	}
	_, err = tx.exec("INSERT INTO master_key (version, digest, at) VALUES ($1, $2, $3) ON CONFLICT (version) DO NOTHING",
		version, []byte(digest), millis(from))
	return err
}

func (tx *Tx) masterKeys() ([]masterKey, error) {
	var known []masterKey
	err := tx.each("SELECT version, digest, at, carried, unused_at FROM master_key", nil, func(scan func(...any) error) error {
		var k masterKey
		err := scan(&k.version, &k.digest, moment{&k.from}, &k.carried, moment{&k.unused})
		known = append(known, k)
		return err
	})
	slices.SortFunc(known, func(a, b masterKey) int { return cmp.Compare(a.version, b.version) })
	return known, err
}

// settle makes the loaded keys fit what the database remembers: the newest whose moment has come is used, and of those that were
// dropped what is carried is taken. The error is ErrWrongKey.
func (db *DB) settle(known []masterKey, now time.Time) (keyPlan, error) {
	plan := keyPlan{read: now}
	loaded, use, inUse := db.keys.Versions(), 0, 0
	for _, k := range known {
		due := !k.from.After(now)
		if plan.lowest == 0 {
			plan.lowest = k.version
		}
		if k.unused.IsZero() {
			inUse++
		}
		if !due && (plan.next.IsZero() || k.from.Before(plan.next)) {
			plan.next = k.from
		}
		if !slices.Contains(loaded, k.version) {
			if due && k.unused.IsZero() {
				return keyPlan{}, fmt.Errorf("%w: version %d is missing; add its line to the key file", ErrWrongKey, k.version)
			}
			if !due {
				db.log.Warn("a master key comes into use that this process does not have: add its line to the key file", "version", k.version, "from", k.from)
			}
			continue
		}
		digest, err := db.keys.DigestWith(k.version, secret.PurposeMaster, "master key")
		if err != nil {
			return keyPlan{}, err
		}
		if !secret.Equal(digest, k.digest) {
			return keyPlan{}, fmt.Errorf("%w: version %d differs; use the key file that this data was made with", ErrWrongKey, k.version)
		}
		if due {
			use, plan.since = k.version, k.from
		}
	}
	plan.mixed = inUse > 1
	if use == 0 { // opened beside a server that has not begun
		return plan, nil
	}
	if err := db.keys.Use(use); err != nil {
		return keyPlan{}, err
	}
	return plan, db.takeCarried(known, loaded)
}

// takeCarried loads what is carried of the keys that were dropped.
func (db *DB) takeCarried(known []masterKey, loaded []int) error {
	for _, k := range known {
		if len(k.carried) == 0 || slices.Contains(loaded, k.version) {
			continue
		}
		if err := db.keys.Take(k.version, k.carried); err != nil {
			return fmt.Errorf("%w: what is carried of version %d does not open: %w", ErrWrongKey, k.version, err)
		}
	}
	return nil
}

// checked has a transaction begin with a look at the master keys, when the last one was some time ago or another key comes into use.
// A process without a key that others use must do nothing at all: it would not find an account whose address is digested under
// it, and answer "wrong password" to the right one (I11), or start counts of tries afresh (I12).
func (db *DB) checked(fn func(*Tx) error) func(*Tx) error {
	plan := db.plan.Load()
	if plan == nil { // opening, or a copy read without keys
		return fn
	}
	now := db.now()
	if age := now.Sub(plan.read); age >= 0 && age < keysReread && (plan.next.IsZero() || now.Before(plan.next)) {
		return fn
	}
	return func(tx *Tx) error {
		known, err := tx.masterKeys()
		if err != nil {
			return err
		}
		fresh, err := db.settle(known, now)
		if err != nil {
			tx.failed = unavailable("look at the master keys", err)
			return tx.failed
		}
		db.plan.Store(&fresh)
		return fn(tx)
	}
}

// AddMasterKey makes a loaded master key known to all processes; from the given moment on, KeyNotice from now at the earliest, it seals
// what is new. Errors: ErrOldVersion, secret.ErrKeyVersion.
func (db *DB) AddMasterKey(ctx context.Context, version int, from time.Time) error {
	now := db.now()
	if earliest := now.Add(KeyNotice); from.Before(earliest) {
		from = earliest
	}
	return db.change(ctx, func(tx *Tx) (audit.Event, error) {
		known, err := tx.masterKeys()
		if err != nil {
			return audit.Event{}, err
		}
		if len(known) > 0 && version <= known[len(known)-1].version {
			return audit.Event{}, ErrOldVersion
		}
		return audit.Event{At: now, Action: audit.KeyRotated, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorOperator},
			Detail: map[string]string{"key": "master", "version": strconv.Itoa(version), "from": from.Format(time.RFC3339)}}, tx.insertKey(version, from)
	})
}

// DropMasterKey has a master key given up by what take does, such as changing the file that holds it, when nothing is sealed under it:
// the event is written first, so that no key goes without a trace. The error is ErrKeyUsed.
func (db *DB) DropMasterKey(ctx context.Context, version int, take func() error) error {
	err := db.change(ctx, func(tx *Tx) (audit.Event, error) {
		known, err := tx.masterKeys()
		if err != nil {
			return audit.Event{}, err
		}
		if !slices.ContainsFunc(known, func(k masterKey) bool { return k.version == version && !k.unused.IsZero() && len(k.carried) > 0 }) {
			return audit.Event{}, ErrKeyUsed
		}
		return audit.Event{At: db.now(), Action: audit.KeyDropped, Outcome: audit.Allowed, Actor: audit.Actor{Kind: audit.ActorOperator},
			Detail: map[string]string{"key": "master", "version": strconv.Itoa(version)}}, nil
	})
	if err != nil {
		return err
	}
	return take()
}

// MasterKey is what may be known of a master key.
type MasterKey struct {
	Version int
	// From is when it begins to seal; zero for one that is loaded and not made known.
	From time.Time
	// Seals tells whether it is the one in use, Loaded whether this process has it.
	Seals, Loaded bool
	// Accounts and Mails count what is sealed under it; Unused is when nothing was left.
	Accounts, Mails int64
	Unused          time.Time
}

// MasterKeys lists the master keys that the data knows or this process has, oldest first, with what is sealed under each.
func (db *DB) MasterKeys(ctx context.Context) (list []MasterKey, err error) {
	err = db.read(ctx, func(tx *Tx) error {
		known, err := tx.masterKeys()
		if err != nil {
			return err
		}
		list = nil
		loaded := db.keys.Versions()
		for _, k := range known {
			list = append(list, MasterKey{Version: k.version, From: k.from, Unused: k.unused, Loaded: slices.Contains(loaded, k.version),
				Seals: k.version == db.keys.DigestVersion()})
		}
		for _, version := range loaded {
			if !slices.ContainsFunc(list, func(k MasterKey) bool { return k.Version == version }) {
				list = append(list, MasterKey{Version: version, Loaded: true})
			}
		}
		slices.SortFunc(list, func(a, b MasterKey) int { return cmp.Compare(a.Version, b.Version) })
		return tx.countSealed(list)
	})
	return list, err
}

// countSealed counts what is sealed under each key. Bytes 2 and 3 of what a server key sealed are its version.
func (tx *Tx) countSealed(list []MasterKey) error {
	count := func(version int) *MasterKey {
		for i := range list {
			if list[i].Version == version {
				return &list[i]
			}
		}
		return &MasterKey{}
	}
	err := tx.each(`SELECT email_version, substr(wrapped_key, 2, 2), COUNT(*) FROM account WHERE wrapped_key IS NOT NULL
		GROUP BY email_version, substr(wrapped_key, 2, 2)`, nil, func(scan func(...any) error) error {
		var digested int
		var sealed []byte
		var n int64
		if err := scan(&digested, &sealed, &n); err != nil {
			return err
		}
		count(versionOf(sealed)).Accounts += n
		if digested != versionOf(sealed) {
			count(digested).Accounts += n
		}
		return nil
	})
	if err != nil {
		return err
	}
	return tx.each("SELECT substr(body, 2, 2), COUNT(*) FROM mail WHERE body IS NOT NULL GROUP BY substr(body, 2, 2)", nil,
		func(scan func(...any) error) error {
			var sealed []byte
			var n int64
			err := scan(&sealed, &n)
			count(versionOf(sealed)).Mails += n
			return err
		})
}

func versionOf(b []byte) int {
	if len(b) != 2 {
		return 0
	}
	return int(b[0])<<8 | int(b[1])
}

func versionBytes(version int) []byte { return []byte{byte(version >> 8), byte(version)} }
