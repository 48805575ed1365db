package limit

import (
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"
)

// rows is a transaction over a map, with the conditional write that the store has.
type rows struct {
	kept   map[Key]Tries
	broken error
}

func (r rows) Tries(key Key) (Tries, error) { return r.kept[key], r.broken }

func (r rows) SaveTries(key Key, tries Tries) error {
	if r.broken != nil {
		return r.broken
	}
	if r.kept[key].Version != tries.Version {
		return errors.New("row changed meanwhile")
	}
	tries.Version++
	r.kept[key] = tries
	return nil
}

func TestSpendCountsAndRefuses(t *testing.T) {
	tx, key := rows{kept: map[Key]Tries{}}, NewKey(KindPassword, "7", "192.0.2.0/24")
	for i := range 5 {
		if err := Spend(tx, key, start); err != nil {
			t.Fatalf("try %d: %v", i+1, err)
		}
	}
	before := maps.Clone(tx.kept)
	err := Spend(tx, key, start.Add(time.Second))
	var exceeded Exceeded
	if !errors.Is(err, ErrExceeded) || !errors.As(fmt.Errorf("signing in: %w", err), &exceeded) || exceeded.Wait != 59*time.Second {
		t.Errorf("the sixth: %v, %+v", err, exceeded)
	}
	if !maps.Equal(before, tx.kept) {
		t.Error("a refused try was counted: the wait would grow while one waits")
	}
	if err := Spend(tx, NewKey(KindPassword, "7", "198.51.100.0/24"), start); err != nil {
		t.Errorf("another network pays for it: %v", err)
	}
	if err := Spend(tx, key, start.Add(time.Minute)); err != nil {
		t.Errorf("after the wait: %v", err)
	}
}

func TestForgiveForgetsWrongTries(t *testing.T) {
	tx, key := rows{kept: map[Key]Tries{}}, NewKey(KindPassword, "7")
	if err := Forgive(tx, key, start); err != nil || len(tx.kept) != 0 {
		t.Errorf("nothing to forgive: %v, %v", err, tx.kept)
	}
	for range 5 {
		_ = Spend(tx, key, start)
	}
	if err := Forgive(tx, key, start); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if err := Spend(tx, key, start); err != nil {
			t.Fatal(err)
		}
	}
}

// Somebody who knows the password alternates it with wrong second steps. Each right password gives back only itself.
func TestReturnKeepsTheWrongTries(t *testing.T) {
	tx, key := rows{kept: map[Key]Tries{}}, NewKey(KindAccount, "7")
	wrong := 0
	for range 1000 {
		if Spend(tx, key, start) == nil { // the password
			if err := Return(tx, key, start); err != nil {
				t.Fatal(err)
			}
		}
		if Spend(tx, key, start) == nil { // the second step
			wrong++
		}
	}
	if wrong != 100 {
		t.Errorf("%d wrong second steps in a day, want 100", wrong)
	}
	if err := Return(tx, NewKey(KindAccount, "8"), start); err != nil || len(tx.kept) != 1 {
		t.Errorf("nothing to return: %v, %v", err, tx.kept)
	}
}

func TestReturned(t *testing.T) {
	r := Guesses()
	tries := Tries{Version: 2}
	tries = r.Returned(r.Failed(tries, start), start)
	if tries != (Tries{Version: 2}) {
		t.Errorf("the only try: %+v", tries)
	}
	for range 5 {
		tries = r.Failed(tries, start)
	}
	if _, ok := r.Allowed(r.Returned(tries, start), start); !ok {
		t.Error("the wait of a try that was given back is kept")
	}
	tries = r.Failed(tries, start.Add(time.Minute))
	if wait, ok := r.Allowed(r.Returned(tries, start), start.Add(time.Minute)); ok || wait != time.Minute {
		t.Errorf("the five wrong ones before it lost their wait: %v", wait)
	}
}

// I11: a database that cannot say is neither "allowed" nor "too many".
func TestBrokenRowsAreNoVerdict(t *testing.T) {
	broken := errors.New("disk on fire")
	tx := rows{broken: broken}
	for name, err := range map[string]error{
		"spend":   Spend(tx, NewKey(KindMail, "a"), start),
		"forgive": Forgive(tx, NewKey(KindMail, "a"), start),
		"return":  Return(tx, NewKey(KindMail, "a"), start),
	} {
		if !errors.Is(err, broken) || errors.Is(err, ErrExceeded) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
