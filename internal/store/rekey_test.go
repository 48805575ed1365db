package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/secret"
)

// eachPlace is eachEngine for tests that open the database by themselves, several times or as several nodes.
func eachPlace(t *testing.T, test func(t *testing.T, place string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, filepath.Join(t.TempDir(), "test.db")) })
	t.Run("postgres", func(t *testing.T) { test(t, postgresTest(t)) })
}

// ringOf are keys of versions, each the same in every call.
func ringOf(t testing.TB, versions ...int) *secret.Keys {
	t.Helper()
	keys, err := secret.NewKeys(mastersOf(versions...))
	must(t, err)
	return keys
}

func mastersOf(versions ...int) map[int][]byte {
	masters := map[int][]byte{}
	for _, version := range versions {
		master := make([]byte, 32)
		for i := range master {
			master[i] = byte(version*40 + i)
		}
		masters[version] = master
	}
	return masters
}

// hands is a clock that a test moves.
type hands struct{ ms atomic.Int64 }

func newHands() *hands {
	h := &hands{}
	h.ms.Store(1_800_000_000_000)
	return h
}

func (h *hands) now() time.Time { return time.UnixMilli(h.ms.Load()).UTC() }

func (h *hands) move(by time.Duration) { h.ms.Add(by.Milliseconds()) }

// openWith opens a place with keys and a clock; beside is another process's view of a file.
func openWith(t testing.TB, place string, keys *secret.Keys, h *hands, beside bool) (*DB, error) {
	t.Helper()
	o := at(t, place)
	o.Keys, o.Now, o.Beside = keys, h.now, beside
	return Open(t.Context(), o)
}

func opened(t testing.TB, place string, keys *secret.Keys, h *hands) *DB {
	t.Helper()
	db, err := openWith(t, place, keys, h, false)
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	return db
}

// rekeyAll has everything rewritten.
func rekeyAll(t testing.TB, db *DB) (rewritten int) {
	t.Helper()
	for {
		n, err := db.Rekey(t.Context())
		must(t, err)
		rewritten += n
		if n == 0 {
			return rewritten
		}
	}
}

func sealedUnder(t testing.TB, db *DB, version int) MasterKey {
	t.Helper()
	list, err := db.MasterKeys(t.Context())
	must(t, err)
	i := slices.IndexFunc(list, func(k MasterKey) bool { return k.Version == version })
	if i < 0 {
		t.Fatalf("no master key %d: %+v", version, list)
	}
	return list[i]
}

func found(t testing.TB, db *DB, email string) (a customer.Account) {
	t.Helper()
	must(t, db.read(t.Context(), func(tx *Tx) (err error) {
		a, err = tx.ClaimedAccount(email)
		return err
	}))
	return a
}

func claimed(t testing.TB, db *DB, id customer.AccountID, email string) error {
	t.Helper()
	return db.change(t.Context(), func(tx *Tx) (audit.Event, error) { return happened(int64(id)), tx.saveClaimed(id, email) })
}

func (tx *Tx) saveClaimed(id customer.AccountID, email string) error {
	keys := tx.db.keys
	a := customer.Account{ID: id, Creator: 5, State: customer.Claimed, Epoch: 1, Email: email,
		Credentials: customer.Credentials{Recovery: []customer.RecoveryCode{{Digest: keys.Digest(secret.PurposeRecovery, "code"), Version: keys.DigestVersion()}}}}
	return tx.SaveAccount(&a)
}

// people are accounts with numbers from the first on, written at once.
func people(t testing.TB, db *DB, first customer.AccountID, count int, name string) {
	t.Helper()
	must(t, db.change(t.Context(), func(tx *Tx) (audit.Event, error) {
		for n := range count {
			if err := tx.saveClaimed(first+customer.AccountID(n), fmt.Sprintf("%s%d@example.org", name, n)); err != nil {
				return audit.Event{}, err
			}
		}
		return happened(int64(first)), nil
	}))
}

