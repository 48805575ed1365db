package store

import (
	"errors"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/limit"
)

// deadOf is when the row of the only count may go, and its version.
func deadOf(t *testing.T, db *DB) (dead, version int64) {
	t.Helper()
	must(t, db.read(t.Context(), func(tx *Tx) error { return tx.get("SELECT dead_at, version FROM tries", nil, &dead, &version) }))
	return dead, version
}

// TestTriesGoWhenTheySayNothing: a count is never swept while it says something, and at most a window or an hour later; what is tried in a
// row has one moment, so that the index of these moments is left alone.
func TestTriesGoWhenTheySayNothing(t *testing.T) {
	start := time.UnixMilli(1_800_000_000_000).UTC()
	for _, kind := range []limit.Kind{limit.KindMint, limit.KindPassword, limit.KindAccount, limit.KindReset, limit.KindAddress, limit.KindMailedCode, limit.KindExists} {
		rule, moments := kind.Rule(), map[int64]bool{}
		var tries limit.Tries
		for i := range 200 {
			now := start.Add(time.Duration(i) * 90 * time.Millisecond)
			if _, ok := rule.Allowed(tries, now); ok {
				tries = rule.Failed(tries, now)
			}
			dead := deadTries(rule, tries)
			moments[dead] = true
			exact := tries.LastAt.Add(rule.Window)
			if rule.Lifetime > 0 {
				exact = tries.LastAt.Add(lifetimeKept)
			}
			if tries.Until.After(exact) {
				exact = tries.Until
			}
			longest := time.Hour
			if rule.Window > 0 {
				longest = min(longest, rule.Window)
			}
			if late := time.UnixMilli(dead).Sub(exact); late < 0 || late >= longest {
				t.Fatalf("%s: kept %v longer than it says something, want less than %v", kind, late, longest)
			}
		}
		if len(moments) > 8 {
			t.Errorf("%s: %d moments in 18 seconds", kind, len(moments))
		}
	}
}

// TestTriesAreSavedWhole: the short way of saving keeps what the long one keeps: each count, the exclusion of others, and the moment where it
// changes.
func TestTriesAreSavedWhole(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		key, other, now := limit.NewKey(limit.KindMint, "a"), limit.NewKey(limit.KindMint, "b"), time.UnixMilli(1_800_000_000_000).UTC()
		spend := func(at time.Time, times int) (after limit.Tries) {
			t.Helper()
			must(t, db.write(t.Context(), func(tx *Tx) (err error) {
				for range times {
					err = errors.Join(err, limit.Spend(tx, key, at))
				}
				return err
			}))
			must(t, db.read(t.Context(), func(tx *Tx) (err error) {
				after, err = tx.Tries(key)
				return err
			}))
			return after
		}
		spend(now.Add(time.Second), 1)
		first, _ := deadOf(t, db)
		if got := spend(now.Add(2*time.Second), 2); got.Count != 3 || got.Version != 3 || !got.LastAt.Equal(now.Add(2*time.Second)) {
			t.Errorf("after three: %+v", got)
		}
		if dead, version := deadOf(t, db); dead != first || version != 3 {
			t.Errorf("version %d may go at %d, want %d as the first", version, dead, first)
		}
		late := now.Add(90 * time.Second)
		if got := spend(late, 1); got.Version != 4 || !got.LastAt.Equal(late) {
			t.Errorf("after another window: %+v", got)
		}
		if dead, _ := deadOf(t, db); dead < millis(late.Add(time.Minute)) {
			t.Errorf("may go at %d, while it says something", dead)
		}

		// One that was read by somebody else, and one that was read before another key was.
		stale := limit.Tries{Count: 1, Total: 1, LastAt: late, Version: 3}
		err := db.write(t.Context(), func(tx *Tx) error {
			if _, err := tx.Tries(key); err != nil {
				return err
			}
			return tx.SaveTries(key, stale)
		})
		if !errors.Is(err, ErrConflict) {
			t.Errorf("an old version was saved: %v", err)
		}
		// Another key's row was read last, which is at this version and may go at this moment.
		later := late.Add(time.Hour)
		must(t, db.write(t.Context(), func(tx *Tx) error {
			return errors.Join(tx.SaveTries(other, limit.Tries{LastAt: later}), tx.put("UPDATE tries SET version = 4"))
		}))
		must(t, db.write(t.Context(), func(tx *Tx) error {
			tries, err := tx.Tries(key)
			_, err2 := tx.Tries(other)
			tries.LastAt = later
			return errors.Join(err, err2, tx.SaveTries(key, tries))
		}))
		var dead int64
		must(t, db.read(t.Context(), func(tx *Tx) error { return tx.get("SELECT min(dead_at) FROM tries", nil, &dead) }))
		if dead < millis(later) {
			t.Errorf("one of the two may go at %d, while it says something until %d", dead, millis(later))
		}
	})
}
