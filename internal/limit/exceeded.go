package limit

import (
	"errors"
	"time"
)

// ErrExceeded: there were too many tries. The error in hand is an Exceeded, which says how long to wait.
var ErrExceeded = errors.New("too many tries")

// Exceeded is ErrExceeded with the wait; Wait is 0 where no waiting helps.
type Exceeded struct{ Wait time.Duration }

// Error is for logs.
func (e Exceeded) Error() string { return ErrExceeded.Error() }

// Is makes every Exceeded an ErrExceeded.
func (e Exceeded) Is(target error) bool { return target == ErrExceeded }

// Ask refuses with Exceeded when no try of a key is left, and counts none.
func Ask(tx Tx, key Key, now time.Time) error {
	tries, err := tx.Tries(key)
	if err != nil {
		return err
	}
	return key.Allow(tries, now)
}

// Allow is Ask for tries that were read already.
func (k Key) Allow(tries Tries, now time.Time) error {
	if wait, ok := k.Kind.Rule().Allowed(tries, now); !ok {
		return Exceeded{Wait: wait}
	}
	return nil
}

// Spend counts one try of a key before its outcome is known, and refuses it with Exceeded when none is left. Read,
// decision and write are one transaction, so that a thousand guesses at once get no more than one after the other.
func Spend(tx Tx, key Key, now time.Time) error {
	tries, err := tx.Tries(key)
	if err != nil {
		return err
	}
	rule := key.Kind.Rule()
	if wait, ok := rule.Allowed(tries, now); !ok {
		return Exceeded{Wait: wait}
	}
	return tx.SaveTries(key, rule.Failed(tries, now))
}

// Forgive forgets the wrong tries of a key after a right one.
func Forgive(tx Tx, key Key, now time.Time) error {
	tries, err := tx.Tries(key)
	if err != nil || tries.Version == 0 {
		return err
	}
	return tx.SaveTries(key, key.Kind.Rule().Passed(tries, now))
}

// Return gives back one try that Spend counted and that was right, and leaves the wrong ones counted. Use it where being
// right is not the end: who knows a password must not be able to wipe out, by typing it again, the count that stands
// between them and the second step.
func Return(tx Tx, key Key, now time.Time) error {
	tries, err := tx.Tries(key)
	if err != nil || tries.Count == 0 {
		return err
	}
	return tx.SaveTries(key, key.Kind.Rule().Returned(tries, now))
}
