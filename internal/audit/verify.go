package audit

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ErrBroken says that the chain of events does not hold. A BrokenError says where.
var ErrBroken = errors.New("chain of events is broken")

// A BrokenError is the first place at which the chain does not hold.
type BrokenError struct {
	// Event is the entry at the place, 0 where there is none; Place the number of the link, 0 for an event in no link.
	Event, Place int64
	// What says what is wrong, for an operator.
	What string
}

// Error says what is wrong and where.
func (b BrokenError) Error() string {
	where := ""
	if b.Event != 0 {
		where += " at event " + strconv.FormatInt(b.Event, 10)
	}
	if b.Place != 0 {
		where += " at place " + strconv.FormatInt(b.Place, 10)
	}
	return "chain of events is broken" + where + ": " + b.What
}

// Is makes a BrokenError an ErrBroken.
func (b BrokenError) Is(target error) bool { return target == ErrBroken }

// A Report is what a verification saw.
type Report struct {
	// Checked is how many events of the chain were checked, and Head the newest place: remember it elsewhere, and give it
	// as the anchor of a later verification.
	Checked int64
	Head    Link
	// Start is the last place that was dropped with what came before it; zero for a chain that is whole.
	Start Link
	// Waiting is how many events are not in the chain yet, and Oldest the number of the first of them.
	Waiting, Oldest int64
	// Unmarked is how many events at the beginning are of a time before marks. Unkeyed is how many marks and seals could not
	// be checked because their key is not loaded; without a key it is all of them.
	Unmarked, Unkeyed int64
}

// ParsePlace reads what Link.String wrote.
func ParsePlace(text string) (Link, error) {
	number, hash, _ := strings.Cut(text, ":")
	n, err := strconv.ParseInt(number, 10, 64)
	sum, bad := hex.DecodeString(hash)
	if err != nil || bad != nil || n < 1 || len(sum) != 32 {
		return Link{}, errors.New("a place in the chain is a number, a colon and 64 hexadecimal digits")
	}
	return Link{Number: n, Hash: sum}, nil
}

// page is how many links or events one read of a verification or an export takes: memory stays flat however long the chain.
const page = 2000

// walk is a verification under way.
type walk struct {
	Chain
	report Report
	// before is the link checked last; marked says that an event with a mark came.
	before Link
	marked bool
	newest int64
}

// Verify reads the whole chain, or what came after an anchor, and reports the first place at which it does not hold, as a
// BrokenError. Without a key it finds what was changed by somebody who did not make the hashes of everything after it anew;
// with a key it finds that too. That the end was cut off it finds only by an anchor: a chain cannot know how long it was.
func (c Chain) Verify(ctx context.Context, from Link) (Report, error) {
	w := walk{Chain: c}
	if err := w.begin(ctx, from); err != nil {
		return w.report, err
	}
	for {
		links, err := c.Store.Links(ctx, w.before.Number, page)
		if err != nil {
			return w.report, err
		}
		for _, at := range links {
			if err := w.check(at); err != nil {
				return w.report, err
			}
		}
		if len(links) == 0 {
			break
		}
	}
	if w.before.Number > 0 && w.report.Start.Number == w.before.Number {
		return w.report, BrokenError{w.before.Event, w.before.Number, "nothing comes after what was dropped: the newest places are always kept"}
	}
	if w.before.Number > 0 && len(w.before.Seal) == 0 {
		return w.report, BrokenError{w.before.Event, w.before.Number, "the last place has no seal, so that something after it is gone"}
	}
	w.report.Head = w.before
	return w.report, w.loose(ctx, from)
}

// ErrDropped says that the remembered place was dropped with older events: nothing can be compared with it any more.
var ErrDropped = errors.New("remembered place is older than what is kept")

// begin finds the anchor, or where the chain begins. What came before is taken to be as it was when the anchor was noted, or the older events
// dropped.
func (w *walk) begin(ctx context.Context, from Link) error {
	if err := w.start(ctx); err != nil {
		return err
	}
	switch start := w.report.Start; {
	case from.Number == 0:
		return nil
	case from.Number < start.Number:
		return fmt.Errorf("%w: it is kept from place %d on", ErrDropped, start.Number+1)
	case from.Number == start.Number && w.Keys.Equal(from.Hash, start.Hash):
		return nil
	case from.Number == start.Number:
		return BrokenError{start.Event, from.Number, "the hash is not the remembered one, so that something up to here was changed"}
	}
	found, err := w.Store.Links(ctx, from.Number-1, 1)
	if err != nil {
		return err
	}
	if len(found) == 0 || found[0].Link.Number != from.Number {
		return BrokenError{0, from.Number, "the chain does not reach the remembered place, so that its end is gone"}
	}
	if !w.Keys.Equal(found[0].Link.Hash, from.Hash) {
		return BrokenError{found[0].Link.Event, from.Number, "the hash is not the remembered one, so that something up to here was changed"}
	}
	w.before = found[0].Link
	w.newest, w.marked = w.before.Event, len(found[0].Entry.Mark) > 0
	return nil
}

