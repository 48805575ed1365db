package limit

import (
	"container/list"
	"sync"
	"time"
)

// The volume limits that hold where nothing else is registered.
const (
	// PerSecond and PerMinute are a client's requests (contract 3.1).
	PerSecond = 100
	PerMinute = 1000
	// LookupsPerMinute is how many failed look-ups (unknown codes, unknown clients) an address may make on the pages
	// (contract OC-42). Look-ups that succeed are not counted: a whole office may share one address.
	LookupsPerMinute = 10
)

// maxKeys bounds the memory of Buckets: some 20 MB. Whoever sends from more addresses than this within a minute gets
// old counts forgotten, which a limit of volume can afford.
const maxKeys = 100_000

// Buckets limit how much a client or an address may ask of this node, a second and a minute. They live in memory: the
// limit of a cluster is divided by its live nodes before it is passed in (design 10.25). They protect the machine and
// never stand alone before a secret. Safe for concurrent use.
//
// Each key has two buckets, one of perSecond tokens refilled within a second and one of perMinute tokens refilled within
// a minute. What is kept of a bucket is the moment at which it will be full again.
type Buckets struct {
	now func() time.Time

	mu    sync.Mutex               // guards what follows
	byKey map[string]*list.Element // of *bucket
	used  *list.List               // most recently used first
}

// bucket holds the moments at which the buckets of a key are full again; a key whose moments are past is as good as new.
type bucket struct {
	key            string
	second, minute time.Time
}

// NewBuckets makes empty buckets on the given clock.
func NewBuckets(now func() time.Time) *Buckets {
	return &Buckets{now: now, byKey: map[string]*list.Element{}, used: list.New()}
}

// Take takes one token of the key's second and one of its minute, or neither. When ok is false, retryAfter is how long
// until both have one; RetryAfter turns it into the header's seconds. A limit of 0 or less is no limit. The limits may
// change from call to call.
func (b *Buckets) Take(key string, perSecond, perMinute int) (retryAfter time.Duration, ok bool) {
	return b.ask(key, perSecond, perMinute, true)
}

// Left is Take without taking: whether a token is left. Pages ask it before a look-up and Take after one that failed.
func (b *Buckets) Left(key string, perSecond, perMinute int) (retryAfter time.Duration, ok bool) {
	return b.ask(key, perSecond, perMinute, false)
}

func (b *Buckets) ask(key string, perSecond, perMinute int, take bool) (time.Duration, bool) {
	now := b.now()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.forget(now)
	kept := bucket{key: key}
	element, known := b.byKey[key]
	if known {
		kept = *element.Value.(*bucket)
		// Also when it is refused below: else a flood of new keys would push out just the one that is held back.
		b.used.MoveToFront(element)
	}
	second, waitSecond := drain(kept.second, now, time.Second, perSecond)
	minute, waitMinute := drain(kept.minute, now, time.Minute, perMinute)
	if wait := max(waitSecond, waitMinute); wait > 0 {
		return wait, false
	}
	if !take {
		return 0, true
	}
	kept.second, kept.minute = second, minute
	if known {
		*element.Value.(*bucket) = kept
		return 0, true
	}
	b.byKey[key] = b.used.PushFront(&kept)
	if len(b.byKey) > maxKeys {
		b.drop(b.used.Back())
	}
	return 0, true
}

// drain takes a token from a bucket of n tokens that refills within the period. full is when it is full again after
// that; a wait above 0 says that it has no token before then.
func drain(full, now time.Time, period time.Duration, n int) (after time.Time, wait time.Duration) {
	if n <= 0 {
		return full, 0
	}
	// A bucket is never more than its period from being full; more was written by a clock that has since gone back.
	if full.Before(now) || full.Sub(now) > period {
		full = now
	}
	after = full.Add(max(period/time.Duration(n), 1))
	return after, after.Sub(now) - period
}

// forget drops the least recently used keys whose buckets are full again, a few with every call, so that nothing has to
// sweep and no call takes long.
func (b *Buckets) forget(now time.Time) {
	for range 3 {
		oldest := b.used.Back()
		if oldest == nil {
			return
		}
		if kept := oldest.Value.(*bucket); kept.second.After(now) || kept.minute.After(now) {
			return
		}
		b.drop(oldest)
	}
}

func (b *Buckets) drop(element *list.Element) {
	delete(b.byKey, element.Value.(*bucket).key)
	b.used.Remove(element)
}
