package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/partner"
)

// TestSessionSettingsHold reads back what every session was asked for, and that it is what the code rests on.
func TestSessionSettingsHold(t *testing.T) {
	db := openTest(t, postgresTest(t))
	check := func(kind string, want map[string]string) func(*Tx) error {
		return func(tx *Tx) error {
			for name, value := range want {
				var got string
				if err := tx.get("SELECT current_setting('"+name+"')", nil, &got); err != nil {
					return err
				}
				if got != value {
					t.Errorf("%s: %s is %s, want %s", kind, name, got, value)
				}
			}
			return nil
		}
	}
	always := map[string]string{"transaction_isolation": "repeatable read", "fsync": "on", "full_page_writes": "on", "synchronous_commit": "on",
		"statement_timeout": "10s", "lock_timeout": "5s", "idle_in_transaction_session_timeout": "15s", "TimeZone": "UTC", "jit": "off"}
	must(t, db.write(t.Context(), check("writer", always)))
	must(t, db.read(t.Context(), check("reader", always)))
	must(t, db.write(t.Context(), check("writer", map[string]string{"transaction_read_only": "off"})))
	must(t, db.read(t.Context(), check("reader", map[string]string{"transaction_read_only": "on"})))
}

// TestAServerThatForgetsIsRefused: with these settings a power failure takes back what was answered (I7).
func TestAServerThatForgetsIsRefused(t *testing.T) {
	dsn := postgresTest(t)
	for _, wrong := range []string{"synchronous_commit=off", "default_transaction_read_only=on"} {
		name, value, _ := strings.Cut(wrong, "=")
		db, err := Open(t.Context(), at(t, with(t, dsn, name, value)))
		if err == nil {
			must(t, db.Close())
			t.Errorf("opened with %s", wrong)
			continue
		}
		t.Log(err)
	}
}

// TestNoPasswordIsShown: what goes wrong while connecting is printed and logged (I9).
func TestNoPasswordIsShown(t *testing.T) {
	for _, dsn := range []string{"postgres://latchkey:sesame@127.0.0.1:1/latchkey", "postgres://latchkey:sesame@127.0.0.1:port/latchkey",
		"postgres://latchkey:sesame@127.0.0.1/latchkey?sslmode=wrong"} {
		_, err := Open(t.Context(), at(t, dsn))
		if err == nil || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%v", err)
		}
	}
}

// TestAddressesThatTellHowToAsk: an address may name a way in which pgx puts its questions that a release is built without.
func TestAddressesThatTellHowToAsk(t *testing.T) {
	for _, way := range []string{"exec", "simple_protocol", "cache_describe"} {
		db := openTest(t, with(t, postgresTest(t), "default_query_exec_mode", way))
		notes(t, db)
		must(t, db.write(t.Context(), func(tx *Tx) error { return note(tx, 1, way) }))
		if n := countNotes(t, db); n != 1 {
			t.Errorf("%s: %d notes", way, n)
		}
	}
}

