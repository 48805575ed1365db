package store

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/audit"
	"github.com/latchkey-id/latchkey/internal/claim"
	"github.com/latchkey-id/latchkey/internal/customer"
	"github.com/latchkey-id/latchkey/internal/grant"
	"github.com/latchkey-id/latchkey/internal/limit"
	"github.com/latchkey-id/latchkey/internal/partner"
	"github.com/latchkey-id/latchkey/internal/secret"
)

const crowdSize = 64

// race runs fn in 64 goroutines at once and counts the calls that returned nil. Other errors must be one of those given.
func race(t *testing.T, fn func(i int) error, allowed ...error) (won int64) {
	t.Helper()
	var wins atomic.Int64
	var wg sync.WaitGroup
	gate := make(chan struct{})
	for i := range crowdSize {
		wg.Go(func() {
			<-gate
			err := fn(i)
			if err == nil {
				wins.Add(1)
				return
			}
			for _, want := range allowed {
				if errors.Is(err, want) {
					return
				}
			}
			t.Errorf("call %d: %v", i, err)
		})
	}
	close(gate)
	wg.Wait()
	return wins.Load()
}

// TestOneOfManyWins: 64 at once change the same row from the same state; one gets through (I1, I2, I5).
func TestOneOfManyWins(t *testing.T) {
	errUsed := errors.New("used already")
	now := time.UnixMilli(1_800_000_000_000).UTC()
	eachEngine(t, func(t *testing.T, db *DB) {
		withAccount(t, db, owner, "owner@example.org")
		must(t, db.write(t.Context(), func(tx *Tx) error {
			must(t, tx.SaveCode(&grant.Code{ID: 1, Digest: []byte("d")}))
			return tx.SaveClaimCode(&claim.Code{ID: 1, Account: owner, Digest: []byte("d"), State: claim.Minted})
		}))
		won := race(t, func(int) error {
			return db.change(t.Context(), func(tx *Tx) (audit.Event, error) {
				c, err := tx.Code(1)
				if err != nil {
					return audit.Event{}, err
				}
				if !c.RedeemedAt.IsZero() {
					return happened(1), errUsed
				}
				c.RedeemedAt = now
				return happened(1), tx.SaveCode(&c)
			})
		}, errUsed)
		if won != 1 {
			t.Errorf("%d redeemed one authorization code", won)
		}
		if events := countEvents(t, db); events != crowdSize {
			t.Errorf("%d events, want %d: each refusal has one too", events, crowdSize)
		}
		// The same with a value that was read in another transaction: the version alone decides.
		var read claim.Code
		must(t, db.read(t.Context(), func(tx *Tx) (err error) { read, err = tx.ClaimCode(1); return err }))
		won = race(t, func(int) error {
			return db.write(t.Context(), func(tx *Tx) error {
				c := read
				c.State = claim.Spent
				return tx.SaveClaimCode(&c)
			})
		}, ErrConflict)
		if won != 1 {
			t.Errorf("%d spent one claim code", won)
		}
	})
}

// TestTriesAtOnce: 64 guesses at once get no more tries than 64 in a row.
func TestTriesAtOnce(t *testing.T) {
	now := time.UnixMilli(1_800_000_000_000).UTC()
	key := limit.NewKey(limit.KindPassword, "a", "192.0.2.0/24")
	eachEngine(t, func(t *testing.T, db *DB) {
		won := race(t, func(int) error {
			return db.write(t.Context(), func(tx *Tx) error { return limit.Spend(tx, key, now) })
		}, limit.ErrExceeded)
		if want := int64(key.Kind.Rule().Free); won != want {
			t.Errorf("%d tries were allowed, want %d", won, want)
		}
	})
}

// TestAnAddressIsOneAccounts is design 10.1: unique among claimed accounts, and among the pending ones of each partner.
func TestAnAddressIsOneAccounts(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		make := func(id customer.AccountID, creator partner.ID, state customer.State, email string) error {
			return db.write(t.Context(), func(tx *Tx) error {
				return tx.SaveAccount(&customer.Account{ID: id, Creator: creator, State: state, Email: email})
			})
		}
		won := race(t, func(i int) error {
			return make(customer.AccountID(100+i), 1, customer.Pending, "Mira.Kade@Example.org")
		}, customer.ErrAddressTaken)
		if won != 1 {
			t.Errorf("%d pending accounts of one partner for one address", won)
		}
		must(t, make(200, 2, customer.Pending, "mira.kade@example.org")) // another partner's copy
		must(t, make(201, 1, customer.Pending, "mira.kade+1@example.org"))
		if err := make(202, 2, customer.Pending, "MIRA.KADE@example.org"); !errors.Is(err, customer.ErrAddressTaken) {
			t.Errorf("another spelling: %v", err)
		}
		// Two pending copies race to the commit: one becomes the owner's, the other meets the existing account (E10).
		must(t, make(203, 3, customer.Pending, "mira.kade@example.org"))
		won = race(t, func(i int) error {
			return db.write(t.Context(), func(tx *Tx) error {
				a, err := tx.Account(customer.AccountID(200 + 3*(i%2)))
				if err != nil {
					return err
				}
				if a.State == customer.Claimed {
					return customer.ErrStale
				}
				a.State = customer.Claimed
				return tx.SaveAccount(&a)
			})
		}, customer.ErrAddressTaken, customer.ErrStale)
		if won != 1 {
			t.Errorf("%d claimed accounts for one address", won)
		}
		must(t, db.read(t.Context(), func(tx *Tx) error {
			a, err := tx.ClaimedAccount("mira.kade@EXAMPLE.org")
			if a.Email != "mira.kade@example.org" {
				t.Errorf("found %q", a.Email)
			}
			return err
		}))
		must(t, make(204, 4, customer.Closed, "mira.kade@example.org")) // what is over holds no address
	})
}

func TestClientIDsAreUnique(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		won := race(t, func(i int) error {
			return db.write(t.Context(), func(tx *Tx) error {
				return tx.SavePartner(&partner.Partner{ID: partner.ID(i + 1), ClientID: "acme", Class: partner.Classic})
			})
		}, partner.ErrTaken)
		if won != 1 {
			t.Errorf("%d partners with one client id", won)
		}
	})
}

// TestTwoDigestKeys: while a rotation is under way, old rows are found, and no address gets a second account.
func TestTwoDigestKeys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	db := openTest(t, path)
	key := limit.NewKey(limit.KindPassword, "a")
	reply := customer.Reply{ID: 1, Account: owner, Endpoint: "e", Key: "k", Request: []byte("r"), Body: []byte("b"), At: time.UnixMilli(1000).UTC()}
	withAccount(t, db, owner, "owner@example.org")
	must(t, db.write(t.Context(), func(tx *Tx) error {
		must(t, tx.SaveReply(reply))
		must(t, tx.SavePartner(&partner.Partner{ID: 5, ClientID: "acme", Class: partner.Classic}))
		must(t, tx.BlockAddress(5, "blocked@example.org", time.UnixMilli(5000)))
		return tx.SaveTries(key, limit.Tries{Count: 3, Total: 3})
	}))
	must(t, db.Close())

	old := bytes.Repeat([]byte{0}, 32)
	for i := range old {
		old[i] = byte(i + 1)
	}
	keys, err := secret.NewKeys(map[int][]byte{1: old, 2: secret.GenerateMaster()})
	must(t, err)
	db, err = Open(t.Context(), Options{Path: path, Keys: keys, Now: time.Now})
	must(t, err)
	defer db.Close()
	must(t, db.write(t.Context(), func(tx *Tx) error {
		a, err := tx.PendingAccount(5, "owner@example.org")
		if err != nil || a.ID != owner {
			t.Errorf("account under the old key: %v %v", a.ID, err)
		}
		if tries, err := tx.Tries(key); err != nil || tries.Count != 3 {
			t.Errorf("tries under the old key: %v %v", tries, err)
		}
		if p, tries, err := tx.PartnerAsking("acme", key); err != nil || p.ID != 5 || tries.Count != 3 {
			t.Errorf("tries beside a partner, under the old key: %v %v %v", p.ID, tries, err)
		}
		if _, found, err := tx.Reply(reply, time.UnixMilli(2000)); err != nil || !found {
			t.Errorf("reply under the old key: %t %v", found, err)
		}
		if blocked, err := tx.Blocked(5, "blocked@example.org", time.UnixMilli(2000)); err != nil || !blocked {
			t.Errorf("block under the old key: %t %v", blocked, err)
		}
		err = tx.SaveAccount(&customer.Account{ID: 99, Creator: 5, State: customer.Pending, Email: "owner@example.org"})
		if !errors.Is(err, customer.ErrAddressTaken) {
			t.Errorf("a second account across keys: %v", err)
		}
		return tx.SaveAccount(&a) // now under the new key
	}))
	must(t, db.write(t.Context(), func(tx *Tx) error {
		a, err := tx.PendingAccount(5, "owner@example.org")
		if err == nil && a.ID != owner {
			t.Errorf("found %v", a.ID)
		}
		return err
	}))
}