// start begins where the chain does. A beginning that somebody else made, to hide what came before it, has no mark of ours.
func (w *walk) start(ctx context.Context) error {
	s, err := w.Store.Start(ctx)
	if err != nil || s.Link.Number == 0 {
		return err
	}
	forged := BrokenError{s.Link.Event, s.Link.Number, "the chain begins after this place, and it was not us who dropped what came before"}
	if len(s.Mark) == 0 || len(s.Link.Seal) == 0 {
		return forged
	}
	if err := w.keyed(s.Mark, s.MarkVersion, s.Text(), w.Keys.Seal); err != nil {
		return orBroken(err, forged)
	}
	if err := w.keyed(s.Link.Seal, s.Link.SealVersion, s.Link.place(), w.Keys.Seal); err != nil {
		return orBroken(err, forged)
	}
	w.report.Start = s.Link
	w.before, w.newest = s.Link, s.Link.Event
	return nil
}

func (w *walk) check(at Chained) error {
	l, e := at.Link, at.Entry
	broken := func(what string) error { return BrokenError{l.Event, l.Number, what} }
	switch {
	case l.Number != w.before.Number+1:
		return BrokenError{0, w.before.Number + 1, "this place is missing"}
	case e.Number == 0:
		return broken("the event is gone")
	case !w.Keys.Equal(l.Hash, w.Keys.Hash(w.before.Hash, l.Number, e.sealed())):
		return broken("the event was changed or moved")
	case w.marked && len(e.Mark) == 0:
		return broken("the event has no mark: somebody else put it in")
	}
	if err := w.keyed(e.Mark, e.MarkVersion, e.Text(), w.Keys.Mark); err != nil {
		return orBroken(err, broken("the mark is not ours: somebody else wrote this event"))
	}
	if err := w.keyed(l.Seal, l.SealVersion, l.place(), w.Keys.Seal); err != nil {
		return orBroken(err, broken("the seal is not ours: the chain up to here was made anew"))
	}
	w.marked = w.marked || len(e.Mark) > 0
	if !w.marked {
		w.report.Unmarked++
	}
	w.before, w.newest = l, max(w.newest, e.Number)
	w.report.Checked++
	return nil
}

// errNotOurs says that a keyed digest is another than the one that the key makes.
var errNotOurs = errors.New("not ours")

func orBroken(err, broken error) error {
	if errors.Is(err, errNotOurs) {
		return broken
	}
	return err
}

// keyed compares a keyed digest. One whose key is not loaded is counted and not checked; one of a version that cannot be is
// not ours, or an invented version would pass for a key that was retired.
func (w *walk) keyed(have []byte, version int, text []byte, of func(int, []byte) ([]byte, error)) error {
	if len(have) == 0 {
		return nil
	}
	if w.Keys.Version() > 0 && (version < 1 || version > w.Keys.Version()) {
		return errNotOurs
	}
	want, err := of(version, text)
	if err != nil {
		w.report.Unkeyed++
		return nil
	}
	if !w.Keys.Equal(have, want) {
		return errNotOurs
	}
	return nil
}

// loose looks at the events that are in no link. The newest ones wait for the sealer; others were put in, or their links are
// gone.
func (w *walk) loose(ctx context.Context, from Link) error {
	above := int64(0)
	if from.Number > 0 {
		above = w.report.Head.Event - w.Near
	}
	for {
		loose, last, err := w.Store.Loose(ctx, above, page)
		if err != nil || last == 0 {
			return err
		}
		for _, number := range loose {
			if number+w.Near < w.newest {
				return BrokenError{number, 0, "the event is in no link, though later ones are: it was put in, or its link is gone"}
			}
			if err := w.waits(ctx, number); err != nil {
				return err
			}
		}
		above = last
	}
}

// waits checks the mark of an event that is not in the chain yet.
func (w *walk) waits(ctx context.Context, number int64) error {
	e, err := w.Store.Entry(ctx, number)
	if err != nil {
		return err
	}
	if w.marked && len(e.Mark) == 0 {
		return BrokenError{number, 0, "the event has no mark: somebody else put it in"}
	}
	if err := w.keyed(e.Mark, e.MarkVersion, e.Text(), w.Keys.Mark); err != nil {
		return orBroken(err, BrokenError{number, 0, "the mark is not ours: somebody else wrote this event"})
	}
	if w.report.Waiting == 0 {
		w.report.Oldest = number
	}
	w.report.Waiting++
	return nil
}

// Lag is how long the oldest event that is not linked has waited, at now; drawn is the moment of its number.
func (r Report) Lag(now, drawn time.Time) time.Duration {
	if r.Waiting == 0 {
		return 0
	}
	return max(now.Sub(drawn), 0)
}

// Summary is one line for an operator.
func (r Report) Summary() string {
	return fmt.Sprintf("%d events checked, head %s", r.Checked, r.Head)
}