// TestNodesStartTogether: of several nodes that start at once on an empty database one migrates, and all serve.
func TestNodesStartTogether(t *testing.T) {
	dsn := postgresTest(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			db, err := Open(context.Background(), at(t, dsn))
			if err != nil {
				t.Error(err)
				return
			}
			if err := errors.Join(db.Ping(context.Background()), db.Close()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if twice := ask(t, dsn, "SELECT version_id FROM goose_db_version GROUP BY version_id HAVING count(*) > 1"); len(twice) > 0 {
		t.Errorf("migrations ran twice: %v", twice)
	}
}

// named gives the sessions of a DSN a name of their own, and cut ends all sessions of that name but the one that asks.
func named(t testing.TB, dsn string) (renamed string, cut func() int) {
	t.Helper()
	u, err := url.Parse(dsn)
	must(t, err)
	name := "latchkey_" + u.Query().Get("search_path")
	return with(t, dsn, "application_name", name), func() int {
		return len(ask(t, dsn, "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = '"+name+"'"))
	}
}

// TestARestartIsNotSeen: connections that the database has closed meanwhile are replaced, and no request pays for it.
func TestARestartIsNotSeen(t *testing.T) {
	dsn, cut := named(t, postgresTest(t))
	db := openTest(t, dsn)
	notes(t, db)
	id := db.ids.Next
	busy := func() {
		race(t, func(int) error {
			id := id()
			write := note
			if id%2 == 0 {
				write = noteLater // which is sent with its COMMIT
			}
			return errors.Join(db.write(t.Context(), func(tx *Tx) error { return write(tx, id, fmt.Sprint(id)) }),
				db.read(t.Context(), func(tx *Tx) error {
					var n int
					return tx.get("SELECT count(*) FROM note", nil, &n)
				}))
		})
	}
	busy()
	if n := cut(); n < 4 {
		t.Fatalf("only %d connections were cut", n)
	}
	busy()
	if n := countNotes(t, db); n != 2*crowdSize {
		t.Errorf("%d notes, want %d", n, 2*crowdSize)
	}
}

// TestACutInTheMiddleIsRepeated: what was cut before it was asked to commit has changed nothing, so it is run again on another connection;
// nobody pays for it and nothing is there twice.
func TestACutInTheMiddleIsRepeated(t *testing.T) {
	dsn, cut := named(t, postgresTest(t))
	db := openTest(t, dsn)
	notes(t, db)
	once := sync.OnceFunc(func() { cut() })
	must(t, db.change(t.Context(), func(tx *Tx) (audit.Event, error) {
		if err := note(tx, 1, "one"); err != nil {
			return audit.Event{}, err
		}
		once()
		return happened(1), note(tx, 2, "two")
	}))
	once = sync.OnceFunc(func() { cut() })
	var n int
	must(t, db.read(t.Context(), func(tx *Tx) error {
		once()
		return tx.get("SELECT count(*) FROM note", nil, &n)
	}))
	if events := countEvents(t, db); n != 2 || events != 1 {
		t.Errorf("%d notes and %d events, want 2 and 1", n, events)
	}
}

// TestACutInTheMiddleIsTrouble: a connection lost between two statements, each time, is ErrUnavailable, whatever the noun makes of it,
// and nothing of the change is kept.
func TestACutInTheMiddleIsTrouble(t *testing.T) {
	dsn, cut := named(t, postgresTest(t))
	db := openTest(t, dsn)
	notes(t, db)
	err := db.change(t.Context(), func(tx *Tx) (audit.Event, error) {
		first := note(tx, 1, "one")
		cut()
		return happened(1), errors.Join(errors.New("wrong password"), first, note(tx, 2, "two"))
	})
	if !errors.Is(err, ErrUnavailable) || strings.Contains(err.Error(), "wrong password") {
		t.Errorf("write: %v", err)
	}
	err = db.read(t.Context(), func(tx *Tx) error {
		cut()
		var n int
		return tx.get("SELECT count(*) FROM note", nil, &n)
	})
	if !errors.Is(err, ErrUnavailable) {
		t.Errorf("read: %v", err)
	}
	if n, events := countNotes(t, db), countEvents(t, db); n != 0 || events != 0 {
		t.Errorf("%d notes and %d events, want none", n, events)
	}
	must(t, db.write(t.Context(), func(tx *Tx) error { return note(tx, 1, "one") }))
}

// wire stands between the store and the server. When a COMMIT comes along and it is armed, it cuts the connection: before
// the server has seen it, or after the server has answered.
type wire struct {
	net.Listener
	network, address string
	// armed is one of the cuts, cutNothing after it was made.
	armed atomic.Int32
	// trips counts what waits for an answer.
	trips trips
	// left says that the server is not there any more for those who are connected: the next that they say ends the connection.
	left atomic.Bool
	// misheard changes what the server says; nil changes nothing.
	misheard atomic.Pointer[func([]byte) []byte]
}

const (
	cutNothing int32 = iota
	cutBefore
	cutAfter
	// cutSilently leaves the connection open and lets nothing more through.
	cutSilently
)

// wired is a DSN that leads through a wire.
func wired(t testing.TB, dsn string) (string, *wire) {
	t.Helper()
	config, err := pgx.ParseConfig(dsn)
	must(t, err)
	w := &wire{}
	w.network, w.address = pgconn.NetworkAddress(config.Host, config.Port)
	w.Listener, err = net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { w.Close() })
	go func() {
		for {
			near, err := w.Accept()
			if err != nil {
				return
			}
			go w.carry(near)
		}
	}()
	u, err := url.Parse(dsn)
	must(t, err)
	q := u.Query()
	q.Del("host")
	q.Set("sslmode", "disable")
	u.Host, u.RawQuery = w.Addr().String(), q.Encode()
	return u.String(), w
}

func (w *wire) carry(near net.Conn) {
	defer near.Close()
	late := w.left.Load()
	far, err := net.Dial(w.network, w.address)
	if err != nil {
		return
	}
	defer far.Close()
	var deaf atomic.Bool // what the server still says is not passed on
	answered := make(chan struct{})
	go func() {
		defer near.Close()
		buf := make([]byte, 64<<10)
		for {
			n, err := far.Read(buf)
			if err != nil {
				return
			}
			if deaf.Load() {
				close(answered)
				_, _ = io.Copy(io.Discard, far)
				return
			}
			said := buf[:n]
			if change := w.misheard.Load(); change != nil {
				said = (*change)(said)
			}
			if _, err := near.Write(said); err != nil {
				return
			}
		}
	}()
	buf := make([]byte, 64<<10)
	count := w.trips.of()
	for {
		n, err := near.Read(buf)
		if err != nil {
			return
		}
		if count(buf[:n]); w.left.Load() && !late {
			return
		}
		cut := cutNothing
		if bytes.Contains(buf[:n], []byte("COMMIT\x00")) {
			cut = w.armed.Swap(cutNothing)
		}
		switch cut {
		case cutBefore:
			return
		case cutAfter:
			deaf.Store(true)
		case cutSilently:
			_, _ = io.Copy(io.Discard, near)
			return
		}
		if _, err := far.Write(buf[:n]); err != nil {
			return
		}
		if cut == cutAfter {
			<-answered
			return
		}
	}
}

// TestACutCommitIsTrouble: whether a COMMIT whose answer did not come took place is not known. It is ErrUnavailable both
// when it did not happen and when it did, and asking again is safe (I7, I11). The store does not ask again by itself, whatever went with the COMMIT.
func TestACutCommitIsTrouble(t *testing.T) {
	asks := func(tx *Tx) error { var n int; return tx.get("SELECT 1", nil, &n) }
	for name, c := range map[string]struct {
		cut  int32
		kept int
	}{"did not happen": {cutBefore, 0}, "did happen": {cutAfter, 1}, "did not answer": {cutSilently, 0}} {
		for how, add := range map[string]func(tx *Tx) error{
			"written before":  func(tx *Tx) error { return note(tx, 1, "one") },
			"written with it": func(tx *Tx) error { return errors.Join(asks(tx), noteLater(tx, 1, "one")) },
			"nothing before":  func(tx *Tx) error { return noteLater(tx, 1, "one") },
		} {
			t.Run(name+", "+how, func(t *testing.T) {
				// The lock of a node that is cut off without a word lasts as long as the server waits for it.
				dsn, w := wired(t, with(t, postgresTest(t), "idle_in_transaction_session_timeout", "300"))
				db := openTest(t, dsn)
				notes(t, db)
				ctx, end := context.WithTimeout(t.Context(), postgresLimit/20) // only the silent one waits for it
				defer end()
				w.armed.Store(c.cut)
				runs := 0
				add := func(tx *Tx) (audit.Event, error) {
					runs++
					if err := add(tx); errors.Is(err, errTaken) {
						return audit.Event{}, nil // a verb that finds its work done
					} else if err != nil {
						return audit.Event{}, err
					}
					return happened(1), nil
				}
				if err := db.change(ctx, add); !errors.Is(err, ErrUnavailable) || runs != 1 {
					t.Errorf("answer %v after %d runs, want ErrUnavailable after one", err, runs)
				}
				if kept := countNotes(t, db); kept != c.kept {
					t.Errorf("%d notes, want %d: the test does not do what it says", kept, c.kept)
				}
				_ = db.change(t.Context(), add) // a taken key runs again until its last turn
				if n, events := countNotes(t, db), countEvents(t, db); n != 1 || events != 1 {
					t.Errorf("after asking again: %d notes and %d events, want one each", n, events)
				}
			})
		}
	}
}

// TestASwallowedFailureIsNotCommitted: PostgreSQL answers the COMMIT of a failed transaction with success. What waits is not sent then, and least of
// all where no transaction is around it any more.
func TestASwallowedFailureIsNotCommitted(t *testing.T) {
	db := openTest(t, postgresTest(t))
	notes(t, db)
	for _, swallowed := range []string{"SELECT 1/0", "ROLLBACK"} {
		err := db.write(t.Context(), func(tx *Tx) error {
			must(t, note(tx, 1, "one"))
			err := tx.conn.link.run(t.Context(), swallowed)
			_ = err // swallowed on purpose, past the Tx
			return noteLater(tx, 2, "two")
		})
		if !errors.Is(err, ErrUnavailable) || countNotes(t, db) != 0 {
			t.Errorf("%s: answer %v, %d notes; want ErrUnavailable and none", swallowed, err, countNotes(t, db))
		}
	}
}

// TestACommitThatIsRefused: a foreign key that is only checked at COMMIT.
func TestACommitThatIsRefused(t *testing.T) {
	db := openTest(t, postgresTest(t))
	notes(t, db)
	must(t, db.write(t.Context(), func(tx *Tx) error {
		_, err := tx.exec("CREATE TABLE child (note BIGINT REFERENCES note (id) DEFERRABLE INITIALLY DEFERRED)")
		return err
	}))
	err := db.write(t.Context(), func(tx *Tx) error {
		must(t, note(tx, 1, "one"))
		_, err := tx.exec("INSERT INTO child VALUES (99)")
		return err
	})
	if !errors.Is(err, ErrUnavailable) || countNotes(t, db) != 0 {
		t.Errorf("answer %v, %d notes; want ErrUnavailable and none", err, countNotes(t, db))
	}
	must(t, db.write(t.Context(), func(tx *Tx) error { return note(tx, 1, "one") }))
}

// TestTwoThatLockEachOther: each has a row that the other wants. One is chosen to run again, and both get through.
func TestTwoThatLockEachOther(t *testing.T) {
	db := openTest(t, postgresTest(t))
	notes(t, db)
	must(t, db.write(t.Context(), func(tx *Tx) error { return errors.Join(note(tx, 1, "one"), note(tx, 2, "two")) }))
	met := make(chan struct{}, 2)
	var both sync.WaitGroup
	both.Add(2)
	var runs atomic.Int32
	add := func(first, second int64) error {
		once := true
		return db.write(context.Background(), func(tx *Tx) error {
			runs.Add(1)
			if err := tx.expect("UPDATE note SET version = version + 1 WHERE id = $1", first); err != nil {
				return err
			}
			if once {
				once = false
				met <- struct{}{}
				both.Done()
				both.Wait()
			}
			return tx.expect("UPDATE note SET version = version + 1 WHERE id = $1", second)
		})
	}
	answers := make(chan error, 2)
	go func() { answers <- add(1, 2) }()
	go func() { answers <- add(2, 1) }()
	for range 2 {
		must(t, <-answers)
	}
	var sum int
	must(t, db.read(t.Context(), func(tx *Tx) error { return tx.get("SELECT sum(version)::bigint FROM note", nil, &sum) }))
	if sum != 6 || runs.Load() < 3 {
		t.Errorf("versions add up to %d after %d runs, want 6 after 3", sum, runs.Load())
	}
}

// TestWaitingForAConnectionEndsWithTheContext: every connection is in use by changes that take long.
func TestWaitingForAConnectionEndsWithTheContext(t *testing.T) {
	db := openTest(t, postgresTest(t))
	var begun, done sync.WaitGroup
	hold := make(chan struct{})
	for range writerCount {
		begun.Add(1)
		done.Go(func() {
			if err := db.write(context.Background(), func(*Tx) error { begun.Done(); <-hold; return nil }); err != nil {
				t.Error(err)
			}
		})
	}
	begun.Wait()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ran := false
	err := db.write(ctx, func(*Tx) error { ran = true; return nil })
	if !errors.Is(err, ErrUnavailable) || !errors.Is(err, context.Canceled) || ran {
		t.Errorf("answer %v, ran %t", err, ran)
	}
	closed := make(chan error)
	go func() { closed <- db.Close() }()
	for !db.writers.closing.Load() {
		yield()
	}
	close(hold) // and those under way finish before the database closes
	done.Wait()
	must(t, <-closed)
}

// TestATextThatNoRowCanHold: PostgreSQL refuses to look for it, and a stranger must not get a 503 for a client id.
func TestATextThatNoRowCanHold(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		for _, text := range []string{"a\x00b", "a\xffb"} {
			must(t, db.write(t.Context(), func(tx *Tx) error {
				if _, err := tx.PartnerByClient(text); !errors.Is(err, partner.ErrUnknown) {
					t.Errorf("client %q: %v", text, err)
				}
				return tx.SavePartner(&partner.Partner{ID: partner.ID(tx.db.ids.Next()), ClientID: fmt.Sprintf("%q", text), Class: partner.Classic})
			}))
		}
	})
}

