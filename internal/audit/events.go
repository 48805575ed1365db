package audit

import (
	"context"
	"time"
)

// Entry is an event as it was stored.
type Entry struct {
	// Number orders entries: a later one has a higher number.
	Number int64
	Event
	// Mark is a keyed digest of the rest, made when the event was written, and MarkVersion its key's; none on events of
	// before there were marks. A row that somebody else put into the database has none that fits.
	Mark        []byte
	MarkVersion int
}

// Filter says which entries to list. The zero value lists the newest of all; each field that is set must match.
type Filter struct {
	Partner int64
	Account int64
	Journey int64
	Action  Action
	// Actions are those of which each entry must be one; none lists all.
	Actions []Action
	// Since lists only entries from then on.
	Since time.Time
	// Before lists only entries with a lower number, for reading backwards page by page; 0 begins at the newest.
	Before int64
	// Limit is the most entries to list; Events sets it between 1 and 1000.
	Limit int
}

// Store keeps events. They are written by the change that they belong to; here they are only read.
type Store interface {
	// TailEvents lists entries that match the filter, newest first.
	TailEvents(ctx context.Context, filter Filter) ([]Entry, error)
}

// Events is where operators read what happened.
type Events struct {
	Store Store
}

const (
	usualTail   = 100
	longestTail = 1000
)

// Tail lists the newest entries that match, newest first; 100 when the filter sets no limit, 1000 at most.
func (e Events) Tail(ctx context.Context, filter Filter) ([]Entry, error) {
	if filter.Limit <= 0 {
		filter.Limit = usualTail
	}
	filter.Limit = min(filter.Limit, longestTail)
	return e.Store.TailEvents(ctx, filter)
}