// TestMasterKeyRotates is the whole life of a rotation while serving: the key is added, comes into use at its moment, everything is
// put under it, the old one is dropped, and nothing that was made under it is lost.
func TestMasterKeyRotates(t *testing.T) {
	eachPlace(t, func(t *testing.T, place string) {
		h := newHands()
		keys := ringOf(t, 1)
		db := opened(t, place, keys, h)
		people(t, db, 1000, 120, "person")
		must(t, db.write(t.Context(), func(tx *Tx) error {
			return errors.Join(tx.QueueMail(customer.Mail{ID: 7, To: "waits@example.org", Code: "123456", At: h.now()}),
				tx.BlockAddress(5, "blocked@example.org", h.now().Add(day)),
				tx.SaveTries(limit.NewKey(limit.KindPassword, "7"), limit.Tries{Count: 3, Total: 3, LastAt: h.now()}))
		}))
		must(t, keys.Add(mastersOf(2)))
		must(t, db.AddMasterKey(t.Context(), 2, h.now()))
		if err := db.AddMasterKey(t.Context(), 2, h.now()); !errors.Is(err, ErrOldVersion) {
			t.Errorf("made known twice: %v", err)
		}
		h.move(KeyNotice - time.Millisecond)
		must(t, claimed(t, db, 2000, "before@example.org"))
		if k := sealedUnder(t, db, 1); k.Accounts != 121 || !k.Seals || k.Mails != 1 {
			t.Errorf("a millisecond before it comes into use: %+v", k)
		}
		h.move(time.Millisecond)
		must(t, claimed(t, db, 2001, "after@example.org"))
		if k := sealedUnder(t, db, 2); k.Accounts != 1 || !k.Seals {
			t.Errorf("when it comes into use: %+v", k)
		}
		bothMeanwhile(t, db)
		if n, err := db.Rekey(t.Context()); n != 0 || err != nil {
			t.Errorf("rewritten while others may write under the old key: %d, %v", n, err)
		}
		h.move(keySettles)
		if n := rekeyAll(t, db); n != 122 {
			t.Errorf("%d rows rewritten, want 121 accounts and a mail", n)
		}
		if k := sealedUnder(t, db, 1); k.Accounts != 0 || k.Mails != 0 || !k.Unused.Equal(h.now()) {
			t.Errorf("the old key when nothing is under it: %+v", k)
		}
		bothMeanwhile(t, db)
		afterTheDrop(t, place, h, db)
	})
}

// bothMeanwhile: accounts of both keys are found, and neither address can be had once more.
func bothMeanwhile(t *testing.T, db *DB) {
	t.Helper()
	for email, id := range map[string]customer.AccountID{"person7@example.org": 1007, "before@example.org": 2000, "after@example.org": 2001} {
		if a := found(t, db, email); a.ID != id || a.Email != email {
			t.Errorf("%s: found %d", email, a.ID)
		}
		if err := claimed(t, db, 3000, email); !errors.Is(err, customer.ErrAddressTaken) {
			t.Errorf("%s: a second account: %v", email, err)
		}
	}
}

// afterTheDrop opens the data with the new key alone.
func afterTheDrop(t *testing.T, place string, h *hands, before *DB) {
	t.Helper()
	_, err := before.Chain().Seal(t.Context(), true)
	must(t, err)
	must(t, before.Close())
	if _, err := openWith(t, place, ringOf(t, 1), h, false); !errors.Is(err, ErrWrongKey) {
		t.Errorf("opened with the old key alone: %v", err)
	}
	keys := ringOf(t, 2)
	db := opened(t, place, keys, h)
	bothMeanwhile(t, db)
	a := found(t, db, "person7@example.org")
	digest, err := keys.DigestWith(a.Credentials.Recovery[0].Version, secret.PurposeRecovery, "code")
	if err != nil || a.Credentials.Recovery[0].Version != 1 || !secret.Equal(digest, a.Credentials.Recovery[0].Digest) {
		t.Errorf("a recovery code of the old key: %v", err)
	}
	must(t, db.read(t.Context(), func(tx *Tx) error {
		blocked, err := tx.Blocked(5, "blocked@example.org", h.now())
		tries, err2 := tx.Tries(limit.NewKey(limit.KindPassword, "7"))
		if !blocked || tries.Count != 3 {
			t.Errorf("a block %v and tries %+v of the old key", blocked, tries)
		}
		return errors.Join(err, err2)
	}))
	mails, err := Mails{db}.Mails(t.Context(), 5)
	if err != nil || len(mails) != 1 || mails[0].Code != "123456" {
		t.Errorf("the mail that waited: %v, %v", mails, err)
	}
	if report, err := db.Chain().Verify(t.Context(), audit.Link{}); err != nil || report.Unkeyed != 0 || report.Checked < 7 {
		t.Errorf("the audit after it: %+v, %v", report, err)
	}
}

