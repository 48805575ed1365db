package secret

import (
	"encoding/binary"
	"sync"
	"time"
)

// IDs draws the numbers that rows are named by (design 10.27): 41 bits of milliseconds since 2026, then 12 bits of a
// counter that begins at random in each millisecond. They grow with time, so that inserts append; no node needs another
// to draw them; and outsiders cannot count rows by them. They are no secrets. Two nodes may draw the same number in the
// same millisecond: the insert conflicts and the operation runs again. Safe for concurrent use.
type IDs struct {
	// Now is the process's clock.
	Now func() time.Time

	mu   sync.Mutex
	last int64
}

const (
	idCounterBits = 12
	idMillisMax   = 1<<41 - 1
)

// NewIDs draws by the given clock.
func NewIDs(now func() time.Time) *IDs { return &IDs{Now: now} }

// Next is a number greater than every one drawn before by these IDs, and at most 2^53-1, which JavaScript reads exactly. A
// full millisecond borrows from the next one, and so does a clock that stands still or goes back. A clock before 2026
// counts from there; one after the year 2095 leaves no numbers, and Next panics when the last are drawn.
func (ids *IDs) Next() int64 {
	millis := min(max(ids.Now().Sub(idEpoch()).Milliseconds(), 1), idMillisMax)
	ids.mu.Lock()
	defer ids.mu.Unlock()
	if millis > ids.last>>idCounterBits {
		// The start lies in the lower half, which leaves 2048 numbers before the next millisecond is borrowed.
		start := int64(binary.BigEndian.Uint16(Bytes(2))) & (1<<(idCounterBits-1) - 1)
		ids.last = millis<<idCounterBits | start
		return ids.last
	}
	if ids.last == maxNumber {
		panic("secret: the clock is past 2095 and there are no ids left")
	}
	ids.last++
	return ids.last
}

func idEpoch() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }
