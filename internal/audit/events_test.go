package audit

import (
	"context"
	"errors"
	"reflect"
	"testing"
)

// asked is a store that remembers the filter it was asked with.
type asked struct {
	filter Filter
	err    error
}

func (a *asked) TailEvents(_ context.Context, filter Filter) ([]Entry, error) {
	a.filter = filter
	return []Entry{{Number: 3, Event: good()}}, a.err
}

func TestTailBoundsWhatItAsksFor(t *testing.T) {
	for limit, want := range map[int]int{-1: 100, 0: 100, 1: 1, 1000: 1000, 1001: 1000, 1 << 40: 1000} {
		store := &asked{}
		entries, err := Events{Store: store}.Tail(t.Context(), Filter{Account: 7, Before: 9, Limit: limit})
		if err != nil || len(entries) != 1 || entries[0].Number != 3 || entries[0].Action != CodeRefused {
			t.Errorf("limit %d: %v, %v", limit, entries, err)
		}
		if !reflect.DeepEqual(store.filter, Filter{Account: 7, Before: 9, Limit: want}) {
			t.Errorf("limit %d: asked with %+v", limit, store.filter)
		}
	}
	broken := errors.New("disk on fire")
	if _, err := (Events{Store: &asked{err: broken}}).Tail(t.Context(), Filter{}); !errors.Is(err, broken) {
		t.Errorf("a broken store: %v", err)
	}
}