// TestAMissingKeyIsTrouble: the operator lost a master key, or a row was moved: 503, and never "no such account" (I11).
func TestAMissingKeyIsTrouble(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	db := openTest(t, path)
	withAccount(t, db, owner, "owner@example.org")
	// Even where the check at start has nothing to compare with.
	must(t, db.write(t.Context(), func(tx *Tx) error { _, err := tx.exec("DELETE FROM master_key"); return err }))
	must(t, db.Close())
	keys, err := secret.NewKeys(map[int][]byte{2: secret.GenerateMaster()})
	must(t, err)
	db, err = Open(t.Context(), Options{Path: path, Keys: keys, Now: time.Now})
	must(t, err)
	defer db.Close()
	err = db.read(t.Context(), func(tx *Tx) error {
		_, err := tx.Account(owner)
		_ = err // swallowed on purpose
		return customer.ErrNoAccount
	})
	if !errors.Is(err, ErrUnavailable) || errors.Is(err, customer.ErrNoAccount) {
		t.Errorf("answer %v, want ErrUnavailable alone", err)
	}
}

// TestASealedValueIsBoundToItsRow: whoever can write to the file but has no keys cannot give one account another's
// password or app by copying the sealed column.
func TestASealedValueIsBoundToItsRow(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		withAccount(t, db, owner, "owner@example.org")
		withAccount(t, db, owner+1, "thief@example.org")
		for _, column := range []string{"credentials", "contact", "wrapped_key"} {
			err := db.write(t.Context(), func(tx *Tx) error {
				if _, err := tx.exec("UPDATE account SET "+column+" = (SELECT "+column+" FROM account WHERE id = $2) WHERE id = $1",
					owner, owner+1); err != nil {
					return err
				}
				_, err := tx.Account(owner)
				return err
			})
			if !errors.Is(err, ErrUnavailable) || !errors.Is(err, secret.ErrSeal) {
				t.Errorf("%s copied from another account: %v, want ErrSeal", column, err)
			}
		}
	})
}

// TestErasedAccount: without its key an account can be read, has nothing personal, and takes nothing personal any more.
func TestErasedAccount(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		withAccount(t, db, owner, "owner@example.org")
		must(t, db.write(t.Context(), func(tx *Tx) error {
			must(t, tx.SaveProfile(&customer.Profile{ID: 1, Account: owner, Details: filled[customer.Details](t)}))
			_, err := tx.exec("UPDATE account SET wrapped_key = NULL WHERE id = $1", owner)
			return err
		}))
		must(t, db.read(t.Context(), func(tx *Tx) error {
			a, err := tx.Account(owner)
			must(t, err)
			profiles, err := tx.Profiles(owner)
			must(t, err)
			if a.Email != "" || len(profiles) != 1 || len(profiles[0].Details.Values) != 0 {
				t.Errorf("read %v and %v", a, profiles)
			}
			return nil
		}))
		err := db.write(t.Context(), func(tx *Tx) error { return tx.SaveProfile(&customer.Profile{ID: 2, Account: owner}) })
		if err == nil {
			t.Error("a profile was written for an erased account")
		}
	})
}