// TestBehindExcludes: a token that is issued on what stood behind it, while that changes, is issued anew on what stands then (I2), whether that was
// asked for or read along with the code. Where it was only read along, as for a stranger who is refused, nothing is excluded and nothing runs again.
func TestBehindExcludes(t *testing.T) {
	db := openTest(t, postgresTest(t))
	withAccount(t, db, owner, "owner@example.org")
	code := grant.Code{ID: 71, Account: owner, Digest: []byte("d")}
	must(t, db.write(t.Context(), func(tx *Tx) error { return tx.SaveCode(&code) }))
	for i, c := range []struct {
		foresees, asks bool
		runs           int
	}{{false, true, 2}, {true, true, 2}, {true, false, 1}} {
		var seen []int64
		must(t, db.write(t.Context(), func(tx *Tx) error {
			tx.foresees = c.foresees
			_, err := tx.Code(71)
			must(t, err)
			var a customer.Account
			if c.asks {
				a, _, err = tx.Behind(grant.Token{Account: owner})
				must(t, err)
			}
			if seen = append(seen, a.Epoch); len(seen) == 1 {
				must(t, db.write(t.Context(), func(other *Tx) error {
					a, err := other.Account(owner)
					a.Epoch++
					return errors.Join(err, other.SaveAccount(&a))
				}))
			}
			return tx.SaveToken(&grant.Token{ID: grant.TokenID(80 + i), Account: owner, Epoch: a.Epoch, Access: []byte("a")})
		}))
		if len(seen) != c.runs || c.runs == 2 && seen[1] != seen[0]+1 {
			t.Errorf("%+v: ran on epochs %v", c, seen)
		}
	}
}