// TestDroppedTooEarly: while anything is sealed under a key, the data does not open without it.
func TestDroppedTooEarly(t *testing.T) {
	eachPlace(t, func(t *testing.T, place string) {
		h := newHands()
		db := opened(t, place, ringOf(t, 1, 2), h)
		must(t, claimed(t, db, 1, "mira@example.org"))
		must(t, db.Close())
		for _, versions := range [][]int{{1}, {2}} {
			if _, err := openWith(t, place, ringOf(t, versions...), h, false); !errors.Is(err, ErrWrongKey) {
				t.Errorf("new data takes all it is given, and opened with %v: %v", versions, err)
			}
		}
	})
}

// TestNodeWithoutTheKey: a node that does not have the key works until it comes into use. From then on it answers that it is unavailable
// and nothing else, whatever it is asked, until it gets the key; and the error says what is missing (I11).
func TestNodeWithoutTheKey(t *testing.T) {
	eachPlace(t, func(t *testing.T, place string) {
		h := newHands()
		full, poor := ringOf(t, 1, 2), ringOf(t, 1)
		db := opened(t, place, ringOf(t, 1), h)
		must(t, claimed(t, db, 1, "mira@example.org"))
		must(t, db.Close())
		db = opened(t, place, full, h)
		node, err := openWith(t, place, poor, h, true)
		must(t, err)
		t.Cleanup(func() { must(t, node.Close()) })
		must(t, db.AddMasterKey(t.Context(), 2, h.now()))
		h.move(KeyNotice - time.Second)
		must(t, claimed(t, node, 2, "early@example.org"))
		h.move(time.Second)
		must(t, claimed(t, db, 3, "late@example.org"))
		h.move(keySettles)
		rekeyAll(t, db)
		for name, ask := range map[string]func() error{
			"sign in, account known before": func() error {
				return node.read(t.Context(), func(tx *Tx) error { _, err := tx.ClaimedAccount("mira@example.org"); return err })
			},
			"sign up":  func() error { return claimed(t, node, 4, "late@example.org") },
			"readyz":   func() error { return node.Ping(t.Context()) },
			"one more": func() error { return node.Ping(t.Context()) },
		} {
			err := ask()
			if !errors.Is(err, ErrUnavailable) || !errors.Is(err, ErrWrongKey) || !strings.Contains(err.Error(), "version 2 is missing; add its line to the key file") {
				t.Errorf("%s: %v", name, err)
			}
		}
		must(t, poor.Add(mastersOf(2)))
		if a := found(t, node, "mira@example.org"); a.ID != 1 {
			t.Errorf("with the key: %d", a.ID)
		}
		if _, err := openWith(t, place, ringOf(t, 1), h, true); !errors.Is(err, ErrWrongKey) {
			t.Errorf("a node that starts without it: %v", err)
		}
		wrong, err := secret.NewKeys(map[int][]byte{1: mastersOf(1)[1], 2: mastersOf(5)[5]})
		must(t, err)
		if _, err := openWith(t, place, wrong, h, true); !errors.Is(err, ErrWrongKey) || !strings.Contains(err.Error(), "version 2 differs") {
			t.Errorf("a node with another key of that version: %v", err)
		}
	})
}

// TestOneAddressAcrossTheRotation: two nodes whose clocks differ by two seconds stand on both sides of the moment at which the new key comes
// into use, and give one address to many accounts at once. One gets it (design 10.29), though their digests differ.
func TestOneAddressAcrossTheRotation(t *testing.T) {
	place := postgresTest(t)
	slow, fast := newHands(), newHands()
	nodes := []*DB{opened(t, place, ringOf(t, 1), slow)}
	must(t, nodes[0].keys.Add(mastersOf(2)))
	nodes = append(nodes, opened(t, place, ringOf(t, 1, 2), fast))
	must(t, nodes[0].AddMasterKey(t.Context(), 2, slow.now()))
	for _, node := range nodes { // both look within half a minute
		slow.move(keysReread)
		fast.move(keysReread)
		must(t, node.Ping(t.Context()))
	}
	slow.ms.Store(1_800_000_000_000 + KeyNotice.Milliseconds() - 1000)
	fast.ms.Store(1_800_000_000_000 + KeyNotice.Milliseconds() + 1000)
	for _, node := range nodes {
		must(t, node.Ping(t.Context()))
	}
	if a, b := nodes[0].keys.DigestVersion(), nodes[1].keys.DigestVersion(); a != 1 || b != 2 {
		t.Fatalf("the nodes use %d and %d: the test does not test what it says", a, b)
	}
	for round := range 12 {
		email := fmt.Sprintf("wanted%d@example.org", round)
		won := race(t, func(i int) error { return claimed(t, nodes[i%2], customer.AccountID(round*1000+i+1), email) }, customer.ErrAddressTaken, ErrUnavailable)
		if won != 1 {
			t.Fatalf("round %d: %d accounts got the address", round, won)
		}
	}
}

// TestRekeyBesideWork: nothing that is written while rows are rewritten is lost, and two nodes may do it at once.
func TestRekeyBesideWork(t *testing.T) {
	eachPlace(t, func(t *testing.T, place string) {
		h := newHands()
		db := opened(t, place, ringOf(t, 1), h)
		people(t, db, 1, 60, "p")
		must(t, db.keys.Add(mastersOf(2)))
		must(t, db.AddMasterKey(t.Context(), 2, h.now()))
		h.move(KeyNotice + keySettles)
		must(t, db.Ping(t.Context()))
		var all sync.WaitGroup
		all.Go(func() {
			for {
				if n, err := db.Rekey(context.Background()); n == 0 || err != nil {
					return
				}
			}
		})
		for n := range 60 {
			all.Go(func() {
				if err := db.change(context.Background(), func(tx *Tx) (audit.Event, error) {
					a, err := tx.Account(customer.AccountID(n + 1))
					if err != nil {
						return audit.Event{}, err
					}
					a.Email = fmt.Sprintf("moved%d@example.org", n)
					return happened(int64(a.ID)), tx.SaveAccount(&a)
				}); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		rekeyAll(t, db)
		for n := range 60 {
			if a := found(t, db, fmt.Sprintf("moved%d@example.org", n)); a.ID != customer.AccountID(n+1) {
				t.Errorf("account %d is lost", n+1)
			}
		}
		if k := sealedUnder(t, db, 1); k.Accounts != 0 || k.Unused.IsZero() {
			t.Errorf("%+v", k)
		}
	})
}

// TestRekeyGoesOn: a process that ends in the middle leaves rows of both keys, all readable; the next one finishes. A row that does
// not open keeps its key in use and holds no other back.
func TestRekeyGoesOn(t *testing.T) {
	eachPlace(t, func(t *testing.T, place string) {
		h := newHands()
		db := opened(t, place, ringOf(t, 1), h)
		people(t, db, 1, 110, "p")
		must(t, db.keys.Add(mastersOf(2)))
		must(t, db.AddMasterKey(t.Context(), 2, h.now()))
		h.move(KeyNotice + keySettles)
		must(t, db.Ping(t.Context()))
		ids, err := db.olderRows(t.Context(), "SELECT id FROM account WHERE id > $1 ORDER BY id LIMIT $2", 0, rekeyRows)
		must(t, err)
		n, err := db.rewrapAccounts(t.Context(), ids)
		must(t, err)
		must(t, db.Close())
		db = opened(t, place, ringOf(t, 1, 2), h)
		if old, young := sealedUnder(t, db, 1).Accounts, sealedUnder(t, db, 2).Accounts; n != rekeyRows || old != 110-rekeyRows || young != rekeyRows {
			t.Errorf("in the middle: %d and %d", old, young)
		}
		for _, n := range []int{0, 109} {
			if a := found(t, db, fmt.Sprintf("p%d@example.org", n)); a.ID != customer.AccountID(n+1) {
				t.Errorf("p%d is lost in the middle", n)
			}
		}
		must(t, db.write(t.Context(), func(tx *Tx) error {
			_, err := tx.exec("UPDATE account SET wrapped_key = $2 WHERE id = $1", 100, []byte("\x02\x00\x01 which is no key, but as long as one that was wrapped would be"))
			return err
		}))
		if n := rekeyAll(t, db); n != 110-rekeyRows-1 {
			t.Errorf("%d rewritten, want all but one", n)
		}
		if k := sealedUnder(t, db, 1); k.Accounts != 1 || !k.Unused.IsZero() {
			t.Errorf("with a row that does not open: %+v", k)
		}
		must(t, db.write(t.Context(), func(tx *Tx) error { return tx.EraseAccount(100) }))
		h.move(rekeyAgain)
		rekeyAll(t, db)
		if k := sealedUnder(t, db, 1); k.Accounts != 0 || k.Unused.IsZero() {
			t.Errorf("after it went: %+v", k)
		}
	})
}