// TestARisenEpochEndsStoredReplies is part of I2: what the partner's earlier requests were answered is not answered again.
func TestARisenEpochEndsStoredReplies(t *testing.T) {
	now := time.UnixMilli(1_800_000_000_000).UTC()
	eachEngine(t, func(t *testing.T, db *DB) {
		a := withAccount(t, db, owner, "owner@example.org")
		reply := customer.Reply{ID: 1, Partner: 5, Account: owner, Endpoint: "e", Key: "k", Request: []byte("r"), Body: []byte("b"), At: now}
		found := func(key customer.Reply, at time.Time) (found bool) {
			must(t, db.read(t.Context(), func(tx *Tx) (err error) { _, found, err = tx.Reply(key, at); return err }))
			return found
		}
		must(t, db.write(t.Context(), func(tx *Tx) error { return tx.SaveReply(reply) }))
		if !found(reply, now) || found(reply, now.Add(customer.ReplyLife)) || !found(reply, now.Add(customer.ReplyLife-time.Millisecond)) {
			t.Error("a reply is not found for exactly its life")
		}
		for name, other := range map[string]customer.Reply{
			"partner":  {Partner: 6, Account: owner, Endpoint: "e", Key: "k"},
			"account":  {Partner: 5, Account: owner + 1, Endpoint: "e", Key: "k"},
			"endpoint": {Partner: 5, Account: owner, Endpoint: "f", Key: "k"},
			"key":      {Partner: 5, Account: owner, Endpoint: "e", Key: "l"},
		} {
			if found(other, now) {
				t.Errorf("another %s finds the reply", name)
			}
		}
		must(t, db.write(t.Context(), func(tx *Tx) (err error) {
			if a, err = tx.Account(owner); err != nil {
				return err
			}
			a.Epoch++
			return tx.SaveAccount(&a)
		}))
		if found(reply, now) {
			t.Error("a reply of before the commit is found after it")
		}
		reply.ID = 2
		must(t, db.write(t.Context(), func(tx *Tx) error { return tx.SaveReply(reply) })) // the key is free again
		if !found(reply, now) {
			t.Error("the new reply is not found")
		}
	})
}

// TestNoMailNoWrite: while no mail is due, looking for some takes no turn of the writer.
func TestNoMailNoWrite(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		now := time.UnixMilli(1_800_000_000_000)
		must(t, db.write(t.Context(), func(tx *Tx) error { return tx.QueueMail(customer.Mail{ID: 7, To: "owner@example.org", At: now}) }))
		for at, want := range map[time.Time]int{now.Add(-time.Second): 0, now: 1} {
			before := db.commits.Load()
			due, err := Mails{db}.NextMails(t.Context(), at, time.Minute, 5)
			if wrote := db.commits.Load() > before; err != nil || len(due) != want || wrote != (want > 0) {
				t.Errorf("%d mails, want %d, written %t: %v", len(due), want, wrote, err)
			}
		}
	})
}

// TestNextMailsHandsEachOutOnce: 64 ask at once; the lease keeps a mail from all others until it runs out.
func TestNextMailsHandsEachOutOnce(t *testing.T) {
	now := time.UnixMilli(1_800_000_000_000).UTC()
	eachEngine(t, func(t *testing.T, db *DB) {
		must(t, db.write(t.Context(), func(tx *Tx) error {
			for i := range int64(20) {
				must(t, tx.QueueMail(customer.Mail{ID: i + 1, At: now}))
			}
			return tx.QueueMail(customer.Mail{ID: 21, At: now.Add(time.Millisecond)}) // not due yet
		}))
		var mu sync.Mutex
		taken := map[int64]int{}
		take := func(at time.Time) {
			race(t, func(int) error {
				mails, err := Mails{db}.NextMails(t.Context(), at, time.Minute, 3)
				mu.Lock()
				defer mu.Unlock()
				for _, m := range mails {
					taken[m.ID]++
				}
				return err
			})
		}
		take(now)
		if len(taken) != 20 {
			t.Errorf("%d mails were handed out, want 20", len(taken))
		}
		take(now.Add(time.Minute)) // whoever had them died
		for id, n := range taken {
			if want := 2; id != 21 && n != want || id == 21 && n != 1 {
				t.Errorf("mail %d was handed out %d times", id, n)
			}
		}
	})
}

// TestNothingPlainLies writes every noun with planted words in each text and looks for them in the raw files (I9). What
// may lie in plain is named below; all else must not.
func TestNothingPlainLies(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		dir := t.TempDir()
		db := openTest(t, filepath.Join(dir, "test.db"))
		plant(t, db)
		look := func(when string) {
			for _, suffix := range []string{"", "-wal", "-shm"} {
				raw, err := os.ReadFile(filepath.Join(dir, "test.db"+suffix))
				if errors.Is(err, os.ErrNotExist) {
					continue
				}
				must(t, err)
				if at := bytes.Index(raw, []byte(canary)); at >= 0 {
					t.Errorf("%s: %q lies plain in test.db%s", when, fmt.Sprintf("%.60s", raw[at:]), suffix)
				}
				if suffix == "-wal" && when == "open" && !strings.Contains(string(raw), "endpoint") {
					t.Error("the test does not look where the rows are")
				}
			}
		}
		look("open")
		must(t, db.Close())
		look("closed")
	})
	t.Run("postgres", func(t *testing.T) {
		dsn := ownCluster(t) // other tests write the planted words where they may lie plain
		plant(t, openTest(t, dsn))
		found := false
		for _, table := range ask(t, dsn, "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()") {
			for _, row := range ask(t, dsn, "SELECT r::text FROM "+table+" r") {
				found = found || strings.Contains(row, "endpoint")
				// Bytes are printed as hexadecimal digits.
				if strings.Contains(row, canary) || strings.Contains(row, fmt.Sprintf("%x", canary)) {
					t.Errorf("a planted word lies plain in %s: %.200s", table, row)
				}
			}
		}
		if !found {
			t.Error("the test does not look where the rows are")
		}
		lookAtFiles(t, dsn)
	})
}

// lookAtFiles looks at what PostgreSQL writes into its directory: tables, indices, its log of what to write, and what it puts down
// for a moment. Pages and the log hold long values compressed; what is sealed does not compress, so that the words would still be seen.
func lookAtFiles(t *testing.T, dsn string) {
	t.Helper()
	ask(t, dsn, "CHECKPOINT")
	dir, found := ask(t, dsn, "SELECT current_setting('data_directory')")[0], false
	must(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		raw, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) { // it goes on working
			return nil
		}
		found = found || bytes.Contains(raw, []byte("a reply of the test"))
		for _, word := range []string{canary, fmt.Sprintf("%x", canary), base64.StdEncoding.EncodeToString([]byte(canary))[:8]} {
			if at := bytes.Index(raw, []byte(word)); at >= 0 {
				t.Errorf("%q lies plain in %s", fmt.Sprintf("%.60s", raw[at:]), path)
			}
		}
		return err
	}))
	if !found {
		t.Errorf("the test does not look where the rows are: %s", dir)
	}
}

func plant(t *testing.T, db *DB) {
	t.Helper()
	withAccount(t, db, owner, canary+".owner@example.org")
	must(t, db.write(t.Context(), func(tx *Tx) error {
		a := filled[customer.Account](t)
		a.ID, a.Version, a.State, a.Hold, a.Registration = owner+1, 0, customer.Pending, "", []byte("digest")
		must(t, tx.SaveAccount(&a))
		profile := filled[customer.Profile](t)
		profile.Account, profile.Version, profile.PublicID, profile.Kind = owner, 0, "public", customer.KindBusiness
		profile.Verification.By = customer.ByOperator
		must(t, tx.SaveProfile(&profile))
		person := filled[customer.Representative](t)
		person.Account, person.Version = owner, 0
		must(t, tx.SaveRepresentative(&person))
		file := filled[customer.File](t)
		file.Account, file.Purpose, file.Media = owner, "ID_PROOF", "image/png"
		must(t, saveFile(tx, file))
		j := filled[claim.Journey](t)
		j.Account, j.Version, j.Text, j.Method, j.Decision, j.Language, j.EndedReason = owner, 0, "text", "app", "", "en", ""
		must(t, tx.SaveJourney(&j))
		c := filled[claim.Code](t)
		c.Account, c.Version, c.State, c.Digest = owner, 0, claim.Minted, []byte("digest")
		must(t, tx.SaveClaimCode(&c))
		must(t, tx.QueueMail(filled[customer.Mail](t)))
		r := filled[customer.Reply](t)
		r.Account, r.Endpoint, r.Request = owner, "endpoint: a reply of the test", []byte("digest")
		must(t, tx.SaveReply(r))
		must(t, tx.BlockAddress(1, canary+"@example.org", time.UnixMilli(1)))
		return tx.SaveTries(limit.NewKey(limit.KindPassword, canary+"@example.org"), limit.Tries{})
	}))
}
