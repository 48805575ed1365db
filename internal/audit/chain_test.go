package audit

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestTextHasEveryPart: an event that differs in any part has another text, or a change of that part would not break the chain.
func TestTextHasEveryPart(t *testing.T) {
	base := Entry{Number: 7, Event: good()}
	differ := map[string]func(*Entry){
		"Number": func(e *Entry) { e.Number++ }, "At": func(e *Entry) { e.At = e.At.Add(time.Millisecond) },
		"Action": func(e *Entry) { e.Action = CodeMinted }, "Outcome": func(e *Entry) { e.Outcome = Allowed },
		"Reason": func(e *Entry) { e.Reason = "used" }, "Actor.Kind": func(e *Entry) { e.Actor.Kind = ActorServer },
		"Actor.ID": func(e *Entry) { e.Actor.ID++ }, "Partner": func(e *Entry) { e.Partner++ }, "Account": func(e *Entry) { e.Account++ },
		"Journey": func(e *Entry) { e.Journey++ }, "Reference": func(e *Entry) { e.Reference += "0" }, "Network": func(e *Entry) { e.Network = "" },
		"Detail": func(e *Entry) { e.Detail = map[string]string{"age": "5m"} }, "no Detail": func(e *Entry) { e.Detail = nil },
		"shifted": func(e *Entry) { e.Reference, e.Network = e.Reference+e.Network[:1], e.Network[1:] },
	}
	for name, change := range differ {
		e := base
		change(&e)
		if bytes.Equal(e.Text(), base.Text()) {
			t.Errorf("%s is not part of the text", name)
		}
	}
	var parts int
	for _, of := range []reflect.Type{reflect.TypeFor[Event](), reflect.TypeFor[Actor](), reflect.TypeFor[Entry]()} {
		parts += of.NumField()
	}
	if parts != 12+2+4-1 { // Event, Actor, Entry; Event.Actor is counted by its own fields
		t.Errorf("%d fields: put the new one into Text, and here", parts)
	}
	again := base
	again.Detail = map[string]string{}
	for _, name := range []string{"fields", "client", "age"} {
		again.Detail[name] = base.Detail[name]
	}
	if !bytes.Equal(again.Text(), base.Text()) {
		t.Error("the order of details counts")
	}
}

// TestTextNeverChanges: chains that exist were made with this text; another one would break them all.
func TestTextNeverChanges(t *testing.T) {
	const want = "000000106c617463686b657920617564697420310000000000000007000001a202b2c500000000000000000000000000000000070000000000000000" +
		"00000000000000000000000c636f64652e726566757365640000000664656e69656400000007657870697265640000000762726f7773657200000020" +
		"34626639326633353737623334646136613363653932396430653065343733360000000c3139322e302e322e302f3234000000036167650000000835" +
		"6d302e3030317300000006636c69656e740000000464656d6f000000066669656c647300000016676976656e5f6e616d652c2062697274685f646174" +
		"65"
	if text := hex.EncodeToString((Entry{Number: 7, Event: good()}).Text()); text != want {
		t.Errorf("%s", text)
	}
}

func TestParsePlace(t *testing.T) {
	place := Link{Number: 12, Hash: bytes.Repeat([]byte{0xab}, 32)}
	if back, err := ParsePlace(place.String()); err != nil || back.Number != 12 || !bytes.Equal(back.Hash, place.Hash) {
		t.Errorf("%+v, %v", back, err)
	}
	for _, bad := range []string{"", "12", "12:", ":" + strings.Repeat("ab", 32), "0:" + strings.Repeat("ab", 32), "-1:" + strings.Repeat("ab", 32),
		"12:" + strings.Repeat("ab", 31), "12:" + strings.Repeat("xy", 32), "12:" + strings.Repeat("ab", 33)} {
		if _, err := ParsePlace(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

// brokenStore answers every question with an error.
type brokenStore struct{ err error }

func (b brokenStore) Head(context.Context) (Link, int64, error) { return Link{}, 0, b.err }
func (b brokenStore) Unlinked(context.Context, int64, int) ([]Entry, error) {
	return nil, b.err
}
func (b brokenStore) Append(context.Context, Link, []Link) error                { return b.err }
func (b brokenStore) Links(context.Context, int64, int) ([]Chained, error)      { return nil, b.err }
func (b brokenStore) Loose(context.Context, int64, int) ([]int64, int64, error) { return nil, 0, b.err }
func (b brokenStore) Entry(context.Context, int64) (Entry, error)               { return Entry{}, b.err }
func (b brokenStore) Start(context.Context) (Start, error)                      { return Start{}, b.err }

// TestTroubleIsNoBreak: a database that does not answer is trouble, never a broken chain and never a whole one (I11).
func TestTroubleIsNoBreak(t *testing.T) {
	trouble := errors.New("disk on fire")
	chain := Chain{Store: brokenStore{trouble}}
	for name, err := range map[string]error{
		"seal": second(chain.Seal(t.Context(), true)), "export": chain.Export(t.Context(), func(Record) error { return nil }),
		"verify": second(chain.Verify(t.Context(), Link{})), "verify from": second(chain.Verify(t.Context(), Link{Number: 1})),
	} {
		if !errors.Is(err, trouble) || errors.Is(err, ErrBroken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }
