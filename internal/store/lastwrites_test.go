package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// once is a change that is not run again, where the engine would.
func once(t *testing.T, db *DB, fn func(*Tx) error) error {
	t.Helper()
	if db.engine.serial {
		return db.write(t.Context(), fn)
	}
	end, err := db.attempt(t.Context(), fn, alone)
	if end == lost {
		t.Errorf("it would be run again: %v", err)
	}
	return err
}

// TestAWriteThatFailsLeavesNothing: the last writes and the COMMIT are sent together, and when one of them is refused nothing of the transaction may
// be there, what was written before it and after it neither. Above all of a condition that does not hold, which is no error for the database (I5, I8).
func TestAWriteThatFailsLeavesNothing(t *testing.T) {
	raise := func(where string) func(*Tx) error {
		return func(tx *Tx) error { return tx.expect("UPDATE note SET version = version + 1 WHERE " + where) }
	}
	fails := map[string]struct {
		write func(*Tx) error
		want  error
	}{
		"no row":        {raise("id = 99"), ErrConflict},
		"spent before":  {raise("id = 1 AND version = 0"), ErrConflict},
		"two rows":      {raise("version = 1"), ErrConflict},
		"a taken key":   {func(tx *Tx) error { return noteLater(tx, 1, "new") }, nil},
		"a taken value": {func(tx *Tx) error { return noteLater(tx, 3, "one") }, nil},
		"a null":        {func(tx *Tx) error { return tx.put("UPDATE note SET text = NULL") }, nil},
	}
	eachEngine(t, func(t *testing.T, db *DB) {
		notes(t, db)
		must(t, db.write(t.Context(), func(tx *Tx) error { return errors.Join(note(tx, 1, "one"), note(tx, 2, "two")) }))
		for name, f := range fails {
			for place := range 4 { // a write of a row, a condition that holds, the event
				for _, asks := range []bool{false, true} {
					err := once(t, db, db.checked(func(tx *Tx) error {
						if asks {
							var n int
							must(t, tx.get("SELECT 1", nil, &n))
						}
						for i, write := range []func() error{
							func() error { return noteLater(tx, 10, "ten") },
							func() error { return raise("id = 2 AND version = 1")(tx) },
							func() error { return tx.insertEvent(happened(1)) },
							func() error { return nil },
						} {
							if i == place {
								if err := f.write(tx); err != nil {
									return err
								}
							}
							if err := write(); err != nil {
								return err
							}
						}
						return nil
					}))
					if err == nil || f.want != nil && !errors.Is(err, f.want) {
						t.Errorf("%s at %d: %v", name, place, err)
					}
					left := 0
					must(t, db.read(t.Context(), func(tx *Tx) error { return tx.get("SELECT CAST(sum(version) AS BIGINT) FROM note", nil, &left) }))
					if n, events := countNotes(t, db), countEvents(t, db); n != 2 || events != 0 || left != 2 {
						t.Fatalf("%s at %d, asked before %t: %d notes of %d versions and %d events are left, want 2, 2 and none", name, place, asks, n, left, events)
					}
				}
			}
		}
		must(t, db.write(t.Context(), func(tx *Tx) error { return errors.Join(noteLater(tx, 10, "ten"), raise("id = 2")(tx)) }))
		if n := countNotes(t, db); n != 3 {
			t.Errorf("%d notes after all, want 3", n)
		}
	})
}

// TestOneOfManySpends: many that know a row as unspent spend it at once, each with rows of its own written before and after. One succeeds, and of
// the others nothing is there.
func TestOneOfManySpends(t *testing.T) {
	spent := errors.New("spent")
	eachWorld(t, func(t *testing.T, w *world) {
		notes(t, w.db)
		must(t, w.db.write(t.Context(), func(tx *Tx) error { return note(tx, 1, "code") }))
		won := w.race(t, func(n node, i int) error {
			runs := 0
			return n.partners.Store.(Partners).DB.change(context.Background(), func(tx *Tx) (audit.Event, error) {
				if runs++; runs > 1 {
					return audit.Event{}, spent
				}
				id := int64(100 + 2*i)
				return happened(1), errors.Join(noteLater(tx, id, fmt.Sprint(id)),
					tx.expect("UPDATE note SET version = 2 WHERE id = 1 AND version = 1"), noteLater(tx, id+1, fmt.Sprint(id+1)))
			})
		}, spent)
		if n, events := countNotes(t, w.db), countEvents(t, w.db); won != 1 || n != 3 || events != 1 {
			t.Errorf("%d spent it, %d notes, %d events; want 1, 3 and 1", won, n, events)
		}
	})
}

// TestWhatCannotBeSent: a value that the driver cannot send, or the server not take, ends the transaction without a trace of what waited with it.
func TestWhatCannotBeSent(t *testing.T) {
	db := openTest(t, postgresTest(t))
	notes(t, db)
	for name, value := range map[string]any{"a word for a number": "many", "a number too large": 1e300} {
		for _, asks := range []bool{true, false} {
			runs := 0
			err := db.change(t.Context(), func(tx *Tx) (audit.Event, error) {
				runs++
				if asks {
					var n int
					must(t, tx.get("SELECT 1", nil, &n))
				}
				return happened(1), errors.Join(noteLater(tx, 1, "one"), tx.put("UPDATE note SET version = $1", value), noteLater(tx, 2, "two"))
			})
			if !errors.Is(err, ErrUnavailable) || asks && runs != 1 {
				t.Errorf("%s: %v after %d runs", name, err, runs)
			}
		}
	}
	for range 2 * writerCount { // no connection has kept a half of it
		must(t, db.write(t.Context(), func(tx *Tx) error { return tx.put("UPDATE note SET version = 7") }))
	}
	err := db.write(t.Context(), func(tx *Tx) error { return errors.Join(noteLater(tx, 1, "one"), noteLater(tx, 2, "a\x00b")) })
	if !errors.Is(err, ErrUnavailable) {
		t.Errorf("a text that no row can hold: %v", err)
	}
	if n, events := countNotes(t, db), countEvents(t, db); n != 0 || events != 0 {
		t.Errorf("%d notes and %d events, want none", n, events)
	}
}

// TestAnAnswerThatIsNoCommit: whoever stands between may speak PostgreSQL's protocol and mean something else. A COMMIT that is not answered as one is
// no success, and what was refused but may have been kept is not run again.
func TestAnAnswerThatIsNoCommit(t *testing.T) {
	replaces := func(old, by string) func([]byte) []byte {
		return func(said []byte) []byte { return bytes.Replace(said, []byte(old), []byte(by), 1) }
	}
	asks := func(tx *Tx) error { var n int; return tx.get("SELECT 1", nil, &n) }
	for name, c := range map[string]struct {
		misheard func([]byte) []byte
		id       int64
		before   func(*Tx) error
	}{
		"rolled back":         {replaces("C\x00\x00\x00\x0bCOMMIT\x00", "C\x00\x00\x00\x0dROLLBACK\x00"), 2, asks},
		"went on":             {replaces("Z\x00\x00\x00\x05E", "Z\x00\x00\x00\x05I"), 1, asks},
		"still under way":     {replaces("Z\x00\x00\x00\x05E", "Z\x00\x00\x00\x05T"), 1, asks},
		"ended after a write": {replaces("Z\x00\x00\x00\x05T", "Z\x00\x00\x00\x05I"), 3, func(tx *Tx) error { return errors.Join(noteLater(tx, 2, "two"), tx.flush()) }},
	} {
		t.Run(name, func(t *testing.T) {
			dsn, w := wired(t, postgresTest(t))
			db := openTest(t, dsn)
			notes(t, db)
			must(t, db.write(t.Context(), func(tx *Tx) error { return note(tx, 1, "one") }))
			w.misheard.Store(&c.misheard)
			came, err := db.attempt(t.Context(), func(tx *Tx) error {
				return errors.Join(c.before(tx), noteLater(tx, c.id, fmt.Sprint(c.id)))
			}, alone)
			if !errors.Is(err, ErrUnavailable) || came != asked { // what was asked is not run again
				t.Errorf("answer %v after %d, want ErrUnavailable of what was asked", err, came)
			}
			w.misheard.Store(nil)
			for range 2 * writerCount {
				must(t, db.write(t.Context(), func(tx *Tx) error { return tx.put("UPDATE note SET version = version + 1") }))
			}
		})
	}
}

// TestAServerThatWritesNoMoreIsLeft: one that was the primary and is none any more says so when it is asked to write, and has not kept anything. The
// change goes on with another connection, also where the COMMIT went with the write.
func TestAServerThatWritesNoMoreIsLeft(t *testing.T) {
	db := openTest(t, postgresTest(t))
	notes(t, db)
	runs := 0
	err := db.change(t.Context(), func(tx *Tx) (audit.Event, error) {
		var n int
		must(t, tx.get("SELECT 1", nil, &n))
		if runs++; runs == 1 {
			must(t, tx.conn.link.run(t.Context(), "SET TRANSACTION READ ONLY"))
		}
		return happened(1), noteLater(tx, 1, "one")
	})
	if n, events := countNotes(t, db), countEvents(t, db); err != nil || runs != 2 || n != 1 || events != 1 {
		t.Errorf("%v after %d runs, %d notes and %d events; want two runs and one of each", err, runs, n, events)
	}
}

// TestAServerThatDividesByZeroIsRefused: there a condition that does not hold would pass.
func TestAServerThatDividesByZeroIsRefused(t *testing.T) {
	dsn, w := wired(t, postgresTest(t))
	for name, misheard := range map[string]func([]byte) []byte{
		"another error": func(said []byte) []byte {
			return bytes.Replace(said, []byte("C"+stateDivision+"\x00"), []byte("C22000\x00"), 1)
		},
		"no error": func(said []byte) []byte {
			if !bytes.Contains(said, []byte("C"+stateDivision+"\x00")) {
				return said
			}
			return []byte("C\x00\x00\x00\x0dSELECT 1\x00Z\x00\x00\x00\x05I")
		},
	} {
		w.misheard.Store(&misheard)
		db, err := Open(t.Context(), at(t, dsn))
		if err == nil {
			must(t, db.Close())
		}
		if err == nil || !strings.Contains(err.Error(), "divides by zero") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestARefusalSendsNothing: a change that ends with an error and no event leaves nothing, and its writes are not even sent.
func TestARefusalSendsNothing(t *testing.T) {
	dsn, w := wired(t, postgresTest(t))
	db := openTest(t, dsn)
	notes(t, db)
	refused := errors.New("refused")
	for name, fn := range map[string]func(*Tx) (audit.Event, error){
		"an error": func(tx *Tx) (audit.Event, error) { return audit.Event{}, errors.Join(noteLater(tx, 1, "one"), refused) },
		"a panic":  func(tx *Tx) (audit.Event, error) { must(t, noteLater(tx, 1, "one")); panic(refused) },
	} {
		before := int64(0)
		err := func() (err error) {
			defer func() {
				if v := recover(); v != nil {
					err = v.(error)
				}
			}()
			return db.change(t.Context(), func(tx *Tx) (audit.Event, error) {
				var n int
				must(t, tx.get("SELECT 1", nil, &n))
				_, err := tx.prepare("INSERT INTO note (id, text, version) VALUES ($1, $2, 1)")
				must(t, err)
				before = w.trips.n.Load()
				return fn(tx)
			})
		}()
		if trips := w.trips.n.Load() - before; !errors.Is(err, refused) || trips != 1 {
			t.Errorf("%s: %v after %d trips, want one for the ROLLBACK", name, err, trips)
		}
	}
	err := db.change(t.Context(), func(tx *Tx) (audit.Event, error) { return audit.Event{}, noteLater(tx, 1, "one") })
	if !errors.Is(err, ErrNoEvent) {
		t.Errorf("a write without an event: %v", err)
	}
	if n := countNotes(t, db); n != 0 {
		t.Errorf("%d notes, want none", n)
	}
}

// trips counts round trips: what a client sends that waits for an answer, a Sync or a query of the simple protocol.
type trips struct{ n atomic.Int64 }

// of takes what one client sends, as it comes.
func (c *trips) of() func([]byte) {
	var have []byte
	head := 0 // the first message has no kind
	return func(sent []byte) {
		have = append(have, sent...)
		for len(have) >= head+4 {
			end := head + int(binary.BigEndian.Uint32(have[head:]))
			if len(have) < end {
				return
			}
			if head == 1 && (have[0] == 'S' || have[0] == 'Q') {
				c.n.Add(1)
			}
			have, head = have[end:], 1
		}
	}
}

// TestRoundTrips counts what each request costs on the way to the database. Between machines it is what a request waits for (speed.md). Where the
// address names another server to go to, a BEGIN goes alone.
func TestRoundTrips(t *testing.T) {
	for where, c := range map[string]struct {
		another bool
		want    map[string]int64
	}{
		"one server":  {false, map[string]int64{"journey": 2, "client": 1, "application token": 1, "code exchange": 2, "refresh": 2, "claim code": 3, "access": 1, "recognised: application token": 1, "recognised: refresh": 2, "recognised: introspection": 1}},
		"two servers": {true, map[string]int64{"journey": 3, "client": 1, "application token": 2, "code exchange": 3, "refresh": 3, "claim code": 4, "access": 1, "recognised: application token": 2, "recognised: refresh": 3, "recognised: introspection": 1}},
	} {
		dsn, wire := wired(t, postgresTest(t))
		if c.another {
			config, err := pgx.ParseConfig(dsn)
			must(t, err)
			dsn = with(t, with(t, dsn, "host", config.Host+","+t.TempDir()), "port", fmt.Sprintf("%d,1", config.Port))
		}
		got := tripsOf(t, openTest(t, dsn), &wire.trips)
		for name, want := range c.want {
			if got[name] != want {
				t.Errorf("%s, %s: %d round trips, want %d", where, name, got[name], want)
			}
		}
	}
}

// tripsOf are the round trips of some verbs, once what they need is prepared.
func tripsOf(t *testing.T, db *DB, trips *trips) map[string]int64 {
	t.Helper()
	w := worldOn(t, db)
	w.acme.Class.RotatesRefresh = true
	n := w.nodes[0]
	a, g := customer.Account{ID: 5, Creator: 1, State: customer.Claimed, Epoch: 2, Email: "a@example.org"},
		grant.Grant{ID: 6, Account: 5, Partner: 1, Profile: 7, State: grant.Active}
	j := claim.Journey{ID: 8, Account: 5, Text: "j", Address: "a@example.org"}
	must(t, db.write(t.Context(), func(tx *Tx) error { return errors.Join(tx.SaveAccount(&a), tx.SaveGrant(&g), tx.SaveJourney(&j)) }))
	ids := secret.NewIDs(raceTime)
	var issue grant.Issue
	costs := func(fn func() error) int64 {
		before := trips.n.Load()
		must(t, fn())
		return trips.n.Load() - before
	}
	got := map[string]int64{}
	for range 3 { // until the connections in use have prepared what they need
		code, err := grant.NewCode(db.keys, ids, g, grant.Request{RedirectURI: "https://example.org/back"}, int64(ids.Next()), a.Epoch, time.Minute, raceTime())
		must(t, err)
		must(t, db.write(t.Context(), func(tx *Tx) error { return tx.SaveCode(&code) }))
		text, err := code.Text(db.keys)
		must(t, err)
		got["client"] = costs(func() error {
			return n.partners.Store.View(t.Context(), func(tx partner.Tx) error {
				_, _, err := tx.PartnerAsking("acme", limit.NewKey(limit.KindPassword, "acme"))
				return err
			})
		})
		_, _, caller := w.pending(t, fmt.Sprintf("%d@example.org", ids.Next()))
		got["journey"] = costs(func() error {
			return Claims{DB: db}.View(t.Context(), func(tx claim.Tx) error {
				read, err := tx.Journey("j")
				if err == nil && read.Address != j.Address {
					t.Errorf("the journey's address is %q", read.Address)
				}
				return err
			})
		})
		got["claim code"] = costs(func() error {
			_, err := n.claims.Mint(t.Context(), caller, registrationCode, claim.Binding{})
			return err
		})
		got["application token"] = costs(func() error {
			_, err := n.tokens.Application(t.Context(), w.acme, customer.Origin{})
			return err
		})
		got["code exchange"] = costs(func() (err error) {
			issue, err = n.tokens.Exchange(t.Context(), w.acme, grant.Exchange{Code: text, RedirectURI: "https://example.org/back"}, customer.Origin{})
			return err
		})
		got["refresh"] = costs(func() error {
			_, err := n.tokens.Refresh(t.Context(), w.acme, issue.Refresh, customer.Origin{})
			return err
		})
		got["access"] = costs(func() error {
			_, err := n.tokens.Introspect(t.Context(), w.acme, issue.Refresh)
			return err
		})
		_, premise := premiseOf(t, db)
		recognised := n.tokens.On(premise)
		got["recognised: application token"] = costs(func() error {
			_, err := recognised.Application(t.Context(), w.acme, customer.Origin{})
			return err
		})
		got["recognised: refresh"] = costs(func() (err error) {
			issue, err = recognised.Refresh(t.Context(), w.acme, issue.Refresh, customer.Origin{})
			return err
		})
		got["recognised: introspection"] = costs(func() error {
			_, err := recognised.Introspect(t.Context(), w.acme, issue.Refresh)
			return err
		})
	}
	return got
}

// TestOnePaysForAServerThatLeft: connections whose server has gone without a word, as one does whose machine was restarted, look as good as ever until
// they are used. A change that is sent with its COMMIT then ends unknown; one request learns that, and not one for each connection.
func TestOnePaysForAServerThatLeft(t *testing.T) {
	dsn, w := wired(t, postgresTest(t))
	db := openTest(t, dsn)
	notes(t, db)
	add := func(id int64) error {
		return db.write(t.Context(), func(tx *Tx) error { return noteLater(tx, id, fmt.Sprint(id)) })
	}
	var open, all sync.WaitGroup
	open.Add(writerCount) // each connection is in use at once, and so there are that many
	for id := range int64(writerCount) {
		all.Go(func() {
			once := sync.OnceFunc(func() { open.Done(); open.Wait() })
			if err := db.write(context.Background(), func(tx *Tx) error { once(); return noteLater(tx, id, fmt.Sprint(id)) }); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	w.left.Store(true)
	unanswered := 0
	for id := range int64(2 * writerCount) {
		switch err := add(100 + id); {
		case errors.Is(err, ErrUnavailable):
			unanswered++
		case err != nil:
			t.Error(err)
		}
	}
	if n := countNotes(t, db); unanswered != 1 || n != 3*writerCount-1 {
		t.Errorf("%d were not answered, %d notes; want one and %d", unanswered, n, 3*writerCount-1)
	}
}
