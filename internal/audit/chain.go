package audit

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// A Link is a place in the chain of events (design 10.26). Its hash covers the hash before it and its event, so that an
// event that is changed, removed, put in or moved breaks the chain at its place.
type Link struct {
	// Number is the place: 1 for the first, without gaps.
	Number int64
	// Event is the number of the entry at this place.
	Event int64
	Hash  []byte
	// Seal is a keyed digest of Number and Hash, made by whoever linked; SealVersion is its key's. The last link of each
	// turn of a sealer has one, the others have none: it vouches for all before it.
	Seal        []byte
	SealVersion int
}

// A Chained is a link and what is found at it.
type Chained struct {
	Link Link
	// Entry is the zero Entry where the event is gone.
	Entry Entry
}

// Keys make what the chain is made of; secret.ChainKeys does. Without a key Version is 0 and Mark and Seal answer an error.
type Keys interface {
	Hash(before []byte, number int64, text []byte) []byte
	Version() int
	Mark(version int, text []byte) ([]byte, error)
	Seal(version int, text []byte) ([]byte, error)
	Equal(a, b []byte) bool
}

// ErrMoved says that the chain has another end than the one that was read: another sealer was there first.
var ErrMoved = errors.New("chain has moved on")

// ChainStore keeps the chain.
type ChainStore interface {
	// Head is the newest link and the highest number of an event that is linked; zero for a chain that has not begun.
	Head(ctx context.Context) (head Link, newest int64, err error)
	// Unlinked lists entries above a number that are not in the chain, in the order of their numbers.
	Unlinked(ctx context.Context, above int64, most int) ([]Entry, error)
	// Append writes links after head, all or none. The error is ErrMoved when head is not the newest any more.
	Append(ctx context.Context, head Link, links []Link) error
	// Links lists links with what is found at them, above a place, in their order.
	Links(ctx context.Context, above int64, most int) ([]Chained, error)
	// Loose looks at so many entries above a number and lists the numbers of those that are in no link; last is the highest
	// that it looked at, 0 when there was none.
	Loose(ctx context.Context, above int64, most int) (loose []int64, last int64, err error)
	// Entry reads one entry.
	Entry(ctx context.Context, number int64) (Entry, error)
	// Start is where the chain begins.
	Start(ctx context.Context) (Start, error)
}

// A Start is where a chain begins whose oldest events were dropped: the last place that is not there any more, zero for a chain that is
// whole. Its hash is what the next link continues; Mark is a keyed digest that says that this server dropped what came before.
type Start struct {
	Link        Link
	Mark        []byte
	MarkVersion int
}

// Text is what the mark covers: no seal of a place has this text.
func (s Start) Text() []byte { return append([]byte("the chain begins after "), s.Link.place()...) }

// Chain links events. Requests write theirs unlinked, so that none waits for another's; a sealer puts what was committed
// into the chain shortly after. Several may run: the place of a link is unique, so that one of them gets there.
type Chain struct {
	Store ChainStore
	Keys  Keys
	// Near is how far behind the newest linked event, in numbers of events, one may turn up that is not linked yet: the
	// longest transaction and the widest difference of clocks. Far is where a thorough turn looks too.
	Near, Far int64
	// Last is where nearly all that is not linked is found: what was written since the turn before, a second ago.
	Last int64
}

// sealedAtOnce bounds the links of one turn, and with them how long other writers wait for it.
const sealedAtOnce = 500

// Seal links what is not linked yet and returns how many events that were. thorough looks further back, for nodes whose
// clock is wrong. Losing to another sealer is no error.
func (c Chain) Seal(ctx context.Context, thorough bool) (sealed int, err error) {
	back := c.Near
	if thorough {
		back = c.Far
	}
	return c.seal(ctx, back)
}

// SealLast is Seal for the turns between: it looks at the last events alone, so that what it costs does not grow with what a busy server
// wrote in a quarter of a minute. What was late is found by the next Seal.
func (c Chain) SealLast(ctx context.Context) (sealed int, err error) { return c.seal(ctx, c.Last) }

func (c Chain) seal(ctx context.Context, back int64) (sealed int, err error) {
	head, newest, err := c.Store.Head(ctx)
	if err != nil {
		return 0, err
	}
	for above := max(newest-back, 0); ; {
		entries, err := c.Store.Unlinked(ctx, above, sealedAtOnce)
		if err != nil || len(entries) == 0 {
			return sealed, err
		}
		if head, err = c.link(ctx, head, entries); errors.Is(err, ErrMoved) {
			return sealed, nil
		} else if err != nil {
			return sealed, err
		}
		sealed += len(entries)
		if len(entries) < sealedAtOnce {
			return sealed, nil
		}
		above = entries[len(entries)-1].Number
	}
}

// link puts entries after head and returns the new one.
func (c Chain) link(ctx context.Context, head Link, entries []Entry) (Link, error) {
	links, before := make([]Link, len(entries)), head
	for i, e := range entries {
		next := Link{Number: before.Number + 1, Event: e.Number}
		next.Hash = c.Keys.Hash(before.Hash, next.Number, e.sealed())
		links[i], before = next, next
	}
	last := &links[len(links)-1]
	last.SealVersion = c.Keys.Version()
	var err error
	if last.Seal, err = c.Keys.Seal(last.SealVersion, last.place()); err != nil {
		return head, fmt.Errorf("sealing the chain of events: %w", err)
	}
	return *last, c.Store.Append(ctx, head, links)
}

// place is what a seal covers.
func (l Link) place() []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(l.Number)), l.Hash...)
}

// String is how a place in the chain is remembered outside: number, colon, hash.
func (l Link) String() string { return fmt.Sprintf("%d:%x", l.Number, l.Hash) }

// Text is the entry as it is marked: each part with its length before it, so that no two entries have the same text.
func (e Entry) Text() []byte {
	b := make([]byte, 0, 256)
	text := func(parts ...string) {
		for _, part := range parts {
			b = binary.BigEndian.AppendUint32(b, uint32(len(part)))
			b = append(b, part...)
		}
	}
	text("latchkey audit 1")
	at := int64(0)
	if !e.At.IsZero() {
		at = e.At.UnixMilli()
	}
	for _, n := range [...]int64{e.Number, at, e.Actor.ID, e.Partner, e.Account, e.Journey} {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	text(string(e.Action), string(e.Outcome), e.Reason, string(e.Actor.Kind), e.Reference, e.Network)
	for _, name := range slices.Sorted(maps.Keys(e.Detail)) {
		text(name, e.Detail[name])
	}
	return b
}

// sealed is the entry as the chain covers it: with its mark, so that the mark cannot be taken away.
func (e Entry) sealed() []byte {
	b := e.Text()
	b = binary.BigEndian.AppendUint32(b, uint32(e.MarkVersion))
	return append(b, e.Mark...)
}

// A Record is an entry as it is exported, with its place in the chain where it has one.
type Record struct {
	Number    int64             `json:"number,omitempty"`
	Hash      string            `json:"hash,omitempty"`
	Event     int64             `json:"event"`
	At        time.Time         `json:"at"`
	Action    Action            `json:"action"`
	Outcome   Outcome           `json:"outcome"`
	Reason    string            `json:"reason,omitempty"`
	Actor     ActorKind         `json:"actor"`
	ActorID   int64             `json:"actor_id,omitempty"`
	Partner   int64             `json:"partner,omitempty"`
	Account   int64             `json:"account,omitempty"`
	Journey   int64             `json:"journey,omitempty"`
	Reference string            `json:"reference,omitempty"`
	Network   string            `json:"network,omitempty"`
	Detail    map[string]string `json:"detail,omitempty"`
}

// RecordOf is what is exported of an entry at a place; the zero Link is none.
func RecordOf(l Link, e Entry) Record {
	r := Record{Number: l.Number, Event: e.Number, At: e.At, Action: e.Action, Outcome: e.Outcome, Reason: e.Reason,
		Actor: e.Actor.Kind, ActorID: e.Actor.ID, Partner: e.Partner, Account: e.Account, Journey: e.Journey, Reference: e.Reference,
		Network: e.Network, Detail: e.Detail}
	if l.Number > 0 {
		r.Hash = fmt.Sprintf("%x", l.Hash)
	}
	return r
}

// Export hands over every entry: those of the chain in its order, then those that are not linked yet. What is handed over
// is not checked; Verify does.
func (c Chain) Export(ctx context.Context, each func(Record) error) error {
	start, err := c.Store.Start(ctx)
	if err != nil {
		return err
	}
	for above := start.Link.Number; ; {
		links, err := c.Store.Links(ctx, above, page)
		if err != nil {
			return err
		}
		for _, at := range links {
			above = at.Link.Number
			if err := each(RecordOf(at.Link, at.Entry)); err != nil {
				return err
			}
		}
		if len(links) == 0 {
			break
		}
	}
	for above := int64(0); ; {
		loose, last, err := c.Store.Loose(ctx, above, page)
		if err != nil || last == 0 {
			return err
		}
		for _, number := range loose {
			e, err := c.Store.Entry(ctx, number)
			if err != nil {
				return err
			}
			if err := each(RecordOf(Link{}, e)); err != nil {
				return err
			}
		}
		above = last
	}
}
